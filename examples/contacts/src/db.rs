//! Which database it is, and how it is opened. Nothing else in the application names one.

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use orm_core::{Error, Result, TransactionOptions};

/// Of the databases whose features are on the one that the address names
pub type Connection = crate::OrmConnection;
pub type Environment = orm_core::Environment<Connection>;
pub type Pool = diesel::r2d2::Pool<ConnectionManager<Connection>>;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

/// A pool over the database at an address, whose tables are there and up to date
///
/// # Errors
///
/// Those of the database, and of a migration that it refuses.
pub fn open(address: &str) -> Result<Pool> {
    let manager = Connection::manager(address)?;
    let pool = Pool::builder().connection_customizer(Box::new(Pragmas)).build(manager)?;
    let mut connection = pool.get()?;
    let migrations = match &*connection {
        Connection::Sqlite(_) => SQLITE,
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => POSTGRES,
        #[cfg(feature = "mysql")]
        Connection::Mysql(_) => MYSQL,
    };
    let migrated = connection.run_pending_migrations(migrations).map(drop);
    migrated.map_err(|error| Error::other(error.to_string()))?;
    drop(connection);
    Ok(pool)
}

/// The environment of one request or job
///
/// In a debug build a loop that cannot be batched is an error that names its line.
pub fn environment(pool: Pool) -> Environment {
    let builder = Environment::builder().pool(pool);
    if cfg!(debug_assertions) { builder.strict().build() } else { builder.build() }
}

/// For transactions that read before they write: on SQLite these take the lock at their beginning, as they would have to be begun again
/// if somebody else wrote in between.
pub fn reads_then_writes(env: &Environment) -> TransactionOptions {
    let options = TransactionOptions::new();
    if env.database_system() == "SQLite" { options.immediate() } else { options }
}

/// What SQLite has to be told on each connection
#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<Connection, diesel::r2d2::Error> for Pragmas {
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), allow(irrefutable_let_patterns))]
    fn on_acquire(&self, connection: &mut Connection) -> std::result::Result<(), diesel::r2d2::Error> {
        let pragmas = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON";
        let Connection::Sqlite(connection) = connection else { return Ok(()) };
        connection.batch_execute(pragmas).map_err(diesel::r2d2::Error::QueryError)
    }
}
