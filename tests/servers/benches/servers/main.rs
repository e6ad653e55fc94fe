//! The loop, a walk over to-many links, updates and creation against hand-written diesel, on servers over loopback.
//!
//! Run with: cargo bench -p orm-server-tests --features postgres,mysql --bench servers
//!
//! The addresses are those of the tests: `ORM_TEST_POSTGRES`, `ORM_TEST_MYSQL`. Tables called `bench_…` are made there, and removed.
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]
#![allow(clippy::expect_used, clippy::print_stdout)]

#[cfg(any(feature = "postgres", feature = "mysql"))]
#[allow(dead_code)]
#[path = "../../../src/harness.rs"]
mod harness;

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;

fn main() {
    let address =
        |variable: &str, address: &str| std::env::var(variable).unwrap_or_else(|_| address.to_owned());
    #[cfg(feature = "postgres")]
    postgres::work::run(&address("ORM_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test"));
    #[cfg(feature = "mysql")]
    mysql::work::run(&address("ORM_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"));
    let _ = address;
}
