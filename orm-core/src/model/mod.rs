//! `Entity`: what the derive tells the runtime about a struct; `AnyModel`: the same, the struct forgotten.

mod embed;
mod erased;
mod fixed;
mod id;
mod key_columns;
mod link;
mod versioned;

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::SystemTime;

use diesel::associations::HasTable;
use diesel::query_builder::QueryFragment;
use diesel::{Expression, Table};

pub(crate) use erased::linked;
pub use erased::{AnyModel, KeyCondition, KeyReader, ModelOf, NewKeys, OtherModel, any, table_name};
pub(crate) use fixed::Constant;
pub use fixed::{Fix, FixNull, Fixed, FixedBy, NotFixed};
pub(crate) use id::PlainKey;
pub use id::{Id, IntoKey};
pub use key_columns::{
    HoldsKey, HoldsKeys, OneColumn, SameColumns, holds_key, holds_keys, one_column, several_columns,
};
pub use link::{ToManyLink, ToOneLink};
pub use versioned::{HasNoVersion, HasVersion, VersionOf, VersionType, VersionedBy};

use crate::backend::{Connection, System};
use crate::codec::{Decode, Encode, KeyCodec};
use crate::key::Key;
use crate::number::{FieldId, ModelId};
use crate::store::{AnyColumn, Joining};

/// The diesel backend of a model's connection
pub(crate) type DbOf<M> = <<M as Entity>::Connection as diesel::Connection>::Backend;

/// What `#[derive(Model)]` tells of a struct: names, types and columns, as data
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "this needs `#[derive(Model)]`",
    note = "derive it: `use orm_core::Model; #[derive(Model)] struct {Self} {{ id: i32, … }}`"
)]
pub trait Entity: Sized + 'static {
    /// The diesel connection that the model's rows come through
    type Connection: Connection;
    /// The primary key's type; text keys are [`Str`](crate::Str), a key of several columns is a tuple
    type Key: Key;
    /// How the key is bound and read
    #[doc(hidden)]
    type KeyCodec: KeyCodec<DbOf<Self>, Key = Self::Key>;
    /// diesel's table
    type Table: Table + HasTable<Table = Self::Table> + QueryFragment<DbOf<Self>>;
    /// diesel's primary key column, or the tuple of them
    type KeyColumn: Expression + Default;

    /// The struct's name
    const NAME: &'static str;
    /// The primary key field's name; several with commas between
    const KEY_FIELD: &'static str;
    /// The names of the primary key's columns
    #[doc(hidden)]
    const KEY_COLUMNS: &'static [&'static str];
    /// All other fields, and those of a key of several columns
    #[doc(hidden)]
    const FIELDS: &'static [FieldInfo<Self::Connection>];
    /// The field that counts the writes of each row
    #[doc(hidden)]
    const VERSION: Option<usize>;
    /// The model that counts the writes of the table's rows, if it is not this one
    #[doc(hidden)]
    fn versioned_by() -> OtherModel<Self::Connection> {
        None
    }
    /// Nobody looks at how many rows a write found.
    #[doc(hidden)]
    const UNCHECKED: bool = false;

    /// Which rows searches by `env.all`, lists and what is worked out over them keep to
    #[doc(hidden)]
    const SCOPE: Option<Filter<Self::Connection>> = None;

    /// What validates new and changed records, whose type is known above
    #[doc(hidden)]
    const VALIDATOR: Option<&'static (dyn Any + Send + Sync)> = None;

    /// The model's number in this process
    #[doc(hidden)]
    fn number() -> &'static ModelNumber;

    /// The tables that a view shows, as SQL names them
    #[doc(hidden)]
    fn view_of(system: &System) -> Vec<String> {
        let _ = system;
        Vec::new()
    }
}

/// What is known of one field besides its type
pub struct FieldInfo<C: Connection> {
    /// The field's name in the struct
    pub name: &'static str,
    /// The names of its columns: one, several of a link to a key of several, none of a to-many link
    pub columns: &'static [&'static str],
    /// With which others it is loaded
    pub prefetch: Prefetch,
    /// Makes the field's column of the cache.
    pub cells: fn() -> Box<dyn AnyColumn>,
    /// How its values are read; `None` where there is no column
    pub decode: Option<&'static dyn Decode<C>>,
    /// How its values are written; `None` where there is no column, or its type can only be read
    pub encode: Option<&'static dyn Encode<C>>,
    /// Whether it may be NULL
    pub is_nullable: bool,
    /// Whether the database makes its value anew whenever the row is written
    pub is_made: bool,
    /// Where it leads to, if it is a link
    pub link: Option<LinkInfo<C>>,
    /// Whether it says when the row was written
    pub stamp: Option<Timestamp>,
    /// How it is computed, if it is a column whose values follow from others
    pub stored: Option<StoredField>,
    /// Of what is computed, the fields that are all that its function's searches depend on of their models, if it says so
    pub depends_on: Option<DependsOn<C>>,
}

