//! An application's own statements beside the cache.

use std::fmt;
use std::panic::Location;

use diesel::query_builder::{QueryFragment, QueryId};

use crate::backend::Connection;
use crate::env::watch::Spot;
use crate::error::{Doing, Repeated};
use crate::model::{self, AnyModel};
use crate::records::Model;
use crate::store::TableId;
use crate::write::lend::{Known, Loan};
use crate::{Environment, Error, Result};

impl<C: Connection> Environment<C> {
    /// Runs any diesel statement; tells how many rows it found
    ///
    /// What waits to be written is sent before. As nobody knows what the statement changed, nothing that was cached is
    /// trusted afterwards; [`touching`](Self::touching) says what it may have changed.
    ///
    /// # Errors
    ///
    /// Those of the database, of the statement or of what was waiting; [`Error::TransactionEnded`] within a transaction, if the
    /// statement has ended that, and [`Error::TransactionLeftOpen`] if it has begun one.
    #[track_caller]
    pub fn execute<Q>(&self, statement: Q) -> Result<usize>
    where
        Q: QueryFragment<C::Backend> + QueryId,
    {
        self.touching().execute(statement)
    }

    /// Calls with the connection itself, with the same care as [`execute`](Self::execute)
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// let count: i64 = env.with_connection(|connection| Ok(partners::table.count().get_result(connection)?))?;
    /// # assert_eq!(count, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Transactions that the closure begins, it ends. Within a transaction of the environment its own are savepoints, and what it
    /// has undone with one of them does no harm to what is around it.
    ///
    /// # Errors
    ///
    /// The closure's, and those of sending what was waiting; [`Error::TransactionLeftOpen`] if it has begun a transaction and not
    /// ended it, which is rolled back then; [`Error::TransactionEnded`] if it has ended the one that it is called in. On
    /// PostgreSQL, within a transaction, an error that it has swallowed.
    #[track_caller]
    pub fn with_connection<T>(&self, f: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        self.touching().with_connection(f)
    }

    /// The same for a closure whose errors are the application's own, which come back by value: also for functions that
    /// return diesel's `QueryResult`
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// fn count(connection: &mut SqliteConnection) -> QueryResult<i64> {
    ///     partners::table.count().get_result(connection)
    /// }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// assert_eq!(env.try_with_connection(count)?, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`with_connection`](Self::with_connection).
    #[track_caller]
    pub fn try_with_connection<T, E: From<Error>>(
        &self,
        f: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> Result<T, E> {
        self.touching().try_with_connection(f)
    }

    /// A statement of your own that changes rows of the models that are named, and of no others; while none is named, of any
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text, active -> Bool } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String, active: bool }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, active BOOLEAN NOT NULL)"))?;
    /// env.touching().model::<Partner>().execute(diesel::update(partners::table).set(partners::active.eq(false)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn touching(&self) -> Touching<'_, C> {
        Touching { env: self, models: None }
    }
}

/// A statement of an application's own, and what it may change; made by [`Environment::touching`]
#[must_use = "it does nothing until `execute` or `with_connection` is called"]
pub struct Touching<'env, C: Connection> {
    env: &'env Environment<C>,
    /// The models; `None`: any
    models: Option<Vec<&'static dyn AnyModel<C>>>,
}

impl<C: Connection> fmt::Debug for Touching<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Touching").field("models", &self.models).finish_non_exhaustive()
    }
}

impl<'env, C: Connection> Touching<'env, C> {
    /// Rows of this model too
    pub fn model<M: Model<Connection = C>>(mut self) -> Self {
        self.models.get_or_insert_default().push(model::any::<M>());
        self
    }

    /// No rows: it only reads, and what is cached stays
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY)"))?;
    /// let count: i64 = env.touching().nothing().with_connection(|c| Ok(partners::table.count().get_result(c)?))?;
    /// # assert_eq!(count, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn nothing(mut self) -> Self {
        self.models.get_or_insert_default();
        self
    }

    /// Runs a diesel statement; tells how many rows it found
    ///
    /// # Errors
    ///
    /// As [`Environment::execute`].
    #[track_caller]
    pub fn execute<Q>(self, statement: Q) -> Result<usize>
    where
        Q: QueryFragment<C::Backend> + QueryId,
    {
        let env = self.env;
        let doing = Doing { model: "", table: "", text: &|| "running a statement".to_owned() };
        // A statement that has no text is refused when it is run.
        let text = env.text_of(&statement).unwrap_or_default();
        let spot = Spot::new(Location::caller(), Repeated::Statement, "", "").with_text(&text);
        env.watch(spot, None)?;
        let rows = self.run(|| {
            if writes_rows(&text) {
                return env.writing_one(|| env.run(doing, &statement));
            }
            let loan = Loan::begin(env, "a statement of your own")?;
            let is_alone = !env.transactions.are_open();
            loan.end(env.send(doing, &statement), &if is_alone { Known::of_its_own() } else { Known::ours() })
        })?;
        env.watch_rows(&spot, rows);
        Ok(rows)
    }

    /// Calls with the connection itself
    ///
    /// # Errors
    ///
    /// As [`Environment::with_connection`].
    #[track_caller]
    pub fn with_connection<T>(self, f: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        self.lend(f, &Known::ours())
    }

    /// Calls with the connection itself; errors are the application's own
    ///
    /// # Errors
    ///
    /// As [`Environment::with_connection`].
    #[track_caller]
    pub fn try_with_connection<T, E: From<Error>>(
        self,
        f: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> Result<T, E> {
        self.lend(f, &Known::not())
    }

    #[track_caller]
    fn lend<T, E: From<Error>>(
        self,
        f: impl FnOnce(&mut C) -> Result<T, E>,
        known: &Known<E>,
    ) -> Result<T, E> {
        let env = self.env;
        if !env.transactions.are_open() {
            env.watch(Spot::new(Location::caller(), Repeated::Statement, "", ""), None)?;
        }
        env.called_at(Location::caller());
        self.run(|| {
            let loan = Loan::begin(env, "`with_connection`")?;
            let mut connection = env.connection()?;
            let result = env.traced_lent(|| f(&mut connection));
            drop(connection);
            loan.end(result, known)
        })
    }

    fn run<T, E: From<Error>>(&self, statement: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let is_reading = self.models.as_ref().is_some_and(Vec::is_empty);
        if is_reading {
            self.env.note_search(String::new);
        } else {
            self.env.may_write()?;
        }
        self.env.flush()?;
        // Also where it panics: a part of it may have run.
        let _forget = Forget(self);
        statement()
    }

    fn forget(&self) {
        let Self { env, models } = self;
        let Some(models) = models else { return env.trust_nothing() };
        env.note_drop();
        let tables: Vec<_> = models.iter().map(|&model| env.stores.get(model).table_number()).collect();
        let is_touched = |table: TableId| tables.contains(&table);
        for table in env.tables() {
            if is_touched(table.number()) {
                table.invalidate();
            } else {
                // Its rows are as they were; who is a member of its lists may have changed.
                table.forget_lists(&is_touched);
            }
        }
        tables.iter().for_each(|&table| env.forget_shown(env.stores.table(table)));
    }
}

struct Forget<'a, 'env, C: Connection>(&'a Touching<'env, C>);

impl<C: Connection> Drop for Forget<'_, '_, C> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// Whether a statement reads and writes rows and does nothing else, as its first word says: no database lets such a one begin or
/// end a transaction, so that nobody has to ask afterwards.
fn writes_rows(sql: &str) -> bool {
    let word = sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}
