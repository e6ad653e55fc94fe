//! What users call on an environment: how it is made, and records without a query.

mod batches;
mod create;
mod lookup;
mod raw;
mod transaction;

pub use raw::Touching;

use std::borrow::Borrow;
use std::panic::Location;

use diesel::r2d2::{ConnectionManager, Pool};

use super::builder::{EnvironmentBuilder, NoSource};
use super::cache::Cache;
use super::{Model, Record, RecordSet};
use crate::backend::Connection;
use crate::env::connection::without_password;
use crate::env::environment::Environment;
use crate::env::settings::{Limits, Settings};
use crate::load::query;
use crate::model::IntoKey;
use crate::write::flush;
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// An environment on a connection of its own, made now
    ///
    /// Takes what diesel's `establish` takes, with or without the scheme: a file name or `sqlite://…`,
    /// `postgres://…`, `mysql://…`. No threads are started.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if the address is of another database, or the database cannot be reached.
    pub fn connect(url: &str) -> Result<Self> {
        let address = C::database_url(url).map_err(|message| Error::connection(C::NAME, message))?;
        let connection = C::establish(address).map_err(|error| {
            Error::connection(C::NAME, format_args!("cannot open `{}`: {error}", without_password(url)))
        })?;
        Ok(Self::over(None, Some(connection), Settings::default(), Limits::default(), flush::pending))
    }

    /// An environment over a pool; a connection is taken at the first query and given back when the environment is dropped
    pub fn new(pool: Pool<ConnectionManager<C>>) -> Self {
        Self::over(Some(pool), None, Settings::default(), Limits::default(), flush::pending)
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

    /// Every record of a model, in the order of the keys: one SELECT
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn all<M: Model<Connection = C>>(&self) -> Result<RecordSet<'_, M>> {
        let slots = query::all::<M>(self, Location::caller())?;
        Ok(RecordSet::found(self, slots))
    }

    /// The cache, for those who look into it or manage it
    pub fn cache(&self) -> Cache<'_, C> {
        Cache::new(self)
    }
}
