//! Which records are members of a to-many link; and what its order, its filter and the scope of its members read: its lists follow from that, and go when it is
//! written.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};

use crate::Environment;
use crate::backend::Connection;
use crate::codec::ColumnNames;
use crate::env::stores::{Side, Store};
use crate::fragment::{joined, separated};
use crate::load::expression::reads;
use crate::model::{Filter, KeyCondition, LinkInfo};
use crate::number::FieldId;

/// The members' table, joined to that of the pairs if there is one
#[derive(Clone, Copy)]
pub(super) struct Joined<'a> {
    /// The table that says whose they are, as SQL names it: their own, or a join table
    pub(super) table: &'a str,
    /// The members' own, as SQL names it
    pub(super) members: &'a str,
    /// The members' key
    pub(super) key: ColumnNames<'a>,
    /// The columns that say whose they are
    pub(super) own: &'static [&'static str],
    /// The columns of a join table that hold the members' key
    pub(super) other: Option<&'static [&'static str]>,
    /// Whether a pair counts in either direction
    pub(super) is_symmetric: bool,
}

/// What pairs are called that count in either direction
const EITHER_WAY: &str = "either_way";
const OWNERS: [&str; 4] = ["owner0", "owner1", "owner2", "owner3"];
const MEMBERS: [&str; 4] = ["member0", "member1", "member2", "member3"];

impl<'a> Joined<'a> {
    /// The columns that say whose a member is
    pub(super) fn owner(self) -> ColumnNames<'a> {
        match (self.is_symmetric, OWNERS.get(..self.own.len())) {
            (true, Some(names)) => ColumnNames { table: EITHER_WAY, names },
            _ => ColumnNames { table: self.table, names: self.own },
        }
    }

    /// The columns of pairs that hold the members' key
    fn member(self) -> Option<ColumnNames<'a>> {
        let other = self.other?;
        match (self.is_symmetric, MEMBERS.get(..other.len())) {
            (true, Some(names)) => Some(ColumnNames { table: EITHER_WAY, names }),
            _ => Some(ColumnNames { table: self.table, names: other }),
        }
    }

    /// ` AND key IS NOT NULL`; what pairs lead to has one.
    fn push_present<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        let parts = if self.other.is_some() { 0 } else { self.key.names.len() };
        (0..parts).try_for_each(|part| {
            out.push_sql(" AND ");
            self.key.push(part, out)?;
            out.push_sql(" IS NOT NULL");
            Ok(())
        })
    }

    /// ` INNER JOIN members ON key = …`
    fn push_members<DB: Backend>(
        self,
        other: ColumnNames<'_>,
        out: &mut AstPass<'_, '_, DB>,
    ) -> QueryResult<()> {
        out.push_sql(" INNER JOIN ");
        out.push_sql(self.members);
        out.push_sql(" ON ");
        joined(" AND ", out, 0..self.key.names.len(), |out, part| {
            self.key.push(part, out)?;
            out.push_sql(" = ");
            other.push(part, out)
        })
    }
}

/// Which records are members: those of some owners, and of these the ones that the link's filter and their scope hold for, or the first
/// of them
pub(super) struct Whose<'a, C: Connection> {
    from: Joined<'a>,
    keys: Box<dyn KeyCondition<C::Backend>>,
    filters: Vec<Clause<C>>,
    first: Option<First<C>>,
}

type Clause<C> = Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>;

/// The first members of each owner
struct First<C: Connection> {
    limit: u32,
    order: Option<Clause<C>>,
}

impl<'a, C: Connection> Whose<'a, C> {
    pub(super) fn new(
        from: Joined<'a>,
        keys: Box<dyn KeyCondition<C::Backend>>,
        link: Option<&LinkInfo<C>>,
    ) -> Self {
        let Some(link) = link else { return Self { from, keys, filters: Vec::new(), first: None } };
        let clauses = link.clauses();
        let first = |limit| First { limit, order: clauses.order.map(|order| order()) };
        let filters = link.filters().map(|filter| filter()).collect();
        Self { from, keys, filters, first: clauses.limit.map(first) }
    }

