//! `count_records`, `page` and `records_after`: how many rows a query finds, and some of them at a time.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner, countries, partners};

#[test]
fn a_query_is_counted_in_one_select_and_nothing_is_cached() -> Result<()> {
    let db = TestDb::of_partners(250, 10);
    let named = || partners::table.filter(partners::name.like("%1%"));
    let expected: usize =
        db.file.values("SELECT COUNT(*) AS value FROM partners WHERE name LIKE '%1%'")[0].parse().unwrap();
    assert_eq!(db.assert_queries(1, || named().count_records::<Partner>(&db))?, expected);
    assert_eq!(db.cache().get(Partner::NAME, 1), None);
    // Of any kind: with an order, a limit, boxed, joined, distinct, combined, by SQL
    assert_eq!(named().order(partners::name).limit(7).count_records::<Partner>(&db)?, 7);
    assert_eq!(named().into_boxed().count_records::<Partner>(&db)?, expected);
    let joined = || partners::table.inner_join(countries::table).filter(countries::id.eq(1));
    assert_eq!(joined().count_records::<Partner>(&db)?, joined().records::<Partner>(&db)?.len());
    assert_eq!(joined().distinct().count_records::<Country>(&db)?, 1);
    #[cfg(not(feature = "any"))]
    {
        let both =
            partners::table.filter(partners::id.lt(10)).union(partners::table.filter(partners::id.lt(20)));
        assert_eq!(both.count_records::<Partner>(&db)?, 19);
    }
    for end in ["", ";", " ;\n", " -- the last ones", "; "] {
        let own = diesel::sql_query(format!("SELECT id FROM partners WHERE id > 240{end}"));
        assert_eq!(own.count_records::<Partner>(&db)?, 10, "{end:?}");
    }
    // What waits is counted.
    db.transaction(|| {
        db.record::<Partner>(1).set_name("renamed")?;
        assert_eq!(partners::table.filter(partners::name.eq("renamed")).count_records::<Partner>(&db)?, 1);
        Ok(())
    })
}

/// Text that gets out of the COUNT around it: SQLite leaves a comment open to the end, elsewhere it is a mistake in itself.
#[test]
fn a_count_without_a_row_is_an_error() {
    let db = TestDb::of_partners(25, 4);
    for (grouped, rows) in [("x.id HAVING x.id < 0", 0), ("x.id % 2", 2)] {
        let text = format!("SELECT id FROM partners) AS x GROUP BY {grouped} /*");
        let error = diesel::sql_query(text).count_records::<Partner>(&db).unwrap_err().to_string();
        if cfg!(feature = "sqlite") {
            assert_eq!(
                error,
                format!("counting Partner: COUNT(*) gave {rows} rows instead of one: is it one query?")
            );
        }
    }
}

#[test]
fn a_page_is_two_selects() -> Result<()> {
    let db = TestDb::of_partners(105, 10);
    let query = || partners::table.filter(partners::id.gt(2)).order(partners::id.desc());
    let page = db.assert_queries(2, || query().page::<Partner>(&db, 1, 50))?;
    assert_eq!((page.number, page.pages, page.total, page.records.len()), (1, 3, 103, 50));
    assert_eq!(page.records.ids()[..2], [105, 104]);
    // A page is a set as any other: read together.
    db.assert_queries(1, || page.records.country_id().name())?;
    let last = query().into_boxed().page::<Partner>(&db, 3, 50)?;
    assert_eq!(last.records.ids(), [5, 4, 3]);
    // Behind the last one there is nothing to be asked for.
    let behind = db.assert_queries(1, || query().page::<Partner>(&db, 4, 50))?;
    assert!(behind.records.is_empty() && behind.pages == 3);
    let none = query().filter(partners::id.lt(0)).page::<Partner>(&db, 1, 50)?;
    assert_eq!((none.pages, none.total, none.records.len()), (0, 0, 0));
    for (number, size) in [(0, 10), (1, 0), (usize::MAX, 3)] {
        let error = query().page::<Partner>(&db, number, size).unwrap_err();
        assert!(matches!(error, Error::Other { .. }), "{error}");
    }
    Ok(())
}

