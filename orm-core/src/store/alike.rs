//! Keys that differ only in what collations overlook.

use super::slot::Slot;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// The slots of a table by the letters of their keys, so far as anybody has asked
#[derive(Debug, Default)]
pub(crate) struct Alike {
    by_letters: HashMap<String, Vec<Slot>, FixedState>,
    /// All slots before this one are there
    known: usize,
}

impl Alike {
    /// The slots whose keys have the letters of this one's, which is one of them; `slots` is how many there are
    pub(super) fn to(&mut self, slot: Slot, slots: usize, letters: &dyn Fn(Slot) -> String) -> Vec<Slot> {
        for slot in (self.known..slots).map(Slot::at) {
            self.by_letters.entry(letters(slot)).or_default().push(slot);
        }
        self.known = self.known.max(slots);
        self.by_letters.get(&letters(slot)).cloned().unwrap_or_default()
    }

    /// The keys of slots from one on are gone.
    pub(super) fn truncate(&mut self, from: usize) {
        if from < self.known {
            *self = Self::default();
        }
    }

    /// Bytes taken
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.by_letters.keys().map(|letters| letters.capacity() + size_of::<Slot>()).sum();
        self.by_letters.allocation_size() + texts
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    #[test]
    fn keys_are_alike_by_their_letters_also_those_that_come_later() {
        let mut alike = Alike::default();
        let keys = ["a", "B", "A", "b", "a"];
        let letters = |slot: Slot| keys[slot.index()].to_lowercase();
        assert_eq!(alike.to(slot(0), 3, &letters), slots([0, 2]));
        assert_eq!(
            (alike.to(slot(3), 5, &letters), alike.to(slot(2), 5, &letters)),
            (slots([1, 3]), slots([0, 2, 4]))
        );
        alike.truncate(3);
        assert_eq!(alike.to(slot(0), 3, &letters), slots([0, 2]));
    }
}
