//! Fields that are computed and stored: who is to be computed is found out before what waits is sent, and what was computed waits with it.
//!
//! First the records whose values follow from what has changed are found, step by step back, a SELECT for each. Then their values are
//! computed, from what the cache holds. Where a function asks for what only the database can answer, what waits is sent first, in a
//! savepoint that is undone if anything of it fails.

use std::collections::HashMap;
use std::fmt;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::window::WINDOW;
use super::{put, validate};
use crate::backend::Connection;
use crate::codec::ColumnNames;
use crate::env::keys::read_slots;
use crate::env::stored::{Back, Led, Mode, Round, Rule, Source};
use crate::env::stores::Store;
use crate::env::trace::Statement;
use crate::error::Doing;
use crate::fragment::{joined, separated};
use crate::load::query;
use crate::model::{AnyModel, KeyCondition};
use crate::number::FieldId;
use crate::store::{Change, Moment, Read, Slot, Slots, follow, to_one};
use crate::{Environment, Error, Result};

/// Computes a field of those of some records that wait for it.
pub struct Recompute<C: Connection>(
    /// What does so, the model forgotten
    pub fn(&Environment<C>, &[Slot]) -> Result<()>,
);

impl<C: Connection> fmt::Debug for Recompute<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recompute")
    }
}

/// Has what waits sent, and with it what follows from it and is stored.
pub(super) fn pending<C: Connection>(
    env: &Environment<C>,
    send: fn(&Environment<C>) -> Result<()>,
) -> Result<()> {
    let stored = &env.stores.stored;
    if stored.mode() == Mode::Sent {
        return env.sending(|| send(env));
    }
    compute_and_send(env, send).inspect_err(|_| doubt_links(env))
}

fn compute_and_send<C: Connection>(
    env: &Environment<C>,
    send: fn(&Environment<C>) -> Result<()>,
) -> Result<()> {
    let stored = &env.stores.stored;
    // What is written in another form than that of its link leads somewhere that is known only then.
    loop {
        if !env.has_stored_waiting() {
            if env.has_pending() {
                validate::before(env, send)?;
            }
            // Of what was sent rows may have come whose own values are computed.
            if !env.has_stored_waiting() {
                return Ok(());
            }
        }
        let unknown = find_and_lead(env)?;
        let sent = compute(env, Mode::Before).and_then(|is_all| match is_all {
            true => validate::before(env, send),
            false => validate::around(env, send, || compute(env, Mode::Sent).map(drop)),
        });
        // Whatever is left would be left again.
        if sent.is_ok() {
            stored.forget_due();
            env.tables().for_each(|table| table.forget_held());
        }
        env.note_rows(unknown);
        sent?;
    }
}

/// Computes all that wait, links first; tells whether it could: else something was asked that cannot be answered before what waits was
/// sent.
fn compute<C: Connection>(env: &Environment<C>, mode: Mode) -> Result<bool> {
    Ok(compute_those(env, mode, true)? && compute_those(env, mode, false)?)
}

/// The same of links, or of the others
fn compute_those<C: Connection>(env: &Environment<C>, mode: Mode, are_links: bool) -> Result<bool> {
    let stored = &env.stores.stored;
    let _mode = stored.computing(mode);
    for Round { rule, slots, .. } in stored.rounds() {
        let Some(rule) = stored.rule(rule).filter(|rule| rule.is_link == are_links) else { continue };
        let computed = compute_field(env, rule, &slots);
        if stored.mode() == Mode::Interrupted {
            return Ok(false);
        }
        computed?;
    }
    Ok(true)
}

fn compute_field<C: Connection>(env: &Environment<C>, rule: &Rule<C>, slots: &[Slot]) -> Result<()> {
    env.is_declared(rule)?;
    let stored = rule.model.fields()[rule.field.0].stored;
    match stored.and_then(|stored| stored.compute.downcast_ref::<Recompute<C>>()) {
        Some(Recompute(compute)) => compute(env, slots),
        None => Ok(()),
    }
}

