//! P2 and P3: a miss loads the record, then what follows in its set, 1000 a SELECT, with all columns that are missing.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::statements::Statement;
use orm_tests::{File, TestDb, test_db};

const COUNT: usize = 2_500;

fn keys(db: &TestDb) -> RecordSet<'_, Partner> {
    partners::table.order(partners::id).record_ids(&db.env).expect("the keys")
}

/// Reads the records at these indices, one by one.
fn walk(db: &TestDb, order: impl IntoIterator<Item = usize>) -> Result<Vec<Statement>> {
    let set = keys(db);
    let (result, statements) = db.watch(|| {
        order.into_iter().try_for_each(|index| {
            let partner = set.get(index).expect("in range");
            assert_eq!(partner.name()?, format!("Partner number {}", index + 1));
            Ok(())
        })
    });
    result.map(|()| statements)
}

fn sizes(statements: &[Statement]) -> Vec<usize> {
    statements.iter().map(|statement| statement.keys().len()).collect()
}

/// The numbers below `COUNT`, in an order without a pattern
fn shuffled() -> impl Iterator<Item = usize> {
    (0..COUNT).map(|n| n * 1_237 % COUNT)
}

#[test]
fn forwards() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let statements = walk(&db, 0..COUNT)?;
    assert_eq!(sizes(&statements), [1000, 1000, 500]);
    assert_eq!(statements[1].keys()[..2], ["1001", "1002"]);
    Ok(())
}

#[test]
fn backwards() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let statements = walk(&db, (0..COUNT).rev())?;
    assert_eq!(sizes(&statements), [1000, 1000, 500]);
    assert_eq!(statements[0].keys()[0], "2500", "the record at hand comes first");
    Ok(())
}

#[test]
fn from_the_middle_out() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let middle = COUNT / 2;
    let statements =
        walk(&db, (0..COUNT).map(|n| if n % 2 == 0 { middle + n / 2 } else { middle - 1 - n / 2 }))?;
    assert_eq!(sizes(&statements), [1000, 1000, 500]);
    assert_eq!(statements[0].keys()[..2], ["1251", "1252"], "the record at hand, then those that follow");
    Ok(())
}

#[test]
fn in_any_order() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    assert_eq!(sizes(&walk(&db, shuffled())?), [1000, 1000, 500]);
    Ok(())
}

#[test]
fn at_once() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let set = keys(&db);
    let names = db.assert_keys(&[1000, 1000, 500], || set.name())?;
    assert_eq!(names.len(), COUNT);
    assert_eq!(names[COUNT - 1], "Partner number 2500");
    Ok(())
}

#[test]
fn reversed_the_batch_follows_the_new_order() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let set = keys(&db).reversed();
    let (_, statements) = db.watch(|| set.iter().try_for_each(|partner| partner.name().map(drop)));
    assert_eq!(sizes(&statements), [1000, 1000, 500]);
    assert_eq!(statements[0].keys()[..2], ["2500", "2499"]);
    Ok(())
}

#[test]
fn only_what_is_missing_counts() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    // Every second one is cached already.
    let even: Vec<i32> = (1..=COUNT as i32).filter(|id| id % 2 == 0).collect();
    partners::table.filter(partners::id.eq_any(even)).records::<Partner>(&db)?;
    assert_eq!(sizes(&walk(&db, 0..COUNT)?), [1000, 250]);
    Ok(())
}

#[test]
fn one_record_read_loads_no_more_than_a_window() -> Result<()> {
    let db = TestDb::of_partners(COUNT, 10);
    let set = keys(&db);
    db.assert_keys(&[1000], || set.get(2_000).map(|partner| partner.name()).transpose())?;
    assert_eq!(db.stats().records, 1000);
    Ok(())
}

#[test]
fn the_window_can_be_set() -> Result<()> {
    for limit in [1, 7, 400, 5_000] {
        let db = test_db!(File::of_partners(1_000, 10), prefetch_limit(limit));
        let (_, statements) = db.watch(|| keys(&db).iter().try_for_each(|partner| partner.name().map(drop)));
        assert_eq!(statements.len(), 1 + 1_000_usize.div_ceil(limit), "prefetch_limit({limit})");
    }
    Ok(())
}

#[test]
fn a_key_that_is_in_the_set_twice_is_asked_for_once() -> Result<()> {
    let db = TestDb::of_partners(10, 1);
    let set = db.browse::<Partner>([3, 1, 3, 2, 1, 3]);
    let names = db.assert_keys(&[3], || set.map(|partner| partner.name()))?;
    assert_eq!(names[0], names[2]);
    Ok(())
}

#[test]
fn all_prefetchable_columns_come_in_one_select() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let (_, statements) = db.watch(|| set.first().map(|partner| partner.credit()));
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].columns().len(), 10, "the key and nine columns: {statements:?}");
    db.assert_queries(0, || {
        set.name()?;
        set.active()?;
        set.country_id().ids()
    })?;
    Ok(())
}

#[test]
fn columns_that_all_have_are_not_asked_for() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    for id in set.ids() {
        db.cache().set(Partner::NAME, id, "known");
        db.cache().set(Partner::LANG, id, None::<Str>);
    }
    let (_, statements) = db.watch(|| set.first().map(|partner| partner.email()));
    assert_eq!(
        statements[0].columns(),
        ["id", "email", "phone", "city", "active", "credit", "country_id", "parent_id"]
    );
    Ok(())
}

#[test]
fn a_column_that_one_lacks_is_asked_for() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = db.all::<Partner>()?;
    db.cache().invalidate(Partner::NAME, [7, 9]);
    db.cache().invalidate(Partner::CITY, [9]);
    let (_, statements) = db.watch(|| set.name());
    assert_eq!(sizes(&statements), [2]);
    assert_eq!(statements[0].columns(), ["id", "name", "city"]);
    db.assert_queries(0, || set.city())?;
    Ok(())
}
