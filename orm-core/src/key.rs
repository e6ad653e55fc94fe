//! Primary keys: how they are named, bound and read.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::deserialize::FromSql;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::is_nullable::NotNull;
use diesel::sql_types::{HasSqlType, Nullable, SingleValue, SqlType};

use crate::backend::{Dialect, KeyList};
use crate::fragment::{joined, separated};
use crate::{Model, Record, Result, Str};

/// A type that can be a primary key: `i16`, `i32`, `i64`, unsigned on MySQL, text, `uuid::Uuid`, or what else diesel binds and reads
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + 'static {
    /// The key as text, for messages
    #[doc(hidden)]
    fn text(&self) -> Str {
        match (self as &dyn Any).downcast_ref::<Str>() {
            Some(text) => text.clone(),
            None => Str::from(format!("{self:?}")),
        }
    }

    /// The key as a number, if it is a whole one; decided by type when it is compiled
    #[doc(hidden)]
    #[inline(always)]
    fn number(&self) -> Option<i64> {
        let key = self as &dyn Any;
        if let Some(&key) = key.downcast_ref::<i32>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<i64>() {
            Some(key)
        } else if let Some(&key) = key.downcast_ref::<i16>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<u32>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<u64>() {
            key.try_into().ok()
        } else {
            key.downcast_ref::<u16>().map(|&key| key.into())
        }
    }

    /// The key that is a whole number, where keys of this type are
    #[doc(hidden)]
    fn of_number(number: i64) -> Option<Self> {
        fn as_key<N: TryFrom<i64> + 'static, K: 'static>(number: i64) -> Option<K> {
            (&mut N::try_from(number).ok() as &mut dyn Any).downcast_mut::<Option<K>>()?.take()
        }
        as_key::<i32, Self>(number)
            .or_else(|| as_key::<i64, Self>(number))
            .or_else(|| as_key::<i16, Self>(number))
            .or_else(|| as_key::<u32, Self>(number))
            .or_else(|| as_key::<u64, Self>(number))
            .or_else(|| as_key::<u16, Self>(number))
    }

    /// Whether all keys of this type are numbers that [`number`](Self::number) gives
    #[doc(hidden)]
    fn is_number() -> bool {
        let of = TypeId::of::<Self>();
        let signed = [TypeId::of::<i16>(), TypeId::of::<i32>(), TypeId::of::<i64>()];
        signed.contains(&of) || [TypeId::of::<u16>(), TypeId::of::<u32>()].contains(&of)
    }

    /// Writes the key as JSON if it can be one; tells whether it did.
    #[doc(hidden)]
    fn write_json(&self, out: &mut String) -> bool {
        use fmt::Write;
        let key = self as &dyn Any;
        let written = if let Some(n) = self.number() {
            write!(out, "{n}")
        } else if let Some(text) = key.downcast_ref::<Str>() {
            // A NUL would end the text inside SQLite's JSON.
            if text.contains('\0') {
                return false;
            }
            write_json_text(text, out)
        } else {
            return false;
        };
        written.is_ok()
    }

    #[doc(hidden)]
    fn heap_bytes(&self) -> usize {
        (self as &dyn Any).downcast_ref::<Str>().and_then(Str::heap_bytes).unwrap_or(0)
    }
}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + 'static> Key for K {}

fn write_json_text(text: &str, out: &mut String) -> fmt::Result {
    use fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32)?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

/// What names a record of a model with keys of type `K`: the key itself, a reference to it, an [`Id`], a `&str` for text
pub trait IntoKey<K> {
    /// The key
    fn into_key(self) -> K;
}

impl<K: Key> IntoKey<K> for K {
    fn into_key(self) -> K {
        self
    }
}

impl<K: Key> IntoKey<K> for &K {
    fn into_key(self) -> K {
        self.clone()
    }
}

impl IntoKey<Str> for &str {
    fn into_key(self) -> Str {
        self.into()
    }
}

impl IntoKey<Str> for String {
    fn into_key(self) -> Str {
        self.into()
    }
}

