//! Who leads to a record: the way back from a link's target, by the pages of the column that the links are in.
//!
//! Nothing is kept up while cells are filled but a list of the pages that were changed; whoever asks has these looked
//! through first. So a loop that only reads pays nothing, and one that deletes no more than its own links. That a page
//! leads to a record is a hint: what has changed since is seen when it is looked at.

use std::collections::BTreeSet;

use super::any_column::AnyColumn;
use super::column::PAGE;
use super::links;
use super::slot::{Slot, Slots};

/// Who leads where by the links of one column
#[derive(Debug, Default)]
pub(crate) struct Reverse {
    /// The target, and a page that has led there
    hints: BTreeSet<(Slot, u32)>,
    /// How many hints there were when all pages were last looked through
    built: usize,
    /// Targets that their own table has not been told of yet
    named: Slots,
    /// Of a to-one link: records of which it was not known where they lead when something else of them became known or went
    unknown: Slots,
}

/// So many hints may be out of date before all pages are looked through.
const SPARE: usize = 1024;

fn slots_of(page: u32) -> impl Iterator<Item = Slot> {
    let first = page as usize * PAGE;
    (first..first + PAGE).map(Slot::at)
}

impl Reverse {
    /// Notes where the links of pages lead that have changed.
    pub(super) fn note_pages(&mut self, column: &dyn AnyColumn, pages: &[u32]) {
        let mut hints = Vec::new();
        for &page in pages {
            links::follow(column, slots_of(page), |targets| {
                hints.extend(targets.into_iter().flatten().map(|&target| (target, page)));
            });
        }
        hints.sort_unstable();
        hints.dedup();
        self.named.extend(hints.iter().map(|&(target, _)| target));
        if self.hints.is_empty() {
            self.hints = hints.into_iter().collect();
            self.built = self.hints.len();
        } else {
            self.hints.extend(hints);
        }
        if self.hints.len() > 2 * self.built + SPARE {
            self.hints.retain(|&(target, page)| {
                let mut leads = false;
                links::follow(column, slots_of(page), |targets| {
                    leads |= targets.is_some_and(|targets| targets.contains(&target));
                });
                leads
            });
            self.built = self.hints.len();
        }
    }

    /// The slots whose links lead to one of these records
    pub(super) fn leading_to(&self, column: &dyn AnyColumn, targets: &Slots) -> Vec<Slot> {
        let of = |&target: &Slot| self.hints.range((target, 0)..=(target, u32::MAX)).map(|&(_, page)| page);
        let mut pages: Vec<u32> = targets.iter().flat_map(of).collect();
        pages.sort_unstable();
        pages.dedup();
        let mut found = Vec::new();
        for page in pages {
            let mut slots = slots_of(page);
            links::follow(column, slots_of(page), |led| {
                let slot = slots.next();
                if led.is_some_and(|led| led.iter().any(|target| targets.contains(target))) {
                    found.extend(slot);
                }
            });
        }
        found
    }

    /// Notes the slots of pages of which it is not known where they lead.
    pub(super) fn note_unknown(&mut self, column: &dyn AnyColumn, slots: impl Iterator<Item = Slot>) {
        self.unknown.extend(slots.filter(|&slot| !column.has(slot)));
    }

    /// The records of which it was not known where they lead: whoever takes them forgets all that is known of them.
    pub(super) fn take_unknown(&mut self) -> Slots {
        std::mem::take(&mut self.unknown)
    }

    /// The targets of links that have changed since this was last asked
    pub(super) fn take_named(&mut self) -> Slots {
        std::mem::take(&mut self.named)
    }

    /// Bytes taken
    pub(super) fn bytes(&self) -> usize {
        // A node of the tree is two thirds full, as a rule.
        let hints = self.hints.len() * size_of::<(Slot, u32)>() * 3 / 2;
        hints + self.named.allocation_size() + self.unknown.allocation_size()
    }
}

/// The slots that a page has
pub(super) fn slots_of_pages(pages: &[u32], slots: usize) -> impl Iterator<Item = Slot> + '_ {
    pages.iter().flat_map(|&page| slots_of(page)).filter(move |&slot| (slot.index()) < slots)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::column::{Column, Moment, TouchedFor};
    use super::super::links::{Link, List};
    use super::super::slot::{slot, slots};
    use super::*;

    const NOW: Moment = Moment { time: 1, tick: 1 };

    fn to(targets: impl IntoIterator<Item = usize>) -> Slots {
        slots(targets).into_iter().collect()
    }

    #[test]
    fn what_leads_to_a_record_is_found_in_the_pages_that_have_led_there() {
        let column = RefCell::new(Column::default());
        let mut reverse = Reverse::default();
        for number in 0..200 {
            column.borrow_mut().set(slot(number), NOW, Link(slot(number % 50)));
        }
        let pages = column.borrow_mut().take_touched(TouchedFor::Links);
        assert_eq!(pages, [0, 1, 2, 3]);
        reverse.note_pages(&column, &pages);
        assert_eq!(reverse.leading_to(&column, &to([7])), slots([7, 57, 107, 157]));
        column.borrow_mut().set(slot(57), NOW, Link(slot(3)));
        column.borrow_mut().set(slot(8), NOW, Link(slot(7)));
        column.borrow_mut().remove(slot(157));
        let pages = column.borrow_mut().take_touched(TouchedFor::Links);
        assert_eq!(pages, [0, 2]);
        reverse.note_pages(&column, &pages);
        assert_eq!(reverse.leading_to(&column, &to([7])), slots([7, 8, 107]));
        assert_eq!(reverse.leading_to(&column, &to([3, 8])), slots([3, 53, 57, 58, 103, 108, 153, 158]));
        assert!(column.borrow_mut().take_touched(TouchedFor::Links).is_empty());
        reverse.note_unknown(&column, slots(156..159).into_iter());
        assert_eq!((reverse.take_unknown(), reverse.take_unknown()), (to([157]), to([])));
    }

    #[test]
    fn hints_that_are_out_of_date_do_not_pile_up() {
        let column = RefCell::new(Column::default());
        let mut reverse = Reverse::default();
        for target in 0..20_000 {
            column.borrow_mut().set(slot(5), NOW, Link(slot(target)));
            let pages = column.borrow_mut().take_touched(TouchedFor::Links);
            reverse.note_pages(&column, &pages);
        }
        assert!(reverse.hints.len() <= SPARE + 3, "{}", reverse.hints.len());
        assert_eq!(reverse.leading_to(&column, &to([19_999])), slots([5]));
        assert!(reverse.leading_to(&column, &to([19_998])).is_empty());
    }

    #[test]
    fn targets_are_told_again_when_what_leads_there_was_filled_anew() {
        let column = RefCell::new(Column::default());
        let mut reverse = Reverse::default();
        for _ in 0..2 {
            column.borrow_mut().set(slot(70), NOW, List(slots([4, 9]).into()));
            let pages = column.borrow_mut().take_touched(TouchedFor::Links);
            reverse.note_pages(&column, &pages);
            assert_eq!(reverse.leading_to(&column, &to([9])), slots([70]));
            assert_eq!(reverse.take_named(), to([4, 9]));
            column.borrow_mut().remove(slot(70));
            assert!(reverse.leading_to(&column, &to([9])).is_empty());
        }
    }
}
