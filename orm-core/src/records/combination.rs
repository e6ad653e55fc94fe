//! Where the rows of a `UNION`, `INTERSECT` or `EXCEPT` hold the columns of a model.
//!
//! diesel does not let the select clauses of such a query be replaced, nor tell what they are. But its text does: each
//! names its columns, table and all. So a column is taken for a model's only where every part of the combination says
//! so, and rows of another table are not taken for records.

use diesel::query_builder::QueryFragment;

use crate::fragment::{items, outside};
use crate::load::layout::{Layout, Place, Selection};
use crate::load::query::ModelColumns;
use crate::model::DbOf;
use crate::number::FieldId;
use crate::records::Model;
use crate::records::keyset::text;
use crate::{Environment, Error, Result};

/// The places of the key and of those of the fields that are there
pub(crate) fn layout<M: Model>(
    env: &Environment<M::Connection>,
    query: &impl QueryFragment<DbOf<M>>,
    fields: &[FieldId],
) -> Result<Layout> {
    let (text, mut lists) = (text::<M>(env, query)?, Vec::new());
    parts(&text, &mut lists);
    // As diesel would write them in any select clause: the key, then the fields.
    let wanted = Selection::of(M::KEY_COLUMNS, M::FIELDS, fields);
    let columns = self::text::<M>(env, &ModelColumns::<M>::of(fields))?;
    let columns = items(&columns);
    let place = |column: usize| {
        let column = columns.get(column)?;
        let is_it = |list: &Vec<&str>, place: usize| list.get(place).is_some_and(|item| item == column);
        let first = lists.first()?;
        (0..first.len()).find(|&place| lists.iter().all(|list| is_it(list, place)))
    };
    let key = |&column: &usize| {
        let missing = Error::MissingColumn { model: M::NAME, column: wanted.columns[column] };
        place(column).ok_or(missing)
    };
    let key = wanted.layout.key.iter().map(key).collect::<Result<_>>()?;
    let field = |wanted: &Place| {
        let before = wanted.before.iter().map(|&column| place(column)).collect::<Option<_>>()?;
        Some(Place { field: wanted.field, before, last: place(wanted.last)? })
    };
    Ok(Layout { key, fields: wanted.layout.fields.iter().filter_map(field).collect() })
}

/// Takes the select clauses of all parts, in the form that diesel gives them: `(…) UNION (…)`, and on SQLite
/// `SELECT * FROM (…) UNION SELECT * FROM (…)`. A part may be a combination too.
fn parts<'a>(text: &'a str, lists: &mut Vec<Vec<&'a str>>) {
    let body = text.strip_prefix("SELECT * FROM ").filter(|rest| rest.starts_with('(')).unwrap_or(text);
    if !body.starts_with('(') {
        return lists.push(select_list(body));
    }
    let Some(close) = outside(body).find(|&(_, letter)| letter == ')').map(|(at, _)| at) else { return };
    parts(&body[1..close], lists);
    let rest = body[close + 1..].trim_start();
    let other = ["UNION ", "INTERSECT ", "EXCEPT "].iter().find_map(|word| rest.strip_prefix(word));
    if let Some(other) = other {
        parts(other.strip_prefix("ALL ").unwrap_or(other), lists);
    }
}

/// What a SELECT selects; nothing if that cannot be told
fn select_list(text: &str) -> Vec<&str> {
    let Some(list) = text.strip_prefix("SELECT ") else { return Vec::new() };
    let mut list = list.strip_prefix("DISTINCT ").unwrap_or(list);
    if let Some(on) = list.strip_prefix("ON ") {
        let close = outside(on).find(|&(_, letter)| letter == ')');
        list = close.map_or("", |(at, _)| on[at + 1..].trim_start());
    }
    let from = outside(list).find(|&(at, _)| list[at..].starts_with(" FROM "));
    items(from.map_or(list, |(at, _)| &list[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> Vec<Vec<&str>> {
        let mut lists = Vec::new();
        parts(text, &mut lists);
        lists
    }

    #[test]
    fn the_parts_of_each_backend() {
        let expected = [vec!["a.x", "a.y"], vec!["b.x", "b.y"]];
        for text in [
            "(SELECT a.x, a.y FROM a WHERE (a.x = (SELECT b.x FROM b))) UNION (SELECT b.x, b.y FROM b) ORDER BY 1",
            "SELECT * FROM (SELECT a.x, a.y FROM a) EXCEPT SELECT * FROM (SELECT b.x, b.y FROM b) LIMIT ?",
            "(SELECT DISTINCT a.x, a.y FROM a) UNION ALL (SELECT DISTINCT ON (b.y, b.x) b.x, b.y FROM b)",
        ] {
            assert_eq!(lists(text), expected, "{text}");
        }
    }

    #[test]
    fn combinations_of_combinations() {
        let text = "((SELECT a FROM t) UNION (SELECT b FROM t)) INTERSECT ((SELECT c FROM t) UNION ALL (SELECT d FROM t) LIMIT 3)";
        assert_eq!(lists(text), [["a"], ["b"], ["c"], ["d"]]);
        let text = "SELECT * FROM (SELECT * FROM (SELECT a FROM t) UNION SELECT * FROM (SELECT b FROM t)) UNION SELECT * FROM (SELECT c FROM t)";
        assert_eq!(lists(text), [["a"], ["b"], ["c"]]);
    }

    #[test]
    fn commas_and_words_within_expressions_and_names() {
        let text = r#"(SELECT "od, ( FROM d"."x", coalesce(a, (SELECT 1 FROM b)), ') FROM, ''' FROM t)"#;
        assert_eq!(
            lists(text),
            [[r#""od, ( FROM d"."x""#, "coalesce(a, (SELECT 1 FROM b))", "') FROM, '''"]]
        );
    }
}
