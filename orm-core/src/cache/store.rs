//! One model's part of the cache: its keys and its columns.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use once_cell::unsync::OnceCell;

use super::codec::AnyColumn;
use super::column::{PAGE, Stamp};
use super::evict::Resident;
use super::keys::Keys;
use super::stats::ModelStats;
use crate::backend::Connection;
use crate::key::Key;
use crate::model::{Columns, Model};
use crate::prefetch::{self, Ask};
use crate::relation::Want;
use crate::{Environment, Error, Result, Str};

/// By field and slot: how many members, and when they were counted
type Counts = HashMap<(usize, u32), (usize, Stamp), FixedState>;

/// The records of one model that an environment has met
pub(crate) struct Store<M: Model> {
    keys: RefCell<Keys<M::Key>>,
    pub(crate) columns: RefCell<M::Columns>,
    /// Which records count against a limit; kept only while there is one
    pub(super) resident: RefCell<Resident>,
    /// What a record's values of a field, and of those that come with it, took so far: records and bytes
    weights: RefCell<Vec<(usize, usize)>>,
    /// Members of to-many links that were counted and not listed, by field and slot
    counts: RefCell<Counts>,
    /// For each field, how many batches of one record ran in a row
    singles: RefCell<Vec<usize>>,
}

impl<M: Model> fmt::Debug for Store<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store<{}>({} keys)", M::NAME, self.slots())
    }
}

