//! `set_ids`, `add_ids`, `remove_ids`: members by their keys, as a form sends them.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::bank::*;

#[test]
fn pairs_are_written_as_for_records() -> Result<()> {
    let db = bank();
    let account = db.record::<Account>(1);
    assert_eq!(account.label_codes().ids()?.len(), 2);
    // Nothing is read of the labels, and only what differs is sent.
    db.assert_queries(1, || account.label_codes().set_ids(["red"]))?;
    db.assert_queries(0, || account.label_codes().set_ids(["red"]))?;
    assert_eq!(account.label_codes().ids()?, ["red"]);
    // Keys by reference, ids, and any number of times
    account.label_codes().set_ids(&[Str::from("blue"), Str::from("blue")])?;
    assert_eq!(account.label_codes().ids()?, ["blue"]);
    account.label_codes().add_ids([Id::<Label>::new("red")])?;
    account.label_codes().remove_ids(["blue".to_owned()])?;
    assert_eq!(account.label_codes().ids()?, ["red"]);
    let stored = db.file.values("SELECT label_code AS value FROM account_labels WHERE account_id = 1");
    assert_eq!(stored, ["red"]);
    account.label_codes().set_ids([""; 0])?;
    assert!(account.label_codes().is_empty()?);
    // The other side is right at once.
    assert_eq!(db.record::<Label>("red").account_ids().ids()?, [0; 0]);
    Ok(())
}

#[test]
fn of_a_one2many_link_it_is_the_members_own_link() -> Result<()> {
    let db = bank();
    let owner = db.record::<Owner>(3);
    owner.guaranteed_ids().set_ids([1, 2])?;
    assert_eq!(owner.guaranteed_ids().ids()?, [1, 2]);
    assert_eq!(db.record::<Account>(2).guarantor_id().id()?, Some(3));
    owner.guaranteed_ids().set_ids(vec![2])?;
    assert_eq!(db.record::<Account>(1).guarantor_id().id()?, None);
    // One that is never NULL cannot be taken out.
    let refused = db.record::<Owner>(1).account_ids().set_ids([1]).unwrap_err();
    assert!(matches!(refused, Error::MissingValue { .. }), "{refused}");
    Ok(())
}

#[test]
fn a_key_that_nobody_has_is_a_violation() -> Result<()> {
    let db = bank();
    let account = db.record::<Account>(1);
    let refused = db.transaction(|| account.label_codes().set_ids(["pink"])).unwrap_err();
    assert!(refused.violation().is_some(), "{refused}");
    assert_eq!(account.label_codes().ids()?.len(), 2);
    Ok(())
}
