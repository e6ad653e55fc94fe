//! What a function of a stored field must not do, and what becomes of what waits when it fails.

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Environment, Error, Result};
use orm_tests::{File, TestDb, test_db};

diesel::table! { bills { id -> Integer, note -> Text, limit_of -> BigInt, total -> BigInt, rest -> BigInt, revision -> Integer } }
diesel::table! { notes { id -> Integer, limit_of -> BigInt, total -> BigInt, rest -> BigInt } }
diesel::table! { note_items { id -> Integer, note_id -> Integer, price -> BigInt, quantity -> BigInt } }
diesel::table! { circles { id -> Integer, limit_of -> BigInt, total -> BigInt, rest -> BigInt } }
diesel::table! { items { id -> Integer, bill_id -> Integer, price -> BigInt, quantity -> BigInt } }

#[derive(Model)]
#[model(validate = within_the_limit)]
struct Bill {
    id: i32,
    note: String,
    limit_of: i64,
    #[model(inverse = Item::BILL_ID)]
    item_ids: OneToMany<Item>,
    /// By the database
    #[model(compute = summed, stored, depends(item_ids.price))]
    total: Computed<i64>,
    #[model(compute = rest, stored, depends(total))]
    rest: Computed<i64>,
    #[model(version)]
    revision: i32,
}

#[derive(Model)]
struct Item {
    id: i32,
    bill_id: Id<Bill>,
    price: i64,
    quantity: i64,
}

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

fn summed(bill: &Record<Bill>) -> Result<i64> {
    if FAILS.get() {
        return Err(Error::other("no sum today"));
    }
    bill.item_ids().sum(Item::PRICE)
}

fn rest(bill: &Record<Bill>) -> Result<i64> {
    Ok(bill.limit_of()? - bill.total()?)
}

fn within_the_limit(bill: &Record<Bill>) -> Result<()> {
    if bill.rest()? < 0 { Err(Error::other("over the limit")) } else { Ok(()) }
}

fn file() -> File {
    File::new(
        "CREATE TABLE bills (id INTEGER PRIMARY KEY, note TEXT NOT NULL, limit_of BIGINT NOT NULL, total BIGINT NOT NULL DEFAULT 0,
            rest BIGINT NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE items (id INTEGER PRIMARY KEY, bill_id INTEGER NOT NULL, price BIGINT NOT NULL, quantity BIGINT NOT NULL);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, limit_of BIGINT NOT NULL, total BIGINT NOT NULL, rest BIGINT NOT NULL);
        CREATE TABLE note_items (id INTEGER PRIMARY KEY, note_id INTEGER NOT NULL, price BIGINT NOT NULL, quantity BIGINT NOT NULL);
        CREATE TABLE circles (id INTEGER PRIMARY KEY, limit_of BIGINT NOT NULL, total BIGINT NOT NULL, rest BIGINT NOT NULL);
        INSERT INTO notes VALUES (1, 1, 1, 1);
        INSERT INTO note_items VALUES (1, 1, 10, 1), (2, 1, 20, 2);
        INSERT INTO circles VALUES (1, 1, 1, 1);
        INSERT INTO bills VALUES (1, 'one', 100, 30, 70, 0), (2, 'two', 100, 40, 60, 0);
        INSERT INTO items VALUES (1, 1, 10, 1), (2, 1, 20, 2), (3, 2, 40, 3);",
    )
}

fn held(db: &TestDb) -> Vec<String> {
    let column = |name: &str| db.file.values(&format!("SELECT {name} AS value FROM bills ORDER BY id"));
    [column("total"), column("rest")].concat()
}

#[test]
fn what_only_the_database_can_answer_is_asked_when_what_waits_was_sent() -> Result<()> {
    let db = test_db!(file());
    let item = db.record::<Item>(1);
    item.set_price(15)?;
    assert_eq!(held(&db), ["35", "40", "65", "60"]);
    db.transaction(|| {
        item.set_price(16)?;
        assert_eq!(db.record::<Bill>(1).rest()?, 64);
        item.set_price(17)?;
        db.create(Item::values().bill_id(Id::new(2)).price(5).quantity(1)).map(drop)
    })?;
    assert_eq!(held(&db), ["37", "45", "63", "55"]);
    Ok(())
}

