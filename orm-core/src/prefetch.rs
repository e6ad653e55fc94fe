//! Which records a read that misses loads: the record at hand, then those that it came with.
//!
//! Nothing is registered while values are read: the links are followed when a batch is planned, through the cache.

use std::ops::Range;

use crate::backend::Connection;
use crate::cache::{AnyStore, Store, bytes_for_values};
use crate::model::{Model, Prefetch};
use crate::origin::{Marks, Origin, Root, Scan, Step};
use crate::relation::{Batch, Want};
use crate::{Environment, Result, query};

/// What a miss asks for
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Where the record came from
    pub(crate) origin: &'a Origin,
    /// The ordinal in its root that it was reached from; `None`: all of them
    pub(crate) at: Option<u32>,
    /// The record at hand
    pub(crate) slot: u32,
    pub(crate) field: usize,
    /// What of the members, if the field is a to-many link
    pub(crate) want: Want,
}

/// Loads a field of the record at hand, and of the records it came with: at most one window, one SELECT.
pub(crate) fn load_field<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    ask: Ask<'_>,
) -> Result<()> {
    let Ask { slot, field, want, .. } = ask;
    if store.is_absent(slot) {
        return Err(store.missing_record(slot));
    }
    let batch = store.with_column(field, |column| {
        column.count_miss();
        plan(env, store, ask, &|slot| !column.has(slot) && !store.is_absent(slot))
    });
    env.watch(store, ask, &batch)?;
    load_batch(env, store, &batch, field, want)?;
    // Every row that was found has its value now, so one that has none does not exist.
    if store.with_column(field, |column| column.has(slot)) { Ok(()) } else { Err(store.missing_record(slot)) }
}

/// How many members a to-many link of the record at hand has; those of its group are counted with it.
pub(crate) fn count_field<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    ask: Ask<'_>,
) -> Result<usize> {
    let Ask { slot, field, .. } = ask;
    if let Some(count) = store.count_of(field, slot) {
        AnyStore::<C>::count_hit(store, env, field, slot);
        return Ok(count);
    }
    let Some(relation) = M::FIELDS[field].relation else { return Ok(0) };
    let batch = store.with_column(field, |column| {
        column.count_miss();
        plan(env, store, ask, &|slot| !column.has(slot) && store.count_of(field, slot).is_none())
    });
    env.watch(store, ask, &batch)?;
    relation.count(Batch::new(env, store, &batch, field, Want::Keys))?;
    Ok(store.count_of(field, slot).unwrap_or(0))
}

/// As `load_all`, for those who want the values: what is older than `max_age` is missing.
pub(crate) fn read_all<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    field: usize,
    want: Want,
) -> Result<usize> {
    if env.settings.max_age.is_some() {
        slots.iter().for_each(|&slot| store.expire(env, field, slot));
    }
    load_all(env, store, slots, field, want)
}

/// Loads a field of all records of a group: as many SELECTs as there are windows of missing ones; tells how many.
pub(crate) fn load_all<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    field: usize,
    want: Want,
) -> Result<usize> {
    let mut missing = store.with_column(field, |column| {
        let mut seen = Marks::new(store.slots());
        let lacks = |slot: &u32| !column.has(*slot) && !store.is_absent(*slot);
        slots.iter().copied().filter(lacks).filter(|&slot| seen.mark(slot)).collect::<Vec<_>>()
    });
    let mut selects = 0;
    while !missing.is_empty() {
        let left = missing.split_off(missing.len().min(window(env, store, field)));
        load_batch(env, store, &missing, field, want)?;
        missing = left;
        selects += 1;
    }
    Ok(selects)
}

/// Loads all prefetchable columns of these records that are missing or too old: window by window, so that under a limit
/// no window is read again for the next column.
pub(crate) fn load_columns<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
) -> Result<()> {
    let fields: Vec<usize> = always::<M>().collect();
    let Some(&first) = fields.first() else { return Ok(()) };
    if env.settings.max_age.is_some() {
        let expire = |&field: &usize| slots.iter().for_each(|&slot| store.expire(env, field, slot));
        fields.iter().for_each(expire);
    }
    let mut missing: Vec<u32> = {
        let columns = store.columns.borrow();
        let columns = crate::model::Columns::each(&*columns);
        let mut seen = Marks::new(store.slots());
        let lacks = |slot: &u32| fields.iter().any(|&field| !columns[field].has(*slot));
        let missing = slots.iter().copied().filter(lacks).filter(|&slot| !store.is_absent(slot));
        missing.filter(|&slot| seen.mark(slot)).collect()
    };
    while !missing.is_empty() {
        let left = missing.split_off(missing.len().min(window(env, store, first)));
        load_batch(env, store, &missing, first, Want::Records)?;
        missing = left;
    }
    Ok(())
}

