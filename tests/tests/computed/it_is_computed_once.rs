//! A computed value is computed once for each record while what it read stands; its inputs are loaded for all at once.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::computed::*;
use orm_tests::test_db;

#[test]
fn a_loop_costs_the_selects_of_its_inputs_and_no_more() -> Result<()> {
    let db = contacts(2500);
    let contacts = db.assert_queries(1, || db.all::<Contact>())?;
    // The countries of all.
    db.assert_queries(1, || {
        for contact in &contacts {
            let country = if contact.id() % 2 == 0 { "Belgium" } else { "France" };
            assert_eq!(contact.display_name()?, format!("c{} ({country})", contact.id()));
        }
        Ok::<_, orm_core::Error>(())
    })?;
    assert_eq!(calls(), 2500);
    let again = db.assert_queries(0, || contacts.display_name())?;
    assert_eq!((again.len(), calls()), (2500, 0));
    // The lists of invoices: a thousand a statement.
    db.assert_queries(3, || contacts.iter().try_for_each(|contact| contact.total().map(drop)))?;
    assert_eq!(calls(), 2500);
    Ok(())
}

#[test]
fn it_is_read_on_all_handles() -> Result<()> {
    let db = contacts(10);
    let (contact, invoices) = (db.record::<Contact>(3), db.all::<Invoice>()?);
    assert_eq!(contact.display_name()?, "c3 (France)");
    assert_eq!(contact.parent_id().display_name()?, Some("c1 (France)".into()));
    assert_eq!(db.record::<Contact>(1).parent_id().display_name()?, None);
    assert_eq!(invoices.get(5).unwrap().contact_id().display_name()?, "c3 (France)");
    assert_eq!(invoices.contact_id().display_name()?.len(), 10);
    assert_eq!(contact.child_ids().display_name()?, ["c6 (Belgium)", "c7 (France)"]);
    assert_eq!(contact.get(Contact::DISPLAY_NAME)?, "c3 (France)");
    assert_eq!(contact.label_names()?, Some("green".into()));
    assert_eq!(contact.invoice_count()?, 2);
    calls();
    let sorted = db.all::<Contact>()?.sort_by_key(|contact| contact.display_name())?;
    assert_eq!(sorted.first().unwrap().id(), 1);
    let groups = db.all::<Contact>()?.group_by(|contact| contact.label_names())?;
    assert_eq!(groups.len(), 2);
    Ok(())
}

#[test]
fn for_all_records_at_once_it_is_one_call_for_a_batch() -> Result<()> {
    let db = contacts(2500);
    let contacts = db.all::<Contact>()?;
    db.assert_queries(3, || {
        for contact in &contacts {
            assert_eq!(contact.open_count()?, 1);
        }
        Ok::<_, orm_core::Error>(())
    })?;
    assert_eq!(calls(), 3);
    // Behind a link, too.
    db.cache().clear();
    let invoices = db.all::<Invoice>()?;
    for invoice in &invoices {
        assert_eq!(invoice.contact_id().open_count()?, 1);
    }
    assert_eq!(calls(), 3);
    Ok(())
}

#[test]
fn it_is_prefetched_and_looked_at_in_the_cache() -> Result<()> {
    let db = contacts(10);
    let contacts = db.all::<Contact>()?;
    assert_eq!(db.cache().get(Contact::DISPLAY_NAME, 3), None);
    contacts.prefetch_field(Contact::DISPLAY_NAME)?;
    assert_eq!(calls(), 10);
    assert_eq!(db.cache().get(Contact::DISPLAY_NAME, 3).unwrap(), "c3 (France)");
    assert!(!db.cache().entry(Contact::DISPLAY_NAME, 3).unwrap().dirty);
    db.cache().invalidate(Contact::DISPLAY_NAME, [3]);
    assert_eq!(db.cache().get(Contact::DISPLAY_NAME, 3), None);
    db.assert_queries(0, || contacts.display_name())?;
    assert_eq!(calls(), 1);
    let stats = db.stats();
    let field = stats.models.iter().find(|model| model.name == "Contact").unwrap();
    let field = field.fields.iter().find(|field| field.name == "display_name").unwrap();
    assert_eq!((field.values, field.misses), (10, 11));
    Ok(())
}

#[test]
fn what_is_computed_is_no_part_of_a_copy_nor_of_a_search() -> Result<()> {
    let db = contacts(3);
    let contact = db.record::<Contact>(3).to_model()?;
    assert_eq!((contact.name.as_str(), calls()), ("c3", 0));
    let _: Computed<String> = contact.display_name;
    db.create(Contact::values().id(9).name("new"))?;
    assert_eq!(db.record::<Contact>(9).display_name()?, "new");
    Ok(())
}

#[test]
fn a_limited_cache_keeps_to_its_limit() -> Result<()> {
    let db = test_db!(file(3000), cache_limit(500));
    let contacts = db.all::<Contact>()?;
    for _ in 0..2 {
        for contact in &contacts {
            let country = if contact.id() % 2 == 0 { "Belgium" } else { "France" };
            assert_eq!(contact.display_name()?, format!("c{} ({country})", contact.id()));
            assert_eq!(contact.total()?, 11 * i64::from(contact.id()));
        }
    }
    assert!(db.stats().records <= 600, "{}", db.stats().records);
    Ok(())
}

#[test]
fn what_is_noted_does_not_grow_with_what_was_computed() -> Result<()> {
    let db = contacts(10);
    let (contact, mut bytes) = (db.record::<Contact>(3), Vec::new());
    db.transaction(|| {
        for turn in 0..40_000 {
            // The country's name is read each time, and never written.
            contact.set_name(if turn % 2 == 0 { "even" } else { "odd" })?;
            contact.display_name()?;
            if turn % 10_000 == 9_999 {
                bytes.push(db.stats().bytes);
            }
        }
        Ok(())
    })?;
    assert_eq!(calls(), 40_000);
    assert!(bytes[3] <= bytes[0], "{bytes:?}");
    Ok(())
}

#[test]
fn a_chain_of_ten_thousand_is_computed_once_each() -> Result<()> {
    let db = chain(10_000);
    let contacts = db.all::<Contact>()?;
    let last = contacts.last().unwrap();
    assert_eq!(last.full_name()?.matches(" / ").count(), 9_999);
    assert_eq!(calls(), 10_000);
    Ok(())
}
