//! How much the next batch of a field may load: what earlier batches weighed, and whether they were read.

use std::cell::RefCell;

use crate::number::FieldId;
use crate::store::{Slot, SlotSet};

/// Bytes that the lists of one batch may bring at first, as far as they can be foreseen; twice as many when those were
/// not enough
const FIRST_BYTES: usize = 2 << 20;

/// Batches of one record before two are tried again: twice as many each time that was in vain, up to the power of two
const MOST_TRIES: u32 = 6;

/// A batch as large as this that was read to the end is no less than a usual one.
const MOST_CAREFUL: usize = 256;

/// What the batches of a model's fields have shown, by the field that was missing
#[derive(Debug, Default)]
pub(crate) struct Paces(RefCell<Vec<Pace>>);

#[derive(Debug, Clone)]
struct Pace {
    /// The most that a batch may take; everything unless batches were dropped unread
    records: usize,
    /// The records that were in a batch
    seen: SlotSet,
    /// How many the last batch had, what was read of the field before it, and the drops from the cache before it
    size: usize,
    hits: usize,
    drops: usize,
    /// Batches in a row that were dropped before half of them was read
    unread: u32,
    /// Batches of one record since
    tried: u32,
    /// What was loaded so far: records (for a list its owners), rows and bytes
    loaded: Loaded,
    /// Bytes that a batch of lists may bring
    budget: usize,
    counting: Counting,
}

/// Whether the members of lists are counted
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// Not for its own sake: a number that came along with a sum says nothing.
    No,
    Asked,
    /// And such a list was read then
    First,
}

impl Pace {
    /// Takes twice as many again, if the last batch was read to the end.
    fn recover(&mut self, used: usize) {
        let size = self.size;
        if size <= 1 {
            // Says nothing of a second record. To try two each time would be half as much again in vain.
            self.tried += 1;
            if self.tried >= 1 << self.unread.min(MOST_TRIES) {
                self.records = 2;
            }
        } else if used >= size {
            self.records = if size > MOST_CAREFUL { usize::MAX } else { 2 * size };
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            records: usize::MAX,
            seen: SlotSet::default(),
            size: 0,
            hits: 0,
            drops: 0,
            unread: 0,
            tried: 0,
            loaded: Loaded::default(),
            budget: FIRST_BYTES,
            counting: Counting::No,
        }
    }
}

/// What some batches have brought
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) records: usize,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// What was read of a field, and dropped from the cache, until now
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) hits: usize,
    pub(crate) drops: usize,
}

impl Paces {
    fn with<R>(&self, field: FieldId, f: impl FnOnce(&mut Pace) -> R) -> R {
        let mut paces = self.0.borrow_mut();
        if paces.len() <= field.0 {
            paces.resize(field.0 + 1, Pace::default());
        }
        f(&mut paces[field.0])
    }

    /// The most records that a batch may take that a miss of this record begins
    ///
    /// A batch that was dropped before it was read makes the next one small: else a loop that drops what it does not
    /// read would read every window again and again.
    pub(crate) fn records(&self, field: FieldId, slot: Slot, now: Counters) -> usize {
        self.with(field, |pace| {
            let used = now.hits.saturating_sub(pace.hits).saturating_add(1);
            if 2 * used <= pace.size && pace.drops != now.drops && pace.seen.has(slot) {
                pace.unread += 1;
                pace.tried = 0;
                // Once is no pattern: who clears the cache after the first page wants the next one at once.
                if pace.unread > 1 {
                    pace.records = used;
                }
            } else if pace.records < usize::MAX {
                pace.recover(used);
            } else if used >= pace.size {
                pace.unread = 0;
            }
            pace.records
        })
    }

    /// Whether a record was in a batch before
    pub(crate) fn was_loaded(&self, field: FieldId, slot: Slot) -> bool {
        self.with(field, |pace| pace.seen.has(slot))
    }

    /// Whether what batches bring is read before it is dropped
    pub(crate) fn is_steady(&self, field: FieldId) -> bool {
        self.with(field, |pace| pace.unread == 0)
    }

    /// Whether something was dropped from the cache since the last batch
    pub(crate) fn was_dropped(&self, field: FieldId, drops: usize) -> bool {
        self.with(field, |pace| pace.drops != drops)
    }

    pub(crate) fn note_batch(&self, field: FieldId, batch: &[Slot], now: Counters) {
        self.with(field, |pace| {
            batch.iter().for_each(|&slot| {
                pace.seen.mark(slot);
            });
            (pace.size, pace.hits, pace.drops) = (batch.len(), now.hits, now.drops);
        });
    }

    pub(crate) fn weigh(&self, field: FieldId, loaded: Loaded) {
        self.with(field, |pace| {
            let all = &mut pace.loaded;
            all.records += loaded.records;
            all.rows += loaded.rows;
            all.bytes += loaded.bytes;
        });
    }

