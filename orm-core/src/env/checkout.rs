//! Taking the connection when it is needed, giving it up when it is broken.

use std::cell::RefMut;
use std::ops::DerefMut;

use diesel::connection::TransactionManager;
use diesel::r2d2::{ConnectionManager, PooledConnection};

use crate::backend::Connection;
use crate::env::connection::{Held, Supply, diesel_depth, hand_back, may_be_broken, pool_state};
use crate::env::environment::Environment;
use crate::{Error, Result};

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
        let Supply::Pool(pool) = &self.supply else {
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

    /// The same of a SELECT, which is sent once more where only its prepared statement was of no use any more
    pub(crate) fn reading<T>(&self, mut select: impl FnMut() -> Result<T>) -> Result<T> {
        self.giving_up_broken(&mut select).or_else(|error| {
            let is_expired = error.of_statement().is_some_and(C::has_expired);
            // In a transaction it was the end of that.
            if is_expired && !self.is_in_transaction()? {
                self.giving_up_broken(&mut select)
            } else {
                Err(error)
            }
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
            Held::Pooled(_) => return None,
        };
        if self.transactions.has_adopted() {
            hand_back(&mut connection);
        }
        Some(connection)
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

    /// Whether a transaction is open, ours or the application's own
    pub(crate) fn is_in_transaction(&self) -> Result<bool> {
        Ok(self.transactions.are_open() || self.outside(|| self.application_depth())? > 0)
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
