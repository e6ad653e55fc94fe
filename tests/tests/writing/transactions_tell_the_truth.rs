//! E5: the first error is the one told, nothing is sent after it, and what the application does to transactions on its own
//! connection is seen: the same on the servers, see `main_job/truth.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, TestCustomizer};
use orm_core::prelude::*;
use orm_core::{Error, Isolation, Result, TransactionOptions, ViolationKind};
use orm_tests::bank::*;
use orm_tests::database::Db;
use orm_tests::{File, TestDb, on};

type Manager = <orm_tests::database::Db as diesel::Connection>::TransactionManager;

/// Does work that may hang for ever, which is a failure after half a minute.
fn in_time(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    finished.recv_timeout(Duration::from_secs(30)).expect("it hangs, or panicked")
}

fn balance(db: &TestDb, id: i32) -> i64 {
    balances(&db.file).into_iter().find(|row| row.0 == id).expect("there is one").1
}

#[test]
fn after_a_refused_flush_nothing_is_sent_and_the_first_error_is_told() -> Result<()> {
    let db = bank();
    let mut sent = 0;
    let error = db
        .transaction(|| {
            db.record::<Account>(1).set_balance(-1)?;
            assert!(db.flush().is_err());
            sent = db.statements.count();
            db.record::<Owner>(2).set_name("Bea")?;
            let first = [
                db.flush().unwrap_err(),
                db.all::<Label>().map(drop).unwrap_err(),
                db.create(Owner::values().name("Ann")).map(drop).unwrap_err(),
                db.transaction(|| Ok(())).unwrap_err(),
                db.execute(diesel::sql_query("SELECT 1")).map(drop).unwrap_err(),
                db.with_connection(|_| Ok(())).unwrap_err(),
            ];
            for error in first {
                assert_eq!(error.violation().map(|violation| violation.kind), Some(ViolationKind::Check));
            }
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.violation().map(|violation| violation.kind), Some(ViolationKind::Check), "{error}");
    assert_eq!(db.statements.count(), sent);
    db.record::<Account>(1).set_balance(7)?;
    assert_eq!(balance(&db, 1), 7);
    Ok(())
}

#[test]
fn a_statement_that_ends_the_transaction_is_an_error_and_the_last_one() -> Result<()> {
    let immediate =
        on!(sqlite "ROLLBACK; BEGIN IMMEDIATE", postgres "ROLLBACK; BEGIN", mysql "ROLLBACK; BEGIN");
    for sql in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", immediate] {
        for by_execute in [false, true] {
            if by_execute && sql.contains(';') {
                continue;
            }
            let db = bank();
            let told = db.transaction(|| {
                db.record::<Account>(1).set_balance(1)?;
                let ended = if by_execute {
                    db.execute(diesel::sql_query(sql)).map(drop)
                } else {
                    db.with_connection(|connection| Ok(connection.batch_execute(sql)?))
                };
                let error = ended.unwrap_err();
                assert!(matches!(error, Error::TransactionEnded { .. }), "{error}");
                assert!(db.record::<Account>(2).set_balance(2).and_then(|()| db.flush()).is_err());
                assert!(db.create(Owner::values().name("late")).is_err());
                Ok(())
            });
            assert!(matches!(told, Err(Error::TransactionEnded { .. })), "{told:?}");
            let stored = if sql.starts_with("COMMIT") { 1 } else { 100 };
            assert_eq!((balance(&db, 1), balance(&db, 2)), (stored, 200), "{sql}");
            // The cache says the same, and the environment goes on.
            assert_eq!(db.browse::<Account>([1, 2]).balance()?, [stored, 200]);
            assert_eq!(db.all::<Owner>()?.len(), 3);
            db.transaction(|| db.record::<Account>(2).set_balance(3))?;
            assert_eq!(balance(&db, 2), 3);
        }
    }
    Ok(())
}

/// What the application leaves open within ours
fn leave_open(db: &TestDb, how: usize) -> Result<()> {
    db.with_connection(|connection| {
        Manager::begin_transaction(connection)?;
        diesel::update(accounts::table).set(accounts::balance.eq(0)).execute(connection)?;
        match how {
            0 => Ok(()),
            1 => Err(Error::other("in the middle")),
            _ => std::panic::resume_unwind(Box::new("on purpose")),
        }
    })
}

