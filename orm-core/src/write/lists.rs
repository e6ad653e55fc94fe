//! Writing through a to-many link: adding members, taking them away, creating them.

use super::create::{self, Rows};
use super::values::{self, Values};
use crate::cardinality::Cardinality;
use crate::model::Model;
use crate::origin::{Marks, Step};
use crate::relation::Want;
use crate::{Error, Record, Records, Result, ToMany};

/// Records to be members of a list, in the environment of the list
fn slots_in<M: Model, K: Cardinality>(list: &ToMany<'_, M>, records: &Records<'_, M, K>) -> Result<Vec<u32>> {
    let (here, there) = (list.handle().group.store, records.handle().group.store);
    let slots = K::slots(records.handle())?;
    Ok(if std::ptr::eq(here, there) {
        slots.into_owned()
    } else {
        there.keys_of(&slots).into_iter().map(|key| here.intern(key)).collect()
    })
}

impl<'env, T: Model> ToMany<'env, T> {
    /// Makes records members of the link; those that are stay so
    ///
    /// Of a one2many link this sets the records' own link, so it needs one owner. The cached lists of both sides are
    /// right at once; the database is written at the flush.
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] for a one2many link of none or several records; those of reading where the link starts, and
    /// outside a transaction of writing.
    pub fn add<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        self.change(&slots_in(self, records)?, true)
    }

    /// Takes records out of the link; those that are no members stay as they are
    ///
    /// Of a one2many link this sets the records' own link to NULL.
    ///
    /// # Errors
    ///
    /// [`Error::MissingValue`] for a one2many link whose other side is NOT NULL: delete the records, or move them; those
    /// of reading the records' links, and outside a transaction of writing.
    pub fn remove<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        self.change(&slots_in(self, records)?, false)
    }

    /// Makes these records the members of the link, and no others
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add), of [`remove`](Self::remove) and of reading the members.
    pub fn set<K: Cardinality>(&self, records: &Records<'_, T, K>) -> Result<()> {
        let wanted = slots_in(self, records)?;
        self.handle().group.env.writing(|| {
            let stay = Marks::of(wanted.iter().copied());
            let gone: Vec<u32> =
                self.handle().members(Want::Keys)?.into_iter().filter(|&member| !stay.has(member)).collect();
            if !gone.is_empty() {
                self.change(&gone, false)?;
            }
            self.change(&wanted, true)
        })
    }

    /// Creates a record as a member of the link: one INSERT, and for a many2many link the pair
    ///
    /// # Errors
    ///
    /// Those of [`Environment::create`](crate::Environment::create) and of [`add`](Self::add).
    pub fn create(&self, values: Values<T>) -> Result<Record<'env, T>> {
        values::check(&values)?;
        let env = self.handle().group.env;
        let slot = env.writing(|| {
            let (step, owners) = self.handle().owners()?.ok_or_else(no_link::<T>)?;
            let store = env.store_by_number(step.model).ok_or_else(no_link::<T>)?;
            let link = store.link_to(step.field, &owners)?;
            let own_column = link.is_some();
            let slot = create::insert(env, &Rows { values: &[values], link, conflict: None })?[0];
            if !own_column {
                self.change(&[slot], true)?;
            }
            Ok(slot)
        })?;
        Ok(Record::created(env, slot))
    }

    fn change(&self, members: &[u32], add: bool) -> Result<()> {
        let env = self.handle().group.env;
        env.writing(|| {
            let (Step { model, field }, owners) = self.handle().owners()?.ok_or_else(no_link::<T>)?;
            let store = env.store_by_number(model).ok_or_else(no_link::<T>)?;
            store.change_list(env, field, &owners, members, add)
        })
    }
}

fn no_link<T: Model>() -> Error {
    Error::other(format!("these {} were not reached by a link", T::NAME))
}
