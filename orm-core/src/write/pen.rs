//! How the values of one field are written, whatever their type: put into the cache, compared, bound.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::Error::QueryBuilderError;
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, HasSqlType, Nullable};

use super::links::{self, Moved};
use crate::backend::{Connection, Dialect};
use crate::cache::{AnyColumn, Blob, BlobCell, Column, Link, Moment, Scalar, ToOneLink, heap_bytes};
use crate::key::{KeyCodec, SqlNull};
use crate::model::{DbOf, Model};
use crate::{Environment, Id};

/// What makes a field's type one that can be written
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can only be read",
    label = "`{Self}` is no type that can be written",
    note = "to be written it needs `PartialEq`, and diesel's `ToSql` for the column's type"
)]
pub trait Writable<ST, DB: Backend>: PartialEq + ToSql<ST, DB> {}

#[diagnostic::do_not_recommend]
impl<V: PartialEq + ToSql<ST, DB>, ST, DB: Backend> Writable<ST, DB> for V {}

/// How the values of one field are written
pub trait Pen<C: Connection>: fmt::Debug + Sync {
    /// Puts values into the cells of records.
    fn put(&self, env: &Environment<C>, column: &mut dyn AnyColumn<C>, given: Given<'_>, put: Put<'_>);

    /// Binds a value that is not in the cache.
    fn push<'b>(&self, value: &'b dyn Any, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()>;

    /// The cells of records, to be bound
    fn binds<'a>(
        &self,
        env: &Environment<C>,
        column: &'a dyn AnyColumn<C>,
        slots: &[u32],
    ) -> Box<dyn Binds<C::Backend> + 'a>;

    /// Whether the cells of all these records hold the same value
    fn are_equal(&self, column: &dyn AnyColumn<C>, slots: &[u32]) -> bool;

    /// The bytes that a record's cell has on the heap, as far as they are known
    fn weight(&self, column: &dyn AnyColumn<C>, slot: u32) -> usize {
        let _ = (column, slot);
        0
    }

    /// The same of a value that is not in the cache
    fn weight_of(&self, value: &dyn Any) -> usize {
        let _ = value;
        0
    }

    /// Puts records whose link `field` leads elsewhere now into the lists of the other side.
    fn moved(&self, env: &Environment<C>, model: usize, field: usize, moved: &[Moved]) {
        let _ = (env, model, field, moved);
    }

    /// Makes the lists of the other side missing, if a default of the database has put new records into one of them.
    fn left_to_default(&self, env: &Environment<C>, model: usize, field: usize) {
        let _ = (env, model, field);
    }
}

/// Which values go into cells
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// The same for all of them
    Same(&'a dyn Any),
    /// By row; `None`: the cell stays as it is
    Each(&'a dyn Fn(usize) -> Option<&'a dyn Any>),
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Self::Same(_) = self { "Same" } else { "Each" })
    }
}

impl<'a> Given<'a> {
    #[inline]
    fn of(self, row: usize) -> Option<&'a dyn Any> {
        match self {
            Self::Same(value) => Some(value),
            Self::Each(value) => value(row),
        }
    }
}

/// Into which cells values go, and what is to be known of it afterwards
pub struct Put<'a> {
    pub(crate) slots: &'a [u32],
    pub(crate) state: State,
    pub(crate) now: Moment,
    /// Called with each record whose value is another one now, and dirty
    pub(crate) changed: &'a mut dyn FnMut(u32),
    /// The same, and where their link led before; nothing unless the field is a link
    pub(crate) moved: Option<&'a mut Vec<Moved>>,
}

impl fmt::Debug for Put<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("slots", &self.slots).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Where a value is besides the cache
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nowhere, until it is flushed
    Written,
    /// In the database
    Stored,
    /// In the database since this moment: nobody knew of the record before
    New,
}

