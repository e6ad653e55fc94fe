//! Primary keys: what can be one, and how one is named.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::Hash;

use crate::Str;

/// The numbers of a key, the first one first
pub(crate) type SortKey = [i64; 3];

/// A type that can be a primary key: `i16`, `i32`, `i64`, unsigned on MySQL, text, `uuid::Uuid`, or what else diesel binds and reads
///
/// Implemented for each type with these traits.
pub trait Key: Clone + Eq + Hash + fmt::Debug + Send + 'static {
    /// The key as text, for messages
    #[doc(hidden)]
    fn text(&self) -> Str {
        match (self as &dyn Any).downcast_ref::<Str>() {
            Some(text) => text.clone(),
            None => Str::from(format!("{self:?}")),
        }
    }

    /// The key as a number, if it is a whole one; decided by type when it is compiled
    #[doc(hidden)]
    #[inline(always)]
    fn number(&self) -> Option<i64> {
        let key = self as &dyn Any;
        if let Some(&key) = key.downcast_ref::<i32>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<i64>() {
            Some(key)
        } else if let Some(&key) = key.downcast_ref::<i16>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<u32>() {
            Some(key.into())
        } else if let Some(&key) = key.downcast_ref::<u64>() {
            key.try_into().ok()
        } else {
            key.downcast_ref::<u16>().map(|&key| key.into())
        }
    }

    /// By what the database puts keys in order, if it is one whole number, or two or three of them; decided by type when it is compiled
    #[doc(hidden)]
    fn sort_key(&self) -> Option<SortKey> {
        let key = self as &dyn Any;
        macro_rules! pairs {
            ($(($a:ty, $b:ty))*) => {
                $(if let Some(&(a, b)) = key.downcast_ref::<($a, $b)>() {
                    return Some([a.into(), b.into(), 0]);
                }
                if let Some(&(a, b, c)) = key.downcast_ref::<($a, $b, i32)>() {
                    return Some([a.into(), b.into(), c.into()]);
                }
                if let Some(&(a, b, c)) = key.downcast_ref::<($a, $b, i64)>() {
                    return Some([a.into(), b.into(), c]);
                })*
            };
        }
        pairs! { (i32, i32) (i32, i64) (i64, i32) (i64, i64) }
        self.number().map(|number| [number, 0, 0])
    }

    /// The key that is a whole number, where keys of this type are
    #[doc(hidden)]
    fn of_number(number: i64) -> Option<Self> {
        fn as_key<N: TryFrom<i64> + 'static, K: 'static>(number: i64) -> Option<K> {
            (&mut N::try_from(number).ok() as &mut dyn Any).downcast_mut::<Option<K>>()?.take()
        }
        as_key::<i32, Self>(number)
            .or_else(|| as_key::<i64, Self>(number))
            .or_else(|| as_key::<i16, Self>(number))
            .or_else(|| as_key::<u32, Self>(number))
            .or_else(|| as_key::<u64, Self>(number))
            .or_else(|| as_key::<u16, Self>(number))
    }

    /// Whether all keys of this type are numbers that [`number`](Self::number) gives
    #[doc(hidden)]
    fn is_number() -> bool {
        let of = TypeId::of::<Self>();
        let signed = [TypeId::of::<i16>(), TypeId::of::<i32>(), TypeId::of::<i64>()];
        signed.contains(&of) || [TypeId::of::<u16>(), TypeId::of::<u32>()].contains(&of)
    }

    /// Writes the key as JSON if it can be one; tells whether it did.
    #[doc(hidden)]
    fn write_json(&self, out: &mut String) -> bool {
        use fmt::Write;
        let key = self as &dyn Any;
        let written = if let Some(n) = self.number() {
            write!(out, "{n}")
        } else if let Some(text) = key.downcast_ref::<Str>() {
            // A NUL would end the text inside SQLite's JSON.
            if text.contains('\0') {
                return false;
            }
            write_json_text(text, out)
        } else {
            return false;
        };
        written.is_ok()
    }

    #[doc(hidden)]
    fn heap_bytes(&self) -> usize {
        (self as &dyn Any).downcast_ref::<Str>().and_then(Str::heap_bytes).unwrap_or(0)
    }
}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + 'static> Key for K {}

fn write_json_text(text: &str, out: &mut String) -> fmt::Result {
    use fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32)?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
