//! A database of a test's own, with an environment on it and a record of every statement.

use std::fmt;
use std::ops::Deref;

use diesel::connection::{Connection as _, SimpleConnection};
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::{QueryableByName, RunQueryDsl};
use orm_core::Environment;

use crate::partners;
use crate::statements::{Statement, Statements};

#[cfg_attr(feature = "postgres", path = "database/postgres.rs")]
#[cfg_attr(feature = "mysql", path = "database/mysql.rs")]
#[cfg_attr(not(any(feature = "postgres", feature = "mysql")), path = "database/sqlite.rs")]
mod backend;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod sql;

pub(crate) use backend::asks_for_keys;
pub use backend::{Backend, CASELESS, Db, ENFORCING, EXACT, NAME, SYSTEM, bind, no_table};

/// A database of a test's own: a file of SQLite, a schema of PostgreSQL, a database of MySQL. It goes with this.
#[derive(Debug)]
pub struct File {
    place: backend::Place,
}

impl File {
    /// One filled by this SQL, which is SQLite's
    pub fn new(sql: &str) -> Self {
        let file = Self { place: backend::Place::new() };
        file.run(&format!("BEGIN; {sql}; COMMIT"));
        file
    }

    /// One with so many partners over so many countries, see [`partners::sql`]
    pub fn of_partners(partners: usize, countries: usize) -> Self {
        let file = Self { place: backend::Place::new() };
        file.run(&partners::sql(partners, countries));
        file
    }

    /// Where the file is
    #[cfg(feature = "sqlite")]
    pub fn path(&self) -> std::path::PathBuf {
        self.place.path()
    }

    /// Its address, as diesel takes it
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// A connection to it
    pub fn connect(&self) -> Db {
        let mut connection = Db::establish(&self.url()).expect("a connection");
        connection.batch_execute(backend::SETTINGS).expect("settings");
        connection
    }

    /// A connection to it whose statements are recorded
    pub fn recorded(&self) -> (Db, Statements) {
        let statements = Statements::default();
        let mut connection = self.connect();
        connection.set_instrumentation(statements.clone());
        (connection, statements)
    }

    /// A pool of at most so many connections to it, all recorded
    pub fn pool(&self, size: u32) -> (Pool<ConnectionManager<Db>>, Statements) {
        let statements = Statements::default();
        let pool = Pool::builder()
            .max_size(size)
            .connection_timeout(std::time::Duration::from_millis(300))
            .connection_customizer(Box::new(Recorded(statements.clone())))
            .build(ConnectionManager::new(self.url()))
            .expect("a pool");
        (pool, statements)
    }

    /// What a SELECT of one column, called `value`, gives on a connection of its own; `NULL` for what is NULL
    pub fn values(&self, sql: &str) -> Vec<String> {
        let sql = backend::as_text(sql);
        let rows: Vec<Value> = diesel::sql_query(&sql)
            .load(&mut self.connect())
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        rows.into_iter().map(|row| row.value.unwrap_or_else(|| "NULL".to_owned())).collect()
    }

    /// Runs SQL, which is SQLite's, on a connection of its own, behind the back of every environment.
    pub fn run(&self, sql: &str) {
        let sql = backend::translated(sql);
        let mut connection = self.connect();
        connection.batch_execute(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        backend::after_rows_by_hand(&mut connection);
    }
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    value: Option<String>,
}

#[derive(Debug)]
struct Recorded(Statements);

impl CustomizeConnection<Db, diesel::r2d2::Error> for Recorded {
    fn on_acquire(&self, connection: &mut Db) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(backend::SETTINGS).map_err(diesel::r2d2::Error::QueryError)?;
        connection.set_instrumentation(self.0.clone());
        Ok(())
    }
}

/// A file, an environment on it, and what the environment's connection was sent
#[derive(Debug)]
pub struct TestDb {
    /// The environment
    pub env: Environment,
    /// What it was sent
    pub statements: Statements,
    /// The database
    pub file: File,
}

impl Deref for TestDb {
    type Target = Environment;
    fn deref(&self) -> &Environment {
        &self.env
    }
}

/// An environment over a recorded connection; `$settings` are calls on its builder: `test_db!(file, prefetch_limit(5))`.
#[macro_export]
macro_rules! test_db {
    ($file:expr $(, $setting:ident($($value:expr),*))* $(,)?) => {{
        let file: $crate::database::File = $file;
        let (connection, statements) = file.recorded();
        let env = orm_core::Environment::builder().connection(connection)$(.$setting($($value),*))*.build();
        $crate::database::TestDb { env, statements: statements.anew(), file }
    }};
}

/// Statements in a message, one per line, the first of many
struct Shown<'a>(&'a [Statement]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(5).try_for_each(|statement| write!(f, "\n    {statement:?}"))?;
        if self.0.len() > 5 { write!(f, "\n    … and {} more", self.0.len() - 5) } else { Ok(()) }
    }
}

impl TestDb {
    /// A database filled by this SQL
    pub fn new(sql: &str) -> Self {
        test_db!(File::new(sql))
    }

    /// A database with so many partners over so many countries, see [`partners::sql`]; its environment is strict
    pub fn of_partners(partners: usize, countries: usize) -> Self {
        test_db!(File::of_partners(partners, countries), strict())
    }

    /// What a piece of work gives, and the statements that it sent; they must be as many as the statistics say. Those that MySQL needs to
    /// tell the keys of new rows are left out here
    #[track_caller]
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Statement>) {
        let (sent, counted) = (self.statements.count(), self.env.stats().queries);
        let result = work();
        let mut statements = self.statements.since(sent);
        statements.retain(|statement| !backend::asks_for_settings(&statement.sql));
        let counted = self.env.stats().queries - counted;
        assert_eq!(
            counted,
            statements.len(),
            "`stats().queries` counts other statements than these: {statements:#?}"
        );
        statements.retain(|statement| !backend::asks_for_keys(&statement.sql));
        (result, statements)
    }

    /// Does a piece of work, which must send exactly so many statements.
    #[track_caller]
    pub fn assert_queries<T>(&self, expected: usize, work: impl FnOnce() -> T) -> T {
        let (result, statements) = self.watch(work);
        let sent = statements.len();
        assert_eq!(
            sent,
            expected,
            "{expected} statements expected, these {sent} were sent:{}",
            Shown(&statements)
        );
        result
    }

    /// Does a piece of work whose statements must ask for so many keys each.
    #[track_caller]
    pub fn assert_keys<T>(&self, expected: &[usize], work: impl FnOnce() -> T) -> T {
        let (result, statements) = self.watch(work);
        let keys: Vec<usize> = statements.iter().map(|statement| statement.keys().len()).collect();
        assert_eq!(keys, expected, "keys per statement; sent were:{}", Shown(&statements));
        result
    }
}
