//! Writing through a to-many link: adding members, taking them away, creating them.

use std::panic::Location;

use super::values::{self, Values};
use crate::env::stores::Want;
use crate::env::watch::{Place, Spot};
use crate::error::Repeated;
use crate::load::origin::Step;
use crate::model::IntoKey;
use crate::records::cardinality::Cardinality;
use crate::records::{Handle, LinkHere, Model};
use crate::store::{Slot, SlotSet};
use crate::write::create;
use crate::write::filled::Filled;
use crate::write::members::{self, Membership};
use crate::write::rows::{Completed, Link, Rows};
use crate::{Error, Record, Records, Result, ToMany};

/// Records to be members of a list, in the environment of the list
fn slots_in<M: Model, K: Cardinality>(
    list: &ToMany<'_, M>,
    records: &Records<'_, M, K>,
    at: Place,
) -> Result<Vec<Slot>> {
    let (here, there) = (list.handle().group.store, records.handle().group.store);
    let slots = K::slots(records.handle(), at)?;
    Ok(if here.is_same_as(there) {
        slots.into_owned()
    } else {
        there.keys_of::<M::Key>(&slots).into_iter().map(|key| here.intern(key)).collect()
    })
}

impl<'env, T: Model> ToMany<'env, T> {
    /// Makes records members of the link; those that are stay so
    ///
    /// Of a one2many link this sets the records' own link, so it needs one owner. The cached lists of both sides are
    /// right at once; the database is written at the flush. What the filter of a link fixes is put into the records, and into the rows of
    /// the table of pairs; a model's scope is left to the records: who is not in it is linked, and not listed.
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] for a one2many link of none or several records; [`Error::FilteredLink`] where the link's filter says more than
    /// that fields hold constants, or has a limit; those of reading where the link starts, and outside a transaction of writing.
    #[track_caller]
    pub fn add<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        let at = Location::caller();
        self.change(&slots_in(self, records, at)?, Membership::Begins, at)
    }

    /// Takes records out of the link; those that are no members stay as they are
    ///
    /// Of a one2many link this sets the records' own link to NULL. Through a link with a filter none is taken out for which that does not
    /// hold: other rows of the table of pairs stay.
    ///
    /// # Errors
    ///
    /// [`Error::FilteredLink`] as [`add`](Self::add); [`Error::MissingValue`] for a one2many link whose other side is NOT NULL: delete the records, or move them; those
    /// of reading the records' links, and outside a transaction of writing.
    #[track_caller]
    pub fn remove<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        let at = Location::caller();
        self.change(&slots_in(self, records, at)?, Membership::Ends, at)
    }

    /// Makes these records the members of the link, and no others
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add), of [`remove`](Self::remove) and of reading the members.
    #[track_caller]
    pub fn set<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        let at = Location::caller();
        self.set_slots(&slots_in(self, records, at)?, at)
    }

    /// Makes the records with these keys members of the link, as [`add`](Self::add) does; the keys are not looked up
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add). A key that no row has is a violation of a foreign key where the database has one.
    #[track_caller]
    pub fn add_ids<I>(&self, ids: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: IntoKey<T>,
    {
        self.change(&self.slots_of(ids), Membership::Begins, Location::caller())
    }

    /// Takes the records with these keys out of the link, as [`remove`](Self::remove) does
    ///
    /// # Errors
    ///
    /// As [`remove`](Self::remove).
    #[track_caller]
    pub fn remove_ids<I>(&self, ids: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: IntoKey<T>,
    {
        self.change(&self.slots_of(ids), Membership::Ends, Location::caller())
    }

    /// Makes the records with these keys the members of the link, and no others: what a form with a list of choices sends
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { tags { id -> Integer, name -> Text } }
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
    /// # #[derive(Model)] struct Tag { id: i32, name: String }
    /// # #[derive(Model)] struct Partner { id: i32, name: String,
    /// #     #[model(through(partner_tags::partner_id, partner_tags::tag_id))] tag_ids: ManyToMany<Tag> }
    /// fn save(partner: &Record<Partner>, chosen: &[i32]) -> orm_core::Result<()> {
    ///     partner.tag_ids().set_ids(chosen)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set) and [`add_ids`](Self::add_ids).
    #[track_caller]
    pub fn set_ids<I>(&self, ids: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: IntoKey<T>,
    {
        self.set_slots(&self.slots_of(ids), Location::caller())
    }

    fn slots_of(&self, ids: impl IntoIterator<Item: IntoKey<T>>) -> Vec<Slot> {
        let store = self.handle().group.store;
        ids.into_iter().map(|id| store.intern(id.into_key())).collect()
    }

    fn set_slots(&self, wanted: &[Slot], at: Place) -> Result<()> {
        self.watch_change(at)?;
        self.handle().group.env.writing(|| {
            let stay = SlotSet::of(wanted.iter().copied());
            let gone: Vec<Slot> = self
                .handle()
                .members(Want::Keys, at)?
                .into_iter()
                .filter(|&member| !stay.has(member))
                .collect();
            if !gone.is_empty() {
                self.change(&gone, Membership::Ends, at)?;
            }
            self.change(wanted, Membership::Begins, at)
        })
    }

    /// Creates a record as a member of the link: one INSERT, and for a many2many link the pair
    ///
    /// What the filter of a link fixes is filled in, unless another value is given.
    ///
    /// # Errors
    ///
    /// Those of [`Environment::create`](crate::Environment::create) and of [`add`](Self::add).
    #[track_caller]
    pub fn create(&self, values: Values<T>) -> Result<Record<'env, T>> {
        values::check(&values)?;
        let (env, at) = (self.handle().group.env, Location::caller());
        env.watch(Spot::new(at, Repeated::Create, T::NAME, ""), None)?;
        let slot = env.writing(|| {
            let (step, owners) = self.handle().owners(at)?.ok_or_else(no_link::<T>)?;
            let store = env.store_by_number(step.model).ok_or_else(no_link::<T>)?;
            let link = Link::to(store, step.field, &owners)?;
            let is_own_column = link.is_some();
            let filled = Filled::of(env, store, step.field)?;
            let values = Completed { values: &values, otherwise: &filled.fields };
            let slot =
                create::insert(env, env.store::<T>(), Rows { values: &[&values], link, conflict: None })?[0];
            if !is_own_column {
                self.change(&[slot], Membership::Given, at)?;
            }
            Ok(slot)
        })?;
        Ok(Record::created(env, slot))
    }

    /// Notes a change of one record's list.
    fn watch_change(&self, at: Place) -> Result<()> {
        let Handle { group, slot, .. } = self.handle();
        match group.link {
            Some(LinkHere { store, field, .. }) if *slot < Slot::UNRESOLVED => {
                let spot = Spot::new(at, Repeated::Write, store.name(), store.field_name(field));
                group.env.watch_write(spot, store.number(), &[*slot])
            }
            _ => Ok(()),
        }
    }

    fn change(&self, members: &[Slot], change: Membership, at: Place) -> Result<()> {
        let env = self.handle().group.env;
        self.watch_change(at)?;
        env.writing(|| {
            let (Step { model, field }, owners) = self.handle().owners(at)?.ok_or_else(no_link::<T>)?;
            let store = env.store_by_number(model).ok_or_else(no_link::<T>)?;
            members::change_list(env, store, field, &owners, members, change)
        })
    }
}

fn no_link<T: Model>() -> Error {
    Error::other(format!("these {} were not reached by a link", T::NAME))
}
