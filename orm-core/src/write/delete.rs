//! Deleting records, and forgetting what went with them.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::flush::{assignment, told};
use super::statement::{Delete, Which};
use super::version;
use super::window::WINDOW;
use crate::backend::{Begin, Connection, Dialect};
use crate::env::stores::{Side, Store};
use crate::error::Doing;
use crate::load::query;
use crate::store::{ColumnId, SlotSet, TableId};
use crate::{Environment, Error, Result};

/// Deletes records, and forgets what went with them.
///
/// Of several all or none, also where an open transaction goes on: one that is not there is found out when the others are gone.
pub(crate) fn delete<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) -> Result<()> {
    let mut seen = SlotSet::new(store.slots());
    let slots: Vec<u32> = slots.iter().copied().filter(|&slot| seen.mark(slot)).collect();
    // What waits only for them goes with them.
    let aside = store.set_dirty_aside(&slots);
    let deleted = match slots.len() {
        0 => Ok(()),
        1 => env.writing(|| delete_rows(env, store, &slots)),
        _ => env.run_transaction(&Begin::default(), || delete_rows(env, store, &slots)),
    };
    match deleted {
        Ok(()) => store.drop_aside(&aside),
        Err(_) => store.restore_aside(&aside),
    }
    deleted
}

fn delete_rows<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) -> Result<()> {
    // What still waits may move a record out of the way of a cascade.
    env.flushed()?;
    send(env, store, slots)?;
    forget_what_went_along(env, store.table_number(), slots);
    let now = env.moment().time;
    slots.iter().for_each(|&slot| store.set_absent(slot, Some(now)));
    Ok(())
}

/// Sends the DELETEs; an error if one of the rows is not there, or has another version than the one that was read.
fn send<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) -> Result<()> {
    let (versioned, others): (Vec<u32>, Vec<u32>) = match store.version() {
        // What was never read is compared with nothing.
        Some(version) => slots.iter().partition(|&&slot| store.table().column(version).has(slot)),
        None => (Vec::new(), slots.to_vec()),
    };
    let most = C::Backend::MAX_BINDS / (store.model().key_columns().len() + 1);
    for slots in versioned.chunks(WINDOW.min(1 << most.ilog2())) {
        send_window(env, store, slots, true)?;
    }
    others.chunks(WINDOW).try_for_each(|slots| send_window(env, store, slots, false))
}

fn send_window<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[u32],
    versioned: bool,
) -> Result<()> {
    if let Some(&gone) = slots.iter().find(|&&slot| store.is_absent(slot)) {
        return Err(store.missing_record(gone));
    }
    let doing = Doing { model: store.name(), text: &|| told("deleting", store.table_store(), &[], slots) };
    let returning = C::Backend::HAS_RETURNING;
    if !returning {
        // Afterwards nobody could tell which of them had been there.
        let version = env.stores.versioned(store.table_store()).filter(|_| versioned);
        match version {
            Some((store, version)) => version::know(env, store, version, slots)?,
            None => query::by_keys_for_write(env, store, slots, &[], "the rows to be deleted")?,
        }
        if let Some(&gone) = slots.iter().find(|&&slot| store.is_absent(slot)) {
            return Err(store.missing_record(gone));
        }
    }
    let which = match store.version().filter(|_| versioned && returning) {
        Some(version) => Which::Versions {
            keys: store.model().key_binds(store.table(), slots.iter().copied().map(Some).collect()),
            version: assignment(env, store.table_store(), version, slots)?,
            rows: slots.len(),
        },
        None => Which::Keys(store.model().key_list(store.table(), slots)),
    };
    let statement = Delete { store, which, returning };
    if !returning {
        let found = env.run(doing, &statement)?;
        return if found < slots.len() { Err(store.conflict(slots[0])) } else { Ok(()) };
    }
    let found = env.run_returning(store, doing, &statement)?;
    // It holds the versions.
    drop(statement);
    if found.len() == slots.len() {
        return Ok(());
    }
    let found = SlotSet::of(found);
    let missed: Vec<u32> = slots.iter().copied().filter(|&slot| !found.has(slot)).collect();
    Err(not_found(env, store, &missed, versioned)?)
}

/// Why rows were not deleted: another version, or they are not there
#[cold]
fn not_found<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    missed: &[u32],
    versioned: bool,
) -> Result<Error> {
    if versioned {
        query::by_keys_for_write(env, store, missed, &[], "the rows that a DELETE did not find")?;
        if let Some(version) = store.version() {
            version::forget(store.table(), version, missed);
        }
        missed.iter().for_each(|&slot| store.forget_unless_absent(slot));
    }
    let gone = missed.iter().copied().find(|&slot| !versioned || store.is_absent(slot));
    Ok(match gone {
        Some(gone) => {
            store.forget_record(gone);
            store.missing_record(gone)
        }
        None => store.conflict(missed[0]),
    })
}

/// Makes missing what some records were that are deleted, and what the database may have deleted, or set to NULL, with
/// them: whatever links to them, and whatever links to that in turn.
fn forget_what_went_along<C: Connection>(env: &Environment<C>, table: TableId, slots: &[u32]) {
    env.note_drop();
    let now = env.moment();
    let mut touched: HashMap<TableId, (SlotSet, Vec<u32>), FixedState> = HashMap::default();
    let mut next = vec![(table, slots.to_vec())];
    while let Some((table, slots)) = next.pop() {
        // Also where none of a table's records is known: its rows are, in the lists whose members were only counted.
        let is_new = !touched.contains_key(&table);
        let (marks, all) = touched.entry(table).or_default();
        let fresh: Vec<u32> = slots.into_iter().filter(|&slot| marks.mark(slot)).collect();
        if fresh.is_empty() && !is_new {
            continue;
        }
        all.extend(&fresh);
        let gone = SlotSet::of(fresh.iter().copied());
        let targets = env.stores.table(table);
        for other in env.tables() {
            let listed = |column: ColumnId| {
                let side = Side::Inverse { table: other.number(), columns: other.field_of(column).1.columns };
                let lists = env.stores.lists(table, side);
                lists.iter().find_map(|&(lists, _)| targets.members_of(lists, &fresh))
            };
            if let Some(linking) = other.linking_to(table, &gone, &listed) {
                next.push((other.number(), linking));
            }
        }
    }
    for (&table, (_, slots)) in &touched {
        env.stores.table(table).forget_records(slots);
        env.stores.table(table).note_rows();
    }
    // Of these it is known that they are gone, of the others of their table it is not.
    if let Some((touched, _)) = touched.get_mut(&table) {
        slots.iter().for_each(|&slot| {
            touched.unmark(slot);
        });
    }
    let deleted = SlotSet::of(slots.iter().copied());
    for other in env.tables() {
        other.remove_from_lists(table, &deleted, now);
        for (&table, (marks, _)) in &touched {
            other.forget_lists_of(table, marks);
        }
    }
    for &table in touched.keys() {
        env.forget_shown(table);
    }
}
