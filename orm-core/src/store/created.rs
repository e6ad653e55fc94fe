//! The records that were created one by one, in order: whoever reads one of them reads those around it too.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::slot::{Slot, SlotSet};

/// Records that were created one by one
#[derive(Debug, Default)]
pub(super) struct Created {
    slots: Vec<Slot>,
    /// Where a slot stands, so far as anybody has asked; the last time, if it stands there twice
    places: HashMap<Slot, usize, FixedState>,
    /// All places before this one are there
    known: usize,
    /// How many there were when those that have come again since were last taken out
    kept: usize,
}

/// So many may have come again before they are looked for.
const SPARE: usize = 1024;

impl Created {
    pub(super) fn push(&mut self, slot: Slot) {
        // One that is upserted again and again is one.
        if self.slots.last() == Some(&slot) {
            return;
        }
        self.slots.push(slot);
        if self.slots.len() > 2 * self.kept + SPARE {
            let mut seen = SlotSet::default();
            self.slots.reverse();
            self.slots.retain(|&slot| seen.mark(slot));
            self.slots.reverse();
            self.kept = self.slots.len();
            self.places.clear();
            self.known = 0;
        }
    }

    /// So many of them before and after one, and where among these it stands; nothing if it is none of them
    pub(super) fn around(&mut self, slot: Slot, reach: usize) -> Option<(Vec<Slot>, usize)> {
        for place in self.known..self.slots.len() {
            self.places.insert(self.slots[place], place);
        }
        self.known = self.slots.len();
        let place = *self.places.get(&slot)?;
        let first = place.saturating_sub(reach);
        let last = place.saturating_add(reach).min(self.slots.len() - 1);
        Some((self.slots[first..=last].to_vec(), place - first))
    }

    /// The keys of slots from one on are gone.
    pub(super) fn truncate(&mut self, from: usize) {
        self.slots.retain(|&slot| (slot.index()) < from);
        if self.slots.is_empty() {
            *self = Self::default();
        }
        self.places.clear();
        self.known = 0;
    }

    /// Bytes taken
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.places.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    #[test]
    fn those_around_one_are_found_by_its_place() {
        let mut created = Created::default();
        (10..20).chain([19, 19]).for_each(|number| created.push(slot(number)));
        assert_eq!(created.around(slot(14), 2), Some((slots([12, 13, 14, 15, 16]), 2)));
        assert_eq!(created.around(slot(10), 1), Some((slots([10, 11]), 0)));
        assert_eq!(created.around(slot(19), 1), Some((slots([18, 19]), 1)));
        assert_eq!(created.around(slot(9), 1), None);
        created.push(slot(12));
        assert_eq!(created.around(slot(12), 1), Some((slots([19, 12]), 1)));
        created.truncate(13);
        assert_eq!(created.around(slot(12), usize::MAX), Some((slots([10, 11, 12, 12]), 3)));
        (0..10_000).for_each(|round| created.push(slot(round % 7)));
        let (all, _) = created.around(slot(5), usize::MAX).expect("it is there");
        assert!(all.len() < SPARE + 20, "{}", all.len());
        created.truncate(0);
        assert_eq!((created.around(slot(12), 1), created.bytes()), (None, 0));
    }
}
