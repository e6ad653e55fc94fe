//! Reading the keys that a statement gives.

use diesel::connection::LoadConnection;
use diesel::query_builder::QueryFragment;
use diesel::row::{Field as _, Row};

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::stores::Store;
use crate::error::{BoxError, Doing};
use crate::fragment::Fragment;
use crate::model::{AnyModel, KeyReader};
use crate::store::Slot;
use crate::{Error, Result, Str};

/// The slots of the keys that a statement gives
pub(crate) fn read_slots<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    doing: Doing<'_>,
    query: &dyn QueryFragment<C::Backend>,
) -> Result<Vec<Slot>> {
    read_keys(env, store.model(), &mut *store.model().key_reader(store.table()), doing, query)
}

/// Reads the keys that a statement gives.
pub(crate) fn read_keys<C: Connection>(
    env: &Environment<C>,
    model: &'static dyn AnyModel<C>,
    key: &mut dyn KeyReader<C::Backend>,
    doing: Doing<'_>,
    query: &dyn QueryFragment<C::Backend>,
) -> Result<Vec<Slot>> {
    env.giving_up_broken(|| {
        let fault = |error| doing.fault(error);
        let mut connection = env.connection()?;
        let places: Vec<usize> = (0..model.key_columns().len()).collect();
        let rows = LoadConnection::load(&mut **connection, Fragment(query)).map_err(fault)?;
        rows.map(|row| {
            read_key(key, &places, &row.map_err(fault)?)
                .map_err(|error| invalid(model, model.key_field(), "?".into(), &error))
        })
        .collect()
    })
}

const NO_KEY: &str = "the row has no key";

#[inline(always)]
pub(crate) fn read_key<'r, DB, R>(
    key: &mut dyn KeyReader<DB>,
    places: &[usize],
    row: &R,
) -> Result<Slot, BoxError>
where
    DB: diesel::backend::Backend,
    R: Row<'r, DB>,
{
    if let &[at] = places {
        return match row.get(at) {
            Some(value) => key.read(value.value()),
            None => Err(NO_KEY.into()),
        };
    }
    let Some((&last, before)) = places.split_last() else { return Err(NO_KEY.into()) };
    for (part, &at) in before.iter().enumerate() {
        let value = row.get(at).ok_or(NO_KEY)?;
        key.part(part, value.value())?;
    }
    let value = row.get(last).ok_or(NO_KEY)?;
    key.read(value.value())
}

#[cold]
pub(crate) fn invalid<C: Connection>(
    model: &'static dyn AnyModel<C>,
    field: &'static str,
    id: Str,
    error: &BoxError,
) -> Error {
    Error::InvalidValue { model: model.name(), field, id, message: Str::from(error.to_string()) }
}
