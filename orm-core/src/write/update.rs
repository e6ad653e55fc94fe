//! An application's own assignments for records: expressions that the database works out.

use diesel::query_builder::QueryFragment;

use super::delete::{look, rows_of_one};
use super::flush::describe;
use super::links;
use super::statement::{Update, Which};
use super::{stored, validate, version};
use crate::backend::{Begin, Connection};
use crate::env::stores::{Store, is_sub_select};
use crate::error::Doing;
use crate::fragment::{items, outside};
use crate::store::{Change, ColumnId, Slot, Slots};
use crate::{Environment, Error, Result};

/// Assigns to the columns of records, all or none of them; what they hold then is missing.
pub(crate) fn update<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    changes: &dyn QueryFragment<C::Backend>,
) -> Result<()> {
    let unwritten = |error| Error::database(store.name(), "making an UPDATE", error);
    let text = env.text_of(changes).map_err(unwritten)?;
    if text.is_empty() {
        return Ok(());
    }
    let assigned = Assigned::of(store, &text)?;
    let mut seen = Slots::default();
    let mut slots: Vec<Slot> = slots.iter().copied().filter(|&slot| seen.insert(slot)).collect();
    store.sort_by_key(&mut slots);
    if slots.is_empty() {
        return Ok(());
    }
    let is_validated = validate::validates(store);
    let sent = || {
        // An expression reads what the rows hold.
        env.flushed()?;
        let columns = assigned.names(store);
        for &column in &assigned.0 {
            env.refuse_stored(store, column)?;
        }
        stored::before(env, store, Change::Written(&columns), &slots)?;
        send(env, store, &slots, changes, is_sub_select(&text))?;
        if stored::follows_from(store, Change::Written(&columns)) {
            // What a link leads to now has to be read.
            assigned.forget(env, store, &slots);
            env.feed(store, Change::Written(&columns), &slots);
        }
        if is_validated {
            assigned.forget(env, store, &slots);
            validate::changed(env, store, &slots)?;
        }
        Ok(())
    };
    let is_alone = !is_validated && !stored::follows_from(store, Change::Written(&assigned.names(store)));
    let updated = if slots.len() == 1 && is_alone {
        env.writing_one(sent)
    } else {
        // Also where an open transaction goes on after the second UPDATE was refused.
        env.run_transaction(&Begin::default(), sent)
    };
    assigned.forget(env, store, &slots);
    updated
}

/// The columns of a table that a changeset assigns to
pub(super) struct Assigned(Vec<ColumnId>);

impl Assigned {
    /// By the text of the assignments; an error if one is to a column by which records are told apart, or if that cannot be told
    pub(super) fn of<C: Connection>(store: Store<'_, C>, text: &str) -> Result<Self> {
        let mut names = Vec::new();
        for assignment in items(text) {
            match assigned(assignment) {
                Some(more) => names.extend(more),
                None => {
                    return Err(Error::other(format!(
                        "{}: it cannot be told which column is assigned to by `{assignment}`; write `column = expression`",
                        store.name()
                    )));
                }
            }
        }
        // A name of other letters may be the same column; if it is not, too much is read anew.
        let is_assigned = |column: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(column));
        let refused = |what: &str| {
            Error::other(format!(
                "{}: nothing can be assigned to {what}, by which records are told apart",
                store.name()
            ))
        };
        if store.model().key_columns().iter().any(&is_assigned) {
            return Err(refused("the primary key"));
        }
        let table = store.table_store();
        let shows = |column: ColumnId| table.field_of(column).1.columns.iter().any(&is_assigned);
        if store.version().is_some_and(shows) {
            return Err(refused("the version"));
        }
        Ok(Self(store.table().columns().filter(|&column| shows(column)).collect()))
    }

    /// The columns of the database
    fn names<C: Connection>(&self, store: Store<'_, C>) -> Vec<&'static str> {
        self.0.iter().flat_map(|&column| store.table_store().field_of(column).1.columns).copied().collect()
    }

    /// Makes missing what was assigned to, and the lists that follow from it.
    fn forget<C: Connection>(&self, env: &Environment<C>, store: Store<'_, C>, slots: &[Slot]) {
        let table = store.table_store();
        for &column in &self.0 {
            links::forget_lists_by(env, table, column);
            store.table().forget_cells(column, slots);
        }
        let made = table.made_columns();
        links::forget_made(env, table, &made, slots);
        store.note_columns(self.0.iter().copied().chain(made).chain(store.version()));
        env.note_drop();
        env.forget_shown(store.table_store());
    }
}

