//! `upsert` by any unique key, with what is to be written; `create_missing`; `get_or_create`.

use diesel::prelude::*;
#[cfg(not(any(feature = "any", feature = "mysql")))]
use diesel::upsert::excluded;
use orm_core::prelude::*;
use orm_core::{Error, Result, Upsert};
use orm_tests::{TestDb, on};

diesel::table! { shelves { id -> Integer, name -> Text } }
diesel::table! { books { id -> Integer, shelf_id -> Integer, title -> Text, copies -> Integer, code -> Nullable<Text>, sold -> Bool } }

#[derive(Model)]
#[model(table = shelves)]
struct Shelf {
    id: i32,
    name: String,
    #[model(inverse = Book::SHELF_ID)]
    book_ids: OneToMany<Book>,
}

#[derive(Model)]
#[model(table = books)]
struct Book {
    id: i32,
    shelf_id: Id<Shelf>,
    title: String,
    copies: i32,
    code: Option<String>,
    sold: bool,
}

fn db() -> TestDb {
    // MySQL has no partial indexes.
    let condition = on!(sqlite "WHERE NOT sold", postgres "WHERE NOT sold", mysql "");
    TestDb::new(&format!(
        "CREATE TABLE shelves (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE books (id INTEGER PRIMARY KEY, shelf_id INTEGER NOT NULL REFERENCES shelves, title TEXT NOT NULL,
             copies INTEGER NOT NULL, code TEXT, sold BOOLEAN NOT NULL DEFAULT FALSE, UNIQUE (shelf_id, title));
         CREATE UNIQUE INDEX codes ON books (code) {condition};
         INSERT INTO shelves VALUES (1, 'north'), (2, 'south');
         INSERT INTO books VALUES (1, 1, 'Emma', 1, 'e', FALSE), (2, 2, 'Emma', 2, 'f', FALSE), (3, 1, 'Ulysses', 3, 'u', TRUE)"
    ))
}

/// An upsert of so many statements: MySQL does not say which rows were there, and is asked for their keys.
const UPSERT: usize = on!(sqlite 1, postgres 1, mysql 2);

fn book(shelf: i32, title: &str, copies: i32) -> orm_core::Values<Book> {
    Book::values().shelf_id(shelf).title(title).copies(copies)
}

#[test]
fn a_unique_key_may_have_several_columns() -> Result<()> {
    let db = db();
    let books = db.assert_queries(UPSERT, || {
        db.upsert_many(
            (Book::SHELF_ID, Book::TITLE),
            [book(2, "Emma", 20), book(2, "Ulysses", 5), book(1, "Emma", 10)],
        )
    })?;
    // A row that was there may have used up a number.
    let new = books.ids()[1];
    assert!(new >= 4);
    assert_eq!(books.ids(), [2, new, 1]);
    db.assert_queries(0, || assert_eq!(books.copies().unwrap(), [20, 5, 10]));
    assert_eq!(db.file.values("SELECT copies AS value FROM books ORDER BY id"), ["10", "20", "3", "5"]);
    Ok(())
}

/// diesel has none for MySQL, nor for a connection that may be to one of several databases.
#[cfg(any(feature = "any", feature = "mysql"))]
fn excluded<T: diesel::Column>(_: T) -> diesel::expression::SqlLiteral<T::SqlType>
where
    T::SqlType: diesel::expression::TypedExpressionType,
{
    diesel::dsl::sql(&format!(on!(sqlite "excluded.{}", postgres "excluded.{}", mysql "VALUES({})"), T::NAME))
}

