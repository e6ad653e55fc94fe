//! The main job on PostgreSQL and on MySQL or MariaDB: written once, in `job.rs`, and run on each.
//!
//! A server whose feature is off, or that does not answer, is not tried and says so on stderr. With
//! `ORM_TEST_REQUIRE=postgres,mysql` that is a failure.
#![allow(missing_docs, unreachable_pub, missing_debug_implementations)]

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod place;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod sqlite;

use std::sync::atomic::{AtomicBool, Ordering};

/// A database server, and how to try it
struct Server {
    name: &'static str,
    feature: &'static str,
    /// The environment variable that holds its address
    variable: &'static str,
    /// The address where that is not set
    address: &'static str,
    /// One line is enough for all the tests of a process.
    said: AtomicBool,
}

static POSTGRES: Server = Server {
    name: "PostgreSQL",
    feature: "postgres",
    variable: "ORM_TEST_POSTGRES",
    address: "postgres://postgres@127.0.0.1:5432/test",
    said: AtomicBool::new(false),
};

static MYSQL: Server = Server {
    name: "MySQL",
    feature: "mysql",
    variable: "ORM_TEST_MYSQL",
    address: "mysql://root@127.0.0.1:3306/test",
    said: AtomicBool::new(false),
};

impl Server {
    /// Says that the server is not tried; fails if it had to be.
    fn not_tried(&self, why: &str) {
        use std::io::Write;
        let Self { name, feature, variable, address, said } = self;
        // A server's message may have several lines.
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!(
            "not tried: {name} ({why}; to try it: {variable}={address} cargo test -p orm-server-tests --features {feature})"
        );
        // Not by `eprintln!`: what that prints in a test that passes is never shown. The harness may be within a line.
        if !said.swap(true, Ordering::Relaxed) {
            let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
        }
        assert!(!self.is_required(), "ORM_TEST_REQUIRE names {feature}; {line}");
    }

    /// Whether not to try the server is a failure
    fn is_required(&self) -> bool {
        let required = std::env::var("ORM_TEST_REQUIRE").unwrap_or_default();
        required.split(',').any(|server| server.trim() == self.feature)
    }
}

#[test]
fn a_server_whose_feature_is_off_is_not_tried() {
    for (server, on) in [(&POSTGRES, cfg!(feature = "postgres")), (&MYSQL, cfg!(feature = "mysql"))] {
        if !on {
            server.not_tried(&format!("the feature `{}` is off", server.feature));
        }
    }
}
