//! `Environment::builder()`: an environment with other settings than the usual.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};

use crate::backend::{Connection, MayBeSqlite};
use crate::env::connection::{Address, Held, Supply, adopt};
use crate::env::settings::{Limits, Settings};
use crate::model::{self, AnyModel};
use crate::records::Model;
use crate::write::flush;
use crate::{Environment, Error, Result};

/// The most binds that a batch may need is the next power of two, and SQLite takes 32,766.
const MAX_PREFETCH_LIMIT: usize = 16_384;

/// Settings of an [`Environment`] to be; `build` is there once a pool or a connection is given
#[derive(Debug)]
#[must_use = "it makes an environment when `build` is called"]
pub struct EnvironmentBuilder<C: Connection, S> {
    source: S,
    settings: Settings,
    limits: Limits,
    models: Vec<&'static dyn AnyModel<C>>,
    connection: std::marker::PhantomData<fn() -> C>,
}

/// No pool and no connection yet
#[derive(Debug)]
pub struct NoSource(());

/// A pool or a connection
pub struct Source<C: Connection>(Supply<C>, Option<Held<C>>);

impl<C: Connection> fmt::Debug for Source<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.1.is_none() { "pool" } else { "connection" })
    }
}

impl<C: Connection> EnvironmentBuilder<C, NoSource> {
    pub(crate) fn new() -> Self {
        Self {
            source: NoSource(()),
            settings: Settings::default(),
            limits: Limits::default(),
            models: Vec::new(),
            connection: std::marker::PhantomData,
        }
    }

    /// An environment with these settings on a connection of its own, made now; see [`Environment::connect`]
    ///
    /// # Errors
    ///
    /// As [`Environment::connect`].
    pub fn connect(self, url: &str) -> Result<Environment<C>> {
        self.connect_to(Address::new(url, None))
    }

    /// The same, with what is to be done with each connection that is made, the first one and those after it broke: for what is
    /// said once for a connection, as `SET search_path` is
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use diesel::connection::SimpleConnection;
    /// # fn main() -> orm_core::Result<()> {
    /// let env = Environment::<diesel::SqliteConnection>::builder()
    ///     .connect_with(":memory:", |connection| Ok(connection.batch_execute("PRAGMA foreign_keys = ON")?))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Environment::connect`]; those of the closure.
    pub fn connect_with(
        self,
        url: &str,
        prepare: impl Fn(&mut C) -> Result<()> + Send + 'static,
    ) -> Result<Environment<C>> {
        self.connect_to(Address::new(url, Some(Box::new(prepare))))
    }

    fn connect_to(self, address: Address<C>) -> Result<Environment<C>> {
        let mut connection = address.connect()?;
        self.settings.set_up(&mut connection);
        let supply = if connection.system().has_server { Supply::Address(address) } else { Supply::Nothing };
        let held = Some(Held::Own(connection));
        let env = Environment::assemble(supply, held, self.settings, self.limits, flush::pending);
        self.models.into_iter().for_each(|model| env.know(model));
        Ok(env)
    }

    /// Calls with an environment with these settings over a connection that the application has;
    /// [`Environment::over`] says the rest
    ///
    /// # Errors
    ///
    /// As [`Environment::over`].
    pub fn over<T>(self, connection: &mut C, f: impl FnOnce(&Environment<C>) -> Result<T>) -> Result<T> {
        self.try_over(connection, f)
    }

    /// The same for a closure whose errors are the application's own
    ///
    /// # Errors
    ///
    /// As [`Environment::over`].
    pub fn try_over<T, E: From<Error>>(
        self,
        connection: &mut C,
        f: impl FnOnce(&Environment<C>) -> Result<T, E>,
    ) -> Result<T, E> {
        // The connection is moved into the environment and back, also where the closure panics. What is dropped of either is
        // dropped behind it: a panic between would leave nothing in its place.
        let (result, _env) = replace_with::replace_with_or_abort_and_return(connection, |connection| {
            let env = self.over_own(connection);
            let result = catch_unwind(AssertUnwindSafe(|| {
                let value = f(&env)?;
                // The application's transaction is gone, whoever has swallowed that.
                env.transactions.refuse_if_rollback_only()?;
                Ok(value)
            }));
            // Nothing takes it from an environment that can have no other.
            let Some(connection) = env.take_own() else { std::process::abort() };
            ((result, env), connection)
        });
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// An environment over the application's connection, whose time-outs are the application's too unless they were named here
    fn over_own(self, mut connection: C) -> Environment<C> {
        if self.settings.busy_timeout.is_some() {
            connection.set_busy_timeout(self.settings.busy_timeout);
        }
        self.settings.set_up_statements(&mut connection);
        let adopted = adopt(&mut connection);
        let held = Some(Held::Own(connection));
        let env = Environment::assemble(Supply::Nothing, held, self.settings, self.limits, flush::pending);
        env.transactions.adopt(adopted);
        self.models.into_iter().for_each(|model| env.know(model));
        env
    }
}

impl<C: Connection, S> EnvironmentBuilder<C, S> {
    fn on(self, source: Source<C>) -> EnvironmentBuilder<C, Source<C>> {
        EnvironmentBuilder {
            source,
            settings: self.settings,
            limits: self.limits,
            models: self.models,
            connection: self.connection,
        }
    }

