//! The models as text.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use crate::Options;
use crate::names::{TAKEN, constant, of_table, raw, singular, stem};
use crate::schema::{Column, Schema, Table};
use crate::types::{held, written};

/// The types that keys can have, of those that are known
const KEYS: [&str; 11] = [
    "i16",
    "i32",
    "i64",
    "u16",
    "u32",
    "u64",
    "String",
    "Vec<u8>",
    "uuid::Uuid",
    "chrono::NaiveDate",
    "chrono::NaiveDateTime",
];

/// A column that holds the key of another table's row
struct Link<'a> {
    child: &'a Table,
    column: &'a Column,
    parent: &'a Table,
    /// Whether nothing but its name says so
    is_guess: bool,
}

/// What becomes of a table
enum Fate<'a> {
    /// A struct of this name
    Model(String),
    /// A many2many link between these
    Pair([&'a Link<'a>; 2]),
    /// Nothing, for this reason
    None(String),
}

impl<'a> Fate<'a> {
    fn pair(&self) -> Option<[&'a Link<'a>; 2]> {
        if let Self::Pair(sides) = self { Some(*sides) } else { None }
    }
}

/// A field, as lines of a struct
struct Field {
    name: String,
    attributes: Vec<String>,
    /// An SQL type where that is none that is known
    ty: Result<String, String>,
    is_guess: bool,
}

pub(crate) fn models(schema: &Schema, options: &Options) -> String {
    let links = links(schema);
    let fates = fates(schema, &links);
    let mut text = String::from(
        "// Written by `orm-cli models`: a draft, to be looked at and kept by hand. Text and blobs are candidates for `deferred`, a\n\
         // counter of writes for `version`, what the database makes for `read_only`.\n\n",
    );
    let _ = writeln!(text, "use orm_core::prelude::*;\n\nuse {}::*;", options.schema);
    let pairs: Vec<_> = schema.tables.iter().filter_map(|table| fates.get(&*table.name)?.pair()).collect();
    for table in &schema.tables {
        match fates.get(&*table.name) {
            Some(Fate::Model(name)) => {
                let fields = fields(table, &links, &fates, &pairs);
                write_struct(&mut text, table, name, &fields, options);
            }
            Some(Fate::Pair(sides)) => {
                let [a, b] = sides.map(|side| &side.parent.name);
                let _ = write!(text, "\n// `{}` is a link between `{a}` and `{b}`.\n", table.name);
            }
            Some(Fate::None(why)) => {
                let _ = write!(text, "\n// `{}` has no model: {why}\n", table.name);
            }
            None => {}
        }
    }
    text
}

/// All links: those that are declared, and those that names tell
fn links(schema: &Schema) -> Vec<Link<'_>> {
    let mut links: Vec<Link<'_>> = Vec::new();
    for join in &schema.joins {
        if let (Some(child), Some(parent)) = (schema.table(&join.child), schema.table(&join.parent))
            && let Some(column) = child.column(&join.column)
            && fits(column, parent)
        {
            links.push(Link { child, column, parent, is_guess: false });
        }
    }
    for child in &schema.tables {
        for column in child.columns.iter().filter(|column| column.name.ends_with("_id")) {
            let is_linked =
                links.iter().any(|link| link.child.name == child.name && link.column.name == column.name);
            // A table's own key is not a link to itself.
            if is_linked || child.key == [column.name.as_str()] && singular_of(child) == stem(&column.name) {
                continue;
            }
            if let Some(parent) = parent_by_name(schema, child, column) {
                links.push(Link { child, column, parent, is_guess: true });
            }
        }
    }
    links
}

/// `order_lines` as `order_line`
fn singular_of(table: &Table) -> String {
    match table.name.rsplit_once('_') {
        Some((before, last)) => format!("{before}_{}", singular(last)),
        None => singular(&table.name),
    }
}

/// The table that a column is called after: `original_language_id` after `languages`, `parent_id` after its own
fn parent_by_name<'a>(schema: &'a Schema, child: &'a Table, column: &Column) -> Option<&'a Table> {
    let mut rest = stem(&column.name);
    if rest == "parent" {
        return Some(child).filter(|parent| fits(column, parent));
    }
    loop {
        let called = |table: &&Table| table.name == rest || singular_of(table) == rest;
        if let Some(parent) = schema.tables.iter().find(called) {
            return Some(parent).filter(|parent| fits(column, parent));
        }
        rest = rest.split_once('_')?.1;
    }
}

