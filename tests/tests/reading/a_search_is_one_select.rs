//! P1: a search brings keys and all prefetchable columns; `record_ids` brings keys only.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

const PREFETCHABLE: [&str; 10] =
    ["id", "name", "lang", "email", "phone", "city", "active", "credit", "country_id", "parent_id"];

#[test]
fn a_search_brings_all_prefetchable_columns() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let (found, statements) = db.watch(|| partners::table.order(partners::id).records::<Partner>(&db));
    let found = found?;
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].columns(), PREFETCHABLE);
    db.assert_queries(0, || {
        for partner in &found {
            partner.id();
            partner.name()?;
            partner.lang()?;
            partner.email()?;
            partner.phone()?;
            partner.city()?;
            partner.active()?;
            partner.credit()?;
            partner.country_id().id()?;
            partner.parent_id().id()?;
        }
        Ok(())
    })
}

#[test]
fn a_deferred_column_is_not_among_them() -> Result<()> {
    let db = TestDb::of_partners(3, 1);
    let (_, statements) = db.watch(|| db.all::<Partner>());
    assert!(!statements[0].columns().contains(&"notes"), "{statements:?}");
    Ok(())
}

#[test]
fn record_ids_brings_keys_only() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let (found, statements) =
        db.watch(|| partners::table.order(partners::id.desc()).record_ids::<Partner>(&db));
    let found = found?;
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].columns(), ["id"]);
    assert_eq!(db.stats().values, 0);
    db.assert_queries(0, || {
        assert_eq!(found.len(), 100);
        assert_eq!(found.ids(), (1..=100).rev().collect::<Vec<_>>());
        assert_eq!(found.get(0).map(|partner| partner.id()), Some(100));
        Ok(())
    })
}

#[test]
fn keys_and_sets_that_are_named_ask_nothing() -> Result<()> {
    let db = TestDb::of_partners(10, 1);
    db.assert_queries(0, || {
        assert_eq!(db.record::<Partner>(7).id(), 7);
        assert_eq!(db.browse::<Partner>([3, 1, 2]).ids(), [3, 1, 2]);
        assert_eq!(db.browse::<Partner>([3, 1, 2]).id()?, [3, 1, 2]);
        Ok(())
    })
}

#[test]
fn a_search_that_finds_nothing_is_one_select_and_an_empty_set() -> Result<()> {
    let db = TestDb::of_partners(10, 1);
    let none =
        db.assert_queries(1, || partners::table.filter(partners::id.gt(99)).records::<Partner>(&db))?;
    db.assert_queries(0, || {
        assert!(none.is_empty());
        assert_eq!(none.name()?, Vec::<Str>::new());
        assert_eq!(none.country_id().continent_id().name()?, Vec::<Str>::new());
        assert_eq!(none.country_id().load()?.len(), 0);
        none.prefetch()
    })
}

#[test]
fn the_seeds_loop_is_two_selects() -> Result<()> {
    let db = TestDb::of_partners(1_000, 250);
    let total = db.assert_keys(&[0, 250], || {
        let mut total = 0;
        for partner in &partners::table.records::<Partner>(&db)? {
            total += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
        }
        Ok::<_, Error>(total)
    })?;
    assert!(total > 20_000);
    Ok(())
}
