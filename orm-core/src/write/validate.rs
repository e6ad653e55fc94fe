//! New and changed records are validated by a function of their model before anything of them can be committed.
//!
//! What was written to records is in the cache, so a function that reads fields and links sees it before it is sent. What only the
//! database can answer (a search, a list that is not cached) is answered when everything was sent, in a transaction or savepoint that is
//! undone if a record is refused: what waited then waits again.

use std::fmt;
use std::result::Result as StdResult;
use std::sync::Arc;

use crate::backend::{Begin, Connection};
use crate::env::levels::Level;
use crate::env::pairs::Pairs;
use crate::env::stored::Round;
use crate::env::stores::{Store, TableStore};
use crate::env::validating::Validating;
use crate::error::BoxError;
use crate::store::{Slot, TableId, Waiting};
use crate::{Environment, Error, Result, Str};

/// Validates records of a model, which have these slots, from a place on, one after the other.
pub struct Validator<C: Connection>(
    /// The model's function, its type forgotten
    pub Validate<C>,
);

/// What is called with an environment, slots, and the place to begin at
pub(crate) type Validate<C> = fn(&Environment<C>, &[Slot], usize) -> StdResult<(), Stopped>;

impl<C: Connection> fmt::Debug for Validator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

/// Why not all records were validated
#[derive(Debug)]
pub struct Stopped {
    /// The place of the one that was not
    pub(crate) at: usize,
    /// With what it was refused; `None`: something was asked that cannot be answered before what waits was sent
    pub(crate) error: Option<BoxError>,
}

/// The function that validates the records of a model, if there is one
fn validator<C: Connection>(store: Store<'_, C>) -> Option<&'static Validator<C>> {
    store.model().validator()?.downcast_ref()
}

/// Whether new and changed records of a model are validated
pub(super) fn validates<C: Connection>(store: Store<'_, C>) -> bool {
    validator(store).is_some()
}

/// Records that one function is to validate
struct Due<'env, C: Connection> {
    store: Store<'env, C>,
    validator: &'static Validator<C>,
    slots: Vec<Slot>,
    /// How many of them are valid
    valid: usize,
}

impl<'env, C: Connection> Due<'env, C> {
    fn of(store: Store<'env, C>, slots: Vec<Slot>) -> Option<Self> {
        Some(Self { store, validator: validator(store)?, slots, valid: 0 })
    }

    /// Validates those that are left; tells whether it could: else something was asked that cannot be answered before what waits was sent.
    fn validate(
        &mut self,
        env: &Environment<C>,
        how: fn(&'static str) -> Validating,
        is_new: bool,
    ) -> Result<bool> {
        let Self { store, validator, slots, valid } = self;
        match env.validating(how(store.name()), || (validator.0)(env, slots, *valid)) {
            Ok(()) => *valid = slots.len(),
            Err(Stopped { at, error }) => {
                *valid = at;
                let Some(error) = error else { return Ok(false) };
                let id = (!is_new).then(|| store.key_text(slots[at]));
                return Err(refused(store.name(), id, error));
            }
        }
        Ok(true)
    }
}

/// The error of a record that was refused; what the database had against a read is no opinion on the record, and stays what it is.
fn refused(model: &'static str, id: Option<Str>, error: BoxError) -> Error {
    let source = match error.downcast::<Error>() {
        Ok(error) => match *error {
            Error::Other(source) => source,
            fault => return fault,
        },
        Err(error) => Arc::from(error),
    };
    Error::Invalid { model, id, source }
}

/// Validates what waits, and has it sent.
pub(super) fn before<C: Connection>(
    env: &Environment<C>,
    send: fn(&Environment<C>) -> Result<()>,
) -> Result<()> {
    let mut due = waiting(env);
    for place in 0..due.len() {
        if !due[place].validate(env, Validating::Waiting, false)? {
            return send_before(env, send, &mut due[place..]);
        }
    }
    env.sending(|| send(env)).inspect_err(|error| mark_rollback_only(env, error))
}

/// The records that wait and are validated
fn waiting<C: Connection>(env: &Environment<C>) -> Vec<Due<'_, C>> {
    let mut tables: Vec<TableStore<'_, C>> = env.tables().filter(|table| table.has_dirty()).collect();
    tables.sort_by_key(|table| table.sql());
    let mut due = Vec::new();
    for table in tables {
        for (model, mut slots) in table.table().waiting_by_model() {
            table.sort_by_key(&mut slots);
            due.extend(env.store_by_number(model).and_then(|store| Due::of(store, slots)));
        }
    }
    due
}

