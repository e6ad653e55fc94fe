//! Which of many new rows a constraint has refused, as far as the database says it.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment};

use super::rows::AnyValues;
use super::statement::Insert;
use crate::backend::{Connection, Dialect as _};
use crate::env::keys::read_slots;
use crate::env::stores::Store;
use crate::env::trace::Statement;
use crate::error::{Doing, Violation, ViolationKind};
use crate::fragment::{Fragment, joined};
use crate::load::select::key_columns;
use crate::model::{field_id, numbered};
use crate::number::FieldId;
use crate::store::Slot;
use crate::{Environment, Error, Result};

/// The same error, with the row among those that were given, and with all fields that it lacks
#[cold]
pub(super) fn name_row<C: Connection>(
    env: &Environment<C>,
    insert: &Insert<'_, C>,
    places: &[usize],
    error: Error,
) -> Error {
    let Some(violation) = error.violation() else { return error };
    // On PostgreSQL it may be a partition: then the value tells the row.
    let is_untold = violation.table.is_some() || violation.kind == ViolationKind::NotNull;
    if is_untold && !violation.may_be_of(insert.store.sql()) {
        // Of none of these rows: a trigger has written it.
        return error;
    }
    // A row that is written where it is there already is like that one in all that it leaves as it is.
    let is_told = violation.value.is_some() || insert.all.conflict.is_none();
    let row = row_of(env, insert, &violation).filter(|_| is_told);
    let error = if violation.kind == ViolationKind::NotNull {
        missing_values(insert, &violation, row.unwrap_or(0), error)
    } else {
        error
    };
    let rows = insert.all.values.len();
    match row.and_then(|row| places.get(row)) {
        Some(&row) if rows > 1 => {
            let error = Error::RowRefused { row, rows, value: violation.value, error: Arc::new(error) };
            env.transactions.refine_error(&error);
            error
        }
        _ => error,
    }
}

/// What a database calls a violation of NOT NULL
fn missing_values<C: Connection>(
    insert: &Insert<'_, C>,
    violation: &Violation,
    row: usize,
    error: Error,
) -> Error {
    let (store, column) = (insert.store, violation.column.as_deref().unwrap_or_default());
    let mut fields = numbered(store.fields());
    let Some((place, missing)) = fields.find(|(_, field)| field.columns.contains(&column)) else {
        return error;
    };
    if !missing.is_nullable && insert.rows.iter().all(|row| row.given(place).is_some()) {
        // Of none of these rows: MySQL does not say that it is of a table which a trigger has written.
        return error;
    }
    let key = store.model().key_columns();
    let is_left_out = |(at, _): &(FieldId, _)| {
        insert.rows.get(row).is_some_and(|row| row.given(*at).is_none()) && insert.all.link_of(*at).is_none()
    };
    let others = numbered(store.fields()).filter(is_left_out).filter_map(|(at, field)| {
        let may_be_left_out = field.is_nullable
            || field.is_made
            || !field.is_column()
            || field.columns.iter().all(|column| key.contains(column))
            || store.model().version() == Some(at);
        (!may_be_left_out && field.name != missing.name).then_some(field.name)
    });
    Error::MissingValue { model: store.name(), field: missing.name, others: others.collect() }
}

/// A column of a new row
#[derive(Clone, Copy)]
pub(super) enum Part {
    Key,
    Field(FieldId, usize),
}

