//! Aggregates over links, on the connection that `super::Db` is: the numbers are those of plain Rust, whatever types SQL has for them

use bigdecimal::BigDecimal;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { clients { id -> Integer, code -> Text } }
diesel::table! { orders {
    id -> Integer, client_id -> Nullable<Integer>, small -> SmallInt, amount -> Integer, large -> BigInt, ratio -> Float,
    rating -> Nullable<Double>, price -> Nullable<Numeric>, state -> Text,
} }
diesel::table! { tags { id -> Integer, weight -> Nullable<Integer> } }
diesel::table! { order_tags (order_id, tag_id) { order_id -> Integer, tag_id -> Integer } }
diesel::table! { order_marks { id -> Integer, order_id -> Integer, tag_id -> Integer } }

#[derive(Model)]
#[model(table = clients, connection = Db)]
pub struct Client {
    id: i32,
    code: String,
    #[model(inverse = Order::CLIENT_ID)]
    order_ids: OneToMany<Order>,
}

#[derive(Model)]
#[model(table = orders, connection = Db)]
pub struct Order {
    id: i32,
    client_id: Option<Id<Client>>,
    small: i16,
    amount: i32,
    large: i64,
    ratio: f32,
    rating: Option<f64>,
    price: Option<BigDecimal>,
    state: String,
    #[model(through(order_tags::order_id, order_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    /// Through a table that may hold a pair twice
    #[model(through(order_marks::order_id, order_marks::tag_id))]
    mark_ids: ManyToMany<Tag>,
}

#[derive(Model)]
#[model(table = tags, connection = Db)]
pub struct Tag {
    id: i32,
    weight: Option<i32>,
}

const CLIENTS: i32 = 1200;

fn open() -> Outcome<Option<(Place<Db>, Environment<Db>)>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    place.connect()?.batch_execute(
        "CREATE TABLE clients (id INTEGER NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL);
         CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, client_id INTEGER, small SMALLINT NOT NULL, amount INTEGER NOT NULL,
            large BIGINT NOT NULL, ratio REAL NOT NULL, rating DOUBLE PRECISION, price DECIMAL(10, 2), state VARCHAR(20) NOT NULL);
         CREATE TABLE tags (id INTEGER NOT NULL PRIMARY KEY, weight INTEGER);
         CREATE TABLE order_tags (order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (order_id, tag_id));
         CREATE TABLE order_marks (id INTEGER NOT NULL PRIMARY KEY, order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL);
         INSERT INTO tags VALUES (1, 1), (2, 10), (3, NULL);",
    )?;
    let env = place.environment()?;
    env.transaction(|| {
        env.create_many((1..=CLIENTS).map(|id| Client::values().id(id).code(format!("c{id}"))))?;
        env.create_many(
            (1..=CLIENTS).flat_map(|client| (0..client % 4).map(move |n| order(4 * client + n, client, n))),
        )
    })?;
    place.connect()?.batch_execute(
        "INSERT INTO order_tags SELECT id, 1 + id % 3 FROM orders WHERE id < 40;
         INSERT INTO order_marks SELECT order_id, order_id, tag_id FROM order_tags;
         INSERT INTO order_marks SELECT 1000 + order_id, order_id, tag_id FROM order_tags",
    )?;
    env.cache().clear();
    Ok(Some((place, env)))
}

fn order(id: i32, client: i32, n: i32) -> Values<Order> {
    let state = if n == 1 { "open" } else { "paid" };
    let price = BigDecimal::new((100 * i64::from(n) + 5).into(), 2);
    Order::values()
        .id(id)
        .client_id(client)
        .small(n as i16)
        .amount(client * 100 + n)
        .large(i64::from(client) << 40)
        .ratio(n as f32 / 4.0)
        .rating((n < 2).then_some(f64::from(n) / 2.0))
        .price((n < 2).then_some(price))
        .state(state)
}

use orm_core::Values;

