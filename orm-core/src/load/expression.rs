//! What can be said of an expression by its text: whether it is the same each time, and what it reads.

use crate::backend::Connection;
use crate::env::stores::Store;
use crate::model::numbered;
use crate::number::FieldId;

/// The functions, and the words that stand before a bracket, of which it is known that they give the same for the same rows
const FIXED: [&str; 51] = [
    "abs",
    "all",
    "and",
    "any",
    "as",
    "avg",
    "between",
    "by",
    "case",
    "cast",
    "ceil",
    "ceiling",
    "char",
    "char_length",
    "coalesce",
    "concat",
    "count",
    "decimal",
    "distinct",
    "else",
    "exists",
    "floor",
    "from",
    "greatest",
    "having",
    "ifnull",
    "in",
    "least",
    "length",
    "like",
    "lower",
    "ltrim",
    "max",
    "min",
    "not",
    "nullif",
    "numeric",
    "on",
    "or",
    "replace",
    "round",
    "rtrim",
    "select",
    "substr",
    "substring",
    "sum",
    "then",
    "trim",
    "upper",
    "when",
    "where",
];

/// Whether an expression is the same as long as the rows are that it looks at: it calls no function that may be another one each time
pub(super) fn is_fixed(text: &str) -> bool {
    let (mut word, mut is_over, mut quote) = (String::new(), false, None);
    for letter in text.chars().chain([' ']) {
        if quote.is_some() {
            quote = quote.filter(|&end| end != letter);
            continue;
        }
        if letter.is_ascii_alphanumeric() || letter == '_' {
            if std::mem::take(&mut is_over) {
                word.clear();
            }
            word.push(letter.to_ascii_lowercase());
            continue;
        }
        let is_call = letter == '(' && !word.is_empty();
        if (is_call && !FIXED.contains(&&*word)) || is_clock(&word) {
            return false;
        }
        is_over = true;
        if letter != ' ' {
            word.clear();
        }
        quote = Some(letter).filter(|letter| ['"', '`', '\''].contains(letter));
    }
    true
}

/// What databases call the time without brackets
fn is_clock(word: &str) -> bool {
    ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"].contains(&word)
}

/// Whether values, as they are written for debugging, are those of types that write all that they are: numbers, text, truths,
/// dates, UUIDs, and lists of these. A type of an application's own may hide what it is.
pub(super) fn are_plain(values: &str) -> bool {
    let mut rest = values;
    while let Some(first) = rest.chars().next() {
        rest = if first == '"' {
            let mut is_escaped = false;
            let end = rest[1..].find(|letter| {
                let is_end = letter == '"' && !is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                is_end
            });
            let Some(end) = end else { return false };
            &rest[end + 2..]
        } else if "[](), ".contains(first) {
            &rest[1..]
        } else {
            let end = rest.find(['"', '[', ']', '(', ')', ',', ' ']).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            let is_number = word.contains(|letter: char| letter.is_ascii_digit())
                && word.chars().all(|letter| letter.is_ascii_hexdigit() || "TZ:+-.".contains(letter));
            if !is_number && !["Some", "None", "true", "false"].contains(&word) {
                return false;
            }
            behind
        };
    }
    true
}

/// Words that name no column, beside the functions of which it is known what they give
const WORDS: [&str; 11] =
    ["asc", "desc", "end", "escape", "false", "first", "is", "last", "null", "nulls", "true"];

/// The fields of a model that an expression reads; `None` if it has words of which nobody knows what they read: a column without a field
/// may be made of any other one. Those of the table `beside` are left out.
pub(super) fn reads<C: Connection>(text: &str, model: Store<'_, C>, beside: &str) -> Option<Vec<FieldId>> {
    let is_one_of =
        |name: &str, columns: &[&str]| columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    let is_of_table = |name: &str, table: &str| words(table).any(|word| word == name);
    let names_nothing = |name: &str| {
        let lower = name.to_ascii_lowercase();
        name.starts_with(|letter: char| letter.is_ascii_digit())
            || FIXED.contains(&&*lower)
            || WORDS.contains(&&*lower)
            || is_of_table(name, model.sql())
            || is_of_table(name, beside)
            // A key stays as it is.
            || is_one_of(name, model.model().key_columns())
    };
    let (mut reads, mut before) = (Vec::new(), "");
    for word in words(text) {
        let is_beside = words(beside).last() == Some(before);
        before = word;
        let fields = numbered(model.fields());
        let named = fields.filter(|(_, info)| is_one_of(word, info.columns)).map(|(field, _)| field);
        match named.collect::<Vec<_>>() {
            _ if is_beside => {}
            fields if fields.is_empty() && !names_nothing(word) => return None,
            fields => reads.extend(fields),
        }
    }
    reads.sort_unstable();
    reads.dedup();
    Some(reads)
}

/// The words of a text, names in quotes among them, without what stands in it as a value
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let outside = text.split('\'').step_by(2);
    outside
        .flat_map(move |text| text.split(move |letter| !is_of_word(letter)))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{are_plain, is_fixed};

    #[test]
    fn what_may_be_another_one_each_time_is_not_fixed() {
        let fixed = [
            "`orders`.`price` * `orders`.`quantity`",
            "\"t\".\"random(\" IN (SELECT max(\"x\") FROM \"now\") AND (1 = 1)",
            "CASE WHEN (lower(`a`.`b`) = 'now()') THEN ? ELSE coalesce(`a`.`c`, ?) END",
            "CAST(`a`.`b` AS DECIMAL(10, 2)) LIKE ?",
        ];
        fixed.into_iter().for_each(|text| assert!(is_fixed(text), "{text}"));
        for text in
            ["random()", "`a`.`b` > CURRENT_TIMESTAMP", "now ()", "my_function(`a`.`b`)", "CURRENT_DATE"]
        {
            assert!(!is_fixed(text), "{text}");
        }
    }

    #[test]
    fn values_that_may_hide_what_they_are_are_not_plain() {
        let plain = ["[]", r#"["open", 5]"#, r#"["a\"b, Secret(1)\\", -1.5e10]"#, "[Some(3), None, true]"];
        let dates = ["[2026-11-27T06:19:46.5Z]", "[67e55044-10b1-426f-9247-bb680e5fe0c8]", "[[1, 2], [3]]"];
        plain.into_iter().chain(dates).for_each(|values| assert!(are_plain(values), "{values}"));
        for values in ["[Open]", "[[REDACTED]]", "[Secret(\"***\")]", "[***]", "[NaN]", "[\"never ended"] {
            assert!(!are_plain(values), "{values}");
        }
    }
}
