//! New records: many rows in one INSERT, what was given in the cache.

use std::any::Any;
use std::panic::Location;

use diesel::connection::LoadConnection;
use diesel::row::{Field as _, Row};
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::flush::{WINDOW, fitting_bytes};
use super::pen::{Given, State};
use super::statement::{FirstInserted, Insert};
use super::values::{self, ValueSet, given_key};
use super::version;
use crate::backend::{Connection, Dialect, OnConflict};
use crate::cache::{List, Store};
use crate::error::Doing;
use crate::field::{Field, Kind};
use crate::key::Key;
use crate::model::{Columns, DbOf, Model};
use crate::watch::{Repeated, Spot};
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
        let slots = create(self, &Rows::of(&[values]))?;
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
        let slots = create(self, &Rows::of(&rows))?;
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
        let slots = create(self, &Rows { conflict: Some(unique.column_name()), ..Rows::of(&[values]) })?;
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
        let slots = create(self, &Rows { conflict: Some(unique.column_name()), ..Rows::of(&rows) })?;
        Ok(RecordSet::named(self, slots))
    }
}

/// Rows to be inserted
pub(super) struct Rows<'a, V> {
    pub(super) values: &'a [V],
    /// A value that all of them have besides their own
    pub(super) link: Option<(usize, Box<dyn Any>)>,
    /// The column by which a row may be there already
    pub(super) conflict: Option<&'static str>,
}

impl<'a, V: ValueSet> Rows<'a, V> {
    fn of(values: &'a [V]) -> Self {
        Self { values, link: None, conflict: None }
    }

    /// The value of a field of one of the rows
    pub(super) fn given<'b>(&'b self, values: &'b V, field: usize) -> Option<&'b dyn Any> {
        match &self.link {
            Some((link, value)) if *link == field => Some(&**value),
            _ => values.given(field),
        }
    }

    fn given_fields(&self, values: &V) -> impl Iterator<Item = usize> {
        (0..V::Model::FIELDS.len()).filter(|&field| self.given(values, field).is_some())
    }

    /// What the values of a row have on the heap
    fn weight(&self, shape: &Shape, values: &V) -> usize {
        let weight =
            |&field: &usize| Some(V::Model::FIELDS[field].pen?.weight_of(self.given(values, field)?));
        shape.fields.iter().filter_map(weight).sum()
    }

    fn shape(&self, values: &V) -> Shape {
        Shape { with_keys: given_key(values).is_some(), fields: self.given_fields(values).collect() }
    }

    fn has_shape(&self, values: &V, shape: &Shape) -> bool {
        shape.with_keys == given_key(values).is_some()
            && self.given_fields(values).eq(shape.fields.iter().copied())
    }

    /// The rows by the INSERT that they go into
    fn by_shape(&self) -> IndexMap<Shape, Vec<usize>, FixedState> {
        let mut shapes: IndexMap<Shape, Vec<usize>, FixedState> = IndexMap::default();
        for (place, values) in self.values.iter().enumerate() {
            // Most rows are like the one before.
            match shapes.last_mut().filter(|(shape, _)| self.has_shape(values, shape)) {
                Some((_, places)) => places.push(place),
                None => shapes.entry(self.shape(values)).or_default().push(place),
            }
        }
        if !DbOf::<V::Model>::HAS_DEFAULT {
            return shapes;
        }
        // `DEFAULT` stands where a row has no value of a field that others have.
        let mut merged: IndexMap<Shape, Vec<usize>, FixedState> = IndexMap::default();
        for with_keys in [false, true] {
            let alike = || shapes.iter().filter(|(shape, _)| shape.with_keys == with_keys);
            let is_given = |field: &usize| alike().any(|(shape, _)| shape.fields.contains(field));
            let fields = (0..V::Model::FIELDS.len()).filter(is_given).collect();
            let mut places: Vec<usize> = alike().flat_map(|(_, places)| places.iter().copied()).collect();
            places.sort_unstable();
            if !places.is_empty() {
                merged.insert(Shape { with_keys, fields }, places);
            }
        }
        merged
    }
}

/// Which columns the rows of one INSERT have
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) with_keys: bool,
    pub(super) fields: Vec<usize>,
}

impl Shape {
    /// How many rows one INSERT takes
    fn window<M: Model>(&self) -> usize {
        let has_columns = self.with_keys || !self.fields.is_empty() || M::VERSION.is_some();
        if has_columns || DbOf::<M>::HAS_DEFAULT {
            WINDOW.min(DbOf::<M>::MAX_BINDS / (self.fields.len() + 1))
        } else {
            // `DEFAULT VALUES`
            1
        }
    }
}

/// Inserts rows, all or none of them; gives their slots, in order.
fn create<C, V>(env: &Environment<C>, all: &Rows<'_, V>) -> Result<Vec<u32>>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    all.values.iter().try_for_each(values::check)?;
    let shapes = all.by_shape();
    let takes = |(shape, places): (&Shape, &Vec<usize>)| places.len().div_ceil(shape.window::<V::Model>());
    if shapes.iter().map(takes).sum::<usize>() > 1 {
        // Also where an open transaction goes on after the second INSERT was refused.
        env.transaction(|| insert_shapes(env, all, &shapes))
    } else {
        env.writing(|| insert_shapes(env, all, &shapes))
    }
}

/// Inserts rows; gives their slots, in order.
pub(super) fn insert<C, V>(env: &Environment<C>, all: &Rows<'_, V>) -> Result<Vec<u32>>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    insert_shapes(env, all, &all.by_shape())
}