/// The columns that one assignment names: `name = …`, or several at once, `(name, name) = …`
fn assigned(assignment: &str) -> Option<Vec<&str>> {
    let equals = outside(assignment).find(|&(_, letter)| letter == '=')?.0;
    let target = assignment[..equals].trim();
    let names =
        target.strip_prefix('(').and_then(|list| list.strip_suffix(')')).map_or_else(|| vec![target], items);
    names.into_iter().map(column_name).collect()
}

/// A column's name without its table and without quotes
fn column_name(text: &str) -> Option<&str> {
    let last =
        outside(text).filter(|&(_, letter)| letter == '.').last().map_or(text, |(at, _)| &text[at + 1..]);
    let name = last.trim();
    let quoted = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
    let bare =
        || name.chars().all(|letter| letter.is_alphanumeric() || "_$".contains(letter)).then_some(name);
    quoted('"').or_else(|| quoted('`')).or_else(bare).filter(|name| !name.is_empty())
}

/// Sends the UPDATEs; an error if one of the rows is not there, or has another version than the one that was read.
fn send<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    changes: &dyn QueryFragment<C::Backend>,
    reads_other_rows: bool,
) -> Result<()> {
    env.forget_old_absences(store, slots);
    store.none_is_gone(slots)?;
    let versioned = env.stores.versioned(store.table_store());
    if reads_other_rows {
        // A second statement would read what the first one has written.
        let window = rows_of_one(store, usize::from(versioned.is_some()));
        if slots.len() > window {
            return Err(Error::other(format!(
                "{}: an assignment that reads other rows has to be one statement, which takes {window} records, not {}; write \
                 it as a statement of its own for `execute`",
                store.name(),
                slots.len()
            )));
        }
        if let Some((store, field)) = versioned {
            version::know(env, store, field, slots)?;
        }
    }
    let (known, others): (Vec<Slot>, Vec<Slot>) = match store.version() {
        // What was never read is compared with nothing.
        Some(version) => slots.iter().partition(|&&slot| store.table().column(version).has(slot)),
        None => (Vec::new(), slots.to_vec()),
    };
    if let Some((store, field)) = versioned {
        version::has_next(store, field, &known)?;
    }
    if env.system().has_returning || slots.len() == 1 {
        for slots in known.chunks(rows_of_one(store, 1)) {
            send_one(env, store, slots, changes, true)?;
        }
    } else {
        // Afterwards nobody could tell which of them had that version.
        look(env, store, &known, &[])?;
        known
            .chunks(rows_of_one(store, 0))
            .try_for_each(|slots| send_one(env, store, slots, changes, false))?;
    }
    others.chunks(rows_of_one(store, 0)).try_for_each(|slots| send_one(env, store, slots, changes, false))?;
    if let Some((store, field)) = versioned {
        version::next(env, store, field, &known);
    }
    Ok(())
}

fn send_one<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    changes: &dyn QueryFragment<C::Backend>,
    compares: bool,
) -> Result<()> {
    let doing = Doing {
        model: store.name(),
        table: store.sql(),
        text: &|| describe("updating", store.table_store(), &[], slots),
    };
    let rows = slots.len();
    let returning = compares && env.system().has_returning;
    let update = |which| Update { store, changes, which, rows, returning };
    let missed: Vec<Slot> = if returning {
        let found = env.run_returning(store, doing, &update(Which::of(env, store, slots, true)?))?;
        let found: Slots = found.into_iter().collect();
        slots.iter().copied().filter(|slot| !found.contains(slot)).collect()
    } else if env.run(doing, &update(Which::of(env, store, slots, compares)?))? < rows {
        slots.to_vec()
    } else {
        Vec::new()
    };
    if missed.is_empty() { Ok(()) } else { version::missed(env, store, &missed, compares) }
}
