//! Deleting records, and forgetting what went with them.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::flush::describe;
use super::statement::{Delete, Which};
use super::window::WINDOW;
use super::{going, version};
use crate::backend::{Begin, Connection};
use crate::env::stores::{Lists, Side, Store};
use crate::error::{Doing, ViolationKind};
use crate::load::{anew, query};
use crate::model::field_id;
use crate::store::{self, ColumnId, Edit, Joining, Link, Slot, Slots, TableId};
use crate::{Environment, Error, Result};

/// Deletes records, and forgets what went with them.
///
/// Of several all or none, also where an open transaction goes on: one that is not there is found out when the others are gone.
pub(crate) fn delete<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) -> Result<()> {
    let mut seen = Slots::default();
    let slots: Vec<Slot> = slots.iter().copied().filter(|&slot| seen.insert(slot)).collect();
    // What waits only for them goes with them.
    let aside = store.set_dirty_aside(&slots);
    let waiting: Vec<Slot> = aside.iter().map(|aside| aside.slot).collect();
    let versioned = env.stores.versioned(store.table_store());
    let versions = versioned.map(|(store, version)| version::numbers(store, version, &waiting));
    let deleted = match &slots[..] {
        [] => Ok(()),
        // What follows from it is written, too.
        [_] if going::is_followed(env, store) => env.writing(|| delete_rows(env, store, &slots, send)),
        [_] => env.writing_one(|| delete_rows(env, store, &slots, send)),
        _ => delete_several(env, store, &slots),
    };
    match deleted {
        Ok(()) => store.drop_aside(aside),
        Err(_) => {
            store.restore_aside(aside, env.moment());
            // They wait on the ground of the version that they were written on.
            if let (Some((store, version)), Some(versions)) = (versioned, &versions) {
                version::restore(env, store, version, &waiting, versions);
            }
        }
    }
    deleted
}

/// Deletes together what may refer to each other. If one of the rows took another one along, or stood in its way, all of them are
/// looked at first, and deleted by levels.
fn delete_several<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) -> Result<()> {
    // What still waits counts the versions on.
    env.flushed()?;
    let version = env.stores.versioned(store.table_store());
    let versions = version.map(|(store, version)| version::numbers(store, version, slots));
    let begin = Begin::default();
    match env.run_transaction(&begin, || delete_rows(env, store, slots, send)) {
        Err(error) if may_be_of_order(store, &error) => env.run_transaction(&begin, || {
            anew::anew(env, store, slots, true)?;
            know_links(env, store, slots)?;
            store.none_is_gone(slots)?;
            if let (Some((store, version)), Some(versions)) = (version, &versions) {
                version::compare(store, version, slots, versions)?;
            }
            delete_rows(env, store, slots, send_by_levels)
        }),
        deleted => deleted,
    }
}

/// Loads the links that rows have to others of their table, of whatever model they are.
fn know_links<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) -> Result<()> {
    for link in store.columns_to(store.table_number()) {
        let (model, info) = store.table_store().field_of(link);
        let field = field_id(model.fields(), |field| std::ptr::eq(field, info));
        let lacking: Vec<Slot> =
            slots.iter().copied().filter(|&slot| !store.table().column(link).has(slot)).collect();
        for slots in lacking.chunks(WINDOW) {
            let fields = field.as_slice();
            query::by_keys_for_write(env, env.stores.get(model), slots, fields, "who refers to whom")?;
        }
    }
    Ok(())
}

/// Whether rows may not have been there, or may have had to stay, because of others that were to go with them
fn may_be_of_order<C: Connection>(store: Store<'_, C>, error: &Error) -> bool {
    let is_held = || error.violation().is_some_and(|violation| violation.kind == ViolationKind::ForeignKey);
    error.is_missing_record() || (!store.columns_to(store.table_number()).is_empty() && is_held())
}

/// Deletes rows by what `send` sends, which returns those that are still there, as a trigger has it.
fn delete_rows<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    send: impl FnOnce(&Environment<C>, Store<'_, C>, &[Slot]) -> Result<Vec<Slot>>,
) -> Result<()> {
    // What still waits may move a record out of the way of a cascade.
    env.flushed()?;
    let along = going::before(env, store, slots)?;
    let kept: Slots = send(env, store, slots)?.into_iter().collect();
    let gone: Slots = slots.iter().copied().filter(|slot| !kept.contains(slot)).collect();
    leave_lists(env, store.table_number(), &gone, true);
    forget_what_went_along(env, store.table_number(), &slots.iter().copied().collect(), &kept);
    let now = env.moment().time;
    gone.iter().for_each(|&slot| store.set_absent(slot, Some(now)));
    env.stores.stored.forget_rows(store.table_number(), &gone.iter().copied().collect::<Vec<_>>());
    going::after(env, along)
}

