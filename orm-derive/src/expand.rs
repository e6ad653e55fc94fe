//! What the derive writes. Nothing here can fail: `valid` has seen to it.
//!
//! The user's own tokens (types, paths, expressions) stand in a block at the place of the struct, so they mean what
//! they mean there. All other names are absolute, and no trait's method is called: the user's module may have no
//! prelude at all.

mod accessors;
mod clauses;
mod columns;
mod fields;
mod model;
mod values;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;
use syn::ext::IdentExt;

use crate::model::{Field, Model};
use crate::shape::{Shape, Value};

/// The generated types' names
pub(crate) struct Names {
    columns: Ident,
    links: Ident,
    accessors: Ident,
    values: Ident,
}

pub(crate) fn model(model: &Model) -> TokenStream {
    block(model, model::snapshot(model), false)
}

/// What stands in for a model with errors: it has the types of one, and never runs.
pub(crate) fn stub(model: &Model) -> TokenStream {
    block(model, quote!(loop {}), true)
}

fn block(model: &Model, snapshot: TokenStream, is_stub: bool) -> TokenStream {
    let names = Names {
        columns: format_ident!("__{}Columns", model.ident.unraw()),
        links: format_ident!("__{}Links", model.ident.unraw()),
        accessors: format_ident!("{}Accessors", model.ident.unraw()),
        values: format_ident!("{}Values", model.ident.unraw()),
    };
    let connection = connection(model.connection.as_ref());
    let columns = columns::expand(model, &names);
    let fields = fields::expand(model, &names, is_stub);
    let accessors = accessors::expand(model, &names, is_stub);
    let values = values::expand(model, &names, is_stub);
    let model = model::expand(model, &names, &snapshot, is_stub);
    quote! {
        #[allow(
            dead_code,
            deprecated,
            missing_copy_implementations,
            missing_debug_implementations,
            missing_docs,
            non_snake_case,
            non_upper_case_globals,
            private_interfaces,
            trivial_bounds,
            unnameable_types,
            unreachable_pub,
            unused_qualifications,
            unused_variables,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
        )]
        const _: () = {
            #[allow(unused_imports)]
            use ::orm_core::private::{HasNoVersion as _, HasVersion as _, NotFixed as _, ReadOnly as _};
            #connection
            #columns
            #fields
            #accessors
            #values
            #model
        };
    }
}

/// The connection of the model's rows: its own, else what the crate root calls `OrmConnection`, else that of the only backend
///
/// Found by name resolution: what the inner block imports from the crate root goes before what the outer one imports by name.
fn connection(own: Option<&Type>) -> TokenStream {
    if let Some(own) = own {
        return quote!(type __Connection = #own;);
    }
    quote! {
        pub struct __OfCrate;
        #[allow(non_local_definitions, unused_imports)]
        const _: () = {
            use ::orm_core::private::OrmConnection;
            const _: () = {
                use crate::*;
                impl ::orm_core::private::OfCrate for __OfCrate {
                    type Connection = OrmConnection;
                }
            };
        };
        type __Connection = <__OfCrate as ::orm_core::private::OfCrate>::Connection;
    }
}

/// The documentation of a field's constant and accessor: the user's, or something for `missing_docs`
fn docs(field: &Field, otherwise: &str) -> TokenStream {
    match field.docs() {
        [] => quote!(#[doc = #otherwise]),
        docs => quote!(#(#docs)*),
    }
}

/// A value's type as the cache gives it
fn cached(value: &Value) -> TokenStream {
    match value {
        Value::Text => quote!(::orm_core::private::Str),
        Value::Blob => quote!(::orm_core::private::Bytes),
        Value::Plain(ty) => quote!(#ty),
    }
}

/// The primary key's type
fn key(field: &Field) -> TokenStream {
    match &field.shape {
        Shape::Value { value: Value::Text, nullable: false } => quote!(::orm_core::private::Str),
        _ => {
            let ty = &field.ty;
            quote!(#ty)
        }
    }
}
