//! What can be done with a set of records, in memory.

use std::fmt;
use std::hash::Hash;
use std::iter::{Enumerate, FusedIterator};
use std::ops::{BitAnd, BitOr, BitOrAssign, Range, Sub};
use std::rc::Rc;
use std::slice;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::group::Group;
use super::{Handle, Record, RecordSet};
use crate::field::Cached;
use crate::model::Model;
use crate::origin::{Marks, Origin, Reach};
use crate::prefetch;
use crate::relation::Want;
use crate::{Environment, Result, query};

impl<'env, M: Model> RecordSet<'env, M> {
    /// What a search found
    pub(crate) fn found(env: &'env Environment<M::Connection>, slots: Vec<u32>) -> Self {
        Self::wrap(Handle::set(Group::new(env, Origin::of(slots, Reach::Found))))
    }

    /// Records that were named by their keys
    pub(crate) fn named(env: &'env Environment<M::Connection>, slots: Vec<u32>) -> Self {
        Self::wrap(Handle::set(Group::new(env, Origin::of(slots, Reach::Named))))
    }

    /// These records, to be read with no others: not with those of the set that they were taken from
    ///
    /// What their links lead to is read for these records alone, too.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self::named(self.env(), self.slots().to_vec())
    }

    #[inline]
    pub(crate) fn slots(&self) -> &[u32] {
        &self.handle().group.origin.root.slots
    }

    /// The record at an index that is in range
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Record<'env, M> {
        let group = &self.handle().group;
        Record::wrap(Handle::new(Rc::clone(group), group.origin.root.slots[index], index as u32))
    }

    /// Some of these records, and others', to be prefetched with the sets that they came from
    fn taken(&self, slots: Vec<u32>, others: &[&Self]) -> Self {
        Self::wrap(Handle::set(self.handle().group.taken(slots, others, false)))
    }

    /// Records of these where the others' turn comes too
    fn arranged(&self, slots: Vec<u32>) -> Self {
        Self::wrap(Handle::set(self.handle().group.taken(slots, &[], true)))
    }

    /// How many records there are
    #[inline]
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// Whether there are none
    pub fn is_empty(&self) -> bool {
        self.slots().is_empty()
    }

    /// The records' keys, in order
    pub fn ids(&self) -> Vec<M::Key> {
        self.handle().group.store.keys_of(self.slots())
    }

    /// The first record, if any
    pub fn first(&self) -> Option<Record<'env, M>> {
        self.get(0)
    }

    /// The last record, if any
    pub fn last(&self) -> Option<Record<'env, M>> {
        self.len().checked_sub(1).map(|last| self.at(last))
    }

    /// The records from one index up to another, as far as there are any
    #[must_use]
    pub fn slice(&self, range: impl std::ops::RangeBounds<usize>) -> Self {
        let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
        let after = |bound: usize| bound.saturating_add(1);
        let end = match end {
            std::ops::Bound::Included(end) => after(end),
            std::ops::Bound::Excluded(end) => end,
            std::ops::Bound::Unbounded => usize::MAX,
        };
        let start = match start {
            std::ops::Bound::Included(start) => start,
            std::ops::Bound::Excluded(start) => after(start),
            std::ops::Bound::Unbounded => 0,
        };
        let end = end.min(self.len());
        self.taken(self.slots()[start.min(end)..end].to_vec(), &[])
    }

    /// The records one by one
    pub fn iter(&self) -> Iter<'_, 'env, M> {
        Iter { group: &self.handle().group, slots: self.slots().iter().enumerate() }
    }

    /// Whether a record is among these
    pub fn contains(&self, record: &Record<'env, M>) -> bool {
        match self.slot_of(record) {
            Some(slot) => self.slots().contains(&slot),
            None => false,
        }
    }

    /// The slot of a record in this set's environment
    fn slot_of(&self, record: &Record<'env, M>) -> Option<u32> {
        let (store, other) = (self.handle().group.store, record.handle().group.store);
        if std::ptr::eq(store, other) { Some(record.slot()) } else { store.find(&other.key(record.slot())) }
    }

    /// The records for which a condition holds
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn filter(&self, mut keep: impl FnMut(&Record<'env, M>) -> Result<bool>) -> Result<Self> {
        let mut slots = Vec::new();
        for record in self {
            if keep(&record)? {
                slots.push(record.slot());
            }
        }
        Ok(self.taken(slots, &[]))
    }

    /// The records in the order of what a function gives for each; those with equal keys stay in order
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn sort_by_key<T: Ord>(&self, mut key: impl FnMut(&Record<'env, M>) -> Result<T>) -> Result<Self> {
        let keyed = self.iter().map(|record| Ok((key(&record)?, record.slot())));
        let mut keyed = keyed.collect::<Result<Vec<_>>>()?;
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(self.arranged(keyed.into_iter().map(|(_, slot)| slot).collect()))
    }

    /// The records in the opposite order
    #[must_use]
    pub fn reversed(&self) -> Self {
        self.arranged(self.slots().iter().rev().copied().collect())
    }

    /// The records by what a function gives for each, in order of first appearance
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn group_by<T: Eq + Hash>(
        &self,
        mut key: impl FnMut(&Record<'env, M>) -> Result<T>,
    ) -> Result<IndexMap<T, Self>> {
        let mut groups: IndexMap<T, Vec<u32>, FixedState> = IndexMap::default();
        for record in self {
            groups.entry(key(&record)?).or_default().push(record.slot());
        }
        Ok(groups.into_iter().map(|(key, slots)| (key, self.arranged(slots))).collect())
    }

    /// What a function gives for each of the records
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn map<T>(&self, mut f: impl FnMut(&Record<'env, M>) -> Result<T>) -> Result<Vec<T>> {
        self.iter().map(|record| f(&record)).collect()
    }

    /// These records, then the other ones; what is in both is twice in the result
    #[must_use]
    pub fn concat(&self, other: &Self) -> Self {
        self.taken(self.slots().iter().chain(&other.slots_here(self)).copied().collect(), &[other])
    }

    /// The slots of these records in another set's environment
    fn slots_here(&self, here: &Self) -> Vec<u32> {
        let (store, from) = (here.handle().group.store, self.handle().group.store);
        if std::ptr::eq(store, from) {
            self.slots().to_vec()
        } else {
            self.ids().into_iter().map(|key| store.intern(key)).collect()
        }
    }

    /// The records whose rows exist: asks the database, a SELECT for each window
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn exists(&self) -> Result<Self> {
        let Group { env, store, .. } = *self.handle().group;
        for window in self.slots().chunks(env.settings.prefetch_limit) {
            query::by_keys(env, store, window, &[], "exists")?;
        }
        let found = self.slots().iter().copied().filter(|&slot| !store.is_absent(slot));
        Ok(self.taken(found.collect(), &[]))
    }

    /// Loads all prefetchable columns that are not cached, for all of these records: a SELECT for each window
    ///
    /// # Errors
    ///
    /// Those of the database. Rows that do not exist are left out.
    pub fn prefetch(&self) -> Result<()> {
        let Group { env, store, .. } = *self.handle().group;
        prefetch::load_columns(env, store, self.slots())
    }

    /// Loads one field for all of these records, a deferred one or a link too: a SELECT for each window
    ///
    /// # Errors
    ///
    /// Those of the database. Rows that do not exist are left out.
    pub fn prefetch_field<F: Cached<M>>(&self, field: F) -> Result<()> {
        let Group { env, store, .. } = *self.handle().group;
        prefetch::read_all(env, store, self.slots(), field.position(), Want::Records).map(drop)
    }

    /// These records, to be read as part of another set: a miss loads these first, then those
    #[must_use]
    pub fn with_prefetch(&self, other: &Self) -> Self {
        Self::wrap(Handle::set(other.handle().group.taken(self.slots().to_vec(), &[], false)))
    }

    /// Takes slots that are, or are not, in another set; each once
    fn select(&self, other: &Self, keep_common: bool) -> Self {
        let (mut theirs, mut taken) = (Marks::new(0), Marks::new(0));
        other.slots_here(self).iter().for_each(|&slot| {
            theirs.mark(slot);
        });
        let slots = self.slots().iter().copied();
        let slots = slots.filter(|&slot| theirs.has(slot) == keep_common && taken.mark(slot)).collect();
        self.taken(slots, &[])
    }
}

/// All records of both sets, each once, in order of first appearance
impl<'env, M: Model> BitOr for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn bitor(self, other: Self) -> RecordSet<'env, M> {
        let mut seen = Marks::new(0);
        let theirs = other.slots_here(self);
        let slots = self.slots().iter().chain(&theirs).copied().filter(|&slot| seen.mark(slot)).collect();
        self.taken(slots, &[other])
    }
}

/// Adds the records of the other set that are not in this one yet
impl<'env, M: Model> BitOrAssign<&Self> for RecordSet<'env, M> {
    fn bitor_assign(&mut self, other: &Self) {
        *self = &*self | other;
    }
}

/// The records that are in both sets
impl<'env, M: Model> BitAnd for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn bitand(self, other: Self) -> RecordSet<'env, M> {
        self.select(other, true)
    }
}

/// The records that are not in the other set
impl<'env, M: Model> Sub for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn sub(self, other: Self) -> RecordSet<'env, M> {
        self.select(other, false)
    }
}

