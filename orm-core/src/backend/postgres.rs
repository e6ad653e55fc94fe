//! PostgreSQL: all keys of a batch are one array bind.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection as _, SimpleConnection, TransactionManager,
};
use diesel::deserialize::FromSql;
use diesel::dsl::sql;
use diesel::pg::{Pg, PgConnection, PgMetadataLookup, PgTypeMetadata, PgValue};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::r2d2::R2D2Connection;
use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand, Unknown};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Bool, Double, HasSqlType, SingleValue, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::{
    Begin, BindsKeys, Connection, Dialect, KeyList, Kind, Knows, Numbers, Standing, System, milliseconds,
    of_one_system,
};
use crate::error::has_nature;
use crate::key::Key;

impl Connection for PgConnection {
    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(url),
            _ if is_settings(url) => Ok(url),
            Some((scheme, _)) if scheme.chars().all(char::is_alphanumeric) => {
                Err(format!("`{scheme}://…` names another database; postgres://… was expected"))
            }
            _ => Err("postgres://user:password@host:port/database was expected".to_owned()),
        }
    }

    /// Every error aborts, and a COMMIT then rolls back, without an error. diesel follows what libpq knows of the connection, but not
    /// that it is gone. What could not be sent may have been too long.
    fn standing(&mut self, error: &Error) -> Standing {
        let is_cut_off =
            |error: &Error| matches!(error, Error::DatabaseError(ClosedConnection | UnableToSendCommand, _));
        if is_cut_off(error) && self.ping().is_err_and(|error| is_cut_off(&error)) {
            return Standing::Lost;
        }
        match AnsiTransactionManager::transaction_manager_status_mut(self).transaction_depth() {
            Ok(Some(_)) => Standing::Aborted,
            Ok(None) => Standing::Gone,
            Err(_) => Standing::Lost,
        }
    }

    /// A setting of the transaction alone is gone with the statement that has made it where there is none. An error would
    /// tell as much, but stand in the server's log.
    fn has_open_transaction(&mut self) -> QueryResult<bool> {
        let set = "set_config('orm_core.in_transaction', 'yes', true)";
        let is_set = "coalesce(current_setting('orm_core.in_transaction', true), '') = 'yes'";
        let answer = diesel::select(sql::<Text>(set))
            .execute(self)
            .and_then(|_| diesel::select(sql::<Bool>(is_set)).get_result(self));
        match answer {
            // One that an error has aborted answers nothing.
            Err(Error::DatabaseError(Unknown, _)) => Ok(true),
            answer => answer,
        }
    }

    /// Diesel keeps the text of the error alone.
    fn has_expired(error: &Error) -> bool {
        matches!(error, Error::DatabaseError(_, information)
            if information.message() == "cached plan must not change result type")
    }

    /// Each use of such a statement would fail. A server that does not speak English says so in words that nobody here knows: where there is no
    /// transaction whatever is not known may be that.
    fn forget_failed_statement(&mut self, error: Option<&Error>) {
        let Some(error) = error else { return };
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        let is_alone = matches!(status.transaction_depth(), Ok(None));
        let may_have_expired =
            is_alone && matches!(error, Error::DatabaseError(Unknown, _)) && !has_nature(error);
        if Self::has_expired(error) || may_have_expired {
            self.set_prepared_statement_cache_size(CacheSize::Disabled);
            self.set_prepared_statement_cache_size(CacheSize::Unbounded);
            // So that the server does not keep them; in a transaction, which is over, it takes no statement any more.
            if is_alone {
                let _ = self.batch_execute("DEALLOCATE ALL");
            }
        }
    }

    fn lacks(&self, begin: &Begin) -> Option<&'static str> {
        begin.immediate.then_some("immediate transactions")
    }

    fn begin_with(&mut self, begin: &Begin) -> QueryResult<Option<String>> {
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = begin.isolation {
            sql += &format!(" ISOLATION LEVEL {}", isolation.sql());
        }
        if begin.read_only {
            sql += " READ ONLY";
        }
        if begin.deferrable {
            sql += " DEFERRABLE";
        }
        for (setting, timeout) in
            [("lock_timeout", begin.lock_timeout), ("statement_timeout", begin.statement_timeout)]
        {
            if let Some(timeout) = timeout {
                sql += &format!("; SET LOCAL {setting} = {}", milliseconds(timeout));
            }
        }
        AnsiTransactionManager::begin_transaction_sql(self, &sql).map(|()| None)
    }
}

