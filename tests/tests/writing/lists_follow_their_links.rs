//! W4: a write on one side of a link puts the cached lists of the other side right, without a query.

use diesel::prelude::*;
use orm_core::Result;
use orm_tests::partners::*;
use orm_tests::{TestDb, on};

/// The members that plain SQL finds
fn members(db: &TestDb, country: i32) -> Vec<i32> {
    let of = partners::table.filter(partners::country_id.eq(country)).order(partners::id);
    of.select(partners::id).load(&mut db.file.connect()).expect("the members")
}

#[test]
fn a_moved_record_leaves_one_list_and_joins_another() -> Result<()> {
    let db = TestDb::of_partners(60, 4);
    let countries = db.all::<Country>()?;
    countries.iter().try_for_each(|country| country.partner_ids().ids().map(drop))?;
    let (from, to) = (db.record::<Country>(1), db.record::<Country>(2));
    let moved = from.partner_ids().load()?.get(2).expect("a third partner");
    let id = moved.id();
    db.assert_queries(0, || {
        let lists = db.transaction(|| {
            moved.set_country_id(&to)?;
            assert!(!from.partner_ids().ids()?.contains(&id));
            assert_eq!(to.partner_ids().len()?, members(&db, 2).len() + 1);
            assert!(to.partner_ids().load()?.contains(&moved));
            // Not to be written.
            Err::<(), _>(orm_core::Error::other("undone"))
        });
        lists.expect_err("undone")
    });
    db.transaction(|| moved.set_country_id(&to))?;
    for country in [1, 2] {
        // In the order of the key, as SQL gives it.
        assert_eq!(db.record::<Country>(country).partner_ids().ids()?, members(&db, country));
    }
    moved.set_country_id(None)?;
    db.assert_queries(0, || assert_eq!(to.partner_ids().ids().unwrap(), members(&db, 2)));
    Ok(())
}

#[test]
fn a_record_whose_link_was_not_cached_leaves_the_list_it_is_in() -> Result<()> {
    let db = TestDb::of_partners(60, 4);
    let countries = db.all::<Country>()?;
    // Keys alone: of the members nothing is cached.
    countries.iter().try_for_each(|country| country.partner_ids().ids().map(drop))?;
    let id = members(&db, 3)[0];
    assert_eq!(db.cache().get(Partner::COUNTRY_ID, id), None);
    db.assert_queries(1, || db.record::<Partner>(id).set_country_id(4))?;
    db.assert_queries(0, || {
        (1..=4).for_each(|country| {
            assert_eq!(db.record::<Country>(country).partner_ids().ids().unwrap(), members(&db, country));
        });
    });
    Ok(())
}

#[test]
fn many_records_moved_at_once_are_in_order() -> Result<()> {
    let db = TestDb::of_partners(2_000, 4);
    let countries = db.all::<Country>()?;
    countries.iter().try_for_each(|country| country.partner_ids().ids().map(drop))?;
    db.all::<Partner>()?.filter(|p| Ok(p.id() % 3 == 0))?.write(Partner::values().country_id(2))?;
    db.assert_queries(0, || {
        (1..=4).for_each(|country| {
            assert_eq!(db.record::<Country>(country).partner_ids().ids().unwrap(), members(&db, country));
        });
    });
    Ok(())
}

#[test]
fn a_created_record_joins_and_a_deleted_one_leaves() -> Result<()> {
    let db = TestDb::of_partners(60, 4);
    let country = db.record::<Country>(1);
    country.partner_ids().ids()?;
    let values = Partner::values().name("New").email("").phone("").city("").active(true).credit(0.0);
    let new = db.assert_queries(1, || db.create(values.country_id(&country)))?;
    db.assert_queries(0, || assert_eq!(country.partner_ids().ids().unwrap(), members(&db, 1)));
    // Nobody can be a member of what did not exist.
    db.assert_queries(0, || {
        assert_eq!((new.child_ids().len().unwrap(), new.tag_ids().ids().unwrap()), (0, vec![]));
    });
    new.delete()?;
    db.assert_queries(0, || assert_eq!(country.partner_ids().ids().unwrap(), members(&db, 1)));
    Ok(())
}

#[test]
fn pairs_are_right_on_both_sides() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let (partner, tag) = (db.record::<Partner>(4), db.record::<Tag>(9));
    let before = (partner.tag_ids().ids()?, tag.partner_ids().ids()?);
    assert!(!before.0.contains(&9));
    let (result, statements) = db.watch(|| {
        db.transaction(|| {
            partner.tag_ids().add(&tag)?;
            partner.tag_ids().add(&tag)?;
            assert_eq!(partner.tag_ids().ids()?.len(), before.0.len() + 1);
            assert_eq!(tag.partner_ids().ids()?.len(), before.1.len() + 1);
            assert!(tag.partner_ids().load()?.contains(&partner));
            Ok(())
        })
    });
    result?;
    assert_eq!(statements.len(), 1, "{statements:?}");
    let pairs = "SELECT count(*) || '' AS value FROM partner_tags WHERE partner_id = 4 AND tag_id = 9";
    assert_eq!(db.file.values(pairs), ["1"]);
    db.assert_queries(1, || tag.partner_ids().remove(&partner))?;
    db.assert_queries(0, || {
        assert_eq!((partner.tag_ids().ids().unwrap(), tag.partner_ids().ids().unwrap()), before);
    });
    assert_eq!(db.file.values(pairs), ["0"]);
    Ok(())
}

#[test]
fn what_is_added_and_taken_away_again_is_as_it_was_asked_last() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let (partner, tag) = (db.record::<Partner>(4), db.record::<Tag>(9));
    let there = || {
        db.file.values("SELECT tag_id || '' AS value FROM partner_tags WHERE partner_id = 4 AND tag_id = 9")
    };
    db.transaction(|| {
        partner.tag_ids().add(&tag)?;
        tag.partner_ids().remove(&partner)?;
        partner.tag_ids().add(&tag)
    })?;
    assert_eq!(there(), ["9"]);
    db.transaction(|| {
        tag.partner_ids().remove(&partner)?;
        partner.tag_ids().add(&tag)?;
        tag.partner_ids().remove(&partner)
    })?;
    assert_eq!(there(), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_loop_over_pairs_is_one_statement() -> Result<()> {
    let db = TestDb::of_partners(300, 4);
    let (partners, tag) = (db.all::<Partner>()?, db.record::<Tag>(9));
    let (result, statements) =
        db.watch(|| db.transaction(|| partners.iter().try_for_each(|partner| partner.tag_ids().add(&tag))));
    result?;
    // PostgreSQL is asked whether all that was not added was there already.
    assert_eq!(statements.len(), on!(sqlite 1, postgres 2, mysql 1), "{statements:?}");
    let count = "SELECT count(*) || '' AS value FROM partner_tags WHERE tag_id = 9";
    assert_eq!(db.file.values(count), ["300"]);
    let two = db.browse::<Tag>([1, 2]);
    // The lists of all in one SELECT, then what goes and what comes.
    let (result, statements) =
        db.watch(|| db.transaction(|| partners.iter().try_for_each(|partner| partner.tag_ids().set(&two))));
    result?;
    assert_eq!(statements.len(), 3, "{statements:?}");
    assert_eq!(
        db.file.values("SELECT tag_id AS value FROM partner_tags WHERE partner_id = 7 ORDER BY tag_id"),
        ["1", "2"]
    );
    assert_eq!(db.file.values("SELECT count(*) || '' AS value FROM partner_tags"), ["600"]);
    Ok(())
}