/// The same records, whatever the order and however often
impl<M: Model> PartialEq for RecordSet<'_, M> {
    fn eq(&self, other: &Self) -> bool {
        let of = |slots: &[u32]| {
            let mut marks = Marks::new(0);
            let count = slots.iter().filter(|&&slot| marks.mark(slot)).count();
            (marks, count)
        };
        let theirs = other.slots_here(self);
        let (mine, count) = of(self.slots());
        let (_, their_count) = of(&theirs);
        count == their_count && theirs.iter().all(|&slot| mine.has(slot))
    }
}

impl<M: Model> Eq for RecordSet<'_, M> {}

impl<'env, M: Model> From<Record<'env, M>> for RecordSet<'env, M> {
    /// A set of one, still prefetched with what the record came with
    fn from(record: Record<'env, M>) -> Self {
        let Handle { ref group, slot, at, .. } = *record.handle();
        Self::wrap(Handle::set(group.reached(vec![slot], at)))
    }
}

/// The records of a set, one by one
pub struct Iter<'a, 'env, M: Model> {
    group: &'a Rc<Group<'env, M>>,
    slots: Enumerate<slice::Iter<'a, u32>>,
}

impl<'env, M: Model> Iter<'_, 'env, M> {
    #[inline]
    fn at(&self, (at, &slot): (usize, &u32)) -> Record<'env, M> {
        Record::wrap(Handle::new(Rc::clone(self.group), slot, at as u32))
    }
}

