//! What a transaction may be asked to be: isolated, read-only, immediate, out of patience sooner.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::Error;

/// How much a transaction sees of what others commit meanwhile
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what is committed when it begins: the default of PostgreSQL
    ReadCommitted,
    /// All statements see what was committed when the first one began: the default of MySQL
    RepeatableRead,
    /// As if no two transactions ran at the same time; what cannot be had so is refused, and
    /// [retryable](Error::is_retryable). SQLite has nothing less
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

/// How [`transaction_with`](crate::Environment::transaction_with) begins; with nothing said, as
/// [`transaction`](crate::Environment::transaction) does
///
/// `E` is the closure's type of error, [`Error`] unless [`failing_with`](Self::failing_with) says another.
///
/// ```
/// use std::time::Duration;
/// use orm_core::{Isolation, TransactionOptions};
/// let options = TransactionOptions::new()
///     .isolation(Isolation::Serializable)
///     .lock_timeout(Duration::from_secs(2));
/// ```
#[must_use = "it does nothing until it is given to `transaction_with`"]
pub struct TransactionOptions<E = Error> {
    pub(crate) plan: Plan,
    error: PhantomData<fn() -> E>,
}

/// What is asked of the database, and of the cache
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(unreachable_pub)]
pub struct Plan {
    pub(crate) isolation: Option<Isolation>,
    pub(crate) read_only: bool,
    pub(crate) deferrable: bool,
    pub(crate) immediate: bool,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    fresh: Option<bool>,
}

impl Plan {
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

impl<E> Clone for TransactionOptions<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for TransactionOptions<E> {}

impl<E> fmt::Debug for TransactionOptions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransactionOptions").field(&self.plan).finish()
    }
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl TransactionOptions {
    /// As [`transaction`](crate::Environment::transaction) begins
    pub fn new() -> Self {
        Self { plan: Plan::default(), error: PhantomData }
    }
}

impl<E> TransactionOptions<E> {
    /// The closure returns errors of this type, which come back by value
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::{Isolation, TransactionOptions};
    /// #[derive(Debug)]
    /// enum Refused { BooksAreClosed, Database(orm_core::Error) }
    /// impl From<orm_core::Error> for Refused {
    ///     fn from(error: orm_core::Error) -> Self { Self::Database(error) }
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// let options = TransactionOptions::new().isolation(Isolation::Serializable).failing_with::<Refused>();
    /// let refused = env.transaction_with(options, || Err::<(), _>(Refused::BooksAreClosed));
    /// assert!(matches!(refused, Err(Refused::BooksAreClosed)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn failing_with<F: From<Error>>(self) -> TransactionOptions<F> {
        TransactionOptions { plan: self.plan, error: PhantomData }
    }

    /// What it sees of others
    ///
    /// With [`RepeatableRead`](Isolation::RepeatableRead) and [`Serializable`](Isolation::Serializable) nothing that was
    /// cached before is trusted, see [`fresh`](Self::fresh).
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.plan.isolation = Some(isolation);
        self
    }

    /// Nothing may be written in it: that is an error of the database ([`Error::is_read_only`])
    pub fn read_only(mut self) -> Self {
        self.plan.read_only = true;
        self
    }

    /// Waits at its beginning until it cannot be refused any more: with SERIALIZABLE and read-only. PostgreSQL alone
    pub fn deferrable(mut self) -> Self {
        self.plan.deferrable = true;
        self
    }

    /// Waits at its beginning for the right to write. SQLite alone
    ///
    /// One that reads first and then wants to write is refused by SQLite at once, whatever the time-out, if somebody else
    /// has written between the two: `database is locked`. One that is immediate waits for the others.
    pub fn immediate(mut self) -> Self {
        self.plan.immediate = true;
        self
    }

    /// How long a lock is waited for, in it alone; MySQL counts whole seconds
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.plan.lock_timeout = Some(timeout);
        self
    }

    /// How long one statement may take, in it alone; SQLite cannot, MySQL can for SELECTs and MariaDB for all
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.plan.statement_timeout = Some(timeout);
        self
    }

    /// Whether nothing is trusted that was cached before, so that all that the transaction computes with is read in it
    ///
    /// The database can only compare what it was asked for. Unless said otherwise it is so with REPEATABLE READ and
    /// SERIALIZABLE, and not else. What waits to be written stays.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.plan.fresh = Some(fresh);
        self
    }
}
