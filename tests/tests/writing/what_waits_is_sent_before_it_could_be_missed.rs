//! W3: what waits is flushed before any SELECT that could see it; a batch by key is not such a SELECT.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

fn words(statements: &[orm_tests::statements::Statement]) -> Vec<&str> {
    statements.iter().map(|statement| &statement.sql[..6]).collect()
}

/// Runs work in a transaction and tells which statements it sent before the commit.
fn in_transaction(db: &TestDb, work: impl FnOnce() -> Result<()>) -> Result<Vec<String>> {
    let mut sent = Vec::new();
    db.transaction(|| {
        let (result, statements) = db.watch(work);
        sent = words(&statements).into_iter().map(str::to_owned).collect();
        result
    })?;
    Ok(sent)
}

#[test]
fn a_search_sees_what_was_written() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let partner = db.record::<Partner>(7);
    let sent = in_transaction(&db, || {
        partner.set_name("Azure")?;
        let found: RecordSet<Partner> = partners::table.filter(partners::name.eq("Azure")).records(&db)?;
        assert_eq!(found.ids(), [7]);
        Ok(())
    })?;
    assert_eq!(sent, ["UPDATE", "SELECT"]);
    let sent = in_transaction(&db, || {
        db.record::<Country>(3).set_name("Belgium")?;
        let of = partners::table.inner_join(countries::table).filter(countries::name.eq("Belgium"));
        assert!(!of.record_ids::<Partner>(&db)?.is_empty());
        partner.set_name("Zulu")?;
        assert_eq!(
            partners::table.order(partners::name.desc()).first_record::<Partner>(&db)?,
            Some(partner.clone())
        );
        partner.set_name("Zulu 2")?;
        assert_eq!(db.all::<Partner>()?.len(), 50);
        Ok(())
    })?;
    assert_eq!(sent, ["UPDATE", "SELECT", "UPDATE", "SELECT", "UPDATE", "SELECT"]);
    Ok(())
}

#[test]
fn a_batch_by_key_does_not_flush_and_does_not_overwrite() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let partners = db.browse::<Partner>(1..=3);
    let sent = in_transaction(&db, || {
        partners.first().ok_or_else(|| Error::other("no partner"))?.set_name("Dirty")?;
        assert_eq!(partners.email()?.len(), 3);
        assert_eq!(partners.name()?, ["Dirty", "Partner number 2", "Partner number 3"]);
        assert_eq!(partners.country_id().name()?.len(), 3);
        assert!(partners.exists()?.len() == 3);
        Ok(())
    })?;
    assert_eq!(sent, ["SELECT", "SELECT", "SELECT"]);
    Ok(())
}

#[test]
fn lists_and_counts_see_moved_members() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let (country, partner) = (db.record::<Country>(2), db.record::<Partner>(3));
    let before = country.partner_ids().len()?;
    let sent = in_transaction(&db, || {
        db.cache().clear();
        partner.set_country_id(&country)?;
        assert!(country.partner_ids().ids()?.contains(&3));
        assert_eq!(country.partner_ids().len()?, before + 1);
        Ok(())
    })?;
    assert_eq!(sent, ["UPDATE", "SELECT"]);
    let sent = in_transaction(&db, || {
        db.cache().clear();
        partner.set_country_id(None)?;
        assert_eq!(country.partner_ids().len()?, before);
        Ok(())
    })?;
    assert_eq!(sent, ["UPDATE", "SELECT"]);
    Ok(())
}

#[test]
fn a_list_does_not_flush_what_it_cannot_see() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let sent = in_transaction(&db, || {
        let country = db.record::<Country>(2);
        country.set_name("Belgium")?;
        country.partner_ids().name()?;
        Ok(())
    })?;
    assert_eq!(sent, ["SELECT"]);
    Ok(())
}

#[test]
fn pairs_are_sent_before_a_list_is_read() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let (partner, tags) = (db.record::<Partner>(3), db.browse::<Tag>([8, 9]));
    let sent = in_transaction(&db, || {
        partner.tag_ids().add(&tags)?;
        let ids = db.record::<Tag>(9).partner_ids().ids()?;
        assert!(ids.contains(&3), "{ids:?}");
        Ok(())
    })?;
    assert_eq!(sent, ["INSERT", "SELECT"]);
    Ok(())
}