#[test]
fn what_the_application_leaves_open_is_rolled_back_to_where_it_was() -> Result<()> {
    for how in 0..3 {
        let db = bank();
        let left = |db: &TestDb| match catch_unwind(AssertUnwindSafe(|| leave_open(db, how))) {
            Ok(left) => {
                let error = left.unwrap_err();
                assert_eq!(matches!(error, Error::TransactionLeftOpen { .. }), how == 0, "{error}");
            }
            Err(_) => assert_eq!(how, 2),
        };
        left(&db);
        db.record::<Account>(1).set_balance(1)?;
        assert_eq!(balance(&db, 1), 1);
        db.transaction(|| {
            db.record::<Account>(2).set_balance(2)?;
            left(&db);
            db.record::<Account>(3).set_balance(3)
        })?;
        assert_eq!(
            balances(&db.file),
            [(1, 1), (2, 2), (3, 3), (4, 400)],
            "committed, and nothing of the other"
        );
    }
    Ok(())
}

#[test]
fn a_savepoint_that_the_application_undoes_itself_does_no_harm() -> Result<()> {
    let db = bank();
    db.transaction(|| {
        db.record::<Account>(1).set_balance(1)?;
        let refused = db.try_with_connection(|connection| {
            connection.transaction(|connection| {
                diesel::update(accounts::table).set(accounts::balance.eq(-1)).execute(connection).map(drop)
            })
        });
        assert!(refused.is_err());
        db.record::<Account>(2).set_balance(2)
    })?;
    assert_eq!(balances(&db.file)[..2], [(1, 1), (2, 2)]);
    Ok(())
}

/// Whatever has begun the application's transaction: ours are savepoints in it, and it is the application that ends it.
#[test]
fn the_applications_transaction_goes_on_and_is_never_ended() -> Result<()> {
    let begun: [fn(&mut Db) -> QueryResult<()>; 3] = [
        |connection| connection.begin_test_transaction(),
        Manager::begin_transaction,
        |connection| connection.batch_execute("BEGIN"),
    ];
    for begin in begun {
        let file = File::new(SCHEMA);
        let mut connection = file.connect();
        begin(&mut connection)?;
        diesel::update(accounts::table.find(4)).set(accounts::balance.eq(44)).execute(&mut connection)?;
        let env: Environment = Environment::builder().connection(connection).build();
        env.record::<Account>(1).set_balance(1)?;
        assert!(env.record::<Account>(1).set_balance(-1).is_err());
        assert!(env.transaction(|| env.record::<Account>(2).set_balance(-1)).is_err());
        env.transaction(|| env.record::<Account>(2).set_balance(2))?;
        assert!(env.create(Owner::values().name("Ann")).is_err());
        env.cache().clear();
        assert_eq!(env.browse::<Account>([1, 2, 4]).balance()?, [1, 2, 44]);
        assert_eq!(balances(&file), [(1, 100), (2, 200), (3, 300), (4, 400)], "nothing is committed");
        env.with_connection(|connection| Ok(connection.batch_execute("COMMIT")?))?;
        assert_eq!(balances(&file), [(1, 1), (2, 2), (3, 300), (4, 44)]);
        env.record::<Account>(3).set_balance(3)?;
        assert_eq!(balances(&file)[2], (3, 3), "and now there is none");
    }
    Ok(())
}

#[test]
fn a_pool_for_tests_keeps_its_transaction_from_one_environment_to_the_next() -> Result<()> {
    let file = File::new(SCHEMA);
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(TestCustomizer))
        .build(ConnectionManager::<Db>::new(file.url()))
        .expect("a pool");
    let first: Environment = Environment::new(pool.clone());
    first.record::<Account>(1).set_balance(1)?;
    assert!(first.record::<Account>(1).set_balance(-1).is_err());
    first.with_connection(|connection| {
        Ok(diesel::update(accounts::table.find(2)).set(accounts::balance.eq(2)).execute(connection)?)
    })?;
    drop(first);
    let second: Environment = Environment::new(pool);
    assert_eq!(second.browse::<Account>([1, 2]).balance()?, [1, 2]);
    drop(second);
    assert_eq!(balances(&file)[..2], [(1, 100), (2, 200)]);
    Ok(())
}

#[test]
fn an_applications_transaction_that_is_gone_is_not_written_without() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    connection.begin_test_transaction()?;
    let env: Environment = Environment::builder().connection(connection).build();
    let ended =
        env.transaction(|| env.with_connection(|connection| Ok(connection.batch_execute("ROLLBACK")?)));
    assert!(matches!(ended, Err(Error::TransactionEnded { .. })), "{ended:?}");
    let late = env.record::<Account>(1).set_balance(1);
    assert!(matches!(late, Err(Error::TransactionEnded { .. })), "{late:?}");
    drop(env);
    assert_eq!(balances(&file)[0], (1, 100));
    Ok(())
}

