//! How a database's values become cells: one writer per column and batch, typed once, called through `dyn`.

use std::any::Any;
use std::error::Error;
use std::marker::PhantomData;

use bytes::Bytes;
use diesel::backend::Backend;
use diesel::deserialize::FromSql;
use diesel::sql_types::HasSqlType;

use super::column::{Brought, Column, Moment, Stamp};
use super::link::List;
use crate::Environment;
use crate::backend::{Connection, Dialect};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Writes one column of the rows of a SELECT into the cache.
pub trait CellWriter<DB: Backend> {
    /// Fills the cell of a slot if it is empty; for a to-one link, tells the slot that the value names.
    fn write(&mut self, slot: u32, value: Option<DB::RawValue<'_>>) -> Result<Option<u32>, BoxError>;
}

/// What a cell of a column holds
///
/// Apart from [`Codec`], so that a type that diesel cannot read is one error, at the field, and not one at each use.
pub trait Cells: 'static {
    /// What a cell holds
    type Cell: Send + 'static;
}

/// What a cell of a column holds, and how it is read from the database
pub trait Codec<C: Connection>: Cells {
    /// A writer for the rows of one SELECT; `None` where the field is no column.
    fn writer<'a>(
        column: &'a mut Column<Self::Cell>,
        env: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>>;

    /// Where a cell leads to: nowhere unless it is a link.
    fn hop(cell: &Self::Cell) -> &[u32] {
        let _ = cell;
        &[]
    }

    /// The number of the model that a cell leads to; `None` unless the field is a link.
    fn target() -> Option<usize> {
        None
    }

    /// The cell of a list; `None` unless the field is a to-many link.
    fn list(list: List) -> Option<Self::Cell> {
        let _ = list;
        None
    }
}

/// A column as the derive declares it: the cells, and the codec that fills them
#[derive(Debug)]
pub struct Stored<C, D: Cells> {
    column: Column<D::Cell>,
    codec: PhantomData<fn() -> (C, D)>,
}

impl<C, D: Cells> Stored<C, D> {
    /// The cells
    #[inline]
    pub fn column(&self) -> &Column<D::Cell> {
        &self.column
    }

    /// The cells
    #[inline]
    pub fn column_mut(&mut self) -> &mut Column<D::Cell> {
        &mut self.column
    }
}

impl<C, D: Cells> Default for Stored<C, D> {
    fn default() -> Self {
        Self { column: Column::default(), codec: PhantomData }
    }
}

/// A column whatever its type, for work that is done for all columns alike.
pub trait AnyColumn<C: Connection> {
    /// This column, its type forgotten
    fn any(&self) -> &dyn AnyColumn<C>;
    /// This column, its type forgotten
    fn any_mut(&mut self) -> &mut dyn AnyColumn<C>;
    /// Whether the slot's cell holds a value
    fn has(&self, slot: u32) -> bool;
    /// Notes the use of a value in a turn; tells whether there is one
    fn touch(&self, slot: u32, turn: u32) -> bool;
    /// Whether the slot's value was written and not flushed
    fn is_dirty(&self, slot: u32) -> bool;
    /// Keeps the value of a slot, as it is, until it is cleaned
    fn pin(&mut self, slot: u32);
    /// Notes that what was written to a slot is in the database now
    fn clean(&mut self, slot: u32);
    /// Makes cells missing that were loaded or written since a time, dirty ones too
    fn forget_since(&mut self, since: Stamp);
    /// The number of the model that the cells lead to, if they are links
    fn target(&self) -> Option<usize>;
    /// The [`Column`], for those who know what its cells hold
    fn cells(&self) -> &dyn Any;
    /// The [`Column`], for those who know what its cells hold
    fn cells_mut(&mut self) -> &mut dyn Any;
    /// Makes a clean cell missing
    fn remove(&mut self, slot: u32) -> bool;
    /// Makes cells missing; tells how many were
    fn remove_where(&mut self, drop: &mut dyn FnMut(u32, Stamp) -> bool) -> usize;
    /// The same within one page
    fn remove_in_page(&mut self, page: usize, drop: &mut dyn FnMut(u32, Stamp) -> bool) -> usize;
    /// Calls with each page and the turn of its last use
    fn each_use(&self, f: &mut dyn FnMut(usize, u32));
    /// Makes all cells from a slot on missing
    fn remove_from(&mut self, from: usize);
    /// Makes all cells missing that were loaded at a time or later
    fn remove_since(&mut self, since: Stamp);
    /// Makes links missing that lead to a slot beyond those that are kept of its model
    fn remove_links(&mut self, keep: &dyn Fn(usize) -> usize);
    /// How many records a cell leads to, if that is a hit and no more
    fn list_len(&self, slot: u32, turn: u32) -> Option<usize>;
    /// How many cells hold a value
    fn count(&self) -> usize;
    /// When a slot's value was loaded
    fn loaded_at(&self, slot: u32) -> Option<Stamp>;
    /// Fills the cell of a to-many link if it is empty
    fn fill_list(&mut self, slot: u32, now: Moment, list: List);
    /// Calls with each slot that holds a value
    fn each_slot(&self, f: &mut dyn FnMut(u32));
    /// Bytes taken
    fn bytes(&self) -> usize;
    /// The values that are cached, and the bytes that go with them
    fn held(&self) -> Brought;
    /// Notes that all that is held beyond this came from a SELECT
    fn note_brought(&mut self, before: Brought);
    /// What came from SELECTs so far
    fn brought(&self) -> Brought;
    /// Reads that found a value, and those that did not
    fn reads(&self) -> (usize, usize);
    /// Counts a read that was answered by the cache, as a use in this turn
    fn count_hit(&self, slot: u32, turn: u32);
    /// Counts a read that did not find a value
    fn count_miss(&self);
    /// A writer for the rows of one SELECT
    fn writer<'a>(
        &'a mut self,
        env: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>>;
    /// Where the cells of slots lead to: `None` for a missing cell
    fn hop<'a>(&'a self, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&'a [u32]>));
}

