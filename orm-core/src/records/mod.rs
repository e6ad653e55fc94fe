//! `Records`: what users hold. One generic type, five cardinalities, one set of generated accessors.
//!
//! The typed side of the crate: called by applications and generated code, calls `load` on a miss and `write` on a write, with numbers for
//! models, fields and records.

pub(crate) mod aggregable;
pub(crate) mod aggregates;
mod algebra;
mod asked;
pub(crate) mod batches;
pub(crate) mod builder;
pub(crate) mod cache;
pub(crate) mod cardinality;
pub(crate) mod combination;
pub(crate) mod computed;
pub(crate) mod drafts;
pub(crate) mod env;
mod expression;
pub(crate) mod extract;
pub(crate) mod field;
pub(crate) mod fields;
pub(crate) mod find;
mod group;
mod handle;
pub(crate) mod inverse;
mod iter;
pub(crate) mod keyset;
mod lists;
pub(crate) mod lookup;
pub(crate) mod measured;
mod model;
pub(crate) mod numbers;
pub(crate) mod record_query;
mod refresh;
mod search;
mod set;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) mod shared;
mod show;
pub(crate) mod stored;
mod to_many;
pub(crate) mod upsert;
pub(crate) mod validate;
pub(crate) mod value;
pub(crate) mod values;
mod violated;
mod walk;
pub(crate) mod with;
mod write;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use crate::model::always;

pub(crate) use group::LinkHere;
pub use group::{Group, Way};
pub use handle::{Accessors, Handle, Reader};
pub use iter::{Chunks, IntoIter, Iter, Members};
pub use model::{Beside, Model, Ordered, ValueSet};

use crate::env::stores::Store;
use crate::env::stores::Want;
use crate::env::watch::Spot;
use crate::error::Repeated;
use crate::load::miss::Miss;
use crate::load::origin::{Origin, Reach};
use crate::load::prefetch;
use crate::load::query;
use crate::records::cardinality::{Cardinality, Many, One, Optional, Required, Several};
use crate::records::field::{Field, Kind, Readable};
use crate::store::Slot;
use crate::{Environment, Id, Result};

/// Records of a model in an environment: what the accessors are called on
///
/// | handle | what it is | reading a NOT NULL field gives | a nullable one |
/// |---|---|---|---|
/// | [`Record`] | exactly one record | `Result<T>` | `Result<Option<T>>` |
/// | [`ToOne`] | what a NOT NULL link points at | `Result<T>` | `Result<Option<T>>` |
/// | [`ToOptional`] | what a nullable link points at | `Result<Option<T>>` | `Result<Option<T>>` |
/// | [`RecordSet`] | many, in order | `Result<Vec<T>>` | `Result<Vec<Option<T>>>` |
/// | [`ToMany`] | what a to-many link, or any link of many, leads to | `Result<Vec<T>>` | `Result<Vec<Option<T>>>` |
///
/// **Identity**: two handles are equal when they name the same records. **Life**: a handle borrows its environment
/// and owns no values; it stays valid when values are dropped from the cache, and reads them again.
/// Navigating along a link asks nothing and cannot fail; reading a value, or `load()`, can.
pub struct Records<'env, M: Model, K: Cardinality> {
    accessors: M::Accessors<'env, K>,
    kind: PhantomData<K>,
}

/// Exactly one record
pub type Record<'env, M> = Records<'env, M, One>;
/// Many records, in order
pub type RecordSet<'env, M> = Records<'env, M, Many>;
/// What a NOT NULL to-one link points at, not looked at yet
pub type ToOne<'env, M> = Records<'env, M, Required>;
/// What a nullable to-one link points at, not looked at yet
pub type ToOptional<'env, M> = Records<'env, M, Optional>;
/// What a to-many link, or any link of many records, leads to, not looked at yet
pub type ToMany<'env, M> = Records<'env, M, Several>;

impl<'env, M: Model, K: Cardinality> Deref for Records<'env, M, K> {
    type Target = M::Accessors<'env, K>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.accessors
    }
}

