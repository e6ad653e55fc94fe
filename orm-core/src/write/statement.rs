//! The statements that write: names known at run time, so that one implementation serves every model.

use diesel::QueryResult;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

use super::guard::{push_column, push_duplicate_key};
use super::rows::{Action, AnyValues, Conflict, Keys, Rows, Shape, Target};
use super::version;
use crate::backend::{Connection, Dialect, System};
use crate::codec::{Binds, ColumnNames, Encode};
use crate::env::stores::{Store, TableStore};
use crate::fragment::{joined, separated};
use crate::load::select::key_columns;
use crate::model::{FieldInfo, KeyCondition};
use crate::number::FieldId;
use crate::store::{ColumnId, Slot};
use crate::{Environment, Error, Result};

/// One field and its values for the records of a statement
pub(super) struct Assignment<'a, C: Connection> {
    pub(super) info: &'static FieldInfo<C>,
    pub(super) encode: &'static dyn Encode<C>,
    pub(super) binds: Box<dyn Binds<C::Backend> + 'a>,
    /// Which of the values is a row's, where not all rows have one: the others stay as they are
    pub(super) places: Option<&'a [Option<usize>]>,
}

/// What becomes of the field that counts the writes of each row
pub(super) enum Version<'a, C: Connection> {
    /// There is none.
    None,
    /// It is counted on, whatever it is, up to the largest: the name of its column
    Counted(&'static str, i64),
    /// It is counted on where it is what it was read as.
    Compared(Assignment<'a, C>),
}

impl<'a, C: Connection> Version<'a, C> {
    /// What becomes of a table's version where nobody compares it
    pub(super) fn counted(table: TableStore<'_, C>) -> Self {
        let Some(version) = table.version() else { return Self::None };
        let column = table.field_of(version).1.columns.first().copied().unwrap_or_default();
        Self::Counted(column, version::last(table.table().column(version)))
    }

    fn column(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Counted(column, _) => Some(column),
            Self::Compared(version) => Some(version.column()),
        }
    }

    fn compared(&self) -> Option<&Assignment<'a, C>> {
        if let Self::Compared(version) = self { Some(version) } else { None }
    }
}

impl<C: Connection> Assignment<'_, C> {
    /// The first column, which is the only one of a version
    fn column(&self) -> &'static str {
        self.info.columns.first().copied().unwrap_or_default()
    }

    /// The place of a row's value among the binds, if it has one
    fn place(&self, row: usize) -> Option<usize> {
        match self.places {
            Some(places) => places.get(row).copied().flatten(),
            None => Some(row),
        }
    }

    /// Binds a row's value, or one column of it; NULL if it has none.
    fn push<'b>(&'b self, row: usize, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        match self.place(row) {
            Some(place) => self.binds.push(place, part, out),
            None => self.encode.push_null(part, out),
        }
    }
}

/// A column and its values in records
pub(super) fn assignment<'a, C: Connection>(
    env: &'a Environment<C>,
    table: TableStore<'a, C>,
    column: ColumnId,
    slots: &[Slot],
) -> Result<Assignment<'a, C>> {
    let (model, info) = table.field_of(column);
    let read_only = || Error::other(format!("{}.{} can only be read", model.name(), info.name));
    let encode = info.encode.ok_or_else(read_only)?;
    let binds = encode.binds(table.table().column(column), env.stores.target(info), slots);
    Ok(Assignment { info, encode, binds, places: None })
}

