//! Random writes of every kind, in and out of transactions that are committed, fail, panic or are refused: after each
//! step every cached value and list is what plain SQL finds on another connection, with what still waits in place.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod lists;
mod models;
mod rows;
mod run;
mod steps;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use models::{ASKED, Asked};
use orm_core::Environment;
use orm_tests::database::{Db, ENFORCING};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use run::Run;
use world::Eyes;

/// A database in memory that several connections share; it goes with the last of them.
fn fresh_url() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("file:random_writes_{}_{number}?mode=memory&cache=shared", std::process::id())
}

proptest! {
    // 768 cases, some 15 seconds, unless PROPTEST_CASES says otherwise. What fails is kept beside this file: by itself
    // proptest would keep it in a folder for all of this crate's tests that are called `main.rs`.
    #![proptest_config(ProptestConfig {
        cases: 3 * ProptestConfig::default().cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/random_writes/regressions.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_cache_is_what_sql_finds(
        steps in prop::collection::vec(steps::step(), 1..40),
        prefetch_limit in prop_oneof![Just(1000_usize), 1..4_usize],
        asked in prop_oneof![Just(Asked::Nothing), Just(Asked::Searched), Just(Asked::Refused), Just(Asked::Both)],
    ) {
        ASKED.set(asked);
        let url = fresh_url();
        let eyes = Eyes::open(&url);
        let mut connection = Db::establish(&url).expect("a connection");
        connection.batch_execute(ENFORCING).expect("a setting");
        let env = Environment::builder().connection(connection).prefetch_limit(prefetch_limit).build();
        let run = Run::new(&env, &eyes);
        if let Err(faults) = run.run(&steps) {
            return Err(TestCaseError::fail(faults));
        }
    }
}
