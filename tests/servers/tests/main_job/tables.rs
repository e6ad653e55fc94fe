//! Keys of several columns, several models over one table, a join table with a model, a view: as on SQLite

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Violation, ViolationKind};

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { orders (shop, number) { shop -> Text, number -> Integer, note -> Nullable<Text>, version -> Integer } }
diesel::table! { order_lines (shop, number, line) { shop -> Text, number -> Integer, line -> Integer, amount -> Integer } }
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { order_tags (shop, number, tag_id) { shop -> Text, number -> Integer, tag_id -> Integer } }
diesel::table! { totals (shop, number) { shop -> Text, number -> Integer, total -> BigInt } }

#[derive(Model)]
#[model(table = orders, connection = Db, primary_key(shop, number))]
pub struct Order {
    shop: String,
    number: i32,
    note: Option<String>,
    #[model(version)]
    version: i32,
    #[model(inverse = Line::ORDER)]
    line_ids: OneToMany<Line>,
    #[model(through((order_tags::shop, order_tags::number), order_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

/// The same rows without a version
#[derive(Model)]
#[model(table = orders, connection = Db, primary_key(shop, number))]
pub struct Note {
    shop: String,
    number: i32,
    note: Option<String>,
}

#[derive(Model)]
#[model(table = order_lines, connection = Db, primary_key(shop, number, line))]
pub struct Line {
    shop: String,
    number: i32,
    line: i32,
    amount: i32,
    #[model(columns(shop, number))]
    order: Id<Order>,
}

#[derive(Model)]
#[model(table = tags, connection = Db)]
pub struct Tag {
    id: i32,
    name: String,
    #[model(through(order_tags::tag_id, (order_tags::shop, order_tags::number)))]
    order_ids: ManyToMany<Order>,
}

#[derive(Model)]
#[model(table = order_tags, connection = Db, primary_key(shop, number, tag_id))]
pub struct OrderTag {
    shop: String,
    number: i32,
    tag_id: Id<Tag>,
}

#[derive(Model)]
#[model(table = totals, connection = Db, primary_key(shop, number), view_of(order_lines))]
pub struct Total {
    shop: String,
    number: i32,
    total: i64,
}

const ORDERS: i32 = 1500;

fn open() -> Outcome<Option<(Place<Db>, Environment<Db>)>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE orders (shop VARCHAR(20) NOT NULL, number INTEGER NOT NULL, note VARCHAR(100),
            version INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (shop, number));
         CREATE TABLE order_lines (shop VARCHAR(20) NOT NULL, number INTEGER NOT NULL, line INTEGER NOT NULL,
            amount INTEGER NOT NULL, PRIMARY KEY (shop, number, line));
         CREATE TABLE tags (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
         CREATE TABLE order_tags (shop VARCHAR(20) NOT NULL, number INTEGER NOT NULL, tag_id INTEGER NOT NULL,
            PRIMARY KEY (shop, number, tag_id));
         CREATE VIEW totals AS SELECT shop, number, CAST(SUM(amount) AS DECIMAL(18)) + 0 AS total FROM order_lines GROUP BY shop, number;
         INSERT INTO tags VALUES (1, 'red'), (2, 'blue')",
    )?;
    let view = match <Db as Named>::NAME {
        "PostgreSQL" => "CAST(SUM(amount) AS BIGINT)",
        _ => "CAST(SUM(amount) AS SIGNED)",
    };
    connection.batch_execute(&format!(
        "DROP VIEW totals; CREATE VIEW totals AS SELECT shop, number, {view} AS total FROM order_lines GROUP BY shop, number"
    ))?;
    let env = place.environment()?;
    env.transaction(|| {
        env.create_many((0..ORDERS).map(|number| Order::values().shop(shop(number)).number(number)))?;
        let line = |of: i32, line: i32| Line::values().shop(shop(of)).number(of).line(line).amount(of + line);
        env.create_many((0..ORDERS).flat_map(|of| (0..of % 3).map(move |number| line(of, number)))).map(drop)
    })?;
    env.cache().clear();
    Ok(Some((place, env)))
}

trait Named {
    const NAME: &'static str;
}

#[cfg(feature = "postgres")]
impl Named for PgConnection {
    const NAME: &'static str = "PostgreSQL";
}

#[cfg(feature = "mysql")]
impl Named for MysqlConnection {
    const NAME: &'static str = "MySQL";
}

fn shop(number: i32) -> &'static str {
    if number % 2 == 0 { "even" } else { "odd" }
}

fn key(number: i32) -> (Str, i32) {
    (shop(number).into(), number)
}

