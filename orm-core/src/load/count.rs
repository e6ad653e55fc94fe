//! How many rows a query finds: its text with `COUNT(*)` in the place of what it selects, and without its order.

use std::cell::Cell;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::{Field as _, Row};

use crate::backend::Dialect;
use crate::env::watch::Place;
use crate::fragment::Fragment;
use crate::load::reword::{Reworded, words};
use crate::load::select::{Laid, Reason, statement_of};
use crate::model::{DbOf, Entity};
use crate::{Environment, Error, Result};

/// How many rows a query finds
pub(crate) fn count<M: Entity>(
    env: &Environment<M::Connection>,
    at: Place,
    laid: Laid<'_>,
    query: &dyn QueryFragment<DbOf<M>>,
) -> Result<usize> {
    // SQL of the application's own is left as it is written, but for the semicolon at its end.
    let is_own = matches!(laid, Laid::ByName(_));
    let text = env.text_of(query).ok();
    let text = text.and_then(|text| if is_own { Some(counting_own(&text)) } else { counting(&text) });
    let (reworded, whole);
    let query: &dyn QueryFragment<DbOf<M>> = match text {
        Some(text) => {
            reworded = Reworded { query, text };
            &reworded
        }
        None => {
            whole = Counting(query);
            &whole
        }
    };
    let counts = env.watch_search::<M, _>(at, query, |text| {
        env.flushed()?;
        let fault = |error| Error::database(M::NAME, format_args!("counting {}", M::NAME), error);
        let read = |row_count: &Cell<usize>| {
            env.before_select(query);
            let mut connection = env.connection()?;
            let rows = LoadConnection::load(&mut **connection, Fragment(query)).map_err(fault)?;
            let mut counts = Vec::new();
            for row in rows {
                let row = row.map_err(fault)?;
                let value = row.get(0);
                let count = <DbOf<M> as Dialect>::read_count(value.as_ref().and_then(|value| value.value()));
                counts
                    .push(count.map_err(|error| fault(diesel::result::Error::DeserializationError(error)))?);
            }
            row_count.set(counts.len());
            Ok(counts)
        };
        let rows = env.reading(|_| env.traced(&statement_of(M::NAME, &Reason::Search, 0), query, read))?;
        env.note_search(|| text.to_owned());
        Ok(rows)
    })?;
    // SQL of the application's own may close the parenthesis that it stands in.
    let &[count] = &counts[..] else {
        let what = format!("COUNT(*) gave {} rows instead of one: is it one query?", counts.len());
        let error = diesel::result::Error::DeserializationError(what.into());
        return Err(Error::database(M::NAME, format_args!("counting {}", M::NAME), error));
    };
    Ok(count)
}

/// `SELECT COUNT(*) FROM (query)`
struct Counting<'a, DB: Backend>(&'a dyn QueryFragment<DB>);

impl<DB: Backend> QueryFragment<DB> for Counting<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT COUNT(*) FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

/// The text that counts the rows of a query of the application's own; a comment may stand at its end.
fn counting_own(text: &str) -> String {
    let query = text.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace());
    format!("SELECT COUNT(*) FROM ({query}\n) AS counted")
}

/// The text that counts the rows of a query of this text, with the same values in the same order; `None` where that is not certain
///
/// How many rows there are does not depend on their order, whatever limit there is. Where they are neither grouped nor limited nor
/// each once, they are as many as their FROM and WHERE find.
fn counting(text: &str) -> Option<String> {
    let words = words(text)?;
    let is = |at: usize, word: &str| words.get(at).is_some_and(|(_, is)| is.eq_ignore_ascii_case(word));
    let find = |word: &str| (0..words.len()).find(|&at| is(at, word)).map(|at| words[at].0);
    let has = |any: &[&str]| any.iter().any(|word| find(word).is_some());
    // What locks is run as it is; so is what begins with WITH, or ends in a way that diesel has no name for.
    if has(&["FOR", "LOCK", "FETCH", "INTO", "WITH", "PROCEDURE"]) {
        return None;
    }
    let limit = find("LIMIT").into_iter().chain(find("OFFSET")).min();
    let mut query = text.to_owned();
    let mut orders = (0..words.len()).filter(|&at| is(at, "ORDER") && is(at + 1, "BY"));
    if let Some(order) = orders.next() {
        let clause = words[order].0..limit.unwrap_or(text.len());
        // A value that is bound in it would be left over.
        if orders.next().is_some() || text.get(clause.clone())?.contains(['?', '$']) {
            return None;
        }
        query.replace_range(clause, "");
    }
    let query = query.trim_end();
    let is_whole = limit.is_some() || is(1, "DISTINCT") || !is(0, "SELECT") || has(&WHOLE);
    let counted = match find("FROM") {
        // What is selected are columns, or else this would not be left out.
        Some(from) if !is_whole && !text.get(..from)?.contains(['?', '$', '(']) => {
            query.get(from..)?.to_owned()
        }
        _ => format!("FROM ({query}) AS counted"),
    };
    Some(format!("SELECT COUNT(*) {counted}"))
}

