//! The values to create and write records with: a struct with one member and one method per field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Names, cached, docs, key};
use crate::model::{Field, Model};
use crate::shape::{Shape, Value};

pub(super) fn expand(model: &Model, names: &Names, is_stub: bool) -> TokenStream {
    let (ident, vis, values) = (&model.ident, &model.vis, &names.values);
    let fields = || model.fields.iter().filter(|field| field.is_given());
    let members = fields().map(|field| {
        let (ident, stored) = (&field.ident, stored(field));
        quote!(#ident: ::core::option::Option<#stored>,)
    });
    let key = model.key().map(|field| (model.count(), &field.ident));
    let others = model.others().enumerate().filter(|(_, field)| field.is_given());
    let (indices, idents): (Vec<_>, Vec<_>) =
        others.map(|(index, field)| (index, &field.ident)).chain(key).unzip();
    let given_key = match model.key() {
        Some(key) => {
            let ident = &key.ident;
            quote!(::core::clone::Clone::clone(&self.#ident))
        }
        // Only in a stub.
        None if model.parts().is_empty() => quote!(::core::option::Option::None),
        None => {
            let parts = model.parts();
            let parts = parts.iter().map(|field| {
                let ident = &field.ident;
                match &field.shape {
                    Shape::Link { .. } => quote!(::core::clone::Clone::clone(self.#ident.as_ref()?.key())),
                    _ => quote!(::core::clone::Clone::clone(self.#ident.as_ref()?)),
                }
            });
            quote!(::core::option::Option::Some((#(#parts),*)))
        }
    };
    let methods = model.others().enumerate().filter(|(_, field)| field.is_given());
    let methods = methods.map(|(index, field)| method(model, Some(index), field));
    let methods = methods.chain(model.key().map(|key| method(model, None, key)));
    let links: Vec<_> = links(model).map(|(index, field)| (index, &field.ident)).collect();
    let link = (!links.is_empty()).then(|| {
        let (indices, idents): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        quote! {
            fn link(&mut self, field: usize, id: &dyn ::core::any::Any) {
                match field {
                    #(#indices => ::orm_core::private::set_link(&mut self.#idents, id),)*
                    _ => {}
                }
            }
        }
    });
    let common = common(model, names);
    // One error and not two, where the struct has some.
    let from = (!is_stub).then(|| from_model(model, names));
    quote! {
        #[derive(::core::clone::Clone, ::core::default::Default)]
        #vis struct #values {
            #(#members)*
            __beside: ::orm_core::private::Beside,
        }

        #[automatically_derived]
        impl ::orm_core::private::ValueSet for #values {
            type Model = #ident;
            fn given(&self, field: usize) -> ::core::option::Option<&dyn ::core::any::Any> {
                match field {
                    #(#indices => ::orm_core::private::given(&self.#idents),)*
                    _ => ::core::option::Option::None,
                }
            }
            fn key(&self) -> ::core::option::Option<<#ident as ::orm_core::private::Entity>::Key> {
                #given_key
            }
            fn beside(&self) -> &::orm_core::private::Beside {
                &self.__beside
            }
            fn beside_mut(&mut self) -> &mut ::orm_core::private::Beside {
                &mut self.__beside
            }
            #link
        }

        impl #values {
            #(#methods)*
        }

        #common

        #from

        impl #ident {
            /// The values to create or write records with: none yet
            #vis fn values() -> #values {
                ::core::default::Default::default()
            }
        }
    }
}

/// `Debug`, which shows what is given, and `PartialEq`; each if all the fields' types have it
fn common(model: &Model, names: &Names) -> TokenStream {
    let values = &names.values;
    let fields = || model.fields.iter().filter(|field| field.is_given());
    let idents = fields().map(|field| &field.ident);
    let shown = fields().map(|field| {
        let (ident, text) = (&field.ident, &field.name);
        let draft = links(model).find(|(_, link)| link.ident == *ident);
        let missing = match draft {
            Some((index, _)) => quote!(self.__beside.draft(#index)),
            None => quote!(::core::option::Option::None),
        };
        quote! {
            (#text, match &self.#ident {
                ::core::option::Option::Some(value) => ::core::option::Option::Some(value as &dyn ::core::fmt::Debug),
                ::core::option::Option::None => #missing,
            })
        }
    });
    let name = values.to_string();
    // With a lifetime of their own the bounds are looked at where they are: a type that lacks the trait is no error.
    let bounds = |bound: TokenStream| {
        let plain =
            fields().filter(|field| matches!(field.shape, Shape::Value { value: Value::Plain(_), .. }));
        let types = plain.map(|field| {
            let ty = stored(field);
            quote!(for<'__value> #ty: #bound)
        });
        quote!(where #(#types),*)
    };
    let (debug, equal) = (bounds(quote!(::core::fmt::Debug)), bounds(quote!(::core::cmp::PartialEq)));
    quote! {
        #[automatically_derived]
        impl ::core::fmt::Debug for #values #debug {
            #[inline]
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::orm_core::private::debug_values(f, #name, &[
                    #(#shown),*
                ])
            }
        }

        #[automatically_derived]
        impl ::core::cmp::PartialEq for #values #equal {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.__beside == other.__beside #(&& self.#idents == other.#idents)*
            }
        }
    }
}

/// The values of a struct of the user's own: all that can be given, a column of several fields once
fn from_model(model: &Model, names: &Names) -> TokenStream {
    let (ident, values) = (&model.ident, &names.values);
    let is_key = |field: &&Field| field.is_key || field.part.is_some();
    let (key, others): (Vec<_>, Vec<_>) =
        model.fields.iter().filter(|field| field.is_given()).partition(is_key);
    let mut columns = Vec::new();
    let mut members = Vec::new();
    for field in key.into_iter().chain(others) {
        let own = field.columns();
        if own.iter().any(|column| columns.contains(column)) {
            continue;
        }
        columns.extend(own);
        let (member, stored) = (&field.ident, stored(field));
        let by_reference = match &field.shape {
            Shape::Value { value: Value::Text | Value::Blob, nullable: true } => quote!(&),
            _ => TokenStream::new(),
        };
        members.push(quote! {
            #member: ::core::option::Option::Some(
                <_ as ::orm_core::private::IntoValue<#stored>>::into_value(#by_reference model.#member),
            ),
        });
    }
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<#ident> for #values {
            #[inline]
            fn from(model: #ident) -> Self {
                Self { #(#members)* ..::core::default::Default::default() }
            }
        }
    }
}