/// Has what waits sent, then what `compute` makes of it, and validates both; takes all back if anything fails.
pub(super) fn around<C: Connection>(
    env: &Environment<C>,
    send: fn(&Environment<C>) -> Result<()>,
    compute: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut due = waiting(env);
    let computed = env.stores.stored.rounds();
    let trial = Trial::begin(env)?;
    if let Err(error) = env.sending(|| send(env)) {
        drop(trial);
        mark_rollback_only(env, &error);
        return Err(error);
    }
    compute()?;
    if let Err(error) = env.sending(|| send(env)) {
        drop(trial);
        mark_rollback_only(env, &error);
        return Err(error);
    }
    // What was computed may be valid or not, too: each record once.
    for round in computed {
        let Some(store) = env.stores.stored.rule(round.rule).map(|rule| env.stores.get(rule.model)) else {
            continue;
        };
        let is_new = |slot: &Slot| {
            let mut known = due.iter().filter(|due: &&Due<'_, C>| due.store.number() == store.number());
            !known.any(|due| due.slots.contains(slot)) && !store.is_absent(*slot)
        };
        let mut slots: Vec<Slot> = round.slots.into_iter().filter(is_new).collect();
        store.table().sort_by_key(&mut slots);
        due.extend(Due::of(store, slots));
    }
    due.iter_mut().try_for_each(|due| due.validate(env, Validating::Sent, false).map(drop))?;
    trial.keep().inspect_err(|error| mark_rollback_only(env, error))
}

/// What could not be sent is not committed without it.
fn mark_rollback_only<C: Connection>(env: &Environment<C>, error: &Error) {
    if env.transactions.are_open() {
        env.mark_rollback_only(error);
    }
}

/// Has what waits sent, validates it, and takes it back if it is refused.
fn send_before<C: Connection>(
    env: &Environment<C>,
    send: fn(&Environment<C>) -> Result<()>,
    due: &mut [Due<'_, C>],
) -> Result<()> {
    let trial = Trial::begin(env)?;
    if let Err(error) = env.sending(|| send(env)) {
        drop(trial);
        mark_rollback_only(env, &error);
        return Err(error);
    }
    due.iter_mut().try_for_each(|due| due.validate(env, Validating::Sent, false).map(drop))?;
    trial.keep().inspect_err(|error| mark_rollback_only(env, error))
}

/// What waits is sent on trial: unless it is kept it is undone, and waits again, also after a panic.
struct Trial<'env, C: Connection> {
    env: &'env Environment<C>,
    level: Option<Level<'env, C>>,
    waiting: Option<(Vec<(TableId, Waiting)>, Pairs)>,
    /// What waits to be computed
    computed: Vec<Round>,
}

impl<'env, C: Connection> Trial<'env, C> {
    fn begin(env: &'env Environment<C>) -> Result<Self> {
        let copy = |table: TableStore<'_, C>| {
            let copy =
                |column, slot| table.field_of(column).1.encode?.copy(table.table().column(column), slot);
            (table.number(), table.table().copy_waiting(&copy))
        };
        let tables = env.tables().filter(|table| table.has_dirty()).map(copy).collect();
        let waiting = Some((tables, env.pairs.clone()));
        let computed = env.stores.stored.rounds();
        let level = Level::around_what_waits(env, &Begin::default())?;
        Ok(Self { env, level: Some(level), waiting, computed })
    }

    fn keep(mut self) -> Result<()> {
        self.waiting = None;
        self.level.take().map_or(Ok(()), Level::commit)
    }
}

impl<C: Connection> Drop for Trial<'_, C> {
    fn drop(&mut self) {
        drop(self.level.take());
        // Outside of a transaction nothing waits for another try.
        let waiting = self.waiting.take().filter(|_| self.env.transactions.are_open());
        let Some((tables, pairs)) = waiting else { return };
        let now = self.env.moment();
        for (table, waiting) in tables {
            self.env.stores.table(table).table().restore_waiting(waiting, now);
        }
        self.env.pairs.restore(pairs);
        self.env.stores.stored.restore(std::mem::take(&mut self.computed));
    }
}

/// Validates records that were just created, in what is undone if this is an error; of several, it says which, where all that were given
/// were.
pub(super) fn new<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    are_all: bool,
) -> Result<()> {
    let Some(mut due) = Due::of(store, slots.to_vec()) else { return Ok(()) };
    due.validate(env, Validating::Sent, true).map(drop).map_err(|error| {
        let (row, rows) = (due.valid, slots.len());
        if error.invalid().is_some() && are_all && rows > 1 {
            Error::RowRefused { row, rows, value: None, error: Arc::new(error) }
        } else {
            error
        }
    })
}

/// Validates records that the database has just changed, in what is undone if this is an error.
pub(super) fn changed<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
) -> Result<()> {
    Due::of(store, slots.to_vec())
        .map_or(Ok(()), |mut due| due.validate(env, Validating::Sent, false).map(drop))
}
