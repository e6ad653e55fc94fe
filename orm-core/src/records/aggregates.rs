//! Aggregates over the members of a link: `order_ids().sum(Order::AMOUNT)`, of a field or of a diesel expression.
//!
//! What differs between the functions is what they are made of ([`Measure`]); how they are kept, batched and joined is the same.

use std::any::{Any, TypeId};
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::panic::Location;

#[cfg(feature = "numeric")]
use bigdecimal::{BigDecimal, ToPrimitive};
use diesel::expression::{AppearsOnTable, Expression, NonAggregate};
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{self, BoolOrNullableBool, SqlType, is_nullable};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::backend::{Dialect, Numbers};
use crate::codec::{CellWriter, typed};
use crate::env::evict::make_room;
use crate::env::stores::{Store, Want};
use crate::env::watch::{Place, Spot};
use crate::error::{BoxError, Repeated};
use crate::load::aggregate::{Aggregate, Argument, Brought, Part, Reading, by_owner, of_all};
use crate::load::miss::Miss;
use crate::load::prefetch;
use crate::model::{DbOf, LinkKind};
use crate::number::FieldId;
use crate::records::cardinality::Several;
use crate::records::field::{CellKind, Field, Nullable, Required};
use crate::records::stored::StoredComputed;
use crate::records::{Handle, Model};
use crate::store::{AggregateKey, ColumnId, Filling, Function, Slot, SlotSet};
use crate::write::stored;
use crate::{Environment, Error, Result, Str, ToMany};

/// Numbers that have been added up
pub trait Total: Clone + Send + 'static {
    /// As what they are given
    type Out;
    #[doc(hidden)]
    const NUMBERS: Numbers;
    #[doc(hidden)]
    fn zero() -> Self;
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    /// 2³² times as much
    #[doc(hidden)]
    fn shifted(self) -> Self;
    #[doc(hidden)]
    fn mean(&self, count: u64) -> f64;
    /// `None`: it does not fit; then what it is as text
    #[doc(hidden)]
    fn out(self) -> Result<Self::Out, String>;
    #[doc(hidden)]
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError>;
}

// A sum of i64 of as many rows as there can be fits.
impl Total for i128 {
    type Out = i64;
    const NUMBERS: Numbers = Numbers::Whole;
    fn zero() -> Self {
        0
    }
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
    fn shifted(self) -> Self {
        self.saturating_mul(1 << 32)
    }
    fn mean(&self, count: u64) -> f64 {
        *self as f64 / count as f64
    }
    fn out(self) -> Result<i64, String> {
        i64::try_from(self).map_err(|_| self.to_string())
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_whole(value)
    }
}

impl Total for f64 {
    type Out = Self;
    const NUMBERS: Numbers = Numbers::Real;
    fn zero() -> Self {
        0.0
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn shifted(self) -> Self {
        self * 4_294_967_296.0
    }
    fn mean(&self, count: u64) -> f64 {
        *self / count as Self
    }
    fn out(self) -> Result<Self, String> {
        Ok(self)
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_real(value)
    }
}

#[cfg(feature = "numeric")]
impl Total for BigDecimal {
    type Out = Self;
    const NUMBERS: Numbers = Numbers::Own;
    fn zero() -> Self {
        Self::from(0)
    }
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn shifted(self) -> Self {
        self * Self::from(1_u64 << 32)
    }
    fn mean(&self, count: u64) -> f64 {
        (self / Self::from(count)).to_f64().unwrap_or(f64::NAN)
    }
    fn out(self) -> Result<Self, String> {
        Ok(self)
    }
    fn read<DB: Dialect>(value: DB::RawValue<'_>) -> Result<Self, BoxError> {
        DB::read_decimal(value)
    }
}

/// Numbers that can be added up: the whole numbers of Rust up to 64 bits, `f32` and `f64`
#[diagnostic::on_unimplemented(
    message = "values of `{Self}` cannot be added up",
    label = "no field of numbers",
    note = "`sum` and `avg` take a field of i16, i32, i64, f32, f64 or (with the feature \"numeric\") BigDecimal, nullable or not; of another type give diesel's column, \
            whose SQL type counts (`.sum(orders::amount)`), or add up in Rust (`.sum_by(|order| …)`)"
)]
pub trait Number: Clone + Send + 'static {
    /// In what they are added up
    type Total: Total;
    #[doc(hidden)]
    fn total(&self) -> Self::Total;
}

