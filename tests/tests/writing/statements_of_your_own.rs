//! W10: statements through `execute` and `with_connection` flush first and invalidate after: the models named, else all.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::database::{NAME, no_table};
use orm_tests::partners::*;

#[test]
fn they_see_what_waits_and_are_seen() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let partners = db.all::<Partner>()?;
    let country = db.record::<Country>(1);
    country.name()?;
    db.transaction(|| {
        db.record::<Partner>(3).set_city("here")?;
        let found = db.execute(
            diesel::update(partners::table.filter(partners::city.eq("here"))).set(partners::name.eq("there")),
        )?;
        assert_eq!(found, 1);
        assert_eq!(db.record::<Partner>(3).name()?, "there");
        Ok(())
    })?;
    assert_eq!(partners.name()?[2], "there");
    db.assert_queries(1, || country.name())?;
    let count =
        db.with_connection(|connection| Ok(partners::table.count().get_result::<i64>(connection)?))?;
    assert_eq!(count, 30);
    db.assert_queries(1, || country.name())?;
    Ok(())
}

#[test]
fn what_they_do_not_touch_stays() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let (country, partner) = (db.record::<Country>(1), db.record::<Partner>(3));
    country.name()?;
    partner.name()?;
    let members = country.partner_ids().ids()?;
    let moved = members[0];
    db.touching()
        .model::<Partner>()
        .execute(diesel::update(partners::table.find(moved)).set(partners::country_id.eq(2)))?;
    db.assert_queries(0, || country.name())?;
    // Who is in the list may have changed.
    assert_eq!(db.assert_queries(1, || country.partner_ids().ids())?, members[1..]);
    db.assert_queries(1, || partner.name())?;
    let names: Vec<String> = db
        .touching()
        .nothing()
        .with_connection(|connection| Ok(partners::table.select(partners::name).load(connection)?))?;
    assert_eq!(names.len(), 30);
    db.assert_queries(0, || (country.name(), partner.name(), country.partner_ids().ids())).0?;
    // What is not said may be anything.
    db.touching().execute(diesel::update(partners::table.find(3)).set(partners::name.eq("new")))?;
    assert_eq!(db.assert_queries(1, || partner.name())?, "new");
    Ok(())
}

#[test]
fn a_failing_one_says_so_and_the_cache_is_not_believed() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let partner = db.record::<Partner>(3);
    partner.name()?;
    let error = db.execute(diesel::sql_query("UPDATE nowhere SET x = 1")).expect_err("no such table");
    let error = error.to_string();
    assert!(error.starts_with("running a statement: ") && error.ends_with(&no_table("nowhere")), "{error}");
    db.assert_queries(1, || partner.name())?;
    let result: Result<()> = db.transaction(|| {
        db.with_connection(|connection| {
            diesel::update(partners::table.find(3)).set(partners::name.eq("x")).execute(connection)?;
            Err(orm_core::Error::other("undone"))
        })
    });
    assert_eq!(result.expect_err("undone").to_string(), "undone");
    assert_eq!(partner.name()?, "Partner number 3");
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "no INSERT that is refused ends a transaction there")]
fn a_transaction_that_one_of_them_has_ended_is_not_gone_on_with() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    db.file.run("CREATE UNIQUE INDEX names ON tags (name)");
    let result: Result<()> = db.transaction(|| {
        db.create(Tag::values().name("before"))?;
        // Made another error, and swallowed.
        let _ = db.with_connection(|connection| {
            let twice = "INSERT OR ROLLBACK INTO tags (name) VALUES ('Tag 1')";
            connection.batch_execute(twice).map_err(orm_core::Error::other)
        });
        let _ = db.create(Tag::values().name("after"));
        Ok(())
    });
    assert!(result.is_err());
    assert_eq!(db.file.values("SELECT count(*) || '' AS value FROM tags"), ["10"]);
    assert_eq!(db.create(Tag::values().name("later"))?.name()?, "later");
    Ok(())
}

#[test]
fn a_query_within_another_one_is_an_error_that_says_so() -> Result<()> {
    let db = TestDb::of_partners(3, 1);
    let within = db.with_connection(|_| Ok(db.all::<Partner>().map(|all| all.len())))?;
    let error = within.expect_err("the connection is lent");
    assert!(matches!(error, orm_core::Error::InUse { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("a query ran inside another one on the same connection to {NAME}; run it after that")
    );
    assert_eq!(db.all::<Partner>()?.len(), 3);
    Ok(())
}