    /// Take the connection from this pool, at the first query
    pub fn pool(self, pool: Pool<ConnectionManager<C>>) -> EnvironmentBuilder<C, Source<C>> {
        self.on(Source(Supply::Pool(pool), None))
    }

    /// Use this connection
    ///
    /// If the application has begun a transaction on it, those of the environment are savepoints in that one, which is never
    /// ended here: not even when the environment is dropped. [`Environment::into_connection`] gives the connection back.
    pub fn connection(self, connection: C) -> EnvironmentBuilder<C, Source<C>> {
        self.on(Source(Supply::Nothing, Some(Held::Own(connection))))
    }

    /// Use this connection of a pool, which has it back when the environment is dropped
    ///
    /// It is as one of the application's own ([`connection`](Self::connection)): if it breaks, there is no other. To keep it,
    /// lend it: [`Environment::over`].
    pub fn pooled(
        self,
        connection: PooledConnection<ConnectionManager<C>>,
    ) -> EnvironmentBuilder<C, Source<C>> {
        self.on(Source(Supply::Nothing, Some(Held::pooled(connection))))
    }

    /// At most so many missing keys in one SELECT; 1000 unless said otherwise, from 1 to 16,384
    pub fn prefetch_limit(mut self, keys: usize) -> Self {
        self.settings.prefetch_limit = keys.clamp(1, MAX_PREFETCH_LIMIT);
        self
    }

    /// At most so many bytes in one batch, by what the rows seen so far took; 16 MiB unless said otherwise
    pub fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.settings.prefetch_bytes = bytes;
        self
    }

    /// Caches at most so many records: those used longest ago leave first, unflushed writes never; no limit unless said
    pub fn cache_limit(self, records: usize) -> Self {
        self.limits.records.set(Some(records));
        self
    }

    /// Caches at most so many bytes of keys and values; no limit unless said. Keys count up to half of it, as only
    /// [`clear`](crate::Cache::clear) gives them back
    pub fn cache_bytes(self, bytes: usize) -> Self {
        self.limits.bytes.set(Some(bytes));
        self
    }

    /// Tells `tracing` the values that statements have, too: by default it is told their text alone
    ///
    /// They are what an application stores: names, addresses, tokens.
    pub fn trace_values(mut self) -> Self {
        self.settings.trace_values = true;
        self
    }

    /// Makes it an error ([`Error::Unbatched`](crate::Error::Unbatched)) when something is done for one record ten times in a
    /// row from the same place, though it could be done for all at once; otherwise that is a warning through `tracing`, once
    /// for each place
    ///
    /// Such a loop reads values, links, lists or counts of records that are in no set, runs the same query or statement,
    /// writes outside of a transaction, or creates or deletes one by one. Going from record to record along their links is
    /// none, nor is coming back to the same record. The error names file and line, and is returned before the statement is
    /// sent.
    pub fn strict(mut self) -> Self {
        self.settings.strict = true;
        self
    }

    /// Whether the connection keeps statements prepared: true unless said otherwise
    ///
    /// Say no behind a pooler that gives each transaction another connection of its own, as PgBouncer does in transaction mode (unless it is 1.21 or later
    /// and has `max_prepared_statements`): there a statement that was prepared is another client's, or nobody's. It concerns the connection from then on, also
    /// one that goes back to a pool.
    pub fn prepared_statements(mut self, are_kept: bool) -> Self {
        self.settings.is_unprepared = !are_kept;
        self
    }

    /// Whether it is an error ([`Error::UndeclaredRead`]) if the function of a stored field reads what the field does not declare as
    /// `depends(…)`: true in builds with debug assertions, false in others, unless said otherwise
    pub fn check_depends(mut self, is_checked: bool) -> Self {
        self.settings.checks_depends = is_checked;
        self
    }

    /// Knows this model from the start, and those that its links lead to
    ///
    /// A model is known to an environment once it is used, or a link leads to it from one that is. Only then its stored fields
    /// (`#[model(compute = f, stored)]`) are computed anew when somebody writes what they follow from. It has to be said of a model that
    /// no link leads to from those that are written.
    pub fn model<M: Model<Connection = C>>(mut self) -> Self {
        self.models.push(model::any::<M>());
        self
    }

    /// A value that was loaded longer ago than this is missing, and read again; no limit unless said
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }
}

impl<C: MayBeSqlite, S> EnvironmentBuilder<C, S> {
    /// SQLite waits so long for somebody else who writes, before it says `database is locked`; not at all if it is 0
    ///
    /// Unless said otherwise five seconds, on connections that have no time-out yet. A transaction that has read something
    /// cannot wait before it writes: see [`TransactionOptions::immediate`](crate::TransactionOptions::immediate).
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.settings.busy_timeout = Some(timeout);
        self
    }
}

impl<C: Connection> EnvironmentBuilder<C, Source<C>> {
    /// The environment
    pub fn build(self) -> Environment<C> {
        let Source(supply, mut held) = self.source;
        let adopted = held.as_deref_mut().map(|connection| {
            self.settings.set_up(connection);
            adopt(connection)
        });
        let env = Environment::assemble(supply, held, self.settings, self.limits, flush::pending);
        env.transactions.adopt(adopted.unwrap_or_default());
        self.models.into_iter().for_each(|model| env.know(model));
        env
    }
}
