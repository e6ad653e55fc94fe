//! The handle inside every `Records`, and the way of one read.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use super::group::{Group, LinkHere};
use super::{Model, Records};
use crate::env::stores::{Store, Want};
use crate::env::watch::Place;
use crate::load::origin::{Step, Trail};
use crate::number::FieldId;
use crate::records::cardinality::{Cardinality, Many, One, Optional, Several};
use crate::records::field::{CellKind, Field, LinkKind, Readable, WayTo};
use crate::records::walk::{self, Sought, Walk};
use crate::store::{LinkCell, Slot, heap_bytes};
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

/// Group and selection of some records; small and flat, as it is copied with every record
pub struct Handle<'env, M: Model, K> {
    /// The records that are prefetched together. A set of records is its group's root.
    pub(crate) group: Rc<Group<'env, M>>,
    /// The record, [`Slot::NULL`] or [`Slot::UNRESOLVED`]; for a to-many link the record whose link it is, if that is known;
    /// for a set `Slot::UNRESOLVED`
    pub(crate) slot: Slot,
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
    group: &'a Rc<Group<'env, M>>,
    slot: Slot,
    at: u32,
}

impl<M: Model> Reader<'_, '_, M> {
    #[inline(always)]
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    pub(crate) fn key(&self) -> M::Key {
        self.group.key(self.slot)
    }

    /// The value of a field: from the cache, where a hit is an index and a clone; else loaded with the group's.
    #[inline(always)]
    pub(crate) fn cell<T: 'static, D: CellKind>(
        &self,
        field: Field<M, T, D>,
        place: Place,
    ) -> Result<D::Cell<T>>
    where
        D::Cell<T>: Clone,
    {
        let Group { signal, columns, .. } = &**self.group;
        // Three ways to a value, and each has its own `Ok`: where two meet before, text goes through memory to be moved on,
        // which was a fifth of a warm read.
        if let Some(value) = field.cells(columns).borrow().hit(self.slot, signal.hit_tick()) {
            return if heap_bytes(value).is_none() { Ok(value.clone()) } else { Ok(share(value)) };
        }
        match no_hit(self.group, self.at, self.slot, field, place) {
            Ok(value) => Ok(value),
            Err(error) => Err(error),
        }
    }
}

impl<M: Model> Group<'_, M> {
    /// The target of a to-one link of a record, if it is a hit
    #[inline(always)]
    fn linked<T: 'static, D: CellKind>(&self, slot: Slot, field: Field<M, T, D>) -> Option<Slot>
    where
        D::Cell<T>: LinkCell + Clone,
    {
        let Self { signal, columns, .. } = self;
        field.cells(columns).borrow().hit(slot, signal.hit_tick()).map(LinkCell::to_one)
    }
}

/// The first read of a page in a tick, or a miss. Takes all by value, so that a hit need not lay it out in memory.
#[cold]
#[inline(never)]
fn no_hit<M: Model, T: 'static, D: CellKind>(
    group: &Rc<Group<'_, M>>,
    at: u32,
    slot: Slot,
    field: Field<M, T, D>,
    place: Place,
) -> Result<D::Cell<T>>
where
    D::Cell<T>: Clone,
{
    D::stands(group.env, group.store, field.index(), slot)?;
    let (env, cells) = (group.env, field.cells(&group.columns));
    if let Some(value) = env.read_noted(cells, slot) {
        return Ok(value);
    }
    // Of what is not there no use is noted, but what has to go first may be there. Asked only where a miss is not a query.
    if D::IS_COMPUTED && !env.signal().has_changed() && !cells.borrow().has(slot) {
        return D::bring(group, at, slot, field, place);
    }
    if env.touch(group.store, field.index(), slot)
        && let Some(value) = cells.borrow().get(slot)
    {
        return Ok(value.clone());
    }
    D::bring(group, at, slot, field, place)
}

