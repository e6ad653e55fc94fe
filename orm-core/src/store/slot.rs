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

/// A set of slots: a bit for each between the least and the greatest
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotSet {
    words: Vec<u64>,
    /// How many words there would be before these
    before: usize,
}

impl SlotSet {
    /// These slots
    pub(crate) fn of(slots: impl IntoIterator<Item = u32>) -> Self {
        let mut marks = Self::default();
        for slot in slots {
            marks.mark(slot);
        }
        marks
    }

    #[inline]
    fn place(&self, slot: u32) -> (usize, u64) {
        ((slot as usize / 64).wrapping_sub(self.before), 1 << (slot % 64))
    }

    /// Marks a slot; tells whether it was not marked before.
    #[inline]
    pub(crate) fn mark(&mut self, slot: u32) -> bool {
        let (word, bit) = self.place(slot);
        match self.words.get_mut(word) {
            Some(marks) => {
                let fresh = *marks & bit == 0;
                *marks |= bit;
                fresh
            }
            None => self.mark_beyond(slot),
        }
    }

    #[cold]
    fn mark_beyond(&mut self, slot: u32) -> bool {
        let word = slot as usize / 64;
        if self.words.is_empty() {
            self.before = word;
        }
        if word < self.before {
            // Twice as many, or who goes downwards would move all for each word.
            let more = (self.before - word).max(self.words.len()).min(self.before);
            self.words.splice(..0, std::iter::repeat_n(0, more));
            self.before -= more;
        } else {
            self.words.resize((word - self.before + 1).max(self.words.len()), 0);
        }
        let (word, bit) = self.place(slot);
        self.words[word] = bit;
        true
    }

    /// Takes a slot out; tells whether it was marked.
    pub(crate) fn unmark(&mut self, slot: u32) -> bool {
        let was_marked = self.has(slot);
        let (word, bit) = self.place(slot);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
        was_marked
    }

    /// How many times 64 slots there can be marks of, counted from the first slot
    pub(crate) fn pages(&self) -> usize {
        self.before + self.words.len()
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        let (word, bit) = self.place(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
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

    #[test]
    fn a_set_takes_as_much_memory_as_its_slots_are_apart() {
        let mut marks = SlotSet::default();
        for slot in (1_000_000..1_010_000).rev() {
            assert!(marks.mark(slot) && !marks.mark(slot));
        }
        assert!((157..=2 * 157).contains(&marks.words.len()), "{}", marks.words.len());
        assert!((1_000_000..1_010_000).all(|slot| marks.has(slot)));
        assert!(!marks.has(999_999) && !marks.has(1_010_000) && !marks.has(0) && !marks.unmark(5));
        assert!(marks.mark(0) && marks.has(0) && marks.has(1_009_999) && !marks.mark(1_000_000));
    }
}
