//! `Id`: a key that says of which model it is.

use std::fmt;

use super::Entity;
use crate::key::{IntoKey, Key};

/// The key of a record of `M`, as it stands in a column that links to it
///
/// In a model's struct it makes a to-one link: `country_id: Id<Country>` where the column is NOT NULL,
/// `Option<Id<Country>>` where it is nullable.
// No `Hash`: it would make an `Id` a `Key`, and `IntoKey` could not tell the two apart.
pub struct Id<M: Entity>(M::Key);

impl<M: Entity> Id<M> {
    /// The id with this key
    pub fn new(key: impl IntoKey<M::Key>) -> Self {
        Self(key.into_key())
    }

    /// The key
    pub fn key(&self) -> &M::Key {
        &self.0
    }

    /// The key, given up
    pub fn into_key(self) -> M::Key {
        self.0
    }
}

impl<M: Entity> Clone for Id<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Entity<Key: Copy>> Copy for Id<M> {}

impl<M: Entity> PartialEq for Id<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<M: Entity> Eq for Id<M> {}

impl<M: Entity<Key: Ord>> PartialOrd for Id<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M: Entity<Key: Ord>> Ord for Id<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<M: Entity> fmt::Debug for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", M::NAME, self.0.text())
    }
}

impl<M: Entity> fmt::Display for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.text())
    }
}

impl<M: Entity> IntoKey<M::Key> for Id<M> {
    fn into_key(self) -> M::Key {
        self.0
    }
}
