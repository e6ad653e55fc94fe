//! Many-to-many links that were added or removed, and are not in their join table yet.

use std::cell::RefCell;

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::backend::Connection;
use crate::env::stores::{Side, Store};
use crate::number::{FieldId, ModelId};
use crate::store::Slot;

/// A row of a join table, whichever side it was named from: the join table, and the columns of each side with the slot in
/// them
type Pair = (usize, (Columns, Slot), (Columns, Slot));

pub(crate) type Columns = &'static [&'static str];

/// What is to become of a pair, and through which link it is to be written
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    /// The model and field of the link
    pub(crate) link: (ModelId, FieldId),
    pub(crate) own: Slot,
    pub(crate) other: Slot,
    pub(crate) add: bool,
    /// Whether it is known that the join table has it otherwise
    is_change: bool,
}

/// The pairs that wait to be written; of several changes of one pair the last counts, as a pair is there or not
#[derive(Debug, Default, Clone)]
pub(crate) struct Pairs {
    waiting: RefCell<IndexMap<Pair, Pending, FixedState>>,
    /// By join table, which of its rows these are: what the filter of their link fixes beside the pair, and whether a pair counts in
    /// either direction. Of one table they are all of one kind
    kinds: RefCell<IndexMap<usize, String, FixedState>>,
}

impl Pairs {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether pairs of some join tables wait
    pub(crate) fn any(&self, is_it: impl Fn(usize) -> bool) -> bool {
        self.waiting.borrow().keys().any(|&(join, ..)| is_it(join))
    }

    pub(crate) fn clear(&self) {
        self.waiting.borrow_mut().clear();
        self.kinds.borrow_mut().clear();
    }

    /// Has these wait, and no others.
    pub(crate) fn restore(&self, others: Self) {
        self.waiting.swap(&others.waiting);
        self.kinds.swap(&others.kinds);
    }

    /// Whether pairs of a join table wait that are rows of another kind: these have to be sent before
    pub(crate) fn waits_otherwise(&self, join: usize, kind: &str) -> bool {
        self.kinds.borrow().get(&join).is_some_and(|known| known != kind) && self.any(|other| other == join)
    }

    /// Notes that members come to, or go from, the lists of owners; those of which it is `known` are a change.
    ///
    /// What takes such a change back leaves nothing to be written.
    pub(crate) fn note<C: Connection>(
        &self,
        store: Store<'_, C>,
        (field, side): (FieldId, Side),
        kind: &str,
        pairs: &[(Slot, Slot)],
        known: &dyn Fn(Slot, Slot) -> bool,
        add: bool,
    ) {
        let Side::Pairs { join, own: columns, other: others, is_symmetric } = side else { return };
        self.kinds.borrow_mut().insert(join, kind.to_owned());
        let mut pending = self.waiting.borrow_mut();
        for &(own, other) in pairs {
            let is_change = known(own, other);
            let (own, other) = if is_symmetric { (own.min(other), own.max(other)) } else { (own, other) };
            let (here, there) = ((columns, own), (others, other));
            let pair = if here <= there { (join, here, there) } else { (join, there, here) };
            let new = Pending { link: (store.number(), field), own, other, add, is_change };
            match pending.entry(pair) {
                Entry::Occupied(old) if old.get().is_change && old.get().add != add => {
                    old.swap_remove();
                }
                Entry::Occupied(mut old) => {
                    // What was known of the table before is what is known of it now.
                    let is_change = old.get().is_change;
                    old.insert(Pending { is_change, ..new });
                }
                Entry::Vacant(place) => {
                    place.insert(new);
                }
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<Pending> {
        self.waiting.borrow().values().copied().collect()
    }
}
