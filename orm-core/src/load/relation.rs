//! To-many links: how the lists of a whole group are read with one SELECT, and counted.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::backend::{Connection, Dialect as _};
use crate::codec::ColumnNames;
use crate::env::evict::place_for_batch;
use crate::env::pace::Loaded;
use crate::env::stores::{Side, Store, Want};
use crate::fragment::separated;
use crate::load::condition::{self, Joined, Whose};
use crate::load::layout::{Layout, Selection};
use crate::load::select::{Beside, Laid, Reason, Select, Shown, key_columns};
use crate::model::{KeyCondition, LinkInfo, LinkKind, Order};
use crate::number::FieldId;
use crate::store::{ColumnId, List, Slot, SlotSet, Slots};
use crate::{Environment, Error, Result};

/// What a member is taken to weigh until one was read: the record, and each of its values
const BYTES_OF_ROW: usize = 32;
const BYTES_OF_VALUE: usize = 16;

/// Where the members of a list come from
pub(super) struct Source<'a, C: Connection> {
    /// The members
    pub(super) members: Store<'a, C>,
    from: Joined<'a>,
    /// The members' field that is the owner's key, if there is one
    field: Option<FieldId>,
    /// `None`: records by their own keys
    link: Option<&'a LinkInfo<C>>,
    /// Whether it cannot bring a member of an owner twice
    pub(super) is_unique: bool,
    /// Whether an owner has one member at most
    is_one: bool,
}

impl<C: Connection> Clone for Source<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Connection> Copy for Source<'_, C> {}

impl<'a, C: Connection> Source<'a, C> {
    pub(super) fn of(env: &'a Environment<C>, store: Store<'a, C>, field: FieldId) -> Option<Self> {
        let link = store.field(field).link.as_ref()?;
        let members = env.stores.get(link.target);
        condition::follow(env, store, field);
        let key = key_columns(members);
        Some(match link.kind {
            LinkKind::ToOne | LinkKind::Computed { .. } => return None,
            LinkKind::Inverse { field, is_one, .. } => {
                let field = field();
                let (table, own) = (members.sql(), members.field(field).columns);
                let from = Joined { table, members: table, key, own, other: None, is_symmetric: false };
                Source { members, from, field: Some(field), link: Some(link), is_unique: true, is_one }
            }
            LinkKind::Through { own, other, is_key, is_symmetric, .. } => {
                let Some(Side::Pairs { join, .. }) = store.side(field) else { return None };
                let table = env.stores.join_sql(join);
                let from =
                    Joined { table, members: members.sql(), key, own, other: Some(other), is_symmetric };
                let is_unique = is_key() && !is_symmetric;
                Source { members, from, field: None, link: Some(link), is_unique, is_one: false }
            }
        })
    }

    /// Records by their own keys
    pub(super) fn themselves(members: Store<'a, C>) -> Self {
        let (table, own) = (members.sql(), members.model().key_columns());
        let key = key_columns(members);
        let from = Joined { table, members: table, key, own, other: None, is_symmetric: false };
        Source { members, from, field: None, link: None, is_unique: true, is_one: false }
    }

    /// Whether its lists are in an order of their own, or have a filter, which may look at whatever they like
    pub(super) fn is_conditional(self) -> bool {
        self.order().is_some() || self.is_selective()
    }

    /// Says why a SELECT of its lists could not but fail, where that is so.
    #[cold]
    pub(super) fn explained(self, env: &Environment<C>, name: &str, error: Error) -> Error {
        let is_limited = self.link.is_some_and(|link| link.clauses().limit.is_some());
        if !is_limited || error.is_retryable() || error.is_connection_lost() || error.is_timeout() {
            return error;
        }
        let version = env.connection().map(|mut connection| connection.lacks_windows());
        let Ok(Ok(Some(version))) = version else { return error };
        Error::other(format!(
            "{name} has a `limit` for each owner, which takes window functions: MySQL has them since 8.0 and MariaDB since 10.2, this server is \
             {version}; leave the `limit` out and take the first ones of the list, or search with a limit for one owner at a time ({error})"
        ))
    }

    fn order(self) -> Option<Order<C>> {
        self.link?.clauses().order
    }

