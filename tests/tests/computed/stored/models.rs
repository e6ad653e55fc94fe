//! Orders whose totals are columns, and customers whose balances follow from them.

use std::cell::Cell;
use std::collections::BTreeMap;

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { customers { id -> Integer, name -> Text, rate -> BigInt, parent_id -> Nullable<Integer>, balance -> BigInt } }
diesel::table! { orders { id -> Integer, customer_id -> Nullable<Integer>, note -> Text, shipping -> BigInt, total -> BigInt, weight -> Nullable<BigInt> } }
diesel::table! { lines { id -> Integer, order_id -> Integer, price -> BigInt, quantity -> BigInt } }
diesel::table! { tags { id -> Integer, name -> Text, weight -> BigInt } }
diesel::table! { order_tags (order_id, tag_id) { order_id -> Integer, tag_id -> Integer } }

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Calls of the functions since this was last asked
pub(super) fn calls() -> usize {
    CALLS.take()
}

fn called() {
    CALLS.set(CALLS.get() + 1);
}

#[derive(Model)]
pub(super) struct Customer {
    pub id: i32,
    pub name: String,
    pub rate: i64,
    pub parent_id: Option<Id<Self>>,
    #[model(inverse = Self::PARENT_ID)]
    pub child_ids: OneToMany<Self>,
    #[model(inverse = Order::CUSTOMER_ID)]
    pub order_ids: OneToMany<Order>,
    /// Of its orders, and of those below it
    #[model(compute = balance, stored, depends(order_ids.total, child_ids.balance))]
    pub balance: Computed<i64>,
}

#[derive(Model)]
pub(super) struct Order {
    pub id: i32,
    pub customer_id: Option<Id<Customer>>,
    pub note: String,
    pub shipping: i64,
    #[model(inverse = Line::ORDER_ID)]
    pub line_ids: OneToMany<Line>,
    #[model(through(order_tags::order_id, order_tags::tag_id))]
    pub tag_ids: ManyToMany<Tag>,
    /// Of its lines, and the shipping, at the customer's rate
    #[model(compute = total, stored, depends(line_ids.price, line_ids.quantity, customer_id.rate))]
    pub total: Computed<i64>,
    /// Of its tags, if it has any
    #[model(compute_all = weight, stored, depends(tag_ids.weight))]
    pub weight: Computed<Option<i64>>,
    /// What is computed from what is stored, and not stored itself
    #[model(compute = told)]
    pub told: Computed<String>,
}

#[derive(Model)]
pub(super) struct Line {
    pub id: i32,
    pub order_id: Id<Order>,
    pub price: i64,
    pub quantity: i64,
}

/// The same rows, of which less is known
#[derive(Model)]
#[model(table = lines)]
pub(super) struct Slim {
    pub id: i32,
    pub order_id: i32,
    pub price: i64,
}

/// The same orders, whose total is a column to it
#[derive(Model)]
#[model(table = orders)]
pub(super) struct OrderRow {
    pub id: i32,
    pub total: i64,
    pub weight: Option<i64>,
}

#[derive(Model)]
pub(super) struct Tag {
    pub id: i32,
    pub name: String,
    pub weight: i64,
}

/// The pairs, as rows
#[derive(Model)]
#[model(primary_key(order_id, tag_id))]
pub(super) struct OrderTag {
    pub order_id: Id<Order>,
    pub tag_id: Id<Tag>,
}

fn total(order: &Record<Order>) -> Result<i64> {
    called();
    let mut sum = order.shipping()?;
    for line in &order.line_ids().load()? {
        sum += line.price()? * line.quantity()?;
    }
    Ok(sum * order.customer_id().rate()?.unwrap_or(1))
}

fn weight(orders: &RecordSet<Order>) -> Result<Vec<Option<i64>>> {
    called();
    let of = |order: Record<Order>| Ok(order.tag_ids().load()?.weight()?.into_iter().reduce(|a, b| a + b));
    orders.iter().map(of).collect()
}

fn balance(customer: &Record<Customer>) -> Result<i64> {
    called();
    let own: i64 = customer.order_ids().load()?.total()?.into_iter().sum();
    Ok(own + customer.child_ids().load()?.balance()?.into_iter().sum::<i64>())
}

fn told(order: &Record<Order>) -> Result<String> {
    Ok(format!("{}: {}", order.note()?, order.total()?))
}

const TABLES: &str = "
    CREATE TABLE customers (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, rate BIGINT NOT NULL, parent_id INTEGER, balance BIGINT NOT NULL DEFAULT 0);
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY, customer_id INTEGER, note TEXT NOT NULL, shipping BIGINT NOT NULL, total BIGINT NOT NULL DEFAULT 0,
        weight BIGINT);
    CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, price BIGINT NOT NULL, quantity BIGINT NOT NULL);
    CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight BIGINT NOT NULL);
    CREATE TABLE order_tags (order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (order_id, tag_id));";