/// The rows of what has one of these are not those of its FROM and WHERE
const WHOLE: [&str; 6] = ["GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT"];

#[cfg(test)]
mod tests {
    use super::counting;

    fn is_counted_by(query: &str, expected: &str) {
        assert_eq!(counting(query).as_deref(), Some(expected), "{query}");
    }

    #[test]
    fn a_plain_query_is_counted_without_its_columns_and_its_order() {
        for order in ["", " ORDER BY `t`.`b` DESC, (SELECT 1 FROM u ORDER BY c)", " order  by t.a"] {
            is_counted_by(&format!("SELECT `t`.`a` FROM `t`{order}"), "SELECT COUNT(*) FROM `t`");
        }
        is_counted_by(
            r#"SELECT "t"."a" FROM ("t" INNER JOIN "u" ON ("t"."b" = "u"."a")) WHERE ("t"."c" IS DISTINCT FROM $1) ORDER BY "u"."b""#,
            r#"SELECT COUNT(*) FROM ("t" INNER JOIN "u" ON ("t"."b" = "u"."a")) WHERE ("t"."c" IS DISTINCT FROM $1)"#,
        );
        // Words within quotes and parentheses are none.
        is_counted_by(
            "SELECT `t`.`LIMIT` FROM `t` WHERE (`t`.`a` = ' ORDER BY ''LIMIT') AND (`t`.`b` IN (SELECT b FROM u ORDER BY c LIMIT ?))",
            "SELECT COUNT(*) FROM `t` WHERE (`t`.`a` = ' ORDER BY ''LIMIT') AND (`t`.`b` IN (SELECT b FROM u ORDER BY c LIMIT ?))",
        );
    }

    #[test]
    fn what_is_limited_grouped_or_combined_is_counted_as_a_whole() {
        for (query, order, rest) in [
            ("SELECT a FROM t WHERE b = $1", " ORDER BY c", " LIMIT $2 OFFSET $3"),
            ("SELECT a FROM t", " ORDER BY c", " OFFSET ?"),
            ("SELECT a FROM t", "", " LIMIT ?"),
            ("SELECT DISTINCT a FROM t", " ORDER BY a", ""),
            ("SELECT DISTINCT ON (b) a FROM t", " ORDER BY b, a", ""),
            ("SELECT a FROM t GROUP BY a HAVING (COUNT(*) > ?)", " ORDER BY a", ""),
            ("(SELECT a FROM t) UNION (SELECT a FROM u)", " ORDER BY 1", ""),
            (
                "SELECT * FROM (SELECT a FROM t) EXCEPT SELECT * FROM (SELECT a FROM u)",
                " ORDER BY 1",
                " LIMIT ?",
            ),
        ] {
            let counted = counting(&format!("{query}{order}{rest}")).unwrap_or_default();
            let words: Vec<_> = counted.split_whitespace().collect();
            assert_eq!(words.join(" "), format!("SELECT COUNT(*) FROM ({query}{rest}) AS counted"));
        }
    }

    #[test]
    fn what_is_not_certain_is_left_as_it_is() {
        for query in [
            "SELECT a FROM t ORDER BY a = ?",
            "SELECT a FROM t ORDER BY a = $1 LIMIT $2",
            "SELECT a FROM t FOR UPDATE",
            "SELECT a FROM t ORDER BY a LOCK IN SHARE MODE",
            "SELECT a FROM t -- '\n ORDER BY a",
            "SELECT a FROM t WHERE b = E'\\' ORDER BY a'",
            "SELECT a FROM t WHERE b = $$ ORDER BY a $$",
            "SELECT a FROM t WHERE (b = 1",
            "SELECT a FROM t WHERE b = 1)",
            "SELECT a FROM t WHERE b = '",
            "SELECT a FROM t ORDER BY a LIMIT 1 ORDER BY b",
            "SELECT a FROM t ORDER BY a FETCH FIRST 1 ROWS WITH TIES",
        ] {
            assert_eq!(counting(query), None, "{query}");
        }
    }
}
