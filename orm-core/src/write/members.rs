//! Changing who is a member of a to-many link.

use std::borrow::Cow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::links::edit_all;
use super::put::with_column;
use crate::backend::Connection;
use crate::codec::encode::{State, put_links};
use crate::env::stores::{Lists, Side, Store, Want};
use crate::load::prefetch;
use crate::model::LinkKind;
use crate::store::{Edit, Link, SlotSet, Slots, Stamp};
use crate::{Environment, Error, Result};

/// Links members of a to-many link to records, or takes them away.
pub(crate) fn change_list<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: usize,
    owners: &[u32],
    members: &[u32],
    add: bool,
) -> Result<()> {
    let Some(link) = &store.field(field).link else { return Ok(()) };
    store.refuse_selective(field)?;
    let target = env.stores.get(link.target);
    match &link.kind {
        LinkKind::ToOne => Ok(()),
        LinkKind::Inverse { field: link, is_one, .. } => {
            if *is_one && add {
                make_room(env, store, field, owners, members)?;
            }
            let link = link();
            let (owner, members) = if add {
                // A member has one owner.
                let &[owner] = owners else {
                    return Err(Error::NotOne { model: store.name(), count: owners.len() });
                };
                (Link(owner), Cow::Borrowed(members))
            } else {
                (Link::NULL, Cow::Owned(linked_here(env, store, (field, owners), (target, link), members)?))
            };
            point(env, (target, link), &members, owner)
        }
        LinkKind::Through { .. } => change_pairs(env, store, field, owners, target, members, add),
    }
}

/// Takes the member away that a record has by now, if another one is to be its only one.
fn make_room<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: usize,
    owners: &[u32],
    members: &[u32],
) -> Result<()> {
    if members.len() > 1 {
        return Err(Error::NotOne { model: store.name(), count: members.len() });
    }
    prefetch::load_all(env, store, owners, field, Want::Records)?;
    let mut others = Vec::new();
    store.hop(field, owners.iter().copied(), |list| {
        others.extend(list.into_iter().flatten().filter(|member| !members.contains(member)));
    });
    if others.is_empty() { Ok(()) } else { change_list(env, store, field, owners, &others, false) }
}

/// Those of some records that are members of the owners: whoever is linked elsewhere is not taken away from there.
fn linked_here<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    (field, owners): (usize, &[u32]),
    (target, link): (Store<'_, C>, usize),
    members: &[u32],
) -> Result<Vec<u32>> {
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
    (target, link): (Store<'_, C>, usize),
    members: &[u32],
    owner: Link,
) -> Result<()> {
    let info = target.field(link);
    let leads_elsewhere = |&member: &u32| {
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
        put_links(cells, |_| Some(owner), put);
    })
}

/// Makes the lists missing that have records in them whose keys a collation may call equal to some of these: what a list says of the one
/// it does not say of the other.
fn forget_lists_of_alike<C: Connection>(
    store: Store<'_, C>,
    field: usize,
    owners: &[u32],
    (target, members): (Store<'_, C>, &[u32]),
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
    store: Store<'_, C>,
    field: usize,
    owners: &[u32],
    target: Store<'_, C>,
    members: &[u32],
    add: bool,
) -> Result<()> {
    let Some(side @ Side::Pairs { join, .. }) = store.side(field) else { return Ok(()) };
    let mut pairs = Vec::new();
    // Since when it is known who was a member: the other side may have been read since.
    let mut listed_since: HashMap<u32, Stamp, FixedState> = HashMap::default();
    let others = env.stores.lists(target.table_number(), side.reversed());
    let mut seen = SlotSet::new(target.slots());
    let members: Vec<u32> = members.iter().copied().filter(|&member| seen.mark(member)).collect();
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
        let is_so = |member: u32| listed.as_ref().is_some_and(|list| list.has(member) == add);
        pairs.extend(members.iter().filter(|&&member| !is_so(member)).map(|&member| (owner, member)));
        if listed.is_some() {
            let since = store.table().known_since(store.column_of(field), owner).unwrap_or_default();
            listed_since.insert(owner, since);
        }
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
    env.forget_rows_of_join(join);
    // Where the list is cached it is a change, unless one of the other side that was read since says otherwise.
    let is_known = |owner: u32, member: u32| {
        let is_so =
            |lists: &Lists| target.table().has_listed(lists.column, member, owner, listed_since[&owner]);
        listed_since.contains_key(&owner) && others.iter().all(|lists| is_so(lists) != Some(add))
    };
    env.pairs.note(store, (field, side), &pairs, &is_known, add);
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
    let since = |owner: u32| listed_since.get(&owner).copied().unwrap_or(now);
    let edits =
        pairs.iter().map(|&(owner, member)| edit(member, owner, is_known(owner, member), since(owner)));
    edit_all(env, target.table_number(), side.reversed(), store.table_number(), edits);
    Ok(())
}
