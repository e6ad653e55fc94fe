//! New records: many rows in one INSERT, what was given in the cache.

use diesel::connection::LoadConnection;
use diesel::result::Error::DeserializationError;
use diesel::row::{Field as _, Row};

use super::delete::{forget_what_went_along, leave_lists};
use super::refused::name_row;
use super::rows::{Action, Keys, Rows, Shape, Shapes, Target};
use super::statement::{FirstInserted, Insert};
use super::update::Assigned;
use super::window::fitting_bytes;
use super::{duplicate, links, made, put, refused, stored, validate, version};
use crate::backend::{Begin, Connection, Dialect as _};
use crate::codec::encode::{Given, State, put_links};
use crate::env::stores::Store;
use crate::env::trace::Statement;
use crate::error::Doing;
use crate::model::field_ids;
use crate::number::FieldId;
use crate::store::{self, Change, List, Slot, Slots};
use crate::{Environment, Error, Result};

/// Inserts rows, all or none of them; gives their slots, in order, but for those of rows that were there already and stay as they are.
pub(crate) fn create<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: Rows<'_, C>,
) -> Result<Vec<Slot>> {
    all.values.iter().try_for_each(|values| values.check())?;
    if let Some(Action::Set(changes)) = all.conflict.as_ref().map(|conflict| &conflict.action) {
        let unwritten = |error| Error::database(store.name(), "making an INSERT", error);
        Assigned::of(store, &env.text_of(*changes).map_err(unwritten)?)?;
    }
    if let Some(conflict) = all.conflict.as_ref().filter(|_| !env.system().has_on_conflict) {
        duplicate::check(store, conflict)?;
    }
    all.stamped(store, |all| create_stamped(env, store, all))
}

fn create_stamped<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
) -> Result<Vec<Slot>> {
    let shapes = all.by_shape(store);
    made::foresee(env, store, all, &shapes)?;
    create_shapes(env, store, all, &shapes).or_else(|error| {
        // What gives the keys is looked for where the server has not told it: it is no table that numbers its rows.
        if made::is_foreseen_now(env, store, &error)? {
            create_shapes(env, store, all, &shapes)
        } else {
            Err(error)
        }
    })
}

fn create_shapes<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
    shapes: &Shapes,
) -> Result<Vec<Slot>> {
    let takes = |(shape, places): (&Shape, &Vec<usize>)| places.len().div_ceil(shape.window(store));
    if validate::validates(store) || shapes.iter().map(takes).sum::<usize>() > 1 {
        // Also where an open transaction goes on after the second INSERT was refused.
        env.run_transaction(&Begin::default(), || insert_shapes(env, store, all, shapes))
    } else if all.values.len() == 1
        && !stored::follows_from(store, Change::Come)
        && (env.system().has_returning
            || (all.conflict.is_none()
                && shapes.keys().all(|shape| shape.keys == Keys::Given)
                && !made::may_alter_key(store, all)))
    {
        env.writing_one(|| insert_shapes(env, store, all, shapes)).map_err(|error| unread(store, error))
    } else {
        // Whose key is asked for afterwards is there only if that is known.
        env.writing(|| insert_shapes(env, store, all, shapes))
    }
}

/// Says of a row whose key came and could not be read that it is there: nothing that could be undone stands around its INSERT.
#[cold]
fn unread<C: Connection>(store: Store<'_, C>, error: Error) -> Error {
    match error {
        Error::Database { model, error, table, .. } if matches!(*error, DeserializationError(_)) => {
            let doing = format!("reading the key of a new {}, whose row is there now", store.name());
            Error::Database { model, doing: doing.as_str().into(), error, table }
        }
        Error::InvalidValue { model, field, id, message } if field == store.model().key_field() => {
            let message = format!("{message}; the row was created and is there now");
            Error::InvalidValue { model, field, id, message: message.as_str().into() }
        }
        other => other,
    }
}

/// Inserts rows, all or none of them where they are validated; gives their slots, in order.
pub(crate) fn insert<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: Rows<'_, C>,
) -> Result<Vec<Slot>> {
    all.stamped(store, |all| {
        let shapes = all.by_shape(store);
        made::foresee(env, store, all, &shapes)?;
        if validate::validates(store) {
            env.run_transaction(&Begin::default(), || insert_shapes(env, store, all, &shapes))
        } else {
            insert_shapes(env, store, all, &shapes)
        }
    })
}

