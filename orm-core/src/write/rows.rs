//! Rows to be inserted, and which of them go into one INSERT.

use std::any::Any;
use std::cell::RefCell;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::put::now;
use super::window::WINDOW;
use crate::backend::Connection;
use crate::codec::Binds;
use crate::codec::encode::{Given, Put, State};
use crate::env::environment::Environment;
use crate::env::stores::Store;
use crate::model::{FieldInfo, LinkKind, Timestamp, field_ids};
use crate::number::FieldId;
use crate::store::{self, Column, Slot};
use crate::{Error, Result};

/// A set of values, its type forgotten
pub(crate) trait AnyValues<C: Connection> {
    fn given(&self, field: FieldId) -> Option<&dyn Any>;
    fn has_key(&self) -> bool;
    /// The key, if it is a whole number
    fn key_number(&self) -> Option<i64>;
    /// The slot of the key, if all of it is given
    fn slot(&self, store: Store<'_, C>) -> Option<Slot>;
    /// Whether the values could be given
    fn check(&self) -> Result<()>;
}

/// Rows to be inserted
pub(crate) struct Rows<'a, C: Connection> {
    pub(crate) values: &'a [&'a dyn AnyValues<C>],
    /// The owner of a list that all of them become members of
    pub(crate) link: Option<Link<C>>,
    /// What becomes of those that are there already; `None`: an error
    pub(crate) conflict: Option<Conflict<'a, C>>,
}

/// By what a row is there already, and what becomes of it
pub(crate) struct Conflict<'a, C: Connection> {
    pub(crate) target: Target<'a, C>,
    pub(crate) action: Action<'a, C>,
}

pub(crate) enum Target<'a, C: Connection> {
    /// The columns of a unique key, and of an index that has not all rows which it has
    Columns(&'a [&'static str], Option<&'a dyn QueryFragment<C::Backend>>),
    /// The name of a constraint
    Constraint(&'a str),
}

pub(crate) enum Action<'a, C: Connection> {
    /// It takes the values that were given.
    Write,
    /// These are assigned to it.
    Set(&'a dyn QueryFragment<C::Backend>),
    /// It stays as it is, and nobody is told of it.
    Nothing,
}

/// A link of new rows to the owner of a list
pub(crate) struct Link<C: Connection> {
    pub(super) field: FieldId,
    pub(super) owner: Slot,
    binds: Box<dyn Binds<C::Backend>>,
}

impl<C: Connection> Link<C> {
    /// The members' own link that makes a new record a member of a record's list; `None` for a join table
    pub(crate) fn to(store: Store<'_, C>, field: FieldId, owners: &[Slot]) -> Result<Option<Self>> {
        let Some(LinkKind::Inverse { field, .. }) = store.field(field).link.as_ref().map(|link| &link.kind)
        else {
            return Ok(None);
        };
        let &[owner] = owners else {
            return Err(Error::NotOne { model: store.name(), count: owners.len() });
        };
        Ok(Some(Self {
            field: field(),
            owner,
            binds: store.model().key_binds(store.table(), vec![Some(owner)]),
        }))
    }

    pub(crate) fn push<'b>(&'b self, part: usize, out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        self.binds.push(0, part, out)
    }

    /// An error if the values name another owner
    pub(super) fn check(
        &self,
        env: &Environment<C>,
        store: Store<'_, C>,
        values: &dyn AnyValues<C>,
    ) -> Result<()> {
        let info = store.field(self.field);
        if given_link(env, store, self.field, values).is_none_or(|owner| owner == self.owner) {
            return Ok(());
        }
        Err(Error::other(format!(
            "the values for a new {} of this list name another `{}`; leave it out",
            store.name(),
            info.name
        )))
    }
}

/// A value that a field gets where none is given
pub(crate) struct Otherwise {
    pub(super) field: FieldId,
    pub(super) value: Box<dyn Any>,
    /// The other fields that show the same columns
    twins: Vec<FieldId>,
}

impl Otherwise {
    pub(super) fn new<C: Connection>(store: Store<'_, C>, field: FieldId, value: Box<dyn Any>) -> Self {
        let shows =
            |info: &FieldInfo<C>| info.columns.iter().any(|own| store.field(field).columns.contains(own));
        let twins = field_ids(store.fields()).filter(|&other| other != field && shows(store.field(other)));
        Self { field, value, twins: twins.collect() }
    }
}