/// The row of the INSERT, if one can be told
fn row_of<C: Connection>(
    env: &Environment<C>,
    insert: &Insert<'_, C>,
    violation: &Violation,
) -> Option<usize> {
    let first = violation.column.as_deref()?;
    if violation.kind == ViolationKind::NotNull {
        let field = field_id(insert.store.fields(), |field| field.columns.contains(&first))?;
        return insert.rows.iter().position(|row| row.given(field).is_none());
    }
    let parts = |columns: &mut dyn Iterator<Item = &str>| -> Option<Vec<Part>> {
        columns.map(|column| part_of(insert, column)).collect()
    };
    let named = parts(&mut violation.columns.iter().map(|column| &**column));
    let texts_in = |parts: &[Part]| -> Vec<Vec<String>> {
        insert.rows.iter().map(|&row| texts_of(insert, parts, row)).collect()
    };
    let Some(value) = &violation.value else {
        // SQLite says no value; what is unique of it can be compared, with the other rows and with those that are there.
        let parts =
            named.filter(|_| violation.kind == ViolationKind::Unique && !insert.store.system().has_server)?;
        return twin(&texts_in(&parts)).or_else(|| there(env, insert, &parts));
    };
    let row_in = |parts: Vec<Part>| {
        let is_it = |texts: &&Vec<String>| {
            [", ", "-"].iter().any(|between| texts.join(between).eq_ignore_ascii_case(value))
        };
        let texts = texts_in(&parts);
        let mut found = texts.iter().enumerate().filter(|(_, texts)| is_it(texts)).map(|(row, _)| row);
        // Of two the second is one too many, whatever was there before.
        let first = found.next()?;
        Some(found.next().unwrap_or(first))
    };
    if let Some(parts) = named {
        return row_in(parts);
    }
    // MySQL names the unique key: any columns may be meant. One row alone has to have such a value.
    let key = parts(&mut insert.store.model().key_columns().iter().copied());
    if first == "PRIMARY" {
        return row_in(key?);
    }
    let mut rows = insert.columns().filter_map(|column| row_in(vec![part_of(insert, column)?]));
    let row = rows.next()?;
    rows.all(|other| other == row).then_some(row)
}

pub(super) fn part_of<C: Connection>(insert: &Insert<'_, C>, column: &str) -> Option<Part> {
    let key = insert.store.model().key_columns();
    if insert.shape.with_key_column && key == [column] {
        return Some(Part::Key);
    }
    insert.shape.fields.iter().find_map(|&field| {
        let part = insert.store.field(field).columns.iter().position(|of| *of == column)?;
        insert.all.link_of(field).is_none().then_some(Part::Field(field, part))
    })
}

/// The values of a row in these columns, as `Debug` shows what is bound, without its quotes; one that is NULL is like no other
fn texts_of<C: Connection>(insert: &Insert<'_, C>, parts: &[Part], row: &dyn AnyValues<C>) -> Vec<String> {
    parts
        .iter()
        .map(|&part| {
            let shown = C::Backend::describe(insert.store.system(), &Value { insert, part, row });
            let bound =
                shown.rsplit_once(" -- binds: [").map_or("", |(_, bound)| bound.trim_end_matches(']'));
            let bound =
                bound.strip_prefix("Some(").and_then(|bound| bound.strip_suffix(')')).unwrap_or(bound);
            match bound.strip_prefix('"').and_then(|bound| bound.strip_suffix('"')) {
                Some(text) => text.replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\"),
                None => bound.to_owned(),
            }
        })
        .collect()
}

/// The first row that is like one before it
fn twin(texts: &[Vec<String>]) -> Option<usize> {
    let is_null = |texts: &Vec<String>| texts.iter().any(|text| text.is_empty() || text == "None");
    let mut seen = HashSet::new();
    texts.iter().position(|texts| !is_null(texts) && !seen.insert(texts))
}

/// The first row of which there is one in the database
fn there<C: Connection>(env: &Environment<C>, insert: &Insert<'_, C>, parts: &[Part]) -> Option<usize> {
    let model = insert.store.name();
    let doing = Doing { model, table: "", text: &|| format!("looking for a {model} that is there already") };
    let told = Statement { kind: "select", model, reason: &"which new row was refused", keys: Some(1) };
    insert.rows.iter().position(|&row| {
        let there = There(parts.iter().map(|&part| Value { insert, part, row }).collect());
        let found = env.traced(&told, &there, |rows| {
            env.note_statement(&there);
            let mut connection = env.connection()?;
            let fault = |error| doing.fault(error);
            let is_there =
                LoadConnection::load(&mut **connection, Fragment(&there)).map_err(fault)?.next().is_some();
            rows.set(is_there.into());
            Ok(is_there)
        });
        found.unwrap_or(false)
    })
}

