//! A model may be `unchecked`: how many rows a write found is then the database's affair, and nobody asks for those that were not.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result, assert_queries};
use orm_tests::database::File;

diesel::table! { notes { id -> Integer, text -> Text, deleted -> Bool } }

mod again {
    // As a second crate of an application might have it: the version is not found when the others are compiled.
    diesel::table! { notes { id -> Integer, text -> Text, version -> Integer } }
}

#[derive(Model)]
#[model(unchecked)]
struct Note {
    id: i32,
    text: String,
    deleted: bool,
}

/// The same table, looked at
#[derive(Model)]
#[model(table = notes)]
struct Checked {
    id: i32,
    text: String,
    deleted: bool,
}

/// The same table, its writes counted
#[derive(Model)]
#[model(table = again::notes)]
struct Counted {
    id: i32,
    text: String,
    #[model(version)]
    version: i32,
}

fn db() -> Result<(File, Environment)> {
    let file = File::new(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, deleted BOOLEAN NOT NULL DEFAULT FALSE,
             version INTEGER NOT NULL DEFAULT 1);
         INSERT INTO notes (id, text) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
    );
    let env = Environment::connect(&file.url())?;
    Ok((file, env))
}

/// Marks what is deleted.
const MARKS: &str = "CREATE TRIGGER marks BEFORE DELETE ON notes
    BEGIN UPDATE notes SET deleted = TRUE WHERE id = OLD.id; SELECT RAISE(IGNORE); END";
/// Keeps one text as it is.
const KEEPS: &str =
    "CREATE TRIGGER keeps BEFORE UPDATE OF text ON notes WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END";

#[test]
#[cfg_attr(feature = "mysql", ignore = "no trigger there skips a row")]
fn a_row_that_was_not_deleted_is_read_again_when_somebody_asks() -> Result<()> {
    let (file, env) = db()?;
    file.run(MARKS);
    let notes = env.all::<Note>()?;
    assert_eq!(notes.deleted()?, [false; 4]);
    assert_queries!(env, 1, { notes.slice(0..1).delete() })?;
    assert_queries!(env, 1, { notes.slice(1..4).delete() })?;
    assert_queries!(env, 1, { assert_eq!(notes.deleted()?, [true; 4]) });
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "no trigger there skips a row")]
fn a_row_that_was_not_written_is_read_again_when_somebody_asks() -> Result<()> {
    let (file, env) = db()?;
    let notes = env.all::<Note>()?;
    file.run(&format!("{KEEPS}; DELETE FROM notes WHERE id = 4"));
    let wrote = || {
        env.transaction(|| {
            notes.iter().try_for_each(|note| {
                let id = note.id();
                note.set_text(format!("changed {id}"))
            })
        })
    };
    assert_queries!(env, 1, { wrote() })?;
    assert_eq!(notes.slice(0..3).text()?, ["changed 1", "b", "changed 3"]);
    // Who reads it is told, not who wrote it.
    assert!(env.record::<Note>(4).text().is_err_and(|error| error.is_missing_record()));
    assert_queries!(env, 1, { env.record::<Note>(9).set_text("nobody") })?;
    assert_queries!(env, 1, { env.browse::<Note>([1, 9]).update(notes::text.eq("same")) })?;
    assert_queries!(env, 1, { env.browse::<Note>([8, 9]).delete() })?;
    Ok(())
}

#[test]
fn one_model_of_a_table_says_it_for_all_of_them() -> Result<()> {
    let (_file, env) = db()?;
    let checked = env.record::<Checked>(9);
    assert!(matches!(checked.set_text("nobody"), Err(Error::MissingRecord { model: "Checked", .. })));
    env.all::<Note>()?;
    assert_queries!(env, 1, { env.record::<Checked>(8).set_text("nobody") })?;
    assert_eq!(env.record::<Checked>(1).text()?, "a");
    assert!(!env.record::<Checked>(1).deleted()?);
    Ok(())
}

/// Who counts the writes compares by how many rows were found, whatever another model says.
#[test]
fn a_version_of_another_model_is_compared_all_the_same() -> Result<()> {
    let (file, env) = db()?;
    let (note, counted) = (env.record::<Note>(1), env.record::<Counted>(1));
    assert_eq!((note.text()?, counted.version()?), ("a".into(), 1));
    file.run("UPDATE notes SET deleted = TRUE, version = 2 WHERE id = 1");
    assert!(note.set_text("lost").is_err_and(|error| error.is_conflict()));
    assert!(env.record::<Counted>(9).set_text("nobody").is_err_and(|error| error.is_missing_record()));
    assert_eq!(note.text()?, "a");
    Ok(())
}
