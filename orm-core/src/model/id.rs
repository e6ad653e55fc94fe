//! `Id`: a key that says of which model it is.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, Queryable};
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{SingleValue, SqlType};

use super::Entity;
use crate::Str;
use crate::backend::{Dialect, Knows};
use crate::codec::read_key;
use crate::key::Key;

/// The key of a record of `M`, as it stands in a column that links to it
///
/// In a model's struct it makes a to-one link: `country_id: Id<Country>` where the column is NOT NULL,
/// `Option<Id<Country>>` where it is nullable.
///
/// It is a value of diesel's too, wherever its key is one: in filters, in structs that derive `Queryable`, `Selectable`, `Insertable`.
///
/// ```
/// # use diesel::prelude::*;
/// use orm_core::prelude::*;
/// # diesel::table! { countries { id -> Integer, name -> Text } }
/// # diesel::table! { partners { id -> Integer, country_id -> Nullable<Integer> } }
/// # #[derive(Model)] #[model(table = countries)] struct Country { id: i32, name: String }
/// # #[derive(Model)] struct Partner { id: i32, country_id: Option<Id<Country>> }
/// # fn main() -> orm_core::Result<()> {
/// # let env: Environment = Environment::connect(":memory:")?;
/// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, country_id INTEGER)"))?;
/// let belgium: Id<Country> = "7".parse().expect("a number");
/// let of_belgium = partners::table.filter(partners::country_id.eq(belgium)).records(&env)?;
/// # let _: RecordSet<Partner> = of_belgium;
/// # Ok(())
/// # }
/// ```
pub struct Id<M: Entity>(M::Key);

impl<M: Entity> Id<M> {
    /// The id with this key
    pub fn new(key: impl IntoKey<M>) -> Self {
        Self(key.into_key())
    }

    /// The key
    pub fn key(&self) -> &M::Key {
        &self.0
    }

    /// The key, given up
    pub fn into_key(self) -> M::Key {
        self.0
    }
}

impl<M: Entity> Clone for Id<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Entity<Key: Copy>> Copy for Id<M> {}

impl<M: Entity> PartialEq for Id<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<M: Entity> Eq for Id<M> {}

impl<M: Entity> Hash for Id<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<M: Entity<Key: Ord>> PartialOrd for Id<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M: Entity<Key: Ord>> Ord for Id<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<M: Entity> fmt::Debug for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", M::NAME, self.0.text())
    }
}

impl<M: Entity> fmt::Display for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.text())
    }
}

/// What names a record of `M`: the key itself, an [`Id`], either by reference, `&str` and `String` for text
///
/// `K` is the key's type; nobody names it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of `{M}`",
    label = "this names no record of `{M}`",
    note = "give its key, of type `{K}`, or an `Id<{M}>`; where `{M}` is a type parameter, an `Id`'s key: `id.into_key()`"
)]
pub trait IntoKey<M: Entity, K = <M as Entity>::Key> {
    /// The key
    fn into_key(self) -> K;
}

// `Id<M>` is a `Key` as others are. That it is not the key of `M` itself is only known where `M` is: so the derive implements this
// for the `Id` of its model.
#[diagnostic::do_not_recommend]
impl<M: Entity, K: Key> IntoKey<M, K> for K {
    fn into_key(self) -> K {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<M: Entity, K: Key> IntoKey<M, K> for &K {
    fn into_key(self) -> K {
        self.clone()
    }
}

/// A key that does not say of which model it is, unlike an [`Id`]
pub trait PlainKey<M: Entity, K = <M as Entity>::Key>: IntoKey<M, K> {}
#[diagnostic::do_not_recommend]
impl<M: Entity, K: Key> PlainKey<M, K> for K {}
#[diagnostic::do_not_recommend]
impl<M: Entity, K: Key> PlainKey<M, K> for &K {}

macro_rules! text_keys {
    ($($text:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<M: Entity> IntoKey<M, Str> for $text {
            fn into_key(self) -> Str {
                self.into()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<M: Entity> PlainKey<M, Str> for $text {}

        impl<M: Entity<Key = Str>> From<$text> for Id<M> {
            fn from(key: $text) -> Self {
                Self(key.into())
            }
        }
    )*};
}
text_keys!(&str, String, &String);

macro_rules! to_and_from {
    ($($key:ty),*) => {$(
        impl<M: Entity<Key = $key>> From<$key> for Id<M> {
            fn from(key: $key) -> Self {
                Self(key)
            }
        }

        impl<M: Entity<Key = $key>> From<Id<M>> for $key {
            fn from(id: Id<M>) -> Self {
                id.0
            }
        }
    )*};
}
to_and_from!(i16, i32, i64, u16, u32, u64, Str);

impl<M: Entity<Key = Str>> From<Id<M>> for String {
    fn from(id: Id<M>) -> Self {
        id.0.into()
    }
}

impl<M: Entity<Key: FromStr>> FromStr for Id<M> {
    type Err = <M::Key as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// As its key
impl<M, ST, DB> ToSql<ST, DB> for Id<M>
where
    M: Entity<Key: ToSql<ST, DB>>,
    DB: diesel::backend::Backend,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// As its key; one of a `CHAR(n)` column without the spaces that it was filled up with, as everywhere here
impl<M, ST, DB> FromSql<ST, DB> for Id<M>
where
    M: Entity<Key: FromSql<ST, DB>>,
    DB: Knows<ST>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        read_key::<ST, M::Key, DB>(value).map(Self)
    }
}

impl<M, ST, DB> Queryable<ST, DB> for Id<M>
where
    M: Entity,
    ST: SingleValue,
    DB: Dialect,
    Self: FromSql<ST, DB>,
{
    type Row = Self;

    fn build(row: Self) -> deserialize::Result<Self> {
        Ok(row)
    }
}

/// As its key
impl<M, ST> AsExpression<ST> for Id<M>
where
    M: Entity<Key: AsExpression<ST>>,
    ST: SqlType + TypedExpressionType,
{
    type Expression = <M::Key as AsExpression<ST>>::Expression;

    fn as_expression(self) -> Self::Expression {
        self.0.as_expression()
    }
}

/// As its key
impl<'a, M, ST> AsExpression<ST> for &'a Id<M>
where
    M: Entity,
    &'a M::Key: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
    type Expression = <&'a M::Key as AsExpression<ST>>::Expression;

    fn as_expression(self) -> Self::Expression {
        self.0.as_expression()
    }
}