/// A value of a new row
pub(super) struct Value<'a, C: Connection> {
    pub(super) insert: &'a Insert<'a, C>,
    pub(super) part: Part,
    pub(super) row: &'a dyn AnyValues<C>,
}

impl<C: Connection> Value<'_, C> {
    pub(super) fn is_given(&self) -> bool {
        let field = match self.part {
            Part::Key => self.insert.store.key_field(),
            Part::Field(field, _) => field,
        };
        self.row.given(field).is_some()
    }

    pub(super) fn column(&self) -> &'static str {
        let store = self.insert.store;
        match self.part {
            Part::Key => store.model().key_columns()[0],
            Part::Field(field, part) => store.field(field).columns[part],
        }
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Value<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let (store, row) = (self.insert.store, self.row);
        match self.part {
            Part::Key => {
                if let Some(key) = row.given(store.key_field()) {
                    return store.model().push_key(key, 0, out);
                }
            }
            Part::Field(field, part) => {
                if let (Some(encode), Some(value)) = (store.field(field).encode, row.given(field)) {
                    return encode.push(value, part, out);
                }
            }
        }
        out.push_sql("NULL");
        Ok(())
    }
}

/// So many rows are looked for by one SELECT: what is joined by OR is bounded.
const LOOKED_FOR: usize = 200;

/// The rows that are there with the values of these columns that new rows are to have; nothing if one of them has none
pub(super) fn rows_with<C: Connection>(
    env: &Environment<C>,
    insert: &Insert<'_, C>,
    columns: &[&str],
) -> Result<Option<Vec<Slot>>> {
    let store = insert.store;
    let value = |row, column: &&str| {
        part_of(insert, column).map(|part| Value { insert, part, row }).filter(Value::is_given)
    };
    let values = |&row| columns.iter().map(|column| value(row, column)).collect::<Option<Vec<_>>>();
    let Some(rows) = insert.rows.iter().map(values).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let mut found = Vec::new();
    for rows in rows.chunks(LOOKED_FOR) {
        let query = Keys { store, rows };
        let reason = "whose stored values follow from them";
        let text = || format!("looking for {} {} that may be there", rows.len(), store.name());
        let doing = Doing { model: store.name(), table: "", text: &text };
        let told = Statement { kind: "select", model: store.name(), reason: &reason, keys: Some(rows.len()) };
        found.extend(env.traced(&told, &query, |told| {
            env.before_select(&query);
            read_slots(env, store, doing, &query).inspect(|found| told.set(found.len()))
        })?);
    }
    Ok(Some(found))
}

/// `SELECT key FROM table WHERE (column = value AND …) OR …`
struct Keys<'a, C: Connection> {
    store: Store<'a, C>,
    rows: &'a [Vec<Value<'a, C>>],
}

impl<C: Connection> QueryFragment<C::Backend> for Keys<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.rows.len() > 1 {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("SELECT ");
        key_columns(self.store).push_all(&mut out)?;
        out.push_sql(" FROM ");
        out.push_sql(self.store.sql());
        out.push_sql(" WHERE ");
        joined(" OR ", &mut out, self.rows, |out, values| {
            out.push_sql("(");
            equal(values, out)?;
            out.push_sql(")");
            Ok(())
        })
    }
}

/// `column = value AND …`
fn equal<'b, C: Connection>(
    values: &'b [Value<'_, C>],
    out: &mut AstPass<'_, 'b, C::Backend>,
) -> QueryResult<()> {
    joined(" AND ", out, values, |out, value| {
        out.push_identifier(value.column())?;
        out.push_sql(" = ");
        value.walk_ast(out.reborrow())
    })
}

/// `SELECT 1 FROM table WHERE column = value AND …`
struct There<'a, C: Connection>(Vec<Value<'a, C>>);

impl<C: Connection> QueryFragment<C::Backend> for There<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT 1 FROM ");
        if let Some(value) = self.0.first() {
            out.push_sql(value.insert.store.sql());
        }
        out.push_sql(" WHERE ");
        equal(&self.0, &mut out)
    }
}
