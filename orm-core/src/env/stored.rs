//! Fields that are computed and stored: what they follow from, and whose value is not what the database holds.
//!
//! The model that has such a field says by names what it follows from; here these are steps back: from rows that have changed to the
//! records whose value follows from them. Tables note changes only where somebody watches, so nobody else pays.

use std::cell::{Cell, RefCell};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::backend::Connection;
use crate::model::AnyModel;
use crate::number::FieldId;
use crate::store::{Bits, ColumnId, Frozen, Link, Slot, SlotSet, Stamp, TableId};

/// A field that is computed and stored
pub(crate) struct Rule<C: Connection> {
    pub(crate) model: &'static dyn AnyModel<C>,
    pub(crate) field: FieldId,
    pub(crate) table: TableId,
    pub(crate) column: ColumnId,
    /// Whether it is a link
    pub(crate) is_link: bool,
    /// What it may read besides the record's own columns
    pub(super) allowed: Vec<Allowed>,
    /// Why what it declares does not do
    pub(super) fault: RefCell<Option<String>>,
}

/// What may be read to compute a field
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) table: TableId,
    /// Its columns in the database; none of a list
    pub(super) columns: &'static [&'static str],
    /// The list's column
    pub(super) list: Option<ColumnId>,
    /// The links that lead to the table
    pub(super) path: &'static [&'static str],
}

/// A step from rows to those that lead to them
#[derive(Debug, Clone, Copy)]
pub(crate) enum Back<C: Connection> {
    /// Rows whose to-one link leads there: their model, and the link's columns
    Linking { owners: &'static dyn AnyModel<C>, columns: &'static [&'static str] },
    /// What a link of the rows themselves leads to: the columns, and the field, if the model has one of them
    Linked { owners: &'static dyn AnyModel<C>, columns: &'static [&'static str], field: Option<FieldId> },
    /// Those on the other side of a join table
    Paired {
        owners: &'static dyn AnyModel<C>,
        join: usize,
        own: &'static [&'static str],
        other: &'static [&'static str],
        /// Whether a pair counts either way
        is_symmetric: bool,
    },
}

/// The way back from rows of a model's table to the records whose values follow from them
pub(crate) struct Route<C: Connection> {
    pub(crate) model: &'static dyn AnyModel<C>,
    /// The step back, and the route from there; `None`: these are the records
    pub(crate) step: Option<(Back<C>, usize)>,
    pub(crate) length: usize,
}

/// Rows that a field follows from
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) rule: usize,
    pub(crate) route: usize,
}

/// The pairs of a join table that a field follows from
#[derive(Debug, Clone, Copy)]
pub(super) struct PairSource {
    pub(super) join: usize,
    pub(super) own: &'static [&'static str],
    pub(super) other: &'static [&'static str],
    pub(super) is_symmetric: bool,
    pub(super) source: Source,
    /// The join table's own model, if one was used
    pub(super) watched: Option<TableId>,
}

/// How what waits is computed
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Nothing,
    /// Before anything is sent: what only the database can answer interrupts it
    Before,
    /// The same, and something was asked that only the database can answer
    Interrupted,
    /// What it follows from was sent
    Sent,
}

/// A value that waits to be computed
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Where a link led to that nobody knows any more
    pub(crate) led: Option<Led>,
    /// Behind how many others it is computed
    rank: usize,
}

/// Where a link led to before it was to be computed
#[derive(Debug, Clone, Copy)]
pub(crate) struct Led {
    pub(crate) link: Link,
    /// Since when that was known
    pub(crate) since: Stamp,
}

/// By slot, in the order in which it was found out
type Due = IndexMap<Slot, Waiting, FixedState>;

/// The records of a field that wait to be computed
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) rank: usize,
    pub(crate) rule: usize,
    pub(crate) slots: Vec<Slot>,
}

