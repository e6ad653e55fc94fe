//! Run with: cargo run --example quickstart
//!
//! Walks 1,000 partners and the names of their countries twice: with one query per record, written by hand in
//! diesel, and through orm-core. Both are counted by diesel itself. Makes its own SQLite file and removes it.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, code -> Text, name -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, lang -> Nullable<Text>, country_id -> Integer } }

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    code: String,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    country_id: Id<Country>,
}

type Names = BTreeSet<String>;

/// One query for the partners, then one for each partner's country.
fn plain(connection: &mut SqliteConnection) -> QueryResult<Names> {
    let mut names = Names::new();
    let rows =
        partners::table.order(partners::name).load::<(i32, String, Option<String>, i32)>(connection)?;
    for (_id, _name, _lang, country_id) in rows {
        let name: String = countries::table.find(country_id).select(countries::name).first(connection)?;
        names.insert(name);
    }
    Ok(names)
}

/// The same loop through orm-core: no join, no include, no map.
fn through_orm_core(env: &Environment) -> orm_core::Result<Names> {
    let mut names = Names::new();
    let partners: RecordSet<Partner> = partners::table.order(partners::name).records(env)?;
    for partner in &partners {
        names.insert(partner.country_id().name()?.into());
    }
    Ok(names)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("quickstart.db").display().to_string();
    let (partner_count, country_count) = fill(&mut SqliteConnection::establish(&path)?)?;
    println!("{partner_count} partners in {country_count} countries (ISO 3166), in {path}\n");

    let (mut connection, queries) = counted(&path)?;
    let (expected, plain_time) = timed(|| plain(&mut connection));
    let (expected, plain_queries) = (expected?, queries.load(Ordering::Relaxed));

    let (connection, queries) = counted(&path)?;
    let env = Environment::builder().connection(connection).build();
    let (names, our_time) = timed(|| through_orm_core(&env));
    if names? != expected {
        return Err("the two ways found different countries".into());
    }

    println!("{:<36} {:>8} {:>12}", "", "queries", "time");
    println!("{:<36} {plain_queries:>8} {plain_time:>12.2?}", "one query per record, plain diesel");
    println!(
        "{:<36} {:>8} {our_time:>12.2?}",
        "the same loop through orm-core",
        queries.load(Ordering::Relaxed)
    );
    println!(
        "\nBoth found {} country names. env.stats() counted {} queries too.",
        expected.len(),
        env.stats().queries
    );

    folder.close()?;
    Ok(())
}

/// A connection, and diesel's own count of the queries that it runs
fn counted(path: &str) -> ConnectionResult<(SqliteConnection, Arc<AtomicUsize>)> {
    let mut connection = SqliteConnection::establish(path)?;
    let queries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&queries);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok((connection, queries))
}

/// The tables, the countries of ISO 3166, and 1,000 partners over all of them; tells how many of each
fn fill(connection: &mut SqliteConnection) -> QueryResult<(usize, usize)> {
    connection.batch_execute(
        "CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, lang TEXT,
             country_id INTEGER NOT NULL REFERENCES countries);",
    )?;
    let lines = include_str!("data/countries.csv").lines().skip(1).filter_map(|line| line.split_once(','));
    let rows: Vec<_> = (1..)
        .zip(lines)
        .map(|(id, (code, name))| {
            (countries::id.eq(id), countries::code.eq(code), countries::name.eq(name.trim_matches('"')))
        })
        .collect();
    let country_count = diesel::insert_into(countries::table).values(&rows).execute(connection)?;
    let rows: Vec<_> = (1..=1_000)
        .map(|id| {
            let country = 1 + id % country_count as i32;
            (
                partners::id.eq(id),
                partners::name.eq(format!("Partner {id}")),
                partners::country_id.eq(country),
            )
        })
        .collect();
    let partner_count = diesel::insert_into(partners::table).values(&rows).execute(connection)?;
    Ok((partner_count, country_count))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
