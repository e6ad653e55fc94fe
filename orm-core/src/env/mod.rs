//! What an environment is: its connection, tables, settings and counters, and running statements.
//!
//! `impl Environment` stands here, and in `records/env`, where what users call is. Knows models as `AnyModel` and rows as slots; how what
//! waits is sent it is told when it is made (`pending`).

pub(crate) mod checkout;
pub(crate) mod clock;
pub(crate) mod computing;
pub(crate) mod connection;
pub(crate) mod environment;
pub(crate) mod evict;
pub(crate) mod feeding;
mod feeding_pairs;
pub(crate) mod keys;
pub(crate) mod levels;
pub(crate) mod pace;
pub(crate) mod pairs;
pub(crate) mod pending;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod stored;
pub(crate) mod stores;
pub(crate) mod trace;
pub(crate) mod transactions;
pub(crate) mod unbatched;
pub(crate) mod validating;
pub(crate) mod watch;
