//! Which records a miss loads, and the SELECTs for them.
//!
//! Called by the handles in `records`, and by `write` for what it has to know of rows before it changes them. From `prefetch` (batch by
//! batch) by way of `plan` (which records) to `query` and `relation` (which statement) and `select` (rows into cells).

pub(crate) mod aggregate;
pub(crate) mod anew;
pub(crate) mod computed;
mod condition;
pub(crate) mod count;
mod expression;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod miss;
pub(crate) mod origin;
pub(crate) mod plan;
pub(crate) mod prefetch;
pub(crate) mod query;
pub(crate) mod relation;
pub(crate) mod reword;
pub(crate) mod select;
