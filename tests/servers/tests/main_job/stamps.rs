//! `created_at` and `updated_at`: as on SQLite, in columns that keep seconds or microseconds

use std::time::SystemTime;

use chrono::{DateTime, NaiveDateTime};
use diesel::connection::SimpleConnection;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { notes { id -> Integer, title -> Text, created -> Timestamp, updated -> Nullable<Timestamp> } }

#[derive(Model)]
#[model(table = notes, connection = Db)]
pub struct Note {
    id: i32,
    title: String,
    #[model(created_at = utc)]
    created: NaiveDateTime,
    #[model(updated_at = utc_or_null)]
    updated: Option<NaiveDateTime>,
}

fn utc(now: SystemTime) -> NaiveDateTime {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default().naive_utc()
}

fn utc_or_null(now: SystemTime) -> Option<NaiveDateTime> {
    Some(utc(now))
}

#[test]
fn a_row_says_when_it_was_written() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title VARCHAR(20) NOT NULL, created TIMESTAMP(6) NOT NULL, updated TIMESTAMP(0) NULL)",
    )?;
    let env = Environment::<Db>::builder().strict().connect(&place.address)?;
    let before = utc(SystemTime::now());
    let notes = env.create_many((1..=3).map(|id| Note::values().id(id).title("new")))?;
    let created = notes.created()?;
    assert!(created[0] >= before && created.iter().all(|at| *at == created[0]), "{created:?}");
    // What the column makes of it is what is shown.
    let shown = notes.updated()?;
    env.cache().clear();
    assert_eq!((notes.created()?, notes.updated()?), (created.clone(), shown));
    env.transaction(|| {
        env.execute(diesel::sql_query("UPDATE notes SET updated = NULL"))?;
        env.record::<Note>(2).set_title("two")?;
        env.record::<Note>(3).set_title("three")
    })?;
    let updated = notes.updated()?;
    assert!(updated[0].is_none() && updated[1].is_some() && updated[1] == updated[2], "{updated:?}");
    env.cache().clear();
    assert_eq!((notes.created()?, notes.updated()?), (created, updated));
    Ok(())
}
