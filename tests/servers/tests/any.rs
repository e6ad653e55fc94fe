//! One program, all three databases: the address says which. (Most tests of behaviour are run over such a connection too: `.ci/run`.)
#![cfg(all(feature = "postgres", feature = "mysql"))]
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr
)]

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::backend::Backend;
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::r2d2::Pool;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use orm_core::prelude::*;
use orm_core::{AnyConnection, Error, TransactionOptions, ViolationKind};
use tempfile::TempDir;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
diesel::table! {
    partners { id -> Integer, name -> Text, credit -> Double, state -> Text, country_id -> Nullable<Integer>, version -> Integer }
}
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
diesel::joinable!(partners -> countries (country_id));
diesel::allow_tables_to_appear_in_same_query!(partners, countries);

/// A type of the application's own, for whatever database
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
enum State {
    New,
    Known,
}

impl<DB: Backend> FromSql<Text, DB> for State
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(value)?.as_str() {
            "new" => Ok(Self::New),
            "known" => Ok(Self::Known),
            other => Err(format!("there is no state {other}").into()),
        }
    }
}

impl<DB: Backend> ToSql<Text, DB> for State
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        match self {
            Self::New => "new",
            Self::Known => "known",
        }
        .to_sql(out)
    }
}

macro_rules! models {
    ($connection:ty) => {
        #[derive(Model)]
        #[model(table = countries, connection = $connection)]
        struct Country {
            id: i32,
            name: String,
            code: String,
            #[model(inverse = Partner::COUNTRY_ID)]
            partner_ids: OneToMany<Partner>,
        }

        #[derive(Model)]
        #[model(connection = $connection)]
        struct Partner {
            id: i32,
            name: String,
            credit: f64,
            state: State,
            country_id: Option<Id<Country>>,
            #[model(version)]
            version: i32,
            #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
            tag_ids: ManyToMany<Tag>,
        }

        #[derive(Model)]
        #[model(connection = $connection)]
        struct Tag {
            id: i32,
            name: String,
        }
    };
}
models!(AnyConnection);

const TABLES: &str = "
    CREATE TABLE countries (id NEW_KEY, name VARCHAR(100) NOT NULL, code VARCHAR(10) NOT NULL UNIQUE);
    CREATE TABLE partners (id NEW_KEY, name VARCHAR(100) NOT NULL, credit DOUBLE PRECISION NOT NULL DEFAULT 0,
        state VARCHAR(10) NOT NULL DEFAULT 'new', country_id INTEGER, version INTEGER NOT NULL,
        FOREIGN KEY (country_id) REFERENCES countries (id));
    CREATE TABLE tags (id NEW_KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE partner_tags (partner_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (partner_id, tag_id));
";

/// A database of a test's own
struct Database {
    system: &'static str,
    address: String,
    /// What removes it, and where
    gone: Option<(String, String)>,
    folder: TempDir,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, sql)) = &self.gone
            && let Err(error) = run(server, sql)
        {
            eprintln!("`{sql}` was refused: {error}");
        }
    }
}

fn run(address: &str, sql: &str) -> Outcome {
    Ok(AnyConnection::connect(address)?.batch_execute(sql)?)
}

