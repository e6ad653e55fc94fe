//! W7: an UPDATE or DELETE that finds no row is an error naming it; with a version, so is one that finds a changed row.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{TestDb, on};

diesel::table! { accounts { id -> Integer, owner -> Text, balance -> BigInt, version -> Integer } }
diesel::table! { notes { id -> Integer, text -> Text } }

#[derive(Model)]
struct Account {
    id: i32,
    owner: String,
    balance: i64,
    #[model(version)]
    version: i32,
}

#[derive(Model)]
struct Note {
    id: i32,
    text: String,
}

fn db() -> TestDb {
    TestDb::new(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance BIGINT NOT NULL, version INTEGER NOT NULL);
         INSERT INTO accounts VALUES (1, 'a', 10, 1), (2, 'b', 20, 1), (3, 'c', 30, 1);
         CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
         INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    )
}

#[test]
fn a_vanished_row_is_named() -> Result<()> {
    let db = db();
    let notes = db.all::<Note>()?;
    db.file.run("DELETE FROM notes WHERE id = 2");
    let named = |result: Result<()>| match result {
        Err(Error::MissingRecord { model: "Note", id }) => assert_eq!(id, "2"),
        other => panic!("{other:?}"),
    };
    named(db.record::<Note>(2).set_text("alone"));
    db.cache().set_many(Note::TEXT, [(2, "b")]);
    named(notes.write(Note::values().text("equal")));
    db.cache().set_many(Note::TEXT, [(2, "b")]);
    named(
        db.transaction(|| notes.iter().try_for_each(|note| note.set_text(format!("distinct {}", note.id())))),
    );
    // Nothing of it was written, and what is cached is so.
    assert_eq!(db.file.values("SELECT text AS value FROM notes ORDER BY id"), ["a", "c"]);
    assert_eq!(db.browse::<Note>([1, 3]).text()?, ["a", "c"]);
    assert!(db.record::<Note>(2).text().expect_err("gone").is_missing_record());
    Ok(())
}

#[test]
fn a_version_counts_the_writes() -> Result<()> {
    let db = db();
    let accounts = db.all::<Account>()?;
    db.record::<Account>(1).set_balance(11)?;
    db.transaction(|| accounts.iter().try_for_each(|account| account.set_balance(account.balance()? + 1)))?;
    db.assert_queries(0, || assert_eq!(accounts.version().unwrap(), [3, 2, 2]));
    let new = db.create(Account::values().owner("d").balance(0))?;
    db.assert_queries(0, || assert_eq!(new.version().unwrap(), 1));
    accounts.write(Account::values().owner("same"))?;
    assert_eq!(
        db.file.values("SELECT balance || owner || version AS value FROM accounts ORDER BY id"),
        ["12same4", "21same3", "31same3", "0d1"]
    );
    Ok(())
}

#[test]
fn a_changed_row_is_a_conflict() -> Result<()> {
    let db = db();
    let accounts = db.all::<Account>()?;
    db.file.run("UPDATE accounts SET balance = 99, version = 2 WHERE id = 2");
    let conflict = |result: Result<()>| match result {
        Err(Error::Conflict { model: "Account", id }) => assert_eq!(id, "2"),
        other => panic!("{other:?}"),
    };
    conflict(
        db.transaction(|| {
            accounts.iter().try_for_each(|account| account.set_balance(account.balance()? + 1))
        }),
    );
    assert_eq!(db.file.values("SELECT balance || '' AS value FROM accounts ORDER BY id"), ["10", "99", "30"]);
    // Read again, and then it goes.
    assert_eq!(db.record::<Account>(2).balance()?, 99);
    db.record::<Account>(2).set_balance(100)?;
    db.file.run("UPDATE accounts SET balance = 0, version = 9 WHERE id = 2");
    conflict(db.record::<Account>(2).set_balance(101));
    db.file.run("DELETE FROM accounts WHERE id = 2");
    assert!(accounts.write(Account::values().owner("x")).expect_err("gone").is_missing_record());
    Ok(())
}

