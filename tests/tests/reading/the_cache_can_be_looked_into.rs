//! C1 and C2: get, set, entry and invalidate do what they say, ask nothing, and spread no further than named.

use std::time::Instant;

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn missing_null_and_absent_are_three_things() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let cache = db.cache();
    db.assert_queries(0, || {
        assert_eq!(cache.get(Partner::LANG, 1), None, "missing");
        assert_eq!(cache.get(Partner::LANG, 99), None, "never heard of");
    });
    db.browse::<Partner>([1, 3, 99]).prefetch()?;
    db.assert_queries(0, || {
        assert_eq!(cache.get(Partner::LANG, 1), Some(Some("en_US".into())));
        assert_eq!(cache.get(Partner::LANG, 3), Some(None), "NULL is a value");
        assert_eq!(cache.get(Partner::LANG, 99), None, "absent has none");
        assert!(db.record::<Partner>(99).lang().is_err_and(|error| error.is_missing_record()));
        assert_eq!(cache.get(Partner::NOTES, 1), None, "deferred: still missing");
    });
    Ok(())
}

#[test]
fn links_are_seen_as_keys() -> Result<()> {
    let db = TestDb::of_partners(40, 5);
    db.browse::<Partner>([1, 20]).prefetch()?;
    assert_eq!(db.cache().get(Partner::COUNTRY_ID, 1), Some(Some(1 + 7919 % 5)));
    assert_eq!(db.cache().get(Partner::COUNTRY_ID, 20), Some(None));
    db.cache().set(Partner::COUNTRY_ID, 20, Some(3));
    assert_eq!(db.cache().get(Partner::COUNTRY_ID, 20), Some(Some(3)));
    assert_eq!(db.record::<Partner>(20).country_id().name()?, Some("Country number 3".into()));
    Ok(())
}

#[test]
fn lists_are_seen_as_keys() -> Result<()> {
    let db = TestDb::of_partners(40, 5);
    assert_eq!(db.cache().get(Country::PARTNER_IDS, 1), None);
    db.cache().set(Country::PARTNER_IDS, 1, vec![3, 4]);
    assert_eq!(db.cache().get(Country::PARTNER_IDS, 1), Some(vec![3, 4]));
    assert_eq!(db.assert_queries(0, || db.record::<Country>(1).partner_ids().ids())?, [3, 4]);
    Ok(())
}

#[test]
fn what_is_put_is_as_if_loaded() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let cache = db.cache();
    let before = Instant::now();
    cache.set(Partner::NAME, 1, "one");
    cache.set(Partner::NAME, 2, String::from("two"));
    cache.set(Partner::NAME, 3, Str::from("three"));
    cache.set(Partner::LANG, 1, "fr");
    cache.set(Partner::CREDIT, 1, 2.5);
    cache.set(Partner::ACTIVE, 1, false);
    db.assert_queries(0, || {
        let one = db.record::<Partner>(1);
        assert_eq!(
            (one.name()?, one.lang()?, one.credit()?, one.active()?),
            ("one".into(), Some("fr".into()), 2.5, false)
        );
        assert_eq!(db.browse::<Partner>([3, 2]).name()?, ["three", "two"]);
        Ok::<_, Error>(())
    })?;
    let entry = cache.entry(Partner::NAME, 1).expect("an entry");
    assert_eq!(entry.value, "one");
    assert!(!entry.dirty);
    assert!(entry.loaded_at.elapsed() <= before.elapsed() + std::time::Duration::from_millis(1));
    // Again: the last one counts.
    cache.set(Partner::NAME, 1, "uno");
    assert_eq!(cache.get(Partner::NAME, 1), Some("uno".into()));
    assert_eq!(db.stats().values, 6);
    Ok(())
}

#[test]
fn many_at_once() {
    let db = TestDb::of_partners(10, 2);
    db.cache().set_many(Partner::NAME, [(1, "a"), (2, "b"), (1, "c")]);
    db.cache().set_many(Partner::NAME, Vec::<(i32, Str)>::new());
    assert_eq!(db.cache().get(Partner::NAME, 1), Some("c".into()));
    assert_eq!(db.cache().get(Partner::NAME, 2), Some("b".into()));
    assert_eq!(db.stats().records, 2);
}

#[test]
fn an_entry_knows_when_it_was_loaded() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    assert!(db.cache().entry(Partner::NAME, 1).is_none());
    db.record::<Partner>(1).name()?;
    let first = db.cache().entry(Partner::NAME, 1).expect("an entry").loaded_at;
    std::thread::sleep(std::time::Duration::from_millis(15));
    db.record::<Partner>(2).name()?;
    db.record::<Partner>(1).notes()?;
    let at = |field, key| db.cache().entry(field, key).expect("an entry").loaded_at;
    assert_eq!(at(Partner::NAME, 1), first, "a later load of a neighbour does not make it younger");
    assert!(at(Partner::NAME, 2) > first);
    Ok(())
}

#[test]
fn invalidation_drops_what_was_named_and_nothing_else() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    set.country_id().name()?;
    let full = db.stats().values;

    db.cache().invalidate(Partner::NAME, [2, 3, 99]);
    assert_eq!(db.stats().values, full - 2);
    let (_, statements) = db.watch(|| set.name());
    assert_eq!(
        (statements.len(), statements[0].keys(), statements[0].columns()),
        (1, vec!["2".into(), "3".into()], vec!["id", "name"])
    );

    db.cache().invalidate_field(Partner::NAME);
    assert_eq!(db.stats().values, full - 10);
    db.assert_queries(0, || set.email())?;
    db.assert_keys(&[10], || set.name())?;

    db.cache().invalidate_model::<Country>();
    assert_eq!(db.stats().model("Country").map(|model| model.values), Some(0));
    assert_eq!(db.stats().model("Partner").map(|model| model.values), Some(90));
    db.assert_queries(0, || set.country_id().ids())?;
    db.assert_keys(&[2], || set.country_id().name())?;

    db.cache().clear();
    assert_eq!((db.stats().values, db.stats().records), (0, 0));
    db.assert_keys(&[10, 2], || set.country_id().name())?;
    Ok(())
}

#[test]
fn clear_forgets_everything_and_handles_stay_usable() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    let record = set.get(4).expect("in range");
    let link = record.country_id();
    db.cache().clear();
    assert_eq!(db.stats().values, 0);
    assert_eq!(record.name()?, "Partner number 5");
    assert_eq!(link.name()?, Some("Country number 2".into()));
    assert_eq!(set.len(), 10);
    Ok(())
}

#[test]
fn the_cache_of_a_model_that_was_never_used_is_empty() {
    let db = TestDb::of_partners(1, 1);
    db.cache().invalidate_model::<Tag>();
    db.cache().invalidate_field(Tag::NAME);
    db.cache().invalidate(Tag::NAME, [1]);
    assert_eq!(db.cache().get(Tag::NAME, 1), None);
    assert_eq!(db.stats().values, 0);
}