impl<M: Model, K: Cardinality> Clone for Records<'_, M, K> {
    fn clone(&self) -> Self {
        Self::wrap(self.handle().clone())
    }
}

impl<'env, M: Model, K: Cardinality> Records<'env, M, K> {
    #[inline]
    pub(crate) fn wrap(handle: Handle<'env, M, K>) -> Self {
        Self { accessors: M::Accessors::wrap(handle), kind: PhantomData }
    }

    #[inline]
    pub(crate) fn handle(&self) -> &Handle<'env, M, K> {
        self.accessors.handle()
    }

    pub(crate) fn handle_mut(&mut self) -> &mut Handle<'env, M, K> {
        self.accessors.handle_mut()
    }

    /// The environment that these records are read in
    pub fn env(&self) -> &'env Environment<M::Connection> {
        self.handle().group.env
    }

    /// Reads a field, as its accessor does; for code that is generic over fields. On a [`RecordSet`] and a [`ToMany`],
    /// `get(i)` is the record at index `i`
    ///
    /// ```
    /// use orm_core::prelude::*;
    /// use orm_core::{Field, Result};
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// fn shout(partner: &Record<Partner>, field: Field<Partner, Str>) -> Result<String> {
    ///     Ok(partner.get(field)?.to_uppercase())
    /// }
    /// # fn main() {}
    /// ```
    #[inline]
    #[track_caller]
    pub fn get<G: Get<'env, M, K>>(&self, what: G) -> G::Output {
        what.get(self)
    }
}

/// What [`Records::get`] takes: a field, or for many records an index
pub trait Get<'env, M: Model, K: Cardinality> {
    /// What it gives
    type Output;
    #[doc(hidden)]
    #[track_caller]
    fn get(self, records: &Records<'env, M, K>) -> Self::Output;
}

impl<'env, M, T, D, K> Get<'env, M, K> for Field<M, T, D>
where
    M: Model,
    D: Kind,
    K: Cardinality,
    Self: Readable<M>,
{
    type Output = <Self as Readable<M>>::Read<'env, K>;

    #[inline]
    #[track_caller]
    fn get(self, records: &Records<'env, M, K>) -> Self::Output {
        self.read(records.handle(), Location::caller())
    }
}

impl<'env, M: Model> Get<'env, M, Many> for usize {
    type Output = Option<Record<'env, M>>;

    fn get(self, records: &RecordSet<'env, M>) -> Self::Output {
        (self < records.len()).then(|| records.at(self))
    }
}

impl<'env, M: Model> Get<'env, M, Several> for usize {
    type Output = Result<Option<Record<'env, M>>>;

    #[track_caller]
    fn get(self, records: &ToMany<'env, M>) -> Self::Output {
        Ok(records.load()?.get(self))
    }
}

impl<'env, M: Model> Record<'env, M> {
    pub(crate) fn single(env: &'env Environment<M::Connection>, slot: Slot) -> Self {
        Self::wrap(Handle::new(Group::new(env, Origin::of(vec![slot], Reach::Named)), slot, 0))
    }

    /// A record that was just created, to be prefetched with the others that were
    pub(crate) fn created(env: &'env Environment<M::Connection>, slot: Slot) -> Self {
        env.store::<M>().note_created(slot);
        Self::among_created(env, slot)
    }

    /// The same of one that was noted as such
    pub(crate) fn among_created(env: &'env Environment<M::Connection>, slot: Slot) -> Self {
        Self::wrap(Handle::new(Group::new(env, Origin::of(vec![slot], Reach::Created)), slot, 0))
    }

    pub(crate) fn slot(&self) -> Slot {
        self.handle().slot
    }

    /// The record's slot in a store that may be another environment's; `None` if the record is not known there
    pub(crate) fn slot_in(&self, here: Store<'_, M::Connection>) -> Option<Slot> {
        let there = self.handle().group.store;
        if there.is_same_as(here) { Some(self.slot()) } else { here.find(&self.id()) }
    }

