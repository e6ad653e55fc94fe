//! W7: a write that finds its row gone, or changed since it was read, is an error that names it.

use orm_core::{Error, Result};
use orm_tests::bank::*;
use orm_tests::{TestDb, on};

fn is_conflict_of(error: &Error, key: &str) -> bool {
    matches!(error, Error::Conflict { model: "Account", id } if id == key)
}

fn somebody_else_changes(db: &TestDb, id: i32) {
    db.file.run(&format!("UPDATE accounts SET balance = balance + 5, version = version + 1 WHERE id = {id}"));
}

#[test]
fn a_row_that_never_was() -> Result<()> {
    let db = bank();
    for records in [db.browse::<Account>([99]), db.browse([1, 99]), db.browse([99, 1])] {
        let error = records.set_balance(1).unwrap_err();
        assert!(matches!(&error, Error::MissingRecord { model: "Account", id } if id == "99"), "{error}");
    }
    let error = db.record::<Owner>(99).set_name("Nobody").unwrap_err();
    assert!(matches!(&error, Error::MissingRecord { model: "Owner", id } if id == "99"), "{error}");
    assert_eq!(balances(&db.file)[0], (1, 100));
    Ok(())
}

#[test]
fn a_row_that_somebody_else_deleted() -> Result<()> {
    let db = bank();
    let (entries, accounts) = (db.all::<Entry>()?, db.all::<Account>()?);
    db.file.run("DELETE FROM entries WHERE id = 2; DELETE FROM accounts WHERE id = 4");
    let error = db.transaction(|| entries.set_amount(1)).unwrap_err();
    assert!(matches!(&error, Error::MissingRecord { model: "Entry", id } if id == "2"), "{error}");
    let error = db.transaction(|| accounts.set_balance(1)).unwrap_err();
    assert!(matches!(&error, Error::MissingRecord { model: "Account", id } if id == "4"), "{error}");
    // The others are as they were, here and there.
    assert_eq!(db.record::<Entry>(1).amount()?, 60);
    assert_eq!(balances(&db.file), [(1, 100), (2, 200), (3, 300)]);
    let error = db.record::<Account>(4).delete().unwrap_err();
    assert!(error.is_missing_record(), "{error}");
    Ok(())
}

#[test]
fn a_row_that_somebody_else_changed() -> Result<()> {
    let db = bank();
    let accounts = db.all::<Account>()?;
    somebody_else_changes(&db, 3);
    let raise = || {
        db.transaction(|| {
            for account in &accounts {
                account.set_balance(account.balance()? + 1)?;
            }
            Ok(())
        })
    };
    let error = raise().unwrap_err();
    assert!(is_conflict_of(&error, "3"), "{error}");
    assert_eq!(balances(&db.file), [(1, 100), (2, 200), (3, 305), (4, 400)]);
    // What was read of it is no basis for another try: the second one reads it again.
    raise()?;
    assert_eq!(balances(&db.file), [(1, 101), (2, 201), (3, 306), (4, 401)]);
    assert_eq!(accounts.version()?, [2, 2, 3, 2]);
    Ok(())
}

#[test]
fn also_if_the_version_has_left_the_cache_since() -> Result<()> {
    let db = bank();
    for leave in [0, 1, 2] {
        let account = db.record::<Account>(1);
        let raised = account.balance()? + 1;
        let error = db
            .transaction(|| {
                account.set_balance(raised)?;
                match leave {
                    0 => db.cache().invalidate_field(Account::VERSION),
                    1 => db.cache().clear(),
                    _ => db.cache().set_limit(0),
                }
                somebody_else_changes(&db, 1);
                Ok(())
            })
            .unwrap_err();
        assert!(is_conflict_of(&error, "1"), "{leave}: {error}");
        assert_eq!(account.balance()?, raised + 4);
    }
    Ok(())
}

#[test]
fn in_a_cache_that_has_no_room_for_all_versions() -> Result<()> {
    let db = bank();
    db.create_many((0..300).map(|n| Account::values().iban(format!("N{n}")).owner_id(2).balance(n)))?;
    db.file.run("UPDATE accounts SET version = id");
    db.cache().clear();
    db.cache().set_limit(3);
    let accounts = db.all::<Account>()?;
    db.transaction(|| {
        for account in &accounts {
            account.set_balance(i64::from(account.id()))?;
        }
        Ok(())
    })?;
    assert!(balances(&db.file).iter().all(|&(id, balance)| i64::from(id) == balance));
    assert!(
        accounts.iter().all(|account| account.version().is_ok_and(|version| version == account.id() + 1))
    );
    Ok(())
}

#[test]
fn members_are_taken_away_although_not_all_links_find_room() -> Result<()> {
    let db = bank();
    db.create_many((0..300).map(|n| Account::values().iban(format!("N{n}")).owner_id(2).guarantor_id(3)))?;
    db.cache().clear();
    db.cache().set_limit(3);
    let cid = db.record::<Owner>(3);
    let guaranteed = cid.guaranteed_ids().load()?;
    assert_eq!(guaranteed.len(), 300);
    cid.guaranteed_ids().remove(&guaranteed)?;
    assert_eq!(cid.guaranteed_ids().len()?, 0);
    Ok(())
}

#[test]
fn a_delete_is_based_on_what_was_read_as_well() -> Result<()> {
    let db = bank();
    let accounts = db.browse::<Account>([1, 2, 3]);
    accounts.balance()?;
    somebody_else_changes(&db, 2);
    // One by one, and as a set, of which then none is deleted.
    assert!(db.record::<Account>(2).delete().is_err_and(|error| error.is_conflict()));
    somebody_else_changes(&db, 1);
    let (result, sent) = db.watch(|| accounts.delete());
    assert!(result.is_err_and(|error| error.is_conflict()), "{sent:?}");
    assert_eq!(db.file.values("SELECT count(*) || '' AS value FROM accounts"), ["4"]);
    accounts.refresh()?;
    // MySQL does not say which rows had another version: they are locked and looked at before.
    db.assert_queries(on!(sqlite 1, postgres 1, mysql 2), || accounts.delete())?;
    assert_eq!(db.file.values("SELECT id AS value FROM accounts"), ["4"]);
    // What was never read is not compared.
    let unread = db.record::<Account>(4);
    somebody_else_changes(&db, 4);
    db.assert_queries(1, || unread.delete())?;
    assert!(unread.delete().is_err_and(|error| error.is_missing_record()));
    // A row that is gone is not one that was changed.
    let gone = db.create(Account::values().iban("X").owner_id(2))?;
    db.file.run("DELETE FROM accounts");
    assert!(gone.delete().is_err_and(|error| error.is_missing_record()));
    Ok(())
}
