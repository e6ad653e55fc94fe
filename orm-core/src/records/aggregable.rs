//! What can be aggregated over members: their fields, and diesel's expressions over their columns; and how what comes is read.

use std::cmp::Ordering;

#[cfg(feature = "numeric")]
use bigdecimal::BigDecimal;
use diesel::expression::{AppearsOnTable, Expression, NonAggregate};
use diesel::query_builder::QueryFragment;
use diesel::sql_types::BoolOrNullableBool;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::any::{Any, TypeId};

use crate::backend::{Dialect, Numbers};
use crate::codec::{CellWriter, typed};
use crate::error::BoxError;
use crate::load::aggregate::{Argument, Brought, Part, Piece, Reading};
use crate::model::DbOf;
use crate::records::Model;
use crate::records::field::{CellKind, Field, Nullable, Required};
use crate::records::numbers::{Number, SqlNumber, Total};
use crate::records::stored::StoredComputed;
use crate::store::{Filling, Slot};
use crate::{Environment, Error, Result};

/// A field of `M`, or a diesel expression over its columns
pub trait Aggregable<M: Model> {
    #[doc(hidden)]
    fn argument(&self) -> Argument<'_, M::Connection>;
}

/// What can be added up over members of `M`: a field of numbers, or a diesel expression of them
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up over records of `{M}`",
    label = "neither a field of numbers of `{M}` nor a diesel expression of its columns",
    note = "give a field of the members that is a column and holds numbers (`Order::AMOUNT`), or an expression of their columns \
            (`orders::price * orders::quantity`); what is computed or linked is added up in Rust: `.sum_by(|order| …)`"
)]
pub trait Summed<M: Model>: Aggregable<M> {
    /// In what it is added up
    type Total: Total;
    /// The value of a record in the cache: missing, or NULL
    #[doc(hidden)]
    fn cached(&self, env: &Environment<M::Connection>, slot: Slot) -> Option<Option<Self::Total>>;
}

/// What can be compared over members of `M`: a field, or a diesel expression of numbers
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared over records of `{M}`",
    label = "neither a field of `{M}` that is a column nor a diesel expression of numbers",
    note = "give a field of the members (`Order::AMOUNT`), or an expression of their columns that is a number \
            (`orders::price * orders::quantity`); what is computed or linked is compared in Rust: `.max_by_key(|order| …)`"
)]
pub trait Compared<M: Model>: Aggregable<M> {
    /// What it gives
    type Value;
    #[doc(hidden)]
    type Cell: Clone + Send + 'static;
    #[doc(hidden)]
    const NUMBERS: Numbers;
    #[doc(hidden)]
    fn value(cell: Self::Cell) -> Result<Self::Value, String>;
    /// The order of the values, if it is that of the database
    #[doc(hidden)]
    fn order() -> Option<Order<Self::Cell>>;
    #[doc(hidden)]
    fn cached(&self, env: &Environment<M::Connection>, slot: Slot) -> Option<Option<Self::Cell>>;
    #[doc(hidden)]
    fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::Cell>>;
}

/// Which members are counted: a condition on their columns
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no condition on records of `{M}`",
    label = "no diesel expression of a truth over the table of `{M}`",
    note = "give a condition as `filter` takes it, on the members' own columns: `.count_where(orders::state.eq(\"open\"))`"
)]
pub trait Counted<M: Model>: Aggregable<M> {}

impl<M, E> Counted<M> for E
where
    M: Model,
    E: Aggregable<M> + Expression<SqlType: BoolOrNullableBool>,
{
}

#[diagnostic::do_not_recommend]
impl<M, E> Aggregable<M> for E
where
    M: Model,
    E: Expression + NonAggregate + AppearsOnTable<M::Table> + QueryFragment<DbOf<M>>,
{
    fn argument(&self) -> Argument<'_, M::Connection> {
        Argument::Expression(self)
    }
}

