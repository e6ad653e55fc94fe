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
        let ends = |own: bool, other: bool| -> Vec<Slot> {
            pairs.iter().flat_map(|pair| [own.then_some(pair.0), other.then_some(pair.1)]).flatten().collect()
        };
        let links = stored.pairs.borrow();
        let of_links = links.iter().filter(|known| known.join == join).map(|known| {
            let (is_own, is_other) =
                ((known.own, known.other) == (own, other), (known.own, known.other) == (other, own));
            let are_both = known.is_symmetric || is_symmetric;
            (known.source, ends(is_own || are_both, is_other || are_both))
        });
        // The rows that come or go are in lists of the join table's own model, if it has one.
        let table = self.stores.table_of_join(join).map(|table| self.stores.table(table));
        let watching = table.map(|table| table.feeding(Change::Go)).unwrap_or_default();
        let of_lists = watching.into_iter().filter_map(|number| {
            let source = stored.source(number)?;
            let &(Back::Linked { columns, .. }, next) = stored.step(source)? else { return None };
            let (is_own, is_other) = (columns == own, columns == other);
            // The row may be there in either direction.
            let are_both = is_symmetric && (is_own || is_other);
            Some((Source { route: next, ..source }, ends(is_own || are_both, is_other || are_both)))
        });
        self.note_rows(of_links.chain(of_lists).filter(|(_, slots)| !slots.is_empty()));
    }

    /// The join table's own model, and what stored values of its rows follow from, if it has any
    pub(crate) fn stored_of_pairs(&self, join: usize) -> Option<(Store<'_, C>, Vec<Source>)> {
        let store = self.stores.get(self.stores.table(self.stores.table_of_join(join)?).model());
        let stored = &self.stores.stored;
        let watching = store.table().feeding(Change::Come).into_iter();
        let own: Vec<Source> = watching
            .filter_map(|number| stored.source(number))
            .filter(|&source| stored.step(source).is_none())
            .collect();
        (!own.is_empty()).then_some((store, own))
    }
}
