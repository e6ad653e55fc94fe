//! `find`, `one` and `get`: the commonest searches, short, with all prefetchable columns and no row too many.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Bool;
use orm_core::{Error, Result};
use orm_tests::database::Backend;
use orm_tests::partners::{Country, Partner, countries, partners};
use orm_tests::{File, TestDb, test_db};

#[test]
fn find_gives_one_or_none() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let (found, statements) = db.watch(|| db.find::<Partner>(partners::name.eq("Partner number 7")));
    let found = found?.expect("it is there");
    assert_eq!(statements.len(), 1);
    assert!(statements[0].sql.ends_with("LIMIT 1"), "{statements:?}");
    db.assert_queries(0, || -> Result<()> {
        assert_eq!((found.id(), found.email()?.as_str()), (7, "partner7@example.com"));
        assert_eq!(found.country_id().id()?, Some(4));
        Ok(())
    })?;
    assert!(db.assert_queries(1, || db.find::<Partner>(partners::name.eq("nobody")))?.is_none());
    // Whatever diesel takes as a condition.
    let belgium =
        countries::table.filter(countries::name.eq("Country number 2")).select(countries::id.nullable());
    for found in [
        db.find::<Partner>(partners::lang.eq("en_US").and(partners::id.gt(3)).and(partners::credit.lt(5.1)))?,
        db.find::<Partner>(partners::id.eq_any([4]))?,
        db.find::<Partner>(diesel::dsl::sql::<Bool>("id = 4"))?,
        db.find::<Partner>(partners::id.eq(4).or(partners::lang.eq("xx")))?,
        db.find::<Partner>(partners::country_id.eq_any(belgium).and(partners::id.between(1, 5)))?,
    ] {
        assert_eq!(found.map(|partner| partner.id()), Some(4));
    }
    Ok(())
}

#[test]
fn a_boxed_condition_too() -> Result<()> {
    type Condition = Box<dyn diesel::BoxableExpression<countries::table, Backend, SqlType = Bool>>;
    let db = TestDb::of_partners(5, 5);
    let by = |code: Option<&'static str>| -> Condition {
        match code {
            Some(code) => Box::new(countries::code.eq(code)),
            None => Box::new(countries::id.eq(5)),
        }
    };
    assert_eq!(db.find::<Country>(by(Some("03")))?.map(|country| country.id()), Some(3));
    assert_eq!(db.one::<Country>(by(None))?.id(), 5);
    Ok(())
}

#[test]
fn one_reads_two_rows_at_most() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    assert_eq!(db.one::<Partner>(partners::id.eq(7))?.name()?, "Partner number 7");
    let (error, statements) = db.watch(|| db.one::<Partner>(partners::id.gt(7)).unwrap_err());
    assert!(matches!(error, Error::NotOne { model: "Partner", count: 2 }), "{error}");
    assert!(statements.len() == 1 && statements[0].sql.ends_with("LIMIT 2"), "{statements:?}");
    assert_eq!(db.stats().records, 3);
    let error = db.one::<Partner>(partners::id.gt(700)).unwrap_err();
    assert!(matches!(error, Error::NotOne { model: "Partner", count: 0 }), "{error}");
    Ok(())
}

#[test]
fn they_see_what_waits_to_be_written() -> Result<()> {
    let db = TestDb::of_partners(5, 5);
    db.transaction(|| {
        db.record::<Partner>(3).set_name("Azure")?;
        assert_eq!(db.one::<Partner>(partners::name.eq("Azure"))?.id(), 3);
        assert!(db.find::<Partner>(partners::name.eq("Partner number 3"))?.is_none());
        Ok(())
    })
}

#[test]
fn get_asks_only_for_what_it_does_not_know() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let seven = db.assert_keys(&[1], || db.get::<Partner>(7))?.expect("it is there");
    db.assert_queries(0, || seven.email())?;
    assert_eq!(db.assert_queries(0, || db.get::<Partner>(7))?, Some(seven));
    assert!(db.assert_keys(&[1], || db.get::<Partner>(77))?.is_none());
    // It is known not to exist, too.
    assert!(db.assert_queries(0, || db.get::<Partner>(77))?.is_none());
    db.all::<Country>()?;
    assert!(db.assert_queries(0, || db.get::<Country>(3))?.is_some());
    // A key alone says nothing of the row, nor does an empty list.
    assert!(db.record::<Country>(99).partner_ids().is_empty()?);
    assert!(db.record::<Country>(99).partner_ids().load()?.is_empty());
    assert!(db.assert_keys(&[1], || db.get::<Country>(99))?.is_none());
    Ok(())
}

#[test]
fn get_knows_what_was_created_deleted_and_only_written() -> Result<()> {
    let db = TestDb::of_partners(5, 5);
    let new = db.create(Country::values().name("Utopia").code("UT"))?;
    assert!(db.assert_queries(0, || db.get::<Country>(new.id()))?.is_some());
    new.delete()?;
    assert!(db.get::<Country>(new.id())?.is_none());
    let result = db.transaction(|| {
        // That a value waits to be written does not say that there is a row for it.
        db.record::<Country>(77).set_name("nowhere")?;
        assert!(db.assert_keys(&[1], || db.get::<Country>(77))?.is_none());
        Ok(())
    });
    assert!(result.is_err_and(|error| error.is_missing_record()));
    db.cache().set(Country::NAME, 4, "as if it had been loaded");
    assert!(db.assert_queries(0, || db.get::<Country>(4))?.is_some());
    Ok(())
}

#[test]
fn get_keeps_to_the_age_of_what_is_cached() -> Result<()> {
    let db = test_db!(File::of_partners(5, 5), max_age(Duration::from_millis(20)));
    assert!(db.get::<Partner>(3)?.is_some() && db.get::<Partner>(33)?.is_none());
    db.file.run("DELETE FROM partners WHERE id = 3");
    db.file.run("UPDATE partners SET id = 33 WHERE id = 4");
    std::thread::sleep(Duration::from_millis(40));
    assert!(db.get::<Partner>(3)?.is_none() && db.get::<Partner>(33)?.is_some());
    Ok(())
}

#[test]
fn a_fault_of_the_database_is_an_error() {
    let db = TestDb::of_partners(5, 5);
    db.file.run("ALTER TABLE partners RENAME TO others");
    assert!(matches!(db.get::<Partner>(1), Err(Error::Database { model: "Partner", .. })));
    assert!(matches!(db.find::<Partner>(partners::id.eq(1)), Err(Error::Database { model: "Partner", .. })));
    assert!(matches!(db.one::<Partner>(partners::id.eq(1)), Err(Error::Database { model: "Partner", .. })));
}
