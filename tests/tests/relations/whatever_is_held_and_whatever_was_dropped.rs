//! P2, P7, P15: records that are held while the cache is cleared are read with those that they came with; a loop never
//! costs more than one that reads record by record, whatever is dropped meanwhile.

use std::time::Duration;

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::events::events;
use orm_tests::music::{self, *};
use orm_tests::partners::{self, Partner};
use orm_tests::{File, TestDb, on, test_db};

fn chinook() -> File {
    File::new(&music::sql(music::CHINOOK))
}

/// How many keys the SELECTs of a piece of work ask for, and how many SELECTs these are
fn keys_and_statements<T>(db: &TestDb, work: impl FnOnce() -> Result<T>) -> Result<(usize, usize)> {
    let (result, mut statements) = db.watch(work);
    result?;
    statements.retain(|statement| statement.sql.starts_with("SELECT"));
    Ok((statements.iter().map(|statement| statement.keys().len()).sum(), statements.len()))
}

#[test]
fn targets_of_links() -> Result<()> {
    let db = test_db!(chinook(), strict());
    let lines = lines::table.order(lines::id).limit(200).records::<Line>(&db)?;
    let tracks = lines.map(|line| line.track_id().load())?;
    db.assert_queries(1, || tracks.iter().try_for_each(|track| track.name().map(drop)))?;
    db.cache().clear();
    // The links of the lines again, then the tracks.
    db.assert_queries(2, || tracks.iter().try_for_each(|track| track.name().map(drop)))?;
    db.execute(diesel::update(tracks::table).set(tracks::name.eq("new")))?;
    db.assert_queries(2, || tracks.iter().try_for_each(|track| track.name().map(drop)))
}

#[test]
fn lists() -> Result<()> {
    let db = test_db!(chinook(), strict());
    let lists = db.all::<Invoice>()?.map(|invoice| invoice.lines().load())?;
    db.cache().clear();
    db.assert_queries(1, || lists.iter().flatten().try_for_each(|line| line.track_id().id().map(drop)))?;
    db.cache().clear();
    db.assert_queries(3, || lists.iter().try_for_each(|list| list.track_id().name().map(drop)))
}

#[test]
fn one_record_that_is_held_is_read_alone() -> Result<()> {
    let db = TestDb::of_partners(1_000, 50);
    let country = db.record::<Partner>(3).country_id().load()?;
    db.cache().clear();
    db.assert_keys(&[1], || country.expect("a country").name().map(drop))
}

#[test]
fn whatever_is_cleared_in_each_turn() -> Result<()> {
    let db = test_db!(chinook());
    let lines = lines::table.order(lines::id).limit(500).records::<Line>(&db)?;
    let tracks = lines.map(|line| line.track_id().load())?;
    let (keys, statements) = keys_and_statements(&db, || {
        tracks.iter().try_for_each(|track| {
            db.cache().clear();
            track.name().map(drop)
        })
    })?;
    // Two windows are read in vain, until that is seen: the links and the tracks of 500 lines each time.
    assert!(statements <= tracks.len() + 2, "{statements} SELECTs for {} reads", tracks.len());
    assert!(keys <= tracks.len() + 4 * 500, "{keys} keys for {} reads", tracks.len());
    Ok(())
}

#[test]
fn a_statement_of_ones_own_in_each_turn() -> Result<()> {
    let db = test_db!(File::of_partners(1_000, 50));
    let all = db.all::<Partner>()?;
    let (keys, statements) = keys_and_statements(&db, || {
        all.iter().try_for_each(|partner| {
            let name = partner.name()?;
            db.execute(diesel::update(partners::tags::table).set(partners::tags::name.eq(&*name))).map(drop)
        })
    })?;
    assert!(statements <= all.len(), "{statements} SELECTs for {} records", all.len());
    assert!(keys <= 2 * 1_000 + all.len() * 5 / 4, "{keys} keys for {} records", all.len());
    Ok(())
}

#[test]
fn after_the_last_drop_whole_windows_are_read_again() -> Result<()> {
    let db = TestDb::of_partners(3_000, 50);
    let all = partners::partners::table.order(partners::partners::id).record_ids::<Partner>(&db)?;
    for partner in &all.slice(..20) {
        db.cache().clear();
        partner.name()?;
    }
    let (_, statements) = keys_and_statements(&db, || all.name())?;
    // One by one at first, then 2, 4, 8 …
    assert!(statements <= 16 + 9 + 3, "{statements} SELECTs for 3,000 records");
    Ok(())
}

#[test]
fn one_drop_between_two_reads_is_no_reason_to_read_singly() -> Result<()> {
    let db = TestDb::of_partners(100, 5);
    let all = partners::partners::table.record_ids::<Partner>(&db)?;
    db.assert_keys(&[100], || all.first().expect("some").name())?;
    db.cache().clear();
    db.assert_keys(&[100], || all.name().map(drop))
}