fn insert_shapes<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    all: &Rows<'_, C>,
    shapes: &Shapes,
) -> Result<Vec<Slot>> {
    if let Some(link) = &all.link {
        env.refuse_stored(store, store.column_of(link.field))?;
        all.values.iter().try_for_each(|values| link.check(env, store, *values))?;
    }
    // A value that is unique may have been freed, or the row of an upsert be written, by what still waits.
    if store.has_dirty() {
        env.flushed()?;
    }
    env.flush_shown(store.table_number())?;
    let mut slots = vec![Slot::NULL; all.values.len()];
    for (shape, places) in shapes {
        let window = shape.window(store);
        let mut rest = &places[..];
        while !rest.is_empty() {
            let rows = rest.iter().take(window).map(|&place| all.values[place]);
            let (places, others) =
                rest.split_at(fitting_bytes(rows.map(|row| Rows::weight(store, shape, row))));
            rest = others;
            let rows: Vec<_> = places.iter().map(|&place| all.values[place]).collect();
            let known = store.slots();
            let made = made::keys(env, store, all, shape, rows.len())?;
            let insert = Insert::new(store, all, shape, &rows, rows.len() == window, made.as_deref());
            one_value_a_column(&insert)?;
            before_upsert(env, &insert)?;
            let new = insert_window(env, &insert, made.as_deref())
                .map_err(|error| name_row(env, &insert, places, error))?;
            // That a row could be inserted proves that what was known of one with this key is over; that it could be inserted or
            // updated, that it may be.
            let is_new =
                all.conflict.as_ref().is_none_or(|conflict| matches!(conflict.action, Action::Nothing));
            forget_predecessors(env, store, &again(&new, known), is_new);
            if all.conflict.is_none() && shape.keys == Keys::Made {
                no_members(env, store, new.iter().copied().filter(|&slot| slot.index() >= known));
            }
            match all.conflict.as_ref().map(|conflict| &conflict.action) {
                None | Some(Action::Write) => remember(env, store, &insert, &new)?,
                // What the rows hold is not what was given.
                Some(Action::Set(_) | Action::Nothing) => forget_written(env, store, &new),
            }
            places.iter().zip(&new).for_each(|(&place, &slot)| slots[place] = slot);
        }
    }
    env.forget_shown(store.table_store());
    // Of rows that were there already nothing has come back.
    let are_all = all.conflict.as_ref().is_none_or(|conflict| !matches!(conflict.action, Action::Nothing));
    slots.retain(|&slot| slot != Slot::NULL);
    feed(env, store, all, &slots);
    validate::new(env, store, &slots, are_all)?;
    Ok(slots)
}

/// Notes what follows from new rows, or from those that were there and are other ones now.
fn feed<C: Connection>(env: &Environment<C>, store: Store<'_, C>, all: &Rows<'_, C>, slots: &[Slot]) {
    env.feed(store, Change::Come, slots);
    if all.conflict.as_ref().is_some_and(|conflict| !matches!(conflict.action, Action::Nothing)) {
        let columns: Vec<&'static str> =
            store.fields().iter().flat_map(|info| info.columns).copied().collect();
        env.feed(store, Change::Written(&columns), slots);
    }
}

/// Before rows are written that may be there: whose values follow from them now, by the links that are written.
fn before_upsert<C: Connection>(env: &Environment<C>, insert: &Insert<'_, C>) -> Result<()> {
    let (store, all) = (insert.store, insert.all);
    let Some(conflict) = all.conflict.as_ref().filter(|conflict| !matches!(conflict.action, Action::Nothing))
    else {
        return Ok(());
    };
    let links = env.links_followed(store);
    let is_given = |name: &&str| {
        let mut given = insert.shape.fields.iter().flat_map(|&field| store.field(field).columns);
        matches!(conflict.action, Action::Set(_)) || given.any(|column| column == name)
    };
    if !links.iter().any(is_given) {
        return Ok(());
    }
    let slots = match conflict.target {
        Target::Columns(columns, _) => refused::rows_with(env, insert, columns)?,
        Target::Constraint(_) => None,
    };
    match slots {
        Some(slots) => stored::before(env, store, Change::Written(&links), &slots),
        None => Err(Error::other(format!(
            "stored fields follow from where {} leads by `{}`: say the fields of the unique key by which a row may be there, and give a \
             value for each",
            store.name(),
            links.join("`, `")
        ))),
    }
}

