//! The part of a handle that all records of one set share.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use once_cell::unsync::OnceCell;

use super::Model;
use crate::Environment;
use crate::backend::Connection;
use crate::env::stores::Store;
use crate::load::origin::{Beyond, MAX_STEPS, Origin, Reach, Rest, Source, Step, Trail, bounded};
use crate::load::prefetch::Scope;
use crate::number::FieldId;
use crate::records::field::WayTo;
use crate::store::{Column, Keys, List, Signal, Slot, lists};

/// The records that are prefetched together, and the groups that their links lead to
///
/// A set of records is its group: the root of its origin. Groups behind links share that root, and none owns the
/// group that it was reached from, so any of them may outlive the others.
pub struct Group<'env, M: Model> {
    pub(crate) env: &'env Environment<M::Connection>,
    pub(crate) store: Store<'env, M::Connection>,
    pub(crate) keys: &'env RefCell<Keys<M::Key>>,
    /// The cells of the fields, at hand so that a hit need not look for them
    pub(crate) columns: M::Columns<'env>,
    /// What a hit compares with, for the same reason
    pub(crate) signal: &'env Signal,
    pub(crate) origin: Origin,
    pub(crate) links: M::Links<'env>,
    /// The link that leads here, if there is one
    pub(crate) link: Option<LinkHere<'env, M::Connection>>,
    trail: OnceCell<Rc<Trail>>,
    /// What the sets that are taken out of here have beyond this group
    beyond: OnceCell<Beyond>,
    /// Tells the environment that records are held.
    _alive: Arc<()>,
}

/// The link that leads to a group
pub(crate) struct LinkHere<'env, C: Connection> {
    /// Its model's
    pub(crate) store: Store<'env, C>,
    pub(crate) field: FieldId,
    /// Its lists, if it is a to-many link
    pub(crate) lists: Option<&'env RefCell<Column<List>>>,
}

impl<C: Connection> Clone for LinkHere<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Connection> Copy for LinkHere<'_, C> {}

/// What is cached of a model, by type
pub(crate) struct View<'env, M: Model> {
    store: Store<'env, M::Connection>,
    keys: &'env RefCell<Keys<M::Key>>,
    columns: M::Columns<'env>,
}

impl<'env, M: Model> View<'env, M> {
    fn of(env: &'env Environment<M::Connection>) -> Self {
        let store = env.store::<M>();
        Self { store, keys: store.table().keys(), columns: M::columns(store) }
    }
}

/// The sets that records are read with
pub(crate) struct Company {
    sources: Vec<Source>,
    reach: Reach,
}

/// The way from a group along one link: made when the link is first followed
pub type Way<'env, T> = OnceCell<Rc<Group<'env, T>>>;

impl<M: Model> fmt::Debug for Group<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl<'env, M: Model> Group<'env, M> {
    pub(crate) fn new(env: &'env Environment<M::Connection>, origin: Origin) -> Rc<Self> {
        Self::behind(env, View::of(env), origin, None)
    }

    /// Another group of the same model
    fn another(&self, origin: Origin) -> Rc<Self> {
        let Self { store, keys, columns, .. } = *self;
        Self::behind(self.env, View { store, keys, columns }, origin, None)
    }

