//! A `limit` of owners whose keys have several columns, parted by OR in the condition: the first of each, of those that were asked for alone.
#![allow(clippy::unwrap_used)]

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { shelves (room, place) { room -> Integer, place -> Integer } }
diesel::table! { books { id -> Integer, room -> Integer, place -> Integer, printed -> Integer, lost -> Bool } }
diesel::table! { lendings (room, place, reader_id) { room -> Integer, place -> Integer, reader_id -> Integer } }
diesel::table! { readers { id -> Integer, name -> Text } }

#[derive(Model)]
#[model(table = shelves, primary_key(room, place))]
struct Shelf {
    room: i32,
    place: i32,
    #[model(inverse = Book::SHELF_ID, order = books::printed.desc(), limit = 2)]
    latest_ids: OneToMany<Book>,
    /// Its filter holds also for others' books, if it were not for the parentheses.
    #[model(inverse = Book::SHELF_ID, filter = books::lost.eq(false).or(books::printed.gt(100)), limit = 1)]
    first_ids: OneToMany<Book>,
    #[model(through((lendings::room, lendings::place), lendings::reader_id), order = readers::name.desc(), limit = 1)]
    last_reader_ids: ManyToMany<Reader>,
}

#[derive(Model)]
struct Book {
    id: i32,
    #[model(columns(room, place))]
    shelf_id: Id<Shelf>,
    printed: i32,
    lost: bool,
}

#[derive(Model)]
struct Reader {
    id: i32,
    name: String,
}

/// The shelves (1, 1) to (3, 3), each with books 1 to 4: of shelf (2, 3) that of number 4 is 234, printed in 4; the first is lost.
fn db() -> TestDb {
    let three = orm_tests::partners::series(3);
    let four = orm_tests::partners::series(4);
    test_db!(
        File::new(&format!(
            "CREATE TABLE shelves (room INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (room, place));
             CREATE TABLE books (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, place INTEGER NOT NULL, printed INTEGER NOT NULL, lost BOOLEAN NOT NULL);
             CREATE TABLE readers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE lendings (room INTEGER NOT NULL, place INTEGER NOT NULL, reader_id INTEGER NOT NULL, PRIMARY KEY (room, place, reader_id));
             INSERT INTO shelves SELECT r.value, p.value FROM {three} AS r, {three} AS p;
             INSERT INTO books SELECT 100 * r.value + 10 * p.value + n.value, r.value, p.value, n.value, CASE n.value WHEN 1 THEN TRUE ELSE FALSE END
                FROM {three} AS r, {three} AS p, {four} AS n;
             INSERT INTO readers VALUES (1, 'a'), (2, 'b'), (3, 'c');
             INSERT INTO lendings SELECT s.room, s.place, n.id FROM shelves AS s, readers AS n WHERE n.id <= s.place;"
        )),
        strict()
    )
}

#[test]
fn of_those_that_were_asked_for_alone() -> Result<()> {
    let db = db();
    let some = || db.browse::<Shelf>([(1, 2), (2, 1), (3, 3)]);
    let shelves = some();
    assert_eq!(
        db.assert_queries(1, || shelves.map(|shelf| shelf.latest_ids().ids()))?,
        [[124, 123], [214, 213], [334, 333]]
    );
    assert_eq!(db.assert_queries(1, || shelves.map(|shelf| shelf.first_ids().ids()))?, [[122], [212], [332]]);
    assert_eq!(db.assert_queries(1, || shelves.map(|shelf| shelf.last_reader_ids().ids()))?, [[2], [1], [3]]);
    // Nobody else's list came with them.
    assert_eq!(db.assert_queries(1, || db.record::<Shelf>((2, 2)).latest_ids().ids())?, [224, 223]);
    db.cache().clear();
    let shelves = some();
    let counted = |shelf: &Record<Shelf>| {
        Ok((
            shelf.latest_ids().len()?,
            shelf.latest_ids().sum(Book::PRINTED)?,
            shelf.first_ids().len()?,
            shelf.last_reader_ids().len()?,
        ))
    };
    assert_eq!(db.assert_queries(4, || shelves.map(counted))?, [(2, 7, 1, 1); 3]);
    Ok(())
}

#[test]
fn another_one_comes_in_for_one_that_goes() -> Result<()> {
    let db = db();
    let shelves = db.all::<Shelf>()?;
    let latest = || shelves.map(|shelf| shelf.latest_ids().ids());
    assert_eq!(db.assert_queries(1, latest)?[4], [224, 223]);
    db.record::<Book>(224).set_shelf_id(db.record::<Shelf>((1, 1)))?;
    assert_eq!(latest()?[4], [223, 222]);
    assert_eq!(latest()?[0], [114, 224]);
    db.record::<Book>(331).set_printed(9)?;
    assert_eq!(latest()?[8], [331, 334]);
    Ok(())
}
