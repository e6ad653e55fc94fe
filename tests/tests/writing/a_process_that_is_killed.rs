//! kill -9 in the middle of a flush, and the file opened again: all of a transaction is there, or nothing.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::File;

diesel::table! { counters { id -> Integer, amount -> Integer } }

#[derive(Model)]
struct Counter {
    id: i32,
    amount: i32,
}

/// Where the process that is to be killed finds the file
const FILE: &str = "ORM_TEST_KILLED";

/// Counts all up, in several statements of a transaction, for ever; nothing where it is run as a test.
#[test]
fn the_process() -> Result<()> {
    let Ok(path) = std::env::var(FILE) else { return Ok(()) };
    let env: Environment = Environment::connect(&path)?;
    let counters: RecordSet<Counter> = env.all()?;
    for round in counters.get(0).map_or(Ok(0), |first| first.amount())?.. {
        env.transaction(|| {
            counters.iter().try_for_each(|counter| counter.set_amount(round + 1))?;
            env.flush()?;
            // Distinct values, a statement for each thousand; and back again
            counters.iter().try_for_each(|counter| counter.set_amount(round + counter.id()))?;
            env.flush()?;
            counters.iter().try_for_each(|counter| counter.set_amount(round + 1))
        })?;
    }
    Ok(())
}

#[test]
fn leaves_all_of_a_transaction_or_nothing() -> Result<()> {
    let file = File::new(
        "CREATE TABLE counters (id INTEGER PRIMARY KEY NOT NULL, amount INTEGER NOT NULL);
         WITH RECURSIVE ids (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 3000)
         INSERT INTO counters SELECT id, 0 FROM ids",
    );
    let amounts = || file.values("SELECT DISTINCT CAST(amount AS TEXT) AS value FROM counters");
    for kill in 1..=12_u64 {
        let before = amounts();
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "a_process_that_is_killed::the_process", "--nocapture"])
            .env(FILE, file.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        // It is at work when it has committed once.
        let begun = Instant::now();
        while amounts() == before && begun.elapsed() < Duration::from_secs(120) {
            if process.try_wait().expect("a process").is_some() {
                panic!("it ended by itself: {:?}", process.wait_with_output());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(kill * 7 % 31));
        process.kill().expect("it was running");
        process.wait().expect("it is over");
        let after = amounts();
        assert_eq!(after.len(), 1, "torn after {kill}: {after:?}");
        assert_ne!(after, before, "it has done nothing");
        // And the next one reads and writes.
        let env: Environment = Environment::connect(&file.url())?;
        let counters: RecordSet<Counter> = env.all()?;
        counters.set_amount(counters.amount()?[0] + 1)?;
    }
    Ok(())
}
