//! What becomes of new rows that are there already.

use std::fmt;

use diesel::query_builder::{AsChangeset, QueryFragment};

use super::Model;
use super::field::{Field, StoredKind};
use super::fields::{Fields, columns_of};
use super::lookup::Condition;
use crate::model::DbOf;
use crate::write::rows::{Action, Conflict, Target};

/// By what a row is there already, and what becomes of it: what [`upsert`](crate::Environment::upsert) takes
///
/// A field, or a tuple of fields, is the short form: the columns of a unique key, and the values that were given are written.
///
/// ```
/// # use diesel::prelude::*;
/// # use orm_core::prelude::*;
/// # use orm_core::Upsert;
/// # diesel::table! { pages { id -> Integer, path -> Text, visits -> Integer } }
/// # #[derive(Model)] struct Page { id: i32, path: String, visits: i32 }
/// # fn main() -> orm_core::Result<()> {
/// # let env: Environment = Environment::connect(":memory:")?;
/// # env.execute(diesel::sql_query("CREATE TABLE pages (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, visits INTEGER NOT NULL)"))?;
/// let visit = || Upsert::on(Page::PATH).set(pages::visits.eq(pages::visits + 1));
/// env.upsert(visit(), Page::values().path("/").visits(1))?;
/// let page = env.upsert(visit(), Page::values().path("/").visits(1))?;
/// assert_eq!(page.visits()?, 2);
/// # Ok(())
/// # }
/// ```
pub struct Upsert<'a, M: Model> {
    target: OwnTarget<'a, M>,
    changes: Option<Box<dyn QueryFragment<DbOf<M>> + 'a>>,
}

enum OwnTarget<'a, M: Model> {
    Columns(Vec<&'static str>, Option<Box<dyn QueryFragment<DbOf<M>> + 'a>>),
    Constraint(&'a str),
}

impl<M: Model> fmt::Debug for Upsert<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Upsert");
        match &self.target {
            OwnTarget::Columns(columns, _) => shown.field("columns", columns),
            OwnTarget::Constraint(name) => shown.field("constraint", name),
        };
        shown.finish_non_exhaustive()
    }
}

impl<'a, M: Model> Upsert<'a, M> {
    /// By the columns of a unique key: a field, or a tuple of fields
    pub fn on(fields: impl Fields<M>) -> Self {
        Self { target: OwnTarget::Columns(columns_of::<M>(fields), None), changes: None }
    }

    /// By a constraint's name, which PostgreSQL knows
    pub fn on_constraint(name: &'a str) -> Self {
        Self { target: OwnTarget::Constraint(name), changes: None }
    }

    /// By a unique index that has only the rows for which this holds
    ///
    /// The database recognizes the index by it, so write it as the index was made. A value that is bound is not known then:
    /// `pages::deleted_at.is_null()` is recognized, and so is `sql("state = 'open'")`, while `pages::state.eq("open")` is not.
    pub fn filter(mut self, condition: impl Condition<M> + 'a) -> Self {
        if let OwnTarget::Columns(_, filter) = &mut self.target {
            *filter = Some(Box::new(condition));
        }
        self
    }

    /// Assigns this to a row that is there, in place of the values that were given; `diesel::upsert::excluded` names these
    pub fn set<V>(mut self, changes: V) -> Self
    where
        V: AsChangeset<Target = M::Table, Changeset: QueryFragment<DbOf<M>> + 'a>,
    {
        self.changes = Some(Box::new(changes.as_changeset()));
        self
    }

    pub(super) fn conflict(&self) -> Conflict<'_, M::Connection> {
        let target = match &self.target {
            OwnTarget::Columns(columns, filter) => Target::Columns(columns, filter.as_deref().map(short)),
            OwnTarget::Constraint(name) => Target::Constraint(name),
        };
        let action = match &self.changes {
            Some(changes) => Action::Set(short(&**changes)),
            None => Action::Write,
        };
        Conflict { target, action }
    }
}

/// The same for a shorter time
fn short<'s, DB: diesel::backend::Backend>(
    fragment: &'s (dyn QueryFragment<DB> + 's),
) -> &'s (dyn QueryFragment<DB> + 's) {
    fragment
}

impl<M: Model, T, K: StoredKind> From<Field<M, T, K>> for Upsert<'_, M> {
    fn from(field: Field<M, T, K>) -> Self {
        Self::on(field)
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<M: Model, $($name: Fields<M>),*> From<($($name,)*)> for Upsert<'_, M> {
            fn from(fields: ($($name,)*)) -> Self {
                Self::on(fields)
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
