//! Names of structs and fields.

/// Methods of records, which a field may not be called as: those of the derive, whose list a test compares
pub(crate) const TAKEN: &[&str] = &[
    "add",
    "add_ids",
    "borrow",
    "borrow_mut",
    "clone",
    "clone_from",
    "clone_into",
    "concat",
    "contains",
    "count",
    "create",
    "delete",
    "deref",
    "env",
    "eq",
    "exists",
    "extract",
    "filter",
    "first",
    "fmt",
    "get",
    "group_by",
    "handle",
    "handle_mut",
    "hash",
    "ids",
    "into",
    "into_iter",
    "is",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "last",
    "len",
    "load",
    "map",
    "ne",
    "one",
    "prefetch",
    "prefetch_field",
    "remove",
    "remove_ids",
    "reversed",
    "set",
    "set_ids",
    "slice",
    "sort_by_key",
    "to_model",
    "to_owned",
    "try_into",
    "type_id",
    "with_prefetch",
    "wrap",
    "write",
];

/// Names that the models use themselves
const USED: &[&str] = &[
    "Bytes",
    "Computed",
    "Debug",
    "Environment",
    "Err",
    "Id",
    "ManyToMany",
    "Model",
    "None",
    "Ok",
    "OneToMany",
    "OneToOne",
    "Option",
    "Record",
    "RecordQuery",
    "RecordSet",
    "Records",
    "Result",
    "Self",
    "Some",
    "Str",
    "String",
    "ToMany",
    "ToOne",
    "ToOptional",
    "Vec",
];

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The struct of a table: `order_lines` makes `OrderLine`
pub(crate) fn of_table(table: &str) -> String {
    let (before, last) = table.rsplit_once('_').map_or(("", table), |(before, last)| (before, last));
    let words = before.split('_').chain([&*singular(last)]).map(capital).collect::<String>();
    if USED.contains(&&*words) { format!("{words}Row") } else { words }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `countries` makes `country`; what is no plural stays
pub(crate) fn singular(word: &str) -> String {
    let irregular = [
        ("people", "person"),
        ("children", "child"),
        ("men", "man"),
        ("women", "woman"),
        ("movies", "movie"),
        ("cookies", "cookie"),
        ("caches", "cache"),
        ("houses", "house"),
        ("causes", "cause"),
        ("uses", "use"),
    ];
    if let Some((_, one)) = irregular.iter().find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    let stem = |end: &str, one: &str| {
        word.strip_suffix(end).filter(|stem| stem.len() > 1).map(|stem| format!("{stem}{one}"))
    };
    if let Some(stem) = stem("ies", "y").filter(|_| word != "series") {
        return stem;
    }
    for (end, one) in [("sses", "ss"), ("uses", "us"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")] {
        if let Some(stem) = stem(end, one) {
            return stem;
        }
    }
    if ["ss", "us", "is", "series", "news"].iter().any(|end| word.ends_with(end)) {
        return word.to_owned();
    }
    stem("s", "").unwrap_or_else(|| word.to_owned())
}

/// The name of a link behind a column: `country_id` makes `country`
pub(crate) fn stem(column: &str) -> &str {
    column.strip_suffix("_id").filter(|stem| !stem.is_empty()).unwrap_or(column)
}

/// A name as Rust may write it
pub(crate) fn raw(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// The constant of a field
pub(crate) fn constant(field: &str) -> String {
    field.to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taken_names_are_those_of_the_derive() {
        let derive = include_str!("../../orm-derive/src/names.rs");
        let list = derive.split_once("TAKEN: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
        let expected: Vec<&str> = list
            .map_or("", |(list, _)| list)
            .split(',')
            .map(|name| name.trim().trim_matches('"'))
            .filter(|name| !name.is_empty())
            .collect();
        assert!(expected.len() > 30);
        assert_eq!(TAKEN, expected);
    }

    #[test]
    fn structs_are_called_in_the_singular() {
        for (table, expected) in [
            ("countries", "Country"),
            ("order_lines", "OrderLine"),
            ("addresses", "Address"),
            ("statuses", "Status"),
            ("boxes", "Box"),
            ("people", "Person"),
            ("film_actor", "FilmActor"),
            ("news", "News"),
            ("series", "Series"),
            ("databases", "Database"),
            ("houses", "House"),
            ("caches", "Cache"),
            ("results", "ResultRow"),
            ("bus", "Bus"),
            ("crates_keywords", "CratesKeyword"),
        ] {
            assert_eq!(of_table(table), expected);
        }
    }
}
