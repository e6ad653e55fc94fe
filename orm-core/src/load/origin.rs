//! Where records came from: a set (its root) and a path of links from it.
//!
//! All handles that were taken out of one set share its root, so a miss anywhere can find every record that will be
//! wanted next, and nothing has to be registered while values are read.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::number::{FieldId, ModelId};
use crate::store::{Slot, SlotSet};

/// How many sets besides the nearest a derived set remembers having been taken from. More would make unions in a loop
/// quadratic.
const MAX_BEYOND: usize = 7;

/// So many links behind each other are planned one by one; of longer ways only which links they follow is kept.
pub(crate) const MAX_STEPS: usize = 16;

/// One link on the way from a root to a group
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// The model that the link starts from
    pub(crate) model: ModelId,
    /// The link's field
    pub(crate) field: FieldId,
}

/// The links from a root to a group, one after the other
///
/// A list that shares its beginning with the paths that it was made from: one link further costs the same however
/// long it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Path(Option<Rc<Node>>);

#[derive(Debug)]
struct Node {
    before: Path,
    step: Step,
    len: usize,
}

impl Path {
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn last(&self) -> Option<Step> {
        self.0.as_ref().map(|node| node.step)
    }

    /// All but the last link
    pub(crate) fn before(&self) -> Self {
        self.0.as_ref().map_or_else(Self::default, |node| node.before.clone())
    }

    pub(crate) fn then(&self, step: Step) -> Self {
        Self(Some(Rc::new(Node { before: self.clone(), step, len: self.len() + 1 })))
    }

    pub(crate) fn to_vec(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.len());
        let mut at = self;
        while let Some(node) = &at.0 {
            steps.push(node.step);
            at = &node.before;
        }
        steps.reverse();
        steps
    }
}

// Node by node: a long path must not be dropped by a call within a call.
impl Drop for Path {
    fn drop(&mut self) {
        let mut at = self.0.take();
        while let Some(mut node) = at.and_then(Rc::into_inner) {
            at = node.before.0.take();
        }
    }
}

/// A path as it is planned: link by link, or, where it is long and comes back to a link that it has followed, the
/// links that are followed again and again
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trail(Vec<Stage>);

/// A part of a trail
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Once(Step),
    /// Any of these links, any number of times
    Loop(Vec<Step>),
}

impl Stage {
    fn steps(&self) -> &[Step] {
        match self {
            Self::Once(step) => std::slice::from_ref(step),
            Self::Loop(steps) => steps,
        }
    }

    /// The model that it starts from: that of its first link
    pub(crate) fn model(&self) -> ModelId {
        self.steps()[0].model
    }
}

impl From<&[Stage]> for Trail {
    fn from(stages: &[Stage]) -> Self {
        Self(stages.to_vec())
    }
}

impl FromIterator<Step> for Trail {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        let mut trail = Self::default();
        steps.into_iter().for_each(|step| trail.push(step));
        trail
    }
}

impl Trail {
    pub(crate) fn of(path: &Path) -> Self {
        path.to_vec().into_iter().collect()
    }

    pub(crate) fn stages(&self) -> &[Stage] {
        &self.0
    }

    /// Whether each link is followed once
    pub(crate) fn is_straight(&self) -> bool {
        self.0.iter().all(|stage| matches!(stage, Stage::Once(_)))
    }

    pub(crate) fn first_model(&self) -> Option<ModelId> {
        self.0.first().map(Stage::model)
    }

    /// Goes on along a link.
    pub(crate) fn push(&mut self, step: Step) {
        let is_long = self.0.len() >= MAX_STEPS || !self.is_straight();
        let known = self.0.iter().position(|stage| stage.steps().contains(&step)).filter(|_| is_long);
        let Some(first) = known else { return self.0.push(Stage::Once(step)) };
        if self.0.len() == first + 1 && matches!(self.0[first], Stage::Loop(_)) {
            return;
        }
        let mut steps: Vec<Step> = Vec::new();
        for step in self.0.drain(first..).flat_map(|stage| stage.steps().to_vec()) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        self.0.push(Stage::Loop(steps));
    }

