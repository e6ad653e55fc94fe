//! What follows from the rows of a table: computed values, stored ones, aggregates

use std::cell::RefCell;

use super::super::aggregates::{Affected, AggregateKey, Follower, Room, Subject};
use super::super::column::Column;
use super::super::dependents::Dependents;
use super::super::feeds::{Change, Watched};
use super::super::links;
use super::super::slot::{ColumnId, Slot, TableId};
use super::{Part, Table, TableColumn, Written};

impl Table {
    // What is computed

    /// Works on what was computed from a part of the table.
    pub(crate) fn with_dependents(&self, part: Part, f: &mut dyn FnMut(&mut Option<Box<Dependents>>)) {
        match part {
            Part::Column(column) => f(&mut self.column(column).dependents()),
            Part::Presence => f(&mut self.dependents.borrow_mut()),
        }
    }

    /// Notes that what was computed from a cell, or from the number of members, has to be computed anew.
    pub(super) fn change(&self, column: ColumnId, slot: Slot) {
        if let Some(dependents) = &mut *self.column(column).dependents() {
            dependents.change(slot);
        }
    }

    /// Notes that a search may find other rows now, whatever it looks at.
    pub(crate) fn note_rows(&self) {
        if self.signal.change_rows() {
            self.are_rows_changed.set(true);
        }
    }

    /// Notes that a search may find other rows now if it looks at these columns.
    #[inline]
    pub(crate) fn note_columns(&self, columns: impl Iterator<Item = ColumnId>) {
        if self.signal.change_rows() {
            let written = &mut *self.written.borrow_mut();
            columns.for_each(|column| {
                if !written.contains(&column) {
                    written.push(column);
                }
            });
        }
    }

    /// Because of what a search may find other rows than when this was last asked
    pub(crate) fn take_rows_changed(&self) -> Option<Written> {
        let written = self.written.take();
        if self.are_rows_changed.take() {
            Some(Written::Rows)
        } else {
            (!written.is_empty()).then_some(Written::Columns(written))
        }
    }

    // What is stored and follows from others

    /// Has changes of rows noted, for the source of this number.
    pub(crate) fn watch(&self, watched: Watched, source: usize) {
        self.feeds.borrow_mut().watch(watched, source);
    }

    /// Whether a change of this kind is watched
    pub(crate) fn feeds(&self, change: Change<'_>) -> bool {
        self.feeds.borrow().counts(change)
    }

    /// The numbers of the sources that a change of this kind is watched for
    pub(crate) fn feeding(&self, change: Change<'_>) -> Vec<usize> {
        self.feeds.borrow().counting(change)
    }

    /// Whether any stored values follow from the rows
    #[inline]
    pub(crate) fn is_fed_on(&self) -> bool {
        !self.feeds.borrow().is_empty()
    }

    /// Notes what has become of rows, if stored values follow from that.
    pub(crate) fn feed(&self, change: Change<'_>, slots: &[Slot]) {
        if self.feeds.borrow_mut().note(change, slots) {
            self.signal.feed();
        }
    }

    /// Calls with the number of each source whose rows have changed since the last call, and these.
    pub(crate) fn take_fed(&self, f: &mut dyn FnMut(usize, Vec<Slot>)) {
        self.feeds.borrow_mut().take(f);
    }

    // What is aggregated

    /// The column of an aggregate over lists, if it is kept
    pub(crate) fn aggregate(&self, over: ColumnId, key: &AggregateKey) -> Option<ColumnId> {
        self.aggregates.find(over, key)
    }

    /// What is aggregated in a column, and over which lists; nothing of a field's
    pub(crate) fn aggregate_of(&self, column: ColumnId) -> Option<(ColumnId, Subject)> {
        self.aggregates.of(column)
    }