impl IntoKey<Str> for &String {
    fn into_key(self) -> Str {
        self.into()
    }
}

/// A key that does not say of which model it is, unlike an [`Id`]
pub trait PlainKey<K>: IntoKey<K> {}
impl<K: Key> PlainKey<K> for K {}
impl<K: Key> PlainKey<K> for &K {}
impl PlainKey<Str> for &str {}
impl PlainKey<Str> for String {}
impl PlainKey<Str> for &String {}

impl<M: Model> IntoKey<M::Key> for Id<M> {
    fn into_key(self) -> M::Key {
        self.0
    }
}

/// How a primary key is bound and read
pub trait KeyCodec<DB: Dialect>: 'static {
    /// The key's Rust type
    type Key: Key;
    /// What was read of the columns before the last one
    type Parts: Default;
    /// Writes the condition that columns hold one of these keys.
    fn push_condition<'b>(
        list: &'b KeyList<Self::Key>,
        columns: ColumnNames<'b>,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>;
    /// Binds one column of a key, or the NULL that stands in its place in a link
    fn push_one<'b>(key: Option<&'b Self::Key>, part: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
    /// Reads a column that is not the last one.
    fn part(parts: &mut Self::Parts, part: usize, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError>;
    /// Reads the last column, and gives the key.
    fn read(parts: &mut Self::Parts, value: Option<DB::RawValue<'_>>) -> Result<Self::Key, BoxError>;
}

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Columns of a table, as statements name them
#[derive(Debug, Clone, Copy)]
pub struct ColumnNames<'b> {
    /// The table, as SQL names it
    pub(crate) table: &'b str,
    pub(crate) names: &'static [&'static str],
}

impl ColumnNames<'_> {
    /// `"table"."column"`
    pub(crate) fn push<DB: Backend>(self, part: usize, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(self.table);
        out.push_sql(".");
        out.push_identifier(self.names.get(part).copied().unwrap_or_default())
    }

    /// All of them, with commas between
    pub(crate) fn push_all<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        separated(out, 0..self.names.len(), |out, part| self.push(part, out))
    }
}

/// NULL, as a bind of any nullable type
#[derive(Debug)]
pub(crate) struct SqlNull;

impl<ST, DB: Backend> ToSql<Nullable<ST>, DB> for SqlNull
where
    ST: SqlType<IsNull = NotNull>,
{
    fn to_sql<'b>(&'b self, _: &mut Output<'b, '_, DB>) -> serialize::Result {
        Ok(IsNull::Yes)
    }
}

/// The [`KeyCodec`] of keys of type `K` in columns of SQL type `ST`
#[derive(Debug)]
pub struct KeyOf<K, ST>(PhantomData<(K, ST)>);

impl<DB, K, ST> KeyCodec<DB> for KeyOf<K, ST>
where
    DB: Dialect + HasSqlType<ST>,
    ST: SingleValue + SqlType<IsNull = NotNull> + 'static,
    K: Key + ToSql<ST, DB> + FromSql<ST, DB>,
{
    type Key = K;
    type Parts = ();

    fn push_one<'b>(key: Option<&'b K>, _: usize, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match key {
            Some(key) => out.push_bind_param::<ST, K>(key),
            None => out.push_bind_param::<Nullable<ST>, SqlNull>(&SqlNull),
        }
    }

    fn push_condition<'b>(
        list: &'b KeyList<K>,
        columns: ColumnNames<'b>,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        columns.push(0, &mut out)?;
        DB::push_keys::<ST, K>(list, out)
    }

    fn part((): &mut (), _: usize, _: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        Ok(())
    }

    #[inline(always)]
    fn read((): &mut (), value: Option<DB::RawValue<'_>>) -> Result<K, BoxError> {
        let Some(mut value) = value else { return K::from_nullable_sql(None) };
        DB::verify(DB::check::<ST>(), &mut value)?;
        let is_padded = DB::is_padded(&value);
        let key = K::from_sql(value)?;
        Ok(if is_padded { trimmed(key) } else { key })
    }
}

