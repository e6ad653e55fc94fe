//! Links in the cache: slots of the targets, so that following one costs no look-up; and how lists are changed.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::any_column::AnyColumn;
use super::column::{Column, Moment, Stamp};
use super::slot::{Slot, SlotSet, Slots};
use crate::key::SortKey;

/// A to-one link's cell: the target's slot, or NULL
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(pub(crate) Slot);

impl Link {
    pub(crate) const NULL: Self = Self(Slot::NULL);

    pub(crate) fn target(self) -> Option<Slot> {
        (self.0 != Slot::NULL).then_some(self.0)
    }

    fn targets(&self) -> &[Slot] {
        if self.0 == Slot::NULL { &[] } else { std::slice::from_ref(&self.0) }
    }
}

/// A cell of a link that leads to one record at most
pub trait LinkCell {
    /// The record's slot, or NULL; unresolved if there are several, where one was promised
    #[doc(hidden)]
    fn to_one(&self) -> Slot;
}

impl LinkCell for Link {
    #[inline(always)]
    fn to_one(&self) -> Slot {
        self.0
    }
}

impl LinkCell for List {
    #[inline]
    fn to_one(&self) -> Slot {
        match *self.0 {
            [] => Slot::NULL,
            [target] => target,
            _ => Slot::UNRESOLVED,
        }
    }
}

/// A to-many link's cell: the slots of the members, in order; a clone shares them
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List(pub(crate) Arc<[Slot]>);

impl List {
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0) + 2 * size_of::<usize>()
    }
}

/// The to-one links of a column, if it holds such
pub(crate) fn to_one(column: &dyn AnyColumn) -> Option<&RefCell<Column<Link>>> {
    (column as &dyn Any).downcast_ref()
}

/// The lists of a column, if it holds such
pub(crate) fn lists(column: &dyn AnyColumn) -> Option<&RefCell<Column<List>>> {
    (column as &dyn Any).downcast_ref()
}

/// Calls with where the links of slots lead to: `None` for a missing cell, and for a column of no links.
pub(crate) fn follow(
    column: &dyn AnyColumn,
    slots: impl Iterator<Item = Slot>,
    mut out: impl FnMut(Option<&[Slot]>),
) {
    if let Some(links) = to_one(column) {
        let links = links.borrow();
        slots.for_each(|slot| out(links.get(slot).map(Link::targets)));
    } else if let Some(lists) = lists(column) {
        let lists = lists.borrow();
        slots.for_each(|slot| out(lists.get(slot).map(|list| &*list.0)));
    } else {
        slots.for_each(|_| out(None));
    }
}

/// Makes links missing that lead to a slot from one on.
pub(crate) fn remove_links_beyond(column: &dyn AnyColumn, from: usize) {
    let is_beyond = |targets: &[Slot]| targets.iter().any(|&target| target.index() >= from);
    if let Some(links) = to_one(column) {
        links.borrow_mut().remove_values(|link| is_beyond(link.targets()));
    } else if let Some(lists) = lists(column) {
        lists.borrow_mut().remove_values(|list| is_beyond(&list.0));
    }
}

/// Records by levels, for to-one links that lead to records of the same table: whatever links to another one of them before that.
/// Those that link to each other in a circle come last, together.
pub(crate) fn levels(links: &[&dyn AnyColumn], slots: &[Slot]) -> Vec<Vec<Slot>> {
    let mut linking: HashMap<Slot, usize, FixedState> = slots.iter().map(|&slot| (slot, 0)).collect();
    let targets = |slot: Slot, out: &mut dyn FnMut(Slot)| {
        for links in links {
            // One that links to itself stands in nobody's way.
            follow(*links, std::iter::once(slot), |targets| {
                targets.into_iter().flatten().filter(|&&to| to != slot).for_each(|&to| out(to));
            });
        }
    };
    for &slot in slots {
        targets(slot, &mut |target| {
            if let Some(linking) = linking.get_mut(&target) {
                *linking += 1;
            }
        });
    }
    let mut levels = Vec::new();
    let mut level: Vec<Slot> = slots.iter().copied().filter(|slot| linking.get(slot) == Some(&0)).collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for &slot in &level {
            linking.remove(&slot);
            targets(slot, &mut |target| {
                if let Some(linking) = linking.get_mut(&target) {
                    *linking -= 1;
                    if *linking == 0 {
                        next.push(target);
                    }
                }
            });
        }
        levels.push(std::mem::replace(&mut level, next));
    }
    let circles: Vec<Slot> = slots.iter().copied().filter(|slot| linking.contains_key(slot)).collect();
    if !circles.is_empty() {
        levels.push(circles);
    }
    levels
}

