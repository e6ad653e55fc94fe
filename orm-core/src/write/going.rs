//! Rows that are about to be deleted, and those that the database deletes or changes along with them, as far as links lead there:
//! whose stored values follow from them is found before they are gone.
//!
//! Nobody knows what a foreign key does, so whatever links to a row is taken for deleted and for changed. It is asked for only where a
//! stored value follows from one of both.

use super::stored::{find_before, selected};
use crate::backend::Connection;
use crate::env::stored::Back;
use crate::env::stores::Store;
use crate::load::query;
use crate::model::{LinkKind, numbered};
use crate::store::{Change, Slot, SlotSet, TableId};
use crate::{Environment, Result};

/// Rows that may have gone with others, by their model
pub(super) type Along<'a, C> = Vec<(Store<'a, C>, Vec<Slot>)>;

/// A link by which rows lead to others
struct Leading<'a, C: Connection> {
    store: Store<'a, C>,
    columns: &'static [&'static str],
}

/// Whether stored values follow from what becomes of a table's rows when they are deleted, or of what links to them
pub(super) fn is_followed<C: Connection>(env: &Environment<C>, store: Store<'_, C>) -> bool {
    !env.stores.stored.is_empty()
        && (store.table().feeds(Change::Go) || !leading(env, store.table_number()).is_empty())
}

/// Before rows are deleted: finds whose values follow from them. Returns the rows that may go with them.
pub(super) fn before<'a, C: Connection>(
    env: &'a Environment<C>,
    store: Store<'a, C>,
    slots: &[Slot],
) -> Result<Along<'a, C>> {
    if !is_followed(env, store) {
        return Ok(Vec::new());
    }
    store.table().feed(Change::Go, slots);
    let mut seen: Vec<(TableId, SlotSet)> = vec![(store.table_number(), SlotSet::of(slots.iter().copied()))];
    let (mut along, mut next) = (Along::new(), vec![(store, slots.to_vec())]);
    while let Some((to, slots)) = next.pop() {
        for Leading { store, columns } in leading(env, to.table_number()) {
            let names = store.model().key_columns();
            let mut rows = selected(env, store, store.sql(), names, columns, to, &slots)?;
            store.table().feed(Change::Written(columns), &rows);
            let seen = match seen.iter_mut().position(|(table, _)| *table == store.table_number()) {
                Some(known) => &mut seen[known].1,
                None => {
                    seen.push((store.table_number(), SlotSet::default()));
                    let last = seen.len() - 1;
                    &mut seen[last].1
                }
            };
            rows.retain(|&slot| seen.mark(slot));
            if !rows.is_empty() {
                store.table().feed(Change::Go, &rows);
                along.push((store, rows.clone()));
                next.push((store, rows));
            }
        }
    }
    find_before(env)?;
    Ok(along)
}

/// After rows were deleted: those that went with them wait for nothing any more.
pub(super) fn after<C: Connection>(env: &Environment<C>, along: Along<'_, C>) -> Result<()> {
    let stored = &env.stores.stored;
    for (store, mut rows) in along {
        let table = store.table_number();
        rows.retain(|&slot| stored.waits(table, slot));
        let window = env.settings.prefetch_limit;
        for rows in rows.chunks(window) {
            query::by_keys_for_write(
                env,
                store,
                rows,
                &[],
                "the rows that may have gone with those that were deleted",
            )?;
        }
        rows.retain(|&slot| store.is_absent(slot));
        stored.forget_rows(table, &rows);
    }
    Ok(())
}

/// The links that lead to a table's rows and from whose rows stored values follow
fn leading<C: Connection>(env: &Environment<C>, to: TableId) -> Vec<Leading<'_, C>> {
    let mut all = links_to(env, to);
    all.retain(|link| matters(env, link, &mut vec![to]));
    all
}

/// The links that lead to a table's rows, by columns once
fn links_to<C: Connection>(env: &Environment<C>, to: TableId) -> Vec<Leading<'_, C>> {
    let mut all: Vec<Leading<'_, C>> = Vec::new();
    for store in env.stores.models() {
        for (field, info) in numbered(store.fields()) {
            let is_link = info.link.as_ref().is_some_and(|link| matches!(link.kind, LinkKind::ToOne));
            if !is_link || store.target(store.column_of(field)) != Some(to) {
                continue;
            }
            let link = Leading { store, columns: info.columns };
            let is_known = |known: &Leading<'_, C>| {
                known.store.table_number() == store.table_number() && known.columns == link.columns
            };
            if !all.iter().any(is_known) {
                all.push(link);
            }
        }
    }
    all
}

/// Whether stored values follow from rows that lead by a link to others which go: other values than those of these others
fn matters<C: Connection>(env: &Environment<C>, link: &Leading<'_, C>, seen: &mut Vec<TableId>) -> bool {
    let stored = &env.stores.stored;
    let leads_back = |source: usize| {
        let route = stored.source(source).and_then(|source| stored.route(source.route));
        let step = route.and_then(|route| route.step.as_ref());
        matches!(step, Some((Back::Linked { columns, .. }, _)) if *columns == link.columns)
    };
    let table = link.store.table();
    let is_watched = |change| table.feeding(change).into_iter().any(|source| !leads_back(source));
    if is_watched(Change::Written(link.columns)) || is_watched(Change::Go) {
        return true;
    }
    let own = link.store.table_number();
    if seen.contains(&own) {
        return false;
    }
    seen.push(own);
    links_to(env, own).iter().any(|link| matters(env, link, seen))
}
