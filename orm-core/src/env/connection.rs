//! An environment's connection: taken when it is needed, given up when it is broken.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManager, TransactionManagerStatus};
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};

use crate::backend::{Connection, Dialect};
use crate::error::without_secrets;
use crate::{Error, Result};

/// Where an environment has its connections from
pub(crate) enum Supply<C: Connection> {
    Pool(Pool<ConnectionManager<C>>),
    /// It makes them itself.
    Address(Address<C>),
    /// It has the one that it was given, and no other.
    Nothing,
}

impl<C: Connection> Supply<C> {
    /// Whether there is another connection if the one at hand is of no use any more
    pub(super) fn has_another(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// Where connections are made, and what is done with each before it is used
pub(crate) struct Address<C> {
    url: String,
    prepare: Option<Prepare<C>>,
}

/// What an application does with each connection that is made for it
pub(crate) type Prepare<C> = Box<dyn Fn(&mut C) -> Result<()> + Send>;

impl<C: Connection> Address<C> {
    pub(crate) fn new(url: &str, prepare: Option<Prepare<C>>) -> Self {
        Self { url: url.to_owned(), prepare }
    }

    pub(crate) fn connect(&self) -> Result<C> {
        let mut connection = C::open(&self.url)?;
        self.prepare.as_ref().map_or(Ok(()), |prepare| prepare(&mut connection))?;
        Ok(connection)
    }
}

/// An environment's connection
pub(crate) enum Held<C: Connection> {
    Own(C),
    Pooled { connection: OfPool<C>, _taken: Taken },
}

/// A connection of a pool
pub(crate) struct OfPool<C: Connection> {
    connection: PooledConnection<ConnectionManager<C>>,
    /// Whether all that it does is a test's: it goes back as it came.
    is_of_test: bool,
}

impl<C: Connection> OfPool<C> {
    /// What a test does on it is undone before the pool has it back, which closes what has a transaction open.
    pub(super) fn set_of_test(&mut self) {
        self.is_of_test = true;
    }
}

impl<C: Connection> Drop for OfPool<C> {
    fn drop(&mut self) {
        if self.is_of_test {
            // If that fails, diesel knows that the connection is of no use any more.
            let _ = C::TransactionManager::rollback_transaction(&mut *self.connection);
        }
    }
}

impl<C: Connection> Deref for OfPool<C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C: Connection> DerefMut for OfPool<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

impl<C: Connection> Held<C> {
    pub(crate) fn pooled(connection: PooledConnection<ConnectionManager<C>>) -> Self {
        let connection = OfPool { connection, is_of_test: false };
        Self::Pooled { connection, _taken: Taken::here::<C>() }
    }
}

/// Counts a connection of a pool as long as an environment has it, for those who wait for one
pub(crate) struct Taken(Arc<AtomicUsize>);

thread_local! {
    /// How many connections of a kind environments have that were taken in this thread
    static TAKEN: RefCell<HashMap<TypeId, Arc<AtomicUsize>>> = RefCell::default();
}

impl Taken {
    fn here<C: Connection>() -> Self {
        let count = Self::counter::<C>();
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }

    fn counter<C: Connection>() -> Arc<AtomicUsize> {
        TAKEN.with_borrow_mut(|taken| Arc::clone(taken.entry(TypeId::of::<C>()).or_default()))
    }
}

/// Maybe in another thread
impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<C: Connection> Deref for Held<C> {
    type Target = C;
    fn deref(&self) -> &C {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled { connection, .. } => connection,
        }
    }
}

impl<C: Connection> DerefMut for Held<C> {
    fn deref_mut(&mut self) -> &mut C {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled { connection, .. } => connection,
        }
    }
}

/// Tells diesel of a transaction that the application has begun by hand, so that ours are savepoints in it.
///
/// What cannot be asked is told by the first statement.
pub(crate) fn adopt<C: Connection>(connection: &mut C) -> Adopted {
    if !matches!(diesel_depth(connection), Ok(0)) {
        return Adopted::default();
    }
    let commits_at_once = connection.commits_at_once().ok();
    // With autocommit off one is open always.
    let is_open = commits_at_once == Some(true) && matches!(connection.has_open_transaction(), Ok(true));
    if is_open {
        change_depth(connection, TransactionDepthChange::IncreaseDepth);
    }
    Adopted { commits_at_once, transaction: is_open }
}

/// What was found on a connection that the application had
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Adopted {
    /// Whether it commits at once, if that was asked and could be told
    pub(crate) commits_at_once: Option<bool>,
    /// Whether diesel was told of a transaction
    pub(crate) transaction: bool,
}

/// Takes back what diesel was told of a transaction that the application has begun by hand.
pub(crate) fn hand_back<C: Connection>(connection: &mut C) {
    if matches!(diesel_depth(connection), Ok(1)) {
        lower_depth(connection, 0);
    }
}

/// Has diesel count no more than so many transactions.
pub(super) fn lower_depth<C: Connection>(connection: &mut C, to: u32) {
    while diesel_depth(connection).is_ok_and(|depth| depth > to) {
        change_depth(connection, TransactionDepthChange::DecreaseDepth);
    }
}

fn change_depth<C: Connection>(connection: &mut C, change: TransactionDepthChange) {
    if let TransactionManagerStatus::Valid(status) =
        C::TransactionManager::transaction_manager_status_mut(connection)
    {
        let _ = status.change_transaction_depth(change);
    }
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

/// Takes a connection from a pool.
pub(super) fn ask_pool<C: Connection>(pool: &Pool<ConnectionManager<C>>) -> Result<Held<C>> {
    pool.get().map(Held::pooled).map_err(|error| {
        let (state, size) = (pool.state(), pool.max_size());
        if state.connections >= size && state.idle_connections == 0 {
            let (waited, here) = (pool.connection_timeout(), Taken::counter::<C>().load(Ordering::Relaxed));
            return Error::PoolExhausted { backend: C::Backend::SYSTEM.name, size, waited, here };
        }
        let message = format_args!(
            "the pool had none to give: {} ({} of at most {size} connections open, {} idle)",
            without_secrets(&error.to_string()),
            state.connections,
            state.idle_connections
        );
        Error::connection(C::Backend::SYSTEM.name, message)
    })
}
