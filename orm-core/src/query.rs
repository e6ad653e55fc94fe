//! SELECTs: the select clause that searches are given, running them, and our batches by key.

use std::fmt;
use std::time::Instant;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::connection::LoadConnection;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, expression_types::Untyped,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::row::{Field as _, Row};

use crate::backend::{Connection, Dialect, KeyList};
use crate::cache::{Store, make_room};
use crate::error::Doing;
use crate::fragment::Fragment;
use crate::key::KeyCodec;
use crate::model::{DbOf, Model};
use crate::origin::Marks;
use crate::select::{Layout, OnRow, Reason, Select, invalid, trace};
use crate::watch::Place;
use crate::{Environment, Result, prefetch};

/// The key of a model and some of its columns, as a diesel select clause
pub struct ModelColumns<M: Model> {
    table: M::Table,
    fields: Vec<usize>,
}

impl<M: Model> ModelColumns<M> {
    pub(crate) fn of(fields: Vec<usize>) -> Self {
        Self { table: M::Table::table(), fields }
    }

    /// All columns that come with a search
    pub(crate) fn always() -> Self {
        Self::of(prefetch::always::<M>().collect())
    }
}

impl<M: Model> fmt::Debug for ModelColumns<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields.iter().map(|&field| M::FIELDS[field].name);
        f.debug_list().entry(&M::KEY_FIELD).entries(names).finish()
    }
}

impl<M: Model> Expression for ModelColumns<M> {
    type SqlType = Untyped;
}

// The key column proves that the query is over the model's table and not over a nullable side of a join.
impl<M: Model, QS> AppearsOnTable<QS> for ModelColumns<M> where M::KeyColumn: AppearsOnTable<QS> {}

impl<M: Model, QS> SelectableExpression<QS> for ModelColumns<M> where
    M::KeyColumn: SelectableExpression<QS> + AppearsOnTable<QS>
{
}

impl<M: Model, GB> ValidGrouping<GB> for ModelColumns<M>
where
    M::KeyColumn: ValidGrouping<GB>,
{
    type IsAggregate = <M::KeyColumn as ValidGrouping<GB>>::IsAggregate;
}

impl<M: Model> QueryId for ModelColumns<M> {
    type QueryId = ();
    // The text depends on the fields, so statements are cached by text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model> ModelColumns<M> {
    /// `SELECT … FROM "table"`
    pub(crate) fn push_select<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())
    }
}

impl<M: Model> QueryFragment<DbOf<M>> for ModelColumns<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        push_columns::<M>(&self.table, &self.fields, &mut out)
    }
}

/// The key and some fields of a model, as a SELECT names them
fn push_columns<'b, M: Model>(
    table: &'b M::Table,
    fields: &[usize],
    out: &mut AstPass<'_, 'b, DbOf<M>>,
) -> QueryResult<()> {
    push_key_column::<M>(table, out)?;
    for &field in fields {
        out.push_sql(", ");
        push_column::<M>(table, M::FIELDS[field].column, out)?;
    }
    Ok(())
}

/// `"table"."column"`, by diesel's own quoting
pub(crate) fn push_column<'b, M: Model>(
    table: &'b M::Table,
    column: &str,
    out: &mut AstPass<'_, 'b, DbOf<M>>,
) -> QueryResult<()> {
    table.walk_ast(out.reborrow())?;
    out.push_sql(".");
    out.push_identifier(column)
}

pub(crate) fn push_key_column<'b, M: Model>(
    table: &'b M::Table,
    out: &mut AstPass<'_, 'b, DbOf<M>>,
) -> QueryResult<()> {
    push_column::<M>(table, <M::KeyColumn as diesel::Column>::NAME, out)
}

/// Our own SELECT by key: names known at run time, so that one implementation serves every model
struct ByKeys<'a, M: Model> {
    table: M::Table,
    fields: &'a [usize],
    keys: KeyList<M::Key>,
    /// Whether the rows are held until the end of the transaction, as they are and not as they were at its begin
    locked: bool,
}

impl<M: Model> QueryFragment<DbOf<M>> for ByKeys<'_, M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        push_columns::<M>(&self.table, self.fields, &mut out)?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        push_key_column::<M>(&self.table, &mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        if self.locked {
            // It fails half-way more often than others do, see `Connection::forget_failed_statement`.
            out.unsafe_to_cache_prepared();
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

impl<M: Model> QueryId for ByKeys<'_, M> {
    type QueryId = ();
    // The text depends on fields and keys, so statements are cached by text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model> Query for ByKeys<'_, M> {
    type SqlType = Untyped;
}

/// Loads fields of the records in these slots, and remembers which of them do not exist.
pub(crate) fn by_keys<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    fields: &[usize],
    asked: &str,
) -> Result<()> {
    read_by_keys(env, store, slots, fields, asked, false)
}

/// The same, with the rows as a write finds them: MySQL shows what the transaction saw at first, unless they are locked.
pub(crate) fn by_keys_for_write<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    fields: &[usize],
    asked: &str,
) -> Result<()> {
    read_by_keys(env, store, slots, fields, asked, !C::Backend::HAS_RETURNING)
}

