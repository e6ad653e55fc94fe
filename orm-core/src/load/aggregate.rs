//! Aggregates over to-many links: one grouped SELECT for the owners of a batch, or one SELECT for the members of all.

use std::cell::Cell;
use std::fmt;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::{Field as _, Row};

use crate::backend::{Connection, Dialect, Numbers, System};
use crate::codec::ColumnNames;
use crate::env::keys::read_key;
use crate::env::pending::Flushed;
use crate::env::stores::{Store, is_sub_select};
use crate::error::BoxError;
use crate::fragment::{Fragment, separated};
use crate::load::condition::Whose;
use crate::load::expression::{are_plain, is_fixed};
use crate::load::relation::{Source, meant, one_of_each, push_each};
use crate::load::select::{Reason, key_columns, statement_of};
use crate::number::FieldId;
use crate::store::{Function, Slot, Subject};
use crate::{Environment, Error, Result, Str};

/// What is aggregated over members
#[derive(Debug)]
pub struct Aggregate<'a, C: Connection> {
    pub(crate) function: Function,
    pub(crate) argument: Argument<'a, C>,
    pub(crate) numbers: Numbers,
}

/// What of the members; of a count it is the condition for being counted
pub enum Argument<'a, C: Connection> {
    /// A field of their model
    Field(FieldId),
    /// An expression of diesel's
    Expression(&'a dyn QueryFragment<C::Backend>),
    /// The members themselves: how many there are
    Members,
}

impl<C: Connection> fmt::Debug for Argument<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.debug_tuple("Field").field(field).finish(),
            Self::Expression(_) => f.write_str("Expression"),
            Self::Members => f.write_str("Members"),
        }
    }
}

/// A value of what an aggregate comes to
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The only one
    Value,
    /// A sum of what is left of each value when it is divided by 2³²
    High,
    /// The sum of the remainders
    Low,
    /// How many values there were
    Count,
}

/// A part of one of the aggregates that a SELECT asks for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Which of them
    pub(crate) of: usize,
    pub(crate) part: Part,
}

/// Takes what a SELECT gives, but for NULLs.
pub trait Reading<DB: Backend> {
    /// Forgets what was taken: the SELECT is run again.
    fn begin(&mut self);
    /// Takes a value of an owner.
    fn take(&mut self, owner: Slot, piece: Piece, value: DB::RawValue<'_>) -> Result<(), BoxError>;
}

/// Whose aggregates a SELECT has brought
#[derive(Debug)]
pub struct Brought {
    pub(crate) owners: Vec<Slot>,
    pub(crate) faults: Vec<Fault>,
}

/// What could not be read
#[derive(Debug)]
pub(crate) struct Fault {
    /// Of which of the aggregates
    pub(crate) of: usize,
    pub(crate) owner: Slot,
    pub(crate) message: Str,
}

impl<C: Connection> Aggregate<'_, C> {
    /// What it is told from others by; `None` if that cannot be said
    pub(crate) fn subject(&self, members: Store<'_, C>) -> Option<Subject> {
        match self.argument {
            Argument::Members => None,
            Argument::Field(field) => Some(Subject::Column(members.column_of(field))),
            Argument::Expression(expression) => {
                let text = C::Backend::text(members.system(), expression).ok()?;
                if !is_fixed(&text) {
                    return None;
                }
                let told = C::Backend::describe(members.system(), expression);
                let values = told.get(text.len()..)?.strip_prefix(" -- binds: ")?;
                are_plain(values).then(|| Subject::Text(told.into()))
            }
        }
    }

