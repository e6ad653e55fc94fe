//! What `tracing` is told of statements: one event each, when it is over.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::Span;

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
pub(crate) struct Telling {
    span: Span,
    caller: Cell<Option<Place>>,
}

impl Default for Telling {
    /// In the span that the environment is made in, that of a request perhaps
    fn default() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let span = tracing::debug_span!("environment", id = NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { span, caller: Cell::new(None) }
    }
}

impl Telling {
    /// Notes where the application calls, for the statements that it takes.
    #[inline]
    pub(super) fn called_at(&self, place: Place) {
        self.caller.set(Some(place));
    }

    /// Tells of a statement, by the names of OpenTelemetry where it has one.
    #[cold]
    pub(super) fn tell(
        &self,
        system: &str,
        statement: &Statement<'_>,
        text: &str,
        start: Instant,
        rows: Result<usize, &dyn Display>,
    ) {
        let Statement { kind, model, reason, keys } = *statement;
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
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
    }
}
