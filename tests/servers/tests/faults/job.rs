//! The faults, on the connection that `super::Db` is

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::BigInt;
use orm_core::prelude::*;
use orm_core::{Error, Isolation, TransactionOptions};

use super::Db;
use crate::Outcome;
use crate::private::Private;

type Server = Private<Db>;

diesel::table! { accounts { id -> BigInt, amount -> BigInt } }
diesel::table! { entries { id -> BigInt, note -> Text } }

#[derive(Model)]
#[model(table = accounts, connection = Db)]
struct Account {
    id: i64,
    amount: i64,
}

#[derive(Model)]
#[model(table = entries, connection = Db)]
struct Entry {
    id: i64,
    note: String,
}

/// Twenty accounts of 100 each
pub fn fill(server: &Server) -> Outcome {
    let mut admin = server.connect()?;
    admin.batch_execute(
        &"CREATE TABLE accounts (id BIGINT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL);
         CREATE TABLE entries (id BIGINT NOT NULL PRIMARY KEY, note LONG_TEXT NOT NULL);"
            .replace("LONG_TEXT", super::LONG_TEXT),
    )?;
    let rows: Vec<_> = (1..=20_i64).map(|id| (accounts::id.eq(id), accounts::amount.eq(100_i64))).collect();
    diesel::insert_into(accounts::table).values(rows).execute(&mut admin)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn number(connection: &mut Db, sql: &str) -> Outcome<i64> {
    Ok(diesel::sql_query(sql).get_result::<Number>(connection)?.number)
}

fn other(error: impl std::fmt::Display) -> Error {
    Error::other(error.to_string())
}

fn number_of(env: &Environment<Db>) -> Result<i64, Error> {
    env.with_connection(|connection| number(connection, super::THIS).map_err(other))
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> Outcome<bool>) -> Outcome {
    let begun = Instant::now();
    while !is_so()? {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("in vain: {what}").into());
        }
        // Servers look at their own state now and then only.
        std::thread::sleep(Duration::from_millis(150));
    }
    Ok(())
}

