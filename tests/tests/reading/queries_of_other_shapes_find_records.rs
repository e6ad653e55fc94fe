//! A `UNION` and SQL of one's own find records: columns by name, the key there once, what is not there read when wanted.

use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl};
use diesel::sql_query;
use diesel::sql_types::{Integer, Text};
use orm_core::prelude::*;
use orm_core::{Error, Result, assert_queries};
use orm_tests::TestDb;
use orm_tests::database::{Backend, bind};
use orm_tests::partners::*;

fn db() -> TestDb {
    TestDb::of_partners(100, 10)
}

#[test]
fn a_union_of_whole_rows() -> Result<()> {
    let db = db();
    let few = partners::table.filter(partners::id.le(3));
    let some = partners::table.filter(partners::id.between(2, 5));
    let found: RecordSet<'_, Partner> = db.assert_queries(1, || few.union(some).records(&db))?;
    let mut ids = found.ids();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    // All columns of the rows came with it, the deferred one too.
    db.assert_queries(0, || {
        assert_eq!(found.sort_by_key(|partner| Ok(partner.id()))?.notes()?[4].as_deref(), Some("Notes of 5"));
        assert_eq!(found.name()?.len(), 5);
        found.parent_id().ids()
    })?;
    assert_eq!(few.union_all(some).records::<Partner>(&db)?.len(), 7, "`ALL` keeps what is in both");
    // diesel has no others for MySQL.
    #[cfg(not(feature = "mysql"))]
    {
        let mut both = few.intersect(some).records::<Partner>(&db)?.ids();
        both.sort_unstable();
        assert_eq!(both, [2, 3]);
        assert_eq!(few.except(some).records::<Partner>(&db)?.ids(), [1]);
    }
    Ok(())
}

#[test]
fn a_union_keeps_its_order_and_limit() -> Result<()> {
    let db = db();
    let few = partners::table.filter(partners::id.le(3));
    let some = partners::table.filter(partners::id.between(50, 55));
    let query = few.union(some).positional_order_by(OrderColumn(1).desc()).limit(4).offset(1);
    assert_eq!(query.records::<Partner>(&db)?.ids(), [54, 53, 52, 51]);
    let first = few.union(some).positional_order_by(OrderColumn(1).desc()).first_record::<Partner>(&db)?;
    assert_eq!(first.map(|partner| partner.name()).transpose()?.as_deref(), Some("Partner number 55"));
    let boxed = partners::table.filter(partners::id.eq(7)).into_boxed();
    assert_eq!(
        boxed.union(few.into_boxed()).positional_order_by(1).records::<Partner>(&db)?.ids(),
        [1, 2, 3, 7]
    );
    Ok(())
}

#[test]
fn a_union_of_some_columns_leaves_the_others_to_be_read() -> Result<()> {
    let db = db();
    let few = partners::table.filter(partners::id.le(3)).select((partners::name, partners::id));
    let some = partners::table.filter(partners::id.eq(9)).select((partners::name, partners::id));
    let found = few.union(some).positional_order_by(2).records::<Partner>(&db)?;
    db.assert_queries(0, || {
        assert_eq!(found.name()?[3], "Partner number 9");
        Ok::<_, Error>(())
    })?;
    db.assert_keys(&[4], || found.city())?;
    let keys = partners::table.filter(partners::id.le(3)).select(partners::id);
    let keys = keys.union(partners::table.select(partners::id).filter(partners::id.eq(9)));
    let found = keys.positional_order_by(1).record_ids::<Partner>(&db)?;
    assert_eq!(found.ids(), [1, 2, 3, 9]);
    Ok(())
}

#[test]
fn a_union_may_join_other_tables() -> Result<()> {
    let db = db();
    let of = |code: &'static str| {
        partners::table
            .inner_join(countries::table)
            .filter(countries::code.eq(code))
            .select(partners::all_columns)
    };
    let found = of("03").union(of("05")).records::<Partner>(&db)?;
    let mut codes = found.country_id().code()?;
    codes.sort();
    assert_eq!(codes, ["03", "05"]);
    // With both tables' columns there are two ids and two names; each says whose it is.
    let of =
        |code: &'static str| countries::table.inner_join(partners::table).filter(countries::code.eq(code));
    let all = of("03").union(of("05")).records::<Partner>(&db)?;
    assert_eq!(all, found);
    db.assert_queries(0, || assert!(all.name().expect("names")[0].starts_with("Partner number")));
    let countries = of("03").union(of("05")).records::<Country>(&db)?;
    let mut codes = db.assert_queries(0, || countries.code())?;
    codes.sort();
    codes.dedup();
    assert_eq!(codes, ["03", "05"]);
    Ok(())
}