#[diagnostic::do_not_recommend]
impl<M, E> Summed<M> for E
where
    M: Model,
    E: Aggregable<M> + Expression<SqlType: SqlNumber>,
{
    type Total = <E::SqlType as SqlNumber>::Total;

    fn cached(&self, _: &Environment<M::Connection>, _: Slot) -> Option<Option<Self::Total>> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<M, E> Compared<M> for E
where
    M: Model,
    E: Aggregable<M> + Expression<SqlType: SqlNumber>,
{
    type Value = <Self::Cell as Total>::Out;
    type Cell = <E::SqlType as SqlNumber>::Total;
    const NUMBERS: Numbers = <Self::Cell as Total>::NUMBERS;

    fn value(cell: Self::Cell) -> Result<Self::Value, String> {
        cell.out()
    }

    fn order() -> Option<Order<Self::Cell>> {
        order_of()
    }

    fn cached(&self, _: &Environment<M::Connection>, _: Slot) -> Option<Option<Self::Cell>> {
        None
    }

    fn read(&self, _: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::Cell>> {
        let mut tallies = Tallies::<Self::Cell>::default();
        let brought = run(&mut tallies)?;
        Ok(Read {
            brought,
            all: tallies.all.into_iter().map(|(owner, tally)| (owner, tally.total)).collect(),
        })
    }
}

macro_rules! fields {
    ($($kind:ty: $value:ty, |$cell:ident| $as_option:expr;)*) => {$(
        impl<M: Model, T: Clone + Send + 'static> Aggregable<M> for Field<M, $value, $kind> {
            fn argument(&self) -> Argument<'_, M::Connection> {
                Argument::Field(self.index())
            }
        }

        impl<M: Model, T: Number> Summed<M> for Field<M, $value, $kind> {
            type Total = T::Total;

            fn cached(&self, env: &Environment<M::Connection>, slot: Slot) -> Option<Option<T::Total>> {
                let cells = self.cells_in(env).borrow();
                cells.get(slot).map(|$cell| $as_option.map(T::total))
            }
        }

        impl<M: Model, T: Clone + Send + 'static> Compared<M> for Field<M, $value, $kind> {
            type Value = T;
            type Cell = T;
            const NUMBERS: Numbers = Numbers::Own;

            fn value(cell: T) -> Result<T, String> {
                Ok(cell)
            }

            fn order() -> Option<Order<T>> {
                order_of()
            }

            fn cached(&self, env: &Environment<M::Connection>, slot: Slot) -> Option<Option<T>> {
                let cells = self.cells_in(env).borrow();
                cells.get(slot).map(|$cell| $as_option.cloned())
            }

            fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<T>> {
                read_own(self, env, run, |$cell| $as_option.cloned())
            }
        }
    )*};
}
fields! {
    Required: T, |cell| Some(cell);
    Nullable: Option<T>, |cell| cell.as_ref();
    StoredComputed<Required>: T, |cell| Some(cell);
    StoredComputed<Nullable>: Option<T>, |cell| cell.as_ref();
}

/// Reads values of a field's own type, as the field is read.
fn read_own<M: Model, V: Send + 'static, K: CellKind<Cell<V> = V>, T>(
    field: &Field<M, V, K>,
    env: &Environment<M::Connection>,
    run: Run<'_, M>,
    value: impl Fn(&V) -> Option<T>,
) -> Result<Read<T>> {
    let info = &M::FIELDS[field.index().0];
    let Some(decode) = info.decode else { return Err(Error::other(format!("{field} is no column"))) };
    let cells = (info.cells)();
    let filling = Filling { now: env.moment(), renews: false };
    let mut values = Values::<DbOf<M>> { writer: decode.writer(&*cells, None, filling), owners: Vec::new() };
    let brought = run(&mut values)?;
    let Values { writer, owners } = values;
    drop(writer);
    let cells = typed::<V>(&*cells).borrow();
    let value = |owner: Slot| Some((owner, value(cells.get(owner)?)?));
    Ok(Read { brought, all: owners.into_iter().filter_map(value).collect() })
}