/// The columns of some assignments, each with its assignment and its place in it
fn columns<'a, 'b, C: Connection>(
    assignments: impl Iterator<Item = &'b Assignment<'a, C>>,
) -> impl Iterator<Item = (&'static str, &'b Assignment<'a, C>, usize)>
where
    'a: 'b,
{
    assignments.flat_map(|assignment| {
        assignment.info.columns.iter().enumerate().map(move |(part, &column)| (column, assignment, part))
    })
}

/// The column that counts the writes of each row
fn version_column<C: Connection>(store: Store<'_, C>) -> Option<&'static str> {
    store.table_store().field_of(store.version()?).1.columns.first().copied()
}

/// `, version = version + 1`
fn push_counted_on<DB: Dialect>(column: &str, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    out.push_sql(", ");
    out.push_identifier(column)?;
    out.push_sql(" = ");
    out.push_identifier(column)?;
    out.push_sql(" + 1");
    Ok(())
}

/// ` RETURNING` the key
fn push_returning<C: Connection>(
    store: Store<'_, C>,
    out: &mut AstPass<'_, '_, C::Backend>,
) -> QueryResult<()> {
    out.push_sql(" RETURNING ");
    separated(out, store.model().key_columns(), |out, column| out.push_identifier(column))
}

/// The same values for all records: `UPDATE … SET c = ? WHERE key IN (…)`. With a version it is for one record.
pub(super) struct UpdateEqual<'a, C: Connection> {
    pub(super) store: Store<'a, C>,
    pub(super) keys: Box<dyn KeyCondition<C::Backend>>,
    /// Whether it is for one record
    pub(super) is_one: bool,
    pub(super) assignments: &'a [Assignment<'a, C>],
    pub(super) version: &'a Version<'a, C>,
}

impl<C: Connection> QueryFragment<C::Backend> for UpdateEqual<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        // Any set of columns would be a text of its own, prepared for as long as the connection lives.
        if columns(self.assignments.iter()).count() > if self.is_one { 2 } else { 1 } {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        out.push_sql(self.store.sql());
        out.push_sql(" SET ");
        separated(&mut out, columns(self.assignments.iter()), |out, (column, assignment, part)| {
            out.push_identifier(column)?;
            out.push_sql(" = ");
            assignment.push(0, part, out.reborrow())
        })?;
        if let Some(version) = self.version.column() {
            push_counted_on(version, &mut out)?;
        }
        out.push_sql(" WHERE ");
        if self.is_one || !locks_first(self.store.system()) {
            self.keys.push(key_columns(self.store), out.reborrow())?;
        } else {
            push_locked(self.store, &*self.keys, &mut out)?;
        }
        if let Some(version) = self.version.compared() {
            out.push_sql(" AND ");
            push_column(self.store, version.column(), &mut out)?;
            out.push_sql(" = ");
            version.binds.push(0, 0, out.reborrow())?;
        }
        push_has_next(self.store, self.version, " AND ", &mut out)?;
        push_found(self.store, self.version, &mut out)
    }
}

/// Whether rows are locked before they are updated: PostgreSQL updates them in the order in which it happens to find them, and MVCC
/// moves them about.
fn locks_first(system: &System) -> bool {
    system.has_row_locks && system.has_values
}

/// `key IN (SELECT key … ORDER BY key FOR NO KEY UPDATE)`: two who write the same rows wait for each other in turn.
fn push_locked<'b, C: Connection>(
    store: Store<'b, C>,
    keys: &'b dyn KeyCondition<C::Backend>,
    out: &mut AstPass<'_, 'b, C::Backend>,
) -> QueryResult<()> {
    let key = key_columns(store);
    out.push_sql("(");
    key.push_all(out)?;
    out.push_sql(") IN (SELECT ");
    key.push_all(out)?;
    out.push_sql(" FROM ");
    out.push_sql(store.sql());
    out.push_sql(" WHERE ");
    keys.push(key_columns(store), out.reborrow())?;
    out.push_sql(" ORDER BY ");
    key.push_all(out)?;
    out.push_sql(" FOR NO KEY UPDATE)");
    Ok(())
}

/// `version < …`, where it is not compared: SQLite would count on past what the type holds.
fn push_has_next<C: Connection>(
    store: Store<'_, C>,
    version: &Version<'_, C>,
    before: &str,
    out: &mut AstPass<'_, '_, C::Backend>,
) -> QueryResult<()> {
    if let Version::Counted(column, last) = version {
        out.push_sql(before);
        push_column(store, column, out)?;
        out.push_sql(&format!(" < {last}"));
    }
    Ok(())
}