macro_rules! numbers {
    ($($total:ty: $($number:ty),*;)*) => {$($(
        impl Number for $number {
            type Total = $total;
            fn total(&self) -> $total {
                (*self).into()
            }
        }
    )*)*};
}
numbers! {
    i128: i8, i16, i32, i64, u8, u16, u32, u64;
    f64: f32, f64;
}

#[cfg(feature = "numeric")]
impl Number for BigDecimal {
    type Total = Self;
    fn total(&self) -> Self {
        self.clone()
    }
}

/// SQL types of numbers, for expressions: whole numbers give an `i64`, floating-point numbers an `f64`
#[diagnostic::on_unimplemented(
    message = "an expression of the SQL type `{Self}` cannot be aggregated",
    label = "no expression of numbers",
    note = "it has to be of `SmallInt`, `Integer`, `BigInt`, `Float`, `Double` or (with the feature \"numeric\") `Numeric`, nullable or not; of another type name a field of \
            the model, or say what it is to be: `sql::<Double>(\"…\")`"
)]
pub trait SqlNumber {
    /// In what they are added up
    type Total: Total;
}

macro_rules! sql_numbers {
    ($($total:ty: $($sql:ident),*;)*) => {$($(
        impl SqlNumber for sql_types::$sql {
            type Total = $total;
        }
    )*)*};
}
sql_numbers! {
    i128: SmallInt, Integer, BigInt;
    f64: Float, Double;
}
#[cfg(feature = "numeric")]
sql_numbers! {
    BigDecimal: Numeric;
}
#[cfg(feature = "mysql")]
sql_numbers! {
    i128: TinyInt;
}
#[cfg(feature = "mysql")]
impl<ST: SqlNumber<Total = i128>> SqlNumber for sql_types::Unsigned<ST> {
    type Total = i128;
}
impl<ST: SqlNumber + SqlType<IsNull = is_nullable::NotNull>> SqlNumber for sql_types::Nullable<ST> {
    type Total = ST::Total;
}

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
    let mut own = Own::<DbOf<M>> { writer: decode.writer(&*cells, None, filling), owners: Vec::new() };
    let brought = run(&mut own)?;
    let Own { writer, owners } = own;
    drop(writer);
    let cells = typed::<V>(&*cells).borrow();
    let value = |owner: Slot| Some((owner, value(cells.get(owner)?)?));
    Ok(Read { brought, all: owners.into_iter().filter_map(value).collect() })
}

/// Where values of a field's own type go
struct Own<'a, DB: diesel::backend::Backend> {
    writer: Box<dyn CellWriter<DB> + 'a>,
    owners: Vec<Slot>,
}

impl<DB: Dialect> Reading<DB> for Own<'_, DB> {
    fn begin(&mut self) {
        self.owners.clear();
    }

    fn take(&mut self, owner: Slot, _: Part, value: DB::RawValue<'_>) -> Result<(), BoxError> {
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
        u8 => Ord::cmp; u16 => Ord::cmp; Slot => Ord::cmp; u64 => Ord::cmp;
        f32 => f32::total_cmp; f64 => f64::total_cmp;
    }
    #[cfg(feature = "numeric")]
    of! {
        BigDecimal => Ord::cmp;
    }
    None
}

/// How two values are compared
type Order<T> = fn(&T, &T) -> Ordering;

/// How the aggregates of two owners become one
type Join<T> = fn(T, T) -> T;

/// Runs a SELECT and has what it gives read.
type Run<'a, M> = &'a mut dyn FnMut(&mut dyn Reading<DbOf<M>>) -> Result<Brought>;

/// What a SELECT has given
#[derive(Debug)]
pub struct Read<V> {
    brought: Brought,
    /// By owner, but for those who have nothing
    all: Vec<(Slot, V)>,
}

