//! SELECTs: the select clause that searches are given, running them, and our batches by key.

use std::collections::HashMap;
use std::fmt;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, expression_types::Untyped,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

use crate::backend::Connection;
use crate::codec::KeyCodec;
use crate::env::evict::make_room;
use crate::env::keys::read_keys;
use crate::env::pending::Flushed;
use crate::env::stores::Store;
use crate::env::watch::Place;
use crate::error::{BoxError, Doing};
use crate::fragment::separated;
use crate::load::layout::{Layout, Selection};
use crate::load::lock;
use crate::load::select::{Beside, ByKeys, Laid, Reason, Select, TakeRow, statement_of};
use crate::model::{self, DbOf, Entity, KeyReader, always};
use crate::number::FieldId;
use crate::store::{Slot, SlotSet};
use crate::{Environment, Result};

/// The key of a model and some of its columns, as a diesel select clause
pub struct ModelColumns<M: Entity> {
    table: M::Table,
    selection: Selection,
}

impl<M: Entity> ModelColumns<M> {
    pub(crate) fn of(fields: &[FieldId]) -> Self {
        let selection = Selection::of(M::KEY_COLUMNS, M::FIELDS, fields);
        Self { table: M::Table::table(), selection }
    }

    /// Where a row holds what
    pub(crate) fn layout(&self) -> &Layout {
        &self.selection.layout
    }

    /// The columns, and where a row of these alone holds what
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// All columns that come with a search
    pub(crate) fn always() -> Self {
        Self::of(&always::<M>().collect::<Vec<_>>())
    }
}

impl<M: Entity> fmt::Debug for ModelColumns<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.selection.columns).finish()
    }
}

impl<M: Entity> Expression for ModelColumns<M> {
    type SqlType = Untyped;
}

// The key column proves that the query is over the model's table and not over a nullable side of a join.
impl<M: Entity, QS> AppearsOnTable<QS> for ModelColumns<M> where M::KeyColumn: AppearsOnTable<QS> {}

impl<M: Entity, QS> SelectableExpression<QS> for ModelColumns<M> where
    M::KeyColumn: SelectableExpression<QS> + AppearsOnTable<QS>
{
}

impl<M: Entity, GB> ValidGrouping<GB> for ModelColumns<M>
where
    M::KeyColumn: ValidGrouping<GB>,
{
    type IsAggregate = <M::KeyColumn as ValidGrouping<GB>>::IsAggregate;
}

impl<M: Entity> QueryId for ModelColumns<M> {
    type QueryId = ();
    // The text depends on the fields, so statements are cached by text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Entity> ModelColumns<M> {
    /// `SELECT … FROM "table"`
    pub(crate) fn push_select<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())
    }
}

impl<M: Entity> QueryFragment<DbOf<M>> for ModelColumns<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        push_columns::<M>(&self.table, &self.selection.columns, &mut out)
    }
}

/// Columns of a model's table, by diesel's own quoting
fn push_columns<'b, M: Entity>(
    table: &'b M::Table,
    columns: &[&'static str],
    out: &mut AstPass<'_, 'b, DbOf<M>>,
) -> QueryResult<()> {
    separated(out, columns, |out, column| {
        table.walk_ast(out.reborrow())?;
        out.push_sql(".");
        out.push_identifier(column)
    })
}

/// The columns of the key
pub(crate) fn push_key_columns<'b, M: Entity>(
    table: &'b M::Table,
    out: &mut AstPass<'_, 'b, DbOf<M>>,
) -> QueryResult<()> {
    push_columns::<M>(table, M::KEY_COLUMNS, out)
}

/// Loads fields of the records in these slots, and remembers which of them do not exist.
pub(crate) fn by_keys<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    fields: &[FieldId],
    asked: &str,
) -> Result<()> {
    let flushed = env.flush_shown(store.table_number())?;
    read_by_keys(env, flushed, store, slots, fields, Reading { asked, renews: false, locked: false })
}

/// The same where what is cached of these records gives way to what their rows hold now; with a lock they are held until
/// the end of the transaction.
pub(super) fn anew_by_keys<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    fields: &[FieldId],
    locked: bool,
) -> Result<()> {
    let flushed = env.flush_shown(store.table_number())?;
    let asked = if locked { "the rows to be locked" } else { "the rows to be refreshed" };
    read_by_keys(env, flushed, store, slots, fields, Reading { asked, renews: true, locked })
}

