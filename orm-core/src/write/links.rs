//! Both sides of a link: a write on one puts the cached lists of the other right, without a query.

use crate::Environment;
use crate::backend::Connection;
use crate::codec::encode::Moved;
use crate::env::stores::{Lists, Side, Store, TableStore};
use crate::model::{FieldInfo, LinkInfo, LinkKind};
use crate::number::FieldId;
use crate::store::{ColumnId, Edit, Link, Slot, TableId};

/// Puts records, whose to-one link leads elsewhere now, into the lists of the records that it leads to.
pub(super) fn moved<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    moved: &[Moved],
) {
    let Some(side) = side_of(store, field) else { return };
    let now = env.moment().time;
    let edits = moved.iter().flat_map(|&Moved { slot, from, since, to }| {
        let is_change = from.is_some();
        let edit = |owner, add| Edit { owner, member: slot, add, is_change, since, is_pair: false };
        // One that was nobody's may be somebody's by now, unless that has just been learned.
        let was_nobodys = from == Some(Link::NULL) && since >= now;
        let removed = (!was_nobodys).then(|| edit(from.and_then(Link::target), false));
        let added = to.target().map(|owner| edit(Some(owner), true));
        [removed, added].into_iter().flatten()
    });
    let target = store.target(store.column_of(field));
    if let Some(target) = target {
        if is_unique(env, store, field, side, target) {
            let column = store.column_of(field);
            moved.iter().for_each(|&Moved { slot, from, .. }| store.note_given_up(column, slot, from));
        }
        edit_all(env, target, side, store.table_number(), edits);
    }
}

/// Whether a model says that a to-one link of no two records leads to the same: it has a `OneToOne` for it
fn is_unique<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    side: Side,
    target: TableId,
) -> bool {
    // The model that it leads to may not have been used yet.
    let promises = |info: &FieldInfo<C>| match &info.link {
        Some(LinkInfo { target, kind: LinkKind::Inverse { field: inverse, is_one: true, .. } }) => {
            target.number() == store.number() && inverse() == field
        }
        _ => false,
    };
    let linked = store.field(field).link.as_ref().map_or(&[][..], |link| link.target.fields());
    linked.iter().any(promises) || env.stores.lists(target, side).iter().any(|lists| lists.is_one)
}

/// The to-many links that are the other side of a to-one link
fn side_of<C: Connection>(store: Store<'_, C>, field: FieldId) -> Option<Side> {
    let info = store.field(field);
    let is_link = matches!(info.link.as_ref()?.kind, LinkKind::ToOne);
    is_link.then(|| Side::Inverse { table: store.table_number(), columns: info.columns })
}

/// Changes the lists of all to-many links of a table's records that are this one.
pub(super) fn edit_all<C: Connection>(
    env: &Environment<C>,
    table: TableId,
    side: Side,
    members: TableId,
    edits: impl Iterator<Item = Edit>,
) {
    let lists = env.stores.lists(table, side);
    if lists.is_empty() {
        return;
    }
    let (owners, members) = (env.stores.table(table), env.stores.table(members));
    let (edits, now): (Vec<Edit>, _) = (edits.collect(), env.moment());
    for Lists { column, joining, .. } in lists {
        owners.edit_lists(column, &edits, joining, members.table(), now);
    }
}

/// Makes the lists of the other side missing, if a default of the database has put new records into one of them.
pub(super) fn left_to_default<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: FieldId) {
    let (info, target) = (store.field(field), store.target(store.column_of(field)));
    // One that may be NULL is NULL, as good as always, unless the database makes it.
    let is_null = info.is_nullable && !info.is_made;
    if let (false, Some(side), Some(target)) = (is_null, side_of(store, field), target) {
        for Lists { column, .. } in env.stores.lists(target, side) {
            env.note_drop();
            env.stores.table(target).invalidate_column(column);
        }
    }
}

/// Makes what the database has made of written rows missing; a link among it leads to nobody knows whom by now.
pub(super) fn forget_made<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    made: &[ColumnId],
    slots: &[Slot],
) {
    if slots.is_empty() {
        return;
    }
    for &column in made {
        forget_lists_by(env, table, column);
        table.table().forget_cells(column, slots);
    }
}

/// Makes the lists of the other side missing, of a link that was written as a plain key.
pub(super) fn forget_lists_by<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    column: ColumnId,
) {
    let (_, info) = table.field_of(column);
    let Some(target) = table.target(column).filter(|_| !info.is_list()) else { return };
    let side = Side::Inverse { table: table.number(), columns: info.columns };
    for Lists { column: lists, .. } in env.stores.lists(target, side) {
        env.note_drop();
        env.stores.table(target).invalidate_column(lists);
    }
}