    /// Whether not all records that lead there are members
    fn is_selective(self) -> bool {
        self.link.is_some_and(|link| link.joining().is_selective())
    }

    /// Which of the members, of the owners with these keys
    pub(super) fn whose(self, keys: Box<dyn KeyCondition<C::Backend>>) -> Whose<'a, C> {
        Whose::new(self.from, keys, self.link)
    }

    /// Whether a join table says whose the members are
    pub(super) fn is_through(self) -> bool {
        self.from.other.is_some()
    }

    pub(super) fn owner(self) -> ColumnNames<'a> {
        self.from.owner()
    }
}

/// Loads the lists of these records, and the members' columns with them if they are wanted: one SELECT.
pub(crate) fn load_lists<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    field: FieldId,
    want: Want,
) -> Result<()> {
    let Some(source) = Source::of(env, store, field) else { return Ok(()) };
    let (members, column) = (source.members, store.column_of(field));
    let slots = not_known_by_key(env, store, source, column, slots);
    let slots = &*one_of_each(store, &slots);
    if slots.is_empty() {
        return Ok(());
    }
    let flushed = env.flush_before_list(members, store.side(field), source.is_conditional())?;
    let fields: Vec<FieldId> = match want {
        Want::Records => members.always().collect(),
        Want::Keys | Want::Count | Want::Aggregate(_) => Vec::new(),
    };
    let sort_here = source.order().is_none() && members.are_keys_numbers();
    let most = if source.is_one { None } else { most_rows(env, store, slots.len(), field, &fields) };
    let selection = Selection::of_model(members.model(), &fields);
    let is_read = source.field.filter(|owner| fields.contains(owner));
    let owner_at = selection.columns.len();
    let places =
        match is_read.and_then(|owner| selection.layout.fields.iter().find(|place| place.field == owner)) {
            // The owner's key is one of the fields that are read anyhow, or stands behind them.
            Some(place) => place.all(),
            None => (owner_at..owner_at + source.from.own.len()).collect(),
        };
    let query = Members {
        source,
        selection: &selection,
        with_owner: is_read.is_none(),
        sorted: !sort_here,
        whose: source.whose(store.key_list(slots)),
        order: source.order().map(|order| order()),
        most,
    };
    let name = format!("{}.{}", store.name(), store.field_name(field));
    let (keys, reserve) = (slots.len(), slots.len());
    let select = Select { store: members, reason: Reason::Relation(&name), keys, reserve, renews: false };
    let beside = Beside::Owner { places, field: is_read, reader: store.model().key_reader(store.table()) };
    // Owner, place in the order of the keys, member. Whole numbers are put in order here: that is cheaper than
    // having the database sort whole rows.
    let mut rows: Vec<(Slot, i64, Slot)> = Vec::new();
    let before = members.value_bytes();
    // What is read from now on is younger than all that is cached.
    let begun = env.later();
    select
        .run(env, flushed, &query, Laid::Out(&selection.layout), beside, &mut |member, owner| {
            let place = if sort_here { members.key_number(member).unwrap_or_default() } else { 0 };
            if let Shown::Owner(owner) = owner {
                rows.push((owner, place, member));
            }
            Ok(())
        })
        .map_err(|error| source.explained(env, &name, error))?;
    let meant = meant(store, field, slots);
    rows.iter_mut().try_for_each(|row| meant(row.0).map(|owner| row.0 = owner))?;
    members.set_present(rows.iter().map(|&(.., member)| member));
    let count = rows.len();
    let is_cut = most.is_some_and(|most| count >= most);
    // The owners come one after the other: all but the last are complete.
    let complete = is_cut.then(|| {
        let last = rows.last().map(|&(owner, ..)| owner);
        rows.retain(|&(owner, ..)| Some(owner) != last);
        SlotSet::of(rows.iter().map(|&(owner, ..)| owner))
    });
    let is_complete = |slot: &Slot| complete.as_ref().is_none_or(|complete| complete.has(*slot));
    let owners: Vec<Slot> = slots.iter().copied().filter(is_complete).collect();
    let bytes = members.value_bytes().saturating_sub(before) + rows.len() * size_of::<Slot>();
    // Of those that are not complete it is not known how long their lists are.
    let records = if is_cut { owners.len().max(1) } else { owners.len() };
    let paces = store.paces();
    paces.weigh(field, Loaded { records, rows: count, bytes });
    if is_cut || bytes >= paces.budget(field) / 2 {
        paces.note_full(field);
    }
    if owners.iter().chain(slots.first()).any(|&slot| store.count_of(column, slot).is_some()) {
        paces.note_number_known(field);
    }
    if source.order().is_some() && source.is_through() {
        // In an order of the link's own the two of a pair that is there twice need not be neighbours.
        let mut seen = HashSet::with_hasher(FixedState::default());
        rows.retain(|&(owner, _, member)| seen.insert((owner, member)));
    }
    if let Some(link) = source.field {
        let listed = rows.iter().map(|&(owner, _, member)| (owner, member));
        store.note_contradicted(column, members.table(), members.column_of(link), listed);
    }
    if source.is_conditional() {
        // What was sent before may have made others missing, but not what has come after it.
        env.settle();
    }
    if source.is_selective() {
        store.table().note_arrived(column, begun, owners.clone());
    }
    keep(env, store, column, &owners, rows);
    Ok(())
}

