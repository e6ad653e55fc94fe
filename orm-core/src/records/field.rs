//! `Field`: the typed key of a field, for every call that takes one.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::rc::Rc;

use crate::backend::Connection;
use crate::env::stores::Store;
use crate::env::watch::Place;
use crate::number::FieldId;
use crate::records::cardinality::Cardinality;
use crate::records::{Group, Handle, Model, Records, Way, handle};
use crate::store::{Column, Link, LinkCell, List, Slot};
use crate::write::stored::settle_cells;
use crate::{Environment, Id, ManyToMany, OneToMany, OneToOne, RecordSet, Result, ToMany};

/// What a field is; the third parameter of [`Field`], which nobody writes
pub trait Kind: fmt::Debug + 'static {
    /// What a cell of the field's column holds
    type Cell<T>: 'static
    where
        T: 'static;
    /// The way from a group along the field; `()` unless it is a link
    type Way<M: Model>: Copy;
    /// How the cells are reached; `()` of a primary key, which has none
    type Access<M: Model, T: 'static>: Copy;
}

/// A kind of field that the database holds; the values of all others are computed
#[diagnostic::on_unimplemented(
    message = "a computed field cannot be selected",
    note = "name the fields that it is computed from"
)]
pub trait StoredKind: Kind {}

impl StoredKind for Required {}
impl StoredKind for Nullable {}
impl StoredKind for PrimaryKey {}
impl<L: Model> StoredKind for Linked<L> {}
impl<L: Model> StoredKind for LinkedNullable<L> {}
impl<L: Model> StoredKind for LinkedMany<L> {}
impl<L: Model> StoredKind for LinkedOne<L> {}

/// A kind of field that has cells
pub trait CellKind: Kind {
    /// Whether a function makes the values that are not cached
    #[doc(hidden)]
    const IS_COMPUTED: bool = false;

    #[doc(hidden)]
    fn access<M: Model, T: 'static>(access: Self::Access<M, T>) -> AccessTo<M, Self::Cell<T>>;

    /// Sees to it that a value which is cached is one that stands.
    #[doc(hidden)]
    #[inline]
    fn stands<C: Connection>(
        env: &Environment<C>,
        store: Store<'_, C>,
        field: FieldId,
        slot: Slot,
    ) -> Result<()> {
        // Another struct may have it computed and stored.
        settle_cells(env, store, field, &[slot])
    }

    /// The value of a field that is not cached
    #[doc(hidden)]
    fn bring<M: Model, T: 'static>(
        group: &Rc<Group<'_, M>>,
        at: u32,
        slot: Slot,
        field: Field<M, T, Self>,
        place: Place,
    ) -> Result<Self::Cell<T>>
    where
        Self: Sized,
        Self::Cell<T>: Clone,
    {
        handle::load(group, at, slot, field, place)
    }

    /// Where a link that is not cached leads to, if that is worked out as soon as it is followed
    #[doc(hidden)]
    fn lead<M: Model, T: 'static>(
        group: &Rc<Group<'_, M>>,
        at: u32,
        slot: Slot,
        field: Field<M, T, Self>,
        place: Place,
    ) -> Option<Slot>
    where
        Self: Sized,
        Self::Cell<T>: LinkCell + Clone,
    {
        let _ = (group, at, slot, field, place);
        None
    }

    /// Brings the values of these records and of no others.
    #[doc(hidden)]
    fn prefetch<M: Model, T: 'static>(
        field: Field<M, T, Self>,
        records: &RecordSet<'_, M>,
        at: Place,
    ) -> Result<()>
    where
        Self: Sized,
        Self::Cell<T>: Clone,
    {
        records.load_field(field.index(), at)
    }
}

