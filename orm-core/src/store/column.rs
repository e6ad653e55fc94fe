//! One field's values for all records of a model: the seeds' `{field: {record_id: value}}`, by slot, in pages.

use std::any::Any;
use std::cell::Cell;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::dependents::Dependents;
use super::slot::{Bits, Slot};
use crate::Str;

/// Slots in a page, as a power of two: small, as the first record of a model pays for a page of every column, but
/// large enough that what a page knows of itself does not count.
const PAGE_BITS: u32 = 6;
pub(crate) const PAGE: usize = 1 << PAGE_BITS;

/// Beside the tick of a page's last use: no tick has this bit, so that no read takes it for one of the same tick
const AWAITED: u32 = 1 << 31;

/// The tick after this one; 0 is none
pub(crate) fn next_tick(tick: u32) -> u32 {
    (tick + 1) % AWAITED + u32::from(tick + 1 == AWAITED)
}

/// When something was cached, by the environment's clock: counted, not measured
pub(crate) type Stamp = u32;

/// When something happens, on an environment's two clocks
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time, for `loaded_at` and `max_age`
    pub(crate) time: Stamp,
    /// The number of the SELECT, for the order of use
    pub(crate) tick: u32,
}

/// How the rows of a SELECT fill cells
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    pub(crate) now: Moment,
    /// Whether a clean value gives way to the one that has come
    pub(crate) renews: bool,
}

/// The cached values of one field
///
/// A cell is missing or holds a value, which is dirty from its writing to its flush; NULL is a value. That a record does
/// not exist is known by its `Keys`, not here.
#[derive(Debug)]
pub struct Column<V> {
    /// A page is there while one of its cells holds a value.
    pages: Vec<Option<Box<Page<V>>>>,
    count: usize,
    /// Bytes that pages and values take, but for the table of the pages
    bytes: usize,
    hits: Cell<usize>,
    misses: Cell<usize>,
    /// What SELECTs have put here so far
    brought: Brought,
    /// What was computed from the cells, if anything was
    dependents: Option<Box<Dependents>>,
    /// The latest stamp that a cell was given
    latest: Stamp,
    /// Whether a cell was written since all were said to be clean
    may_be_dirty: bool,
    /// Cells that were changed in the cache since they were loaded: when that was, and when they were changed
    edited: Option<Box<Edited>>,
    /// The pages in which cells were filled or emptied, for each who has asked for them
    touched: Option<Box<Touched>>,
}

/// For whom it is noted in which pages cells were filled or emptied
#[derive(Debug, Clone, Copy)]
pub enum TouchedFor {
    /// What knows who leads where
    Links,
    /// What knows how many records have a value
    Tally,
}

#[derive(Debug, Default)]
struct Touched([Option<Pages>; 2]);

/// Pages, each once
#[derive(Debug, Default)]
struct Pages {
    numbers: Vec<u32>,
    marks: Bits,
}

impl Touched {
    #[cold]
    fn mark(&mut self, page: usize) {
        for pages in self.0.iter_mut().flatten() {
            if pages.marks.mark(page) {
                pages.numbers.push(page as u32);
            }
        }
    }
}

/// By slot when a cell was loaded, and the stamp of its last change
type Edited = HashMap<Slot, (Stamp, Stamp), FixedState>;

/// Values that came from the database, and the bytes that they took
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brought {
    pub(crate) values: usize,
    pub(crate) bytes: usize,
}

// In this order: what every read looks at shares a line of the processor's cache with the first cells.
#[derive(Debug)]
#[repr(C)]
struct Page<V> {
    /// The tick in which a cell was last read or filled
    used: Cell<u32>,
    /// A bit for each cell that was written and not flushed: nothing but a flush or a rollback takes it away.
    dirty: u64,
    cells: [Option<V>; PAGE],
    loaded: Loaded,
}

const _: () = assert!(PAGE == u64::BITS as usize);

/// When the cells of a page were loaded. Most pages are filled by one SELECT.
#[derive(Debug)]
enum Loaded {
    All(Stamp),
    Each(Vec<Stamp>),
}

