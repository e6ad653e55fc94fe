//! Where the rows of a SELECT hold the key and the fields of a model.

use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::row::{Field as _, Row};

use crate::backend::Connection;
use crate::env::stores::Store;
use crate::fragment::separated;
use crate::model::{AnyModel, FieldInfo};
use crate::number::FieldId;
use crate::store::Brought;
use crate::{Error, Result};

/// Where a row holds what
#[derive(Debug, Default, Clone)]
pub struct Layout {
    pub(crate) key: Vec<usize>,
    pub(crate) fields: Vec<Place>,
}

/// Where a row holds a field
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) field: FieldId,
    /// The columns before the last one, of a field that has several
    pub(crate) before: Vec<usize>,
    pub(crate) last: usize,
}

impl Place {
    fn of(field: FieldId, mut places: Vec<usize>) -> Option<Self> {
        let last = places.pop()?;
        Some(Self { field, before: places, last })
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        self.before.iter().copied().chain([self.last]).collect()
    }
}

/// The columns of a SELECT, each once, and where the key and the fields are among them
#[derive(Debug)]
pub struct Selection {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) layout: Layout,
}

impl Selection {
    /// The key, then these fields
    pub(crate) fn of<C: Connection>(
        key: &'static [&'static str],
        infos: &'static [FieldInfo<C>],
        fields: &[FieldId],
    ) -> Self {
        let mut columns = key.to_vec();
        let mut place = |name: &'static str| {
            columns.iter().position(|&known| known == name).unwrap_or_else(|| {
                columns.push(name);
                columns.len() - 1
            })
        };
        let fields = fields
            .iter()
            .filter_map(|&field| {
                Place::of(field, infos[field.0].columns.iter().map(|&name| place(name)).collect())
            })
            .collect();
        Self { columns, layout: Layout { key: (0..key.len()).collect(), fields } }
    }

    /// The same of a model
    pub(crate) fn of_model<C: Connection>(model: &'static dyn AnyModel<C>, fields: &[FieldId]) -> Self {
        Self::of(model.key_columns(), model.fields(), fields)
    }

    /// Where a row of so many columns holds them, if it has others before them
    pub(crate) fn behind(&self, columns: usize) -> Layout {
        let before = columns.saturating_sub(self.columns.len());
        let moved = |places: &[usize]| places.iter().map(|&place| before + place).collect::<Vec<_>>();
        let Layout { key, fields } = &self.layout;
        let fields = fields.iter().filter_map(|place| Place::of(place.field, moved(&place.all()))).collect();
        Layout { key: moved(key), fields }
    }

    /// The columns, with commas between
    pub(crate) fn push<DB: diesel::backend::Backend>(
        &self,
        table: &str,
        out: &mut AstPass<'_, '_, DB>,
    ) -> QueryResult<()> {
        separated(out, &self.columns, |out, column| {
            out.push_sql(table);
            out.push_sql(".");
            out.push_identifier(column)
        })
    }
}

impl Layout {
    /// Those of the fields that are there, under the names of their columns
    pub(crate) fn by_name<'r, C, R>(
        model: &'static dyn AnyModel<C>,
        fields: &[FieldId],
        row: &R,
    ) -> Result<Self>
    where
        C: Connection,
        R: Row<'r, C::Backend>,
    {
        let place = |column: &'static str| {
            let is_named =
                |&place: &usize| row.get(place).is_some_and(|value| value.field_name() == Some(column));
            let mut places = (0..row.field_count()).filter(is_named);
            let place = places.next();
            match places.next() {
                // Which of them is meant is not for us to guess.
                Some(_) => Err(Error::AmbiguousColumn { model: model.name(), column }),
                None => Ok(place),
            }
        };
        let key = |&column: &&'static str| {
            place(column)?.ok_or(Error::MissingColumn { model: model.name(), column })
        };
        let key = model.key_columns().iter().map(key).collect::<Result<_>>()?;
        let mut found = Vec::new();
        for &field in fields {
            let places = model.fields()[field.0].columns.iter().map(|&column| place(column));
            found.extend(places.collect::<Result<Option<_>>>()?.and_then(|places| Place::of(field, places)));
        }
        Ok(Self { key, fields: found })
    }

    /// What the columns of the fields hold
    pub(crate) fn held<C: Connection>(&self, store: Store<'_, C>) -> Vec<Brought> {
        self.fields.iter().map(|place| store.column(place.field).held()).collect()
    }

    /// Notes what has come on top of that, but for the column that says whose the members of a list are: it was needed.
    pub(crate) fn note_brought<C: Connection>(
        &self,
        store: Store<'_, C>,
        held: Vec<Brought>,
        owner: Option<FieldId>,
    ) {
        for (place, held) in self.fields.iter().zip(held) {
            // Nor is the key one that nobody reads, where it stands for the row.
            let is_presence = store.field_name(place.field) == store.model().key_field();
            if owner != Some(place.field) && !is_presence {
                store.column(place.field).note_brought(held);
            }
        }
    }
}
