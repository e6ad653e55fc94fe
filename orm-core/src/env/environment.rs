//! `Environment`: a connection, a cache, and the counters of both.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::query_builder::QueryFragment;

use crate::Result;
use crate::backend::{Connection, Dialect, System};
use crate::env::clock::Clock;
use crate::env::connection::{Held, Supply, ask_pool};
use crate::env::pairs::Pairs;
use crate::env::settings::{Limits, Settings};
use crate::env::stores::{Store, Stores, TableStore};
use crate::env::trace::Trace;
use crate::env::transactions::Transactions;
use crate::env::validating::Validating;
use crate::env::watch::Watch;
use crate::model::{self, AnyModel, Entity};
use crate::number::{FieldId, ModelId};
use crate::store::{ColumnId, Computations, Moment, Signal, Slot, Stamp, Stats, TableId, next_tick};

/// Looks at records in vain that take as long as one SELECT does, and the most that may be saved up
const LOOKS: usize = 1 << 9;
const MOST_LOOKS: usize = 1 << 20;

/// Where records are read: one connection and one cache of records
///
/// An environment belongs to one request, job or thread: it is `Send`, not `Sync`. What threads share is the pool.
/// Two handles to one row read the same cached value, however they were found (an identity map).
///
/// ```
/// use orm_core::prelude::*;
/// # fn main() -> orm_core::Result<()> {
/// let env: Environment = Environment::connect(":memory:")?;
/// assert_eq!(env.stats().queries, 0);
/// # Ok(())
/// # }
/// ```
pub struct Environment<
    #[cfg(any(
        feature = "__default_any",
        all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
        all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
        all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
    ))] C: Connection = crate::DefaultConnection,
    // With no backend feature, or several, there is no default: `Unspecified` is no connection.
    #[cfg(not(any(
        feature = "__default_any",
        all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
        all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
        all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
    )))] C: Connection, // with several backends on: `orm_core::connection!(SqliteConnection);` in the crate root, and `use crate::Environment;`
> {
    // `OnceCell` says by itself that threads do not share it, whatever is in it: else the compiler would name each cell of each field, in
    // hundreds of lines, to whoever tries.
    state: OnceCell<OneForEachRequestOrThread<C>>,
}

/// All that an environment is made of; its name is what the compiler shows to who shares one
pub struct OneForEachRequestOrThread<C: Connection> {
    pub(crate) supply: Supply<C>,
    /// Taken at the first query, and anew after it broke
    pub(crate) connection: RefCell<Option<Held<C>>>,
    pub(crate) stores: Stores<C>,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(super) clock: Clock,
    queries: Cell<usize>,
    /// How many records were looked at to plan batches
    pub(crate) planned: Cell<usize>,
    /// Counts the times that something was dropped from the cache
    drops: Cell<usize>,
    /// How many records may be looked at in vain when a batch is planned
    looks: Cell<usize>,
    /// When the call began that reads many records at once, while there is one
    call: Cell<Option<Stamp>>,
    /// The texts of the SELECTs, while somebody listens
    statements: RefCell<Option<Vec<String>>>,
    /// Held by every group of records: while this is the only one, no record is held anywhere.
    pub(crate) alive: Arc<()>,
    /// The number of the last SELECT: the clock by which the cache tells what was used longest ago
    tick: Cell<u32>,
    /// What was computed from what
    pub(super) computed: RefCell<Computations>,
    /// Whether a value is being computed
    pub(super) is_computing: Cell<bool>,
    pub(crate) evictions: Cell<usize>,
    pub(crate) writes: Cell<usize>,
    pub(crate) transactions: Transactions,
    pub(crate) trace: Trace,
    /// Loops that could not be batched
    pub(crate) watched: Watch,
    /// Sends what waits to be written: what that takes is known above, but whoever reads has to send before
    pub(super) send: fn(&Environment<C>) -> Result<()>,
    /// Whether what waits is just being sent
    pub(crate) flushing: Cell<bool>,
    /// Whether records are just being validated
    pub(super) validating: Cell<Validating>,
    /// Many-to-many links that wait to be written
    pub(crate) pairs: Pairs,
    /// The expressions that are the defaults of keys, by table, where it was asked; `None`: there is none
    pub(crate) key_defaults: RefCell<HashMap<TableId, Option<Arc<str>>>>,
}

