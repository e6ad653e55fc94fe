//! C5: queries, hits, misses, records, values and bytes are what was really done and is really held.

use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn nothing_was_done() {
    let db = TestDb::of_partners(1, 1);
    let stats = db.stats();
    assert_eq!(
        (stats.queries, stats.hits, stats.misses, stats.records, stats.values, stats.evictions),
        (0, 0, 0, 0, 0, 0)
    );
    assert!(stats.models.is_empty());
}

#[test]
fn a_search_is_neither_hit_nor_miss() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.all::<Partner>()?;
    let stats = db.stats();
    assert_eq!((stats.queries, stats.hits, stats.misses, stats.records, stats.values), (1, 0, 0, 10, 90));
    Ok(())
}

#[test]
fn a_read_is_a_hit_or_a_miss() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.browse::<Partner>(1..=10);
    set.get(0).expect("in range").name()?;
    let stats = db.stats();
    assert_eq!((stats.queries, stats.hits, stats.misses), (1, 0, 1), "the first read asks the database");
    set.iter().try_for_each(|partner| partner.name().map(drop))?;
    let stats = db.stats();
    assert_eq!((stats.queries, stats.hits, stats.misses), (1, 10, 1), "ten reads that do not");
    Ok(())
}

#[test]
fn by_model_and_field() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    for partner in &set {
        partner.name()?;
        partner.country_id().name()?;
    }
    set.first().expect("one").notes()?;
    let stats = db.stats();
    let partner = stats.model("Partner").expect("used");
    let country = stats.model("Country").expect("used");
    let field = |model: &orm_core::ModelStats, name: &str| {
        let field = model.fields.iter().find(|field| field.name == name).expect("a field").clone();
        (field.values, field.hits, field.misses)
    };
    assert_eq!(field(partner, "name"), (10, 10, 0));
    assert_eq!(field(partner, "country_id"), (10, 10, 0));
    assert_eq!(field(partner, "notes"), (10, 0, 1));
    assert_eq!(field(partner, "lang"), (10, 0, 0));
    assert_eq!(field(country, "name"), (2, 9, 1), "one miss for all ten, nine hits");
    assert_eq!((partner.records, partner.values), (10, 100));
    assert_eq!((country.records, country.values), (2, 6));
    assert_eq!((stats.queries, stats.records, stats.values), (3, 12, 106));
    assert_eq!(stats.hits, stats.models.iter().map(|model| model.hits).sum::<usize>());
    assert!(stats.model("Tag").is_none() || stats.model("Tag").is_some_and(|tag| tag.values == 0));
    Ok(())
}

#[test]
fn a_missing_record_is_a_miss_each_time_and_a_query_once() {
    let db = TestDb::of_partners(10, 2);
    for _ in 0..3 {
        assert!(db.record::<Partner>(99).name().is_err());
    }
    let stats = db.stats();
    assert_eq!((stats.queries, stats.hits, stats.records, stats.values), (1, 0, 0, 0));
}

#[test]
fn values_that_go_are_not_counted() -> Result<()> {
    let db = TestDb::of_partners(200, 2);
    db.all::<Partner>()?;
    let full = db.stats();
    assert!(full.bytes > 200 * 100, "{} bytes", full.bytes);
    db.cache().invalidate(Partner::NAME, 1..=100);
    assert_eq!(db.stats().values, full.values - 100);
    assert_eq!(db.stats().records, 200, "they have other values");
    db.cache().invalidate_all();
    let empty = db.stats();
    assert_eq!((empty.records, empty.values), (0, 0));
    assert!(empty.bytes < full.bytes / 4, "{} of {} bytes", empty.bytes, full.bytes);
    assert_eq!((empty.queries, empty.hits, empty.misses), (full.queries, full.hits, full.misses));
    Ok(())
}

#[test]
fn cache_stats_are_the_environments() -> Result<()> {
    let db = TestDb::of_partners(5, 1);
    db.all::<Partner>()?.name()?;
    assert_eq!(db.cache().stats(), db.stats());
    Ok(())
}