/// A sum, and of how many values, if that was asked for
#[derive(Debug, Clone)]
struct Tally<N> {
    total: N,
    count: u64,
}

impl<N: Total> Tally<N> {
    fn none() -> Self {
        Self { total: N::zero(), count: 0 }
    }
}

struct Tallies<N> {
    all: HashMap<Slot, Tally<N>, FixedState>,
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

    fn take(&mut self, owner: Slot, part: Part, value: DB::RawValue<'_>) -> Result<(), BoxError> {
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

/// How an aggregate is made, and what it is made of
trait Measure<M: Model> {
    /// What a cell of it holds
    type State: Clone + Send + 'static;
    const FUNCTION: Function;
    /// Over no members
    fn none() -> Self::State;
    fn numbers() -> Numbers;
    fn argument(&self) -> Argument<'_, M::Connection>;
    fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>>;
    /// Over these members, if all that is to be known of them is cached
    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State>;
    /// How those of several owners become one; `None` if only the database can tell
    fn join() -> Option<Join<Self::State>>;
}

/// A sum, or a mean
struct Sum<S, const MEAN: bool>(S);

impl<M: Model, S: Summed<M>, const MEAN: bool> Measure<M> for Sum<S, MEAN> {
    type State = Tally<S::Total>;
    const FUNCTION: Function = if MEAN { Function::Mean } else { Function::Sum };

    fn none() -> Self::State {
        Tally::none()
    }

    fn numbers() -> Numbers {
        S::Total::NUMBERS
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, _: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>> {
        let mut tallies = Tallies::default();
        let brought = run(&mut tallies)?;
        Ok(Read { brought, all: tallies.all.into_iter().collect() })
    }

    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State> {
        let mut tally = Tally::<S::Total>::none();
        for &member in members {
            if let Some(value) = self.0.cached(env, member)? {
                tally = Tally { total: tally.total.plus(value), count: tally.count + 1 };
            }
        }
        Some(tally)
    }

    fn join() -> Option<Join<Self::State>> {
        Some(|a, b| Tally { total: a.total.plus(b.total), count: a.count + b.count })
    }
}

/// The least or the greatest value
struct Extreme<S, const GREATEST: bool>(S);

impl<M: Model, S: Compared<M>, const GREATEST: bool> Measure<M> for Extreme<S, GREATEST> {
    type State = Option<S::Cell>;
    const FUNCTION: Function = if GREATEST { Function::Greatest } else { Function::Least };

    fn none() -> Self::State {
        None
    }

    fn numbers() -> Numbers {
        S::NUMBERS
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>> {
        let Read { brought, all } = self.0.read(env, run)?;
        Ok(Read { brought, all: all.into_iter().map(|(owner, value)| (owner, Some(value))).collect() })
    }

    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State> {
        let join = <Self as Measure<M>>::join()?;
        members.iter().try_fold(None, |found, &member| Some(join(found, self.0.cached(env, member)?)))
    }

    fn join() -> Option<Join<Self::State>> {
        S::order()?;
        Some(|a, b| match (a, b, S::order()) {
            (Some(a), Some(b), Some(order)) => {
                let is_first = if GREATEST { order(&a, &b).is_ge() } else { order(&a, &b).is_le() };
                Some(if is_first { a } else { b })
            }
            (a, b, _) => a.or(b),
        })
    }
}

/// How many members a condition holds for
struct Count<F>(F);

impl<M: Model, F: Counted<M>> Measure<M> for Count<F> {
    type State = u64;
    const FUNCTION: Function = Function::Count;

    fn none() -> u64 {
        0
    }

    fn numbers() -> Numbers {
        Numbers::Own
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, _: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<u64>> {
        let mut tallies = Tallies::<i128>::default();
        let brought = run(&mut tallies)?;
        Ok(Read {
            brought,
            all: tallies.all.into_iter().map(|(owner, tally)| (owner, tally.count)).collect(),
        })
    }

    /// What a condition says of a row only the database knows.
    fn cached(&self, _: &Environment<M::Connection>, members: &[Slot]) -> Option<u64> {
        members.is_empty().then_some(0)
    }

    fn join() -> Option<Join<u64>> {
        Some(|a, b| a + b)
    }
}

/// An aggregate over a link, about to be looked up or asked for
struct Asked<'a, 'env, M: Model, A> {
    handle: &'a Handle<'env, M, Several>,
    measure: &'a A,
    /// The model of the records whose link it is, and the link
    store: Store<'env, M::Connection>,
    field: FieldId,
    place: Place,
    many: PhantomData<M>,
}

impl<'env, M: Model, A: Measure<M>> Asked<'_, 'env, M, A> {
    fn env(&self) -> &'env Environment<M::Connection> {
        self.handle.group.env
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        Aggregate { function: A::FUNCTION, argument: self.measure.argument(), numbers: A::numbers() }
    }

    /// Over all members of these records' lists
    fn over(&self, owners: &[Slot]) -> Result<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        stored::settle(env)?;
        env.settle();
        let mut seen = SlotSet::default();
        let owners: Vec<Slot> = owners.iter().copied().filter(|&owner| seen.mark(owner)).collect();
        let kind = store.field(field).link.as_ref().map(|link| &link.kind);
        match (kind, &owners[..], A::join()) {
            (_, [], _) | (None, ..) => Ok(A::none()),
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), &[owner], _) => {
                self.of_each(&[owner]).map(|mut states| states.pop().unwrap_or_else(A::none))
            }
            // A member has one owner there.
            (Some(LinkKind::Inverse { .. }), owners, Some(join)) => {
                Ok(self.of_each(owners)?.into_iter().reduce(join).unwrap_or_else(A::none))
            }
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), owners, _) => {
                self.of_lists(owners).map_or_else(|| self.select_all(store, Some(field), owners), Ok)
            }
            (Some(LinkKind::ToOne | LinkKind::Computed { .. }), ..) => {
                let members = self.handle.members(Want::Keys, self.place)?;
                let cached = self.of_members(&members);
                cached.map_or_else(|| self.select_all(env.store::<M>(), None, &members), Ok)
            }
        }
    }

    /// Over members, if all that is to be known of them is cached
    fn of_members(&self, members: &[Slot]) -> Option<A::State> {
        let (env, store) = (self.env(), self.env().store::<M>());
        if let (Argument::Field(field), true) = (self.measure.argument(), env.settings.max_age.is_some()) {
            members.iter().for_each(|&member| env.expire(store, field, member));
        }
        let state = self.measure.cached(env, members)?;
        if let Argument::Field(field) = self.measure.argument() {
            members.iter().for_each(|&member| env.note_input(store, field, member));
        }
        Some(state)
    }

    /// The same of lists
    fn of_lists(&self, owners: &[Slot]) -> Option<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        let (mut members, mut seen, mut are_known) = (Vec::new(), SlotSet::default(), true);
        if env.settings.max_age.is_some() {
            owners.iter().for_each(|&owner| env.expire(store, field, owner));
        }
        store.hop(field, owners.iter().copied(), |list| match list {
            Some(list) => members.extend(list.iter().copied().filter(|&member| seen.mark(member))),
            None => are_known = false,
        });
        let state = if are_known { self.of_members(&members)? } else { return None };
        for &owner in owners {
            store.count_hit(field, owner, env.turn());
            env.note_input(store, field, owner);
        }
        Some(state)
    }

    /// For each of these records, in order
    fn of_each(&self, owners: &[Slot]) -> Result<Vec<A::State>> {
        let store = self.store;
        let (env, members) = (self.env(), self.env().store::<M>());
        let subject = self.aggregate().subject(members);
        let cell = TypeId::of::<A::State>();
        let key = subject.map(|subject| AggregateKey { function: A::FUNCTION, subject, cell });
        let known = key.as_ref().and_then(|key| store.table().aggregate(store.column_of(self.field), key));
        let kept = |column: Option<ColumnId>, owner: Slot| self.kept(column?, owner);
        let mut states: Vec<Option<A::State>> =
            owners.iter().map(|&owner| kept(known, owner).or_else(|| self.of_lists(&[owner]))).collect();
        let lacks = |states: &[Option<A::State>]| -> Vec<Slot> {
            let lacking = owners.iter().zip(states).filter(|(_, state)| state.is_none());
            lacking.map(|(&owner, _)| owner).collect()
        };
        let lacking = lacks(&states);
        if lacking.is_empty() {
            return Ok(states.into_iter().flatten().collect());
        }
        let Some(key) = key else {
            let mut brought = self.select_each(&lacking)?;
            let missing = states.iter_mut().zip(owners).filter(|(state, _)| state.is_none());
            missing.for_each(|(state, owner)| *state = Some(brought.remove(owner).unwrap_or_else(A::none)));
            return Ok(states.into_iter().flatten().collect());
        };
        let column = env.stores.aggregate_column::<A::State>(store, self.field, &key);
        self.load(column, &lacking)?;
        for (state, &owner) in states.iter_mut().zip(owners).filter(|(state, _)| state.is_none()) {
            // In a limited cache the last ones may have pushed out the first.
            if !store.table().column(column).has(owner) {
                self.load(column, &[owner])?;
            }
            store.note_read(owner, env.turn());
            env.note_aggregate(store, column, owner);
            let found = store.table().cells::<A::State>(column).borrow().get(owner).cloned();
            *state = Some(found.ok_or_else(|| self.unreadable(column, owner))?);
        }
        Ok(states.into_iter().flatten().collect())
    }

    /// What was aggregated before
    fn kept(&self, column: ColumnId, owner: Slot) -> Option<A::State> {
        let (env, store) = (self.env(), self.store);
        if env.settings.max_age.is_some() {
            env.expire_cell(store, column, owner);
        }
        let state = store.table().cells::<A::State>(column).borrow().get(owner).cloned()?;
        store.table().touch(column, owner, env.turn());
        env.note_aggregate(store, column, owner);
        Some(state)
    }

    /// Fills the cells of these records, and of those that they were reached with.
    fn load(&self, column: ColumnId, owners: &[Slot]) -> Result<()> {
        let trail = self.handle.trail_before();
        let scope = self.handle.group.scope(self.handle.ordinal()).on(&trail);
        let (field, want) = (self.field, Want::Aggregate(column));
        let miss = Miss { scope, slots: owners, field, want, at: self.place };
        prefetch::load_by(self.env(), self.store, miss, &|batch| self.fill(column, batch)).map(drop)
    }

    fn fill(&self, column: ColumnId, batch: &[Slot]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let (is_limited, since) = (env.limits.any(), env.turn().wrapping_add(1));
        if is_limited {
            let fresh = batch.iter().filter(|&&owner| !store.is_resident(owner)).count();
            make_room(env, fresh, u32::MAX);
        }
        let begun = env.later();
        let Read { brought, all } = self.run(batch, true)?;
        // What was sent before may have made others missing, but not what has come after it.
        env.settle();
        let mut all: HashMap<Slot, A::State, FixedState> = all.into_iter().collect();
        for (owner, message) in &brought.faults {
            store.note_unreadable(column, *owner, message.clone());
        }
        store.table().note_arrived(column, begun, brought.owners.clone());
        let mut cells = store.table().cells::<A::State>(column).borrow_mut();
        for owner in brought.owners {
            if brought.faults.iter().any(|&(faulty, _)| faulty == owner) {
                continue;
            }
            if let Some(cell) = cells.vacant(owner, env.moment()) {
                cell.fill(all.remove(&owner).unwrap_or_else(A::none));
            }
            if is_limited {
                store.add_unread(owner, env.turn());
            }
        }
        drop(cells);
        if is_limited {
            make_room(env, 0, since);
        }
        Ok(())
    }

    fn run(&self, owners: &[Slot], is_kept: bool) -> Result<Read<A::State>> {
        let (env, store, aggregate) = (self.env(), self.store, self.aggregate());
        self.measure.read(env, &mut |reading| {
            by_owner(env, store, (self.field, owners), &aggregate, is_kept, reading)
        })
    }

    /// For each of these records, without being kept: nobody could tell what was asked for from something else.
    fn select_each(&self, owners: &[Slot]) -> Result<HashMap<Slot, A::State, FixedState>> {
        let env = self.env();
        self.watch(owners)?;
        let mut states = HashMap::default();
        for owners in owners.chunks(env.settings.prefetch_limit) {
            let mut left = owners.to_vec();
            while !left.is_empty() {
                let Read { brought, all } = self.run(&left, false)?;
                self.refuse_faults(&brought.faults)?;
                states.extend(all);
                let before = left.len();
                let found = SlotSet::of(brought.owners);
                left.retain(|&owner| !found.has(owner));
                if left.len() == before {
                    break;
                }
            }
        }
        Ok(states)
    }

    /// For all members of some lists together, or for some records
    fn select_all(
        &self,
        store: Store<'_, M::Connection>,
        field: Option<FieldId>,
        slots: &[Slot],
    ) -> Result<A::State> {
        if slots.is_empty() {
            return Ok(A::none());
        }
        let (env, aggregate) = (self.env(), self.aggregate());
        self.watch(slots)?;
        let read = self.measure.read(env, &mut |reading| {
            let faults = of_all(env, store, (field, slots), &aggregate, reading)?;
            Ok(Brought { owners: Vec::new(), faults })
        })?;
        self.refuse_faults(
            &read.brought.faults.iter().map(|(_, text)| (slots[0], text.clone())).collect::<Vec<_>>(),
        )?;
        Ok(read.all.into_iter().next().map_or_else(A::none, |(_, state)| state))
    }

    /// Notes a SELECT that brings nothing for others.
    fn watch(&self, slots: &[Slot]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let spot = Spot::new(self.place, Repeated::Aggregate, store.name(), store.field_name(self.field));
        if slots.len() > env.settings.prefetch_limit {
            env.watch_many(&spot);
            return Ok(());
        }
        env.watch(spot, None)
    }

    fn refuse_faults(&self, faults: &[(Slot, Str)]) -> Result<()> {
        faults.first().map_or(Ok(()), |(owner, message)| Err(self.invalid(*owner, message.clone())))
    }

    fn invalid(&self, owner: Slot, message: Str) -> Error {
        let (model, field) = (self.store.name(), self.store.field_name(self.field));
        let id = if self.store.is_list(self.field) { self.store.key_text(owner) } else { Str::from("?") };
        Error::InvalidValue { model, field, id, message }
    }

    fn unreadable(&self, column: ColumnId, owner: Slot) -> Error {
        let message = self.store.table().unreadable(column, owner);
        self.invalid(owner, message.unwrap_or_else(|| Str::from("the database has given no aggregate")))
    }
}