#[test]
fn after_a_conflict_the_version_is_read_again() -> Result<()> {
    let db = db();
    let accounts = db.all::<Account>()?;
    db.file.run("UPDATE accounts SET balance = 99, version = 2 WHERE id = 2");
    let (one, two) = (db.record::<Account>(1), db.record::<Account>(2));
    assert!(matches!(two.set_balance(21), Err(Error::Conflict { .. })));
    assert_eq!((two.balance()?, two.version()?), (99, 2));
    two.set_balance(100)?;
    db.file.run("UPDATE accounts SET balance = 0, version = 9 WHERE id = 2");
    let many =
        db.transaction(|| accounts.iter().zip(1..).try_for_each(|(account, n)| account.set_balance(n)));
    assert!(matches!(&many, Err(Error::Conflict { id, .. }) if id == "2"), "{many:?}");
    assert_eq!((one.balance()?, one.version()?, two.balance()?, two.version()?), (10, 1, 0, 9));
    accounts.write(Account::values().owner("x").balance(7))?;
    assert_eq!(
        db.file.values("SELECT balance || owner || version AS value FROM accounts ORDER BY id"),
        ["7x2", "7x10", "7x2"]
    );
    Ok(())
}

/// Else a write on the ground of the old value would be sent with a version that is read when it is sent.
#[test]
fn a_version_that_is_missing_takes_what_it_is_the_version_of_with_it() -> Result<()> {
    let db = db();
    let account = db.record::<Account>(1);
    let is_whole = || {
        let cache = db.cache();
        let (balance, version) = (cache.get(Account::BALANCE, 1), cache.get(Account::VERSION, 1));
        assert!(version.is_some() || balance.is_none(), "{balance:?} without its version");
    };
    // Written at one time, sent at another, and undone what began at the time of the second.
    for round in 0..50 {
        db.transaction(|| {
            account.set_balance(account.balance()? + 1)?;
            std::thread::sleep(std::time::Duration::from_millis(1 + round % 2));
            Ok(())
        })?;
        let undone: Result<()> = db.transaction(|| Err(Error::other("undone")));
        assert!(undone.is_err());
        is_whole();
    }
    account.balance()?;
    db.cache().invalidate(Account::VERSION, [1]);
    is_whole();
    account.balance()?;
    db.cache().invalidate_field(Account::VERSION);
    is_whole();
    assert_eq!((account.balance()?, account.version()?), (60, 51));
    Ok(())
}

#[test]
fn what_was_never_read_can_be_written() -> Result<()> {
    let db = db();
    let account = db.record::<Account>(3);
    // What nobody has read nobody can contradict: its version is counted on, and not asked for.
    db.assert_queries(1, || account.set_owner("z"))?;
    assert_eq!(
        db.file.values("SELECT owner || version AS value FROM accounts WHERE id = 3 ORDER BY id"),
        ["z2"]
    );
    assert_eq!(account.version()?, 2);
    db.cache().clear();
    db.assert_queries(1, || {
        db.transaction(|| (1..4).try_for_each(|id| db.record::<Account>(id).set_balance(i64::from(id))))
    })?;
    db.assert_queries(1, || db.browse::<Account>([1, 2]).set_owner("same"))?;
    assert_eq!(
        db.file.values("SELECT owner || balance || version AS value FROM accounts ORDER BY id"),
        ["same13", "same23", "z33"]
    );
    // Of some that were read and some that were not all are looked at.
    db.record::<Account>(1).version()?;
    db.file.run("UPDATE accounts SET version = 9 WHERE id = 1");
    assert!(db.browse::<Account>([1, 2, 3]).set_balance(0).expect_err("read before").is_conflict());
    assert!(db.record::<Account>(4).set_owner("z").expect_err("no such row").is_missing_record());
    Ok(())
}

#[test]
fn the_version_that_a_write_was_based_on_stays_until_it_is_sent() -> Result<()> {
    let db = db();
    let account = db.record::<Account>(2);
    assert_eq!(account.balance()?, 20);
    let result = db.transaction(|| {
        account.set_balance(account.balance()? + 1)?;
        db.cache().clear();
        db.file.run("UPDATE accounts SET balance = 99, version = 2 WHERE id = 2");
        Ok(())
    });
    assert!(matches!(result, Err(Error::Conflict { model: "Account", .. })), "{result:?}");
    assert_eq!(account.balance()?, 99);
    Ok(())
}

/// A trigger keeps the second row as it is, and the view tells of no row at all: they are there, which is what a write asks.
#[test]
#[cfg_attr(feature = "mysql", ignore = "no trigger there skips a row")]
fn a_row_that_a_trigger_keeps_is_there_and_is_read_again() -> Result<()> {
    let db = db();
    db.file.run(
        "CREATE TRIGGER keeps BEFORE UPDATE ON notes WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER keeps_account BEFORE UPDATE ON accounts WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END",
    );
    let notes = db.all::<Note>()?;
    assert_eq!(notes.text()?, ["a", "b", "c"]);
    db.transaction(|| {
        notes.iter().try_for_each(|note| {
            let id = note.id();
            note.set_text(format!("changed {id}"))
        })
    })?;
    assert_eq!(notes.text()?, ["changed 1", "b", "changed 3"], "what is stored is shown");
    db.file.run("DELETE FROM notes WHERE id = 3");
    assert!(matches!(notes.set_text("again"), Err(Error::MissingRecord { model: "Note", id }) if id == "3"));
    // With a version that was read nobody can tell whether it was a trigger.
    let account = db.record::<Account>(2);
    account.set_balance(5)?;
    assert_eq!(account.balance()?, 20);
    let error = account.set_balance(5).unwrap_err();
    assert!(matches!(&error, Error::Conflict { model: "Account", id } if id == "2"));
    assert_eq!(
        error.to_string(),
        "Account with key 2 has another version than the one that was read; read it again and repeat the change"
    );
    Ok(())
}