/// The databases that answer, each with the tables
fn all() -> Outcome<Vec<Database>> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut all = Vec::new();
    for system in ["SQLite", "PostgreSQL", "MySQL"] {
        let name = format!("any_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir()?;
        let of =
            |variable: &str, otherwise: &str| std::env::var(variable).unwrap_or_else(|_| otherwise.into());
        let (server, made, gone, address) = match system {
            "SQLite" => {
                let address = format!("sqlite://{}", folder.path().join("any.db").display());
                all.push(Database { system, address, gone: None, folder });
                continue;
            }
            "PostgreSQL" => {
                let server = of("ORM_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test");
                let address = format!("{server}?options=-csearch_path%3D{name}");
                (server, format!("CREATE SCHEMA {name}"), format!("DROP SCHEMA {name} CASCADE"), address)
            }
            _ => {
                let server = of("ORM_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test");
                let address = format!("{}/{name}", server.rsplit_once('/').ok_or("an address")?.0);
                (server, format!("CREATE DATABASE {name}"), format!("DROP DATABASE {name}"), address)
            }
        };
        if let Err(error) = run(&server, &made) {
            let feature = if system == "MySQL" { "mysql" } else { "postgres" };
            let required = std::env::var("ORM_TEST_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|it| it.trim() == feature),
                "ORM_TEST_REQUIRE names {feature}: {error}"
            );
            let _ = std::io::stderr().write_all(format!("\nnot tried: {system} ({error})\n").as_bytes());
            continue;
        }
        all.push(Database { system, address, gone: Some((server, gone)), folder });
    }
    for Database { system, address, .. } in &all {
        let key = match *system {
            "SQLite" => "INTEGER PRIMARY KEY",
            "PostgreSQL" => "INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            _ => "INTEGER PRIMARY KEY AUTO_INCREMENT",
        };
        run(address, &TABLES.replace("NEW_KEY", key))?;
    }
    Ok(all)
}

/// Statements' texts
type Told = Arc<Mutex<Vec<String>>>;

/// An environment, and what its connection is sent but for what begins and ends transactions
fn told(address: &str) -> Outcome<(Environment<AnyConnection>, Told)> {
    let mut connection = AnyConnection::connect(address)?;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&sent);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let control = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
            let sql = query.to_string().replace(['`', '"'], "");
            if !control.iter().any(|word| sql.starts_with(word)) {
                log.lock().unwrap().push(sql);
            }
        }
    });
    let env = Environment::builder().connection(connection).build();
    sent.lock().unwrap().clear();
    Ok((env, sent))
}

#[test]
fn statements_are_those_that_each_does_best_with() -> Outcome {
    for database in all()? {
        let (name, address) = (database.system, &*database.address);
        let (env, sent) = told(address)?;
        let take = || std::mem::take(&mut *sent.lock().unwrap());
        assert_eq!(env.database_system(), name);
        let made = env.create_many((0..3).map(|n| Country::values().name("x").code(format!("C{n}"))))?;
        let inserts = take();
        let returns = inserts[0].contains("RETURNING id");
        assert_eq!(returns, name != "MySQL", "{name}: {inserts:?}");
        assert_eq!((made.ids().len(), made.code()?), (3, vec!["C0".into(), "C1".into(), "C2".into()]));

        // Keys that follow each other are a range on SQLite, all are one bind on PostgreSQL, one each on MySQL.
        let ids = made.ids();
        env.cache().clear();
        let some = env.browse::<Country>([ids[0], ids[2]]);
        assert_eq!(some.name()?, ["x", "x"]);
        let select = take().concat();
        let how = match name {
            "SQLite" => "json_each(",
            "PostgreSQL" => "= ANY($1)",
            _ => "IN (?, ?)",
        };
        assert!(select.contains(how), "{name}: {select}");

        env.transaction(|| {
            made.iter().try_for_each(|country| country.set_name(format!("Country {}", country.id())))
        })?;
        let update = take().concat();
        let how = if name == "MySQL" { "CASE" } else { "FROM (VALUES" };
        assert!(update.contains(how), "{name}: {update}");
        assert_eq!(update.contains("FOR NO KEY UPDATE"), name == "PostgreSQL", "{name}: {update}");

        env.upsert(Country::CODE, Country::values().name("y").code("C1"))?;
        let upsert = take().concat();
        let how = if name == "MySQL" { "ON DUPLICATE KEY UPDATE" } else { "ON CONFLICT (code) DO UPDATE" };
        assert!(upsert.contains(how), "{name}: {upsert}");
        assert_eq!(env.one::<Country>(countries::code.eq("C1"))?.name()?, "y");
        take();

        env.transaction(|| {
            made.lock()?;
            Ok(())
        })?;
        let locked = take().concat();
        let how = if name == "SQLite" { "UPDATE countries" } else { "FOR UPDATE" };
        assert!(locked.contains(how), "{name}: {locked}");
    }
    Ok(())
}