/// Loads a field of all these records so that all are cached at once, also where a limited cache would let go of the
/// first windows for the last; at most as many as one statement takes.
pub(crate) fn load_together<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    field: usize,
) -> Result<()> {
    load_all(env, store, slots, field, Want::Records)?;
    let lacks = |&slot: &u32| !store.with_column(field, |column| column.has(slot)) && !store.is_absent(slot);
    if slots.iter().any(lacks) {
        query::by_keys(env, store, slots, &[field], M::FIELDS[field].name)?;
    }
    Ok(())
}

/// How many records one SELECT may load: the prefetch limit, and what fits into the limits of bytes and of the cache
fn window<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
) -> usize {
    let half = bytes_for_values(env).map_or(usize::MAX, |limit| limit / 2);
    let bytes = env.settings.prefetch_bytes.min(half);
    let window = env.settings.prefetch_limit.min(store.fitting(field, bytes));
    // Half of a limited cache: the records that a batch links to need place beside it, or the two push each other out.
    env.limits.records.get().map_or(window, |limit| window.min(limit / 2)).max(1)
}

/// One SELECT: the columns that come with `field`, as far as one of these records lacks them.
fn load_batch<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    batch: &[u32],
    field: usize,
    want: Want,
) -> Result<()> {
    if let Some(relation) = M::FIELDS[field].relation {
        return relation.load(Batch::new(env, store, batch, field, want));
    }
    let fields = missing_fields(store, batch, field);
    let before = store.value_bytes();
    query::by_keys(env, store, batch, &fields, M::FIELDS[field].name)?;
    store.weigh(field, batch.len(), store.value_bytes().saturating_sub(before));
    Ok(())
}

/// The fields that are loaded together with `field` and that at least one of these records lacks
fn missing_fields<M: Model>(store: &Store<M>, batch: &[u32], field: usize) -> Vec<usize> {
    let kind = M::FIELDS[field].prefetch;
    let columns = store.columns.borrow();
    let columns = crate::model::Columns::each(&*columns);
    (0..M::FIELDS.len())
        // A version is never younger than what it is the version of.
        .filter(|&other| {
            M::FIELDS[other].prefetch.comes_with(kind, other == field) || M::VERSION == Some(other)
        })
        .filter(|&other| batch.iter().any(|&slot| !columns[other].has(slot)))
        .collect()
}

/// The fields that come with every search
pub(crate) fn always<M: Model>() -> impl Iterator<Item = usize> {
    (0..M::FIELDS.len()).filter(|&field| M::FIELDS[field].prefetch == Prefetch::Always)
}

/// The batch for a miss: the record at hand, then the following records of the group that lack the field, then the
/// preceding ones, then those of the sets that the group was taken from; at most one window.
fn plan<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    ask: Ask<'_>,
    lacks: &dyn Fn(u32) -> bool,
) -> Vec<u32> {
    let Ask { origin, at, slot, field, .. } = ask;
    let mut seen = Marks::new(store.slots());
    seen.mark(slot);
    let model = M::number().get();
    let mut plan =
        Plan { env, model, field, lacks, limit: window(env, store, field), seen, batch: vec![slot] };
    plan.scan(&origin.root, &origin.path, at.map(|at| at as usize));
    for other in &*origin.rest {
        let path: Vec<Step> = other.path.iter().chain(&*origin.path).copied().collect();
        plan.scan(&other.root, &path, None);
    }
    if origin.root.is_created {
        plan.scan_created(origin);
    }
    plan.batch
}

struct Plan<'a, C: Connection> {
    env: &'a Environment<C>,
    model: usize,
    field: usize,
    lacks: &'a dyn Fn(u32) -> bool,
    limit: usize,
    seen: Marks,
    batch: Vec<u32>,
}

/// Ordinals that are followed along a path at once
const CHUNK: usize = 256;

