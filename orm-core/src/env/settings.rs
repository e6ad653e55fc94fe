//! What an environment was told when it was made, and how much it may cache.

use std::cell::Cell;
use std::time::Duration;

/// Missing keys in one SELECT, unless the builder says otherwise
const PREFETCH_LIMIT: usize = 1000;

/// Bytes that one batch may bring, as far as they can be foreseen, unless the builder says otherwise
const PREFETCH_BYTES: usize = 16 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) prefetch_limit: usize,
    pub(crate) prefetch_bytes: usize,
    pub(crate) max_age: Option<Duration>,
    pub(crate) strict: bool,
    /// SQLite: how long somebody else who writes is waited for; `None`: a while, unless the connection knows better
    pub(crate) busy_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefetch_limit: PREFETCH_LIMIT,
            prefetch_bytes: PREFETCH_BYTES,
            max_age: None,
            strict: false,
            busy_timeout: None,
        }
    }
}

/// How much an environment may cache
#[derive(Debug, Default, Clone)]
pub(crate) struct Limits {
    /// Records of which at least one value is cached
    pub(crate) records: Cell<Option<usize>>,
    /// Bytes of keys and values
    pub(crate) bytes: Cell<Option<usize>>,
}

impl Limits {
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.records.get().is_some() || self.bytes.get().is_some()
    }
}