    /// The record's key, whatever its field is called; asks nothing
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { countries (code) { code -> Text, name -> Text } }
    /// #[derive(Model)]
    /// #[model(table = countries)]
    /// struct Country {
    ///     #[model(primary_key)]
    ///     code: String,
    ///     name: String,
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// let belgium = env.record::<Country>("BE");
    /// assert_eq!(belgium.id(), "BE");
    /// assert_eq!(belgium.code()?, "BE"); // the field's own accessor, which reads as any other does
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(&self) -> M::Key {
        self.handle().group.key(self.slot())
    }

    /// Asks the database whether the record's row exists: one SELECT
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn exists(&self) -> Result<bool> {
        let Group { env, store, .. } = *self.handle().group;
        let spot = Spot::new(Location::caller(), Repeated::Lookup, M::NAME, "");
        env.watch_records(spot, M::number().get(), &[self.slot()])?;
        query::by_keys(env, store, &[self.slot()], &[], "exists")?;
        env.note_presence(store, self.slot());
        Ok(!store.is_absent(store.meant(self.slot())))
    }

    /// Loads all prefetchable columns of this record that are not cached, and of the records it came with
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::MissingRecord`](crate::Error::MissingRecord) if the row does not exist.
    #[track_caller]
    pub fn prefetch(&self) -> Result<()> {
        let Handle { ref group, slot, at, .. } = *self.handle();
        let Group { env, store, .. } = **group;
        for field in always::<M>() {
            if env.settings.max_age.is_some() {
                env.expire(store, field, slot);
            }
            if !store.has(field, slot) {
                let scope = group.scope(Some(at));
                let at = Location::caller();
                let miss = Miss { scope, slots: &[slot], field, want: Want::Records, at };
                prefetch::load_field(env, store, miss)?;
            }
        }
        Ok(())
    }

    /// An owned copy of the record's stored columns: the user's own struct, `'static` and free of the environment
    ///
    /// # Errors
    ///
    /// As reading each field: those of the database, [`Error::MissingRecord`](crate::Error::MissingRecord).
    #[track_caller]
    pub fn to_model(&self) -> Result<M> {
        M::snapshot(self)
    }

    /// This record, to be read as part of a set: a miss loads the record, then the set's
    ///
    /// It stays in its own environment; of a set of another one it is the records with the same keys that are loaded.
    #[must_use]
    pub fn with_prefetch(&self, other: &RecordSet<'_, M>) -> Self {
        Self::wrap(Handle::new(other.company_of(self.env(), vec![self.slot()]), self.slot(), 0))
    }
}

impl<'env, M: Model> ToOne<'env, M> {
    /// The key that the link holds; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn id(&self) -> Result<M::Key> {
        Ok(self.handle().required_target(Location::caller())?.key())
    }

    /// Whether the link points at a record; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn is(&self, record: &Record<'_, M>) -> Result<bool> {
        Ok(Some(self.handle().required_target(Location::caller())?.slot())
            == record.slot_in(self.handle().group.store))
    }

    /// The record that the link points at; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn load(&self) -> Result<Record<'env, M>> {
        let target = self.handle().required_target(Location::caller())?;
        Ok(self.handle().as_record(target.slot()))
    }

    /// Loads all prefetchable columns of the target, and of the other targets that it comes with
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::MissingRecord`](crate::Error::MissingRecord) if the target's row does not exist.
    #[track_caller]
    pub fn prefetch(&self) -> Result<()> {
        self.load()?.prefetch()
    }
}

impl<'env, M: Model> ToOptional<'env, M> {
    /// The key that the link holds, if any; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn id(&self) -> Result<Option<M::Key>> {
        Ok(self.handle().target(Location::caller())?.map(|target| target.key()))
    }

    /// Whether the link points at a record; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn is(&self, record: &Record<'_, M>) -> Result<bool> {
        match self.handle().target(Location::caller())? {
            Some(target) => Ok(Some(target.slot()) == record.slot_in(self.handle().group.store)),
            None => Ok(false),
        }
    }

    /// Whether the link points at any record; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn is_some(&self) -> Result<bool> {
        Ok(self.handle().target(Location::caller())?.is_some())
    }

    /// Whether the link is NULL; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn is_none(&self) -> Result<bool> {
        Ok(!self.is_some()?)
    }

    /// The record that the link points at, if any; asks only if the link itself is not cached
    ///
    /// # Errors
    ///
    /// Those of reading the link.
    #[track_caller]
    pub fn load(&self) -> Result<Option<Record<'env, M>>> {
        let target = self.handle().target(Location::caller())?;
        Ok(target.map(|target| self.handle().as_record(target.slot())))
    }

    /// Loads all prefetchable columns of the target if there is one, and of the other targets that it comes with
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::MissingRecord`](crate::Error::MissingRecord) if the target's row does not exist.
    #[track_caller]
    pub fn prefetch(&self) -> Result<()> {
        match self.load()? {
            Some(target) => target.prefetch(),
            None => Ok(()),
        }
    }
}

