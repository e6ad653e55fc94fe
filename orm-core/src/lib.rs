//! Ordinary loops over records, batched by themselves.
//!
//! A record remembers the set it came from; the first read that misses loads the value for the whole set. What was read
//! stays in one cache per environment, by table, column and key. Queries stay [diesel](https://docs.rs/diesel)'s.
//!
//! Goals, in this order: right answers and clear errors; few queries from plain code; the speed of hand-written diesel;
//! types that say what a read can give. Hiding SQL is no goal.
//!
//! ```
//! # mod example {
//! use diesel::prelude::*;
//! use orm_core::prelude::*;
//!
//! diesel::table! { countries { id -> Integer, name -> Text } }
//! diesel::table! { partners { id -> Integer, name -> Text, country_id -> Nullable<Integer> } }
//!
//! #[derive(Model)]
//! #[model(table = countries)]
//! struct Country { id: i32, name: String }
//!
//! #[derive(Model)]
//! struct Partner { id: i32, name: String, country_id: Option<Id<Country>> }
//!
//! fn report(env: &Environment) -> orm_core::Result<()> {
//!     let partners: RecordSet<Partner> = partners::table.order(partners::name).records(env)?;
//!     for partner in &partners {
//!         let country = partner.country_id().name()?;     // Option<Str>; one SELECT for the countries of all
//!         println!("{} {}", partner.name()?, country.unwrap_or_default());
//!     }
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # Handles
//!
//! | handle | what it is | equal when | lives |
//! |---|---|---|---|
//! | [`Environment`] | a connection and a cache; one per request, job or thread | never | until dropped; all below borrow it, but [`Id`] and [`Field`] |
//! | [`Record`] | exactly one record | same row | as long as the environment; reads again what left the cache |
//! | [`RecordSet`] | many records, in order | same rows, in any order | the same |
//! | [`ToOne`], [`ToOptional`] | what a to-one link points at, not looked at yet | not compared: `is(&record)`, or `load()` first | the same; outlives the set it was reached from |
//! | [`ToMany`] | what a to-many link, or a link of many, leads to | not compared: `load()` first | the same |
//! | [`Batches`], [`BatchesByKey`] | the records of a query, some at a time | never | frees a batch's values when the next one is read |
//! | [`Cache`] | a look into an environment's cache; never asks the database | never | `Copy`; as long as the environment |
//! | [`Id`], [`Field`] | a typed key; the typed key of a field | same key; same field | `'static` |
//! | [`Values`] | the values to create or write records with | never | its own |
//! | [`Drafts`], [`Created`] | new records that are created together; what became of them | never | until they are created; as long as the environment |
//! | [`Draft`] | one of them, as the others link to it | same draft | `'static` |
//! | [`Touching`] | a statement of your own, and which models it may change | never | until it is run |
//! | [`Str`] | text as the cache hands it out | same text | its own: what leaves the cache does not touch it |
//!
//! All of [`Record`], [`RecordSet`], [`ToOne`], [`ToOptional`] and [`ToMany`] are one type, [`Records`], whose page
//! says what reading a field gives for each. [`RecordQuery`] finds records with any diesel query, [`Environment::find`] one by a
//! condition.
//! [`Environment::create`] makes new ones, [`Environment::drafts`] many that link to each other, [`Environment::transaction`] collects what is
//! written.
//!
//! # Modules
//!
//! All private, in layers; each imports from its own and from those below:
//!
//! - `records`: what users hold and call, typed. A miss or a write leaves typed code here.
//! - `write`: putting values, the flush, new and deleted rows. `load`: which records a miss loads, and the SELECTs.
//! - `env`: what an environment is: connection, tables, settings, open transactions, running statements.
//! - `model`: what the derive tells. `codec`: a cell and its SQL value. `backend`: what differs between databases.
//! - `store`: what is cached, as data, a table each.
//! - `error`, `text`, `key`, `fragment`: words of all. `private`: what generated code may name.
//!
//! docs/ARCHITECTURE.md goes from file to file.
//!
//! # Features
//!
//! `sqlite` (built from source), `postgres`, `postgres-bundled`, `mysql`: none by default. With one of them on, its
//! connection is [`DefaultConnection`]; with several, a crate says by [`connection!`](connection) which one its models have, or a
//! model names its own: `#[model(connection = PgConnection)]`. `any`: `AnyConnection`, the database chosen when the program runs.
//! `serde`: `Serialize` and `Deserialize` for [`Str`], [`Id`] and the relation markers, `Serialize` for what is
//! [extracted](Extract). `numeric`: sums of NUMERIC columns.

