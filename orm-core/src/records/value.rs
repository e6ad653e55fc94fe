//! Values on their way in and out: what a field takes, and what the user's own struct holds of it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::backend::Connection;
use crate::model::PlainKey;
use crate::records::field::{Field, Linked, LinkedNullable, Nullable, PrimaryKey, Readable, Required};
use crate::write::drafts::AnyDraft;
use crate::{Id, Model, Record, Result, Str, ToOne, ToOptional};

/// What can be given as a value of a field of type `T`: the value itself, text in any form
///
/// For a nullable field `T` is an `Option`: `None`, a value, an `Option` as the accessor gives it, and an `Option` of text or
/// bytes in any form by reference. Only one type of `Option` may be given by value, or the compiler could not say of which
/// type `None` is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a field of type `{T}`",
    note = "give a value of the field's type, text in any form, or `None` where its column is nullable; an `Option` of text in another form by reference: `&option`"
)]
pub trait IntoValue<T> {
    /// The value
    fn into_value(self) -> T;
}

impl<T> IntoValue<T> for T {
    fn into_value(self) -> T {
        self
    }
}

impl<T> IntoValue<Option<T>> for T {
    fn into_value(self) -> Option<T> {
        Some(self)
    }
}

/// What can be given for a link of type `L`, an `Id` or an `Option` of one: a record, an `Id`, the key itself, and another
/// record's link
///
/// Where the column is nullable, also `None`, and an `Option` of any of these by reference: `&option`. `Via` says which of
/// these it is; nobody writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a link of type `{L}`",
    label = "no record, `Id` or key of the model that the link leads to",
    note = "a link takes `&record`, an `Id`, the key itself, another record's link, or `None` where its column is nullable; an `Option` of one of these by reference: `&option`"
)]
pub trait IntoLink<L, Via> {
    /// The link
    ///
    /// # Errors
    ///
    /// Those of reading another record's link.
    #[track_caller]
    fn into_link(self) -> Result<L>;
}

/// What a new record's values take for a link of type `L`: all that [`IntoLink`] takes, and a [`Draft`](crate::Draft) of the model that it
/// leads to
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a link of type `{L}`",
    label = "no record, `Id`, key or draft of the model that the link leads to",
    note = "a link takes `&record`, an `Id`, the key itself, another record's link, a draft, or `None` where its column is nullable; an `Option` of one of these by reference: `&option`"
)]
pub trait IntoNewLink<L, Via> {
    /// The link
    ///
    /// # Errors
    ///
    /// Those of reading another record's link.
    #[doc(hidden)]
    #[track_caller]
    fn into_new_link(self) -> Result<NewLink<L>>;
}

/// A link of a new record
#[derive(Debug)]
pub enum NewLink<L> {
    /// To one that is there
    ToRecord(L),
    /// To one that is not there yet
    ToDraft(AnyDraft),
}

#[diagnostic::do_not_recommend]
impl<L, V: IntoLink<L, Via>, Via> IntoNewLink<L, via::Known<Via>> for V {
    #[track_caller]
    fn into_new_link(self) -> Result<NewLink<L>> {
        self.into_link().map(NewLink::ToRecord)
    }
}

/// How a link is given; the second parameter of [`IntoLink`] and [`IntoNewLink`], which nobody writes
pub mod via {
    use std::marker::PhantomData;

    /// By a key
    #[derive(Debug)]
    pub enum Key {}
    /// By an `Id` of the model that the link leads to
    #[derive(Debug)]
    pub enum Id {}
    /// By a record
    #[derive(Debug)]
    pub enum Record {}
    /// By another record's link
    #[derive(Debug)]
    pub enum Link {}
    /// By a draft
    #[derive(Debug)]
    pub enum Draft {}
    /// By what leads to a record that is there
    #[derive(Debug)]
    pub struct Known<Via>(PhantomData<Via>);
    /// By an `Option` of an `Id`
    #[derive(Debug)]
    pub enum Optional {}
    /// By what a link that is never NULL takes
    #[derive(Debug)]
    pub struct Some<Via>(PhantomData<Via>);
    /// By a reference to an `Option` of what a link that is never NULL takes
    #[derive(Debug)]
    pub struct Ref<Via>(PhantomData<Via>);
}

// Not for an `Id`: that of another model may have the same type of key.
#[diagnostic::do_not_recommend]
impl<M: Model, K: PlainKey<M>> IntoLink<Id<M>, via::Key> for K {
    fn into_link(self) -> Result<Id<M>> {
        Ok(Id::new(self))
    }
}

