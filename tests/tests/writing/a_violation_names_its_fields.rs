//! `Violation::fields` and `is_of`: where a form shows what the database has refused.

use orm_core::{Result, ViolationKind};
use orm_tests::bank::*;

#[test]
fn the_fields_of_the_columns() -> Result<()> {
    let db = bank();
    let taken = db.record::<Account>(1).set_iban("BE2").unwrap_err().violation().expect("a violation");
    assert_eq!((taken.kind, taken.fields::<Account>()), (ViolationKind::Unique, vec!["iban"]));
    assert!(taken.is_of(Account::IBAN) && !taken.is_of(Account::BALANCE) && !taken.is_of(Account::ID));
    // Of another model it is not, whatever its fields are called.
    assert_eq!(taken.fields::<Owner>(), [""; 0]);
    assert!(!taken.is_of(Owner::NAME));
    // The key of a row that is there
    let key = db.create(Label::values().code("red").title("again")).unwrap_err();
    let key = key.violation().expect("a violation");
    if !cfg!(feature = "mysql") {
        assert_eq!(key.fields::<Label>(), ["code"]);
        assert!(key.is_of(Label::CODE));
    }
    Ok(())
}

#[test]
fn of_a_link_where_the_database_says_it() -> Result<()> {
    let db = bank();
    let nowhere = db.create(Account::values().iban("BE9").owner_id(99)).unwrap_err();
    let violation = nowhere.violation().expect("a violation");
    assert_eq!(violation.kind, ViolationKind::ForeignKey);
    // SQLite does not.
    let fields: &[&str] = if cfg!(feature = "sqlite") { &[] } else { &["owner_id"] };
    assert_eq!(violation.fields::<Account>(), fields, "{nowhere}");
    assert_eq!(violation.is_of(Account::OWNER_ID), !cfg!(feature = "sqlite"));
    Ok(())
}