/// A key without the spaces that it was filled up with
#[cold]
fn trimmed<K: Key>(mut key: K) -> K {
    if let Some(text) = (&mut key as &mut dyn Any).downcast_mut::<Str>() {
        *text = Str::from(text.trim_end_matches(' '));
    }
    key
}

/// The [`KeyCodec`] of keys of several columns, each with a codec of its own
#[derive(Debug)]
pub struct KeyOfSeveral<T>(PhantomData<T>);

/// `(a, b) IN (…)`, with the last key repeated up to a power of two
fn push_rows<'b, DB: Dialect, K>(
    keys: &'b [K],
    columns: ColumnNames<'b>,
    mut out: AstPass<'_, 'b, DB>,
    push_one: impl Fn(&'b K, usize, AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    let parts = columns.names.len();
    match keys {
        [] => {
            out.push_sql("1 = 0");
            Ok(())
        }
        [key] => joined(" AND ", &mut out, 0..parts, |out, part| {
            columns.push(part, out)?;
            out.push_sql(" = ");
            push_one(key, part, out.reborrow())
        }),
        [.., last] => {
            out.push_sql("(");
            columns.push_all(&mut out)?;
            out.push_sql(if DB::HAS_VALUES { ") IN (VALUES " } else { ") IN (" });
            let padding = keys.len().next_power_of_two() - keys.len();
            let padded = keys.iter().chain(std::iter::repeat_n(last, padding));
            separated(&mut out, padded, |out, key| {
                out.push_sql("(");
                separated(out, 0..parts, |out, part| push_one(key, part, out.reborrow()))?;
                out.push_sql(")");
                Ok(())
            })?;
            out.push_sql(")");
            Ok(())
        }
    }
}

macro_rules! keys_of_several {
    ($($codec:ident $index:tt),*; $last:ident $at:tt) => {
        impl<DB: Dialect, $($codec: KeyCodec<DB>,)* $last: KeyCodec<DB>> KeyCodec<DB>
            for KeyOfSeveral<($($codec,)* $last,)>
        {
            type Key = ($($codec::Key,)* $last::Key,);
            type Parts = ($(Option<$codec::Key>,)*);

            fn push_one<'b>(
                key: Option<&'b Self::Key>,
                part: usize,
                out: AstPass<'_, 'b, DB>,
            ) -> QueryResult<()> {
                match part {
                    $($index => $codec::push_one(key.map(|key| &key.$index), 0, out),)*
                    _ => $last::push_one(key.map(|key| &key.$at), 0, out),
                }
            }

            fn push_condition<'b>(
                list: &'b KeyList<Self::Key>,
                columns: ColumnNames<'b>,
                out: AstPass<'_, 'b, DB>,
            ) -> QueryResult<()> {
                push_rows(&list.keys, columns, out, |key, part, out| Self::push_one(Some(key), part, out))
            }

            fn part(
                parts: &mut Self::Parts,
                part: usize,
                value: Option<DB::RawValue<'_>>,
            ) -> Result<(), BoxError> {
                match part {
                    $($index => parts.$index = Some($codec::read(&mut Default::default(), value)?),)*
                    _ => {}
                }
                Ok(())
            }

            fn read(parts: &mut Self::Parts, value: Option<DB::RawValue<'_>>) -> Result<Self::Key, BoxError> {
                Ok((
                    $(parts.$index.take().ok_or("a column of the key is missing")?,)*
                    $last::read(&mut Default::default(), value)?,
                ))
            }
        }
    };
}
keys_of_several!(A 0; B 1);
keys_of_several!(A 0, B 1; C 2);
keys_of_several!(A 0, B 1, C 2; D 3);

/// The key of a record of `M`, as it stands in a column that links to it
///
/// In a model's struct it makes a to-one link: `country_id: Id<Country>` where the column is NOT NULL,
/// `Option<Id<Country>>` where it is nullable.
// No `Hash`: it would make an `Id` a `Key`, and `IntoKey` could not tell the two apart.
pub struct Id<M: Model>(M::Key);

