//! Changing who is a member of a to-many link.

use std::borrow::Cow;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::filled::Filled;
use super::links::edit_all;
use super::put::with_column;
use crate::backend::Connection;
use crate::codec::encode::{State, put_links};
use crate::env::stores::{Lists, Side, Store, Want};
use crate::load::prefetch;
use crate::model::LinkKind;
use crate::number::FieldId;
use crate::store::{Edit, Link, Slot, SlotSet, Slots, Stamp, TableId};
use crate::{Environment, Error, Result};

/// What becomes of records' membership in a to-many link
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    /// What the link's filter fixes is put into them.
    Begins,
    /// It begins for records that were just created: they stay as they were given.
    Given,
    Ends,
}

/// Links members of a to-many link to records, or takes them away.
pub(crate) fn change_list<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    owners: &[Slot],
    members: &[Slot],
    change: Membership,
) -> Result<()> {
    let Some(link) = &store.field(field).link else { return Ok(()) };
    let filled = Filled::of(env, store, field)?;
    // What a cached list says is asked below.
    env.settle();
    let (target, add) = (env.stores.get(link.target), change != Membership::Ends);
    // Of those that are linked and no members by the filter none is taken away.
    let members = if !add && !filled.fields.is_empty() {
        Cow::Owned(listed(env, store, field, owners, members)?)
    } else {
        Cow::Borrowed(members)
    };
    match &link.kind {
        LinkKind::ToOne | LinkKind::Computed { .. } => return Ok(()),
        LinkKind::Inverse { field: link, is_one, .. } => {
            if *is_one && add {
                make_room(env, store, field, owners, &members)?;
            }
            let link = link();
            let (owner, members) = if add {
                // A member has one owner.
                let &[owner] = owners else {
                    return Err(Error::NotOne { model: store.name(), count: owners.len() });
                };
                (Link(owner), members.clone())
            } else {
                (Link::NULL, Cow::Owned(linked_here(env, store, (field, owners), (target, link), &members)?))
            };
            point(env, (target, link), &members, owner)?;
        }
        LinkKind::Through { .. } => {
            change_pairs(env, (store, field, owners), (target, &members), &filled, add)?;
        }
    }
    if change == Membership::Begins && !owners.is_empty() {
        filled.put(env, target, &members)
    } else {
        Ok(())
    }
}

/// Those of some records that are in the lists of owners
fn listed<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    owners: &[Slot],
    members: &[Slot],
) -> Result<Vec<Slot>> {
    prefetch::load_all(env, store, owners, field, Want::Records)?;
    let mut all = SlotSet::default();
    store.hop(field, owners.iter().copied(), |list| {
        list.into_iter().flatten().for_each(|&member| {
            all.mark(member);
        });
    });
    Ok(members.iter().copied().filter(|&member| all.has(member)).collect())
}

/// Takes the member away that a record has by now, if another one is to be its only one.
fn make_room<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    owners: &[Slot],
    members: &[Slot],
) -> Result<()> {
    if members.len() > 1 {
        return Err(Error::NotOne { model: store.name(), count: members.len() });
    }
    prefetch::load_all(env, store, owners, field, Want::Records)?;
    let mut others = Vec::new();
    store.hop(field, owners.iter().copied(), |list| {
        others.extend(list.into_iter().flatten().filter(|member| !members.contains(member)));
    });
    if others.is_empty() { Ok(()) } else { change_list(env, store, field, owners, &others, Membership::Ends) }
}

