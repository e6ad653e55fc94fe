//! W8, W9: after a rollback the cache says what the database says; a commit keeps it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

fn undone() -> Error {
    Error::other("undone")
}

/// What is cached of a partner must be what the database holds.
fn assert_agrees(db: &TestDb, id: i32) {
    let row: Option<(String, Option<i32>)> = partners::table
        .find(id)
        .select((partners::name, partners::country_id))
        .first(&mut db.file.connect())
        .optional()
        .expect("the row");
    if let Some(name) = db.cache().get(Partner::NAME, id) {
        assert_eq!(Some(&*name), row.as_ref().map(|(name, _)| name.as_str()));
    }
    if let Some(country) = db.cache().get(Partner::COUNTRY_ID, id) {
        assert_eq!(Some(country), row.map(|(_, country)| country));
    }
}

#[test]
fn an_error_undoes_what_was_written_read_moved_created_and_deleted() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let partners = db.all::<Partner>()?;
    let (one, two, three) = (db.record::<Partner>(1), db.record::<Partner>(2), db.record::<Partner>(3));
    let lists = |db: &TestDb| {
        (1..=4).map(|id| db.record::<Country>(id).partner_ids().ids()).collect::<Result<Vec<_>>>()
    };
    let before = lists(&db)?;
    let mut created = None;
    let result = db.transaction(|| {
        one.set_name("changed")?;
        two.set_country_id(4)?;
        three.delete()?;
        let values = Partner::values().name("new").email("").phone("").city("").active(true).credit(0.0);
        created = Some(db.create(values.country_id(1))?.id());
        db.flush()?;
        db.cache().clear();
        // Loaded inside: it is of a row that will not be so.
        assert_eq!(one.name()?, "changed");
        Err::<(), _>(undone())
    });
    assert_eq!(result.expect_err("undone").to_string(), "undone");
    assert_eq!(db.stats().dirty, 0);
    (1..=40).for_each(|id| assert_agrees(&db, id));
    assert_eq!(one.name()?, "Partner number 1");
    assert_eq!(three.name()?, "Partner number 3");
    assert_eq!(lists(&db)?, before);
    let created = created.expect("a key");
    assert!(db.record::<Partner>(created).name().expect_err("undone").is_missing_record());
    assert_eq!(partners.name()?.len(), 40);
    Ok(())
}

#[test]
fn a_commit_keeps_the_cache() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let partners = db.all::<Partner>()?;
    db.transaction(|| partners.iter().try_for_each(|partner| partner.set_name("same")))?;
    db.assert_queries(0, || {
        assert!(partners.name().unwrap().iter().all(|name| name == "same"));
        assert_eq!(partners.email().unwrap().len(), 40);
    });
    Ok(())
}

#[test]
fn a_savepoint_undoes_its_own_part() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let (one, two) = (db.record::<Partner>(1), db.record::<Partner>(2));
    db.transaction(|| {
        one.set_name("outer")?;
        let inner = db.transaction(|| {
            one.set_name("inner")?;
            two.set_name("inner")?;
            db.flush()?;
            db.transaction(|| two.set_name("innermost"))?;
            Err::<(), _>(undone())
        });
        assert!(inner.is_err());
        assert_eq!((one.name()?.as_str(), two.name()?.as_str()), ("outer", "Partner number 2"));
        db.transaction(|| two.set_city("kept"))
    })?;
    assert_eq!(
        db.file.values("SELECT name || city AS value FROM partners WHERE id < 3"),
        ["outerCity 1", "Partner number 2kept"]
    );
    assert_eq!((one.name()?.as_str(), two.city()?.as_str()), ("outer", "kept"));
    assert_eq!(
        db.statements.control(),
        [
            "BEGIN",
            "SAVEPOINT diesel_savepoint_1",
            "SAVEPOINT diesel_savepoint_2",
            "RELEASE SAVEPOINT diesel_savepoint_2",
            "ROLLBACK TO SAVEPOINT diesel_savepoint_1",
            "SAVEPOINT diesel_savepoint_1",
            "RELEASE SAVEPOINT diesel_savepoint_1",
            "COMMIT"
        ]
    );
    Ok(())
}

