//! One model's part of the cache: its keys and its columns.

use std::cell::{Cell, RefCell};
use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::any_store::AnyStore;
use super::codec::AnyColumn;
use super::column::Stamp;
use super::columns;
use super::evict::Resident;
use super::keys::Keys;
use crate::key::Key;
use crate::model::{Columns, Model};
use crate::origin::Marks;
use crate::pace::Paces;
use crate::{Environment, Error};

/// By field and slot: how many members, and when they were counted
pub(super) type Counts = HashMap<(usize, u32), (usize, Stamp), FixedState>;

/// The records of one model that an environment has met
pub(crate) struct Store<M: Model> {
    pub(super) keys: RefCell<Keys<M::Key>>,
    pub(crate) columns: RefCell<M::Columns>,
    /// Which records count against a limit; kept only while there is one
    pub(super) resident: RefCell<Resident>,
    /// Members of to-many links that were counted and not listed, by field and slot
    pub(super) counts: RefCell<Counts>,
    /// What batches have shown so far
    pub(crate) paces: Paces,
    /// All slots before this one have been looked at as something to fill a batch with
    pub(super) named: Cell<usize>,
    /// The records with a dirty value, in the order in which they were first written
    pub(super) dirty: RefCell<(Vec<u32>, Marks)>,
    /// The records that were created one by one
    pub(super) created: RefCell<Vec<u32>>,
}

impl<M: Model> fmt::Debug for Store<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store<{}>({} keys)", M::NAME, self.slots())
    }
}

impl<M: Model> Default for Store<M> {
    fn default() -> Self {
        Self {
            keys: RefCell::default(),
            columns: RefCell::default(),
            resident: RefCell::default(),
            counts: RefCell::default(),
            paces: Paces::default(),
            named: Cell::default(),
            dirty: RefCell::default(),
            created: RefCell::default(),
        }
    }
}

impl<M: Model> Store<M> {
    #[inline]
    pub(crate) fn intern(&self, key: M::Key) -> u32 {
        self.keys.borrow_mut().intern(key)
    }

    pub(crate) fn find(&self, key: &M::Key) -> Option<u32> {
        self.keys.borrow().find(key)
    }

    #[inline]
    pub(crate) fn key(&self, slot: u32) -> M::Key {
        self.keys.borrow().key(slot).clone()
    }

    pub(crate) fn keys_of(&self, slots: &[u32]) -> Vec<M::Key> {
        let keys = self.keys.borrow();
        slots.iter().map(|&slot| keys.key(slot).clone()).collect()
    }

    pub(crate) fn slots(&self) -> usize {
        self.keys.borrow().len()
    }

    pub(crate) fn is_absent(&self, slot: u32) -> bool {
        self.keys.borrow().is_absent(slot)
    }

    pub(crate) fn set_absent(&self, slot: u32, since: Option<Stamp>) {
        self.keys.borrow_mut().set_absent(slot, since);
    }

    /// Notes that the rows of these slots exist.
    pub(crate) fn set_present(&self, slots: impl IntoIterator<Item = u32>) {
        let mut keys = self.keys.borrow_mut();
        if keys.has_absent() {
            slots.into_iter().for_each(|slot| keys.set_absent(slot, None));
        }
    }

    /// Whether a value of the record is cached that came from its row
    pub(crate) fn is_stored(&self, slot: u32) -> bool {
        let columns = self.columns.borrow();
        // An empty list says nothing, and a dirty value may have been given to a row that is not there.
        let is_stored = |column: &dyn AnyColumn<M::Connection>| column.has(slot) && !column.is_dirty(slot);
        let columns = M::FIELDS.iter().zip(columns.each());
        columns.filter(|(info, _)| info.relation.is_none()).any(|(_, column)| is_stored(column))
    }

    /// Forgets which rows did not exist.
    pub(crate) fn forget_absent(&self) {
        self.keys.borrow_mut().forget_absent();
    }

    pub(crate) fn conflict(&self, slot: u32) -> Error {
        Error::Conflict { model: M::NAME, id: self.key(slot).text() }
    }

    pub(crate) fn missing_record(&self, slot: u32) -> Error {
        Error::MissingRecord { model: M::NAME, id: self.key(slot).text() }
    }

    /// The record's key as a number, if it is one
    pub(crate) fn number(&self, slot: u32) -> Option<i64> {
        self.keys.borrow().key(slot).number()
    }

    /// Notes that a record has a value that is not in the database.
    pub(crate) fn note_dirty(&self, slot: u32) {
        let (slots, marks) = &mut *self.dirty.borrow_mut();
        if marks.mark(slot) {
            slots.push(slot);
        }
    }

