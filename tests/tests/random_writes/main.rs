//! Random writes of every kind, in and out of transactions that are committed, fail, panic or are refused: after each
//! step every cached value and list is what plain SQL finds on another connection, with what still waits in place. PostgreSQL shows no
//! other connection what is not committed: there it is looked when nothing waits, and after each commit and rollback.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

mod lists;
mod models;
mod rows;
mod run;
mod steps;
mod world;

use diesel::connection::SimpleConnection;
use models::{ASKED, Asked};
use orm_core::Environment;
use orm_tests::database::ENFORCING;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use run::Run;
use world::{Eyes, Home};

proptest! {
    // 768 cases, some 25 seconds on SQLite, unless PROPTEST_CASES says otherwise; 5,000 are some 100,000 steps. What fails is kept beside this file: by itself
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
        let home = Home::new();
        let eyes = Eyes::open(&home);
        let mut connection = home.connect();
        connection.batch_execute(ENFORCING).expect("a setting");
        let env = Environment::builder().connection(connection).prefetch_limit(prefetch_limit).build();
        let run = Run::new(&env, &eyes);
        if let Err(faults) = run.run(&steps) {
            return Err(TestCaseError::fail(faults));
        }
    }
}
