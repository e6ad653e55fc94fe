//! `extract`: values of records and of what they link to, as data of their own, which leaves the environment and can be serialized.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::backend::Connection;
use crate::env::stores::Want;
use crate::env::watch::Place;
use crate::records::cardinality::{Cardinality, Many, One};
use crate::records::computed::ComputedKind;
use crate::records::field::{
    Field, Kind, LinkKind, Linked, LinkedMany, LinkedNullable, LinkedOne, Nullable, PrimaryKey, Readable,
    Required,
};
use crate::records::stored::StoredComputed;
use crate::records::{Model, Record, RecordSet, ToMany};
use crate::{Error, Id, ManyToMany, OneToMany, OneToOne, Result};

/// What is extracted of records of `M`: a field, a link [`with`](Field::with) what is extracted behind it, an [`entry`] of a function, or
/// a tuple of up to twelve of these
///
/// A tuple may hold tuples, so that more than twelve can be named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted of records of `{M}`",
    label = "neither a field of `{M}`, nor a tuple of its fields",
    note = "name fields of the model, and links with what is wanted behind them: `(Partner::NAME, Partner::COUNTRY_ID.with(Country::NAME))`; \
            a value of a function is `entry(\"total\", |partner: &Record<Partner>| …)`"
)]
pub trait Extraction<M: Model> {
    /// What it gives for one record
    type Value;
    /// How many entries of a map that is
    #[doc(hidden)]
    const ENTRIES: usize = 1;

    #[doc(hidden)]
    fn extract(&self, record: &Record<'_, M>, at: Place) -> Result<Self::Value>;

    /// The names of the entries; an error where names behind a link are not distinct.
    #[doc(hidden)]
    fn names(&self, names: &mut Vec<&'static str>) -> Result<()>;
}

/// Values of records, and what they are called; made by [`Record::extract`](crate::Records#method.extract)
///
/// They are the application's own: nothing of the environment is in it, so it can be sent and be returned from a request's closure. With
/// the feature `serde` it is `Serialize`: a map for one record, a list of maps for many.
pub struct Extract<M: Model, X: Extraction<M>, K: Count = Many> {
    /// The values: of many records a vector of them, in the order of the records
    pub values: K::Of<X::Value>,
    pub(crate) what: X,
    model: PhantomData<fn() -> M>,
}

/// Whether values are those of one record or of many
pub trait Count: Cardinality {
    /// What that makes of the values of one
    type Of<T>;
}

impl Count for One {
    type Of<T> = T;
}

impl Count for Many {
    type Of<T> = Vec<T>;
}

impl<M, X, K> fmt::Debug for Extract<M, X, K>
where
    M: Model,
    X: Extraction<M>,
    K: Count<Of<X::Value>: fmt::Debug>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

impl<M, X, K> Clone for Extract<M, X, K>
where
    M: Model,
    X: Extraction<M> + Clone,
    K: Count<Of<X::Value>: Clone>,
{
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), what: self.what.clone(), model: PhantomData }
    }
}

impl<M: Model> Record<'_, M> {
    /// The values that are named, of this record and of what it links to, as data of their own
    ///
    /// As [`RecordSet::extract`](Self#method.extract-1).
    ///
    /// # Errors
    ///
    /// As reading each: those of the database, [`Error::MissingRecord`]; [`Error::Other`] for two of one name.
    #[track_caller]
    pub fn extract<X: Extraction<M>>(&self, what: X) -> Result<Extract<M, X, One>> {
        are_distinct::<M>(&what)?;
        Ok(Extract { values: what.extract(self, Location::caller())?, what, model: PhantomData })
    }
}

impl<M: Model> RecordSet<'_, M> {
    /// The values that are named, of each of the records and of what it links to, as data of their own: what is not cached is read for all
    /// of them together, as in a loop
    ///
    /// A field gives its value, a link the key that it holds, a to-many link its keys; a link [`with`](Field::with) others gives theirs. Deferred
    /// columns are read only where they are named. The values are typed, and with the feature `serde` all of it is `Serialize`: no second struct is
    /// needed.
    ///
    /// ```
    /// use orm_core::prelude::*;
    /// use orm_core::entry;
    /// # diesel::table! { countries { id -> Integer, name -> Text } }
    /// # diesel::table! { partners { id -> Integer, name -> Text, country_id -> Nullable<Integer>, parent_id -> Nullable<Integer> } }
    /// # #[derive(Model)] #[model(table = countries)] struct Country { id: i32, name: String }
    /// # #[derive(Model)] struct Partner { id: i32, name: String, country_id: Option<Id<Country>>, parent_id: Option<Id<Partner>>,
    /// #     #[model(inverse = Partner::PARENT_ID)] child_ids: OneToMany<Partner> }
    /// fn listed(partners: &RecordSet<Partner>) -> orm_core::Result<Vec<(i32, Str, Option<Str>, Vec<Str>, usize)>> {
    ///     let children = entry("children", |partner: &Record<Partner>| partner.child_ids().len());
    ///     let listed = partners.extract((
    ///         Partner::ID,
    ///         Partner::NAME,
    ///         Partner::COUNTRY_ID.with(Country::NAME).named("country"),
    ///         Partner::CHILD_IDS.with(Partner::NAME),
    ///         children,
    ///     ))?;
    ///     // [{"id": 1, "name": "Azure", "country": {"name": "Belgium"}, "child_ids": [{"name": "Colleen"}], "children": 1}, …]
    ///     // is what `serde_json::to_string(&listed)` gives.
    ///     Ok(listed.values)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As reading each: those of the database, [`Error::MissingRecord`]; [`Error::Other`] for two of one name.
    #[track_caller]
    pub fn extract<X: Extraction<M>>(&self, what: X) -> Result<Extract<M, X>> {
        are_distinct::<M>(&what)?;
        let at = Location::caller();
        let values = self.iter().map(|record| what.extract(&record, at)).collect::<Result<_>>()?;
        Ok(Extract { values, what, model: PhantomData })
    }
}

