//! E3: keys and values are bound, never written into SQL, whatever they hold.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, on, test_db};

diesel::table! { things (code) { code -> Text, label -> Text, #[sql_name = "parent` \"code"] parent_code -> Nullable<Text> } }

#[derive(Model)]
#[model(table = things)]
struct Thing {
    #[model(primary_key)]
    code: String,
    label: String,
    parent_code: Option<Id<Thing>>,
}

/// As much as a key takes: of MySQL 3,072 bytes, at four for each letter
const LONG: usize = on!(sqlite 10_000, postgres 10_000, mysql 100);

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
    "?1 :name $1 %s",
    "Überstraße 東京 🦀 e\u{301}",
    "\u{feff}bom",
    #[cfg(not(feature = "postgres"))]
    "a\0b",
    #[cfg(not(feature = "postgres"))]
    "\0",
];

fn things() -> TestDb {
    let file = File::new(
        "CREATE TABLE things (code TEXT PRIMARY KEY NOT NULL, label TEXT NOT NULL, \"parent` \"\"code\" TEXT)",
    );
    let mut connection = file.connect();
    let long = "long ".repeat(LONG);
    for (i, code) in HOSTILE.iter().copied().chain([&*long]).enumerate() {
        let parent = HOSTILE[(i + 1) % HOSTILE.len()];
        diesel::insert_into(things::table)
            .values((
                things::code.eq(code),
                things::label.eq(format!("<{code}>")),
                things::parent_code.eq(parent),
            ))
            .execute(&mut connection)
            .expect("a row");
    }
    test_db!(file)
}

#[test]
fn any_text_is_a_key_alone() -> Result<()> {
    let db = things();
    for &code in HOSTILE {
        let thing = db.record::<Thing>(code);
        assert_eq!(thing.label()?, format!("<{code}>"), "{code:?}");
        assert_eq!(thing.id_text(), code);
    }
    Ok(())
}

trait IdText {
    fn id_text(&self) -> String;
}

impl IdText for Record<'_, Thing> {
    fn id_text(&self) -> String {
        self.code().expect("keys are known").into()
    }
}

#[test]
fn any_text_is_a_key_among_others() -> Result<()> {
    let db = things();
    let set = db.browse::<Thing>(HOSTILE.iter().copied());
    let labels = db.assert_queries(1, || set.label())?;
    assert_eq!(labels, HOSTILE.iter().map(|code| format!("<{code}>")).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn without_the_ones_that_json_cannot_hold() -> Result<()> {
    let db = things();
    let codes: Vec<&str> = HOSTILE.iter().copied().filter(|code| !code.contains('\0')).collect();
    let (labels, statements) = db.watch(|| db.browse::<Thing>(codes.iter().copied()).label());
    assert_eq!(labels?, codes.iter().map(|code| format!("<{code}>")).collect::<Vec<_>>());
    for code in codes.iter().filter(|code| code.len() > 4) {
        assert!(!statements[0].sql.contains(code), "{code:?} is in {}", statements[0].sql);
    }
    Ok(())
}

#[test]
fn any_text_is_a_link() -> Result<()> {
    let db = things();
    let all = db.all::<Thing>()?;
    assert_eq!(all.len(), HOSTILE.len() + 1);
    db.assert_queries(0, || {
        for (i, &code) in HOSTILE.iter().enumerate() {
            let parent = HOSTILE[(i + 1) % HOSTILE.len()];
            assert_eq!(
                db.record::<Thing>(code).parent_code().code()?.as_deref(),
                Some(parent),
                "of {code:?}"
            );
            assert_eq!(db.record::<Thing>(code).parent_code().label()?, Some(format!("<{parent}>").into()));
        }
        Ok(())
    })
}

#[test]
fn a_key_that_does_not_exist_is_missing_whatever_it_holds() -> Result<()> {
    let db = things();
    for code in HOSTILE.iter().map(|code| format!("{code}!")) {
        let error = db.record::<Thing>(&code).label().expect_err("there is no such row");
        assert!(error.is_missing_record(), "{error}");
    }
    assert_eq!(db.all::<Thing>()?.len(), HOSTILE.len() + 1, "the table is still there");
    Ok(())
}

#[test]
fn text_of_any_length_comes_whole() -> Result<()> {
    let db = things();
    let long = "long ".repeat(LONG);
    assert_eq!(db.record::<Thing>(&long).label()?.len(), LONG * 5 + 2);
    assert_eq!(db.browse::<Thing>([&*long, "plain"]).label()?[1], "<plain>");
    Ok(())
}

#[test]
fn a_hostile_value_in_the_cache_stays_what_it_is() {
    let db = things();
    for &value in HOSTILE {
        db.cache().set(Thing::LABEL, "plain", value);
        assert_eq!(db.cache().get(Thing::LABEL, "plain").as_deref(), Some(value));
    }
}
