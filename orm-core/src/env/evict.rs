//! Keeping to limits: the pages that were used longest ago leave first, dirty values never.

use crate::backend::Connection;
use crate::env::environment::Environment;

/// How many more records find place; `None` if what is cached is too much already
fn room<C: Connection>(env: &Environment<C>) -> Option<usize> {
    let resident = || env.tables().map(|table| table.residents()).sum::<usize>();
    let values = || env.tables().map(|table| table.evictable_bytes()).sum::<usize>();
    if bytes_for_values(env).is_some_and(|limit| values() > limit) {
        return None;
    }
    env.limits.records.get().map_or(Some(usize::MAX), |limit| limit.checked_sub(resident()))
}

/// What a limit of bytes leaves to values. Keys take up to half of it: no eviction could free them, so were they all of
/// it, each load would drop what the one before it brought.
pub(crate) fn bytes_for_values<C: Connection>(env: &Environment<C>) -> Option<usize> {
    let limit = env.limits.bytes.get()?;
    let keys = env.tables().map(|table| table.bytes() - table.evictable_bytes()).sum::<usize>();
    Some(limit - keys.min(limit / 2))
}

/// Drops what was used longest ago, until `records` more find place; pages used in turn `since` or later stay.
///
/// Tells how many find place now.
pub(crate) fn make_room<C: Connection>(env: &Environment<C>, records: usize, since: u32) -> usize {
    let fits = || room(env).filter(|&room| room >= records);
    if let Some(room) = fits() {
        return room;
    }
    env.note_drop();
    let mut pages = Vec::new();
    for table in env.tables() {
        table.page_uses(&mut |page, turn| {
            if turn < since {
                pages.push((turn, table.number(), page));
            }
        });
    }
    pages.sort_unstable();
    for (_, number, page) in pages {
        let evicted = env.stores.table(number).evict_page(page);
        env.evictions.set(env.evictions.get() + evicted);
        if let Some(room) = fits() {
            return room;
        }
    }
    room(env).unwrap_or(0)
}
