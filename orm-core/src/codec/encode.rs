//! How the values of one field are written, whatever their type: put into the cache, compared, bound.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::cell::{LazyCell, Ref};
use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::Error::QueryBuilderError;
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, Nullable};

use super::altered::{self, bits, is_exact};
use super::decode::{Blob, BlobCell, Scalar, typed};
use super::key::SqlNull;
use crate::Str;
use crate::backend::{Connection, Dialect, Knows, System};
use crate::store::{AnyColumn, Column, Link, Moment, Slot, Stamp, Table, heap_bytes};

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
pub trait Encode<C: Connection>: fmt::Debug + Sync {
    /// Puts values into the cells of records; `target` is the table that a link leads to.
    fn put(&self, cells: &dyn AnyColumn, target: Option<&Table>, given: Given<'_>, put: Put<'_>);

    /// Binds a value that is not in the cache, or one column of it.
    fn push<'b>(&self, value: &'b dyn Any, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()>;

    /// Binds NULL, where a statement has no value for a row, or one column of it.
    fn push_null<'b>(&self, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()>;

    /// The cells of records, to be bound
    fn binds<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        target: Option<&Table>,
        slots: &[Slot],
    ) -> Box<dyn Binds<C::Backend> + 'a>;

    /// Whether it writes values of this type; no link does.
    fn takes(&self, value: &dyn Any) -> bool {
        let _ = value;
        false
    }

    /// Whether the cells of all these records hold the same value
    fn are_equal(&self, cells: &dyn AnyColumn, slots: &[Slot]) -> bool;

    /// Whether the database holds what the record's cell does, once that was written
    fn is_kept(&self, system: &System, cells: &dyn AnyColumn, target: Option<&Table>, slot: Slot) -> bool;

    /// Whether the record's cell holds NULL; no link does
    fn is_null(&self, cells: &dyn AnyColumn, slot: Slot) -> bool {
        let _ = (cells, slot);
        false
    }

    /// Whether a statement may write the values of some rows and leave those of others as they are
    fn can_mix(&self, system: &System) -> bool {
        let _ = system;
        true
    }

    /// A copy of what a record's cell holds
    fn copy(&self, cells: &dyn AnyColumn, slot: Slot) -> Option<Box<dyn Any>>;

    /// Whether two cells hold the same value
    fn is_same(&self, a: &dyn Any, b: &dyn Any) -> bool;

    /// The bytes that a record's cell adds to a statement, besides those of a number
    fn weight(&self, cells: &dyn AnyColumn, slot: Slot) -> usize {
        let _ = (cells, slot);
        0
    }

    /// The same of a value that is not in the cache
    fn weight_of(&self, value: &dyn Any) -> usize {
        let _ = value;
        0
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
    pub(crate) system: &'static System,
    pub(crate) slots: &'a [Slot],
    pub(crate) state: State,
    pub(crate) now: Moment,
    /// Called with each record whose value is another one now, and dirty
    pub(crate) changed: &'a mut dyn FnMut(Slot),
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
    /// Binds the value of one of the records, or one column of it.
    fn push<'b>(&'b self, row: usize, part: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// Chooses how a field is written by the codec of its column: [`ENCODE`](ReadOnly::ENCODE) is `None` where the type cannot be written
///
/// Found by name resolution: the inherent constant where its bounds hold, else that of [`ReadOnly`].
#[derive(Debug)]
pub struct EncodeOf<C, D>(PhantomData<fn() -> (C, D)>);

/// What [`EncodeOf`] falls back to
pub trait ReadOnly<C: Connection> {
    /// There is none.
    const ENCODE: Option<&'static dyn Encode<C>> = None;
}

impl<C: Connection, D> ReadOnly<C> for EncodeOf<C, D> {}

impl<C, V, ST> EncodeOf<C, Scalar<V, ST>>
where
    C: Connection<Backend: Knows<ST>>,
    V: Writable<ST, C::Backend> + Clone + Send + 'static,
    ST: 'static,
{
    /// How to write a value
    pub const ENCODE: Option<&'static dyn Encode<C>> = Some(&EncodeValue::<V, AsSql<ST>>(PhantomData));
}

impl<C, V> EncodeOf<C, Blob<V, Binary>>
where
    C: Connection,
    V: BlobCell + Clone + PartialEq,
    [u8]: ToSql<Binary, C::Backend>,
{
    /// How to write a blob
    pub const ENCODE: Option<&'static dyn Encode<C>> = Some(&EncodeValue::<V, AsBytes>(PhantomData));
}

impl<C, V> EncodeOf<C, Blob<V, Nullable<Binary>>>
where
    C: Connection,
    V: BlobCell + Clone + PartialEq,
    [u8]: ToSql<Binary, C::Backend>,
{
    /// How to write a blob that may be NULL
    pub const ENCODE: Option<&'static dyn Encode<C>> = Some(&EncodeValue::<V, AsBytes>(PhantomData));
}

pub(crate) fn value<V: 'static>(value: &dyn Any) -> &V {
    match value.downcast_ref() {
        Some(value) => value,
        None => unreachable!("a value of another field"),
    }
}