/// Customers 1 to 4, each under the one with half its number; so many orders, of one customer after the other, with two lines and a tag each
pub(super) fn file(orders: usize) -> File {
    let numbers = orm_tests::partners::series(orders);
    let file = File::new(&format!(
        "{TABLES}
        INSERT INTO customers VALUES (1, 'one', 1, NULL, 0), (2, 'two', 2, 1, 0), (3, 'three', 3, 1, 0), (4, 'four', 4, 2, 0);
        INSERT INTO tags VALUES (1, 'red', 1), (2, 'green', 2), (3, 'blue', 3);
        INSERT INTO orders SELECT value, 1 + value % 4, 'o' || value, 1, 0, NULL FROM {numbers};
        INSERT INTO lines SELECT 2 * value - 1, value, value, 1 FROM {numbers};
        INSERT INTO lines SELECT 2 * value, value, 10, 2 FROM {numbers};
        INSERT INTO order_tags SELECT value, 1 + value % 2 FROM {numbers};"
    ));
    fill(&file);
    file
}

/// Gives all columns that are stored the values that they are to have.
fn fill(file: &File) {
    let (totals, weights, balances) = wanted(file);
    let mut sql = String::new();
    for (id, total) in totals {
        let weight = weights[&id].map_or_else(|| "NULL".to_owned(), |weight| weight.to_string());
        sql += &format!("UPDATE orders SET total = {total}, weight = {weight} WHERE id = {id};");
    }
    for (id, balance) in balances {
        sql += &format!("UPDATE customers SET balance = {balance} WHERE id = {id};");
    }
    file.run(&sql);
}

type Totals = BTreeMap<i64, i64>;
type Weights = BTreeMap<i64, Option<i64>>;

fn rows(file: &File, columns: &[&str], table: &str) -> Vec<Vec<Option<i64>>> {
    // A column at a time, in an order that says all of the row
    let column = |name: &&str| {
        let others =
            columns.iter().map(|column| format!("{column} AS c_{column}")).collect::<Vec<_>>().join(", ");
        file.values(&format!(
            "SELECT COALESCE(CAST(c_{name} AS CHAR(20)), '-') AS value FROM (SELECT {others} FROM {table}) AS t ORDER BY {}",
            columns.iter().map(|column| format!("c_{column}")).collect::<Vec<_>>().join(", ")
        ))
    };
    let by_column: Vec<Vec<String>> = columns.iter().map(column).collect();
    let rows = by_column.first().map_or(0, Vec::len);
    (0..rows).map(|row| by_column.iter().map(|column| column[row].trim().parse().ok()).collect()).collect()
}

/// What the columns that are stored are to hold, worked out from the others as they are in the database
pub(super) fn wanted(file: &File) -> (Totals, Weights, Totals) {
    let number = |value: Option<i64>| value.expect("no NULL");
    let customers = rows(file, &["id", "rate", "parent_id"], "customers");
    let rates: Totals = customers.iter().map(|row| (number(row[0]), number(row[1]))).collect();
    let weights_of: Totals =
        rows(file, &["id", "weight"], "tags").iter().map(|row| (number(row[0]), number(row[1]))).collect();
    let orders = rows(file, &["id", "customer_id", "shipping"], "orders");
    let (mut totals, mut weights, mut balances) = (Totals::new(), Weights::new(), Totals::new());
    for row in &orders {
        totals.insert(number(row[0]), number(row[2]));
        weights.insert(number(row[0]), None);
    }
    for row in rows(file, &["order_id", "price", "quantity"], "lines") {
        if let Some(total) = totals.get_mut(&number(row[0])) {
            *total += number(row[1]) * number(row[2]);
        }
    }
    for row in rows(file, &["order_id", "tag_id"], "order_tags") {
        if let (Some(weight), Some(own)) = (weights.get_mut(&number(row[0])), weights_of.get(&number(row[1])))
        {
            *weight = Some(weight.unwrap_or(0) + own);
        }
    }
    for row in &orders {
        let total = totals.get_mut(&number(row[0])).expect("an order");
        let Some(customer) = row[1] else { continue };
        *total *= rates.get(&customer).copied().unwrap_or(1);
        *balances.entry(customer).or_default() += *total;
    }
    let parents: BTreeMap<i64, Option<i64>> = customers.iter().map(|row| (number(row[0]), row[2])).collect();
    let own: Vec<(i64, i64)> = balances.iter().map(|(&id, &own)| (id, own)).collect();
    for (id, own) in own {
        let mut next = parents.get(&id).copied().flatten();
        while let Some(parent) = next {
            *balances.entry(parent).or_default() += own;
            next = parents.get(&parent).copied().flatten();
        }
    }
    balances.retain(|id, _| parents.contains_key(id));
    for &id in parents.keys() {
        balances.entry(id).or_default();
    }
    (totals, weights, balances)
}

/// What they hold
pub(super) fn held(file: &File) -> (Totals, Weights, Totals) {
    let number = |value: Option<i64>| value.expect("no NULL");
    let orders = rows(file, &["id", "total", "weight"], "orders");
    let customers = rows(file, &["id", "balance"], "customers");
    (
        orders.iter().map(|row| (number(row[0]), number(row[1]))).collect(),
        orders.iter().map(|row| (number(row[0]), row[2])).collect(),
        customers.iter().map(|row| (number(row[0]), number(row[1]))).collect(),
    )
}

/// The columns that are stored hold what they are to hold.
#[track_caller]
pub(super) fn assert_kept_up(file: &File) {
    assert_eq!(held(file), wanted(file));
}

/// The table, whose name is that of the function
pub(super) use self::orders as order_rows;

/// So many orders, see [`file`]
pub(super) fn orders(count: usize) -> TestDb {
    let db = test_db!(file(count));
    calls();
    db
}
