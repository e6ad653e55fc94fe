//! A store whatever its model: what planning, loading and writing do to one without its type.

use std::any::Any;

use super::column::{Moment, PAGE, Stamp};
use super::columns;
use super::stats::ModelStats;
use super::store::Store;
use crate::backend::Connection;
use crate::key::Key;
use crate::model::{Columns, Model, Prefetch};
use crate::origin::Marks;
use crate::pace::{Loaded, Paces};
use crate::relation::{Batch, Want};
use crate::write;
use crate::write::links::Side;
use crate::{Environment, Error, Result, Str, query};

/// Takes what says whether a record lacks a field.
pub(crate) type Probe<'a> = &'a mut dyn FnMut(&dyn Fn(u32) -> bool);

/// A store whatever its model
pub(crate) trait AnyStore<C: Connection>: Any + Send {
    /// Where the links of slots lead to: `None` for a link that is not cached
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>));
    /// Makes all values missing that are older than `max_age`, if the one about to be read is
    fn expire_old(&self, env: &Environment<C>, field: usize, slot: u32);
    /// How many members a to-many link has, if that is a hit and no more
    fn list_len(&self, env: &Environment<C>, field: usize, slot: u32) -> Option<usize>;
    /// Counts a read of a field that the cache answered
    fn count_hit(&self, env: &Environment<C>, field: usize, slot: u32);
    /// The model's number
    fn number(&self) -> usize;
    /// The model's name
    fn name(&self) -> &'static str;
    /// What batches have shown so far
    fn paces(&self) -> &Paces;
    /// Calls with what says whether a record lacks a field and could have it
    fn probe(&self, field: usize, want: Want, f: Probe<'_>);
    fn has(&self, field: usize, slot: u32) -> bool;
    fn is_absent(&self, slot: u32) -> bool;
    fn missing_record(&self, slot: u32) -> Error;
    /// Counts a read of a field that had to ask the database
    fn count_miss(&self, field: usize);
    /// How many reads of a field the cache has answered
    fn hits(&self, field: usize) -> usize;
    fn count_of(&self, field: usize, slot: u32) -> Option<usize>;
    fn is_list(&self, field: usize) -> bool;
    fn prefetch_of(&self, field: usize) -> Prefetch;
    /// The model that a link leads to
    fn target(&self, field: usize) -> Option<usize>;
    /// Whether a cached link of a record leads to a record of a model
    fn leads(&self, slot: u32, model: usize, target: u32) -> bool;
    /// The to-one links that lead to a model
    fn links_to(&self, model: usize) -> Vec<usize>;
    /// Calls with the records that have been named since the last call, until that says so
    fn each_named(&self, f: &mut dyn FnMut(u32) -> bool);
    /// Loads a field of these records, and what comes with it: one SELECT
    fn load_batch(&self, env: &Environment<C>, batch: &[u32], field: usize, want: Want) -> Result<()>;
    /// The records that were created one by one
    fn created(&self) -> Vec<u32>;
    /// What a record is called in messages
    fn describe(&self, slot: u32) -> Str;
    fn field_name(&self, field: usize) -> &'static str;
    /// Makes all clean values missing
    fn invalidate(&self);
    /// Makes all clean values missing that were loaded before a time
    fn expire(&self, before: Stamp);
    /// How many records count against a limit
    fn residents(&self) -> usize;
    /// Counts them anew
    fn count_residents(&self);
    /// The pages that hold records, with the turn of their last use
    fn page_uses(&self, out: &mut dyn FnMut(usize, u32));
    /// Makes the clean values of a page missing; tells of how many records
    fn evict_page(&self, page: usize) -> usize;
    /// How many slots there are
    fn slots(&self) -> usize;
    /// Makes the values missing that were loaded since a time, and those of all slots from one on. With the numbers of
    /// slots to keep of each model the keys go too, and so does every link to one that goes.
    fn release(&self, since: Stamp, from: usize, keep: Option<&dyn Fn(usize) -> usize>);
    /// Bytes that keys and values take
    fn bytes(&self) -> usize;
    /// Those of them that go with the values
    fn evictable_bytes(&self) -> usize;
    fn stats(&self) -> ModelStats;
    /// Whether a record has a value that is not in the database
    fn has_dirty(&self) -> bool;
    /// How many records have a value that is not in the database
    fn dirty_records(&self) -> usize;
    /// Sends what was written
    fn flush(&self, env: &Environment<C>) -> Result<()>;
    /// Sends pairs of a to-many link
    fn flush_pairs(&self, env: &Environment<C>, field: usize, pairs: &[(u32, u32)], add: bool) -> Result<()>;
    /// Links members of a to-many link to records, or takes them away
    fn change_list(
        &self,
        env: &Environment<C>,
        field: usize,
        owners: &[u32],
        members: &[u32],
        add: bool,
    ) -> Result<()>;
    /// The members' own field, and its value, that makes a new record a member of a record's list; `None` for pairs
    fn link_to(&self, field: usize, owners: &[u32]) -> Result<Option<(usize, Box<dyn Any>)>>;
    /// Makes missing what was cached since a time, dirty values too
    fn forget_since(&self, since: Stamp);
    /// Makes all clean values of some records missing, and forgets whether they exist
    fn forget_records(&self, slots: &[u32]);
    /// The records that link to some of a model, or of which it is not known; `None` if there is no such link.
    /// `listed` knows who links to them by a field, if the lists of the other side are cached
    fn linking_to(
        &self,
        model: usize,
        targets: &Marks,
        listed: &dyn Fn(usize) -> Option<Vec<u32>>,
    ) -> Option<Vec<u32>>;
    /// The members of all these records' lists of one to-many link, if all of the lists are cached
    fn members_of(&self, side: Side, owners: &[u32]) -> Option<Vec<u32>>;
    /// Takes members out of the cached lists of a model's records
    fn remove_from_lists(&self, model: usize, members: &Marks, now: Moment);
    /// Makes the lists missing in which some of a model's records are
    fn forget_lists_of(&self, model: usize, members: &Marks);
    /// Makes the lists missing that lead to these models
    fn forget_lists(&self, models: &dyn Fn(usize) -> bool);
}

