//! A symmetric many2many: a pair in either direction counts once, for both. Lists, counts and aggregates are one SELECT for the group;
//! whoever is added or removed from either side, both sides are right, whichever way the row stands.
#![allow(clippy::unwrap_used, clippy::unit_arg)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::ENFORCING;
use orm_tests::{File, TestDb, test_db};

diesel::table! { people { id -> Integer, name -> Text, age -> Integer, active -> Bool } }
diesel::table! { friends (person_id, friend_id) { person_id -> Integer, friend_id -> Integer, accepted -> Bool } }
diesel::table! { places (east, north) { east -> Integer, north -> Integer, name -> Text } }
diesel::table! { roads { id -> Integer, from_east -> Integer, from_north -> Integer, to_east -> Integer, to_north -> Integer } }

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    age: i32,
    active: bool,
    #[model(through(friends::person_id, friends::friend_id), symmetric)]
    friend_ids: ManyToMany<Person>,
    /// With a filter over both tables, which fixes what it says
    #[model(through(friends::person_id, friends::friend_id), symmetric, filter = friends::accepted.eq(true).and(people::active.eq(true)),
        order = people::age.desc())]
    accepted_ids: ManyToMany<Person>,
    #[model(through(friends::person_id, friends::friend_id), symmetric, order = people::age.desc(), limit = 1)]
    oldest_ids: ManyToMany<Person>,
    /// The same rows, one way
    #[model(through(friends::person_id, friends::friend_id))]
    asked_ids: ManyToMany<Person>,
    #[model(through(friends::friend_id, friends::person_id))]
    asked_by_ids: ManyToMany<Person>,
}

/// The pairs have a model of their own.
#[derive(Model)]
#[model(table = friends, primary_key(person_id, friend_id))]
struct Friendship {
    person_id: i32,
    friend_id: i32,
    accepted: bool,
}

#[derive(Model)]
#[model(primary_key(east, north))]
struct Place {
    east: i32,
    north: i32,
    name: String,
    #[model(through((roads::from_east, roads::from_north), (roads::to_east, roads::to_north)), symmetric)]
    next_ids: ManyToMany<Place>,
}

/// Each is a friend of the next, whose row stands the one way or the other; 1 and 2 have both rows, and 3 is its own friend.
fn db(people: usize) -> TestDb {
    let numbers = orm_tests::partners::series(people);
    let db = test_db!(
        File::new(&format!(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL, active BOOLEAN NOT NULL);
             CREATE TABLE friends (person_id INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
                friend_id INTEGER NOT NULL REFERENCES people ON DELETE CASCADE, accepted BOOLEAN NOT NULL DEFAULT FALSE,
                PRIMARY KEY (person_id, friend_id));
             CREATE TABLE places (east INTEGER NOT NULL, north INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (east, north));
             CREATE TABLE roads (id INTEGER PRIMARY KEY AUTOINCREMENT, from_east INTEGER NOT NULL, from_north INTEGER NOT NULL,
                to_east INTEGER NOT NULL, to_north INTEGER NOT NULL);
             INSERT INTO people SELECT value, 'p' || value, value, TRUE FROM {numbers};
             INSERT INTO friends SELECT value, value + 1, TRUE FROM {numbers} AS n WHERE value < {people} AND value % 2 = 1;
             INSERT INTO friends SELECT value + 1, value, TRUE FROM {numbers} AS n WHERE value < {people} AND value % 2 = 0;
             INSERT INTO friends VALUES (2, 1, FALSE), (3, 3, FALSE);
             INSERT INTO places VALUES (0, 0, 'a'), (0, 1, 'b'), (1, 0, 'c');
             INSERT INTO roads (from_east, from_north, to_east, to_north) VALUES (0, 0, 0, 1), (0, 1, 0, 0), (1, 0, 0, 0);",
        )),
        strict()
    );
    db.execute(diesel::sql_query(ENFORCING)).unwrap();
    db
}

fn rows(db: &TestDb) -> Vec<String> {
    db.file.values(
        "SELECT CAST(person_id AS TEXT) || ' ' || CAST(friend_id AS TEXT) AS value FROM friends ORDER BY person_id, friend_id",
    )
}

