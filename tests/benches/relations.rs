//! To-many links and the limit's bookkeeping, against the same work by hand.
//!
//! Run with: cargo bench -p orm-tests --bench relations
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::HashMap;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::harness::{head, report, side_by_side, timed};
use orm_tests::orders::{self, Order};
use orm_tests::partners::{self, Country, Partner};

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = orders::orders)]
#[allow(dead_code)]
struct OrderRow {
    id: i32,
    reference: String,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = orders::lines, belongs_to(OrderRow, foreign_key = order_id))]
#[allow(dead_code)]
struct LineRow {
    id: i32,
    order_id: i32,
    product_id: i32,
    quantity: i32,
    remark: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders::products)]
#[allow(dead_code)]
struct ProductRow {
    id: i32,
    name: String,
    price: f64,
}

fn by_hand(connection: &mut SqliteConnection) -> usize {
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

fn ours(env: &Environment<SqliteConnection>) -> orm_core::Result<usize> {
    let orders: RecordSet<Order> = orders::orders::table.records(env)?;
    let mut sum = 0;
    for order in &orders {
        for line in &order.line_ids().load()? {
            sum += line.product_id().name()?.len();
        }
    }
    Ok(sum)
}

fn to_many(path: &str) {
    let expected = by_hand(&mut SqliteConnection::establish(path).expect("database"));
    let measured = side_by_side(
        31,
        || {
            let env = Environment::connect(path).expect("database");
            let took = timed(|| assert_eq!(ours(&env).expect("walk"), expected));
            assert_eq!(env.stats().queries, 3);
            took
        },
        || {
            let mut connection = SqliteConnection::establish(path).expect("database");
            timed(|| assert_eq!(by_hand(&mut connection), expected))
        },
    );
    report("cold walk, 1000 orders x 10 lines x product", measured, 1.15);
}

fn lengths(path: &str) {
    let env: Environment<SqliteConnection> = Environment::connect(path).expect("database");
    let orders: RecordSet<Order> = orders::orders::table.records(&env).expect("orders");
    orders.prefetch_field(Order::LINE_IDS).expect("lines");
    let sum = || orders.iter().map(|order| order.line_ids().len().expect("length")).sum::<usize>();
    let bare = || orders.iter().for_each(|order| drop(std::hint::black_box(order)));
    let measured = side_by_side(101, || timed(sum), || timed(bare));
    let per_link = (measured.ours.as_secs_f64() - measured.theirs.as_secs_f64()) * 1e9 / orders.len() as f64;
    println!("  the length of a warm to-many link: {per_link:.2} ns over iterating, ≤ 5");
}

fn walk(partners: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in partners {
        sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(sum)
}

fn limits(path: &str) {
    let open = || Environment::builder().connection(SqliteConnection::establish(path).expect("database"));
    let (limited, free) = (open().cache_limit(20_000).build(), open().build());
    let [with, without] = [&limited, &free].map(|env| {
        let set: RecordSet<Partner> = partners::partners::table.records(env).expect("partners");
        walk(&set).expect("walk");
        set
    });
    let measured = side_by_side(
        101,
        || timed(|| walk(&with).expect("walk")),
        || timed(|| walk(&without).expect("walk")),
    );
    println!("  below: with a limit of 20,000 against without one");
    report("warm loop, 10000 partners", measured, 1.10);
    let _ = limited.record::<Country>(1);
}

fn main() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (orders, many_orders, partners) = (path("orders.db"), path("many.db"), path("partners.db"));
    let open = |path: &str| SqliteConnection::establish(path).expect("database");
    orders::fill(&mut open(&orders), 1_000).expect("data");
    orders::fill(&mut open(&many_orders), 10_000).expect("data");
    partners::fill(&mut open(&partners), 10_000, 250).expect("data");
    head();
    to_many(&orders);
    lengths(&many_orders);
    limits(&partners);
}