    /// This trail, then another one
    pub(crate) fn then(&self, next: &Self) -> Self {
        let mut trail = self.clone();
        for stage in &next.0 {
            match stage {
                Stage::Once(step) => trail.push(*step),
                Stage::Loop(steps) => trail.push_loop(steps),
            }
        }
        trail
    }

    fn push_loop(&mut self, steps: &[Step]) {
        let first = self.0.iter().position(|stage| stage.steps().iter().any(|step| steps.contains(step)));
        let mut all: Vec<Step> = Vec::new();
        let before = first.map(|first| self.0.split_off(first)).unwrap_or_default();
        for &step in before.iter().flat_map(Stage::steps).chain(steps) {
            if !all.contains(&step) {
                all.push(step);
            }
        }
        self.0.push(Stage::Loop(all));
    }
}

/// A set of records
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) slots: Vec<Slot>,
    /// Those that are in it, once it was added to; then each is in it once
    seen: Option<SlotSet>,
    /// What earlier batches have looked at, so that planning a whole set stays linear
    pub(crate) scans: RefCell<Vec<Scan>>,
    pub(crate) reach: Reach,
}

impl Root {
    pub(crate) fn new(slots: Vec<Slot>, reach: Reach) -> Self {
        Self { slots, seen: None, scans: RefCell::default(), reach }
    }

    pub(crate) fn forget_scans(&self, field: FieldId) {
        self.scans.borrow_mut().retain(|scan| scan.field != field);
    }
}

/// With whom else the records of a set are read
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What a search found: a batch that is not full takes in what other searches have named
    Found,
    /// With those that the set was taken from
    Named,
    /// One record that was just created: with the others that were
    Created,
}

impl Reach {
    /// That of a set which is taken out of sets of both kinds
    pub(crate) fn with(self, other: Self) -> Self {
        if (self, other) == (Self::Found, Self::Found) { Self::Found } else { Self::Named }
    }
}

/// For one way through a root: the ordinals behind which nothing is missing, as far as known
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) trail: Trail,
    pub(crate) field: FieldId,
    /// Where the last batch was wanted
    pub(crate) at: usize,
    pub(crate) done: Range<usize>,
    /// What was known is worthless once something was dropped from the cache.
    pub(crate) drops: usize,
    /// How many records were looked at in vain
    pub(crate) cost: usize,
}

/// Where records came from, and so what is prefetched together: all at the end of a path from a root
#[derive(Debug, Clone)]
pub struct Origin {
    pub(crate) root: Rc<Root>,
    pub(crate) path: Path,
    pub(crate) rest: Rest,
}

/// The sets that a root was taken from; they are prefetched after its own records (rule P7)
///
/// Flat: a set that was derived a thousand times holds on to a few others, not to a chain of a thousand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rest {
    pub(crate) nearest: Option<Source>,
    /// Shared by all sets that were taken out of one group
    pub(crate) beyond: Beyond,
}

pub(crate) type Beyond = Option<Rc<[Source]>>;

impl Rest {
    /// As many of these as are remembered
    pub(crate) fn of(sources: impl IntoIterator<Item = Source>) -> Self {
        let mut sources = sources.into_iter();
        Self { nearest: sources.next(), beyond: bounded(sources) }
    }

    fn knows(&self, source: &Source) -> bool {
        self.sources().any(|known| Rc::ptr_eq(&known.root, &source.root) && known.trail == source.trail)
    }

    /// The nearest first
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.nearest.iter().chain(self.beyond.as_deref().into_iter().flatten())
    }

    /// The same sets, as they are behind a trail
    pub(crate) fn behind(&self, trail: &Trail) -> Vec<Source> {
        let behind = self
            .sources()
            .map(|source| Source { trail: Rc::new(source.trail.then(trail)), ..source.clone() });
        behind.collect()
    }
}

