//! What an INSERT says of rows that may be there already where it cannot name a unique key: the text of `ON DUPLICATE KEY UPDATE`.

use diesel::QueryResult;
use diesel::query_builder::AstPass;

use super::rows::{Action, Conflict, Target};
use crate::backend::Connection;
use crate::env::stores::Store;
use crate::fragment::joined;

/// Where the keys of rows are collected that stay as they are, and what stands in it for one
pub(super) const KEPT: &str = "@orm_core_kept";

/// What is an error when it is evaluated, and what the server says of it
const REFUSE: &str = "(SELECT 1 UNION ALL SELECT 2)";
pub(super) const REFUSED: &str = "Subquery returns more than 1 row";

/// `"table"."column"`
pub(super) fn push_column<C: Connection>(
    store: Store<'_, C>,
    column: &'static str,
    out: &mut AstPass<'_, '_, C::Backend>,
) -> QueryResult<()> {
    out.push_sql(store.sql());
    out.push_sql(".");
    out.push_identifier(column)
}

pub(super) fn target<'c, C: Connection>(conflict: &Conflict<'c, C>) -> &'c [&'static str] {
    match conflict.target {
        Target::Columns(columns, _) => columns,
        Target::Constraint(_) => &[],
    }
}

/// ` ON DUPLICATE KEY UPDATE key = IF(table.column = VALUES(column) AND …, table.key, an error)`, and a comma if something follows
///
/// For what stays as it is, its key is collected.
pub(super) fn push_duplicate_key<'b, C: Connection>(
    store: Store<'b, C>,
    conflict: &'b Conflict<'_, C>,
    is_more: bool,
    out: &mut AstPass<'_, 'b, C::Backend>,
) -> QueryResult<()> {
    let key = store.model().key_columns();
    out.push_sql(" ON DUPLICATE KEY UPDATE ");
    out.push_identifier(key[0])?;
    out.push_sql(" = IF(");
    joined(" AND ", out, target(conflict), |out, column| {
        push_column(store, column, out)?;
        out.push_sql(" = VALUES(");
        out.push_identifier(column)?;
        out.push_sql(")");
        Ok(())
    })?;
    out.push_sql(", ");
    if let Action::Nothing = conflict.action {
        out.push_sql(&format!("IF(({KEPT} := CONCAT({KEPT}, "));
        push_kept(store, out)?;
        out.push_sql(")) IS NULL, NULL, ");
    }
    push_column(store, key[0], out)?;
    out.push_sql(if matches!(conflict.action, Action::Nothing) { "), " } else { ", " });
    out.push_sql(REFUSE);
    out.push_sql(if is_more { "), " } else { ")" });
    Ok(())
}

/// What stands for a row among those that stay as they are: `CONCAT(',', HEX(CONCAT(key, '')), …, ';')`
pub(super) fn push_kept<'b, C: Connection>(
    store: Store<'b, C>,
    out: &mut AstPass<'_, 'b, C::Backend>,
) -> QueryResult<()> {
    out.push_sql("CONCAT(");
    for column in store.model().key_columns() {
        out.push_sql("',', HEX(CONCAT(");
        push_column(store, column, out)?;
        out.push_sql(", '')), ");
    }
    out.push_sql("';')");
    Ok(())
}
