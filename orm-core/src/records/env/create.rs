//! New records.

use std::panic::Location;

use crate::Result;
use crate::backend::{Connection, OnConflict};
use crate::env::environment::Environment;
use crate::env::watch::{Place, Spot};
use crate::error::Repeated;
use crate::model::Entity;
use crate::records::field::{Field, Kind};
use crate::records::{Model, Record, RecordSet, ValueSet};
use crate::write::create::create;
use crate::write::rows::{AnyValues, Rows};

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
        let slots = self.insert::<V::Model>(Location::caller(), &Rows::of(&[&values]))?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records: one INSERT for a thousand, in the order given
    ///
    /// Where rows are given values of different fields, SQLite needs an INSERT for each set of fields.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); none is created then.
    #[track_caller]
    pub fn create_many<V>(&self, rows: impl IntoIterator<Item = V>) -> Result<RecordSet<'_, V::Model>>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let rows: Vec<V> = rows.into_iter().collect();
        let slots = self.insert::<V::Model>(Location::caller(), &Rows::of(&erased(&rows)))?;
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
        let values: [&dyn AnyValues<C>; 1] = [&values];
        let rows = Rows { conflict: Some(unique.column_names()), ..Rows::of(&values) };
        let slots = self.insert::<V::Model>(Location::caller(), &rows)?;
        Ok(Record::created(self, slots[0]))
    }

    /// Creates many records, or writes the values to those that have the same value of a unique field; see
    /// [`upsert`](Self::upsert)
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), and PostgreSQL's if a row is given twice.
    #[track_caller]
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
        let slots = self.insert::<V::Model>(Location::caller(), &rows)?;
        Ok(RecordSet::named(self, slots))
    }

    fn insert<M: Model<Connection = C>>(&self, at: Place, rows: &Rows<'_, C>) -> Result<Vec<u32>> {
        let work = if rows.conflict.is_some() { Repeated::Upsert } else { Repeated::Create };
        self.watch_created(Spot::new(at, work, M::NAME, ""), rows.values.len())?;
        create(self, self.store::<M>(), rows)
    }
}

/// Values, their type forgotten
fn erased<V: ValueSet>(rows: &[V]) -> Vec<&dyn AnyValues<<V::Model as Entity>::Connection>> {
    rows.iter().map(|values| values as &dyn AnyValues<_>).collect()
}
