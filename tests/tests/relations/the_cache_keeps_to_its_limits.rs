//! C3 and C4: a limit holds, least recently used pages leave first, a handle to an evicted record reads again; a value
//! older than `max_age` is missing. Heavy rows come in batches bounded by bytes.

use std::time::Duration;

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::{File, TestDb, on, test_db};

/// What a test does while a value is young: a file is asked at once, a server writes to its disk, and others ask it, too.
const WHILE: Duration = Duration::from_millis(on!(sqlite 50, postgres 500, mysql 500));

fn walk(set: &RecordSet<'_, Partner>) -> Result<usize> {
    let mut total = 0;
    for partner in set {
        total += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(total)
}

#[test]
fn a_limit_of_records_holds_after_every_read() -> Result<()> {
    for limit in [100, 1_000, 3_000] {
        let db = test_db!(File::of_partners(10_000, 50), cache_limit(limit));
        let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
        for (i, partner) in set.iter().enumerate() {
            partner.name()?;
            if i % 100 == 0 {
                partner.country_id().name()?;
                let records = db.stats().records;
                assert!(records <= limit, "{records} records under a limit of {limit}, after {i}");
            }
        }
        assert!(db.stats().evictions >= 10_000 - limit, "{}", db.stats().evictions);
    }
    Ok(())
}

#[test]
fn a_walk_under_a_limit_gives_the_same_and_costs_few_queries() -> Result<()> {
    let free = TestDb::of_partners(10_000, 50);
    let expected = walk(&free.all()?)?;
    let db = test_db!(free.file, cache_limit(2_000));
    let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    let (total, statements) = db.watch(|| walk(&set));
    assert_eq!(total?, expected);
    assert!(statements.len() <= 10 + 10 + 5, "{} statements", statements.len());
    // The same through a search, of which only what has a place is kept.
    let db = test_db!(db.file, cache_limit(2_000));
    let set = db.all::<Partner>()?;
    assert!(db.stats().records <= 2_000);
    let (total, statements) = db.watch(|| walk(&set));
    assert_eq!(total?, expected);
    assert!(statements.len() <= 10 + 10 + 5, "{} statements", statements.len());
    Ok(())
}

#[test]
fn what_was_used_last_stays() -> Result<()> {
    let db = test_db!(File::of_partners(5_000, 2), cache_limit(1_024));
    let hot = db.browse::<Partner>(1..=64);
    hot.name()?;
    for start in (1_000..5_000).step_by(500) {
        db.browse::<Partner>(start..start + 500).name()?;
        db.assert_queries(0, || hot.name())?;
    }
    // What was not used for long is gone.
    let cold = db.browse::<Partner>(1_000..1_064);
    db.assert_queries(1, || cold.name())?;
    Ok(())
}

#[test]
fn a_list_that_was_used_last_stays() -> Result<()> {
    let db = test_db!(File::of_partners(5_000, 2), cache_limit(1_024));
    let hot = db.browse::<Partner>(1..=64);
    hot.tag_ids().ids()?;
    for start in (1_000..5_000).step_by(500) {
        db.browse::<Partner>(start..start + 500).name()?;
        db.assert_queries(0, || hot.tag_ids().ids())?;
    }
    Ok(())
}

#[test]
fn a_list_whose_length_was_asked_for_last_stays() -> Result<()> {
    let db = test_db!(File::of_partners(5_000, 2), cache_limit(1_024));
    let hot = db.browse::<Partner>(1..=64);
    hot.tag_ids().ids()?;
    let lengths = || hot.iter().try_for_each(|partner| partner.tag_ids().len().map(drop));
    for start in (1_000..5_000).step_by(500) {
        db.browse::<Partner>(start..start + 500).name()?;
        // What is read record by record is read as late as the last SELECT.
        db.record::<Country>(1).exists()?;
        db.assert_queries(0, lengths)?;
    }
    Ok(())
}

#[test]
fn what_was_read_last_stays_under_a_limit_that_is_set_later() -> Result<()> {
    let db = TestDb::of_partners(2_000, 2);
    let hot = db.browse::<Partner>(1..=64);
    hot.name()?;
    db.browse::<Partner>(1_000..2_000).name()?;
    // What is read record by record is read as late as the last SELECT.
    db.record::<Country>(1).exists()?;
    // One by one and twice: the first read of a page in a turn is another way through the code than the next.
    let hits = db.stats().hits;
    for _ in 0..2 {
        hot.iter().try_for_each(|partner| partner.name().map(drop))?;
    }
    assert_eq!(db.stats().hits, hits + 128);
    db.cache().set_limit(128);
    db.assert_queries(0, || hot.iter().try_for_each(|partner| partner.name().map(drop)))
}

#[test]
fn a_handle_to_an_evicted_record_reads_again() -> Result<()> {
    let db = test_db!(File::of_partners(2_000, 2), cache_limit(100));
    let set = db.browse::<Partner>(1..=2_000);
    let handles: Vec<_> = set.iter().collect();
    let links: Vec<_> = handles.iter().map(|partner| partner.country_id()).collect();
    for index in [0, 1_999, 1_000, 0, 1_999] {
        assert_eq!(handles[index].name()?, format!("Partner number {}", index + 1));
        assert_eq!(links[index].name()?.is_some(), (index + 1) % 20 != 0);
    }
    Ok(())
}

#[test]
fn a_limit_set_later_drops_at_once_and_raised_it_fills_again() -> Result<()> {
    let db = TestDb::of_partners(5_000, 2);
    let set = db.all::<Partner>()?;
    assert_eq!(db.stats().records, 5_000);
    db.cache().set_limit(500);
    assert!(db.stats().records <= 500, "{}", db.stats().records);
    assert_eq!(db.stats().evictions, 5_000 - db.stats().records);
    db.cache().set_limit(10_000);
    assert_eq!(set.name()?.len(), 5_000);
    assert_eq!(db.stats().records, 5_000);
    Ok(())
}

#[test]
fn a_limit_smaller_than_one_batch_still_reads_everything() -> Result<()> {
    for limit in [1, 2, 10] {
        let db = test_db!(File::of_partners(200, 7), cache_limit(limit));
        let set = db.browse::<Partner>(1..=200);
        for partner in &set {
            assert_eq!(partner.name()?, format!("Partner number {}", partner.id()));
            assert_eq!(partner.country_id().id()?.is_some(), partner.id() % 20 != 0);
        }
        assert!(db.stats().records <= limit.max(1), "{} under {limit}", db.stats().records);
    }
    Ok(())
}

#[test]
fn values_that_are_put_count_too() {
    let db = test_db!(File::of_partners(1, 1), cache_limit(64));
    for id in 1..=1_000 {
        db.cache().set(Partner::NAME, id, "put");
    }
    assert!(db.stats().records <= 64, "{}", db.stats().records);
    assert_eq!(db.cache().get(Partner::NAME, 1_000), Some("put".into()), "the last one is there");
}

#[test]
fn a_limit_of_bytes_holds() -> Result<()> {
    let free = TestDb::of_partners(5_000, 50);
    walk(&free.all()?)?;
    let limit = free.stats().bytes / 4;
    let db = test_db!(free.file, cache_bytes(limit), prefetch_limit(200));
    let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    for (i, partner) in set.iter().enumerate() {
        partner.name()?;
        partner.country_id().name()?;
        if i % 250 == 0 {
            assert!(
                db.stats().bytes <= limit,
                "{} bytes under a limit of {limit}, after {i}",
                db.stats().bytes
            );
        }
    }
    assert!(db.stats().evictions > 0);
    Ok(())
}

#[test]
fn lists_are_read_under_a_limit_too() -> Result<()> {
    let db = test_db!(File::of_partners(2_000, 40), cache_limit(200));
    let countries = db.all::<Country>()?;
    let mut count = 0;
    for country in &countries {
        for partner in &country.partner_ids().load()? {
            assert_eq!(partner.country_id().id()?, Some(country.id()));
            count += 1;
        }
        assert!(db.stats().records <= 200, "{}", db.stats().records);
    }
    assert_eq!(count, 1_900);
    Ok(())
}

#[test]
fn a_search_drops_no_more_than_it_needs() -> Result<()> {
    let db = test_db!(File::of_partners(2_000, 2), cache_limit(300));
    let known = db.browse::<Partner>(1..=200);
    known.name()?;
    // Ten more find place beside them.
    let ten = partners::table.filter(partners::id.gt(1_990)).records::<Partner>(&db)?;
    db.assert_queries(0, || (&ten | &known).name())?;
    assert_eq!((db.stats().records, db.stats().evictions), (210, 0));
    // A hundred and forty do not, by fifty. What was used longest ago goes, in pages of 64: the first of the 200.
    let more = partners::table.filter(partners::id.between(1_001, 1_140)).records::<Partner>(&db)?;
    assert_eq!((db.stats().records, db.stats().evictions), (350 - 64, 64));
    db.assert_queries(0, || (&(&more | &ten) | &known.slice(64..)).name())?;
    Ok(())
}

#[test]
fn of_a_search_that_finds_too_much_as_much_is_kept_as_fits() -> Result<()> {
    for limit in [1, 100, 300, 1_000] {
        let db = test_db!(File::of_partners(2_000, 2), cache_limit(limit));
        let set = db.all::<Partner>()?;
        assert_eq!(db.stats().records, limit);
        db.assert_queries(0, || set.slice(..limit).name())?;
        // The same when others had to leave for it, and for what a link of many leads to.
        partners::table.order(partners::id.desc()).records::<Partner>(&db)?;
        assert_eq!(db.stats().records, limit);
    }
    let db = test_db!(File::of_partners(2_000, 2), cache_limit(300));
    assert_eq!(db.record::<Country>(1).partner_ids().load()?.len(), 900);
    assert_eq!(db.stats().records, 300);
    Ok(())
}

#[test]
fn older_than_max_age_is_missing() -> Result<()> {
    let age = 3 * WHILE;
    let db = test_db!(File::of_partners(10, 2), max_age(age));
    let set = db.browse::<Partner>(1..=10);
    set.name()?;
    db.file.run("UPDATE partners SET name = 'new'; UPDATE countries SET name = 'new'");
    assert_eq!(db.assert_queries(0, || set.name())?[0], "Partner number 1");
    std::thread::sleep(age + Duration::from_millis(20));
    // All at once, not one by one.
    assert_eq!(db.assert_keys(&[10], || set.name())?, vec!["new"; 10]);
    db.assert_queries(0, || set.name())?;
    Ok(())
}

#[test]
fn max_age_holds_for_links_lists_and_absent_rows() -> Result<()> {
    let db = test_db!(File::of_partners(40, 4), max_age(Duration::from_millis(60)));
    let (partner, country, late) =
        (db.record::<Partner>(1), db.record::<Country>(2), db.record::<Partner>(41));
    assert_eq!(partner.country_id().name()?, Some("Country number 4".into()));
    let members = country.partner_ids().len()?;
    assert_eq!(country.partner_ids().ids()?.len(), members);
    assert!(late.name().is_err());
    db.file.run("INSERT INTO partners SELECT 41, name, lang, email, phone, city, active, credit, 2, parent_id, notes FROM partners WHERE id = 1;
        UPDATE partners SET country_id = 2 WHERE id = 1");
    std::thread::sleep(Duration::from_millis(80));
    assert_eq!(partner.country_id().name()?, Some("Country number 2".into()));
    assert_eq!(country.partner_ids().len()?, members + 2);
    assert_eq!(country.partner_ids().ids()?.len(), members + 2);
    assert_eq!(late.name()?, "Partner number 1");
    Ok(())
}

#[test]
fn that_a_row_does_not_exist_is_no_longer_known_than_a_value() -> Result<()> {
    let db = test_db!(File::of_partners(3, 1), max_age(8 * WHILE));
    let (late, never) = (db.record::<Partner>(4), db.record::<Partner>(5));
    // Nothing else of the model is cached or read, so nothing else can tell that time has passed.
    assert!(db.assert_keys(&[1], || late.name()).is_err_and(|error| error.is_missing_record()));
    std::thread::sleep(5 * WHILE);
    assert!(db.assert_keys(&[1], || never.name()).is_err());
    db.file.run("INSERT INTO partners SELECT 4, 'late', lang, email, phone, city, active, credit, country_id, parent_id, notes FROM partners WHERE id = 1");
    assert!(db.assert_queries(0, || late.name()).is_err(), "not as old as it may be");
    std::thread::sleep(5 * WHILE);
    // One is too old, the other is not: that is known still, and not asked again with the first.
    assert_eq!(db.assert_keys(&[1], || late.name())?, "late");
    assert!(db.assert_queries(0, || never.name()).is_err());
    std::thread::sleep(5 * WHILE);
    assert!(db.assert_keys(&[1], || never.name()).is_err(), "still not there");
    Ok(())
}

/// A row that was not there comes, and after so long that nobody may go by that any more it is written.
fn written_late(write: fn(&TestDb, &Record<Partner>) -> Result<()>) -> Result<Vec<String>> {
    let db = test_db!(File::of_partners(3, 1), max_age(3 * WHILE));
    let late = db.record::<Partner>(4);
    assert!(late.name().is_err_and(|error| error.is_missing_record()));
    assert!(write(&db, &late).is_err_and(|error| error.is_missing_record()));
    db.file.run(
        "INSERT INTO partners SELECT 4, 'late', lang, email, phone, city, active, credit, country_id, parent_id, notes
            FROM partners WHERE id = 1",
    );
    std::thread::sleep(4 * WHILE);
    write(&db, &late)?;
    Ok(db.file.values("SELECT name AS value FROM partners WHERE id > 3"))
}

#[test]
fn who_was_not_there_too_long_ago_can_be_written() -> Result<()> {
    assert_eq!(written_late(|_, late| late.set_name("written"))?, ["written"]);
    assert_eq!(written_late(|db, late| db.transaction(|| late.set_country_id(None)))?, ["late"]);
    assert_eq!(written_late(|_, late| late.update(partners::name.eq("assigned")))?, ["assigned"]);
    let none: [&str; 0] = [];
    assert_eq!(written_late(|_, late| late.delete())?, none);
    assert_eq!(written_late(|db, _| db.browse::<Partner>([4]).delete())?, none);
    Ok(())
}

#[test]
fn a_list_is_as_old_as_its_last_load_and_not_as_its_last_change() -> Result<()> {
    let db = test_db!(File::of_partners(8, 2), max_age(8 * WHILE));
    let (country, moving) = (db.record::<Country>(1), db.record::<Partner>(3));
    let members = country.partner_ids().ids()?;
    assert!(!members.contains(&8) || !members.contains(&7));
    let late = if members.contains(&8) { 7 } else { 8 };
    db.file.run(&format!("UPDATE partners SET country_id = 1 WHERE id = {late}"));
    std::thread::sleep(5 * WHILE);
    moving.set_country_id(2)?;
    moving.set_country_id(1)?;
    moving.set_country_id(2)?;
    let ids = db.assert_queries(0, || country.partner_ids().ids())?;
    assert!(!ids.contains(&late) && !ids.contains(&3), "not as old as it may be");
    std::thread::sleep(5 * WHILE);
    assert!(country.partner_ids().ids()?.contains(&late), "too old, whatever was changed since");
    // Loaded anew, it is new.
    std::thread::sleep(5 * WHILE);
    db.assert_queries(0, || country.partner_ids().ids())?;
    Ok(())
}

#[test]
fn prefetching_by_hand_keeps_to_max_age_too() -> Result<()> {
    let age = 3 * WHILE;
    let db = test_db!(File::of_partners(10, 2), max_age(age));
    let set = db.browse::<Partner>(1..=10);
    set.prefetch()?;
    set.prefetch_field(Partner::NOTES)?;
    set.prefetch_field(Partner::TAG_IDS)?;
    std::thread::sleep(age + Duration::from_millis(20));
    db.assert_keys(&[10], || set.prefetch())?;
    db.assert_keys(&[10], || set.prefetch_field(Partner::NOTES))?;
    db.assert_keys(&[10], || set.prefetch_field(Partner::TAG_IDS))?;
    std::thread::sleep(age + Duration::from_millis(20));
    db.assert_keys(&[10], || set.get(3).expect("in range").prefetch())
}

#[test]
fn heavy_rows_come_in_smaller_batches() -> Result<()> {
    let file = File::of_partners(400, 1);
    if cfg!(feature = "mysql") {
        file.run("ALTER TABLE partners MODIFY notes LONGTEXT");
    }
    file.run("UPDATE partners SET notes = hex(zeroblob(50000)) WHERE id % 400 > 0");
    // 100 kB a row, a megabyte a batch: what the first batch weighed tells how large the next may be.
    let db = test_db!(file, prefetch_bytes(1_000_000), prefetch_limit(50));
    let set = db.all::<Partner>()?;
    let (_, statements) = db.watch(|| set.iter().try_for_each(|partner| partner.notes().map(drop)));
    let sizes: Vec<usize> = statements.iter().map(|statement| statement.keys().len()).collect();
    assert_eq!(sizes[0], 50, "nothing is known before");
    assert!(sizes[1..].iter().all(|&size| size <= 11), "{sizes:?}");
    assert!(statements.len() <= 42, "{sizes:?}");
    Ok(())
}

#[test]
fn a_limit_too_small_for_anything_still_reads_right() -> Result<()> {
    for limit in [0, 1] {
        let db = test_db!(File::of_partners(300, 2), cache_limit(limit));
        let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
        assert_eq!(walk(&set)?, walk(&TestDb::of_partners(300, 2).all()?)?);
    }
    let db = test_db!(File::of_partners(300, 2), cache_bytes(1));
    let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    assert_eq!(set.name()?.len(), 300);
    Ok(())
}

#[test]
fn records_that_lost_their_last_value_do_not_count() -> Result<()> {
    let db = test_db!(File::of_partners(1_000, 2), cache_limit(100));
    let cache = db.cache();
    for id in 1..=100 {
        cache.set(Partner::NOTES, id, "put");
    }
    assert_eq!(db.stats().records, 100);
    cache.invalidate_field(Partner::NOTES);
    let set = db.browse::<Partner>(101..=140);
    set.name()?;
    db.assert_queries(0, || set.name())?;
    Ok(())
}