/// Puts values into cells, but into those that hold them already.
fn put_cells<V: Clone + PartialEq + 'static, G: Borrow<V>>(
    cells: &mut Column<V>,
    value: impl Fn(usize) -> Option<G>,
    put: Put<'_>,
    may_alter: impl Fn(&V) -> bool,
    bound: impl Fn(&V) -> Option<String>,
    mut on_change: impl FnMut(Slot, &Column<V>, &V),
) {
    for (row, &slot) in put.slots.iter().enumerate() {
        let Some(given) = value(row) else { continue };
        let value = given.borrow();
        let is_old = |old| is_identical(old, value, || are_alike(bound(old), &bound(value)));
        if put.state == State::Written && cells.get(slot).is_some_and(is_old) {
            continue;
        }
        on_change(slot, cells, value);
        if put.state != State::Written && may_alter(value) {
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

/// Whether the cells of all these records hold the same value, as it is bound
pub(crate) fn all_equal<V: PartialEq + 'static>(
    cells: &Column<V>,
    slots: &[Slot],
    bound: impl Fn(&V) -> Option<String>,
) -> bool {
    let Some((&first, others)) = slots.split_first() else { return true };
    let Some(first) = cells.get(first) else { return others.iter().all(|&slot| !cells.has(slot)) };
    let of_first = LazyCell::new(|| bound(first));
    let is_first = |value: &V| is_identical(value, first, || are_alike(bound(value), &of_first));
    others.iter().all(|&slot| cells.get(slot).is_some_and(is_first))
}

/// What stands for a value as it is bound, where its type is one of this crate: nobody asks
pub(crate) fn exact<V>(_: &V) -> Option<String> {
    None
}

/// Whether two values are bound alike; not if they cannot be bound.
fn are_alike(a: Option<String>, b: &Option<String>) -> bool {
    a.is_some() && a == *b
}

/// Whether two values are one as they are stored, which is not what `==` says of all types: of 0.0 and -0.0, of 1.0 and 1.00, of
/// what a user's own type calls equal. Those that are equal and may differ are compared as they are bound.
fn is_identical<V: PartialEq + 'static>(a: &V, b: &V, are_bound_alike: impl FnOnce() -> bool) -> bool {
    match bits(a) {
        Some(of_a) => Some(of_a) == bits(b),
        None => a == b && (is_exact::<V>() || are_bound_alike()),
    }
}

/// Whether what values of a type have on the heap, if anything, is their weight. Decided when it is compiled
fn is_weighed<V: 'static>() -> bool {
    let id = TypeId::of::<V>();
    !std::mem::needs_drop::<V>() || id == TypeId::of::<Str>() || id == TypeId::of::<Option<Str>>()
}

/// Whether a value is `None`; `None` of a type of which only diesel knows. Decided when it is compiled
fn is_none<V: 'static>(value: &V) -> Option<bool> {
    fn of<T: 'static>(value: &dyn Any) -> Option<bool> {
        let never = || value.is::<T>().then_some(false);
        value.downcast_ref::<Option<T>>().map(Option::is_none).or_else(never)
    }
    let value = value as &dyn Any;
    let number = || of::<i32>(value).or_else(|| of::<i64>(value)).or_else(|| of::<i16>(value));
    of::<Str>(value).or_else(number).or_else(|| of::<f64>(value)).or_else(|| of::<bool>(value))
}