/// A cell about to be filled
pub(crate) struct Vacant<'a, V> {
    page: &'a mut Page<V>,
    index: usize,
    time: Stamp,
    count: &'a mut usize,
    bytes: &'a mut usize,
    latest: &'a mut Stamp,
}

impl<V: 'static> Vacant<'_, V> {
    #[inline(always)]
    pub(crate) fn fill(self, value: V) {
        *self.count += 1;
        *self.bytes += heap_bytes(&value).unwrap_or(0) + self.page.stamp(self.index, self.time, self.latest);
        // It was empty: nothing has to be dropped.
        std::mem::forget(self.page.cells[self.index].replace(value));
    }
}

impl<V> Default for Column<V> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            count: 0,
            bytes: 0,
            hits: Cell::new(0),
            misses: Cell::new(0),
            brought: Brought::default(),
            dependents: None,
            latest: 0,
            may_be_dirty: false,
            edited: None,
            touched: None,
        }
    }
}

#[inline]
fn place(slot: Slot) -> (usize, usize) {
    (slot.index() >> PAGE_BITS, slot.index() & (PAGE - 1))
}

impl<V> Column<V> {
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&V> {
        let (page, cell) = place(slot);
        self.pages.get(page)?.as_ref()?.cells[cell].as_ref()
    }

    /// As `get`, counted as a hit, if the page was used in this tick before: else there is more to do, see `touch`.
    #[inline(always)]
    pub(crate) fn hit(&self, slot: Slot, tick: u32) -> Option<&V> {
        let (page, cell) = place(slot);
        let page = self.pages.get(page)?.as_ref()?;
        let value = page.cells[cell].as_ref()?;
        if page.used.get() != tick {
            return None;
        }
        self.hits.set(self.hits.get() + 1);
        Some(value)
    }

    /// As `get`, counted as a hit and as a use in this tick; calls with what was computed from the cells, and when the value came. `None` as
    /// well where nothing was computed from any of them so far.
    #[inline]
    pub(crate) fn noted(
        &mut self,
        slot: Slot,
        tick: u32,
        note: impl FnOnce(&mut Dependents, Stamp),
    ) -> Option<&V> {
        let (page, cell) = place(slot);
        let page = self.pages.get(page)?.as_ref()?;
        let value = page.cells[cell].as_ref()?;
        let dependents = self.dependents.as_deref_mut()?;
        page.used.set(tick);
        self.hits.set(self.hits.get() + 1);
        note(dependents, loaded_before(self.edited.as_deref(), slot, page.loaded_at(cell)));
        Some(value)
    }

    /// Notes that the page of a slot is used in this tick; a value there is counted as a hit. Tells whether there is one.
    ///
    /// Of a page with records that `are_awaited` each read has to come by here, so that it is known which are left.
    pub(crate) fn touch(&self, slot: Slot, tick: u32, are_awaited: bool) -> bool {
        let (page, cell) = place(slot);
        let Some(Some(page)) = self.pages.get(page) else { return false };
        if page.cells[cell].is_none() {
            return false;
        }
        page.used.set(if are_awaited { tick | AWAITED } else { tick });
        self.hits.set(self.hits.get() + 1);
        true
    }

    /// Counts a read that was answered by other means than the cell, as a hit is.
    pub(crate) fn count_hit(&self) {
        self.hits.set(self.hits.get() + 1);
    }

    pub(crate) fn count_miss(&self) {
        self.misses.set(self.misses.get() + 1);
    }

    pub(crate) fn hits(&self) -> usize {
        self.hits.get()
    }

    pub(crate) fn misses(&self) -> usize {
        self.misses.get()
    }

    /// What is held now, but for the table of the pages
    pub(crate) fn held(&self) -> Brought {
        Brought { values: self.count, bytes: self.bytes }
    }

    /// Notes that all that is held beyond this came from a SELECT.
    pub(crate) fn note_brought(&mut self, before: Brought) {
        // In this order: what was replaced is counted already.
        self.brought.values = self.brought.values + self.count - before.values;
        self.brought.bytes = self.brought.bytes + self.bytes - before.bytes;
    }

