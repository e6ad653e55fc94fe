//! Parsing of `#[model(…)]`. Every key is kept, so that a later check can point at it.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, ExprPath, LitInt, LitStr, Meta, Path, Token, Type};

use crate::error::Errors;
use crate::names;

/// A key that was given, and its value
#[derive(Debug)]
pub(crate) struct Given<T = ()> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// `country_id.code`
#[derive(Debug)]
pub(crate) struct Steps(pub(crate) Vec<Ident>);

impl Parse for Steps {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut steps = vec![input.call(Ident::parse_any)?];
        while input.parse::<Option<Token![.]>>()?.is_some() {
            steps.push(input.call(Ident::parse_any)?);
        }
        Ok(Self(steps))
    }
}

#[derive(Debug, Default)]
pub(crate) struct StructAttrs {
    pub(crate) table: Option<Given<Path>>,
    pub(crate) connection: Option<Given<Type>>,
    /// The fields of a key of several columns
    pub(crate) primary_key: Option<Given<Vec<Ident>>>,
    /// The tables that a view shows
    pub(crate) view_of: Option<Given<Vec<Path>>>,
    /// Nobody looks at how many rows a write found.
    pub(crate) unchecked: Option<Given>,
    /// The column that counts the writes, where no field holds it
    pub(crate) version: Option<Given<Ident>>,
    /// The function that validates new and changed records
    pub(crate) validate: Option<Given<ExprPath>>,
    /// Which rows searches by `env.all` and lists keep to
    pub(crate) scope: Option<Given<Expr>>,
    /// There may be a table's name in what could not be read.
    pub(crate) table_unread: bool,
}

#[derive(Debug, Default)]
pub(crate) struct FieldAttrs {
    pub(crate) primary_key: Option<Given>,
    pub(crate) column: Option<Given<Ident>>,
    pub(crate) deferred: Option<Given>,
    pub(crate) group: Option<Given<LitStr>>,
    /// The link that points back, or the function that sets what is computed; `None`: the last field of `related` is set
    pub(crate) inverse: Option<Given<Option<ExprPath>>>,
    /// The columns of a link to a key of several
    pub(crate) columns: Option<Given<Vec<Ident>>>,
    pub(crate) through: Option<Given<(Vec<Path>, Vec<Path>)>>,
    pub(crate) order: Option<Given<Expr>>,
    /// Which of the records that a to-many link leads to are members
    pub(crate) filter: Option<Given<Expr>>,
    /// How many members each record's list has at most
    pub(crate) limit: Option<Given<LitInt>>,
    /// Its list keeps to no scope of the model that it leads to.
    pub(crate) unscoped: Option<Given>,
    /// The pairs count in either direction.
    pub(crate) symmetric: Option<Given>,
    pub(crate) version: Option<Given>,
    /// The database makes the value, nobody else
    pub(crate) read_only: Option<Given>,
    /// The database makes it anew whenever the row is written
    pub(crate) refresh: Option<Given>,
    /// The function that computes the field for one record
    pub(crate) compute: Option<Given<ExprPath>>,
    /// The one that does so for several
    pub(crate) compute_all: Option<Given<ExprPath>>,
    /// The links that lead to the field whose value it shows, and that field
    pub(crate) related: Option<Given<Steps>>,
    /// It is a column, whose values are computed when what they follow from is written
    pub(crate) stored: Option<Given>,
    /// The paths to what they follow from
    pub(crate) depends: Option<Given<Vec<Steps>>>,
    /// The fields that are all that the searches of the function depend on, of their models
    pub(crate) depends_on: Option<Given<Vec<ExprPath>>>,
    /// It says when the row was created; the function that makes its value of the time, if one is named
    pub(crate) created_at: Option<Given<Option<ExprPath>>>,
    /// The same of when it was last written
    pub(crate) updated_at: Option<Given<Option<ExprPath>>>,
    pub(crate) docs: Vec<Attribute>,
    /// Something in it could not be read: rules that ask for what is missing would only repeat that.
    pub(crate) faulty: bool,
}

const STRUCT_KEYS: &[&str] =
    &["table", "connection", "primary_key", "view_of", "unchecked", "validate", "version", "scope"];
const FIELD_KEYS: &[&str] = &[
    "primary_key",
    "column",
    "columns",
    "deferred",
    "group",
    "inverse",
    "through",
    "order",
    "filter",
    "limit",
    "unscoped",
    "symmetric",
    "version",
    "read_only",
    "refresh",
    "compute",
    "compute_all",
    "related",
    "stored",
    "depends",
    "depends_on",
    "created_at",
    "updated_at",
];

