//! An aggregate over a link, looked up where it is cached, or asked for: for the group at once where it is kept.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::env::evict::make_room;
use crate::env::stores::{Store, Want};
use crate::env::watch::{Place, Spot};
use crate::error::Repeated;
use crate::load::aggregate::{Aggregate, Argument, Brought, Fault, by_owner, of_all};
use crate::load::miss::Miss;
use crate::load::prefetch;
use crate::model::LinkKind;
use crate::number::FieldId;
use crate::records::aggregable::Read;
use crate::records::cardinality::Several;
use crate::records::measured::{
    Companion, Len, Lists, Measure, Measured, Nothing, Others, aggregate_of, bring, key_of,
};
use crate::records::{Handle, Model};
use crate::store::{ColumnId, Function, Slot, SlotSet};
use crate::write::stored;
use crate::{Environment, Error, Result, Str, ToMany};

/// An aggregate over a link, about to be looked up or asked for
struct Asked<'a, 'env, M: Model, A> {
    handle: &'a Handle<'env, M, Several>,
    measure: &'a Measured<A>,
    /// The model of the records whose link it is, and the link
    store: Store<'env, M::Connection>,
    field: FieldId,
    place: Place,
    /// What is brought along where it is lacking
    others: Others<'a, M>,
}

impl<'env, M: Model, A: Measure<M>> Asked<'_, 'env, M, A> {
    fn env(&self) -> &'env Environment<M::Connection> {
        self.handle.group.env
    }

    fn aggregate(&self) -> Aggregate<'_, M::Connection> {
        aggregate_of(&self.measure.0)
    }

    /// Over the members of one record's list, if it is kept
    fn hit(&self, owner: Slot) -> Result<Option<A::State>> {
        let (env, store) = (self.env(), self.store);
        stored::settle(env)?;
        env.settle();
        let Some(key) = key_of(&self.measure.0, env.store::<M>()) else { return Ok(None) };
        let column = store.table().aggregate(store.column_of(self.field), &key);
        Ok(column.and_then(|column| self.kept(column, owner)))
    }

    /// Over all members of these records' lists
    fn over(&self, owners: &[Slot]) -> Result<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        stored::settle(env)?;
        env.settle();
        let mut seen = SlotSet::default();
        let owners: Vec<Slot> = owners.iter().copied().filter(|&owner| seen.mark(owner)).collect();
        let kind = store.field(field).link.as_ref().map(|link| &link.kind);
        match (kind, &owners[..], A::join()) {
            (_, [], _) | (None, ..) => Ok(A::none()),
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), &[owner], _) => {
                self.of_each(&[owner]).map(|mut states| states.pop().unwrap_or_else(A::none))
            }
            // A member has one owner there.
            (Some(LinkKind::Inverse { .. }), owners, Some(join)) => {
                Ok(self.of_each(owners)?.into_iter().reduce(join).unwrap_or_else(A::none))
            }
            (Some(LinkKind::Inverse { .. } | LinkKind::Through { .. }), owners, _) => {
                self.of_lists(owners).map_or_else(|| self.select_all(store, Some(field), owners), Ok)
            }
            (Some(LinkKind::ToOne | LinkKind::Computed { .. }), ..) => {
                let members = self.handle.members(Want::Keys, self.place)?;
                let cached = self.of_members(&members);
                cached.map_or_else(|| self.select_all(env.store::<M>(), None, &members), Ok)
            }
        }
    }

    /// Over members, if all that is to be known of them is cached
    fn of_members(&self, members: &[Slot]) -> Option<A::State> {
        let (env, store) = (self.env(), self.env().store::<M>());
        if let (Argument::Field(field), true) = (self.measure.0.argument(), env.settings.max_age.is_some()) {
            members.iter().for_each(|&member| env.expire(store, field, member));
        }
        let state = self.measure.0.cached(env, members)?;
        if let Argument::Field(field) = self.measure.0.argument() {
            members.iter().for_each(|&member| env.note_input(store, field, member));
        }
        Some(state)
    }

    /// The same of lists
    fn of_lists(&self, owners: &[Slot]) -> Option<A::State> {
        let Self { store, field, .. } = *self;
        let env = self.env();
        let (mut members, mut seen, mut are_known) = (Vec::new(), SlotSet::default(), true);
        if env.settings.max_age.is_some() {
            owners.iter().for_each(|&owner| env.expire(store, field, owner));
        }
        store.hop(field, owners.iter().copied(), |list| match list {
            Some(list) => members.extend(list.iter().copied().filter(|&member| seen.mark(member))),
            None => are_known = false,
        });
        let state = if are_known { self.of_members(&members)? } else { return None };
        for &owner in owners {
            store.count_hit(field, owner, env.tick());
            env.note_input(store, field, owner);
        }
        Some(state)
    }

    /// For each of these records, in order
    fn of_each(&self, owners: &[Slot]) -> Result<Vec<A::State>> {
        let store = self.store;
        let (env, members) = (self.env(), self.env().store::<M>());
        let key = key_of(&self.measure.0, members);
        let known = key.as_ref().and_then(|key| store.table().aggregate(store.column_of(self.field), key));
        let kept = |column: Option<ColumnId>, owner: Slot| self.kept(column?, owner);
        let mut states: Vec<Option<A::State>> =
            owners.iter().map(|&owner| kept(known, owner).or_else(|| self.of_lists(&[owner]))).collect();
        let lacks = |states: &[Option<A::State>]| -> Vec<Slot> {
            let lacking = owners.iter().zip(states).filter(|(_, state)| state.is_none());
            lacking.map(|(&owner, _)| owner).collect()
        };
        let lacking = lacks(&states);
        if lacking.is_empty() {
            return Ok(states.into_iter().flatten().collect());
        }
        let Some(key) = key else {
            let mut brought = self.select_each(&lacking)?;
            let missing = states.iter_mut().zip(owners).filter(|(state, _)| state.is_none());
            missing.for_each(|(state, owner)| *state = Some(brought.remove(owner).unwrap_or_else(A::none)));
            return Ok(states.into_iter().flatten().collect());
        };
        let column = env.stores.aggregate_column::<A::State>(store, self.field, &key);
        self.load(column, &lacking)?;
        for (state, &owner) in states.iter_mut().zip(owners).filter(|(state, _)| state.is_none()) {
            // In a limited cache the last ones may have pushed out the first.
            if !store.table().column(column).has(owner) {
                self.load(column, &[owner])?;
            }
            store.note_read(owner, env.tick());
            env.note_aggregate(store, column, owner);
            let found = store.table().cells::<A::State>(column).borrow().get(owner).cloned();
            *state = Some(found.ok_or_else(|| self.unreadable(column, owner))?);
        }
        Ok(states.into_iter().flatten().collect())
    }

    /// What was aggregated before
    fn kept(&self, column: ColumnId, owner: Slot) -> Option<A::State> {
        let (env, store) = (self.env(), self.store);
        if env.settings.max_age.is_some() {
            env.expire_cell(store, column, owner);
        }
        let state = store.table().cells::<A::State>(column).borrow().get(owner).cloned()?;
        store.table().touch(column, owner, env.tick());
        env.note_aggregate(store, column, owner);
        Some(state)
    }

    /// Fills the cells of these records, and of those that they were reached with.
    fn load(&self, column: ColumnId, owners: &[Slot]) -> Result<()> {
        let trail = self.handle.trail_before();
        let scope = self.handle.group.scope(self.handle.ordinal()).on(&trail);
        let (field, want) = (self.field, Want::Aggregate(column));
        let miss = Miss { scope, slots: owners, field, want, at: self.place };
        prefetch::load_by(self.env(), self.store, miss, &|batch| self.fill(batch)).map(drop)
    }

    /// One SELECT: this, and what is brought along.
    fn fill(&self, batch: &[Slot]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let (is_limited, since) = (env.limits.any(), env.tick().wrapping_add(1));
        if is_limited {
            let fresh = batch.iter().filter(|&&owner| !store.is_resident(owner)).count();
            make_room(env, fresh, u32::MAX);
        }
        let lists = Lists { env, store, field: self.field, begun: env.later() };
        // What a condition says of members an index may know; there is nothing else to be asked beside it, unless it is wanted.
        let is_asked =
            self.others.iter().any(|other| matches!(other.aggregate().argument, Argument::Members));
        let is_wanted = A::FUNCTION != Function::Count && !is_asked;
        let number = is_wanted.then_some(&Len as &dyn Companion<M>);
        let others = self.others.iter().chain(number).filter(|other| other.is_lacking(lists, batch));
        let all: Vec<&dyn Companion<M>> =
            std::iter::once(self.measure as &dyn Companion<M>).chain(others).collect();
        let aggregates: Vec<_> = all.iter().map(|one| one.aggregate()).collect();
        let brought = bring(&all, 0, lists, &mut Nothing, &mut |reading| {
            let brought = by_owner(env, store, (self.field, batch), &aggregates, true, reading)?;
            // What was sent before may have made others missing, but not what has come after it.
            env.settle();
            Ok(brought)
        })?;
        if is_limited {
            brought.owners.iter().for_each(|&owner| store.add_unread(owner, env.tick()));
            make_room(env, 0, since);
        }
        Ok(())
    }

    fn run(&self, owners: &[Slot]) -> Result<Read<A::State>> {
        let (env, store, aggregates) = (self.env(), self.store, [self.aggregate()]);
        self.measure
            .0
            .read(env, &mut |reading| by_owner(env, store, (self.field, owners), &aggregates, false, reading))
    }

    /// For each of these records, without being kept: nobody could tell what was asked for from something else.
    fn select_each(&self, owners: &[Slot]) -> Result<HashMap<Slot, A::State, FixedState>> {
        let env = self.env();
        self.watch(owners)?;
        let mut states = HashMap::default();
        for owners in owners.chunks(env.settings.prefetch_limit.min(self.store.most_keys())) {
            let mut left = owners.to_vec();
            while !left.is_empty() {
                let Read { brought, all } = self.run(&left)?;
                self.refuse_fault(brought.faults.first().map(|fault| (fault.owner, fault)))?;
                states.extend(all);
                let before = left.len();
                let found = SlotSet::of(brought.owners);
                left.retain(|&owner| !found.has(owner));
                if left.len() == before {
                    break;
                }
            }
        }
        Ok(states)
    }

    /// For all members of some lists together, or for some records
    fn select_all(
        &self,
        store: Store<'_, M::Connection>,
        field: Option<FieldId>,
        slots: &[Slot],
    ) -> Result<A::State> {
        if slots.is_empty() {
            return Ok(A::none());
        }
        if slots.len() > store.most_keys() {
            return self.select_windows(store, field, slots);
        }
        let (env, aggregate) = (self.env(), self.aggregate());
        self.watch(slots)?;
        let read = self.measure.0.read(env, &mut |reading| {
            let faults = of_all(env, store, (field, slots), &aggregate, reading)?;
            Ok(Brought { owners: Vec::new(), faults })
        })?;
        self.refuse_fault(read.brought.faults.first().map(|fault| (slots[0], fault)))?;
        Ok(read.all.into_iter().next().map_or_else(A::none, |(_, state)| state))
    }

    /// The same of more records than a statement takes: of members each window has others, and so those of lists are found first.
    fn select_windows(
        &self,
        store: Store<'_, M::Connection>,
        field: Option<FieldId>,
        slots: &[Slot],
    ) -> Result<A::State> {
        if field.is_some() {
            let (mut members, mut seen) = (self.handle.members(Want::Keys, self.place)?, SlotSet::default());
            members.retain(|&member| seen.mark(member));
            let cached = self.of_members(&members);
            return cached.map_or_else(|| self.select_all(self.env().store::<M>(), None, &members), Ok);
        }
        let Some(join) = A::join() else {
            return Err(Error::other(format!(
                "of {} {} by keys of several columns no statement compares all, and only the database knows the order of these values: compare parts of them",
                slots.len(),
                store.name()
            )));
        };
        let mut windows = slots.chunks(store.most_keys()).map(|window| self.select_all(store, None, window));
        windows.try_fold(A::none(), |all, window| Ok(join(all, window?)))
    }

    /// Notes a SELECT that brings nothing for others.
    fn watch(&self, slots: &[Slot]) -> Result<()> {
        let (env, store) = (self.env(), self.store);
        let spot = Spot::new(self.place, Repeated::Aggregate, store.name(), store.field_name(self.field));
        if slots.len() > env.settings.prefetch_limit {
            env.watch_many(&spot);
            return Ok(());
        }
        env.watch(spot, None)
    }

    fn refuse_fault(&self, fault: Option<(Slot, &Fault)>) -> Result<()> {
        fault.map_or(Ok(()), |(owner, fault)| Err(self.invalid(owner, fault.message.clone())))
    }

    fn invalid(&self, owner: Slot, message: Str) -> Error {
        let (model, field) = (self.store.name(), self.store.field_name(self.field));
        let id = if self.store.is_list(self.field) { self.store.key_text(owner) } else { Str::from("?") };
        Error::InvalidValue { model, field, id, message }
    }

    fn unreadable(&self, column: ColumnId, owner: Slot) -> Error {
        let message = self.store.table().unreadable(column, owner);
        self.invalid(owner, message.unwrap_or_else(|| Str::from("the database has given no aggregate")))
    }
}

