//! W1: a written value is what every reader in the environment sees at once, and the database at the end of the call or
//! of the transaction.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::{TestDb, on};

/// What plain SQL finds
fn name_of(db: &TestDb, id: i32) -> String {
    partners::table.find(id).select(partners::name).first(&mut db.file.connect()).expect("the partner")
}

#[test]
fn outside_a_transaction_a_setter_writes_before_it_returns() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let (one, other) = (db.record::<Partner>(1), db.browse::<Partner>([1, 2]));
    other.name()?;
    let (_, statements) = db.watch(|| one.set_name("Azure"));
    assert_eq!(statements.len(), 1, "{statements:?}");
    let (key, bind) = on!(sqlite("?", "1"), postgres("ANY(?)", "[1]"), mysql("?", "1"));
    assert_eq!(
        statements[0].plain(),
        format!("UPDATE `partners` SET `name` = ? WHERE `partners`.`id` = {key}")
    );
    assert_eq!(statements[0].binds, ["\"Azure\"", bind]);
    db.assert_queries(0, || {
        assert_eq!(one.name()?, "Azure");
        assert_eq!(other.name()?[0], "Azure");
        Ok::<_, orm_core::Error>(())
    })?;
    assert_eq!(name_of(&db, 1), "Azure");
    // One statement needs no transaction around it.
    assert!(db.statements.control().is_empty());
    Ok(())
}

#[test]
fn inside_one_it_waits_for_the_commit() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let partners = db.all::<Partner>()?;
    let (_, statements) = db.watch(|| {
        db.transaction(|| {
            for partner in &partners {
                partner.set_name(format!("Renamed {}", partner.id()))?;
                assert_eq!(partner.name()?, format!("Renamed {}", partner.id()));
            }
            assert_eq!(name_of(&db, 1), "Partner number 1");
            assert_eq!(db.stats().dirty, 20);
            assert!(db.cache().entry(Partner::NAME, 1).unwrap().dirty);
            Ok(())
        })
    });
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(name_of(&db, 20), "Renamed 20");
    assert!(!db.cache().entry(Partner::NAME, 1).unwrap().dirty);
    assert_eq!(db.stats().dirty, 0);
    Ok(())
}

#[test]
fn every_kind_of_value_can_be_written() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let partner = db.record::<Partner>(3);
    let belgium = db.create(Country::values().name("Belgium").code("BE"))?;
    partner.set_lang(None)?;
    partner.set_lang("fr_BE")?;
    partner.set_lang(Some("nl_BE".into()))?;
    partner.set_active(false)?;
    partner.set_credit(1.5)?;
    partner.set_country_id(&belgium)?;
    partner.set_country_id(belgium.id())?;
    partner.set_country_id(Id::<Country>::new(2))?;
    partner.set_country_id(None)?;
    partner.set_country_id(belgium.clone())?;
    partner.write(Partner::values().name("A").email(String::from("a@b")).parent_id(2).notes("x"))?;
    db.cache().clear();
    assert_eq!(partner.lang()?.as_deref(), Some("nl_BE"));
    assert_eq!((partner.active()?, partner.credit()?), (false, 1.5));
    assert_eq!(partner.country_id().name()?.as_deref(), Some("Belgium"));
    assert_eq!(partner.parent_id().id()?, Some(2));
    assert_eq!((partner.name()?.as_str(), partner.email()?.as_str()), ("A", "a@b"));
    assert_eq!(partner.notes()?.as_deref(), Some("x"));
    Ok(())
}

#[test]
fn an_equal_value_is_no_write() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let partner = db.record::<Partner>(1);
    let name = partner.name()?;
    db.assert_queries(0, || partner.set_name(&name))?;
    db.assert_queries(1, || db.browse::<Partner>([2]).set_name("x"))?;
    Ok(())
}

/// What is too old to be read is too old to be compared with: an equal value is written when somebody else has written
/// another one.
#[test]
fn a_value_that_is_too_old_is_written_again() -> Result<()> {
    let age = std::time::Duration::from_millis(5);
    let db = orm_tests::test_db!(orm_tests::File::of_partners(20, 5), max_age(age));
    let (partner, tag) = (db.record::<Partner>(4), db.record::<Tag>(5));
    let (name, had) = (partner.name()?, partner.tag_ids().load()?.contains(&tag));
    assert!(had);
    db.file.run(
        "UPDATE partners SET name = 'other' WHERE id = 4; DELETE FROM partner_tags WHERE partner_id = 4",
    );
    std::thread::sleep(2 * age);
    partner.set_name(&name)?;
    partner.tag_ids().add(&tag)?;
    assert_eq!(name_of(&db, 4), name);
    assert_eq!(db.file.values("SELECT tag_id || '' AS value FROM partner_tags WHERE partner_id = 4"), ["5"]);
    Ok(())
}
