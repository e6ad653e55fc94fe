//! Which records are members of a to-many link; and what its order and its filter read: its lists follow from that, and go when it is
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
use crate::model::{Clauses, Filter, KeyCondition};

/// The members' table, joined to that of the pairs if there is one
#[derive(Clone, Copy)]
pub(super) struct Joined<'a> {
    /// The table that says whose they are, as SQL names it: their own, or a join table
    pub(super) table: &'a str,
    /// The members' own, as SQL names it
    pub(super) members: &'a str,
    /// The members' key
    pub(super) key: ColumnNames<'a>,
    /// The columns of a join table that hold it
    pub(super) other: Option<&'static [&'static str]>,
}

impl Joined<'_> {
    /// What stands behind `FROM`
    pub(super) fn push<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(self.table);
        let Some(other) = self.other else { return Ok(()) };
        out.push_sql(" INNER JOIN ");
        out.push_sql(self.members);
        let other = ColumnNames { table: self.table, names: other };
        out.push_sql(" ON ");
        joined(" AND ", out, 0..self.key.names.len(), |out, part| {
            self.key.push(part, out)?;
            out.push_sql(" = ");
            other.push(part, out)
        })
    }
}

/// Which records are members: those of some owners, and of these the ones that the link's filter holds for, or the first of them
pub(super) struct Whose<'a, C: Connection> {
    owner: ColumnNames<'a>,
    keys: Box<dyn KeyCondition<C::Backend>>,
    filter: Option<Clause<C>>,
    first: Option<First<'a, C>>,
}

type Clause<C> = Box<dyn QueryFragment<<C as diesel::Connection>::Backend>>;

/// The first members of each owner
struct First<'a, C: Connection> {
    limit: u32,
    from: Joined<'a>,
    order: Option<Clause<C>>,
}

impl<'a, C: Connection> Whose<'a, C> {
    pub(super) fn new(
        owner: ColumnNames<'a>,
        keys: Box<dyn KeyCondition<C::Backend>>,
        Clauses { order, filter, limit }: Clauses<C>,
        from: Joined<'a>,
    ) -> Self {
        let first = limit.map(|limit| First { limit, from, order: order.map(|order| order()) });
        Self { owner, keys, filter: filter.map(|filter| filter()), first }
    }

    /// What stands behind `WHERE`
    pub(super) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let Some(First { limit, from, order }) = &self.first else { return self.push_all(out) };
        let columns =
            |place, names: ColumnNames<'b>| (0..names.names.len()).map(move |part| (place, names, part));
        let columns = || columns("owner", self.owner).chain(columns("member", from.key));
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
        self.owner.push_all(out)?;
        out.push_sql(" ORDER BY ");
        if let Some(order) = order {
            order.walk_ast(out.reborrow())?;
            out.push_sql(", ");
        }
        from.key.push_all(out)?;
        out.push_sql(") AS place FROM ");
        from.push(out)?;
        out.push_sql(" WHERE ");
        self.push_all(out)?;
        out.push_sql(&format!(") AS ranked WHERE place <= {limit})"));
        Ok(())
    }

    /// The condition but for the limit
    fn push_all<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        let Some(filter) = &self.filter else { return self.keys.push(self.owner, out.reborrow()) };
        out.push_sql("(");
        self.keys.push(self.owner, out.reborrow())?;
        out.push_sql(") AND (");
        filter.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// Sees to it that the lists of a link go when what its order or its filter reads is written.
pub(super) fn follow<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: usize) {
    let Some(link) = &store.field(field).link else { return };
    let Clauses { order, filter, .. } = link.clauses();
    let clauses = [filter, order];
    if clauses.iter().all(Option::is_none) || !store.note_followed(field) {
        return;
    }
    let text = |clause: Filter<C>| env.text_of(&*clause());
    let texts: Result<Vec<String>, _> = clauses.into_iter().flatten().map(text).collect();
    let text = texts.unwrap_or_default().join(", ");
    let join =
        if let Some(Side::Pairs { join, .. }) = store.side(field) { env.stores.join_sql(join) } else { "" };
    env.stores.follow_lists(store, field, &text, reads(&text, env.stores.get(link.target), join));
}
