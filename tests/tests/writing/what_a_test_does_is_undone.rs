//! `test_transaction`: all that an environment does is undone when it is dropped, and works meanwhile as if it were not: commits, rollbacks,
//! refused rows, callbacks, options, tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use orm_core::{Environment, Error, Result, TransactionOptions};
use orm_tests::File;
use orm_tests::database::Db;
use orm_tests::partners::*;

fn names(file: &File) -> Vec<String> {
    file.values("SELECT name AS value FROM partners ORDER BY id")
}

/// What an application does
fn work(env: &Environment) -> Result<()> {
    let partner = env.record::<Partner>(1);
    partner.set_name("alone")?;
    env.transaction(|| {
        partner.set_name("together")?;
        let undone: Result<()> = env.transaction(|| {
            env.record::<Partner>(2).set_name("undone")?;
            Err(Error::other("undone"))
        });
        undone.unwrap_err();
        env.record::<Partner>(3).delete()
    })?;
    let undone: Result<()> = env.transaction(|| {
        partner.set_name("undone")?;
        env.flush()?;
        Err(Error::other("undone"))
    });
    undone.unwrap_err();
    env.execute(diesel::update(partners::table.find(4)).set(partners::name.eq("executed")))?;
    env.cache().clear();
    let partners = env.all::<Partner>()?;
    assert_eq!(partners.name()?, ["together", "Partner number 2", "executed"]);
    Ok(())
}

fn before() -> (File, Vec<String>) {
    let file = File::of_partners(4, 2);
    let before = names(&file);
    assert_eq!(before, ["Partner number 1", "Partner number 2", "Partner number 3", "Partner number 4"]);
    (file, before)
}

#[test]
fn on_a_connection_of_its_own_and_of_a_pool() -> Result<()> {
    let (file, before) = before();
    let own = Environment::builder().connection(file.connect()).build();
    own.test_transaction()?;
    work(&own)?;
    drop(own);
    assert_eq!(names(&file), before);
    let (pool, _) = file.pool(1);
    for _ in 0..3 {
        let env = Environment::new(pool.clone());
        env.test_transaction()?;
        work(&env)?;
        // What would give the connection away keeps it.
        env.release()?;
        assert_eq!(env.record::<Partner>(1).name()?, "together");
        drop(env);
        assert_eq!(names(&file), before);
    }
    let env = Environment::new(pool);
    assert_eq!(env.all::<Partner>()?.len(), 4);
    Ok(())
}

/// A pool closes a connection on which a transaction is open; this one may be all that there is of a database in memory.
#[test]
fn a_pool_has_the_same_connection_back() -> Result<()> {
    #[derive(Debug, Default)]
    struct Counted(Arc<AtomicUsize>);
    impl CustomizeConnection<Db, diesel::r2d2::Error> for Counted {
        fn on_acquire(&self, _: &mut Db) -> Result<(), diesel::r2d2::Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }
    let (file, before) = before();
    let made = Arc::default();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(Counted(Arc::clone(&made))))
        .build(ConnectionManager::<Db>::new(file.url()))
        .expect("a pool");
    for _ in 0..3 {
        let env = Environment::new(pool.clone());
        env.test_transaction()?;
        work(&env)?;
        drop(env);
        assert_eq!(names(&file), before);
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
    Ok(())
}

#[test]
fn the_connection_comes_back_without_it() -> Result<()> {
    let (file, before) = before();
    let env = Environment::builder().connection(file.connect()).build();
    env.test_transaction()?;
    work(&env)?;
    let mut connection = env.into_connection().expect("its own");
    assert_eq!(
        partners::table.select(partners::name).order(partners::id).load::<String>(&mut connection).unwrap(),
        before
    );
    Environment::over(&mut connection, |env| {
        env.test_transaction()?;
        work(env)
    })?;
    connection
        .transaction(|connection| {
            assert_eq!(
                partners::table.select(partners::name).order(partners::id).load::<String>(connection)?,
                before
            );
            diesel::update(partners::table.find(1)).set(partners::name.eq("kept")).execute(connection)
        })
        .unwrap();
    assert_eq!(names(&file)[0], "kept");
    // Within one of the application's own it is its business.
    connection.begin_test_transaction().unwrap();
    let error = Environment::over(&mut connection, |env| env.test_transaction()).unwrap_err();
    assert!(matches!(error, Error::InTransaction { .. }), "{error:?}");
    Ok(())
}