#[test]
fn an_age_shorter_than_a_batch() -> Result<()> {
    for age in [Duration::ZERO, Duration::from_micros(100)] {
        let db = test_db!(File::of_partners(3_000, 50), max_age(age));
        let all = partners::partners::table.order(partners::partners::id).record_ids::<Partner>(&db)?;
        // One call reads what it has read.
        db.assert_queries(3, || all.name())?;
        db.assert_queries(4, || all.country_id().name())?;
        let few = all.slice(..300);
        let (keys, statements) =
            keys_and_statements(&db, || few.iter().try_for_each(|partner| partner.name().map(drop)))?;
        assert!(
            statements <= 300 && keys <= 2 * 300 + 2 * 1_000,
            "{statements} SELECTs of {keys} keys for 300 records"
        );
    }
    Ok(())
}

/// How many rows and SELECTs it takes to read invoices, their lines, and the lines' tracks, in a cache that has room for
/// few of them
fn walk_within(limit: usize, prefetch_limit: usize) -> (usize, usize) {
    let size =
        music::Size { artists: 1, albums: 1, tracks: 10_000, customers: 1, invoices: 2_000, lines: 10_000 };
    let db = test_db!(File::new(&music::sql(size)), cache_limit(limit), prefetch_limit(prefetch_limit));
    let walk = || -> Result<()> {
        // What no one will read is in the way of no one.
        db.all::<Line>()?;
        for invoice in &db.all::<Invoice>()? {
            for line in &invoice.lines().load()? {
                line.track_id().name()?;
            }
        }
        assert!(db.stats().records <= limit, "{}", db.stats().records);
        Ok(())
    };
    let mut selects = events(|| walk().expect("a walk"));
    selects.retain(|seen| seen.field("message") == "select");
    let rows = selects.iter().map(|select| select.field("rows").parse::<usize>().expect("a number"));
    (rows.sum::<usize>() - 10_000, selects.len() - 1)
}

#[test]
fn a_cache_that_holds_few_batches_over_three_levels() {
    // In this order, which is that of no table. The rows of a whole walk are 2,000 invoices, 10,000 lines, 7,500 tracks; one
    // by one up to 2,500 tracks are read again, as there are more of them than find place.
    let limits = [(20_000, 12), (8_000, 20), (4_000, 30), (2_000, 45), (1_000, 80), (300, 350), (64, 1_300)];
    // A walk record by record is ten thousand round trips to a server.
    for (limit, most) in limits.into_iter().step_by(on!(sqlite 1, postgres 4, mysql 4)) {
        let (rows_singly, singly) = walk_within(limit, 1);
        let (rows, statements) = walk_within(limit, 1_000);
        assert!(statements <= most, "{limit}: {statements} SELECTs, {singly} record by record");
        // No invoice and no line is read twice, but for the one list that is cut; of the tracks some had to leave for lines
        // that were read ahead.
        assert!(rows <= 23_000, "{limit}: {rows} rows, {rows_singly} record by record");
        assert!(rows <= rows_singly * 6 / 5, "{limit}: {rows} rows, {rows_singly} record by record");
    }
    let ((rows_singly, singly), (rows, statements)) = (walk_within(10, 1), walk_within(10, 1_000));
    assert!(statements <= singly * 2 / 3, "{statements} SELECTs, {singly} record by record");
    assert!(rows <= rows_singly + rows_singly / 50, "{rows} rows, {rows_singly} record by record");
}

#[test]
fn a_whole_set_whose_links_find_no_place_together_is_read_batch_by_batch() -> Result<()> {
    let db = test_db!(chinook(), cache_limit(200));
    let lines = lines::table.order(lines::id).record_ids::<Line>(&db)?;
    let (found, statements) = db.watch(|| lines.track_id().ids());
    assert_eq!(found?.len(), TestDb { ..test_db!(chinook()) }.all::<Line>()?.track_id().ids()?.len());
    let keys: usize = statements.iter().map(|statement| statement.keys().len()).sum();
    assert_eq!(keys, 2_240, "each line once");
    Ok(())
}

#[test]
fn what_is_read_ahead_sends_nothing_that_waits() -> Result<()> {
    let db = test_db!(chinook(), prefetch_limit(100));
    // Lists of a hundred tracks have some sixty lines: their invoices do not fill a batch, and other lists could.
    let tracks = tracks::table.order(tracks::id).records::<Track>(&db)?;
    let lists = tracks.iter().map(|track| track.lines().load());
    let line = lists.flatten().find_map(|list| list.first()).expect("a line");
    db.transaction(|| {
        line.set_track_id(Id::<Track>::new(2))?;
        let (customer, statements) = db.watch(|| line.invoice_id().customer_id().id());
        customer?;
        assert_eq!(statements.len(), 1, "the invoices, and nothing that waits: {statements:#?}");
        assert_eq!(db.stats().dirty, 1);
        Ok::<_, orm_core::Error>(())
    })?;
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn what_is_read_ahead_fails_for_no_one_else() -> Result<()> {
    // A line that cannot be read stands beyond the first thousand.
    let db = test_db!(chinook(), prefetch_limit(1_000));
    db.file.run("UPDATE lines SET track_id = 'none' WHERE id = 1500");
    let lines = lines::table.order(lines::id).record_ids::<Line>(&db)?;
    lines.first().expect("a line").track_id().album_id().title()?;
    assert!(lines.track_id().ids().is_err(), "its own error");
    Ok(())
}