impl<C: Connection, M: Model<Connection = C>> AnyStore<C> for Store<M> {
    fn hop(&self, field: usize, slots: &mut dyn Iterator<Item = u32>, out: &mut dyn FnMut(Option<&[u32]>)) {
        self.with_column(field, |column| column.hop(slots, out));
    }

    fn expire_old(&self, env: &Environment<C>, field: usize, slot: u32) {
        self.expire(env, field, slot);
    }

    fn list_len(&self, env: &Environment<C>, field: usize, slot: u32) -> Option<usize> {
        self.columns.borrow().column(field)?.list_len(slot, env.known_turn())
    }

    fn count_hit(&self, env: &Environment<C>, field: usize, slot: u32) {
        self.with_column(field, |column| column.count_hit(slot, env.turn()));
    }

    fn number(&self) -> usize {
        M::number().get()
    }

    fn name(&self) -> &'static str {
        M::NAME
    }

    fn paces(&self) -> &Paces {
        &self.paces
    }

    fn probe(&self, field: usize, want: Want, f: Probe<'_>) {
        // Members can be counted of a record that is not there, too.
        let has_none = |slot| match want {
            Want::Count => self.count_of(field, slot).is_some(),
            Want::Records | Want::Keys => self.is_absent(slot),
        };
        self.with_column(field, |column| f(&|slot| !column.has(slot) && !has_none(slot)));
    }

    fn has(&self, field: usize, slot: u32) -> bool {
        self.with_column(field, |column| column.has(slot))
    }

    fn is_absent(&self, slot: u32) -> bool {
        self.is_absent(slot)
    }

    fn missing_record(&self, slot: u32) -> Error {
        self.missing_record(slot)
    }

    fn count_miss(&self, field: usize) {
        self.with_column(field, |column| column.count_miss());
    }

    fn hits(&self, field: usize) -> usize {
        self.with_column(field, |column| column.reads().0)
    }

    fn count_of(&self, field: usize, slot: u32) -> Option<usize> {
        self.count_of(field, slot)
    }

    fn is_list(&self, field: usize) -> bool {
        M::FIELDS[field].relation.is_some()
    }

    fn prefetch_of(&self, field: usize) -> Prefetch {
        M::FIELDS[field].prefetch
    }

    fn target(&self, field: usize) -> Option<usize> {
        self.with_column(field, |column| column.target())
    }

    fn leads(&self, slot: u32, model: usize, target: u32) -> bool {
        columns::lead(&self.columns.borrow().each(), slot, model, target)
    }

    fn links_to(&self, model: usize) -> Vec<usize> {
        let columns = self.columns.borrow();
        let columns = columns.each();
        let leads_there =
            |&field: &usize| M::FIELDS[field].relation.is_none() && columns[field].target() == Some(model);
        (0..columns.len()).filter(leads_there).collect()
    }

    fn each_named(&self, f: &mut dyn FnMut(u32) -> bool) {
        let slots = self.slots();
        let (mut next, mut is_over) = (self.named.get(), false);
        while next < slots && !is_over {
            is_over = f(next as u32);
            next += 1;
        }
        self.named.set(next);
    }

    fn load_batch(&self, env: &Environment<C>, batch: &[u32], field: usize, want: Want) -> Result<()> {
        if let Some(relation) = M::FIELDS[field].relation {
            let batch = Batch::new(env, self, batch, field, want);
            return if want == Want::Count { relation.count(batch) } else { relation.load(batch) };
        }
        let fields = self.missing_fields(batch, field);
        let before = self.value_bytes();
        query::by_keys(env, self, batch, &fields, M::FIELDS[field].name)?;
        let bytes = self.value_bytes().saturating_sub(before);
        self.paces.weigh(field, Loaded { records: batch.len(), rows: batch.len(), bytes });
        Ok(())
    }

    fn created(&self) -> Vec<u32> {
        self.created.borrow().clone()
    }

    fn describe(&self, slot: u32) -> Str {
        Str::from(format!("{}({})", M::NAME, self.key(slot).text()))
    }

    fn field_name(&self, field: usize) -> &'static str {
        M::FIELDS[field].name
    }

    fn invalidate(&self) {
        columns::remove_where(self.columns.borrow_mut().each_mut(), &mut |_, _| true);
        self.forget_absent();
        self.counts.borrow_mut().clear();
        self.named.set(self.slots());
        self.count_residents();
    }

    fn expire(&self, before: Stamp) {
        columns::remove_where(self.columns.borrow_mut().each_mut(), &mut |_, loaded| loaded < before);
        self.forget_unversioned();
        self.counts.borrow_mut().retain(|_, &mut (_, counted)| counted >= before);
        self.keys.borrow_mut().expire_absent(before);
        self.count_residents();
    }

    fn residents(&self) -> usize {
        self.resident.borrow().count()
    }

    fn count_residents(&self) {
        columns::count_residents(&self.columns.borrow().each(), &mut self.resident.borrow_mut());
    }

    fn page_uses(&self, out: &mut dyn FnMut(usize, u32)) {
        columns::page_uses(&self.columns.borrow().each(), self.slots(), out);
    }

    fn evict_page(&self, page: usize) -> usize {
        let mut columns = self.columns.borrow_mut();
        for column in columns.each_mut() {
            column.remove_in_page(page, &mut |_, _| true);
        }
        let columns = columns.each();
        self.resident.borrow_mut().retain_in_page(page, |slot| columns.iter().any(|column| column.has(slot)))
    }

    fn slots(&self) -> usize {
        self.slots()
    }

    fn release(&self, since: Stamp, from: usize, keep: Option<&dyn Fn(usize) -> usize>) {
        let mut columns = self.columns.borrow_mut();
        for column in columns.each_mut() {
            column.remove_from(from);
            column.remove_since(since);
            if let Some(keep) = keep {
                column.remove_links(keep);
            }
        }
        drop(columns);
        self.forget_unversioned();
        self.counts.borrow_mut().retain(|&(_, slot), &mut (_, at)| (slot as usize) < from && at < since);
        self.resident.borrow_mut().truncate(from);
        if keep.is_some() {
            self.created.borrow_mut().retain(|&slot| (slot as usize) < from);
            self.keys.borrow_mut().truncate(from);
            self.named.set(self.named.get().min(from));
        }
    }

    fn bytes(&self) -> usize {
        self.key_bytes() + self.value_bytes()
    }

    fn evictable_bytes(&self) -> usize {
        self.columns.borrow().each().iter().map(|column| column.held().bytes).sum()
    }

    fn stats(&self) -> ModelStats {
        let names: Vec<&'static str> = M::FIELDS.iter().map(|field| field.name).collect();
        let columns = self.columns.borrow();
        columns::stats(M::NAME, &names, &columns.each(), M::VERSION, self.slots(), self.key_bytes())
    }

    fn has_dirty(&self) -> bool {
        self.has_dirty_records()
    }

    fn dirty_records(&self) -> usize {
        self.dirty.borrow().0.len()
    }

    fn flush(&self, env: &Environment<C>) -> Result<()> {
        write::flush::flush(env, self)
    }

    fn flush_pairs(&self, env: &Environment<C>, field: usize, pairs: &[(u32, u32)], add: bool) -> Result<()> {
        let Some(relation) = M::FIELDS[field].relation else { return Ok(()) };
        relation.flush(Batch::new(env, self, &[], field, Want::Keys), pairs, add)
    }

    fn change_list(
        &self,
        env: &Environment<C>,
        field: usize,
        owners: &[u32],
        members: &[u32],
        add: bool,
    ) -> Result<()> {
        let Some(relation) = M::FIELDS[field].relation else { return Ok(()) };
        relation.change(Batch::new(env, self, owners, field, Want::Keys), members, add)
    }

    fn link_to(&self, field: usize, owners: &[u32]) -> Result<Option<(usize, Box<dyn Any>)>> {
        let Some(relation) = M::FIELDS[field].relation else { return Ok(None) };
        match owners {
            [owner] => Ok(relation.link_to(self.key(*owner))),
            _ if relation.side().is_inverse() => Err(Error::NotOne { model: M::NAME, count: owners.len() }),
            _ => Ok(None),
        }
    }

    fn forget_since(&self, since: Stamp) {
        for column in self.columns.borrow_mut().each_mut() {
            column.forget_since(since);
        }
        self.forget_unversioned();
        self.counts.borrow_mut().retain(|_, &mut (_, counted)| counted < since);
        self.keys.borrow_mut().forget_absent();
        self.forget_dirty();
    }

    fn forget_records(&self, slots: &[u32]) {
        // A page each; of many a look through all pages is less.
        if slots.len() < PAGE {
            return slots.iter().for_each(|&slot| self.forget_record(slot));
        }
        let gone = Marks::of(slots.iter().copied());
        slots.iter().for_each(|&slot| self.set_absent(slot, None));
        columns::remove_where(self.columns.borrow_mut().each_mut(), &mut |slot, _| gone.has(slot));
        self.counts.borrow_mut().retain(|&(_, slot), _| !gone.has(slot));
    }

    fn linking_to(
        &self,
        model: usize,
        targets: &Marks,
        listed: &dyn Fn(usize) -> Option<Vec<u32>>,
    ) -> Option<Vec<u32>> {
        columns::linking_to(&self.columns.borrow().each(), self.slots(), model, targets, listed)
    }

    fn members_of(&self, side: Side, owners: &[u32]) -> Option<Vec<u32>> {
        let field = M::FIELDS
            .iter()
            .position(|info| info.relation.is_some_and(|relation| relation.side() == side))?;
        let (mut members, mut are_known) = (Vec::new(), true);
        self.with_column(field, |column| {
            column.hop(&mut owners.iter().copied(), &mut |list| match list {
                Some(list) => members.extend_from_slice(list),
                None => are_known = false,
            });
        });
        are_known.then_some(members)
    }

    fn remove_from_lists(&self, model: usize, members: &Marks, now: Moment) {
        let (mut columns, mut counts) = (self.columns.borrow_mut(), self.counts.borrow_mut());
        columns::remove_from_lists(columns.each_mut(), &mut counts, model, members, now);
    }

    fn forget_lists_of(&self, model: usize, members: &Marks) {
        let (mut columns, mut counts) = (self.columns.borrow_mut(), self.counts.borrow_mut());
        columns::forget_lists_of(columns.each_mut(), &mut counts, model, members);
    }

    fn forget_lists(&self, models: &dyn Fn(usize) -> bool) {
        let (mut columns, mut counts) = (self.columns.borrow_mut(), self.counts.borrow_mut());
        columns::forget_lists(columns.each_mut(), &mut counts, models);
    }
}
