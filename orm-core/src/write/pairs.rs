//! Many-to-many links that were added or removed, and are not in their join table yet.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use super::filled::Filled;
use super::stored::selected;
use super::window::WINDOW;
use crate::backend::{Connection, System};
use crate::codec::Binds;
use crate::env::pairs::{Columns, Pending};
use crate::env::stores::{Side, Store};
use crate::error::Doing;
use crate::fragment::{joined, separated};
use crate::model::{Fixed, LinkKind};
use crate::number::FieldId;
use crate::store::{Slot, Slots, Table};
use crate::{Environment, Error, Result};

/// Sends all that wait, by link and by whether they come or go.
pub(super) fn pending<C: Connection>(env: &Environment<C>) -> Result<()> {
    if env.pairs.is_empty() {
        return Ok(());
    }
    let mut groups: IndexMap<_, Vec<(Slot, Slot)>, FixedState> = IndexMap::default();
    for Pending { link, own, other, add, .. } in env.pairs.all() {
        groups.entry((link, add)).or_default().push((own, other));
    }
    for (((model, field), add), pairs) in groups {
        if let Some(store) = env.store_by_number(model) {
            flush(env, store, field, &pairs, add)?;
        }
    }
    env.pairs.clear();
    Ok(())
}

/// Writes pairs into their table, or deletes them from it.
fn flush<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    field: FieldId,
    pairs: &[(Slot, Slot)],
    add: bool,
) -> Result<()> {
    let (Some(link), Some(Side::Pairs { join, .. })) = (&store.field(field).link, store.side(field)) else {
        return Ok(());
    };
    let LinkKind::Through { own, other, is_key, is_symmetric, .. } = link.kind else { return Ok(()) };
    let target = env.stores.get(link.target);
    let mut pairs = pairs.to_vec();
    if is_symmetric {
        pairs = in_one_direction(store.table(), pairs);
        if !add {
            let reversed: Vec<_> = pairs.iter().filter(|(a, b)| a != b).map(|&(a, b)| (b, a)).collect();
            pairs.extend(reversed);
        }
    }
    let pairs = &in_key_order(store.table(), target.table(), &pairs, own <= other)[..];
    let fixed = Filled::of(env, store, field)?.pair;
    let is_key = fixed.is_empty() && !is_symmetric && is_key();
    let (mut constants, mut nulls) = (Vec::new(), Vec::new());
    for Fixed { column, constant, .. } in fixed {
        match constant {
            Some(constant) => constants.push((column, constant.expression)),
            None => nulls.push(column),
        }
    }
    let columns = own.len() + other.len() + constants.len();
    let system = env.system();
    let binds = if system.has_values { columns } else { 2 * columns };
    let join_table = env.stores.join_sql(join);
    for pairs in pairs.chunks(WINDOW.min(system.max_binds / binds)) {
        let owners = pairs.iter().map(|&(own, _)| Some(own)).collect();
        let members = pairs.iter().map(|&(_, other)| Some(other)).collect();
        let mut change = Change::<C> {
            system,
            table: join_table,
            own,
            other,
            owners: store.model().key_binds(store.table(), owners),
            members: target.model().key_binds(target.table(), members),
            constants: &constants,
            nulls: &nulls,
            pairs: pairs.len(),
            how: if add { How::AddBesideOthers } else { How::Remove },
            is_key,
            is_symmetric,
        };
        let told = || {
            let what = if add { "adding" } else { "removing" };
            format!("{what} {} pairs of {}.{}", pairs.len(), store.name(), store.field_name(field))
        };
        let doing = Doing { model: store.name(), table: join_table, text: &told };
        let sent = env.run(doing, &change).map_err(|error| kept_out(error, &change))?;
        if change.overlooks_conflicts() && sent < pairs.len() {
            see_to_it(env, doing, &mut change)?;
        }
        // The values of the join table's own model that are stored follow from what the pairs lead to. Which rows are new is not asked.
        if add && let Some((rows, sources)) = env.stored_of_pairs(join) {
            let owners: Slots = pairs.iter().map(|&(own, _)| own).collect();
            let owners: Vec<Slot> = owners.into_iter().collect();
            let found = selected(env, rows, rows.sql(), rows.model().key_columns(), own, store, &owners)?;
            env.note_rows(sources.into_iter().map(|source| (source, found.clone())));
        }
    }
    Ok(())
}

