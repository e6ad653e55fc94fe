//! What can go wrong, and what it says.

mod violation;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

pub use violation::{Violation, ViolationKind};

use crate::Str;
use crate::watch::{Repeated, told};

/// The result of whatever may ask the database
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when records are read, written or looked for
///
/// Cheap to clone, so that one failure can be told in several places. The database's own error is the
/// [source](std::error::Error::source).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
// A tag of a word keeps a `Result<Str>` aligned when it is moved: reading text takes half the time.
#[repr(u64)]
pub enum Error {
    /// A record was read whose row does not exist (any more)
    #[error("no {model} with key {id}: its row does not exist (any more); ask `exists()` before reading")]
    MissingRecord {
        /// The model's name
        model: &'static str,
        /// The record's key, as text
        id: Str,
    },
    /// One record was asked of a set that holds none or several
    #[error("expected exactly one {model}, found {count}; `first()` takes any number")]
    NotOne {
        /// The model's name
        model: &'static str,
        /// How many there are
        count: usize,
    },
    /// A record was to be created without a value that its column needs
    #[error("{model}.{field} needs a value: its column is NOT NULL and has no default")]
    MissingValue {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
    },
    /// No connection could be made, or the pool had none to give
    #[error("no connection to {backend}: {message}")]
    Connection {
        /// The database system
        backend: &'static str,
        /// What it said
        message: Str,
    },
    /// The database refused a statement
    #[error("{doing}: {source}")]
    Database {
        /// The model that was asked for; empty where a statement is no model's
        model: &'static str,
        /// What was being done, with model and fields
        doing: Str,
        /// What diesel says of it
        source: Arc<diesel::result::Error>,
    },
    /// A column held what its field cannot take
    #[error("{model}.{field} of the record with key {id} cannot be read: {message}")]
    InvalidValue {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// The record's key, as text
        id: Str,
        /// What is wrong with the value
        message: Str,
    },
    /// A `UNION` or SQL of the application's own gives no key
    #[error(
        "the rows of this query for {model} lack its key: select `{column}` of its table, under that name, in every part of \
         the query"
    )]
    MissingColumn {
        /// The model's name
        model: &'static str,
        /// The column's name
        column: &'static str,
    },
    /// SQL of the application's own gives a column twice
    #[error(
        "the rows of this query for {model} have several columns `{column}`: select one, or give the others names of \
         their own"
    )]
    AmbiguousColumn {
        /// The model's name
        model: &'static str,
        /// The column's name
        column: &'static str,
    },
    /// A query has found two different rows with one key: what is called the key of the model tells no rows apart
    #[error(
        "{table} has several rows with the key {id}: the primary key of {model} is none; name all columns of it"
    )]
    NotAKey {
        /// The model's name
        model: &'static str,
        /// The table, as SQL names it
        table: Str,
        /// The key, as text
        id: Str,
    },
    /// A row was changed by somebody else since it was read
    #[error("{model} with key {id} was changed by somebody else; read it again and repeat the change")]
    Conflict {
        /// The model's name
        model: &'static str,
        /// The record's key, as text
        id: Str,
    },
    /// A strict environment has refused what was about to be sent for one record again, from the same place: a loop that
    /// one statement could do
    ///
    /// It was not sent, and the environment can be used as before. The text says the way out; see
    /// [`strict`](crate::EnvironmentBuilder::strict).
    #[error("{}", told(*work, model, field, *times, at))]
    Unbatched {
        /// What was done
        work: Repeated,
        /// The model's name; empty for a statement that is no model's
        model: &'static str,
        /// The field's name; empty where it is no field's
        field: &'static str,
        /// How often it was done in a row, this time included
        times: usize,
        /// Where the application called
        at: &'static Location<'static>,
    },
    /// An application's own error, made with [`Error::other`]
    #[error(transparent)]
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

/// What a statement is run for: the model, and a text that is made when somebody wants to read it
#[derive(Clone, Copy)]
pub(crate) struct Doing<'a> {
    pub(crate) model: &'static str,
    pub(crate) text: &'a dyn Fn() -> String,
}

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.text)())
    }
}

impl Doing<'_> {
    pub(crate) fn fault(self, error: diesel::result::Error) -> Error {
        Error::database(self.model, self, error)
    }
}

impl Error {
    /// Carries an application's own error through a closure that returns [`Result`]
    ///
    /// ```
    /// use orm_core::Error;
    /// let error = Error::other("the order is closed");
    /// assert_eq!(error.to_string(), "the order is closed");
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(Arc::from(error.into()))
    }

    /// Whether a row was asked for that does not exist
    pub fn is_missing_record(&self) -> bool {
        matches!(self, Self::MissingRecord { .. })
    }

    /// The database's kind of error (unique violation, foreign key violation …), where it was the database
    pub fn database_kind(&self) -> Option<&diesel::result::DatabaseErrorKind> {
        match self {
            Self::Database { source, .. } => match &**source {
                diesel::result::Error::DatabaseError(kind, _) => Some(kind),
                _ => None,
            },
            _ => None,
        }
    }

    /// Which constraint a statement violated, if the database refused it for that
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::ViolationKind;
    /// # diesel::table! { countries { id -> Integer, code -> Text } }
    /// # #[derive(Model)] #[model(table = countries)] struct Country { id: i32, code: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE countries (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)"))?;
    /// env.create(Country::values().code("BE"))?;
    /// let error = env.create(Country::values().code("BE")).unwrap_err();
    /// let violation = error.violation().unwrap();
    /// assert_eq!((violation.kind, violation.model), (ViolationKind::Unique, "Country"));
    /// assert_eq!(violation.column.as_deref(), Some("code"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn violation(&self) -> Option<Violation> {
        let Self::Database { model, source, .. } = self else { return None };
        Violation::of(model, source)
    }

    #[cold]
    pub(crate) fn database(
        model: &'static str,
        doing: impl fmt::Display,
        source: diesel::result::Error,
    ) -> Self {
        Self::Database { model, doing: Str::from(doing.to_string()), source: Arc::new(source) }
    }

    #[cold]
    pub(crate) fn connection(backend: &'static str, message: impl fmt::Display) -> Self {
        Self::Connection { backend, message: Str::from(message.to_string()) }
    }
}

/// A connection that the application tried to make itself
impl From<diesel::ConnectionError> for Error {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::connection("the database", error)
    }
}

/// A diesel error from a statement that the application ran itself
impl From<diesel::result::Error> for Error {
    fn from(source: diesel::result::Error) -> Self {
        Self::database("", "running a diesel statement", source)
    }
}
