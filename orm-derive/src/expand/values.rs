//! The values to create and write records with: a struct with one member and one method per field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Names, cached, docs, key};
use crate::model::{Field, Model};
use crate::shape::{Shape, Value};

pub(super) fn expand(model: &Model, names: &Names) -> TokenStream {
    let (ident, vis, values) = (&model.ident, &model.vis, &names.values);
    let fields = || model.fields.iter().filter(|field| field.is_given());
    let members = fields().map(|field| {
        let (ident, stored) = (&field.ident, stored(field));
        quote!(#ident: ::core::option::Option<#stored>,)
    });
    let key = model.key().map(|field| (model.others().count(), &field.ident));
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
    let methods = fields().map(|field| method(model, field));
    quote! {
        #[derive(::core::clone::Clone, ::core::default::Default)]
        #vis struct #values {
            #(#members)*
            __fault: ::orm_core::private::Fault,
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
            fn fault(&self) -> &::orm_core::private::Fault {
                &self.__fault
            }
        }

        impl #values {
            #(#methods)*
        }

        impl #ident {
            /// The values to create or write records with: none yet
            #vis fn values() -> #values {
                ::core::default::Default::default()
            }
        }
    }
}

fn method(model: &Model, field: &Field) -> TokenStream {
    let (vis, ident) = (&model.vis, &field.ident);
    let docs = docs(field, &format!("With this `{}`", field.name));
    let Taken { generics, argument, value, bounds } = taken(model, field);
    let take = match &field.shape {
        // Another record's link may have to be read for it: what goes wrong is told by what the values are given to.
        Shape::Link { .. } => {
            quote!(::orm_core::private::take(&mut self.#ident, &mut self.__fault, #value))
        }
        _ => quote!(self.#ident = ::core::option::Option::Some(#value)),
    };
    let tracked = matches!(field.shape, Shape::Link { .. }).then(|| quote!(#[track_caller]));
    quote! {
        #docs
        #[must_use]
        #tracked
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
    if let Shape::Link { .. } = field.shape {
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
fn stored(field: &Field) -> TokenStream {
    if field.is_key {
        return key(field);
    }
    let at = field.span();
    let (inner, nullable) = match &field.shape {
        Shape::Value { value, nullable } => (cached(value), *nullable),
        Shape::Link { target, nullable } => {
            (quote_spanned!(at=> ::orm_core::private::Id<#target>), *nullable)
        }
        _ => (quote!(()), false),
    };
    if nullable { quote_spanned!(at=> ::core::option::Option<#inner>) } else { inner }
}
