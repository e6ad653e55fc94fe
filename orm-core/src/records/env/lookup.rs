//! One record by a condition or by its key.

use std::panic::Location;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::watch::{For, Place, Spot};
use crate::error::Repeated;
use crate::load::query::{self, ModelColumns};
use crate::load::select::Laid;
use crate::model::{DbOf, IntoKey, always};
use crate::number::FieldId;
use crate::records::lookup::Condition;
use crate::records::{Model, Record};
use crate::store::Slot;
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// A record for which a condition holds, if there is one: one SELECT of one row, with all prefetchable columns
    ///
    /// Of several it is the one that the database comes to first: where that matters, order a query and take
    /// [`first_record`](crate::RecordQuery::first_record).
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { artists { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Artist { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE artists (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// env.create(Artist::values().name("Accept"))?;
    /// let accept = env.find::<Artist>(artists::name.eq("Accept"))?;
    /// assert_eq!(accept.map(|artist| artist.id()), Some(1));
    /// assert!(env.find::<Artist>(artists::name.like("B%").and(artists::id.gt(1)))?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`records`](crate::RecordQuery::records).
    #[track_caller]
    pub fn find<M: Model<Connection = C>>(
        &self,
        condition: impl Condition<M>,
    ) -> Result<Option<Record<'_, M>>> {
        let slots = self.matching::<M>(Location::caller(), &condition, " LIMIT 1")?;
        Ok(slots.first().map(|&slot| Record::single(self, slot)))
    }

    /// The only record for which a condition holds: one SELECT of two rows at most, with all prefetchable columns
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] if there is none or are several, of which its `count` says no more than 2; else as
    /// [`records`](crate::RecordQuery::records).
    #[track_caller]
    pub fn one<M: Model<Connection = C>>(&self, condition: impl Condition<M>) -> Result<Record<'_, M>> {
        let slots = self.matching::<M>(Location::caller(), &condition, " LIMIT 2")?;
        match slots[..] {
            [slot] => Ok(Record::single(self, slot)),
            _ => Err(Error::NotOne { model: M::NAME, count: slots.len() }),
        }
    }

    /// The record with a key, if its row exists: asks nothing if a value of it is cached, else one SELECT with all
    /// prefetchable columns
    ///
    /// [`record`](Self::record) never asks, and leaves it to the first read to find out.
    ///
    /// # Errors
    ///
    /// Those of the database.
    #[track_caller]
    pub fn get<M: Model<Connection = C>>(&self, key: impl IntoKey<M>) -> Result<Option<Record<'_, M>>> {
        let store = self.store::<M>();
        let slot = store.intern(key.into_key());
        let fields: Vec<FieldId> = always::<M>().collect();
        if self.settings.max_age.is_some() {
            fields.iter().for_each(|&field| self.expire(store, field, slot));
        }
        if !store.is_absent(slot) && !store.is_stored(slot) {
            let spot = Spot::new(Location::caller(), Repeated::Lookup, M::NAME, "");
            self.watch(spot, Some(For::record(M::number().get(), slot)))?;
            query::by_keys(self, store, &[slot], &fields, "get")?;
        }
        self.note_presence(store, slot);
        let slot = store.meant(slot);
        Ok((!store.is_absent(slot)).then(|| Record::single(self, slot)))
    }

    pub(super) fn matching<M: Model<Connection = C>>(
        &self,
        at: Place,
        condition: &dyn QueryFragment<DbOf<M>>,
        limit: &str,
    ) -> Result<Vec<Slot>> {
        let query = Matching { columns: ModelColumns::<M>::always(), condition, limit };
        query::find::<C, M>(self, at, Laid::Out(query.columns.layout()), &query, false)
    }
}

/// At most so many rows for which a condition holds
struct Matching<'a, M: Model> {
    columns: ModelColumns<M>,
    condition: &'a dyn QueryFragment<DbOf<M>>,
    limit: &'a str,
}

impl<M: Model> QueryFragment<DbOf<M>> for Matching<'_, M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        self.columns.push_select(&mut out)?;
        out.push_sql(" WHERE ");
        self.condition.walk_ast(out.reborrow())?;
        out.push_sql(self.limit);
        Ok(())
    }
}
