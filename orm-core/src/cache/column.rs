//! One field's values for all records of a model: the seeds' `{field: {record_id: value}}`, by slot, in pages.

use std::any::Any;
use std::cell::Cell;

use bytes::Bytes;

use crate::Str;

/// Slots in a page, as a power of two. Small enough to be freed bit by bit, large enough that pages cost nothing.
const PAGE_BITS: u32 = 8;
pub(crate) const PAGE: usize = 1 << PAGE_BITS;

/// Milliseconds since the environment was made; an environment's own clock, a third of the size of an `Instant`.
pub(crate) type Stamp = u32;

/// The cached values of one field
///
/// A cell is missing or holds a value; NULL is a value. That a record does not exist is known by its
/// [`Keys`](super::Keys), not here.
#[derive(Debug)]
pub struct Column<V> {
    pages: Vec<Page<V>>,
    count: usize,
    hits: Cell<usize>,
    misses: Cell<usize>,
}

#[derive(Debug)]
struct Page<V> {
    /// Grows up to `PAGE` cells; empty where nothing is cached.
    cells: Vec<Option<V>>,
    loaded: Loaded,
}

/// When the cells of a page were loaded. Most pages are filled by one SELECT.
#[derive(Debug)]
enum Loaded {
    All(Stamp),
    Each(Vec<Stamp>),
}

impl<V> Default for Column<V> {
    fn default() -> Self {
        Self { pages: Vec::new(), count: 0, hits: Cell::new(0), misses: Cell::new(0) }
    }
}

#[inline]
fn place(slot: u32) -> (usize, usize) {
    ((slot >> PAGE_BITS) as usize, slot as usize & (PAGE - 1))
}

impl<V> Column<V> {
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&V> {
        let (page, cell) = place(slot);
        self.pages.get(page)?.cells.get(cell)?.as_ref()
    }

    /// As `get`, counted as a hit.
    #[inline]
    pub(crate) fn hit(&self, slot: u32) -> Option<&V> {
        let value = self.get(slot)?;
        self.hits.set(self.hits.get() + 1);
        Some(value)
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

    /// How many values are cached
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        self.get(slot).is_some()
    }

    /// Fills the cell of a slot with what `value` gives unless it holds a value: what is cached stays (rule P9).
    #[inline]
    pub(crate) fn fill<E>(
        &mut self,
        slot: u32,
        now: Stamp,
        value: impl FnOnce() -> Result<V, E>,
    ) -> Result<(), E> {
        let cell = self.cell(slot, now);
        if cell.is_none() {
            *cell = Some(value()?);
            self.count += 1;
        }
        Ok(())
    }

    /// Puts a value into the cell of a slot, whatever is there.
    pub(crate) fn set(&mut self, slot: u32, now: Stamp, value: V) {
        self.remove(slot);
        *self.cell(slot, now) = Some(value);
        self.count += 1;
    }

