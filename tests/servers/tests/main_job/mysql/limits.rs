//! A link's `limit` takes window functions. What a server without them is told is tested by its version alone, as there is none here; another error stays
//! what it is.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use orm_core::aggregate::{count, sum};
use orm_core::prelude::*;
use orm_core::{Connection as _, Error};

use crate::place::{Outcome, Place};

diesel::table! { shelves { id -> Integer } }
diesel::table! { books { id -> Integer, shelf_id -> Integer, pages -> Integer } }

#[derive(Model)]
#[model(table = shelves, connection = MysqlConnection)]
struct Shelf {
    id: i32,
    #[model(inverse = Book::SHELF_ID, order = books::pages.desc(), limit = 1)]
    longest_ids: OneToMany<Book>,
    #[model(inverse = Book::SHELF_ID, order = sql::<Integer>("no_such_function(books.id)"), limit = 1)]
    wrong_ids: OneToMany<Book>,
}

#[derive(Model)]
#[model(table = books, connection = MysqlConnection)]
struct Book {
    id: i32,
    shelf_id: Id<Shelf>,
    pages: i32,
}

#[test]
fn what_is_wrong_with_an_order_is_not_said_of_the_server() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE shelves (id INTEGER PRIMARY KEY);
         CREATE TABLE books (id INTEGER PRIMARY KEY, shelf_id INTEGER NOT NULL, pages INTEGER NOT NULL);
         INSERT INTO shelves VALUES (1), (2);
         INSERT INTO books VALUES (1, 1, 100), (2, 1, 300), (3, 2, 200)",
    )?;
    assert_eq!(connection.lacks_windows()?, None, "the version is read, and is a later one");
    let env: Environment<MysqlConnection> = Environment::builder().connection(connection).build();
    let shelves = env.all::<Shelf>()?;
    let longest = shelves.map(|shelf| shelf.longest_ids().aggregate((count(), sum(Book::PAGES))))?;
    assert_eq!(longest, [(1, 300), (1, 200)]);
    let shelf = env.record::<Shelf>(1);
    let errors = [
        shelf.wrong_ids().ids().err(),
        shelf.wrong_ids().len().err(),
        shelf.wrong_ids().sum(Book::PAGES).err(),
    ];
    for error in errors {
        let error = error.ok_or("there is no such function")?;
        assert!(matches!(error, Error::Database { .. }), "{error:?}");
        assert!(error.to_string().contains("no_such_function"), "{error}");
    }
    Ok(())
}
