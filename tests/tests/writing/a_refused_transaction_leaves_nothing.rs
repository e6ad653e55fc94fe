//! W8: whatever a transaction ends with, an error, a panic, a refused flush or commit, all of it is undone: in the rows
//! and in the cache.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::prelude::*;
use orm_core::{Error, Result, ViolationKind};
use orm_tests::bank::*;
use orm_tests::{TestDb, on};

/// The rows and the cache are as at the start.
fn is_untouched(db: &TestDb) -> Result<()> {
    assert_eq!(db.stats().dirty, 0);
    assert_eq!(balances(&db.file), [(1, 100), (2, 200), (3, 300), (4, 400)]);
    let names: Vec<String> =
        owners::table.order(owners::id).select(owners::name).load(&mut db.file.connect())?;
    assert_eq!(names, ["Ann", "Bob", "Cid"]);
    assert_eq!(db.browse::<Account>(1..=4).balance()?, [100, 200, 300, 400]);
    assert_eq!(db.browse::<Account>(1..=4).version()?, [1, 1, 1, 1]);
    assert_eq!(db.browse::<Owner>(1..=3).name()?, ["Ann", "Bob", "Cid"]);
    assert_eq!(db.record::<Owner>(1).account_ids().ids()?, [1, 2]);
    assert_eq!(db.record::<Owner>(1).guaranteed_ids().ids()?, [3, 4]);
    assert_eq!(db.record::<Label>("blue").account_ids().ids()?, [1, 3]);
    assert!(db.record::<Owner>(4).name().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

/// All of it was read before, so that the cache has something to be wrong about.
fn read_bank() -> Result<TestDb> {
    let db = bank();
    is_untouched(&db)?;
    Ok(db)
}

/// Writes of every kind
fn write(db: &TestDb) -> Result<()> {
    db.record::<Owner>(1).set_name("Anna")?;
    db.record::<Account>(1).set_balance(1)?;
    db.record::<Account>(2).set_owner_id(2)?;
    db.record::<Account>(2).set_guarantor_id(1)?;
    db.record::<Label>("blue").account_ids().remove(&db.record(3))?;
    let dora = db.create(Owner::values().name("Dora"))?;
    dora.account_ids().create(Account::values().iban("BE9"))?;
    db.flush()?;
    db.record::<Account>(3).set_balance(3)?;
    db.record::<Account>(4).delete()?;
    db.record::<Account>(1).set_balance(2)
}

#[test]
fn of_an_error() -> Result<()> {
    let db = read_bank()?;
    let error = db.transaction(|| write(&db).and(Err::<(), _>(Error::other("no")))).unwrap_err();
    assert_eq!(error.to_string(), "no");
    is_untouched(&db)
}

#[test]
fn of_a_panic() -> Result<()> {
    let db = read_bank()?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        db.transaction(|| {
            write(&db)?;
            if db.stats().dirty > 0 {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            Ok(())
        })
    }));
    assert!(panicked.is_err());
    is_untouched(&db)?;
    // The environment goes on.
    db.record::<Account>(1).set_balance(7)?;
    assert_eq!(balances(&db.file)[0], (1, 7));
    Ok(())
}

#[test]
fn of_a_panic_inside_another() -> Result<()> {
    let db = read_bank()?;
    db.transaction(|| {
        db.record::<Account>(4).set_balance(44)?;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            db.transaction(|| {
                write(&db)?;
                std::panic::resume_unwind(Box::new("on purpose"));
                #[allow(unreachable_code)]
                Ok(())
            })
        }));
        assert!(panicked.is_err());
        // What the outer one wrote is still there, and seen.
        assert_eq!(db.record::<Account>(4).balance()?, 44);
        assert_eq!(db.browse::<Account>(1..=3).balance()?, [100, 200, 300]);
        db.record::<Account>(4).set_balance(400)
    })?;
    db.execute(diesel::update(accounts::table).set(accounts::version.eq(1)))?;
    is_untouched(&db)
}

