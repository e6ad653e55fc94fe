//! MySQL and MariaDB: a bind for each key.

use diesel::connection::{AnsiTransactionManager, CacheSize, Connection as _, SimpleConnection};
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::dsl::sql;
use diesel::mysql::{Mysql, MysqlConnection, MysqlType, MysqlValue};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Double, HasSqlType, Nullable, SingleValue, Text, Unsigned};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::{
    Begin, BindsKeys, Connection, Dialect, KeyList, Kind, Knows, Standing, System, milliseconds,
    of_one_system,
};
use crate::key::Key;

impl Connection for MysqlConnection {
    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("mysql", _)) => Ok(url),
            Some((scheme, _)) => {
                Err(format!("`{scheme}://…` names another database; mysql://… was expected"))
            }
            None => Err("mysql://user:password@host:port/database was expected".to_owned()),
        }
    }

    /// A deadlock rolls back everything, a lock that was waited for too long if `innodb_rollback_on_timeout` is on.
    fn standing(&mut self, error: &Error) -> Standing {
        // With autocommit off another transaction would be found open.
        if matches!(error, Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) {
            return Standing::Gone;
        }
        match self.has_open_transaction() {
            Ok(true) => Standing::Open,
            Ok(false) => Standing::Gone,
            Err(_) => Standing::Lost,
        }
    }

    /// Outside of a transaction a savepoint is gone as soon as it was made, unless autocommit is off. BEGIN would commit what
    /// is open.
    fn has_open_transaction(&mut self) -> QueryResult<bool> {
        self.batch_execute("SAVEPOINT orm_core_is_open")?;
        Ok(self.batch_execute("RELEASE SAVEPOINT orm_core_is_open").is_ok())
    }

    fn commits_at_once(&mut self) -> QueryResult<bool> {
        setting::<BigInt, i64>(self, "autocommit").map(|on| on != 0)
    }

    fn lacks_windows(&mut self) -> QueryResult<Option<String>> {
        let version: String = setting::<Text, _>(self, "version")?;
        Ok((!has_windows(&version)).then_some(version))
    }

    fn default_of(&mut self, table: &str, column: &str) -> QueryResult<Option<String>> {
        let (schema, table) = match &mut names(table)[..] {
            [table] => (None, std::mem::take(table)),
            [schema, table] => (Some(std::mem::take(schema)), std::mem::take(table)),
            _ => return Ok(None),
        };
        let found: Vec<ColumnDefault> = diesel::sql_query(
            "SELECT column_default AS expression, extra, VERSION() AS version FROM information_schema.columns \
             WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND column_name = ?",
        )
        .bind::<Nullable<Text>, _>(schema)
        .bind::<Text, _>(table)
        .bind::<Text, _>(column)
        .load(self)?;
        Ok(found.into_iter().find_map(ColumnDefault::expression))
    }

    fn lacks(&self, begin: &Begin) -> Option<&'static str> {
        if begin.deferrable {
            Some("deferrable transactions")
        } else {
            begin.immediate.then_some("immediate transactions")
        }
    }

    /// Isolation is that of the next transaction alone, the time-outs are those of the connection.
    fn begin_with(&mut self, begin: &Begin) -> QueryResult<Option<String>> {
        let (mut first, mut last) = (String::new(), String::new());
        if let Some(timeout) = begin.lock_timeout {
            // Whole seconds; 0 does not wait at all.
            let seconds = milliseconds(timeout).div_ceil(1000);
            first += &format!("SET innodb_lock_wait_timeout = {seconds};");
            let before = setting::<BigInt, i64>(self, "innodb_lock_wait_timeout")?;
            last += &format!("SET innodb_lock_wait_timeout = {before};");
        }
        if let Some(timeout) = begin.statement_timeout {
            // Of MariaDB in seconds, of MySQL (SELECTs alone) in milliseconds; each has but its own.
            let (name, value, before) = match setting::<Double, f64>(self, "max_statement_time") {
                Ok(before) => ("max_statement_time", timeout.as_secs_f64().max(0.001), before),
                Err(_) => {
                    let before = setting::<BigInt, i64>(self, "max_execution_time")?;
                    ("max_execution_time", milliseconds(timeout).into(), before as f64)
                }
            };
            first += &format!("SET {name} = {value};");
            last += &format!("SET {name} = {before};");
        }
        if let Some(isolation) = begin.isolation {
            first += &format!("SET TRANSACTION ISOLATION LEVEL {};", isolation.sql());
        }
        first += if begin.read_only { "START TRANSACTION READ ONLY" } else { "BEGIN" };
        let begun = AnsiTransactionManager::begin_transaction_sql(self, &first);
        if begun.is_err() && !last.is_empty() {
            self.batch_execute(&last)?;
        }
        begun.map(|()| Some(last).filter(|last| !last.is_empty()))
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

/// Whether a server of this version has window functions: MySQL since 8.0, MariaDB since 10.2
fn has_windows(version: &str) -> bool {
    // TiDB has them, whatever MySQL it says that it is.
    if version.contains("TiDB") {
        return true;
    }
    // Some of MariaDB's versions stand behind that of an old MySQL, as in the protocol's greeting.
    let own = version.strip_prefix("5.5.5-").unwrap_or(version);
    let first = if version.contains("MariaDB") { (10, 2) } else { (8, 0) };
    let mut numbers = own.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    numbers.next().is_none_or(|major| (major, numbers.next().unwrap_or_default()) >= first)
}

/// What the catalogue says of a column's default
#[derive(QueryableByName)]
struct ColumnDefault {
    #[diesel(sql_type = Nullable<Text>)]
    expression: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    extra: Option<String>,
    #[diesel(sql_type = Text)]
    version: String,
}

impl ColumnDefault {
    /// MariaDB shows text in quotes, MySQL as it is: there an expression is told by a word of its own.
    fn expression(self) -> Option<String> {
        let is_made = self.extra.is_some_and(|extra| extra.contains("DEFAULT_GENERATED"));
        let is_expression = |default: &String| {
            let is_literal = default.starts_with('\'') || !default.contains('(');
            is_made || (self.version.contains("MariaDB") && !is_literal)
        };
        self.expression.filter(is_expression)
    }
}

/// The names in one that SQL quotes: that of a table, and before it that of its schema
fn names(quoted: &str) -> Vec<String> {
    let (mut names, mut name, mut is_open) = (Vec::new(), String::new(), false);
    let mut letters = quoted.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '`' if is_open && letters.next_if_eq(&'`').is_some() => name.push('`'),
            '`' => is_open = !is_open,
            '.' if !is_open => names.push(std::mem::take(&mut name)),
            letter => name.push(letter),
        }
    }
    names.push(name);
    names
}

