//! A database of MySQL or MariaDB

use diesel::connection::{Connection as _, SimpleConnection};

use super::sql;

/// The connection of the tests
#[cfg(not(feature = "any"))]
pub type Db = diesel::MysqlConnection;
/// The connection of the tests
#[cfg(feature = "any")]
pub type Db = orm_core::AnyConnection;
/// diesel's backend of it
pub type Backend = <Db as diesel::Connection>::Backend;

/// What a connection of the tests is told: it understands SQLite's quotes and `||`
pub(super) const SETTINGS: &str =
    "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT'), max_recursive_iterations = 10000000";

/// Has a connection see to it that links lead to rows: it does.
pub const ENFORCING: &str = "DO 1";

/// A database
#[derive(Debug)]
pub(super) struct Place {
    name: String,
}

fn server() -> String {
    std::env::var("ORM_TEST_MYSQL").unwrap_or_else(|_| "mysql://root@127.0.0.1:3306/test".to_owned())
}

fn admin(sql: &str) {
    let mut connection = Db::establish(&server()).expect("a MySQL or MariaDB server");
    connection.batch_execute(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
}

impl Place {
    pub(super) fn new() -> Self {
        let name = sql::name_of_place();
        admin(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} COLLATE utf8mb4_nopad_bin"));
        Self { name }
    }

    pub(super) fn url(&self) -> String {
        let server = server();
        let (address, _) = server.rsplit_once('/').expect("an address with a database");
        format!("{address}/{}", self.name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        admin(&format!("DROP DATABASE IF EXISTS {}", self.name));
    }
}

pub(super) fn translated(text: &str) -> String {
    let text = sql::replaced(
        text,
        &[
            ("INTEGER PRIMARY KEY", "INTEGER AUTO_INCREMENT PRIMARY KEY"),
            ("AS TEXT", "AS CHAR"),
            // What is a key, unique or indexed has a length.
            ("TEXT", "VARCHAR(700)"),
            ("AUTOINCREMENT", ""),
            // A word of MariaDB's own
            ("lines", "\"lines\""),
            ("REAL", "DOUBLE"),
            ("DEFERRABLE INITIALLY DEFERRED", ""),
            ("DEFERRABLE", ""),
            ("DEFAULT VALUES", "VALUES ()"),
            ("DATETIME", "DATETIME(6)"),
            ("TIMESTAMP", "DATETIME(6)"),
            ("AS BIGINT", "AS SIGNED"),
        ],
        "x'",
    );
    let text = sql::with_named_series(&text, "CAST(1 AS SIGNED)");
    let text = sql::with_after_insert(&text).replace("printf('%02X', value)", "lpad(hex(value), 2, '0')");
    let text =
        sql::or_ignored(&text, "INSERT IGNORE", "").replace("hex(zeroblob(50000))", "repeat('00', 50000)");
    // Whole numbers divided are one.
    let text = text.replace(" / ", " DIV ").replace(" DIV 2.0", " / 2.0");
    let text = sql::with_referenced_columns(&text);
    sql::with_triggers(&text, trigger, |name| format!("DROP TRIGGER {name}"))
}

fn trigger(trigger: sql::Trigger<'_>) -> String {
    assert!(!trigger.body.contains("RAISE(IGNORE)"), "no trigger of MySQL skips a row");
    let body = trigger.raising("", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = $");
    let sql::Trigger { name, event, columns, table, condition, .. } = trigger;
    let changed: Vec<String> =
        columns.iter().map(|column| format!("NOT OLD.{column} <=> NEW.{column}")).collect();
    let changed = if changed.is_empty() { "TRUE".to_owned() } else { changed.join(" OR ") };
    let condition =
        condition.map_or_else(|| changed.clone(), |condition| format!("({changed}) AND ({condition})"));
    format!(
        "CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW BEGIN IF {condition} THEN {body} END IF; END"
    )
}

/// A SELECT whose `value` is read as text
pub(super) fn as_text(text: &str) -> String {
    let text = translated(text);
    // Without a limit it would be free to give them in any order.
    let limit =
        if text.contains("ORDER BY") && !text.contains("LIMIT") { " LIMIT 18446744073709551615" } else { "" };
    format!("SELECT CAST(value AS CHAR) AS value FROM ({text}{limit}) AS all_values")
}

pub(super) fn after_rows_by_hand(_: &mut Db) {}

/// The database system, as messages call it
pub const NAME: &str = "MySQL";

/// The database system, as OpenTelemetry calls it
pub const SYSTEM: &str = "mysql";

/// A collation that calls text equal which differs in case, and the SQL that makes it
pub const CASELESS: (&str, &str) = ("utf8mb4_general_ci", "");

/// One that calls nothing equal but what is the same
pub const EXACT: &str = "utf8mb4_bin";

/// What an error of the database says of a table that is not there
pub fn no_table(name: &str) -> String {
    format!(".{name}' doesn't exist")
}

/// What differs from one database system to another by a rule: `on!(sqlite 3, postgres 1, mysql 4)`
#[macro_export]
macro_rules! on {
    (sqlite $sqlite:expr, postgres $postgres:expr, mysql $here:expr $(,)?) => {
        $here
    };
}

/// A bind in SQL of one's own, counted from 1
pub fn bind(number: usize) -> String {
    let _ = number;
    "?".to_owned()
}

/// Whether a statement asks for the keys that an INSERT has given, or what gives them: MySQL tells them apart from it.
pub(crate) fn asks_for_keys(sql: &str) -> bool {
    sql.starts_with("SELECT CAST(LAST_INSERT_ID()") || sql.contains("FROM information_schema.columns")
}

/// Whether a statement asks once how a connection is set: whether it commits by itself
pub(super) fn asks_for_settings(sql: &str) -> bool {
    sql == "SELECT @@autocommit"
}
