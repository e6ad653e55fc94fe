//! P2: what grows with the records grows no faster than they do. Counted, not timed: the records that planning looks at, and
//! the bytes that are allocated, which is what a copy of all that came before shows in.
//!
//! A binary of its own with one test, as the allocator counts for the whole process.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::alloc::System;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb, test_db};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

diesel::table! { numbers { id -> Integer, next -> Integer } }
diesel::table! { nodes { id -> Integer, next_id -> Nullable<Integer> } }

#[derive(Model)]
struct Number {
    id: i32,
    next: Id<Self>,
}

#[derive(Model)]
struct Node {
    id: i32,
    next_id: Option<Id<Self>>,
    #[model(inverse = Node::NEXT_ID)]
    before: OneToMany<Self>,
}

/// What a piece of work has cost
#[derive(Debug, Clone, Copy)]
struct Cost {
    planned: usize,
    bytes: usize,
}

fn cost(db: &TestDb, work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let (planned, region) = (db.stats().planned, Region::new(ALLOCATOR));
    work()?;
    let bytes = region.change().bytes_allocated;
    Ok(Cost { planned: db.stats().planned - planned, bytes })
}

/// An error unless so many times the records cost at most twice as many times as much.
fn assert_linear(what: &str, counts: [usize; 2], work: impl Fn(usize) -> Result<Cost>) {
    let [small, large] = counts.map(|count| work(count).expect(what));
    let times = 2 * counts[1] / counts[0];
    assert!(
        large.planned <= times * small.planned.max(counts[0]) && large.bytes <= times * small.bytes,
        "{what}: {counts:?} records cost {small:?} and {large:?}"
    );
}

fn numbers(count: usize) -> TestDb {
    test_db!(File::new(&format!(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY NOT NULL, next INTEGER NOT NULL);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})
         INSERT INTO numbers SELECT n, 1 + n % {count} FROM s"
    )))
}

/// Reads all of `count` numbers in an order: no more is looked at than four times what there is.
fn read(count: usize, order: impl Fn(usize, usize) -> usize) -> Result<Cost> {
    let db = numbers(count);
    let set = numbers::table.order(numbers::id).record_ids::<Number>(&db)?;
    let cost = cost(&db, || {
        db.assert_queries(count.div_ceil(1000), || {
            (0..count).try_for_each(|n| set.get(order(n, count)).expect("in range").next().id().map(drop))
        })
    })?;
    assert!(cost.planned <= 4 * count, "{count}: {cost:?}");
    // Each SELECT has a bit for each record that is known.
    Ok(Cost { bytes: 0, ..cost })
}

/// Walks down a single chain, list by list.
fn down(length: usize) -> Result<Cost> {
    let db = test_db!(File::new(&format!(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, next_id INTEGER);
         CREATE INDEX nodes_next ON nodes (next_id);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {length})
         INSERT INTO nodes SELECT n, CASE WHEN n > 1 THEN n - 1 END FROM s"
    )));
    cost(&db, || {
        let mut at = db.record::<Node>(1);
        while let Some(before) = at.before().load()?.first() {
            at = before;
        }
        assert_eq!(at.id(), i32::try_from(length).expect("a key"));
        Ok(())
    })
}

/// Puts records together, one by one.
fn put(count: usize, add: impl Fn(&mut RecordSet<Number>, Record<Number>)) -> Result<Cost> {
    let db = numbers(1);
    let all = db.browse::<Number>(1..=i32::try_from(count).expect("keys"));
    let mut some = db.browse::<Number>(Vec::<i32>::new());
    let cost = cost(&db, || {
        all.iter().for_each(|number| add(&mut some, number));
        Ok(())
    });
    assert_eq!(some.len(), count);
    cost
}

/// Creates or upserts records one by one, and reads what was left to a default of each, or of all in the end.
fn create(count: usize, is_upsert: bool, at_once: bool) -> Result<Cost> {
    let db = test_db!(File::new(
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY NOT NULL, next INTEGER NOT NULL DEFAULT 7)"
    ));
    let cost = cost(&db, || {
        db.transaction(|| {
            let mut created = Vec::new();
            for id in 1..=i32::try_from(count).expect("keys") {
                let values = Number::values().id(id);
                let number = if is_upsert { db.upsert(Number::ID, values)? } else { db.create(values)? };
                if at_once {
                    assert_eq!(number.next().id()?, 7);
                } else {
                    created.push(number);
                }
            }
            let read = || created.iter().try_for_each(|number| number.next().id().map(drop));
            db.assert_queries(if at_once { 0 } else { count.div_ceil(1000) }, read)
        })
    })?;
    assert!(cost.planned <= 4 * count, "{count}: {cost:?}");
    Ok(Cost { bytes: 0, ..cost })
}

/// Takes a set apart, and puts it together again.
fn whole(count: usize) -> Result<Cost> {
    let db = numbers(1);
    let last = i32::try_from(count).expect("keys");
    cost(&db, || {
        db.assert_queries(0, || {
            let set = db.browse::<Number>(1..=last);
            assert_eq!((set.len(), set.ids().len()), (count, count));
            assert_eq!(set.last().map(|record| record.id()), Some(last));
            assert_eq!(set.slice(count - 10..).len(), 10);
            assert_eq!(set.reversed().first().map(|record| record.id()), Some(last));
            assert_eq!(set.iter().rev().nth(5).map(|record| record.id()), Some(last - 5));
            assert_eq!(set.iter().len(), count);
            let half = set.slice(..count / 2);
            assert_eq!((&set - &half).len(), count / 2);
            assert_eq!((&half | &set), set);
            assert_eq!((&half & &set).len(), count / 2);
            assert!(set.contains(&db.record(last)));
            assert!(set == set.reversed());
            assert_eq!(set.concat(&set).len(), 2 * count);
            Ok::<_, Error>(())
        })
    })
}

#[test]
fn what_grows_with_the_records_grows_as_they_do() {
    assert_linear("forwards", [20_000, 200_000], |count| read(count, |n, _| n));
    assert_linear("backwards", [5_000, 50_000], |count| read(count, |n, count| count - 1 - n));
    assert_linear("in any order", [5_000, 50_000], |count| read(count, |n, count| n * 7_919 % count));
    assert_linear("one list in the other", [2_500, 10_000], down);
    assert_linear("unions", [4_000, 40_000], |count| put(count, |some, number| *some |= &number.into()));
    assert_linear("extended", [4_000, 40_000], |count| put(count, |some, number| some.extend([number])));
    assert_linear("extended by sets of one", [4_000, 40_000], |count| {
        put(count, |some, number| some.extend([some.env().record::<Number>(number.id())]))
    });
    for (is_upsert, at_once) in [(false, false), (false, true), (true, false), (true, true)] {
        assert_linear("created one by one", [500, 5_000], |count| create(count, is_upsert, at_once));
    }
    assert_linear("a whole set", [100_000, 1_000_000], whole);
}
