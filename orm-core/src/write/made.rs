//! Keys that the database makes, and neither returns nor numbers: those of a default that is an expression are asked for before.
//!
//! MariaDB has `INSERT … RETURNING`, but tells which columns it returns only when it has run it, while diesel asks before.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use super::rows::{Keys, Rows, Shape, Shapes};
use crate::backend::{Connection, Dialect};
use crate::codec::altered::is_text_altered;
use crate::env::keys::read_slots;
use crate::env::stores::Store;
use crate::env::trace::Statement;
use crate::error::Doing;
use crate::load::query;
use crate::store::Slot;
use crate::{Environment, Error, Result};

/// Whether nobody says the keys of rows but the server, if it is asked; those that may be there already are looked for
fn are_untold<C: Connection>(store: Store<'_, C>, all: &Rows<'_, C>, keys: Keys) -> bool {
    !store.system().has_returning
        && all.conflict.is_none()
        && keys == Keys::Made
        && store.model().key_columns().len() == 1
}

/// Asks what gives the keys, where an INSERT that does not tell it could not be undone alone.
pub(super) fn foresee<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
    shapes: &Shapes,
) -> Result<()> {
    if env.transactions.are_open() && shapes.keys().any(|shape| are_untold(store, all, shape.keys)) {
        default_of_key(env, store)?;
    }
    Ok(())
}

/// Whether it is known now, and was not before, how to come by a key that was not told
pub(super) fn is_foreseen_now<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    error: &Error,
) -> Result<bool> {
    let is_asked = env.key_defaults.borrow().contains_key(&store.table_number());
    let is_of_it = matches!(error, Error::UnknownKey { model, .. } if *model == store.name());
    Ok(is_of_it && !is_asked && default_of_key(env, store)?.is_some())
}

/// The expression that gives the keys of a table; asked for once
fn default_of_key<C: Connection>(env: &Environment<C>, store: Store<'_, C>) -> Result<Option<Arc<str>>> {
    let (table, &[column]) = (store.table_number(), store.model().key_columns()) else { return Ok(None) };
    if let Some(known) = env.key_defaults.borrow().get(&table) {
        return Ok(known.clone());
    }
    let doing = Doing {
        model: store.name(),
        table: "",
        text: &|| format!("asking what gives the keys of new {}", store.name()),
    };
    env.note_statement(&DefaultOf { store, column });
    let told = Statement {
        kind: "select",
        model: store.name(),
        reason: &"what gives the keys of new rows",
        keys: None,
    };
    let asked = env.traced(&told, &DefaultOf { store, column }, |rows| {
        env.giving_up_broken(|| {
            let asked = env.connection()?.default_of(store.sql(), column);
            asked.inspect(|_| rows.set(1)).map_err(|error| doing.fault(error))
        })
    })?;
    let default = asked.map(Arc::from);
    env.key_defaults.borrow_mut().insert(table, default.clone());
    Ok(default)
}

/// The keys of so many new rows, where an expression gives them that is known
pub(super) fn keys<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
    shape: &Shape,
    rows: usize,
) -> Result<Option<Vec<Slot>>> {
    if !are_untold(store, all, shape.keys) || Rows::has_key_link(store, shape) {
        return Ok(None);
    }
    let Some(expression) = env.key_defaults.borrow().get(&store.table_number()).cloned().flatten() else {
        return Ok(None);
    };
    let doing = Doing {
        model: store.name(),
        table: "",
        text: &|| format!("asking for the keys of new {}", store.name()),
    };
    let made = MadeKeys { expression: &expression, rows: i64::try_from(rows).unwrap_or(i64::MAX) };
    env.note_statement(&made);
    let told = Statement { kind: "select", model: store.name(), reason: &"the keys of new rows", keys: None };
    let made = env.traced(&told, &made, |told| {
        read_slots(env, store, doing, &made).inspect(|slots| told.set(slots.len()))
    })?;
    Ok(Some(made))
}

/// An error if new rows have not got the keys that were made for them: a trigger gives others.
pub(super) fn are_there<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
) -> Result<()> {
    query::by_keys_for_write(env, store, slots, &[], "the keys of new rows")?;
    if slots.iter().any(|&slot| store.is_absent(slot)) { Err(unknown(env, store)) } else { Ok(()) }
}

/// Whether a key that is given may be another one as it is stored
fn is_key_altered<C: Connection>(store: Store<'_, C>, slot: Slot) -> bool {
    store.model().may_alter_key(store.system(), store.table(), slot)
}

/// Whether a key of new rows may be another one as it is stored
pub(super) fn may_alter_key<C: Connection>(store: Store<'_, C>, all: &Rows<'_, C>) -> bool {
    let mut slots = all.values.iter().filter_map(|values| values.slot(store));
    !store.are_keys_numbers() && slots.any(|slot| is_key_altered(store, slot))
}

/// An error if new rows have not got the keys that were given for them, where no statement returns those that they have.
pub(super) fn are_as_given<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
) -> Result<()> {
    if store.are_keys_numbers() {
        return Ok(());
    }
    let altered: Vec<Slot> = slots.iter().copied().filter(|&slot| is_key_altered(store, slot)).collect();
    if altered.is_empty() {
        return Ok(());
    }
    query::by_keys_for_write(env, store, &altered, &[], "the keys of new rows")?;
    match altered.iter().find(|&&slot| store.is_absent(slot)) {
        None => Ok(()),
        Some(&slot) => {
            let (model, key) = (store.name(), store.table().key_text(slot));
            // Spaces at the end of a text are not seen otherwise.
            let (key, does) = if is_text_altered(store.system(), &key) {
                (format!("{key:?}"), "cuts or pads")
            } else {
                (key.to_string(), "rounds, cuts or pads")
            };
            let error = Error::other(format!(
                "the key {key} of a new {model} is not stored as it was given: its column {does} it; give it as it is stored"
            ));
            if env.transactions.are_open() {
                env.mark_rollback_only(&error);
            }
            Err(error)
        }
    }
}

/// The error of rows that are there by keys that nobody knows: they must not stay.
pub(super) fn unknown<C: Connection>(env: &Environment<C>, store: Store<'_, C>) -> Error {
    let error = Error::UnknownKey { model: store.name(), field: store.model().key_field() };
    if env.transactions.are_open() {
        env.mark_rollback_only(&error);
    }
    error
}

/// What is asked of the server's catalogue, as it is told
struct DefaultOf<'a, C: Connection> {
    store: Store<'a, C>,
    column: &'static str,
}

impl<C: Connection> QueryFragment<C::Backend> for DefaultOf<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql(
            "SELECT column_default, extra, VERSION() FROM information_schema.columns WHERE table_name = ",
        );
        out.push_sql(self.store.sql());
        out.push_sql(" AND column_name = ");
        out.push_identifier(self.column)
    }
}

/// What an expression gives, so many times
struct MadeKeys<'a> {
    expression: &'a str,
    rows: i64,
}

impl<DB: Dialect> QueryFragment<DB> for MadeKeys<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.rows > 1 {
            out.push_sql("WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ");
            DB::push_number(&self.rows, out.reborrow())?;
            out.push_sql(") ");
        }
        out.push_sql("SELECT ");
        out.push_sql(self.expression);
        out.push_sql(if self.rows > 1 { " FROM numbers" } else { "" });
        Ok(())
    }
}
