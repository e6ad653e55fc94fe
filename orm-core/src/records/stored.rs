//! Fields that are computed and stored: columns that are read like any other, and computed where what they follow from has changed.

use std::any::Any;
use std::marker::PhantomData;
use std::rc::Rc;

use super::cardinality::{Cardinality, Many};
use super::computed::{Compute, call};
use crate::backend::Connection;
use crate::env::stores::Store;
use crate::env::watch::Place;
use crate::error::Error;
use crate::load::query;
use crate::number::FieldId;
use crate::records::field::{
    AccessTo, Cached, CellKind, Field, Kind, LinkKind, Linked, LinkedNullable, Nullable, Readable, Required,
    StoredKind, WayTo, to_one_fields, value_fields,
};
use crate::records::{Group, Handle, Model, Records, handle};
use crate::store::{LinkCell, Slot};
use crate::write::stored::{check, on_read, put_computed, settle};
use crate::{Environment, Id, RecordSet, Result};

/// A computed field that is a column, whose values are kept as those of a field of kind `K` are
#[derive(Debug)]
pub struct StoredComputed<K>(PhantomData<K>);

impl<K: CellKind> Kind for StoredComputed<K> {
    type Cell<T>
        = K::Cell<T>
    where
        T: 'static;
    type Way<M: Model> = K::Way<M>;
    type Access<M: Model, T: 'static> = (AccessTo<M, K::Cell<T>>, Compute<M, K::Cell<T>>);
}

impl<K: CellKind> StoredKind for StoredComputed<K> {}

impl<K: CellKind> CellKind for StoredComputed<K> {
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
        place: Place,
    ) -> Result<K::Cell<T>>
    where
        K::Cell<T>: Clone,
    {
        let Group { env, store, .. } = **group;
        let stored = &env.stores.stored;
        let rule = stored.rule_of(store.table_number(), store.column_of(field.index()));
        let slot_meant = store.meant(slot);
        if let Some(rule) = rule.filter(|&rule| stored.is_due(rule, slot_meant)) {
            store.count_miss(field.index());
            // Those that it is read with wait too, most often.
            let slots: Vec<Slot> = match field.access().1 {
                Compute::Each(_) => vec![slot_meant],
                Compute::All(_) => {
                    let all = group.origin.root.slots.iter().copied();
                    let others = all.filter(|&other| other != slot_meant && stored.is_due(rule, other));
                    let root_is_own = group.origin.path.is_empty();
                    std::iter::once(slot_meant).chain(others.filter(|_| root_is_own)).collect()
                }
            };
            on_read(env, || compute_due(group, at, &slots, field))?;
            env.note_input(store, field.index(), slot_meant);
            if let Some(value) = field.cells(&group.columns).borrow().get(slot_meant) {
                return Ok(value.clone());
            }
        }
        handle::load(group, at, slot, field, place)
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
        let Group { env, store, .. } = **group;
        let stored = &env.stores.stored;
        let rule = stored.rule_of(store.table_number(), store.column_of(field.index()))?;
        // What goes wrong is told by who reads what is there, and asks once more.
        let is_due = stored.is_due(rule, store.meant(slot));
        is_due.then(|| Self::bring(group, at, slot, field, place).ok().map(|link| link.to_one())).flatten()
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

/// Computes a field of those of some records that wait for it: what generated code gives to the flush.
pub fn recompute<M, T, K>(
    env: &Environment<M::Connection>,
    slots: &[Slot],
    field: Field<M, T, StoredComputed<K>>,
) -> Result<()>
where
    M: Model,
    T: 'static,
    K: CellKind,
    K::Cell<T>: Clone,
{
    let records = RecordSet::<M>::named(env, slots.to_vec());
    match field.access().1 {
        Compute::Each(_) => records.iter().try_for_each(|record| {
            compute_due(&record.handle().group, record.handle().at, &[record.handle().slot], field)
        }),
        Compute::All(_) => compute_due(&records.handle().group, u32::MAX, slots, field),
    }
}

/// Computes a field of records, as far as they still wait for it.
fn compute_due<M, T, K>(
    group: &Rc<Group<'_, M>>,
    at: u32,
    slots: &[Slot],
    field: Field<M, T, StoredComputed<K>>,
) -> Result<()>
where
    M: Model,
    T: 'static,
    K: CellKind,
    K::Cell<T>: Clone,
{
    let Group { env, store, .. } = **group;
    let stored = &env.stores.stored;
    let Some(rule) = stored.rule_of(store.table_number(), store.column_of(field.index())) else {
        return Ok(());
    };
    let slots: Vec<Slot> = slots.iter().copied().filter(|&slot| stored.is_due(rule, slot)).collect();
    if slots.is_empty() {
        return Ok(());
    }
    match computed(group, at, &slots, field) {
        Err(Error::MissingRecord { model, id }) if model == M::NAME => {
            // One that was deleted elsewhere, or went along with another, has no value.
            let Some(&gone) = slots.iter().find(|&&slot| store.key_text(slot) == id) else {
                return Err(Error::MissingRecord { model, id });
            };
            query::by_keys(env, store, &[gone], &[], "exists")?;
            if !store.is_absent(gone) {
                return Err(Error::MissingRecord { model, id });
            }
            stored.take_due(rule, gone);
            compute_due(group, at, &slots, field)
        }
        other => other,
    }
}

fn computed<M, T, K>(
    group: &Rc<Group<'_, M>>,
    at: u32,
    slots: &[Slot],
    field: Field<M, T, StoredComputed<K>>,
) -> Result<()>
where
    M: Model,
    T: 'static,
    K: CellKind,
    K::Cell<T>: Clone,
{
    let Group { env, store, .. } = **group;
    let computing = env.begin_computing_stored(store, field.index(), slots)?;
    let compute = || match field.access().1 {
        Compute::Each(compute) => slots
            .iter()
            .map(|&slot| compute(&Records::wrap(Handle::new(Rc::clone(group), slot, at))))
            .collect::<Result<Vec<_>>>(),
        Compute::All(compute) => compute(&RecordSet::wrap(Handle::set(group.arrived(slots.to_vec())))),
    };
    let values = call(field, slots.len(), compute, Vec::len)?;
    check(env, store, field.index(), slots, computing.returned_stored())?;
    for (&slot, value) in slots.iter().zip(&values) {
        put_computed(env, store, field.index(), slot, value as &dyn Any, || {
            field.cells(&group.columns).borrow_mut().set(slot, env.moment(), value.clone());
        })?;
    }
    Ok(())
}

impl<M: Model, K: LinkKind<M>> LinkKind<M> for StoredComputed<K> {
    type Target = K::Target;

    #[inline(always)]
    fn way(way: K::Way<M>) -> WayTo<M, K::Target> {
        K::way(way)
    }
}

to_one_fields! {
    StoredComputed<Linked<T>>: Id<T> => Link, T::Key, |link, env| env.store::<T>().key(link.0);
    StoredComputed<LinkedNullable<T>>: Option<Id<T>> => LinkNullable, Option<T::Key>,
        |link, env| link.target().map(|target| env.store::<T>().key(target));
}

value_fields! {
    StoredComputed<Required>: T => Out, required;
    StoredComputed<Nullable>: Option<T> => OutNullable, nullable;
}