#[test]
fn a_panic_leaves_nothing() {
    let (file, before) = before();
    let env = Environment::builder().connection(file.connect()).build();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        env.test_transaction().unwrap();
        env.transaction(|| {
            env.record::<Partner>(1).set_name("panicked")?;
            env.flush()?;
            panic!("a test that fails")
        })
        .map(|()| drop(env))
    }));
    assert!(panicked.is_err());
    assert_eq!(names(&file), before);
}

#[test]
fn what_is_refused_is_refused_alone() -> Result<()> {
    let (file, before) = before();
    let env = Environment::builder().connection(file.connect()).build();
    env.test_transaction()?;
    let partner = env.record::<Partner>(1);
    partner.set_name("kept")?;
    // A key that is there
    let again =
        || Partner::values().id(2).name("again").email("").phone("").city("").active(true).credit(0.0);
    assert!(env.create(again()).is_err());
    assert!(env.transaction(|| env.create(again()).map(drop)).is_err());
    assert_eq!(env.record::<Partner>(2).name()?, "Partner number 2");
    assert_eq!(partner.name()?, "kept");
    drop(env);
    assert_eq!(names(&file), before);
    Ok(())
}

#[test]
fn callbacks_options_and_tries_are_as_always() -> Result<()> {
    let (file, before) = before();
    let env = Environment::builder().connection(file.connect()).build();
    env.test_transaction()?;
    let calls = Arc::new(AtomicUsize::new(0));
    let call = || {
        let calls = Arc::clone(&calls);
        env.after_commit(move || {
            calls.fetch_add(1, Ordering::Relaxed);
        });
    };
    env.transaction(|| {
        env.transaction(|| {
            call();
            Ok(())
        })?;
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        Ok(())
    })?;
    let undone: Result<()> = env.transaction(|| {
        call();
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let mut tries = 0;
    env.transaction_with_retry(3, TransactionOptions::new(), || {
        tries += 1;
        env.record::<Partner>(1).set_name("tried")
    })?;
    assert_eq!(tries, 1);
    // Twice in a test, or within a transaction, is an error.
    assert!(matches!(env.test_transaction(), Err(Error::InTransaction { .. })));
    assert!(env.transaction(|| env.test_transaction()).is_err());
    drop(env);
    assert_eq!(names(&file), before);
    Ok(())
}

#[test]
#[cfg(feature = "sqlite")]
fn a_mode_is_passed_over() -> Result<()> {
    let (file, before) = before();
    let env = Environment::builder().connection(file.connect()).build();
    env.test_transaction()?;
    env.transaction_with(TransactionOptions::new().immediate(), || {
        env.record::<Partner>(1).set_name("immediate")?;
        // Within another one it is an error, as always.
        assert!(matches!(
            env.transaction_with(TransactionOptions::new().immediate(), || Ok(())),
            Err(Error::Nested { .. })
        ));
        Ok(())
    })?;
    assert_eq!(env.record::<Partner>(1).name()?, "immediate");
    drop(env);
    assert_eq!(names(&file), before);
    Ok(())
}

/// Each connection of the pool is in diesel's transaction of a test.
#[derive(Debug)]
struct InTest;

impl CustomizeConnection<Db, diesel::r2d2::Error> for InTest {
    fn on_acquire(&self, connection: &mut Db) -> Result<(), diesel::r2d2::Error> {
        connection.begin_test_transaction().map_err(diesel::r2d2::Error::QueryError)
    }
}

#[test]
fn several_environments_share_a_pool_of_one_connection_in_diesels_test_transaction() -> Result<()> {
    let (file, before) = before();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(InTest))
        .build(ConnectionManager::<Db>::new(file.url()))
        .unwrap();
    work(&Environment::new(pool.clone()))?;
    let env = Environment::new(pool.clone());
    assert_eq!(env.all::<Partner>()?.name()?, ["together", "Partner number 2", "executed"]);
    assert_eq!(names(&file), before);
    drop(env);
    drop(pool);
    assert_eq!(names(&file), before);
    Ok(())
}
