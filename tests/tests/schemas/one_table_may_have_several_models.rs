//! What exists is a row of a table: models that name the same table share its cells, its lists and what waits.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { countries { id -> Integer, name -> Text } }
diesel::table! {
    partners { id -> Integer, name -> Text, country_id -> Nullable<Integer>, notes -> Nullable<Text>, version -> Integer }
}

mod again {
    // As a second crate of an application might have it.
    diesel::table! { partners { id -> Integer, name -> Text } }
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
    #[model(inverse = Slim::COUNTRY_ID, order = partners::name.desc())]
    by_name: OneToMany<Slim>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    notes: Option<String>,
}

#[derive(Model)]
#[model(table = partners)]
struct Slim {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

#[derive(Model)]
#[model(table = again::partners)]
struct Name {
    id: i32,
    name: String,
}

/// The same column as a key and not as a link
#[derive(Model)]
#[model(table = partners)]
struct Plain {
    id: i32,
    country_id: Option<i32>,
}

#[derive(Model)]
#[model(table = partners)]
struct Versioned {
    id: i32,
    name: String,
    #[model(version)]
    version: i32,
}

const SCHEMA: &str = "CREATE TABLE countries (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country_id INTEGER, notes TEXT,
        version INTEGER NOT NULL DEFAULT 1);
    INSERT INTO countries VALUES (1, 'BE'), (2, 'NL');
    INSERT INTO partners (id, name, country_id) VALUES (1, 'old', NULL), (2, 'two', 1), (3, 'three', 1)";

fn schema() -> TestDb {
    test_db!(File::new(SCHEMA), strict())
}

#[test]
fn a_value_is_read_once() -> Result<()> {
    let db = schema();
    db.assert_queries(1, || {
        let partners = db.all::<Partner>()?;
        assert_eq!(partners.name()?, ["old", "two", "three"]);
        assert_eq!(db.browse::<Slim>([1, 2, 3]).name()?, partners.name()?);
        assert_eq!(db.record::<Name>(2).name()?, "two");
        Ok::<_, Error>(())
    })
}

#[test]
fn what_is_written_through_one_is_seen_through_all() -> Result<()> {
    let db = schema();
    let (full, slim, name) = (db.record::<Partner>(1), db.record::<Slim>(1), db.record::<Name>(1));
    assert_eq!((full.name()?, slim.name()?), ("old".into(), "old".into()));
    full.set_name("new")?;
    assert_eq!((slim.name()?, name.name()?), ("new".into(), "new".into()));
    // It is the stored value that this one is equal to, or not.
    slim.set_name("old")?;
    assert_eq!(db.file.values("SELECT name AS value FROM partners WHERE id = 1"), ["old"]);
    db.transaction(|| {
        db.record::<Partner>(2).set_name("waits")?;
        assert_eq!(db.record::<Slim>(2).name()?, "waits");
        db.record::<Slim>(2).set_country_id(2)?;
        db.record::<Name>(2).set_name("waits still")?;
        // One row, one statement.
        db.assert_queries(1, || db.flush())
    })?;
    assert_eq!(
        db.file.values("SELECT name || country_id AS value FROM partners WHERE id = 2"),
        ["waits still2"]
    );
    Ok(())
}

#[test]
fn a_link_moved_through_one_moves_in_the_lists_of_all() -> Result<()> {
    let db = schema();
    let (belgium, netherlands) = (db.record::<Country>(1), db.record::<Country>(2));
    for country in [&belgium, &netherlands] {
        country.partner_ids().ids()?;
        country.by_name().ids()?;
    }
    db.record::<Slim>(3).set_country_id(2)?;
    db.assert_queries(0, || {
        assert_eq!((belgium.partner_ids().ids()?, netherlands.partner_ids().ids()?), (vec![2], vec![3]));
        assert_eq!(belgium.by_name().ids()?, [2]);
        Ok::<_, Error>(())
    })?;
    // Where one comes into an order of the link's own is the database's affair.
    db.assert_queries(1, || {
        assert_eq!(netherlands.by_name().ids()?, [3]);
        Ok::<_, Error>(())
    })?;
    let new = db.create(Partner::values().name("four").country_id(2))?;
    assert_eq!(netherlands.partner_ids().ids()?, [3, 4]);
    assert_eq!(db.record::<Slim>(new.id()).name()?, "four");
    Ok(())
}

#[test]
fn what_is_deleted_through_one_is_gone_for_all() -> Result<()> {
    let db = schema();
    let slim = db.record::<Slim>(2);
    assert_eq!((slim.name()?, db.record::<Country>(1).by_name().len()?), ("two".into(), 2));
    db.record::<Partner>(2).delete()?;
    assert!(matches!(slim.name(), Err(Error::MissingRecord { model: "Slim", .. })));
    assert_eq!(db.record::<Country>(1).by_name().ids()?, [3]);
    assert!(db.get::<Name>(2)?.is_none());
    Ok(())
}

