//! The feature `serde`: what a user's own struct may hold goes to JSON and back.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::use_self)]

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};
use serde::{Deserialize, Serialize};
use serde_json::{from_str, from_value, json, to_string, to_value};

diesel::table! { authors (name) { name -> Text, born -> Nullable<Integer> } }
diesel::table! {
    books { id -> Integer, title -> Text, blurb -> Nullable<Text>, author -> Text, sequel_to -> Nullable<Integer> }
}
diesel::table! { pairs (left_id, right_id) { left_id -> Integer, right_id -> Integer } }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Model)]
#[model(table = authors)]
struct Author {
    #[model(primary_key)]
    name: String,
    born: Option<i32>,
    #[serde(skip)]
    #[model(inverse = Book::AUTHOR)]
    book_ids: OneToMany<Book>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Model)]
#[model(table = books)]
struct Book {
    id: i32,
    title: String,
    #[model(deferred)]
    blurb: Option<String>,
    author: Id<Author>,
    sequel_to: Option<Id<Book>>,
    #[model(inverse = Book::SEQUEL_TO)]
    sequel_ids: OneToMany<Book>,
    #[model(through(pairs::left_id, pairs::right_id))]
    similar_ids: ManyToMany<Book>,
}

fn shelf() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE authors (name TEXT PRIMARY KEY NOT NULL, born INTEGER);
         CREATE TABLE books (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, blurb TEXT, author TEXT NOT NULL,
             sequel_to INTEGER);
         CREATE TABLE pairs (left_id INTEGER NOT NULL, right_id INTEGER NOT NULL, PRIMARY KEY (left_id, right_id));
         INSERT INTO authors VALUES ('Ana \"Nym\"', 1970), ('日本', NULL);
         INSERT INTO books VALUES (1, 'One', 'A \\ and a \"', 'Ana \"Nym\"', NULL), (2, 'Two', NULL, '日本', 1)"
    ))
}

#[test]
fn text_is_a_string() -> serde_json::Result<()> {
    for text in ["", "short", "a text that is too long to be kept inline", "\"quoted\" \\ \n 日本"] {
        let json = to_string(&Str::from(text))?;
        assert_eq!(json, to_string(text)?);
        assert_eq!(from_str::<Str>(&json)?, text);
    }
    assert!(from_str::<Str>("1").is_err());
    Ok(())
}

#[test]
fn an_id_is_its_key() -> serde_json::Result<()> {
    assert_eq!(to_value([Id::<Book>::new(7), Id::new(-1)])?, json!([7, -1]));
    assert_eq!(from_value::<Vec<Id<Book>>>(json!([7, -1]))?, [Id::new(7), Id::new(-1)]);
    assert_eq!(to_value(Id::<Author>::new("日本"))?, json!("日本"));
    assert_eq!(from_value::<Id<Author>>(json!("日本"))?, Id::new("日本"));
    assert_eq!(from_value::<Option<Id<Book>>>(json!(null))?, None);
    for wrong in [json!("7"), json!(7.5), json!(5_000_000_000_i64), json!(null)] {
        assert!(from_value::<Id<Book>>(wrong.clone()).is_err(), "{wrong}");
    }
    assert!(from_value::<Id<Author>>(json!(7)).is_err());
    Ok(())
}

#[test]
fn a_marker_is_nothing() -> serde_json::Result<()> {
    assert_eq!(to_value(OneToMany::<Book>::new())?, json!(null));
    assert_eq!(to_value(ManyToMany::<Book>::new())?, json!(null));
    assert_eq!(to_value(Computed::<String>::new())?, json!(null));
    from_value::<OneToMany<Book>>(json!(null))?;
    from_value::<ManyToMany<Book>>(json!(null))?;
    from_value::<Computed<String>>(json!(null))?;
    // A list that somebody sends is not dropped in silence.
    assert!(from_value::<OneToMany<Book>>(json!([1, 2])).is_err());
    Ok(())
}

#[test]
fn a_snapshot_goes_out_and_comes_back() -> Result<()> {
    let db = shelf();
    let books = books::table.order(books::id).records::<Book>(&db)?;
    let copies = db.assert_queries(1, || books.map(|book| book.to_model()))?;
    let json = to_value(&copies).map_err(orm_core::Error::other)?;
    let nothing = json!(null);
    assert_eq!(
        json,
        json!([
            { "id": 1, "title": "One", "blurb": "A \\ and a \"", "author": "Ana \"Nym\"", "sequel_to": nothing,
                "sequel_ids": nothing, "similar_ids": nothing },
            { "id": 2, "title": "Two", "blurb": nothing, "author": "日本", "sequel_to": 1,
                "sequel_ids": nothing, "similar_ids": nothing },
        ])
    );
    let back: Vec<Book> = from_value(json).map_err(orm_core::Error::other)?;
    assert_eq!(back, copies);
    // What came back names records of the same environment; the books have linked to their authors already.
    assert_eq!(db.record::<Book>(back[1].sequel_to.expect("the second")).title()?, "One");
    assert_eq!(db.record::<Author>(back[0].author.clone()).born()?, Some(1970));
    Ok(())
}

#[test]
fn a_marker_that_is_skipped_is_not_there() -> Result<()> {
    let db = shelf();
    let author = db.record::<Author>("日本").to_model()?;
    let json = to_string(&author).map_err(orm_core::Error::other)?;
    assert_eq!(json, r#"{"name":"日本","born":null}"#);
    assert_eq!(from_str::<Author>(&json).map_err(orm_core::Error::other)?, author);
    Ok(())
}
