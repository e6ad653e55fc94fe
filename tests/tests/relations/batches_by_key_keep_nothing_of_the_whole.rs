//! P14 without a list of keys: `in_batches_by_key` goes from key to key. One SELECT a batch, no OFFSET, every record
//! once whatever others write meanwhile, and no more in memory than the batch.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::partners::*;
use orm_tests::{File, TestDb, on, test_db};

/// The keys of the records of some batches, batch by batch
fn keys<'a>(batches: impl Iterator<Item = Result<RecordSet<'a, Partner>>>) -> Result<Vec<Vec<i32>>> {
    batches.map(|batch| Ok(batch?.ids())).collect()
}

const NEW: &str =
    "name, lang, email, phone, city, active, credit, country_id, parent_id, notes FROM partners WHERE id = 1";

#[test]
fn one_select_for_each_batch_and_level() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    let mut seen = Vec::new();
    let (result, statements) = db.watch(|| {
        db.in_batches_by_key(partners::table, 1_000, |batch: RecordSet<'_, Partner>| {
            for partner in &batch {
                seen.push((partner.id(), partner.name()?));
            }
            batch.country_id().name().map(drop)
        })
    });
    result?;
    let expected: Vec<(i32, String)> = partners::table
        .select((partners::id, partners::name))
        .order(partners::id)
        .load(&mut db.file.connect())?;
    assert_eq!(seen.len(), expected.len());
    assert!(seen.iter().zip(&expected).all(|((id, name), (i, n))| id == i && name == n));
    let tables: Vec<&str> = statements.iter().map(|statement| statement.table()).collect();
    assert_eq!(tables, ["partners", "countries"].repeat(3));
    for (i, statement) in statements.iter().step_by(2).enumerate() {
        assert_eq!(statement.columns().len(), 10, "the key and all columns: {statement:?}");
        assert!(!statement.sql.contains("OFFSET"), "{statement:?}");
        assert!(
            statement.sql.replace(['"', '`'], "").contains("ORDER BY partners.id LIMIT "),
            "{statement:?}"
        );
        let binds =
            if i == 0 { vec!["1000".to_owned()] } else { vec![(i * 1_000).to_string(), "1000".to_owned()] };
        assert_eq!(statement.binds, binds, "the last key, and how many");
    }
    // The text is the same for all batches but the first, so that it is prepared once.
    assert_eq!(statements[2].sql, statements[4].sql);
    Ok(())
}

