//! PgBouncer in transaction mode: each transaction, and each statement outside of one, gets whatever connection is free.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::TransactionOptions;
use orm_core::prelude::*;

use crate::Outcome;
use crate::private::{Private, find, ids, not_tried};

diesel::table! { purses { id -> Integer, owner -> Text, amount -> BigInt } }

#[derive(Model)]
#[model(table = purses, connection = PgConnection)]
struct Purse {
    id: i32,
    owner: String,
    amount: i64,
}

const PURSES: i32 = 16;
const THREADS: i32 = 8;

/// A pooler that runs
struct Pooler {
    process: Child,
    address: String,
}

impl Pooler {
    /// In front of a server; `None` where it is not installed
    fn new(server: &Private<PgConnection>) -> Outcome<Option<Self>> {
        let Some(program) = find("pgbouncer") else {
            not_tried("pgbouncer", "not tried: PgBouncer (it is not installed)");
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let behind = server.address.rsplit([':', '/']).nth(1).ok_or("a port")?;
        let file = server.folder.path().join("pgbouncer.ini");
        fs::write(
            &file,
            format!(
                "[databases]\nfaults = host=127.0.0.1 port={behind} dbname=faults user=postgres\n[pgbouncer]\n\
                 listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n\
                 default_pool_size = 3\nmax_client_conn = 100\nunix_socket_dir =\nignore_startup_parameters = extra_float_digits\n"
            ),
        )?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        // It does not run as root.
        if let Some((user, group)) = ids("postgres").filter(|_| is_root()) {
            command.args([
                format!("--reuid={user}"),
                format!("--regid={group}"),
                "--clear-groups".to_owned(),
            ]);
        }
        command.arg(program).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let pooler = Self {
            process: command.spawn()?,
            address: format!("postgres://postgres@127.0.0.1:{port}/faults"),
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the pooler does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(pooler))
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads, writes and moves amounts; gives what went wrong.
fn work(env: &Environment<PgConnection>, seed: i32) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut note = |what: &str, result: orm_core::Result<()>| {
        if let Err(error) = result {
            wrong.push(format!("{what}: {error}"));
        }
    };
    for round in 0..60 {
        let (from, to) = (1 + (seed * 7 + round) % PURSES, 1 + (seed + round * 5) % PURSES);
        env.cache().clear();
        note(
            "read",
            (|| {
                let purse = env.record::<Purse>(from);
                let owner = purse.owner()?;
                if owner != format!("owner {from}") {
                    return Err(orm_core::Error::other(format!("purse {from} is said to be of {owner}")));
                }
                Ok(())
            })(),
        );
        note(
            "search",
            purses::table.filter(purses::id.le(round % 5)).records::<Purse>(env).and_then(|found| {
                if found.len() as i32 == round % 5 {
                    Ok(())
                } else {
                    Err(orm_core::Error::other("another query's rows"))
                }
            }),
        );
        note(
            "move",
            env.transaction_with_retry(20, TransactionOptions::new(), || {
                env.browse::<Purse>([from, to]).lock()?;
                if from != to {
                    env.record::<Purse>(from).set_amount(env.record::<Purse>(from).amount()? - 1)?;
                    env.record::<Purse>(to).set_amount(env.record::<Purse>(to).amount()? + 1)?;
                }
                Ok(())
            }),
        );
        note(
            "create and delete",
            env.create(Purse::values().id(1000 + seed * 100 + round).owner("x").amount(0))
                .and_then(|new| new.delete()),
        );
    }
    wrong
}

#[test]
fn no_statement_is_another_clients_where_none_is_kept() -> Outcome {
    let Some(server) = Private::<PgConnection>::new()? else { return Ok(()) };
    let mut connection = server.connect()?;
    connection.batch_execute(&format!(
        "CREATE TABLE purses (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, amount BIGINT NOT NULL);
         INSERT INTO purses SELECT n, 'owner ' || n, 1000 FROM generate_series(1, {PURSES}) AS n"
    ))?;
    let Some(pooler) = Pooler::new(&server)? else { return Ok(()) };
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let address = pooler.address.clone();
            std::thread::spawn(move || {
                let env = Environment::<PgConnection>::builder().prepared_statements(false).connect(&address);
                env.map_or_else(|error| vec![error.to_string()], |env| work(&env, seed))
            })
        })
        .collect();
    let wrong: Vec<String> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap_or_else(|_| vec!["a panic".into()]))
        .collect();
    assert!(wrong.is_empty(), "{} faults: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    let total: i64 = purses::table
        .select(diesel::dsl::sql::<diesel::sql_types::BigInt>("CAST(sum(amount) AS BIGINT)"))
        .get_result(&mut connection)?;
    assert_eq!(total, 1000 * i64::from(PURSES));
    Ok(())
}
