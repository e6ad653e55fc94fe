//! Which constraint was violated, as far as the database says it.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use crate::Str;

/// A constraint that refused a statement; see [`Error::violation`](crate::Error::violation)
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What kind of constraint it is
    pub kind: ViolationKind,
    /// The model that was written
    pub model: &'static str,
    /// The table that it is a constraint of, which SQLite names where values are unique or never NULL: another one than the model's where a
    /// trigger has written that
    pub table: Option<Str>,
    /// The column, the first one of several; not known of most CHECKs, nor of SQLite's foreign keys. MySQL says which
    /// unique key it is, which is called as the column if nobody named it
    pub column: Option<Str>,
    /// All of its columns, as far as the database names them
    pub columns: Vec<Str>,
    /// The value that was refused, of several columns with what the database puts between them; PostgreSQL says it of unique columns and of links, MySQL of
    /// unique columns, SQLite of none
    pub value: Option<Str>,
    /// Of many records that were to be created the index of the one that was refused, if it could be told
    pub row: Option<usize>,
}

/// The kinds of constraints
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViolationKind {
    /// UNIQUE or PRIMARY KEY: there is such a row already
    Unique,
    /// FOREIGN KEY: there is no such row, or there are rows that need it
    ForeignKey,
    /// NOT NULL
    NotNull,
    /// CHECK
    Check,
}

impl Violation {
    pub(super) fn of(model: &'static str, error: &Error) -> Option<Self> {
        let Error::DatabaseError(kind, information) = error else { return None };
        let kind = match kind {
            DatabaseErrorKind::UniqueViolation => ViolationKind::Unique,
            DatabaseErrorKind::ForeignKeyViolation => ViolationKind::ForeignKey,
            DatabaseErrorKind::NotNullViolation => ViolationKind::NotNull,
            DatabaseErrorKind::CheckViolation => ViolationKind::Check,
            // What SQLite says of ON DELETE RESTRICT is no kind of its own to diesel.
            DatabaseErrorKind::Unknown if information.message() == "FOREIGN KEY constraint failed" => {
                ViolationKind::ForeignKey
            }
            _ if is_mariadb_check(information.message()) => ViolationKind::Check,
            _ => return None,
        };
        let column = column(&**information).map(Str::from);
        let columns = columns(&**information).unwrap_or_else(|| column.iter().cloned().collect());
        let (table, value) = (table(information.message()), value(&**information));
        Some(Self {
            kind,
            model,
            table: table.map(Str::from),
            column,
            columns,
            value: value.map(Str::from),
            row: None,
        })
    }
}

/// ``CONSTRAINT `price_is_positive` failed for `shop`.`items` ``: MariaDB has a number of its own for it, which diesel does
/// not know.
fn is_mariadb_check(message: &str) -> bool {
    message.starts_with("CONSTRAINT `") && message.contains("` failed for `")
}

/// The column that a database names: PostgreSQL in a part of its own or in the details, the others in the message
fn column(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<String> {
    if let Some(column) = information.column_name() {
        return Some(column.to_owned());
    }
    let (message, details) = (information.message(), information.details().unwrap_or_default());
    let between = |text: &str, start: &str, end: &[char]| {
        let (_, rest) = text.split_once(start)?;
        Some(rest.split(end).next()?.trim().to_owned())
    };
    // `UNIQUE constraint failed: partners.code`, `Key (code)=(BE) already exists`, `Column 'name' cannot be null`,
    // `Field 'name' doesn't have a default value`, `… FOREIGN KEY (`country_id`) REFERENCES …` (or with `"`, as the session has it), `CONSTRAINT `items.price` failed …`,
    // `… for key 'code'`
    let sqlite = || {
        let column = between(message, "constraint failed: ", &[','])?;
        // Of a CHECK it is the condition.
        Some(column.rsplit_once('.')?.1.to_owned()).filter(|_| !column.contains(' '))
    };
    sqlite()
        .or_else(|| between(details, "Key (", &[')', ',']))
        .or_else(|| between(message, "Column '", &['\'']))
        .or_else(|| between(message, "Field '", &['\'']))
        .or_else(|| between(message, "FOREIGN KEY (`", &['`']))
        .or_else(|| between(message, "FOREIGN KEY (\"", &['"']))
        // Of a CHECK without a name of its own
        .or_else(|| Some(between(message, "CONSTRAINT `", &['`'])?.rsplit_once('.')?.1.to_owned()))
        .or_else(|| Some(between(message, "for key '", &['\''])?.rsplit('.').next()?.to_owned()))
}

/// The table that SQLite names: `UNIQUE constraint failed: lines.order_id, lines.number`
///
/// What PostgreSQL tells beside the message may be a partition of the table that was written.
fn table(message: &str) -> Option<&str> {
    let (_, columns) = message.split_once(" constraint failed: ").filter(|(kind, _)| *kind != "CHECK")?;
    Some(columns.split(", ").next()?.rsplit_once('.')?.0)
}

/// All columns that a database names, where it names several
fn columns(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<Vec<Str>> {
    // `Key (order_id, number)=(1, 2) already exists`, `UNIQUE constraint failed: lines.order_id, lines.number`
    let details = information.details().unwrap_or_default();
    if let Some((columns, _)) = details.strip_prefix("Key (").and_then(|rest| rest.split_once(")=(")) {
        return Some(columns.split(", ").map(Str::from).collect());
    }
    let columns = information.message().strip_prefix("UNIQUE constraint failed: ")?;
    columns.split(", ").map(|column| Some(Str::from(column.rsplit_once('.')?.1))).collect()
}

/// The value that a database names
fn value(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<String> {
    // `Key (code)=(BE) already exists`, `Key (country_id)=(9) is not present in table "countries"`, `Duplicate entry 'BE' for key 'code'`
    let details = information.details().unwrap_or_default();
    if let Some((_, rest)) = details.strip_prefix("Key (").and_then(|rest| rest.split_once(")=(")) {
        let ends = [") already exists", ") is not present", ") is still referenced", ") conflicts with"];
        let end = ends.iter().find_map(|end| rest.rfind(end)).or_else(|| rest.rfind(')'))?;
        return Some(rest[..end].to_owned());
    }
    let (value, _) = information.message().strip_prefix("Duplicate entry '")?.rsplit_once("' for key '")?;
    Some(value.to_owned())
}
