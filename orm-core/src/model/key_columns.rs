//! What generated code has compared while it is compiled: a model's key with diesel's, a link's columns with the key that it leads to.

use diesel::sql_types::is_nullable::NotNull;
use diesel::sql_types::{Nullable, SqlType};

use super::Entity;

/// A primary key of one column
#[diagnostic::on_unimplemented(
    message = "the primary key of this table has several columns",
    label = "this is only a part of the key",
    note = "mark all of them: `#[model(primary_key(order_id, number))]` on the struct; a model whose key is not the whole \
            key would take several rows for one"
)]
pub trait OneColumn {}
#[diagnostic::do_not_recommend]
impl<C: diesel::Column> OneColumn for C {}

/// Called by generated code, to compare a model's key with diesel's.
pub const fn one_column<K: OneColumn>() {}

/// A primary key of the columns of `K`
#[diagnostic::on_unimplemented(
    message = "the primary key of this table is another one",
    label = "diesel's `table!` names other columns",
    note = "name the columns of the key as the `table!` does, in the same order: `diesel::table! {{ lines (order_id, number) {{ … }} }}`"
)]
pub trait SameColumns<K> {}
#[diagnostic::do_not_recommend]
impl<K> SameColumns<K> for K {}

/// Called by generated code, to compare a model's key with diesel's.
pub const fn several_columns<P: SameColumns<K>, K>() {}

/// A column's SQL type that holds keys of the type `K`
#[diagnostic::on_unimplemented(
    message = "a link's column has the type of the key that it leads to, `{K}`; this one is `{Self}`",
    label = "the column is of another SQL type, or the link and the column are not both nullable",
    note = "an `Option<Id<…>>` is for a nullable column, an `Id<…>` for one that is NOT NULL; both have the SQL type of the other table's key"
)]
pub trait HoldsKey<K, const NULLABLE: bool> {}
#[diagnostic::do_not_recommend]
impl<ST> HoldsKey<ST, false> for ST {}
#[diagnostic::do_not_recommend]
impl<ST> HoldsKey<ST, true> for Nullable<ST> where ST: SqlType<IsNull = NotNull> {}

/// Called by generated code, to compare a link's column with the key that it leads to.
pub const fn holds_key<T: Entity, ST, const NULLABLE: bool>()
where
    ST: HoldsKey<<T::KeyColumn as diesel::Expression>::SqlType, NULLABLE>,
{
}

/// The SQL types of several columns that hold keys of the types `K`
#[diagnostic::on_unimplemented(
    message = "a link's columns have the types of the key that it leads to, `{K}`; these are `{Self}`",
    label = "the columns are of other SQL types, or the link and the columns are not both nullable",
    note = "`columns(…)` names as many columns as the other key has, in its order"
)]
pub trait HoldsKeys<K, const NULLABLE: bool> {}

macro_rules! holds_keys {
    ($($of:ident $key:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<$($of: HoldsKey<$key, NULLABLE>, $key,)* const NULLABLE: bool> HoldsKeys<($($key,)*), NULLABLE>
            for ($($of,)*)
        {
        }
    };
}
holds_keys!(A KA, B KB);
holds_keys!(A KA, B KB, C KC);
holds_keys!(A KA, B KB, C KC, D KD);

/// Called by generated code, to compare a link's columns with the key that it leads to.
pub const fn holds_keys<T: Entity, ST, const NULLABLE: bool>()
where
    ST: HoldsKeys<<T::KeyColumn as diesel::Expression>::SqlType, NULLABLE>,
{
}
