//! What a read that misses loads: the field of the records at hand, and of those that they were reached with.

use super::computed::{compute_ahead, computed_by};
use super::miss::{Miss, watch_batch, watch_miss};
use crate::backend::Connection;
use crate::env::evict::{bytes_for_values, place_for_batch};
use crate::env::pace::{Counters, Loaded};
use crate::env::stores::{Store, Want};
use crate::error::Repeated;
use crate::load::origin::Source;
use crate::load::plan::{Gap, Wanted, plan};
use crate::load::query;
use crate::load::relation::{count_lists, load_lists};
use crate::model::Prefetch;
use crate::number::FieldId;
use crate::store::{Slot, SlotSet};
use crate::{Environment, Error, Result};

pub(crate) use crate::load::plan::Scope;

/// Batches of nearer links that one miss may load to fill its own, unless the loop has come further than that
const AHEAD: usize = 16;

/// Rows that may be loaded for the sake of their links before these have led to something new
const BARREN: usize = 1000;

/// Loads a field of the records at hand as far as they lack it, batch by batch; what is left of the last batch is filled
/// with those that they were reached with.
///
/// Returns how many SELECTs the records at hand took. Rows that do not exist are left out.
pub(crate) fn load<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
) -> Result<usize> {
    load_batches(env, store, miss, usize::MAX)
}

/// The same where each batch is brought by other means than those of the field
pub(crate) fn load_by<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
    select: &dyn Fn(&[Slot]) -> Result<()>,
) -> Result<usize> {
    load_each(env, store, miss, usize::MAX, select)
}

/// The same, so many batches at most. The first record at hand is there afterwards, if it exists.
pub(crate) fn load_batches<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
    most: usize,
) -> Result<usize> {
    let Miss { field, want, .. } = miss;
    load_each(env, store, miss, most, &|batch| select_batch(env, store, batch, field, want))
}

fn load_each<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
    most: usize,
    select: &dyn Fn(&[Slot]) -> Result<()>,
) -> Result<usize> {
    let Miss { field, want, .. } = miss;
    let mut missing = lacking(store, field, want, miss.slots);
    let mut selects = 0;
    while let Some(&first) = missing.first().filter(|_| selects < most) {
        let limit = window_of(env, store, field, want, first);
        let batch = batch(env, store, Miss { slots: &missing, ..miss }, limit)?;
        if batch.is_empty() {
            // Filling the batch has brought the records at hand.
            missing = lacking(store, field, want, &missing);
            continue;
        }
        store.count_miss(field);
        watch_miss(env, store, miss, &batch, limit)?;
        load_batch(env, store, &batch, field, select)?;
        if batch.len() > 1 && lacks(store, field, want, first) {
            // Its list was longer than a batch may be.
            load_batch(env, store, &[first], field, select)?;
        }
        selects += 1;
        // Of lists a batch may bring fewer than were asked for.
        let asked = missing.len().min(limit);
        let left = missing.split_off(asked);
        missing = lacking(store, field, want, &missing[1..]);
        missing.extend(left);
    }
    Ok(selects)
}

/// Those that lack a field, each once
fn lacking<C: Connection>(store: Store<'_, C>, field: FieldId, want: Want, slots: &[Slot]) -> Vec<Slot> {
    let mut lacking = Vec::new();
    store.probe(field, want, &mut |lacks| match slots {
        &[slot] if lacks(slot) => lacking.push(slot),
        [_] => {}
        _ => {
            let mut seen = SlotSet::default();
            lacking.extend(slots.iter().copied().filter(|&slot| lacks(slot) && seen.mark(slot)));
        }
    });
    lacking
}

fn lacks<C: Connection>(store: Store<'_, C>, field: FieldId, want: Want, slot: Slot) -> bool {
    !lacking(store, field, want, &[slot]).is_empty()
}

