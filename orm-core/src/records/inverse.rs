//! What generated code says of to-many links, checked while it is compiled: the link that points back, the join table, the order, the filter, the scope.

use std::any::TypeId;

use diesel::associations::HasTable;
use diesel::expression::{AppearsOnTable, Expression, NonAggregate};
use diesel::query_builder::QueryFragment;
use diesel::sql_types::BoolOrNullableBool;

use crate::Id;
use crate::backend::System;
use crate::model::{DbOf, table_name};
use crate::number::FieldId;
use crate::records::Model;
use crate::records::field::{Field, Linked, LinkedNullable};
use crate::records::stored::StoredComputed;

/// A to-one link of `T` to `M`, which a to-many link of `M` can be the other side of
#[diagnostic::on_unimplemented(
    message = "this field is no link from `{T}` to `{M}`",
    note = "`inverse` names the to-one link that points back: `#[model(inverse = {T}::…_ID)]`, \
            where that field is an `Id<{M}>` or an `Option<Id<{M}>>`"
)]
pub trait InverseOf<M: Model, T: Model>: Copy + 'static {
    #[doc(hidden)]
    fn position(self) -> FieldId;
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Id<M>, Linked<M>> {
    fn position(self) -> FieldId {
        self.index()
    }
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Option<Id<M>>, LinkedNullable<M>> {
    fn position(self) -> FieldId {
        self.index()
    }
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Id<M>, StoredComputed<Linked<M>>> {
    fn position(self) -> FieldId {
        self.index()
    }
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Option<Id<M>>, StoredComputed<LinkedNullable<M>>> {
    fn position(self) -> FieldId {
        self.index()
    }
}

/// The place of the link that a one-to-many link is the other side of
pub fn inverse<M: Model, T: Model, F: InverseOf<M, T>>(field: F) -> FieldId {
    field.position()
}

/// A join table, as SQL names it
pub fn join_table<T, Own, Other>(system: &System) -> String
where
    T: Model,
    Own: diesel::Column<Table: HasTable<Table = Own::Table> + QueryFragment<DbOf<T>>>,
    Other: diesel::Column<Table = Own::Table>,
{
    table_name::<_, DbOf<T>>(system, &Own::Table::table())
}

/// Whether two columns are the primary key of their table, as diesel knows it
pub fn is_key<Own, Other>() -> bool
where
    Own: diesel::Column<Table: diesel::Table<PrimaryKey: 'static>> + 'static,
    Other: diesel::Column + 'static,
{
    let key = TypeId::of::<<Own::Table as diesel::Table>::PrimaryKey>();
    key == TypeId::of::<(Own, Other)>() || key == TypeId::of::<(Other, Own)>()
}

/// The model that a symmetric link of `M` leads to: itself
#[diagnostic::on_unimplemented(
    message = "a symmetric link leads to records of its own model, and `{Self}` is not `{M}`",
    label = "this is another model",
    note = "pairs count in either direction where both are records of one model, as in `friend_ids: ManyToMany<{M}>`; leave \
            `symmetric` out for a link to another one"
)]
pub trait Itself<M> {}
#[diagnostic::do_not_recommend]
impl<M> Itself<M> for M {}

/// Proves that a symmetric link leads to its own model.
pub const fn symmetric<M: Model, T: Model + Itself<M>>() {}

/// An expression that a to-many link can be in the order of, over the tables of `S`
#[diagnostic::on_unimplemented(
    message = "a to-many link has no order of this kind",
    label = "no column of the link's own tables",
    note = "an order is of columns of the model that the link leads to, as in `order = partners::name.asc()`; that of a \
            `ManyToMany` may be of columns of the table of pairs too; several stand in parentheses"
)]
pub trait OrderOf<S> {}
#[diagnostic::do_not_recommend]
impl<S, E: AppearsOnTable<S>> OrderOf<S> for E {}

/// A condition that can be the scope of a model, whose table is `S`
#[diagnostic::on_unimplemented(
    message = "a model has no scope of this kind",
    label = "no condition on the model's own table",
    note = "a scope is a diesel expression of a truth over columns of the model's own table, as in `scope = posts::deleted.eq(false)`"
)]
pub trait ScopeOf<S> {}
#[diagnostic::do_not_recommend]
impl<S, E> ScopeOf<S> for E where E: AppearsOnTable<S> + NonAggregate + Expression<SqlType: BoolOrNullableBool>
{}

/// A condition that a to-many link can have, on the tables of `S`
#[diagnostic::on_unimplemented(
    message = "a to-many link has no filter of this kind",
    label = "no condition on the link's own tables",
    note = "a filter is a diesel expression of a truth over columns of the model that the link leads to, as in \
            `filter = orders::state.eq(\"open\")`; that of a `ManyToMany` may be over columns of the table of pairs too"
)]
pub trait FilterOf<S> {}
#[diagnostic::do_not_recommend]
impl<S, E> FilterOf<S> for E where
    E: AppearsOnTable<S> + NonAggregate + Expression<SqlType: BoolOrNullableBool>
{
}
