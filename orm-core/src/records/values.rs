//! The values that a record is created or written with.

use std::any::Any;
use std::fmt::{self, Debug};

use super::{Fault, Model, ValueSet};
use crate::Result;
use crate::env::stores::Store;
use crate::model::Entity;
use crate::write::rows::AnyValues;

/// A typed set of values, made by `Partner::values()`: what [`create`](crate::Environment::create) and
/// [`write`](crate::Records::write) take
pub type Values<M> = <M as Model>::Values;

impl<V: ValueSet> AnyValues<<V::Model as Entity>::Connection> for V {
    fn given(&self, field: usize) -> Option<&dyn Any> {
        ValueSet::given(self, field)
    }

    fn has_key(&self) -> bool {
        self.key().is_some()
    }

    fn key_number(&self) -> Option<i64> {
        crate::key::Key::number(&self.key()?)
    }

    fn slot(&self, store: Store<'_, <V::Model as Entity>::Connection>) -> Option<u32> {
        Some(store.intern(self.key()?))
    }

    fn check(&self) -> Result<()> {
        check(self)
    }
}

/// Puts a value that had to be read into its member of a set of values.
pub fn take<V>(member: &mut Option<V>, fault: &mut Fault, value: Result<V>) {
    match value {
        Ok(value) => *member = Some(value),
        Err(error) => {
            fault.get_or_insert_with(|| Box::new(error));
        }
    }
}

/// Whether the values could be given
pub(crate) fn check<V: ValueSet>(values: &V) -> Result<()> {
    values.fault().as_ref().map_or(Ok(()), |fault| Err((**fault).clone()))
}

/// A member of a set of values, its type forgotten
pub fn given<V: 'static>(value: &Option<V>) -> Option<&dyn Any> {
    value.as_ref().map(|value| value as &dyn Any)
}

/// The fields for which a value is given
pub(crate) fn given_fields<V: ValueSet>(values: &V) -> Vec<usize> {
    let all = 0..V::Model::FIELDS.len();
    all.filter(|&field| values.given(field).is_some()).collect()
}

/// Shows the values that are given.
pub fn debug_values(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    members: &[(&str, Option<&dyn Debug>)],
) -> fmt::Result {
    let mut shown = f.debug_struct(name);
    for (member, value) in members {
        if let Some(value) = value {
            shown.field(member, value);
        }
    }
    shown.finish()
}
