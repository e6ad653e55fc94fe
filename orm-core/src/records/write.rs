//! Writing to records, and deleting them.

use std::borrow::Cow;
use std::panic::Location;

use diesel::query_builder::{AsChangeset, QueryFragment};

use super::cardinality::Cardinality;
use super::field::{Field, Kind, LinkedOne};
use super::values::{self, Values};
use super::{Group, Handle, Model, Record, Records, ValueSet};
use crate::backend::Connection;
use crate::env::stores::{Store, Want};
use crate::env::watch::{For, Spot};
use crate::error::Repeated;
use crate::load::miss::Miss;
use crate::load::prefetch;
use crate::model::DbOf;
use crate::store::Slot;
use crate::write::create;
use crate::write::delete::delete;
use crate::write::members::{self, Membership};
use crate::write::put::put;
use crate::write::rows::{Link, Rows};
use crate::write::update::update;
use crate::{Id, OneToOne, Result};

/// The records that are written: those whose rows the database finds by keys that its collation calls equal to theirs
#[inline(always)]
fn meant<'a, C: Connection>(store: Store<'_, C>, slots: Cow<'a, [Slot]>) -> Cow<'a, [Slot]> {
    if store.has_absent() { by_meaning(store, slots) } else { slots }
}

#[cold]
fn by_meaning<'a, C: Connection>(store: Store<'_, C>, slots: Cow<'a, [Slot]>) -> Cow<'a, [Slot]> {
    if slots.iter().all(|&slot| store.meant(slot) == slot) {
        return slots;
    }
    slots.iter().map(|&slot| store.meant(slot)).collect()
}

impl<'env, M: Model, K: Cardinality> Handle<'env, M, K> {
    /// Writes a field: what every generated setter does.
    #[track_caller]
    pub fn write<T: 'static, D: Kind>(&self, field: Field<M, T, D>, value: T) -> Result<()> {
        let (env, at) = (self.group.env, Location::caller());
        env.setting(Spot::new(at, Repeated::Write, M::NAME, field.name()), M::number().get(), || {
            let slots = meant(self.group.store, K::slots(self, at)?);
            put(env, self.group.store, field.index(), &slots, &value)?;
            Ok(slots)
        })
    }
}

impl<'env, C, M, K> Handle<'env, M, K>
where
    C: Connection,
    M: Model<Connection = C>,
    K: Cardinality,
{
    /// Has a record's unique link lead here, or none: what every generated setter of a link that points back does.
    #[track_caller]
    pub fn write_one<T>(&self, field: Field<M, OneToOne<T>, LinkedOne<T>>, value: Option<Id<T>>) -> Result<()>
    where
        T: Model<Connection = C>,
    {
        let (&Group { env, store, .. }, at) = (&*self.group, Location::caller());
        env.setting(Spot::new(at, Repeated::Write, M::NAME, field.name()), M::number().get(), || {
            let (slots, field) = (meant(store, K::slots(self, at)?), field.index());
            if env.settings.max_age.is_some() {
                slots.iter().for_each(|&slot| env.expire(store, field, slot));
            }
            // Whoever it is now gives way: of all that are read together, as of a loop.
            let scope = self.group.scope(self.ordinal());
            prefetch::load(env, store, Miss { scope, slots: &slots, field, want: Want::Records, at })?;
            match value {
                Some(id) => {
                    let member = env.store::<T>().intern(id.into_key());
                    members::change_list(env, store, field, &slots, &[member], Membership::Begins)?;
                }
                None => {
                    let mut members = Vec::new();
                    store
                        .hop(field, slots.iter().copied(), |list| members.extend(list.into_iter().flatten()));
                    members::change_list(env, store, field, &slots, &members, Membership::Ends)?;
                }
            }
            Ok(slots)
        })
    }

    /// Creates the record whose unique link leads here: what every generated `create_…` does.
    #[track_caller]
    pub fn create_one<T>(
        &self,
        field: Field<M, OneToOne<T>, LinkedOne<T>>,
        values: Values<T>,
    ) -> Result<Record<'env, T>>
    where
        T: Model<Connection = C>,
    {
        values::check(&values)?;
        let (&Group { env, store, .. }, at) = (&*self.group, Location::caller());
        env.watch(Spot::new(at, Repeated::Create, T::NAME, ""), None)?;
        let slots = env.writing(|| {
            let owners = meant(store, K::slots(self, at)?);
            let link = Link::to(store, field.index(), &owners)?;
            create::insert(env, env.store::<T>(), Rows { values: &[&values], link, conflict: None })
        })?;
        Ok(Record::created(env, slots[0]))
    }
}

