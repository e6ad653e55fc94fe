//! What every setter and `write` comes to: cells are changed, and noted as dirty.

use std::any::Any;
use std::time::{Duration, SystemTime};

use super::links;
use crate::backend::Connection;
use crate::codec::Encode;
use crate::codec::encode::{Given, Moved, Put, State};
use crate::env::stores::{Store, TableStore};
use crate::number::FieldId;
use crate::store::{AnyColumn, ColumnId, Slot};
use crate::{Environment, Error, Result};

/// Puts a value into a field of records: what every setter and `write` comes to.
pub(crate) fn put<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    value: &dyn Any,
) -> Result<()> {
    let info = store.field(field);
    let Some(encode) = info.encode else { return Err(cannot_be_written(store, info.name)) };
    let target = env.stores.target(info);
    with_column(env, store, field, slots, State::Written, |cells, put| {
        encode.put(cells, target, Given::Same(value), put);
    })
}

/// What the application's clock says, to the microsecond: databases keep no more.
pub(super) fn now() -> SystemTime {
    let now = SystemTime::now();
    let beyond = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos() % 1000);
    now.checked_sub(Duration::from_nanos(beyond.into())).unwrap_or(now)
}

/// Puts the time into the fields of records that wait to be written which say when that was; but where another one was set.
pub(super) fn stamp<C: Connection>(
    env: &Environment<C>,
    table: TableStore<'_, C>,
    now: SystemTime,
) -> Result<()> {
    for store in env.stores.models().filter(|store| store.table_number() == table.number()) {
        for (field, stamp) in store.stamps().filter(|(_, stamp)| stamp.is_updated) {
            let column = store.column_of(field);
            let is_set = |slot: &Slot| {
                store
                    .twins(column)
                    .into_iter()
                    .chain([column])
                    .any(|own| store.table().column(own).is_dirty(*slot))
            };
            let waiting = table.dirty_by_columns().into_values().flatten();
            let slots: Vec<Slot> = waiting.filter(|slot| !is_set(slot)).collect();
            let (encode, value) = (encode_of(store, field)?, (stamp.value)(now));
            change_cells(env, store, field, &slots, &store.twins(column), State::Written, |cells, put| {
                encode.put(cells, None, Given::Same(&*value), put);
            })?;
        }
    }
    Ok(())
}

/// How a field is written. The setters of a type that cannot be written do not compile, so there is a way.
pub(super) fn encode_of<C: Connection>(
    store: Store<'_, C>,
    field: FieldId,
) -> Result<&'static dyn Encode<C>> {
    let info = store.field(field);
    info.encode.ok_or_else(|| cannot_be_written(store, info.name))
}

#[cold]
fn cannot_be_written<C: Connection>(store: Store<'_, C>, field: &str) -> Error {
    Error::other(format!("{}.{field} can only be read", store.name()))
}

/// Makes way for a write: what has to be sent before it is, what cannot be written is refused. Returns the column's other forms.
fn before_write<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
) -> Result<Vec<ColumnId>> {
    let column = store.column_of(field);
    if store.version() == Some(column) {
        return Err(Error::other(format!(
            "{}.{} counts the writes of each row: it is not set",
            store.name(),
            store.field_name(field)
        )));
    }
    env.refuse_stored(store, column)?;
    // The row may be a pair that waits: it is there before it is changed.
    let may_be_a_pair = env.pairs.any(|join| env.stores.shows_join(store.table_number(), join));
    // Of two forms of one column the last one written counts.
    let is_dirty = |&twin: &ColumnId| slots.iter().any(|&slot| store.table().column(twin).is_dirty(slot));
    let twins = store.twins(column);
    if may_be_a_pair || twins.iter().any(is_dirty) {
        env.flushed()?;
        // What is called then may use a model for the first time.
        return Ok(store.twins(column));
    }
    Ok(twins)
}

/// Changes cells of a column, and notes of the records whose value is another one now what has to be noted.
pub(super) fn with_column<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    state: State,
    change: impl FnOnce(&dyn AnyColumn, Put<'_>),
) -> Result<()> {
    let twins = match state {
        State::Written => before_write(env, store, field, slots)?,
        State::New | State::Stored => store.twins(store.column_of(field)),
    };
    change_cells(env, store, field, slots, &twins, state, change)
}

/// The same where the way was made before
fn change_cells<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    twins: &[ColumnId],
    state: State,
    change: impl FnOnce(&dyn AnyColumn, Put<'_>),
) -> Result<()> {
    let (column, version) = (store.column_of(field), store.version());
    if env.settings.max_age.is_some() {
        // What is too old to be read is too old to be compared with, or to say that there is no row.
        slots.iter().for_each(|&slot| env.expire(store, field, slot));
    }
    store.none_is_gone(slots)?;
    // Of one record, which is what most setters are called for, no list is made.
    let (mut is_changed, mut some, mut moved) = (false, Vec::new(), Vec::new());
    let mut note = |slot: Slot| {
        store.note_dirty(slot);
        is_changed = true;
        if slots.len() > 1 {
            some.push(slot);
        }
    };
    let put = Put {
        system: env.system(),
        slots,
        state,
        now: env.moment(),
        changed: &mut note,
        moved: Some(&mut moved),
    };
    change(store.table().column(column), put);
    let changed = if is_changed && slots.len() == 1 { slots } else { &some };
    if store.has_unreadable() {
        slots.iter().for_each(|&slot| store.forget_unreadable_cell(column, slot));
    }
    if state == State::Written && is_changed && store.model().validator().is_some() {
        store.table().note_written_by(store.number(), changed);
    }
    if let Some(version) = version {
        // What the write was based on must not be read anew before it is sent.
        changed.iter().for_each(|&slot| store.table().column(version).pin(slot));
    }
    let of_another_form = if state == State::Written { changed } else { slots };
    // What is new joins a list, by its link.
    if state != State::New {
        store.note_written(column, of_another_form);
    }
    for &twin in twins {
        of_another_form.iter().for_each(|&slot| {
            store.table().column(twin).remove(slot);
        });
        store.note_written(twin, of_another_form);
        if !of_another_form.is_empty() {
            links::forget_lists_by(env, store.table_store(), twin);
        }
    }
    // What the database makes of the row is another value now, or was made of what was given.
    let made = store.table_store().made_columns();
    if is_changed {
        let own = std::iter::once(column).chain(version);
        store.note_columns(own.chain(twins.iter().copied()).chain(made.iter().copied()));
    }
    links::forget_made(env, store.table_store(), &made, of_another_form);
    if env.limits.any() {
        slots.iter().for_each(|&slot| store.add_resident(slot));
    }
    if !moved.is_empty() {
        links::moved(env, store, field, &moved);
        let is_altered = |moved: &Moved| !store.column(field).has(moved.slot);
        if state != State::Written && moved.iter().any(is_altered) {
            links::forget_lists_by(env, store.table_store(), column);
        }
    }
    if is_changed {
        env.forget_shown(store.table_store());
        if !env.stores.stored.is_putting() {
            env.feed_column(store, column, changed);
        }
    }
    Ok(())
}
