//! The unit of work: into the cache at once, into the database at the flush.
//!
//! `put` is what every setter and `write` comes to: it changes cells, notes them as dirty and puts records into the lists
//! of the other side. `flush` sends what is dirty. When that is, and what becomes of it after an error, is known by `env`, which is called
//! from here; `records` calls this.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod drafts;
mod duplicate;
pub(crate) mod filled;
pub(crate) mod flush;
mod going;
mod guard;
pub(crate) mod lend;
mod links;
mod made;
pub(crate) mod members;
mod options;
mod pairs;
pub(crate) mod put;
mod refused;
pub(crate) mod retry;
pub(crate) mod rows;
mod statement;
pub(crate) mod stored;
pub(crate) mod update;
pub(crate) mod validate;
mod version;
mod window;

pub use options::TransactionOptions;
