//! The rows of one table that an environment has met: their keys, their cells, and what else is known of each.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use super::aggregates::{Affected, AggregateKey, Aggregates, Follower, Room, Subject};
use super::alike::Alike;
use super::any_column::AnyColumn;
use super::arrivals::Arrivals;
use super::column::{Column, Moment, PAGE, Stamp, TouchedFor};
use super::created::Created;
use super::dependents::{Dependents, Signal};
use super::feeds::{Change, Feeds, Watched};
use super::frozen::Frozen;
use super::handover::{self, GivenUp, Steps};
use super::keys::{AnyKeys, Keys};
use super::links::{self, Edit, Joining, Link, List};
use super::resident::{Resident, UnreadBatch};
use super::reverse::{Reverse, slots_of_pages};
use super::slot::{ColumnId, Slot, SlotSet, Slots, TableId};
use super::tally::Tally;
use crate::Str;
use crate::key::Key;
use crate::number::ModelId;

/// A place in a table that values are computed from
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The cells of a column; of a to-many link also how many members were counted
    Column(ColumnId),
    /// Whether there is such a row
    Presence,
}

/// A record's dirty values, which wait for something else to be decided
#[derive(Debug)]
pub(crate) struct Aside {
    pub(crate) slot: Slot,
    values: Vec<(ColumnId, Box<dyn Any>)>,
}

/// All that waits to be written to a table
#[derive(Debug)]
pub(crate) struct Waiting {
    records: Vec<Aside>,
    written_by: WrittenBy,
    given_up: GivenUp,
}

/// By the numbers of models
type WrittenBy = Vec<(ModelId, SlotSet)>;

/// How many members a list has
#[derive(Debug, Clone, Copy)]
struct Counted {
    members: usize,
    /// When the database was asked, for `max_age`
    asked: Stamp,
    /// When one came or went since, for a rollback
    changed: Stamp,
}

/// By slot
type Counts = HashMap<Slot, Counted, FixedState>;

/// By column and slot
type Unreadable = HashMap<(ColumnId, Slot), Str, FixedState>;

/// What was written to a table
#[derive(Debug)]
pub(crate) enum Written {
    /// Rows have come or gone, or nobody knows
    Rows,
    /// These columns, of whatever rows
    Columns(Vec<ColumnId>),
}

/// What is known of a key that no row has
#[derive(Debug, Clone, Copy)]
struct Absence {
    /// When the database was asked
    since: Stamp,
    /// The record whose row it found instead
    meant: Option<Slot>,
}

/// The rows of one table
pub struct Table {
    keys: Box<dyn AnyKeys>,
    columns: Frozen<TableColumn>,
    /// Slots whose row was looked for and not found (rule P10), and when
    absent: RefCell<HashMap<Slot, Absence, FixedState>>,
    /// Which records count against a limit; kept only while there is one
    resident: RefCell<Resident>,
    /// When a count or an absence was last noted
    noted: Cell<Stamp>,
    /// What is wrong with values that came and could not be read
    unreadable: RefCell<Unreadable>,
    /// All slots before this one have been looked at as something to fill a batch with
    named: Cell<usize>,
    /// The records with a dirty value, in the order in which they were first written
    dirty: RefCell<(Vec<Slot>, SlotSet)>,
    /// Through which models that validate they were written, by the models' numbers
    written_by: RefCell<WrittenBy>,
    /// Where unique links led that wait to lead elsewhere; `None`: nobody knows
    given_up: RefCell<GivenUp>,
    /// The records that were created one by one
    created: RefCell<Created>,
    /// Records whose members were counted since it was last looked through who leads where; `None`: it never was
    counted: RefCell<Option<Slots>>,
    /// How many records have values
    tally: RefCell<Tally>,
    /// The column that counts the writes of each row
    version: Cell<Option<ColumnId>>,
    /// What was aggregated over its lists
    aggregates: Aggregates,
    /// The aggregates, of whatever table, that follow from its rows
    followers: RefCell<Vec<Follower>>,
    /// What stored values follow from
    feeds: RefCell<Feeds>,
    /// Whether links are known that lead to a row by another key than its own, which its collation calls equal
    has_spellings: Cell<bool>,
    /// Which keys differ only in what collations overlook
    alike: RefCell<Alike>,
    /// What was computed from whether there is a row
    dependents: RefCell<Option<Box<Dependents>>>,
    /// Whether rows have come, gone or changed since searches were last looked at that something was computed from
    are_rows_changed: Cell<bool>,
    /// The columns that were written meanwhile
    written: RefCell<Vec<ColumnId>>,
    signal: Arc<Signal>,
}

/// A column of a table: the cells of one column of the database in one type, or the lists of one to-many link
pub(super) struct TableColumn {
    name: String,
    /// The columns of the database that it shows; none of a list
    shows: &'static [&'static str],
    cells: Box<dyn AnyColumn>,
    /// The table that the cells lead to, if they are links
    target: Option<TableId>,
    /// Of a to-many link: members that were counted and not listed
    counts: RefCell<Counts>,
    /// Of lists by a to-one link: members that a list was loaded with although their cached link leads elsewhere
    pub(super) contradicted: RefCell<Slots>,
    /// Of whom members were counted; of an aggregate, for whom it was worked out
    arrivals: RefCell<Arrivals>,
    /// Who leads where by them
    reverse: RefCell<Reverse>,
    /// The columns that hold the same values in another form
    twins: RefCell<Vec<ColumnId>>,
}

impl TableColumn {
    /// Whether it is a to-one link that stands in the rows: not one that is computed
    fn is_link_of_rows(&self) -> bool {
        !self.shows.is_empty() && links::to_one(&*self.cells).is_some()
    }

