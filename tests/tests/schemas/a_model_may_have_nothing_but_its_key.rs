//! A model that has nothing but its key, or nothing else that comes with a search: what says that a row is there.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

diesel::table! { kinds { id -> Integer, note -> Nullable<Text> } }

#[derive(Model, Debug, PartialEq)]
#[model(table = kinds)]
struct Kind {
    id: i32,
}

#[derive(Model, Debug, PartialEq)]
#[model(table = kinds)]
struct Noted {
    id: i32,
    #[model(deferred)]
    note: Option<String>,
}

/// A link over the key's column is a column that somebody may read, or nobody.
#[derive(Model)]
#[model(table = kinds)]
struct Linking {
    id: i32,
    #[model(column = id)]
    kind_id: Id<Kind>,
}

fn db() -> TestDb {
    TestDb::new(
        "CREATE TABLE kinds (id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO kinds VALUES (1, 'a'), (2, NULL), (3, 'c');",
    )
}

#[test]
fn a_copy_of_a_row_that_is_not_there_is_an_error() -> Result<()> {
    let db = db();
    let (there, gone) = (db.record::<Kind>(1), db.record::<Kind>(77));
    assert_eq!(db.assert_queries(1, || there.to_model())?, Kind { id: 1 });
    for _ in 0..2 {
        assert!(gone.to_model().is_err_and(|error| error.is_missing_record()));
        assert!(gone.prefetch().is_err_and(|error| error.is_missing_record()));
    }
    assert!(db.record::<Noted>(78).prefetch().is_err_and(|error| error.is_missing_record()));
    assert!(db.record::<Noted>(79).to_model().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn it_is_asked_once_for_a_set_and_not_at_all_after_a_search() -> Result<()> {
    let db = db();
    let kinds = db.browse::<Kind>([1, 2, 3, 77]);
    let there = db.assert_queries(1, || kinds.iter().filter(|kind| kind.to_model().is_ok()).count());
    assert_eq!(there, 3);
    db.assert_queries(0, || kinds.iter().filter(|kind| kind.prefetch().is_err()).count());
    db.cache().clear();
    let all = db.assert_queries(1, || db.all::<Kind>())?;
    db.assert_queries(0, || all.iter().try_for_each(|kind| kind.to_model().map(drop)))?;
    assert_eq!(db.stats().unread().len(), 0);
    Ok(())
}

#[test]
fn what_is_created_and_deleted_is_there_and_gone() -> Result<()> {
    let db = db();
    let kind = db.create(Kind::values().id(9))?;
    assert_eq!(kind.to_model()?, Kind { id: 9 });
    kind.delete()?;
    assert!(db.assert_queries(0, || kind.to_model()).is_err_and(|error| error.is_missing_record()));
    let next = db.create(Kind::values().id(9))?;
    assert_eq!(next.id(), 9);
    assert_eq!(kind.to_model()?, Kind { id: 9 });
    Ok(())
}

#[test]
fn a_link_over_the_key_is_told_when_nobody_reads_it() -> Result<()> {
    let db = db();
    let all = db.all::<Linking>()?;
    let unread: Vec<_> = db.stats().unread().iter().map(|unread| (unread.model, unread.field)).collect();
    assert_eq!(unread, [("Linking", "kind_id")]);
    assert_eq!(all.kind_id().ids()?, [1, 2, 3]);
    assert_eq!(db.stats().unread().len(), 0);
    Ok(())
}