/// Asks for the keys of the rows that had the version that was read: afterwards nobody could tell which they were.
fn push_found<C: Connection>(
    store: Store<'_, C>,
    version: &Version<'_, C>,
    out: &mut AstPass<'_, '_, C::Backend>,
) -> QueryResult<()> {
    if version.compared().is_some() && store.system().has_returning {
        push_returning(store, out)
    } else {
        Ok(())
    }
}

/// How many rows of a CASE stand together: of a thousand a row is found by some hundred comparisons instead of five hundred.
const BLOCK: usize = 32;

/// Each record its own values, in one statement
pub(super) struct UpdateRows<'a, C: Connection> {
    pub(super) store: Store<'a, C>,
    pub(super) keys: Box<dyn Binds<C::Backend>>,
    /// The same, as a condition
    pub(super) all: Box<dyn KeyCondition<C::Backend>>,
    /// How many records there are
    pub(super) given: usize,
    pub(super) assignments: &'a [Assignment<'a, C>],
    /// Which of the fields are a row's, a bit each, where not all are of each
    pub(super) masks: Option<&'a [i64]>,
    pub(super) version: &'a Version<'a, C>,
    /// As many rows as the text has: one of them is repeated, which changes nothing, so that few texts serve all.
    pub(super) rows: usize,
    /// Which one is repeated
    pub(super) padding: usize,
    /// Whether there are as many as one statement takes: of a large flush most have this text
    pub(super) is_full: bool,
}