    fn is_of_lists(&self) -> bool {
        links::lists(&*self.cells).is_some()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        f.debug_struct("Table").field("keys", &self.slots()).field("columns", &columns).finish()
    }
}

impl Table {
    pub(crate) fn new(keys: Box<dyn AnyKeys>, signal: &Arc<Signal>) -> Self {
        Self {
            keys,
            columns: Frozen::default(),
            absent: RefCell::default(),
            resident: RefCell::default(),
            noted: Cell::default(),
            unreadable: RefCell::default(),
            named: Cell::default(),
            dirty: RefCell::default(),
            written_by: RefCell::default(),
            given_up: RefCell::default(),
            created: RefCell::default(),
            counted: RefCell::default(),
            tally: RefCell::default(),
            version: Cell::default(),
            aggregates: Aggregates::default(),
            followers: RefCell::default(),
            feeds: RefCell::default(),
            has_spellings: Cell::default(),
            alike: RefCell::default(),
            dependents: RefCell::default(),
            are_rows_changed: Cell::default(),
            written: RefCell::default(),
            signal: Arc::clone(signal),
        }
    }

    // Columns

    /// The number of a column, added now if it is not there: two models that name it alike share its cells. It becomes a twin
    /// of others that show some of the same columns of the database, which are none of a list.
    pub(crate) fn open_column(
        &self,
        name: String,
        shows: &'static [&'static str],
        cells: Box<dyn AnyColumn>,
        target: Option<TableId>,
    ) -> ColumnId {
        let kind = |cells: &dyn AnyColumn| (cells as &dyn Any).type_id();
        let is_it = |column: &&TableColumn| {
            column.name == name && kind(&*column.cells) == kind(&*cells) && column.target == target
        };
        if let Some(known) = self.columns.iter().position(|column| is_it(&column)) {
            return ColumnId(known);
        }
        let number = ColumnId(self.columns.len());
        // In other letters it is the same one for most databases.
        let shows_it =
            |column: &TableColumn, name: &str| column.shows.iter().any(|own| own.eq_ignore_ascii_case(name));
        let shares = |column: &TableColumn| shows.iter().any(|name| shows_it(column, name));
        let sharing = self.columns.iter().enumerate().filter(|(_, column)| shares(column));
        let twins: Vec<ColumnId> = sharing.map(|(twin, _)| ColumnId(twin)).collect();
        twins.iter().filter_map(|twin| self.columns.get(twin.0)).for_each(|twin| {
            twin.twins.borrow_mut().push(number);
        });
        ColumnId(self.columns.push(TableColumn {
            name,
            shows,
            cells,
            target,
            counts: RefCell::default(),
            contradicted: RefCell::default(),
            arrivals: RefCell::default(),
            reverse: RefCell::default(),
            twins: RefCell::new(twins),
        }))
    }

    pub(super) fn entry(&self, column: ColumnId) -> &TableColumn {
        match self.columns.get(column.0) {
            Some(column) => column,
            None => unreachable!("no {column:?}"),
        }
    }

    pub(crate) fn column(&self, column: ColumnId) -> &dyn AnyColumn {
        &*self.entry(column).cells
    }

    /// The cells of a column, by their type
    pub(crate) fn cells<V: 'static>(&self, column: ColumnId) -> &RefCell<Column<V>> {
        match (self.column(column) as &dyn Any).downcast_ref() {
            Some(cells) => cells,
            None => unreachable!("{column:?} holds values of another type"),
        }
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = ColumnId> + use<> {
        (0..self.columns.len()).map(ColumnId)
    }

    fn each(&self) -> impl Iterator<Item = &dyn AnyColumn> {
        self.columns.iter().map(|column| &*column.cells)
    }

    /// Those whose values stand in the rows: no lists, and nothing that is computed
    fn each_of_rows(&self) -> impl Iterator<Item = &dyn AnyColumn> {
        let of_rows = self.columns.iter().filter(|column| !column.shows.is_empty());
        of_rows.map(|column| &*column.cells)
    }

    /// The table that a column's links lead to
    pub(crate) fn target(&self, column: ColumnId) -> Option<TableId> {
        self.entry(column).target
    }

    pub(crate) fn version(&self) -> Option<ColumnId> {
        self.version.get()
    }

    pub(crate) fn set_version(&self, column: ColumnId) {
        self.version.set(Some(column));
    }

    /// The columns that hold the same values in another form
    #[inline]
    pub(crate) fn twins(&self, column: ColumnId) -> Vec<ColumnId> {
        let twins = self.entry(column).twins.borrow();
        // Of most there is none, and each setter asks.
        if twins.is_empty() { Vec::new() } else { twins.clone() }
    }

    /// Whether a value that waits may be asked for in another form
    pub(crate) fn has_dirty_twins(&self) -> bool {
        let has_twins = |column: &TableColumn| !column.twins.borrow().is_empty();
        self.has_dirty() && self.columns.iter().any(has_twins)
    }

    // Keys

    /// The keys, by their type
    pub(crate) fn keys<K: Key>(&self) -> &RefCell<Keys<K>> {
        match (&*self.keys as &dyn Any).downcast_ref() {
            Some(keys) => keys,
            None => unreachable!("keys of another type"),
        }
    }

    pub(crate) fn intern<K: Key>(&self, key: K) -> Slot {
        self.keys::<K>().borrow_mut().intern(key)
    }

    pub(crate) fn find<K: Key>(&self, key: &K) -> Option<Slot> {
        self.keys::<K>().borrow().find(key)
    }

    pub(crate) fn key<K: Key>(&self, slot: Slot) -> K {
        self.keys::<K>().borrow().key(slot).clone()
    }

    pub(crate) fn keys_of<K: Key>(&self, slots: &[Slot]) -> Vec<K> {
        let keys = self.keys::<K>().borrow();
        slots.iter().map(|&slot| keys.key(slot).clone()).collect()
    }

    /// A key as text, for messages
    pub(crate) fn key_text(&self, slot: Slot) -> Str {
        self.keys.text(slot)
    }

    /// A key as a number, if it is one
    pub(crate) fn key_number(&self, slot: Slot) -> Option<i64> {
        self.keys.number(slot)
    }

    /// The slot of the key that a record of another table has, if that has keys of the same type
    pub(crate) fn intern_from(&self, other: &Self, slot: Slot) -> Option<Slot> {
        self.keys.intern_from(&*other.keys, slot)
    }

    /// The slot of a key that is a whole number, if keys of the type can be this one
    pub(crate) fn intern_number(&self, number: i64) -> Option<Slot> {
        self.keys.intern_number(number)
    }

    pub(crate) fn are_keys_numbers(&self) -> bool {
        self.keys.are_numbers()
    }

    /// A key's text without what collations overlook: upper and lower case, spaces at the end
    pub(crate) fn letters(&self, slot: Slot) -> String {
        self.key_text(slot).trim_end().to_lowercase()
    }

    /// Puts records into the order of their keys, which is the same wherever it is done.
    pub(crate) fn sort_by_key(&self, slots: &mut [Slot]) {
        match slots {
            [] | [_] => {}
            _ if self.are_keys_numbers() => slots.sort_by_cached_key(|&slot| self.key_number(slot)),
            _ => slots.sort_by_cached_key(|&slot| self.key_text(slot)),
        }
    }

    /// How many slots there are
    pub(crate) fn slots(&self) -> usize {
        self.keys.len()
    }

    // What is computed

    /// Works on what was computed from a part of the table.
    pub(crate) fn with_dependents(&self, part: Part, f: &mut dyn FnMut(&mut Option<Box<Dependents>>)) {
        match part {
            Part::Column(column) => f(&mut self.column(column).dependents()),
            Part::Presence => f(&mut self.dependents.borrow_mut()),
        }
    }

    /// Notes that what was computed from a cell, or from the number of members, has to be computed anew.
    fn change(&self, column: ColumnId, slot: Slot) {
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
    fn forget_aggregates(&self, over: ColumnId, slot: Slot) {
        self.aggregates.each_over(over, |column| {
            self.column(column).remove(slot);
            self.forget_unreadable_cell(column, slot);
        });
    }

    fn forget_all_cells(&self, column: ColumnId) {
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
    pub(crate) fn note_written(&self, column: ColumnId, slots: &[Slot]) {
        self.affect(|follower| {
            let reads = !slots.is_empty() && follower.reads(column);
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

    // What is known of a row

    pub(crate) fn is_absent(&self, slot: Slot) -> bool {
        let absent = self.absent.borrow();
        !absent.is_empty() && absent.contains_key(&slot)
    }

    pub(crate) fn absent_since(&self, slot: Slot) -> Option<Stamp> {
        self.absent.borrow().get(&slot).map(|absence| absence.since)
    }

    /// The record whose row a key names: another one where a collation calls its key equal to this one, which no row has
    pub(crate) fn meant(&self, slot: Slot) -> Slot {
        let absent = self.absent.borrow();
        if absent.is_empty() {
            return slot;
        }
        absent.get(&slot).and_then(|absence| absence.meant).unwrap_or(slot)
    }

    /// Notes which record's row the database finds by a key that no row has.
    pub(crate) fn set_meant(&self, slot: Slot, meant: Slot) {
        if let Some(absence) = self.absent.borrow_mut().get_mut(&slot) {
            absence.meant = Some(meant);
        }
    }

    /// Notes that a row did not exist at some time; `None`: that it does.
    pub(crate) fn set_absent(&self, slot: Slot, since: Option<Stamp>) {
        let mut absent = self.absent.borrow_mut();
        if let Some(since) = since {
            self.noted.set(self.noted.get().max(since));
            if absent.insert(slot, Absence { since, meant: None }).is_none() {
                self.change_presence(slot);
            }
        } else if !absent.is_empty() && absent.remove(&slot).is_some() {
            self.change_presence(slot);
        }
    }

    /// Notes that the rows of these slots exist.
    pub(crate) fn set_present(&self, slots: impl IntoIterator<Item = Slot>) {
        let mut absent = self.absent.borrow_mut();
        if !absent.is_empty() {
            slots.into_iter().filter(|slot| absent.remove(slot).is_some()).for_each(|slot| {
                self.change_presence(slot);
            });
        }
    }

    /// Forgets which rows did not exist.
    pub(crate) fn forget_absent(&self) {
        self.retain_absent(|_, _| false);
    }

    fn retain_absent(&self, mut stays: impl FnMut(Slot, &Absence) -> bool) {
        self.absent.borrow_mut().retain(|&slot, absence| {
            let stays = stays(slot, absence);
            if !stays {
                self.change_presence(slot);
            }
            stays
        });
    }

    fn change_presence(&self, slot: Slot) {
        if let Some(dependents) = &mut *self.dependents.borrow_mut() {
            dependents.change(slot);
        }
    }

    /// Whether a value of the record is cached that came from its row
    pub(crate) fn is_stored(&self, slot: Slot) -> bool {
        // An empty list says nothing, and a dirty value may have been given to a row that is not there.
        let is_stored = |column: &dyn AnyColumn| column.has(slot) && !column.is_dirty(slot);
        self.each_of_rows().any(is_stored)
    }

    pub(crate) fn note_created(&self, slot: Slot) {
        self.created.borrow_mut().push(slot);
    }

    /// So many of the records that were created one by one before and after one, and where among these it stands
    pub(crate) fn created_around(&self, slot: Slot, reach: usize) -> Option<(Vec<Slot>, usize)> {
        self.created.borrow_mut().around(slot, reach)
    }

    /// Calls with the records that have been named since the last call, until that says so.
    pub(crate) fn each_named(&self, f: &mut dyn FnMut(Slot) -> bool) {
        let slots = self.slots();
        let (mut next, mut is_over) = (self.named.get(), false);
        while next < slots && !is_over {
            is_over = f(Slot::at(next));
            next += 1;
        }
        self.named.set(next);
    }

    // What waits to be written

    /// Notes that a record has a value that is not in the database.
    pub(crate) fn note_dirty(&self, slot: Slot) {
        let (slots, marks) = &mut *self.dirty.borrow_mut();
        if marks.mark(slot) {
            slots.push(slot);
        }
    }

    /// Notes that records were written through a model that validates them.
    pub(crate) fn note_written_by(&self, model: ModelId, slots: &[Slot]) {
        let mut all = self.written_by.borrow_mut();
        let place = all.iter().position(|(of, _)| *of == model).unwrap_or(all.len());
        if place == all.len() {
            all.push((model, SlotSet::default()));
        }
        slots.iter().for_each(|&slot| {
            all[place].1.mark(slot);
        });
    }

    /// The records that wait and were written through models that validate them, by the models' numbers
    pub(crate) fn waiting_by_model(&self) -> Vec<(ModelId, Vec<Slot>)> {
        let written_by = self.written_by.borrow();
        if written_by.is_empty() {
            return Vec::new();
        }
        let waiting: Vec<Slot> = self.dirty_by_columns().into_values().flatten().collect();
        let of = |slots: &SlotSet| waiting.iter().copied().filter(|&slot| slots.has(slot)).collect();
        written_by.iter().map(|(model, slots)| (*model, of(slots))).collect()
    }

    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.borrow().0.is_empty()
    }

    /// How many records have a value that is not in the database
    pub(crate) fn dirty_records(&self) -> usize {
        self.dirty.borrow().0.len()
    }

    pub(crate) fn forget_dirty(&self) {
        *self.dirty.borrow_mut() = Default::default();
        self.written_by.borrow_mut().clear();
        *self.given_up.borrow_mut() = Default::default();
    }

    /// Notes where a unique link of a record leads in the database, which waits to lead elsewhere.
    pub(crate) fn note_given_up(&self, column: ColumnId, slot: Slot, from: Option<Link>) {
        if self.column(column).is_dirty(slot) {
            self.given_up.borrow_mut().entry((column, slot)).or_insert(from);
        }
    }

    /// The records that wait, whatever is taken before what takes it; see [`GivenUp`]. `None`: in any order
    pub(crate) fn steps(&self) -> Option<Steps> {
        let given_up = self.given_up.borrow();
        let links = |column: ColumnId| links::to_one(self.column(column));
        let is_dirty = |column: ColumnId, slot: Slot| self.column(column).is_dirty(slot);
        handover::steps(&given_up, &self.dirty.borrow().0, &links, &is_dirty)
    }

    /// Takes the dirty values of some records out of the cache; not those of records with a dirty link, on which lists stand. The
    /// version stays: what is done to the row meanwhile compares it.
    ///
    /// Whoever does so [restores](Self::restore_aside) them, or [drops](Self::drop_aside) them.
    pub(crate) fn set_dirty_aside(&self, slots: &[Slot]) -> Vec<Aside> {
        let (waiting, marks) = &mut *self.dirty.borrow_mut();
        if waiting.is_empty() {
            return Vec::new();
        }
        let these = SlotSet::of(slots.iter().copied());
        let links: Vec<&TableColumn> = self.columns.iter().filter(|column| column.target.is_some()).collect();
        let is_aside =
            |slot: Slot| these.has(slot) && !links.iter().any(|column| column.cells.is_dirty(slot));
        let (aside, left): (Vec<Slot>, Vec<Slot>) = waiting.iter().partition(|&&slot| is_aside(slot));
        *waiting = left;
        let dirty = |slot: Slot| {
            let columns = self.columns().filter(|&column| Some(column) != self.version());
            columns.filter(move |&column| self.column(column).is_dirty(slot))
        };
        let take = |slot: Slot| {
            dirty(slot).filter_map(move |column| Some((column, self.column(column).take(slot)?)))
        };
        let aside = aside.into_iter().map(|slot| {
            marks.unmark(slot);
            Aside { slot, values: take(slot).collect() }
        });
        aside.collect()
    }

    /// Puts what was set aside back, to wait again.
    pub(crate) fn restore_aside(&self, aside: Vec<Aside>, now: Moment) {
        for Aside { slot, values } in aside {
            values.into_iter().for_each(|(column, value)| self.column(column).put_back(slot, now, value));
            self.note_dirty(slot);
            self.note_rows();
        }
    }

    /// Makes all values missing of records whose dirty ones were set aside.
    pub(crate) fn drop_aside(&self, aside: Vec<Aside>) {
        for Aside { slot, .. } in aside {
            self.version().into_iter().for_each(|version| self.column(version).clean(slot));
            self.forget_beside(slot, &[]);
        }
    }

    /// A copy of all that waits, made of the values by `copy`; whoever has sent it and takes that back [restores](Self::restore_waiting) it.
    pub(crate) fn copy_waiting(&self, copy: &dyn Fn(ColumnId, Slot) -> Option<Box<dyn Any>>) -> Waiting {
        let dirty = |slot: Slot| self.columns().filter(move |&column| self.column(column).is_dirty(slot));
        let values = |slot: Slot| dirty(slot).filter_map(move |column| Some((column, copy(column, slot)?)));
        let records = self
            .dirty
            .borrow()
            .0
            .iter()
            .map(|&slot| Aside { slot, values: values(slot).collect() })
            .collect();
        let (written_by, given_up) = (self.written_by.borrow().clone(), self.given_up.borrow().clone());
        Waiting { records, written_by, given_up }
    }

    /// Has wait again what was sent and is not in the database after all.
    pub(crate) fn restore_waiting(&self, waiting: Waiting, now: Moment) {
        let Waiting { records, written_by, given_up } = waiting;
        self.restore_aside(records, now);
        *self.written_by.borrow_mut() = written_by;
        *self.given_up.borrow_mut() = given_up;
    }

    /// The dirty records by the set of their dirty columns, each in the order in which they were first written
    pub(crate) fn dirty_by_columns(&self) -> IndexMap<Vec<ColumnId>, Vec<Slot>, FixedState> {
        let mut groups: IndexMap<Vec<ColumnId>, Vec<Slot>, FixedState> = IndexMap::default();
        let columns: Vec<&dyn AnyColumn> = self.each().collect();
        let mut dirty = Vec::new();
        for &slot in &self.dirty.borrow().0 {
            dirty.clear();
            let is_written =
                |&column: &ColumnId| Some(column) != self.version() && columns[column.0].is_dirty(slot);
            dirty.extend((0..columns.len()).map(ColumnId).filter(is_written));
            match groups.get_mut(&dirty) {
                Some(slots) => slots.push(slot),
                None => {
                    groups.insert(dirty.clone(), vec![slot]);
                }
            }
        }
        groups.shift_remove(&Vec::new());
        groups
    }

    // Counts of members

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
    pub(super) fn forget_arrived_after(&self, column: ColumnId, time: Stamp, with_lists: bool) {
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
    fn count_on(&self, column: ColumnId, owner: Slot, add: bool, now: Stamp) {
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

    pub(super) fn forget_count(&self, column: ColumnId, slot: Slot) {
        self.forget_aggregates(column, slot);
        if self.entry(column).counts.borrow_mut().remove(&slot).is_some() {
            self.change(column, slot);
        }
    }

    pub(crate) fn forget_counts(&self, column: ColumnId) {
        self.aggregates.each_over(column, |column| self.forget_all_cells(column));
        self.retain_counts_of(column, |_, _| false);
    }

    fn retain_counts(&self, stays: impl Fn(Slot, &Counted) -> bool) {
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

    // What could not be read

    /// Notes what is wrong with a value that came: its cell stays missing, and is not asked for again.
    pub(crate) fn note_unreadable(&self, column: ColumnId, slot: Slot, message: Str) {
        self.unreadable.borrow_mut().insert((column, slot), message);
    }

    /// What is wrong with the value that came for a cell, if something is
    pub(crate) fn unreadable(&self, column: ColumnId, slot: Slot) -> Option<Str> {
        let unreadable = self.unreadable.borrow();
        if unreadable.is_empty() { None } else { unreadable.get(&(column, slot)).cloned() }
    }

    pub(crate) fn has_unreadable(&self) -> bool {
        !self.unreadable.borrow().is_empty()
    }

    /// Forgets which values of a record could not be read.
    pub(crate) fn forget_unreadable(&self, slot: Slot) {
        self.retain_unreadable(|_, other| other != slot);
    }

    /// Forgets that a value could not be read: there is another one now.
    pub(crate) fn forget_unreadable_cell(&self, column: ColumnId, slot: Slot) {
        self.unreadable.borrow_mut().remove(&(column, slot));
    }

    fn retain_unreadable(&self, mut stays: impl FnMut(ColumnId, Slot) -> bool) {
        self.unreadable.borrow_mut().retain(|&(column, slot), _| stays(column, slot));
    }

    // Making missing

    /// Makes all clean values missing.
    pub(crate) fn invalidate(&self) {
        self.remove_where(&mut |_, _| true);
        self.forget_absent();
        self.retain_counts(|_, _| false);
        self.retain_unreadable(|_, _| false);
        self.note_rows();
        self.note_all_forgotten();
        self.named.set(self.slots());
        self.count_residents();
    }

    /// Makes all clean values missing that were loaded before a time.
    pub(crate) fn expire(&self, before: Stamp) {
        self.each().for_each(|column| column.expire(before));
        self.forget_unversioned();
        self.retain_counts(|_, counted| counted.asked >= before);
        self.retain_unreadable(|_, _| false);
        self.retain_absent(|_, absence| absence.since >= before);
        self.count_residents();
    }

    /// Makes a column missing for all records; what is dirty stays.
    pub(crate) fn invalidate_column(&self, column: ColumnId) {
        self.note_forgotten(column, None);
        self.forget_counts(column);
        self.retain_unreadable(|other, _| other != column);
        self.column(column).remove_where(&mut |_, _| true);
    }

    /// Makes the values missing that were loaded since a time, and those of all slots from one on. With the numbers of
    /// slots to keep of each table the keys go too, and so does every link to one that goes.
    pub(crate) fn release(&self, since: Stamp, from: usize, keep: Option<&dyn Fn(TableId) -> usize>) {
        for column in self.columns.iter() {
            column.cells.remove_from(from);
            column.cells.remove_since(since);
            if let (Some(keep), Some(target)) = (keep, column.target) {
                links::remove_links_beyond(&*column.cells, keep(target));
            }
        }
        self.forget_unversioned();
        self.retain_counts(|slot, counted| (slot.index()) < from && counted.changed < since);
        self.retain_unreadable(|_, _| false);
        self.resident.borrow_mut().truncate(from);
        if keep.is_some() {
            self.created.borrow_mut().truncate(from);
            self.keys.truncate(from);
            self.alike.borrow_mut().truncate(from);
            let stays = |slot: Slot| (slot.index()) < from;
            self.retain_absent(|slot, absence| stays(slot) && absence.meant.is_none_or(stays));
            if from == 0 {
                *self.absent.borrow_mut() = HashMap::default();
            }
            self.named.set(self.named.get().min(from));
        }
    }

    /// Makes missing what was cached since a time, dirty values too.
    ///
    /// Returns whether there was a value.
    pub(crate) fn forget_since(&self, since: Stamp) -> bool {
        let is_younger = |version: ColumnId| self.column(version).has_since(since);
        let are_versions_gone = self.version().is_some_and(is_younger);
        let is_any_gone = self.each().fold(false, |any, column| column.forget_since(since) | any);
        if are_versions_gone {
            self.forget_unversioned();
        }
        if self.noted.get() >= since {
            self.retain_counts(|_, counted| counted.changed < since);
            self.retain_absent(|_, absence| absence.since < since);
        }
        self.retain_unreadable(|_, _| false);
        self.note_rows();
        self.forget_dirty();
        is_any_gone
    }

    /// Makes a record's value of a column missing, unless it is dirty, and how many members were counted.
    pub(crate) fn forget_cell(&self, column: ColumnId, slot: Slot) {
        self.note_forgotten(column, Some(&[slot]));
        self.forget_count(column, slot);
        self.forget_unreadable_cell(column, slot);
        self.column(column).remove(slot);
    }

    /// The same of some records
    pub(crate) fn forget_cells(&self, column: ColumnId, slots: &[Slot]) {
        slots.iter().for_each(|&slot| self.forget_cell(column, slot));
    }

    /// Makes missing what is cached of a row that has come anew, but for the columns that it fills itself.
    pub(crate) fn forget_beside(&self, slot: Slot, filled: &[ColumnId]) {
        let columns = (0..self.columns.len()).map(ColumnId);
        columns.filter(|column| !filled.contains(column)).for_each(|column| self.forget_cell(column, slot));
    }

    /// Makes all clean values of a record missing, and forgets whether it exists.
    pub(crate) fn forget_record(&self, slot: Slot) {
        self.set_absent(slot, None);
        self.forget_beside(slot, &[]);
    }

    /// The same of some records
    pub(crate) fn forget_records(&self, slots: &Slots) {
        let mut pages: Vec<usize> = slots.iter().map(|&slot| slot.index() / PAGE).collect();
        pages.sort_unstable();
        pages.dedup();
        let all: Vec<Slot> = slots.iter().copied().collect();
        self.columns().for_each(|column| self.note_forgotten(column, Some(&all)));
        for (number, column) in self.columns.iter().enumerate() {
            let is_list = links::lists(&*column.cells).is_some();
            all.iter().filter(|_| is_list).for_each(|&slot| self.forget_count(ColumnId(number), slot));
            let drop = &mut |slot, _| slots.contains(&slot);
            pages.iter().for_each(|&page| {
                column.cells.remove_in_page(page, drop);
            });
        }
        all.iter().for_each(|&slot| self.set_absent(slot, None));
        if self.has_unreadable() {
            self.retain_unreadable(|_, slot| !slots.contains(&slot));
        }
    }

    /// Makes the values missing of records whose version is: whoever wrote them anew would do so on the ground of a
    /// version that is younger than what was read, and nobody would notice that somebody else wrote in between.
    pub(crate) fn forget_unversioned(&self) {
        let Some(version) = self.version() else { return };
        let mut known = SlotSet::default();
        self.column(version).each_slot(&mut |slot| {
            known.mark(slot);
        });
        for column in self.each_of_rows() {
            column.remove_where(&mut |slot, _| !known.has(slot));
        }
    }

    fn remove_where(&self, drop: &mut dyn FnMut(Slot, Stamp) -> bool) {
        self.each().for_each(|column| {
            column.remove_where(drop);
        });
    }

    // Limits

    pub(crate) fn is_resident(&self, slot: Slot) -> bool {
        self.resident.borrow().has(slot)
    }

    pub(crate) fn add_resident(&self, slot: Slot) {
        self.resident.borrow_mut().add(slot);
    }

    /// Adds a record that came with others, which nobody has read yet.
    pub(crate) fn add_unread(&self, slot: Slot, tick: u32) {
        self.resident.borrow_mut().add_unread(slot, tick);
    }

    /// Notes that a record is read; tells whether others of its page are yet to be.
    pub(crate) fn note_read(&self, slot: Slot, tick: u32) -> bool {
        self.resident.borrow_mut().note_read(slot, tick)
    }

    /// Notes the use of a value in a tick; returns whether there is one.
    pub(crate) fn touch(&self, column: ColumnId, slot: Slot, tick: u32) -> bool {
        let column = self.column(column);
        column.has(slot) && column.touch(slot, tick, self.note_read(slot, tick))
    }

    /// Counts a read that was answered by the cache, as a use in this tick.
    pub(crate) fn count_hit(&self, column: ColumnId, slot: Slot, tick: u32) {
        if !self.touch(column, slot, tick) {
            self.column(column).count_hit();
        }
    }

    /// What came and was not read yet
    pub(crate) fn unread(&self, out: &mut dyn FnMut(UnreadBatch)) {
        self.resident.borrow().unread().for_each(out);
    }

    /// How many records count against a limit
    pub(crate) fn residents(&self) -> usize {
        self.resident.borrow().count()
    }

    /// Counts them anew.
    pub(crate) fn count_residents(&self) {
        self.resident.borrow_mut().recount(|add| self.each().for_each(|column| column.each_slot(add)));
    }

    /// Calls with each page that holds records, and the tick of its last use.
    pub(crate) fn page_uses(&self, out: &mut dyn FnMut(usize, u32)) {
        let mut uses = vec![0; self.slots().div_ceil(PAGE)];
        for column in self.each() {
            column.each_use(&mut |page, tick| uses[page] = tick.max(uses[page]));
        }
        uses.into_iter().enumerate().filter(|&(_, tick)| tick > 0).for_each(|(page, tick)| out(page, tick));
    }

    /// Makes the clean values of a page missing, but for those that are yet to be read; returns of how many records.
    pub(crate) fn evict_page(&self, page: usize) -> usize {
        let resident = self.resident.borrow();
        self.retain_unreadable(|_, slot| slot.index() / PAGE != page);
        self.each().for_each(|column| {
            column.remove_in_page(page, &mut |slot, _| !resident.is_unread(slot));
        });
        drop(resident);
        self.resident.borrow_mut().retain_in_page(page, |slot| self.has_any(slot))
    }

    /// Makes the clean values of one record missing that came in a tick, the last that is to be read, if more than so many
    /// are; returns whether there was one, and whether nothing of it is left.
    pub(crate) fn evict_unread(&self, came: u32, keep: usize) -> Option<bool> {
        let slot = self.resident.borrow_mut().take_unread(came, keep)?;
        self.each().for_each(|column| {
            column.remove(slot);
        });
        let is_gone = !self.has_any(slot);
        if is_gone {
            self.resident.borrow_mut().remove(slot);
        }
        Some(is_gone)
    }

    fn has_any(&self, slot: Slot) -> bool {
        self.each().any(|column| column.has(slot))
    }

    /// Bytes that keys, counts and absences take
    pub(crate) fn key_bytes(&self) -> usize {
        let noted = self.absent.borrow().allocation_size() + self.unreadable.borrow().allocation_size();
        let beside = |column: &TableColumn| {
            let counts = column.counts.borrow().allocation_size() + column.arrivals.borrow().bytes();
            counts + column.contradicted.borrow().allocation_size() + column.reverse.borrow().bytes()
        };
        self.keys.bytes()
            + noted
            + self.alike.borrow().bytes()
            + self.created.borrow().bytes()
            + self.counted.borrow().as_ref().map_or(0, Slots::allocation_size)
            + self.columns.iter().map(beside).sum::<usize>()
    }

    /// Bytes that the values take
    pub(crate) fn value_bytes(&self) -> usize {
        self.each().map(AnyColumn::bytes).sum()
    }

    /// Those of them that go with the values
    pub(crate) fn evictable_bytes(&self) -> usize {
        self.each().map(|column| column.held().bytes).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key_bytes() + self.value_bytes()
    }

    /// How many records have a value in one of these columns
    pub(crate) fn records(&self, columns: &[ColumnId]) -> usize {
        let tally = &mut *self.tally.borrow_mut();
        let held = |page, columns: &[ColumnId]| {
            columns.iter().fold(0, |held, &column| held | self.column(column).held_in_page(page))
        };
        for column in self.each() {
            tally.recount(&column.take_touched(TouchedFor::Tally), held);
        }
        tally.of(columns, self.slots().div_ceil(PAGE), held)
    }

    /// Reads that found a value, and those that did not
    pub(crate) fn reads(&self) -> (usize, usize) {
        self.each().map(AnyColumn::reads).fold((0, 0), |(hits, misses), of| (hits + of.0, misses + of.1))
    }

    /// How many values are cached
    pub(crate) fn values(&self) -> usize {
        self.each().map(AnyColumn::count).sum()
    }

    // Links

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
            links::edit(&mut lists.borrow_mut(), edits, now, &|member| members.key_number(member), joining);
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

#[cfg(test)]
mod tests {
    use super::super::links::Link;
    use super::super::slot::{slot, slots};
    use super::*;

    fn at(time: Stamp) -> Moment {
        Moment { time, tick: time }
    }

    fn cells<V: Send + 'static>() -> Box<dyn AnyColumn> {
        Box::<RefCell<Column<V>>>::default()
    }

    /// A table with a column of numbers, one of links to itself, and one of lists
    fn table() -> (Table, [ColumnId; 3]) {
        let table = Table::new(Box::<RefCell<Keys<i32>>>::default(), &Arc::new(Signal::new(1)));
        let own = Some(TableId(0));
        let columns = [
            table.open_column("number".into(), &["number"], cells::<i32>(), None),
            table.open_column("parent".into(), &["parent"], cells::<Link>(), own),
            table.open_column("<parent".into(), &[], cells::<List>(), own),
        ];
        (table, columns)
    }

    fn fill(table: &Table, column: ColumnId, numbers: impl IntoIterator<Item = usize>, time: Stamp) {
        let cells = table.cells::<i32>(column);
        numbers.into_iter().for_each(|number| cells.borrow_mut().set(slot(number), at(time), number as i32));
    }

    #[test]
    fn a_column_of_one_name_and_type_is_one_and_of_another_type_a_twin() {
        let (table, [number, parent, _]) = table();
        assert_eq!(table.open_column("number".into(), &["number"], cells::<i32>(), None), number);
        let text = table.open_column("number".into(), &["number"], cells::<Str>(), None);
        let other = table.open_column("parent".into(), &["parent"], cells::<Link>(), Some(TableId(7)));
        assert_eq!((table.twins(number), table.twins(text)), (vec![text], vec![number]));
        assert_eq!((table.twins(parent), table.twins(other)), (vec![other], vec![parent]));
        assert_eq!(table.columns().count(), 5);
        // A link of several columns shows each of them.
        let both = table.open_column("number, parent".into(), &["number", "parent"], cells::<Link>(), None);
        assert_eq!(table.twins(both), [number, parent, text, other]);
        assert_eq!(table.twins(parent), [other, both]);
    }

    #[test]
    fn the_pages_that_were_used_longest_ago_can_leave_and_dirty_ones_stay() {
        let (table, [number, ..]) = table();
        (0..200).for_each(|key| assert_eq!(table.intern(key), slot(key as usize)));
        fill(&table, number, 0..64, 3);
        fill(&table, number, 64..128, 1);
        fill(&table, number, 128..200, 2);
        table.cells::<i32>(number).borrow_mut().write(slot(70), at(1), -1);
        table.note_dirty(slot(70));
        table.count_residents();
        let mut uses = Vec::new();
        table.page_uses(&mut |page, tick| uses.push((tick, page)));
        uses.sort_unstable();
        assert_eq!(uses, [(1, 1), (2, 2), (2, 3), (3, 0)]);
        assert_eq!((table.residents(), table.evict_page(1), table.residents()), (200, 63, 137));
        assert_eq!(table.cells::<i32>(number).borrow().get(slot(70)), Some(&-1));
        assert_eq!(table.dirty_by_columns().into_iter().collect::<Vec<_>>(), [(vec![number], slots([70]))]);
    }

    #[test]
    fn an_age_takes_absences_and_counts_too() {
        let (table, [number, _, lists]) = table();
        (1..4).for_each(|key| {
            table.intern(key);
        });
        fill(&table, number, [0, 1], 4);
        table.set_absent(slot(2), Some(5));
        table.set_counts(lists, 6, &slots([0, 1]), [(slot(0), 3), (slot(1), 0)].into_iter());
        assert_eq!([0, 2].map(|of| table.known_since(number, slot(of))), [Some(4), Some(5)]);
        table.expire(5);
        assert!(
            !table.column(number).has(slot(0))
                && table.is_absent(slot(2))
                && table.count_of(lists, slot(0)) == Some(3)
        );
        table.expire(7);
        assert!(!table.is_absent(slot(2)) && table.count_of(lists, slot(0)).is_none());
    }

    #[test]
    fn a_release_takes_the_links_beyond() {
        let (table, [number, parent, lists]) = table();
        (0..10).for_each(|key| {
            table.intern(key);
        });
        let links = table.cells::<Link>(parent);
        for (from, to) in [(0, 1), (1, 8), (9, 0)] {
            links.borrow_mut().set(slot(from), at(1), Link(slot(to)));
        }
        table.fill_lists(
            lists,
            at(1),
            [(slot(0), List(slots([1]).into())), (slot(1), List(slots([0, 9]).into()))].into_iter(),
        );
        fill(&table, number, [0, 9], 1);
        table.release(2, 5, Some(&|_| 5));
        let has = |column: ColumnId| {
            (0..10).filter(|&number| table.column(column).has(slot(number))).collect::<Vec<_>>()
        };
        assert_eq!((has(number), has(parent), has(lists), table.slots()), (vec![0], vec![0], vec![0], 5));
    }

    #[test]
    fn levels_begin_with_those_that_nobody_links_to_and_end_with_circles() {
        let (table, [_, parent, _]) = table();
        // 0 ← 1 ← 2, 1 ← 3, 4 ↔ 5 ← 6, 7, whose parent is none of them, and 0, which is its own
        for (from, to) in [(0, 0), (1, 0), (2, 1), (3, 1), (4, 5), (5, 4), (6, 5), (7, 9)] {
            table.cells::<Link>(parent).borrow_mut().set(slot(from), at(1), Link(slot(to)));
        }
        let levels = table.levels(TableId(0), &slots([0, 1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(levels, [vec![2, 3, 6, 7, 8], vec![1], vec![0], vec![4, 5]].map(slots));
        assert_eq!(table.levels(TableId(0), &slots([0, 1])), [[1], [0]].map(slots));
        assert_eq!(table.levels(TableId(1), &slots([0, 1])), [[0, 1]].map(slots));
    }

    #[test]
    fn an_unknown_link_counts_as_linking() {
        let (table, [_, parent, _]) = table();
        (0..4).for_each(|key| {
            table.intern(key);
        });
        let links = table.cells::<Link>(parent);
        for (from, to) in [(0, Link(slot(3))), (1, Link::NULL), (2, Link(slot(1)))] {
            links.borrow_mut().set(slot(from), at(1), to);
        }
        table.look_through();
        let to = |numbers: &[usize]| slots(numbers.iter().copied()).into_iter().collect::<Slots>();
        let linking = |members: &[usize], are_all: bool| {
            table.linking_to(TableId(0), &to(&[3]), &|_| (slots(members.iter().copied()), are_all))
        };
        // Where all lists are known nobody else is a member, but by a younger link.
        assert_eq!(linking(&[2], true), Some(to(&[0, 2])));
        assert_eq!(linking(&[2], false), Some(to(&[0, 2, 3])));
        // Whoever was told forgets it, so that nobody has to be told again, until something becomes known.
        assert_eq!(linking(&[], false), Some(to(&[0])));
        table.note_named(&to(&[2, 3]));
        assert_eq!(linking(&[], false), Some(to(&[0, 3])));
        assert_eq!(table.linking_to(TableId(1), &to(&[3]), &|_| (Vec::new(), false)), None);
    }
}
