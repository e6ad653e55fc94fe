//! The work, on the connection that `super::Db` is

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::Db;
use crate::harness::{Measured, head, report, side_by_side, timed};

diesel::table! { bench_countries { id -> Integer, name -> Text, code -> Text } }
diesel::table! {
    bench_partners {
        id -> Integer,
        name -> Text,
        lang -> Nullable<Text>,
        email -> Text,
        phone -> Text,
        city -> Text,
        active -> Bool,
        credit -> Double,
        country_id -> Nullable<Integer>,
        parent_id -> Nullable<Integer>,
    }
}
diesel::table! { bench_lines { id -> Integer, partner_id -> Integer, product -> Text, quantity -> Integer } }

#[derive(Model, Queryable, Selectable)]
#[model(table = bench_countries, connection = Db)]
#[diesel(table_name = bench_countries)]
struct Country {
    id: i32,
    name: String,
    code: String,
}

#[derive(Model)]
#[model(table = bench_partners, connection = Db)]
struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    email: String,
    phone: String,
    city: String,
    active: bool,
    credit: f64,
    country_id: Option<Id<Country>>,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Line::PARTNER_ID)]
    line_ids: OneToMany<Line>,
}

#[derive(Model)]
#[model(table = bench_lines, connection = Db)]
struct Line {
    id: i32,
    partner_id: Id<Partner>,
    product: String,
    quantity: i32,
}

#[derive(Queryable, Selectable, Identifiable, Insertable)]
#[diesel(table_name = bench_partners)]
#[allow(dead_code)]
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

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = bench_lines, belongs_to(Row, foreign_key = partner_id))]
#[allow(dead_code)]
struct LineRow {
    id: i32,
    partner_id: i32,
    product: String,
    quantity: i32,
}

const REMOVE: &str = "DROP TABLE IF EXISTS bench_lines; DROP TABLE IF EXISTS bench_partners; DROP TABLE IF EXISTS bench_countries;";

fn connect(address: &str) -> Db {
    Db::establish(address).expect("a server")
}

fn row(id: i32) -> Row {
    Row {
        id,
        name: format!("Partner {id}"),
        lang: (id % 3 > 0).then(|| "en_US".to_owned()),
        email: format!("partner.{id}@example.com"),
        phone: format!("+32 {id:08}"),
        city: format!("City {}", id % 100),
        active: id % 7 > 0,
        credit: f64::from(id) / 4.0,
        country_id: (id % 11 > 0).then_some(id % 250 + 1),
        parent_id: None,
    }
}

fn fill(connection: &mut Db, rows: i32) {
    connection.batch_execute(REMOVE).expect("a place");
    let tables = "CREATE TABLE bench_countries (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, code VARCHAR(10) NOT NULL);
        CREATE TABLE bench_partners (id SERIAL_KEY, name VARCHAR(200) NOT NULL, lang VARCHAR(10), email VARCHAR(100) NOT NULL,
            phone VARCHAR(30) NOT NULL, city VARCHAR(100) NOT NULL, active BOOLEAN NOT NULL, credit DOUBLE PRECISION NOT NULL,
            country_id INTEGER, parent_id INTEGER);
        CREATE TABLE bench_lines (id INTEGER NOT NULL PRIMARY KEY, partner_id INTEGER NOT NULL, product VARCHAR(100) NOT NULL,
            quantity INTEGER NOT NULL);
        CREATE INDEX bench_lines_of ON bench_lines (partner_id);";
    connection.batch_execute(&tables.replace("SERIAL_KEY", super::SERIAL_KEY)).expect("tables");
    let countries: Vec<String> = (1..=250).map(|id| format!("({id}, 'Country {id}', 'C{id}')")).collect();
    connection
        .batch_execute(&format!("INSERT INTO bench_countries VALUES {}", countries.join(", ")))
        .expect("countries");
    for first in (1..=rows).step_by(1_000) {
        let rows: Vec<Row> = (first..(first + 1_000).min(rows + 1)).map(row).collect();
        diesel::insert_into(bench_partners::table).values(&rows).execute(connection).expect("partners");
    }
    // Ten lines for each of the first thousand
    for partner in (1..=rows.min(1_000)).step_by(100) {
        let line = |n: i32| {
            format!("({}, {}, 'Product {}', {})", partner * 10 + n, partner + n % 100, n % 50, n % 9)
        };
        let lines: Vec<String> = (0..1_000).map(line).collect();
        connection
            .batch_execute(&format!("INSERT INTO bench_lines VALUES {}", lines.join(", ")))
            .expect("lines");
    }
}

/// Partners with the names of their countries
fn cold(address: &str, runs: usize) -> Measured {
    let by_hand = |connection: &mut Db| -> usize {
        let rows = bench_partners::table.select(Row::as_select()).load(connection).expect("partners");
        let countries: Vec<Country> =
            bench_countries::table.select(Country::as_select()).load(connection).expect("countries");
        let countries: HashMap<i32, Country> =
            countries.into_iter().map(|country| (country.id, country)).collect();
        let of = |row: &Row| {
            row.country_id.and_then(|id| countries.get(&id)).map_or(0, |country| country.name.len())
        };
        rows.iter().map(|row| row.name.len() + of(row)).sum()
    };
    let expected = by_hand(&mut connect(address));
    // Both have their connection, which has run the statements before, as one of a pool has.
    let (mut connection, env) = (connect(address), Environment::<Db>::connect(address).expect("a server"));
    let ours = || {
        env.cache().clear();
        timed(|| {
            let mut sum = 0;
            for partner in &env.all::<Partner>().expect("partners") {
                let country = partner.country_id().name().expect("a country").map_or(0, |name| name.len());
                sum += partner.name().expect("a name").len() + country;
            }
            assert_eq!(sum, expected);
        })
    };
    side_by_side(runs, ours, || timed(|| assert_eq!(by_hand(&mut connection), expected)))
}

