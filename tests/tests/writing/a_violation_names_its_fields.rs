//! `Violation::fields` and `is_of`: where a form shows what the database has refused.

use orm_core::{Result, ViolationKind};
use orm_tests::bank::*;
use orm_tests::on;

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

/// A trigger's own statement may violate a constraint of a column that is called as one of the model's.
#[test]
#[cfg_attr(feature = "mysql", ignore = "MariaDB does not say of which table a key is")]
fn not_of_a_table_that_a_trigger_writes() -> Result<()> {
    let db = bank();
    db.file.run(
        "CREATE TABLE seen (iban TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
         CREATE TRIGGER accounts_are_seen AFTER UPDATE OF balance ON accounts BEGIN INSERT INTO seen VALUES ('one', ''); END",
    );
    db.record::<Account>(1).set_balance(1)?;
    let twice = db.record::<Account>(1).set_balance(2).unwrap_err().violation().expect("a violation");
    // PostgreSQL names a partition in the same way.
    let table = if cfg!(feature = "sqlite") { Some("seen") } else { None };
    assert_eq!((twice.table.as_deref(), twice.column.as_deref()), (table, Some("iban")));
    assert_eq!(twice.fields::<Account>(), [""; 0]);
    assert!(!twice.is_of(Account::IBAN));
    Ok(())
}

/// Nor does a new record lack what such a statement lacks.
#[test]
fn nothing_is_missing_that_a_trigger_has_not_given() -> Result<()> {
    let db = bank();
    db.file.run(
        "CREATE TABLE seen (iban TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
         CREATE TRIGGER labels_are_seen AFTER INSERT ON labels BEGIN INSERT INTO seen VALUES (NEW.code, NULL); END",
    );
    let new = db.create(Label::values().code("red2").title("given")).unwrap_err();
    assert!(!matches!(new, orm_core::Error::MissingValue { .. }), "{new}");
    // MySQL does not say of which table the column is.
    let fields = on!(sqlite vec![], postgres vec![], mysql vec!["title"]);
    assert_eq!(new.violation().map(|violation| violation.fields::<Label>()), Some(fields));
    Ok(())
}
