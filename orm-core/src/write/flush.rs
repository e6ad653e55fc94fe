//! The flush: dirty records, by model and by set of fields, in as few statements as there can be.

use diesel::associations::HasTable;
use diesel::query_builder::QueryFragment;

use super::statement::{Assignment, UpdateEqual, UpdateRows, Version};
use super::version;
use crate::backend::{Connection, Dialect};
use crate::cache::{Store, by_fields};
use crate::error::Doing;
use crate::key::Key;
use crate::model::{Columns, DbOf, Model};
use crate::origin::Marks;
use crate::{Environment, Error, Result, Str, query};

/// Rows that one statement writes at most
pub(super) const WINDOW: usize = 1000;

/// Bytes of text and blobs that one statement writes at most, if it writes several rows; the padding may double them.
/// MariaDB takes 16 MiB unless it is told otherwise, and hangs up at more.
const WINDOW_BYTES: usize = 4 << 20;

/// How many rows, of these weights, one statement takes
pub(super) fn fitting_bytes(weights: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |&weight: &usize| {
        bytes += weight;
        bytes <= WINDOW_BYTES
    };
    weights.take_while(fits).count().max(1)
}

impl<C: Connection> Environment<C> {
    /// Whether something waits to be written
    pub(crate) fn has_pending(&self) -> bool {
        !self.pairs.is_empty() || self.stores().any(|store| store.has_dirty())
    }

    /// Sends what waits and could be seen by a list of records of `T`: their own columns, and pairs.
    pub(crate) fn flush_before_list<T: Model<Connection = C>>(&self, ordered: bool) -> Result<()> {
        // An order may look at whatever it likes.
        let seen = self.store::<T>().has_dirty_records() || !self.pairs.is_empty();
        if seen || (ordered && self.has_pending()) { self.flush() } else { Ok(()) }
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
    let groups = by_fields(&store.columns.borrow().each(), M::VERSION, &store.dirty());
    for (fields, slots) in groups {
        // A value that all of them have is sent once, whatever their number.
        let window = if M::VERSION.is_none() && are_equal(store, &fields, &slots) {
            1 << (DbOf::<M>::MAX_BINDS - fields.len()).ilog2()
        } else {
            fitting(DbOf::<M>::MAX_BINDS / UpdateRows::<M>::binds_of_row(fields.len(), M::VERSION.is_some()))
        };
        for slots in slots.chunks(window).flat_map(|slots| by_bytes(store, &fields, slots)) {
            let doing = Doing { model: M::NAME, text: &|| told::<M>("writing", &fields, store, slots) };
            update(env, store, &fields, slots, window, doing)?;
            let mut columns = store.columns.borrow_mut();
            for &field in &fields {
                let Some((column, pen)) = columns.column_mut(field).zip(M::FIELDS[field].pen) else {
                    continue;
                };
                for &slot in slots {
                    column.clean(slot);
                    // NaN: what a database makes of it has to be read.
                    if !pen.are_equal(column, &[slot, slot]) {
                        column.remove(slot);
                    }
                }
            }
        }
    }
    store.forget_dirty();
    Ok(())
}

/// A window in parts that are not too large for one statement
fn by_bytes<'a, M: Model>(store: &Store<M>, fields: &[usize], slots: &'a [u32]) -> Vec<&'a [u32]> {
    // A value that all of them have is sent once.
    if M::VERSION.is_none() && are_equal(store, fields, slots) {
        return vec![slots];
    }
    let (mut parts, mut rest) = (Vec::new(), slots);
    while !rest.is_empty() {
        let fit = fitting_bytes(rest.iter().map(|&slot| weight(store, fields, slot)));
        // Such as need no padding
        let (part, others) = rest.split_at(if fit < rest.len() { 1 << fit.ilog2() } else { fit });
        parts.push(part);
        rest = others;
    }
    parts
}

/// What the values of a record have on the heap
fn weight<M: Model>(store: &Store<M>, fields: &[usize], slot: u32) -> usize {
    let columns = store.columns.borrow();
    let weight = |&field: &usize| Some(M::FIELDS[field].pen?.weight(columns.column(field)?, slot));
    fields.iter().filter_map(weight).sum()
}

/// Whether the records have the same values
fn are_equal<M: Model>(store: &Store<M>, fields: &[usize], slots: &[u32]) -> bool {
    let columns = store.columns.borrow();
    fields.iter().all(|&field| {
        let column = columns.column(field).zip(M::FIELDS[field].pen);
        column.is_some_and(|(column, pen)| pen.are_equal(column, slots))
    })
}

