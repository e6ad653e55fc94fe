//! What can be read can be written, each type of its own and several values in one statement

use bigdecimal::BigDecimal;
use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Values};

use super::types::{Binary, Document};
use crate::place::{Outcome, Place};

diesel::table! { counters { id -> Unsigned<BigInt>, name -> Text, flag -> Bool, wide -> BigInt } }
diesel::table! { small { id -> Unsigned<Integer>, name -> Nullable<Text> } }

#[derive(Model)]
#[model(table = counters, connection = MysqlConnection)]
pub struct Counter {
    id: u64,
    name: String,
    flag: bool,
    wide: i64,
}

#[derive(Model)]
#[model(table = small, connection = MysqlConnection)]
pub struct Small {
    id: u32,
    name: Option<String>,
}

const TABLE: &str = "CREATE TABLE documents (id BIGINT UNSIGNED PRIMARY KEY, body LONGTEXT NOT NULL,
    image LONGBLOB NOT NULL, tiny TINYINT NOT NULL, small SMALLINT NOT NULL, quantity INTEGER UNSIGNED NOT NULL,
    ratio FLOAT NOT NULL, amount DECIMAL(40, 9) NOT NULL, data JSON NOT NULL, created TIMESTAMP(6) NOT NULL,
    local DATETIME(6) NOT NULL, day DATE NOT NULL, hour TIME(1) NOT NULL, code BINARY(4) NOT NULL, thumbnail BLOB,
    extra JSON, limit_amount DECIMAL(10, 2), signed DATETIME, parent_id BIGINT UNSIGNED)";

/// Values that have little in common; `seed` makes them others
fn full(seed: u32) -> Outcome<Values<Document>> {
    let time: NaiveDateTime = format!("2024-02-29T23:59:5{}.123456", seed % 10).parse()?;
    Ok(Document::values()
        .body(format!("{seed} Ünïcode ☃ 🦀 '\\\"`; -- {}", "x".repeat(seed as usize * 40_000)))
        .image([0_u8, 255, 16].repeat(seed as usize * 30_000))
        .tiny(-7)
        .small(i16::MIN)
        .quantity(u32::MAX - seed)
        .ratio(0.5 + seed as f32)
        .amount(format!("1234567890123456789{seed}.123456789").parse::<BigDecimal>()?)
        .data(serde_json::json!({"a": [1, 2, {"b": null}], "seed": seed, "text": "it's \"so\" \\ ☃"}))
        .created(time)
        .local(time)
        .day(time.date())
        .hour("23:59:59.5".parse::<chrono::NaiveTime>()?)
        .code(vec![0, 255, 39, seed as u8])
        .thumbnail(vec![seed as u8; 3])
        .extra(serde_json::json!([seed]))
        .limit_amount("1.5".parse::<BigDecimal>()?)
        .signed("1999-12-31T00:00:00".parse::<NaiveDateTime>()?)
        .parent_id(u64::MAX))
}

fn empty() -> Outcome<Values<Document>> {
    let time: NaiveDateTime = "1970-01-01T00:00:01".parse()?;
    Ok(Document::values()
        .body("")
        .image(vec![])
        .tiny(0)
        .small(0)
        .quantity(0)
        .ratio(0.0)
        .amount(BigDecimal::from(0))
        .data(serde_json::Value::Null)
        .created(time)
        .local(time)
        .day(time.date())
        .hour(time.time())
        .code(vec![0; 4])
        .thumbnail(None)
        .extra(None)
        .limit_amount(None)
        .signed(None)
        .parent_id(None))
}

/// All that a record holds, as text
fn all(document: &Record<Document>) -> Outcome<String> {
    let (some, others) = (
        (
            document.id(),
            document.body()?,
            document.image()?,
            document.tiny()?,
            document.small()?,
            document.quantity()?,
            document.ratio()?,
        ),
        (
            document.amount()?.normalized(),
            document.data()?,
            document.created()?,
            document.local()?,
            document.day()?,
            document.hour()?,
            document.code()?,
        ),
    );
    let nullable = (
        document.thumbnail()?,
        document.extra()?,
        document.limit_amount()?.map(|amount| amount.normalized()),
        document.signed()?,
        document.parent_id().id()?,
    );
    Ok(format!("{some:?} {others:?} {nullable:?}"))
}