/// Has records computed that are read and wait for it, `compute` does so: from what the cache holds, or, where that does not do, with all
/// that waits, which is sent.
pub(crate) fn on_read<C: Connection>(
    env: &Environment<C>,
    compute: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stored = &env.stores.stored;
    if stored.mode() != Mode::Nothing {
        return compute();
    }
    let mode = stored.computing(Mode::Before);
    let computed = compute();
    let is_interrupted = stored.mode() == Mode::Interrupted;
    drop(mode);
    if is_interrupted { env.flushed().map(drop) } else { computed }
}

/// Puts a value that was computed: it waits to be written, unless the database holds it.
pub(crate) fn put_computed<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slot: Slot,
    value: &dyn std::any::Any,
    keep: impl FnOnce(),
) -> Result<()> {
    let stored = &env.stores.stored;
    let Some(rule) = stored.rule_of(store.table_number(), store.column_of(field)) else { return Ok(()) };
    let encode = put::encode_of(store, field)?;
    let waiting = stored.take_due(rule, slot);
    let held = store.table().take_held(store.column_of(field), slot);
    // What has been read again meanwhile is younger.
    if let (Some(held), false) = (held, store.column(field).has(slot)) {
        if encode.is_same(&*held, value) {
            keep();
            return Ok(());
        }
        // From where a link led it leads on, so that the lists of both sides are put right.
        let led = waiting.as_ref().and_then(|waiting| waiting.led);
        if let (Some(links), Some(led)) = (to_one(store.column(field)), led) {
            let since = Moment { time: led.since, tick: env.tick() };
            links.borrow_mut().set(slot, since, led.link);
        }
    }
    let _putting = stored.putting();
    let put = put::put(env, store, field, &[slot], value);
    // What has to be sent before it may not be yet: then it waits on.
    if let (Err(_), Some(waiting)) = (&put, waiting) {
        stored.wait_on(rule, slot, waiting);
    }
    put
}

/// Looks at what was read to compute a field.
pub(crate) fn check<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
    reads: Vec<Read>,
) -> Result<()> {
    let stored = &env.stores.stored;
    let rule = stored.rule_of(store.table_number(), store.column_of(field));
    let Some(rule) = rule.and_then(|rule| stored.rule(rule)) else { return Ok(()) };
    env.is_declared(rule)?;
    if env.settings.checks_depends { env.check_reads(rule, slots, reads) } else { Ok(()) }
}

/// Before rows are deleted, or written otherwise than by their cells: whose values follow from them now, the database says.
pub(super) fn before<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    change: Change<'_>,
    slots: &[Slot],
) -> Result<()> {
    if !follows_from(store, change) {
        return Ok(());
    }
    store.table().feed(change, slots);
    find_before(env)
}

/// Before rows are deleted or written: finds whose values follow from what has changed.
pub(super) fn find_before<C: Connection>(env: &Environment<C>) -> Result<()> {
    // Where links lead that wait now is known later.
    let unknown = find(env)?;
    env.note_rows(unknown);
    Ok(())
}

/// Whether values that are stored follow from rows of a model's table, and from their being there
pub(super) fn follows_from<C: Connection>(store: Store<'_, C>, change: Change<'_>) -> bool {
    store.table().feeds(change)
}

/// Sees to it that it is known whose values are not what they were: before anything is read that follows from such values.
#[inline]
pub(crate) fn settle<C: Connection>(env: &Environment<C>) -> Result<()> {
    if env.signal().is_fed() { find_to_read(env) } else { Ok(()) }
}

/// The same before a field is read by whatever struct has it, or links are followed: values of these records that wait are computed.
#[inline]
pub(crate) fn settle_cells<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
) -> Result<()> {
    if env.has_stored_waiting() { compute_cells(env, store, field, slots) } else { Ok(()) }
}

