//! What is known of a row beside its values: whether it is there, who created it, what of it could not be read

use super::super::any_column::AnyColumn;
use super::super::column::Stamp;
use super::super::slot::{ColumnId, Slot};
use super::{Absence, Table};
use crate::Str;

impl Table {
    // What is known of a row

    /// Whether any record is known not to be there
    #[inline]
    pub(crate) fn has_absent(&self) -> bool {
        !self.absent.borrow().is_empty()
    }

    #[inline]
    pub(crate) fn is_absent(&self, slot: Slot) -> bool {
        self.has_absent() && self.absent.borrow().contains_key(&slot)
    }

    pub(crate) fn absent_since(&self, slot: Slot) -> Option<Stamp> {
        self.absent.borrow().get(&slot).map(|absence| absence.since)
    }

    /// The record whose row a key names: another one where a collation calls its key equal to this one, which no row has
    #[inline]
    pub(crate) fn meant(&self, slot: Slot) -> Slot {
        let absent = self.absent.borrow();
        if absent.is_empty() {
            return slot;
        }
        absent.get(&slot).and_then(|absence| absence.meant).unwrap_or(slot)
    }

    /// Notes which record's row the database finds by a key that no row has.
    pub(crate) fn set_meant(&self, slot: Slot, meant: Slot) {
        if let Some(absence) = self.absent.borrow_mut().get_mut(&slot) {
            absence.meant = Some(meant);
        }
    }

    /// Notes that a row did not exist at some time; `None`: that it does.
    pub(crate) fn set_absent(&self, slot: Slot, since: Option<Stamp>) {
        let mut absent = self.absent.borrow_mut();
        if let Some(since) = since {
            self.noted.set(self.noted.get().max(since));
            if absent.insert(slot, Absence { since, meant: None }).is_none() {
                self.change_presence(slot);
            }
        } else if !absent.is_empty() && absent.remove(&slot).is_some() {
            self.change_presence(slot);
        }
    }

    /// Notes that the rows of these slots exist.
    pub(crate) fn set_present(&self, slots: impl IntoIterator<Item = Slot>) {
        let mut absent = self.absent.borrow_mut();
        if !absent.is_empty() {
            slots.into_iter().filter(|slot| absent.remove(slot).is_some()).for_each(|slot| {
                self.change_presence(slot);
            });
        }
    }

    /// Forgets which rows did not exist.
    pub(crate) fn forget_absent(&self) {
        self.retain_absent(|_, _| false);
    }

    pub(super) fn retain_absent(&self, mut stays: impl FnMut(Slot, &Absence) -> bool) {
        self.absent.borrow_mut().retain(|&slot, absence| {
            let stays = stays(slot, absence);
            if !stays {
                self.change_presence(slot);
            }
            stays
        });
    }

    fn change_presence(&self, slot: Slot) {
        if let Some(dependents) = &mut *self.dependents.borrow_mut() {
            dependents.change(slot);
        }
    }

    /// Whether a value of the record is cached that came from its row
    pub(crate) fn is_stored(&self, slot: Slot) -> bool {
        // An empty list says nothing, and a dirty value may have been given to a row that is not there.
        let is_stored = |column: &dyn AnyColumn| column.has(slot) && !column.is_dirty(slot);
        self.each_of_rows().any(is_stored)
    }

    pub(crate) fn note_created(&self, slot: Slot) {
        self.created.borrow_mut().push(slot);
    }

    /// So many of the records that were created one by one before and after one, and where among these it stands
    pub(crate) fn created_around(&self, slot: Slot, reach: usize) -> Option<(Vec<Slot>, usize)> {
        self.created.borrow_mut().around(slot, reach)
    }

    /// Calls with the records that have been named since the last call, until that says so.
    pub(crate) fn each_named(&self, f: &mut dyn FnMut(Slot) -> bool) {
        let slots = self.slots();
        let (mut next, mut is_over) = (self.named.get(), false);
        while next < slots && !is_over {
            is_over = f(Slot::at(next));
            next += 1;
        }
        self.named.set(next);
    }

    // What could not be read

    /// Notes what is wrong with a value that came: its cell stays missing, and is not asked for again.
    pub(crate) fn note_unreadable(&self, column: ColumnId, slot: Slot, message: Str) {
        self.unreadable.borrow_mut().insert((column, slot), message);
    }

    /// What is wrong with the value that came for a cell, if something is
    pub(crate) fn unreadable(&self, column: ColumnId, slot: Slot) -> Option<Str> {
        let unreadable = self.unreadable.borrow();
        if unreadable.is_empty() { None } else { unreadable.get(&(column, slot)).cloned() }
    }

    #[inline]
    pub(crate) fn has_unreadable(&self) -> bool {
        !self.unreadable.borrow().is_empty()
    }

    /// Forgets which values of a record could not be read.
    pub(crate) fn forget_unreadable(&self, slot: Slot) {
        self.retain_unreadable(|_, other| other != slot);
    }

    /// Forgets that a value could not be read: there is another one now.
    pub(crate) fn forget_unreadable_cell(&self, column: ColumnId, slot: Slot) {
        self.unreadable.borrow_mut().remove(&(column, slot));
    }

    pub(super) fn retain_unreadable(&self, mut stays: impl FnMut(ColumnId, Slot) -> bool) {
        self.unreadable.borrow_mut().retain(|&(column, slot), _| stays(column, slot));
    }
}
