//! What a transaction may be asked to be: isolated, read-only, immediate, out of patience sooner.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::Error;
use crate::backend::{Begin, Isolation};

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
    pub(crate) begin: Begin,
    error: PhantomData<fn() -> E>,
}

impl<E> Clone for TransactionOptions<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for TransactionOptions<E> {}

impl<E> fmt::Debug for TransactionOptions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransactionOptions").field(&self.begin).finish()
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
        Self { begin: Begin::default(), error: PhantomData }
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
        TransactionOptions { begin: self.begin, error: PhantomData }
    }

    /// What it sees of others
    ///
    /// With [`RepeatableRead`](Isolation::RepeatableRead) and [`Serializable`](Isolation::Serializable) nothing that was
    /// cached before is trusted, see [`fresh`](Self::fresh).
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.begin.isolation = Some(isolation);
        self
    }

    /// Nothing may be written in it: that is an error of the database ([`Error::is_read_only`])
    pub fn read_only(mut self) -> Self {
        self.begin.read_only = true;
        self
    }

    /// Waits at its beginning until it cannot be refused any more: with SERIALIZABLE and read-only. PostgreSQL alone
    pub fn deferrable(mut self) -> Self {
        self.begin.deferrable = true;
        self
    }

    /// Waits at its beginning for the right to write. SQLite alone
    ///
    /// One that reads first and then wants to write is refused by SQLite at once, whatever the time-out, if somebody else
    /// has written between the two: `database is locked`. One that is immediate waits for the others.
    pub fn immediate(mut self) -> Self {
        self.begin.immediate = true;
        self
    }

    /// How long a lock is waited for, in it alone; MySQL counts whole seconds
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.begin.lock_timeout = Some(timeout);
        self
    }

    /// How long one statement may take, in it alone; SQLite cannot, MySQL can for SELECTs and MariaDB for all
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.begin.statement_timeout = Some(timeout);
        self
    }

    /// Whether nothing is trusted that was cached before, so that all that the transaction computes with is read in it
    ///
    /// The database can only compare what it was asked for. Unless said otherwise it is so with REPEATABLE READ and
    /// SERIALIZABLE, and not else. What waits to be written stays.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.begin.fresh = Some(fresh);
        self
    }
}