#[test]
fn a_version_that_counts_no_further_is_an_error_that_says_so() -> Result<()> {
    let db = db();
    db.file.run("UPDATE accounts SET version = 2147483647 WHERE id = 2");
    db.record::<Account>(1).set_balance(5)?;
    for is_read in [false, true] {
        let account = db.record::<Account>(2);
        db.cache().clear();
        if is_read {
            account.version()?;
        }
        let error = account.set_balance(5).unwrap_err().to_string();
        assert!(
            error.contains("Account with key 2 cannot be written: its version is the largest"),
            "{error}"
        );
    }
    db.cache().clear();
    assert_eq!(db.browse::<Account>([1, 2]).balance()?, [5, 20]);
    Ok(())
}

#[test]
fn what_was_written_blindly_is_no_ground_for_the_next_write() -> Result<()> {
    let db = db();
    let account = db.record::<Account>(1);
    // Nobody has read its version: it is counted on, whatever it is.
    db.assert_queries(1, || account.set_balance(11))?;
    db.file.run("UPDATE accounts SET balance = 50, version = version + 1 WHERE id = 1");
    account.set_balance(account.balance()? + 1)?;
    assert_eq!(db.file.values("SELECT balance AS value FROM accounts WHERE id = 1 ORDER BY id"), ["51"]);
    Ok(())
}

#[test]
fn what_waited_before_a_refused_delete_is_compared_with_what_was_read() -> Result<()> {
    let db = db();
    let accounts = db.all::<Account>()?;
    db.file.run("UPDATE accounts SET balance = 99, version = 2 WHERE id = 1");
    let written = db.transaction(|| {
        accounts.iter().try_for_each(|account| account.set_balance(account.balance()? + 1))?;
        db.browse::<Account>([1, 2, 9]).delete().expect_err("another version, and one that is not there");
        assert_eq!(accounts.balance()?, [11, 21, 31]);
        Ok(())
    });
    assert!(matches!(&written, Err(Error::Conflict { model: "Account", id }) if id == "1"), "{written:?}");
    assert_eq!(db.file.values("SELECT balance AS value FROM accounts ORDER BY id"), ["99", "20", "30"]);
    Ok(())
}

/// However a row is written: counted on past what its type holds, its version could be read no more.
#[test]
fn no_way_of_writing_counts_a_version_past_its_type() -> Result<()> {
    let db = db();
    db.file.run("UPDATE accounts SET version = 2147483647 WHERE id = 2");
    let account = db.record::<Account>(2);
    let ways: [&dyn Fn() -> Result<()>; 3] = [
        &|| account.set_balance(5),
        &|| account.update(accounts::balance.eq(accounts::balance + 1)),
        &|| db.upsert(Account::ID, Account::values().id(2).owner("x").balance(6)).map(drop),
    ];
    for (is_read, is_strict) in [(false, true), (true, true), (false, false), (true, false)] {
        // A server that is not strict cuts what is too large.
        let mode = on!(sqlite "SELECT 1", postgres "SELECT 1", mysql "SET sql_mode = REPLACE(@@sql_mode, 'STRICT_TRANS_TABLES', '')");
        if !is_strict {
            db.with_connection(|connection| Ok(connection.batch_execute(mode)?))?;
        }
        for (number, way) in ways.iter().enumerate() {
            db.cache().clear();
            if is_read {
                account.version()?;
            }
            let error = way().expect_err("it counts no further").to_string();
            // What MySQL says of an upsert is as good.
            let is_told = error.contains("the largest that its type holds")
                || (cfg!(feature = "mysql") && number == 2 && error.contains("BIGINT value is out of range"));
            assert!(error.contains("Account") && is_told, "{number}: {error}");
            assert_eq!(
                db.file.values("SELECT version || '/' || balance AS value FROM accounts WHERE id = 2"),
                ["2147483647/20"]
            );
        }
    }
    Ok(())
}
