//! An environment's clock: what happened before what, and how long ago.
//!
//! Stamps count, they do not measure: what is cached after a level or a batch has begun has a later one than what was cached
//! before, also within one millisecond. When a stamp began is kept beside, for ages.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::store::Stamp;

/// So many times are kept; then every other one of the older half is dropped, so that what was cached in between counts as
/// older than it is, and is read again sooner.
const MOST_TIMES: usize = 1 << 12;

#[derive(Debug)]
pub(crate) struct Clock {
    born: Instant,
    stamp: Cell<Stamp>,
    /// When the millisecond ends in which the time was last looked at
    until: Cell<Instant>,
    /// The first stamp of each millisecond in which there was one, and how many have passed then; ascending
    times: RefCell<Vec<(Stamp, u64)>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::since(Instant::now())
    }
}

impl Clock {
    fn since(born: Instant) -> Self {
        Self { born, stamp: Cell::new(0), until: Cell::new(born), times: RefCell::new(vec![(0, 0)]) }
    }

    /// The stamp of what is cached now
    pub(crate) fn now(&self) -> Stamp {
        let now = Instant::now();
        if now >= self.until.get() {
            self.enter_millisecond(now);
        }
        self.stamp.get()
    }

    #[cold]
    fn enter_millisecond(&self, now: Instant) {
        let now = u64::try_from((now - self.born).as_millis()).unwrap_or(u64::MAX);
        self.until.set(self.born + Duration::from_millis(now.saturating_add(1)));
        let is_later = self.times.borrow().last().is_none_or(|&(_, time)| time < now);
        // Where there are no more stamps, what is cached from now on counts as older than it is.
        if is_later && self.advance() {
            let mut times = self.times.borrow_mut();
            times.push((self.stamp.get(), now));
            if times.len() > MOST_TIMES {
                thin_out(&mut times);
            }
        }
    }

    /// A stamp that nothing has that was cached before, and all has that is cached from now on, or a later one
    pub(crate) fn mark(&self) -> Stamp {
        self.now();
        self.advance();
        self.stamp.get()
    }

    /// Goes on to the next stamp, if there is one.
    fn advance(&self) -> bool {
        let next = self.stamp.get().checked_add(1);
        next.inspect(|&next| self.stamp.set(next)).is_some()
    }

    /// The oldest stamp that is no older than `age`
    pub(crate) fn oldest(&self, age: Duration) -> Stamp {
        let Some(since) = self.born.elapsed().checked_sub(age) else { return 0 };
        let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let times = self.times.borrow();
        let first = times.partition_point(|&(_, time)| time < since);
        times.get(first).map_or(self.stamp.get().saturating_add(1), |&(stamp, _)| stamp)
    }

    /// When what has this stamp was cached, to the millisecond
    pub(crate) fn instant(&self, stamp: Stamp) -> Instant {
        let times = self.times.borrow();
        let after = times.partition_point(|&(first, _)| first <= stamp);
        let time = after.checked_sub(1).map_or(0, |at| times[at].1);
        self.born + Duration::from_millis(time)
    }
}

fn thin_out(times: &mut Vec<(Stamp, u64)>) {
    let mut at = 0;
    times.retain(|_| {
        at += 1;
        at > MOST_TIMES / 2 || at % 2 == 1
    });
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use super::{Clock, MOST_TIMES};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn what_comes_after_a_mark_is_told_from_what_was_before_it() {
        let clock = Clock::default();
        for _ in 0..1000 {
            let before = clock.now();
            let mark = clock.mark();
            assert!(before < mark && mark <= clock.now());
        }
    }

    #[test]
    fn marks_do_not_make_time_pass() {
        let clock = Clock::default();
        let began = Instant::now();
        (0..100_000).for_each(|_| {
            clock.mark();
        });
        let (age, told) = (began.elapsed(), clock.instant(clock.now()));
        assert!(told <= Instant::now() && told + age + Duration::from_millis(2) >= Instant::now());
    }

    #[test]
    fn an_age_is_kept_after_forty_nine_days_too() {
        let clock = Clock::since(Instant::now().checked_sub(60 * DAY).expect("a machine that is up"));
        let loaded = clock.now();
        assert!(clock.oldest(DAY) <= loaded, "it was loaded just now");
        sleep(Duration::from_millis(5));
        assert!(clock.oldest(Duration::from_millis(2)) > loaded, "it is older than two milliseconds");
        assert!(clock.instant(loaded).elapsed() < DAY);
    }

    #[test]
    fn stamps_that_are_used_up_make_nothing_younger() {
        let clock = Clock::default();
        clock.stamp.set(u32::MAX - 1);
        let last = clock.mark();
        sleep(Duration::from_millis(3));
        assert_eq!((last, clock.now(), clock.mark()), (u32::MAX, u32::MAX, u32::MAX));
        assert!(clock.instant(u32::MAX).elapsed() >= Duration::from_millis(3));
    }

    #[test]
    fn times_are_thinned_out_and_stay_in_order() {
        let clock = Clock::default();
        let mut times: Vec<(u32, u64)> = (0..=MOST_TIMES as u32).map(|stamp| (stamp, stamp.into())).collect();
        super::thin_out(&mut times);
        assert_eq!(times.len(), MOST_TIMES / 2 + MOST_TIMES / 4 + 1);
        *clock.times.borrow_mut() = times;
        // It counts as older than it is, never as younger.
        assert!(clock.instant(3) <= clock.born + Duration::from_millis(3));
        assert!(clock.times.borrow().is_sorted());
    }
}