/// The nearest of some sets, and the one that all began with: the last one, also where what was taken from it comes together again,
/// as the parts of a set do
pub(crate) fn bounded(sources: impl IntoIterator<Item = Source>) -> Beyond {
    let mut bounded: Vec<Source> = Vec::new();
    for source in sources {
        let known = |known: &Source| Rc::ptr_eq(&known.root, &source.root) && known.trail == source.trail;
        if let Some(known) = bounded.iter().position(known) {
            bounded[known..].rotate_left(1);
        } else {
            bounded.truncate(MAX_BEYOND - 1);
            bounded.push(source);
        }
    }
    (!bounded.is_empty()).then(|| bounded.into())
}

/// A set that another one was taken from
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) root: Rc<Root>,
    pub(crate) trail: Rc<Trail>,
    /// The ordinal in its root that the other set was reached from, if it was one
    pub(crate) at: Option<u32>,
    /// Whether the other set is what a link of one of its records leads to, so that the turn of the others comes too;
    /// else it is some of its records that were chosen
    pub(crate) is_walked: bool,
}

impl Source {
    /// The same set, so many links before; `None` if it has not as many that are followed once
    pub(crate) fn before(&self, links: usize) -> Option<Self> {
        let stages = self.trail.stages();
        let trail = Trail::from(&stages[..stages.len().checked_sub(links)?]);
        self.trail.is_straight().then(|| Self { trail: Rc::new(trail), ..self.clone() })
    }
}

impl Origin {
    /// What a set that is taken out of this one inherits
    pub(crate) fn reach(&self) -> Reach {
        match self.root.reach {
            Reach::Created => Reach::Named,
            reach => reach,
        }
    }

    /// The origin of records that a trail leads to from this root, to be read with the others there
    pub(crate) fn behind(&self, slots: Vec<Slot>, trail: Trail, at: Option<u32>) -> Self {
        let beyond = bounded(self.rest.behind(&trail));
        let nearest = Source { root: Rc::clone(&self.root), trail: Rc::new(trail), at, is_walked: true };
        Self::over(slots, Rest { nearest: Some(nearest), beyond }, self.reach())
    }

    pub(crate) fn of(slots: Vec<Slot>, reach: Reach) -> Self {
        Self::over(slots, Rest::default(), reach)
    }

    pub(crate) fn over(slots: Vec<Slot>, rest: Rest, reach: Reach) -> Self {
        Self { root: Rc::new(Root::new(slots, reach)), path: Path::default(), rest }
    }

    /// One link further
    pub(crate) fn step(&self, step: Step) -> Self {
        Self { path: self.path.then(step), ..self.clone() }
    }
}

/// A set is added to in place, unless somebody else holds on to it
impl Origin {
    /// Adds a record at the end, whether it is in the set or not.
    pub(crate) fn push(&mut self, slot: Slot, from: Option<&Self>) {
        let root = Rc::make_mut(&mut self.root);
        root.slots.push(slot);
        if root.seen.as_mut().is_some_and(|seen| !seen.mark(slot)) {
            root.seen = None;
        }
        from.into_iter().for_each(|from| self.remember(from));
    }

    /// Adds the records that are not in the set yet; afterwards each is in it once.
    pub(crate) fn unite(&mut self, slots: &[Slot], from: Option<&Self>) {
        let root = Rc::make_mut(&mut self.root);
        if root.seen.is_none() {
            let (mut seen, before) = (SlotSet::default(), root.slots.len());
            root.slots.retain(|&slot| seen.mark(slot));
            root.seen = Some(seen);
            if root.slots.len() < before {
                // The ordinals are others now.
                root.scans.get_mut().clear();
            }
        }
        if let Some(seen) = &mut root.seen {
            root.slots.extend(slots.iter().filter(|&&slot| seen.mark(slot)));
        }
        from.into_iter().for_each(|from| self.remember(from));
    }

