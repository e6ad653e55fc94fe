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

/// Hits and misses of one field
fn reads(db: &TestDb, model: &str, field: &str) -> (usize, usize) {
    let stats = db.stats();
    let fields = stats.model(model).map_or(&[][..], |model| &model.fields);
    fields.iter().find(|stats| stats.name == field).map_or((0, 0), |stats| (stats.hits, stats.misses))
}

#[test]
fn a_list_is_read_as_any_field() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    // Record by record: the first asks for all, nine find theirs.
    set.iter().try_for_each(|partner| partner.tag_ids().ids().map(drop))?;
    assert_eq!(reads(&db, "Partner", "tag_ids"), (9, 1));
    // Whatever is read of it, and of the members their own.
    for partner in &set {
        partner.tag_ids().load()?;
        partner.tag_ids().len()?;
        partner.tag_ids().is_empty()?;
        partner.tag_ids().ids()?;
    }
    assert_eq!(reads(&db, "Partner", "tag_ids"), (9 + 40, 1));
    assert_eq!(reads(&db, "Tag", "name"), (0, 0));
    let names: usize =
        set.iter().map(|partner| partner.tag_ids().name().map(|names| names.len())).sum::<Result<_>>()?;
    assert_eq!(reads(&db, "Partner", "tag_ids"), (9 + 50, 1));
    // The members of the first list are loaded with their first name.
    assert_eq!(reads(&db, "Tag", "name"), (names - 1, 1));
    Ok(())
}

#[test]
fn so_is_a_link_or_list_of_a_whole_set() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    set.tag_ids().ids()?;
    assert_eq!(reads(&db, "Partner", "tag_ids"), (9, 1));
    set.tag_ids().ids()?;
    assert_eq!(reads(&db, "Partner", "tag_ids"), (19, 1));
    set.country_id().ids()?;
    assert_eq!(reads(&db, "Partner", "country_id"), (10, 0), "they came with the search");
    // What is asked for by hand is not read yet.
    set.prefetch_field(Partner::CHILD_IDS)?;
    assert_eq!(reads(&db, "Partner", "child_ids"), (0, 0));
    set.child_ids().ids()?;
    assert_eq!(reads(&db, "Partner", "child_ids"), (10, 0));
    // Windows of four: three SELECTs, three reads that had to ask.
    let db = orm_tests::test_db!(orm_tests::File::of_partners(10, 2), prefetch_limit(4));
    let set = db.all::<Partner>()?;
    db.assert_queries(3, || set.tag_ids().ids())?;
    assert_eq!(reads(&db, "Partner", "tag_ids"), (7, 3));
    Ok(())
}

#[test]
fn so_is_a_count_without_its_list() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    for _ in 0..2 {
        db.all::<Partner>()?.iter().try_for_each(|partner| partner.child_ids().len().map(drop))?;
    }
    assert_eq!(reads(&db, "Partner", "child_ids"), (19, 1));
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
    db.cache().clear();
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
