//! Both sides of a link: a write on one puts the cached lists of the other right, without a query.

use std::any::TypeId;

use super::pen::{State, put_links};
use crate::backend::Connection;
use crate::cache::{Column, Link, List, Moment};
use crate::model::{Columns, Model};
use crate::origin::Marks;
use crate::prefetch;
use crate::relation::{Batch, Want};
use crate::{Environment, Error, Result};

/// A record whose to-one link leads elsewhere now
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    pub(crate) slot: u32,
    /// Where it led before; `None` if that is not known
    pub(crate) from: Option<Link>,
    pub(crate) to: Link,
}

/// What the two sides of a to-many link are
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The records of a model whose to-one link points here
    Inverse {
        /// The model's number
        model: usize,
        /// The to-one link
        field: usize,
    },
    /// Two columns of a table of pairs
    Pairs {
        /// The column that says whose list it is
        own: TypeId,
        /// The column that says who is a member
        other: TypeId,
    },
}

impl Side {
    pub(crate) fn is_inverse(self) -> bool {
        matches!(self, Self::Inverse { .. })
    }

    /// The same link, seen from its members
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Pairs { own, other } => Self::Pairs { own: other, other: own },
            inverse @ Self::Inverse { .. } => inverse,
        }
    }
}

/// A change of a list
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// Whose list; `None`: whichever the member is in
    pub(crate) owner: Option<u32>,
    pub(crate) member: u32,
    pub(crate) add: bool,
}

/// Puts records of a model, whose to-one link leads elsewhere now, into the lists of the records of `T`.
pub(super) fn moved<C: Connection, T: Model<Connection = C>>(
    env: &Environment<C>,
    model: usize,
    field: usize,
    moved: &[Moved],
) {
    let edits = moved.iter().flat_map(|&Moved { slot, from, to }| {
        let removed = match from {
            Some(from) => from.target().map(|owner| Edit { owner: Some(owner), member: slot, add: false }),
            None => Some(Edit { owner: None, member: slot, add: false }),
        };
        let added = to.target().map(|owner| Edit { owner: Some(owner), member: slot, add: true });
        [removed, added].into_iter().flatten()
    });
    edit_all::<C, T>(env, Side::Inverse { model, field }, edits);
}

/// Changes the lists of all to-many links of `T` that are this one.
pub(super) fn edit_all<C: Connection, T: Model<Connection = C>>(
    env: &Environment<C>,
    side: Side,
    edits: impl Iterator<Item = Edit>,
) {
    let mut collected: Option<Vec<Edit>> = None;
    let mut edits = Some(edits);
    for (field, info) in T::FIELDS.iter().enumerate() {
        let Some(relation) = info.relation.filter(|relation| relation.side() == side) else { continue };
        let edits = collected.get_or_insert_with(|| edits.take().into_iter().flatten().collect());
        relation.edit(Batch::new(env, env.store::<T>(), &[], field, Want::Keys), edits);
    }
}

/// Makes the lists missing of all to-many links of `T` that are this one.
pub(super) fn forget<C: Connection, T: Model<Connection = C>>(env: &Environment<C>, side: Side) {
    let store = env.store::<T>();
    for (field, info) in T::FIELDS.iter().enumerate() {
        if info.relation.is_none_or(|relation| relation.side() != side) {
            continue;
        }
        env.note_drop();
        store.forget_counts(field);
        if let Some(column) = store.columns.borrow_mut().column_mut(field) {
            column.remove_where(&mut |_, _| true);
        }
    }
}

/// Points the to-one links of members at an owner, or at nothing.
pub(crate) fn change_inverse<C, M, T>(
    batch: &Batch<'_, M>,
    link: usize,
    nullable: bool,
    members: &[u32],
    add: bool,
) -> Result<()>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    let (env, target) = (batch.env, batch.env.store::<T>());
    let (owner, members) = if add {
        // A member has one owner.
        let &[owner] = batch.slots else {
            return Err(Error::NotOne { model: M::NAME, count: batch.slots.len() });
        };
        (Link(owner), members.to_vec())
    } else {
        // Whoever is linked elsewhere is not taken away from there.
        let leads_here = |slot: &u32| {
            let leads_to = |to: &[u32]| to.iter().any(|owner| batch.slots.contains(owner));
            let mut here = false;
            target.with_column(link, |column| {
                column.hop(&mut std::iter::once(*slot), &mut |to| here = to.is_some_and(leads_to));
            });
            here
        };
        let mut linked = Vec::new();
        for members in members.chunks(super::flush::WINDOW) {
            if env.settings.max_age.is_some() {
                members.iter().for_each(|&member| target.expire(env, link, member));
            }
            prefetch::load_together(env, target, members, link)?;
            linked.extend(members.iter().copied().filter(leads_here));
        }
        (Link::NULL, linked)
    };
    if !add && !nullable && !members.is_empty() {
        return Err(Error::MissingValue { model: T::NAME, field: T::FIELDS[link].name });
    }
    super::with_column(env, target, link, &members, State::Written, |column, put| {
        if let Some(links) = column.cells_mut().downcast_mut() {
            put_links(links, |_| Some(&owner), put);
        }
    })
}

