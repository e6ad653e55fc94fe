//! All that an environment has cached: the tables, and what each model calls their columns.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::backend::{Connection, Kind, System};
use crate::env::pace::Paces;
use crate::env::stored::StoredFields;
use crate::model::{
    AnyModel, FieldInfo, KeyCondition, LinkInfo, LinkKind, Prefetch, Timestamp, always_of, field_ids,
    numbered,
};
use crate::number::{FieldId, ModelId};
use crate::store::{
    self, Affected, AggregateKey, AnyColumn, Bits, ColumnId, FieldStats, Follower, Frozen, Joining,
    ModelStats, Narrowed, Signal, Slot, Subject, Table, TableId, Written,
};
use crate::{Error, Result, Str};

/// All tables of an environment, and the models that were used
pub(crate) struct Stores<C: Connection> {
    /// Which database system they are of
    system: Cell<&'static System>,
    tables: Frozen<Shelf<C>>,
    /// By model number
    models: Frozen<Entry<C>>,
    joins: Frozen<Join>,
    /// Aggregates of expressions that look at other tables than their members': their text, and their columns
    looking: RefCell<Vec<(Str, (TableId, ColumnId))>>,
    /// The fields that are computed and stored
    pub(crate) stored: StoredFields<C>,
    /// By which tables tell that something has changed that a value was computed from
    pub(super) signal: Arc<Signal>,
}

/// A table, and what SQL has to know of it
struct Shelf<C: Connection> {
    table: Table,
    system: &'static System,
    /// As SQL names it
    sql: String,
    key_type: TypeId,
    /// The first model that named it: any of its models has the same keys
    model: &'static dyn AnyModel<C>,
    /// Which field a column is, of the first model that named it
    columns: Frozen<(&'static dyn AnyModel<C>, FieldId)>,
    /// The tables that a view shows, as one of the models says, as SQL names them
    view_of: RefCell<Vec<String>>,
    /// The tables whose rows this one may show too
    sources: RefCell<Vec<TableId>>,
    /// The tables that may show rows of this one
    shown_in: RefCell<Vec<TableId>>,
    /// Whether it is a join table
    is_join: Cell<bool>,
    /// Whether nobody looks at how many rows a write found, as one of the models says
    is_unchecked: Cell<bool>,
    /// The columns that the database makes anew whenever a row is written, as one of the models says
    made: RefCell<Vec<ColumnId>>,
}

/// A model, and where its fields are
struct Entry<C: Connection> {
    model: &'static dyn AnyModel<C>,
    table: TableId,
    /// The column of each field
    columns: Box<[ColumnId]>,
    /// What the two sides of each to-many link are
    sides: Box<[Option<Side>]>,
    paces: Paces,
    /// The links whose lists follow from their members' fields, and of which the members' tables know that
    followed: RefCell<Bits>,
}

/// A join table
struct Join {
    /// As SQL names it
    sql: String,
    /// The table, if a model of its own has named it
    table: Cell<Option<TableId>>,
    /// Whether pairs have come or gone since searches were last looked at that something was computed from
    are_pairs_changed: Cell<bool>,
}

/// So many binds of a statement are left to the filters of a link, and to what is aggregated.
const OTHER_BINDS: usize = 500;

/// What of a to-many link's members is wanted
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Keys and prefetchable columns
    Records,
    /// Keys alone
    Keys,
    /// How many there are
    Count,
    /// What is aggregated over them, in this column
    Aggregate(ColumnId),
}

impl Want {
    /// Whether it is one value for each list
    pub(crate) fn is_grouped(self) -> bool {
        matches!(self, Self::Count | Self::Aggregate(_))
    }
}

/// What the two sides of a to-many link are
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The rows of a table whose to-one link points here
    Inverse {
        /// Their table
        table: TableId,
        /// The link's columns
        columns: &'static [&'static str],
    },
    /// Two sides of a join table
    Pairs {
        /// The join table's number
        join: usize,
        /// The columns that say whose list it is
        own: &'static [&'static str],
        /// The columns that say who is a member
        other: &'static [&'static str],
        /// Whether pairs count in either direction; then it is the same from both sides
        is_symmetric: bool,
    },
}

/// A column that holds the lists of a to-many link
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists {
    pub(crate) column: ColumnId,
    /// What becomes of one where a record comes
    pub(crate) joining: Joining,
    /// Whether a list has one member at most, as one of the models says
    pub(crate) is_one: bool,
}

impl Side {
    /// The same link, seen from its members
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Pairs { join, own, other, is_symmetric: false } => {
                Self::Pairs { join, own: other, other: own, is_symmetric: false }
            }
            same => same,
        }
    }
}

impl<C: Connection> Stores<C> {
    pub(super) fn new(system: &'static System, signal: Signal) -> Self {
        Self {
            system: Cell::new(system),
            tables: Frozen::default(),
            models: Frozen::default(),
            joins: Frozen::default(),
            looking: RefCell::default(),
            stored: StoredFields::default(),
            signal: Arc::new(signal),
        }
    }

