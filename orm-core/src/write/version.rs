//! Optimistic locking: a column that counts the writes of each row.

use std::any::Any;
use std::cell::RefCell;

use crate::backend::{Connection, Dialect};
use crate::env::stores::Store;
use crate::key::Key;
use crate::load::{prefetch, query};
use crate::store::{AnyColumn, Column, ColumnId, Moment, Table};
use crate::{Environment, Error, Result};

fn cells<V: 'static>(column: &dyn AnyColumn) -> Option<&RefCell<Column<V>>> {
    (column as &dyn Any).downcast_ref()
}

/// The version of a record, if it is cached
fn number(column: &dyn AnyColumn, slot: u32) -> Option<i64> {
    let small = || cells::<i16>(column)?.borrow().get(slot).map(|&number| number.into());
    let middle = || cells::<i32>(column)?.borrow().get(slot).map(|&number| number.into());
    let large = || cells::<i64>(column)?.borrow().get(slot).copied();
    small().or_else(middle).or_else(large)
}

/// Whether a version is the largest of its type
fn is_last(column: &dyn AnyColumn, slot: u32) -> bool {
    let is = |last: i64| number(column, slot) == Some(last);
    (cells::<i16>(column).is_some() && is(i16::MAX.into()))
        || (cells::<i32>(column).is_some() && is(i32::MAX.into()))
        || is(i64::MAX)
}

fn set(column: &dyn AnyColumn, slot: u32, now: Moment, number: i64) {
    if let (Some(cells), Some(number)) = (cells::<i32>(column), i32::of_number(number)) {
        cells.borrow_mut().set(slot, now, number);
    } else if let (Some(cells), Some(number)) = (cells::<i16>(column), i16::of_number(number)) {
        cells.borrow_mut().set(slot, now, number);
    } else if let Some(cells) = cells::<i64>(column) {
        cells.borrow_mut().set(slot, now, number);
    }
}

/// Loads the versions that are not cached: what was never read can still be in the way of somebody else.
pub(super) fn know<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: usize,
    slots: &[u32],
) -> Result<()> {
    prefetch::load_together(env, store, slots, field)?;
    if !C::Backend::HAS_RETURNING {
        // The UPDATE will not say which rows it found: they are looked at, and held, before.
        let read = || -> Vec<Option<i64>> {
            let number = |&slot: &u32| number(store.column(field), slot);
            slots.iter().map(number).collect()
        };
        let expected = read();
        forget(store.table(), store.column_of(field), slots);
        query::by_keys_for_write(env, store, slots, &[field], store.field_name(field))?;
        let changed = slots.iter().zip(expected).zip(read()).find(|((_, expected), found)| expected != found);
        if let Some(((&slot, _), Some(_))) = changed {
            forget(store.table(), store.column_of(field), slots);
            store.forget_record(slot);
            return Err(store.conflict(slot));
        }
    }
    match slots.iter().find(|&&slot| store.is_absent(slot)) {
        Some(&gone) => Err(store.missing_record(gone)),
        None => Ok(()),
    }
}

/// An error if a version can be counted on no further
pub(super) fn has_next<C: Connection>(store: Store<'_, C>, field: usize, slots: &[u32]) -> Result<()> {
    if let Some(&slot) = slots.iter().find(|&&slot| is_last(store.column(field), slot)) {
        return Err(Error::other(format!(
            "{} with key {} cannot be written: its {} is the largest that its type holds, and counts no further; \
             give the column a larger type, or start it again by SQL",
            store.name(),
            store.key_text(slot),
            store.field_name(field)
        )));
    }
    Ok(())
}

/// Makes versions missing.
pub(super) fn forget(table: &Table, version: ColumnId, slots: &[u32]) {
    let column = table.column(version);
    for &slot in slots {
        column.clean(slot);
        column.remove(slot);
    }
}

/// The versions of records after they were written
pub(super) fn next<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: usize, slots: &[u32]) {
    let (column, now) = (store.column(field), env.moment());
    for &slot in slots {
        column.clean(slot);
        if let Some(version) = number(column, slot) {
            set(column, slot, now, version.saturating_add(1));
        }
    }
}

/// The version of records that are new
pub(super) const FIRST: i64 = 1;

/// The versions of records that are new
pub(super) fn first<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) {
    if let Some(version) = store.version() {
        let (column, now) = (store.table().column(version), env.moment());
        slots.iter().for_each(|&slot| set(column, slot, now, FIRST));
    }
}
