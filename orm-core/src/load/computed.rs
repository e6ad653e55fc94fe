//! Links that a function computes: what loading has to know of them.

use std::fmt;

use crate::backend::Connection;
use crate::env::stores::Store;
use crate::env::watch::Place;
use crate::load::origin::{Origin, Reach, Rest};
use crate::model::LinkKind;
use crate::number::FieldId;
use crate::store::Slot;
use crate::{Environment, Result};

/// Reads a link of all records of an origin's root, which is computed where it is not cached: gives the slots of the targets, or NULL.
pub struct ComputedBy<C: Connection>(
    /// The model's function, its type forgotten
    pub ComputeLinks<C>,
);

/// What is called with an environment, the records, where the program reads, and whether nobody has asked for these links yet
pub(crate) type ComputeLinks<C> = fn(&Environment<C>, Origin, Place, bool) -> Result<Vec<Slot>>;

impl<C: Connection> fmt::Debug for ComputedBy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComputedBy")
    }
}

/// What computes a field, if it is a link that is computed
pub(crate) fn computed_by<C: Connection>(
    store: Store<'_, C>,
    field: FieldId,
) -> Option<&'static ComputedBy<C>> {
    match store.field(field).link.as_ref()?.kind {
        LinkKind::Computed { by } => by.downcast_ref(),
        LinkKind::ToOne | LinkKind::Inverse { .. } | LinkKind::Through { .. } => None,
    }
}

/// Computes a link of records that others are read with, so that it is known what else is to be read.
pub(super) fn compute_ahead<C: Connection>(
    env: &Environment<C>,
    by: &ComputedBy<C>,
    slots: &[Slot],
    place: Place,
) -> Result<()> {
    by.0(env, Origin::over(slots.to_vec(), Rest::default(), Reach::Named), place, true).map(drop)
}