#[test]
fn a_rollback_undoes_it_for_all() -> Result<()> {
    let db = schema();
    let (full, slim) = (db.record::<Partner>(1), db.record::<Slim>(1));
    full.name()?;
    let undone = db.transaction(|| {
        full.set_name("new")?;
        slim.set_country_id(1)?;
        Err::<(), _>(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!((slim.name()?, full.country_id().id()?), ("old".into(), None));
    Ok(())
}

#[test]
fn a_column_of_two_types_is_never_stale() -> Result<()> {
    let db = schema();
    let (slim, plain) = (db.record::<Slim>(2), db.record::<Plain>(2));
    assert_eq!((slim.country_id().id()?, plain.country_id()?), (Some(1), Some(1)));
    slim.set_country_id(2)?;
    assert_eq!(plain.country_id()?, Some(2));
    plain.set_country_id(1)?;
    assert_eq!(slim.country_id().id()?, Some(1));
    db.transaction(|| {
        slim.set_country_id(2)?;
        // Sent before it could be missed.
        assert_eq!(plain.country_id()?, Some(2));
        plain.set_country_id(None)?;
        slim.set_country_id(1)?;
        plain.set_country_id(2)
    })?;
    assert_eq!(slim.country_id().id()?, Some(2));
    assert_eq!(db.file.values("SELECT country_id AS value FROM partners WHERE id = 2"), ["2"]);
    Ok(())
}

#[test]
fn a_list_follows_a_key_that_is_written_as_such() -> Result<()> {
    let db = schema();
    let (belgium, netherlands) = (db.record::<Country>(1), db.record::<Country>(2));
    assert_eq!((belgium.partner_ids().ids()?, netherlands.partner_ids().ids()?), (vec![2, 3], vec![]));
    db.record::<Plain>(3).set_country_id(2)?;
    assert_eq!((belgium.partner_ids().ids()?, netherlands.partner_ids().ids()?), (vec![2], vec![3]));
    db.transaction(|| {
        db.record::<Plain>(2).set_country_id(2)?;
        assert_eq!((belgium.partner_ids().len()?, netherlands.partner_ids().ids()?), (0, vec![2, 3]));
        Ok(())
    })
}

#[test]
fn a_version_counts_what_others_write() -> Result<()> {
    let db = schema();
    let versioned = db.record::<Versioned>(1);
    assert_eq!(versioned.version()?, 1);
    db.record::<Slim>(1).set_country_id(2)?;
    assert_eq!(db.file.values("SELECT version AS value FROM partners WHERE id = 1"), ["2"]);
    assert_eq!(versioned.version()?, 2);
    db.file.run("UPDATE partners SET version = 7 WHERE id = 1");
    assert!(matches!(db.record::<Slim>(1).set_country_id(1), Err(Error::Conflict { .. })));
    Ok(())
}

/// The version as a number like others
#[derive(Model)]
#[model(table = partners)]
struct Counted {
    id: i32,
    version: i32,
}

#[test]
fn a_version_is_not_set_through_another_model() -> Result<()> {
    let db = schema();
    db.record::<Versioned>(1).version()?;
    let refused = db.record::<Counted>(1).set_version(7);
    assert!(refused.is_err_and(|error| error.to_string().contains("Counted.version counts the writes")));
    assert_eq!(db.file.values("SELECT version AS value FROM partners WHERE id = 1"), ["1"]);
    Ok(())
}

#[test]
fn what_is_cached_counts_once() -> Result<()> {
    let db = schema();
    db.all::<Partner>()?;
    db.all::<Slim>()?;
    let stats = db.stats();
    assert_eq!((stats.records, stats.values), (3, 9));
    assert_eq!(stats.model("Slim").map(|model| (model.records, model.values)), Some((3, 6)));
    db.cache().invalidate_model::<Slim>();
    assert_eq!(db.stats().records, 0);
    Ok(())
}

mod shouted {
    diesel::table! {
        #[sql_name = "PARTNERS"]
        shouted { id -> Integer, #[sql_name = "NAME"] title -> Text, #[sql_name = "Country_Id"] country_id -> Nullable<Integer> }
    }
}

/// The same table and columns, in other letters
#[derive(Model)]
#[model(table = shouted::shouted)]
struct Shouted {
    id: i32,
    title: String,
    country_id: Option<Id<Country>>,
}

mod capitals {
    diesel::table! {
        partners { id -> Integer, #[sql_name = "NAME"] name -> Text, #[sql_name = "Country_Id"] country_id -> Nullable<Integer> }
    }
}

#[derive(Model)]
#[model(table = capitals::partners)]
struct Capital {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

#[test]
fn names_in_other_letters_are_the_same() -> Result<()> {
    let db = schema();
    let (plain, shouted, capital) =
        (db.record::<Partner>(2), db.record::<Shouted>(2), db.record::<Capital>(2));
    let country = db.record::<Country>(2);
    let names = || -> Result<_> { Ok((plain.name()?, shouted.title()?, capital.name()?)) };
    let all = |name: &str| (name.into(), name.into(), name.into());
    assert_eq!((names()?, country.partner_ids().ids()?), (all("two"), vec![]));
    plain.set_name("a")?;
    assert_eq!(names()?, all("a"));
    shouted.set_title("b")?;
    assert_eq!(names()?, all("b"));
    capital.set_name("c")?;
    assert_eq!(names()?, all("c"));
    capital.set_country_id(2)?;
    assert_eq!((country.partner_ids().ids()?, plain.country_id().id()?), (vec![2], Some(2)));
    shouted.set_country_id(1)?;
    assert_eq!((country.partner_ids().ids()?, plain.country_id().id()?), (vec![], Some(1)));
    Ok(())
}
