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
    /// The column, the first one of several; not known of most CHECKs, nor of SQLite's foreign keys. MySQL says which
    /// unique key it is, which is called as the column if nobody named it
    pub column: Option<Str>,
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
        Some(Self { kind, model, column: column(&**information).map(Str::from) })
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
    // `Field 'name' doesn't have a default value`, `… FOREIGN KEY (`country_id`) REFERENCES …`, `CONSTRAINT `items.price` failed …`,
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
        // Of a CHECK without a name of its own
        .or_else(|| Some(between(message, "CONSTRAINT `", &['`'])?.rsplit_once('.')?.1.to_owned()))
        .or_else(|| Some(between(message, "for key '", &['\''])?.rsplit('.').next()?.to_owned()))
}
