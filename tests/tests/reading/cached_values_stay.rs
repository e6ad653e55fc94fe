//! P9: a batch never overwrites what is cached, and never asks for rows it needs nothing from.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn a_batch_does_not_overwrite() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::NAME, 3, "mine");
    let set = db.browse::<Partner>(1..=10);
    // The row of 3 is asked for: it lacks the address. Its name stays.
    let addresses = db.assert_keys(&[10], || set.email())?;
    assert_eq!(addresses[2], "partner3@example.com");
    let names = db.assert_queries(0, || set.name())?;
    assert_eq!(names[1..4], ["Partner number 2", "mine", "Partner number 4"]);
    Ok(())
}

#[test]
fn a_batch_does_not_ask_for_rows_that_have_the_value() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::NAME, 3, "mine");
    let (names, statements) = db.watch(|| db.browse::<Partner>(1..=10).name());
    assert_eq!(names?[2], "mine");
    assert_eq!(statements[0].keys(), ["1", "2", "4", "5", "6", "7", "8", "9", "10"]);
    Ok(())
}

#[test]
fn a_cached_null_is_a_value() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::LANG, 1, None::<Str>);
    let (langs, statements) = db.watch(|| db.browse::<Partner>(1..=2).lang());
    assert_eq!(langs?, [None, Some(Str::from("en_US"))]);
    assert_eq!(statements[0].keys(), ["2"]);
    Ok(())
}

#[test]
fn a_search_does_not_overwrite() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::NAME, 3, "mine");
    db.cache().set(Partner::COUNTRY_ID, 4, None);
    let set = partners::table.order(partners::id).records::<Partner>(&db)?;
    db.assert_queries(0, || {
        assert_eq!(set.name()?[2], "mine");
        assert_eq!(set.get(3).expect("in range").country_id().id()?, None);
        Ok(())
    })
}

#[test]
fn what_changed_elsewhere_is_seen_after_invalidation_only() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    db.file.run("UPDATE partners SET name = 'changed'");
    assert_eq!(db.all::<Partner>()?.name()?[0], "Partner number 1");
    assert_eq!(set.name()?[0], "Partner number 1");
    db.cache().invalidate(Partner::NAME, [1]);
    assert_eq!(set.name()?[..2], ["changed", "Partner number 2"]);
    Ok(())
}

#[test]
fn a_link_that_was_put_leads_where_it_says() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::COUNTRY_ID, 1, Some(2));
    db.cache().set(Country::NAME, 2, "mine");
    let partner = db.record::<Partner>(1);
    assert_eq!(db.assert_queries(0, || partner.country_id().name())?, Some("mine".into()));
    Ok(())
}
