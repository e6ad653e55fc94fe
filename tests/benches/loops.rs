//! The loops of the README against the same work by hand: two typed `load`s and a `HashMap`.
//!
//! Run with: cargo bench -p orm-tests --bench loops [-- 1000 10000 100000]
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::harness::{head, report, side_by_side, timed};
use orm_tests::partners::{self, Country, Partner, countries, fill};

/// What a diesel user writes for the same table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = partners::partners)]
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

#[derive(Queryable, Selectable)]
#[diesel(table_name = countries)]
#[allow(dead_code)]
struct CountryRow {
    id: i32,
    name: String,
    code: String,
    continent_id: Option<i32>,
}

fn by_hand(connection: &mut SqliteConnection) -> (Vec<Row>, HashMap<i32, CountryRow>) {
    let rows = partners::partners::table.select(Row::as_select()).load(connection).expect("partners");
    let countries =
        countries::table.select(CountryRow::as_select()).load::<CountryRow>(connection).expect("countries");
    (rows, countries.into_iter().map(|country| (country.id, country)).collect())
}

fn walk_by_hand(rows: &[Row], countries: &HashMap<i32, CountryRow>) -> usize {
    let mut sum = 0;
    for row in rows {
        sum += row.name.len()
            + row.country_id.and_then(|id| countries.get(&id)).map_or(0, |country| country.name.len());
    }
    sum
}

fn walk(partners: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in partners {
        sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(sum)
}

fn open(path: &str) -> SqliteConnection {
    SqliteConnection::establish(path).expect("database")
}

fn environment(path: &str) -> Environment<SqliteConnection> {
    Environment::connect(path).expect("database")
}

fn size(n: usize) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("bench.db").display().to_string();
    fill(&mut open(&path), n, 250).expect("data");
    let runs = (400_000 / n).clamp(5, 101);

    let expected = {
        let (rows, countries) = by_hand(&mut open(&path));
        walk_by_hand(&rows, &countries)
    };
    let cold = side_by_side(
        runs,
        || {
            let env = environment(&path);
            // Opening the file is no work of either side, nor is closing it.
            let took = timed(|| {
                let partners: RecordSet<Partner> = partners::partners::table.records(&env).expect("partners");
                assert_eq!(walk(&partners).expect("walk"), expected);
            });
            assert_eq!(env.stats().queries, 2);
            took
        },
        || {
            let mut connection = open(&path);
            timed(|| {
                let (rows, countries) = by_hand(&mut connection);
                assert_eq!(walk_by_hand(&rows, &countries), expected);
            })
        },
    );
    report(&format!("cold loop, {n} partners"), cold, 1.15);

    // The loop needs two of the ten columns; by hand it is the whole structs, as above.
    let some = side_by_side(
        runs,
        || {
            let env = environment(&path);
            let took = timed(|| {
                let fields = (Partner::NAME, Partner::COUNTRY_ID);
                let partners = partners::partners::table.records_with_fields::<Partner>(&env, fields);
                assert_eq!(walk(&partners.expect("partners")).expect("walk"), expected);
            });
            assert_eq!(env.stats().queries, 2);
            took
        },
        || {
            let mut connection = open(&path);
            timed(|| {
                let (rows, countries) = by_hand(&mut connection);
                assert_eq!(walk_by_hand(&rows, &countries), expected);
            })
        },
    );
    // Of a thousand rows the SELECT of the countries is too large a part.
    report(&format!("cold loop, two columns, {n} partners"), some, if n < 10_000 { 0.8 } else { 0.5 });

    let env = environment(&path);
    let set: RecordSet<Partner> = partners::partners::table.records(&env).expect("partners");
    walk(&set).expect("walk");
    let (rows, countries) = by_hand(&mut open(&path));
    let warm = side_by_side(
        runs.max(21),
        || timed(|| walk(&set).expect("walk")),
        || timed(|| walk_by_hand(&rows, &countries)),
    );
    report(&format!("warm loop, {n} partners"), warm, 2.0);

    let per_row = |took: Duration| took.as_secs_f64() * 1e9 / n as f64;
    let scalar = side_by_side(
        runs.max(21),
        || timed(|| set.iter().map(|partner| partner.credit().expect("credit")).sum::<f64>()),
        || timed(|| set.iter().for_each(|partner| drop(std::hint::black_box(partner)))),
    );
    println!(
        "  a cached scalar: {:.2} ns over iterating ({:.2} ns a record); a row of the warm loop: {:.2} ns",
        per_row(scalar.ours) - per_row(scalar.theirs),
        per_row(scalar.theirs),
        per_row(warm.ours),
    );
    let stats = env.stats();
    println!("  {} bytes in the cache, {} a record", stats.bytes, stats.bytes / n);
    let _ = env.record::<Country>(1);
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    head();
    for n in if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes } {
        size(n);
    }
}
