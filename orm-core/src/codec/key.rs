//! How a primary key is bound and read.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::deserialize::FromSql;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::is_nullable::NotNull;
use diesel::sql_types::{Nullable, SingleValue, SqlType};

use super::altered;
use crate::backend::{BindsKeys, Dialect, KeyList, Knows, System};
use crate::error::BoxError;
use crate::fragment::{joined, separated};
use crate::key::Key;

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
    /// Whether a column may hold another value than the key that it is given: it rounds, cuts or pads
    fn may_alter(system: &System, key: &Self::Key) -> bool;
    /// Reads a column that is not the last one.
    fn part(parts: &mut Self::Parts, part: usize, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError>;
    /// Reads the last column, and gives the key.
    fn read(parts: &mut Self::Parts, value: Option<DB::RawValue<'_>>) -> Result<Self::Key, BoxError>;
}

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

/// NULL, as a bind of any type: also where it stands for no value of a column that has none
#[derive(Debug)]
pub(crate) struct SqlNull;

impl<ST, DB: Backend> ToSql<ST, DB> for SqlNull {
    fn to_sql<'b>(&'b self, _: &mut Output<'b, '_, DB>) -> serialize::Result {
        Ok(IsNull::Yes)
    }
}

/// The [`KeyCodec`] of keys of type `K` in columns of SQL type `ST`
#[derive(Debug)]
pub struct KeyOf<K, ST>(PhantomData<(K, ST)>);

impl<DB, K, ST> KeyCodec<DB> for KeyOf<K, ST>
where
    DB: BindsKeys<ST, K>,
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
        <DB as BindsKeys<ST, K>>::push_keys(list, out)
    }

    fn may_alter(system: &System, key: &K) -> bool {
        DB::may_alter(system, <DB as Knows<ST>>::check())
            || altered::may_be_key::<K, ST>(system, key, || DB::bound::<ST, K>(key))
    }

    fn part((): &mut (), _: usize, _: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        Ok(())
    }

    #[inline(always)]
    fn read((): &mut (), value: Option<DB::RawValue<'_>>) -> Result<K, BoxError> {
        let Some(value) = value else { return K::from_nullable_sql(None) };
        read_key::<ST, K, DB>(value)
    }
}

/// The key that a column holds
#[inline(always)]
pub(crate) fn read_key<ST, K, DB>(mut value: DB::RawValue<'_>) -> Result<K, BoxError>
where
    DB: Knows<ST>,
    K: Key + FromSql<ST, DB>,
{
    DB::verify(<DB as Knows<ST>>::check(), &mut value)?;
    K::from_sql(value)
}

/// The [`KeyCodec`] of keys of several columns, each with a codec of its own
#[derive(Debug)]
pub struct KeyOfSeveral<T>(PhantomData<T>);

/// `(a, b) IN (…)`, with the last key repeated up to a power of two
fn push_rows<'b, DB: Dialect, K>(
    list: &'b KeyList<K>,
    columns: ColumnNames<'b>,
    mut out: AstPass<'_, 'b, DB>,
    push_one: impl Fn(&'b K, usize, AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    let parts = columns.names.len();
    match &*list.keys {
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
            out.push_sql(if list.system.has_values { ") IN (VALUES " } else { ") IN (" });
            let padding = list.keys.len().next_power_of_two() - list.keys.len();
            let padded = list.keys.iter().chain(std::iter::repeat_n(last, padding));
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
                push_rows(list, columns, out, |key, part, out| Self::push_one(Some(key), part, out))
            }

            fn may_alter(system: &System, key: &Self::Key) -> bool {
                $($codec::may_alter(system, &key.$index) ||)* $last::may_alter(system, &key.$at)
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