/// The same, with the rows as a write finds them: MySQL shows what the transaction saw at first, unless they are locked.
pub(crate) fn by_keys_for_write<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    fields: &[FieldId],
    asked: &str,
) -> Result<()> {
    let reading = Reading { asked, renews: false, locked: !env.system().has_returning };
    read_by_keys(env, Flushed::not_for_a_write(), store, slots, fields, reading)
}

/// How rows are read by their keys
struct Reading<'a> {
    /// For what, as errors and traces tell it
    asked: &'a str,
    renews: bool,
    locked: bool,
}

fn read_by_keys<C: Connection>(
    env: &Environment<C>,
    flushed: Flushed,
    store: Store<'_, C>,
    slots: &[Slot],
    fields: &[FieldId],
    Reading { asked, renews, locked }: Reading<'_>,
) -> Result<()> {
    let limited = env.limits.any() && !fields.is_empty();
    // The tick of this SELECT: what it brings must not be what leaves.
    let since = env.tick().wrapping_add(1);
    if limited {
        // Before, so that what is loaded now cannot be what leaves.
        let fresh = slots.iter().filter(|&&slot| !store.is_resident(slot)).count();
        make_room(env, fresh, u32::MAX);
    }
    let selection = Selection::of_model(store.model(), fields);
    let keys = store.key_list(slots);
    let query = ByKeys { store, selection: &selection, keys, locked };
    let select = Select { store, reason: Reason::Prefetch(asked), keys: slots.len(), reserve: 0, renews };
    let again = flushed.again();
    let mut found = SlotSet::default();
    // Only of texts may a collation call two equal that are not the same.
    let (by_letters, mut rows) = (!store.are_keys_numbers(), Vec::new());
    select.run(env, flushed, &query, Laid::Out(&selection.layout), Beside::Nothing, &mut |slot, _| {
        if found.mark(slot) && by_letters {
            rows.push(slot);
        }
        Ok(())
    })?;
    let now = env.moment().time;
    for &slot in slots {
        if renews && !found.has(slot) {
            store.forget_record(slot);
        }
        store.set_absent(slot, (!found.has(slot)).then_some(now));
    }
    if by_letters && slots.iter().any(|&slot| !found.has(slot)) {
        let missing: Vec<Slot> = slots.iter().copied().filter(|&slot| !found.has(slot)).collect();
        for slot in note_meant(store, slots, &missing, &rows) {
            // What one key alone finds is meant by it.
            read_by_keys(env, again.again(), store, &[slot], fields, Reading { asked, renews, locked })?;
        }
    }
    if limited {
        make_room(env, 0, since);
    }
    Ok(())
}

/// Of keys that no row has, notes which row the database has found for them instead: a collation may call keys equal that are
/// not the same. Returns those of which only another SELECT can tell.
#[cold]
fn note_meant<C: Connection>(
    store: Store<'_, C>,
    asked: &[Slot],
    missing: &[Slot],
    rows: &[Slot],
) -> Vec<Slot> {
    if let (&[slot], &[row]) = (asked, rows) {
        store.set_meant(slot, row);
        return Vec::new();
    }
    let asked = SlotSet::of(asked.iter().copied());
    let by_letters: HashMap<String, Slot> = rows.iter().map(|&row| (store.letters(row), row)).collect();
    // Rows that nobody has asked for by their own keys
    let mut strangers: Vec<Slot> = rows.iter().copied().filter(|&row| !asked.has(row)).collect();
    let mut open = Vec::new();
    let mut unlike = Vec::new();
    for &slot in missing {
        match by_letters.get(&store.letters(slot)) {
            Some(&row) if asked.has(row) => open.push(slot),
            Some(&row) => {
                store.set_meant(slot, row);
                strangers.retain(|&stranger| stranger != row);
            }
            None => unlike.push(slot),
        }
    }
    if !strangers.is_empty() {
        open.extend(unlike);
    }
    open
}

/// Every record, or those in the model's scope, in the order of the keys
pub(crate) fn all<M: Entity>(
    env: &Environment<M::Connection>,
    is_scoped: bool,
    at: Place,
) -> Result<Vec<Slot>> {
    let scope = M::SCOPE.filter(|_| is_scoped).map(|scope| scope());
    let all = All::<M> { columns: ModelColumns::always(), scope };
    find::<_, M>(env, at, Laid::Out(all.columns.layout()), &all, false)
}

struct All<M: Entity> {
    columns: ModelColumns<M>,
    scope: Option<Box<dyn QueryFragment<DbOf<M>>>>,
}

