//! MySQL and MariaDB: a bind for each key.

use diesel::QueryResult;
use diesel::connection::{CacheSize, Connection as _, SimpleConnection};
use diesel::mysql::{Mysql, MysqlConnection, MysqlType, MysqlValue};
use diesel::query_builder::AstPass;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, SingleValue};

use super::{Connection, Dialect, KeyList};
use crate::key::Key;

impl Connection for MysqlConnection {
    const NAME: &'static str = "MySQL";

    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("mysql", _)) => Ok(url),
            Some((scheme, _)) => {
                Err(format!("`{scheme}://…` names another database; mysql://… was expected"))
            }
            None => Err("mysql://user:password@host:port/database was expected".to_owned()),
        }
    }

    /// A deadlock rolls back everything, a lock that was waited for too long if `innodb_rollback_on_timeout` is on. Outside of
    /// a transaction a savepoint is gone as soon as it was made; BEGIN would commit what is open.
    fn has_lost_transaction(&mut self) -> bool {
        self.batch_execute("SAVEPOINT orm_core_is_open").is_ok()
            && self.batch_execute("RELEASE SAVEPOINT orm_core_is_open").is_err()
            && self.batch_execute("BEGIN").is_ok()
    }

    /// A prepared SELECT that failed when rows were coming already (a lock that was waited for too long, a deadlock, a time
    /// limit, `KILL QUERY`) leaves libmariadb in a state in which the next execution waits for an answer for ever. diesel
    /// forgets its statements all at once; one that broke a constraint did not come that far.
    fn forget_failed_statement(&mut self, error: Option<&Error>) {
        use DatabaseErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
        let is_violation = matches!(
            error,
            Some(Error::DatabaseError(
                CheckViolation | ForeignKeyViolation | NotNullViolation | UniqueViolation,
                _
            ))
        );
        if !is_violation {
            self.set_prepared_statement_cache_size(CacheSize::Disabled);
            self.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
    }
}

impl Dialect for Mysql {
    /// The type in which the field's values are sent
    type Check = MysqlType;

    const MAX_BINDS: usize = 65_535;
    const HAS_VALUES: bool = false;
    const HAS_RETURNING: bool = false;
    const HAS_DEFAULT: bool = true;

    fn key_list<K: Key>(keys: Vec<K>) -> KeyList<K> {
        KeyList { keys, json: None, ends: None }
    }

    fn push_keys<'b, ST, K>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()>
    where
        Self: HasSqlType<ST>,
        ST: SingleValue + 'static,
        K: Key + ToSql<ST, Self>,
    {
        super::push_key_binds(&list.keys, out)
    }

    #[inline]
    fn check<ST>() -> MysqlType
    where
        Self: HasSqlType<ST>,
    {
        <Self as HasSqlType<ST>>::metadata(&mut ())
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// The protocol has typed values, but diesel reads text and truth from the bytes of whatever it is given, and cuts off
    /// fractions and times of day.
    #[inline]
    fn verify(wanted: MysqlType, value: &mut MysqlValue<'_>) -> Result<(), String> {
        if value.value_type() == wanted { Ok(()) } else { compare(wanted, value) }
    }
}

/// Whether a value of another type is the one that the field's type would hold: the same number, the same text.
#[cold]
#[inline(never)]
fn compare(wanted: MysqlType, value: &MysqlValue<'_>) -> Result<(), String> {
    use MysqlType::{
        Bit, Blob, Date, DateTime, Double, Enum, Float, Long, LongLong, Numeric, Set, Short, String, Time,
        Timestamp, Tiny, UnsignedLong, UnsignedLongLong, UnsignedShort, UnsignedTiny,
    };
    let found = value.value_type();
    let is_sound = match (wanted, found) {
        // A truth is a TINYINT to diesel, and all that is not made of zeros is true: the text of a decimal is not. A bit is.
        (Tiny, Numeric) => false,
        (Tiny, Bit) => true,
        // diesel says which number is too large, and cuts off the fraction of a decimal.
        (
            Tiny | UnsignedTiny | Short | UnsignedShort | Long | UnsignedLong | LongLong | UnsignedLongLong,
            Tiny | UnsignedTiny | Short | UnsignedShort | Long | UnsignedLong | LongLong | UnsignedLongLong,
        ) => true,
        (
            UnsignedTiny | Short | UnsignedShort | Long | UnsignedLong | LongLong | UnsignedLongLong,
            Numeric,
        ) => {
            let digits = value.as_bytes();
            digits.iter().skip_while(|&&digit| digit != b'.').skip(1).all(|&digit| digit == b'0')
        }
        (Float | Double, Tiny | UnsignedTiny | Short | UnsignedShort | Numeric) => true,
        (Double, Long | UnsignedLong | Float) => true,
        (
            Numeric,
            Tiny | UnsignedTiny | Short | UnsignedShort | Long | UnsignedLong | LongLong | UnsignedLongLong,
        ) => true,
        (DateTime | Timestamp, DateTime | Timestamp) => true,
        // Text with a collation that compares bytes is sent as a blob is. A decimal is sent as text.
        (String | Enum | Set, String | Enum | Set | Blob | Numeric) | (Blob, String | Enum | Set | Bit) => {
            true
        }
        (
            Tiny | UnsignedTiny | Short | UnsignedShort | Long | UnsignedLong | LongLong | UnsignedLongLong
            | Float | Double | Numeric | Date | Time | DateTime | Timestamp | String | Enum | Set | Blob
            | Bit,
            _,
        ) => false,
        // A type that diesel has learned since.
        _ => true,
    };
    if is_sound {
        return Ok(());
    }
    Err(format!("{} was expected, the column holds {}", name(wanted), name(found)))
}

fn name(kind: MysqlType) -> &'static str {
    match kind {
        MysqlType::Tiny | MysqlType::UnsignedTiny => "a tinyint",
        MysqlType::Short | MysqlType::UnsignedShort => "a smallint",
        MysqlType::Long | MysqlType::UnsignedLong => "an integer",
        MysqlType::LongLong | MysqlType::UnsignedLongLong => "a bigint",
        MysqlType::Float => "a float",
        MysqlType::Double => "a double",
        MysqlType::Numeric => "a decimal",
        MysqlType::Date => "a date",
        MysqlType::Time => "a time",
        MysqlType::DateTime | MysqlType::Timestamp => "a date with a time",
        MysqlType::String | MysqlType::Enum | MysqlType::Set => "text",
        MysqlType::Blob => "a blob",
        MysqlType::Bit => "bits",
        _ => "another type",
    }
}