/// These records without those whose one member is known already, as the key that it shares with them is its link: the lists of
/// those are put into the cache. Of any other link it cannot be said that no second one leads there.
fn not_known_by_key<'a, C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    source: Source<'_, C>,
    column: ColumnId,
    slots: &'a [Slot],
) -> Cow<'a, [Slot]> {
    let members = source.members;
    let is_key = source.is_one && source.from.own == members.model().key_columns();
    // Whether a scope holds for one that is cached only the database knows.
    let Some(link) = source.field.filter(|_| is_key && !source.is_selective()) else {
        return Cow::Borrowed(slots);
    };
    let owners: Slots = slots.iter().copied().collect();
    let mut rows = Vec::new();
    for member in members.leading_to(members.column_of(link), &owners) {
        members.hop(link, std::iter::once(member), |targets| {
            rows.extend(targets.into_iter().flatten().map(|&owner| (owner, 0, member)));
        });
    }
    if rows.is_empty() {
        return Cow::Borrowed(slots);
    }
    let known = SlotSet::of(rows.iter().map(|&(owner, ..)| owner));
    let (known, left): (Vec<Slot>, Vec<Slot>) = slots.iter().partition(|&&slot| known.has(slot));
    keep(env, store, column, &known, rows);
    Cow::Owned(left)
}

/// These records without those whose keys a collation may call equal to that of an earlier one: they are left to another SELECT.
/// Together nobody could tell whose member is whose, nor which of their lists a limit has cut.
pub(super) fn one_of_each<'a, C: Connection>(store: Store<'_, C>, slots: &'a [Slot]) -> Cow<'a, [Slot]> {
    if slots.len() < 2 || store.are_keys_numbers() {
        return Cow::Borrowed(slots);
    }
    let mut seen = HashSet::with_capacity_and_hasher(slots.len(), FixedState::default());
    let mut is_new = |slot: Slot| seen.insert(store.letters(slot));
    let kept: Vec<Slot> = slots.iter().copied().filter(|&slot| is_new(slot)).collect();
    if kept.len() == slots.len() { Cow::Borrowed(slots) } else { Cow::Owned(kept) }
}

/// Gives the record that was asked for, of a member's owner: a collation may call keys equal that are not the same, and then
/// it is the one that the database took the owner for.
pub(super) fn meant<'a, C: Connection>(
    store: Store<'a, C>,
    field: FieldId,
    asked: &'a [Slot],
) -> impl Fn(Slot) -> Result<Slot> + 'a {
    let by_letters = (!store.are_keys_numbers()).then(|| SlotSet::of(asked.iter().copied()));
    move |owner| match &by_letters {
        Some(known) if !known.has(owner) => matched(store, field, asked, owner),
        _ => Ok(owner),
    }
}

