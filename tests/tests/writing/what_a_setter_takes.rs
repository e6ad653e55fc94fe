//! Setters and values take what a program has at hand: text in any form, keys, records, links, and `Option`s of these.

// What is given by reference here is to be.
#![allow(clippy::needless_borrows_for_generic_args)]

use std::borrow::Cow;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result, Str};
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner, countries};

fn db() -> TestDb {
    TestDb::of_partners(20, 5)
}

#[test]
fn text_in_any_form_and_none() -> Result<()> {
    let db = db();
    let partner = db.record::<Partner>(1);
    let assert_lang = |expected: Option<&str>| {
        assert_eq!(partner.lang().expect("a value").as_deref(), expected);
        let stored = db.file.values("SELECT lang AS value FROM partners WHERE id = 1");
        assert_eq!(stored, [expected.unwrap_or("NULL")]);
    };
    for name in [Cow::Borrowed("a"), Cow::Owned("b".to_owned())] {
        partner.set_name(name)?;
    }
    partner.set_name(String::from("c").into_boxed_str())?;
    partner.set_name(&String::from("d"))?;
    partner.set_name(&Str::from("e"))?;
    assert_eq!(partner.name()?, "e");
    partner.set_lang("fr")?;
    assert_lang(Some("fr"));
    partner.set_lang(None)?;
    assert_lang(None);
    // An `Option` as the accessor gives it, and of any other text by reference.
    partner.set_lang(db.record::<Partner>(2).lang()?)?;
    assert_lang(Some("en_US"));
    let owned: Option<String> = Some("nl".to_owned());
    partner.set_lang(&owned)?;
    assert_lang(Some("nl"));
    partner.set_lang(&None::<String>)?;
    assert_lang(None);
    partner.set_lang(&owned.as_deref())?;
    assert_lang(Some("nl"));
    partner.set_lang(&Some("de"))?;
    assert_lang(Some("de"));
    partner.set_lang(&owned.as_deref().map(Cow::Borrowed))?;
    partner.set_lang(&partner.lang()?)?;
    assert_lang(Some("nl"));
    partner.write(Partner::values().name(Cow::Borrowed("f")).lang(&Some("it")))?;
    assert_lang(Some("it"));
    partner.write(Partner::values().lang(None))?;
    assert_lang(None);
    Ok(())
}

#[test]
fn a_link_in_any_form_and_none() -> Result<()> {
    let db = db();
    let partner = db.record::<Partner>(1);
    let (third, fourth) = (db.record::<Country>(3), db.record::<Country>(4));
    let assert_country = |expected: Option<i32>| {
        assert_eq!(partner.country_id().id().expect("a value"), expected);
        let stored = db.file.values("SELECT country_id AS value FROM partners WHERE id = 1");
        assert_eq!(stored, [expected.map_or_else(|| "NULL".to_owned(), |key| key.to_string())]);
    };
    partner.set_country_id(&third)?;
    assert_country(Some(3));
    partner.set_country_id(fourth.clone())?;
    assert_country(Some(4));
    partner.set_country_id(2)?;
    assert_country(Some(2));
    partner.set_country_id(None)?;
    assert_country(None);
    partner.set_country_id(Id::new(5))?;
    assert_country(Some(5));
    partner.set_country_id(&Id::from(&third))?;
    assert_country(Some(3));
    partner.set_country_id(Some(Id::new(2)))?;
    assert_country(Some(2));
    // What stands in an `Option` already, by reference
    partner.set_country_id(&Some(&fourth))?;
    assert_country(Some(4));
    partner.set_country_id(&Some(third))?;
    assert_country(Some(3));
    partner.set_country_id(&Some(1))?;
    assert_country(Some(1));
    partner.set_country_id(&None::<Record<Country>>)?;
    assert_country(None);
    partner.set_country_id(&db.record::<Partner>(2).country_id().load()?)?;
    assert_country(Some(4));
    partner.write(Partner::values().country_id(&db.find::<Country>(countries::id.eq(5))?))?;
    assert_country(Some(5));
    partner.write(Partner::values().country_id(&Some(2)))?;
    assert_country(Some(2));
    Ok(())
}

