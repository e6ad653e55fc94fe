//! Transactions: a level each, undone as a whole.
//!
//! Nothing waits to be written when a level begins: outside a transaction every write is sent before the call returns,
//! and a nested level sends what waits before its savepoint. So a rollback has one rule: what was cached since the level
//! began, written or loaded, is missing afterwards.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use diesel::connection::TransactionManager;

use super::TransactionOptions;
use crate::backend::Begin;
use crate::backend::{Connection, Standing};
use crate::env::connection::diesel_depth;
use crate::env::watch::Spot;
use crate::store::Stamp;
use crate::{Environment, Error, Result};

/// What an environment knows of its open transactions
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    depth: Cell<usize>,
    /// How many of diesel's were open when the first of ours began: the application's own
    base: Cell<u32>,
    doomed: RefCell<Option<Doom>>,
    /// Why the database has refused the open transaction, or a part of it, if it may do otherwise another time
    refused: RefCell<Option<Error>>,
    /// Whether the connection commits what is sent outside of a transaction, if that is known
    commits_at_once: Cell<Option<bool>>,
}

/// Why a level cannot be committed any more: what was waiting could not be written, or the database has given it up
///
/// Until that level is over nothing is sent but what undoes it.
#[derive(Debug)]
struct Doom {
    /// That level; what is within it cannot be either. 0: an application's transaction around ours, which nobody here can end
    depth: usize,
    error: Error,
    /// Whether the database has ended everything already
    is_gone: bool,
}

impl Transactions {
    /// Whether ours are savepoints of a transaction that the application has begun
    pub(super) fn is_in_application(&self) -> bool {
        self.base.get() > 0
    }

    pub(crate) fn are_open(&self) -> bool {
        self.depth.get() > 0
    }

    /// Nothing is known of a connection that the application had, or that is another one now.
    pub(crate) fn forget_connection(&self) {
        self.know_connection(None);
    }

    pub(crate) fn know_connection(&self, commits_at_once: Option<bool>) {
        self.commits_at_once.set(commits_at_once);
    }

    pub(crate) fn commits_at_once(&self, ask: impl FnOnce() -> Result<bool>) -> Result<bool> {
        if let Some(known) = self.commits_at_once.get() {
            return Ok(known);
        }
        ask().inspect(|&answer| self.commits_at_once.set(Some(answer)))
    }

    /// Nothing is sent between a failure that cannot be mended and the end of the level that it has doomed.
    pub(crate) fn refuse_if_doomed(&self) -> Result<()> {
        match &*self.doomed.borrow() {
            Some(doom) => Err(doom.error.clone()),
            None => Ok(()),
        }
    }

    /// Whether the database has refused a transaction for what others did
    fn was_refused(&self) -> bool {
        self.refused.borrow().as_ref().is_some_and(Error::is_refused_transaction)
    }

    /// The transaction of the application in which ours were is gone, and cannot be had again.
    fn never_again(&self) {
        if let Some(doom) = &mut *self.doomed.borrow_mut() {
            doom.depth = 0;
        }
    }

    fn is_gone(&self) -> bool {
        self.doomed.borrow().as_ref().is_some_and(|doom| doom.is_gone)
    }

    /// The first error is the one that is told.
    fn doom(&self, depth: usize, error: &Error, is_gone: bool) {
        self.note(error);
        let mut doomed = self.doomed.borrow_mut();
        let doom = doomed.get_or_insert_with(|| Doom { depth, error: error.clone(), is_gone });
        doom.depth = doom.depth.min(depth);
        doom.is_gone |= is_gone;
    }

    /// Notes an error after which what was read before may be out of date.
    pub(crate) fn note(&self, error: &Error) {
        if error.is_retryable() {
            *self.refused.borrow_mut() = Some(error.clone());
        }
    }

    /// Why the last transaction was refused, if it may succeed another time
    pub(super) fn take_refused(&self) -> Option<Error> {
        self.refused.borrow_mut().take()
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
    /// part was refused is not committed, and the first error is the one returned; those of the database. On PostgreSQL every
    /// error of the database aborts the transaction, so none can be swallowed; to go on after one, run what may fail in a
    /// transaction of its own, within. The same is true of a deadlock on MySQL, which undoes the savepoints too. Once it cannot
    /// be committed any more nothing is sent: each call returns the first error. [`Error::OutcomeUnknown`] if the connection was
    /// lost during the COMMIT.
    pub fn transaction<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        self.try_transaction(f)
    }