/// How a column is computed whose values follow from others
#[derive(Clone, Copy)]
pub struct StoredField {
    /// What it follows from besides the record's own columns: the names of links and, last, of a field, as they were checked when the
    /// model was compiled
    pub depends: &'static [&'static [&'static str]],
    /// What computes it, whose type is known above
    pub compute: &'static (dyn Any + Send + Sync),
}

impl fmt::Debug for StoredField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredField").field("depends", &self.depends).finish_non_exhaustive()
    }
}

/// Gives fields, by their models and their places there.
pub type DependsOn<C> = fn() -> Vec<(&'static dyn AnyModel<C>, FieldId)>;

/// What is put into a field that says when the row was written
#[derive(Debug, Clone, Copy)]
pub struct Timestamp {
    /// Whether it says when it was last written, and not when it was created
    pub is_updated: bool,
    /// The value that a cell holds at a time
    pub value: fn(SystemTime) -> Box<dyn Any>,
}

/// What can be made of the time of the application's clock
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of the clock's time by itself",
    label = "this is no `From<SystemTime>`",
    note = "name a function that makes it: `#[model(created_at = f)]`, where `fn f(now: SystemTime) -> {Self}`"
)]
pub trait OfClock {
    #[doc(hidden)]
    fn of_clock(now: SystemTime) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: From<SystemTime>> OfClock for T {
    fn of_clock(now: SystemTime) -> Self {
        Self::from(now)
    }
}

impl<C: Connection> FieldInfo<C> {
    /// Whether rows hold it: it is no to-many link, and nothing that is computed
    pub(crate) fn is_column(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether its cells hold lists: it is a to-many link, or the other side of a unique to-one link
    pub(crate) fn is_list(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| matches!(link.kind, LinkKind::Inverse { .. } | LinkKind::Through { .. }))
    }

    /// Whether it is a list of one member at most: the other side of a unique to-one link
    pub(crate) fn is_one(&self) -> bool {
        self.link.as_ref().is_some_and(|link| matches!(link.kind, LinkKind::Inverse { is_one: true, .. }))
    }
}

impl<C: Connection> fmt::Debug for FieldInfo<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldInfo")
            .field("name", &self.name)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Where a link leads to, and by what
pub struct LinkInfo<C: Connection> {
    /// The model that it leads to
    pub target: &'static dyn AnyModel<C>,
    /// By what it leads there
    pub kind: LinkKind<C>,
}

impl<C: Connection> LinkInfo<C> {
    /// Which of the members, and in what order
    pub(crate) fn clauses(&self) -> Clauses<C> {
        match self.kind {
            LinkKind::ToOne | LinkKind::Computed { .. } => Clauses::NONE,
            LinkKind::Inverse { clauses, .. } | LinkKind::Through { clauses, .. } => clauses,
        }
    }

    /// The conditions that members are to fulfil: the link's own, and the scope of their model
    pub(crate) fn filters(&self) -> impl Iterator<Item = Filter<C>> + use<C> {
        let Clauses { filter, is_unscoped, .. } = self.clauses();
        let is_scoped = !is_unscoped && !matches!(self.kind, LinkKind::ToOne);
        is_scoped.then(|| self.target.scope()).flatten().into_iter().chain(filter)
    }

    /// How its lists are put right where a record comes or goes
    pub(crate) fn joining(&self) -> Joining {
        match self.clauses() {
            Clauses { limit: Some(_), .. } => Joining::Limited,
            Clauses { .. } if self.filters().next().is_some() => Joining::Unknown,
            Clauses { order: Some(_), .. } => Joining::Anywhere,
            Clauses { .. } => Joining::ByKey,
        }
    }
}

/// Which of the records that a to-many link leads to are members, and in what order
pub struct Clauses<C: Connection> {
    /// The order of the members, if it is one of the link's own
    pub order: Option<Order<C>>,
    /// Which of the records are members, if not all are
    pub filter: Option<Filter<C>>,
    /// What the filter says of columns, if it may say no more than that these hold constants
    pub fixed: Option<FixedBy<C>>,
    /// How many members there are at most, the first in that order
    pub limit: Option<u32>,
    /// Whether the scope of their model does not count
    pub is_unscoped: bool,
}

impl<C: Connection> Clauses<C> {
    /// Whoever is linked, in the order of the keys
    pub const NONE: Self = Self { order: None, filter: None, fixed: None, limit: None, is_unscoped: false };
}

impl<C: Connection> Clone for Clauses<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Connection> Copy for Clauses<C> {}

impl<C: Connection> fmt::Debug for Clauses<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clauses").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// By what a link leads to its model
pub enum LinkKind<C: Connection> {
    /// By its own columns
    ToOne,
    /// By what a function computes for each record
    Computed {
        /// What computes it, whose type is known above
        by: &'static (dyn Any + Send + Sync),
    },
    /// By a to-one link of the members
    Inverse {
        /// The members' field
        field: fn() -> FieldId,
        /// Which of the records are members, and in what order
        clauses: Clauses<C>,
        /// Whether there is one member at most
        is_one: bool,
    },
    /// By a join table
    Through {
        /// The join table, as SQL names it
        table: fn(&System) -> String,
        /// Whether its two columns are its primary key, as far as diesel knows
        is_key: fn() -> bool,
        /// Its columns that say whose list it is
        own: &'static [&'static str],
        /// Its columns that say who is a member
        other: &'static [&'static str],
        /// Whether a pair counts in either direction
        is_symmetric: bool,
        /// Which of the records are members, and in what order
        clauses: Clauses<C>,
    },
}

