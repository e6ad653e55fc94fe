//! Looking through a set with functions, which may read and so may fail.

use std::hash::Hash;
use std::iter::Sum;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::{Model, Record, RecordSet};
use crate::Result;
use crate::store::Slot;

impl<'env, M: Model> RecordSet<'env, M> {
    /// The records for which a condition holds
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn filter(&self, mut keep: impl FnMut(&Record<'env, M>) -> Result<bool>) -> Result<Self> {
        let mut slots = Vec::new();
        for record in self {
            if keep(&record)? {
                slots.push(record.slot());
            }
        }
        Ok(self.taken(slots))
    }

    /// The records in the order of what a function gives for each; those with equal keys stay in order
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn sort_by_key<T: Ord>(&self, mut key: impl FnMut(&Record<'env, M>) -> Result<T>) -> Result<Self> {
        let keyed = self.iter().map(|record| Ok((key(&record)?, record.slot())));
        let mut keyed = keyed.collect::<Result<Vec<_>>>()?;
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(self.arranged(keyed.into_iter().map(|(_, slot)| slot).collect()))
    }

    /// The records by what a function gives for each, in order of first appearance
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn group_by<T: Eq + Hash>(
        &self,
        mut key: impl FnMut(&Record<'env, M>) -> Result<T>,
    ) -> Result<IndexMap<T, Self>> {
        let mut groups: IndexMap<T, Vec<Slot>, FixedState> = IndexMap::default();
        for record in self {
            groups.entry(key(&record)?).or_default().push(record.slot());
        }
        Ok(groups.into_iter().map(|(key, slots)| (key, self.arranged(slots))).collect())
    }

    /// What a function gives for each of the records
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn map<T>(&self, mut f: impl FnMut(&Record<'env, M>) -> Result<T>) -> Result<Vec<T>> {
        self.iter().map(|record| f(&record)).collect()
    }

    /// The records for which a condition holds, and the others
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn partition(&self, mut first: impl FnMut(&Record<'env, M>) -> Result<bool>) -> Result<(Self, Self)> {
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for record in self {
            if first(&record)? { &mut yes } else { &mut no }.push(record.slot());
        }
        Ok((self.arranged(yes), self.arranged(no)))
    }

    /// Whether a condition holds for one of the records; the records behind that one are not looked at
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, active -> Bool } }
    /// # #[derive(Model)] struct Partner { id: i32, active: bool }
    /// fn all_active(partners: &RecordSet<Partner>) -> orm_core::Result<bool> {
    ///     Ok(!partners.any(|partner| Ok(!partner.active()?))?)
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn any(&self, condition: impl FnMut(&Record<'env, M>) -> Result<bool>) -> Result<bool> {
        Ok(self.position(condition)?.is_some())
    }

    /// Whether a condition holds for all of the records; the records behind one for which it does not are not looked at
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn all(&self, mut condition: impl FnMut(&Record<'env, M>) -> Result<bool>) -> Result<bool> {
        Ok(!self.any(|record| Ok(!condition(record)?))?)
    }

    /// The first record for which a condition holds
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn find(
        &self,
        condition: impl FnMut(&Record<'env, M>) -> Result<bool>,
    ) -> Result<Option<Record<'env, M>>> {
        Ok(self.position(condition)?.map(|index| self.at(index)))
    }

    /// The index of the first record for which a condition holds
    ///
    /// # Errors
    ///
    /// Those of the condition.
    pub fn position(
        &self,
        mut condition: impl FnMut(&Record<'env, M>) -> Result<bool>,
    ) -> Result<Option<usize>> {
        for (index, record) in self.iter().enumerate() {
            if condition(&record)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The record for which a function gives the most; the last one of several
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn max_by_key<T: Ord>(
        &self,
        key: impl FnMut(&Record<'env, M>) -> Result<T>,
    ) -> Result<Option<Record<'env, M>>> {
        let keys = self.map(key)?;
        let most = keys.iter().enumerate().max_by_key(|(_, key)| *key);
        Ok(most.map(|(index, _)| self.at(index)))
    }

    /// The record for which a function gives the least; the first one of several
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn min_by_key<T: Ord>(
        &self,
        key: impl FnMut(&Record<'env, M>) -> Result<T>,
    ) -> Result<Option<Record<'env, M>>> {
        let keys = self.map(key)?;
        let least = keys.iter().enumerate().min_by_key(|(_, key)| *key);
        Ok(least.map(|(index, _)| self.at(index)))
    }

    /// The sum of what a function gives for each of the records
    ///
    /// Adds as [`Iterator::sum`] does: give whole numbers a type that the sum fits into, and say what NULL stands for.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { lines { id -> Integer, quantity -> Nullable<Integer> } }
    /// # #[derive(Model)] struct Line { id: i32, quantity: Option<i32> }
    /// fn total(lines: &RecordSet<Line>) -> orm_core::Result<i64> {
    ///     lines.sum_by(|line| Ok(i64::from(line.quantity()?.unwrap_or(0))))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn sum_by<T: Sum>(&self, mut f: impl FnMut(&Record<'env, M>) -> Result<T>) -> Result<T> {
        self.iter().map(|record| f(&record)).sum()
    }
}
