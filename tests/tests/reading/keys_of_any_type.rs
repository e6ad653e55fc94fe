//! Primary keys: i16, i32, i64, text, under any name; extremes included.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;

diesel::table! { wide { id -> BigInt, name -> Text, next -> Nullable<BigInt> } }
diesel::table! { narrow (number) { number -> SmallInt, name -> Text, next -> SmallInt } }
diesel::table! { negative { id -> Integer, name -> Text, next -> Integer } }
diesel::table! { currencies (code) { code -> Text, name -> Text } }
diesel::table! { prices { id -> Integer, currency_code -> Text, was_in -> Nullable<Text> } }

#[derive(Model)]
#[model(table = wide)]
struct Wide {
    id: i64,
    name: String,
    next: Option<Id<Wide>>,
}

#[derive(Model)]
#[model(table = narrow)]
struct Narrow {
    #[model(primary_key)]
    number: i16,
    name: String,
    next: Id<Narrow>,
}

#[derive(Model)]
#[model(table = negative)]
struct Negative {
    id: i32,
    name: String,
    next: Id<Negative>,
}

#[derive(Model)]
#[model(table = currencies)]
struct Currency {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Price::CURRENCY_CODE)]
    price_ids: OneToMany<Price>,
}

#[derive(Model)]
#[model(table = prices)]
struct Price {
    id: i32,
    currency_code: Id<Currency>,
    was_in: Option<Id<Currency>>,
}

#[test]
fn i64_to_its_very_ends() -> Result<()> {
    let keys = [
        i64::MIN,
        i64::MIN + 1,
        -(1 << 53) - 1,
        -1,
        0,
        1,
        (1 << 31) + 5,
        (1 << 53) + 1,
        (1 << 53) + 2,
        i64::MAX - 1,
        i64::MAX,
    ];
    let rows: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, key)| format!("({key}, 'n{i}', {})", keys[(i + 1) % keys.len()]))
        .collect();
    // SQL has no literal for the least one.
    let rows = rows.join(", ").replace("-9223372036854775808", "(-9223372036854775807 - 1)");
    let db = TestDb::new(&format!(
        "CREATE TABLE wide (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL, next BIGINT); INSERT INTO wide VALUES {rows}"
    ));
    let names: Vec<String> = (0..keys.len()).map(|i| format!("n{i}")).collect();
    assert_eq!(db.assert_queries(1, || db.browse::<Wide>(keys).name())?, names);
    assert_eq!(db.browse::<Wide>(keys).ids(), keys);
    for (i, &key) in keys.iter().enumerate() {
        let record = db.record::<Wide>(key);
        assert_eq!(record.next().id()?, Some(keys[(i + 1) % keys.len()]));
        assert_eq!(record.next().name()?, Some(format!("n{}", (i + 1) % keys.len()).into()));
    }
    db.cache().clear();
    for (i, &key) in keys.iter().enumerate() {
        assert_eq!(db.record::<Wide>(key).name()?, names[i], "alone: {key}");
    }
    assert_eq!(wide::table.order(wide::id).records::<Wide>(&db)?.ids(), keys);
    assert_eq!(db.record::<Wide>(5).id(), 5);
    Ok(())
}

#[test]
fn i16_under_another_name() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE narrow (number SMALLINT PRIMARY KEY NOT NULL, name TEXT NOT NULL, next SMALLINT NOT NULL);
         INSERT INTO narrow VALUES (-32768, 'least', 0), (0, 'none', 32767), (32767, 'most', -32768)",
    );
    let all = db.all::<Narrow>()?;
    assert_eq!(all.number()?, [-32768, 0, 32767]);
    assert_eq!(db.assert_queries(0, || all.next().next().next().name())?, ["least", "none", "most"]);
    db.cache().clear();
    assert_eq!(db.browse::<Narrow>([0_i16, -32768]).name()?, ["none", "least"]);
    Ok(())
}

#[test]
fn i32_below_zero_and_far_apart() -> Result<()> {
    let keys = [i32::MIN, -1, 0, 1, 1_000_000_000, i32::MAX];
    let rows: Vec<String> = keys.iter().map(|key| format!("({key}, 'n{key}', {key})")).collect();
    let db = TestDb::new(&format!(
        "CREATE TABLE negative (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, next INTEGER NOT NULL); INSERT INTO negative VALUES {}",
        rows.join(", ")
    ));
    assert_eq!(db.browse::<Negative>(keys).next().name()?, keys.map(|key| format!("n{key}")));
    assert_eq!(
        negative::table.order(negative::id.desc()).record_ids::<Negative>(&db)?.reversed().ids(),
        keys
    );
    assert!(db.stats().bytes < 1_000_000, "far keys do not make large tables: {} bytes", db.stats().bytes);
    Ok(())
}

