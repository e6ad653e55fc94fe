//! What can be read can be written, each type of its own and several values in one statement

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDateTime, NaiveTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Upsert, Values};
use uuid::Uuid;

use super::types::Document;
use crate::place::{Outcome, Place};

diesel::table! { moods { id -> Uuid, name -> Text, code -> VarChar, wide -> BigInt, small -> SmallInt } }

/// A key that the database makes, and text columns that are not called `text`
#[derive(Model)]
#[model(table = moods, connection = PgConnection)]
pub struct Mood {
    id: Uuid,
    name: String,
    code: String,
    wide: i64,
    small: i16,
}

const TABLE: &str = "CREATE TABLE documents (id UUID PRIMARY KEY, body TEXT NOT NULL, image BYTEA NOT NULL,
    small SMALLINT NOT NULL, ratio REAL NOT NULL, amount NUMERIC NOT NULL, data JSONB NOT NULL, plain JSON NOT NULL,
    created TIMESTAMPTZ NOT NULL, local TIMESTAMP NOT NULL, day DATE NOT NULL, hour TIME NOT NULL, words TEXT[] NOT NULL,
    thumbnail BYTEA, extra JSONB, limit_amount NUMERIC, signed TIMESTAMPTZ, parent_id UUID)";

/// Values that have little in common; `seed` makes them others
fn full(seed: u32) -> Outcome<Values<Document>> {
    let time: NaiveDateTime = format!("2024-02-29T23:59:5{}.123456", seed % 10).parse()?;
    Ok(Document::values()
        .body(format!("{seed} Ünïcode ☃ 🦀 '\\\"`; -- {}", "x".repeat(seed as usize * 40_000)))
        .image([0_u8, 255, 16].repeat(seed as usize * 30_000))
        .small(i16::MIN)
        .ratio(0.5 + seed as f32)
        .amount(format!("1234567890123456789{seed}.123456789").parse::<BigDecimal>()?)
        .data(serde_json::json!({"a": [1, 2, {"b": null}], "seed": seed, "text": "it's \"so\" \\ ☃"}))
        .plain(serde_json::json!({"z": seed}))
        .created(time.and_utc())
        .local(time)
        .day(time.date())
        .hour("23:59:59.5".parse::<NaiveTime>()?)
        .words(vec!["a".to_owned(), "b\"c, {}".to_owned(), seed.to_string()])
        .thumbnail(vec![seed as u8; 3])
        .extra(serde_json::json!([seed]))
        .limit_amount("1.5".parse::<BigDecimal>()?)
        .signed("1999-12-31T00:00:00Z".parse::<DateTime<Utc>>()?)
        .parent_id(Uuid::from_u128(2)))
}

fn empty() -> Values<Document> {
    let time = DateTime::UNIX_EPOCH;
    Document::values()
        .body("")
        .image(vec![])
        .small(0)
        .ratio(0.0)
        .amount(BigDecimal::from(0))
        .data(serde_json::Value::Null)
        .plain(serde_json::Value::Bool(true))
        .created(time)
        .local(time.naive_utc())
        .day(time.date_naive())
        .hour(time.time())
        .words(vec![])
        .thumbnail(None)
        .extra(None)
        .limit_amount(None)
        .signed(None)
        .parent_id(None)
}

