//! Where records came from: a set (its root) and a path of links from it.
//!
//! All handles that were taken out of one set share its root, so a miss anywhere can find every record that will be
//! wanted next, and nothing has to be registered while values are read.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// How many sets a derived set remembers having been taken from. More would make unions in a loop quadratic.
const MAX_REST: usize = 8;

/// One link on the way from a root to a group
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// The model that the link starts from
    pub(crate) model: usize,
    /// The link's field
    pub(crate) field: usize,
}

/// A set of records
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) slots: Vec<u32>,
    /// The same, each once; made when sets are united into this one, so that a loop of unions stays linear
    seen: Option<Marks>,
    /// What earlier batches have looked at, so that planning a whole set stays linear
    pub(crate) scans: RefCell<Vec<Scan>>,
    /// Whether it is one record that was just created: a set with the others that were
    pub(crate) is_created: bool,
}

/// For one way through a root: the ordinals behind which nothing is missing, as far as known
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) path: Vec<Step>,
    pub(crate) field: usize,
    /// Where the last batch was wanted
    pub(crate) at: usize,
    pub(crate) done: Range<usize>,
    /// What was known is worthless once something was dropped from the cache.
    pub(crate) epoch: usize,
}

/// Where records came from, and so what is prefetched together: all at the end of a path from a root
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) root: Rc<Root>,
    pub(crate) path: Rc<[Step]>,
    /// The sets that the root was taken from; they are prefetched after its own records (rule P7). Flat: a set that
    /// was derived a thousand times holds on to eight others, not to a chain of a thousand.
    pub(crate) rest: Rc<[Source]>,
}

/// A set that another one was taken from
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) root: Rc<Root>,
    pub(crate) path: Rc<[Step]>,
}

impl Origin {
    /// A set of its own
    pub(crate) fn of(slots: Vec<u32>) -> Self {
        Self::over(slots, Rc::default())
    }

    fn over(slots: Vec<u32>, rest: Rc<[Source]>) -> Self {
        let root = Root { slots, seen: None, scans: RefCell::default(), is_created: false };
        Self { root: Rc::new(root), path: Rc::default(), rest }
    }

    /// A record that was just created
    pub(crate) fn of_created(slot: u32) -> Self {
        let root = Root { slots: vec![slot], seen: None, scans: RefCell::default(), is_created: true };
        Self { root: Rc::new(root), path: Rc::default(), rest: Rc::default() }
    }

    /// A set that was taken out of these
    pub(crate) fn taken_from<'a>(slots: Vec<u32>, origins: impl Iterator<Item = &'a Self>) -> Self {
        let mut rest: Vec<Source> = Vec::new();
        for origin in origins {
            for source in origin.sources() {
                let known =
                    |known: &Source| Rc::ptr_eq(&known.root, &source.root) && known.path == source.path;
                if rest.iter().any(known) {
                    continue;
                }
                // The nearest sets, and the one that all began with.
                rest.truncate(MAX_REST - 1);
                rest.push(source);
            }
        }
        Self::over(slots, rest.into())
    }

    /// One link further
    pub(crate) fn step(&self, step: Step) -> Self {
        Self { path: self.path.iter().copied().chain([step]).collect(), ..self.clone() }
    }

    /// Where a link on the path starts from
    pub(crate) fn prefix(&self, depth: usize) -> Self {
        Self { path: self.path[..depth].into(), ..self.clone() }
    }
}

/// A set is added to in place, unless somebody else holds on to it
impl Origin {
    /// Adds a record at the end, whether it is in the set or not.
    pub(crate) fn push(&mut self, slot: u32, from: Option<&Self>) {
        let root = Rc::make_mut(&mut self.root);
        root.slots.push(slot);
        if root.seen.as_mut().is_some_and(|seen| !seen.mark(slot)) {
            root.seen = None;
        }
        from.into_iter().for_each(|from| self.remember(from));
    }

    /// Adds the records that are not in the set yet; afterwards each is in it once.
    pub(crate) fn unite(&mut self, slots: &[u32], from: Option<&Self>) {
        let root = Rc::make_mut(&mut self.root);
        if root.seen.is_none() {
            let (mut seen, before) = (Marks::default(), root.slots.len());
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
        let knows = |root: &Rc<Root>, path: &[Step]| {
            self.rest.iter().any(|known| Rc::ptr_eq(&known.root, root) && *known.path == *path)
        };
        if self.rest.len() >= MAX_REST || knows(&from.root, &from.path) {
            return;
        }
        // A record that was on its own is in this set now, and brings no others along.
        let is_alone = from.path.is_empty() && from.root.slots.len() == 1;
        let new: Vec<Source> = from
            .sources()
            .skip(is_alone.into())
            .filter(|source| !knows(&source.root, &source.path))
            .collect();
        if !new.is_empty() {
            self.rest = self.rest.iter().cloned().chain(new).take(MAX_REST).collect();
        }
    }

    /// The set itself, then the sets that it was taken from
    fn sources(&self) -> impl Iterator<Item = Source> {
        let own = Source { root: Rc::clone(&self.root), path: Rc::clone(&self.path) };
        // What the root was taken from leads here too, along the same path.
        let further = self.rest.iter().map(|source| Source {
            root: Rc::clone(&source.root),
            path: source.path.iter().chain(&*self.path).copied().collect(),
        });
        std::iter::once(own).chain(further)
    }
}

/// A set of slots
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![0; slots.div_ceil(64)])
    }

    /// These slots
    pub(crate) fn of(slots: impl IntoIterator<Item = u32>) -> Self {
        let mut marks = Self::default();
        for slot in slots {
            marks.mark(slot);
        }
        marks
    }

    /// Marks a slot; tells whether it was not marked before.
    #[inline]
    pub(crate) fn mark(&mut self, slot: u32) -> bool {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let fresh = self.0[word] & bit == 0;
        self.0[word] |= bit;
        fresh
    }

    pub(crate) fn unmark(&mut self, slot: u32) {
        if let Some(word) = self.0.get_mut(slot as usize / 64) {
            *word &= !(1 << (slot % 64));
        }
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }
}
