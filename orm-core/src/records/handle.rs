//! The handle inside every `Records`, and the way of one read.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Records;
use super::group::Group;
use crate::cache::{Link, NULL, UNRESOLVED, heap_bytes};
use crate::cardinality::{Cardinality, Many, One, Several};
use crate::field::{Field, Kind, LinkKind, Readable};
use crate::model::Model;
use crate::origin::{Marks, Origin, Step};
use crate::prefetch::{self, Ask};
use crate::relation::Want;
use crate::{Error, Result};

/// The generated struct with a model's accessors: a handle, and one method per field
pub trait Accessors<'env, M: Model, K: Cardinality>: Sized {
    /// The accessors over a handle
    fn wrap(handle: Handle<'env, M, K>) -> Self;
    /// The handle
    fn handle(&self) -> &Handle<'env, M, K>;
    /// The handle
    fn handle_mut(&mut self) -> &mut Handle<'env, M, K>;
}

/// So many links behind each other share a set; a record that is reached by more is a set of its own.
const MAX_PATH: usize = 64;

/// Group and selection of some records; small and flat, as it is copied with every record
pub struct Handle<'env, M: Model, K> {
    /// The records that are prefetched together. A set of records is its group's root.
    pub(crate) group: Rc<Group<'env, M>>,
    /// The record, [`NULL`] or [`UNRESOLVED`]; for a to-many link the record whose link it is, if that is known;
    /// for a set `UNRESOLVED`
    pub(crate) slot: u32,
    /// The ordinal in the group's root that the record was reached from, or [`ALL`](Self::ALL)
    pub(crate) at: u32,
    kind: PhantomData<K>,
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
    group: &'a Group<'env, M>,
    slot: u32,
    at: u32,
}

impl<M: Model> Reader<'_, '_, M> {
    #[inline(always)]
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    pub(crate) fn key(&self) -> M::Key {
        self.group.store.key(self.slot)
    }

    /// The value of a field: from the cache, where a hit is an index and a clone; else loaded with the group's.
    #[inline(always)]
    pub(crate) fn cell<T: 'static, D: Kind>(&self, field: Field<M, T, D>) -> Result<D::Cell<T>>
    where
        D::Cell<T>: Clone,
    {
        let Group { env, store, .. } = self.group;
        // Three ways to a value, and each has its own `Ok`: where two meet before, text goes through memory to be moved on,
        // which was a fifth of a warm read.
        if let Some(value) = field.column(&store.columns.borrow()).hit(self.slot, env.known_turn()) {
            return if heap_bytes(value).is_none() { Ok(value.clone()) } else { Ok(share(value)) };
        }
        match no_hit(self.group, self.at, self.slot, field) {
            Ok(value) => Ok(value),
            Err(error) => Err(error),
        }
    }

    /// The target of a to-one link, as far as it is known; nothing is asked.
    #[inline(always)]
    fn link<T: 'static, D: Kind<Cell<T> = Link>>(&self, field: Field<M, T, D>) -> u32 {
        let Group { env, store, .. } = self.group;
        if let Some(link) = field.column(&store.columns.borrow()).hit(self.slot, env.known_turn()) {
            return link.0;
        }
        peek(self.group, self.slot, field)
    }
}

/// The first read of a page in a turn, or a miss. Takes all by value, so that a hit need not lay it out in memory.
#[cold]
#[inline(never)]
fn no_hit<M: Model, T: 'static, D: Kind>(
    group: &Group<'_, M>,
    at: u32,
    slot: u32,
    field: Field<M, T, D>,
) -> Result<D::Cell<T>>
where
    D::Cell<T>: Clone,
{
    let Group { env, store, ref origin, .. } = *group;
    if !store.touch(env, field.index(), slot) {
        let at = (at != u32::MAX).then_some(at);
        let ask = Ask { origin, at, slot, field: field.index(), want: Want::Records };
        prefetch::load_field(env, store, ask)?;
    }
    let value = field.column(&store.columns.borrow()).get(slot).cloned();
    value.ok_or_else(|| store.missing_record(slot))
}

/// As `no_hit`, along a to-one link.
#[cold]
#[inline(never)]
fn peek<M: Model, T: 'static, D: Kind<Cell<T> = Link>>(
    group: &Group<'_, M>,
    slot: u32,
    field: Field<M, T, D>,
) -> u32 {
    group.store.touch(group.env, field.index(), slot);
    field.column(&group.store.columns.borrow()).get(slot).map_or(UNRESOLVED, |link| link.0)
}