    pub(crate) fn system(&self) -> &'static System {
        self.system.get()
    }

    /// Learns which database system a connection is to; an error if statements were made for another one.
    pub(super) fn is_of(&self, system: &'static System) -> Result<()> {
        let known = self.system.replace(system);
        if known.kind == system.kind || self.tables.len() + self.joins.len() == 0 {
            return Ok(());
        }
        self.system.set(known);
        let message =
            "the environment was used before a connection had told which database it is; make another";
        Err(Error::connection(system.name, message))
    }

    /// What is cached of a model
    pub(crate) fn get(&self, model: &'static dyn AnyModel<C>) -> Store<'_, C> {
        let number = model.number();
        let entry = match self.models.get(number.0) {
            Some(entry) => entry,
            None => self.open_model(number, model),
        };
        self.store(entry)
    }

    #[cold]
    fn open_model(&self, number: ModelId, model: &'static dyn AnyModel<C>) -> &Entry<C> {
        let opening = &self.stored.opening;
        opening.set(opening.get() + 1);
        let entry = self.models.get_or_init(number.0, || self.open(model));
        opening.set(opening.get() - 1);
        self.opened(model);
        entry
    }

    /// Opens the models that links lead to and that nobody has used yet: what goes along with a record may go on by their links.
    pub(crate) fn open_targets(&self) {
        let mut next = 0;
        while let Some(shelf) = self.tables.get(next) {
            self.get(shelf.model);
            next += 1;
        }
    }

    fn store<'a>(&'a self, entry: &'a Entry<C>) -> Store<'a, C> {
        Store { entry, shelf: self.shelf(entry.table) }
    }

    fn shelf(&self, table: TableId) -> &Shelf<C> {
        match self.tables.get(table.0) {
            Some(shelf) => shelf,
            None => unreachable!("no {table:?}"),
        }
    }

    /// The table that a field leads to, if it is a link
    pub(crate) fn target(&self, field: &FieldInfo<C>) -> Option<&Table> {
        field.link.as_ref().map(|link| self.get(link.target).table())
    }

    /// What is cached of a model that has been used
    pub(crate) fn by_number(&self, model: ModelId) -> Option<Store<'_, C>> {
        self.models.get(model.0).map(|entry| self.store(entry))
    }

    /// The models that were used
    pub(crate) fn models(&self) -> impl Iterator<Item = Store<'_, C>> {
        self.models.iter().map(|entry| self.store(entry))
    }

    /// The tables, by number
    pub(crate) fn tables(&self) -> impl Iterator<Item = TableStore<'_, C>> {
        (0..self.tables.len()).map(|number| self.table(TableId(number)))
    }

    pub(crate) fn table(&self, number: TableId) -> TableStore<'_, C> {
        TableStore { number, shelf: self.shelf(number) }
    }

    fn open(&self, model: &'static dyn AnyModel<C>) -> Entry<C> {
        let table = self.open_table(model);
        let shelf = self.shelf(table);
        let sides: Box<[_]> = model.fields().iter().map(|field| self.side(field)).collect();
        let open = |(number, field): (FieldId, &FieldInfo<C>)| {
            let target = field.link.as_ref().map(|link| self.open_table(link.target));
            let name = self.column_name(model, number, sides[number.0]);
            let column = shelf.table.open_column(name, field.columns, (field.cells)(), target);
            if column.0 == shelf.columns.len() {
                shelf.columns.push((model, number));
            }
            if field.is_made {
                shelf.made.borrow_mut().push(column);
            }
            column
        };
        let columns: Box<[ColumnId]> = numbered(model.fields()).map(open).collect();
        if model.is_unchecked() {
            shelf.is_unchecked.set(true);
        }
        match (model.version(), model.versioned_by()) {
            (Some(version), _) => shelf.table.set_version(columns[version.0]),
            // Whoever writes the table counts its writes, whether that model is used or not.
            (None, Some(other)) => {
                self.get(other);
            }
            (None, None) => {}
        }
        Entry { model, table, columns, sides, paces: Paces::default(), followed: RefCell::default() }
    }

    /// What a column is told from others by: its name in the database; for a to-many link, what leads to the members
    fn column_name(&self, model: &'static dyn AnyModel<C>, number: FieldId, side: Option<Side>) -> String {
        let field = &model.fields()[number.0];
        let lists = match side {
            None if field.columns.is_empty() => return format!("{}.{}", model.name(), field.name),
            None => return field.columns.join(", "),
            Some(Side::Inverse { table, columns }) => {
                format!("{}({})", self.shelf(table).sql, columns.join(", "))
            }
            Some(Side::Pairs { join, own, other, is_symmetric }) => {
                let either_way = if is_symmetric { " either way" } else { "" };
                format!("{}({}; {}){either_way}", self.join_sql(join), own.join(", "), other.join(", "))
            }
        };
        // In an order of its own, or with a filter, it is no other link's.
        let is_own = field.link.as_ref().is_some_and(|link| link.joining() != Joining::ByKey);
        if is_own { format!("{lists} for {}.{}", model.name(), field.name) } else { lists }
    }

    fn side(&self, field: &FieldInfo<C>) -> Option<Side> {
        let link = field.link.as_ref()?;
        match link.kind {
            LinkKind::ToOne | LinkKind::Computed { .. } => None,
            LinkKind::Inverse { field, .. } => {
                let table = self.open_table(link.target);
                Some(Side::Inverse { table, columns: link.target.fields()[field().0].columns })
            }
            LinkKind::Through { table, own, other, is_symmetric, .. } => {
                let join = self.open_join(table(self.system()));
                let (own, other) = if is_symmetric && other < own { (other, own) } else { (own, other) };
                Some(Side::Pairs { join, own, other, is_symmetric })
            }
        }
    }

    fn open_join(&self, sql: String) -> usize {
        if let Some(known) = self.joins.iter().position(|join| join.sql == sql) {
            return known;
        }
        let table = self.tables.iter().position(|shelf| shelf.sql == sql).map(TableId);
        if let Some(table) = table {
            self.shelf(table).is_join.set(true);
        }
        self.joins.push(Join { sql, table: Cell::new(table), are_pairs_changed: Cell::default() })
    }

    /// The number of a model's table
    fn open_table(&self, model: &'static dyn AnyModel<C>) -> TableId {
        let (sql, key_type) = (model.table(self.system()), model.key_type());
        let is_it = |shelf: &Shelf<C>| shelf.sql == sql && shelf.key_type == key_type;
        if let Some(known) = self.tables.iter().position(is_it).map(TableId) {
            self.add_view_of(known, model.view_of(self.system()));
            return known;
        }
        let number = TableId(self.tables.len());
        let join = self.joins.iter().find(|join| join.sql == sql);
        if let Some(join) = join {
            join.table.set(Some(number));
        }
        let shelf = Shelf {
            table: Table::new(model.new_keys().0, &self.signal),
            system: self.system(),
            sql,
            key_type,
            model,
            columns: Frozen::default(),
            view_of: RefCell::default(),
            sources: RefCell::default(),
            shown_in: RefCell::default(),
            is_join: Cell::new(join.is_some()),
            is_unchecked: Cell::default(),
            made: RefCell::default(),
        };
        // A name without a schema, in other letters, or with keys of another type, may be the same table.
        for (other, known) in self.tables.iter().enumerate() {
            let other = TableId(other);
            let are_twins = bare(&known.sql).eq_ignore_ascii_case(bare(&shelf.sql));
            if are_twins {
                shelf.sources.borrow_mut().push(other);
                known.shown_in.borrow_mut().push(number);
            }
            if are_twins || known.view_of.borrow().contains(&shelf.sql) {
                known.sources.borrow_mut().push(number);
                shelf.shown_in.borrow_mut().push(other);
            }
        }
        // A search, or an aggregate, may have looked at it before it had a model.
        shelf.table.note_rows();
        let looking = self.looking.borrow();
        for (_, aggregate) in looking.iter().filter(|(text, _)| text.contains(bare(&shelf.sql))) {
            shelf.table.add_follower(Follower::new(*aggregate, None, None));
        }
        self.tables.push(shelf);
        self.add_view_of(number, model.view_of(self.system()));
        number
    }

    /// Notes the tables that a view shows: each of its models may be the one that says so.
    fn add_view_of(&self, number: TableId, tables: Vec<String>) {
        let view = self.shelf(number);
        for sql in tables {
            if view.view_of.borrow().contains(&sql) {
                continue;
            }
            for (other, known) in self.tables.iter().enumerate().filter(|(_, known)| known.sql == sql) {
                view.sources.borrow_mut().push(TableId(other));
                known.shown_in.borrow_mut().push(number);
            }
            view.view_of.borrow_mut().push(sql);
        }
    }

    /// The table that a join table is, if a model has named it
    pub(crate) fn table_of_join(&self, join: usize) -> Option<TableId> {
        self.joins.get(join)?.table.get()
    }

    pub(crate) fn join_sql(&self, join: usize) -> &str {
        self.joins.get(join).map_or("", |join| &join.sql)
    }

    /// The columns of a table that hold the lists of a to-many link, whatever the models call it
    pub(crate) fn lists(&self, table: TableId, side: Side) -> Vec<Lists> {
        let mut found: Vec<Lists> = Vec::new();
        for entry in self.models.iter().filter(|entry| entry.table == table) {
            for (field, _) in entry.sides.iter().enumerate().filter(|(_, other)| **other == Some(side)) {
                let (column, info) = (entry.columns[field], &entry.model.fields()[field]);
                match found.iter_mut().find(|lists| lists.column == column) {
                    Some(lists) => lists.is_one |= info.is_one(),
                    None => {
                        let joining = info.link.as_ref().map_or(Joining::ByKey, LinkInfo::joining);
                        found.push(Lists { column, joining, is_one: info.is_one() });
                    }
                }
            }
        }
        found
    }

    /// The columns of a table that hold lists through the same join table as a link does
    pub(crate) fn lists_through(&self, table: TableId, side: Side) -> Vec<(Side, ColumnId)> {
        let Side::Pairs { join, .. } = side else { return Vec::new() };
        let entries = self.models.iter().filter(|entry| entry.table == table);
        let sides = entries.flat_map(|entry| entry.sides.iter().zip(&entry.columns));
        let through = sides.filter_map(|(side, &column)| Some(((*side)?, column)));
        let is_it =
            |(side, _): &(Side, ColumnId)| matches!(side, Side::Pairs { join: own, .. } if *own == join);
        through.filter(is_it).collect()
    }

    /// The to-one link that lists of a table are the other side of, if they are that of one
    pub(crate) fn link_of_lists(&self, owners: TableStore<'_, C>, lists: ColumnId) -> Option<ColumnId> {
        let link = owners.field_of(lists).1.link.as_ref()?;
        let LinkKind::Inverse { field, .. } = link.kind else { return None };
        Some(self.get(link.target).column_of(field()))
    }

    /// The column that an aggregate over a to-many link is kept in; added now if there is none
    pub(crate) fn aggregate_column<V: Send + 'static>(
        &self,
        store: Store<'_, C>,
        field: FieldId,
        key: &AggregateKey,
    ) -> ColumnId {
        let (table, over) = (store.table(), store.column_of(field));
        if let Some(known) = table.aggregate(over, key) {
            return known;
        }
        let column = table.open_aggregate::<V>(over, key.clone());
        let aggregate = (store.table_number(), column);
        if column.0 == store.shelf.columns.len() {
            store.shelf.columns.push((store.model(), field));
        } else {
            self.tables.iter().for_each(|shelf| shelf.table.remove_follower(aggregate));
            self.looking.borrow_mut().retain(|(_, other)| *other != aggregate);
        }
        self.follow(store, field, aggregate, &key.subject);
        column
    }

    /// Has the tables that an aggregate is read from tell when it is not what it was.
    fn follow(&self, store: Store<'_, C>, field: FieldId, aggregate: (TableId, ColumnId), subject: &Subject) {
        let Some(link) = &store.field(field).link else { return };
        let members = self.get(link.target);
        let owner = match link.kind {
            LinkKind::Inverse { field, .. } => Some(members.column_of(field())),
            LinkKind::ToOne | LinkKind::Computed { .. } | LinkKind::Through { .. } => None,
        };
        match subject {
            Subject::Column(column) => {
                members.table().add_follower(Follower::new(aggregate, Some(*column), owner));
            }
            // What looks at other rows as well follows from any of them.
            Subject::Text(text) if is_sub_select(text) => {
                let is_named = |table: &Shelf<C>| text.contains(bare(&table.sql));
                let is_theirs = |shelf: &Shelf<C>| std::ptr::eq(&shelf.table, members.table());
                let looked_at = self.tables.iter().filter(|shelf| is_theirs(shelf) || is_named(shelf));
                looked_at.for_each(|shelf| shelf.table.add_follower(Follower::new(aggregate, None, None)));
                self.looking.borrow_mut().push((text.clone(), aggregate));
            }
            Subject::Text(_) => members.table().add_follower(Follower::new(aggregate, None, owner)),
        }
    }

    /// Makes the aggregates missing whose members are not what they were; tells whether there were any.
    pub(super) fn forget_affected(&self) -> bool {
        let mut found: Vec<((TableId, ColumnId), Affected)> = Vec::new();
        for shelf in self.tables.iter() {
            shelf.table.take_affected(&mut |aggregate, affected| found.push((aggregate, affected)));
        }
        found.into_iter().fold(false, |any, ((table, column), affected)| {
            self.forget_followers((table, column), affected) | any
        })
    }

    /// Makes aggregates, or lists, missing; tells whether there were any.
    fn forget_followers(&self, (table, column): (TableId, ColumnId), affected: Affected) -> bool {
        let table = self.table(table);
        match self.joining(table, column) {
            Some(joining) => table.forget_affected_lists(column, affected, joining),
            None => table.forget_affected(column, affected),
        }
    }

    /// What becomes of the lists of a column where a record comes; `None` if it holds no lists
    pub(crate) fn joining(&self, owners: TableStore<'_, C>, column: ColumnId) -> Option<Joining> {
        let link = owners.field_of(column).1.link.as_ref()?;
        owners.table().is_of_lists(column).then(|| link.joining())
    }

    /// Has the tables that the lists of a link with an order or a filter are read from tell when these are not what they were; `reads`
    /// are the members' fields that make them so, `None` if that may be any.
    pub(crate) fn follow_lists(
        &self,
        store: Store<'_, C>,
        field: FieldId,
        text: &str,
        reads: Option<Vec<FieldId>>,
    ) {
        let Some(link) = &store.field(field).link else { return };
        let (members, lists) = (self.get(link.target), (store.table_number(), store.column_of(field)));
        let Some(reads) = reads.filter(|_| !is_sub_select(text)) else {
            return self.follow(store, field, lists, &Subject::Text(text.into()));
        };
        reads
            .into_iter()
            .for_each(|read| self.follow(store, field, lists, &Subject::Column(members.column_of(read))));
    }

    /// Makes the lists missing that are read through a join table.
    fn forget_lists_through(&self, table: TableId) {
        for entry in self.models.iter() {
            for (field, side) in entry.sides.iter().enumerate() {
                if let Some(Side::Pairs { join, .. }) = *side
                    && self.table_of_join(join) == Some(table)
                {
                    self.shelf(entry.table).table.invalidate_column(entry.columns[field]);
                }
            }
        }
    }

    /// Makes missing what may show rows of a table otherwise than by its columns: views of it, lists through it.
    ///
    /// Returns whether there was any such.
    pub(crate) fn forget_shown(&self, table: TableId) -> bool {
        let is_join = self.shelf(table).is_join.get();
        if is_join {
            self.forget_lists_through(table);
        }
        let mut shown = Vec::new();
        self.collect_shown(table, &mut shown);
        self.forget_tables(&shown);
        is_join || !shown.is_empty()
    }

    fn collect_shown(&self, table: TableId, shown: &mut Vec<TableId>) {
        for &other in &*self.shelf(table).shown_in.borrow() {
            if other != table && !shown.contains(&other) {
                shown.push(other);
                self.collect_shown(other, shown);
            }
        }
    }

    /// Whether a table's rows may show pairs of a join table
    pub(crate) fn shows_join(&self, table: TableId, join: usize) -> bool {
        let shows = |shelf: &Shelf<C>| shelf.view_of.borrow().iter().any(|sql| sql == self.join_sql(join));
        self.table_of_join(join) == Some(table) || shows(self.shelf(table))
    }

    /// Makes missing what is cached of the rows of a join table by a model of its own, and of views of it.
    ///
    /// Returns whether there was any such.
    pub(crate) fn forget_rows_of_join(&self, join: usize) -> bool {
        if let Some(join) = self.joins.get(join)
            && self.signal.change_rows()
        {
            join.are_pairs_changed.set(true);
        }
        let join_name = bare(self.join_sql(join));
        let looking = self.looking.borrow();
        for &(_, follower) in looking.iter().filter(|(text, _)| text.contains(join_name)) {
            self.forget_followers(follower, Affected::All);
        }
        drop(looking);
        let mut shown: Vec<TableId> =
            (0..self.tables.len()).map(TableId).filter(|&table| self.shows_join(table, join)).collect();
        for table in shown.clone() {
            self.collect_shown(table, &mut shown);
        }
        self.forget_tables(&shown);
        !shown.is_empty()
    }

    /// The tables of which a search may find other rows than when this was last asked: their names, without schema and quotes, their
    /// numbers if models have named them, and what was written
    pub(super) fn take_changed_rows(&self) -> Vec<(&str, Option<TableId>, Written)> {
        let tables = self.tables.iter().enumerate().filter_map(|(number, shelf)| {
            Some((bare(&shelf.sql), Some(TableId(number)), shelf.table.take_rows_changed()?))
        });
        let joins = self.joins.iter().filter(|join| join.are_pairs_changed.take());
        tables.chain(joins.map(|join| (bare(&join.sql), None, Written::Rows))).collect()
    }

    /// What the searches of a computed field's function depend on, if it says so
    pub(super) fn narrowed(&self, info: &FieldInfo<C>) -> Option<Narrowed> {
        let named = info.depends_on?;
        let of = |(model, field): (&'static dyn AnyModel<C>, FieldId)| {
            let store = self.get(model);
            // The primary key stays as it is.
            let column = (field.0 < store.fields().len()).then(|| store.column_of(field));
            (store.table_number(), column)
        };
        Some(named().into_iter().map(of).collect())
    }

    fn forget_tables(&self, tables: &[TableId]) {
        if tables.is_empty() {
            return;
        }
        tables.iter().for_each(|&table| self.shelf(table).table.invalidate());
        let is_one = |table: TableId| tables.contains(&table);
        self.tables.iter().for_each(|shelf| shelf.table.forget_lists(&is_one));
    }

    /// The model that says which column of a table counts the writes, and that field
    pub(crate) fn versioned(&self, table: TableStore<'_, C>) -> Option<(Store<'_, C>, FieldId)> {
        let &(model, field) = table.shelf.columns.get(table.version()?.0)?;
        Some((self.get(model), field))
    }

    /// Whether what a read of this table brings could be changed by what waits elsewhere, or in another form.
    pub(crate) fn is_shown_dirty(&self, table: TableId) -> bool {
        let shelf = self.shelf(table);
        let is_made_anew = || shelf.table.has_dirty() && !shelf.made.borrow().is_empty();
        shelf.table.has_dirty_twins() || is_made_anew() || self.has_dirty_source(table, &mut vec![table])
    }

    fn has_dirty_source(&self, table: TableId, seen: &mut Vec<TableId>) -> bool {
        self.shelf(table).sources.borrow().iter().any(|&source| {
            let is_new = !seen.contains(&source);
            if is_new {
                seen.push(source);
            }
            is_new && (self.shelf(source).table.has_dirty() || self.has_dirty_source(source, seen))
        })
    }
}