    /// Remembers where some of the records came from, as far as there is room.
    fn remember(&mut self, from: &Self) {
        // A record that was on its own is in this set now: only those that it was taken from are others.
        let is_alone = from.path.is_empty() && from.root.slots.len() == 1;
        let is_known = is_alone && from.rest.sources().all(|source| self.rest.knows(source));
        if is_known || self.rest.sources().count() > MAX_BEYOND {
            return;
        }
        let trail = Rc::new(Trail::of(&from.path));
        let own =
            Source { root: Rc::clone(&from.root), trail: Rc::clone(&trail), at: None, is_walked: false };
        let known: Vec<Source> = self.rest.sources().cloned().collect();
        let new = (!is_alone).then_some(own).into_iter().chain(from.rest.behind(&trail));
        self.rest = Rest::of(known.into_iter().chain(new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(model: usize, field: usize) -> Step {
        Step { model: ModelId(model), field: FieldId(field) }
    }

    fn trail(steps: &[Step]) -> Trail {
        steps.iter().copied().collect()
    }

    #[test]
    fn a_path_shares_its_beginning() {
        let first = Path::default().then(step(0, 1));
        let (left, right) = (first.then(step(1, 2)), first.then(step(1, 3)));
        assert_eq!(left.to_vec(), [step(0, 1), step(1, 2)]);
        assert_eq!(
            (right.len(), right.last(), right.before().to_vec()),
            (2, Some(step(1, 3)), vec![step(0, 1)])
        );
        assert!(Path::default().before().is_empty());
    }

    #[test]
    fn a_long_path_is_dropped_link_by_link() {
        let mut path = Path::default();
        for _ in 0..1_000_000 {
            path = path.then(step(0, 0));
        }
        let half = path.clone();
        drop(path);
        assert_eq!(half.len(), 1_000_000);
    }

    #[test]
    fn a_short_trail_is_its_links() {
        let short = trail(&[step(0, 1); MAX_STEPS]);
        assert!(short.is_straight() && short.stages().len() == MAX_STEPS);
        assert_eq!(short.first_model(), Some(ModelId(0)));
    }

    #[test]
    fn a_long_trail_is_the_links_that_it_follows_again_and_again() {
        assert_eq!(trail(&[step(0, 1); MAX_STEPS + 1]).stages(), [Stage::Loop(vec![step(0, 1)])]);
        // A way in, a circle of two links, a way out of it and back into it.
        let mut long = vec![step(9, 0)];
        (0..20).for_each(|_| long.extend([step(0, 1), step(1, 2)]));
        let circle = Stage::Loop(vec![step(0, 1), step(1, 2)]);
        assert_eq!(trail(&long).stages(), [Stage::Once(step(9, 0)), circle.clone()]);
        long.push(step(0, 7));
        assert_eq!(trail(&long).stages(), [Stage::Once(step(9, 0)), circle, Stage::Once(step(0, 7))]);
        long.push(step(1, 2));
        let all = vec![step(0, 1), step(1, 2), step(0, 7)];
        assert_eq!(trail(&long).stages(), [Stage::Once(step(9, 0)), Stage::Loop(all)]);
    }

    #[test]
    fn trails_are_put_behind_each_other() {
        let (short, long) = (trail(&[step(0, 1)]), trail(&[step(1, 1); MAX_STEPS + 1]));
        assert_eq!(short.then(&short), trail(&[step(0, 1), step(0, 1)]));
        assert_eq!(short.then(&long).stages(), [Stage::Once(step(0, 1)), Stage::Loop(vec![step(1, 1)])]);
        assert_eq!(long.then(&long), long);
        assert_eq!(Trail::default().then(&long), long);
    }

    #[test]
    fn the_nearest_sets_are_remembered_and_the_first() {
        let source = |number: usize| Source {
            root: Rc::new(Root::new(vec![Slot::at(number)], Reach::Named)),
            trail: Rc::default(),
            at: None,
            is_walked: true,
        };
        let sources: Vec<Source> = (0..20).map(source).collect();
        let kept = |sources: Vec<Source>| -> Vec<usize> {
            bounded(sources).expect("some").iter().map(|source| source.root.slots[0].index()).collect()
        };
        assert_eq!(kept(sources.clone()), [0, 1, 2, 3, 4, 5, 19]);
        // Parts of one set, each with where it began
        let (whole, parts) = (source(99), &sources);
        let together = parts.iter().flat_map(|part| [part.clone(), whole.clone()]);
        assert_eq!(kept(together.collect()).last(), Some(&99));
        assert!(bounded([]).is_none());
    }
}
