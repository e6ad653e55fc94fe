//! Drafts: new records that are collected, and created together.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::value::{IntoNewLink, NewLink, via};
use super::values::{Values, foreign};
use super::{Beside, Model, Record, RecordSet, ValueSet};
use crate::backend::{Begin, Connection};
use crate::env::watch::Place;
use crate::model::{AnyModel, Entity, any};
use crate::number::{FieldId, ModelId};
use crate::store::Slot;
use crate::write::drafts::{AnyDraft, DraftLink, Step, steps};
use crate::write::put::put;
use crate::write::rows::{AnyValues, Rows};
use crate::{Environment, Error, Id, Result, Str};

/// A record that is to be created with others of its [`Drafts`]: what links to it takes this, before it has a key
pub struct Draft<M> {
    drafts: u64,
    index: usize,
    of: PhantomData<fn() -> M>,
}

impl<M> Draft<M> {
    /// Its place among the drafts of its model, counted from 0: what [`Error::RowRefused`](crate::Error::RowRefused) tells
    pub fn index(self) -> usize {
        self.index
    }
}

impl<M: Model> Draft<M> {
    fn erased(self) -> AnyDraft {
        AnyDraft { drafts: self.drafts, model: M::number().get(), name: M::NAME, index: self.index }
    }

    #[cold]
    fn foreign(self) -> Error {
        Error::ForeignDraft { model: M::NAME, index: self.index, linking: "", field: "" }
    }

    #[cold]
    fn discarded(self) -> Error {
        Error::DiscardedDraft { model: M::NAME, index: self.index, linking: "", field: "" }
    }
}

impl<M> Clone for Draft<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Draft<M> {}

impl<M> PartialEq for Draft<M> {
    fn eq(&self, other: &Self) -> bool {
        (self.drafts, self.index) == (other.drafts, other.index)
    }
}

impl<M> Eq for Draft<M> {}

impl<M> Hash for Draft<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.drafts, self.index).hash(state);
    }
}

impl<M: Model> fmt::Debug for Draft<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.erased().fmt(f)
    }
}

macro_rules! into_new_link {
    ($($from:ty, $via:ty => $to:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<M: Model> IntoNewLink<$to, $via> for $from {
            fn into_new_link(self) -> Result<NewLink<$to>> {
                Ok(NewLink::ToDraft(self.erased()))
            }
        }
    )*};
}
into_new_link! {
    Draft<M>, via::Draft => Id<M>;
    &Draft<M>, via::Draft => Id<M>;
    Draft<M>, via::Some<via::Draft> => Option<Id<M>>;
    &Draft<M>, via::Some<via::Draft> => Option<Id<M>>;
}

#[diagnostic::do_not_recommend]
impl<M: Model> IntoNewLink<Option<Id<M>>, via::Ref<via::Draft>> for &Option<Draft<M>> {
    fn into_new_link(self) -> Result<NewLink<Option<Id<M>>>> {
        Ok(self.map_or(NewLink::ToRecord(None), |draft| NewLink::ToDraft(draft.erased())))
    }
}

/// The drafts of one model, their type forgotten; each by its index
trait AnyDrafts<C: Connection>: Any {
    fn model(&self) -> &'static dyn AnyModel<C>;
    fn len(&self) -> usize;
    /// `None` of one that was discarded
    fn beside(&self, index: usize) -> Option<&Beside>;
    /// The links to other drafts, which are forgotten here
    fn take_links(&mut self, index: usize) -> Vec<(FieldId, AnyDraft)>;
    fn link(&mut self, index: usize, field: FieldId, id: &dyn Any);
    fn foreign(&self, field: FieldId, draft: AnyDraft) -> Error;
    fn create(&self, env: &Environment<C>, at: Place, indices: &[usize]) -> Result<Vec<Slot>>;
    /// Has a record link to another one, both of which are there.
    fn write(&self, env: &Environment<C>, slot: Slot, field: FieldId, id: &dyn Any) -> Result<()>;
    fn id(&self, env: &Environment<C>, slot: Slot) -> Box<dyn Any>;
    fn note_created(&self, env: &Environment<C>, slot: Slot);
}

/// The drafts of one model; `None` where one was discarded
struct DraftsOf<V>(Vec<Option<V>>);

