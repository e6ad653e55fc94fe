//! Every type of a column against every type of a field: what reads, what it reads, and that all else is an error.

use bigdecimal::BigDecimal;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};

use crate::place::{Outcome, Place};

/// What a field reads of the row with a value, as text, and of the row with NULL
type Read = (Result<String>, Result<bool>);

macro_rules! fields {
    ($($name:ident: $column:ty => $rust:ty, $show:literal;)*) => {
        $(mod $name {
            use super::*;

            diesel::table! {
                #[allow(unused_imports)]
                use diesel::sql_types::*;
                #[allow(unused_imports)]
                use diesel::mysql::sql_types::*;
                samples { id -> Integer, value -> Nullable<$column> }
            }

            #[derive(Model)]
            #[model(table = samples, connection = MysqlConnection)]
            pub struct Sample {
                id: i32,
                value: Option<$rust>,
            }

            pub fn read(env: &Environment<MysqlConnection>) -> Read {
                let value = env.record::<Sample>(1).value();
                let value = value.map(|value| value.map_or_else(|| "NULL".to_owned(), |value| format!($show, value)));
                (value, env.record::<Sample>(2).value().map(|value| value.is_none()))
            }
        })*

        const FIELDS: &[(&str, fn(&Environment<MysqlConnection>) -> Read)] = &[$((stringify!($name), $name::read)),*];
    };
}
fields! {
    bool: Bool => bool, "{}";
    i8: TinyInt => i8, "{}";
    i16: SmallInt => i16, "{}";
    i32: Integer => i32, "{}";
    i64: BigInt => i64, "{}";
    u8: Unsigned<TinyInt> => u8, "{}";
    u16: Unsigned<SmallInt> => u16, "{}";
    u32: Unsigned<Integer> => u32, "{}";
    u64: Unsigned<BigInt> => u64, "{}";
    f32: Float => f32, "{}";
    f64: Double => f64, "{}";
    decimal: Numeric => BigDecimal, "{}";
    text: Text => String, "{}";
    blob: Blob => Vec<u8>, "{:?}";
    json: Json => serde_json::Value, "{}";
    date: Date => NaiveDate, "{}";
    time: Time => NaiveTime, "{}";
    datetime: Datetime => NaiveDateTime, "{}";
    timestamp: Timestamp => NaiveDateTime, "{}";
}

