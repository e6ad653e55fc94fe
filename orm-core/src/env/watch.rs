//! What is sent again and again from one place of a program for one record each: a loop that one statement could do.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher;
use std::panic::Location;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::Repeated;
use crate::number::ModelId;
use crate::store::Slot;

/// Where a program calls: file, line and column
pub(crate) type Place = &'static Location<'static>;

/// So many times from one place are taken for a loop that could not be batched.
pub(super) const TOLERATED: usize = 10;

/// What brings or changes so many rows is a batch, such as a page or a part of an import.
pub(super) const MANY_ROWS: usize = 100;

/// So many places and statements at most are told apart.
const MOST_SPOTS: usize = 1 << 12;

/// What is done where
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    pub(super) place: Place,
    pub(super) work: Repeated,
    /// Empty for a statement that is no model's
    pub(super) model: &'static str,
    /// Empty where it is no field's
    pub(super) field: &'static str,
    /// The hash of the statement's text, where statements of other texts are other work
    text: u64,
}

impl Spot {
    pub(crate) fn new(at: Place, work: Repeated, model: &'static str, field: &'static str) -> Self {
        Self { place: at, work, model, field, text: 0 }
    }

    /// The same, of one text only
    pub(crate) fn with_text(self, text: &str) -> Self {
        Self { text: FixedState::default().hash_one(text), ..self }
    }
}

/// A record by its model's number and its slot
pub(crate) type Named = (ModelId, Slot);

/// The record that something is done for
#[derive(Debug, Clone, Copy)]
pub(crate) struct For {
    /// The record that it was reached from, along links; itself if that is none
    pub(crate) from: Named,
    pub(crate) record: Named,
}

impl For {
    pub(crate) fn record(model: ModelId, slot: Slot) -> Self {
        Self { from: (model, slot), record: (model, slot) }
    }
}

/// How often something was done in a row
#[derive(Debug, Clone, Copy)]
struct Run {
    times: usize,
    /// When the first time was, by the watch's own clock
    began: u64,
    last: Option<For>,
    was_told: bool,
}

/// What is done again and again, by place
#[derive(Debug, Default)]
pub(crate) struct Watch {
    runs: RefCell<HashMap<Spot, Run, FixedState>>,
    clock: Cell<u64>,
}

impl Watch {
    /// Notes that something is done once more; returns how often that was in a row.
    ///
    /// Who reads from record to record along their links cannot know the next one before, and who comes back to one record
    /// again and again waits for it, or shows how far it is: neither is a loop over records.
    pub(super) fn note(
        &self,
        spot: Spot,
        now: Option<For>,
        leads: impl FnOnce(Named, Named) -> bool,
    ) -> usize {
        let mut runs = self.runs.borrow_mut();
        if runs.len() >= MOST_SPOTS && !runs.contains_key(&spot) {
            runs.clear();
        }
        let run = runs.entry(spot).or_insert(Run { times: 0, began: 0, last: None, was_told: false });
        let goes_on = run.times > 0
            && run
                .last
                .zip(now)
                .is_some_and(|(last, now)| last.from == now.from || leads(last.record, now.record));
        if run.times == 0 {
            self.clock.set(self.clock.get() + 1);
            run.began = self.clock.get();
        }
        run.times += usize::from(!goes_on);
        run.last = now;
        run.times
    }

    /// Notes that the same was done for many records at once.
    pub(crate) fn note_batch(&self, spot: &Spot) {
        if let Some(run) = self.runs.borrow_mut().get_mut(spot) {
            run.times = 0;
        }
    }

    /// Whether nothing has been told of the place yet; it has now.
    pub(super) fn is_news(&self, spot: &Spot) -> bool {
        let mut runs = self.runs.borrow_mut();
        let is_known = runs.iter().any(|(known, run)| run.was_told && known.place == spot.place);
        runs.get_mut(spot).is_some_and(|run| !is_known && !std::mem::replace(&mut run.was_told, true))
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.get()
    }

    /// What began since then is over: it was a batch's, or is about to be tried again.
    pub(crate) fn begin_anew(&self, since: u64) {
        self.runs.borrow_mut().values_mut().filter(|run| run.began > since).for_each(|run| run.times = 0);
    }
}