#[test]
fn every_type_that_is_read_is_written() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(TABLE)?;
    let open = || -> Outcome<Environment<MysqlConnection>> {
        let mut connection = place.connect()?;
        connection.batch_execute("SET time_zone = '+00:00'")?;
        Ok(Environment::builder().connection(connection).build())
    };
    let (env, read) = (open()?, open()?);
    let same = |documents: &RecordSet<Document>| -> Outcome {
        read.cache().clear();
        for (written, stored) in documents.iter().zip(&read.browse::<Document>(documents.ids())) {
            assert_eq!(all(&written)?, all(&stored)?);
        }
        Ok(())
    };
    let documents =
        env.create_many([empty()?.id(1), full(1)?.id(2), full(2)?.id(u64::MAX), empty()?.id(4)])?;
    same(&documents)?;
    // Each its own values, NULLs among them and of other lengths; twice, as the statement is prepared once.
    for round in 1..3 {
        env.transaction(|| {
            for (document, n) in documents.iter().zip(0..) {
                let values = if n % 2 == round % 2 { full(n + round) } else { empty() };
                document.write(values.map_err(|error| orm_core::Error::other(error.to_string()))?)?;
            }
            Ok(())
        })?;
        same(&documents)?;
        // One statement of its own each
        documents.first().map(|first| first.write(full(5 + round).unwrap_or_default())).transpose()?;
        same(&documents)?;
    }
    documents.write(full(3)?)?;
    same(&documents)?;
    documents.write(empty()?)?;
    same(&documents)
}

#[test]
fn keys_of_bytes_are_written() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE binaries (id BINARY(16) PRIMARY KEY, name VARCHAR(20) NOT NULL, next_id BINARY(16))",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    let keys: Vec<Vec<u8>> = (0..50).map(|n| [n, 255, 39, 92].repeat(4)).collect();
    let made = env.create_many(keys.iter().map(|key| Binary::values().id(key).name("n")))?;
    env.transaction(|| {
        made.iter().zip(&keys).zip(0..).try_for_each(|((binary, key), n)| {
            binary.set_name(format!("name {n}"))?;
            binary.set_next_id((n % 2 > 0).then(|| Id::<Binary>::new(key)))
        })
    })?;
    for (binary, n) in read.browse::<Binary>(&keys).iter().zip(0..) {
        assert_eq!(binary.name()?, format!("name {n}"));
        assert_eq!(binary.next_id().id()?.is_some(), n % 2 > 0);
    }
    made.delete()?;
    assert!(read.all::<Binary>()?.is_empty());
    Ok(())
}

/// A place with a table of counters, and with what else the SQL makes
fn with_counters(sql: &str) -> Outcome<Option<Place<MysqlConnection>>> {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(None) };
    place.connect()?.batch_execute(&format!(
        "CREATE TABLE counters (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL,
             flag BOOLEAN NOT NULL, wide BIGINT NOT NULL);
         {sql}"
    ))?;
    Ok(Some(place))
}

#[test]
fn unsigned_keys_are_given_by_the_database() -> Outcome {
    let Some(place) = with_counters(
        "CREATE TABLE small (id INTEGER UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))",
    )?
    else {
        return Ok(());
    };
    let (env, read) = (place.environment()?, place.environment()?);
    let rows = (0..1100_u16)
        .map(|n| Counter::values().name(n.to_string()).flag(n % 2 > 0).wide(i64::MIN + i64::from(n)));
    let counters = env.create_many(rows)?;
    assert_eq!(counters.ids(), (1..=1100).collect::<Vec<u64>>());
    assert_eq!(env.create(Small::values())?.id(), 1);
    assert_eq!(env.create_many([Small::values(), Small::values()])?.ids(), [2, 3]);
    env.transaction(|| {
        counters.iter().zip(0..).try_for_each(|(counter, n)| {
            counter.set_wide(i64::MAX - n)?;
            counter.set_flag(n % 3 > 0)
        })
    })?;
    for (counter, n) in read.browse::<Counter>(counters.ids()).iter().zip(0..) {
        assert_eq!(counter.name()?, n.to_string());
        assert_eq!((counter.wide()?, counter.flag()?), (i64::MAX - n, n % 3 > 0));
    }
    // As large as they come
    let large = env.create(Counter::values().id(u64::MAX - 5).name("large").flag(true).wide(0))?;
    large.set_name("larger")?;
    assert_eq!(read.record::<Counter>(u64::MAX - 5).name()?, "larger");
    Ok(())
}

