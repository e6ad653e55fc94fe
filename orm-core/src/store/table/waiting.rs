//! What waits to be written

use std::any::Any;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::super::any_column::AnyColumn;
use super::super::column::Moment;
use super::super::handover::{self, Steps};
use super::super::links::{self, Link};
use super::super::slot::{ColumnId, Slot, SlotSet};
use super::{Aside, Table, TableColumn, Waiting};
use crate::number::ModelId;

impl Table {
    /// Makes a cell missing that waits to be computed, and keeps what the row holds in it.
    pub(crate) fn hold(&self, column: ColumnId, slot: Slot) {
        let mut held = self.held.borrow_mut();
        match self.column(column).take_clean(slot) {
            Some(value) => held.insert((column, slot), value),
            None => held.remove(&(column, slot)),
        };
    }

    /// Whether it is known what the row holds in a cell that waits to be computed
    pub(crate) fn is_held(&self, column: ColumnId, slot: Slot) -> bool {
        self.held.borrow().contains_key(&(column, slot))
    }

    /// What the row holds in a cell that waited to be computed, where that is known
    pub(crate) fn take_held(&self, column: ColumnId, slot: Slot) -> Option<Box<dyn Any + Send>> {
        self.held.borrow_mut().remove(&(column, slot))
    }

    /// What rows hold is not known any more; `keep` says where it is.
    pub(super) fn retain_held(&self, keep: impl Fn(ColumnId, Slot) -> bool) {
        let mut held = self.held.borrow_mut();
        if !held.is_empty() {
            held.retain(|&(column, slot), _| keep(column, slot));
        }
    }

    /// What rows hold in cells that waited to be computed is of no use any more.
    pub(crate) fn forget_held(&self) {
        *self.held.borrow_mut() = Default::default();
    }

    /// Notes that a record has a value that is not in the database.
    pub(crate) fn note_dirty(&self, slot: Slot) {
        let (slots, marks) = &mut *self.dirty.borrow_mut();
        if marks.mark(slot) {
            slots.push(slot);
        }
    }

    /// Notes that records were written through a model that validates them.
    pub(crate) fn note_written_by(&self, model: ModelId, slots: &[Slot]) {
        let mut all = self.written_by.borrow_mut();
        let place = all.iter().position(|(of, _)| *of == model).unwrap_or(all.len());
        if place == all.len() {
            all.push((model, SlotSet::default()));
        }
        slots.iter().for_each(|&slot| {
            all[place].1.mark(slot);
        });
    }

