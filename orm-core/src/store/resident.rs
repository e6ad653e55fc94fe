//! The records of a table that count against a limit, and which of them came with others and are yet to be read.

use std::collections::BTreeMap;

use super::column::PAGE;
use super::slot::{Slot, SlotSet};

/// The records of a table that count against a limit
#[derive(Default)]
pub(crate) struct Resident {
    marks: SlotSet,
    count: usize,
    /// The tick in which a record came, by slot; 0 once it was read
    came: Vec<u32>,
    /// How many of a page are unread
    unread: Vec<u8>,
    /// Who came, by tick, as long as one is unread
    batches: BTreeMap<u32, Batch>,
}

#[derive(Default)]
struct Batch {
    /// In the order in which they are read, so far as that is known; those that were read meanwhile are still there
    slots: Vec<Slot>,
    unread: usize,
    /// The tick in which one of them was read last; 0: none was
    read: u32,
}

const _: () = assert!(PAGE <= u8::MAX as usize);

/// Records that came together and were not read yet
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnreadBatch {
    /// The tick in which they came
    pub(crate) came: u32,
    pub(crate) records: usize,
    /// The tick in which another one of them was read last; 0: none was
    pub(crate) read: u32,
}

impl Resident {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.marks.has(slot)
    }

    fn came(&self, slot: Slot) -> u32 {
        self.came.get(slot.index()).copied().unwrap_or(0)
    }

    pub(crate) fn is_unread(&self, slot: Slot) -> bool {
        self.came(slot) != 0
    }

    pub(crate) fn add(&mut self, slot: Slot) {
        self.count += usize::from(self.marks.mark(slot));
    }

    /// Adds a record that came with others.
    pub(crate) fn add_unread(&mut self, slot: Slot, tick: u32) {
        if self.came(slot) == tick {
            return;
        }
        self.forget_unread(slot);
        self.add(slot);
        let (at, page) = (slot.index(), slot.index() / PAGE);
        if at >= self.came.len() {
            self.came.resize((page + 1) * PAGE, 0);
            self.unread.resize(page + 1, 0);
        }
        self.came[at] = tick;
        self.unread[page] += 1;
        let batch = self.batches.entry(tick).or_default();
        batch.slots.push(slot);
        batch.unread += 1;
    }

    /// Notes that a record is read; tells whether it is the first time while others of its page are yet to be.
    pub(crate) fn note_read(&mut self, slot: Slot, tick: u32) -> bool {
        let came = self.came(slot);
        self.forget_unread(slot);
        if let Some(batch) = self.batches.get_mut(&came) {
            batch.read = tick;
        }
        came != 0 && self.unread[slot.index() / PAGE] > 0
    }

    fn forget_unread(&mut self, slot: Slot) {
        let came = self.came(slot);
        let Some(batch) = self.batches.get_mut(&came) else { return };
        self.came[slot.index()] = 0;
        self.unread[slot.index() / PAGE] -= 1;
        batch.unread -= 1;
        if batch.unread == 0 {
            self.batches.remove(&came);
        }
    }

    /// What came and was not read yet, the oldest first
    pub(crate) fn unread(&self) -> impl Iterator<Item = UnreadBatch> + '_ {
        let unread =
            |(&came, batch): (&u32, &Batch)| UnreadBatch { came, records: batch.unread, read: batch.read };
        self.batches.iter().map(unread)
    }

    /// The one that is to be read last of those that came in a tick, if more than so many are unread; it counts as read.
    pub(crate) fn take_unread(&mut self, came: u32, keep: usize) -> Option<Slot> {
        let batch = self.batches.get_mut(&came).filter(|batch| batch.unread > keep)?;
        let slot = loop {
            let slot = batch.slots.pop()?;
            if self.came[slot.index()] == came {
                break slot;
            }
        };
        self.forget_unread(slot);
        Some(slot)
    }

    /// Forgets the slots from one on.
    pub(crate) fn truncate(&mut self, from: usize) {
        for page in from / PAGE..self.marks.pages() {
            self.retain_in_page(page, |slot| (slot.index()) < from);
        }
        if from == 0 {
            *self = Self::default();
        }
    }

    /// Counts anew: these are all that there are.
    pub(crate) fn recount(&mut self, each_slot: impl FnOnce(&mut dyn FnMut(Slot))) {
        let before = std::mem::take(&mut self.marks);
        self.count = 0;
        each_slot(&mut |slot| self.add(slot));
        let gone: Vec<Slot> =
            Slot::first(self.came.len()).filter(|&slot| before.has(slot) && !self.has(slot)).collect();
        gone.into_iter().for_each(|slot| self.forget_unread(slot));
    }

    /// Keeps those records of a page for which `stays` says so; tells how many went.
    pub(crate) fn retain_in_page(&mut self, page: usize, stays: impl Fn(Slot) -> bool) -> usize {
        let slots = page * PAGE..(page + 1) * PAGE;
        let is_gone = |&slot: &Slot| self.marks.has(slot) && !stays(slot);
        let gone: Vec<Slot> = slots.map(Slot::at).filter(is_gone).collect();
        gone.iter().for_each(|&slot| self.remove(slot));
        gone.len()
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        self.forget_unread(slot);
        self.count -= usize::from(self.marks.unmark(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    #[test]
    fn what_came_together_is_unread_until_each_was_read() {
        let mut resident = Resident::default();
        slots(0..3).into_iter().for_each(|slot| resident.add_unread(slot, 5));
        slots(2..5).into_iter().for_each(|slot| resident.add_unread(slot, 6));
        resident.add(slot(70));
        let unread = |resident: &Resident| {
            let all = resident.unread().map(|unread| (unread.came, unread.records, unread.read));
            all.collect::<Vec<_>>()
        };
        assert_eq!((resident.count(), unread(&resident)), (6, vec![(5, 2, 0), (6, 3, 0)]));
        assert!(
            resident.note_read(slot(3), 7)
                && !resident.note_read(slot(3), 8)
                && !resident.note_read(slot(70), 8)
        );
        assert_eq!(unread(&resident), [(5, 2, 0), (6, 2, 7)]);
        // The last ones first, and no more than asked for.
        assert_eq!([resident.take_unread(6, 1), resident.take_unread(6, 1)], [Some(slot(4)), None]);
        resident.remove(slot(2));
        assert!(!resident.is_unread(slot(2)) && resident.is_unread(slot(1)));
        assert_eq!((resident.count(), unread(&resident)), (5, vec![(5, 2, 0)]));
        resident.recount(|add| slots(1..3).into_iter().for_each(add));
        assert_eq!((resident.count(), unread(&resident)), (2, vec![(5, 1, 0)]));
        // Of the last one of its page nobody has to come by any more.
        assert!(!resident.note_read(slot(1), 9));
        resident.truncate(0);
        assert_eq!((resident.count(), unread(&resident)), (0, vec![]));
    }
}
