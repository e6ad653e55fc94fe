//! The struct as the derive sees it: read from syn, checked by `valid`, written out by `expand`.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Expr, ExprPath, Fields, LitInt, Path, Type, Visibility};

use crate::attr::{FieldAttrs, Given, Steps, StructAttrs};
use crate::error::Errors;
use crate::names;
use crate::shape::Shape;

pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    /// The diesel `table!`'s module
    pub(crate) table: Path,
    pub(crate) table_is: TableIs,
    /// `None`: that of the crate
    pub(crate) connection: Option<Type>,
    /// The tables that a view shows
    pub(crate) view_of: Vec<Path>,
    /// Nobody looks at how many rows a write found.
    pub(crate) unchecked: Option<Given>,
    /// The column that counts the writes, where no field holds it
    pub(crate) version: Option<Given<Ident>>,
    /// The function that validates new and changed records
    pub(crate) validate: Option<ExprPath>,
    /// Which rows searches by `env.all` and lists keep to
    pub(crate) scope: Option<Expr>,
    /// What the struct says of the key
    pub(crate) key_fields: Option<Given<Vec<Ident>>>,
    pub(crate) fields: Vec<Field>,
}

/// How the table's name is known
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum TableIs {
    Named,
    Inferred,
    /// It would be inferred, but nobody calls a table so
    Odd,
    /// What the user wrote could not be read
    Unknown,
}

pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The field's name, `r#` left out
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
    /// Whether it is the primary key
    pub(crate) is_key: bool,
    /// The place among the columns of a primary key of several
    pub(crate) part: Option<usize>,
    /// Whether it shows a column of the primary key, which another field is
    pub(crate) is_of_key: bool,
    pub(crate) attrs: FieldAttrs,
}

impl Model {
    pub(crate) fn from_syn(input: &DeriveInput, errors: &mut Errors) -> Self {
        let attrs = StructAttrs::from_syn(&input.attrs, errors);
        let named = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => fields.named.iter().collect(),
                Fields::Unnamed(_) | Fields::Unit => Vec::new(),
            },
            Data::Enum(_) | Data::Union(_) => Vec::new(),
        };
        let mut fields: Vec<Field> =
            named.into_iter().filter_map(|field| Field::from_syn(field, errors)).collect();
        find_key(&mut fields, attrs.primary_key.as_ref());
        Self {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            table_is: match &attrs.table {
                Some(_) => TableIs::Named,
                None if attrs.table_unread => TableIs::Unknown,
                None if names::odd_plural(&input.ident).is_some() => TableIs::Odd,
                None => TableIs::Inferred,
            },
            table: attrs.table.map_or_else(|| names::table(&input.ident).into(), |table| table.value),
            connection: attrs.connection.map(|connection| connection.value),
            view_of: attrs.view_of.map_or_else(Vec::new, |tables| tables.value),
            unchecked: attrs.unchecked,
            version: attrs.version,
            validate: attrs.validate.map(|validate| validate.value),
            scope: attrs.scope.map(|scope| scope.value),
            key_fields: attrs.primary_key,
            fields,
        }
    }

    /// The primary key, if it is one field
    pub(crate) fn key(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_key)
    }

    /// The fields of a primary key of several, in the order of the key
    pub(crate) fn parts(&self) -> Vec<&Field> {
        let mut parts: Vec<&Field> = self.fields.iter().filter(|field| field.part.is_some()).collect();
        parts.sort_by_key(|field| field.part);
        parts
    }

    /// Whether `FIELDS` ends with one that says no more than that a row was found: else nothing would come with a search
    pub(crate) fn has_presence(&self) -> bool {
        !self
            .others()
            .any(|field| field.is_column() && field.attrs.deferred.is_none() && field.attrs.group.is_none())
    }

    /// How many `FIELDS` has
    pub(crate) fn count(&self) -> usize {
        self.others().count() + usize::from(self.has_presence()) + usize::from(self.version.is_some())
    }

    /// Where in `FIELDS` the column is that counts the writes: a field's, or one behind all of them
    pub(crate) fn version(&self) -> Option<usize> {
        let behind = self.version.is_some().then(|| self.count() - 1);
        self.others().position(|field| field.attrs.version.is_some()).or(behind)
    }

    /// The fields that have a column in the cache, in the order of `FIELDS`
    pub(crate) fn others(&self) -> impl Iterator<Item = &Field> {
        let key = self.fields.iter().position(|field| field.is_key);
        self.fields.iter().enumerate().filter(move |(i, _)| Some(*i) != key).map(|(_, field)| field)
    }
}

