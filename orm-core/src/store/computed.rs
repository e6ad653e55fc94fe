//! What values were computed from: which cells were read for each, and which values go when one of these cells changes.
//!
//! A cell that was read for a computed value is marked. When it changes or leaves, it is laid aside; before the next look at a
//! computed value all that was computed from it goes, and so does what was computed from that. So a write pays for one look at
//! its own cell, and a value that is cached is right.
//!
//! A value that is computed anew mostly reads what it has read before: as long as it does, nothing new is noted.

use std::mem;
use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::column::Stamp;
use super::dependents::{Dependents, NONE, ROOM, Signal};
use super::notes::{Keep, Note, Notes, SEARCHES};
use super::slot::{Bits, ColumnId, Slot, SlotSet, TableId};
use super::table::{Part, Written};

/// So much may be noted before what is nobody's any more is looked for
const FEW: usize = 1 << 12;

/// From here on runs are counted from the beginning again: before there are too many for a mark
const MANY_RUNS: u32 = u32::MAX / 2;

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
    slots: Slots,
    /// Whether all that it read is as it was
    stands: bool,
    is_running: bool,
}

/// A computation that has not returned
#[derive(Debug)]
struct Running {
    computation: u32,
    /// What marks the cells that it reads
    run: u32,
    /// Up to where it has read what it read the last time, in the order of that; `NONE` if it goes its own way
    again: u32,
    /// Where its reads begin among those of all that run
    from: usize,
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
    notes: Notes,
    /// What those that run have read, but for what they have read again
    reads: Vec<Note>,
    computations: Vec<Computation>,
    free: Vec<u32>,
    /// By computed field the last computation of each record's value
    current: IndexMap<(TableId, ColumnId), Vec<u32>, FixedState>,
    /// The computed field whose computation was begun last
    last_field: usize,
    running: Vec<Running>,
    /// The last run
    run: u32,
    /// Parts of tables that something was computed from; the number of the first is one
    inputs: Vec<(TableId, Part)>,
    /// The searches that something was computed from, and the run that has noted each last
    searches: IndexMap<Search, u32, FixedState>,
    /// Values that have to go
    gone: Vec<Target>,
    /// So many notes call for a look for those that are nobody's.
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
        let id = match self.last_of(field, slots) {
            Some(known) if !is_stored => known,
            _ => self.begin_new(field, slots)?,
        };
        let this = &mut self.computations[id as usize];
        if this.is_running {
            self.distrust();
            return Err(self.cycle_from(id));
        }
        this.stands = true;
        this.is_running = true;
        let span = self.notes.span(id);
        let again = if span.is_empty() { NONE } else { span.start };
        self.run += 1;
        let reads = is_stored.then(Vec::new);
        let (run, from) = (self.run, self.reads.len());
        self.running.push(Running { computation: id, run, again, from, oldest: Stamp::MAX, reads });
        Ok(id)
    }

    /// The computation that has computed just these values before
    #[inline]
    fn last_of(&self, field: usize, slots: &[Slot]) -> Option<u32> {
        let current = &self.current[field];
        let id = *current.get(slots.first()?.index())?;
        let known = self.computations.get(id as usize)?;
        let are_the_same = match (slots, &known.slots) {
            ([slot], Slots::One(one)) => slot == one,
            (_, Slots::Several(several)) => ***several == *slots && known.values as usize == slots.len(),
            _ => false,
        };
        are_the_same.then_some(id)
    }

    #[inline(never)]
    fn begin_new(&mut self, field: usize, slots: &[Slot]) -> Result<u32, Vec<Target>> {
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
                self.give_up(known);
            }
        }
        let slots = match *slots {
            [slot] => Slots::One(slot),
            _ => Slots::Several(Box::new(slots.into())),
        };
        let values = slots.all().len() as u32;
        let new = Computation { field: field as u32, slots, values, stands: false, is_running: false };
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
                current.resize((slot.index() + 1).next_multiple_of(ROOM), NONE);
            }
            current[slot.index()] = id;
        }
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
        let (run, from) = (self.run, self.reads.len());
        let ahead = Running { computation: NONE, run, again: NONE, from, oldest: Stamp::MAX, reads: None };
        self.running.push(ahead);
    }

    /// Goes on with those that were running before.
    pub(crate) fn end_ahead(&mut self) {
        self.running.pop();
    }

    /// Ends the innermost computation, which has returned.
    pub(crate) fn finish(&mut self) -> Option<Finished> {
        let Running { computation, again, from, oldest, .. } = self.running.pop()?;
        let this = &mut self.computations[computation as usize];
        this.is_running = false;
        let stands = this.stands;
        if !stands {
            self.reads.truncate(from);
            self.release(computation);
            self.distrust();
        } else if again == NONE {
            self.notes.append(computation, &self.reads[from..]);
            self.reads.truncate(from);
        } else {
            self.notes.end_at(computation, again);
        }
        Some(Finished { oldest, stands })
    }

    /// Ends the innermost computation, of a value that is stored, which has returned: tells what it has read.
    pub(crate) fn finish_stored(&mut self) -> Vec<Read> {
        let Some(Running { computation, reads, .. }) = self.running.pop() else { return Vec::new() };
        self.computations[computation as usize].is_running = false;
        self.give_up(computation);
        reads.unwrap_or_default()
    }

    /// Notes that what the innermost computation returns is not to be kept: it has seen what nobody can know later.
    pub(crate) fn distrust(&mut self) {
        if let Some(computation) = self.asking() {
            self.computations[computation as usize].stands = false;
        }
    }

    /// The innermost computation
    fn asking(&self) -> Option<u32> {
        Some(self.running.last()?.computation).filter(|&computation| computation != NONE)
    }

    /// Ends the innermost computation, which has failed.
    pub(crate) fn abandon(&mut self) {
        let Some(Running { computation, from, .. }) = self.running.pop() else { return };
        self.reads.truncate(from);
        let this = &mut self.computations[computation as usize];
        this.is_running = false;
        this.stands = false;
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
            Box::new(Dependents::new(self.inputs.len() as u32, signal))
        });
        // What has changed before it is read now is nothing to who reads it.
        self.take_changed(dependents);
        self.note_read(dependents, slot, loaded);
    }

    /// The same of a cell in a column that something was computed from before, and of which none has changed
    #[inline]
    pub(crate) fn note_read(&mut self, dependents: &mut Dependents, slot: Slot, loaded: Stamp) {
        if let Some(running) = self.running.last_mut().filter(|running| running.computation != NONE) {
            running.oldest = running.oldest.min(loaded);
            if dependents.mark(slot, running.run) {
                self.keep(Note { input: dependents.input(), cell: slot.index() as u32 });
            }
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
        signal.note_search();
        let entry = self.searches.entry(search);
        let cell = entry.index() as u32;
        if mem::replace(entry.or_insert(NONE), running.run) != running.run {
            self.keep(Note { input: SEARCHES, cell });
        }
    }

    /// Keeps what the innermost computation has read, unless it has read it at this place before.
    #[inline]
    fn keep(&mut self, note: Note) {
        let Some(running) = self.running.last_mut() else { return };
        if self.notes.is_at(running.again, note) {
            running.again += 1;
        } else {
            self.keep_new(note);
        }
    }

    fn keep_new(&mut self, note: Note) {
        let Some(running) = self.running.last_mut() else { return };
        if running.again != NONE {
            // From here on it is another way than the last time.
            let again = mem::replace(&mut running.again, NONE);
            self.reads.extend_from_slice(self.notes.forget(running.computation, again));
        }
        self.reads.push(note);
    }

    /// Where something may have changed that was computed from
    pub(crate) fn inputs(&self) -> &[(TableId, Part)] {
        &self.inputs
    }

    /// Finds what was computed from cells that have changed: [`take_gone`](Self::take_gone).
    #[inline]
    pub(crate) fn take_changed(&mut self, dependents: &mut Dependents) {
        if dependents.has_cut() {
            self.cut(dependents.input(), &dependents.take_cut());
        }
    }

    /// Finds what was computed from searches that may find other rows now.
    pub(crate) fn take_searches(&mut self, has_changed: &dyn Fn(&Search) -> bool) {
        let mut changed = Vec::new();
        for (place, (search, run)) in self.searches.iter_mut().enumerate() {
            if *run != NONE && has_changed(search) {
                *run = NONE;
                changed.push(Slot::at(place));
            }
        }
        if !changed.is_empty() {
            self.cut(SEARCHES, &changed);
        }
    }

    /// The values that have to go
    pub(crate) fn take_gone(&mut self) -> Vec<Target> {
        mem::take(&mut self.gone)
    }

    #[cold]
    fn cut(&mut self, input: u32, cells: &[Slot]) {
        let Self { notes, computations, current, running, gone, .. } = self;
        let mut given_up = Vec::new();
        notes.index();
        for slot in cells {
            notes.follow(Note { input, cell: slot.index() as u32 }, |id, place| {
                let this = &mut computations[id as usize];
                if this.is_running {
                    // What it has read the last time is nothing to it before it is read again.
                    let running = running.iter().rfind(|running| running.computation == id);
                    this.stands &= running.is_some_and(|running| place >= running.again);
                    return Keep::Edge;
                }
                if !mem::replace(&mut this.stands, false) {
                    // It has not been computed since another change.
                    given_up.push(id);
                    return Keep::Nothing;
                }
                if let Some((&(table, column), current)) = current.get_index(this.field as usize) {
                    let own = this.slots.all().iter().filter(|&&slot| current[slot.index()] == id);
                    gone.extend(own.map(|&slot| (table, column, slot)));
                }
                Keep::Edge
            });
        }
        given_up.into_iter().for_each(|id| self.give_up(id));
        self.cut_running(input, cells);
    }

    /// The same of what those have read that run
    fn cut_running(&mut self, input: u32, cells: &[Slot]) {
        if self.reads.is_empty() {
            return;
        }
        let changed = SlotSet::of(cells.iter().copied());
        let mut to = self.reads.len();
        for running in self.running.iter().rev() {
            let reads = &self.reads[running.from..to];
            let is_changed = |note: &Note| note.input == input && changed.has(Slot::at(note.cell as usize));
            if reads.iter().any(is_changed) {
                self.computations[running.computation as usize].stands = false;
            }
            to = running.from;
        }
    }

    /// Forgets what a computation has read that does not run.
    fn give_up(&mut self, id: u32) {
        self.computations[id as usize].stands = false;
        self.notes.forget(id, 0);
        self.release(id);
    }

    /// Frees a computation that nothing leads to any more.
    fn release(&mut self, id: u32) {
        let this = &mut self.computations[id as usize];
        if this.stands || this.is_running || !self.notes.span(id).is_empty() {
            return;
        }
        // Once: what is freed has no records.
        let slots = mem::replace(&mut this.slots, Slots::Several(Box::default()));
        if slots.all().is_empty() {
            return;
        }
        let current = &mut self.current[this.field as usize];
        for &slot in slots.all() {
            if current[slot.index()] == id {
                current[slot.index()] = NONE;
            }
        }
        self.free.push(id);
    }

    /// How much is kept, be it somebody's or not
    fn noted(&self) -> usize {
        self.notes.len() + self.computations.len() + self.searches.len()
    }

    /// Whether so much is noted that it may be time to [`sweep`](Self::sweep)
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.noted() > self.crowded.max(FEW) || self.run > MANY_RUNS
    }

    /// The fields that were computed
    pub(crate) fn fields(&self) -> impl Iterator<Item = (TableId, ColumnId)> + '_ {
        self.current.keys().copied()
    }

    /// Puts the [`sweep`](Self::sweep) off if most is in use, so many values being cached; tells whether it did.
    pub(crate) fn put_off(&mut self, cached: usize) -> bool {
        let are_used = self.computations.len() - self.free.len() <= 2 * cached;
        let is_soon = self.run > MANY_RUNS || self.notes.are_mostly_dead() || !are_used;
        if !is_soon {
            self.crowded = 2 * self.noted();
        }
        !is_soon
    }

    /// Frees what belongs to values that are gone: what was evicted, and what was computed anew from other cells.
    pub(crate) fn sweep(&mut self, is_cached: &dyn Fn(Target) -> bool, visit: Visit<'_>) {
        for id in 0..self.computations.len() {
            let Computation { field, slots, stands, is_running, .. } = &self.computations[id];
            let Some((&(table, column), _)) = self.current.get_index(*field as usize) else { continue };
            let is_cached = |&slot: &Slot| is_cached((table, column, slot));
            let is_used = *is_running || *stands && slots.all().iter().any(is_cached);
            if !is_used {
                self.give_up(id as u32);
            }
        }
        for running in self.running.iter_mut().filter(|running| running.again != NONE) {
            running.again -= self.notes.span(running.computation).start;
        }
        self.notes.compact();
        for running in self.running.iter_mut().filter(|running| running.again != NONE) {
            running.again += self.notes.span(running.computation).start;
        }
        self.number_searches();
        if self.run > MANY_RUNS {
            self.run = 0;
            self.searches.values_mut().filter(|run| **run != NONE).for_each(|run| *run = 0);
            for (table, part) in self.inputs.clone() {
                visit(table, part, &mut Dependents::forget_runs);
            }
        }
        self.crowded = 3 * (self.noted() - self.free.len());
    }

    /// Forgets the searches that nothing was computed from; those that are left are numbered anew.
    fn number_searches(&mut self) {
        if self.searches.is_empty() {
            return;
        }
        let mut used = Bits::default();
        for note in self.notes.all().chain(&mut self.reads).filter(|note| note.input == SEARCHES) {
            used.mark(note.cell as usize);
        }
        let (mut numbers, mut kept) = (Vec::with_capacity(self.searches.len()), 0);
        self.searches.retain(|_, _| {
            let is_used = used.has(numbers.len());
            numbers.push(kept);
            kept += u32::from(is_used);
            is_used
        });
        for note in self.notes.all().chain(&mut self.reads).filter(|note| note.input == SEARCHES) {
            note.cell = numbers[note.cell as usize];
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let current: usize = self.current.values().map(|slots| slots.capacity() * size_of::<u32>()).sum();
        let texts: usize = self.searches.keys().map(|search| search.text.capacity()).sum();
        self.notes.bytes()
            + self.reads.capacity() * size_of::<Note>()
            + self.computations.capacity() * size_of::<Computation>()
            + self.free.capacity() * size_of::<u32>()
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
            if let Some(name) = &mut self.name {
                name.change(slot(number));
                self.computed.take_changed(name);
            }
            self.computed.take_gone().into_iter().map(|(_, _, slot)| slot.index()).collect()
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
        let follows = |search: &Search| search.follows("orders", Some(TABLE), &Written::Rows);
        cells.computed.take_searches(&follows);
        let gone: Vec<Slot> = cells.computed.take_gone().into_iter().map(|(_, _, slot)| slot).collect();
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

    impl Cells {
        /// Gives back what is nobody's; the values of these slots are cached.
        fn sweep(&mut self, cached: &[usize]) {
            let name = std::cell::RefCell::new(self.name.take());
            self.computed.sweep(&|(_, _, kept)| cached.contains(&kept.index()), &|_, _, f| {
                f(name.borrow_mut().as_mut().expect("it was read"));
            });
            self.name = name.into_inner();
        }
    }

    #[test]
    fn what_is_read_again_is_not_noted_again() {
        let mut cells = Cells::new();
        cells.compute(&[1], &[1, 9, 9, 2]);
        let noted = cells.computed.notes.len();
        for _ in 0..10 {
            assert_eq!(cells.change(9), [1]);
            cells.compute(&[1], &[1, 9, 2, 2]);
        }
        cells.compute(&[1], &[1, 9, 2]);
        assert_eq!(cells.computed.notes.len(), noted);
        // Less than before: what it did not read again is nothing to it any more, also when another reads more.
        cells.compute(&[1], &[1]);
        assert!(cells.change(9).is_empty() && cells.change(2).is_empty());
        cells.compute(&[1], &[1, 9]);
        assert_eq!(cells.change(9), [1]);
        assert!(cells.change(2).is_empty() && cells.change(1).is_empty());
    }

    #[test]
    fn what_was_read_before_and_not_yet_again_may_change() {
        let mut cells = Cells::new();
        cells.compute(&[1], &[1, 9]);
        cells.begin(SHOWN, &[1]).expect("no cycle");
        cells.read(1, 5);
        cells.change(9);
        cells.read(9, 6);
        assert!(cells.computed.finish().is_some_and(|finished| finished.stands));
        assert_eq!(cells.change(9), [1]);
        // What it has read again may not.
        cells.begin(SHOWN, &[1]).expect("no cycle");
        cells.read(1, 5);
        cells.change(1);
        cells.read(9, 6);
        assert!(cells.computed.finish().is_some_and(|finished| !finished.stands));
    }

    #[test]
    fn what_is_computed_within_another_does_not_mix_with_it() {
        let mut cells = Cells::new();
        for _ in 0..3 {
            cells.begin(SHOWN, &[1]).expect("no cycle");
            cells.read(1, 5);
            cells.compute(&[2], &[2, 9]);
            cells.read(3, 5);
            assert!(cells.computed.finish().is_some_and(|finished| finished.stands));
        }
        assert_eq!(cells.change(9), [2]);
        assert!(cells.change(2).is_empty());
        assert_eq!(cells.change(3), [1]);
    }

    #[test]
    fn a_look_for_what_is_nobodys_leaves_what_runs_alone() {
        let mut cells = Cells::new();
        cells.compute(&[1], &[1, 9, 3]);
        cells.compute(&[2], &[2, 9]);
        cells.begin(SHOWN, &[1]).expect("no cycle");
        cells.read(1, 5);
        cells.begin(ColumnId(8), &[5]).expect("no cycle");
        cells.read(8, 5);
        // The value of 2 has left the cache.
        cells.sweep(&[]);
        cells.read(7, 5);
        assert!(cells.computed.finish().is_some_and(|finished| finished.stands));
        cells.read(9, 5);
        cells.read(3, 5);
        assert!(cells.computed.finish().is_some_and(|finished| finished.stands));
        assert!(cells.change(2).is_empty());
        assert_eq!((cells.change(8), cells.change(9)), (vec![5], vec![1]));
    }

    #[test]
    fn notes_that_are_nobodys_are_given_back() {
        let mut cells = Cells::new();
        // Computed again and again, each time from others
        for number in 0..FEW {
            cells.compute(&[1], &[number, 9]);
        }
        cells.compute(&[1], &[1, 9]);
        cells.compute(&[2], &[2, 9]);
        assert!(cells.computed.is_crowded());
        // The value of 2 has left the cache.
        cells.sweep(&[1]);
        assert_eq!((cells.computed.notes.len(), cells.computed.is_crowded()), (3, false));
        assert_eq!(cells.change(9), [1]);
        // Its computation is the one that is left, to be taken up again.
        cells.compute(&[1], &[1, 9]);
        assert_eq!((cells.computed.notes.len(), cells.computed.free.len()), (3, 1));
    }

    #[test]
    fn the_look_for_what_is_nobodys_is_put_off_while_most_is_in_use() {
        let mut cells = Cells::new();
        (0..FEW).for_each(|number| {
            cells.compute(&[number], &[number, FEW]);
        });
        assert!(cells.computed.is_crowded());
        assert!(!cells.computed.put_off(FEW / 3) && cells.computed.is_crowded());
        assert!(cells.computed.put_off(FEW) && !cells.computed.is_crowded());
        // Computed anew, each time from others
        (0..3 * FEW).for_each(|number| {
            cells.compute(&[number % FEW], &[number % 7 + FEW]);
        });
        assert!(cells.computed.is_crowded() && !cells.computed.put_off(FEW));
    }

    #[test]
    fn a_value_that_reads_something_each_other_time_leaves_no_notes_behind() {
        let mut cells = Cells::new();
        for _ in 0..10 * FEW {
            cells.compute(&[1], &[1]);
            cells.compute(&[1], &[]);
            if cells.computed.is_crowded() && !cells.computed.put_off(1) {
                cells.sweep(&[1]);
            }
        }
        assert!(cells.computed.notes.len() <= 2 * FEW, "{}", cells.computed.notes.len());
    }

    #[test]
    fn runs_are_counted_anew_before_there_are_too_many() {
        let mut cells = Cells::new();
        cells.compute(&[1], &[1, 9]);
        cells.computed.run = MANY_RUNS;
        cells.compute(&[2], &[9]);
        assert!(cells.computed.is_crowded());
        cells.sweep(&[1, 2]);
        assert!(!cells.computed.is_crowded());
        // The first run of the new count, as the first of all was
        cells.compute(&[3], &[1, 9]);
        assert_eq!(cells.change(1), [3, 1]);
        assert_eq!(cells.change(9), [2]);
    }
}
