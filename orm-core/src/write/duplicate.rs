//! Rows that may be there already, where an INSERT cannot be told by which unique key: MySQL's `ON DUPLICATE KEY UPDATE`.
//!
//! It takes whatever unique key a row violates. So what is assigned is assigned only if the columns that are meant have the values that
//! were given, and is an error else; and the rows are looked up by these columns afterwards, as nobody says their keys.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::{DatabaseError, DeserializationError};
use diesel::row::{Field as _, Row};

use super::guard::{KEPT, REFUSED, push_column, push_kept, target};
use super::refused::{Value, part_of};
use super::rows::{Action, Conflict, Target};
use super::statement::Insert;
use crate::backend::{Connection, Dialect as _};
use crate::env::keys::{invalid, read_key};
use crate::env::stores::Store;
use crate::error::Doing;
use crate::fragment::{Fragment, joined};
use crate::load::select::key_columns;
use crate::model::field_id;
use crate::store::Slot;
use crate::{Environment, Error, Result};

/// An error if a row is to be told by what this database does not know
pub(super) fn check<C: Connection>(store: Store<'_, C>, conflict: &Conflict<'_, C>) -> Result<()> {
    let what = match conflict.target {
        Target::Columns(_, None) => return Ok(()),
        Target::Columns(_, Some(_)) => "an index of some rows",
        Target::Constraint(_) => "a constraint by its name",
    };
    Err(Error::other(format!(
        "a {} cannot be told by {what}: {} has none; name the fields of a unique key",
        store.name(),
        store.system().name
    )))
}

/// Sends the INSERT; gives the slots of its rows, in order, or those of the new ones, if the others stay as they are.
pub(super) fn write<C: Connection>(
    env: &Environment<C>,
    insert: &Insert<'_, C>,
    conflict: &Conflict<'_, C>,
    doing: Doing<'_>,
) -> Result<Vec<Slot>> {
    let (store, columns) = (insert.store, target(conflict));
    let find = Find::new(insert, columns)?;
    let is_kept = matches!(conflict.action, Action::Nothing);
    if is_kept {
        env.run(doing, &Forget)?;
    }
    env.run(doing, insert).map_err(|error| by_another_key(store, columns, error))?;
    let found = find.run(env, doing, is_kept).inspect_err(|error| {
        // What they are nobody knows: they must not stay.
        if env.transactions.are_open() {
            env.mark_rollback_only(error);
        }
    })?;
    if !is_kept {
        return Ok(found.into_iter().map(|(slot, _)| slot).collect());
    }
    // One that is given several times is new if it was kept one time less.
    let mut given: HashMap<Slot, usize> = HashMap::new();
    found.iter().for_each(|(slot, _)| *given.entry(*slot).or_default() += 1);
    let is_new = |(slot, kept): (Slot, usize)| (given.remove(&slot)? > kept).then_some(slot);
    Ok(found.into_iter().filter_map(is_new).collect())
}

/// The error where a row is there already by another unique key than the one that is meant
#[cold]
fn by_another_key<C: Connection>(store: Store<'_, C>, columns: &[&str], error: Error) -> Error {
    let is_refused =
        matches!(error.of_statement(), Some(DatabaseError(_, said)) if said.message() == REFUSED);
    match error {
        Error::Database { model, doing, .. } if is_refused => {
            let said = format!(
                "there is a {} with the same values of another unique key than ({})",
                store.name(),
                columns.join(", ")
            );
            Error::database_of(model, store.sql(), doing, DatabaseError(UniqueViolation, Box::new(said)))
        }
        error => error,
    }
}

/// Forgets which rows were kept before.
struct Forget;

impl<DB: diesel::backend::Backend> QueryFragment<DB> for Forget {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(&format!("SET {KEPT} = ''"));
        Ok(())
    }
}

