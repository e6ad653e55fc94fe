//! A struct that derives diesel's `HasQuery` beside `Model`: its query finds records where its backend is named, with a filter, an order and a limit of one's own.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::Backend;
use orm_tests::partners::{countries, partners};
use orm_tests::{File, test_db};

#[derive(Debug, Model, HasQuery)]
#[diesel(table_name = countries)]
#[model(table = countries)]
struct Land {
    id: i32,
    name: String,
    #[diesel(embed)]
    #[model(inverse = Inhabitant::COUNTRY_ID)]
    inhabitant_ids: OneToMany<Inhabitant>,
}

#[derive(Debug, Model, HasQuery)]
#[diesel(table_name = partners, base_query = partners::table.order(partners::id.desc()))]
#[model(table = partners)]
struct Inhabitant {
    id: i32,
    name: String,
    country_id: Option<Id<Land>>,
}

#[test]
fn its_query_finds_records() -> Result<()> {
    let db = test_db!(File::of_partners(6, 2), strict());
    let lands: RecordSet<Land> =
        db.assert_queries(1, || <Land as HasQuery<Backend>>::query().order(countries::id).records(&db.env))?;
    assert_eq!(lands.len(), 2);
    assert_eq!(db.assert_queries(1, || lands.inhabitant_ids().name())?.len(), 6);
    // Its own query is kept, with what is added.
    let three = <Inhabitant as HasQuery<Backend>>::query()
        .filter(partners::id.lt(5))
        .limit(3)
        .records::<Inhabitant>(&db.env)?;
    assert_eq!(three.ids(), [4, 3, 2]);
    let named = <Inhabitant as HasQuery<Backend>>::query().limit(1).records::<Inhabitant>(&db.env)?;
    assert_eq!(named.ids(), [6]);
    Ok(())
}
