//! Orders, their lines, and the products of the lines.

#[cfg(feature = "sqlite")]
use diesel::prelude::*;
use orm_core::prelude::*;

/// The tables
pub mod schema {
    #![allow(missing_docs)]
    diesel::table! {
        orders { id -> Integer, reference -> Text }
    }
    diesel::table! {
        lines { id -> Integer, order_id -> Integer, product_id -> Integer, quantity -> Integer, remark -> Nullable<Text> }
    }
    diesel::table! {
        products { id -> Integer, name -> Text, price -> Double }
    }
}
pub use schema::*;

/// An order
#[derive(Model)]
pub struct Order {
    id: i32,
    reference: String,
    #[model(inverse = Line::ORDER_ID)]
    line_ids: OneToMany<Line>,
}

/// A line of an order
#[derive(Model)]
pub struct Line {
    id: i32,
    order_id: Id<Order>,
    product_id: Id<Product>,
    quantity: i32,
    remark: Option<String>,
}

/// A product
#[derive(Model)]
pub struct Product {
    id: i32,
    name: String,
    price: f64,
}

/// Makes the tables and fills them by SQL: `orders` orders of ten lines over 500 products.
///
/// # Errors
///
/// Those of the database.
#[cfg(feature = "sqlite")]
pub fn fill(connection: &mut SqliteConnection, orders: usize) -> QueryResult<()> {
    use diesel::connection::SimpleConnection;
    connection.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    connection.batch_execute(&sql(orders))
}

/// SQLite's SQL for that
pub fn sql(orders: usize) -> String {
    let series = super::partners::series;
    format!(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, reference TEXT NOT NULL);
         CREATE TABLE lines (id INTEGER PRIMARY KEY NOT NULL, order_id INTEGER NOT NULL, product_id INTEGER NOT NULL,
             quantity INTEGER NOT NULL, remark TEXT);
         CREATE INDEX lines_order ON lines (order_id);
         CREATE TABLE products (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, price DOUBLE NOT NULL);
         BEGIN;
         INSERT INTO orders SELECT value, 'SO' || value FROM {orders};
         INSERT INTO lines SELECT value, 1 + (value - 1) / 10, 1 + value * 7 % 500, value % 9, NULL FROM {lines};
         INSERT INTO products SELECT value, 'Product number ' || value, value * 0.5 FROM {products};
         COMMIT;",
        orders = series(orders),
        lines = series(orders * 10),
        products = series(500),
    )
}