    fn behind(
        env: &'env Environment<M::Connection>,
        View { store, keys, columns }: View<'env, M>,
        origin: Origin,
        link: Option<LinkHere<'env, M::Connection>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            env,
            store,
            keys,
            columns,
            signal: env.signal(),
            origin,
            links: M::Links::default(),
            link,
            trail: OnceCell::new(),
            beyond: OnceCell::new(),
            _alive: Arc::clone(&env.alive),
        })
    }

    pub(crate) fn key(&self, slot: Slot) -> M::Key {
        self.keys.borrow().key(slot).clone()
    }

    pub(crate) fn trail(&self) -> &Rc<Trail> {
        self.trail.get_or_init(|| Rc::new(Trail::of(&self.origin.path)))
    }

    /// Where a record of the group is read, if it was reached from one ordinal of the root
    pub(crate) fn scope(&self, at: Option<u32>) -> Scope<'_> {
        Scope { root: &self.origin.root, trail: self.trail(), at, rest: &self.origin.rest, only: None }
    }

    /// This group, as a set that another one was taken from
    fn source(&self, at: Option<u32>, is_walked: bool) -> Source {
        let (root, trail) = (Rc::clone(&self.origin.root), Rc::clone(self.trail()));
        Source { root, trail, at, is_walked }
    }

    /// Forgets what was derived from the records that there were.
    pub(crate) fn forget_links(&mut self) {
        self.links = M::Links::default();
        self.beyond = OnceCell::new();
    }

    /// This group and those behind it, to be read with
    pub(crate) fn company(&self, is_walked: bool) -> Company {
        let mut sources = vec![self.source(None, is_walked)];
        sources.extend(self.origin.rest.behind(self.trail()));
        Company { sources, reach: self.origin.reach() }
    }

    /// The group of some records of this one, and of another set, as a set of its own
    ///
    /// `is_walked` says whether the others' turn is taken to come too: else these were chosen.
    pub(crate) fn taken(&self, slots: Vec<Slot>, other: Option<Company>, is_walked: bool) -> Rc<Self> {
        let mut company = self.company(is_walked);
        if let Some(other) = other {
            company.sources.extend(other.sources);
            company.reach = company.reach.with(other.reach);
        }
        let Company { sources, reach } = company;
        self.another(Origin::over(slots, Rest::of(sources), reach))
    }

    /// The group of some records, to be read with others
    pub(crate) fn with(
        env: &'env Environment<M::Connection>,
        slots: Vec<Slot>,
        company: Company,
    ) -> Rc<Self> {
        Self::new(env, Origin::over(slots, Rest::of(company.sources), company.reach))
    }

    /// The group of records that were reached from one ordinal of the root, as a set of its own
    pub(crate) fn reached(&self, slots: Vec<Slot>, at: u32) -> Rc<Self> {
        let beyond = self.beyond.get_or_init(|| bounded(self.origin.rest.behind(self.trail())));
        let rest = Rest { nearest: Some(self.source(Some(at), true)), beyond: beyond.clone() };
        self.another(Origin::over(slots, rest, self.origin.reach()))
    }

    /// The group of all that is at the end of the path, as a set of its own
    pub(crate) fn arrived(&self, slots: Vec<Slot>) -> Rc<Self> {
        let rest = Rest { nearest: None, beyond: bounded(self.origin.rest.behind(self.trail())) };
        self.another(Origin::over(slots, rest, self.origin.reach()))
    }

    /// The group that a link leads to, if it was followed before
    #[inline(always)]
    pub(crate) fn followed<'a, T>(&'a self, way: WayTo<M, T>) -> Option<&'a Rc<Group<'env, T>>>
    where
        T: Model<Connection = M::Connection>,
    {
        way(&self.links, PhantomData).get()
    }

    /// The group that a link leads to
    ///
    /// At the end of every so many links it is made anew each time: a chain of groups, each held by the one before,
    /// would be dropped by a call within a call.
    pub(crate) fn open<T>(&self, way: WayTo<M, T>, field: FieldId) -> Rc<Group<'env, T>>
    where
        T: Model<Connection = M::Connection>,
    {
        let step = Step { model: M::number().get(), field };
        let make = || {
            let link = LinkHere { store: self.store, field, lists: lists(self.store.column(field)) };
            Group::behind(self.env, View::of(self.env), self.origin.step(step), Some(link))
        };
        if self.is_deep() { make() } else { Rc::clone(way(&self.links, PhantomData).get_or_init(make)) }
    }

    pub(crate) fn is_deep(&self) -> bool {
        let len = self.origin.path.len();
        len > 0 && len.is_multiple_of(MAX_STEPS)
    }
}
