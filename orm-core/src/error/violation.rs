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
    /// The table whose columns these are, as far as it is known: another one than the model's where a trigger has written that, or where other
    /// rows need the one that is to go. SQLite names it where values are unique or never NULL, MariaDB with links and CHECKs, MySQL also of
    /// unique keys. PostgreSQL names the partition of a table that has some, or what a trigger has written, and does not tell which it is: so the
    /// table is known there if it is the one that was written
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
    /// The table that was written, as SQL names it; empty where the statement was the application's own
    pub(super) written: Str,
    /// Schema and name of the table that the database names
    pub(super) named: Option<(Option<Str>, Str)>,
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
    pub(super) fn of(model: &'static str, written: &Str, error: &Error) -> Option<Self> {
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
        let value = value(&**information);
        let named = table(&**information);
        let known = named.as_ref().filter(|(_, table)| {
            // PostgreSQL alone tells it in a part of its own.
            information.table_name().is_none() || is_table(written, None, table)
        });
        Some(Self {
            kind,
            model,
            table: known.map(|(_, table)| table.clone()),
            column,
            columns,
            value: value.map(Str::from),
            row: None,
            written: written.clone(),
            named,
        })
    }

    /// Whether it is this table that was written, as SQL names it; an `AnyConnection` has other quotes for each database
    pub(crate) fn has_written(&self, sql: &str) -> bool {
        let bare = |sql: &str| sql.replace(['"', '`'], "");
        bare(&self.written) == bare(sql)
    }

    /// Whether it is about this table, as SQL names it, as far as the database names one
    pub(crate) fn may_be_of(&self, sql: &str) -> bool {
        self.named.as_ref().is_none_or(|(schema, table)| is_table(sql, schema.as_deref(), table))
    }
}

/// Whether a table, as SQL names it, is the one of that name and schema; where one of both is without a schema, it goes by the name
fn is_table(sql: &str, schema: Option<&str>, table: &str) -> bool {
    let bare = |name: &str| name.trim_matches(['"', '`']).to_owned();
    let (of, name) = sql.rsplit_once('.').map_or((None, sql), |(of, name)| (Some(bare(of)), name));
    let is_its_schema = || of.zip(schema).is_none_or(|(of, schema)| of.eq_ignore_ascii_case(schema));
    bare(name).eq_ignore_ascii_case(table) && is_its_schema()
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

/// Schema and name of the table whose columns a database names
fn table(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<(Option<Str>, Str)> {
    let message = information.message();
    let bare = |table: &str| Some((None, Str::from(table)));
    if let Some(table) = information.table_name() {
        // Of a row that is needed PostgreSQL names columns of it, and the table of those that need it:
        // `update or delete on table "partners" violates foreign key constraint "…" on table "orders"`
        let details = information.details().unwrap_or_default();
        if !details.contains(" referenced from table ") {
            return bare(table);
        }
        let needed = message
            .strip_prefix("update or delete on table \"")
            .and_then(|rest| rest.split_once("\" violates "));
        // Not told in words that are known: then it is none of those that somebody asks for.
        return bare(needed.map_or("", |(needed, _)| needed));
    }
    // `UNIQUE constraint failed: lines.order_id, lines.number`
    let sqlite = || {
        let (_, columns) = message.split_once(" constraint failed: ").filter(|(kind, _)| *kind != "CHECK")?;
        bare(columns.split(", ").next()?.rsplit_once('.')?.0)
    };
    // ``… a foreign key constraint fails (`shop`.`orders`, CONSTRAINT …``, ``CONSTRAINT `price` failed for `shop`.`items` ``
    let mysql = || {
        let (_, rest) = message
            .split_once(" foreign key constraint fails (")
            .or_else(|| message.split_once("` failed for ").filter(|_| is_mariadb_check(message)))?;
        let (_, rest) = rest.split_at_checked(1).filter(|(quote, _)| ["`", "\""].contains(quote))?;
        let (schema, rest) = rest.split_once("`.`").or_else(|| rest.split_once("\".\""))?;
        Some((Some(Str::from(schema)), Str::from(rest.split(['`', '"']).next()?)))
    };
    // `Duplicate entry 'BE' for key 'countries.code'`: MySQL 8. MariaDB names the key alone.
    let key = || {
        let (_, key) = message.strip_prefix("Duplicate entry '")?.rsplit_once("' for key '")?;
        bare(key.split_once('.')?.0)
    };
    sqlite().or_else(mysql).or_else(key)
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
