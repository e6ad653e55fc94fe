//! Fields that a function computes: called where the cache has no value, and what it reads is noted.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use bytes::Bytes;

use super::cardinality::{Cardinality, Many};
use crate::backend::{Begin, Connection};
use crate::env::evict::make_room;
use crate::env::stores::Want;
use crate::env::watch::Place;
use crate::load::plan::{Wanted, plan};
use crate::records::field::{
    AccessTo, Cached, CellKind, Field, Kind, Nullable, Readable, Required, value_fields,
};
use crate::records::{Group, Handle, Model, Records};
use crate::store::Moment;
use crate::write::stored::settle;
use crate::{Environment, Error, Record, RecordSet, Result, Str};

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
    #[inline(always)]
    fn access<M: Model, T: 'static>((access, _): Self::Access<M, T>) -> AccessTo<M, K::Cell<T>> {
        access
    }

    fn stands<C: Connection>(env: &Environment<C>) -> Result<()> {
        settle(env)
    }

    fn bring<M: Model, T: 'static>(
        group: &Rc<Group<'_, M>>,
        at: u32,
        slot: u32,
        field: Field<M, T, Self>,
        _: Place,
    ) -> Result<K::Cell<T>>
    where
        K::Cell<T>: Clone,
    {
        let store = group.store;
        store.count_miss(field.index());
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
fn together<M: Model>(group: &Group<'_, M>, at: u32, slot: u32, field: usize) -> Vec<u32> {
    let Group { env, store, .. } = *group;
    let scope = group.scope((at != u32::MAX).then_some(at));
    let wanted = Wanted { scope, field, limit: env.settings.prefetch_limit, is_usual: false };
    let mut slots = Vec::new();
    store.probe(field, Want::Records, &mut |lacks| {
        slots = plan(env, store, &wanted, vec![slot], lacks).0;
    });
    slots
}

/// Computes a field of records and caches the values, unless what they follow from has changed meanwhile.
fn computed<M, T, K, R>(
    group: &Group<'_, M>,
    field: Field<M, T, ComputedKind<K>>,
    slots: &[u32],
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
    let result = stacker::maybe_grow(RED_ZONE, MORE, compute)?;
    let values = values_of(&result);
    if values.len() != slots.len() {
        let (records, values) = (slots.len(), values.len());
        return Err(Error::ValueCount { model: M::NAME, field: field.name(), records, values });
    }
    if let Some(time) = computing.returned() {
        let now = Moment { time, turn: env.turn() };
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
        let each = || slots.iter().try_for_each(|&slot| inverse(&self.as_record(slot), value.clone()));
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

/// What a function of the user has computed for one record
pub fn computed_one<V, T: IntoCell<V>>(result: Result<T>) -> Result<V> {
    result.map(T::into_cell)
}

/// What a function of the user has computed for several records
pub fn computed_all<V, T: IntoCell<V>>(result: Result<Vec<T>>) -> Result<Vec<V>> {
    Ok(result?.into_iter().map(T::into_cell).collect())
}