/// The value of a stored field that is not cached: loaded with the group's
pub(crate) fn load<M: Model, T: 'static, D: CellKind>(
    group: &Group<'_, M>,
    at: u32,
    slot: Slot,
    field: Field<M, T, D>,
    place: Place,
) -> Result<D::Cell<T>>
where
    D::Cell<T>: Clone,
{
    let Group { env, store, .. } = *group;
    let scope = group.scope((at != u32::MAX).then_some(at));
    let known = walk::load(env, store, scope, slot, field.index(), place)?;
    let value = field.cells(&group.columns).borrow().get(known).cloned();
    value.ok_or_else(|| store.missing_record(slot))
}

/// As `no_hit`, along a to-one link.
#[cold]
#[inline(never)]
fn peek<M: Model, T: 'static, D: CellKind>(group: &Group<'_, M>, slot: Slot, field: Field<M, T, D>) -> Slot
where
    D::Cell<T>: LinkCell + Clone,
{
    // What cannot be found out now is told by who reads what the link leads to.
    if D::stands(group.env, group.store, field.index(), slot).is_err() {
        return Slot::UNRESOLVED;
    }
    if let Some(link) = group.env.read_noted(field.cells(&group.columns), slot) {
        return link.to_one();
    }
    group.env.touch(group.store, field.index(), slot);
    field.cells(&group.columns).borrow().get(slot).map_or(Slot::UNRESOLVED, LinkCell::to_one)
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
    pub(crate) fn new(group: Rc<Group<'env, M>>, slot: Slot, at: u32) -> Self {
        Self { group, slot, at, kind: PhantomData }
    }

    /// Reads a field: what every generated accessor does.
    #[inline(always)]
    #[track_caller]
    pub fn read<F: Readable<M>>(&self, field: F) -> F::Read<'env, K>
    where
        K: Cardinality,
    {
        field.read(self, Location::caller())
    }

    /// The record's own slot; that of a to-many link's owner is none of this model
    #[inline(always)]
    fn own_slot(&self) -> Slot
    where
        K: Cardinality,
    {
        if K::IS_LINK_OF_ITS_SLOT { Slot::UNRESOLVED } else { self.slot }
    }

    #[inline(always)]
    fn reader_of(&self, slot: Slot) -> Reader<'_, 'env, M> {
        Reader { group: &self.group, slot, at: self.at }
    }

    /// One of the records, in the same group
    pub(crate) fn as_record(&self, slot: Slot) -> Records<'env, M, One> {
        let slot = self.group.store.meant(slot);
        Records::wrap(Handle::new(Rc::clone(&self.group), slot, self.at))
    }

    /// Some of the records one by one, each reached from where it is: that of a set is a set of its own otherwise, so that a link that is
    /// not cached is this one's and not the first one's.
    pub(crate) fn each_of(&self, slots: &[Slot]) -> impl Iterator<Item = Records<'env, M, One>>
    where
        K: Cardinality,
    {
        let is_one = self.slot < Slot::UNRESOLVED && !K::IS_LINK_OF_ITS_SLOT;
        let group = match self.ordinal() {
            Some(_) if is_one => Rc::clone(&self.group),
            Some(at) => self.group.reached(slots.to_vec(), at),
            None => self.group.arrived(slots.to_vec()),
        };
        let at = if is_one { self.at } else { 0 };
        let slots: Vec<Slot> = slots.iter().map(|&slot| self.group.store.meant(slot)).collect();
        (at..).zip(slots).map(move |(at, slot)| Records::wrap(Handle::new(Rc::clone(&group), slot, at)))
    }

    /// Along a to-one link: nothing is asked, the target is looked up if the link is cached.
    #[inline(always)]
    pub(crate) fn follow<T, L, D, N>(&self, field: Field<M, T, D>, place: Place) -> Records<'env, L, N>
    where
        K: Cardinality,
        T: 'static,
        D: LinkKind<M, Target = L>,
        D::Cell<T>: LinkCell + Clone,
        L: Model<Connection = M::Connection>,
        N: Cardinality,
    {
        let slot = self.own_slot();
        // The target of nothing is nothing; that of something unknown is unknown.
        let target = if slot < Slot::UNRESOLVED {
            match self.group.linked(slot, field) {
                Some(target) => target,
                None => return Records::wrap(self.follow_slowly(field, slot, place)),
            }
        } else {
            slot
        };
        match self.group.followed(field.way()) {
            Some(group) => Records::wrap(Handle::new(Rc::clone(group), target, self.at)),
            None => Records::wrap(self.open(field.way(), field.index(), slot, target)),
        }
    }

    /// The same where it is no hit. Of a link that is not cached the way from the root is walked when it is wanted: if that leads to
    /// another record by now, the way begins anew at the record at hand.
    #[cold]
    #[inline(never)]
    fn follow_slowly<T, L, D, N>(&self, field: Field<M, T, D>, slot: Slot, place: Place) -> Handle<'env, L, N>
    where
        T: 'static,
        D: LinkKind<M, Target = L>,
        D::Cell<T>: LinkCell + Clone,
        L: Model<Connection = M::Connection>,
    {
        let target = match peek(&self.group, slot, field) {
            Slot::UNRESOLVED => D::lead(&self.group, self.at, slot, field, place).unwrap_or(Slot::UNRESOLVED),
            target => target,
        };
        let env = self.group.env;
        // What is being computed follows from the record at hand, and not from the way to it.
        let begins_here = env.is_computing() && !self.group.origin.path.is_empty() && self.at != Self::ALL;
        if target == Slot::UNRESOLVED && (begins_here || self.walk().has_moved(slot)) {
            let group = self.group.reached(vec![slot], self.at);
            return Handle::new(group.open(field.way(), field.index()), target, 0);
        }
        match self.group.followed(field.way()) {
            Some(group) => Handle::new(Rc::clone(group), target, self.at),
            None => self.open(field.way(), field.index(), slot, target),
        }
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
        let slot = self.own_slot();
        match self.group.followed(field.way()) {
            Some(group) => Records::wrap(Handle::new(Rc::clone(group), slot, self.at)),
            None => Records::wrap(self.open(field.way(), field.index(), slot, slot)),
        }
    }

    /// The first step along a link of the group
    #[cold]
    #[inline(never)]
    fn open<L: Model<Connection = M::Connection>, N>(
        &self,
        way: WayTo<M, L>,
        field: FieldId,
        slot: Slot,
        target: Slot,
    ) -> Handle<'env, L, N> {
        // A chain that is walked on and on (a list, an endless tree) begins anew at the record at hand: else the way
        // back to the set would become longer with each link.
        if self.group.is_deep() && slot < Slot::UNRESOLVED && self.at != Self::ALL {
            let group = self.group.reached(vec![slot], self.at);
            return Handle::new(group.open(way, field), target, 0);
        }
        Handle::new(self.group.open(way, field), target, self.at)
    }

    /// What a to-one link points at; `None` if it is NULL
    #[inline(always)]
    pub(crate) fn target(&self, place: Place) -> Result<Option<Reader<'_, 'env, M>>> {
        // What is known first: this is on the way of every read behind a link.
        match self.slot {
            slot if slot < Slot::UNRESOLVED => Ok(Some(self.reader_of(slot))),
            Slot::NULL => Ok(None),
            _ => Ok(self.resolve(place)?.map(|slot| self.reader_of(slot))),
        }
    }

    #[inline(always)]
    pub(crate) fn required_target(&self, place: Place) -> Result<Reader<'_, 'env, M>> {
        // A NOT NULL link holds a target: its writer lets no NULL pass.
        self.target(place)?.ok_or_else(|| Error::MissingRecord { model: M::NAME, id: "NULL".into() })
    }

    #[cold]
    #[inline(never)]
    fn resolve(&self, place: Place) -> Result<Option<Slot>> {
        Ok(self.walk().to_the_end(Want::Records, place)?.first().copied())
    }

    pub(super) fn ordinal(&self) -> Option<u32> {
        (self.at != Self::ALL).then_some(self.at)
    }

    /// The records, their type forgotten
    fn walk(&self) -> Walk<'_, M::Connection> {
        Walk { env: self.group.env, origin: &self.group.origin, at: self.ordinal() }
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
        let group = &self.group;
        // Reading a field of a whole set is later than what was read before.
        group.env.advance_tick();
        group.origin.root.slots.iter().enumerate().map(move |(at, &slot)| Reader {
            group,
            slot,
            at: at as u32,
        })
    }
}

