//! P14: `in_batches` reads and frees batch by batch, in the query's order, and is not disturbed by what others write.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn every_record_once_in_the_querys_order() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let query = partners::table
        .filter(partners::lang.is_null())
        .order((partners::active.desc(), partners::id.desc()));
    db.in_batches(query, 100, |batch: RecordSet<'_, Partner>| {
        sizes.push(batch.len());
        for partner in &batch {
            assert!(partner.lang()?.is_none());
            seen.push(partner.id());
        }
        Ok(())
    })?;
    let expected: Vec<i32> = query.select(partners::id).load(&mut db.file.connect())?;
    assert_eq!(seen, expected);
    assert_eq!(sizes.len(), 833_usize.div_ceil(100));
    Ok(())
}

#[test]
fn one_select_for_the_keys_and_one_for_each_batch_and_level() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    db.assert_queries(1 + 4 * 2, || {
        db.in_batches(partners::table.order(partners::id), 250, |batch: RecordSet<'_, Partner>| {
            batch.iter().try_for_each(|partner| {
                partner.name()?;
                partner.country_id().name().map(drop)
            })
        })
    })
}

#[test]
fn no_more_than_a_batch_is_cached() -> Result<()> {
    let db = TestDb::of_partners(5_000, 10);
    let mut most = 0;
    db.in_batches(partners::table, 500, |batch: RecordSet<'_, Partner>| {
        batch.iter().try_for_each(|partner| partner.country_id().name().map(drop))?;
        most = most.max(db.stats().records);
        Ok(())
    })?;
    assert!(most <= 500 + 10, "{most}");
    Ok(())
}

#[test]
fn it_is_the_values_that_are_freed_not_only_new_keys() -> Result<()> {
    let db = TestDb::of_partners(5_000, 10);
    // Every key is known before the first batch, and what is held keeps the keys.
    let all = partners::table.record_ids::<Partner>(&db)?;
    let kept = all.slice(10..13);
    db.browse::<Partner>(kept.ids()).name()?;
    for _ in 0..2 {
        let mut most = 0;
        let mut walk = |batch: RecordSet<'_, Partner>| {
            batch.iter().try_for_each(|partner| partner.country_id().name().map(drop))?;
            batch.iter().try_for_each(|partner| partner.tag_ids().len().map(drop))?;
            most = most.max(db.stats().records);
            Ok(())
        };
        db.in_batches(partners::table, 500, &mut walk)?;
        db.in_batches_by_key(partners::table, 500, &mut walk)?;
        assert!(most <= 500 + 10 + 3, "{most}");
        assert_eq!(db.stats().records, 3, "what was cached before");
    }
    db.assert_queries(0, || kept.name())?;
    // The counts of lists, too.
    db.assert_keys(&[1000], || all.get(4_999).expect("in range").tag_ids().len())?;
    Ok(())
}

#[test]
fn what_is_written_to_a_batch_is_sent_before_the_next() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let written = |lang: &str| -> Result<i64> {
        Ok(partners::table.filter(partners::lang.eq(lang)).count().get_result(&mut db.file.connect())?)
    };
    let write = |lang: &'static str| {
        let db = &db;
        move |batch: RecordSet<'_, Partner>| {
            assert_eq!(db.stats().dirty, 0, "what was written to the batch before is sent");
            batch.write(Partner::values().lang(lang))?;
            // Waits until the next batch, or the commit.
            assert_eq!(db.stats().dirty, 100);
            Ok(())
        }
    };
    db.transaction(|| db.in_batches(partners::table, 100, write("one")))?;
    assert_eq!((written("one")?, db.stats().dirty), (1_000, 0));
    assert_eq!(db.stats().records, 100, "the last batch waited for the commit");
    db.transaction(|| db.in_batches_by_key(partners::table, 100, write("two")))?;
    assert_eq!((written("two")?, db.stats().dirty), (1_000, 0));
    // Left early, with what waits; and undone.
    db.transaction(|| {
        let mut batches = db.batches_by_key::<Partner, _>(partners::table, 100);
        write("three")(batches.next().expect("ten")?)
    })?;
    assert_eq!(written("three")?, 100);
    let undone = db.transaction(|| {
        db.in_batches_by_key(partners::table, 100, write("four"))?;
        Err::<(), _>(Error::other("enough"))
    });
    assert!(undone.is_err() && written("four")? == 0);
    assert_eq!(db.record::<Partner>(1).lang()?, Some("three".into()));
    Ok(())
}