/// A clone of what may lie on the heap
#[cold]
#[inline(never)]
fn share<V: Clone>(value: &V) -> V {
    value.clone()
}

impl<'env, M: Model, K> Handle<'env, M, K> {
    /// Instead of an ordinal: all of the root
    pub(crate) const ALL: u32 = u32::MAX;

    #[inline(always)]
    pub(crate) fn new(group: Rc<Group<'env, M>>, slot: u32, at: u32) -> Self {
        Self { group, slot, at, kind: PhantomData }
    }

    /// Reads a field: what every generated accessor does.
    #[inline(always)]
    pub fn read<F: Readable<M>>(&self, field: F) -> F::Read<'env, K>
    where
        K: Cardinality,
    {
        field.read(self)
    }

    /// The record's own slot; that of a to-many link's owner is none of this model
    #[inline(always)]
    fn own_slot(&self) -> u32
    where
        K: Cardinality,
    {
        if K::IS_LINK_OF_ITS_SLOT { UNRESOLVED } else { self.slot }
    }

    #[inline(always)]
    fn reader_of(&self, slot: u32) -> Reader<'_, 'env, M> {
        Reader { group: &self.group, slot, at: self.at }
    }

    /// One of the records, in the same group
    pub(crate) fn as_record(&self, slot: u32) -> Records<'env, M, One> {
        // A chain of links that is walked on and on (a list, an endless tree) would make each path longer than the
        // one before.
        if self.group.origin.path.len() >= MAX_PATH {
            return Records::wrap(Handle::new(Group::new(self.group.env, Origin::of(vec![slot])), slot, 0));
        }
        Records::wrap(Handle::new(Rc::clone(&self.group), slot, self.at))
    }

    /// Along a to-one link: nothing is asked, the target is looked up if the link is cached.
    #[inline(always)]
    pub(crate) fn follow<T, L, D, N>(&self, field: Field<M, T, D>) -> Records<'env, L, N>
    where
        K: Cardinality,
        T: 'static,
        D: LinkKind<M, Target = L> + Kind<Cell<T> = Link>,
        L: Model<Connection = M::Connection>,
        N: Cardinality,
    {
        let slot = self.own_slot();
        // The target of nothing is nothing; that of something unknown is unknown.
        let target = if slot < UNRESOLVED { self.reader_of(slot).link(field) } else { slot };
        Records::wrap(Handle::new(self.group.follow(field.way(), field.index()), target, self.at))
    }

    /// Along a to-many link: nothing is asked.
    #[inline]
    pub(crate) fn follow_many<T, L, D>(&self, field: Field<M, T, D>) -> Records<'env, L, Several>
    where
        K: Cardinality,
        T: 'static,
        D: LinkKind<M, Target = L>,
        L: Model<Connection = M::Connection>,
    {
        Records::wrap(Handle::new(self.group.follow(field.way(), field.index()), self.own_slot(), self.at))
    }

    /// What a to-one link points at; `None` if it is NULL
    #[inline(always)]
    pub(crate) fn target(&self) -> Result<Option<Reader<'_, 'env, M>>> {
        // What is known first: this is on the way of every read behind a link.
        match self.slot {
            slot if slot < UNRESOLVED => Ok(Some(self.reader_of(slot))),
            NULL => Ok(None),
            _ => Ok(self.resolve()?.map(|slot| self.reader_of(slot))),
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
        Ok(self.walk(0, self.depth(), self.start(), Want::Records)?.first().copied())
    }

    fn depth(&self) -> usize {
        self.group.origin.path.len()
    }

    /// The records that the path starts from
    fn start(&self) -> Vec<u32> {
        let slots = &self.group.origin.root.slots;
        if self.at == Self::ALL { slots.clone() } else { vec![slots[self.at as usize]] }
    }

    /// The slots that the path leads to, from one depth on up to another; links are loaded where they are missing: the
    /// group's, a window at a time.
    fn walk(&self, from: usize, to: usize, mut level: Vec<u32>, want: Want) -> Result<Vec<u32>> {
        let Group { env, ref origin, .. } = *self.group;
        let at = (self.at != Self::ALL).then_some(self.at);
        for (depth, step) in origin.path.iter().enumerate().take(to).skip(from) {
            let Some(store) = env.store_by_number(step.model) else { return Ok(Vec::new()) };
            // Of what is only passed through the columns are wanted: they hold the next links.
            let want = if depth + 1 == to { want } else { Want::Records };
            let mut misses = 0;
            if at.is_none() {
                // Reading a link of a whole set is later than what was read before.
                env.tick();
                misses = store.load_all(env, &level, step.field, want)?;
            }
            let mut next = Next::new(level.len() > 1);
            for &slot in &level {
                if env.settings.max_age.is_some() {
                    store.expire_old(env, step.field, slot);
                }
                let mut known = false;
                store
                    .hop(step.field, &mut std::iter::once(slot), &mut |targets| known = next.arrive(targets));
                if known && misses > 0 {
                    misses -= 1;
                } else if known {
                    store.count_hit(env, step.field, slot);
                } else {
                    let ask = Ask { origin: &origin.prefix(depth), at, slot, field: step.field, want };
                    store.load(env, ask)?;
                    store.hop(step.field, &mut std::iter::once(slot), &mut |targets| {
                        known = next.arrive(targets);
                    });
                }
                if !known {
                    return Err(Error::other(format!(
                        "{} has no value for a link just loaded",
                        store.describe(slot)
                    )));
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
        let group = &*self.group;
        // Reading a field of a whole set is later than what was read before.
        group.env.tick();
        group.origin.root.slots.iter().enumerate().map(move |(at, &slot)| Reader {
            group,
            slot,
            at: at as u32,
        })
    }
}

impl<'env, M: Model> Handle<'env, M, Several> {
    /// The records that the link leads to
    pub(crate) fn members(&self, want: Want) -> Result<Vec<u32>> {
        match self.slot {
            NULL => Ok(Vec::new()),
            UNRESOLVED => self.walk(0, self.depth(), self.start(), want),
            // The last link is that of a record which is known.
            slot => self.walk(self.depth().saturating_sub(1), self.depth(), vec![slot], want),
        }
    }

    /// The link's model and field, and the records whose link it is
    pub(crate) fn owners(&self) -> Result<Option<(Step, Vec<u32>)>> {
        let Some((&step, before)) = self.group.origin.path.split_last() else { return Ok(None) };
        let owners = match self.slot {
            NULL => Vec::new(),
            UNRESOLVED => self.walk(0, before.len(), self.start(), Want::Records)?,
            slot => vec![slot],
        };
        Ok(Some((step, owners)))
    }

    /// How many there are: the length of the list if it is cached, else a count for the whole group
    #[inline]
    pub(crate) fn member_count(&self) -> Result<usize> {
        let Group { env, link, .. } = *self.group;
        if let Some((store, field)) = link
            && self.slot < UNRESOLVED
            && let Some(count) = store.list_len(env, field, self.slot)
        {
            return Ok(count);
        }
        self.count_members()
    }

    #[cold]
    #[inline(never)]
    fn count_members(&self) -> Result<usize> {
        let Group { env, link, ref origin, .. } = *self.group;
        let (slot, Some((store, field))) = (self.slot, link) else { return Ok(0) };
        if slot >= UNRESOLVED {
            return Ok(self.members(Want::Keys)?.len());
        }
        if env.settings.max_age.is_some() {
            store.expire_old(env, field, slot);
        }
        let mut known = None;
        store.hop(field, &mut std::iter::once(slot), &mut |targets| known = targets.map(<[u32]>::len));
        if let Some(count) = known {
            store.count_hit(env, field, slot);
            return Ok(count);
        }
        let at = (self.at != Self::ALL).then_some(self.at);
        let origin = &origin.prefix(origin.path.len() - 1);
        store.count(env, Ask { origin, at, slot, field, want: Want::Keys })
    }

    /// The records that the link leads to, as a set that was taken from all of the group's
    pub(crate) fn resolved(&self) -> Result<Handle<'env, M, Many>> {
        let members = self.members(Want::Records)?;
        let group = if self.at == Self::ALL {
            Group::new(self.group.env, Origin::of(members))
        } else {
            self.group.taken(members, &[])
        };
        Ok(Handle::set(group))
    }
}

impl<'env, M: Model> Handle<'env, M, Many> {
    pub(crate) fn set(group: Rc<Group<'env, M>>) -> Self {
        Self::new(group, UNRESOLVED, Self::ALL)
    }
}