#[diagnostic::do_not_recommend]
impl<L, V: IntoLink<L, Via>, Via> IntoLink<Option<L>, via::Some<Via>> for V {
    #[track_caller]
    fn into_link(self) -> Result<Option<L>> {
        Ok(Some(self.into_link()?))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> IntoLink<Self, via::Optional> for Option<Id<M>> {
    fn into_link(self) -> Result<Self> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, L, V, Via> IntoLink<Option<L>, via::Ref<Via>> for &'a Option<V>
where
    &'a V: IntoLink<L, Via>,
{
    #[track_caller]
    fn into_link(self) -> Result<Option<L>> {
        match self {
            Some(link) => link.into_link().map(Some),
            None => Ok(None),
        }
    }
}

macro_rules! into_link {
    ($([$via:ident] $($from:ty),+ => $to:ty: |$link:ident| $convert:expr;)*) => {$($(
        #[diagnostic::do_not_recommend]
        impl<M: Model> IntoLink<$to, via::$via> for $from {
            #[track_caller]
            fn into_link(self) -> Result<$to> {
                let $link = self;
                $convert
            }
        }
    )+)*};
}
into_link! {
    [Id] Id<M> => Id<M>: |id| Ok(id);
    [Id] &Id<M> => Id<M>: |id| Ok(id.clone());
    [Record] Record<'_, M>, &Record<'_, M> => Id<M>: |record| Ok(Id::from(record));
    [Record] &&Record<'_, M> => Id<M>: |record| Ok(Id::from(*record));
    [Link] ToOne<'_, M>, &ToOne<'_, M> => Id<M>: |link| link.id().map(Id::new);
    [Link] ToOptional<'_, M>, &ToOptional<'_, M> => Option<Id<M>>: |link| Ok(link.id()?.map(Id::new));
}

macro_rules! into_value {
    ($([$($parameter:tt)*] $from:ty => $to:ty: $convert:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($parameter)*> IntoValue<$to> for $from {
            fn into_value(self) -> $to {
                $convert(self)
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($parameter)*> IntoValue<Option<$to>> for $from {
            fn into_value(self) -> Option<$to> {
                Some($convert(self))
            }
        }
    )*};
}
into_value! {
    [] &str => Str: Str::from;
    [] String => Str: Str::from;
    [] &String => Str: Str::from;
    [] &Str => Str: Str::clone;
    [] Box<str> => Str: |text: Box<str>| Str::from(&*text);
    [] Cow<'_, str> => Str: Str::from;
    [] Vec<u8> => Bytes: Bytes::from;
    [] &Vec<u8> => Bytes: |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    [] &Bytes => Bytes: Bytes::clone;
    [] &[u8] => Bytes: Bytes::copy_from_slice;
    [const N: usize] &[u8; N] => Bytes: |bytes: &[u8; N]| Bytes::copy_from_slice(bytes);
}

macro_rules! optional_by_reference {
    ($($from:ty => $to:ty: $convert:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoValue<Option<$to>> for &Option<$from> {
            fn into_value(self) -> Option<$to> {
                self.as_ref().map($convert)
            }
        }
    )*};
}
optional_by_reference! {
    &str => Str: |text| Str::from(*text);
    String => Str: Str::from;
    &String => Str: |text| Str::from(*text);
    Str => Str: Str::clone;
    Cow<'_, str> => Str: |text| Str::from(&**text);
    Vec<u8> => Bytes: |bytes| Bytes::copy_from_slice(bytes);
    &[u8] => Bytes: |bytes| Bytes::copy_from_slice(bytes);
    Bytes => Bytes: Bytes::clone;
}

/// A field of which the user's own struct holds a value of type `V`
pub trait Owned<M: Model, V>: Readable<M> {
    /// The value as the struct holds it
    #[doc(hidden)]
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<V>;
}

/// Text and blobs are `Str` and `Bytes` in the cache and `String` and `Vec<u8>` in the struct; all else is the same.
#[diagnostic::on_unimplemented(
    message = "a value of type `{V}` is not what a field of type `{Self}` holds",
    label = "this is to take the record and a value of the field's own type"
)]
pub trait IntoOwned<V> {
    #[doc(hidden)]
    fn into_owned(self) -> V;
}

impl<V> IntoOwned<V> for V {
    fn into_owned(self) -> V {
        self
    }
}

impl IntoOwned<String> for crate::Str {
    fn into_owned(self) -> String {
        self.into()
    }
}

impl IntoOwned<Vec<u8>> for bytes::Bytes {
    fn into_owned(self) -> Vec<u8> {
        self.into()
    }
}

impl IntoOwned<Option<String>> for Option<crate::Str> {
    fn into_owned(self) -> Option<String> {
        self.map(String::from)
    }
}

impl IntoOwned<Option<Vec<u8>>> for Option<bytes::Bytes> {
    fn into_owned(self) -> Option<Vec<u8>> {
        self.map(Vec::from)
    }
}

impl<M: Model, T: Clone + IntoOwned<V> + 'static, V> Owned<M, V> for Field<M, T, Required> {
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<V> {
        record.get(self).map(T::into_owned)
    }
}

impl<M: Model, T: Clone + IntoOwned<V> + 'static, V> Owned<M, Option<V>> for Field<M, Option<T>, Nullable> {
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<Option<V>> {
        Ok(record.get(self)?.map(T::into_owned))
    }
}

impl<M: Model<Key: IntoOwned<V>>, V> Owned<M, V> for Field<M, M::Key, PrimaryKey> {
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<V> {
        record.get(self).map(M::Key::into_owned)
    }
}

impl<C, M, T> Owned<M, Id<T>> for Field<M, Id<T>, Linked<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<Id<T>> {
        Ok(record.get(self).load()?.into())
    }
}

impl<C, M, T> Owned<M, Option<Id<T>>> for Field<M, Option<Id<T>>, LinkedNullable<T>>
where
    C: Connection,
    M: Model<Connection = C>,
    T: Model<Connection = C>,
{
    #[track_caller]
    fn owned(self, record: &Record<'_, M>) -> Result<Option<Id<T>>> {
        Ok(record.get(self).load()?.map(Id::from))
    }
}
