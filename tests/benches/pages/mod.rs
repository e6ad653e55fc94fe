//! The same pages, by records and by hand, and what they are made of: also for `examples/contacts/load.rs`.

use std::collections::HashMap;
use std::fmt::Write;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use orm_core::aggregate::{count, sum};
use orm_core::prelude::{Id, Model, OneToMany, Record, RecordQuery};

use crate::Environment;

diesel::table! { countries { id -> Integer, name -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, email -> Text, city -> Text, country_id -> Nullable<Integer> } }
diesel::table! { orders { id -> Integer, partner_id -> Integer, reference -> Text, amount -> BigInt } }

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    email: String,
    city: String,
    country_id: Option<Id<Country>>,
    #[model(inverse = Order::PARTNER_ID, order = orders::id)]
    order_ids: OneToMany<Order>,
}

#[derive(Model)]
struct Order {
    id: i32,
    partner_id: Id<Partner>,
    reference: String,
    amount: i64,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = partners)]
struct PartnerRow {
    id: i32,
    name: String,
    email: String,
    city: String,
    country_id: Option<i32>,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = orders, belongs_to(PartnerRow, foreign_key = partner_id))]
struct OrderRow {
    id: i32,
    partner_id: i32,
    reference: String,
    amount: i64,
}

pub type Db = Pool<ConnectionManager<SqliteConnection>>;

/// Partners on a page
pub const PAGE: i64 = 50;

fn head_of(page: &mut String, name: &str, email: &str, city: &str, country: &str) {
    let _ = write!(
        page,
        "<tr><td>{name}</td><td><a href=\"mailto:{email}\">{email}</a></td><td>{city}</td><td>{country}</td>"
    );
}

fn order_of(page: &mut String, id: i32, reference: &str, amount: i64) {
    let _ = write!(
        page,
        "<li><a href=\"/orders/{id}\">{reference}</a> {}.{:02}</li>",
        amount / 100,
        amount % 100
    );
}

fn totals_of(page: &mut String, count: usize, total: i64) {
    let _ = write!(page, "<td>{count}</td><td>{}.{:02}</td></tr>", total / 100, total % 100);
}

fn page_of(
    number: i64,
) -> diesel::dsl::Offset<diesel::dsl::Limit<diesel::dsl::Order<partners::table, partners::name>>> {
    partners::table.order(partners::name).limit(PAGE).offset(number * PAGE)
}

fn head_of_record(page: &mut String, partner: &Record<Partner>) -> orm_core::Result<()> {
    let country = partner.country_id().name()?;
    let country = country.as_deref().unwrap_or_default();
    head_of(page, &partner.name()?, &partner.email()?, &partner.city()?, country);
    Ok(())
}

/// Each partner with its country, how many orders it has, and their sum
pub fn totals(env: &Environment, number: i64) -> orm_core::Result<String> {
    let mut page = String::new();
    for partner in &page_of(number).records::<Partner>(env)? {
        head_of_record(&mut page, &partner)?;
        let (number, total) = partner.order_ids().aggregate((count(), sum(Order::AMOUNT)))?;
        totals_of(&mut page, number, total);
    }
    Ok(page)
}

/// The partners of a page, and their countries
fn rows(
    connection: &mut SqliteConnection,
    number: i64,
) -> QueryResult<(Vec<PartnerRow>, HashMap<i32, String>)> {
    let rows = page_of(number).select(PartnerRow::as_select()).load(connection)?;
    let mut countries: Vec<i32> = rows.iter().filter_map(|row| row.country_id).collect();
    countries.sort_unstable();
    countries.dedup();
    let countries =
        countries::table.filter(countries::id.eq_any(countries)).load::<(i32, String)>(connection)?;
    Ok((rows, countries.into_iter().collect()))
}

fn head_by_hand(page: &mut String, row: &PartnerRow, countries: &HashMap<i32, String>) {
    let country = row.country_id.and_then(|id| countries.get(&id)).map_or("", |name| name);
    head_of(page, &row.name, &row.email, &row.city, country);
}

pub fn totals_by_hand(connection: &mut SqliteConnection, number: i64) -> QueryResult<String> {
    let (rows, countries) = rows(connection, number)?;
    let sums = orders::table
        .filter(orders::partner_id.eq_any(rows.iter().map(|row| row.id).collect::<Vec<_>>()))
        .group_by(orders::partner_id)
        .select((
            orders::partner_id,
            diesel::dsl::count_star(),
            diesel::dsl::sql::<diesel::sql_types::BigInt>("sum(amount)"),
        ));
    let sums = sums.load::<(i32, i64, i64)>(connection)?;
    let sums: HashMap<i32, (i64, i64)> =
        sums.into_iter().map(|(id, count, sum)| (id, (count, sum))).collect();
    let mut page = String::new();
    for row in &rows {
        head_by_hand(&mut page, row, &countries);
        let (count, sum) = sums.get(&row.id).copied().unwrap_or_default();
        totals_of(&mut page, usize::try_from(count).unwrap_or_default(), sum);
    }
    Ok(page)
}

/// Each partner with its country and all of its orders
pub fn orders_of(env: &Environment, number: i64) -> orm_core::Result<String> {
    let mut page = String::new();
    for partner in &page_of(number).records::<Partner>(env)? {
        head_of_record(&mut page, &partner)?;
        page.push_str("<td><ul>");
        let orders = partner.order_ids().load()?;
        let mut total = 0;
        for order in &orders {
            let amount = order.amount()?;
            order_of(&mut page, order.id(), &order.reference()?, amount);
            total += amount;
        }
        page.push_str("</ul></td>");
        totals_of(&mut page, orders.len(), total);
    }
    Ok(page)
}

pub fn orders_by_hand(connection: &mut SqliteConnection, number: i64) -> QueryResult<String> {
    let (rows, countries) = rows(connection, number)?;
    let orders =
        OrderRow::belonging_to(&rows).order(orders::id).select(OrderRow::as_select()).load(connection)?;
    let mut page = String::new();
    for (row, orders) in rows.iter().zip(orders.grouped_by(&rows)) {
        head_by_hand(&mut page, row, &countries);
        page.push_str("<td><ul>");
        for order in &orders {
            order_of(&mut page, order.id, &order.reference, order.amount);
        }
        page.push_str("</ul></td>");
        totals_of(&mut page, orders.len(), orders.iter().map(|order| order.amount).sum());
    }
    Ok(page)
}

/// Partners, and so many orders of each
pub fn fill(path: &str, partners: usize, each: usize) -> QueryResult<()> {
    let series = |count: usize| {
        format!(
            "(WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers LIMIT {count}) SELECT value FROM numbers)"
        )
    };
    SqliteConnection::establish(path).expect("database").batch_execute(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT NOT NULL, country_id INTEGER);
         CREATE INDEX partners_by_name ON partners (name);
         CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, partner_id INTEGER NOT NULL, reference TEXT NOT NULL, amount BIGINT NOT NULL);
         CREATE INDEX orders_of ON orders (partner_id);
         BEGIN;
         INSERT INTO countries SELECT value, 'Country ' || value FROM {countries};
         INSERT INTO partners SELECT value, 'Partner ' || printf('%05d', value * 7919 % {partners}), 'partner.' || value || '@example.com', 'City ' || (value % 100),
             CASE WHEN value % 11 THEN value % 250 + 1 END FROM {partner_rows};
         INSERT INTO orders SELECT value, 1 + (value - 1) / {each}, 'SO' || value, value * 37 % 100000 FROM {order_rows};
         COMMIT;",
        countries = series(250),
        partner_rows = series(partners),
        order_rows = series(partners * each),
    ))
}
