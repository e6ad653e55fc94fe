//! SQLite, beside the servers: a file with a log beside it that many threads write

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Isolation;

use crate::place::Outcome;

mod decimals;
#[allow(clippy::duplicate_mod, reason = "the same")]
#[path = "load.rs"]
mod load;

type Db = SqliteConnection;

/// A file of a test's own
struct Place {
    _folder: tempfile::TempDir,
    address: String,
}

impl Place {
    fn new() -> Outcome<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let address = folder.path().join("load.db").to_str().ok_or("a path in UTF-8")?.to_owned();
        let place = Self { _folder: folder, address };
        place.connect()?.batch_execute("PRAGMA journal_mode = WAL")?;
        Ok(Some(place))
    }

    fn connect(&self) -> Outcome<Db> {
        Ok(Db::establish(&self.address)?)
    }
}

/// A key that the database gives
const SERIAL_KEY: &str = "INTEGER PRIMARY KEY";
/// What `CAST` calls 64 bits
const INTEGER: &str = "INTEGER";

/// Transactions are serializable, one of them writes, and the others wait for it as long as an environment's own connection waits.
const LEVELS: &[Isolation] = &[Isolation::Serializable];
const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL";
const LOCKS_ROWS: bool = false;
const SNAPSHOTS_REFUSE: bool = true;
const IS_IMMEDIATE: bool = true;
macro_rules! for_update {
    ($query:expr) => {
        $query
    };
}
use for_update;

/// A transaction of diesel's own; who will write says so when it begins
fn transaction_by_hand(
    connection: &mut Db,
    _: Isolation,
    writes: bool,
    f: impl FnOnce(&mut Db) -> QueryResult<()>,
) -> QueryResult<()> {
    if writes { connection.immediate_transaction(f) } else { connection.transaction(f) }
}

/// What has to be done by hand before the connection is used again
fn after_a_refusal(_: &mut Db) {}
