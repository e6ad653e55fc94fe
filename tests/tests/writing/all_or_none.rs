//! W8: a call that is refused has done nothing, also where its transaction goes on afterwards.

use diesel::prelude::*;
use orm_core::Error;
use orm_core::Result;
use orm_tests::bank::*;
use orm_tests::on;

#[test]
fn of_records_to_be_deleted() -> Result<()> {
    let db = bank();
    db.all::<Account>()?;
    db.transaction(|| {
        let error = db.browse::<Account>([1, 2, 99]).delete().unwrap_err();
        assert!(matches!(&error, Error::MissingRecord { model: "Account", id } if id == "99"), "{error}");
        assert_eq!(db.record::<Account>(1).balance()?, 100);
        assert_eq!(db.all::<Account>()?.len(), 4);
        Ok(())
    })?;
    assert_eq!(balances(&db.file).len(), 4);
    Ok(())
}

#[test]
fn of_records_to_be_created() -> Result<()> {
    let db = bank();
    let made = db.transaction(|| {
        // On SQLite each set of fields is an INSERT of its own; the second one is refused.
        let account = |iban: &str| Account::values().iban(iban).owner_id(1);
        let error = db.create_many([account("NEW"), account("BE1").balance(1)]).unwrap_err();
        assert_eq!(error.violation().and_then(|violation| violation.column).as_deref(), Some("iban"));
        assert_eq!(db.record::<Owner>(1).account_ids().ids()?, [1, 2]);
        db.create(account("NEW"))?;
        Ok(())
    });
    // PostgreSQL gives the whole transaction up.
    assert_eq!(
        (made.is_ok(), balances(&db.file).len()),
        on!(sqlite(true, 5), postgres(false, 4), mysql(true, 5))
    );
    Ok(())
}

#[test]
fn what_needs_one_statement_needs_no_savepoint() -> Result<()> {
    let db = bank();
    db.transaction(|| {
        db.create_many(["A", "B"].map(|iban| Account::values().iban(iban).owner_id(1)))?;
        db.record::<Account>(3).delete()
    })?;
    assert_eq!(db.statements.control(), ["BEGIN", "COMMIT"]);
    Ok(())
}

#[test]
fn what_is_one_statement_needs_no_transaction_of_its_own() -> Result<()> {
    let db = bank();
    let account = db.create(Account::values().iban("A").owner_id(1))?;
    db.upsert(Account::IBAN, Account::values().iban("A").owner_id(2))?;
    account.update(accounts::balance.eq(accounts::balance + 1))?;
    account.delete()?;
    // Where the key has to be asked for afterwards it is two.
    let is_two = cfg!(feature = "mysql");
    let control = |last| {
        if is_two {
            vec!["BEGIN", "COMMIT", "BEGIN", "COMMIT"].into_iter().chain(last).collect()
        } else {
            Vec::new()
        }
    };
    assert_eq!(db.statements.control(), control(vec![]));
    // Nor does one that is refused.
    assert!(account.delete().is_err_and(|error| error.is_missing_record()));
    assert!(db.create(Account::values().iban("BE1").owner_id(1)).is_err());
    assert_eq!(
        db.statements.control(),
        control(vec![
            "BEGIN",
            "SAVEPOINT orm_core_is_open",
            "RELEASE SAVEPOINT orm_core_is_open",
            "ROLLBACK"
        ])
    );
    Ok(())
}
