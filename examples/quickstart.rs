//! Run with: cargo run --example quickstart
//!
//! Walks 1,000 partners and the names of their countries twice: with one query per record, written by hand in
//! diesel, and through orm-core. diesel itself counts the queries. Makes its own SQLite file and removes it; or, with
//! `--database-url postgres://…` (`--features postgres`) or `mysql://…` (`--features mysql`), two tables there.
#![allow(clippy::print_stdout, missing_docs)]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use orm_core::AnyConnection;
use orm_core::prelude::*;

// The database is the one that the address names.
orm_core::connection!(AnyConnection);

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
fn plain(connection: &mut AnyConnection) -> QueryResult<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (_id, _name, country_id) in partners::table.load::<(i32, String, i32)>(connection)? {
        names.insert(countries::table.find(country_id).select(countries::name).first(connection)?);
    }
    Ok(names)
}

/// The same loop through orm-core: no join, no include, no map.
fn through_orm_core(env: &Environment<AnyConnection>) -> orm_core::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let partners: RecordSet<Partner> = partners::table.records(env)?;
    for partner in &partners {
        names.insert(partner.country_id().name()?.into());
    }
    Ok(names)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let arguments: Vec<String> = std::env::args().collect();
    let address = match arguments.iter().position(|argument| argument == "--database-url") {
        Some(at) => arguments.get(at + 1).ok_or("--database-url wants an address")?.clone(),
        None => folder.path().join("quickstart.db").display().to_string(),
    };
    let mut admin = AnyConnection::connect(&address)?;
    let (partners, countries) = fill(&mut admin)?;
    println!("{partners} partners in {countries} countries\n");
    let walked = walk(&address);
    admin.batch_execute("DROP TABLE partners; DROP TABLE countries")?;
    walked
}

fn walk(address: &str) -> Result<(), Box<dyn Error>> {
    println!("{:<36} {:>8} {:>12}", "", "queries", "time");

    let (mut connection, queries) = counted(address)?;
    let start = Instant::now();
    let expected = plain(&mut connection)?;
    let (time, queries) = (start.elapsed(), queries.load(Ordering::Relaxed));
    println!("{:<36} {queries:>8} {time:>12.2?}", "one query per record, plain diesel");

    let (connection, queries) = counted(address)?;
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
    Ok(())
}

/// A connection, and diesel's own count of the queries that it runs
fn counted(address: &str) -> orm_core::Result<(AnyConnection, Arc<AtomicUsize>)> {
    let mut connection = AnyConnection::connect(address)?;
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
fn fill(connection: &mut AnyConnection) -> QueryResult<(usize, usize)> {
    connection.batch_execute(
        "CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, code VARCHAR(2) NOT NULL, name VARCHAR(100) NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name VARCHAR(100) NOT NULL, country_id INTEGER NOT NULL);",
    )?;
    let lines = include_str!("data/countries.csv").lines().skip(1).filter_map(|line| line.split_once(','));
    let country = |(id, (code, name)): (usize, (&str, &str))| {
        format!("({}, '{code}', '{}')", id + 1, name.trim_matches('"').replace('\'', "''"))
    };
    let countries: Vec<String> = lines.enumerate().map(country).collect();
    connection.batch_execute(&format!("INSERT INTO countries VALUES {}", countries.join(", ")))?;
    let partner = |n: usize| format!("({}, 'Partner {n}', {})", n + 1, 1 + n % countries.len());
    let partners: Vec<String> = (0..1_000).map(partner).collect();
    connection.batch_execute(&format!("INSERT INTO partners VALUES {}", partners.join(", ")))?;
    Ok((partners.len(), countries.len()))
}
