//! Locks that are not given, deadlocks, connections that break while they write, on the connection that `super::Db` is

use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use super::shop::{self, Account, Country, Partner};
use crate::place::{Outcome, Place};

#[test]
fn a_lock_that_is_not_given_is_an_error() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    let deco = env.create(Partner::values().name("Deco"))?;
    env.with_connection(|connection| Ok(connection.batch_execute(super::LOCK_TIMEOUT)?))?;
    let mut other = place.connect()?;
    other.batch_execute("BEGIN; UPDATE partners SET name = 'locked' WHERE id = 1")?;
    let error = azure.set_name("x").err().ok_or("the row is locked")?;
    assert!(matches!(error, Error::Database { model: "Partner", .. }), "{error:?}");
    assert!(
        error.to_string().contains("Partner.name of 1") && error.to_string().contains(super::TIMED_OUT),
        "{error}"
    );
    let error = env.transaction(|| {
        deco.set_name("y")?;
        azure.set_name("y")
    });
    assert!(error.is_err_and(|error| error.to_string().contains(super::TIMED_OUT)));
    assert_eq!(deco.name()?, "Deco");
    deco.set_name("Deco Addict")?;
    other.batch_execute("ROLLBACK")?;
    azure.set_name("later")?;
    assert_eq!(place.environment()?.browse::<Partner>([1, 2]).name()?, ["later", "Deco Addict"]);
    Ok(())
}

/// Two transactions that wait for each other: the database ends one of them.
#[test]
fn a_deadlock_undoes_the_whole_transaction() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let partners = env.create_many((0..3).map(|n| Partner::values().name(format!("P{n}"))))?;
    let [one, two, three] = [0, 1, 2].map(|n| partners.get(n));
    let (one, two, three) = (one.ok_or("1")?, two.ok_or("2")?, three.ok_or("3")?);
    let mut other = place.connect()?;
    // On MariaDB the transaction that changed less is ended: the other one changes many rows.
    other.batch_execute(
        "INSERT INTO tags VALUES ('a', 'a'), ('b', 'b'), ('c', 'c'), ('d', 'd'), ('e', 'e')",
    )?;
    other.batch_execute(
        "BEGIN; UPDATE tags SET name = 'x'; UPDATE partners SET name = 'theirs' WHERE id = 2",
    )?;
    let mut waiting = None;
    let result = env.transaction(|| {
        three.set_name("ours")?;
        one.set_name("ours")?;
        env.flush()?;
        waiting = Some(std::thread::spawn(move || {
            let ended = other.batch_execute("UPDATE partners SET name = 'theirs' WHERE id = 1");
            ended.and_then(|()| other.batch_execute("COMMIT"))
        }));
        std::thread::sleep(std::time::Duration::from_millis(300));
        // The savepoint is gone with all the rest, whoever swallows that.
        let inner = env.transaction(|| two.set_name("ours"));
        let lost = inner.is_err();
        let after = three.set_lang("zz").and_then(|()| env.flush());
        if lost { after.and(Ok(())) } else { Ok(()) }
    });
    let theirs = waiting.map(|thread| thread.join().map_err(|_| "the other one panicked")).transpose()?;
    let theirs = theirs.ok_or("it was started")?;
    assert!(
        theirs.is_ok() != result.is_ok() || result.is_ok(),
        "one of them is ended: {theirs:?} {result:?}"
    );
    let stored = place.environment()?;
    let stored = stored.browse::<Partner>([1, 2, 3]);
    if result.is_err() {
        assert_eq!(stored.name()?[2], "P2", "{result:?}");
        assert_eq!(stored.lang()?[2].as_deref(), Some("en"), "{result:?}");
    }
    assert_eq!(partners.name()?, stored.name()?);
    assert_eq!(partners.lang()?, stored.lang()?);
    partners.set_name("after")?;
    Ok(())
}

fn pool(place: &Place<Db>) -> Outcome<Pool<ConnectionManager<Db>>> {
    Ok(Pool::builder().max_size(1).build(ConnectionManager::new(&place.address))?)
}

fn number_of_this() -> String {
    format!("SELECT CAST({} AS {}) AS number", super::CONNECTION, super::INTEGER)
}

/// Ends the connection that an environment has.
fn kill(place: &mut Place<Db>, env: &Environment<Db>) -> Outcome {
    let this = number_of(env)?;
    terminate(place, this)
}

fn number_of(env: &Environment<Db>) -> Result<i64, Error> {
    env.with_connection(|connection| {
        shop::number(connection, &number_of_this()).map_err(|error| Error::other(error.to_string()))
    })
}

