//! The statements that write: names known at run time, so that one implementation serves every model.

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

use super::create::{Rows, Shape};
use super::pen::Binds;
use super::values::{ValueSet, given_key};
use super::version;
use crate::backend::{Dialect, KeyList};
use crate::key::KeyCodec;
use crate::model::{DbOf, Model};
use crate::query::{push_column, push_key_column};

/// Makes fragments statements whose text depends on their values, so that they are prepared by text.
macro_rules! statements {
    ($($name:ident <$($lifetime:lifetime,)? $($parameter:ident: $bound:path),*>;)*) => {$(
        impl<$($lifetime,)? $($parameter: $bound),*> QueryId for $name<$($lifetime,)? $($parameter),*> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl<$($lifetime,)? $($parameter: $bound),*> Query for $name<$($lifetime,)? $($parameter),*> {
            type SqlType = Untyped;
        }
    )*};
}

statements! {
    UpdateEqual<'a, M: Model>;
    UpdateRows<'a, M: Model>;
    Insert<'a, V: ValueSet>;
    Delete<M: Model>;
}

/// Calls for each item, with a comma between.
pub(super) fn separated<'b, DB: Dialect, T>(
    out: &mut AstPass<'_, 'b, DB>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut AstPass<'_, 'b, DB>, T) -> QueryResult<()>,
) -> QueryResult<()> {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push_sql(", ");
        }
        push(out, item)?;
    }
    Ok(())
}

/// One field and its values for the records of a statement
pub(super) struct Assignment<'a, M: Model> {
    pub(super) field: usize,
    pub(super) binds: Box<dyn Binds<DbOf<M>> + 'a>,
}

/// The field that counts the writes of each row, and its values as they were read
pub(super) type Version<'a, M> = Option<Assignment<'a, M>>;

/// `version = version + 1`
fn push_next_version<M: Model>(field: usize, out: &mut AstPass<'_, '_, DbOf<M>>) -> QueryResult<()> {
    let column = M::FIELDS[field].column;
    out.push_sql(", ");
    out.push_identifier(column)?;
    out.push_sql(" = ");
    out.push_identifier(column)?;
    out.push_sql(" + 1");
    Ok(())
}

/// The same values for all records: `UPDATE … SET c = ? WHERE key IN (…)`. With a version it is for one record.
pub(super) struct UpdateEqual<'a, M: Model> {
    pub(super) table: M::Table,
    pub(super) keys: KeyList<M::Key>,
    pub(super) assignments: &'a [Assignment<'a, M>],
    pub(super) version: &'a Version<'a, M>,
}

impl<M: Model> QueryFragment<DbOf<M>> for UpdateEqual<'_, M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        separated(&mut out, self.assignments, |out, assignment| {
            out.push_identifier(M::FIELDS[assignment.field].column)?;
            out.push_sql(" = ");
            assignment.binds.push(0, out.reborrow())
        })?;
        if let Some(version) = self.version {
            push_next_version::<M>(version.field, &mut out)?;
        }
        out.push_sql(" WHERE ");
        push_key_column::<M>(&self.table, &mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        if let Some(version) = self.version {
            out.push_sql(" AND ");
            push_column::<M>(&self.table, M::FIELDS[version.field].column, &mut out)?;
            out.push_sql(" = ");
            version.binds.push(0, out.reborrow())?;
        }
        push_found::<M>(self.version, &mut out)
    }
}

/// Asks for the keys of the rows that had the version that was read: afterwards nobody could tell which they were.
fn push_found<M: Model>(version: &Version<'_, M>, out: &mut AstPass<'_, '_, DbOf<M>>) -> QueryResult<()> {
    if version.is_some() && DbOf::<M>::HAS_RETURNING {
        out.push_sql(" RETURNING ");
        out.push_identifier(<M::KeyColumn as diesel::Column>::NAME)?;
    }
    Ok(())
}

/// Each record its own values, in one statement
pub(super) struct UpdateRows<'a, M: Model> {
    pub(super) table: M::Table,
    pub(super) keys: &'a [M::Key],
    pub(super) assignments: &'a [Assignment<'a, M>],
    pub(super) version: &'a Version<'a, M>,
    /// As many rows as the text has: one of them is repeated, which changes nothing, so that few texts serve all.
    pub(super) rows: usize,
    /// Which one is repeated
    pub(super) padding: usize,
}

