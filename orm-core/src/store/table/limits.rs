//! What counts against a limit, what leaves first, and how many bytes all of it takes

use super::super::any_column::AnyColumn;
use super::super::column::{PAGE, TouchedFor};
use super::super::resident::UnreadBatch;
use super::super::slot::{ColumnId, Slot, Slots};
use super::{Table, TableColumn};

impl Table {
    pub(crate) fn is_resident(&self, slot: Slot) -> bool {
        self.resident.borrow().has(slot)
    }

    pub(crate) fn add_resident(&self, slot: Slot) {
        self.resident.borrow_mut().add(slot);
    }

    /// Adds a record that came with others, which nobody has read yet.
    pub(crate) fn add_unread(&self, slot: Slot, tick: u32) {
        self.resident.borrow_mut().add_unread(slot, tick);
    }

    /// Notes that a record is read; tells whether others of its page are yet to be.
    pub(crate) fn note_read(&self, slot: Slot, tick: u32) -> bool {
        self.resident.borrow_mut().note_read(slot, tick)
    }

    /// Notes the use of a value in a tick; returns whether there is one.
    pub(crate) fn touch(&self, column: ColumnId, slot: Slot, tick: u32) -> bool {
        let column = self.column(column);
        column.has(slot) && column.touch(slot, tick, self.note_read(slot, tick))
    }

    /// Counts a read that was answered by the cache, as a use in this tick.
    pub(crate) fn count_hit(&self, column: ColumnId, slot: Slot, tick: u32) {
        if !self.touch(column, slot, tick) {
            self.column(column).count_hit();
        }
    }

    /// What came and was not read yet
    pub(crate) fn unread(&self, out: &mut dyn FnMut(UnreadBatch)) {
        self.resident.borrow().unread().for_each(out);
    }

    /// How many records count against a limit
    pub(crate) fn residents(&self) -> usize {
        self.resident.borrow().count()
    }

    /// Counts them anew.
    pub(crate) fn count_residents(&self) {
        self.resident.borrow_mut().recount(|add| self.each().for_each(|column| column.each_slot(add)));
    }

    /// Calls with each page that holds records, and the tick of its last use.
    pub(crate) fn page_uses(&self, out: &mut dyn FnMut(usize, u32)) {
        let mut uses = vec![0; self.slots().div_ceil(PAGE)];
        for column in self.each() {
            column.each_use(&mut |page, tick| uses[page] = tick.max(uses[page]));
        }
        uses.into_iter().enumerate().filter(|&(_, tick)| tick > 0).for_each(|(page, tick)| out(page, tick));
    }

    /// Makes the clean values of a page missing, but for those that are yet to be read; returns of how many records.
    pub(crate) fn evict_page(&self, page: usize) -> usize {
        let resident = self.resident.borrow();
        self.retain_unreadable(|_, slot| slot.index() / PAGE != page);
        self.each().for_each(|column| {
            column.remove_in_page(page, &mut |slot, _| !resident.is_unread(slot));
        });
        drop(resident);
        self.resident.borrow_mut().retain_in_page(page, |slot| self.has_any(slot))
    }

    /// Makes the clean values of one record missing that came in a tick, the last that is to be read, if more than so many
    /// are; returns whether there was one, and whether nothing of it is left.
    pub(crate) fn evict_unread(&self, came: u32, keep: usize) -> Option<bool> {
        let slot = self.resident.borrow_mut().take_unread(came, keep)?;
        self.each().for_each(|column| {
            column.remove(slot);
        });
        let is_gone = !self.has_any(slot);
        if is_gone {
            self.resident.borrow_mut().remove(slot);
        }
        Some(is_gone)
    }

    fn has_any(&self, slot: Slot) -> bool {
        self.each().any(|column| column.has(slot))
    }

    /// Bytes that keys, counts and absences take
    pub(crate) fn key_bytes(&self) -> usize {
        let noted = self.absent.borrow().allocation_size() + self.unreadable.borrow().allocation_size();
        let beside = |column: &TableColumn| {
            let counts = column.counts.borrow().allocation_size() + column.arrivals.borrow().bytes();
            counts + column.contradicted.borrow().allocation_size() + column.reverse.borrow().bytes()
        };
        self.keys.bytes()
            + noted
            + self.alike.borrow().bytes()
            + self.created.borrow().bytes()
            + self.counted.borrow().as_ref().map_or(0, Slots::allocation_size)
            + self.columns.iter().map(beside).sum::<usize>()
    }

    /// Bytes that the values take
    pub(crate) fn value_bytes(&self) -> usize {
        self.each().map(AnyColumn::bytes).sum()
    }

    /// Those of them that go with the values
    pub(crate) fn evictable_bytes(&self) -> usize {
        self.each().map(|column| column.held().bytes).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key_bytes() + self.value_bytes()
    }

    /// How many records have a value in one of these columns
    pub(crate) fn records(&self, columns: &[ColumnId]) -> usize {
        let tally = &mut *self.tally.borrow_mut();
        let held = |page, columns: &[ColumnId]| {
            columns.iter().fold(0, |held, &column| held | self.column(column).held_in_page(page))
        };
        for column in self.each() {
            tally.recount(&column.take_touched(TouchedFor::Tally), held);
        }
        tally.of(columns, self.slots().div_ceil(PAGE), held)
    }

    /// Reads that found a value, and those that did not
    pub(crate) fn reads(&self) -> (usize, usize) {
        self.each().map(AnyColumn::reads).fold((0, 0), |(hits, misses), of| (hits + of.0, misses + of.1))
    }

    /// How many values are cached
    pub(crate) fn values(&self) -> usize {
        self.each().map(AnyColumn::count).sum()
    }
}
