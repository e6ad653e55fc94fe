//! `to_model` gives the user's own struct with the stored columns: `'static`, `Send`, free of the environment.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

diesel::table! { notes { id -> Integer, title -> Text, body -> Nullable<Text>, data -> Binary, stars -> Nullable<Double>, parent_id -> Nullable<Integer>, owner_code -> Text } }
diesel::table! { owners (code) { code -> Text } }

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = owners)]
struct Owner {
    #[model(primary_key)]
    code: String,
}

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = notes)]
struct Note {
    id: i32,
    title: String,
    #[model(deferred)]
    body: Option<String>,
    data: Vec<u8>,
    stars: Option<f64>,
    parent_id: Option<Id<Note>>,
    owner_code: Id<Owner>,
    #[model(inverse = Note::PARENT_ID)]
    child_ids: OneToMany<Note>,
}

fn notes() -> TestDb {
    TestDb::new(
        "CREATE TABLE owners (code TEXT PRIMARY KEY NOT NULL);
         CREATE TABLE notes (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, data BLOB NOT NULL, stars DOUBLE, parent_id INTEGER, owner_code TEXT NOT NULL);
         INSERT INTO owners VALUES ('me');
         INSERT INTO notes VALUES (1, 'one', 'body', x'0102', 4.5, NULL, 'me'), (2, 'two', NULL, x'', NULL, 1, 'me')",
    )
}

#[test]
fn every_stored_column() -> Result<()> {
    let db = notes();
    let models = db.all::<Note>()?.map(|note| note.to_model())?;
    drop(db);
    let expected = [
        Note {
            id: 1,
            title: "one".into(),
            body: Some("body".into()),
            data: vec![1, 2],
            stars: Some(4.5),
            parent_id: None,
            owner_code: Id::new("me"),
            child_ids: OneToMany::new(),
        },
        Note {
            id: 2,
            title: "two".into(),
            body: None,
            data: vec![],
            stars: None,
            parent_id: Some(Id::new(1)),
            owner_code: Id::new("me"),
            child_ids: OneToMany::new(),
        },
    ];
    assert_eq!(models, expected);
    assert_eq!(std::thread::spawn(move || models.len()).join().expect("no panic"), 2);
    Ok(())
}

#[test]
fn copies_of_a_set_cost_one_select_for_what_is_deferred() -> Result<()> {
    let db = notes();
    let set = db.all::<Note>()?;
    db.assert_keys(&[2], || set.map(|note| note.to_model()))?;
    Ok(())
}

#[test]
fn targets_are_not_read_for_their_keys() -> Result<()> {
    let db = notes();
    db.record::<Note>(2).to_model()?;
    assert!(db.statements.all().iter().all(|statement| statement.table() != "owners"));
    Ok(())
}
