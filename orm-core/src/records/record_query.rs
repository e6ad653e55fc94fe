//! An application's own diesel queries, made to give records.

use std::panic::Location;

use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{Query, QueryFragment};
use diesel::query_dsl::methods::{LimitDsl, SelectDsl};
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;

use crate::env::stores::Want;
use crate::env::watch::Place;
use crate::load::prefetch;
use crate::load::query::{ModelColumns, find};
use crate::load::select::Laid;
use crate::model::{DbOf, always};
use crate::records::fields::{Chosen, Fields};
use crate::records::{Model, combination};
use crate::{Environment, Record, RecordSet, Result};

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
///     Ok(&both | &raw.bind::<Text, _>("Azure").records(env)?)
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
    /// Those of the database; [`Error::InvalidValue`](crate::Error::InvalidValue) where a key is none of the model's (what another column
    /// holds that its field cannot take is the error of who reads it); of a `UNION` and of SQL also [`Error::MissingColumn`](crate::Error::MissingColumn) where the key is not there, and
    /// [`Error::AmbiguousColumn`](crate::Error::AmbiguousColumn) where SQL names a column twice.
    #[track_caller]
    fn records<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        Ok(RecordSet::found(env, self.find(env, Wanted::usual(), Location::caller())?))
    }

    /// The records that the query finds, as their rows are now: one SELECT, as of [`records`](Self::records)
    ///
    /// What is cached of these records gives way to what comes: columns that come with a search are replaced, deferred ones
    /// and lists are read again when they are wanted. What waits to be written stays. A query that locks its rows
    /// (`for_update` and its kin) does so by itself, whatever it is run by.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, active -> Bool } }
    /// # #[derive(Model)] struct Partner { id: i32, active: bool }
    /// fn active(env: &Environment) -> orm_core::Result<RecordSet<'_, Partner>> {
    ///     // Whatever was read of them before, `active()` is true of each.
    ///     partners::table.filter(partners::active.eq(true)).records_fresh(env)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    #[track_caller]
    fn records_fresh<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        let wanted = Wanted { fields: None, anew: true };
        Ok(RecordSet::found(env, self.find(env, wanted, Location::caller())?))
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
    #[track_caller]
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
        let slots = self.find(env, Wanted::only(columns), Location::caller())?;
        for list in lists {
            prefetch::read_all(env, env.store::<M>(), &slots, list, Want::Records)?;
        }
        Ok(RecordSet::found(env, slots))
    }

    /// The records that the query finds, by key only; columns come when they are read, batch by batch
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    fn record_ids<M>(self, env: &Environment<M::Connection>) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        Ok(RecordSet::found(env, self.find(env, Wanted::only(Vec::new()), Location::caller())?))
    }

    /// The first record that the query finds: one SELECT with a limit of 1
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    #[track_caller]
    fn first_record<M>(self, env: &Environment<M::Connection>) -> Result<Option<Record<'_, M>>>
    where
        M: Model,
        Self: LimitDsl,
        Self::Output: FindRecords<M, By>,
    {
        let slots = LimitDsl::limit(self, 1).find(env, Wanted::usual(), Location::caller())?;
        Ok(RecordSet::<M>::found(env, slots).first())
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

/// What a search brings of the records that it finds
#[derive(Debug)]
pub struct Wanted {
    /// `None`: those that come with every search
    fields: Option<Vec<usize>>,
    /// Whether what is cached of them gives way
    anew: bool,
}

impl Wanted {
    fn usual() -> Self {
        Self { fields: None, anew: false }
    }

    fn only(fields: Vec<usize>) -> Self {
        Self { fields: Some(fields), anew: false }
    }
}

/// A query that finds records of `M`
#[diagnostic::on_unimplemented(
    message = "this query finds no records of `{M}`",
    label = "no query over the table of `{M}`",
    note = "it must be over the table of `{M}`, and that not the side of a LEFT JOIN which may be NULL; a `UNION` must be \
            one that the backend of `{M}` has"
)]
pub trait FindRecords<M: Model, By> {
    /// The slots of the records, and what is wanted of them into the cache
    #[doc(hidden)]
    fn find(self, env: &Environment<M::Connection>, wanted: Wanted, at: Place) -> Result<Vec<u32>>;
}

impl<M, Q> FindRecords<M, by::Select> for Q
where
    M: Model,
    Q: SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
{
    fn find(self, env: &Environment<M::Connection>, wanted: Wanted, at: Place) -> Result<Vec<u32>> {
        let fields = wanted.fields.unwrap_or_else(|| always::<M>().collect());
        let columns = ModelColumns::<M>::of(&fields);
        let layout = columns.layout().clone();
        find::<_, M>(env, at, Laid::Out(&layout), &SelectDsl::select(self, columns), wanted.anew)
    }
}

impl<M, Q> FindRecords<M, by::Combination> for Q
where
    M: Model,
    Q: PositionalOrderDsl<u32> + Query + QueryFragment<DbOf<M>>,
{
    fn find(self, env: &Environment<M::Connection>, wanted: Wanted, at: Place) -> Result<Vec<u32>> {
        let fields = wanted.fields.unwrap_or_else(columns::<M>);
        find::<_, M>(env, at, Laid::Out(&combination::layout::<M>(&self, &fields)?), &self, wanted.anew)
    }
}

impl<M, Q> FindRecords<M, by::Sql> for Q
where
    M: Model,
    Q: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
{
    fn find(self, env: &Environment<M::Connection>, wanted: Wanted, at: Place) -> Result<Vec<u32>> {
        find::<_, M>(env, at, Laid::ByName(&wanted.fields.unwrap_or_else(columns::<M>)), &self, wanted.anew)
    }
}

/// All fields that are columns
fn columns<M: Model>() -> Vec<usize> {
    (0..M::FIELDS.len()).filter(|&field| M::FIELDS[field].is_column()).collect()
}