/// Whether a column holds what the only column of a table's key does
fn fits(column: &Column, parent: &Table) -> bool {
    let key = match &*parent.key {
        [key] => parent.column(key).and_then(|key| held(&key.ty)),
        _ => None,
    };
    match (held(&column.ty), key) {
        (Some(column), Some(key)) => column.rust == key.rust && !key.is_nullable,
        _ => false,
    }
}

fn fates<'a>(schema: &'a Schema, links: &'a [Link<'a>]) -> HashMap<&'a str, Fate<'a>> {
    let mut names = BTreeSet::new();
    let mut fates = HashMap::new();
    // A pair links what has a model.
    for table in &schema.tables {
        if pair(table, links).is_none() {
            let fate = match no_key(table) {
                Some(why) => Fate::None(why),
                None => {
                    let name = of_table(&table.name);
                    Fate::Model(if names.insert(name.clone()) { name } else { format!("{name}Row") })
                }
            };
            fates.insert(&*table.name, fate);
        }
    }
    for table in &schema.tables {
        if let Some(sides) = pair(table, links) {
            let have_models =
                sides.iter().all(|side| matches!(fates.get(&*side.parent.name), Some(Fate::Model(_))));
            let why = "one of the tables that it links has none".to_owned();
            fates.insert(&*table.name, if have_models { Fate::Pair(sides) } else { Fate::None(why) });
        }
    }
    fates
}

/// The links of a table that has nothing else
fn pair<'a>(table: &Table, links: &'a [Link<'a>]) -> Option<[&'a Link<'a>; 2]> {
    if table.columns.len() != 2 || table.key.len() != 2 {
        return None;
    }
    let side = |column: &Column| {
        links.iter().find(|link| {
            link.child.name == table.name && link.column.name == column.name && link.parent.name != table.name
        })
    };
    Some([side(&table.columns[0])?, side(&table.columns[1])?])
}

/// Why a table's key is none for a model, if it is not
fn no_key(table: &Table) -> Option<String> {
    if table.key.len() > 4 {
        return Some("its key has more than four columns".to_owned());
    }
    table.key.iter().find_map(|key| {
        let Some(column) = table.column(key) else {
            return Some(format!("there is no column `{key}` for its key"));
        };
        match held(&column.ty) {
            Some(held) if held.is_nullable => Some(format!(
                "its key `{key}` is nullable: say NOT NULL where it is created, SQLite does not by itself"
            )),
            Some(held) if KEYS.contains(&&*held.rust) => None,
            _ => Some(format!("`{}` is no type of a key that is known here", written(&column.ty))),
        }
    })
}

/// The name of a field for a column
fn field_name(table: &Table, column: &str) -> String {
    let is_another_id = column == "id" && table.key != ["id"];
    if TAKEN.contains(&column) || is_another_id { format!("{column}_") } else { column.to_owned() }
}

