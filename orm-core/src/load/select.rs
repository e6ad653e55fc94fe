//! Running a SELECT: its rows go straight into the columns of the cache.

use std::any::Any;
use std::cell::Cell;
use std::fmt;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::UnexpectedNullError;
use diesel::row::{Field as _, Row};

use crate::backend::Connection;
use crate::codec::{CellWriter, ColumnNames};
use crate::env::evict::make_room;
use crate::env::keys::{invalid, read_key};
use crate::env::pending::Flushed;
use crate::env::stores::{Lists, Side, Store};
use crate::env::trace::Statement;
use crate::error::BoxError;
use crate::fragment::Fragment;
use crate::load::layout::{Layout, Place, Selection};
use crate::model::{KeyCondition, KeyReader};
use crate::number::FieldId;
use crate::store::{ColumnId, Filling, Slot, SlotSet, Table};
use crate::{Environment, Error, Result};

/// Rows that are read between two looks at the limits, at most
const CHUNK: usize = 256;

/// Why a SELECT is run, for errors and traces
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reason<'a> {
    Search,
    /// A field was read, or asked for by hand
    Prefetch(&'a str),
    /// The members of a to-many link were read
    Relation(&'a str),
    /// The members of a to-many link were counted
    Count(&'a str),
    /// Something was aggregated over the members of a to-many link
    Aggregate(&'a str),
}

impl Reason<'_> {
    pub(crate) fn text(self, model: &str) -> String {
        match self {
            Self::Search => format!("searching {model}"),
            Self::Prefetch(field) => format!("reading {model}.{field}"),
            Self::Relation(field) => format!("reading {field}"),
            Self::Count(field) => format!("counting {field}"),
            Self::Aggregate(field) => format!("aggregating over {field}"),
        }
    }
}

/// As traces tell it
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search => f.write_str("search"),
            Self::Prefetch(field) => write!(f, "prefetch of {field}"),
            Self::Relation(field) => write!(f, "relation {field}"),
            Self::Count(field) => write!(f, "count of {field}"),
            Self::Aggregate(field) => write!(f, "aggregate of {field}"),
        }
    }
}

/// What a SELECT is told of as
pub(crate) fn statement_of<'a>(model: &'static str, reason: &'a Reason<'a>, keys: usize) -> Statement<'a> {
    Statement { kind: "select", model, reason, keys: Some(keys) }
}

/// A SELECT whose rows are a key of a model, some of its fields, and what the caller wants besides
pub(crate) struct Select<'a, C: Connection> {
    pub(crate) store: Store<'a, C>,
    pub(crate) reason: Reason<'a>,
    /// How many keys were asked for
    pub(crate) keys: usize,
    /// Records besides those of the rows that need place in a limited cache
    pub(crate) reserve: usize,
    /// Whether what is cached of the rows gives way to what comes, but for what waits to be written
    pub(crate) renews: bool,
}

/// Where the rows hold what
#[derive(Debug, Clone, Copy)]
pub enum Laid<'a> {
    Out(&'a Layout),
    /// Where the names of their columns say: these fields, as far as they are there
    ByName(&'a [FieldId]),
    /// These columns, behind others
    Last(&'a Selection),
}

/// What is wanted of each row besides the model's own fields
pub(crate) enum Beside<'a, C: Connection> {
    Nothing,
    /// The record whose list the row is a member of
    Owner {
        /// Where its key is
        places: Vec<usize>,
        /// The member's link to it, if that is among the fields
        field: Option<FieldId>,
        reader: Box<dyn KeyReader<C::Backend> + 'a>,
    },
    /// The value at this place
    Value(usize),
    /// What somebody reads of it
    Row(&'a mut dyn TakeRow<C>),
}

/// Reads what it wants of each row
pub(crate) trait TakeRow<C: Connection> {
    fn take(&mut self, row: &<C as LoadConnection>::Row<'_, '_>) -> Result<(), BoxError>;
}

/// What a row says besides the model's own fields
pub(crate) enum Shown<'v, DB: diesel::backend::Backend> {
    Nothing,
    /// The slot of the owner
    Owner(Slot),
    Value(Option<DB::RawValue<'v>>),
}

/// Takes the slot of a row, and what it says besides.
pub(crate) type OnRow<'a, DB> = &'a mut dyn for<'v> FnMut(Slot, Shown<'v, DB>) -> Result<(), BoxError>;

/// What the rows of a SELECT are read with
struct Reading<'a, 'b, C: Connection> {
    key: Box<dyn KeyReader<C::Backend> + 'a>,
    key_places: &'a [usize],
    /// The field that says whose member a row is, if one does
    owner_field: Option<FieldId>,
    beside: Beside<'b, C>,
    /// The rows that have come, to see that a key tells them apart
    seen: SlotSet,
    /// One of which two came that were not the same
    suspect: Option<Slot>,
    /// Whether values of rows that came before could not be read
    has_unreadable: bool,
    /// Links that have come anew, and were not cached or were others
    moved: Vec<Moved>,
}

/// A to-one link that has come anew
#[derive(Clone, Copy)]
struct Moved {
    field: FieldId,
    member: Slot,
    /// Where it led; `None` if that was not cached
    from: Option<Slot>,
    to: Slot,
}

/// The writers of the fields, one of each column of the cache
struct Writers<'a, DB: diesel::backend::Backend> {
    all: Vec<Writer<'a, DB>>,
    /// The columns that they fill
    columns: Vec<ColumnId>,
    /// Which of them reads the link that says whose member a row is
    owner: Option<usize>,
    /// Whether each field has one column
    are_plain: bool,
}