#[test]
fn a_last_batch_that_is_full_is_followed_by_one_that_finds_nothing() -> Result<()> {
    for (rows, size, selects) in [(0, 10, 1), (1, 10, 1), (19, 10, 2), (20, 10, 3), (21, 10, 3), (3, 0, 4)] {
        let db = TestDb::of_partners(30, 2);
        let query = partners::table.filter(partners::id.le(rows));
        let batches = db.assert_queries(selects, || keys(db.batches_by_key(query, size)))?;
        let size = size.max(1);
        assert_eq!(batches.len(), (rows as usize).div_ceil(size));
        assert!(batches.iter().rev().skip(1).all(|batch| batch.len() == size), "{batches:?}");
        assert_eq!(batches.concat(), (1..=rows).collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn filters_and_joins_are_kept() -> Result<()> {
    let db = TestDb::of_partners(500, 10);
    let joined = partners::table
        .inner_join(countries::table)
        .filter(countries::code.eq_any(["01", "05", "08"]))
        .filter(partners::active.eq(true));
    let expected: Vec<i32> =
        joined.clone().select(partners::id).order(partners::id).load(&mut db.file.connect())?;
    assert!(expected.len() > 100, "{}", expected.len());
    assert_eq!(keys(db.batches_by_key(joined, 7))?.concat(), expected);
    // Either of two conditions, and beyond the last key in both cases.
    let either = partners::table.filter(partners::id.lt(10)).or_filter(partners::id.between(100, 120));
    let expected: Vec<i32> = (1..10).chain(100..=120).collect();
    assert_eq!(keys(db.batches_by_key(either, 4))?.concat(), expected);
    let distinct = partners::table.filter(partners::id.lt(10)).distinct();
    assert_eq!(keys(db.batches_by_key(distinct, 4))?.concat(), (1..10).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_record_that_a_join_finds_many_times_comes_once() -> Result<()> {
    let db = TestDb::of_partners(500, 10);
    for size in [1, 7, 60, 1_000] {
        let mut seen = Vec::new();
        let query = countries::table.inner_join(partners::table);
        db.in_batches_by_key(query, size, |countries: RecordSet<'_, Country>| {
            assert!(!countries.is_empty() && countries.len() <= size);
            seen.extend(countries.ids());
            Ok(())
        })?;
        assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "batches of {size}");
    }
    Ok(())
}

#[test]
fn rows_that_come_or_go_meanwhile() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut seen = Vec::new();
    db.in_batches_by_key(partners::table, 100, |batch: RecordSet<'_, Partner>| {
        match seen.len() {
            // Behind the cursor: -1, 5 and the rest of this batch. Ahead: 150, 299, 400.
            0 => db.file.run(&format!(
                "DELETE FROM partners WHERE id IN (5, 150, 299);
                INSERT INTO partners SELECT -1, {NEW}; INSERT INTO partners SELECT 400, {NEW}"
            )),
            // What came and went before its turn was never there; a row that takes the last key's place is not new.
            100 => db.file.run(&format!(
                "DELETE FROM partners WHERE id = 200; INSERT INTO partners SELECT 200, {NEW};
                INSERT INTO partners SELECT 500, {NEW}; DELETE FROM partners WHERE id = 500"
            )),
            _ => {}
        }
        for partner in &batch {
            partner.name()?;
            seen.push(partner.id());
        }
        Ok(())
    })?;
    let expected: Vec<i32> = (1..=300).chain([400]).filter(|id| ![150, 299].contains(id)).collect();
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn a_table_that_grows_as_fast_as_it_is_read_is_followed() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let mut next = 101;
    let mut seen = 0;
    for batch in db.batches_by_key::<Partner, _>(partners::table, 10) {
        seen += batch?.len();
        if next <= 150 {
            db.file.run(&format!("INSERT INTO partners SELECT {next}, {NEW}"));
            next += 1;
        }
    }
    // Ten batches, and those that came during them: 10, then one more, and one during that.
    assert_eq!(seen, next as usize - 2, "the last came when the last batch was read");
    Ok(())
}

#[test]
fn no_more_than_a_batch_is_held() -> Result<()> {
    let mut most = Vec::new();
    for rows in [12_000, 48_000] {
        let db = TestDb::of_partners(rows, 10);
        let (mut records, mut bytes) = (0, 0);
        db.in_batches_by_key(partners::table, 500, |batch: RecordSet<'_, Partner>| {
            batch.iter().try_for_each(|partner| partner.country_id().name().map(drop))?;
            records = records.max(db.stats().records);
            bytes = bytes.max(db.stats().bytes);
            Ok(())
        })?;
        assert!(records <= 500 + 10, "{records}");
        assert_eq!(db.stats().records, 0, "all is freed");
        most.push(bytes);
    }
    assert!(most[1] < most[0] * 21 / 20, "{most:?} bytes");
    Ok(())
}

#[test]
fn a_loop_left_early_frees_its_batch_and_nothing_else() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let kept = db.browse::<Partner>([1, 2, 3]);
    kept.name()?;
    let (records, queries) = (db.stats().records, db.stats().queries);
    for (i, batch) in db.batches_by_key::<Partner, _>(partners::table, 100).enumerate() {
        batch?.country_id().name()?;
        assert!(db.stats().records > 100);
        if i == 1 {
            break;
        }
    }
    assert_eq!((db.stats().records, db.stats().queries), (records, queries + 4));
    db.assert_queries(0, || kept.name())?;
    Ok(())
}