    /// The same for a closure whose errors are the application's own: they come back by value
    ///
    /// It is a method of its own because the compiler could not tell the type of error of a closure that ends with
    /// `Ok(())`, if it might be any.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// #[derive(Debug)]
    /// enum Refused { BooksAreClosed, Database(orm_core::Error) }
    /// impl From<orm_core::Error> for Refused {
    ///     fn from(error: orm_core::Error) -> Self { Self::Database(error) }
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// let refused = env.try_transaction(|| Err::<(), _>(Refused::BooksAreClosed));
    /// assert!(matches!(refused, Err(Refused::BooksAreClosed)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    pub fn try_transaction<T, E: From<Error>>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.run_transaction(&Begin::default(), f)
    }

    /// The same with options: isolation, read-only, time-outs and the like
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::TransactionOptions;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// # let azure = env.create(Partner::values().name("Azure"))?;
    /// env.transaction_with(TransactionOptions::new().immediate(), || {
    ///     let name = azure.name()?;
    ///     azure.set_name(name.to_uppercase())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction); [`Error::Unsupported`] for what the database does not have, and
    /// [`Error::Nested`] within another transaction, also one of the application's own.
    pub fn transaction_with<T, E: From<Error>>(
        &self,
        options: TransactionOptions<E>,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.run_transaction(&options.begin, f)
    }

    fn run_transaction<T, E: From<Error>>(
        &self,
        begin: &Begin,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let level = Level::begin(self, begin)?;
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
        self.transactions.refuse_if_doomed()?;
        self.flush_pending().inspect_err(|error| self.doom(error))
    }

    /// Runs a write: in the open transaction, or in one of its own that is committed before this returns
    pub(crate) fn writing<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.transactions.are_open() { write() } else { self.transaction(write) }
    }

    /// Runs one statement: in the open transaction, or where nothing but itself has to be committed with it
    pub(super) fn writing_one<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.transactions.are_open() || self.commits_alone()? { write() } else { self.transaction(write) }
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
        if dirty == 1 {
            self.watch_write(spot, model, &slots)?;
        }
        let sent = match dirty {
            0 => Ok(()),
            1 if self.commits_alone()? => self.flush_pending(),
            _ => self.transaction(|| Ok(())),
        };
        sent.inspect_err(|error| {
            if error.is_refused_transaction() {
                self.trust_nothing();
            }
        })?;
        undo.since = None;
        Ok(())
    }

    pub(crate) fn doom(&self, error: &Error) {
        self.transactions.doom(self.transactions.depth.get(), error, false);
    }

    /// Dooms all levels: the database has ended the transaction.
    pub(super) fn doom_all(&self, error: &Error) {
        self.transactions.doom(1, error, true);
    }

    /// Notes what an error of the database leaves of the open transaction; gives the error as it is known now.
    pub(crate) fn after_fault(&self, error: Error) -> Error {
        let Some(source) = error.of_statement() else { return error };
        if !matches!(source, diesel::result::Error::DatabaseError(..)) {
            return error;
        }
        match self.connection().map(|mut connection| connection.standing(source)) {
            Ok(Standing::Open) => error,
            Ok(Standing::Aborted) => {
                self.doom(&error);
                error
            }
            Ok(Standing::Gone) => {
                self.doom_all(&error);
                error
            }
            Ok(Standing::Lost) | Err(_) => {
                let error = error.lost();
                self.doom_all(&error);
                error
            }
        }
    }

    /// Makes everything missing that does not wait to be written.
    pub(super) fn trust_nothing(&self) {
        self.note_drop();
        self.tables().for_each(|table| table.invalidate());
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

    /// Begins a transaction, or a savepoint within another one; gives the statement that is to be sent when it is over.
    fn begin(&self, begin: &Begin) -> Result<Option<String>> {
        let mut connection = self.connection()?;
        let fault = |error| Error::database("", "beginning a transaction", error);
        if begin.is_plain() {
            return C::TransactionManager::begin_transaction(&mut connection).map(|()| None).map_err(fault);
        }
        if diesel_depth(&mut **connection).map_err(fault)? > 0 {
            return Err(Error::Nested { what: "isolation, mode or time-out" });
        }
        if let Some(what) = C::lacks(begin) {
            return Err(Error::Unsupported { backend: C::NAME, what });
        }
        connection.begin_with(begin).map_err(fault)
    }

    /// What is known of a COMMIT, or of the end of a savepoint, that failed
    fn after_commit(&self, error: Error) -> Error {
        let Transactions { depth, base, .. } = &self.transactions;
        self.transactions.note(&error);
        if depth.get() > 1 || base.get() > 0 {
            return self.after_fault(error);
        }
        let is_lost = self.connection().is_ok_and(|mut connection| {
            diesel_depth(&mut **connection).is_err() && connection.ping().is_err()
        });
        let Error::Database { error: source, .. } = &error else { return error };
        if !is_lost {
            return error;
        }
        let error = Error::OutcomeUnknown { error: Arc::clone(source) };
        self.doom_all(&error);
        error
    }

    /// Brings the connection back to where nothing of ours is open, if it can be; tells whether it could.
    ///
    /// Whether there is anything to roll back is not known: the database may have done it (a full disk), or the application.
    fn reset(&self) -> bool {
        if self.transactions.base.get() > 0 {
            // What follows would not be in the application's transaction any more, but be committed.
            self.transactions.never_again();
            self.set_in_error();
            return false;
        }
        let is_sound = self.connection().is_ok_and(|mut connection| {
            let _ = connection.batch_execute("ROLLBACK");
            *C::TransactionManager::transaction_manager_status_mut(&mut connection) = Default::default();
            connection.ping().is_ok()
        });
        if !is_sound {
            self.give_up();
        }
        is_sound
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
    /// What is to be sent when it is over
    after: Option<String>,
    is_open: bool,
}

impl<'env, C: Connection> Level<'env, C> {
    fn begin(env: &'env Environment<C>, begin: &Begin) -> Result<Self> {
        let Transactions { depth, base, .. } = &env.transactions;
        env.transactions.refuse_if_doomed()?;
        let after = if depth.get() == 0 {
            env.transactions.take_refused();
            env.outside(|| {
                base.set(env.application_depth()?);
                env.begin(begin)
            })?
        } else {
            // Else it would be undone with the savepoint.
            env.flush()?;
            env.begin(begin).map_err(|error| env.after_fault(error))?
        };
        depth.set(depth.get() + 1);
        if begin.is_fresh() {
            env.trust_nothing();
        }
        let (since, watched) = (env.moment().time, env.watched.now());
        Ok(Self { env, since, watched, after, is_open: true })
    }

    fn commit(mut self) -> Result<()> {
        let env = self.env;
        env.transactions.refuse_if_doomed()?;
        env.flush()?;
        env.in_transaction("committing a transaction", |connection| {
            C::TransactionManager::commit_transaction(connection)
        })
        .map_err(|error| env.after_commit(error))?;
        self.over();
        Ok(())
    }

    /// It is no level any more, whatever became of it.
    fn over(&mut self) {
        self.is_open = false;
        let Transactions { depth, doomed, .. } = &self.env.transactions;
        doomed.borrow_mut().take_if(|doom| doom.depth >= depth.get());
        depth.set(depth.get() - 1);
        if let Some(after) = self.after.take()
            && let Err(error) =
                self.env.in_transaction("ending a transaction", |connection| connection.batch_execute(&after))
        {
            // A connection that was lost; else it would go on with the time-outs of this transaction.
            tracing::warn!("{error}");
            self.env.give_up();
        }
    }

    /// Whether the database has undone it.
    fn roll_back(&self) -> Result<()> {
        let Transactions { depth, base, .. } = &self.env.transactions;
        self.env.in_transaction("rolling back", |connection| {
            // When a commit fails, diesel rolls back.
            if diesel_depth(connection)? < base.get() + depth.get() as u32 {
                return Ok(());
            }
            C::TransactionManager::rollback_transaction(connection)
        })
    }
}

impl<C: Connection> Drop for Level<'_, C> {
    fn drop(&mut self) {
        let env = self.env;
        if !self.is_open {
            return;
        }
        let is_outermost = env.transactions.depth.get() == 1;
        if !env.transactions.is_gone()
            && let Err(error) = self.roll_back()
        {
            tracing::warn!("{error}");
            // What a savepoint held may still be there.
            env.doom_all(&error);
        }
        env.forget_since(self.since);
        env.watched.begin_anew(self.watched);
        if is_outermost && env.transactions.is_gone() && !env.reset() {
            // What follows is on another connection.
            self.after = None;
        }
        if is_outermost && env.transactions.was_refused() {
            env.trust_nothing();
        }
        self.over();
    }
}