impl StructAttrs {
    pub(crate) fn from_syn(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("model")) {
            let fine = each_key(attr, errors, |key, input, errors| match key.to_string().as_str() {
                "table" => {
                    let table = value(key, input, errors, "table = partners");
                    found.table_unread |= table.is_err();
                    set(&mut found.table, table?)
                }
                "connection" => {
                    set(&mut found.connection, value(key, input, errors, "connection = PgConnection")?)
                }
                "primary_key" => set(
                    &mut found.primary_key,
                    list(key, input, "primary_key(order_id, number)", Ident::parse_any)?,
                ),
                "view_of" => set(
                    &mut found.view_of,
                    list(key, input, "view_of(orders, lines)", Path::parse_mod_style)?,
                ),
                "unchecked" => set(&mut found.unchecked, flag(key, input)?),
                "version" => set(&mut found.version, value(key, input, errors, "version = lock_version")?),
                "validate" => set(&mut found.validate, value(key, input, errors, "validate = is_sound")?),
                "scope" => {
                    set(&mut found.scope, value(key, input, errors, "scope = posts::deleted.eq(false)")?)
                }
                name => {
                    found.table_unread |= !FIELD_KEYS.contains(&name);
                    Err(unknown(key, STRUCT_KEYS, FIELD_KEYS, "a field"))
                }
            });
            found.table_unread |= !fine && !matches!(attr.meta, Meta::List(_));
        }
        found
    }
}

impl FieldAttrs {
    pub(crate) fn from_syn(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        found.docs.extend(attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned());
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("model")) {
            let fine = each_key(attr, errors, |key, input, errors| match key.to_string().as_str() {
                "primary_key" => set(&mut found.primary_key, flag(key, input)?),
                "column" => set(&mut found.column, value(key, input, errors, "column = name")?),
                "columns" => {
                    set(&mut found.columns, list(key, input, "columns(order_id, number)", Ident::parse_any)?)
                }
                "version" => set(&mut found.version, flag(key, input)?),
                "read_only" => set(&mut found.read_only, flag(key, input)?),
                "refresh" => set(&mut found.refresh, flag(key, input)?),
                "deferred" => set(&mut found.deferred, flag(key, input)?),
                "group" => set(&mut found.group, value(key, input, errors, "group = \"html\"")?),
                "inverse" => set(
                    &mut found.inverse,
                    flag_or_value(key, input, errors, "a path", "inverse = Partner::COUNTRY_ID")?,
                ),
                "through" => set(&mut found.through, pair(key, input)?),
                "order" => set(&mut found.order, value(key, input, errors, "order = partners::name.asc()")?),
                "filter" => set(
                    &mut found.filter,
                    value(key, input, errors, "filter = partners::is_company.eq(true)")?,
                ),
                "limit" => set(&mut found.limit, value(key, input, errors, "limit = 5")?),
                "unscoped" => set(&mut found.unscoped, flag(key, input)?),
                "symmetric" => set(&mut found.symmetric, flag(key, input)?),
                "compute" => set(&mut found.compute, value(key, input, errors, "compute = display_name")?),
                "compute_all" => {
                    set(&mut found.compute_all, value(key, input, errors, "compute_all = open_orders")?)
                }
                "related" => set(&mut found.related, value(key, input, errors, "related = country_id.code")?),
                "stored" => set(&mut found.stored, flag(key, input)?),
                "depends" => {
                    set(&mut found.depends, list(key, input, "depends(line_ids.price, rate)", Steps::parse)?)
                }
                "depends_on" => set(
                    &mut found.depends_on,
                    list(key, input, "depends_on(Order::STATE, Order::PARTNER_ID)", ExprPath::parse)?,
                ),
                "created_at" => set(
                    &mut found.created_at,
                    flag_or_value(key, input, errors, "a function", "created_at = utc")?,
                ),
                "updated_at" => set(
                    &mut found.updated_at,
                    flag_or_value(key, input, errors, "a function", "updated_at = utc")?,
                ),
                _ => Err(unknown(key, FIELD_KEYS, STRUCT_KEYS, "the struct")),
            });
            found.faulty |= !fine;
        }
        found
    }
}

/// Reads the keys of one attribute; goes on behind one that is wrong. Tells whether none was.
fn each_key(
    attr: &Attribute,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) -> bool {
    let mut fine = true;
    let keys = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any);
            let result = key.and_then(|key| read(&key, input, errors)).and_then(|()| {
                let ended = input.is_empty() || input.peek(Token![,]);
                if ended { Ok(()) } else { Err(input.error("a comma is missing before this")) }
            });
            if let Err(error) = result {
                fine = false;
                errors.push(error);
                skip(input)?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    let result = match &attr.meta {
        Meta::List(list) => list.parse_args_with(keys),
        other => Err(syn::Error::new_spanned(
            other,
            "the keys stand in parentheses, as in `#[model(table = partners)]` and `#[model(deferred)]`",
        )),
    };
    if let Err(error) = result {
        fine = false;
        errors.push(error);
    }
    fine
}

