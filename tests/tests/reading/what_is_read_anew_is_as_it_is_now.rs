//! A search with `records_fresh`, `refresh` and `lock` show what the rows hold now; what waits to be written stays.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result, TransactionOptions, assert_queries};
use orm_tests::database::{File, TestDb};
use orm_tests::{on, test_db};

diesel::table! { teams { id -> Integer, name -> Text } }
diesel::table! { people { id -> Integer, name -> Text, age -> Integer, notes -> Text, team_id -> Nullable<Integer>, version -> Integer } }
diesel::table! { places (x, y) { x -> Integer, y -> Integer, kind -> Text } }

#[derive(Model)]
struct Team {
    id: i32,
    name: String,
    #[model(inverse = Person::TEAM_ID)]
    person_ids: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    age: i32,
    #[model(deferred)]
    notes: String,
    team_id: Option<Id<Team>>,
    #[model(version)]
    version: i32,
}

/// The same table
#[derive(Model)]
#[model(table = people)]
struct Named {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Place {
    #[model(primary_key)]
    x: i32,
    #[model(primary_key)]
    y: i32,
    kind: String,
}

fn schema() -> TestDb {
    let sql = "CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL, notes TEXT NOT NULL,
            team_id INTEGER, version INTEGER NOT NULL);
        CREATE TABLE places (x INTEGER NOT NULL, y INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (x, y));
        INSERT INTO teams VALUES (1, 'red'), (2, 'blue');
        INSERT INTO people VALUES (1, 'ann', 20, 'a', 1, 1), (2, 'bob', 30, 'b', 1, 1), (3, 'cid', 40, 'c', 2, 1);
        INSERT INTO places VALUES (1, 1, 'park'), (1, 2, 'pond'), (2, 1, 'hill')";
    test_db!(File::new(sql), strict())
}

#[test]
fn a_fresh_search_replaces_what_is_clean() -> Result<()> {
    let db = schema();
    let all = db.all::<Person>()?;
    all.notes()?;
    let red = db.record::<Team>(1);
    assert_eq!(red.person_ids().ids()?, [1, 2]);
    db.file.run("UPDATE people SET age = age + 1, notes = 'new', version = 2");
    db.transaction(|| {
        let usual = people::table.filter(people::age.gt(30)).records::<Person>(&db)?;
        assert_eq!((usual.ids(), usual.age()?), (vec![2, 3], vec![30, 40]));
        let fresh = people::table.filter(people::age.gt(30)).records_fresh::<Person>(&db)?;
        assert_queries!(db.env, 0, { assert_eq!((fresh.ids(), fresh.age()?), (vec![2, 3], vec![31, 41])) });
        assert_queries!(db.env, 1, { assert_eq!(fresh.notes()?, ["new", "new"]) });
        // Who was not found stays as it was.
        assert_queries!(db.env, 0, {
            assert_eq!((all.age()?, all.first().unwrap().notes()?), (vec![20, 31, 41], "a".into()));
        });
        Ok(())
    })
}

#[test]
fn a_refresh_is_one_select_for_the_set_and_lists_are_read_again() -> Result<()> {
    let db = schema();
    let (all, teams) = (db.all::<Person>()?, db.all::<Team>()?);
    teams.person_ids().load()?;
    db.file.run("UPDATE people SET name = name || '!', team_id = 2 WHERE id = 1; UPDATE teams SET name = 'green' WHERE id = 1");
    assert_eq!(all.name()?, ["ann", "bob", "cid"]);
    assert_queries!(db.env, 1, { all.refresh()? });
    assert_queries!(db.env, 0, { assert_eq!(all.name()?, ["ann!", "bob", "cid"]) });
    assert_queries!(db.env, 0, { assert_eq!(all.team_id().load()?.ids(), [2, 1]) });
    assert_queries!(db.env, 1, { teams.first().unwrap().refresh()? });
    assert_queries!(db.env, 1, {
        assert_eq!(
            (teams.name()?, teams.first().unwrap().person_ids().ids()?),
            (vec!["green".into(), "blue".into()], vec![2])
        );
    });
    // By a link: the list, and then its members.
    db.file.run("UPDATE people SET name = 'bo', team_id = 2 WHERE id = 2");
    let blue = db.record::<Team>(2);
    assert_queries!(db.env, 2, { blue.person_ids().refresh()? });
    assert_queries!(db.env, 0, {
        assert_eq!(
            (blue.person_ids().ids()?, blue.person_ids().name()?[1].clone()),
            (vec![1, 2, 3], "bo".into())
        );
    });
    db.file.run("UPDATE teams SET name = 'violet' WHERE id = 2");
    db.record::<Person>(1).team_id().refresh()?;
    assert_eq!(blue.name()?, "violet");
    Ok(())
}

