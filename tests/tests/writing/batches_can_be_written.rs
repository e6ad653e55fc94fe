//! P14 and W3: what a loop over batches writes is sent before the batch is freed.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::bank::*;

#[test]
fn within_a_transaction() -> Result<()> {
    let db = bank();
    db.transaction(|| {
        db.in_batches(accounts::table.order(accounts::id.desc()), 1, |batch: RecordSet<Account>| {
            for account in &batch {
                account.set_balance(account.balance()? + 1)?;
                account.label_codes().add(&db.record("blue"))?;
            }
            Ok(())
        })
    })?;
    assert_eq!(balances(&db.file), [(1, 101), (2, 201), (3, 301), (4, 401)]);
    assert_eq!(db.record::<Label>("blue").account_ids().ids()?, [1, 2, 3, 4]);
    Ok(())
}

#[test]
fn and_left_early() -> Result<()> {
    let db = bank();
    db.transaction(|| {
        let mut batches = db.batches::<Account, _>(accounts::table.order(accounts::id), 2)?;
        batches.next().expect("a batch")?.set_balance(7)
    })?;
    assert_eq!(balances(&db.file), [(1, 7), (2, 7), (3, 300), (4, 400)]);
    Ok(())
}

#[test]
fn a_refused_one_ends_the_loop() -> Result<()> {
    let db = bank();
    let refused = db.transaction(|| {
        let mut batches = 0;
        let result = db.in_batches(accounts::table.order(accounts::id), 1, |batch: RecordSet<Account>| {
            batches += 1;
            batch.set_balance(-1)
        });
        assert!(result.as_ref().is_err_and(|error| error.violation().is_some()), "{result:?}");
        assert_eq!(batches, 1);
        result
    });
    assert!(refused.is_err());
    assert_eq!(balances(&db.file), [(1, 100), (2, 200), (3, 300), (4, 400)]);
    Ok(())
}
