//! Column types that MySQL has and SQLite has not

use bigdecimal::BigDecimal;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use crate::place::{Outcome, Place};

diesel::table! {
    documents {
        id -> Unsigned<BigInt>,
        body -> Text,
        image -> Blob,
        tiny -> TinyInt,
        small -> SmallInt,
        quantity -> Unsigned<Integer>,
        ratio -> Float,
        amount -> Numeric,
        data -> Json,
        created -> Timestamp,
        local -> Datetime,
        day -> Date,
        hour -> Time,
        code -> Binary,
        thumbnail -> Nullable<Blob>,
        extra -> Nullable<Json>,
        limit_amount -> Nullable<Numeric>,
        signed -> Nullable<Datetime>,
        parent_id -> Nullable<Unsigned<BigInt>>,
    }
}
diesel::table! { binaries { id -> Binary, name -> Text, next_id -> Nullable<Binary> } }
diesel::table! { mistakes { id -> Integer, number -> Integer, day -> Date, fraction -> Double, text -> Text } }

#[derive(Model)]
#[model(table = documents, connection = MysqlConnection)]
pub struct Document {
    id: u64,
    body: String,
    image: Vec<u8>,
    tiny: i8,
    small: i16,
    quantity: u32,
    ratio: f32,
    amount: BigDecimal,
    data: serde_json::Value,
    created: NaiveDateTime,
    local: NaiveDateTime,
    day: NaiveDate,
    hour: NaiveTime,
    code: Vec<u8>,
    thumbnail: Option<Vec<u8>>,
    extra: Option<serde_json::Value>,
    limit_amount: Option<BigDecimal>,
    signed: Option<NaiveDateTime>,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Document::PARENT_ID)]
    child_ids: OneToMany<Self>,
}

/// A uuid in 16 bytes, as MySQL keeps them
#[derive(Model)]
#[model(table = binaries, connection = MysqlConnection)]
pub struct Binary {
    id: Vec<u8>,
    name: String,
    next_id: Option<Id<Self>>,
}

#[derive(Model)]
#[model(table = mistakes, connection = MysqlConnection)]
pub struct Mistake {
    id: i32,
    #[model(deferred)]
    number: i32,
    #[model(deferred)]
    day: NaiveDate,
    #[model(deferred)]
    fraction: f64,
    #[model(deferred)]
    text: String,
}

