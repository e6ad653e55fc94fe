//! What differs between the databases: how keys are bound, what a column may hold, how a connection is named.

mod begin;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt::{self, Debug, Write as _};
use std::time::Duration;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::FromSql;
use diesel::query_builder::{AstPass, BindCollector};
use diesel::r2d2::R2D2Connection;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, SingleValue};

pub(crate) use begin::Begin;
pub use begin::Isolation;

use crate::key::Key;

/// A diesel connection that an [`Environment`](crate::Environment) can stand on
///
/// Implemented for diesel's connections whose feature is on: `SqliteConnection`, `PgConnection`, `MysqlConnection`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that orm-core can use",
    note = "with one backend feature of orm-core on (\"sqlite\", \"postgres\", \"mysql\") the model uses that one; \
            with several, say which: `#[model(connection = diesel::PgConnection)]`; with none, turn one on",
    note = "an environment takes a connection by value; over one that is lent there is `Environment::over(&mut connection, |env| …)`"
)]
pub trait Connection:
    LoadConnection + diesel::Connection<Backend: Dialect> + R2D2Connection + Send + Sized + 'static
{
    /// The database system's name, for messages
    #[doc(hidden)]
    const NAME: &'static str;

    /// What diesel's `establish` takes, from what a user may write; an error says what is wrong with it.
    #[doc(hidden)]
    fn database_url(url: &str) -> Result<&str, String>;

    /// Whether a connection may break, and one that is made after it leads to the same rows; one to a database in this process neither
    /// breaks nor would, if that is in memory
    #[doc(hidden)]
    const HAS_SERVER: bool = true;

    /// Whether the database commits an open transaction before it runs statements of some kinds
    #[doc(hidden)]
    const COMMITS_BY_ITSELF: bool = false;

    /// What a statement that failed in a transaction has left of it.
    #[doc(hidden)]
    fn standing(&mut self, error: &diesel::result::Error) -> Standing;

    /// Whether a transaction is open, by whatever statement it was begun: asked where diesel does not count any.
    #[doc(hidden)]
    fn has_open_transaction(&mut self) -> QueryResult<bool>;

    /// Whether a statement is committed at once where no transaction was begun
    #[doc(hidden)]
    fn commits_at_once(&mut self) -> QueryResult<bool> {
        Ok(true)
    }

    /// The expression that is the default of a column, of a table as SQL names it, where INSERT does not return keys; `None` if it is none
    #[doc(hidden)]
    fn default_of(&mut self, table: &str, column: &str) -> QueryResult<Option<String>> {
        let _ = (table, column);
        Ok(None)
    }

    /// What of the options this database does not have
    #[doc(hidden)]
    fn lacks(begin: &Begin) -> Option<&'static str>;

    /// Begins a transaction with options; gives the statement that is to be sent when it is over.
    #[doc(hidden)]
    fn begin_with(&mut self, begin: &Begin) -> QueryResult<Option<String>>;

    /// Sets how long a lock is waited for, where the server does not; `None`: unless somebody has said it already
    #[doc(hidden)]
    fn set_busy_timeout(&mut self, timeout: Option<Duration>) {
        let _ = timeout;
    }

    /// Whether a statement failed because it was prepared for tables that have another form now
    #[doc(hidden)]
    fn has_expired(error: &diesel::result::Error) -> bool {
        let _ = error;
        false
    }

    /// Called after each statement that failed, with diesel's error where it is known: prepared statements that are of no use
    /// any more are forgotten.
    #[doc(hidden)]
    fn forget_failed_statement(&mut self, error: Option<&diesel::result::Error>) {
        let _ = error;
    }
}

/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))))]
pub type DefaultConnection = diesel::SqliteConnection;
/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))))]
pub type DefaultConnection = diesel::PgConnection;
/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))))]
pub type DefaultConnection = diesel::MysqlConnection;
/// No or several backend features are on: each model says `#[model(connection = …)]`
#[cfg(not(any(
    all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
    all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
    all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
)))]
pub type DefaultConnection = Unspecified;

