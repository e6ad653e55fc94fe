//! New records: many rows in one INSERT, what was given in the cache.

use std::cell::RefCell;
use std::panic::Location;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::AstPass;
use diesel::row::{Field as _, Row};
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::flush::{WINDOW, fitting_bytes};
use super::links;
use super::statement::{FirstInserted, Insert};
use super::values::{AnyValues, ValueSet};
use super::version;
use crate::backend::{Connection, Dialect as _, OnConflict};
use crate::codec::Binds;
use crate::codec::encode::{Given, Put, State, put_links};
use crate::env::stores::Store;
use crate::env::watch::Spot;
use crate::error::Doing;
use crate::error::Repeated;
use crate::model::{Entity, LinkKind};
use crate::records::Model;
use crate::records::field::{Field, Kind};
use crate::store::{self, Column, List, SlotSet};
use crate::{Environment, Error, Record, RecordSet, Result};

impl<C: Connection> Environment<C> {
    /// Creates a record: one INSERT
    ///
    /// What is given is cached; what is left to the database's defaults is read when it is asked for.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text, lang -> Nullable<Text> } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String, lang: Option<String> }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lang TEXT DEFAULT 'en')"))?;
    /// let azure = env.create(Partner::values().name("Azure"))?;
    /// assert_eq!(azure.name()?, "Azure");
    /// assert_eq!(azure.lang()?.as_deref(), Some("en")); // one SELECT
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MissingValue`] if a column needs a value that was not given; those of the database, and of reading another
    /// record's link that is among the values.
    #[track_caller]
    pub fn create<V>(&self, values: V) -> Result<Record<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        self.watch(Spot::new(Location::caller(), Repeated::Create, V::Model::NAME, ""), None)?;
        let slots = create(self, self.store::<V::Model>(), &Rows::of(&[&values]))?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records: one INSERT for a thousand, in the order given
    ///
    /// Where rows are given values of different fields, SQLite needs an INSERT for each set of fields.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); none is created then.
    pub fn create_many<V>(&self, rows: impl IntoIterator<Item = V>) -> Result<RecordSet<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let rows: Vec<V> = rows.into_iter().collect();
        let slots = create(self, self.store::<V::Model>(), &Rows::of(&erased(&rows)))?;
        Ok(RecordSet::named(self, slots))
    }

    /// Creates a record, or writes the values to the one that has the same value of a unique field: one statement
    ///
    /// On SQLite and PostgreSQL. MySQL cannot be told which unique column is meant.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); that of the database if the field's column is not unique.
    #[track_caller]
    pub fn upsert<V, T: 'static, D: Kind>(
        &self,
        unique: Field<V::Model, T, D>,
        values: V,
    ) -> Result<Record<'_, V::Model>>
    where
        C: Connection<Backend: OnConflict>,
        V: ValueSet<Model: Model<Connection = C>>,
    {
        self.watch(Spot::new(Location::caller(), Repeated::Upsert, V::Model::NAME, ""), None)?;
        let values: [&dyn AnyValues<C>; 1] = [&values];
        let rows = Rows { conflict: Some(unique.column_names()), ..Rows::of(&values) };
        let slots = create(self, self.store::<V::Model>(), &rows)?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records, or writes the values to those that have the same value of a unique field; see
    /// [`upsert`](Self::upsert)
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), and PostgreSQL's if a row is given twice.
    pub fn upsert_many<V, T: 'static, D: Kind>(
        &self,
        unique: Field<V::Model, T, D>,
        rows: impl IntoIterator<Item = V>,
    ) -> Result<RecordSet<'_, V::Model>>
    where
        C: Connection<Backend: OnConflict>,
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let rows: Vec<V> = rows.into_iter().collect();
        let rows = erased(&rows);
        let rows = Rows { conflict: Some(unique.column_names()), ..Rows::of(&rows) };
        let slots = create(self, self.store::<V::Model>(), &rows)?;
        Ok(RecordSet::named(self, slots))
    }
}

/// Values, their type forgotten
fn erased<V: ValueSet>(rows: &[V]) -> Vec<&dyn AnyValues<<V::Model as Entity>::Connection>> {
    rows.iter().map(|values| values as &dyn AnyValues<_>).collect()
}

/// Rows to be inserted
pub(super) struct Rows<'a, C: Connection> {
    pub(super) values: &'a [&'a dyn AnyValues<C>],
    /// The owner of a list that all of them become members of
    pub(super) link: Option<Link<C>>,
    /// The columns by which a row may be there already
    pub(super) conflict: Option<&'static [&'static str]>,
}

/// A link of new rows to the owner of a list
pub(super) struct Link<C: Connection> {
    field: usize,
    owner: u32,
    binds: Box<dyn Binds<C::Backend>>,
}

impl<C: Connection> Link<C> {
    /// The members' own link that makes a new record a member of a record's list; `None` for a join table
    pub(super) fn to(store: Store<'_, C>, field: usize, owners: &[u32]) -> Result<Option<Self>> {
        let Some(LinkKind::Inverse { field, .. }) = store.field(field).link.as_ref().map(|link| &link.kind)
        else {
            return Ok(None);
        };
        let &[owner] = owners else {
            return Err(Error::NotOne { model: store.name(), count: owners.len() });
        };
        Ok(Some(Self {
            field: field(),
            owner,
            binds: store.model().key_binds(store.table(), vec![Some(owner)]),
        }))
    }

    pub(super) fn push<'b>(&'b self, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        self.binds.push(0, part, out)
    }

    /// An error if the values name another owner
    fn check(&self, env: &Environment<C>, store: Store<'_, C>, values: &dyn AnyValues<C>) -> Result<()> {
        let info = store.field(self.field);
        let (Some(value), Some(encode)) = (values.given(self.field), info.encode) else { return Ok(()) };
        let given = RefCell::new(Column::<store::Link>::default());
        let mut ignore = |_| {};
        let put =
            Put { slots: &[0], state: State::Stored, now: env.moment(), changed: &mut ignore, moved: None };
        encode.put(&given, env.stores.target(info), Given::Same(value), put);
        if given.borrow().get(0).is_some_and(|link| link.0 == self.owner) {
            return Ok(());
        }
        Err(Error::other(format!(
            "the values for a new {} of this list name another `{}`; leave it out",
            store.name(),
            info.name
        )))
    }
}

impl<'a, C: Connection> Rows<'a, C> {
    fn of(values: &'a [&'a dyn AnyValues<C>]) -> Self {
        Self { values, link: None, conflict: None }
    }

    /// The link of a field that all rows have
    pub(super) fn link_of(&self, field: usize) -> Option<&Link<C>> {
        self.link.as_ref().filter(|link| link.field == field)
    }

    fn given_fields(
        &self,
        store: Store<'_, C>,
        values: &'a dyn AnyValues<C>,
    ) -> impl Iterator<Item = usize> + use<'_, 'a, C> {
        let fields = 0..store.fields().len();
        fields.filter(move |&field| self.link_of(field).is_some() || values.given(field).is_some())
    }

    /// What the values of a row have on the heap
    fn weight(store: Store<'_, C>, shape: &Shape, values: &dyn AnyValues<C>) -> usize {
        let weight = |&field: &usize| Some(store.field(field).encode?.weight_of(values.given(field)?));
        shape.fields.iter().filter_map(weight).sum()
    }

    fn shape(&self, store: Store<'_, C>, values: &'a dyn AnyValues<C>) -> Shape {
        Shape {
            has_keys: values.has_key(),
            with_key_column: values.given(store.fields().len()).is_some(),
            fields: self.given_fields(store, values).collect(),
        }
    }

    fn has_shape(&self, store: Store<'_, C>, values: &'a dyn AnyValues<C>, shape: &Shape) -> bool {
        shape.has_keys == values.has_key()
            && self.given_fields(store, values).eq(shape.fields.iter().copied())
    }

    /// The rows by the INSERT that they go into
    fn by_shape(&self, store: Store<'_, C>) -> Shapes {
        let mut shapes = Shapes::default();
        for (place, &values) in self.values.iter().enumerate() {
            // Most rows are like the one before.
            match shapes.last_mut().filter(|(shape, _)| self.has_shape(store, values, shape)) {
                Some((_, places)) => places.push(place),
                None => shapes.entry(self.shape(store, values)).or_default().push(place),
            }
        }
        if !C::Backend::HAS_DEFAULT {
            return shapes;
        }
        // `DEFAULT` stands where a row has no value of a field that others have.
        let mut merged = Shapes::default();
        for has_keys in [false, true] {
            let alike = || shapes.iter().filter(|(shape, _)| shape.has_keys == has_keys);
            let is_given = |field: &usize| alike().any(|(shape, _)| shape.fields.contains(field));
            let fields = (0..store.fields().len()).filter(is_given).collect();
            let with_key_column = alike().any(|(shape, _)| shape.with_key_column);
            let mut places: Vec<usize> = alike().flat_map(|(_, places)| places.iter().copied()).collect();
            places.sort_unstable();
            if !places.is_empty() {
                merged.insert(Shape { has_keys, with_key_column, fields }, places);
            }
        }
        merged
    }
}

/// Which columns the rows of one INSERT have
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// Whether all know their keys
    pub(super) has_keys: bool,
    /// Whether the key is no field like others: a key of one column is not
    pub(super) with_key_column: bool,
    pub(super) fields: Vec<usize>,
}

/// The places of the rows that go into one INSERT
type Shapes = IndexMap<Shape, Vec<usize>, FixedState>;

impl Shape {
    /// How many rows one INSERT takes
    fn window<C: Connection>(&self, store: Store<'_, C>) -> usize {
        let columns: usize = self.fields.iter().map(|&field| store.field(field).columns.len()).sum();
        let has_columns = self.with_key_column || columns > 0 || store.model().version().is_some();
        if has_columns || C::Backend::HAS_DEFAULT {
            WINDOW.min(C::Backend::MAX_BINDS / (columns + 1))
        } else {
            // `DEFAULT VALUES`
            1
        }
    }
}

/// Inserts rows, all or none of them; gives their slots, in order.
fn create<C: Connection>(env: &Environment<C>, store: Store<'_, C>, all: &Rows<'_, C>) -> Result<Vec<u32>> {
    all.values.iter().try_for_each(|values| values.check())?;
    let shapes = all.by_shape(store);
    let takes = |(shape, places): (&Shape, &Vec<usize>)| places.len().div_ceil(shape.window(store));
    if shapes.iter().map(takes).sum::<usize>() > 1 {
        // Also where an open transaction goes on after the second INSERT was refused.
        env.transaction(|| insert_shapes(env, store, all, &shapes))
    } else {
        env.writing(|| insert_shapes(env, store, all, &shapes))
    }
}

/// Inserts rows; gives their slots, in order.
pub(super) fn insert<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
) -> Result<Vec<u32>> {
    insert_shapes(env, store, all, &all.by_shape(store))
}

fn insert_shapes<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
    shapes: &Shapes,
) -> Result<Vec<u32>> {
    if let Some(link) = &all.link {
        all.values.iter().try_for_each(|values| link.check(env, store, *values))?;
    }
    // A value that is unique may have been freed, or the row of an upsert be written, by what still waits.
    if store.has_dirty() {
        env.flush()?;
    }
    env.flush_shown(store.table_number())?;
    let mut slots = vec![u32::MAX; all.values.len()];
    for (shape, places) in shapes {
        let window = shape.window(store);
        let mut rest = &places[..];
        while !rest.is_empty() {
            let rows = rest.iter().take(window).map(|&place| all.values[place]);
            let (places, others) =
                rest.split_at(fitting_bytes(rows.map(|row| Rows::weight(store, shape, row))));
            rest = others;
            let rows: Vec<_> = places.iter().map(|&place| all.values[place]).collect();
            let insert = Insert::new(store, all, shape, &rows, rows.len() == window);
            one_value_a_column(&insert)?;
            let known = store.slots();
            let new = insert_window(env, &insert)?;
            if all.conflict.is_none() {
                // That it could be inserted proves that what was known of a row with this key is over.
                let again: Vec<u32> = new.iter().copied().filter(|&slot| (slot as usize) < known).collect();
                forget_predecessors(env, store, &again);
                if !shape.has_keys {
                    no_members(env, store, new.iter().copied().filter(|&slot| slot as usize >= known));
                }
            }
            places.iter().zip(&new).for_each(|(&place, &slot)| slots[place] = slot);
            remember(env, store, &insert, &new)?;
        }
    }
    env.forget_shown(store.table_number());
    Ok(slots)
}

/// Two fields of a model may be one column: only one of them can be given.
fn one_value_a_column<C: Connection>(insert: &Insert<'_, C>) -> Result<()> {
    let mut seen = Vec::new();
    for column in insert.columns() {
        if seen.contains(&column) {
            return Err(Error::other(format!(
                "two of the values for a new {} are for the column `{column}`; give one of them",
                insert.store.name()
            )));
        }
        seen.push(column);
    }
    Ok(())
}

/// Makes missing what is cached of rows that were there before with keys that new rows have now.
fn forget_predecessors<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[u32]) {
    // Those that are known not to be there were forgotten when that was found out.
    let gone: Vec<u32> = slots.iter().copied().filter(|&slot| !store.is_absent(slot)).collect();
    if gone.is_empty() {
        return;
    }
    env.note_drop();
    if let Some(version) = store.version() {
        version::forget(store.table(), version, &gone);
    }
    store.forget_records(&gone);
    let (gone, now) = (SlotSet::of(gone), env.moment());
    env.tables().for_each(|table| table.remove_from_lists(store.table_number(), &gone, now));
}

/// One INSERT; gives the slots of its rows, in order.
fn insert_window<C: Connection>(env: &Environment<C>, insert: &Insert<'_, C>) -> Result<Vec<u32>> {
    let store = insert.store;
    let told = || format!("creating {} {}", insert.rows.len(), store.name());
    let doing = Doing { model: store.name(), text: &told };
    if insert.returning {
        let slots = env.run_returning(store, doing, insert).map_err(|error| missing_value(store, error))?;
        return if slots.len() == insert.rows.len() {
            Ok(slots)
        } else {
            Err(Error::other(format!("{doing} gave {} rows", slots.len())))
        };
    }
    env.run(doing, insert).map_err(|error| missing_value(store, error))?;
    match insert.rows.iter().map(|values| values.slot(store)).collect() {
        Some(slots) => Ok(slots),
        None => numbered(env, store, insert.rows.len()),
    }
}

/// The slots of the keys that the database gave to the rows of the last INSERT, by number
fn numbered<C: Connection>(env: &Environment<C>, store: Store<'_, C>, rows: usize) -> Result<Vec<u32>> {
    let (first, step) = env.first_inserted(store.name())?;
    let missing = || Error::MissingValue { model: store.name(), field: store.model().key_field() };
    if first == 0 {
        return Err(missing());
    }
    let slot = |row: usize| store.intern_number(i64::try_from(first + row * step).ok()?);
    (0..rows).map(slot).collect::<Option<_>>().ok_or_else(missing)
}

/// Puts what was given for new records into the cache.
fn remember<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    insert: &Insert<'_, C>,
    slots: &[u32],
) -> Result<()> {
    store.set_present(slots.iter().copied());
    let is_upsert = insert.all.conflict.is_some();
    let state = if is_upsert { State::Stored } else { State::New };
    for &field in &insert.shape.fields {
        let encode = super::encode_of(store, field)?;
        let target = env.stores.target(store.field(field));
        let given = |row: usize| insert.rows[row].given(field);
        super::with_column(env, store, field, slots, state, |cells, put| match insert.all.link_of(field) {
            Some(link) => put_links(cells, |_| Some(store::Link(link.owner)), put),
            None => encode.put(cells, target, Given::Each(&given), put),
        })?;
    }
    let left = (0..store.fields().len()).filter(|field| !insert.shape.fields.contains(field));
    left.for_each(|field| links::left_to_default(env, store, field));
    if is_upsert {
        // A row that was there has another version now, and members of its own.
        if let Some(version) = store.version() {
            version::forget(store.table(), version, slots);
            slots.iter().for_each(|&slot| store.forget_record(slot));
        }
        return Ok(());
    }
    version::first(env, store, slots);
    Ok(())
}

/// Nothing can link to a record whose key nobody knew before, but those that were created with it, which join its lists
/// when their links are cached. Of a key that was given, or that a link had already, that cannot be said.
fn no_members<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: impl Iterator<Item = u32> + Clone,
) {
    let (none, now) = (List([].into()), env.moment());
    for column in store.columns() {
        store.fill_lists(column, now, slots.clone().map(|slot| (slot, none.clone())));
    }
}

/// What a database calls a violation of NOT NULL
fn missing_value<C: Connection>(store: Store<'_, C>, error: Error) -> Error {
    let missing =
        error.violation().filter(|violation| violation.kind == crate::error::ViolationKind::NotNull);
    let column = missing.and_then(|violation| violation.column);
    let field =
        column.and_then(|column| store.fields().iter().find(|field| field.columns.contains(&&*column)));
    match field {
        Some(field) => Error::MissingValue { model: store.name(), field: field.name },
        None => error,
    }
}

impl<C: Connection> Environment<C> {
    /// The number of the first row of the last INSERT, and by how much each further one is larger
    fn first_inserted(&self, model: &'static str) -> Result<(usize, usize)> {
        let doing = Doing { model, text: &|| format!("asking for the keys of new {model}") };
        let fault = |error| doing.fault(error);
        self.note_statement(&FirstInserted);
        self.giving_up_broken(|| {
            let mut connection = self.connection()?;
            let mut rows = LoadConnection::load(&mut **connection, FirstInserted).map_err(fault)?;
            let Some(row) = rows.next() else { return Ok((0, 1)) };
            let row = row.map_err(fault)?;
            let number = |index: usize| {
                let value = row.get(index);
                C::Backend::read_count(value.as_ref().and_then(|value| value.value()))
                    .map_err(|error| fault(diesel::result::Error::DeserializationError(error)))
            };
            Ok((number(0)?, number(1)?))
        })
    }
}
