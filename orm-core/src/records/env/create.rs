//! New records.

use std::any::Any;
use std::panic::Location;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::Error::QueryBuilderError;

use crate::backend::{Begin, Connection};
use crate::env::environment::Environment;
use crate::env::stores::Store;
use crate::env::watch::{Place, Spot};
use crate::error::{Repeated, ViolationKind};
use crate::fragment::joined;
use crate::model::Entity;
use crate::number::FieldId;
use crate::records::drafts::Drafts;
use crate::records::fields::Fields;
use crate::records::upsert::Upsert;
use crate::records::{Model, Record, RecordSet, ValueSet};
use crate::store::Slot;
use crate::write::create::create;
use crate::write::rows::{Action, AnyValues, Conflict, Rows};
use crate::{Error, Result};

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
    /// [`Error::MissingValue`](crate::Error::MissingValue) if a column needs a value that was not given; those of the database, and of reading another
    /// record's link that is among the values.
    #[track_caller]
    pub fn create<V>(&self, values: V) -> Result<Record<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let slots = self.insert::<V::Model>(Location::caller(), Rows::of(&[&values]))?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records: one INSERT for a thousand, in the order given
    ///
    /// Where rows are given values of different fields, SQLite needs an INSERT for each set of fields.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), in an [`Error::RowRefused`](crate::Error::RowRefused) that says of which row, if it could be told; none is
    /// created then.
    #[track_caller]
    pub fn create_many<V>(&self, rows: impl IntoIterator<Item = V>) -> Result<RecordSet<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let rows: Vec<V> = rows.into_iter().collect();
        let slots = self.insert::<V::Model>(Location::caller(), Rows::of(&erased(&rows)))?;
        Ok(RecordSet::named(self, slots))
    }

    /// New records of any models that are created together, and may link to each other before they have keys: one INSERT for each model
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer } }
    /// # diesel::table! { order_lines { id -> Integer, order_id -> Integer, price -> Integer } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner> }
    /// # #[derive(Model)] struct OrderLine { id: i32, order_id: Id<Order>, price: i32 }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.with_connection(|connection| Ok(diesel::connection::SimpleConnection::batch_execute(connection, "
    /// #     CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    /// #     CREATE TABLE orders (id INTEGER PRIMARY KEY, partner_id INTEGER NOT NULL);
    /// #     CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, price INTEGER NOT NULL)")?))?;
    /// let before = env.stats().queries;
    /// let mut drafts = env.drafts();
    /// for (name, prices) in [("Azure", [3, 5]), ("Lumber", [7, 8])] {
    ///     let partner = drafts.add(Partner::values().name(name));
    ///     let order = drafts.add(Order::values().partner_id(partner));
    ///     for price in prices {
    ///         drafts.add(OrderLine::values().order_id(order).price(price));
    ///     }
    /// }
    /// let created = drafts.create()?;                         // three INSERTs in a transaction
    /// assert_eq!(env.stats().queries - before, 3);
    /// let lines = created.all::<OrderLine>();
    /// assert_eq!(lines.get(2).unwrap().order_id().partner_id().name()?, "Lumber");    // cached
    /// # Ok(())
    /// # }
    /// ```
    pub fn drafts(&self) -> Drafts<'_, C> {
        Drafts::new(self)
    }

    /// Creates a record, or writes the values to the one that has the same values of a unique key: one statement, on MySQL two
    ///
    /// The key is a field or a tuple of fields; [`Upsert`] also names constraints and partial indexes, and assigns something else than
    /// the values. MySQL takes any unique key that a row violates: what is written there is written only if it was the one that is named,
    /// and the record is looked up by its values, so they have to be given. In [`Upsert::set`] it is `sql("VALUES(visits)")` that names
    /// them.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); that of the database if the columns are not those of a unique key, on MySQL
    /// [`Error::NotOne`](crate::Error::NotOne) where several rows have the values. Of another unique key a violation, as of `create`.
    #[track_caller]
    pub fn upsert<'a, V>(
        &self,
        unique: impl Into<Upsert<'a, V::Model>>,
        values: V,
    ) -> Result<Record<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let (values, unique): ([&dyn AnyValues<C>; 1], _) = ([&values], unique.into());
        let rows = Rows { conflict: Some(unique.conflict()), ..Rows::of(&values) };
        let slots = self.insert::<V::Model>(Location::caller(), rows)?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records, or writes the values to those that have the same values of a unique key; see
    /// [`upsert`](Self::upsert)
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), and PostgreSQL's if a row is given twice.
    #[track_caller]
    pub fn upsert_many<'a, V>(
        &self,
        unique: impl Into<Upsert<'a, V::Model>>,
        rows: impl IntoIterator<Item = V>,
    ) -> Result<RecordSet<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let (rows, unique): (Vec<V>, _) = (rows.into_iter().collect(), unique.into());
        let rows = erased(&rows);
        let rows = Rows { conflict: Some(unique.conflict()), ..Rows::of(&rows) };
        let slots = self.insert::<V::Model>(Location::caller(), rows)?;
        Ok(RecordSet::named(self, slots))
    }

    /// Creates those of many records that are not there by a unique key, and returns them; those that are there stay as they are: one
    /// INSERT for a thousand
    ///
    /// In no particular order. What an [`Upsert`] assigns is left out here. On MySQL they are looked up by the key, as for
    /// [`upsert`](Self::upsert).
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert).
    #[track_caller]
    pub fn create_missing<'a, V>(
        &self,
        unique: impl Into<Upsert<'a, V::Model>>,
        rows: impl IntoIterator<Item = V>,
    ) -> Result<RecordSet<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let (rows, unique): (Vec<V>, _) = (rows.into_iter().collect(), unique.into());
        let rows = erased(&rows);
        let conflict = Conflict { action: Action::Nothing, ..unique.conflict() };
        let rows = Rows { conflict: Some(conflict), ..Rows::of(&rows) };
        let slots = self.insert::<V::Model>(Location::caller(), rows)?;
        Ok(RecordSet::named(self, slots))
    }

    /// The record that has the values that are given for a unique key, or else a new one of all the values; and whether it is new
    ///
    /// The key is a field or a tuple of fields. One SELECT if it is there, and an INSERT more if it is not. If another one creates it in
    /// between it is that one, on every database. NULL in a unique key is equal to nothing, as it is for the database.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { tags { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Tag { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"))?;
    /// let (press, is_new) = env.get_or_create(Tag::NAME, Tag::values().name("press"))?;
    /// assert!(is_new);
    /// let (again, is_new) = env.get_or_create(Tag::NAME, Tag::values().name("press"))?;
    /// assert!(again == press && !is_new);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MissingValue`](crate::Error::MissingValue) if a field of the key is not among the values, [`Error::NotOne`](crate::Error::NotOne) if
    /// several records have them; else as [`create`](Self::create).
    #[track_caller]
    pub fn get_or_create<V>(
        &self,
        unique: impl Fields<V::Model>,
        values: V,
    ) -> Result<(Record<'_, V::Model>, bool)>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let at = Location::caller();
        AnyValues::check(&values)?;
        let given = Given::new(self.store::<V::Model>(), unique, &values)?;
        if let Some(slot) = self.given::<V::Model>(at, &given, "")? {
            return Ok((Record::single(self, slot), false));
        }
        let (all, begin): ([&dyn AnyValues<C>; 1], _) = ([&values], Begin::default());
        // Where a transaction is open it goes on after an INSERT that was refused.
        match self.run_transaction(&begin, || self.insert::<V::Model>(at, Rows::of(&all))) {
            Ok(slots) => Ok((Record::created(self, slots[0]), true)),
            Err(error)
                if error.violation().is_some_and(|violation| violation.kind == ViolationKind::Unique) =>
            {
                // What a transaction has seen at first does not show it to all, a lock does.
                // Not `FOR UPDATE`: who was refused by InnoDB shares a lock with all others who were.
                let lock = match (self.system().has_row_locks, self.system().has_returning) {
                    (false, _) => "",
                    (true, true) => " FOR SHARE",
                    (true, false) => " LOCK IN SHARE MODE",
                };
                let found = self.given::<V::Model>(at, &given, lock)?;
                found.map(|slot| (Record::single(self, slot), false)).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The only record that has the values of a key
    fn given<M: Model<Connection = C>>(
        &self,
        at: Place,
        given: &Given<'_, C>,
        lock: &str,
    ) -> Result<Option<Slot>> {
        match self.matching::<M>(at, given, &format!(" LIMIT 2{lock}"))?[..] {
            [] => Ok(None),
            [slot] => Ok(Some(slot)),
            [..] => Err(Error::NotOne { model: M::NAME, count: 2 }),
        }
    }

    pub(in crate::records) fn insert<M: Model<Connection = C>>(
        &self,
        at: Place,
        rows: Rows<'_, C>,
    ) -> Result<Vec<Slot>> {
        let work = if rows.conflict.is_some() { Repeated::Upsert } else { Repeated::Create };
        self.watch_created(Spot::new(at, work, M::NAME, ""), rows.values.len())?;
        create(self, self.store::<M>(), rows)
    }
}

/// Values, their type forgotten
fn erased<V: ValueSet>(rows: &[V]) -> Vec<&dyn AnyValues<<V::Model as Entity>::Connection>> {
    rows.iter().map(|values| values as &dyn AnyValues<_>).collect()
}

/// The condition that a row has the values that are given for some fields
struct Given<'a, C: Connection> {
    store: Store<'a, C>,
    /// By the places of the fields; that behind all fields is the primary key
    values: Vec<(FieldId, &'a dyn Any)>,
}

impl<'a, C: Connection> Given<'a, C> {
    fn new<V>(store: Store<'a, C>, fields: impl Fields<V::Model>, values: &'a V) -> Result<Self>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let mut places = Vec::new();
        fields.each(&mut |place| places.push(place.min(store.key_field())));
        let value = |place: FieldId| {
            let field = store.fields().get(place.0).map_or(store.model().key_field(), |field| field.name);
            let missing = || Error::missing_value(store.name(), field);
            Ok((place, AnyValues::given(values, place).ok_or_else(missing)?))
        };
        Ok(Self { store, values: places.into_iter().map(value).collect::<Result<_>>()? })
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Given<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let model = self.store.model();
        let columns = self.values.iter().flat_map(|&(place, value)| {
            let names = model.fields().get(place.0).map_or(model.key_columns(), |field| field.columns);
            names.iter().enumerate().map(move |(part, name)| (place, value, part, name))
        });
        joined(" AND ", &mut out, columns, |out, (place, value, part, name)| {
            out.push_sql(self.store.sql());
            out.push_sql(".");
            out.push_identifier(name)?;
            out.push_sql(" = ");
            match model.fields().get(place.0).map(|field| field.encode) {
                Some(Some(encode)) => encode.push(value, part, out.reborrow()),
                Some(None) => Err(QueryBuilderError("a field that can only be read".into())),
                None => model.push_key(value, part, out.reborrow()),
            }
        })
    }
}
