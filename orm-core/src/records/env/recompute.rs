//! `env.recompute(Order::TOTAL)`: a column whose values follow from others, filled batch by batch.

use std::fmt;
use std::panic::Location;

use diesel::associations::HasTable;

use crate::backend::{Begin, Connection};
use crate::env::environment::Environment;
use crate::env::watch::Place;
use crate::model::IntoKey;
use crate::number::FieldId;
use crate::records::Model;
use crate::records::batches::Since;
use crate::records::field::{CellKind, Field};
use crate::records::keyset::{BatchesByKey, ByKey};
use crate::records::stored::StoredComputed;
use crate::store::Slot;
use crate::write::stored::wait;
use crate::{Error, RecordSet, Result};

/// Rows of one batch
const BATCH: usize = 1000;

/// What has been done of a column by [`Environment::recompute`]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recomputed<K> {
    /// How many rows were looked at
    pub rows: usize,
    /// How many of them held another value
    pub changed: usize,
    /// The key of the last one: what goes on goes on [`after`](Recomputing::after) it
    pub last: K,
}

/// A column that is about to be filled; made by [`Environment::recompute`]
#[must_use = "it does nothing until `run` is called"]
pub struct Recomputing<'env, M: Model, T: 'static, K: CellKind> {
    env: &'env Environment<M::Connection>,
    field: Field<M, T, StoredComputed<K>>,
    after: Option<M::Key>,
    at: Place,
}

impl<M: Model, T: 'static, K: CellKind> fmt::Debug for Recomputing<'_, M, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recomputing({}, after {:?})", self.field, self.after)
    }
}

impl<C: Connection> Environment<C> {
    /// Computes a stored field of all records anew, a thousand at a time in the order of their keys: for a column that is new, or after
    /// rows were written that no environment has seen
    ///
    /// Each batch is a transaction of its own: a SELECT for the rows and one for each kind of what they follow from, and an UPDATE of those
    /// that held another value. What follows from these is computed with them.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { orders { id -> Integer, net -> BigInt, gross -> BigInt } }
    /// #[derive(Model)]
    /// struct Order {
    ///     id: i32,
    ///     net: i64,
    ///     #[model(compute = gross, stored)]
    ///     gross: Computed<i64>,
    /// }
    /// fn gross(order: &Record<Order>) -> orm_core::Result<i64> {
    ///     Ok(order.net()? * 119 / 100)
    /// }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE orders (id INTEGER PRIMARY KEY, net BIGINT NOT NULL, gross BIGINT NOT NULL)"))?;
    /// env.execute(diesel::sql_query("INSERT INTO orders VALUES (1, 100, 0), (2, 200, 238)"))?;
    /// let changed = env.recompute(Order::GROSS).run(|done| println!("{} of {}", done.changed, done.rows))?;
    /// assert_eq!((changed, env.record::<Order>(1).gross()?), (1, 119));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn recompute<M, T, K>(&self, field: Field<M, T, StoredComputed<K>>) -> Recomputing<'_, M, T, K>
    where
        M: Model<Connection = C>,
        K: CellKind,
    {
        Recomputing { env: self, field, after: None, at: Location::caller() }
    }
}

impl<M: Model, T: 'static, K: CellKind> Recomputing<'_, M, T, K> {
    /// Begins behind this key, which need not be there: to go on where an earlier run has ended
    pub fn after(mut self, key: impl IntoKey<M>) -> Self {
        self.after = Some(key.into_key());
        self
    }

    /// Does it, and calls after each batch with what was done so far; returns how many rows held another value
    ///
    /// # Errors
    ///
    /// Those of the database, and the first of the field's function; the batches before are committed, unless a transaction is open, whose
    /// part they are.
    pub fn run(self, mut progress: impl FnMut(&Recomputed<M::Key>)) -> Result<usize>
    where
        M::Table: ByKey<M>,
    {
        let Self { env, field, after, at } = self;
        let batches = BatchesByKey {
            env,
            at,
            query: M::Table::table(),
            size: BATCH,
            last: after,
            done: false,
            since: Since::new(env),
        };
        let (mut rows, mut changed) = (0, 0);
        for batch in batches {
            let batch: RecordSet<'_, M> = batch?;
            changed +=
                env.run_transaction::<_, Error>(&Begin::default(), || anew(env, field.index(), &batch))?;
            rows += batch.len();
            if let Some(&last) = batch.slots().last() {
                progress(&Recomputed { rows, changed, last: env.store::<M>().key(last) });
            }
        }
        Ok(changed)
    }
}

/// Computes a field of records anew; returns how many held another value.
fn anew<M: Model>(
    env: &Environment<M::Connection>,
    field: FieldId,
    batch: &RecordSet<'_, M>,
) -> Result<usize> {
    let store = env.store::<M>();
    let (column, info) = (store.column(field), store.field(field));
    let stored = &env.stores.stored;
    let rule = stored.rule_of(store.table_number(), store.column_of(field));
    let (Some(encode), Some(rule)) = (info.encode, rule) else {
        return Err(Error::other(format!("{}.{} can only be read", M::NAME, info.name)));
    };
    batch.load_field(field, Location::caller())?;
    let before: Vec<_> = batch.slots().iter().map(|&slot| encode.copy(column, slot)).collect();
    wait(env, rule, batch.slots().to_vec(), 0);
    env.flushed()?;
    // What a database makes of a value is known when it was read.
    batch.load_field(field, Location::caller())?;
    let is_another = |(&slot, before): (&Slot, &Option<Box<dyn std::any::Any>>)| {
        let after = encode.copy(column, slot);
        after.zip(before.as_ref()).is_none_or(|(after, before)| !encode.is_same(&*after, &**before))
    };
    Ok(batch.slots().iter().zip(&before).filter(|&pair| is_another(pair)).count())
}