/// How often pairs are added again that somebody else removes meanwhile
const TRIES: usize = 4;

/// Sees to it that pairs are there which an INSERT has passed over: they were there, or somebody else has added them, who may have
/// removed them since; or another unique key of the table keeps them out: then it is that key's error.
#[cold]
fn see_to_it<C: Connection>(
    env: &Environment<C>,
    doing: Doing<'_>,
    change: &mut Change<'_, C>,
) -> Result<()> {
    for how in [How::AddBesideOthers; TRIES].into_iter().chain([How::Add]) {
        change.how = How::Look;
        if env.run(doing, &*change)? == 0 {
            return Ok(());
        }
        change.how = how;
        env.run(doing, &*change)?;
    }
    Ok(())
}

/// Says what MySQL's "subquery" is.
#[cold]
fn kept_out<C: Connection>(error: Error, change: &Change<'_, C>) -> Error {
    match error {
        Error::Database { model, doing, error, table } if change.fails_by_subquery() => {
            let hint = format!(
                "if it is about a subquery: a unique key of {} beside that of the pair keeps one of them out",
                change.table
            );
            Error::Database { model, doing: format!("{doing} ({hint})").into(), error, table }
        }
        error => error,
    }
}

/// Pairs in the order of their keys, which is the same from whichever side they were named: two who write the same ones do not
/// wait for each other.
fn in_key_order(
    owners: &Table,
    members: &Table,
    pairs: &[(Slot, Slot)],
    own_first: bool,
) -> Vec<(Slot, Slot)> {
    let rank = |table: &Table, mut slots: Vec<Slot>| -> HashMap<Slot, usize, FixedState> {
        table.sort_by_key(&mut slots);
        slots.into_iter().zip(0..).collect()
    };
    let owns = rank(owners, pairs.iter().map(|pair| pair.0).collect());
    let others = rank(members, pairs.iter().map(|pair| pair.1).collect());
    let mut pairs = pairs.to_vec();
    pairs.sort_by_key(|(own, other)| {
        let (own, other) = (owns.get(own), others.get(other));
        if own_first { (own, other) } else { (other, own) }
    });
    pairs
}

/// A column, and what it is compared with
type Held<C> = (&'static str, Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>);

/// Pairs of a symmetric link with the smaller key first, as long as nobody has written them otherwise
fn in_one_direction(table: &Table, pairs: Vec<(Slot, Slot)>) -> Vec<(Slot, Slot)> {
    let sorted = |(a, b): (Slot, Slot)| {
        let mut two = [a, b];
        table.sort_by_key(&mut two);
        two.into()
    };
    pairs.into_iter().map(sorted).collect()
}

struct Change<'a, C: Connection> {
    system: &'static System,
    table: &'a str,
    own: Columns,
    other: Columns,
    owners: Box<dyn Binds<C::Backend>>,
    members: Box<dyn Binds<C::Backend>>,
    /// What else stands in the row, by its columns: the link's filter fixes it
    constants: &'a [Held<C>],
    /// The columns that are NULL in it
    nulls: &'a [&'static str],
    pairs: usize,
    how: How,
    /// Whether the columns are the table's primary key
    is_key: bool,
    /// Whether a pair is there also if it is so in the other direction
    is_symmetric: bool,
}

/// What becomes of pairs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Remove,
    /// It is looked how many are not there
    Look,
    /// Those that are not there are added
    Add,
    /// The same while somebody else may be adding some of them
    AddBesideOthers,
}

