//! A row that may be there already by another unique key than its primary one, and may lead elsewhere then: whom it leaves and whom it comes
//! to have stored values that follow from it.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result, Upsert, Values};
use orm_tests::{File, TestDb, test_db};

diesel::table! { accounts { id -> Integer, sum -> BigInt } }
diesel::table! { entries { id -> Integer, reference -> Text, account_id -> Nullable<Integer>, amount -> BigInt } }

#[derive(Model)]
struct Account {
    id: i32,
    #[model(inverse = Entry::ACCOUNT_ID)]
    entry_ids: OneToMany<Entry>,
    #[model(compute = sum, stored, depends(entry_ids.amount))]
    sum: Computed<i64>,
}

fn sum(account: &Record<Account>) -> Result<i64> {
    Ok(account.entry_ids().amount()?.into_iter().sum())
}

#[derive(Model)]
#[model(table = entries)]
struct Entry {
    id: i32,
    reference: String,
    account_id: Option<Id<Account>>,
    amount: i64,
}

fn db() -> TestDb {
    let db = test_db!(File::new(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, sum BIGINT NOT NULL DEFAULT 0);
         CREATE TABLE entries (id INTEGER PRIMARY KEY, reference VARCHAR(10) NOT NULL UNIQUE, account_id INTEGER, amount BIGINT NOT NULL);
         INSERT INTO accounts VALUES (1, 30), (2, 40), (3, 0);
         INSERT INTO entries VALUES (1, 'x', 1, 10), (2, 'y', 1, 20), (3, 'z', 2, 40);"
    ));
    db.register::<Account>();
    db
}

/// The rows hold what SQL works out, and what is read is what they hold.
#[track_caller]
fn assert_sums(db: &TestDb, sums: [i64; 3]) {
    let off = db.file.values(
        "SELECT CAST(id AS CHAR(20)) AS value FROM accounts a
         WHERE sum <> (SELECT COALESCE(SUM(amount), 0) FROM entries WHERE account_id = a.id)",
    );
    assert_eq!(off, [""; 0], "accounts whose sum is another one");
    let read = [1, 2, 3].map(|id| db.record::<Account>(id).sum().expect("a sum"));
    assert_eq!(read, sums);
}

fn row(reference: &str, account: i32, amount: i64) -> Values<Entry> {
    Entry::values().id(amount as i32).reference(reference).account_id(Id::new(account)).amount(amount)
}

#[test]
fn who_loses_the_row_and_who_gets_it_are_computed() -> Result<()> {
    for is_cached in [false, true] {
        let db = db();
        let read = || {
            if is_cached {
                db.all::<Account>()?.iter().try_for_each(|account| account.entry_ids().amount().map(drop))?;
            }
            Ok::<_, Error>(())
        };
        read()?;
        db.upsert(Entry::REFERENCE, row("x", 2, 15))?;
        assert_sums(&db, [20, 55, 0]);
        read()?;
        // One leads elsewhere, one stays where it is, one is new.
        db.upsert_many(Entry::REFERENCE, [row("y", 3, 21), row("z", 2, 41), row("new", 1, 7)])?;
        assert_sums(&db, [7, 56, 21]);
        read()?;
        let moved = || Upsert::on(Entry::REFERENCE).set(entries::account_id.eq(1));
        db.upsert(moved(), row("y", 3, 1000))?;
        assert_sums(&db, [28, 56, 0]);
    }
    Ok(())
}

#[test]
fn where_it_led_is_where_it_waits_to_lead() -> Result<()> {
    let db = db();
    db.transaction(|| {
        db.record::<Entry>(1).set_account_id(Id::new(3))?;
        assert_eq!(db.record::<Account>(3).sum()?, 10);
        db.upsert(Entry::REFERENCE, row("x", 2, 15))?;
        let sums = [1, 2, 3].map(|id| db.record::<Account>(id).sum().expect("a sum"));
        assert_eq!(sums, [20, 55, 0]);
        Ok::<_, Error>(())
    })?;
    assert_sums(&db, [20, 55, 0]);
    // What is undone leaves the rows and their sums as they were.
    let undone: Result<()> = db.transaction(|| {
        db.upsert(Entry::REFERENCE, row("z", 1, 9))?;
        assert_eq!((db.record::<Account>(1).sum()?, db.record::<Account>(2).sum()?), (29, 15));
        Err(Error::other("no"))
    });
    assert!(undone.is_err());
    assert_sums(&db, [20, 55, 0]);
    Ok(())
}
