//! One model's part of the cache: its keys and its columns.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use once_cell::unsync::OnceCell;

use super::codec::AnyColumn;
use super::keys::Keys;
use super::stats::ModelStats;
use crate::backend::Connection;
use crate::model::{Columns, Key, Model};
use crate::prefetch::Group;
use crate::{Environment, Error, Result, Str};

/// The records of one model that an environment has met
pub(crate) struct Store<M: Model> {
    keys: RefCell<Keys<M::Key>>,
    pub(crate) columns: RefCell<M::Columns>,
}

impl<M: Model> fmt::Debug for Store<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store<{}>({} keys)", M::NAME, self.slots())
    }
}

impl<M: Model> Default for Store<M> {
    fn default() -> Self {
        Self { keys: RefCell::default(), columns: RefCell::default() }
    }
}

impl<M: Model> Store<M> {
    #[inline]
    pub(crate) fn intern(&self, key: M::Key) -> u32 {
        self.keys.borrow_mut().intern(key)
    }

    pub(crate) fn find(&self, key: &M::Key) -> Option<u32> {
        self.keys.borrow().find(key)
    }

    #[inline]
    pub(crate) fn key(&self, slot: u32) -> M::Key {
        self.keys.borrow().key(slot).clone()
    }

    pub(crate) fn keys_of(&self, slots: &[u32]) -> Vec<M::Key> {
        let keys = self.keys.borrow();
        slots.iter().map(|&slot| keys.key(slot).clone()).collect()
    }

    pub(crate) fn slots(&self) -> usize {
        self.keys.borrow().len()
    }

    pub(crate) fn is_absent(&self, slot: u32) -> bool {
        self.keys.borrow().is_absent(slot)
    }

    pub(crate) fn set_absent(&self, slot: u32, absent: bool) {
        self.keys.borrow_mut().set_absent(slot, absent);
    }

    pub(crate) fn missing_record(&self, slot: u32) -> Error {
        Error::MissingRecord { model: M::NAME, id: self.key(slot).text() }
    }

    /// Runs work on one column, whatever its type.
    pub(crate) fn with_column<R>(&self, field: usize, f: impl FnOnce(&dyn AnyColumn<M::Connection>) -> R) -> R {
        let columns = self.columns.borrow();
        f(columns.each()[field])
    }
}

/// A store whatever its model
pub(crate) trait AnyStore<C: Connection>: Any + Send {
    /// Where the links of slots lead to: `None` for a link that is not cached
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>));
    /// Loads a field of a record, and of its group with it
    fn load(&self, env: &Environment<C>, group: &Group, at: Option<u32>, slot: u32, field: usize) -> Result<()>;
    /// Loads a field of these records
    fn load_all(&self, env: &Environment<C>, slots: &[u32], field: usize) -> Result<()>;
    /// What a record is called in messages
    fn describe(&self, slot: u32) -> Str;
    fn field_name(&self, field: usize) -> &'static str;
    /// Makes all clean values missing
    fn invalidate(&self);
    fn stats(&self) -> ModelStats;
}

impl<C: Connection, M: Model<Connection = C>> AnyStore<C> for Store<M> {
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>)) {
        self.with_column(field, |column| column.hop(slots, out));
    }

    fn load(&self, env: &Environment<C>, group: &Group, at: Option<u32>, slot: u32, field: usize) -> Result<()> {
        crate::prefetch::load_field(env, self, group, at, slot, field)
    }

    fn load_all(&self, env: &Environment<C>, slots: &[u32], field: usize) -> Result<()> {
        crate::prefetch::load_all(env, self, slots, field)
    }

    fn describe(&self, slot: u32) -> Str {
        Str::from(format!("{}({})", M::NAME, self.key(slot).text()))
    }

    fn field_name(&self, field: usize) -> &'static str {
        M::FIELDS[field].name
    }

    fn invalidate(&self) {
        for column in self.columns.borrow_mut().each_mut() {
            column.remove_where(&mut |_, _| true);
        }
        self.keys.borrow_mut().forget_absent();
    }

    fn stats(&self) -> ModelStats {
        let columns = self.columns.borrow();
        ModelStats::of::<C, M>(&columns.each(), self.slots(), self.keys.borrow().bytes())
    }
}

/// All stores of an environment, by model number. Grows without moving what it holds.
pub(crate) struct Stores<C: Connection> {
    /// Chunk `i` has place for `FIRST << i` models.
    chunks: [OnceCell<Chunk<C>>; CHUNKS],
}

type Chunk<C> = Box<[OnceCell<Box<dyn AnyStore<C>>>]>;

const FIRST: usize = 32;
const CHUNKS: usize = 24;

impl<C: Connection> Default for Stores<C> {
    fn default() -> Self {
        Self { chunks: [const { OnceCell::new() }; CHUNKS] }
    }
}

impl<C: Connection> Stores<C> {
    #[inline]
    fn place(&self, number: usize) -> &OnceCell<Box<dyn AnyStore<C>>> {
        let chunk = (number / FIRST + 1).ilog2() as usize;
        let index = number - FIRST * ((1 << chunk) - 1);
        let cells = self.chunks[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| OnceCell::new()).collect());
        &cells[index]
    }

    #[inline]
    pub(crate) fn get<M: Model<Connection = C>>(&self) -> &Store<M> {
        let number = M::number().get();
        let store: &dyn Any = &**self.place(number).get_or_init(|| Box::new(Store::<M>::default()));
        match store.downcast_ref() {
            Some(store) => store,
            // A number is given to one model only.
            None => unreachable!("two models with the number {number}"),
        }
    }

    /// The store of a model that has been used
    pub(crate) fn by_number(&self, number: usize) -> Option<&dyn AnyStore<C>> {
        self.place(number).get().map(|store| &**store)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &dyn AnyStore<C>> {
        self.chunks.iter().filter_map(OnceCell::get).flat_map(|chunk| chunk.iter().filter_map(OnceCell::get)).map(|store| &**store)
    }
}

impl<C: Connection> fmt::Debug for Stores<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(AnyStore::stats)).finish()
    }
}
