//! The stores of all models, by number.

use std::any::Any;
use std::fmt;

use once_cell::unsync::OnceCell;

use super::any_store::AnyStore;
use super::store::Store;
use crate::backend::Connection;
use crate::model::Model;

/// All stores of an environment, by model number. Grows without moving what it holds.
pub(crate) struct Stores<C: Connection> {
    first: [Place<C>; FIRST],
    /// Chunk `i` has place for `FIRST << i` models.
    more: [OnceCell<Box<[Place<C>]>>; CHUNKS],
}

type Place<C> = OnceCell<Box<dyn AnyStore<C>>>;

const FIRST: usize = 64;
const CHUNKS: usize = 24;

impl<C: Connection> Default for Stores<C> {
    fn default() -> Self {
        Self { first: [const { OnceCell::new() }; FIRST], more: [const { OnceCell::new() }; CHUNKS] }
    }
}

impl<C: Connection> Stores<C> {
    #[inline]
    fn place(&self, number: usize) -> &Place<C> {
        match self.first.get(number) {
            Some(place) => place,
            None => self.place_in_chunks(number - FIRST),
        }
    }

    #[cold]
    fn place_in_chunks(&self, number: usize) -> &Place<C> {
        let chunk = (number / FIRST + 1).ilog2() as usize;
        let index = number - FIRST * ((1 << chunk) - 1);
        let places = self.more[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| OnceCell::new()).collect());
        &places[index]
    }

    #[inline]
    pub(crate) fn get<M: Model<Connection = C>>(&self) -> &Store<M> {
        let place = self.place(M::number().get());
        let store: &dyn Any = match place.get() {
            Some(store) => &**store,
            None => &**place.get_or_init(|| Box::new(Store::<M>::default())),
        };
        match store.downcast_ref() {
            Some(store) => store,
            // A number is given to one model only.
            None => unreachable!("two models with one number"),
        }
    }

    /// The store of a model that has been used
    pub(crate) fn by_number(&self, number: usize) -> Option<&dyn AnyStore<C>> {
        self.place(number).get().map(|store| &**store)
    }

    /// All places up to the last one that may be used
    pub(crate) fn by_number_all(&self) -> impl Iterator<Item = Option<&dyn AnyStore<C>>> {
        let used = self.more.iter().filter_map(OnceCell::get).map(|chunk| chunk.len()).sum::<usize>();
        (0..FIRST + used).map(|number| self.by_number(number))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &dyn AnyStore<C>> {
        let more = self.more.iter().filter_map(OnceCell::get).flat_map(|chunk| chunk.iter());
        self.first.iter().chain(more).filter_map(OnceCell::get).map(|store| &**store)
    }
}

impl<C: Connection> fmt::Debug for Stores<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(AnyStore::stats)).finish()
    }
}