/// The lists, counts and sums of all
fn all(db: &TestDb) -> Result<Vec<(Vec<i32>, usize, i64)>> {
    let people = db.all::<Person>()?;
    people.map(|person| {
        let friends = person.friend_ids();
        Ok((friends.ids()?, friends.len()?, friends.sum(Person::AGE)?))
    })
}

#[test]
fn one_select_for_all() -> Result<()> {
    let db = db(6);
    let people = db.all::<Person>()?;
    let (found, statements) = db.watch(|| people.map(|person| Ok(person.friend_ids().load()?.ids())));
    assert_eq!(found?, [vec![2], vec![1, 3], vec![2, 3, 4], vec![3, 5], vec![4, 6], vec![5]]);
    assert_eq!(statements.len(), 1, "{statements:?}");
    // The members came with it.
    assert_eq!(db.assert_queries(0, || people.friend_ids().name())?.len(), 6);
    db.cache().clear();
    let people = db.all::<Person>()?;
    let counted = |person: &Record<Person>| {
        let friends = person.friend_ids();
        Ok((friends.len()?, friends.sum(Person::AGE)?, friends.count_where(people::age.gt(3))?))
    };
    let found = db.assert_queries(3, || people.map(counted))?;
    assert_eq!(found, [(1, 2, 0), (2, 4, 0), (3, 9, 1), (2, 8, 1), (2, 10, 2), (1, 5, 1)]);
    assert_eq!(db.assert_queries(1, || people.friend_ids().sum(Person::AGE))?, 1 + 2 + 3 + 4 + 5 + 6);
    Ok(())
}

#[test]
fn windows_of_a_thousand() -> Result<()> {
    let db = db(2500);
    let people = db.all::<Person>()?;
    let found = db.assert_queries(3, || people.map(|person| person.friend_ids().len()))?;
    assert_eq!((found[0], found[2], found[1000], found[2499]), (1, 3, 2, 1));
    Ok(())
}

#[test]
fn whoever_is_added_is_added_for_both_and_once() -> Result<()> {
    let db = db(6);
    all(&db)?;
    let (six, one) = (db.record::<Person>(6), db.record::<Person>(1));
    six.friend_ids().add(&one)?;
    // Both lists are right at once, and the row has the smaller key first, from whichever side it came.
    let lists =
        || Ok::<_, Error>((six.friend_ids().ids()?, one.friend_ids().ids()?, one.friend_ids().len()?));
    assert_eq!(db.assert_queries(0, lists)?, (vec![1, 5], vec![2, 6], 2));
    assert_eq!(rows(&db), ["1 2", "1 6", "2 1", "3 2", "3 3", "3 4", "5 4", "5 6"]);
    // It is there: from either side nothing is added, whether the lists are known or not.
    one.friend_ids().add(&six)?;
    db.cache().clear();
    one.friend_ids().add(&db.browse::<Person>([6, 2]))?;
    db.record::<Person>(2).friend_ids().add(&db.browse::<Person>([3, 1]))?;
    assert_eq!(rows(&db).len(), 8);
    let found = all(&db)?;
    assert_eq!((&found[0], &found[5]), (&(vec![2, 6], 2, 8), &(vec![1, 5], 2, 6)));
    // One's own friend, and pairs that are named from both sides
    let two = db.browse::<Person>([1, 6]);
    two.friend_ids().add(&two)?;
    assert_eq!(all(&db)?[0], (vec![1, 2, 6], 3, 9));
    assert_eq!(all(&db)?[5], (vec![1, 5, 6], 3, 12));
    db.cache().clear();
    assert_eq!(all(&db)?[0], (vec![1, 2, 6], 3, 9));
    assert_eq!(rows(&db).len(), 10);
    Ok(())
}