impl<C: Connection> Plan<'_, C> {
    fn is_full(&self) -> bool {
        self.batch.len() >= self.limit
    }

    /// Looks through the records that were created one by one, from the one at hand on.
    fn scan_created(&mut self, origin: &Origin) {
        let model = origin.path.first().map_or(self.model, |step| step.model);
        let created = self.env.store_by_number(model).map(|store| store.created()).unwrap_or_default();
        let at = created.iter().position(|slot| origin.root.slots.first() == Some(slot));
        self.scan(&Origin::of(created).root, &origin.path, at);
    }

    /// Looks through a root, from one ordinal on and then backwards from it, past what is known to be done.
    fn scan(&mut self, root: &Root, path: &[Step], at: Option<usize>) {
        if self.is_full() {
            return;
        }
        let (field, epoch) = (self.field, self.env.epoch.get());
        let known = root.scans.borrow().iter().position(|scan| scan.path == path && scan.field == field);
        let mut done = 0..0;
        if let Some(known) = known
            && root.scans.borrow()[known].epoch == epoch
        {
            done = root.scans.borrow()[known].done.clone();
        }
        let at = match at {
            // It is missing although it was seen: its link leads elsewhere now.
            Some(at) if done.contains(&at) => {
                done = at..at;
                at
            }
            Some(at) => at,
            None => done.end,
        };
        // A set that is walked backwards wants what comes before.
        let backwards = known.is_some_and(|known| at < root.scans.borrow()[known].at);
        let (mut start, mut end) = (at, at);
        if backwards {
            start = self.backward(root, path, at, &done);
        }
        if !self.is_full() {
            end = self.forward(root, path, at, &done);
        }
        if !backwards && !self.is_full() {
            start = self.backward(root, path, at, &done);
        }
        let (start, end) = (start.min(at), end.max(at));
        let touching = !done.is_empty() && done.start <= end && start <= done.end;
        let done = if touching { done.start.min(start)..done.end.max(end) } else { start..end };
        let mut scans = root.scans.borrow_mut();
        match known {
            Some(known) => {
                scans[known] = Scan { at, done, epoch, path: std::mem::take(&mut scans[known].path), field }
            }
            None => scans.push(Scan { path: path.to_vec(), field, at, done, epoch }),
        }
    }

    /// Looks at ordinals from `at` on; tells up to which everything is known now.
    fn forward(&mut self, root: &Root, path: &[Step], at: usize, done: &Range<usize>) -> usize {
        let (mut next, mut unknown) = (at, Unknown::default());
        while next < root.slots.len() && !self.is_full() && unknown.run < self.limit {
            if done.contains(&next) {
                next = done.end;
                continue;
            }
            let end = (next + CHUNK).min(root.slots.len());
            let end = if next < done.start { end.min(done.start) } else { end };
            next = self.look(root, path, next..end, &mut unknown).map_or(end, |last| last + 1);
        }
        unknown.first.unwrap_or(next)
    }

    /// Looks at ordinals before `at`, the nearest first; tells from which on everything is known now.
    fn backward(&mut self, root: &Root, path: &[Step], at: usize, done: &Range<usize>) -> usize {
        let (mut start, mut unknown) = (at.min(root.slots.len()), Unknown::default());
        while start > 0 && !self.is_full() && unknown.run < self.limit {
            if done.contains(&(start - 1)) {
                start = done.start;
                continue;
            }
            let from = start.saturating_sub(CHUNK);
            let from = if start > done.end { from.max(done.end) } else { from };
            start = self.look(root, path, (from..start).rev(), &mut unknown).unwrap_or(from);
        }
        unknown.first.map_or(start, |first| first + 1)
    }

    /// Takes what is behind these ordinals and lacks the field; tells at which one the batch was full.
    fn look(
        &mut self,
        root: &Root,
        path: &[Step],
        mut ordinals: impl Iterator<Item = usize>,
        unknown: &mut Unknown,
    ) -> Option<usize> {
        if path.is_empty() {
            return ordinals.find(|&ordinal| self.take(root.slots[ordinal]));
        }
        let mut at: Vec<(usize, u32)> = ordinals.map(|ordinal| (ordinal, root.slots[ordinal])).collect();
        let mut on_the_way = Vec::new();
        for step in path {
            let mut reached = Vec::with_capacity(at.len());
            let mut from = at.iter().copied();
            let mut arrive = |targets: Option<&[u32]>| {
                let Some((ordinal, slot)) = from.next() else { return };
                match targets {
                    Some(targets) => {
                        unknown.run = 0;
                        reached.extend(targets.iter().map(|&target| (ordinal, target)));
                    }
                    None => {
                        unknown.met(ordinal);
                        // A record of the same model without its link lacks the field too, and will be walked through.
                        if step.model == self.model {
                            on_the_way.push((ordinal, slot));
                        }
                    }
                }
            };
            match self.env.store_by_number(step.model) {
                Some(store) => store.hop(step.field, &mut at.iter().map(|(_, slot)| *slot), &mut arrive),
                None => at.iter().for_each(|_| arrive(None)),
            }
            at = reached;
        }
        at.into_iter().chain(on_the_way).find(|&(_, slot)| self.take(slot)).map(|(ordinal, _)| ordinal)
    }

    /// Takes a record into the batch if it lacks the field; tells whether the batch is full now.
    fn take(&mut self, slot: u32) -> bool {
        if self.seen.mark(slot) && (self.lacks)(slot) {
            self.batch.push(slot);
        }
        self.is_full()
    }
}

/// Ordinals whose links are not cached, so that nothing can be said of what is behind them
#[derive(Default)]
struct Unknown {
    first: Option<usize>,
    run: usize,
}

impl Unknown {
    fn met(&mut self, ordinal: usize) {
        self.first.get_or_insert(ordinal);
        self.run += 1;
    }
}
