//! A stored value that follows from that of the parent, and so on: however deep the tree is, it is computed once for each record, and no stack
//! overflows.

use std::cell::Cell;

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::partners::series;
use orm_tests::{File, TestDb, test_db};

diesel::table! { links { id -> Integer, parent_id -> Nullable<Integer>, value -> BigInt, sum -> BigInt, head_id -> Nullable<Integer> } }

#[derive(Model)]
#[model(table = links)]
struct Link {
    id: i32,
    parent_id: Option<Id<Self>>,
    value: i64,
    #[model(compute = sum, stored, depends(parent_id.sum))]
    sum: Computed<i64>,
    #[model(compute = head, stored, depends(parent_id.head_id))]
    head_id: Computed<Option<Id<Self>>>,
}

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn sum(link: &Record<Link>) -> Result<i64> {
    CALLS.set(CALLS.get() + 1);
    Ok(link.value()? + link.parent_id().sum()?.unwrap_or(0))
}

fn head(link: &Record<Link>) -> Result<Option<Id<Link>>> {
    let above = link.parent_id().head_id().id()?;
    Ok(above.or(link.parent_id().id()?).map(Id::new))
}

fn chain(length: usize) -> TestDb {
    let db = test_db!(File::new(&format!(
        "CREATE TABLE links (id INTEGER PRIMARY KEY, parent_id INTEGER, value BIGINT NOT NULL, sum BIGINT NOT NULL, head_id INTEGER);
         INSERT INTO links SELECT value, CASE WHEN value > 1 THEN value - 1 END, 1, value, CASE WHEN value > 1 THEN 1 END FROM {};
         CREATE INDEX links_parent ON links (parent_id)",
        series(length)
    )));
    CALLS.set(0);
    db
}

#[track_caller]
fn assert_kept_up(db: &TestDb) {
    let off = db.file.values(
        "SELECT CAST(l.id AS CHAR(20)) AS value FROM links l LEFT JOIN links p ON p.id = l.parent_id
            WHERE l.sum <> l.value + COALESCE(p.sum, 0) OR COALESCE(l.head_id, 0) <> COALESCE(p.head_id, p.id, 0)",
    );
    assert_eq!(off, [""; 0]);
}

#[test]
fn a_chain_is_computed_once_each_from_its_beginning() -> Result<()> {
    const LENGTH: usize = 3000;
    let db = chain(LENGTH);
    db.record::<Link>(1).set_value(5)?;
    assert_eq!(CALLS.take(), LENGTH);
    assert_kept_up(&db);
    // Who is read first waits for all above it.
    db.transaction(|| {
        db.record::<Link>(1).set_value(6)?;
        assert_eq!(db.record::<Link>(LENGTH as i32).sum()?, LENGTH as i64 + 5);
        assert_eq!(CALLS.take(), LENGTH);
        Ok::<_, Error>(())
    })?;
    assert_eq!(CALLS.take(), 0);
    assert_kept_up(&db);
    // All get another head.
    db.record::<Link>(3).set_parent_id(None)?;
    assert_kept_up(&db);
    Ok(())
}
