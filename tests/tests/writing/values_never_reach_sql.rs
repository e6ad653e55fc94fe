//! E3: keys and values that are written are bound, never written into SQL, whatever they hold, wherever they can stand.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! {
    #[sql_name = "odd` \"things"]
    things (code) {
        code -> Text,
        #[sql_name = "la`bel \"? $1 :x"]
        label -> Text,
        data -> Nullable<Binary>,
        #[sql_name = "parent' --"]
        parent_code -> Nullable<Text>,
    }
}
diesel::table! {
    #[sql_name = "odd`pairs"]
    pairs (a_code, b_code) { #[sql_name = "a`\"code"] a_code -> Text, #[sql_name = "b'code"] b_code -> Text }
}

#[derive(Model)]
#[model(table = things)]
struct Thing {
    #[model(primary_key)]
    code: String,
    label: String,
    data: Option<Vec<u8>>,
    parent_code: Option<Id<Thing>>,
    #[model(inverse = Thing::PARENT_CODE)]
    child_codes: OneToMany<Thing>,
    #[model(through(pairs::a_code, pairs::b_code))]
    friend_codes: ManyToMany<Thing>,
    #[model(through(pairs::b_code, pairs::a_code))]
    friend_of_codes: ManyToMany<Thing>,
}

// PostgreSQL takes no NUL.
const HOSTILE: &[&str] = &[
    "plain",
    "",
    " ",
    "it's",
    "\"quoted\"",
    "`ticks`",
    "'); DROP TABLE things; --",
    "[1,2]",
    "[",
    "]\"",
    "{\"a\": 1}",
    "back\\slash \\u0041 \\n",
    "line\nbreak\r\ttab",
    "\u{1}\u{7f}\u{85}\u{2028}",
    "NULL",
    "null",
    "1",
    "1.0",
    "0x10",
    "1e3",
    "?1 :name $1 %s",
    "Überstraße 東京 🦀 e\u{301}",
    "\u{feff}bom",
    #[cfg(not(feature = "postgres"))]
    "a\0b",
    #[cfg(not(feature = "postgres"))]
    "\0",
];

fn next(i: usize) -> &'static str {
    HOSTILE[(i + 1) % HOSTILE.len()]
}

fn empty() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE \"odd` \"\"things\" (code TEXT PRIMARY KEY NOT NULL, \"la`bel \"\"? $1 :x\" TEXT NOT NULL, data BLOB, \"parent' --\" TEXT);
         CREATE TABLE \"odd`pairs\" (\"a`\"\"code\" TEXT NOT NULL, \"b'code\" TEXT NOT NULL)"
    ))
}

type Row = (String, String, Option<Vec<u8>>, Option<String>);

/// What plain diesel finds, in the order of [`HOSTILE`]
fn rows(db: &TestDb) -> Vec<Row> {
    let mut rows: Vec<Row> = things::table.load(&mut db.file.connect()).expect("the rows");
    rows.sort_by_key(|row| HOSTILE.iter().position(|&code| code == row.0));
    rows
}

fn expected(label: impl Fn(usize) -> String) -> Vec<Row> {
    let row = |(i, &code): (usize, &&str)| {
        (code.to_owned(), label(i), Some(next(i).into()), Some(next(i).to_owned()))
    };
    HOSTILE.iter().enumerate().map(row).collect()
}

fn values(i: usize) -> orm_core::Values<Thing> {
    Thing::values()
        .code(HOSTILE[i])
        .label(next(i))
        .data(next(i).as_bytes().to_vec())
        .parent_code(Id::<Thing>::new(next(i)))
}

fn filled() -> Result<TestDb> {
    let db = empty();
    db.create_many((0..HOSTILE.len()).map(values))?;
    Ok(db)
}

/// No text longer than a word stands in a statement.
fn are_all_bound(db: &TestDb) {
    for statement in db.statements.all() {
        let mut long = HOSTILE.iter().filter(|value| value.len() > 6);
        assert!(long.all(|value| !statement.sql.contains(value)), "{statement:?}");
    }
}

#[test]
fn of_new_records_alone_and_many() -> Result<()> {
    let db = filled()?;
    assert_eq!(rows(&db), expected(|i| next(i).to_owned()));
    let alone = empty();
    for (i, &code) in HOSTILE.iter().enumerate() {
        assert_eq!(alone.create(values(i))?.code()?, code);
    }
    assert_eq!(rows(&alone), rows(&db));
    are_all_bound(&db);
    are_all_bound(&alone);
    Ok(())
}