impl<C: Connection> UpdateRows<'_, C> {
    fn rows(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).map(|row| if row < self.given { row } else { self.padding })
    }

    fn key(&self) -> ColumnNames<'_> {
        key_columns(self.store)
    }

    fn push_key<'b>(&'b self, row: usize, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        separated(out, 0..self.key().names.len(), |out, part| self.keys.push(row, part, out.reborrow()))
    }

    /// `UPDATE … SET c = v.column2 FROM (VALUES (key, c), …) AS v WHERE key = v.column1`; where not all rows have all values it is
    /// `SET c = CASE WHEN v.column3 & 1 <> 0 THEN v.column2 ELSE c END`
    fn push_from_values<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let keys = self.key().names.len();
        let mask = keys + columns(self.assignments.iter().chain(self.version.compared())).count() + 1;
        let fields = self.assignments.iter().enumerate();
        let bits = fields.flat_map(|(bit, assignment)| assignment.info.columns.iter().map(move |_| bit));
        let assigned = columns(self.assignments.iter()).zip(bits).enumerate();
        separated(out, assigned, |out, (i, ((column, ..), bit))| {
            out.push_identifier(column)?;
            if self.masks.is_none() {
                out.push_sql(&format!(" = v.column{}", keys + i + 1));
                return Ok(());
            }
            let (bit, value) = (1_i64 << bit, keys + i + 1);
            out.push_sql(&format!(" = CASE WHEN (v.column{mask} & {bit}) <> 0 THEN v.column{value} ELSE "));
            push_column(self.store, column, out)?;
            out.push_sql(" END");
            Ok(())
        })?;
        if let Some(version) = self.version.column() {
            out.push_sql(", ");
            out.push_identifier(version)?;
            out.push_sql(" = ");
            push_column(self.store, version, out)?;
            out.push_sql(" + 1");
        }
        out.push_sql(" FROM (VALUES ");
        separated(out, self.rows(), |out, row| {
            out.push_sql("(");
            self.push_key(row, out)?;
            for (_, assignment, part) in columns(self.assignments.iter().chain(self.version.compared())) {
                out.push_sql(", ");
                assignment.push(row, part, out.reborrow())?;
            }
            if let Some(mask) = self.masks.and_then(|masks| masks.get(row)) {
                out.push_sql(", ");
                C::Backend::push_number(mask, out.reborrow())?;
            }
            out.push_sql(")");
            Ok(())
        })?;
        out.push_sql(") AS v WHERE ");
        joined(" AND ", out, 0..keys, |out, part| {
            self.key().push(part, out)?;
            out.push_sql(&format!(" = v.column{}", part + 1));
            Ok(())
        })?;
        if locks_first(self.store.system()) {
            out.push_sql(" AND ");
            push_locked(self.store, &*self.all, out)?;
        }
        if let Some(version) = self.version.compared() {
            let assigned = columns(self.assignments.iter()).count();
            out.push_sql(" AND ");
            push_column(self.store, version.column(), out)?;
            out.push_sql(&format!(" = v.column{}", keys + assigned + 1));
        }
        Ok(())
    }

    /// `UPDATE … SET c = CASE key WHEN ? THEN ? … END WHERE key IN (…)`, or of many rows `SET c = CASE WHEN key IN (…) THEN CASE key … END …`: MySQL and MariaDB agree on no other way, and
    /// here each key is compared as what it is.
    fn push_cases<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        separated(out, columns(self.assignments.iter()), |out, (column, assignment, part)| {
            out.push_identifier(column)?;
            out.push_sql(" = ");
            self.push_case(assignment, part, out)
        })?;
        if let Some(version) = self.version.column() {
            push_counted_on(version, out)?;
        }
        out.push_sql(" WHERE ");
        let is_one = self.key().names.len() == 1;
        out.push_sql(if is_one { "" } else { "(" });
        self.key().push_all(out)?;
        out.push_sql(if is_one { " IN (" } else { ") IN (" });
        separated(out, self.rows(), |out, row| {
            out.push_sql(if is_one { "" } else { "(" });
            self.push_key(row, out)?;
            out.push_sql(if is_one { "" } else { ")" });
            Ok(())
        })?;
        out.push_sql(")");
        if let Some(version) = self.version.compared() {
            out.push_sql(" AND ");
            push_column(self.store, version.column(), out)?;
            out.push_sql(" = ");
            self.push_case(version, 0, out)?;
        }
        Ok(())
    }

    fn push_case<'b>(
        &'b self,
        assignment: &'b Assignment<'_, C>,
        part: usize,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        // Those without a value repeat one that has one, of which the first counts: the text is the same whichever they are.
        let has = |row: &usize| assignment.place(*row).is_some();
        let first = self.rows().find(has);
        let rows = self.rows().filter(has).map(|row| (row, row));
        let lacking = self.rows().filter(|row| !has(row)).filter_map(|row| Some((first?, row)));
        let rows: Vec<(usize, usize)> = rows.chain(lacking).collect();
        if self.key().names.len() == 1 && rows.len() > 2 * BLOCK {
            // A CASE is looked through from its beginning for each row, a list by halves.
            out.push_sql("CASE");
            for block in rows.chunks(BLOCK) {
                out.push_sql(" WHEN ");
                self.key().push(0, out)?;
                out.push_sql(" IN (");
                separated(out, block, |out, &(row, _)| self.push_key(row, out))?;
                out.push_sql(") THEN ");
                self.push_whens(block, assignment, part, out)?;
                out.push_sql(" END");
            }
        } else {
            self.push_whens(&rows, assignment, part, out)?;
        }
        if assignment.places.is_some() {
            out.push_sql(" ELSE ");
            push_column(self.store, assignment.info.columns[part], out)?;
        }
        out.push_sql(" END");
        Ok(())
    }

    /// `CASE key WHEN ? THEN ? …`, without its end
    fn push_whens<'b>(
        &'b self,
        rows: &[(usize, usize)],
        assignment: &'b Assignment<'_, C>,
        part: usize,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        let is_one = self.key().names.len() == 1;
        out.push_sql("CASE");
        if is_one {
            out.push_sql(" ");
            self.key().push(0, out)?;
        }
        for &(row, value) in rows {
            out.push_sql(" WHEN ");
            if is_one {
                self.push_key(row, out)?;
            } else {
                joined(" AND ", out, 0..self.key().names.len(), |out, part| {
                    self.key().push(part, out)?;
                    out.push_sql(" = ");
                    self.keys.push(row, part, out.reborrow())
                })?;
            }
            out.push_sql(" THEN ");
            assignment.push(value, part, out.reborrow())?;
        }
        Ok(())
    }

    /// How many binds one row takes
    pub(super) fn binds_of_row(table: TableStore<'_, C>, columns: usize) -> usize {
        let keys = table.model().key_columns().len();
        let columns = columns + usize::from(table.version().is_some());
        // Where rows are locked first, the keys are bound once more.
        let locked = if locks_first(table.system()) { keys } else { 0 };
        // One more is the mask, if there is one; or in each CASE the key among those of its block.
        let in_block = usize::from(keys == 1);
        if table.system().has_values {
            keys + columns + 1 + locked
        } else {
            keys + (in_block + keys + 1) * columns
        }
    }
}

