//! An application's own diesel queries, made to give records.

use std::fmt;
use std::panic::Location;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AstPass, Query, QueryFragment};
use diesel::query_dsl::methods::LimitDsl;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;

use crate::env::stores::Want;
use crate::env::watch::Place;
use crate::load::count::count;
use crate::load::prefetch;
use crate::load::query::find;
use crate::number::FieldId;
use crate::records::Model;
use crate::records::fields::{Chosen, Fields};
use crate::records::find::{FindRecords, by};
use crate::records::keyset::ByKey;
use crate::records::with::{FindRecordsWith, RecordsWith};
use crate::store::Slot;
use crate::{Environment, Error, Record, RecordSet, Result};

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
        Ok(RecordSet::found(env, found(self, env, &Wanted::usual(), Location::caller())?))
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
        Ok(RecordSet::found(env, found(self, env, &wanted, Location::caller())?))
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
        let slots = found(self, env, &Wanted::only(columns), Location::caller())?;
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
        Ok(RecordSet::found(env, found(self, env, &Wanted::only(Vec::new()), Location::caller())?))
    }

    /// The records that the query finds, with what else it selects: a rank, a sum of their group, how many there are. One SELECT
    ///
    /// `T` is what diesel reads of the query's own select clause: a tuple, or a struct that derives `Queryable`. The model's columns are
    /// added behind it. Of a `UNION` it is the whole row, of a [`diesel::sql_query`] a struct that derives `QueryableByName`.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use diesel::dsl::sql;
    /// use diesel::sql_types::BigInt;
    /// use orm_core::prelude::*;
    /// # diesel::table! { players { id -> Integer, name -> Text, points -> Integer } }
    /// # #[derive(Model)] struct Player { id: i32, name: String, points: i32 }
    /// fn table(env: &Environment) -> orm_core::Result<()> {
    ///     let ranked = players::table.select((sql::<BigInt>("rank() OVER (ORDER BY points DESC)"), players::points * 2));
    ///     for (player, (rank, double)) in ranked.limit(10).records_with::<Player, (i64, i32)>(env)? {
    ///         println!("{rank}. {} {double}", player.name()?);
    ///     }
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records); [`Error::Database`](crate::Error::Database) also for a value that is none of `T`;
    /// [`Error::Other`](crate::Error::Other) where SQL of the application's own hides where the select clause ends.
    #[track_caller]
    fn records_with<M, T>(self, env: &Environment<M::Connection>) -> Result<RecordsWith<'_, M, T>>
    where
        M: Model,
        Self: FindRecordsWith<M, T, By>,
    {
        let (slots, values) = self.find_with(env, Location::caller())?;
        Ok(RecordsWith { records: RecordSet::found(env, slots), values })
    }

    /// How many rows the query finds: one SELECT, which brings nothing into the cache
    ///
    /// The query's order is left out; its limit counts. SQL of the application's own is counted as it is written.
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    fn count_records<M>(self, env: &Environment<M::Connection>) -> Result<usize>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        let (at, mut rows) = (Location::caller(), 0);
        self.with_query(env, Some(&[]), &mut |laid, query| {
            rows = count::<M>(env, at, laid, query)?;
            Ok(())
        })?;
        Ok(rows)
    }

    /// A page of what the query finds, and how much there is: two SELECTs. Pages are counted from 1
    ///
    /// The query says the order, best one that leaves nothing open, and has no limit or offset of its own. Far pages of large tables are
    /// slow, as the database counts off what comes before; [`records_after`](Self::records_after) is not.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// fn second(env: &Environment) -> orm_core::Result<String> {
    ///     let page = partners::table.order((partners::name, partners::id)).page::<Partner>(env, 2, 50)?;
    ///     let names = page.records.name()?.join(", ");
    ///     Ok(format!("{names} (page {} of {}, {} in all)", page.number, page.pages, page.total))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records); [`Error::Other`](crate::Error::Other) for page 0, or pages of no records.
    #[track_caller]
    fn page<M>(self, env: &Environment<M::Connection>, number: usize, size: usize) -> Result<Page<'_, M>>
    where
        M: Model,
        Self: FindRecords<M, By>,
    {
        let at = Location::caller();
        let Some(before) =
            number.checked_sub(1).and_then(|before| before.checked_mul(size)).filter(|_| size > 0)
        else {
            let wrong = format!(
                "page {number} of {size} records each: pages are counted from 1, and have a record at least"
            );
            return Err(Error::other(wrong));
        };
        let (mut total, mut slots) = (0, Vec::new());
        self.with_query(env, None, &mut |laid, query| {
            total = count::<M>(env, at, laid, query)?;
            // What is behind the last page needs no look.
            if before < total {
                slots = find::<_, M>(env, at, laid, &Part { query, rows: size, before }, false)?;
            }
            Ok(())
        })?;
        Ok(Page { records: RecordSet::found(env, slots), number, total, pages: total.div_ceil(size) })
    }

    /// The first records that the query finds after one, in the order of their keys: one SELECT, as fast on the last page as on the first
    ///
    /// `after` is the key of the last record that was shown; `None` begins. Any query without an order, limit, offset or lock of its
    /// own.
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records); [`Error::Other`](crate::Error::Other) for a query that has an order or the like.
    #[track_caller]
    fn records_after<M>(
        self,
        env: &Environment<M::Connection>,
        after: Option<M::Key>,
        size: usize,
    ) -> Result<RecordSet<'_, M>>
    where
        M: Model,
        Self: ByKey<M>,
    {
        let mut slots = self.read(env, Location::caller(), after, size)?;
        // A join may find a record several times, one after the other.
        slots.dedup();
        Ok(RecordSet::found(env, slots))
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
        let slots = found(LimitDsl::limit(self, 1), env, &Wanted::usual(), Location::caller())?;
        Ok(RecordSet::<M>::found(env, slots).first())
    }
}

