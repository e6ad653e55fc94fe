//! Numbers: each key that an environment has met has one, its slot, the same in every column of its table; so have columns and tables.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// A key's number in its table
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Stands where a record would: a link that is NULL
    pub(crate) const NULL: Self = Self(u32::MAX);
    /// Stands where a record would: a link that has not been looked at yet
    pub(crate) const UNRESOLVED: Self = Self(u32::MAX - 1);

    /// How many keys a table can have
    pub(crate) const MOST: usize = if cfg!(test) { 1 << 20 } else { Self::UNRESOLVED.0 as usize };

    /// The slot of a key that comes after so many others; `None` if a table cannot have so many
    #[inline]
    pub(crate) const fn after(count: usize) -> Option<Self> {
        if count < Self::MOST { Some(Self::at(count)) } else { None }
    }

    /// The slot of the key that came after so many others
    pub(crate) const fn at(index: usize) -> Self {
        debug_assert!(index < Self::UNRESOLVED.0 as usize);
        Self(index as u32)
    }

    /// How many keys came before this one's
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The first slots, so many
    pub(crate) fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        (0..count).map(Self::at)
    }
}

/// A column's number in its table
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ColumnId(pub(crate) usize);

/// A table's number in its environment
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableId(pub(crate) usize);

/// Slots that take as much memory as there are of them, however large their numbers
pub(crate) type Slots = HashSet<Slot, FixedState>;

/// A set of numbers: a bit for each between the least and the greatest
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    /// How many words there would be before these
    before: usize,
}

impl Bits {
    #[inline]
    fn place(&self, number: usize) -> (usize, u64) {
        ((number / 64).wrapping_sub(self.before), 1 << (number % 64))
    }

    /// Marks a number; tells whether it was not marked before.
    #[inline]
    pub(crate) fn mark(&mut self, number: usize) -> bool {
        let (word, bit) = self.place(number);
        match self.words.get_mut(word) {
            Some(marks) => {
                let fresh = *marks & bit == 0;
                *marks |= bit;
                fresh
            }
            None => self.mark_beyond(number),
        }
    }

    #[cold]
    fn mark_beyond(&mut self, number: usize) -> bool {
        let word = number / 64;
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
        let (word, bit) = self.place(number);
        self.words[word] = bit;
        true
    }

    /// Takes a number out; tells whether it was marked.
    pub(crate) fn unmark(&mut self, number: usize) -> bool {
        let was_marked = self.has(number);
        let (word, bit) = self.place(number);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
        was_marked
    }

    #[inline]
    pub(crate) fn has(&self, number: usize) -> bool {
        let (word, bit) = self.place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// A set of slots, as many bits as they are apart
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotSet(Bits);

impl SlotSet {
    /// These slots
    pub(crate) fn of(slots: impl IntoIterator<Item = Slot>) -> Self {
        let mut marks = Self::default();
        for slot in slots {
            marks.mark(slot);
        }
        marks
    }

    /// Marks a slot; tells whether it was not marked before.
    #[inline]
    pub(crate) fn mark(&mut self, slot: Slot) -> bool {
        self.0.mark(slot.index())
    }

    /// Takes a slot out; tells whether it was marked.
    pub(crate) fn unmark(&mut self, slot: Slot) -> bool {
        self.0.unmark(slot.index())
    }

    #[inline]
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.0.has(slot.index())
    }

    /// How many times 64 slots there can be marks of, counted from the first slot
    pub(crate) fn pages(&self) -> usize {
        self.0.before + self.0.words.len()
    }
}

/// The slot of a number
#[cfg(test)]
pub(crate) fn slot(number: usize) -> Slot {
    Slot::at(number)
}

/// The slots of some numbers
#[cfg(test)]
pub(crate) fn slots(numbers: impl IntoIterator<Item = usize>) -> Vec<Slot> {
    numbers.into_iter().map(slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_marked_once() {
        let mut marks = SlotSet::of([3, 200].map(Slot::at));
        let [three, four, far] = [3, 4, 9_999].map(Slot::at);
        assert!(
            !marks.mark(Slot::at(200)) && marks.mark(Slot::at(64)) && marks.has(three) && !marks.has(four)
        );
        assert!(marks.unmark(three) && !marks.unmark(three) && !marks.has(three) && !marks.has(far));
    }

    #[test]
    fn a_set_takes_as_much_memory_as_its_slots_are_apart() {
        let mut marks = Bits::default();
        for slot in (1_000_000..1_010_000).rev() {
            assert!(marks.mark(slot) && !marks.mark(slot));
        }
        assert!((157..=2 * 157).contains(&marks.words.len()), "{}", marks.words.len());
        assert!((1_000_000..1_010_000).all(|slot| marks.has(slot)));
        assert!(!marks.has(999_999) && !marks.has(1_010_000) && !marks.has(0) && !marks.unmark(5));
        assert!(marks.mark(0) && marks.has(0) && marks.has(1_009_999) && !marks.mark(1_000_000));
    }
}