impl<C: Connection> fmt::Debug for LinkInfo<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkInfo").field("target", &self.target).field("kind", &self.kind).finish()
    }
}

impl<C: Connection> fmt::Debug for LinkKind<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToOne => "ToOne",
            Self::Computed { .. } => "Computed",
            Self::Inverse { .. } => "Inverse",
            Self::Through { .. } => "Through",
        })
    }
}

/// An order of a to-many link's members, made anew for each statement
pub type Order<C> = fn() -> Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>;

/// A condition for being a member of a to-many link, made anew for each statement
pub type Filter<C> = fn() -> Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>;

/// With which other columns a field is loaded
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefetch {
    /// With every other column that says so: the default
    Always,
    /// Alone, when it is itself read: `#[model(deferred)]`
    Deferred,
    /// With the columns of the same group: `#[model(group = "…")]`
    Group(&'static str),
    /// Not a column: a to-many link, or computed
    Never,
}

impl Prefetch {
    /// Whether a field of this kind is loaded when field `asked` is read, which is of kind `other`.
    pub(crate) fn comes_with(self, other: Self, same: bool) -> bool {
        same || matches!((self, other), (Self::Always, Self::Always))
            || matches!((self, other), (Self::Group(a), Self::Group(b)) if a == b)
    }
}

/// The numbers of fields
pub(crate) fn field_ids<T>(
    fields: &[T],
) -> impl DoubleEndedIterator<Item = FieldId> + ExactSizeIterator + Clone + use<T> {
    (0..fields.len()).map(FieldId)
}

/// Fields with their numbers
pub(crate) fn numbered<T>(fields: &[T]) -> impl Iterator<Item = (FieldId, &T)> {
    fields.iter().enumerate().map(|(number, field)| (FieldId(number), field))
}

/// The number of the first field for which `is_it` says so
pub(crate) fn field_id<T>(fields: &[T], is_it: impl FnMut(&T) -> bool) -> Option<FieldId> {
    fields.iter().position(is_it).map(FieldId)
}

/// The fields that come with every search
pub(crate) fn always_of<C: Connection>(
    fields: &'static [FieldInfo<C>],
) -> impl Iterator<Item = FieldId> + Clone {
    field_ids(fields).filter(|&field| fields[field.0].prefetch == Prefetch::Always)
}

/// The fields that come with every search
pub(crate) fn always<M: Entity>() -> impl Iterator<Item = FieldId> + Clone {
    always_of(M::FIELDS)
}

/// A model's number: dense, so that an environment finds what it knows of it by index. Given at first use.
#[derive(Debug)]
pub struct ModelNumber(AtomicUsize, AtomicU8);

impl ModelNumber {
    /// Not yet given
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(usize::MAX), AtomicU8::new(0))
    }

    #[inline]
    pub(crate) fn get(&self) -> ModelId {
        match self.0.load(Ordering::Relaxed) {
            usize::MAX => self.assign(),
            number => ModelId(number),
        }
    }

    /// Whether something is so that is the same in the whole process: looked at once
    pub(crate) fn once(&self, is_so: impl FnOnce() -> bool) -> bool {
        match self.1.load(Ordering::Relaxed) {
            0 => {
                let is_so = is_so();
                self.1.store(1 + u8::from(is_so), Ordering::Relaxed);
                is_so
            }
            known => known == 2,
        }
    }

    #[cold]
    fn assign(&self) -> ModelId {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.0.compare_exchange(usize::MAX, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => ModelId(fresh),
            Err(given) => ModelId(given),
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
    /// Marks a link to the one record of `M`, if any, whose unique to-one link points back here; takes no space
    OneToOne;
    /// Marks a link to many records of `M` through a table of pairs; takes no space
    ManyToMany;
    /// Marks a field that a function computes from the record; takes no space
    Computed;
}
