//! The struct as the derive sees it: read from syn, checked by `valid`, written out by `expand`.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Expr, ExprPath, Fields, Path, Type, Visibility};

use crate::attr::{FieldAttrs, StructAttrs};
use crate::error::Errors;
use crate::names;
use crate::shape::Shape;

pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    /// The diesel `table!`'s module
    pub(crate) table: Path,
    pub(crate) table_is: TableIs,
    pub(crate) connection: Type,
    pub(crate) fields: Vec<Field>,
}

/// How the table's name is known
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum TableIs {
    Named,
    Inferred,
    /// What the user wrote could not be read
    Unknown,
}

pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The field's name, `r#` left out
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
    pub(crate) is_key: bool,
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
        if !fields.iter().any(|field| field.is_key)
            && let Some(id) = fields.iter_mut().find(|field| field.name == "id")
        {
            id.is_key = true;
        }
        Self {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            table_is: match &attrs.table {
                Some(_) => TableIs::Named,
                None if attrs.table_unread => TableIs::Unknown,
                None => TableIs::Inferred,
            },
            table: attrs.table.map_or_else(|| names::table(&input.ident).into(), |table| table.value),
            connection: attrs.connection.map_or_else(
                || Type::Verbatim(quote!(::orm_core::private::DefaultConnection)),
                |connection| connection.value,
            ),
            fields,
        }
    }

    pub(crate) fn key(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_key)
    }

    /// The fields that have a column in the cache, in the order of `FIELDS`
    pub(crate) fn others(&self) -> impl Iterator<Item = &Field> {
        let key = self.fields.iter().position(|field| field.is_key);
        self.fields.iter().enumerate().filter(move |(i, _)| Some(*i) != key).map(|(_, field)| field)
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
            attrs,
        })
    }

    /// The column's name in the diesel `table!`
    pub(crate) fn column(&self) -> &Ident {
        self.attrs.column.as_ref().map_or(&self.ident, |column| &column.value)
    }

    pub(crate) fn is_to_many(&self) -> bool {
        matches!(self.shape, Shape::OneToMany(_) | Shape::ManyToMany(_))
    }

    /// Whether it has a setter: a column that is neither the key nor kept by the framework
    pub(crate) fn has_setter(&self) -> bool {
        let is_column = matches!(self.shape, Shape::Value { .. } | Shape::Link { .. });
        is_column && !self.is_key && self.attrs.version.is_none()
    }

    pub(crate) fn docs(&self) -> &[Attribute] {
        &self.attrs.docs
    }

    pub(crate) fn inverse(&self) -> Option<&ExprPath> {
        self.attrs.inverse.as_ref().map(|inverse| &inverse.value)
    }

    pub(crate) fn through(&self) -> Option<&(Path, Path)> {
        self.attrs.through.as_ref().map(|through| &through.value)
    }

    pub(crate) fn order(&self) -> Option<&Expr> {
        self.attrs.order.as_ref().map(|order| &order.value)
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