impl<C: Connection, D: Codec<C>> AnyColumn<C> for Stored<C, D> {
    fn is_dirty(&self, slot: u32) -> bool {
        self.column.is_dirty(slot)
    }

    fn pin(&mut self, slot: u32) {
        self.column.pin(slot);
    }

    fn clean(&mut self, slot: u32) {
        self.column.clean(slot);
    }

    fn forget_since(&mut self, since: Stamp) {
        self.column.forget_since(since);
    }

    fn target(&self) -> Option<usize> {
        D::target()
    }

    fn cells(&self) -> &dyn Any {
        &self.column
    }

    fn cells_mut(&mut self) -> &mut dyn Any {
        &mut self.column
    }

    fn any(&self) -> &dyn AnyColumn<C> {
        self
    }

    fn any_mut(&mut self) -> &mut dyn AnyColumn<C> {
        self
    }

    fn has(&self, slot: u32) -> bool {
        self.column.has(slot)
    }

    fn touch(&self, slot: u32, turn: u32) -> bool {
        self.column.touch(slot, turn)
    }

    fn remove(&mut self, slot: u32) -> bool {
        self.column.remove(slot)
    }

    fn remove_where(&mut self, drop: &mut dyn FnMut(u32, Stamp) -> bool) -> usize {
        self.column.remove_where(drop)
    }

    fn remove_in_page(&mut self, page: usize, drop: &mut dyn FnMut(u32, Stamp) -> bool) -> usize {
        self.column.remove_in_page(page, drop)
    }

    fn each_use(&self, f: &mut dyn FnMut(usize, u32)) {
        self.column.uses().for_each(|(page, turn)| f(page, turn));
    }

    fn remove_from(&mut self, from: usize) {
        self.column.remove_from(from);
    }

    fn remove_since(&mut self, since: Stamp) {
        self.column.remove_since(since);
    }

    fn remove_links(&mut self, keep: &dyn Fn(usize) -> usize) {
        if let Some(model) = D::target() {
            let keep = keep(model);
            self.column.remove_values(|cell| D::hop(cell).iter().any(|&target| target as usize >= keep));
        }
    }

    fn list_len(&self, slot: u32, turn: u32) -> Option<usize> {
        self.column.hit(slot, turn).map(|cell| D::hop(cell).len())
    }

    fn count(&self) -> usize {
        self.column.count()
    }

    fn loaded_at(&self, slot: u32) -> Option<Stamp> {
        self.column.loaded_at(slot)
    }

    fn fill_list(&mut self, slot: u32, now: Moment, list: List) {
        if let Some(list) = D::list(list)
            && let Some(cell) = self.column.vacant(slot, now)
        {
            cell.fill(list);
        }
    }

    fn each_slot(&self, f: &mut dyn FnMut(u32)) {
        self.column.slots().for_each(f);
    }

    fn bytes(&self) -> usize {
        self.column.bytes()
    }

    fn held(&self) -> Brought {
        self.column.held()
    }

    fn note_brought(&mut self, before: Brought) {
        self.column.note_brought(before);
    }

    fn brought(&self) -> Brought {
        self.column.brought()
    }

    fn reads(&self) -> (usize, usize) {
        (self.column.hits(), self.column.misses())
    }

    fn count_hit(&self, slot: u32, turn: u32) {
        self.column.count_hit(slot, turn);
    }