fn queries<T>(
    env: &Environment<Db>,
    f: impl FnOnce() -> orm_core::Result<T>,
) -> orm_core::Result<(T, usize)> {
    let before = env.stats().queries;
    let value = f()?;
    Ok((value, env.stats().queries - before))
}

#[test]
fn keys_of_several_columns_are_read_in_batches() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let orders = env.browse::<Order>((0..ORDERS).rev().map(key));
    let (versions, asked) = queries(&env, || orders.version())?;
    assert_eq!((versions.len(), asked), (1500, 2));
    // Two SELECTs for the lists, one less or more where lists are cut.
    let (amounts, asked) = queries(&env, || {
        orders.iter().map(|order| Ok(order.line_ids().amount()?.len())).collect::<orm_core::Result<Vec<_>>>()
    })?;
    assert_eq!(amounts.iter().sum::<usize>(), 1500);
    assert!(asked <= 3, "{asked} statements");
    env.cache().clear();
    let lines = env.all::<Line>()?;
    let (notes, asked) =
        queries(&env, || lines.iter().map(|line| line.order().note()).collect::<orm_core::Result<Vec<_>>>())?;
    assert_eq!((notes.len(), asked), (1500, 1));
    assert!(env.get::<Order>(("odd".into(), 2))?.is_none());
    let by_key = env.batches_by_key::<Order, _>(orders::table, 400).map(|batch| Ok(batch?.len()));
    assert_eq!(by_key.collect::<orm_core::Result<Vec<_>>>()?, [400, 400, 400, 300]);
    Ok(())
}

#[test]
fn they_are_written_and_deleted_in_batches() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let orders = env.all::<Order>()?;
    env.transaction(|| {
        orders.iter().enumerate().try_for_each(|(i, order)| order.set_note(format!("note {i}")))?;
        let ((), asked) = queries(&env, || env.flush())?;
        // MySQL looks at the versions before.
        assert!(asked <= 4, "{asked} statements");
        Ok(())
    })?;
    env.cache().clear();
    let notes = env.all::<Order>()?;
    assert!(notes.version()?.iter().all(|&version| version == 2));
    assert_eq!(notes.note()?[7].as_deref(), Some("note 7"));
    // Without a version of its own the row's is counted all the same.
    env.record::<Note>(key(4)).set_note("slim")?;
    assert_eq!(
        (env.record::<Order>(key(4)).version()?, env.record::<Order>(key(4)).note()?),
        (3, Some("slim".into()))
    );
    env.with_connection(|connection| {
        Ok(diesel::update(orders::table.find(("even", 4))).set(orders::version.eq(9)).execute(connection)?)
    })?;
    assert_eq!(env.record::<Order>(key(4)).version()?, 9);
    let same = env.create(Order::values().shop("even").number(4));
    let violation = same.err().and_then(|error| error.violation().map(|Violation { kind, .. }| kind));
    assert!(matches!(violation, Some(ViolationKind::Unique)));
    env.all::<Line>()?.delete()?;
    assert_eq!(env.record::<Order>(key(5)).line_ids().len()?, 0);
    Ok(())
}

#[test]
fn a_join_table_with_a_model_and_a_view() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let (order, red) = (env.record::<Order>(key(5)), env.record::<Tag>(1));
    assert_eq!((order.tag_ids().ids()?, red.order_ids().len()?), (vec![], 0));
    env.transaction(|| {
        order.tag_ids().add(&red)?;
        let pair = env.record::<OrderTag>(("odd".into(), 5, 1));
        assert_eq!(pair.tag_id().name()?, "red");
        env.create(OrderTag::values().shop("odd").number(5).tag_id(2)).map(drop)
    })?;
    assert_eq!((order.tag_ids().ids()?, red.order_ids().ids()?), (vec![1, 2], vec![key(5)]));
    env.record::<OrderTag>(("odd".into(), 5, 1)).delete()?;
    assert_eq!((order.tag_ids().ids()?, red.order_ids().ids()?), (vec![2], vec![]));
    order.tag_ids().remove(&env.record::<Tag>(2))?;
    assert!(env.get::<OrderTag>(("odd".into(), 5, 2))?.is_none());
    let total = env.record::<Total>(key(5));
    assert_eq!(total.total()?, 5 + 6);
    env.transaction(|| {
        env.record::<Line>(("odd".into(), 5, 0)).set_amount(100)?;
        assert_eq!(total.total()?, 106);
        Ok(())
    })?;
    let missing = env.record::<Total>(key(3)).total();
    assert!(matches!(missing, Err(Error::MissingRecord { .. })));
    Ok(())
}