/// The writer of a field, and where the rows hold it
struct Writer<'a, DB: diesel::backend::Backend> {
    writer: Box<dyn CellWriter<DB> + 'a>,
    /// Where its last column is
    last: usize,
    place: &'a Place,
}

impl<C: Connection> Select<'_, C> {
    /// Runs a query, writes its rows into the cache and calls with each row's slot.
    pub(crate) fn run(
        &self,
        env: &Environment<C>,
        _flushed: Flushed,
        query: &dyn QueryFragment<C::Backend>,
        laid: Laid<'_>,
        mut beside: Beside<'_, C>,
        on_row: OnRow<'_, C::Backend>,
    ) -> Result<()> {
        if self.renews {
            self.store.note_all_forgotten();
        }
        let of = statement_of(self.store.name(), &self.reason, self.keys);
        let mut read = |has_rows: &Cell<bool>, count: &Cell<usize>| {
            let mut connection = env.connection()?;
            env.before_select(query);
            let rows = LoadConnection::load(&mut **connection, Fragment(query));
            let mut rows = rows.map_err(|error| self.fault(error))?;
            has_rows.set(true);
            let beside = std::mem::replace(&mut beside, Beside::Nothing);
            if let Laid::Out(layout) = laid {
                return self.take(env, rows, layout, beside, &mut *on_row, count);
            }
            let first = rows.next();
            let layout = match (laid, &first) {
                (Laid::ByName(fields), Some(Ok(row))) => Layout::by_name(self.store.model(), fields, row)?,
                (Laid::Last(selection), Some(Ok(row))) => selection.behind(row.field_count()),
                // There is nothing to be read.
                _ => Layout::default(),
            };
            self.take(env, first.into_iter().chain(rows), &layout, beside, &mut *on_row, count)
        };
        let suspect = env.reading(|has_rows| env.traced(&of, query, |count| read(has_rows, count)))?;
        suspect.map_or(Ok(()), |slot| self.is_a_key(env, slot))
    }

    #[cold]
    fn fault(&self, error: diesel::result::Error) -> Error {
        Error::database(self.store.name(), self.reason.text(self.store.name()), error)
    }

    /// Writes rows into the cache, as many as find room.
    ///
    /// Returns a record of which two rows came that were not the same.
    fn take<'conn, 'query>(
        &self,
        env: &Environment<C>,
        mut rows: impl Iterator<Item = QueryResult<<C as LoadConnection>::Row<'conn, 'query>>>,
        layout: &Layout,
        beside: Beside<'_, C>,
        on_row: OnRow<'_, C::Backend>,
        row_count: &Cell<usize>,
    ) -> Result<Option<Slot>> {
        let store = self.store;
        // A batch by key has made room for itself. Of a search nobody knows how much it finds: it takes the room that
        // there is, then room is made for a row, for two, for four, so that one that finds little drops little.
        let limited = env.limits.any() && !layout.fields.is_empty();
        let unforeseen = limited && !matches!(self.reason, Reason::Prefetch(_));
        let (mut count, mut keyless, mut wanted) = (0, 0, 1);
        let mut into = Reading {
            key: store.model().key_reader(store.table()),
            key_places: &layout.key,
            owner_field: if let Beside::Owner { field, .. } = &beside { *field } else { None },
            beside,
            seen: SlotSet::default(),
            suspect: None,
            has_unreadable: store.has_unreadable(),
            moved: Vec::new(),
        };
        loop {
            let room = if unforeseen {
                make_room(env, wanted + self.reserve, env.tick()).saturating_sub(self.reserve).min(CHUNK)
            } else {
                usize::MAX
            };
            let keep = room > 0;
            let (held, tick) = (layout.held(store), env.tick());
            // What does not find room is read later, when it is its turn.
            let mut writers = if keep {
                self.writers(layout, env, into.owner_field)
            } else {
                Writers { all: Vec::new(), columns: Vec::new(), owner: None, are_plain: true }
            };
            let (before, taken) = (count + keyless, if keep { room } else { usize::MAX });
            let mut write = || {
                for row in rows.by_ref().take(taken) {
                    let row = row.map_err(|error| self.fault(error))?;
                    let slot = self.write(&row, &mut into, &mut writers, on_row)?;
                    if slot == Slot::NULL {
                        keyless += 1;
                        continue;
                    }
                    if limited && keep {
                        store.add_unread(slot, tick);
                    }
                    count += 1;
                }
                Ok(())
            };
            let written: Result<()> = write();
            drop(writers);
            // What came before a fault came, too.
            layout.note_brought(store, held, into.owner_field);
            written?;
            if count + keyless - before < taken {
                break;
            }
            wanted = (2 * wanted).min(CHUNK);
        }
        if limited {
            env.limits.note_brought(env.tick(), count);
        }
        if keyless > 0 {
            let (model, table) = (store.name(), store.sql());
            tracing::warn!(
                model,
                table,
                rows = keyless,
                "rows whose key is NULL are no records: they were left out"
            );
        }
        into.moved.sort_by_key(|moved| moved.field);
        self.forget_lists_of_moved(env, &into.moved);
        // What is read from now on was used after this SELECT.
        env.advance_tick();
        row_count.set(count);
        Ok(into.suspect)
    }

    /// Makes the lists missing that members have left or joined, as their rows say: they are older than that.
    fn forget_lists_of_moved(&self, env: &Environment<C>, moved: &[Moved]) {
        for moved in moved.chunk_by(|a, b| a.field == b.field) {
            let field = moved[0].field;
            let info = self.store.field(field);
            let Some(target) = self.store.table_store().target(self.store.column_of(field)) else { continue };
            let side = Side::Inverse { table: self.store.table_number(), columns: info.columns };
            for Lists { column, .. } in env.stores.lists(target, side) {
                let lists = env.stores.table(target);
                for &Moved { member, from, to, .. } in moved {
                    for (owner, is_member) in from.into_iter().flat_map(|from| [(from, false), (to, true)]) {
                        if owner != Slot::NULL {
                            lists.forget_unless_listed(column, owner, member, is_member);
                        }
                    }
                }
                let unknown = moved.iter().filter(|moved| moved.from.is_none());
                lists.forget_unless_owned(column, unknown.map(|moved| (moved.to, moved.member)).collect());
            }
        }
    }

    fn writers<'a>(
        &'a self,
        layout: &'a Layout,
        env: &'a Environment<C>,
        owner_field: Option<FieldId>,
    ) -> Writers<'a, C::Backend> {
        let (store, filling) = (self.store, Filling { now: env.moment(), renews: self.renews });
        let mut columns = Vec::with_capacity(layout.fields.len());
        let writer = |place: &'a Place| {
            let column = store.column_of(place.field);
            if columns.contains(&column) {
                return None;
            }
            columns.push(column);
            let target = env.stores.target(store.field(place.field));
            let writer = store.field(place.field).decode?.writer(store.column(place.field), target, filling);
            let writer = guarded(env, store, column, writer, self.renews);
            Some(Writer { writer, last: place.last, place })
        };
        let all: Vec<_> = layout.fields.iter().filter_map(writer).collect();
        let owner = owner_field.and_then(|field| all.iter().position(|writer| writer.place.field == field));
        let are_plain = all.iter().all(|writer| writer.place.before.is_empty());
        Writers { all, columns, owner, are_plain }
    }

    /// Writes a row, and gives its slot; `NULL` if its key is.
    #[inline(always)]
    fn write(
        &self,
        row: &<C as LoadConnection>::Row<'_, '_>,
        into: &mut Reading<'_, '_, C>,
        writers: &mut Writers<'_, C::Backend>,
        on_row: OnRow<'_, C::Backend>,
    ) -> Result<Slot> {
        let store = self.store;
        // `Error` is large: what is fine is not wrapped with it, row by row and cell by cell.
        let slot = match read_key(&mut *into.key, into.key_places, row) {
            Ok(slot) => slot,
            Err(error) if error.is::<UnexpectedNullError>() => return Ok(Slot::NULL),
            Err(error) => {
                return Err(invalid(store.model(), store.model().key_field(), "?".into(), &error));
            }
        };
        let is_first = into.seen.mark(slot);
        if self.renews && is_first {
            store.forget_beside(slot, &writers.columns);
        }
        if into.has_unreadable && is_first {
            store.forget_unreadable(slot);
        }
        // Once for all cells of the row
        let is_plain = is_first && writers.are_plain;
        for Writer { writer, last, place } in &mut writers.all {
            let written = if is_plain {
                match row.get(*last) {
                    Some(value) => writer.write(slot, value.value()),
                    None => Err(NO_COLUMN.into()),
                }
            } else {
                self.write_apart(row, &mut **writer, place, slot, is_first).map(|is_same| {
                    if !is_same {
                        into.suspect.get_or_insert(slot);
                    }
                })
            };
            if let Err(error) = written {
                self.note_unreadable(place, slot, &error, into.owner_field)?;
            }
        }
        if self.renews {
            let moved = |writer: &mut Writer<'_, C::Backend>| {
                let (from, to) = writer.writer.moved()?;
                Some(Moved { field: writer.place.field, member: slot, from, to })
            };
            into.moved.extend(writers.all.iter_mut().filter_map(moved));
        }
        let owner = writers.owner.and_then(|at| writers.all[at].writer.linked());
        let shown = match (owner, &mut into.beside) {
            (Some(owner), _) => on_row(slot, Shown::Owner(owner)),
            (None, Beside::Owner { places, reader, .. }) => {
                // Nobody wrote it: it stands behind the fields, or the fields found no room.
                read_key(&mut **reader, places, row).and_then(|owner| on_row(slot, Shown::Owner(owner)))
            }
            (None, Beside::Value(place)) => {
                let value = row.get(*place);
                on_row(slot, Shown::Value(value.as_ref().and_then(|value| value.value())))
            }
            (None, Beside::Row(reader)) => reader.take(row).and_then(|()| on_row(slot, Shown::Nothing)),
            (None, Beside::Nothing) => on_row(slot, Shown::Nothing),
        };
        match shown {
            Ok(()) => Ok(slot),
            Err(error) => Err(self.fault(diesel::result::Error::DeserializationError(error))),
        }
    }

    /// Writes a field of several columns, or compares one of a row that has come before; tells whether it is the same.
    #[cold]
    fn write_apart<'r, R: Row<'r, C::Backend>>(
        &self,
        row: &R,
        writer: &mut dyn CellWriter<C::Backend>,
        place: &Place,
        slot: Slot,
        is_first: bool,
    ) -> Result<bool, BoxError> {
        let encode = self.store.field(place.field).encode;
        let is_same = |a: &dyn Any, b: &dyn Any| encode.is_none_or(|encode| encode.is_same(a, b));
        for (part, &at) in place.before.iter().enumerate() {
            let value = row.get(at).ok_or(NO_COLUMN)?;
            writer.part(part, value.value())?;
        }
        let value = row.get(place.last).ok_or(NO_COLUMN)?;
        if is_first {
            writer.write(slot, value.value()).map(|()| true)
        } else {
            writer.compare(slot, value.value(), &is_same)
        }
    }

    /// Notes that one value cannot be read, which is the error of who reads that; an error now, if more hangs on it.
    #[cold]
    fn note_unreadable(
        &self,
        place: &Place,
        slot: Slot,
        error: &BoxError,
        owner_field: Option<FieldId>,
    ) -> Result<()> {
        if owner_field == Some(place.field) || error.to_string() == NO_COLUMN {
            return Err(self.invalid(place.field, slot, error));
        }
        self.store.note_unreadable(self.store.column_of(place.field), slot, error.to_string().into());
        Ok(())
    }

    #[cold]
    fn invalid(&self, field: FieldId, slot: Slot, error: &BoxError) -> Error {
        invalid(self.store.model(), self.store.field_name(field), self.store.key_text(slot), error)
    }

    /// Asks whether a key of which two rows came that were not the same is one; a join may have found a row twice that is
    /// cached as it was before.
    #[cold]
    fn is_a_key(&self, env: &Environment<C>, slot: Slot) -> Result<()> {
        let (store, model) = (self.store, self.store.model());
        let selection = Selection::of_model(model, &[]);
        let keys = store.key_list(&[slot]);
        let query = ByKeys { store, selection: &selection, keys, locked: false };
        let rows = env.reading(|_| {
            let mut connection = env.connection()?;
            env.before_select(&query);
            let rows = LoadConnection::load(&mut **connection, Fragment(&query));
            Ok(rows.map_err(|error| self.fault(error))?.count())
        })?;
        if rows < 2 {
            return Ok(());
        }
        store.forget_record(slot);
        Err(Error::NotAKey { model: model.name(), table: store.sql().into(), id: store.key_text(slot) })
    }
}