/// What somebody else holds who writes, how to wait for him no longer, and what is said then
const LOCK: &str = on!(
    sqlite "BEGIN IMMEDIATE",
    postgres "BEGIN; UPDATE accounts SET balance = balance WHERE id = 1",
    mysql "BEGIN; UPDATE accounts SET balance = balance WHERE id = 1"
);
const WAIT_NO_LONGER: &str = on!(
    sqlite "PRAGMA busy_timeout = 0",
    postgres "SET lock_timeout = 10",
    mysql "SET innodb_lock_wait_timeout = 0"
);
const LOCKED: &str = on!(
    sqlite "database is locked",
    postgres "canceling statement due to lock timeout",
    mysql "Lock wait timeout exceeded; try restarting transaction"
);

/// Threads that read and then write, each its own row of one file: they wait for each other.
#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "only SQLite has immediate transactions")]
fn immediate_transactions_wait_for_each_other() -> Result<()> {
    let file = File::new(SCHEMA);
    file.run("PRAGMA journal_mode = WAL");
    let url = file.url();
    in_time(move || {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=4)
                .map(|id| {
                    let url = &url;
                    scope.spawn(move || -> Result<()> {
                        let env: Environment = Environment::connect(url)?;
                        let account = env.record::<Account>(id);
                        for _ in 0..50 {
                            env.transaction_with(TransactionOptions::new().immediate(), || {
                                let balance = account.balance()?;
                                account.set_balance(balance + 1)
                            })?;
                        }
                        Ok(())
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })
    })?;
    assert_eq!(balances(&file), [(1, 150), (2, 250), (3, 350), (4, 450)]);
    Ok(())
}

/// SQLite's own
#[cfg(feature = "sqlite")]
#[test]
fn a_busy_time_out_is_that_of_the_builder_or_the_connection_or_five_seconds() -> Result<()> {
    let timeout = |env: &Environment| {
        env.with_connection(|connection| {
            let sql = "(SELECT timeout FROM pragma_busy_timeout)";
            Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(sql))
                .get_result::<i32>(connection)?)
        })
    };
    let file = File::new(SCHEMA);
    assert_eq!(timeout(&Environment::connect(&file.url())?)?, 5000);
    let connect = || Db::establish(&file.url()).expect("a connection");
    assert_eq!(timeout(&Environment::builder().connection(connect()).build())?, 5000);
    // Also where the file is locked while the connection is made
    let mut other = connect();
    other.batch_execute("BEGIN EXCLUSIVE")?;
    let env = Environment::connect(&file.url())?;
    other.batch_execute("COMMIT")?;
    assert_eq!(timeout(&env)?, 5000);
    let set = Environment::builder().busy_timeout(Duration::from_millis(70)).connection(connect()).build();
    assert_eq!(timeout(&set)?, 70);
    let mut own = connect();
    own.batch_execute("PRAGMA busy_timeout = 30")?;
    let own = Environment::builder().connection(own).build();
    assert_eq!(timeout(&own)?, 30);
    let options = TransactionOptions::new().lock_timeout(Duration::from_millis(90));
    assert_eq!(own.transaction_with(options, || timeout(&own))?, 90);
    assert_eq!(timeout(&own)?, 30);
    Ok(())
}

#[test]
fn options_are_kept_to_in_the_transaction_alone() -> Result<()> {
    let db = bank();
    let account = db.record::<Account>(1);
    let refused = db.transaction_with(TransactionOptions::new().read_only(), || account.set_balance(1));
    assert!(refused.as_ref().is_err_and(Error::is_read_only), "{refused:?}");
    account.set_balance(2)?;
    let options = TransactionOptions::<Error>::new;
    let (its_own, anothers) = on!(
        sqlite(options().immediate(), options().deferrable()),
        postgres(options().deferrable(), options().immediate()),
        mysql(options().lock_timeout(Duration::from_secs(1)), options().immediate())
    );
    let unknown = db.transaction_with(anothers, || Ok(()));
    assert!(matches!(unknown, Err(Error::Unsupported { .. })), "{unknown:?}");
    let nested = db.transaction(|| db.transaction_with(its_own, || Ok(())));
    assert!(matches!(nested, Err(Error::Nested { .. })), "{nested:?}");
    // Computed with what is there, if it is asked for; with what was read before else.
    assert_eq!(account.balance()?, 2);
    db.file.run("UPDATE accounts SET balance = 50, version = 7 WHERE id = 1");
    assert_eq!(db.transaction_with(its_own, || account.balance())?, 2);
    let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
    assert_eq!(db.transaction_with(serializable.fresh(false), || account.balance())?, 2);
    assert_eq!(db.transaction_with(serializable, || account.balance())?, 50);
    Ok(())
}

