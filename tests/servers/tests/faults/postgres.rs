//! PostgreSQL

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::Outcome;
use crate::private::{Kind, Private};

#[allow(clippy::duplicate_mod, reason = "the models are of one backend each")]
#[path = "job.rs"]
mod job;

pub type Db = PgConnection;

impl Kind for PgConnection {
    const FEATURE: &'static str = "postgres";
    const USER: &'static str = "postgres";
    const PROGRAMS: [&'static str; 2] = ["initdb", "postgres"];

    fn init(folder: &Path) -> Vec<String> {
        let data = folder.join("data").display().to_string();
        let fixed = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"];
        fixed.map(str::to_owned).into_iter().chain([data]).collect()
    }

    fn run(folder: &Path, port: u16) -> Vec<String> {
        let (data, here) = (folder.join("data"), folder.display());
        [
            "-D".to_owned(),
            data.display().to_string(),
            "-p".to_owned(),
            port.to_string(),
            "-k".to_owned(),
            here.to_string(),
            "-clisten_addresses=127.0.0.1".to_owned(),
            "-cdeadlock_timeout=100ms".to_owned(),
            "-cmax_prepared_transactions=0".to_owned(),
        ]
        .into()
    }

    fn address(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/faults")
    }

    fn first_address(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    const SETUP: &'static str = "CREATE DATABASE faults";
}

pub const LONG_TEXT: &str = "TEXT";
/// Whether REPEATABLE READ refuses to write what others have written since
pub const SNAPSHOTS_REFUSE: bool = true;
pub const THIS: &str = "SELECT pg_backend_pid()::bigint AS number";
pub fn terminate(connection: i64) -> String {
    format!("SELECT pg_terminate_backend({connection})")
}
/// Transactions that are open elsewhere
pub const OPEN: &str = "SELECT count(*) AS number FROM pg_stat_activity
    WHERE datname = 'faults' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
/// Connections that wait for a lock
pub const WAITING: &str =
    "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = 'faults' AND wait_event_type = 'Lock'";
/// Ends connections that do nothing in the middle of a transaction
pub const IDLE: &str = "SET idle_in_transaction_session_timeout = '200ms'";

/// A transaction that is ended while it is committed, before it is: nobody knows, and nothing is there.
#[test]
fn a_commit_that_is_cut_off() -> Outcome {
    let Some(mut server) = Private::<Db>::new()? else { return Ok(()) };
    job::fill(&server)?;
    server.connect()?.batch_execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(5); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
    )?;
    job::a_commit_is_cut_off(&mut server)
}

/// The server speaks German: a deadlock is known by what is the same in every language, and what was prepared before a migration fails once and not
/// for ever.
#[test]
fn a_server_of_another_language() -> Outcome {
    let Some(mut server) = Private::<Db>::new()? else { return Ok(()) };
    job::fill(&server)?;
    let made = std::process::Command::new("localedef")
        .args(["-i", "de_DE", "-f", "UTF-8"])
        .arg(server.folder.path().join("de_DE.UTF-8"))
        .status();
    server.stop()?;
    server.variables.push(("LOCPATH", server.folder.path().display().to_string()));
    server.up()?;
    let german = server.connect()?.batch_execute("ALTER DATABASE faults SET lc_messages = 'de_DE.UTF-8'");
    if !made.is_ok_and(|status| status.success()) || german.is_err() {
        eprintln!("not tried: a server that speaks German (the system has no such language)");
        return Ok(());
    }
    let said = server.connect()?.batch_execute("SELECT 1 / 0").err().ok_or("that is none")?;
    assert_eq!(said.to_string(), "Division durch Null");
    job::two_that_wait_for_each_other(&server)?;
    job::a_migration_meets_prepared_statements(&server)
}

#[test]
fn a_full_disk() -> Outcome {
    let Some(server) = Private::<Db>::new()? else { return Ok(()) };
    job::fill(&server)?;
    server.with_little_room(|place| {
        let mut admin = server.connect()?;
        admin.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display()))?;
        admin.batch_execute("ALTER TABLE entries SET TABLESPACE small")?;
        job::the_disk_is_full(&server)
    })
}

#[test]
fn a_replica_is_read_and_refuses_to_be_written() -> Outcome {
    let Some(primary) = Private::<Db>::new()? else { return Ok(()) };
    job::fill(&primary)?;
    let arguments = |folder: &Path, port: u16| {
        let (data, port) = (folder.join("data").display().to_string(), port.to_string());
        let arguments = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-D",
            &data,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ];
        arguments.map(str::to_owned).into()
    };
    let Some(replica) = primary.replica("pg_basebackup", arguments)? else { return Ok(()) };
    job::a_replica(&primary, &replica, "SELECT pg_promote()")
}