/// Values, and others for what is not among them
pub(crate) struct Completed<'a, C: Connection> {
    pub(crate) values: &'a dyn AnyValues<C>,
    pub(crate) otherwise: &'a [Otherwise],
}

impl<C: Connection> AnyValues<C> for Completed<'_, C> {
    fn given(&self, field: FieldId) -> Option<&dyn Any> {
        let values = self.values;
        let is_free = |other: &&Otherwise| {
            other.field == field && !other.twins.iter().any(|&twin| values.given(twin).is_some())
        };
        let otherwise = || self.otherwise.iter().find(is_free).map(|other| &*other.value);
        values.given(field).or_else(otherwise)
    }

    fn has_key(&self) -> bool {
        self.values.has_key()
    }

    fn key_number(&self) -> Option<i64> {
        self.values.key_number()
    }

    fn slot(&self, store: Store<'_, C>) -> Option<Slot> {
        self.values.slot(store)
    }

    fn check(&self) -> Result<()> {
        self.values.check()
    }
}

/// Where the link leads that is among the values for a new record; `None` if there is none
fn given_link<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    values: &dyn AnyValues<C>,
) -> Option<Slot> {
    let info = store.field(field);
    let (value, encode) = (values.given(field)?, info.encode?);
    let given = RefCell::new(Column::<store::Link>::default());
    let mut ignore = |_| {};
    let put = Put {
        system: env.system(),
        slots: &[Slot::at(0)],
        state: State::Stored,
        now: env.moment(),
        changed: &mut ignore,
        moved: None,
    };
    encode.put(&given, env.stores.target(info), Given::Same(value), put);
    given.borrow().get(Slot::at(0)).map(|link| link.0)
}

