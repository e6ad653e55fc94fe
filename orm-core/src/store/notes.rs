//! What was read for computed values, in one log, and the way back: from a cell to what was computed from it.
//!
//! A read is eight bytes at the end of the log. The way back is made in bulk when a cell has changed that was read: most never do.

use std::mem;

use super::dependents::{NONE, ROOM};

/// In the place of an input: the computation follows whose reads come next; `NONE`: that of none
const HEADER: u32 = u32::MAX;

/// The input that stands for all searches
pub(super) const SEARCHES: u32 = 0;

/// One read: the number of what has cells, and which of them it was
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) input: u32,
    pub(super) cell: u32,
}

/// Where a computation's reads stand in the log
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub(super) fn has(self, place: u32) -> bool {
        self.start <= place && place < self.end
    }
}

/// From a cell to a value that was computed from it, by the read's place in the log
#[derive(Debug, Clone, Copy)]
struct Edge {
    computation: u32,
    /// The place of another read of the same cell
    next: u32,
}

/// What a look at an edge comes to
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Edge,
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The reads of each computation that has returned, behind a header
    log: Vec<Note>,
    /// How much of the log is nobody's
    dead: usize,
    /// By computation where its reads stand in the log
    spans: Vec<Span>,
    /// For the beginning of the log, as far as somebody has asked for the way back
    edges: Vec<Edge>,
    /// By input, and by cell, where the edges begin
    heads: Vec<Vec<u32>>,
}

impl Notes {
    /// How much is noted, be it somebody's or not
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether more than half of it is nobody's
    pub(super) fn are_mostly_dead(&self) -> bool {
        2 * self.dead > self.log.len()
    }

    /// Whether this is what stands at a place of the log
    #[inline]
    pub(super) fn is_at(&self, place: u32, note: Note) -> bool {
        self.log.get(place as usize) == Some(&note)
    }

    /// Where a computation's reads stand
    #[inline]
    pub(super) fn span(&self, computation: u32) -> Span {
        self.spans.get(computation as usize).copied().unwrap_or_default()
    }

    /// Notes what a computation has read, of which nothing was noted before.
    #[inline]
    pub(super) fn append(&mut self, computation: u32, reads: &[Note]) {
        if reads.is_empty() {
            return;
        }
        self.log.push(Note { input: HEADER, cell: computation });
        let start = self.log.len() as u32;
        self.log.extend_from_slice(reads);
        let id = computation as usize;
        if self.spans.len() <= id {
            self.spans.resize((id + 1).next_multiple_of(ROOM), Span::default());
        }
        self.spans[id] = Span { start, end: self.log.len() as u32 };
    }

    /// Leaves of a computation's reads those before a place of the log.
    pub(super) fn end_at(&mut self, computation: u32, place: u32) {
        let span = &mut self.spans[computation as usize];
        if place < span.end {
            self.dead += (span.end - place) as usize;
            span.end = place;
            // Of none the header is nobody's either.
            self.dead += usize::from(span.is_empty());
            // Not to be taken for a read that comes again
            self.log[place as usize] = Note { input: HEADER, cell: NONE };
        }
    }

    /// Forgets what a computation has read; gives the reads before a place of the log.
    pub(super) fn forget(&mut self, computation: u32, before: u32) -> &[Note] {
        let span = self.spans.get_mut(computation as usize).map(mem::take).unwrap_or_default();
        if !span.is_empty() {
            self.dead += (span.end - span.start) as usize + 1;
        }
        self.log.get(span.start as usize..before as usize).unwrap_or_default()
    }

    /// Brings the way back up to the end of the log.
    pub(super) fn index(&mut self) {
        let mut computation = NONE;
        self.edges.reserve(self.log.len() - self.edges.len());
        for place in self.edges.len()..self.log.len() {
            let Note { input, cell } = self.log[place];
            if input == HEADER {
                computation = cell;
            }
            if input == HEADER || !self.span(computation).has(place as u32) {
                self.edges.push(Edge { computation: NONE, next: NONE });
                continue;
            }
            let (input, cell) = (input as usize, cell as usize);
            if self.heads.len() <= input {
                self.heads.resize_with(input + 1, Vec::new);
            }
            let heads = &mut self.heads[input];
            if heads.len() <= cell {
                heads.resize(cell + 1, NONE);
            }
            self.edges.push(Edge { computation, next: mem::replace(&mut heads[cell], place as u32) });
        }
    }

    /// Shows the computations that have read a cell, each with the place of the read. Those of which nothing is kept are not shown again.
    pub(super) fn follow(&mut self, note: Note, mut look: impl FnMut(u32, u32) -> Keep) {
        let Self { spans, edges, heads, .. } = self;
        let heads = heads.get_mut(note.input as usize);
        let Some(head) = heads.and_then(|heads| heads.get_mut(note.cell as usize)) else { return };
        let (mut next, mut last) = (*head, NONE);
        while next != NONE {
            let place = next;
            let Edge { computation, next: after } = edges[place as usize];
            next = after;
            if spans[computation as usize].has(place) && look(computation, place) == Keep::Edge {
                last = place;
                continue;
            }
            match last {
                NONE => *head = after,
                last => edges[last as usize].next = after,
            }
        }
    }

    /// Gives back what is nobody's.
    pub(super) fn compact(&mut self) {
        let log = mem::take(&mut self.log);
        let mut place = 0;
        while let Some(&Note { input, cell }) = log.get(place) {
            place += 1;
            let span = self.span(cell);
            if input == HEADER && span.start as usize == place && !span.is_empty() {
                self.append(cell, &log[span.start as usize..span.end as usize]);
                place = span.end as usize;
            }
        }
        self.dead = 0;
        self.edges = Vec::new();
        self.heads = Vec::new();
    }

    /// All reads, for who numbers cells anew
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Note> {
        self.log.iter_mut().filter(|note| note.input != HEADER)
    }

    pub(super) fn bytes(&self) -> usize {
        let heads: usize = self.heads.iter().map(|heads| heads.capacity() * size_of::<u32>()).sum();
        self.log.capacity() * size_of::<Note>()
            + self.spans.capacity() * size_of::<Span>()
            + self.edges.capacity() * size_of::<Edge>()
            + heads
    }
}
