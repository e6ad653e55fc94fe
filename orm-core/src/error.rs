//! What can go wrong, and what it says.

mod nature;
mod repeated;
mod secret;
mod violation;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use nature::Nature;
#[cfg_attr(not(feature = "postgres"), allow(unused_imports))]
pub(crate) use nature::has_nature;
pub use repeated::Repeated;
use repeated::describe;
pub(crate) use secret::{Address, without_secrets};
pub use violation::{Violation, ViolationKind};

use crate::Str;

/// What went wrong below, whatever its type
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of whatever may ask the database
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when records are read, written or looked for
///
/// Cheap to clone, so that one failure can be told in several places. Its text holds what the database said, so that is no
/// [source](std::error::Error::source) beside it: who prints an error with all its sources would print it twice. Diesel's own
/// error is a field of the variant.
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
    /// Members were to be added to, or taken from, a link with a limit, or with a filter that is more than equations of columns with
    /// constants: which records are its members, their own fields say
    #[error(
        "{model}.{field} has a limit, or a filter that is more than fields that are to hold constants, so it is read only: write the \
         members' fields, or through a link without one"
    )]
    FilteredLink {
        /// The model's name
        model: &'static str,
        /// The link's name
        field: &'static str,
    },
    /// Several records link to one whose [`OneToOne`](crate::OneToOne) field promises one at most
    #[error(
        "{model}.{field} of {id} is {count} records of {other}, where there may be one: make the link's column unique, or the field a `OneToMany`"
    )]
    NotUnique {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// The record's key, as text
        id: Str,
        /// The name of the model whose records link to it
        other: &'static str,
        /// How many there are
        count: usize,
    },
    /// A record was to be created without a value that its column needs
    #[error(
        "{model}.{field} needs a value: its column is NOT NULL and has no default{}{}",
        if others.is_empty() { "" } else { "; nor was one given for these, which need one if they have no default: " },
        others.join(", ")
    )]
    MissingValue {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// The other fields whose columns are NOT NULL and that were left out: those without a default are missing, too
        others: Arc<[&'static str]>,
    },
    /// MySQL or MariaDB has given a new record a key that it does not tell; nothing is created: an open transaction cannot be committed
    ///
    /// They tell of numbers that `AUTO_INCREMENT` gives, and can be asked for defaults that are expressions. A key that is another
    /// default, or a trigger's, is to be given with the values.
    #[error(
        "the key of a new {model} is not known: the server tells only of one that AUTO_INCREMENT or a default expression gives; \
         give {model}.{field} with the values"
    )]
    UnknownKey {
        /// The model's name
        model: &'static str,
        /// The key field's name
        field: &'static str,
    },
    /// A constraint has refused one of many new records, and it could be told which
    ///
    /// [`violation`](Self::violation) and the like are those of the error within.
    #[error("{error} (the row at index {row} of {rows}{})", .value.as_ref().map_or_else(String::new, |value| format!(", which has {value}")))]
    RowRefused {
        /// Its index among those that were to be created, counted from 0
        row: usize,
        /// How many were to be created
        rows: usize,
        /// Its value in the constraint's columns, as the database says it
        value: Option<Str>,
        /// What the database has against it
        error: Arc<Self>,
    },
    /// A draft was named where other drafts are, or values that link to one were not added to its drafts
    #[error("{}: {}", draft(model, *index, linking, field, "is one of other drafts"), if linking.is_empty() {
        "it is known to its own"
    } else {
        "what links to a draft is added to the same drafts, and created by them"
    })]
    ForeignDraft {
        /// The name of the draft's model
        model: &'static str,
        /// The draft's index among those of its model
        index: usize,
        /// The name of the model that links to it; empty where no link does
        linking: &'static str,
        /// The link's name; empty where none is
        field: &'static str,
    },
    /// A draft was named that was discarded
    #[error("{}{}", draft(model, *index, linking, field, "was discarded"), if linking.is_empty() {
        ""
    } else {
        ": discard what links to it, too, or give it another link"
    })]
    DiscardedDraft {
        /// The name of the draft's model
        model: &'static str,
        /// The draft's index among those of its model
        index: usize,
        /// The name of the model that links to it; empty where no link does
        linking: &'static str,
        /// The link's name; empty where none is
        field: &'static str,
    },
    /// Links of drafts lead in a circle, and none of them may be NULL: no row can be the first
    #[error(
        "links of drafts lead in a circle, of which no row can be the first: {links}; leave a link out, or give a key and link to it \
         by that"
    )]
    DraftCycle {
        /// The links, from the first one to itself
        links: Str,
    },
    /// No connection could be made, by the environment or by its pool
    #[error("no connection to {backend}: {message}")]
    Connection {
        /// The database system
        backend: &'static str,
        /// What it said
        message: Str,
    },
    /// All connections of the pool were in use, as long as it waits
    #[error(
        "the pool of {size} connections to {backend} had none to give within {waited:?}, as all are in use{}",
        match .here {
            0 => String::new(),
            here => format!(
                "; environments have taken {here} in this thread, which cannot give them back while it waits: call `release()` on \
                 those that are not in a transaction, use one environment, or make the pool larger"
            ),
        }
    )]
    PoolExhausted {
        /// The database system
        backend: &'static str,
        /// How many connections the pool may have
        size: u32,
        /// How long it was waited
        waited: std::time::Duration,
        /// How many connections environments have taken in the thread that waited, of this pool or of others of the same kind
        here: usize,
    },
    /// A query was run while another one ran on the same environment, as from a function that diesel calls for each row
    #[error("a query ran inside another one on the same connection to {backend}; run it after that")]
    InUse {
        /// The database system
        backend: &'static str,
    },
    /// The database refused a statement
    #[error("{doing}: {error}")]
    Database {
        /// The model that was asked for; empty where a statement is no model's
        model: &'static str,
        /// The table that was written, as SQL names it; empty where nothing was written
        table: Str,
        /// What was being done, with model and fields
        doing: Str,
        /// What diesel says of it
        error: Arc<diesel::result::Error>,
    },
    /// The connection was lost while a statement was sent; so is the transaction that was open on it. Nothing was committed
    #[error("{doing}: the connection is lost: {error}")]
    ConnectionLost {
        /// The model that was asked for; empty where a statement is no model's
        model: &'static str,
        /// What was being done, with model and fields
        doing: Str,
        /// What diesel says of it
        error: Arc<diesel::result::Error>,
    },
    /// The connection was lost while a transaction was committed, or while a statement was sent that is committed at once: whether it was,
    /// only the database knows
    ///
    /// Look there before you repeat it. No retry does so by itself.
    #[error(
        "{doing}: the connection was lost before an answer came, so whether it was done is unknown: {error}"
    )]
    OutcomeUnknown {
        /// What was being done, with model and fields
        doing: Str,
        /// What diesel says of it
        error: Arc<diesel::result::Error>,
    },
    /// A statement of the application has ended the open transaction: a COMMIT or ROLLBACK, or what MySQL commits before it runs
    ///
    /// What was written before it is committed, or undone, already. Nothing more is sent before the outermost
    /// [`transaction`](crate::Environment::transaction) has returned this.
    #[error(
        "{doing} has ended the open transaction, of which nothing can be committed or undone any more; send it outside of \
         `transaction`{}{}",
        if *.commits { ": MySQL commits what is open before a statement that defines, empties or locks tables" } else { "" },
        .failed.as_ref().map_or_else(String::new, |failed| format!("; and it failed: {failed}"))
    )]
    TransactionEnded {
        /// What was being done
        doing: &'static str,
        /// Whether the database commits before some statements, as MySQL does
        commits: bool,
        /// The error that came back of it, if one did
        failed: Option<Arc<Self>>,
    },
    /// The application has begun a transaction on the connection that it was lent, and has not ended it: it was rolled back
    #[error(
        "{doing} has left a transaction open, which was rolled back; end it there, or use `env.transaction`"
    )]
    TransactionLeftOpen {
        /// What was being done
        doing: &'static str,
    },
    /// What only the outermost transaction can have was asked of one within another
    #[error(
        "a transaction within another one is a savepoint and has no {what} of its own: ask that of the outermost one"
    )]
    Nested {
        /// What was asked
        what: &'static str,
    },
    /// What lasts until the end of a transaction was asked for where none is open
    #[error("no transaction is open, with which this {what} would end; ask for it inside of `transaction`")]
    NoTransaction {
        /// What was asked
        what: &'static str,
    },
    /// What needs the connection without a transaction was asked for while one is open
    #[error("a transaction is open, in which {what} is not possible; do it before or after")]
    InTransaction {
        /// What was asked
        what: &'static str,
    },
    /// The database has no such thing
    #[error("{backend} has no {what}")]
    Unsupported {
        /// The database system
        backend: &'static str,
        /// What was asked
        what: &'static str,
    },
    /// A transaction was tried as often as it was allowed to, and failed each time for a reason that may pass
    #[error("gave up after {tries} tries, of which the last one failed: {last}")]
    GaveUp {
        /// How often it was tried
        tries: usize,
        /// Why the last one failed
        last: Arc<Self>,
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
    /// A sum over the members of a link is more than its type holds
    #[error(
        "the sum over {model}.{field} of the record with key {id} is {sum}, which an i64 does not hold; take `avg`, or a sum of \
         an expression of a floating-point type"
    )]
    Overflow {
        /// The model's name
        model: &'static str,
        /// The link's name
        field: &'static str,
        /// The key of the record whose link it is, as text; of several the first one's
        id: Str,
        /// The sum
        sum: Str,
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
    /// A row has another version than the one that was read: it was changed since
    #[error(
        "{model} with key {id} has another version than the one that was read; read it again and repeat the change"
    )]
    Conflict {
        /// The model's name
        model: &'static str,
        /// The record's key, as text
        id: Str,
    },
    /// A computed field was asked for while it was computed for the same record
    #[error(
        "a computed field follows from itself: {fields}; one of them has to be computed from something else"
    )]
    Cycle {
        /// The fields, each with its record, from the first one to itself
        fields: Str,
    },
    /// Computed fields follow from others in too long a row
    #[error("{model}.{field} follows from more than {depth} other computed values, one from the other")]
    TooDeep {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// How many may follow from each other
        depth: usize,
    },
    /// The function of a stored field has read what the field does not declare: it would not be computed anew when that changes
    ///
    /// It is looked at in builds with debug assertions, and where [`check_depends`](crate::EnvironmentBuilder::check_depends) says so.
    #[error(
        "{model}.{field} is stored and reads {read}: declare that, `depends(…)` takes paths of links that end with a field, or read it \
         otherwise"
    )]
    UndeclaredRead {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// What was read: the path that is missing, as far as one is known
        read: Str,
    },
    /// A stored field was set, or a statement assigns to its column: its value follows from others
    #[error("{model}.{field} is computed and stored: write what it is computed from")]
    StoredField {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
    },
    /// A function that computes a field has tried to write
    #[error("{model}.{field} is being computed: what computes a field only reads")]
    WriteWhileComputing {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
    },
    /// The function that a model names as `validate` has refused a new or changed record: nothing was written, of no record
    ///
    /// What was written to records waits as before; it can be put right and sent again. [`invalid`](Self::invalid) finds the function's error
    /// also where it is within another one.
    #[error(
        "{} is not valid: {source}",
        .id.as_ref().map_or_else(|| format!("a new {model}"), |id| format!("{model} with key {id}"))
    )]
    Invalid {
        /// The model's name
        model: &'static str,
        /// The record's key, as text; none of a new one
        id: Option<Str>,
        /// What the function has returned
        r#source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A function that validates records has tried to write
    #[error("a {model} is being validated: what validates a record only reads")]
    WriteWhileValidating {
        /// The model's name
        model: &'static str,
    },
    /// A function that computes a field for several records at once has returned too many values, or too few
    #[error("{model}.{field} was computed for {records} records, and {values} values came")]
    ValueCount {
        /// The model's name
        model: &'static str,
        /// The field's name
        field: &'static str,
        /// How many records there are
        records: usize,
        /// How many values came
        values: usize,
    },
    /// A strict environment has refused what was about to be sent for one record again, from the same place: a loop that
    /// one statement could do
    ///
    /// It was not sent, and the environment can be used as before. The text says the way out; see
    /// [`strict`](crate::EnvironmentBuilder::strict).
    #[error("{}", describe(*work, model, field, *times, at))]
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

/// A draft, and by what it was named
fn draft(model: &str, index: usize, linking: &str, field: &str, what: &str) -> String {
    if linking.is_empty() {
        format!("the draft of {model} at index {index} {what}")
    } else {
        format!("{linking}.{field} leads to the draft of {model} at index {index}, which {what}")
    }
}

/// What a statement is run for: the model, and a text that is made when somebody wants to read it
#[derive(Clone, Copy)]
pub(crate) struct Doing<'a> {
    pub(crate) model: &'static str,
    /// The table that is written, as SQL names it; empty where none is
    pub(crate) table: &'a str,
    pub(crate) text: &'a dyn Fn() -> String,
}

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.text)())
    }
}