/// How many rows a statement takes: a thousand, or as large a power of two as there are binds for
fn fitting(rows: usize) -> usize {
    if rows >= WINDOW { WINDOW } else { 1 << rows.max(1).ilog2() }
}

/// What a statement does, for messages: a few of the records by name, and how many there are
pub(super) fn told<M: Model>(what: &str, fields: &[usize], store: &Store<M>, slots: &[u32]) -> String {
    let fields: Vec<&str> = fields.iter().map(|&field| M::FIELDS[field].name).collect();
    let keys = slots.iter().take(SHOWN).map(|&slot| store.key(slot).text()).collect();
    tell(what, M::NAME, &fields, keys, slots.len())
}

/// Records that a message names
const SHOWN: usize = 5;

fn tell(what: &str, model: &str, fields: &[&str], mut keys: Vec<Str>, records: usize) -> String {
    if records > SHOWN {
        keys.push(Str::from(format!("… {records} records")));
    }
    let fields = if fields.is_empty() { String::new() } else { format!(".{}", fields.join(", ")) };
    format!("{what} {model}{fields} of {}", keys.join(", "))
}

/// One UPDATE of these records; an error if it did not find all of them.
fn update<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    fields: &[usize],
    slots: &[u32],
    window: usize,
    doing: Doing<'_>,
) -> Result<()> {
    if let Some(version) = M::VERSION {
        version::know(env, store, version, slots)?;
    }
    let found = send(env, store, fields, slots, window, doing)?;
    let missed = match &found {
        Found::These(found) => slots.iter().copied().filter(|&slot| !found.has(slot)).collect(),
        Found::Count(count) if *count < slots.len() => slots.to_vec(),
        Found::Count(_) => Vec::new(),
    };
    if !missed.is_empty() {
        return Err(not_found(env, store, &missed)?);
    }
    if let Some(version) = M::VERSION {
        version::next(env, store, version, slots);
    }
    Ok(())
}

/// The statement itself: for equal values, or for each record its own
fn send<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    fields: &[usize],
    slots: &[u32],
    window: usize,
    doing: Doing<'_>,
) -> Result<Found> {
    let columns = store.columns.borrow();
    let assignment = |field: usize| {
        let (pen, column) = (super::pen_of::<M>(field)?, columns.column(field));
        let column = column.ok_or_else(|| Error::other(format!("{} has no column {field}", M::NAME)))?;
        Ok(Assignment::<M> { field, binds: pen.binds(env, column, slots) })
    };
    let assignments = fields.iter().map(|&field| assignment(field)).collect::<Result<Vec<_>>>()?;
    let version: Version<'_, M> = M::VERSION.map(assignment).transpose()?;
    let (keys, table) = (store.keys_of(slots), M::Table::table());
    let (assignments, version) = (&assignments[..], &version);
    if slots.len() == 1 || (version.is_none() && are_equal(store, fields, slots)) {
        let keys = C::Backend::key_list(keys);
        run(env, store, doing, &UpdateEqual::<M> { table, keys, assignments, version })
    } else {
        let rows = slots.len().next_power_of_two().min(window);
        // Of the lightest the last one
        let lightest = (0..slots.len()).rev().min_by_key(|&row| weight(store, fields, slots[row]));
        let padding = lightest.unwrap_or_default();
        run(env, store, doing, &UpdateRows::<M> { table, keys: &keys, assignments, version, rows, padding })
    }
}

/// Which rows an UPDATE found
enum Found {
    Count(usize),
    These(Marks),
}

fn run<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    doing: Doing<'_>,
    statement: &dyn QueryFragment<C::Backend>,
) -> Result<Found> {
    if M::VERSION.is_none() || !C::Backend::HAS_RETURNING {
        return env.run(doing, statement).map(Found::Count);
    }
    let keys = env.run_returning::<M>(doing, statement)?;
    Ok(Found::These(Marks::of(keys.iter().filter_map(|key| store.find(key)))))
}

/// Why an UPDATE did not find rows that it was to write
#[cold]
fn not_found<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) -> Result<Error> {
    query::by_keys_for_write(env, store, slots, &[], "the rows that an UPDATE did not find")?;
    let gone = slots.iter().copied().find(|&slot| store.is_absent(slot));
    let slot = gone.unwrap_or(slots[0]);
    // What was read of them is no basis for another try; nor is the version, which has been kept for this one.
    if let Some(version) = M::VERSION {
        version::forget(store, version, slots);
    }
    slots.iter().for_each(|&slot| store.forget_record(slot));
    Ok(if gone.is_some() { store.missing_record(slot) } else { store.conflict(slot) })
}