impl<C: Connection> QueryFragment<C::Backend> for UpdateRows<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if !self.is_full && columns(self.assignments.iter()).count() > 1 {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        out.push_sql(self.store.sql());
        out.push_sql(" SET ");
        if self.store.system().has_values {
            self.push_from_values(&mut out)?;
        } else {
            self.push_cases(&mut out)?;
        }
        push_has_next(self.store, self.version, " AND ", &mut out)?;
        push_found(self.store, self.version, &mut out)
    }
}

/// New rows, in one statement
pub(super) struct Insert<'a, C: Connection> {
    pub(super) store: Store<'a, C>,
    pub(super) all: &'a Rows<'a, C>,
    pub(super) shape: &'a Shape,
    pub(super) rows: &'a [&'a dyn AnyValues<C>],
    /// Whether the new keys are asked for
    pub(super) returning: bool,
    /// The keys, where they were asked for before
    made: Option<Box<dyn Binds<C::Backend>>>,
    /// Whether the text will come again
    is_common: bool,
}

impl<'a, C: Connection> Insert<'a, C> {
    pub(super) fn new(
        store: Store<'a, C>,
        all: &'a Rows<'a, C>,
        shape: &'a Shape,
        rows: &'a [&'a dyn AnyValues<C>],
        is_full: bool,
        made: Option<&[Slot]>,
    ) -> Self {
        let key = |&slot: &Slot| Some(slot);
        let made = made.map(|made| store.model().key_binds(store.table(), made.iter().map(key).collect()));
        // A key that is no number may be another one as it is stored: padded, cut, in other letters.
        let is_told = shape.keys == Keys::Given && all.conflict.is_none() && store.are_keys_numbers();
        let returning = store.system().has_returning && !is_told;
        Self { store, all, shape, rows, returning, made, is_common: is_full || rows.len() == 1 }
    }

    fn version(&self) -> Option<&'static str> {
        version_column(self.store)
    }

    /// Where the INSERT itself sets the number back that the server tells of the last one: the first value that is given. `None` where
    /// nobody asks for that number
    fn reset(&self) -> Option<(usize, FieldId)> {
        if !self.is_numbered() {
            return None;
        }
        let field_of = |values: &dyn AnyValues<C>| {
            self.shape.fields.iter().copied().find(|&field| values.given(field).is_some())
        };
        self.rows.iter().enumerate().find_map(|(row, &values)| Some((row, field_of(values)?)))
    }

    /// Whether the number has to be set back by a statement of its own
    pub(super) fn needs_reset(&self) -> bool {
        self.is_numbered() && self.reset().is_none()
    }

    /// Whether the server is asked afterwards for the number that it gave
    fn is_numbered(&self) -> bool {
        let is_asked = self.made.is_none() && self.all.conflict.is_none();
        !self.store.system().has_returning && is_asked && self.shape.keys != Keys::Given
    }

    fn push_row<'b>(
        &'b self,
        row: usize,
        values: &'b dyn AnyValues<C>,
        reset: Option<FieldId>,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        out.push_sql("(");
        let model = self.store.model();
        if let Some(made) = &self.made {
            made.push(row, 0, out.reborrow())?;
        } else if self.shape.with_key_column {
            match values.given(self.store.key_field()) {
                Some(key) => model.push_key(key, 0, out.reborrow())?,
                None => out.push_sql("DEFAULT"),
            }
        }
        let fields = self
            .shape
            .fields
            .iter()
            .flat_map(|&field| (0..self.store.field(field).columns.len()).map(move |part| (field, part)));
        for (i, (field, part)) in fields.enumerate() {
            if i > 0 || self.has_key_column() {
                out.push_sql(", ");
            }
            if let Some(link) = self.all.link_of(field) {
                link.push(part, out.reborrow())?;
                continue;
            }
            match (self.store.field(field).encode, values.given(field)) {
                (Some(encode), Some(value)) if reset == Some(field) && part == 0 => {
                    out.push_sql("IF(LAST_INSERT_ID(0) = 0, ");
                    encode.push(value, part, out.reborrow())?;
                    out.push_sql(", NULL)");
                }
                (Some(encode), Some(value)) => encode.push(value, part, out.reborrow())?,
                _ => out.push_sql("DEFAULT"),
            }
        }
        if self.version().is_some() {
            let comma = if self.has_key_column() || !self.shape.fields.is_empty() { ", " } else { "" };
            out.push_sql(&format!("{comma}{}", version::FIRST));
        }
        out.push_sql(")");
        Ok(())
    }

    fn push_conflict<'b>(
        &'b self,
        conflict: &'b Conflict<'_, C>,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        if !self.store.system().has_on_conflict {
            let is_more = match conflict.action {
                Action::Nothing => false,
                Action::Set(_) => true,
                Action::Write => self.changed().next().is_some(),
            };
            push_duplicate_key(self.store, conflict, is_more, out)?;
            return self.push_changes(&conflict.action, out);
        }
        out.push_sql(" ON CONFLICT ");
        match conflict.target {
            Target::Columns(columns, filter) => {
                out.push_sql("(");
                separated(out, columns, |out, column| out.push_identifier(column))?;
                out.push_sql(")");
                if let Some(filter) = filter {
                    out.push_sql(" WHERE ");
                    filter.walk_ast(out.reborrow())?;
                }
            }
            Target::Constraint(name) => {
                out.push_sql("ON CONSTRAINT ");
                out.push_identifier(name)?;
            }
        }
        if let Action::Nothing = conflict.action {
            out.push_sql(" DO NOTHING");
            return Ok(());
        }
        out.push_sql(" DO UPDATE SET ");
        if let (Action::Write, None, Some(column)) =
            (&conflict.action, self.changed().next(), self.store.model().key_columns().first())
        {
            // Something has to be set, for the row to be returned.
            out.push_identifier(column)?;
            out.push_sql(" = ");
            push_column(self.store, column, out)?;
        }
        self.push_changes(&conflict.action, out)?;
        push_has_next(self.store, &Version::counted(self.store.table_store()), " WHERE ", out)
    }

    /// The columns that a row which is there takes from the values
    pub(super) fn changed(&self) -> impl Iterator<Item = &'static str> {
        let key = self.store.model().key_columns();
        // A row that is there was created when it was.
        let is_written =
            |field: &&FieldId| self.store.field(**field).stamp.is_none_or(|stamp| stamp.is_updated);
        let fields = self.shape.fields.iter().filter(is_written);
        let columns = fields.flat_map(|&field| self.store.field(field).columns).copied();
        // A record keeps its key.
        columns.filter(move |column| !key.contains(column))
    }

    /// What becomes of a row that is there
    fn push_changes<'b>(
        &'b self,
        action: &'b Action<'_, C>,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        match action {
            Action::Nothing => return Ok(()),
            Action::Set(changes) => changes.walk_ast(out.reborrow())?,
            Action::Write => separated(out, self.changed(), |out, column| {
                out.push_identifier(column)?;
                out.push_sql(if self.store.system().has_on_conflict { " = excluded." } else { " = VALUES(" });
                out.push_identifier(column)?;
                out.push_sql(if self.store.system().has_on_conflict { "" } else { ")" });
                Ok(())
            })?,
        }
        if let Some(version) = self.version() {
            out.push_sql(", ");
            out.push_identifier(version)?;
            out.push_sql(" = ");
            push_column(self.store, version, out)?;
            if self.store.system().has_on_conflict {
                out.push_sql(" + 1");
            } else {
                self.push_next(version, out)?;
            }
        }
        Ok(())
    }

    /// ` + 1`, or what is an error where no more can be counted: there is no condition to say so here, and a server that is not strict would
    /// cut the number at the largest.
    fn push_next(&self, version: &'static str, out: &mut AstPass<'_, '_, C::Backend>) -> QueryResult<()> {
        let Version::Counted(_, last) = Version::counted(self.store.table_store()) else { return Ok(()) };
        out.push_sql(" + IF(");
        push_column(self.store, version, out)?;
        out.push_sql(&format!(" < {last}, 1, {})", i64::MAX));
        Ok(())
    }

    /// Whether the key stands before the fields
    fn has_key_column(&self) -> bool {
        self.shape.with_key_column || self.made.is_some()
    }

    /// The columns of the fields
    fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.shape.fields.iter().flat_map(|&field| self.store.field(field).columns).copied()
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> {
        let key = self.store.model().key_columns().iter().copied();
        let key = key.filter(|_| self.has_key_column());
        key.chain(self.fields()).chain(self.version())
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Insert<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if !self.is_common {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("INSERT INTO ");
        out.push_sql(self.store.sql());
        if self.columns().next().is_some() {
            out.push_sql(" (");
            separated(&mut out, self.columns(), |out, column| out.push_identifier(column))?;
            out.push_sql(") VALUES ");
            let reset = self.reset();
            separated(&mut out, self.rows.iter().enumerate(), |out, (row, &values)| {
                let field = reset.filter(|&(of_row, _)| of_row == row).map(|(_, field)| field);
                self.push_row(row, values, field, out)
            })?;
        } else if self.store.system().has_default {
            out.push_sql(" (");
            separated(&mut out, self.store.model().key_columns(), |out, column| out.push_identifier(column))?;
            out.push_sql(") VALUES ");
            separated(&mut out, self.rows, |out, _| {
                out.push_sql("(DEFAULT)");
                Ok(())
            })?;
        } else {
            out.push_sql(" DEFAULT VALUES");
        }
        if let Some(conflict) = &self.all.conflict {
            self.push_conflict(conflict, &mut out)?;
        }
        if self.returning { push_returning(self.store, &mut out) } else { Ok(()) }
    }
}