impl<M: Model> Handle<'_, M, Optional> {
    /// What the link points at, read anew if it is one that points back
    pub(crate) fn target_anew(&self, place: Place) -> Result<Option<Slot>> {
        let Group { env, link, .. } = *self.group;
        let Some(LinkHere { store, field, .. }) = link.filter(|link| link.store.field(link.field).is_one())
        else {
            return Ok(self.target(place)?.map(|target| target.slot()));
        };
        env.note_drop();
        for owner in self.walk().to_the_last_link(place)? {
            store.forget_cell(store.column_of(field), owner);
        }
        self.resolve(place)
    }
}

impl<'env, M: Model> Handle<'env, M, Several> {
    /// The records that the link leads to
    pub(crate) fn members(&self, want: Want, place: Place) -> Result<Vec<Slot>> {
        match (self.slot, self.group.link) {
            (Slot::NULL, _) | (_, None) => Ok(Vec::new()),
            (Slot::UNRESOLVED, _) => self.walk().to_the_end(want, place),
            // The last link is that of a record which is known.
            (slot, Some(LinkHere { store, field, .. })) => {
                self.walk().behind_owner(store, slot, Sought { field, want, place })
            }
        }
    }

    /// The way to the records whose link it is
    pub(super) fn trail_before(&self) -> Trail {
        Trail::of(&self.group.origin.path.before())
    }

