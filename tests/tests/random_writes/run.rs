//! Does the steps of a case, and looks at cache and rows after each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use orm_core::{Environment, Error, Result};

use crate::steps::{Kind, Step};
use crate::world::{Check, Eyes, Links, Pending, World};

/// How many steps were done, in all cases; each thousand is told of, for who runs many
static DONE: AtomicUsize = AtomicUsize::new(0);

/// What a panic of a case carries: thrown without the panic hook, so that nothing is printed
struct Thrown;

pub struct Run<'a> {
    pub env: &'a Environment,
    pub eyes: &'a Eyes,
    pub pending: RefCell<Pending>,
    depth: Cell<usize>,
    /// Something was refused in the open transaction.
    refused: Cell<bool>,
    /// At this depth a flush was refused: that level must not be committed.
    must_fail: Cell<Option<usize>>,
    /// What the rows are was not known in this step: nothing is compared with them.
    blind: Cell<bool>,
    /// What was done and what came of it, for the message
    log: RefCell<Vec<String>>,
    faults: RefCell<Vec<String>>,
}

impl<'a> Run<'a> {
    pub fn new(env: &'a Environment, eyes: &'a Eyes) -> Self {
        Self {
            env,
            eyes,
            pending: RefCell::default(),
            depth: Cell::new(0),
            refused: Cell::new(false),
            must_fail: Cell::new(None),
            blind: Cell::new(false),
            log: RefCell::default(),
            faults: RefCell::default(),
        }
    }

