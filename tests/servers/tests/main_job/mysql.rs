//! What is MySQL's and MariaDB's own

use diesel::prelude::*;

use crate::Server;
use crate::place::Places;
use crate::place::of_servers::*;

/// A place of its own
type Place = crate::place::Place<Db>;

#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "../../../tests/schemas/a_link_leads_where_the_database_says.rs"]
mod a_link_leads_where_the_database_says;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "aggregates.rs"]
mod aggregates;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "breaking.rs"]
mod breaking;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "deciding.rs"]
mod deciding;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "deleting.rs"]
mod deleting;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "failing.rs"]
mod failing;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "fetching.rs"]
mod fetching;
#[allow(clippy::duplicate_mod, reason = "the models are of one backend each")]
#[path = "job.rs"]
mod job;
mod keys_as_they_are_stored;
mod keys_that_the_database_gives;
mod limits;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "load.rs"]
mod load;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "locking.rs"]
mod locking;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "../../../tests/schemas/one_struct_serves_diesel_too.rs"]
mod one_struct_serves_diesel_too;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "one_to_one.rs"]
mod one_to_one;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "pairs.rs"]
mod pairs;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "../../../tests/schemas/random_steps_equal_a_plain_map.rs"]
mod random_steps_equal_a_plain_map;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "../../../tests/schemas/random_steps_of_two_environments.rs"]
mod random_steps_of_two_environments;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "rounding.rs"]
mod rounding;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "shop.rs"]
mod shop;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "stamps.rs"]
mod stamps;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "tables.rs"]
mod tables;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "truth.rs"]
mod truth;
mod types;
mod types_that_fit;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "upserts.rs"]
mod upserts;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "violations.rs"]
mod violations;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "walking.rs"]
mod walking;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "writing.rs"]
mod writing;
mod written_types;

pub type Db = MysqlConnection;

impl Places for MysqlConnection {
    fn server() -> &'static Server {
        &crate::MYSQL
    }

    fn create(name: &str) -> String {
        format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")
    }

    fn drop(name: &str) -> String {
        format!("DROP DATABASE IF EXISTS {name}")
    }

    fn lock(name: &str) -> String {
        format!("SELECT GET_LOCK('{name}', 60)")
    }

    fn address(server: &str, name: &str) -> String {
        // The path of mysql://user:password@host:port/path?options is the database.
        let (server, options) = server
            .split_once('?')
            .map_or((server, String::new()), |(server, options)| (server, format!("?{options}")));
        let (scheme, rest) = server.split_once("://").unwrap_or(("mysql", server));
        let host = rest.split('/').next().unwrap_or_default();
        format!("{scheme}://{host}/{name}{options}")
    }
}

/// The SQL of a connection's number, and of what ends the connection of a number
pub const CONNECTION: &str = "connection_id()";
pub fn terminate(connection: i64) -> String {
    format!("KILL {connection}")
}

/// A key that the database gives where none is given
pub const NEW_KEYS: &str = "INTEGER PRIMARY KEY AUTO_INCREMENT";

/// A type of text keys that does not tell letters by their case, and the SQL that makes it
pub const CASELESS: (&str, &str) = ("VARCHAR(20)", "");

/// The first bind in SQL of one's own
pub const BIND: &str = "?";

/// What `CAST` calls 64 bits
pub const INTEGER: &str = "SIGNED";

/// How many statements this connection has prepared
pub const PREPARED: &str = "SELECT CAST(variable_value AS SIGNED) AS number FROM information_schema.session_status WHERE variable_name = 'Com_stmt_prepare'";

/// A bind for each key, their number rounded up to a power of two: for batches of 2 to 1000 keys 2, 4, 8 … 1024
pub const STATEMENTS_FOR_BATCHES: i64 = 10;