/// Where values of a field's own type go
struct Values<'a, DB: diesel::backend::Backend> {
    writer: Box<dyn CellWriter<DB> + 'a>,
    owners: Vec<Slot>,
}

impl<DB: Dialect> Reading<DB> for Values<'_, DB> {
    fn begin(&mut self) {
        self.owners.clear();
    }

    fn take(&mut self, owner: Slot, _: Piece, value: DB::RawValue<'_>) -> Result<(), BoxError> {
        self.writer.write(owner, Some(value))?;
        self.owners.push(owner);
        Ok(())
    }
}

/// The order of numbers; of all else the database may have another one: the collation of a text, the names of an ENUM
fn order_of<T: 'static>() -> Option<Order<T>> {
    fn compare<T: 'static, N: 'static>(a: &T, b: &T, order: impl Fn(&N, &N) -> Ordering) -> Ordering {
        match ((a as &dyn Any).downcast_ref(), (b as &dyn Any).downcast_ref()) {
            (Some(a), Some(b)) => order(a, b),
            _ => Ordering::Equal,
        }
    }
    macro_rules! of {
        ($($number:ty => $order:expr;)*) => {
            $(if TypeId::of::<T>() == TypeId::of::<$number>() {
                return Some(|a, b| compare::<T, $number>(a, b, $order));
            })*
        };
    }
    of! {
        i8 => Ord::cmp; i16 => Ord::cmp; i32 => Ord::cmp; i64 => Ord::cmp; i128 => Ord::cmp;
        u8 => Ord::cmp; u16 => Ord::cmp; u32 => Ord::cmp; u64 => Ord::cmp;
        f32 => f32::total_cmp; f64 => f64::total_cmp;
    }
    #[cfg(feature = "numeric")]
    of! {
        BigDecimal => Ord::cmp;
    }
    None
}

/// How two values are compared
pub(super) type Order<T> = fn(&T, &T) -> Ordering;

/// How the aggregates of two owners become one
pub(super) type Join<T> = fn(T, T) -> T;

/// Runs a SELECT and has what it gives read.
pub(super) type Run<'a, M> = &'a mut dyn FnMut(&mut dyn Reading<DbOf<M>>) -> Result<Brought>;

/// What a SELECT has given
#[derive(Debug)]
pub struct Read<V> {
    pub(super) brought: Brought,
    /// By owner, but for those who have nothing
    pub(super) all: Vec<(Slot, V)>,
}

/// A sum, and of how many values, if that was asked for
#[derive(Debug, Clone)]
pub(super) struct Tally<N> {
    pub(super) total: N,
    pub(super) count: u64,
}

impl<N: Total> Tally<N> {
    pub(super) fn none() -> Self {
        Self { total: N::zero(), count: 0 }
    }
}

pub(super) struct Tallies<N> {
    pub(super) all: HashMap<Slot, Tally<N>, FixedState>,
}

impl<N> Default for Tallies<N> {
    fn default() -> Self {
        Self { all: HashMap::default() }
    }
}

impl<N: Total, DB: Dialect> Reading<DB> for Tallies<N> {
    fn begin(&mut self) {
        self.all.clear();
    }

    fn take(
        &mut self,
        owner: Slot,
        Piece { part, .. }: Piece,
        value: DB::RawValue<'_>,
    ) -> Result<(), BoxError> {
        let tally = self.all.entry(owner).or_insert_with(Tally::none);
        if part == Part::Count {
            tally.count += DB::read_count(Some(value))? as u64;
            return Ok(());
        }
        let read = N::read::<DB>(value)?;
        let read = if part == Part::High { read.shifted() } else { read };
        tally.total = std::mem::replace(&mut tally.total, N::zero()).plus(read);
        Ok(())
    }
}
