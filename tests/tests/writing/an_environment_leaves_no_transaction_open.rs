//! E4: an environment that is dropped in the middle of a transaction rolls it back, and gives no connection to its pool
//! on which one is open.

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::bank::*;
use orm_tests::database::Db;
use orm_tests::{File, on};

type Manager = <orm_tests::database::Db as diesel::Connection>::TransactionManager;

/// The ways to open a transaction on the connection itself
const WAYS: [fn(&mut Db) -> QueryResult<()>; 2] = [Manager::begin_transaction, |connection| {
    connection.batch_execute(on!(sqlite "BEGIN IMMEDIATE", postgres "BEGIN", mysql "BEGIN"))
}];

/// What is begun on the lent connection is not left open: it is rolled back at once, and an error.
fn write_and_leave(env: &Environment, begin: fn(&mut Db) -> QueryResult<()>) {
    let error = env
        .with_connection(|connection| {
            begin(connection)?;
            Ok(diesel::update(accounts::table).set(accounts::balance.eq(0)).execute(connection).map(drop)?)
        })
        .unwrap_err();
    assert!(matches!(error, Error::TransactionLeftOpen { .. }), "{error}");
}

#[test]
fn on_a_connection_of_its_own() -> Result<()> {
    for begin in WAYS {
        let file = File::new(SCHEMA);
        let env: Environment = Environment::connect(&file.url())?;
        write_and_leave(&env, begin);
        assert_eq!(balances(&file)[0], (1, 100));
        env.record::<Account>(1).set_balance(1)?;
        drop(env);
        assert_eq!(balances(&file)[0], (1, 1));
    }
    Ok(())
}

#[test]
fn on_one_of_a_pool() -> Result<()> {
    for begin in WAYS {
        let file = File::new(SCHEMA);
        let (pool, _) = file.pool(1);
        let env: Environment = Environment::new(pool.clone());
        write_and_leave(&env, begin);
        drop(env);
        assert_eq!(balances(&file)[0], (1, 100));
        // The next one neither sees it nor stumbles over it.
        let next: Environment = Environment::new(pool);
        assert_eq!(next.record::<Account>(1).balance()?, 100);
        next.record::<Account>(1).set_balance(1)?;
        assert_eq!(balances(&file)[0], (1, 1));
    }
    Ok(())
}

#[test]
fn when_it_goes_with_a_panic() {
    let file = File::new(SCHEMA);
    let (pool, _) = file.pool(1);
    let env: Environment = Environment::new(pool.clone());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let env = env;
        env.transaction(|| -> Result<()> {
            env.record::<Account>(1).set_balance(0)?;
            env.flush()?;
            std::panic::resume_unwind(Box::new("on purpose"))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(balances(&file)[0], (1, 100));
    let next: Environment = Environment::new(pool);
    assert_eq!(next.record::<Account>(1).balance().ok(), Some(100));
}
