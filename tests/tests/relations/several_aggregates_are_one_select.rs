//! Of several aggregates over a link one SELECT brings all, and each is kept as if it had been asked for alone; the number of members comes along with any of
//! them.
#![allow(clippy::unwrap_used)]

use diesel::prelude::*;
use orm_core::aggregate::{avg, count, count_where, max, min, sum};
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;

diesel::table! { shops { id -> Integer, name -> Text } }
diesel::table! { sales { id -> Integer, shop_id -> Nullable<Integer>, cents -> BigInt, day -> Text, rebate -> Nullable<Double> } }
diesel::table! { goods { id -> Integer, weight -> Integer } }
diesel::table! { shop_goods { id -> Integer, shop_id -> Integer, good_id -> Integer } }

#[derive(Model)]
struct Shop {
    id: i32,
    name: String,
    #[model(inverse = Sale::SHOP_ID)]
    sale_ids: OneToMany<Sale>,
    #[model(inverse = Sale::SHOP_ID, filter = sales::cents.gt(100), order = sales::day, limit = 2)]
    first_ids: OneToMany<Sale>,
    /// Through a table that may hold a pair twice
    #[model(through(shop_goods::shop_id, shop_goods::good_id))]
    good_ids: ManyToMany<Good>,
}

#[derive(Model)]
struct Sale {
    id: i32,
    shop_id: Option<Id<Shop>>,
    cents: i64,
    day: String,
    rebate: Option<f64>,
}

#[derive(Model)]
#[model(table = goods)]
struct Good {
    id: i32,
    weight: i32,
}

/// Shop 1 has three sales, shop 2 one, shop 3 none.
fn db() -> TestDb {
    TestDb::new(
        "CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE sales (id INTEGER PRIMARY KEY, shop_id INTEGER, cents BIGINT NOT NULL, day TEXT NOT NULL, rebate DOUBLE);
         CREATE TABLE goods (id INTEGER PRIMARY KEY, weight INTEGER NOT NULL);
         CREATE TABLE shop_goods (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL, good_id INTEGER NOT NULL);
         INSERT INTO shops VALUES (1, 'a'), (2, 'b'), (3, 'c');
         INSERT INTO sales VALUES (1, 1, 100, 'mon', 0.5), (2, 1, 200, 'tue', NULL), (3, 1, 300, 'wed', 1.5), (4, 2, 400, 'thu', NULL);
         INSERT INTO goods VALUES (1, 10), (2, 20);
         INSERT INTO shop_goods VALUES (1, 1, 1), (2, 1, 1), (3, 1, 2), (4, 2, 2)",
    )
}

#[test]
fn one_select_brings_all_and_each_is_kept() -> Result<()> {
    let db = db();
    let shops = db.all::<Shop>()?;
    let all = |shop: &Record<Shop>| {
        let late = sales::day.ge("tue");
        shop.sale_ids().aggregate((
            count(),
            sum(Sale::CENTS),
            avg(Sale::REBATE),
            max(Sale::DAY),
            min(sales::cents * 2),
            count_where(late),
        ))
    };
    let (found, statements) = db.watch(|| shops.map(all));
    let found = found?;
    assert_eq!(found[0], (3, 600, Some(1.0), Some("wed".into()), Some(200), 2));
    assert_eq!(found[1], (1, 400, None, Some("thu".into()), Some(800), 0));
    assert_eq!(found[2], (0, 0, None, None, None, 0));
    assert_eq!(statements.len(), 1, "{statements:?}");
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(shops.map(all)?, found);
        let orders = shops.get(0).unwrap().sale_ids();
        assert_eq!((orders.len()?, orders.sum(Sale::CENTS)?, orders.avg(Sale::REBATE)?), (3, 600, Some(1.0)));
        assert_eq!(
            (orders.max(Sale::DAY)?.as_deref(), orders.count_where(sales::day.ge("tue"))?),
            (Some("wed"), 2)
        );
        Ok(())
    })?;
    // Of another pair only what is not known is asked for.
    let (found, statements) =
        db.watch(|| shops.map(|shop| shop.sale_ids().aggregate((min(Sale::CENTS), sum(Sale::CENTS)))));
    assert_eq!(found?, [(Some(100), 600), (Some(400), 400), (None, 0)]);
    let is_least = |sql: &str| sql.contains("MIN(") && !sql.contains("SUM(") && !sql.contains("COUNT(");
    assert!(statements.len() == 1 && is_least(&statements[0].sql), "{statements:?}");
    Ok(())
}