#[test]
fn handles_kept_from_a_batch_read_the_right_rows_later() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let mut kept = Vec::new();
    db.in_batches_by_key(partners::table, 100, |batch: RecordSet<'_, Partner>| {
        let partner = batch.get(7).expect("in range");
        kept.push((partner.country_id(), partner.tag_ids(), partner));
        Ok(())
    })?;
    for (i, (link, list, record)) in kept.iter().enumerate() {
        let id = i as i32 * 100 + 8;
        assert_eq!(record.name()?, format!("Partner number {id}"));
        assert_eq!(link.name()?, Some(format!("Country number {}", 1 + id * 7919 % 10).into()));
        assert!(list.ids()?.contains(&(1 + id % 10)));
    }
    Ok(())
}

#[test]
fn under_a_limit_of_the_cache() -> Result<()> {
    for limit in [0, 10, 150] {
        let db = test_db!(File::of_partners(500, 10), cache_limit(limit));
        let mut seen = Vec::new();
        db.in_batches_by_key(partners::table, 100, |batch: RecordSet<'_, Partner>| {
            seen.extend(batch.name()?);
            Ok(())
        })?;
        assert!(
            seen.iter().zip(1..).all(|(name, id)| **name == format!("Partner number {id}"))
                && seen.len() == 500
        );
    }
    Ok(())
}

#[test]
fn the_first_error_ends_it() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut calls = 0;
    let error = db.in_batches_by_key(partners::table, 100, |_: RecordSet<'_, Partner>| {
        calls += 1;
        if calls == 2 { Err(Error::other("enough")) } else { Ok(()) }
    });
    assert_eq!((error.expect_err("an error").to_string(), calls), ("enough".into(), 2));
    // Of the database too: it is not asked again and again.
    let mut batches = db.batches_by_key::<Partner, _>(partners::table, 100);
    assert!(batches.next().is_some_and(|batch| batch.is_ok()));
    db.file.run("ALTER TABLE partners RENAME TO gone");
    let error = batches.next().expect("one more").expect_err("no such table");
    assert!(error.to_string().contains(&orm_tests::database::no_table("partners")), "{error}");
    db.assert_queries(0, || assert!(batches.next().is_none() && batches.next().is_none()));
    assert_eq!(db.stats().records, 0);
    Ok(())
}