/// The ways in which an environment has a connection that has a successor
fn environments(server: &Server) -> Outcome<[(&'static str, Environment<Db>); 2]> {
    let pool = Pool::builder()
        .max_size(1)
        .connection_timeout(Duration::from_secs(2))
        .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
        .build(ConnectionManager::<Db>::new(&server.address))?;
    Ok([("over a pool", Environment::new(pool)), ("on its own", Environment::connect(&server.address)?)])
}

/// The rows are these, the cache is equal to them, nothing waits or is open, and the environment reads and writes.
fn is_sound(server: &Server, env: &Environment<Db>, expected: impl Fn(i64) -> i64) -> Outcome {
    let mut admin = server.connect()?;
    until("the end of all transactions", || Ok(number(&mut admin, super::OPEN)? == 0))?;
    let rows: Vec<(i64, i64)> = accounts::table.order(accounts::id).load(&mut admin)?;
    let as_expected: Vec<(i64, i64)> = (1..=20).map(|id| (id, expected(id))).collect();
    assert_eq!(rows, as_expected, "the rows");
    for &(id, amount) in &rows {
        if let Some(entry) = env.cache().entry(Account::AMOUNT, id) {
            assert_eq!((entry.value, entry.dirty), (amount, false), "cached of {id}");
        }
    }
    assert_eq!(env.stats().dirty, 0);
    assert_eq!(env.all::<Account>()?.amount()?, rows.iter().map(|&(_, amount)| amount).collect::<Vec<_>>());
    let first = env.record::<Account>(1);
    env.transaction(|| first.set_amount(first.amount()? + 1))?;
    env.transaction(|| first.set_amount(first.amount()? - 1))?;
    assert_eq!(accounts::table.find(1).select(accounts::amount).get_result::<i64>(&mut admin)?, expected(1));
    assert_eq!(number(&mut admin, super::OPEN)?, 0, "open transactions");
    Ok(())
}

/// From one account to another, in two statements
fn move_amount(env: &Environment<Db>, from: i64, to: i64, amount: i64) -> Result<(), Error> {
    let (from, to) = (env.record::<Account>(from), env.record::<Account>(to));
    from.set_amount(from.amount()? - amount)?;
    env.flush()?;
    to.set_amount(to.amount()? + amount)?;
    env.flush()
}

#[test]
fn a_connection_that_is_ended() -> Outcome {
    let Some(server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    let mut admin = server.connect()?;
    for (how, env) in environments(&server)? {
        let end = |admin: &mut Db, connection: i64| -> Result<(), Error> {
            admin.batch_execute(&super::terminate(connection))?;
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        };
        // Before the first statement of a transaction: after BEGIN, or while nothing is open
        let this = number_of(&env)?;
        end(&mut admin, this)?;
        env.transaction(|| move_amount(&env, 1, 2, 10))?;
        env.transaction(|| move_amount(&env, 2, 1, 10))?;
        is_sound(&server, &env, |_| 100)?;
        for place in ["before", "between", "after"] {
            let this = number_of(&env)?;
            let broken = env.transaction(|| {
                if place == "before" {
                    end(&mut admin, this)?;
                }
                let one = env.record::<Account>(1);
                one.set_amount(one.amount()? - 10)?;
                env.flush()?;
                if place == "between" {
                    end(&mut admin, this)?;
                }
                let two = env.record::<Account>(2);
                two.set_amount(two.amount()? + 10)?;
                env.flush()?;
                if place == "after" {
                    end(&mut admin, this)?;
                }
                Ok(())
            });
            let error = broken.err().ok_or("the connection is gone")?;
            assert!(error.is_connection_lost(), "{how}, {place}: {error:?}");
            // While it is committed nobody knows; before, nothing is there.
            let is_unknown = matches!(error, Error::OutcomeUnknown { .. });
            assert_eq!(is_unknown, place == "after", "{how}, {place}: {error:?}");
            is_sound(&server, &env, |_| 100).map_err(|error| format!("{how}, {place}: {error}"))?;
        }
        // Inside of a statement: it waits for a lock
        let this = number_of(&env)?;
        let mut holder = server.connect()?;
        holder.batch_execute("BEGIN; UPDATE accounts SET amount = amount WHERE id = 2")?;
        let mut killer = server.connect()?;
        let ended = std::thread::spawn(move || {
            until("it waits", || Ok(number(&mut killer, super::WAITING)? == 1))
                .map_err(|error| error.to_string())?;
            killer.batch_execute(&super::terminate(this)).map_err(|error| error.to_string())
        });
        let broken = env.transaction(|| move_amount(&env, 1, 2, 10));
        ended.join().map_err(|_| "the thread panicked")??;
        let error = broken.err().ok_or("the connection is gone")?;
        assert!(matches!(error, Error::ConnectionLost { .. }), "{how}: {error:?}");
        assert!(error.to_string().contains("writing Account.amount of 2"), "{how}: {error}");
        holder.batch_execute("ROLLBACK")?;
        is_sound(&server, &env, |_| 100).map_err(|error| format!("{how}, inside: {error}"))?;
    }
    Ok(())
}

#[test]
fn a_server_that_is_stopped_or_killed_and_started_again() -> Outcome {
    let Some(mut server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    for kills in [false, true] {
        let both = environments(&server)?;
        for (_, env) in &both {
            assert_eq!(env.all::<Account>()?.len(), 20);
        }
        // In the middle of a transaction
        let (_, env) = &both[1];
        let broken = env.transaction(|| {
            env.record::<Account>(1).set_amount(0)?;
            env.flush()?;
            if kills { server.kill() } else { server.stop() }.map_err(other)?;
            env.record::<Account>(2).set_amount(200)?;
            env.flush()
        });
        assert!(broken.as_ref().is_err_and(Error::is_connection_lost), "{broken:?}");
        // While it is down each says so, again and again; what is cached is still there.
        for (how, env) in &both {
            for _ in 0..2 {
                let error = env.record::<Account>(3).refresh().err().ok_or("there is no server")?;
                let is_typed = matches!(error, Error::Connection { .. }) || error.is_connection_lost();
                assert!(is_typed, "{how}: {error:?}");
            }
            let begun =
                env.transaction(|| env.record::<Account>(3).set_amount(0)).err().ok_or("there is none")?;
            assert!(matches!(begun, Error::Connection { .. }), "{how}: {begun:?}");
            assert!(env.create(Entry::values().id(1).note("lost")).is_err());
        }
        assert_eq!(both[0].1.record::<Account>(4).amount()?, 100);
        server.up()?;
        for (how, env) in &both {
            is_sound(&server, env, |_| 100).map_err(|error| format!("{how}, kills: {kills}: {error}"))?;
            assert!(env.all::<Entry>()?.is_empty());
        }
        // Restarted while nobody looked: nobody notices.
        server.stop()?;
        server.up()?;
        for (how, env) in &both {
            assert_eq!(env.all::<Account>()?.len(), 20, "{how}");
        }
        server.stop()?;
        server.up()?;
        for (how, env) in &both {
            env.transaction(|| move_amount(env, 1, 2, 1)).map_err(|error| format!("{how}: {error}"))?;
            env.transaction(|| move_amount(env, 2, 1, 1))?;
            is_sound(&server, env, |_| 100)?;
        }
    }
    Ok(())
}

#[test]
fn time_outs() -> Outcome {
    let Some(server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    for (how, env) in environments(&server)? {
        let mut holder = server.connect()?;
        holder.batch_execute("BEGIN; UPDATE accounts SET amount = amount WHERE id = 2")?;
        let options = TransactionOptions::new().lock_timeout(Duration::from_secs(1));
        let late = env.transaction_with(options, || move_amount(&env, 1, 2, 10));
        assert!(late.as_ref().is_err_and(Error::is_timeout), "{how}: {late:?}");
        let options = TransactionOptions::new().statement_timeout(Duration::from_millis(300));
        let late = env.transaction_with(options, || move_amount(&env, 1, 2, 10));
        assert!(
            late.as_ref().is_err_and(|error| error.is_timeout() && !error.is_connection_lost()),
            "{how}: {late:?}"
        );
        holder.batch_execute("ROLLBACK")?;
        is_sound(&server, &env, |_| 100).map_err(|error| format!("{how}, late: {error}"))?;
        // Who does nothing in the middle of a transaction
        env.with_connection(|connection| Ok(connection.batch_execute(super::IDLE)?))?;
        let idle = env.transaction(|| {
            env.record::<Account>(1).set_amount(0)?;
            env.flush()?;
            std::thread::sleep(Duration::from_millis(1_500));
            env.record::<Account>(2).set_amount(200)
        });
        assert!(idle.as_ref().is_err_and(Error::is_connection_lost), "{how}: {idle:?}");
        assert!(matches!(idle, Err(Error::ConnectionLost { .. })), "{how}: {idle:?}");
        is_sound(&server, &env, |_| 100).map_err(|error| format!("{how}, idle: {error}"))?;
    }
    Ok(())
}

/// Two environments, each with a lock that the other one wants
pub fn two_that_wait_for_each_other(server: &Server) -> Outcome {
    let (address, both_have) = (server.address.clone(), Arc::new(Barrier::new(2)));
    let threads = [(1, 2), (2, 1)].map(|(from, to)| {
        let (address, both_have) = (address.clone(), Arc::clone(&both_have));
        std::thread::spawn(move || -> Result<(Environment<Db>, Result<(), Error>), Error> {
            let env = Environment::<Db>::connect(&address)?;
            let moved = env.transaction(|| {
                let (from, to) = (env.record::<Account>(from), env.record::<Account>(to));
                from.set_amount(from.amount()? - 10)?;
                env.flush()?;
                both_have.wait();
                to.set_amount(to.amount()? + 10)?;
                env.flush()
            });
            Ok((env, moved))
        })
    });
    let mut ended = Vec::new();
    for thread in threads {
        ended.push(thread.join().map_err(|_| "a thread panicked")??);
    }
    let refused: Vec<_> = ended.iter().filter_map(|(_, moved)| moved.as_ref().err()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].is_retryable() && !refused[0].is_connection_lost(), "{:?}", refused[0]);
    let moved = if ended[0].1.is_ok() { 1 } else { 2 };
    let expected = move |id: i64| match id {
        1 | 2 => {
            if id == moved {
                90
            } else {
                110
            }
        }
        _ => 100,
    };
    // Who was not refused has read the other's account before that was changed, which nobody has committed.
    for (env, moved) in &ended {
        if moved.is_err() {
            is_sound(server, env, expected)?;
        }
    }
    Ok(())
}

#[test]
fn a_deadlock_between_two_environments() -> Outcome {
    let Some(server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    two_that_wait_for_each_other(&server)
}

#[test]
fn a_deadlock_and_a_serialization_failure_are_tried_again() -> Outcome {
    let Some(server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable] {
        let threads: Vec<_> = (0..4_i64)
            .map(|thread| {
                let address = server.address.clone();
                std::thread::spawn(move || -> Result<(), Error> {
                    let env = Environment::<Db>::connect(&address)?;
                    for round in 0..25 {
                        let (from, to) = ((thread + round) % 5 + 1, (thread + 3 * round + 1) % 5 + 1);
                        if from == to {
                            continue;
                        }
                        let options = TransactionOptions::new().isolation(isolation);
                        env.transaction_with_retry(100, options, || {
                            // Where the database refuses nothing updates are lost unless the rows are held.
                            if isolation != Isolation::Serializable
                                && !(isolation == Isolation::RepeatableRead && super::SNAPSHOTS_REFUSE)
                            {
                                env.record::<Account>(from).lock()?;
                                env.record::<Account>(to).lock()?;
                            }
                            move_amount(&env, from, to, 1)
                        })?;
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        let mut admin = server.connect()?;
        let amounts: Vec<i64> = accounts::table.select(accounts::amount).load(&mut admin)?;
        assert_eq!(amounts.iter().sum::<i64>(), 2_000, "{isolation:?}");
        assert_eq!(number(&mut admin, super::OPEN)?, 0);
    }
    Ok(())
}

/// A text that cannot be compressed much, and that has place in a page: MariaDB 10.11 ends itself when there is no room to undo what it has put beside
fn noise(seed: i64) -> String {
    let mut state = seed as u64;
    let mut letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 40) as u8 % 75)
    };
    (0..1_500).map(&mut letter).collect()
}

/// The table of entries is where there is little room.
pub fn the_disk_is_full(server: &Server) -> Outcome {
    for (how, env) in environments(server)? {
        let row = |id: i64| Entry::values().id(id).note(noise(id));
        let full = env.transaction(|| {
            env.record::<Account>(1).set_amount(0)?;
            (0..40).try_for_each(|part| {
                env.create_many((part * 1_000 + 1..part * 1_000 + 1_001).map(row)).map(drop)
            })
        });
        let error = full.err().ok_or("there is no room")?;
        assert!(matches!(error, Error::Database { .. }) && !error.is_retryable(), "{how}: {error:?}");
        assert!(error.to_string().starts_with("creating 1000 Entry: "), "{how}: {error}");
        is_sound(server, &env, |_| 100).map_err(|error| format!("{how}: {error}"))?;
        assert!(!env.record::<Entry>(1).exists()?);
        env.create(Entry::values().id(1).note("small"))?;
        env.record::<Entry>(1).delete()?;
    }
    Ok(())
}

/// A COMMIT takes five seconds, in which its connection is ended.
#[allow(dead_code, reason = "not every server can be made to commit slowly")]
pub fn a_commit_is_cut_off(server: &mut Server) -> Outcome {
    for (how, env) in environments(server)? {
        let this = number_of(&env)?;
        let mut killer = server.connect()?;
        let ended = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            killer.batch_execute(&super::terminate(this))
        });
        let called = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let unknown = env.transaction(|| {
            let called = Arc::clone(&called);
            env.after_commit(move || called.store(true, std::sync::atomic::Ordering::Relaxed));
            env.record::<Account>(1).set_amount(0)?;
            env.create(Entry::values().id(1).note("slow")).map(drop)
        });
        ended.join().map_err(|_| "the thread panicked")??;
        let error = unknown.err().ok_or("it was cut off")?;
        assert!(matches!(error, Error::OutcomeUnknown { .. }) && !error.is_retryable(), "{how}: {error:?}");
        assert!(!called.load(std::sync::atomic::Ordering::Relaxed));
        is_sound(server, &env, |_| 100).map_err(|error| format!("{how}: {error}"))?;
    }
    Ok(())
}

/// Where the process that is to be killed finds the server
const SERVER: &str = "ORM_TEST_KILLED";

/// Counts all up, in several statements of a transaction, for ever; nothing where it is run as a test.
#[test]
fn the_process_that_is_killed() -> Outcome {
    let Ok(address) = std::env::var(SERVER) else { return Ok(()) };
    let env = Environment::<Db>::connect(&address)?;
    let accounts: RecordSet<Account> = env.all()?;
    loop {
        env.transaction(|| {
            let next = accounts.get(0).map_or(Ok(0), |first| first.amount())? + 1;
            accounts.iter().zip(0..).try_for_each(|(account, n)| account.set_amount(next + n))?;
            env.flush()?;
            accounts.iter().try_for_each(|account| account.set_amount(next))
        })?;
    }
}

/// kill -9 of a client in the middle of a flush: the server undoes what was not committed.
#[test]
fn a_process_that_is_killed_leaves_all_of_a_transaction_or_nothing() -> Outcome {
    let Some(server) = Server::new()? else { return Ok(()) };
    fill(&server)?;
    let (mut admin, mut watch) = (server.connect()?, server.connect()?);
    let mut amounts = || -> Outcome<Vec<i64>> {
        Ok(accounts::table.select(accounts::amount).distinct().load::<i64>(&mut admin)?)
    };
    let name = std::any::type_name_of_val(&the_process_that_is_killed);
    let (_, name) = name.split_once("::").ok_or("its module")?;
    for kill in 1..=8_u64 {
        let before = amounts()?;
        let mut process = std::process::Command::new(std::env::current_exe()?)
            .args(["--exact", name, "--nocapture"])
            .env(SERVER, &server.address)
            .stdout(std::process::Stdio::null())
            .spawn()?;
        let begun = Instant::now();
        while amounts()? == before && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(kill * 7 % 31));
        process.kill()?;
        process.wait()?;
        until("the server notices", || Ok(number(&mut watch, super::OPEN)? == 0))?;
        let after = amounts()?;
        assert_eq!(after.len(), 1, "torn after {kill}: {after:?}");
        assert_ne!(after, before, "it has done nothing");
    }
    let last = amounts()?[0];
    is_sound(&server, &Environment::connect(&server.address)?, move |_| last)
}

/// What was prepared for tables of another form may fail once.
#[allow(dead_code, reason = "not every server has such statements")]
pub fn a_migration_meets_prepared_statements(server: &Server) -> Outcome {
    let env = Environment::<Db>::connect(&server.address)?;
    env.create(Entry::values().id(1).note("one"))?;
    for length in [100, 200] {
        env.all::<Entry>()?;
        server
            .connect()?
            .batch_execute(&format!("ALTER TABLE entries ALTER COLUMN note TYPE VARCHAR({length})"))?;
        let failed = env.all::<Entry>().map(drop);
        assert!(failed.is_err(), "nobody knows what it says");
        env.cache().clear();
        assert_eq!(env.all::<Entry>()?.note()?, ["one"]);
    }
    Ok(())
}

/// One environment reads from a replica, another one writes; then the replica takes over.
#[allow(dead_code, reason = "not every server has replicas here")]
pub fn a_replica(primary: &Server, replica: &Server, promotion: &str) -> Outcome {
    let (writes, reads) =
        (Environment::<Db>::connect(&primary.address)?, Environment::<Db>::connect(&replica.address)?);
    let arrived = |id: i64, amount: i64| {
        let mut beside = replica.connect()?;
        until("it follows", || {
            Ok(accounts::table.find(id).select(accounts::amount).get_result::<i64>(&mut beside)? == amount)
        })
    };
    arrived(20, 100)?;
    let first = reads.record::<Account>(1);
    assert_eq!(reads.all::<Account>()?.amount()?, [100; 20]);
    writes.transaction(|| writes.record::<Account>(1).set_amount(0))?;
    arrived(1, 0)?;
    // What is cached there is as old as anything that somebody else has changed.
    assert_eq!(first.amount()?, 100);
    first.refresh()?;
    assert_eq!(first.amount()?, 0);
    // It refuses to be written, says so, and shows what it holds.
    let refused = reads.transaction(|| first.set_amount(5)).err().ok_or("it has been written")?;
    assert!(refused.is_read_only() && !refused.is_retryable(), "{refused:?}");
    assert!(reads.create(Entry::values().id(1).note("refused")).is_err_and(|error| error.is_read_only()));
    assert_eq!((first.amount()?, reads.stats().dirty), (0, 0));
    // Found there, written by key where that may be.
    for id in accounts::table.filter(accounts::amount.lt(50)).record_ids::<Account>(&reads)?.ids() {
        writes.record::<Account>(id).set_amount(100)?;
    }
    arrived(1, 100)?;
    // The same connection goes on when the replica takes over.
    reads.execute(diesel::sql_query(promotion))?;
    until("it has taken over", || Ok(reads.transaction(|| first.set_amount(7)).is_ok()))?;
    is_sound(replica, &reads, |id| if id == 1 { 7 } else { 100 })
}
