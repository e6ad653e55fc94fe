//! Run with: cargo run --example cache_control
//!
//! Loading by hand, looking into the cache, putting values there, dropping them, and keeping to a limit. Each
//! step prints how many SELECTs it cost, as the environment counted them.
#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, name -> Text } }
diesel::table! {
    partners { id -> Integer, name -> Text, country_id -> Nullable<Integer>, notes -> Nullable<Text> }
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    #[model(deferred)]
    notes: Option<String>,
}

/// Says how many SELECTs a step ran.
fn step<T>(env: &Environment, what: &str, work: impl FnOnce() -> T) -> T {
    let before = env.stats().queries;
    let result = work();
    println!("{:>3} SELECTs  {what}", env.stats().queries - before);
    result
}

fn main() -> Result<(), Box<dyn Error>> {
    let env = Environment::builder().connection(demo()?).build();
    let cache = env.cache();

    println!("Loading by hand");
    let partners: RecordSet<Partner> = partners::table.order(partners::id).record_ids(&env)?;
    step(&env, "prefetch: all columns but the deferred ones", || partners.prefetch())?;
    step(&env, "prefetch_field: a deferred column", || partners.prefetch_field(Partner::NOTES))?;
    step(&env, "prefetch of what a link leads to", || partners.country_id().prefetch())?;
    step(&env, "reading what is cached now", || walk(&partners))?;

    println!("Reading one set as part of another");
    cache.clear();
    let ten = env.browse::<Partner>(1..=10).with_prefetch(&partners);
    step(&env, "ten names: the ten come first, then 990 of the others", || ten.name())?;
    step(&env, "the names of all: 1,500 were left", || partners.name())?;

    println!("Looking into the cache, which never runs a SELECT");
    assert_eq!(cache.get(Partner::NOTES, 1), None, "MISSING: nothing is known");
    cache.set(Partner::NOTES, 1, None);
    assert_eq!(cache.get(Partner::NOTES, 1), Some(None), "NULL is a value");
    assert_eq!(cache.get(Partner::COUNTRY_ID, 1), Some(Some(2)), "a link's value is the key");
    if let Some(entry) = cache.entry(Partner::NAME, 1) {
        println!("     {:?}, {:?} old, dirty: {}", entry.value, entry.loaded_at.elapsed(), entry.dirty);
    }

    println!("Putting values there, as if they had been loaded");
    let three = env.browse::<Partner>([1, 2, 3]);
    cache.set(Partner::NAME, 1, "One");
    cache.set_many(Partner::NAME, [(2, "Two"), (3, "Three")]);
    let names = step(&env, "reading them", || three.name())?;
    println!("     {names:?}");

    println!("Dropping values, and reading them again");
    cache.invalidate(Partner::NAME, [1, 2, 3]);
    step(&env, "a field of three records", || three.name())?;
    cache.invalidate_field(Partner::NAME);
    step(&env, "a field of all records", || partners.name())?;
    cache.invalidate_model::<Country>();
    step(&env, "all of a model", || partners.country_id().name())?;
    cache.clear();
    step(&env, "everything", || partners.name())?;

    println!("Keeping to a limit of 1,500 records: the pages used longest ago leave first");
    cache.set_limit(1_500);
    println!("     {} records stay", env.stats().records);
    step(&env, "a walk over all 2,500", || walk(&partners))?;

    let stats = env.stats();
    println!("\n{} hits, {} misses, {} evictions", stats.hits, stats.misses, stats.evictions);
    for model in &stats.models {
        println!("{}: {} records, {} values, {} bytes", model.name, model.records, model.values, model.bytes);
    }
    Ok(())
}

/// Reads the names of partners and of their countries; tells how long they are.
fn walk(partners: &RecordSet<Partner>) -> orm_core::Result<usize> {
    let mut length = 0;
    for partner in partners {
        length += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(length)
}

/// 2,500 partners over five countries, in memory
fn demo() -> Result<SqliteConnection, Box<dyn Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.batch_execute(
        "CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         INSERT INTO countries VALUES (1, 'Belgium'), (2, 'France'), (3, 'India'), (4, 'Peru'), (5, 'Kenya');
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, country_id INTEGER, notes TEXT);
         WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2500)
         INSERT INTO partners SELECT id, 'Partner ' || id, 1 + id % 5, 'Notes of ' || id FROM n;",
    )?;
    Ok(connection)
}
