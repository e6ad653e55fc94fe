//! The constants: one typed key per field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::columns::codec;
use super::{Names, cached, docs, values};
use crate::model::{Field, Model, span_of};
use crate::names;
use crate::shape::Shape;

pub(super) fn expand(model: &Model, names: &Names, is_stub: bool) -> TokenStream {
    let ident = &model.ident;
    let key =
        model.key().map(|field| constant(model, field, names, &quote!(::orm_core::private::KEY), quote!(())));
    let others = model.others().enumerate().map(|(index, field)| {
        let (columns, member, codec) = (&names.columns, &field.ident, codec(model, field));
        let access = quote! {{
            fn access<'a, 'env>(
                columns: &'a #columns<'env>,
                _: ::core::marker::PhantomData<&'env ()>,
            ) -> ::orm_core::private::CellsOf<'env, #codec> {
                columns.#member
            }
            access as ::orm_core::private::AccessTo<#ident, <#codec as ::orm_core::private::Cells>::Cell>
        }};
        let access = match compute(model, field, &codec, is_stub) {
            Some(compute) => quote!((#access, #compute)),
            None => access,
        };
        constant(model, field, names, &quote!(#index), access)
    });
    let paths = (!is_stub)
        .then(|| model.fields.iter().filter(|field| field.is_stored()).map(|field| paths(model, field)));
    let paths = paths.into_iter().flatten();
    quote! {
        impl #ident {
            #key
            #(#others)*
        }
        #(#paths)*
    }
}

/// The proof that the paths lead somewhere by which a stored field says what it follows from: they are read, and never run.
fn paths(model: &Model, field: &Field) -> TokenStream {
    let ident = &model.ident;
    let reads = field.depends().map(|path| {
        let at = path.0.last().map_or_else(|| field.span(), span_of);
        let steps = &path.0;
        quote_spanned!(at=> let _ = records #(.#steps())*;)
    });
    quote! {
        const _: fn(&::orm_core::private::Record<'_, #ident>) = |records| { #(#reads)* };
    }
}

/// How a computed field is computed; nothing for what is not
fn compute(model: &Model, field: &Field, codec: &TokenStream, is_stub: bool) -> Option<TokenStream> {
    if !field.is_computed() {
        return None;
    }
    let attrs = &field.attrs;
    let function = attrs.compute.as_ref().or(attrs.compute_all.as_ref()).filter(|_| !is_stub);
    let related = attrs.related.as_ref().filter(|_| !is_stub);
    let (result, at) = match (function, related) {
        (Some(function), _) => {
            let (path, at) = (&function.value, span_of(&function.value));
            (quote_spanned!(at=> #path(records)), at)
        }
        (None, Some(related)) => {
            let steps = &related.value.0;
            (quote!(records #(.#steps())*), steps.last().map_or_else(|| field.span(), span_of))
        }
        (None, None) => return Some(quote!(::orm_core::private::Compute::Each(|_| loop {}))),
    };
    let ident = &model.ident;
    let is_of_all = attrs.compute_all.is_some();
    let (kind, records) =
        if is_of_all { (quote!(All), quote!(RecordSet)) } else { (quote!(Each), quote!(Record)) };
    let call = if let Shape::ComputedLink { .. } = field.shape {
        let call = if is_of_all { quote!(computed_links) } else { quote!(computed_link) };
        let link = values::stored(field);
        // Links lead to the link itself, which is read here.
        let result = if related.is_some() { quote!(::core::result::Result::Ok(#result)) } else { result };
        quote_spanned!(at=> ::orm_core::private::#call::<#ident, #link, _, _>(records, #result))
    } else {
        let call = if is_of_all { quote!(computed_all) } else { quote!(computed_one) };
        quote_spanned! {at=>
            ::orm_core::private::#call::<<#codec as ::orm_core::private::Cells>::Cell, _>(#result)
        }
    };
    Some(quote! {
        ::orm_core::private::Compute::#kind(|records: &::orm_core::private::#records<'_, #ident>| #call)
    })
}

fn constant(
    model: &Model,
    field: &Field,
    names: &Names,
    index: &TokenStream,
    access: TokenStream,
) -> TokenStream {
    let (ident, vis) = (&model.ident, &model.vis);
    let name = names::constant(&field.ident);
    let docs = docs(field, &format!("The field `{}`", field.name));
    let (value, kind) = value_and_kind(model, field);
    let way = way(model, field, names);
    quote! {
        #docs
        #vis const #name: ::orm_core::private::Field<#ident, #value, ::orm_core::private::#kind> =
            ::orm_core::private::Field::new(#index, #access, #way);
    }
}

/// The way from a group along a link; `()` for what is no link
fn way(model: &Model, field: &Field, names: &Names) -> TokenStream {
    let Some(target) = field.shape.target() else { return quote!(()) };
    let (ident, links, member) = (&model.ident, &names.links, &field.ident);
    quote! {{
        fn way<'a, 'env>(
            links: &'a #links<'env>,
            _: ::core::marker::PhantomData<&'env ()>,
        ) -> &'a ::orm_core::private::Way<'env, #target> {
            &links.#member
        }
        way as ::orm_core::private::WayTo<#ident, #target>
    }}
}

/// The last two parameters of a field's `Field`
fn value_and_kind(model: &Model, field: &Field) -> (TokenStream, TokenStream) {
    if field.is_key {
        let ident = &model.ident;
        return (quote!(<#ident as ::orm_core::private::Entity>::Key), quote!(PrimaryKey));
    }
    let at = field.span();
    match &field.shape {
        Shape::Value { value, nullable: false } => (cached(value), quote!(Required)),
        Shape::Value { value, nullable: true } => {
            let value = cached(value);
            (quote_spanned!(at=> ::core::option::Option<#value>), quote!(Nullable))
        }
        Shape::Link { target, nullable: false } => {
            (quote_spanned!(at=> ::orm_core::private::Id<#target>), quote!(Linked<#target>))
        }
        Shape::Link { target, nullable: true } => (
            quote_spanned!(at=> ::core::option::Option<::orm_core::private::Id<#target>>),
            quote!(LinkedNullable<#target>),
        ),
        Shape::OneToMany(target) => {
            (quote_spanned!(at=> ::orm_core::private::OneToMany<#target>), quote!(LinkedMany<#target>))
        }
        Shape::OneToOne(target) => {
            (quote_spanned!(at=> ::orm_core::private::OneToOne<#target>), quote!(LinkedOne<#target>))
        }
        Shape::ManyToMany(target) => {
            (quote_spanned!(at=> ::orm_core::private::ManyToMany<#target>), quote!(LinkedMany<#target>))
        }
        Shape::Computed { value, nullable } => {
            let kind = if field.is_stored() { quote!(StoredComputed) } else { quote!(ComputedKind) };
            let value = cached(value);
            if *nullable {
                let value = quote_spanned!(at=> ::core::option::Option<#value>);
                (value, quote!(#kind<::orm_core::private::Nullable>))
            } else {
                (value, quote!(#kind<::orm_core::private::Required>))
            }
        }
        Shape::ComputedLink { target, nullable } => {
            let kind = if *nullable { quote!(LinkedNullable) } else { quote!(Linked) };
            let of = if field.is_stored() { quote!(StoredComputed) } else { quote!(ComputedKind) };
            (values::stored(field), quote!(#of<::orm_core::private::#kind<#target>>))
        }
        Shape::Unsupported(_) => (quote!(()), quote!(Required)),
    }
}
