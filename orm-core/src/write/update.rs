//! An application's own assignments for records: expressions that the database works out.

use diesel::query_builder::QueryFragment;

use super::delete::{look, rows_of_one};
use super::flush::told;
use super::links;
use super::statement::{Update, Which};
use super::version;
use super::window::WINDOW;
use crate::backend::{Begin, Connection, Dialect};
use crate::env::stores::Store;
use crate::error::Doing;
use crate::fragment::text_of;
use crate::load::query;
use crate::store::{ColumnId, Slots};
use crate::{Environment, Error, Result};

/// Assigns to the columns of records, all or none of them; what they hold then is missing.
pub(crate) fn update<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[u32],
    changes: &dyn QueryFragment<C::Backend>,
) -> Result<()> {
    let unwritten = |error| Error::database(store.name(), "making an UPDATE", error);
    let text = text_of::<C::Backend>(changes).map_err(unwritten)?;
    if text.is_empty() {
        return Ok(());
    }
    let assigned = Assigned::of(store, &text)?;
    let mut seen = Slots::default();
    let mut slots: Vec<u32> = slots.iter().copied().filter(|&slot| seen.insert(slot)).collect();
    store.sort_by_key(&mut slots);
    if slots.is_empty() {
        return Ok(());
    }
    let sent = || {
        // An expression reads what the rows hold.
        env.flushed()?;
        send(env, store, &slots, changes)
    };
    let updated = if slots.len() == 1 {
        env.writing_one(sent)
    } else {
        // Also where an open transaction goes on after the second UPDATE was refused.
        env.run_transaction(&Begin::default(), sent)
    };
    assigned.forget(env, store, &slots);
    updated
}

/// The columns of a table that a changeset assigns to
struct Assigned(Vec<ColumnId>);

impl Assigned {
    /// As diesel writes it, what is assigned to stands without its table, and what is read with it.
    fn of<C: Connection>(store: Store<'_, C>, text: &str) -> Result<Self> {
        let is_assigned = |name: &str| {
            let stands = |quote: char| {
                let assignment = format!("{quote}{name}{quote} = ");
                let mut places = text.match_indices(&assignment);
                places.any(|(at, _)| !text[..at].ends_with(['.', quote]))
            };
            stands('"') || stands('`')
        };
        let refused = |what: &str| {
            Error::other(format!(
                "{}: `update` cannot assign to {what}, by which records are told apart",
                store.name()
            ))
        };
        if store.model().key_columns().iter().any(|name| is_assigned(name)) {
            return Err(refused("the primary key"));
        }
        let table = store.table_store();
        if store
            .version()
            .is_some_and(|version| table.field_of(version).1.columns.iter().any(|name| is_assigned(name)))
        {
            return Err(refused("the version"));
        }
        let columns = store.table().columns();
        let columns =
            columns.filter(|&column| table.field_of(column).1.columns.iter().any(|name| is_assigned(name)));
        Ok(Self(columns.collect()))
    }

    /// Makes missing what was assigned to, and the lists that follow from it.
    fn forget<C: Connection>(&self, env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) {
        let table = store.table_store();
        for &column in &self.0 {
            links::forget_lists_by(env, table, column);
            store.table().forget_cells(column, slots);
        }
        table.made_columns().into_iter().for_each(|column| store.table().forget_cells(column, slots));
        store.note_rows();
        env.note_drop();
        env.forget_shown(store.table_number());
    }
}

/// Sends the UPDATEs; an error if one of the rows is not there, or has another version than the one that was read.
fn send<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[u32],
    changes: &dyn QueryFragment<C::Backend>,
) -> Result<()> {
    store.none_is_gone(slots)?;
    let versioned = env.stores.versioned(store.table_store());
    let (known, others): (Vec<u32>, Vec<u32>) = match store.version() {
        // What was never read is compared with nothing.
        Some(version) => slots.iter().partition(|&&slot| store.table().column(version).has(slot)),
        None => (Vec::new(), slots.to_vec()),
    };
    if let Some((store, field)) = versioned {
        version::has_next(store, field, &known)?;
    }
    if C::Backend::HAS_RETURNING || slots.len() == 1 {
        for slots in known.chunks(WINDOW.min(rows_of_one(store, 1))) {
            send_one(env, store, slots, changes, true)?;
        }
    } else {
        // Afterwards nobody could tell which of them had that version.
        look(env, store, &known, &[])?;
        known.chunks(WINDOW).try_for_each(|slots| send_one(env, store, slots, changes, false))?;
    }
    others.chunks(WINDOW).try_for_each(|slots| send_one(env, store, slots, changes, false))?;
    if let Some((store, field)) = versioned {
        version::next(env, store, field, &known);
    }
    Ok(())
}

fn send_one<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[u32],
    changes: &dyn QueryFragment<C::Backend>,
    compares: bool,
) -> Result<()> {
    let doing = Doing { model: store.name(), text: &|| told("updating", store.table_store(), &[], slots) };
    let rows = slots.len();
    let returning = compares && C::Backend::HAS_RETURNING;
    let update = |which| Update { store, changes, which, rows, returning };
    let asked = "the rows that an UPDATE did not find";
    if returning {
        let found = env.run_returning(store, doing, &update(Which::of(env, store, slots, true)?))?;
        let found: Slots = found.into_iter().collect();
        let missed: Vec<u32> = slots.iter().copied().filter(|slot| !found.contains(slot)).collect();
        if missed.is_empty() {
            return Ok(());
        }
        query::by_keys_for_write(env, store, &missed, &[], asked)?;
        return Err(version::lost(store, &missed));
    }
    if env.run(doing, &update(Which::of(env, store, slots, compares)?))? < rows {
        query::by_keys_for_write(env, store, slots, &[], asked)?;
        // A trigger may have kept what is there.
        if compares || slots.iter().any(|&slot| store.is_absent(slot)) {
            return Err(version::lost(store, slots));
        }
    }
    Ok(())
}
