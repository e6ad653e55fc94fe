//! `extract`: fields and what lies behind links, as data of their own, read together and serialized.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Extract, Result, entry};
use orm_tests::TestDb;
use orm_tests::partners::{Continent, Country, Partner, Tag, partners};
use serde_json::{Value, json, to_value};

fn five(db: &TestDb) -> Result<RecordSet<'_, Partner>> {
    partners::table.filter(partners::id.between(18, 22)).order(partners::id).records(db)
}

#[test]
fn what_is_named_is_read_together_and_typed() -> Result<()> {
    let db = TestDb::of_partners(250, 10);
    let partners = five(&db)?;
    // All fields of the rows are there.
    let plain =
        db.assert_queries(0, || partners.extract((Partner::ID, Partner::NAME, Partner::COUNTRY_ID)))?;
    let expected: Vec<(i32, Str, Option<i32>)> =
        partners.map(|partner| Ok((partner.id(), partner.name()?, partner.country_id().id()?)))?;
    assert_eq!(plain.values, expected);
    // A SELECT for each level behind a link, however many records there are
    let deep = db.assert_queries(2, || {
        partners
            .extract(Partner::COUNTRY_ID.with((Country::CODE, Country::CONTINENT_ID.with(Continent::NAME))))
    })?;
    assert_eq!(deep.values.len(), 5);
    for (partner, value) in partners.iter().zip(&deep.values) {
        let country = partner.country_id();
        let expected = country.code()?.map(|code| Ok::<_, Error>((code, country.continent_id().name()?)));
        assert_eq!(*value, expected.transpose()?);
    }
    assert!(deep.values[2].is_none(), "the 20th partner has no country");
    // Lists with their members, and without
    let lists = db.assert_queries(2, || {
        partners.extract((
            Partner::TAG_IDS.with(Tag::NAME),
            Partner::CHILD_IDS.with((Partner::ID, Partner::PARENT_ID)),
        ))
    })?;
    for (partner, (tags, children)) in partners.iter().zip(lists.values) {
        assert_eq!(tags, partner.tag_ids().name()?);
        let expected: Vec<_> = partner.child_ids().map(|child| Ok((child.id(), child.parent_id().id()?)))?;
        assert_eq!(children, expected);
    }
    let keys = db.assert_queries(0, || partners.extract(Partner::TAG_IDS))?;
    assert_eq!(
        keys.values[0],
        partners.first().map(|first| first.tag_ids().ids()).transpose()?.unwrap_or_default()
    );
    Ok(())
}

#[test]
fn deferred_columns_come_only_where_they_are_named() -> Result<()> {
    let db = TestDb::of_partners(250, 10);
    let partners = five(&db)?;
    db.inspect();
    partners.extract((Partner::NAME, Partner::PARENT_ID.with(Partner::NAME)))?;
    assert!(db.inspection().statements.iter().all(|sent| !sent.text.contains("notes")));
    let notes = db.assert_queries(1, || partners.extract(Partner::NOTES))?;
    assert_eq!(notes.values[0].as_deref(), Some("Notes of 18"));
    Ok(())
}

#[test]
fn functions_give_entries_too() -> Result<()> {
    let db = TestDb::of_partners(250, 10);
    let countries = db.browse::<Country>([1, 2, 3]);
    let count = entry("partners", |country: &Record<Country>| country.partner_ids().len());
    let credit = entry("credit", |country: &Record<Country>| country.partner_ids().sum(Partner::CREDIT));
    let found = db.assert_queries(3, || countries.extract((Country::NAME, count, credit)))?;
    assert_eq!(found.values.len(), 3);
    for (country, (name, partners, credit)) in countries.iter().zip(found.values) {
        assert_eq!((name, partners), (country.name()?, country.partner_ids().len()?));
        assert_eq!(credit, country.partner_ids().sum(Partner::CREDIT)?);
    }
    Ok(())
}

fn is_send<T: Send + 'static>(it: T) -> T {
    it
}

#[test]
fn what_is_extracted_is_serialized_under_the_names_of_fields() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    // As many as twelve, and more in tuples of tuples, whose entries stand beside the others
    let partners = partners::table.filter(partners::id.le(2)).order(partners::id).records::<Partner>(&db)?;
    let all = partners.extract((
        (Partner::ID, Partner::NAME, Partner::LANG, Partner::EMAIL, Partner::ACTIVE, Partner::CREDIT),
        Partner::COUNTRY_ID.with((Country::NAME, Country::CODE)).named("country"),
        Partner::COUNTRY_ID.named("country_key"),
        Partner::PARENT_ID.with(Partner::NAME),
        Partner::CHILD_IDS.with(Partner::ID).named("children"),
        Partner::TAG_IDS,
    ))?;
    // It outlives the environment, and can be sent.
    let values = is_send(all);
    let first = db.record::<Partner>(1);
    let country = first.country_id();
    let expected = json!({
        "id": 1, "name": "Partner number 1", "lang": "en_US", "email": "partner1@example.com", "active": true,
        "credit": 1.25,
        "country": { "name": country.name()?.unwrap_or_default().as_str(), "code": country.code()?.unwrap_or_default().as_str() },
        "country_key": country.id()?, "parent_id": null,
        "children": first.child_ids().ids()?.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
        "tag_ids": first.tag_ids().ids()?,
    });
    drop(db);
    let Ok(Value::Array(written)) = to_value(&values) else { panic!("a list") };
    assert_eq!((written.len(), &written[0]), (2, &expected));
    // In the order in which they were named
    let text = serde_json::to_string(&values).unwrap_or_default();
    assert!(text.starts_with(r#"[{"id":1,"name":"Partner number 1","lang":"en_US","#), "{text}");
    Ok(())
}

#[test]
fn of_one_record_it_is_a_map() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    let one: Extract<Partner, _, _> = db.record::<Partner>(3).extract((Partner::ID, Partner::NAME))?;
    assert_eq!(one.values, (3, Str::from("Partner number 3")));
    assert_eq!(to_value(&one).ok(), Some(json!({ "id": 3, "name": "Partner number 3" })));
    let tags = db.record::<Partner>(3).tag_ids();
    assert_eq!(tags.extract(Tag::ID)?.values, tags.ids()?);
    let missing = db.record::<Partner>(9_999).extract(Partner::NAME).unwrap_err();
    assert!(missing.is_missing_record(), "{missing}");
    Ok(())
}

#[test]
fn two_of_one_name_are_an_error() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    let partners = five(&db)?;
    let twice = partners.extract((Partner::NAME, (Partner::ID, Partner::NAME))).unwrap_err();
    assert!(twice.to_string().contains("`name` is extracted twice of Partner"), "{twice}");
    let behind =
        partners.extract(Partner::PARENT_ID.with((Partner::ID.named("x"), Partner::NAME.named("x"))));
    assert!(matches!(behind, Err(Error::Other { .. })));
    partners.extract((
        Partner::NAME,
        Partner::NAME.named("again"),
        Partner::PARENT_ID.with(Partner::NAME),
    ))?;
    Ok(())
}