/// A thousand partners with ten lines each
fn lines(address: &str, runs: usize) -> Measured {
    let first = || bench_partners::table.filter(bench_partners::id.le(1_000)).order(bench_partners::id);
    let by_hand = |connection: &mut Db| -> usize {
        let rows = first().select(Row::as_select()).load(connection).expect("partners");
        let lines =
            LineRow::belonging_to(&rows).select(LineRow::as_select()).load(connection).expect("lines");
        rows.iter()
            .zip(lines.grouped_by(&rows))
            .flat_map(|(_, lines)| lines)
            .map(|line| line.product.len())
            .sum()
    };
    let expected = by_hand(&mut connect(address));
    assert!(expected > 50_000);
    let (mut connection, env) = (connect(address), Environment::<Db>::connect(address).expect("a server"));
    let ours = || {
        env.cache().clear();
        timed(|| {
            let mut sum = 0;
            for partner in &first().records::<Partner>(&env).expect("partners") {
                for line in &partner.line_ids().load().expect("lines") {
                    sum += line.product().expect("a product").len();
                }
            }
            assert_eq!(sum, expected);
        })
    };
    side_by_side(runs, ours, || timed(|| assert_eq!(by_hand(&mut connection), expected)))
}

/// A name of their own for 10,000 rows, in one transaction
fn update(address: &str, runs: usize) -> Measured {
    let (mut connection, env) = (connect(address), Environment::<Db>::connect(address).expect("a server"));
    let partners = env.all::<Partner>().expect("partners");
    let ids = partners.ids();
    let (mut run, mut turn) = (0, 0);
    let ours = || {
        run += 1;
        let names: Vec<String> = ids.iter().map(|id| format!("Name {run} of {id}")).collect();
        timed(|| {
            env.transaction(|| {
                partners.iter().zip(&names).try_for_each(|(partner, name)| partner.set_name(name))
            })
            .expect("an update");
        })
    };
    let theirs = || {
        turn += 1;
        let names: Vec<String> = ids.iter().map(|id| format!("Other {turn} of {id}")).collect();
        timed(|| {
            let one = |connection: &mut Db, id: i32, name: &str| {
                let row = diesel::update(bench_partners::table.find(id));
                row.set(bench_partners::name.eq(name)).execute(connection).map(drop)
            };
            connection
                .transaction(|connection| {
                    ids.iter().zip(&names).try_for_each(|(&id, name)| one(connection, id, name))
                })
                .expect("an update");
        })
    };
    side_by_side(runs, ours, theirs)
}

/// 10,000 rows whose keys the database gives, by INSERTs of 1,000
fn create(address: &str, runs: usize) -> Measured {
    type Values = (
        diesel::dsl::Eq<bench_partners::name, String>,
        diesel::dsl::Eq<bench_partners::email, String>,
        diesel::dsl::Eq<bench_partners::phone, String>,
        diesel::dsl::Eq<bench_partners::city, String>,
        diesel::dsl::Eq<bench_partners::active, bool>,
        diesel::dsl::Eq<bench_partners::credit, f64>,
        diesel::dsl::Eq<bench_partners::country_id, Option<i32>>,
    );
    let values = |n: i32| -> Values {
        let row = row(n);
        (
            bench_partners::name.eq(row.name),
            bench_partners::email.eq(row.email),
            bench_partners::phone.eq(row.phone),
            bench_partners::city.eq(row.city),
            bench_partners::active.eq(row.active),
            bench_partners::credit.eq(row.credit),
            bench_partners::country_id.eq(row.country_id),
        )
    };
    let of_ours = |n: i32| {
        let row = row(n);
        let values = Partner::values().name(row.name).email(row.email).phone(row.phone).city(row.city);
        values.active(row.active).credit(row.credit).country_id(row.country_id.map(Id::new))
    };
    let (mut connection, mut admin) = (connect(address), connect(address));
    let env = Environment::<Db>::connect(address).expect("a server");
    let remove = |admin: &mut Db| {
        let new = diesel::delete(bench_partners::table.filter(bench_partners::id.gt(100_000)));
        new.execute(admin).expect("removed");
    };
    let mut other = connect(address);
    let ours = || {
        remove(&mut other);
        env.cache().clear();
        timed(|| drop(env.create_many((0..10_000).map(of_ours)).expect("created")))
    };
    let theirs = || {
        remove(&mut admin);
        timed(|| {
            connection
                .transaction(|connection| {
                    (0..10_000).step_by(1_000).try_for_each(|first| {
                        let rows: Vec<Values> = (first..first + 1_000).map(values).collect();
                        diesel::insert_into(bench_partners::table).values(rows).execute(connection).map(drop)
                    })
                })
                .expect("created");
        })
    };
    side_by_side(runs, ours, theirs)
}

pub fn run(address: &str) {
    let mut admin = connect(address);
    println!("{}", std::any::type_name::<Db>().rsplit("::").next().unwrap_or_default());
    head();
    for rows in [1_000, 10_000, 100_000] {
        fill(&mut admin, rows);
        report(
            &format!("cold loop, {rows} partners"),
            cold(address, (400_000 / rows as usize).clamp(7, 101)),
            1.10,
        );
        if rows == 1_000 {
            report("1,000 partners × 10 lines", lines(address, 51), 1.0);
        }
        if rows == 10_000 {
            report("update of 10,000 names", update(address, 7), 0.1);
        }
    }
    report("create 10,000", create(address, 9), 0.8);
    admin.batch_execute(REMOVE).expect("removed");
}
