//! How many records a handle stands for, and so what reading a value from it gives.

use std::borrow::Cow;
use std::fmt;

use crate::env::stores::Want;
use crate::env::watch::Place;
use crate::records::{Handle, Model, Reader};
use crate::store::Slot;
use crate::{Error, Result};

/// How many records a handle stands for: the last parameter of [`Records`](crate::Records)
///
/// The five below are all there are.
pub trait Cardinality: sealed::Sealed + fmt::Debug + Copy + 'static {
    /// Whether a handle holds the record whose link it is, rather than the record
    #[doc(hidden)]
    const IS_LINK_OF_ITS_SLOT: bool = false;
    /// What reading a NOT NULL field gives
    type Out<T>;
    /// What reading a nullable field gives
    type OutNullable<T>;
    /// What a NOT NULL to-one link leads to
    type Link: Cardinality;
    /// What a nullable to-one link leads to
    type LinkNullable: Cardinality;

    /// The records that are written
    #[doc(hidden)]
    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, at: Place) -> Result<Cow<'a, [Slot]>>;

    #[doc(hidden)]
    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Self::Out<T>;

    #[doc(hidden)]
    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Self::OutNullable<T>;
}

mod sealed {
    pub trait Sealed {}
}

/// Exactly one record
#[derive(Debug, Clone, Copy)]
pub struct One;

/// Many records, in order
#[derive(Debug, Clone, Copy)]
pub struct Many;

/// What a NOT NULL link points at, not looked at yet
#[derive(Debug, Clone, Copy)]
pub struct Required;

/// What a nullable link points at, not looked at yet
#[derive(Debug, Clone, Copy)]
pub struct Optional;

/// What a to-many link, or any link of many records, leads to, not looked at yet
#[derive(Debug, Clone, Copy)]
pub struct Several;

impl sealed::Sealed for One {}
impl sealed::Sealed for Many {}
impl sealed::Sealed for Required {}
impl sealed::Sealed for Optional {}
impl sealed::Sealed for Several {}

impl Cardinality for One {
    type Out<T> = Result<T>;
    type OutNullable<T> = Result<Option<T>>;
    type Link = Required;
    type LinkNullable = Optional;

    #[inline]
    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, _: Place) -> Result<Cow<'a, [Slot]>> {
        Ok(Cow::Borrowed(std::slice::from_ref(&records.slot)))
    }

    #[inline(always)]
    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        _: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Result<T> {
        read(records.reader())
    }

    #[inline(always)]
    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        _: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        read(records.reader())
    }
}

impl Cardinality for Required {
    type Out<T> = Result<T>;
    type OutNullable<T> = Result<Option<T>>;
    type Link = Self;
    type LinkNullable = Optional;

    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, at: Place) -> Result<Cow<'a, [Slot]>> {
        Ok(Cow::Owned(vec![records.required_target(at)?.slot()]))
    }

    #[inline(always)]
    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Result<T> {
        read(records.required_target(at)?)
    }

    #[inline(always)]
    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        read(records.required_target(at)?)
    }
}

impl Cardinality for Optional {
    type Out<T> = Result<Option<T>>;
    type OutNullable<T> = Result<Option<T>>;
    type Link = Self;
    type LinkNullable = Self;

    /// Nobody would see that a write to nothing went nowhere.
    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, at: Place) -> Result<Cow<'a, [Slot]>> {
        let target = records.target(at)?.ok_or(Error::NotOne { model: M::NAME, count: 0 })?;
        Ok(Cow::Owned(vec![target.slot()]))
    }

    #[inline(always)]
    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Result<Option<T>> {
        match records.target(at)? {
            Some(target) => read(target).map(Some),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        match records.target(at)? {
            Some(target) => read(target),
            None => Ok(None),
        }
    }
}

impl Cardinality for Many {
    type Out<T> = Result<Vec<T>>;
    type OutNullable<T> = Result<Vec<Option<T>>>;
    type Link = Several;
    type LinkNullable = Several;

    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, _: Place) -> Result<Cow<'a, [Slot]>> {
        Ok(Cow::Borrowed(&records.group.origin.root.slots))
    }

    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        _: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let _call = records.group.env.begin_call();
        records.readers().map(read).collect()
    }

    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        _: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        let _call = records.group.env.begin_call();
        records.readers().map(read).collect()
    }
}

impl Cardinality for Several {
    const IS_LINK_OF_ITS_SLOT: bool = true;
    type Out<T> = Result<Vec<T>>;
    type OutNullable<T> = Result<Vec<Option<T>>>;
    type Link = Self;
    type LinkNullable = Self;

    fn slots<'a, M: Model>(records: &'a Handle<'_, M, Self>, at: Place) -> Result<Cow<'a, [Slot]>> {
        records.members(Want::Keys, at).map(Cow::Owned)
    }

    fn required<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let _call = records.group.env.begin_call();
        records.resolved(at)?.readers().map(read).collect()
    }

    fn nullable<'env, M: Model, T>(
        records: &Handle<'env, M, Self>,
        at: Place,
        read: impl Fn(Reader<'_, 'env, M>) -> Result<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        let _call = records.group.env.begin_call();
        records.resolved(at)?.readers().map(read).collect()
    }
}