/// Sends the DELETEs; an error if one of the rows is not there, or has another version than the one that was read.
fn send<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) -> Result<Vec<Slot>> {
    env.forget_old_absences(store, slots);
    store.none_is_gone(slots)?;
    let (versioned, others): (Vec<Slot>, Vec<Slot>) = match store.version() {
        // What was never read is compared with nothing.
        Some(version) => slots.iter().partition(|&&slot| store.table().column(version).has(slot)),
        None => (Vec::new(), slots.to_vec()),
    };
    if !store.system().has_returning {
        if let [slot] = *slots {
            return send_alone(env, store, slot, !versioned.is_empty());
        }
        // Afterwards nobody could tell which of them had been there.
        look(env, store, &versioned, &others)?;
        return send_held(env, store, slots);
    }
    let mut kept = Vec::new();
    for slots in versioned.chunks(WINDOW.min(rows_of_one(store, 1))) {
        kept.extend(send_returning(env, store, slots, true)?);
    }
    for slots in others.chunks(rows_of_one(store, 0)) {
        kept.extend(send_returning(env, store, slots, false)?);
    }
    Ok(kept)
}

/// How many rows one DELETE takes that names them by their keys and so many more columns: as many as can be, as they may refer to
/// each other.
pub(super) fn rows_of_one<C: Connection>(store: Store<'_, C>, beside: usize) -> usize {
    1 << (store.system().max_binds / (store.model().key_columns().len() + beside)).ilog2()
}

/// Looks at rows, and holds them: an error if one is not there, or has another version.
pub(super) fn look<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    versioned: &[Slot],
    others: &[Slot],
) -> Result<()> {
    if store.table_store().is_unchecked() {
        return Ok(());
    }
    if let Some((store, version)) = env.stores.versioned(store.table_store()) {
        versioned.chunks(WINDOW).try_for_each(|slots| version::know(env, store, version, slots))?;
    }
    let asked = "the rows to be deleted";
    others.chunks(WINDOW).try_for_each(|slots| query::by_keys_for_write(env, store, slots, &[], asked))?;
    store.none_is_gone(others)
}

/// Deletes rows that are there and held, whatever refers to another one of them before that.
fn send_by_levels<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
) -> Result<Vec<Slot>> {
    let mut kept = Vec::new();
    for level in store.levels(store.table_number(), slots) {
        kept.extend(send_held(env, store, &level)?);
    }
    Ok(kept)
}

/// Deletes rows that are there and held: what was not found went with another one, or is kept.
fn send_held<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) -> Result<Vec<Slot>> {
    let mut kept = Vec::new();
    for slots in slots.chunks(rows_of_one(store, 0)) {
        let doing = Doing {
            model: store.name(),
            table: store.sql(),
            text: &|| describe("deleting", store.table_store(), &[], slots),
        };
        let which = Which::Keys(store.key_list(slots));
        if env.run(doing, &Delete { store, which, returning: false })? < slots.len() {
            look_for(env, store, slots)?;
            kept.extend(slots.iter().filter(|&&slot| !store.is_absent(slot)));
        }
    }
    Ok(kept)
}

/// Deletes one row; an error if it was not there, or has another version than the one that was read.
fn send_alone<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slot: Slot,
    versioned: bool,
) -> Result<Vec<Slot>> {
    let slots = [slot];
    let doing = Doing {
        model: store.name(),
        table: store.sql(),
        text: &|| describe("deleting", store.table_store(), &[], &slots),
    };
    let which = Which::of(env, store, &slots, versioned)?;
    if env.run(doing, &Delete { store, which, returning: false })? > 0 {
        return Ok(Vec::new());
    }
    kept(env, store, &slots, versioned)
}

/// Looks for rows that a DELETE did not find; they count as being there where nobody looks at that.
fn look_for<C: Connection>(env: &Environment<C>, store: Store<'_, C>, missed: &[Slot]) -> Result<()> {
    if store.table_store().is_unchecked() {
        return Ok(());
    }
    query::by_keys_for_write(env, store, missed, &[], "the rows that a DELETE did not find")
}

/// What a DELETE did not find, if it is there all the same: a trigger has kept it. Else an error
fn kept<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    missed: &[Slot],
    versioned: bool,
) -> Result<Vec<Slot>> {
    look_for(env, store, missed)?;
    if versioned || missed.iter().any(|&slot| store.is_absent(slot)) {
        return Err(version::lost(store, missed));
    }
    Ok(missed.to_vec())
}

