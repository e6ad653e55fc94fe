//! To-many links: how the lists of a whole group are read with one SELECT.

mod inverse;
mod through;

use std::any::Any;
use std::fmt;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::expression::expression_types::Untyped;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::backend::{Connection, Dialect, KeyList};
use crate::cache::{List, Store};
use crate::field::{Field, Linked, LinkedNullable};
use crate::key::{Key, KeyCodec};
use crate::model::{Columns, DbOf, Model};
use crate::origin::Marks;
use crate::pace::Loaded;
use crate::prefetch;
use crate::query::{push_column, push_key_column};
use crate::select::{Reason, Select, Shown};
use crate::write::links::{Edit, Side};
use crate::{Environment, Id, Result};

pub use inverse::{Inverse, InverseOf};
pub use through::Through;

/// What a member is taken to weigh until one was read: the record, and each of its values
const BYTES_OF_ROW: usize = 32;
const BYTES_OF_VALUE: usize = 16;

/// How a to-many link of `M` is loaded
pub trait Relation<M: Model> {
    /// Loads the lists of these records, and the members' columns with them if they are wanted: one SELECT.
    #[doc(hidden)]
    fn load(&self, batch: Batch<'_, M>) -> Result<()>;

    /// Counts the members of each of these records: one SELECT.
    #[doc(hidden)]
    fn count(&self, batch: Batch<'_, M>) -> Result<()>;

    /// What the two sides of the link are
    #[doc(hidden)]
    fn side(&self) -> Side;

    /// Changes the cached lists of the link.
    #[doc(hidden)]
    fn edit(&self, batch: Batch<'_, M>, edits: &[Edit]);

    /// Links members to owners, or takes them away.
    #[doc(hidden)]
    fn change(&self, batch: Batch<'_, M>, members: &[u32], add: bool) -> Result<()>;

    /// The members' own field, and its value, that makes a new record a member of an owner's list; `None` for pairs
    #[doc(hidden)]
    fn link_to(&self, owner: M::Key) -> Option<(usize, Box<dyn Any>)>;

    /// Writes pairs that waited into their table.
    #[doc(hidden)]
    fn flush(&self, batch: Batch<'_, M>, pairs: &[(u32, u32)], add: bool) -> Result<()>;
}

impl<M: Model> fmt::Debug for dyn Relation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relation")
    }
}

/// The records whose lists are to be loaded or changed
#[derive(Debug)]
pub struct Batch<'a, M: Model> {
    pub(crate) env: &'a Environment<M::Connection>,
    pub(crate) store: &'a Store<M>,
    pub(crate) slots: &'a [u32],
    pub(crate) field: usize,
    pub(crate) want: Want,
}

/// What of a to-many link's members is wanted
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Keys and prefetchable columns
    Records,
    /// Keys alone
    Keys,
    /// How many there are
    Count,
}

impl<'a, M: Model> Batch<'a, M> {
    pub(crate) fn new(
        env: &'a Environment<M::Connection>,
        store: &'a Store<M>,
        slots: &'a [u32],
        field: usize,
        want: Want,
    ) -> Self {
        Self { env, store, slots, field, want }
    }

