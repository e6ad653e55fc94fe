//! What values were computed from: which cells were read for each, and which values go when one of these cells changes.
//!
//! Each cell that was read for a computed value has a chain of edges to those values. When the cell changes or leaves, the
//! chain is cut off and laid aside; before the next look at a computed value they all go, and so do those that were computed
//! from them. So a write pays for one look at its own cell, and a value that is cached is right.

use std::mem;
use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::column::Stamp;
use super::dependents::{Dependents, NONE, Signal};
use super::slot::{ColumnId, Slot, TableId};
use super::table::{Part, Written};

/// Edges that may be there before those that lead nowhere are looked for
const FEW_EDGES: usize = 1 << 12;

/// From a cell to a value that was computed from it
#[derive(Debug, Clone, Copy)]
struct Edge {
    computation: u32,
    /// The next one of the same cell
    next: u32,
}

/// The records whose value was computed
#[derive(Debug)]
enum Slots {
    One(Slot),
    // Twice in a box, as one is what most are, and there are many of them.
    Several(Box<Box<[Slot]>>),
}

impl Slots {
    fn all(&self) -> &[Slot] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Several(slots) => slots,
        }
    }
}

/// One call of a compute function
#[derive(Debug)]
struct Computation {
    /// The computed field, by its place in [`Computations::current`]
    field: u32,
    /// Of how many of the records the value is still the one that was computed here
    values: u32,
    /// How many edges lead here
    edges: u32,
    slots: Slots,
    /// Whether all that it read is as it was
    stands: bool,
    is_running: bool,
}

/// A computation that has not returned
#[derive(Debug)]
struct Running {
    computation: u32,
    /// When the oldest of what it has read was loaded
    oldest: Stamp,
    /// What it has read, where that is looked at when it returns and not kept
    reads: Option<Vec<Read>>,
}

/// What was read to compute a value that is stored
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    Part(TableId, Part, Slot),
    /// Whatever a search has found
    Search(String),
}

/// A field that is computed, and the record
pub(crate) type Target = (TableId, ColumnId, Slot);

/// What a computation has come to
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    /// When the oldest of what it has read was loaded
    pub(crate) oldest: Stamp,
    /// Whether all of that is still as it was
    pub(crate) stands: bool,
}

/// Of the tables that a computed field names, all that its function's searches depend on: columns; without one whether there are rows
pub(crate) type Narrowed = Arc<[(TableId, Option<ColumnId>)]>;

/// A search that something was computed from
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Search {
    /// No text: one that nobody knows
    pub(crate) text: String,
    pub(crate) narrowed: Option<Narrowed>,
}

impl Search {
    /// Whether it may find other rows, since a table was written that has this name, and a number if a model has named it
    pub(crate) fn follows(&self, name: &str, table: Option<TableId>, written: &Written) -> bool {
        let Some(narrowed) = &self.narrowed else { return self.text.is_empty() || self.text.contains(name) };
        let mut named = narrowed.iter().filter(|(of, _)| Some(*of) == table).peekable();
        if named.peek().is_none() {
            return !self.text.is_empty() && self.text.contains(name);
        }
        match written {
            Written::Rows => true,
            Written::Columns(columns) => {
                named.any(|(_, column)| column.is_some_and(|column| columns.contains(&column)))
            }
        }
    }
}

/// Gives the dependents of a part of a table to work on.
pub(crate) type Visit<'a> = &'a dyn Fn(TableId, Part, &mut dyn FnMut(&mut Dependents));

/// Which computed values are cached, and the way to them from what they were computed from
#[derive(Debug, Default)]
pub(crate) struct Computations {
    edges: Vec<Edge>,
    free_edges: Vec<u32>,
    computations: Vec<Computation>,
    free: Vec<u32>,
    /// By computed field the computation of each record's value
    current: IndexMap<(TableId, ColumnId), Vec<u32>, FixedState>,
    /// The computed field whose computation was begun last
    last_field: usize,
    running: Vec<Running>,
    /// Parts of tables that something was computed from
    inputs: Vec<(TableId, Part)>,
    /// The searches that something was computed from
    searches: IndexMap<Search, u32, FixedState>,
    /// So many edges call for a look for those that lead nowhere.
    crowded: usize,
}

