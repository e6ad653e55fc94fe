//! How aggregates over links are looked up, kept, batched and joined, and brought several with one SELECT.
//!
//! What differs between the functions is what they are made of ([`Measure`]); the rest is the same.

use std::any::TypeId;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::backend::{Dialect, Numbers};
use crate::env::evict::make_room;
use crate::env::stores::{Store, Want};
use crate::env::watch::{Place, Spot};
use crate::error::{BoxError, Repeated};
use crate::load::aggregate::{Aggregate, Argument, Brought, Fault, Piece, Reading, by_owner, of_all};
use crate::load::miss::Miss;
use crate::load::prefetch;
use crate::model::{DbOf, LinkInfo, LinkKind};
use crate::records::aggregable::{Compared, Counted, Join, Read, Run, Summed, Tallies, Tally};
use crate::records::cardinality::Several;
use crate::records::numbers::Total;
use crate::records::{Handle, Model};
use crate::store::{AggregateKey, ColumnId, Function, SlotSet, Stamp};
use crate::write::stored;
use crate::{Environment, Error, Result, Str, ToMany};

/// How an aggregate is made, and what it is made of
pub(super) trait Measure<M: Model> {
    /// What a cell of it holds
    type State: Clone + Send + 'static;
    const FUNCTION: Function;
    /// Over no members
    fn none() -> Self::State;
    fn numbers() -> Numbers;
    fn argument(&self) -> Argument<'_, M::Connection>;
    fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>>;
    /// Over these members, if all that is to be known of them is cached
    fn cached(&self, env: &Environment<M::Connection>, members: &[u32]) -> Option<Self::State>;
    /// How those of several owners become one; `None` if only the database can tell
    fn join() -> Option<Join<Self::State>>;
}

/// A sum, or a mean
#[derive(Debug, Clone, Copy)]
pub struct Sum<S, const MEAN: bool>(pub(super) S);

impl<M: Model, S: Summed<M>, const MEAN: bool> Measure<M> for Sum<S, MEAN> {
    type State = Tally<S::Total>;
    const FUNCTION: Function = if MEAN { Function::Mean } else { Function::Sum };

    fn none() -> Self::State {
        Tally::none()
    }

    fn numbers() -> Numbers {
        S::Total::NUMBERS
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, _: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>> {
        let mut tallies = Tallies::default();
        let brought = run(&mut tallies)?;
        Ok(Read { brought, all: tallies.all.into_iter().collect() })
    }

    fn cached(&self, env: &Environment<M::Connection>, members: &[u32]) -> Option<Self::State> {
        let mut tally = Tally::<S::Total>::none();
        for &member in members {
            if let Some(value) = self.0.cached(env, member)? {
                tally = Tally { total: tally.total.plus(value), count: tally.count + 1 };
            }
        }
        Some(tally)
    }

    fn join() -> Option<Join<Self::State>> {
        Some(|a, b| Tally { total: a.total.plus(b.total), count: a.count + b.count })
    }
}

/// The least or the greatest value
#[derive(Debug, Clone, Copy)]
pub struct Extreme<S, const GREATEST: bool>(pub(super) S);

impl<M: Model, S: Compared<M>, const GREATEST: bool> Measure<M> for Extreme<S, GREATEST> {
    type State = Option<S::Cell>;
    const FUNCTION: Function = if GREATEST { Function::Greatest } else { Function::Least };

    fn none() -> Self::State {
        None
    }

    fn numbers() -> Numbers {
        S::NUMBERS
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, env: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<Self::State>> {
        let Read { brought, all } = self.0.read(env, run)?;
        Ok(Read { brought, all: all.into_iter().map(|(owner, value)| (owner, Some(value))).collect() })
    }

    fn cached(&self, env: &Environment<M::Connection>, members: &[u32]) -> Option<Self::State> {
        let join = <Self as Measure<M>>::join()?;
        members.iter().try_fold(None, |found, &member| Some(join(found, self.0.cached(env, member)?)))
    }

    fn join() -> Option<Join<Self::State>> {
        S::order()?;
        Some(|a, b| match (a, b, S::order()) {
            (Some(a), Some(b), Some(order)) => {
                let is_first = if GREATEST { order(&a, &b).is_ge() } else { order(&a, &b).is_le() };
                Some(if is_first { a } else { b })
            }
            (a, b, _) => a.or(b),
        })
    }
}

/// How many members a condition holds for
#[derive(Debug, Clone, Copy)]
pub struct Count<F>(pub(super) F);

impl<M: Model, F: Counted<M>> Measure<M> for Count<F> {
    type State = u64;
    const FUNCTION: Function = Function::Count;