#[test]
fn what_is_refused_waits_as_before() -> Result<()> {
    let db = test_db!(file());
    let (item, bill) = (db.record::<Item>(1), db.record::<Bill>(1));
    bill.rest()?;
    let error = item.set_price(90).unwrap_err();
    assert!(error.invalid().is_some(), "{error}");
    assert_eq!(
        (item.price()?, bill.rest()?, held(&db)),
        (10, 70, ["30", "40", "70", "60"].map(String::from).to_vec())
    );
    db.transaction(|| {
        item.set_price(90)?;
        let error = db.flush().unwrap_err();
        assert!(error.invalid().is_some(), "{error}");
        // It waits, and so does what follows from it.
        assert_eq!(item.price()?, 90);
        item.set_price(11)?;
        assert_eq!((bill.total()?, bill.rest()?), (31, 69));
        Ok::<_, Error>(())
    })?;
    assert_eq!(held(&db), ["31", "40", "69", "60"]);
    // The function itself
    db.transaction(|| {
        item.set_price(12)?;
        FAILS.set(true);
        assert!(db.flush().is_err() && bill.rest().is_err());
        FAILS.set(false);
        assert_eq!((item.price()?, bill.rest()?), (12, 68));
        Ok::<_, Error>(())
    })?;
    assert_eq!(held(&db), ["32", "40", "68", "60"]);
    FAILS.set(true);
    assert!(item.set_price(13).is_err());
    FAILS.set(false);
    assert_eq!((item.price()?, held(&db)), (12, ["32", "40", "68", "60"].map(String::from).to_vec()));
    Ok(())
}

#[test]
fn a_version_says_that_somebody_else_has_computed_it() -> Result<()> {
    let db = test_db!(file());
    let bill = db.record::<Bill>(1);
    bill.rest()?;
    db.file.run("UPDATE bills SET total = 99, revision = 7 WHERE id = 1");
    let error = db.record::<Item>(2).set_price(5).unwrap_err();
    assert!(matches!(error, Error::Conflict { model: "Bill", .. }), "{error}");
    assert_eq!(held(&db), ["99", "40", "70", "60"]);
    Ok(())
}

#[test]
fn a_column_is_filled_in_batches_and_one_can_go_on() -> Result<()> {
    let db = test_db!(file());
    db.file.run("UPDATE bills SET total = 0, rest = 0");
    let mut told = Vec::new();
    let changed = db.recompute(Bill::TOTAL).run(|done| told.push((done.rows, done.changed, done.last)))?;
    assert_eq!((changed, told), (2, vec![(2, 2, 2)]));
    // What follows from it, too
    assert_eq!(held(&db), ["30", "40", "70", "60"]);
    assert_eq!(db.recompute(Bill::TOTAL).run(|_| {})?, 0);
    db.file.run("UPDATE bills SET total = 0");
    db.cache().clear();
    assert_eq!(db.recompute(Bill::TOTAL).after(1).run(|_| {})?, 1);
    assert_eq!(held(&db), ["0", "40", "70", "60"]);
    Ok(())
}

/// Its totals say too little of what they read
#[derive(Model)]
#[model(table = notes)]
struct Hasty {
    id: i32,
    limit_of: i64,
    #[model(inverse = HastyItem::NOTE_ID)]
    item_ids: OneToMany<HastyItem>,
    #[model(compute = hasty, stored, depends(item_ids.price))]
    total: Computed<i64>,
    #[model(compute = searched, stored)]
    rest: Computed<i64>,
}

#[derive(Model)]
#[model(table = note_items)]
struct HastyItem {
    id: i32,
    note_id: Id<Hasty>,
    price: i64,
    quantity: i64,
}