#[test]
fn rows_of_another_table_are_no_records() {
    let db = db();
    let refused = |found: Result<RecordSet<'_, Tag>>| match found {
        Err(Error::MissingColumn { model: "Tag", column: "id" }) => {}
        other => panic!("{other:?}"),
    };
    // Both tables have an id and a name, of the same types.
    let (tags, continents) = (tags::table.select(tags::all_columns), continents::table);
    refused(continents.union(continents).records(&db));
    refused(tags.union(continents).records(&db));
    refused(continents.union(tags).records(&db));
    refused(tags.union(tags.union(continents)).records(&db));
    refused(tags::table.select(tags::name).union(tags::table.select(tags::name)).records(&db));
    assert_eq!(db.stats().queries, 0, "none of them was run");
    assert_eq!(tags.union(tags.union(tags)).records::<Tag>(&db).expect("tags").len(), 10);
}

#[test]
fn a_column_that_is_not_the_same_everywhere_is_none_of_the_fields() -> Result<()> {
    let db = db();
    let named = partners::table.select((partners::id, partners::name)).filter(partners::id.eq(1));
    let mailed = partners::table.select((partners::id, partners::email)).filter(partners::id.eq(2));
    let found = named.union(mailed).positional_order_by(1).records::<Partner>(&db)?;
    assert_eq!(found.ids(), [1, 2]);
    assert_eq!(found.name()?, ["Partner number 1", "Partner number 2"]);
    Ok(())
}

#[test]
fn fields_can_be_chosen_of_it() -> Result<()> {
    let db = db();
    let few = partners::table.filter(partners::id.le(3));
    let query = few.union(partners::table.filter(partners::id.eq(9)));
    let found = query.records_with_fields::<Partner>(&db, (Partner::NAME, Partner::TAG_IDS))?;
    assert_eq!((db.stats().queries, found.len()), (2, 4));
    assert_eq!(db.cache().get(Partner::NAME, 1).as_deref(), Some("Partner number 1"));
    assert_eq!(db.cache().get(Partner::CITY, 1), None, "it came, and was not wanted");
    Ok(())
}

#[test]
fn sql_of_ones_own() -> Result<()> {
    let db = db();
    let found: RecordSet<'_, Partner> = db.assert_queries(1, || {
        sql_query(format!(
            "SELECT city, id, upper(name) AS shouted, name FROM partners WHERE id < {} AND city <> {} ORDER BY id DESC",
            bind(1),
            bind(2)
        ))
            .bind::<Integer, _>(5)
            .bind::<Text, _>("City 2")
            .records(&db)
    })?;
    assert_eq!(found.ids(), [4, 3, 1]);
    db.assert_queries(0, || {
        assert_eq!(found.name()?, ["Partner number 4", "Partner number 3", "Partner number 1"]);
        assert_eq!(found.city()?, ["City 4", "City 3", "City 1"]);
        Ok::<_, Error>(())
    })?;
    // What it did not bring comes for all of them.
    db.assert_keys(&[3], || found.iter().try_for_each(|partner| partner.email().map(drop)))?;
    Ok(())
}

#[test]
fn a_common_table_expression_that_is_put_together_at_run_time() -> Result<()> {
    let db = db();
    let mut query = sql_query("WITH RECURSIVE chain(id, depth) AS (SELECT id, 0 FROM partners WHERE id = ")
        .into_boxed::<Backend>();
    query = query.sql(bind(1)).bind::<Integer, _>(42);
    query = query.sql(
        " UNION ALL SELECT partners.parent_id, depth + 1 FROM partners JOIN chain ON chain.id = partners.id
          WHERE partners.parent_id IS NOT NULL)
          SELECT partners.* FROM partners JOIN chain ON chain.id = partners.id ORDER BY depth",
    );
    let found = db.assert_queries(1, || query.records::<Partner>(&db))?;
    assert_eq!(found.ids(), [42, 3]);
    db.assert_queries(0, || found.notes())?;
    Ok(())
}

#[test]
fn it_is_counted_and_not_kept_as_a_prepared_statement() -> Result<()> {
    let db = db();
    let prepared = db.statements.prepared().len();
    let found = assert_queries!(db.env, 1, { sql_query("SELECT id FROM partners").records::<Partner>(&db)? });
    assert_eq!(found.len(), 100);
    assert_eq!(db.statements.prepared().len(), prepared, "diesel keeps no `sql_query`, and nor do we");
    Ok(())
}