/// A setting of this connection
fn setting<ST, T>(connection: &mut MysqlConnection, name: &str) -> QueryResult<T>
where
    ST: diesel::sql_types::SqlType
        + SingleValue
        + diesel::expression::TypedExpressionType
        + diesel::query_builder::QueryId,
    Mysql: diesel::expression::QueryMetadata<ST>,
    T: FromSqlRow<ST, Mysql> + 'static,
{
    // As a number, whatever it is: of a system variable diesel would find another type.
    diesel::select(sql::<ST>(&format!("@@{name}"))).get_result(connection)
}

impl Dialect for Mysql {
    /// The type in which the field's values are sent
    type Check = MysqlType;

    const SYSTEM: &'static System = &System {
        kind: Kind::Mysql,
        name: "MySQL",
        has_server: true,
        commits_by_itself: true,
        max_binds: 65_535,
        has_values: false,
        has_returning: false,
        has_on_conflict: false,
        has_row_locks: true,
        cuts_spaces: true,
        has_affinity: false,
        pads_bytes: true,
        rounds_reals: true,
        has_default: true,
    };

    of_one_system!();

    /// Fractions of numbers and of seconds are rounded to what the column has places for; a name of an ENUM is written as it was
    /// declared.
    fn may_alter(_: &System, check: MysqlType) -> bool {
        use MysqlType::{DateTime, Enum, Float, Numeric, Set, Time, Timestamp};
        matches!(check, Numeric | Float | DateTime | Timestamp | Time | Enum | Set)
    }

    /// A `CASE` of a double and of what a DECIMAL column holds is a double: the decimal loses its last places.
    fn can_mix(_: &System, check: MysqlType) -> bool {
        !matches!(check, MysqlType::Double | MysqlType::Float)
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
        super::weight::<Self, ST, V>(value, &mut (), super::BYTE)
    }

    fn push_number<'b>(number: &'b i64, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// The sum of integers is a DECIMAL, which is sent as text; the least of them is an integer.
    fn read_whole(value: MysqlValue<'_>) -> diesel::deserialize::Result<i128> {
        match value.value_type() {
            MysqlType::Numeric => super::whole_of_text(std::str::from_utf8(value.as_bytes())?),
            MysqlType::UnsignedLongLong => {
                Ok(<u64 as FromSql<Unsigned<BigInt>, Self>>::from_sql(value)?.into())
            }
            MysqlType::Float | MysqlType::Double => whole_of_real(Self::read_real(value)?),
            _ => Ok(<i64 as FromSql<BigInt, Self>>::from_sql(value)?.into()),
        }
    }

    #[cfg(feature = "numeric")]
    fn read_decimal(value: MysqlValue<'_>) -> diesel::deserialize::Result<bigdecimal::BigDecimal> {
        diesel::deserialize::FromSql::<diesel::sql_types::Numeric, Self>::from_sql(value)
    }

    fn read_real(value: MysqlValue<'_>) -> diesel::deserialize::Result<f64> {
        FromSql::<Double, Self>::from_sql(value)
    }

    /// The protocol has typed values, but diesel reads text and truth from the bytes of whatever it is given, and cuts off
    /// fractions and times of day.
    #[inline]
    fn verify(wanted: MysqlType, value: &mut MysqlValue<'_>) -> Result<(), String> {
        if value.value_type() == wanted { Ok(()) } else { compare(wanted, value) }
    }
}

