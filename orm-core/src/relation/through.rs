//! Many2many links: a table of pairs says who belongs to whom.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;

use super::*;
use crate::write::{links, pairs};

/// A many2many link: the records of `T` that a table of pairs, with the columns `Own` and `Other`, joins to here
pub struct Through<T: Model, Own, Other> {
    order: Option<Order<T::Connection>>,
    columns: PhantomData<fn() -> (Own, Other)>,
}

impl<T: Model, Own, Other> fmt::Debug for Through<T, Own, Other> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Through")
    }
}

impl<T: Model, Own, Other> Through<T, Own, Other> {
    /// Called by generated code.
    pub const fn new(order: Option<Order<T::Connection>>) -> Self {
        Self { order, columns: PhantomData }
    }
}

struct ThroughSource<T: Model, Own: diesel::Column> {
    table: T::Table,
    pairs: Own::Table,
    other: &'static str,
}

impl<T: Model, Own: diesel::Column<Table: HasTable<Table = Own::Table>>> ThroughSource<T, Own> {
    fn new(other: &'static str) -> Self {
        Self { table: T::Table::table(), pairs: Own::Table::table(), other }
    }
}

impl<T, Own> Source<T::Connection> for ThroughSource<T, Own>
where
    T: Model,
    Own: diesel::Column<Table: QueryFragment<DbOf<T>>>,
{
    fn push_owner<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<T>>) -> QueryResult<()> {
        self.pairs.walk_ast(out.reborrow())?;
        out.push_sql(".");
        out.push_identifier(Own::NAME)
    }

    fn owner_field(&self) -> Option<usize> {
        None
    }

    fn push_from<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<T>>) -> QueryResult<()> {
        self.pairs.walk_ast(out.reborrow())?;
        out.push_sql(" INNER JOIN ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" ON ");
        push_key_column::<T>(&self.table, out)?;
        out.push_sql(" = ");
        self.pairs.walk_ast(out.reborrow())?;
        out.push_sql(".");
        out.push_identifier(self.other)
    }
}

impl<C, M, T, Own, Other> Relation<M> for Through<T, Own, Other>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
    Own: diesel::Column<Table: HasTable<Table = Own::Table> + QueryFragment<C::Backend>> + 'static,
    Other: diesel::Column<Table = Own::Table> + 'static,
{
    fn load(&self, batch: Batch<'_, M>) -> Result<()> {
        batch.load::<C, T>(&ThroughSource::<T, Own>::new(Other::NAME), self.order)
    }

    fn count(&self, batch: Batch<'_, M>) -> Result<()> {
        batch.count::<C, T>(&ThroughSource::<T, Own>::new(Other::NAME))
    }

    fn side(&self) -> Side {
        Side::Pairs { own: TypeId::of::<Own>(), other: TypeId::of::<Other>() }
    }

    fn edit(&self, batch: Batch<'_, M>, edits: &[Edit]) {
        links::edit::<C, M, T>(&batch, edits, self.order.is_none());
    }

    fn change(&self, batch: Batch<'_, M>, members: &[u32], add: bool) -> Result<()> {
        links::change_pairs::<C, M, T, Own, Other>(&batch, members, add);
        Ok(())
    }

    fn link_to(&self, _: M::Key) -> Option<(usize, Box<dyn Any>)> {
        None
    }

    fn flush(&self, batch: Batch<'_, M>, pairs: &[(u32, u32)], add: bool) -> Result<()> {
        pairs::flush::<C, M, T, Own, Other>(batch.env, batch.store, batch.field, pairs, add)
    }
}
