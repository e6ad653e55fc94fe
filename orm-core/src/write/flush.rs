//! The flush: dirty records, by table, in as few statements as there can be.

use std::borrow::Cow;

use diesel::query_builder::QueryFragment;

use super::links;
use super::put;
use super::statement::{Assignment, UpdateEqual, UpdateRows, Version, assignment};
use super::window::{WINDOW, fitting, fitting_bytes};
use super::{stored, version};
use crate::backend::Connection;
use crate::env::stores::{Store, TableStore};
use crate::error::{Doing, ViolationKind};
use crate::load::query;
use crate::store::{self, ColumnId, Link, Slot, SlotSet, Steps};
use crate::{Environment, Error, Result, Str};

/// Sends all that waits, once what follows from it is computed, and it is validated.
pub(crate) fn pending<C: Connection>(env: &Environment<C>) -> Result<()> {
    stored::pending(env, send_pending)
}

/// Sends all that waits.
///
/// In an order that is the same for all who write the same: tables and columns by name, rows by key. So two who write the
/// same rows wait for each other in turn, whatever order their programs write in.
fn send_pending<C: Connection>(env: &Environment<C>) -> Result<()> {
    let mut tables: Vec<_> = env.tables().filter(|table| table.has_dirty()).collect();
    tables.sort_by_key(|table| table.sql());
    // One moment for all
    let now = put::now();
    tables.iter().try_for_each(|&table| put::stamp(env, table, now))?;
    tables.into_iter().try_for_each(|table| flush(env, table))?;
    // After the records: a pair may be of two that were just moved into place.
    super::pairs::pending(env)
}

/// Sends what was written to the records of a table.
fn flush<C: Connection>(env: &Environment<C>, table: TableStore<'_, C>) -> Result<()> {
    // Most often none: no unique link changes hands.
    let Steps { first, circles } = table.steps().unwrap_or_default();
    for step in &first {
        flush_step(env, table, Some(step))?;
    }
    for (column, slots) in &circles {
        give_up(env, table, *column, slots)?;
    }
    flush_step(env, table, None)?;
    table.forget_dirty();
    Ok(())
}

/// Sets links to NULL that change hands in a circle; what they lead to now waits as before.
fn give_up<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    column: ColumnId,
    slots: &[Slot],
) -> Result<()> {
    let Some(links) =
        store::to_one(table.table().column(column)).filter(|_| table.field_of(column).1.is_nullable)
    else {
        return Ok(());
    };
    let mut slots = slots.to_vec();
    table.sort_by_key(&mut slots);
    let now = env.moment();
    let led: Vec<Link> = slots.iter().filter_map(|&slot| links.borrow().get(slot).copied()).collect();
    slots.iter().for_each(|&slot| links.borrow_mut().write(slot, now, Link::NULL));
    let compares = compares(table, &slots);
    let part = |slots| Part::new(table, &[column], slots, false);
    let mut parts = slots.chunks(WINDOW).map(part);
    let sent = parts.try_for_each(|part| send_part(env, table, part, WINDOW, compares));
    slots.iter().zip(led).for_each(|(&slot, link)| links.borrow_mut().write(slot, now, link));
    sent
}

/// Sends what was written to records that are named, or to all that are left.
fn flush_step<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    only: Option<&SlotSet>,
) -> Result<()> {
    let made = table.made_columns();
    for Change { columns, mut slots, is_mixed } in changes(table, only) {
        table.sort_by_key(&mut slots);
        let (giving_up, others) = giving_up(table, &columns, slots);
        for slots in [giving_up, others].iter().filter(|slots| !slots.is_empty()) {
            flush_change(env, table, &columns, slots, is_mixed, &made)?;
        }
    }
    Ok(())
}