impl<C, V> AnyDrafts<C> for DraftsOf<V>
where
    C: Connection,
    V: ValueSet<Model: Model<Connection = C>>,
{
    fn model(&self) -> &'static dyn AnyModel<C> {
        any::<V::Model>()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn beside(&self, index: usize) -> Option<&Beside> {
        self.0.get(index)?.as_ref().map(V::beside)
    }

    fn take_links(&mut self, index: usize) -> Vec<(FieldId, AnyDraft)> {
        let values = self.0.get_mut(index).and_then(Option::as_mut);
        values.map_or_else(Vec::new, |values| values.beside_mut().take_drafts())
    }

    fn link(&mut self, index: usize, field: FieldId, id: &dyn Any) {
        if let Some(Some(values)) = self.0.get_mut(index) {
            values.link(field.0, id);
        }
    }

    fn foreign(&self, field: FieldId, draft: AnyDraft) -> Error {
        foreign::<V::Model>(field, draft)
    }

    fn create(&self, env: &Environment<C>, at: Place, indices: &[usize]) -> Result<Vec<Slot>> {
        let given = indices.iter().filter_map(|&index| self.0.get(index)?.as_ref());
        let rows: Vec<&dyn AnyValues<C>> = given.map(|values| values as _).collect();
        env.insert::<V::Model>(at, Rows::of(&rows))
    }

    fn write(&self, env: &Environment<C>, slot: Slot, field: FieldId, id: &dyn Any) -> Result<()> {
        put(env, env.store::<V::Model>(), field, &[slot], id)
    }

    fn id(&self, env: &Environment<C>, slot: Slot) -> Box<dyn Any> {
        Box::new(Id::<V::Model>::from(&Record::among_created(env, slot)))
    }

    fn note_created(&self, env: &Environment<C>, slot: Slot) {
        env.store::<V::Model>().note_created(slot);
    }
}

/// New records of any models, to be created together: each model's in one INSERT for a thousand, what is linked to before what links to it
///
/// Made by [`Environment::drafts`]. Nothing is sent before [`create`](Self::create), and nothing at all if it is not called.
pub struct Drafts<'env, C: Connection> {
    env: &'env Environment<C>,
    number: u64,
    /// By the number of their model, in the order in which models came
    models: IndexMap<ModelId, Box<dyn AnyDrafts<C>>, FixedState>,
}

impl<C: Connection> fmt::Debug for Drafts<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.models.values().map(|drafts| (drafts.model().name(), drafts.len()));
        f.debug_map().entries(counts).finish()
    }
}

impl<'env, C: Connection> Drafts<'env, C> {
    pub(crate) fn new(env: &'env Environment<C>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { env, number: NEXT.fetch_add(1, Ordering::Relaxed), models: IndexMap::default() }
    }

    /// Notes a record that is to be created
    ///
    /// What is wrong with the values is told by [`create`](Self::create).
    pub fn add<V>(&mut self, values: V) -> Draft<V::Model>
    where
        V: ValueSet<Model: Model<Connection = C>>,
    {
        let empty = || Box::new(DraftsOf::<V>(Vec::new())) as _;
        let drafts = self.models.entry(V::Model::number().get()).or_insert_with(empty);
        let index = drafts.len();
        if let Some(DraftsOf(rows)) = (&mut **drafts as &mut dyn Any).downcast_mut::<DraftsOf<V>>() {
            rows.push(Some(values));
        }
        Draft { drafts: self.number, index, of: PhantomData }
    }

    /// Changes the values of a draft: has it link to one that was added after it
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { nodes { id -> Integer, parent_id -> Nullable<Integer> } }
    /// # #[derive(Model)] struct Node { id: i32, parent_id: Option<Id<Node>> }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent_id INTEGER)"))?;
    /// let mut drafts = env.drafts();
    /// let leaf = drafts.add(Node::values());
    /// let root = drafts.add(Node::values());
    /// drafts.change(leaf, |values| values.parent_id(root))?;
    /// let created = drafts.create()?;
    /// assert!(created.get(leaf)?.parent_id().is(&created.get(root)?)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ForeignDraft`] of one of other drafts, [`Error::DiscardedDraft`].
    pub fn change<M: Model<Connection = C>>(
        &mut self,
        draft: Draft<M>,
        change: impl FnOnce(Values<M>) -> Values<M>,
    ) -> Result<()> {
        let values = self.row(draft)?.as_mut().ok_or_else(|| draft.discarded())?;
        *values = change(values.clone());
        Ok(())
    }

