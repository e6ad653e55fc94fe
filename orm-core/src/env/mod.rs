//! What an environment is: its connection, tables, settings and counters, and running statements.

pub(crate) mod builder;
pub(crate) mod connection;
pub(crate) mod environment;
pub(crate) mod pace;
pub(crate) mod stores;
pub(crate) mod watch;
