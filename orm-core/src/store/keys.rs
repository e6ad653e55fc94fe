//! Keys: the two-way table of keys and slots.

use std::any::Any;
use std::cell::RefCell;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::slot::Slot;
use crate::Str;
use crate::key::{Key, SortKey};

/// The keys of the rows of a table, each with its slot
#[derive(Debug)]
pub(crate) struct Keys<K> {
    keys: Vec<K>,
    /// Slots by key, for keys that are small whole numbers: most tables number their rows
    dense: Vec<Slot>,
    /// Slots of all other keys
    slots: HashTable<Slot>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), dense: Vec::new(), slots: HashTable::new() }
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

/// Why a row cannot be read whose key gets no slot
pub(crate) const TOO_MANY: &str =
    "an environment has no room for more records of one table: read them with `in_batches`";

#[cold]
#[expect(clippy::panic, reason = "as a collection that is out of capacity")]
fn are_too_many() -> Slot {
    panic!("{TOO_MANY}")
}

impl<K: Key> Keys<K> {
    /// The slot of a key, given one now if it has none
    ///
    /// # Panics
    ///
    /// If there is none left to be given. Whatever brings keys by the billion is a SELECT, which takes [`try_intern`](Self::try_intern).
    pub(crate) fn intern(&mut self, key: K) -> Slot {
        self.try_intern(key).unwrap_or_else(are_too_many)
    }

    /// The same; `None` if there is none left to be given
    #[inline]
    pub(crate) fn try_intern(&mut self, key: K) -> Option<Slot> {
        match small(&key).and_then(|number| self.dense.get(number)) {
            Some(&slot) if slot != Slot::NULL => Some(slot),
            _ => self.intern_apart(key),
        }
    }

    /// The same of a key that is not among the dense ones
    #[inline(never)]
    fn intern_apart(&mut self, key: K) -> Option<Slot> {
        let Some(number) = small(&key) else { return self.intern_hashed(key) };
        // At most four places for each key: a sparse table costs no more than a hashed one.
        if number >= 4 * self.keys.len() + 1024
            || (!self.slots.is_empty() && self.find_hashed(&key).is_some())
        {
            return self.intern_hashed(key);
        }
        if number >= self.dense.len() {
            self.dense.resize(number + 1, Slot::NULL);
        }
        let slot = Slot::after(self.keys.len())?;
        self.dense[number] = slot;
        self.keys.push(key);
        Some(slot)
    }

    fn intern_hashed(&mut self, key: K) -> Option<Slot> {
        let keys = &mut self.keys;
        let entry = self.slots.entry(
            hash(&key),
            |&slot| keys[slot.index()] == key,
            |&slot| hash(&keys[slot.index()]),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => Some(*entry.get()),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let slot = Slot::after(keys.len())?;
                entry.insert(slot);
                keys.push(key);
                Some(slot)
            }
        }
    }

    pub(crate) fn find(&self, key: &K) -> Option<Slot> {
        let dense = small(key).and_then(|number| self.dense.get(number)).copied();
        dense.filter(|&slot| slot != Slot::NULL).or_else(|| self.find_hashed(key))
    }

    fn find_hashed(&self, key: &K) -> Option<Slot> {
        self.slots.find(hash(key), |&slot| self.keys[slot.index()] == *key).copied()
    }

    pub(crate) fn key(&self, slot: Slot) -> &K {
        &self.keys[slot.index()]
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets the slots from one on, and their keys.
    pub(crate) fn truncate(&mut self, from: usize) {
        if from == 0 {
            *self = Self::default();
            return;
        }
        for slot in from..self.keys.len() {
            match small(&self.keys[slot]) {
                Some(number) if self.dense.get(number) == Some(&Slot::at(slot)) => {
                    self.dense[number] = Slot::NULL;
                }
                _ => {
                    let keys = &self.keys;
                    let found = self.slots.find_entry(hash(&keys[slot]), |&other| other.index() == slot);
                    if let Ok(entry) = found {
                        entry.remove();
                    }
                }
            }
        }
        self.keys.truncate(from);
        // A table as long as the largest key would outgrow the few keys that are left.
        let used = self.dense.iter().rposition(|&slot| slot != Slot::NULL).map_or(0, |last| last + 1);
        self.dense.truncate(used);
    }

    pub(crate) fn bytes(&self) -> usize {
        let heap: usize =
            if std::mem::needs_drop::<K>() { self.keys.iter().map(Key::heap_bytes).sum() } else { 0 };
        self.keys.capacity() * size_of::<K>()
            + self.dense.capacity() * size_of::<Slot>()
            + self.slots.allocation_size()
            + heap
    }
}

