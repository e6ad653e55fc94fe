//! What a column knows of the values that were computed from its cells, and how it tells that these are to go.

use super::slot::Slot;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Where a chain ends
pub(super) const NONE: u32 = u32::MAX;

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

/// What was computed from the cells of a column, by slot
#[derive(Debug)]
pub struct Dependents {
    chains: Vec<u32>,
    /// The chains of cells that have changed
    cut: Vec<u32>,
    signal: Arc<Signal>,
}

impl Dependents {
    pub(super) fn new(signal: &Arc<Signal>) -> Self {
        Self { chains: Vec::new(), cut: Vec::new(), signal: Arc::clone(signal) }
    }

    /// The chain of a cell
    #[inline]
    pub(super) fn chain(&mut self, slot: Slot) -> &mut u32 {
        let place = slot.index();
        if self.chains.len() <= place {
            self.chains.resize(place + 1, NONE);
        }
        &mut self.chains[place]
    }

    pub(super) fn chains(&mut self) -> impl Iterator<Item = &mut u32> {
        self.chains.iter_mut()
    }

    /// The chains of cells that have changed since this was last asked
    pub(super) fn take_cut(&mut self) -> Vec<u32> {
        mem::take(&mut self.cut)
    }

    /// Notes that a cell is not what it was.
    #[inline]
    pub(crate) fn change(&mut self, slot: Slot) {
        if let Some(chain) = self.chains.get_mut(slot.index())
            && *chain != NONE
        {
            self.cut.push(mem::replace(chain, NONE));
            self.signal.change();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + (self.chains.capacity() + self.cut.capacity()) * size_of::<u32>()
    }
}
