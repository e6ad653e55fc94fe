//! The records of a query, some at a time.

use std::panic::Location;

use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{Query, QueryFragment};
use diesel::query_dsl::methods::SelectDsl;

use crate::Result;
use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::load::query::{self, ModelColumns};
use crate::model::DbOf;
use crate::records::batches::{Batches, Since};
use crate::records::keyset::{BatchesByKey, ByKey};
use crate::records::{Model, RecordSet};

impl<C: Connection> Environment<C> {
    /// Calls with the records of a query, `size` at a time, in the query's order; memory is bounded by the batch
    ///
    /// The keys are read first, with one SELECT, so that rows which are added or moved meanwhile neither come twice
    /// nor push others out. Rows deleted meanwhile are left out. Where any order will do,
    /// [`in_batches_by_key`](Self::in_batches_by_key) does without the keys.
    ///
    /// # Errors
    ///
    /// Those of the database, and the first that the closure returns; later batches are not read then.
    #[track_caller]
    pub fn in_batches<'env, M, Q>(
        &'env self,
        query: Q,
        size: usize,
        mut f: impl FnMut(RecordSet<'env, M>) -> Result<()>,
    ) -> Result<()>
    where
        M: Model<Connection = C>,
        Q: SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
    {
        self.batches(query, size)?.try_for_each(|batch| f(batch?))
    }

    /// The records of a query, `size` at a time, as an iterator; see [`in_batches`](Self::in_batches)
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn batches<M, Q>(&self, query: Q, size: usize) -> Result<Batches<'_, M>>
    where
        M: Model<Connection = C>,
        Q: SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
    {
        let keys =
            query::keys::<M>(self, Location::caller(), &SelectDsl::select(query, ModelColumns::of(&[])))?;
        Ok(Batches { env: self, keys: keys.into_iter(), size: size.max(1), since: Since::new(self) })
    }

    /// Calls with the records of a query in the order of their keys, `size` at a time; memory is bounded by the batch alone
    ///
    /// Each batch is one SELECT of the `size` rows whose keys come after those of the batch before; nothing is read
    /// or kept of the whole. Every record comes once, also where a join finds it several times. Rows that are added
    /// meanwhile come if their keys are still ahead, rows that are deleted do not. Where the order is the query's
    /// own, [`in_batches`](Self::in_batches) keeps to it.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// fn letters(env: &Environment) -> orm_core::Result<usize> {
    ///     let mut letters = 0;
    ///     let named = partners::table.filter(partners::name.ne(""));
    ///     env.in_batches_by_key(named, 1000, |partners: RecordSet<Partner>| {
    ///         letters += partners.name()?.iter().map(|name| name.len()).sum::<usize>();
    ///         Ok(())
    ///     })?;
    ///     Ok(letters)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the database, and the first that the closure returns; later batches are not read then. A query that
    /// has an order, a limit, an offset or a lock of its own is an error too.
    #[track_caller]
    pub fn in_batches_by_key<'env, M, Q>(
        &'env self,
        query: Q,
        size: usize,
        mut f: impl FnMut(RecordSet<'env, M>) -> Result<()>,
    ) -> Result<()>
    where
        M: Model<Connection = C>,
        Q: ByKey<M>,
    {
        self.batches_by_key(query, size).try_for_each(|batch| f(batch?))
    }

    /// The records of a query in the order of their keys, `size` at a time, as an iterator; see
    /// [`in_batches_by_key`](Self::in_batches_by_key). Nothing is asked before the first batch is.
    #[track_caller]
    pub fn batches_by_key<M, Q>(&self, query: Q, size: usize) -> BatchesByKey<'_, M, Q>
    where
        M: Model<Connection = C>,
        Q: ByKey<M>,
    {
        BatchesByKey {
            env: self,
            at: Location::caller(),
            query,
            size: size.max(1),
            last: None,
            done: false,
            since: Since::new(self),
        }
    }
}