impl<M: Entity> QueryFragment<DbOf<M>> for All<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        self.columns.push_select(&mut out)?;
        if let Some(scope) = &self.scope {
            out.push_sql(" WHERE ");
            scope.walk_ast(out.reborrow())?;
        }
        out.push_sql(" ORDER BY ");
        push_key_columns::<M>(&self.columns.table, &mut out)
    }
}

impl<M: Entity> QueryId for All<M> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Entity> Query for All<M> {
    type SqlType = Untyped;
}

/// The slots that the next of the batches of one search finds, its prefetchable columns put into the cache
pub(crate) fn next_rows<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    query: &dyn QueryFragment<C::Backend>,
) -> Result<Vec<Slot>> {
    let fields: Vec<FieldId> = store.always().collect();
    let renews = lock::locks_rows(env.system(), &env.text_of(query).unwrap_or_default());
    let selection = Selection::of_model(store.model(), &fields);
    found(env, store, Laid::Out(&selection.layout), query, renews, Beside::Nothing)
}

/// The slots that a query finds, the fields that its rows hold put into the cache; `anew`: in place of what was there
pub(crate) fn find<C: Connection, M: Entity<Connection = C>>(
    env: &Environment<C>,
    at: Place,
    laid: Laid<'_>,
    query: &dyn QueryFragment<DbOf<M>>,
    anew: bool,
) -> Result<Vec<Slot>> {
    env.watch_search::<M, _>(at, query, |text| {
        // What a lock holds is as it is now, whatever was read before.
        let renews = anew || lock::locks_rows(env.system(), text);
        found(env, env.store::<M>(), laid, query, renews, Beside::Nothing)
    })
}

/// The same where what the rows hold besides is wanted, too
pub(crate) fn find_with<C: Connection, M: Entity<Connection = C>>(
    env: &Environment<C>,
    at: Place,
    laid: Laid<'_>,
    query: &dyn QueryFragment<DbOf<M>>,
    values: &mut dyn TakeRow<C>,
) -> Result<Vec<Slot>> {
    env.watch_search::<M, _>(at, query, |text| {
        let renews = lock::locks_rows(env.system(), text);
        found(env, env.store::<M>(), laid, query, renews, Beside::Row(values))
    })
}

fn found<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    laid: Laid<'_>,
    query: &dyn QueryFragment<C::Backend>,
    renews: bool,
    beside: Beside<'_, C>,
) -> Result<Vec<Slot>> {
    if renews {
        env.note_drop();
    }
    // It could see what waits to be written.
    let flushed = env.flushed()?;
    let mut slots = Vec::new();
    let select = Select { store, reason: Reason::Search, keys: 0, reserve: 0, renews };
    select.run(env, flushed, query, laid, beside, &mut |slot, _| {
        slots.push(slot);
        Ok(())
    })?;
    store.set_present(slots.iter().copied());
    env.note_search(|| env.text_of(query).unwrap_or_default());
    Ok(slots)
}

/// The keys that a query finds; nothing goes into the cache, not even a slot.
pub(crate) fn keys<M: Entity>(
    env: &Environment<M::Connection>,
    at: Place,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<M::Key>> {
    env.watch_search::<M, _>(at, query, |_| search_keys::<M>(env, query))
}

fn search_keys<M: Entity>(
    env: &Environment<M::Connection>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<Vec<M::Key>> {
    env.flushed()?;
    let doing = Doing { model: M::NAME, table: "", text: &|| Reason::Search.text(M::NAME) };
    let mut gathered = Gathered::<M> { keys: Vec::new(), parts: Default::default() };
    env.traced(&statement_of(M::NAME, &Reason::Search, 0), query, |row_count| {
        env.before_select(query);
        read_keys(env, model::any::<M>(), &mut gathered, doing, query)
            .inspect(|keys| row_count.set(keys.len()))
    })?;
    env.note_search(|| env.text_of(query).unwrap_or_default());
    Ok(gathered.keys)
}

/// Keys as they come, without a slot
struct Gathered<M: Entity> {
    keys: Vec<M::Key>,
    parts: <M::KeyCodec as KeyCodec<DbOf<M>>>::Parts,
}

impl<M: Entity> KeyReader<DbOf<M>> for Gathered<M> {
    fn part(
        &mut self,
        part: usize,
        value: Option<<DbOf<M> as Backend>::RawValue<'_>>,
    ) -> Result<(), BoxError> {
        M::KeyCodec::part(&mut self.parts, part, value)
    }

    fn read(&mut self, value: Option<<DbOf<M> as Backend>::RawValue<'_>>) -> Result<Slot, BoxError> {
        self.keys.push(M::KeyCodec::read(&mut self.parts, value)?);
        Ok(Slot::at(0))
    }
}