/// The next batch; where it is not full and links on the way to others are not cached, these are loaded first, so that
/// not every batch of them is followed by one of a few records.
///
/// Empty if that has brought what the first record lacked.
fn batch<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
    limit: usize,
) -> Result<Vec<Slot>> {
    let Miss { scope, slots, field, want, .. } = miss;
    let is_usual = want == Want::Records && store.prefetch_of(field) == Prefetch::Always;
    env.earn_looks();
    let passed = scope.at.map_or(0, |at| at as usize / limit);
    let mut ahead = Ahead { batches: AHEAD.max(2 * passed), rows: 0, bytes: env.settings.prefetch_bytes };
    let mut batch = slots[..slots.len().min(limit)].to_vec();
    let mut filled = None;
    loop {
        let size = batch.len();
        let wanted = Wanted { scope, field, limit, is_usual };
        let mut planned = (Vec::new(), None);
        store.probe(field, want, &mut |lacks| {
            // What an earlier round has found counts as looked at.
            let found = batch.iter().copied().filter(|&slot| lacks(slot)).collect();
            planned = plan(env, store, &wanted, found, lacks);
        });
        let gap;
        (batch, gap) = planned;
        // Links that lead to nothing new, neither to what is wanted nor to where its links are, are not worth a second
        // window of them.
        let led_on = |gap: &Gap| {
            batch.len() > size || ahead.rows < BARREN || filled.is_none_or(|depth| gap.depth > depth)
        };
        let is_room = batch.len() < limit && store.paces().is_steady(field);
        let Some(gap) = gap.filter(|gap| is_room && led_on(gap)) else { return Ok(batch) };
        match fill(env, miss, &gap, &mut ahead) {
            Ok(true) => {}
            // What cannot be read of others is their error, when they are read.
            Ok(false) | Err(Error::InvalidValue { .. }) => return Ok(batch),
            Err(error) => return Err(error),
        }
        if slots.first().is_some_and(|&first| !lacks(store, field, want, first)) {
            // What was found for the batch has to be found again.
            scope.sources().iter().for_each(|source| source.root.forget_scans(field));
            return Ok(Vec::new());
        }
        filled = Some(gap.depth);
    }
}

/// What a miss may still load beside what was asked for
struct Ahead {
    batches: usize,
    /// What it has loaded so far
    rows: usize,
    bytes: usize,
}

/// Loads links that are not cached; returns whether it did.
fn fill<C: Connection>(
    env: &Environment<C>,
    Miss { scope: wanted, at, .. }: Miss<'_>,
    gap: &Gap,
    ahead: &mut Ahead,
) -> Result<bool> {
    let Gap { source, depth, step, slots } = gap;
    let Some(store) = env.store_by_number(step.model) else { return Ok(false) };
    let sources = wanted.sources();
    let Some(nearest) = sources.get(*source) else { return Ok(false) };
    // Of one record, or of few that are held while all else was dropped, a SELECT for each link on the way is not worth
    // it; the last ones of a walk are.
    let links_left = nearest.trail.stages().len() - depth;
    let size = nearest.root.slots.len();
    let is_worth_it = slots.len() >= links_left || 2 * slots.len() <= size;
    if ahead.batches == 0 || !is_worth_it || !store.paces().is_steady(step.field) {
        return Ok(false);
    }
    // A read by key sends nothing that waits to be written, and so nothing that is read for its sake may.
    if store.is_list(step.field) && env.has_pending() {
        return Ok(false);
    }
    let (field, want) = (step.field, Want::Records);
    let mut missing = lacking(store, field, want, slots);
    // No row has what waits to be computed.
    if let Some(waiting) = env.stores.stored.waiting(store.table_number(), store.column_of(field)) {
        missing.retain(|&slot| !waiting.has(slot));
    }
    let Some(&first) = missing.first() else { return Ok(false) };
    let limit = window_of(env, store, field, want, first);
    let loaded = store.paces().loaded(field);
    // In a limited cache a whole window needs place beside them, or they would push each other out.
    let rows = missing.len().min(limit).saturating_mul(rows_of(store, field));
    if place_for_batch(env).is_some_and(|place| rows + env.settings.prefetch_limit > place) {
        return Ok(false);
    }
    let foreseen = loaded.bytes.saturating_mul(missing.len().min(limit)) / loaded.records.max(1);
    if foreseen > ahead.bytes || (store.is_list(field) && foreseen > store.paces().budget(field) / 2) {
        return Ok(false);
    }
    ahead.batches -= 1;
    ahead.rows += missing.len().min(limit);
    ahead.bytes -= foreseen;
    let only: Vec<Source> = sources[*source..].iter().filter_map(|other| other.before(links_left)).collect();
    let scope = Scope { only: Some(&only), ..wanted };
    let now = &missing[..missing.len().min(limit)];
    let batch = batch(env, store, Miss { scope, slots: now, field, want, at }, limit)?;
    if batch.is_empty() {
        return Ok(true);
    }
    if let Some(by) = computed_by(store, field) {
        load_batch(env, store, &batch, field, &|batch| compute_ahead(env, by, batch, at))?;
        // Where it fails for all, the next round would do no better.
        return Ok(batch.iter().any(|&slot| store.has(field, slot)));
    }
    load_batch(env, store, &batch, field, &|batch| select_batch(env, store, batch, field, want))?;
    Ok(true)
}

