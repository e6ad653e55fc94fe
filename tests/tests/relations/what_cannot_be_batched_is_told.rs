//! A read that falls back to one record again and again is an N+1 that could not be batched: a strict environment
//! refuses it and names the field; loops over sets never meet it. `assert_queries!` prints what was sent.

use orm_core::{Error, Result, assert_queries};
use orm_tests::partners::*;
use orm_tests::{File, TestDb, test_db};

#[test]
fn single_records_in_a_loop_are_refused() {
    let db = test_db!(File::of_partners(200, 10), strict());
    let read = || (1..=200).try_for_each(|id| db.record::<Partner>(id).name().map(drop));
    let error = read().expect_err("200 records, one by one");
    assert!(matches!(error, Error::Unbatched { model: "Partner", field: "name", .. }), "{error:?}");
    assert!(error.to_string().contains("Partner.name"), "{error}");
    assert!(db.stats().queries < 100, "before it hurts: {}", db.stats().queries);
}

#[test]
fn lenient_environments_read_on() -> Result<()> {
    let db = test_db!(File::of_partners(200, 10));
    db.assert_queries(200, || (1..=200).try_for_each(|id| db.record::<Partner>(id).name().map(drop)))
}

#[test]
fn loops_over_sets_are_fine() -> Result<()> {
    let db = test_db!(File::of_partners(2_000, 100), strict());
    for partner in &db.all::<Partner>()? {
        partner.country_id().name()?;
        partner.parent_id().name()?;
        partner.notes()?;
        partner.tag_ids().name()?;
        partner.child_ids().len()?;
    }
    let set = db.browse::<Partner>(1..=2_000);
    for i in 0..200 {
        set.slice(i * 10..i * 10 + 10).country_id().code()?;
    }
    Ok(())
}

#[test]
fn a_few_single_reads_are_fine() -> Result<()> {
    let db = test_db!(File::of_partners(200, 10), strict());
    for id in 1..=5 {
        db.record::<Partner>(id).country_id().name()?;
    }
    Ok(())
}

#[test]
fn assert_queries_counts_and_gives_the_result() -> Result<()> {
    let db = TestDb::of_partners(20, 2);
    let names = assert_queries!(db.env, 2, { db.all::<Partner>()?.country_id().name()? });
    assert_eq!(names.len(), 2);
    assert_queries!(db.env, 0, {});
    Ok(())
}

#[test]
fn assert_queries_prints_the_statements() {
    let db = TestDb::of_partners(20, 2);
    let work = std::panic::AssertUnwindSafe(|| {
        assert_queries!(db.env, 1, {
            db.all::<Partner>().expect("partners").country_id().name().expect("countries");
        });
    });
    let panic = std::panic::catch_unwind(work).expect_err("two were sent");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains('1') && message.contains('2'), "{message}");
    assert!(message.contains("partners") && message.contains("countries"), "{message}");
}