/// `DELETE … WHERE key IN (…)`
pub(super) struct Delete<'a, C: Connection> {
    pub(super) store: Store<'a, C>,
    pub(super) which: Which<'a, C>,
    /// Whether the keys of the rows that were there are asked for
    pub(super) returning: bool,
}

/// An application's own assignments: `UPDATE … SET … WHERE key IN (…)`
pub(super) struct Update<'a, C: Connection> {
    pub(super) store: Store<'a, C>,
    pub(super) changes: &'a dyn QueryFragment<C::Backend>,
    pub(super) which: Which<'a, C>,
    /// How many there are
    pub(super) rows: usize,
    /// Whether the keys of the rows that were there are asked for
    pub(super) returning: bool,
}

impl<C: Connection> QueryFragment<C::Backend> for Update<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        out.push_sql(self.store.sql());
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        if let Some(version) = version_column(self.store) {
            push_counted_on(version, &mut out)?;
        }
        out.unsafe_to_cache_prepared();
        out.push_sql(" WHERE ");
        match &self.which {
            Which::Keys(keys) if self.rows > 1 && locks_first(self.store.system()) => {
                push_locked(self.store, &**keys, &mut out)
            }
            which => which.push(self.store, &mut out),
        }?;
        if let Which::Keys(_) = self.which {
            push_has_next(self.store, &Version::counted(self.store.table_store()), " AND ", &mut out)?;
        }
        if self.returning { push_returning(self.store, &mut out) } else { Ok(()) }
    }
}