/// A change of a list
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    /// Whose list; `None`: whichever the member is in
    pub(crate) owner: Option<Slot>,
    pub(crate) member: Slot,
    pub(crate) add: bool,
    /// Whether it is known that the member was none before, or was one
    pub(crate) is_change: bool,
    /// When it was learned whose member it is, or that it is nobody's; 0 if it was not
    pub(crate) since: Stamp,
    /// Whether it is a pair of a join table: any number of lists may have the member
    pub(crate) is_pair: bool,
}

/// What becomes of a cached list where a record comes to its owner
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joining {
    /// It is put where its key belongs.
    ByKey,
    /// It is a member, and only the database knows where it stands.
    Anywhere,
    /// Only the database knows whether it is a member.
    Unknown,
    /// The same, and where one goes another one may come in.
    Limited,
}

impl Joining {
    /// Whether not all records that the link leads to are members
    pub(crate) fn is_selective(self) -> bool {
        matches!(self, Self::Unknown | Self::Limited)
    }
}

/// Changes the lists of one to-many link whose owners are known. Where it is known, `sort_key` says where members belong.
pub(crate) fn edit(
    lists: &mut Column<List>,
    edits: &[Edit],
    now: Moment,
    sort_key: &dyn Fn(Slot) -> Option<SortKey>,
    joining: Joining,
) {
    let by_key = joining == Joining::ByKey;
    let mut edits: Vec<(Slot, Edit)> = edits.iter().filter_map(|edit| Some((edit.owner?, *edit))).collect();
    // Stable: what happens to one list happens in the order in which it was asked for.
    edits.sort_by_key(|&(owner, _)| owner);
    for edits in edits.chunk_by(|(a, _), (b, _)| a == b) {
        let owner = edits[0].0;
        let Some(list) = lists.get(owner) else { continue };
        let is_member = |member: Slot| list.0.contains(&member);
        let leaves_it = |edit: &Edit| match joining {
            Joining::ByKey => true,
            Joining::Anywhere => !edit.add || is_member(edit.member),
            Joining::Unknown => !edit.add,
            Joining::Limited => false,
        };
        if !edits.iter().all(|(_, edit)| leaves_it(edit)) {
            lists.remove(owner);
            continue;
        }
        let sort_key = |member: Slot| if by_key { sort_key(member) } else { None };
        let list = if edits.len() <= FEW {
            edited_one_by_one(&list.0, edits.iter().map(|(_, edit)| edit), sort_key)
        } else {
            let mut list = edited(&list.0, edits.iter().map(|(_, edit)| edit));
            if by_key {
                // Of what only the database knows where it belongs, or is too large a number, it is the end.
                list.sort_by_key(|&member| sort_key(member).unwrap_or([i64::MAX; 3]));
            }
            list
        };
        // Who was a member already, or none, changes nothing.
        if lists.get(owner).is_some_and(|before| *before.0 != *list) {
            lists.edit(owner, now, List(list.into()));
        }
    }
}

/// Changes of one list that are made one by one
const FEW: usize = 8;

/// A list after its changes: what is new stands where its key belongs, or at the end.
fn edited_one_by_one<'a>(
    list: &[Slot],
    edits: impl Iterator<Item = &'a Edit>,
    sort_key: impl Fn(Slot) -> Option<SortKey>,
) -> Vec<Slot> {
    let mut list = list.to_vec();
    for &Edit { member, add, .. } in edits {
        match (list.iter().position(|&other| other == member), add) {
            (None, true) => {
                let at = match sort_key(member) {
                    Some(new) => {
                        list.partition_point(|&other| sort_key(other).is_some_and(|other| other < new))
                    }
                    None => list.len(),
                };
                list.insert(at, member);
            }
            (Some(place), false) => {
                list.remove(place);
            }
            _ => {}
        }
    }
    list
}

