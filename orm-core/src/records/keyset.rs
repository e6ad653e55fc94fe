//! Batches by key: each begins after the last key of the one before, so that nothing is kept of the whole.

use std::fmt;
use std::iter::FusedIterator;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, expression_types::Untyped};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::{FilterDsl, LimitDsl, OrderDsl, SelectDsl};
use diesel::sql_types::Bool;

use crate::codec::KeyCodec;
use crate::env::watch::Place;
use crate::fragment::{joined, separated};
use crate::key::Key;
use crate::load::query::{self, ModelColumns, push_key_columns};
use crate::model::DbOf;
use crate::records::Model;
use crate::records::batches::Since;
use crate::store::Slot;
use crate::{Environment, Error, RecordSet, Result};

/// A diesel query that can be read in the order of a model's keys, some rows at a time
///
/// Any query over the model's table, joins included, that is `Clone`: all but boxed ones.
pub trait ByKey<M: Model>: Clone {
    /// The slots of the first rows after a key
    #[doc(hidden)]
    fn read(
        self,
        env: &Environment<M::Connection>,
        at: Place,
        after: Option<M::Key>,
        rows: usize,
    ) -> Result<Vec<Slot>>;
}

impl<M, Q, F, O, L> ByKey<M> for Q
where
    M: Model,
    Q: Clone + SelectDsl<ModelColumns<M>, Output: FilterDsl<AfterKey<M>, Output = F>>,
    F: OrderDsl<M::KeyColumn, Output = O> + QueryFragment<DbOf<M>>,
    O: LimitDsl<Output = L> + QueryFragment<DbOf<M>>,
    L: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
{
    fn read(
        self,
        env: &Environment<M::Connection>,
        at: Place,
        after: Option<M::Key>,
        rows: usize,
    ) -> Result<Vec<Slot>> {
        let is_first = after.is_none();
        let found = FilterDsl::filter(SelectDsl::select(self, ModelColumns::always()), AfterKey::new(after));
        let found_text = text::<M>(env, &found)?;
        let ordered = OrderDsl::order(found, M::KeyColumn::default());
        let ordered_text = text::<M>(env, &ordered)?;
        let limited = LimitDsl::limit(ordered, i64::try_from(rows).unwrap_or(i64::MAX));
        // diesel puts the new order and limit in the place of the query's own, if it has any: then they are not what
        // is added at the end.
        let limit = text::<M>(env, &limited)?.strip_prefix(&*ordered_text).map(str::len);
        if !ordered_text.starts_with(&found_text) || limit.is_none_or(|limit| limit == 0) {
            return Err(Error::other(format!(
                "a query for batches of {} by key must have no order, limit, offset or lock of its own; `in_batches` \
                 keeps to those",
                M::NAME
            )));
        }
        // The batches of one search are no loop of searches.
        if is_first {
            return env
                .watch_search::<M, _>(at, &limited, |_| query::next_rows(env, env.store::<M>(), &limited));
        }
        query::next_rows(env, env.store::<M>(), &limited)
    }
}

/// A query's text, without its values
pub(crate) fn text<M: Model>(
    env: &Environment<M::Connection>,
    query: &impl QueryFragment<DbOf<M>>,
) -> Result<String> {
    env.text_of(query).map_err(|error| Error::database(M::NAME, format_args!("searching {}", M::NAME), error))
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
        let Some(key) = &self.key else { return push_has_key::<M>(&self.table, &mut out) };
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
        out.push_sql(") AND ");
        push_has_key::<M>(&self.table, &mut out)
    }
}

/// A row whose key is NULL is no record: it would end the batches before they are over.
fn push_has_key<'b, M: Model>(table: &'b M::Table, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
    joined(" AND ", out, M::KEY_COLUMNS, |out, column| {
        table.walk_ast(out.reborrow())?;
        out.push_sql(".");
        out.push_identifier(column)?;
        out.push_sql(" IS NOT NULL");
        Ok(())
    })
}

/// The records of a query in the order of their keys, batch by batch; made by [`Environment::batches_by_key`]
///
/// Each batch is read with one SELECT, and what was cached for it is freed when the next one is asked for: values
/// always, keys too unless a record or set is still held from before. After an error there are no more.
pub struct BatchesByKey<'env, M: Model, Q> {
    pub(super) env: &'env Environment<M::Connection>,
    pub(super) at: Place,
    pub(super) query: Q,
    pub(super) size: usize,
    pub(super) last: Option<M::Key>,
    pub(super) done: bool,
    pub(super) since: Since<'env, M::Connection>,
}

impl<'env, M: Model, Q: ByKey<M>> BatchesByKey<'env, M, Q> {
    fn read(&mut self) -> Result<Vec<Slot>> {
        self.since.begin()?;
        let (store, last) = (self.env.store::<M>(), self.last.take());
        let passed = last.as_ref().and_then(Key::number);
        let mut slots = self.query.clone().read(self.env, self.at, last, self.size)?;
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
