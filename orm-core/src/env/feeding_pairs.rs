//! What follows from pairs of a join table, and is stored: for its own model's rows they come and go, too.

use super::stored::{Back, Source};
use crate::Environment;
use crate::backend::Connection;
use crate::env::stores::{Side, Store};
use crate::store::{Change, Slot};

impl<C: Connection> Environment<C> {
    /// Notes that pairs of a join table come or go: which records are on each side, by the columns.
    pub(crate) fn feed_pairs(&self, side: Side, pairs: &[(Slot, Slot)]) {
        let Side::Pairs { join, own, other, is_symmetric } = side else { return };
        let stored = &self.stores.stored;
        for known in stored.pairs.borrow().iter().filter(|known| known.join == join) {
            let slots: Vec<Slot> = if known.is_symmetric || is_symmetric {
                pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect()
            } else if (known.own, known.other) == (own, other) {
                pairs.iter().map(|pair| pair.0).collect()
            } else if (known.own, known.other) == (other, own) {
                pairs.iter().map(|pair| pair.1).collect()
            } else {
                continue;
            };
            stored.note(known.source, slots);
            self.stores.signal.feed();
        }
        self.feed_lists_of_pairs(side, pairs);
        self.doubt();
    }

    /// The same of lists of the join table's own model: the rows that come or go lead to these records.
    fn feed_lists_of_pairs(&self, side: Side, pairs: &[(Slot, Slot)]) {
        let Side::Pairs { join, own, other, is_symmetric } = side else { return };
        let Some(table) = self.stores.table_of_join(join) else { return };
        let stored = &self.stores.stored;
        for source in self.stores.table(table).feeding(Change::Go) {
            let Some(source) = stored.source(source) else { continue };
            let Some(&(Back::Linked { columns, .. }, next)) = stored.step(source) else { continue };
            let slots: Vec<Slot> = if is_symmetric && (columns == own || columns == other) {
                // The row may be there in either direction.
                pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect()
            } else if columns == own {
                pairs.iter().map(|pair| pair.0).collect()
            } else if columns == other {
                pairs.iter().map(|pair| pair.1).collect()
            } else {
                continue;
            };
            stored.note(Source { route: next, ..source }, slots);
            self.stores.signal.feed();
        }
    }

    /// Notes rows of a join table that have come by a link: their own stored values are to be computed.
    pub(crate) fn feed_rows_of_pairs(&self, store: Store<'_, C>, rows: Vec<Slot>) {
        let stored = &self.stores.stored;
        for source in store.table().feeding(Change::Come) {
            if let Some(source) = stored.source(source).filter(|&source| stored.step(source).is_none()) {
                stored.note(source, rows.clone());
                self.stores.signal.feed();
            }
        }
        self.doubt();
    }

    /// Whether rows of a join table have stored values of their own
    pub(crate) fn has_stored_pairs(&self, join: usize) -> bool {
        let stored = &self.stores.stored;
        let is_own = |number| stored.source(number).is_some_and(|source| stored.step(source).is_none());
        let table = self.stores.table_of_join(join).map(|table| self.stores.table(table));
        table.is_some_and(|table| table.feeding(Change::Come).into_iter().any(is_own))
    }
}