/// Two fields of a model may be one column: only one of them can be given.
fn one_value_a_column<C: Connection>(insert: &Insert<'_, C>) -> Result<()> {
    let mut seen = Vec::new();
    for column in insert.columns() {
        if seen.contains(&column) {
            return Err(Error::other(format!(
                "two of the values for a new {} are for the column `{column}`; give one of them",
                insert.store.name()
            )));
        }
        seen.push(column);
    }
    Ok(())
}

/// Those of the slots of rows that were there before these rows were
fn again(slots: &[Slot], known: usize) -> Slots {
    slots.iter().copied().filter(|&slot| (slot.index()) < known).collect()
}

/// Makes missing what is cached of rows that were there before with keys that new rows have now, or may have.
fn forget_predecessors<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &Slots,
    is_new: bool,
) {
    // Those that are known not to be there were forgotten when that was found out.
    let gone: Slots = slots.iter().copied().filter(|&slot| !store.is_absent(slot)).collect();
    if gone.is_empty() {
        return;
    }
    env.note_drop();
    if let Some(version) = store.version() {
        version::forget(store.table(), version, &gone.iter().copied().collect::<Vec<_>>());
    }
    let table = store.table_number();
    if is_new && env.pairs.is_empty() {
        leave_lists(env, table, &gone, false);
    } else {
        // It may be a member still; or a pair that waits may have made it one before it was there: whoever wants the list asks when
        // that was sent.
        env.tables().for_each(|other| other.forget_lists_of(table, &gone));
    }
    if is_new {
        // Whatever led to the one that was there has gone along with it, or leads nowhere.
        forget_what_went_along(env, table, &gone, &Slots::default());
    } else {
        store.forget_records(&gone);
    }
}

/// One INSERT; gives the slots of its rows, in order.
fn insert_window<C: Connection>(
    env: &Environment<C>,
    insert: &Insert<'_, C>,
    made: Option<&[Slot]>,
) -> Result<Vec<Slot>> {
    let store = insert.store;
    let told = || format!("creating {} {}", insert.rows.len(), store.name());
    let doing = Doing { model: store.name(), table: store.sql(), text: &told };
    if insert.returning {
        let slots = env.run_returning(store, doing, insert)?;
        let may_be_fewer =
            insert.all.conflict.as_ref().is_some_and(|conflict| matches!(conflict.action, Action::Nothing));
        return if may_be_fewer || slots.len() == insert.rows.len() {
            Ok(slots)
        } else {
            let version = match store.version().filter(|_| insert.all.conflict.is_some()) {
                Some(_) => ", or the version of one is the largest that its type holds",
                None => "",
            };
            let rows = slots.len();
            Err(Error::other(format!("{doing} gave {rows} rows: a trigger has kept the others out{version}")))
        };
    }
    if let Some(conflict) = &insert.all.conflict {
        return duplicate::write(env, insert, conflict, doing);
    }
    if insert.needs_reset() {
        first_inserted(env, store.name())?;
    }
    env.run(doing, insert)?;
    let given = || insert.rows.iter().map(|values| values.slot(store)).collect();
    if let Some(made) = made {
        return made::are_there(env, store, made).map(|()| made.to_vec());
    }
    match insert.shape.keys {
        Keys::Given => {
            let slots: Option<Vec<Slot>> = given();
            made::are_as_given(env, store, slots.as_deref().unwrap_or_default())?;
            slots
        }
        Keys::Zero(_) => numbered(env, store, 1)?.or_else(given),
        Keys::Made => match insert.all.slots_by_link(env, store, insert.shape, insert.rows) {
            Some(slots) => {
                made::are_as_given(env, store, &slots)?;
                Some(slots)
            }
            None => numbered(env, store, insert.rows.len())?,
        },
    }
    .ok_or_else(|| made::unknown(env, store))
}

/// The slots of the keys that the database gave to the rows of the last INSERT, by number; `None` if it has numbered none
fn numbered<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    rows: usize,
) -> Result<Option<Vec<Slot>>> {
    let (first, step) = first_inserted(env, store.name())?;
    let slot = |row: usize| store.intern_number(i64::try_from(first + row * step).ok()?);
    Ok(if first == 0 { None } else { (0..rows).map(slot).collect() })
}

