//! An environment is synchronous: it works in blocking tasks. Its connection is of diesel's pool, of deadpool's, or the one
//! within diesel-async's `SyncConnectionWrapper`, whose transaction it takes part in.

use std::time::Duration;

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, RunQueryDsl};
use orm_async_tests::{Partner, file, names, partners, shout};
use orm_core::prelude::*;

#[tokio::test]
async fn each_task_has_an_environment_over_one_pool() {
    let (_folder, url) = file();
    let pool = Pool::builder().max_size(2).build(ConnectionManager::<SqliteConnection>::new(&url)).unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let pool = pool.clone();
            tokio::task::spawn_blocking(move || -> orm_core::Result<()> {
                let env = Environment::new(pool);
                let options = orm_core::TransactionOptions::new().immediate();
                env.transaction_with(options, || {
                    let partner = env.record::<Partner>(n % 3 + 1);
                    partner.set_name(format!("{}.", partner.name()?))
                })
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(names(&url).concat().matches('.').count(), 16);
    assert_eq!(pool.state().idle_connections, pool.state().connections);
}

#[tokio::test]
async fn a_task_that_is_given_up_ends_what_it_has_begun() {
    let (_folder, url) = file();
    let pool = Pool::builder().max_size(1).build(ConnectionManager::<SqliteConnection>::new(&url)).unwrap();
    let task = {
        let pool = pool.clone();
        tokio::task::spawn_blocking(move || {
            let env = Environment::new(pool);
            env.transaction(|| {
                env.record::<Partner>(1).set_name("late")?;
                env.flush()?;
                std::thread::sleep(Duration::from_millis(200));
                Ok(())
            })
        })
    };
    // The future is dropped, the blocking task is not: it goes on to its COMMIT.
    drop(task);
    while names(&url)[0] != "late" {
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20))).await.unwrap();
    }
}

#[tokio::test]
async fn the_connection_of_a_deadpool_is_lent() {
    use deadpool_diesel::sqlite::{Manager, Pool, Runtime};
    let (_folder, url) = file();
    let pool = Pool::builder(Manager::new(&url, Runtime::Tokio1)).max_size(1).build().unwrap();
    let connection = pool.get().await.unwrap();
    let shouted = connection
        .interact(|connection| connection.transaction(|connection| Environment::over(connection, shout)))
        .await
        .unwrap();
    assert_eq!(shouted.unwrap(), 3);
    assert_eq!(names(&url), ["ONE", "TWO", "THREE"]);
}

#[tokio::test]
async fn a_transaction_of_diesel_async_is_taken_part_in() {
    let (_folder, url) = file();
    let mut connection = SyncConnectionWrapper::<SqliteConnection>::establish(&url).await.unwrap();
    for commits in [false, true] {
        let done = connection
            .transaction(async |connection| {
                diesel::insert_into(partners::table)
                    .values(partners::name.eq("four"))
                    .execute(connection)
                    .await?;
                let shouted =
                    connection.spawn_blocking(|connection| Ok(Environment::over(connection, shout)?)).await?;
                assert_eq!(shouted, 4, "ours sees theirs");
                let all: Vec<String> =
                    partners::table.order(partners::id).select(partners::name).load(connection).await?;
                assert_eq!(all, ["ONE", "TWO", "THREE", "FOUR"], "theirs sees ours");
                if commits { Ok(()) } else { Err(diesel::result::Error::RollbackTransaction) }
            })
            .await;
        assert_eq!(done.is_ok(), commits);
        assert_eq!(names(&url).len(), if commits { 4 } else { 3 });
    }
    assert_eq!(names(&url), ["ONE", "TWO", "THREE", "FOUR"]);
}
