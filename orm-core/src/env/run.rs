//! Running statements that write.

use std::time::Instant;

use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::ExecuteDsl;

use crate::backend::Connection;
use crate::env::keys::read_slots;
use crate::env::stores::Store;
use crate::error::Doing;
use crate::fragment::Fragment;
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
        self.writing_with(doing, statement, || {
            ExecuteDsl::execute(Fragment(statement), &mut **connection).map_err(|error| doing.fault(error))
        })
    }

    /// Runs a statement that writes, and reads the keys that it returns, as slots.
    pub(crate) fn run_returning(
        &self,
        store: Store<'_, C>,
        doing: Doing<'_>,
        statement: &dyn QueryFragment<C::Backend>,
    ) -> Result<Vec<u32>> {
        self.unless_lost(self.writing_with(doing, statement, || read_slots(self, store, doing, statement)))
    }

    fn writing_with<T>(
        &self,
        doing: Doing<'_>,
        statement: &dyn QueryFragment<C::Backend>,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.writes.set(self.writes.get() + 1);
        self.note_statement(statement);
        let start = Instant::now();
        let result = run()?;
        tracing::debug!(model = doing.model, doing = %doing, micros = start.elapsed().as_micros() as u64, "write");
        Ok(result)
    }
}
