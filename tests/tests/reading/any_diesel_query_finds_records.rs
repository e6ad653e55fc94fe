//! Queries stay diesel's: filters, joins, order, limit, distinct, boxed queries, sub-selects, grouping.

use diesel::dsl::{count_star, exists};
use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::*;

fn db() -> TestDb {
    TestDb::of_partners(100, 10)
}

#[test]
fn filter_order_limit_offset() -> Result<()> {
    let db = db();
    let query = partners::table
        .filter(partners::active.eq(true))
        .filter(partners::lang.is_null())
        .order(partners::id.desc());
    let found: RecordSet<'_, Partner> = db.assert_queries(1, || query.limit(3).offset(1).records(&db))?;
    assert_eq!(found.ids(), [96, 93, 90]);
    assert_eq!(db.assert_queries(0, || found.active())?, [true; 3]);
    let ids = query.limit(3).offset(1).record_ids::<Partner>(&db)?;
    assert_eq!(ids, found);
    Ok(())
}

#[test]
fn the_empty_filter_and_the_whole_table() -> Result<()> {
    let db = db();
    assert_eq!(partners::table.records::<Partner>(&db)?.len(), 100);
    assert_eq!(db.all::<Partner>()?.ids(), (1..=100).collect::<Vec<_>>());
    assert_eq!(
        partners::table.filter(partners::id.eq_any(Vec::<i32>::new())).records::<Partner>(&db)?.len(),
        0
    );
    Ok(())
}

#[test]
fn an_inner_join_filters() -> Result<()> {
    let db = db();
    let query =
        partners::table.inner_join(countries::table).filter(countries::code.eq("03")).order(partners::id);
    let found = db.assert_queries(1, || query.records::<Partner>(&db))?;
    assert!(!found.is_empty());
    assert!(db.assert_keys(&[1], || found.country_id().code())? == ["03"]);
    assert_eq!(query.record_ids::<Partner>(&db)?.ids(), found.ids());
    Ok(())
}

#[test]
fn a_left_join_keeps_those_without() -> Result<()> {
    let db = db();
    let query = partners::table
        .left_join(countries::table)
        .filter(countries::id.nullable().is_null())
        .order(partners::id);
    let found = query.records::<Partner>(&db)?;
    assert_eq!(found.ids(), [20, 40, 60, 80, 100]);
    assert_eq!(found.country_id().ids()?, Vec::<i32>::new());
    Ok(())
}

#[test]
fn a_join_can_be_read_as_the_other_model() -> Result<()> {
    let db = db();
    let query = countries::table.inner_join(partners::table).filter(partners::id.le(3)).order(partners::id);
    let found = query.records::<Country>(&db)?;
    assert_eq!(found.ids(), [10, 9, 8]);
    Ok(())
}

#[test]
fn a_join_that_multiplies_rows_gives_a_record_for_each_row_and_distinct_for_each_record() -> Result<()> {
    let db = db();
    let query = countries::table.inner_join(partners::table).filter(partners::id.le(30)).order(countries::id);
    let all = query.records::<Country>(&db)?;
    assert_eq!(all.len(), 29);
    let distinct = query.distinct().records::<Country>(&db)?;
    assert_eq!(distinct.ids(), (1..=10).collect::<Vec<_>>());
    assert_eq!(all, distinct);
    Ok(())
}

#[test]
fn boxed_queries() -> Result<()> {
    let db = db();
    for (lang, limit, expected) in [(None, None, 33), (Some("en_US"), None, 67), (Some("en_US"), Some(5), 5)]
    {
        let mut query = partners::table.into_boxed();
        query = match lang {
            Some(lang) => query.filter(partners::lang.eq(lang)),
            None => query.filter(partners::lang.is_null()),
        };
        if let Some(limit) = limit {
            query = query.limit(limit);
        }
        assert_eq!(query.records::<Partner>(&db)?.len(), expected);
    }
    let boxed = partners::table.order(partners::id).into_boxed();
    assert_eq!(boxed.record_ids::<Partner>(&db)?.len(), 100);
    let boxed = partners::table.order(partners::id.desc()).into_boxed();
    assert_eq!(boxed.first_record::<Partner>(&db)?.map(|partner| partner.id()), Some(100));
    Ok(())
}

#[test]
fn sub_selects() -> Result<()> {
    let db = db();
    let european = countries::table.filter(countries::continent_id.eq(1)).select(countries::id.nullable());
    let found = partners::table.filter(partners::country_id.eq_any(european)).records::<Partner>(&db)?;
    assert!(!found.is_empty());
    assert!(found.country_id().continent_id().ids()? == [1]);
    let with_partners = exists(partners::table.filter(partners::country_id.eq(countries::id.nullable())));
    assert_eq!(countries::table.filter(with_partners).records::<Country>(&db)?.len(), 10);
    Ok(())
}

#[test]
fn grouped_by_the_primary_key() -> Result<()> {
    let db = db();
    let query = countries::table
        .inner_join(partners::table)
        .group_by(countries::id)
        .having(count_star().gt(9))
        .order(countries::id);
    let found = query.records::<Country>(&db)?;
    let expected: Vec<(i32, i64)> = countries::table
        .inner_join(partners::table)
        .group_by(countries::id)
        .select((countries::id, count_star()))
        .order(countries::id)
        .load(&mut db.file.connect())?;
    assert_eq!(
        found.ids(),
        expected.iter().filter(|(_, count)| *count > 9).map(|(id, _)| *id).collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn the_first_record() -> Result<()> {
    let db = db();
    let (first, statements) =
        db.watch(|| partners::table.order(partners::id.desc()).first_record::<Partner>(&db));
    let first = first?.expect("there are some");
    assert!(statements[0].sql.contains("LIMIT"), "{statements:?}");
    assert_eq!(db.assert_queries(0, || first.name())?, "Partner number 100");
    assert!(partners::table.filter(partners::id.lt(0)).first_record::<Partner>(&db)?.is_none());
    Ok(())
}

#[test]
fn what_a_query_selected_before_is_replaced() -> Result<()> {
    let db = db();
    let (found, statements) =
        db.watch(|| partners::table.select(partners::notes).limit(1).records::<Partner>(&db));
    assert_eq!(found?.len(), 1);
    assert!(!statements[0].columns().contains(&"notes"));
    Ok(())
}

#[test]
fn the_order_of_the_rows_is_the_order_of_the_set() -> Result<()> {
    let db = db();
    let query = partners::table.order((partners::lang.desc(), partners::name.asc()));
    let expected: Vec<i32> = query.select(partners::id).load(&mut db.file.connect())?;
    assert_eq!(query.records::<Partner>(&db)?.ids(), expected);
    assert_eq!(query.record_ids::<Partner>(&db)?.ids(), expected);
    Ok(())
}