fn read_by_keys<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    slots: &[u32],
    fields: &[usize],
    asked: &str,
    locked: bool,
) -> Result<()> {
    let limited = env.limits.any() && !fields.is_empty();
    // The turn of this SELECT: what it brings must not be what leaves.
    let since = env.turn().wrapping_add(1);
    if limited {
        // Before, so that what is loaded now cannot be what leaves.
        let fresh = slots.iter().filter(|&&slot| !store.is_resident(slot)).count();
        make_room(env, fresh, u32::MAX);
    }
    let keys = DbOf::<M>::key_list(store.keys_of(slots));
    let query = ByKeys::<M> { table: M::Table::table(), fields, keys, locked };
    let select =
        Select { fields, reason: Reason::Prefetch(asked), keys: slots.len(), owner: None, reserve: 0 };
    let mut found = Marks::new(store.slots());
    select.run(env, store, &query, &mut |slot, _| {
        found.mark(slot);
        Ok(())
    })?;
    let now = env.moment().time;
    for &slot in slots {
        store.set_absent(slot, (!found.has(slot)).then_some(now));
    }
    if limited {
        make_room(env, 0, since);
    }
    Ok(())
}

/// Every record, in the order of the keys
pub(crate) fn all<M: Model>(env: &Environment<M::Connection>, at: Place) -> Result<Vec<u32>> {
    search::<_, M>(env, at, &All::<M> { columns: ModelColumns::always() })
}

struct All<M: Model> {
    columns: ModelColumns<M>,
}

impl<M: Model> QueryFragment<DbOf<M>> for All<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        self.columns.push_select(&mut out)?;
        out.push_sql(" ORDER BY ");
        push_key_column::<M>(&self.columns.table, &mut out)
    }
}

impl<M: Model> QueryId for All<M> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model> Query for All<M> {
    type SqlType = Untyped;
}

/// The slots that a query finds, its prefetchable columns put into the cache
pub(crate) fn search<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    at: Place,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    let fields: Vec<usize> = prefetch::always::<M>().collect();
    find::<C, M>(env, at, &Layout::in_place(&fields), query)
}

/// The same for the next of the batches of one search
pub(crate) fn next_rows<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    let fields: Vec<usize> = prefetch::always::<M>().collect();
    let layout = Layout::in_place(&fields);
    found::<M>(env, &[], |select, on_row| select.run_with(env, env.store::<M>(), query, &layout, on_row))
}

/// The slots that a query finds, the fields that its rows hold put into the cache
pub(crate) fn find<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    at: Place,
    layout: &Layout,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    env.watch_search::<M, _>(at, query, || {
        found::<M>(env, &[], |select, on_row| select.run_with(env, env.store::<M>(), query, layout, on_row))
    })
}

/// The same where the names of the columns say what a row holds
pub(crate) fn find_by_name<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    at: Place,
    fields: &[usize],
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    env.watch_search::<M, _>(at, query, || {
        found::<M>(env, fields, |select, on_row| select.run_by_name(env, env.store::<M>(), query, on_row))
    })
}

fn found<M: Model>(
    env: &Environment<M::Connection>,
    fields: &[usize],
    run: impl FnOnce(&Select<'_>, OnRow<'_, DbOf<M>>) -> Result<()>,
) -> Result<Vec<u32>> {
    // It could see what waits to be written.
    env.flush()?;
    let mut slots = Vec::new();
    let select = Select { fields, reason: Reason::Search, keys: 0, owner: None, reserve: 0 };
    run(&select, &mut |slot, _| {
        slots.push(slot);
        Ok(())
    })?;
    env.store::<M>().set_present(slots.iter().copied());
    Ok(slots)
}

/// The keys that a query finds; nothing goes into the cache, not even a slot.
pub(crate) fn keys<M: Model>(
    env: &Environment<M::Connection>,
    at: Place,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<M::Key>> {
    env.watch_search::<M, _>(at, query, || search_keys::<M>(env, query))
}

fn search_keys<M: Model>(
    env: &Environment<M::Connection>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<M::Key>> {
    env.flush()?;
    let start = Instant::now();
    env.before_select(query);
    let doing = Doing { model: M::NAME, text: &|| Reason::Search.text(M::NAME) };
    let keys = read_keys::<M>(env, doing, query)?;
    trace(M::NAME, Reason::Search, 0, keys.len(), start);
    Ok(keys)
}

/// The keys that a statement gives
pub(crate) fn read_keys<M: Model>(
    env: &Environment<M::Connection>,
    doing: Doing<'_>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<M::Key>> {
    env.giving_up_broken(|| {
        let fault = |error| doing.fault(error);
        let mut connection = env.connection()?;
        let mut keys = Vec::new();
        for row in LoadConnection::load(&mut **connection, Fragment(query)).map_err(fault)? {
            let row = row.map_err(fault)?;
            let key = row
                .get(0)
                .map_or_else(|| Err("the row has no key".into()), |key| M::KeyCodec::read(key.value()));
            keys.push(key.map_err(|error| invalid::<M>(M::KEY_FIELD, "?".into(), &error))?);
        }
        Ok(keys)
    })
}