/// All that a record holds, as text
fn all(document: &Record<Document>) -> Outcome<String> {
    let (some, others) = (
        (
            document.id(),
            document.body()?,
            document.image()?,
            document.small()?,
            document.ratio()?,
            document.amount()?.normalized(),
            document.data()?,
        ),
        (
            document.plain()?,
            document.created()?,
            document.local()?,
            document.day()?,
            document.hour()?,
            document.words()?,
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
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(TABLE)?;
    let (env, read) = (place.environment()?, place.environment()?);
    let same = |documents: &RecordSet<Document>| -> Outcome {
        read.cache().clear();
        for (written, stored) in documents.iter().zip(&read.browse::<Document>(documents.ids())) {
            assert_eq!(all(&written)?, all(&stored)?);
        }
        Ok(())
    };
    let id = Uuid::from_u128;
    let documents = env.create_many([
        empty().id(id(1)),
        full(1)?.id(id(2)),
        full(2)?.id(id(u128::MAX)),
        empty().id(id(4)),
    ])?;
    same(&documents)?;
    // Each its own values, NULLs among them and first; then a statement of its own each.
    for round in 1..3 {
        env.transaction(|| {
            for (document, n) in documents.iter().zip(0..) {
                let values = if n % 2 == round % 2 { full(n + round) } else { Ok(empty()) };
                document.write(values.map_err(|error| orm_core::Error::other(error.to_string()))?)?;
            }
            Ok(())
        })?;
        same(&documents)?;
        documents.first().map(|first| first.write(full(5 + round).unwrap_or_default())).transpose()?;
        same(&documents)?;
    }
    documents.write(full(3)?)?;
    same(&documents)?;
    documents.write(empty())?;
    same(&documents)
}

#[test]
fn keys_that_are_no_numbers_are_given_by_the_database() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE moods (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), name VARCHAR(20) NOT NULL UNIQUE,
             code CHAR(4) NOT NULL, wide BIGINT NOT NULL DEFAULT 7, small SMALLINT NOT NULL DEFAULT 8)",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    let moods =
        env.create_many((0..1500).map(|n| Mood::values().name(format!("mood {n}")).code(format!("{n:04}"))))?;
    let stored = read.browse::<Mood>(moods.ids());
    assert!(
        stored.iter().zip(0..).all(|(mood, n)| mood.name().is_ok_and(|name| name == format!("mood {n}")))
    );
    assert_eq!((stored.wide()?[1499], stored.small()?[0]), (7, 8));
    env.transaction(|| {
        moods.iter().zip(0..).try_for_each(|(mood, n)| {
            mood.set_wide(i64::MAX - i64::from(n))?;
            mood.set_small(n)?;
            mood.set_code(format!("{:04}", n + 1))
        })
    })?;
    read.cache().clear();
    for (mood, n) in stored.iter().zip(0..) {
        assert_eq!((mood.wide()?, mood.small()?), (i64::MAX - i64::from(n), n));
        assert_eq!(mood.code()?, format!("{:04}", n + 1));
    }
    // There already, and not: one statement each
    let same = env.upsert(Mood::NAME, Mood::values().name("mood 3").code("same"))?;
    assert_eq!(same.id(), moods.ids()[3]);
    assert_eq!((same.code()?.as_str(), same.small()?), ("same", 3));
    let both = env.upsert_many(
        Mood::NAME,
        [Mood::values().name("new").code("newc"), Mood::values().name("mood 5").code("five")],
    )?;
    assert_eq!(both.ids()[1], moods.ids()[5]);
    assert_eq!(both.name()?, ["new", "mood 5"]);
    read.cache().clear();
    assert_eq!(read.browse::<Mood>(both.ids()).code()?, ["newc", "five"]);
    assert_eq!(read.all::<Mood>()?.len(), 1501);
    let twice = env.upsert_many(Mood::NAME, ["a", "b"].map(|code| Mood::values().name("new").code(code)));
    assert!(twice.is_err_and(|error| error.to_string().contains("a second time")));
    let key = env.upsert(Mood::ID, Mood::values().id(same.id()).name("mood three").code("3"))?;
    assert_eq!(key, same);
    assert_eq!(same.name()?, "mood three");
    // A constraint by its name, and what is written worked out by the database
    let again = Upsert::on_constraint("moods_name_key").set(moods::small.eq(moods::small + 1));
    let again = env.upsert(again, Mood::values().name("mood 5").code("nope"))?;
    assert_eq!((again.id(), again.code()?.as_str()), (moods.ids()[5], "five"));
    assert_eq!(again.small()?, 6);
    let new = env.create_missing(
        Upsert::on_constraint("moods_name_key"),
        ["mood 5", "mood 6", "unheard of"].map(|name| Mood::values().name(name).code("x")),
    )?;
    assert_eq!(new.name()?, ["unheard of"]);
    Ok(())
}

mod state {
    //! A type of the database's own, and an enum that is written as it

    use diesel::deserialize::{self, FromSql, FromSqlRow};
    use diesel::expression::AsExpression;
    use diesel::pg::{Pg, PgValue};
    use diesel::query_builder::QueryId;
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::SqlType;

    #[derive(Debug, SqlType, QueryId)]
    #[diesel(postgres_type(name = "state"))]
    pub struct StateType;

