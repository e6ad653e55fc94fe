//! What waits to be written, and that it is sent before it could be seen.

use std::cell::Cell;

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::stored::Mode;
use crate::env::stores::{Side, Store, TableStore};
use crate::env::validating::Validating;
use crate::store::{ColumnId, TableId};
use crate::{Error, Result};

/// The proof that what waits and could be seen was sent: no SELECT is run without it
#[derive(Debug)]
pub(crate) struct Flushed(());

impl Flushed {
    /// For another SELECT, before anything else is done
    pub(crate) fn again(&self) -> Self {
        Self(())
    }

    /// For what a write has to know of the rows that it is about to change: they are as they were before it.
    pub(crate) fn not_for_a_write() -> Self {
        Self(())
    }
}

impl<C: Connection> Environment<C> {
    /// Whether something waits to be written
    pub(crate) fn has_pending(&self) -> bool {
        !self.pairs.is_empty() || self.tables().any(|table| table.has_dirty()) || self.has_stored_waiting()
    }

    /// Sends what waits and could be seen by a list of these members: their own columns, pairs, and rows of the join table
    /// that has a model of its own.
    pub(crate) fn flush_before_list(
        &self,
        members: Store<'_, C>,
        side: Option<Side>,
        ordered: bool,
    ) -> Result<Flushed> {
        let join = match side {
            Some(Side::Pairs { join, .. }) => self.stores.table_of_join(join),
            _ => None,
        };
        // An order may look at whatever it likes.
        let seen = self.may_see_dirty(members, side)
            || self.is_led_by_waiting(side)
            || !self.pairs.is_empty()
            || join.is_some_and(|table| self.stores.table(table).has_dirty());
        if seen || (ordered && self.has_pending()) {
            self.flushed()
        } else {
            self.flush_shown(members.table_number())
        }
    }

    /// Sends what waits and could be seen by what is aggregated over a list of these members.
    pub(crate) fn flush_before_aggregate(
        &self,
        members: Store<'_, C>,
        side: Option<Side>,
        looks_around: bool,
    ) -> Result<Flushed> {
        let is_fed = self.stores.signal.is_fed();
        if members.has_dirty() || is_fed || self.stores.stored.has_due_in(members.table_number()) {
            self.flushed()
        } else {
            self.flush_before_list(members, side, looks_around)
        }
    }

    /// Whether a list is the other side of a link that waits to be computed
    fn is_led_by_waiting(&self, side: Option<Side>) -> bool {
        match side {
            Some(Side::Inverse { table, columns }) => self.stores.stored.has_due_link(table, columns),
            _ => false,
        }
    }

    /// Whether what waits of the members' own columns could be seen by a list of them. While what is stored is computed, sending is a
    /// matter of two more statements, and who is in a list is said by its link alone.
    fn may_see_dirty(&self, members: Store<'_, C>, side: Option<Side>) -> bool {
        match side {
            Some(Side::Inverse { columns, .. }) if self.stores.stored.mode() == Mode::Before => {
                let table = members.table_store();
                let shows = |column: &ColumnId| {
                    table.field_of(*column).1.columns.iter().any(|name| columns.contains(name))
                };
                let links: Vec<ColumnId> = table.columns().filter(shows).collect();
                let waiting = table.dirty_by_columns();
                waiting.keys().any(|dirty| dirty.iter().any(|column| links.contains(column)))
            }
            _ => members.has_dirty(),
        }
    }

    /// Sends what waits elsewhere and could be seen in a table's rows: a view of others, another name of the same table,
    /// pairs of a join table.
    pub(crate) fn flush_shown(&self, table: TableId) -> Result<Flushed> {
        let is_waiting =
            self.stores.is_shown_dirty(table) || self.pairs.any(|join| self.stores.shows_join(table, join));
        // What is just being sent asks for what it needs to know.
        if is_waiting && !self.flushing.get() { self.flushed() } else { Ok(Flushed(())) }
    }

    /// Makes missing what may show rows of a table that were written otherwise than by its columns.
    #[inline]
    pub(crate) fn forget_shown(&self, table: TableStore<'_, C>) {
        if table.may_be_shown() && self.stores.forget_shown(table.number()) {
            self.note_drop();
        }
    }

    /// Makes missing what is cached of the rows of a join table, or of those that show them.
    pub(crate) fn forget_rows_of_join(&self, join: usize) {
        if self.stores.forget_rows_of_join(join) {
            self.note_drop();
        }
    }

    /// Sends everything that waits to be written.
    pub(crate) fn flushed(&self) -> Result<Flushed> {
        if self.has_pending() {
            self.transactions.refuse_if_rollback_only()?;
            self.computing_could_end()?;
            self.validating_could_end()?;
            self.send_pending()?;
        }
        Ok(Flushed(()))
    }

    pub(super) fn send_pending(&self) -> Result<()> {
        (self.send)(self)
    }

    /// Sends what waits, by `send`: what that asks the database is no reason to send it. If it fails, so does the open transaction.
    pub(crate) fn sending(&self, send: impl FnOnce() -> Result<()>) -> Result<()> {
        self.flushing.set(true);
        let _ended = Flushing(&self.flushing);
        send()
    }
}

/// Tells the environment that the flush is over, also by a panic.
struct Flushing<'a>(&'a Cell<bool>);

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Tells the environment that the records were validated, also by a panic.
struct Validated<'a>(&'a Cell<Validating>);

impl Drop for Validated<'_> {
    fn drop(&mut self) {
        self.0.set(Validating::Nothing);
    }
}

impl<C: Connection> Environment<C> {
    /// Runs what validates records.
    pub(crate) fn validating<T>(&self, how: Validating, validate: impl FnOnce() -> T) -> T {
        self.validating.set(how);
        let _ended = Validated(&self.validating);
        validate()
    }

    /// Whether what validates a record has asked for what can only be answered when what waits was sent: its result says nothing then.
    pub(crate) fn is_validating_interrupted(&self) -> bool {
        matches!(self.validating.get(), Validating::Interrupted(_))
    }

    /// Nothing is sent while it is looked at whether it may be: an error that nobody sees but what validates the record, which is called
    /// again when everything was sent.
    pub(super) fn validating_could_end(&self) -> Result<()> {
        match self.validating.get() {
            Validating::Waiting(model) | Validating::Interrupted(model) => {
                self.validating.set(Validating::Interrupted(model));
                Err(Error::other(format!(
                    "{model} is validated again when what waits to be written was sent"
                )))
            }
            Validating::Nothing | Validating::Sent(_) => Ok(()),
        }
    }

    /// What validates a record only reads: what it wrote would have to be validated in its turn.
    #[inline]
    pub(super) fn refuse_while_validating(&self) -> Result<()> {
        match self.validating.get() {
            Validating::Nothing => Ok(()),
            Validating::Waiting(model) | Validating::Interrupted(model) | Validating::Sent(model) => {
                Err(Error::WriteWhileValidating { model })
            }
        }
    }
}