/// The records of a set that was given up, one by one
pub struct IntoIter<'env, M: Model> {
    set: RecordSet<'env, M>,
    slots: Range<usize>,
}

impl<'env, M: Model> IntoIter<'env, M> {
    fn at(&self, index: usize) -> Record<'env, M> {
        self.set.at(index)
    }
}

macro_rules! iterators {
    ($([$($generics:tt)*] $name:ty;)*) => {$(
        impl<$($generics)*> Iterator for $name {
            type Item = Record<'env, M>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.slots.next().map(|slot| self.at(slot))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.slots.size_hint()
            }

            fn nth(&mut self, n: usize) -> Option<Self::Item> {
                self.slots.nth(n).map(|slot| self.at(slot))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                self.slots.next_back().map(|slot| self.at(slot))
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.slots.clone().map(|slot| self.at(slot))).finish()
            }
        }
    )*};
}
iterators! {
    ['a, 'env, M: Model] Iter<'a, 'env, M>;
    ['env, M: Model] IntoIter<'env, M>;
}

impl<'a, 'env, M: Model> IntoIterator for &'a RecordSet<'env, M> {
    type Item = Record<'env, M>;
    type IntoIter = Iter<'a, 'env, M>;

    fn into_iter(self) -> Iter<'a, 'env, M> {
        self.iter()
    }
}

impl<'env, M: Model> IntoIterator for RecordSet<'env, M> {
    type Item = Record<'env, M>;
    type IntoIter = IntoIter<'env, M>;

    fn into_iter(self) -> IntoIter<'env, M> {
        let slots = 0..self.len();
        IntoIter { set: self, slots }
    }
}