/// Loads a field of the record at hand, and of the records it came with; at most one batch of its own. Returns the record that has
/// the value: another one where a collation calls the keys of both equal.
pub(crate) fn load_field<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
) -> Result<Slot> {
    let &[asked] = miss.slots else { return load(env, store, miss).map(|_| Slot::UNRESOLVED) };
    let slot = store.meant(asked);
    if slot != asked && store.has(miss.field, slot) {
        return Ok(slot);
    }
    if store.is_absent(slot) {
        return Err(store.missing_record(slot));
    }
    load(env, store, Miss { slots: &[slot], ..miss })?;
    // Every row that was found has its value now, so one that has none does not exist, unless that could not be read.
    let meant = store.meant(slot);
    if store.has(miss.field, meant) {
        Ok(meant)
    } else if store.is_absent(meant) {
        Err(store.missing_record(asked))
    } else {
        Err(store.no_value(miss.field, meant))
    }
}

/// How many members a to-many link of the records at hand has; those of their group are counted with them.
pub(crate) fn count<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
) -> Result<usize> {
    let Miss { slots, field, .. } = miss;
    let all = || slots.iter().map(|&slot| counted(store, field, slot)).sum::<Option<usize>>();
    if let Some(count) = all() {
        slots.iter().for_each(|&slot| store.count_hit(field, slot, env.tick()));
        return Ok(count);
    }
    if store.paces().is_counted_first(field) {
        // The lists are read after they were counted, so far: then one SELECT is enough.
        load(env, store, Miss { want: Want::Records, ..miss })?;
        if let Some(count) = all() {
            return Ok(count);
        }
    }
    load(env, store, miss)?;
    let known = |&slot: &Slot| counted(store, field, slot).ok_or_else(|| store.no_value(field, slot));
    slots.iter().map(known).sum()
}

/// How many members a link has, if that is known: who was to be counted may have been brought as a list, on the way to others of its
/// batch.
pub(crate) fn counted<C: Connection>(store: Store<'_, C>, field: FieldId, slot: Slot) -> Option<usize> {
    let mut listed = None;
    store.hop(field, std::iter::once(slot), |list| listed = list.map(<[Slot]>::len));
    listed.or_else(|| store.members_counted(field, slot))
}

/// Notes that the records at hand are about to be loaded with no others.
pub(crate) fn watch_alone<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
) -> Result<()> {
    let Miss { slots, field, want, .. } = miss;
    match lacking(store, field, want, slots)[..] {
        [] => Ok(()),
        ref batch => watch_batch(env, store, miss, batch, Repeated::Read),
    }
}

/// As `load_all`, for those who want the values: what is older than `max_age` is missing.
pub(crate) fn read_all<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    field: FieldId,
    want: Want,
) -> Result<usize> {
    if env.settings.max_age.is_some() {
        slots.iter().for_each(|&slot| env.expire(store, field, slot));
    }
    load_all(env, store, slots, field, want)
}

/// Loads a field of all these records and of no others: as many SELECTs as there are batches; returns how many.
pub(crate) fn load_all<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    field: FieldId,
    want: Want,
) -> Result<usize> {
    let mut missing = lacking(store, field, want, slots);
    let mut selects = 0;
    while let Some(&first) = missing.first() {
        let left = missing.split_off(missing.len().min(window(env, store, field, want)));
        select_batch(env, store, &missing, field, want)?;
        if missing.len() > 1 && lacks(store, field, want, first) {
            select_batch(env, store, &[first], field, want)?;
        }
        missing = lacking(store, field, want, &missing[1..]);
        missing.extend(left);
        selects += 1;
    }
    Ok(selects)
}