impl Computations {
    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// How many computations have not returned
    pub(crate) fn depth(&self) -> usize {
        self.running.len()
    }

    /// Begins to compute a field of records.
    ///
    /// # Errors
    ///
    /// The computations that are asked for one of these values, and have asked for this one in turn.
    pub(crate) fn begin(
        &mut self,
        table: TableId,
        column: ColumnId,
        slots: &[Slot],
        is_stored: bool,
    ) -> Result<u32, Vec<Target>> {
        // Mostly it is the one that was computed last.
        let last = self.last_field;
        let field = match self.current.get_index(last) {
            Some((&known, _)) if known == (table, column) => last,
            _ => {
                let entry = self.current.entry((table, column));
                self.last_field = entry.index();
                entry.or_default();
                self.last_field
            }
        };
        for &slot in slots {
            let Some(&known) = self.current[field].get(slot.index()).filter(|&&known| known != NONE) else {
                continue;
            };
            if self.computations[known as usize].is_running {
                self.distrust();
                return Err(self.cycle_from(known));
            }
            // Its value has gone otherwise; those of others that were computed with it may be there.
            self.current[field][slot.index()] = NONE;
            let before = &mut self.computations[known as usize];
            before.values -= 1;
            if before.values == 0 {
                self.retire(known);
            }
        }
        let slots = match *slots {
            [slot] => Slots::One(slot),
            _ => Slots::Several(Box::new(slots.into())),
        };
        let values = slots.all().len() as u32;
        let new =
            Computation { field: field as u32, slots, values, edges: 0, stands: true, is_running: true };
        let id = match self.free.pop() {
            Some(id) => {
                self.computations[id as usize] = new;
                id
            }
            None => {
                self.computations.push(new);
                (self.computations.len() - 1) as u32
            }
        };
        let current = &mut self.current[field];
        for &slot in self.computations[id as usize].slots.all() {
            if current.len() <= slot.index() {
                current.resize(slot.index() + 1, NONE);
            }
            current[slot.index()] = id;
        }
        let reads = is_stored.then(Vec::new);
        self.running.push(Running { computation: id, oldest: Stamp::MAX, reads });
        Ok(id)
    }

    /// The running computations from one on
    fn cycle_from(&self, first: u32) -> Vec<Target> {
        let running = self.running.iter().skip_while(|running| running.computation != first);
        running.filter_map(|running| self.target(running.computation)).collect()
    }

    fn target(&self, id: u32) -> Option<Target> {
        // None of what is only computed ahead
        let Computation { field, slots, .. } = self.computations.get(id as usize)?;
        let (&(table, column), _) = self.current.get_index(*field as usize)?;
        Some((table, column, *slots.all().first()?))
    }

    /// What is being computed
    pub(crate) fn innermost(&self) -> Option<Target> {
        self.target(self.asking()?)
    }

    /// Begins to compute what nobody has asked for yet: what that reads, and what becomes of it, is nothing to those that are running.
    pub(crate) fn begin_ahead(&mut self) {
        self.running.push(Running { computation: NONE, oldest: Stamp::MAX, reads: None });
    }

    /// Goes on with those that were running before.
    pub(crate) fn end_ahead(&mut self) {
        self.running.pop();
    }

    /// Ends the innermost computation, which has returned.
    pub(crate) fn finish(&mut self) -> Option<Finished> {
        let Running { computation, oldest, .. } = self.running.pop()?;
        let this = &mut self.computations[computation as usize];
        this.is_running = false;
        let stands = this.stands;
        if !stands {
            self.release(computation);
            self.distrust();
        }
        Some(Finished { oldest, stands })
    }

    /// Ends the innermost computation, of a value that is stored, which has returned: tells what it has read.
    pub(crate) fn finish_stored(&mut self) -> Vec<Read> {
        let Some(Running { computation, reads, .. }) = self.running.pop() else { return Vec::new() };
        self.computations[computation as usize].is_running = false;
        self.retire(computation);
        self.release(computation);
        reads.unwrap_or_default()
    }

