//! The accessors: what `Records` of the model derefs to, one method per field.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use super::{Names, cached, docs, values};
use crate::model::{Field, Model, span_of};
use crate::names;
use crate::shape::Shape;

pub(super) fn expand(model: &Model, names: &Names, is_stub: bool) -> TokenStream {
    let (ident, accessors) = (&model.ident, &names.accessors);
    let methods = model.fields.iter().map(|field| method(model, field));
    let setters =
        model.fields.iter().filter(|field| field.has_setter()).map(|field| setter(model, field, is_stub));
    let creators = model.fields.iter().filter_map(|field| creator(model, field));
    quote! {
        pub struct #accessors<'env, __K: ::orm_core::private::Cardinality>(
            ::orm_core::private::Handle<'env, #ident, __K>,
        );

        #[automatically_derived]
        impl<'env, __K: ::orm_core::private::Cardinality> ::orm_core::private::Accessors<'env, #ident, __K>
            for #accessors<'env, __K>
        {
            #[inline]
            fn wrap(handle: ::orm_core::private::Handle<'env, #ident, __K>) -> Self {
                Self(handle)
            }
            #[inline]
            fn handle(&self) -> &::orm_core::private::Handle<'env, #ident, __K> {
                &self.0
            }
            fn handle_mut(&mut self) -> &mut ::orm_core::private::Handle<'env, #ident, __K> {
                &mut self.0
            }
        }

        impl<'env, __K: ::orm_core::private::Cardinality> #accessors<'env, __K> {
            #(#methods)*
            #(#setters)*
            #(#creators)*
        }
    }
}

fn method(model: &Model, field: &Field) -> TokenStream {
    let (ident, vis, name) = (&model.ident, &model.vis, &field.ident);
    let constant = names::constant(&field.ident);
    let docs = docs(field, &format!("The `{}` of the records", field.name));
    let output = output(model, field);
    quote! {
        #docs
        #[inline]
        #[track_caller]
        #vis fn #name(&self) -> #output {
            self.0.read(#ident::#constant)
        }
    }
}

fn setter(model: &Model, field: &Field, is_stub: bool) -> TokenStream {
    let (ident, vis) = (&model.ident, &model.vis);
    let name = format_ident!("set_{}", field.name, span = field.ident.span());
    let constant = names::constant(&field.ident);
    let docs = format!("Sets the `{}` of the records", field.name);
    if field.is_inverted() {
        let values::Taken { generics, argument, mut value, .. } = values::taken(model, field);
        let is_link = matches!(field.shape, Shape::ComputedLink { .. });
        if is_link {
            value = quote!(#value?);
        }
        let call = match (field.inverse(), &field.attrs.related) {
            (Some(inverse), _) if !is_stub => {
                let at = span_of(inverse);
                quote_spanned!(at=> #inverse(record, ::orm_core::private::IntoOwned::into_owned(value)))
            }
            (None, Some(related)) if !is_stub => through(&related.value.0, is_link),
            _ => quote!(loop {}),
        };
        return quote! {
            #[doc = #docs]
            #[track_caller]
            #vis fn #name #generics(&self, value: #argument) -> ::orm_core::private::Result<()> {
                self.0.invert(#value, |record, value| #call)
            }
        };
    }
    let values::Taken { generics, argument, mut value, bounds } = values::taken(model, field);
    let mut write = quote!(write);
    if let Shape::Link { .. } | Shape::OneToOne(_) = field.shape {
        value = quote!(#value?);
    }
    if field.is_one_to_one() {
        write = quote!(write_one);
    }
    quote! {
        #[doc = #docs]
        #[track_caller]
        #vis fn #name #generics(&self, value: #argument) -> ::orm_core::private::Result<()> #bounds {
            self.0.#write(#ident::#constant, #value)
        }
    }
}

/// Sets the field that the links of a related field lead to.
fn through(steps: &[Ident], is_link: bool) -> TokenStream {
    let Some((last, links)) = steps.split_last() else { return quote!(loop {}) };
    let set = format_ident!("set_{}", last.unraw(), span = last.span());
    let at = span_of(last);
    let through = if is_link { quote!(through_link) } else { quote!(through) };
    quote_spanned! {at=>
        ::orm_core::private::#through(
            record #(.#links())*,
            ::core::stringify!(#last),
            value,
            |record| record.#last(),
            |records, value| records.#set(value),
        )
    }
}

/// The method that creates the one record whose link points back
fn creator(model: &Model, field: &Field) -> Option<TokenStream> {
    let Shape::OneToOne(target) = &field.shape else { return None };
    let (ident, vis, at) = (&model.ident, &model.vis, field.span());
    let name = format_ident!("create_{}", field.name, span = field.ident.span());
    let constant = names::constant(&field.ident);
    let docs = format!("Creates the `{}` of the record", field.name);
    let values = quote_spanned!(at=> <#target as ::orm_core::private::Model>::Values);
    let created = quote_spanned!(at=> ::orm_core::private::Record<'env, #target>);
    Some(quote! {
        #[doc = #docs]
        #[track_caller]
        #vis fn #name(&self, values: #values) -> ::orm_core::private::Result<#created> {
            self.0.create_one(#ident::#constant, values)
        }
    })
}

/// What reading a field gives
fn output(model: &Model, field: &Field) -> TokenStream {
    if field.is_key {
        let ident = &model.ident;
        return quote!(__K::Out<<#ident as ::orm_core::private::Entity>::Key>);
    }
    let at = field.span();
    match &field.shape {
        Shape::Value { value, nullable: false } | Shape::Computed { value, nullable: false } => {
            let value = cached(value);
            quote!(__K::Out<#value>)
        }
        Shape::Value { value, nullable: true } | Shape::Computed { value, nullable: true } => {
            let value = cached(value);
            quote!(__K::OutNullable<#value>)
        }
        Shape::Link { target, nullable: false } | Shape::ComputedLink { target, nullable: false } => {
            quote_spanned!(at=> ::orm_core::private::Records<'env, #target, __K::Link>)
        }
        Shape::Link { target, nullable: true }
        | Shape::ComputedLink { target, nullable: true }
        | Shape::OneToOne(target) => {
            quote_spanned!(at=> ::orm_core::private::Records<'env, #target, __K::LinkNullable>)
        }
        Shape::OneToMany(target) | Shape::ManyToMany(target) => {
            quote_spanned!(at=> ::orm_core::private::ToMany<'env, #target>)
        }
        Shape::Unsupported(_) => quote!(()),
    }
}