/// A column's type, a value in it, the fields that read it, and what they read; all others must be errors.
type Column = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const COLUMNS: &[Column] = &[
    ("TINYINT(1)", "1", &[("bool", "true"), ("i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 decimal", "1")]),
    ("TINYINT", "-5", &[("bool", "true"), ("i8 i16 i32 i64 f32 f64 decimal", "-5")]),
    ("TINYINT UNSIGNED", "200", &[("bool", "true"), ("i16 i32 i64 u8 u16 u32 u64 f32 f64 decimal", "200")]),
    ("SMALLINT", "-300", &[("bool", "true"), ("i16 i32 i64 f32 f64 decimal", "-300")]),
    ("SMALLINT UNSIGNED", "60000", &[("bool", "true"), ("i32 i64 u16 u32 u64 f32 f64 decimal", "60000")]),
    ("MEDIUMINT", "90000", &[("bool", "true"), ("i32 i64 u32 u64 f64 decimal", "90000")]),
    ("INT", "90", &[("bool", "true"), ("i8 i16 i32 i64 u8 u16 u32 u64 f64 decimal", "90")]),
    ("INT", "0", &[("bool", "false"), ("i8 i16 i32 i64 u8 u16 u32 u64 f64 decimal", "0")]),
    (
        "INT(5) UNSIGNED ZEROFILL",
        "4294967295",
        &[("bool", "true"), ("i64 u32 u64 f64 decimal", "4294967295")],
    ),
    ("BIGINT", "90", &[("bool", "true"), ("i8 i16 i32 i64 u8 u16 u32 u64 decimal", "90")]),
    ("BIGINT UNSIGNED", "18446744073709551615", &[("bool", "true"), ("u64 decimal", "18446744073709551615")]),
    ("FLOAT", "1.5", &[("f32 f64", "1.5")]),
    ("DOUBLE", "1.5", &[("f32 f64", "1.5")]),
    ("DOUBLE", "2", &[("f32 f64", "2")]),
    ("DOUBLE", "0.1", &[("f64", "0.1")]),
    ("DECIMAL(10, 2)", "12.50", &[("f32 f64", "12.5"), ("decimal text", "12.50"), ("json", "12.5")]),
    (
        "DECIMAL(10, 2)",
        "12",
        &[("i16 i32 i64 u8 u16 u32 u64 f32 f64", "12"), ("decimal text", "12.00"), ("json", "12.0")],
    ),
    ("DECIMAL(10, 0)", "0", &[("i16 i32 i64 u8 u16 u32 u64 f32 f64 decimal text json", "0")]),
    ("BIT(1)", "b'1'", &[("bool", "true"), ("blob", "b\"\\x01\"")]),
    ("BIT(16)", "b'0'", &[("bool", "false"), ("blob", "b\"\\0\\0\"")]),
    ("YEAR", "2024", &[("bool", "true"), ("i16 i32 i64 u16 u32 u64 f32 f64 decimal", "2024")]),
    ("CHAR(5)", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("VARCHAR(5)", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("VARCHAR(5)", "'90'", &[("text", "90"), ("blob", "b\"90\""), ("json", "90")]),
    ("VARCHAR(5) COLLATE utf8mb4_bin", "'é'", &[("text", "é"), ("blob", "b\"\\xc3\\xa9\"")]),
    ("VARCHAR(5) CHARACTER SET latin1", "'é'", &[("text", "é"), ("blob", "b\"\\xc3\\xa9\"")]),
    (
        "VARCHAR(5) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
        "'é'",
        &[("text", "é"), ("blob", "b\"\\xc3\\xa9\"")],
    ),
    ("TINYTEXT", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("LONGTEXT", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("ENUM('a', 'b')", "'b'", &[("text", "b"), ("blob", "b\"b\"")]),
    ("SET('a', 'b', 'c')", "'a,c'", &[("text", "a,c"), ("blob", "b\"a,c\"")]),
    (
        "JSON",
        "'{\"a\": 1}'",
        &[("text", "{\"a\": 1}"), ("blob", "b\"{\\\"a\\\": 1}\""), ("json", "{\"a\":1}")],
    ),
    // Text whose collation compares bytes is sent as these are, so they can be read as text, if they are text.
    ("BINARY(3)", "'abc'", &[("text", "abc"), ("blob", "b\"abc\"")]),
    ("VARBINARY(3)", "x'00ff'", &[("blob", "b\"\\0\\xff\"")]),
    ("LONGBLOB", "x'ff'", &[("blob", "b\"\\xff\"")]),
    ("DATE", "'2024-02-29'", &[("date", "2024-02-29")]),
    ("TIME", "'23:59:59'", &[("time", "23:59:59")]),
    ("DATETIME", "'2024-02-29 23:59:59'", &[("datetime timestamp", "2024-02-29 23:59:59")]),
    ("TIMESTAMP NULL", "'2024-02-29 23:59:59'", &[("datetime timestamp", "2024-02-29 23:59:59")]),
];

#[test]
fn each_column_against_each_field() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    let mut wrong = Vec::new();
    for (column, value, reads) in COLUMNS {
        connection.batch_execute(&format!(
            "DROP TABLE IF EXISTS samples; CREATE TABLE samples (id INTEGER PRIMARY KEY, value {column});
             INSERT INTO samples VALUES (1, {value}), (2, NULL)"
        ))?;
        for (field, read) in FIELDS {
            let expected = reads.iter().find(|(fields, _)| fields.split(' ').any(|name| name == *field));
            let (found, is_null) = read(&place.environment()?);
            let fits = match (&found, expected) {
                (Ok(found), Some((_, expected))) => found == expected,
                (Err(Error::InvalidValue { model: "Sample", field: "value", .. }), None) => true,
                _ => false,
            };
            if !fits {
                wrong.push(format!("{column} {value} as {field}: {found:?}, and not {expected:?}"));
            }
            if !matches!(is_null, Ok(true)) {
                wrong.push(format!("NULL of {column} as {field}: {is_null:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn the_error_says_both_types() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE samples (id INTEGER PRIMARY KEY, value INTEGER);
         INSERT INTO samples VALUES (1, 90)",
    )?;
    let error = text::read(&place.environment()?).0.err().ok_or("90 is no text")?;
    assert_eq!(
        error.to_string(),
        "Sample.value of the record with key 1 cannot be read: text was expected, the column holds an integer"
    );
    Ok(())
}

mod keys {
    use super::*;

    diesel::table! { named (code) { code -> Text, next -> Nullable<Text> } }

    #[derive(Model)]
    #[model(table = named, connection = MysqlConnection)]
    pub struct Named {
        #[model(primary_key)]
        code: String,
        next: Option<Id<Self>>,
    }

    /// A key, or a link, that is a number and not the text that it was said to be
    #[test]
    fn of_another_type_are_errors() -> Outcome {
        let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
        place.connect()?.batch_execute(
            "CREATE TABLE named (code VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, next INTEGER);
             INSERT INTO named VALUES ('a', NULL), ('b', 5)",
        )?;
        let env = place.environment()?;
        // The link is the error of who follows it.
        let all = env.all::<Named>()?;
        let last = all.last().ok_or("two")?;
        assert!(matches!(last.next().id(), Err(Error::InvalidValue { field: "next", .. })));
        assert_eq!(all.get(0).ok_or("two")?.next().id()?, None);
        assert_eq!(named::table.record_ids::<Named>(&env)?.ids(), ["a", "b"]);
        place.connect()?.batch_execute(
            "DROP TABLE named; CREATE TABLE named (code INTEGER PRIMARY KEY, next VARCHAR(20));
             INSERT INTO named VALUES (90, NULL)",
        )?;
        assert!(matches!(
            place.environment()?.all::<Named>(),
            Err(Error::InvalidValue { field: "code", .. })
        ));
        Ok(())
    }
}