pub(crate) fn row<V>(values: &[V], row: usize) -> QueryResult<&V> {
    values.get(row).ok_or_else(|| QueryBuilderError(NO_VALUE.into()))
}

const NO_VALUE: &str = "a record has no value to be written";

/// How a value that stands in the cache as it is becomes a bind
trait Bind<V, DB: Backend>: 'static {
    /// Whether the column may hold something else than this value, once it was written.
    fn may_alter(system: &System, value: &V) -> bool {
        let _ = (system, value);
        false
    }

    /// Whether the values of other rows may stand beside them in one expression.
    fn can_mix(system: &System) -> bool {
        let _ = system;
        true
    }

    /// What stands for the value as it is bound, if it can be
    fn bound(value: &V) -> Option<String>;

    /// The bytes that a value adds to a statement
    fn weight(value: &V) -> usize;

    /// Whether it is bound as NULL
    fn is_null(value: &V) -> bool;

    fn push<'b>(value: &'b V, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;

    fn push_null(out: AstPass<'_, '_, DB>) -> QueryResult<()>;
}

/// As diesel binds it, as the SQL type `ST`
struct AsSql<ST>(PhantomData<ST>);

impl<DB, V, ST> Bind<V, DB> for AsSql<ST>
where
    DB: Knows<ST>,
    V: PartialEq + ToSql<ST, DB> + 'static,
    ST: 'static,
{
    fn may_alter(system: &System, value: &V) -> bool {
        DB::may_alter(system, <DB as Knows<ST>>::check())
            || altered::may_be::<V, ST>(system, value, || DB::bound::<ST, V>(value))
    }

    fn can_mix(system: &System) -> bool {
        DB::can_mix(system, <DB as Knows<ST>>::check())
    }

    fn bound(value: &V) -> Option<String> {
        DB::bound::<ST, V>(value)
    }

    fn weight(value: &V) -> usize {
        if is_weighed::<V>() { heap_bytes(value).unwrap_or(0) } else { DB::weight::<ST, V>(value) }
    }

    fn is_null(value: &V) -> bool {
        is_none(value).unwrap_or_else(|| {
            DB::bound::<ST, V>(value).is_some_and(|bound| Some(bound) == DB::bound::<ST, _>(&SqlNull))
        })
    }

    fn push<'b>(value: &'b V, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, V>(value)
    }

    fn push_null(mut out: AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, SqlNull>(&SqlNull)
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
    fn may_alter(system: &System, value: &V) -> bool {
        altered::are_bytes(system, value.bytes())
    }

    fn bound(value: &V) -> Option<String> {
        DB::bound::<Nullable<Binary>, _>(&value.bytes())
    }

    fn weight(value: &V) -> usize {
        value.bytes().map_or(0, <[u8]>::len)
    }

    fn is_null(value: &V) -> bool {
        value.bytes().is_none()
    }

    fn push<'b>(value: &'b V, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match value.bytes() {
            Some(bytes) => out.push_bind_param::<Binary, [u8]>(bytes),
            None => <Self as Bind<V, DB>>::push_null(out),
        }
    }

    fn push_null(mut out: AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Binary>, SqlNull>(&SqlNull)
    }
}

struct EncodeValue<V, B>(PhantomData<fn() -> (V, B)>);

impl<V, B> fmt::Debug for EncodeValue<V, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodeValue")
    }
}

struct ValueBinds<'a, V, B> {
    cells: Ref<'a, Column<V>>,
    slots: Vec<Slot>,
    bind: PhantomData<B>,
}

impl<DB: Backend, V, B: Bind<V, DB>> Binds<DB> for ValueBinds<'_, V, B> {
    fn push<'b>(&'b self, at: usize, _: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let value = self.cells.get(*row(&self.slots, at)?);
        B::push(value.ok_or_else(|| QueryBuilderError(NO_VALUE.into()))?, out)
    }
}