fn set<T>(place: &mut Option<Given<T>>, given: Given<T>) -> syn::Result<()> {
    if place.is_some() {
        return Err(syn::Error::new(given.key.span(), format!("`{}` is given twice; keep one", given.key)));
    }
    *place = Some(given);
    Ok(())
}

/// Goes on to the next key.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// `key`
fn flag(key: &Ident, input: ParseStream<'_>) -> syn::Result<Given> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Given { key: key.clone(), value: () });
    }
    Err(input.error(format!("`{key}` takes no value; write `{key}` alone")))
}

/// `key`, or `key = function`
fn flag_or_value(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
    what: &str,
    example: &str,
) -> syn::Result<Given<Option<ExprPath>>> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Given { key: key.clone(), value: None });
    }
    if !input.peek(Token![=]) {
        return Err(input.error(format!("write `{key}` alone, or with {what}: `{example}`")));
    }
    let Given { key, value } = value(key, input, errors, example)?;
    Ok(Given { key, value: Some(value) })
}

/// `key = value`
fn value<T: Parse>(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
    example: &str,
) -> syn::Result<Given<T>> {
    let missing = || syn::Error::new(key.span(), format!("`{key}` needs a value, as in `{example}`"));
    if !input.peek(Token![=]) {
        return Err(missing());
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(missing());
    }
    if input.peek(LitStr) && !example.ends_with('"') {
        let text: LitStr = input.parse()?;
        let error =
            syn::Error::new(text.span(), format!("write it without the quotes: `{key} = {}`", text.value()));
        // What is meant is clear: the rest of the struct is judged by it.
        return match text.parse() {
            Ok(value) => {
                errors.push(error);
                Ok(Given { key: key.clone(), value })
            }
            Err(_) => Err(error),
        };
    }
    let start = input.span();
    match input.parse() {
        Ok(value) => Ok(Given { key: key.clone(), value }),
        Err(_) => {
            Err(syn::Error::new(start, format!("this is no value for `{key}`; write it as in `{example}`")))
        }
    }
}

/// `key(name, name, …)`
fn list<T>(
    key: &Ident,
    input: ParseStream<'_>,
    example: &str,
    item: fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<Given<Vec<T>>> {
    let wrong = |at| syn::Error::new(at, format!("`{key}` takes names in parentheses, as in `{example}`"));
    if !input.peek(syn::token::Paren) {
        return Err(wrong(key.span()));
    }
    let inner;
    let paren = syn::parenthesized!(inner in input);
    let items: Vec<T> =
        inner.parse_terminated(item, Token![,]).map_err(|_| wrong(paren.span.join()))?.into_iter().collect();
    if items.is_empty() {
        Err(wrong(paren.span.join()))
    } else {
        Ok(Given { key: key.clone(), value: items })
    }
}

/// `key(own, other)`; a side whose key has several columns stands in parentheses
fn pair(key: &Ident, input: ParseStream<'_>) -> syn::Result<Given<(Vec<Path>, Vec<Path>)>> {
    let wrong = |at| {
        let example = "through(partner_tags::partner_id, partner_tags::tag_id)";
        syn::Error::new(
            at,
            format!("`{key}` takes the two columns of the table of pairs, own first: `{example}`"),
        )
    };
    if !input.peek(syn::token::Paren) {
        return Err(wrong(key.span()));
    }
    let inner;
    let paren = syn::parenthesized!(inner in input);
    let sides = inner.parse_terminated(side, Token![,]);
    let mut sides = sides.map_err(|_| wrong(paren.span.join()))?.into_iter();
    match (sides.next(), sides.next(), sides.next()) {
        (Some(own), Some(other), None) => Ok(Given { key: key.clone(), value: (own, other) }),
        _ => Err(wrong(paren.span.join())),
    }
}

/// A column, or several in parentheses
fn side(input: ParseStream<'_>) -> syn::Result<Vec<Path>> {
    if !input.peek(syn::token::Paren) {
        return Ok(vec![Path::parse_mod_style(input)?]);
    }
    let inner;
    syn::parenthesized!(inner in input);
    Ok(inner.parse_terminated(Path::parse_mod_style, Token![,])?.into_iter().collect())
}

/// A key that there is not here
fn unknown(key: &Ident, here: &[&str], elsewhere: &[&str], place: &str) -> syn::Error {
    let name = key.to_string();
    let hint = if elsewhere.contains(&name.as_str()) {
        format!("it belongs on {place}")
    } else if let Some(near) = names::nearest(&name, here) {
        format!("did you mean `{near}`?")
    } else {
        let known: Vec<String> = here.iter().map(|key| format!("`{key}`")).collect();
        format!("known are {}", known.join(", "))
    };
    syn::Error::new(key.span(), format!("there is no key `{name}` here; {hint}"))
}
