//! Unique links that change hands: who gives one up is written before the one that takes it.

use std::cell::RefCell;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::column::Column;
use super::links::Link;
use super::slot::{ColumnId, Slot, SlotSet};

/// Where unique links lead in the database that wait to lead elsewhere, by column and record; `None`: nobody knows
pub(super) type GivenUp = HashMap<(ColumnId, Slot), Option<Link>, FixedState>;

/// In which steps records are written
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// One after the other; all others come last
    pub(crate) first: Vec<SlotSet>,
    /// Links that are set to NULL before the last step, as each waits for another one: they change hands in a circle
    pub(crate) circles: Vec<(ColumnId, Vec<Slot>)>,
}

/// The steps in which records are written that wait; `None`: in any order
///
/// A record waits for the one that gives up what its own link takes. One that leads nowhere now, and of which nobody knows where it
/// led, may have given up whatever is taken.
pub(super) fn steps<'a>(
    given_up: &GivenUp,
    waiting: &[Slot],
    links: &dyn Fn(ColumnId) -> Option<&'a RefCell<Column<Link>>>,
    is_dirty: &dyn Fn(ColumnId, Slot) -> bool,
) -> Option<Steps> {
    if given_up.len() < 2 {
        return None;
    }
    let mut columns: Vec<ColumnId> = given_up.keys().map(|&(column, _)| column).collect();
    columns.sort_unstable();
    columns.dedup();
    // Who waits for whom, and by which link
    let mut waits: HashMap<Slot, Vec<(ColumnId, Slot)>, FixedState> = HashMap::default();
    for column in columns {
        let Some(cells) = links(column) else { continue };
        let cells = cells.borrow();
        let leads = |slot: Slot| cells.get(slot).copied().and_then(Link::target);
        let own = || given_up.iter().filter(|((other, slot), _)| *other == column && is_dirty(column, *slot));
        let givers: HashMap<Slot, Slot, FixedState> =
            own().filter_map(|(&(_, slot), from)| Some((from.as_ref()?.target()?, slot))).collect();
        let unknown = own().filter(|&(&(_, slot), from)| from.is_none() && leads(slot).is_none());
        let unknown: Vec<Slot> = unknown.map(|(&(_, slot), _)| slot).collect();
        for &slot in waiting.iter().filter(|&&slot| is_dirty(column, slot)) {
            let Some(taken) = leads(slot) else { continue };
            let giver = givers.get(&taken).into_iter().chain(&unknown);
            let others = giver.filter(|&&giver| giver != slot).map(|&giver| (column, giver));
            others.for_each(|other| waits.entry(slot).or_default().push(other));
        }
    }
    if waits.is_empty() {
        return None;
    }
    let mut steps = Steps::default();
    let mut left: Vec<Slot> = waits.values().flatten().map(|&(_, giver)| giver).collect();
    left.sort_unstable();
    left.dedup();
    while !left.is_empty() {
        let still: HashSet<Slot, FixedState> = left.iter().copied().collect();
        let is_held = |slot: &Slot| {
            waits.get(slot).is_some_and(|waits| waits.iter().any(|(_, giver)| still.contains(giver)))
        };
        let (held, free): (Vec<Slot>, Vec<Slot>) = left.iter().partition(|&slot| is_held(slot));
        if free.is_empty() {
            // Those that wait for one of a circle come with it.
            for (column, giver) in waits.values().flatten().filter(|(_, giver)| still.contains(giver)) {
                match steps.circles.iter_mut().find(|(other, _)| other == column) {
                    Some((_, slots)) if slots.contains(giver) => {}
                    Some((_, slots)) => slots.push(*giver),
                    None => steps.circles.push((*column, vec![*giver])),
                }
            }
            break;
        }
        steps.first.push(SlotSet::of(free));
        left = held;
    }
    Some(steps)
}