#[test]
fn the_same_work_gives_the_same_everywhere() -> Outcome {
    for database in all()? {
        let (name, address) = (database.system, &*database.address);
        // By a pool, which has to be asked which database it is
        let pool = Pool::builder().max_size(4).build(AnyConnection::manager(address)?)?;
        let env = Environment::<AnyConnection>::new(pool.clone());
        assert_eq!(env.database_system(), name);
        let (belgium, _) = env.transaction(|| {
            let belgium = env.create(Country::values().name("Belgium").code("BE"))?;
            let tags = env.create_many(["a", "b"].map(|name| Tag::values().name(name)))?;
            for n in 0..20 {
                let partner = Partner::values().name(format!("Partner {n:02}")).credit(1.5 * f64::from(n));
                let partner = env.create(partner.state(State::Known).country_id(&belgium))?;
                partner.tag_ids().add(&tags)?;
            }
            Ok((belgium, tags))
        })?;
        assert_eq!(belgium.partner_ids().len()?, 20, "{name}");

        let env = Environment::<AnyConnection>::new(pool.clone());
        let found = partners::table
            .inner_join(countries::table)
            .filter(
                countries::code
                    .eq("BE")
                    .and(partners::name.like("Partner 1%"))
                    .or(partners::id.eq_any([1, 2])),
            )
            .order(partners::name.desc())
            .limit(12);
        let found: RecordSet<Partner> = found.records(&env)?;
        assert_eq!((found.len(), env.stats().queries), (12, 1), "{name}");
        for partner in &found {
            assert_eq!(partner.state()?, State::Known);
            assert_eq!(partner.country_id().name()?.as_deref(), Some("Belgium"));
            assert_eq!(partner.tag_ids().name()?, ["a", "b"]);
        }
        assert_eq!(env.stats().queries, 3, "{name}");
        assert_eq!(env.all::<Country>()?.partner_ids().sum(Partner::CREDIT)?, 1.5 * 190.0, "{name}");

        // A savepoint is undone alone.
        let first = found.first().ok_or("there is one")?;
        env.transaction(|| {
            first.set_name("Azure")?;
            let refused: Result<(), Error> = env.transaction(|| {
                first.set_credit(-1.0)?;
                Err(Error::other("no"))
            });
            assert!(refused.is_err());
            first.set_state(State::New)
        })?;
        env.cache().clear();
        assert_eq!((first.name()?, first.credit()?, first.state()?), ("Azure".into(), 28.5, State::New));

        // Somebody else was faster.
        let other = Environment::<AnyConnection>::new(pool.clone());
        other.record::<Partner>(first.id()).set_name("Gemini")?;
        let late = first.set_name("Deco").unwrap_err();
        assert!(late.is_conflict(), "{name}: {late}");

        // What is wrong with it is told alike.
        let twice = env.create(Country::values().name("x").code("BE")).unwrap_err();
        let violation = twice.violation().ok_or_else(|| format!("{name}: {twice:?}"))?;
        assert_eq!(violation.kind, ViolationKind::Unique, "{name}: {twice}");
        assert!(violation.is_of(Country::CODE) && !violation.is_of(Country::NAME), "{name}: {violation:?}");
        assert!(env.record::<Partner>(999).name().unwrap_err().is_missing_record());

        found.delete()?;
        assert_eq!(partners::table.count_records::<Partner>(&env)?, 8, "{name}");
        assert_eq!(env.record::<Country>(belgium.id()).partner_ids().load()?.len(), 8, "{name}");
    }
    Ok(())
}

