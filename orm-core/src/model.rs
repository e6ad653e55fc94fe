//! `Model`: what the derive tells the runtime about a struct.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::Table;
use diesel::associations::HasTable;
use diesel::query_builder::QueryFragment;

use crate::backend::Connection;
use crate::cache::AnyColumn;
use crate::cardinality::Cardinality;
use crate::key::{Key, KeyCodec};
use crate::relation::Relation;
use crate::write::pen::Pen;
use crate::write::values::ValueSet;
use crate::{Record, Result};

/// The diesel backend of a model's connection
pub(crate) type DbOf<M> = <<M as Model>::Connection as diesel::Connection>::Backend;

/// A struct whose records can be found, read and written through an [`Environment`](crate::Environment)
///
/// Made by `#[derive(Model)]`; nobody writes it by hand. What it holds is data: names, types and the columns of
/// the cache. All behaviour is in the runtime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "this needs `#[derive(Model)]`",
    note = "derive it: `use orm_core::Model; #[derive(Model)] struct {Self} {{ id: i32, … }}`"
)]
pub trait Model: Sized + 'static {
    /// The diesel connection that the model's rows come through
    type Connection: Connection;
    /// The primary key's type; text keys are [`Str`](crate::Str)
    type Key: Key;
    /// How the key is bound and read
    #[doc(hidden)]
    type KeyCodec: KeyCodec<DbOf<Self>, Key = Self::Key>;
    /// diesel's table
    type Table: Table + HasTable<Table = Self::Table> + QueryFragment<DbOf<Self>>;
    /// diesel's primary key column
    type KeyColumn: diesel::Column<Table = Self::Table> + Default;
    /// The cache's columns, one per field
    #[doc(hidden)]
    type Columns: Columns<Self::Connection>;
    /// The ways from a group along each link
    #[doc(hidden)]
    type Links<'env>: Default;
    /// The values to create or write records with; [`Values`](crate::Values) names it
    type Values: ValueSet<Model = Self>;
    /// The accessors, one per field
    #[doc(hidden)]
    type Accessors<'env, K: Cardinality>: crate::records::Accessors<'env, Self, K>;

    /// The struct's name
    const NAME: &'static str;
    /// The primary key field's name
    const KEY_FIELD: &'static str;
    /// All other fields, in the order of the columns
    #[doc(hidden)]
    const FIELDS: &'static [FieldInfo<Self>];
    /// The field that counts the writes of each row
    #[doc(hidden)]
    const VERSION: Option<usize>;

    /// The model's number in this process
    #[doc(hidden)]
    fn number() -> &'static ModelNumber;

    /// An owned copy of the record's stored columns
    #[doc(hidden)]
    #[track_caller]
    fn snapshot(record: &Record<'_, Self>) -> Result<Self>;

    /// Uses every field of the struct, so that none is called dead code
    #[doc(hidden)]
    fn touch(&self);
}

/// A model whose records are ordered, by their keys; made by `#[derive(Model)]`
///
/// A model with a field that is called as a method of [`Ord`] or [`PartialOrd`] is none: the method would hide the accessor.
#[diagnostic::on_unimplemented(
    message = "the records of `{Self}` have no order",
    note = "it has a field that is called as a method of `Ord` (`max`, `min`, `cmp` …): rename the field and keep the column by `#[model(column = …)]`, or compare `record.id()`"
)]
pub trait Ordered {}

/// What is known of one field besides its type
#[derive(Debug)]
pub struct FieldInfo<M: Model> {
    /// The field's name in the struct
    pub name: &'static str,
    /// The column's name; that of the relation where there is none
    pub column: &'static str,
    /// With which others it is loaded
    pub prefetch: Prefetch,
    /// How a to-many link is loaded
    pub relation: Option<&'static dyn Relation<M>>,
    /// How its values are written; `None` where there is no column, or its type can only be read
    pub pen: Option<&'static dyn Pen<M::Connection>>,
}

/// With which other columns a field is loaded
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefetch {
    /// With every other column that says so: the default
    Always,
    /// Alone, when it is itself read: `#[model(deferred)]`
    Deferred,
    /// With the columns of the same group: `#[model(group = "…")]`
    Group(&'static str),
    /// Not a column: a to-many link
    Never,
}

impl Prefetch {
    /// Whether a field of this kind is loaded when field `asked` is read, which is of kind `other`.
    pub(crate) fn comes_with(self, other: Self, same: bool) -> bool {
        same || matches!((self, other), (Self::Always, Self::Always))
            || matches!((self, other), (Self::Group(a), Self::Group(b)) if a == b)
    }
}

/// The set of a model's columns in the cache
pub trait Columns<C: Connection>: Default + Send + 'static {
    /// One column, by its place in [`Model::FIELDS`]
    fn column(&self, index: usize) -> Option<&dyn AnyColumn<C>>;
    /// One column, by its place in [`Model::FIELDS`]
    fn column_mut(&mut self, index: usize) -> Option<&mut dyn AnyColumn<C>>;
    /// The columns, in the order of [`Model::FIELDS`]
    fn each_mut(&mut self) -> Vec<&mut dyn AnyColumn<C>>;
    /// The columns, in the order of [`Model::FIELDS`]
    fn each(&self) -> Vec<&dyn AnyColumn<C>> {
        (0..).map_while(|index| self.column(index)).collect()
    }
}

/// A model's number: dense, so that an environment finds its stores by index. Given at first use.
#[derive(Debug)]
pub struct ModelNumber(AtomicUsize);

impl ModelNumber {
    /// Not yet given
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            usize::MAX => self.assign(),
            number => number,
        }
    }

    #[cold]
    fn assign(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.0.compare_exchange(usize::MAX, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh,
            Err(given) => given,
        }
    }
}

macro_rules! relation_markers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name<M>(PhantomData<fn() -> M>);

        impl<M> $name<M> {
            /// The marker, for building the struct by hand
            pub const fn new() -> Self {
                Self(PhantomData)
            }
        }
        impl<M> Default for $name<M> {
            fn default() -> Self {
                Self::new()
            }
        }
        impl<M> Clone for $name<M> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<M> Copy for $name<M> {}
        impl<M> PartialEq for $name<M> {
            fn eq(&self, _: &Self) -> bool {
                true
            }
        }
        impl<M> Eq for $name<M> {}
        impl<M> Hash for $name<M> {
            fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
        }
        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

relation_markers! {
    /// Marks a link to the many records of `M` whose to-one link points back here; takes no space
    OneToMany;
    /// Marks a link to many records of `M` through a table of pairs; takes no space
    ManyToMany;
    /// Marks a field that a function computes from the record; takes no space
    Computed;
}
