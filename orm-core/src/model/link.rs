//! Links: how they are read into cells, and written.

use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;

use super::{Entity, Id, any};
use crate::backend::{Connection, System};
use crate::codec::encode::{Given, Put, all_equal, exact, put_links, value};
use crate::codec::{Binds, CellWriter, Cells, Decode, Encode, EncodeOf, KeyCodec, typed};
use crate::error::BoxError;
use crate::store::{AnyColumn, Column, Filling, Keys, Link, List, Slot, TOO_MANY, Table};

/// To-one links, kept as the slot of the target: following one costs no look-up
#[derive(Debug)]
pub struct ToOneLink<T, const NULLABLE: bool>(PhantomData<fn() -> T>);

impl<T, const NULLABLE: bool> ToOneLink<T, NULLABLE> {
    /// Called by generated code.
    pub const DECODE: Self = Self(PhantomData);
}

impl<T: 'static, const NULLABLE: bool> Cells for ToOneLink<T, NULLABLE> {
    type Cell = Link;
}

impl<C, T, const NULLABLE: bool> Decode<C> for ToOneLink<T, NULLABLE>
where
    C: Connection,
    T: Entity<Connection = C>,
{
    fn writer<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        target: Option<&'a Table>,
        filling: Filling,
    ) -> Box<dyn CellWriter<C::Backend> + 'a> {
        Box::new(LinkWriter::<T, NULLABLE> {
            column: typed(cells).borrow_mut(),
            filling,
            targets: table_of(target).keys(),
            last: None,
            target: Slot::NULL,
            parts: Default::default(),
            moved: None,
            is_null: false,
        })
    }
}

struct LinkWriter<'a, T: Entity, const NULLABLE: bool> {
    column: RefMut<'a, Column<Link>>,
    filling: Filling,
    targets: &'a RefCell<Keys<T::Key>>,
    /// Neighbouring rows often link to the same record.
    last: Option<(T::Key, Slot)>,
    /// The slot that the value named which was read last
    target: Slot,
    /// Where the last one that was cached as another one led to, and leads to
    moved: Option<(Option<Slot>, Slot)>,
    /// What was read of a key of several columns
    parts: <T::KeyCodec as KeyCodec<<T::Connection as diesel::Connection>::Backend>>::Parts,
    /// Whether one of the columns was NULL: then the link is
    is_null: bool,
}

impl<C, T, const NULLABLE: bool> LinkWriter<'_, T, NULLABLE>
where
    C: Connection,
    T: Entity<Connection = C>,
{
    /// Reads where the link of a row leads.
    #[inline(always)]
    fn read(&mut self, value: Option<<C::Backend as Backend>::RawValue<'_>>) -> Result<(), BoxError> {
        self.target = if NULLABLE && (value.is_none() | std::mem::take(&mut self.is_null)) {
            Slot::NULL
        } else {
            let key = T::KeyCodec::read(&mut self.parts, value)?;
            match &self.last {
                Some((last, slot)) if *last == key => *slot,
                _ => {
                    let slot = self.targets.borrow_mut().try_intern(key.clone()).ok_or(TOO_MANY)?;
                    self.last = Some((key, slot));
                    slot
                }
            }
        };
        Ok(())
    }
}

impl<C, T, const NULLABLE: bool> CellWriter<C::Backend> for LinkWriter<'_, T, NULLABLE>
where
    C: Connection,
    T: Entity<Connection = C>,
{
    fn part(
        &mut self,
        part: usize,
        value: Option<<C::Backend as Backend>::RawValue<'_>>,
    ) -> Result<(), BoxError> {
        // Whatever an error has left of the row before
        self.is_null &= part > 0;
        if NULLABLE && value.is_none() {
            self.is_null = true;
            return Ok(());
        }
        T::KeyCodec::part(&mut self.parts, part, value)
    }

    fn pass(&mut self, value: Option<<C::Backend as Backend>::RawValue<'_>>) -> Result<(), BoxError> {
        self.read(value)
    }

    fn write(
        &mut self,
        slot: Slot,
        value: Option<<C::Backend as Backend>::RawValue<'_>>,
    ) -> Result<(), BoxError> {
        self.read(value)?;
        if self.filling.renews && !self.column.is_dirty(slot) {
            let led = self.column.get(slot).map(|link| link.0);
            self.moved = (led != Some(self.target)).then_some((led, self.target));
        }
        if let Some(cell) = self.column.fillable(slot, self.filling) {
            cell.fill(Link(self.target));
        }
        Ok(())
    }

    fn forget(&mut self, slot: Slot) {
        self.column.remove_meanwhile(slot);
    }

    fn linked(&self) -> Option<Slot> {
        Some(self.target)
    }

    fn moved(&mut self) -> Option<(Option<Slot>, Slot)> {
        self.moved.take()
    }

    fn compare(
        &mut self,
        slot: Slot,
        value: Option<<C::Backend as Backend>::RawValue<'_>>,
        _: &dyn Fn(&dyn Any, &dyn Any) -> bool,
    ) -> Result<bool, BoxError> {
        let known = self.column.loaded_in(slot, self.filling.now).copied();
        self.write(slot, value)?;
        Ok(known.is_none_or(|known| known.0 == self.target))
    }
}