impl<'env, M: Model> ToMany<'env, M> {
    fn aggregate<A: Measure<M>>(&self, measure: &A, place: Place) -> Result<A::State> {
        let handle = self.handle();
        let env = handle.group.env;
        env.settle();
        let aggregate = || {
            let Some((step, owners)) = handle.owners(place)? else { return Ok(A::none()) };
            let Some(store) = env.store_by_number(step.model) else { return Ok(A::none()) };
            // Finding the owners may have sent what waited.
            env.settle();
            Asked { handle, measure, store, field: step.field, place, many: PhantomData }.over(&owners)
        };
        aggregate().inspect_err(|_| env.distrust_computing())
    }

    /// The error of a value that its type does not hold
    #[cold]
    fn overflow(&self, sum: &str, place: Place) -> Error {
        let handle = self.handle();
        let owners = match handle.owners(place) {
            Ok(Some(owners)) => owners,
            Ok(None) => return Error::other(format!("{sum} is no i64")),
            Err(error) => return error,
        };
        let (step, owners) = owners;
        let Some(store) = handle.group.env.store_by_number(step.model) else {
            return Error::other(format!("{sum} is no i64"));
        };
        let id = owners.first().map_or_else(Str::default, |&owner| store.key_text(owner));
        Error::Overflow { model: store.name(), field: store.field_name(step.field), id, sum: sum.into() }
    }