    /// Makes a clean cell missing while a SELECT fills others.
    #[inline(never)]
    pub(crate) fn remove_meanwhile(&mut self, slot: Slot)
    where
        V: 'static,
    {
        let before = self.held();
        self.remove(slot);
        self.brought.values += before.values - self.count;
        self.brought.bytes += before.bytes - self.bytes;
    }

    pub(crate) fn brought(&self) -> Brought {
        self.brought
    }

    /// How many values are cached
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.get(slot).is_some()
    }

    /// The cell of a slot to be filled, unless it holds a value: what is cached stays (rule P9).
    #[inline(always)]
    pub(crate) fn vacant(&mut self, slot: Slot, now: Moment) -> Option<Vacant<'_, V>>
    where
        V: 'static,
    {
        self.fillable(slot, Filling { now, renews: false })
    }

    /// The same where a clean value may give way: it is gone then.
    #[inline(always)]
    pub(crate) fn fillable(&mut self, slot: Slot, Filling { now, renews }: Filling) -> Option<Vacant<'_, V>>
    where
        V: 'static,
    {
        let (number, index) = place(slot);
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        let page = self.pages[number].get_or_insert_with(|| {
            self.bytes += size_of::<Page<V>>();
            self.latest = now.time;
            Page::new(now)
        });
        page.used.set(now.tick);
        if let Some(touched) = &mut self.touched {
            touched.mark(number);
        }
        if page.cells[index].is_some() {
            if !renews || page.dirty & 1 << index != 0 {
                return None;
            }
            let bytes = page.cells[index].take().and_then(|old| heap_bytes(&old)).unwrap_or(0);
            self.bytes -= bytes;
            self.count -= 1;
            self.brought.values += 1;
            self.brought.bytes += bytes;
            if let Some(dependents) = &mut self.dependents {
                dependents.change(slot);
            }
        }
        let (count, bytes, latest) = (&mut self.count, &mut self.bytes, &mut self.latest);
        Some(Vacant { page, index, time: now.time, count, bytes, latest })
    }

    /// Puts a value into the cell of a slot, whatever is there but a dirty one.
    pub(crate) fn set(&mut self, slot: Slot, now: Moment, value: V)
    where
        V: 'static,
    {
        if !self.is_dirty(slot) {
            let latest = self.latest;
            self.replace(slot, now, value);
            // What is put may be older than others.
            self.latest = self.latest.max(latest);
        }
    }

    /// Puts another value in the place of one that was loaded: it is as old as that was, and goes with what was changed since.
    pub(crate) fn edit(&mut self, slot: Slot, now: Moment, value: V)
    where
        V: 'static,
    {
        let loaded = self.known_since(slot);
        self.set(slot, now, value);
        if let Some(loaded) = loaded {
            self.edited.get_or_insert_default().insert(slot, (loaded, now.time));
        }
    }

    /// When the value of a slot came from the database, whatever was done to it since
    pub(crate) fn known_since(&self, slot: Slot) -> Option<Stamp> {
        Some(loaded_before(self.edited.as_deref(), slot, self.loaded_at(slot)?))
    }

    /// Makes all clean cells missing that came from the database before a time.
    pub(crate) fn expire(&mut self, before: Stamp)
    where
        V: 'static,
    {
        let edited = self.edited.take();
        self.remove_where(|slot, stamp| loaded_before(edited.as_deref(), slot, stamp) < before);
        self.edited = edited.map(|mut edited| {
            edited.retain(|&slot, (_, changed)| self.loaded_at(slot) == Some(*changed));
            edited
        });
    }

    /// Puts a value into the cell of a slot that is not in the database yet.
    pub(crate) fn write(&mut self, slot: Slot, now: Moment, value: V)
    where
        V: 'static,
    {
        self.replace(slot, now, value);
        let (page, cell) = place(slot);
        if let Some(page) = &mut self.pages[page] {
            page.dirty |= 1 << cell;
            self.may_be_dirty = true;
        }
    }

    fn replace(&mut self, slot: Slot, now: Moment, value: V)
    where
        V: 'static,
    {
        self.change(slot);
        let (number, cell) = place(slot);
        if let Some(Some(page)) = self.pages.get_mut(number)
            && let Some(old) = &mut page.cells[cell]
        {
            self.bytes -= heap_bytes(old).unwrap_or(0);
            self.bytes += heap_bytes(&value).unwrap_or(0);
            *old = value;
            self.bytes += page.stamp(cell, now.time, &mut self.latest);
            page.used.set(now.tick);
            if let Some(touched) = &mut self.touched {
                touched.mark(number);
            }
        } else if let Some(cell) = self.vacant(slot, now) {
            cell.fill(value);
        }
    }

    /// Notes that what was computed from a cell has to be computed anew.
    #[inline]
    pub(crate) fn change(&mut self, slot: Slot) {
        if let Some(dependents) = &mut self.dependents {
            dependents.change(slot);
        }
    }

    /// What was computed from the cells, if anything was
    pub(crate) fn dependents(&mut self) -> &mut Option<Box<Dependents>> {
        &mut self.dependents
    }

    pub(crate) fn is_dirty(&self, slot: Slot) -> bool {
        let (page, cell) = place(slot);
        self.pages.get(page).is_some_and(|page| page.as_ref().is_some_and(|page| page.dirty & 1 << cell != 0))
    }

    /// Keeps the value of a slot, as it is, until it is cleaned.
    pub(crate) fn pin(&mut self, slot: Slot) {
        let (page, cell) = place(slot);
        if let Some(Some(page)) = self.pages.get_mut(page)
            && page.cells[cell].is_some()
        {
            page.dirty |= 1 << cell;
            self.may_be_dirty = true;
        }
    }

    /// Notes that what was written to a slot is in the database now.
    pub(crate) fn clean(&mut self, slot: Slot) {
        let (page, cell) = place(slot);
        if let Some(Some(page)) = self.pages.get_mut(page) {
            page.dirty &= !(1 << cell);
        }
    }

    /// Whether a cell may have been filled since a time
    pub(crate) fn has_since(&self, since: Stamp) -> bool {
        self.latest >= since
    }

    /// Makes all cells missing that were loaded or written since a time, dirty ones too; tells whether any were.
    pub(crate) fn forget_since(&mut self, since: Stamp) -> bool
    where
        V: 'static,
    {
        if std::mem::take(&mut self.may_be_dirty) {
            self.pages.iter_mut().flatten().for_each(|page| page.dirty = 0);
        }
        self.remove_since(since)
    }

    /// Makes the cell of a slot missing unless it is dirty; tells whether it did.
    pub(crate) fn remove(&mut self, slot: Slot) -> bool
    where
        V: 'static,
    {
        !self.is_dirty(slot) && self.take(slot).is_some()
    }

    /// Has the next read of each page look whether its values still stand: none of them is a hit before.
    pub(crate) fn doubt(&self) {
        self.pages.iter().flatten().for_each(|page| page.used.set(page.used.get() | AWAITED));
    }

    /// Takes the value out of the cell of a slot, also a dirty one.
    pub(crate) fn take(&mut self, slot: Slot) -> Option<V>
    where
        V: 'static,
    {
        let (number, cell) = place(slot);
        let page = self.pages.get_mut(number)?.as_mut()?;
        let value = page.cells[cell].take()?;
        page.dirty &= !(1 << cell);
        self.bytes -= heap_bytes(&value).unwrap_or(0);
        self.count -= 1;
        if page.cells.iter().all(Option::is_none) {
            self.bytes -= page.area();
            self.pages[number] = None;
        }
        if let Some(touched) = &mut self.touched {
            touched.mark(number);
        }
        self.change(slot);
        Some(value)
    }

    /// Makes all clean cells missing for which `drop` says so; tells how many.
    pub(crate) fn remove_where(&mut self, mut drop: impl FnMut(Slot, Stamp) -> bool) -> usize
    where
        V: 'static,
    {
        (0..self.pages.len()).map(|number| self.remove_in_page(number, &mut drop)).sum()
    }

    /// The same within one page; an empty page gives its memory back.
    pub(crate) fn remove_in_page(&mut self, number: usize, drop: &mut dyn FnMut(Slot, Stamp) -> bool) -> usize
    where
        V: 'static,
    {
        let Some(Some(page)) = self.pages.get_mut(number) else { return 0 };
        let (mut removed, mut left) = (0, 0);
        for index in 0..PAGE {
            if page.cells[index].is_none() {
                continue;
            }
            let dirty = page.dirty & 1 << index != 0;
            if dirty || !drop(Slot::at(number << PAGE_BITS | index), page.loaded_at(index)) {
                left += 1;
            } else if let Some(value) = page.cells[index].take() {
                self.bytes -= heap_bytes(&value).unwrap_or(0);
                removed += 1;
                if let Some(dependents) = &mut self.dependents {
                    dependents.change(Slot::at(number << PAGE_BITS | index));
                }
            }
        }
        if left == 0 {
            self.bytes -= page.area();
            self.pages[number] = None;
        }
        self.count -= removed;
        if let (Some(touched), 1..) = (&mut self.touched, removed) {
            touched.mark(number);
        }
        removed
    }

    /// The pages in which cells were filled or emptied since this one last asked; all of them the first time
    pub(crate) fn take_touched(&mut self, asker: TouchedFor) -> Vec<u32> {
        let touched = self.touched.get_or_insert_default();
        let Some(pages) = &mut touched.0[asker as usize] else {
            touched.0[asker as usize] = Some(Pages::default());
            let pages = self.pages.iter().enumerate().filter(|(_, page)| page.is_some());
            return pages.map(|(number, _)| number as u32).collect();
        };
        let numbers = std::mem::take(&mut pages.numbers);
        numbers.iter().for_each(|&page| {
            pages.marks.unmark(page as usize);
        });
        numbers
    }

    /// A bit for each cell of a page that holds a value
    pub(crate) fn held_in_page(&self, number: usize) -> u64 {
        let Some(Some(page)) = self.pages.get(number) else { return 0 };
        page.cells.iter().enumerate().fold(0, |held, (index, cell)| held | u64::from(cell.is_some()) << index)
    }

    /// Makes all clean cells from a slot on missing.
    pub(crate) fn remove_from(&mut self, from: usize)
    where
        V: 'static,
    {
        for number in from / PAGE..self.pages.len() {
            self.remove_in_page(number, &mut |slot, _| slot.index() >= from);
        }
        let used = self.pages.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.pages.truncate(used.max(from.div_ceil(PAGE)));
        if self.pages.is_empty() {
            self.pages = Vec::new();
        }
    }

    /// Makes all cells missing that were loaded at a time or later; tells whether any were. Pages that were filled before are not
    /// looked through.
    pub(crate) fn remove_since(&mut self, since: Stamp) -> bool
    where
        V: 'static,
    {
        if !self.has_since(since) {
            return false;
        }
        let before = self.count;
        for number in 0..self.pages.len() {
            let older = |page: &Page<V>| matches!(page.loaded, Loaded::All(loaded) if loaded < since);
            if self.pages[number].as_ref().is_some_and(|page| !older(page)) {
                self.remove_in_page(number, &mut |_, loaded| loaded >= since);
            }
        }
        self.count < before
    }

    /// Makes those cells missing whose value is one that `drop` names.
    pub(crate) fn remove_values(&mut self, drop: impl Fn(&V) -> bool)
    where
        V: 'static,
    {
        let slots: Vec<Slot> = self.slots().filter(|&slot| self.get(slot).is_some_and(&drop)).collect();
        slots.into_iter().for_each(|slot| {
            self.remove(slot);
        });
    }

    /// The pages, each with the tick in which it was last used
    pub(crate) fn uses(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.pages
            .iter()
            .enumerate()
            .filter_map(|(number, page)| Some((number, page.as_ref()?.used.get() & !AWAITED)))
    }

    /// The value of a slot, if it was loaded at this moment
    pub(crate) fn loaded_in(&self, slot: Slot, now: Moment) -> Option<&V> {
        let is_so = self.loaded_at(slot) == Some(now.time) && !self.is_dirty(slot);
        if is_so { self.get(slot) } else { None }
    }

    pub(crate) fn loaded_at(&self, slot: Slot) -> Option<Stamp> {
        let (page, cell) = place(slot);
        let page = self.pages.get(page)?.as_ref()?;
        page.cells[cell].as_ref()?;
        Some(page.loaded_at(cell))
    }

    /// The slots that hold a value, in order
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let held = (0..PAGE).filter(|&index| page.cells[index].is_some());
            held.map(move |index| Slot::at(number << PAGE_BITS | index))
        })
    }

    /// Bytes that the values take, their own heap included
    pub(crate) fn bytes(&self) -> usize {
        let edited = self.edited.as_ref().map_or(0, |edited| edited.allocation_size());
        let dependents = edited + self.dependents.as_ref().map_or(0, |dependents| dependents.bytes());
        self.bytes + self.pages.capacity() * size_of::<Option<Box<Page<V>>>>() + dependents
    }
}