/// LAST_INSERT_ID() keeps the number of another table's row when an INSERT numbers none.
#[test]
fn a_key_that_is_not_numbered_is_not_taken_from_elsewhere() -> Outcome {
    let Some(place) =
        with_counters("CREATE TABLE small (id INTEGER UNSIGNED PRIMARY KEY DEFAULT 77, name VARCHAR(50))")?
    else {
        return Ok(());
    };
    let env = place.environment()?;
    env.create_many([0, 1].map(|wide| Counter::values().name("n").flag(true).wide(wide)))?;
    let made = env.create(Small::values().name("no number"));
    assert!(matches!(made, Err(Error::UnknownKey { model: "Small", field: "id" })), "{made:?}");
    assert!(env.all::<Small>()?.is_empty());
    assert_eq!(env.create(Counter::values().name("n").flag(true).wide(2))?.id(), 3);
    Ok(())
}

/// MySQL numbers a row to which 0 is given, where it numbers rows, unless it is told otherwise.
#[test]
fn a_key_of_zero_is_the_one_that_the_row_has() -> Outcome {
    let Some(place) =
        with_counters("CREATE TABLE small (id INTEGER UNSIGNED PRIMARY KEY, name VARCHAR(50))")?
    else {
        return Ok(());
    };
    let (env, read) = (place.environment()?, place.environment()?);
    let values = |name: &str| Counter::values().name(name).flag(true).wide(0);
    let zero = env.create(values("first").id(0))?;
    assert_eq!((zero.id(), zero.name()?.as_str()), (1, "first"));
    let several = env.create_many([values("a").id(0), values("b").id(9), values("c"), values("d").id(0)])?;
    for record in &several {
        assert_eq!(read.record::<Counter>(record.id()).name()?, record.name()?);
    }
    assert_eq!(several.name()?, ["a", "b", "c", "d"]);
    assert_eq!(several.get(1).map(|record| record.id()), Some(9));
    // Where nothing is numbered it is a key like any other.
    assert_eq!(env.create(Small::values().id(0).name("zero"))?.id(), 0);
    assert_eq!(read.record::<Small>(0).name()?.as_deref(), Some("zero"));
    // And where the server is told that it is one.
    env.execute(diesel::sql_query("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')"))?;
    assert_eq!(env.create(values("zero").id(0))?.id(), 0);
    Ok(())
}

/// What SQL of one's own has inserted is not taken for the row of an INSERT that numbers none, or whose rows have no values.
#[test]
fn a_number_of_an_insert_by_hand_is_not_taken_for_a_key() -> Outcome {
    let Some(place) = with_counters(
        "ALTER TABLE counters AUTO_INCREMENT = 9361;
         CREATE TABLE small (id INTEGER UNSIGNED PRIMARY KEY DEFAULT 1001, name VARCHAR(50))",
    )?
    else {
        return Ok(());
    };
    let env = place.environment()?;
    let by_hand =
        || env.execute(diesel::sql_query("INSERT INTO counters (name, flag, wide) VALUES ('raw', 1, 1)"));
    for values in [Small::values().name("a"), Small::values().name(None), Small::values()] {
        by_hand()?;
        let made = env.create(values);
        assert!(matches!(made, Err(Error::UnknownKey { model: "Small", field: "id" })), "{made:?}");
        assert!(env.all::<Small>()?.is_empty());
    }
    by_hand()?;
    assert_eq!(env.create(Counter::values().name("n").flag(true).wide(2))?.id(), 9365);
    Ok(())
}

diesel::table! { exact { id -> Integer, number -> Double, name -> Text } }

#[derive(Model)]
#[model(table = exact, connection = MysqlConnection)]
struct Exact {
    id: i32,
    number: f64,
    name: String,
}

/// A `CASE` of doubles and decimals is a double: what is not written would lose its last places.
#[test]
fn a_decimal_that_is_not_written_stays_as_it_is() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE exact (id INTEGER PRIMARY KEY, number DECIMAL(30, 10) NOT NULL, name VARCHAR(20) NOT NULL);
         INSERT INTO exact VALUES (1, 1, 'a'), (2, 12345678901234567890.1234567891, 'b'), (3, 3, 'c')",
    )?;
    let env = place.environment()?;
    env.transaction(|| {
        env.record::<Exact>(1).set_number(1.5)?;
        env.record::<Exact>(2).set_name("B")?;
        env.record::<Exact>(3).set_number(2.5)
    })?;
    let kept = "SELECT COUNT(*) AS number FROM exact WHERE id = 2 AND name = 'B' AND number = 12345678901234567890.1234567891";
    assert_eq!(super::shop::number(&mut connection, kept)?, 1);
    Ok(())
}
