//! What a connection was really sent: every statement with its binds, as diesel's instrumentation tells it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};

/// One statement that was sent
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text
    pub sql: String,
    /// Its binds, as Rust's `Debug` shows them
    pub binds: Vec<String>,
}

impl Statement {
    fn of(debug: &str) -> Self {
        // The text comes first and holds no values.
        let (sql, binds) = debug.split_once(" -- binds: ").unwrap_or((debug, "[]"));
        Self { sql: sql.to_owned(), binds: elements(binds) }
    }

    /// Its text as SQLite and MySQL would be sent it: names in backticks, a question mark for a bind
    pub fn plain(&self) -> String {
        let mut out = String::with_capacity(self.sql.len());
        let mut rest = self.sql.chars().peekable();
        while let Some(c) = rest.next() {
            let is_bind = c == '$' && rest.peek().is_some_and(char::is_ascii_digit);
            out.push(match c {
                '"' => '`',
                _ if is_bind => '?',
                _ => c,
            });
            while is_bind && rest.next_if(char::is_ascii_digit).is_some() {}
        }
        out
    }

    /// Whether it begins or ends a transaction, or a savepoint
    pub fn is_control(&self) -> bool {
        ["BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"]
            .iter()
            .any(|word| self.sql.starts_with(word))
    }

    /// Whether it reads
    pub fn is_select(&self) -> bool {
        self.sql.starts_with("SELECT")
    }

    /// The distinct keys that it asks for, as text: the elements of a JSON bind, all between two binds, else the binds
    pub fn keys(&self) -> Vec<String> {
        let mut keys = match &self.binds[..] {
            [first, last] if self.sql.contains(" BETWEEN ") => {
                let number = |bind: &String| bind.parse::<i64>().expect("a whole number");
                (number(first)..=number(last)).map(|key| key.to_string()).collect()
            }
            [only] if only.starts_with("\"[") => {
                elements(&only[1..only.len() - 1].replace("\\\"", "\"").replace("\\\\", "\\"))
            }
            // PostgreSQL: one array
            binds => binds
                .iter()
                .flat_map(|bind| if bind.starts_with('[') { elements(bind) } else { vec![bind.clone()] })
                .collect(),
        };
        keys.dedup();
        keys
    }

    /// The columns that it brings, without their table
    pub fn columns(&self) -> Vec<&str> {
        let list = self
            .sql
            .strip_prefix("SELECT ")
            .and_then(|rest| rest.split_once(" FROM "))
            .map_or("", |(list, _)| list);
        list.split(", ")
            .map(|column| column.rsplit('.').next().unwrap_or(column).trim_matches(['`', '"']))
            .collect()
    }

    /// The first table that it reads
    pub fn table(&self) -> &str {
        let rest = self.sql.split_once(" FROM ").map_or("", |(_, rest)| rest);
        rest.strip_prefix(['`', '"']).and_then(|rest| rest.split(['`', '"']).next()).unwrap_or("")
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binds = self.binds.join(", ");
        let cut = binds.char_indices().nth(120).map_or(binds.len(), |(at, _)| at);
        let more = if cut < binds.len() { "…" } else { "" };
        write!(f, "{} -- {} keys [{}{more}]", self.sql, self.keys().len(), &binds[..cut])
    }
}

/// The elements of a list in brackets, as `Debug` or JSON writes it
fn elements(list: &str) -> Vec<String> {
    let list = list.strip_prefix('[').unwrap_or(list).trim_end();
    let list = list.strip_suffix(']').unwrap_or(list);
    let (mut all, mut depth, mut quoted, mut escaped, mut current) =
        (Vec::new(), 0, false, false, String::new());
    for c in list.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                all.push(std::mem::take(&mut current).trim().to_owned());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    if !current.trim().is_empty() {
        all.push(current.trim().to_owned());
    }
    all
}

/// The statements of one or several connections; clones share them
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    sent: Vec<Statement>,
    control: Vec<String>,
    prepared: Vec<String>,
}

impl Statements {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What began or ended transactions and savepoints so far; apart from the others
    pub fn control(&self) -> Vec<String> {
        self.log().control.clone()
    }

    /// Forgets what was sent so far: what making an environment sends is no test's.
    #[must_use]
    pub fn anew(self) -> Self {
        *self.log() = Log::default();
        self
    }

    /// What was sent so far
    pub fn all(&self) -> Vec<Statement> {
        self.log().sent.clone()
    }

    /// What was sent since there were so many
    pub fn since(&self, count: usize) -> Vec<Statement> {
        self.log().sent[count..].to_vec()
    }

    /// How many were sent so far
    pub fn count(&self) -> usize {
        self.log().sent.len()
    }

    /// The texts that diesel put into its cache of prepared statements
    pub fn prepared(&self) -> Vec<String> {
        self.log().prepared.clone()
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let statement = Statement::of(&query.to_string());
                if statement.is_control() {
                    self.log().control.push(statement.sql);
                } else {
                    self.log().sent.push(statement);
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => self.log().prepared.push(sql.to_owned()),
            _ => {}
        }
    }
}
