//! Run with: cargo run --example batches
//!
//! Walks 50,000 orders and the names of their customers, 1,000 at a time, behind a progress bar. A batch is freed
//! before the next is read, so that the cache stays as small as one batch, whatever the number of rows.
#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use indicatif::ProgressBar;
use orm_core::prelude::*;

diesel::table! { customers { id -> Integer, name -> Text } }
diesel::table! { orders { id -> Integer, total -> Double, customer_id -> Integer } }

#[derive(Model)]
struct Customer {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Order {
    id: i32,
    total: f64,
    customer_id: Id<Customer>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.batch_execute(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, total DOUBLE NOT NULL, customer_id INTEGER NOT NULL);
         CREATE TABLE n AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000)
             SELECT id FROM n;
         INSERT INTO customers SELECT id, 'Customer ' || id FROM n WHERE id <= 2000;
         INSERT INTO orders SELECT id, id * 0.5, 1 + id % 2000 FROM n;",
    )?;
    let env = Environment::builder().connection(connection).build();

    let batches = env.batches::<Order, _>(orders::table.order(orders::id), 1_000)?;
    let bar = ProgressBar::new(batches.records_left() as u64);
    let (mut total, mut letters, mut most_cached) = (0.0, 0, 0);
    for batch in batches {
        let orders = batch?;
        for order in &orders {
            total += order.total()?;
            letters += order.customer_id().name()?.len();
        }
        bar.inc(orders.len() as u64);
        most_cached = most_cached.max(env.stats().records);
    }
    bar.finish();

    println!("{} orders, {total} in all, {letters} letters in the names of their customers", bar.position());
    println!("{} queries; at most {most_cached} records were cached at a time", env.stats().queries);
    Ok(())
}
