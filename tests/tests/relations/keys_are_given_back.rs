//! `clear()` gives keys back when no record or set is held and nothing waits; keys crowd no values out of a limit, as no
//! eviction could free them; a limit can be taken away again.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::{Country, Partner, partners, series};
use orm_tests::{File, TestDb, test_db};

diesel::table! { people { id -> Text, name -> Text, team_id -> Integer } }
diesel::table! { teams { id -> Integer, name -> Text } }

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: String,
    name: String,
    team_id: Id<Team>,
}

#[derive(Model)]
#[model(table = teams)]
struct Team {
    id: i32,
    name: String,
}

/// 40 jobs of 1,000 people with keys of 36 letters, over 300 teams
fn file() -> File {
    File::new(&format!(
        "CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, team_id INTEGER NOT NULL);
         CREATE TABLE teams (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         INSERT INTO people SELECT (10000000 + value) || '-0000-4000-8000-' || (100000000000 + value * 7), 'n' || value, 1 + value % 300
             FROM {};
         INSERT INTO teams SELECT value, 't' || value FROM {}",
        series(40_000),
        series(300),
    ))
}

fn job<'env>(db: &'env TestDb, job: i64) -> Result<RecordSet<'env, Person>> {
    let people = people::table.order(people::id).offset(job * 1000).limit(1000).records::<Person>(&db.env)?;
    for person in &people {
        person.name()?;
        person.team_id().name()?;
    }
    Ok(people)
}

#[test]
fn a_worker_that_clears_between_its_jobs_stays_as_it_was() -> Result<()> {
    let db = test_db!(file(), cache_bytes(2 << 20));
    let (mut first, mut bytes) = (0, 0);
    for number in 0..40 {
        db.assert_queries(2, || job(&db, number).map(drop))?;
        bytes = db.stats().bytes;
        first = if number == 0 { bytes } else { first };
        db.cache().clear();
        assert_eq!(db.stats().bytes, 0, "nothing is left of job {number}");
    }
    assert_eq!(bytes, first, "the last job takes what the first one took");
    assert_eq!(db.stats().evictions, 0);
    Ok(())
}

#[test]
fn without_a_clear_keys_grow_but_do_not_crowd_values_out() -> Result<()> {
    let db = test_db!(file(), cache_bytes(1 << 20));
    for number in 0..40 {
        let (done, statements) = db.watch(|| job(&db, number).map(drop));
        done?;
        assert!(statements.len() <= 2, "job {number}: {} statements", statements.len());
    }
    assert!(db.stats().bytes > 2 << 20, "keys alone are more than the limit: {}", db.stats().bytes);
    assert!(db.stats().evictions > 0, "values keep to it");
    Ok(())
}

#[test]
fn a_record_that_is_held_keeps_its_key() -> Result<()> {
    let db = test_db!(file());
    let people = job(&db, 3)?;
    let (first, last) = (people.first().expect("one"), people.last().expect("one"));
    let (id, team) = (first.id(), last.team_id());
    drop(people);
    db.cache().clear();
    assert_eq!(db.stats().values, 0);
    assert!(db.stats().bytes > 0, "the keys are still there");
    assert_eq!(first.id(), id);
    assert_eq!(first.name()?, "n3001");
    assert_eq!(team.name()?, format!("t{}", 1 + 4000 % 300));
    drop((first, team));
    db.cache().clear();
    assert!(db.stats().bytes > 0, "one record is held");
    drop(last);
    db.cache().clear();
    assert_eq!(db.stats().bytes, 0);
    Ok(())
}

#[test]
fn what_waits_to_be_written_keeps_its_key() -> Result<()> {
    let db = test_db!(file());
    db.transaction(|| {
        db.env.record::<Team>(7).set_name("seven")?;
        db.cache().clear();
        assert_eq!(db.stats().dirty, 1);
        assert_eq!(db.env.record::<Team>(7).name()?, "seven");
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT name AS value FROM teams WHERE id = 7"), ["seven"]);
    db.cache().clear();
    assert_eq!((db.stats().values, db.stats().bytes), (0, 0));
    assert_eq!(db.env.record::<Team>(7).name()?, "seven");
    Ok(())
}

#[test]
fn a_clear_between_batches_does_no_harm() -> Result<()> {
    let db = TestDb::of_partners(1000, 10);
    let before = db.env.all::<Country>()?;
    before.name()?;
    drop(before);
    let mut names = Vec::new();
    for batch in db.env.batches::<Partner, _>(partners::table.order(partners::id.desc()), 100)? {
        let batch = batch?;
        names.extend(batch.name()?);
        assert!(batch.country_id().name()?.len() <= 10);
        drop(batch);
        db.cache().clear();
        assert_eq!(db.stats().bytes, 0);
    }
    assert_eq!(names.len(), 1000);
    assert_eq!((&*names[0], &*names[999]), ("Partner number 1000", "Partner number 1"));
    Ok(())
}

#[test]
fn a_clear_in_a_transaction_that_is_rolled_back_does_no_harm() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.env.all::<Partner>()?.name()?;
    let refused = db.transaction(|| {
        db.env.record::<Partner>(1).set_name("new")?;
        db.env.flush()?;
        db.cache().clear();
        assert_eq!(db.env.record::<Partner>(1).name()?, "new");
        Err::<(), _>(orm_core::Error::other("no"))
    });
    assert!(refused.is_err());
    assert_eq!(db.env.record::<Partner>(1).name()?, "Partner number 1");
    assert_eq!(db.env.all::<Partner>()?.country_id().name()?.len(), 2);
    Ok(())
}

#[test]
fn a_limit_can_be_taken_away() -> Result<()> {
    let db = test_db!(File::of_partners(1000, 10), cache_limit(100));
    db.env.all::<Partner>()?;
    assert!(db.stats().records <= 100);
    db.cache().set_limit(None);
    let all = db.env.all::<Partner>()?;
    assert_eq!(db.stats().records, 1000);
    db.cache().set_byte_limit(20_000);
    assert!(db.stats().records < 1000);
    db.cache().set_byte_limit(None);
    all.prefetch()?;
    assert_eq!(db.stats().records, 1000);
    db.cache().set_limit(Some(50));
    assert!(db.stats().records <= 50);
    Ok(())
}