    /// Runs the SELECT and keeps the lists.
    fn load<C, T>(&self, source: &dyn Source<C>, order: Option<Order<C>>) -> Result<()>
    where
        C: Connection,
        M: Model<Connection = C>,
        T: Model<Connection = C>,
    {
        self.env.flush_before_list::<T>(order.is_some())?;
        let fields: Vec<usize> = match self.want {
            Want::Records => prefetch::always::<T>().collect(),
            Want::Keys | Want::Count => Vec::new(),
        };
        let sort_here = order.is_none() && T::Key::is_number();
        let most = self.most_rows(&fields);
        let query = Members::<M, T> {
            table: T::Table::table(),
            sorted: !sort_here,
            fields: &fields,
            source,
            keys: C::Backend::key_list(self.store.keys_of(self.slots)),
            order: order.map(|order| order()),
            most,
        };
        let name = format!("{}.{}", M::NAME, M::FIELDS[self.field].name);
        // The owner's key is one of the fields that are read anyhow, or stands behind them.
        let owner = source.owner_field().and_then(|owner| fields.iter().position(|&field| field == owner));
        let select = Select {
            fields: &fields,
            reason: Reason::Relation(&name),
            keys: self.slots.len(),
            owner: Some(owner.unwrap_or(fields.len()) + 1),
            reserve: self.slots.len(),
        };
        // Owner, place in the order of the keys, member. Whole numbers are put in order here: that is cheaper than
        // having the database sort whole rows.
        let mut members: Vec<(u32, i64, u32)> = Vec::new();
        let target = self.env.store::<T>();
        let before = target.value_bytes();
        select.run(self.env, target, &query, &mut |member, owner| {
            let place = if sort_here { target.key(member).number().unwrap_or_default() } else { 0 };
            let owner = match owner {
                Shown::Slot(owner) => owner,
                Shown::Value(key) => self.store.intern(M::KeyCodec::read(key)?),
            };
            members.push((owner, place, member));
            Ok(())
        })?;
        target.set_present(members.iter().map(|&(.., member)| member));
        let rows = members.len();
        let is_cut = most.is_some_and(|most| rows >= most);
        // The owners come one after the other: all but the last are complete.
        let complete = is_cut.then(|| {
            let last = members.last().map(|&(owner, ..)| owner);
            members.retain(|&(owner, ..)| Some(owner) != last);
            Marks::of(members.iter().map(|&(owner, ..)| owner))
        });
        let is_complete = |slot: &u32| complete.as_ref().is_none_or(|complete| complete.has(*slot));
        let owners: Vec<u32> = self.slots.iter().copied().filter(is_complete).collect();
        let members_size = members.len() * size_of::<u32>();
        let bytes = target.value_bytes().saturating_sub(before) + members_size;
        // Of those that are not complete it is not known how long their lists are.
        let records = if is_cut { owners.len().max(1) } else { owners.len() };
        self.store.paces.weigh(self.field, Loaded { records, rows, bytes });
        if is_cut || bytes >= self.store.paces.budget(self.field) / 2 {
            self.store.paces.note_full(self.field);
        }
        if owners
            .iter()
            .chain(self.slots.first())
            .any(|&slot| self.store.count_of(self.field, slot).is_some())
        {
            self.store.paces.note_counted_first(self.field);
        }
        if order.is_some() && source.owner_field().is_none() {
            // In an order of the link's own the two of a pair that is there twice need not be neighbours.
            let mut seen = HashSet::with_hasher(FixedState::default());
            members.retain(|&(owner, _, member)| seen.insert((owner, member)));
        }
        self.keep(&owners, members);
        Ok(())
    }

    /// How many rows the SELECT may bring; all of them for one owner, whose list has to be complete
    ///
    /// Nobody knows beforehand how long lists are. What more than the budget would be is left to the next batch, which
    /// may bring twice as much.
    fn most_rows(&self, fields: &[usize]) -> Option<usize> {
        if self.slots.len() == 1 {
            return None;
        }
        let (env, paces) = (self.env, &self.store.paces);
        let Loaded { records, rows, bytes } = paces.loaded(self.field);
        let row = if rows > 0 && !fields.is_empty() {
            bytes.div_ceil(rows)
        } else {
            BYTES_OF_ROW + BYTES_OF_VALUE * fields.len()
        };
        let budget = paces.budget(self.field).min(env.settings.prefetch_bytes);
        // As it stands in the text of the statement: few different ones.
        let most = (budget / row.max(1)).max(1).next_power_of_two();
        let most = env.limits.records.get().map_or(most, |limit| most.min((limit / 2).max(1)));
        // Far fewer are expected: then the database need not put them in the order of their owners.
        let foreseen = (records > 0).then(|| rows.saturating_mul(self.slots.len()) / records);
        foreseen.is_none_or(|foreseen| 4 * foreseen > most).then_some(most)
    }

    /// Counts the members of each of the records.
    fn count<C, T>(&self, source: &dyn Source<C>) -> Result<()>
    where
        C: Connection,
        M: Model<Connection = C>,
        T: Model<Connection = C>,
    {
        self.env.flush_before_list::<T>(false)?;
        let query = Counts::<M, T> {
            table: T::Table::table(),
            source,
            keys: C::Backend::key_list(self.store.keys_of(self.slots)),
        };
        let name = format!("{}.{}", M::NAME, M::FIELDS[self.field].name);
        let select = Select {
            fields: &[],
            reason: Reason::Count(&name),
            keys: self.slots.len(),
            owner: Some(1),
            reserve: 0,
        };
        let mut counts = Vec::new();
        select.run(self.env, self.store, &query, &mut |owner, count| {
            if let Shown::Value(count) = count {
                counts.push((owner, C::Backend::read_count(count)?));
            }
            Ok(())
        })?;
        // Those that the database does not name have no members.
        let none = self.slots.iter().map(|&slot| (slot, 0));
        self.store.set_counts(self.field, self.env.moment().time, none.chain(counts));
        Ok(())
    }

