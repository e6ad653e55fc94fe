//! The cold walks alone, ours or by hand, for callgrind: `cold loop|orders|lengths ours|hand N`.
#![allow(clippy::expect_used, dead_code)]
use std::collections::HashMap;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::orders::{self, Order};
use orm_tests::partners::{self, Partner, countries};

#[derive(Queryable, Selectable)]
#[diesel(table_name = partners::partners)]
struct Row {
    id: i32,
    name: String,
    lang: Option<String>,
    email: String,
    phone: String,
    city: String,
    active: bool,
    credit: f64,
    country_id: Option<i32>,
    parent_id: Option<i32>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = countries)]
struct CountryRow {
    id: i32,
    name: String,
    code: String,
    continent_id: Option<i32>,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = orders::orders)]
struct OrderRow {
    id: i32,
    reference: String,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = orders::lines, belongs_to(OrderRow, foreign_key = order_id))]
struct LineRow {
    id: i32,
    order_id: i32,
    product_id: i32,
    quantity: i32,
    remark: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders::products)]
struct ProductRow {
    id: i32,
    name: String,
    price: f64,
}

#[inline(never)]
fn loop_hand(connection: &mut SqliteConnection) -> usize {
    let rows = partners::partners::table.select(Row::as_select()).load(connection).expect("partners");
    let countries: HashMap<i32, CountryRow> = countries::table
        .select(CountryRow::as_select())
        .load::<CountryRow>(connection)
        .expect("countries")
        .into_iter()
        .map(|country| (country.id, country))
        .collect();
    let mut sum = 0;
    for row in &rows {
        sum += row.name.len()
            + row.country_id.and_then(|id| countries.get(&id)).map_or(0, |country| country.name.len());
    }
    sum
}

#[inline(never)]
fn loop_ours(env: &Environment) -> usize {
    let set: RecordSet<Partner> = partners::partners::table.records(env).expect("partners");
    let mut sum = 0;
    for partner in &set {
        sum += partner.name().expect("name").len()
            + partner.country_id().name().expect("name").map_or(0, |name| name.len());
    }
    sum
}

#[inline(never)]
fn orders_hand(connection: &mut SqliteConnection) -> usize {
    let orders = orders::orders::table.select(OrderRow::as_select()).load(connection).expect("orders");
    let lines = LineRow::belonging_to(&orders).select(LineRow::as_select()).load(connection).expect("lines");
    let lines = lines.grouped_by(&orders);
    let products: HashMap<i32, ProductRow> = orders::products::table
        .select(ProductRow::as_select())
        .load::<ProductRow>(connection)
        .expect("products")
        .into_iter()
        .map(|product| (product.id, product))
        .collect();
    orders
        .iter()
        .zip(&lines)
        .flat_map(|(_, lines)| lines)
        .map(|line| products[&line.product_id].name.len())
        .sum()
}

#[inline(never)]
fn orders_ours(env: &Environment) -> usize {
    let orders: RecordSet<Order> = orders::orders::table.records(env).expect("orders");
    let mut sum = 0;
    for order in &orders {
        for line in &order.line_ids().load().expect("lines") {
            sum += line.product_id().name().expect("name").len();
        }
    }
    sum
}

#[inline(never)]
fn lengths_ours(orders: &RecordSet<'_, Order>) -> usize {
    orders.iter().map(|order| order.line_ids().len().expect("length")).sum::<usize>()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: usize = args[3].parse().expect("a number");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("bench.db").display().to_string();
    let mut connection = SqliteConnection::establish(&path).expect("database");
    match &*args[1] {
        "loop" => partners::fill(&mut connection, n, 250).expect("data"),
        _ => orders::fill(&mut connection, n).expect("data"),
    }
    drop(connection);
    let mut connection = SqliteConnection::establish(&path).expect("database");
    let sum = match (&*args[1], &*args[2]) {
        ("loop", "hand") => loop_hand(&mut connection),
        ("loop", _) => loop_ours(&Environment::builder().connection(connection).build()),
        ("orders", "hand") => orders_hand(&mut connection),
        ("orders", _) => orders_ours(&Environment::builder().connection(connection).build()),
        _ => {
            let env = Environment::builder().connection(connection).build();
            let orders: RecordSet<Order> = orders::orders::table.records(&env).expect("orders");
            orders.prefetch_field(Order::LINE_IDS).expect("lines");
            lengths_ours(&orders)
        }
    };
    std::hint::black_box(sum);
}
