//! Links: who leads where, and the lists of the other side

use std::cell::RefCell;

use super::super::column::{Column, Moment, TouchedFor};
use super::super::links::{self, Edit, Joining, List};
use super::super::reverse::slots_of_pages;
use super::super::slot::{ColumnId, Slot, Slots, TableId};
use super::{Table, TableColumn};

impl Table {
    /// The columns of the to-one links in its rows that lead to a table
    pub(crate) fn columns_to(&self, table: TableId) -> Vec<ColumnId> {
        let leads_there = |column: &ColumnId| self.target(*column) == Some(table);
        let is_of_rows = |column: &ColumnId| self.entry(*column).is_link_of_rows();
        self.columns().filter(leads_there).filter(is_of_rows).collect()
    }

    /// Records of this table, which is `own`, by levels: whatever links to another one of them before that. Those that link to each
    /// other in a circle come last, together.
    pub(crate) fn levels(&self, own: TableId, slots: &[Slot]) -> Vec<Vec<Slot>> {
        let links: Vec<_> = self.columns_to(own).into_iter().map(|column| self.column(column)).collect();
        links::levels(&links, slots)
    }

    /// Whether a link of a record leads to a record of a table.
    pub(crate) fn leads(&self, slot: Slot, table: TableId, target: Slot) -> bool {
        let mut is_there = false;
        for column in self.columns.iter().filter(|column| column.target == Some(table)) {
            links::follow(&*column.cells, std::iter::once(slot), |targets| {
                is_there |= targets.is_some_and(|targets| targets.contains(&target));
            });
        }
        is_there
    }

    /// The records that link to some of a table, or of which it is not known; `None` if there is no such link.
    /// `listed` knows the members by a column, as far as the lists of the other side are cached, and whether all are.
    ///
    /// Whoever asks has had all tables [looked through](Self::look_through), and forgets what is known of these records.
    pub(crate) fn linking_to(
        &self,
        table: TableId,
        targets: &Slots,
        listed: &dyn Fn(ColumnId) -> (Vec<Slot>, bool),
    ) -> Option<Slots> {
        let mut found: Option<Slots> = None;
        for number in self.columns_to(table) {
            let found = found.get_or_insert_default();
            let TableColumn { cells, reverse, .. } = self.entry(number);
            let reverse = &mut *reverse.borrow_mut();
            // A list may be younger than a link, and a link younger than a list.
            found.extend(reverse.leading_to(&**cells, targets));
            let (members, are_all_listed) = listed(number);
            found.extend(members);
            if !are_all_listed {
                // One of which it is not known where it links to may have gone along; it can be in a list, or be linked to,
                // without any value of its own being cached.
                let is_there = |&slot: &Slot| (slot.index()) < self.slots() && !self.is_absent(slot);
                found.extend(reverse.take_unknown().into_iter().filter(is_there));
            }
        }
        found
    }

    /// Looks through what has changed in its columns since it was last done, so that it is known who leads where.
    pub(crate) fn look_through(&self) {
        let mut all = Vec::new();
        for column in self.columns.iter() {
            let pages = column.cells.take_touched(TouchedFor::Links);
            if (column.is_link_of_rows() || column.is_of_lists()) && !pages.is_empty() {
                column.reverse.borrow_mut().note_pages(&*column.cells, &pages);
            }
            all.extend(pages);
        }
        all.sort_unstable();
        all.dedup();
        match self.counted.replace(Some(Slots::default())) {
            Some(counted) => {
                self.note_unknown(|| slots_of_pages(&all, self.slots()).chain(counted.iter().copied()));
            }
            // The first time, of some nothing but a count may be left.
            None => self.note_unknown(|| Slot::first(self.slots())),
        }
    }

    /// Calls with what its links lead to that was not told before, and the table of that.
    pub(crate) fn take_named(&self, f: &mut dyn FnMut(TableId, Slots)) {
        for column in self.columns.iter() {
            let named = column.reverse.borrow_mut().take_named();
            if let (Some(target), false) = (column.target, named.is_empty()) {
                f(target, named);
            }
        }
    }

