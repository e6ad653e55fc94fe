//! MySQL or MariaDB

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::Outcome;
use crate::private::{Kind, Private};

#[allow(clippy::duplicate_mod, reason = "the models are of one backend each")]
#[path = "job.rs"]
mod job;

pub type Db = MysqlConnection;

impl Kind for MysqlConnection {
    const FEATURE: &'static str = "mysql";
    const USER: &'static str = "mysql";
    const PROGRAMS: [&'static str; 2] = ["mariadb-install-db", "mariadbd"];

    fn init(folder: &Path) -> Vec<String> {
        [
            "--no-defaults".to_owned(),
            format!("--datadir={}", folder.join("data").display()),
            "--auth-root-authentication-method=normal".to_owned(),
            "--skip-test-db".to_owned(),
            // Else all that are made at the same time meet in one.
            format!("--tmpdir={}", folder.display()),
        ]
        .into()
    }

    fn run(folder: &Path, port: u16) -> Vec<String> {
        [
            "--no-defaults".to_owned(),
            format!("--datadir={}", folder.join("data").display()),
            format!("--socket={}", folder.join("socket").display()),
            format!("--pid-file={}", folder.join("pid").display()),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
            format!("--tmpdir={}", folder.display()),
        ]
        .into()
    }

    fn address(port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/faults")
    }

    fn first_address(port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/mysql")
    }

    const SETUP: &'static str = "CREATE DATABASE faults";
}

pub const LONG_TEXT: &str = "MEDIUMTEXT";
/// Whether REPEATABLE READ refuses to write what others have written since
pub const SNAPSHOTS_REFUSE: bool = false;
pub const THIS: &str = "SELECT CAST(connection_id() AS INTEGER) AS number";
pub fn terminate(connection: i64) -> String {
    format!("KILL {connection}")
}
/// Transactions that are open elsewhere
pub const OPEN: &str = "SELECT CAST(count(*) AS INTEGER) AS number FROM information_schema.innodb_trx WHERE trx_mysql_thread_id NOT IN (0, connection_id())";
/// Connections that wait for a lock
pub const WAITING: &str = "SELECT CAST(count(*) AS INTEGER) AS number FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
/// Ends connections that do nothing in the middle of a transaction
pub const IDLE: &str = "SET idle_transaction_timeout = 1";

#[test]
fn a_full_disk() -> Outcome {
    let Some(server) = Private::<Db>::new()? else { return Ok(()) };
    job::fill(&server)?;
    server.with_little_room(|place| {
        server.connect()?.batch_execute(&format!(
            "DROP TABLE entries;
             CREATE TABLE entries (id BIGINT NOT NULL PRIMARY KEY, note {LONG_TEXT} NOT NULL) DATA DIRECTORY = '{}'",
            place.display()
        ))?;
        job::the_disk_is_full(&server)
    })
}
