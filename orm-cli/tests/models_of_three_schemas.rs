//! What is written for these schemas is compiled here, and reads rows. `UPDATE=1 cargo test -p orm-cli` writes it anew.
// diesel's tables are public modules; whole rows are written.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, dead_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_self)]

use orm_cli::{Options, models};
use orm_core::Environment;
use orm_core::prelude::*;

macro_rules! schemas {
    ($($name:ident)*) => {$(
        mod $name {
            pub mod schema {
                include!(concat!("schemas/", stringify!($name), ".rs"));
            }
            pub mod models {
                include!(concat!("schemas/", stringify!($name), ".models.rs"));
            }
        }
    )*

        #[test]
        fn what_is_compiled_is_what_is_written() {
            $(is_written(stringify!($name));)*
        }
    };
}
schemas! { chinook sakila registry ledger }

fn is_written(name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas");
    let schema = std::fs::read_to_string(format!("{folder}/{name}.rs")).expect("a schema");
    let options = Options { schema: "super::schema".to_owned(), ..Options::default() };
    let written = models(&schema, &options).expect("models");
    let file = format!("{folder}/{name}.models.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &written).expect("to write it");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), written, "UPDATE=1 writes {file} anew");
}

fn filled(sql: &str) -> Environment {
    use diesel::connection::{Connection, SimpleConnection};
    let mut connection = diesel::SqliteConnection::establish(":memory:").expect("a database");
    connection.batch_execute(sql).expect("rows");
    Environment::builder().connection(connection).build()
}

#[test]
fn they_read_rows_along_links() -> orm_core::Result<()> {
    use chinook::models::{Album, Artist, Playlist, Track};
    let env = filled(
        "CREATE TABLE artists (artist_id INTEGER PRIMARY KEY NOT NULL, name TEXT);
         CREATE TABLE albums (album_id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, artist_id INTEGER NOT NULL);
         CREATE TABLE tracks (track_id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, album_id INTEGER, media_type_id INTEGER NOT NULL,
             genre_id INTEGER, composer TEXT, milliseconds INTEGER NOT NULL, bytes INTEGER, unit_price DOUBLE NOT NULL);
         CREATE TABLE playlists (playlist_id INTEGER PRIMARY KEY NOT NULL, name TEXT);
         CREATE TABLE playlist_track (playlist_id INTEGER NOT NULL, track_id INTEGER NOT NULL, PRIMARY KEY (playlist_id, track_id));
         INSERT INTO artists VALUES (1, 'AC/DC'), (2, 'Accept');
         INSERT INTO albums VALUES (1, 'For Those About To Rock', 1), (2, 'Balls to the Wall', 2), (3, 'Restless and Wild', 2);
         INSERT INTO tracks VALUES (1, 'Put The Finger On You', 1, 1, 1, NULL, 205662, 6713451, 0.99), (2, 'Fast As a Shark', 3, 1, 1, NULL, 230619, NULL, 0.99);
         INSERT INTO playlists VALUES (1, 'Music');
         INSERT INTO playlist_track VALUES (1, 1), (1, 2)",
    );
    let tracks: RecordSet<Track> = env.all()?;
    assert_eq!(tracks.album_id().artist_id().name()?, [Some("AC/DC".into()), Some("Accept".into())]);
    assert_eq!(env.record::<Artist>(2).album_ids().ids()?, [2, 3]);
    assert_eq!(env.record::<Playlist>(1).track_ids().ids()?, [1, 2]);
    assert_eq!(env.record::<Album>(1).track_ids().milliseconds()?, [205_662]);
    Ok(())
}

#[test]
fn keys_of_several_columns_and_odd_names() -> orm_core::Result<()> {
    use registry::models::{Download, Package, User, Version};
    let env = filled(
        "CREATE TABLE users (login TEXT PRIMARY KEY NOT NULL, name TEXT, joined_on DATE NOT NULL);
         CREATE TABLE emails (user_id TEXT PRIMARY KEY NOT NULL, address TEXT NOT NULL, verified_at TIMESTAMP);
         CREATE TABLE packages (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL, license TEXT NOT NULL, parent_id BIGINT, count INTEGER NOT NULL,
             type TEXT NOT NULL, hash BLOB, score FLOAT NOT NULL, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL);
         CREATE TABLE versions (id INTEGER PRIMARY KEY NOT NULL, package_id BIGINT NOT NULL, num TEXT NOT NULL, yanked BOOLEAN NOT NULL, published_by TEXT,
             approved_by_user_id TEXT);
         CREATE TABLE downloads (version_id INTEGER NOT NULL, date DATE NOT NULL, downloads INTEGER NOT NULL, PRIMARY KEY (version_id, date));
         INSERT INTO users VALUES ('ann', NULL, '2026-01-01');
         INSERT INTO emails VALUES ('ann', 'ann@example.com', NULL);
         INSERT INTO packages VALUES (1, 'serde', 'MIT', NULL, 3, 'lib', NULL, 0.5, '2026-01-01 00:00:00', '2026-01-01 00:00:00+00:00');
         INSERT INTO packages VALUES (2, 'derive', 'MIT', 1, 4, 'bin', x'00', 0.5, '2026-01-01 00:00:00', '2026-01-01 00:00:00+00:00');
         INSERT INTO versions VALUES (7, 1, '1.0.0', 0, 'ann', NULL);
         INSERT INTO downloads VALUES (7, '2026-01-01', 12), (7, '2026-01-02', 30)",
    );
    let version = env.record::<Version>(7);
    assert_eq!(version.download_ids().number()?, [12, 30]);
    assert_eq!(env.all::<Download>()?.version().num()?, ["1.0.0"]);
    assert_eq!(version.published_by().name()?, None);
    assert_eq!(env.record::<User>("ann").email().address()?.as_deref(), Some("ann@example.com"));
    let serde = env.record::<Package>(1);
    assert_eq!(
        (serde.count_()?, serde.r#type()?.as_str(), serde.child_ids().name()?),
        (3, "lib", vec!["derive".into()])
    );
    Ok(())
}

#[test]
fn types_of_other_databases() {
    let written = models(
        "diesel::table! { use diesel::sql_types::*; logs (id) { id -> Uuid, tags -> Nullable<Array<Nullable<Text>>>, at -> Timestamptz,
             body -> Jsonb, size -> Unsigned<Bigint>, found -> Tsvector } }",
        &Options::default(),
    )
    .unwrap();
    for line in [
        "use crate::schema::*;",
        "#[model(table = logs)]",
        "    id: uuid::Uuid,",
        "    tags: Option<Vec<Option<String>>>,",
        "    at: chrono::DateTime<chrono::Utc>,",
        "    body: serde_json::Value,",
        "    size: u64,",
        "    // found: `Tsvector` is no type that is known here; a field of your own type may read it",
    ] {
        assert!(written.lines().any(|written| written == line), "no {line:?} in\n{written}");
    }
}

