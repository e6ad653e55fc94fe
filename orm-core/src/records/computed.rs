//! Fields that a function computes: called where the cache has no value, and what it reads is noted.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use bytes::Bytes;

use super::cardinality::{self, Cardinality, Many, Optional};
use crate::backend::{Begin, Connection};
use crate::env::evict::make_room;
use crate::env::stores::{Store, Want};
use crate::env::watch::Place;
use crate::load::origin::Origin;
use crate::load::plan::{Wanted, plan};
use crate::model::{AnyModel, any};
use crate::number::FieldId;
use crate::records::field::{
    AccessTo, Cached, CellKind, Field, Kind, LinkKind, Linked, LinkedNullable, Nullable, PrimaryKey,
    Readable, Required, WayTo, to_one_fields, value_fields,
};
use crate::records::value::IntoLink;
use crate::records::{Group, Handle, Model, Records};
use crate::store::{Link, LinkCell, Moment, Slot};
use crate::write::stored::settle;
use crate::{Environment, Error, Id, Record, RecordSet, Result, Str};

/// Stack that a function may take before it gets more, and how much that is: one computed value may follow from another, and so on
const RED_ZONE: usize = 128 << 10;
const MORE: usize = 1 << 20;

/// A computed field, whose values are kept as those of a field of kind `K` are
#[derive(Debug)]
pub struct ComputedKind<K>(PhantomData<K>);

/// How the values of a field of `M` are computed; `V` is what a cell holds
pub enum Compute<M: Model, V> {
    /// One by one
    Each(fn(&Record<'_, M>) -> Result<V>),
    /// For all records that are read together, in their order
    All(fn(&RecordSet<'_, M>) -> Result<Vec<V>>),
}

impl<M: Model, V> Clone for Compute<M, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model, V> Copy for Compute<M, V> {}

impl<M: Model, V> fmt::Debug for Compute<M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Each(_) => "Each",
            Self::All(_) => "All",
        })
    }
}

impl<K: CellKind> Kind for ComputedKind<K> {
    type Cell<T>
        = K::Cell<T>
    where
        T: 'static;
    type Way<M: Model> = K::Way<M>;
    type Access<M: Model, T: 'static> = (AccessTo<M, K::Cell<T>>, Compute<M, K::Cell<T>>);
}

impl<K: CellKind> CellKind for ComputedKind<K> {
    const IS_COMPUTED: bool = true;

    #[inline(always)]
    fn access<M: Model, T: 'static>((access, _): Self::Access<M, T>) -> AccessTo<M, K::Cell<T>> {
        access
    }

    fn stands<C: Connection>(env: &Environment<C>, _: Store<'_, C>, _: FieldId, _: Slot) -> Result<()> {
        settle(env)
    }

    fn bring<M: Model, T: 'static>(
        group: &Rc<Group<'_, M>>,
        at: u32,
        slot: Slot,
        field: Field<M, T, Self>,
        _: Place,
    ) -> Result<K::Cell<T>>
    where
        K::Cell<T>: Clone,
    {
        field.cells(&group.columns).borrow().count_miss();
        match field.access().1 {
            Compute::Each(compute) => {
                let record = Record::wrap(Handle::new(Rc::clone(group), slot, at));
                computed(group, field, &[slot], || compute(&record), std::slice::from_ref)
            }
            Compute::All(compute) => {
                let slots = together(group, at, slot, field.index());
                let records = RecordSet::wrap(Handle::set(group.arrived(slots.clone())));
                let mut values = computed(group, field, &slots, || compute(&records), Vec::as_slice)?;
                // The one that was asked for is the first.
                Ok(values.swap_remove(0))
            }
        }
    }

    fn lead<M: Model, T: 'static>(
        group: &Rc<Group<'_, M>>,
        at: u32,
        slot: Slot,
        field: Field<M, T, Self>,
        place: Place,
    ) -> Option<Slot>
    where
        K::Cell<T>: LinkCell + Clone,
    {
        // What goes wrong is told by who reads what is there, and asks once more. One that is cached is not computed beside that because
        // nobody can tell whether it stands.
        Self::stands(group.env, group.store, field.index(), slot).ok()?;
        Self::bring(group, at, slot, field, place).ok().map(|link| link.to_one())
    }

    fn prefetch<M: Model, T: 'static>(
        field: Field<M, T, Self>,
        records: &RecordSet<'_, M>,
        at: Place,
    ) -> Result<()>
    where
        K::Cell<T>: Clone,
    {
        Many::required(records.handle(), at, |reader| reader.cell(field, at)).map(drop)
    }
}

