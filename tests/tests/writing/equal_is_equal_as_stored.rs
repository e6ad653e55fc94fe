//! What a type of the user's own calls equal is not taken for the same: what is bound decides.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Double, Text};
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::File;
use orm_tests::{TestDb, test_db};

diesel::table! { entries { id -> Integer, word -> Text, second -> Nullable<Text>, size -> Double } }

/// Text of which upper and lower case do not count
#[derive(Debug, Clone, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
struct Word(String);

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl<DB: Backend> FromSql<Text, DB> for Word
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, DB>>::from_sql(value).map(Self)
    }
}

impl<DB: Backend> ToSql<Text, DB> for Word
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <String as ToSql<Text, DB>>::to_sql(&self.0, out)
    }
}

/// A number of which whatever is smaller than one does not count
#[derive(Debug, Clone, Copy, FromSqlRow, AsExpression)]
#[diesel(sql_type = Double)]
struct Size(f64);

impl PartialEq for Size {
    fn eq(&self, other: &Self) -> bool {
        self.0.floor() == other.0.floor()
    }
}

impl<DB: Backend> FromSql<Double, DB> for Size
where
    f64: FromSql<Double, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        <f64 as FromSql<Double, DB>>::from_sql(value).map(Self)
    }
}

impl<DB: Backend> ToSql<Double, DB> for Size
where
    f64: ToSql<Double, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <f64 as ToSql<Double, DB>>::to_sql(&self.0, out)
    }
}

#[derive(Model, Debug)]
#[model(table = entries)]
struct Entry {
    id: i32,
    word: Word,
    second: Option<Word>,
    size: Size,
}

const ENTRIES: &str = "
    CREATE TABLE entries (id INTEGER PRIMARY KEY, word TEXT NOT NULL, second TEXT, size DOUBLE NOT NULL);
    INSERT INTO entries VALUES (1, 'a', 'b', 1), (2, 'a', NULL, 1), (3, 'c', 'd', 2);
";

/// The rows as SQL shows them
fn rows(db: &TestDb) -> Result<Vec<(String, Option<String>, f64)>> {
    use diesel::prelude::*;
    db.flush()?;
    let rows = entries::table.select((entries::word, entries::second, entries::size)).order(entries::id);
    db.with_connection(|connection| Ok(rows.load(connection)?))
}

fn word(text: &str) -> Word {
    Word(text.to_owned())
}

fn row(word: &str, second: Option<&str>, size: f64) -> (String, Option<String>, f64) {
    (word.to_owned(), second.map(str::to_owned), size)
}

#[test]
fn what_differs_in_what_is_bound_is_written() -> Result<()> {
    let db = test_db!(File::new(ENTRIES), strict());
    db.all::<Entry>()?;
    let first = db.record::<Entry>(1);
    first.set_word(word("A"))?;
    first.set_second(Some(word("B")))?;
    first.set_size(Size(1.5))?;
    let written = rows(&db)?;
    assert_eq!(written[0], row("A", Some("B"), 1.5));
    assert_eq!((first.word()?.0.as_str(), first.size()?.0), ("A", 1.5));
    Ok(())
}

#[test]
fn what_is_bound_alike_is_not_sent_again() -> Result<()> {
    let db = test_db!(File::new(ENTRIES), strict());
    let entries = db.all::<Entry>()?;
    // A field and the one row that has another value
    db.assert_keys(&[2, 2], || {
        entries.set_size(Size(1.0))?;
        entries.set_word(word("a"))
    })?;
    Ok(())
}

#[test]
fn rows_of_one_flush_get_each_its_own() -> Result<()> {
    let db = test_db!(File::new(ENTRIES), strict());
    let entries = db.all::<Entry>()?;
    let words = ["Q", "q", "Q"];
    db.transaction(|| {
        entries.iter().zip(words).try_for_each(|(entry, text)| {
            entry.set_word(word(text))?;
            entry.set_second(Some(word(text)))?;
            entry.set_size(Size(if text == "Q" { 7.25 } else { 7.75 }))
        })
    })?;
    let written = rows(&db)?;
    let expected = [row("Q", Some("Q"), 7.25), row("q", Some("q"), 7.75), row("Q", Some("Q"), 7.25)];
    assert_eq!(written, expected);
    Ok(())
}
