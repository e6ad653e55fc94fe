//! Run with: cargo run --example quickstart
//!
//! Walks 1,000 partners and the names of their countries twice: with one query per record, written by hand in
//! diesel, and through orm-core. diesel itself counts the queries. Makes its own SQLite file and removes it.
#![allow(clippy::print_stdout, missing_docs)]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, code -> Text, name -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, country_id -> Integer } }

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
    country_id: Id<Country>,
}

/// One query for the partners, then one for each partner's country.
fn plain(connection: &mut SqliteConnection) -> QueryResult<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (_id, _name, country_id) in partners::table.load::<(i32, String, i32)>(connection)? {
        names.insert(countries::table.find(country_id).select(countries::name).first(connection)?);
    }
    Ok(names)
}

/// The same loop through orm-core: no join, no include, no map.
fn through_orm_core(env: &Environment) -> orm_core::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let partners: RecordSet<Partner> = partners::table.records(env)?;
    for partner in &partners {
        names.insert(partner.country_id().name()?.into());
    }
    Ok(names)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("quickstart.db").display().to_string();
    let (partners, countries) = fill(&mut SqliteConnection::establish(&path)?)?;
    println!("{partners} partners in {countries} countries, in {path}\n");
    println!("{:<36} {:>8} {:>12}", "", "queries", "time");

    let (mut connection, queries) = counted(&path)?;
    let start = Instant::now();
    let expected = plain(&mut connection)?;
    let (time, queries) = (start.elapsed(), queries.load(Ordering::Relaxed));
    println!("{:<36} {queries:>8} {time:>12.2?}", "one query per record, plain diesel");

    let (connection, queries) = counted(&path)?;
    let env = Environment::builder().connection(connection).build();
    // What `build` asks of a connection that it is given, its time-out and whether a transaction is open, is no query of the loop.
    queries.store(0, Ordering::Relaxed);
    let start = Instant::now();
    let names = through_orm_core(&env)?;
    let (time, queries) = (start.elapsed(), queries.load(Ordering::Relaxed));
    println!("{:<36} {queries:>8} {time:>12.2?}", "the same loop through orm-core");

    if names != expected || env.stats().queries != queries {
        return Err("the two ways, or the two counts, differ".into());
    }
    println!("\nBoth found the same {} names; env.stats() counted {queries} queries too.", names.len());
    Ok(folder.close()?)
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
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, country_id INTEGER NOT NULL);",
    )?;
    let lines = include_str!("data/countries.csv").lines().skip(1).filter_map(|line| line.split_once(','));
    let rows =
        lines.map(|(code, name)| (countries::code.eq(code), countries::name.eq(name.trim_matches('"'))));
    let countries =
        diesel::insert_into(countries::table).values(rows.collect::<Vec<_>>()).execute(connection)?;
    let rows = (0..1_000).map(|n| {
        let country_id = partners::country_id.eq(1 + n % countries as i32);
        (partners::name.eq(format!("Partner {n}")), country_id)
    });
    let partners =
        diesel::insert_into(partners::table).values(rows.collect::<Vec<_>>()).execute(connection)?;
    Ok((partners, countries))
}