    /// Notes that what the innermost computation returns is not to be kept: it has seen what nobody can know later.
    pub(crate) fn distrust(&mut self) {
        if let Some(computation) = self.asking() {
            self.retire(computation);
        }
    }

    /// The innermost computation
    fn asking(&self) -> Option<u32> {
        Some(self.running.last()?.computation).filter(|&computation| computation != NONE)
    }

    /// Ends the innermost computation, which has failed.
    pub(crate) fn abandon(&mut self) {
        let Some(Running { computation, .. }) = self.running.pop() else { return };
        self.computations[computation as usize].is_running = false;
        self.retire(computation);
        self.release(computation);
        // Who goes on without the value has none that follows from it.
        self.distrust();
    }

    /// Whether the innermost computation is of a value that is stored, which tells what it has read
    pub(crate) fn records_reads(&self) -> bool {
        self.running.last().is_some_and(|running| running.reads.is_some())
    }

    /// Notes that the innermost computation has read a cell.
    pub(crate) fn note(
        &mut self,
        dependents: &mut Option<Box<Dependents>>,
        signal: &Arc<Signal>,
        input: (TableId, Part),
        slot: Slot,
        loaded: Stamp,
    ) {
        let Some(running) = self.running.last_mut().filter(|running| running.computation != NONE) else {
            return;
        };
        if let Some(reads) = &mut running.reads {
            running.oldest = running.oldest.min(loaded);
            let (table, part) = input;
            let read = Read::Part(table, part, slot);
            if reads.last() != Some(&read) {
                reads.push(read);
            }
            return;
        }
        let dependents = dependents.get_or_insert_with(|| {
            self.inputs.push(input);
            Box::new(Dependents::new(signal))
        });
        self.note_read(dependents, slot, loaded);
    }

    /// The same of a cell in a column that something was computed from before
    #[inline]
    pub(crate) fn note_read(&mut self, dependents: &mut Dependents, slot: Slot, loaded: Stamp) {
        if let Some(running) = self.running.last_mut().filter(|running| running.computation != NONE) {
            running.oldest = running.oldest.min(loaded);
            let id = running.computation;
            self.link(dependents.chain(slot), id);
        }
    }

    /// Notes that the innermost computation has searched.
    pub(crate) fn note_search(&mut self, signal: &Signal, search: Search, now: Stamp) {
        let Some(running) = self.running.last_mut().filter(|running| running.computation != NONE) else {
            return;
        };
        running.oldest = running.oldest.min(now);
        if let Some(reads) = &mut running.reads {
            reads.push(Read::Search(search.text));
            return;
        }
        let id = running.computation;
        signal.note_search();
        let entry = self.searches.entry(search);
        let place = entry.index();
        let mut chain = *entry.or_insert(NONE);
        self.link(&mut chain, id);
        self.searches[place] = chain;
    }

    #[inline]
    fn link(&mut self, chain: &mut u32, computation: u32) {
        if *chain != NONE && self.edges[*chain as usize].computation == computation {
            return;
        }
        let edge = Edge { computation, next: *chain };
        *chain = match self.free_edges.pop() {
            Some(free) => {
                self.edges[free as usize] = edge;
                free
            }
            None => {
                self.edges.push(edge);
                (self.edges.len() - 1) as u32
            }
        };
        self.computations[computation as usize].edges += 1;
    }

    /// Where something may have changed that was computed from
    pub(crate) fn inputs(&self) -> &[(TableId, Part)] {
        &self.inputs
    }

    /// Takes what was computed from cells that have changed; calls with each value that has to go.
    pub(crate) fn take_changed(&mut self, dependents: &mut Dependents, gone: &mut Vec<Target>) {
        for chain in dependents.take_cut() {
            self.cut(chain, gone);
        }
    }