/// A writer of a stored field, whose values the database does not have yet of records that wait to be computed
struct Guarded<'a, DB: diesel::backend::Backend> {
    writer: Box<dyn CellWriter<DB> + 'a>,
    /// `None`: it is not known who waits
    waiting: Option<SlotSet>,
    /// Where what the row held is kept, and is to be forgotten when the row comes anew
    renewed: Option<(&'a Table, ColumnId)>,
    /// Whether the last value was of a record that waits
    has_passed: bool,
}

fn guarded<'a, C: Connection>(
    env: &Environment<C>,
    store: Store<'a, C>,
    column: ColumnId,
    writer: Box<dyn CellWriter<C::Backend> + 'a>,
    renews: bool,
) -> Box<dyn CellWriter<C::Backend> + 'a> {
    let stored = &env.stores.stored;
    let Some(rule) = stored.rule_of(store.table_number(), column) else { return writer };
    let waiting = stored.due_slots(rule);
    let is_known = !env.signal().is_fed();
    if is_known && waiting.is_none() {
        return writer;
    }
    let renewed = renews.then(|| (store.table(), column));
    Box::new(Guarded { writer, waiting: waiting.filter(|_| is_known), renewed, has_passed: false })
}

impl<DB: diesel::backend::Backend> Guarded<'_, DB> {
    fn waits(&self, slot: Slot) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.has(slot))
    }
}