/// Addresses that lead nowhere; the password must not be told.
pub const BAD_ADDRESSES: &[&str] = &[
    "mysql://somebody:s3cret@127.0.0.1:1/test",
    "mysql://somebody:s3cret@no-such-host.invalid/test",
    "mysql://somebody:s3cret@127.0.0.1:not-a-port/test",
    "postgres://somebody:s3cret@127.0.0.1/test",
    "somebody:s3cret@127.0.0.1",
    "mysql://somebody:12#s3cret@127.0.0.1:1/test",
    "mysql://somebody:12/s3cret@127.0.0.1:1/test",
    "mysql://somebody:pa@s3cret@127.0.0.1:1/test",
    "mysql://somebody:pa%zzs3cret@127.0.0.1:1/test",
    "mysql://somebody:s3cret@[::1/test",
    "mysql://somebody:s3cret@127.0.0.1:1/test?ssl_mode=s3cret",
    "mysql://somebody:s3cret@127.0.0.1:3306/test",
];

/// A key that the database gives
pub const SERIAL_KEY: &str = "INTEGER AUTO_INCREMENT PRIMARY KEY";
/// A column of a date and a time
pub const MOMENT: &str = "DATETIME";
/// Who has to wait for a lock fails.
pub const NO_WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 1";

/// How many statements tell the keys of the rows of an INSERT
pub const ASKED_FOR_KEYS: usize = 1;

/// How many statements look for rows that may have been there already
pub const LOOKED_UP: usize = 1;
/// The number of copies that was given for a row that is there
pub const GIVEN_COPIES: &str = "VALUES(copies)";

/// How many statements look at the rows of a model with a version before they are written
pub const LOOKED_AT_ROWS: usize = 1;

/// What an UPDATE of distinct values has in it
pub const DISTINCT: &str = " = CASE WHEN partners.id IN (?, ?, ";

/// A statement that waits a second for a lock and no longer, and what is said then
pub const LOCK_TIMEOUT: &str = "SET innodb_lock_wait_timeout = 1";
/// A trigger that writes what is seen of items to a table of its own
pub const SEES_ITEMS: &str = "CREATE TRIGGER sees AFTER INSERT ON items FOR EACH ROW
    INSERT INTO seen VALUES (NEW.id, NEW.amount, NULLIF(NEW.amount, 0))";
pub const IS_MYSQL: bool = true;
/// Whether the value of a link that leads nowhere is said
pub const SAYS_MISSING_TARGET: bool = false;
pub const LOCK_TIMEOUT_NOW: &str = "SELECT CAST(@@innodb_lock_wait_timeout AS INTEGER) AS number";
/// What `ANALYZE` wants to be told
pub const ANALYZED: &str = "TABLE partners";
pub const TIMED_OUT: &str = "Lock wait timeout exceeded";

/// Makes room for long names
pub const LONG_NAMES: &str = "ALTER TABLE partners MODIFY name LONGTEXT NOT NULL";

/// Makes a foreign key one that is looked at when a transaction ends, where there are such
pub const REFUSED_AT_COMMIT: &str = "SELECT 1";

/// The transactions of a connection may read, and nothing else; or all again.
pub const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
pub const READ_WRITE: &str = "SET SESSION TRANSACTION READ WRITE";

/// A view whose hundred rows take a second, a statement that stops those that take half of that, and one that does not
pub const SLOW_VIEW: &str = "CREATE ALGORITHM = MERGE VIEW slow_accounts AS SELECT id, SLEEP(0.01) + amount = 1 AS slow FROM accounts";
pub const STATEMENT_TIMEOUT: &str = "SET max_statement_time = 0.5";
pub const NO_TIMEOUT: &str = "SET max_statement_time = 0";

/// Statements that end the transaction that they are sent in
pub const ENDING: &[&str] = &[
    "COMMIT",
    "ROLLBACK",
    "COMMIT AND CHAIN",
    "COMMIT; BEGIN",
    "ROLLBACK; BEGIN",
    "TRUNCATE TABLE accounts",
    "CREATE TABLE made (id INTEGER)",
];

