//! Values that are computed: what they were computed from is noted while they are, and when that changes they go.

use std::cell::RefCell;

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::stores::Store;
use crate::number::FieldId;
use crate::store::{Column, ColumnId, Dependents, Part, Read, Search, Slot, Stamp, TableId, Target};
use crate::{Error, Result};

/// So many computed values may follow one from the other.
const MAX_DEPTH: usize = 100_000;

/// A value that is being computed, until this is dropped
pub(crate) struct Computing<'env, C: Connection> {
    env: &'env Environment<C>,
    has_returned: bool,
}

impl<C: Connection> Drop for Computing<'_, C> {
    fn drop(&mut self) {
        if !self.has_returned {
            self.env.computed.borrow_mut().abandon();
        }
        self.env.note_ended();
    }
}

impl<C: Connection> Computing<'_, C> {
    /// Notes that the values have come; returns when the oldest of what they follow from was loaded, unless that has changed
    /// already: then they are not to be kept.
    pub(crate) fn returned(mut self) -> Option<Stamp> {
        self.env.settle();
        self.has_returned = true;
        let finished = self.env.computed.borrow_mut().finish()?;
        // What follows from nothing is as old as it is itself.
        let oldest = || match finished.oldest {
            Stamp::MAX => self.env.moment().time,
            oldest => oldest,
        };
        finished.stands.then(oldest)
    }

    /// The same of a field that is stored: gives what was read.
    pub(crate) fn returned_stored(mut self) -> Vec<Read> {
        self.has_returned = true;
        self.env.computed.borrow_mut().finish_stored()
    }
}

/// What is computed before somebody asks for it, until this is dropped
pub(crate) struct Ahead<'env, C: Connection>(&'env Environment<C>);

impl<C: Connection> Drop for Ahead<'_, C> {
    fn drop(&mut self) {
        self.0.computed.borrow_mut().end_ahead();
        self.0.note_ended();
    }
}

