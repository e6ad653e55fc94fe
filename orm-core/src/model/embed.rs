//! Relation markers in a struct that derives diesel's traits too: with `#[diesel(embed)]` a constant is selected for them.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable, QueryableByName};
use diesel::expression::{
    AppearsOnTable, Expression, Selectable, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::row::NamedRow;
use diesel::sql_types::Integer;

use super::{Computed, ManyToMany, OneToMany, OneToOne};

/// What is selected for a marker: `1`
///
/// No column at all would do for a struct alone. But diesel must know how many columns a struct has that stands before another
/// in a tuple, and knows none of no columns.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Constant;

impl Expression for Constant {
    type SqlType = Integer;
}

impl<T> SelectableExpression<T> for Constant {}
impl<T> AppearsOnTable<T> for Constant {}

impl<G> ValidGrouping<G> for Constant {
    type IsAggregate = is_aggregate::Never;
}

impl<DB: Backend> QueryFragment<DB> for Constant {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("1");
        Ok(())
    }
}

macro_rules! markers {
    ($($marker:ident),*) => {$(
        impl<M, DB: Backend> Selectable<DB> for $marker<M> {
            type SelectExpression = Constant;

            fn construct_selection() -> Constant {
                Constant
            }
        }

        impl<M, DB: Backend> FromSql<Integer, DB> for $marker<M> {
            fn from_sql(_: DB::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(Self::new())
            }
        }

        impl<M, DB: Backend> Queryable<Integer, DB> for $marker<M> {
            type Row = Self;

            fn build(marker: Self) -> deserialize::Result<Self> {
                Ok(marker)
            }
        }

        impl<M, DB: Backend> QueryableByName<DB> for $marker<M> {
            fn build<'a>(_: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
                Ok(Self::new())
            }
        }
    )*};
}
markers!(OneToMany, OneToOne, ManyToMany, Computed);