impl<C: Connection> Change<'_, C> {
    /// Whether rows that any key keeps out are passed over. SQLite has one writer at a time: there nobody adds the same pair meanwhile,
    /// and any conflict is another one.
    fn overlooks_conflicts(&self) -> bool {
        self.how == How::AddBesideOthers && self.system.has_values && self.system.has_row_locks
    }

    /// Whether what keeps a pair out, and is not the pair itself, is found out by a subquery that fails
    fn fails_by_subquery(&self) -> bool {
        self.how == How::AddBesideOthers && !self.system.has_values
    }

    fn columns(&self) -> impl Iterator<Item = &'static str> {
        let constants = self.constants.iter().map(|(column, _)| *column);
        self.own.iter().chain(self.other).copied().chain(constants)
    }

    /// ` AND … IS NULL`, for the rows of this kind
    fn push_nulls(&self, out: &mut AstPass<'_, '_, C::Backend>) -> QueryResult<()> {
        self.nulls.iter().try_for_each(|column| {
            out.push_sql(" AND ");
            out.push_sql(self.table);
            out.push_sql(".");
            out.push_identifier(column)?;
            out.push_sql(" IS NULL");
            Ok(())
        })
    }

    /// The places of the columns in the order that is the same for both sides of the link
    fn ordered(&self) -> impl Iterator<Item = usize> {
        let (own, all) = (self.own.len(), self.own.len() + self.other.len());
        let (first, last) = if self.own <= self.other { (0..own, own..all) } else { (own..all, 0..own) };
        first.chain(last)
    }

    fn push_columns(&self, out: &mut AstPass<'_, '_, C::Backend>) -> QueryResult<()> {
        separated(out, self.columns(), |out, column| out.push_identifier(column))
    }

    /// One column of one pair
    fn push_bind<'b>(
        &'b self,
        row: usize,
        column: usize,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        let (own, other) = (self.own.len(), self.other.len());
        if column < own {
            self.owners.push(row, column, out.reborrow())
        } else if let Some((_, constant)) =
            column.checked_sub(own + other).and_then(|at| self.constants.get(at))
        {
            constant.walk_ast(out.reborrow())
        } else {
            self.members.push(row, column - own, out.reborrow())
        }
    }

    fn push_pair<'b>(&'b self, row: usize, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        separated(out, self.columns().enumerate(), |out, (column, _)| self.push_bind(row, column, out))
    }

    /// `(?, ?), (?, ?), …`, as many as a power of two: the last one is repeated
    fn push_pairs<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let rows = self.pairs.next_power_of_two().min(WINDOW.max(self.pairs));
        separated(out, 0..rows, |out, row| {
            out.push_sql("(");
            self.push_pair(row.min(self.pairs - 1), out)?;
            out.push_sql(")");
            Ok(())
        })
    }

    /// ` WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE own = … AND other = …)`
    fn push_not_there<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, C::Backend>,
        mut push: impl FnMut(usize, &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        out.push_sql(" WHERE NOT EXISTS (SELECT 1 FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE ");
        let ends = self.own.len() + self.other.len();
        let turned = |i: usize| if i < ends { (i + self.own.len()) % ends } else { i };
        let mut push_all = |out: &mut AstPass<'_, 'b, C::Backend>, is_turned: bool| {
            joined(" AND ", out, self.columns().enumerate(), |out, (i, column)| {
                out.push_identifier(column)?;
                out.push_sql(" = ");
                push(if is_turned { turned(i) } else { i }, out)
            })
        };
        if self.is_symmetric {
            out.push_sql("((");
            push_all(out, false)?;
            out.push_sql(") OR (");
            push_all(out, true)?;
            out.push_sql("))");
        } else {
            push_all(out, false)?;
        }
        self.push_nulls(out)?;
        out.push_sql(")");
        Ok(())
    }

    /// Those pairs that are not there yet: a join table need not have a unique key. Where it has one, somebody else may be adding the
    /// same pair.
    fn push_insert<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.how != How::Look {
            out.push_sql("INSERT INTO ");
            out.push_sql(self.table);
            out.push_sql(" (");
            self.push_columns(&mut out)?;
            self.nulls.iter().try_for_each(|column| {
                out.push_sql(", ");
                out.push_identifier(column)
            })?;
            out.push_sql(") ");
        }
        let nulls = ", NULL".repeat(self.nulls.len());
        let value = |out: &mut AstPass<'_, 'b, C::Backend>, i: usize| {
            out.push_sql(&format!("v.column{}", i + 1));
            Ok(())
        };
        if self.system.has_values {
            // Of what type a NULL is cannot be told where it is to be compared.
            out.push_sql(if self.nulls.is_empty() { "SELECT DISTINCT " } else { "SELECT " });
            separated(&mut out, self.columns().enumerate(), |out, (i, _)| value(out, i))?;
            out.push_sql(&nulls);
            out.push_sql(" FROM (VALUES ");
            self.push_pairs(&mut out)?;
            out.push_sql(") AS v");
            self.push_not_there(&mut out, |i, out| value(out, i))?;
            if !self.nulls.is_empty() {
                out.push_sql(" GROUP BY ");
                separated(&mut out, self.columns().enumerate(), |out, (i, _)| value(out, i))?;
            }
            // What is distinct comes in any order.
            out.push_sql(" ORDER BY ");
            separated(&mut out, self.ordered(), value)?;
            if self.overlooks_conflicts() {
                out.push_sql(" ON CONFLICT DO NOTHING");
            }
            return Ok(());
        }
        if self.is_key {
            // Looking first would lock the gaps between the rows, and two who have looked would wait for each other. Each pair once: that
            // the columns are a key says diesel's table, which has to have one.
            if !self.pairs.is_power_of_two() {
                out.unsafe_to_cache_prepared();
            }
            out.push_sql("VALUES ");
            separated(&mut out, 0..self.pairs, |out, row| {
                out.push_sql("(");
                self.push_pair(row, out)?;
                out.push_sql(")");
                Ok(())
            })?;
        } else {
            out.unsafe_to_cache_prepared();
            for row in 0..self.pairs {
                out.push_sql(if row > 0 { " UNION ALL SELECT " } else { "SELECT " });
                self.push_pair(row, &mut out)?;
                out.push_sql(&nulls);
                out.push_sql(" FROM DUAL");
                self.push_not_there(&mut out, |i, out| self.push_bind(row, i, out))?;
            }
        }
        // `INSERT IGNORE` would overlook other faults too, such as a foreign key's.
        // MySQL tells neither which key it was nor how many rows it were. So the pair itself stays as it is, and for any other row there
        // is no value: a subquery of two rows is an error, and as it names the row it is not looked at before.
        out.push_sql(" ON DUPLICATE KEY UPDATE ");
        self.push_own_column(0, &mut out)?;
        out.push_sql(" = IF(");
        joined(" AND ", &mut out, self.columns().enumerate(), |out, (i, column)| {
            self.push_own_column(i, out)?;
            out.push_sql(" = VALUES(");
            out.push_identifier(column)?;
            out.push_sql(")");
            Ok(())
        })?;
        self.push_nulls(&mut out)?;
        out.push_sql(", ");
        self.push_own_column(0, &mut out)?;
        out.push_sql(", (SELECT n FROM (SELECT 1 AS n UNION SELECT 2) AS two WHERE ");
        self.push_own_column(0, &mut out)?;
        out.push_sql(" IS NOT NULL))");
        Ok(())
    }

    /// `pairs.own`, or another one of the columns
    fn push_own_column(&self, column: usize, out: &mut AstPass<'_, '_, C::Backend>) -> QueryResult<()> {
        out.push_sql(self.table);
        out.push_sql(".");
        self.columns().nth(column).map_or(Ok(()), |column| out.push_identifier(column))
    }

    /// `own = ? AND other = ? OR …`: by this MariaDB finds each row by its key, where a list of pairs makes it look through the table.
    fn push_each<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let rows = self.pairs.next_power_of_two().min(WINDOW.max(self.pairs));
        joined(" OR ", out, 0..rows, |out, row| {
            joined(" AND ", out, self.columns().enumerate(), |out, (i, column)| {
                out.push_identifier(column)?;
                out.push_sql(" = ");
                self.push_bind(row.min(self.pairs - 1), i, out)
            })
        })
    }
}

