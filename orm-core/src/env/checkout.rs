//! Taking the connection when it is needed, giving it back, giving it up when it is broken.

use std::cell::{Cell, RefMut};
use std::ops::DerefMut;

use diesel::connection::TransactionManager;

use crate::backend::Connection;
use crate::env::connection::{Held, Supply, ask_pool, diesel_depth, hand_back, may_be_broken};
use crate::env::environment::Environment;
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// The connection, taken from the pool if this is the first query
    pub(crate) fn connection(&self) -> Result<RefMut<'_, impl DerefMut<Target = C> + use<C>>> {
        let mut held =
            self.connection.try_borrow_mut().map_err(|_| Error::InUse { backend: self.system().name })?;
        if held.is_none() {
            let mut connection = self.take_connection()?;
            self.stores.is_of(connection.system())?;
            self.settings.set_up(&mut *connection);
            self.transactions.forget_connection();
            *held = Some(connection);
        }
        RefMut::filter_map(held, Option::as_mut)
            .map_err(|_| Error::connection(self.system().name, "the environment has no connection"))
    }

    fn take_connection(&self) -> Result<Held<C>> {
        match &self.supply {
            Supply::Pool(pool) => ask_pool(pool),
            Supply::Address(address) => address.connect().map(Held::Own),
            Supply::Nothing => Err(Error::connection(
                self.system().name,
                "the environment has neither a pool nor a connection",
            )),
        }
    }

    /// Gives the connection back to the pool, if it is of one; the next statement takes another
    pub(crate) fn give_back(&self) -> Result<()> {
        self.transactions.refuse_if_rollback_only()?;
        if self.transactions.is_of_test() && !self.transactions.are_open() {
            // What a test has done is on this one.
            return Ok(());
        }
        let in_transaction = || Error::InTransaction { what: "giving the connection back" };
        let Ok(mut held) = self.connection.try_borrow_mut() else {
            return Err(Error::InUse { backend: self.system().name });
        };
        match &mut *held {
            Some(Held::Pooled { connection, .. }) if self.supply.has_another() => {
                // diesel's own error if it is broken: it is dropped then.
                if self.transactions.are_open()
                    || diesel_depth(&mut **connection).is_ok_and(|depth| depth > 0)
                {
                    return Err(in_transaction());
                }
                *held = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Runs a statement; if it fails, gives up what is of no use any more: in a transaction that, else a broken
    /// connection, so that the next statement takes another from the pool.
    pub(crate) fn giving_up_broken<T>(&self, statement: impl FnOnce() -> Result<T>) -> Result<T> {
        self.transactions.refuse_if_rollback_only()?;
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

    /// The same of a SELECT, which is sent once more where that is as good as the first time: its prepared statement was of no use any more,
    /// or the connection was lost. Whoever reads rows one by one says so in the cell.
    pub(crate) fn reading<T>(&self, mut select: impl FnMut(&Cell<bool>) -> Result<T>) -> Result<T> {
        self.on_another_once(|has_rows| self.again_if_expired(|| self.giving_up_broken(|| select(has_rows))))
    }

    /// Sends a statement once more that was refused before it was run, as it was prepared for another form of its table.
    pub(crate) fn again_if_expired<T>(&self, mut send: impl FnMut() -> Result<T>) -> Result<T> {
        send().or_else(|error| {
            let is_expired = error.of_statement().is_some_and(C::has_expired);
            // In a transaction it was the end of that.
            if is_expired && matches!(self.is_in_transaction(), Ok(false)) { send() } else { Err(error) }
        })
    }

    /// Does once more what changes nothing, on another connection, if the connection was lost where no transaction was open, there is
    /// another one, and no row had come, which the cell says.
    pub(super) fn on_another_once<T>(&self, mut run: impl FnMut(&Cell<bool>) -> Result<T>) -> Result<T> {
        let has_rows = Cell::new(false);
        let is_alone = self.is_alone();
        run(&has_rows).or_else(|error| {
            let is_lost = matches!(error, Error::ConnectionLost { .. });
            if !is_lost || !is_alone || has_rows.get() || !self.supply.has_another() {
                return Err(error);
            }
            tracing::debug!(%error, "once more, on another connection");
            run(&has_rows)
        })
    }

    /// Whether no transaction is open, as far as diesel has counted
    fn is_alone(&self) -> bool {
        !self.transactions.are_open()
            && self.connection.try_borrow_mut().is_ok_and(|mut held| {
                held.as_deref_mut().is_none_or(|connection| matches!(diesel_depth(connection), Ok(0)))
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
            self.settings.set_up_statements(&mut **connection);
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

    /// Gives the connection up, so that the next statement takes another; where there is none, this one stays.
    pub(crate) fn give_up(&self) {
        self.set_in_error();
        if self.supply.has_another()
            && let Ok(mut held) = self.connection.try_borrow_mut()
        {
            held.take();
        }
    }

    /// The connection as the application had it, if it has given one of its own
    pub(crate) fn take_own(&self) -> Option<C> {
        let mut connection = match self.connection.try_borrow_mut().ok()?.take()? {
            Held::Own(connection) => connection,
            Held::Pooled { .. } => return None,
        };
        if self.transactions.has_adopted() {
            hand_back(&mut connection);
        }
        if self.transactions.is_of_test() {
            // If that fails, diesel knows that the connection is of no use any more.
            let _ = C::TransactionManager::rollback_transaction(&mut connection);
        }
        Some(connection)
    }

    /// So that a pool has its connection back without what a test has done on it.
    pub(crate) fn undo_before_given_back(&self) {
        if let Ok(mut held) = self.connection.try_borrow_mut()
            && let Some(Held::Pooled { connection, .. }) = &mut *held
        {
            connection.set_of_test();
        }
    }

    /// So that the pool does not take it back.
    pub(crate) fn set_in_error(&self) {
        if let Ok(mut held) = self.connection.try_borrow_mut()
            && let Some(Held::Pooled { connection, .. }) = &mut *held
        {
            C::TransactionManager::transaction_manager_status_mut(&mut **connection).set_in_error();
        }
    }

    /// How many transactions of the application are open, savepoints within the first one; where ours are, too, with them
    pub(crate) fn application_depth(&self) -> Result<u32> {
        let fault = |error| Error::database("", "looking for an open transaction", error);
        diesel_depth(&mut **self.connection()?).map_err(fault)
    }

    /// Whether a transaction is open, ours or the application's own
    pub(crate) fn is_in_transaction(&self) -> Result<bool> {
        Ok(self.transactions.are_open() || self.outside(|| self.application_depth())? > 0)
    }

    /// Whether a statement is committed at once, and with nothing else, where no transaction of ours is open
    pub(crate) fn commits_alone(&self) -> Result<bool> {
        self.on_another_once(|_| {
            self.outside(|| {
                if self.application_depth()? > 0 {
                    return Ok(false);
                }
                self.transactions.commits_at_once(|| {
                    let fault = |error| Error::database("", "asking whether it is committed at once", error);
                    self.connection()?.commits_at_once().map_err(fault)
                })
            })
        })
    }
}
