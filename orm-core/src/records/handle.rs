//! The handle inside every `Records`, and the way of one read.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Records;
use crate::cache::{Link, NULL, Store, UNRESOLVED};
use crate::cardinality::{Cardinality, Many, One, Several};
use crate::field::{Field, Kind, Readable};
use crate::model::Model;
use crate::prefetch::{self, Group, Marks, Step};
use crate::{Environment, Error, RecordSet, Result};

/// The generated struct with a model's accessors: a handle, and one method per field
pub trait Accessors<'env, M: Model, K: Cardinality>: Sized {
    /// The accessors over a handle
    fn wrap(handle: Handle<'env, M, K>) -> Self;
    /// The handle
    fn handle(&self) -> &Handle<'env, M, K>;
}

/// Environment, store, selection and group of some records; small and flat, as it is copied with every record
pub struct Handle<'env, M: Model, K> {
    pub(crate) env: &'env Environment<M::Connection>,
    pub(crate) store: &'env Store<M>,
    /// The records that are prefetched together. A set of records is its group's root.
    pub(crate) group: Rc<Group>,
    /// The record, [`NULL`] or [`UNRESOLVED`]; always `UNRESOLVED` for many records
    pub(crate) slot: u32,
    /// The ordinal in the group's root that the record was reached from, or [`ALL`](Self::ALL)
    pub(crate) at: u32,
    pub(super) kind: PhantomData<K>,
}

impl<M: Model, K> Clone for Handle<'_, M, K> {
    fn clone(&self) -> Self {
        Self { group: Rc::clone(&self.group), ..*self }
    }
}

impl<M: Model, K> fmt::Debug for Handle<'_, M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("slot", &self.slot).field("at", &self.at).finish_non_exhaustive()
    }
}

/// One record about to be read
#[derive(Debug)]
pub struct Reader<'a, 'env, M: Model> {
    env: &'env Environment<M::Connection>,
    store: &'env Store<M>,
    group: &'a Group,
    slot: u32,
    at: u32,
}

impl<M: Model> Reader<'_, '_, M> {
    #[inline(always)]
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    pub(crate) fn key(&self) -> M::Key {
        self.store.key(self.slot)
    }

    /// The value of a field: from the cache, where a hit is an index and a clone; else loaded with the group's.
    #[inline(always)]
    pub(crate) fn cell<T: 'static, D: Kind>(&self, field: Field<M, T, D>) -> Result<D::Cell<T>>
    where
        D::Cell<T>: Clone,
    {
        if self.env.settings.max_age.is_some() {
            self.store.expire(self.env, field.index(), self.slot);
        }
        // One place to clone in keeps the way of a hit short; after `load` it is a hit.
        loop {
            if let Some(value) = field.column(&self.store.columns.borrow()).hit(self.slot, self.env.turn()) {
                return Ok(value.clone());
            }
            miss(self.env, self.store, self.group, self.at, self.slot, field.index())?;
        }
    }
}

/// What a hit does not need; takes all by value, so that a hit need not lay it out in memory.
#[cold]
#[inline(never)]
fn miss<M: Model>(
    env: &Environment<M::Connection>,
    store: &Store<M>,
    group: &Group,
    at: u32,
    slot: u32,
    field: usize,
) -> Result<()> {
    prefetch::load_field(env, store, group, (at != u32::MAX).then_some(at), slot, field)
}

impl<'env, M: Model, K> Handle<'env, M, K> {
    /// Instead of an ordinal: all of the root
    pub(crate) const ALL: u32 = u32::MAX;

    #[inline(always)]
    pub(crate) fn new(
        env: &'env Environment<M::Connection>,
        store: &'env Store<M>,
        group: Rc<Group>,
        slot: u32,
        at: u32,
    ) -> Self {
        Self { env, store, group, slot, at, kind: PhantomData }
    }

    /// Reads a field: what every generated accessor does.
    #[inline(always)]
    pub fn read<F: Readable<M>>(&self, field: F) -> F::Read<'env, K>
    where
        K: Cardinality,
    {
        field.read(self)
    }

    #[inline(always)]
    fn reader_of(&self, slot: u32) -> Reader<'_, 'env, M> {
        Reader { env: self.env, store: self.store, group: &self.group, slot, at: self.at }
    }

