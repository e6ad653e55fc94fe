//! How a database's values become cells: one writer per column and batch, typed once, called through `dyn`.

use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use diesel::backend::Backend;
use diesel::deserialize::FromSql;

use crate::backend::{Connection, Dialect, Knows};
use crate::error::BoxError;
use crate::store::{AnyColumn, Column, Filling, Slot, Table};

/// Writes one field of the rows of a SELECT into the cache.
pub trait CellWriter<DB: Backend> {
    /// Reads a column of a field of several, but the last one.
    fn part(&mut self, part: usize, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        let _ = (part, value);
        Ok(())
    }

    /// Fills the cell of a slot if it is empty.
    fn write(&mut self, slot: Slot, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError>;

    /// Reads a value whose cell stays as it is.
    fn pass(&mut self, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        let _ = value;
        Ok(())
    }

    /// Makes the cell of a slot missing, unless it is dirty.
    fn forget(&mut self, slot: Slot);

    /// Of a to-one link, the slot that the value named which was read last
    fn linked(&self) -> Option<Slot> {
        None
    }

    /// Of a to-one link that has come anew, and was not cached or was another one: the slots that it led to, if it was cached, and that it
    /// leads to
    fn moved(&mut self) -> Option<(Option<Slot>, Slot)> {
        None
    }

    /// Reads a row that the SELECT has brought before, and tells whether its value is the same.
    fn compare(
        &mut self,
        slot: Slot,
        value: Option<DB::RawValue<'_>>,
        is_same: &dyn Fn(&dyn Any, &dyn Any) -> bool,
    ) -> Result<bool, BoxError>;
}

/// What a cell of a column holds
///
/// Apart from [`Decode`], so that a type that diesel cannot read is one error, at the field, and not one at each use.
pub trait Cells: 'static {
    /// What a cell holds
    type Cell: Send + 'static;
}

/// What a cell of a computed field holds
#[derive(Debug)]
pub struct ComputedCell<V>(PhantomData<fn() -> V>);

impl<V: Send + 'static> Cells for ComputedCell<V> {
    type Cell = V;
}

/// The cells of a field
pub type CellsOf<'env, D> = &'env RefCell<Column<<D as Cells>::Cell>>;

/// An empty column
pub fn cells<D: Cells>() -> Box<dyn AnyColumn> {
    Box::<RefCell<Column<D::Cell>>>::default()
}

/// How the values of one field are read
pub trait Decode<C: Connection>: Sync {
    /// A writer for the rows of one SELECT; `target` is the table that a link leads to.
    fn writer<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        target: Option<&'a Table>,
        filling: Filling,
    ) -> Box<dyn CellWriter<C::Backend> + 'a>;
}

impl<C: Connection> fmt::Debug for dyn Decode<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decode")
    }
}

/// The cells of a column, by their type; a codec is only ever used with the column that it was made for.
pub(crate) fn typed<V: 'static>(cells: &dyn AnyColumn) -> &RefCell<Column<V>> {
    match (cells as &dyn Any).downcast_ref() {
        Some(cells) => cells,
        None => unreachable!("the codec of another column"),
    }
}

/// Values that are kept as diesel reads them: numbers, dates, [`Str`](crate::Str), a user's own types, `Option`s of these
#[derive(Debug)]
pub struct Scalar<V, ST>(PhantomData<fn() -> (V, ST)>);

impl<V, ST> Scalar<V, ST> {
    /// Called by generated code.
    pub const DECODE: Self = Self(PhantomData);
}

/// A type that a column of an SQL type is read as: diesel's [`FromSql`], with words of our own where it is not
#[diagnostic::on_unimplemented(
    message = "a column of the SQL type `{ST}` is not read as `{Self}`",
    label = "this is not what the column holds",
    note = "a nullable column needs an `Option` (`Option<String>`), and a NOT NULL column none; a type of your own needs diesel's `FromSql<{ST}, {DB}>`"
)]
pub trait ReadAs<ST, DB: Backend>: FromSql<ST, DB> {}

#[diagnostic::do_not_recommend]
impl<V: FromSql<ST, DB>, ST, DB: Backend> ReadAs<ST, DB> for V {}

/// Blobs, kept as [`Bytes`]: a clone shares them. `V` is `Bytes` or `Option<Bytes>`
#[derive(Debug)]
pub struct Blob<V, ST>(PhantomData<fn() -> (V, ST)>);

impl<V, ST> Blob<V, ST> {
    /// Called by generated code.
    pub const DECODE: Self = Self(PhantomData);
}

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

/// That a row was found: what a model has instead of a column where nothing else comes with a search
///
/// So that such a record, too, is loaded with its set, is known to exist, and is an error if it does not.
#[derive(Debug)]
pub struct Presence;

impl Cells for Presence {
    type Cell = ();
}

