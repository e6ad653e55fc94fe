//! A column whatever its type, for work that is done for all columns alike.

use std::any::Any;
use std::cell::{RefCell, RefMut};

use super::column::{Brought, Column, Moment, Stamp, TouchedFor};
use super::dependents::Dependents;
use super::slot::Slot;

/// A column whatever its type
pub trait AnyColumn: Any + Send {
    /// Whether the slot's cell holds a value
    fn has(&self, slot: Slot) -> bool;
    /// Notes the use of a value in a tick, and whether others of its page are yet to be read; returns whether there is one
    fn touch(&self, slot: Slot, tick: u32, are_awaited: bool) -> bool;
    /// Whether the slot's value was written and not flushed
    fn is_dirty(&self, slot: Slot) -> bool;
    /// Keeps the value of a slot, as it is, until it is cleaned
    fn pin(&self, slot: Slot);
    /// Notes that what was written to a slot is in the database now
    fn clean(&self, slot: Slot);
    /// Whether a cell may have been filled since a time
    fn has_since(&self, since: Stamp) -> bool;
    /// Makes cells missing that were loaded or written since a time, dirty ones too; returns whether any were
    fn forget_since(&self, since: Stamp) -> bool;
    /// Takes the value out of a cell, also a dirty one
    fn take(&self, slot: Slot) -> Option<Box<dyn Any>>;
    /// The same, of a value that is kept for a while; nothing of one that was dirty
    fn take_clean(&self, slot: Slot) -> Option<Box<dyn Any + Send>>;
    /// Has the next read of each page look whether its values still stand
    fn doubt(&self);
    /// Puts a value that was taken out back into its cell, dirty
    fn put_back(&self, slot: Slot, now: Moment, value: Box<dyn Any>);
    /// Makes a clean cell missing
    fn remove(&self, slot: Slot) -> bool;
    /// Makes clean cells missing; returns how many were
    fn remove_where(&self, drop: &mut dyn FnMut(Slot, Stamp) -> bool) -> usize;
    /// The same within one page
    fn remove_in_page(&self, page: usize, drop: &mut dyn FnMut(Slot, Stamp) -> bool) -> usize;
    /// Calls with each page and the tick of its last use
    fn each_use(&self, f: &mut dyn FnMut(usize, u32));
    /// Makes all cells from a slot on missing
    fn remove_from(&self, from: usize);
    /// Makes all cells missing that were loaded at a time or later; returns whether any were
    fn remove_since(&self, since: Stamp) -> bool;
    /// When a slot's value came from the database, whatever was done to it since
    fn known_since(&self, slot: Slot) -> Option<Stamp>;
    /// Makes clean cells missing that came from the database before a time
    fn expire(&self, before: Stamp);
    /// When a slot's value was loaded
    fn loaded_at(&self, slot: Slot) -> Option<Stamp>;
    /// Calls with each slot that holds a value
    fn each_slot(&self, f: &mut dyn FnMut(Slot));
    /// How many cells hold a value
    fn count(&self) -> usize;
    /// Bytes taken
    fn bytes(&self) -> usize;
    /// The values that are cached, and the bytes that go with them
    fn held(&self) -> Brought;
    /// Notes that all that is held beyond this came from a SELECT
    fn note_brought(&self, before: Brought);
    /// What came from SELECTs so far
    fn brought(&self) -> Brought;
    /// Reads that found a value, and those that did not
    fn reads(&self) -> (usize, usize);
    /// Counts a read that was answered by other means than the cell
    fn count_hit(&self);
    /// Counts a read that did not find a value
    fn count_miss(&self);
    /// The pages in which cells were filled or emptied since this one last asked; all of them the first time
    fn take_touched(&self, asker: TouchedFor) -> Vec<u32>;
    /// A bit for each cell of a page that holds a value
    fn held_in_page(&self, page: usize) -> u64;
    /// What was computed from the cells, if anything was
    fn dependents(&self) -> RefMut<'_, Option<Box<Dependents>>>;
}