/// The same row, in whatever environment
impl<M: Model> PartialEq<Record<'_, M>> for Record<'_, M> {
    fn eq(&self, other: &Record<'_, M>) -> bool {
        let (a, b) = (self.handle(), other.handle());
        let is_here = a.group.store.is_same_as(b.group.store);
        if is_here { a.slot == b.slot } else { a.group.key(a.slot) == b.group.key(b.slot) }
    }
}

impl<M: Model> Eq for Record<'_, M> {}

impl<M: Model> Hash for Record<'_, M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

/// By key
impl<M: Model<Key: Ord> + Ordered> PartialOrd<Record<'_, M>> for Record<'_, M> {
    fn partial_cmp(&self, other: &Record<'_, M>) -> Option<Ordering> {
        Some(self.id().cmp(&other.id()))
    }
}

/// By key
impl<M: Model<Key: Ord> + Ordered> Ord for Record<'_, M> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id().cmp(&other.id())
    }
}

impl<M: Model, K: Cardinality> fmt::Debug for Records<'_, M, K> {
    /// Names the records; of a record `{:#?}` shows what is cached of it, and what of that waits to be written. Never asks the database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handle { group, slot, at, .. } = self.handle();
        let Group { env, store, ref origin, .. } = **group;
        if origin.path.is_empty() && *at == Handle::<M, K>::ALL {
            let names = origin.root.slots.iter().map(|&slot| Named(M::NAME, store.key_text(slot)));
            return f.debug_list().entries(names).finish();
        }
        // A to-many link names the record whose link it is.
        match *slot {
            Slot::NULL => write!(f, "{}(NULL)", M::NAME),
            slot if slot != Slot::UNRESOLVED && !K::IS_LINK_OF_ITS_SLOT => {
                if f.alternate() {
                    return show::cached(f, env, store, slot);
                }
                write!(f, "{}({})", M::NAME, store.key_text(slot))
            }
            _ => {
                let steps = origin.path.to_vec();
                match steps.first() {
                    Some(step) if *at != Handle::<M, K>::ALL => {
                        f.write_str(&env.describe(step.model, origin.root.slots[*at as usize]))?;
                    }
                    _ => write!(f, "[{} records]", origin.root.slots.len())?,
                }
                steps.iter().try_for_each(|step| match env.store_by_number(step.model) {
                    Some(store) => write!(f, ".{}", store.field_name(step.field)),
                    None => Ok(()),
                })
            }
        }
    }
}

struct Named(&'static str, crate::Str);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.0, self.1)
    }
}

impl<M: Model> From<Record<'_, M>> for Id<M> {
    fn from(record: Record<'_, M>) -> Self {
        Self::new(record.id())
    }
}

impl<M: Model> From<&Record<'_, M>> for Id<M> {
    fn from(record: &Record<'_, M>) -> Self {
        record.clone().into()
    }
}