impl<C: Connection> Decode<C> for Presence {
    fn writer<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        _: Option<&'a Table>,
        filling: Filling,
    ) -> Box<dyn CellWriter<C::Backend> + 'a> {
        Box::new(Found { column: typed(cells).borrow_mut(), filling })
    }
}

struct Found<'a> {
    column: RefMut<'a, Column<()>>,
    filling: Filling,
}

impl<DB: Backend> CellWriter<DB> for Found<'_> {
    fn write(&mut self, slot: Slot, _: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        if let Some(cell) = self.column.fillable(slot, self.filling) {
            cell.fill(());
        }
        Ok(())
    }

    fn forget(&mut self, slot: Slot) {
        self.column.remove_meanwhile(slot);
    }

    fn compare(
        &mut self,
        _: Slot,
        _: Option<DB::RawValue<'_>>,
        _: &dyn Fn(&dyn Any, &dyn Any) -> bool,
    ) -> Result<bool, BoxError> {
        Ok(true)
    }
}

/// A column read value by value, without a look at anything else.
trait Value<DB: Dialect> {
    type Cell: 'static;
    fn check() -> DB::Check;
    fn decode(value: Option<DB::RawValue<'_>>) -> Result<Self::Cell, BoxError>;
}

impl<DB, V, ST> Value<DB> for Scalar<V, ST>
where
    DB: Knows<ST>,
    V: FromSql<ST, DB> + 'static,
{
    type Cell = V;

    #[inline(always)]
    fn check() -> DB::Check {
        <DB as Knows<ST>>::check()
    }

    #[inline(always)]
    fn decode(value: Option<DB::RawValue<'_>>) -> Result<V, BoxError> {
        V::from_nullable_sql(value)
    }
}

impl<DB, V, ST> Value<DB> for Blob<V, ST>
where
    DB: Knows<ST>,
    V: BlobCell<Read: FromSql<ST, DB>>,
{
    type Cell = V;

    #[inline(always)]
    fn check() -> DB::Check {
        <DB as Knows<ST>>::check()
    }

    #[inline(always)]
    fn decode(value: Option<DB::RawValue<'_>>) -> Result<V, BoxError> {
        V::Read::from_nullable_sql(value).map(V::cell)
    }
}

struct Decoder<'a, DB: Dialect, D: Value<DB>> {
    column: RefMut<'a, Column<D::Cell>>,
    filling: Filling,
    codec: PhantomData<DB>,
}

fn decoder<'a, DB: Dialect + 'a, D: Value<DB> + 'a>(
    cells: &'a dyn AnyColumn,
    filling: Filling,
) -> Box<dyn CellWriter<DB> + 'a> {
    Box::new(Decoder::<DB, D> { column: typed(cells).borrow_mut(), filling, codec: PhantomData })
}

impl<DB: Dialect, D: Value<DB>> CellWriter<DB> for Decoder<'_, DB, D> {
    fn write(&mut self, slot: Slot, mut value: Option<DB::RawValue<'_>>) -> Result<(), BoxError> {
        if let Some(cell) = self.column.fillable(slot, self.filling) {
            if let Some(value) = &mut value {
                DB::verify(D::check(), value)?;
            }
            cell.fill(D::decode(value)?);
        }
        Ok(())
    }

    fn forget(&mut self, slot: Slot) {
        self.column.remove_meanwhile(slot);
    }

    #[cold]
    fn compare(
        &mut self,
        slot: Slot,
        value: Option<DB::RawValue<'_>>,
        is_same: &dyn Fn(&dyn Any, &dyn Any) -> bool,
    ) -> Result<bool, BoxError> {
        let Some(known) = self.column.loaded_in(slot, self.filling.now) else { return Ok(true) };
        let value = D::decode(value)?;
        Ok(is_same(known, &value))
    }
}

impl<V: Send + 'static, ST: 'static> Cells for Scalar<V, ST> {
    type Cell = V;
}

impl<C, V, ST> Decode<C> for Scalar<V, ST>
where
    C: Connection<Backend: Knows<ST>>,
    V: ReadAs<ST, C::Backend> + Send + 'static,
    ST: 'static,
{
    fn writer<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        _: Option<&'a Table>,
        filling: Filling,
    ) -> Box<dyn CellWriter<C::Backend> + 'a> {
        decoder::<C::Backend, Self>(cells, filling)
    }
}

impl<V: BlobCell, ST: 'static> Cells for Blob<V, ST> {
    type Cell = V;
}

impl<C, V, ST> Decode<C> for Blob<V, ST>
where
    C: Connection<Backend: Knows<ST>>,
    V: BlobCell<Read: FromSql<ST, C::Backend>>,
    ST: 'static,
{
    fn writer<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        _: Option<&'a Table>,
        filling: Filling,
    ) -> Box<dyn CellWriter<C::Backend> + 'a> {
        decoder::<C::Backend, Self>(cells, filling)
    }
}
