//! Transactions: a level each, undone as a whole.
//!
//! Nothing waits to be written when a level begins: outside a transaction every write is sent before the call returns,
//! and a nested level sends what waits before its savepoint. So a rollback has one rule: what was cached since the level
//! began, written or loaded, is missing afterwards.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use diesel::connection::TransactionManager;

use crate::backend::{Connection, Dialect};
use crate::store::Stamp;
use crate::watch::Spot;
use crate::{Environment, Error, Result};

/// What an environment knows of its open transactions
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    depth: Cell<usize>,
    doomed: RefCell<Option<Doom>>,
}

/// Why a level cannot be committed any more: what was waiting could not be written, or the database has given it up
#[derive(Debug)]
struct Doom {
    /// That level; what is within it cannot be either
    depth: usize,
    error: Error,
    /// Whether the database has rolled back everything already
    is_gone: bool,
}

impl Transactions {
    pub(crate) fn are_open(&self) -> bool {
        self.depth.get() > 0
    }

    /// Nothing may be sent between the end of a transaction in the database and its end here.
    pub(crate) fn refuse_if_gone(&self) -> Result<()> {
        match &*self.doomed.borrow() {
            Some(Doom { error, is_gone: true, .. }) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn doom(&self, depth: usize, error: &Error, is_gone: bool) {
        let mut doomed = self.doomed.borrow_mut();
        let doom = doomed.get_or_insert_with(|| Doom { depth, error: error.clone(), is_gone });
        doom.depth = doom.depth.min(depth);
        doom.is_gone |= is_gone;
    }
}

impl<C: Connection> Environment<C> {
    /// Runs a closure in a transaction, and commits it; within another transaction it is a savepoint
    ///
    /// What is written in it waits for its end, or for a query that could see it, and is sent in few statements. If the
    /// closure returns an error or panics, or if what it wrote is refused, all of it is undone: the rows are as before,
    /// and of what was cached since it began nothing is left, so that the next read asks the database.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// let azure = env.create(Partner::values().name("Azure"))?;
    /// let refused = env.transaction(|| {
    ///     azure.set_name("Azure Interior")?;
    ///     Err::<(), _>(orm_core::Error::other("the books are closed"))
    /// });
    /// assert!(refused.is_err());
    /// assert_eq!(azure.name()?, "Azure");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's; those of writing what waited, also where the closure has swallowed them: a transaction of which a
    /// part was refused is not committed; those of the database. On PostgreSQL every error of the database aborts the
    /// transaction, so none can be swallowed; to go on after one, run what may fail in a transaction of its own, within.
    /// The same is true of a deadlock on MySQL, which undoes the savepoints too.
    pub fn transaction<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let level = Level::begin(self)?;
        // A panic passes through the drop of the level, which undoes it.
        let value = f()?;
        level.commit()?;
        Ok(value)
    }

    /// Sends everything that waits to be written
    ///
    /// Commits, searches and statements of your own do so by themselves.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::MissingRecord`] and [`Error::Conflict`] for a row that is gone or was changed by
    /// somebody else. The transaction cannot be committed then.
    pub fn flush(&self) -> Result<()> {
        if !self.has_pending() {
            return Ok(());
        }
        self.flush_pending().inspect_err(|error| self.doom(error))
    }

    /// Runs a write: in the open transaction, or in one of its own that is committed before this returns
    pub(crate) fn writing<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.transactions.are_open() { write() } else { self.transaction(write) }
    }