    fn none() -> u64 {
        0
    }

    fn numbers() -> Numbers {
        Numbers::Own
    }

    fn argument(&self) -> Argument<'_, M::Connection> {
        self.0.argument()
    }

    fn read(&self, _: &Environment<M::Connection>, run: Run<'_, M>) -> Result<Read<u64>> {
        let mut tallies = Tallies::<i128>::default();
        let brought = run(&mut tallies)?;
        Ok(Read {
            brought,
            all: tallies.all.into_iter().map(|(owner, tally)| (owner, tally.count)).collect(),
        })
    }

    /// What a condition says of a row only the database knows.
    fn cached(&self, _: &Environment<M::Connection>, members: &[u32]) -> Option<u64> {
        members.is_empty().then_some(0)
    }

    fn join() -> Option<Join<u64>> {
        Some(|a, b| a + b)
    }
}

fn aggregate_of<M: Model, A: Measure<M>>(measure: &A) -> Aggregate<'_, M::Connection> {
    Aggregate { function: A::FUNCTION, argument: measure.argument(), numbers: A::numbers() }
}

/// What it is told from others by, over members in this table; `None`: it cannot be kept
fn key_of<M: Model, A: Measure<M>>(measure: &A, members: Store<'_, M::Connection>) -> Option<AggregateKey> {
    let subject = aggregate_of(measure).subject(members)?;
    Some(AggregateKey { function: A::FUNCTION, subject, cell: TypeId::of::<A::State>() })
}

/// The lists that something is aggregated over
#[derive(Debug)]
pub struct Lists<'env, M: Model> {
    env: &'env Environment<M::Connection>,
    /// The model of the records whose link it is, and the link
    store: Store<'env, M::Connection>,
    field: usize,
    /// Before what was asked for came
    begun: Stamp,
}

impl<M: Model> Clone for Lists<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M: Model> Copy for Lists<'_, M> {}

