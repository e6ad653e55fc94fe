//! E2: a lock, a full disk, a file that cannot be written: a clear error, nothing half written, the environment usable.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::bank::*;
use orm_tests::{File, TestDb};

fn set(db: &TestDb, pragma: &str) -> Result<()> {
    db.with_connection(|connection| Ok(connection.batch_execute(pragma)?))
}

/// What is cached of the balances, and in the rows
fn agree(db: &TestDb) {
    for (id, balance) in balances(&db.file) {
        if let Some(entry) = db.cache().entry(Account::BALANCE, id) {
            assert_eq!((entry.value, entry.dirty), (balance, false), "of {id}");
        }
    }
    assert_eq!(db.stats().dirty, 0);
}

#[test]
fn of_a_database_that_somebody_else_writes() -> Result<()> {
    let db = bank();
    set(&db, "PRAGMA busy_timeout = 0")?;
    let accounts = db.all::<Account>()?;
    let mut other = db.file.connect();
    other.batch_execute("BEGIN IMMEDIATE").expect("a lock");
    let errors = [
        accounts.set_balance(1).unwrap_err(),
        db.create(Owner::values().name("New")).unwrap_err(),
        db.record::<Account>(1).delete().unwrap_err(),
        db.record::<Account>(2).label_codes().add(&db.record("red")).unwrap_err(),
        db.transaction(|| accounts.set_balance(1).and_then(|()| db.flush())).unwrap_err(),
        db.execute(diesel::update(accounts::table).set(accounts::balance.eq(2))).unwrap_err(),
    ];
    for error in &errors {
        assert!(error.to_string().ends_with(": database is locked"), "{error}");
        agree(&db);
    }
    assert_eq!(errors[0].to_string(), "writing Account.balance of 1, 2, 3, 4: database is locked");
    assert_eq!(accounts.balance()?, [100, 200, 300, 400]);
    assert!(db.record::<Account>(2).label_codes().load()?.is_empty());
    other.batch_execute("ROLLBACK").expect("the end of the lock");
    accounts.set_balance(1)?;
    assert_eq!(balances(&db.file), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    agree(&db);
    Ok(())
}

#[test]
fn of_a_commit_that_waits_for_a_reader() -> Result<()> {
    let db = bank();
    set(&db, "PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE")?;
    let account = db.record::<Account>(1);
    assert_eq!(account.balance()?, 100);
    let mut reader = db.file.connect();
    reader.batch_execute("BEGIN; SELECT * FROM owners").expect("a reader");
    // Without a log beside the file, a commit needs it for itself.
    let error = db.transaction(|| account.set_balance(5)).unwrap_err();
    assert_eq!(error.to_string(), "committing a transaction: database is locked");
    agree(&db);
    assert_eq!(account.balance()?, 100);
    reader.batch_execute("COMMIT").expect("the end of reading");
    account.set_balance(5)?;
    assert_eq!(balances(&db.file)[0], (1, 5));
    Ok(())
}

#[test]
fn of_a_full_disk() -> Result<()> {
    let db = bank();
    let account = db.record::<Account>(1);
    assert_eq!(account.balance()?, 100);
    set(&db, "PRAGMA max_page_count = 30")?;
    let large = |n: usize| Owner::values().name(format!("{n}{}", "large ".repeat(20_000)));
    let error = db
        .transaction(|| {
            account.set_balance(1)?;
            db.create(Owner::values().name("small"))?;
            db.create_many((0..10).map(large))?;
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "creating 10 Owner: database or disk is full");
    agree(&db);
    assert_eq!(db.all::<Owner>()?.name()?, ["Ann", "Bob", "Cid"]);
    // One that goes on after the error does not commit a part by accident.
    let gone_on = db.transaction(|| {
        account.set_balance(2)?;
        let refused = db.transaction(|| db.create_many((0..10).map(large)).map(drop));
        assert!(refused.is_err());
        db.create(Owner::values().name("afterwards"))?;
        Ok(())
    });
    let names = db.all::<Owner>()?.name()?;
    match gone_on {
        Ok(()) => assert_eq!((names.len(), balances(&db.file)[0]), (4, (1, 2))),
        Err(_) => assert_eq!((names.len(), balances(&db.file)[0]), (3, (1, 100))),
    }
    set(&db, "PRAGMA max_page_count = 100000")?;
    db.create(large(1))?;
    account.set_balance(3)?;
    assert_eq!(balances(&db.file)[0], (1, 3));
    Ok(())
}

#[test]
fn of_a_database_that_has_rolled_back_by_itself() -> Result<()> {
    let db = bank();
    set(
        &db,
        "CREATE TRIGGER closed BEFORE UPDATE ON accounts WHEN NEW.balance = 13
         BEGIN SELECT RAISE(ROLLBACK, 'the books are closed'); END",
    )?;
    let account = db.record::<Account>(1);
    let outside = account.set_balance(13).unwrap_err();
    assert_eq!(outside.to_string(), "writing Account.balance of 1: the books are closed");
    agree(&db);
    // The closure goes on, in no transaction any more: what it writes must not be committed piece by piece.
    let inside = db.transaction(|| {
        db.create(Owner::values().name("before"))?;
        account.set_balance(13)?;
        assert!(db.flush().is_err());
        let _ = db.create(Owner::values().name("afterwards"));
        Ok(())
    });
    assert!(inside.is_err());
    agree(&db);
    assert_eq!(db.all::<Owner>()?.name()?, ["Ann", "Bob", "Cid"]);
    // The same in a level of its own.
    let nested = db.transaction(|| {
        db.create(Owner::values().name("before"))?;
        let refused = db.transaction(|| account.set_balance(13));
        assert!(refused.is_err());
        let _ = db.create(Owner::values().name("afterwards"));
        Ok(())
    });
    assert!(nested.is_err());
    agree(&db);
    assert_eq!(db.all::<Owner>()?.name()?, ["Ann", "Bob", "Cid"]);
    account.set_balance(14)?;
    assert_eq!(balances(&db.file)[0], (1, 14));
    Ok(())
}

#[test]
fn of_a_file_that_can_only_be_read() -> Result<()> {
    let file = File::new(SCHEMA);
    let env: Environment = Environment::connect(&format!("file:{}?mode=ro", file.url()))?;
    let accounts = env.all::<Account>()?;
    let errors = [
        accounts.set_balance(1).unwrap_err(),
        env.create(Owner::values().name("New")).unwrap_err(),
        env.record::<Account>(1).delete().unwrap_err(),
        env.transaction(|| accounts.set_balance(1)).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().ends_with(": attempt to write a readonly database"), "{error}");
        assert_eq!(env.stats().dirty, 0);
    }
    assert_eq!(accounts.balance()?, [100, 200, 300, 400]);
    assert_eq!(balances(&file), [(1, 100), (2, 200), (3, 300), (4, 400)]);
    Ok(())
}

#[test]
fn of_a_file_that_is_corrupt() -> Result<()> {
    let file = File::new(SCHEMA);
    file.run("PRAGMA journal_mode = DELETE");
    let sound = std::fs::read(file.path()).expect("a file");
    let page = 4096;
    let mut corrupt = sound.clone();
    corrupt[page..].chunks_mut(page).for_each(|page| page[..200].fill(0xA5));
    std::fs::write(file.path(), corrupt).expect("a file");
    let env: Environment = Environment::connect(&file.url())?;
    let errors = [
        env.all::<Account>().map(drop).unwrap_err(),
        env.record::<Account>(1).set_balance(1).unwrap_err(),
        env.transaction(|| env.record::<Account>(1).set_balance(1)).unwrap_err(),
        env.create(Owner::values().name("New")).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, orm_core::Error::Database { .. }), "{error:?}");
        assert!(error.to_string().ends_with(": database disk image is malformed"), "{error}");
        assert!(!error.is_retryable() && !error.is_connection_lost(), "{error:?}");
        assert_eq!(env.stats().dirty, 0);
    }
    drop(env);
    std::fs::write(file.path(), sound).expect("a file");
    assert_eq!(balances(&file), [(1, 100), (2, 200), (3, 300), (4, 400)]);
    Ok(())
}

