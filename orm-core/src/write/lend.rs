//! The connection in the application's hands: what it has done to transactions is looked at when it comes back.

use std::sync::Arc;

use diesel::connection::TransactionManager;

use crate::backend::{Connection, Standing};
use crate::env::connection::diesel_depth;
use crate::{Environment, Error, Result};

/// Set before the connection is lent within a transaction of ours. Where it is still there afterwards, so is the transaction,
/// and no other one in its place, whatever database and statement it was.
const MARK: &str = "orm_core_lent";

/// The connection, lent: nobody knows what is sent until it is over
pub(crate) struct Loan<'env, C: Connection> {
    env: &'env Environment<C>,
    /// What the application does, for messages
    doing: &'static str,
    /// How many transactions diesel had begun
    depth: u32,
    is_over: bool,
}

/// How a loan of which an error came back knows that error
pub(crate) struct Known<E> {
    pub(crate) error: fn(&E) -> Option<&Error>,
    pub(crate) lost: fn(E) -> E,
}

impl<E> Known<E> {
    /// Errors of the application's own, which are as they are
    pub(crate) fn not() -> Self {
        Self { error: |_| None, lost: |error| error }
    }
}

impl Known<Error> {
    pub(crate) fn ours() -> Self {
        Self { error: |error| Some(error), lost: Error::lost }
    }

    /// Of a statement that is committed at once
    pub(crate) fn of_its_own() -> Self {
        Self { error: |error| Some(error), lost: Error::outcome_unknown }
    }
}

impl<'env, C: Connection> Loan<'env, C> {
    pub(crate) fn begin(env: &'env Environment<C>, doing: &'static str) -> Result<Self> {
        let transactions = &env.transactions;
        let depth = env.giving_up_broken(|| {
            let depth = env.application_depth()?;
            if transactions.are_open() {
                let what = "marking the open transaction";
                env.in_transaction(what, "SAVEPOINT", |connection| {
                    connection.batch_execute(&format!("SAVEPOINT {MARK}"))
                })?;
            }
            Ok(depth)
        })?;
        // It may set whatever it likes.
        transactions.forget_connection();
        Ok(Self { env, doing, depth, is_over: false })
    }