/// Sends what was written to these records, which are in the order of their keys.
fn flush_change<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    columns: &[ColumnId],
    slots: &[Slot],
    is_mixed: bool,
    made: &[ColumnId],
) -> Result<()> {
    let max_binds = env.system().max_binds;
    let assigned: usize = columns.iter().map(|&column| table.field_of(column).1.columns.len()).sum();
    // A value that all of them have is sent once, whatever their number.
    let compares = compares(table, slots);
    let is_one = !is_mixed && is_one_for_all(table, columns, slots, compares);
    let window = if is_one {
        1 << ((max_binds - assigned) / table.model().key_columns().len()).ilog2()
    } else {
        fitting(max_binds / UpdateRows::<C>::binds_of_row(table, assigned))
    };
    for slots in slots.chunks(window).flat_map(|slots| by_bytes(table, columns, slots, is_one)) {
        send_part(env, table, Part::new(table, columns, slots, is_mixed), window, compares)?;
        links::forget_made(env, table, made, slots);
    }
    Ok(())
}

/// Records of which a value becomes NULL that others of them get a value of, and those others: a unique value that goes from one to
/// another is given up before it is taken. Links that are unique are known, and have an order of their own.
fn giving_up<C: Connection>(
    table: TableStore<'_, C>,
    columns: &[ColumnId],
    slots: Vec<Slot>,
) -> (Vec<Slot>, Vec<Slot>) {
    let mut given_up = SlotSet::default();
    for &column in columns {
        let (cells, info) = (table.table().column(column), table.field_of(column).1);
        let Some(encode) = info.encode.filter(|_| info.is_nullable && slots.len() > 1) else { continue };
        let written = slots.iter().copied().filter(|&slot| cells.is_dirty(slot));
        let (to_null, others): (Vec<Slot>, Vec<Slot>) =
            written.partition(|&slot| encode.is_null(cells, slot));
        if !others.is_empty() {
            for slot in to_null {
                given_up.mark(slot);
            }
        }
    }
    slots.into_iter().partition(|&slot| given_up.has(slot))
}

/// Whether versions are compared: if nobody has read one, none can be another one.
fn compares<C: Connection>(table: TableStore<'_, C>, slots: &[Slot]) -> bool {
    let is_known = |version| slots.iter().any(|&slot| table.table().column(version).has(slot));
    table.version().is_some_and(is_known)
}

/// Records that are written together
struct Change {
    columns: Vec<ColumnId>,
    slots: Vec<Slot>,
    /// Whether not all of the columns are written of each
    is_mixed: bool,
}

/// What is to be written, in as few parts as can be: all of it together, so that rows are written in the order of their keys, whatever
/// is written of each; but for what cannot stand in one statement, and for one value of very many rows.
fn changes<C: Connection>(table: TableStore<'_, C>, only: Option<&SlotSet>) -> Vec<Change> {
    let mut groups: Vec<_> = table.dirty_by_columns().into_iter().collect();
    if let Some(only) = only {
        groups.iter_mut().for_each(|(_, slots)| slots.retain(|&slot| only.has(slot)));
        groups.retain(|(_, slots)| !slots.is_empty());
    }
    let names = |columns: &[ColumnId]| -> Vec<&str> {
        let names = columns.iter().flat_map(|&column| table.field_of(column).1.columns);
        names.copied().collect()
    };
    let is_apart = |(columns, slots): &mut (Vec<ColumnId>, Vec<Slot>)| {
        slots.len() > WINDOW && is_one_for_all(table, columns, slots, table.version().is_some())
    };
    let mut mixed = None;
    let mut apart: Vec<_> =
        if groups.len() > 1 { groups.extract_if(.., is_apart).collect() } else { Vec::new() };
    if groups.len() > 1 {
        let mut columns: Vec<ColumnId> = groups.iter().flat_map(|(columns, _)| columns).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        columns.sort_by_cached_key(|&column| names(&[column]));
        let mut all = names(&columns);
        all.sort_unstable();
        // Two fields may show one column.
        let is_each_once = all.windows(2).all(|pair| pair[0] != pair[1]);
        let can_mix = |&column: &ColumnId| {
            table.field_of(column).1.encode.is_some_and(|encode| encode.can_mix(table.system()))
        };
        if columns.len() <= MASKED && is_each_once && columns.iter().all(can_mix) {
            let slots = groups.drain(..).flat_map(|(_, slots)| slots).collect();
            mixed = Some(Change { columns, slots, is_mixed: true });
        }
    }
    apart.append(&mut groups);
    apart.sort_by_cached_key(|(columns, _)| names(columns));
    let alike = apart.into_iter().map(|(columns, slots)| Change { columns, slots, is_mixed: false });
    alike.chain(mixed).collect()
}

