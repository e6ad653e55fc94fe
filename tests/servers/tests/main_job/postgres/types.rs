//! Column types that PostgreSQL has and SQLite has not

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;
use uuid::Uuid;

use crate::place::{Outcome, Place};

diesel::table! {
    documents {
        id -> Uuid,
        body -> Text,
        image -> Bytea,
        small -> SmallInt,
        ratio -> Float,
        amount -> Numeric,
        data -> Jsonb,
        plain -> Json,
        created -> Timestamptz,
        local -> Timestamp,
        day -> Date,
        hour -> Time,
        words -> Array<Text>,
        thumbnail -> Nullable<Bytea>,
        extra -> Nullable<Jsonb>,
        limit_amount -> Nullable<Numeric>,
        signed -> Nullable<Timestamptz>,
        parent_id -> Nullable<Uuid>,
    }
}
diesel::table! { mistakes { id -> Integer, number -> Integer, large -> BigInt, fraction -> Double, text -> Text } }

#[derive(Model)]
#[model(table = documents, connection = PgConnection)]
pub struct Document {
    id: Uuid,
    body: String,
    image: Vec<u8>,
    small: i16,
    ratio: f32,
    amount: BigDecimal,
    data: serde_json::Value,
    plain: serde_json::Value,
    created: DateTime<Utc>,
    local: NaiveDateTime,
    day: NaiveDate,
    hour: NaiveTime,
    words: Vec<String>,
    thumbnail: Option<Vec<u8>>,
    extra: Option<serde_json::Value>,
    limit_amount: Option<BigDecimal>,
    signed: Option<DateTime<Utc>>,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Document::PARENT_ID)]
    child_ids: OneToMany<Self>,
}

#[derive(Model)]
#[model(table = mistakes, connection = PgConnection)]
pub struct Mistake {
    id: i32,
    #[model(deferred)]
    number: i32,
    #[model(deferred)]
    large: i64,
    #[model(deferred)]
    fraction: f64,
    #[model(deferred)]
    text: String,
}