/// The record at hand, and those that it is read with and whose value is missing too
fn together<M: Model>(group: &Group<'_, M>, at: u32, slot: Slot, field: FieldId) -> Vec<Slot> {
    let Group { env, store, .. } = *group;
    let scope = group.scope((at != u32::MAX).then_some(at));
    let wanted = Wanted { scope, field, limit: env.settings.prefetch_limit, is_usual: false };
    let mut slots = Vec::new();
    store.probe(field, Want::Records, &mut |lacks| {
        slots = plan(env, store, &wanted, vec![slot], lacks).0;
    });
    slots
}

/// Calls what computes a field of so many records, on a stack that grows, and sees to it that there is a value for each.
pub(super) fn call<M: Model, T, D: Kind, R>(
    field: Field<M, T, D>,
    records: usize,
    compute: impl FnOnce() -> Result<R>,
    count: impl FnOnce(&R) -> usize,
) -> Result<R>
where
    T: 'static,
{
    let result = stacker::maybe_grow(RED_ZONE, MORE, compute)?;
    match count(&result) {
        values if values == records => Ok(result),
        values => Err(Error::ValueCount { model: M::NAME, field: field.name(), records, values }),
    }
}

/// Computes a field of records and caches the values, unless what they follow from has changed meanwhile.
fn computed<M, T, K, R>(
    group: &Group<'_, M>,
    field: Field<M, T, ComputedKind<K>>,
    slots: &[Slot],
    compute: impl FnOnce() -> Result<R>,
    values_of: impl Fn(&R) -> &[K::Cell<T>],
) -> Result<R>
where
    M: Model,
    T: 'static,
    K: CellKind,
    K::Cell<T>: Clone,
{
    let Group { env, store, .. } = *group;
    let computing = env.begin_computing(store, field.index(), slots)?;
    let result = call(field, slots.len(), compute, |result| values_of(result).len())?;
    let values = values_of(&result);
    if let Some(time) = computing.returned() {
        let now = Moment { time, tick: env.tick() };
        let mut cells = field.cells(&group.columns).borrow_mut();
        slots.iter().zip(values).for_each(|(&slot, value)| cells.set(slot, now, value.clone()));
        drop(cells);
        // What asked for them follows from what they follow from.
        slots.iter().take(1).for_each(|&slot| env.note_input(store, field.index(), slot));
        env.forget_computations();
        if env.limits.any() {
            slots.iter().for_each(|&slot| store.add_resident(slot));
            make_room(env, 0, u32::MAX);
        }
    }
    Ok(result)
}

impl<'env, M: Model, K: Cardinality> Handle<'env, M, K> {
    /// Sets a computed field: what every generated setter of one does.
    #[track_caller]
    pub fn invert<V: Clone>(
        &self,
        value: V,
        inverse: impl Fn(&Record<'env, M>, V) -> Result<()>,
    ) -> Result<()> {
        let slots = K::slots(self, Location::caller())?;
        let env = self.group.env;
        let each = || self.each_of(&slots).try_for_each(|record| inverse(&record, value.clone()));
        // Of several records all or none, also where an open transaction goes on.
        if slots.len() > 1 { env.run_transaction(&Begin::default(), each) } else { env.writing(each) }
    }
}

/// Sets the field whose value a related field shows: of all records that the links lead to. What a record reads there says whether it
/// may be NULL.
pub fn through<'env, M: Model, K: Cardinality, V, T: Related<V>>(
    records: Records<'env, M, K>,
    field: &'static str,
    value: V,
    _read: impl Fn(&Record<'env, M>) -> Result<T>,
    set: impl FnOnce(&Records<'env, M, K>, T) -> Result<()>,
) -> Result<()> {
    set(&records, T::related(value).ok_or_else(|| Error::missing_value(M::NAME, field))?)
}

/// The value of a field that a related field shows, which may be an `Option` for what is on the way
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be set through one of type `{V}`",
    label = "what is set there is a `{Self}`"
)]
pub trait Related<V>: Sized {
    #[doc(hidden)]
    fn related(value: V) -> Option<Self>;
}

