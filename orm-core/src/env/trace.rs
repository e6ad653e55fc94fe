//! What `tracing` is told of statements: one event each, when it is over.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{Level, Span};

use crate::env::watch::Place;

/// A statement, as it is told of
pub(crate) struct Statement<'a> {
    /// "select", "write", "transaction" or "lent"
    pub(crate) kind: &'static str,
    /// Empty where it is no model's
    pub(crate) model: &'static str,
    pub(crate) reason: &'a dyn Display,
    /// How many keys were asked for
    pub(crate) keys: Option<usize>,
}

/// Where an environment's events belong, and who has called last
#[derive(Debug)]
pub(crate) struct Trace {
    span: Span,
    caller: Cell<Option<Place>>,
    /// What was told since then, while somebody collects it
    collected: RefCell<Option<Collected>>,
}

/// What was told while somebody collects it
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    since: Instant,
    pub(crate) statements: Vec<Traced>,
    pub(crate) evictions: Vec<Evicted>,
}

/// Records that have left the cache to make room
#[derive(Debug, Clone)]
pub(crate) struct Evicted {
    /// As SQL names it
    pub(crate) table: String,
    pub(crate) records: usize,
    /// Since the collecting has begun
    pub(crate) at: Duration,
    pub(crate) place: Option<Place>,
}

/// What was told of a statement
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    pub(crate) kind: &'static str,
    pub(crate) model: &'static str,
    pub(crate) reason: String,
    pub(crate) text: String,
    pub(crate) rows: Option<usize>,
    /// Since the collecting has begun
    pub(crate) begun: Duration,
    pub(crate) took: Duration,
    pub(crate) error: Option<String>,
    pub(crate) place: Option<Place>,
}

impl Default for Trace {
    /// In the span that the environment is made in, that of a request perhaps
    fn default() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let span = tracing::debug_span!("environment", id = NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { span, caller: Cell::new(None), collected: RefCell::default() }
    }
}

impl Trace {
    /// Notes where the application calls, for the statements that it takes.
    #[inline]
    pub(super) fn called_at(&self, place: Place) {
        self.caller.set(Some(place));
    }

    /// Where the application called last that a statement was sent for
    pub(super) fn caller(&self) -> Option<Place> {
        self.caller.get()
    }

    /// Whether anybody listens
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        tracing::enabled!(Level::DEBUG) || self.collected.borrow().is_some()
    }

    /// Begins to collect what is told.
    pub(crate) fn collect(&self) {
        let (statements, evictions) = (Vec::new(), Vec::new());
        *self.collected.borrow_mut() = Some(Collected { since: Instant::now(), statements, evictions });
    }

    /// What was told since it is collected, and how long that is
    pub(crate) fn collected(&self) -> Option<(Duration, Collected)> {
        self.collected.borrow().as_ref().map(|all| (all.since.elapsed(), all.clone()))
    }

    /// Tells of records that have left the cache to make room.
    #[cold]
    pub(super) fn record_eviction(&self, table: &str, records: usize) {
        let place = self.caller.get();
        tracing::debug!(
            parent: &self.span,
            table,
            records,
            code.file.path = place.map(|place| place.file()),
            code.line.number = place.map(|place| place.line()),
            "evicted",
        );
        if let Some(all) = &mut *self.collected.borrow_mut() {
            all.evictions.push(Evicted { table: table.to_owned(), records, at: all.since.elapsed(), place });
        }
    }

    /// Tells of a statement, by the names of OpenTelemetry where it has one.
    #[cold]
    pub(super) fn record(
        &self,
        system: &str,
        statement: &Statement<'_>,
        text: &str,
        start: Instant,
        rows: Result<usize, &dyn Display>,
    ) {
        let Statement { kind, model, reason, keys } = *statement;
        let took = start.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let operation = text.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
        let place = self.caller.get();
        tracing::debug!(
            parent: &self.span,
            model,
            %reason,
            keys,
            rows = rows.ok(),
            micros,
            error = rows.err().map(tracing::field::display),
            db.system.name = system.to_ascii_lowercase(),
            db.operation.name = operation,
            db.query.text = text,
            code.file.path = place.map(|place| place.file()),
            code.line.number = place.map(|place| place.line()),
            "{kind}",
        );
        if let Some(all) = &mut *self.collected.borrow_mut() {
            all.statements.push(Traced {
                kind,
                model,
                reason: reason.to_string(),
                text: text.to_owned(),
                rows: rows.ok(),
                begun: start.saturating_duration_since(all.since),
                took,
                error: rows.err().map(ToString::to_string),
                place,
            });
        }
    }
}
