//! Transactions, and sending what waits.

use crate::backend::{Begin, Connection};
use crate::env::environment::Environment;
use crate::write::{TransactionOptions, retry};
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// Runs a closure in a transaction, and commits it; within another transaction it is a savepoint
    ///
    /// What is written in it waits for its end, or for a query that could see it, and is sent in few statements. If the
    /// closure returns an error or panics, or if what it wrote is refused, all of it is undone: the rows are as before,
    /// and of what was cached since it began nothing is left, so that the next read asks the database.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// let azure = env.create(Partner::values().name("Azure"))?;
    /// let refused = env.transaction(|| {
    ///     azure.set_name("Azure Interior")?;
    ///     Err::<(), _>(orm_core::Error::other("the books are closed"))
    /// });
    /// assert!(refused.is_err());
    /// assert_eq!(azure.name()?, "Azure");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's; those of writing what waited, also where the closure has swallowed them: a transaction of which a
    /// part was refused is not committed, and the first error is the one returned; those of the database. On PostgreSQL every
    /// error of the database aborts the transaction, so none can be swallowed; to go on after one, run what may fail in a
    /// transaction of its own, within. The same is true of a deadlock on MySQL, which undoes the savepoints too. Once it cannot
    /// be committed any more nothing is sent: each call returns the first error. [`Error::OutcomeUnknown`] if the connection was
    /// lost during the COMMIT.
    pub fn transaction<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        self.try_transaction(f)
    }

    /// The same for a closure whose errors are the application's own: they come back by value
    ///
    /// It is a method of its own because the compiler could not tell the type of error of a closure that ends with
    /// `Ok(())`, if it might be any.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// #[derive(Debug)]
    /// enum Refused { BooksAreClosed, Database(orm_core::Error) }
    /// impl From<orm_core::Error> for Refused {
    ///     fn from(error: orm_core::Error) -> Self { Self::Database(error) }
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// let refused = env.try_transaction(|| Err::<(), _>(Refused::BooksAreClosed));
    /// assert!(matches!(refused, Err(Refused::BooksAreClosed)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    pub fn try_transaction<T, E: From<Error>>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.run_transaction(&Begin::default(), f)
    }

    /// The same with options: isolation, read-only, time-outs and the like
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::TransactionOptions;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// # let azure = env.create(Partner::values().name("Azure"))?;
    /// env.transaction_with(TransactionOptions::new().immediate(), || {
    ///     let name = azure.name()?;
    ///     azure.set_name(name.to_uppercase())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction); [`Error::Unsupported`] for what the database does not have, and
    /// [`Error::Nested`] within another transaction, also one of the application's own.
    pub fn transaction_with<T, E: From<Error>>(
        &self,
        options: TransactionOptions<E>,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.run_transaction(&options.begin, f)
    }

    /// Runs a closure in a transaction, again if it fails for a reason that may pass: at most so many times
    ///
    /// Such are serialization failures, deadlocks, SQLite's `database is locked` and [`Error::Conflict`]
    /// ([`Error::is_retryable`]), also where the closure has made another error of it. Between two tries it waits, longer
    /// each time and not as long as others do, and nothing that was cached is trusted any more, so that the closure
    /// computes with what is there. It runs from its beginning: what it does besides writing records, it does again.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::{Isolation, TransactionOptions};
    /// # diesel::table! { counters { id -> Integer, amount -> Integer } }
    /// # #[derive(Model)] struct Counter { id: i32, amount: i32 }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE counters (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)"))?;
    /// # env.create(Counter::values().id(1).amount(0))?;
    /// let counter = env.record::<Counter>(1);
    /// let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
    /// env.transaction_with_retry(5, serializable, || counter.set_amount(counter.amount()? + 1))?;
    /// assert_eq!(counter.amount()?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction_with`](Self::transaction_with); [`Error::GaveUp`] with the error of the last try;
    /// [`Error::Nested`] within another transaction, which would have to be done again as a whole.
    pub fn transaction_with_retry<T, E: From<Error>>(
        &self,
        tries: usize,
        options: TransactionOptions<E>,
        f: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        retry::transaction_with_retry(self, tries, options, f)
    }

    /// Calls a function once the open transaction is committed: for what must not happen if it is not, a mail or a message to a queue
    ///
    /// Within a transaction in another one it waits for the outermost one. It is dropped, and not called, if the transaction that it belongs
    /// to is undone, or if it is not known whether it was committed. Outside of a transaction it is called at once. Functions are called in
    /// the order in which they were given, after the COMMIT: one that panics takes nothing back, and those after it are dropped. In a
    /// transaction of the application's own, which only the application commits, the outermost one is the first of the environment's.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # use std::sync::mpsc::channel;
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// let (outbox, sent) = channel();
    /// env.transaction(|| {
    ///     let outbox = outbox.clone();
    ///     env.after_commit(move || drop(outbox.send("welcome")));
    ///     assert!(sent.try_recv().is_err());
    ///     Ok(())
    /// })?;
    /// assert_eq!(sent.try_recv(), Ok("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn after_commit(&self, callback: impl FnOnce() + Send + 'static) {
        if self.transactions.are_open() {
            self.transactions.call_after(Box::new(callback));
        } else {
            callback();
        }
    }

    /// For tests: begins a transaction that is never committed, and in which all that this environment does is done from now on
    ///
    /// Its own transactions are savepoints in that one: what is committed is there for the rest of the test, a rollback takes back what it
    /// takes back otherwise, `after_commit` is called. When the environment is dropped, or gives its connection back
    /// ([`into_connection`](Self::into_connection), the end of [`over`](Self::over)), nothing is left. Nobody else sees any of it, so all that
    /// is tested has to use this environment. What the outermost transactions say of isolation, mode and time-outs is checked and passed over.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn rename(env: &Environment) -> orm_core::Result<()> {
    /// #     env.transaction(|| env.all::<Partner>()?.iter().try_for_each(|partner| partner.set_name("Deco")))
    /// # }
    /// # fn main() -> orm_core::Result<()> {
    /// # use diesel::connection::SimpleConnection;
    /// # let mut connection = SqliteConnection::establish(":memory:")?;
    /// # connection.batch_execute("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
    /// let env: Environment = Environment::builder().connection(connection).build();
    /// env.test_transaction()?;
    /// let partner = env.create(Partner::values().name("Azure"))?;
    /// rename(&env)?;
    /// assert_eq!(partner.name()?, "Deco");
    /// # drop(partner);
    /// let mut connection = env.into_connection().expect("the one above");
    /// assert_eq!(partners::table.count().get_result(&mut connection), Ok(0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InTransaction`] within another one, also one of the application's own, or of another test's; those of the database.
    pub fn test_transaction(&self) -> Result<()> {
        self.begin_test()
    }

    /// Sends everything that waits to be written
    ///
    /// Commits, searches and statements of your own do so by themselves.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::MissingRecord`] and [`Error::Conflict`] for a row that is gone or was changed by
    /// somebody else. The transaction cannot be committed then. [`Error::Invalid`] for a record that is refused: nothing was sent, and what waits can
    /// be put right.
    pub fn flush(&self) -> Result<()> {
        self.flushed().map(drop)
    }
}