    /// The sum of a field of the members, or of a diesel expression over their columns; of none it is 0
    ///
    /// NULLs do not count. Whole numbers of any size give an `i64`, floating-point numbers an `f64`. The database adds up, for
    /// all records of the set at once (one grouped SELECT for 1,000), and no members are loaded; where the list and the
    /// field of all members are cached, they are added up here. What it comes to is kept until something changes that it follows
    /// from. Of a set's links each member counts once.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer, price -> Integer, quantity -> Integer } }
    /// # #[derive(Model)] struct Partner { id: i32, #[model(inverse = Order::PARTNER_ID)] order_ids: OneToMany<Order> }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner>, price: i32, quantity: i32 }
    /// fn sold(partner: &Record<Partner>) -> orm_core::Result<(i64, i64)> {
    ///     let pieces = partner.order_ids().sum(Order::QUANTITY)?;
    ///     let worth = partner.order_ids().sum(orders::price * orders::quantity)?;
    ///     Ok((pieces, worth))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Overflow`] where the sum of whole numbers is no `i64`; [`Error::InvalidValue`] where a column holds what is no
    /// number; those of reading the links, and of the database.
    #[track_caller]
    pub fn sum<S: Summed<M>>(&self, what: S) -> Result<<S::Total as Total>::Out> {
        let place = Location::caller();
        let tally = self.aggregate(&Sum::<S, false>(what), place)?;
        tally.total.out().map_err(|sum| self.overflow(&sum, place))
    }