    fn parts(&self, in_halves: bool) -> &'static [Part] {
        match self.function {
            Function::Count => &[Part::Count],
            Function::Sum if self.is_halved(in_halves) => &[Part::High, Part::Low],
            Function::Mean if self.is_halved(in_halves) => &[Part::High, Part::Low, Part::Count],
            Function::Mean => &[Part::Value, Part::Count],
            Function::Sum | Function::Least | Function::Greatest => &[Part::Value],
        }
    }

    fn is_halved(&self, in_halves: bool) -> bool {
        in_halves && self.numbers == Numbers::Whole
    }

    fn name(&self) -> &'static str {
        match self.function {
            Function::Sum | Function::Mean => "SUM",
            Function::Least => "MIN",
            Function::Greatest => "MAX",
            Function::Count => "COUNT",
        }
    }

    /// Whether it may look at rows that are no members
    fn looks_around(&self, system: &System) -> bool {
        match self.argument {
            Argument::Field(_) | Argument::Members => false,
            Argument::Expression(expression) => {
                C::Backend::text(system, expression).is_ok_and(|text| is_sub_select(&text))
            }
        }
    }
}

/// These aggregates over the lists of each of these records: one SELECT. What cannot be kept is noted as a search is.
pub(crate) fn by_owner<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    (field, slots): (FieldId, &[Slot]),
    aggregates: &[Aggregate<'_, C>],
    is_kept: bool,
    reading: &mut dyn Reading<C::Backend>,
) -> Result<Brought> {
    let Some(source) = Source::of(env, store, field) else {
        return Ok(Brought { owners: Vec::new(), faults: Vec::new() });
    };
    let slots = &*one_of_each(store, slots);
    let flushed = env.flush_before_aggregate(
        source.members,
        store.side(field),
        source.is_conditional() || aggregates.iter().any(|aggregate| aggregate.looks_around(env.system())),
    )?;
    let whose = source.whose(store.key_list(slots));
    let mut query = Query { source, whose, aggregates, is_grouped: true, in_halves: false };
    let name = format!("{}.{}", store.name(), store.field_name(field));
    let meant = meant(store, field, slots);
    let select = Select { store, name: &name, keys: slots.len() };
    let faults = select.run(env, flushed, &mut query, &meant, reading)?;
    if !is_kept {
        env.note_search(|| env.text_of(&query).unwrap_or_default());
    }
    Ok(Brought { owners: slots.to_vec(), faults })
}

/// Aggregates over the members of all these records' lists, each member once; without a field over the records themselves.
pub(crate) fn of_all<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    (field, slots): (Option<FieldId>, &[Slot]),
    aggregate: &Aggregate<'_, C>,
    reading: &mut dyn Reading<C::Backend>,
) -> Result<Vec<Fault>> {
    let source = field.map_or(Some(Source::themselves(store)), |field| Source::of(env, store, field));
    let Some(source) = source else { return Ok(Vec::new()) };
    let side = field.and_then(|field| store.side(field));
    let flushed = env.flush_before_aggregate(
        source.members,
        side,
        aggregate.looks_around(env.system()) || source.is_conditional(),
    )?;
    let whose = source.whose(store.key_list(slots));
    let aggregates = std::slice::from_ref(aggregate);
    let mut query = Query { source, whose, aggregates, is_grouped: false, in_halves: false };
    let name = field
        .map_or(store.name().to_owned(), |field| format!("{}.{}", store.name(), store.field_name(field)));
    let select = Select { store, name: &name, keys: slots.len() };
    let faults = select.run(env, flushed, &mut query, &Ok, reading)?;
    env.note_search(|| env.text_of(&query).unwrap_or_default());
    Ok(faults)
}

/// A SELECT of aggregates by the keys of records
struct Select<'a, C: Connection> {
    store: Store<'a, C>,
    name: &'a str,
    keys: usize,
}