#[cold]
fn compute_cells<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    slots: &[Slot],
) -> Result<()> {
    let stored = &env.stores.stored;
    let column = store.column_of(field);
    // The column may be read in another form than that in which it is computed.
    let forms = store.twins(column).into_iter().chain([column]);
    let rules: Vec<usize> = forms.filter_map(|form| stored.rule_of(store.table_number(), form)).collect();
    if rules.is_empty() {
        return Ok(());
    }
    settle(env)?;
    for rule in rules {
        let meant = slots.iter().map(|&slot| store.meant(slot));
        let due: Vec<Slot> = meant.filter(|&slot| stored.is_due(rule, slot)).collect();
        if let Some(rule) = stored.rule(rule).filter(|_| !due.is_empty()) {
            on_read(env, || compute_field(env, rule, &due))?;
        }
    }
    Ok(())
}

#[cold]
fn find_to_read<C: Connection>(env: &Environment<C>) -> Result<()> {
    let is_computing = env.stores.stored.mode() != Mode::Nothing;
    let unknown = if is_computing { find(env)? } else { find_and_lead(env)? };
    if unknown.is_empty() && (is_computing || !env.stores.stored.has_due_links()) {
        return Ok(());
    }
    // Where they lead is known when they were sent.
    env.note_rows(unknown);
    env.flushed().map(drop)
}

/// So many times links may lead to others that follow from them, before that is an error.
const MOST_ROUNDS: usize = 1000;

/// Finds the records whose values follow from what has changed, and computes the links among these: who is in a list, and what follows
/// from that, is said by where they lead. Returns as [`find`] does.
fn find_and_lead<C: Connection>(env: &Environment<C>) -> Result<Vec<(Source, Vec<Slot>)>> {
    let stored = &env.stores.stored;
    let mut unknown = find(env)?;
    for _ in 0..MOST_ROUNDS {
        if !stored.has_due_links() {
            return Ok(unknown);
        }
        let computed = compute_those(env, Mode::Before, true);
        doubt_links(env);
        if let Ok(false) = computed {
            return Ok(unknown);
        }
        env.note_rows(unknown);
        computed?;
        unknown = find(env)?;
    }
    Err(Error::other(
        "links that are stored follow from each other, and lead elsewhere each time that they are computed",
    ))
}

/// As [`find_changed`].
pub(crate) fn find<C: Connection>(env: &Environment<C>) -> Result<Vec<(Source, Vec<Slot>)>> {
    let unknown = find_changed(env)?;
    if env.stores.stored.mode() == Mode::Nothing {
        doubt_links(env);
    }
    Ok(unknown)
}

/// As long as links wait to be computed, nobody takes a list for what it was.
fn doubt_links<C: Connection>(env: &Environment<C>) {
    if env.stores.stored.has_due_links() {
        env.signal().feed();
        env.doubt();
    }
}

/// Finds the records whose values follow from what has changed. Returns rows of which is known only when they were sent where they lead.
fn find_changed<C: Connection>(env: &Environment<C>) -> Result<Vec<(Source, Vec<Slot>)>> {
    let stored = &env.stores.stored;
    let mut unknown = Vec::new();
    let mut rank = 0;
    while env.signal().take_fed() {
        let mut changed: IndexMap<Source, Vec<Slot>, FixedState> = IndexMap::default();
        for (source, slots) in stored.take_noted() {
            changed.entry(source).or_default().extend(slots);
        }
        for table in env.tables() {
            table.take_fed(&mut |source, slots| {
                if let Some(source) = stored.source(source) {
                    changed.entry(source).or_default().extend(slots);
                }
            });
        }
        let found = Walk { env, known: HashMap::default(), unknown: &mut unknown }.back(changed.clone());
        if let Err(error) = found {
            // It is found out the next time.
            env.note_rows(changed.into_iter().chain(unknown));
            return Err(error);
        }
        for (rule, slots) in found? {
            wait(env, rule, slots, rank);
        }
        rank += 1;
    }
    Ok(unknown)
}

