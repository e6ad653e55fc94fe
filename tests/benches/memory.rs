//! Peak memory and growth with the number of rows.
//!
//! Run with: cargo bench -p orm-tests --bench memory
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::harness::timed;
use orm_tests::partners::{self, Partner, countries, fill};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

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

fn by_hand(connection: &mut SqliteConnection) -> usize {
    let rows = partners::partners::table.select(Row::as_select()).load(connection).expect("partners");
    let names: HashMap<i32, String> = countries::table
        .select((countries::id, countries::name))
        .load::<(i32, String)>(connection)
        .expect("countries")
        .into_iter()
        .collect();
    rows.iter().map(|row| row.name.len() + row.country_id.map_or(0, |id| names[&id].len())).sum()
}

fn walk(set: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in set {
        sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(sum)
}

/// Peak bytes over the start, and the time
fn peak<T>(work: impl FnOnce() -> T) -> (usize, Duration) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let took = timed(work);
    (ALLOCATOR.peak_usage().saturating_sub(before), took)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn main() {
    let folder = tempfile::tempdir().expect("folder");
    let open = |path: &str| SqliteConnection::establish(path).expect("database");
    let path = |n: usize| folder.path().join(format!("{n}.db")).display().to_string();
    let mut times = Vec::new();
    println!("{:<44} {:>10} {:>12} {:>8}", "peak memory over the start", "MiB", "time", "ratio");
    for n in [10_000, 100_000, 1_000_000] {
        let path = path(n);
        fill(&mut open(&path), n, 250).expect("data");
        let mut connection = open(&path);
        let expected = by_hand(&mut connection);
        let (hand, hand_time) = peak(|| assert_eq!(by_hand(&mut connection), expected));
        let env: Environment<SqliteConnection> = Environment::connect(&path).expect("database");
        let (ours, time) = peak(|| {
            let set: RecordSet<Partner> = partners::partners::table.records(&env).expect("partners");
            assert_eq!(walk(&set).expect("walk"), expected);
        });
        println!("{:<44} {:>10.1} {hand_time:>12.2?}", format!("Vec<struct> by hand, {n}"), mib(hand));
        println!(
            "{:<44} {:>10.1} {time:>12.2?} {:>8.2}",
            format!("orm-core, {n}"),
            mib(ours),
            ours as f64 / hand as f64
        );
        times.push(time);
        let env: Environment<SqliteConnection> = Environment::connect(&path).expect("database");
        let (some, time) = peak(|| {
            let fields = (Partner::NAME, Partner::COUNTRY_ID);
            let set = partners::partners::table.records_with_fields::<Partner>(&env, fields);
            assert_eq!(walk(&set.expect("partners")).expect("walk"), expected);
        });
        println!(
            "{:<44} {:>10.1} {time:>12.2?} {:>8.2}",
            format!("orm-core, two of ten columns, {n}"),
            mib(some),
            some as f64 / hand as f64
        );
    }
    let growth = times[2].as_secs_f64() / times[0].as_secs_f64();
    println!("100 times the rows took {growth:.0} times as long, ≤ 110");

    let limited = |n| Environment::builder().connection(open(&path(n))).cache_limit(20_000).build();
    for n in [100_000, 1_000_000] {
        let env = limited(n);
        let (bytes, time) = peak(|| {
            let set: RecordSet<Partner> = partners::partners::table.record_ids(&env).expect("partners");
            walk(&set).expect("walk")
        });
        println!(
            "{:<44} {:>10.1} {time:>12.2?}",
            format!("record_ids under cache_limit(20_000), {n}"),
            mib(bytes)
        );
        let env = limited(n);
        let (bytes, time) = peak(|| {
            let mut sum = 0;
            env.in_batches(partners::partners::table, 1000, |set: RecordSet<Partner>| {
                sum += walk(&set)?;
                Ok(())
            })
            .expect("batches");
            sum
        });
        println!("{:<44} {:>10.1} {time:>12.2?}", format!("in_batches of 1000, {n}"), mib(bytes));
        let env = limited(n);
        let (by_key, time) = peak(|| {
            let mut sum = 0;
            env.in_batches_by_key(partners::partners::table, 1000, |set: RecordSet<Partner>| {
                sum += walk(&set)?;
                Ok(())
            })
            .expect("batches");
            sum
        });
        println!("{:<44} {:>10.1} {time:>12.2?}", format!("in_batches_by_key of 1000, {n}"), mib(by_key));
        assert!(mib(by_key) < 1.0, "bounded by the batch, whatever the number of rows");
    }
}
