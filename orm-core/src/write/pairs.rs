//! Many2many links that were added or removed, and are not in their table of pairs yet.

use std::any::TypeId;
use std::cell::RefCell;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::flush::WINDOW;
use super::statement::separated;
use crate::backend::{Connection, Dialect};
use crate::cache::Store;
use crate::error::Doing;
use crate::key::KeyCodec;
use crate::model::{DbOf, Model};
use crate::{Environment, Result};

/// A pair of a table of pairs, whichever side it was named from: the two columns, and the slot in each
type Pair = ((TypeId, u32), (TypeId, u32));

/// What is to become of a pair, and through which link it is to be written
#[derive(Debug, Clone, Copy)]
struct Pending {
    /// The model and field of the link
    link: (usize, usize),
    own: u32,
    other: u32,
    add: bool,
}

/// The pairs that wait to be written; of several changes of one pair the last counts, as a pair is there or not
#[derive(Debug, Default)]
pub(crate) struct Pairs(RefCell<IndexMap<Pair, Pending, FixedState>>);

impl Pairs {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Notes a change of a pair.
    fn note(&self, columns: (TypeId, TypeId), pending: Pending) {
        let (own, other) = ((columns.0, pending.own), (columns.1, pending.other));
        let pair = if own <= other { (own, other) } else { (other, own) };
        self.0.borrow_mut().insert(pair, pending);
    }

    /// Sends all, by link and by whether they come or go.
    pub(super) fn flush<C: Connection>(&self, env: &Environment<C>) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut groups: IndexMap<_, Vec<(u32, u32)>, FixedState> = IndexMap::default();
        for Pending { link, own, other, add } in self.0.borrow().values().copied() {
            groups.entry((link, add)).or_default().push((own, other));
        }
        for (((model, field), add), pairs) in groups {
            if let Some(store) = env.store_by_number(model) {
                store.flush_pairs(env, field, &pairs, add)?;
            }
        }
        self.clear();
        Ok(())
    }
}

/// Notes that members come to, or go from, the lists of owners.
pub(crate) fn note<C: Connection, M: Model<Connection = C>, Own: 'static, Other: 'static>(
    env: &Environment<C>,
    field: usize,
    pairs: &[(u32, u32)],
    add: bool,
) {
    let columns = (TypeId::of::<Own>(), TypeId::of::<Other>());
    for &(own, other) in pairs {
        env.pairs.note(columns, Pending { link: (M::number().get(), field), own, other, add });
    }
}

/// Writes pairs into their table, or deletes them from it.
pub(crate) fn flush<C, M, T, Own, Other>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    pairs: &[(u32, u32)],
    add: bool,
) -> Result<()>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
    Own: diesel::Column<Table: HasTable<Table = Own::Table> + QueryFragment<C::Backend>> + 'static,
    Other: diesel::Column<Table = Own::Table> + 'static,
{
    let target = env.store::<T>();
    let binds = if C::Backend::HAS_VALUES { 2 } else { 4 };
    for pairs in pairs.chunks(WINDOW.min(C::Backend::MAX_BINDS / binds)) {
        let pairs = pairs.iter().map(|&(own, other)| (store.key(own), target.key(other))).collect();
        let change = Change::<M, T, Own, Other> {
            table: Own::Table::table(),
            pairs,
            add,
            columns: std::marker::PhantomData,
        };
        let told = || {
            let what = if add { "adding" } else { "removing" };
            format!("{what} {} pairs of {}.{}", change.pairs.len(), M::NAME, M::FIELDS[field].name)
        };
        env.run(Doing { model: M::NAME, text: &told }, &change)?;
    }
    Ok(())
}

struct Change<M: Model, T: Model, Own: diesel::Column, Other> {
    table: Own::Table,
    pairs: Vec<(M::Key, T::Key)>,
    add: bool,
    columns: std::marker::PhantomData<fn() -> Other>,
}

impl<M: Model, T: Model, Own: diesel::Column, Other> QueryId for Change<M, T, Own, Other> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, M, T, Own, Other> Change<M, T, Own, Other>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
    Own: diesel::Column<Table: QueryFragment<C::Backend>>,
    Other: diesel::Column<Table = Own::Table>,
{
    /// `own, other`
    fn push_columns(&self, out: &mut AstPass<'_, '_, DbOf<M>>) -> QueryResult<()> {
        out.push_identifier(Own::NAME)?;
        out.push_sql(", ");
        out.push_identifier(Other::NAME)
    }

    fn push_pair<'b>(
        &self,
        (own, other): &'b (M::Key, T::Key),
        out: &mut AstPass<'_, 'b, DbOf<M>>,
    ) -> QueryResult<()> {
        M::KeyCodec::push_one(Some(own), out.reborrow())?;
        out.push_sql(", ");
        T::KeyCodec::push_one(Some(other), out.reborrow())
    }

    /// `(?, ?), (?, ?), …`, as many as a power of two: the last one is repeated
    fn push_pairs<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        let rows = self.pairs.len().next_power_of_two().min(WINDOW.max(self.pairs.len()));
        let padding = self.pairs.last().into_iter().cycle().take(rows - self.pairs.len());
        separated(out, self.pairs.iter().chain(padding), |out, pair| {
            out.push_sql("(");
            self.push_pair(pair, out)?;
            out.push_sql(")");
            Ok(())
        })
    }

    /// `FROM pairs WHERE own = … AND other = …`
    fn push_same<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, DbOf<M>>,
        own: impl FnOnce(&mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()>,
        other: impl FnOnce(&mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        out.push_sql(" WHERE NOT EXISTS (SELECT 1 FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        out.push_identifier(Own::NAME)?;
        out.push_sql(" = ");
        own(out)?;
        out.push_sql(" AND ");
        out.push_identifier(Other::NAME)?;
        out.push_sql(" = ");
        other(out)?;
        out.push_sql(")");
        Ok(())
    }

    /// Those pairs that are not there yet: a table of pairs need not have a unique key.
    fn push_insert<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" (");
        self.push_columns(&mut out)?;
        out.push_sql(") ");
        if C::Backend::HAS_VALUES {
            out.push_sql("SELECT DISTINCT v.column1, v.column2 FROM (VALUES ");
            self.push_pairs(&mut out)?;
            out.push_sql(") AS v");
            let column = |name| {
                move |out: &mut AstPass<'_, 'b, DbOf<M>>| {
                    out.push_sql(name);
                    Ok(())
                }
            };
            return self.push_same(&mut out, column("v.column1"), column("v.column2"));
        }
        out.unsafe_to_cache_prepared();
        for (i, pair) in self.pairs.iter().enumerate() {
            out.push_sql(if i > 0 { " UNION ALL SELECT " } else { "SELECT " });
            self.push_pair(pair, &mut out)?;
            out.push_sql(" FROM DUAL");
            self.push_same(
                &mut out,
                |out| M::KeyCodec::push_one(Some(&pair.0), out.reborrow()),
                |out| T::KeyCodec::push_one(Some(&pair.1), out.reborrow()),
            )?;
        }
        Ok(())
    }
}

impl<C, M, T, Own, Other> QueryFragment<C::Backend> for Change<M, T, Own, Other>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
    Own: diesel::Column<Table: QueryFragment<C::Backend>>,
    Other: diesel::Column<Table = Own::Table>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.add {
            return self.push_insert(out);
        }
        out.push_sql("DELETE FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE (");
        self.push_columns(&mut out)?;
        out.push_sql(if C::Backend::HAS_VALUES { ") IN (VALUES " } else { ") IN (" });
        self.push_pairs(&mut out)?;
        out.push_sql(")");
        Ok(())
    }
}
