//! `id()` is the key of any record, whatever its field is called, and costs nothing; a link's is in the row that it stands in.

use orm_core::prelude::*;
use orm_core::{Error, Field, Result, Str};
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner};

diesel::table! { langs (code) { code -> Text, parent -> Nullable<Text>, family -> Text } }

#[derive(Model)]
struct Lang {
    #[model(primary_key)]
    code: String,
    parent: Option<Id<Lang>>,
    family: Id<Lang>,
}

fn langs() -> TestDb {
    TestDb::new(
        "CREATE TABLE langs (code TEXT PRIMARY KEY NOT NULL, parent TEXT, family TEXT NOT NULL);
         INSERT INTO langs VALUES ('fr', NULL, 'la'), ('fr_BE', 'fr', 'la'), ('la', NULL, 'la')",
    )
}

#[test]
fn whatever_it_is_called_and_without_a_query() -> Result<()> {
    let (langs, db) = (langs(), TestDb::of_partners(5, 2));
    langs.assert_queries(0, || -> Result<()> {
        let walloon = langs.record::<Lang>("fr_BE");
        let key: Str = walloon.id();
        assert_eq!(key, "fr_BE");
        // The field's own accessor reads as any other does.
        assert_eq!(walloon.code()?, "fr_BE");
        assert_eq!(langs.browse::<Lang>(["fr", "la"]).code()?, ["fr", "la"]);
        Ok(())
    })?;
    let no_such: i32 = db.assert_queries(0, || db.record::<Partner>(77).id());
    assert_eq!(no_such, 77);
    assert_eq!(db.assert_queries(0, || db.browse::<Partner>([3, 1]).id())?, [3, 1]);
    Ok(())
}

#[test]
fn a_link_has_it_in_the_row_that_it_stands_in() -> Result<()> {
    let db = langs();
    let all = db.browse::<Lang>(["fr", "fr_BE"]);
    let walloon = all.get(1).expect("two");
    // The links of both, and no row of a target.
    let parent: Option<Str> = db.assert_keys(&[2], || walloon.parent().id())?;
    assert_eq!(parent.as_deref(), Some("fr"));
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(all.get(0).expect("two").parent().id()?, None);
        let family: Str = walloon.family().id()?;
        assert_eq!(family, "la");
        assert_eq!(walloon.parent().family().id()?.as_deref(), Some("la"));
        Ok(())
    })?;
    assert!(!db.cache().stats().models.iter().any(|model| model.records > 3));
    assert!(db.record::<Lang>("nl").family().id().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn a_target_that_is_not_there_has_one_too() -> Result<()> {
    let db = TestDb::of_partners(5, 2);
    db.file.run("UPDATE partners SET country_id = 99 WHERE id = 1");
    let partner = db.record::<Partner>(1);
    assert_eq!(partner.country_id().id()?, Some(99));
    assert_eq!(partner.country_id().load()?.map(|country| country.id()), Some(99));
    assert!(matches!(partner.country_id().name(), Err(Error::MissingRecord { model: "Country", .. })));
    Ok(())
}

#[test]
fn code_that_is_generic_over_handles_reads_the_field() -> Result<()> {
    fn key<K: orm_core::bounds::Cardinality>(countries: &Records<Country, K>) -> K::Out<i32> {
        countries.get(Country::ID)
    }
    let db = TestDb::of_partners(5, 2);
    assert_eq!(key(&db.record::<Country>(2))?, 2);
    assert_eq!(key(&db.browse::<Country>([2, 1]))?, [2, 1]);
    assert_eq!(key(&db.record::<Partner>(1).country_id())?, Some(2));
    Ok(())
}

#[test]
fn fields_are_keys_themselves() {
    assert_eq!(Partner::NAME, Partner::NAME);
    assert_ne!(Partner::NAME, Partner::EMAIL);
    assert_eq!(format!("{} {:>14}|", Partner::ID, Partner::NAME), "Partner.id   Partner.name|");
    let mut wanted = std::collections::HashSet::<Field<Partner, Str>>::new();
    assert!(wanted.insert(Partner::NAME) && wanted.insert(Partner::CITY) && !wanted.insert(Partner::NAME));
}