#[test]
fn another_records_link() -> Result<()> {
    let db = db();
    let set = db.browse::<Partner>([2, 3, 20]);
    let partner = db.record::<Partner>(1);
    // The links of all three are one SELECT, then the UPDATE; no country is read.
    let two = set.get(0).expect("three");
    let key = db.assert_queries(2, || {
        partner.set_country_id(two.country_id()).and_then(|()| two.country_id().id())
    })?;
    assert_eq!((partner.country_id().id()?, key), (Some(4), Some(4)));
    partner.set_country_id(&set.get(2).expect("three").country_id())?;
    assert_eq!(partner.country_id().id()?, None);
    partner.set_parent_id(&two.parent_id())?;
    partner.write(Partner::values().country_id(set.get(1).expect("three").country_id()))?;
    assert_eq!(partner.country_id().id()?, Some(3));
    let new = db.create(
        Partner::values()
            .name("n")
            .email("e")
            .phone("p")
            .city("c")
            .active(true)
            .credit(0.0)
            .country_id(two.country_id()),
    )?;
    assert_eq!(new.country_id().id()?, Some(4));
    Ok(())
}

#[test]
fn a_link_that_cannot_be_read_writes_nothing() -> Result<()> {
    let db = db();
    let nobody = db.record::<Partner>(77);
    let partner = db.record::<Partner>(1);
    let before = partner.country_id().id()?;
    let values = || Partner::values().country_id(nobody.country_id()).name("changed");
    let missing = |error: Error| {
        assert!(matches!(error, Error::MissingRecord { model: "Partner", ref id } if id == "77"), "{error}");
    };
    missing(partner.set_country_id(nobody.country_id()).unwrap_err());
    // The values were given before; what they are given to says what went wrong.
    missing(partner.write(values()).unwrap_err());
    missing(db.create(values()).unwrap_err());
    missing(db.create_many([Partner::values(), values()]).unwrap_err());
    missing(db.upsert(Partner::ID, values()).unwrap_err());
    missing(partner.child_ids().create(values()).unwrap_err());
    assert_eq!((partner.country_id().id()?, partner.name()?.as_str()), (before, "Partner number 1"));
    assert_eq!(db.file.values("SELECT COUNT(*) AS value FROM partners"), ["20"]);
    Ok(())
}

diesel::table! {
    papers { id -> Integer, body -> Nullable<Binary>, rank -> Nullable<Integer>, next_id -> Integer, state -> Nullable<Text> }
}

#[derive(Model)]
struct Paper {
    id: i32,
    body: Option<Vec<u8>>,
    rank: Option<i32>,
    next_id: Id<Paper>,
    state: Option<String>,
}

#[test]
fn bytes_numbers_and_links_that_are_never_null() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE papers (id INTEGER PRIMARY KEY NOT NULL, body BLOB, rank INTEGER, next_id INTEGER NOT NULL, state TEXT);
         INSERT INTO papers VALUES (1, NULL, NULL, 2, NULL), (2, NULL, NULL, 1, NULL)",
    );
    let (one, two) = (db.record::<Paper>(1), db.record::<Paper>(2));
    let bytes = vec![1_u8, 2];
    one.set_body(&bytes)?;
    one.set_body(b"xy")?;
    one.set_body(None)?;
    assert_eq!(one.body()?, None);
    one.set_body(&Some(bytes.clone()))?;
    one.set_body(&Some(&bytes[1..]))?;
    assert_eq!(one.body()?.as_deref(), Some(&bytes[1..]));
    one.set_body(&one.body()?)?;
    one.set_body(bytes)?;
    one.set_body(one.body()?)?;
    assert_eq!(one.body()?.as_deref(), Some(&[1, 2][..]));

    one.set_rank(5)?;
    one.set_rank(Some(6))?;
    one.set_rank("7".parse::<i32>().ok())?;
    assert_eq!(one.rank()?, Some(7));
    one.set_rank(None)?;
    assert_eq!(one.rank()?, None);

    one.set_next_id(two.next_id())?;
    assert_eq!(one.next_id().id()?, 1);
    two.set_next_id(&one.next_id())?;
    one.set_next_id(&two)?;
    one.write(Paper::values().next_id(two).state("s"))?;
    assert_eq!((one.next_id().id()?, one.state()?.as_deref()), (2, Some("s")));
    Ok(())
}
