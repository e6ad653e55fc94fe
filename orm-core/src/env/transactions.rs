//! What is known of open transactions.

use std::cell::{Cell, RefCell};

use crate::env::connection::Adopted;
use crate::{Error, Result};

/// What an environment knows of its open transactions
#[derive(Default)]
pub(crate) struct Transactions {
    pub(super) depth: Cell<usize>,
    /// How many of diesel's were open when the first of ours began: the application's own
    pub(super) base: Cell<u32>,
    pub(super) rollback_only: RefCell<Option<RollbackOnly>>,
    /// Why the database has refused the open transaction, or a part of it, if it may do otherwise another time
    refused: RefCell<Option<Error>>,
    /// Whether the connection commits what is sent outside of a transaction, if that is known
    commits_at_once: Cell<Option<bool>>,
    /// Whether diesel was told of a transaction that the application had begun by hand
    adopted: Cell<bool>,
    /// Whether that in which ours are savepoints is a test's, begun here and never committed
    is_of_test: Cell<bool>,
    /// What is called when all is committed, each with the depth of the transaction that it belongs to
    callbacks: RefCell<Vec<(usize, Callback)>>,
}

/// What is called when a transaction is committed
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// Why a level cannot be committed any more: what was waiting could not be written, or the database has given it up
///
/// Until that level is over nothing is sent but what undoes it.
#[derive(Debug)]
pub(super) struct RollbackOnly {
    /// That level; what is within it cannot be either. 0: an application's transaction around ours, which nobody here can end
    pub(super) depth: usize,
    error: Error,
    /// Whether the database has ended everything already
    is_gone: bool,
}

impl Transactions {
    /// Whether ours are savepoints of a transaction that the application has begun
    pub(crate) fn is_in_application(&self) -> bool {
        self.base.get() > 0
    }

    pub(crate) fn is_of_test(&self) -> bool {
        self.is_of_test.get()
    }

    pub(super) fn set_of_test(&self) {
        self.is_of_test.set(true);
    }

    pub(crate) fn are_open(&self) -> bool {
        self.depth.get() > 0
    }

    /// Has a callback called when the open transaction is committed, with all those around it.
    pub(crate) fn call_after(&self, callback: Callback) {
        self.callbacks.borrow_mut().push((self.depth.get(), callback));
    }

    /// The callbacks of the innermost transaction belong to the one around it now that it is committed; gives them where there is none.
    pub(super) fn committed(&self) -> Vec<Callback> {
        let (mut callbacks, depth) = (self.callbacks.borrow_mut(), self.depth.get());
        if depth > 1 {
            callbacks.iter_mut().for_each(|(of, _)| *of = (*of).min(depth - 1));
            return Vec::new();
        }
        callbacks.drain(..).map(|(_, callback)| callback).collect()
    }

    /// Drops the callbacks of the innermost transaction, which is undone.
    pub(super) fn drop_callbacks(&self) {
        self.callbacks.borrow_mut().retain(|(of, _)| *of < self.depth.get());
    }

    /// Nothing is known of a connection that the application had, or that is another one now.
    pub(crate) fn forget_connection(&self) {
        self.know_connection(None);
    }

    pub(crate) fn know_connection(&self, commits_at_once: Option<bool>) {
        self.commits_at_once.set(commits_at_once);
    }

    /// What was found on a connection that the application had
    pub(crate) fn adopt(&self, adopted: Adopted) {
        self.know_connection(adopted.commits_at_once);
        self.set_adopted(adopted.transaction);
    }

    pub(crate) fn has_adopted(&self) -> bool {
        self.adopted.get()
    }

    pub(crate) fn set_adopted(&self, adopted: bool) {
        self.adopted.set(adopted);
    }

    pub(crate) fn commits_at_once(&self, ask: impl FnOnce() -> Result<bool>) -> Result<bool> {
        if let Some(known) = self.commits_at_once.get() {
            return Ok(known);
        }
        ask().inspect(|&answer| self.commits_at_once.set(Some(answer)))
    }

    /// Nothing is sent between a failure that cannot be mended and the end of the level that it has made rollback-only.
    pub(crate) fn refuse_if_rollback_only(&self) -> Result<()> {
        match &*self.rollback_only.borrow() {
            Some(mark) => Err(mark.error.clone()),
            None => Ok(()),
        }
    }

    /// Whether the database has refused a transaction for what others did
    pub(super) fn was_refused(&self) -> bool {
        self.refused.borrow().as_ref().is_some_and(Error::is_refused_transaction)
    }

    /// The transaction of the application in which ours were is gone, and cannot be had again.
    pub(super) fn never_again(&self) {
        if let Some(mark) = &mut *self.rollback_only.borrow_mut() {
            mark.depth = 0;
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.rollback_only.borrow().as_ref().is_some_and(|mark| mark.is_gone)
    }

    /// The first error is the one that is told.
    pub(super) fn mark_rollback_only(&self, depth: usize, error: &Error, is_gone: bool) {
        self.note(error);
        let mut rollback_only = self.rollback_only.borrow_mut();
        let mark = rollback_only.get_or_insert_with(|| RollbackOnly { depth, error: error.clone(), is_gone });
        mark.depth = mark.depth.min(depth);
        mark.is_gone |= is_gone;
    }

    /// The same error as the one that has made a level rollback-only, which says more
    pub(crate) fn refine_error(&self, error: &Error) {
        if let Some(mark) = &mut *self.rollback_only.borrow_mut()
            && mark.error.is_of_the_same_statement(error)
        {
            mark.error = error.clone();
        }
    }

    /// Notes an error after which what was read before may be out of date.
    pub(crate) fn note(&self, error: &Error) {
        if error.is_retryable() {
            *self.refused.borrow_mut() = Some(error.clone());
        }
    }

    /// Why the last transaction was refused, if it may succeed another time
    pub(crate) fn take_refused(&self) -> Option<Error> {
        self.refused.borrow_mut().take()
    }
}
