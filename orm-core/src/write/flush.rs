//! The flush: dirty records, by model and by set of fields, in as few statements as there can be.

use diesel::associations::HasTable;
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::statement::{Assignment, UpdateEqual, UpdateRows, Version};
use crate::backend::{Connection, Dialect};
use crate::cache::{AnyColumn, Store};
use crate::key::Key;
use crate::model::{Columns, DbOf, Model};
use crate::{Environment, Error, Result, Str, query};

/// Rows that one statement writes at most
pub(super) const WINDOW: usize = 1000;

impl<C: Connection> Environment<C> {
    /// Whether something waits to be written
    pub(crate) fn has_pending(&self) -> bool {
        !self.pairs.is_empty() || self.stores().any(|store| store.has_dirty())
    }

    pub(super) fn flush_pending(&self) -> Result<()> {
        self.stores().filter(|store| store.has_dirty()).try_for_each(|store| store.flush(self))?;
        // After the records: a pair may be of two that were just moved into place.
        self.pairs.flush(self)
    }
}

/// Sends what was written to the records of a model.
pub(crate) fn flush<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
) -> Result<()> {
    for (fields, slots) in by_fields(store) {
        let binds = UpdateRows::<M>::binds_of_row(fields.len(), M::VERSION.is_some());
        let window = fitting(DbOf::<M>::MAX_BINDS / binds);
        for slots in slots.chunks(window) {
            let fault = |error| Error::database(M::NAME, doing::<M>("writing", &fields, store, slots), error);
            update(env, store, &fields, slots, window, &fault)?;
            let mut columns = store.columns.borrow_mut();
            for &field in &fields {
                if let Some(column) = columns.column_mut(field) {
                    slots.iter().for_each(|&slot| column.clean(slot));
                }
            }
        }
    }
    store.forget_dirty();
    Ok(())
}

/// How many rows a statement takes: a thousand, or as large a power of two as there are binds for
fn fitting(rows: usize) -> usize {
    if rows >= WINDOW { WINDOW } else { 1 << rows.max(1).ilog2() }
}

/// The dirty records by the set of their dirty fields, each in the order in which they were first written
fn by_fields<M: Model>(store: &Store<M>) -> IndexMap<Vec<usize>, Vec<u32>, FixedState> {
    let columns = store.columns.borrow();
    let columns: Vec<&dyn AnyColumn<M::Connection>> = columns.each();
    let mut groups: IndexMap<Vec<usize>, Vec<u32>, FixedState> = IndexMap::default();
    let mut fields = Vec::new();
    for slot in store.dirty() {
        fields.clear();
        fields.extend((0..columns.len()).filter(|&field| columns[field].is_dirty(slot)));
        match groups.get_mut(&fields) {
            Some(slots) => slots.push(slot),
            None => {
                groups.insert(fields.clone(), vec![slot]);
            }
        }
    }
    groups.shift_remove(&Vec::new());
    groups
}

/// What a statement does, for messages: a few of the records by name, and how many there are
pub(super) fn doing<M: Model>(what: &str, fields: &[usize], store: &Store<M>, slots: &[u32]) -> String {
    const SHOWN: usize = 5;
    let fields: Vec<&str> = fields.iter().map(|&field| M::FIELDS[field].name).collect();
    let mut keys: Vec<Str> = slots.iter().take(SHOWN).map(|&slot| store.key(slot).text()).collect();
    if slots.len() > SHOWN {
        keys.push(Str::from(format!("… {} records", slots.len())));
    }
    let fields = if fields.is_empty() { String::new() } else { format!(".{}", fields.join(", ")) };
    format!("{what} {}{fields} of {}", M::NAME, keys.join(", "))
}

