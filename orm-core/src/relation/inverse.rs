//! One2many links: the members' own column says whose they are.

use std::any::Any;
use std::fmt;

use super::*;
use crate::write::links;

/// A to-one link of `T` to `M`, which a to-many link of `M` can be the other side of
#[diagnostic::on_unimplemented(
    message = "this field is no link from `{T}` to `{M}`",
    note = "`inverse` names the to-one link that points back: `#[model(inverse = {T}::…_ID)]`, \
            where that field is an `Id<{M}>` or an `Option<Id<{M}>>`"
)]
pub trait InverseOf<M: Model, T: Model>: Copy + 'static {
    #[doc(hidden)]
    const NULLABLE: bool;
    #[doc(hidden)]
    fn link(owner: Id<M>) -> Box<dyn Any>;
    #[doc(hidden)]
    fn position(self) -> usize;
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Id<M>, Linked<M>> {
    const NULLABLE: bool = false;
    fn link(owner: Id<M>) -> Box<dyn Any> {
        Box::new(owner)
    }
    fn position(self) -> usize {
        self.index()
    }
}

impl<M: Model, T: Model> InverseOf<M, T> for Field<T, Option<Id<M>>, LinkedNullable<M>> {
    const NULLABLE: bool = true;
    fn link(owner: Id<M>) -> Box<dyn Any> {
        Box::new(Some(owner))
    }
    fn position(self) -> usize {
        self.index()
    }
}

/// A one2many link: the records of `T` whose to-one link points here
pub struct Inverse<T: Model, F> {
    field: F,
    order: Option<Order<T::Connection>>,
}

impl<T: Model, F> fmt::Debug for Inverse<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inverse")
    }
}

impl<T: Model, F> Inverse<T, F> {
    /// Called by generated code.
    pub const fn new(field: F, order: Option<Order<T::Connection>>) -> Self {
        Self { field, order }
    }
}

impl<T: Model, F> Inverse<T, F> {
    fn source<M: Model>(&self) -> InverseSource<T>
    where
        F: InverseOf<M, T>,
    {
        InverseSource { table: T::Table::table(), field: self.field.position() }
    }
}

struct InverseSource<T: Model> {
    table: T::Table,
    /// The to-one link that points back
    field: usize,
}

impl<T: Model> Source<T::Connection> for InverseSource<T> {
    fn push_owner<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<T>>) -> QueryResult<()> {
        push_column::<T>(&self.table, T::FIELDS[self.field].column, out)
    }

    fn owner_field(&self) -> Option<usize> {
        Some(self.field)
    }

    fn push_from<'b>(&'b self, out: &mut AstPass<'_, 'b, DbOf<T>>) -> QueryResult<()> {
        self.table.walk_ast(out.reborrow())
    }
}

impl<C, M, T, F> Relation<M> for Inverse<T, F>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
    F: InverseOf<M, T>,
{
    fn load(&self, batch: Batch<'_, M>) -> Result<()> {
        batch.load::<C, T>(&self.source::<M>(), self.order)
    }

    fn count(&self, batch: Batch<'_, M>) -> Result<()> {
        batch.count::<C, T>(&self.source::<M>())
    }

    fn side(&self) -> Side {
        Side::Inverse { model: T::number().get(), field: self.field.position() }
    }

    fn edit(&self, batch: Batch<'_, M>, edits: &[Edit]) {
        links::edit::<C, M, T>(&batch, edits, self.order.is_none());
    }

    fn change(&self, batch: Batch<'_, M>, members: &[u32], add: bool) -> Result<()> {
        links::change_inverse::<C, M, T>(&batch, self.field.position(), F::NULLABLE, members, add)
    }

    fn link_to(&self, owner: M::Key) -> Option<(usize, Box<dyn Any>)> {
        Some((self.field.position(), F::link(Id::new(owner))))
    }

    fn flush(&self, _: Batch<'_, M>, _: &[(u32, u32)], _: bool) -> Result<()> {
        // It is the members' own column, and goes with them.
        Ok(())
    }
}