impl<C: Connection> Select<'_, C> {
    /// Returns what could not be read.
    fn run(
        &self,
        env: &Environment<C>,
        _flushed: Flushed,
        query: &mut Query<'_, C>,
        whose: &dyn Fn(Slot) -> Result<Slot>,
        reading: &mut dyn Reading<C::Backend>,
    ) -> Result<Vec<Fault>> {
        let read = env.reading(|_| self.read(env, query, whose, reading));
        let is_too_large = |error: &Error| error.of_statement().is_some_and(C::Backend::is_sum_too_large);
        let read = match read {
            Err(error) if is_too_large(&error) && query.has_whole() => {
                query.in_halves = true;
                env.reading(|_| self.read(env, query, whose, reading))
            }
            read => read,
        };
        read.map_err(|error| query.source.explained(env, self.name, error))
    }

    fn read(
        &self,
        env: &Environment<C>,
        query: &Query<'_, C>,
        whose: &dyn Fn(Slot) -> Result<Slot>,
        reading: &mut dyn Reading<C::Backend>,
    ) -> Result<Vec<Fault>> {
        let Self { store, name, keys } = *self;
        let reason = Reason::Aggregate(name);
        env.traced(&statement_of(store.name(), &reason, keys), query, |count| {
            self.read_rows(env, query, whose, reading, count)
        })
    }

    fn read_rows(
        &self,
        env: &Environment<C>,
        query: &Query<'_, C>,
        whose: &dyn Fn(Slot) -> Result<Slot>,
        reading: &mut dyn Reading<C::Backend>,
        row_count: &Cell<usize>,
    ) -> Result<Vec<Fault>> {
        let Self { store, name, .. } = *self;
        let reason = Reason::Aggregate(name);
        let fault = |error| Error::database(store.name(), reason.text(store.name()), error);
        let misread = |error| fault(diesel::result::Error::DeserializationError(error));
        let places: Vec<usize> =
            if query.is_grouped { (0..query.source.owner().names.len()).collect() } else { Vec::new() };
        let mut key = store.model().key_reader(store.table());
        let mut connection = env.connection()?;
        env.before_select(query);
        // Rows may have come before an error did.
        reading.begin();
        let rows = LoadConnection::load(&mut **connection, Fragment(query)).map_err(fault)?;
        let (mut faults, mut count) = (Vec::new(), 0);
        for row in rows {
            let row = row.map_err(fault)?;
            let owner = if query.is_grouped {
                whose(read_key(&mut *key, &places, &row).map_err(misread)?)?
            } else {
                Slot::at(0)
            };
            for (at, piece) in query.pieces().enumerate() {
                let value = row.get(places.len() + at);
                let Some(value) = value.as_ref().and_then(|value| value.value()) else { continue };
                if let Err(error) = reading.take(owner, piece, value) {
                    faults.push(Fault { of: piece.of, owner, message: error.to_string().into() });
                }
            }
            count += 1;
        }
        row_count.set(count);
        Ok(faults)
    }
}

struct Query<'a, C: Connection> {
    source: Source<'a, C>,
    whose: Whose<'a, C>,
    aggregates: &'a [Aggregate<'a, C>],
    /// Whether there is a row for each owner
    is_grouped: bool,
    /// Whether sums of whole numbers are asked for in two
    in_halves: bool,
}

impl<C: Connection> QueryFragment<C::Backend> for Query<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let may_repeat = if self.is_grouped { !self.source.is_unique } else { self.source.is_through() };
        if may_repeat {
            return self.push_of_distinct(out);
        }
        let owner = self.source.owner();
        out.push_sql("SELECT ");
        if self.is_grouped {
            owner.push_all(&mut out)?;
            out.push_sql(", ");
        }
        self.push_pieces(&mut out, &|out, of| self.push_argument(of, out))?;
        self.push_from(&mut out)?;
        if self.is_grouped {
            out.push_sql(" GROUP BY ");
            owner.push_all(&mut out)?;
        }
        Ok(())
    }
}

/// Writes the argument of one of the aggregate functions.
type Push<'p, 'b, DB> = &'p dyn Fn(&mut AstPass<'_, 'b, DB>, usize) -> QueryResult<()>;