    /// Notes that links lead to records.
    pub(crate) fn note_named(&self, slots: &Slots) {
        self.note_unknown(|| slots.iter().copied());
    }

    fn note_unknown<I: Iterator<Item = Slot>>(&self, slots: impl Fn() -> I) {
        let links = self.columns.iter().filter(|column| column.is_link_of_rows());
        links.for_each(|column| column.reverse.borrow_mut().note_unknown(&*column.cells, slots()));
    }

    /// The members of these records' cached lists of one to-many link, and whether all of the lists are cached
    pub(crate) fn members_of(&self, column: ColumnId, owners: &[Slot]) -> (Vec<Slot>, bool) {
        let (mut members, mut are_known) = (Vec::new(), true);
        links::follow(self.column(column), owners.iter().copied(), |list| match list {
            Some(list) => members.extend_from_slice(list),
            None => are_known = false,
        });
        (members, are_known)
    }

    /// The lists of to-many links to the tables for which `leads` says so, and their columns
    fn lists_to(
        &self,
        leads: impl Fn(TableId) -> bool,
    ) -> impl Iterator<Item = (ColumnId, &RefCell<Column<List>>)> {
        self.columns.iter().enumerate().filter_map(move |(number, column)| {
            column.target.filter(|&target| leads(target))?;
            Some((ColumnId(number), links::lists(&*column.cells)?))
        })
    }

    /// The columns of the lists of to-many links to a table
    pub(crate) fn list_columns_to(&self, table: TableId) -> Vec<ColumnId> {
        self.lists_to(|target| target == table).map(|(column, _)| column).collect()
    }

    /// Makes the lists missing in which some of a table's records are, and forgets how many members were counted.
    pub(crate) fn forget_lists_of(&self, table: TableId, members: &Slots) {
        self.look_through();
        for (number, lists) in self.lists_to(|target| target == table) {
            self.forget_counts(number);
            let owners = self.entry(number).reverse.borrow().leading_to(self.column(number), members);
            let mut lists = lists.borrow_mut();
            owners.into_iter().for_each(|owner| {
                lists.remove(owner);
            });
        }
    }

    /// Makes the lists missing that lead to these tables.
    pub(crate) fn forget_lists(&self, tables: &dyn Fn(TableId) -> bool) {
        for (number, lists) in self.lists_to(tables) {
            self.forget_counts(number);
            lists.borrow_mut().remove_where(|_, _| true);
        }
    }

    /// Changes the lists of one to-many link, whose members are records of `members`.
    pub(crate) fn edit_lists(
        &self,
        column: ColumnId,
        edits: &[Edit],
        joining: Joining,
        members: &Self,
        now: Moment,
    ) {
        let is_filtered = joining.is_selective();
        let is_alike = |edit: &Edit| edit.owner.is_some_and(|owner| self.may_be_alike(owner));
        if edits.iter().any(is_alike) {
            self.forget_alike(column, edits);
        }
        for edit in edits {
            self.forget_arrived_after(column, edit.since, is_filtered);
            match edit.owner {
                Some(owner) if edit.is_change && !is_filtered => {
                    self.count_on(column, owner, edit.add, now.time);
                }
                Some(owner) => self.forget_count(column, owner),
                None => {}
            }
        }
        let anywhere = edits.iter().filter(|edit| self.is_anywhere(column, edit));
        self.remove_members(column, &anywhere.map(|edit| edit.member).collect(), now, joining);
        if let Some(lists) = links::lists(self.column(column)) {
            links::edit(&mut lists.borrow_mut(), edits, now, &|member| members.sort_key(member), joining);
        }
    }

