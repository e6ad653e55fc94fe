//! The rows of one table that an environment has met: their keys, their cells, and what else is known of each.

mod counts;
mod following;
mod limits;
mod lists;
mod missing;
mod rows;
mod waiting;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::aggregates::{Aggregates, Follower};
use super::alike::Alike;
use super::any_column::AnyColumn;
use super::arrivals::Arrivals;
use super::column::{Column, Stamp};
use super::created::Created;
use super::dependents::{Dependents, Signal};
use super::feeds::Feeds;
use super::frozen::Frozen;
use super::handover::GivenUp;
use super::keys::{AnyKeys, Keys};
use super::links;
use super::resident::Resident;
use super::reverse::Reverse;
use super::slot::{ColumnId, Slot, SlotSet, Slots, TableId};
use super::tally::Tally;
use crate::Str;
use crate::key::{Key, SortKey};
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

/// By column and slot
type Held = HashMap<(ColumnId, Slot), Box<dyn Any + Send>, FixedState>;

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
    /// What rows hold in cells that wait to be computed; nothing where that is not known, or not any more
    held: RefCell<Held>,
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
            held: RefCell::default(),
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

    #[inline]
    pub(super) fn entry(&self, column: ColumnId) -> &TableColumn {
        match self.columns.get(column.0) {
            Some(column) => column,
            None => unreachable!("no {column:?}"),
        }
    }

    #[inline]
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

    /// By what the database puts a key in order, if that is known
    pub(crate) fn sort_key(&self, slot: Slot) -> Option<SortKey> {
        self.keys.sort_key(slot)
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
}

#[cfg(test)]
mod tests {
    use super::super::column::Moment;
    use super::super::links::{Link, List};
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
