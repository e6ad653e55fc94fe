//! What a query is to be run for records of a model: its select clause replaced, or its columns found.

use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{Query, QueryFragment};
use diesel::query_dsl::methods::SelectDsl;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;

use crate::load::query::ModelColumns;
use crate::load::select::Laid;
use crate::model::{DbOf, field_ids};
use crate::number::FieldId;
use crate::records::{Model, combination};
use crate::{Environment, Result};

/// How a query is made to give records; the parameter of [`RecordQuery`](crate::RecordQuery), which nobody writes
pub mod by {
    /// Its select clause is replaced
    #[derive(Debug)]
    pub enum Select {}
    /// It combines others, by `UNION`, `INTERSECT` or `EXCEPT`: columns are found in its text
    #[derive(Debug)]
    pub enum Combination {}
    /// It is SQL of the application's own: columns are found by the names in its rows
    #[derive(Debug)]
    pub enum Sql {}
}

/// A query that finds records of `M`
#[diagnostic::on_unimplemented(
    message = "this query finds no records of `{M}`",
    label = "no query over the table of `{M}`",
    note = "it must be over the table of `{M}`, and that not the side of a LEFT JOIN which may be NULL; a `UNION` must be \
            one that the backend of `{M}` has"
)]
pub trait FindRecords<M: Model, By> {
    /// Calls with the query as it is to be run for these fields, or for those that come with every search, and where its rows hold
    /// what.
    #[doc(hidden)]
    fn with_query(
        self,
        env: &Environment<M::Connection>,
        fields: Option<&[FieldId]>,
        run: Run<'_, M>,
    ) -> Result<()>;
}

/// Runs a query.
type Run<'r, M> = &'r mut dyn FnMut(Laid<'_>, &dyn QueryFragment<DbOf<M>>) -> Result<()>;

impl<M, Q> FindRecords<M, by::Select> for Q
where
    M: Model,
    Q: SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
{
    fn with_query(
        self,
        _: &Environment<M::Connection>,
        fields: Option<&[FieldId]>,
        run: Run<'_, M>,
    ) -> Result<()> {
        let columns = fields.map_or_else(ModelColumns::<M>::always, ModelColumns::<M>::of);
        let layout = columns.layout().clone();
        run(Laid::Out(&layout), &SelectDsl::select(self, columns))
    }
}

impl<M, Q> FindRecords<M, by::Combination> for Q
where
    M: Model,
    Q: PositionalOrderDsl<u32> + Query + QueryFragment<DbOf<M>>,
{
    fn with_query(
        self,
        env: &Environment<M::Connection>,
        fields: Option<&[FieldId]>,
        run: Run<'_, M>,
    ) -> Result<()> {
        let all = columns::<M>();
        run(Laid::Out(&combination::layout::<M>(env, &self, fields.unwrap_or(&all))?), &self)
    }
}

impl<M, Q> FindRecords<M, by::Sql> for Q
where
    M: Model,
    Q: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
{
    fn with_query(
        self,
        _: &Environment<M::Connection>,
        fields: Option<&[FieldId]>,
        run: Run<'_, M>,
    ) -> Result<()> {
        run(Laid::ByName(fields.unwrap_or(&columns::<M>())), &self)
    }
}

/// All fields that are columns
fn columns<M: Model>() -> Vec<FieldId> {
    field_ids(M::FIELDS).filter(|&field| M::FIELDS[field.0].is_column()).collect()
}
