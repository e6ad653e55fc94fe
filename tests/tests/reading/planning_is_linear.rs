//! P2: planning a batch looks at each record of a set a bounded number of times, however large the set is.
//!
//! Measured as growth: ten times the records may not take thirty times as long.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { numbers { id -> Integer, next -> Integer } }

#[derive(Model)]
struct Number {
    id: i32,
    next: Id<Number>,
}

fn numbers(count: usize) -> TestDb {
    test_db!(File::new(&format!(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY NOT NULL, next INTEGER NOT NULL);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
         INSERT INTO numbers SELECT n, 1 + n % {count} FROM s"
    )))
}

/// How long it takes to read all of `count` numbers in an order
fn time(count: usize, order: impl Fn(usize, usize) -> usize) -> Result<Duration> {
    let db = numbers(count);
    let set = numbers::table.order(numbers::id).record_ids::<Number>(&db)?;
    let start = Instant::now();
    let queries = count.div_ceil(1000);
    db.assert_queries(queries, || {
        (0..count).try_for_each(|n| set.get(order(n, count)).expect("in range").next().id().map(drop))
    })?;
    Ok(start.elapsed())
}

fn assert_linear(what: &str, count: usize, order: impl Fn(usize, usize) -> usize) -> Result<()> {
    // Other tests run beside this one: the best of three counts.
    let mut ratios = Vec::new();
    while ratios.len() < 3 && ratios.iter().all(|&ratio| ratio > 20.0) {
        let (small, large) = (time(count / 10, &order)?, time(count, &order)?);
        ratios.push(large.as_secs_f64() / small.as_secs_f64());
    }
    assert!(
        ratios.iter().any(|&ratio| ratio <= 20.0),
        "{what}: ten times the records take {ratios:.0?} times as long"
    );
    Ok(())
}

#[test]
fn two_hundred_thousand_forwards() -> Result<()> {
    assert_linear("forwards", 200_000, |n, _| n)
}

#[test]
fn fifty_thousand_backwards() -> Result<()> {
    assert_linear("backwards", 50_000, |n, count| count - 1 - n)
}

#[test]
fn fifty_thousand_in_any_order() -> Result<()> {
    assert_linear("in any order", 50_000, |n, count| n * 7_919 % count)
}

#[test]
fn a_chain_within_the_set_is_read_in_windows() -> Result<()> {
    let db = numbers(5_000);
    let set = numbers::table.order(numbers::id).record_ids::<Number>(&db)?;
    // The links of the whole set lead into the set itself: what one level loads the next finds.
    let (_, statements) = db.watch(|| set.iter().try_for_each(|number| number.next().next().id().map(drop)));
    assert!(statements.len() <= 10, "{} SELECTs", statements.len());
    Ok(())
}

#[test]
fn unions_in_a_loop() -> Result<()> {
    let db = numbers(1_000);
    let start = Instant::now();
    let mut all = db.browse::<Number>(Vec::<i32>::new());
    for id in 1..=2_000 {
        all = &all | &db.browse([id]);
    }
    assert_eq!(all.len(), 2_000);
    drop(all);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_set_derived_a_million_times_can_be_dropped() -> Result<()> {
    let db = numbers(10);
    let mut set = db.all::<Number>()?;
    for _ in 0..1_000_000 {
        set = set.reversed();
    }
    assert_eq!(set.len(), 10);
    drop(set);
    Ok(())
}