#[test]
fn what_was_cached_before_stays() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let countries = db.all::<Country>()?;
    countries.name()?;
    let kept = db.browse::<Partner>([1, 2, 3]);
    kept.name()?;
    db.in_batches(partners::table, 100, |batch: RecordSet<'_, Partner>| batch.country_id().name().map(drop))?;
    db.assert_queries(0, || {
        countries.name()?;
        kept.name()
    })?;
    Ok(())
}

#[test]
fn handles_kept_from_a_batch_read_the_right_rows_later() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let (mut records, mut links, mut lists, mut sets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    db.in_batches(partners::table.order(partners::id), 100, |batch: RecordSet<'_, Partner>| {
        let partner = batch.get(7).expect("in range");
        links.push(partner.country_id());
        lists.push(partner.tag_ids());
        records.push(partner);
        sets.push(batch.slice(20..22));
        Ok(())
    })?;
    for (i, ((record, link), (list, set))) in
        records.iter().zip(&links).zip(lists.iter().zip(&sets)).enumerate()
    {
        let id = i as i32 * 100 + 8;
        assert_eq!(record.name()?, format!("Partner number {id}"));
        assert_eq!(link.name()?, Some(format!("Country number {}", 1 + id * 7919 % 10).into()));
        assert!(list.ids()?.contains(&(1 + id % 10)));
        assert_eq!(
            set.name()?,
            [format!("Partner number {}", id + 13), format!("Partner number {}", id + 14)]
        );
    }
    Ok(())
}

#[test]
fn only_a_link_or_a_list_kept_from_a_batch() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let mut links = Vec::new();
    db.in_batches(partners::table.order(partners::id), 100, |batch: RecordSet<'_, Partner>| {
        links.push((batch.get(0).expect("in range").country_id(), batch.get(1).expect("in range").tag_ids()));
        Ok(())
    })?;
    for (i, (link, list)) in links.iter().enumerate() {
        let id = i as i32 * 100 + 1;
        assert_eq!(link.name()?, Some(format!("Country number {}", 1 + id * 7919 % 10).into()));
        assert!(list.ids()?.contains(&(1 + (id + 1) % 10)));
    }
    Ok(())
}

#[test]
fn rows_that_come_or_go_meanwhile_do_not_disturb() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut seen = Vec::new();
    db.in_batches(partners::table.order(partners::id), 100, |batch: RecordSet<'_, Partner>| {
        if seen.is_empty() {
            db.file.run("DELETE FROM partners WHERE id IN (5, 150, 299);
                INSERT INTO partners SELECT -id, name, lang, email, phone, city, active, credit, country_id, parent_id, notes FROM partners WHERE id BETWEEN 10 AND 40");
        }
        for partner in &batch {
            partner.name()?;
            seen.push(partner.id());
        }
        Ok(())
    })?;
    let expected: Vec<i32> = (1..=300).filter(|id| ![150, 299].contains(id)).collect();
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn the_first_error_ends_it() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut calls = 0;
    let error = db.in_batches(partners::table, 100, |_: RecordSet<'_, Partner>| {
        calls += 1;
        if calls == 2 { Err(Error::other("enough")) } else { Ok(()) }
    });
    assert_eq!((error.expect_err("an error").to_string(), calls), ("enough".into(), 2));
    assert_eq!(db.record::<Partner>(300).name()?, "Partner number 300");
    Ok(())
}

#[test]
fn of_nothing_and_of_size_nothing() -> Result<()> {
    let db = TestDb::of_partners(3, 1);
    db.in_batches(partners::table.filter(partners::id.lt(0)), 100, |_: RecordSet<'_, Partner>| {
        panic!("there is none")
    })?;
    let mut calls = 0;
    db.in_batches(partners::table, 0, |batch: RecordSet<'_, Partner>| {
        calls += batch.len();
        Ok(())
    })?;
    assert_eq!(calls, 3);
    Ok(())
}

#[test]
fn batches_within_batches() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut count = 0;
    db.in_batches(countries::table.order(countries::id), 3, |countries: RecordSet<'_, Country>| {
        for country in &countries {
            let query = partners::table.filter(partners::country_id.eq(country.id()));
            db.in_batches(query, 7, |partners: RecordSet<'_, Partner>| {
                for partner in &partners {
                    assert_eq!(partner.country_id().id()?, Some(country.id()));
                    assert_eq!(partner.country_id().name()?, Some(country.name()?));
                    count += 1;
                }
                Ok(())
            })?;
            country.name()?;
        }
        Ok(())
    })?;
    assert_eq!(count, 285);
    Ok(())
}