impl<ST> Knows<ST> for Mysql
where
    Self: HasSqlType<ST>,
{
    #[inline]
    fn check() -> Self::Check {
        <Self as HasSqlType<ST>>::metadata(&mut ())
    }
}

impl<ST, K> BindsKeys<ST, K> for Mysql
where
    Self: HasSqlType<ST>,
    ST: SingleValue + 'static,
    K: Key + ToSql<ST, Self>,
{
    fn push_keys<'b>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
        super::push_key_binds(&list.keys, out)
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
        // The least of a column of floats is a double.
        (Float, Double) => is_single(value.as_bytes()),
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

/// What a server computes with a value that is bound is a double, whatever was bound; beyond 2⁵³ it may have been rounded.
fn whole_of_real(real: f64) -> diesel::deserialize::Result<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if real.fract() == 0.0 && real.abs() < EXACT {
        return Ok(real as i128);
    }
    Err(format!(
        "an integer was expected, the database has computed the floating-point number {real}; a value that is bound makes it do \
         so: write `sql::<Integer>(\"2\")` in its place"
    )
    .into())
}

/// Whether a double is one of those that a float holds
fn is_single(bytes: &[u8]) -> bool {
    bytes.try_into().map(f64::from_ne_bytes).is_ok_and(|double| f64::from(double as f32) == double)
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

#[cfg(test)]
mod tests {
    use super::{ColumnDefault, has_windows, names};

    #[test]
    fn who_has_window_functions() {
        let have = [
            "8.0.36",
            "8.4.0-log",
            "9.1.0",
            "10.11.19-MariaDB-0+deb12u1",
            "5.5.5-10.2.6-MariaDB",
            "11.4.2-MariaDB",
            "8.0.11-TiDB-v7.5.0",
            "5.7.25-TiDB-v6.1.0",
            "?",
        ];
        assert!(have.into_iter().all(has_windows));
        let lack =
            ["5.7.44-log", "5.6.10", "10.1.48-MariaDB", "5.5.5-10.1.48-MariaDB-0+deb9u2", "5.5.68-MariaDB"];
        assert!(!lack.into_iter().any(has_windows));
    }

    #[test]
    fn a_name_is_read_as_it_is_quoted() {
        assert_eq!(names("`partners`"), ["partners"]);
        assert_eq!(names("`of.one`.`a``b`"), ["of.one", "a`b"]);
    }

    #[test]
    fn an_expression_is_told_from_text() {
        let default = |expression: &str, extra: &str, version: &str| {
            let (expression, extra, version) =
                (Some(expression.to_owned()), Some(extra.to_owned()), version.to_owned());
            ColumnDefault { expression, extra, version }.expression().is_some()
        };
        assert!(default("uuid()", "", "10.11.19-MariaDB"));
        assert!(default("uuid()", "DEFAULT_GENERATED", "8.0.36"));
        assert!(!default("uuid()", "", "8.0.36"), "that is text");
        assert!(!default("'uuid()'", "", "10.11.19-MariaDB"));
        assert!(!default("77", "", "10.11.19-MariaDB"));
    }
}