/// The same for many changes at once: what is new stands at the end.
fn edited<'a>(list: &[Slot], edits: impl DoubleEndedIterator<Item = &'a Edit> + Clone) -> Vec<Slot> {
    // Of several changes of one member the last counts.
    let (mut decided, mut removed) = (SlotSet::default(), SlotSet::default());
    for edit in edits.clone().rev() {
        if decided.mark(edit.member) && !edit.add {
            removed.mark(edit.member);
        }
    }
    let mut list: Vec<Slot> = list.iter().copied().filter(|&member| !removed.has(member)).collect();
    let mut present = SlotSet::of(list.iter().copied());
    list.extend(edits.map(|edit| edit.member).filter(|&member| !removed.has(member) && present.mark(member)));
    list
}

/// Takes records out of the lists of some owners.
pub(crate) fn remove_members(
    lists: &mut Column<List>,
    owners: &[Slot],
    gone: &Slots,
    now: Moment,
    joining: Joining,
) {
    for &owner in owners {
        if joining == Joining::Limited {
            lists.remove(owner);
            continue;
        }
        let Some(list) = lists.get(owner) else { continue };
        let left = list.0.iter().copied().filter(|member| !gone.contains(member)).collect();
        lists.edit(owner, now, List(left));
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    const NOW: Moment = Moment { time: 1, tick: 1 };

    fn changes() -> impl Iterator<Item = (Vec<Slot>, Vec<Edit>)> {
        // Every list of up to three members, each with every row of three changes.
        let lists = [vec![], vec![3], vec![1, 5], vec![0, 2, 4]].map(slots);
        let edit = |code: usize| Edit {
            owner: Some(slot(0)),
            member: slot(code / 2),
            add: code.is_multiple_of(2),
            is_change: false,
            since: 1,
            is_pair: false,
        };
        lists.into_iter().flat_map(move |list| {
            let codes = (0..12 * 12 * 12).map(|code| [code % 12, code / 12 % 12, code / 144]);
            codes.map(move |codes| (list.clone(), codes.map(edit).to_vec()))
        })
    }

    #[test]
    fn many_changes_at_once_are_the_same_one_by_one() {
        let sort_key = |member: Slot| Some([1, member.index() as i64, 0]);
        for (list, edits) in changes() {
            let mut at_once = edited(&list, edits.iter());
            at_once.sort_unstable();
            assert_eq!(edited_one_by_one(&list, edits.iter(), sort_key), at_once, "{list:?} {edits:?}");
            // Without an order of keys what is new stands at the end.
            let mut last = edited_one_by_one(&list, edits.iter(), |_| None);
            last.sort_unstable();
            assert_eq!(last, at_once);
        }
    }

    #[test]
    fn who_is_gone_leaves_the_lists() {
        let mut lists = Column::default();
        [vec![1, 2], vec![2, 3]].into_iter().zip(0..).for_each(|(list, owner)| {
            lists.set(slot(owner), NOW, List(slots(list).into()));
        });
        remove_members(&mut lists, &slots([0, 1, 5]), &slots([2]).into_iter().collect(), NOW, Joining::ByKey);
        let join = Edit {
            owner: Some(slot(1)),
            member: slot(7),
            add: true,
            is_change: false,
            since: 1,
            is_pair: false,
        };
        let edits = [join, Edit { owner: Some(slot(9)), ..join }];
        edit(&mut lists, &edits, NOW, &|member| Some([-(member.index() as i64), 0, 0]), Joining::ByKey);
        let list = |owner: usize| lists.get(slot(owner)).map(|list| list.0.to_vec());
        assert_eq!((list(0), list(1), list(9)), (Some(slots([1])), Some(slots([7, 3])), None));
    }

    #[test]
    fn a_link_beyond_what_is_kept_is_missing() {
        let column = RefCell::new(Column::default());
        [Link(slot(0)), Link(slot(5)), Link::NULL].into_iter().zip(0..).for_each(|(link, owner)| {
            column.borrow_mut().set(slot(owner), NOW, link);
        });
        remove_links_beyond(&column, 5);
        let mut led = Vec::new();
        follow(&column, slots(0..3).into_iter(), |targets| led.push(targets.map(<[Slot]>::to_vec)));
        assert_eq!(led, [Some(slots([0])), None, Some(vec![])]);
    }
}
