//! What is cached, as data: one [`Table`] for each table of the database, whatever models name it.
//!
//! Knows no SQL, no connection, no environment and no model; time comes by value. Imports nothing but keys and text.

mod aggregates;
mod alike;
mod any_column;
mod arrivals;
mod column;
mod computed;
mod created;
mod dependents;
mod feeds;
mod followed;
mod frozen;
mod handover;
mod keys;
mod links;
mod notes;
mod resident;
mod reverse;
mod slot;
mod stats;
mod table;
mod tally;

pub(crate) use aggregates::{Affected, AggregateKey, Follower, Function, Subject};
pub use any_column::AnyColumn;
pub(crate) use column::{Brought, Stamp, heap_bytes, next_tick};
pub use column::{Column, Filling, Moment};
pub(crate) use computed::{Computations, Narrowed, Read, Search, Target};
pub(crate) use dependents::{Dependents, Signal};
pub(crate) use feeds::{Change, Rows, Watched};
pub(crate) use frozen::Frozen;
pub(crate) use handover::Steps;
pub(crate) use keys::{AnyKeys, Keys, TOO_MANY};
pub(crate) use links::{Edit, Joining, follow, lists, to_one};
pub use links::{Link, LinkCell, List};
pub(crate) use resident::UnreadBatch;
pub(crate) use slot::{Bits, ColumnId, Slot, SlotSet, Slots, TableId};
pub(crate) use stats::some;
pub use stats::{FieldStats, ModelStats, Stats, Unread};
pub use table::Table;
pub(crate) use table::{Part, Waiting, Written};
