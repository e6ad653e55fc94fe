//! Who writes a row counts its version, through whichever struct, and whether or not the environment has met the one that has it.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Environment, Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { people { id -> Integer, name -> Text, age -> Integer, lock_version -> Integer } }

mod again {
    // As a second crate of an application might have it.
    diesel::table! { people { id -> Integer, age -> Integer, lock_version -> Integer } }
}

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    age: i32,
    #[model(version)]
    lock_version: i32,
}

/// Knows nothing of it.
#[derive(Model)]
#[model(table = people)]
struct Slim {
    id: i32,
    age: i32,
}

/// Cannot know of it: its table is another type.
#[derive(Model)]
#[model(table = again::people, version = lock_version)]
struct Elsewhere {
    id: i32,
    age: i32,
}

/// Has nothing that a search brings, but the version.
#[derive(Model)]
#[model(table = again::people, version = lock_version)]
struct Bare {
    id: i32,
    #[model(deferred)]
    age: i32,
}

const SCHEMA: &str =
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '', age INTEGER NOT NULL,
        lock_version INTEGER NOT NULL DEFAULT 1);
    INSERT INTO people (id, name, age) VALUES (1, 'Ann', 30), (2, 'Bob', 40), (3, 'Cid', 50)";

fn schema() -> TestDb {
    test_db!(File::new(SCHEMA))
}

fn versions(db: &TestDb) -> String {
    db.file.values("SELECT CAST(lock_version AS CHAR(9)) AS value FROM people ORDER BY id").join(" ")
}

/// Another environment over the same database
fn beside(db: &TestDb) -> Environment {
    Environment::builder().connection(db.file.connect()).build()
}

fn age(db: &TestDb) -> String {
    db.file.values("SELECT age AS value FROM people WHERE id = 1").join(" ")
}

#[test]
fn a_write_through_another_struct_counts_it() -> Result<()> {
    let db = schema();
    let (theirs, slim) = (beside(&db), db.record::<Slim>(1));
    let person = theirs.record::<Person>(1);
    assert_eq!(person.age()?, 30);
    db.assert_queries(1, || slim.set_age(31))?;
    assert_eq!(versions(&db), "2 1 1");
    assert!(matches!(person.set_age(32), Err(Error::Conflict { model: "Person", .. })));
    assert_eq!((person.age()?, &*age(&db)), (31, "31"));
    // The next one, several at once, by an expression, and by what may be there already
    db.assert_queries(1, || db.browse::<Slim>([1, 2, 3]).set_age(33))?;
    assert_eq!(versions(&db), "3 2 2");
    db.assert_queries(1, || db.browse::<Slim>([1, 2]).update(people::age.eq(people::age + 1)))?;
    assert_eq!(versions(&db), "4 3 2");
    db.upsert(Slim::ID, Slim::values().id(3).age(51))?;
    assert_eq!(versions(&db), "4 3 3");
    assert!(matches!(person.delete(), Err(Error::Conflict { model: "Person", .. })));
    Ok(())
}

#[test]
fn what_another_struct_creates_starts_at_the_first() -> Result<()> {
    let db = schema();
    db.file.run("INSERT INTO people (id, name, age, lock_version) VALUES (4, 'Dan', 60, 9)");
    let new = db.create(Slim::values().id(5).age(70))?;
    assert_eq!((versions(&db), db.record::<Person>(new.id()).lock_version()?), ("1 1 1 9 1".into(), 1));
    Ok(())
}

#[test]
fn a_version_that_no_field_holds_is_compared() -> Result<()> {
    let db = schema();
    let theirs = beside(&db);
    let (mine, yours) = (db.record::<Elsewhere>(1), theirs.record::<Elsewhere>(1));
    assert_eq!((mine.age()?, yours.age()?), (30, 30));
    db.assert_queries(1, || mine.set_age(31))?;
    let refused = yours.set_age(31 + 1);
    assert!(matches!(refused, Err(Error::Conflict { model: "Elsewhere", .. })), "{refused:?}");
    assert_eq!((yours.age()?, versions(&db)), (31, "2 1 1".into()));
    yours.set_age(32)?;
    assert!(matches!(mine.delete(), Err(Error::Conflict { .. })));
    mine.refresh()?;
    mine.delete()?;
    assert_eq!(versions(&db), "1 1");
    assert_eq!(db.all::<Elsewhere>()?.age()?, [40, 50]);
    Ok(())
}

#[test]
fn a_struct_of_nothing_else_has_one() -> Result<()> {
    let db = schema();
    let theirs = beside(&db);
    let people = db.all::<Bare>()?;
    theirs.record::<Person>(2).set_age(41)?;
    assert_eq!(people.get(0).expect("one").age()?, 30);
    people.get(0).expect("one").set_age(31)?;
    assert_eq!(versions(&db), "2 2 1");
    assert!(matches!(people.get(1).expect("two").delete(), Err(Error::Conflict { model: "Bare", .. })));
    assert!(matches!(db.record::<Bare>(7).prefetch(), Err(Error::MissingRecord { .. })));
    let new = db.create(Bare::values().age(1))?;
    assert_eq!((new.age()?, versions(&db)), (1, "2 2 1 1".into()));
    Ok(())
}
