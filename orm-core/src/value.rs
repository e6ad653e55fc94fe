//! Values on their way in and out: what a field takes, and what the user's own struct holds of it.

use crate::backend::Connection;
use crate::field::{Field, Linked, LinkedNullable, Nullable, PrimaryKey, Readable, Required};
use crate::{Id, Model, Record, Result};

/// What can be given as a value of a field of type `T`: the value itself, text in any form, a key for a link
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

macro_rules! into_value {
    ($($from:ty => $to:ty;)*) => {$(
        impl IntoValue<$to> for $from {
            fn into_value(self) -> $to {
                self.into()
            }
        }
        impl IntoValue<Option<$to>> for $from {
            fn into_value(self) -> Option<$to> {
                Some(self.into())
            }
        }
    )*};
}
into_value! {
    &str => crate::Str;
    String => crate::Str;
    &String => crate::Str;
    &crate::Str => crate::Str;
    Vec<u8> => bytes::Bytes;
    &'static [u8] => bytes::Bytes;
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