impl<M: Model> Id<M> {
    /// The id with this key
    pub fn new(key: impl IntoKey<M::Key>) -> Self {
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

impl<M: Model> From<Record<'_, M>> for Id<M> {
    fn from(record: Record<'_, M>) -> Self {
        Self(record.id())
    }
}

impl<M: Model> From<&Record<'_, M>> for Id<M> {
    fn from(record: &Record<'_, M>) -> Self {
        record.clone().into()
    }
}

impl<M: Model> Clone for Id<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Model<Key: Copy>> Copy for Id<M> {}

impl<M: Model> PartialEq for Id<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<M: Model> Eq for Id<M> {}

impl<M: Model<Key: Ord>> PartialOrd for Id<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M: Model<Key: Ord>> Ord for Id<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<M: Model> fmt::Debug for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", M::NAME, self.0.text())
    }
}

impl<M: Model> fmt::Display for Id<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.text())
    }
}

/// A primary key of one column
#[diagnostic::on_unimplemented(
    message = "the primary key of this table has several columns",
    label = "this is only a part of the key",
    note = "mark all of them: `#[model(primary_key(order_id, number))]` on the struct; a model whose key is not the whole \
            key would take several rows for one"
)]
pub trait OneColumn {}
#[diagnostic::do_not_recommend]
impl<C: diesel::Column> OneColumn for C {}

/// Called by generated code, to compare a model's key with diesel's.
pub const fn one_column<K: OneColumn>() {}

/// A primary key of the columns of `K`
#[diagnostic::on_unimplemented(
    message = "the primary key of this table is another one",
    label = "diesel's `table!` names other columns",
    note = "name the columns of the key as the `table!` does, in the same order: `diesel::table! {{ lines (order_id, number) {{ … }} }}`"
)]
pub trait SameColumns<K> {}
#[diagnostic::do_not_recommend]
impl<K> SameColumns<K> for K {}

/// Called by generated code, to compare a model's key with diesel's.
pub const fn several_columns<P: SameColumns<K>, K>() {}

/// A column's SQL type that holds keys of the type `K`
#[diagnostic::on_unimplemented(
    message = "a link's column has the type of the key that it leads to, `{K}`; this one is `{Self}`",
    label = "the column is of another SQL type, or the link and the column are not both nullable",
    note = "an `Option<Id<…>>` is for a nullable column, an `Id<…>` for one that is NOT NULL; both have the SQL type of the other table's key"
)]
pub trait HoldsKey<K, const NULLABLE: bool> {}
#[diagnostic::do_not_recommend]
impl<ST> HoldsKey<ST, false> for ST {}
#[diagnostic::do_not_recommend]
impl<ST> HoldsKey<ST, true> for Nullable<ST> where ST: SqlType<IsNull = NotNull> {}

/// Called by generated code, to compare a link's column with the key that it leads to.
pub const fn holds_key<T: Model, ST, const NULLABLE: bool>()
where
    ST: HoldsKey<<T::KeyColumn as diesel::Expression>::SqlType, NULLABLE>,
{
}

/// The SQL types of several columns that hold keys of the types `K`
#[diagnostic::on_unimplemented(
    message = "a link's columns have the types of the key that it leads to, `{K}`; these are `{Self}`",
    label = "the columns are of other SQL types, or the link and the columns are not both nullable",
    note = "`columns(…)` names as many columns as the other key has, in its order"
)]
pub trait HoldsKeys<K, const NULLABLE: bool> {}

macro_rules! holds_keys {
    ($($of:ident $key:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<$($of: HoldsKey<$key, NULLABLE>, $key,)* const NULLABLE: bool> HoldsKeys<($($key,)*), NULLABLE>
            for ($($of,)*)
        {
        }
    };
}
holds_keys!(A KA, B KB);
holds_keys!(A KA, B KB, C KC);
holds_keys!(A KA, B KB, C KC, D KD);

/// Called by generated code, to compare a link's columns with the key that it leads to.
pub const fn holds_keys<T: Model, ST, const NULLABLE: bool>()
where
    ST: HoldsKeys<<T::KeyColumn as diesel::Expression>::SqlType, NULLABLE>,
{
}