#[test]
fn what_is_written_may_be_an_expression() -> Result<()> {
    let db = db();
    let shelf = db.record::<Shelf>(1);
    assert_eq!(shelf.book_ids().ids()?, [1, 3]);
    let more = || {
        Upsert::on((Book::SHELF_ID, Book::TITLE))
            .set(books::copies.eq(books::copies + excluded(books::copies)))
    };
    let books =
        db.assert_queries(UPSERT, || db.upsert_many(more(), [book(1, "Emma", 5), book(1, "Dracula", 7)]))?;
    // What the rows hold is not what was given.
    assert_eq!(books.copies()?, [6, 7]);
    assert_eq!(shelf.book_ids().ids()?, [1, 3, books.ids()[1]]);
    assert_eq!(db.upsert(more(), book(1, "Emma", 1))?.copies()?, 7);
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "it has no partial indexes")]
fn a_partial_index_is_named_by_its_condition() -> Result<()> {
    let db = db();
    let by_code = || Upsert::on(Book::CODE).filter(diesel::dsl::not(books::sold));
    let emma = db.upsert(by_code(), book(1, "Emma, new", 9).code("e"))?;
    assert_eq!((emma.id(), emma.title()?.as_str()), (1, "Emma, new"));
    // One that was sold is none of the index.
    let ulysses = db.upsert(by_code(), book(2, "Ulysses", 1).code("u"))?;
    assert!(ulysses.id() >= 4);
    assert!(db.upsert(Book::CODE, book(1, "x", 1).code("e")).is_err());
    Ok(())
}

#[test]
fn those_that_are_missing_can_be_created_alone() -> Result<()> {
    let db = db();
    let south = db.record::<Shelf>(2);
    assert_eq!((south.book_ids().ids()?, south.book_ids().len()?), (vec![2], 1));
    let rows = || [book(1, "Emma", 99), book(2, "Dracula", 4), book(2, "Emma", 99), book(2, "Persuasion", 5)];
    // MySQL is asked before and afterwards which are there.
    let queries = on!(sqlite 1, postgres 1, mysql 3);
    let new = db.assert_queries(queries, || db.create_missing((Book::SHELF_ID, Book::TITLE), rows()))?;
    assert_eq!(new.iter().map(|book| book.copies()).collect::<Result<Vec<_>>>()?, [4, 5]);
    assert_eq!(south.book_ids().ids()?, [&[2], &new.ids()[..]].concat());
    assert_eq!(db.record::<Book>(1).copies()?, 1);
    assert!(db.create_missing((Book::SHELF_ID, Book::TITLE), rows())?.is_empty());
    Ok(())
}

#[test]
fn it_is_got_or_created() -> Result<()> {
    let db = db();
    let (emma, is_new) =
        db.assert_queries(1, || db.get_or_create((Book::SHELF_ID, Book::TITLE), book(1, "Emma", 50)))?;
    assert_eq!((emma.id(), is_new, emma.copies()?), (1, false, 1));
    let (dracula, is_new) =
        db.assert_queries(2, || db.get_or_create((Book::SHELF_ID, Book::TITLE), book(1, "Dracula", 50)))?;
    assert_eq!((dracula.id(), is_new), (4, true));
    db.assert_queries(0, || assert_eq!(dracula.copies().unwrap(), 50));
    // By the key, and by one that is NULL, which is equal to nothing.
    assert!(!db.get_or_create(Book::ID, book(1, "Emma", 0).id(2))?.1);
    assert!(db.get_or_create(Book::CODE, book(1, "a", 0).code(None))?.1);
    assert!(db.get_or_create(Book::CODE, book(1, "b", 0).code(None))?.1);
    let error = db.get_or_create((Book::SHELF_ID, Book::TITLE), Book::values().title("x")).unwrap_err();
    assert!(matches!(error, Error::MissingValue { model: "Book", field: "shelf_id", .. }), "{error}");
    let error = db.get_or_create(Book::SHELF_ID, book(1, "x", 1)).unwrap_err();
    assert!(matches!(error, Error::NotOne { model: "Book", count: 2 }), "{error}");
    Ok(())
}

