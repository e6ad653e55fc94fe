//! A to-many link with a limit has the first members of each owner: of keys of several columns, and of pairs that a join table holds twice.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { shops { id -> Integer } }
diesel::table! { marks { id -> Integer } }
// The same mark may stand at a shop in several ways.
diesel::table! { shop_marks { id -> Integer, shop_id -> Integer, mark_id -> Integer, position -> Integer, kind -> Text } }
diesel::table! { boxes (land, number) { land -> Text, number -> Integer } }
diesel::table! { items { id -> Integer, box_land -> Nullable<Text>, box_number -> Nullable<Integer>, weight -> Nullable<Integer> } }

#[derive(Model)]
struct Shop {
    id: i32,
    #[model(through(shop_marks::shop_id, shop_marks::mark_id), filter = shop_marks::kind.eq("own"), order = shop_marks::position.asc(), limit = 2)]
    own_ids: ManyToMany<Mark>,
}

#[derive(Model)]
struct Mark {
    id: i32,
}

#[derive(Model)]
#[model(table = boxes, primary_key(land, number))]
struct Parcel {
    land: String,
    number: i32,
    #[model(inverse = Item::PARCEL, order = items::weight.desc(), limit = 2)]
    heaviest_ids: OneToMany<Item>,
}

#[derive(Model)]
struct Item {
    id: i32,
    #[model(columns(box_land, box_number))]
    parcel: Option<Id<Parcel>>,
    weight: Option<i32>,
}

fn schema() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE shops (id INTEGER PRIMARY KEY);
         CREATE TABLE marks (id INTEGER PRIMARY KEY);
         CREATE TABLE shop_marks (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL, mark_id INTEGER NOT NULL, position INTEGER NOT NULL,
            kind TEXT NOT NULL);
         CREATE TABLE boxes (land VARCHAR(9) NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (land, number));
         CREATE TABLE items (id INTEGER PRIMARY KEY, box_land VARCHAR(9), box_number INTEGER, weight INTEGER);
         INSERT INTO shops VALUES (1), (2);
         INSERT INTO marks VALUES (1), (2), (3);
         INSERT INTO shop_marks VALUES (1, 1, 1, 5, 'own'), (2, 1, 1, 1, 'other'), (3, 1, 2, 2, 'own'), (4, 2, 3, 1, 'own'), (5, 2, 2, 2, 'own'),
            (6, 2, 1, 0, 'other'), (7, 2, 1, 3, 'own');
         INSERT INTO boxes VALUES ('be', 1), ('be', 2), ('fr', 1), ('fr', 2);
         INSERT INTO items VALUES (1, 'be', 1, 5), (2, 'be', 1, 7), (3, 'be', 1, 7), (4, 'fr', 1, 1), (5, 'fr', 2, 2), (6, 'be', NULL, 9)"
    ))
}

#[test]
fn of_a_pair_that_is_there_twice_the_row_that_the_filter_leaves_out_has_no_place() -> Result<()> {
    let db = schema();
    // Mark 1 stands first at shop 1 only as another one's.
    let own = db.browse::<Shop>([1, 2]).map(|shop| shop.own_ids().ids())?;
    assert_eq!(own, [[2, 1], [3, 2]]);
    assert_eq!(db.record::<Shop>(2).own_ids().len()?, 2);
    Ok(())
}

#[test]
fn owners_may_have_keys_of_several_columns() -> Result<()> {
    let db = schema();
    let parcels = db.all::<Parcel>()?;
    let heaviest = || parcels.map(|parcel| parcel.heaviest_ids().ids());
    assert_eq!(db.assert_queries(1, heaviest)?, [vec![2, 3], vec![], vec![4], vec![5]]);
    db.record::<Item>(2).set_parcel(("be".into(), 2))?;
    assert_eq!(heaviest()?, [vec![3, 1], vec![2], vec![4], vec![5]]);
    assert_eq!(parcels.map(|parcel| parcel.heaviest_ids().sum(Item::WEIGHT))?, [12, 7, 1, 2]);
    db.cache().clear();
    assert_eq!(parcels.map(|parcel| parcel.heaviest_ids().len())?, [2, 1, 1, 1]);
    Ok(())
}