impl<M: Model> UpdateRows<'_, M> {
    fn rows(&self) -> impl Iterator<Item = usize> {
        let given = self.keys.len();
        (0..self.rows).map(move |row| if row < given { row } else { self.padding })
    }

    /// The assigned columns, and the version's behind them
    fn all(&self) -> impl Iterator<Item = &Assignment<'_, M>> {
        self.assignments.iter().chain(self.version)
    }

    /// `UPDATE … SET c = v.column2 FROM (VALUES (key, c), …) AS v WHERE key = v.column1`
    fn push_from_values<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        separated(out, self.assignments.iter().enumerate(), |out, (i, assignment)| {
            out.push_identifier(M::FIELDS[assignment.field].column)?;
            out.push_sql(&format!(" = v.column{}", i + 2));
            Ok(())
        })?;
        if let Some(version) = self.version {
            let column = M::FIELDS[version.field].column;
            out.push_sql(", ");
            out.push_identifier(column)?;
            out.push_sql(" = ");
            push_column::<M>(&self.table, column, out)?;
            out.push_sql(" + 1");
        }
        out.push_sql(" FROM (VALUES ");
        separated(out, self.rows(), |out, row| {
            out.push_sql("(");
            M::KeyCodec::push_one(self.keys.get(row), out.reborrow())?;
            for assignment in self.all() {
                out.push_sql(", ");
                assignment.binds.push(row, out.reborrow())?;
            }
            out.push_sql(")");
            Ok(())
        })?;
        out.push_sql(") AS v WHERE ");
        push_key_column::<M>(&self.table, out)?;
        out.push_sql(" = v.column1");
        if let Some(version) = self.version {
            out.push_sql(" AND ");
            push_column::<M>(&self.table, M::FIELDS[version.field].column, out)?;
            out.push_sql(&format!(" = v.column{}", self.assignments.len() + 2));
        }
        Ok(())
    }

    /// `UPDATE … SET c = CASE key WHEN ? THEN ? … END WHERE key IN (…)`: MySQL and MariaDB agree on no other way, and
    /// here each key is compared as what it is.
    fn push_cases<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        separated(out, self.assignments, |out, assignment| {
            out.push_identifier(M::FIELDS[assignment.field].column)?;
            out.push_sql(" = ");
            self.push_case(assignment, out)
        })?;
        if let Some(version) = self.version {
            push_next_version::<M>(version.field, out)?;
        }
        out.push_sql(" WHERE ");
        push_key_column::<M>(&self.table, out)?;
        out.push_sql(" IN (");
        separated(out, self.rows(), |out, row| M::KeyCodec::push_one(self.keys.get(row), out.reborrow()))?;
        out.push_sql(")");
        if let Some(version) = self.version {
            out.push_sql(" AND ");
            push_column::<M>(&self.table, M::FIELDS[version.field].column, out)?;
            out.push_sql(" = ");
            self.push_case(version, out)?;
        }
        Ok(())
    }

    fn push_case<'b>(
        &'b self,
        assignment: &'b Assignment<'_, M>,
        out: &mut AstPass<'_, 'b, DbOf<M>>,
    ) -> QueryResult<()> {
        out.push_sql("CASE ");
        push_key_column::<M>(&self.table, out)?;
        for row in self.rows() {
            out.push_sql(" WHEN ");
            M::KeyCodec::push_one(self.keys.get(row), out.reborrow())?;
            out.push_sql(" THEN ");
            assignment.binds.push(row, out.reborrow())?;
        }
        out.push_sql(" END");
        Ok(())
    }

    /// How many binds one row takes
    pub(super) fn binds_of_row(fields: usize, version: bool) -> usize {
        let fields = fields + usize::from(version);
        if DbOf::<M>::HAS_VALUES { 1 + fields } else { 1 + 2 * fields }
    }
}

impl<M: Model> QueryFragment<DbOf<M>> for UpdateRows<'_, M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        if DbOf::<M>::HAS_VALUES {
            self.push_from_values(&mut out)?;
        } else {
            self.push_cases(&mut out)?;
        }
        push_found::<M>(self.version, &mut out)
    }
}

/// New rows, in one statement
pub(super) struct Insert<'a, V: ValueSet> {
    table: <V::Model as Model>::Table,
    pub(super) all: &'a Rows<'a, V>,
    pub(super) shape: &'a Shape,
    pub(super) rows: &'a [&'a V],
    /// Whether the new keys are asked for
    pub(super) returning: bool,
    /// Whether the text will come again
    is_common: bool,
}

impl<'a, V: ValueSet> Insert<'a, V> {
    pub(super) fn new(all: &'a Rows<'a, V>, shape: &'a Shape, rows: &'a [&'a V], is_full: bool) -> Self {
        Self {
            table: <V::Model as Model>::Table::table(),
            all,
            shape,
            rows,
            returning: DbOf::<V::Model>::HAS_RETURNING && (!shape.with_keys || all.conflict.is_some()),
            is_common: is_full || rows.len() == 1,
        }
    }

    fn version(&self) -> Option<&'static str> {
        let version = V::Model::VERSION?;
        Some(V::Model::FIELDS[version].column)
    }