impl<C: Connection> fmt::Debug for OneForEachRequestOrThread<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("backend", &self.stores.system().name)
            .field("queries", &self.queries.get())
            .field("stores", &self.stores)
            .finish_non_exhaustive()
    }
}

#[doc(hidden)]
impl<C: Connection> Deref for Environment<C> {
    type Target = OneForEachRequestOrThread<C>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        match self.state.get() {
            Some(state) => state,
            None => unreachable!("an environment is made with its state"),
        }
    }
}

/// A moment: what is cached later is told by its time, and by slots that were not there yet
#[derive(Debug)]
pub(crate) struct Mark {
    since: Stamp,
    /// How many slots each table had, by its number
    slots: Vec<usize>,
}

/// A call that reads many records at once, until it is dropped
pub(crate) struct Call<'a>(Option<&'a Cell<Option<Stamp>>>);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.0 {
            call.set(None);
        }
    }
}

impl<C: Connection> Environment<C> {
    pub(crate) fn assemble(
        supply: Supply<C>,
        connection: Option<Held<C>>,
        settings: Settings,
        limits: Limits,
        send: fn(&Self) -> Result<()>,
    ) -> Self {
        // Which of several databases it is, only a connection can say. If there is none now, the first statement tells why.
        let connection = match &supply {
            Supply::Pool(pool) if C::Backend::IS_SEVERAL => {
                let taken = ask_pool(pool).ok();
                taken.map(|mut connection| {
                    settings.set_up(&mut *connection);
                    connection
                })
            }
            _ => connection,
        };
        let system = connection.as_ref().map_or(C::Backend::SYSTEM, |connection| connection.system());
        let state = OneForEachRequestOrThread {
            supply,
            connection: RefCell::new(connection),
            stores: Stores::new(system, Signal::new(u32::from(settings.max_age.is_none()))),
            settings,
            limits,
            clock: Clock::default(),
            queries: Cell::new(0),
            planned: Cell::new(0),
            drops: Cell::new(0),
            looks: Cell::new(MOST_LOOKS),
            call: Cell::new(None),
            statements: RefCell::default(),
            alive: Arc::default(),
            tick: Cell::new(1),
            computed: RefCell::default(),
            is_computing: Cell::default(),
            evictions: Cell::new(0),
            writes: Cell::new(0),
            transactions: Transactions::default(),
            trace: Trace::default(),
            watched: Watch::default(),
            flushing: Cell::new(false),
            validating: Cell::default(),
            send,
            pairs: Pairs::default(),
            key_defaults: RefCell::default(),
        };
        Self { state: OnceCell::from(state) }
    }

    /// What was done so far, and what is cached
    pub fn stats(&self) -> Stats {
        self.settle();
        let models: Vec<_> = self.stores.models().map(Store::stats).collect();
        let sum = |of: fn(TableStore<'_, C>) -> usize| self.tables().map(of).sum();
        Stats {
            queries: self.queries.get(),
            writes: self.writes.get(),
            dirty: sum(|table| table.dirty_records()),
            hits: sum(|table| table.reads().0),
            misses: sum(|table| table.reads().1),
            planned: self.planned.get(),
            records: sum(|table| table.records(&table.columns().collect::<Vec<_>>())),
            values: sum(|table| table.values()),
            bytes: sum(|table| table.bytes()) + self.computed.borrow().bytes(),
            evictions: self.evictions.get(),
            models,
        }
    }

    /// The database system that the connection is to, as messages call it: `SQLite`, `PostgreSQL` or `MySQL` (MariaDB too)
    ///
    /// For what is to be said otherwise to one of them, where a connection may be to any (`AnyConnection`).
    pub fn database_system(&self) -> &'static str {
        self.system().name
    }

