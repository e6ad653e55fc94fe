//! Optimistic locking: a column that counts the writes of each row.

use crate::backend::{Connection, Dialect};
use crate::cache::{AnyColumn, Column, Store};
use crate::key::Key;
use crate::model::{Columns, Model};
use crate::prefetch;
use crate::{Environment, Result, query};

/// The version of a record, if it is cached
fn number<C: Connection>(column: &dyn AnyColumn<C>, slot: u32) -> Option<i64> {
    let cells = column.cells();
    let small = || cells.downcast_ref::<Column<i16>>()?.get(slot).map(|&number| number.into());
    let middle = || cells.downcast_ref::<Column<i32>>()?.get(slot).map(|&number| number.into());
    let large = || cells.downcast_ref::<Column<i64>>()?.get(slot).copied();
    small().or_else(middle).or_else(large)
}

fn set<C: Connection>(env: &Environment<C>, column: &mut dyn AnyColumn<C>, slot: u32, number: i64) {
    let (cells, now) = (column.cells_mut(), env.moment());
    if let (Some(cells), Some(number)) = (cells.downcast_mut::<Column<i32>>(), i32::of_number(number)) {
        cells.set(slot, now, number);
    } else if let (Some(cells), Some(number)) = (cells.downcast_mut::<Column<i16>>(), i16::of_number(number))
    {
        cells.set(slot, now, number);
    } else if let Some(cells) = cells.downcast_mut::<Column<i64>>() {
        cells.set(slot, now, number);
    }
}

/// Loads the versions that are not cached: what was never read can still be in the way of somebody else.
pub(super) fn know<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slots: &[u32],
) -> Result<()> {
    prefetch::load_together(env, store, slots, field)?;
    if !C::Backend::HAS_RETURNING {
        // The UPDATE will not say which rows it found: they are looked at, and held, before.
        let read = || -> Vec<Option<i64>> {
            let number = |&slot: &u32| store.with_column(field, |column| number(column, slot));
            slots.iter().map(number).collect()
        };
        let expected = read();
        forget(store, field, slots);
        query::by_keys_for_write(env, store, slots, &[field], M::FIELDS[field].name)?;
        let changed = slots.iter().zip(expected).zip(read()).find(|((_, expected), found)| expected != found);
        if let Some(((&slot, _), Some(_))) = changed {
            forget(store, field, slots);
            store.forget_record(slot);
            return Err(store.conflict(slot));
        }
    }
    match slots.iter().find(|&&slot| store.is_absent(slot)) {
        Some(&gone) => Err(store.missing_record(gone)),
        None => Ok(()),
    }
}

/// Makes versions missing.
pub(super) fn forget<M: Model>(store: &Store<M>, field: usize, slots: &[u32]) {
    if let Some(column) = store.columns.borrow_mut().column_mut(field) {
        for &slot in slots {
            column.clean(slot);
            column.remove(slot);
        }
    }
}

/// The versions of records after they were written
pub(super) fn next<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slots: &[u32],
) {
    if let Some(column) = store.columns.borrow_mut().column_mut(field) {
        for &slot in slots {
            column.clean(slot);
            if let Some(version) = number(column, slot) {
                set(env, column, slot, version.saturating_add(1));
            }
        }
    }
}

/// The version of records that are new
pub(super) const FIRST: i64 = 1;

/// The versions of records that are new
pub(super) fn first<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) {
    if let Some(field) = M::VERSION
        && let Some(column) = store.columns.borrow_mut().column_mut(field)
    {
        slots.iter().for_each(|&slot| set(env, column, slot, FIRST));
    }
}