impl<'env, M: Model> ToMany<'env, M> {
    pub(super) fn measured<A: Measure<M>>(
        &self,
        measure: &Measured<A>,
        others: Others<'_, M>,
        place: Place,
    ) -> Result<A::State> {
        let handle = self.handle();
        let env = handle.group.env;
        env.settle();
        let aggregate = || {
            let asked = |store, field| Asked { handle, measure, store, field, place, others };
            if let Some((store, field, owner)) = handle.owner_here()
                && let Some(state) = asked(store, field).hit(owner)?
            {
                return Ok(state);
            }
            let Some((step, owners)) = handle.owners(place)? else { return Ok(A::none()) };
            let Some(store) = env.store_by_number(step.model) else { return Ok(A::none()) };
            // Finding the owners may have sent what waited.
            env.settle();
            asked(store, step.field).over(&owners)
        };
        aggregate().inspect_err(|_| env.distrust_computing())
    }

    /// The error of a value that its type does not hold
    #[cold]
    pub(super) fn overflow(&self, sum: &str, place: Place) -> Error {
        let handle = self.handle();
        let owners = match handle.owners(place) {
            Ok(Some(owners)) => owners,
            Ok(None) => return Error::other(format!("{sum} is no i64")),
            Err(error) => return error,
        };
        let (step, owners) = owners;
        let Some(store) = handle.group.env.store_by_number(step.model) else {
            return Error::other(format!("{sum} is no i64"));
        };
        let id = owners.first().map_or_else(Str::default, |&owner| store.key_text(owner));
        Error::Overflow { model: store.name(), field: store.field_name(step.field), id, sum: sum.into() }
    }
}