#[test]
fn a_transaction_is_tried_again_until_it_succeeds_or_too_often() -> Result<()> {
    let db = bank();
    db.with_connection(|connection| Ok(connection.batch_execute(WAIT_NO_LONGER)?))?;
    let account = db.record::<Account>(1);
    assert_eq!((account.balance()?, account.version()?), (100, 1));
    // Somebody else is always a little faster, and then is not.
    db.file.run("UPDATE accounts SET balance = 500, version = version + 1 WHERE id = 1");
    let mut tries = 0;
    db.transaction_with_retry(5, TransactionOptions::new(), || {
        tries += 1;
        account.set_balance(account.balance()? + 1)
    })?;
    assert_eq!((tries, balance(&db, 1)), (2, 501));
    // Whatever the closure makes of the error.
    let mut other = db.file.connect();
    other.batch_execute(LOCK)?;
    tries = 0;
    let failed = db.transaction_with_retry(3, TransactionOptions::new(), || {
        tries += 1;
        account.set_balance(1)?;
        db.flush().map_err(|_| Error::other("of the application"))
    });
    let error = failed.unwrap_err();
    // On a server whoever was not given a lock in time has waited already.
    assert_eq!(tries, on!(sqlite 3, postgres 1, mysql 1));
    assert_eq!(error.is_retryable(), matches!(error, Error::GaveUp { tries: 3, .. }), "{error:?}");
    let gave_up = format!(
        "gave up after 3 tries, of which the last one failed: writing Account.balance of 1: {LOCKED}"
    );
    let told = if cfg!(feature = "sqlite") { &*gave_up } else { "of the application" };
    assert_eq!(error.to_string(), told);
    other.batch_execute("ROLLBACK")?;
    // An error that would come again is told at once.
    tries = 0;
    let refused = db.transaction_with_retry(3, TransactionOptions::new(), || {
        tries += 1;
        account.set_balance(-1)
    });
    assert!(refused.unwrap_err().violation().is_some());
    assert_eq!(tries, 1);
    Ok(())
}

#[derive(Debug)]
enum Refusal {
    Closed(u32),
    Database(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

#[test]
fn an_applications_own_error_comes_back_by_value() -> Result<()> {
    let db = bank();
    let account = db.record::<Account>(1);
    let closed = db.try_transaction(|| {
        account.set_balance(1)?;
        Err::<(), _>(Refusal::Closed(7))
    });
    assert!(matches!(closed, Err(Refusal::Closed(7))), "{closed:?}");
    assert_eq!(account.balance()?, 100);
    let refused: Result<(), Refusal> = db.try_transaction(|| Ok(account.set_balance(-1)?));
    assert!(matches!(refused, Err(Refusal::Database(error)) if error.violation().is_some()));
    let closed = db.try_with_connection(|_| Err::<(), _>(Refusal::Closed(8)));
    assert!(matches!(closed, Err(Refusal::Closed(8))), "{closed:?}");
    // diesel's own, both ways
    fn count(connection: &mut Db) -> QueryResult<i64> {
        accounts::table.count().get_result(connection)
    }
    fn within(db: &TestDb) -> QueryResult<i64> {
        db.record::<Account>(2).set_balance(2)?;
        db.try_with_connection(count)
    }
    assert_eq!(within(&db)?, 4);
    let refused =
        db.try_with_connection(|connection| connection.batch_execute("SELECT nothing FROM nowhere"));
    assert!(matches!(refused, Err(diesel::result::Error::DatabaseError(..))), "{refused:?}");
    Ok(())
}

#[test]
fn errors_say_what_they_call_for_and_print_the_database_once() -> Result<()> {
    let db = bank();
    db.with_connection(|connection| Ok(connection.batch_execute(WAIT_NO_LONGER)?))?;
    let mut other = db.file.connect();
    other.batch_execute(LOCK)?;
    let locked = db.record::<Account>(1).set_balance(1).unwrap_err();
    let is_waited_for = on!(sqlite false, postgres true, mysql true);
    assert_eq!((locked.is_timeout(), locked.is_retryable()), (is_waited_for, !is_waited_for), "{locked:?}");
    assert!(!locked.is_connection_lost());
    assert!(std::error::Error::source(&locked).is_none());
    other.batch_execute("ROLLBACK")?;
    let violation = db.record::<Account>(1).set_balance(-1).unwrap_err();
    assert!(!violation.is_retryable() && !violation.is_read_only() && !violation.is_conflict());
    assert_eq!(db.record::<Account>(1).version()?, 1);
    db.file.run("UPDATE accounts SET version = 9 WHERE id = 1");
    let conflict = db.record::<Account>(1).set_balance(1).unwrap_err();
    assert!(conflict.is_conflict() && conflict.is_retryable(), "{conflict:?}");
    Ok(())
}