    /// The mean of a field of the members, or of a diesel expression over their columns; `None` of no values
    ///
    /// As [`sum`](Self::sum), divided by how many values there are: exact up to the division, whatever the database makes of
    /// the mean of integers.
    ///
    /// # Errors
    ///
    /// As [`sum`](Self::sum), but that none is too large.
    #[track_caller]
    pub fn avg<S: Summed<M>>(&self, what: S) -> Result<Option<f64>> {
        let Tally { total, count } = self.aggregate(&Sum::<S, true>(what), Location::caller())?;
        Ok((count > 0).then(|| total.mean(count)))
    }

    /// The least value of a field of the members, or of a diesel expression of numbers over their columns; `None` of no values
    ///
    /// By the order of the database: a text's is that of its collation. Asked and kept as [`sum`](Self::sum) is; numbers that
    /// are cached are compared here.
    ///
    /// # Errors
    ///
    /// Those of reading the links, and of the database.
    #[track_caller]
    pub fn min<S: Compared<M>>(&self, what: S) -> Result<Option<S::Value>> {
        self.extreme::<S, false>(what, Location::caller())
    }

    /// The greatest value, as [`min`](Self::min) gives the least
    ///
    /// # Errors
    ///
    /// As [`min`](Self::min).
    #[track_caller]
    pub fn max<S: Compared<M>>(&self, what: S) -> Result<Option<S::Value>> {
        self.extreme::<S, true>(what, Location::caller())
    }