/// Where the cells of a field are among a model's columns; the second argument only names the lifetime
pub type AccessTo<M, V> =
    for<'a, 'env> fn(&'a <M as Model>::Columns<'env>, PhantomData<&'env ()>) -> &'env RefCell<Column<V>>;

/// A kind of link of `M`
pub trait LinkKind<M: Model>: CellKind {
    /// The model that the link leads to
    type Target: Model<Connection = M::Connection>;
    #[doc(hidden)]
    fn way(way: Self::Way<M>) -> WayTo<M, Self::Target>;
}

/// Where a model's groups keep the group behind one of their links; the second argument only names the lifetime
pub type WayTo<M, T> =
    for<'a, 'env> fn(&'a <M as Model>::Links<'env>, PhantomData<&'env ()>) -> &'a Way<'env, T>;

macro_rules! column_kinds {
    ($($(#[$doc:meta])* $name:ident => $cell:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Kind for $name {
            type Cell<T> = $cell where T: 'static;
            type Way<M: Model> = ();
            type Access<M: Model, T: 'static> = AccessTo<M, $cell>;
        }
        impl CellKind for $name {
            #[inline(always)]
            fn access<M: Model, T: 'static>(access: AccessTo<M, $cell>) -> AccessTo<M, $cell> {
                access
            }
        }
    )*};
}

column_kinds! {
    /// A NOT NULL column
    Required => T;
    /// A nullable column
    Nullable => T;
}

/// The primary key
#[derive(Debug)]
pub enum PrimaryKey {}

impl Kind for PrimaryKey {
    type Cell<T>
        = ()
    where
        T: 'static;
    type Way<M: Model> = ();
    type Access<M: Model, T: 'static> = ();
}

macro_rules! link_kinds {
    ($($(#[$doc:meta])* $name:ident => $cell:ty;)*) => {$(
        $(#[$doc])*
        pub struct $name<T>(PhantomData<T>);
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
        impl<L: Model> Kind for $name<L> {
            type Cell<T> = $cell where T: 'static;
            type Way<M: Model> = WayTo<M, L>;
            type Access<M: Model, T: 'static> = AccessTo<M, $cell>;
        }
        impl<L: Model> CellKind for $name<L> {
            #[inline(always)]
            fn access<M: Model, T: 'static>(access: AccessTo<M, $cell>) -> AccessTo<M, $cell> {
                access
            }
        }
        impl<M: Model, L: Model<Connection = M::Connection>> LinkKind<M> for $name<L> {
            type Target = L;
            #[inline(always)]
            fn way(way: WayTo<M, L>) -> WayTo<M, L> {
                way
            }
        }
    )*};
}

link_kinds! {
    /// A to-one link in a NOT NULL column
    Linked => Link;
    /// A to-one link in a nullable column
    LinkedNullable => Link;
    /// A to-many link
    LinkedMany => List;
    /// The other side of a unique to-one link: a list of one record at most
    LinkedOne => List;
}

/// The typed key of a field of `M` whose values are `T`
///
/// The derive makes one for each field, named in upper case: `Partner::NAME`.
pub struct Field<M: Model, T: 'static, K: Kind = Required> {
    index: FieldId,
    access: K::Access<M, T>,
    way: K::Way<M>,
}

impl<M: Model, T: 'static, K: Kind> Clone for Field<M, T, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model, T: 'static, K: Kind> Copy for Field<M, T, K> {}

impl<M: Model, T: 'static, K: Kind> fmt::Debug for Field<M, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", M::NAME, self.name())
    }
}

/// As in messages: `Partner.name`
impl<M: Model, T: 'static, K: Kind> fmt::Display for Field<M, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// The same field
impl<M: Model, T: 'static, K: Kind> PartialEq for Field<M, T, K> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<M: Model, T: 'static, K: Kind> Eq for Field<M, T, K> {}

impl<M: Model, T: 'static, K: Kind> Hash for Field<M, T, K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl<M: Model, T: 'static, K: Kind> Field<M, T, K> {
    /// Called by generated code.
    #[doc(hidden)]
    pub const fn new(index: usize, access: K::Access<M, T>, way: K::Way<M>) -> Self {
        Self { index: FieldId(index), access, way }
    }

    /// The field's name in the struct
    pub fn name(&self) -> &'static str {
        M::FIELDS.get(self.index.0).map_or(M::KEY_FIELD, |field| field.name)
    }

    /// The names of the columns; none of a to-many link
    #[doc(hidden)]
    pub fn column_names(&self) -> &'static [&'static str] {
        M::FIELDS.get(self.index.0).map_or(M::KEY_COLUMNS, |field| field.columns)
    }

    #[inline(always)]
    pub(crate) fn cells<'env>(&self, columns: &M::Columns<'env>) -> &'env RefCell<Column<K::Cell<T>>>
    where
        K: CellKind,
    {
        K::access(self.access)(columns, PhantomData)
    }

    /// The cells in an environment
    pub(crate) fn cells_in<'env>(
        &self,
        env: &'env Environment<M::Connection>,
    ) -> &'env RefCell<Column<K::Cell<T>>>
    where
        K: CellKind,
    {
        let store = env.store::<M>();
        store.table().cells(store.column_of(self.index))
    }

    /// The way from a group along the link
    #[inline(always)]
    pub(crate) fn way(&self) -> WayTo<M, K::Target>
    where
        K: LinkKind<M>,
    {
        K::way(self.way)
    }

    #[inline]
    pub(crate) fn index(&self) -> FieldId {
        self.index
    }

    #[inline]
    pub(crate) fn access(&self) -> K::Access<M, T> {
        self.access
    }
}