impl<C: Connection> Environment<C> {
    /// Begins to compute a field of records: until the result is dropped, all that is read is noted.
    pub(crate) fn begin_computing<'env>(
        &'env self,
        store: Store<'_, C>,
        field: FieldId,
        slots: &[Slot],
    ) -> Result<Computing<'env, C>> {
        self.begin_noting(store, field, slots, false)
    }

    /// The same of a field that is stored: what is read is told when it has returned, and nothing follows from it.
    pub(crate) fn begin_computing_stored<'env>(
        &'env self,
        store: Store<'_, C>,
        field: FieldId,
        slots: &[Slot],
    ) -> Result<Computing<'env, C>> {
        self.begin_noting(store, field, slots, true)
    }

    fn begin_noting<'env>(
        &'env self,
        store: Store<'_, C>,
        field: FieldId,
        slots: &[Slot],
        is_stored: bool,
    ) -> Result<Computing<'env, C>> {
        self.settle();
        let begun = {
            let mut computed = self.computed.borrow_mut();
            if computed.depth() >= MAX_DEPTH {
                let (model, field) = (store.name(), store.field_name(field));
                return Err(Error::TooDeep { model, field, depth: MAX_DEPTH });
            }
            computed.begin(store.table_number(), store.column_of(field), slots, is_stored)
        };
        begun.map_err(|cycle| self.cycle(&cycle))?;
        self.note_begun();
        Ok(Computing { env: self, has_returned: false })
    }

    /// Begins to compute what nobody has asked for yet, until the result is dropped: what is computed now is nothing to what is
    /// being computed already.
    pub(crate) fn begin_ahead(&self) -> Ahead<'_, C> {
        self.computed.borrow_mut().begin_ahead();
        self.note_begun();
        Ahead(self)
    }

    #[cold]
    fn cycle(&self, fields: &[Target]) -> Error {
        let told = |&(table, column, slot): &Target| {
            let table = self.stores.table(table);
            let (model, info) = table.field_of(column);
            format!("{}.{} of {}", model.name(), info.name, table.key_text(slot))
        };
        let fields: Vec<String> = fields.iter().chain(fields.first()).map(told).collect();
        Error::Cycle { fields: fields.join(" → ").into() }
    }

    /// Whether something is being computed
    #[inline]
    pub(crate) fn is_computing(&self) -> bool {
        self.is_computing.get()
    }

    /// Notes that a computation has begun: no read is a hit now, so that each is noted.
    #[inline]
    fn note_begun(&self) {
        self.is_computing.set(true);
        self.stores.signal.set_hit_tick(0);
    }

    /// Notes that a computation has ended: after the last one reads are hits again.
    fn note_ended(&self) {
        if !self.computed.borrow().is_running() {
            self.is_computing.set(false);
            self.allow_hits();
        }
    }

    fn allow_hits(&self) {
        let signal = &self.stores.signal;
        if self.settings.max_age.is_none() && !self.is_computing.get() && !signal.has_changed() {
            signal.set_hit_tick(self.tick());
        }
    }

    /// Makes missing what was computed from something that has changed since.
    #[inline]
    pub(crate) fn settle(&self) {
        if self.stores.signal.has_changed() {
            self.drop_dependents();
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_dependents(&self) {
        let mut computed = self.computed.borrow_mut();
        // What goes may be what something else was computed from.
        while self.stores.signal.take_changed() {
            for place in 0..computed.inputs().len() {
                let (table, part) = computed.inputs()[place];
                self.stores.table(table).with_dependents(part, &mut |dependents| {
                    if let Some(dependents) = dependents {
                        computed.take_changed(dependents);
                    }
                });
            }
            if self.stores.forget_affected() {
                self.note_drop();
            }
            let tables = self.stores.take_changed_rows();
            if !tables.is_empty() {
                let follows = |search: &Search| {
                    tables.iter().any(|(name, table, written)| search.follows(name, *table, written))
                };
                computed.take_searches(&follows);
            }
            let gone = computed.take_gone();
            if !gone.is_empty() {
                self.note_drop();
            }
            for (table, column, slot) in gone {
                self.stores.table(table).column(column).remove(slot);
            }
        }
        drop(computed);
        self.allow_hits();
    }

    /// The value of a cell that is read while something is being computed, which notes it. `None`: it takes the slow way, as what is
    /// missing does, and what is read the first time, in a limited cache, or with an age to look at.
    #[inline]
    pub(crate) fn read_noted<V: Clone>(&self, cells: &RefCell<Column<V>>, slot: Slot) -> Option<V> {
        if self.is_computing.get() { self.note_cell(cells, slot) } else { None }
    }

    #[inline(never)]
    fn note_cell<V: Clone>(&self, cells: &RefCell<Column<V>>, slot: Slot) -> Option<V> {
        let is_plain = self.settings.max_age.is_none() && !self.limits.any();
        if !is_plain || self.stores.signal.has_changed() {
            return None;
        }
        let computed = &mut *self.computed.borrow_mut();
        if computed.records_reads() {
            return None;
        }
        let mut cells = cells.borrow_mut();
        let note = |dependents: &mut Dependents, loaded| computed.note_read(dependents, slot, loaded);
        cells.noted(slot, self.tick(), note).cloned()
    }

    /// Notes that what is being computed, if anything is, has read a cell, or how many members there are.
    #[inline]
    pub(crate) fn note_input(&self, store: Store<'_, C>, field: FieldId, slot: Slot) {
        if self.is_computing.get() {
            self.note_part(store, Part::Column(store.column_of(field)), slot);
        }
    }

    /// The same of an aggregate
    pub(crate) fn note_aggregate(&self, store: Store<'_, C>, column: ColumnId, slot: Slot) {
        if self.is_computing.get() {
            self.note_part(store, Part::Column(column), slot);
        }
    }

    /// Notes that what is being computed, if anything is, has asked whether there is a row.
    #[inline]
    pub(crate) fn note_presence(&self, store: Store<'_, C>, slot: Slot) {
        if self.is_computing.get() {
            self.note_part(store, Part::Presence, slot);
        }
    }

    fn note_part(&self, store: Store<'_, C>, part: Part, slot: Slot) {
        let table = store.table();
        let known_since = match part {
            Part::Column(column) => table.known_since(column, slot),
            Part::Presence => table.absent_since(slot),
        };
        let loaded = known_since.unwrap_or_else(|| self.moment().time);
        let (number, signal) = (store.table_number(), &self.stores.signal);
        let mut computed = self.computed.borrow_mut();
        table.with_dependents(part, &mut |dependents| {
            computed.note(dependents, signal, (number, part), slot, loaded);
        });
    }

    /// Notes that what is being computed, if anything is, has met an error: what it returns in spite of it is not kept.
    pub(crate) fn distrust_computing(&self) {
        if self.is_computing.get() {
            self.computed.borrow_mut().distrust();
        }
    }

    /// Notes that what is being computed, if anything is, has searched; a search without a text may have looked at any table.
    pub(crate) fn note_search(&self, text: impl FnOnce() -> String) {
        if self.is_computing.get() {
            let now = self.moment().time;
            let innermost = self.computed.borrow().innermost();
            let narrowed = innermost.and_then(|(table, column, _)| {
                self.stores.narrowed(self.stores.table(table).field_of(column).1)
            });
            let search = Search { text: text(), narrowed };
            self.computed.borrow_mut().note_search(&self.stores.signal, search, now);
        }
    }

    /// What computes a field only reads: else it would depend on who has read the field first. Nor does what validates a record write.
    #[inline(always)]
    pub(crate) fn may_write(&self) -> Result<()> {
        self.refuse_while_validating()?;
        if self.is_computing.get() { self.refuse_while_computing() } else { Ok(()) }
    }

    fn refuse_while_computing(&self) -> Result<()> {
        let Some((table, column, _)) = self.computed.borrow().innermost() else { return Ok(()) };
        let (model, info) = self.stores.table(table).field_of(column);
        Err(Error::WriteWhileComputing { model: model.name(), field: info.name })
    }

    /// Gives the notes back of what has left the cache, once there are many.
    #[inline]
    pub(crate) fn forget_computations(&self) {
        if self.computed.borrow().is_crowded() {
            self.sweep_computations();
        }
    }

    #[cold]
    fn sweep_computations(&self) {
        let mut computed = self.computed.borrow_mut();
        let count = |(table, column): (TableId, ColumnId)| self.stores.table(table).column(column).count();
        let cached = computed.fields().map(count).sum();
        if computed.put_off(cached) {
            return;
        }
        let is_cached = |(table, column, slot): Target| self.stores.table(table).column(column).has(slot);
        computed.sweep(&is_cached, &|table, part, f| {
            self.stores.table(table).with_dependents(part, &mut |dependents| {
                if let Some(dependents) = dependents {
                    f(dependents);
                }
            });
        });
    }
}