    /// The link's model and field, and the records whose link it is
    pub(crate) fn owners(&self, place: Place) -> Result<Option<(Step, Vec<Slot>)>> {
        let path = &self.group.origin.path;
        let Some(step) = path.last() else { return Ok(None) };
        let owners = match self.slot {
            Slot::NULL => Vec::new(),
            Slot::UNRESOLVED => self.walk().to_the_last_link(place)?,
            slot => vec![slot],
        };
        Ok(Some((step, owners)))
    }

    /// The link's model and field, and the record whose link it is; `None` if it may be of several, or of none
    #[inline]
    pub(crate) fn owner_here(&self) -> Option<(Store<'env, M::Connection>, FieldId, Slot)> {
        let LinkHere { store, field, .. } = *self.group.link.as_ref()?;
        (self.slot < Slot::UNRESOLVED).then_some((store, field, self.slot))
    }

    /// How many there are: the length of the list if it is cached, else a count for the whole group
    #[inline]
    pub(crate) fn member_count(&self, place: Place) -> Result<usize> {
        let Group { signal, link, .. } = *self.group;
        if let Some(LinkHere { lists: Some(lists), .. }) = link
            && self.slot < Slot::UNRESOLVED
            && let Some(list) = lists.borrow().hit(self.slot, signal.hit_tick())
        {
            return Ok(list.0.len());
        }
        self.count_members(place)
    }

    #[cold]
    #[inline(never)]
    fn count_members(&self, place: Place) -> Result<usize> {
        let link = self.group.link;
        let (slot, Some(LinkHere { store, field, .. })) = (self.slot, link) else { return Ok(0) };
        if slot >= Slot::UNRESOLVED {
            return Ok(self.members(Want::Keys, place)?.len());
        }
        self.walk().count(store, field, slot, place)
    }

    /// How many there are of one record, if that is cached
    pub(crate) fn known_count(&self) -> Result<Option<usize>> {
        let Some((store, field, slot)) = self.owner_here() else { return Ok(None) };
        walk::known_count(self.group.env, store, field, slot)
    }

    /// The records that the link leads to, as a set that was taken from all of the group's
    pub(crate) fn resolved(&self, place: Place) -> Result<Handle<'env, M, Many>> {
        let members = self.members(Want::Records, place)?;
        let group = if self.at == Self::ALL {
            self.group.arrived(members)
        } else {
            self.group.reached(members, self.at)
        };
        Ok(Handle::set(group))
    }
}

impl<'env, M: Model> Handle<'env, M, Many> {
    pub(crate) fn set(group: Rc<Group<'env, M>>) -> Self {
        Self::new(group, Slot::UNRESOLVED, Self::ALL)
    }
}
