//! Values on their way in and out: what a field takes, and what the user's own struct holds of it.

use bytes::Bytes;

use crate::backend::Connection;
use crate::field::{Field, Linked, LinkedNullable, Nullable, PrimaryKey, Readable, Required};
use crate::key::PlainKey;
use crate::{Id, Model, Record, Result, Str};

/// What can be given as a value of a field of type `T`: the value itself, text in any form
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a field of type `{T}`",
    note = "give a value of the field's type, text in any form, or `None` where its column is nullable; an `Option` of another type by `.map(Str::from)`"
)]
pub trait IntoValue<T> {
    /// The value
    fn into_value(self) -> T;
}

impl<T> IntoValue<T> for T {
    fn into_value(self) -> T {
        self
    }
}

impl<T> IntoValue<Option<T>> for T {
    fn into_value(self) -> Option<T> {
        Some(self)
    }
}

/// What can be given for a link of type `L`, an `Id` or an `Option` of one: a record, an `Id`, the key itself, and `None`
/// where the column is nullable
///
/// `Via` says which of these it is; nobody writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a link of type `{L}`",
    label = "no record, `Id` or key of the model that the link leads to",
    note = "a link takes `&record`, an `Id`, the key itself, or `None` where its column is nullable; an `Option` of a key by `.map(Id::new)`"
)]
pub trait IntoLink<L, Via> {
    /// The link
    fn into_link(self) -> L;
}

/// How a link is given; the second parameter of [`IntoLink`], which nobody writes
pub mod via {
    /// By a key
    #[derive(Debug)]
    pub enum Key {}
    /// By an `Id` of the model that the link leads to
    #[derive(Debug)]
    pub enum Id {}
    /// By a record
    #[derive(Debug)]
    pub enum Record {}
    /// By an `Option` of an `Id`
    #[derive(Debug)]
    pub enum Optional {}
}

// Not for an `Id`: that of another model may have the same type of key.
#[diagnostic::do_not_recommend]
impl<M: Model, K: PlainKey<M::Key>> IntoLink<Id<M>, via::Key> for K {
    fn into_link(self) -> Id<M> {
        Id::new(self)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, K: PlainKey<M::Key>> IntoLink<Option<Id<M>>, via::Key> for K {
    fn into_link(self) -> Option<Id<M>> {
        Some(Id::new(self))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> IntoLink<Self, via::Id> for Id<M> {
    fn into_link(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> IntoLink<Option<Self>, via::Id> for Id<M> {
    fn into_link(self) -> Option<Self> {
        Some(self)
    }
}

macro_rules! records_as_links {
    ($($record:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<M: Model> IntoLink<Id<M>, via::Record> for $record {
            fn into_link(self) -> Id<M> {
                self.into()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<M: Model> IntoLink<Option<Id<M>>, via::Record> for $record {
            fn into_link(self) -> Option<Id<M>> {
                Some(self.into())
            }
        }
    )*};
}
records_as_links!(Record<'_, M>, &Record<'_, M>);

#[diagnostic::do_not_recommend]
impl<M: Model> IntoLink<Self, via::Optional> for Option<Id<M>> {
    fn into_link(self) -> Self {
        self
    }
}

macro_rules! into_value {
    ($([$($parameter:tt)*] $from:ty => $to:ty: $convert:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($parameter)*> IntoValue<$to> for $from {
            fn into_value(self) -> $to {
                $convert(self)
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($parameter)*> IntoValue<Option<$to>> for $from {
            fn into_value(self) -> Option<$to> {
                Some($convert(self))
            }
        }
    )*};
}
into_value! {
    [] &str => Str: Str::from;
    [] String => Str: Str::from;
    [] &String => Str: Str::from;
    [] &Str => Str: Str::from;
    [] Vec<u8> => Bytes: Bytes::from;
    [] &[u8] => Bytes: Bytes::copy_from_slice;
    [const N: usize] &[u8; N] => Bytes: |bytes: &[u8; N]| Bytes::copy_from_slice(bytes);
}

/// A field of which the user's own struct holds a value of type `V`
pub trait Owned<M: Model, V>: Readable<M> {
    /// The value as the struct holds it
    #[doc(hidden)]
    fn owned(self, record: &Record<'_, M>) -> Result<V>;
}

/// Text and blobs are `Str` and `Bytes` in the cache and `String` and `Vec<u8>` in the struct; all else is the same.
pub trait IntoOwned<V> {
    #[doc(hidden)]
    fn into_owned(self) -> V;
}

impl<V> IntoOwned<V> for V {
    fn into_owned(self) -> V {
        self
    }
}

impl IntoOwned<String> for crate::Str {
    fn into_owned(self) -> String {
        self.into()
    }
}

impl IntoOwned<Vec<u8>> for bytes::Bytes {
    fn into_owned(self) -> Vec<u8> {
        self.into()
    }
}

impl<M: Model, T: Clone + IntoOwned<V> + 'static, V> Owned<M, V> for Field<M, T, Required> {
    fn owned(self, record: &Record<'_, M>) -> Result<V> {
        record.get(self).map(T::into_owned)
    }
}

impl<M: Model, T: Clone + IntoOwned<V> + 'static, V> Owned<M, Option<V>> for Field<M, Option<T>, Nullable> {
    fn owned(self, record: &Record<'_, M>) -> Result<Option<V>> {
        Ok(record.get(self)?.map(T::into_owned))
    }
}

impl<M: Model<Key: IntoOwned<V>>, V> Owned<M, V> for Field<M, M::Key, PrimaryKey> {
    fn owned(self, record: &Record<'_, M>) -> Result<V> {
        record.get(self).map(M::Key::into_owned)
    }
}

impl<C, M, T> Owned<M, Id<T>> for Field<M, Id<T>, Linked<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn owned(self, record: &Record<'_, M>) -> Result<Id<T>> {
        Ok(record.get(self).load()?.into())
    }
}

impl<C, M, T> Owned<M, Option<Id<T>>> for Field<M, Option<Id<T>>, LinkedNullable<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn owned(self, record: &Record<'_, M>) -> Result<Option<Id<T>>> {
        Ok(record.get(self).load()?.map(Id::from))
    }
}
