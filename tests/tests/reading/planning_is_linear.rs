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

fn assert_linear(what: &str, order: impl Fn(usize, usize) -> usize) -> Result<()> {
    let (small, large) = (time(20_000, &order)?, time(200_000, &order)?);
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < 30.0, "{what}: 200,000 took {large:?}, {ratio:.0} times the {small:?} of 20,000");
    Ok(())
}

#[test]
fn two_hundred_thousand_forwards() -> Result<()> {
    assert_linear("forwards", |n, _| n)
}

#[test]
fn two_hundred_thousand_backwards() -> Result<()> {
    assert_linear("backwards", |n, count| count - 1 - n)
}

#[test]
fn two_hundred_thousand_in_any_order() -> Result<()> {
    assert_linear("in any order", |n, count| n * 7_919 % count)
}

#[test]
fn a_hop_from_each_of_a_hundred_thousand() -> Result<()> {
    let db = numbers(100_000);
    let set = numbers::table.order(numbers::id).records::<Number>(&db)?;
    db.cache().invalidate_field(Number::NEXT);
    let start = Instant::now();
    // The links of the whole set lead into the set itself: what one level loads the next finds.
    let (_, statements) = db.watch(|| set.iter().try_for_each(|number| number.next().next().id().map(drop)));
    assert!(statements.len() <= 200, "{} SELECTs", statements.len());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    Ok(())
}