impl<'a, C: Connection> Rows<'a, C> {
    /// The same rows with what says when they are written: one moment for all of them
    pub(super) fn stamped<R>(self, store: Store<'_, C>, f: impl FnOnce(&Rows<'_, C>) -> R) -> R {
        let time = now();
        let now = |(field, stamp): (FieldId, Timestamp)| Otherwise::new(store, field, (stamp.value)(time));
        let otherwise: Vec<Otherwise> = store.stamps().map(now).collect();
        if otherwise.is_empty() {
            return f(&self);
        }
        let completed = |&values: &&'a dyn AnyValues<C>| Completed { values, otherwise: &otherwise };
        let all: Vec<_> = self.values.iter().map(completed).collect();
        let values: Vec<&dyn AnyValues<C>> = all.iter().map(|values| values as _).collect();
        f(&Rows { values: &values, link: self.link, conflict: self.conflict })
    }

    /// The slots of new records whose key is a link that is given: the key is that of the record which it leads to. `None` if they have
    /// no such link
    pub(super) fn slots_by_link(
        &self,
        env: &Environment<C>,
        store: Store<'_, C>,
        shape: &Shape,
        rows: &[&dyn AnyValues<C>],
    ) -> Option<Vec<Slot>> {
        let field = Self::key_link(store, shape)?;
        let target = env.stores.target(store.field(field))?;
        let slot = |values: &&dyn AnyValues<C>| {
            let owner = match self.link_of(field) {
                Some(link) => link.owner,
                None => given_link(env, store, field, *values)?,
            };
            store.intern_from(target, owner)
        };
        rows.iter().map(slot).collect()
    }

    /// The link that is the key, if it is given
    fn key_link(store: Store<'_, C>, shape: &Shape) -> Option<FieldId> {
        let is_key = |&field: &FieldId| {
            let info = store.field(field);
            info.columns == store.model().key_columns() && info.link.is_some()
        };
        shape.fields.iter().copied().find(is_key)
    }

    pub(super) fn has_key_link(store: Store<'_, C>, shape: &Shape) -> bool {
        Self::key_link(store, shape).is_some()
    }

    pub(crate) fn of(values: &'a [&'a dyn AnyValues<C>]) -> Self {
        Self { values, link: None, conflict: None }
    }

    /// The link of a field that all rows have
    pub(crate) fn link_of(&self, field: FieldId) -> Option<&Link<C>> {
        self.link.as_ref().filter(|link| link.field == field)
    }

    fn given_fields(
        &self,
        store: Store<'_, C>,
        values: &'a dyn AnyValues<C>,
    ) -> impl Iterator<Item = FieldId> + use<'_, 'a, C> {
        let fields = field_ids(store.fields());
        fields.filter(move |&field| self.link_of(field).is_some() || values.given(field).is_some())
    }

    /// What the values of a row have on the heap
    pub(super) fn weight(store: Store<'_, C>, shape: &Shape, values: &dyn AnyValues<C>) -> usize {
        let weight = |&field: &FieldId| Some(store.field(field).encode?.weight_of(values.given(field)?));
        shape.fields.iter().filter_map(weight).sum()
    }

    fn shape(&self, store: Store<'_, C>, values: &'a dyn AnyValues<C>) -> Shape {
        Shape {
            keys: if values.has_key() { Keys::Given } else { Keys::Made },
            with_key_column: values.given(store.key_field()).is_some(),
            fields: self.given_fields(store, values).collect(),
        }
    }

    fn has_shape(&self, store: Store<'_, C>, values: &'a dyn AnyValues<C>, shape: &Shape) -> bool {
        (shape.keys == Keys::Given) == values.has_key()
            && self.given_fields(store, values).eq(shape.fields.iter().copied())
    }

    /// The rows by the INSERT that they go into
    pub(super) fn by_shape(&self, store: Store<'_, C>) -> Shapes {
        let (mut shapes, mut zeros) = (Shapes::default(), Shapes::default());
        for (place, &values) in self.values.iter().enumerate() {
            // MySQL takes it for none where it numbers rows.
            if !store.system().has_returning && values.key_number() == Some(0) {
                zeros
                    .entry(Shape { keys: Keys::Zero(place), ..self.shape(store, values) })
                    .or_default()
                    .push(place);
                continue;
            }
            // Most rows are like the one before.
            match shapes.last_mut().filter(|(shape, _)| self.has_shape(store, values, shape)) {
                Some((_, places)) => places.push(place),
                None => shapes.entry(self.shape(store, values)).or_default().push(place),
            }
        }
        if !store.system().has_default {
            return shapes;
        }
        // `DEFAULT` stands where a row has no value of a field that others have.
        let mut merged = zeros;
        for keys in [Keys::Made, Keys::Given] {
            let alike = || shapes.iter().filter(|(shape, _)| shape.keys == keys);
            let is_given = |field: &FieldId| alike().any(|(shape, _)| shape.fields.contains(field));
            let fields = field_ids(store.fields()).filter(is_given).collect();
            let with_key_column = alike().any(|(shape, _)| shape.with_key_column);
            let mut places: Vec<usize> = alike().flat_map(|(_, places)| places.iter().copied()).collect();
            places.sort_unstable();
            if !places.is_empty() {
                merged.insert(Shape { keys, with_key_column, fields }, places);
            }
        }
        merged
    }
}

/// What is known of the keys of new rows
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keys {
    Given,
    /// The database makes them.
    Made,
    /// The key of the row in this place is 0, unless the database makes one where that is given
    Zero(usize),
}

/// Which columns the rows of one INSERT have
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) keys: Keys,
    /// Whether the key is no field like others: a key of one column is not
    pub(crate) with_key_column: bool,
    pub(crate) fields: Vec<FieldId>,
}

/// The places of the rows that go into one INSERT
pub(super) type Shapes = IndexMap<Shape, Vec<usize>, FixedState>;

impl Shape {
    /// How many rows one INSERT takes
    pub(super) fn window<C: Connection>(&self, store: Store<'_, C>) -> usize {
        let columns: usize = self.fields.iter().map(|&field| store.field(field).columns.len()).sum();
        let has_columns = self.with_key_column || columns > 0 || store.model().version().is_some();
        if has_columns || store.system().has_default {
            WINDOW.min(store.system().max_binds / (columns + 1))
        } else {
            // `DEFAULT VALUES`
            1
        }
    }
}