    /// The cell of a slot; an empty one is stamped with `now`, as it is about to be filled.
    #[inline]
    fn cell(&mut self, slot: u32, now: Stamp) -> &mut Option<V> {
        let (number, index) = place(slot);
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || Page { cells: Vec::new(), loaded: Loaded::All(now) });
        }
        let page = &mut self.pages[number];
        if index >= page.cells.len() {
            page.grow(number, index, now);
        }
        if page.cells[index].is_none() {
            page.stamp(index, now);
        }
        &mut page.cells[index]
    }

    /// Makes the cell of a slot missing; tells what was there.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<V> {
        let (page, cell) = place(slot);
        let value = self.pages.get_mut(page)?.cells.get_mut(cell)?.take();
        self.count -= usize::from(value.is_some());
        value
    }

    /// Makes all cells missing for which `drop` says so; gives memory back where a page is left empty.
    pub(crate) fn remove_where(&mut self, mut drop: impl FnMut(u32, Stamp) -> bool) -> usize {
        let before = self.count;
        for (number, page) in self.pages.iter_mut().enumerate() {
            let mut left = 0;
            for index in 0..page.cells.len() {
                if page.cells[index].is_none() {
                    continue;
                }
                if drop((number << PAGE_BITS | index) as u32, page.loaded_at(index)) {
                    page.cells[index] = None;
                    self.count -= 1;
                } else {
                    left += 1;
                }
            }
            if left == 0 {
                page.cells = Vec::new();
            }
        }
        before - self.count
    }

    pub(crate) fn loaded_at(&self, slot: u32) -> Option<Stamp> {
        let (page, cell) = place(slot);
        let page = self.pages.get(page)?;
        page.cells.get(cell)?.as_ref()?;
        Some(page.loaded_at(cell))
    }

    /// The slots that hold a value, in order
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.pages.iter().enumerate().flat_map(|(number, page)| {
            page.cells.iter().enumerate().filter(|(_, cell)| cell.is_some()).map(move |(index, _)| {
                (number << PAGE_BITS | index) as u32
            })
        })
    }

    /// Bytes that the values take, their own heap included
    pub(crate) fn bytes(&self) -> usize
    where
        V: 'static,
    {
        let pages = self.pages.iter().map(|page| {
            let stamps = match &page.loaded {
                Loaded::All(_) => 0,
                Loaded::Each(stamps) => stamps.capacity() * size_of::<Stamp>(),
            };
            let heap: usize = page.cells.iter().flatten().map(heap_bytes).sum();
            page.cells.capacity() * size_of::<Option<V>>() + stamps + heap
        });
        self.pages.capacity() * size_of::<Page<V>>() + pages.sum::<usize>()
    }
}

impl<V> Page<V> {
    #[cold]
    fn grow(&mut self, number: usize, index: usize, now: Stamp) {
        if self.cells.is_empty() {
            self.loaded = Loaded::All(now);
        }
        // The first page grows as it is used: many environments read a few records only.
        let wanted = if number > 0 { PAGE } else { (index + 1).next_power_of_two() };
        self.cells.reserve_exact(wanted.saturating_sub(self.cells.len()));
        self.cells.resize_with(wanted, || None);
    }

    #[inline]
    fn stamp(&mut self, index: usize, now: Stamp) {
        match &mut self.loaded {
            Loaded::All(stamp) if *stamp == now => {}
            _ => self.stamp_apart(index, now),
        }
    }

    #[cold]
    fn stamp_apart(&mut self, index: usize, now: Stamp) {
        match &mut self.loaded {
            Loaded::All(stamp) if self.cells.iter().all(Option::is_none) => *stamp = now,
            Loaded::All(stamp) => {
                let mut stamps = vec![*stamp; PAGE];
                stamps[index] = now;
                self.loaded = Loaded::Each(stamps);
            }
            Loaded::Each(stamps) => stamps[index] = now,
        }
    }

    fn loaded_at(&self, index: usize) -> Stamp {
        match &self.loaded {
            Loaded::All(stamp) => *stamp,
            Loaded::Each(stamps) => stamps[index],
        }
    }
}

/// Bytes on the heap behind a value, for the types of which it is known
fn heap_bytes<V: 'static>(value: &V) -> usize {
    fn known(value: &dyn Any) -> Option<usize> {
        if let Some(text) = value.downcast_ref::<Str>() {
            Some(text.heap_bytes())
        } else if let Some(text) = value.downcast_ref::<Option<Str>>() {
            text.as_ref().map(Str::heap_bytes)
        } else if let Some(blob) = value.downcast_ref::<Bytes>() {
            Some(blob.len())
        } else if let Some(blob) = value.downcast_ref::<Option<Bytes>>() {
            blob.as_ref().map(Bytes::len)
        } else if let Some(list) = value.downcast_ref::<super::List>() {
            Some(list.heap_bytes())
        } else {
            None
        }
    }
    if std::mem::needs_drop::<V>() { known(value).unwrap_or(0) } else { 0 }
}
