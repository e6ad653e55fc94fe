//! An environment's connection: taken when it is needed, given up when it is broken.

use std::cell::RefMut;
use std::ops::{Deref, DerefMut};

use diesel::connection::TransactionManager;
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
            *held = Some(Held::Pooled(self.ask_pool()?));
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
        self.transactions.refuse_if_gone()?;
        statement().inspect_err(|error| {
            let source = if let Error::Database { source, .. } = error { Some(&**source) } else { None };
            if let Ok(mut held) = self.connection.try_borrow_mut()
                && let Some(connection) = &mut *held
            {
                connection.forget_failed_statement(source);
            }
            let Some(source) = source else { return };
            if self.transactions.are_open() {
                // Whether the connection is broken, its rollback finds out.
                self.doom_after(error, source);
            } else if may_be_broken(source) {
                self.give_up_broken();
            }
        })
    }

    /// Gives the connection up if it is of no use any more.
    ///
    /// diesel's `is_broken` knows of transactions that it could not end, and of little else: the server is asked.
    pub(crate) fn give_up_broken(&self) {
        if let Ok(mut held) = self.connection.try_borrow_mut()
            && let Some(Held::Pooled(connection)) = &mut *held
            && (connection.is_broken() || connection.ping().is_err())
        {
            // So that the pool does not take it back.
            C::TransactionManager::transaction_manager_status_mut(&mut **connection).set_in_error();
            *held = None;
        }
    }
}

/// The pool would not know of a transaction that was begun by a statement, and hand it to the next who asks.
impl<C: Connection> Drop for Environment<C> {
    fn drop(&mut self) {
        if let (true, Some(Held::Pooled(connection))) = (self.was_lent.get(), self.connection.get_mut()) {
            // Most of the time there is none, which SQLite calls an error.
            let _ = connection.batch_execute("ROLLBACK");
        }
    }
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