/// Makes missing what is cached of rows that are new, or were written, nobody knows how.
fn forget_written<C: Connection>(env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) {
    env.note_drop();
    let table = store.table_store();
    table.columns().for_each(|column| links::forget_lists_by(env, table, column));
    if let Some(version) = store.version() {
        version::forget(store.table(), version, slots);
    }
    slots.iter().for_each(|&slot| store.forget_record(slot));
    if !store.are_keys_numbers() {
        // A collation may take other keys for those of the new rows.
        store.forget_absent();
    }
    store.note_rows();
    store.note_new_rows();
}

/// Puts what was given for new records into the cache.
fn remember<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    insert: &Insert<'_, C>,
    slots: &[Slot],
) -> Result<()> {
    if store.are_keys_numbers() {
        store.set_present(slots.iter().copied());
    } else {
        // A collation may take other keys for those of the new rows.
        store.forget_absent();
    }
    store.note_rows();
    store.note_new_rows();
    let is_upsert = insert.all.conflict.is_some();
    let state = if is_upsert { State::Stored } else { State::New };
    for &field in &insert.shape.fields {
        let encode = put::encode_of(store, field)?;
        let target = env.stores.target(store.field(field));
        let given = |row: usize| insert.rows[row].given(field);
        if is_upsert && is_of_key(store, field) {
            // The row that was there keeps its key, which a collation may take for the one that was given.
            store.forget_cells(store.column_of(field), slots);
            continue;
        }
        put::with_column(env, store, field, slots, state, |cells, put| match insert.all.link_of(field) {
            Some(link) => put_links(cells, |_| Some(store::Link(link.owner)), put, |_| false),
            None => encode.put(cells, target, Given::Each(&given), put),
        })?;
        if is_upsert && store.field(field).stamp.is_some_and(|stamp| !stamp.is_updated) {
            // A row that was there was created when it was.
            store.forget_cells(store.column_of(field), slots);
        }
    }
    let left = field_ids(store.fields()).filter(|field| !insert.shape.fields.contains(field));
    left.for_each(|field| links::left_to_default(env, store, field));
    if is_upsert {
        // A row that was there has another version now, and members of its own.
        if let Some(version) = store.version() {
            version::forget(store.table(), version, slots);
            slots.iter().for_each(|&slot| store.forget_record(slot));
        }
        return Ok(());
    }
    if insert.returning && insert.shape.keys == Keys::Given {
        let rows = insert.rows.iter().zip(slots);
        let others = rows.filter(|&(values, &slot)| values.slot(store) != Some(slot));
        let others: Vec<Slot> = others.map(|(_, &slot)| slot).collect();
        let of_key = field_ids(store.fields()).filter(|&field| is_of_key(store, field));
        of_key.for_each(|field| store.forget_cells(store.column_of(field), &others));
    }
    version::first(env, store, slots);
    Ok(())
}

/// Whether a field shows a column of the primary key
fn is_of_key<C: Connection>(store: Store<'_, C>, field: FieldId) -> bool {
    store.field(field).columns.iter().any(|column| store.model().key_columns().contains(column))
}

/// Nothing can link to a record whose key nobody knew before, but those that were created with it, which join its lists
/// when their links are cached. Of a key that was given, or that a link had already, that cannot be said.
fn no_members<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: impl Iterator<Item = Slot> + Clone,
) {
    let (none, now) = (List([].into()), env.moment());
    for column in store.columns() {
        store.fill_lists(column, now, slots.clone().map(|slot| (slot, none.clone())));
    }
}

/// The number of the first row of the last INSERT, and by how much each further one is larger
fn first_inserted<C: Connection>(env: &Environment<C>, model: &'static str) -> Result<(usize, usize)> {
    let doing = Doing { model, table: "", text: &|| format!("asking for the keys of new {model}") };
    let fault = |error| doing.fault(error);
    env.note_statement(&FirstInserted);
    let told = Statement { kind: "select", model, reason: &"the keys of new rows", keys: None };
    env.traced(&told, &FirstInserted, |row_count| {
        env.giving_up_broken(|| {
            let mut connection = env.connection()?;
            let mut rows = LoadConnection::load(&mut **connection, FirstInserted).map_err(fault)?;
            let row = rows.next().ok_or_else(|| fault(diesel::result::Error::NotFound))?.map_err(fault)?;
            row_count.set(1);
            let number = |index: usize| {
                let value = row.get(index);
                C::Backend::read_count(value.as_ref().and_then(|value| value.value()))
                    .map_err(|error| fault(diesel::result::Error::DeserializationError(error)))
            };
            Ok((number(0)?, number(1)?))
        })
    })
}
