//! Lists that follow from their members' fields, as their link has an order or a filter: what was written to a member makes the
//! lists missing that it may have come to, left, or moved within.
//!
//! The members' table holds a [`Follower`](super::Follower) for each field that the order or the filter reads, as it does for
//! aggregates.

use super::aggregates::Affected;
use super::links::{self, Joining};
use super::slot::ColumnId;
use super::table::Table;

impl Table {
    /// Whether a column holds lists, and not what was aggregated over them
    pub(crate) fn is_of_lists(&self, column: ColumnId) -> bool {
        links::lists(self.column(column)).is_some()
    }

    /// Makes lists missing whose members' fields are not what they were; tells whether there were any.
    pub(crate) fn forget_affected_lists(
        &self,
        column: ColumnId,
        affected: Affected,
        joining: Joining,
    ) -> bool {
        let is_filtered = joining.is_selective();
        let before = self.column(column).count();
        match affected {
            Affected::None => return false,
            Affected::Some { owners, .. } if owners.iter().any(|&owner| self.may_be_alike(owner)) => {
                self.forget_all_lists(column, is_filtered);
            }
            Affected::Some { owners, younger } => {
                for owner in owners {
                    self.column(column).remove(owner);
                    if is_filtered {
                        self.forget_count(column, owner);
                    }
                }
                // Of lists that have an order alone those are known that a member is in although its link leads elsewhere.
                if is_filtered {
                    self.forget_arrived_after(column, younger, true);
                } else if !self.entry(column).contradicted.borrow().is_empty() {
                    self.forget_all_lists(column, false);
                }
            }
            Affected::All => self.forget_all_lists(column, is_filtered),
        }
        // A count that is gone is not among the cells.
        is_filtered || self.column(column).count() < before
    }

    fn forget_all_lists(&self, column: ColumnId, with_counts: bool) {
        self.column(column).remove_where(&mut |_, _| true);
        if with_counts {
            self.forget_counts(column);
        }
    }
}
