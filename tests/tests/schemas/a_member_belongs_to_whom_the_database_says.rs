//! Keys that a collation calls equal: a member goes to the owner that the database matched, or it is an error; it is never
//! left out.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { countries (code) { code -> Text, name -> Text } }
diesel::table! { partners { id -> Integer, country_code -> Text } }
diesel::table! { visits (code, id) { code -> Text, id -> Integer } }

#[derive(Model)]
#[model(table = countries)]
struct Country {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Partner::COUNTRY_CODE)]
    partner_ids: OneToMany<Partner>,
    #[model(through(visits::code, visits::id))]
    visitor_ids: ManyToMany<Partner>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    country_code: Id<Country>,
}

fn schema(key: &str) -> TestDb {
    let sql = format!(
        "CREATE TABLE countries (code TEXT PRIMARY KEY COLLATE {key}, name TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY, country_code TEXT NOT NULL COLLATE {key});
         CREATE TABLE visits (code TEXT NOT NULL COLLATE {key}, id INTEGER NOT NULL);
         INSERT INTO countries VALUES ('BE', 'Belgium'), ('NL', 'Netherlands');
         INSERT INTO partners VALUES (1, 'BE'), (2, 'be'), (3, 'Nl'), (4, 'bE');
         INSERT INTO visits VALUES ('be', 3), ('BE', 4), ('nL', 1)"
    );
    test_db!(File::new(&sql), strict())
}

#[test]
fn letters_of_another_case() -> Result<()> {
    let db = schema("NOCASE");
    let countries = db.all::<Country>()?;
    let members: Vec<_> =
        countries.iter().map(|country| country.partner_ids().ids()).collect::<Result<_>>()?;
    assert_eq!(members, [vec![1, 2, 4], vec![3]]);
    db.cache().clear();
    let counts: Vec<_> =
        countries.iter().map(|country| country.partner_ids().len()).collect::<Result<_>>()?;
    assert_eq!(counts, [3, 1]);
    let visitors: Vec<_> =
        countries.iter().map(|country| country.visitor_ids().ids()).collect::<Result<_>>()?;
    assert_eq!(visitors, [vec![3, 4], vec![1]]);
    Ok(())
}

#[test]
fn two_that_were_asked_for_are_both_meant() {
    let db = schema("NOCASE");
    let both = db.browse::<Country>(["be", "BE"]);
    let error = both.get(0).map(|country| country.partner_ids().ids()).expect("a country").expect_err("both");
    assert!(error.to_string().contains("collation"), "{error}");
    // One by one each has them all.
    assert_eq!(db.record::<Country>("BE").partner_ids().ids().unwrap(), [1, 2, 4]);
}

#[test]
fn keys_that_are_compared_as_they_are() -> Result<()> {
    let db = schema("BINARY");
    let lists =
        db.all::<Country>()?.iter().map(|country| country.partner_ids().ids()).collect::<Result<Vec<_>>>()?;
    assert_eq!(lists, [vec![1], vec![]]);
    Ok(())
}
