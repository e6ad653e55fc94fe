//! An environment stands on whatever connection the application has: lent, of a pool, or given and asked back. It takes part in
//! the transaction that is open there and never ends it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::bank::*;
use orm_tests::database::Db;
use orm_tests::{File, on};

type Manager = <orm_tests::database::Db as diesel::Connection>::TransactionManager;

fn balance(connection: &mut Db, id: i32) -> i64 {
    accounts::table.find(id).select(accounts::balance).get_result(connection).expect("an account")
}

fn set_by_diesel(connection: &mut Db, id: i32, balance: i64) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id)).set(accounts::balance.eq(balance)).execute(connection)
}

#[test]
fn both_ways_of_writing_are_one_transaction() -> Result<()> {
    let file = File::new(SCHEMA);
    let (mut connection, statements) = file.recorded();
    connection.transaction(|connection| {
        set_by_diesel(connection, 1, 1)?;
        Environment::over(connection, |env| {
            assert_eq!(env.record::<Account>(1).balance()?, 1, "ours sees theirs");
            env.record::<Account>(2).set_balance(2)?;
            env.transaction(|| {
                env.record::<Account>(3).set_balance(3)?;
                env.create(Owner::values().name("New")).map(drop)
            })?;
            // And theirs within ours
            env.with_connection(|connection| {
                assert_eq!(balance(connection, 2), 2);
                Ok(set_by_diesel(connection, 4, 4)?)
            })?;
            assert_eq!(env.record::<Account>(4).balance()?, 4);
            Ok(())
        })?;
        assert_eq!((balance(connection, 2), balance(connection, 3)), (2, 3), "theirs sees ours");
        assert_eq!(balances(&file)[0], (1, 100), "nothing is committed yet");
        Ok::<(), Error>(())
    })?;
    assert_eq!(balances(&file), [(1, 1), (2, 2), (3, 3), (4, 4)]);
    let control = statements.control();
    assert_eq!(
        (control.first().map(|sql| &**sql), control.last().map(|sql| &**sql)),
        (Some("BEGIN"), Some("COMMIT"))
    );
    assert_eq!(control.iter().filter(|sql| *sql == "COMMIT").count(), 1, "{control:?}");
    Ok(())
}

#[test]
fn what_ours_has_refused_is_undone_alone_and_what_theirs_refuses_with_it() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    connection.transaction(|connection| {
        set_by_diesel(connection, 1, 1)?;
        let refused = Environment::over(connection, |env| {
            env.transaction(|| {
                env.record::<Account>(2).set_balance(2)?;
                env.record::<Account>(3).set_balance(-1)
            })
        });
        assert!(refused.is_err_and(|error| error.violation().is_some()));
        set_by_diesel(connection, 4, 4)?;
        Ok::<(), Error>(())
    })?;
    assert_eq!(balances(&file), [(1, 1), (2, 200), (3, 300), (4, 4)]);
    let refused = connection.transaction(|connection| {
        Environment::over(connection, |env| env.record::<Account>(1).set_balance(7))?;
        Err::<(), Error>(Error::other("theirs goes wrong"))
    });
    assert!(refused.is_err());
    assert_eq!(balances(&file)[0], (1, 1));
    Ok(())
}

#[test]
fn each_statement_of_ours_is_committed_where_they_have_begun_nothing() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    Environment::over(&mut connection, |env| {
        env.record::<Account>(1).set_balance(1)?;
        assert_eq!(balances(&file)[0], (1, 1));
        let refused = env.transaction(|| {
            env.record::<Account>(1).set_balance(2)?;
            Err::<(), _>(Error::other("no"))
        });
        assert!(refused.is_err());
        Ok(())
    })?;
    assert_eq!(balance(&mut connection, 1), 1);
    Ok(())
}

/// How many transactions diesel counts
fn depth(connection: &mut Db) -> u32 {
    let status = Manager::transaction_manager_status_mut(connection);
    status.transaction_depth().expect("it is sound").map_or(0, |depth| depth.get())
}

#[test]
fn one_that_was_begun_by_hand_is_theirs_too() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    let ours = |env: &Environment| {
        env.record::<Account>(1).set_balance(1)?;
        assert!(env.record::<Account>(1).set_balance(-1).is_err());
        Ok(())
    };
    connection.batch_execute("BEGIN")?;
    Environment::over(&mut connection, ours)?;
    assert_eq!(depth(&mut connection), 0, "diesel counts as before");
    assert_eq!(balances(&file)[0], (1, 100));
    connection.batch_execute("ROLLBACK")?;
    assert_eq!(balances(&file)[0], (1, 100));
    connection.transaction(|connection| set_by_diesel(connection, 2, 2))?;
    assert_eq!(balances(&file)[1], (2, 2));

    connection.batch_execute("BEGIN")?;
    let env = Environment::builder().connection(connection).build();
    ours(&env)?;
    let mut connection = env.into_connection().expect("the one above");
    assert_eq!(depth(&mut connection), 0, "diesel counts as before");
    assert_eq!(balances(&file)[0], (1, 100));
    connection.batch_execute("COMMIT")?;
    assert_eq!(balances(&file)[0], (1, 1));
    connection.transaction(|connection| set_by_diesel(connection, 2, 3))?;
    assert_eq!(balances(&file)[1], (2, 3));
    Ok(())
}

#[test]
fn a_test_transaction_stays_what_it_is() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    connection.begin_test_transaction()?;
    for id in 1..=2 {
        Environment::over(&mut connection, |env| {
            assert!(env.record::<Account>(3).set_balance(-1).is_err());
            env.transaction(|| env.record::<Account>(id).set_balance(0))
        })?;
    }
    assert_eq!((balance(&mut connection, 1), balance(&mut connection, 2)), (0, 0));
    drop(connection);
    assert_eq!(balances(&file)[..2], [(1, 100), (2, 200)]);
    Ok(())
}

