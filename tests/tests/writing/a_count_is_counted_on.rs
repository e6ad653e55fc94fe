//! A count that is known is counted on when members come and go; where that cannot be known it is asked for again.

use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::bank::*;

/// How many accounts and guaranteed accounts each owner has, and each label, with no statement
fn counts(db: &TestDb) -> Result<Vec<usize>> {
    db.assert_queries(0, || {
        let owners = (1..=3).map(|id| db.record::<Owner>(id));
        owners.map(|owner| owner.account_ids().len()).collect()
    })
}

fn counted() -> Result<TestDb> {
    let db = bank();
    assert_eq!(db.all::<Owner>()?.map(|owner| owner.account_ids().len())?, [2, 1, 1]);
    db.browse::<Account>(1..=4).owner_id().ids()?;
    Ok(db)
}

/// What is counted on is what the database counts.
fn assert_agrees(db: &TestDb) -> Result<()> {
    let on = counts(db)?;
    db.cache().clear();
    let fresh: Vec<usize> = db.all::<Owner>()?.map(|owner| owner.account_ids().len())?;
    assert_eq!(on, fresh);
    Ok(())
}

#[test]
fn when_a_link_is_set() -> Result<()> {
    let db = counted()?;
    db.record::<Account>(1).set_owner_id(3)?;
    assert_eq!(counts(&db)?, [1, 1, 2]);
    // To where it is already
    db.record::<Account>(1).set_owner_id(3)?;
    db.transaction(|| db.browse::<Account>([1, 2, 3]).write(Account::values().owner_id(2)))?;
    assert_eq!(counts(&db)?, [0, 3, 1]);
    assert_agrees(&db)
}

#[test]
fn when_members_are_created_and_added() -> Result<()> {
    let db = counted()?;
    db.create(Account::values().iban("N1").owner_id(3))?;
    db.record::<Owner>(3).account_ids().create(Account::values().iban("N2"))?;
    assert_eq!(counts(&db)?, [2, 1, 3]);
    let account = db.record::<Account>(4);
    db.record::<Owner>(1).account_ids().add(&account)?;
    db.record::<Owner>(1).account_ids().add(&account)?;
    assert_eq!(counts(&db)?, [3, 1, 2]);
    assert_agrees(&db)
}

#[test]
fn a_rollback_takes_what_was_counted_in_it() -> Result<()> {
    let db = counted()?;
    let undone: Result<()> = db.transaction(|| {
        db.record::<Account>(1).set_owner_id(3)?;
        assert_eq!(counts(&db)?, [1, 1, 2]);
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    // The two that were changed are asked for again, the third one is as it was.
    db.assert_queries(0, || db.record::<Owner>(2).account_ids().len())?;
    let owners = db.browse::<Owner>(1..=3);
    assert_eq!(db.assert_queries(1, || owners.map(|owner| owner.account_ids().len()))?, [2, 1, 1]);
    Ok(())
}

#[test]
fn of_a_member_whose_link_is_not_known_it_is_asked_again() -> Result<()> {
    let db = bank();
    db.all::<Owner>()?.map(|owner| owner.account_ids().len())?;
    db.record::<Account>(1).set_owner_id(3)?;
    let owners = db.browse::<Owner>(1..=3);
    assert_eq!(db.assert_queries(1, || owners.map(|owner| owner.account_ids().len()))?, [1, 1, 2]);
    Ok(())
}

#[test]
fn of_pairs_where_one_side_is_listed() -> Result<()> {
    let db = bank();
    let labels = db.all::<Label>()?;
    let before = labels.map(|label| label.account_ids().len())?;
    let account = db.record::<Account>(2);
    account.label_codes().load()?;
    let blue = db.record::<Label>("blue");
    account.label_codes().add(&blue)?;
    // Twice in one call, and once more
    let twice = db.collect([&blue, &blue]);
    account.label_codes().add(&twice)?;
    let on = db.assert_queries(0, || labels.map(|label| label.account_ids().len()))?;
    account.label_codes().remove(&blue)?;
    assert_eq!(db.assert_queries(0, || labels.map(|label| label.account_ids().len()))?, before);
    assert_eq!(on.iter().sum::<usize>(), before.iter().sum::<usize>() + 1);
    db.cache().clear();
    assert_eq!(labels.map(|label| label.account_ids().len())?, before);
    Ok(())
}