fn fields(
    table: &Table,
    links: &[Link<'_>],
    fates: &HashMap<&str, Fate<'_>>,
    pairs: &[[&Link<'_>; 2]],
) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let target = |parent: &Table| match fates.get(&*parent.name) {
        Some(Fate::Model(name)) => Some(name.clone()),
        _ => None,
    };
    let link_of = |column: &Column| {
        links.iter().find(|link| link.child.name == table.name && link.column.name == column.name)
    };
    let mut columns: Vec<&Column> = table.columns.iter().collect();
    columns.sort_by_key(|column| !table.is_in_key(&column.name));
    for column in columns {
        let field = field_name(table, &column.name);
        let mut attributes = Vec::new();
        if table.key == [column.name.as_str()] && column.name != "id" {
            attributes.push("primary_key".to_owned());
        }
        if field != column.name {
            attributes.push(format!("column = {}", raw(&column.name)));
        }
        let Some(held) = held(&column.ty) else {
            fields.push(Field { name: field, attributes, ty: Err(written(&column.ty)), is_guess: false });
            continue;
        };
        let link = link_of(column).and_then(|link| Some((link, target(link.parent)?)));
        let (ty, is_guess) = match link {
            Some((link, target)) if !table.is_in_key(&column.name) => (
                if held.is_nullable { format!("Option<Id<{target}>>") } else { format!("Id<{target}>") },
                link.is_guess,
            ),
            _ => (held.field(), false),
        };
        fields.push(Field { name: field, attributes, ty: Ok(ty), is_guess });
    }
    // A link that is in the key is a field beside it.
    for link in
        links.iter().filter(|link| link.child.name == table.name && table.is_in_key(&link.column.name))
    {
        if let Some(target) = target(link.parent) {
            let field = key_link(table, link);
            let attributes = vec![format!("column = {}", raw(&link.column.name))];
            fields.push(Field {
                name: field,
                attributes,
                ty: Ok(format!("Id<{target}>")),
                is_guess: link.is_guess,
            });
        }
    }
    for link in links.iter().filter(|link| link.parent.name == table.name) {
        let Some(child) = target(link.child) else { continue };
        let source = if link.child.is_in_key(&link.column.name) {
            key_link(link.child, link)
        } else {
            field_name(link.child, &link.column.name)
        };
        let attribute = format!("inverse = {child}::{}", constant(&source));
        let is_one = link.child.key == [link.column.name.as_str()];
        let (field, ty) = if is_one {
            (singular_of(link.child), format!("OneToOne<{child}>"))
        } else {
            (to_many_name(link, links), format!("OneToMany<{child}>"))
        };
        push_free(&mut fields, field, attribute, ty);
    }
    for &[a, b] in pairs {
        for (near, far) in [(a, b), (b, a)] {
            if near.parent.name == table.name
                && let Some(other) = target(far.parent)
            {
                let pairs = near.child.path();
                let attribute = format!(
                    "through({pairs}::{}, {pairs}::{})",
                    raw(&near.column.name),
                    raw(&far.column.name)
                );
                let is_to_itself = near.parent.name == far.parent.name;
                let field =
                    if is_to_itself { stem(&far.column.name).to_owned() } else { singular_of(far.parent) };
                push_free(&mut fields, format!("{field}_ids"), attribute, format!("ManyToMany<{other}>"));
            }
        }
    }
    fields
}

/// The field of a link whose column is in the key
fn key_link(table: &Table, link: &Link<'_>) -> String {
    let field = stem(&link.column.name);
    let is_free = table.column(field).is_none() && !TAKEN.contains(&field) && field != "id";
    if is_free { field.to_owned() } else { format!("{}_link", link.column.name) }
}

/// The name of the other side: `order_ids`, and with two links from one table `sold_order_ids`
fn to_many_name(link: &Link<'_>, links: &[Link<'_>]) -> String {
    let child = singular_of(link.child);
    if link.child.name == link.parent.name && stem(&link.column.name) == "parent" {
        return "child_ids".to_owned();
    }
    let is_like =
        |other: &&Link<'_>| other.child.name == link.child.name && other.parent.name == link.parent.name;
    if links.iter().filter(is_like).count() == 1 {
        format!("{child}_ids")
    } else {
        format!("{}_{child}_ids", stem(&link.column.name))
    }
}

/// Adds a field under a name that no other has.
fn push_free(fields: &mut Vec<Field>, mut name: String, attribute: String, ty: String) {
    while TAKEN.contains(&&*name) || name == "id" || fields.iter().any(|field| field.name == name) {
        name.push('_');
    }
    fields.push(Field { name, attributes: vec![attribute], ty: Ok(ty), is_guess: false });
}

fn write_struct(text: &mut String, table: &Table, name: &str, fields: &[Field], options: &Options) {
    let mut attributes = vec![format!("table = {}", table.path())];
    if table.key.len() > 1 {
        let parts: Vec<String> = table.key.iter().map(|key| raw(&field_name(table, key))).collect();
        attributes.push(format!("primary_key({})", parts.join(", ")));
    }
    if let Some(connection) = &options.connection {
        attributes.push(format!("connection = {connection}"));
    }
    let _ = write!(
        text,
        "\n/// A row of `{}`\n#[derive(Debug, Model)]\n#[model({})]\npub struct {name} {{\n",
        table.name,
        attributes.join(", ")
    );
    for Field { name, attributes, ty, is_guess } in fields {
        let ty = match ty {
            Ok(ty) => ty,
            Err(ty) => {
                let _ = writeln!(
                    text,
                    "    // {name}: `{ty}` is no type that is known here; a field of your own type may read it"
                );
                continue;
            }
        };
        if !attributes.is_empty() {
            let _ = writeln!(text, "    #[model({})]", attributes.join(", "));
        }
        let guess = if *is_guess { " // by its name" } else { "" };
        let _ = writeln!(text, "    {}: {ty},{guess}", raw(name));
    }
    text.push_str("}\n");
}