#[test]
fn the_number_comes_along_with_any_but_a_condition() -> Result<()> {
    let db = db();
    let of = |read: fn(&ToMany<Sale>) -> Result<()>| -> Result<Vec<usize>> {
        db.cache().clear();
        let shops = db.all::<Shop>()?;
        db.assert_queries(1, || shops.map(|shop| read(&shop.sale_ids())))?;
        db.assert_queries(0, || shops.map(|shop| shop.sale_ids().len()))
    };
    assert_eq!(of(|sales| sales.sum(Sale::CENTS).map(drop))?, [3, 1, 0]);
    assert_eq!(of(|sales| sales.avg(Sale::CENTS).map(drop))?, [3, 1, 0]);
    assert_eq!(of(|sales| sales.max(Sale::DAY).map(drop))?, [3, 1, 0]);
    // Where it is counted already nothing is counted again.
    db.cache().clear();
    let shops = db.all::<Shop>()?;
    shops.map(|shop| shop.sale_ids().len())?;
    let (_, statements) = db.watch(|| shops.map(|shop| shop.sale_ids().sum(Sale::CENTS)));
    assert!(!statements[0].sql.contains("COUNT("), "{statements:?}");
    // A condition may have an index of its own.
    db.cache().clear();
    let shops = db.all::<Shop>()?;
    let late = |shop: &Record<Shop>| shop.sale_ids().count_where(sales::day.ge("tue"));
    let (_, statements) = db.watch(|| shops.map(late));
    assert!(statements[0].sql.contains("WHERE") && !statements[0].sql.contains("CASE"), "{statements:?}");
    assert_eq!(db.assert_queries(1, || shops.map(|shop| shop.sale_ids().len()))?, [3, 1, 0]);
    Ok(())
}

#[test]
fn a_number_that_came_along_does_not_have_lists_loaded_for_the_next_one() -> Result<()> {
    let db = db();
    let first = db.record::<Shop>(1).sale_ids();
    first.sum(Sale::CENTS)?;
    first.load()?;
    let (_, statements) = db.watch(|| db.record::<Shop>(2).sale_ids().len());
    assert!(statements.len() == 1 && statements[0].sql.contains("COUNT("), "{statements:?}");
    Ok(())
}

#[test]
fn a_write_changes_what_came_along() -> Result<()> {
    let db = db();
    let shops = db.all::<Shop>()?;
    let seen = || shops.map(|shop| shop.sale_ids().aggregate((count(), sum(Sale::CENTS))));
    assert_eq!(seen()?, [(3, 600), (1, 400), (0, 0)]);
    let new = db.create(Sale::values().shop_id(3).cents(7).day("fri"))?;
    assert_eq!(seen()?, [(3, 600), (1, 400), (1, 7)]);
    db.record::<Sale>(1).set_shop_id(2)?;
    assert_eq!(seen()?, [(2, 500), (2, 500), (1, 7)]);
    new.delete()?;
    assert_eq!(seen()?, [(2, 500), (2, 500), (0, 0)]);
    let undone: Result<()> = db.transaction(|| {
        db.record::<Sale>(2).set_shop_id(None)?;
        assert_eq!(seen()?, [(1, 300), (2, 500), (0, 0)]);
        Err(Error::other("undone"))
    });
    undone.unwrap_err();
    assert_eq!(seen()?, [(2, 500), (2, 500), (0, 0)]);
    // A number that waits to be counted on is not what the database says: what is counted is not counted anew.
    db.transaction(|| -> Result<()> {
        shops.get(2).unwrap().sale_ids().add(&db.record::<Sale>(4))?;
        let found = shops.map(|shop| {
            let sales = shop.sale_ids();
            Ok((sales.max(Sale::CENTS)?, sales.len()?))
        });
        assert_eq!(found?, [(Some(300), 2), (Some(100), 1), (Some(400), 1)]);
        Ok(())
    })
}

#[test]
fn filters_limits_and_pairs_are_kept_to() -> Result<()> {
    let db = db();
    let shops = db.all::<Shop>()?;
    let first = || shops.map(|shop| shop.first_ids().aggregate((count(), sum(Sale::CENTS), max(Sale::DAY))));
    let found = db.assert_queries(1, first)?;
    assert_eq!(found[0], (2, 500, Some("wed".into())));
    assert_eq!((found[1].0, found[2].0), (1, 0));
    db.record::<Sale>(1).set_cents(101)?;
    assert_eq!(first()?[0], (2, 301, Some("tue".into())));
    let heavy = || {
        let wanted = (count(), count_where(goods::weight.gt(10)), sum(Good::WEIGHT));
        shops.map(|shop| shop.good_ids().aggregate(wanted))
    };
    assert_eq!(db.assert_queries(1, heavy)?, [(2, 1, 30), (1, 1, 20), (0, 0, 0)]);
    assert_eq!(db.assert_queries(0, || shops.map(|shop| shop.good_ids().len()))?, [2, 1, 0]);
    let shop = shops.get(2).unwrap();
    shop.good_ids().add(&db.record::<Good>(1))?;
    assert_eq!(heavy()?, [(2, 1, 30), (1, 1, 20), (1, 0, 10)]);
    // Of a set each member counts once.
    assert_eq!(shops.good_ids().aggregate((count(), sum(Good::WEIGHT)))?, (2, 30));
    assert_eq!(shops.sale_ids().aggregate((sum(Sale::CENTS), count()))?, (1001, 4));
    Ok(())
}

