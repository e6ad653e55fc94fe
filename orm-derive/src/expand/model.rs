//! `impl Entity`, `impl Model`: names, types, and what is known of each field.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::clauses::clauses;
use super::columns::{codec, opened};
use super::{Names, cached, key};
use crate::model::{Field, Model, span_of};
use crate::names;
use crate::shape::Shape;

pub(super) fn expand(model: &Model, names: &Names, snapshot: &TokenStream, is_stub: bool) -> TokenStream {
    let Names { columns, links, accessors, values } = names;
    let (ident, table) = (&model.ident, &model.table);
    let name = ident.unraw().to_string();
    let key = Key::of(model);
    let (ty, codec, key_column, key_name) = (key.ty, key.codec, key.column, key.name);
    let key_columns = key.columns;
    let whole_key = (!is_stub).then_some(key.is_whole);
    let view_of = (!model.view_of.is_empty()).then(|| {
        let tables = model.view_of.iter().map(|table| {
            let at = span_of(table);
            quote_spanned!(at=> ::orm_core::private::table_name::<_, ::orm_core::private::BackendOf<__Connection>>(__system, &#table::table))
        });
        quote! {
            fn view_of(__system: &::orm_core::private::System) -> ::orm_core::private::Vec<::orm_core::private::String> {
                ::orm_core::private::vec![#(#tables),*]
            }
        }
    });
    let opened = opened(model, names);
    let infos = model
        .others()
        .map(|field| info(model, field, is_stub))
        .chain(model.has_presence().then(|| presence(model)));
    let infos = infos.chain(model.version.as_ref().map(|version| hidden_version(model, &version.value)));
    let version = match model.version() {
        Some(version) => quote!(::core::option::Option::Some(#version)),
        None => quote!(::core::option::Option::None),
    };
    let (versioned, versioned_by) = versioned(model, &ty, is_stub);
    let unchecked = model.unchecked.is_some().then(|| {
        quote!(
            const UNCHECKED: bool = true;
        )
    });
    let validator = model.validate.as_ref().filter(|_| !is_stub).map(|function| {
        let at = span_of(function);
        let call = quote_spanned!(at=> ::orm_core::private::validate::<#ident, _>(env, slots, from, |record| #function(record)));
        quote! {
            const VALIDATOR: ::core::option::Option<&'static (dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync)> =
                ::core::option::Option::Some(&::orm_core::private::Validator::<__Connection>(|env, slots, from| #call));
        }
    });
    let scope = model.scope.as_ref().filter(|_| !is_stub).map(|scope| {
        let checked =
            quote_spanned!(span_of(scope)=> ::orm_core::private::scope::<#ident, #table::table, _>(#scope));
        quote! {
            const SCOPE: ::core::option::Option<::orm_core::private::Filter<__Connection>> =
                ::core::option::Option::Some(|| #checked);
        }
    });
    let idents = model.fields.iter().map(|field| &field.ident);
    let is_ordered = !model.fields.iter().any(|field| names::OF_ORDER.contains(&field.name.as_str()));
    let ordered = is_ordered.then(|| {
        quote! {
            #[automatically_derived]
            impl ::orm_core::private::Ordered for #ident {}
        }
    });
    quote! {
        #[automatically_derived]
        impl ::orm_core::private::Entity for #ident {
            type Connection = __Connection;
            type Key = #ty;
            type KeyCodec = #codec;
            type Table = #table::table;
            type KeyColumn = #key_column;
            const NAME: &'static str = #name;
            const KEY_FIELD: &'static str = #key_name;
            const KEY_COLUMNS: &'static [&'static str] = &[#(#key_columns),*];
            const FIELDS: &'static [::orm_core::private::FieldInfo<__Connection>] = &[#(#infos),*];
            const VERSION: ::core::option::Option<usize> = #version;
            #unchecked
            #scope
            #validator
            fn number() -> &'static ::orm_core::private::ModelNumber {
                static NUMBER: ::orm_core::private::ModelNumber = ::orm_core::private::ModelNumber::new();
                &NUMBER
            }
            #versioned_by
            #view_of
        }

        #versioned

        #[automatically_derived]
        impl ::orm_core::private::Model for #ident {
            type Columns<'env> = #columns<'env>;
            type Links<'env> = #links<'env>;
            type Accessors<'env, __K: ::orm_core::private::Cardinality> = #accessors<'env, __K>;
            type Values = #values;
            fn columns<'env>(store: ::orm_core::private::Store<'env, __Connection>) -> #columns<'env> {
                #opened
            }
            fn snapshot(record: &::orm_core::private::Record<'_, Self>) -> ::orm_core::private::Result<Self> {
                #snapshot
            }
            fn touch(&self) {
                let _ = (#(&self.#idents,)*);
            }
        }

        #ordered

        #[automatically_derived]
        impl ::orm_core::private::IntoKey<#ident> for ::orm_core::private::Id<#ident> {
            fn into_key(self) -> <#ident as ::orm_core::private::Entity>::Key {
                ::orm_core::private::Id::into_key(self)
            }
        }

        #[automatically_derived]
        impl ::orm_core::private::IntoKey<#ident> for &::orm_core::private::Id<#ident> {
            fn into_key(self) -> <#ident as ::orm_core::private::Entity>::Key {
                ::core::clone::Clone::clone(self.key())
            }
        }

        #whole_key
    }
}

/// That the model counts the writes of its rows, for the other models of the table; and for one that does not, which does
fn versioned(model: &Model, key: &TokenStream, is_stub: bool) -> (Option<TokenStream>, Option<TokenStream>) {
    let (ident, table) = (&model.ident, &model.table);
    if is_stub {
        return (None, None);
    }
    if model.version().is_some() {
        let says = quote! {
            #[automatically_derived]
            impl ::orm_core::private::VersionedBy<__Connection, #ident> for #table::table {}
        };
        return (Some(says), None);
    }
    // The error, if there are several, is at the struct's name.
    let asked = quote_spanned!(ident.span()=> (&&::orm_core::private::VersionOf::<#table::table, __Connection, #key>::NEW).model());
    let asks = quote! {
        fn versioned_by() -> ::orm_core::private::OtherModel<__Connection> {
            #asked
        }
    };
    (None, Some(asks))
}

struct Key {
    ty: TokenStream,
    codec: TokenStream,
    /// diesel's column, or the tuple of them
    column: TokenStream,
    name: String,
    /// The names of the columns
    columns: Vec<TokenStream>,
    /// The proof that it is not a part of diesel's key
    is_whole: TokenStream,
}

impl Key {
    fn of(model: &Model) -> Self {
        let table = &model.table;
        let first = model.key().or_else(|| model.parts().first().copied());
        let at = first.map_or_else(Span::call_site, |key| span_of(&key.ident));
        let primary_key =
            quote_spanned!(at=> <#table::table as ::orm_core::private::diesel::Table>::PrimaryKey);
        let name_of = |column: &TokenStream| quote!(::orm_core::private::column_name::<#column>());
        let parts = model.parts();
        if !parts.is_empty() {
            return Self::of_several(model, &parts, &primary_key, at);
        }
        let (ty, type_at, column, name) = match model.key() {
            Some(field) => {
                let column = field.column();
                (key(field), field.span(), quote!(#table::#column), field.name.clone())
            }
            // Only in a stub, whose table may have any key, and where one error is enough
            None => {
                let ty = quote!(::core::primitive::i32);
                let codec =
                    quote!(::orm_core::private::KeyOf<#ty, ::orm_core::private::diesel::sql_types::Integer>);
                let (column, name) = (primary_key, String::new());
                return Self { ty, codec, column, name, columns: Vec::new(), is_whole: TokenStream::new() };
            }
        };
        let codec = quote_spanned!(type_at=> ::orm_core::private::KeyOf<#ty, ::orm_core::private::SqlTypeOf<#column>>);
        let is_whole = quote_spanned!(at=> const _: () = ::orm_core::private::one_column::<#primary_key>(););
        let columns = vec![name_of(&column)];
        Self { ty, codec, column, name, columns, is_whole }
    }

    fn of_several(model: &Model, parts: &[&Field], primary_key: &TokenStream, at: Span) -> Self {
        let table = &model.table;
        let columns = parts.iter().map(|field| {
            let column = field.column();
            quote!(#table::#column)
        });
        let columns: Vec<_> = columns.collect();
        let types = parts.iter().map(|field| match &field.shape {
            Shape::Link { target, .. } => quote!(<#target as ::orm_core::private::Entity>::Key),
            _ => key(field),
        });
        let codecs = parts.iter().zip(&columns).map(|(field, column)| {
            let (at, ty) = (field.span(), key(field));
            match &field.shape {
                Shape::Link { target, .. } => {
                    quote_spanned!(at=> <#target as ::orm_core::private::Entity>::KeyCodec)
                }
                _ => quote_spanned!(at=> ::orm_core::private::KeyOf<#ty, ::orm_core::private::SqlTypeOf<#column>>),
            }
        });
        let names: Vec<&str> = parts.iter().map(|field| &*field.name).collect();
        let key = quote!((#(#columns),*));
        Self {
            ty: quote!((#(#types),*)),
            codec: quote!(::orm_core::private::KeyOfSeveral<(#(#codecs),*)>),
            name: names.join(", "),
            columns: columns
                .iter()
                .map(|column| quote!(::orm_core::private::column_name::<#column>()))
                .collect(),
            is_whole: quote_spanned!(at=> const _: () = ::orm_core::private::several_columns::<#primary_key, #key>();),
            column: key,
        }
    }
}

/// What a model has in the place of a column that comes with a search
fn presence(model: &Model) -> TokenStream {
    let Key { name, columns, .. } = Key::of(model);
    quote! {
        ::orm_core::private::FieldInfo {
            name: #name,
            columns: &[#(#columns),*],
            prefetch: ::orm_core::private::Prefetch::Always,
            cells: ::orm_core::private::cells::<::orm_core::private::Presence>,
            decode: ::core::option::Option::Some(&::orm_core::private::Presence),
            encode: ::core::option::Option::None,
            is_nullable: false,
            is_made: false,
            link: ::core::option::Option::None,
            stamp: ::core::option::Option::None,
            stored: ::core::option::Option::None,
            depends_on: ::core::option::Option::None,
        }
    }
}

/// The version that no field of the struct holds
fn hidden_version(model: &Model, column: &Ident) -> TokenStream {
    let (table, name) = (&model.table, column.unraw().to_string());
    let at = span_of(column);
    let sql_type = quote_spanned!(at=> ::orm_core::private::SqlTypeOf<#table::#column>);
    let number = quote_spanned!(at=> <#sql_type as ::orm_core::private::VersionType>::Number);
    let codec = quote_spanned!(at=> ::orm_core::private::Scalar<#number, #sql_type>);
    let cells = quote_spanned!(at=> ::orm_core::private::cells::<#codec>);
    let decode = quote_spanned!(at=> ::core::option::Option::Some(&<#codec>::DECODE));
    let encode = quote_spanned!(at=> <::orm_core::private::EncodeOf<__Connection, #codec>>::ENCODE);
    quote! {
        ::orm_core::private::FieldInfo {
            name: #name,
            columns: &[::orm_core::private::column_name::<#table::#column>()],
            prefetch: ::orm_core::private::Prefetch::Always,
            cells: #cells,
            decode: #decode,
            encode: #encode,
            is_nullable: false,
            is_made: false,
            link: ::core::option::Option::None,
            stamp: ::core::option::Option::None,
            stored: ::core::option::Option::None,
            depends_on: ::core::option::Option::None,
        }
    }
}

/// The body of `Model::snapshot`
pub(super) fn snapshot(model: &Model) -> TokenStream {
    let members = model.fields.iter().map(|field| member(&model.ident, field));
    let present = model.has_presence().then(|| quote!(::orm_core::private::present(record)?;));
    quote!(#present ::core::result::Result::Ok(Self { #(#members),* }))
}

fn member(model: &syn::Ident, field: &Field) -> TokenStream {
    let (ident, constant) = (&field.ident, names::constant(&field.ident));
    match &field.shape {
        Shape::OneToMany(_) => quote!(#ident: ::orm_core::private::OneToMany::new()),
        Shape::OneToOne(_) => quote!(#ident: ::orm_core::private::OneToOne::new()),
        Shape::ManyToMany(_) => quote!(#ident: ::orm_core::private::ManyToMany::new()),
        Shape::Computed { .. } | Shape::ComputedLink { .. } => {
            quote!(#ident: ::orm_core::private::Computed::new())
        }
        _ => quote!(#ident: ::orm_core::private::owned(record, #model::#constant)?),
    }
}

fn info(model: &Model, field: &Field, is_stub: bool) -> TokenStream {
    let (name, table) = (&field.name, &model.table);
    let (decode, encode) = (decode(model, field), encode(model, field));
    let (columns, prefetch) = match (&field.shape, &field.attrs) {
        _ if !field.is_column() => (quote!(), quote!(Never)),
        (_, attrs) => {
            let prefetch = match (&attrs.deferred, &attrs.group) {
                (Some(_), _) => quote!(Deferred),
                (None, Some(group)) => {
                    let group = &group.value;
                    quote!(Group(#group))
                }
                (None, None) => quote!(Always),
            };
            let columns = field.columns().into_iter();
            let names = columns.map(|column| quote!(::orm_core::private::column_name::<#table::#column>()));
            (quote!(#(#names),*), prefetch)
        }
    };
    let (codec, link) = (codec(model, field), link(model, field, is_stub));
    let stamp = stamp(model, field, is_stub);
    let depends_on = depends_on(field, is_stub);
    let is_made = field.attrs.read_only.is_some() || field.attrs.refresh.is_some();
    let stored = stored(model, field, is_stub);
    let is_nullable = match &field.shape {
        Shape::Value { nullable, .. } | Shape::Link { nullable, .. } => *nullable,
        Shape::Computed { nullable, .. } | Shape::ComputedLink { nullable, .. } => {
            *nullable && field.is_stored()
        }
        _ => false,
    };
    quote! {
        ::orm_core::private::FieldInfo {
            name: #name,
            columns: &[#columns],
            prefetch: ::orm_core::private::Prefetch::#prefetch,
            cells: ::orm_core::private::cells::<#codec>,
            decode: #decode,
            encode: #encode,
            is_nullable: #is_nullable,
            is_made: #is_made,
            link: #link,
            stamp: #stamp,
            stored: #stored,
            depends_on: #depends_on,
        }
    }
}

/// How a column is computed whose values follow from others
fn stored(model: &Model, field: &Field, is_stub: bool) -> TokenStream {
    if !field.is_stored() || is_stub {
        return quote!(::core::option::Option::None);
    }
    let (ident, constant) = (&model.ident, names::constant(&field.ident));
    let paths = field.depends().map(|path| {
        let steps = path.0.iter().map(|step| step.unraw().to_string());
        quote!(&[#(#steps),*])
    });
    quote! {
        ::core::option::Option::Some(::orm_core::private::StoredField {
            depends: &[#(#paths),*],
            compute: &::orm_core::private::Recompute::<__Connection>(|env, slots| {
                ::orm_core::private::recompute(env, slots, #ident::#constant)
            }),
        })
    }
}

/// The fields that are all that the searches of a computed field's function depend on
fn depends_on(field: &Field, is_stub: bool) -> TokenStream {
    let Some(given) = field.attrs.depends_on.as_ref().filter(|_| !is_stub) else {
        return quote!(::core::option::Option::None);
    };
    let named = given.value.iter().map(|path| {
        let at = span_of(path);
        quote_spanned!(at=> ::orm_core::private::depended_on::<__Connection, _>(#path))
    });
    quote!(::core::option::Option::Some(|| ::orm_core::private::vec![#(#named),*]))
}

/// How a time is put into a field that says when the row was written
fn stamp(model: &Model, field: &Field, is_stub: bool) -> TokenStream {
    let (Some(given), Shape::Value { value, .. }, false) = (field.stamp(), &field.shape, is_stub) else {
        return quote!(::core::option::Option::None);
    };
    let (codec, is_updated) = (codec(model, field), field.attrs.updated_at.is_some());
    let (made, at) = match &given.value {
        Some(function) => {
            let at = span_of(function);
            (quote_spanned!(at=> #function(__now)), at)
        }
        None => {
            let (ty, at) = (cached(value), field.span());
            (quote_spanned!(at=> <#ty as ::orm_core::private::OfClock>::of_clock(__now)), at)
        }
    };
    let value = quote_spanned!(at=> ::orm_core::private::stamp::<#codec, _>(#made));
    quote! {
        ::core::option::Option::Some(::orm_core::private::Timestamp {
            is_updated: #is_updated,
            value: |__now| #value,
        })
    }
}

/// How the values of a column are read
fn decode(model: &Model, field: &Field) -> TokenStream {
    match &field.shape {
        _ if field.is_column() => {
            let codec = codec(model, field);
            // One error and not two, where diesel cannot read a column.
            quote_spanned!(field.span()=> ::core::option::Option::Some(&<#codec>::DECODE))
        }
        _ => quote!(::core::option::Option::None),
    }
}

/// How the values of a column are written
fn encode(model: &Model, field: &Field) -> TokenStream {
    match &field.shape {
        _ if field.is_column() => {
            let codec = codec(model, field);
            quote_spanned!(field.span()=> <::orm_core::private::EncodeOf<__Connection, #codec>>::ENCODE)
        }
        _ => quote!(::core::option::Option::None),
    }
}

/// Where a link leads to
fn link(model: &Model, field: &Field, is_stub: bool) -> TokenStream {
    let Some(target) = field.shape.target() else { return quote!(::core::option::Option::None) };
    let clauses = clauses(target, field);
    let ident = &model.ident;
    let mut checked = TokenStream::new();
    let kind = match (&field.shape, field.inverse(), field.through()) {
        (Shape::Link { nullable, .. } | Shape::ComputedLink { nullable, .. }, ..) if field.is_column() => {
            let (table, columns, at) = (&model.table, field.columns(), field.span());
            let types = columns
                .iter()
                .map(|column| quote_spanned!(at=> ::orm_core::private::SqlTypeOf<#table::#column>));
            let check = match columns.len() {
                1 => quote_spanned!(at=> ::orm_core::private::holds_key::<#target, #(#types)*, #nullable>()),
                _ => {
                    quote_spanned!(at=> ::orm_core::private::holds_keys::<#target, (#(#types),*), #nullable>())
                }
            };
            checked = quote!(#check;);
            quote!(ToOne)
        }
        (Shape::OneToMany(_) | Shape::OneToOne(_), Some(inverse), _) => {
            let at = span_of(inverse);
            let position = quote_spanned!(at=> ::orm_core::private::inverse::<#ident, #target, _>(#inverse));
            let is_one = field.is_one_to_one();
            quote!(Inverse { field: || #position, clauses: #clauses, is_one: #is_one })
        }
        (Shape::ManyToMany(_), _, Some((own, other))) => {
            let (first, last) = (&own[0], &other[0]);
            let at = span_of(last);
            let table = quote_spanned!(at=> ::orm_core::private::join_table::<#target, #first, #last>);
            let is_symmetric = field.attrs.symmetric.is_some();
            if is_symmetric {
                let at = span_of(target);
                checked = quote_spanned!(at=> ::orm_core::private::symmetric::<#ident, #target>(););
            }
            let is_key = match (own.len(), other.len()) {
                (1, 1) => quote_spanned!(at=> ::orm_core::private::is_key::<#first, #last>),
                _ => quote!(|| false),
            };
            quote! {
                Through {
                    table: #table,
                    is_key: #is_key,
                    own: &[#(::orm_core::private::column_name::<#own>()),*],
                    other: &[#(::orm_core::private::column_name::<#other>()),*],
                    is_symmetric: #is_symmetric,
                    clauses: #clauses,
                }
            }
        }
        (Shape::ComputedLink { .. }, ..) if !is_stub => {
            let constant = names::constant(&field.ident);
            quote! {
                Computed {
                    by: &::orm_core::private::ComputedBy::<__Connection>(|env, origin, place, is_ahead| {
                        ::orm_core::private::compute_links(env, origin, place, is_ahead, #ident::#constant)
                    }),
                }
            }
        }
        // Only in a stub.
        _ => return quote!(::core::option::Option::None),
    };
    let at = span_of(target);
    let target = quote_spanned!(at=> ::orm_core::private::any::<#target>());
    quote! {
        ::core::option::Option::Some(::orm_core::private::LinkInfo {
            target: #target,
            kind: {
                #checked
                ::orm_core::private::LinkKind::#kind
            },
        })
    }
}
