//! `update` assigns diesel's expressions to the records of a set: what was assigned is missing afterwards, and all else stays.

use diesel::dsl::sql;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{TestDb, on};

diesel::table! { teams { id -> Integer, name -> Text, size -> Integer } }
diesel::table! { people { id -> Integer, name -> Text, age -> Integer, team_id -> Nullable<Integer>, version -> Integer } }
diesel::allow_tables_to_appear_in_same_query!(teams, people);

#[derive(Model)]
#[model(table = teams)]
struct Team {
    id: i32,
    name: String,
    size: i32,
    #[model(inverse = Person::TEAM_ID)]
    people_ids: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    age: i32,
    team_id: Option<Id<Team>>,
    #[model(version)]
    version: i32,
}

fn db() -> TestDb {
    TestDb::new(
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL CHECK (size < 100));
         CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL, team_id INTEGER REFERENCES teams,
             version INTEGER NOT NULL);
         INSERT INTO teams VALUES (1, 'red', 10), (2, 'blue', 20), (3, 'green', 30);
         INSERT INTO people VALUES (1, 'a', 20, 1, 1), (2, 'b', 30, 1, 1), (3, 'c', 40, 2, 1), (4, 'd', 50, NULL, 1)",
    )
}

#[test]
fn what_is_assigned_is_read_again_and_nothing_else() -> Result<()> {
    let db = db();
    let teams = db.all::<Team>()?;
    db.assert_keys(&[2], || teams.slice(..2).update(teams::size.eq(teams::size + 1)))?;
    db.assert_queries(0, || assert_eq!(teams.name().unwrap(), ["red", "blue", "green"]));
    assert_eq!(db.assert_keys(&[2], || teams.size())?, [11, 21, 30]);
    // More than one, among them one that reads another column
    teams.update((teams::name.eq("team"), teams::size.eq(teams::id * 2)))?;
    assert_eq!((teams.name()?, teams.size()?), (vec!["team".into(); 3], vec![2, 4, 6]));
    // Nothing to assign, and nobody to assign it to
    db.assert_queries(0, || teams.update(teams::size.eq(5).and_then_nothing()).unwrap());
    db.assert_queries(0, || teams.slice(..0).update(teams::size.eq(5)).unwrap());
    Ok(())
}

/// A changeset that changes nothing
trait Nothing: Sized {
    fn and_then_nothing(self) -> Option<Self> {
        None
    }
}
impl<T> Nothing for T {}