impl<V: Send + 'static> AnyColumn for RefCell<Column<V>> {
    fn has(&self, slot: Slot) -> bool {
        self.borrow().has(slot)
    }

    fn touch(&self, slot: Slot, tick: u32, are_awaited: bool) -> bool {
        self.borrow().touch(slot, tick, are_awaited)
    }

    fn is_dirty(&self, slot: Slot) -> bool {
        self.borrow().is_dirty(slot)
    }

    fn pin(&self, slot: Slot) {
        self.borrow_mut().pin(slot);
    }

    fn clean(&self, slot: Slot) {
        self.borrow_mut().clean(slot);
    }

    fn has_since(&self, since: Stamp) -> bool {
        self.borrow().has_since(since)
    }

    fn forget_since(&self, since: Stamp) -> bool {
        self.borrow_mut().forget_since(since)
    }

    fn take(&self, slot: Slot) -> Option<Box<dyn Any>> {
        let value = self.borrow_mut().take(slot)?;
        Some(Box::new(value))
    }

    fn take_clean(&self, slot: Slot) -> Option<Box<dyn Any + Send>> {
        let is_dirty = self.borrow().is_dirty(slot);
        let value = self.borrow_mut().take(slot)?;
        (!is_dirty).then(|| Box::new(value) as Box<dyn Any + Send>)
    }

    fn doubt(&self) {
        self.borrow().doubt();
    }

    fn put_back(&self, slot: Slot, now: Moment, value: Box<dyn Any>) {
        if let Ok(value) = value.downcast() {
            self.borrow_mut().write(slot, now, *value);
        }
    }

    fn remove(&self, slot: Slot) -> bool {
        self.borrow_mut().remove(slot)
    }

    fn remove_where(&self, drop: &mut dyn FnMut(Slot, Stamp) -> bool) -> usize {
        self.borrow_mut().remove_where(drop)
    }

    fn remove_in_page(&self, page: usize, drop: &mut dyn FnMut(Slot, Stamp) -> bool) -> usize {
        self.borrow_mut().remove_in_page(page, drop)
    }

    fn each_use(&self, f: &mut dyn FnMut(usize, u32)) {
        self.borrow().uses().for_each(|(page, tick)| f(page, tick));
    }

    fn remove_from(&self, from: usize) {
        self.borrow_mut().remove_from(from);
    }

    fn remove_since(&self, since: Stamp) -> bool {
        self.borrow_mut().remove_since(since)
    }

    fn known_since(&self, slot: Slot) -> Option<Stamp> {
        self.borrow().known_since(slot)
    }

    fn expire(&self, before: Stamp) {
        self.borrow_mut().expire(before);
    }

    fn loaded_at(&self, slot: Slot) -> Option<Stamp> {
        self.borrow().loaded_at(slot)
    }

    fn each_slot(&self, f: &mut dyn FnMut(Slot)) {
        self.borrow().slots().for_each(f);
    }

    fn count(&self) -> usize {
        self.borrow().count()
    }

    fn bytes(&self) -> usize {
        self.borrow().bytes()
    }

    fn held(&self) -> Brought {
        self.borrow().held()
    }

    fn note_brought(&self, before: Brought) {
        self.borrow_mut().note_brought(before);
    }

    fn brought(&self) -> Brought {
        self.borrow().brought()
    }

    fn reads(&self) -> (usize, usize) {
        let column = self.borrow();
        (column.hits(), column.misses())
    }

    fn count_hit(&self) {
        self.borrow().count_hit();
    }

    fn count_miss(&self) {
        self.borrow().count_miss();
    }

    fn take_touched(&self, asker: TouchedFor) -> Vec<u32> {
        self.borrow_mut().take_touched(asker)
    }

    fn held_in_page(&self, page: usize) -> u64 {
        self.borrow().held_in_page(page)
    }

    fn dependents(&self) -> RefMut<'_, Option<Box<Dependents>>> {
        RefMut::map(self.borrow_mut(), Column::dependents)
    }
}
