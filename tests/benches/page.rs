//! What a web page costs: one request with an environment of its own over a pool, beside the same page by hand. The pages are the same to the letter.
//!
//! Run with: cargo bench -p orm-tests --bench page
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::print_stdout)]

mod pages;

use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use orm_core::Environment;
use orm_tests::harness::{head, report, side_by_side, timed};

use pages::{Db, PAGE, fill, orders_by_hand, orders_of, totals, totals_by_hand};

fn by_records(pool: &Db, page: fn(&Environment, i64) -> orm_core::Result<String>, number: i64) -> String {
    page(&Environment::new(pool.clone()), number).expect("a page")
}

fn by_hand(pool: &Db, page: fn(&mut SqliteConnection, i64) -> QueryResult<String>, number: i64) -> String {
    page(&mut pool.get().expect("a connection"), number).expect("a page")
}

fn main() {
    head();
    for (each, budget) in [(7, 1.15), (200, 1.2)] {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("bench.db").display().to_string();
        let partners = 1_000;
        fill(&path, partners, each).expect("data");
        let pool = Db::builder().max_size(2).build(ConnectionManager::new(&path)).expect("a pool");
        let pages = partners as i64 / PAGE;
        for number in 0..pages {
            assert_eq!(by_records(&pool, totals, number), by_hand(&pool, totals_by_hand, number));
            assert_eq!(by_records(&pool, orders_of, number), by_hand(&pool, orders_by_hand, number));
        }
        let all = |page: &dyn Fn(i64) -> usize| timed(|| (0..pages).map(page).sum::<usize>());
        let measured = side_by_side(
            31,
            || all(&|number| by_records(&pool, totals, number).len()),
            || all(&|number| by_hand(&pool, totals_by_hand, number).len()),
        );
        report(&format!("{pages} pages: number and sum of {each} orders each"), measured, budget);
        let measured = side_by_side(
            31,
            || all(&|number| by_records(&pool, orders_of, number).len()),
            || all(&|number| by_hand(&pool, orders_by_hand, number).len()),
        );
        report(&format!("{pages} pages: all {each} orders of each"), measured, budget);
    }
}