mod assert;
mod backend;
mod codec;
mod env;
mod error;
mod fragment;
mod key;
mod load;
mod model;
mod number;
mod of_crate;
#[doc(hidden)]
pub mod private;
mod records;
#[cfg(feature = "serde")]
mod serde;
mod store;
mod text;
mod write;

#[cfg(all(feature = "any", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub use any::AnyConnection;
pub use backend::default::DefaultConnection;
pub use backend::{Connection, Isolation};
pub use bytes::Bytes;
pub use env::environment::Environment;
pub use error::{Error, Repeated, Result, Violation, ViolationKind};
pub use indexmap::IndexMap;
pub use key::Key;
pub use model::{Computed, Id, ManyToMany, OneToMany, OneToOne};
pub use orm_derive::Model;
pub use records::batches::Batches;
pub use records::builder::EnvironmentBuilder;
pub use records::cache::{Cache, CacheEntry};
pub use records::drafts::{Created, Draft, Drafts};
pub use records::env::{Inspected, InspectedEviction, Inspection, Recomputed, Recomputing, Touching};
pub use records::extract::{Entry, Extract, Named, With, entry};
pub use records::field::Field;
pub use records::keyset::BatchesByKey;
pub use records::record_query::{Page, RecordQuery};
pub use records::upsert::Upsert;
pub use records::values::Values;
pub use records::with::RecordsWith;
pub use records::{
    Chunks, IntoIter, Iter, Members, Model, Record, RecordSet, Records, ToMany, ToOne, ToOptional,
};
pub use store::{FieldStats, ModelStats, Stats, Unread};
pub use text::Str;
pub use write::TransactionOptions;

#[cfg(all(feature = "any", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub mod any {
    //! The database chosen when the program runs: [`AnyConnection`], and what diesel's traits name of it, for column types of your own

    pub use crate::backend::any::{AnyConnection, MultiBackend as AnyBackend, MultiRawValue as AnyValue};
}

pub mod aggregate {
    //! What [`ToMany::aggregate`](crate::ToMany::aggregate) asks for, several with one SELECT: `(count(), sum(Order::AMOUNT))`

    pub use crate::records::aggregates::{avg, count, count_where, max, min, sum};
    pub use crate::records::measured::{Count, Extreme, Len, Measured, Sum};
}

pub mod bounds {
    //! What stands in the bounds of public functions: for code that is generic over fields, keys, queries or kinds of records

    pub use crate::backend::MayBeSqlite;
    pub use crate::load::query::ModelColumns;
    pub use crate::model::{Entity, IntoKey};
    pub use crate::records::aggregable::{Aggregable, Compared, Counted, Summed};
    pub use crate::records::aggregates::{Aggregated, Aggregates};
    pub use crate::records::builder::{NoSource, Source};
    pub use crate::records::cardinality::Cardinality;
    pub use crate::records::extract::{Count, Extraction};
    pub use crate::records::fields::Fields;
    pub use crate::records::find::{FindRecords, by};
    pub use crate::records::keyset::{AfterKey, ByKey};
    pub use crate::records::lookup::Condition;
    pub use crate::records::numbers::{Number, SqlNumber, Total};
    pub use crate::records::value::{IntoLink, IntoNewLink, IntoValue, via};
    pub use crate::records::with::FindRecordsWith;
    pub use crate::records::{Ordered, ValueSet};
    #[cfg(feature = "serde")]
    pub use crate::serde::SerializeExtraction;
}

pub mod prelude {
    //! What most files want: `use orm_core::prelude::*;` beside `use diesel::prelude::*;`

    pub use crate::{
        Computed, Environment, Id, ManyToMany, Model, OneToMany, OneToOne, Record, RecordQuery, RecordSet,
        Records, Str, ToMany, ToOne, ToOptional,
    };
}