#[test]
fn a_panic_undoes_it_too() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let one = db.record::<Partner>(1);
    one.name()?;
    let result = catch_unwind(AssertUnwindSafe(|| {
        db.transaction(|| -> Result<()> {
            one.set_name("changed")?;
            db.flush()?;
            panic!("in the middle");
        })
    }));
    assert!(result.is_err());
    assert_eq!(one.name()?, "Partner number 1");
    one.set_name("after")?;
    assert_eq!(db.file.values("SELECT name AS value FROM partners WHERE id = 1"), ["after"]);
    Ok(())
}

#[test]
fn a_flush_that_failed_cannot_be_committed() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    db.file.run("CREATE UNIQUE INDEX names ON partners (name)");
    let (one, two) = (db.record::<Partner>(1), db.record::<Partner>(2));
    let result = db.transaction(|| {
        two.set_city("first")?;
        db.flush()?;
        one.set_name("Partner number 9")?;
        // Nobody looks at what this says.
        let _ = db.flush();
        Ok(())
    });
    let error = result.expect_err("there is such a name");
    // MySQL names the key.
    let column = if cfg!(feature = "mysql") { "names" } else { "name" };
    assert_eq!(
        error.violation().map(|violation| (violation.kind, violation.model, violation.column)),
        Some((orm_core::ViolationKind::Unique, "Partner", Some(column.into())))
    );
    assert!(error.to_string().starts_with("writing Partner.name of 1: "), "{error}");
    assert_eq!((one.name()?.as_str(), two.city()?.as_str()), ("Partner number 1", "City 2"));
    // A nested one does not take the outer one with it.
    db.transaction(|| {
        two.set_city("kept")?;
        assert!(db.transaction(|| one.set_name("Partner number 9")).is_err());
        assert_eq!(one.name()?, "Partner number 1");
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT city AS value FROM partners WHERE id = 2"), ["kept"]);
    Ok(())
}

#[test]
fn a_setter_that_was_refused_leaves_the_old_value() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    db.file.run("CREATE UNIQUE INDEX names ON partners (name)");
    let partners = db.browse::<Partner>([1, 2]);
    partners.name()?;
    assert!(partners.first().expect("one").set_name("Partner number 9").is_err());
    assert!(partners.write(Partner::values().name("both").city("both")).is_err());
    assert_eq!(db.stats().dirty, 0);
    assert_eq!(partners.name()?, ["Partner number 1", "Partner number 2"]);
    assert_eq!(partners.city()?, ["City 1", "City 2"]);
    Ok(())
}

/// Also within one millisecond: what came before is told by order, not by the clock.
#[test]
fn what_was_loaded_before_it_began_stays_cached() -> Result<()> {
    for _ in 0..30 {
        let db = TestDb::of_partners(40, 4);
        let partners = db.all::<Partner>()?;
        partners.country_id().name()?;
        let undone: Result<()> = db.transaction(|| {
            db.record::<Partner>(1).set_name("gone")?;
            Err(undone())
        });
        assert!(undone.is_err());
        // The one that was written is read again, and nothing else.
        db.assert_keys(&[1], || partners.name())?;
        db.assert_queries(0, || partners.country_id().name())?;
    }
    Ok(())
}

#[test]
fn a_row_that_was_known_to_be_gone_before_it_began_is_not_asked_for_again() -> Result<()> {
    let db = TestDb::of_partners(4, 2);
    let (before, within) = (db.record::<Partner>(98), db.record::<Partner>(99));
    assert!(before.name().is_err());
    let result: Result<()> = db.transaction(|| {
        assert!(within.name().is_err());
        Err(undone())
    });
    assert!(result.is_err());
    assert!(db.assert_queries(0, || before.name()).is_err_and(|error| error.is_missing_record()));
    assert!(db.assert_queries(1, || within.name()).is_err_and(|error| error.is_missing_record()));
    Ok(())
}