#[test]
fn one_of_a_pool_is_lent_or_given_and_goes_back_sound() -> Result<()> {
    let file = File::new(SCHEMA);
    let (pool, _) = file.pool(1);
    let mut pooled = pool.get()?;
    Environment::over(&mut *pooled, |env| env.record::<Account>(1).set_balance(1))?;
    assert_eq!(balance(&mut pooled, 1), 1);
    let env = Environment::builder().pooled(pooled).build();
    env.record::<Account>(1).set_balance(2)?;
    assert!(pool.try_get().is_none());
    assert!(env.into_connection().is_none(), "the pool has it");
    let mut again = pool.try_get().expect("it came back");
    assert_eq!(balance(&mut again, 1), 2);
    // In a transaction of theirs, too
    again.transaction(|connection| {
        Environment::over(&mut **connection, |env| env.record::<Account>(1).set_balance(3))
    })?;
    assert_eq!(balances(&file)[0], (1, 3));
    Ok(())
}

#[test]
fn after_a_panic_it_is_back_and_ours_is_undone() -> Result<()> {
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    set_by_diesel(&mut connection, 4, 4)?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        Environment::over(&mut connection, |env| {
            env.record::<Account>(1).set_balance(1)?;
            env.transaction(|| -> Result<()> {
                env.record::<Account>(2).set_balance(2)?;
                env.flush()?;
                std::panic::resume_unwind(Box::new("on purpose"))
            })
        })
    }));
    assert_eq!(panicked.err().and_then(|panic| panic.downcast_ref::<&str>().copied()), Some("on purpose"));
    assert_eq!((balance(&mut connection, 1), balance(&mut connection, 2)), (1, 200));
    // Theirs around it is undone by diesel as by any other panic.
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        connection.transaction(|connection| -> Result<()> {
            set_by_diesel(connection, 1, 7)?;
            Environment::over(connection, |env| {
                env.record::<Account>(2).set_balance(7)?;
                std::panic::resume_unwind(Box::new("on purpose"))
            })
        })
    }));
    assert!(panicked.is_err());
    drop(connection);
    assert_eq!(balances(&file)[..2], [(1, 1), (2, 200)]);
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "no trigger there ends a transaction")]
fn an_error_that_has_ended_their_transaction_is_told_though_it_was_swallowed() -> Result<()> {
    let file = File::new(SCHEMA);
    file.run(
        "CREATE TRIGGER closed BEFORE UPDATE ON accounts WHEN NEW.balance = 13
         BEGIN SELECT RAISE(ROLLBACK, 'the books are closed'); END",
    );
    let mut connection = file.connect();
    // In what diesel counts as a savepoint of theirs, so that it can be seen where it counts from afterwards
    Manager::begin_transaction(&mut connection)?;
    Manager::begin_transaction(&mut connection)?;
    set_by_diesel(&mut connection, 1, 1)?;
    let told = Environment::over(&mut connection, |env| {
        let _ = env.transaction(|| env.transaction(|| env.record::<Account>(2).set_balance(13)));
        let _ = env.record::<Account>(3).set_balance(3);
        Ok(())
    });
    let error = told.expect_err("it is gone");
    assert_eq!(error.to_string(), "writing Account.balance of 2: the books are closed");
    assert_eq!(depth(&mut connection), 2, "as they have left it");
    assert_eq!(balances(&file), [(1, 100), (2, 200), (3, 300), (4, 400)]);
    drop(connection);
    Ok(())
}

#[test]
fn errors_of_their_own_come_back_by_value() -> Result<()> {
    #[derive(Debug)]
    enum Refused {
        Closed,
        Database,
    }
    impl From<Error> for Refused {
        fn from(_: Error) -> Self {
            Self::Database
        }
    }
    let file = File::new(SCHEMA);
    let mut connection = file.connect();
    let refused = Environment::try_over(&mut connection, |env| {
        env.record::<Account>(1).set_balance(1)?;
        Err::<(), _>(Refused::Closed)
    });
    assert!(matches!(refused, Err(Refused::Closed)));
    let refused = Environment::builder().prefetch_limit(5).try_over(&mut connection, |env| {
        env.record::<Account>(1).set_balance(-1)?;
        Ok::<(), Refused>(())
    });
    assert!(matches!(refused, Err(Refused::Database)));
    Ok(())
}

#[test]
fn a_time_out_of_theirs_stays_as_it_is() -> Result<()> {
    let file = File::new(SCHEMA);
    let (set, ask, expected) = on!(
        sqlite("PRAGMA busy_timeout = 0", "(SELECT timeout FROM pragma_busy_timeout)", 0),
        postgres(
            "SET lock_timeout = 7000",
            "(SELECT CAST(setting AS INTEGER) FROM pg_settings WHERE name = 'lock_timeout')",
            7_000
        ),
        mysql("SET innodb_lock_wait_timeout = 7", "CAST(@@innodb_lock_wait_timeout AS SIGNED)", 7)
    );
    let timeout = |connection: &mut Db| -> QueryResult<i32> {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(ask)).get_result(connection)
    };
    let mut connection = Db::establish(&file.url())?;
    connection.batch_execute(set)?;
    assert_eq!(timeout(&mut connection)?, expected);
    Environment::over(&mut connection, |env| env.record::<Account>(1).set_balance(1))?;
    assert_eq!(timeout(&mut connection)?, expected);
    Ok(())
}
