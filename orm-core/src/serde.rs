//! `Serialize` and `Deserialize`, behind the feature `serde`, for the types that a user's own struct may hold; and `Serialize` for what is extracted.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::backend::Connection;
use crate::records::cardinality::{Many, One};
use crate::records::computed::ComputedKind;
use crate::records::extract::{Entry, Extract, Extraction, Named, With};
use crate::records::field::{
    Field, Linked, LinkedMany, LinkedNullable, LinkedOne, Nullable, PrimaryKey, Required,
};
use crate::records::stored::StoredComputed;
use crate::{Computed, Id, ManyToMany, Model, OneToMany, OneToOne, Record, Result as OrmResult, Str};

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// As its key
impl<M: Model<Key: Serialize>> Serialize for Id<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.key().serialize(serializer)
    }
}

impl<'de, M: Model<Key: Deserialize<'de>>> Deserialize<'de> for Id<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        M::Key::deserialize(deserializer).map(Self::new)
    }
}

macro_rules! markers {
    ($($marker:ident),*) => {$(
        /// As nothing (`null` in JSON): a marker holds no values. `#[serde(skip)]` leaves it out.
        impl<T> Serialize for $marker<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_unit()
            }
        }

        impl<'de, T> Deserialize<'de> for $marker<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <()>::deserialize(deserializer).map_err(D::Error::custom)?;
                Ok(Self::new())
            }
        }
    )*};
}
markers!(OneToMany, OneToOne, ManyToMany, Computed);

/// What is extracted, and can be serialized: each value under its name
#[diagnostic::on_unimplemented(
    message = "what `{Self}` gives of records of `{M}` cannot be serialized",
    note = "each value has to be `Serialize`; `entry(\"name\", |record| …)` makes another one of it"
)]
pub trait SerializeExtraction<M: Model>: Extraction<M> {
    #[doc(hidden)]
    fn entries<S: SerializeMap>(&self, value: &Self::Value, map: &mut S) -> Result<(), S::Error>;
}

/// As a map, by the names of the fields
impl<M: Model, X: SerializeExtraction<M>> Serialize for Extract<M, X, One> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Row::<M, X> { what: &self.what, value: &self.values }.serialize(serializer)
    }
}

/// As a list of maps
impl<M: Model, X: SerializeExtraction<M>> Serialize for Extract<M, X, Many> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|value| Row::<M, X> { what: &self.what, value }))
    }
}

/// The values of one record
struct Row<'a, M: Model, X: Extraction<M>> {
    what: &'a X,
    value: &'a X::Value,
}

impl<M: Model, X: SerializeExtraction<M>> Serialize for Row<'_, M, X> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(X::ENTRIES))?;
        self.what.entries(self.value, &mut map)?;
        map.end()
    }
}

/// The values of several records
struct Rows<'a, M: Model, X: Extraction<M>> {
    what: &'a X,
    values: &'a [X::Value],
}

impl<M: Model, X: SerializeExtraction<M>> Serialize for Rows<'_, M, X> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|value| Row::<M, X> { what: self.what, value }))
    }
}

impl<M: Model, F: Extraction<M, Value: Serialize>> SerializeExtraction<M> for Named<F> {
    fn entries<S: SerializeMap>(&self, value: &F::Value, map: &mut S) -> Result<(), S::Error> {
        map.serialize_entry(self.name, value)
    }
}

impl<M: Model, T: Serialize, F: Fn(&Record<'_, M>) -> OrmResult<T>> SerializeExtraction<M>
    for Entry<M, T, F>
{
    fn entries<S: SerializeMap>(&self, value: &T, map: &mut S) -> Result<(), S::Error> {
        map.serialize_entry(self.name, value)
    }
}

macro_rules! values {
    ($($kind:ty, $value:ty;)*) => {$(
        impl<M: Model, T: Clone + Serialize + 'static> SerializeExtraction<M> for Field<M, $value, $kind> {
            fn entries<S: SerializeMap>(&self, value: &$value, map: &mut S) -> Result<(), S::Error> {
                map.serialize_entry(self.name(), value)
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

impl<M: Model<Key: Serialize>> SerializeExtraction<M> for Field<M, M::Key, PrimaryKey> {
    fn entries<S: SerializeMap>(&self, value: &M::Key, map: &mut S) -> Result<(), S::Error> {
        map.serialize_entry(self.name(), value)
    }
}

macro_rules! links {
    ($($marker:ty, $kind:ty: |$what:ident, $value:ident| $behind:expr;)*) => {$(
        impl<C, M, L> SerializeExtraction<M> for Field<M, $marker, $kind>
        where
            C: Connection,
            M: Model<Connection = C>,
            L: Model<Connection = C, Key: Serialize>,
        {
            fn entries<S: SerializeMap>(&self, value: &Self::Value, map: &mut S) -> Result<(), S::Error> {
                map.serialize_entry(self.name(), value)
            }
        }

        impl<C, M, L, X> SerializeExtraction<M> for With<Field<M, $marker, $kind>, X>
        where
            C: Connection,
            M: Model<Connection = C>,
            L: Model<Connection = C>,
            X: SerializeExtraction<L>,
        {
            fn entries<S: SerializeMap>(&self, $value: &Self::Value, map: &mut S) -> Result<(), S::Error> {
                let $what = &self.behind;
                map.serialize_entry(self.name, &$behind)
            }
        }
    )*};
}
links! {
    Id<L>, Linked<L>: |what, value| Row::<L, X> { what, value };
    Option<Id<L>>, LinkedNullable<L>: |what, value| value.as_ref().map(|value| Row::<L, X> { what, value });
    Id<L>, ComputedKind<Linked<L>>: |what, value| Row::<L, X> { what, value };
    Option<Id<L>>, ComputedKind<LinkedNullable<L>>: |what, value| value.as_ref().map(|value| Row::<L, X> { what, value });
    Id<L>, StoredComputed<Linked<L>>: |what, value| Row::<L, X> { what, value };
    Option<Id<L>>, StoredComputed<LinkedNullable<L>>: |what, value| value.as_ref().map(|value| Row::<L, X> { what, value });
    OneToOne<L>, LinkedOne<L>: |what, value| value.as_ref().map(|value| Row::<L, X> { what, value });
    OneToMany<L>, LinkedMany<L>: |what, values| Rows::<L, X> { what, values };
    ManyToMany<L>, LinkedMany<L>: |what, values| Rows::<L, X> { what, values };
}

macro_rules! tuples {
    ($(($($what:ident $index:tt),*);)*) => {$(
        impl<M: Model, $($what: SerializeExtraction<M>),*> SerializeExtraction<M> for ($($what,)*) {
            fn entries<Map: SerializeMap>(&self, value: &Self::Value, map: &mut Map) -> Result<(), Map::Error> {
                $(self.$index.entries(&value.$index, map)?;)*
                Ok(())
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}