/// When a value came from the database whose cell was filled at a time: before that, if it was edited then, and not loaded anew since
#[inline]
fn loaded_before(edited: Option<&Edited>, slot: Slot, filled: Stamp) -> Stamp {
    let edit = edited.and_then(|edited| edited.get(&slot));
    edit.filter(|&&(_, changed)| changed == filled).map_or(filled, |&(loaded, _)| loaded)
}

/// The stamps of a page's cells, all alike but for one
#[cold]
#[inline(never)]
fn each_apart(all: Stamp, index: usize, time: Stamp) -> Vec<Stamp> {
    let mut stamps = vec![all; PAGE];
    stamps[index] = time;
    stamps
}

impl<V> Page<V> {
    #[cold]
    #[inline(never)]
    fn new(now: Moment) -> Box<Self> {
        Box::new(Self {
            cells: [const { None }; PAGE],
            loaded: Loaded::All(now.time),
            used: Cell::new(now.tick),
            dirty: 0,
        })
    }

    /// Notes when a cell is filled; tells how many bytes more that takes.
    #[inline(always)]
    fn stamp(&mut self, index: usize, time: Stamp, latest: &mut Stamp) -> usize {
        match &mut self.loaded {
            Loaded::All(stamp) if *stamp == time => 0,
            Loaded::Each(stamps) => {
                *latest = time;
                stamps[index] = time;
                0
            }
            Loaded::All(all) => {
                *latest = time;
                let stamps = each_apart(*all, index, time);
                let bytes = stamps.capacity() * size_of::<Stamp>();
                self.loaded = Loaded::Each(stamps);
                bytes
            }
        }
    }