/// A field that can be read
pub trait Readable<M: Model>: Copy {
    /// What reading it from records of a cardinality gives
    type Read<'env, K: Cardinality>;

    /// Reads it
    #[doc(hidden)]
    fn read<'env, K: Cardinality>(self, records: &Handle<'env, M, K>, at: Place) -> Self::Read<'env, K>;
}

/// A field whose values can be looked at in the cache
pub trait Cached<M: Model>: Copy {
    /// A value as the cache gives it; a to-one link's is the key
    type Value;

    #[doc(hidden)]
    fn position(self) -> FieldId;
    #[doc(hidden)]
    fn cached(self, env: &Environment<M::Connection>, slot: Slot) -> Option<Self::Value>;
    /// Brings the values of these records and of no others.
    #[doc(hidden)]
    fn prefetch(self, records: &RecordSet<'_, M>, at: Place) -> Result<()> {
        records.load_field(self.position(), at)
    }
}

/// A field whose values can be put into the cache: all but those that are computed
#[diagnostic::on_unimplemented(
    message = "`{Self}` is computed: its values cannot be put into the cache",
    note = "put what it is computed from"
)]
pub trait Cacheable<M: Model>: Cached<M> {
    #[doc(hidden)]
    fn put(self, env: &Environment<M::Connection>, slot: Slot, value: Self::Value);
}

/// How fields are read whose cells hold what they give
macro_rules! value_fields {
    ($($kind:ty: $value:ty => $out:ident, $read:ident;)*) => {$(
        impl<M: Model, T: Clone + 'static> Readable<M> for Field<M, $value, $kind> {
            type Read<'env, K: Cardinality> = K::$out<T>;

            #[inline(always)]
            fn read<'env, K: Cardinality>(self, records: &Handle<'env, M, K>, at: Place) -> K::$out<T> {
                K::$read(
                    records,
                    at,
                    #[inline(always)]
                    |reader| reader.cell(self, at),
                )
            }
        }

        impl<M: Model, T: Clone + 'static> Cached<M> for Field<M, $value, $kind> {
            type Value = $value;

            fn position(self) -> $crate::number::FieldId {
                self.index()
            }

            fn cached(self, env: &Environment<M::Connection>, slot: Slot) -> Option<$value> {
                self.cells_in(env).borrow().get(slot).cloned()
            }

            fn prefetch(self, records: &RecordSet<'_, M>, at: Place) -> Result<()> {
                <$kind>::prefetch(self, records, at)
            }
        }
    )*};
}
pub(super) use value_fields;

value_fields! {
    Required: T => Out, required;
    Nullable: Option<T> => OutNullable, nullable;
}

impl<M: Model> Readable<M> for Field<M, M::Key, PrimaryKey> {
    type Read<'env, K: Cardinality> = K::Out<M::Key>;

    #[inline(always)]
    fn read<'env, K: Cardinality>(self, records: &Handle<'env, M, K>, at: Place) -> K::Out<M::Key> {
        K::required(
            records,
            at,
            #[inline(always)]
            |reader| Ok(reader.key()),
        )
    }
}

/// How to-one links are read
macro_rules! to_one_fields {
    ($($kind:ty: $value:ty => $link:ident, $key:ty, |$cell:ident, $env:ident| $cached:expr;)*) => {$(
        impl<C, M, T> Readable<M> for Field<M, $value, $kind>
        where
            C: Connection,
            M: Model<Connection = C>,
            T: Model<Connection = C>,
        {
            type Read<'env, K: Cardinality> = Records<'env, T, K::$link>;

            #[inline(always)]
            fn read<'env, K: Cardinality>(
                self,
                records: &Handle<'env, M, K>,
                at: Place,
            ) -> Records<'env, T, K::$link> {
                records.follow(self, at)
            }
        }

        impl<C, M, T> Cached<M> for Field<M, $value, $kind>
        where
            C: Connection,
            M: Model<Connection = C>,
            T: Model<Connection = C>,
        {
            type Value = $key;

            fn position(self) -> $crate::number::FieldId {
                self.index()
            }

            fn cached(self, $env: &Environment<C>, slot: Slot) -> Option<$key> {
                let $cell = *self.cells_in($env).borrow().get(slot)?;
                Some($cached)
            }

            fn prefetch(self, records: &RecordSet<'_, M>, at: Place) -> Result<()> {
                <$kind>::prefetch(self, records, at)
            }
        }
    )*};
}
pub(super) use to_one_fields;