/// Looks rows up by the values that they were given: `(SELECT key, 0, … FROM … WHERE …) UNION ALL …`
///
/// As they are now: a transaction's snapshot does not show those that stay as somebody else has made them since.
struct Find<'a, C: Connection> {
    insert: &'a Insert<'a, C>,
    columns: &'a [&'static str],
    /// By row
    values: Vec<Vec<Value<'a, C>>>,
    counts: bool,
}

impl<'a, C: Connection> Find<'a, C> {
    fn new(insert: &'a Insert<'a, C>, columns: &'a [&'static str]) -> Result<Self> {
        let store = insert.store;
        let field_of = |column: &str| field_id(store.fields(), |field| field.columns.contains(&column));
        let missing = |column: &str| {
            let field = field_of(column).map_or(store.model().key_field(), |field| store.field_name(field));
            Error::missing_value(store.name(), field)
        };
        let value = |row, column: &str| {
            let value = part_of(insert, column).map(|part| Value { insert, part, row });
            value.filter(Value::is_given).ok_or_else(|| missing(column))
        };
        let values = |&row| columns.iter().map(|column| value(row, column)).collect();
        let values = insert.rows.iter().map(values).collect::<Result<_>>()?;
        Ok(Self { insert, columns, values, counts: false })
    }

    /// The slot of each row, in order, and how often it was kept
    fn run(mut self, env: &Environment<C>, doing: Doing<'_>, counts: bool) -> Result<Vec<(Slot, usize)>> {
        self.counts = counts;
        let (store, mut found) = (self.insert.store, vec![None; self.values.len()]);
        let mut key = store.model().key_reader(store.table());
        let places: Vec<usize> = (0..store.model().key_columns().len()).collect();
        env.note_statement(&self);
        env.giving_up_broken(|| {
            let fault = |error| doing.fault(error);
            let mut connection = env.connection()?;
            let rows = LoadConnection::load(&mut **connection, Fragment(&self)).map_err(fault)?;
            for row in rows {
                let row = row.map_err(fault)?;
                let slot = read_key(&mut *key, &places, &row)
                    .map_err(|error| invalid(store.model(), store.model().key_field(), "?".into(), &error))?;
                let number = |behind: usize| {
                    let value = row.get(places.len() + behind);
                    C::Backend::read_count(value.as_ref().and_then(|value| value.value()))
                        .map_err(|error| fault(DeserializationError(error)))
                };
                let (row, kept) = (number(0)?, number(1)?);
                match found.get_mut(row) {
                    Some(found @ None) => *found = Some((slot, kept)),
                    _ => return Err(Error::NotOne { model: store.name(), count: 2 }),
                }
            }
            Ok(())
        })?;
        let lost = || {
            Error::other(format!(
                "{doing}: a row is not found by ({}), with which it was written; a value that is NULL is equal to nothing: `create` makes \
                 such a row",
                self.columns.join(", ")
            ))
        };
        found.into_iter().map(|found| found.ok_or_else(lost)).collect()
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Find<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.values.len() > 1 {
            out.unsafe_to_cache_prepared();
        }
        let store = self.insert.store;
        joined(" UNION ALL ", &mut out, self.values.iter().enumerate(), |out, (row, values)| {
            out.push_sql("(SELECT ");
            key_columns(store).push_all(out)?;
            out.push_sql(&format!(", CAST({row} AS SIGNED), CAST("));
            if self.counts {
                // How often it stands among the kept ones
                out.push_sql(&format!("(LENGTH({KEPT}) - LENGTH(REPLACE({KEPT}, "));
                push_kept(store, out)?;
                out.push_sql(", ''))) DIV LENGTH(");
                push_kept(store, out)?;
                out.push_sql(")");
            } else {
                out.push_sql("0");
            }
            out.push_sql(" AS SIGNED) FROM ");
            out.push_sql(store.sql());
            out.push_sql(" WHERE ");
            joined(" AND ", out, values, |out, value| {
                push_column(store, value.column(), out)?;
                out.push_sql(" = ");
                value.walk_ast(out.reborrow())
            })?;
            out.push_sql(" LIMIT 2 LOCK IN SHARE MODE)");
            Ok(())
        })
    }
}
