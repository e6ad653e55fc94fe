//! Records that are read anew, and rows that are held until the end of the transaction.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use super::prefetch::window;
use super::query;
use crate::backend::Connection;
use crate::env::stores::{Store, Want};
use crate::error::Doing;
use crate::fragment::separated;
use crate::number::FieldId;
use crate::store::Slot;
use crate::{Environment, Error, Result};

/// Reads records anew: what is cached of them gives way to what their rows hold now, but for what waits to be written.
///
/// With a lock nobody else can write these rows until the transaction is over.
pub(crate) fn anew<C: Connection>(
    env: &Environment<C>,
    store: Store<'_, C>,
    slots: &[Slot],
    locked: bool,
) -> Result<()> {
    if locked {
        before_lock(env, store)?;
    }
    env.note_drop();
    let mut fields: Vec<FieldId> = store.always().collect();
    // A version is never younger than what it is the version of.
    fields.extend(store.model().version().filter(|version| !fields.contains(version)));
    let window = match fields.first() {
        Some(&first) => window(env, store, first, Want::Records),
        None => env.settings.prefetch_limit.min(store.most_keys()),
    };
    // Whoever locks the same rows locks them in the same order.
    let mut slots = slots.to_vec();
    slots.sort_unstable();
    slots.dedup();
    store.sort_by_key(&mut slots);
    for slots in slots.chunks(window) {
        query::anew_by_keys(env, store, slots, &fields, locked && env.system().has_row_locks)?;
    }
    Ok(())
}

fn before_lock<C: Connection>(env: &Environment<C>, store: Store<'_, C>) -> Result<()> {
    if !env.is_in_transaction()? {
        return Err(Error::NoTransaction { what: "lock of rows" });
    }
    if env.system().has_row_locks {
        return Ok(());
    }
    let doing = Doing { model: store.name(), table: "", text: &|| format!("locking {}", store.name()) };
    env.run(doing, &WriteNothing { store }).map(drop)
}

/// Takes the right to write, where there is one for all rows together.
struct WriteNothing<'a, C: Connection> {
    store: Store<'a, C>,
}

impl<C: Connection> QueryFragment<C::Backend> for WriteNothing<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, C::Backend>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        out.push_sql(self.store.sql());
        out.push_sql(" SET ");
        separated(&mut out, self.store.model().key_columns(), |out, column| {
            out.push_identifier(column)?;
            out.push_sql(" = ");
            out.push_identifier(column)
        })?;
        out.push_sql(" WHERE 1 = 0");
        Ok(())
    }
}
