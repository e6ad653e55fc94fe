//! What a field's type says, read from its tokens: a macro sees no types.

use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type, TypePath};

/// What a field's type makes of it
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Value {
        value: Value,
        nullable: bool,
    },
    Link {
        target: Type,
        nullable: bool,
    },
    OneToMany(Type),
    /// The other side of a unique to-one link
    OneToOne(Type),
    ManyToMany(Type),
    /// `Computed<T>`
    Computed {
        value: Value,
        nullable: bool,
    },
    /// `Computed<Id<…>>`
    ComputedLink {
        target: Type,
        nullable: bool,
    },
    /// Nothing that a field can be: the type at fault, which may be the inner one of an `Option`
    Unsupported(Type),
}

/// How a column's value is kept in the cache
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `String`
    Text,
    /// `Vec<u8>` or `Bytes`
    Blob,
    /// As it is
    Plain(Box<Type>),
}

impl Shape {
    /// The model that a link leads to
    pub(crate) fn target(&self) -> Option<&Type> {
        match self {
            Self::Link { target, .. }
            | Self::ComputedLink { target, .. }
            | Self::OneToMany(target)
            | Self::OneToOne(target)
            | Self::ManyToMany(target) => Some(target),
            _ => None,
        }
    }

    pub(crate) fn of(ty: &Type) -> Self {
        let ty = bare(ty);
        match generic(ty, "Option") {
            Some(inner) => match Self::of_one(inner) {
                Self::Value { value, nullable: false } => Self::Value { value, nullable: true },
                Self::Link { target, nullable: false } => Self::Link { target, nullable: true },
                // `Option<Option<…>>`, and options of to-many links: the whole is at fault.
                Self::Unsupported(inner) if generic(&inner, "Option").is_none() => Self::Unsupported(inner),
                _ => Self::Unsupported(ty.clone()),
            },
            None => Self::of_one(ty),
        }
    }

    fn of_one(ty: &Type) -> Self {
        let ty = bare(ty);
        let Type::Path(path) = ty else {
            let plain = Self::Value { value: Value::Plain(Box::new(ty.clone())), nullable: false };
            return if is_of_postgres(ty) { plain } else { Self::Unsupported(ty.clone()) };
        };
        let name = path.path.segments.last().map(|segment| segment.ident.to_string());
        let parameter = parameter(path).map(bare);
        let value = match (name.as_deref(), parameter) {
            (Some("Id"), Some(target)) => return Self::Link { target: target.clone(), nullable: false },
            (Some("OneToMany"), Some(target)) => return Self::OneToMany(target.clone()),
            (Some("OneToOne"), Some(target)) => return Self::OneToOne(target.clone()),
            (Some("ManyToMany"), Some(target)) => return Self::ManyToMany(target.clone()),
            (Some("Computed"), Some(inner)) => {
                return match Self::of(inner) {
                    Self::Value { value, nullable } => Self::Computed { value, nullable },
                    Self::Link { target, nullable } => Self::ComputedLink { target, nullable },
                    _ => Self::Unsupported(ty.clone()),
                };
            }
            (Some("OneToMany" | "OneToOne" | "ManyToMany" | "Computed"), None) => {
                return Self::Unsupported(ty.clone());
            }
            (Some("Option"), Some(_)) => return Self::Unsupported(ty.clone()),
            (Some("String"), None) => Value::Text,
            (Some("Vec"), Some(item)) if is_u8(item) => Value::Blob,
            (Some("Bytes"), None) => Value::Blob,
            _ => Value::Plain(Box::new(ty.clone())),
        };
        Self::Value { value, nullable: false }
    }
}

/// The type without the parentheses, and the invisible ones that a `macro_rules!` puts around a `$ty:ty`
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// `T` of `…::name<T>`
pub(crate) fn generic<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    match ty {
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name) => {
            parameter(path)
        }
        _ => None,
    }
}

fn parameter(path: &TypePath) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