/// The record that was asked for and that the database took a member's owner for: a collation may call keys equal that are
/// not the same.
#[cold]
fn matched<C: Connection>(store: Store<'_, C>, field: FieldId, asked: &[Slot], owner: Slot) -> Result<Slot> {
    let wanted = store.letters(owner);
    let mut equal = asked.iter().copied().filter(|&slot| store.letters(slot) == wanted);
    match (equal.next(), equal.next()) {
        (Some(slot), None) => {
            store.table().note_spelling();
            Ok(slot)
        }
        _ => Err(Error::other(format!(
            "members of {}.{} link to the key {}, which the database takes for one of {} that were asked for: its \
             collation calls keys equal that are not the same; read these lists one by one, or link to the keys as they are",
            store.name(),
            store.field_name(field),
            store.key_text(owner),
            asked.len()
        ))),
    }
}

/// How many rows the SELECT may bring; all of them for one owner, whose list has to be complete
///
/// Nobody knows beforehand how long lists are. What more than the budget would be is left to the next batch, which
/// may bring twice as much.
fn most_rows<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    owners: usize,
    field: FieldId,
    fields: &[FieldId],
) -> Option<usize> {
    if owners == 1 {
        return None;
    }
    let paces = store.paces();
    let Loaded { records, rows, bytes } = paces.loaded(field);
    let row = if rows > 0 && !fields.is_empty() {
        bytes.div_ceil(rows)
    } else {
        BYTES_OF_ROW + BYTES_OF_VALUE * fields.len()
    };
    let budget = paces.budget(field).min(env.settings.prefetch_bytes);
    // As it stands in the text of the statement: few different ones.
    let most = (budget / row.max(1)).max(1).next_power_of_two();
    let most = place_for_batch(env).map_or(most, |place| most.min(place));
    // Far fewer are expected: then the database need not put them in the order of their owners.
    let foreseen = (records > 0).then(|| rows.saturating_mul(owners) / records);
    foreseen.is_none_or(|foreseen| foreseen.saturating_mul(4) > most).then_some(most)
}

/// Puts the members into the lists of their owners.
fn keep<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    column: ColumnId,
    owners: &[Slot],
    mut rows: Vec<(Slot, i64, Slot)>,
) {
    // Stable: what the database has put in order stays so.
    rows.sort_by_key(|&(owner, place, _)| (owner, place));
    // A join table may hold a pair twice.
    rows.dedup();
    if env.limits.any() {
        owners.iter().for_each(|&slot| store.add_unread(slot, env.tick()));
    }
    let list = |&slot: &Slot| {
        let start = rows.partition_point(|&(owner, ..)| owner < slot);
        let own = rows[start..].iter().take_while(|&&(owner, ..)| owner == slot);
        (slot, List(own.map(|&(.., member)| member).collect()))
    };
    store.fill_lists(column, env.moment(), owners.iter().map(list));
}

/// Counts the members of each of these records: one SELECT.
pub(crate) fn count_lists<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    field: FieldId,
) -> Result<()> {
    let Some(source) = Source::of(env, store, field) else { return Ok(()) };
    store.paces().note_counted(field);
    let slots = &*one_of_each(store, slots);
    let flushed = env.flush_before_list(source.members, store.side(field), source.is_conditional())?;
    let query = Counts { source, whose: source.whose(store.key_list(slots)) };
    let name = format!("{}.{}", store.name(), store.field_name(field));
    let select = Select { store, reason: Reason::Count(&name), keys: slots.len(), reserve: 0, renews: false };
    let layout = Layout { key: (0..source.from.own.len()).collect(), fields: Vec::new() };
    let mut counts = Vec::new();
    let begun = env.later();
    select
        .run(
            env,
            flushed,
            &query,
            Laid::Out(&layout),
            Beside::Value(source.from.own.len()),
            &mut |owner, count| {
                if let Shown::Value(count) = count {
                    counts.push((owner, C::Backend::read_count(count)?));
                }
                Ok(())
            },
        )
        .map_err(|error| source.explained(env, &name, error))?;
    if source.is_conditional() {
        // What was sent before may have made others missing, but not what has come after it.
        env.settle();
    }
    // Those that the database does not name have no members.
    let mut members: HashMap<Slot, usize, FixedState> = slots.iter().map(|&slot| (slot, 0)).collect();
    let meant = meant(store, field, slots);
    for (owner, count) in counts {
        *members.entry(meant(owner)?).or_default() += count;
    }
    store.set_counts(store.column_of(field), begun, slots, members.into_iter());
    Ok(())
}