    /// Takes what was computed from searches that may find other rows now.
    pub(crate) fn take_searches(&mut self, has_changed: &dyn Fn(&Search) -> bool, gone: &mut Vec<Target>) {
        for place in 0..self.searches.len() {
            let Some((search, chain)) = self.searches.get_index_mut(place) else { continue };
            if *chain != NONE && has_changed(search) {
                let chain = mem::replace(chain, NONE);
                self.cut(chain, gone);
            }
        }
    }

    fn cut(&mut self, chain: u32, gone: &mut Vec<Target>) {
        let mut next = chain;
        while next != NONE {
            let edge = next;
            let Edge { computation, next: after } = self.edges[edge as usize];
            next = after;
            if self.computations[computation as usize].stands {
                let Computation { field, slots, .. } = &self.computations[computation as usize];
                if let Some((&(table, column), current)) = self.current.get_index(*field as usize) {
                    let own = slots.all().iter().filter(|&&slot| current[slot.index()] == computation);
                    gone.extend(own.map(|&slot| (table, column, slot)));
                }
                self.retire(computation);
            }
            self.free_edge(edge);
        }
    }

    fn free_edge(&mut self, edge: u32) {
        let computation = self.edges[edge as usize].computation;
        self.free_edges.push(edge);
        self.computations[computation as usize].edges -= 1;
        self.release(computation);
    }

    /// Notes that a computation's values do not stand any more. Its edges stay until they are met.
    fn retire(&mut self, id: u32) {
        let Computation { field, slots, stands, .. } = &mut self.computations[id as usize];
        if !mem::replace(stands, false) {
            return;
        }
        let current = &mut self.current[*field as usize];
        for &slot in slots.all() {
            if current[slot.index()] == id {
                current[slot.index()] = NONE;
            }
        }
        self.release(id);
    }

    /// Frees a computation that nothing leads to any more.
    fn release(&mut self, id: u32) {
        let this = &mut self.computations[id as usize];
        if this.edges == 0 && !this.stands && !this.is_running {
            // Once: what is freed has no records.
            if !matches!(&this.slots, Slots::Several(slots) if slots.is_empty()) {
                this.slots = Slots::Several(Box::default());
                self.free.push(id);
            }
        }
    }

    fn edges_in_use(&self) -> usize {
        self.edges.len() - self.free_edges.len()
    }

    /// Whether there are so many edges that it is time to [`sweep`](Self::sweep)
    pub(crate) fn is_crowded(&self) -> bool {
        self.edges_in_use() > self.crowded.max(FEW_EDGES)
    }

    /// Frees the edges to values that are gone: what was evicted, and what was computed anew from other cells.
    pub(crate) fn sweep(&mut self, is_cached: &dyn Fn(Target) -> bool, visit: Visit<'_>) {
        for id in 0..self.computations.len() {
            let Computation { field, slots, stands, is_running, .. } = &self.computations[id];
            let Some((&(table, column), _)) = self.current.get_index(*field as usize) else { continue };
            let is_cached = |&slot: &Slot| is_cached((table, column, slot));
            if *stands && !is_running && !slots.all().iter().any(is_cached) {
                self.retire(id as u32);
            }
        }
        for (table, part) in self.inputs.clone() {
            visit(table, part, &mut |dependents| {
                dependents.chains().for_each(|chain| self.prune(chain));
            });
        }
        for place in 0..self.searches.len() {
            let mut chain = self.searches[place];
            self.prune(&mut chain);
            self.searches[place] = chain;
        }
        self.searches.retain(|_, chain| *chain != NONE);
        self.crowded = 3 * self.edges_in_use();
    }

