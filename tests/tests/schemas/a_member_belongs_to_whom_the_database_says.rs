//! Keys that a collation calls equal: a member goes to the owner that the database matched, or it is an error; it is never
//! left out.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::{ENFORCING, File, TestDb};
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
fn two_that_were_asked_for_are_both_meant() -> Result<()> {
    let db = schema("NOCASE");
    let both = db.browse::<Country>(["be", "NL", "BE"]);
    // Each has them all: the two are not asked for in one SELECT.
    let lists = db.assert_queries(2, || both.map(|country| country.partner_ids().ids()))?;
    assert_eq!(lists, [vec![1, 2, 4], vec![3], vec![1, 2, 4]]);
    db.cache().clear();
    let counts = db.assert_queries(2, || both.map(|country| country.partner_ids().len()))?;
    assert_eq!(counts, [3, 1, 3]);
    db.cache().clear();
    assert_eq!(both.map(|country| country.visitor_ids().ids())?, [vec![3, 4], vec![1], vec![3, 4]]);
    // Keys that are compared as they are have what is theirs.
    let db = schema("BINARY");
    let lists = db.browse::<Country>(["be", "BE"]).map(|country| country.partner_ids().ids())?;
    assert_eq!(lists, [[2], [1]]);
    Ok(())
}

#[test]
fn a_list_that_a_budget_cuts_is_complete_or_not_there() -> Result<()> {
    let sql = "CREATE TABLE countries (code TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL);
        CREATE TABLE partners (id INTEGER PRIMARY KEY, country_code TEXT NOT NULL COLLATE NOCASE);
        WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 19)
            INSERT INTO countries SELECT char(97 + n) || 'x', 'Country' FROM s;
        WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 799)
            INSERT INTO partners SELECT n, char((CASE n % 3 WHEN 0 THEN 65 ELSE 97 END) + n % 20) || 'X' FROM s";
    for bytes in [1_000, 5_000, 20_000, 1 << 20] {
        let db = test_db!(File::new(sql), prefetch_bytes(bytes));
        let countries = db.all::<Country>()?;
        for (number, country) in countries.iter().enumerate() {
            let expected: Vec<i32> = (0..800).filter(|id| *id as usize % 20 == number).collect();
            assert_eq!(country.partner_ids().ids()?, expected, "{bytes} bytes, {}", country.code()?);
        }
        // And of two names of one owner each has the whole list, cut or not.
        db.cache().clear();
        let both = db.browse::<Country>(["aX", "Ax", "bX", "BX"]);
        for country in &both {
            assert_eq!(country.partner_ids().len()?, 40);
            assert_eq!(country.partner_ids().ids()?.len(), 40);
        }
    }
    Ok(())
}

#[test]
fn keys_that_are_compared_as_they_are() -> Result<()> {
    let db = schema("BINARY");
    let lists =
        db.all::<Country>()?.iter().map(|country| country.partner_ids().ids()).collect::<Result<Vec<_>>>()?;
    assert_eq!(lists, [vec![1], vec![]]);
    Ok(())
}

#[test]
fn what_is_moved_by_another_spelling_leaves_and_joins_the_lists() -> Result<()> {
    use diesel::prelude::*;
    let db = schema("NOCASE");
    let (belgium, netherlands) = (db.record::<Country>("BE"), db.record::<Country>("NL"));
    let seen = |country: &Record<'_, Country>| {
        let link = country.partner_ids();
        Ok::<_, orm_core::Error>((link.len()?, link.ids()?, link.count_where(partners::id.lt(4))?))
    };
    assert_eq!((seen(&belgium)?, seen(&netherlands)?), ((3, vec![1, 2, 4], 2), (1, vec![3], 1)));
    // From `be` to the key as it is, and back to another spelling
    db.record::<Partner>(2).set_country_code("NL")?;
    assert_eq!((seen(&belgium)?, seen(&netherlands)?), ((2, vec![1, 4], 1), (2, vec![2, 3], 2)));
    db.record::<Partner>(2).set_country_code("bE")?;
    assert_eq!((seen(&belgium)?, seen(&netherlands)?), ((3, vec![1, 2, 4], 2), (1, vec![3], 1)));
    // Where no link was spelt otherwise before
    let db = schema("NOCASE");
    db.file.run("UPDATE partners SET country_code = upper(country_code)");
    let (belgium, netherlands) = (db.record::<Country>("BE"), db.record::<Country>("NL"));
    db.all::<Country>()?;
    assert_eq!((seen(&belgium)?, seen(&netherlands)?), ((3, vec![1, 2, 4], 2), (1, vec![3], 1)));
    db.record::<Partner>(1).set_country_code("nl")?;
    assert_eq!((seen(&belgium)?, seen(&netherlands)?), ((2, vec![2, 4], 1), (2, vec![1, 3], 2)));
    Ok(())
}

#[test]
fn what_links_by_other_letters_goes_along() -> Result<()> {
    let db = test_db!(File::new(
        "CREATE TABLE countries (code TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY,
             country_code TEXT NOT NULL REFERENCES countries ON DELETE CASCADE);
         CREATE TABLE visits (code TEXT NOT NULL, id INTEGER NOT NULL);
         INSERT INTO countries VALUES ('BE', 'Belgium'), ('NL', 'Netherlands');
         INSERT INTO partners VALUES (1, 'BE'), (2, 'be'), (3, 'Nl')"
    ));
    db.execute(diesel::sql_query(ENFORCING))?;
    let partners = db.all::<Partner>()?;
    partners.map(|partner| partner.country_code().id())?;
    db.record::<Country>("BE").delete()?;
    let there = partners.map(|partner| Ok(partner.country_code().id().is_ok()))?;
    assert_eq!(there, [false, false, true]);
    assert!(db.record::<Country>("be").name().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn a_key_in_other_letters_is_the_row_that_is_there() -> Result<()> {
    let db = schema("NOCASE");
    let country = db.upsert(Country::CODE, Country::values().code("be").name("new"))?;
    assert_eq!((country.id(), country.name()?, country.code()?), ("BE".into(), "new".into(), "BE".into()));
    let country = db.upsert(Country::CODE, Country::values().code("nl"));
    assert!(country.is_err(), "{country:?}");
    assert_eq!(db.file.values("SELECT code || name AS value FROM countries"), ["BEnew", "NLNetherlands"]);
    Ok(())
}
