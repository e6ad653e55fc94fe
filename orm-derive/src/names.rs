//! Names: of tables, of constants, near misses, and those that are taken.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::DeriveInput;
use syn::ext::IdentExt;

/// Methods of `Records` and of what it derefs to: an accessor of the same name could not be called
///
/// Those of `Into`, `ToOwned` and the like are found before the accessors too, as a handle has them itself. Left out is what
/// only sets have and a column may well be called (`all`, `any`, `find`, `position`, `sum` …): the accessor of one record
/// can be called, and on a set `get(Partner::POSITION)` reads the field. `id` has a rule of its own.
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

/// Methods of `Ord` and `PartialOrd`: the records of a model with a field of such a name have no order, so that its accessor
/// can be called
pub(crate) const OF_ORDER: &[&str] = &["clamp", "cmp", "ge", "gt", "le", "lt", "max", "min", "partial_cmp"];

/// The table of a struct that does not name one: diesel's rule
pub(crate) fn table(model: &Ident) -> Ident {
    Ident::new(&format!("{}s", snake(model)), model.span())
}

/// The plural of a struct's name where that is not its name and an `s`
pub(crate) fn odd_plural(model: &Ident) -> Option<String> {
    let name = snake(model);
    if let Some(stem) = name.strip_suffix('y') {
        return (!stem.ends_with(['a', 'e', 'i', 'o', 'u'])).then(|| format!("{stem}ies"));
    }
    ["s", "x", "z", "ch", "sh"].iter().any(|end| name.ends_with(end)).then(|| format!("{name}es"))
}

/// A field's name with the model's in front
pub(crate) fn prefixed(model: &Ident, field: &str) -> String {
    format!("{}_{field}", snake(model))
}

fn snake(model: &Ident) -> String {
    let name = model.unraw().to_string();
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The constant of a field
pub(crate) fn constant(field: &Ident) -> Ident {
    Ident::new(&field.unraw().to_string().to_uppercase(), field.span())
}

/// The known name that was most likely meant
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|known| (distance(name, known), *known)).min()?;
    (near.0 <= 1 + name.len() / 4).then_some(near.1)
}

/// How many letters have to be put in, left out or changed
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let changed = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The struct, with its own name where it says `Self`: the generated code stands outside of it.
pub(crate) fn without_self(tokens: TokenStream) -> syn::Result<DeriveInput> {
    let input: DeriveInput = syn::parse2(tokens)?;
    if !mentions_self(input.to_token_stream()) {
        return Ok(input);
    }
    syn::parse2(replace_self(input.to_token_stream(), &input.ident))
}

fn mentions_self(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => mentions_self(group.stream()),
        _ => false,
    })
}

fn replace_self(tokens: TokenStream, model: &Ident) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut model = model.clone();
            model.set_span(ident.span());
            TokenTree::Ident(model)
        }
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), replace_self(group.stream(), model));
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        token => token,
    };
    tokens.into_iter().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn tables_are_named_as_diesel_names_them() {
        for (model, expected) in
            [("Foo", "foos"), ("FooBar", "foo_bars"), ("HTTPLog", "h_t_t_p_logs"), ("É", "és")]
        {
            assert_eq!(table(&format_ident!("{model}")), expected);
        }
        assert_eq!(table(&Ident::new_raw("loop", proc_macro2::Span::call_site())), "loops");
    }

    #[test]
    fn near_names_are_proposed_and_far_ones_not() {
        let known = ["primary_key", "column", "deferred", "order"];
        for (name, expected) in [
            ("colum", Some("column")),
            ("primarykey", Some("primary_key")),
            ("defered", Some("deferred")),
            ("ordre", Some("order")),
            ("lazy", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }

    #[test]
    fn taken_names_are_sorted() {
        assert!(TAKEN.is_sorted());
    }
}
