//! What a column knows of the values that were computed from its cells, and how it tells that these are to go.

use super::slot::Slot;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Where a chain ends
pub(super) const NONE: u32 = u32::MAX;

/// For so many numbers there is room as soon as there is for one
pub(super) const ROOM: usize = 64;

/// What columns tell their environment, which they do not know
#[derive(Debug)]
pub(crate) struct Signal {
    /// The tick in which a page must have been used for a read to be a hit; 0: no read is one, each takes the slow way
    hit_tick: AtomicU32,
    /// Whether something has changed that a value was computed from
    has_changed: AtomicBool,
    /// Whether a value was computed from what a search has found
    is_searched: AtomicBool,
    /// Whether rows have changed that stored values follow from
    is_fed: AtomicBool,
}

impl Signal {
    pub(crate) fn new(hit_tick: u32) -> Self {
        Self {
            hit_tick: AtomicU32::new(hit_tick),
            has_changed: AtomicBool::new(false),
            is_searched: AtomicBool::new(false),
            is_fed: AtomicBool::new(false),
        }
    }

    #[inline(always)]
    pub(crate) fn hit_tick(&self) -> u32 {
        self.hit_tick.load(Ordering::Relaxed)
    }

    pub(crate) fn set_hit_tick(&self, tick: u32) {
        self.hit_tick.store(tick, Ordering::Relaxed);
    }

    pub(super) fn change(&self) {
        self.has_changed.store(true, Ordering::Relaxed);
        self.set_hit_tick(0);
    }

    #[inline]
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// Whether something has changed since the last call
    pub(crate) fn take_changed(&self) -> bool {
        self.has_changed.swap(false, Ordering::Relaxed)
    }

    /// Notes that rows have changed that stored values follow from.
    pub(crate) fn feed(&self) {
        self.is_fed.store(true, Ordering::Relaxed);
    }

    /// Whether rows have changed that stored values follow from
    #[inline]
    pub(crate) fn is_fed(&self) -> bool {
        self.is_fed.load(Ordering::Relaxed)
    }

    /// The same since the last call
    pub(crate) fn take_fed(&self) -> bool {
        self.is_fed.swap(false, Ordering::Relaxed)
    }

    /// Notes that a value was computed from what a search has found.
    pub(super) fn note_search(&self) {
        self.is_searched.store(true, Ordering::Relaxed);
    }

    /// Notes that rows are not what they were; returns whether a search may have found others.
    #[inline]
    pub(crate) fn change_rows(&self) -> bool {
        let is_searched = self.is_searched.load(Ordering::Relaxed);
        if is_searched {
            self.change();
        }
        is_searched
    }
}

/// Which cells of a column something was computed from
#[derive(Debug)]
pub struct Dependents {
    /// The column's number among those that something was computed from
    input: u32,
    /// By slot the run of a computation that has read the cell last; `NONE`: none has since it changed
    marks: Vec<u32>,
    /// The cells that have changed
    cut: Vec<Slot>,
    signal: Arc<Signal>,
}

impl Dependents {
    pub(super) fn new(input: u32, signal: &Arc<Signal>) -> Self {
        Self { input, marks: Vec::new(), cut: Vec::new(), signal: Arc::clone(signal) }
    }

    #[inline]
    pub(super) fn input(&self) -> u32 {
        self.input
    }

    /// Notes that a run has read a cell; tells whether that is new.
    #[inline]
    pub(super) fn mark(&mut self, slot: Slot, run: u32) -> bool {
        match self.marks.get_mut(slot.index()) {
            Some(mark) => mem::replace(mark, run) != run,
            None => self.mark_beyond(slot, run),
        }
    }

    #[cold]
    fn mark_beyond(&mut self, slot: Slot, run: u32) -> bool {
        self.marks.resize((slot.index() + 1).next_multiple_of(ROOM), NONE);
        self.marks[slot.index()] = run;
        true
    }

    /// Has marks of runs so far be none of those that come.
    pub(super) fn forget_runs(&mut self) {
        self.marks.iter_mut().filter(|mark| **mark != NONE).for_each(|mark| *mark = 0);
    }

    /// Whether cells have changed since [`take_cut`](Self::take_cut) was called
    #[inline]
    pub(super) fn has_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// The cells that have changed since this was last asked
    pub(super) fn take_cut(&mut self) -> Vec<Slot> {
        mem::take(&mut self.cut)
    }

    /// Notes that a cell is not what it was.
    // Not where cells are filled, which most often were empty.
    #[inline(never)]
    pub(crate) fn change(&mut self, slot: Slot) {
        if let Some(mark) = self.marks.get_mut(slot.index())
            && *mark != NONE
        {
            *mark = NONE;
            self.cut.push(slot);
            self.signal.change();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + (self.marks.capacity() + self.cut.capacity()) * size_of::<u32>()
    }
}
