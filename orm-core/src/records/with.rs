//! Records with what else their rows hold: a rank, a sum of their group, how many there are.

use std::iter::Zip;
use std::marker::PhantomData;
use std::{fmt, slice, vec};

use diesel::connection::LoadConnection;
use diesel::deserialize::FromSqlRow;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AsQuery, Query, QueryFragment};
use diesel::query_dsl::methods::SelectDsl;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;

use crate::backend::Connection;
use crate::env::watch::Place;
use crate::error::BoxError;
use crate::load::query::{ModelColumns, find_with};
use crate::load::reword::{Reworded, selecting};
use crate::load::select::{Laid, TakeRow};
use crate::model::DbOf;
use crate::records::find::{FindRecords, by};
use crate::records::keyset::text;
use crate::records::{IntoIter, Iter, Model};
use crate::store::Slot;
use crate::{Environment, Error, Record, RecordSet, Result};

/// Records, and with each what else its row held; made by [`RecordQuery::records_with`](crate::RecordQuery::records_with)
///
/// A loop over it gives pairs.
#[non_exhaustive]
pub struct RecordsWith<'env, M: Model, T> {
    /// The records, in the order of the rows
    pub records: RecordSet<'env, M>,
    /// What else the rows held, one for each of the records
    pub values: Vec<T>,
}

impl<'env, M: Model, T> RecordsWith<'env, M, T> {
    /// The records, each with what else its row held
    pub fn iter(&self) -> Zip<Iter<'_, 'env, M>, slice::Iter<'_, T>> {
        self.records.iter().zip(&self.values)
    }
}

impl<'env, M: Model, T> IntoIterator for RecordsWith<'env, M, T> {
    type Item = (Record<'env, M>, T);
    type IntoIter = Zip<IntoIter<'env, M>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.records.into_iter().zip(self.values)
    }
}

impl<'a, 'env, M: Model, T> IntoIterator for &'a RecordsWith<'env, M, T> {
    type Item = (Record<'env, M>, &'a T);
    type IntoIter = Zip<Iter<'a, 'env, M>, slice::Iter<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<M: Model, T: fmt::Debug> fmt::Debug for RecordsWith<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordsWith").field("records", &self.records).field("values", &self.values).finish()
    }
}

/// A query that finds records of `M`, and values of `T` beside them
#[diagnostic::on_unimplemented(
    message = "this query does not find records of `{M}` with `{T}` beside them",
    label = "no query over the table of `{M}` that selects `{T}`",
    note = "it must be over the table of `{M}`, and `{T}` what diesel reads of its select clause: \
            `.select((rank, total)).records_with::<{M}, (i64, f64)>(&env)`; of SQL it is a struct that derives `QueryableByName`"
)]
pub trait FindRecordsWith<M: Model, T, By> {
    #[doc(hidden)]
    fn find_with(self, env: &Environment<M::Connection>, at: Place) -> Result<(Vec<Slot>, Vec<T>)>;
}

impl<M, T, Q> FindRecordsWith<M, T, by::Select> for Q
where
    M: Model,
    Q: AsQuery<Query: QueryFragment<DbOf<M>>>
        // That the key can be selected, too, says that the query is over the model's table.
        + SelectDsl<ModelColumns<M>, Output: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>>,
    T: FromSqlRow<Q::SqlType, DbOf<M>>,
{
    fn find_with(self, env: &Environment<M::Connection>, at: Place) -> Result<(Vec<Slot>, Vec<T>)> {
        let (query, columns) = (self.as_query(), ModelColumns::<M>::always());
        let text = selecting(&text::<M>(env, &query)?, &text::<M>(env, &columns)?).ok_or_else(|| {
            Error::other(format!(
                "where the columns of {} belong cannot be told from the text of this query: comments, escapes and brackets \
                 in SQL of your own hide it; `diesel::sql_query` says all of it",
                M::NAME
            ))
        })?;
        let query = Reworded { query: &query, text };
        let mut values = Values::<Q::SqlType, T>::default();
        let slots = find_with::<_, M>(env, at, Laid::Last(columns.selection()), &query, &mut values)?;
        Ok((slots, values.values))
    }
}

impl<M, T, Q> FindRecordsWith<M, T, by::Combination> for Q
where
    M: Model,
    Q: PositionalOrderDsl<u32> + Query + QueryFragment<DbOf<M>>,
    T: FromSqlRow<Q::SqlType, DbOf<M>>,
{
    fn find_with(self, env: &Environment<M::Connection>, at: Place) -> Result<(Vec<Slot>, Vec<T>)> {
        whole_rows::<M, T, Q::SqlType, by::Combination>(self, env, at)
    }
}

impl<M, T, Q> FindRecordsWith<M, T, by::Sql> for Q
where
    M: Model,
    Q: Query<SqlType = Untyped> + QueryFragment<DbOf<M>>,
    T: FromSqlRow<Untyped, DbOf<M>>,
{
    fn find_with(self, env: &Environment<M::Connection>, at: Place) -> Result<(Vec<Slot>, Vec<T>)> {
        whole_rows::<M, T, Untyped, by::Sql>(self, env, at)
    }
}

/// Where the rows are left as they are, they are read twice: by the model, and as a whole.
fn whole_rows<M: Model, T: FromSqlRow<ST, DbOf<M>>, ST, By>(
    query: impl FindRecords<M, By>,
    env: &Environment<M::Connection>,
    at: Place,
) -> Result<(Vec<Slot>, Vec<T>)> {
    let (mut slots, mut values) = (Vec::new(), Values::<ST, T>::default());
    query.with_query(env, None, &mut |laid, query| {
        slots = find_with::<_, M>(env, at, laid, query, &mut values)?;
        Ok(())
    })?;
    Ok((slots, values.values))
}

/// What has been read of the rows
struct Values<ST, T> {
    values: Vec<T>,
    sql_type: PhantomData<fn() -> ST>,
}

impl<ST, T> Default for Values<ST, T> {
    fn default() -> Self {
        Self { values: Vec::new(), sql_type: PhantomData }
    }
}

impl<C: Connection, ST, T: FromSqlRow<ST, C::Backend>> TakeRow<C> for Values<ST, T> {
    fn take(&mut self, row: &<C as LoadConnection>::Row<'_, '_>) -> Result<(), BoxError> {
        self.values.push(T::build_from_row(row)?);
        Ok(())
    }
}