/// Notes that members come to the lists of owners, or go; the cached lists of both sides are changed at once.
pub(crate) fn change_pairs<C, M, T, Own: 'static, Other: 'static>(
    batch: &Batch<'_, M>,
    members: &[u32],
    add: bool,
) where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    let (env, field) = (batch.env, batch.field);
    let mut pairs = Vec::new();
    for &owner in batch.slots {
        if env.settings.max_age.is_some() {
            batch.store.expire(env, field, owner);
        }
        // What a cached list says need not be asked for again.
        let mut listed = None;
        batch.store.with_column(field, |column| {
            column.hop(&mut std::iter::once(owner), &mut |list| {
                listed = list.map(|list| Marks::of(list.iter().copied()));
            });
        });
        let is_so = |member: u32| listed.as_ref().is_some_and(|list| list.has(member) == add);
        pairs.extend(members.iter().filter(|&&member| !is_so(member)).map(|&member| (owner, member)));
    }
    if pairs.is_empty() {
        return;
    }
    super::pairs::note::<C, M, Own, Other>(env, field, &pairs, add);
    let side = Side::Pairs { own: TypeId::of::<Own>(), other: TypeId::of::<Other>() };
    let edits = pairs.iter().map(|&(owner, member)| Edit { owner: Some(owner), member, add });
    edit_all::<C, M>(env, side, edits);
    let edits = pairs.iter().map(|&(owner, member)| Edit { owner: Some(member), member: owner, add });
    edit_all::<C, T>(env, side.reversed(), edits);
}

/// Changes the cached lists of one to-many link of `M`, whose members are records of `T`.
pub(crate) fn edit<C, M, T>(batch: &Batch<'_, M>, edits: &[Edit], by_key: bool)
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    let Batch { env, store, field, .. } = *batch;
    for edit in edits {
        match edit.owner {
            Some(owner) => store.forget_count(field, owner),
            None => store.forget_counts(field),
        }
    }
    let mut columns = store.columns.borrow_mut();
    let Some(column) = columns.column_mut(field) else { return };
    let Some(lists) = column.cells_mut().downcast_mut::<Column<List>>() else { return };
    if lists.count() == 0 {
        return;
    }
    let now = env.moment();
    if edits.iter().any(|edit| edit.owner.is_none()) {
        let anywhere = edits.iter().filter(|edit| edit.owner.is_none());
        remove_members(lists, &Marks::of(anywhere.map(|edit| edit.member)), now);
    }
    let mut edits: Vec<(u32, Edit)> = edits.iter().filter_map(|edit| Some((edit.owner?, *edit))).collect();
    // Stable: what happens to one list happens in the order in which it was asked for.
    edits.sort_by_key(|&(owner, _)| owner);
    let members = env.store::<T>();
    for edits in edits.chunk_by(|(a, _), (b, _)| a == b) {
        let owner = edits[0].0;
        let Some(list) = lists.get(owner) else { continue };
        let number = |member: u32| if by_key { members.number(member) } else { None };
        let list = if edits.len() <= FEW {
            edited_one_by_one(&list.0, edits.iter().map(|(_, edit)| edit), number)
        } else {
            let mut list = edited(&list.0, edits.iter().map(|(_, edit)| edit));
            if by_key {
                // What is no number, or too large a one, stays behind.
                list.sort_by_key(|&member| number(member).unwrap_or(i64::MAX));
            }
            list
        };
        lists.set(owner, now, List(list.into()));
    }
}

/// Changes of one list that are made one by one
const FEW: usize = 8;

/// A list after its changes: what is new stands where its number belongs, or at the end.
fn edited_one_by_one<'a>(
    list: &[u32],
    edits: impl Iterator<Item = &'a Edit>,
    number: impl Fn(u32) -> Option<i64>,
) -> Vec<u32> {
    let mut list = list.to_vec();
    for &Edit { member, add, .. } in edits {
        match (list.iter().position(|&other| other == member), add) {
            (None, true) => {
                let place = match number(member) {
                    Some(new) => {
                        list.partition_point(|&other| number(other).is_some_and(|other| other < new))
                    }
                    None => list.len(),
                };
                list.insert(place, member);
            }
            (Some(place), false) => {
                list.remove(place);
            }
            _ => {}
        }
    }
    list
}

/// The same for many changes at once: what is new stands at the end.
fn edited<'a>(list: &[u32], edits: impl DoubleEndedIterator<Item = &'a Edit> + Clone) -> Vec<u32> {
    // Of several changes of one member the last counts.
    let (mut decided, mut removed) = (Marks::new(0), Marks::new(0));
    for edit in edits.clone().rev() {
        if decided.mark(edit.member) && !edit.add {
            removed.mark(edit.member);
        }
    }
    let mut list: Vec<u32> = list.iter().copied().filter(|&member| !removed.has(member)).collect();
    let mut present = Marks::of(list.iter().copied());
    list.extend(edits.map(|edit| edit.member).filter(|&member| !removed.has(member) && present.mark(member)));
    list
}

/// Takes records out of all lists of a column.
pub(crate) fn remove_members(lists: &mut Column<List>, gone: &Marks, now: Moment) {
    let owners: Vec<u32> = lists.slots().collect();
    for owner in owners {
        let Some(list) = lists.get(owner).filter(|list| list.0.iter().any(|&member| gone.has(member))) else {
            continue;
        };
        let left = list.0.iter().copied().filter(|&member| !gone.has(member)).collect();
        lists.set(owner, now, List(left));
    }
}
