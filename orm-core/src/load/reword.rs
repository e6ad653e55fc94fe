//! A query of diesel's with another text, where that can be told from its words.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryBuilder, QueryFragment};

/// A query with another text. All else is its own: the values, and whether it is kept prepared
pub(crate) struct Reworded<'a, DB: Backend> {
    pub(crate) query: &'a dyn QueryFragment<DB>,
    pub(crate) text: String,
}

impl<DB: Backend> QueryFragment<DB> for Reworded<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }

    // diesel's nodes write all or nothing, and no pass can leave out a part of what they write.
    fn to_sql(&self, out: &mut DB::QueryBuilder, _: &DB) -> QueryResult<()> {
        out.push_sql(&self.text);
        Ok(())
    }
}

/// The text of a SELECT that selects these columns besides, behind its own; `None` where it is not certain where that is
pub(crate) fn selecting(text: &str, columns: &str) -> Option<String> {
    let words = words(text)?;
    let is = |at: usize, word: &str| words.get(at).is_some_and(|(_, is)| is.eq_ignore_ascii_case(word));
    // `a IS DISTINCT FROM b` is a value.
    let from = (1..words.len()).find(|&at| is(at, "FROM") && !(at > 2 && is(at - 1, "DISTINCT")))?;
    let (before, behind) = text.split_at_checked(words[from].0).filter(|_| is(0, "SELECT"))?;
    Some(format!("{}, {columns} {behind}", before.trim_end()))
}

/// The words that are in no quotes and in no parentheses, and where they begin; `None` where that is not certain, or one of these stays
/// open
pub(crate) fn words(text: &str) -> Option<Vec<(usize, &str)>> {
    // Comments, escapes, names in brackets and strings in dollars, which are only in SQL of the application's own, hide what is a word.
    let is_odd = ["--", "/*", "\\", "#", "[", ";"].iter().any(|odd| text.contains(odd))
        || text.split('$').skip(1).any(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()));
    if is_odd {
        return None;
    }
    let (mut words, mut begun, mut quote, mut depth) = (Vec::new(), None, None, 0_usize);
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        let is_in_word = quote.is_none() && depth == 0 && (letter.is_alphanumeric() || letter == '_');
        match begun {
            None if is_in_word => begun = Some(at),
            Some(start) if !is_in_word => {
                words.push((start, &text[start..at]));
                begun = None;
            }
            _ => {}
        }
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (quote.is_none() && depth == 0).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::selecting;

    #[test]
    fn columns_are_added_behind_what_is_selected() {
        for (text, expected) in [
            ("SELECT a FROM t", Some("SELECT a, c FROM t")),
            ("SELECT DISTINCT a FROM t", Some("SELECT DISTINCT a, c FROM t")),
            (
                "SELECT (SELECT 1 FROM u), ' FROM ' FROM t",
                Some("SELECT (SELECT 1 FROM u), ' FROM ', c FROM t"),
            ),
            ("SELECT a IS DISTINCT FROM $1 FROM t", Some("SELECT a IS DISTINCT FROM $1, c FROM t")),
            (
                "SELECT extract(year FROM a) FROM t WHERE b = ?",
                Some("SELECT extract(year FROM a), c FROM t WHERE b = ?"),
            ),
            ("(SELECT a FROM t) UNION (SELECT a FROM u)", None),
            ("SELECT 1", None),
            ("SELECT a -- FROM u\n FROM t", None),
        ] {
            assert_eq!(selecting(text, "c").as_deref(), expected, "{text}");
        }
    }
}