/// Which rows are deleted, or assigned to
pub(super) enum Which<'a, C: Connection> {
    Keys(Box<dyn KeyCondition<C::Backend>>),
    /// Those that have the version that was read
    Versions {
        keys: Box<dyn Binds<C::Backend>>,
        version: Assignment<'a, C>,
        rows: usize,
    },
}

impl<'a, C: Connection> Which<'a, C> {
    /// Rows by their keys; where it `compares`, those of them that have the version that was read
    pub(super) fn of(
        env: &'a Environment<C>,
        store: Store<'a, C>,
        slots: &[Slot],
        compares: bool,
    ) -> Result<Self> {
        Ok(match store.version().filter(|_| compares) {
            Some(version) => Self::Versions {
                keys: store.model().key_binds(store.table(), slots.iter().copied().map(Some).collect()),
                version: assignment(env, store.table_store(), version, slots)?,
                rows: slots.len(),
            },
            None => Self::Keys(store.key_list(slots)),
        })
    }

    fn push<'b>(&'b self, store: Store<'b, C>, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let key = key_columns(store);
        match self {
            Self::Keys(keys) => keys.push(key, out.reborrow()),
            Self::Versions { keys, version, rows: 1 } => {
                joined(" AND ", out, 0..key.names.len(), |out, part| {
                    key.push(part, out)?;
                    out.push_sql(" = ");
                    keys.push(0, part, out.reborrow())
                })?;
                out.push_sql(" AND ");
                push_column(store, version.column(), out)?;
                out.push_sql(" = ");
                version.binds.push(0, 0, out.reborrow())
            }
            Self::Versions { keys, version, rows } => {
                out.push_sql("(");
                key.push_all(out)?;
                out.push_sql(", ");
                push_column(store, version.column(), out)?;
                out.push_sql(") IN (VALUES ");
                // As many as a power of two: the last one is repeated, so that few texts serve all.
                separated(out, 0..rows.next_power_of_two(), |out, row| {
                    let row = row.min(rows - 1);
                    out.push_sql("(");
                    separated(out, 0..key.names.len(), |out, part| keys.push(row, part, out.reborrow()))?;
                    out.push_sql(", ");
                    version.binds.push(row, 0, out.reborrow())?;
                    out.push_sql(")");
                    Ok(())
                })?;
                out.push_sql(")");
                Ok(())
            }
        }
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Delete<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        out.push_sql(self.store.sql());
        out.push_sql(" WHERE ");
        self.which.push(self.store, &mut out)?;
        if self.returning { push_returning(self.store, &mut out) } else { Ok(()) }
    }
}

/// The number of the first row of the last INSERT, for backends that do not return keys; it is told once, so that an INSERT
/// that numbers no rows does not get the number of another one.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct FirstInserted;

impl<DB: Dialect> QueryFragment<DB> for FirstInserted {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT CAST(LAST_INSERT_ID() AS SIGNED), CAST(@@auto_increment_increment AS SIGNED), LAST_INSERT_ID(0)");
        Ok(())
    }
}

impl Query for FirstInserted {
    type SqlType = Untyped;
}