#[test]
fn what_waits_is_sent_before_it() -> Result<()> {
    let db = db();
    let team = db.record::<Team>(1);
    db.transaction(|| {
        team.set_size(50)?;
        team.update(teams::size.eq(teams::size + 1))?;
        assert_eq!(team.size()?, 51);
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT size AS value FROM teams WHERE id = 1 ORDER BY id"), ["51"]);
    Ok(())
}

#[test]
fn a_link_that_is_assigned_moves_its_records() -> Result<()> {
    let db = db();
    let teams = db.all::<Team>()?;
    let lists = || -> Result<Vec<Vec<i32>>> { teams.iter().map(|team| team.people_ids().ids()).collect() };
    let people = db.all::<Person>()?;
    assert_eq!(lists()?, [vec![1, 2], vec![3], vec![]]);
    people.slice(..2).update(people::team_id.eq(people::team_id + 2))?;
    assert_eq!(people.get(0).expect("a").team_id().id()?, Some(3));
    assert_eq!(lists()?, [vec![], vec![3], vec![1, 2]]);
    assert_eq!(teams.iter().map(|team| team.people_ids().len()).collect::<Result<Vec<_>>>()?, [0, 1, 2]);
    Ok(())
}

#[test]
fn a_version_is_counted_on_and_compared_where_it_was_read() -> Result<()> {
    let db = db();
    let people = db.all::<Person>()?;
    people.slice(..2).update(people::age.eq(people::age + 1))?;
    db.assert_queries(0, || assert_eq!(people.version().unwrap(), [2, 2, 1, 1]));
    db.file.run("UPDATE people SET version = 9 WHERE id = 3");
    let error = people.update(people::age.eq(0)).unwrap_err();
    assert!(matches!(&error, Error::Conflict { model: "Person", id } if id == "3"), "{error}");
    assert_eq!(db.file.values("SELECT age AS value FROM people ORDER BY id"), ["21", "31", "40", "50"]);
    assert_eq!(people.age()?, [21, 31, 40, 50]);
    // Of what was never read nobody has seen anything that it could contradict: one statement, and no SELECT.
    db.cache().clear();
    db.assert_queries(1, || db.browse::<Person>([3, 4]).update(people::age.eq(people::age * 2)))?;
    assert_eq!(
        db.file.values("SELECT age || '/' || version AS value FROM people WHERE id > 2 ORDER BY id"),
        ["80/10", "100/2"]
    );
    Ok(())
}

#[test]
fn all_or_none_are_updated() -> Result<()> {
    let db = db();
    let teams = db.all::<Team>()?;
    let error = teams.update(teams::size.eq(teams::size + 75)).unwrap_err();
    assert!(error.violation().is_some() && error.to_string().contains("Team"), "{error}");
    assert_eq!(teams.size()?, [10, 20, 30]);
    db.file.run("DELETE FROM teams WHERE id = 3");
    let error = teams.update(teams::size.eq(teams::size + 1)).unwrap_err();
    assert!(error.is_missing_record() && error.to_string().contains("Team"), "{error}");
    assert_eq!(db.file.values("SELECT size AS value FROM teams ORDER BY id"), ["10", "20"]);
    // The transaction around it goes on.
    db.transaction(|| {
        assert!(teams.slice(..2).update(teams::size.eq(200)).is_err());
        teams.slice(..2).update(teams::size.eq(7))
    })?;
    assert_eq!(teams.slice(..2).size()?, [7, 7]);
    Ok(())
}

#[test]
fn keys_and_versions_are_not_assigned_to() {
    let db = db();
    let refused = |error: Error, what: &str| {
        assert!(matches!(&error, Error::Other { .. }) && error.to_string().contains(what), "{error}");
    };
    let people = db.browse::<Person>([1, 2]);
    db.assert_queries(0, || {
        refused(people.update(people::id.eq(people::id + 10)).unwrap_err(), "the primary key");
        refused(people.update((people::age.eq(1), people::version.eq(1))).unwrap_err(), "the version");
    });
    // Reading them is another thing.
    people.update(people::age.eq(people::id + people::version)).unwrap();
    assert_eq!(people.age().unwrap(), [2, 3]);
}

#[test]
fn thousands_are_one_update() -> Result<()> {
    let db = db();
    let teams = db.create_many((0..2_500).map(|size| Team::values().name("t").size(size % 90)))?;
    // The two ends of a row of keys, or all of them, and what is added
    db.assert_keys(&[on!(sqlite 3, postgres 2_501, mysql 2_501)], || {
        teams.update(teams::size.eq(teams::size + 1))
    })?;
    assert_eq!(teams.get(2_499).expect("the last").size()?, 2_499 % 90 + 1);
    Ok(())
}

#[test]
fn what_reads_other_rows_is_one_statement_or_an_error() -> Result<()> {
    let db = db();
    let people = db.create_many((0..2_500).map(|age| Person::values().name("n").age(age)))?;
    db.cache().clear();
    // Of some of them the version is known, of others not.
    people.slice(..10).age()?;
    let oldest =
        || people::age.eq(sql::<diesel::sql_types::Integer>("(SELECT max(age) + 1 FROM people AS other)"));
    let (updated, statements) = db.watch(|| people.update(oldest()));
    updated?;
    assert_eq!(
        statements.iter().filter(|statement| statement.sql.starts_with("UPDATE")).count(),
        1,
        "{statements:?}"
    );
    assert!(people.age()?.iter().all(|&age| age == 2_500));
    let many = db.browse::<Team>(1..=40_000);
    let size = || teams::size.eq(sql::<diesel::sql_types::Integer>("(SELECT max(age) FROM people)"));
    let error = db.assert_queries(0, || many.update(size()).unwrap_err()).to_string();
    assert!(error.contains("reads other rows") && error.contains("40000"), "{error}");
    Ok(())
}

#[test]
fn what_is_assigned_by_sql_is_known_too() -> Result<()> {
    let db = db();
    let teams = db.all::<Team>()?;
    teams.name()?;
    let changes =
        sql::<diesel::sql_types::Integer>("(SELECT max(id) FROM people WHERE \"id\" = 3), NAME = 'a, (b'");
    teams.update(teams::size.eq(changes))?;
    assert_eq!((teams.size()?, teams.name()?), (vec![3; 3], vec!["a, (b".into(); 3]));
    let changes = sql::<diesel::sql_types::Integer>("1, `ID` = 7");
    let error = teams.update(teams::size.eq(changes)).unwrap_err().to_string();
    assert!(error.contains("the primary key"), "{error}");
    Ok(())
}