/// Whether a type that is no path is one that a column of PostgreSQL can have: a range, or the address of a network card
fn is_of_postgres(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) if tuple.elems.len() == 2 => {
            tuple.elems.iter().all(|bound| generic(bare(bound), "Bound").is_some())
        }
        Type::Array(array) if is_u8(bare(&array.elem)) => {
            matches!(array.len.to_token_stream().to_string().as_str(), "6" | "8")
        }
        _ => false,
    }
}

fn is_u8(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("u8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn plain(ty: Type, nullable: bool) -> Shape {
        Shape::Value { value: Value::Plain(Box::new(ty)), nullable }
    }

    #[test]
    fn the_last_segment_says_what_a_type_is() {
        let text = |nullable| Shape::Value { value: Value::Text, nullable };
        let blob = |nullable| Shape::Value { value: Value::Blob, nullable };
        let link = |nullable| Shape::Link { target: parse_quote!(a::B), nullable };
        let computed_link = |nullable| Shape::ComputedLink { target: parse_quote!(a::B), nullable };
        for (ty, shape) in [
            (parse_quote!(String), text(false)),
            (parse_quote!(::std::string::String), text(false)),
            (parse_quote!(::core::option::Option<std::string::String>), text(true)),
            (parse_quote!(Vec<u8>), blob(false)),
            (parse_quote!(Option<(std::vec::Vec<u8>)>), blob(true)),
            (parse_quote!(Vec<i32>), plain(parse_quote!(Vec<i32>), false)),
            (parse_quote!(Option<Vec<String>>), plain(parse_quote!(Vec<String>), true)),
            (
                parse_quote!((Bound<i32>, std::ops::Bound<i32>)),
                plain(parse_quote!((Bound<i32>, std::ops::Bound<i32>)), false),
            ),
            (parse_quote!(Option<[u8; 6]>), plain(parse_quote!([u8; 6]), true)),
            (parse_quote!([u8; 3]), Shape::Unsupported(parse_quote!([u8; 3]))),
            (parse_quote!((i32, i32)), Shape::Unsupported(parse_quote!((i32, i32)))),
            (parse_quote!(Id<a::B>), link(false)),
            (parse_quote!(Option<orm_core::Id<a::B>>), link(true)),
            (parse_quote!(OneToMany<a::B>), Shape::OneToMany(parse_quote!(a::B))),
            (parse_quote!(OneToOne<a::B>), Shape::OneToOne(parse_quote!(a::B))),
            (parse_quote!(orm_core::ManyToMany<a::B>), Shape::ManyToMany(parse_quote!(a::B))),
            (
                parse_quote!(Computed<i32>),
                Shape::Computed { value: Value::Plain(Box::new(parse_quote!(i32))), nullable: false },
            ),
            (parse_quote!(Computed<Option<String>>), Shape::Computed { value: Value::Text, nullable: true }),
            (parse_quote!(Computed<Id<a::B>>), computed_link(false)),
            (parse_quote!(Computed<Option<Id<a::B>>>), computed_link(true)),
            (parse_quote!(Computed<OneToMany<B>>), Shape::Unsupported(parse_quote!(Computed<OneToMany<B>>))),
            // A user's own type may be called so.
            (parse_quote!(my::Id), plain(parse_quote!(my::Id), false)),
            (parse_quote!(Option<Option<i32>>), Shape::Unsupported(parse_quote!(Option<Option<i32>>))),
            (parse_quote!(Option<OneToMany<B>>), Shape::Unsupported(parse_quote!(Option<OneToMany<B>>))),
            (parse_quote!(Option<OneToOne<B>>), Shape::Unsupported(parse_quote!(Option<OneToOne<B>>))),
            (parse_quote!(Option<&'static str>), Shape::Unsupported(parse_quote!(&'static str))),
            (parse_quote!(OneToMany), Shape::Unsupported(parse_quote!(OneToMany))),
        ] {
            let ty: Type = ty;
            assert_eq!(Shape::of(&ty), shape);
        }
    }
}
