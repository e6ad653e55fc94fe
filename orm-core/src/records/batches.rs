//! Any number of records in bounded memory: batch by batch, each freed before the next.

use std::fmt;
use std::iter::FusedIterator;

use crate::env::environment::Mark;
use crate::load::prefetch;
use crate::load::query;
use crate::model::always;
use crate::records::Model;
use crate::store::Slot;
use crate::{Connection, Environment, RecordSet, Result};

/// What is cached since the first of some batches; all before that stays.
pub(crate) struct Since<'env, C: Connection> {
    env: &'env Environment<C>,
    /// And when the watch for loops knew what it knew then
    mark: Option<(Mark, u64)>,
}

impl<'env, C: Connection> Since<'env, C> {
    pub(crate) fn new(env: &'env Environment<C>) -> Self {
        Self { env, mark: None }
    }

    /// Sends what was written to the batch before, and frees it, if there was one.
    pub(crate) fn begin(&mut self) -> Result<()> {
        match &self.mark {
            Some((mark, watched)) => {
                self.env.flush()?;
                self.env.release_since(mark);
                self.env.watched.begin_anew(*watched);
            }
            None => self.mark = Some((self.env.mark(), self.env.watched.now())),
        }
        Ok(())
    }

    /// Frees the last batch.
    pub(crate) fn end(&mut self) {
        if let Some((mark, _)) = self.mark.take() {
            self.env.release_since(&mark);
        }
    }
}

// A loop that is left early frees its last batch too.
impl<C: Connection> Drop for Since<'_, C> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The records of a query, batch by batch; made by [`Environment::batches`]
///
/// Each batch is read with one SELECT, and what was cached for it is freed when the next one is asked for: values
/// always, keys too unless a record or set is still held from before. Of the whole only the keys are kept, a few
/// bytes each. The size hint is exact, so a progress bar can be driven by it.
pub struct Batches<'env, M: Model> {
    pub(super) env: &'env Environment<M::Connection>,
    pub(super) keys: std::vec::IntoIter<M::Key>,
    pub(super) size: usize,
    pub(super) since: Since<'env, M::Connection>,
}

impl<'env, M: Model> Batches<'env, M> {
    /// How many records are still to come, as far as they exist when it is their turn
    pub fn records_left(&self) -> usize {
        self.keys.len()
    }

    fn read(&self, keys: Vec<M::Key>) -> Result<RecordSet<'env, M>> {
        let store = self.env.store::<M>();
        let slots: Vec<Slot> = keys.into_iter().map(|key| store.intern(key)).collect();
        if always::<M>().next().is_none() {
            // No column to read, but rows may be gone.
            for window in slots.chunks(self.env.settings.prefetch_limit.min(store.most_keys())) {
                query::by_keys(self.env, store, window, &[], M::KEY_FIELD)?;
            }
        }
        prefetch::load_columns(self.env, store, &slots)?;
        // Rows that were deleted since the keys were read are no records any more.
        Ok(RecordSet::named(self.env, slots.into_iter().filter(|&slot| !store.is_absent(slot)).collect()))
    }
}

impl<'env, M: Model> Iterator for Batches<'env, M> {
    type Item = Result<RecordSet<'env, M>>;

    fn next(&mut self) -> Option<Self::Item> {
        let keys: Vec<M::Key> = self.keys.by_ref().take(self.size).collect();
        if keys.is_empty() {
            self.since.end();
            return None;
        }
        Some(self.since.begin().and_then(|()| self.read(keys)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.keys.len().div_ceil(self.size);
        (left, Some(left))
    }
}

impl<M: Model> ExactSizeIterator for Batches<'_, M> {}
impl<M: Model> FusedIterator for Batches<'_, M> {}

impl<M: Model> fmt::Debug for Batches<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batches<{}>({} of at most {} records left)", M::NAME, self.len(), self.size)
    }
}