impl<M: Model> ToMany<'_, M> {
    /// The values that are named, of each of the records and of what it links to; see [`RecordSet::extract`](Self#method.extract-1)
    ///
    /// # Errors
    ///
    /// Those of reading the links; as [`RecordSet::extract`](Self#method.extract-1).
    #[track_caller]
    pub fn extract<X: Extraction<M>>(&self, what: X) -> Result<Extract<M, X>> {
        self.load()?.extract(what)
    }
}

/// In a map the second of two entries with one name would be lost.
fn are_distinct<M: Model>(what: &impl Extraction<M>) -> Result<()> {
    let mut names = Vec::new();
    what.names(&mut names)?;
    match (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
        Some(at) => Err(Error::other(format!(
            "`{}` is extracted twice of {}: give one of them another name, as in `{}::{}.named(\"…\")`",
            names[at],
            M::NAME,
            M::NAME,
            names[at].to_uppercase()
        ))),
        None => Ok(()),
    }
}

/// A field under another name; made by [`Field::named`]
#[derive(Debug, Clone, Copy)]
pub struct Named<F> {
    pub(crate) field: F,
    pub(crate) name: &'static str,
}

/// A link with what is extracted behind it; made by [`Field::with`]
pub struct With<F, X> {
    field: F,
    pub(crate) behind: X,
    pub(crate) name: &'static str,
}

impl<F: Clone, X: Clone> Clone for With<F, X> {
    fn clone(&self) -> Self {
        Self { field: self.field.clone(), behind: self.behind.clone(), name: self.name }
    }
}

impl<F: Copy, X: Copy> Copy for With<F, X> {}

impl<F: fmt::Debug, X> fmt::Debug for With<F, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} as {}, with …", self.field, self.name)
    }
}

impl<F, X> With<F, X> {
    /// The same under another name
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

impl<M: Model, T: 'static, K: Kind> Field<M, T, K> {
    /// The field under another name, for [`extract`](crate::Records#method.extract)
    pub fn named(self, name: &'static str) -> Named<Self> {
        Named { field: self, name }
    }

    /// The link with what is wanted behind it, for [`extract`](crate::Records#method.extract)
    pub fn with<X>(self, behind: X) -> With<Self, X>
    where
        K: LinkKind<M>,
        X: Extraction<K::Target>,
    {
        With { field: self, behind, name: self.name() }
    }
}

/// The value that a function gives for each record, for [`extract`](crate::Records#method.extract): an aggregate, what is put together of others
pub fn entry<M: Model, T, F>(name: &'static str, f: F) -> Entry<M, T, F>
where
    F: Fn(&Record<'_, M>) -> Result<T>,
{
    Entry { name, f, of: PhantomData }
}

/// The value of a function; made by [`entry`]
pub struct Entry<M, T, F> {
    pub(crate) name: &'static str,
    f: F,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T, F: Clone> Clone for Entry<M, T, F> {
    fn clone(&self) -> Self {
        Self { name: self.name, f: self.f.clone(), of: PhantomData }
    }
}

impl<M, T, F> fmt::Debug for Entry<M, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry({:?}, …)", self.name)
    }
}

impl<M: Model, T, F: Fn(&Record<'_, M>) -> Result<T>> Extraction<M> for Entry<M, T, F> {
    type Value = T;

    fn extract(&self, record: &Record<'_, M>, _: Place) -> Result<T> {
        (self.f)(record)
    }

    fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
        names.push(self.name);
        Ok(())
    }
}

impl<M: Model, F: Extraction<M>> Extraction<M> for Named<F> {
    type Value = F::Value;

    fn extract(&self, record: &Record<'_, M>, at: Place) -> Result<F::Value> {
        self.field.extract(record, at)
    }

    fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
        names.push(self.name);
        Ok(())
    }
}

macro_rules! values {
    ($($kind:ty, $value:ty;)*) => {$(
        impl<M: Model, T: Clone + 'static> Extraction<M> for Field<M, $value, $kind> {
            type Value = $value;

            fn extract(&self, record: &Record<'_, M>, at: Place) -> Result<$value> {
                self.read(record.handle(), at)
            }

            fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
                names.push(self.name());
                Ok(())
            }
        }
    )*};
}
values! {
    Required, T;
    Nullable, Option<T>;
    ComputedKind<Required>, T;
    ComputedKind<Nullable>, Option<T>;
    StoredComputed<Required>, T;
    StoredComputed<Nullable>, Option<T>;
}