#[test]
fn they_are_what_rust_makes_of_the_rows() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let clients = env.all::<Client>()?;
    let read = || -> orm_core::Result<Vec<_>> {
        clients.map(|client| {
            let list = client.order_ids();
            Ok((
                (
                    list.sum(Order::SMALL)?,
                    list.sum(Order::AMOUNT)?,
                    list.sum(Order::LARGE)?,
                    list.sum(Order::RATIO)?,
                ),
                (list.avg(Order::AMOUNT)?, list.avg(Order::RATING)?, list.sum(Order::RATING)?),
                (
                    list.min(Order::AMOUNT)?,
                    list.max(Order::LARGE)?,
                    list.max(Order::STATE)?,
                    list.max(Order::RATIO)?,
                ),
                list.count_where(orders::state.eq("open").and(orders::amount.gt(0)))?,
                (
                    list.sum(orders::amount * 2)?,
                    list.max(orders::amount + orders::amount)?,
                    list.min(orders::rating)?,
                ),
                (list.max(Order::PRICE)?, list.sum(Order::PRICE)?),
            ))
        })
    };
    let queries = env.stats().queries;
    let found = read()?;
    // Two windows of each
    assert_eq!(env.stats().queries - queries, 2 * 17);
    read()?;
    assert_eq!(env.stats().queries - queries, 2 * 17, "all are kept");
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    for (client, found) in (1..=CLIENTS).zip(&found) {
        let ns: Vec<i32> = (0..client % 4).collect();
        let amounts: Vec<i64> = ns.iter().map(|n| i64::from(client * 100 + n)).collect();
        let ratings: Vec<f64> = ns.iter().filter(|&&n| n < 2).map(|&n| f64::from(n) / 2.0).collect();
        let (sum, large) = (amounts.iter().sum::<i64>(), i64::from(client) << 40);
        let ratio = ns.iter().map(|&n| f64::from(n) / 4.0).sum::<f64>();
        assert_eq!(found.0, (ns.iter().sum::<i32>().into(), sum, large * ns.len() as i64, ratio));
        let means: Vec<f64> = amounts.iter().map(|&amount| amount as f64).collect();
        assert_eq!(found.1, (mean(&means), mean(&ratings), ratings.iter().sum()));
        let state = (!ns.is_empty()).then(|| "paid".into());
        let least = amounts.first().map(|&amount| amount as i32);
        let largest_ratio = ns.last().map(|&n| n as f32 / 4.0);
        assert_eq!(found.2, (least, (!ns.is_empty()).then_some(large), state, largest_ratio));
        assert_eq!(found.3, ns.iter().filter(|&&n| n == 1).count());
        assert_eq!(found.4, (2 * sum, amounts.last().map(|amount| 2 * amount), ratings.first().copied()));
        let prices: Vec<BigDecimal> = ns
            .iter()
            .filter(|&&n| n < 2)
            .map(|&n| BigDecimal::new((100 * i64::from(n) + 5).into(), 2))
            .collect();
        assert_eq!(found.5, (prices.last().cloned(), prices.iter().sum()));
    }
    assert_eq!(clients.order_ids().sum(Order::AMOUNT)?, found.iter().map(|found| found.0.1).sum::<i64>());
    // What is cached is added up here, to the same.
    env.cache().clear();
    clients.order_ids().amount()?;
    let queries = env.stats().queries;
    let sums = clients.map(|client| client.order_ids().sum(Order::AMOUNT))?;
    assert_eq!(sums, found.iter().map(|found| found.0.1).collect::<Vec<_>>());
    assert_eq!(env.stats().queries, queries);
    Ok(())
}

#[test]
fn a_sum_that_is_too_large_is_the_error_of_its_owner() -> Outcome {
    let Some((place, env)) = open()? else { return Ok(()) };
    place.connect()?.batch_execute(&format!("UPDATE orders SET large = {} WHERE client_id = 7", i64::MAX))?;
    let clients = env.browse::<Client>([6, 7, 10]);
    let queries = env.stats().queries;
    let found: Vec<_> = clients.iter().map(|client| client.order_ids().sum(Order::LARGE)).collect();
    assert_eq!(env.stats().queries - queries, 1);
    assert_eq!((found[0].clone()?, found[2].clone()?), (12 << 40, 20 << 40));
    let error = found[1].clone().err();
    assert!(
        matches!(&error, Some(Error::Overflow { sum, .. }) if sum == "27670116110564327421"),
        "{error:?}"
    );
    assert_eq!(env.record::<Client>(7).order_ids().avg(Order::LARGE)?, Some(i64::MAX as f64));
    Ok(())
}

#[test]
fn a_write_makes_them_missing_and_a_rollback_too() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let client = env.record::<Client>(7);
    let sum = || client.order_ids().sum(Order::AMOUNT);
    let before = sum()?;
    let undone = env.transaction(|| -> orm_core::Result<()> {
        env.record::<Order>(28).set_amount(0)?;
        assert_eq!(sum()?, before - 700);
        env.record::<Order>(29).delete()?;
        assert_eq!(sum()?, before - 1401);
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(sum()?, before);
    env.record::<Order>(28).set_client_id(6)?;
    assert_eq!((sum()?, env.record::<Client>(6).order_ids().sum(Order::AMOUNT)?), (before - 700, 1201 + 700));
    Ok(())
}

#[test]
fn pairs_count_once() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let orders = env.browse::<Order>((4..40).filter(|id| id % 4 < (id / 4) % 4));
    let sums =
        orders.map(|order| Ok((order.tag_ids().sum(Tag::WEIGHT)?, order.mark_ids().sum(Tag::WEIGHT)?)))?;
    let weight = |id: i32| [1, 10, 0][id as usize % 3];
    assert_eq!(sums, orders.ids().into_iter().map(|id| (weight(id), weight(id))).collect::<Vec<_>>());
    assert_eq!((orders.tag_ids().sum(Tag::WEIGHT)?, orders.mark_ids().sum(Tag::WEIGHT)?), (11, 11));
    assert_eq!(orders.mark_ids().count_where(tags::weight.is_not_null())?, 2);
    let order = env.record::<Order>(4 * 3);
    order.tag_ids().set(&env.browse::<Tag>([1, 2, 3]))?;
    assert_eq!((order.tag_ids().sum(Tag::WEIGHT)?, order.tag_ids().max(Tag::WEIGHT)?), (11, Some(10)));
    Ok(())
}
