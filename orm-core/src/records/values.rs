//! The values that a record is created or written with.

use std::any::Any;
use std::fmt::{self, Debug};

use super::value::NewLink;
use super::{Beside, Model, ValueSet};
use crate::env::stores::Store;
use crate::model::{Entity, field_ids};
use crate::number::FieldId;
use crate::store::Slot;
use crate::write::drafts::AnyDraft;
use crate::write::rows::AnyValues;
use crate::{Error, Id, Result};

/// A typed set of values, made by `Partner::values()`: what [`create`](crate::Environment::create) and
/// [`write`](crate::Records::write) take
pub type Values<M> = <M as Model>::Values;

impl<V: ValueSet> AnyValues<<V::Model as Entity>::Connection> for V {
    fn given(&self, field: FieldId) -> Option<&dyn Any> {
        ValueSet::given(self, field.0)
    }

    fn has_key(&self) -> bool {
        self.key().is_some()
    }

    fn key_number(&self) -> Option<i64> {
        crate::key::Key::number(&self.key()?)
    }

    fn slot(&self, store: Store<'_, <V::Model as Entity>::Connection>) -> Option<Slot> {
        Some(store.intern(self.key()?))
    }

    fn check(&self) -> Result<()> {
        check(self)
    }
}

/// Puts a link, which may have had to be read or may lead to a draft, into its member of a set of values.
pub fn take<L>(member: &mut Option<L>, beside: &mut Beside, field: usize, link: Result<NewLink<L>>) {
    let draft = match link {
        Ok(NewLink::ToRecord(link)) => {
            *member = Some(link);
            None
        }
        Ok(NewLink::ToDraft(draft)) => {
            *member = None;
            Some(draft)
        }
        Err(error) => return beside.note(error),
    };
    beside.set_draft(FieldId(field), draft);
}

/// Has a member that is a link lead to the record with this id.
pub fn set_link<L: OfId>(member: &mut Option<L>, id: &dyn Any) {
    *member = L::of_id(id);
}

/// A link as a value: an `Id`, or an `Option` of one
pub trait OfId: Sized {
    /// The link that leads to the record with this id
    fn of_id(id: &dyn Any) -> Option<Self>;
}

impl<T: Entity> OfId for Id<T> {
    fn of_id(id: &dyn Any) -> Option<Self> {
        id.downcast_ref().cloned()
    }
}

impl<T: Entity> OfId for Option<Id<T>> {
    fn of_id(id: &dyn Any) -> Option<Self> {
        id.downcast_ref().cloned().map(Some)
    }
}

/// Whether the values could be given, and link to nothing that is no record yet
pub(crate) fn check<V: ValueSet>(values: &V) -> Result<()> {
    if let Some(fault) = values.beside().fault() {
        return Err(fault.clone());
    }
    let leads = |&(field, draft): &(FieldId, AnyDraft)| Err(foreign::<V::Model>(field, draft));
    values.beside().drafts().first().map_or(Ok(()), leads)
}

/// The error of a link to a draft of others than those that the values were added to
#[cold]
pub(super) fn foreign<M: Model>(field: FieldId, draft: AnyDraft) -> Error {
    let field = M::FIELDS.get(field.0).map_or("", |info| info.name);
    Error::ForeignDraft { model: draft.name, index: draft.index, linking: M::NAME, field }
}

/// A member of a set of values, its type forgotten
pub fn given<V: 'static>(value: &Option<V>) -> Option<&dyn Any> {
    value.as_ref().map(|value| value as &dyn Any)
}

/// The fields for which a value is given
pub(crate) fn given_fields<V: ValueSet>(values: &V) -> Vec<FieldId> {
    field_ids(V::Model::FIELDS).filter(|&field| values.given(field.0).is_some()).collect()
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
