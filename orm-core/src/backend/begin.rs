//! How a transaction begins.

use std::time::Duration;

/// How much a transaction sees of what others commit meanwhile
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what is committed when it begins: the default of PostgreSQL
    ReadCommitted,
    /// All statements see what was committed when the first one began: the default of MySQL
    RepeatableRead,
    /// As if no two transactions ran at the same time; what cannot be had so is refused, and
    /// [retryable](crate::Error::is_retryable). SQLite has nothing less
    Serializable,
}

impl Isolation {
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), allow(dead_code))]
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// What is asked of the database, and of the cache
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(unreachable_pub)]
pub struct Begin {
    pub(crate) isolation: Option<Isolation>,
    pub(crate) read_only: bool,
    pub(crate) deferrable: bool,
    pub(crate) immediate: bool,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) fresh: Option<bool>,
}

impl Begin {
    /// Whether nothing clean is trusted that was cached before
    pub(crate) fn is_fresh(&self) -> bool {
        let is_snapshot = matches!(self.isolation, Some(Isolation::RepeatableRead | Isolation::Serializable));
        self.fresh.unwrap_or(is_snapshot)
    }

    /// Whether nothing is asked of the database that a plain BEGIN, or a savepoint, does not give
    pub(crate) fn is_plain(&self) -> bool {
        Self { fresh: None, ..*self } == Self::default()
    }
}
