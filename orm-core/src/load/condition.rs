//! What the order and the filter of a to-many link read: its lists follow from that, and go when it is written.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use crate::Environment;
use crate::backend::Connection;
use crate::codec::ColumnNames;
use crate::env::stores::{Side, Store};
use crate::load::expression::reads;
use crate::model::{Filter, KeyCondition};

/// Which records are members: those of some owners, and of these the ones that the link's filter holds for
pub(super) struct Whose<'a, C: Connection> {
    owner: ColumnNames<'a>,
    keys: Box<dyn KeyCondition<C::Backend>>,
    filter: Option<Box<dyn QueryFragment<C::Backend>>>,
}

impl<'a, C: Connection> Whose<'a, C> {
    pub(super) fn new(
        owner: ColumnNames<'a>,
        keys: Box<dyn KeyCondition<C::Backend>>,
        filter: Option<Filter<C>>,
    ) -> Self {
        Self { owner, keys, filter: filter.map(|filter| filter()) }
    }

    /// What stands behind `WHERE`
    pub(super) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
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
    let clauses = [link.filter(), link.order()];
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
