//! What aggregates over links are made of, how each keeps what is its own, and how one SELECT brings several.
//!
//! What differs between the functions is what they are made of ([`Measure`]); the rest is the same.

use std::any::TypeId;
use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::backend::{Dialect, Numbers};
use crate::env::stores::{Store, Want};
use crate::env::watch::Place;
use crate::error::BoxError;
use crate::load::aggregate::{Aggregate, Argument, Brought, Fault, Piece, Reading};
use crate::model::{DbOf, LinkInfo, LinkKind};
use crate::number::FieldId;
use crate::records::Model;
use crate::records::aggregable::{Compared, Counted, Join, Read, Run, Summed, Tallies, Tally};
use crate::records::numbers::Total;
use crate::store::{AggregateKey, Function, Slot, Stamp};
use crate::{Environment, Result, ToMany};

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
    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State>;
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

    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State> {
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

    fn cached(&self, env: &Environment<M::Connection>, members: &[Slot]) -> Option<Self::State> {
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
    fn cached(&self, _: &Environment<M::Connection>, members: &[Slot]) -> Option<u64> {
        members.is_empty().then_some(0)
    }

    fn join() -> Option<Join<u64>> {
        Some(|a, b| a + b)
    }
}

pub(super) fn aggregate_of<M: Model, A: Measure<M>>(measure: &A) -> Aggregate<'_, M::Connection> {
    Aggregate { function: A::FUNCTION, argument: measure.argument(), numbers: A::numbers() }
}

/// What it is told from others by, over members in this table; `None`: it cannot be kept
pub(super) fn key_of<M: Model, A: Measure<M>>(
    measure: &A,
    members: Store<'_, M::Connection>,
) -> Option<AggregateKey> {
    let subject = aggregate_of(measure).subject(members)?;
    Some(AggregateKey { function: A::FUNCTION, subject, cell: TypeId::of::<A::State>() })
}

/// The lists that something is aggregated over
#[derive(Debug)]
pub struct Lists<'env, M: Model> {
    pub(super) env: &'env Environment<M::Connection>,
    /// The model of the records whose link it is, and the link
    pub(super) store: Store<'env, M::Connection>,
    pub(super) field: FieldId,
    /// Before what was asked for came
    pub(super) begun: Stamp,
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
    fn is_lacking(&self, lists: Lists<'_, M>, owners: &[Slot]) -> bool;
    #[doc(hidden)]
    fn aggregate(&self) -> Aggregate<'_, M::Connection>;
    /// Looks it up, or asks for it and for these; returns whether it is one that is kept.
    #[doc(hidden)]
    fn look_up(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<bool>;
    /// Runs what brings it, as the one of this number, and keeps it where it is lacking.
    #[doc(hidden)]
    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought>;
}

/// What is asked for together with one of them
pub struct Others<'a, M: Model> {
    all: &'a [&'a dyn Companion<M>],
    /// The place of the one that they are beside
    left_out: usize,
}

impl<M: Model> Clone for Others<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M: Model> Copy for Others<'_, M> {}

impl<M: Model> fmt::Debug for Others<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others").field("of", &self.all.len()).field("left_out", &self.left_out).finish()
    }
}

impl<'a, M: Model> Others<'a, M> {
    pub(super) fn none() -> Self {
        Self { all: &[], left_out: 0 }
    }

    pub(super) fn of(all: &'a [&'a dyn Companion<M>], left_out: usize) -> Self {
        Self { all, left_out }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a dyn Companion<M>> {
        self.each().map(|(other, _)| other)
    }

    /// Each of them, with those that it is beside
    pub(super) fn each(self) -> impl Iterator<Item = (&'a dyn Companion<M>, Self)> {
        let places = (0..self.all.len()).filter(move |&at| at != self.left_out);
        places.map(move |at| (self.all[at], Self { left_out: at, ..self }))
    }
}

/// An aggregate that may be asked for with others
#[derive(Debug, Clone, Copy)]
pub struct Measured<A>(pub(super) A);

impl<M: Model, A: Measure<M>> Companion<M> for Measured<A> {
    fn is_lacking(&self, Lists { env, store, field, .. }: Lists<'_, M>, owners: &[Slot]) -> bool {
        let Some(key) = key_of(&self.0, env.store::<M>()) else { return false };
        let known = store.table().aggregate(store.column_of(field), &key);
        known.is_none_or(|column| owners.iter().any(|&owner| !store.table().column(column).has(owner)))
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        aggregate_of(&self.0)
    }

    fn look_up(&self, links: &ToMany<'_, M>, others: Others<'_, M>, place: Place) -> Result<bool> {
        if key_of(&self.0, links.handle().group.env.store::<M>()).is_none() {
            return Ok(false);
        }
        links.measured(self, others, place).map(|_| true)
    }

    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought> {
        let Lists { env, store, field, begun } = lists;
        let Some(key) = key_of(&self.0, env.store::<M>()) else { return run(&mut Nothing) };
        let column = env.stores.aggregate_column::<A::State>(store, field, &key);
        let Read { brought, all } = self.0.read(env, run)?;
        let mut all: HashMap<Slot, A::State, FixedState> = all.into_iter().collect();
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
    fn is_lacking(&self, Lists { env, store, field, .. }: Lists<'_, M>, owners: &[Slot]) -> bool {
        // No two databases count different keys of several columns in the same way.
        let is_pairs = |link: &LinkInfo<_>| matches!(link.kind, LinkKind::Through { .. });
        if store.field(field).link.as_ref().is_some_and(is_pairs)
            && env.store::<M>().model().key_columns().len() > 1
        {
            return false;
        }
        let mut is_lacking = false;
        store.probe(field, Want::Count, &mut |lacks| is_lacking = owners.iter().any(|&owner| lacks(owner)));
        is_lacking
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        Aggregate { function: Function::Count, argument: Argument::Members, numbers: Numbers::Own }
    }

    fn look_up(&self, _: &ToMany<'_, M>, _: Others<'_, M>, _: Place) -> Result<bool> {
        Ok(false)
    }

    fn bring(&self, number: usize, lists: Lists<'_, M>, run: Run<'_, M>) -> Result<Brought> {
        let Lists { store, field, begun, .. } = lists;
        let mut tallies = Tallies::<i128>::default();
        let brought = run(&mut tallies)?;
        let is_known =
            |owner: Slot| !brought.faults.iter().any(|fault| fault.of == number && fault.owner == owner);
        let mut lacking = Vec::new();
        store.probe(field, Want::Count, &mut |lacks| {
            lacking.extend(brought.owners.iter().copied().filter(|&owner| lacks(owner) && is_known(owner)));
        });
        let count = |owner: Slot| tallies.all.get(&owner).map_or(0, |tally| tally.count as usize);
        let counts = lacking.iter().map(|&owner| (owner, count(owner)));
        store.set_counts(store.column_of(field), begun, &lacking, counts);
        Ok(brought)
    }
}

/// Each keeps what is its own of what one SELECT brings.
pub(super) fn bring<M: Model>(
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
pub(super) struct Nothing;

impl<DB: Dialect> Reading<DB> for Nothing {
    fn begin(&mut self) {}

    fn take(&mut self, _: Slot, _: Piece, _: DB::RawValue<'_>) -> Result<(), BoxError> {
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

    fn take(&mut self, owner: Slot, piece: Piece, value: DB::RawValue<'_>) -> Result<(), BoxError> {
        let reading = if piece.of == self.number { &mut self.own } else { &mut self.before };
        reading.take(owner, piece, value)
    }
}