    #[derive(Debug, Clone, Copy, PartialEq, FromSqlRow, AsExpression)]
    #[diesel(sql_type = StateType)]
    pub enum State {
        Open,
        Done,
    }

    impl FromSql<StateType, Pg> for State {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            match value.as_bytes() {
                b"open" => Ok(Self::Open),
                b"done" => Ok(Self::Done),
                _ => Err("no state".into()),
            }
        }
    }

    impl ToSql<StateType, Pg> for State {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            std::io::Write::write_all(out, if *self == Self::Open { b"open" } else { b"done" })?;
            Ok(IsNull::No)
        }
    }
}
use state::State;

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Range};
    use super::state::StateType;
    tasks { id -> Integer, state -> StateType, before -> Nullable<StateType>, span -> Range<Integer> }
}

#[derive(Model)]
#[model(table = tasks, connection = PgConnection)]
pub struct Task {
    id: i32,
    state: State,
    before: Option<State>,
    span: (std::ops::Bound<i32>, std::ops::Bound<i32>),
}

#[test]
fn types_of_the_database_s_own_are_written() -> Outcome {
    use std::ops::Bound::{Excluded, Included};
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TYPE state AS ENUM ('open', 'done');
         CREATE TABLE tasks (id INTEGER PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, state state NOT NULL,
             before state DEFAULT 'done', span INT4RANGE NOT NULL)",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    let span = |n: i32| (Included(n), Excluded(n + 5));
    let tasks = env.create_many((0..6).map(|n| {
        let values = Task::values().state(State::Open).span(span(n));
        if n % 2 > 0 { values.before(None) } else { values }
    }))?;
    assert_eq!(tasks.before()?[..2], [Some(State::Done), None]);
    env.transaction(|| {
        tasks.iter().zip(0..).try_for_each(|(task, n)| {
            task.set_state(if n % 3 > 0 { State::Done } else { State::Open })?;
            task.set_before((n % 3 > 1).then_some(State::Open))?;
            task.set_span(span(n * 10))
        })
    })?;
    for (task, n) in read.browse::<Task>(tasks.ids()).iter().zip(0..) {
        assert_eq!(task.state()? == State::Done, n % 3 > 0);
        assert_eq!(task.before()?, (n % 3 > 1).then_some(State::Open));
        assert_eq!(task.span()?, span(n * 10));
    }
    tasks.set_before(None)?;
    read.cache().clear();
    assert_eq!(read.all::<Task>()?.before()?, [None; 6]);
    // Shown as the server stores it
    let task = tasks.iter().next().ok_or("a task")?;
    task.set_span((Excluded(0), Included(10)))?;
    assert_eq!(task.span()?, (Included(1), Excluded(11)));
    Ok(())
}

diesel::table! {
    use diesel::sql_types::{Citext, Integer, MacAddr, Nullable};
    cards { id -> Integer, mail -> Citext, other -> Nullable<Citext>, address -> Nullable<MacAddr> }
}

/// What diesel writes of a `String`, or of an array
#[derive(Model)]
#[model(table = cards, connection = PgConnection)]
pub struct Card {
    id: i32,
    mail: String,
    other: Option<String>,
    address: Option<[u8; 6]>,
}

#[test]
fn text_that_overlooks_case_and_addresses_are_written() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
         CREATE TABLE cards (id SERIAL PRIMARY KEY, mail public.citext NOT NULL UNIQUE, other public.citext, address macaddr)",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    for env in [&env, &read] {
        // A type is looked up along the path.
        env.execute(diesel::sql_query(
            "SELECT set_config('search_path', current_schema || ', public', false)",
        ))?;
    }
    let cards = env.create_many(
        (0..3_u8).map(|n| Card::values().mail(format!("Ann{n}@x")).other("O").address([8, 0, 0x2b, 1, 2, n])),
    )?;
    env.transaction(|| {
        cards.iter().zip(0..).try_for_each(|(card, n)| {
            card.set_mail(format!("ann{n}@X"))?;
            card.set_address(Some([n; 6]))
        })
    })?;
    cards.set_other("same")?;
    let stored = read.all::<Card>()?;
    assert_eq!(stored.mail()?, ["ann0@X", "ann1@X", "ann2@X"]);
    assert!(stored.other()?.iter().all(|text| text.as_deref() == Some("same")));
    assert_eq!(stored.address()?, [0, 1, 2].map(|n| Some([n; 6])));
    let (card, is_new) = env.get_or_create(Card::MAIL, Card::values().mail("ANN1@x"))?;
    assert!(!is_new && card == cards.get(1).ok_or("a card")?);
    Ok(())
}

