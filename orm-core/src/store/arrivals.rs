//! In which order what is known of owners came: what was learned before that says nothing of it.

use super::column::Stamp;
use super::slot::{Slot, SlotSet};

/// Owners of whom something came, by when that was
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Those that came together; later ones behind
    batches: Vec<(Stamp, Vec<Slot>)>,
    owners: usize,
    /// How many there were when those that have come again since were last taken out
    kept: usize,
}

/// So many may have come again before they are looked for.
const SPARE: usize = 1024;

impl Arrivals {
    pub(super) fn note(&mut self, now: Stamp, owners: Vec<Slot>) {
        self.owners += owners.len();
        self.batches.push((now, owners));
        if self.owners > 2 * self.kept + SPARE {
            let mut seen = SlotSet::default();
            for (_, owners) in self.batches.iter_mut().rev() {
                owners.retain(|&owner| seen.mark(owner));
            }
            self.batches.retain(|(_, owners)| !owners.is_empty());
            self.owners = self.batches.iter().map(|(_, owners)| owners.len()).sum();
            self.kept = self.owners;
        }
    }

    /// Takes out all of whom something came after a time.
    pub(super) fn take_after(&mut self, time: Stamp) -> Vec<Slot> {
        let first = self.batches.partition_point(|&(came, _)| came <= time);
        let taken: Vec<Slot> = self.batches.drain(first..).flat_map(|(_, owners)| owners).collect();
        self.owners -= taken.len();
        taken
    }

    /// Bytes taken
    pub(super) fn bytes(&self) -> usize {
        self.owners * size_of::<Slot>() + self.batches.capacity() * size_of::<(Stamp, Vec<Slot>)>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::slots;
    use super::*;

    #[test]
    fn what_came_after_a_time_is_taken_once() {
        let mut arrivals = Arrivals::default();
        arrivals.note(3, slots([1, 2]));
        arrivals.note(5, slots([3]));
        arrivals.note(8, slots([1]));
        assert_eq!(arrivals.take_after(4), slots([3, 1]));
        assert!(arrivals.take_after(4).is_empty());
        assert_eq!(arrivals.take_after(0), slots([1, 2]));
        assert_eq!(arrivals.owners, 0);
    }

    #[test]
    fn those_that_come_again_and_again_do_not_pile_up() {
        let mut arrivals = Arrivals::default();
        for time in 0..100_000 {
            arrivals.note(time, slots([time as usize % 7]));
        }
        assert!(arrivals.owners <= SPARE + 15 && arrivals.batches.len() <= SPARE + 15, "{}", arrivals.owners);
        let mut last = arrivals.take_after(99_999 - 7);
        last.sort_unstable();
        assert_eq!(last, slots([0, 1, 2, 3, 4, 5, 6]));
    }
}
