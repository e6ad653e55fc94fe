//! Transactions: a level each, undone as a whole.
//!
//! Nothing waits to be written when a level begins: outside a transaction every write is sent before the call returns,
//! and a nested level sends what waits before its savepoint. So a rollback has one rule: what was cached since the level
//! began, written or loaded, is missing afterwards.

use std::borrow::Cow;

use diesel::connection::TransactionManager;

use crate::backend::{Begin, Connection, Standing};
use crate::env::connection::{diesel_depth, lower_depth};
use crate::env::trace::Statement;
use crate::env::transactions::Transactions;
use crate::env::watch::Spot;
use crate::number::ModelId;
use crate::store::{Slot, Stamp};
use crate::{Environment, Error, Result};

impl<C: Connection> Environment<C> {
    /// Runs a closure in a transaction, and commits it; within another one it is a savepoint
    pub(crate) fn run_transaction<T, E: From<Error>>(
        &self,
        begin: &Begin,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.may_write()?;
        let level = Level::begin(self, begin)?;
        // A panic passes through the drop of the level, which undoes it.
        let value = f()?;
        level.commit()?;
        Ok(value)
    }

    /// Runs a write: in the open transaction, or in one of its own that is committed before this returns
    pub(crate) fn writing<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        self.may_write()?;
        if self.transactions.are_open() { write() } else { self.run_transaction(&Begin::default(), write) }
    }

    /// Runs one statement: in the open transaction, or where nothing but itself has to be committed with it
    pub(crate) fn writing_one<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        self.may_write()?;
        if self.transactions.are_open() {
            write()
        } else if self.commits_alone()? {
            write().inspect_err(|error| {
                if error.is_refused_transaction() {
                    self.trust_nothing();
                }
            })
        } else {
            self.run_transaction(&Begin::default(), write)
        }
    }

    /// Changes cells: they wait in the open transaction, or are sent before this returns
    ///
    /// One record is one statement, which needs no transaction around it. `set` returns the records that it was called for.
    pub(crate) fn setting<'a>(
        &self,
        spot: Spot,
        model: ModelId,
        set: impl FnOnce() -> Result<Cow<'a, [Slot]>>,
    ) -> Result<()> {
        self.may_write()?;
        self.called_at(spot.place);
        if self.transactions.are_open() {
            return set().map(drop);
        }
        let undo = Undo { env: self, since: Some(self.clock.mark()) };
        let slots = set()?;
        self.send_set(undo, spot, model, &slots)
    }

    /// Sends what was set: not made for each field of each model, as `setting` is.
    #[cold]
    #[inline(never)]
    fn send_set(&self, mut undo: Undo<'_, C>, spot: Spot, model: ModelId, slots: &[Slot]) -> Result<()> {
        let dirty: usize = self.tables().map(|table| table.dirty_records()).sum();
        if dirty == 1 {
            self.watch_write(spot, model, slots)?;
        }
        let sent = match dirty {
            0 => Ok(()),
            1 if !self.has_stored_waiting() && self.commits_alone()? => self.send_pending(),
            _ => self.run_transaction(&Begin::default(), || Ok(())),
        };
        sent.inspect_err(|error| {
            if error.is_refused_transaction() {
                self.trust_nothing();
            }
        })?;
        undo.since = None;
        Ok(())
    }

    pub(crate) fn mark_rollback_only(&self, error: &Error) {
        self.transactions.mark_rollback_only(self.transactions.depth.get(), error, false);
    }

    /// Dooms all levels: the database has ended the transaction.
    pub(crate) fn mark_all_rollback_only(&self, error: &Error) {
        self.transactions.mark_rollback_only(1, error, true);
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
                self.mark_rollback_only(&error);
                error
            }
            Ok(Standing::Gone) => {
                self.mark_all_rollback_only(&error);
                error
            }
            Ok(Standing::Lost) | Err(_) => {
                let error = error.lost();
                self.mark_all_rollback_only(&error);
                error
            }
        }
    }

    /// Makes everything missing that does not wait to be written.
    pub(crate) fn trust_nothing(&self) {
        self.note_drop();
        self.tables().for_each(|table| table.invalidate());
    }

    /// Makes missing what was cached since a time, and forgets what waited to be written.
    fn forget_since(&self, since: Stamp) {
        self.note_drop();
        self.pairs.clear();
        self.forget_stored_waiting();
        let is_any_gone = self.tables().fold(false, |any, table| table.forget_since(since) | any);
        if is_any_gone {
            self.count_residents();
        }
    }

    pub(crate) fn in_transaction(
        &self,
        what: &str,
        text: &str,
        run: impl FnOnce(&mut C) -> diesel::QueryResult<()>,
    ) -> Result<()> {
        let mut connection = self.connection()?;
        let told = Statement { kind: "transaction", model: "", reason: &what, keys: None };
        self.traced_as(&told, &|| text.to_owned(), |_| {
            run(&mut connection).map_err(|error| Error::database("", what, error))
        })
    }

    /// What diesel sends: of a transaction, or of a savepoint in another one, in which `levels` of them are open by then
    fn sent<'t>(&self, levels: usize, [transaction, savepoint]: [&'t str; 2]) -> &'t str {
        let Transactions { depth, base, .. } = &self.transactions;
        if depth.get() + base.get() as usize == levels { transaction } else { savepoint }
    }

    /// Begins a transaction, or a savepoint within another one; gives the statement that is to be sent when it is over.
    fn begin(&self, begin: &Begin) -> Result<Option<String>> {
        let told =
            Statement { kind: "transaction", model: "", reason: &"beginning a transaction", keys: None };
        let text = self.sent(0, ["BEGIN", "SAVEPOINT"]);
        self.traced_as(&told, &|| text.to_owned(), |_| self.send_begin(begin))
    }

    fn send_begin(&self, begin: &Begin) -> Result<Option<String>> {
        let mut connection = self.connection()?;
        let fault = |error| Error::database("", "beginning a transaction", error);
        // Within that of a test the outermost one is a savepoint, which has neither isolation nor mode.
        let is_of_test = self.transactions.is_of_test();
        if !begin.is_plain() {
            if diesel_depth(&mut **connection).map_err(fault)? > u32::from(is_of_test) {
                return Err(Error::Nested { what: "isolation, mode or time-out" });
            }
            if let Some(what) = connection.lacks(begin) {
                return Err(Error::Unsupported { backend: self.system().name, what });
            }
            if !is_of_test {
                return connection.begin_with(begin).map_err(fault);
            }
        }
        C::TransactionManager::begin_transaction(&mut connection).map(|()| None).map_err(fault)
    }

    /// Begins a transaction that is never committed, in which all others are savepoints
    pub(crate) fn begin_test(&self) -> Result<()> {
        if self.is_in_transaction()? {
            return Err(Error::InTransaction { what: "beginning a test's transaction" });
        }
        self.outside(|| self.begin(&Begin::default()))?;
        self.transactions.set_of_test();
        self.undo_before_given_back();
        Ok(())
    }

    /// What is known of a COMMIT, or of the end of a savepoint, that failed
    fn failed_commit(&self, error: Error) -> Error {
        let Transactions { depth, base, .. } = &self.transactions;
        self.transactions.note(&error);
        if depth.get() > 1 || base.get() > 0 {
            return self.after_fault(error);
        }
        let is_lost = self.connection().is_ok_and(|mut connection| {
            diesel_depth(&mut **connection).is_err() && connection.ping().is_err()
        });
        if !is_lost {
            return error;
        }
        let error = error.outcome_unknown();
        self.mark_all_rollback_only(&error);
        error
    }

    /// Brings the connection back to where nothing of ours is open, if it can be; tells whether it could.
    ///
    /// Whether there is anything to roll back is not known: the database may have done it (a full disk), or the application.
    fn reset(&self) -> bool {
        if self.transactions.base.get() > 0 {
            // What follows would not be in the application's transaction any more, but be committed.
            self.transactions.never_again();
            // diesel goes on counting from where the application has left it, when it has the connection back.
            if let Ok(mut connection) = self.connection() {
                lower_depth(&mut **connection, self.transactions.base.get());
            }
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
pub(crate) struct Level<'env, C: Connection> {
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
        env.transactions.refuse_if_rollback_only()?;
        if env.transactions.are_open() {
            // Else it would be undone with the savepoint.
            env.flushed()?;
        }
        Self::around_what_waits(env, begin)
    }

    /// The same where what waits is to be undone with the level: whoever begins it has a copy.
    pub(crate) fn around_what_waits(env: &'env Environment<C>, begin: &Begin) -> Result<Self> {
        let Transactions { depth, base, .. } = &env.transactions;
        env.transactions.refuse_if_rollback_only()?;
        let after = if depth.get() == 0 {
            env.transactions.take_refused();
            // Where the connection was lost before it, nothing is lost with it.
            env.on_another_once(|_| {
                env.outside(|| {
                    base.set(env.application_depth()?);
                    env.begin(begin)
                })
            })?
        } else {
            env.begin(begin).map_err(|error| env.after_fault(error))?
        };
        depth.set(depth.get() + 1);
        if begin.is_fresh() {
            env.trust_nothing();
        }
        let (since, watched) = (env.clock.mark(), env.watched.now());
        Ok(Self { env, since, watched, after, is_open: true })
    }

    pub(crate) fn commit(mut self) -> Result<()> {
        let env = self.env;
        env.transactions.refuse_if_rollback_only()?;
        env.flushed()?;
        let text = env.sent(1, ["COMMIT", "RELEASE SAVEPOINT"]);
        env.in_transaction("committing a transaction", text, |connection| {
            C::TransactionManager::commit_transaction(connection)
        })
        .map_err(|error| env.failed_commit(error))?;
        let callbacks = env.transactions.committed();
        self.over();
        callbacks.into_iter().for_each(|callback| callback());
        Ok(())
    }

    /// It is no level any more, whatever became of it.
    fn over(&mut self) {
        self.is_open = false;
        let Transactions { depth, rollback_only, .. } = &self.env.transactions;
        rollback_only.borrow_mut().take_if(|mark| mark.depth >= depth.get());
        depth.set(depth.get() - 1);
        if let Some(after) = self.after.take()
            && let Err(error) = self
                .env
                .in_transaction("ending a transaction", &after, |connection| connection.batch_execute(&after))
        {
            // A connection that was lost; else it would go on with the time-outs of this transaction.
            tracing::warn!("{error}");
            self.env.give_up();
        }
    }

    /// Whether the database has undone it.
    fn roll_back(&self) -> Result<()> {
        let Transactions { depth, base, .. } = &self.env.transactions;
        let text = self.env.sent(1, ["ROLLBACK", "ROLLBACK TO SAVEPOINT"]);
        self.env.in_transaction("rolling back", text, |connection| {
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
        env.transactions.drop_callbacks();
        if !env.transactions.is_gone()
            && let Err(error) = self.roll_back()
        {
            tracing::warn!("{error}");
            // What a savepoint held may still be there.
            env.mark_all_rollback_only(&error);
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
