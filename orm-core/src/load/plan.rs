//! Which records a batch takes: those at hand, then those that were reached in the same way and lack the field too.
//!
//! Nothing is registered while values are read: the links are followed when a batch is planned, through the cache.

use std::ops::Range;
use std::rc::Rc;

use crate::Environment;
use crate::backend::Connection;
use crate::env::pace::Paces;
use crate::env::stores::Store;
use crate::env::watch::Named;
use crate::load::origin::{Reach, Rest, Root, Scan, Source, Stage, Step, Trail};
use crate::number::{FieldId, ModelId};
use crate::store::{Slot, SlotSet, TableId};

/// Where records were reached, and so who is read with them
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) root: &'a Rc<Root>,
    /// The way from the root to the records
    pub(crate) trail: &'a Trail,
    /// The ordinal in the root that they were reached from; `None`: all of them
    pub(crate) at: Option<u32>,
    /// The sets that the root was taken from
    pub(crate) rest: &'a Rest,
    /// These sets instead of all of them
    pub(crate) only: Option<&'a [Source]>,
}

impl<'a> Scope<'a> {
    /// The same, at another place of the way
    pub(crate) fn on(self, trail: &'a Trail) -> Self {
        Self { trail, ..self }
    }

    /// The record that the way to a record began with, which may be itself
    pub(crate) fn beginning(self, record: Named) -> Named {
        let own_model = self.trail.first_model().unwrap_or(record.0);
        let (root, at, model) = match self.rest.sources().last() {
            Some(first) => (&first.root, first.at, first.trail.first_model().unwrap_or(own_model)),
            None => (self.root, self.at, own_model),
        };
        root.slots.get(at.unwrap_or(0) as usize).map_or(record, |&slot| (model, slot))
    }

    /// Whether there are others to be read with
    pub(crate) fn is_of_set(self) -> bool {
        self.root.slots.len() > 1 || self.rest.sources().any(|source| source.root.slots.len() > 1)
    }

    /// The sets to look through, the nearest first, each as it is behind the trail
    pub(crate) fn sources(self) -> Vec<Source> {
        let Scope { root, trail, at, rest, only } = self;
        if let Some(only) = only {
            return only.to_vec();
        }
        let own = Source { root: Rc::clone(root), trail: Rc::new(trail.clone()), at, is_walked: true };
        let mut sources = vec![own];
        if trail.stages().is_empty() {
            sources.extend(rest.sources().cloned());
        } else {
            sources.extend(rest.behind(trail));
        }
        sources
    }
}

/// Links that are not cached, on the way from a set to what a batch could take as well
#[derive(Debug)]
pub(crate) struct Gap {
    /// Which of the scope's sets
    pub(crate) source: usize,
    /// How many links lie before the one that is not cached
    pub(crate) depth: usize,
    pub(crate) step: Step,
    /// The records whose link it is
    pub(crate) slots: Vec<Slot>,
}

/// What a batch is planned for
pub(crate) struct Wanted<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) field: FieldId,
    /// The most that the batch may take
    pub(crate) limit: usize,
    /// Whether the field comes with every search, so that all who have no more than a key lack it
    pub(crate) is_usual: bool,
}

/// A batch that begins with these records and takes at most `limit`; and if there is room for more, the links behind
/// which there could be some.
pub(crate) fn plan<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    wanted: &Wanted<'_>,
    batch: Vec<Slot>,
    lacks: &dyn Fn(Slot) -> bool,
) -> (Vec<Slot>, Option<Gap>) {
    let Wanted { scope, field, limit, is_usual } = *wanted;
    let mut seen = SlotSet::default();
    batch.iter().for_each(|&slot| {
        seen.mark(slot);
    });
    let mut plan = Plan {
        env,
        model: store.number(),
        table: store.table_number(),
        field,
        lacks,
        limit,
        seen,
        batch,
        gap: None,
        looked: 0,
        paces: store.paces(),
        is_behind: false,
    };
    let reach = scope.root.reach;
    // Who walks through more than a window of chosen records is taken to come to the others, too.
    let mut is_large = false;
    let sources = scope.sources();
    for (number, source) in sources.iter().enumerate() {
        is_large |= source.is_walked && source.root.slots.len() >= limit;
        let fills = (source.is_walked || is_large) && source.root.slots.len() > 1;
        plan.scan(source, number == 0, fills.then_some(number));
    }
    // Others do not come in the place of those who are yet to be found.
    let is_left = |plan: &Plan<'_, C>| plan.gap.is_none() && !plan.is_full();
    if is_left(&plan) {
        sources.iter().for_each(|source| plan.scan_siblings(source));
    }
    if reach == Reach::Created {
        plan.scan_created(scope);
    }
    if reach == Reach::Found && is_usual && is_left(&plan) {
        store.each_named(&mut |slot| plan.take(slot));
    }
    env.planned.set(env.planned.get() + plan.looked);
    (plan.batch, plan.gap)
}

