//! Ordinary loops over records, batched by themselves.
#![doc = ""]

mod assert;
mod backend;
mod batches;
mod cache;
mod cardinality;
mod environment;
mod error;
mod field;
mod model;
mod prefetch;
#[doc(hidden)]
pub mod private;
mod query;
mod records;
mod relation;
#[cfg(feature = "serde")]
mod serde;
mod text;

pub use backend::{Connection, DefaultConnection};
pub use batches::Batches;
pub use cache::{Cache, CacheEntry, FieldStats, ModelStats, Stats};
pub use cardinality::Cardinality;
pub use environment::{Environment, EnvironmentBuilder};
pub use error::{Error, Result};
pub use field::{Field, IntoValue};
pub use model::{Computed, Id, IntoKey, Key, ManyToMany, Model, OneToMany};
pub use orm_derive::Model;
pub use query::{AllColumns, KeyColumn, RecordQuery};
pub use records::{IntoIter, Iter, Record, RecordSet, Records, ToMany, ToOne, ToOptional};
pub use text::Str;

pub mod prelude {
    //! What most files want: `use orm_core::prelude::*;` beside `use diesel::prelude::*;`

    pub use crate::{
        Computed, Environment, Id, ManyToMany, Model, OneToMany, Record, RecordQuery, RecordSet, Records,
        Str, ToMany, ToOne, ToOptional,
    };
}