/// The keys of a table whatever their type
pub(crate) trait AnyKeys: Any + Send {
    fn len(&self) -> usize;
    /// A key as text, for messages
    fn text(&self, slot: Slot) -> Str;
    /// A key as a number, if it is one
    fn number(&self, slot: Slot) -> Option<i64>;
    /// By what the database puts a key in order, if that is known
    fn sort_key(&self, slot: Slot) -> Option<SortKey>;
    /// The slot of a key that is a whole number, if keys of the type can be this one
    fn intern_number(&self, number: i64) -> Option<Slot>;
    /// The slot here of another table's key, if that has keys of the same type
    fn intern_from(&self, other: &dyn AnyKeys, slot: Slot) -> Option<Slot>;
    /// Whether all keys of the type are numbers
    fn are_numbers(&self) -> bool;
    fn truncate(&self, from: usize);
    fn bytes(&self) -> usize;
}

impl<K: Key> AnyKeys for RefCell<Keys<K>> {
    fn len(&self) -> usize {
        self.borrow().len()
    }

    fn text(&self, slot: Slot) -> Str {
        self.borrow().key(slot).text()
    }

    fn number(&self, slot: Slot) -> Option<i64> {
        self.borrow().key(slot).number()
    }

    fn sort_key(&self, slot: Slot) -> Option<SortKey> {
        self.borrow().key(slot).sort_key()
    }

    fn intern_number(&self, number: i64) -> Option<Slot> {
        Some(self.borrow_mut().intern(K::of_number(number)?))
    }

    fn intern_from(&self, other: &dyn AnyKeys, slot: Slot) -> Option<Slot> {
        let other: &Self = (other as &dyn Any).downcast_ref()?;
        let key = other.borrow().key(slot).clone();
        Some(self.borrow_mut().intern(key))
    }

    fn are_numbers(&self) -> bool {
        K::is_number()
    }

    fn truncate(&self, from: usize) {
        self.borrow_mut().truncate(from);
    }

    fn bytes(&self) -> usize {
        self.borrow().bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_slot_dense_or_hashed() {
        let mut keys = Keys::default();
        // Near ones, one far away, one below zero.
        let given = [7_i64, 0, 1_000_000, -3, 8];
        let slots = given.map(|key| keys.intern(key));
        assert_eq!(slots, [0, 1, 2, 3, 4].map(Slot::at));
        assert_eq!(given.map(|key| keys.intern(key)), slots);
        assert_eq!(given.map(|key| keys.find(&key)), slots.map(Some));
        assert_eq!((keys.find(&1), keys.len(), *keys.key(Slot::at(2))), (None, 5, 1_000_000));
    }

    #[test]
    fn no_slot_is_given_twice_where_there_are_no_more() {
        let mut keys: Keys<i64> = Keys::default();
        (0..Slot::MOST as i64).for_each(|key| assert!(keys.try_intern(key).is_some()));
        // Small ones and others; those that are known keep theirs.
        assert_eq!([Slot::MOST as i64, -1].map(|key| keys.try_intern(key)), [None, None]);
        assert_eq!((keys.find(&-1), keys.len()), (None, Slot::MOST));
        assert_eq!(keys.intern(7), Slot::at(7));
        assert!(std::panic::catch_unwind(move || keys.intern(-1)).is_err());
    }

    #[test]
    fn what_is_truncated_is_known_no_more() {
        for from in 0..6 {
            let mut keys = Keys::default();
            let given = ["a", "b", "c", "d", "e"].map(Str::from);
            given.iter().for_each(|key| {
                keys.intern(key.clone());
            });
            keys.truncate(from);
            for (slot, key) in given.iter().enumerate() {
                assert_eq!(keys.find(key), (slot < from).then(|| Slot::at(slot)));
            }
            assert_eq!(keys.intern("z".into()).index(), from.min(5));
        }
        let mut keys: Keys<i32> = Keys::default();
        [5, 900_000, 6].into_iter().for_each(|key| {
            keys.intern(key);
        });
        keys.truncate(1);
        assert_eq!([5, 900_000, 6].map(|key| keys.find(&key)), [Some(Slot::at(0)), None, None]);
        keys.truncate(0);
        assert_eq!(keys.bytes(), 0);
    }
}