/// Whether this is libpq's other way to write an address: `host=localhost dbname=demo`, or nothing at all. Of what is
/// neither, libpq's message would tell the password.
fn is_settings(url: &str) -> bool {
    let name = url.trim_start().split(['=', ' ']).next().unwrap_or_default();
    url.trim().is_empty() || (url.contains('=') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

/// Stands where diesel would ask the database for the number of a type: only those of built-in types are needed.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

/// The built-in types that must not be taken for each other; the same name stands for what is read alike.
fn kind(oid: u32) -> Option<&'static str> {
    Some(match oid {
        16 => "a boolean",
        17 => "bytea",
        20 => "a bigint",
        21 => "a smallint",
        23 => "an integer",
        // text, name, json, char(n), varchar
        25 | 19 | 114 | 1042 | 1043 => "text",
        700 => "a real",
        701 => "a double precision",
        1082 => "a date",
        1083 => "a time",
        // without and with time zone
        1114 | 1184 => "a timestamp",
        1700 => "a numeric",
        2950 => "a uuid",
        3802 => "jsonb",
        _ => return None,
    })
}

#[cold]
fn compare(wanted: u32, found: u32) -> Result<(), String> {
    match (kind(wanted), kind(found)) {
        (Some(wanted), Some(found)) if wanted != found => {
            Err(format!("{wanted} was expected, the column holds {found}"))
        }
        _ => Ok(()),
    }
}

/// The types `numeric` and `numeric[]`
const NUMERIC: u32 = 1700;
const NUMERICS: u32 = 1231;

impl Dialect for Pg {
    /// The number of the type, 0 where it is not built in
    type Check = u32;

    const SYSTEM: &'static System = &System {
        kind: Kind::Postgres,
        name: "PostgreSQL",
        has_server: true,
        commits_by_itself: false,
        max_binds: 65_535,
        has_values: true,
        has_returning: true,
        has_on_conflict: true,
        has_row_locks: true,
        cuts_spaces: true,
        has_affinity: false,
        pads_bytes: false,
        rounds_reals: false,
        has_default: true,
    };

    of_one_system!();

    /// Times are kept to the microsecond, numbers as their column says, those of JSONB too, bounds of ranges in one form; `CHAR(n)` is padded. Arrays are
    /// as their items.
    fn may_alter(_: &System, oid: u32) -> bool {
        const NUMBERS: [u32; 2] = [NUMERIC, NUMERICS];
        const TIMES: [u32; 10] = [1083, 1183, 1114, 1115, 1184, 1185, 1186, 1187, 1266, 1270];
        const RANGES: [u32; 12] = [3904, 3905, 3906, 3907, 3908, 3909, 3910, 3911, 3912, 3913, 3926, 3927];
        const MULTIRANGES: [u32; 12] =
            [4451, 4532, 4533, 4534, 4535, 4536, 6150, 6151, 6152, 6153, 6155, 6157];
        const PADDED: [u32; 2] = [1042, 1014];
        // Their numbers are decimals: 1e2 is 100, and -0.0 is 0.0.
        const JSONB: [u32; 2] = [3802, 3807];
        [&NUMBERS[..], &TIMES, &RANGES, &MULTIRANGES, &PADDED, &JSONB].iter().any(|all| all.contains(&oid))
    }

    fn bound<ST, V>(value: &V) -> Option<String>
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>,
    {
        super::bound::<Self, ST, V>(value, &mut BuiltIn)
    }

    fn weight<ST, V>(value: &V) -> usize
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>,
    {
        super::weight::<Self, ST, V>(value, &mut BuiltIn, super::BYTE)
    }

    fn push_number<'b>(number: &'b i64, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// The sum of BIGINTs is a NUMERIC, of others a BIGINT; of REALs a REAL, which has six digits.
    fn around(_: &System, function: &str, numbers: Numbers) -> [String; 2] {
        match numbers {
            Numbers::Whole => [format!("CAST({function}("), ") AS TEXT)".to_owned()],
            Numbers::Real => [format!("{function}(CAST("), " AS DOUBLE PRECISION))".to_owned()],
            Numbers::Own => [format!("{function}("), ")".to_owned()],
        }
    }

    fn read_whole(value: PgValue<'_>) -> diesel::deserialize::Result<i128> {
        super::whole_of_text(std::str::from_utf8(value.as_bytes())?)
    }

    #[cfg(feature = "numeric")]
    fn read_decimal(value: PgValue<'_>) -> diesel::deserialize::Result<bigdecimal::BigDecimal> {
        diesel::deserialize::FromSql::<diesel::sql_types::Numeric, Self>::from_sql(value)
    }

    fn read_real(value: PgValue<'_>) -> diesel::deserialize::Result<f64> {
        FromSql::<Double, Self>::from_sql(value)
    }

    /// In the binary protocol four letters are as good as an integer: diesel looks at the length alone.
    #[inline]
    fn verify(wanted: u32, value: &mut PgValue<'_>) -> Result<(), String> {
        let found = value.get_oid().get();
        if found == wanted { Ok(()) } else { compare(wanted, found) }
    }
}

impl<ST> Knows<ST> for Pg
where
    Self: HasSqlType<ST>,
{
    #[inline]
    fn check() -> Self::Check {
        <Self as HasSqlType<ST>>::metadata(&mut BuiltIn).oid().unwrap_or(0)
    }
}

impl<ST, K> BindsKeys<ST, K> for Pg
where
    Self: HasSqlType<ST>,
    ST: SingleValue + 'static,
    K: Key + ToSql<ST, Self>,
{
    fn push_keys<'b>(list: &'b KeyList<K>, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<ST>, Vec<K>>(&list.keys)?;
        out.push_sql(")");
        Ok(())
    }
}
