//! A table that has partitions: what PostgreSQL says of a constraint names one of these.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, ViolationKind};

use crate::place::{Outcome, Place};

diesel::table! { events (number, month) { number -> Integer, month -> Integer, code -> Nullable<Text>, title -> Text } }

#[derive(Model)]
#[model(table = events, connection = PgConnection, primary_key(number, month))]
pub struct Incident {
    number: i32,
    month: i32,
    code: Option<String>,
    title: String,
}

/// As what a trigger has written would be named in the same way, nothing is said of fields; the row is told by its value.
#[test]
fn a_violation_of_a_partition_is_of_no_field_and_of_no_other_table() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE events (number INTEGER, month INTEGER, code TEXT, title TEXT NOT NULL, PRIMARY KEY (number, month), UNIQUE (code, month))
            PARTITION BY RANGE (month);
         CREATE TABLE events_of_spring PARTITION OF events FOR VALUES FROM (1) TO (6);
         INSERT INTO events VALUES (1, 1, 'A', '')",
    )?;
    let env = place.environment()?;
    let new = |number, code: &str| Incident::values().number(number).month(1).code(code).title("");
    let error = env.create_many([new(2, "B"), new(3, "A"), new(4, "C")]).err().ok_or("there is an A")?;
    assert!(matches!(error, Error::RowRefused { row: 1, rows: 3, .. }), "{error:?}");
    let violation = error.violation().ok_or("a constraint refuses it")?;
    assert_eq!((violation.kind, violation.table.as_deref()), (ViolationKind::Unique, None));
    assert_eq!((violation.column.as_deref(), violation.columns.len()), (Some("code"), 2));
    assert!(!violation.is_of(Incident::CODE) && violation.fields::<Incident>().is_empty());
    // What the database calls by the table's own name is known.
    let nowhere = env
        .create(Incident::values().number(5).month(7).title(""))
        .err()
        .ok_or("there is no such partition")?;
    let violation = nowhere.violation().ok_or("a constraint refuses it")?;
    assert_eq!((violation.kind, violation.table.as_deref()), (ViolationKind::Check, Some("events")));
    // A column that was left out is one of the partition, too, as far as anybody knows.
    let untitled = env.create(Incident::values().number(6).month(1)).err().ok_or("it needs a title")?;
    let violation = untitled.violation().ok_or_else(|| format!("{untitled:?}"))?;
    assert_eq!((violation.kind, violation.column.as_deref()), (ViolationKind::NotNull, Some("title")));
    Ok(())
}
