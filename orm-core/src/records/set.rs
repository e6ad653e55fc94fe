//! What can be done with a set of records, in memory.

use std::ops::{Bound, RangeBounds};
use std::panic::Location;
use std::rc::Rc;

use super::group::Group;
use super::{Handle, Model, Record, RecordSet};
use crate::env::stores::Want;
use crate::env::watch::{Place, Spot};
use crate::error::Repeated;
use crate::load::miss::Miss;
use crate::load::origin::{Origin, Reach};
use crate::load::{prefetch, query};
use crate::model::always;
use crate::number::FieldId;
use crate::records::field::Cached;
use crate::store::Slot;
use crate::{Environment, Error, Result};

impl<'env, M: Model> RecordSet<'env, M> {
    /// What a search found
    pub(crate) fn found(env: &'env Environment<M::Connection>, slots: Vec<Slot>) -> Self {
        Self::wrap(Handle::set(Group::new(env, Origin::of(slots, Reach::Found))))
    }

    /// Records that were named by their keys
    pub(crate) fn named(env: &'env Environment<M::Connection>, slots: Vec<Slot>) -> Self {
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
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.handle().group.origin.root.slots
    }

    /// The record at an index that is in range
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Record<'env, M> {
        let group = &self.handle().group;
        Record::wrap(Handle::new(Rc::clone(group), group.origin.root.slots[index], index as u32))
    }

    /// Some of these records, to be prefetched with the set that they came from
    pub(super) fn taken(&self, slots: Vec<Slot>) -> Self {
        Self::wrap(Handle::set(self.handle().group.taken(slots, None, false)))
    }

    /// Records of these where the others' turn comes too
    pub(super) fn arranged(&self, slots: Vec<Slot>) -> Self {
        Self::wrap(Handle::set(self.handle().group.taken(slots, None, true)))
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
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
        let after = |bound: usize| bound.saturating_add(1);
        let end = match end {
            Bound::Included(end) => after(end),
            Bound::Excluded(end) => end,
            Bound::Unbounded => usize::MAX,
        };
        let start = match start {
            Bound::Included(start) => start,
            Bound::Excluded(start) => after(start),
            Bound::Unbounded => 0,
        };
        let end = end.min(self.len());
        self.taken(self.slots()[start.min(end)..end].to_vec())
    }

    /// The only record of the set
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] if there are none or several.
    pub fn one(&self) -> Result<Record<'env, M>> {
        match self.len() {
            1 => Ok(self.at(0)),
            count => Err(Error::NotOne { model: M::NAME, count }),
        }
    }

    /// Whether a record is among these
    pub fn contains(&self, record: &Record<'_, M>) -> bool {
        record.slot_in(self.handle().group.store).is_some_and(|slot| self.slots().contains(&slot))
    }

    /// The records in the opposite order
    #[must_use]
    pub fn reversed(&self) -> Self {
        self.arranged(self.slots().iter().rev().copied().collect())
    }

    /// The records whose rows exist: asks the database, a SELECT for each window
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn exists(&self) -> Result<Self> {
        let Group { env, store, .. } = *self.handle().group;
        let spot = Spot::new(Location::caller(), Repeated::Lookup, M::NAME, "");
        env.watch_records(spot, M::number().get(), self.slots())?;
        for window in self.slots().chunks(env.settings.prefetch_limit.min(store.most_keys())) {
            query::by_keys(env, store, window, &[], "exists")?;
        }
        self.slots().iter().for_each(|&slot| env.note_presence(store, slot));
        let found = self.slots().iter().map(|&slot| store.meant(slot)).filter(|&slot| !store.is_absent(slot));
        Ok(self.taken(found.collect()))
    }

    /// Loads all prefetchable columns that are not cached, for all of these records: a SELECT for each window
    ///
    /// # Errors
    ///
    /// Those of the database. Rows that do not exist are left out.
    #[track_caller]
    pub fn prefetch(&self) -> Result<()> {
        let Group { env, store, .. } = *self.handle().group;
        if let Some(field) = always::<M>().next() {
            self.watch_prefetch(field, Location::caller())?;
        }
        prefetch::load_columns(env, store, self.slots())
    }

    /// Loads one field for all of these records, a deferred one or a link too: a SELECT for each window; one that is computed
    /// is computed for all
    ///
    /// # Errors
    ///
    /// Those of the database. Rows that do not exist are left out.
    #[track_caller]
    pub fn prefetch_field<F: Cached<M>>(&self, field: F) -> Result<()> {
        field.prefetch(self, Location::caller())
    }

    /// Loads a stored field for all of these records.
    pub(crate) fn load_field(&self, field: FieldId, at: Place) -> Result<()> {
        let Group { env, store, .. } = *self.handle().group;
        self.watch_prefetch(field, at)?;
        prefetch::read_all(env, store, self.slots(), field, Want::Records).map(drop)
    }

    /// Notes that these records are read with no others.
    fn watch_prefetch(&self, field: FieldId, at: Place) -> Result<()> {
        let group = &self.handle().group;
        let miss = Miss { scope: group.scope(None), slots: self.slots(), field, want: Want::Records, at };
        prefetch::watch_alone(group.env, group.store, miss)
    }

    /// These records, to be read as part of another set: a miss loads these first, then those
    ///
    /// They stay in their own environment; of a set of another one it is the records with the same keys that are loaded.
    #[must_use]
    pub fn with_prefetch(&self, other: &RecordSet<'_, M>) -> Self {
        Self::wrap(Handle::set(other.company_of(self.env(), self.slots().to_vec())))
    }
}