#[test]
fn whoever_is_removed_is_removed_for_both_in_whichever_direction_the_row_stands() -> Result<()> {
    for is_known in [false, true] {
        let db = db(6);
        if is_known {
            all(&db)?;
        }
        let of = |id: i32| db.record::<Person>(id);
        of(1).friend_ids().remove(&of(2))?;
        of(2).friend_ids().remove(&of(3))?;
        of(3).friend_ids().remove(&db.browse::<Person>([3, 4, 6]))?;
        assert_eq!(rows(&db), ["5 4", "5 6"], "{is_known}");
        let expected = [vec![], vec![], vec![], vec![5], vec![4, 6], vec![5]];
        assert_eq!(all(&db)?.into_iter().map(|of| of.0).collect::<Vec<_>>(), expected);
        of(5).friend_ids().set(&db.browse::<Person>([1, 6]))?;
        assert_eq!(rows(&db), ["1 5", "5 6"], "{is_known}");
        assert_eq!((of(1).friend_ids().ids()?, of(4).friend_ids().len()?), (vec![5], 0));
        let new = of(6).friend_ids().create(Person::values().id(7).name("n").age(1).active(true))?;
        assert_eq!((new.friend_ids().ids()?, of(6).friend_ids().ids()?), (vec![6], vec![5, 7]));
    }
    Ok(())
}