#[test]
fn what_is_cached_is_not_asked_for() -> Result<()> {
    let db = db();
    let shops = db.all::<Shop>()?;
    shops.sale_ids().cents()?;
    let seen = || shops.map(|shop| shop.sale_ids().aggregate((count(), sum(Sale::CENTS), min(Sale::CENTS))));
    assert_eq!(db.assert_queries(0, seen)?[0], (3, 600, Some(100)));
    Ok(())
}

#[test]
fn a_sum_that_is_too_large_is_the_error_of_its_owner_beside_others() -> Result<()> {
    let db = db();
    db.file.run(&format!("UPDATE sales SET cents = {} WHERE shop_id = 1", i64::MAX));
    let shops = db.all::<Shop>()?;
    let ask = |at: usize| {
        let wanted = (count(), max(Sale::DAY), sum(Sale::CENTS), avg(Sale::REBATE));
        shops.get(at).unwrap().sale_ids().aggregate(wanted)
    };
    assert!(matches!(ask(0), Err(Error::Overflow { .. })));
    assert_eq!(db.assert_queries(0, || ask(1))?, (1, Some("thu".into()), 400, None));
    let first = shops.get(0).unwrap().sale_ids();
    assert_eq!(db.assert_queries(0, || first.len())?, 3);
    Ok(())
}

diesel::table! { boxes (shop, number, shelf, row) { shop -> Text, number -> Integer, shelf -> Integer, row -> Integer } }
diesel::table! { items { id -> Integer, shop -> Text, number -> Integer, shelf -> Integer, row -> Integer, weight -> Integer, name -> Text } }
diesel::table! { sides { id -> Integer, shop -> Text, number -> Integer, shelf -> Integer, row -> Integer, item_id -> Integer } }

#[derive(Model)]
#[model(table = boxes, primary_key(shop, number, shelf, row))]
struct Carton {
    shop: String,
    number: i32,
    shelf: i32,
    row: i32,
    #[model(inverse = Item::HELD_IN)]
    item_ids: OneToMany<Item>,
    #[model(through((sides::shop, sides::number, sides::shelf, sides::row), sides::item_id))]
    side_ids: ManyToMany<Item>,
}

#[derive(Model)]
struct Item {
    id: i32,
    weight: i32,
    name: String,
    #[model(columns(shop, number, shelf, row))]
    held_in: Id<Carton>,
}

/// Nine thousand keys of four columns are more values than SQLite binds to one statement.
#[test]
fn of_more_owners_than_a_statement_has_binds() -> Result<()> {
    const CARTONS: usize = 9_000;
    let db = orm_tests::test_db!(
        orm_tests::File::new(&format!(
            "CREATE TABLE boxes (shop TEXT NOT NULL, number INTEGER NOT NULL, shelf INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (shop, number, shelf, row));
             CREATE TABLE items (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, number INTEGER NOT NULL, shelf INTEGER NOT NULL, row INTEGER NOT NULL, weight INTEGER NOT NULL, name TEXT NOT NULL);
             CREATE TABLE sides (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, number INTEGER NOT NULL, shelf INTEGER NOT NULL, row INTEGER NOT NULL, item_id INTEGER NOT NULL);
             INSERT INTO boxes SELECT 'a', value, 1, 1 FROM {numbers};
             INSERT INTO items SELECT value, 'a', value, 1, 1, 2, 'n' || value FROM {numbers};
             INSERT INTO sides (shop, number, shelf, row, item_id) SELECT 'a', value, 1, 1, 1 + value % 3 FROM {numbers};",
            numbers = orm_tests::partners::series(CARTONS),
        )),
        prefetch_limit(20_000)
    );
    let cartons = db.all::<Carton>()?;
    assert_eq!(cartons.item_ids().sum(Item::WEIGHT)?, 2 * CARTONS as i64);
    assert_eq!(cartons.item_ids().max(Item::NAME)?.as_deref(), Some("n999"));
    // Three items are in all of them.
    assert_eq!(cartons.side_ids().sum(Item::WEIGHT)?, 6);
    assert_eq!(cartons.side_ids().max(Item::NAME)?.as_deref(), Some("n3"));
    db.cache().clear();
    assert_eq!(cartons.map(|carton| carton.item_ids().len())?, vec![1; CARTONS]);
    assert_eq!(cartons.item_ids().weight()?.len(), CARTONS);
    Ok(())
}
