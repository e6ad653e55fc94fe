//! What differs between the databases: how keys are bound, what a column may hold, how a connection is named.

#[cfg(all(feature = "any", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub(crate) mod any;
mod begin;
pub(crate) mod default;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod several;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt::{self, Debug, Write as _};
use std::time::Duration;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::FromSql;
use diesel::query_builder::{AstPass, BindCollector, QueryFragment};
use diesel::r2d2::R2D2Connection;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType};

pub use begin::{Begin, Isolation};

use crate::Error;
use crate::error::Address;
use crate::key::Key;

/// A diesel connection that an [`Environment`](crate::Environment) can stand on
///
/// Implemented for diesel's connections whose feature is on: `SqliteConnection`, `PgConnection`, `MysqlConnection`; for `AnyConnection`
/// (feature "any"), and by [`multi_connection!`](crate::multi_connection) for an application's own `MultiConnection`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that orm-core can use",
    note = "with one backend feature of orm-core on (\"sqlite\", \"postgres\", \"mysql\") the model uses that one; \
            with several, say which, once in the crate root: `orm_core::connection!(diesel::PgConnection);`, \
            or for one model: `#[model(connection = diesel::PgConnection)]`; with none, turn one on",
    note = "an environment takes a connection by value; over one that is lent there is `Environment::over(&mut connection, |env| …)`"
)]
pub trait Connection:
    LoadConnection + diesel::Connection<Backend: Dialect> + R2D2Connection + Send + Sized + 'static
{
    /// Which database system it is
    #[doc(hidden)]
    fn system(&self) -> &'static System {
        Self::Backend::SYSTEM
    }

    /// Connects, by what a user may write.
    #[doc(hidden)]
    fn open(url: &str) -> crate::Result<Self> {
        let system = Self::Backend::SYSTEM;
        let address = Self::database_url(url).map_err(|message| Error::connection(system.name, message))?;
        Self::establish(address).map_err(|error| {
            let shown = if system.has_server { Address::of_server(url) } else { Address::of_file(url) };
            Error::connection(system.name, shown.failed(&error))
        })
    }

    /// What diesel's `establish` takes, from what a user may write; an error says what is wrong with it.
    #[doc(hidden)]
    fn database_url(url: &str) -> Result<&str, String>;

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

    /// The server's version, if it is one that has no window functions yet
    #[doc(hidden)]
    fn lacks_windows(&mut self) -> QueryResult<Option<String>> {
        Ok(None)
    }

    /// The expression that is the default of a column, of a table as SQL names it, where INSERT does not return keys; `None` if it is none
    #[doc(hidden)]
    fn default_of(&mut self, table: &str, column: &str) -> QueryResult<Option<String>> {
        let _ = (table, column);
        Ok(None)
    }

    /// What of the options this database does not have
    #[doc(hidden)]
    fn lacks(&self, begin: &Begin) -> Option<&'static str>;

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

/// A connection that is to SQLite, or may be
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no busy time-out",
    note = "it is SQLite's; of other databases see `TransactionOptions::lock_timeout`"
)]
pub trait MayBeSqlite: Connection {}

#[cfg(feature = "sqlite")]
impl MayBeSqlite for diesel::SqliteConnection {}

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

/// The keys of one statement, in the form that the backend binds them
#[derive(Debug)]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub struct KeyList<K> {
    pub(crate) keys: Vec<K>,
    /// SQLite: all keys in one bind, as a JSON array
    pub(crate) json: Option<String>,
    /// SQLite: the first and the last, if the keys are all whole numbers between them
    pub(crate) ends: Option<(K, K)>,
    pub(crate) system: &'static System,
}

impl<K> KeyList<K> {
    /// Keys with a bind for each
    #[doc(hidden)]
    pub fn plain(system: &'static System, keys: Vec<K>) -> Self {
        Self { keys, json: None, ends: None, system }
    }

    /// Which database system it is for
    pub fn system(&self) -> &'static System {
        self.system
    }
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