/// Whether an expression looks at more than the row at hand
pub(crate) fn is_sub_select(text: &str) -> bool {
    text.to_ascii_uppercase().contains("SELECT")
}

/// A table's name without its schema and the quotes
fn bare(sql: &str) -> &str {
    let name = sql.rsplit_once('.').map_or(sql, |(_, name)| name);
    name.trim_matches(['"', '`'])
}

impl<C: Connection> fmt::Debug for Stores<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.models().map(|store| store.stats())).finish()
    }
}

/// A table by its number, and what SQL has to know of it
pub(crate) struct TableStore<'a, C: Connection> {
    number: TableId,
    shelf: &'a Shelf<C>,
}

impl<C: Connection> Clone for TableStore<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Connection> Copy for TableStore<'_, C> {}

impl<C: Connection> Deref for TableStore<'_, C> {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.shelf.table
    }
}

impl<'a, C: Connection> TableStore<'a, C> {
    pub(crate) fn number(self) -> TableId {
        self.number
    }

    pub(crate) fn table(self) -> &'a Table {
        &self.shelf.table
    }

    /// Whether nobody looks at how many rows a write found: not where another model has a version, which is compared by that
    pub(crate) fn is_unchecked(self) -> bool {
        self.shelf.is_unchecked.get() && self.version().is_none()
    }

    /// The field that a column is, and its model
    pub(crate) fn field_of(self, column: ColumnId) -> (&'static dyn AnyModel<C>, &'static FieldInfo<C>) {
        match self.shelf.columns.get(column.0) {
            Some(&(model, field)) => (model, &model.fields()[field.0]),
            None => unreachable!("no {column:?}"),
        }
    }

    /// Whether rows of other tables may be made of this one's: of most not, and each setter asks
    #[inline]
    pub(crate) fn may_be_shown(self) -> bool {
        self.shelf.is_join.get() || !self.shelf.shown_in.borrow().is_empty()
    }

    /// The columns that the database makes anew whenever a row is written, in each of their forms
    pub(crate) fn made_columns(self) -> Vec<ColumnId> {
        let made = self.shelf.made.borrow();
        // Of most there is none, and each setter asks.
        if made.is_empty() {
            return Vec::new();
        }
        made.iter().flat_map(|&column| [vec![column], self.twins(column)]).flatten().collect()
    }

    /// Which database system it is in
    pub(crate) fn system(self) -> &'static System {
        self.shelf.system
    }

    /// The table, as SQL names it
    pub(crate) fn sql(self) -> &'a str {
        &self.shelf.sql
    }

    /// A model of the table
    pub(crate) fn model(self) -> &'static dyn AnyModel<C> {
        self.shelf.model
    }
}