impl Doing<'_> {
    pub(crate) fn fault(self, error: diesel::result::Error) -> Error {
        Error::database_of(self.model, self.table, self, error)
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

    /// Whether somebody else has changed the row meanwhile, which its version has shown
    pub fn is_conflict(&self) -> bool {
        matches!(self.cause(), Self::Conflict { .. })
    }

    /// The error with which a function has refused a record that it validates, if that is what went wrong
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("a partner needs a name")]
    /// struct NoName;
    ///
    /// #[derive(Model)]
    /// #[model(validate = has_name)]
    /// struct Partner { id: i32, name: String }
    ///
    /// fn has_name(partner: &Record<Partner>) -> Result<(), orm_core::Error> {
    ///     if partner.name()?.is_empty() { Err(orm_core::Error::other(NoName)) } else { Ok(()) }
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// let error = env.create(Partner::values().name("")).unwrap_err();
    /// assert!(error.invalid().is_some_and(|source| source.is::<NoName>()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn invalid(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        if let Self::Invalid { source, .. } = self.cause() { Some(&**source) } else { None }
    }

    /// Whether a strict environment has refused a loop
    pub fn is_unbatched(&self) -> bool {
        matches!(self, Self::Unbatched { .. })
    }

    /// Whether the whole transaction may succeed if it is done again: a serialization failure, a deadlock, SQLite's
    /// `database is locked`, a [`Conflict`](Self::Conflict)
    ///
    /// [`transaction_with_retry`](crate::Environment::transaction_with_retry) does it again.
    pub fn is_retryable(&self) -> bool {
        self.is_conflict() || self.is_refused_transaction()
    }

    /// Whether the database has refused a transaction for what others do at the same time, so that what was read before may
    /// be out of date.
    pub(crate) fn is_refused_transaction(&self) -> bool {
        self.nature() == Some(Nature::Refused)
    }

    /// Whether the connection is gone, whatever was done on it
    pub fn is_connection_lost(&self) -> bool {
        matches!(self.cause(), Self::ConnectionLost { .. } | Self::OutcomeUnknown { .. })
            || self.nature() == Some(Nature::Lost)
    }

    /// Whether a lock or a pool's connection was not given in time, or a statement took longer than it may; `database is
    /// locked` is [retryable](Self::is_retryable)
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause(), Self::PoolExhausted { .. }) || self.nature() == Some(Nature::Late)
    }

    /// Whether something was to be written that may only be read: in a transaction, on a server, in a file
    pub fn is_read_only(&self) -> bool {
        self.nature() == Some(Nature::ReadOnly)
    }

    /// Of several tries, why the last one failed; of a row, why it was refused
    fn cause(&self) -> &Self {
        match self {
            Self::GaveUp { last, .. } => last.cause(),
            Self::RowRefused { error, .. } => error.cause(),
            error => error,
        }
    }

    /// Whether both are of one failure of a statement
    pub(crate) fn is_of_the_same_statement(&self, other: &Self) -> bool {
        match (self.cause(), other.cause()) {
            (Self::Database { error, .. }, Self::Database { error: other, .. }) => Arc::ptr_eq(error, other),
            _ => false,
        }
    }

    pub(crate) fn missing_value(model: &'static str, field: &'static str) -> Self {
        Self::MissingValue { model, field, others: Arc::default() }
    }

    fn nature(&self) -> Option<Nature> {
        let Self::Database { error, .. } = self.cause() else { return None };
        Nature::of(error)
    }

    /// The database's kind of error (unique violation, foreign key violation …), where it was the database
    pub fn database_kind(&self) -> Option<&diesel::result::DatabaseErrorKind> {
        match self.cause() {
            Self::Database { error, .. } => match &**error {
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
        let Self::Database { model, table, error, .. } = self.cause() else { return None };
        let violation = Violation::of(model, table, error)?;
        Some(if let Self::RowRefused { row, .. } = self {
            Violation { row: Some(*row), ..violation }
        } else {
            violation
        })
    }

    #[cold]
    pub(crate) fn database(
        model: &'static str,
        doing: impl fmt::Display,
        error: diesel::result::Error,
    ) -> Self {
        Self::database_of(model, "", doing, error)
    }

    /// The same of a statement that writes this table
    #[cold]
    pub(crate) fn database_of(
        model: &'static str,
        table: &str,
        doing: impl fmt::Display,
        error: diesel::result::Error,
    ) -> Self {
        let mut doing = doing.to_string();
        if is_of_another_client(&error) {
            doing += " (behind a pooler that gives each transaction another connection no statement may be kept prepared: \
                      `builder().prepared_statements(false)`)";
        }
        Self::Database { model, table: table.into(), doing: doing.as_str().into(), error: Arc::new(error) }
    }

    /// The same error, now that the connection is known to be gone
    #[cold]
    pub(crate) fn lost(self) -> Self {
        match self {
            Self::Database { model, doing, error, .. } => Self::ConnectionLost { model, doing, error },
            other => other,
        }
    }

    /// The same of what is committed at once, if the connection is known to be gone
    #[cold]
    pub(crate) fn outcome_unknown(self) -> Self {
        match self {
            Self::Database { doing, error, .. } | Self::ConnectionLost { doing, error, .. } => {
                Self::OutcomeUnknown { doing, error }
            }
            other => other,
        }
    }

    /// What diesel says, where it was a statement that failed
    pub(crate) fn of_statement(&self) -> Option<&diesel::result::Error> {
        if let Self::Database { error, .. } = self.cause() { Some(error) } else { None }
    }

    #[cold]
    pub(crate) fn connection(backend: &'static str, message: impl fmt::Display) -> Self {
        Self::Connection { backend, message: Str::from(message.to_string()) }
    }
}

/// A connection that the application tried to make itself
impl From<diesel::ConnectionError> for Error {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::connection("the database", without_secrets(&error.to_string()))
    }
}

