//! `is`, `is_some` and `is_none` look at a link, and not behind it.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner};

diesel::table! { lines { id -> Integer, order_id -> Integer } }

#[derive(Model)]
struct Line {
    id: i32,
    order_id: Id<Line>,
}

#[test]
fn of_a_whole_set_with_one_select() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let set = db.browse::<Partner>(1..=100);
    let third = db.record::<Country>(3);
    let (mut none, mut third_ones) = (Vec::new(), 0);
    db.assert_keys(&[100], || -> Result<()> {
        for partner in &set {
            let country = partner.country_id();
            if country.is_none()? {
                none.push(partner.id());
            }
            assert_eq!(country.is_some()?, country.id()?.is_some());
            assert_eq!(country.is(&third)?, country.id()? == Some(3));
            third_ones += usize::from(country.is(&third)?);
        }
        Ok(())
    })?;
    assert_eq!((none, third_ones), (vec![20, 40, 60, 80, 100], 10));
    // None of the countries was read: to read one, it has to be asked for.
    db.assert_queries(1, || third.name())?;
    Ok(())
}

#[test]
fn of_a_link_that_is_never_null() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE lines (id INTEGER PRIMARY KEY NOT NULL, order_id INTEGER NOT NULL); INSERT INTO lines VALUES (1, 2), (2, 9)",
    );
    let (one, two) = (db.record::<Line>(1), db.record::<Line>(2));
    db.assert_keys(&[1], || -> Result<()> {
        assert!(one.order_id().is(&two)? && !one.order_id().is(&one)?);
        Ok(())
    })?;
    // The row behind it need not be there.
    db.assert_keys(&[1], || -> Result<()> {
        assert!(two.order_id().is(&db.record(9))?);
        Ok(())
    })?;
    assert!(db.record::<Line>(77).order_id().is(&one).is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn of_a_link_of_nothing() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let nobody = db.record::<Partner>(20);
    assert!(nobody.country_id().is_none()? && nobody.country_id().continent_id().is_none()?);
    assert!(!nobody.country_id().is(&db.record(1))?);
    assert!(db.record::<Partner>(77).country_id().is_some().is_err_and(|error| error.is_missing_record()));
    Ok(())
}
