//! What a read did not find in the cache, and whether it is one of a loop that could not be batched.

use super::plan::Scope;
use crate::backend::Connection;
use crate::env::stores::{Store, Want};
use crate::env::watch::{For, Place, Spot};
use crate::error::Repeated;
use crate::number::FieldId;
use crate::store::Slot;
use crate::{Environment, Result};

/// What a read did not find in the cache
#[derive(Debug, Clone, Copy)]
pub(crate) struct Miss<'a> {
    pub(crate) scope: Scope<'a>,
    /// The records at hand
    pub(crate) slots: &'a [Slot],
    pub(crate) field: FieldId,
    /// What of the members, if the field is a to-many link
    pub(crate) want: Want,
    /// Where the program reads
    pub(crate) at: Place,
}

/// Notes a batch that a miss is about to load.
pub(super) fn watch_miss<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    miss: Miss<'_>,
    batch: &[Slot],
    limit: usize,
) -> Result<()> {
    let Miss { scope, field, want, .. } = miss;
    env.called_at(miss.at);
    let work = match want {
        Want::Records | Want::Keys => Repeated::Read,
        Want::Count => Repeated::Count,
        Want::Aggregate(_) => Repeated::Aggregate,
    };
    if !scope.is_of_set() {
        return watch_batch(env, store, miss, batch, work);
    }
    if batch.len() > 1 {
        watch_batch(env, store, miss, batch, work)?;
    }
    // One record: the last one of a window, the others are cached, or they would be dropped unread once more. That is
    // the loop's doing if it goes on to drop, unless the cache has a limit or an age to keep to. A batch of two is no
    // end of it, but a try.
    let is_kept = !env.limits.any() && env.settings.max_age.is_none();
    let goes_on = !store.paces().is_steady(field) && store.paces().was_dropped(field, env.drops());
    let is_careful = is_kept && goes_on;
    if (batch.len() > 1 && !is_careful) || (limit == 1 && is_careful) {
        watch_batch(env, store, miss, batch, Repeated::Reread)?;
    }
    Ok(())
}

/// Notes a batch of those who could have been read together: where it is one record, that is one of many batches.
pub(super) fn watch_batch<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    Miss { scope, field, at, .. }: Miss<'_>,
    batch: &[Slot],
    work: Repeated,
) -> Result<()> {
    let spot = Spot::new(at, work, store.name(), store.field_name(field));
    let &[slot] = batch else {
        env.watch_many(&spot);
        return Ok(());
    };
    let record = (store.number(), slot);
    env.watch(spot, Some(For { from: scope.beginning(record), record }))
}
