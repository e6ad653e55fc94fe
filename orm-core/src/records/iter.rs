//! The records of a set one by one, or so many at a time.

use std::iter::{Enumerate, FusedIterator};
use std::ops::Range;
use std::rc::Rc;
use std::{fmt, slice};

use super::group::Group;
use super::{Handle, Model, Record, RecordSet, ToMany};
use crate::store::Slot;
use crate::{Error, Result};

impl<'env, M: Model> RecordSet<'env, M> {
    /// The records one by one
    pub fn iter(&self) -> Iter<'_, 'env, M> {
        Iter { group: &self.handle().group, slots: self.slots().iter().enumerate() }
    }

    /// The records in sets of so many, in order; the last one may be smaller
    ///
    /// A read that misses still loads a window of the whole set: its own records first. For rows that are to be read and
    /// freed batch by batch there is [`Environment::in_batches`](crate::Environment::in_batches). A size of 0 is taken
    /// for 1.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// fn print_pages(partners: &RecordSet<Partner>) -> orm_core::Result<()> {
    ///     for (number, page) in partners.chunks(20).enumerate() {
    ///         println!("{}: {:?}", number + 1, page.name()?);
    ///     }
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    pub fn chunks(&self, size: usize) -> Chunks<'env, M> {
        Chunks { set: self.clone(), size: size.max(1), rest: 0..self.len() }
    }
}

/// The records of a set, one by one
pub struct Iter<'a, 'env, M: Model> {
    group: &'a Rc<Group<'env, M>>,
    slots: Enumerate<slice::Iter<'a, Slot>>,
}

impl<M: Model> Clone for Iter<'_, '_, M> {
    fn clone(&self) -> Self {
        Self { group: self.group, slots: self.slots.clone() }
    }
}

impl<'env, M: Model> Iter<'_, 'env, M> {
    #[inline]
    fn at(&self, (at, &slot): (usize, &Slot)) -> Record<'env, M> {
        Record::wrap(Handle::new(Rc::clone(self.group), slot, at as u32))
    }
}

/// The records of a set that was given up, one by one
pub struct IntoIter<'env, M: Model> {
    set: RecordSet<'env, M>,
    slots: Range<usize>,
}

impl<M: Model> Clone for IntoIter<'_, M> {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), slots: self.slots.clone() }
    }
}

impl<'env, M: Model> IntoIter<'env, M> {
    fn at(&self, index: usize) -> Record<'env, M> {
        self.set.at(index)
    }
}

macro_rules! iterators {
    ($([$($generics:tt)*] $name:ty;)*) => {$(
        impl<$($generics)*> Iterator for $name {
            type Item = Record<'env, M>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.slots.next().map(|slot| self.at(slot))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.slots.size_hint()
            }

            fn nth(&mut self, n: usize) -> Option<Self::Item> {
                self.slots.nth(n).map(|slot| self.at(slot))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                self.slots.next_back().map(|slot| self.at(slot))
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.slots.clone().map(|slot| self.at(slot))).finish()
            }
        }
    )*};
}
iterators! {
    ['a, 'env, M: Model] Iter<'a, 'env, M>;
    ['env, M: Model] IntoIter<'env, M>;
}

impl<'a, 'env, M: Model> IntoIterator for &'a RecordSet<'env, M> {
    type Item = Record<'env, M>;
    type IntoIter = Iter<'a, 'env, M>;

    fn into_iter(self) -> Iter<'a, 'env, M> {
        self.iter()
    }
}

impl<'env, M: Model> IntoIterator for RecordSet<'env, M> {
    type Item = Record<'env, M>;
    type IntoIter = IntoIter<'env, M>;

    fn into_iter(self) -> IntoIter<'env, M> {
        let slots = 0..self.len();
        IntoIter { set: self, slots }
    }
}

/// The records that a link leads to, one by one, each a `Result`: the only one is an error where the link cannot be read
pub struct Members<'env, M: Model> {
    failed: Option<Error>,
    records: Option<IntoIter<'env, M>>,
}

impl<'env, M: Model> Iterator for Members<'env, M> {
    type Item = Result<Record<'env, M>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.failed.take() {
            Some(error) => Some(Err(error)),
            None => self.records.as_mut()?.next().map(Ok),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left =
            self.records.as_ref().map_or(0, ExactSizeIterator::len) + usize::from(self.failed.is_some());
        (left, Some(left))
    }
}

impl<M: Model> ExactSizeIterator for Members<'_, M> {}
impl<M: Model> FusedIterator for Members<'_, M> {}

impl<M: Model> fmt::Debug for Members<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failed, &self.records) {
            (Some(error), _) => error.fmt(f),
            (None, Some(records)) => records.fmt(f),
            (None, None) => f.write_str("[]"),
        }
    }
}

/// The link is read, and may fail: `for tag in partner.tag_ids() { let tag = tag?; … }`. [`iter`](ToMany::iter) fails before the loop
impl<'env, M: Model> IntoIterator for ToMany<'env, M> {
    type Item = Result<Record<'env, M>>;
    type IntoIter = Members<'env, M>;

    #[track_caller]
    fn into_iter(self) -> Members<'env, M> {
        (&self).into_iter()
    }
}

/// As of the link by value
impl<'env, M: Model> IntoIterator for &ToMany<'env, M> {
    type Item = Result<Record<'env, M>>;
    type IntoIter = Members<'env, M>;

    #[track_caller]
    fn into_iter(self) -> Members<'env, M> {
        match self.iter() {
            Ok(records) => Members { failed: None, records: Some(records) },
            Err(error) => Members { failed: Some(error), records: None },
        }
    }
}

/// The records of a set, so many at a time; made by [`RecordSet::chunks`](crate::RecordSet#method.chunks)
pub struct Chunks<'env, M: Model> {
    set: RecordSet<'env, M>,
    size: usize,
    rest: Range<usize>,
}

impl<'env, M: Model> Iterator for Chunks<'env, M> {
    type Item = RecordSet<'env, M>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.rest.start;
        self.rest.start = self.rest.end.min(start.saturating_add(self.size));
        Some(self.set.slice(start..self.rest.start))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rest.len().div_ceil(self.size);
        (left, Some(left))
    }
}

impl<M: Model> ExactSizeIterator for Chunks<'_, M> {}
impl<M: Model> FusedIterator for Chunks<'_, M> {}

impl<M: Model> Clone for Chunks<'_, M> {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), size: self.size, rest: self.rest.clone() }
    }
}

impl<M: Model> fmt::Debug for Chunks<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