impl<DB: diesel::backend::Backend> CellWriter<DB> for Guarded<'_, DB> {
    fn part(&mut self, part: usize, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        self.writer.part(part, value)
    }

    fn linked(&self) -> Option<Slot> {
        self.writer.linked()
    }

    fn moved(&mut self) -> Option<(Option<Slot>, Slot)> {
        if self.has_passed { self.writer.linked().map(|to| (None, to)) } else { self.writer.moved() }
    }

    fn write(&mut self, slot: Slot, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        self.has_passed = self.waits(slot);
        if !self.has_passed {
            return self.writer.write(slot, value);
        }
        if let Some((table, column)) = self.renewed {
            self.writer.forget(slot);
            drop(table.take_held(column, slot));
        }
        self.writer.pass(value)
    }

    fn forget(&mut self, slot: Slot) {
        self.writer.forget(slot);
    }

    fn compare(
        &mut self,
        slot: Slot,
        value: Option<DB::RawValue<'_>>,
        is_same: &dyn Fn(&dyn Any, &dyn Any) -> bool,
    ) -> Result<bool, BoxError> {
        if self.waits(slot) { Ok(true) } else { self.writer.compare(slot, value, is_same) }
    }
}

/// Our own SELECT by key: names known at run time, so that one implementation serves every model
pub(crate) struct ByKeys<'a, C: Connection> {
    pub(crate) store: Store<'a, C>,
    pub(crate) selection: &'a Selection,
    pub(crate) keys: Box<dyn KeyCondition<C::Backend>>,
    /// Whether the rows are held until the end of the transaction, as they are and not as they were at its begin
    pub(crate) locked: bool,
}

impl<C: Connection> QueryFragment<C::Backend> for ByKeys<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let table = self.store.sql();
        out.push_sql("SELECT ");
        self.selection.push(table, &mut out)?;
        out.push_sql(" FROM ");
        out.push_sql(table);
        out.push_sql(" WHERE ");
        self.keys.push(key_columns(self.store), out.reborrow())?;
        if self.locked {
            // Two that lock the same rows wait for each other in turn.
            out.push_sql(" ORDER BY ");
            key_columns(self.store).push_all(&mut out)?;
            // It fails half-way more often than others do, see `Connection::forget_failed_statement`.
            out.unsafe_to_cache_prepared();
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

/// The columns of a model's key
pub(crate) fn key_columns<C: Connection>(store: Store<'_, C>) -> ColumnNames<'_> {
    ColumnNames { table: store.sql(), names: store.model().key_columns() }
}

const NO_COLUMN: &str = "the row has no such column";