/// What there is left of a transaction
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(unreachable_pub)]
pub enum Standing {
    /// All of it but the statement that failed
    Open,
    /// Nothing that could be committed: it is to be rolled back, to a savepoint at least
    Aborted,
    /// Nothing: the database has ended it
    Gone,
    /// Nothing, nor is there a connection
    Lost,
}

/// Stands for the connection that has to be named when no or several backend features are on
#[derive(Debug)]
#[allow(unreachable_pub)]
#[cfg(not(any(
    all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
    all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
    all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
)))]
pub enum Unspecified {}

/// The keys of one statement, in the form that the backend binds them
#[derive(Debug)]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub struct KeyList<K> {
    pub(crate) keys: Vec<K>,
    /// SQLite: all keys in one bind, as a JSON array
    pub(crate) json: Option<String>,
    /// SQLite: the first and the last, if the keys are all whole numbers between them
    pub(crate) ends: Option<(K, K)>,
}

/// In what an aggregate is counted, and so how it is asked for and read
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Whole numbers, of any size
    Whole,
    /// Floating-point numbers of double precision
    Real,
    /// Values of the column's own type
    Own,
}

/// What the statements of this crate need to know of a backend
pub trait Dialect: Backend<QueryBuilder: Default> + Default {
    /// A check of what a column really holds, for backends whose columns may hold anything
    type Check: Copy;

    /// The most binds that one statement takes
    const MAX_BINDS: usize;
    /// Whether a list of `VALUES` may stand in place of a table, in an UPDATE too; the other way is `CASE`
    const HAS_VALUES: bool;
    /// Whether a statement that writes can return the keys of its rows; the other ways are to look at the rows before,
    /// and to ask for the number of the first one that was inserted
    const HAS_RETURNING: bool;
    /// Whether single rows can be locked
    const HAS_ROW_LOCKS: bool;
    /// Whether an INSERT can be told by which unique key rows may be there already; the other way is to look at the key in the
    /// assignments, and for the rows afterwards
    const HAS_ON_CONFLICT: bool;
    /// Whether columns cut spaces off the end of a text: those that are too many, or all of them
    const CUTS_SPACES: bool;
    /// Whether `DEFAULT` may stand in place of a value that is inserted
    const HAS_DEFAULT: bool;

    /// Brings keys into the form in which they are bound.
    fn key_list<K: Key>(keys: Vec<K>) -> KeyList<K>;

    /// Writes ` = ?`, ` IN (…)` or what else the backend does best with.
    ///
    /// A statement's text depends on as few different list lengths as possible, so that prepared statements are
    /// found again.
    fn push_keys<'b, ST, K>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()>
    where
        Self: HasSqlType<ST>,
        ST: SingleValue + 'static,
        K: Key + ToSql<ST, Self>;

    /// The check for columns of a type
    fn check<ST>() -> Self::Check
    where
        Self: HasSqlType<ST>;

    /// Whether a column of a type may hold another value than it was given: it rounds, cuts or pads
    fn may_alter(check: Self::Check) -> bool;

    /// Whether values of a type, and what a column holds already, may be the values of one expression, unchanged
    fn can_mix(check: Self::Check) -> bool {
        let _ = check;
        true
    }

    /// What stands for a value as it is bound, to compare it with others; `None` if it cannot be bound
    fn bound<ST, V>(value: &V) -> Option<String>
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>;

    /// About how many bytes a value is as it is bound; 0 if it cannot be bound
    fn weight<ST, V>(value: &V) -> usize
    where
        Self: HasSqlType<ST>,
        V: ToSql<ST, Self>;

