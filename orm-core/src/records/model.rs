//! `Model`: what the derive tells of the handles of a struct's records.

use std::any::Any;
use std::fmt::Debug;

use super::{Accessors, Record};
use crate::env::stores::Store;
use crate::model::Entity;
use crate::number::FieldId;
use crate::records::cardinality::Cardinality;
use crate::write::drafts::AnyDraft;
use crate::{Error, Result};

/// A struct whose records can be found, read and written through an [`Environment`](crate::Environment)
///
/// Made by `#[derive(Model)]`; nobody writes it by hand. What it holds is data: names, types and the columns of
/// the cache. All behaviour is in the runtime. Names and types are those of [`Entity`], and are named as the model's
/// own: `M::Key`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "this needs `#[derive(Model)]`",
    note = "derive it: `use orm_core::Model; #[derive(Model)] struct {Self} {{ id: i32, … }}`"
)]
pub trait Model: Entity {
    /// The cells of the fields, as they are shared with other models of the same table
    #[doc(hidden)]
    type Columns<'env>: Copy;
    /// The ways from a group along each link
    #[doc(hidden)]
    type Links<'env>: Default;
    /// The values to create or write records with; [`Values`](crate::Values) names it
    type Values: ValueSet<Model = Self>;
    /// The accessors, one per field
    #[doc(hidden)]
    type Accessors<'env, K: Cardinality>: Accessors<'env, Self, K>;

    /// The cells of the fields
    #[doc(hidden)]
    fn columns<'env>(store: Store<'env, Self::Connection>) -> Self::Columns<'env>;

    /// An owned copy of the record's stored columns
    #[doc(hidden)]
    #[track_caller]
    fn snapshot(record: &Record<'_, Self>) -> Result<Self>;

    /// Uses every field of the struct, so that none is called dead code
    #[doc(hidden)]
    fn touch(&self);
}

/// A model whose records are ordered, by their keys; made by `#[derive(Model)]`
///
/// A model with a field that is called as a method of [`Ord`] or [`PartialOrd`] is none: the method would hide the accessor.
#[diagnostic::on_unimplemented(
    message = "the records of `{Self}` have no order",
    note = "it has a field that is called as a method of `Ord` (`max`, `min`, `cmp` …): rename the field and keep the column by `#[model(column = …)]`, or compare `record.id()`"
)]
pub trait Ordered {}

/// What the derive tells of a set of values
pub trait ValueSet: Clone + 'static {
    /// The model whose fields they are for
    type Model: Model<Values = Self>;

    /// The value that is given for a field, by its place in [`Model::FIELDS`]; behind them stands the primary key.
    #[doc(hidden)]
    fn given(&self, field: usize) -> Option<&dyn Any>;

    /// The primary key, if all of it is given
    #[doc(hidden)]
    fn key(&self) -> Option<<Self::Model as Entity>::Key>;

    /// What stands beside the values.
    #[doc(hidden)]
    fn beside(&self) -> &Beside;

    /// What stands beside the values.
    #[doc(hidden)]
    fn beside_mut(&mut self) -> &mut Beside;

    /// Has a link lead to the record with this id, of the model that it leads to.
    #[doc(hidden)]
    fn link(&mut self, field: usize, id: &dyn Any) {
        let _ = (field, id);
    }
}

/// What stands beside the values of fields: links to what is no record yet, and what went wrong when values were given, as
/// reading another record's link may fail
#[derive(Debug, Clone, Default)]
pub struct Beside(Option<Box<Inner>>);

#[derive(Debug, Clone, Default)]
struct Inner {
    fault: Option<Error>,
    drafts: Vec<(FieldId, AnyDraft)>,
}

impl PartialEq for Beside {
    fn eq(&self, other: &Self) -> bool {
        self.drafts() == other.drafts()
    }
}

impl Beside {
    pub(crate) fn fault(&self) -> Option<&Error> {
        self.0.as_ref()?.fault.as_ref()
    }

    /// The links to drafts, each with its field
    pub(crate) fn drafts(&self) -> &[(FieldId, AnyDraft)] {
        self.0.as_ref().map_or(&[], |inner| &inner.drafts)
    }

    /// The draft that a link leads to, to be shown.
    pub fn draft(&self, field: usize) -> Option<&dyn Debug> {
        self.drafts().iter().find(|(of, _)| of.0 == field).map(|(_, draft)| draft as _)
    }

    /// The first error counts.
    pub(super) fn note(&mut self, error: Error) {
        self.0.get_or_insert_default().fault.get_or_insert(error);
    }

    pub(super) fn set_draft(&mut self, field: FieldId, draft: Option<AnyDraft>) {
        if draft.is_some() || self.0.is_some() {
            let drafts = &mut self.0.get_or_insert_default().drafts;
            drafts.retain(|(of, _)| *of != field);
            drafts.extend(draft.map(|draft| (field, draft)));
        }
    }

    /// The links to drafts, which are forgotten here.
    pub(super) fn take_drafts(&mut self) -> Vec<(FieldId, AnyDraft)> {
        self.0.as_mut().map(|inner| std::mem::take(&mut inner.drafts)).unwrap_or_default()
    }
}
