//! The way of one write: into the cache at once, into the database at the flush.
//!
//! `put` is what every setter and `write` comes to: it changes cells, notes them as dirty and puts records into the lists
//! of the other side. `flush` sends what is dirty, `transaction` decides when, and undoes what failed.

mod create;
mod delete;
pub(crate) mod flush;
mod lend;
pub(crate) mod links;
mod lists;
mod options;
pub(crate) mod pairs;
pub(crate) mod pen;
mod raw;
mod retry;
mod run;
mod statement;
mod transaction;
pub(crate) mod values;
mod version;

use std::any::Any;
use std::panic::Location;

#[allow(unreachable_pub, reason = "named by a trait that is public, and whose method is hidden")]
pub use options::Plan;
pub use options::{Isolation, TransactionOptions};
pub use raw::Touching;
pub(crate) use transaction::Transactions;

use crate::backend::Connection;
use crate::cache::Store;
use crate::cardinality::Cardinality;
use crate::field::{Field, Kind};
use crate::model::{Columns, Model};
use crate::records::Handle;
use crate::watch::{Repeated, Spot};
use crate::{Environment, Error, Records, Result};
use pen::{Given, Put, State};
use values::{ValueSet, Values};

/// Puts a value into a field of records: what every setter and `write` comes to.
fn put<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slots: &[u32],
    value: &dyn Any,
) -> Result<()> {
    let pen = pen_of::<M>(field)?;
    with_column(env, store, field, slots, State::Written, |column, put| {
        pen.put(env, column, Given::Same(value), put);
    })
}

/// The pen of a field. The setters of a type that cannot be written do not compile, so there is one.
fn pen_of<M: Model>(field: usize) -> Result<&'static dyn pen::Pen<M::Connection>> {
    let info = &M::FIELDS[field];
    info.pen.ok_or_else(|| Error::other(format!("{}.{} can only be read", M::NAME, info.name)))
}

/// Changes cells of a column, and notes of the records whose value is another one now what has to be noted.
fn with_column<C: Connection, M: Model<Connection = C>>(
    env: &Environment<C>,
    store: &Store<M>,
    field: usize,
    slots: &[u32],
    state: State,
    change: impl FnOnce(&mut dyn crate::cache::AnyColumn<C>, Put<'_>),
) -> Result<()> {
    if let Some(&gone) = slots.iter().find(|&&slot| store.is_absent(slot)) {
        return Err(store.missing_record(gone));
    }
    if env.settings.max_age.is_some() {
        // What is too old to be read is too old to be compared with.
        slots.iter().for_each(|&slot| store.expire(env, field, slot));
    }
    let (mut based, mut moved) = (Vec::new(), Vec::new());
    if let Some(column) = store.columns.borrow_mut().column_mut(field) {
        let now = env.moment();
        let mut changed = |slot: u32| {
            store.note_dirty(slot);
            if M::VERSION.is_some() {
                based.push(slot);
            }
        };
        change(column, Put { slots, state, now, changed: &mut changed, moved: Some(&mut moved) });
    }
    if let Some(version) = M::VERSION
        && let Some(column) = store.columns.borrow_mut().column_mut(version)
    {
        // What the write was based on must not be read anew before it is sent.
        based.iter().for_each(|&slot| column.pin(slot));
    }
    if env.limits.any() {
        slots.iter().for_each(|&slot| store.add_resident(slot));
    }
    if let (false, Some(pen)) = (moved.is_empty(), M::FIELDS[field].pen) {
        pen.moved(env, M::number().get(), field, &moved);
    }
    Ok(())
}

impl<'env, M: Model, K: Cardinality> Handle<'env, M, K> {
    /// Writes a field: what every generated setter does.
    #[track_caller]
    pub fn write<T: 'static, D: Kind>(&self, field: Field<M, T, D>, value: T) -> Result<()> {
        let (env, at) = (self.group.env, Location::caller());
        env.setting(Spot::new(at, Repeated::Write, M::NAME, field.name()), M::number().get(), || {
            let slots = K::slots(self, at)?;
            put(env, self.group.store, field.index(), &slots, &value)?;
            Ok(slots)
        })
    }
}

impl<'env, M: Model, K: Cardinality> Records<'env, M, K> {
    /// Writes the same values to all of the records
    ///
    /// Every reader in the environment sees them at once. Within [`transaction`](Environment::transaction) they are sent
    /// when it commits, with all others that are waiting, or before a query that could see them; outside, before this
    /// returns. A value that a record has already is not written.
    ///
    /// # Errors
    ///
    /// [`Error::MissingRecord`] for a record whose row does not exist, [`Error::NotOne`] for a link that is NULL; those of
    /// reading another record's link that is among the values; and outside a transaction those of the database.
    #[track_caller]
    pub fn write(&self, values: Values<M>) -> Result<()> {
        values::check(&values)?;
        let Handle { group, .. } = self.handle();
        let (env, store) = (group.env, group.store);
        let at = Location::caller();
        env.setting(Spot::new(at, Repeated::Write, M::NAME, ""), M::number().get(), || {
            let slots = K::slots(self.handle(), at)?;
            for field in values::given_fields(&values) {
                if let Some(value) = values.given(field) {
                    put(env, store, field, &slots, value)?;
                }
            }
            Ok(slots)
        })
    }
}
