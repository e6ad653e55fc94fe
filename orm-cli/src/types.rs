//! The Rust type that diesel reads a column as.

use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type};

/// What a column holds
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) rust: String,
    pub(crate) is_nullable: bool,
}

impl Held {
    /// The type of a field
    pub(crate) fn field(&self) -> String {
        if self.is_nullable { format!("Option<{}>", self.rust) } else { self.rust.clone() }
    }
}

/// What a column of an SQL type holds; `None` for a type that is the application's own
pub(crate) fn held(ty: &Type) -> Option<Held> {
    let (name, argument) = parts(ty)?;
    if name == "Nullable" {
        let inner = held(argument?)?;
        return (!inner.is_nullable).then_some(Held { is_nullable: true, ..inner });
    }
    let rust = match &*name {
        "Array" => format!("Vec<{}>", held(argument?)?.field()),
        "Unsigned" => match &*parts(argument?)?.0 {
            "TinyInt" | "Tinyint" => "u8".to_owned(),
            "SmallInt" | "Smallint" => "u16".to_owned(),
            "Integer" => "u32".to_owned(),
            "BigInt" | "Bigint" => "u64".to_owned(),
            _ => return None,
        },
        _ => plain(&name)?.to_owned(),
    };
    Some(Held { rust, is_nullable: false })
}

/// An SQL type's name, and what stands in its brackets
fn parts(ty: &Type) -> Option<(String, Option<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let argument = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(argument)) => Some(argument),
            _ => None,
        },
        _ => None,
    };
    Some((segment.ident.to_string(), argument))
}

fn plain(name: &str) -> Option<&'static str> {
    Some(match name {
        "Bool" => "bool",
        "TinyInt" | "Tinyint" => "i8",
        "SmallInt" | "Smallint" | "Int2" | "SmallSerial" => "i16",
        "Integer" | "Int4" | "Serial" => "i32",
        "BigInt" | "Bigint" | "Int8" | "BigSerial" => "i64",
        "Float" | "Float4" => "f32",
        "Double" | "Float8" => "f64",
        "Numeric" | "Decimal" => "bigdecimal::BigDecimal",
        "Text" | "VarChar" | "Varchar" | "Char" | "Bpchar" | "Citext" | "Tinytext" | "Mediumtext"
        | "Longtext" => "String",
        "Binary" | "Bytea" | "Blob" | "Tinyblob" | "Mediumblob" | "Longblob" | "Varbinary" => "Vec<u8>",
        "Date" => "chrono::NaiveDate",
        "Time" => "chrono::NaiveTime",
        "Timestamp" | "Datetime" => "chrono::NaiveDateTime",
        "Timestamptz" | "TimestamptzSqlite" => "chrono::DateTime<chrono::Utc>",
        "Interval" => "diesel::pg::data_types::PgInterval",
        "Json" | "Jsonb" => "serde_json::Value",
        "Uuid" => "uuid::Uuid",
        "Inet" | "Cidr" => "ipnet::IpNet",
        "MacAddr" => "[u8; 6]",
        _ => return None,
    })
}

/// An SQL type as it is written
pub(crate) fn written(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}