/// Finds the primary key: the fields that the struct or their own attribute names, else the one called `id`.
fn find_key(fields: &mut [Field], named: Option<&Given<Vec<Ident>>>) {
    if let Some(named) = named {
        let place = |field: &Field| named.value.iter().position(|name| name.unraw() == field.name);
        fields.iter_mut().for_each(|field| field.part = place(field));
    } else {
        let marked = fields.iter_mut().filter(|field| field.is_key).enumerate();
        marked.for_each(|(place, field)| field.part = Some(place));
    }
    let parts = fields.iter().filter(|field| field.part.is_some()).count();
    for field in fields.iter_mut() {
        field.is_key = parts == 1 && field.part.is_some();
        field.part = field.part.filter(|_| parts > 1);
    }
    if parts == 0
        && let Some(id) = fields.iter_mut().find(|field| field.name == "id")
    {
        id.is_key = true;
    }
    let is_key = |field: &Field| field.is_key || field.part.is_some();
    let key: Vec<Ident> =
        fields.iter().filter(|field| is_key(field)).map(|field| field.column().clone()).collect();
    for field in fields.iter_mut() {
        field.is_of_key = !is_key(field) && field.columns().into_iter().any(|column| key.contains(column));
    }
}

impl Field {
    fn from_syn(field: &syn::Field, errors: &mut Errors) -> Option<Self> {
        let attrs = FieldAttrs::from_syn(&field.attrs, errors);
        let ident = field.ident.clone()?;
        Some(Self {
            name: ident.unraw().to_string(),
            ident,
            ty: field.ty.clone(),
            shape: Shape::of(&field.ty),
            is_key: attrs.primary_key.is_some(),
            part: None,
            is_of_key: false,
            attrs,
        })
    }

    /// The columns' names in the diesel `table!`
    pub(crate) fn columns(&self) -> Vec<&Ident> {
        match &self.attrs.columns {
            Some(columns) => columns.value.iter().collect(),
            None => vec![self.column()],
        }
    }

    /// The column's name in the diesel `table!`
    pub(crate) fn column(&self) -> &Ident {
        self.attrs.column.as_ref().map_or(&self.ident, |column| &column.value)
    }

    pub(crate) fn is_column(&self) -> bool {
        matches!(self.shape, Shape::Value { .. } | Shape::Link { .. }) || self.is_stored()
    }

    /// Whether it is computed, and a column all the same
    pub(crate) fn is_stored(&self) -> bool {
        self.attrs.stored.is_some() && self.is_computed()
    }

    /// The paths to what it follows from, if it is stored: those that are declared, and that to another record's field
    pub(crate) fn depends(&self) -> impl Iterator<Item = &Steps> {
        let declared = self.attrs.depends.iter().flat_map(|depends| &depends.value);
        declared.chain(self.attrs.related.as_ref().map(|related| &related.value))
    }

    /// Whether a value can be given for it when a record is created: the key, and each column that is not kept by the
    /// framework or the database
    pub(crate) fn is_given(&self) -> bool {
        let is_kept = self.attrs.version.is_some() || self.attrs.read_only.is_some() || self.is_stored();
        self.is_key || self.part.is_some() || (self.is_column() && !is_kept)
    }

    /// Whether it has a setter: what can be given, but for the key, and a field that shows a column of the key
    pub(crate) fn has_setter(&self) -> bool {
        let is_column = self.is_given() && !self.is_key && self.part.is_none() && !self.is_of_key;
        is_column || self.is_inverted() || self.is_one_to_one()
    }

    /// Whether it is the other side of a unique link
    pub(crate) fn is_one_to_one(&self) -> bool {
        matches!(self.shape, Shape::OneToOne(_))
    }

    /// The key that says that it tells when the row was written
    pub(crate) fn stamp(&self) -> Option<&Given<Option<ExprPath>>> {
        self.attrs.created_at.as_ref().or(self.attrs.updated_at.as_ref())
    }

    /// Whether it is computed, and a function says what setting it does
    pub(crate) fn is_inverted(&self) -> bool {
        self.is_computed() && self.attrs.inverse.is_some()
    }

    /// Whether a function computes it, or another record's field says what it is
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self.shape, Shape::Computed { .. } | Shape::ComputedLink { .. })
    }

    pub(crate) fn docs(&self) -> &[Attribute] {
        &self.attrs.docs
    }

    pub(crate) fn inverse(&self) -> Option<&ExprPath> {
        self.attrs.inverse.as_ref()?.value.as_ref()
    }

    pub(crate) fn through(&self) -> Option<&(Vec<Path>, Vec<Path>)> {
        self.attrs.through.as_ref().map(|through| &through.value)
    }

    pub(crate) fn order(&self) -> Option<&Expr> {
        self.attrs.order.as_ref().map(|order| &order.value)
    }

    pub(crate) fn filter(&self) -> Option<&Expr> {
        self.attrs.filter.as_ref().map(|filter| &filter.value)
    }

    pub(crate) fn limit(&self) -> Option<&LitInt> {
        self.attrs.limit.as_ref().map(|limit| &limit.value)
    }

    /// Where an error about the field's type shows
    pub(crate) fn span(&self) -> Span {
        span_of(&self.ty)
    }
}

/// Where an error about some of the user's tokens shows: their place, without the hygiene of a `macro_rules!` around
/// them, which would hide the generated code's own names from each other.
pub(crate) fn span_of(tokens: &impl ToTokens) -> Span {
    tokens.span().resolved_at(Span::call_site())
}
