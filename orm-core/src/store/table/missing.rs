//! Making cells missing

use hashbrown::HashMap;

use super::super::column::{PAGE, Stamp};
use super::super::links;
use super::super::slot::{ColumnId, Slot, SlotSet, Slots, TableId};
use super::Table;

impl Table {
    /// Makes all clean values missing.
    pub(crate) fn invalidate(&self) {
        self.remove_where(&mut |_, _| true);
        self.forget_held();
        self.forget_absent();
        self.retain_counts(|_, _| false);
        self.retain_unreadable(|_, _| false);
        self.note_rows();
        self.note_all_forgotten();
        self.named.set(self.slots());
        self.count_residents();
    }

    /// Makes all clean values missing that were loaded before a time.
    pub(crate) fn expire(&self, before: Stamp) {
        self.each().for_each(|column| column.expire(before));
        self.forget_held();
        self.forget_unversioned();
        self.retain_counts(|_, counted| counted.asked >= before);
        self.retain_unreadable(|_, _| false);
        self.retain_absent(|_, absence| absence.since >= before);
        self.count_residents();
    }

    /// Makes a column missing for all records; what is dirty stays.
    pub(crate) fn invalidate_column(&self, column: ColumnId) {
        self.note_forgotten(column, None);
        self.forget_counts(column);
        self.retain_unreadable(|other, _| other != column);
        self.retain_held(|other, _| other != column);
        self.column(column).remove_where(&mut |_, _| true);
    }

    /// Makes the values missing that were loaded since a time, and those of all slots from one on. With the numbers of
    /// slots to keep of each table the keys go too, and so does every link to one that goes.
    pub(crate) fn release(&self, since: Stamp, from: usize, keep: Option<&dyn Fn(TableId) -> usize>) {
        for column in self.columns.iter() {
            column.cells.remove_from(from);
            column.cells.remove_since(since);
            if let (Some(keep), Some(target)) = (keep, column.target) {
                links::remove_links_beyond(&*column.cells, keep(target));
            }
        }
        self.forget_held();
        self.forget_unversioned();
        self.retain_counts(|slot, counted| (slot.index()) < from && counted.changed < since);
        self.retain_unreadable(|_, _| false);
        self.resident.borrow_mut().truncate(from);
        if keep.is_some() {
            self.created.borrow_mut().truncate(from);
            self.keys.truncate(from);
            self.alike.borrow_mut().truncate(from);
            let stays = |slot: Slot| (slot.index()) < from;
            self.retain_absent(|slot, absence| stays(slot) && absence.meant.is_none_or(stays));
            if from == 0 {
                *self.absent.borrow_mut() = HashMap::default();
            }
            self.named.set(self.named.get().min(from));
        }
    }

    /// Makes missing what was cached since a time, dirty values too.
    ///
    /// Returns whether there was a value.
    pub(crate) fn forget_since(&self, since: Stamp) -> bool {
        self.forget_held();
        let is_younger = |version: ColumnId| self.column(version).has_since(since);
        let are_versions_gone = self.version().is_some_and(is_younger);
        let is_any_gone = self.each().fold(false, |any, column| column.forget_since(since) | any);
        if are_versions_gone {
            self.forget_unversioned();
        }
        if self.noted.get() >= since {
            self.retain_counts(|_, counted| counted.changed < since);
            self.retain_absent(|_, absence| absence.since < since);
        }
        self.retain_unreadable(|_, _| false);
        self.note_rows();
        self.forget_dirty();
        is_any_gone
    }

    /// Makes a record's value of a column missing, unless it is dirty, and how many members were counted.
    pub(crate) fn forget_cell(&self, column: ColumnId, slot: Slot) {
        self.note_forgotten(column, Some(&[slot]));
        self.forget_count(column, slot);
        self.forget_unreadable_cell(column, slot);
        drop(self.take_held(column, slot));
        self.column(column).remove(slot);
    }

    /// The same of some records
    pub(crate) fn forget_cells(&self, column: ColumnId, slots: &[Slot]) {
        slots.iter().for_each(|&slot| self.forget_cell(column, slot));
    }

    /// Makes missing what is cached of a row that has come anew, but for the columns that it fills itself.
    pub(crate) fn forget_beside(&self, slot: Slot, filled: &[ColumnId]) {
        let columns = (0..self.columns.len()).map(ColumnId);
        columns.filter(|column| !filled.contains(column)).for_each(|column| self.forget_cell(column, slot));
    }

    /// Makes all clean values of a record missing, and forgets whether it exists.
    pub(crate) fn forget_record(&self, slot: Slot) {
        self.set_absent(slot, None);
        self.forget_beside(slot, &[]);
    }

    /// The same of some records
    pub(crate) fn forget_records(&self, slots: &Slots) {
        let mut pages: Vec<usize> = slots.iter().map(|&slot| slot.index() / PAGE).collect();
        pages.sort_unstable();
        pages.dedup();
        let all: Vec<Slot> = slots.iter().copied().collect();
        self.columns().for_each(|column| self.note_forgotten(column, Some(&all)));
        for (number, column) in self.columns.iter().enumerate() {
            let is_list = links::lists(&*column.cells).is_some();
            all.iter().filter(|_| is_list).for_each(|&slot| self.forget_count(ColumnId(number), slot));
            let drop = &mut |slot, _| slots.contains(&slot);
            pages.iter().for_each(|&page| {
                column.cells.remove_in_page(page, drop);
            });
        }
        self.retain_held(|_, slot| !slots.contains(&slot));
        all.iter().for_each(|&slot| self.set_absent(slot, None));
        if self.has_unreadable() {
            self.retain_unreadable(|_, slot| !slots.contains(&slot));
        }
    }

    /// Makes the values missing of records whose version is: whoever wrote them anew would do so on the ground of a
    /// version that is younger than what was read, and nobody would notice that somebody else wrote in between.
    pub(crate) fn forget_unversioned(&self) {
        let Some(version) = self.version() else { return };
        let mut known = SlotSet::default();
        self.column(version).each_slot(&mut |slot| {
            known.mark(slot);
        });
        for column in self.each_of_rows() {
            column.remove_where(&mut |slot, _| !known.has(slot));
        }
    }

    pub(super) fn remove_where(&self, drop: &mut dyn FnMut(Slot, Stamp) -> bool) {
        self.each().for_each(|column| {
            column.remove_where(drop);
        });
    }
}