#[test]
fn what_would_be_lost_of_a_query_is_refused() -> Result<()> {
    let db = TestDb::of_partners(30, 2);
    let all = partners::table;
    // diesel would put our order and our limit in their place.
    let refused = [
        keys(db.batches_by_key(all.order(partners::name), 10)),
        keys(db.batches_by_key(all.order(partners::id.desc()), 10)),
        keys(db.batches_by_key(all.limit(5), 10)),
        keys(db.batches_by_key(all.order(partners::id).limit(5), 10)),
        keys(db.batches_by_key(all.limit(10).offset(5), 10)),
        keys(db.batches_by_key(all.order(partners::id).limit(10).offset(5), 10)),
        // MySQL has none without a limit.
        #[cfg(not(any(feature = "mysql", feature = "any")))]
        keys(db.batches_by_key(all.offset(5), 10)),
        #[cfg(not(any(feature = "mysql", feature = "any")))]
        keys(db.batches_by_key(all.order(partners::id).offset(5), 10)),
    ];
    for (i, refused) in refused.into_iter().enumerate() {
        let error = refused.expect_err("nothing may be lost in silence").to_string();
        assert!(error.contains("Partner") && error.contains("in_batches"), "{i}: {error}");
    }
    assert_eq!(db.stats().queries, 0);
    // The order that it is read in anyhow is no loss.
    assert_eq!(keys(db.batches_by_key(all.order(partners::id), 10))?.concat(), (1..=30).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn batches_within_batches() -> Result<()> {
    let db = TestDb::of_partners(300, 10);
    let mut count = 0;
    db.in_batches_by_key(countries::table, 3, |countries: RecordSet<'_, Country>| {
        for country in &countries {
            let query = partners::table.filter(partners::country_id.eq(country.id()));
            for partners in db.batches_by_key::<Partner, _>(query, 7) {
                for partner in &partners? {
                    assert_eq!(partner.country_id().name()?, Some(country.name()?));
                    count += 1;
                }
            }
        }
        Ok(())
    })?;
    assert_eq!(count, 285);
    Ok(())
}

mod other_keys {
    //! Keys that are no small numbers
    #![allow(missing_docs, unreachable_pub)]

    use super::*;

    diesel::table! { words (word) { word -> Text, length -> Integer } }
    diesel::table! { events { id -> BigInt } }

    #[derive(Model)]
    #[model(table = words)]
    struct Word {
        #[model(primary_key)]
        word: String,
        length: i32,
    }

    #[derive(Model)]
    #[model(table = events)]
    struct Happening {
        id: i64,
    }

    #[test]
    fn text_goes_by_the_databases_own_order() -> Result<()> {
        let collations = on!(
            sqlite ["BINARY", "NOCASE", "RTRIM"],
            postgres ["\"C\"", "\"und-x-icu\"", "\"POSIX\""],
            mysql ["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci"]
        );
        let words = ["zebra", "Zoo", "apple", "Ape", "it''s \"odd\"", "", "éclair", "日本", "%", "a", "B"];
        let rows: Vec<String> = words.iter().map(|word| format!("('{word}', {})", word.len())).collect();
        for collation in collations {
            let db = test_db!(File::new(&format!(
                "CREATE TABLE words (word TEXT COLLATE {collation} PRIMARY KEY NOT NULL, length INTEGER NOT NULL);
                 INSERT INTO words VALUES {}",
                rows.join(", ")
            )));
            let expected: Vec<String> = diesel::sql_query("SELECT word, length FROM words ORDER BY word")
                .load(&mut db.file.connect())
                .map(|rows: Vec<Row>| rows.into_iter().map(|row| row.word).collect())?;
            assert_eq!(expected.len(), 11);
            for size in 1..=12 {
                let (mut seen, mut lengths) = (Vec::new(), 0);
                db.in_batches_by_key(words::table, size, |words: RecordSet<'_, Word>| {
                    seen.extend(words.ids().iter().map(ToString::to_string));
                    lengths += words.length()?.len();
                    Ok(())
                })?;
                assert_eq!(seen, expected, "{collation}, {size} a batch");
                assert_eq!(lengths, expected.len());
            }
        }
        Ok(())
    }

    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        word: String,
    }

    #[test]
    fn large_and_negative_numbers_and_no_other_column() -> Result<()> {
        let db = test_db!(File::new(
            "CREATE TABLE events (id BIGINT PRIMARY KEY NOT NULL);
             INSERT INTO events VALUES (-9223372036854775808), (-5), (0), (7), (5000000000), (9223372036854775807)"
        ));
        let expected = [i64::MIN, -5, 0, 7, 5_000_000_000, i64::MAX];
        for size in 1..=7 {
            let mut seen = Vec::new();
            let batches = 6 / size + 1;
            db.assert_queries(batches, || {
                db.in_batches_by_key(events::table, size, |batch: RecordSet<'_, Happening>| {
                    seen.extend(batch.ids());
                    Ok(())
                })
            })?;
            assert_eq!(seen, expected, "{size} a batch");
        }
        Ok(())
    }
}

/// `WHERE a OR b AND key > last`: without parentheses the first rows would come with every batch, for ever.
#[test]
fn a_raw_or_without_parentheses_is_an_error_and_no_endless_loop() -> Result<()> {
    use diesel::dsl::sql;
    use diesel::sql_types::Bool;
    let db = TestDb::of_partners(30, 2);
    let raw = "name = 'Partner number 1' OR name LIKE 'Partner%'";
    let mut batches = db.batches_by_key::<Partner, _>(partners::table.filter(sql::<Bool>(raw)), 3);
    assert_eq!(batches.next().expect("a first batch")?.ids(), [1, 2, 3]);
    let error = batches.next().expect("a second one").expect_err("record 1 once more");
    assert!(error.to_string().contains("put parentheses around it"), "{error}");
    assert!(batches.next().is_none());
    let whole = partners::table.filter(sql::<Bool>(&format!("({raw})")));
    assert_eq!(keys(db.batches_by_key(whole, 3))?.concat().len(), 30);
    Ok(())
}