    /// Which database system the connection is to
    #[inline]
    pub(crate) fn system(&self) -> &'static System {
        self.stores.system()
    }

    /// A statement's text, without its values
    pub(crate) fn text_of(&self, statement: &dyn QueryFragment<C::Backend>) -> diesel::QueryResult<String> {
        C::Backend::text(self.system(), statement)
    }

    #[inline]
    pub(crate) fn store<M: Entity<Connection = C>>(&self) -> Store<'_, C> {
        self.stores.get(model::any::<M>())
    }

    /// Learns of a model that is not used yet.
    pub(crate) fn know(&self, model: &'static dyn AnyModel<C>) {
        self.stores.get(model);
    }

    pub(crate) fn store_by_number(&self, model: ModelId) -> Option<Store<'_, C>> {
        self.stores.by_number(model)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = TableStore<'_, C>> {
        self.stores.tables()
    }

    /// Counts a SELECT that is about to run, and notes its text if somebody listens.
    pub(crate) fn before_select(&self, query: &dyn QueryFragment<C::Backend>) {
        self.note_statement(query);
        self.advance_tick();
    }

    /// Counts a statement that is about to run, and notes its text if somebody listens.
    pub(crate) fn note_statement(&self, query: &dyn QueryFragment<C::Backend>) {
        self.queries.set(self.queries.get() + 1);
        if let Some(statements) = &mut *self.statements.borrow_mut() {
            let told = C::Backend::describe(self.system(), query);
            statements.push(match self.trace.caller() {
                Some(place) => format!("{told}\n    at {place}"),
                None => told,
            });
        }
    }

    /// Moves the clock of use on.
    pub(crate) fn advance_tick(&self) {
        self.tick.set(next_tick(self.tick.get()));
        let signal = &self.stores.signal;
        // Where every read takes the slow way, it does so until there is no reason for it any more.
        if signal.hit_tick() != 0 {
            signal.set_hit_tick(self.tick.get());
        }
    }

    /// Starts or stops the noting of statements; gives those noted so far.
    pub(crate) fn note_statements(&self, on: bool) -> Vec<String> {
        self.statements.replace(on.then(Vec::new)).unwrap_or_default()
    }

    /// Notes that something was dropped from the cache.
    pub(crate) fn note_drop(&self) {
        self.drops.set(self.drops.get() + 1);
    }

    /// Marks this moment, so that what is cached from now on can be released.
    pub(crate) fn mark(&self) -> Mark {
        Mark { since: self.clock.mark(), slots: self.tables().map(|table| table.slots()).collect() }
    }

    /// Frees what was cached since a mark: values that are not dirty, and keys too unless a record or a set is held
    /// somewhere, or something waits to be written.
    pub(crate) fn release_since(&self, mark: &Mark) {
        self.note_drop();
        let before = |table: TableId| mark.slots.get(table.0).copied().unwrap_or(0);
        let forget_keys = !self.needs_keys();
        for table in self.tables() {
            table.release(mark.since, before(table.number()), forget_keys.then_some(&before));
        }
        self.count_residents();
    }

    /// Counts anew which records count against a limit, if there is one.
    pub(crate) fn count_residents(&self) {
        if self.limits.any() {
            self.tables().for_each(|table| table.count_residents());
        }
    }

    /// Whether a record or a set is held somewhere, or a value waits to be written: those name records by their slots.
    fn needs_keys(&self) -> bool {
        Arc::strong_count(&self.alive) > 1 || self.has_pending()
    }

    /// Frees everything that is not waiting to be written; keys too, unless somebody needs them.
    pub(crate) fn clear(&self) {
        if self.needs_keys() {
            return self.trust_nothing();
        }
        self.release_since(&Mark { since: 0, slots: Vec::new() });
    }

    /// Counts the times that something was dropped from the cache.
    pub(crate) fn drops(&self) -> usize {
        self.drops.get()
    }

    /// Each batch pays for so many looks at records that were in vain.
    pub(crate) fn earn_looks(&self) {
        self.looks.set((self.looks.get() + LOOKS).min(MOST_LOOKS));
    }

    /// Whether a look at so many records, which was in vain the last time, is worth another try.
    pub(crate) fn afford_look(&self, cost: usize) -> bool {
        let left = self.looks.get().checked_sub(cost);
        left.inspect(|&left| self.looks.set(left)).is_some()
    }

    #[inline]
    pub(crate) fn tick(&self) -> u32 {
        self.tick.get()
    }

    /// Where a read finds the tick in which a page must have been used for it to be a hit
    pub(crate) fn signal(&self) -> &Signal {
        &self.stores.signal
    }

    /// A time that is later than that of all that is cached
    pub(crate) fn later(&self) -> Stamp {
        self.clock.mark()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { time: self.clock.now(), tick: self.tick() }
    }

    /// The oldest time that `max_age` lets a value have
    pub(crate) fn oldest(&self, max_age: Duration) -> Stamp {
        // What a call has loaded is not too old for the same call.
        self.clock.oldest(max_age).min(self.call.get().unwrap_or(Stamp::MAX))
    }

    /// Makes all values of a table missing that are older than `max_age`, if the one about to be read is.
    #[cold]
    #[inline(never)]
    pub(crate) fn expire(&self, store: Store<'_, C>, field: FieldId, slot: Slot) {
        self.expire_cell(store, store.column_of(field), slot);
    }

    /// The same of a cell that may be no field's
    pub(crate) fn expire_cell(&self, store: Store<'_, C>, column: ColumnId, slot: Slot) {
        let oldest = self.settings.max_age.map_or(0, |age| self.oldest(age));
        if store.known_since(column, slot).is_some_and(|known_since| known_since < oldest) {
            self.note_drop();
            store.expire(oldest);
        }
    }

    /// Forgets that records were not there, where that was found out longer ago than the most that a value may be old: who writes them finds out anew.
    pub(crate) fn forget_old_absences(&self, store: Store<'_, C>, slots: &[Slot]) {
        let Some(age) = self.settings.max_age.filter(|_| store.has_absent()) else { return };
        let oldest = self.oldest(age);
        let is_old = |slot: &&Slot| store.absent_since(**slot).is_some_and(|since| since < oldest);
        let old: Vec<Slot> = slots.iter().filter(is_old).copied().collect();
        if !old.is_empty() {
            self.note_drop();
            old.into_iter().for_each(|slot| store.set_absent(slot, None));
        }
    }

    /// The first read of a page in a tick: makes a value missing that is too old, notes the use of one that is not.
    ///
    /// Returns whether there is one.
    pub(crate) fn touch(&self, store: Store<'_, C>, field: FieldId, slot: Slot) -> bool {
        if self.settings.max_age.is_some() {
            self.expire(store, field, slot);
        }
        self.settle();
        let is_there = store.touch(field, slot, self.tick());
        if is_there {
            self.note_input(store, field, slot);
        }
        is_there
    }

    /// Begins a call that reads many records at once, unless it is part of one.
    pub(crate) fn begin_call(&self) -> Call<'_> {
        let is_outer = self.settings.max_age.is_some() && self.call.get().is_none();
        if is_outer {
            self.call.set(Some(self.clock.now()));
        }
        Call(is_outer.then_some(&self.call))
    }

    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        self.clock.instant(stamp)
    }

    pub(crate) fn describe(&self, model: ModelId, slot: Slot) -> String {
        self.store_by_number(model).map_or_else(String::new, |store| store.describe(slot).into())
    }
}

impl<C: Connection> fmt::Debug for Environment<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What it has done and holds, as [`Stats`] shows it; asks nothing
impl<C: Connection> fmt::Display for Environment<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.system().name, self.stats())
    }
}
