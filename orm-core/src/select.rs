//! Running a SELECT: its rows go straight into the columns of the cache.

use std::fmt;
use std::time::Instant;

use diesel::QueryResult;
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
pub(crate) type OnRow<'a, DB> = &'a mut dyn for<'v> FnMut(u32, Shown<'v, DB>) -> Result<(), BoxError>;

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
        self.run_with(env, store, query, &Layout::in_place(self.fields), on_row)
    }

    /// The same where the rows hold the key, and those of the fields that are there at all, elsewhere.
    pub(crate) fn run_with<C, M>(
        &self,
        env: &Environment<C>,
        store: &Store<M>,
        query: &dyn QueryFragment<C::Backend>,
        layout: &Layout,
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
            let rows = LoadConnection::load(&mut **connection, Fragment(query));
            let rows = rows.map_err(|error| self.fault::<M>(error))?;
            self.take(env, store, rows, layout, on_row, start)
        })
    }

    /// The same where it is the names of the columns that say where they are.
    pub(crate) fn run_by_name<C, M>(
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
            let rows = LoadConnection::load(&mut **connection, Fragment(query));
            let mut rows = rows.map_err(|error| self.fault::<M>(error))?;
            let first = rows.next();
            let layout = match &first {
                Some(Ok(row)) => Layout::by_name::<C, M, _>(self.fields, row)?,
                // There is nothing to be read.
                _ => Layout::in_place(&[]),
            };
            self.take(env, store, first.into_iter().chain(rows), &layout, on_row, start)
        })
    }

    #[cold]
    fn fault<M: Model>(&self, error: diesel::result::Error) -> Error {
        Error::database(M::NAME, self.reason.text(M::NAME), error)
    }

    /// Writes rows into the cache, as many as find room.
    fn take<'r, C, M, R>(
        &self,
        env: &Environment<C>,
        store: &Store<M>,
        mut rows: impl Iterator<Item = QueryResult<R>>,
        layout: &Layout,
        on_row: OnRow<'_, C::Backend>,
        start: Instant,
    ) -> Result<()>
    where
        C: Connection,
        M: Model<Connection = C>,
        R: Row<'r, C::Backend>,
    {
        // A batch by key has made room for itself. Of a search nobody knows how much it finds: it takes the room that
        // there is, then room is made for a row, for two, for four, so that one that finds little drops little.
        let limited = env.limits.any() && !layout.fields.is_empty();
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
            let held = layout.held(&*columns);
            // What does not find room is read later, when it is its turn.
            let mut writers = if keep { layout.writers(env, columns.each_mut()) } else { Vec::new() };
            let (before, taken) = (count, if keep { room } else { usize::MAX });
            let mut write = || {
                for row in rows.by_ref().take(taken) {
                    let row = row.map_err(|error| self.fault::<M>(error))?;
                    let slot = self.write(store, layout, &row, &mut writers, on_row)?;
                    if limited && keep {
                        store.add_resident(slot);
                    }
                    count += 1;
                }
                Ok(())
            };
            let written: Result<()> = write();
            drop(writers);
            // What came before a fault came, too.
            layout.note_brought(&mut *columns, held, self.owner);
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
    }

    #[inline]
    fn write<'r, C, M, R>(
        &self,
        store: &Store<M>,
        layout: &Layout,
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
        let key = value_at(layout.key)
            .map_or_else(|| Err("the row has no key".into()), |key| M::KeyCodec::read(key.value()));
        let key = key.map_err(|error| invalid::<M>(M::KEY_FIELD, "?".into(), &error))?;
        let slot = store.intern(key);
        let mut owner = None;
        for (writer, &(field, place)) in writers.iter_mut().zip(&layout.fields) {
            let written = match value_at(place) {
                Some(value) => writer.write(slot, value.value()),
                None => Err("the row has no such column".into()),
            };
            let linked = written
                .map_err(|error| invalid::<M>(M::FIELDS[field].name, store.key(slot).text(), &error))?;
            if self.owner == Some(place) {
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

/// Where a row holds what
pub(crate) struct Layout {
    pub(crate) key: usize,
    /// Each field, in the order of the columns of the cache, with its place
    pub(crate) fields: Vec<(usize, usize)>,
}

impl Layout {
    /// The key, then the fields
    pub(crate) fn in_place(fields: &[usize]) -> Self {
        Self { key: 0, fields: fields.iter().copied().zip(1..).collect() }
    }

    /// Those of the fields that are there, under the names of their columns
    fn by_name<'r, C, M, R>(fields: &[usize], row: &R) -> Result<Self>
    where
        C: Connection,
        M: Model<Connection = C>,
        R: Row<'r, C::Backend>,
    {
        let place = |column: &'static str| {
            let is_named =
                |&place: &usize| row.get(place).is_some_and(|value| value.field_name() == Some(column));
            let mut places = (0..row.field_count()).filter(is_named);
            let place = places.next();
            match places.next() {
                // Which of them is meant is not for us to guess.
                Some(_) => Err(Error::AmbiguousColumn { model: M::NAME, column }),
                None => Ok(place),
            }
        };
        let key = <M::KeyColumn as diesel::Column>::NAME;
        let key = place(key)?.ok_or(Error::MissingColumn { model: M::NAME, column: key })?;
        let places =
            fields.iter().map(|&field| Ok(place(M::FIELDS[field].column)?.map(|place| (field, place))));
        let fields = places.filter_map(Result::transpose).collect::<Result<_>>()?;
        Ok(Self { key, fields })
    }

    /// The writers of the fields, in their order
    fn writers<'a, C: Connection>(
        &self,
        env: &'a Environment<C>,
        columns: Vec<&'a mut dyn AnyColumn<C>>,
    ) -> Vec<Box<dyn CellWriter<C::Backend> + 'a>> {
        let now = env.moment();
        let is_wanted = |wanted: usize| self.fields.iter().any(|&(field, _)| field == wanted);
        let chosen = columns.into_iter().enumerate().filter(|&(field, _)| is_wanted(field));
        chosen.filter_map(|(_, column)| column.writer(env, now)).collect()
    }

    /// What the columns of the fields hold
    fn held<C: Connection>(&self, columns: &impl Columns<C>) -> Vec<Brought> {
        let column =
            |&(field, _): &(usize, _)| columns.column(field).map(AnyColumn::held).unwrap_or_default();
        self.fields.iter().map(column).collect()
    }

    /// Notes what has come on top of that, but for the column that says whose the members of a list are: it was needed.
    fn note_brought<C: Connection>(
        &self,
        columns: &mut impl Columns<C>,
        held: Vec<Brought>,
        owner: Option<usize>,
    ) {
        for (&(field, place), held) in self.fields.iter().zip(held) {
            if owner != Some(place)
                && let Some(column) = columns.column_mut(field)
            {
                column.note_brought(held);
            }
        }
    }
}

#[cold]
pub(crate) fn invalid<M: Model>(field: &'static str, id: Str, error: &BoxError) -> Error {
    Error::InvalidValue { model: M::NAME, field, id, message: Str::from(error.to_string()) }
}