/// Somebody puts another file in its place, as who restores a backup does: nothing is written to the one that is gone.
#[test]
fn of_a_file_that_is_replaced() -> Result<()> {
    let (file, backup) = (File::new(SCHEMA), File::new(SCHEMA));
    [&file, &backup].into_iter().for_each(|file| file.run("PRAGMA journal_mode = DELETE"));
    backup.run("UPDATE accounts SET balance = 7");
    let env: Environment = Environment::connect(&file.url())?;
    let accounts = env.all::<Account>()?;
    std::fs::rename(backup.path(), file.path()).expect("a file");
    let errors = [
        accounts.set_balance(1).unwrap_err(),
        env.transaction(|| accounts.set_balance(1)).unwrap_err(),
        env.create(Owner::values().name("New")).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_read_only() && error.to_string().contains("readonly database"), "{error}");
        assert_eq!(env.stats().dirty, 0);
    }
    // What it shows is the file that it has open.
    assert_eq!(accounts.balance()?, [100, 200, 300, 400]);
    assert_eq!(balances(&file), [(1, 7), (2, 7), (3, 7), (4, 7)]);
    Environment::connect(&file.url())?.all::<Account>()?.set_balance(1)?;
    assert_eq!(balances(&file), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    Ok(())
}

#[test]
fn of_a_unique_value_that_changes_hands_in_one_flush() -> Result<()> {
    let db = bank();
    let (ann, bob) = (db.record::<Owner>(1), db.record::<Owner>(2));
    let error = db.transaction(|| {
        ann.set_name("Bob")?;
        bob.set_name("Ann")
    });
    let error = error.expect_err("one of them comes first");
    assert!(error.violation().is_some() && error.to_string().contains("call `flush()`"), "{error}");
    assert_eq!((ann.name()?, bob.name()?), ("Ann".into(), "Bob".into()));
    // The way out
    db.transaction(|| {
        ann.set_name("")?;
        db.flush()?;
        bob.set_name("Ann")?;
        db.flush()?;
        ann.set_name("Bob")
    })?;
    assert_eq!(db.file.values("SELECT name AS value FROM owners WHERE id < 3 ORDER BY id"), ["Bob", "Ann"]);
    // One row's own fault has no such way out.
    let error = bob.set_name("Cid").expect_err("there is one");
    assert!(!error.to_string().contains("flush"), "{error}");
    Ok(())
}
