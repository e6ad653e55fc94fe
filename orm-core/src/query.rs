//! SELECTs: an application's own diesel queries with our columns, and our batches by key.

use std::fmt;
use std::time::Instant;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::connection::LoadConnection;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, expression_types::Untyped,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::{LimitDsl, SelectDsl};
use diesel::row::{Field as _, Row};

use crate::backend::{Connection, Dialect, KeyList};
use crate::cache::{Store, make_room};
use crate::error::Doing;
use crate::fragment::Fragment;
use crate::key::KeyCodec;
use crate::model::{DbOf, Model};
use crate::origin::Marks;
use crate::select::{Reason, Select, invalid, trace};
use crate::{Environment, Record, RecordSet, Result, prefetch};

/// Finds records with any diesel query over a model's table
///
/// Filters, joins, order, limit, distinct, boxed queries, sub-selects: all that diesel takes. What the query selects
/// is replaced by the model's columns.
pub trait RecordQuery: Sized {
    /// The records that the query finds, with all prefetchable columns: one SELECT
    ///
    /// # Errors
    ///
    /// Those of the database, and [`Error::InvalidValue`](crate::Error::InvalidValue) where a column holds what its field cannot take.
    fn records<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: SelectDsl<AllColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>> + QueryId>,
    {
        let slots = search::<_, M>(env, &SelectDsl::select(self, AllColumns::new()))?;
        Ok(RecordSet::of_slots(env, slots))
    }

    /// The records that the query finds, by key only; columns come when they are read, batch by batch
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn record_ids<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: SelectDsl<KeyColumn<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>> + QueryId>,
    {
        let slots = find::<_, M>(env, &[], &SelectDsl::select(self, KeyColumn::new()))?;
        Ok(RecordSet::of_slots(env, slots))
    }

    /// The first record that the query finds: one SELECT with a limit of 1
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    fn first_record<M>(self, env: &Environment<M::Connection>) -> Result<Option<Record<'_, M>>>
    where
        M: Model,
        Self: LimitDsl,
        Self::Output:
            SelectDsl<AllColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>> + QueryId>,
    {
        let slots = search::<_, M>(env, &SelectDsl::select(LimitDsl::limit(self, 1), AllColumns::new()))?;
        Ok(RecordSet::<M>::of_slots(env, slots).first())
    }
}

// Not for every type: another crate's `records()` must stay callable where the prelude is in scope.
impl<Q: diesel::QueryDsl> RecordQuery for Q {}

macro_rules! selections {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name<M: Model> {
            table: M::Table,
        }

        impl<M: Model> $name<M> {
            pub(crate) fn new() -> Self {
                Self { table: M::Table::table() }
            }
        }
        impl<M: Model> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
        impl<M: Model> Expression for $name<M> {
            type SqlType = Untyped;
        }
        // The key column proves that the query is over the model's table and not over a nullable side of a join.
        impl<M: Model, QS> AppearsOnTable<QS> for $name<M> where M::KeyColumn: AppearsOnTable<QS> {}
        impl<M: Model, QS> SelectableExpression<QS> for $name<M> where
            M::KeyColumn: SelectableExpression<QS> + AppearsOnTable<QS>
        {
        }
        impl<M: Model, GB> ValidGrouping<GB> for $name<M>
        where
            M::KeyColumn: ValidGrouping<GB>,
        {
            type IsAggregate = <M::KeyColumn as ValidGrouping<GB>>::IsAggregate;
        }
        impl<M: Model> QueryId for $name<M> {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
    )*};
}

selections! {
    /// The key and all prefetchable columns of a model, as a diesel select clause
    AllColumns;
    /// The key of a model, as a diesel select clause
    KeyColumn;
}

impl<M: Model> AllColumns<M> {
    /// `SELECT … FROM "table"`
    pub(crate) fn push_select<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())
    }
}

impl<M: Model> QueryFragment<DbOf<M>> for AllColumns<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        push_key_column::<M>(&self.table, &mut out)?;
        for field in prefetch::always::<M>() {
            out.push_sql(", ");
            push_column::<M>(&self.table, M::FIELDS[field].column, &mut out)?;
        }
        Ok(())
    }
}

impl<M: Model> QueryFragment<DbOf<M>> for KeyColumn<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        push_key_column::<M>(&self.table, &mut out)
    }
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
        push_key_column::<M>(&self.table, &mut out)?;
        for &field in self.fields {
            out.push_sql(", ");
            push_column::<M>(&self.table, M::FIELDS[field].column, &mut out)?;
        }
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        push_key_column::<M>(&self.table, &mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        if self.locked {
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
pub(crate) fn all<M: Model>(env: &Environment<M::Connection>) -> Result<Vec<u32>> {
    search::<_, M>(env, &All::<M> { columns: AllColumns::new() })
}

struct All<M: Model> {
    columns: AllColumns<M>,
}

impl<M: Model> QueryFragment<DbOf<M>> for All<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        self.columns.push_select(&mut out)?;
        out.push_sql(" ORDER BY ");
        push_key_column::<M>(&self.columns.table, &mut out)
    }
}

impl<M: Model> QueryId for All<M> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<M: Model> Query for All<M> {
    type SqlType = Untyped;
}

/// The slots that a query finds, its prefetchable columns put into the cache
pub(crate) fn search<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    find::<C, M>(env, &prefetch::always::<M>().collect::<Vec<_>>(), query)
}

fn find<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    fields: &[usize],
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    // It could see what waits to be written.
    env.flush()?;
    let store = env.store::<M>();
    let mut slots = Vec::new();
    Select { fields, reason: Reason::Search, keys: 0, owner: None, reserve: 0 }.run(
        env,
        store,
        query,
        &mut |slot, _| {
            slots.push(slot);
            Ok(())
        },
    )?;
    store.set_present(slots.iter().copied());
    Ok(slots)
}

/// The keys that a query finds; nothing goes into the cache, not even a slot.
pub(crate) fn keys<M, Q>(env: &Environment<M::Connection>, query: Q) -> Result<Vec<M::Key>>
where
    M: Model,
    Q: Query<SqlType = Untyped> + QueryFragment<DbOf<M>> + QueryId,
{
    env.flush()?;
    let start = Instant::now();
    env.before_select(&query);
    let doing = Doing { model: M::NAME, text: &|| Reason::Search.text(M::NAME) };
    let keys = read_keys::<M>(env, doing, &query)?;
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
