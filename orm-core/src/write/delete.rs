//! Deleting records, and forgetting what went with them.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::flush::told;
use super::statement::Delete;
use super::window::WINDOW;
use crate::backend::{Connection, Dialect};
use crate::env::stores::{Side, Store};
use crate::error::Doing;
use crate::load::query;
use crate::store::{ColumnId, SlotSet, TableId};
use crate::{Environment, Result};

/// Deletes records, and forgets what went with them.
pub(crate) fn delete<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) -> Result<()> {
    let mut seen = SlotSet::new(store.slots());
    let slots: Vec<u32> = slots.iter().copied().filter(|&slot| seen.mark(slot)).collect();
    if slots.is_empty() {
        return Ok(());
    }
    // What still waits may move a record out of the way of a cascade.
    env.flushed()?;
    for slots in slots.chunks(WINDOW) {
        let absent = || slots.iter().copied().find(|&slot| store.is_absent(slot));
        if let Some(gone) = absent() {
            return Err(store.missing_record(gone));
        }
        let keys = store.model().key_list(store.table(), slots);
        let statement = Delete { store, keys, returning: C::Backend::HAS_RETURNING };
        let doing =
            Doing { model: store.name(), text: &|| told("deleting", store.table_store(), &[], slots) };
        if statement.returning {
            let found = env.run_returning(store, doing, &statement)?;
            if found.len() < slots.len() {
                let found = SlotSet::of(found);
                let gone = slots.iter().copied().find(|&slot| !found.has(slot)).unwrap_or(slots[0]);
                store.forget_record(gone);
                return Err(store.missing_record(gone));
            }
        } else {
            // Afterwards nobody could tell which of them had been there.
            query::by_keys_for_write(env, store, slots, &[], "the rows to be deleted")?;
            if let Some(gone) = absent() {
                return Err(store.missing_record(gone));
            }
            if env.run(doing, &statement)? < slots.len() {
                return Err(store.conflict(slots[0]));
            }
        }
    }
    forget_what_went_along(env, store.table_number(), &slots);
    let now = env.moment().time;
    slots.iter().for_each(|&slot| store.set_absent(slot, Some(now)));
    store.note_rows();
    Ok(())
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