#[test]
fn one_that_another_key_keeps_out_is_the_error_of_that_key() -> Result<()> {
    let db = db();
    db.transaction(|| {
        let error = db.get_or_create(Book::CODE, book(1, "Emma", 1).code("new")).unwrap_err();
        assert!(
            error.violation().is_some_and(|violation| violation.kind == orm_core::ViolationKind::Unique),
            "{error}"
        );
        // The transaction goes on.
        db.record::<Book>(1).set_copies(77)
    })?;
    assert_eq!(db.file.values("SELECT copies AS value FROM books WHERE id = 1 ORDER BY id"), ["77"]);
    Ok(())
}

#[test]
fn what_waits_is_seen() -> Result<()> {
    let db = db();
    db.transaction(|| {
        db.record::<Book>(1).set_title("Waiting")?;
        assert_eq!(db.get_or_create((Book::SHELF_ID, Book::TITLE), book(1, "Waiting", 0))?.0.id(), 1);
        assert!(db.create_missing((Book::SHELF_ID, Book::TITLE), [book(1, "Waiting", 0)])?.is_empty());
        Ok(())
    })
}

#[test]
fn the_key_of_a_row_that_is_there_stays() -> Result<()> {
    let db = db();
    db.all::<Book>()?;
    // By another unique key
    let emma =
        db.upsert((Book::SHELF_ID, Book::TITLE), Book::values().id(77).shelf_id(1).title("Emma").copies(4))?;
    assert_eq!((emma.id(), emma.copies()?), (1, 4));
    assert_eq!(
        db.file.values("SELECT id || ' ' || copies AS value FROM books WHERE title = 'Emma' ORDER BY id"),
        ["1 4", "2 2"]
    );
    let set = || Upsert::on((Book::SHELF_ID, Book::TITLE)).set(books::id.eq(books::id + 100));
    let error = db.assert_queries(0, || db.upsert(set(), book(1, "Emma", 1)).unwrap_err().to_string());
    assert!(error.contains("the primary key"), "{error}");
    Ok(())
}

#[test]
fn one_that_somebody_else_has_deleted_is_not_shown_as_it_was() -> Result<()> {
    let db = db();
    let (shelves, books) = (db.all::<Shelf>()?, db.all::<Book>()?);
    shelves.book_ids().load()?;
    assert_eq!((books.sold()?, books.code()?.len()), (vec![false, false, true], 3));
    for step in 0..3 {
        db.file.run("DELETE FROM books WHERE id = 3");
        let values = Book::values().id(3).shelf_id(2).title("Ulysses").copies(1);
        let book = match step {
            0 => db.upsert(Book::ID, values)?,
            1 => db.upsert(Upsert::on(Book::ID).set(books::copies.eq(books::copies + 1)), values)?,
            _ => db.create_missing(Book::ID, [values])?.get(0).expect("missing"),
        };
        assert_eq!((book.sold()?, book.code()?, book.copies()?), (false, None, 1), "{step}");
        let listed: Vec<Vec<i32>> =
            shelves.iter().map(|shelf| shelf.book_ids().ids()).collect::<Result<_>>()?;
        assert_eq!(listed, [vec![1], vec![2, 3]], "{step}");
        db.file.run("UPDATE books SET sold = TRUE, code = 'x', shelf_id = 1 WHERE id = 3");
        books.refresh()?;
        shelves.refresh()?;
        shelves.book_ids().load()?;
    }
    Ok(())
}

#[test]
fn a_link_older_than_a_list_does_not_hide_a_move() -> Result<()> {
    let db = db();
    let book = db.record::<Book>(1);
    assert_eq!(book.shelf_id().id()?, 1);
    db.file.run("UPDATE books SET shelf_id = 2, title = 'Emma, vol. 1' WHERE id = 1");
    let shelves = db.all::<Shelf>()?;
    let listed = || shelves.map(|shelf| shelf.book_ids().ids());
    assert_eq!(listed()?, [vec![3], vec![1, 2]]);
    // To where its link leads already, as far as is known
    db.upsert(Book::ID, Book::values().id(1).shelf_id(1).title("Emma").copies(1))?;
    assert_eq!(listed()?, [vec![1, 3], vec![2]]);
    Ok(())
}