impl<C, T, const NULLABLE: bool> EncodeOf<C, ToOneLink<T, NULLABLE>>
where
    C: Connection,
    T: Entity<Connection = C>,
{
    /// How to write a to-one link
    pub const ENCODE: Option<&'static dyn Encode<C>> = Some(&EncodeLink::<T, NULLABLE>(PhantomData));
}

struct EncodeLink<T, const NULLABLE: bool>(PhantomData<fn() -> T>);

impl<T, const NULLABLE: bool> fmt::Debug for EncodeLink<T, NULLABLE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodeLink")
    }
}

/// The table that a link leads to
fn table_of(target: Option<&Table>) -> &Table {
    match target {
        Some(table) => table,
        None => unreachable!("a link that leads nowhere"),
    }
}

/// Whether the database holds the key of a link as it was given
fn is_key_kept<T: Entity>(system: &System, targets: &Table, link: Link) -> bool {
    let is_altered = |slot| T::KeyCodec::may_alter(system, targets.keys::<T::Key>().borrow().key(slot));
    targets.are_keys_numbers() || !link.target().is_some_and(is_altered)
}

/// The key of a link that is given: an `Id`, or an `Option` of one
fn link_key<T: Entity>(given: &dyn Any) -> Option<&T::Key> {
    match given.downcast_ref::<Id<T>>() {
        Some(id) => Some(id.key()),
        None => value::<Option<Id<T>>>(given).as_ref().map(Id::key),
    }
}

// What follows does not depend on the model that a link leads to, and so is compiled once.

/// Puts links into cells; `intern` gives the slot of a key that is given, or nothing for NULL.
fn put_given(
    cells: &dyn AnyColumn,
    given: Given<'_>,
    put: Put<'_>,
    intern: &dyn Fn(&dyn Any) -> Option<Slot>,
    may_alter: &dyn Fn(Link) -> bool,
) {
    let link = |given: &dyn Any| match given.downcast_ref::<Link>() {
        // What was computed is a link already.
        Some(&link) => link,
        None => intern(given).map_or(Link::NULL, Link),
    };
    let may_alter = |&link: &Link| may_alter(link);
    match given {
        Given::Same(value) => put_links(cells, |_| Some(link(value)), put, may_alter),
        Given::Each(value) => put_links(cells, |row| value(row).map(link), put, may_alter),
    }
}

fn cell(cells: &dyn AnyColumn, slot: Slot) -> Option<Link> {
    typed::<Link>(cells).borrow().get(slot).copied()
}

/// The slots that the links of records lead to, of those that are cached
fn targets_of(cells: &dyn AnyColumn, slots: &[Slot]) -> Vec<Option<Slot>> {
    let cells = typed::<Link>(cells).borrow();
    slots.iter().filter_map(|&slot| cells.get(slot)).map(|link| link.target()).collect()
}

fn are_equal(cells: &dyn AnyColumn, slots: &[Slot]) -> bool {
    all_equal(&typed::<Link>(cells).borrow(), slots, exact)
}

fn is_same(a: &dyn Any, b: &dyn Any) -> bool {
    value::<Link>(a) == value::<Link>(b)
}

impl<C, T, const NULLABLE: bool> Encode<C> for EncodeLink<T, NULLABLE>
where
    C: Connection,
    T: Entity<Connection = C>,
{
    fn put(&self, cells: &dyn AnyColumn, target: Option<&Table>, given: Given<'_>, put: Put<'_>) {
        let targets = table_of(target);
        let intern = |given: &dyn Any| link_key::<T>(given).map(|key| targets.intern(key.clone()));
        let system = put.system;
        let may_alter = |link: Link| !is_key_kept::<T>(system, targets, link);
        put_given(cells, given, put, &intern, &may_alter);
    }

    fn push<'b>(&self, given: &'b dyn Any, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        T::KeyCodec::push_one(link_key::<T>(given), part, out)
    }

    fn push_null<'b>(&self, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        T::KeyCodec::push_one(None, part, out)
    }

    fn binds<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        target: Option<&Table>,
        slots: &[Slot],
    ) -> Box<dyn Binds<C::Backend> + 'a> {
        any::<T>().key_binds(table_of(target), targets_of(cells, slots))
    }

    fn are_equal(&self, cells: &dyn AnyColumn, slots: &[Slot]) -> bool {
        are_equal(cells, slots)
    }

    fn is_kept(&self, system: &System, cells: &dyn AnyColumn, target: Option<&Table>, slot: Slot) -> bool {
        cell(cells, slot).is_none_or(|link| is_key_kept::<T>(system, table_of(target), link))
    }

    fn copy(&self, cells: &dyn AnyColumn, slot: Slot) -> Option<Box<dyn Any>> {
        Some(Box::new(cell(cells, slot)?))
    }

    fn is_same(&self, a: &dyn Any, b: &dyn Any) -> bool {
        is_same(a, b)
    }
}

/// To-many links: no column of their own table, loaded by what leads to their members
#[derive(Debug)]
pub struct ToManyLink<T>(PhantomData<fn() -> T>);

impl<T: 'static> Cells for ToManyLink<T> {
    type Cell = List;
}