impl<'env, M: Model, K: Cardinality> Records<'env, M, K> {
    /// Writes the same values to all of the records
    ///
    /// Every reader in the environment sees them at once. Within [`transaction`](crate::Environment::transaction) they are sent
    /// when it commits, with all others that are waiting, or before a query that could see them; outside, before this
    /// returns. A value that a record has already is not written.
    ///
    /// # Errors
    ///
    /// [`Error::MissingRecord`](crate::Error::MissingRecord) for a record whose row does not exist, [`Error::NotOne`](crate::Error::NotOne) for a link that is NULL; those of
    /// reading another record's link that is among the values; and outside a transaction those of the database.
    #[track_caller]
    pub fn write(&self, values: Values<M>) -> Result<()> {
        values::check(&values)?;
        let Handle { group, .. } = self.handle();
        let (env, store) = (group.env, group.store);
        let at = Location::caller();
        env.setting(Spot::new(at, Repeated::Write, M::NAME, ""), M::number().get(), || {
            let slots = meant(store, K::slots(self.handle(), at)?);
            for field in values::given_fields(&values) {
                if let Some(value) = values.given(field.0) {
                    put(env, store, field, &slots, value)?;
                }
            }
            Ok(slots)
        })
    }
}

impl<M: Model, K: Cardinality> Records<'_, M, K> {
    /// Assigns what the database works out to columns of the records, as diesel's `set` takes it: one UPDATE for a thousand
    ///
    /// It is sent now, after what waits, and the columns are read again when somebody asks for them. `write` is for values that are
    /// known.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, age -> Integer } }
    /// # #[derive(Model)] struct Partner { id: i32, age: i32 }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, age INTEGER NOT NULL)"))?;
    /// # env.create_many((1..4).map(|age| Partner::values().age(age)))?;
    /// let partners = env.all::<Partner>()?;
    /// partners.update(partners::age.eq(partners::age + 1))?;
    /// assert_eq!(partners.age()?, [2, 3, 4]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MissingRecord`](crate::Error::MissingRecord) for a record whose row does not exist, [`Error::Conflict`](crate::Error::Conflict)
    /// for one that has another version than the one that was read, and those of the database: nothing is written then.
    /// [`Error::Other`](crate::Error::Other) for an assignment to the primary key or the version.
    #[track_caller]
    pub fn update<V>(&self, changes: V) -> Result<()>
    where
        V: AsChangeset<Target = M::Table, Changeset: QueryFragment<DbOf<M>>>,
    {
        let (group, at) = (&self.handle().group, Location::caller());
        let (env, store) = (group.env, group.store);
        let slots = meant(store, K::slots(self.handle(), at)?);
        if let [slot] = *slots {
            let spot = Spot::new(at, Repeated::Write, M::NAME, "");
            env.watch(spot, Some(For::record(M::number().get(), slot)))?;
        }
        update(env, store, &slots, &changes.as_changeset())
    }

    /// Deletes the records: one DELETE for a thousand
    ///
    /// They leave the cached lists that they are in. What the database may have deleted or changed with them, the
    /// records that link to them, is read again when it is asked for; all else stays cached.
    ///
    /// # Errors
    ///
    /// [`Error::MissingRecord`](crate::Error::MissingRecord) for a record whose row does not exist, [`Error::Conflict`](crate::Error::Conflict)
    /// for one that has another version than the one that was read, and those of the database: a foreign key that refuses. None is
    /// deleted then.
    #[track_caller]
    pub fn delete(&self) -> Result<()> {
        let (group, at) = (&self.handle().group, Location::caller());
        let (env, store) = (group.env, group.store);
        let slots = meant(store, K::slots(self.handle(), at)?);
        if let [slot] = *slots {
            env.watch(
                Spot::new(at, Repeated::Delete, M::NAME, ""),
                Some(For::record(M::number().get(), slot)),
            )?;
        }
        delete(env, store, &slots)
    }
}
