//! Running statements, and tracing them.

use std::cell::Cell;
use std::fmt::Display;
use std::time::Instant;

use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::ExecuteDsl;

use crate::backend::{Connection, Dialect};
use crate::env::keys::read_slots;
use crate::env::stores::Store;
use crate::env::trace::Statement;
use crate::env::watch::Place;
use crate::error::Doing;
use crate::fragment::Fragment;
use crate::store::{Slot, TableId};
use crate::{Environment, Error, Result};

impl<C: Connection> Environment<C> {
    /// Runs a statement that writes; tells how many rows it found.
    pub(crate) fn run(&self, doing: Doing<'_>, statement: &dyn QueryFragment<C::Backend>) -> Result<usize> {
        self.unless_lost(self.giving_up_broken(|| self.send(doing, statement)))
    }

    /// Where nobody commits what was written, it may be committed already.
    fn unless_lost<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let is_lost = matches!(error, Error::ConnectionLost { .. });
            if is_lost && !self.transactions.are_open() { error.outcome_unknown() } else { error }
        })
    }

    /// The same where what an error leaves is looked at elsewhere
    pub(crate) fn send(&self, doing: Doing<'_>, statement: &dyn QueryFragment<C::Backend>) -> Result<usize> {
        let mut connection = self.connection()?;
        self.writing_with(doing, statement, |rows| {
            let found = ExecuteDsl::execute(Fragment(statement), &mut **connection);
            found.inspect(|&found| rows.set(found)).map_err(|error| doing.fault(error))
        })
    }

    /// Runs a statement that writes, and reads the keys that it returns, as slots.
    pub(crate) fn run_returning(
        &self,
        store: Store<'_, C>,
        doing: Doing<'_>,
        statement: &dyn QueryFragment<C::Backend>,
    ) -> Result<Vec<Slot>> {
        self.unless_lost(self.again_if_expired(|| {
            self.writing_with(doing, statement, |rows| {
                read_slots(self, store, doing, statement).inspect(|found| rows.set(found.len()))
            })
        }))
    }

    fn writing_with<T>(
        &self,
        doing: Doing<'_>,
        statement: &dyn QueryFragment<C::Backend>,
        run: impl FnOnce(&Cell<usize>) -> Result<T>,
    ) -> Result<T> {
        self.writes.set(self.writes.get() + 1);
        self.note_statement(statement);
        let told = Statement { kind: "write", model: doing.model, reason: &doing, keys: None };
        self.traced(&told, statement, run)
    }

    /// Notes where the application calls, for the statements that it takes.
    #[inline]
    pub(crate) fn called_at(&self, place: Place) {
        self.trace.called_at(place);
    }

    /// Runs a statement, which notes how many rows it brought or changed, and tells of it.
    pub(crate) fn traced<T>(
        &self,
        statement: &Statement<'_>,
        query: &dyn QueryFragment<C::Backend>,
        run: impl FnOnce(&Cell<usize>) -> Result<T>,
    ) -> Result<T> {
        let text = || {
            if self.settings.trace_values {
                C::Backend::describe(self.system(), query)
            } else {
                self.text_of(query).unwrap_or_default()
            }
        };
        self.traced_as(statement, &text, run)
    }

    /// The same of what has no query; its text is asked for only if somebody listens.
    pub(crate) fn traced_as<T>(
        &self,
        statement: &Statement<'_>,
        text: &dyn Fn() -> String,
        run: impl FnOnce(&Cell<usize>) -> Result<T>,
    ) -> Result<T> {
        let (start, rows) = (Instant::now(), Cell::new(0));
        let result = run(&rows);
        if self.trace.is_on() {
            let rows = result.as_ref().map(|_| rows.get()).map_err(|error| error as &dyn Display);
            self.trace.record(self.system().name, statement, &text(), start, rows);
        }
        result
    }

    /// Counts records of a table that have left the cache to make room, and tells of them.
    pub(super) fn note_evicted(&self, table: TableId, records: usize) {
        if records > 0 {
            self.evictions.set(self.evictions.get() + records);
            if self.trace.is_on() {
                self.trace.record_eviction(self.stores.table(table).sql(), records);
            }
        }
    }

    /// Runs what is lent the connection, and tells how long it took: what it sends is its own.
    pub(crate) fn traced_lent<T>(&self, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = run();
        if self.trace.is_on() {
            let lent = Statement { kind: "lent", model: "", reason: &"with_connection", keys: None };
            self.trace.record(self.system().name, &lent, "", start, Ok(0));
        }
        value
    }
}