    /// Takes those edges out of a chain that lead nowhere.
    fn prune(&mut self, chain: &mut u32) {
        let (mut next, mut last) = (mem::replace(chain, NONE), NONE);
        while next != NONE {
            let edge = next;
            let Edge { computation, next: after } = self.edges[edge as usize];
            next = after;
            if !self.computations[computation as usize].stands {
                self.free_edge(edge);
                continue;
            }
            match last {
                NONE => *chain = edge,
                last => self.edges[last as usize].next = edge,
            }
            self.edges[edge as usize].next = NONE;
            last = edge;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let current: usize = self.current.values().map(|slots| slots.capacity() * size_of::<u32>()).sum();
        let texts: usize = self.searches.keys().map(|search| search.text.capacity()).sum();
        self.edges.capacity() * size_of::<Edge>()
            + self.computations.capacity() * size_of::<Computation>()
            + (self.free_edges.capacity() + self.free.capacity()) * size_of::<u32>()
            + current
            + texts
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::{slot, slots};
    use super::*;

    const TABLE: TableId = TableId(0);
    const NAME: ColumnId = ColumnId(1);
    const SHOWN: ColumnId = ColumnId(7);

    /// A column that is read, and what is computed from it
    struct Cells {
        computed: Computations,
        name: Option<Box<Dependents>>,
        signal: Arc<Signal>,
    }

    impl Cells {
        fn new() -> Self {
            Self { computed: Computations::default(), name: None, signal: Arc::new(Signal::new(1)) }
        }

        fn begin(&mut self, column: ColumnId, numbers: &[usize]) -> Result<(), Vec<Target>> {
            self.computed.begin(TABLE, column, &slots(numbers.iter().copied()), false).map(drop)
        }

        fn read(&mut self, number: usize, loaded: Stamp) {
            let input = (TABLE, Part::Column(NAME));
            self.computed.note(&mut self.name, &self.signal, input, slot(number), loaded);
        }

        /// Computes a value from the cells of these slots.
        fn compute(&mut self, numbers: &[usize], from: &[usize]) -> bool {
            self.begin(SHOWN, numbers).expect("no cycle");
            from.iter().for_each(|&number| self.read(number, 5));
            self.computed.finish().is_some_and(|finished| finished.stands)
        }

        /// The records whose value goes when a cell changes
        fn change(&mut self, number: usize) -> Vec<usize> {
            let mut gone = Vec::new();
            if let Some(name) = &mut self.name {
                name.change(slot(number));
                self.computed.take_changed(name, &mut gone);
            }
            gone.into_iter().map(|(_, _, slot)| slot.index()).collect()
        }
    }

    #[test]
    fn what_was_computed_from_a_cell_goes_with_it_once() {
        let mut cells = Cells::new();
        assert!(cells.compute(&[1], &[1, 9]) && cells.compute(&[2], &[2, 9]));
        assert!(!cells.signal.has_changed());
        assert_eq!(cells.change(1), [1]);
        assert!(cells.signal.take_changed() && cells.signal.hit_tick() == 0);
        // The second one; the first one has gone before.
        assert_eq!(cells.change(9), [2]);
        assert!(cells.change(9).is_empty() && cells.change(3).is_empty());
    }

    #[test]
    fn a_value_that_was_computed_anew_follows_from_what_it_read_last() {
        let mut cells = Cells::new();
        cells.compute(&[1], &[1, 2]);
        cells.compute(&[1], &[3]);
        assert!(cells.change(1).is_empty() && cells.change(2).is_empty());
        assert_eq!(cells.change(3), [1]);
    }

    #[test]
    fn values_that_were_computed_together_outlive_one_of_them() {
        let mut cells = Cells::new();
        cells.compute(&[1, 2, 3], &[9]);
        cells.compute(&[2], &[8]);
        assert_eq!(cells.change(9), [1, 3]);
        assert_eq!(cells.change(8), [2]);
    }

    #[test]
    fn what_changes_while_it_is_read_is_not_kept() {
        let mut cells = Cells::new();
        cells.begin(SHOWN, &[1]).expect("no cycle");
        cells.read(9, 5);
        cells.change(9);
        assert!(cells.computed.finish().is_some_and(|finished| !finished.stands));
        // Nor what goes on without a value that has failed.
        cells.begin(SHOWN, &[2]).expect("no cycle");
        cells.begin(ColumnId(8), &[2]).expect("no cycle");
        cells.computed.abandon();
        assert!(cells.computed.finish().is_some_and(|finished| !finished.stands));
        assert!(!cells.computed.is_running());
    }

    #[test]
    fn a_value_is_as_old_as_the_oldest_that_it_follows_from() {
        let mut cells = Cells::new();
        cells.begin(SHOWN, &[1]).expect("no cycle");
        [7, 3, 9].into_iter().zip(0..).for_each(|(loaded, number)| cells.read(number, loaded));
        assert_eq!(cells.computed.finish().map(|finished| finished.oldest), Some(3));
    }

    #[test]
    fn a_cycle_is_told_from_where_it_begins() {
        let mut cells = Cells::new();
        cells.begin(ColumnId(6), &[5]).expect("no cycle");
        cells.begin(SHOWN, &[1]).expect("no cycle");
        cells.begin(SHOWN, &[2]).expect("no cycle");
        assert_eq!(cells.begin(SHOWN, &[1]), Err(vec![(TABLE, SHOWN, slot(1)), (TABLE, SHOWN, slot(2))]));
    }

    #[test]
    fn a_search_goes_with_the_tables_that_it_names() {
        let mut cells = Cells::new();
        for (number, text) in [(1, "SELECT * FROM orders"), (2, "SELECT * FROM lines"), (3, "")] {
            cells.begin(SHOWN, &[number]).expect("no cycle");
            let search = Search { text: text.to_owned(), narrowed: None };
            cells.computed.note_search(&cells.signal, search, 5);
            cells.computed.finish();
        }
        assert!(cells.signal.change_rows());
        let mut gone = Vec::new();
        let follows = |search: &Search| search.follows("orders", Some(TABLE), &Written::Rows);
        cells.computed.take_searches(&follows, &mut gone);
        let gone: Vec<Slot> = gone.into_iter().map(|(_, _, slot)| slot).collect();
        assert_eq!(gone, slots([1, 3]));
    }

    #[test]
    fn a_narrowed_search_follows_from_what_is_named() {
        let narrowed: Narrowed = [(TABLE, Some(NAME)), (TableId(1), None)].into();
        let search = |text: &str| Search { text: text.to_owned(), narrowed: Some(narrowed.clone()) };
        let (orders, unknown) = (search("SELECT * FROM orders, lines"), search(""));
        let columns = |column| Written::Columns(vec![column]);
        for search in [&orders, &unknown] {
            assert!(search.follows("orders", Some(TABLE), &Written::Rows));
            assert!(search.follows("orders", Some(TABLE), &columns(NAME)));
            assert!(!search.follows("orders", Some(TABLE), &columns(SHOWN)));
            // Of the other one only whether there are rows
            assert!(search.follows("others", Some(TableId(1)), &Written::Rows));
            assert!(!search.follows("others", Some(TableId(1)), &columns(NAME)));
        }
        // A table that is not named is followed as the text says.
        assert!(orders.follows("lines", Some(TableId(2)), &columns(NAME)));
        assert!(orders.follows("lines", None, &Written::Rows));
        assert!(!unknown.follows("lines", None, &Written::Rows));
    }

    #[test]
    fn edges_that_lead_nowhere_are_given_back() {
        let mut cells = Cells::new();
        // Computed again and again: of the cell that never changes all but the last edges lead nowhere.
        for _ in 0..2 * FEW_EDGES {
            cells.compute(&[1], &[1, 9]);
            assert_eq!(cells.change(1), [1]);
        }
        cells.compute(&[1], &[1, 9]);
        cells.compute(&[2], &[2, 9]);
        assert!(cells.computed.is_crowded());
        let name = std::cell::RefCell::new(cells.name.take());
        // The value of 2 has left the cache.
        cells.computed.sweep(&|(_, _, kept)| kept == slot(1), &|_, _, f| {
            f(name.borrow_mut().as_mut().expect("it was read"));
        });
        cells.name = name.into_inner();
        assert_eq!((cells.computed.edges_in_use(), cells.computed.is_crowded()), (2, false));
        assert_eq!(cells.change(9), [1]);
        assert_eq!(cells.computed.edges_in_use(), 1);
    }
}