/// Loads all prefetchable columns of these records that are missing or too old: window by window, so that under a limit
/// no window is read again for the next column.
pub(crate) fn load_columns<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
) -> Result<()> {
    let fields: Vec<FieldId> = store.always().collect();
    let Some(&first) = fields.first() else { return Ok(()) };
    if env.settings.max_age.is_some() {
        let expire = |&field: &FieldId| slots.iter().for_each(|&slot| env.expire(store, field, slot));
        fields.iter().for_each(expire);
    }
    let mut missing: Vec<Slot> = {
        let mut seen = SlotSet::default();
        let lacks = |slot: &Slot| fields.iter().any(|&field| !store.has(field, *slot));
        let missing = slots.iter().copied().filter(lacks).filter(|&slot| !store.is_absent(slot));
        missing.filter(|&slot| seen.mark(slot)).collect()
    };
    while !missing.is_empty() {
        let left = missing.split_off(missing.len().min(window(env, store, first, Want::Records)));
        select_batch(env, store, &missing, first, Want::Records)?;
        missing = left;
    }
    Ok(())
}

/// Loads a field of all these records so that all are cached at once, also where a limited cache would let go of the
/// first batches for the last; at most as many as one statement takes.
pub(crate) fn load_together<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    field: FieldId,
) -> Result<()> {
    load_all(env, store, slots, field, Want::Records)?;
    if !lacking(store, field, Want::Records, slots).is_empty() {
        query::by_keys(env, store, slots, &[field], store.field_name(field))?;
    }
    let is_unreadable = |slot: &&Slot| store.unreadable(store.column_of(field), **slot).is_some();
    match slots.iter().find(is_unreadable) {
        Some(&slot) if !store.has(field, slot) => Err(store.no_value(field, slot)),
        _ => Ok(()),
    }
}

/// How many records one SELECT may load that a miss of `first` begins: a window, and of it what is read before it is
/// dropped.
fn window_of<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    want: Want,
    first: Slot,
) -> usize {
    let now = Counters { hits: store.hits(field), drops: env.drops() };
    window(env, store, field, want).min(store.paces().records(field, first, now))
}

/// How many records a batch brings for each that it asks for: of a list the members too, by those seen so far
fn rows_of<C: Connection>(store: Store<'_, C>, field: FieldId) -> usize {
    let loaded = store.paces().loaded(field);
    if store.is_list(field) { 1 + loaded.rows / loaded.records.max(1) } else { 1 }
}

/// How many records one SELECT may load: the prefetch limit, and what fits into the limits of bytes and of the cache.
pub(super) fn window<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    want: Want,
) -> usize {
    let paces = store.paces();
    let half = bytes_for_values(env).map_or(usize::MAX, |limit| limit / 2);
    let bytes = env.settings.prefetch_bytes.min(half);
    let is_list = store.is_list(field) && !want.is_grouped();
    let bytes = if is_list { bytes.min(paces.budget(field)) } else { bytes };
    let fitting = if want.is_grouped() { usize::MAX } else { paces.fitting(field, bytes) };
    let window = env.settings.prefetch_limit.min(store.most_keys()).min(fitting);
    let records = |place: usize| {
        let rows = if want.is_grouped() { 1 } else { rows_of(store, field) };
        (place / rows).min(window)
    };
    place_for_batch(env).map_or(window, records).max(1)
}

/// One SELECT: the columns that come with `field`, as far as one of these records lacks them.
fn load_batch<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    batch: &[Slot],
    field: FieldId,
    select: &dyn Fn(&[Slot]) -> Result<()>,
) -> Result<()> {
    select(batch)?;
    let now = Counters { hits: store.hits(field), drops: env.drops() };
    store.paces().note_batch(field, batch, now);
    Ok(())
}

fn select_batch<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    batch: &[Slot],
    field: FieldId,
    want: Want,
) -> Result<()> {
    match want {
        Want::Count => count_lists(env, store, batch, field),
        _ if store.is_list(field) => load_lists(env, store, batch, field, want),
        _ => {
            let fields = store.missing_fields(batch, field);
            let before = store.value_bytes();
            query::by_keys(env, store, batch, &fields, store.field_name(field))?;
            let bytes = store.value_bytes().saturating_sub(before);
            store.paces().weigh(field, Loaded { records: batch.len(), rows: batch.len(), bytes });
            Ok(())
        }
    }
}