#[test]
fn what_is_taken_back_is_not_written() -> Result<()> {
    let db = db(6);
    all(&db)?;
    let (six, one) = (db.record::<Person>(6), db.record::<Person>(1));
    let statements = db
        .watch(|| {
            db.transaction(|| {
                six.friend_ids().add(&one)?;
                one.friend_ids().remove(&six)
            })
        })
        .1;
    assert!(!statements.iter().any(|statement| statement.sql.contains("friends")), "{statements:?}");
    assert_eq!(six.friend_ids().ids()?, [5]);
    let undone: Result<()> = db.transaction(|| {
        six.friend_ids().add(&one)?;
        db.record::<Person>(3).friend_ids().remove(&db.record::<Person>(4))?;
        assert_eq!(
            (one.friend_ids().ids()?, db.record::<Person>(4).friend_ids().ids()?),
            (vec![2, 6], vec![5])
        );
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!((one.friend_ids().ids()?, db.record::<Person>(4).friend_ids().ids()?), (vec![2], vec![3, 5]));
    Ok(())
}

#[test]
fn links_one_way_over_the_same_rows_follow() -> Result<()> {
    let db = db(6);
    let of = |id: i32| db.record::<Person>(id);
    let one_way = |id: i32| Ok::<_, Error>((of(id).asked_ids().ids()?, of(id).asked_by_ids().ids()?));
    all(&db)?;
    assert_eq!((one_way(1)?, one_way(6)?), ((vec![2], vec![2]), (vec![], vec![5])));
    of(6).friend_ids().add(&of(1))?;
    assert_eq!((one_way(1)?, one_way(6)?), ((vec![2, 6], vec![2]), (vec![], vec![1, 5])));
    // One of two rows: they stay friends.
    of(1).asked_ids().remove(&of(2))?;
    assert_eq!((of(1).friend_ids().ids()?, of(2).friend_ids().len()?), (vec![2, 6], 2));
    of(2).asked_ids().remove(&of(1))?;
    assert_eq!((of(1).friend_ids().ids()?, of(2).friend_ids().len()?), (vec![6], 1));
    of(4).asked_by_ids().add(&of(1))?;
    assert_eq!((of(1).friend_ids().ids()?, of(4).friend_ids().ids()?), (vec![4, 6], vec![1, 3, 5]));
    // Both in one transaction
    db.transaction(|| {
        of(1).asked_ids().add(&of(5))?;
        of(5).friend_ids().remove(&of(1))?;
        of(5).asked_ids().add(&of(2))
    })?;
    assert_eq!((of(1).friend_ids().ids()?, of(5).friend_ids().ids()?), (vec![4, 6], vec![2, 4, 6]));
    assert_eq!(rows(&db), ["1 4", "1 6", "3 2", "3 3", "3 4", "5 2", "5 4", "5 6"]);
    Ok(())
}

#[test]
fn the_table_of_pairs_has_a_model_of_its_own() -> Result<()> {
    let db = db(6);
    all(&db)?;
    db.create(Friendship::values().person_id(6).friend_id(1).accepted(true))?;
    assert_eq!(db.record::<Person>(1).friend_ids().ids()?, [2, 6]);
    db.record::<Friendship>((1, 2)).delete()?;
    assert_eq!(db.record::<Person>(1).friend_ids().ids()?, [2, 6]);
    db.record::<Friendship>((2, 1)).delete()?;
    assert_eq!(db.record::<Person>(1).friend_ids().ids()?, [6]);
    let friendship = db.record::<Friendship>((6, 1));
    assert!(friendship.accepted()?);
    db.record::<Person>(1).friend_ids().remove(&db.record::<Person>(6))?;
    assert!(friendship.accepted().unwrap_err().is_missing_record());
    Ok(())
}

#[test]
fn who_is_deleted_leaves_all_lists() -> Result<()> {
    let db = db(6);
    all(&db)?;
    db.record::<Person>(3).delete()?;
    assert_eq!(
        (db.record::<Person>(2).friend_ids().ids()?, db.record::<Person>(4).friend_ids().len()?),
        (vec![1], 1)
    );
    db.cache().clear();
    assert_eq!(
        (db.record::<Person>(2).friend_ids().ids()?, db.record::<Person>(4).friend_ids().len()?),
        (vec![1], 1)
    );
    Ok(())
}

#[test]
fn a_filter_over_the_pairs_an_order_and_a_limit() -> Result<()> {
    let db = db(6);
    let people = db.all::<Person>()?;
    let accepted = || people.map(|person| person.accepted_ids().ids());
    assert_eq!(
        db.assert_queries(1, accepted)?,
        [vec![2], vec![3, 1], vec![4, 2], vec![5, 3], vec![6, 4], vec![5]]
    );
    assert_eq!(
        db.assert_queries(1, || people.map(|person| person.oldest_ids().ids()))?,
        [[2], [3], [4], [5], [6], [5]]
    );
    assert_eq!(
        db.assert_queries(0, || people.map(|person| person.oldest_ids().sum(Person::AGE)))?,
        [2, 3, 4, 5, 6, 5]
    );
    db.record::<Person>(4).set_active(false)?;
    assert_eq!(accepted()?, [vec![2], vec![3, 1], vec![2], vec![5, 3], vec![6], vec![5]]);
    // What the filter fixes is filled in, and rows that are otherwise stay.
    db.record::<Person>(6).accepted_ids().add(&db.record::<Person>(4))?;
    assert_eq!(
        (db.record::<Person>(4).accepted_ids().ids()?, db.record::<Person>(4).active()?),
        (vec![6, 5, 3], true)
    );
    db.record::<Person>(1).accepted_ids().remove(&db.record::<Person>(2))?;
    assert_eq!((accepted()?[0].clone(), db.record::<Person>(1).friend_ids().ids()?), (vec![], vec![2]));
    assert_eq!(rows(&db), ["2 1", "3 2", "3 3", "3 4", "4 6", "5 4", "5 6"]);
    Ok(())
}

#[test]
fn keys_of_several_columns() -> Result<()> {
    let db = db(3);
    let places = db.all::<Place>()?;
    let next = || places.map(|place| place.next_ids().ids());
    assert_eq!(db.assert_queries(1, next)?, [vec![(0, 1), (1, 0)], vec![(0, 0)], vec![(0, 0)]]);
    db.cache().clear();
    let places = db.all::<Place>()?;
    assert_eq!(db.assert_queries(1, || places.map(|place| place.next_ids().len()))?, [2, 1, 1]);
    let (b, c) = (places.get(1).unwrap(), places.get(2).unwrap());
    c.next_ids().add(&b)?;
    b.next_ids().remove(&places.get(0).unwrap())?;
    assert_eq!(
        places.map(|place| place.next_ids().ids())?,
        [vec![(1, 0)], vec![(1, 0)], vec![(0, 0), (0, 1)]]
    );
    assert_eq!(db.file.values("SELECT CAST(COUNT(*) AS TEXT) AS value FROM roads"), ["2"]);
    Ok(())
}
