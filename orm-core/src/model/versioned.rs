//! How a struct without a version learns, while it is compiled, that another one over the same table has one; and the type of a version
//! that no field holds.
//!
//! A method that is found on `&VersionOf` is called where there is an `impl VersionedBy`, else the one on `VersionOf` itself: what
//! generated code calls on `&&VersionOf` is known when it is compiled, and costs nothing after that.

use std::fmt;
use std::marker::PhantomData;

use diesel::sql_types::{BigInt, Integer, SmallInt};

use super::{AnyModel, Entity, OtherModel, any};
use crate::backend::Connection;

/// Says that the model `M` counts the writes of a table's rows: each other model of that table, over the same connection, counts them
/// as well.
pub trait VersionedBy<C, M> {}

/// The model that counts the writes of the rows of `T`, if there is one
pub struct VersionOf<T, C, K>(PhantomData<(T, C, K)>);

impl<T, C, K> VersionOf<T, C, K> {
    /// To be asked
    pub const NEW: Self = Self(PhantomData);
}

impl<T, C, K> fmt::Debug for VersionOf<T, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VersionOf")
    }
}

/// There is one.
pub trait HasVersion<C: Connection, K, M> {
    /// Which it is
    // Said of the method, as what is said of the `impl` would leave it out, and find none.
    fn model(&self) -> OtherModel<C>
    where
        M: WithKey<C, K>;
}

impl<T: VersionedBy<C, M>, C: Connection, K, M> HasVersion<C, K, M> for &VersionOf<T, C, K> {
    fn model(&self) -> OtherModel<C>
    where
        M: WithKey<C, K>,
    {
        Some(M::model())
    }
}

/// A model with keys of the type `K`
#[diagnostic::on_unimplemented(
    message = "`{Self}`, a struct over the same table that has a version, has keys of another type than `{K}`",
    label = "give both structs the same type of keys",
    note = "or say which column counts the writes: `#[model(version = lock_version)]`"
)]
pub trait WithKey<C: Connection, K> {
    /// The model
    fn model() -> &'static dyn AnyModel<C>;
}

#[diagnostic::do_not_recommend]
impl<M: Entity> WithKey<M::Connection, M::Key> for M {
    fn model() -> &'static dyn AnyModel<M::Connection> {
        any::<M>()
    }
}

/// There is none.
pub trait HasNoVersion<C: Connection> {
    /// None
    fn model(&self) -> OtherModel<C>;
}

impl<T, C: Connection, K> HasNoVersion<C> for VersionOf<T, C, K> {
    fn model(&self) -> OtherModel<C> {
        None
    }
}

/// The SQL type of a version
#[diagnostic::on_unimplemented(
    message = "a version is a whole number that is never NULL; this column is `{Self}`",
    label = "this column cannot count writes",
    note = "its type is `SmallInt`, `Integer` or `BigInt`, and it is NOT NULL"
)]
pub trait VersionType {
    /// What its cells hold
    type Number;
}

impl VersionType for SmallInt {
    type Number = i16;
}

impl VersionType for Integer {
    type Number = i32;
}

impl VersionType for BigInt {
    type Number = i64;
}
