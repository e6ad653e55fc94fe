//! An environment's connection: taken when it is needed, given up when it is broken.

use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManager, TransactionManagerStatus};
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};

use crate::backend::Connection;

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
pub(super) fn may_be_broken(error: &diesel::result::Error) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand, Unknown};
    use diesel::result::Error::{BrokenTransactionManager, DatabaseError};
    matches!(
        error,
        BrokenTransactionManager | DatabaseError(Unknown | ClosedConnection | UnableToSendCommand, _)
    )
}

pub(super) fn pool_state<C: Connection>(pool: &Pool<ConnectionManager<C>>) -> String {
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
