//! The public [`Cache`], and keeping to limits: the pages that were used longest ago leave first, dirty values never.

use std::fmt;
use std::time::Instant;

use crate::Environment;
use crate::backend::Connection;
use crate::env::evict::make_room;
use crate::env::stores::Store;
use crate::model::IntoKey;
use crate::records::Model;
use crate::records::field::{Cacheable, Cached};
use crate::records::value::IntoValue;
use crate::store::{Slot, Stats};

/// A look into an environment's cache, and the means to manage it; no call here asks the database
///
/// `None` from [`get`](Self::get) is MISSING: nothing is known. A NULL is a value: `Some(None)`.
pub struct Cache<'env, C: Connection> {
    env: &'env Environment<C>,
}

/// One cached value, and since when
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry<T> {
    /// The value
    pub value: T,
    /// When it was loaded, put or written
    pub loaded_at: Instant,
    /// Whether it was written and waits for a flush
    pub dirty: bool,
}

impl<C: Connection> Clone for Cache<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Connection> Copy for Cache<'_, C> {}

impl<C: Connection> fmt::Debug for Cache<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.stats()).finish()
    }
}

/// What is cached, as [`Stats`] shows it
impl<C: Connection> fmt::Display for Cache<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

impl<'env, C: Connection> Cache<'env, C> {
    pub(crate) fn new(env: &'env Environment<C>) -> Self {
        Self { env }
    }

    /// The cached value of a field; `None` is MISSING
    ///
    /// A to-one link's value is its key, a to-many link's the keys of its members.
    pub fn get<M, F>(self, field: F, key: impl IntoKey<M>) -> Option<F::Value>
    where
        M: Model<Connection = C>,
        F: Cached<M>,
    {
        let (_, slot) = self.known(field, key)?;
        field.cached(self.env, slot)
    }

    /// A record that is known here; what is too old of it is missing now.
    fn known<M, F>(self, field: F, key: impl IntoKey<M>) -> Option<(Store<'env, C>, Slot)>
    where
        M: Model<Connection = C>,
        F: Cached<M>,
    {
        let store = self.env.store::<M>();
        let slot = store.find(&key.into_key())?;
        if self.env.settings.max_age.is_some() {
            self.env.expire(store, field.position(), slot);
        }
        self.env.settle();
        // Of what may follow from rows that have changed nobody can say without asking whether it does.
        (!self.env.is_doubted(store, field.position())).then_some((store, slot))
    }

    /// The cached value of a field, with its time and whether it waits for a flush
    pub fn entry<M, F>(self, field: F, key: impl IntoKey<M>) -> Option<CacheEntry<F::Value>>
    where
        M: Model<Connection = C>,
        F: Cached<M>,
    {
        let (store, slot) = self.known(field, key)?;
        let value = field.cached(self.env, slot)?;
        let column = store.column(field.position());
        let loaded_at = self.env.instant(column.loaded_at(slot)?);
        Some(CacheEntry { value, loaded_at, dirty: column.is_dirty(slot) })
    }

    /// Puts a value into the cache, as if it had been loaded: it is not dirty, and an unflushed write stays
    pub fn set<M, F>(self, field: F, key: impl IntoKey<M>, value: impl IntoValue<F::Value>)
    where
        M: Model<Connection = C>,
        F: Cacheable<M>,
    {
        let store = self.env.store::<M>();
        let slot = store.intern(key.into_key());
        store.set_absent(slot, None);
        store.forget_unreadable_cell(store.column_of(field.position()), slot);
        store.note_put(store.column_of(field.position()), slot);
        field.put(self.env, slot, value.into_value());
        if self.env.limits.any() {
            store.add_resident(slot);
            make_room(self.env, 0, u32::MAX);
        }
    }

    /// Puts many values of one field into the cache, as if they had been loaded
    pub fn set_many<M, F, K, V>(self, field: F, values: impl IntoIterator<Item = (K, V)>)
    where
        M: Model<Connection = C>,
        F: Cacheable<M>,
        K: IntoKey<M>,
        V: IntoValue<F::Value>,
    {
        for (key, value) in values {
            self.set(field, key, value);
        }
    }

    /// Makes a field missing for these records; an unflushed write stays
    pub fn invalidate<M, F>(self, field: F, keys: impl IntoIterator<Item: IntoKey<M>>)
    where
        M: Model<Connection = C>,
        F: Cached<M>,
    {
        let store = self.env.store::<M>();
        self.env.note_drop();
        let column = store.column_of(field.position());
        for key in keys {
            match store.find(&key.into_key()) {
                Some(slot) => {
                    store.set_absent(slot, None);
                    store.forget_cell(column, slot);
                }
                // It may be a member that was counted in by the database alone.
                None => store.note_forgotten(column, None),
            }
        }
        if M::VERSION == Some(field.position().0) {
            store.forget_unversioned();
        }
        self.count_again(store);
    }

    /// Makes a field missing for all records; unflushed writes stay
    pub fn invalidate_field<M, F>(self, field: F)
    where
        M: Model<Connection = C>,
        F: Cached<M>,
    {
        let store = self.env.store::<M>();
        self.env.note_drop();
        store.forget_absent();
        store.invalidate_column(store.column_of(field.position()));
        if M::VERSION == Some(field.position().0) {
            store.forget_unversioned();
        }
        self.count_again(store);
    }

    /// Records that have lost their last value do not count against a limit any more.
    fn count_again(self, store: Store<'_, C>) {
        if self.env.limits.any() {
            store.count_residents();
        }
    }

    /// Makes all values of a model missing; unflushed writes stay
    pub fn invalidate_model<M: Model<Connection = C>>(self) {
        self.env.note_drop();
        self.env.store::<M>().invalidate();
    }

    /// Makes all values missing; unflushed writes stay. Keys are given back too, if no record or set is held and nothing is
    /// waiting
    ///
    /// For an environment that lives long: called between two jobs, it leaves the memory as it was before the first.
    pub fn clear(self) {
        self.env.clear();
    }

    /// Caches at most so many records from now on, or any number if it is `None`: those used longest ago leave first,
    /// unflushed writes never
    pub fn set_limit(self, records: impl Into<Option<usize>>) {
        self.env.limits.records.set(records.into());
        self.keep_to_limits();
    }

    /// Caches at most so many bytes of keys and values from now on, or any number if it is `None`
    ///
    /// Keys stay for as long as somebody may name their records, see [`clear`](Self::clear), so they count up to half of
    /// the limit alone.
    pub fn set_byte_limit(self, bytes: impl Into<Option<usize>>) {
        self.env.limits.bytes.set(bytes.into());
        self.keep_to_limits();
    }

    fn keep_to_limits(self) {
        if self.env.limits.any() {
            self.env.advance_tick();
            self.env.count_residents();
            make_room(self.env, 0, u32::MAX);
        }
    }

    /// What was done so far, and what is cached
    pub fn stats(self) -> Stats {
        self.env.stats()
    }
}
