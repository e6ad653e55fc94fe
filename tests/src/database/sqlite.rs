//! A SQLite file

use diesel::connection::{Connection as _, SimpleConnection};
use tempfile::TempDir;

/// The connection of the tests
#[cfg(not(feature = "any"))]
pub type Db = diesel::SqliteConnection;
/// The connection of the tests
#[cfg(feature = "any")]
pub type Db = orm_core::AnyConnection;
/// diesel's backend of it
pub type Backend = <Db as diesel::Connection>::Backend;

/// What a connection of the tests is told
pub(super) const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF";

/// Has a connection see to it that links lead to rows.
pub const ENFORCING: &str = "PRAGMA foreign_keys = ON";

/// A folder with a file
#[derive(Debug)]
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut connection = Db::establish(&place.url()).expect("a connection");
        connection.batch_execute("PRAGMA journal_mode = WAL").expect("a setting");
        place
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("test.db")
    }

    pub(super) fn url(&self) -> String {
        self.path().to_str().expect("a path in UTF-8").to_owned()
    }
}

pub(super) fn translated(sql: &str) -> String {
    sql.to_owned()
}

/// A SELECT whose `value` is read as text
pub(super) fn as_text(sql: &str) -> String {
    sql.to_owned()
}

pub(super) fn after_rows_by_hand(_: &mut Db) {}

/// The database system, as messages call it
pub const NAME: &str = "SQLite";

/// The database system, as OpenTelemetry calls it
pub const SYSTEM: &str = "sqlite";

/// A collation that calls text equal which differs in case, and the SQL that makes it
pub const CASELESS: (&str, &str) = ("NOCASE", "");

/// One that calls nothing equal but what is the same
pub const EXACT: &str = "BINARY";

/// What an error of the database says of a table that is not there
pub fn no_table(name: &str) -> String {
    format!("no such table: {name}")
}

/// What differs from one database system to another by a rule: `on!(sqlite 3, postgres 1, mysql 4)`
#[macro_export]
macro_rules! on {
    (sqlite $here:expr, postgres $postgres:expr, mysql $mysql:expr $(,)?) => {
        $here
    };
}

/// A bind in SQL of one's own, counted from 1
pub fn bind(number: usize) -> String {
    let _ = number;
    "?".to_owned()
}

/// Whether a statement asks for the keys that an INSERT has given: they come with it.
pub(crate) fn asks_for_keys(sql: &str) -> bool {
    let _ = sql;
    false
}

/// Whether a statement asks once how a connection is set: none is
pub(super) fn asks_for_settings(sql: &str) -> bool {
    let _ = sql;
    false
}
