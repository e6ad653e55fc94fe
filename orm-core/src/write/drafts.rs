//! In which order new records are sent that link to each other: each model together, what is linked to before what links to it.

use crate::number::{FieldId, ModelId};
use std::collections::HashMap;
use std::fmt;

/// A record that is to be created, its type forgotten
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AnyDraft {
    /// The number of the drafts that it is one of
    pub(crate) drafts: u64,
    /// The number of its model
    pub(crate) model: ModelId,
    /// The name of its model
    pub(crate) name: &'static str,
    /// Its place among the drafts of its model
    pub(crate) index: usize,
}

impl fmt::Debug for AnyDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} {})", self.name, self.index)
    }
}

/// A link of one draft to another; both by their place among all drafts
pub(crate) struct DraftLink {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) field: FieldId,
    /// Whether it cannot be left NULL until what it leads to is there
    pub(crate) is_required: bool,
}

/// Drafts of one model that are sent together, by their place among all drafts
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) model: usize,
    pub(crate) drafts: Vec<usize>,
}

/// The steps in which drafts are sent, as few as the links between their models allow: one for each model, and for models that link to each
/// other, or to themselves, one for each level
///
/// `models` says of each draft which model it is of; `None`: it is not sent. A link that is not required may lead to a draft of the same step
/// or of a later one where links lead in a circle.
///
/// # Errors
///
/// The links of a circle of which none can be left NULL.
pub(crate) fn steps(models: &[Option<usize>], links: &[DraftLink]) -> Result<Vec<Step>, Vec<usize>> {
    let count = models.iter().flatten().max().map_or(0, |last| last + 1);
    let mut sequence = Sequence::new(models, links, count);
    let reach = reach(models, links, count);
    let mut done = vec![false; count];
    // Those next that lead to nothing but what is done, and to those that lead back.
    let is_next = |model: usize, done: &[bool]| {
        !done[model] && (0..count).all(|other| !reach[model][other] || done[other] || reach[other][model])
    };
    while let Some(first) = (0..count).find(|&model| is_next(model, &done)) {
        let is_in = |&other: &usize| other == first || (reach[first][other] && reach[other][first]);
        let together: Vec<usize> = (0..count).filter(is_in).collect();
        together.iter().for_each(|&model| done[model] = true);
        sequence.send(&together)?;
    }
    Ok(sequence.steps)
}

/// Which models the links of each lead to, directly or by others
fn reach(models: &[Option<usize>], links: &[DraftLink], count: usize) -> Vec<Vec<bool>> {
    let mut reach = vec![vec![false; count]; count];
    for link in links {
        if let (Some(from), Some(to)) = (models[link.from], models[link.to]) {
            reach[from][to] = true;
        }
    }
    for by in 0..count {
        let beyond = reach[by].clone();
        for from in reach.iter_mut().filter(|from| from[by]) {
            from.iter_mut().zip(&beyond).for_each(|(reaches, beyond)| *reaches |= beyond);
        }
    }
    reach
}

struct Sequence<'a> {
    models: &'a [Option<usize>],
    links: &'a [DraftLink],
    /// Whether a link keeps its draft from being sent
    is_awaited: Vec<bool>,
    /// The links of each draft, and those to it
    of: Vec<Vec<usize>>,
    to: Vec<Vec<usize>>,
    /// How many links keep each draft from being sent
    waits: Vec<usize>,
    /// By model: what nothing keeps from being sent, and how many are not sent yet
    ready: Vec<Vec<usize>>,
    left: Vec<usize>,
    steps: Vec<Step>,
}

impl<'a> Sequence<'a> {
    fn new(models: &'a [Option<usize>], links: &'a [DraftLink], count: usize) -> Self {
        let (mut of, mut to) = (vec![Vec::new(); models.len()], vec![Vec::new(); models.len()]);
        for (number, link) in links.iter().enumerate() {
            of[link.from].push(number);
            to[link.to].push(number);
        }
        let waits: Vec<usize> = of.iter().map(Vec::len).collect();
        let (mut ready, mut left) = (vec![Vec::new(); count], vec![0; count]);
        for (draft, model) in models.iter().enumerate() {
            if let Some(model) = *model {
                left[model] += 1;
                if waits[draft] == 0 {
                    ready[model].push(draft);
                }
            }
        }
        let is_awaited = vec![true; links.len()];
        Self { models, links, is_awaited, of, to, waits, ready, left, steps: Vec::new() }
    }

    /// Sends all drafts of some models, which lead to none that is not sent but to each other.
    fn send(&mut self, together: &[usize]) -> Result<(), Vec<usize>> {
        loop {
            // A model that can be sent as a whole needs no second turn; else that of which there are most, of several the first.
            let tick = |&model: &usize| {
                let ready = self.ready[model].len();
                (ready > 0).then_some(((ready == self.left[model], ready), model))
            };
            match together.iter().rev().filter_map(tick).max_by_key(|(tick, _)| *tick) {
                Some((_, model)) => self.step(model),
                None if together.iter().all(|&model| self.left[model] == 0) => return Ok(()),
                None => self.open_circle(together)?,
            }
        }
    }

