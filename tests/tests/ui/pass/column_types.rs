//! Every column type that diesel loads on SQLite, NOT NULL and nullable, read and put into the struct.
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! {
    kinds {
        id -> BigInt,
        small -> SmallInt, int -> Integer, big -> BigInt, float -> Float, double -> Double, truth -> Bool,
        text -> Text, blob -> Binary, date -> Date, time -> Time, timestamp -> Timestamp,
    }
}
diesel::table! {
    maybes {
        id -> SmallInt,
        small -> Nullable<SmallInt>, int -> Nullable<Integer>, big -> Nullable<BigInt>, float -> Nullable<Float>,
        double -> Nullable<Double>, truth -> Nullable<Bool>, text -> Nullable<Text>, blob -> Nullable<Binary>,
        date -> Nullable<Date>, time -> Nullable<Time>, timestamp -> Nullable<Timestamp>,
    }
}

#[derive(Model, Debug, PartialEq)]
struct Kind {
    id: i64,
    small: i16,
    int: i32,
    big: i64,
    float: f32,
    double: f64,
    truth: bool,
    text: String,
    blob: Vec<u8>,
    date: NaiveDate,
    time: NaiveTime,
    timestamp: NaiveDateTime,
}

#[derive(Model, Debug, PartialEq)]
struct Maybe {
    id: i16,
    small: Option<i16>,
    int: Option<i32>,
    big: Option<i64>,
    float: Option<f32>,
    double: Option<f64>,
    truth: Option<bool>,
    text: Option<String>,
    blob: Option<Vec<u8>>,
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    timestamp: Option<NaiveDateTime>,
}

fn main() -> orm_core::Result<()> {
    let env = database::open(
        "CREATE TABLE kinds (id, small, int, big, float, double, truth, text, blob, date, time, timestamp);
         CREATE TABLE maybes (id, small, int, big, float, double, truth, text, blob, date, time, timestamp);
         INSERT INTO kinds VALUES (9000000000, 1, 2, 3, 0.5, 0.25, 1, 'x', x'0102', '2024-02-29', '01:02:03', '2024-02-29 01:02:03');
         INSERT INTO maybes SELECT 1, small, int, big, float, double, truth, text, blob, date, time, timestamp FROM kinds;
         INSERT INTO maybes (id) VALUES (2);",
    );
    let full = env.record::<Kind>(9_000_000_000i64).to_model()?;
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    assert_eq!((full.small, full.int, full.big, full.truth), (1, 2, 3, true));
    assert_eq!((full.float, full.double, full.text.as_str()), (0.5, 0.25, "x"));
    assert_eq!((full.date, full.timestamp.date()), (date, date));
    assert_eq!(full.blob, [1, 2]);
    let maybe = env.record::<Maybe>(1);
    assert_eq!(maybe.blob()?.as_deref(), Some(&[1, 2][..]));
    assert_eq!(maybe.time()?, Some(full.time));
    assert_eq!(maybe.to_model()?.text, Some(full.text));
    let empty = env.record::<Maybe>(2).to_model()?;
    assert_eq!((empty.small, empty.text, empty.blob, empty.timestamp), (None, None, None, None));
    Ok(())
}
