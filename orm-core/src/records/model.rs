//! `Model`: what the derive tells of the handles of a struct's records.

use std::any::Any;

use super::{Accessors, Record};
use crate::env::stores::Store;
use crate::model::Entity;
use crate::records::cardinality::Cardinality;
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

    /// What went wrong when the values were given.
    #[doc(hidden)]
    fn fault(&self) -> &Fault;
}

/// What went wrong when values were given: reading another record's link may fail
pub type Fault = Option<Box<Error>>;