    /// Binds a number of the statement's own.
    fn push_number<'b>(number: &'b i64, out: AstPass<'_, 'b, Self>) -> QueryResult<()>;

    /// Reads what `COUNT` gives.
    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize>;

    /// What stands before and behind the argument of an aggregate function, so that what it gives can be read
    fn around(function: &str, numbers: Numbers) -> [String; 2] {
        let _ = numbers;
        [format!("{function}("), ")".to_owned()]
    }

    /// Reads what an aggregate function gives of whole numbers: more than a column of them can hold.
    fn read_whole(value: Self::RawValue<'_>) -> diesel::deserialize::Result<i128>;

    /// Reads what an aggregate function gives of floating-point numbers.
    fn read_real(value: Self::RawValue<'_>) -> diesel::deserialize::Result<f64>;

    /// Reads what an aggregate function gives of decimals.
    #[cfg(feature = "numeric")]
    fn read_decimal(value: Self::RawValue<'_>) -> diesel::deserialize::Result<bigdecimal::BigDecimal>;

    /// Whether a sum is an error where it is more than an integer holds: then it is asked for in halves
    fn is_sum_too_large(error: &diesel::result::Error) -> bool {
        let _ = error;
        false
    }

    /// Says what is wrong with a value that would otherwise be read as something that it is not.
    fn verify(check: Self::Check, value: &mut Self::RawValue<'_>) -> Result<(), String>;
}

/// As the databases take time-outs: at least one millisecond, as most take 0 for none at all, and as many as they can count
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
fn milliseconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX as u32)
}

/// [`Dialect::read_count`] of every backend
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
fn read_count<DB>(value: Option<DB::RawValue<'_>>) -> diesel::deserialize::Result<usize>
where
    DB: Backend,
    i64: FromSql<BigInt, DB>,
{
    Ok(i64::from_nullable_sql(value)?.try_into()?)
}

/// [`Dialect::bound`] of every backend: diesel shows what it has collected, and nothing else of it
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
fn bound<'a, DB, ST, V>(value: &'a V, lookup: &mut DB::MetadataLookup) -> Option<String>
where
    DB: Backend<BindCollector<'a>: Default + Debug> + HasSqlType<ST>,
    V: ToSql<ST, DB>,
{
    let mut binds = DB::BindCollector::default();
    binds.push_bound_value::<ST, V>(value, lookup).ok()?;
    Some(format!("{binds:?}"))
}

/// About how many bytes a value is as it is bound, by how `Debug` tells of it, which has `letters` for each: diesel says it in no
/// other way
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
fn weight<'a, DB, ST, V>(value: &'a V, lookup: &mut DB::MetadataLookup, letters: usize) -> usize
where
    DB: Backend<BindCollector<'a>: Default + Debug> + HasSqlType<ST>,
    V: ToSql<ST, DB>,
{
    let (mut binds, mut written) = (DB::BindCollector::default(), Written(0));
    let pushed = binds.push_bound_value::<ST, V>(value, lookup);
    if pushed.is_ok() {
        // An error is where it stops: so much is a statement of its own.
        let _ = write!(written, "{binds:?}");
    }
    written.0 / letters
}

/// Letters in which `Debug` tells of a byte of text: its number, a comma and a space
#[cfg(any(feature = "postgres", feature = "mysql"))]
const BYTE: usize = 4;

/// How many letters were written, up to as many as any statement has
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
struct Written(usize);

impl fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        if self.0 < 1 << 26 { Ok(()) } else { Err(fmt::Error) }
    }
}

/// A whole number that is sent as text, with or without a fraction of zeros
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn whole_of_text(text: &str) -> diesel::deserialize::Result<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err(format!("an integer was expected, the database has computed {text}").into());
    }
    Ok(whole.parse()?)
}

/// ` IN (?, ?, …)`, the number of binds filled up to a power of two by repeating the last key, so that eleven
/// statement texts serve all batches up to 1024 keys.
#[cfg(any(feature = "sqlite", feature = "mysql"))]
fn push_key_binds<'b, DB, ST, K>(keys: &'b [K], mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<ST>,
    K: ToSql<ST, DB>,
{
    if let [key] = keys {
        out.push_sql(" = ");
        return out.push_bind_param::<ST, K>(key);
    }
    let Some(last) = keys.last() else {
        out.push_sql(" IN (NULL)");
        return Ok(());
    };
    out.push_sql(" IN (");
    let padding = keys.len().next_power_of_two() - keys.len();
    for (i, key) in keys.iter().chain(std::iter::repeat_n(last, padding)).enumerate() {
        if i > 0 {
            out.push_sql(", ");
        }
        out.push_bind_param::<ST, K>(key)?;
    }
    out.push_sql(")");
    Ok(())
}