    fn count_miss(&self) {
        self.column.count_miss();
    }

    fn writer<'a>(
        &'a mut self,
        env: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>> {
        D::writer(&mut self.column, env, now)
    }

    fn hop<'a>(&'a self, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&'a [u32]>)) {
        for slot in slots {
            out(self.column.get(slot).map(D::hop));
        }
    }
}

/// Values that are kept as diesel reads them: numbers, dates, [`Str`](crate::Str), a user's own types, `Option`s of these
#[derive(Debug)]
pub struct Scalar<V, ST>(PhantomData<fn() -> (V, ST)>);

/// Blobs, kept as [`Bytes`]: a clone shares them. `V` is `Bytes` or `Option<Bytes>`
#[derive(Debug)]
pub struct Blob<V, ST>(PhantomData<fn() -> (V, ST)>);

/// What a blob column's cell can be
pub trait BlobCell: Send + 'static {
    /// What diesel reads
    type Read;
    /// The cell of what diesel read
    fn cell(read: Self::Read) -> Self;
    /// The bytes, unless the cell is NULL
    fn bytes(&self) -> Option<&[u8]>;
}

impl BlobCell for Bytes {
    type Read = Vec<u8>;
    fn cell(read: Vec<u8>) -> Self {
        Self::from(read)
    }
    fn bytes(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl BlobCell for Option<Bytes> {
    type Read = Option<Vec<u8>>;
    fn cell(read: Option<Vec<u8>>) -> Self {
        read.map(Bytes::from)
    }
    fn bytes(&self) -> Option<&[u8]> {
        self.as_deref()
    }
}

/// A column read value by value, without a look at anything else.
trait Decode<DB: Dialect> {
    type Cell: 'static;
    fn check() -> DB::Check;
    fn decode(value: Option<DB::RawValue<'_>>) -> Result<Self::Cell, BoxError>;
}

impl<DB, V, ST> Decode<DB> for Scalar<V, ST>
where
    DB: Dialect + HasSqlType<ST>,
    V: FromSql<ST, DB> + 'static,
{
    type Cell = V;

    #[inline(always)]
    fn check() -> DB::Check {
        DB::check::<ST>()
    }

    #[inline]
    fn decode(value: Option<DB::RawValue<'_>>) -> Result<V, BoxError> {
        V::from_nullable_sql(value)
    }
}

impl<DB, V, ST> Decode<DB> for Blob<V, ST>
where
    DB: Dialect + HasSqlType<ST>,
    V: BlobCell<Read: FromSql<ST, DB>>,
{
    type Cell = V;

    #[inline(always)]
    fn check() -> DB::Check {
        DB::check::<ST>()
    }

    fn decode(value: Option<DB::RawValue<'_>>) -> Result<V, BoxError> {
        V::Read::from_nullable_sql(value).map(V::cell)
    }
}

struct Decoder<'a, DB: Dialect, D: Decode<DB>> {
    column: &'a mut Column<D::Cell>,
    now: Moment,
    codec: PhantomData<DB>,
}

impl<DB: Dialect, D: Decode<DB>> CellWriter<DB> for Decoder<'_, DB, D> {
    fn write(&mut self, slot: u32, mut value: Option<DB::RawValue<'_>>) -> Result<Option<u32>, BoxError> {
        if let Some(cell) = self.column.vacant(slot, self.now) {
            if let Some(value) = &mut value {
                DB::verify(D::check(), value)?;
            }
            cell.fill(D::decode(value)?);
        }
        Ok(None)
    }
}

impl<V: Send + 'static, ST: 'static> Cells for Scalar<V, ST> {
    type Cell = V;
}

impl<C, V, ST> Codec<C> for Scalar<V, ST>
where
    C: Connection<Backend: HasSqlType<ST>>,
    V: FromSql<ST, C::Backend> + Send + 'static,
    ST: 'static,
{
    fn writer<'a>(
        column: &'a mut Column<V>,
        _: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>> {
        Some(Box::new(Decoder::<C::Backend, Self> { column, now, codec: PhantomData }))
    }
}

impl<V: BlobCell, ST: 'static> Cells for Blob<V, ST> {
    type Cell = V;
}

impl<C, V, ST> Codec<C> for Blob<V, ST>
where
    C: Connection<Backend: HasSqlType<ST>>,
    V: BlobCell<Read: FromSql<ST, C::Backend>>,
    ST: 'static,
{
    fn writer<'a>(
        column: &'a mut Column<V>,
        _: &'a Environment<C>,
        now: Moment,
    ) -> Option<Box<dyn CellWriter<C::Backend> + 'a>> {
        Some(Box::new(Decoder::<C::Backend, Self> { column, now, codec: PhantomData }))
    }
}
