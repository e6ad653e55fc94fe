//! Which fields a query brings, where it is not all of them.

use crate::model::field_ids;
use crate::number::FieldId;
use crate::records::Model;
use crate::records::field::{Field, StoredKind};

/// A field of `M`, or a tuple of up to twelve: what [`records_with_fields`](crate::RecordQuery::records_with_fields) takes
///
/// A tuple may hold tuples, so that more than twelve can be named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no fields of `{M}`",
    label = "no field of `{M}`, nor a tuple of its fields",
    note = "name fields of the model that is searched, as in `(Partner::NAME, Partner::COUNTRY_ID)`"
)]
pub trait Fields<M: Model> {
    /// Calls with the place of each field.
    #[doc(hidden)]
    fn each(self, take: &mut dyn FnMut(FieldId));
}

impl<M: Model, T, K: StoredKind> Fields<M> for Field<M, T, K> {
    fn each(self, take: &mut dyn FnMut(FieldId)) {
        take(self.index());
    }
}

macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<M: Model, $first: Fields<M>, $($rest: Fields<M>),*> Fields<M> for ($first, $($rest,)*) {
            #[allow(non_snake_case)]
            fn each(self, take: &mut dyn FnMut(FieldId)) {
                let ($first, $($rest,)*) = self;
                $first.each(take);
                $($rest.each(take);)*
            }
        }
        tuples!($($rest)*);
    };
    () => {};
}
tuples!(A B C D E F G H I J K L);

/// The columns of fields; none of to-many links
pub(crate) fn columns_of<M: Model>(fields: impl Fields<M>) -> Vec<&'static str> {
    let mut columns = Vec::new();
    fields.each(&mut |field| {
        columns.extend_from_slice(M::FIELDS.get(field.0).map_or(M::KEY_COLUMNS, |field| field.columns));
    });
    columns
}

/// What a search brings besides the keys
pub(crate) struct Chosen {
    /// In the order of the model's fields
    pub(crate) columns: Vec<FieldId>,
    /// To-many links, whose lists are read next
    pub(crate) lists: Vec<FieldId>,
}

impl Chosen {
    pub(crate) fn of<M: Model>(fields: impl Fields<M>) -> Self {
        let mut wanted = vec![false; M::FIELDS.len()];
        fields.each(&mut |field| {
            // The primary key is no column of the cache, and comes with every row.
            if let Some(wanted) = wanted.get_mut(field.0) {
                *wanted = true;
            }
        });
        // What comes without its version could not be written with care.
        if let Some(version) = M::VERSION {
            wanted[version] = true;
        }
        let wanted = field_ids(M::FIELDS).filter(|&field| wanted[field.0]);
        let (lists, columns) = wanted.partition(|&field| M::FIELDS[field.0].is_list());
        Self { columns, lists }
    }
}
