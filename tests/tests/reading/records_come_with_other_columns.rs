//! `records_with`: a query's own columns beside the records, in the same SELECT.

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner, countries, partners};

#[test]
fn values_stand_beside_their_records_in_one_select() -> Result<()> {
    let db = TestDb::of_partners(30, 10);
    let ranked = partners::table
        .filter(partners::id.gt(5))
        .order(partners::id.desc())
        .limit(7)
        .select((sql::<BigInt>("rank() OVER (ORDER BY partners.id)"), partners::id + 100));
    let found = db.assert_queries(1, || ranked.records_with::<Partner, (i64, i32)>(&db))?;
    assert_eq!(found.records.ids(), [30, 29, 28, 27, 26, 25, 24]);
    assert_eq!(found.values[..2], [(25, 130), (24, 129)]);
    // They are records as any others: all columns came with them, and their links are read together.
    db.assert_queries(0, || found.records.name())?;
    db.assert_queries(1, || -> Result<()> {
        for (partner, &(rank, more)) in &found {
            assert_eq!((i64::from(partner.id()), partner.id()), (rank + 5, more - 100));
            partner.country_id().name()?;
        }
        Ok(())
    })?;
    // How many there are, beside one page of them
    let page = partners::table.order(partners::id).limit(5).select(sql::<BigInt>("COUNT(*) OVER ()"));
    let page = db.assert_queries(1, || page.records_with::<Partner, i64>(&db))?;
    assert_eq!((page.records.ids(), page.values), (vec![1, 2, 3, 4, 5], vec![30; 5]));
    Ok(())
}

#[test]
fn any_select_statement_keeps_what_it_selects() -> Result<()> {
    let db = TestDb::of_partners(30, 10);
    // Values that are bound before and behind the columns that are added; diesel panics where MariaDB gives back a bound value that is
    // nothing but that.
    let bound = partners::table.filter(partners::id.eq(12)).select((partners::id.eq(12), partners::id + 7));
    let found = bound.into_boxed().records_with::<Partner, (bool, i32)>(&db)?;
    assert_eq!((found.records.ids(), found.values), (vec![12], vec![(true, 19)]));
    // What the other side of a join holds, which may be none
    let joined = partners::table
        .left_join(countries::table)
        .order(partners::id)
        .select(countries::name.nullable())
        .records_with::<Partner, Option<String>>(&db)?;
    assert_eq!(joined.records.len(), 30);
    for (partner, country) in joined {
        assert_eq!(partner.country_id().name()?.map(String::from), country);
    }
    // Groups by the key
    let members = countries::table
        .inner_join(partners::table)
        .group_by(countries::id)
        .order(countries::id)
        .select((count_star(), diesel::dsl::max(partners::id)))
        .records_with::<Country, (i64, Option<i32>)>(&db)?;
    assert_eq!(members.records.len(), 10);
    for (country, &(count, last)) in &members {
        let ids = country.partner_ids().ids()?;
        assert_eq!((ids.len() as i64, ids.into_iter().max()), (count, last));
    }
    // A record that comes twice has a value each time.
    let twice =
        partners::table.inner_join(countries::table.on(countries::id.le(2))).filter(partners::id.eq(3));
    let twice = twice.order(countries::id).select(countries::id).records_with::<Partner, i32>(&db)?;
    assert_eq!((twice.records.ids(), twice.values), (vec![3, 3], vec![1, 2]));
    Ok(())
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Place {
    #[diesel(sql_type = BigInt)]
    place: i64,
}

#[test]
fn sql_has_its_columns_by_name() -> Result<()> {
    let db = TestDb::of_partners(30, 10);
    let found = diesel::sql_query(
        "SELECT row_number() OVER (ORDER BY id DESC) AS place, id FROM partners ORDER BY id LIMIT 2",
    )
    .records_with::<Partner, Place>(&db)?;
    assert_eq!(
        (found.records.ids(), found.values),
        (vec![1, 2], vec![Place { place: 30 }, Place { place: 29 }])
    );
    Ok(())
}

// diesel has no `union` for a connection that may be to any of several databases.
#[cfg(not(feature = "any"))]
#[test]
fn a_union_has_its_rows() -> Result<()> {
    let db = TestDb::of_partners(30, 10);
    let low = partners::table.filter(partners::id.lt(3)).select((partners::id, partners::name));
    let high = partners::table.filter(partners::id.gt(29)).select((partners::id, partners::name));
    let both = low.union(high).records_with::<Partner, (i32, String)>(&db)?;
    assert_eq!(both.records.len(), 3);
    db.assert_queries(0, || {
        both.iter().try_for_each(|(partner, (id, name))| {
            assert_eq!((partner.id(), partner.name()?.as_str()), (*id, name.as_str()));
            Ok(())
        })
    })
}

#[test]
fn what_cannot_be_told_or_read_is_an_error() -> Result<()> {
    let db = TestDb::of_partners(3, 2);
    let hidden = partners::table.select(sql::<BigInt>("1 /* FROM */")).records_with::<Partner, i64>(&db);
    assert!(matches!(hidden, Err(Error::Other { .. })), "{hidden:?}");
    let null = partners::table.select(sql::<BigInt>("NULL")).records_with::<Partner, i64>(&db).unwrap_err();
    assert!(matches!(null, Error::Database { .. }), "{null}");
    assert!(null.to_string().contains("Partner"), "{null}");
    Ok(())
}
