//! A statement whatever its type: diesel's way of running one is compiled once for a backend, not for each model.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement, its type forgotten; prepared ones are found again by their text
pub(crate) struct Fragment<'a, DB: Backend>(pub(crate) &'a dyn QueryFragment<DB>);

impl<DB: Backend> QueryFragment<DB> for Fragment<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<DB: Backend> QueryId for Fragment<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for Fragment<'_, DB> {
    type SqlType = Untyped;
}
