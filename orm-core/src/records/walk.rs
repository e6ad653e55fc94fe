//! The ways that links lead, where what a handle leads to is not known yet: compiled once for a connection, and not for each model.

use crate::backend::Connection;
use crate::env::stores::{Store, Want};
use crate::env::watch::Place;
use crate::load::computed::computed_by;
use crate::load::miss::Miss;
use crate::load::origin::{Origin, Step, Trail};
use crate::load::prefetch::{self, Scope};
use crate::number::FieldId;
use crate::store::{Slot, SlotSet};
use crate::write::stored;
use crate::{Environment, Result};

/// Some records of a group, the type of its model forgotten
pub(super) struct Walk<'a, C: Connection> {
    pub(super) env: &'a Environment<C>,
    pub(super) origin: &'a Origin,
    /// The ordinal in the root that they were reached from; `None` for all of it
    pub(super) at: Option<u32>,
}

impl<C: Connection> Walk<'_, C> {
    /// The records that the path starts from
    fn start(&self) -> Vec<Slot> {
        let slots = &self.origin.root.slots;
        match self.at {
            None => slots.clone(),
            Some(at) => vec![slots[at as usize]],
        }
    }

    /// Where the records are read that a trail leads to
    fn scope<'a>(&'a self, trail: &'a Trail) -> Scope<'a> {
        let Origin { root, rest, .. } = self.origin;
        Scope { root, trail, at: self.at, rest, only: None }
    }

    /// Whether the way from the root leads elsewhere than to a record by now, as far as its links are cached
    pub(super) fn has_moved(&self, slot: Slot) -> bool {
        if self.at.is_none() {
            return false;
        }
        let mut level = self.start();
        for step in self.origin.path.to_vec() {
            let Some(store) = self.env.store_by_number(step.model) else { return false };
            let (mut next, mut are_known) = (Vec::new(), true);
            store.hop(step.field, level.iter().copied(), |targets| match targets {
                Some(targets) => next.extend_from_slice(targets),
                None => are_known = false,
            });
            if !are_known {
                return false;
            }
            level = next;
        }
        !level.contains(&slot)
    }

    /// The slots that the whole path leads to
    pub(super) fn to_the_end(&self, want: Want, place: Place) -> Result<Vec<Slot>> {
        self.along(&self.origin.path.to_vec(), want, place).inspect_err(|_| self.env.distrust_computing())
    }

    /// The records whose link is the last one of the path
    pub(super) fn to_the_last_link(&self, place: Place) -> Result<Vec<Slot>> {
        let steps = self.origin.path.before().to_vec();
        self.along(&steps, Want::Records, place).inspect_err(|_| self.env.distrust_computing())
    }

    /// The slots that links lead to from the beginning of the path; links are loaded where they are missing.
    fn along(&self, steps: &[Step], want: Want, place: Place) -> Result<Vec<Slot>> {
        let mut level = self.start();
        let mut trail = None;
        for (depth, step) in steps.iter().enumerate() {
            let Some(store) = self.env.store_by_number(step.model) else { return Ok(Vec::new()) };
            // Of what is only passed through the columns are wanted: they hold the next links.
            let want = if depth + 1 == steps.len() { want } else { Want::Records };
            let sought = Sought { field: step.field, want, place };
            level = self.hop(store, &level, sought, &mut || {
                trail.get_or_insert_with(|| Trail::from_iter(steps[..depth].iter().copied())).clone()
            })?;
            if let Some(trail) = &mut trail {
                trail.push(*step);
            }
        }
        Ok(level)
    }

    /// The slots that the path's last link leads to from records which are known
    pub(super) fn behind_owner(&self, store: Store<'_, C>, slot: Slot, sought: Sought) -> Result<Vec<Slot>> {
        let behind = self.hop(store, &[slot], sought, &mut || self.trail_before());
        behind.inspect_err(|_| self.env.distrust_computing())
    }

    /// The way to the records whose link is the last one of the path
    fn trail_before(&self) -> Trail {
        Trail::of(&self.origin.path.before())
    }

    /// The slots that one link of these records leads to; it is loaded where it is missing.
    fn hop(
        &self,
        store: Store<'_, C>,
        level: &[Slot],
        Sought { field, want, place }: Sought,
        trail: &mut dyn FnMut() -> Trail,
    ) -> Result<Vec<Slot>> {
        let env = self.env;
        if store.is_list(field) {
            stored::settle(env)?;
        } else {
            stored::settle_cells(env, store, field, level)?;
        }
        if let Some(by) = computed_by(store, field) {
            let slots = level.iter().map(|&slot| store.meant(slot)).collect();
            let targets = by.0(env, self.origin.behind(slots, trail(), self.at), place, false)?;
            let mut next = Next::new(level.len() > 1);
            targets.iter().filter(|&&target| target != Slot::NULL).for_each(|target| {
                next.arrive(Some(std::slice::from_ref(target)));
            });
            return Ok(next.slots);
        }
        env.settle();
        if self.at.is_none() {
            // Reading a link of a whole set is later than what was read before.
            env.advance_tick();
        }
        if env.settings.max_age.is_some() {
            level.iter().for_each(|&slot| env.expire(store, field, slot));
        }
        let mut load = |slots: &[Slot], batches: usize| {
            let trail = trail();
            let miss = Miss { scope: self.scope(&trail), slots, field, want, at: place };
            prefetch::load_batches(env, store, miss, batches)
        };
        // A limited cache may not hold them all at once: it loads batch by batch, each when it is its turn.
        let is_limited = env.limits.any();
        let is_known = |&slot: &Slot| store.has(field, slot);
        let mut misses = if is_limited || level.iter().all(is_known) { 0 } else { load(level, usize::MAX)? };
        let mut next = Next::new(level.len() > 1);
        for (ordinal, &slot) in level.iter().enumerate() {
            let mut slot = store.meant(slot);
            let mut known = false;
            let mut arrive = |targets: Option<&[Slot]>| known = next.arrive(targets);
            store.hop(field, std::iter::once(slot), &mut arrive);
            if known && misses > 0 {
                misses -= 1;
                store.note_read(slot, env.tick());
            } else if known {
                store.count_hit(field, slot, env.tick());
            } else if store.is_absent(slot) {
                env.note_presence(store, slot);
                return Err(store.missing_record(slot));
            } else {
                let end = level.len().min(ordinal + env.settings.prefetch_limit);
                load(&level[ordinal..end], 1)?;
                slot = store.meant(slot);
                store.note_read(slot, env.tick());
                store.hop(field, std::iter::once(slot), |targets| known = next.arrive(targets));
                if !known {
                    env.note_presence(store, slot);
                    return Err(store.no_value(field, slot));
                }
            }
            env.note_input(store, field, slot);
            if next.last > 1 && store.field(field).is_one() {
                return Err(store.not_unique(field, slot, next.last));
            }
        }
        Ok(next.slots)
    }

    /// How many members the path's last link has of a record: the length of its list if that is cached, else a count for the whole group
    pub(super) fn count(
        &self,
        store: Store<'_, C>,
        field: FieldId,
        slot: Slot,
        place: Place,
    ) -> Result<usize> {
        let env = self.env;
        if let Some(count) = known_count(env, store, field, slot)? {
            return Ok(count);
        }
        let trail = self.trail_before();
        let scope = self.scope(&trail);
        let miss = Miss { scope, slots: &[slot], field, want: Want::Count, at: place };
        let count = prefetch::count(env, store, miss).inspect_err(|_| env.distrust_computing())?;
        env.note_input(store, field, slot);
        Ok(count)
    }
}