/// The links that can be given, each with its place in `FIELDS`
fn links(model: &Model) -> impl Iterator<Item = (usize, &Field)> {
    let is_link = |field: &Field| field.is_given() && matches!(field.shape, Shape::Link { .. });
    model.others().enumerate().filter(move |(_, field)| is_link(field))
}

/// The method that gives a field its value; `index` is its place in `FIELDS`, where the key has none
fn method(model: &Model, index: Option<usize>, field: &Field) -> TokenStream {
    let (vis, ident) = (&model.vis, &field.ident);
    let docs = docs(field, &format!("With this `{}`", field.name));
    if let (Shape::Link { .. }, Some(index)) = (&field.shape, index) {
        let argument = {
            let (at, stored) = (field.span(), stored(field));
            quote_spanned!(at=> impl ::orm_core::private::IntoNewLink<#stored, __Via>)
        };
        // Another record's link may have to be read for it: what goes wrong is told by what the values are given to.
        return quote! {
            #docs
            #[must_use]
            #[track_caller]
            #vis fn #ident<__Via>(mut self, value: #argument) -> Self {
                let link = ::orm_core::private::IntoNewLink::into_new_link(value);
                ::orm_core::private::take(&mut self.#ident, &mut self.__beside, #index, link);
                self
            }
        };
    }
    let Taken { generics, argument, value, bounds } = taken(model, field);
    let take = quote!(self.#ident = ::core::option::Option::Some(#value));
    quote! {
        #docs
        #[must_use]
        #vis fn #ident #generics(mut self, value: #argument) -> Self #bounds {
            #take;
            self
        }
    }
}

/// How a method takes a value of a field
pub(super) struct Taken {
    pub(super) generics: TokenStream,
    pub(super) argument: TokenStream,
    pub(super) value: TokenStream,
    pub(super) bounds: TokenStream,
}

pub(super) fn taken(model: &Model, field: &Field) -> Taken {
    let (at, stored) = (field.span(), stored(field));
    if field.is_key {
        let model = &model.ident;
        let argument = quote_spanned!(at=> impl ::orm_core::private::IntoKey<#model>);
        let value = quote!(::orm_core::private::IntoKey::into_key(value));
        return Taken { generics: TokenStream::new(), argument, value, bounds: TokenStream::new() };
    }
    if let Shape::Link { .. } | Shape::ComputedLink { .. } | Shape::OneToOne(_) = field.shape {
        return Taken {
            generics: quote!(<__Via>),
            argument: quote_spanned!(at=> impl ::orm_core::private::IntoLink<#stored, __Via>),
            value: quote!(::orm_core::private::IntoLink::into_link(value)),
            bounds: TokenStream::new(),
        };
    }
    let bounds = match &field.shape {
        // A type that diesel can only read has a setter that cannot be called: with a lifetime of its own the bound is
        // looked at where it is.
        Shape::Value { value: Value::Plain(_), .. } => {
            let (table, column) = (&model.table, field.column());
            quote! {
                where
                    for<'__value> #stored: ::orm_core::private::Writable<
                        ::orm_core::private::SqlTypeOf<#table::#column>,
                        ::orm_core::private::BackendOf<__Connection>,
                    >
            }
        }
        _ => TokenStream::new(),
    };
    Taken {
        generics: TokenStream::new(),
        argument: quote_spanned!(at=> impl ::orm_core::private::IntoValue<#stored>),
        value: quote!(::orm_core::private::IntoValue::into_value(value)),
        bounds,
    }
}

/// A value's type in the set
pub(super) fn stored(field: &Field) -> TokenStream {
    if field.is_key {
        return key(field);
    }
    let at = field.span();
    let (inner, nullable) = match &field.shape {
        Shape::Value { value, nullable } | Shape::Computed { value, nullable } => (cached(value), *nullable),
        Shape::Link { target, nullable } | Shape::ComputedLink { target, nullable } => {
            (quote_spanned!(at=> ::orm_core::private::Id<#target>), *nullable)
        }
        Shape::OneToOne(target) => (quote_spanned!(at=> ::orm_core::private::Id<#target>), true),
        _ => (quote!(()), false),
    };
    if nullable { quote_spanned!(at=> ::core::option::Option<#inner>) } else { inner }
}
