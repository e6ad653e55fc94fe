//! Deleting records, and forgetting what went with them.

use std::panic::Location;

use diesel::associations::HasTable;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::flush::{WINDOW, told};
use super::links::Side;
use super::statement::Delete;
use crate::backend::{Connection, Dialect};
use crate::cache::Store;
use crate::cardinality::Cardinality;
use crate::error::Doing;
use crate::model::{DbOf, Model};
use crate::origin::Marks;
use crate::watch::{For, Repeated, Spot};
use crate::{Environment, Records, Result, query};

impl<M: Model, K: Cardinality> Records<'_, M, K> {
    /// Deletes the records: one DELETE for a thousand
    ///
    /// They leave the cached lists that they are in. What the database may have deleted or changed with them, the
    /// records that link to them, is read again when it is asked for; all else stays cached.
    ///
    /// # Errors
    ///
    /// [`Error::MissingRecord`](crate::Error::MissingRecord) for a record whose row does not exist, and those of the database: a foreign key that
    /// refuses. None is deleted then.
    #[track_caller]
    pub fn delete(&self) -> Result<()> {
        let (group, at) = (&self.handle().group, Location::caller());
        let (env, store) = (group.env, group.store);
        let slots = K::slots(self.handle(), at)?;
        if let [slot] = *slots {
            env.watch(
                Spot::new(at, Repeated::Delete, M::NAME, ""),
                Some(For::record(M::number().get(), slot)),
            )?;
        }
        if slots.len() > 1 {
            // All or none, also where an open transaction goes on: one that is not there is found out when the others
            // are gone.
            env.transaction(|| delete(env, store, &slots))
        } else {
            env.writing(|| delete(env, store, &slots))
        }
    }
}

fn delete<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) -> Result<()> {
    let mut seen = Marks::new(store.slots());
    let slots: Vec<u32> = slots.iter().copied().filter(|&slot| seen.mark(slot)).collect();
    if slots.is_empty() {
        return Ok(());
    }
    // What still waits may move a record out of the way of a cascade.
    env.flush()?;
    for slots in slots.chunks(WINDOW) {
        let absent = || slots.iter().copied().find(|&slot| store.is_absent(slot));
        if let Some(gone) = absent() {
            return Err(store.missing_record(gone));
        }
        let statement = Delete::<M> {
            table: M::Table::table(),
            keys: DbOf::<M>::key_list(store.keys_of(slots)),
            returning: C::Backend::HAS_RETURNING,
        };
        let doing = Doing { model: M::NAME, text: &|| told::<M>("deleting", &[], store, slots) };
        if statement.returning {
            let found = env.run_returning::<M>(doing, &statement)?;
            if found.len() < slots.len() {
                let found = Marks::of(found.iter().filter_map(|key| store.find(key)));
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
    forget_what_went_along(env, M::number().get(), &slots);
    let now = env.moment().time;
    slots.iter().for_each(|&slot| store.set_absent(slot, Some(now)));
    Ok(())
}

/// Makes missing what some records were that are deleted, and what the database may have deleted, or set to NULL, with
/// them: whatever links to them, and whatever links to that in turn.
fn forget_what_went_along<C: Connection>(env: &Environment<C>, model: usize, slots: &[u32]) {
    env.note_drop();
    let now = env.moment();
    let mut touched: HashMap<usize, (Marks, Vec<u32>), FixedState> = HashMap::default();
    let mut next = vec![(model, slots.to_vec())];
    while let Some((model, slots)) = next.pop() {
        // Also where none of a model's records is known: its rows are, in the lists whose members were only counted.
        let is_new = !touched.contains_key(&model);
        let (marks, all) = touched.entry(model).or_default();
        let fresh: Vec<u32> = slots.into_iter().filter(|&slot| marks.mark(slot)).collect();
        if fresh.is_empty() && !is_new {
            continue;
        }
        all.extend(&fresh);
        let gone = Marks::of(fresh.iter().copied());
        let targets = env.store_by_number(model);
        for (number, store) in env.stores.by_number_all().enumerate() {
            let Some(store) = store else { continue };
            let listed = |field| targets?.members_of(Side::Inverse { model: number, field }, &fresh);
            if let Some(linking) = store.linking_to(model, &gone, &listed) {
                next.push((number, linking));
            }
        }
    }
    for (&model, (_, slots)) in &touched {
        if let Some(store) = env.store_by_number(model) {
            store.forget_records(slots);
        }
    }
    // Of these it is known that they are gone, of the others of their model it is not.
    if let Some((touched, _)) = touched.get_mut(&model) {
        slots.iter().for_each(|&slot| touched.unmark(slot));
    }
    let deleted = Marks::of(slots.iter().copied());
    for store in env.stores() {
        store.remove_from_lists(model, &deleted, now);
        for (&model, (marks, _)) in &touched {
            store.forget_lists_of(model, marks);
        }
    }
}