    /// Bytes that the page takes, but for what its values have on the heap
    fn area(&self) -> usize {
        let stamps = match &self.loaded {
            Loaded::All(_) => 0,
            Loaded::Each(stamps) => stamps.capacity() * size_of::<Stamp>(),
        };
        size_of::<Self>() + stamps
    }

    #[inline]
    fn loaded_at(&self, index: usize) -> Stamp {
        match &self.loaded {
            Loaded::All(stamp) => *stamp,
            Loaded::Each(stamps) => stamps[index],
        }
    }
}

/// Bytes on the heap behind a value, for the types of which it is known; `None` if all of it lies in the value itself.
/// Decided when it is compiled
#[inline(always)]
pub(crate) fn heap_bytes<V: 'static>(value: &V) -> Option<usize> {
    if !std::mem::needs_drop::<V>() {
        return None;
    }
    let value = value as &dyn Any;
    if let Some(text) = value.downcast_ref::<Str>() {
        text.heap_bytes()
    } else if let Some(text) = value.downcast_ref::<Option<Str>>() {
        text.as_ref().and_then(Str::heap_bytes)
    } else if let Some(blob) = value.downcast_ref::<Bytes>() {
        Some(blob.len())
    } else if let Some(blob) = value.downcast_ref::<Option<Bytes>>() {
        blob.as_ref().map(Bytes::len)
    } else {
        Some(value.downcast_ref::<super::List>().map_or(0, super::List::heap_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    fn at(time: Stamp) -> Moment {
        Moment { time, tick: time }
    }

    fn filled(numbers: impl IntoIterator<Item = usize>, time: Stamp) -> Column<Str> {
        let mut column = Column::default();
        fill(&mut column, numbers, time);
        column
    }

    fn fill(column: &mut Column<Str>, numbers: impl IntoIterator<Item = usize>, time: Stamp) {
        for number in numbers {
            if let Some(cell) = column.vacant(slot(number), at(time)) {
                cell.fill(text(number));
            }
        }
    }

    /// Too long to lie in the value itself
    fn text(number: usize) -> Str {
        Str::from(format!("a text of more than a few letters {number}"))
    }

    #[test]
    fn what_is_loaded_never_overwrites() {
        let mut column = filled([3], 1);
        assert!(column.vacant(slot(3), at(2)).is_none());
        assert_eq!((column.get(slot(3)), column.loaded_at(slot(3))), (Some(&text(3)), Some(1)));
        column.set(slot(3), at(4), text(9));
        assert_eq!(
            (column.get(slot(3)), column.loaded_at(slot(3)), column.count()),
            (Some(&text(9)), Some(4), 1)
        );
    }

    #[test]
    fn what_was_written_stays_until_it_is_cleaned_or_undone() {
        let mut column = filled([3, 4], 1);
        column.write(slot(3), at(2), text(30));
        column.set(slot(3), at(3), text(31));
        assert!(column.is_dirty(slot(3)) && !column.remove(slot(3)) && column.remove_where(|_, _| true) == 1);
        assert_eq!(column.get(slot(3)), Some(&text(30)));
        column.clean(slot(3));
        assert!(!column.is_dirty(slot(3)) && column.remove(slot(3)));
        column.write(slot(3), at(5), text(32));
        column.forget_since(5);
        assert_eq!((column.count(), column.is_dirty(slot(3))), (0, false));
    }

    #[test]
    fn since_a_time_takes_what_came_then_and_leaves_older_pages_alone() {
        let mut column = filled(0..PAGE, 1);
        fill(&mut column, PAGE..PAGE + 10, 5);
        // In the first page too, apart from the others.
        column.remove(slot(7));
        fill(&mut column, [7], 6);
        assert_eq!((column.loaded_at(slot(6)), column.loaded_at(slot(7))), (Some(1), Some(6)));
        column.remove_since(5);
        assert_eq!(column.slots().collect::<Vec<_>>(), slots((0..PAGE).filter(|&number| number != 7)));
    }

    #[test]
    fn what_is_put_as_older_than_others_hides_none_of_them() {
        let mut column = filled(0..3, 9);
        column.set(Slot::at(200), at(2), text(200));
        assert!(column.has_since(9));
        column.set(Slot::at(1), at(3), text(1));
        assert!(column.has_since(9) && column.forget_since(9));
        assert_eq!(column.slots().map(Slot::index).collect::<Vec<_>>(), [1, 200]);
    }

    #[test]
    fn an_empty_column_takes_nothing() {
        let mut column = filled((0..1000).step_by(3), 1);
        let (held, bytes) = (column.held(), column.bytes());
        assert!(held.bytes > held.values * text(0).len() && bytes >= held.bytes);
        column.remove_from(500);
        assert!(column.bytes() < bytes && column.slots().all(|slot| slot.index() < 500));
        column.remove_from(0);
        assert_eq!((column.count(), column.bytes(), column.held()), (0, 0, Brought::default()));
    }

    #[test]
    fn a_hit_is_one_of_a_page_that_was_used_in_the_same_tick() {
        let column = filled([1, 2], 5);
        assert!(column.hit(slot(1), 6).is_none() && column.hits() == 0);
        assert!(column.touch(slot(1), 6, false) && column.hit(slot(2), 6).is_some());
        assert_eq!((column.hits(), column.uses().collect::<Vec<_>>()), (2, vec![(0, 6)]));
        assert!(!column.touch(slot(3), 7, false) && !column.touch(slot(700), 7, false));
        assert!(column.touch(slot(1), 7, true) && column.hit(slot(2), 7).is_none());
        assert_eq!(column.uses().collect::<Vec<_>>(), vec![(0, 7)]);
        assert_eq!([1, AWAITED - 2, AWAITED - 1].map(next_tick), [2, AWAITED - 1, 1]);
    }
}