    /// The end of it: the application's own error comes first, then what it has left behind.
    pub(crate) fn end<T, E: From<Error>>(mut self, result: Result<T, E>, known: &Known<E>) -> Result<T, E> {
        self.is_over = true;
        let error = result.as_ref().err();
        let cause = error.and_then(known.error);
        if let Some(cause) = cause {
            self.env.transactions.note(cause);
        }
        if error.is_some() {
            self.env.forget_failed(cause.unwrap_or(&Error::TransactionLeftOpen { doing: self.doing }));
        }
        let (standing, found) = self.look(error.is_some());
        let found = found.map_err(|found| self.mark_rollback_only(standing, outcome(found, cause)));
        match (result, found) {
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(found)) => Err(found.into()),
            (Err(error), found) => Err(match found {
                // It holds the other one.
                Err(ended @ Error::TransactionEnded { failed: Some(_), .. }) => ended.into(),
                _ if standing == Standing::Lost => (known.lost)(error),
                _ => error,
            }),
        }
    }

    /// Notes what is left of our transaction.
    fn mark_rollback_only(&self, standing: Standing, error: Error) -> Error {
        let error = if standing == Standing::Lost { error.lost() } else { error };
        match standing {
            Standing::Open => {}
            Standing::Aborted => self.env.mark_rollback_only(&error),
            Standing::Gone | Standing::Lost => self.env.mark_all_rollback_only(&error),
        }
        error
    }

    /// Puts transactions back to where they were, and tells what has become of them.
    fn look(&self, has_failed: bool) -> (Standing, Result<()>) {
        if self.env.transactions.are_open() {
            return self.look_within().unwrap_or_else(|error| (Standing::Lost, Err(error)));
        }
        self.look_outside(has_failed).unwrap_or_else(|_| {
            // What was done on it is done; the next statement needs another one.
            self.env.give_up();
            (Standing::Lost, Ok(()))
        })
    }

    /// Where a transaction of ours is open
    fn look_within(&self) -> Result<(Standing, Result<()>)> {
        let left_open = self.roll_back_to_before();
        let mut connection = self.env.connection()?;
        let what = "going on after the application had the connection";
        let Err(error) = connection.batch_execute(&format!("RELEASE SAVEPOINT {MARK}")) else {
            return Ok((Standing::Open, left_open));
        };
        let error = Error::database("", what, error);
        if connection.batch_execute(&format!("ROLLBACK TO SAVEPOINT {MARK}")).is_ok() {
            return Ok((Standing::Aborted, Err(error)));
        }
        if !self.env.transactions.is_in_application() {
            // It may have begun another one.
            let _ = connection.batch_execute("ROLLBACK");
        }
        if connection.ping().is_err() {
            return Ok((Standing::Lost, Err(error)));
        }
        let ended = Error::TransactionEnded {
            doing: self.doing,
            commits: self.env.system().commits_by_itself,
            failed: None,
        };
        Ok((Standing::Gone, Err(ended)))
    }

    /// Where no transaction of ours is open: one of the application may be, and may have been ended.
    fn look_outside(&self, has_failed: bool) -> Result<(Standing, Result<()>)> {
        let left_open = self.roll_back_to_before();
        let fault = |error| Error::database("", "looking for an open transaction", error);
        let mut connection = self.env.connection()?;
        let depth = diesel_depth(&mut **connection).map_err(fault)?;
        let is_open = connection.has_open_transaction().map_err(fault)?;
        match (depth, is_open) {
            (0, true) if connection.commits_at_once().unwrap_or(true) => {
                connection.batch_execute("ROLLBACK").map_err(fault)?;
                return Ok((Standing::Open, Err(self.left_open())));
            }
            // Autocommit is off, so that somebody has to.
            (0, true) => {
                let end = if has_failed { "ROLLBACK" } else { "COMMIT" };
                connection.batch_execute(end).map_err(fault)?;
            }
            (0, false) => {}
            (_, false) => {
                *C::TransactionManager::transaction_manager_status_mut(&mut *connection) = Default::default();
                self.env.transactions.set_adopted(false);
            }
            (_, true) => {}
        }
        Ok((Standing::Open, left_open))
    }

    /// Rolls back what diesel has begun since, and not ended.
    fn roll_back_to_before(&self) -> Result<()> {
        let mut connection = self.env.connection()?;
        let depth = |connection: &mut C| diesel_depth(connection).unwrap_or(0);
        if depth(&mut connection) <= self.depth {
            return Ok(());
        }
        while depth(&mut connection) > self.depth {
            let before = depth(&mut connection);
            // What cannot be rolled back is gone, or the connection is.
            if C::TransactionManager::rollback_transaction(&mut *connection).is_err()
                && depth(&mut connection) == before
            {
                break;
            }
        }
        Err(self.left_open())
    }

    fn left_open(&self) -> Error {
        Error::TransactionLeftOpen { doing: self.doing }
    }
}

/// What makes a transaction rollback-only: the error that came back, unless it is not known whether what was written before is undone
fn outcome(found: Error, cause: Option<&Error>) -> Error {
    match (found, cause) {
        (found, None) => found,
        (Error::TransactionEnded { doing, commits, .. }, Some(cause)) if !cause.is_refused_transaction() => {
            Error::TransactionEnded { doing, commits, failed: Some(Arc::new(cause.clone())) }
        }
        (_, Some(cause)) => cause.clone(),
    }
}

/// Whoever catches a panic may go on: what there is to know is noted.
impl<C: Connection> Drop for Loan<'_, C> {
    fn drop(&mut self) {
        if !self.is_over {
            let (standing, found) = self.look(true);
            if let Err(error) = found {
                self.mark_rollback_only(standing, error);
            }
        }
    }
}