/// A page of what a query finds; made by [`RecordQuery::page`]
#[non_exhaustive]
pub struct Page<'env, M: Model> {
    /// The records of the page; none behind the last one
    pub records: RecordSet<'env, M>,
    /// Which page it is, counted from 1
    pub number: usize,
    /// How many records the query finds in all
    pub total: usize,
    /// How many pages there are
    pub pages: usize,
}

impl<M: Model> fmt::Debug for Page<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, number, total, pages } = self;
        write!(f, "Page({number} of {pages}, {total} in all: {records:?})")
    }
}

/// Some rows of a query
struct Part<'a, DB: Backend> {
    query: &'a dyn QueryFragment<DB>,
    rows: usize,
    before: usize,
}

impl<DB: Backend> QueryFragment<DB> for Part<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        // Where they are in the text there is one for each page.
        out.unsafe_to_cache_prepared();
        out.push_sql(&format!(" LIMIT {} OFFSET {}", self.rows, self.before));
        Ok(())
    }
}

// Not for every type: another crate's `records()` must stay callable where the prelude is in scope.
impl<Q: diesel::QueryDsl> RecordQuery<by::Select> for Q {}
// What can be put in order by the number of a column is a combination, whose type diesel keeps to itself.
impl<Q: PositionalOrderDsl<u32>> RecordQuery<by::Combination> for Q {}
impl<Q: Query<SqlType = Untyped>> RecordQuery<by::Sql> for Q {}

/// What a search brings of the records that it finds
struct Wanted {
    /// `None`: those that come with every search
    fields: Option<Vec<FieldId>>,
    /// Whether what is cached of them gives way
    anew: bool,
}

impl Wanted {
    fn usual() -> Self {
        Self { fields: None, anew: false }
    }

    fn only(fields: Vec<FieldId>) -> Self {
        Self { fields: Some(fields), anew: false }
    }
}

/// The slots of the records that a query finds, and what is wanted of them into the cache
fn found<M: Model, By>(
    query: impl FindRecords<M, By>,
    env: &Environment<M::Connection>,
    wanted: &Wanted,
    at: Place,
) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    query.with_query(env, wanted.fields.as_deref(), &mut |laid, query| {
        slots = find::<_, M>(env, at, laid, query, wanted.anew)?;
        Ok(())
    })?;
    Ok(slots)
}