    fn step(&mut self, model: usize) {
        let mut drafts = std::mem::take(&mut self.ready[model]);
        drafts.sort_unstable();
        self.left[model] -= drafts.len();
        for &draft in &drafts {
            for link in std::mem::take(&mut self.to[draft]) {
                self.leave(link);
            }
        }
        self.steps.push(Step { model, drafts });
    }

    /// A link keeps its draft from nothing any more.
    fn leave(&mut self, link: usize) {
        if !std::mem::take(&mut self.is_awaited[link]) {
            return;
        }
        let from = self.links[link].from;
        self.waits[from] -= 1;
        if self.waits[from] == 0
            && let Some(model) = self.models[from]
        {
            self.ready[model].push(from);
        }
    }

    /// Everything left waits for each other: one of the fields that may be NULL waits no more, of all drafts that are left.
    fn open_circle(&mut self, together: &[usize]) -> Result<(), Vec<usize>> {
        let is_left = |draft: usize| {
            self.waits[draft] > 0 && self.models[draft].is_some_and(|model| together.contains(&model))
        };
        let Some(first) = (0..self.models.len()).find(|&draft| is_left(draft)) else { return Ok(()) };
        let circle = self.circle(first);
        let Some(&open) = circle.iter().find(|&&link| !self.links[link].is_required) else {
            return Err(circle);
        };
        let DraftLink { from, field, .. } = self.links[open];
        let is_alike = |link: &DraftLink| link.field == field && self.models[link.from] == self.models[from];
        let alike: Vec<usize> = (0..self.links.len()).filter(|&link| is_alike(&self.links[link])).collect();
        alike.into_iter().for_each(|link| self.leave(link));
        Ok(())
    }

    /// The links of a circle that one comes to from a draft that waits, as all that it waits for do
    fn circle(&self, first: usize) -> Vec<usize> {
        let (mut path, mut places, mut draft) = (Vec::new(), HashMap::new(), first);
        loop {
            if let Some(place) = places.insert(draft, path.len()) {
                return path.split_off(place);
            }
            let Some(&link) = self.of[draft].iter().find(|&&link| self.is_awaited[link]) else { return path };
            path.push(link);
            draft = self.links[link].to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: usize, to: usize) -> DraftLink {
        DraftLink { from, to, field: FieldId(0), is_required: true }
    }

    fn sent(models: &[usize], links: &[DraftLink]) -> Vec<(usize, Vec<usize>)> {
        let models: Vec<_> = models.iter().copied().map(Some).collect();
        let steps = steps(&models, links).expect("no circle");
        steps.into_iter().map(|step| (step.model, step.drafts)).collect()
    }

    #[test]
    fn each_model_is_one_step_whatever_the_order_of_the_drafts() {
        // Lines (0) of orders (1) of partners (2)
        let links = [link(0, 1), link(1, 2), link(3, 4), link(4, 2), link(5, 1)];
        assert_eq!(sent(&[0, 1, 2, 0, 1, 0], &links), [(2, vec![2]), (1, vec![1, 4]), (0, vec![0, 3, 5])]);
        assert_eq!(sent(&[], &[]), []);
    }

    #[test]
    fn what_leads_to_its_own_model_goes_by_levels_before_what_leads_to_it() {
        // A tree (1), of which the leaves have labels (0)
        let links = [link(0, 3), link(2, 1), link(3, 2), link(4, 1), link(5, 1)];
        let expected = [(1, vec![1]), (1, vec![2, 4]), (1, vec![3]), (0, vec![0, 5])];
        assert_eq!(sent(&[0, 1, 1, 1, 1, 0], &links), expected);
    }

    #[test]
    fn models_that_lead_to_each_other_take_turns() {
        assert_eq!(sent(&[0, 1, 0], &[link(0, 1), link(1, 2)]), [(0, vec![2]), (1, vec![1]), (0, vec![0])]);
    }

    #[test]
    fn a_circle_is_opened_where_it_may_be_for_all_at_once() {
        let models = [0, 1].repeat(50).into_iter().map(Some).collect::<Vec<_>>();
        let pair = |at: usize| {
            [link(at, at + 1), DraftLink { field: FieldId(7), is_required: false, ..link(at + 1, at) }]
        };
        let links: Vec<_> = (0..100).step_by(2).flat_map(pair).collect();
        let steps = steps(&models, &links).expect("it can be opened");
        assert_eq!(
            steps.iter().map(|step| (step.model, step.drafts.len())).collect::<Vec<_>>(),
            [(1, 50), (0, 50)]
        );
    }

    #[test]
    fn a_circle_that_cannot_be_opened_is_told() {
        let links = [link(0, 1), link(1, 2), link(2, 1)];
        assert_eq!(steps(&[Some(0), Some(1), Some(1)], &links), Err(vec![1, 2]));
        assert_eq!(steps(&[Some(0)], &[link(0, 0)]), Err(vec![0]));
    }

    #[test]
    fn what_is_not_sent_is_in_no_step() {
        assert_eq!(steps(&[None, Some(0)], &[]), Ok(vec![Step { model: 0, drafts: vec![1] }]));
    }
}
