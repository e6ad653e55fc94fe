//! Whether a column may hold another value than it was given: one that it rounds, cuts, pads or converts.

use std::any::{Any, TypeId};

use bytes::Bytes;
use diesel::sql_types::{Binary, Double, Float, Nullable, Numeric, Text};

use crate::Str;
use crate::backend::System;
use crate::store::Link;

/// Whether it may hold something else than a value of which diesel's type says no more; `bound` is how the value is told of as it is bound
pub(super) fn may_be<V, ST>(system: &System, value: &V, bound: impl FnOnce() -> Option<String>) -> bool
where
    V: PartialEq + 'static,
    ST: 'static,
{
    if is_odd(value) || (system.has_affinity && is_of::<ST, Numeric>()) {
        return true;
    }
    if let Some(texts) = texts(value) {
        return texts.into_iter().any(|text| is_text_altered(system, text));
    }
    if let Some(bits) = bits(value) {
        return system.rounds_reals && bits.is_some_and(|bits| f64::from_bits(bits).fract() != 0.0);
    }
    if is_exact::<V>() {
        return false;
    }
    // A type of the application's own
    if is_of::<ST, Text>() && (system.cuts_spaces || system.has_affinity) {
        return bound().is_none_or(|bound| is_bound_altered(system, &bound));
    }
    if is_of::<ST, Double>() || is_of::<ST, Float>() {
        return system.rounds_reals
            || (system.has_affinity && bound().is_none_or(|bound| is_negative_zero(&bound)));
    }
    is_of::<ST, Binary>() && system.pads_bytes
}

/// The same of a key
pub(super) fn may_be_key<K, ST>(system: &System, key: &K, bound: impl FnOnce() -> Option<String>) -> bool
where
    K: PartialEq + 'static,
    ST: 'static,
{
    let any = key as &dyn Any;
    let bytes = any.downcast_ref::<Bytes>().map(|bytes| &bytes[..]);
    match bytes.or_else(|| any.downcast_ref::<Vec<u8>>().map(Vec::as_slice)) {
        Some(bytes) => are_bytes(system, Some(bytes)),
        None => may_be::<K, ST>(system, key, bound),
    }
}

/// The longest that `BINARY(n)` can be, which is filled up with zeros
const LONGEST_PADDED: usize = 255;

/// The same of bytes
pub(super) fn are_bytes(system: &System, bytes: Option<&[u8]>) -> bool {
    system.pads_bytes && bytes.is_some_and(|bytes| bytes.len() < LONGEST_PADDED)
}

/// The same of text: `CHAR(n)` does not keep spaces at the end apart from those that it is filled up with, and `VARCHAR(n)` cuts those off
/// that are too many; SQLite makes a number of what looks like one, where the column is not declared as text
pub(crate) fn is_text_altered(system: &System, text: &str) -> bool {
    (system.cuts_spaces && text.ends_with(' ')) || (system.has_affinity && is_other_number(text))
}

/// Whether a text is a number, and the number's own text is another one: 007, 1.50, 12345678901234567890
fn is_other_number(text: &str) -> bool {
    let number = text.trim();
    let may_be = number.bytes().all(|letter| letter.is_ascii_digit() || b"+-.eE".contains(&letter));
    let is_kept = || number.parse::<i64>().is_ok_and(|whole| whole.to_string() == text);
    may_be && number.parse::<f64>().is_ok() && !is_kept()
}

/// The same of text in a type of the application's own, by how diesel tells of it as it is bound: as text, or as bytes (an
/// `AnyConnection` tells of all as MySQL does)
fn is_bound_altered(system: &System, bound: &str) -> bool {
    if let Some((text, _)) = bound.split_once("String(\"").and_then(|(_, rest)| rest.rsplit_once("\")")) {
        return is_text_altered(system, text);
    }
    let Some((bytes, _)) = bound.split_once("Some([").and_then(|(_, rest)| rest.split_once("])")) else {
        return false;
    };
    let bytes: Option<Vec<u8>> = bytes.split(", ").map(|byte| byte.parse().ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).is_some_and(|text| is_text_altered(system, &text))
}

