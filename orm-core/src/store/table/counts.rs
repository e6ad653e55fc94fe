//! How many members lists have that were counted and not loaded

use super::super::column::Stamp;
use super::super::links;
use super::super::slot::{ColumnId, Slot, Slots};
use super::{Counted, Table};

impl Table {
    pub(crate) fn count_of(&self, column: ColumnId, slot: Slot) -> Option<usize> {
        self.entry(column).counts.borrow().get(&slot).map(|counted| counted.members)
    }

    /// Notes how many members these owners have.
    pub(crate) fn set_counts(
        &self,
        column: ColumnId,
        now: Stamp,
        owners: &[Slot],
        counts: impl Iterator<Item = (Slot, usize)>,
    ) {
        self.noted.set(self.noted.get().max(now));
        let counted = |members| Counted { members, asked: now, changed: now };
        let mut since = self.counted.borrow_mut();
        let counts = counts.map(|(slot, members)| {
            // That is no cell, by whose page it would be known.
            since.as_mut().map(|since| since.insert(slot));
            (slot, counted(members))
        });
        self.entry(column).counts.borrow_mut().extend(counts);
        self.note_arrived(column, now, owners.to_vec());
    }

    /// Notes for whom an aggregate was worked out, or members were counted.
    pub(crate) fn note_arrived(&self, column: ColumnId, now: Stamp, owners: Vec<Slot>) {
        self.entry(column).arrivals.borrow_mut().note(now, owners);
    }

    /// Forgets counts of members, and aggregates over them, that came after a time: a link that is known since then says nothing of
    /// them. So it is with the lists of a link with a filter.
    pub(in crate::store) fn forget_arrived_after(&self, column: ColumnId, time: Stamp, with_lists: bool) {
        let arrived = |column: ColumnId| self.entry(column).arrivals.borrow_mut().take_after(time);
        for owner in arrived(column) {
            self.forget_count(column, owner);
            if with_lists {
                self.column(column).remove(owner);
            }
        }
        self.aggregates.each_over(column, |aggregate| {
            for owner in arrived(aggregate) {
                self.column(aggregate).remove(owner);
                self.forget_unreadable_cell(aggregate, owner);
            }
        });
    }

    /// Whether a list that was loaded after a time has a member; `None` if it is older, or not cached
    pub(crate) fn has_listed(
        &self,
        column: ColumnId,
        owner: Slot,
        member: Slot,
        time: Stamp,
    ) -> Option<bool> {
        self.column(column).known_since(owner).filter(|&since| since > time)?;
        let mut has = None;
        links::follow(self.column(column), std::iter::once(owner), |list| {
            has = list.map(|list| list.contains(&member));
        });
        has
    }

    /// Makes a list missing that does not have a member, or has it, though it is known now that it is one, or is none; and what was counted
    /// or worked out over the list.
    pub(crate) fn forget_unless_listed(&self, column: ColumnId, owner: Slot, member: Slot, is_member: bool) {
        let mut is_right = false;
        links::follow(self.column(column), std::iter::once(owner), |list| {
            is_right = list.is_some_and(|list| list.contains(&member) == is_member);
        });
        if is_right {
            self.forget_count(column, owner);
        } else {
            self.forget_cell(column, owner);
        }
    }

    /// Makes those lists missing that lack members or hold those of another owner, as is known now of each: its owner, and itself. And what
    /// was counted, if the lists do not confirm it.
    pub(crate) fn forget_unless_owned(&self, column: ColumnId, mut owned: Vec<(Slot, Slot)>) {
        owned.sort_unstable();
        let mut elsewhere = Slots::default();
        for members in owned.chunk_by(|a, b| a.0 == b.0) {
            let owner = Some(members[0].0).filter(|&owner| owner != Slot::NULL);
            let mut listed = Slots::default();
            links::follow(self.column(column), owner.into_iter(), |list| {
                listed.extend(list.unwrap_or_default());
            });
            let unlisted =
                members.iter().map(|&(_, member)| member).filter(|member| !listed.contains(member));
            let before = elsewhere.len();
            elsewhere.extend(unlisted);
            if let Some(owner) = owner.filter(|_| elsewhere.len() > before) {
                self.forget_cell(column, owner);
            }
        }
        if elsewhere.is_empty() {
            return;
        }
        for owner in self.leading_to(column, &elsewhere) {
            let mut holds = false;
            links::follow(self.column(column), std::iter::once(owner), |list| {
                holds |= list.is_some_and(|list| list.iter().any(|member| elsewhere.contains(member)));
            });
            if holds {
                self.forget_cell(column, owner);
            }
        }
        self.forget_counts(column);
    }

    /// Counts on, where it is known that a member comes or goes.
    pub(super) fn count_on(&self, column: ColumnId, owner: Slot, add: bool, now: Stamp) {
        self.forget_aggregates(column, owner);
        let mut counts = self.entry(column).counts.borrow_mut();
        let Some(counted) = counts.get_mut(&owner) else { return };
        self.change(column, owner);
        counted.changed = now;
        self.noted.set(self.noted.get().max(now));
        let members = if add { counted.members.checked_add(1) } else { counted.members.checked_sub(1) };
        match members {
            Some(members) => counted.members = members,
            // Somebody else was faster.
            None => drop(counts.remove(&owner)),
        }
    }

    pub(in crate::store) fn forget_count(&self, column: ColumnId, slot: Slot) {
        self.forget_aggregates(column, slot);
        if self.entry(column).counts.borrow_mut().remove(&slot).is_some() {
            self.change(column, slot);
        }
    }

    pub(crate) fn forget_counts(&self, column: ColumnId) {
        self.aggregates.each_over(column, |column| self.forget_all_cells(column));
        self.retain_counts_of(column, |_, _| false);
    }

    pub(super) fn retain_counts(&self, stays: impl Fn(Slot, &Counted) -> bool) {
        self.columns().for_each(|column| self.retain_counts_of(column, &stays));
    }

    fn retain_counts_of(&self, column: ColumnId, stays: impl Fn(Slot, &Counted) -> bool) {
        self.entry(column).counts.borrow_mut().retain(|&slot, counted| {
            let stays = stays(slot, counted);
            if !stays {
                self.change(column, slot);
            }
            stays
        });
    }

    /// When a value, a count or an absence was learned
    pub(crate) fn known_since(&self, column: ColumnId, slot: Slot) -> Option<Stamp> {
        let counted_at = || self.entry(column).counts.borrow().get(&slot).map(|counted| counted.asked);
        self.column(column).known_since(slot).or_else(counted_at).or_else(|| self.absent_since(slot))
    }
}
