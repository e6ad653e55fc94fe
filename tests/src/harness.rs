//! Measures two ways of doing the same work side by side: runs take turns, so that both meet the same machine.

use std::time::{Duration, Instant};

/// The median of what a run took
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The first way
    pub ours: Duration,
    /// The second way
    pub theirs: Duration,
}

impl Measured {
    /// How much longer ours took
    pub fn ratio(&self) -> f64 {
        self.ours.as_secs_f64() / self.theirs.as_secs_f64()
    }
}

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

/// Runs both ways in turns; each closure times its own work, so that set-up is left out.
pub fn side_by_side(
    runs: usize,
    mut ours: impl FnMut() -> Duration,
    mut theirs: impl FnMut() -> Duration,
) -> Measured {
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    ours();
    theirs();
    for run in 0..runs {
        // Who goes first takes turns too.
        if run % 2 == 0 {
            of_ours.push(ours());
            of_theirs.push(theirs());
        } else {
            of_theirs.push(theirs());
            of_ours.push(ours());
        }
    }
    Measured { ours: median(of_ours), theirs: median(of_theirs) }
}

/// Times a piece of work and keeps its result from being optimised away.
pub fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

/// A line of the report
pub fn report(what: &str, measured: Measured, budget: f64) {
    let Measured { ours, theirs } = measured;
    let ratio = measured.ratio();
    let verdict = if ratio <= budget { "ok" } else { "OVER" };
    println!("{what:<46} {ours:>12.2?} {theirs:>12.2?} {ratio:>7.2}  ≤ {budget:<5} {verdict}");
}

/// The head of the report
pub fn head() {
    println!("{:<46} {:>12} {:>12} {:>7}  budget", "median of", "orm-core", "by hand", "ratio");
}