    /// Forgets a draft: it is not created. What links to it has to be discarded, too, or changed; one that was discarded stays so
    ///
    /// # Errors
    ///
    /// [`Error::ForeignDraft`] of one of other drafts.
    pub fn discard<M: Model<Connection = C>>(&mut self, draft: Draft<M>) -> Result<()> {
        *self.row(draft)? = None;
        Ok(())
    }

    fn row<M: Model<Connection = C>>(&mut self, draft: Draft<M>) -> Result<&mut Option<Values<M>>> {
        let is_own = draft.drafts == self.number;
        let drafts = self.models.get_mut(&M::number().get()).filter(|_| is_own);
        let rows =
            drafts.and_then(|drafts| (&mut **drafts as &mut dyn Any).downcast_mut::<DraftsOf<Values<M>>>());
        rows.and_then(|DraftsOf(rows)| rows.get_mut(draft.index)).ok_or_else(|| draft.foreign())
    }

    /// Creates all records that were drafted and not discarded, or none of them
    ///
    /// A model is one INSERT, of as many rows as [`create_many`](Environment::create_many) sends in one; where models link to each other,
    /// or to themselves as in a tree, one for each level. More than one statement are sent in a transaction, or a savepoint in the open one. Where
    /// links lead in a circle, one that may be NULL is written when all rows are there: one UPDATE more.
    ///
    /// # Errors
    ///
    /// Before anything is sent: [`Error::ForeignDraft`] and [`Error::DiscardedDraft`] of a link to a draft that is not created here,
    /// [`Error::DraftCycle`] if none of the links in a circle may be NULL, and those of reading another record's link that is among the values.
    /// Else as [`create_many`](Environment::create_many): an [`Error::RowRefused`] has the index among the drafts of the model.
    #[track_caller]
    pub fn create(mut self) -> Result<Created<'env, C>> {
        let (env, at) = (self.env, Location::caller());
        let (models, links) = self.links()?;
        let steps = steps(&models, &links).map_err(|circle| self.cycle(&links, &circle))?;
        let mut slots: Vec<Vec<Slot>> =
            self.models.values().map(|drafts| vec![Slot::NULL; drafts.len()]).collect();
        if steps.len() < 2 && links.is_empty() {
            self.send(at, steps, &mut slots)?;
        } else {
            env.run_transaction(&Begin::default(), || self.send(at, steps, &mut slots))?;
        }
        for (drafts, slots) in self.models.values().zip(&slots) {
            slots.iter().filter(|&&slot| slot != Slot::NULL).for_each(|&slot| drafts.note_created(env, slot));
        }
        let slots = self.models.keys().copied().zip(slots).collect();
        Ok(Created { env, number: self.number, slots })
    }

    /// Where the drafts of each model begin among all drafts
    fn starts(&self) -> Vec<usize> {
        let ends = self.models.values().scan(0, |end, drafts| {
            *end += drafts.len();
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// Of each draft the place of its model, unless it was discarded, and the links between them
    fn links(&self) -> Result<(Vec<Option<usize>>, Vec<DraftLink>)> {
        let (starts, mut models, mut links) = (self.starts(), Vec::new(), Vec::new());
        for (place, drafts) in self.models.values().enumerate() {
            let model = drafts.model();
            for index in 0..drafts.len() {
                let Some(beside) = drafts.beside(index) else {
                    models.push(None);
                    continue;
                };
                if let Some(fault) = beside.fault() {
                    return Err(fault.clone());
                }
                for &(field, draft) in beside.drafts() {
                    let target = self.models.get_full(&draft.model).filter(|_| draft.drafts == self.number);
                    let Some((to, _, targets)) = target else { return Err(drafts.foreign(field, draft)) };
                    let info = model.fields().get(field.0);
                    if targets.beside(draft.index).is_none() {
                        let (linking, field) = (model.name(), info.map_or("", |info| info.name));
                        return Err(Error::DiscardedDraft {
                            model: draft.name,
                            index: draft.index,
                            linking,
                            field,
                        });
                    }
                    let is_required = info.is_none_or(|info| {
                        !info.is_nullable
                            || info.columns.iter().any(|column| model.key_columns().contains(column))
                    });
                    let (from, to) = (starts[place] + index, starts[to] + draft.index);
                    links.push(DraftLink { from, to, field, is_required });
                }
                models.push(Some(place));
            }
        }
        Ok((models, links))
    }

    #[cold]
    fn cycle(&self, links: &[DraftLink], circle: &[usize]) -> Error {
        let starts = self.starts();
        let name = |&link: &usize| {
            let DraftLink { from, field, .. } = links[link];
            let place = starts.partition_point(|&start| start <= from).checked_sub(1)?;
            let (_, drafts) = self.models.get_index(place)?;
            let model = drafts.model();
            Some(format!("{}.{}", model.name(), model.fields().get(field.0)?.name))
        };
        let names: Vec<String> = circle.iter().filter_map(name).collect();
        Error::DraftCycle { links: Str::from(names.join(" → ")) }
    }

    /// Sends the rows, and notes their slots; then those links that had to wait for all rows to be there
    fn send(&mut self, at: Place, steps: Vec<Step>, slots: &mut [Vec<Slot>]) -> Result<()> {
        let (env, starts, mut later) = (self.env, self.starts(), Vec::new());
        for Step { model, drafts } in steps {
            let indices: Vec<usize> = drafts.into_iter().map(|draft| draft - starts[model]).collect();
            for &index in &indices {
                for (field, draft) in self.models[model].take_links(index) {
                    match self.id(slots, draft) {
                        Some(id) => self.models[model].link(index, field, &*id),
                        None => later.push((model, index, field, draft)),
                    }
                }
            }
            let created = self.models[model].create(env, at, &indices);
            let created = created.map_err(|error| self.name_draft(model, &indices, error))?;
            indices.iter().zip(created).for_each(|(&index, slot)| slots[model][index] = slot);
        }
        for (model, index, field, draft) in later {
            if let Some(id) = self.id(slots, draft) {
                self.models[model].write(env, slots[model][index], field, &*id)?;
            }
        }
        Ok(())
    }

    /// The id of the record that a draft has become; `None`: not yet
    fn id(&self, slots: &[Vec<Slot>], draft: AnyDraft) -> Option<Box<dyn Any>> {
        let (place, _, drafts) = self.models.get_full(&draft.model)?;
        let slot = slots[place][draft.index];
        (slot != Slot::NULL).then(|| drafts.id(self.env, slot))
    }

    /// The same error, with the draft in place of the row
    #[cold]
    fn name_draft(&self, model: usize, indices: &[usize], error: Error) -> Error {
        let rows = self.models[model].len();
        let (row, value, error) = match error {
            Error::RowRefused { row, value, error, .. } => (indices[row], value, error),
            // Alone in its statement it is the one.
            error if indices.len() == 1 && rows > 1 => {
                let violation = error.violation();
                let is_of_row = error.invalid().is_some() || matches!(error, Error::MissingValue { .. });
                if violation.is_none() && !is_of_row {
                    return error;
                }
                (indices[0], violation.and_then(|violation| violation.value), error.into())
            }
            error => return error,
        };
        let error = Error::RowRefused { row, rows, value, error };
        self.env.transactions.refine_error(&error);
        error
    }
}

/// What became of [`Drafts`]: their records
pub struct Created<'env, C: Connection> {
    env: &'env Environment<C>,
    /// That of the drafts
    number: u64,
    /// By the number of their model; `Slot::NULL` where one was discarded
    slots: IndexMap<ModelId, Vec<Slot>, FixedState>,
}

impl<C: Connection> fmt::Debug for Created<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.slots.values().map(Vec::len).sum();
        f.debug_struct("Created").field("drafts", &count).finish_non_exhaustive()
    }
}

impl<'env, C: Connection> Created<'env, C> {
    /// The record that a draft has become
    ///
    /// # Errors
    ///
    /// [`Error::ForeignDraft`] of one of other drafts, [`Error::DiscardedDraft`].
    pub fn get<M: Model<Connection = C>>(&self, draft: Draft<M>) -> Result<Record<'env, M>> {
        let slots = self.slots.get(&M::number().get()).filter(|_| draft.drafts == self.number);
        match slots.and_then(|slots| slots.get(draft.index)) {
            None => Err(draft.foreign()),
            Some(&Slot::NULL) => Err(draft.discarded()),
            Some(&slot) => Ok(Record::among_created(self.env, slot)),
        }
    }

    /// All new records of a model, in the order in which they were drafted
    pub fn all<M: Model<Connection = C>>(&self) -> RecordSet<'env, M> {
        let slots = self.slots.get(&M::number().get()).map_or(&[][..], |slots| slots);
        RecordSet::named(self.env, slots.iter().copied().filter(|&slot| slot != Slot::NULL).collect())
    }
}
