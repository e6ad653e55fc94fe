//! Sets out of records and out of other sets. What comes out is read in the left one's environment, whatever the other's.

use std::borrow::{Borrow, Cow};
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Sub, SubAssign};
use std::rc::Rc;

use super::group::Group;
use super::{Handle, Model, Record, RecordSet};
use crate::Environment;
use crate::env::stores::Store;
use crate::load::origin::{Origin, Reach};
use crate::store::{Slot, SlotSet};

impl<'env, M: Model> RecordSet<'env, M> {
    /// These records, then the other ones; what is in both is twice in the result
    #[must_use]
    pub fn concat(&self, other: &RecordSet<'_, M>) -> Self {
        let slots = self.slots().iter().chain(&*other.slots_in(self.store())).copied().collect();
        self.taken_with(slots, other)
    }

    fn store(&self) -> Store<'env, M::Connection> {
        self.handle().group.store
    }

    fn is_in(&self, store: Store<'_, M::Connection>) -> bool {
        self.store().is_same_as(store)
    }

    /// The slots of these records in a store that may be another environment's
    fn slots_in(&self, here: Store<'_, M::Connection>) -> Cow<'_, [Slot]> {
        if self.is_in(here) {
            Cow::Borrowed(self.slots())
        } else {
            self.ids().into_iter().map(|key| here.intern(key)).collect()
        }
    }

    /// The same of those that are known there
    fn known_slots_in(&self, here: Store<'_, M::Connection>) -> Cow<'_, [Slot]> {
        if self.is_in(here) {
            Cow::Borrowed(self.slots())
        } else {
            self.ids().iter().filter_map(|key| here.find(key)).collect()
        }
    }

    /// The group of records of an environment, to be read with these, or with those of the same keys there
    pub(super) fn company_of<'a>(
        &self,
        env: &'a Environment<M::Connection>,
        slots: Vec<Slot>,
    ) -> Rc<Group<'a, M>> {
        let here = env.store::<M>();
        let company = if self.is_in(here) {
            self.handle().group.company(false)
        } else {
            Group::<M>::new(env, Origin::of(self.slots_in(here).into_owned(), Reach::Named)).company(false)
        };
        Group::with(env, slots, company)
    }

    /// Records of this set and of another one, to be prefetched with the sets that they came from
    fn taken_with(&self, slots: Vec<Slot>, other: &RecordSet<'_, M>) -> Self {
        // The slots of another environment's sets mean nothing here.
        let company = other.is_in(self.store()).then(|| other.handle().group.company(false));
        Self::wrap(Handle::set(self.handle().group.taken(slots, company, false)))
    }

    /// Takes slots that are, or are not, in another set; each once
    fn select(&self, other: &RecordSet<'_, M>, keep_common: bool) -> Self {
        let theirs = SlotSet::of(other.known_slots_in(self.store()).iter().copied());
        let mut taken = SlotSet::default();
        let slots = self.slots().iter().copied();
        self.taken(slots.filter(|&slot| theirs.has(slot) == keep_common && taken.mark(slot)).collect())
    }

    /// Adds records in place if nobody else holds the set, and to a copy of it otherwise.
    fn grow(&mut self, add: impl FnOnce(&mut Origin)) {
        let env = self.env();
        let group = &mut self.handle_mut().group;
        match Rc::get_mut(group) {
            Some(group) => {
                // They lead from the records that there were.
                group.forget_links();
                add(&mut group.origin);
            }
            None => {
                let mut origin = group.origin.clone();
                add(&mut origin);
                *self = Self::wrap(Handle::set(Group::new(env, origin)));
            }
        }
    }

    fn push(&mut self, record: &Record<'_, M>) {
        let (here, from) = (self.store(), &record.handle().group);
        if from.store.is_same_as(here) {
            self.grow(|origin| origin.push(record.slot(), Some(&from.origin)));
        } else {
            let slot = here.intern(record.id());
            self.grow(|origin| origin.push(slot, None));
        }
    }

    pub(crate) fn push_all<'a, R: Borrow<Record<'a, M>>>(&mut self, records: impl IntoIterator<Item = R>) {
        records.into_iter().for_each(|record| self.push(record.borrow()));
    }
}

