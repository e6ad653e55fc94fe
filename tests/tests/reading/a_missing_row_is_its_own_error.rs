//! P10: a row that does not exist is an error for that record alone; its neighbours load, asking again costs nothing.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

#[track_caller]
fn assert_missing<T: std::fmt::Debug>(result: Result<T>, model: &str, key: &str) {
    match result {
        Err(Error::MissingRecord { model: m, id }) => assert_eq!((m, &*id), (model, key)),
        other => panic!("expected a missing {model} {key}, got {other:?}"),
    }
}

#[test]
fn a_row_deleted_behind_a_peer() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = partners::table.order(partners::id).record_ids::<Partner>(&db)?;
    db.file.run("DELETE FROM partners WHERE id IN (3, 7)");
    db.assert_keys(&[10], || {
        for partner in &set {
            match partner.id() {
                3 | 7 => assert_missing(partner.name(), "Partner", &partner.id().to_string()),
                id => assert_eq!(partner.name()?, format!("Partner number {id}")),
            }
        }
        Ok(())
    })
}

#[test]
fn it_is_an_error_even_when_it_is_read_first() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.browse::<Partner>([99, 1, 2]);
    db.assert_keys(&[3], || {
        assert_missing(set.first().expect("one").name(), "Partner", "99");
        assert_eq!(set.get(1).expect("in range").name()?, "Partner number 1");
        Ok(())
    })
}

#[test]
fn asking_again_costs_no_query() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let nobody = db.record::<Partner>(99);
    db.assert_queries(1, || assert_missing(nobody.name(), "Partner", "99"));
    db.assert_queries(0, || {
        assert_missing(nobody.name(), "Partner", "99");
        assert_missing(nobody.city(), "Partner", "99");
        assert_missing(nobody.notes(), "Partner", "99");
        assert_missing(nobody.country_id().name(), "Partner", "99");
        assert_missing(nobody.country_id().id(), "Partner", "99");
        assert_missing(nobody.to_model().map(drop), "Partner", "99");
        assert_missing(db.record::<Partner>(99).name(), "Partner", "99");
        assert_missing(db.browse::<Partner>([99]).name(), "Partner", "99");
    });
    Ok(())
}

#[test]
fn absent_rows_are_not_asked_for_with_others() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    assert_missing(db.record::<Partner>(99).name(), "Partner", "99");
    db.assert_keys(&[2], || db.browse::<Partner>([1, 99, 2]).first().expect("one").name())?;
    Ok(())
}

#[test]
fn a_set_with_an_absent_record_names_it() {
    let db = TestDb::of_partners(10, 2);
    assert_missing(db.browse::<Partner>([1, 99, 2]).name(), "Partner", "99");
}

#[test]
fn a_link_to_nowhere() -> Result<()> {
    let db = TestDb::of_partners(20, 2);
    db.file.run("DELETE FROM countries WHERE id = 2");
    let set = db.all::<Partner>()?;
    db.assert_keys(&[2], || {
        for partner in &set {
            match partner.country_id().id()? {
                Some(2) => assert_missing(partner.country_id().name(), "Country", "2"),
                Some(_) => assert_eq!(partner.country_id().name()?, Some("Country number 1".into())),
                None => assert_eq!(partner.country_id().name()?, None),
            }
        }
        Ok(())
    })
}

#[test]
fn a_search_that_finds_it_again_forgets_that_it_was_absent() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let late = db.record::<Partner>(11);
    assert_missing(late.name(), "Partner", "11");
    db.file.run("INSERT INTO partners SELECT 11, 'late', lang, email, phone, city, active, credit, country_id, parent_id, notes FROM partners WHERE id = 1");
    assert_missing(late.name(), "Partner", "11");
    partners::table.filter(partners::id.eq(11)).records::<Partner>(&db)?;
    assert_eq!(late.name()?, "late");
    Ok(())
}

#[test]
fn so_do_invalidation_and_a_value_put_and_exists() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let forgets: [(&str, &dyn Fn()); 5] = [
        ("invalidate", &|| db.cache().invalidate(Partner::NAME, [12])),
        ("invalidate_field", &|| db.cache().invalidate_field(Partner::NAME)),
        ("invalidate_model", &|| db.cache().invalidate_model::<Partner>()),
        ("clear", &|| db.cache().clear()),
        ("exists", &|| assert!(db.record::<Partner>(12).exists().expect("an answer"))),
    ];
    for (what, forget) in forgets {
        let late = db.record::<Partner>(12);
        db.file.run("DELETE FROM partners WHERE id = 12");
        db.cache().clear();
        assert_missing(late.name(), "Partner", "12");
        db.file.run("INSERT INTO partners SELECT 12, 'late', lang, email, phone, city, active, credit, country_id, parent_id, notes FROM partners WHERE id = 1");
        forget();
        assert_eq!(late.name().unwrap_or_default(), "late", "after {what}");
    }
    Ok(())
}

#[test]
fn exists_asks_the_database() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    db.assert_keys(&[1, 1], || {
        assert!(db.record::<Partner>(1).exists()?);
        assert!(!db.record::<Partner>(99).exists()?);
        Ok::<_, Error>(())
    })?;
    let set = db.browse::<Partner>([5, 99, 1, 98, 5]);
    let there = db.assert_queries(1, || set.exists())?;
    assert_eq!(there.ids(), [5, 1, 5]);
    // What was found out is remembered.
    db.assert_queries(0, || assert_missing(db.record::<Partner>(98).name(), "Partner", "98"));
    Ok(())
}

#[test]
fn a_record_that_was_cached_stays_readable_after_its_row_is_gone() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.all::<Partner>()?;
    db.file.run("DELETE FROM partners WHERE id = 3");
    assert_eq!(db.assert_queries(0, || set.name())?[2], "Partner number 3");
    // The deferred column was never read: now it shows.
    db.assert_keys(&[10], || {
        for partner in &set {
            if partner.id() == 3 {
                assert_missing(partner.notes(), "Partner", "3");
            } else {
                assert!(partner.notes()?.is_some());
            }
        }
        Ok(())
    })
}

#[test]
fn prefetching_leaves_absent_rows_out() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let set = db.browse::<Partner>([1, 99, 2]);
    set.prefetch()?;
    set.prefetch_field(Partner::NOTES)?;
    assert_missing(db.record::<Partner>(99).prefetch(), "Partner", "99");
    Ok(())
}

#[test]
fn a_missing_row_that_is_asked_for_twice_does_not_exist_either() -> Result<()> {
    let db = TestDb::of_partners(5, 1);
    let twice = db.browse::<Partner>([99, 1, 99]);
    assert_eq!(twice.exists()?.ids(), [1]);
    assert!(db.record::<Partner>(99).name().is_err_and(|error| error.is_missing_record()));
    Ok(())
}