    /// The records that wait and were written through models that validate them, by the models' numbers
    pub(crate) fn waiting_by_model(&self) -> Vec<(ModelId, Vec<Slot>)> {
        let written_by = self.written_by.borrow();
        if written_by.is_empty() {
            return Vec::new();
        }
        let waiting: Vec<Slot> = self.dirty_by_columns().into_values().flatten().collect();
        let of = |slots: &SlotSet| waiting.iter().copied().filter(|&slot| slots.has(slot)).collect();
        written_by.iter().map(|(model, slots)| (*model, of(slots))).collect()
    }

    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.borrow().0.is_empty()
    }

    /// How many records have a value that is not in the database
    pub(crate) fn dirty_records(&self) -> usize {
        self.dirty.borrow().0.len()
    }

    pub(crate) fn forget_dirty(&self) {
        *self.dirty.borrow_mut() = Default::default();
        self.written_by.borrow_mut().clear();
        *self.given_up.borrow_mut() = Default::default();
    }

    /// Notes where a unique link of a record leads in the database, which waits to lead elsewhere.
    pub(crate) fn note_given_up(&self, column: ColumnId, slot: Slot, from: Option<Link>) {
        if self.column(column).is_dirty(slot) {
            self.given_up.borrow_mut().entry((column, slot)).or_insert(from);
        }
    }

    /// The records that wait, whatever is taken before what takes it; see [`GivenUp`]. `None`: in any order
    pub(crate) fn steps(&self) -> Option<Steps> {
        let given_up = self.given_up.borrow();
        let links = |column: ColumnId| links::to_one(self.column(column));
        let is_dirty = |column: ColumnId, slot: Slot| self.column(column).is_dirty(slot);
        handover::steps(&given_up, &self.dirty.borrow().0, &links, &is_dirty)
    }

    /// Takes the dirty values of some records out of the cache; not those of records with a dirty link, on which lists stand. The
    /// version stays: what is done to the row meanwhile compares it.
    ///
    /// Whoever does so [restores](Self::restore_aside) them, or [drops](Self::drop_aside) them.
    pub(crate) fn set_dirty_aside(&self, slots: &[Slot]) -> Vec<Aside> {
        let (waiting, marks) = &mut *self.dirty.borrow_mut();
        if waiting.is_empty() {
            return Vec::new();
        }
        let these = SlotSet::of(slots.iter().copied());
        let links: Vec<&TableColumn> = self.columns.iter().filter(|column| column.target.is_some()).collect();
        let is_aside =
            |slot: Slot| these.has(slot) && !links.iter().any(|column| column.cells.is_dirty(slot));
        let (aside, left): (Vec<Slot>, Vec<Slot>) = waiting.iter().partition(|&&slot| is_aside(slot));
        *waiting = left;
        let dirty = |slot: Slot| {
            let columns = self.columns().filter(|&column| Some(column) != self.version());
            columns.filter(move |&column| self.column(column).is_dirty(slot))
        };
        let take = |slot: Slot| {
            dirty(slot).filter_map(move |column| Some((column, self.column(column).take(slot)?)))
        };
        let aside = aside.into_iter().map(|slot| {
            marks.unmark(slot);
            Aside { slot, values: take(slot).collect() }
        });
        aside.collect()
    }

    /// Puts what was set aside back, to wait again.
    pub(crate) fn restore_aside(&self, aside: Vec<Aside>, now: Moment) {
        for Aside { slot, values } in aside {
            values.into_iter().for_each(|(column, value)| self.column(column).put_back(slot, now, value));
            self.note_dirty(slot);
            self.note_rows();
        }
    }

    /// Makes all values missing of records whose dirty ones were set aside.
    pub(crate) fn drop_aside(&self, aside: Vec<Aside>) {
        for Aside { slot, .. } in aside {
            self.version().into_iter().for_each(|version| self.column(version).clean(slot));
            self.forget_beside(slot, &[]);
        }
    }

    /// A copy of all that waits, made of the values by `copy`; whoever has sent it and takes that back [restores](Self::restore_waiting) it.
    pub(crate) fn copy_waiting(&self, copy: &dyn Fn(ColumnId, Slot) -> Option<Box<dyn Any>>) -> Waiting {
        let dirty = |slot: Slot| self.columns().filter(move |&column| self.column(column).is_dirty(slot));
        let values = |slot: Slot| dirty(slot).filter_map(move |column| Some((column, copy(column, slot)?)));
        let records = self
            .dirty
            .borrow()
            .0
            .iter()
            .map(|&slot| Aside { slot, values: values(slot).collect() })
            .collect();
        let (written_by, given_up) = (self.written_by.borrow().clone(), self.given_up.borrow().clone());
        Waiting { records, written_by, given_up }
    }

    /// Has wait again what was sent and is not in the database after all.
    pub(crate) fn restore_waiting(&self, waiting: Waiting, now: Moment) {
        let Waiting { records, written_by, given_up } = waiting;
        self.restore_aside(records, now);
        *self.written_by.borrow_mut() = written_by;
        *self.given_up.borrow_mut() = given_up;
    }

    /// The dirty records by the set of their dirty columns, each in the order in which they were first written
    pub(crate) fn dirty_by_columns(&self) -> IndexMap<Vec<ColumnId>, Vec<Slot>, FixedState> {
        let mut groups: IndexMap<Vec<ColumnId>, Vec<Slot>, FixedState> = IndexMap::default();
        let columns: Vec<&dyn AnyColumn> = self.each().collect();
        let mut dirty = Vec::new();
        for &slot in &self.dirty.borrow().0 {
            dirty.clear();
            let is_written =
                |&column: &ColumnId| Some(column) != self.version() && columns[column.0].is_dirty(slot);
            dirty.extend((0..columns.len()).map(ColumnId).filter(is_written));
            match groups.get_mut(&dirty) {
                Some(slots) => slots.push(slot),
                None => {
                    groups.insert(dirty.clone(), vec![slot]);
                }
            }
        }
        groups.shift_remove(&Vec::new());
        groups
    }
}