fn insert_shapes<C, V>(
    env: &Environment<C>,
    all: &Rows<'_, V>,
    shapes: &IndexMap<Shape, Vec<usize>, FixedState>,
) -> Result<Vec<u32>>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    let store = env.store::<V::Model>();
    // A value that is unique may have been freed, or the row of an upsert be written, by what still waits.
    if store.has_dirty_records() {
        env.flush()?;
    }
    let mut slots = vec![u32::MAX; all.values.len()];
    for (shape, places) in shapes {
        let window = shape.window::<V::Model>();
        let mut rest = &places[..];
        while !rest.is_empty() {
            let rows = rest.iter().take(window).map(|&place| &all.values[place]);
            let (places, others) = rest.split_at(fitting_bytes(rows.map(|row| all.weight(shape, row))));
            rest = others;
            let rows: Vec<&V> = places.iter().map(|&place| &all.values[place]).collect();
            let insert = Insert::new(all, shape, &rows, rows.len() == window);
            let keys = insert_window(env, &insert)?;
            let known = store.slots();
            let new: Vec<u32> = keys.into_iter().map(|key| store.intern(key)).collect();
            if !insert.shape.with_keys && insert.all.conflict.is_none() {
                no_members(env, store, new.iter().copied().filter(|&slot| slot as usize >= known));
            }
            places.iter().zip(&new).for_each(|(&place, &slot)| slots[place] = slot);
            remember(env, store, &insert, &new)?;
        }
    }
    Ok(slots)
}

/// One INSERT; gives the keys of its rows, in order.
fn insert_window<C, V>(env: &Environment<C>, insert: &Insert<'_, V>) -> Result<Vec<<V::Model as Model>::Key>>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    let told = || format!("creating {} {}", insert.rows.len(), V::Model::NAME);
    let doing = Doing { model: V::Model::NAME, text: &told };
    if insert.returning {
        let keys = env.run_returning::<V::Model>(doing, insert).map_err(missing_value::<V::Model>)?;
        return if keys.len() == insert.rows.len() {
            Ok(keys)
        } else {
            Err(Error::other(format!("{doing} gave {} rows", keys.len())))
        };
    }
    env.run(doing, insert).map_err(missing_value::<V::Model>)?;
    match insert.rows.iter().map(|values| given_key(*values).cloned()).collect() {
        Some(keys) => Ok(keys),
        None => numbered::<C, V::Model>(env, insert.rows.len()),
    }
}

/// The keys that the database gave to the rows of the last INSERT, by number
fn numbered<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    rows: usize,
) -> Result<Vec<M::Key>> {
    let (first, step) = env.first_inserted(M::NAME)?;
    let keys = (0..rows).map(|row| M::Key::of_number(i64::try_from(first + row * step).ok()?));
    let keys: Option<Vec<_>> = keys.collect();
    keys.filter(|_| first > 0).ok_or(Error::MissingValue { model: M::NAME, field: M::KEY_FIELD })
}

/// Puts what was given for new records into the cache.
fn remember<C, V>(
    env: &Environment<C>,
    store: &Store<V::Model>,
    insert: &Insert<'_, V>,
    slots: &[u32],
) -> Result<()>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    slots.iter().for_each(|&slot| store.set_absent(slot, None));
    let state = if insert.all.conflict.is_some() { State::Stored } else { State::New };
    for &field in &insert.shape.fields {
        let pen = super::pen_of::<V::Model>(field)?;
        let given = |row: usize| insert.all.given(insert.rows[row], field);
        super::with_column(env, store, field, slots, state, |column, put| {
            pen.put(env, column, Given::Each(&given), put);
        })?;
    }
    let left = (0..V::Model::FIELDS.len()).filter(|field| !insert.shape.fields.contains(field));
    for (field, pen) in left.filter_map(|field| Some((field, V::Model::FIELDS[field].pen?))) {
        pen.left_to_default(env, V::Model::number().get(), field);
    }
    if insert.all.conflict.is_some() {
        // A row that was there has another version now, and members of its own.
        if let Some(field) = <V::Model as Model>::VERSION {
            version::forget(store, field, slots);
            slots.iter().for_each(|&slot| store.forget_record(slot));
        }
        return Ok(());
    }
    version::first(env, store, slots);
    Ok(())
}

/// Nothing can link to a record whose key nobody knew before, but those that were created with it, which join its lists
/// when their links are cached. Of a key that was given, or that a link had already, that cannot be said.
fn no_members<M: Model>(
    env: &Environment<M::Connection>,
    store: &Store<M>,
    slots: impl Iterator<Item = u32> + Clone,
) {
    let (none, now) = (List([].into()), env.moment());
    let mut columns = store.columns.borrow_mut();
    for (field, _) in M::FIELDS.iter().enumerate().filter(|(_, info)| info.relation.is_some()) {
        if let Some(column) = columns.column_mut(field) {
            slots.clone().for_each(|slot| column.fill_list(slot, now, none.clone()));
        }
    }
}

/// What a database calls a violation of NOT NULL
fn missing_value<M: Model>(error: Error) -> Error {
    let missing =
        error.violation().filter(|violation| violation.kind == crate::error::ViolationKind::NotNull);
    let column = missing.and_then(|violation| violation.column);
    let field = column.and_then(|column| M::FIELDS.iter().find(|field| field.column == column));
    match field {
        Some(field) => Error::MissingValue { model: M::NAME, field: field.name },
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
