//! Which database it is, and how it is opened. Nothing else in the application names one.

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use orm_core::{Error, Result, TransactionOptions};

pub type Connection = diesel::SqliteConnection;
pub type Environment = orm_core::Environment<Connection>;
pub type Pool = diesel::r2d2::Pool<ConnectionManager<Connection>>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// A pool over the database at an address, whose tables are there and up to date
///
/// # Errors
///
/// Those of the database, and of a migration that it refuses.
pub fn open(address: &str) -> Result<Pool> {
    let manager = ConnectionManager::new(address);
    let pool = Pool::builder().connection_customizer(Box::new(Pragmas)).build(manager)?;
    let migrated = pool.get()?.run_pending_migrations(MIGRATIONS).map(drop);
    migrated.map_err(|error| Error::other(error.to_string()))?;
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
pub fn reads_then_writes() -> TransactionOptions {
    TransactionOptions::new().immediate()
}

/// What SQLite has to be told on each connection
#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<Connection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut Connection) -> std::result::Result<(), diesel::r2d2::Error> {
        let pragmas = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON";
        connection.batch_execute(pragmas).map_err(diesel::r2d2::Error::QueryError)
    }
}
