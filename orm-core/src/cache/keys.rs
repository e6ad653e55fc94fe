//! Slots: each key that an environment has met has a number, the same in every column of its model.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use super::column::Stamp;
use crate::key::Key;

/// Stands where a record would: a link that is NULL.
pub(crate) const NULL: u32 = u32::MAX;
/// Stands where a record would: a link that has not been looked at yet.
pub(crate) const UNRESOLVED: u32 = u32::MAX - 1;

/// The two-way table of keys and slots, and what is known of rows that do not exist
#[derive(Debug)]
pub(crate) struct Keys<K> {
    keys: Vec<K>,
    /// Slots by key, for keys that are small whole numbers: most tables number their rows
    dense: Vec<u32>,
    /// Slots of all other keys
    slots: HashTable<u32>,
    /// Slots whose row was looked for and not found (rule P10), and when
    absent: HashMap<u32, Stamp, FixedState>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), dense: Vec::new(), slots: HashTable::new(), absent: HashMap::default() }
    }
}

#[inline]
fn hash<K: Key>(key: &K) -> u64 {
    FixedState::with_seed(0).hash_one(key)
}

/// The key as an index, if it is a whole number
#[inline(always)]
fn small<K: Key>(key: &K) -> Option<usize> {
    key.number().and_then(|number| usize::try_from(number).ok())
}

impl<K: Key> Keys<K> {
    /// The slot of a key, given one now if it has none
    #[inline]
    pub(crate) fn intern(&mut self, key: K) -> u32 {
        let Some(number) = small(&key) else { return self.intern_hashed(key) };
        if let Some(&slot) = self.dense.get(number)
            && slot != NULL
        {
            return slot;
        }
        // At most four places for each key: a sparse table costs no more than a hashed one.
        if number >= 4 * self.keys.len() + 1024
            || (!self.slots.is_empty() && self.find_hashed(&key).is_some())
        {
            return self.intern_hashed(key);
        }
        if number >= self.dense.len() {
            self.dense.resize(number + 1, NULL);
        }
        let slot = self.keys.len() as u32;
        self.dense[number] = slot;
        self.keys.push(key);
        slot
    }

    fn intern_hashed(&mut self, key: K) -> u32 {
        let keys = &mut self.keys;
        let entry = self.slots.entry(
            hash(&key),
            |&slot| keys[slot as usize] == key,
            |&slot| hash(&keys[slot as usize]),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let slot = keys.len() as u32;
                entry.insert(slot);
                keys.push(key);
                slot
            }
        }
    }

    pub(crate) fn find(&self, key: &K) -> Option<u32> {
        let dense = small(key).and_then(|number| self.dense.get(number)).copied();
        dense.filter(|&slot| slot != NULL).or_else(|| self.find_hashed(key))
    }

    fn find_hashed(&self, key: &K) -> Option<u32> {
        self.slots.find(hash(key), |&slot| self.keys[slot as usize] == *key).copied()
    }

    pub(crate) fn key(&self, slot: u32) -> &K {
        &self.keys[slot as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn is_absent(&self, slot: u32) -> bool {
        !self.absent.is_empty() && self.absent.contains_key(&slot)
    }

    /// Whether a row is known not to exist
    pub(crate) fn has_absent(&self) -> bool {
        !self.absent.is_empty()
    }

    /// When the row was looked for and not found
    pub(crate) fn absent_since(&self, slot: u32) -> Option<Stamp> {
        self.absent.get(&slot).copied()
    }

    /// Notes that a row did not exist at some time; `None`: that it does.
    pub(crate) fn set_absent(&mut self, slot: u32, since: Option<Stamp>) {
        if let Some(since) = since {
            self.absent.insert(slot, since);
        } else if self.has_absent() {
            self.absent.remove(&slot);
        }
    }

    /// Forgets which rows did not exist.
    pub(crate) fn forget_absent(&mut self) {
        self.absent.clear();
    }

    /// Forgets which rows did not exist when they were last looked for before a time.
    pub(crate) fn expire_absent(&mut self, before: Stamp) {
        self.absent.retain(|_, &mut since| since >= before);
    }

    /// Forgets the slots from one on, and their keys.
    pub(crate) fn truncate(&mut self, from: usize) {
        if from == 0 {
            *self = Self::default();
            return;
        }
        for slot in from..self.keys.len() {
            match small(&self.keys[slot]) {
                Some(number) if self.dense.get(number) == Some(&(slot as u32)) => self.dense[number] = NULL,
                _ => {
                    let keys = &self.keys;
                    let found = self.slots.find_entry(hash(&keys[slot]), |&other| other as usize == slot);
                    if let Ok(entry) = found {
                        entry.remove();
                    }
                }
            }
        }
        self.keys.truncate(from);
        self.absent.retain(|&slot, _| (slot as usize) < from);
        // A table as long as the largest key would outgrow the few keys that are left.
        let used = self.dense.iter().rposition(|&slot| slot != NULL).map_or(0, |last| last + 1);
        self.dense.truncate(used);
    }

    pub(crate) fn bytes(&self) -> usize {
        let heap: usize =
            if std::mem::needs_drop::<K>() { self.keys.iter().map(Key::heap_bytes).sum() } else { 0 };
        self.keys.capacity() * size_of::<K>()
            + self.dense.capacity() * size_of::<u32>()
            + self.slots.allocation_size()
            + self.absent.allocation_size()
            + heap
    }
}
