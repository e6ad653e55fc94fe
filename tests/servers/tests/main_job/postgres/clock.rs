//! What diesel maps without another crate: `SystemTime`

use std::time::SystemTime;

use diesel::connection::SimpleConnection;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { notes { id -> Integer, title -> Text, created -> Timestamp, updated -> Timestamp } }

#[derive(Model)]
#[model(table = notes, connection = Db)]
pub struct Note {
    id: i32,
    title: String,
    #[model(created_at)]
    created: SystemTime,
    #[model(updated_at)]
    updated: SystemTime,
}

#[test]
fn a_system_time_needs_no_function() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, created TIMESTAMP NOT NULL, updated TIMESTAMP NOT NULL)",
    )?;
    let env = Environment::<Db>::connect(&place.address)?;
    let note = env.create(Note::values().id(1).title("new"))?;
    let created = note.created()?;
    assert_eq!(note.updated()?, created);
    assert!(created.elapsed()?.as_secs() < 60);
    note.set_title("changed")?;
    let updated = note.updated()?;
    assert!(updated > created);
    // To the microsecond, as the server has it
    env.cache().clear();
    assert_eq!((note.created()?, note.updated()?), (created, updated));
    Ok(())
}
