//! What an environment was told when it was made, and how much it may cache.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use diesel::connection::CacheSize;

use crate::backend::Connection;

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
    /// Whether `tracing` is told the values that statements have
    pub(crate) trace_values: bool,
    /// SQLite: how long somebody else who writes is waited for; `None`: a while, unless the connection knows better
    pub(crate) busy_timeout: Option<Duration>,
    /// Whether no statement is kept prepared
    pub(crate) is_unprepared: bool,
    /// Whether it is looked at what computes a stored field, as far as it reads what it does not declare
    pub(crate) checks_depends: bool,
}

impl Settings {
    /// Gives a connection what it is to be used with.
    pub(crate) fn set_up<C: Connection>(&self, connection: &mut C) {
        connection.set_busy_timeout(self.busy_timeout);
        self.set_up_statements(connection);
    }

    /// As far as its statements are concerned
    pub(crate) fn set_up_statements<C: Connection>(&self, connection: &mut C) {
        if self.is_unprepared {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefetch_limit: PREFETCH_LIMIT,
            prefetch_bytes: PREFETCH_BYTES,
            max_age: None,
            strict: false,
            trace_values: false,
            busy_timeout: None,
            is_unprepared: false,
            checks_depends: cfg!(debug_assertions),
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
    /// The ticks of the last SELECTs, with how many records each brought: as many SELECTs as have filled the cache once
    recent: RefCell<(VecDeque<(u32, usize)>, usize)>,
}

impl Limits {
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.records.get().is_some() || self.bytes.get().is_some()
    }

    /// Notes that a SELECT has brought records.
    pub(crate) fn note_brought(&self, tick: u32, records: usize) {
        let (recent, sum) = &mut *self.recent.borrow_mut();
        recent.push_back((tick, records));
        *sum += records;
        let most = self.records.get().unwrap_or(0);
        while let Some(&(_, first)) = recent.front()
            && *sum - first >= most
        {
            recent.pop_front();
            *sum -= first;
        }
    }

    /// Since this tick the cache was filled at most once.
    pub(crate) fn filled_since(&self) -> u32 {
        self.recent.borrow().0.front().map_or(0, |&(tick, _)| tick)
    }
}