fn hasty(bill: &Record<Hasty>) -> Result<i64> {
    let mut sum = 0;
    for item in &bill.item_ids().load()? {
        sum += item.price()? * item.quantity()?;
    }
    Ok(sum)
}

fn searched(bill: &Record<Hasty>) -> Result<i64> {
    bill.limit_of()?;
    Ok(bill.env().find::<HastyItem>(note_items::price.gt(1000))?.map_or(0, |item| i64::from(item.id())))
}

#[test]
fn what_is_read_and_not_declared_is_an_error_that_names_it() -> Result<()> {
    let db = test_db!(file());
    let error = db.record::<HastyItem>(1).set_price(5).unwrap_err();
    let told = "Hasty.total is stored and reads `item_ids.quantity`";
    assert!(matches!(error, Error::UndeclaredRead { model: "Hasty", field: "total", .. }), "{error}");
    assert!(error.to_string().starts_with(told), "{error}");
    let error = db.record::<Hasty>(1).set_limit_of(5).unwrap_err();
    assert!(matches!(error, Error::UndeclaredRead { .. }), "{error}");
    let total = || db.file.values("SELECT total AS value FROM notes");
    assert_eq!(total(), ["1"]);
    // Where nobody looks
    let env = Environment::builder().connection(db.file.connect()).check_depends(false).build();
    env.record::<HastyItem>(1).set_price(5)?;
    assert_eq!(total(), ["45"]);
    Ok(())
}

/// In a circle
#[derive(Model)]
#[model(table = circles)]
struct Circle {
    id: i32,
    limit_of: i64,
    #[model(compute = of_rest, stored, depends(rest))]
    total: Computed<i64>,
    #[model(compute = of_total, stored, depends(total))]
    rest: Computed<i64>,
}

fn of_rest(bill: &Record<Circle>) -> Result<i64> {
    bill.rest()
}

fn of_total(bill: &Record<Circle>) -> Result<i64> {
    bill.total()
}

#[test]
fn a_circle_is_an_error_that_names_the_fields() -> Result<()> {
    let db = test_db!(file());
    let error = db.record::<Circle>(1).set_limit_of(5).unwrap_err();
    assert!(matches!(error, Error::Cycle { .. }), "{error}");
    assert!(
        error.to_string().contains("Circle.total of 1") && error.to_string().contains("Circle.rest of 1"),
        "{error}"
    );
    assert_eq!(db.file.values("SELECT limit_of AS value FROM circles"), ["1"]);
    Ok(())
}

/// The same bills, of which two say how the total is computed
#[derive(Model)]
#[model(table = bills)]
struct Second {
    id: i32,
    limit_of: i64,
    #[model(compute = second, stored)]
    total: Computed<i64>,
}

fn second(bill: &Record<Second>) -> Result<i64> {
    bill.limit_of()
}

#[test]
fn a_column_that_two_models_compute_is_an_error() -> Result<()> {
    let db = test_db!(file());
    let error = db.record::<Second>(1).set_limit_of(50).unwrap_err();
    assert!(error.to_string().contains("computes the same column"), "{error}");
    assert_eq!(held(&db), ["30", "40", "70", "60"]);
    Ok(())
}

/// Rows of items, of which nobody says where they lead
#[derive(Model)]
#[model(table = items)]
struct Bare {
    id: i32,
    price: i64,
}

#[test]
fn a_model_that_no_link_leads_to_is_named_before() -> Result<()> {
    let file = file();
    let env = Environment::builder().connection(file.connect()).model::<Bill>().build();
    env.record::<Bare>(1).set_price(5)?;
    let db = test_db!(file);
    assert_eq!(held(&db), ["25", "40", "75", "60"]);
    db.register::<Bill>();
    db.record::<Bare>(1).set_price(6)?;
    assert_eq!(held(&db), ["26", "40", "74", "60"]);
    Ok(())
}
