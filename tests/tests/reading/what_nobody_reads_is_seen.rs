//! `stats().unread()`: the columns that searches and batches brought and nobody read, with their values and bytes.

use orm_core::prelude::*;
use orm_core::{Result, Stats};
use orm_tests::database::File;
use orm_tests::partners::*;
use orm_tests::{TestDb, test_db};

/// Model, field and values, in the order of the names
fn unread(stats: &Stats) -> Vec<(String, usize)> {
    let mut unread: Vec<_> = stats
        .unread()
        .into_iter()
        .map(|unread| (format!("{}.{}", unread.model, unread.field), unread.values))
        .collect();
    unread.sort();
    unread
}

fn named(names: &[&str], values: usize) -> Vec<(String, usize)> {
    names.iter().map(|name| ((*name).to_owned(), values)).collect()
}

#[test]
fn nothing_was_brought() {
    let db = TestDb::of_partners(10, 2);
    assert!(db.stats().unread().is_empty());
}

#[test]
fn what_a_search_brought_until_it_is_read() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let set = db.all::<Partner>()?;
    assert_eq!(db.stats().unread().len(), 9);
    for partner in &set {
        partner.name()?;
        partner.country_id().name()?;
    }
    let mut expected = named(
        &[
            "Partner.active",
            "Partner.city",
            "Partner.credit",
            "Partner.email",
            "Partner.lang",
            "Partner.parent_id",
            "Partner.phone",
        ],
        100,
    );
    expected.splice(0..0, named(&["Country.code", "Country.continent_id"], 10));
    assert_eq!(unread(&db.stats()), expected);
    // One read is enough: a batch brings a column for the sake of one record and of those around it.
    set.first().expect("one").email()?;
    set.last().expect("one").parent_id().id()?;
    expected.retain(|(name, _)| name != "Partner.email" && name != "Partner.parent_id");
    assert_eq!(unread(&db.stats()), expected);
    Ok(())
}

#[test]
fn the_bytes_are_those_that_the_column_took() -> Result<()> {
    let db = TestDb::of_partners(1000, 10);
    db.all::<Partner>()?.name()?;
    let stats = db.stats();
    let partner = stats.model("Partner").expect("used");
    let field = |name: &str| partner.fields.iter().find(|field| field.name == name).expect("a field");
    let unread = stats.unread();
    assert!(unread.is_sorted_by_key(|unread| std::cmp::Reverse(unread.bytes)), "the largest first");
    for unread in &unread {
        let table = field(unread.field).bytes - unread.bytes;
        assert_eq!(unread.bytes, field(unread.field).brought_bytes);
        // Beside the values there is a table of the pages, a pointer for 64 records.
        assert!(table <= 32 * size_of::<usize>(), "{} bytes of {} are not values", table, unread.field);
    }
    assert_eq!(field("email").brought, 1000);
    assert!(field("email").brought_bytes > 1000 * "partner1@example.com".len());
    Ok(())
}

#[test]
fn a_batch_brings_more_than_was_asked_for() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    partners::table.record_ids::<Partner>(&db.env)?.name()?;
    let stats = db.stats();
    assert!(unread(&stats).contains(&("Partner.email".to_owned(), 100)));
    assert!(!unread(&stats).iter().any(|(name, _)| name == "Partner.name"), "the miss was its read");
    Ok(())
}

#[test]
fn naming_the_fields_leaves_nothing_unread() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let set =
        partners::table.records_with_fields::<Partner>(&db.env, (Partner::NAME, Partner::COUNTRY_ID))?;
    set.iter().try_for_each(|partner| {
        partner.name()?;
        partner.country_id().id().map(drop)
    })?;
    assert_eq!(unread(&db.stats()), []);
    Ok(())
}

#[test]
fn what_was_dropped_still_counts() -> Result<()> {
    let db = test_db!(File::of_partners(1000, 10), cache_limit(100));
    partners::table.record_ids::<Partner>(&db.env)?.name()?;
    db.cache().clear();
    let stats = db.stats();
    assert_eq!(stats.values, 0);
    let email = stats.unread().into_iter().find(|unread| unread.field == "email").expect("it was brought");
    assert_eq!(email.values, 1000);
    assert!(email.bytes > 20_000);
    Ok(())
}

#[test]
fn what_was_put_there_was_not_brought() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.cache().set(Partner::CITY, 1, "Gent");
    db.create(Tag::values().name("new"))?;
    assert!(db.stats().unread().is_empty());
    // What is cached is left as it is, and so is not brought again.
    db.cache().set_many(Partner::CITY, (2..=4).map(|id| (id, "Gent")));
    db.all::<Partner>()?;
    assert!(unread(&db.stats()).contains(&("Partner.city".to_owned(), 6)));
    Ok(())
}

#[test]
fn what_says_whose_a_member_is_was_needed() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    db.all::<Country>()?.partner_ids().name()?;
    let unread = unread(&db.stats());
    assert!(unread.iter().any(|(name, _)| name == "Partner.email"));
    assert!(!unread.iter().any(|(name, _)| name == "Partner.country_id"), "{unread:?}");
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn what_came_before_a_fault_counts() {
    let file = File::of_partners(10, 2);
    file.run("UPDATE partners SET id = 5000000000 WHERE id = 10");
    let db = test_db!(file);
    assert!(db.all::<Partner>().is_err());
    let stats = db.stats();
    let partner = stats.model("Partner").expect("used");
    let brought: usize = partner.fields.iter().map(|field| field.brought).sum();
    assert_eq!(brought, stats.values);
    assert!(brought >= 4 * 9);
}