/// How many fields have a bit in a mask
const MASKED: usize = 62;

/// What one statement writes
struct Part<'a> {
    columns: Vec<ColumnId>,
    slots: &'a [Slot],
    /// Which of the records each of the columns is written of
    written: Vec<Written<'a>>,
    /// Which of the columns are written of a row, a bit each; `None`: all of them of each
    masks: Option<Vec<i64>>,
}

/// The records that a column is written of
struct Written<'a> {
    slots: Cow<'a, [Slot]>,
    /// Which of them each row of the statement is, if it is one; `None`: they are the same
    places: Option<Vec<Option<usize>>>,
}

impl<'a> Part<'a> {
    fn new<C: Connection>(
        table: TableStore<'_, C>,
        columns: &[ColumnId],
        slots: &'a [Slot],
        is_mixed: bool,
    ) -> Self {
        let of_all = |_: &ColumnId| Written { slots: Cow::Borrowed(slots), places: None };
        if !is_mixed {
            let written = columns.iter().map(of_all).collect();
            return Self { columns: columns.to_vec(), slots, written, masks: None };
        }
        let is_written = |column: ColumnId, slot: Slot| table.table().column(column).is_dirty(slot);
        // What none of these rows has is not for this statement.
        let is_there = |&column: &ColumnId| slots.iter().any(|&slot| is_written(column, slot));
        let columns: Vec<ColumnId> = columns.iter().copied().filter(is_there).collect();
        let all = (1_i64 << columns.len()).wrapping_sub(1);
        let mask_of = |&slot: &Slot| -> i64 {
            let bits = columns.iter().enumerate().filter(|&(_, &column)| is_written(column, slot));
            bits.map(|(bit, _)| 1 << bit).sum()
        };
        let masks: Vec<i64> = slots.iter().map(mask_of).collect();
        if masks.iter().all(|&mask| mask == all) {
            let written = columns.iter().map(of_all).collect();
            return Self { columns, slots, written, masks: None };
        }
        let written = (0..columns.len()).map(|bit| Written::of(slots, &masks, bit)).collect();
        Self { columns, slots, written, masks: Some(masks) }
    }
}

impl Written<'_> {
    fn of(slots: &[Slot], masks: &[i64], bit: usize) -> Self {
        let (mut written, mut places) = (Vec::new(), Vec::with_capacity(slots.len()));
        for (&slot, mask) in slots.iter().zip(masks) {
            let is_written = mask & 1 << bit != 0;
            places.push(is_written.then_some(written.len()));
            if is_written {
                written.push(slot);
            }
        }
        Self { slots: Cow::Owned(written), places: Some(places) }
    }
}

fn send_part<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    part: Part<'_>,
    window: usize,
    compares: bool,
) -> Result<()> {
    let is_taken = update(env, table, &part, window, compares)?;
    // What was written on the ground of no version is no ground for the next write: that has to read one first.
    let is_ground = table.version().is_none() || compares;
    for (&column, written) in part.columns.iter().zip(&part.written) {
        let (cells, (_, info)) = (table.table().column(column), table.field_of(column));
        let target = table.target(column).map(|target| env.stores.table(target).table());
        if !is_taken {
            links::forget_lists_by(env, table, column);
        }
        let mut are_kept = true;
        for &slot in &*written.slots {
            cells.clean(slot);
            // What a database makes of it has to be read; so has what a trigger left of it.
            let is_kept = info.encode.is_none_or(|encode| encode.is_kept(env.system(), cells, target, slot));
            are_kept &= is_kept;
            if !is_taken || !is_ground || !is_kept {
                cells.remove(slot);
            }
        }
        if !are_kept {
            links::forget_lists_by(env, table, column);
        }
    }
    Ok(())
}