/// Some values of one field, as the binds of a statement
pub trait Binds<DB: Backend> {
    /// Binds the value of one of the records.
    fn push<'b>(&'b self, row: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// Chooses the pen of a field by the codec of its column: [`PEN`](ReadOnly::PEN) is `None` where the type cannot be written
///
/// Found by name resolution: the inherent constant where its bounds hold, else that of [`ReadOnly`].
#[derive(Debug)]
pub struct PenOf<C, D>(PhantomData<fn() -> (C, D)>);

/// What [`PenOf`] falls back to
pub trait ReadOnly<C: Connection> {
    /// There is none.
    const PEN: Option<&'static dyn Pen<C>> = None;
}

impl<C: Connection, D> ReadOnly<C> for PenOf<C, D> {}

impl<C, V, ST> PenOf<C, Scalar<V, ST>>
where
    C: Connection<Backend: HasSqlType<ST>>,
    V: Writable<ST, C::Backend> + Clone + Send + 'static,
    ST: 'static,
{
    /// The pen of a value
    pub const PEN: Option<&'static dyn Pen<C>> = Some(&ValuePen::<V, AsSql<ST>>(PhantomData));
}

impl<C, V> PenOf<C, Blob<V, Binary>>
where
    C: Connection,
    V: BlobCell + Clone + PartialEq,
    [u8]: ToSql<Binary, C::Backend>,
{
    /// The pen of a blob
    pub const PEN: Option<&'static dyn Pen<C>> = Some(&ValuePen::<V, AsBytes>(PhantomData));
}

impl<C, V> PenOf<C, Blob<V, Nullable<Binary>>>
where
    C: Connection,
    V: BlobCell + Clone + PartialEq,
    [u8]: ToSql<Binary, C::Backend>,
{
    /// The pen of a blob that may be NULL
    pub const PEN: Option<&'static dyn Pen<C>> = Some(&ValuePen::<V, AsBytes>(PhantomData));
}

impl<C, T, const NULLABLE: bool> PenOf<C, ToOneLink<T, NULLABLE>>
where
    C: Connection,
    T: Model<Connection = C>,
{
    /// The pen of a to-one link
    pub const PEN: Option<&'static dyn Pen<C>> = Some(&LinkPen::<T, NULLABLE>(PhantomData));
}

/// The cells of a column, by their type; a pen is only ever used with the column that it was made for.
fn cells<C: Connection, V: 'static>(column: &dyn AnyColumn<C>) -> &Column<V> {
    match column.cells().downcast_ref() {
        Some(cells) => cells,
        None => unreachable!("a pen of another column"),
    }
}

fn cells_mut<C: Connection, V: 'static>(column: &mut dyn AnyColumn<C>) -> &mut Column<V> {
    match column.cells_mut().downcast_mut() {
        Some(cells) => cells,
        None => unreachable!("a pen of another column"),
    }
}

fn value<V: 'static>(value: &dyn Any) -> &V {
    match value.downcast_ref() {
        Some(value) => value,
        None => unreachable!("a value of another field"),
    }
}

/// Puts values into cells, but into those that hold them already.
fn put_cells<'v, V: Clone + PartialEq + 'static>(
    cells: &mut Column<V>,
    value: impl Fn(usize) -> Option<&'v V>,
    put: Put<'_>,
    mut on_change: impl FnMut(u32, Option<&V>, &V),
) {
    for (row, &slot) in put.slots.iter().enumerate() {
        let Some(value) = value(row) else { continue };
        let old = cells.get(slot);
        if old == Some(value) {
            continue;
        }
        on_change(slot, old, value);
        // NaN: what a database makes of it has to be read.
        #[allow(clippy::eq_op)]
        if put.state != State::Written && value != value {
            cells.remove(slot);
            continue;
        }
        match put.state {
            State::Written => {
                (put.changed)(slot);
                cells.write(slot, put.now, value.clone());
            }
            State::Stored | State::New => cells.set(slot, put.now, value.clone()),
        }
    }
}

fn all_equal<V: PartialEq + 'static>(cells: &Column<V>, slots: &[u32]) -> bool {
    let Some((&first, others)) = slots.split_first() else { return true };
    let first = cells.get(first);
    others.iter().all(|&slot| cells.get(slot) == first)
}

fn row<V>(values: &[V], row: usize) -> QueryResult<&V> {
    values.get(row).ok_or_else(|| QueryBuilderError("a record has no value to be written".into()))
}

/// How a value that stands in the cache as it is becomes a bind
trait Bind<V, DB: Backend>: 'static {
    fn push<'b>(value: &'b V, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// As diesel binds it, as the SQL type `ST`
struct AsSql<ST>(PhantomData<ST>);

impl<DB, V, ST> Bind<V, DB> for AsSql<ST>
where
    DB: Backend + HasSqlType<ST>,
    V: ToSql<ST, DB>,
    ST: 'static,
{
    fn push<'b>(value: &'b V, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, V>(value)
    }
}

/// As the bytes that it holds
struct AsBytes;

impl<DB, V> Bind<V, DB> for AsBytes
where
    DB: Dialect,
    V: BlobCell,
    [u8]: ToSql<Binary, DB>,
{
    fn push<'b>(value: &'b V, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match value.bytes() {
            Some(bytes) => out.push_bind_param::<Binary, [u8]>(bytes),
            None => out.push_bind_param::<Nullable<Binary>, SqlNull>(&SqlNull),
        }
    }
}

struct ValuePen<V, B>(PhantomData<fn() -> (V, B)>);

impl<V, B> fmt::Debug for ValuePen<V, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValuePen")
    }
}

struct ValueBinds<'a, V, B>(Vec<&'a V>, PhantomData<B>);

impl<DB: Backend, V, B: Bind<V, DB>> Binds<DB> for ValueBinds<'_, V, B> {
    fn push<'b>(&'b self, at: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        B::push(row(&self.0, at)?, out)
    }
}