    /// Puts the members into the lists of their owners.
    fn keep(&self, owners: &[u32], mut members: Vec<(u32, i64, u32)>) {
        // Stable: what the database has put in order stays so.
        members.sort_by_key(|&(owner, place, _)| (owner, place));
        // A table of pairs may hold a pair twice.
        members.dedup();
        let now = self.env.moment();
        if self.env.limits.any() {
            owners.iter().for_each(|&slot| self.store.add_resident(slot));
        }
        let mut columns = self.store.columns.borrow_mut();
        let mut columns = columns.each_mut();
        let column = &mut columns[self.field];
        for &slot in owners {
            let start = members.partition_point(|&(owner, ..)| owner < slot);
            let own = members[start..].iter().take_while(|&&(owner, ..)| owner == slot);
            column.fill_list(slot, now, List(own.map(|&(.., member)| member).collect()));
        }
    }
}

/// Where the members of a list come from, and which column says whose they are
trait Source<C: Connection> {
    /// The column that holds the owner's key
    fn push_owner<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()>;
    /// The field of the members that is this column, if there is one
    fn owner_field(&self) -> Option<usize>;
    /// What stands behind `FROM`
    fn push_from<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()>;
}

/// An order of a to-many link's members, made anew for each statement
pub type Order<C> = fn() -> Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>;

/// An expression that a to-many link can be in the order of, over the tables of `S`
#[diagnostic::on_unimplemented(
    message = "a to-many link has no order of this kind",
    label = "no column of the link's own tables",
    note = "an order is of columns of the model that the link leads to, as in `order = partners::name.asc()`; that of a \
            `ManyToMany` may be of columns of the table of pairs too; several stand in parentheses"
)]
pub trait OrderOf<S> {}
#[diagnostic::do_not_recommend]
impl<S, E: diesel::AppearsOnTable<S>> OrderOf<S> for E {}

struct Members<'a, M: Model, T: Model> {
    table: T::Table,
    sorted: bool,
    fields: &'a [usize],
    source: &'a dyn Source<T::Connection>,
    keys: KeyList<M::Key>,
    order: Option<Box<dyn QueryFragment<DbOf<T>>>>,
    /// How many rows may come; if there are more, they are in the order of their owners
    most: Option<usize>,
}

impl<C, M, T> QueryFragment<C::Backend> for Members<'_, M, T>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        push_key_column::<T>(&self.table, &mut out)?;
        for &field in self.fields {
            out.push_sql(", ");
            push_column::<T>(&self.table, T::FIELDS[field].column, &mut out)?;
        }
        if !self.source.owner_field().is_some_and(|owner| self.fields.contains(&owner)) {
            out.push_sql(", ");
            self.source.push_owner(&mut out)?;
        }
        out.push_sql(" FROM ");
        self.source.push_from(&mut out)?;
        out.push_sql(" WHERE ");
        self.source.push_owner(&mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        if !self.sorted && self.most.is_none() {
            return Ok(());
        }
        out.push_sql(" ORDER BY ");
        if self.most.is_some() {
            self.source.push_owner(&mut out)?;
        }
        if self.sorted {
            if self.most.is_some() {
                out.push_sql(", ");
            }
            if let Some(order) = &self.order {
                order.walk_ast(out.reborrow())?;
                out.push_sql(", ");
            }
            push_key_column::<T>(&self.table, &mut out)?;
        }
        if let Some(most) = self.most {
            out.push_sql(&format!(" LIMIT {most}"));
        }
        Ok(())
    }
}

impl<M: Model, T: Model> QueryId for Members<'_, M, T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model, T: Model> Query for Members<'_, M, T> {
    type SqlType = Untyped;
}

struct Counts<'a, M: Model, T: Model> {
    table: T::Table,
    source: &'a dyn Source<T::Connection>,
    keys: KeyList<M::Key>,
}

impl<C, M, T> QueryFragment<C::Backend> for Counts<'_, M, T>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.source.push_owner(&mut out)?;
        // A table of pairs may hold a pair twice.
        out.push_sql(", COUNT(DISTINCT ");
        push_key_column::<T>(&self.table, &mut out)?;
        out.push_sql(") FROM ");
        self.source.push_from(&mut out)?;
        out.push_sql(" WHERE ");
        self.source.push_owner(&mut out)?;
        M::KeyCodec::push(&self.keys, out.reborrow())?;
        out.push_sql(" GROUP BY ");
        self.source.push_owner(&mut out)
    }
}

impl<M: Model, T: Model> QueryId for Counts<'_, M, T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Model, T: Model> Query for Counts<'_, M, T> {
    type SqlType = Untyped;
}
