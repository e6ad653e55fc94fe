//! What a to-many link, or a link of many records, leads to: the reading methods of a set, each of which may ask.

use std::hash::Hash;
use std::iter::Sum;
use std::ops::RangeBounds;
use std::panic::Location;

use indexmap::IndexMap;

use super::{Chunks, IntoIter, Model, Record, RecordSet, ToMany};
use crate::Result;
use crate::env::stores::Want;

impl<'env, M: Model> ToMany<'env, M> {
    /// The records that the link leads to, as a set
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn load(&self) -> Result<RecordSet<'env, M>> {
        self.handle().resolved(Location::caller()).map(RecordSet::wrap)
    }

    /// The records' keys
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn ids(&self) -> Result<Vec<M::Key>> {
        Ok(self.handle().group.store.keys_of(&self.handle().members(Want::Keys, Location::caller())?))
    }

    /// How many records there are
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[allow(clippy::len_without_is_empty)]
    #[track_caller]
    pub fn len(&self) -> Result<usize> {
        self.handle().member_count(Location::caller())
    }

    /// Whether there are none
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Whether a record is among these; the members' columns are not read
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn contains(&self, record: &Record<'_, M>) -> Result<bool> {
        let slot = record.slot_in(self.handle().group.store);
        let members = self.handle().members(Want::Keys, Location::caller())?;
        Ok(slot.is_some_and(|slot| members.contains(&slot)))
    }

    /// Loads all prefetchable columns of the records that the link leads to
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn prefetch(&self) -> Result<()> {
        self.load()?.prefetch()
    }

    /// The records one by one
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text, parent_id -> Nullable<Integer> } }
    /// #[derive(Model)]
    /// struct Partner {
    ///     id: i32,
    ///     name: String,
    ///     parent_id: Option<Id<Partner>>,
    ///     #[model(inverse = Partner::PARENT_ID)]
    ///     child_ids: OneToMany<Partner>,
    /// }
    ///
    /// fn print_children(partner: &Record<Partner>) -> orm_core::Result<()> {
    ///     for child in partner.child_ids().iter()? {
    ///         println!("{}", child.name()?);
    ///     }
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn iter(&self) -> Result<IntoIter<'env, M>> {
        self.load().map(RecordSet::into_iter)
    }

    /// The first record, if any
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn first(&self) -> Result<Option<Record<'env, M>>> {
        Ok(self.load()?.first())
    }

    /// The last record, if any
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn last(&self) -> Result<Option<Record<'env, M>>> {
        Ok(self.load()?.last())
    }

    /// The only record
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`](crate::Error::NotOne) if there are none or several; those of reading the links.
    #[track_caller]
    pub fn one(&self) -> Result<Record<'env, M>> {
        self.load()?.one()
    }

    /// The records in the opposite order
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn reversed(&self) -> Result<RecordSet<'env, M>> {
        Ok(self.load()?.reversed())
    }

    /// The records from one index up to another, as far as there are any
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<RecordSet<'env, M>> {
        Ok(self.load()?.slice(range))
    }

    /// The records in sets of so many, in order; see [`RecordSet::chunks`](crate::RecordSet#method.chunks)
    ///
    /// # Errors
    ///
    /// Those of reading the links.
    #[track_caller]
    pub fn chunks(&self, size: usize) -> Result<Chunks<'env, M>> {
        Ok(self.load()?.chunks(size))
    }
}

/// Methods of a set that take a function: the link is read, and the set does the rest.
macro_rules! methods_of_the_set {
    ($($(#[$doc:meta])* $name:ident$(<$T:ident: $($bound:path),*>)? ($returned:ty) -> $out:ty;)*) => {
        impl<'env, M: Model> ToMany<'env, M> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                ///
                /// Those of reading the links, and those of the function.
                #[track_caller]
                pub fn $name$(<$T: $($bound +)*>)?(
                    &self,
                    f: impl FnMut(&Record<'env, M>) -> Result<$returned>,
                ) -> Result<$out> {
                    self.load()?.$name(f)
                }
            )*
        }
    };
}

methods_of_the_set! {
    /// What a function gives for each of the records
    map<T:>(T) -> Vec<T>;
    /// The records for which a condition holds
    filter(bool) -> RecordSet<'env, M>;
    /// The records for which a condition holds, and the others
    partition(bool) -> (RecordSet<'env, M>, RecordSet<'env, M>);
    /// The records in the order of what a function gives for each; those with equal keys stay in order
    sort_by_key<T: Ord>(T) -> RecordSet<'env, M>;
    /// The records by what a function gives for each, in order of first appearance
    group_by<T: Eq, Hash>(T) -> IndexMap<T, RecordSet<'env, M>>;
    /// Whether a condition holds for one of the records; the records behind that one are not looked at
    any(bool) -> bool;
    /// Whether a condition holds for all of the records; the records behind one for which it does not are not looked at
    all(bool) -> bool;
    /// The first record for which a condition holds
    find(bool) -> Option<Record<'env, M>>;
    /// The index of the first record for which a condition holds
    position(bool) -> Option<usize>;
    /// The record for which a function gives the most; the last one of several
    max_by_key<T: Ord>(T) -> Option<Record<'env, M>>;
    /// The record for which a function gives the least; the first one of several
    min_by_key<T: Ord>(T) -> Option<Record<'env, M>>;
    /// The sum of what a function gives for each of the records
    sum_by<T: Sum>(T) -> T;
}
