//! What the tests share: a table in a file of SQLite
#![allow(clippy::expect_used, clippy::unwrap_used)]

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use tempfile::TempDir;

diesel::table! { partners { id -> Integer, name -> Text } }

/// A partner
#[derive(Model)]
pub struct Partner {
    id: i32,
    name: String,
}

/// A file with three partners, and its address
pub fn file() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = folder.path().join("test.db").to_str().expect("a path in UTF-8").to_owned();
    let mut connection = SqliteConnection::establish(&url).expect("a connection");
    connection
        .batch_execute(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
             INSERT INTO partners VALUES (1, 'one'), (2, 'two'), (3, 'three')",
        )
        .expect("the table");
    (folder, url)
}

/// What is committed
pub fn names(url: &str) -> Vec<String> {
    let mut connection = SqliteConnection::establish(url).expect("a connection");
    // The last connection that closes a file in WAL mode locks it for a moment.
    connection.batch_execute("PRAGMA busy_timeout = 5000").expect("a setting");
    partners::table.order(partners::id).select(partners::name).load(&mut connection).expect("the names")
}

/// Business code: it knows of no runtime, and of no connection.
pub fn shout(env: &Environment) -> orm_core::Result<usize> {
    let partners: RecordSet<Partner> = env.all()?;
    env.transaction(|| {
        partners.iter().try_for_each(|partner| partner.set_name(partner.name()?.to_uppercase()))
    })?;
    Ok(partners.len())
}