/// Notes that records wait to be computed, and that what follows from their values does.
pub(crate) fn wait<C: Connection>(env: &Environment<C>, number: usize, slots: Vec<Slot>, rank: usize) {
    let stored = &env.stores.stored;
    let Some(rule) = stored.rule(number) else { return };
    let table = env.stores.table(rule.table);
    let cells = table.column(rule.column);
    let led = |slot| {
        let links = to_one(cells)?.borrow();
        let (&link, since) = links.get(slot).zip(links.known_since(slot))?;
        Some(Led { link, since })
    };
    // Those that follow from each other in a circle would wait for ever; who computes them tells.
    let is_circle = rank > stored.count_due() + 1;
    let more: Vec<Slot> = slots
        .into_iter()
        .map(|slot| table.meant(slot))
        .filter(|&slot| !table.is_absent(slot))
        .filter(|&slot| {
            let is_new = !stored.is_due(number, slot);
            let is_later = stored.set_due(number, slot, rank, || led(slot));
            if is_new {
                table.hold(rule.column, slot);
            }
            is_new || (is_later && !is_circle)
        })
        .collect();
    if more.is_empty() {
        return;
    }
    // What was aggregated over them, and lists with a condition on them, are not what they were.
    table.note_forgotten(rule.column, Some(&more));
    env.feed_column(env.stores.get(rule.model), rule.column, &more);
}

/// Records, and rows of which it is known only later where they lead
type Reached = (Vec<Slot>, Vec<Slot>);

/// A walk from rows that have changed back to the records whose values follow from them
struct Walk<'a, C: Connection> {
    env: &'a Environment<C>,
    /// What steps have led to, by the route and the rows
    known: HashMap<(usize, Vec<Slot>), Reached, FixedState>,
    /// Rows of which is not known where they lead
    unknown: &'a mut Vec<(Source, Vec<Slot>)>,
}

