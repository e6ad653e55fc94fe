//! Keeping to a limit: the pages that were used longest ago leave first, dirty values never.

use std::cell::Cell;

use super::column::PAGE;
use crate::Environment;
use crate::backend::Connection;
use crate::origin::Marks;

/// How much an environment may cache
#[derive(Debug, Default, Clone)]
pub(crate) struct Limits {
    /// Records of which at least one value is cached
    pub(crate) records: Cell<Option<usize>>,
    /// Bytes of keys and values
    pub(crate) bytes: Cell<Option<usize>>,
}

impl Limits {
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.records.get().is_some() || self.bytes.get().is_some()
    }
}

/// The records of a store that count against a limit, by page
#[derive(Default)]
pub(crate) struct Resident {
    marks: Marks,
    pages: Vec<usize>,
    count: usize,
}

impl Resident {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        self.marks.has(slot)
    }

    pub(crate) fn add(&mut self, slot: u32) {
        if self.marks.mark(slot) {
            let page = slot as usize / PAGE;
            if page >= self.pages.len() {
                self.pages.resize(page + 1, 0);
            }
            self.pages[page] += 1;
            self.count += 1;
        }
    }

    /// Forgets the slots from one on.
    pub(crate) fn truncate(&mut self, from: usize) {
        let first = from / PAGE;
        for page in first..self.pages.len() {
            self.retain_in_page(page, |slot| (slot as usize) < from);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Keeps those records of a page for which `stays` says so; tells how many went.
    pub(crate) fn retain_in_page(&mut self, page: usize, stays: impl Fn(u32) -> bool) -> usize {
        let slots = page * PAGE..(page + 1) * PAGE;
        let gone =
            slots.filter(|&slot| self.marks.has(slot as u32) && !stays(slot as u32)).collect::<Vec<_>>();
        gone.iter().for_each(|&slot| self.marks.unmark(slot as u32));
        if let Some(count) = self.pages.get_mut(page) {
            *count -= gone.len();
        }
        self.count -= gone.len();
        gone.len()
    }
}

/// How many more records find place; `None` if what is cached is too much already
fn room<C: Connection>(env: &Environment<C>) -> Option<usize> {
    let resident = || env.stores().map(|store| store.residents()).sum::<usize>();
    let values = || env.stores().map(|store| store.evictable_bytes()).sum::<usize>();
    if bytes_for_values(env).is_some_and(|limit| values() > limit) {
        return None;
    }
    env.limits.records.get().map_or(Some(usize::MAX), |limit| limit.checked_sub(resident()))
}

/// What a limit of bytes leaves to values. Keys take up to half of it: no eviction could free them, so were they all of
/// it, each load would drop what the one before it brought.
pub(crate) fn bytes_for_values<C: Connection>(env: &Environment<C>) -> Option<usize> {
    let limit = env.limits.bytes.get()?;
    let keys = env.stores().map(|store| store.bytes() - store.evictable_bytes()).sum::<usize>();
    Some(limit - keys.min(limit / 2))
}

/// Drops what was used longest ago, until `records` more find place; pages used in turn `since` or later stay.
///
/// Tells how many find place now.
pub(crate) fn make_room<C: Connection>(env: &Environment<C>, records: usize, since: u32) -> usize {
    let fits = || room(env).filter(|&room| room >= records);
    if let Some(room) = fits() {
        return room;
    }
    env.note_drop();
    let mut pages = Vec::new();
    for (number, store) in env.stores().enumerate() {
        store.page_uses(&mut |page, turn| {
            if turn < since {
                pages.push((turn, number, page));
            }
        });
    }
    pages.sort_unstable();
    let stores: Vec<_> = env.stores().collect();
    for (_, number, page) in pages {
        let evicted = stores[number].evict_page(page);
        env.evictions.set(env.evictions.get() + evicted);
        if let Some(room) = fits() {
            return room;
        }
    }
    room(env).unwrap_or(0)
}
