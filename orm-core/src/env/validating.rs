//! That records are being validated: nothing is written meanwhile, and what cannot be answered yet is asked again.

/// Whether records are being validated, and of which model
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Validating {
    #[default]
    Nothing,
    /// What was written to them waits: the cache has it.
    Waiting(&'static str),
    /// The same, and something was asked that only the database can answer, which does not have it
    Interrupted(&'static str),
    /// What was written to them was sent: the database has it, as far as the open transaction goes.
    Sent(&'static str),
}
