//! The columns of the cache: one member per field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Names, cached};
use crate::model::{Field, Model};
use crate::shape::{Shape, Value};

pub(super) fn expand(model: &Model, names: &Names) -> TokenStream {
    let Names { columns, links, .. } = names;
    let key = model.key().map(|key| {
        let ident = &key.ident;
        quote!(#ident: ::orm_core::private::Column<()>,)
    });
    let members = model.others().map(|field| {
        let ident = &field.ident;
        let codec = codec(model, field);
        quote_spanned!(field.span()=> #ident: ::orm_core::private::Stored<__Connection, #codec>,)
    });
    let idents: Vec<_> = model.others().map(|field| &field.ident).collect();
    let (indices, indices_mut) = (0..idents.len(), 0..idents.len());
    // One error and not two, where diesel cannot read a column: the same trait at the same place.
    let erased: Vec<_> = model.others().map(|field| erased(model, field)).collect();
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

        #[derive(::core::default::Default)]
        pub struct #columns {
            #key
            #(#members)*
        }

        #[automatically_derived]
        impl ::orm_core::private::Columns<__Connection> for #columns {
            fn column(
                &self,
                index: usize,
            ) -> ::core::option::Option<&dyn ::orm_core::private::AnyColumn<__Connection>> {
                match index {
                    #(#indices => ::core::option::Option::Some(#erased::any(&self.#idents)),)*
                    _ => ::core::option::Option::None,
                }
            }
            fn column_mut(
                &mut self,
                index: usize,
            ) -> ::core::option::Option<&mut dyn ::orm_core::private::AnyColumn<__Connection>> {
                match index {
                    #(#indices_mut => ::core::option::Option::Some(#erased::any_mut(&mut self.#idents)),)*
                    _ => ::core::option::Option::None,
                }
            }
            fn each_mut(
                &mut self,
            ) -> ::orm_core::private::Vec<&mut dyn ::orm_core::private::AnyColumn<__Connection>> {
                ::orm_core::private::vec![#(#erased::any_mut(&mut self.#idents)),*]
            }
        }
    }
}

/// A column as what all columns are
fn erased(model: &Model, field: &Field) -> TokenStream {
    let codec = codec(model, field);
    quote_spanned! {field.span()=>
        <::orm_core::private::Stored<__Connection, #codec> as ::orm_core::private::AnyColumn<__Connection>>
    }
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
            let value = cached(value);
            let cell = if *nullable { quote_spanned!(at=> ::core::option::Option<#value>) } else { value };
            quote_spanned!(at=> #codec<#cell, ::orm_core::private::SqlTypeOf<#table::#column>>)
        }
        Shape::Link { target, nullable } => {
            quote_spanned!(at=> ::orm_core::private::ToOneLink<#target, #nullable>)
        }
        Shape::OneToMany(target) | Shape::ManyToMany(target) => {
            quote_spanned!(at=> ::orm_core::private::ToManyLink<#target>)
        }
        Shape::Computed | Shape::Unsupported(_) => TokenStream::new(),
    }
}