/// The server counts no row for an UPDATE that `suppress_redundant_updates_trigger` has kept from changing anything.
#[test]
fn a_row_that_a_trigger_keeps_as_it_is_was_written() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE moods (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), name TEXT NOT NULL, code VARCHAR NOT NULL,
             wide BIGINT NOT NULL, small SMALLINT NOT NULL);
         CREATE TRIGGER z_min_update BEFORE UPDATE ON moods FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    )?;
    let (env, read) = (place.environment()?, place.environment()?);
    let mood = |n: i64| Mood::values().name("same").code("c").wide(n).small(0);
    let moods = env.create_many((0..4).map(mood))?;
    env.cache().clear();
    // Nobody has read them: all are sent, and those of the first two are what they were.
    env.transaction(|| moods.iter().zip([0, 1, 7, 8]).try_for_each(|(mood, wide)| mood.set_wide(wide)))?;
    moods.set_name("same")?;
    assert_eq!(moods.wide()?, [0, 1, 7, 8]);
    assert_eq!(read.browse::<Mood>(moods.ids()).wide()?, [0, 1, 7, 8]);
    let gone = read.browse::<Mood>(moods.ids().into_iter().take(1));
    gone.delete()?;
    let error = moods.set_small(1).unwrap_err();
    assert!(matches!(error, orm_core::Error::MissingRecord { model: "Mood", .. }), "{error}");
    Ok(())
}

diesel::table! { papers { id -> Integer, title -> Text, data -> Jsonb, plain -> Json, extra -> Nullable<Jsonb>, parts -> Array<Jsonb> } }

#[derive(Model)]
#[model(table = papers, connection = PgConnection)]
pub struct Paper {
    id: i32,
    title: String,
    data: serde_json::Value,
    plain: serde_json::Value,
    extra: Option<serde_json::Value>,
    parts: Vec<serde_json::Value>,
}

/// The numbers of JSONB are decimals: 1e17 is kept as a whole number, and -0.0 without its sign. What is shown after a write is what the row holds; JSON
/// is kept as text, and so as it was given.
#[test]
fn what_jsonb_makes_of_numbers_is_shown() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE papers (id INTEGER PRIMARY KEY, title TEXT NOT NULL, data JSONB NOT NULL, plain JSON NOT NULL, extra JSONB,
            parts JSONB[] NOT NULL)",
    )?;
    let env = place.environment()?;
    let shown = |env: &Environment<PgConnection>| -> Outcome<String> {
        let paper = env.record::<Paper>(1);
        Ok(format!("{:?} {:?} {:?} {:?}", paper.data()?, paper.plain()?, paper.extra()?, paper.parts()?))
    };
    let stored = || shown(&place.environment()?);
    let number = |text: &str| -> Outcome<serde_json::Value> { Ok(serde_json::from_str(text)?) };
    let paper = env.create(
        Paper::values()
            .id(1)
            .title("a")
            .data(number("[1e17, -0.0]")?)
            .plain(number("[1e17, -0.0]")?)
            .extra(number("-0.0")?)
            .parts(vec![number("1e17")?]),
    )?;
    let queries = env.stats().queries;
    assert_eq!((&*paper.title()?, paper.plain()?), ("a", number("[1e17, -0.0]")?));
    assert_eq!(env.stats().queries, queries, "text and JSON are as they were given");
    assert_eq!(paper.data()?, number("[100000000000000000, 0.0]")?);
    assert_eq!(env.stats().queries, queries + 1, "JSONB is read");
    assert_eq!(shown(&env)?, stored()?);
    let (data, extra, parts) =
        (number(r#"{"b": -0.0, "a": 3e20}"#)?, number("[7e17]")?, vec![number("-0.0")?]);
    env.transaction(|| {
        paper.set_data(data)?;
        paper.set_extra(extra)?;
        paper.set_parts(parts)
    })?;
    assert_eq!(shown(&env)?, stored()?);
    assert_eq!(paper.extra()?, Some(number("[700000000000000000]")?));
    Ok(())
}