impl<V> Related<V> for V {
    fn related(value: V) -> Option<Self> {
        Some(value)
    }
}

impl<V> Related<Option<V>> for V {
    fn related(value: Option<V>) -> Option<Self> {
        value
    }
}

impl<M: Model, K: LinkKind<M>> LinkKind<M> for ComputedKind<K> {
    type Target = K::Target;

    #[inline(always)]
    fn way(way: K::Way<M>) -> WayTo<M, K::Target> {
        K::way(way)
    }
}

to_one_fields! {
    ComputedKind<Linked<T>>: Id<T> => Link, T::Key, |link, env| env.store::<T>().key(link.0);
    ComputedKind<LinkedNullable<T>>: Option<Id<T>> => LinkNullable, Option<T::Key>,
        |link, env| link.target().map(|target| env.store::<T>().key(target));
}

/// A type of links: an `Id`, or an `Option` of one
pub trait LinkValue<C: Connection> {
    #[doc(hidden)]
    fn to_cell(self, env: &Environment<C>) -> Link;
}

impl<T: Model> LinkValue<T::Connection> for Id<T> {
    fn to_cell(self, env: &Environment<T::Connection>) -> Link {
        Link(env.store::<T>().intern(self.into_key()))
    }
}

impl<T: Model> LinkValue<T::Connection> for Option<Id<T>> {
    fn to_cell(self, env: &Environment<T::Connection>) -> Link {
        self.map_or(Link::NULL, |id| id.to_cell(env))
    }
}

/// What a function of the user has computed of a link of type `L` for one record: whatever can be given for such a link
pub fn computed_link<M, L, V, Via>(record: &Record<'_, M>, result: Result<V>) -> Result<Link>
where
    M: Model,
    L: LinkValue<M::Connection>,
    for<'v> &'v V: IntoLink<L, Via>,
{
    Ok((&result?).into_link()?.to_cell(record.env()))
}

/// The same for several records
pub fn computed_links<M, L, V, Via>(records: &RecordSet<'_, M>, result: Result<Vec<V>>) -> Result<Vec<Link>>
where
    M: Model,
    L: LinkValue<M::Connection>,
    for<'v> &'v V: IntoLink<L, Via>,
{
    result?.iter().map(|link| Ok(link.into_link()?.to_cell(records.env()))).collect()
}

/// Reads a computed link of the records of an origin's root: where it leads to. Where nobody has asked for them, what goes wrong is left
/// to who does.
pub fn compute_links<M, T, K>(
    env: &Environment<M::Connection>,
    origin: Origin,
    place: Place,
    is_ahead: bool,
    field: Field<M, T, ComputedKind<K>>,
) -> Result<Vec<Slot>>
where
    M: Model,
    T: 'static,
    K: CellKind,
    K::Cell<T>: LinkCell + Clone,
{
    let records = Handle::set(Group::<M>::new(env, origin));
    let _ahead = is_ahead.then(|| env.begin_ahead());
    let mut targets = Vec::new();
    for reader in records.readers() {
        match reader.cell(field, place) {
            Ok(link) => targets.push(link.to_one()),
            // What is being computed may be what all of them wait for.
            Err(Error::Cycle { .. }) if is_ahead => break,
            Err(_) if is_ahead => {}
            Err(error) => return Err(error),
        }
    }
    Ok(targets)
}

/// A to-one link, as what it takes
pub trait Linking {
    /// An `Id`, or an `Option` of one
    type Value;
}

impl<M: Model> Linking for Records<'_, M, cardinality::Required> {
    type Value = Id<M>;
}

impl<M: Model> Linking for Records<'_, M, Optional> {
    type Value = Option<Id<M>>;
}