    pub(crate) fn note_created(&self, slot: u32) {
        self.created.borrow_mut().push(slot);
    }

    pub(crate) fn has_dirty_records(&self) -> bool {
        !self.dirty.borrow().0.is_empty()
    }

    pub(crate) fn dirty(&self) -> Vec<u32> {
        self.dirty.borrow().0.clone()
    }

    pub(crate) fn forget_dirty(&self) {
        *self.dirty.borrow_mut() = Default::default();
    }

    /// Makes all clean values of a record missing, and forgets whether it exists.
    pub(crate) fn forget_record(&self, slot: u32) {
        self.set_absent(slot, None);
        for (field, column) in self.columns.borrow_mut().each_mut().into_iter().enumerate() {
            column.remove(slot);
            self.forget_count(field, slot);
        }
    }

    /// Makes the values missing of records whose version is: whoever wrote them anew would do so on the ground of a
    /// version that is younger than what was read, and nobody would notice that somebody else wrote in between.
    pub(crate) fn forget_unversioned(&self) {
        let Some(version) = M::VERSION else { return };
        columns::forget_unversioned(self.columns.borrow_mut().each_mut(), version, self.slots());
    }

    pub(crate) fn is_resident(&self, slot: u32) -> bool {
        self.resident.borrow().has(slot)
    }

    pub(crate) fn add_resident(&self, slot: u32) {
        self.resident.borrow_mut().add(slot);
    }

    /// Makes all values missing that are older than `max_age`, if the one about to be read is.
    #[cold]
    #[inline(never)]
    pub(crate) fn expire(&self, env: &Environment<M::Connection>, field: usize, slot: u32) {
        let counted_at = self.counts.borrow().get(&(field, slot)).map(|&(_, counted_at)| counted_at);
        let loaded_at = self.with_column(field, |column| column.loaded_at(slot)).or(counted_at);
        let loaded_at = loaded_at.or_else(|| self.keys.borrow().absent_since(slot));
        let oldest = env.settings.max_age.map_or(0, |age| env.oldest(age));
        if loaded_at.is_some_and(|loaded_at| loaded_at < oldest) {
            env.note_drop();
            AnyStore::<M::Connection>::expire(self, oldest);
        }
    }

    /// The first read of a page in a turn: makes a value missing that is too old, notes the use of one that is not.
    ///
    /// Tells whether there is one.
    pub(crate) fn touch(&self, env: &Environment<M::Connection>, field: usize, slot: u32) -> bool {
        if env.settings.max_age.is_some() {
            self.expire(env, field, slot);
        }
        self.with_column(field, |column| column.touch(slot, env.turn()))
    }

    pub(crate) fn count_of(&self, field: usize, slot: u32) -> Option<usize> {
        self.counts.borrow().get(&(field, slot)).map(|&(count, _)| count)
    }

    pub(crate) fn set_counts(&self, field: usize, now: Stamp, counts: impl Iterator<Item = (u32, usize)>) {
        self.counts.borrow_mut().extend(counts.map(|(slot, count)| ((field, slot), (count, now))));
    }

    pub(crate) fn forget_count(&self, field: usize, slot: u32) {
        self.counts.borrow_mut().remove(&(field, slot));
    }

    pub(crate) fn forget_counts(&self, field: usize) {
        self.counts.borrow_mut().retain(|&(other, _), _| other != field);
    }

    /// The fields that are loaded together with `field` and that at least one of these records lacks
    pub(super) fn missing_fields(&self, batch: &[u32], field: usize) -> Vec<usize> {
        let kind = M::FIELDS[field].prefetch;
        let columns = self.columns.borrow();
        let columns = columns.each();
        (0..M::FIELDS.len())
            // A version is never younger than what it is the version of.
            .filter(|&other| {
                M::FIELDS[other].prefetch.comes_with(kind, other == field) || M::VERSION == Some(other)
            })
            .filter(|&other| batch.iter().any(|&slot| !columns[other].has(slot)))
            .collect()
    }

    /// Bytes that keys and counts take
    pub(super) fn key_bytes(&self) -> usize {
        self.keys.borrow().bytes() + self.counts.borrow().allocation_size()
    }

    /// Bytes that the values take
    pub(crate) fn value_bytes(&self) -> usize {
        self.columns.borrow().each().iter().map(|column| column.bytes()).sum()
    }

    /// Runs work on one column, whatever its type.
    pub(crate) fn with_column<R>(
        &self,
        field: usize,
        f: impl FnOnce(&dyn AnyColumn<M::Connection>) -> R,
    ) -> R {
        let columns = self.columns.borrow();
        match columns.column(field) {
            Some(column) => f(column),
            None => unreachable!("{} has no column {field}", M::NAME),
        }
    }
}