    fn extreme<S: Compared<M>, const GREATEST: bool>(
        &self,
        what: S,
        place: Place,
    ) -> Result<Option<S::Value>> {
        let found = self.aggregate(&Extreme::<S, GREATEST>(what), place)?;
        found.map(S::value).transpose().map_err(|value| self.overflow(&value, place))
    }

    /// How many members a condition on their columns holds for
    ///
    /// Asked and kept as [`sum`](Self::sum) is, by the condition's text and values. A value whose `Debug` is not that of a number, a
    /// text, a truth, a date or a UUID may hide what it is: then nothing is kept, and each call asks.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer } }
    /// # diesel::table! { orders { id -> Integer, partner_id -> Integer, state -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, #[model(inverse = Order::PARTNER_ID)] order_ids: OneToMany<Order> }
    /// # #[derive(Model)] struct Order { id: i32, partner_id: Id<Partner>, state: String }
    /// fn busy(partners: &RecordSet<Partner>) -> orm_core::Result<usize> {
    ///     let open = |partner: &Record<Partner>| partner.order_ids().count_where(orders::state.eq("open"));
    ///     Ok(partners.filter(|partner| Ok(open(partner)? > 0))?.len())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading the links, and of the database.
    #[track_caller]
    pub fn count_where<F: Counted<M>>(&self, condition: F) -> Result<usize> {
        Ok(self.aggregate(&Count(condition), Location::caller())? as usize)
    }
}
