//! Numbers: each key that an environment has met has one, its slot, the same in every column of its table; so have columns and tables.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// Stands where a record would: a link that is NULL
pub(crate) const NULL: u32 = u32::MAX;
/// Stands where a record would: a link that has not been looked at yet
pub(crate) const UNRESOLVED: u32 = u32::MAX - 1;

/// A column's number in its table
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ColumnId(pub(crate) usize);

/// A table's number in its environment
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableId(pub(crate) usize);

/// Slots that take as much memory as there are of them, however large their numbers
pub(crate) type Slots = HashSet<u32, FixedState>;

/// A set of slots
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotSet(Vec<u64>);

impl SlotSet {
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![0; slots.div_ceil(64)])
    }

    /// These slots
    pub(crate) fn of(slots: impl IntoIterator<Item = u32>) -> Self {
        let mut marks = Self::default();
        for slot in slots {
            marks.mark(slot);
        }
        marks
    }

    /// Marks a slot; tells whether it was not marked before.
    #[inline]
    pub(crate) fn mark(&mut self, slot: u32) -> bool {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        match self.0.get_mut(word) {
            Some(marks) => {
                let fresh = *marks & bit == 0;
                *marks |= bit;
                fresh
            }
            None => self.mark_beyond(word, bit),
        }
    }

    #[cold]
    fn mark_beyond(&mut self, word: usize, bit: u64) -> bool {
        self.0.resize(word + 1, 0);
        self.0[word] = bit;
        true
    }

    /// Takes a slot out; tells whether it was marked.
    pub(crate) fn unmark(&mut self, slot: u32) -> bool {
        let was_marked = self.has(slot);
        if let Some(word) = self.0.get_mut(slot as usize / 64) {
            *word &= !(1 << (slot % 64));
        }
        was_marked
    }

    /// How many times 64 slots there can be marks of
    pub(crate) fn pages(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_marked_once() {
        let mut marks = SlotSet::of([3, 200]);
        assert!(!marks.mark(200) && marks.mark(64) && marks.has(3) && !marks.has(4));
        assert!(marks.unmark(3) && !marks.unmark(3) && !marks.has(3) && !marks.has(9_999));
    }
}