impl<C, V, B> Encode<C> for EncodeValue<V, B>
where
    C: Connection,
    V: Clone + PartialEq + Send + 'static,
    B: Bind<V, C::Backend>,
{
    fn put(&self, cells: &dyn AnyColumn, _: Option<&Table>, given: Given<'_>, put: Put<'_>) {
        let system = put.system;
        put_cells(
            &mut typed::<V>(cells).borrow_mut(),
            |row| given.of(row).map(value::<V>),
            put,
            |value| B::may_alter(system, value),
            B::bound,
            |_, _, _| {},
        );
    }

    fn push<'b>(&self, given: &'b dyn Any, _: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        B::push(value(given), out)
    }

    fn push_null<'b>(&self, _: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        B::push_null(out)
    }

    fn binds<'a>(
        &self,
        cells: &'a dyn AnyColumn,
        _: Option<&Table>,
        slots: &[Slot],
    ) -> Box<dyn Binds<C::Backend> + 'a> {
        let cells = typed::<V>(cells).borrow();
        Box::new(ValueBinds::<V, B> { cells, slots: slots.to_vec(), bind: PhantomData })
    }

    fn takes(&self, value: &dyn Any) -> bool {
        value.is::<V>()
    }

    fn are_equal(&self, cells: &dyn AnyColumn, slots: &[Slot]) -> bool {
        all_equal(&typed::<V>(cells).borrow(), slots, B::bound)
    }

    fn is_kept(&self, system: &System, cells: &dyn AnyColumn, _: Option<&Table>, slot: Slot) -> bool {
        !typed::<V>(cells).borrow().get(slot).is_some_and(|value| B::may_alter(system, value))
    }

    fn can_mix(&self, system: &System) -> bool {
        B::can_mix(system)
    }

    fn copy(&self, cells: &dyn AnyColumn, slot: Slot) -> Option<Box<dyn Any>> {
        let copy = typed::<V>(cells).borrow().get(slot)?.clone();
        Some(Box::new(copy))
    }

    fn is_same(&self, a: &dyn Any, b: &dyn Any) -> bool {
        let (a, b) = (value::<V>(a), value::<V>(b));
        // A NaN that comes twice is no other value.
        #[allow(clippy::eq_op)]
        let are_nothing = || a != a && b != b;
        is_identical(a, b, || are_alike(B::bound(a), &B::bound(b))) || are_nothing()
    }

    fn is_null(&self, cells: &dyn AnyColumn, slot: Slot) -> bool {
        typed::<V>(cells).borrow().get(slot).is_some_and(B::is_null)
    }

    fn weight(&self, cells: &dyn AnyColumn, slot: Slot) -> usize {
        typed::<V>(cells).borrow().get(slot).map_or(0, B::weight)
    }

    fn weight_of(&self, given: &dyn Any) -> usize {
        B::weight(value(given))
    }
}

/// A record whose to-one link leads elsewhere now
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) slot: Slot,
    /// Where it led before; `None` if that is not known
    pub(crate) from: Option<Link>,
    /// When that was learned; 0 if it was not
    pub(crate) since: Stamp,
    pub(crate) to: Link,
}

/// Puts links into cells, and notes where they led before.
///
/// `may_alter` tells of which the column may hold another key than it was given.
pub(crate) fn put_links(
    cells: &dyn AnyColumn,
    link: impl Fn(usize) -> Option<Link>,
    mut put: Put<'_>,
    may_alter: impl Fn(&Link) -> bool,
) {
    let (state, now) = (put.state, put.now.time);
    let mut moved = put.moved.take();
    let before = |cells: &Column<Link>, slot: Slot| match state {
        State::Written => cells.get(slot).copied().zip(cells.known_since(slot)),
        State::New => Some((Link::NULL, now)),
        // Whatever was known of it, the row may have been anybody's.
        State::Stored => None,
    };
    put_cells(&mut typed(cells).borrow_mut(), link, put, may_alter, exact, |slot, cells, &to| {
        if let Some(moved) = &mut moved {
            let (from, since) = before(cells, slot).unzip();
            moved.push(Moved { slot, from, since: since.unwrap_or_default(), to });
        }
    });
}
