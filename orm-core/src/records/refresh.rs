//! Records as their rows are now: read anew, or locked.

use std::panic::Location;

use super::cardinality::Cardinality;
use super::group::Group;
use super::{Model, Record, RecordSet, Records, ToMany, ToOne, ToOptional};
use crate::Result;
use crate::env::stores::Want;
use crate::env::watch::{Place, Spot};
use crate::error::Repeated;
use crate::load::anew::anew;
use crate::store::Slot;

impl<M: Model, K: Cardinality> Records<'_, M, K> {
    fn read_anew(&self, slots: &[Slot], locked: bool, at: Place) -> Result<()> {
        let Group { env, store, .. } = *self.handle().group;
        // A lock may be wanted for one row after the other, each in a transaction of its own.
        if !locked {
            let spot = Spot::new(at, Repeated::Refresh, M::NAME, "");
            env.watch_records(spot, M::number().get(), slots)?;
        }
        anew(env, store, slots, locked)
    }
}

impl<M: Model> Record<'_, M> {
    fn renewed(&self, locked: bool, at: Place) -> Result<()> {
        self.read_anew(&[self.slot()], locked, at)?;
        let store = self.handle().group.store;
        if store.is_absent(self.slot()) { Err(store.missing_record(self.slot())) } else { Ok(()) }
    }
}

impl<M: Model> ToMany<'_, M> {
    /// The list is read anew, too.
    fn renewed(&self, locked: bool, at: Place) -> Result<()> {
        let env = self.env();
        if let Some((step, owners)) = self.handle().owners(at)?
            && let Some(store) = env.store_by_number(step.model)
        {
            env.note_drop();
            for &owner in &owners {
                store.forget_cell(store.column_of(step.field), owner);
            }
        }
        self.read_anew(&self.handle().members(Want::Keys, at)?, locked, at)
    }
}

macro_rules! reading_anew {
    ($($handle:ident($self:ident, $locked:ident, $at:ident) $body:block)*) => {$(
        impl<M: Model> $handle<'_, M> {
            /// Reads these records anew: what is cached of them gives way to what their rows hold now
            ///
            /// One SELECT for 1,000 records, of all columns that come with a search; deferred columns and lists are read again
            /// when they are wanted. What waits to be written stays, and with it the version that it was based on. Within
            /// a transaction that sees the database as it was at its beginning (MySQL's usual one) that is what is read.
            ///
            /// # Errors
            ///
            /// Those of the database; of one record [`Error::MissingRecord`](crate::Error::MissingRecord) if its row does not
            /// exist any more: in a set it is left out, and the error of whoever reads it.
            #[track_caller]
            pub fn refresh(&$self) -> Result<()> {
                let ($locked, $at) = (false, Location::caller());
                $body
            }

            /// Locks the rows of these records until the end of the transaction, and reads them anew
            ///
            /// `SELECT … FOR UPDATE` of 1,000 records each, in the order of their keys, so that two that lock the same
            /// rows do not wait for each other in a circle. What it brings and what stays is as of [`refresh`](Self::refresh).
            /// SQLite has one lock for all rows: it is taken, as if something had been written; a transaction that has read
            /// before somebody else wrote is refused it (`database is locked`, [`is_retryable`](crate::Error::is_retryable)), which
            /// one that begins [`immediate`](crate::TransactionOptions::immediate) is not.
            ///
            /// # Errors
            ///
            /// [`Error::NoTransaction`](crate::Error::NoTransaction) where no transaction is open; those of
            /// [`refresh`](Self::refresh).
            #[track_caller]
            pub fn lock(&$self) -> Result<()> {
                let ($locked, $at) = (true, Location::caller());
                $body
            }
        }
    )*};
}

reading_anew! {
    Record(self, locked, at) { self.renewed(locked, at) }
    RecordSet(self, locked, at) { self.read_anew(self.slots(), locked, at) }
    ToOne(self, locked, at) { self.load()?.renewed(locked, at) }
    ToOptional(self, locked, at) {
        match self.handle().target_anew(at)? {
            Some(slot) => self.handle().as_record(slot).renewed(locked, at),
            None => Ok(()),
        }
    }
    ToMany(self, locked, at) { self.renewed(locked, at) }
}