impl<M: Model> Extraction<M> for Field<M, M::Key, PrimaryKey> {
    type Value = M::Key;

    fn extract(&self, record: &Record<'_, M>, at: Place) -> Result<M::Key> {
        self.read(record.handle(), at)
    }

    fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
        names.push(self.name());
        Ok(())
    }
}

/// What a link gives by itself, and with what is behind it
macro_rules! links {
    ($($value:ty, $kind:ty => $gives:ident, |$links:ident, $at:ident| $keys:expr, |$target:ident| $targets:expr;)*) => {$(
        impl<C: Connection, M: Model<Connection = C>, L: Model<Connection = C>> Extraction<M> for Field<M, $value, $kind> {
            type Value = $gives<L::Key>;

            fn extract(&self, record: &Record<'_, M>, $at: Place) -> Result<Self::Value> {
                let $links = self.read(record.handle(), $at);
                $keys
            }

            fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
                names.push(self.name());
                Ok(())
            }
        }

        impl<C, M, L, X> Extraction<M> for With<Field<M, $value, $kind>, X>
        where
            C: Connection,
            M: Model<Connection = C>,
            L: Model<Connection = C>,
            X: Extraction<L>,
        {
            type Value = $gives<X::Value>;

            fn extract(&self, record: &Record<'_, M>, $at: Place) -> Result<Self::Value> {
                let $links = self.field.read(record.handle(), $at);
                let $target = |target: &Record<'_, L>| self.behind.extract(target, $at);
                $targets
            }

            fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
                names.push(self.name);
                are_distinct::<L>(&self.behind)
            }
        }
    )*};
}

/// What is there in any case
type Just<T> = T;

links! {
    Id<L>, Linked<L> => Just,
        |link, at| Ok(link.handle().required_target(at)?.key()),
        |behind| behind(&link.handle().as_record(link.handle().required_target(at)?.slot()));
    Option<Id<L>>, LinkedNullable<L> => Option,
        |link, at| Ok(link.handle().target(at)?.map(|target| target.key())),
        |behind| link.handle().target(at)?.map(|target| behind(&link.handle().as_record(target.slot()))).transpose();
    Id<L>, ComputedKind<Linked<L>> => Just,
        |link, at| Ok(link.handle().required_target(at)?.key()),
        |behind| behind(&link.handle().as_record(link.handle().required_target(at)?.slot()));
    Option<Id<L>>, ComputedKind<LinkedNullable<L>> => Option,
        |link, at| Ok(link.handle().target(at)?.map(|target| target.key())),
        |behind| link.handle().target(at)?.map(|target| behind(&link.handle().as_record(target.slot()))).transpose();
    Id<L>, StoredComputed<Linked<L>> => Just,
        |link, at| Ok(link.handle().required_target(at)?.key()),
        |behind| behind(&link.handle().as_record(link.handle().required_target(at)?.slot()));
    Option<Id<L>>, StoredComputed<LinkedNullable<L>> => Option,
        |link, at| Ok(link.handle().target(at)?.map(|target| target.key())),
        |behind| link.handle().target(at)?.map(|target| behind(&link.handle().as_record(target.slot()))).transpose();
    OneToOne<L>, LinkedOne<L> => Option,
        |link, at| Ok(link.handle().target(at)?.map(|target| target.key())),
        |behind| link.handle().target(at)?.map(|target| behind(&link.handle().as_record(target.slot()))).transpose();
    OneToMany<L>, LinkedMany<L> => Vec,
        |links, at| Ok(links.env().store::<L>().keys_of(&links.handle().members(Want::Keys, at)?)),
        |behind| RecordSet::wrap(links.handle().resolved(at)?).iter().map(|member| behind(&member)).collect();
    ManyToMany<L>, LinkedMany<L> => Vec,
        |links, at| Ok(links.env().store::<L>().keys_of(&links.handle().members(Want::Keys, at)?)),
        |behind| RecordSet::wrap(links.handle().resolved(at)?).iter().map(|member| behind(&member)).collect();
}

macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<M: Model, $first: Extraction<M>, $($rest: Extraction<M>),*> Extraction<M> for ($first, $($rest,)*) {
            type Value = ($first::Value, $($rest::Value,)*);
            const ENTRIES: usize = $first::ENTRIES $(+ $rest::ENTRIES)*;

            #[allow(non_snake_case)]
            fn extract(&self, record: &Record<'_, M>, at: Place) -> Result<Self::Value> {
                let ($first, $($rest,)*) = self;
                Ok(($first.extract(record, at)?, $($rest.extract(record, at)?,)*))
            }

            #[allow(non_snake_case)]
            fn names(&self, names: &mut Vec<&'static str>) -> Result<()> {
                let ($first, $($rest,)*) = self;
                $first.names(names)?;
                $($rest.names(names)?;)*
                Ok(())
            }
        }
        tuples!($($rest)*);
    };
    () => {};
}
tuples!(A B C D E F G H I J K L);