#[test]
fn column_types() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        r#"CREATE TABLE documents (id BIGINT UNSIGNED PRIMARY KEY, body LONGTEXT NOT NULL, image LONGBLOB NOT NULL,
               tiny TINYINT NOT NULL, small SMALLINT NOT NULL, quantity INTEGER UNSIGNED NOT NULL, ratio FLOAT NOT NULL,
               amount DECIMAL(40, 9) NOT NULL, data JSON NOT NULL, created TIMESTAMP(6) NOT NULL,
               local DATETIME(6) NOT NULL, day DATE NOT NULL, hour TIME(1) NOT NULL, code BINARY(4) NOT NULL,
               thumbnail BLOB, extra JSON, limit_amount DECIMAL(10, 2), signed DATETIME, parent_id BIGINT UNSIGNED);
           SET time_zone = '+00:00';
           INSERT INTO documents VALUES
               (18446744073709551615, CONCAT('Ünïcode ☃ ', REPEAT('x', 100000)), x'00ff10', -7, -300, 4294967295, 0.5,
                12345678901234567890.123456789, '{"a": [1, 2, {"b": null}]}',
                '2024-02-29 23:59:59.123456', '2024-02-29 23:59:59.123456', '2024-02-29', '23:59:59.5',
                x'00010203', x'', '[]', 1.50, '1999-12-31 00:00:00', NULL),
               (2, '', '', 0, 0, 0, 0, 0, 'null', '1970-01-01 00:00:01', '1000-01-01', '1000-01-01', '00:00',
                x'00000000', NULL, NULL, NULL, NULL, 18446744073709551615)"#,
    )?;
    drop(connection);
    let mut connection = place.connect()?;
    connection.batch_execute("SET time_zone = '+00:00'")?;
    let env = Environment::builder().connection(connection).build();
    let documents: RecordSet<Document> = documents::table.order(documents::id.desc()).records(&env)?;
    let one = documents.first().ok_or("there are two")?;
    let two = documents.last().ok_or("there are two")?;
    assert_eq!(one.id(), u64::MAX);
    assert!(one.body()?.starts_with("Ünïcode ☃ x") && one.body()?.chars().count() == 100_010);
    assert_eq!(one.image()?.as_ref(), [0, 255, 16]);
    assert_eq!((one.tiny()?, one.small()?, one.quantity()?, one.ratio()?), (-7, -300, u32::MAX, 0.5));
    assert_eq!(one.amount()?, "12345678901234567890.123456789".parse::<BigDecimal>()?);
    assert_eq!(one.data()?, serde_json::json!({"a": [1, 2, {"b": null}]}));
    assert_eq!(one.created()?, "2024-02-29T23:59:59.123456".parse::<NaiveDateTime>()?);
    assert_eq!(one.local()?, "2024-02-29T23:59:59.123456".parse::<NaiveDateTime>()?);
    assert_eq!(one.day()?, "2024-02-29".parse::<NaiveDate>()?);
    assert_eq!(one.hour()?, "23:59:59.5".parse::<NaiveTime>()?);
    assert_eq!(one.code()?.as_ref(), [0, 1, 2, 3]);
    assert_eq!(one.thumbnail()?.as_deref(), Some(&[][..]));
    assert_eq!(one.extra()?, Some(serde_json::json!([])));
    assert_eq!(one.limit_amount()?, Some("1.5".parse()?));
    assert_eq!(one.signed()?, Some("1999-12-31T00:00:00".parse()?));
    assert_eq!((two.body()?, two.image()?.len()), (Str::default(), 0));
    assert_eq!(two.data()?, serde_json::Value::Null);
    assert_eq!(
        (two.thumbnail()?, two.extra()?, two.limit_amount()?, two.signed()?),
        (None, None, None, None)
    );
    assert_eq!(two.parent_id().load()?, Some(one.clone()));
    assert_eq!(env.stats().queries, 1);
    assert_eq!(one.child_ids().load()?.ids(), [2]);
    assert_eq!(env.stats().queries, 2);
    let env = place.environment()?;
    assert_eq!(env.browse::<Document>([2, u64::MAX]).small()?, [0, -300]);
    assert_eq!(env.stats().queries, 1);
    Ok(())
}

#[test]
fn keys_of_bytes() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE binaries (id BINARY(16) PRIMARY KEY, name VARCHAR(20) NOT NULL, next_id BINARY(16));
         INSERT INTO binaries VALUES (x'00000000000000000000000000000001', 'one', x'ff000000000000000000000000000002'),
             (x'ff000000000000000000000000000002', 'two', NULL)",
    )?;
    let env = place.environment()?;
    let all = env.all::<Binary>()?;
    assert_eq!(all.next_id().name()?, ["two"]);
    let [one, two] = all.ids().try_into().map_err(|_| "there are two")?;
    assert_eq!((one.len(), two[0]), (16, 255));
    let env = place.environment()?;
    assert_eq!(env.browse::<Binary>([two, one]).name()?, ["two", "one"]);
    assert_eq!(env.stats().queries, 1);
    Ok(())
}

#[test]
fn a_column_of_another_type_is_an_error() -> Outcome {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE mistakes (id INTEGER PRIMARY KEY, number TEXT, day BIGINT, fraction TEXT, text BLOB);
         INSERT INTO mistakes VALUES (1, 'four', 5, '1.5', x'ff'), (2, NULL, NULL, NULL, NULL)",
    )?;
    let env = place.environment()?;
    let one = env.record::<Mistake>(1);
    let two = env.record::<Mistake>(2);
    let errors = [
        ("number", one.number().err()),
        ("day", one.day().err()),
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