#[test]
fn who_waits_too_long_for_a_lock_is_told_so() -> Outcome {
    for database in all()? {
        let (name, address) = (database.system, &*database.address);
        let holder = Environment::<AnyConnection>::connect(address)?;
        let waiter = Environment::<AnyConnection>::connect(address)?;
        let country = holder.create(Country::values().name("x").code("X"))?;
        let options = TransactionOptions::new().lock_timeout(Duration::from_millis(50));
        holder.transaction(|| {
            country.lock()?;
            country.set_name("y")?;
            holder.flush()?;
            let refused =
                waiter.transaction_with(options, || waiter.record::<Country>(country.id()).set_name("z"));
            let refused = refused.unwrap_err();
            assert!(refused.is_retryable() || refused.is_timeout(), "{name}: {refused}");
            Ok(())
        })?;
        waiter.record::<Country>(country.id()).set_name("z")?;
        country.refresh()?;
        assert_eq!(country.name()?, "z", "{name}");
        // What one of them does not have is an error on that one alone.
        let immediate = waiter.transaction_with(TransactionOptions::new().immediate(), || Ok(()));
        assert_eq!(immediate.is_ok(), name == "SQLite", "{name}");
    }
    Ok(())
}

#[test]
fn the_error_is_that_of_the_database_which_the_address_names() {
    let error = |url: &str| match AnyConnection::connect(url) {
        Ok(_) => "none".to_owned(),
        Err(error) => error.to_string(),
    };
    let refused = error("postgres://me:s3cret@127.0.0.1:1/db");
    assert!(refused.contains("PostgreSQL") && refused.contains("127.0.0.1"), "{refused}");
    assert!(!refused.contains("s3cret"), "{refused}");
    let refused = error("mysql://me:s3cret@127.0.0.1:1/db");
    assert!(refused.contains("MySQL") && !refused.contains("s3cret"), "{refused}");
    let refused = error("sqlite:///no/such/folder/a.db");
    assert!(refused.contains("SQLite") && refused.contains("unable to open"), "{refused}");
    let refused = error("oracle://me:s3cret@127.0.0.1/db");
    assert!(
        refused.contains("oracle://") && refused.contains("mysql://") && !refused.contains("s3cret"),
        "{refused}"
    );
    let pool = AnyConnection::manager("postgres://me:s3cret@127.0.0.1:1/db").unwrap_err().to_string();
    assert!(pool.contains("PostgreSQL"), "{pool}");
}

/// An application's own `MultiConnection`
mod of_the_application {
    use super::*;

    #[derive(diesel::MultiConnection)]
    pub enum AppConnection {
        Postgres(PgConnection),
        Sqlite(SqliteConnection),
    }
    orm_core::multi_connection!(AppConnection { Postgres(PgConnection), Sqlite(SqliteConnection) });

    models!(AppConnection);

    #[test]
    fn it_can_be_used_as_ours_is() -> Outcome {
        for database in all()?.into_iter().filter(|database| database.system != "MySQL") {
            let (name, address) = (database.system, &*database.address);
            let env = Environment::<AppConnection>::connect(address)?;
            assert_eq!(env.database_system(), name);
            let country = env.create(Country::values().name("Belgium").code("BE"))?;
            env.create_many((0..5).map(|n| Partner::values().name(format!("P{n}")).country_id(&country)))?;
            env.cache().clear();
            let partners = env.all::<Partner>()?;
            assert_eq!(partners.country_id().code()?, ["BE"]);
            assert_eq!(partners.state()?, [State::New; 5]);
            // Within a transaction of the application's own, by diesel
            let mut connection = env.into_connection().ok_or("its own")?;
            connection.transaction(|connection| {
                Environment::over(connection, |env| env.all::<Partner>()?.set_name("all"))?;
                let named =
                    partners::table.filter(partners::name.eq("all")).count().get_result::<i64>(connection)?;
                assert_eq!(named, 5, "{name}");
                Ok::<(), Error>(())
            })?;
        }
        Ok(())
    }
}
