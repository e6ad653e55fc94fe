//! An environment's connection: taken when it is needed, given up when it is broken.

use std::cell::RefMut;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManager, TransactionManagerStatus};
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};

use crate::backend::Connection;
use crate::{Environment, Error, Result};

/// An environment's connection
pub(crate) enum Held<C: Connection> {
    Own(C),
    Pooled(PooledConnection<ConnectionManager<C>>),
}

impl<C: Connection> Deref for Held<C> {
    type Target = C;
    fn deref(&self) -> &C {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(connection) => connection,
        }
    }
}

impl<C: Connection> DerefMut for Held<C> {
    fn deref_mut(&mut self) -> &mut C {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(connection) => connection,
        }
    }
}

impl<C: Connection> Environment<C> {
    /// The connection, taken from the pool if this is the first query
    pub(crate) fn connection(&self) -> Result<RefMut<'_, impl DerefMut<Target = C> + use<C>>> {
        let mut held = self.connection.try_borrow_mut().map_err(|_| {
            Error::connection(
                C::NAME,
                "the environment's connection is in use: a query ran inside another one",
            )
        })?;
        if held.is_none() {
            let mut connection = self.ask_pool()?;
            connection.set_busy_timeout(self.settings.busy_timeout);
            self.transactions.forget_connection();
            *held = Some(Held::Pooled(connection));
        }
        RefMut::filter_map(held, Option::as_mut)
            .map_err(|_| Error::connection(C::NAME, "the environment has no connection"))
    }

    fn ask_pool(&self) -> Result<PooledConnection<ConnectionManager<C>>> {
        let Some(pool) = &self.pool else {
            return Err(Error::connection(C::NAME, "the environment has neither a pool nor a connection"));
        };
        pool.get().map_err(|error| {
            let message = format_args!("the pool had no connection to give: {error} ({})", pool_state(pool));
            Error::connection(C::NAME, message)
        })
    }

    /// Runs a statement; if it fails, gives up what is of no use any more: in a transaction that, else a broken
    /// connection, so that the next statement takes another from the pool.
    pub(crate) fn giving_up_broken<T>(&self, statement: impl FnOnce() -> Result<T>) -> Result<T> {
        self.transactions.refuse_if_doomed()?;
        if !self.transactions.are_open() {
            return self.outside(statement);
        }
        statement().map_err(|error| {
            self.forget_failed(&error);
            self.transactions.note(&error);
            // Whether the connection is broken, its rollback finds out.
            self.after_fault(error)
        })
    }

    /// The same where no transaction of ours is open
    pub(crate) fn outside<T>(&self, statement: impl FnOnce() -> Result<T>) -> Result<T> {
        statement().map_err(|error| {
            self.forget_failed(&error);
            self.transactions.note(&error);
            let is_lost = error.of_statement().is_some_and(may_be_broken) && self.is_lost();
            if is_lost {
                self.give_up();
                return error.lost();
            }
            error
        })
    }

    pub(crate) fn forget_failed(&self, error: &Error) {
        if let Ok(mut held) = self.connection.try_borrow_mut()
            && let Some(connection) = &mut *held
        {
            connection.forget_failed_statement(error.of_statement());
        }
    }

    /// Whether the connection is of no use any more
    ///
    /// diesel knows of transactions that it could not end, and of little else: the server is asked. Within an
    /// application's transaction that an error has aborted, it would not answer.
    pub(crate) fn is_lost(&self) -> bool {
        let Ok(mut held) = self.connection.try_borrow_mut() else { return false };
        held.as_mut().is_some_and(|connection| match diesel_depth(&mut **connection) {
            Ok(0) => connection.ping().is_err(),
            Ok(_) => false,
            Err(_) => true,
        })
    }

    /// Gives the connection up, so that the next statement takes another from the pool; one of its own stays.
    pub(crate) fn give_up(&self) {
        self.set_in_error();
        if let Ok(mut held) = self.connection.try_borrow_mut() {
            held.take_if(|held| matches!(held, Held::Pooled(_)));
        }
    }

    /// So that the pool does not take it back.
    pub(crate) fn set_in_error(&self) {
        if let Ok(mut held) = self.connection.try_borrow_mut()
            && let Some(Held::Pooled(connection)) = &mut *held
        {
            C::TransactionManager::transaction_manager_status_mut(&mut **connection).set_in_error();
        }
    }

    /// How many transactions of the application are open, savepoints within the first one; where ours are, too, with them
    pub(crate) fn application_depth(&self) -> Result<u32> {
        let fault = |error| Error::database("", "looking for an open transaction", error);
        diesel_depth(&mut **self.connection()?).map_err(fault)
    }

    /// Whether a statement is committed at once, and with nothing else, where no transaction of ours is open
    pub(crate) fn commits_alone(&self) -> Result<bool> {
        self.outside(|| {
            if self.application_depth()? > 0 {
                return Ok(false);
            }
            self.transactions.commits_at_once(|| {
                let fault = |error| Error::database("", "asking whether it is committed at once", error);
                self.connection()?.commits_at_once().map_err(fault)
            })
        })
    }
}