#[test]
fn what_waits_stays_with_the_version_that_it_was_based_on() -> Result<()> {
    let db = schema();
    let ann = db.record::<Person>(1);
    assert_eq!((ann.name()?, ann.age()?), ("ann".into(), 20));
    let refused = db.transaction(|| {
        ann.set_name("anna")?;
        db.file.run("UPDATE people SET name = 'x', age = 21, version = 2 WHERE id = 1");
        ann.refresh()?;
        assert_queries!(db.env, 0, { assert_eq!((ann.name()?, ann.age()?), ("anna".into(), 21)) });
        Ok(())
    });
    assert!(refused.is_err_and(|error| error.is_conflict()));
    assert_eq!((ann.name()?, ann.version()?), ("x".into(), 2));
    // With a fresh version it is no conflict.
    db.file.run("UPDATE people SET age = 22, version = 3 WHERE id = 1");
    ann.refresh()?;
    ann.set_age(ann.age()? + 1)?;
    assert_eq!(people::table.find(1).select(people::age).first::<i32>(&mut db.file.connect()).unwrap(), 23);
    Ok(())
}

#[test]
fn who_is_gone_is_an_error_of_its_own() -> Result<()> {
    let db = schema();
    let all = db.all::<Person>()?;
    db.file.run("DELETE FROM people WHERE id = 2");
    assert_eq!(all.name()?.len(), 3);
    all.refresh()?;
    let bob = all.get(1).unwrap();
    assert_queries!(db.env, 0, { assert!(bob.name().is_err_and(|error| error.is_missing_record())) });
    assert_queries!(db.env, 0, { assert_eq!(all.get(2).unwrap().name()?, "cid") });
    assert!(bob.refresh().is_err_and(|error| error.is_missing_record()));
    db.file.run("INSERT INTO people VALUES (2, 'ben', 1, '', NULL, 1)");
    bob.refresh()?;
    assert_eq!((bob.name()?, bob.team_id().refresh().is_ok()), ("ben".into(), true));
    Ok(())
}

#[test]
fn all_models_of_a_table_and_keys_of_several_columns() -> Result<()> {
    let db = schema();
    let (person, named) = (db.record::<Person>(1), db.record::<Named>(1));
    assert_eq!((person.age()?, named.name()?), (20, "ann".into()));
    db.file.run(
        "UPDATE people SET name = 'anna', age = 21, version = 2; UPDATE places SET kind = 'wood' WHERE y = 1",
    );
    named.refresh()?;
    assert_eq!((named.name()?, person.name()?, person.age()?), ("anna".into(), "anna".into(), 21));
    let places = db.browse::<Place>([(2, 1), (1, 2), (1, 1), (2, 1)]);
    assert_eq!(places.kind()?.len(), 4);
    db.file.run("UPDATE places SET kind = 'sea'");
    assert_queries!(db.env, 1, { places.refresh()? });
    assert_queries!(db.env, 0, { assert_eq!(places.kind()?, ["sea"; 4]) });
    db.transaction(|| places.lock())?;
    Ok(())
}

#[test]
fn a_lock_waits_for_the_right_to_write_and_shows_what_is_there() -> Result<()> {
    let db = schema();
    let ann = db.record::<Person>(1);
    assert_eq!(ann.age()?, 20);
    assert!(ann.lock().is_err_and(|error| matches!(error, Error::NoTransaction { .. })));
    db.file.run("UPDATE people SET age = 50, version = 2 WHERE id = 1");
    db.transaction(|| {
        ann.lock()?;
        assert_queries!(db.env, 0, { assert_eq!(ann.age()?, 50) });
        let mut other = db.file.connect();
        let wait_no_longer = on!(
            sqlite "PRAGMA busy_timeout = 0",
            postgres "SET lock_timeout = 10",
            mysql "SET innodb_lock_wait_timeout = 0"
        );
        diesel::sql_query(wait_no_longer).execute(&mut other).unwrap();
        let refused = diesel::update(people::table).set(people::age.eq(1)).execute(&mut other);
        assert!(refused.is_err_and(|error| error.to_string().to_lowercase().contains("lock")));
        ann.set_age(ann.age()? - 10)
    })?;
    assert_eq!(people::table.find(1).select(people::age).first::<i32>(&mut db.file.connect()).unwrap(), 40);
    let options = TransactionOptions::new();
    db.transaction_with(on!(sqlite options.immediate(), postgres options, mysql options), || {
        let team = db.record::<Team>(1);
        team.person_ids().lock()?;
        ann.team_id().lock()?;
        db.all::<Person>()?.lock()
    })
}

