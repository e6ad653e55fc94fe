//! What an error of a database calls for: another try, another connection, patience.
//!
//! Diesel has read the SQLSTATE or the driver's code and gives a kind of a few of them; of the rest it keeps the text alone.
//! Lost are 40P01, 55P03 and 57014 on PostgreSQL, every code but a handful on MySQL (and all of them where a statement is not
//! prepared, as BEGIN and COMMIT), every code but constraints on SQLite. Whether a connection is lost is therefore asked of the
//! connection, see `Standing`; for the others there is nothing left to look at but the text. SQLite's texts are constants of its C
//! library. Those of a server are in its own language. A deadlock on PostgreSQL is known by its details, in which the names of locks stand as they
//! are in every language; with another `lc_messages` than an English one a lock or an answer that did not come in time is an error without a nature.

use diesel::result::DatabaseErrorKind::{
    ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand, Unknown,
};
use diesel::result::Error;

/// What is to be done about an error
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// The transaction was in the way of others: it may succeed if it is done again
    Refused,
    /// The connection is gone
    Lost,
    /// A lock or an answer did not come in time
    Late,
    /// Nothing can be written there
    ReadOnly,
}

/// How the texts begin of which diesel has lost the code
const TEXTS: &[(Nature, &str)] = &[
    // SQLITE_BUSY and SQLITE_LOCKED, SQLITE_READONLY
    (Nature::Refused, "database is locked"),
    (Nature::Refused, "database table is locked"),
    (Nature::Refused, "database schema is locked"),
    (Nature::ReadOnly, "attempt to write a readonly database"),
    // PostgreSQL: 40P01; 55P03, 57014
    (Nature::Refused, "deadlock detected"),
    // 0A000: prepared statements are forgotten after it
    (Nature::Refused, "cached plan must not change result type"),
    (Nature::Late, "canceling statement due to lock timeout"),
    (Nature::Late, "canceling statement due to statement timeout"),
    (Nature::Late, "could not obtain lock on "),
    // MySQL and MariaDB: 1213 of a statement that was not prepared, 1020 of a snapshot that is out of date; 1205; 1969, 3024, 3572
    (Nature::Refused, "Deadlock found when trying to get lock"),
    (Nature::Refused, "Record has changed since last read in table"),
    (Nature::Late, "Lock wait timeout exceeded"),
    (Nature::Late, "Query execution was interrupted (max_statement_time exceeded)"),
    (Nature::Late, "Query execution was interrupted, maximum statement execution time exceeded"),
    (Nature::Late, "Statement aborted because lock(s) could not be acquired immediately"),
    // 1290 of a server, 1792 of a statement that was not prepared
    (Nature::ReadOnly, "The MariaDB server is running with the --read-only option"),
    (Nature::ReadOnly, "The MySQL server is running with the --read-only option"),
    (Nature::ReadOnly, "Cannot execute statement in a READ ONLY transaction"),
];

impl Nature {
    #[cold]
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::DatabaseError(SerializationFailure, _) => Some(Self::Refused),
            Error::DatabaseError(ReadOnlyTransaction, _) => Some(Self::ReadOnly),
            Error::DatabaseError(ClosedConnection | UnableToSendCommand, _) => Some(Self::Lost),
            Error::DatabaseError(Unknown, information) => {
                let is_it = |(_, text): &&(Self, &str)| information.message().starts_with(text);
                let told = TEXTS.iter().find(is_it).map(|&(nature, _)| nature);
                told.or_else(|| is_deadlock(information.details()?).then_some(Self::Refused))
            }
            Error::RollbackErrorOnCommit { commit_error, .. } => Self::of(commit_error),
            _ => None,
        }
    }
}

/// Whether it is known what an error calls for
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
pub(crate) fn has_nature(error: &Error) -> bool {
    Nature::of(error).is_some()
}

/// Whether these are PostgreSQL's details of a deadlock, a line for each of those who wait: `Process 1 waits for ShareLock on transaction 2; blocked by
/// process 3.` No other error has such.
fn is_deadlock(details: &str) -> bool {
    const LOCKS: [&str; 8] = [
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ];
    let waits = |line: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| LOCKS.contains(&word))
            && line.chars().any(|c| c.is_ascii_digit())
    };
    details.lines().count() > 1 && details.lines().all(waits)
}

#[cfg(test)]
mod tests {
    use super::is_deadlock;

    #[test]
    fn a_deadlock_is_known_in_any_language() {
        // As PostgreSQL 15 says it with `lc_messages = de_DE`
        assert!(is_deadlock(
            "Prozess 1354 wartet auf ShareLock-Sperre auf Transaktion 726; blockiert von Prozess 1356.\n\
             Prozess 1356 wartet auf ShareLock-Sperre auf Transaktion 725; blockiert von Prozess 1354."
        ));
        assert!(!is_deadlock("Key (code)=(ShareLock 1) already exists."));
        assert!(!is_deadlock("Failing row contains (1, a\nb)."));
    }
}