/// A pool that had no connection to give to the application itself
impl From<diesel::r2d2::PoolError> for Error {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::connection("the database", without_secrets(&error.to_string()))
    }
}

/// A diesel error from a statement that the application ran itself
impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::database("", "running a diesel statement", error)
    }
}

/// For functions that return diesel's `QueryResult` and use an environment: diesel's error again if it was one, else the error
/// in the one variant of diesel's that takes any and that no database gives
impl From<Error> for diesel::result::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Database { model, table, doing, error } => {
                Arc::try_unwrap(error).unwrap_or_else(|error| {
                    Self::QueryBuilderError(Box::new(Error::Database { model, table, doing, error }))
                })
            }
            Error::RowRefused { error, .. } if matches!(*error, Error::Database { .. }) => {
                Arc::unwrap_or_clone(error).into()
            }
            other => Self::QueryBuilderError(Box::new(other)),
        }
    }
}

/// Whether one of the statements that diesel keeps prepared is not there, or there already: another client's was, behind a pooler.
/// A hint, and so by English text
fn is_of_another_client(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::DatabaseError(_, information)
        if information.message().starts_with("prepared statement \"__diesel_stmt_"))
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorKind;

    use super::*;

    #[test]
    fn a_statement_of_another_client_tells_the_way_out() {
        let error = |text: &str| {
            let error =
                diesel::result::Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()));
            Error::database("Partner", "reading Partner.name", error).to_string()
        };
        let told = error("prepared statement \"__diesel_stmt_1\" does not exist");
        assert!(
            told.starts_with("reading Partner.name (behind a pooler")
                && told.contains("prepared_statements(false)"),
            "{told}"
        );
        assert_eq!(error("something else"), "reading Partner.name: something else");
    }
}
