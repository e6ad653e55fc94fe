//! Batches by key: each begins after the last key of the one before, so that nothing is kept of the whole.

use std::fmt;
use std::iter::FusedIterator;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, expression_types::Untyped};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::query_dsl::methods::{FilterDsl, LimitDsl, OrderDsl, SelectDsl};
use diesel::sql_types::Bool;

use crate::codec::KeyCodec;
use crate::fragment::separated;
use crate::key::Key;
use crate::load::query::{self, ModelColumns, push_key_columns};
use crate::model::DbOf;
use crate::records::Model;
use crate::records::batches::Since;
use crate::{Connection, Environment, Error, RecordSet, Result};

/// A diesel query that can be read in the order of a model's keys, some rows at a time
///
/// Any query over the model's table, joins included, that is `Clone`: all but boxed ones.
pub trait ByKey<M: Model>: Clone {
    /// The slots of the first rows after a key
    #[doc(hidden)]
    fn read(self, env: &Environment<M::Connection>, after: Option<M::Key>, rows: usize) -> Result<Vec<u32>>;
}

impl<M, Q, F, O, L> ByKey<M> for Q
where
    M: Model,
    Q: Clone + SelectDsl<ModelColumns<M>, Output: FilterDsl<AfterKey<M>, Output = F>>,
    F: OrderDsl<M::KeyColumn, Output = O> + QueryFragment<DbOf<M>>,
    O: LimitDsl<Output = L> + QueryFragment<DbOf<M>>,
    L: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
{
    fn read(self, env: &Environment<M::Connection>, after: Option<M::Key>, rows: usize) -> Result<Vec<u32>> {
        let found = FilterDsl::filter(SelectDsl::select(self, ModelColumns::always()), AfterKey::new(after));
        let found_text = text::<M>(&found)?;
        let ordered = OrderDsl::order(found, M::KeyColumn::default());
        let ordered_text = text::<M>(&ordered)?;
        let limited = LimitDsl::limit(ordered, i64::try_from(rows).unwrap_or(i64::MAX));
        // diesel puts the new order and limit in the place of the query's own, if it has any: then they are not what
        // is added at the end.
        let limit = text::<M>(&limited)?.strip_prefix(&*ordered_text).map(str::len);
        if !ordered_text.starts_with(&found_text) || limit.is_none_or(|limit| limit == 0) {
            return Err(Error::other(format!(
                "a query for batches of {} by key must have no order, limit, offset or lock of its own; `in_batches` \
                 keeps to those",
                M::NAME
            )));
        }
        query::next_rows(env, env.store::<M>(), &limited)
    }
}

/// A query's text, without its values
pub(crate) fn text<M: Model>(query: &impl QueryFragment<DbOf<M>>) -> Result<String> {
    let mut out = <DbOf<M> as diesel::backend::Backend>::QueryBuilder::default();
    let built = query.to_sql(&mut out, &DbOf::<M>::default());
    built.map_err(|error| Error::database(M::NAME, format_args!("searching {}", M::NAME), error))?;
    Ok(out.finish())
}

/// The rows whose key comes after one, as a diesel filter; all rows where there is none
///
/// It is the database that compares, by the column's own collation, as it is the database that puts the rows in order.
pub struct AfterKey<M: Model> {
    table: M::Table,
    key: Option<M::Key>,
}

impl<M: Model> AfterKey<M> {
    fn new(key: Option<M::Key>) -> Self {
        Self { table: M::Table::table(), key }
    }
}

impl<M: Model> fmt::Debug for AfterKey<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AfterKey<{}>({:?})", M::NAME, self.key)
    }
}

impl<M: Model> Expression for AfterKey<M> {
    type SqlType = Bool;
}

impl<M: Model, QS> AppearsOnTable<QS> for AfterKey<M> where M::KeyColumn: AppearsOnTable<QS> {}

impl<M: Model, GB> ValidGrouping<GB> for AfterKey<M>
where
    M::KeyColumn: ValidGrouping<GB>,
{
    type IsAggregate = <M::KeyColumn as ValidGrouping<GB>>::IsAggregate;
}

impl<M: Model> QueryId for AfterKey<M> {
    type QueryId = ();
    // With a key the text is another one than without.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model> QueryFragment<DbOf<M>> for AfterKey<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        let Some(key) = &self.key else {
            out.push_sql("1 = 1");
            return Ok(());
        };
        if let [_] = M::KEY_COLUMNS {
            push_key_columns::<M>(&self.table, &mut out)?;
            out.push_sql(" > ");
            return M::KeyCodec::push_one(Some(key), 0, out);
        }
        out.push_sql("(");
        push_key_columns::<M>(&self.table, &mut out)?;
        out.push_sql(") > (");
        separated(&mut out, 0..M::KEY_COLUMNS.len(), |out, part| {
            M::KeyCodec::push_one(Some(key), part, out.reborrow())
        })?;
        out.push_sql(")");
        Ok(())
    }
}

/// The records of a query in the order of their keys, batch by batch; made by [`Environment::batches_by_key`]
///
/// Each batch is read with one SELECT, and what was cached for it is freed when the next one is asked for: values
/// always, keys too unless a record or set is still held from before. After an error there are no more.
pub struct BatchesByKey<'env, M: Model, Q> {
    env: &'env Environment<M::Connection>,
    query: Q,
    size: usize,
    last: Option<M::Key>,
    done: bool,
    since: Since<'env, M::Connection>,
}

impl<'env, M: Model, Q: ByKey<M>> BatchesByKey<'env, M, Q> {
    fn read(&mut self) -> Result<Vec<u32>> {
        self.since.begin()?;
        let (store, last) = (self.env.store::<M>(), self.last.take());
        let passed = last.as_ref().and_then(Key::number);
        let mut slots = self.query.clone().read(self.env, last, self.size)?;
        if let (Some(passed), Some(&first)) = (passed, slots.first())
            && store.key_number(first).is_some_and(|first| first <= passed)
        {
            return Err(Error::other(format!(
                "a query for batches of {} by key gave a key twice: where its filter is SQL of your own with an OR, put \
                 parentheses around it",
                M::NAME
            )));
        }
        self.done = slots.len() < self.size;
        self.last = slots.last().map(|&slot| store.key(slot));
        // A join may find a record several times, one after the other.
        slots.dedup();
        Ok(slots)
    }
}

impl<'env, M: Model, Q: ByKey<M>> Iterator for BatchesByKey<'env, M, Q> {
    type Item = Result<RecordSet<'env, M>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            self.since.end();
            return None;
        }
        self.done = true;
        match self.read() {
            Ok(slots) if slots.is_empty() => self.next(),
            read => Some(read.map(|slots| RecordSet::named(self.env, slots))),
        }
    }
}

impl<M: Model, Q: ByKey<M>> FusedIterator for BatchesByKey<'_, M, Q> {}

impl<M: Model, Q> fmt::Debug for BatchesByKey<'_, M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchesByKey<{}>({} a batch, after {:?})", M::NAME, self.size, self.last)
    }
}

impl<C: Connection> Environment<C> {
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
    pub fn batches_by_key<M, Q>(&self, query: Q, size: usize) -> BatchesByKey<'_, M, Q>
    where
        M: Model<Connection = C>,
        Q: ByKey<M>,
    {
        BatchesByKey { env: self, query, size: size.max(1), last: None, done: false, since: Since::new(self) }
    }
}
