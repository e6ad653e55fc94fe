//! Which records a miss loads, and the SELECTs for them.

pub(crate) mod layout;
pub(crate) mod miss;
pub(crate) mod origin;
pub(crate) mod plan;
pub(crate) mod prefetch;
pub(crate) mod query;
pub(crate) mod relation;
pub(crate) mod select;
