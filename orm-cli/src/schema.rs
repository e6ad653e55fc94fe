//! What a `schema.rs` says: `table!` and `joinable!`, whatever modules they are in.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ItemMod, Macro, Path, Token, Type, braced, parenthesized};

use crate::names::raw;

pub(crate) struct Schema {
    pub(crate) tables: Vec<Table>,
    pub(crate) joins: Vec<Join>,
}

pub(crate) struct Table {
    /// The modules that it is in, from that of the file on
    pub(crate) modules: Vec<String>,
    /// As Rust names it, `r#` left out
    pub(crate) name: String,
    pub(crate) key: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// `joinable!(child -> parent (column))`
pub(crate) struct Join {
    pub(crate) child: String,
    pub(crate) parent: String,
    pub(crate) column: String,
}

pub(crate) fn read(text: &str) -> syn::Result<Schema> {
    let schema = Schema { tables: Vec::new(), joins: Vec::new() };
    let mut reader = Reader { schema, modules: Vec::new(), error: None };
    reader.visit_file(&syn::parse_file(text)?);
    match reader.error {
        Some(error) => Err(error),
        None => Ok(reader.schema),
    }
}

/// Goes through all modules; errors are reported together.
struct Reader {
    schema: Schema,
    /// Those that are being gone through, one within the other
    modules: Vec<String>,
    error: Option<syn::Error>,
}

impl Reader {
    fn take<T>(&mut self, parsed: syn::Result<T>, take: impl FnOnce(&mut Schema, T)) {
        match (parsed, &mut self.error) {
            (Ok(parsed), _) => take(&mut self.schema, parsed),
            (Err(error), Some(before)) => before.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.modules.push(name(&module.ident));
        visit::visit_item_mod(self, module);
        self.modules.pop();
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let Some(name) = call.path.segments.last() else { return };
        match &*name.ident.to_string() {
            "table" => {
                let modules = self.modules.clone();
                let table = call.parse_body().map(|table| Table { modules, ..table });
                self.take(table, |schema, table| schema.tables.push(table));
            }
            "joinable" => self.take(call.parse_body(), |schema, join| schema.joins.push(join)),
            _ => {}
        }
    }
}

fn name(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}

impl Parse for Table {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        while input.peek(Token![use]) {
            input.parse::<syn::ItemUse>()?;
        }
        input.call(Attribute::parse_outer)?;
        // `accounting.invoices`, or `invoices` in the database's usual schema
        let mut table = input.parse::<Ident>()?;
        if input.parse::<Option<Token![.]>>()?.is_some() {
            table = input.parse()?;
        }
        let key = if input.peek(syn::token::Paren) {
            let key;
            parenthesized!(key in input);
            Punctuated::<Ident, Token![,]>::parse_terminated(&key)?.iter().map(name).collect()
        } else {
            vec!["id".to_owned()]
        };
        let columns;
        braced!(columns in input);
        let columns = Punctuated::<Column, Token![,]>::parse_terminated(&columns)?;
        Ok(Self { modules: Vec::new(), name: name(&table), key, columns: columns.into_iter().collect() })
    }
}

impl Parse for Column {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Attribute::parse_outer)?;
        let ident = input.parse::<Ident>()?;
        input.parse::<Token![->]>()?;
        Ok(Self { name: name(&ident), ty: input.parse()? })
    }
}

impl Parse for Join {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let child = last(&input.call(Path::parse_mod_style)?);
        input.parse::<Token![->]>()?;
        let parent = last(&input.call(Path::parse_mod_style)?);
        let column;
        parenthesized!(column in input);
        Ok(Self { child, parent, column: name(&column.parse()?) })
    }
}

fn last(path: &Path) -> String {
    path.segments.last().map_or_else(String::new, |segment| name(&segment.ident))
}

impl Schema {
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// How it is named from the file's own module
    pub(crate) fn path(&self) -> String {
        let path = self.modules.iter().chain([&self.name]).map(|name| raw(name));
        path.collect::<Vec<_>>().join("::")
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn is_in_key(&self, column: &str) -> bool {
        self.key.iter().any(|key| key == column)
    }
}
