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
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;
use diesel::row::{Field as _, Row};

use crate::backend::{Connection, Dialect, KeyList};
use crate::cache::{Store, make_room};
use crate::error::Doing;
use crate::fields::{Chosen, Fields};
use crate::fragment::Fragment;
use crate::key::KeyCodec;
use crate::model::{DbOf, Model};
use crate::origin::Marks;
use crate::relation::Want;
use crate::select::{Layout, Reason, Select, invalid, trace};
use crate::{Environment, Record, RecordSet, Result, combination, prefetch};

/// Finds records with any diesel query
///
/// Filters, joins, order, limit, distinct, boxed queries, sub-selects: all that diesel takes. What such a query selects
/// is replaced by the model's columns. A `UNION` (or `INTERSECT`, `EXCEPT`) and a [`diesel::sql_query`] are run as they
/// are. Their columns are found among those that they select, by table and name, in SQL by name alone: the key must be
/// there; each other column that is there fills its field, and what is not there is read when it is wanted. SQL must read
/// only: [`execute`](Environment::execute) is for what writes.
///
/// ```
/// use diesel::prelude::*;
/// use diesel::sql_types::Text;
/// use orm_core::prelude::*;
/// # diesel::table! { partners { id -> Integer, name -> Text, lang -> Text } }
/// # #[derive(Model)] struct Partner { id: i32, name: String, lang: String }
/// fn found(env: &Environment) -> orm_core::Result<RecordSet<'_, Partner>> {
///     let french = partners::table.filter(partners::lang.eq("fr"));
///     let named = partners::table.filter(partners::name.like("A%"));
///     let both = french.union(named).records::<Partner>(env)?;
///     let raw = diesel::sql_query("SELECT id, name FROM partners WHERE soundex(name) = soundex(?)");
///     Ok(both | &raw.bind::<Text, _>("Azure").records(env)?)
/// }
/// # fn main() {}
/// ```
///
/// `By` says which of these a query is; nobody writes it.
pub trait RecordQuery<By = by::Select>: Sized {
    /// The records that the query finds, with all prefetchable columns: one SELECT
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::InvalidValue`](crate::Error::InvalidValue) where a column holds what its field cannot
    /// take; of a `UNION` and of SQL also [`Error::MissingColumn`](crate::Error::MissingColumn) where the key is not there, and
    /// [`Error::AmbiguousColumn`](crate::Error::AmbiguousColumn) where SQL names a column twice.
    fn records<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        Ok(RecordSet::of_slots(env, self.find(env, None)?))
    }

    /// The records that the query finds, with these fields alone: one SELECT of the key, the fields and the version if
    /// the model has one
    ///
    /// For loops that need few of many columns. Any column may be named, a deferred one too; the key behind a to-one
    /// link is such a column. The lists of a to-many link are read as well, with its members' columns: a SELECT for each
    /// link and 1,000 records. What is read beyond that comes when it is first read, for the whole set: all prefetchable
    /// columns that were left out, in one SELECT for 1,000 records.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text, lang -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String, lang: String }
    /// fn names(env: &Environment) -> orm_core::Result<Vec<Str>> {
    ///     partners::table.records_with_fields::<Partner>(env, Partner::NAME)?.name()
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    fn records_with_fields<M>(
        self,
        env: &Environment<M::Connection>,
        fields: impl Fields<M>,
    ) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        let Chosen { columns, lists } = Chosen::of::<M>(fields);
        let slots = self.find(env, Some(columns))?;
        for list in lists {
            prefetch::read_all(env, env.store::<M>(), &slots, list, Want::Records)?;
        }
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
        Self: FindRecords<M, By>,
    {
        Ok(RecordSet::of_slots(env, self.find(env, Some(Vec::new()))?))
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
        Self::Output: FindRecords<M, By>,
    {
        let slots = LimitDsl::limit(self, 1).find(env, None)?;
        Ok(RecordSet::<M>::of_slots(env, slots).first())
    }
}

/// How a query is made to give records; the parameter of [`RecordQuery`], which nobody writes
pub mod by {
    /// Its select clause is replaced
    #[derive(Debug)]
    pub enum Select {}
    /// It combines others, by `UNION`, `INTERSECT` or `EXCEPT`: columns are found in its text
    #[derive(Debug)]
    pub enum Combination {}
    /// It is SQL of the application's own: columns are found by the names in its rows
    #[derive(Debug)]
    pub enum Sql {}
}

// Not for every type: another crate's `records()` must stay callable where the prelude is in scope.
impl<Q: diesel::QueryDsl> RecordQuery<by::Select> for Q {}
// What can be put in order by the number of a column is a combination, whose type diesel keeps to itself.
impl<Q: PositionalOrderDsl<u32>> RecordQuery<by::Combination> for Q {}
impl<Q: Query<SqlType = Untyped>> RecordQuery<by::Sql> for Q {}

/// A query that finds records of `M`
#[diagnostic::on_unimplemented(
    message = "this query finds no records of `{M}`",
    label = "no query over the table of `{M}`",
    note = "it must be over the table of `{M}`, and that not the side of a LEFT JOIN which may be NULL; a `UNION` must be \
            one that the backend of `{M}` has"
)]
pub trait FindRecords<M: Model, By> {
    /// The slots of the records, and these fields into the cache; `None`: those that come with every search
    #[doc(hidden)]
    fn find(self, env: &Environment<M::Connection>, fields: Option<Vec<usize>>) -> Result<Vec<u32>>;
}

impl<M, Q> FindRecords<M, by::Select> for Q
where
    M: Model,
    Q: SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
{
    fn find(self, env: &Environment<M::Connection>, fields: Option<Vec<usize>>) -> Result<Vec<u32>> {
        let fields = fields.unwrap_or_else(|| prefetch::always::<M>().collect());
        let query = SelectDsl::select(self, ModelColumns::of(fields.clone()));
        find::<_, M>(env, &fields, Some(Layout::in_place(&fields)), &query)
    }
}

impl<M, Q> FindRecords<M, by::Combination> for Q
where
    M: Model,
    Q: PositionalOrderDsl<u32> + Query + QueryFragment<DbOf<M>>,
{
    fn find(self, env: &Environment<M::Connection>, fields: Option<Vec<usize>>) -> Result<Vec<u32>> {
        let fields = fields.unwrap_or_else(columns::<M>);
        find::<_, M>(env, &fields, Some(combination::layout::<M>(&self, &fields)?), &self)
    }
}

impl<M, Q> FindRecords<M, by::Sql> for Q
where
    M: Model,
    Q: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
{
    fn find(self, env: &Environment<M::Connection>, fields: Option<Vec<usize>>) -> Result<Vec<u32>> {
        find::<_, M>(env, &fields.unwrap_or_else(columns::<M>), None, &self)
    }
}

/// All fields that are columns
fn columns<M: Model>() -> Vec<usize> {
    (0..M::FIELDS.len()).filter(|&field| M::FIELDS[field].relation.is_none()).collect()
}

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
    search::<_, M>(env, &All::<M> { columns: ModelColumns::always() })
}

struct All<M: Model> {
    columns: ModelColumns<M>,
}

impl<M: Model> QueryFragment<DbOf<M>> for All<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.columns.table.walk_ast(out.reborrow())?;
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
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    let fields: Vec<usize> = prefetch::always::<M>().collect();
    find::<C, M>(env, &fields, Some(Layout::in_place(&fields)), query)
}

/// Runs a search for these fields; without a layout the columns are found by name.
fn find<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    fields: &[usize],
    layout: Option<Layout>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<u32>> {
    // It could see what waits to be written.
    env.flush()?;
    let store = env.store::<M>();
    let mut slots = Vec::new();
    let select = Select { fields, reason: Reason::Search, keys: 0, owner: None, reserve: 0 };
    select.run_with(env, store, query, layout, &mut |slot, _| {
        slots.push(slot);
        Ok(())
    })?;
    store.set_present(slots.iter().copied());
    Ok(slots)
}

/// The keys that a query finds; nothing goes into the cache, not even a slot.
pub(crate) fn keys<M: Model>(
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