/// What one SELECT can bring beside others, to be kept
pub trait Companion<M: Model> {
    /// Whether some of these records lack it, and could have it
    #[doc(hidden)]
    fn is_lacking(&self, lists: Lists<'_, M>, owners: &[u32]) -> bool;
    #[doc(hidden)]
    fn aggregate(&self) -> Aggregate<'_, M::Connection>;
    /// Looks it up, or asks for it and for these; returns whether it is one that is kept.
    #[doc(hidden)]
    fn look_up(&self, links: &ToMany<'_, M>, beside: &[&dyn Companion<M>], place: Place) -> Result<bool>;
    /// Runs what brings it, as the one of this number, and keeps it where it is lacking.
    #[doc(hidden)]
    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought>;
}

/// An aggregate that may be asked for with others
#[derive(Debug, Clone, Copy)]
pub struct Measured<A>(pub(super) A);

impl<M: Model, A: Measure<M>> Companion<M> for Measured<A> {
    fn is_lacking(&self, Lists { env, store, field, .. }: Lists<'_, M>, owners: &[u32]) -> bool {
        let Some(key) = key_of(&self.0, env.store::<M>()) else { return false };
        let known = store.table().aggregate(store.column_of(field), &key);
        known.is_none_or(|column| owners.iter().any(|&owner| !store.table().column(column).has(owner)))
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        aggregate_of(&self.0)
    }

    fn look_up(&self, links: &ToMany<'_, M>, beside: &[&dyn Companion<M>], place: Place) -> Result<bool> {
        if key_of(&self.0, links.handle().group.env.store::<M>()).is_none() {
            return Ok(false);
        }
        links.measured(self, beside, place).map(|_| true)
    }

    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought> {
        let Lists { env, store, field, begun } = lists;
        let Some(key) = key_of(&self.0, env.store::<M>()) else { return run(&mut Nothing) };
        let column = env.stores.aggregate_column::<A::State>(store, field, &key);
        let Read { brought, all } = self.0.read(env, run)?;
        let mut all: HashMap<u32, A::State, FixedState> = all.into_iter().collect();
        let faults = || brought.faults.iter().filter(|fault| fault.of == number);
        for Fault { owner, message, .. } in faults() {
            store.note_unreadable(column, *owner, message.clone());
        }
        store.table().note_arrived(column, begun, brought.owners.clone());
        let mut cells = store.table().cells::<A::State>(column).borrow_mut();
        for &owner in &brought.owners {
            if faults().any(|fault| fault.owner == owner) {
                continue;
            }
            if let Some(cell) = cells.vacant(owner, env.moment()) {
                cell.fill(all.remove(&owner).unwrap_or_else(A::none));
            }
        }
        drop(cells);
        Ok(brought)
    }
}

/// How many members there are
#[derive(Debug, Clone, Copy)]
pub struct Len;

impl<M: Model> Companion<M> for Len {
    fn is_lacking(&self, Lists { env, store, field, .. }: Lists<'_, M>, owners: &[u32]) -> bool {
        // No two databases count different keys of several columns in the same way.
        let is_pairs = |link: &LinkInfo<_>| matches!(link.kind, LinkKind::Through { .. });
        if store.field(field).link.as_ref().is_some_and(is_pairs) && env.store::<M>().model().key_columns().len() > 1 {
            return false;
        }
        let mut is_lacking = false;
        store.probe(field, Want::Count, &mut |lacks| is_lacking = owners.iter().any(|&owner| lacks(owner)));
        is_lacking
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        Aggregate { function: Function::Count, argument: Argument::Members, numbers: Numbers::Own }
    }

    fn look_up(&self, _: &ToMany<'_, M>, _: &[&dyn Companion<M>], _: Place) -> Result<bool> {
        Ok(false)
    }

    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought> {
        let Lists { store, field, begun, .. } = lists;
        let mut tallies = Tallies::<i128>::default();
        let brought = run(&mut tallies)?;
        let is_known = |owner: u32| !brought.faults.iter().any(|fault| fault.of == number && fault.owner == owner);
        let mut lacking = Vec::new();
        store.probe(field, Want::Count, &mut |lacks| {
            lacking.extend(brought.owners.iter().copied().filter(|&owner| lacks(owner) && is_known(owner)));
        });
        let count = |owner: u32| tallies.all.get(&owner).map_or(0, |tally| tally.count as usize);
        let counts = lacking.iter().map(|&owner| (owner, count(owner)));
        store.set_counts(store.column_of(field), begun, &lacking, counts);
        Ok(brought)
    }
}

/// Each keeps what is its own of what one SELECT brings.
fn bring<M: Model>(
    all: &[&dyn Companion<M>],
    number: usize,
    lists: Lists<'_, M>,
    before: &mut dyn Reading<DbOf<M>>,
    run: Run<'_, M>,
) -> Result<Brought> {
    let Some(next) = all.get(number) else { return run(before) };
    next.bring(number, lists, &mut |own| {
        bring(all, number + 1, lists, &mut Beside { before: &mut *before, own, number }, run)
    })
}

/// Takes what nobody wants.
struct Nothing;

impl<DB: Dialect> Reading<DB> for Nothing {
    fn begin(&mut self) {}

    fn take(&mut self, _: u32, _: Piece, _: DB::RawValue<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Takes what an aggregate comes to, and what those before it do.
struct Beside<'a, DB: diesel::backend::Backend> {
    before: &'a mut dyn Reading<DB>,
    own: &'a mut dyn Reading<DB>,
    number: usize,
}

impl<DB: Dialect> Reading<DB> for Beside<'_, DB> {
    fn begin(&mut self) {
        self.before.begin();
        self.own.begin();
    }

    fn take(&mut self, owner: u32, piece: Piece, value: DB::RawValue<'_>) -> Result<(), BoxError> {
        let reading = if piece.of == self.number { &mut self.own } else { &mut self.before };
        reading.take(owner, piece, value)
    }
}

/// An aggregate over a link, about to be looked up or asked for
struct Asked<'a, 'env, M: Model, A> {
    handle: &'a Handle<'env, M, Several>,
    measure: &'a Measured<A>,
    /// The model of the records whose link it is, and the link
    store: Store<'env, M::Connection>,
    field: usize,
    place: Place,
    /// What is brought along where it is lacking
    beside: &'a [&'a dyn Companion<M>],
}

impl<'env, M: Model, A: Measure<M>> Asked<'_, 'env, M, A> {
    fn env(&self) -> &'env Environment<M::Connection> {
        self.handle.group.env
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        aggregate_of(&self.measure.0)
    }

    /// Over all members of these records' lists
    fn over(&self, owners: &[u32]) -> Result<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        stored::settle(env)?;
        env.settle();
        let mut seen = SlotSet::default();
        let owners: Vec<u32> = owners.iter().copied().filter(|&owner| seen.mark(owner)).collect();
        let kind = store.field(field).link.as_ref().map(|link| &link.kind);
        match (kind, &owners[..], A::join()) {
            (_, [], _) | (None, ..) => Ok(A::none()),
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), &[owner], _) => {
                self.of_each(&[owner]).map(|mut states| states.pop().unwrap_or_else(A::none))
            }
            // A member has one owner there.
            (Some(LinkKind::Inverse { .. }), owners, Some(join)) => {
                Ok(self.of_each(owners)?.into_iter().reduce(join).unwrap_or_else(A::none))
            }
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), owners, _) => {
                self.of_lists(owners).map_or_else(|| self.select_all(store, Some(field), owners), Ok)
            }
            (Some(LinkKind::ToOne | LinkKind::Computed { .. }), ..) => {
                let members = self.handle.members(Want::Keys, self.place)?;
                let cached = self.of_members(&members);
                cached.map_or_else(|| self.select_all(env.store::<M>(), None, &members), Ok)
            }
        }
    }

    /// Over members, if all that is to be known of them is cached
    fn of_members(&self, members: &[u32]) -> Option<A::State> {
        let (env, store) = (self.env(), self.env().store::<M>());
        if let (Argument::Field(field), true) = (self.measure.0.argument(), env.settings.max_age.is_some()) {
            members.iter().for_each(|&member| env.expire(store, field, member));
        }
        let state = self.measure.0.cached(env, members)?;
        if let Argument::Field(field) = self.measure.0.argument() {
            members.iter().for_each(|&member| env.note_input(store, field, member));
        }
        Some(state)
    }

    /// The same of lists
    fn of_lists(&self, owners: &[u32]) -> Option<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        let (mut members, mut seen, mut are_known) = (Vec::new(), SlotSet::default(), true);
        if env.settings.max_age.is_some() {
            owners.iter().for_each(|&owner| env.expire(store, field, owner));
        }
        store.hop(field, owners.iter().copied(), |list| match list {
            Some(list) => members.extend(list.iter().copied().filter(|&member| seen.mark(member))),
            None => are_known = false,
        });
        let state = if are_known { self.of_members(&members)? } else { return None };
        for &owner in owners {
            store.count_hit(field, owner, env.turn());
            env.note_input(store, field, owner);
        }
        Some(state)
    }

    /// For each of these records, in order
    fn of_each(&self, owners: &[u32]) -> Result<Vec<A::State>> {
        let store = self.store;
        let (env, members) = (self.env(), self.env().store::<M>());
        let key = key_of(&self.measure.0, members);
        let known = key.as_ref().and_then(|key| store.table().aggregate(store.column_of(self.field), key));
        let kept = |column: Option<ColumnId>, owner: u32| self.kept(column?, owner);
        let mut states: Vec<Option<A::State>> =
            owners.iter().map(|&owner| kept(known, owner).or_else(|| self.of_lists(&[owner]))).collect();
        let lacks = |states: &[Option<A::State>]| -> Vec<u32> {
            let lacking = owners.iter().zip(states).filter(|(_, state)| state.is_none());
            lacking.map(|(&owner, _)| owner).collect()
        };
        let lacking = lacks(&states);
        if lacking.is_empty() {
            return Ok(states.into_iter().flatten().collect());
        }
        let Some(key) = key else {
            let mut brought = self.select_each(&lacking)?;
            let missing = states.iter_mut().zip(owners).filter(|(state, _)| state.is_none());
            missing.for_each(|(state, owner)| *state = Some(brought.remove(owner).unwrap_or_else(A::none)));
            return Ok(states.into_iter().flatten().collect());
        };
        let column = env.stores.aggregate_column::<A::State>(store, self.field, &key);
        self.load(column, &lacking)?;
        for (state, &owner) in states.iter_mut().zip(owners).filter(|(state, _)| state.is_none()) {
            // In a limited cache the last ones may have pushed out the first.
            if !store.table().column(column).has(owner) {
                self.load(column, &[owner])?;
            }
            store.note_read(owner, env.turn());
            env.note_aggregate(store, column, owner);
            let found = store.table().cells::<A::State>(column).borrow().get(owner).cloned();
            *state = Some(found.ok_or_else(|| self.unreadable(column, owner))?);
        }
        Ok(states.into_iter().flatten().collect())
    }

    /// What was aggregated before
    fn kept(&self, column: ColumnId, owner: u32) -> Option<A::State> {
        let (env, store) = (self.env(), self.store);
        if env.settings.max_age.is_some() {
            env.expire_cell(store, column, owner);
        }
        let state = store.table().cells::<A::State>(column).borrow().get(owner).cloned()?;
        store.table().touch(column, owner, env.turn());
        env.note_aggregate(store, column, owner);
        Some(state)
    }

    /// Fills the cells of these records, and of those that they were reached with.
    fn load(&self, column: ColumnId, owners: &[u32]) -> Result<()> {
        let trail = self.handle.trail_before();
        let scope = self.handle.group.scope(self.handle.ordinal()).on(&trail);
        let (field, want) = (self.field, Want::Aggregate(column));
        let miss = Miss { scope, slots: owners, field, want, at: self.place };
        prefetch::load_by(self.env(), self.store, miss, &|batch| self.fill(batch)).map(drop)
    }

    /// One SELECT: this, and what is brought along.
    fn fill(&self, batch: &[u32]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let (is_limited, since) = (env.limits.any(), env.turn().wrapping_add(1));
        if is_limited {
            let fresh = batch.iter().filter(|&&owner| !store.is_resident(owner)).count();
            make_room(env, fresh, u32::MAX);
        }
        let lists = Lists { env, store, field: self.field, begun: env.later() };
        // What a condition says of members an index may know; there is nothing else to be asked beside it, unless it is wanted.
        let number = (A::FUNCTION != Function::Count).then_some(&Len as &dyn Companion<M>);
        let others = self.beside.iter().copied().chain(number).filter(|other| other.is_lacking(lists, batch));
        let all: Vec<&dyn Companion<M>> = std::iter::once(self.measure as &dyn Companion<M>).chain(others).collect();
        let aggregates: Vec<_> = all.iter().map(|one| one.aggregate()).collect();
        let brought = bring(&all, 0, lists, &mut Nothing, &mut |reading| {
            let brought = by_owner(env, store, (self.field, batch), &aggregates, true, reading)?;
            // What was sent before may have made others missing, but not what has come after it.
            env.settle();
            Ok(brought)
        })?;
        if is_limited {
            brought.owners.iter().for_each(|&owner| store.add_unread(owner, env.turn()));
            make_room(env, 0, since);
        }
        Ok(())
    }

    fn run(&self, owners: &[u32]) -> Result<Read<A::State>> {
        let (env, store, aggregates) = (self.env(), self.store, [self.aggregate()]);
        self.measure.0.read(env, &mut |reading| {
            by_owner(env, store, (self.field, owners), &aggregates, false, reading)
        })
    }

    /// For each of these records, without being kept: nobody could tell what was asked for from something else.
    fn select_each(&self, owners: &[u32]) -> Result<HashMap<u32, A::State, FixedState>> {
        let env = self.env();
        self.watch(owners)?;
        let mut states = HashMap::default();
        for owners in owners.chunks(env.settings.prefetch_limit.min(self.store.most_keys())) {
            let mut left = owners.to_vec();
            while !left.is_empty() {
                let Read { brought, all } = self.run(&left)?;
                self.refuse_fault(brought.faults.first().map(|fault| (fault.owner, fault)))?;
                states.extend(all);
                let before = left.len();
                let found = SlotSet::of(brought.owners);
                left.retain(|&owner| !found.has(owner));
                if left.len() == before {
                    break;
                }
            }
        }
        Ok(states)
    }

    /// For all members of some lists together, or for some records
    fn select_all(
        &self,
        store: Store<'_, M::Connection>,
        field: Option<usize>,
        slots: &[u32],
    ) -> Result<A::State> {
        if slots.is_empty() {
            return Ok(A::none());
        }
        if slots.len() > store.most_keys() {
            return self.select_windows(store, field, slots);
        }
        let (env, aggregate) = (self.env(), self.aggregate());
        self.watch(slots)?;
        let read = self.measure.0.read(env, &mut |reading| {
            let faults = of_all(env, store, (field, slots), &aggregate, reading)?;
            Ok(Brought { owners: Vec::new(), faults })
        })?;
        self.refuse_fault(read.brought.faults.first().map(|fault| (slots[0], fault)))?;
        Ok(read.all.into_iter().next().map_or_else(A::none, |(_, state)| state))
    }

    /// The same of more records than a statement takes: of members each window has others, and so those of lists are found first.
    fn select_windows(
        &self,
        store: Store<'_, M::Connection>,
        field: Option<usize>,
        slots: &[u32],
    ) -> Result<A::State> {
        if field.is_some() {
            let (mut members, mut seen) = (self.handle.members(Want::Keys, self.place)?, SlotSet::default());
            members.retain(|&member| seen.mark(member));
            let cached = self.of_members(&members);
            return cached.map_or_else(|| self.select_all(self.env().store::<M>(), None, &members), Ok);
        }
        let Some(join) = A::join() else {
            return Err(Error::other(format!(
                "of {} {} by keys of several columns no statement compares all, and only the database knows the order of these values: compare parts of them",
                slots.len(),
                store.name()
            )));
        };
        let mut windows = slots.chunks(store.most_keys()).map(|window| self.select_all(store, None, window));
        windows.try_fold(A::none(), |all, window| Ok(join(all, window?)))
    }

    /// Notes a SELECT that brings nothing for others.
    fn watch(&self, slots: &[u32]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let spot = Spot::new(self.place, Repeated::Aggregate, store.name(), store.field_name(self.field));
        if slots.len() > env.settings.prefetch_limit {
            env.watch_many(&spot);
            return Ok(());
        }
        env.watch(spot, None)
    }

    fn refuse_fault(&self, fault: Option<(u32, &Fault)>) -> Result<()> {
        fault.map_or(Ok(()), |(owner, fault)| Err(self.invalid(owner, fault.message.clone())))
    }

    fn invalid(&self, owner: u32, message: Str) -> Error {
        let (model, field) = (self.store.name(), self.store.field_name(self.field));
        let id = if self.store.is_list(self.field) { self.store.key_text(owner) } else { Str::from("?") };
        Error::InvalidValue { model, field, id, message }
    }

    fn unreadable(&self, column: ColumnId, owner: u32) -> Error {
        let message = self.store.table().unreadable(column, owner);
        self.invalid(owner, message.unwrap_or_else(|| Str::from("the database has given no aggregate")))
    }
}