fn terminate(place: &mut Place<Db>, connection: i64) -> Outcome {
    place.admin.batch_execute(&super::terminate(connection))?;
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

#[test]
fn after_a_connection_broke_the_environment_takes_another() -> Outcome {
    for makes_its_own in [false, true] {
        let Some((mut place, first, _)) = shop::open()? else { return Ok(()) };
        let id = first.create(Partner::values().name("Azure"))?.id();
        let env = if makes_its_own { place.environment()? } else { Environment::new(pool(&place)?) };
        let azure = env.record::<Partner>(id);
        let broken = env.transaction(|| {
            azure.set_name("x")?;
            env.flush()?;
            kill(&mut place, &env).map_err(|error| Error::other(error.to_string()))?;
            azure.set_name("y")?;
            env.flush()
        });
        let error = broken.err().ok_or("the connection is gone")?;
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert!(error.to_string().contains("writing Partner.name of 1"), "{error}");
        assert_eq!(azure.name()?, "Azure");
        // A write outside of a transaction: it may have been done, for all we know.
        let this = number_of(&env)?;
        azure.set_name("second")?;
        terminate(&mut place, this)?;
        let error = azure.set_name("third").err().ok_or("the connection is gone")?;
        assert!(matches!(error, Error::OutcomeUnknown { .. }) && error.is_connection_lost(), "{error:?}");
        assert!(error.to_string().starts_with("writing Partner.name of 1: "), "{error}");
        assert_eq!(azure.name()?, "second");
        azure.set_name("third")?;
        let count = diesel::sql_query("ANALYZE TABLE_NAME".replace("TABLE_NAME", super::ANALYZED));
        kill(&mut place, &env)?;
        let error = env.execute(count).err().ok_or("the connection is gone")?;
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
        // A transaction takes another one at its beginning, also that of several records.
        kill(&mut place, &env)?;
        env.transaction(|| azure.set_name("begun"))?;
        kill(&mut place, &env)?;
        env.create_many([Partner::values().name("two"), Partner::values().name("three")])?.delete()?;
        azure.set_name("third")?;
        // One within another
        let broken = env.transaction(|| {
            let inner = env.transaction(|| {
                kill(&mut place, &env).map_err(|error| Error::other(error.to_string()))?;
                azure.set_name("fourth")
            });
            assert!(inner.is_err());
            Ok(())
        });
        assert!(broken.as_ref().is_err_and(Error::is_connection_lost), "{broken:?}");
        assert_eq!(azure.name()?, "third");
        env.transaction(|| azure.set_name("fifth"))?;
        first.cache().clear();
        assert_eq!(first.all::<Partner>()?.name()?, ["fifth"]);
    }
    Ok(())
}

#[test]
fn a_read_outside_of_a_transaction_is_sent_once_more_on_another_connection() -> Outcome {
    for makes_its_own in [false, true] {
        let Some((mut place, first, _)) = shop::open()? else { return Ok(()) };
        let id = first.create(Partner::values().name("Azure"))?.id();
        let env = if makes_its_own { place.environment()? } else { Environment::new(pool(&place)?) };
        let azure = env.record::<Partner>(id);
        // By key, by a search, by a count, by a list
        let reads: [&dyn Fn() -> Result<usize, Error>; 5] = [
            &|| azure.name().map(|name| name.len()),
            &|| env.all::<Country>().map(|all| all.len()),
            &|| azure.exists().map(usize::from),
            &|| azure.child_ids().len(),
            &|| azure.tag_ids().load().map(|tags| tags.len()),
        ];
        for (read, expected) in reads.iter().zip([5, 1, 1, 0, 0]) {
            env.cache().clear();
            kill(&mut place, &env)?;
            let before = env.stats().queries;
            assert_eq!(read()?, expected);
            assert_eq!(env.stats().queries - before, 2, "sent once more");
        }
        // Within a transaction it is an error: what was read and written before is gone.
        let broken = env.transaction(|| {
            azure.set_name("x")?;
            env.flush()?;
            kill(&mut place, &env).map_err(|error| Error::other(error.to_string()))?;
            env.all::<Country>().map(drop)
        });
        assert!(broken.as_ref().is_err_and(Error::is_connection_lost), "{broken:?}");
        // So it is where there is no other connection, or one without the application's transaction.
        let env = Environment::builder().connection(place.connect()?).build();
        kill(&mut place, &env)?;
        for _ in 0..2 {
            let broken = env.all::<Country>().map(drop);
            assert!(broken.as_ref().is_err_and(Error::is_connection_lost), "{broken:?}");
        }
        let of_pool = pool(&place)?;
        let env = Environment::builder().pooled(of_pool.get()?).build();
        kill(&mut place, &env)?;
        for _ in 0..2 {
            let broken = env.all::<Country>().map(drop);
            assert!(broken.as_ref().is_err_and(Error::is_connection_lost), "{broken:?}");
        }
        drop(env);
        assert_eq!(Environment::new(of_pool).all::<Country>()?.len(), 1, "the pool does not keep it");
        let mut lent = place.connect()?;
        lent.begin_test_transaction()?;
        let env = Environment::builder().connection(lent).build();
        kill(&mut place, &env)?;
        assert!(env.all::<Country>().is_err());
    }
    Ok(())
}

#[test]
fn what_is_said_to_each_connection_is_said_to_the_next_one_too() -> Outcome {
    let Some((mut place, _first, _)) = shop::open()? else { return Ok(()) };
    let env = Environment::<Db>::builder()
        .connect_with(&place.address, |connection| Ok(connection.batch_execute(super::LOCK_TIMEOUT)?))?;
    let timeout = |env: &Environment<Db>| {
        env.with_connection(|connection| {
            shop::number(connection, super::LOCK_TIMEOUT_NOW).map_err(|error| Error::other(error.to_string()))
        })
    };
    assert_eq!(timeout(&env)?, 1);
    kill(&mut place, &env)?;
    assert_eq!(env.all::<Country>()?.len(), 1);
    assert_eq!(timeout(&env)?, 1);
    Ok(())
}

/// Does work that may hang for ever, which is a failure after half a minute.
fn in_time(place: Place<Db>, work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Outcome {
    let (done, finished) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        work()?;
        // Nobody waits for a thread that was late.
        let _ = done.send(());
        Ok::<(), Error>(())
    });
    if finished.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
        // What hangs holds locks that removing the place would wait for.
        std::mem::forget(place);
        return Err("it hangs".into());
    }
    Ok(worker.join().map_err(|_| "the worker panicked")??)
}

