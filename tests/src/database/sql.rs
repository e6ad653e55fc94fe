//! SQLite's SQL, as far as the tests use it, in other words

use std::sync::atomic::{AtomicUsize, Ordering};

/// A name that no other test has
pub(super) fn name_of_place() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("orm_suite_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A text with words replaced, where they stand alone and not between quotes, and what begins a literal of bytes
pub(super) fn replaced(text: &str, words: &[(&str, &str)], blob: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    'next: while let Some(first) = rest.chars().next() {
        if let Some(bytes) = rest.strip_prefix("x'").filter(|_| !out.ends_with(is_word)) {
            out.push_str(blob);
            rest = bytes;
            let end = rest.find('\'').map_or(rest.len(), |end| end + 1);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        if first == '\'' || first == '"' {
            let end = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        if !out.ends_with(is_word) {
            for (word, other) in words {
                if let Some(after) = rest.strip_prefix(word)
                    && !after.starts_with(is_word)
                {
                    out.push_str(other);
                    rest = after;
                    continue 'next;
                }
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// A trigger, as SQLite says it
pub(super) struct Trigger<'a> {
    pub(super) name: &'a str,
    /// `BEFORE UPDATE`, without the columns
    pub(super) event: String,
    /// The columns whose writing is meant; none: all
    pub(super) columns: Vec<&'a str>,
    pub(super) table: &'a str,
    pub(super) condition: Option<&'a str>,
    /// The statements between BEGIN and END
    pub(super) body: &'a str,
}

impl<'a> Trigger<'a> {
    fn of(statement: &'a str) -> Option<Self> {
        let (head, body) = statement.trim().strip_prefix("CREATE TRIGGER ")?.split_once("BEGIN")?;
        let (event, rest) = head.split_once(" ON ")?;
        let (event, columns) = event.split_once(" OF ").unwrap_or((event, ""));
        let columns = columns.split(',').map(str::trim).filter(|column| !column.is_empty()).collect();
        let mut words = event.split_whitespace();
        let (name, time, event) = (words.next()?, words.next()?, words.next()?);
        let (table, condition) = match rest.split_once(" WHEN ") {
            Some((table, condition)) => (table, Some(condition.trim())),
            None => (rest, None),
        };
        let body = body.trim().strip_suffix("END")?.trim();
        Some(Self { name, event: format!("{time} {event}"), columns, table: table.trim(), condition, body })
    }

    /// Its body with what it raises in other words, where `$` stands for the message
    pub(super) fn raising(&self, ignore: &str, abort: &str) -> String {
        let mut out = self.body.replace("SELECT RAISE(IGNORE)", ignore);
        const ABORT: &str = "SELECT RAISE(ABORT, ";
        while let Some((before, after)) = out.split_once(ABORT) {
            let (message, rest) = after.split_once(')').expect("the end of a call");
            out = format!("{before}{}{rest}", abort.replace('$', message));
        }
        out
    }
}

/// SQL with its triggers in other words, and what drops one of this name
pub(super) fn with_triggers(
    text: &str,
    create: impl Fn(Trigger<'_>) -> String,
    drop: impl Fn(&str) -> String,
) -> String {
    let written = |statement: &str| match statement.trim().strip_prefix("DROP TRIGGER ") {
        Some(name) => drop(name),
        None => Trigger::of(statement).map_or_else(|| statement.to_owned(), &create),
    };
    statements(text).into_iter().map(written).collect::<Vec<_>>().join(";")
}

/// Statements cut apart, but for what stands between quotes or in a trigger
fn statements(text: &str) -> Vec<&str> {
    let (mut all, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ';') if is_whole(&text[start..at]) => {
                all.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[start..]);
    all
}

/// Whether a statement is not one that a trigger has more of
fn is_whole(statement: &str) -> bool {
    !statement.trim_start().starts_with("CREATE TRIGGER") || statement.trim_end().ends_with("END")
}

/// `WITH … INSERT INTO t SELECT …` is `INSERT INTO t WITH … SELECT …`
#[cfg(feature = "mysql")]
pub(super) fn with_after_insert(text: &str) -> String {
    let moved = |statement: &str| {
        let is_with = statement.trim_start().starts_with("WITH");
        let insert = statement.find("INSERT INTO").filter(|_| is_with);
        match insert.and_then(|at| Some((at, at + statement[at..].find("SELECT")?))) {
            Some((insert, select)) => {
                format!("{} {} {}", &statement[insert..select], &statement[..insert], &statement[select..])
            }
            None => statement.to_owned(),
        }
    };
    let all = statements(text).into_iter().filter(|statement| !statement.trim().is_empty());
    all.map(moved).collect::<Vec<_>>().join(";")
}

/// `REFERENCES teams` says which column, and stands on its own: an INDEX on what refers is made by it.
#[cfg(feature = "mysql")]
pub(super) fn with_referenced_columns(text: &str) -> String {
    let mut out = text.to_owned();
    let mut at = 0;
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '"';
    while let Some(found) = out[at..].find("REFERENCES ") {
        let start = at + found + "REFERENCES ".len();
        let end = start + out[start..].find(is_end).unwrap_or(0);
        at = end;
        if out[end..].trim_start().starts_with('(') {
            continue;
        }
        let table = format!("CREATE TABLE {} (", &out[start..end]);
        let key = out.find(&table).map(|table_at| {
            let rest = &out[table_at + table.len()..];
            rest.split_whitespace().next().unwrap_or_default().to_owned()
        });
        if let Some(key) = key {
            out.insert_str(end, &format!(" ({key})"));
        }
    }
    out
}

/// `INSERT OR IGNORE …` in other words
pub(super) fn or_ignored(text: &str, insert: &str, after: &str) -> String {
    let ignoring = |statement: &str| match statement.split_once("INSERT OR IGNORE") {
        Some((before, rest)) => format!("{before}{insert}{rest}{after}"),
        None => statement.to_owned(),
    };
    statements(text).into_iter().map(ignoring).collect::<Vec<_>>().join(";")
}

/// A series of numbers in place of a table has a name, which not every database asks for.
pub(super) fn with_named_series(text: &str, first: &str) -> String {
    const END: &str = "SELECT value FROM s)";
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(END) {
        let is_named = after.trim_start().starts_with("AS ");
        out += before;
        out += END;
        out += if is_named { "" } else { " AS series" };
        rest = after;
    }
    (out + rest).replace("AS (SELECT 1 UNION ALL", &format!("AS (SELECT {first} UNION ALL"))
}
