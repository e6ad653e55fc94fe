//! Optimistic locking: a column that counts the writes of each row.

use std::any::Any;
use std::cell::RefCell;

use crate::backend::Connection;
use crate::env::stores::Store;
use crate::key::Key;
use crate::load::{prefetch, query};
use crate::number::FieldId;
use crate::store::{AnyColumn, Column, ColumnId, Moment, Slot, Table};
use crate::{Environment, Error, Result};

fn cells<V: 'static>(column: &dyn AnyColumn) -> Option<&RefCell<Column<V>>> {
    (column as &dyn Any).downcast_ref()
}

/// The version of a record, if it is cached
fn number(column: &dyn AnyColumn, slot: Slot) -> Option<i64> {
    let small = || cells::<i16>(column)?.borrow().get(slot).map(|&number| number.into());
    let middle = || cells::<i32>(column)?.borrow().get(slot).map(|&number| number.into());
    let large = || cells::<i64>(column)?.borrow().get(slot).copied();
    small().or_else(middle).or_else(large)
}

/// The largest version of its type
pub(super) fn last(column: &dyn AnyColumn) -> i64 {
    if cells::<i16>(column).is_some() {
        i16::MAX.into()
    } else if cells::<i32>(column).is_some() {
        i32::MAX.into()
    } else {
        i64::MAX
    }
}

fn set(column: &dyn AnyColumn, slot: Slot, now: Moment, number: i64) {
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
    field: FieldId,
    slots: &[Slot],
) -> Result<()> {
    prefetch::load_together(env, store, slots, field)?;
    if !env.system().has_returning {
        // The UPDATE will not say which rows it found: they are looked at, and held, before.
        let expected = numbers(store, field, slots);
        forget(store.table(), store.column_of(field), slots);
        query::by_keys_for_write(env, store, slots, &[field], store.field_name(field))?;
        compare(store, field, slots, &expected)?;
    }
    store.none_is_gone(slots)
}

/// The versions of records, as far as they are cached
pub(super) fn numbers<C: Connection>(
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
) -> Vec<Option<i64>> {
    slots.iter().map(|&slot| number(store.column(field), slot)).collect()
}

/// The versions that records had when what waits of them was written
pub(super) fn restore<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    versions: &[Option<i64>],
) {
    let (column, now) = (store.column(field), env.moment());
    forget(store.table(), store.column_of(field), slots);
    for (&slot, version) in slots.iter().zip(versions) {
        if let Some(version) = *version {
            set(column, slot, now, version);
            column.pin(slot);
        }
    }
}

/// An error if a row has another version than the one that was read before
pub(super) fn compare<C: Connection>(
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    expected: &[Option<i64>],
) -> Result<()> {
    let found = numbers(store, field, slots);
    let is_other = |(expected, found): (&Option<i64>, &Option<i64>)| {
        expected.is_some() && found.is_some() && expected != found
    };
    match expected.iter().zip(&found).position(is_other) {
        Some(row) => {
            forget(store.table(), store.column_of(field), slots);
            store.forget_record(slots[row]);
            Err(store.conflict(slots[row]))
        }
        None => Ok(()),
    }
}

/// Why an UPDATE did not tell of rows that it was to write: an error, unless they are there and have no version that could differ, or
/// nobody looks at that
///
/// `suppress_redundant_updates_trigger` and its kin keep a row as it is, and that of a view tells what it likes.
#[cold]
pub(super) fn missed<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    compares: bool,
) -> Result<()> {
    if store.table_store().is_unchecked() {
        return Ok(());
    }
    let versioned = env.stores.versioned(store.table_store());
    let asked = "the rows that an UPDATE did not find";
    match versioned.filter(|_| !compares) {
        Some((store, version)) => query::by_keys_for_write(env, store, slots, &[version], asked)?,
        None => query::by_keys_for_write(env, store, slots, &[], asked)?,
    }
    if compares || slots.iter().any(|&slot| store.is_absent(slot)) {
        return Err(lost(store, slots));
    }
    versioned.map_or(Ok(()), |(store, version)| has_next(store, version, slots))
}

/// The error of rows that were looked at after a write did not find them: they are not there, or have another version. What was read of
/// them is no basis for another try; nor is the version, which has been kept for this one.
pub(super) fn lost<C: Connection>(store: Store<'_, C>, slots: &[Slot]) -> Error {
    let gone = slots.iter().copied().find(|&slot| store.is_absent(slot));
    if let Some(version) = store.version() {
        forget(store.table(), version, slots);
    }
    slots.iter().for_each(|&slot| store.forget_record(slot));
    gone.map_or_else(|| store.conflict(slots[0]), |gone| store.missing_record(gone))
}

/// An error if a version can be counted on no further
pub(super) fn has_next<C: Connection>(store: Store<'_, C>, field: FieldId, slots: &[Slot]) -> Result<()> {
    let (column, last) = (store.column(field), last(store.column(field)));
    if let Some(&slot) = slots.iter().find(|&&slot| number(column, slot) == Some(last)) {
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
pub(super) fn forget(table: &Table, version: ColumnId, slots: &[Slot]) {
    let column = table.column(version);
    for &slot in slots {
        column.clean(slot);
        column.remove(slot);
    }
}

/// The versions of records after they were written
pub(super) fn next<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: FieldId, slots: &[Slot]) {
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
pub(super) fn first<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) {
    if let Some(version) = store.version() {
        let (column, now) = (store.table().column(version), env.moment());
        slots.iter().for_each(|&slot| set(column, slot, now, FIRST));
    }
}