    /// What stands behind `FROM`
    pub(super) fn push_from<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let from = self.from;
        let Some(member) = from.member() else {
            out.push_sql(from.table);
            return Ok(());
        };
        if from.is_symmetric {
            out.push_sql("(");
            self.push_direction(from.own, from.other.unwrap_or_default(), out)?;
            // Whoever is there twice is so anyhow where a join table has no key.
            out.push_sql(" UNION ALL ");
            self.push_direction(from.other.unwrap_or_default(), from.own, out)?;
            out.push_sql(") AS ");
        }
        out.push_sql(member.table);
        from.push_members(member, out)
    }

    /// The pairs of the owners in one direction; the filter may look at the join table, so it stands here
    fn push_direction<'b>(
        &'b self,
        own: &'static [&'static str],
        other: &'static [&'static str],
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        let of = |names| ColumnNames { table: self.from.table, names };
        let columns = OWNERS.iter().zip(own).chain(MEMBERS.iter().zip(other));
        out.push_sql("SELECT ");
        separated(out, columns, |out, (alias, column)| {
            out.push_sql(self.from.table);
            out.push_sql(".");
            out.push_identifier(column)?;
            out.push_sql(&format!(" AS {alias}"));
            Ok(())
        })?;
        out.push_sql(" FROM ");
        out.push_sql(self.from.table);
        if !self.filters.is_empty() {
            self.from.push_members(of(other), out)?;
        }
        out.push_sql(" WHERE ");
        self.push_filtered(of(own), out)
    }

    /// What stands behind `WHERE`, without rows whose key is NULL, which are no members: then `COUNT(*)` counts them, which looks at no column.
    /// SQLite and MariaDB leave the condition out where they know that a column holds no NULL, PostgreSQL does since 17.
    pub(super) fn push_with_key<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("(");
        self.push(out)?;
        out.push_sql(")");
        self.from.push_present(out)
    }

    /// What stands behind `WHERE`
    pub(super) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let Some(First { limit, order }) = &self.first else { return self.push_all(out) };
        let from = self.from;
        let (owner, key) = (from.owner(), from.key);
        let columns =
            |place, names: ColumnNames<'b>| (0..names.names.len()).map(move |part| (place, names, part));
        let columns = || columns("owner", owner).chain(columns("member", key));
        // Keys of several columns may be parted by OR. The filter is said here, too: of a pair that a join table holds twice, the row that
        // it leaves out has no place in the order.
        out.push_sql("(");
        self.push_all(out)?;
        out.push_sql(") AND (");
        separated(out, columns(), |out, (_, names, part)| names.push(part, out))?;
        out.push_sql(") IN (SELECT ");
        let place = |(place, _, part): (&str, ColumnNames<'b>, usize)| format!("{place}{part}");
        out.push_sql(&columns().map(place).collect::<Vec<_>>().join(", "));
        out.push_sql(" FROM (SELECT ");
        separated(out, columns(), |out, (place, names, part)| {
            names.push(part, out)?;
            out.push_sql(&format!(" AS {place}{part}"));
            Ok(())
        })?;
        // A join table may hold a pair twice: it has one place.
        out.push_sql(", DENSE_RANK() OVER (PARTITION BY ");
        owner.push_all(out)?;
        out.push_sql(" ORDER BY ");
        if let Some(order) = order {
            order.walk_ast(out.reborrow())?;
            out.push_sql(", ");
        }
        key.push_all(out)?;
        out.push_sql(") AS place FROM ");
        self.push_from(out)?;
        out.push_sql(" WHERE (");
        self.push_all(out)?;
        out.push_sql(")");
        from.push_present(out)?;
        out.push_sql(&format!(") AS ranked WHERE place <= {limit})"));
        Ok(())
    }

    /// The condition but for the limit
    fn push_all<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        if self.from.is_symmetric {
            // Each direction has its own.
            return self.keys.push(self.from.owner(), out.reborrow());
        }
        self.push_filtered(self.from.owner(), out)
    }

    fn push_filtered<'b>(
        &'b self,
        owner: ColumnNames<'b>,
        out: &mut AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()> {
        if self.filters.is_empty() {
            return self.keys.push(owner, out.reborrow());
        }
        out.push_sql("(");
        self.keys.push(owner, out.reborrow())?;
        out.push_sql(")");
        self.filters.iter().try_for_each(|filter| {
            out.push_sql(" AND (");
            filter.walk_ast(out.reborrow())?;
            out.push_sql(")");
            Ok(())
        })
    }
}

/// Sees to it that the lists of a link go when what its order or its filter reads is written.
pub(super) fn follow<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: FieldId) {
    let Some(link) = &store.field(field).link else { return };
    let mut clauses = link.filters().chain(link.clauses().order).peekable();
    if clauses.peek().is_none() || !store.note_followed(field) {
        return;
    }
    let text = |clause: Filter<C>| env.text_of(&*clause());
    let texts: Result<Vec<String>, _> = clauses.map(text).collect();
    let text = texts.unwrap_or_default().join(", ");
    let join =
        if let Some(Side::Pairs { join, .. }) = store.side(field) { env.stores.join_sql(join) } else { "" };
    env.stores.follow_lists(store, field, &text, reads(&text, env.stores.get(link.target), join));
}
