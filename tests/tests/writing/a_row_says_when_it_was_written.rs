//! `created_at` and `updated_at`: the application's clock, one moment for all that is sent together, no statement more.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime};
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! {
    notes { id -> Integer, title -> Text, slug -> Text, parent_id -> Nullable<Integer>, created -> Timestamp, updated -> Nullable<Timestamp>, millis -> BigInt, version -> Integer }
}
diesel::table! { others { id -> Integer, name -> Text, updated -> Text } }

fn utc(now: SystemTime) -> NaiveDateTime {
    let since = since(now);
    let seconds = i64::try_from(since.as_secs()).expect("not that late");
    DateTime::from_timestamp(seconds, since.subsec_nanos()).expect("not that late").naive_utc()
}

fn since(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH).expect("not that early")
}

fn millis(now: SystemTime) -> i64 {
    i64::try_from(since(now).as_millis()).expect("not that late")
}

fn text(now: SystemTime) -> String {
    utc(now).to_string()
}

#[derive(Model)]
struct Note {
    id: i32,
    title: String,
    slug: String,
    parent_id: Option<Id<Note>>,
    #[model(inverse = Note::PARENT_ID)]
    child_ids: OneToMany<Note>,
    #[model(created_at = utc)]
    created: NaiveDateTime,
    #[model(updated_at = utc_or_null)]
    updated: Option<NaiveDateTime>,
    #[model(updated_at = millis)]
    millis: i64,
    #[model(version)]
    version: i32,
}

fn utc_or_null(now: SystemTime) -> Option<NaiveDateTime> {
    Some(utc(now))
}

#[derive(Model)]
struct Other {
    id: i32,
    name: String,
    #[model(updated_at = text)]
    updated: String,
}

const LONG_AGO: &str = "2000-01-01 00:00:00";

fn schema() -> TestDb {
    let sql = format!(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL DEFAULT '', slug TEXT NOT NULL UNIQUE, parent_id INTEGER, created TIMESTAMP NOT NULL, updated TIMESTAMP,
            millis BIGINT NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1);
        CREATE TABLE others (id INTEGER PRIMARY KEY, name TEXT NOT NULL, updated TEXT NOT NULL);
        INSERT INTO notes (id, slug, created) VALUES (1, 'a', '{LONG_AGO}'), (2, 'b', '{LONG_AGO}'), (3, 'c', '{LONG_AGO}');
        INSERT INTO others VALUES (1, 'x', '')"
    );
    test_db!(File::new(&sql))
}

fn long_ago() -> NaiveDateTime {
    utc(SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800))
}

#[test]
fn what_is_created_says_when() -> Result<()> {
    let db = schema();
    let before = utc(SystemTime::now() - Duration::from_millis(1));
    let notes = db.assert_queries(1, || {
        db.create_many((0..50).map(|n| Note::values().slug(format!("s{n}")).title("new")))
    })?;
    let created = notes.created()?;
    assert!(created[0] > before && created.iter().all(|at| *at == created[0]), "{created:?}");
    assert_eq!(notes.updated()?, created.iter().map(|at| Some(*at)).collect::<Vec<_>>());
    // As the database has it
    let shown = (notes.created()?, notes.millis()?);
    db.cache().clear();
    assert_eq!((notes.created()?, notes.millis()?), shown);
    // Who says it himself is believed.
    let imported = db.create(Note::values().slug("i").created(long_ago()))?;
    assert_eq!(imported.created()?, long_ago());
    assert!(imported.updated()? > Some(before));
    let child = imported.child_ids().create(Note::values().slug("child"))?;
    assert!(child.created()? > before);
    Ok(())
}

#[test]
fn what_is_written_says_when_once_a_flush() -> Result<()> {
    let db = schema();
    let notes = db.all::<Note>()?;
    let before = millis(SystemTime::now());
    // With what is written, and not beside it; without RETURNING versions are looked at before.
    db.assert_queries(2 + usize::from(cfg!(feature = "mysql")), || {
        db.transaction(|| {
            db.record::<Note>(1).set_title("one")?;
            db.record::<Note>(1).child_ids().add(&db.record::<Note>(2))?;
            db.record::<Other>(1).set_name("y")?;
            // Not yet sent
            assert_eq!(db.cache().get(Note::MILLIS, 1), Some(0));
            Ok(())
        })
    })?;
    let written = notes.millis()?;
    assert!(written[0] >= before && written[1] == written[0], "{written:?}");
    assert_eq!((written[2], notes.created()?), (0, vec![long_ago(); 3]));
    assert_eq!(db.record::<Note>(3).updated()?, None);
    let of_other = db.record::<Other>(1).updated()?;
    assert_eq!(notes.updated()?[0].map(|at| at.to_string()), Some(of_other.to_string()));
    assert_eq!(
        db.file.values("SELECT millis AS value FROM notes WHERE id = 2 ORDER BY id"),
        [written[0].to_string()]
    );
    assert_eq!(notes.version()?, [2, 2, 1]);
    // What is set by hand stays.
    db.transaction(|| {
        db.record::<Note>(1).set_millis(7)?;
        db.record::<Note>(1).set_title("two")
    })?;
    assert_eq!(db.record::<Note>(1).millis()?, 7);
    // A value that it has already is no write.
    db.assert_queries(0, || db.record::<Note>(1).set_title("two"))?;
    Ok(())
}

#[test]
fn what_is_rolled_back_says_what_it_said() -> Result<()> {
    let db = schema();
    let note = db.record::<Note>(1);
    note.title()?;
    let refused: Result<()> = db.transaction(|| {
        note.set_title("one")?;
        db.flush()?;
        assert!(note.millis()? > 0);
        Err(Error::other("no"))
    });
    assert!(refused.is_err());
    assert_eq!((note.millis()?, note.updated()?), (0, None));
    Ok(())
}

#[test]
fn an_upsert_leaves_when_it_was_created() -> Result<()> {
    let db = schema();
    let note = db.upsert(Note::SLUG, Note::values().slug("a").title("upserted"))?;
    assert_eq!((note.id(), note.title()?, note.created()?), (1, "upserted".into(), long_ago()));
    assert!(note.millis()? > 0);
    let new = db.upsert(Note::SLUG, Note::values().slug("new"))?;
    assert!(new.created()? > long_ago());
    let missing = db.create_missing(Note::SLUG, [Note::values().slug("a"), Note::values().slug("newer")])?;
    assert!(missing.created()?.iter().all(|at| *at > long_ago()));
    assert_eq!(
        db.file.values("SELECT count(*) AS value FROM notes WHERE created = '2000-01-01 00:00:00'"),
        ["3"]
    );
    Ok(())
}