/// What libmariadb keeps of a prepared SELECT that failed half-way makes its next execution wait for ever.
#[test]
fn a_locked_row_of_a_version_is_waited_for_again_and_again() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    env.create_many((1..=3).map(|id| Account::values().id(id).amount(0)))?;
    env.with_connection(|connection| Ok(connection.batch_execute(super::LOCK_TIMEOUT)?))?;
    let mut other = place.connect()?;
    other.batch_execute("BEGIN; UPDATE accounts SET amount = 7 WHERE id = 2")?;
    in_time(place, move || {
        let accounts = env.browse::<Account>([1, 2, 3]);
        for _ in 0..3 {
            let error = accounts.set_amount(1).err().ok_or_else(|| Error::other("the row is locked"))?;
            assert!(error.to_string().contains(super::TIMED_OUT), "{error}");
        }
        other.batch_execute("ROLLBACK")?;
        accounts.set_amount(2)
    })
}

#[test]
fn a_read_that_was_stopped_half_way_is_read_again() -> Outcome {
    diesel::table! { slow_accounts { id -> BigInt, slow -> Bool } }
    #[derive(Model)]
    #[model(table = slow_accounts, connection = Db)]
    struct SlowAccount {
        id: i64,
        slow: bool,
    }
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    env.create_many((1..=100).map(|id| Account::values().id(id).amount(0)))?;
    place.connect()?.batch_execute(super::SLOW_VIEW)?;
    in_time(place, move || {
        let accounts = env.browse::<SlowAccount>(1..=100);
        let all = || env.all::<SlowAccount>().map(drop);
        // Of an application's own query, whose error was made another one
        let own = || {
            env.touching().with_connection(|connection| {
                let rows = slow_accounts::table.load::<(i64, bool)>(connection);
                rows.map(drop).map_err(Error::other)
            })
        };
        for read in [&all as &dyn Fn() -> Result<(), Error>, &|| accounts.slow().map(drop), &own] {
            for _ in 0..2 {
                env.with_connection(|connection| Ok(connection.batch_execute(super::STATEMENT_TIMEOUT)?))?;
                let error = read().err().ok_or_else(|| Error::other("it takes a second"))?;
                assert!(matches!(error, Error::Database { .. } | Error::Other(_)), "{error:?}");
                env.with_connection(|connection| Ok(connection.batch_execute(super::NO_TIMEOUT)?))?;
            }
            read()?;
        }
        Ok(())
    })
}