    /// A column for one more aggregate over lists, which nothing follows from or leads to yet
    pub(crate) fn open_aggregate<V: Send + 'static>(&self, over: ColumnId, key: AggregateKey) -> ColumnId {
        let column = match self.aggregates.room(over, &key) {
            Room::Of(column) => {
                self.forget_all_cells(column);
                column
            }
            Room::New => {
                let cells = Box::<RefCell<Column<V>>>::default();
                ColumnId(self.columns.push(TableColumn {
                    name: String::new(),
                    shows: &[],
                    cells,
                    target: None,
                    counts: RefCell::default(),
                    contradicted: RefCell::default(),
                    arrivals: RefCell::default(),
                    reverse: RefCell::default(),
                    twins: RefCell::default(),
                }))
            }
        };
        self.aggregates.keep(over, key, column);
        column
    }

    /// How many reads of aggregates over a list the cache has answered
    pub(crate) fn aggregate_hits(&self, over: ColumnId) -> usize {
        let mut hits = 0;
        self.aggregates.each_over(over, |column| hits += self.column(column).reads().0);
        hits
    }

    /// Makes the aggregates over a list missing, as its members are not who they were.
    pub(super) fn forget_aggregates(&self, over: ColumnId, slot: Slot) {
        self.aggregates.each_over(over, |column| {
            self.column(column).remove(slot);
            self.forget_unreadable_cell(column, slot);
        });
    }

    pub(super) fn forget_all_cells(&self, column: ColumnId) {
        self.column(column).remove_where(&mut |_, _| true);
        self.retain_unreadable(|other, _| other != column);
    }

    /// Makes aggregates missing whose members are not what they were; tells whether there were any.
    pub(crate) fn forget_affected(&self, column: ColumnId, affected: Affected) -> bool {
        let before = self.column(column).count();
        match affected {
            Affected::None => {}
            Affected::Some { owners, .. } if owners.iter().any(|&owner| self.may_be_alike(owner)) => {
                self.forget_all_cells(column);
            }
            Affected::Some { owners, younger } => {
                let arrived = self.entry(column).arrivals.borrow_mut().take_after(younger);
                owners.into_iter().chain(arrived).for_each(|owner| {
                    self.column(column).remove(owner);
                    self.forget_unreadable_cell(column, owner);
                });
            }
            Affected::All => self.forget_all_cells(column),
        }
        self.column(column).count() < before
    }

    /// Notes that an aggregate follows from the rows.
    pub(crate) fn add_follower(&self, follower: Follower) {
        self.followers.borrow_mut().push(follower);
    }

    /// The column was given to another aggregate.
    pub(crate) fn remove_follower(&self, aggregate: (TableId, ColumnId)) {
        self.followers.borrow_mut().retain(|follower| follower.aggregate != aggregate);
    }

    /// Calls with each aggregate that is not what it was since the last call.
    pub(crate) fn take_affected(&self, f: &mut dyn FnMut((TableId, ColumnId), Affected)) {
        for follower in &mut *self.followers.borrow_mut() {
            match follower.take_affected() {
                Affected::None => {}
                affected => f(follower.aggregate, affected),
            }
        }
    }

    fn affect(&self, mut f: impl FnMut(&mut Follower) -> bool) {
        let followers = &mut *self.followers.borrow_mut();
        let are_affected = followers.iter_mut().fold(false, |any, follower| f(follower) | any);
        if are_affected {
            self.signal.change();
        }
    }

    /// Notes that aggregates do not follow any more from cells of a column: they were written.
    #[inline]
    pub(crate) fn note_written(&self, column: ColumnId, slots: &[Slot]) {
        if !slots.is_empty() && !self.followers.borrow().is_empty() {
            self.note_followed_written(column, slots);
        }
    }

    fn note_followed_written(&self, column: ColumnId, slots: &[Slot]) {
        self.affect(|follower| {
            let reads = follower.reads(column);
            if reads {
                self.affect_owners(follower, slots);
            }
            reads
        });
    }

    /// Notes that a value was put into the cache that nobody has read.
    pub(crate) fn note_put(&self, column: ColumnId, slot: Slot) {
        self.note_forgotten(column, Some(&[slot]));
        self.forget_aggregates(column, slot);
    }

    /// The same of rows that were not there before: those who have a link join a list, which says so by itself.
    pub(crate) fn note_new_rows(&self) {
        self.affect(|follower| {
            let is_anybodys = follower.link.is_none();
            if is_anybodys {
                follower.affect_all();
            }
            is_anybodys
        });
    }

    /// The same where nobody knows what a cell will hold; without slots all of them.
    pub(crate) fn note_forgotten(&self, column: ColumnId, slots: Option<&[Slot]>) {
        self.affect(|follower| {
            let is_link = follower.link == Some(column);
            let reads = is_link || follower.reads(column);
            match slots {
                _ if !reads => {}
                Some(slots) if !is_link => self.affect_owners(follower, slots),
                // Whose member it will be is not known either.
                _ => follower.affect_all(),
            }
            reads
        });
    }

    /// The same of all that is known of the table
    pub(crate) fn note_all_forgotten(&self) {
        self.affect(|follower| {
            follower.affect_all();
            true
        });
    }

    fn affect_owners(&self, follower: &mut Follower, slots: &[Slot]) {
        let links = follower.link.and_then(|link| links::to_one(self.column(link)));
        let Some(links) = links else { return follower.affect_all() };
        // While the rows themselves come anew nobody knows whose they are.
        let Ok(links) = links.try_borrow() else { return follower.affect_all() };
        for &slot in slots {
            match links.get(slot) {
                Some(link) => {
                    link.target().into_iter().for_each(|owner| follower.affect(owner));
                    // What was worked out since may take it for another one's.
                    links.known_since(slot).into_iter().for_each(|since| follower.affect_younger(since));
                }
                None => return follower.affect_all(),
            }
        }
    }
}
