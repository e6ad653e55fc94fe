//! What was aggregated over the members of to-many links: each aggregate is a column beside the lists, and the members' table
//! knows which of its cells it follows from.
//!
//! So age, eviction, rollbacks and what is computed from an aggregate go by what goes for all cells. What is new is the way
//! back: a member that changes makes the aggregates of its owner missing, of all owners if that is not known. Nobody looks
//! for them when it is written: it is noted, and before the next look at the cache they go, as computed values do.

use std::any::TypeId;
use std::cell::RefCell;
use std::mem;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::column::Stamp;
use super::slot::{ColumnId, Slot, TableId};
use crate::Str;

/// So many aggregates of one list are kept; then the one that was wanted longest ago gives its column to the next.
const MOST: usize = 64;

/// What is done with the members' values
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    Sum,
    /// A sum, and of how many
    Mean,
    Least,
    Greatest,
    /// How many there are
    Count,
}

/// Of what
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A column of the members' table
    Column(ColumnId),
    /// An expression, by its text and its values
    Text(Str),
}

/// What an aggregate is told from the others of its list by
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AggregateKey {
    pub(crate) function: Function,
    pub(crate) subject: Subject,
    /// The type of the cells
    pub(crate) cell: TypeId,
}

/// An aggregate's column
#[derive(Debug)]
struct Kept {
    /// The column of the lists
    over: ColumnId,
    key: AggregateKey,
    column: ColumnId,
    /// When it was last wanted, by the count of what was wanted
    used: u64,
}

/// The aggregates of a table's lists
#[derive(Debug, Default)]
pub(crate) struct Aggregates(RefCell<(u64, Vec<Kept>)>);

/// Where a new aggregate can be kept
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    New,
    /// In the column of another one, which has to go
    Of(ColumnId),
}

impl Aggregates {
    /// The column of an aggregate
    pub(crate) fn find(&self, over: ColumnId, key: &AggregateKey) -> Option<ColumnId> {
        let (clock, all) = &mut *self.0.borrow_mut();
        let kept = all.iter_mut().find(|kept| kept.over == over && kept.key == *key)?;
        *clock += 1;
        kept.used = *clock;
        Some(kept.column)
    }

    /// What is aggregated in a column, and over which lists
    pub(super) fn of(&self, column: ColumnId) -> Option<(ColumnId, Subject)> {
        let kept = self.0.borrow();
        kept.1.iter().find(|kept| kept.column == column).map(|kept| (kept.over, kept.key.subject.clone()))
    }

    /// Where one more aggregate of a list finds room: what is given up for it is forgotten
    pub(super) fn room(&self, over: ColumnId, key: &AggregateKey) -> Room {
        let (_, all) = &mut *self.0.borrow_mut();
        let alike = all.iter().enumerate().filter(|(_, kept)| kept.over == over);
        if alike.clone().count() < MOST {
            return Room::New;
        }
        // A column holds cells of one type.
        let oldest = alike.filter(|(_, kept)| kept.key.cell == key.cell).min_by_key(|(_, kept)| kept.used);
        oldest.map(|(place, _)| place).map_or(Room::New, |place| Room::Of(all.swap_remove(place).column))
    }

    pub(super) fn keep(&self, over: ColumnId, key: AggregateKey, column: ColumnId) {
        let (clock, all) = &mut *self.0.borrow_mut();
        *clock += 1;
        all.push(Kept { over, key, column, used: *clock });
    }

    /// Calls with the column of each aggregate of a list.
    pub(super) fn each_over(&self, over: ColumnId, mut f: impl FnMut(ColumnId)) {
        let kept = self.0.borrow();
        kept.1.iter().filter(|kept| kept.over == over).for_each(|kept| f(kept.column));
    }
}

/// An aggregate that follows from the rows of a table
#[derive(Debug)]
pub(crate) struct Follower {
    /// The table of the owners, and the aggregate's column
    pub(crate) aggregate: (TableId, ColumnId),
    /// The column whose cells it reads; `None`: any
    pub(crate) reads: Option<ColumnId>,
    /// The to-one link that says whose aggregate it is; `None`: anybody's
    pub(crate) link: Option<ColumnId>,
    affected: Affected,
}

/// Whose aggregates are not what they were
#[derive(Debug, Default)]
pub(crate) enum Affected {
    #[default]
    None,
    Some {
        owners: HashSet<Slot, FixedState>,
        /// Also those for whom it was worked out after this
        younger: Stamp,
    },
    All,
}

impl Follower {
    pub(crate) fn new(
        aggregate: (TableId, ColumnId),
        reads: Option<ColumnId>,
        link: Option<ColumnId>,
    ) -> Self {
        Self { aggregate, reads, link, affected: Affected::None }
    }

    pub(super) fn reads(&self, column: ColumnId) -> bool {
        self.reads.is_none_or(|reads| reads == column)
    }

    pub(super) fn affect_all(&mut self) {
        self.affected = Affected::All;
    }

    pub(super) fn affect(&mut self, owner: Slot) {
        if let Some((owners, _)) = self.some() {
            owners.insert(owner);
        }
    }

    /// Also those for whom it was worked out after a time
    pub(super) fn affect_younger(&mut self, time: Stamp) {
        if let Some((_, younger)) = self.some() {
            *younger = time.min(*younger);
        }
    }

    fn some(&mut self) -> Option<(&mut HashSet<Slot, FixedState>, &mut Stamp)> {
        if let Affected::None = self.affected {
            self.affected = Affected::Some { owners: HashSet::default(), younger: Stamp::MAX };
        }
        match &mut self.affected {
            Affected::Some { owners, younger } => Some((owners, younger)),
            _ => None,
        }
    }

    pub(super) fn take_affected(&mut self) -> Affected {
        mem::take(&mut self.affected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aggregate_that_was_wanted_longest_ago_makes_room_for_one_of_its_type() {
        let (all, over) = (Aggregates::default(), ColumnId(0));
        let key = |number: usize, cell| AggregateKey {
            function: Function::Count,
            subject: Subject::Column(ColumnId(number)),
            cell,
        };
        let (counts, texts) = (TypeId::of::<usize>(), TypeId::of::<Str>());
        for number in 0..MOST {
            assert!(matches!(all.room(over, &key(number, counts)), Room::New));
            all.keep(over, key(number, counts), ColumnId(100 + number));
        }
        assert_eq!(all.find(over, &key(0, counts)), Some(ColumnId(100)));
        assert!(matches!(all.room(ColumnId(1), &key(0, counts)), Room::New), "another list");
        assert!(matches!(all.room(over, &key(0, texts)), Room::New), "none of the type");
        assert!(matches!(all.room(over, &key(MOST, counts)), Room::Of(ColumnId(101))));
        assert_eq!(all.find(over, &key(1, counts)), None);
    }
}
