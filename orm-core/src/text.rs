//! `Str`, the text that the cache hands out.

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use diesel::backend::Backend;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use diesel::deserialize::FromSql;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use smol_str::SmolStr;

/// An immutable string whose clone is O(1)
///
/// Up to 23 bytes lie in the value itself, longer text is shared. It derefs to `str`, compares and hashes as
/// `str`, and can be used in diesel queries and `load`s like a `String`.
///
/// ```
/// use orm_core::Str;
/// let name = Str::from("Azure Interior");
/// assert_eq!(name, "Azure Interior");
/// assert!(name.starts_with("Azure"));
/// let owned: String = name.into();
/// # assert_eq!(owned.len(), 14);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Str(SmolStr);

impl Str {
    /// The text
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Bytes on the heap, if it lies there; shared text counts in full for each holder.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> Option<usize> {
        // Two counters lie in front of shared text.
        self.0.is_heap_allocated().then(|| self.0.len() + 2 * size_of::<usize>())
    }
}

impl Deref for Str {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<Cow<'_, str>> for Str {
    fn from(text: Cow<'_, str>) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<char> for Str {
    fn from(c: char) -> Self {
        Self::from(c.encode_utf8(&mut [0; 4]) as &str)
    }
}

impl From<&Self> for Str {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<Box<str>> for Str {
    fn from(text: Box<str>) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<Arc<str>> for Str {
    fn from(text: Arc<str>) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<Str> for Arc<str> {
    fn from(text: Str) -> Self {
        text.0.into()
    }
}

impl From<Str> for Cow<'_, str> {
    fn from(text: Str) -> Self {
        Self::Owned(text.into())
    }
}

impl<'a> From<&'a Str> for Cow<'a, str> {
    fn from(text: &'a Str) -> Self {
        Self::Borrowed(text)
    }
}

impl FromStr for Str {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl FromIterator<char> for Str {
    fn from_iter<I: IntoIterator<Item = char>>(letters: I) -> Self {
        Self(letters.into_iter().collect())
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

macro_rules! compares_with {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Str {
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == AsRef::<str>::as_ref(other)
            }
        }
        impl PartialEq<Str> for $other {
            fn eq(&self, other: &Str) -> bool {
                AsRef::<str>::as_ref(self) == other.as_str()
            }
        }
        impl PartialOrd<$other> for Str {
            fn partial_cmp(&self, other: &$other) -> Option<std::cmp::Ordering> {
                Some(self.as_str().cmp(AsRef::<str>::as_ref(other)))
            }
        }
    )*};
}
compares_with!(str, &str, String, Cow<'_, str>);

impl<DB: Backend> ToSql<Text, DB> for Str
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <str as ToSql<Text, DB>>::to_sql(self.as_str(), out)
    }
}

/// Text is written wherever diesel writes a `str`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! written_as_str {
    ($($sql:ident for $db:ty),*) => {$(
        impl ToSql<diesel::sql_types::$sql, $db> for Str {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, $db>) -> serialize::Result {
                <str as ToSql<diesel::sql_types::$sql, $db>>::to_sql(self.as_str(), out)
            }
        }
    )*};
}
#[cfg(feature = "sqlite")]
written_as_str!(
    Date for diesel::sqlite::Sqlite, Time for diesel::sqlite::Sqlite,
    Timestamp for diesel::sqlite::Sqlite, TimestamptzSqlite for diesel::sqlite::Sqlite
);
#[cfg(feature = "postgres")]
written_as_str!(Citext for diesel::pg::Pg);

// Text is read where diesel reads a `String`, without making one first.

#[cfg(feature = "sqlite")]
impl<ST> FromSql<ST, diesel::sqlite::Sqlite> for Str
where
    String: FromSql<ST, diesel::sqlite::Sqlite>,
{
    #[inline]
    fn from_sql(mut value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        let text = value.read_text();
        // diesel puts U+FFFD where bytes are no text: then, and only then, the bytes are looked at.
        let doubtful = !text.is_ascii() && text.contains('\u{FFFD}');
        let text = Self::from(text);
        if doubtful {
            std::str::from_utf8(value.read_blob())?;
        }
        Ok(text)
    }
}

#[cfg(feature = "postgres")]
impl<ST> FromSql<ST, diesel::pg::Pg> for Str
where
    String: FromSql<ST, diesel::pg::Pg>,
{
    /// The spaces that a `CHAR(n)` is filled up with are no part of its value, says SQL: it is not as long, and no condition finds it with them.
    #[inline]
    fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
        const CHAR: u32 = 1042;
        let text = std::str::from_utf8(value.as_bytes())?;
        Ok(Self::from(if value.get_oid().get() == CHAR { text.trim_end_matches(' ') } else { text }))
    }
}

#[cfg(feature = "mysql")]
impl<ST> FromSql<ST, diesel::mysql::Mysql> for Str
where
    String: FromSql<ST, diesel::mysql::Mysql>,
{
    #[inline]
    fn from_sql(value: diesel::mysql::MysqlValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self::from(std::str::from_utf8(value.as_bytes())?))
    }
}