/// The model that messages about columns name
fn name_of<C: Connection>(table: TableStore<'_, C>, columns: &[ColumnId]) -> &'static str {
    columns.first().map_or_else(|| table.model().name(), |&column| table.field_of(column).0.name())
}

/// A window in parts that are not too large for one statement
fn by_bytes<'a, C: Connection>(
    table: TableStore<'_, C>,
    columns: &[ColumnId],
    slots: &'a [Slot],
    is_one: bool,
) -> Vec<&'a [Slot]> {
    // A value that all of them have is sent once.
    if is_one {
        return vec![slots];
    }
    let (mut parts, mut rest) = (Vec::new(), slots);
    while !rest.is_empty() {
        let fit = fitting_bytes(rest.iter().map(|&slot| weight(table, columns, slot)));
        // Such as need no padding
        let (part, others) = rest.split_at(if fit < rest.len() { 1 << fit.ilog2() } else { fit });
        parts.push(part);
        rest = others;
    }
    parts
}

/// What the values of a record that are written have on the heap
fn weight<C: Connection>(table: TableStore<'_, C>, columns: &[ColumnId], slot: Slot) -> usize {
    let weight = |&column: &ColumnId| {
        let (cells, encode) = (table.table().column(column), table.field_of(column).1.encode?);
        cells.is_dirty(slot).then(|| encode.weight(cells, slot))
    };
    columns.iter().filter_map(weight).sum()
}

/// Whether one value of each column is all that is sent: the records have the same, and no version that is compared, each one's own
fn is_one_for_all<C: Connection>(
    table: TableStore<'_, C>,
    columns: &[ColumnId],
    slots: &[Slot],
    compares: bool,
) -> bool {
    let are_equal = |&column: &ColumnId| {
        let encode = table.field_of(column).1.encode;
        encode.is_some_and(|encode| encode.are_equal(table.table().column(column), slots))
    };
    !compares && columns.iter().all(are_equal)
}

/// What a statement does, for messages: a few of the records by name, and how many there are
pub(super) fn describe<C: Connection>(
    what: &str,
    table: TableStore<'_, C>,
    columns: &[ColumnId],
    slots: &[Slot],
) -> String {
    let fields: Vec<&str> = columns.iter().map(|&column| table.field_of(column).1.name).collect();
    let keys = slots.iter().take(SHOWN).map(|&slot| table.key_text(slot)).collect();
    describe_records(what, name_of(table, columns), &fields, keys, slots.len())
}

/// Records that a message names
const SHOWN: usize = 5;

fn describe_records(what: &str, model: &str, fields: &[&str], mut keys: Vec<Str>, records: usize) -> String {
    if records > SHOWN {
        keys.push(Str::from(format!("… {records} records")));
    }
    let fields = if fields.is_empty() { String::new() } else { format!(".{}", fields.join(", ")) };
    format!("{what} {model}{fields} of {}", keys.join(", "))
}

/// One UPDATE of these records; an error if it did not find all of them. Tells whether all of them were changed, as far as the
/// database says: a trigger may have kept a row that is there.
fn update<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    part: &Part<'_>,
    window: usize,
    compares: bool,
) -> Result<bool> {
    let slots = part.slots;
    let versioned = env.stores.versioned(table).filter(|_| compares);
    if let Some((store, version)) = versioned {
        version::know(env, store, version, slots)?;
        version::has_next(store, version, slots)?;
    }
    let found = send(env, table, part, window, compares).map_err(|error| handed_over(error, slots))?;
    let missed = match &found {
        Found::These(found) => slots.iter().copied().filter(|&slot| !found.has(slot)).collect(),
        Found::Count(count) if *count < slots.len() => slots.to_vec(),
        Found::Count(_) => Vec::new(),
    };
    let mut written = Cow::Borrowed(slots);
    if !missed.is_empty() {
        let model = part.columns.first().map_or_else(|| table.model(), |&column| table.field_of(column).0);
        let store = env.stores.get(model);
        let gone = SlotSet::of(forget_gone(env, store, &part.columns, &missed)?);
        let without = |of: &[Slot]| of.iter().copied().filter(|&slot| !gone.has(slot)).collect::<Vec<_>>();
        let left = without(&missed);
        written = Cow::Owned(without(slots));
        let are_all_told = match &found {
            Found::These(_) => left.is_empty(),
            Found::Count(count) => *count == written.len(),
        };
        if !are_all_told {
            return version::missed(env, store, &left, compares).map(|()| false);
        }
    }
    if let Some((store, version)) = versioned {
        version::next(env, store, version, &written);
    }
    Ok(true)
}