impl<C: Connection> Walk<'_, C> {
    /// The records, by field; the rows from which it is farthest go first, so that those who meet go on together.
    fn back(
        mut self,
        mut changed: IndexMap<Source, Vec<Slot>, FixedState>,
    ) -> Result<Vec<(usize, Vec<Slot>)>> {
        let stored = &self.env.stores.stored;
        let mut found: IndexMap<usize, Vec<Slot>, FixedState> = IndexMap::default();
        let length = |source: &Source| stored.route(source.route).map_or(0, |route| route.length);
        while let Some(&source) = changed.keys().max_by_key(|source| length(source)) {
            let Some(mut slots) = changed.swap_remove(&source) else { break };
            slots.sort_unstable();
            slots.dedup();
            let Some(route) = stored.route(source.route) else { continue };
            match &route.step {
                None => found.entry(source.rule).or_default().extend(slots),
                Some((back, next)) => {
                    let (owners, unknown) = match self.known.get(&(source.route, slots.clone())) {
                        Some(step) => step.clone(),
                        None => {
                            let step = self.step(route.model, back, &slots)?;
                            self.known.insert((source.route, slots), step.clone());
                            step
                        }
                    };
                    if !unknown.is_empty() {
                        self.unknown.push((source, unknown));
                    }
                    changed.entry(Source { route: *next, ..source }).or_default().extend(owners);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The rows that a step leads back to, and those of which is not known where they lead
    fn step(
        &self,
        model: &'static dyn AnyModel<C>,
        back: &Back<C>,
        slots: &[Slot],
    ) -> Result<(Vec<Slot>, Vec<Slot>)> {
        let rows = self.env.stores.get(model);
        match *back {
            Back::Linking { owners, columns } => {
                let owners = self.env.stores.get(owners);
                let names = owners.model().key_columns();
                let found = selected(self.env, owners, owners.sql(), names, columns, rows, slots)?;
                Ok((found, Vec::new()))
            }
            Back::Paired { owners, join, own, other, is_symmetric } => {
                let (owners, table) = (self.env.stores.get(owners), self.env.stores.join_sql(join));
                let mut found = selected(self.env, owners, table, own, other, rows, slots)?;
                if is_symmetric {
                    found.extend(selected(self.env, owners, table, other, own, rows, slots)?);
                }
                Ok((found, Vec::new()))
            }
            Back::Linked { owners, columns, field } => {
                let owners = self.env.stores.get(owners);
                let (mut found, mut asked, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
                for &slot in slots {
                    let Some(column) = field.map(|field| rows.column_of(field)) else {
                        asked.push(slot);
                        continue;
                    };
                    let cells = rows.table().column(column);
                    let stored = &self.env.stores.stored;
                    let rule = stored.rule_of(rows.table_number(), column);
                    if let Some(rule) = rule.filter(|&rule| stored.is_due(rule, slot)) {
                        // Where it leads is known when it was computed; where it led, what follows from that is another one, too.
                        let led = stored.led(rule, slot);
                        found.extend(led.and_then(|led| led.link.target()));
                        if !rows.table().is_held(column, slot) {
                            asked.push(slot);
                        }
                        unknown.push(slot);
                        continue;
                    }
                    follow(cells, std::iter::once(slot), |targets| found.extend(targets.unwrap_or_default()));
                    // Where it leads in the database, nobody knows of one that was written.
                    if !cells.has(slot) || cells.is_dirty(slot) {
                        asked.push(slot);
                    }
                    let is_dirty = |twin| rows.table().column(twin).is_dirty(slot);
                    if !cells.has(slot) && rows.twins(column).into_iter().any(is_dirty) {
                        unknown.push(slot);
                    }
                }
                let names = rows.model().key_columns();
                found.extend(selected(self.env, owners, rows.sql(), columns, names, rows, &asked)?);
                Ok((found, unknown))
            }
        }
    }
}

/// The owners that rows of a table name which name others
pub(super) fn selected<C: Connection>(
    env: &Environment<C>,
    owners: Store<'_, C>,
    table: &str,
    columns: &'static [&'static str],
    named: &'static [&'static str],
    by: Store<'_, C>,
    slots: &[Slot],
) -> Result<Vec<Slot>> {
    let mut found = Slots::default();
    let window = WINDOW.min(env.settings.prefetch_limit).min(by.most_keys());
    for slots in slots.chunks(window) {
        let keys = by.key_list(slots);
        let query = Owners::<C> { table, columns, named, keys };
        let model = owners.name();
        let reason = "what follows from what has changed";
        let text = || format!("finding {model} that follow from {} of {}", slots.len(), by.name());
        let doing = Doing { model, table: "", text: &text };
        let told = Statement { kind: "select", model, reason: &reason, keys: Some(slots.len()) };
        let owners = env.traced(&told, &query, |told| {
            env.before_select(&query);
            read_slots(env, owners, doing, &query).inspect(|owners| told.set(owners.len()))
        })?;
        found.extend(owners);
    }
    let mut found: Vec<Slot> = found.into_iter().collect();
    found.sort_unstable();
    let absent: Vec<Slot> = found.iter().copied().filter(|&slot| owners.is_absent(slot)).collect();
    if table == owners.sql() {
        owners.set_present(absent);
    } else if !absent.is_empty() {
        // A pair names them: it may have come later than they were looked for.
        query::by_keys_for_write(env, owners, &absent, &[], "what follows from what has changed")?;
    }
    Ok(found)
}

/// `SELECT DISTINCT columns FROM table WHERE named IN (keys) AND columns IS NOT NULL`
struct Owners<'a, C: Connection> {
    table: &'a str,
    columns: &'static [&'static str],
    named: &'static [&'static str],
    keys: Box<dyn KeyCondition<C::Backend>>,
}

impl<C: Connection> QueryFragment<C::Backend> for Owners<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let column = |out: &mut AstPass<'_, 'b, C::Backend>, column: &&'static str| {
            out.push_sql(self.table);
            out.push_sql(".");
            out.push_identifier(column)
        };
        out.push_sql("SELECT DISTINCT ");
        separated(&mut out, self.columns, |out, name| column(out, name))?;
        out.push_sql(" FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE ");
        self.keys.push(ColumnNames { table: self.table, names: self.named }, out.reborrow())?;
        out.push_sql(" AND ");
        joined(" AND ", &mut out, self.columns, |out, name| {
            column(out, name)?;
            out.push_sql(" IS NOT NULL");
            Ok(())
        })
    }
}