#[test]
fn of_updates_alone_all_different_and_all_equal() -> Result<()> {
    let db = filled()?;
    for (i, &code) in HOSTILE.iter().enumerate() {
        db.record::<Thing>(code).set_label(format!("<{}>", HOSTILE[i]))?;
    }
    assert_eq!(rows(&db), expected(|i| format!("<{}>", HOSTILE[i])));
    let all = db.browse::<Thing>(HOSTILE.iter().copied());
    db.assert_queries(1, || {
        db.transaction(|| {
            for (i, thing) in all.iter().enumerate() {
                thing.set_label(HOSTILE[i])?;
            }
            Ok(())
        })
    })?;
    assert_eq!(rows(&db), expected(|i| HOSTILE[i].to_owned()));
    for &value in HOSTILE {
        all.write(Thing::values().label(value).data(value.as_bytes().to_vec()))?;
        assert!(
            rows(&db).iter().all(|row| row.1 == value && row.2.as_deref() == Some(value.as_bytes())),
            "{value:?}"
        );
    }
    are_all_bound(&db);
    Ok(())
}

#[test]
fn of_upserts() -> Result<()> {
    let db = filled()?;
    db.upsert_many(
        Thing::CODE,
        (0..HOSTILE.len()).map(|i| Thing::values().code(HOSTILE[i]).label(HOSTILE[i])),
    )?;
    assert_eq!(rows(&db), expected(|i| HOSTILE[i].to_owned()));
    for (i, &code) in HOSTILE.iter().enumerate() {
        db.upsert(Thing::CODE, Thing::values().code(code).label(next(i)))?;
    }
    assert_eq!(rows(&db), expected(|i| next(i).to_owned()));
    are_all_bound(&db);
    Ok(())
}

#[test]
fn of_links_and_pairs() -> Result<()> {
    let db = filled()?;
    let all = db.browse::<Thing>(HOSTILE.iter().copied());
    db.transaction(|| {
        for (i, thing) in all.iter().enumerate() {
            thing.friend_codes().add(&db.record(next(i)))?;
            thing.set_parent_code(Id::<Thing>::new(HOSTILE[i]))?;
        }
        Ok(())
    })?;
    let found: Vec<(String, String)> = pairs::table.load(&mut db.file.connect())?;
    assert_eq!(found.len(), HOSTILE.len());
    assert!(rows(&db).iter().all(|row| row.3.as_ref() == Some(&row.0)));
    db.cache().clear();
    for (i, &code) in HOSTILE.iter().enumerate() {
        let thing = db.record::<Thing>(code);
        assert_eq!(thing.friend_codes().ids()?, [next(i)], "{code:?}");
        assert_eq!(db.record::<Thing>(next(i)).friend_of_codes().ids()?, [code], "{code:?}");
        assert_eq!(thing.child_codes().ids()?, [code], "{code:?}");
    }
    for (i, &code) in HOSTILE.iter().enumerate() {
        db.record::<Thing>(next(i)).friend_of_codes().remove(&db.record(code))?;
        let left: i64 = pairs::table.count().get_result(&mut db.file.connect())?;
        assert_eq!(left as usize, HOSTILE.len() - i - 1, "{code:?}");
    }
    are_all_bound(&db);
    Ok(())
}

#[test]
fn of_deletes_alone_and_many() -> Result<()> {
    let db = filled()?;
    for (i, &code) in HOSTILE.iter().enumerate().filter(|(i, _)| i.is_multiple_of(2)) {
        db.record::<Thing>(code).delete()?;
        assert_eq!(rows(&db).len(), HOSTILE.len() - i / 2 - 1, "{code:?}");
    }
    let left = db.browse::<Thing>(HOSTILE.iter().copied().skip(1).step_by(2));
    left.delete()?;
    assert!(rows(&db).is_empty());
    are_all_bound(&db);
    Ok(())
}

#[test]
fn of_rows_that_are_not_there() -> Result<()> {
    let db = filled()?;
    for code in HOSTILE.iter().map(|code| format!("{code}!")) {
        let missing = db.record::<Thing>(&code);
        assert!(missing.set_label("x").is_err_and(|error| error.is_missing_record()), "{code:?}");
        assert!(missing.delete().is_err_and(|error| error.is_missing_record()), "{code:?}");
    }
    assert_eq!(rows(&db), expected(|i| next(i).to_owned()));
    are_all_bound(&db);
    Ok(())
}