/// Those of some records that are members of the owners: whoever is linked elsewhere is not taken away from there.
fn linked_here<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    (field, owners): (FieldId, &[Slot]),
    (target, link): (Store<'_, C>, FieldId),
    members: &[Slot],
) -> Result<Vec<Slot>> {
    let mut leading = Vec::with_capacity(members.len());
    for members in members.chunks(super::window::WINDOW) {
        if env.settings.max_age.is_some() {
            members.iter().for_each(|&member| env.expire(target, link, member));
        }
        prefetch::load_together(env, target, members, link)?;
        for &member in members {
            let mut owner = None;
            target.hop(link, std::iter::once(member), |to| owner = to.and_then(|to| to.first().copied()));
            leading.extend(owner.map(|owner| (member, owner)));
        }
    }
    let (mut here, elsewhere): (Vec<_>, Vec<_>) =
        leading.into_iter().partition(|(_, owner)| owners.contains(owner));
    // By a key that a collation calls equal a link may lead here, too: then the list says so.
    let alike = if elsewhere.is_empty() {
        Slots::default()
    } else {
        store.table().alike(&owners.iter().copied().collect())
    };
    if elsewhere.iter().any(|(_, owner)| alike.contains(owner)) {
        prefetch::load_all(env, store, owners, field, Want::Keys)?;
        let listed = SlotSet::of(store.table().members_of(store.column_of(field), owners).0);
        here.extend(
            elsewhere.into_iter().filter(|&(member, owner)| alike.contains(&owner) && listed.has(member)),
        );
    }
    Ok(here.into_iter().map(|(member, _)| member).collect())
}