impl<C: Connection> Query<'_, C> {
    fn has_whole(&self) -> bool {
        self.aggregates.iter().any(|aggregate| aggregate.numbers == Numbers::Whole)
    }

    /// What stands behind the owner, in order
    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let parts = |aggregate: &Aggregate<'_, C>| aggregate.parts(self.in_halves);
        let all = self.aggregates.iter().map(parts).enumerate();
        all.flat_map(|(of, parts)| parts.iter().map(move |&part| Piece { of, part }))
    }

    /// The condition of a count that is asked for alone: an index may help
    fn condition(&self) -> Option<usize> {
        match self.aggregates {
            [Aggregate { function: Function::Count, argument, .. }] => {
                (!matches!(argument, Argument::Members)).then_some(0)
            }
            _ => None,
        }
    }

    /// A join table may hold a pair twice, and a member may be one of several records.
    fn push_of_distinct<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let owner = self.source.owner();
        let owners = if self.is_grouped { owner.names.len() } else { 0 };
        let names: Vec<String> = (0..owners).map(|part| format!("owner{part}")).collect();
        let names = names.join(", ");
        out.push_sql("SELECT ");
        if self.is_grouped {
            out.push_sql(&names);
            out.push_sql(", ");
        }
        self.push_pieces(&mut out, &|out, of| {
            match self.aggregates[of].argument {
                Argument::Members => out.push_sql("*"),
                _ => out.push_sql(&format!("argument{of}")),
            }
            Ok(())
        })?;
        out.push_sql(" FROM (SELECT DISTINCT ");
        let key = key_columns(self.source.members);
        let of =
            |names: ColumnNames<'b>, parts: usize, alias| (0..parts).map(move |part| (names, alias, part));
        let columns = of(owner, owners, "owner").chain(of(key, key.names.len(), "member"));
        separated(&mut out, columns, |out, (names, alias, part)| {
            names.push(part, out)?;
            out.push_sql(&format!(" AS {alias}{part}"));
            Ok(())
        })?;
        for (of, aggregate) in self.aggregates.iter().enumerate() {
            if self.condition().is_none() && !matches!(aggregate.argument, Argument::Members) {
                out.push_sql(", ");
                self.push_argument(of, &mut out)?;
                out.push_sql(&format!(" AS argument{of}"));
            }
        }
        self.push_from(&mut out)?;
        out.push_sql(") AS members");
        if self.is_grouped {
            out.push_sql(" GROUP BY ");
            out.push_sql(&names);
        }
        Ok(())
    }

    fn push_pieces<'b>(
        &self,
        out: &mut AstPass<'_, 'b, C::Backend>,
        argument: Push<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        separated(out, self.pieces(), |out, Piece { of, part }| {
            let aggregate = &self.aggregates[of];
            let [before, behind] = match part {
                Part::Value => {
                    let system = self.source.members.system();
                    C::Backend::around(system, aggregate.name(), aggregate.numbers)
                }
                Part::High => ["SUM((".to_owned(), ") / 4294967296)".to_owned()],
                Part::Low => ["SUM((".to_owned(), ") % 4294967296)".to_owned()],
                Part::Count => ["COUNT(".to_owned(), ")".to_owned()],
            };
            out.push_sql(&before);
            match self.condition() {
                Some(_) => out.push_sql("*"),
                None => argument(out, of)?,
            }
            out.push_sql(&behind);
            Ok(())
        })
    }

    fn push_argument<'b>(&'b self, of: usize, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let (members, aggregate) = (self.source.members, &self.aggregates[of]);
        match aggregate.argument {
            Argument::Field(field) => {
                ColumnNames { table: members.sql(), names: members.field(field).columns }.push_all(out)
            }
            Argument::Expression(condition) if aggregate.function == Function::Count => {
                out.push_sql("CASE WHEN (");
                condition.walk_ast(out.reborrow())?;
                out.push_sql(") THEN 1 END");
                Ok(())
            }
            Argument::Expression(expression) => expression.walk_ast(out.reborrow()),
            Argument::Members => {
                // As they are counted alone
                push_each(key_columns(members), self.source.is_through(), out)
            }
        }
    }

    fn push_from<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql(" FROM ");
        self.whose.push_from(out)?;
        out.push_sql(" WHERE ");
        let condition = self.condition().map(|of| &self.aggregates[of].argument);
        let Some(Argument::Expression(condition)) = condition else { return self.whose.push_with_key(out) };
        self.whose.push_with_key(out)?;
        out.push_sql(" AND (");
        condition.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}
