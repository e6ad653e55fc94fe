//! Running a SELECT: its rows go straight into the columns of the cache.

use std::fmt;
use std::time::Instant;

use diesel::connection::LoadConnection;
use diesel::query_builder::QueryFragment;
use diesel::row::{Field as _, Row};

use crate::backend::Connection;
use crate::cache::{AnyColumn, Brought, CellWriter, Store, make_room};
use crate::fragment::Fragment;
use crate::key::{Key, KeyCodec};
use crate::model::{Columns, Model};
use crate::{Environment, Error, Result, Str};

/// Rows that are read between two looks at the limits, at most
const CHUNK: usize = 256;

/// Why a SELECT is run, for errors and traces
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reason<'a> {
    Search,
    /// A field was read, or asked for by hand
    Prefetch(&'a str),
    /// The members of a to-many link were read
    Relation(&'a str),
    /// The members of a to-many link were counted
    Count(&'a str),
}

impl Reason<'_> {
    pub(crate) fn text(self, model: &str) -> String {
        match self {
            Self::Search => format!("searching {model}"),
            Self::Prefetch(field) => format!("reading {model}.{field}"),
            Self::Relation(field) => format!("reading {field}"),
            Self::Count(field) => format!("counting {field}"),
        }
    }
}

/// As traces tell it
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search => f.write_str("search"),
            Self::Prefetch(field) => write!(f, "prefetch of {field}"),
            Self::Relation(field) => write!(f, "relation {field}"),
            Self::Count(field) => write!(f, "count of {field}"),
        }
    }
}

/// The event of a SELECT that has run
pub(crate) fn trace(model: &'static str, reason: Reason<'_>, keys: usize, rows: usize, start: Instant) {
    let micros = start.elapsed().as_micros() as u64;
    tracing::debug!(model, %reason, keys, rows, micros, "select");
}

/// A SELECT whose rows are a key of `M`, some of its fields, and what the caller wants besides
pub(crate) struct Select<'a> {
    /// The fields that follow the key
    pub(crate) fields: &'a [usize],
    pub(crate) reason: Reason<'a>,
    /// How many keys were asked for
    pub(crate) keys: usize,
    /// Records besides those of the rows that need place in a limited cache
    pub(crate) reserve: usize,
    /// The place in the row of the value that is shown for each row
    pub(crate) owner: Option<usize>,
}

/// What a row says besides the model's own fields
pub(crate) enum Shown<'v, DB: diesel::backend::Backend> {
    /// The value of a to-one link, read already
    Slot(u32),
    Value(Option<DB::RawValue<'v>>),
}

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Takes the slot of a row, and what stands at `owner`.
type OnRow<'a, DB> = &'a mut dyn for<'v> FnMut(u32, Shown<'v, DB>) -> Result<(), BoxError>;