/// Tells diesel of a transaction that the application has begun by hand, so that ours are savepoints in it.
///
/// What cannot be asked is told by the first statement. Gives whether the connection commits at once, if it can be told.
pub(crate) fn adopt<C: Connection>(connection: &mut C) -> Option<bool> {
    let commits_at_once = connection.commits_at_once().ok();
    // With autocommit off one is open always.
    let is_open = matches!(diesel_depth(connection), Ok(0))
        && commits_at_once == Some(true)
        && matches!(connection.has_open_transaction(), Ok(true));
    if is_open
        && let TransactionManagerStatus::Valid(status) =
            C::TransactionManager::transaction_manager_status_mut(connection)
    {
        let _ = status.change_transaction_depth(TransactionDepthChange::IncreaseDepth);
    }
    commits_at_once
}

/// How many transactions diesel has begun on a connection, savepoints within the first one
pub(crate) fn diesel_depth<C: Connection>(connection: &mut C) -> QueryResult<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(connection);
    Ok(status.transaction_depth()?.map_or(0, NonZeroU32::get))
}

/// Whether an error may come from a connection that is gone; what a server says of a statement does not.
fn may_be_broken(error: &diesel::result::Error) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand, Unknown};
    use diesel::result::Error::{BrokenTransactionManager, DatabaseError};
    matches!(
        error,
        BrokenTransactionManager | DatabaseError(Unknown | ClosedConnection | UnableToSendCommand, _)
    )
}

fn pool_state<C: Connection>(pool: &Pool<ConnectionManager<C>>) -> String {
    let state = pool.state();
    format!(
        "{} of at most {} connections open, {} idle",
        state.connections,
        pool.max_size(),
        state.idle_connections
    )
}

/// The address without the password that it may hold, for messages
pub(crate) fn without_password(url: &str) -> String {
    let mut shown = url.to_owned();
    if let (Some(start), Some(at)) = (shown.find("://"), shown.rfind('@')) {
        let user = start + 3;
        if let Some(colon) = shown.get(user..at).and_then(|user| user.find(':')) {
            shown.replace_range(user + colon..at, "");
        }
    }
    if let Some(password) = shown.find("password=") {
        let value = password + "password=".len();
        // Up to the next setting; a quoted one up to its quote.
        let end = match shown[value..].strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').map(|end| value + end + 2),
            None => shown[value..].find(['&', ' ']).map(|end| value + end),
        };
        shown.replace_range(value..end.unwrap_or(shown.len()), "…");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("postgres://me:s3cret@host/db", "postgres://me@host/db"),
            ("mysql://me@host/db", "mysql://me@host/db"),
            ("host=a password=s3cret user=me", "host=a password=… user=me"),
            ("host=a password='s3 cret' user=me", "host=a password=… user=me"),
            ("postgres://host/db?user=me&password=s3cret", "postgres://host/db?user=me&password=…"),
            ("host=a password=p@x application_name=http://y", "host=a password=… application_name=http://y"),
            ("demo.db", "demo.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