#[test]
fn of_a_statement_in_the_middle_of_a_flush() -> Result<()> {
    // Several models, several sets of fields in one, which go together, and pairs: each is refused once.
    for refused in 0..4 {
        let db = read_bank()?;
        let error = db
            .transaction(|| {
                db.record::<Owner>(1).set_name(if refused == 0 { "Bob" } else { "Anna" })?;
                db.record::<Account>(1).set_balance(if refused == 1 { -1 } else { 1 })?;
                db.record::<Account>(2).set_iban(if refused == 2 { "BE3" } else { "BE8" })?;
                db.record::<Label>("red").set_title("Rot")?;
                db.record::<Account>(3).label_codes().add(&db.record(if refused == 3 {
                    "pink"
                } else {
                    "red"
                }))
            })
            .unwrap_err();
        let violation = error.violation().expect("a violation");
        let kinds =
            [ViolationKind::Unique, ViolationKind::Check, ViolationKind::Unique, ViolationKind::ForeignKey];
        assert_eq!(violation.kind, kinds[refused], "{error}");
        let doing = [
            "writing Owner.name of 1: ",
            "writing Account.balance, iban of 1, 2: ",
            "writing Account.balance, iban of 1, 2",
            "adding 1 pairs of Account.label_codes",
        ];
        assert!(error.to_string().starts_with(doing[refused]), "{error}");
        is_untouched(&db)?;
        assert_eq!(db.record::<Label>("red").title()?, "Red");
        assert_eq!(db.record::<Account>(3).label_codes().ids()?, ["blue"]);
    }
    Ok(())
}

#[test]
fn of_a_flush_whose_error_was_swallowed() -> Result<()> {
    let db = read_bank()?;
    let error = db
        .transaction(|| {
            db.record::<Account>(1).set_balance(-1)?;
            assert!(db.flush().is_err());
            // Even if nothing is wrong any more: what was lost on the way nobody knows.
            db.record::<Account>(1).set_balance(1)?;
            db.create(Owner::values().name("Dora")).map(drop)
        })
        .unwrap_err();
    assert_eq!(error.violation().expect("a violation").kind, ViolationKind::Check);
    is_untouched(&db)?;
    // The same where a search sent it.
    let searched = db.transaction(|| {
        db.record::<Account>(1).set_balance(-1)?;
        assert!(db.all::<Account>().is_err());
        Ok(())
    });
    assert!(searched.is_err());
    is_untouched(&db)?;
    // In a level of its own only that is lost.
    db.transaction(|| {
        let inner = db.transaction(|| {
            db.record::<Account>(1).set_balance(-1)?;
            assert!(db.flush().is_err());
            Ok(())
        });
        assert!(inner.is_err());
        assert_eq!(db.record::<Account>(1).balance()?, 100);
        db.record::<Account>(2).set_balance(222)
    })?;
    assert_eq!(balances(&db.file)[..2], [(1, 100), (2, 222)]);
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "it has no deferred constraints")]
fn of_a_commit_that_a_deferred_foreign_key_refuses() -> Result<()> {
    let db = read_bank()?;
    for nested in [false, true] {
        let error = db
            .transaction(|| {
                write(&db)?;
                let set = || db.record::<Account>(3).set_guarantor_id(99);
                if nested { db.transaction(set) } else { set() }
            })
            .unwrap_err();
        assert_eq!(error.violation().expect("a violation").kind, ViolationKind::ForeignKey);
        assert!(error.to_string().starts_with("committing a transaction: "), "{error}");
        is_untouched(&db)?;
    }
    db.transaction(|| {
        db.record::<Account>(3).set_guarantor_id(4)?;
        db.flush()?;
        db.create(Owner::values().id(4).name("Dora")).map(drop)
    })?;
    assert_eq!(db.record::<Owner>(4).guaranteed_ids().ids()?, [3]);
    Ok(())
}

/// A setter outside of a transaction that the database refuses
#[test]
fn a_refused_setter_leaves_what_was_loaded_before_it() -> Result<()> {
    for _ in 0..on!(sqlite 30, postgres 5, mysql 5) {
        let db = bank();
        let owners = db.all::<Owner>()?;
        db.file.run("CREATE TRIGGER refuse BEFORE UPDATE ON owners BEGIN SELECT RAISE(ABORT, 'no'); END");
        assert!(db.record::<Owner>(2).set_name("Bert").is_err());
        db.assert_keys(&[1], || owners.name())?;
        db.assert_queries(0, || db.record::<Owner>(1).name())?;
    }
    Ok(())
}