/// The fields that are computed and stored, of the models that are known
pub(crate) struct StoredFields<C: Connection> {
    pub(super) rules: Frozen<Rule<C>>,
    pub(super) routes: Frozen<Route<C>>,
    pub(super) sources: RefCell<Vec<Source>>,
    pub(super) pairs: RefCell<Vec<PairSource>>,
    /// By rule
    due: RefCell<IndexMap<usize, Due, FixedState>>,
    /// Rows, noted beside what the tables note
    noted: RefCell<Vec<(Source, Vec<Slot>)>>,
    /// The numbers of the models whose fields are known
    pub(super) known: RefCell<Bits>,
    /// Models whose fields are to be learned, once no model is being opened
    pub(super) unlearned: RefCell<Vec<&'static dyn AnyModel<C>>>,
    pub(super) opening: Cell<usize>,
    mode: Cell<Mode>,
    is_putting: Cell<bool>,
    /// Whether no read of what may follow from rows that have changed is a hit
    is_doubted: Cell<bool>,
}

impl<C: Connection> Default for StoredFields<C> {
    fn default() -> Self {
        Self {
            rules: Frozen::default(),
            routes: Frozen::default(),
            sources: RefCell::default(),
            pairs: RefCell::default(),
            due: RefCell::default(),
            noted: RefCell::default(),
            known: RefCell::default(),
            unlearned: RefCell::default(),
            opening: Cell::default(),
            mode: Cell::default(),
            is_putting: Cell::default(),
            is_doubted: Cell::default(),
        }
    }
}

/// Goes back to what it was when this is dropped, also by a panic.
pub(crate) struct During<'a, T: Copy>(&'a Cell<T>, T);

impl<T: Copy> Drop for During<'_, T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

