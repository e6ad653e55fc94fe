//! Running statements that write.

use std::time::Instant;

use diesel::query_builder::QueryFragment;
use diesel::query_dsl::methods::ExecuteDsl;

use crate::backend::Connection;
use crate::env::keys::read_slots;
use crate::env::stores::Store;
use crate::error::Doing;
use crate::fragment::Fragment;
use crate::{Environment, Result};

impl<C: Connection> Environment<C> {
    /// Runs a statement that writes; tells how many rows it found.
    pub(crate) fn run(&self, doing: Doing<'_>, statement: &dyn QueryFragment<C::Backend>) -> Result<usize> {
        self.giving_up_broken(|| self.send(doing, statement))
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
        self.writing_with(doing, statement, || read_slots(self, store, doing, statement))
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