/// What the statements of this crate need to know of a database system
#[doc(hidden)]
#[derive(Debug)]
#[allow(unreachable_pub)]
pub struct System {
    pub(crate) kind: Kind,
    /// Its name, for messages
    pub(crate) name: &'static str,
    /// Whether a connection may break, and one that is made after it leads to the same rows; one to a database in this process neither
    /// breaks nor would, if that is in memory
    pub(crate) has_server: bool,
    /// Whether it commits an open transaction before it runs statements of some kinds
    pub(crate) commits_by_itself: bool,
    /// The most binds that one statement takes
    pub(crate) max_binds: usize,
    /// Whether a list of `VALUES` may stand in place of a table, in an UPDATE too; the other way is `CASE`
    pub(crate) has_values: bool,
    /// Whether a statement that writes can return the keys of its rows; the other ways are to look at the rows before,
    /// and to ask for the number of the first one that was inserted
    pub(crate) has_returning: bool,
    /// Whether single rows can be locked
    pub(crate) has_row_locks: bool,
    /// Whether an INSERT can be told by which unique key rows may be there already; the other way is to look at the key in the
    /// assignments, and for the rows afterwards
    pub(crate) has_on_conflict: bool,
    /// Whether columns cut spaces off the end of a text: those that are too many, or all of them
    pub(crate) cuts_spaces: bool,
    /// Whether a column that is not declared as text makes a number of text that is one, and keeps decimals as floating-point numbers
    pub(crate) has_affinity: bool,
    /// Whether columns fill bytes up with zeros
    pub(crate) pads_bytes: bool,
    /// Whether columns of floating-point numbers may be declared to have so many places
    pub(crate) rounds_reals: bool,
    /// Whether `DEFAULT` may stand in place of a value that is inserted
    pub(crate) has_default: bool,
}

/// The database systems
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(unreachable_pub)]
#[cfg_attr(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
pub enum Kind {
    Sqlite,
    Postgres,
    Mysql,
}

/// What the statements of this crate need to know of a backend of diesel's, which may be that of several database systems: `system` says
/// which one it is
pub trait Dialect: Backend {
    /// A check of what a column really holds, for backends whose columns may hold anything
    type Check: Copy;

    /// The database system; of a backend that can be several one of them, which a connection puts right
    const SYSTEM: &'static System;

    /// Whether a connection has to be asked which it is
    const IS_SEVERAL: bool = false;

    /// A statement's text, without its values
    fn text(system: &System, statement: &dyn QueryFragment<Self>) -> QueryResult<String>;

    /// A statement's text, and its values, as diesel tells of them
    fn describe(system: &System, statement: &dyn QueryFragment<Self>) -> String;

    /// Brings keys into the form in which they are bound.
    fn key_list<K: Key>(system: &'static System, keys: Vec<K>) -> KeyList<K> {
        KeyList::plain(system, keys)
    }

    /// Whether a column of a type may hold another value than it was given: it rounds, cuts or pads
    fn may_alter(system: &System, check: Self::Check) -> bool;

    /// Whether values of a type, and what a column holds already, may be the values of one expression, unchanged
    fn can_mix(system: &System, check: Self::Check) -> bool {
        let _ = (system, check);
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
    fn around(system: &System, function: &str, numbers: Numbers) -> [String; 2] {
        let _ = (system, numbers);
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

/// A backend that has columns of an SQL type
pub trait Knows<ST>: Dialect + HasSqlType<ST> {
    /// The check for columns of the type
    fn check() -> Self::Check;
}

/// A backend that is asked for rows by keys of a type
pub trait BindsKeys<ST, K>: Knows<ST> {
    /// Writes ` = ?`, ` IN (…)` or what else the backend does best with.
    ///
    /// A statement's text depends on as few different list lengths as possible, so that prepared statements are
    /// found again.
    fn push_keys<'b>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()>;
}

/// As the databases take time-outs: at least one millisecond, as most take 0 for none at all, and as many as they can count
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")), allow(dead_code))]
fn milliseconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX as u32)
}

/// [`Dialect::text`] and [`Dialect::told`] of the backend of one database system
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
macro_rules! of_one_system {
    () => {
        fn text(_: &System, statement: &dyn QueryFragment<Self>) -> QueryResult<String> {
            crate::fragment::text_by(statement, Default::default(), &Self::default())
        }

        fn describe(_: &System, statement: &dyn QueryFragment<Self>) -> String {
            diesel::debug_query::<Self, _>(&crate::fragment::Fragment(statement)).to_string()
        }
    };
}
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use of_one_system;

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
