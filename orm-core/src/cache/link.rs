//! Links in the cache: slots of the targets, so that following one costs no look-up.

use std::marker::PhantomData;
use std::sync::Arc;

use diesel::backend::Backend;

use super::codec::{BoxError, CellWriter, Cells, Codec};
use super::column::{Column, Moment};
use super::keys::NULL;
use super::store::Store;
use crate::Environment;
use crate::backend::Connection;
use crate::key::KeyCodec;
use crate::model::Model;

/// A to-one link's cell: the target's slot, or NULL
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(pub(crate) u32);

impl Link {
    pub(crate) const NULL: Self = Self(NULL);

    pub(crate) fn target(self) -> Option<u32> {
        (self.0 != NULL).then_some(self.0)
    }
}

/// To-one links, kept as the slot of the target: following one costs no look-up
#[derive(Debug)]
pub struct ToOneLink<T, const NULLABLE: bool>(PhantomData<fn() -> T>);

impl<T: 'static, const NULLABLE: bool> Cells for ToOneLink<T, NULLABLE> {
    type Cell = Link;
}

impl<C, T, const NULLABLE: bool> Codec<C> for ToOneLink<T, NULLABLE>
where
    C: Connection,
    T: Model<Connection = C>,
{
    fn writer<'a>(
        column: &'a mut Column<Link>,
        env: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>> {
        Some(Box::new(LinkWriter::<T, NULLABLE> { column, now, target: env.store::<T>(), last: None }))
    }

    fn hop(cell: &Link) -> &[u32] {
        if cell.0 == NULL { &[] } else { std::slice::from_ref(&cell.0) }
    }

    fn target() -> Option<usize> {
        Some(T::number().get())
    }
}

struct LinkWriter<'a, T: Model, const NULLABLE: bool> {
    column: &'a mut Column<Link>,
    now: Moment,
    target: &'a Store<T>,
    /// Neighbouring rows often link to the same record.
    last: Option<(T::Key, u32)>,
}

impl<C, T, const NULLABLE: bool> CellWriter<C::Backend> for LinkWriter<'_, T, NULLABLE>
where
    C: Connection,
    T: Model<Connection = C>,
{
    fn write(
        &mut self,
        slot: u32,
        value: Option<<C::Backend as Backend>::RawValue<'_>>,
    ) -> Result<Option<u32>, BoxError> {
        let target = if NULLABLE && value.is_none() {
            NULL
        } else {
            let key = T::KeyCodec::read(value)?;
            match &self.last {
                Some((last, slot)) if *last == key => *slot,
                _ => {
                    let slot = self.target.intern(key.clone());
                    self.last = Some((key, slot));
                    slot
                }
            }
        };
        if let Some(cell) = self.column.vacant(slot, self.now) {
            cell.fill(Link(target));
        }
        Ok(Some(target))
    }
}

/// A to-many link's cell: the slots of the members, in order; a clone shares them
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List(pub(crate) Arc<[u32]>);

impl List {
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0) + 2 * size_of::<usize>()
    }
}

/// To-many links: no column of their own table, loaded by their relation
#[derive(Debug)]
pub struct ToManyLink<T>(PhantomData<fn() -> T>);

impl<T: 'static> Cells for ToManyLink<T> {
    type Cell = List;
}

impl<C, T> Codec<C> for ToManyLink<T>
where
    C: Connection,
    T: Model<Connection = C>,
{
    fn writer<'a>(
        _: &'a mut Column<List>,
        _: &'a Environment<C>,
        _: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>> {
        None
    }

    fn hop(cell: &List) -> &[u32] {
        &cell.0
    }

    fn target() -> Option<usize> {
        Some(T::number().get())
    }

    fn list(list: List) -> Option<List> {
        Some(list)
    }
}
