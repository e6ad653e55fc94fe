//! Sets that are derived from one another again and again. How much is looked at is counted in `work_is_linear`.

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
    let mut all = db.browse::<Number>(Vec::<i32>::new());
    for id in 1..=2_000 {
        all = &all | &db.browse([id]);
    }
    assert_eq!(all.len(), 2_000);
    drop(all);
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