/// Points the to-one links of members at an owner, or at nothing.
fn point<C: Connection>(
    env: &Environment<C>,
    (target, link): (Store<'_, C>, FieldId),
    members: &[Slot],
    owner: Link,
) -> Result<()> {
    let info = target.field(link);
    let leads_elsewhere = |&member: &Slot| {
        let mut here = false;
        target.hop(link, std::iter::once(member), |to| here = to.is_some_and(|to| *to == [owner.0]));
        !here
    };
    let of_key = info.columns.iter().find(|column| target.model().key_columns().contains(column));
    if let Some(column) = of_key
        && members.iter().any(leads_elsewhere)
    {
        return Err(Error::other(format!(
            "{}.{} is of the primary key (`{column}`), which stays as it is: create the record with this link, or delete it",
            target.name(),
            info.name
        )));
    }
    if owner == Link::NULL && !info.is_nullable && !members.is_empty() {
        return Err(Error::missing_value(target.name(), info.name));
    }
    with_column(env, target, link, members, State::Written, |cells, put| {
        put_links(cells, |_| Some(owner), put, |_| false);
    })
}

/// Makes the lists missing that have records in them whose keys a collation may call equal to some of these: what a list says of the one
/// it does not say of the other.
fn forget_lists_of_alike<C: Connection>(
    store: Store<'_, C>,
    field: FieldId,
    owners: &[Slot],
    (target, members): (Store<'_, C>, &[Slot]),
) {
    let (column, target) = (store.column_of(field), target.table());
    let may_be = members.iter().copied().filter(|&member| target.may_be_alike(member)).collect();
    let alike = target.alike(&may_be);
    if alike.is_empty() {
        return;
    }
    for &owner in owners {
        let (listed, _) = store.table().members_of(column, &[owner]);
        if listed.iter().any(|member| alike.contains(member)) {
            target.note_spelling();
            store.table().forget_cell(column, owner);
        }
    }
}

/// Notes that members come to the lists of owners, or go; the cached lists of both sides are changed at once.
fn change_pairs<C: Connection>(
    env: &Environment<C>,
    (store, field, owners): (Store<'_, C>, FieldId, &[Slot]),
    (target, members): (Store<'_, C>, &[Slot]),
    filled: &Filled<C>,
    add: bool,
) -> Result<()> {
    let Some(side @ Side::Pairs { join, is_symmetric, .. }) = store.side(field) else { return Ok(()) };
    let is_selective = store.field(field).link.as_ref().is_some_and(|link| link.joining().is_selective());
    let mut pairs = Vec::new();
    // Since when it is known who was a member: the other side may have been read since.
    let mut listed_since: HashMap<Slot, Stamp, FixedState> = HashMap::default();
    let others = env.stores.lists(target.table_number(), side.reversed());
    let mut seen = SlotSet::default();
    let members: Vec<Slot> = members.iter().copied().filter(|&member| seen.mark(member)).collect();
    forget_lists_of_alike(store, field, owners, (target, &members));
    for &owner in owners {
        if env.settings.max_age.is_some() {
            env.expire(store, field, owner);
        }
        // What a cached list says need not be asked for again.
        let mut listed = None;
        store.hop(field, std::iter::once(owner), |list| {
            listed = list.map(|list| SlotSet::of(list.iter().copied()));
        });
        // Who is not listed may be so for the scope alone.
        let is_decided = |is_listed: bool| is_listed == add && (add || !is_selective);
        let is_so = |member: Slot| listed.as_ref().is_some_and(|list| is_decided(list.has(member)));
        pairs.extend(members.iter().filter(|&&member| !is_so(member)).map(|&member| (owner, member)));
        if listed.is_some() && !is_selective {
            let since = store.table().known_since(store.column_of(field), owner).unwrap_or_default();
            listed_since.insert(owner, since);
        }
    }
    if is_symmetric {
        let mut seen: HashSet<(Slot, Slot), FixedState> = HashSet::default();
        pairs.retain(|&(a, b)| seen.insert((a.min(b), a.max(b))));
    }
    if pairs.is_empty() {
        return Ok(());
    }
    if let Some(table) = env.stores.table_of_join(join) {
        // The join table has a model of its own: what that has written comes first, and what it has read is over.
        if env.stores.table(table).has_dirty() {
            env.flushed()?;
        }
    }
    let kind = format!("{}{}", filled.kind(env), if is_symmetric { " in either direction" } else { "" });
    // The same two may be in rows of the one kind and of the other.
    if env.pairs.waits_otherwise(join, &kind) {
        env.flushed()?;
    }
    env.forget_rows_of_join(join);
    // Where the list is cached it is a change, unless one of the other side that was read since says otherwise.
    let is_known = |owner: Slot, member: Slot| {
        let is_so =
            |lists: &Lists| target.table().has_listed(lists.column, member, owner, listed_since[&owner]);
        listed_since.contains_key(&owner) && others.iter().all(|lists| is_so(lists) != Some(add))
    };
    env.pairs.note(store, (field, side), &kind, &pairs, &is_known, add);
    env.feed_pairs(side, &pairs);
    let is_partial = !filled.pair.is_empty();
    forget_beside(env, (store, side), target, &pairs, is_partial);
    if is_partial {
        return Ok(());
    }
    let now = env.moment().time;
    let edit = |owner, member, is_change, since| Edit {
        owner: Some(owner),
        member,
        add,
        is_change,
        since,
        is_pair: true,
    };
    let edits = pairs.iter().map(|&(owner, member)| edit(owner, member, is_known(owner, member), now));
    edit_all(env, store.table_number(), side, target.table_number(), edits);
    if add && target.table().has_alike(&members) {
        // The database takes them for one; which of them it keeps only it can say.
        target.table().note_spelling();
        owners.iter().for_each(|&owner| store.table().forget_cell(store.column_of(field), owner));
    }
    let since = |owner: Slot| listed_since.get(&owner).copied().unwrap_or(now);
    // Who is paired with itself is in one list.
    let reversed = pairs.iter().filter(|(owner, member)| !is_symmetric || owner != member);
    let edits = reversed.map(|&(owner, member)| edit(member, owner, is_known(owner, member), since(owner)));
    edit_all(env, target.table_number(), side.reversed(), store.table_number(), edits);
    Ok(())
}

/// Makes the lists missing of which it is not known what pairs make of them, that come or go: those of links that look at the same
/// two columns otherwise, one way or both; and if pairs of one kind do, all.
fn forget_beside<C: Connection>(
    env: &Environment<C>,
    (store, side): (Store<'_, C>, Side),
    target: Store<'_, C>,
    pairs: &[(Slot, Slot)],
    is_partial: bool,
) {
    let mut ends: Vec<(TableId, Vec<Slot>)> = vec![
        (store.table_number(), pairs.iter().map(|pair| pair.0).collect()),
        (target.table_number(), pairs.iter().map(|pair| pair.1).collect()),
    ];
    for (table, slots) in &mut ends {
        slots.sort_unstable();
        slots.dedup();
        for (other, lists) in env.stores.lists_through(*table, side) {
            if is_partial || (other != side && other != side.reversed()) {
                env.note_drop();
                env.stores.table(*table).forget_cells(lists, slots);
            }
        }
    }
}
