//! The part of a handle that all records of one set share.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use once_cell::unsync::OnceCell;

use crate::Environment;
use crate::cache::{AnyStore, Store};
use crate::field::WayTo;
use crate::model::Model;
use crate::origin::{Origin, Step};

/// The records that are prefetched together, and the groups that their links lead to
///
/// A set of records is its group: the root of its origin. Groups behind links share that root, and none owns the
/// group that it was reached from, so any of them may outlive the others.
pub struct Group<'env, M: Model> {
    pub(crate) env: &'env Environment<M::Connection>,
    pub(crate) store: &'env Store<M>,
    pub(crate) origin: Origin,
    pub(crate) links: M::Links<'env>,
    /// The link that leads here, if there is one: the store of its model, and its field
    pub(crate) link: Option<(&'env dyn AnyStore<M::Connection>, usize)>,
    /// Tells the environment that records are held.
    _alive: Arc<()>,
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
        Self::behind(env, origin, None)
    }

    fn behind(
        env: &'env Environment<M::Connection>,
        origin: Origin,
        link: Option<(&'env dyn AnyStore<M::Connection>, usize)>,
    ) -> Rc<Self> {
        Rc::new(Self {
            env,
            store: env.store::<M>(),
            origin,
            links: M::Links::default(),
            link,
            _alive: Arc::clone(&env.alive),
        })
    }

    /// The group of some records of this one and of others, as a set of its own
    pub(crate) fn taken(&self, slots: Vec<u32>, others: &[&Origin]) -> Rc<Self> {
        let origins = std::iter::once(&self.origin).chain(others.iter().copied());
        Self::new(self.env, Origin::taken_from(slots, origins))
    }

    /// The group that a link leads to
    #[inline(always)]
    pub(crate) fn follow<T>(&self, way: WayTo<M, T>, field: usize) -> Rc<Group<'env, T>>
    where
        T: Model<Connection = M::Connection>,
    {
        let way = way(&self.links, PhantomData);
        match way.get() {
            Some(group) => Rc::clone(group),
            None => self.open(way, field),
        }
    }

    #[cold]
    #[inline(never)]
    fn open<T>(&self, way: &Way<'env, T>, field: usize) -> Rc<Group<'env, T>>
    where
        T: Model<Connection = M::Connection>,
    {
        let step = Step { model: M::number().get(), field };
        let link = Some((self.store as &dyn AnyStore<_>, field));
        Rc::clone(way.get_or_init(|| Group::behind(self.env, self.origin.step(step), link)))
    }
}
