//! The columns of the cache: one member per field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Names, cached};
use crate::model::{Field, Model};
use crate::shape::{Shape, Value};

pub(super) fn expand(model: &Model, names: &Names) -> TokenStream {
    let Names { columns, links, .. } = names;
    let members = model.others().map(|field| {
        let ident = &field.ident;
        let codec = codec(model, field);
        quote_spanned!(field.span()=> #ident: ::orm_core::private::CellsOf<'env, #codec>,)
    });
    let ways = model.others().filter_map(|field| {
        let (ident, target) = (&field.ident, field.shape.target()?);
        Some(quote_spanned!(field.span()=> #ident: ::orm_core::private::Way<'env, #target>,))
    });
    quote! {
        #[derive(::core::default::Default)]
        pub struct #links<'env> {
            #(#ways)*
            __env: ::core::marker::PhantomData<&'env ()>,
        }

        #[derive(::core::clone::Clone, ::core::marker::Copy)]
        pub struct #columns<'env> {
            #(#members)*
            __env: ::core::marker::PhantomData<&'env ()>,
        }
    }
}

/// Where the cells of each field are
pub(super) fn opened(model: &Model, names: &Names) -> TokenStream {
    let columns = &names.columns;
    let members = model.others().enumerate().map(|(index, field)| {
        let (ident, codec) = (&field.ident, codec(model, field));
        quote_spanned!(field.span()=> #ident: store.cells::<#codec>(#index),)
    });
    quote!(#columns { #(#members)* __env: ::core::marker::PhantomData })
}

/// What a cell holds, and how it is read
pub(super) fn codec(model: &Model, field: &Field) -> TokenStream {
    let at = field.span();
    match &field.shape {
        Shape::Value { value, nullable } => {
            let (table, column) = (&model.table, field.column());
            let codec = match value {
                Value::Blob => quote_spanned!(at=> ::orm_core::private::Blob),
                Value::Text | Value::Plain(_) => quote_spanned!(at=> ::orm_core::private::Scalar),
            };
            let cell = cell(value, *nullable, field);
            quote_spanned!(at=> #codec<#cell, ::orm_core::private::SqlTypeOf<#table::#column>>)
        }
        Shape::Link { target, nullable } | Shape::ComputedLink { target, nullable } => {
            quote_spanned!(at=> ::orm_core::private::ToOneLink<#target, #nullable>)
        }
        Shape::OneToMany(target) | Shape::OneToOne(target) | Shape::ManyToMany(target) => {
            quote_spanned!(at=> ::orm_core::private::ToManyLink<#target>)
        }
        Shape::Computed { value, nullable } if field.is_stored() => {
            let (table, column) = (&model.table, field.column());
            let codec = match value {
                Value::Blob => quote_spanned!(at=> ::orm_core::private::Blob),
                Value::Text | Value::Plain(_) => quote_spanned!(at=> ::orm_core::private::Scalar),
            };
            let cell = cell(value, *nullable, field);
            quote_spanned!(at=> #codec<#cell, ::orm_core::private::SqlTypeOf<#table::#column>>)
        }
        Shape::Computed { value, nullable } => {
            let cell = cell(value, *nullable, field);
            quote_spanned!(at=> ::orm_core::private::ComputedCell<#cell>)
        }
        Shape::Unsupported(_) => TokenStream::new(),
    }
}

/// What a cell holds of a value
fn cell(value: &Value, nullable: bool, field: &Field) -> TokenStream {
    let value = cached(value);
    if nullable { quote_spanned!(field.span()=> ::core::option::Option<#value>) } else { value }
}