to_one_fields! {
    Linked<T>: Id<T> => Link, T::Key, |link, env| env.store::<T>().key(link.0);
    LinkedNullable<T>: Option<Id<T>> => LinkNullable, Option<T::Key>,
        |link, env| link.target().map(|target| env.store::<T>().key(target));
}

impl<C, M, T> Readable<M> for Field<M, OneToOne<T>, LinkedOne<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    type Read<'env, K: Cardinality> = Records<'env, T, K::LinkNullable>;

    #[inline(always)]
    fn read<'env, K: Cardinality>(
        self,
        records: &Handle<'env, M, K>,
        at: Place,
    ) -> Records<'env, T, K::LinkNullable> {
        records.follow(self, at)
    }
}

impl<C, M, T> Cached<M> for Field<M, OneToOne<T>, LinkedOne<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    type Value = Option<T::Key>;

    fn position(self) -> FieldId {
        self.index()
    }

    fn cached(self, env: &Environment<C>, slot: Slot) -> Option<Option<T::Key>> {
        match *self.cells_in(env).borrow().get(slot)?.0 {
            [] => Some(None),
            [target] => Some(Some(env.store::<T>().key(target))),
            _ => None,
        }
    }
}

impl<C, M, T> Cacheable<M> for Field<M, OneToOne<T>, LinkedOne<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn put(self, env: &Environment<C>, slot: Slot, value: Option<T::Key>) {
        let target = env.store::<T>();
        let list = List(value.into_iter().map(|key| target.intern(key)).collect());
        self.cells_in(env).borrow_mut().set(slot, env.moment(), list);
    }
}

macro_rules! to_many_fields {
    ($($marker:ident),*) => {$(
        impl<C, M, T> Readable<M> for Field<M, $marker<T>, LinkedMany<T>>
        where
            C: Connection,
            M: Model<Connection = C>,
            T: Model<Connection = C>,
        {
            type Read<'env, K: Cardinality> = ToMany<'env, T>;

            fn read<'env, K: Cardinality>(self, records: &Handle<'env, M, K>, _: Place) -> ToMany<'env, T> {
                records.follow_many(self)
            }
        }

        impl<C, M, T> Cached<M> for Field<M, $marker<T>, LinkedMany<T>>
        where
            C: Connection,
            M: Model<Connection = C>,
            T: Model<Connection = C>,
        {
            type Value = Vec<T::Key>;

            fn position(self) -> $crate::number::FieldId {
                self.index()
            }

            fn cached(self, env: &Environment<C>, slot: Slot) -> Option<Vec<T::Key>> {
                let list = self.cells_in(env).borrow().get(slot)?.clone();
                Some(env.store::<T>().keys_of(&list.0))
            }
        }

        impl<C, M, T> Cacheable<M> for Field<M, $marker<T>, LinkedMany<T>>
        where
            C: Connection,
            M: Model<Connection = C>,
            T: Model<Connection = C>,
        {
            fn put(self, env: &Environment<C>, slot: Slot, value: Vec<T::Key>) {
                let target = env.store::<T>();
                let list = List(value.into_iter().map(|key| target.intern(key)).collect());
                self.cells_in(env).borrow_mut().set(slot, env.moment(), list);
            }
        }
    )*};
}
to_many_fields!(OneToMany, ManyToMany);

macro_rules! cacheable_values {
    ($($kind:ident: $value:ty;)*) => {$(
        impl<M: Model, T: Clone + 'static> Cacheable<M> for Field<M, $value, $kind> {
            fn put(self, env: &Environment<M::Connection>, slot: Slot, value: $value) {
                self.cells_in(env).borrow_mut().set(slot, env.moment(), value);
            }
        }
    )*};
}
cacheable_values! {
    Required: T;
    Nullable: Option<T>;
}

impl<C, M, T> Cacheable<M> for Field<M, Id<T>, Linked<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn put(self, env: &Environment<C>, slot: Slot, value: T::Key) {
        let link = Link(env.store::<T>().intern(value));
        self.cells_in(env).borrow_mut().set(slot, env.moment(), link);
    }
}

impl<C, M, T> Cacheable<M> for Field<M, Option<Id<T>>, LinkedNullable<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    fn put(self, env: &Environment<C>, slot: Slot, value: Option<T::Key>) {
        let link = value.map_or(Link::NULL, |key| Link(env.store::<T>().intern(key)));
        self.cells_in(env).borrow_mut().set(slot, env.moment(), link);
    }
}
