//! A query that finds two different rows with one key says so: the cache has one place for both.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::File;
use orm_tests::test_db;

diesel::table! { stock (product_id) { product_id -> Integer, warehouse -> Text, qty -> Nullable<Double> } }

#[derive(Model)]
#[model(table = stock)]
struct Stock {
    #[model(primary_key)]
    product_id: i32,
    warehouse: String,
    qty: Option<f64>,
}

#[test]
fn two_rows_with_one_key() {
    let sql = "CREATE TABLE s (p INTEGER, w TEXT, q REAL);
        INSERT INTO s VALUES (1, 'north', 5), (1, 'south', 5), (2, 'north', 1);
        CREATE VIEW stock AS SELECT p AS product_id, w AS warehouse, q AS qty FROM s";
    let db = test_db!(File::new(sql), strict());
    let error = db.all::<Stock>().expect_err("a key that is none");
    assert!(matches!(&error, Error::NotAKey { model: "Stock", id, .. } if *id == "1"), "{error}");
    assert!(error.to_string().contains("stock"), "{error}");
    let error = db.record::<Stock>(1).warehouse().expect_err("a key that is none");
    assert!(matches!(error, Error::NotAKey { .. }), "{error}");
    assert_eq!(db.record::<Stock>(2).warehouse().unwrap(), "north");
}

#[test]
fn one_row_that_a_join_finds_twice() -> Result<()> {
    diesel::table! { pieces { id -> Integer, stock_id -> Integer } }
    diesel::allow_tables_to_appear_in_same_query!(stock, pieces);
    let sql = "CREATE TABLE stock (product_id INTEGER PRIMARY KEY, warehouse TEXT NOT NULL, qty REAL);
        CREATE TABLE pieces (id INTEGER PRIMARY KEY, stock_id INTEGER NOT NULL);
        INSERT INTO stock VALUES (1, 'north', NULL), (2, 'south', 2.5); INSERT INTO pieces VALUES (1, 1), (2, 1), (3, 2)";
    let db = test_db!(File::new(sql), strict());
    let joined = stock::table.inner_join(pieces::table.on(pieces::stock_id.eq(stock::product_id)));
    let found = joined.order(pieces::id).records::<Stock>(&db)?;
    assert_eq!((found.ids(), found.qty()?), (vec![1, 1, 2], vec![None, None, Some(2.5)]));
    // What is cached or waits is no other row.
    db.transaction(|| {
        db.record::<Stock>(1).set_warehouse("west")?;
        db.cache().set(Stock::QTY, 1, 9.0);
        assert_eq!(joined.records::<Stock>(&db)?.warehouse()?, ["west", "west", "south"]);
        Ok(())
    })
}
