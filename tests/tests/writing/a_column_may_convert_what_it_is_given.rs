//! A column may hold another value than it was given: SQLite makes numbers of text, MySQL fills bytes up and rounds floating-point numbers
//! that are declared so, PostgreSQL and MySQL cut spaces off. Then it is read again, also in types of the application's own.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Double, Text};
use orm_core::prelude::*;
use orm_core::{Environment, Result};
use orm_tests::TestDb;

diesel::table! { parts { id -> Integer, word -> Text, code -> Nullable<Text>, size -> Double, own -> Double, bytes -> Binary } }

#[derive(Debug, Clone, PartialEq, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
struct Code(String);

impl<DB: Backend> FromSql<Text, DB> for Code
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, DB>>::from_sql(value).map(Self)
    }
}

impl<DB: Backend> ToSql<Text, DB> for Code
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <String as ToSql<Text, DB>>::to_sql(&self.0, out)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, FromSqlRow, AsExpression)]
#[diesel(sql_type = Double)]
struct Size(f64);

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

#[derive(Model)]
struct Part {
    id: i32,
    word: String,
    code: Option<Code>,
    size: f64,
    own: Size,
    bytes: Vec<u8>,
}

const COLUMNS: &str = if cfg!(feature = "sqlite") {
    "word STRING NOT NULL, code NUMERIC, size REAL NOT NULL, own REAL NOT NULL, bytes BLOB NOT NULL"
} else if cfg!(feature = "postgres") {
    "word VARCHAR(3) NOT NULL, code VARCHAR(3), size DOUBLE NOT NULL, own DOUBLE NOT NULL, bytes BYTEA NOT NULL"
} else {
    "word VARCHAR(3) NOT NULL, code CHAR(3), size DOUBLE(8, 2) NOT NULL, own DOUBLE(8, 2) NOT NULL, bytes BINARY(4) NOT NULL"
};

fn shown(env: &Environment) -> Result<String> {
    let part = env.record::<Part>(1);
    let (size, own) = (part.size()?, part.own()?);
    Ok(format!("{:?} {:?} {size:?} {own:?} {:?}", part.word()?, part.code()?, part.bytes()?))
}

#[test]
fn what_is_shown_is_what_the_row_holds() -> Result<()> {
    let db = TestDb::new(&format!("CREATE TABLE parts (id INTEGER PRIMARY KEY, {COLUMNS})"));
    let stored = || shown(&Environment::builder().connection(db.file.connect()).build());
    let part = Part::values()
        .id(1)
        .word("7  ")
        .code(Code("07 ".to_owned()))
        .size(1.239)
        .own(Size(-0.0))
        .bytes(vec![1]);
    let part = db.create(part)?;
    assert_eq!(shown(&db)?, stored()?);
    for (word, code, size, own, bytes) in [
        ("007", "b ", 2.345, 3.999, vec![]),
        ("1e2", "1.0", -0.0, 2.0, vec![4, 0]),
        ("ab    ", "+5", 7.0, -0.0, vec![1, 2, 3, 4]),
    ] {
        db.transaction(|| {
            part.set_word(word)?;
            part.set_code(Code(code.to_owned()))?;
            part.set_size(size)?;
            part.set_own(Size(own))?;
            part.set_bytes(bytes)
        })?;
        assert_eq!(shown(&db)?, stored()?, "{word:?}");
    }
    let written = if cfg!(feature = "sqlite") {
        r#""ab    " Some(Code("5")) 7.0 Size(0.0) b"\x01\x02\x03\x04""#
    } else if cfg!(feature = "postgres") {
        r#""ab " Some(Code("+5")) 7.0 Size(-0.0) b"\x01\x02\x03\x04""#
    } else {
        r#""ab " Some(Code("+5")) 7.0 Size(0.0) b"\x01\x02\x03\x04""#
    };
    assert_eq!(shown(&db)?, written);
    Ok(())
}

#[test]
fn what_no_column_converts_stays_cached() -> Result<()> {
    let db = TestDb::new(&format!("CREATE TABLE parts (id INTEGER PRIMARY KEY, {COLUMNS})"));
    let bytes = vec![1; if cfg!(feature = "mysql") { 4 } else { 1 }];
    let part =
        Part::values().id(1).word("7").code(Code("a".to_owned())).size(2.0).own(Size(2.0)).bytes(bytes);
    let part = db.create(part)?;
    db.assert_queries(0, || (part.word(), part.size(), part.code().map(drop)).2)?;
    db.transaction(|| part.set_word("-12").and(part.set_size(3.0)))?;
    db.assert_queries(0, || part.word().and(part.size()))?;
    Ok(())
}

#[cfg(feature = "postgres")]
mod lists {
    use std::ops::Bound::{Excluded, Included};

    use super::*;

    diesel::table! {
        use diesel::sql_types::*;
        plans { id -> Integer, words -> Array<Text>, spans -> Nullable<Multirange<Integer>> }
    }

    #[derive(Model)]
    struct Plan {
        id: i32,
        words: Vec<String>,
        spans: Option<Vec<(std::ops::Bound<i32>, std::ops::Bound<i32>)>>,
    }

    #[test]
    fn items_are_cut_and_ranges_are_put_together() -> Result<()> {
        let db = TestDb::new(
            "CREATE TABLE plans (id INTEGER PRIMARY KEY, words VARCHAR(3)[] NOT NULL, spans INT4MULTIRANGE)",
        );
        let spans = vec![(Included(1), Included(3)), (Included(2), Included(9))];
        let plan = db.create(Plan::values().words(vec!["abc   ".to_owned()]).spans(spans))?;
        assert_eq!(plan.words()?, ["abc"]);
        assert_eq!(plan.spans()?, Some(vec![(Included(1), Excluded(10))]));
        db.transaction(|| plan.set_words(vec!["x".to_owned(), "a      ".to_owned()]))?;
        assert_eq!(plan.words()?, ["x", "a  "]);
        Ok(())
    }
}
