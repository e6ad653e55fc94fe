//! What was done again and again from one place, and the way out.

use std::panic::Location;

/// What was done again and again, in [`Error::Unbatched`](crate::Error::Unbatched)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeated {
    /// A value, a link or a list was read for one record
    Read,
    /// The same, as what came for the other records was dropped from the cache before it was read
    Reread,
    /// The members of a to-many link were counted for one record
    Count,
    /// Something was aggregated over the members of a to-many link for one record
    Aggregate,
    /// A record was looked up by its key: `get`, `exists`
    Lookup,
    /// One record was read anew: `refresh`
    Refresh,
    /// The same query was run: `records`, `find` and the like
    Search,
    /// A statement of the application's own was run: `execute`, `with_connection`
    Statement,
    /// One record was written outside of a transaction
    Write,
    /// One record was created
    Create,
    /// One record was created, or written if it was there
    Upsert,
    /// One record was deleted
    Delete,
}

impl Repeated {
    pub(crate) fn is_reading(self) -> bool {
        matches!(
            self,
            Self::Read | Self::Reread | Self::Count | Self::Aggregate | Self::Lookup | Self::Refresh
        )
    }

    /// What was done, and the way out
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => (
                "was read by {} queries of one record each",
                "take the records from one set (a query, `browse`, `collect`), or read each `with_prefetch` of the others",
            ),
            Self::Reread => (
                "was read by {} queries of one record each, as what came with it was dropped before it was read",
                "drop from the cache after the loop, or less of it (`invalidate`, `touching`)",
            ),
            Self::Count => (
                "was counted by {} queries of one record each",
                "take the records from one set (a query, `browse`, `collect`)",
            ),
            Self::Aggregate => (
                "was aggregated by {} queries of one record or set each",
                "take the records from one set (a query, `browse`, `collect`), and aggregate over the links of each",
            ),
            Self::Lookup => (
                "was looked up by {} queries of one key each",
                "`browse` all keys, or find their records with one query (`eq_any`)",
            ),
            Self::Refresh => (
                "was read anew by {} queries of one record each",
                "`collect` the records, and `refresh` the set",
            ),
            Self::Search => (
                "was searched {} times with the same query",
                "search once, for all that is wanted (`eq_any`), or follow the links of a set",
            ),
            Self::Statement => (
                "was sent {} times",
                "change all rows with one statement, or write to records in one `transaction`",
            ),
            Self::Write => (
                "was written by {} commits of one record each",
                "put the loop into one `transaction`, or `write` to a set",
            ),
            Self::Create => ("was created by {} INSERTs of one row each", "give all rows to `create_many`"),
            Self::Upsert => ("was created by {} INSERTs of one row each", "give all rows to `upsert_many`"),
            Self::Delete => {
                ("was deleted by {} DELETEs of one row each", "`collect` the records, and delete the set")
            }
        }
    }
}

/// The text of [`Error::Unbatched`](crate::Error::Unbatched)
pub(super) fn describe(work: Repeated, model: &str, field: &str, times: usize, at: &Location<'_>) -> String {
    let (done, way_out) = work.describe();
    let what = match (model, field) {
        ("", _) => "a statement of your own".to_owned(),
        (model, "") => model.to_owned(),
        (model, field) => format!("{model}.{field}"),
    };
    format!("{what} {} from {at}: {way_out}", done.replace("{}", &times.to_string()))
}