    /// Does all steps; what did not agree, and how it came to that.
    pub fn run(self, steps: &[Step]) -> Result<(), String> {
        let mut steps = steps.iter();
        // A level that an error leaves early leaves steps over.
        while steps.len() > 0 && self.faults.borrow().is_empty() {
            let _ = self.level(&mut steps, false);
        }
        let faults = self.faults.into_inner();
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("{}\n  after:\n    {}", faults.join("\n"), self.log.into_inner().join("\n    ")))
    }

    pub fn fault(&self, fault: impl Into<String>) {
        self.faults.borrow_mut().push(fault.into());
    }

    /// The rows, with what the open transaction did to them; where that is not known, none, and nothing that is compared in this step
    /// is a fault
    pub fn world(&self) -> World {
        self.known_world().unwrap_or_else(|| {
            self.blind.set(true);
            World::default()
        })
    }

    fn known_world(&self) -> Option<World> {
        if self.depth.get() > 0 {
            return self.eyes.uncommitted(self.env, &self.pending.borrow());
        }
        self.eyes.committed().map_or_else(
            |error| {
                self.fault(format!("a transaction was left open: {error}"));
                None
            },
            Some,
        )
    }

    /// Whether what is compared with the rows means something
    pub fn sees(&self) -> bool {
        !self.blind.get()
    }

    pub fn links(&self) -> Links {
        Links::of(self.env, &self.world(), &self.pending.borrow())
    }

    /// The steps up to the end of a level
    fn level(&self, steps: &mut std::slice::Iter<'_, Step>, stops_at_errors: bool) -> Result<()> {
        while let Some(&step) = steps.next() {
            if !self.faults.borrow().is_empty() {
                return Ok(());
            }
            let Step { kind, a, .. } = step;
            let done = DONE.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(1_000) {
                eprintln!("{done} steps");
            }
            let result = match kind {
                Kind::Begin => self.transaction(steps, a.is_multiple_of(2)),
                Kind::Commit | Kind::Fail | Kind::Panic if self.depth.get() == 0 => Ok(()),
                Kind::Commit => return Ok(()),
                Kind::Fail => return Err(Error::other("rolled back on purpose")),
                Kind::Panic => resume_unwind(Box::new(Thrown)),
                _ => self.leaf(step),
            };
            if stops_at_errors {
                result?;
            }
        }
        Ok(())
    }

    fn transaction(&self, steps: &mut std::slice::Iter<'_, Step>, stops_at_errors: bool) -> Result<()> {
        let depth = self.depth.get();
        self.note(format!("{}begin {{", "  ".repeat(depth)));
        let start = RefCell::new(None);
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.env.transaction(|| {
                self.depth.set(depth + 1);
                // Sent before the level began.
                self.pending.borrow_mut().forget_pairs();
                *start.borrow_mut() = Some(self.known_world());
                self.level(steps, stops_at_errors)
            })
        }));
        self.depth.set(depth);
        let result = result.unwrap_or_else(|thrown| {
            if !thrown.is::<Thrown>() {
                resume_unwind(thrown);
            }
            Err(Error::other("panicked on purpose"))
        });
        self.note(format!("{}}} {result:?}", "  ".repeat(depth)));
        let must_fail = self.must_fail.get().is_some_and(|at| at > depth);
        if must_fail {
            self.must_fail.set(None);
        }
        match (&result, start.into_inner()) {
            (Ok(()), _) => {
                if must_fail {
                    self.fault("committed although a flush was refused");
                }
                self.pending.borrow_mut().forget_pairs();
                self.check();
                if depth == 0 {
                    self.pending.take();
                    self.refused.set(false);
                }
            }
            (Err(error), start) => {
                self.fair(error, true);
                self.refused.set(depth > 0 && self.refused.get());
                match start {
                    Some(start) => {
                        self.pending.take();
                        if let (Some(start), Some(now)) = (start, self.known_world())
                            && now != start
                        {
                            self.fault(format!("rolled back to {now:?}, it was {start:?}"));
                        }
                    }
                    // What waited outside could not be sent.
                    None if error.invalid().is_none() => self.refuse(),
                    None => {}
                }
                self.check();
            }
        }
        result
    }

    /// Notes that the open transaction cannot be committed any more.
    fn refuse(&self) {
        self.refused.set(self.depth.get() > 0);
        if self.must_fail.get().is_none() && self.depth.get() > 0 {
            self.must_fail.set(Some(self.depth.get()));
        }
    }

    fn note(&self, text: String) {
        self.log.borrow_mut().push(text);
    }

    fn leaf(&self, step: Step) -> Result<()> {
        self.blind.set(false);
        let before = self.known_world();
        let result = self.act(step);
        let shown = result.as_ref().map_or_else(|error| format!("Err({error})"), |()| "Ok".into());
        self.note(format!("{}{step:?} -> {shown}", "  ".repeat(self.depth.get())));
        if let Err(error) = &result {
            self.fair(error, false);
            self.refused.set(self.depth.get() > 0);
            let is_invalid = error.invalid().is_some();
            if step.kind == Kind::Flush && !is_invalid {
                self.refuse();
            }
            // A flush that was refused by what validates leaves all as it was.
            if step.kind != Kind::Flush || !is_invalid {
                self.pending.borrow_mut().written.clear();
            }
            let after = self.known_world();
            // In a transaction what waited may have been sent. Batches are several writes.
            let is_one_write = self.depth.get() == 0 && step.kind != Kind::Batches;
            let is_undone = match (&before, &after) {
                (Some(before), Some(after)) if is_one_write => after == before,
                (Some(before), Some(after)) => after.same_keys(before),
                _ => true,
            };
            if !is_undone {
                self.fault(format!("refused, but something was done: {before:?}\n  is now {after:?}"));
            }
        }
        if self.depth.get() == 0 {
            self.pending.borrow_mut().forget_pairs();
        }
        self.check();
        if self.depth.get() == 0 {
            self.pending.take();
        }
        result
    }

    /// Whether an error is one that these steps may cause
    fn fair(&self, error: &Error, is_undone: bool) {
        let is_fair = match error {
            Error::MissingRecord { model: "Person", id } if !is_undone && !self.refused.get() => {
                let world = self.known_world();
                id.parse().is_ok_and(|id| world.is_none_or(|world| !world.persons.contains_key(&id)))
            }
            Error::MissingRecord { .. } | Error::MissingValue { .. } | Error::NotOne { .. } => true,
            Error::Database { .. } => error.violation().is_some(),
            Error::RowRefused { error, .. } => {
                return self.fair(error, is_undone);
            }
            Error::Invalid { .. } => {
                error.invalid().is_some_and(|error| error.to_string().ends_with("on purpose"))
            }
            Error::Conflict { .. } => self.refused.get(),
            Error::Other(error) => error.to_string().ends_with("on purpose"),
            _ => false,
        };
        if !is_fair {
            self.fault(format!("an error that nobody caused: {error:?}"));
        }
    }

    fn check(&self) {
        let Some(world) = self.known_world() else { return };
        let pending = self.pending.borrow();
        let check = Check {
            env: self.env,
            world: &world,
            pending: &pending,
            is_open: self.depth.get() > 0,
            is_refused: self.refused.get(),
            faults: Vec::new(),
            dirty: BTreeSet::new(),
        };
        self.faults.borrow_mut().extend(check.run());
    }
}
