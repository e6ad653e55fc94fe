//! What a field's type says, read from its tokens: a macro sees no types.

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
    ManyToMany(Type),
    Computed,
    /// Nothing that a field can be: the type at fault, which may be the inner one of an `Option`
    Unsupported(Type),
}

/// How a column's value is kept in the cache
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `String`
    Text,
    /// `Vec<u8>`
    Blob,
    /// As it is
    Plain(Box<Type>),
}

impl Shape {
    pub(crate) fn of(ty: &Type) -> Self {
        let ty = bare(ty);
        match generic(ty, "Option") {
            Some(inner) => match Self::of_one(inner) {
                Self::Value { value, nullable: false } => Self::Value { value, nullable: true },
                Self::Link { target, nullable: false } => Self::Link { target, nullable: true },
                Self::Computed => Self::Computed,
                // `Option<Option<…>>`, and options of to-many links: the whole is at fault.
                Self::Unsupported(inner) if generic(&inner, "Option").is_none() => Self::Unsupported(inner),
                _ => Self::Unsupported(ty.clone()),
            },
            None => Self::of_one(ty),
        }
    }

    fn of_one(ty: &Type) -> Self {
        let ty = bare(ty);
        let Type::Path(path) = ty else { return Self::Unsupported(ty.clone()) };
        let name = path.path.segments.last().map(|segment| segment.ident.to_string());
        let parameter = parameter(path).map(bare);
        let value = match (name.as_deref(), parameter) {
            (Some("Id"), Some(target)) => return Self::Link { target: target.clone(), nullable: false },
            (Some("OneToMany"), Some(target)) => return Self::OneToMany(target.clone()),
            (Some("ManyToMany"), Some(target)) => return Self::ManyToMany(target.clone()),
            (Some("Computed"), _) => return Self::Computed,
            (Some("OneToMany" | "ManyToMany"), None) => return Self::Unsupported(ty.clone()),
            (Some("Option"), Some(_)) => return Self::Unsupported(ty.clone()),
            (Some("String"), None) => Value::Text,
            (Some("Vec"), Some(item)) if is_u8(item) => Value::Blob,
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

fn is_u8(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("u8"))
}