impl<C: Connection> QueryFragment<C::Backend> for Change<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.how != How::Remove {
            return self.push_insert(out);
        }
        out.push_sql("DELETE FROM ");
        out.push_sql(self.table);
        if !self.system.has_values {
            out.push_sql(" WHERE (");
            self.push_each(&mut out)?;
            out.push_sql(")");
            return self.push_nulls(&mut out);
        }
        if self.system.has_row_locks {
            // As an UPDATE does: rows are found in any order, and are to be locked in one.
            out.push_sql(" WHERE (");
            self.push_columns(&mut out)?;
            out.push_sql(") IN (SELECT ");
            self.push_columns(&mut out)?;
            out.push_sql(" FROM ");
            out.push_sql(self.table);
        }
        out.push_sql(" WHERE (");
        self.push_columns(&mut out)?;
        out.push_sql(") IN (VALUES ");
        self.push_pairs(&mut out)?;
        out.push_sql(")");
        self.push_nulls(&mut out)?;
        if self.system.has_row_locks {
            out.push_sql(" ORDER BY ");
            let columns: Vec<&str> = self.columns().collect();
            separated(&mut out, self.ordered(), |out, i| out.push_identifier(columns[i]))?;
            out.push_sql(" FOR UPDATE)");
            // Of the rows that hold the same pair these alone
            self.push_nulls(&mut out)?;
        }
        Ok(())
    }
}