/// A row that has come anew says whose member it is: the lists, counts and aggregates of who had it and who has it are older than that.
#[test]
fn a_link_that_has_come_anew_leads_out_of_one_list_and_into_another() -> Result<()> {
    type Way = fn(&Record<'_, Person>) -> Result<()>;
    let ways: [Way; 3] = [
        |ann| ann.refresh(),
        |ann| ann.env().transaction(|| ann.lock()),
        |ann| people::table.filter(people::id.eq(1)).records_fresh::<Person>(ann.env()).map(drop),
    ];
    for way in ways {
        let db = schema();
        let (red, blue, ann) = (db.record::<Team>(1), db.record::<Team>(2), db.record::<Person>(1));
        let shown = || -> Result<_> {
            let of = |team: &Record<'_, Team>| -> Result<_> {
                let people = team.person_ids();
                Ok((people.ids()?, people.len()?, people.sum(Person::AGE)?))
            };
            Ok((of(&red)?, of(&blue)?))
        };
        assert_eq!((shown()?, ann.team_id().id()?), (((vec![1, 2], 2, 50), (vec![3], 1, 40)), Some(1)));
        db.file.run("UPDATE people SET team_id = 2 WHERE id = 1");
        way(&ann)?;
        assert_eq!((shown()?, ann.team_id().id()?), (((vec![2], 1, 30), (vec![1, 3], 2, 60)), Some(2)));
        ann.set_team_id(&red)?;
        assert_eq!(shown()?, ((vec![1, 2], 2, 50), (vec![3], 1, 40)));
        // The same again costs nothing of what does not follow from the row's other fields.
        way(&ann)?;
        assert_queries!(db.env, 0, {
            assert_eq!((red.person_ids().ids()?, blue.person_ids().len()?), (vec![1, 2], 1));
        });
    }
    Ok(())
}

/// A list that is older than a link does not keep a member that a write moves on.
#[test]
fn a_member_that_is_moved_is_in_no_other_list() -> Result<()> {
    let db = schema();
    let (red, ann) = (db.record::<Team>(1), db.record::<Person>(1));
    assert_eq!(red.person_ids().ids()?, [1, 2]);
    db.file.run("UPDATE people SET team_id = 2 WHERE id = 1");
    db.cache().invalidate(Person::TEAM_ID, [1]);
    assert_eq!(ann.team_id().id()?, Some(2));
    ann.set_team_id(None)?;
    assert_eq!(red.person_ids().ids()?, [2]);
    Ok(())
}

#[test]
fn who_is_locked_is_in_the_list_of_its_owner_though_its_link_was_never_read() -> Result<()> {
    let db = schema();
    let (red, blue) = (db.record::<Team>(1), db.record::<Team>(2));
    let lists =
        || -> Result<_> { Ok((red.person_ids().ids()?, red.person_ids().len()?, blue.person_ids().ids()?)) };
    assert_eq!(lists()?, (vec![1, 2], 2, vec![3]));
    db.file.run("UPDATE people SET team_id = 2 WHERE id = 1");
    assert_eq!(lists()?, (vec![1, 2], 2, vec![3]));
    db.transaction(|| {
        db.browse::<Person>([1, 2]).lock()?;
        assert_eq!(lists()?, (vec![2], 1, vec![1, 3]));
        assert_eq!(db.record::<Person>(1).team_id().id()?, Some(2));
        Ok(())
    })?;
    // What the rows confirm stays.
    let fresh = people::table.filter(people::id.le(3)).records_fresh::<Person>(&db)?;
    assert_queries!(db.env, 0, { assert_eq!((fresh.len(), lists()?), (3, (vec![2], 1, vec![1, 3]))) });
    Ok(())
}
