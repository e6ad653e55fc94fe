//! What the model system's own tests demand of computed fields that are not stored, by the row of its list.

use orm_core::Result;
use orm_tests::computed::*;

#[test]
fn row_6_a_loop_backwards_is_one_select() -> Result<()> {
    let db = contacts(100);
    let contacts = db.all::<Contact>()?;
    db.assert_queries(1, || contacts.iter().rev().try_for_each(|contact| contact.display_name().map(drop)))
}

#[test]
fn row_13_what_it_follows_from_in_two_steps_is_one_select_each() -> Result<()> {
    let db = contacts(40);
    let countries = db.all::<Country>()?;
    // The contacts of all, and the invoices of those
    db.assert_queries(2, || countries.iter().try_for_each(|country| country.largest().map(drop)))
}

#[test]
fn row_12_what_follows_from_cached_values_asks_nothing() -> Result<()> {
    let db = contacts(5);
    let contacts = db.all::<Contact>()?;
    contacts.country_id().name()?;
    db.assert_queries(0, || contacts.prefetch_field(Contact::DISPLAY_NAME))?;
    assert_eq!(calls(), 5);
    Ok(())
}

#[test]
fn row_32_what_waits_is_computed_with_and_not_sent() -> Result<()> {
    let db = contacts(3);
    db.transaction(|| {
        let contacts = db.browse::<Contact>([1, 2, 3]);
        contacts.get(1).expect("two").set_name("42")?;
        let (names, sent) = db.watch(|| contacts.display_name());
        assert_eq!(names?, ["c1 (France)", "42 (Belgium)", "c3 (France)"]);
        // The contacts, and their countries
        assert!(sent.len() == 2 && sent.iter().all(|sent| sent.is_select()), "{sent:?}");
        Ok(())
    })
}

#[test]
fn row_46_deleting_the_lines_makes_the_total_nothing() -> Result<()> {
    let db = contacts(3);
    let contact = db.record::<Contact>(2);
    assert_eq!(contact.total()?, 22);
    contact.invoice_ids().load()?.iter().try_for_each(|invoice| {
        assert!(contact.total()? > 0);
        invoice.delete()
    })?;
    assert_eq!(contact.total()?, 0);
    Ok(())
}

#[test]
fn row_48_names_of_a_tree_follow_what_is_moved_and_renamed() -> Result<()> {
    let db = contacts(15);
    let contacts = db.all::<Contact>()?;
    assert_eq!(contacts.get(14).expect("fifteen").full_name()?, "c1 / c3 / c7 / c15");
    contacts.full_name()?;
    calls();
    db.record::<Contact>(7).set_parent_id(2)?;
    assert_eq!(contacts.get(14).expect("fifteen").full_name()?, "c1 / c2 / c7 / c15");
    contacts.full_name()?;
    // What was moved, and what is under it
    assert_eq!(calls(), 3);
    db.browse::<Contact>([1, 2, 3]).set_name("x")?;
    assert_eq!(contacts.get(14).expect("fifteen").full_name()?, "x / x / c7 / c15");
    contacts.full_name()?;
    assert_eq!(calls(), 15);
    // A leaf that is deleted is no error of others.
    db.record::<Contact>(15).delete()?;
    assert_eq!(db.record::<Contact>(14).full_name()?, "x / x / c7 / c14");
    Ok(())
}

#[test]
fn row_50_only_those_that_are_linked_anew_are_computed() -> Result<()> {
    let db = contacts(6);
    let contacts = db.all::<Contact>()?;
    contacts.label_names()?;
    calls();
    // 1, 3 and 5 have it already.
    let label = db.record::<Label>(2);
    db.browse::<Contact>([1, 2, 4]).iter().try_for_each(|contact| contact.label_ids().add(&label))?;
    contacts.label_names()?;
    assert_eq!(calls(), 2);
    Ok(())
}

#[test]
fn row_59_writing_what_nobody_has_computed_from_costs_nothing() -> Result<()> {
    let db = contacts(6);
    let contact = db.record::<Contact>(3);
    contact.name()?;
    db.assert_queries(1, || contact.set_name("new"))?;
    assert_eq!(calls(), 0);
    Ok(())
}

#[test]
fn row_61_of_a_hundred_new_ones_that_is_computed_which_is_read() -> Result<()> {
    let db = contacts(1);
    let new = db.create_many((2..=101).map(|id| Contact::values().id(id).name("new").country_id(1)))?;
    assert_eq!(new.get(50).expect("one").display_name()?, "new (Belgium)");
    assert_eq!(calls(), 1);
    Ok(())
}

#[test]
fn row_73_what_is_read_with_others_is_computed_for_the_one_that_is_read() -> Result<()> {
    let db = contacts(20);
    let parents = db.browse::<Contact>([1, 2]).with_prefetch(&db.browse::<Contact>(1..=20));
    parents.display_name()?;
    assert_eq!(calls(), 2);
    Ok(())
}