/// What is cached of one model: its table, and where its fields are
pub struct Store<'a, C: Connection> {
    entry: &'a Entry<C>,
    shelf: &'a Shelf<C>,
}

impl<C: Connection> Clone for Store<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Connection> Copy for Store<'_, C> {}

impl<C: Connection> fmt::Debug for Store<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store<{}>({} keys)", self.name(), self.slots())
    }
}

impl<C: Connection> Deref for Store<'_, C> {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.shelf.table
    }
}

/// Takes what says whether a record lacks a field.
pub(crate) type Probe<'a> = &'a mut dyn FnMut(&dyn Fn(Slot) -> bool);

impl<'a, C: Connection> Store<'a, C> {
    /// The cells of a field; for generated code.
    pub fn cells<D: crate::codec::Cells>(self, field: usize) -> crate::codec::CellsOf<'a, D> {
        self.shelf.table.cells(self.entry.columns[field])
    }

    /// Which database system it is in
    pub(crate) fn system(self) -> &'static System {
        self.shelf.system
    }

    /// How many keys of records one statement takes: of several columns, and on MySQL of one, each is a bind, and they are filled up to a
    /// power of two
    pub(crate) fn most_keys(self) -> usize {
        let System { kind, max_binds, .. } = *self.system();
        match self.model().key_columns().len() {
            1 if kind != Kind::Mysql => usize::MAX,
            parts => 1 << ((max_binds - OTHER_BINDS) / parts).ilog2(),
        }
    }

    /// The keys of records, for a condition
    pub(crate) fn key_list(self, slots: &[Slot]) -> Box<dyn KeyCondition<C::Backend>> {
        self.entry.model.key_list(self.shelf.system, &self.shelf.table, slots)
    }

    pub(crate) fn table(self) -> &'a Table {
        &self.shelf.table
    }

    pub(crate) fn table_store(self) -> TableStore<'a, C> {
        TableStore { number: self.entry.table, shelf: self.shelf }
    }

    /// The table's number
    pub(crate) fn table_number(self) -> TableId {
        self.entry.table
    }

    /// The table, as SQL names it
    pub(crate) fn sql(self) -> &'a str {
        &self.shelf.sql
    }

    pub(crate) fn model(self) -> &'static dyn AnyModel<C> {
        self.entry.model
    }

    /// The model's number
    pub(crate) fn number(self) -> ModelId {
        self.entry.model.number()
    }

    /// The model's name
    pub(crate) fn name(self) -> &'static str {
        self.entry.model.name()
    }

    pub(crate) fn fields(self) -> &'static [FieldInfo<C>] {
        self.entry.model.fields()
    }

    /// What stands for the primary key among the numbers of fields: the one after the last
    pub(crate) fn key_field(self) -> FieldId {
        FieldId(self.fields().len())
    }

    pub(crate) fn field(self, field: FieldId) -> &'static FieldInfo<C> {
        &self.fields()[field.0]
    }

    pub(crate) fn field_name(self, field: FieldId) -> &'static str {
        self.field(field).name
    }

    /// The number of a field's column in the table
    pub(crate) fn column_of(self, field: FieldId) -> ColumnId {
        self.entry.columns[field.0]
    }

    /// A field's column
    pub(crate) fn column(self, field: FieldId) -> &'a dyn AnyColumn {
        self.shelf.table.column(self.entry.columns[field.0])
    }

    /// What batches have shown so far
    pub(crate) fn paces(self) -> &'a Paces {
        &self.entry.paces
    }

    pub(crate) fn side(self, field: FieldId) -> Option<Side> {
        self.entry.sides[field.0]
    }

    /// The fields that say when a row was written
    pub(crate) fn stamps(self) -> impl Iterator<Item = (FieldId, Timestamp)> {
        numbered(self.fields()).filter_map(|(field, info)| Some((field, info.stamp?)))
    }

    /// Notes that the members' tables know what the lists of a link follow from; returns whether that is new.
    pub(crate) fn note_followed(self, field: FieldId) -> bool {
        self.entry.followed.borrow_mut().mark(field.0)
    }

    pub(crate) fn is_list(self, field: FieldId) -> bool {
        self.field(field).is_list()
    }

    /// The number of the model that a link leads to
    pub(crate) fn target_model(self, field: FieldId) -> Option<ModelId> {
        self.field(field).link.as_ref().map(|link| link.target.number())
    }

    pub(crate) fn prefetch_of(self, field: FieldId) -> Prefetch {
        self.field(field).prefetch
    }

    /// The fields that come with every search
    pub(crate) fn always(self) -> impl Iterator<Item = FieldId> + Clone {
        always_of(self.fields())
    }

    pub(crate) fn has(self, field: FieldId, slot: Slot) -> bool {
        self.column(field).has(slot)
    }

    /// Notes the use of a field's value in a tick; returns whether there is one.
    pub(crate) fn touch(self, field: FieldId, slot: Slot, tick: u32) -> bool {
        self.table().touch(self.column_of(field), slot, tick)
    }

    /// Counts a read of a field that was answered by the cache, as a use in this tick.
    pub(crate) fn count_hit(self, field: FieldId, slot: Slot, tick: u32) {
        self.table().count_hit(self.column_of(field), slot, tick);
    }

    /// Where the links of slots lead to: `None` for a link that is not cached
    pub(crate) fn hop(
        self,
        field: FieldId,
        slots: impl Iterator<Item = Slot>,
        out: impl FnMut(Option<&[Slot]>),
    ) {
        store::follow(self.column(field), slots, out);
    }

    /// Calls with what says whether a record lacks a field and could have it.
    pub(crate) fn probe(self, field: FieldId, want: Want, f: Probe<'_>) {
        let has_unreadable = self.has_unreadable();
        let number = if let Want::Aggregate(column) = want { column } else { self.column_of(field) };
        let is_unreadable = |slot: Slot| has_unreadable && self.unreadable(number, slot).is_some();
        // Members can be counted of a record that is not there, too.
        let has_none = |slot| match want {
            Want::Count => self.members_counted(field, slot).is_some(),
            Want::Aggregate(_) => is_unreadable(slot),
            Want::Records | Want::Keys => self.is_absent(slot) || is_unreadable(slot),
        };
        let column = self.table().column(number);
        f(&|slot| !column.has(slot) && !has_none(slot));
    }

    pub(crate) fn members_counted(self, field: FieldId, slot: Slot) -> Option<usize> {
        self.count_of(self.column_of(field), slot)
    }

    /// Counts a read of a field that had to ask the database.
    pub(crate) fn count_miss(self, field: FieldId) {
        self.column(field).count_miss();
    }

    /// How many reads of a field the cache has answered; of a list also of what was aggregated over it
    pub(crate) fn hits(self, field: FieldId) -> usize {
        self.column(field).reads().0 + self.table().aggregate_hits(self.column_of(field))
    }

    /// The to-one links that lead to the same table as records of another model are in
    pub(crate) fn links_to(self, table: TableId) -> Vec<FieldId> {
        let leads_there =
            |&field: &FieldId| !self.is_list(field) && self.target(self.column_of(field)) == Some(table);
        field_ids(self.fields()).filter(leads_there).collect()
    }

    /// The fields that are loaded together with `field` and that at least one of these records lacks
    pub(crate) fn missing_fields(self, batch: &[Slot], field: FieldId) -> Vec<FieldId> {
        let (kind, version) = (self.prefetch_of(field), self.model().version());
        let fields = self.fields();
        field_ids(fields)
            // A version is never younger than what it is the version of.
            .filter(|&other| {
                fields[other.0].prefetch.comes_with(kind, other == field) || version == Some(other)
            })
            .filter(|&other| {
                let column = self.column(other);
                batch.iter().any(|&slot| !column.has(slot))
            })
            .collect()
    }

    /// What a record is called in messages
    pub(crate) fn describe(self, slot: Slot) -> Str {
        Str::from(format!("{}({})", self.name(), self.key_text(slot)))
    }

    /// Why a record has no value of a field: what came could not be read, or it does not exist.
    pub(crate) fn no_value(self, field: FieldId, slot: Slot) -> Error {
        let Some(message) = self.table().unreadable(self.column_of(field), slot) else {
            return self.missing_record(slot);
        };
        let (model, field) = (self.name(), self.field_name(field));
        Error::InvalidValue { model, field, id: self.key_text(slot), message }
    }

    /// Several records link to one, where one was promised at most.
    pub(crate) fn not_unique(self, field: FieldId, slot: Slot, count: usize) -> Error {
        let other = self.field(field).link.as_ref().map_or("", |link| link.target.name());
        Error::NotUnique {
            model: self.name(),
            field: self.field_name(field),
            id: self.key_text(slot),
            other,
            count,
        }
    }

    pub(crate) fn missing_record(self, slot: Slot) -> Error {
        Error::MissingRecord { model: self.name(), id: self.key_text(slot) }
    }

    /// An error if it is known that one of these records is not there
    #[inline]
    pub(crate) fn none_is_gone(self, slots: &[Slot]) -> crate::Result<()> {
        // Of most tables nothing is, and each setter asks.
        if self.has_absent() { self.refuse_gone(slots) } else { Ok(()) }
    }

    #[cold]
    fn refuse_gone(self, slots: &[Slot]) -> crate::Result<()> {
        match slots.iter().find(|&&slot| self.is_absent(slot)) {
            Some(&gone) => Err(self.missing_record(gone)),
            None => Ok(()),
        }
    }

    pub(crate) fn conflict(self, slot: Slot) -> Error {
        Error::Conflict { model: self.name(), id: self.key_text(slot) }
    }

    pub(crate) fn is_same_as(self, other: Store<'_, C>) -> bool {
        std::ptr::eq(self.table(), other.table())
    }

    pub(crate) fn stats(self) -> ModelStats {
        let version = self.model().version();
        let of_field = |(number, field): (FieldId, &FieldInfo<C>)| {
            let column = self.column(number);
            let ((hits, misses), brought) = (column.reads(), column.brought());
            FieldStats {
                name: field.name,
                hits,
                misses,
                values: column.count(),
                bytes: column.bytes(),
                brought: brought.values,
                brought_bytes: brought.bytes,
                is_version: version == Some(number),
            }
        };
        let fields: Vec<FieldStats> = numbered(self.fields()).map(of_field).collect();
        ModelStats {
            name: self.name(),
            hits: fields.iter().map(|field| field.hits).sum(),
            misses: fields.iter().map(|field| field.misses).sum(),
            records: self.records(&self.entry.columns),
            values: fields.iter().map(|field| field.values).sum(),
            bytes: self.key_bytes() + fields.iter().map(|field| field.bytes).sum::<usize>(),
            fields,
        }
    }
}