impl<C: Connection> StoredFields<C> {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.len() == 0
    }

    pub(crate) fn rule(&self, number: usize) -> Option<&Rule<C>> {
        self.rules.get(number)
    }

    pub(crate) fn route(&self, number: usize) -> Option<&Route<C>> {
        self.routes.get(number)
    }

    pub(crate) fn source(&self, number: usize) -> Option<Source> {
        self.sources.borrow().get(number).copied()
    }

    /// The step back from rows that a field follows from, and the route from there; `None` from its own
    pub(crate) fn step(&self, source: Source) -> Option<&(Back<C>, usize)> {
        self.routes.get(source.route)?.step.as_ref()
    }

    /// The field that a column of a table is, by its number
    pub(crate) fn rule_of(&self, table: TableId, column: ColumnId) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        self.rules.iter().position(|rule| rule.table == table && rule.column == column)
    }

    /// Whether what waits is being computed, and how
    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// Computes in this way until the result is dropped.
    pub(crate) fn computing(&self, mode: Mode) -> During<'_, Mode> {
        During(&self.mode, self.mode.replace(mode))
    }

    /// Notes that what is being computed asks for what only the database can answer.
    pub(super) fn interrupt(&self) {
        self.mode.set(Mode::Interrupted);
    }

    /// Puts a value that was computed, until the result is dropped: what follows from it is known already.
    pub(crate) fn putting(&self) -> During<'_, bool> {
        During(&self.is_putting, self.is_putting.replace(true))
    }

    pub(crate) fn is_putting(&self) -> bool {
        self.is_putting.get()
    }

    /// Whether values wait to be computed
    pub(crate) fn has_due(&self) -> bool {
        !self.due.borrow().is_empty()
    }

    /// Whether links by these columns of a table wait to be computed
    pub(crate) fn has_due_link(&self, table: TableId, columns: &[&str]) -> bool {
        let due = self.due.borrow();
        let mut rules = due.keys().filter_map(|&rule| self.rule(rule));
        rules.any(|rule| {
            rule.is_link && rule.table == table && rule.model.fields()[rule.field.0].columns == columns
        })
    }

    /// Whether links wait to be computed
    pub(crate) fn has_due_links(&self) -> bool {
        self.due.borrow().keys().any(|&rule| self.rule(rule).is_some_and(|rule| rule.is_link))
    }

    /// Where a link led to that waits to be computed, if it was known
    pub(crate) fn led(&self, rule: usize, slot: Slot) -> Option<Led> {
        self.due.borrow().get(&rule)?.get(&slot)?.led
    }

    /// Whether values of a table wait to be computed
    pub(crate) fn has_due_in(&self, table: TableId) -> bool {
        self.due.borrow().keys().any(|&rule| self.rule(rule).is_some_and(|rule| rule.table == table))
    }

    /// How many values wait to be computed
    pub(crate) fn count_due(&self) -> usize {
        self.due.borrow().values().map(IndexMap::len).sum()
    }

    /// Whether any value of a table's row waits to be computed
    pub(crate) fn waits(&self, table: TableId, slot: Slot) -> bool {
        let due = self.due.borrow();
        due.iter().any(|(&rule, due)| {
            due.contains_key(&slot) && self.rule(rule).is_some_and(|rule| rule.table == table)
        })
    }

    /// Whether a record waits to be computed
    pub(crate) fn is_due(&self, rule: usize, slot: Slot) -> bool {
        self.due.borrow().get(&rule).is_some_and(|due| due.contains_key(&slot))
    }

    /// The records whose value in a column of a table waits to be computed, if any
    pub(crate) fn waiting(&self, table: TableId, column: ColumnId) -> Option<SlotSet> {
        self.due_slots(self.rule_of(table, column)?)
    }

    /// The records that wait to be computed, if any
    pub(crate) fn due_slots(&self, rule: usize) -> Option<SlotSet> {
        Some(SlotSet::of(self.due.borrow().get(&rule)?.keys().copied()))
    }

    /// Notes that a record waits to be computed, behind so many others, and where a link led to; tells whether it has to wait for more
    /// than was known.
    pub(crate) fn set_due(
        &self,
        rule: usize,
        slot: Slot,
        rank: usize,
        led: impl FnOnce() -> Option<Led>,
    ) -> bool {
        let mut all = self.due.borrow_mut();
        let due = all.entry(rule).or_default();
        match due.get_mut(&slot) {
            Some(waiting) if waiting.rank >= rank => false,
            Some(waiting) => {
                waiting.rank = rank;
                true
            }
            None => {
                due.insert(slot, Waiting { led: led(), rank });
                true
            }
        }
    }

    /// A record waits no more; gives what was known of it.
    pub(crate) fn take_due(&self, rule: usize, slot: Slot) -> Option<Waiting> {
        let mut all = self.due.borrow_mut();
        let due = all.get_mut(&rule)?;
        let waiting = due.swap_remove(&slot)?;
        if due.is_empty() {
            all.swap_remove(&rule);
        }
        Some(waiting)
    }

    /// A record waits that was taken before.
    pub(crate) fn wait_on(&self, rule: usize, slot: Slot, waiting: Waiting) {
        self.due.borrow_mut().entry(rule).or_default().entry(slot).or_insert(waiting);
    }

    /// All that wait, those first that others wait for
    pub(crate) fn rounds(&self) -> Vec<Round> {
        let mut rounds: IndexMap<(usize, usize), Vec<Slot>, FixedState> = IndexMap::default();
        for (&rule, due) in &*self.due.borrow() {
            for (&slot, waiting) in due {
                rounds.entry((waiting.rank, rule)).or_default().push(slot);
            }
        }
        rounds.sort_unstable_keys();
        rounds.into_iter().map(|((rank, rule), slots)| Round { rank, rule, slots }).collect()
    }

    /// Has these wait, and no others; what the database holds is not known.
    pub(crate) fn restore(&self, rounds: Vec<Round>) {
        self.forget_waiting();
        for Round { rank, rule, slots } in rounds {
            slots.into_iter().for_each(|slot| {
                self.set_due(rule, slot, rank, || None);
            });
        }
    }

    /// Forgets whatever waits to be computed.
    pub(crate) fn forget_due(&self) {
        self.due.borrow_mut().clear();
    }

    /// Forgets all that waits.
    pub(crate) fn forget_waiting(&self) {
        self.is_doubted.set(false);
        self.due.borrow_mut().clear();
        self.noted.borrow_mut().clear();
    }

    /// Records of a table that wait for nothing any more: their rows are gone.
    pub(crate) fn forget_rows(&self, table: TableId, slots: &[Slot]) {
        for (number, _) in self.rules.iter().enumerate().filter(|(_, rule)| rule.table == table) {
            slots.iter().for_each(|&slot| {
                self.take_due(number, slot);
            });
        }
    }

    /// Notes that what may follow from rows that have changed is doubted; tells whether it was already.
    pub(super) fn doubt(&self) -> bool {
        self.is_doubted.replace(true)
    }

    /// Notes rows that a field follows from.
    pub(crate) fn note(&self, source: Source, slots: Vec<Slot>) {
        self.noted.borrow_mut().push((source, slots));
    }

    pub(crate) fn take_noted(&self) -> Vec<(Source, Vec<Slot>)> {
        self.is_doubted.set(false);
        self.noted.take()
    }
}