impl Select<'_> {
    /// Runs a query, writes its rows into the cache and calls with each row's slot.
    pub(crate) fn run<C, M>(
        &self,
        env: &Environment<C>,
        store: &Store<M>,
        query: &dyn QueryFragment<C::Backend>,
        on_row: OnRow<'_, C::Backend>,
    ) -> Result<()>
    where
        C: Connection,
        M: Model<Connection = C>,
    {
        env.giving_up_broken(|| {
            let start = Instant::now();
            let mut connection = env.connection()?;
            env.before_select(query);
            let fault = |error| Error::database(M::NAME, self.reason.text(M::NAME), error);
            let mut rows = LoadConnection::load(&mut **connection, Fragment(query)).map_err(fault)?;
            // A batch by key has made room for itself. Of a search nobody knows how much it finds: it takes the room
            // that there is, then room is made for a row, for two, for four, so that one that finds little drops little.
            let limited = env.limits.any() && !self.fields.is_empty();
            let unforeseen = limited && !matches!(self.reason, Reason::Prefetch(_));
            let (mut count, mut wanted) = (0, 1);
            loop {
                let room = if unforeseen {
                    make_room(env, wanted + self.reserve, env.turn()).saturating_sub(self.reserve).min(CHUNK)
                } else {
                    usize::MAX
                };
                let keep = room > 0;
                let mut columns = store.columns.borrow_mut();
                let held = self.held(&*columns);
                // What does not find room is read later, when it is its turn.
                let mut writers = if keep { self.writers(env, columns.each_mut()) } else { Vec::new() };
                let (before, taken) = (count, if keep { room } else { usize::MAX });
                let written: Result<()> = rows.by_ref().take(taken).try_for_each(|row| {
                    let slot = self.write(store, &row.map_err(fault)?, &mut writers, on_row)?;
                    if limited && keep {
                        store.add_resident(slot);
                    }
                    count += 1;
                    Ok(())
                });
                drop(writers);
                self.note_brought(&mut *columns, held);
                written?;
                if count - before < taken {
                    break;
                }
                wanted = (2 * wanted).min(CHUNK);
            }
            // What is read from now on was used after this SELECT.
            env.tick();
            trace(M::NAME, self.reason, self.keys, count, start);
            Ok(())
        })
    }

    /// What the columns of this SELECT's fields hold
    fn held<C: Connection>(&self, columns: &impl Columns<C>) -> Vec<Brought> {
        let column = |&field: &usize| columns.column(field).map(AnyColumn::held).unwrap_or_default();
        self.fields.iter().map(column).collect()
    }

    /// Notes what has come on top of that, but for the column that says whose the members of a list are: it was needed.
    fn note_brought<C: Connection>(&self, columns: &mut impl Columns<C>, held: Vec<Brought>) {
        for (index, (&field, held)) in self.fields.iter().zip(held).enumerate() {
            if self.owner != Some(index + 1)
                && let Some(column) = columns.column_mut(field)
            {
                column.note_brought(held);
            }
        }
    }

    /// The writers of this SELECT's fields, in its order
    fn writers<'a, C: Connection>(
        &self,
        env: &'a Environment<C>,
        columns: Vec<&'a mut dyn AnyColumn<C>>,
    ) -> Vec<Box<dyn CellWriter<C::Backend> + 'a>> {
        let now = env.moment();
        // `fields` is in the order of the columns.
        let chosen = columns.into_iter().enumerate().filter(|(field, _)| self.fields.contains(field));
        chosen.filter_map(|(_, column)| column.writer(env, now)).collect()
    }

    #[inline]
    fn write<'r, C, M, R>(
        &self,
        store: &Store<M>,
        row: &R,
        writers: &mut [Box<dyn CellWriter<C::Backend> + '_>],
        on_row: OnRow<'_, C::Backend>,
    ) -> Result<u32>
    where
        C: Connection,
        M: Model<Connection = C>,
        R: Row<'r, C::Backend>,
    {
        let value_at = |index: usize| row.get(index);
        let key = value_at(0)
            .map_or_else(|| Err("the row has no key".into()), |key| M::KeyCodec::read(key.value()));
        let key = key.map_err(|error| invalid::<M>(M::KEY_FIELD, "?".into(), &error))?;
        let slot = store.intern(key);
        let mut owner = None;
        for (index, writer) in writers.iter_mut().enumerate() {
            let written = match value_at(index + 1) {
                Some(value) => writer.write(slot, value.value()),
                None => Err("the row has no such column".into()),
            };
            let linked = written.map_err(|error| {
                let field = self.fields.get(index).map_or("?", |&field| M::FIELDS[field].name);
                invalid::<M>(field, store.key(slot).text(), &error)
            })?;
            if self.owner == Some(index + 1) {
                owner = linked.map(Shown::Slot);
            }
        }
        // Nobody wrote it: it stands behind the fields, or the fields found no room.
        let value = if owner.is_none() { self.owner.and_then(value_at) } else { None };
        let shown = owner.unwrap_or_else(|| Shown::Value(value.as_ref().and_then(|value| value.value())));
        on_row(slot, shown).map_err(|error| {
            let error = diesel::result::Error::DeserializationError(error);
            Error::database(M::NAME, self.reason.text(M::NAME), error)
        })?;
        Ok(slot)
    }
}

#[cold]
pub(crate) fn invalid<M: Model>(field: &'static str, id: Str, error: &BoxError) -> Error {
    Error::InvalidValue { model: M::NAME, field, id, message: Str::from(error.to_string()) }
}
