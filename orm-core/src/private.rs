//! What generated code may name. Not part of the public interface: it changes without notice.

pub use crate::assert::Recording;
pub use crate::backend::default::DefaultConnection as OrmConnection;
pub use crate::backend::several::{nobody_takes, takes, weight_of};
pub use crate::backend::{Begin, BindsKeys, Connection, Dialect, KeyList, Knows, Numbers, Standing, System};
pub use crate::codec::{
    Binds, Blob, BlobCell, CellWriter, Cells, CellsOf, ColumnNames, ComputedCell, Decode, Encode, EncodeOf,
    KeyCodec, KeyOf, KeyOfSeveral, Presence, ReadOnly, Scalar, Writable, cells,
};
pub use crate::env::stores::Store;
pub use crate::fragment::{described_by, text_by};
pub use crate::key::Key;
pub use crate::load::computed::ComputedBy;
pub use crate::model::{
    AnyModel, Clauses, DependsOn, Entity, FieldInfo, Filter, Fix, FixNull, Fixed, FixedBy, HasNoVersion,
    HasVersion, HoldsKey, HoldsKeys, IntoKey, KeyCondition, KeyReader, LinkInfo, LinkKind, ModelNumber,
    ModelOf, NewKeys, NotFixed, OfClock, OneColumn, Order, OtherModel, Prefetch, SameColumns, StoredField,
    Timestamp, ToManyLink, ToOneLink, VersionOf, VersionType, VersionedBy, any, holds_key, holds_keys,
    one_column, several_columns, table_name,
};
pub use crate::records::cardinality::Cardinality;
pub use crate::records::computed::{
    Compute, ComputedKind, DependedOn, IntoCell, IntoTime, LinkValue, Linking, Related, compute_links,
    computed_all, computed_link, computed_links, computed_one, depended_on, through, through_link,
};
pub use crate::records::field::{
    AccessTo, Cacheable, Cached, CellKind, Field, Kind, LinkKind as LinkKindOf, Linked, LinkedMany,
    LinkedNullable, LinkedOne, Nullable, PrimaryKey, Readable, Required, WayTo,
};
pub use crate::records::inverse::{
    FilterOf, InverseOf, Itself, OrderOf, ScopeOf, inverse, is_key, join_table, symmetric,
};
#[cfg(feature = "mysql")]
pub use crate::records::shared::mysql;
#[cfg(feature = "postgres")]
pub use crate::records::shared::postgres;
#[cfg(feature = "sqlite")]
pub use crate::records::shared::sqlite;
pub use crate::records::stored::{StoredComputed, recompute};
pub use crate::records::validate::{Refusal, validate};
pub use crate::records::value::{IntoLink, IntoNewLink, IntoOwned, IntoValue, Owned};
pub use crate::records::values::{debug_values, given, set_link, take};
pub use crate::records::{
    Accessors, Beside, Get, Group, Handle, Model, Ordered, Reader, Records, ValueSet, Way,
};
pub use crate::store::{AnyColumn, Column, Filling, Link, LinkCell, List, Moment, Table};
pub use crate::write::stored::Recompute;
pub use crate::write::validate::Validator;
pub use crate::{Computed, Id, ManyToMany, OneToMany, OneToOne, Record, RecordSet, Result, Str, ToMany};
#[cfg(feature = "numeric")]
pub use bigdecimal::BigDecimal;
pub use bytes::Bytes;
pub use diesel;
pub use diesel::query_builder::QueryFragment;
pub use std::{boxed::Box, string::String, vec, vec::Vec};

/// The SQL type of a diesel column
pub type SqlTypeOf<Col> = <Col as diesel::Expression>::SqlType;
/// Which connection the models of a crate have that name none: that which the crate root calls `OrmConnection`, else
/// [`OrmConnection`]
pub trait OfCrate {
    /// The connection
    type Connection;
}
/// The diesel backend of a connection
pub type BackendOf<C> = <C as diesel::Connection>::Backend;

/// Where other fields have the number of their column, the primary key has this.
pub const KEY: usize = usize::MAX;

/// The value of a field in the user's own struct
#[track_caller]
pub fn owned<M: Model, F: Owned<M, V>, V>(record: &Record<'_, M>, field: F) -> Result<V> {
    field.owned(record)
}

/// A diesel column's name in the database
pub const fn column_name<Col: diesel::Column>() -> &'static str {
    Col::NAME
}

/// What a cell holds of a time, as the field's function has made it
pub fn stamp<D: Cells, T: IntoTime<D::Cell>>(value: T) -> Box<dyn std::any::Any> {
    Box::new(value.into_time())
}

/// An order of the records of `T`, checked to be of the tables of `S`
pub fn order<T, S, E>(expression: E) -> Box<dyn QueryFragment<BackendOf<T::Connection>>>
where
    T: Model,
    E: QueryFragment<BackendOf<T::Connection>> + OrderOf<S> + 'static,
{
    Box::new(expression)
}

/// A condition on the records of `T`, checked to be of the tables of `S`
pub fn filter<T, S, E>(expression: E) -> Box<dyn QueryFragment<BackendOf<T::Connection>>>
where
    T: Model,
    E: QueryFragment<BackendOf<T::Connection>> + FilterOf<S> + 'static,
{
    Box::new(expression)
}

/// Which rows of a model are seen, checked to be of its own table
pub fn scope<M, S, E>(expression: E) -> Box<dyn QueryFragment<BackendOf<M::Connection>>>
where
    M: Model,
    E: QueryFragment<BackendOf<M::Connection>> + ScopeOf<S> + 'static,
{
    Box::new(expression)
}

/// Asks for the row of a record of which nothing else is to be read.
#[track_caller]
pub fn present<M: Model>(record: &Record<'_, M>) -> Result<()> {
    record.prefetch()
}