/// Deletes rows, and sees by the keys that come back which of them were there.
fn send_returning<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    versioned: bool,
) -> Result<Vec<Slot>> {
    let doing = Doing {
        model: store.name(),
        table: store.sql(),
        text: &|| describe("deleting", store.table_store(), &[], slots),
    };
    let which = Which::of(env, store, slots, versioned)?;
    let found = env.run_returning(store, doing, &Delete { store, which, returning: true })?;
    if found.len() == slots.len() {
        return Ok(Vec::new());
    }
    let found: Slots = found.into_iter().collect();
    let missed: Vec<Slot> = slots.iter().copied().filter(|slot| !found.contains(slot)).collect();
    kept(env, store, &missed, versioned)
}

/// Makes missing what is known of some records for which a DELETE was sent, and of what the database may have deleted, or set to
/// NULL, with them: whatever links to them, and whatever links to that in turn. But for those that were `kept` they are in no list
/// any more.
pub(super) fn forget_what_went_along<C: Connection>(
    env: &Environment<C>,
    own: TableId,
    slots: &Slots,
    kept: &Slots,
) {
    env.note_drop();
    env.stores.open_targets();
    look_through(env);
    let mut touched: HashMap<TableId, Slots, FixedState> = HashMap::default();
    let mut next = vec![(own, slots.clone())];
    let mut may_others_be_gone = !kept.is_empty();
    while let Some((table, mut slots)) = next.pop() {
        // A link may lead there by another spelling of the key.
        let alike = env.stores.table(table).alike(&slots);
        may_others_be_gone |= table == own && !alike.is_empty();
        slots.extend(alike);
        // Also where none of a table's records is known: its rows are, in the lists whose members were only counted.
        let is_new = !touched.contains_key(&table);
        let all = touched.entry(table).or_default();
        let fresh: Slots = slots.into_iter().filter(|&slot| all.insert(slot)).collect();
        if fresh.is_empty() && !is_new {
            continue;
        }
        let (targets, owners) = (env.stores.table(table), fresh.iter().copied().collect::<Vec<_>>());
        for other in env.tables() {
            let listed = |column: ColumnId| {
                let side = Side::Inverse { table: other.number(), columns: other.field_of(column).1.columns };
                // Who is a member by a filter, or within a limit, does not say who links there.
                let mut lists = env.stores.lists(table, side);
                lists.retain(|lists| !lists.joining.is_selective());
                let of = |lists: &Lists| targets.members_of(lists.column, &owners);
                let (members, are_all): (Vec<_>, Vec<bool>) = lists.iter().map(of).unzip();
                (members.concat(), are_all.contains(&true))
            };
            if let Some(linking) = other.linking_to(table, &fresh, &listed) {
                may_others_be_gone |= other.number() == own;
                next.push((other.number(), linking));
            }
        }
    }
    for (&table, slots) in &touched {
        env.stores.table(table).forget_records(slots);
        env.stores.table(table).note_rows();
    }
    for &table in touched.keys() {
        env.forget_shown(env.stores.table(table));
    }
    // The lists of their own table have lost those that are gone. If no others can be, that is all.
    if !may_others_be_gone {
        touched.remove(&own);
    } else if let Some(touched) = touched.get_mut(&own) {
        touched.retain(|slot| kept.contains(slot) || !slots.contains(slot));
    }
    for other in env.tables() {
        touched.iter().for_each(|(&table, slots)| other.forget_lists_of(table, slots));
    }
}

/// Has all tables look through what has changed, so that they know who leads where.
pub(super) fn look_through<C: Connection>(env: &Environment<C>) {
    env.tables().for_each(|table| table.look_through());
    for table in env.tables() {
        table.take_named(&mut |target, named| env.stores.table(target).note_named(&named));
    }
}

/// Takes records that are gone out of the lists that they were in. Where they were there until now each of them was counted.
pub(super) fn leave_lists<C: Connection>(
    env: &Environment<C>,
    table: TableId,
    gone: &Slots,
    until_now: bool,
) {
    let (members, now) = (env.stores.table(table), env.moment());
    for owners in env.tables() {
        for lists in owners.list_columns_to(table) {
            let link = env.stores.link_of_lists(owners, lists);
            let links = link.and_then(|link| store::to_one(members.table().column(link)));
            let edit = |&member: &Slot| {
                let known = links.and_then(|links| {
                    let links = links.borrow();
                    links.get(member).copied().zip(links.known_since(member))
                });
                let (link, since) = known.unzip();
                let (owner, since) = (link.and_then(Link::target), since.unwrap_or_default());
                Edit {
                    owner,
                    member,
                    add: false,
                    is_change: until_now && owner.is_some(),
                    since,
                    is_pair: false,
                }
            };
            let edits: Vec<Edit> = gone.iter().map(edit).collect();
            let joining = env.stores.joining(owners, lists).unwrap_or(Joining::ByKey);
            owners.edit_lists(lists, &edits, joining, members.table(), now);
            // Whatever its link says: a list may be older, or younger, than that.
            owners.remove_members(lists, gone, now, joining);
        }
    }
}
