//! P4: the key behind a to-one link costs nothing; its first other read loads the distinct missing targets of the set.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::{File, TestDb, test_db};

#[test]
fn the_key_behind_a_link_costs_nothing() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let found = partners::table.order(partners::id).records::<Partner>(&db)?;
    db.assert_queries(0, || {
        for partner in &found {
            let id = partner.id();
            let expected = (id % 20 != 0).then_some(1 + id * 7919 % 10);
            assert_eq!(partner.country_id().id()?, expected);
            assert_eq!(partner.country_id().load()?.map(|country| country.id()), expected);
        }
        Ok(())
    })
}

#[test]
fn the_first_read_loads_the_distinct_targets_of_the_whole_set() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    let found = partners::table.order(partners::id).records::<Partner>(&db)?;
    let first = found.first().expect("there are some").country_id();
    db.assert_keys(&[50], || first.name())?;
    db.assert_queries(0, || found.country_id().name())?;
    Ok(())
}

#[test]
fn a_thousand_distinct_targets_at_a_time() -> Result<()> {
    let db = TestDb::of_partners(2_500, 2_500);
    let found = partners::table.order(partners::id).records::<Partner>(&db)?;
    // One in twenty links nowhere.
    let walk = || found.iter().try_for_each(|partner| partner.country_id().name().map(drop));
    db.assert_keys(&[1000, 1000, 375], walk)?;
    db.assert_queries(0, walk)
}

#[test]
fn targets_that_are_cached_are_not_asked_for() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    countries::table.filter(countries::id.le(20)).records::<Country>(&db)?;
    let found = db.all::<Partner>()?;
    db.assert_keys(&[30], || found.iter().try_for_each(|partner| partner.country_id().name().map(drop)))?;
    // All of them: nothing left to ask.
    let others = partners::table.filter(partners::id.gt(250)).records::<Partner>(&db)?;
    db.assert_queries(0, || others.country_id().name())?;
    Ok(())
}

#[test]
fn each_level_is_one_select() -> Result<()> {
    let db = TestDb::of_partners(1_000, 50);
    let walk = |found: &RecordSet<'_, Partner>| {
        found.iter().try_for_each(|partner| {
            partner.name()?;
            partner.country_id().code()?;
            partner.country_id().continent_id().name().map(drop)
        })
    };
    let found = db.assert_queries(1, || db.all::<Partner>())?;
    db.assert_keys(&[50, 5], || walk(&found))?;
    db.assert_queries(0, || walk(&found))
}

#[test]
fn a_long_chain_from_one_record_first_reads_every_level() -> Result<()> {
    let db = TestDb::of_partners(1_000, 50);
    let found = db.all::<Partner>()?;
    // Not read level by level: the very first read goes through two links that are not cached.
    db.assert_keys(&[50, 5], || found.get(7).expect("in range").country_id().continent_id().name())?;
    db.assert_queries(0, || found.country_id().continent_id().name())?;
    Ok(())
}

#[test]
fn of_keys_only_a_thousand_parents_come_and_then_their_targets() -> Result<()> {
    let db = TestDb::of_partners(2_500, 2_500);
    let found = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    // Two thousand partners, until there are a thousand countries to be read.
    db.assert_keys(&[1000, 1000, 1000, 500, 1000, 375], || {
        found.iter().try_for_each(|partner| {
            partner.name()?;
            partner.country_id().name().map(drop)
        })
    })
}

#[test]
fn a_link_that_is_not_cached_is_read_with_its_set() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let found = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    let link = found.first().expect("there are some").country_id();
    db.assert_keys(&[100, 10], || link.name())?;
    Ok(())
}

#[test]
fn the_secondary_set_outlives_its_origin() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    let mut links = Vec::new();
    for partner in &db.all::<Partner>()? {
        links.push(partner.country_id());
    }
    db.assert_keys(&[50], || links.iter().try_for_each(|country| country.name().map(drop)))
}

#[test]
fn loaded_targets_still_belong_together() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    let found = db.all::<Partner>()?;
    let countries = found.map(|partner| partner.country_id().load())?;
    drop(found);
    db.assert_keys(&[50, 5], || {
        countries.iter().flatten().try_for_each(|country| {
            country.name()?;
            country.continent_id().name().map(drop)
        })
    })
}

#[test]
fn links_of_a_set_are_the_distinct_targets_in_order_of_first_appearance() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    let found = db.browse::<Partner>([20, 3, 1, 53, 2]);
    // 53 links where 3 does, 20 nowhere.
    let expected: Vec<i32> = [3, 1, 2].iter().map(|id| 1 + id * 7919 % 50).collect();
    assert_eq!(db.assert_keys(&[5], || found.country_id().ids())?, expected);
    assert_eq!(db.assert_keys(&[3], || found.country_id().name())?.len(), 3);
    assert_eq!(db.assert_queries(0, || found.country_id().load())?.len(), 3);
    Ok(())
}

#[test]
fn a_record_alone_reads_its_own_target_alone() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let alone = db.record::<Partner>(1);
    db.assert_keys(&[1, 1], || alone.country_id().name())?;
    Ok(())
}

#[test]
fn the_targets_window_can_be_set_too() -> Result<()> {
    let db = test_db!(File::of_partners(500, 50), prefetch_limit(20));
    let found = db.all::<Partner>()?;
    db.assert_keys(&[20, 20, 10], || {
        found.iter().try_for_each(|partner| partner.country_id().name().map(drop))
    })
}

#[test]
fn two_loops_over_two_links_do_not_disturb_each_other() -> Result<()> {
    let db = TestDb::of_partners(300, 30);
    let found = db.all::<Partner>()?;
    db.assert_keys(&[30], || {
        found.iter().try_for_each(|partner| {
            // Parents are among the partners that are cached already.
            partner.parent_id().name()?;
            partner.parent_id().country_id().name()?;
            partner.country_id().name().map(drop)
        })
    })
}
