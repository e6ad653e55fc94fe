//! What users call on an environment: how it is made, and records without a query.

mod batches;
mod create;
mod inspect;
mod lookup;
mod raw;
mod recompute;
mod transaction;

pub use inspect::{Inspected, InspectedEviction, Inspection};
pub use raw::Touching;
pub use recompute::{Recomputed, Recomputing};

use std::borrow::Borrow;
use std::panic::Location;

use diesel::r2d2::{ConnectionManager, Pool};

use super::builder::{EnvironmentBuilder, NoSource};
use super::cache::Cache;
use super::{Model, Record, RecordSet};
use crate::backend::Connection;
use crate::env::connection::Supply;
use crate::env::environment::Environment;
use crate::env::settings::{Limits, Settings};
use crate::load::query;
use crate::model::{self, IntoKey};
use crate::write::flush;
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// An environment on a connection of its own, made now
    ///
    /// Takes what diesel's `establish` takes, with or without the scheme: a file name or `sqlite://…`,
    /// `postgres://…`, `mysql://…`. No threads are started.
    ///
    /// If a connection to a server breaks, the next statement makes another, with the address that is kept for that. A read outside of a
    /// transaction is sent once more on that one. What was `SET` on the first one is not on the second: say that in the
    /// address, or in [`connect_with`](EnvironmentBuilder::connect_with). A file of SQLite is opened once.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if the address is of another database, or the database cannot be reached.
    pub fn connect(url: &str) -> Result<Self> {
        Self::builder().connect(url)
    }

    /// An environment over a pool; a connection is taken at the first query and given back when the environment is dropped, or by
    /// [`release`](Self::release)
    ///
    /// If it breaks, the next statement takes another. A read outside of a transaction is sent once more on that one.
    pub fn new(pool: Pool<ConnectionManager<C>>) -> Self {
        Self::assemble(Supply::Pool(pool), None, Settings::default(), Limits::default(), flush::pending)
    }

    /// Gives the connection back to the pool: for an environment that waits for something else than the database, or another one in the
    /// same thread. The next statement takes one again, and what is cached stays
    ///
    /// It is not done after each transaction, as to take a connection costs a round trip, by which the pool looks whether it is still
    /// there, and each one has prepared its own statements. Over another connection than one that the environment takes from a
    /// pool itself this does nothing.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # use diesel::r2d2::{ConnectionManager, Pool};
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn work(pool: Pool<ConnectionManager<diesel::SqliteConnection>>) -> orm_core::Result<()> {
    /// let env = Environment::new(pool);
    /// let partners: RecordSet<Partner> = env.all()?;
    /// env.release()?;
    /// let names = partners.name()?;                    // from the cache: no connection
    /// # Ok(())
    /// # }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InTransaction`] within a transaction, also one of the application's own.
    pub fn release(&self) -> Result<()> {
        self.give_back()
    }

    /// Calls with an environment over a connection that the application has: for functions that are given a `&mut` connection
    ///
    /// The connection is the application's again when this returns, and everything that was written is sent before. In a
    /// transaction that the application has begun on it, by diesel or by hand, those of the environment are savepoints, which
    /// it never ends: what it has undone is undone alone, and whether the rest is committed is up to the application. So a
    /// large application can be changed function by function, both ways within one transaction. Each call has a cache of its
    /// own, which costs nothing until something is read. A connection of a pool is lent as the one that it holds: `&mut *pooled`.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// /// Written with diesel; `PgConnection` and `MysqlConnection` are lent the same way.
    /// fn rename_all(connection: &mut SqliteConnection) -> orm_core::Result<()> {
    ///     connection.transaction(|connection| {
    ///         diesel::insert_into(partners::table).values(partners::name.eq("Azure")).execute(connection)?;
    ///         Environment::over(connection, |env| {
    ///             let all: RecordSet<Partner> = env.all()?;
    ///             env.transaction(|| all.iter().try_for_each(|partner| partner.set_name(partner.name()?.to_uppercase())))
    ///         })?;
    ///         let azure = partners::table.filter(partners::name.eq("AZURE")).count();
    ///         assert_eq!(azure.get_result::<i64>(connection)?, 1);
    ///         Ok(())
    ///     })
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # use diesel::connection::SimpleConnection;
    /// # let mut connection = SqliteConnection::establish(":memory:")?;
    /// # connection.batch_execute("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
    /// # rename_all(&mut connection)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's. One that says that the application's transaction is gone with what was done in it, as after a deadlock on
    /// MySQL, comes back also where the closure has swallowed it.
    pub fn over<T>(connection: &mut C, f: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        Self::builder().over(connection, f)
    }

    /// The same for a closure whose errors are the application's own: they come back by value
    ///
    /// # Errors
    ///
    /// As [`over`](Self::over).
    pub fn try_over<T, E: From<Error>>(
        connection: &mut C,
        f: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::builder().try_over(connection, f)
    }

    /// The connection, given back: the one of [`connect`](Self::connect) or of the builder; `None` over a pool, which has its own
    /// back
    ///
    /// Everything that was written is sent already, and no transaction of the environment is open. One that the application had begun before still is.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # fn main() -> orm_core::Result<()> {
    /// let connection = SqliteConnection::establish(":memory:")?;
    /// let env: Environment = Environment::builder().connection(connection).build();
    /// env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY)"))?;
    /// let mut connection = env.into_connection().expect("the one above");
    /// diesel::sql_query("INSERT INTO partners VALUES (1)").execute(&mut connection)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_connection(self) -> Option<C> {
        self.take_own()
    }

    /// An environment with other settings than the usual
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # fn main() -> orm_core::Result<()> {
    /// # let connection = diesel::Connection::establish(":memory:").map_err(orm_core::Error::other)?;
    /// let env: Environment = Environment::builder().connection(connection).prefetch_limit(500).build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> EnvironmentBuilder<C, NoSource> {
        EnvironmentBuilder::new()
    }

    /// A record by its key. Nothing is asked; reading it does, and is [`Error::MissingRecord`] if there is no such row
    pub fn record<M: Model<Connection = C>>(&self, key: impl IntoKey<M>) -> Record<'_, M> {
        let slot = self.store::<M>().intern(key.into_key());
        Record::<M>::single(self, slot)
    }

    /// Records by their keys, in this order. Nothing is asked; reading them does, for all at once
    pub fn browse<M: Model<Connection = C>>(
        &self,
        keys: impl IntoIterator<Item: IntoKey<M>>,
    ) -> RecordSet<'_, M> {
        let store = self.store::<M>();
        let slots = keys.into_iter().map(|key| store.intern(key.into_key())).collect();
        RecordSet::named(self, slots)
    }

    /// A set of records that one has, in this order; asks nothing
    ///
    /// Takes records and references to them. It is prefetched with the sets that its records came from, the first eight
    /// of them. Records of another environment are looked up by key.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, parent_id -> Nullable<Integer> } }
    /// # #[derive(Model)] struct Partner { id: i32, parent_id: Option<Id<Partner>> }
    /// fn roots<'env>(partners: &RecordSet<'env, Partner>) -> orm_core::Result<RecordSet<'env, Partner>> {
    ///     let mut roots = Vec::new();
    ///     for partner in partners {
    ///         let mut root = partner;
    ///         while let Some(parent) = root.parent_id().load()? {
    ///             root = parent;
    ///         }
    ///         roots.push(root);
    ///     }
    ///     Ok(partners.env().collect(roots))
    /// }
    /// # fn main() {}
    /// ```
    pub fn collect<'a, M, R>(&self, records: impl IntoIterator<Item = R>) -> RecordSet<'_, M>
    where
        M: Model<Connection = C>,
        R: Borrow<Record<'a, M>>,
    {
        let mut set = RecordSet::<M>::named(self, Vec::new());
        set.push_all(records);
        set
    }

    /// Every record of a model, in the order of the keys: one SELECT. Of a model with a scope those in it
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn all<M: Model<Connection = C>>(&self) -> Result<RecordSet<'_, M>> {
        let slots = query::all::<M>(self, true, Location::caller())?;
        Ok(RecordSet::found(self, slots))
    }

    /// Every record of a model, whatever its scope, in the order of the keys: one SELECT
    ///
    /// `#[model(scope = …)]` says which rows of a table are seen by those who ask for no row in particular: by [`all`](Self::all), by
    /// lists (`OneToMany`, `OneToOne`, `ManyToMany`), and by what is counted and worked out over these. Whoever names a row finds it: by its
    /// key, by a to-one link that leads there, by a query of their own. A list of all is a link of its own, with `unscoped`.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use orm_core::prelude::*;
    /// # diesel::table! { authors { id -> Integer } }
    /// diesel::table! { posts { id -> Integer, author_id -> Integer, deleted -> Bool } }
    /// #[derive(Model)]
    /// #[model(scope = posts::deleted.eq(false))]
    /// struct Post {
    ///     id: i32,
    ///     author_id: Id<Author>,
    ///     deleted: bool,
    /// }
    /// #[derive(Model)]
    /// struct Author {
    ///     id: i32,
    ///     #[model(inverse = Post::AUTHOR_ID)]
    ///     post_ids: OneToMany<Post>,
    ///     #[model(inverse = Post::AUTHOR_ID, unscoped)]
    ///     all_post_ids: OneToMany<Post>,
    /// }
    /// fn purge(env: &Environment) -> orm_core::Result<()> {
    ///     let deleted = env.all_unscoped::<Post>()?.filter(|post| post.deleted())?;
    ///     deleted.delete()
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn all_unscoped<M: Model<Connection = C>>(&self) -> Result<RecordSet<'_, M>> {
        let slots = query::all::<M>(self, false, Location::caller())?;
        Ok(RecordSet::found(self, slots))
    }

    /// Knows a model from now on, and those that its links lead to: its stored fields are computed anew when what they follow from is
    /// written, whether the model was used or not
    ///
    /// As [`EnvironmentBuilder::model`], which says when that is needed.
    pub fn register<M: Model<Connection = C>>(&self) {
        self.know(model::any::<M>());
    }

    /// The cache, for those who look into it or manage it
    pub fn cache(&self) -> Cache<'_, C> {
        Cache::new(self)
    }
}
