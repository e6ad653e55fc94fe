//! E1: threads with an environment each over one pool write the same rows: with a version no update is lost, and none sees
//! what another has not committed.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Isolation, Result, TransactionOptions};
use orm_tests::File;
use orm_tests::bank::*;

const THREADS: usize = 6;
const ROUNDS: usize = 40;

/// Whether to try again: somebody else was faster, or has the database
fn is_worth_another_try(error: &Error) -> bool {
    error.is_retryable()
}

/// Runs until it is committed; tells how often somebody else was in the way.
fn insist(env: &Environment, work: impl Fn() -> Result<()>) -> Result<usize> {
    let mut tries = 0;
    loop {
        match env.transaction(&work) {
            Ok(()) => return Ok(tries),
            Err(error) if is_worth_another_try(&error) => tries += 1,
            Err(error) => return Err(error),
        }
        assert!(tries < 10_000, "nobody gets through");
        assert_eq!(env.stats().dirty, 0);
    }
}

fn on_threads(file: &File, work: impl Fn(usize, &Environment) -> Result<()> + Sync) -> Result<()> {
    let (pool, _) = file.pool(THREADS as u32);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (pool, work) = (pool.clone(), &work);
                scope.spawn(move || work(number, &Environment::new(pool)))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })
}

/// Says that a thread has come to its end, whatever that is.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn counters_add_up() -> Result<()> {
    let file = File::new(SCHEMA);
    let (conflicts, retries, read) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(THREADS));
    on_threads(&file, |number, env| {
        let accounts = env.all::<Account>()?;
        // All have read the first versions before the first of them is written: somebody must be in another's way.
        read.wait();
        for round in 0..ROUNDS {
            // What one thread has cached is out of date as soon as another one has written: every write is a guess.
            let tries = insist(env, || {
                let first = &accounts.get((number + round) % 4).expect("four");
                let second = &accounts.get((number + round + 1 + round % 3) % 4).expect("four");
                first.set_balance(first.balance()? + 1)?;
                second.set_balance(second.balance()? + 2)?;
                env.flush().inspect_err(|error| {
                    if matches!(error, Error::Conflict { .. }) {
                        conflicts.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })?;
            retries.fetch_add(tries, Ordering::Relaxed);
        }
        Ok(())
    })?;
    let total: i64 = balances(&file).iter().map(|(_, balance)| balance).sum();
    assert_eq!(total, 1000 + 3 * (THREADS * ROUNDS) as i64);
    assert!(conflicts.into_inner() > 0, "nobody was in another's way: this proves nothing");
    // Each committed write of a row has counted.
    let versions: Vec<i32> = accounts::table.select(accounts::version).load(&mut file.connect())?;
    assert_eq!(versions.iter().sum::<i32>() as usize, 4 + 2 * THREADS * ROUNDS);
    Ok(())
}

#[test]
fn nobody_sees_what_is_not_committed() -> Result<()> {
    let file = File::new(SCHEMA);
    let (is_done, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    on_threads(&file, |number, env| {
        let accounts = env.browse::<Account>([1, 2]);
        if number > 1 {
            // Within one transaction a reader sees one state: the money is on one account or on the other.
            while !is_done.load(Ordering::Relaxed) {
                env.cache().clear();
                // Elsewhere than on SQLite one state is asked for.
                let one_state = TransactionOptions::new().isolation(Isolation::RepeatableRead);
                env.transaction_with(one_state, || {
                    // Two SELECTs, one after the other.
                    let first = env.record::<Account>(1).balance()?;
                    let second = env.record::<Account>(2).balance()?;
                    assert_eq!(first + second, 300, "{first} and {second}");
                    assert!(first >= 0 && second >= 0 && first != 77);
                    seen.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })?;
            }
            return Ok(());
        }
        // Also where it panics: the readers wait for it.
        let _done = Done(&is_done);
        (0..ROUNDS as i64).try_for_each(|round| {
            insist(env, || {
                // Something that is never committed, then what is
                let undone = env.transaction(|| {
                    accounts.set_balance(77)?;
                    env.flush()?;
                    Err::<(), _>(Error::other("undone"))
                });
                if let Err(error) = undone
                    && is_worth_another_try(&error)
                {
                    return Err(error);
                }
                env.record::<Account>(1).set_balance(round)?;
                env.flush()?;
                env.record::<Account>(2).set_balance(300 - round)
            })
            .map(drop)
        })
    })?;
    assert!(seen.into_inner() > 0, "nobody looked");
    assert_eq!(balances(&file)[..2], [(1, ROUNDS as i64 - 1), (2, 301 - ROUNDS as i64)]);
    Ok(())
}

#[test]
fn rows_that_others_create_and_delete_are_their_own() -> Result<()> {
    let file = File::new(SCHEMA);
    on_threads(&file, |number, env| {
        for round in 0..ROUNDS {
            insist(env, || {
                let owner = env.create(Owner::values().name(format!("{number}/{round}")))?;
                let account =
                    owner.account_ids().create(Account::values().iban(format!("{number}/{round}")))?;
                account.label_codes().add(&env.record("red"))?;
                account.entry_ids().create(Entry::values().amount(number as i64))?;
                assert_eq!(owner.account_ids().ids()?, [account.id()]);
                if round % 2 == 0 {
                    account.entry_ids().load()?.delete()?;
                    account.label_codes().set(&env.browse::<Label>([] as [&str; 0]))?;
                    account.delete()?;
                    owner.delete()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let mut sql = file.connect();
    let left: i64 = owners::table.count().get_result(&mut sql)?;
    let pairs: i64 = account_labels::table.count().get_result(&mut sql)?;
    let entries: i64 = entries::table.count().get_result(&mut sql)?;
    let each = (THREADS * ROUNDS / 2) as i64;
    assert_eq!((left, pairs, entries), (3 + each, 3 + each, 5 + each));
    Ok(())
}