impl<M: Model> Default for Store<M> {
    fn default() -> Self {
        Self {
            keys: RefCell::default(),
            columns: RefCell::default(),
            resident: RefCell::default(),
            weights: RefCell::default(),
            counts: RefCell::default(),
            singles: RefCell::default(),
        }
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

    /// Forgets which rows did not exist.
    pub(crate) fn forget_absent(&self) {
        self.keys.borrow_mut().forget_absent();
    }

    pub(crate) fn missing_record(&self, slot: u32) -> Error {
        Error::MissingRecord { model: M::NAME, id: self.key(slot).text() }
    }

    pub(crate) fn is_resident(&self, slot: u32) -> bool {
        self.resident.borrow().has(slot)
    }

    pub(crate) fn add_resident(&self, slot: u32) {
        self.resident.borrow_mut().add(slot);
    }

    /// Makes all values missing that are older than `max_age`, if the one about to be read is.
    #[cold]
    #[inline(never)]
    pub(crate) fn expire(&self, env: &Environment<M::Connection>, field: usize, slot: u32) {
        let counted_at = self.counts.borrow().get(&(field, slot)).map(|&(_, counted_at)| counted_at);
        let loaded_at = self.with_column(field, |column| column.loaded_at(slot)).or(counted_at);
        let oldest = env.settings.max_age.map_or(0, |age| env.oldest(age));
        if loaded_at.is_some_and(|loaded_at| loaded_at < oldest) {
            env.note_drop();
            AnyStore::<M::Connection>::expire(self, oldest);
        }
    }

    pub(crate) fn count_of(&self, field: usize, slot: u32) -> Option<usize> {
        self.counts.borrow().get(&(field, slot)).map(|&(count, _)| count)
    }

    pub(crate) fn set_counts(&self, field: usize, now: Stamp, counts: impl Iterator<Item = (u32, usize)>) {
        self.counts.borrow_mut().extend(counts.map(|(slot, count)| ((field, slot), (count, now))));
    }

    pub(crate) fn forget_count(&self, field: usize, slot: u32) {
        self.counts.borrow_mut().remove(&(field, slot));
    }

    pub(crate) fn forget_counts(&self, field: usize) {
        self.counts.borrow_mut().retain(|&(other, _), _| other != field);
    }

    /// Notes the size of a batch; tells how many of one record ran in a row.
    pub(crate) fn note_batch(&self, field: usize, size: usize) -> usize {
        let mut singles = self.singles.borrow_mut();
        if singles.len() <= field {
            singles.resize(field + 1, 0);
        }
        singles[field] = if size == 1 { singles[field] + 1 } else { 0 };
        singles[field]
    }

    /// How many records fit into so many bytes when `field` is loaded, by those seen so far
    pub(crate) fn fitting(&self, field: usize, bytes: usize) -> usize {
        match self.weights.borrow().get(field) {
            Some(&(records, taken)) if taken > 0 => (bytes.saturating_mul(records) / taken).max(1),
            _ => usize::MAX,
        }
    }

    pub(crate) fn weigh(&self, field: usize, records: usize, bytes: usize) {
        let mut weights = self.weights.borrow_mut();
        if weights.len() <= field {
            weights.resize(field + 1, (0, 0));
        }
        weights[field].0 += records;
        weights[field].1 += bytes;
    }

    /// Bytes that keys and counts take
    fn key_bytes(&self) -> usize {
        self.keys.borrow().bytes() + self.counts.borrow().allocation_size()
    }

    /// Bytes that the values take
    pub(crate) fn value_bytes(&self) -> usize {
        self.columns.borrow().each().iter().map(|column| column.bytes()).sum()
    }

    /// Runs work on one column, whatever its type.
    pub(crate) fn with_column<R>(
        &self,
        field: usize,
        f: impl FnOnce(&dyn AnyColumn<M::Connection>) -> R,
    ) -> R {
        let columns = self.columns.borrow();
        match columns.column(field) {
            Some(column) => f(column),
            None => unreachable!("{} has no column {field}", M::NAME),
        }
    }
}

/// A store whatever its model
pub(crate) trait AnyStore<C: Connection>: Any + Send {
    /// Where the links of slots lead to: `None` for a link that is not cached
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>));
    /// Makes all values missing that are older than `max_age`, if the one about to be read is
    fn expire_old(&self, env: &Environment<C>, field: usize, slot: u32);
    /// How many members a to-many link has, if its list is cached
    fn list_len(&self, field: usize, slot: u32) -> Option<usize>;
    /// Loads a field of a record, and of its group with it
    fn load(&self, env: &Environment<C>, ask: Ask<'_>) -> Result<()>;
    /// Counts the members of a to-many link of a record, and of its group's with it
    fn count(&self, env: &Environment<C>, ask: Ask<'_>) -> Result<usize>;
    /// Loads a field of these records
    fn load_all(&self, env: &Environment<C>, slots: &[u32], field: usize, want: Want) -> Result<()>;
    /// What a record is called in messages
    fn describe(&self, slot: u32) -> Str;
    fn field_name(&self, field: usize) -> &'static str;
    /// Makes all clean values missing
    fn invalidate(&self);
    /// Makes all clean values missing that were loaded before a time
    fn expire(&self, before: Stamp);
    /// How many records count against a limit
    fn residents(&self) -> usize;
    /// Counts them anew
    fn count_residents(&self);
    /// The pages that hold records, with the turn of their last use
    fn page_uses(&self, out: &mut dyn FnMut(usize, u32));
    /// Makes the clean values of a page missing; tells of how many records
    fn evict_page(&self, page: usize) -> usize;
    /// How many slots there are
    fn slots(&self) -> usize;
    /// Makes the values of all slots from one on missing. With the numbers of slots to keep of each model the keys
    /// go too, and so does every link to one that goes.
    fn release(&self, from: usize, keep: Option<&dyn Fn(usize) -> usize>);
    /// Bytes that keys and values take
    fn bytes(&self) -> usize;
    fn stats(&self) -> ModelStats;
}

impl<C: Connection, M: Model<Connection = C>> AnyStore<C> for Store<M> {
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>)) {
        self.with_column(field, |column| column.hop(slots, out));
    }

    fn expire_old(&self, env: &Environment<C>, field: usize, slot: u32) {
        self.expire(env, field, slot);
    }

    fn list_len(&self, field: usize, slot: u32) -> Option<usize> {
        self.columns.borrow().column(field)?.list_len(slot)
    }

    fn load(&self, env: &Environment<C>, ask: Ask<'_>) -> Result<()> {
        prefetch::load_field(env, self, ask)
    }

    fn count(&self, env: &Environment<C>, ask: Ask<'_>) -> Result<usize> {
        prefetch::count_field(env, self, ask)
    }

    fn load_all(&self, env: &Environment<C>, slots: &[u32], field: usize, want: Want) -> Result<()> {
        prefetch::load_all(env, self, slots, field, want)
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
        self.counts.borrow_mut().clear();
        self.count_residents();
    }

    fn expire(&self, before: Stamp) {
        for column in self.columns.borrow_mut().each_mut() {
            column.remove_where(&mut |_, loaded| loaded < before);
        }
        self.counts.borrow_mut().retain(|_, &mut (_, counted)| counted >= before);
        // That a row does not exist is no older than the rows that do.
        self.keys.borrow_mut().forget_absent();

        self.count_residents();
    }

    fn residents(&self) -> usize {
        self.resident.borrow().count()
    }

    fn count_residents(&self) {
        let mut resident = self.resident.borrow_mut();
        resident.clear();
        self.columns
            .borrow()
            .each()
            .iter()
            .for_each(|column| column.each_slot(&mut |slot| resident.add(slot)));
    }

    fn page_uses(&self, out: &mut dyn FnMut(usize, u32)) {
        let mut uses = vec![0; self.slots().div_ceil(PAGE)];
        for column in self.columns.borrow().each() {
            column.each_use(&mut |page, turn| uses[page] = turn.max(uses[page]));
        }
        uses.into_iter().enumerate().filter(|&(_, turn)| turn > 0).for_each(|(page, turn)| out(page, turn));
    }

    fn evict_page(&self, page: usize) -> usize {
        let mut columns = self.columns.borrow_mut();
        for column in columns.each_mut() {
            column.remove_in_page(page, &mut |_, _| true);
        }
        let columns = columns.each();
        self.resident.borrow_mut().retain_in_page(page, |slot| columns.iter().any(|column| column.has(slot)))
    }

    fn slots(&self) -> usize {
        self.slots()
    }

    fn release(&self, from: usize, keep: Option<&dyn Fn(usize) -> usize>) {
        let mut columns = self.columns.borrow_mut();
        for column in columns.each_mut() {
            column.remove_from(from);
            if let Some(keep) = keep {
                column.remove_links(keep);
            }
        }
        self.counts.borrow_mut().retain(|&(_, slot), _| (slot as usize) < from);
        self.resident.borrow_mut().truncate(from);
        if keep.is_some() {
            self.keys.borrow_mut().truncate(from);
        }
    }

    fn bytes(&self) -> usize {
        self.key_bytes() + self.value_bytes()
    }

    fn stats(&self) -> ModelStats {
        let columns = self.columns.borrow();
        ModelStats::of::<C, M>(&columns.each(), self.slots(), self.key_bytes())
    }
}

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
