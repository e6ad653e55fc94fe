//! `assert_queries!`, for the tests of applications.

use crate::Environment;
use crate::backend::Connection;

/// Runs a block and panics unless it ran exactly so many statements; the message prints them, each with the line of code that it was sent for
///
/// It counts what [`Stats::queries`](crate::Stats::queries) does: SELECT, INSERT, UPDATE and DELETE, and not what begins and ends
/// transactions.
///
/// ```
/// # use orm_core::prelude::*;
/// use orm_core::assert_queries;
/// # fn main() -> orm_core::Result<()> {
/// let env: Environment = Environment::connect(":memory:")?;
/// let answer = assert_queries!(env, 0, { 6 * 7 });
/// assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! assert_queries {
    ($env:expr, $count:expr, $block:block) => {{
        let recording = $crate::private::Recording::start(&$env);
        let result = $block;
        recording.finish($count);
        result
    }};
}

/// What [`assert_queries!`] counts with
#[derive(Debug)]
pub struct Recording<'env, C: Connection> {
    env: &'env Environment<C>,
    before: usize,
}

// Also when the block returned early.
impl<C: Connection> Drop for Recording<'_, C> {
    fn drop(&mut self) {
        self.env.note_statements(false);
    }
}

impl<'env, C: Connection> Recording<'env, C> {
    /// Listens from now on.
    pub fn start(env: &'env Environment<C>) -> Self {
        env.note_statements(true);
        Self { env, before: env.stats().queries }
    }

    /// Compares, and stops listening.
    #[track_caller]
    #[allow(clippy::panic)]
    pub fn finish(self, expected: usize) {
        let ran = self.env.stats().queries - self.before;
        let statements = self.env.note_statements(false);
        if ran != expected {
            let listed: String = statements.iter().map(|statement| format!("\n  {statement}")).collect();
            panic!("expected {expected} queries, ran {ran}:{listed}");
        }
    }
}
