//! `records_with_fields`: one SELECT of the key, the fields named and the version; what else is read comes for the whole
//! set, with one SELECT of the columns that were left out.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::partners::*;
use orm_tests::{TestDb, test_db};

fn found<'env, F: orm_core::bounds::Fields<Partner>>(
    db: &'env TestDb,
    fields: F,
) -> RecordSet<'env, Partner> {
    partners::table.order(partners::id).records_with_fields::<Partner>(&db.env, fields).expect("partners")
}

#[test]
fn only_these_columns_are_asked_for() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let (set, statements) = db.watch(|| found(&db, (Partner::COUNTRY_ID, Partner::NAME)));
    assert_eq!(statements.len(), 1);
    assert_eq!(
        statements[0].columns(),
        ["id", "name", "country_id"],
        "each once, in the order of the struct"
    );
    assert_eq!(db.stats().values, 200);
    db.assert_queries(0, || {
        for partner in &set {
            partner.name()?;
            partner.country_id().id()?;
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(set.name()?[41], "Partner number 42");
    // What the link leads to is read as it always is: one SELECT for all.
    db.assert_queries(1, || set.iter().try_for_each(|partner| partner.country_id().name().map(drop)))
}

#[test]
fn what_was_left_out_comes_for_the_set_in_one_select() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let set = found(&db, (Partner::NAME, Partner::COUNTRY_ID));
    let (read, statements) = db.watch(|| {
        set.iter().map(|partner| Ok((partner.email()?, partner.city()?))).collect::<Result<Vec<_>>>()
    });
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(
        statements[0].columns(),
        ["id", "lang", "email", "phone", "city", "active", "credit", "parent_id"],
        "all that is prefetchable but those that are cached"
    );
    assert_eq!(statements[0].keys().len(), 100);
    assert_eq!(read?[6], ("partner7@example.com".into(), "City 7".into()));
    db.assert_queries(0, || set.credit())?;
    Ok(())
}

#[test]
fn one_field_needs_no_tuple_and_the_key_costs_nothing() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let (set, statements) = db.watch(|| found(&db, Partner::NAME));
    assert_eq!(statements[0].columns(), ["id", "name"]);
    assert_eq!(set.name()?.len(), 10);
    let (_, statements) = db.watch(|| found(&db, Partner::ID));
    assert_eq!(statements[0].columns(), ["id"]);
    let (_, statements) = db.watch(|| found(&db, (Partner::NAME, Partner::NAME)));
    assert_eq!(statements[0].columns(), ["id", "name"], "a field named twice is asked for once");
    Ok(())
}

#[test]
fn a_deferred_column_can_be_named() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let (set, statements) = db.watch(|| found(&db, (Partner::NAME, Partner::NOTES)));
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].columns(), ["id", "name", "notes"]);
    let notes = db.assert_queries(0, || set.notes())?;
    assert_eq!(notes[2].as_deref(), Some("Notes of 3"));
    Ok(())
}

#[test]
fn tuples_of_twelve_and_of_tuples() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    type P = Partner;
    let most = (P::ID, P::NAME, P::LANG, P::EMAIL, P::PHONE, P::CITY, P::ACTIVE, P::CREDIT);
    let (_, statements) = db.watch(|| found(&db, (most, (P::COUNTRY_ID, P::PARENT_ID), P::NOTES)));
    assert_eq!(statements[0].columns().len(), 11);
    let twelve = (P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::ID, P::CITY);
    let (_, statements) = db.watch(|| found(&db, twelve));
    assert_eq!(statements[0].columns(), ["id", "city"]);
    Ok(())
}

#[test]
fn lists_that_are_named_are_read_with_one_select_each() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let (set, statements) = db.watch(|| found(&db, (Partner::NAME, Partner::TAG_IDS)));
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert_eq!(statements[0].columns(), ["id", "name"]);
    assert_eq!(statements[1].keys().len(), 100);
    db.assert_queries(0, || {
        for partner in &set {
            assert!(!partner.tag_ids().name()?.is_empty());
        }
        Ok(())
    })
}

#[test]
fn what_is_cached_stays_and_is_not_read_again() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let all = db.all::<Partner>()?;
    db.file.run("UPDATE partners SET name = 'new'");
    let set = found(&db, Partner::NAME);
    assert_eq!(set, all);
    db.assert_queries(0, || assert_eq!(set.name().expect("cached")[0], "Partner number 1"));
    db.assert_queries(0, || set.city()).map(drop)
}

#[test]
fn joins_filters_and_the_inferred_model() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let query =
        partners::table.inner_join(countries::table).filter(countries::code.eq("03")).order(partners::id);
    // The fields say which model is meant.
    let found =
        db.assert_queries(1, || query.records_with_fields(&db.env, (Partner::NAME, Partner::CITY)))?;
    assert_eq!(found.ids(), query.record_ids::<Partner>(&db)?.ids());
    db.assert_queries(0, || found.city())?;
    Ok(())
}

#[test]
fn more_than_a_window_is_read_window_by_window() -> Result<()> {
    let db = TestDb::of_partners(2500, 10);
    let set = found(&db, Partner::NAME);
    db.assert_keys(&[1000, 1000, 500], || set.iter().try_for_each(|partner| partner.email().map(drop)))
}

#[test]
fn under_a_limit_the_fields_are_read_again_as_any_others() -> Result<()> {
    let db = test_db!(orm_tests::database::File::of_partners(1000, 10), cache_limit(100));
    let set = found(&db, (Partner::NAME, Partner::CITY));
    assert!(db.stats().records <= 100);
    assert_eq!(set.name()?[999], "Partner number 1000");
    Ok(())
}

mod versioned {
    use super::*;

    diesel::table! { documents { id -> Integer, title -> Text, body -> Text, version -> Integer } }

    #[derive(Model)]
    #[model(table = documents)]
    struct Document {
        id: i32,
        title: String,
        body: String,
        #[model(version)]
        version: i32,
    }

    #[test]
    fn the_version_comes_with_whatever_is_named() -> Result<()> {
        let db = TestDb::new(
            "CREATE TABLE documents (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
                version INTEGER NOT NULL);
             INSERT INTO documents VALUES (1, 'a', 'A', 1), (2, 'b', 'B', 1)",
        );
        let (set, statements) =
            db.watch(|| documents::table.records_with_fields::<Document>(&db.env, Document::TITLE));
        assert_eq!(statements[0].columns(), ["id", "title", "version"]);
        let first = set?.first().expect("two");
        // Somebody else writes: what is written on the ground of the title read before must not win.
        db.file.run("UPDATE documents SET title = 'x', version = 2 WHERE id = 1");
        assert!(matches!(first.set_title("y"), Err(Error::Conflict { .. })));
        assert_eq!(db.file.values("SELECT title AS value FROM documents WHERE id = 1"), ["x"]);
        Ok(())
    }
}