#[test]
fn what_waits_is_sent_before() -> Result<()> {
    let db = db();
    db.transaction(|| {
        db.record::<Partner>(7).set_city("Gent")?;
        let raw = sql_query("SELECT id FROM partners WHERE city = 'Gent'").records::<Partner>(&db)?;
        assert_eq!(raw.ids(), [7]);
        db.record::<Partner>(8).set_city("Gent")?;
        let in_gent = || partners::table.filter(partners::city.eq("Gent"));
        let union = in_gent().union(in_gent()).positional_order_by(1).records::<Partner>(&db)?;
        assert_eq!(union.ids(), [7, 8]);
        Ok(())
    })
}

#[test]
fn the_key_must_be_there_once() {
    let db = db();
    let error = sql_query("SELECT name FROM partners").records::<Partner>(&db).expect_err("no key");
    assert!(matches!(error, Error::MissingColumn { model: "Partner", column: "id" }), "{error}");
    assert_eq!(
        error.to_string(),
        "the rows of this query for Partner lack its key: select `id` of its table, under that name, in every part of the query"
    );
    let error =
        sql_query("SELECT id AS partner_id, name FROM partners").records::<Partner>(&db).expect_err("no key");
    assert!(matches!(error, Error::MissingColumn { .. }), "{error}");
    let join = "FROM partners JOIN countries ON countries.id = country_id";
    let error = sql_query(format!("SELECT * {join}")).records::<Partner>(&db).expect_err("two");
    assert!(matches!(error, Error::AmbiguousColumn { model: "Partner", column: "id" }), "{error}");
    let error = sql_query(format!("SELECT partners.id, partners.name, countries.name {join}"))
        .records::<Partner>(&db)
        .expect_err("two names");
    assert!(matches!(error, Error::AmbiguousColumn { model: "Partner", column: "name" }), "{error}");
    assert_eq!(db.stats().values, 0, "nothing of it was cached");
    // What nobody asks for may be there twice.
    let query =
        sql_query(format!("SELECT partners.id, partners.city, countries.code, countries.code {join}"));
    assert_eq!(query.records::<Partner>(&db).expect("partners").len(), 95);
}

#[test]
fn no_rows_are_no_records() -> Result<()> {
    let db = db();
    assert!(sql_query("SELECT id FROM partners WHERE 1 = 0").records::<Partner>(&db)?.is_empty());
    // Without a row there are no names to look at.
    assert!(sql_query("SELECT name FROM partners WHERE 1 = 0").records::<Partner>(&db)?.is_empty());
    Ok(())
}

#[test]
fn a_value_that_is_none_of_its_field_is_the_error_of_who_reads_it() -> Result<()> {
    let db = db();
    let partners = sql_query("SELECT id, name AS credit FROM partners").records::<Partner>(&db)?;
    let error = partners.credit().expect_err("text");
    assert!(matches!(&error, Error::InvalidValue { field: "credit", .. }), "{error}");
    let error = sql_query("SELECT name AS id FROM partners").records::<Partner>(&db).expect_err("text");
    assert!(matches!(&error, Error::InvalidValue { field: "id", .. }), "{error}");
    let partners = sql_query("SELECT id, NULL AS name FROM partners").records::<Partner>(&db)?;
    let error = partners.name().expect_err("NULL");
    assert!(matches!(&error, Error::InvalidValue { field: "name", .. }), "{error}");
    assert!(matches!(sql_query("SELEC id").records::<Partner>(&db), Err(Error::Database { .. })));
    Ok(())
}

#[test]
fn what_is_cached_stays() -> Result<()> {
    let db = db();
    let all = db.all::<Partner>()?;
    let found = sql_query("SELECT id, 'x' AS name FROM partners WHERE id = 3").records::<Partner>(&db)?;
    assert_eq!(found.name()?, ["Partner number 3"]);
    assert_eq!(all.name()?[2], "Partner number 3");
    Ok(())
}

#[test]
fn links_are_cached_as_links() -> Result<()> {
    let db = db();
    let found = sql_query("SELECT country_id, id FROM partners ORDER BY id").records::<Partner>(&db)?;
    db.assert_queries(1, || found.iter().try_for_each(|partner| partner.country_id().name().map(drop)))
}