    /// The same records, or one of them, as a record of the same group
    pub(crate) fn as_record(&self, slot: u32) -> Records<'env, M, One> {
        Records::wrap(Handle::new(self.env, self.store, Rc::clone(&self.group), slot, self.at))
    }

    /// Along a to-one link: nothing is asked, the target is looked up if the link is cached.
    #[inline(always)]
    pub(crate) fn follow<T, L, D, N>(&self, field: Field<M, T, D>) -> Records<'env, L, N>
    where
        T: 'static,
        D: Kind<Cell<T> = Link>,
        L: Model<Connection = M::Connection>,
        N: Cardinality,
    {
        let step = Step { model: M::number().get(), field: field.index() };
        if self.env.settings.max_age.is_some() {
            self.store.expire(self.env, field.index(), self.slot);
        }
        let target = match self.slot {
            // The target of nothing is nothing; that of something unknown is unknown.
            NULL => NULL,
            UNRESOLVED => UNRESOLVED,
            slot => field.column(&self.store.columns.borrow()).hit(slot, self.env.turn()).map_or(UNRESOLVED, |link| link.0),
        };
        Records::wrap(Handle::new(self.env, self.env.store::<L>(), self.group.follow(step), target, self.at))
    }

    /// Along a to-many link: nothing is asked.
    pub(crate) fn follow_many<L>(&self, field: usize) -> Records<'env, L, Several>
    where
        L: Model<Connection = M::Connection>,
    {
        let step = Step { model: M::number().get(), field };
        Records::wrap(Handle::new(self.env, self.env.store::<L>(), self.group.follow(step), UNRESOLVED, self.at))
    }

    /// What a to-one link points at; `None` if it is NULL
    #[inline(always)]
    pub(crate) fn target(&self) -> Result<Option<Reader<'_, 'env, M>>> {
        match self.slot {
            NULL => Ok(None),
            UNRESOLVED => Ok(self.resolve()?.map(|slot| self.reader_of(slot))),
            slot => Ok(Some(self.reader_of(slot))),
        }
    }

    #[inline(always)]
    pub(crate) fn required_target(&self) -> Result<Reader<'_, 'env, M>> {
        // A NOT NULL link holds a target: its writer lets no NULL pass.
        self.target()?.ok_or_else(|| Error::MissingRecord { model: M::NAME, id: "NULL".into() })
    }

    #[cold]
    #[inline(never)]
    fn resolve(&self) -> Result<Option<u32>> {
        Ok(self.walk()?.first().copied())
    }

    /// The slots at the end of the path, links loaded where they are missing: the group's, a window at a time.
    fn walk(&self) -> Result<Vec<u32>> {
        let Self { env, group, at, .. } = self;
        let mut level = match *at {
            Self::ALL => group.root.slots.clone(),
            at => vec![group.root.slots[at as usize]],
        };
        for (depth, step) in group.path.iter().enumerate() {
            let Some(store) = env.store_by_number(step.model) else { return Ok(Vec::new()) };
            let start = Group::prefix(group, depth);
            if *at == Self::ALL {
                store.load_all(env, &level, step.field)?;
            }
            let mut next = Next::new(level.len() > 1);
            for &slot in &level {
                let mut known = false;
                let mut slots = std::iter::once(slot);
                store.hop(step.field, &mut slots, &mut |targets| known = next.arrive(targets));
                if !known {
                    store.load(env, &start, (*at != Self::ALL).then_some(*at), slot, step.field)?;
                    store.hop(step.field, &mut std::iter::once(slot), &mut |targets| known = next.arrive(targets));
                }
                if !known {
                    return Err(Error::other(format!("{} has no value for a link just loaded", store.describe(slot))));
                }
            }
            level = next.slots;
        }
        Ok(level)
    }
}

/// The records of the next level: of several records each target once, in order of first appearance
struct Next {
    slots: Vec<u32>,
    seen: Option<Marks>,
}

impl Next {
    fn new(several: bool) -> Self {
        Self { slots: Vec::new(), seen: several.then(|| Marks::new(0)) }
    }

    fn arrive(&mut self, targets: Option<&[u32]>) -> bool {
        let Some(targets) = targets else { return false };
        match &mut self.seen {
            Some(seen) => self.slots.extend(targets.iter().filter(|&&target| seen.mark(target))),
            None => self.slots.extend_from_slice(targets),
        }
        true
    }
}

impl<'env, M: Model> Handle<'env, M, One> {
    #[inline(always)]
    pub(crate) fn reader(&self) -> Reader<'_, 'env, M> {
        self.reader_of(self.slot)
    }
}

impl<'env, M: Model> Handle<'env, M, Many> {
    pub(crate) fn readers(&self) -> impl Iterator<Item = Reader<'_, 'env, M>> {
        let Self { env, store, ref group, .. } = *self;
        let slots = group.root.slots.iter().enumerate();
        slots.map(move |(at, &slot)| Reader { env, store, group, slot, at: at as u32 })
    }
}

impl<'env, M: Model> Handle<'env, M, Several> {
    /// The records that the link leads to
    pub(crate) fn members(&self) -> Result<Vec<u32>> {
        self.walk()
    }

    pub(crate) fn member_count(&self) -> Result<usize> {
        Ok(self.walk()?.len())
    }

    /// The records that the link leads to, as a set that was taken from all of the group's
    pub(crate) fn resolved(&self) -> Result<Handle<'env, M, Many>> {
        let members = self.walk()?;
        let group = if self.at == Self::ALL {
            Group::of(members, Vec::new())
        } else {
            Group::taken_from(members, &[&self.group])
        };
        Ok(RecordSet::over(self.env, group))
    }
}