    fn push_row<'b>(&'b self, values: &'b V, out: &mut AstPass<'_, 'b, DbOf<V::Model>>) -> QueryResult<()> {
        out.push_sql("(");
        if self.shape.with_keys {
            <V::Model as Model>::KeyCodec::push_one(given_key(values), out.reborrow())?;
        }
        for (i, &field) in self.shape.fields.iter().enumerate() {
            if i > 0 || self.shape.with_keys {
                out.push_sql(", ");
            }
            match (V::Model::FIELDS[field].pen, self.all.given(values, field)) {
                (Some(pen), Some(value)) => pen.push(value, out.reborrow())?,
                _ => out.push_sql("DEFAULT"),
            }
        }
        if self.version().is_some() {
            let comma = if self.shape.with_keys || !self.shape.fields.is_empty() { ", " } else { "" };
            out.push_sql(&format!("{comma}{}", version::FIRST));
        }
        out.push_sql(")");
        Ok(())
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> {
        let key = <<V::Model as Model>::KeyColumn as diesel::Column>::NAME;
        let fields = self.shape.fields.iter().map(|&field| V::Model::FIELDS[field].column);
        self.shape.with_keys.then_some(key).into_iter().chain(fields).chain(self.version())
    }
}

impl<V: ValueSet> QueryFragment<DbOf<V::Model>> for Insert<'_, V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<V::Model>>) -> QueryResult<()> {
        if !self.is_common {
            out.unsafe_to_cache_prepared();
        }
        let key = <<V::Model as Model>::KeyColumn as diesel::Column>::NAME;
        out.push_sql("INSERT INTO ");
        self.table.walk_ast(out.reborrow())?;
        if self.columns().next().is_some() {
            out.push_sql(" (");
            separated(&mut out, self.columns(), |out, column| out.push_identifier(column))?;
            out.push_sql(") VALUES ");
            separated(&mut out, self.rows, |out, values| self.push_row(values, out))?;
        } else if DbOf::<V::Model>::HAS_DEFAULT {
            out.push_sql(" (");
            out.push_identifier(key)?;
            out.push_sql(") VALUES ");
            separated(&mut out, self.rows, |out, _| {
                out.push_sql("(DEFAULT)");
                Ok(())
            })?;
        } else {
            out.push_sql(" DEFAULT VALUES");
        }
        if let Some(conflict) = self.all.conflict {
            out.push_sql(" ON CONFLICT (");
            out.push_identifier(conflict)?;
            out.push_sql(") DO UPDATE SET ");
            // The field itself is set too, to what it is: there may be no other, and the row has to be returned.
            let fields = self.shape.fields.iter().map(|&field| V::Model::FIELDS[field].column);
            let only = self.shape.fields.is_empty().then_some(conflict);
            separated(&mut out, fields.chain(only), |out, column| {
                out.push_identifier(column)?;
                out.push_sql(" = excluded.");
                out.push_identifier(column)
            })?;
            if let Some(version) = self.version() {
                out.push_sql(", ");
                out.push_identifier(version)?;
                out.push_sql(" = ");
                push_column::<V::Model>(&self.table, version, &mut out)?;
                out.push_sql(" + 1");
            }
        }
        if self.returning {
            out.push_sql(" RETURNING ");
            out.push_identifier(key)?;
        }
        Ok(())
    }
}

/// `DELETE … WHERE key IN (…)`
pub(super) struct Delete<M: Model> {
    pub(super) table: M::Table,
    pub(super) keys: KeyList<M::Key>,
    /// Whether the keys of the rows that were there are asked for
    pub(super) returning: bool,
}

impl<M: Model> QueryFragment<DbOf<M>> for Delete<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        push_key_column::<M>(&self.table, &mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        if self.returning {
            out.push_sql(" RETURNING ");
            out.push_identifier(<M::KeyColumn as diesel::Column>::NAME)?;
        }
        Ok(())
    }
}

/// The number of the first row of the last INSERT, for backends that do not return keys; it is told once, so that an INSERT
/// that numbers no rows does not get the number of another one.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct FirstInserted;

impl<DB: Dialect> QueryFragment<DB> for FirstInserted {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT CAST(LAST_INSERT_ID() AS SIGNED), CAST(@@auto_increment_increment AS SIGNED), LAST_INSERT_ID(0)");
        Ok(())
    }
}

impl Query for FirstInserted {
    type SqlType = Untyped;
}
