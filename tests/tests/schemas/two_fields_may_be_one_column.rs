//! A column that two fields of a model name shows the same through both.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { users { id -> Integer, name -> Text } }
diesel::table! { notes { id -> Integer, user_id -> Nullable<Integer>, title -> Text } }
diesel::table! { profiles (user_id) { user_id -> Integer, bio -> Text } }

#[derive(Model)]
struct User {
    id: i32,
    name: String,
    #[model(inverse = Note::USER)]
    note_ids: OneToMany<Note>,
}

#[derive(Model)]
struct Note {
    id: i32,
    #[model(column = user_id)]
    user: Option<Id<User>>,
    user_id: Option<i32>,
    title: String,
    #[model(column = title)]
    heading: String,
}

/// A key that is a link too: one to one by a shared key
#[derive(Model)]
struct Profile {
    #[model(primary_key)]
    user_id: i32,
    #[model(column = user_id)]
    user: Id<User>,
    bio: String,
}

fn schema() -> TestDb {
    let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER, title TEXT NOT NULL DEFAULT '');
        CREATE TABLE profiles (user_id INTEGER PRIMARY KEY, bio TEXT NOT NULL DEFAULT '');
        INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO notes VALUES (1, 1, 'first')";
    test_db!(File::new(sql), strict())
}

#[test]
fn a_link_and_its_plain_key() -> Result<()> {
    let db = schema();
    let note = db.record::<Note>(1);
    assert_eq!((note.user().id()?, note.user_id()?), (Some(1), Some(1)));
    note.set_user(2)?;
    assert_eq!((note.user().id()?, note.user_id()?), (Some(2), Some(2)));
    note.set_user_id(3)?;
    assert_eq!((note.user().name()?.as_deref(), note.user_id()?), (Some("c"), Some(3)));
    assert_eq!(db.record::<User>(3).note_ids().ids()?, [1]);
    // The last one counts, and a column is set once.
    db.transaction(|| {
        note.set_user_id(1)?;
        note.set_user(2)
    })?;
    assert_eq!(db.file.values("SELECT user_id AS value FROM notes"), ["2"]);
    assert_eq!((note.user().id()?, note.user_id()?), (Some(2), Some(2)));
    Ok(())
}

#[test]
fn two_fields_of_one_type_share_the_cell() -> Result<()> {
    let db = schema();
    let note = db.record::<Note>(1);
    db.assert_queries(1, || {
        assert_eq!((note.title()?, note.heading()?), ("first".into(), "first".into()));
        Ok::<_, Error>(())
    })?;
    db.transaction(|| {
        note.set_title("second")?;
        note.set_heading("third")?;
        assert_eq!(note.title()?, "third");
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT title AS value FROM notes"), ["third"]);
    Ok(())
}

#[test]
fn a_key_that_is_a_link_too() -> Result<()> {
    let db = schema();
    let profile = db.create(Profile::values().user(2).bio("long"))?;
    assert_eq!((profile.id(), profile.user().name()?), (2, "b".into()));
    let other = db.create(Profile::values().user_id(1).bio("short"))?;
    assert_eq!(other.user().name()?, "a");
    Ok(())
}

#[test]
fn a_column_is_given_once() {
    let db = schema();
    let refused = db.create(Profile::values().user_id(1).user(2).bio("whose?"));
    assert!(refused.is_err_and(|error| error.to_string().contains("`user_id`; give one")));
    let refused = db.create(Note::values().user_id(1).user(2).title("whose?"));
    assert!(refused.is_err_and(|error| error.to_string().contains("`user_id`; give one")));
    assert_eq!(db.file.values("SELECT count(*) AS value FROM notes"), ["1"]);
}
