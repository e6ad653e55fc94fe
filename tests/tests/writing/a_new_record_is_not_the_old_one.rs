//! An INSERT that succeeded proves that what was cached of a row with this key is over; and a member that a list creates is
//! that list's.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { countries (code) { code -> Text, name -> Nullable<Text>, capital -> Nullable<Text> } }
diesel::table! { partners { id -> Integer, name -> Text, country_code -> Nullable<Text> } }

#[derive(Model)]
#[model(table = countries)]
struct Country {
    #[model(primary_key)]
    code: String,
    name: Option<String>,
    capital: Option<String>,
    #[model(inverse = Partner::COUNTRY_CODE)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_code: Option<Id<Country>>,
}

fn schema() -> TestDb {
    let sql =
        "CREATE TABLE countries (code TEXT PRIMARY KEY NOT NULL, name TEXT, capital TEXT DEFAULT 'unknown');
        CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country_code TEXT);
        INSERT INTO countries VALUES ('BE', 'Belgium', 'Brussels'), ('NL', 'Netherlands', 'Amsterdam');
        INSERT INTO partners VALUES (1, 'Ann', 'BE'), (2, 'Bob', 'BE')";
    test_db!(File::new(sql), strict())
}

#[test]
fn a_natural_key_that_comes_again() -> Result<()> {
    let db = schema();
    let belgium = db.record::<Country>("BE");
    assert_eq!((belgium.capital()?.as_deref(), belgium.partner_ids().ids()?), (Some("Brussels"), vec![1, 2]));
    // Somebody else
    db.file.run("DELETE FROM countries WHERE code = 'BE'; UPDATE partners SET country_code = NULL");
    let new = db.create(Country::values().code("BE").name("Belgium again"))?;
    assert_eq!((new.capital()?.as_deref(), new.name()?.as_deref()), (Some("unknown"), Some("Belgium again")));
    assert_eq!((new.partner_ids().ids()?, new.partner_ids().len()?), (vec![], 0));
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "AUTO_INCREMENT gives no number again")]
fn a_number_that_comes_again() -> Result<()> {
    let db = schema();
    let (belgium, netherlands) = (db.record::<Country>("BE"), db.record::<Country>("NL"));
    assert_eq!(db.all::<Partner>()?.name()?, ["Ann", "Bob"]);
    assert_eq!((belgium.partner_ids().ids()?, netherlands.partner_ids().len()?), (vec![1, 2], 0));
    // SQLite gives the largest number again.
    db.file.run("DELETE FROM partners WHERE id = 2");
    let new = db.create(Partner::values().name("Cas").country_code("NL"))?;
    assert_eq!((new.id(), new.name()?), (2, "Cas".into()));
    assert_eq!((belgium.partner_ids().ids()?, netherlands.partner_ids().ids()?), (vec![1], vec![2]));
    Ok(())
}

#[test]
fn a_list_creates_its_own_members() -> Result<()> {
    let db = schema();
    let belgium = db.record::<Country>("BE");
    let refused = belgium.partner_ids().create(Partner::values().name("Cas").country_code("NL"));
    assert!(refused.is_err_and(
        |error| matches!(&error, Error::Other(_)) && error.to_string().contains("`country_code`")
    ));
    let same = belgium.partner_ids().create(Partner::values().name("Cas").country_code(&belgium))?;
    assert_eq!((same.id(), belgium.partner_ids().ids()?), (3, vec![1, 2, 3]));
    assert_eq!(partners::table.count().get_result::<i64>(&mut db.file.connect()).expect("a count"), 3);
    Ok(())
}

/// A pair that waits, to a record that is created after it
#[test]
fn a_pair_that_waits_for_it_stays_in_the_list() -> Result<()> {
    use orm_tests::bank::{Account, Label, bank};
    let db = bank();
    let account = db.record::<Account>(1);
    db.transaction(|| {
        let before = account.label_codes().ids()?;
        account.label_codes().add(&db.record::<Label>("new"))?;
        db.create(Label::values().code("new").title("New"))?;
        let mut expected = before;
        expected.push("new".into());
        let mut found = account.label_codes().ids()?;
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        Ok(())
    })?;
    assert!(db.record::<Label>("new").account_ids().ids()?.contains(&1));
    Ok(())
}