/// Whether the open transaction is serializable: of one that is, plain reads lock
pub const ISOLATION_SEEN: &str = "SELECT COUNT(*) AS number FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = connection_id() AND trx_isolation_level = 'SERIALIZABLE'";

/// What an address ends with whose connection anybody can read
pub const NOT_ENCRYPTED: &str = "";

/// Takes longer than it may
pub const SLEEP: &str = "SELECT SLEEP(1)";

/// MySQL commits before it looks whether it can do it.
#[test]
fn a_statement_that_commits_and_then_fails_says_both() -> crate::place::Outcome {
    use orm_core::Error;
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(shop::Partner::values().name("Azure"))?;
    let told = env.transaction(|| {
        azure.set_name("before")?;
        let failed = env.execute(diesel::sql_query("TRUNCATE TABLE nowhere"));
        assert!(matches!(failed, Err(Error::TransactionEnded { .. })), "{failed:?}");
        failed.map(drop)
    });
    let error = told.err().ok_or("there is no such table")?;
    let text = error.to_string();
    assert!(text.contains("has ended the open transaction") && text.contains("nowhere"), "{text}");
    assert!(matches!(error, Error::TransactionEnded { commits: true, failed: Some(_), .. }), "{error:?}");
    assert_eq!(
        (azure.name()?.as_str(), place.environment()?.all::<shop::Partner>()?.name()?),
        ("before", vec!["before".into()])
    );
    Ok(())
}

#[test]
fn with_autocommit_off_a_write_outside_of_a_transaction_is_committed() -> crate::place::Outcome {
    use diesel::connection::SimpleConnection;
    use shop::schema::partners;
    let Some((place, _, _)) = shop::open()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute("SET autocommit = 0")?;
    let env = orm_core::Environment::builder().connection(connection).build();
    let mut other = place.connect()?;
    let mut name = || partners::table.select(partners::name).first::<String>(&mut other);
    let azure = env.create(shop::Partner::values().name("Azure"))?;
    assert_eq!(name()?, "Azure");
    azure.set_name("by a setter")?;
    assert_eq!(name()?, "by a setter");
    env.execute(diesel::update(partners::table).set(partners::name.eq("by a statement")))?;
    assert_eq!(name()?, "by a statement");
    env.with_connection(|connection| {
        Ok(diesel::update(partners::table).set(partners::name.eq("by hand")).execute(connection)?)
    })?;
    assert_eq!(name()?, "by hand");
    // Turned off later, by hand; what fails is not committed.
    env.with_connection(|connection| Ok(connection.batch_execute("SET autocommit = 1")?))?;
    azure.set_name("on again")?;
    let failed = env.with_connection(|connection| {
        connection.batch_execute("SET autocommit = 0; UPDATE partners SET name = 'lost'")?;
        Err::<(), _>(orm_core::Error::other("in the middle"))
    });
    assert!(failed.is_err());
    azure.set_name("in the end")?;
    drop(env);
    assert_eq!(name()?, "in the end");
    Ok(())
}

/// Whether REPEATABLE READ refuses to write what others have written since
pub const SNAPSHOTS_REFUSE: bool = false;
/// A transaction of diesel's own with an isolation level
pub fn transaction_by_hand(
    connection: &mut Db,
    isolation: orm_core::Isolation,
    _: bool,
    f: impl FnOnce(&mut Db) -> QueryResult<()>,
) -> QueryResult<()> {
    let level = match isolation {
        orm_core::Isolation::Serializable => "SERIALIZABLE",
        orm_core::Isolation::RepeatableRead => "REPEATABLE READ",
        _ => "READ COMMITTED",
    };
    diesel::sql_query(format!("SET TRANSACTION ISOLATION LEVEL {level}")).execute(connection)?;
    connection.transaction(f)
}
/// What has to be done by hand before the connection is used again: a cached SELECT that has failed half-way never returns
pub fn after_a_refusal(connection: &mut Db) {
    connection.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
    connection.set_prepared_statement_cache_size(diesel::connection::CacheSize::Unbounded);
}
