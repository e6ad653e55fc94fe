//! How much the next batch of a field may load: what earlier batches weighed, and whether they were read.

use std::cell::RefCell;

/// Bytes that the lists of one batch may bring at first, as far as they can be foreseen; twice as many when those were
/// not enough
const FIRST_BYTES: usize = 2 << 20;

/// So many batches of one record at most before two are tried again
const MOST_TRIES: u32 = 4;

/// A batch as large as this that was read to the end is no less than a usual one.
const MOST_CAREFUL: usize = 256;

/// What the batches of a model's fields have shown, by the field that was missing
#[derive(Debug, Default)]
pub(crate) struct Paces(RefCell<Vec<Pace>>);

#[derive(Debug, Clone)]
struct Pace {
    /// The most that a batch may take; everything unless batches were dropped unread
    records: usize,
    /// The last batch, what was read of the field before it, and the drops from the cache before it
    last: Vec<u32>,
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
    /// Whether a list was read whose members had been counted before
    counted_first: bool,
}

impl Pace {
    /// Takes twice as many again, if the last batch was read to the end.
    fn recover(&mut self, used: usize) {
        let size = self.last.len();
        if size <= 1 {
            // Says nothing of a second record. To try two each time would be half as much again in vain.
            self.tried += 1;
            if self.tried >= self.unread.min(MOST_TRIES) {
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
            last: Vec::new(),
            hits: 0,
            drops: 0,
            unread: 0,
            tried: 0,
            loaded: Loaded::default(),
            budget: FIRST_BYTES,
            counted_first: false,
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
    fn with<R>(&self, field: usize, f: impl FnOnce(&mut Pace) -> R) -> R {
        let mut paces = self.0.borrow_mut();
        if paces.len() <= field {
            paces.resize(field + 1, Pace::default());
        }
        f(&mut paces[field])
    }

    /// The most records that a batch may take that a miss of this record begins
    ///
    /// A batch that was dropped before it was read makes the next one small: else a loop that drops what it does not
    /// read would read every window again and again.
    pub(crate) fn records(&self, field: usize, slot: u32, now: Counters) -> usize {
        self.with(field, |pace| {
            let used = (now.hits - pace.hits).saturating_add(1);
            let size = pace.last.len();
            if 2 * used <= size && pace.drops != now.drops && pace.last.contains(&slot) {
                pace.unread += 1;
                pace.tried = 0;
                // Once is no pattern: who clears the cache after the first page wants the next one at once.
                if pace.unread > 1 {
                    pace.records = used;
                }
            } else if pace.records < usize::MAX {
                pace.recover(used);
            } else if used >= size {
                pace.unread = 0;
            }
            pace.records
        })
    }

    /// Whether what batches bring is read before it is dropped
    pub(crate) fn is_steady(&self, field: usize) -> bool {
        self.with(field, |pace| pace.unread == 0)
    }

    pub(crate) fn note_batch(&self, field: usize, batch: &[u32], now: Counters) {
        self.with(field, |pace| {
            pace.last.clear();
            pace.last.extend_from_slice(batch);
            (pace.hits, pace.drops) = (now.hits, now.drops);
        });
    }

    pub(crate) fn weigh(&self, field: usize, loaded: Loaded) {
        self.with(field, |pace| {
            let all = &mut pace.loaded;
            all.records += loaded.records;
            all.rows += loaded.rows;
            all.bytes += loaded.bytes;
        });
    }

    /// What the batches of a field have brought so far
    pub(crate) fn loaded(&self, field: usize) -> Loaded {
        self.with(field, |pace| pace.loaded)
    }

    /// How many records fit into so many bytes, by those seen so far
    pub(crate) fn fitting(&self, field: usize, bytes: usize) -> usize {
        match self.loaded(field) {
            Loaded { records, bytes: taken, .. } if taken > 0 => {
                (bytes.saturating_mul(records) / taken).max(1)
            }
            _ => usize::MAX,
        }
    }

    /// Bytes that a batch of lists may bring
    pub(crate) fn budget(&self, field: usize) -> usize {
        self.with(field, |pace| pace.budget)
    }

    /// Notes that a batch was as large as the budget allows: the next one may bring twice as much.
    pub(crate) fn note_full(&self, field: usize) {
        self.with(field, |pace| pace.budget = pace.budget.saturating_mul(2));
    }

    pub(crate) fn note_counted_first(&self, field: usize) {
        self.with(field, |pace| pace.counted_first = true);
    }

    /// Whether lists are read after their members were counted
    pub(crate) fn is_counted_first(&self, field: usize) -> bool {
        self.with(field, |pace| pace.counted_first)
    }
}
