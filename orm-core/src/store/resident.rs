//! The records of a table that count against a limit, by page.

use super::column::PAGE;
use super::slot::SlotSet;

/// The records of a store that count against a limit, by page
#[derive(Default)]
pub(crate) struct Resident {
    marks: SlotSet,
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
