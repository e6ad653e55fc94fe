//! Keeping to limits: the pages that were used longest ago leave first, what a loop is about to read last, dirty values never.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::store::{TableId, UnreadBatch};

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

/// Drops what was used longest ago, until `records` more find place; what came in turn `since` or later stays, and what a
/// loop is about to read, unless more is cached than may be.
///
/// Tells how many find place now.
pub(crate) fn make_room<C: Connection>(env: &Environment<C>, records: usize, since: u32) -> usize {
    let fits = || room(env).filter(|&room| room >= records);
    if let Some(room) = fits() {
        return room;
    }
    env.note_drop();
    let mut gone: IndexMap<TableId, usize, FixedState> = IndexMap::default();
    let room = evict_until(env, since, fits, |what| {
        let (table, evicted) = match what {
            Evictable::Page(table, page) => (table, Some(env.stores.table(table).evict_page(page))),
            Evictable::Unread(table, came, keep) => {
                (table, env.stores.table(table).evict_unread(came, keep).map(usize::from))
            }
        };
        *gone.entry(table).or_default() += evicted.unwrap_or(0);
        evicted.is_some()
    });
    for (table, records) in gone {
        env.note_evicted(table, records);
    }
    room
}

/// Drops one after another, until what is to fit does.
fn evict_until<C: Connection>(
    env: &Environment<C>,
    since: u32,
    fits: impl Fn() -> Option<usize>,
    mut evict: impl FnMut(Evictable) -> bool,
) -> usize {
    let unread = unread(env);
    let may_leave = |unread: &&Awaiting| unread.came < since && unread.records > unread.awaited;
    let leaving = unread.iter().filter(may_leave);
    let mut all: Vec<(u32, Evictable)> = leaving
        .map(|unread| (unread.came, Evictable::Unread(unread.table, unread.came, unread.awaited)))
        .collect();
    for table in env.tables() {
        table.page_uses(&mut |page, tick| all.push((tick, Evictable::Page(table.number(), page))));
    }
    all.sort_unstable();
    for (_, what) in all {
        while evict(what) {
            if let Some(room) = fits() {
                return room;
            }
            if matches!(what, Evictable::Page(..)) {
                break;
            }
        }
    }
    // The oldest are those of the outermost loop, which are read last.
    for Awaiting { table, came, .. } in unread.into_iter().rev().filter(|unread| unread.came < since) {
        while room(env).is_none() && evict(Evictable::Unread(table, came, 0)) {}
    }
    room(env).unwrap_or(0)
}

/// What can leave a limited cache
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evictable {
    /// The records of a page that were read
    Page(TableId, usize),
    /// Those that came in a tick and were not read, but for so many
    Unread(TableId, u32, usize),
}

/// Records that came together and were not read yet
struct Awaiting {
    table: TableId,
    came: u32,
    records: usize,
    /// How many of them a loop is taken to be about to read
    awaited: usize,
}

/// What was not read yet, the youngest first. Of what a loop has begun to read the rest is awaited, unless the cache was
/// filled once since: then the loop was left. There is an eighth of the limit that nothing can be awaited in.
fn unread<C: Connection>(env: &Environment<C>) -> Vec<Awaiting> {
    let mut all = Vec::new();
    for table in env.tables() {
        table.unread(&mut |unread| all.push((Reverse(unread.came), table.number(), unread)));
    }
    all.sort_unstable();
    let mut left = env.limits.records.get().map_or(usize::MAX, |limit| limit - limit.div_ceil(8));
    let filled_since = env.limits.filled_since();
    let awaiting = |(_, table, UnreadBatch { came, records, read })| {
        let awaited = if read > 0 && read >= filled_since { records.min(left) } else { 0 };
        left -= awaited;
        Awaiting { table, came, records, awaited }
    };
    all.into_iter().map(awaiting).collect()
}

/// How many records one batch may load into a limited cache: half of the place that those leave which are about to be
/// read. The other half is for what the batch links to, or the two push each other out.
pub(crate) fn place_for_batch<C: Connection>(env: &Environment<C>) -> Option<usize> {
    let limit = env.limits.records.get()?;
    let awaited: usize = unread(env).iter().map(|unread| unread.awaited).sum();
    Some(((limit - awaited) / 2).max(1))
}