/// Whether a number in a type of the application's own is a zero with a sign, by how it is told of in the same way
fn is_negative_zero(bound: &str) -> bool {
    ["-0.0", "([0, 0, 0, 0, 0, 0, 0, 128])", "([0, 0, 0, 128])"].iter().any(|zero| bound.contains(zero))
}

/// The text that a value is or holds; decided when it is compiled for all but text
fn texts<V: 'static>(value: &V) -> Option<Vec<&str>> {
    let value = value as &dyn Any;
    if let Some(text) = value.downcast_ref::<Str>() {
        return Some(vec![text]);
    }
    if let Some(text) = value.downcast_ref::<Option<Str>>() {
        return Some(text.as_deref().into_iter().collect());
    }
    let all = value.downcast_ref::<Vec<String>>();
    if let Some(all) = all.or_else(|| value.downcast_ref::<Option<Vec<String>>>()?.as_ref()) {
        return Some(all.iter().map(String::as_str).collect());
    }
    let some = value.downcast_ref::<Vec<Option<String>>>();
    let some = some.or_else(|| value.downcast_ref::<Option<Vec<Option<String>>>>()?.as_ref())?;
    Some(some.iter().flatten().map(String::as_str).collect())
}

/// What a database makes of it has to be read: SQLite makes NULL of a NaN, and 0.0 of -0.0.
#[allow(clippy::eq_op)]
fn is_odd<V: PartialEq + 'static>(value: &V) -> bool {
    value != value || bits(value) == Some(Some((-0.0_f64).to_bits()))
}

/// Whether an SQL type is another one, NULL or not. Decided when it is compiled
fn is_of<
    ST: 'static,
    T: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull> + 'static,
>() -> bool {
    let id = TypeId::of::<ST>();
    id == TypeId::of::<T>() || id == TypeId::of::<Nullable<T>>()
}

/// Whether equal values of a type are the same, wherever they are stored. Decided when it is compiled
pub(super) fn is_exact<V: 'static>() -> bool {
    fn is<T: 'static>(id: TypeId) -> bool {
        id == TypeId::of::<T>() || id == TypeId::of::<Option<T>>()
    }
    let id = TypeId::of::<V>();
    let is_number = is::<i32>(id) || is::<i64>(id) || is::<i16>(id) || is::<u64>(id) || is::<u32>(id);
    is_number || is::<Str>(id) || is::<Bytes>(id) || is::<bool>(id) || id == TypeId::of::<Link>()
}

/// The bits of a floating-point number, or of `None`; nothing of all else. Decided when it is compiled
pub(super) fn bits<V: 'static>(value: &V) -> Option<Option<u64>> {
    let value = value as &dyn Any;
    let single = |value: &f32| f64::from(*value).to_bits();
    let double = value.downcast_ref::<f64>().map(|value| Some(value.to_bits()));
    double
        .or_else(|| Some(value.downcast_ref::<Option<f64>>()?.map(f64::to_bits)))
        .or_else(|| Some(Some(single(value.downcast_ref()?))))
        .or_else(|| Some(value.downcast_ref::<Option<f32>>()?.as_ref().map(single)))
}

#[cfg(test)]
mod tests {
    use super::is_other_number;

    #[test]
    fn a_text_is_another_number_where_its_number_is_written_otherwise() {
        for other in ["007", "+7", " 7", "7 ", "1.0", "1e2", ".5", "-0", "12345678901234567890"] {
            assert!(is_other_number(other), "{other}");
        }
        for kept in [
            "7",
            "-7",
            "0",
            "",
            "abc",
            "inf",
            "nan",
            "7a",
            "1.2.3",
            "e",
            "0x10",
            "2020-01-01",
            "9223372036854775807",
        ] {
            assert!(!is_other_number(kept), "{kept}");
        }
    }
}
