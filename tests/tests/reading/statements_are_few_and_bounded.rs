//! P13: a statement's binds stay within the backend's limit, and batches of all sizes share few prepared statements.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::partners::*;
use orm_tests::{File, TestDb, on, test_db};

/// The texts of prefetches that diesel prepared and kept, each once
fn batch_texts(db: &TestDb) -> Vec<String> {
    let mut texts: Vec<_> =
        db.statements.prepared().into_iter().filter(|sql| sql.contains(" WHERE ")).collect();
    texts.sort();
    texts.dedup();
    texts
}

#[test]
fn batches_of_all_sizes_are_two_prepared_statements() -> Result<()> {
    let db = TestDb::of_partners(3_000, 10);
    for size in [1, 2, 3, 7, 64, 65, 500, 999, 1000, 1, 2, 3] {
        db.cache().clear();
        db.browse::<Partner>(1..=size).name()?;
    }
    let texts = batch_texts(&db);
    // MySQL has a bind for each key, their number rounded up to a power of two.
    let several = on!(sqlite 1, postgres 1, mysql 7);
    assert!(texts.len() <= 1 + several, "one for a single key, {several} for several: {texts:#?}");
    // Each was prepared once and then found again.
    let prepared = db.statements.prepared().len();
    assert_eq!(prepared, texts.len(), "{:#?}", db.statements.prepared());
    Ok(())
}

#[test]
fn a_loop_over_single_records_is_one_prepared_statement() -> Result<()> {
    let db = test_db!(File::of_partners(100, 10));
    for id in 1..=100 {
        db.record::<Partner>(id).name()?;
    }
    assert_eq!(batch_texts(&db).len(), 1);
    assert_eq!(db.statements.prepared().len(), 1);
    Ok(())
}

#[test]
fn a_limit_as_large_as_it_goes_stays_within_the_binds_of_sqlite() -> Result<()> {
    let db = test_db!(File::of_partners(40_000, 40_000), prefetch_limit(usize::MAX));
    let set = partners::table.record_ids::<Partner>(&db)?;
    let (_, statements) = db.watch(|| {
        set.iter().try_for_each(|partner| {
            partner.name()?;
            partner.country_id().name().map(drop)
        })
    });
    for statement in &statements {
        assert!(statement.binds.len() <= 32_766, "{} binds", statement.binds.len());
    }
    assert!(
        statements.len() <= 6,
        "{} statements for 40,000 partners and 38,000 countries",
        statements.len()
    );
    Ok(())
}

#[test]
fn forty_thousand_distinct_targets() -> Result<()> {
    let db = TestDb::of_partners(40_000, 40_000);
    let set = db.all::<Partner>()?;
    let (_, statements) =
        db.watch(|| set.iter().try_for_each(|partner| partner.country_id().name().map(drop)));
    assert_eq!(statements.len(), 38, "38,000 countries");
    assert!(
        statements.iter().all(|statement| statement.keys().len() == 1000 && statement.binds.len() <= 1024)
    );
    Ok(())
}

/// The binds of the one statement that reads these partners
#[track_caller]
fn binds(db: &TestDb, ids: &[i32]) -> Vec<String> {
    db.cache().clear();
    let (names, statements) = db.watch(|| db.browse::<Partner>(ids.iter().copied()).name());
    let expected: Vec<_> = ids.iter().map(|id| format!("Partner number {id}")).collect();
    assert_eq!(names.expect("the names"), expected);
    assert_eq!(statements.len(), 1, "{statements:?}");
    statements[0].binds.clone()
}

#[test]
#[cfg_attr(
    not(feature = "sqlite"),
    ignore = "an array, or a bind for each: only SQLite is asked for a range"
)]
fn keys_that_follow_each_other_are_asked_for_by_the_first_and_the_last() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    assert_eq!(binds(&db, &(1..=1_000).collect::<Vec<_>>()), ["1", "1000"]);
    assert_eq!(binds(&db, &[7, 8]), ["7", "8"]);
    // With a gap, out of order or alone they are named.
    assert_eq!(binds(&db, &[7, 8, 10]), ["\"[7,8,10]\""]);
    assert_eq!(binds(&db, &[8, 7]), ["\"[8,7]\""]);
    assert_eq!(binds(&db, &[7]), ["7"]);
    // The owners of a list too; the tenth is named, as it does not follow.
    let (_, statements) = db
        .watch(|| db.browse::<Country>([2, 3, 4]).iter().try_for_each(|c| c.partner_ids().load().map(drop)));
    assert_eq!(statements[0].binds, ["2", "4"]);
    let (_, statements) = db
        .watch(|| db.browse::<Country>([5, 6, 10]).iter().try_for_each(|c| c.partner_ids().len().map(drop)));
    assert_eq!(statements[0].binds, ["\"[5,6,10]\""]);
    Ok(())
}

#[test]
fn neither_end_of_the_numbers_is_stepped_over() -> Result<()> {
    let db = TestDb::of_partners(1, 1);
    db.file.run(&format!(
        "INSERT INTO countries VALUES ({}, 'last', 'L', NULL), ({}, 'first', 'F', NULL)",
        i32::MAX,
        i32::MIN
    ));
    let ends = db.browse::<Country>([i32::MAX, i32::MIN]);
    let names = db.assert_keys(&[2], || ends.name())?;
    assert_eq!(names, ["last", "first"]);
    Ok(())
}

#[test]
fn a_search_by_many_ids_is_the_applications_own_statement() -> Result<()> {
    let db = TestDb::of_partners(2_000, 10);
    let set = partners::table.filter(partners::id.eq_any(1..=2_000)).records::<Partner>(&db)?;
    assert_eq!(set.len(), 2_000);
    Ok(())
}

#[test]
fn a_limit_of_nothing_is_a_limit_of_one() -> Result<()> {
    let db = test_db!(File::of_partners(5, 1), prefetch_limit(0));
    db.assert_keys(&[1, 1, 1, 1, 1], || db.browse::<Partner>(1..=5).name()).map_err(|error: Error| error)?;
    Ok(())
}