/// As [`through`], where the field is a link.
pub fn through_link<'env, M: Model, K: Cardinality, V, R: Linking<Value: Related<V>>>(
    records: Records<'env, M, K>,
    field: &'static str,
    value: V,
    _read: impl Fn(&Record<'env, M>) -> R,
    set: impl FnOnce(&Records<'env, M, K>, R::Value) -> Result<()>,
) -> Result<()> {
    set(&records, Related::related(value).ok_or_else(|| Error::missing_value(M::NAME, field))?)
}

value_fields! {
    ComputedKind<Required>: T => Out, required;
    ComputedKind<Nullable>: Option<T> => OutNullable, nullable;
}

/// The user's own type on its way into a cell
#[diagnostic::on_unimplemented(
    message = "a function that returns `{Self}` cannot compute a field of type `{V}`",
    label = "this is to return `orm_core::Result<{V}>`"
)]
pub trait IntoCell<V> {
    #[doc(hidden)]
    fn into_cell(self) -> V;
}

impl<V> IntoCell<V> for V {
    fn into_cell(self) -> V {
        self
    }
}

impl<V> IntoCell<Option<V>> for V {
    fn into_cell(self) -> Option<V> {
        Some(self)
    }
}

/// What a function makes of a time, on its way into a cell
#[diagnostic::on_unimplemented(
    message = "a function that returns `{Self}` does not make a value of type `{V}`",
    label = "this is to take a `SystemTime` and return `{V}`"
)]
pub trait IntoTime<V> {
    #[doc(hidden)]
    fn into_time(self) -> V;
}

#[diagnostic::do_not_recommend]
impl<V, T: IntoCell<V>> IntoTime<V> for T {
    fn into_time(self) -> V {
        self.into_cell()
    }
}

macro_rules! into_cell {
    ($($from:ty => $to:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoCell<$to> for $from {
            fn into_cell(self) -> $to {
                <$to>::from(self)
            }
        }
        #[diagnostic::do_not_recommend]
        impl IntoCell<Option<$to>> for Option<$from> {
            fn into_cell(self) -> Option<$to> {
                self.map(<$to>::from)
            }
        }
    )*};
}
into_cell! {
    String => Str;
    Vec<u8> => Bytes;
}

/// A field that `depends_on` may name: what a row holds
#[diagnostic::on_unimplemented(
    message = "`depends_on` names columns, and `{Self}` is none",
    label = "no field that stands in the rows",
    note = "what is read by fields and links is noted by itself: name the columns that the function's searches look at"
)]
pub trait DependedOn<C: Connection> {
    #[doc(hidden)]
    fn place(self) -> (&'static dyn AnyModel<C>, FieldId);
}

macro_rules! depended_on {
    ($([$($parameter:tt)*] $kind:ty;)*) => {$(
        impl<M: Model, T: 'static, $($parameter)*> DependedOn<M::Connection> for Field<M, T, $kind> {
            fn place(self) -> (&'static dyn AnyModel<M::Connection>, FieldId) {
                (any::<M>(), self.index())
            }
        }
    )*};
}
depended_on! {
    [] Required;
    [] Nullable;
    [] PrimaryKey;
    [L: Model] Linked<L>;
    [L: Model] LinkedNullable<L>;
}

/// A field that `depends_on` names, its type forgotten
pub fn depended_on<C: Connection, F: DependedOn<C>>(field: F) -> (&'static dyn AnyModel<C>, FieldId) {
    field.place()
}

/// What a function of the user has computed for one record
pub fn computed_one<V, T: IntoCell<V>>(result: Result<T>) -> Result<V> {
    result.map(T::into_cell)
}

/// What a function of the user has computed for several records
pub fn computed_all<V, T: IntoCell<V>>(result: Result<Vec<T>>) -> Result<Vec<V>> {
    Ok(result?.into_iter().map(T::into_cell).collect())
}