    /// Whether a member that goes may be in whatever list: nobody knows whose it was, or a list said otherwise than its link did.
    fn is_anywhere(&self, column: ColumnId, edit: &Edit) -> bool {
        let is_known = edit.owner.is_some() || edit.since > 0;
        // A list that is not cached cannot say that the others are older than the link.
        let is_unlisted = || edit.owner.is_some_and(|owner| !self.column(column).has(owner));
        let is_contradicted = || self.entry(column).contradicted.borrow_mut().remove(&edit.member);
        let may_be_elsewhere = || self.column(column).count() > 0 && (is_unlisted() || is_contradicted());
        !edit.add && !edit.is_pair && (!is_known || may_be_elsewhere())
    }

    /// Notes members that are in a list which was just loaded, while the links that are cached in `members` lead elsewhere.
    pub(crate) fn note_contradicted(
        &self,
        column: ColumnId,
        members: &Self,
        link: ColumnId,
        listed: impl Iterator<Item = (Slot, Slot)>,
    ) {
        let Some(links) = links::to_one(members.column(link)) else { return };
        let links = links.borrow();
        let leads_elsewhere =
            |&(owner, member): &(Slot, Slot)| links.get(member).is_some_and(|link| link.0 != owner);
        let mut contradicted = self.entry(column).contradicted.borrow_mut();
        contradicted.extend(listed.filter(leads_elsewhere).map(|(_, member)| member));
    }

    /// The records whose cached links of a column lead to one of these
    pub(crate) fn leading_to(&self, column: ColumnId, targets: &Slots) -> Vec<Slot> {
        self.look_through();
        self.entry(column).reverse.borrow().leading_to(self.column(column), targets)
    }

    /// Takes members out of whatever lists of a to-many link they are in.
    pub(crate) fn remove_members(&self, column: ColumnId, members: &Slots, now: Moment, joining: Joining) {
        let Some(lists) = links::lists(self.column(column)).filter(|_| !members.is_empty()) else { return };
        let owners = self.leading_to(column, members);
        links::remove_members(&mut lists.borrow_mut(), &owners, members, now, joining);
    }

    /// Notes that a link leads to a row by another key than its own.
    pub(crate) fn note_spelling(&self) {
        self.has_spellings.set(true);
    }

    /// Whether a key may be another one's row, which a collation calls equal: never where keys are numbers, nor where the row of the key
    /// itself was seen and none was found otherwise
    pub(crate) fn may_be_alike(&self, slot: Slot) -> bool {
        !self.are_keys_numbers() && (self.has_spellings.get() || !self.is_stored(slot))
    }

    /// The records whose keys a collation may call equal to some of these records', other than these
    pub(crate) fn alike(&self, slots: &Slots) -> Slots {
        if self.are_keys_numbers() {
            return Slots::default();
        }
        let mut alike = self.alike.borrow_mut();
        let mut to = |slot: Slot| alike.to(slot, self.slots(), &|slot| self.letters(slot));
        let found = slots.iter().flat_map(|&slot| to(slot));
        found.filter(|slot| !slots.contains(slot)).collect()
    }

    /// Whether a collation may call the keys of two of these records equal
    pub(crate) fn has_alike(&self, slots: &[Slot]) -> bool {
        let mut seen = std::collections::HashSet::new();
        !self.are_keys_numbers()
            && slots.len() > 1
            && !slots.iter().all(|&slot| seen.insert(self.letters(slot)))
    }

    /// Makes the lists of those missing whose keys differ from some owners' in what collations overlook.
    #[cold]
    fn forget_alike(&self, column: ColumnId, edits: &[Edit]) {
        let owners: Slots = edits.iter().filter_map(|edit| edit.owner).collect();
        for slot in self.alike(&owners) {
            self.note_spelling();
            self.column(column).remove(slot);
            self.forget_count(column, slot);
        }
    }

    /// Fills the lists of a to-many link where they are not cached.
    pub(crate) fn fill_lists(
        &self,
        column: ColumnId,
        now: Moment,
        lists: impl Iterator<Item = (Slot, List)>,
    ) {
        let Some(cells) = links::lists(self.column(column)) else { return };
        let mut cells = cells.borrow_mut();
        for (slot, list) in lists {
            if let Some(cell) = cells.vacant(slot, now) {
                cell.fill(list);
            }
        }
    }
}
