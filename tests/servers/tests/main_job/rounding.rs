//! Values that a database rounds, on the connection that `super::Db` is: shown as they are stored

use bigdecimal::BigDecimal;
use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

const TABLE: &str =
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, at MOMENT NOT NULL,
    price DECIMAL(10,2) NOT NULL, total DECIMAL(12,2) GENERATED ALWAYS AS (price * 2) STORED)";

diesel::table! { items { id -> Integer, name -> Text, at -> Timestamp, price -> Numeric, total -> Nullable<Numeric> } }

#[derive(Model)]
#[model(table = items, connection = Db)]
pub struct Item {
    id: i32,
    name: String,
    at: NaiveDateTime,
    price: BigDecimal,
    #[model(read_only)]
    total: Option<BigDecimal>,
}

fn decimal(text: &str) -> Outcome<BigDecimal> {
    Ok(text.parse()?)
}

#[test]
fn it_is_shown_as_it_is_stored() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(TABLE.replace("MOMENT", super::MOMENT).as_str())?;
    let env = place.environment()?;
    let at: NaiveDateTime = "2024-02-29T23:59:58.123456789".parse()?;
    let stored = |id: i32| -> Outcome<(NaiveDateTime, BigDecimal, Option<BigDecimal>)> {
        let item = place.environment()?;
        let item = item.record::<Item>(id);
        Ok((item.at()?, item.price()?, item.total()?))
    };
    let item = env.create(Item::values().id(1).name("a").at(at).price(decimal("1.239")?))?;
    // One SELECT for what may have been rounded; the rest is what was given.
    let queries = env.stats().queries;
    assert_eq!(item.name()?, "a");
    assert_eq!(env.stats().queries, queries);
    assert_eq!((item.at()?, item.price()?, item.total()?), stored(1)?);
    assert_eq!(env.stats().queries, queries + 1);
    assert!(item.at()? != at && item.price()? == decimal("1.24")? && item.total()? == Some(decimal("2.48")?));
    env.transaction(|| {
        item.set_price(decimal("2.005").map_err(|error| Error::other(error.to_string()))?)?;
        item.set_at(at)?;
        // What waits is shown as it was given.
        assert_eq!(item.at()?, at);
        Ok(())
    })?;
    assert_eq!((item.at()?, item.price()?, item.total()?), stored(1)?);
    let found = items::table.filter(items::price.eq(item.price()?)).records::<Item>(&env)?;
    assert_eq!(found.ids(), [1]);
    // Equal, and of another scale: it is written.
    env.create(Item::values().id(2).name("b").at(at).price(decimal("1.0")?))?;
    let other = env.record::<Item>(2);
    other.price()?;
    let queries = env.stats().queries;
    other.set_price(decimal("1.00")?)?;
    assert_eq!(env.stats().queries, queries, "that is what the column made of it");
    other.set_price(decimal("1.0")?)?;
    assert_eq!(env.stats().queries, queries + 1);
    Ok(())
}

diesel::table! { padded { id -> Integer, code -> Text, short -> Nullable<Text>, other_code -> Nullable<Text> } }

#[derive(Model)]
#[model(table = padded, connection = Db)]
pub struct Padded {
    id: i32,
    code: String,
    short: Option<String>,
    other_code: Option<String>,
}

/// The spaces that fill up a `CHAR(n)` are no part of its value, and those that end a text may be cut: what is shown after a write is
/// what another environment reads, and what a condition finds.
#[test]
fn text_is_shown_without_the_spaces_that_fill_it_up() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE padded (id INTEGER PRIMARY KEY, code CHAR(5) NOT NULL, short VARCHAR(3), other_code CHAR(4))",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    let texts = |env: &Environment<Db>| -> Outcome<Vec<[Option<String>; 3]>> {
        let of = |padded: orm_core::Record<'_, Padded>| -> orm_core::Result<_> {
            let text = |text: Option<orm_core::Str>| text.map(|text| text.to_string());
            Ok([Some(padded.code()?.to_string()), text(padded.short()?), text(padded.other_code()?)])
        };
        Ok(env.all::<Padded>()?.iter().map(of).collect::<Result<_, _>>()?)
    };
    let row =
        |id: i32, code: &str, short: &str| Padded::values().id(id).code(code).short(short).other_code(code);
    let rows =
        env.create_many([row(1, "AB", "ab"), row(2, "AB  ", "ab "), row(3, "ABCD", "abc"), row(4, "", "")])?;
    let queries = env.stats().queries;
    assert_eq!(rows.slice(0..1).code()?, ["AB"]);
    assert_eq!(env.stats().queries, queries, "nothing was cut");
    assert_eq!(rows.code()?, ["AB", "AB", "ABCD", ""]);
    assert_eq!(env.stats().queries, queries + 1, "what ends with a space is read");
    assert_eq!(texts(&env)?, texts(&read)?);
    let found = padded::table.filter(padded::code.eq(&*rows.code()?[1])).records::<Padded>(&env)?;
    assert_eq!(found.ids(), [1, 2]);
    env.transaction(|| {
        rows.iter().zip(["x", "x    ", "", "  x"]).try_for_each(|(row, code)| {
            row.set_code(code)?;
            row.set_short(code)?;
            row.set_other_code(code)
        })
    })?;
    read.cache().clear();
    assert_eq!(texts(&env)?, texts(&read)?);
    assert_eq!(rows.code()?, ["x", "x", "", "  x"]);
    // Nothing that could differ has waited: what is there already is not written again.
    let writes = env.stats().writes;
    rows.slice(0..1).set_code("x")?;
    assert_eq!(env.stats().writes, writes);
    Ok(())
}

diesel::table! { documents { id -> Integer, content -> Json } }

#[derive(Model)]
#[model(table = documents, connection = Db)]
pub struct Document {
    id: i32,
    content: serde_json::Value,
}

/// What one statement takes is weighed by what is bound, whatever the type is.
#[test]
fn large_documents_are_more_statements() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, content JSON NOT NULL)")?;
    let log = super::shop::Log::of(&mut connection);
    let env = Environment::builder().connection(connection).build();
    let content = |n: i32| serde_json::json!({ "n": n, "text": "x".repeat(40_000) });
    let documents = env.create_many((1..=500).map(|n| Document::values().id(n).content(content(n))))?;
    let inserts = log.take().len();
    assert!((5..=10).contains(&inserts), "{inserts} statements of at most 4 MiB for 20 MB");
    env.transaction(|| {
        documents.iter().try_for_each(|document| document.set_content(content(-document.id())))
    })?;
    // As many rows as a power of two
    let updates = log.take().len();
    assert!((5..=10).contains(&updates), "{updates}");
    let stored = place.environment()?;
    assert_eq!(stored.record::<Document>(500).content()?, content(-500));
    Ok(())
}
