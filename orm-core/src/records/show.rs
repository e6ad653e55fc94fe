//! `{:#?}` of a record: what is cached of it.

use std::fmt;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use crate::Environment;
use crate::backend::{Connection, Dialect};
use crate::codec::Binds;
use crate::env::stores::Store;
use crate::model::numbered;
use crate::number::FieldId;
use crate::store::Slot;

/// How much of a long value is shown
const LENGTH: usize = 200;

/// Writes the record with its cached values; asks nothing, and counts nothing as read.
pub(super) fn cached<C: Connection>(
    f: &mut fmt::Formatter<'_>,
    env: &Environment<C>,
    store: Store<'_, C>,
    slot: Slot,
) -> fmt::Result {
    // Of a computed value that something has changed since the cell is emptied.
    env.settle();
    let mut shown = f.debug_struct(&store.describe(slot));
    for (field, info) in numbered(store.fields()) {
        if store.column(field).has(slot) && !env.is_doubted(store, field) {
            let waits = if store.column(field).is_dirty(slot) { " (waits to be written)" } else { "" };
            shown.field(info.name, &format_args!("{}{waits}", value(env, store, field, slot)));
        }
    }
    shown.finish()
}

/// A cell as text: a link as the records that it leads to, a value as it is bound
fn value<C: Connection>(env: &Environment<C>, store: Store<'_, C>, field: FieldId, slot: Slot) -> String {
    let info = store.field(field);
    if info.link.is_some() {
        let mut targets = Vec::new();
        store.hop(field, std::iter::once(slot), |list| targets.extend_from_slice(list.unwrap_or_default()));
        let target = store.target_model(field).and_then(|model| env.store_by_number(model));
        let mut names = targets.iter().filter_map(|&slot| Some(target?.describe(slot).to_string()));
        if store.is_list(field) {
            return format!("[{}]", names.collect::<Vec<_>>().join(", "));
        }
        return names.next().unwrap_or_else(|| "None".to_owned());
    }
    let Some(encode) = info.encode else { return "…".to_owned() };
    let bound = Bound(encode.binds(store.column(field), None, &[slot]));
    let text = C::Backend::describe(env.system(), &bound);
    let text =
        text.split_once(" -- binds: [").map_or(&*text, |(_, value)| value.strip_suffix(']').unwrap_or(value));
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The value of one record
struct Bound<'a, DB: diesel::backend::Backend>(Box<dyn Binds<DB> + 'a>);

impl<DB: diesel::backend::Backend> QueryFragment<DB> for Bound<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.push(0, 0, out)
    }
}