#[test]
fn column_types() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        r#"CREATE TABLE documents (id UUID PRIMARY KEY, body TEXT NOT NULL, image BYTEA NOT NULL, small SMALLINT NOT NULL,
               ratio REAL NOT NULL, amount NUMERIC NOT NULL, data JSONB NOT NULL, plain JSON NOT NULL,
               created TIMESTAMPTZ NOT NULL, local TIMESTAMP NOT NULL, day DATE NOT NULL, hour TIME NOT NULL,
               words TEXT[] NOT NULL, thumbnail BYTEA, extra JSONB, limit_amount NUMERIC, signed TIMESTAMPTZ, parent_id UUID);
           INSERT INTO documents VALUES
               ('00000000-0000-0000-0000-000000000001', 'Ünïcode ☃ ' || repeat('x', 100000), '\x00ff10', -7, 0.5,
                12345678901234567890.123456789, '{"a": [1, 2, {"b": null}]}', '{"z": 1}',
                '2024-02-29 23:59:59.123456+02', '2024-02-29 23:59:59.123456', '2024-02-29', '23:59:59.5',
                ARRAY['a', 'b"c'], '\x', '[]', 1.50, '1999-12-31 00:00:00Z', NULL),
               ('00000000-0000-0000-0000-000000000002', '', '', 0, 0, 0, 'null', 'true', 'epoch', 'epoch',
                '0001-01-01', '00:00', '{}', NULL, NULL, NULL, NULL, '00000000-0000-0000-0000-000000000001')"#,
    )?;
    let env = place.environment()?;
    let documents = env.all::<Document>()?;
    let one = documents.first().ok_or("there are two")?;
    let two = documents.last().ok_or("there are two")?;
    assert_eq!(one.id(), Uuid::from_u128(1));
    assert!(one.body()?.starts_with("Ünïcode ☃ x") && one.body()?.chars().count() == 100_010);
    assert_eq!(one.image()?.as_ref(), [0, 255, 16]);
    assert_eq!((one.small()?, one.ratio()?), (-7, 0.5));
    assert_eq!(one.amount()?, "12345678901234567890.123456789".parse::<BigDecimal>()?);
    assert_eq!(one.data()?, serde_json::json!({"a": [1, 2, {"b": null}]}));
    assert_eq!(one.plain()?, serde_json::json!({"z": 1}));
    assert_eq!(one.created()?, "2024-02-29T21:59:59.123456Z".parse::<DateTime<Utc>>()?);
    assert_eq!(one.local()?, "2024-02-29T23:59:59.123456".parse::<NaiveDateTime>()?);
    assert_eq!(one.day()?, "2024-02-29".parse::<NaiveDate>()?);
    assert_eq!(one.hour()?, "23:59:59.5".parse::<NaiveTime>()?);
    assert_eq!(one.words()?, ["a", "b\"c"]);
    assert_eq!(one.thumbnail()?.as_deref(), Some(&[][..]));
    assert_eq!(one.extra()?, Some(serde_json::json!([])));
    assert_eq!(one.limit_amount()?, Some("1.5".parse()?));
    assert_eq!(one.signed()?, Some("1999-12-31T00:00:00Z".parse()?));
    assert_eq!((two.body()?, two.image()?.len()), (Str::default(), 0));
    assert_eq!((two.data()?, two.plain()?), (serde_json::Value::Null, true.into()));
    assert_eq!(two.created()?, DateTime::UNIX_EPOCH);
    assert_eq!(
        (two.thumbnail()?, two.extra()?, two.limit_amount()?, two.signed()?),
        (None, None, None, None)
    );
    // Links by uuid, both ways; a batch of uuids
    assert_eq!(two.parent_id().id()?, Some(Uuid::from_u128(1)));
    assert_eq!(two.parent_id().load()?, Some(one.clone()));
    assert_eq!(env.stats().queries, 1);
    assert_eq!(one.child_ids().load()?.ids(), [Uuid::from_u128(2)]);
    assert_eq!(env.stats().queries, 2);
    let env = place.environment()?;
    let some = env.browse::<Document>([2, 1].map(Uuid::from_u128));
    assert_eq!(some.small()?, [0, -7]);
    assert_eq!(env.stats().queries, 1);
    let missing = env.record::<Document>(Uuid::from_u128(3)).body();
    assert!(matches!(missing, Err(Error::MissingRecord { model: "Document", id }) if id.ends_with('3')));
    let owned = two.to_model()?;
    assert_eq!((owned.id, owned.words.len(), owned.image), (Uuid::from_u128(2), 0, vec![]));
    Ok(())
}

#[test]
fn a_column_of_another_type_is_an_error() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    // Of the same lengths as what the `table!` says, so that the bytes alone would pass for it.
    connection.batch_execute(
        "CREATE TABLE mistakes (id INTEGER PRIMARY KEY, number TEXT, large DOUBLE PRECISION, fraction BIGINT, text BYTEA);
         INSERT INTO mistakes VALUES (1, 'four', 1.5, 4609434218613702656, '\\xff'), (2, NULL, NULL, NULL, NULL)",
    )?;
    let env = place.environment()?;
    let one = env.record::<Mistake>(1);
    let two = env.record::<Mistake>(2);
    let errors = [
        ("number", one.number().err()),
        ("large", one.large().err()),
        ("fraction", one.fraction().err()),
        ("text", one.text().err()),
        ("number", two.number().err()),
        ("text", two.text().err()),
    ];
    for (field, error) in errors {
        let error = error.ok_or_else(|| format!("`{field}` is of another type"))?;
        assert!(
            matches!(&error, Error::InvalidValue { model: "Mistake", field: named, .. } if *named == field),
            "{error:?}"
        );
    }
    Ok(())
}