struct Members<'a, C: Connection> {
    source: Source<'a, C>,
    selection: &'a Selection,
    /// Whether the owner's key stands behind the fields
    with_owner: bool,
    sorted: bool,
    whose: Whose<'a, C>,
    order: Option<Box<dyn QueryFragment<C::Backend>>>,
    /// How many rows may come; if there are more, they are in the order of their owners
    most: Option<usize>,
}

impl<C: Connection> QueryFragment<C::Backend> for Members<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let Source { members, .. } = self.source;
        let owner = self.source.owner();
        out.push_sql("SELECT ");
        self.selection.push(members.sql(), &mut out)?;
        if self.with_owner {
            out.push_sql(", ");
            owner.push_all(&mut out)?;
        }
        out.push_sql(" FROM ");
        self.whose.push_from(&mut out)?;
        out.push_sql(" WHERE ");
        if self.most.is_some() {
            // By how many rows come it is known whose lists are complete. Where all come, those without a key are warned of.
            self.whose.push_with_key(&mut out)?;
        } else {
            self.whose.push(&mut out)?;
        }
        if !self.sorted && self.most.is_none() {
            return Ok(());
        }
        out.push_sql(" ORDER BY ");
        if self.most.is_some() {
            owner.push_all(&mut out)?;
        }
        if self.sorted {
            if self.most.is_some() {
                out.push_sql(", ");
            }
            if let Some(order) = &self.order {
                order.walk_ast(out.reborrow())?;
                out.push_sql(", ");
            }
            key_columns(members).push_all(&mut out)?;
        }
        if let Some(most) = self.most {
            out.push_sql(&format!(" LIMIT {most}"));
        }
        Ok(())
    }
}

struct Counts<'a, C: Connection> {
    source: Source<'a, C>,
    whose: Whose<'a, C>,
}

impl<C: Connection> QueryFragment<C::Backend> for Counts<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let (owner, key) = (self.source.owner(), key_columns(self.source.members));
        // A join table may hold a pair twice, whatever is said to be its key.
        let may_repeat = self.source.is_through();
        if key.names.len() > 1 && may_repeat {
            return self.push_of_several(owner, key, out);
        }
        out.push_sql("SELECT ");
        owner.push_all(&mut out)?;
        out.push_sql(", COUNT(");
        push_each(key, may_repeat, &mut out)?;
        out.push_sql(") FROM ");
        self.whose.push_from(&mut out)?;
        out.push_sql(" WHERE ");
        self.whose.push_with_key(&mut out)?;
        out.push_sql(" GROUP BY ");
        owner.push_all(&mut out)
    }
}

impl<C: Connection> Counts<'_, C> {
    /// No two databases count different keys of several columns in the same way.
    fn push_of_several<'b>(
        &'b self,
        owner: ColumnNames<'b>,
        key: ColumnNames<'b>,
        mut out: AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        let owners: Vec<String> = (0..owner.names.len()).map(|part| format!("owner{part}")).collect();
        let owners = owners.join(", ");
        out.push_sql(&format!("SELECT {owners}, COUNT(*) FROM (SELECT DISTINCT "));
        let of = |names: ColumnNames<'b>, alias| (0..names.names.len()).map(move |part| (names, alias, part));
        separated(&mut out, of(owner, "owner").chain(of(key, "member")), |out, (names, alias, part)| {
            names.push(part, out)?;
            out.push_sql(&format!(" AS {alias}{part}"));
            Ok(())
        })?;
        out.push_sql(" FROM ");
        self.whose.push_from(&mut out)?;
        out.push_sql(" WHERE ");
        self.whose.push(&mut out)?;
        // What has no key is no record.
        for part in 0..key.names.len() {
            out.push_sql(" AND ");
            key.push(part, &mut out)?;
            out.push_sql(" IS NOT NULL");
        }
        out.push_sql(&format!(") AS pairs GROUP BY {owners}"));
        Ok(())
    }
}

/// What `COUNT` is of, where each member counts once: its key, if it may be there several times
pub(super) fn push_each<'b, DB: Backend>(
    key: ColumnNames<'b>,
    may_repeat: bool,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    if !may_repeat {
        out.push_sql("*");
        return Ok(());
    }
    out.push_sql("DISTINCT ");
    key.push(0, out)
}
