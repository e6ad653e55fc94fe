//! Which rows of a table have changed that stored values follow from, since somebody has looked.

use super::slot::{Slot, SlotSet};

/// What of a table's rows stored values follow from
#[derive(Debug, Clone)]
pub(crate) enum Watched {
    /// Columns of the database by name, and whether rows come
    Columns(&'static [&'static str], Rows),
    /// All columns of the database but these, and rows that come
    AllBut(Box<[&'static str]>),
}

/// Whether rows that come and go count besides the columns
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    ComeAndGo,
    Go,
    Neither,
}

/// What has become of rows
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// Columns of the database were written
    Written(&'a [&'static str]),
    /// They are new
    Come,
    /// They are about to be deleted
    Go,
}

impl Watched {
    fn counts(&self, change: Change<'_>) -> bool {
        let is = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match (self, change) {
            (Self::Columns(names, _), Change::Written(written)) => written.iter().any(|name| is(names, name)),
            (Self::AllBut(names), Change::Written(written)) => written.iter().any(|name| !is(names, name)),
            (Self::Columns(_, rows), Change::Come) => *rows == Rows::ComeAndGo,
            (Self::Columns(_, rows), Change::Go) => *rows != Rows::Neither,
            (Self::AllBut(_), Change::Come) => true,
            (Self::AllBut(_), Change::Go) => false,
        }
    }
}

/// What somebody watches of a table's rows, and which of them have changed
#[derive(Debug)]
struct Feed {
    watched: Watched,
    /// By which number whoever watches knows it
    source: usize,
    slots: Vec<Slot>,
    marks: SlotSet,
}

/// All that is watched of a table's rows; most often nothing
#[derive(Debug, Default)]
pub(crate) struct Feeds(Vec<Feed>);

impl Feeds {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn watch(&mut self, watched: Watched, source: usize) {
        self.0.push(Feed { watched, source, slots: Vec::new(), marks: SlotSet::default() });
    }

    /// Whether a change of this kind is watched
    pub(crate) fn counts(&self, change: Change<'_>) -> bool {
        self.0.iter().any(|feed| feed.watched.counts(change))
    }

    /// The sources that a change of this kind is watched for
    pub(crate) fn counting(&self, change: Change<'_>) -> Vec<usize> {
        self.0.iter().filter(|feed| feed.watched.counts(change)).map(|feed| feed.source).collect()
    }

    /// Notes what has become of rows; tells whether somebody watches that.
    pub(crate) fn note(&mut self, change: Change<'_>, slots: &[Slot]) -> bool {
        let mut is_any = false;
        for feed in self.0.iter_mut().filter(|feed| feed.watched.counts(change)) {
            is_any |= !slots.is_empty();
            feed.slots.extend(slots.iter().filter(|&&slot| feed.marks.mark(slot)));
        }
        is_any
    }

    /// Calls with each source whose rows have changed since the last call.
    pub(crate) fn take(&mut self, f: &mut dyn FnMut(usize, Vec<Slot>)) {
        for feed in self.0.iter_mut().filter(|feed| !feed.slots.is_empty()) {
            feed.marks = SlotSet::default();
            f(feed.source, std::mem::take(&mut feed.slots));
        }
    }
}