/// Forgets what was computed for records that are not there any more: nobody has set it, so nothing is lost. Returns which these are.
#[cold]
fn forget_gone<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    columns: &[ColumnId],
    missed: &[Slot],
) -> Result<Vec<Slot>> {
    if env.stores.stored.is_empty() {
        return Ok(Vec::new());
    }
    let (table, number) = (store.table(), store.table_number());
    let is_set = |&column: &ColumnId| {
        let is_stamp = || store.table_store().field_of(column).1.stamp.is_some();
        env.stores.stored.rule_of(number, column).is_none() && !is_stamp()
    };
    let is_computed = |&slot: &Slot| {
        let mut written = columns.iter().filter(|&&column| table.column(column).is_dirty(slot));
        !written.any(is_set)
    };
    let computed: Vec<Slot> = missed.iter().copied().filter(is_computed).collect();
    if computed.is_empty() {
        return Ok(Vec::new());
    }
    query::by_keys_for_write(env, store, &computed, &[], "the rows that computed values did not find")?;
    let gone: Vec<Slot> = computed.into_iter().filter(|&slot| store.is_absent(slot)).collect();
    for &slot in &gone {
        for &column in columns {
            table.column(column).clean(slot);
            table.forget_cell(column, slot);
        }
    }
    Ok(gone)
}

/// Says the way out where a unique value may have gone from one row to another within one flush: rows are compared one by one, and which
/// comes first is the database's affair.
#[cold]
fn handed_over(error: Error, slots: &[Slot]) -> Error {
    let is_unique = error.violation().is_some_and(|violation| violation.kind == ViolationKind::Unique);
    match error {
        Error::Database { model, doing, error, table } if is_unique && slots.len() > 1 => {
            let way_out = "if a value goes from one of them to another, give it up first and call `flush()` before the other takes it";
            Error::Database { model, doing: format!("{doing} ({way_out})").into(), error, table }
        }
        error => error,
    }
}

/// The statement itself: for equal values, or for each record its own
fn send<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    Part { columns, slots, written, masks }: &Part<'_>,
    window: usize,
    compares: bool,
) -> Result<Found> {
    let doing = Doing {
        model: name_of(table, columns),
        table: table.sql(),
        text: &|| describe("writing", table, columns, slots),
    };
    let of_columns = columns.iter().zip(written).map(|(&column, written)| {
        let assignment = assignment(env, table, column, &written.slots)?;
        Ok(Assignment { places: written.places.as_deref(), ..assignment })
    });
    let assignments = of_columns.collect::<Result<Vec<_>>>()?;
    let version = match table.version() {
        None => Version::None,
        Some(version) if compares => Version::Compared(assignment(env, table, version, slots)?),
        Some(_) => Version::counted(table),
    };
    let store = env.stores.get(table.model());
    let (assignments, version) = (&assignments[..], &version);
    let returning = compares && env.system().has_returning;
    if slots.len() == 1 || (masks.is_none() && is_one_for_all(table, columns, slots, compares)) {
        let keys = store.key_list(slots);
        let is_one = slots.len() == 1;
        run(env, store, doing, &UpdateEqual { store, keys, is_one, assignments, version }, returning)
    } else {
        let rows = slots.len().next_power_of_two().min(window);
        // Of the lightest the last one
        let lightest = (0..slots.len())
            .rev()
            .filter(|_| slots.len() < rows)
            .min_by_key(|&row| weight(table, columns, slots[row]));
        let keys = store.model().key_binds(store.table(), slots.iter().copied().map(Some).collect());
        let (given, padding) = (slots.len(), lightest.unwrap_or_default());
        let all = store.key_list(slots);
        let (masks, is_full) = (masks.as_deref(), rows == window);
        run(
            env,
            store,
            doing,
            &UpdateRows { store, keys, all, given, assignments, masks, version, rows, padding, is_full },
            returning,
        )
    }
}

/// Which rows an UPDATE found
enum Found {
    Count(usize),
    These(SlotSet),
}

fn run<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    doing: Doing<'_>,
    statement: &dyn QueryFragment<C::Backend>,
    returning: bool,
) -> Result<Found> {
    if !returning {
        return env.run(doing, statement).map(Found::Count);
    }
    Ok(Found::These(SlotSet::of(env.run_returning(store, doing, statement)?)))
}
