//! E1: threads with an environment each over one pool read side by side and do not disturb each other.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::File;
use orm_tests::partners::*;

#[test]
fn each_reads_the_same_and_pays_its_own_queries() -> Result<()> {
    let file = File::of_partners(1_500, 50);
    let (pool, _) = file.pool(4);
    let totals = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let pool = pool.clone();
                scope.spawn(move || -> Result<(usize, usize)> {
                    let env = loop {
                        // Eight threads, four connections: who gets none asks again.
                        let env: Environment = Environment::new(pool.clone());
                        match env.all::<Continent>() {
                            Ok(_) => break env,
                            Err(Error::PoolExhausted { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    };
                    env.cache().set(Partner::NAME, 1, format!("thread {number}"));
                    let mut total = 0;
                    for partner in &partners::table.order(partners::id).records::<Partner>(&env)? {
                        total +=
                            partner.id() as usize * partner.country_id().name()?.map_or(0, |name| name.len());
                    }
                    assert_eq!(env.record::<Partner>(1).name()?, format!("thread {number}"));
                    Ok((total, env.stats().queries))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Result<Vec<_>>>()
    })?;
    assert!(totals.iter().all(|&total| total == totals[0] && total.1 == 3), "{totals:?}");
    Ok(())
}

// One that may be to any of several databases is taken when the environment is made.
#[cfg(not(feature = "any"))]
#[test]
fn a_connection_is_taken_at_the_first_query_and_given_back_at_the_end() -> Result<()> {
    let file = File::of_partners(5, 1);
    let (pool, statements) = file.pool(1);
    let env: Environment = Environment::new(pool.clone());
    assert_eq!(pool.state().idle_connections, 1);
    env.record::<Partner>(1).id();
    env.browse::<Partner>([1, 2]).ids();
    env.cache().set(Partner::NAME, 1, "x");
    assert_eq!(pool.state().idle_connections, 1, "nothing was asked yet");
    env.record::<Partner>(1).email()?;
    assert_eq!(pool.state().idle_connections, 0);
    drop(env);
    assert_eq!(pool.state().idle_connections, 1);
    assert_eq!(
        statements
            .all()
            .iter()
            .filter(|statement| statement.is_select() && statement.table() == "partners")
            .count(),
        1
    );
    Ok(())
}

#[test]
fn an_environment_can_move_to_another_thread() -> Result<()> {
    let file = File::of_partners(100, 5);
    let env: Environment = Environment::connect(&file.url())?;
    env.all::<Partner>()?;
    let env = std::thread::spawn(move || -> Result<Environment> {
        for partner in &env.browse::<Partner>(1..=100) {
            partner.country_id().name()?;
        }
        Ok(env)
    })
    .join()
    .expect("no panic")?;
    assert_eq!(env.stats().queries, 2);
    Ok(())
}

#[test]
fn an_owned_copy_can_go_anywhere() -> Result<()> {
    let file = File::of_partners(3, 1);
    let env: Environment = Environment::connect(&file.url())?;
    let model = env.record::<Partner>(2).to_model()?;
    drop(env);
    std::thread::spawn(move || drop(model)).join().expect("no panic");
    Ok(())
}

#[test]
fn a_connection_is_given_back_when_it_is_released_and_what_is_cached_stays() -> Result<()> {
    let file = File::of_partners(5, 1);
    let (pool, _) = file.pool(1);
    let env: Environment = Environment::new(pool.clone());
    env.release()?;
    let partners: RecordSet<Partner> = env.all()?;
    assert_eq!(pool.state().idle_connections, 0);
    env.release()?;
    assert_eq!(pool.state().idle_connections, 1);
    let queries = env.stats().queries;
    assert_eq!((partners.name()?.len(), env.stats().queries), (5, queries));
    assert_eq!(pool.state().idle_connections, 1, "from the cache");
    // Another environment has it meanwhile, in the same thread.
    let other: Environment = Environment::new(pool.clone());
    other.record::<Partner>(1).set_name("other")?;
    let error = env.all::<Continent>().map(drop).expect_err("the other one has it");
    assert!(matches!(error, Error::PoolExhausted { size: 1, here: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("environments have taken 1 in this thread"), "{error}");
    // One that was taken in another thread is none that this one waits for itself.
    let error = std::thread::spawn(move || env.all::<Continent>().map(drop)).join().expect("no panic");
    assert!(matches!(error, Err(Error::PoolExhausted { here: 0, .. })), "{error:?}");
    other.release()?;
    let env: Environment = Environment::new(pool);
    assert_eq!(env.record::<Partner>(1).name()?, "other");
    Ok(())
}

#[test]
fn a_connection_is_not_given_back_within_a_transaction() -> Result<()> {
    let file = File::of_partners(5, 1);
    let (pool, _) = file.pool(1);
    let env: Environment = Environment::new(pool.clone());
    env.transaction(|| {
        env.record::<Partner>(1).set_name("first")?;
        let error = env.release().expect_err("it is in a transaction");
        assert!(matches!(error, Error::InTransaction { .. }), "{error:?}");
        env.record::<Partner>(2).set_name("second")
    })?;
    assert_eq!(pool.state().idle_connections, 0);
    env.release()?;
    assert_eq!(pool.state().idle_connections, 1);
    // Those of the application, and what is no pool's
    let mut pooled = pool.get()?;
    pooled.begin_test_transaction()?;
    let env: Environment = Environment::builder().pooled(pooled).build();
    env.release()?;
    assert_eq!(env.browse::<Partner>([1, 2]).name()?, ["first", "second"]);
    Ok(())
}
