//! SQLite: keys as a range or in one JSON bind, columns whose declared type is only a wish.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, LoadConnection, SimpleConnection};
use diesel::deserialize::FromSql;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::Error;
use diesel::row::{Field as _, Row};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, SingleValue, Text};
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteType, SqliteValue};
use diesel::{QueryResult, sql_query};

use super::{
    Begin, BindsKeys, Connection, Dialect, KeyList, Kind, Knows, Standing, System, milliseconds,
    of_one_system,
};
use crate::key::Key;

impl Connection for SqliteConnection {
    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("sqlite", path)) => Ok(path),
            Some(("file", _)) | None => Ok(url.strip_prefix("sqlite:").unwrap_or(url)),
            Some((scheme, _)) => Err(format!(
                "`{scheme}://…` names another database; a file name, with or without sqlite://, was expected \
                 (for another backend write `Environment::<PgConnection>::connect`)"
            )),
        }
    }

    /// A trigger that says `RAISE(ROLLBACK, …)` says whatever it likes, as does a constraint with `ON CONFLICT ROLLBACK`.
    fn standing(&mut self, _: &Error) -> Standing {
        if matches!(self.has_open_transaction(), Ok(false)) { Standing::Gone } else { Standing::Open }
    }

    /// One that is open cannot be begun.
    fn has_open_transaction(&mut self) -> QueryResult<bool> {
        if self.batch_execute("BEGIN").is_err() {
            return Ok(true);
        }
        self.batch_execute("ROLLBACK").map(|()| false)
    }

    /// Transactions are serializable, whatever was asked.
    fn lacks(&self, begin: &Begin) -> Option<&'static str> {
        if begin.deferrable {
            Some("deferrable transactions")
        } else {
            begin.statement_timeout.map(|_| "time-out for statements")
        }
    }

    fn begin_with(&mut self, begin: &Begin) -> QueryResult<Option<String>> {
        let (mut first, mut last) = (String::new(), String::new());
        if let Some(timeout) = begin.lock_timeout {
            first += &format!("PRAGMA busy_timeout = {};", milliseconds(timeout));
            last += &format!("PRAGMA busy_timeout = {};", pragma(self, "busy_timeout")?);
        }
        if begin.read_only {
            first += "PRAGMA query_only = 1;";
            last += &format!("PRAGMA query_only = {};", pragma(self, "query_only")?);
        }
        let sql = if begin.immediate { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let begun = self
            .batch_execute(&first)
            .and_then(|()| AnsiTransactionManager::begin_transaction_sql(self, sql));
        if begun.is_err() {
            self.batch_execute(&last)?;
        }
        begun.map(|()| Some(last).filter(|last| !last.is_empty()))
    }

    fn set_busy_timeout(&mut self, timeout: Option<Duration>) {
        // Whoever sets another than 0, which SQLite has, means it. What cannot be asked is not set.
        let timeout = timeout.or_else(|| {
            let is_unset = matches!(pragma(self, "busy_timeout"), Ok(0));
            is_unset.then_some(BUSY_TIMEOUT)
        });
        if let Some(timeout) = timeout {
            let _ = self.batch_execute(&format!("PRAGMA busy_timeout = {}", milliseconds(timeout)));
        }
    }
}

/// What a connection is given that waits for nothing: as long as Python's and .NET's drivers wait, or nearly
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Not as a function in a SELECT: that reads the schema, and fails where the file is locked.
fn pragma(connection: &mut SqliteConnection, name: &str) -> QueryResult<i64> {
    let mut rows = LoadConnection::load(connection, sql_query(format!("PRAGMA {name}")))?;
    let row = rows.next().ok_or(Error::NotFound)??;
    let value = row.get(0).ok_or(Error::NotFound)?;
    <i64 as FromSql<BigInt, Sqlite>>::from_nullable_sql(value.value()).map_err(Error::DeserializationError)
}

impl Dialect for Sqlite {
    type Check = SqliteType;