impl<C, V, B> Pen<C> for ValuePen<V, B>
where
    C: Connection,
    V: Clone + PartialEq + Send + 'static,
    B: Bind<V, C::Backend>,
{
    fn put(&self, _: &Environment<C>, column: &mut dyn AnyColumn<C>, given: Given<'_>, put: Put<'_>) {
        put_cells(cells_mut::<C, V>(column), |row| given.of(row).map(value), put, |_, _, _| {});
    }

    fn push<'b>(&self, given: &'b dyn Any, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        B::push(value(given), out)
    }

    fn binds<'a>(
        &self,
        _: &Environment<C>,
        column: &'a dyn AnyColumn<C>,
        slots: &[u32],
    ) -> Box<dyn Binds<C::Backend> + 'a> {
        let cells = cells::<C, V>(column);
        let values = slots.iter().filter_map(|&slot| cells.get(slot)).collect();
        Box::new(ValueBinds::<V, B>(values, PhantomData))
    }

    fn are_equal(&self, column: &dyn AnyColumn<C>, slots: &[u32]) -> bool {
        all_equal(cells::<C, V>(column), slots)
    }

    fn weight(&self, column: &dyn AnyColumn<C>, slot: u32) -> usize {
        cells::<C, V>(column).get(slot).and_then(heap_bytes).unwrap_or(0)
    }

    fn weight_of(&self, given: &dyn Any) -> usize {
        heap_bytes::<V>(value(given)).unwrap_or(0)
    }
}

struct LinkPen<T, const NULLABLE: bool>(PhantomData<fn() -> T>);

impl<T, const NULLABLE: bool> fmt::Debug for LinkPen<T, NULLABLE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkPen")
    }
}

struct LinkBinds<T: Model>(Vec<Option<T::Key>>);

impl<T: Model> Binds<DbOf<T>> for LinkBinds<T> {
    fn push<'b>(&'b self, at: usize, out: AstPass<'_, 'b, DbOf<T>>) -> QueryResult<()> {
        T::KeyCodec::push_one(row(&self.0, at)?.as_ref(), out)
    }
}

/// The key of a link that is given: an `Id`, or an `Option` of one
fn link_key<T: Model>(given: &dyn Any) -> Option<&T::Key> {
    match given.downcast_ref::<Id<T>>() {
        Some(id) => Some(id.key()),
        None => value::<Option<Id<T>>>(given).as_ref().map(Id::key),
    }
}

impl<C, T, const NULLABLE: bool> Pen<C> for LinkPen<T, NULLABLE>
where
    C: Connection,
    T: Model<Connection = C>,
{
    fn put(&self, env: &Environment<C>, column: &mut dyn AnyColumn<C>, given: Given<'_>, put: Put<'_>) {
        let targets = env.store::<T>();
        let link = |value| link_key::<T>(value).map_or(Link::NULL, |key| Link(targets.intern(key.clone())));
        match given {
            Given::Same(value) => {
                let link = link(value);
                put_links(cells_mut(column), |_| Some(&link), put);
            }
            Given::Each(value) => {
                let links: Vec<Option<Link>> = (0..put.slots.len()).map(|row| value(row).map(link)).collect();
                put_links(cells_mut(column), |row| links[row].as_ref(), put);
            }
        }
    }

    fn push<'b>(&self, given: &'b dyn Any, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        T::KeyCodec::push_one(link_key::<T>(given), out)
    }

    fn binds<'a>(
        &self,
        env: &Environment<C>,
        column: &'a dyn AnyColumn<C>,
        slots: &[u32],
    ) -> Box<dyn Binds<C::Backend> + 'a> {
        let (cells, target) = (cells::<C, Link>(column), env.store::<T>());
        let links = slots.iter().filter_map(|&slot| cells.get(slot));
        Box::new(LinkBinds::<T>(links.map(|link| link.target().map(|slot| target.key(slot))).collect()))
    }

    fn are_equal(&self, column: &dyn AnyColumn<C>, slots: &[u32]) -> bool {
        all_equal(cells::<C, Link>(column), slots)
    }

    fn moved(&self, env: &Environment<C>, model: usize, field: usize, moved: &[Moved]) {
        links::moved::<C, T>(env, model, field, moved);
    }

    fn left_to_default(&self, env: &Environment<C>, model: usize, field: usize) {
        // One that may be NULL is NULL, as good as always.
        if !NULLABLE {
            links::forget::<C, T>(env, links::Side::Inverse { model, field });
        }
    }
}

/// Puts links into cells, and notes where they led before.
pub(super) fn put_links<'v>(
    cells: &mut Column<Link>,
    link: impl Fn(usize) -> Option<&'v Link>,
    mut put: Put<'_>,
) {
    let nowhere = (put.state == State::New).then_some(Link::NULL);
    let mut moved = put.moved.take();
    put_cells(cells, link, put, |slot, old, &to| {
        if let Some(moved) = &mut moved {
            moved.push(Moved { slot, from: old.copied().or(nowhere), to });
        }
    });
}
