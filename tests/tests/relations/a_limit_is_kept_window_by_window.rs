//! `prefetch()` and batches under a limit: each window once, with all its columns, and not each column over all windows.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::{File, test_db};

/// Windows under a limit of 100 are half of it.
const WINDOWS: usize = 20;

#[test]
fn a_prefetch_is_a_select_a_window() -> Result<()> {
    let db = test_db!(File::of_partners(1000, 10), cache_limit(100));
    let set = partners::table.record_ids::<Partner>(&db.env)?;
    let (done, statements) = db.watch(|| set.prefetch());
    done?;
    assert_eq!(statements.len(), WINDOWS);
    let mut keys: Vec<_> = statements.iter().flat_map(|statement| statement.keys()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 1000, "each record once");
    assert!(
        statements.iter().all(|statement| statement.columns().len() == 10 && statement.keys().len() == 50)
    );
    assert!(db.stats().records <= 100);
    Ok(())
}

#[test]
fn a_batch_that_is_larger_than_the_limit() -> Result<()> {
    let db = test_db!(File::of_partners(1000, 10), cache_limit(100));
    // The keys, the windows of the batch, and those of the field that is read of all of them.
    db.assert_queries(1 + 2 * WINDOWS, || {
        db.env.in_batches(partners::table, 1000, |partners: RecordSet<'_, Partner>| {
            assert_eq!(partners.credit()?.len(), 1000);
            Ok(())
        })
    })
}

#[test]
fn without_a_limit_it_is_one_select() -> Result<()> {
    let db = test_db!(File::of_partners(1000, 10));
    let set = diesel::QueryDsl::order(partners::table, partners::id).record_ids::<Partner>(&db.env)?;
    db.assert_keys(&[1000], || set.prefetch())?;
    db.assert_queries(0, || set.prefetch())?;
    db.env.cache().invalidate(Partner::CITY, [3, 5]);
    db.env.cache().invalidate(Partner::EMAIL, [5, 8]);
    db.assert_keys(&[3], || set.prefetch())?;
    assert_eq!(set.city()?[4], "City 5");
    Ok(())
}

#[test]
fn rows_that_are_gone_are_asked_for_once() -> Result<()> {
    let db = test_db!(File::of_partners(10, 2));
    let set = db.env.browse::<Partner>([1, 77, 2, 1]);
    db.assert_keys(&[3], || set.prefetch())?;
    db.assert_queries(0, || set.prefetch())?;
    Ok(())
}

#[test]
fn a_prefetch_reads_again_what_is_too_old() -> Result<()> {
    let db = test_db!(File::of_partners(10, 2), max_age(std::time::Duration::from_millis(40)));
    let set = db.env.browse::<Partner>(1..=10);
    set.prefetch()?;
    std::thread::sleep(std::time::Duration::from_millis(80));
    db.assert_keys(&[10], || set.prefetch())
}
