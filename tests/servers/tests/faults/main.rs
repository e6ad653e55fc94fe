//! Faults that are really caused, each on a private server that the test makes and removes: connections that are ended, servers that are
//! stopped, killed and started again, locks, deadlocks, full disks, processes that are killed.
//!
//! After each: the typed error, the rows as before or as after, the cache equal to the rows, the environment usable, no transaction left
//! open. Where a server's programs are not installed it is not tried, and says so on stderr; with `ORM_TEST_REQUIRE=postgres,mysql` that is a failure.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod pooler;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod private;

#[cfg(any(feature = "postgres", feature = "mysql"))]
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