/// How many members a link has of a record, if that is cached
pub(super) fn known_count<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slot: Slot,
) -> Result<Option<usize>> {
    stored::settle(env).inspect_err(|_| env.distrust_computing())?;
    env.settle();
    if env.settings.max_age.is_some() {
        env.expire(store, field, slot);
    }
    let known = prefetch::counted(store, field, slot);
    if known.is_some() {
        store.count_hit(field, slot, env.tick());
        env.note_input(store, field, slot);
    }
    Ok(known)
}

/// Loads the value of a stored field of a record with the group's; gives the record that has it.
pub(super) fn load<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    scope: Scope<'_>,
    slot: Slot,
    field: FieldId,
    place: Place,
) -> Result<Slot> {
    let miss = Miss { scope, slots: &[slot], field, want: Want::Records, at: place };
    let known = prefetch::load_field(env, store, miss).inspect_err(|error| {
        if error.is_missing_record() {
            env.note_presence(store, slot);
        } else {
            env.distrust_computing();
        }
    })?;
    store.note_read(known, env.tick());
    if known != slot {
        env.note_presence(store, slot);
    }
    env.note_input(store, field, known);
    Ok(known)
}

/// What is sought of a level's links
#[derive(Clone, Copy)]
pub(super) struct Sought {
    pub(super) field: FieldId,
    pub(super) want: Want,
    pub(super) place: Place,
}

/// The records of the next level: of several records each target once, in order of first appearance
struct Next {
    slots: Vec<Slot>,
    seen: Option<SlotSet>,
    /// How many the last record's link led to
    last: usize,
}

impl Next {
    fn new(several: bool) -> Self {
        Self { slots: Vec::new(), seen: several.then(SlotSet::default), last: 0 }
    }

    fn arrive(&mut self, targets: Option<&[Slot]>) -> bool {
        let Some(targets) = targets else { return false };
        self.last = targets.len();
        match &mut self.seen {
            Some(seen) => self.slots.extend(targets.iter().filter(|&&target| seen.mark(target))),
            None => self.slots.extend_from_slice(targets),
        }
        true
    }
}