#[test]
fn pages_by_key_begin_after_the_last_one() -> Result<()> {
    let db = TestDb::of_partners(25, 10);
    let query = || partners::table.filter(partners::id.ne(7));
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let records = db.assert_queries(1, || query().records_after::<Partner>(&db, after, 10))?;
        let Some(last) = records.last() else { break };
        after = Some(last.id());
        seen.extend(records.ids());
    }
    assert_eq!(seen, (1..=25).filter(|&id| id != 7).collect::<Vec<_>>());
    assert!(query().order(partners::name).records_after::<Partner>(&db, None, 10).is_err());
    Ok(())
}

/// The one statement that a piece of work sends
fn sent<T>(db: &TestDb, work: impl FnOnce() -> Result<T>) -> Result<(T, String)> {
    db.inspect();
    let done = db.assert_queries(1, work)?;
    Ok((done, db.inspection().statements.remove(0).text))
}

#[test]
fn what_is_counted_is_put_in_no_order() -> Result<()> {
    let db = TestDb::of_partners(250, 10);
    let named = || partners::table.filter(partners::name.like("%1%")).filter(partners::id.gt(3));
    let expected = named().records::<Partner>(&db)?.len();
    let by_country =
        || named().left_join(countries::table).order((countries::name.nullable().asc(), partners::id.desc()));
    // From what it finds, without a sub-select
    for (count, text) in [
        sent(&db, || named().order(partners::name.desc()).count_records::<Partner>(&db))?,
        sent(&db, || named().order(partners::name).into_boxed().count_records::<Partner>(&db))?,
        sent(&db, || by_country().count_records::<Partner>(&db))?,
    ] {
        assert_eq!(count, expected, "{text}");
        assert!(text.starts_with("SELECT COUNT(*) FROM ") && text.matches("SELECT").count() == 1, "{text}");
        assert!(!text.contains("ORDER BY"), "{text}");
    }
    let pages = db.assert_queries(2, || {
        db.inspect();
        by_country().page::<Partner>(&db, 2, 10)
    })?;
    assert_eq!((pages.total, pages.records.len()), (expected, 10));
    let [count, page] = &db.inspection().statements[..] else { panic!("two statements") };
    assert!(!count.text.contains("ORDER BY") && page.text.contains("ORDER BY"), "{count:?} {page:?}");
    // A limit counts what it lets through, whatever the order; the values of both sides of it stay where they were.
    for (limit, offset) in [(7, 0), (7, 3), (1_000, 20), (5, 1_000)] {
        let part = || named().order(partners::name).limit(limit).offset(offset);
        let (count, text) = sent(&db, || part().count_records::<Partner>(&db))?;
        assert_eq!(count, part().records::<Partner>(&db)?.len(), "{text}");
        assert!(!text.contains("ORDER BY"), "{text}");
    }
    // Each once, and grouped: the rows are counted, not what they are made of.
    let (count, text) = sent(&db, || {
        let used = partners::table.inner_join(countries::table).filter(partners::id.le(25)).distinct();
        used.order(countries::id).count_records::<Country>(&db)
    })?;
    assert_eq!(count, 10, "{text}");
    let (count, text) = sent(&db, || {
        let by_key = named().group_by(partners::id).having(diesel::dsl::count_star().gt(0));
        by_key.order(partners::id).count_records::<Partner>(&db)
    })?;
    assert_eq!(count, expected, "{text}");
    Ok(())
}

#[test]
fn an_order_that_has_values_keeps_them() -> Result<()> {
    let db = TestDb::of_partners(30, 10);
    let first = || partners::table.filter(partners::id.gt(3)).order(partners::name.ne("no such name"));
    let (count, text) = sent(&db, || first().count_records::<Partner>(&db))?;
    assert_eq!(count, 27);
    assert!(text.contains("ORDER BY"), "its value would be left over: {text}");
    let page = first().page::<Partner>(&db, 1, 10)?;
    assert_eq!((page.total, page.records.len()), (27, 10));
    Ok(())
}