#[test]
fn options_choose_tables_and_connection() {
    let schema =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/chinook.rs")).unwrap();
    let only = vec!["albums".to_owned(), "artists".to_owned()];
    let options = Options { only, connection: Some("diesel::PgConnection".to_owned()), ..Options::default() };
    let written = models(&schema, &options).unwrap();
    assert_eq!(written.matches("#[derive(Debug, Model)]").count(), 2);
    assert!(written.contains("#[model(table = albums, connection = diesel::PgConnection)]"), "{written}");
    assert!(!written.contains("Track"), "{written}");
    let none = models(&schema, &Options { only: vec!["nowhere".to_owned()], ..Options::default() });
    assert_eq!(none, Err(" there is no table nowhere in it".to_owned()));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (schema, expected) in [
        ("diesel::table! { a (id) { id -> Integer, name = Text } }", "1:47: expected `->`"),
        ("fn main( {", "1:"),
        ("mod a {}", " there is no `table!` in it"),
    ] {
        let error = models(schema, &Options::default()).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_program_has_help_and_says_what_is_wrong() {
    let run = |arguments: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_orm-cli"))
            .args(arguments)
            .output()
            .expect("to run it");
        (
            out.status.success(),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let (good, help, _) = run(&["--help"]);
    assert!(good && help.contains("orm-cli models src/schema.rs"), "{help}");
    for (arguments, expected) in [
        (&["models"][..], "which file?"),
        (&["models", "nowhere.rs"], "nowhere.rs: "),
        (&["tables"], "there is no command tables"),
        (&["models", "--what"], "there is no option --what"),
        (&[], "a command is wanted"),
    ] {
        let (good, _, error) = run(arguments);
        assert!(!good && error.contains(expected), "{arguments:?}: {error}");
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/chinook.rs");
    let (good, written, _) = run(&["models", file, "--schema", "crate::db::schema"]);
    assert!(
        good && written.contains("use crate::db::schema::*;") && written.contains("pub struct InvoiceItem {"),
        "{written}"
    );
}

#[test]
fn tables_of_another_schema_are_named_by_their_module() -> orm_core::Result<()> {
    use ledger::models::{Line, Person};
    let env = filled(
        "ATTACH ':memory:' AS ledger;
         CREATE TABLE people (id INTEGER PRIMARY KEY, type TEXT NOT NULL, parent_id INTEGER, node_id INTEGER NOT NULL);
         CREATE TABLE ledger.lines (id BIGINT PRIMARY KEY, people_id INTEGER NOT NULL, \"values\" TEXT NOT NULL, record TEXT);
         CREATE TABLE marks (id INTEGER PRIMARY KEY);
         CREATE TABLE ledger.line_marks (line_id BIGINT NOT NULL, mark_id INTEGER NOT NULL, PRIMARY KEY (line_id, mark_id));
         INSERT INTO people VALUES (1, 'a', NULL, 1);
         INSERT INTO ledger.lines VALUES (5, 1, 'v', NULL);
         INSERT INTO marks VALUES (7);
         INSERT INTO ledger.line_marks VALUES (5, 7)",
    );
    assert_eq!(env.record::<Person>(1).line_ids().values()?, ["v"]);
    assert_eq!(env.record::<Line>(5).mark_ids().ids()?, [7]);
    Ok(())
}

#[test]
fn two_tables_of_one_name_are_not_taken_for_each_other() {
    let table = "diesel::table! { marks { id -> Integer } }";
    let error = models(&format!("{table} pub mod ledger {{ {table} }}"), &Options::default()).unwrap_err();
    assert!(error.contains("two tables marks"), "{error}");
}