#[test]
fn keys_met_in_any_order_stay_one_record_each() -> Result<()> {
    // First too sparse for a table of places, then dense.
    let db = TestDb::new(
        "CREATE TABLE negative (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, next INTEGER NOT NULL);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 10000)
         INSERT INTO negative SELECT n, 'n' || n, n FROM s",
    );
    let mixed: Vec<i32> = (0..10_000).map(|n| 1 + (n * 7_919) % 10_000).collect();
    let set = db.browse::<Negative>(mixed.iter().copied());
    assert_eq!(set.ids(), mixed);
    assert_eq!(db.browse::<Negative>(1..=10_000), set);
    assert_eq!(set.name()?[17], format!("n{}", mixed[17]));
    let again = db.all::<Negative>()?;
    assert_eq!(again, set);
    assert_eq!(db.stats().records, 10_000);
    db.assert_queries(0, || again.next().name())?;
    Ok(())
}

fn prices() -> TestDb {
    TestDb::new(
        "CREATE TABLE currencies (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE prices (id INTEGER PRIMARY KEY NOT NULL, currency_code TEXT NOT NULL, was_in TEXT);
         INSERT INTO currencies VALUES ('EUR', 'Euro'), ('USD', 'Dollar'), ('a currency with a code longer than is kept inline', 'Long');
         INSERT INTO prices VALUES (1, 'EUR', NULL), (2, 'USD', 'EUR'), (3, 'EUR', 'a currency with a code longer than is kept inline'), (4, 'XXX', NULL)",
    )
}

#[test]
fn text_keys_and_links() -> Result<()> {
    let db = prices();
    let found = prices::table.filter(prices::id.le(3)).order(prices::id).records::<Price>(&db)?;
    db.assert_queries(0, || {
        assert_eq!(found.get(0).expect("in range").currency_code().code()?, "EUR");
        assert_eq!(found.currency_code().ids()?, ["EUR", "USD"]);
        assert_eq!(found.get(0).expect("in range").was_in().code()?, None);
        Ok::<_, Error>(())
    })?;
    // Both links lead to currencies, and are read together.
    assert_eq!(
        db.assert_keys(&[3], || found.map(|price| price.currency_code().name()))?,
        ["Euro", "Dollar", "Euro"]
    );
    assert_eq!(
        db.assert_queries(0, || found.map(|price| price.was_in().name()))?[1..],
        [Some("Euro".into()), Some(Str::from("Long"))]
    );
    assert_eq!(db.record::<Currency>("EUR").price_ids().ids()?, [1, 3]);
    assert_eq!(db.record::<Currency>(&String::from("USD")).name()?, "Dollar");
    assert_eq!(db.browse::<Currency>(["USD", "EUR"]).name()?, ["Dollar", "Euro"]);
    let error = db.record::<Price>(4).currency_code().name().expect_err("no such currency");
    assert!(matches!(&error, Error::MissingRecord { model: "Currency", id } if id == "XXX"), "{error:?}");
    Ok(())
}

#[test]
fn a_text_key_is_found_as_it_is_written() -> Result<()> {
    let db = prices();
    for code in ["eur", "EUR ", " EUR", "EU", "EURO"] {
        assert!(db.record::<Currency>(code).name().is_err_and(|error| error.is_missing_record()), "{code:?}");
        assert!(
            db.browse::<Currency>([code, "USD"]).name().is_err_and(|error| error.is_missing_record()),
            "{code:?}"
        );
    }
    Ok(())
}

#[test]
fn ids_are_plain_values() {
    let id: Id<Price> = Id::new(3);
    let copy = id;
    assert_eq!(
        (*copy.key(), id.into_key(), format!("{id}"), format!("{id:?}")),
        (3, 3, "3".into(), "Price(3)".into())
    );
    assert!(Id::<Price>::new(2) < id);
    let text: Id<Currency> = Id::new("EUR");
    assert_eq!(text, Id::new(String::from("EUR")));
    let db = prices();
    assert_eq!(Id::from(db.record::<Currency>("EUR")), text);
    assert_eq!(db.record::<Price>(id).id(), 3);
}