struct Plan<'a, C: Connection> {
    env: &'a Environment<C>,
    model: ModelId,
    table: TableId,
    field: FieldId,
    lacks: &'a dyn Fn(Slot) -> bool,
    limit: usize,
    seen: SlotSet,
    batch: Vec<Slot>,
    gap: Option<Gap>,
    /// How many records were looked at
    looked: usize,
    /// What batches have shown of the model's fields
    paces: &'a Paces,
    /// Whether it looks at what a walk has passed already, in a limited cache; of a whole set the records at hand are those
    /// that are left
    is_behind: bool,
}

/// Among so many records that were created before or after one there is another one to be read, or it is read alone.
const NEAR: usize = 16;

/// Ordinals that are followed along a trail at once: few at first, as a list may lead to many records
const CHUNKS: (usize, usize) = (16, 256);

impl<C: Connection> Plan<'_, C> {
    fn is_full(&self) -> bool {
        self.batch.len() >= self.limit
    }

    /// Looks through the records behind the other links of the same record that lead to the same model.
    fn scan_siblings(&mut self, source: &Source) {
        let Some((&Stage::Once(step), before)) = source.trail.stages().split_last() else { return };
        let Some(store) = self.env.store_by_number(step.model) else { return };
        for field in store.links_to(self.table) {
            if field != step.field && !self.is_full() {
                let mut trail = Trail::from(before);
                trail.push(Step { field, ..step });
                // Not worth loading a link for: the one at hand is another.
                self.scan(&Source { trail: Rc::new(trail), ..source.clone() }, false, None);
            }
        }
    }

    /// Looks through the records that were created one by one, from the one at hand on.
    fn scan_created(&mut self, scope: Scope<'_>) {
        let model = scope.trail.first_model().unwrap_or(self.model);
        let (Some(store), Some(&first)) = (self.env.store_by_number(model), scope.root.slots.first()) else {
            return;
        };
        let is_alone =
            |(near, _): (Vec<Slot>, usize)| !near.iter().any(|&slot| slot != first && (self.lacks)(slot));
        // Each that is created is read before the next one.
        if scope.trail.stages().is_empty() && store.created_around(first, NEAR).is_none_or(is_alone) {
            return;
        }
        let Some((created, at)) = store.created_around(first, self.limit) else { return };
        let root = Root::new(created, Reach::Named);
        let at = u32::try_from(at).ok();
        let trail = Rc::new(scope.trail.clone());
        self.scan(&Source { root: Rc::new(root), trail, at, is_walked: true }, true, None);
    }

    /// Looks through a set, from one ordinal on and then backwards from it, past what is known to be done.
    ///
    /// Links that are not cached are worth loading for one of the scope's sets, whose number it is.
    fn scan(&mut self, source: &Source, is_own: bool, fills: Option<usize>) {
        if self.is_full() {
            return;
        }
        let Source { root, trail, .. } = source;
        let (field, drops) = (self.field, self.env.drops());
        let known = root.scans.borrow().iter().position(|scan| scan.field == field && scan.trail == **trail);
        let mut done = 0..0;
        let (mut backwards, mut cost) = (false, 0);
        if let Some(known) = known {
            let scan = &root.scans.borrow()[known];
            if scan.drops == drops {
                done = scan.done.clone();
            }
            // A set that is walked backwards wants what comes before.
            backwards = source.at.is_some_and(|at| (at as usize) < scan.at);
            cost = scan.cost;
        }
        if !is_own && !self.env.afford_look(cost) {
            return;
        }
        let at = match source.at.map(|at| at as usize) {
            // It is missing although it was seen: its link leads elsewhere now.
            Some(at) if is_own && done.contains(&at) => {
                done = at..at;
                at
            }
            Some(at) if !done.contains(&at) => at,
            _ => done.end,
        };
        let (found, looked) = (self.batch.len(), self.looked);
        let (mut start, mut end) = (at, at);
        let is_limited = self.env.limits.any();
        self.is_behind = is_limited && source.at.is_none();
        // Links that a walk has passed were dropped for what came after them, and would be again.
        let fills = fills.filter(|_| !self.is_behind);
        let mut look = Look { source, visited: Vec::new(), fills, unknown: Unknown::default() };
        if backwards {
            start = self.backward(&mut look, at, &done);
            look.fills = None;
        }
        if !self.is_full() {
            end = self.forward(&mut look, at, &done);
        }
        if !backwards && !self.is_full() {
            // What the walk has passed was loaded before, and is missing because it was dropped.
            look.fills = None;
            self.is_behind = is_limited;
            start = self.backward(&mut look, at, &done);
        }
        self.is_behind = false;
        let (start, end) = (start.min(at), end.max(at));
        let touching = !done.is_empty() && done.start <= end && start <= done.end;
        let done = if touching { done.start.min(start)..done.end.max(end) } else { start..end };
        let cost = if self.batch.len() > found { 0 } else { self.looked - looked };
        let mut scans = root.scans.borrow_mut();
        match known {
            Some(known) => {
                let scan = &mut scans[known];
                (scan.at, scan.done, scan.drops, scan.cost) = (at, done, drops, cost);
            }
            None => scans.push(Scan { trail: (**trail).clone(), field, at, done, drops, cost }),
        }
    }

    /// Looks at ordinals from `at` on; returns up to which everything is known now.
    fn forward(&mut self, look: &mut Look<'_>, at: usize, done: &Range<usize>) -> usize {
        let count = look.source.root.slots.len();
        let (mut next, mut chunk) = (at, CHUNKS.0);
        look.unknown = Unknown::default();
        while next < count && !self.is_full() && look.unknown.run < self.limit {
            if done.contains(&next) {
                next = done.end;
                continue;
            }
            let end = (next + chunk).min(count);
            chunk = (2 * chunk).min(CHUNKS.1);
            let end = if next < done.start { end.min(done.start) } else { end };
            // More may be behind the last one.
            next = self.look(look, next..end).unwrap_or(end);
        }
        look.unknown.first.map_or(next, |first| first.min(next))
    }

    /// Looks at ordinals before `at`, the nearest first; returns from which on everything is known now.
    fn backward(&mut self, look: &mut Look<'_>, at: usize, done: &Range<usize>) -> usize {
        let (mut start, mut chunk) = (at.min(look.source.root.slots.len()), CHUNKS.0);
        look.unknown = Unknown::default();
        while start > 0 && !self.is_full() && look.unknown.run < self.limit {
            if done.contains(&(start - 1)) {
                start = done.start;
                continue;
            }
            let from = start.saturating_sub(chunk);
            chunk = (2 * chunk).min(CHUNKS.1);
            let from = if start > done.end { from.max(done.end) } else { from };
            start = self.look(look, (from..start).rev()).map_or(from, |last| last + 1);
        }
        look.unknown.first.map_or(start, |first| start.max(first + 1))
    }

    /// Takes what is behind these ordinals and lacks the field; returns at which one the batch was full.
    fn look(&mut self, look: &mut Look<'_>, mut ordinals: impl Iterator<Item = usize>) -> Option<usize> {
        let root = &look.source.root;
        let trail = Rc::clone(&look.source.trail);
        let stages = trail.stages();
        if stages.is_empty() {
            return ordinals.find(|&ordinal| self.take(root.slots[ordinal]));
        }
        let mut at: Vec<Place> = ordinals.map(|ordinal| (ordinal, root.slots[ordinal])).collect();
        let mut on_the_way = Vec::new();
        for (depth, stage) in stages.iter().enumerate() {
            at = match stage {
                Stage::Once(step) => self.follow(look, depth, *step, &at, &mut on_the_way),
                Stage::Loop(steps) => {
                    let next = stages.get(depth + 1).map_or(self.model, Stage::model);
                    self.circle(look, depth, steps, next, &at, &mut on_the_way)
                }
            };
        }
        at.into_iter().chain(on_the_way).find(|&(_, slot)| self.take(slot)).map(|(ordinal, _)| ordinal)
    }

    /// Where a link of these records leads to; each record is followed once.
    fn follow(
        &mut self,
        look: &mut Look<'_>,
        depth: usize,
        step: Step,
        at: &[Place],
        on_the_way: &mut Vec<Place>,
    ) -> Vec<Place> {
        let mut reached = Vec::with_capacity(at.len());
        let Some(store) = self.env.store_by_number(step.model) else {
            at.iter().for_each(|&(ordinal, _)| look.unknown.met(ordinal));
            return reached;
        };
        // The first records are different ones already, but for those that are in the set twice.
        let fresh: Vec<Place> = if depth == 0 {
            at.to_vec()
        } else {
            let visited = look.visited(depth);
            at.iter().copied().filter(|&(_, slot)| visited.mark(slot)).collect()
        };
        self.looked += fresh.len();
        let mut from = fresh.iter();
        let mut unknown = Vec::new();
        store.hop(step.field, fresh.iter().map(|&(_, slot)| slot), |targets| {
            let Some(&(ordinal, slot)) = from.next() else { return };
            match targets {
                Some(targets) => {
                    look.unknown.run = 0;
                    reached.extend(targets.iter().map(|&target| (ordinal, target)));
                }
                None => unknown.push((ordinal, slot)),
            }
        });
        for (ordinal, slot) in unknown {
            // Who does not exist leads nowhere.
            if store.is_absent(slot) {
                continue;
            }
            look.unknown.met(ordinal);
            // A record of the same model without its link lacks the field too, and will be walked through.
            if step.model == self.model {
                on_the_way.push((ordinal, slot));
            }
            self.note_gap(look, depth, step, slot);
        }
        reached
    }

    /// All records of a model that any of these links lead to, one after the other
    fn circle(
        &mut self,
        look: &mut Look<'_>,
        depth: usize,
        steps: &[Step],
        model: ModelId,
        at: &[Place],
        on_the_way: &mut Vec<Place>,
    ) -> Vec<Place> {
        let models: Vec<ModelId> = steps.iter().map(|step| step.model).collect();
        let mut reached = Vec::new();
        // By the model that they are of; those that the stage begins with are of the one of its first link.
        let mut level: Vec<(ModelId, Vec<Place>)> = vec![(models[0], at.to_vec())];
        let mut passed = SlotSet::default();
        while !level.is_empty() {
            let mut next = Vec::new();
            for (of, places) in level {
                for (number, step) in steps.iter().enumerate().filter(|(_, step)| step.model == of) {
                    let Some(store) = self.env.store_by_number(step.model) else { continue };
                    let Some(target) = store.target_model(step.field) else { continue };
                    let key = depth + (number + 1) * (MAX_DEPTH + 1);
                    let places = self.follow(look, key, *step, &places, on_the_way);
                    if target == model {
                        let fresh = places.iter().copied().filter(|&(_, slot)| passed.mark(slot));
                        reached.extend(fresh);
                    }
                    if models.contains(&target) && !places.is_empty() {
                        next.push((target, places));
                    }
                }
            }
            level = next;
        }
        reached
    }

    /// Notes a link that is not cached: of those of the nearest set that has any, the last ones of the trail.
    fn note_gap(&mut self, look: &Look<'_>, depth: usize, step: Step, slot: Slot) {
        let Some(source) = look.fills.filter(|_| look.source.trail.is_straight()) else { return };
        match &mut self.gap {
            Some(gap) if gap.source != source || gap.depth > depth => {}
            Some(gap) if gap.depth == depth => gap.slots.push(slot),
            gap => *gap = Some(Gap { source, depth, step, slots: vec![slot] }),
        }
    }

    /// Takes a record into the batch if it lacks the field; returns whether the batch is full now.
    fn take(&mut self, slot: Slot) -> bool {
        self.looked += 1;
        // Under a limit most of what lies behind has been read, and had to leave for what lies ahead.
        if self.is_behind && self.paces.was_loaded(self.field, slot) {
            return false;
        }
        if self.seen.mark(slot) && (self.lacks)(slot) {
            self.batch.push(slot);
        }
        self.is_full()
    }
}

/// An ordinal of a root, and a record that is reached from there
type Place = (usize, Slot);

/// More stages than a trail has
const MAX_DEPTH: usize = 1 << 16;

/// One look through a set
struct Look<'a> {
    source: &'a Source,
    /// Whom a link was followed from already, by the place of the link on the trail
    visited: Vec<(usize, SlotSet)>,
    /// The number of the set, if links that are not cached are worth loading for it
    fills: Option<usize>,
    unknown: Unknown,
}

impl Look<'_> {
    fn visited(&mut self, place: usize) -> &mut SlotSet {
        let known = self.visited.iter().position(|&(other, _)| other == place);
        let index = known.unwrap_or_else(|| {
            self.visited.push((place, SlotSet::default()));
            self.visited.len() - 1
        });
        &mut self.visited[index].1
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