impl<'env, M: Model> ToMany<'env, M> {
    pub(super) fn measured<A: Measure<M>>(
        &self,
        measure: &Measured<A>,
        beside: &[&dyn Companion<M>],
        place: Place,
    ) -> Result<A::State> {
        let handle = self.handle();
        let env = handle.group.env;
        env.settle();
        let aggregate = || {
            let Some((step, owners)) = handle.owners(place)? else { return Ok(A::none()) };
            let Some(store) = env.store_by_number(step.model) else { return Ok(A::none()) };
            // Finding the owners may have sent what waited.
            env.settle();
            Asked { handle, measure, store, field: step.field, place, beside }.over(&owners)
        };
        aggregate().inspect_err(|_| env.distrust_computing())
    }

    /// The error of a value that its type does not hold
    #[cold]
    pub(super) fn overflow(&self, sum: &str, place: Place) -> Error {
        let handle = self.handle();
        let owners = match handle.owners(place) {
            Ok(Some(owners)) => owners,
            Ok(None) => return Error::other(format!("{sum} is no i64")),
            Err(error) => return error,
        };
        let (step, owners) = owners;
        let Some(store) = handle.group.env.store_by_number(step.model) else {
            return Error::other(format!("{sum} is no i64"));
        };
        let id = owners.first().map_or_else(Str::default, |&owner| store.key_text(owner));
        Error::Overflow { model: store.name(), field: store.field_name(step.field), id, sum: sum.into() }
    }
}
