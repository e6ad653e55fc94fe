//! One record by a condition or by its key: short for the commonest searches.

use diesel::expression::{AppearsOnTable, Expression, NonAggregate};
use diesel::query_builder::QueryFragment;
use diesel::sql_types::BoolOrNullableBool;

use crate::model::DbOf;
use crate::records::Model;

/// A condition on the rows of a model's table: any boolean diesel expression over it
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no condition on the rows of `{M}`",
    note = "give a boolean diesel expression over the model's table, as in `partners::name.eq(\"Azure\")`"
)]
pub trait Condition<M: Model>: QueryFragment<DbOf<M>> {}

#[diagnostic::do_not_recommend]
impl<M, E> Condition<M> for E
where
    M: Model,
    E: Expression<SqlType: BoolOrNullableBool> + AppearsOnTable<M::Table> + NonAggregate,
    E: QueryFragment<DbOf<M>>,
{
}