    /// What the batches of a field have brought so far
    pub(crate) fn loaded(&self, field: FieldId) -> Loaded {
        self.with(field, |pace| pace.loaded)
    }

    /// How many records fit into so many bytes, by those seen so far
    pub(crate) fn fitting(&self, field: FieldId, bytes: usize) -> usize {
        match self.loaded(field) {
            Loaded { records, bytes: taken, .. } if taken > 0 => {
                (bytes.saturating_mul(records) / taken).max(1)
            }
            _ => usize::MAX,
        }
    }

    /// Bytes that a batch of lists may bring
    pub(crate) fn budget(&self, field: FieldId) -> usize {
        self.with(field, |pace| pace.budget)
    }

    /// Notes that a batch was as large as the budget allows: the next one may bring twice as much.
    pub(crate) fn note_full(&self, field: FieldId) {
        self.with(field, |pace| pace.budget = pace.budget.saturating_mul(2));
    }

    /// Notes that somebody has asked how many members there are.
    pub(crate) fn note_counted(&self, field: FieldId) {
        self.with(field, |pace| {
            if pace.counting == Counting::No {
                pace.counting = Counting::Asked;
            }
        });
    }

    /// Notes that a list was read whose number of members was known.
    pub(crate) fn note_number_known(&self, field: FieldId) {
        self.with(field, |pace| {
            if pace.counting == Counting::Asked {
                pace.counting = Counting::First;
            }
        });
    }

    /// Whether lists are read after their members were counted
    pub(crate) fn is_counted_first(&self, field: FieldId) -> bool {
        self.with(field, |pace| pace.counting == Counting::First)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: FieldId = FieldId(0);

    /// A batch of these, of which so many were read before the next miss
    struct Reader {
        paces: Paces,
        now: Counters,
    }

    impl Reader {
        fn new() -> Self {
            Self { paces: Paces::default(), now: Counters { hits: 0, drops: 0 } }
        }

        /// What a miss of the first may load; as much of these is loaded, and so many of them are read
        fn batch(&mut self, slots: std::ops::Range<usize>, read: usize) -> usize {
            let records = self.paces.records(FIELD, Slot::at(slots.start), self.now);
            let batch: Vec<Slot> = slots.take(records.min(1000)).map(Slot::at).collect();
            self.paces.note_batch(FIELD, &batch, self.now);
            self.now.hits += read.min(batch.len()) - 1;
            records
        }
    }

    #[test]
    fn batches_that_are_read_stay_as_large_as_they_may() {
        let mut reader = Reader::new();
        for batch in 0..5 {
            assert_eq!(reader.batch(batch * 1000..9000, 1000), usize::MAX);
            reader.now.drops += 1;
        }
        assert!(reader.paces.is_steady(FIELD));
    }

    #[test]
    fn batches_that_are_dropped_unread_become_as_small_as_what_is_read() {
        let mut reader = Reader::new();
        let mut sizes = Vec::new();
        for tick in 0..40 {
            sizes.push(reader.batch(tick..9000, 1));
            reader.now.drops += 1;
        }
        // Twice is a pattern.
        assert_eq!(sizes[..4], [usize::MAX, usize::MAX, 1, 1]);
        assert!(sizes[4..].iter().all(|&size| size <= 2), "{sizes:?}");
        assert!(!reader.paces.is_steady(FIELD));
    }

    #[test]
    fn what_is_read_again_makes_them_grow_again() {
        let mut reader = Reader::new();
        for tick in 0..3 {
            reader.batch(tick..9000, 1);
            reader.now.drops += 1;
        }
        let (mut next, mut batches) = (3, 0);
        while next < 9000 {
            let size = reader.batch(next..9000, 1000).min(1000);
            next += size;
            batches += 1;
        }
        assert!(batches < 30, "{batches}");
        assert_eq!(reader.batch(0..9000, 1000), usize::MAX);
    }

    #[test]
    fn a_drop_of_what_was_read_is_none_of_what_was_not() {
        let mut reader = Reader::new();
        for _ in 0..5 {
            assert_eq!(reader.batch(0..9000, 600), usize::MAX);
            reader.now.drops += 1;
        }
    }

    #[test]
    fn rows_are_weighed_as_they_come() {
        let paces = Paces::default();
        assert_eq!(paces.fitting(FieldId(3), 1000), usize::MAX);
        paces.weigh(FieldId(3), Loaded { records: 10, rows: 50, bytes: 5000 });
        assert_eq!(
            (paces.fitting(FieldId(3), 1000), paces.fitting(FieldId(3), 1), paces.fitting(FieldId(0), 1)),
            (2, 1, usize::MAX)
        );
        let budget = paces.budget(FieldId(3));
        paces.note_full(FieldId(3));
        assert_eq!((paces.budget(FieldId(3)), paces.budget(FieldId(2))), (2 * budget, budget));
    }
}
