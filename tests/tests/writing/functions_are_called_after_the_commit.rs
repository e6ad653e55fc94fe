//! `after_commit`: in their order, after the COMMIT, and not if there was none.

use std::sync::{Arc, Mutex};

use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<&'static str>>>);

impl Calls {
    fn note(&self, db: &TestDb, name: &'static str) {
        let calls = self.clone();
        db.after_commit(move || calls.0.lock().expect("a lock").push(name));
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().expect("a lock"))
    }
}

fn undone() -> Error {
    Error::other("undone")
}

#[test]
fn in_their_order_when_all_is_committed() -> Result<()> {
    let (db, calls) = (TestDb::of_partners(5, 2), Calls::default());
    calls.note(&db, "outside");
    assert_eq!(calls.take(), ["outside"]);
    db.transaction(|| {
        calls.note(&db, "a");
        db.transaction(|| {
            calls.note(&db, "b");
            db.record::<Partner>(1).set_name("new")
        })?;
        calls.note(&db, "c");
        assert!(calls.take().is_empty());
        Ok(())
    })?;
    assert_eq!(calls.take(), ["a", "b", "c"]);
    // Not once more
    db.transaction(|| db.record::<Partner>(1).set_name("newer"))?;
    assert!(calls.take().is_empty());
    Ok(())
}

#[test]
fn what_is_undone_takes_its_own_along() -> Result<()> {
    let (db, calls) = (TestDb::of_partners(5, 2), Calls::default());
    db.transaction(|| {
        calls.note(&db, "a");
        let inner = db.transaction(|| {
            calls.note(&db, "b");
            db.transaction(|| {
                calls.note(&db, "committed in what is undone");
                Ok(())
            })?;
            Err::<(), _>(undone())
        });
        assert!(inner.is_err());
        calls.note(&db, "c");
        Ok(())
    })?;
    assert_eq!(calls.take(), ["a", "c"]);
    let refused = db.transaction(|| {
        calls.note(&db, "d");
        Err::<(), _>(undone())
    });
    assert!(refused.is_err());
    // A COMMIT that is refused, as what waited could not be written
    let refused = db.transaction(|| {
        calls.note(&db, "e");
        db.record::<Partner>(99).set_name("nobody")
    });
    assert!(refused.is_err_and(|error| error.is_missing_record()));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.transaction(|| -> Result<()> {
            calls.note(&db, "f");
            std::panic::resume_unwind(Box::new("thrown"));
        })
    }));
    assert!(panicked.is_err());
    db.transaction(|| Ok(()))?;
    assert!(calls.take().is_empty());
    Ok(())
}

#[test]
fn they_see_what_was_committed() -> Result<()> {
    let db = TestDb::of_partners(5, 2);
    let (file, seen) = (db.file.url(), Arc::new(Mutex::new(String::new())));
    let shown = Arc::clone(&seen);
    db.transaction(|| {
        db.after_commit(move || {
            let other: orm_core::Environment = orm_core::Environment::connect(&file).expect("a connection");
            *shown.lock().expect("a lock") = other.record::<Partner>(1).name().expect("a name").to_string();
        });
        db.record::<Partner>(1).set_name("committed")
    })?;
    assert_eq!(*seen.lock().expect("a lock"), "committed");
    Ok(())
}
