//! A statement whatever its type, so that diesel's way of running one is compiled once for a backend and not for each model;
//! and lists within one, written and read.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::expression_types::Untyped;
use diesel::internal::derives::multiconnection::AstPassHelper;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};

/// A statement, its type forgotten; prepared ones are found again by their text
pub(crate) struct Fragment<'a, DB: Backend>(pub(crate) &'a dyn QueryFragment<DB>);

impl<DB: Backend> QueryFragment<DB> for Fragment<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    // A statement may have another text than what walking it writes.
    fn to_sql(&self, out: &mut DB::QueryBuilder, backend: &DB) -> QueryResult<()> {
        self.0.to_sql(out, backend)
    }
}

impl<DB: Backend> QueryId for Fragment<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for Fragment<'_, DB> {
    type SqlType = Untyped;
}

/// A statement's text, without its values, by a builder of the backend's
pub fn text_by<DB: Backend>(
    statement: &dyn QueryFragment<DB>,
    mut out: DB::QueryBuilder,
    backend: &DB,
) -> QueryResult<String> {
    Fragment(statement).to_sql(&mut out, backend)?;
    Ok(out.finish())
}

/// The same with its values, as `diesel::debug_query` tells of them, which knows no backend that is chosen when the program runs
pub fn described_by<DB: Backend>(
    statement: &dyn QueryFragment<DB>,
    out: DB::QueryBuilder,
    backend: &DB,
) -> String {
    let mut binds = Vec::new();
    let pass = AstPass::collect_debug_binds_pass(&mut binds, backend);
    let walked = statement.walk_ast(pass);
    let text = walked.and_then(|()| text_by(statement, out, backend));
    text.map_or_else(|error| error.to_string(), |text| format!("{text} -- binds: {binds:?}"))
}

/// Calls for each item, with the same between each two.
pub(crate) fn joined<'b, DB: Backend, T>(
    separator: &str,
    out: &mut AstPass<'_, 'b, DB>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut AstPass<'_, 'b, DB>, T) -> QueryResult<()>,
) -> QueryResult<()> {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push_sql(separator);
        }
        push(out, item)?;
    }
    Ok(())
}

/// Calls for each item, with a comma between.
pub(crate) fn separated<'b, DB: Backend, T>(
    out: &mut AstPass<'_, 'b, DB>,
    items: impl IntoIterator<Item = T>,
    push: impl FnMut(&mut AstPass<'_, 'b, DB>, T) -> QueryResult<()>,
) -> QueryResult<()> {
    joined(", ", out, items, push)
}

/// What the commas of a list part
pub(crate) fn items(list: &str) -> Vec<&str> {
    let mut start = 0;
    let mut items = Vec::new();
    for (at, _) in outside(list).filter(|&(_, letter)| letter == ',') {
        items.push(list[start..at].trim());
        start = at + 1;
    }
    items.push(list[start..].trim());
    items
}

/// The letters of a text that are in no quotes and in no parentheses, and the outermost parentheses themselves
pub(crate) fn outside(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut depth) = (None, 0_usize);
    text.char_indices().filter(move |&(_, letter)| {
        match (quote, letter) {
            (Some(open), _) => {
                if letter == open {
                    quote = None;
                }
                return false;
            }
            (None, '\'' | '"' | '`') => {
                quote = Some(letter);
                return false;
            }
            (None, '(') => {
                depth += 1;
                return depth == 1;
            }
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}
