//! What is PostgreSQL's own

use diesel::prelude::*;

use crate::Server;
use crate::place::Places;

#[allow(clippy::duplicate_mod, reason = "the models are of one backend each")]
#[path = "job.rs"]
mod job;
mod types;

pub type Db = PgConnection;

impl Places for PgConnection {
    fn server() -> &'static Server {
        &crate::POSTGRES
    }

    fn create(name: &str) -> String {
        format!("CREATE SCHEMA {name}")
    }

    fn drop(name: &str) -> String {
        format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {name} CASCADE")
    }

    fn lock(name: &str) -> String {
        format!("SELECT pg_advisory_lock(hashtext('{name}'))")
    }

    fn address(server: &str, name: &str) -> String {
        let separator = if server.contains('?') { '&' } else { '?' };
        format!("{server}{separator}options=-csearch_path%3D{name}")
    }
}

/// The SQL of a connection's number, and of what ends the connection of a number
pub const CONNECTION: &str = "pg_backend_pid()";
pub fn terminate(connection: i64) -> String {
    format!("SELECT pg_terminate_backend({connection})")
}

/// What `CAST` calls 64 bits
pub const INTEGER: &str = "BIGINT";

/// Every statement that this connection has prepared
pub const PREPARED: &str =
    "SELECT count(*) AS number FROM pg_prepared_statements WHERE statement LIKE '%SELECT%partners%'";

/// Any number of keys are one bind: one statement.
pub const STATEMENTS_FOR_BATCHES: i64 = 1;

/// Addresses that lead nowhere; the password must not be told.
pub const BAD_ADDRESSES: &[&str] = &[
    "postgres://somebody:s3cret@127.0.0.1:1/test",
    "postgresql://somebody:s3cret@no-such-host.invalid/test",
    "postgres://somebody:s3cret@127.0.0.1:not-a-port/test",
    "mysql://somebody:s3cret@127.0.0.1/test",
    "somebody:s3cret@127.0.0.1",
    "somebody:s3cret=@127.0.0.1",
    "postgres//somebody:s3cret@127.0.0.1/test",
];
