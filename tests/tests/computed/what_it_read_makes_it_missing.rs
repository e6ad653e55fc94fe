//! Whatever a computed value was computed from makes it missing when it changes, however far away, and nothing else does.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::computed::*;

/// All contacts, with every computed field of each
fn computed() -> Result<(TestDb, usize)> {
    let db = contacts(20);
    read_all(&db)?;
    assert_eq!(read_all(&db)?, 0);
    Ok((db, 20))
}

/// Reads every computed field; tells how often one was computed.
fn read_all(db: &TestDb) -> Result<usize> {
    calls();
    let contacts = db.browse::<Contact>(1..=20);
    contacts.display_name()?;
    contacts.full_name()?;
    contacts.total()?;
    contacts.label_names()?;
    contacts.invoice_count()?;
    contacts.open_count()?;
    db.browse::<Country>(1..=3).largest()?;
    let count = calls();
    let fresh = Environment::connect(&db.file.url())?;
    let others = fresh.browse::<Contact>(1..=20);
    assert_eq!(contacts.display_name()?, others.display_name()?);
    assert_eq!(contacts.full_name()?, others.full_name()?);
    assert_eq!(contacts.total()?, others.total()?);
    assert_eq!(contacts.label_names()?, others.label_names()?);
    assert_eq!(contacts.invoice_count()?, others.invoice_count()?);
    assert_eq!(contacts.open_count()?, others.open_count()?);
    assert_eq!(db.browse::<Country>(1..=3).largest()?, fresh.browse::<Country>(1..=3).largest()?);
    calls();
    Ok(count)
}

#[test]
fn a_field_that_was_written() -> Result<()> {
    let (db, _) = computed()?;
    db.record::<Contact>(20).set_name("new")?;
    // Its own display name and full name.
    assert_eq!(read_all(&db)?, 2);
    // To the same value
    db.record::<Contact>(20).set_name("new")?;
    assert_eq!(read_all(&db)?, 0);
    db.record::<Country>(1).set_code("xx")?;
    assert_eq!(read_all(&db)?, 0);
    db.record::<Country>(1).set_name("België")?;
    assert_eq!(read_all(&db)?, 10);
    Ok(())
}

#[test]
fn a_computed_field_that_it_follows_from() -> Result<()> {
    let (db, _) = computed()?;
    // The full names of 2, 4, 5, 8 to 11, 16 to 20 and the display name of 2.
    db.record::<Contact>(2).set_name("new")?;
    assert_eq!(read_all(&db)?, 13);
    // A total, its country's largest, and what was searched for all at once.
    db.record::<Invoice>(40).set_amount(1)?;
    assert_eq!(read_all(&db)?, 3);
    Ok(())
}

#[test]
fn a_link_and_a_list_that_were_changed() -> Result<()> {
    let (db, _) = computed()?;
    db.record::<Contact>(20).set_parent_id(1)?;
    assert_eq!(read_all(&db)?, 1);
    db.record::<Contact>(20).set_country_id(None)?;
    // Its display name, and the largest of the country that it has left.
    assert_eq!(read_all(&db)?, 2);
    db.record::<Contact>(20).label_ids().add(&db.record::<Label>(3))?;
    assert_eq!(read_all(&db)?, 1);
    db.record::<Label>(3).set_name("violet")?;
    assert_eq!(read_all(&db)?, 1);
    Ok(())
}

#[test]
fn records_that_come_and_go() -> Result<()> {
    let (db, _) = computed()?;
    db.create(Invoice::values().contact_id(20).amount(1000).state("open"))?;
    // Its total and count, the country's largest, and what was searched.
    assert_eq!(read_all(&db)?, 4);
    db.record::<Invoice>(39).delete()?;
    assert_eq!(read_all(&db)?, 4);
    Ok(())
}

#[test]
fn a_row_that_was_not_there() -> Result<()> {
    let db = contacts(2);
    db.execute(diesel::sql_query("UPDATE contacts SET country_id = 77 WHERE id = 2"))?;
    let contact = db.record::<Contact>(2);
    assert!(contact.display_name().is_err_and(|error| error.is_missing_record()));
    db.create(Country::values().id(77).name("new"))?;
    assert_eq!(contact.display_name()?, "c2 (new)");
    Ok(())
}

#[test]
fn what_was_invalidated_or_refreshed() -> Result<()> {
    let (db, _) = computed()?;
    db.cache().invalidate(Contact::NAME, [20]);
    assert_eq!(read_all(&db)?, 2);
    db.file.run("UPDATE countries SET name = 'elsewhere' WHERE id = 1");
    db.record::<Country>(1).refresh()?;
    assert_eq!(db.record::<Contact>(2).display_name()?, "c2 (elsewhere)");
    assert_eq!(db.record::<Contact>(3).display_name()?, "c3 (France)");
    read_all(&db)?;
    db.cache().clear();
    assert!(read_all(&db)? > 0);
    Ok(())
}

#[test]
fn a_rollback_of_what_it_follows_from() -> Result<()> {
    let (db, _) = computed()?;
    let undone: Result<()> = db.transaction(|| {
        db.record::<Country>(1).set_name("other")?;
        db.record::<Contact>(1).set_name("new")?;
        db.create(Invoice::values().contact_id(20).amount(1000).state("open"))?;
        read_all_here(&db)?;
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    let count = read_all(&db)?;
    assert!(count > 0);
    // What follows from nothing that was changed was computed before, and still stands.
    assert!(count < 70, "{count}");
    Ok(())
}

fn read_all_here(db: &TestDb) -> Result<()> {
    let contacts = db.browse::<Contact>(1..=20);
    contacts.display_name()?;
    contacts.full_name()?;
    contacts.total()?;
    contacts.open_count()?;
    Ok(())
}

#[test]
fn what_the_database_may_have_deleted_along() -> Result<()> {
    let db = contacts(3);
    db.file.run(
        "CREATE TRIGGER along AFTER DELETE ON contacts
         BEGIN DELETE FROM invoices WHERE contact_id = old.id OR id = 1; END",
    );
    let (contact, gone) = (db.record::<Contact>(1), db.record::<Contact>(3));
    assert_eq!((contact.open_count()?, contact.total()?, gone.total()?), (1, 11, 33));
    db.browse::<Invoice>([5, 6]).contact_id().ids()?;
    calls();
    gone.delete()?;
    // A search of the table that links to it is no basis any more.
    assert_eq!((contact.open_count()?, calls()), (0, 1));
    assert!(gone.total().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn not_the_way_to_the_record() -> Result<()> {
    let db = contacts(8);
    let contacts = db.all::<Contact>()?;
    contacts.rival()?;
    // The head of the one with the largest sum is computed where it stands behind two links, its own link being asked for.
    db.cache().invalidate_field(Contact::PARENT_ID);
    contacts.get(1).expect("two").rival()?;
    calls();
    db.record::<Invoice>(12).set_amount(0)?;
    assert_eq!((db.record::<Contact>(8).head().id()?, calls()), (1, 0));
    Ok(())
}