    /// Changes cells: they wait in the open transaction, or are sent before this returns
    ///
    /// One record is one statement, which needs no transaction around it. `set` returns the records that it was called for.
    pub(super) fn setting<'a>(
        &self,
        spot: Spot,
        model: usize,
        set: impl FnOnce() -> Result<Cow<'a, [u32]>>,
    ) -> Result<()> {
        if self.transactions.are_open() {
            return set().map(drop);
        }
        let mut undo = Undo { env: self, since: Some(self.moment().time) };
        let slots = set()?;
        let dirty: usize = self.tables().map(|table| table.dirty_records()).sum();
        match dirty {
            0 => {}
            1 => {
                self.watch_write(spot, model, &slots)?;
                self.flush_pending()?;
            }
            _ => self.transaction(|| Ok(()))?,
        }
        undo.since = None;
        Ok(())
    }

    pub(crate) fn doom(&self, error: &Error) {
        self.transactions.doom(self.transactions.depth.get(), error, false);
    }

    /// Notes what an error of the database leaves of the open transaction.
    pub(crate) fn doom_after(&self, error: &Error, source: &diesel::result::Error) {
        if self.connection().is_ok_and(|mut connection| connection.has_lost_transaction()) {
            self.transactions.doom(1, error, true);
        } else if C::Backend::ERROR_ABORTS && matches!(source, diesel::result::Error::DatabaseError(..)) {
            self.doom(error);
        }
    }

    /// Finds out whether an error was kept from us that has aborted the open transaction.
    pub(super) fn refuse_if_aborted(&self) -> Result<()> {
        if !self.transactions.are_open() {
            return Ok(());
        }
        let what = "going on after a statement within `with_connection` whose error was not returned";
        if self.connection()?.has_lost_transaction() {
            let error = Error::database("", what, diesel::result::Error::RollbackTransaction);
            self.transactions.doom(1, &error, true);
            return Err(error);
        }
        if !C::Backend::ERROR_ABORTS {
            return Ok(());
        }
        self.giving_up_broken(|| self.in_transaction(what, |connection| connection.batch_execute("SELECT 1")))
    }

    /// Makes missing what was cached since a time, and forgets what waited to be written.
    fn forget_since(&self, since: Stamp) {
        self.note_drop();
        self.pairs.clear();
        self.tables().for_each(|table| table.forget_since(since));
        if self.limits.any() {
            self.tables().for_each(|table| table.count_residents());
        }
    }

    pub(super) fn in_transaction(
        &self,
        what: &str,
        run: impl FnOnce(&mut C) -> diesel::QueryResult<()>,
    ) -> Result<()> {
        let mut connection = self.connection()?;
        run(&mut connection).map_err(|error| Error::database("", what, error))
    }

    /// Brings the connection back to where no transaction is open, if it can be.
    ///
    /// A database may have rolled back by itself (a full disk): then there is nothing to roll back, which diesel takes
    /// for a broken connection.
    fn heal(&self) {
        let healed = self.connection().is_ok_and(|mut connection| {
            let sound = connection.batch_execute("BEGIN").and_then(|()| connection.batch_execute("ROLLBACK"));
            if sound.is_ok() {
                *C::TransactionManager::transaction_manager_status_mut(&mut connection) = Default::default();
            }
            sound.is_ok()
        });
        if !healed {
            self.give_up_broken();
        }
    }
}

/// Forgets what was cached since a time when it is dropped, also by a panic.
struct Undo<'env, C: Connection> {
    env: &'env Environment<C>,
    /// `None`: all went well
    since: Option<Stamp>,
}

impl<C: Connection> Drop for Undo<'_, C> {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            self.env.forget_since(since);
        }
    }
}

/// One open transaction or savepoint; undone when it is dropped before it was committed
struct Level<'env, C: Connection> {
    env: &'env Environment<C>,
    since: Stamp,
    /// When the watch for loops knew what it knew when this began
    watched: u64,
    is_open: bool,
}

impl<'env, C: Connection> Level<'env, C> {
    fn begin(env: &'env Environment<C>) -> Result<Self> {
        let depth = &env.transactions.depth;
        env.transactions.refuse_if_gone()?;
        if depth.get() > 0 {
            // Else it would be undone with the savepoint.
            env.flush()?;
        }
        env.in_transaction("beginning a transaction", |connection| {
            C::TransactionManager::begin_transaction(connection)
        })
        .inspect_err(|_| {
            if depth.get() == 0 {
                env.give_up_broken();
            }
        })?;
        depth.set(depth.get() + 1);
        Ok(Self { env, since: env.moment().time, watched: env.watched.now(), is_open: true })
    }

    fn commit(mut self) -> Result<()> {
        let env = self.env;
        env.flush()?;
        if let Some(doom) = &*env.transactions.doomed.borrow() {
            return Err(doom.error.clone());
        }
        env.in_transaction("committing a transaction", |connection| {
            C::TransactionManager::commit_transaction(connection)
        })?;
        env.transactions.depth.set(env.transactions.depth.get() - 1);
        self.is_open = false;
        Ok(())
    }
}

impl<C: Connection> Drop for Level<'_, C> {
    fn drop(&mut self) {
        let Self { env, since, watched, is_open } = *self;
        if !is_open {
            return;
        }
        let Transactions { depth, doomed } = &env.transactions;
        let undone = env.in_transaction("rolling back", |connection| {
            match C::TransactionManager::rollback_transaction(connection) {
                // diesel did it, when the commit failed; or has seen that SQLite did it, but not that another one was
                // begun since, to hold what followed.
                Err(diesel::result::Error::NotInTransaction) => {
                    let _ = connection.batch_execute("ROLLBACK");
                    Ok(())
                }
                undone => undone,
            }
        });
        env.forget_since(since);
        env.watched.begin_anew(watched);
        doomed.borrow_mut().take_if(|doom| doom.depth >= depth.get());
        depth.set(depth.get() - 1);
        if let Err(error) = undone {
            tracing::warn!("{error}");
            if depth.get() == 0 {
                env.heal();
            } else {
                // What the savepoint held is still there.
                env.doom(&error);
            }
        }
    }
}
