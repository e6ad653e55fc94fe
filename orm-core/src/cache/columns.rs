//! Work on all columns of a model, whatever they hold: compiled once, not for each model.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::codec::AnyColumn;
use super::column::{Column, Moment, PAGE, Stamp};
use super::evict::Resident;
use super::link::{Link, List};
use super::stats::{FieldStats, ModelStats};
use super::store::Counts;
use crate::backend::Connection;
use crate::origin::Marks;
use crate::write::links;

/// Makes all clean cells missing for which `drop` says so.
pub(super) fn remove_where<C: Connection>(
    columns: Vec<&mut dyn AnyColumn<C>>,
    drop: &mut dyn FnMut(u32, Stamp) -> bool,
) {
    for column in columns {
        column.remove_where(drop);
    }
}

/// Makes all cells missing but lists, of records that have no version.
pub(super) fn forget_unversioned<C: Connection>(
    mut columns: Vec<&mut dyn AnyColumn<C>>,
    version: usize,
    slots: usize,
) {
    let mut known = Marks::new(slots);
    columns[version].each_slot(&mut |slot| {
        known.mark(slot);
    });
    for column in &mut columns {
        if !column.cells().is::<Column<List>>() {
            column.remove_where(&mut |slot, _| !known.has(slot));
        }
    }
}

/// Whether a link of a record leads to a record of a model.
pub(super) fn lead<C: Connection>(
    columns: &[&dyn AnyColumn<C>],
    slot: u32,
    model: usize,
    target: u32,
) -> bool {
    let mut is_there = false;
    for column in columns.iter().filter(|column| column.target() == Some(model)) {
        column.hop(&mut std::iter::once(slot), &mut |targets| {
            is_there |= targets.is_some_and(|targets| targets.contains(&target));
        });
    }
    is_there
}

/// Notes the records of which at least one value is cached.
pub(super) fn count_residents<C: Connection>(columns: &[&dyn AnyColumn<C>], resident: &mut Resident) {
    resident.clear();
    columns.iter().for_each(|column| column.each_slot(&mut |slot| resident.add(slot)));
}

/// Calls with each page that was used, and the turn of its last use.
pub(super) fn page_uses<C: Connection>(
    columns: &[&dyn AnyColumn<C>],
    slots: usize,
    out: &mut dyn FnMut(usize, u32),
) {
    let mut uses = vec![0; slots.div_ceil(PAGE)];
    for column in columns {
        column.each_use(&mut |page, turn| uses[page] = turn.max(uses[page]));
    }
    uses.into_iter().enumerate().filter(|&(_, turn)| turn > 0).for_each(|(page, turn)| out(page, turn));
}

/// The records that link to some of a model, or of which it is not known; `None` if there is no such link.
pub(super) fn linking_to<C: Connection>(
    columns: &[&dyn AnyColumn<C>],
    slots: usize,
    model: usize,
    targets: &Marks,
    listed: &dyn Fn(usize) -> Option<Vec<u32>>,
) -> Option<Vec<u32>> {
    let mut found: Option<Marks> = None;
    for (field, column) in columns.iter().enumerate() {
        let Some(links) = column.cells().downcast_ref::<Column<Link>>() else { continue };
        if column.target() != Some(model) {
            continue;
        }
        let found = found.get_or_insert_with(|| Marks::new(slots));
        let mut mark = |slot: u32| {
            found.mark(slot);
        };
        if let Some(linking) = listed(field) {
            linking.into_iter().for_each(mark);
            continue;
        }
        let leads_there = |link: &Link| link.target().is_some_and(|target| targets.has(target));
        // One of which it is not known where it links to may have gone along; it can be in a list, or be linked to,
        // without any value of its own being cached.
        (0..slots as u32).filter(|&slot| links.get(slot).is_none_or(leads_there)).for_each(&mut mark);
    }
    found.map(|found| (0..slots as u32).filter(|&slot| found.has(slot)).collect())
}

/// Runs work on the lists of each to-many link to these models, and forgets how many members were counted.
fn each_list<C: Connection>(
    columns: Vec<&mut dyn AnyColumn<C>>,
    counts: &mut Counts,
    models: &dyn Fn(usize) -> bool,
    f: &mut dyn FnMut(&mut Column<List>),
) {
    for (field, column) in columns.into_iter().enumerate() {
        let leads_there = column.target().is_some_and(models);
        if let (true, Some(lists)) = (leads_there, column.cells_mut().downcast_mut::<Column<List>>()) {
            counts.retain(|&(counted, _), _| counted != field);
            f(lists);
        }
    }
}

pub(super) fn remove_from_lists<C: Connection>(
    columns: Vec<&mut dyn AnyColumn<C>>,
    counts: &mut Counts,
    model: usize,
    members: &Marks,
    now: Moment,
) {
    each_list(columns, counts, &|target| target == model, &mut |lists| {
        links::remove_members(lists, members, now);
    });
}

pub(super) fn forget_lists_of<C: Connection>(
    columns: Vec<&mut dyn AnyColumn<C>>,
    counts: &mut Counts,
    model: usize,
    members: &Marks,
) {
    each_list(columns, counts, &|target| target == model, &mut |lists| {
        lists.remove_values(|list| list.0.iter().any(|&member| members.has(member)));
    });
}

pub(super) fn forget_lists<C: Connection>(
    columns: Vec<&mut dyn AnyColumn<C>>,
    counts: &mut Counts,
    models: &dyn Fn(usize) -> bool,
) {
    each_list(columns, counts, models, &mut |lists| {
        lists.remove_where(|_, _| true);
    });
}

/// The dirty records by the set of their dirty fields, each in the order in which they were first written
pub(crate) fn by_fields<C: Connection>(
    columns: &[&dyn AnyColumn<C>],
    version: Option<usize>,
    dirty: &[u32],
) -> IndexMap<Vec<usize>, Vec<u32>, FixedState> {
    let mut groups: IndexMap<Vec<usize>, Vec<u32>, FixedState> = IndexMap::default();
    let mut fields = Vec::new();
    for &slot in dirty {
        fields.clear();
        let is_written = |&field: &usize| Some(field) != version && columns[field].is_dirty(slot);
        fields.extend((0..columns.len()).filter(is_written));
        match groups.get_mut(&fields) {
            Some(slots) => slots.push(slot),
            None => {
                groups.insert(fields.clone(), vec![slot]);
            }
        }
    }
    groups.shift_remove(&Vec::new());
    groups
}

pub(super) fn stats<C: Connection>(
    name: &'static str,
    names: &[&'static str],
    columns: &[&dyn AnyColumn<C>],
    version: Option<usize>,
    slots: usize,
    key_bytes: usize,
) -> ModelStats {
    let mut fields = Vec::with_capacity(columns.len());
    let mut cached = Marks::new(slots);
    let mut records = 0;
    for (field, (column, &name)) in columns.iter().zip(names).enumerate() {
        let ((hits, misses), brought) = (column.reads(), column.brought());
        fields.push(FieldStats {
            name,
            hits,
            misses,
            values: column.count(),
            bytes: column.bytes(),
            brought: brought.values,
            brought_bytes: brought.bytes,
            is_version: version == Some(field),
        });
        column.each_slot(&mut |slot| records += usize::from(cached.mark(slot)));
    }
    ModelStats {
        name,
        hits: fields.iter().map(|field| field.hits).sum(),
        misses: fields.iter().map(|field| field.misses).sum(),
        records,
        values: fields.iter().map(|field| field.values).sum(),
        bytes: key_bytes + fields.iter().map(|field| field.bytes).sum::<usize>(),
        fields,
    }
}