/// One UPDATE of these records; an error if it did not find all of them.
fn update<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    fields: &[usize],
    slots: &[u32],
    window: usize,
    fault: &dyn Fn(diesel::result::Error) -> Error,
) -> Result<()> {
    if let Some(version) = M::VERSION {
        // What was never read can still be in the way of somebody else.
        crate::prefetch::load_all(env, store, slots, version, crate::relation::Want::Records)?;
    }
    let found = {
        let columns = store.columns.borrow();
        let assignment = |field: usize| {
            let (pen, column) = (super::pen_of::<M>(field)?, columns.column(field));
            let column = column.ok_or_else(|| Error::other(format!("{} has no column {field}", M::NAME)))?;
            Ok(Assignment::<M> { field, binds: pen.binds(env, column, slots) })
        };
        let assignments = fields.iter().map(|&field| assignment(field)).collect::<Result<Vec<_>>>()?;
        let version: Version<'_, M> = M::VERSION.map(assignment).transpose()?;
        let are_equal = |&field: &usize| {
            let column = columns.column(field).zip(M::FIELDS[field].pen);
            column.is_some_and(|(column, pen)| pen.are_equal(column, slots))
        };
        let (keys, table) = (store.keys_of(slots), M::Table::table());
        let (assignments, version) = (&assignments[..], &version);
        if slots.len() == 1 || (version.is_none() && fields.iter().all(are_equal)) {
            let keys = C::Backend::key_list(keys);
            env.run_with(fault, &UpdateEqual::<M> { table, keys, assignments, version })?
        } else {
            let rows = slots.len().next_power_of_two().min(window);
            env.run_with(fault, &UpdateRows::<M> { table, keys: &keys, assignments, version, rows })?
        }
    };
    if found < slots.len() {
        return Err(not_found(env, store, slots)?);
    }
    if let Some(version) = M::VERSION {
        next_version(env, store, version, slots);
    }
    Ok(())
}

/// Why an UPDATE found fewer rows than it was to write
#[cold]
fn not_found<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) -> Result<Error> {
    query::by_keys(env, store, slots, &[], "the rows that an UPDATE did not find")?;
    if let Some(&gone) = slots.iter().find(|&&slot| store.is_absent(slot)) {
        store.forget_record(gone);
        return Ok(store.missing_record(gone));
    }
    let conflict = |slot: u32| Error::Conflict { model: M::NAME, id: store.key(slot).text() };
    let Some(version) = M::VERSION else { return Ok(conflict(slots[0])) };
    let read = |slot: u32| store.with_column(version, |column| number(column, slot));
    let expected: Vec<Option<i64>> = slots.iter().map(|&slot| read(slot)).collect();
    if let Some(column) = store.columns.borrow_mut().column_mut(version) {
        slots.iter().for_each(|&slot| {
            column.remove(slot);
        });
    }
    query::by_keys(env, store, slots, &[version], M::FIELDS[version].name)?;
    let changed = slots.iter().zip(expected).find(|&(&slot, expected)| read(slot) != expected);
    let slot = changed.map_or(slots[0], |(&slot, _)| slot);
    // What was read of it is no basis for another try.
    store.forget_record(slot);
    Ok(conflict(slot))
}

/// A cell that holds a whole number
fn number<C: Connection>(column: &dyn AnyColumn<C>, slot: u32) -> Option<i64> {
    use crate::cache::Column;
    let cells = column.cells();
    let small = || cells.downcast_ref::<Column<i16>>()?.get(slot).map(|&n| n.into());
    let middle = || cells.downcast_ref::<Column<i32>>()?.get(slot).map(|&n| n.into());
    let large = || cells.downcast_ref::<Column<i64>>()?.get(slot).copied();
    small().or_else(middle).or_else(large)
}

fn set_number<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slot: u32,
    number: i64,
) {
    use crate::cache::Column;
    let mut columns = store.columns.borrow_mut();
    let Some(column) = columns.column_mut(field) else { return };
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

/// The versions of records after they were written
pub(super) fn next_version<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slots: &[u32],
) {
    for &slot in slots {
        if let Some(version) = store.with_column(field, |column| number(column, slot)) {
            set_number(env, store, field, slot, version + 1);
        }
    }
}

/// The versions of records that are new
pub(super) fn first_version<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) {
    if let Some(version) = M::VERSION {
        slots.iter().for_each(|&slot| set_number(env, store, version, slot, 1));
    }
}