    const SYSTEM: &'static System = &System {
        kind: Kind::Sqlite,
        name: "SQLite",
        has_server: false,
        commits_by_itself: false,
        max_binds: 32_766,
        has_values: true,
        has_returning: true,
        has_on_conflict: true,
        has_row_locks: false,
        cuts_spaces: false,
        has_affinity: true,
        pads_bytes: false,
        rounds_reals: false,
        has_default: false,
    };

    of_one_system!();

    fn key_list<K: Key>(system: &'static System, keys: Vec<K>) -> KeyList<K> {
        let mut list = KeyList { ends: ends(&keys), ..KeyList::plain(system, keys) };
        if list.keys.len() > 1 && list.ends.is_none() {
            let mut text = String::with_capacity(2 + 8 * list.keys.len());
            text.push('[');
            let all = list.keys.iter().enumerate().all(|(i, key)| {
                if i > 0 {
                    text.push(',');
                }
                key.write_json(&mut text)
            });
            text.push(']');
            list.json = all.then_some(text);
        }
        list
    }

    /// What is bound is what is kept.
    fn may_alter(_: &System, _: SqliteType) -> bool {
        false
    }

    fn bound<ST, V>(value: &V) -> Option<String>
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>,
    {
        super::bound::<Self, ST, V>(value, &mut ())
    }

    fn weight<ST, V>(value: &V) -> usize
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>,
    {
        // Text is told of as text.
        super::weight::<Self, ST, V>(value, &mut (), 1)
    }

    fn push_number<'b>(number: &'b i64, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// A sum of anything but integers is a fraction.
    fn read_whole<'a>(mut value: SqliteValue<'a, 'a, 'a>) -> diesel::deserialize::Result<i128> {
        Self::verify(SqliteType::Long, &mut value)?;
        Ok(value.read_long().into())
    }

    #[cfg(feature = "numeric")]
    fn read_decimal<'a>(
        mut value: SqliteValue<'a, 'a, 'a>,
    ) -> diesel::deserialize::Result<bigdecimal::BigDecimal> {
        Self::verify(SqliteType::Double, &mut value)?;
        diesel::deserialize::FromSql::<diesel::sql_types::Numeric, Self>::from_sql(value)
    }

    fn read_real<'a>(mut value: SqliteValue<'a, 'a, 'a>) -> diesel::deserialize::Result<f64> {
        Self::verify(SqliteType::Double, &mut value)?;
        Ok(value.read_double())
    }

    fn is_sum_too_large(error: &Error) -> bool {
        matches!(error, Error::DatabaseError(_, information) if information.message() == "integer overflow")
    }

    /// SQLite reads the text `abc` in a column of integers as 0, 1.5 as 1 and 5,000,000,000 as 705,032,704: nobody
    /// would see it. Text is read as diesel reads it, whatever the column holds.
    #[inline(always)]
    fn verify(check: SqliteType, value: &mut SqliteValue<'_, '_, '_>) -> Result<(), String> {
        use SqliteType::{Binary, Double, Float, Integer, Long, SmallInt, Text};
        let sound = match check {
            Text | Binary => return Ok(()),
            Integer => value.value_type() == Some(Long) && i32::try_from(value.read_long()).is_ok(),
            SmallInt => value.value_type() == Some(Long) && i16::try_from(value.read_long()).is_ok(),
            Long => value.value_type() == Some(Long),
            Float | Double => matches!(value.value_type(), Some(Long | Double)),
        };
        if sound { Ok(()) } else { Err(unsound(check, value)) }
    }
}

impl<ST> Knows<ST> for Sqlite
where
    Self: HasSqlType<ST>,
{
    #[inline(always)]
    fn check() -> Self::Check {
        <Self as HasSqlType<ST>>::metadata(&mut ())
    }
}

impl<ST, K> BindsKeys<ST, K> for Sqlite
where
    Self: HasSqlType<ST>,
    ST: SingleValue + 'static,
    K: Key + ToSql<ST, Self>,
{
    fn push_keys<'b>(list: &'b KeyList<K>, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        if let Some((first, last)) = &list.ends {
            out.push_sql(" BETWEEN ");
            out.push_bind_param::<ST, K>(first)?;
            out.push_sql(" AND ");
            return out.push_bind_param::<ST, K>(last);
        }
        let Some(json) = &list.json else { return super::push_key_binds(&list.keys, out) };
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, str>(json)?;
        out.push_sql("))");
        Ok(())
    }
}

/// The first and the last of several keys, if each is the whole number after the one before it
///
/// `BETWEEN` them finds the same rows as naming each, but needs no table of the keys and no look-up for each. (It also
/// finds a fraction between two of them, where a column holds one: that is an error, as it is wherever it is read.)
/// For SQLite alone: other databases have indexes and partitions by hash, which are of no use to a range.
fn ends<K: Key>(keys: &[K]) -> Option<(K, K)> {
    let follows = |pair: &[K]| match (pair[0].number(), pair[1].number()) {
        (Some(key), Some(next)) => key.checked_add(1) == Some(next),
        _ => false,
    };
    match keys {
        [first, .., last] if keys.windows(2).all(follows) => Some((first.clone(), last.clone())),
        _ => None,
    }
}

/// What a column holds instead of what was expected
#[cold]
#[inline(never)]
fn unsound(check: SqliteType, value: &mut SqliteValue<'_, '_, '_>) -> String {
    let wanted = match check {
        SqliteType::Float | SqliteType::Double => "a number",
        _ => "an integer",
    };
    let held = match value.value_type() {
        Some(SqliteType::Text) => "text".to_owned(),
        Some(SqliteType::Binary) => "a blob".to_owned(),
        Some(SqliteType::Double | SqliteType::Float) => "a fraction".to_owned(),
        _ => format!("{}, which does not fit the field's type", value.read_long()),
    };
    format!("{wanted} was expected, the column holds {held}")
}