/// Adds records at the end, also those that are in the set already: `|=` leaves them out
impl<'a, M: Model> Extend<Record<'a, M>> for RecordSet<'_, M> {
    fn extend<I: IntoIterator<Item = Record<'a, M>>>(&mut self, records: I) {
        self.push_all(records);
    }
}

/// Adds records at the end, also those that are in the set already: `|=` leaves them out
impl<'a, 'b, M: Model> Extend<&'b Record<'a, M>> for RecordSet<'_, M> {
    fn extend<I: IntoIterator<Item = &'b Record<'a, M>>>(&mut self, records: I) {
        self.push_all(records);
    }
}

/// All records of both sets, each once, in order of first appearance
impl<'env, M: Model> BitOr<&RecordSet<'_, M>> for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn bitor(self, other: &RecordSet<'_, M>) -> RecordSet<'env, M> {
        let mut seen = SlotSet::default();
        let theirs = other.slots_in(self.store());
        let slots = self.slots().iter().chain(&*theirs).copied().filter(|&slot| seen.mark(slot)).collect();
        self.taken_with(slots, other)
    }
}

/// The records that are in both sets
impl<'env, M: Model> BitAnd<&RecordSet<'_, M>> for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn bitand(self, other: &RecordSet<'_, M>) -> RecordSet<'env, M> {
        self.select(other, true)
    }
}

/// The records that are not in the other set
impl<'env, M: Model> Sub<&RecordSet<'_, M>> for &RecordSet<'env, M> {
    type Output = RecordSet<'env, M>;

    fn sub(self, other: &RecordSet<'_, M>) -> RecordSet<'env, M> {
        self.select(other, false)
    }
}

/// Adds the records of the other set that are not in this one yet; in a loop it takes as long as they are many
impl<M: Model> BitOrAssign<&RecordSet<'_, M>> for RecordSet<'_, M> {
    fn bitor_assign(&mut self, other: &RecordSet<'_, M>) {
        let here = self.store();
        let from = other.is_in(here).then_some(&other.handle().group.origin);
        self.grow(|origin| origin.unite(&other.slots_in(here), from));
    }
}

/// Keeps the records that are in the other set
impl<M: Model> BitAndAssign<&RecordSet<'_, M>> for RecordSet<'_, M> {
    fn bitand_assign(&mut self, other: &RecordSet<'_, M>) {
        *self = &*self & other;
    }
}

/// Keeps the records that are not in the other set
impl<M: Model> SubAssign<&RecordSet<'_, M>> for RecordSet<'_, M> {
    fn sub_assign(&mut self, other: &RecordSet<'_, M>) {
        *self = &*self - other;
    }
}

/// The same records, whatever the order, how often, and in which environment
impl<M: Model> PartialEq<RecordSet<'_, M>> for RecordSet<'_, M> {
    fn eq(&self, other: &RecordSet<'_, M>) -> bool {
        let here = self.store();
        let (mut ours, mut theirs) = (SlotSet::default(), SlotSet::default());
        let count = self.slots().iter().filter(|&&slot| ours.mark(slot)).count();
        let known = other.known_slots_in(here);
        let common = known.iter().filter(|&&slot| ours.has(slot) && theirs.mark(slot)).count();
        // What is not known here, or not one of ours, is one too many.
        known.len() == other.len() && common == count && known.iter().all(|&slot| ours.has(slot))
    }
}

impl<M: Model> Eq for RecordSet<'_, M> {}

impl<'env, M: Model> From<Record<'env, M>> for RecordSet<'env, M> {
    /// A set of one, still prefetched with what the record came with
    fn from(record: Record<'env, M>) -> Self {
        let Handle { ref group, slot, at, .. } = *record.handle();
        Self::wrap(Handle::set(group.reached(vec![slot], at)))
    }
}
