//! `Serialize` and `Deserialize`, behind the feature `serde`, for the types that a user's own struct may hold.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::{Computed, Id, ManyToMany, Model, OneToMany, OneToOne, Str};

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
