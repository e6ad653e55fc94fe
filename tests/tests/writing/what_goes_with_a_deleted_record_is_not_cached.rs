//! W6: what a foreign key deletes or changes with a record is missing afterwards, also where the records on the way were
//! never read.

use orm_core::{Result, ViolationKind};
use orm_tests::bank::*;

#[test]
fn behind_records_that_nobody_read() -> Result<()> {
    let db = bank();
    let entry = db.record::<Entry>(1);
    assert_eq!((entry.amount()?, entry.account_id().id()?), (60, 1));
    db.record::<Owner>(1).delete()?;
    // The account went with its owner, the entry with its account, of which nothing was cached.
    assert_eq!(db.cache().get(Entry::AMOUNT, 1), None);
    assert!(entry.amount().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn in_lists_of_keys() -> Result<()> {
    let db = bank();
    let bob = db.record::<Owner>(1);
    assert_eq!(bob.guaranteed_ids().ids()?, [3, 4]);
    let label = db.record::<Label>("blue");
    assert_eq!(label.account_ids().ids()?, [1, 3]);
    db.record::<Owner>(2).delete()?;
    assert_eq!(bob.guaranteed_ids().ids()?, [4]);
    assert_eq!(label.account_ids().ids()?, [1]);
    Ok(())
}

#[test]
fn among_members_that_were_only_counted() -> Result<()> {
    let db = bank();
    let (ann, label) = (db.record::<Owner>(1), db.record::<Label>("blue"));
    assert_eq!((ann.guaranteed_ids().len()?, label.account_ids().len()?), (2, 2));
    db.record::<Owner>(2).delete()?;
    assert_eq!((ann.guaranteed_ids().len()?, label.account_ids().len()?), (1, 1));
    Ok(())
}

#[test]
fn all_else_stays() -> Result<()> {
    let db = bank();
    db.all::<Account>()?;
    db.all::<Owner>()?;
    db.record::<Owner>(3).delete()?;
    db.assert_queries(0, || {
        assert_eq!(db.record::<Account>(1).iban()?, "BE1");
        assert_eq!(db.record::<Owner>(2).name()?, "Bob");
        Ok(())
    })
}

#[test]
fn a_row_that_is_needed_is_a_violation() -> Result<()> {
    let db = bank();
    let (red, account) = (db.record::<Label>("red"), db.record::<Account>(1));
    assert_eq!((red.title()?.as_str(), account.label_code().title()?.as_deref()), ("Red", Some("Red")));
    let error = red.delete().unwrap_err();
    let violation = error.violation().expect("a violation");
    assert_eq!((violation.kind, violation.model), (ViolationKind::ForeignKey, "Label"));
    assert!(error.to_string().starts_with("deleting Label of red: "), "{error}");
    assert_eq!(red.title()?, "Red");
    Ok(())
}
