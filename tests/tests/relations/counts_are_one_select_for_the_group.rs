//! P11: how many members a to-many link has is one grouped COUNT for the group, or the cached list; keys alone are
//! read without the members' columns.

use orm_core::Result;
use orm_tests::partners::{Continent, Country, Partner};
use orm_tests::{File, TestDb, test_db};

#[test]
fn one_count_for_all() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let countries = db.all::<Country>()?;
    let (counts, statements) = db.watch(|| countries.map(|country| country.partner_ids().len()));
    assert_eq!(counts?.iter().sum::<usize>(), 380);
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(statements[0].sql.contains("COUNT(") && statements[0].sql.contains("GROUP BY"), "{statements:?}");
    assert_eq!(statements[0].keys().len(), 20);
    assert_eq!(db.stats().model("Partner").map_or(0, |model| model.values), 0, "no partner was read");
    db.assert_queries(0, || {
        countries.iter().try_for_each(|country| {
            assert_eq!(country.partner_ids().is_empty()?, country.partner_ids().len()? == 0);
            Ok(())
        })
    })
}

#[test]
fn windows_of_a_thousand() -> Result<()> {
    let db = test_db!(File::of_partners(2_500, 2_500));
    let countries = db.all::<Country>()?;
    db.assert_keys(&[1000, 1000, 500], || countries.map(|country| country.partner_ids().len()).map(drop))
}

#[test]
fn none_is_a_count_too() -> Result<()> {
    let db = TestDb::of_partners(10, 50);
    let countries = db.all::<Country>()?;
    let empty = db.assert_queries(1, || countries.filter(|country| country.partner_ids().is_empty()))?;
    assert_eq!(empty.len(), 40);
    Ok(())
}

#[test]
fn a_cached_list_needs_no_count() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let countries = db.all::<Country>()?;
    countries.partner_ids().ids()?;
    db.assert_queries(0, || countries.iter().try_for_each(|country| country.partner_ids().len().map(drop)))
}

#[test]
fn keys_alone_do_not_bring_columns() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let countries = db.all::<Country>()?;
    let (ids, statements) = db.watch(|| countries.map(|country| country.partner_ids().ids()));
    assert_eq!(ids?.concat().len(), 380);
    assert_eq!(statements.len(), 1);
    assert!(!statements[0].sql.contains("email"), "{statements:?}");
    // The columns come when they are read, for all members.
    db.assert_keys(&[380], || countries.iter().try_for_each(|country| country.partner_ids().name().map(drop)))
}

#[test]
fn a_count_then_the_list() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let countries = db.all::<Country>()?;
    db.assert_queries(2, || {
        for country in &countries {
            let counted = country.partner_ids().len()?;
            assert_eq!(country.partner_ids().load()?.len(), counted);
            assert_eq!(country.partner_ids().name()?.len(), counted);
        }
        Ok(())
    })
}

#[test]
fn of_a_whole_set_it_is_the_number_of_distinct_members() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let all = db.all::<Country>()?;
    assert_eq!(all.partner_ids().len()?, 380);
    assert_eq!(db.all::<Partner>()?.tag_ids().len()?, 10);
    assert_eq!(db.all::<Partner>()?.country_id().len()?, 19, "nobody is in the first one");
    Ok(())
}

#[test]
fn behind_another_link() -> Result<()> {
    let db = TestDb::of_partners(400, 20);
    let partners = db.all::<Partner>()?;
    let (_, statements) = db.watch(|| partners.map(|partner| partner.country_id().partner_ids().len()));
    assert_eq!(statements.len(), 1, "{statements:?}");
    let continents = db.all::<Continent>()?;
    let (counts, statements) =
        db.watch(|| continents.map(|continent| continent.country_ids().partner_ids().len()));
    assert_eq!(counts?.iter().sum::<usize>(), 380);
    assert!(statements.len() <= 2, "{statements:?}");
    Ok(())
}

#[test]
fn an_invalidated_list_is_counted_again() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let country = db.record::<Country>(1);
    let before = country.partner_ids().len()?;
    db.file.run("DELETE FROM partners WHERE country_id = 1 AND id < 10");
    assert_eq!(country.partner_ids().len()?, before);
    let forgets: [(&str, &dyn Fn()); 4] = [
        ("invalidate", &|| db.cache().invalidate(Country::PARTNER_IDS, [1])),
        ("invalidate_field", &|| db.cache().invalidate_field(Country::PARTNER_IDS)),
        ("invalidate_model", &|| db.cache().invalidate_model::<Country>()),
        ("clear", &|| db.cache().clear()),
    ];
    for (what, forget) in forgets {
        forget();
        let fresh: i64 = {
            use diesel::prelude::*;
            use orm_tests::partners::partners::dsl::*;
            partners.filter(country_id.eq(1)).count().get_result(&mut db.file.connect())?
        };
        assert_eq!(country.partner_ids().len()? as i64, fresh, "after {what}");
        db.file.run("DELETE FROM partners WHERE id = (SELECT min(id) FROM partners WHERE country_id = 1)");
    }
    Ok(())
}
