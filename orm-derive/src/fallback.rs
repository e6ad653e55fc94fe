//! What is written when there are errors: those, and as much of the model as is sound, so that no use of it gives a
//! second error.

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields};

use crate::expand;
use crate::model::{Field, Model, TableIs};
use crate::names;
use crate::shape::{Shape, Value};

pub(crate) fn expand(input: &DeriveInput, model: Model, error: &syn::Error) -> TokenStream {
    let mut tokens = error.to_compile_error();
    let named = matches!(&input.data, Data::Struct(data) if matches!(data.fields, Fields::Named(_)));
    let table_is_known = match model.table_is {
        TableIs::Named => true,
        // Of what is no struct with columns, there may well be no such table.
        TableIs::Inferred => named,
        TableIs::Odd | TableIs::Unknown => false,
    };
    if table_is_known && input.generics.params.is_empty() {
        tokens.extend(expand::stub(&sound(model)));
    }
    tokens
}

/// The model without the fields that nothing can be written for
fn sound(mut model: Model) -> Model {
    let mut keys = model.fields.iter_mut().filter(|field| field.is_key);
    if let Some(key) = keys.next() {
        mend_key(key);
    }
    keys.for_each(|second| second.is_key = false);
    let is_sound = |field: &Field| match field.shape {
        Shape::Value { nullable, .. } | Shape::Link { nullable, .. } => !nullable,
        _ => false,
    };
    let parts = model.parts().len();
    if !(2..=4).contains(&parts) || !model.parts().into_iter().all(is_sound) {
        // One of them will do.
        let mut first = true;
        for field in model.fields.iter_mut() {
            if field.part.take().is_none() {
                continue;
            }
            field.is_key =
                std::mem::take(&mut first) && matches!(field.shape, Shape::Value { nullable: false, .. });
        }
    }
    let is_setter = |field: &Field| {
        let of = |prefix: &str, is_it: fn(&Field) -> bool| {
            let other = field.name.strip_prefix(prefix);
            other.is_some_and(|other| model.fields.iter().any(|field| field.name == other && is_it(field)))
        };
        of("set_", Field::has_setter) || of("create_", Field::is_one_to_one)
    };
    let setters: Vec<_> = model.fields.iter().map(is_setter).collect();
    let mut setters = setters.into_iter();
    model.fields.retain(|_| setters.next() == Some(false));
    let mut seen = Vec::new();
    model.fields.retain(|field| {
        let constant = names::constant(&field.ident);
        let fine = !matches!(field.shape, Shape::Unsupported(_)) && !seen.contains(&constant);
        seen.push(constant);
        fine
    });
    model
}

/// `Option<K>` was meant as `K`; a link can be no key at all.
fn mend_key(field: &mut Field) {
    match &mut field.shape {
        Shape::Value { value, nullable: nullable @ true } => {
            *nullable = false;
            if let Value::Plain(ty) = value {
                field.ty = (**ty).clone();
            }
        }
        Shape::Value { .. } => {}
        _ => field.is_key = false,
    }
}
