//! P2, P4: each level of a walk costs a SELECT per 1,000 missing records, however the records of the level before are
//! spread over its windows; and links of one row, or of one loop, that lead to one model are read together.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::music::{self, *};
use orm_tests::{File, TestDb, on, test_db};

#[test]
fn four_levels_of_many_windows_each() -> Result<()> {
    let size = music::Size {
        artists: 2_000,
        albums: 10_000,
        tracks: 50_000,
        customers: 10,
        invoices: 10,
        lines: 100_000,
    };
    let random = on!(
        sqlite "(SELECT abs(random()) % 50000)",
        postgres "floor(random() * 50000)",
        mysql "floor(rand() * 50000)"
    );
    // Which track a line is for, and so on, is drawn at random: each window of lines leads to most of the albums.
    let file = File::new(&music::sql(size));
    file.run(&format!(
        "UPDATE lines SET track_id = 1 + {random};
         UPDATE lines SET track_id = id WHERE id <= 50000;
         UPDATE lines SET track_id = 1 + ((CAST(track_id AS BIGINT) * 48271) % 50021) % 50000;
         UPDATE tracks SET album_id = 1 + ((CAST(id AS BIGINT) * 16807) % 50021) % 10000;
         UPDATE albums SET artist_id = 1 + ((CAST(id AS BIGINT) * 48271) % 10007) % 2000"
    ));
    let count = |sql: &str| file.values(sql)[0].parse::<usize>().expect("a number");
    let tracks = count("SELECT count(DISTINCT track_id) AS value FROM lines");
    let albums = count(
        "SELECT count(DISTINCT album_id) AS value FROM tracks WHERE id IN (SELECT track_id FROM lines)",
    );
    let artists = count("SELECT count(DISTINCT artist_id) AS value FROM albums");
    let least = [tracks, albums, artists].iter().map(|count| count.div_ceil(1_000)).sum::<usize>();
    let db = test_db!(file, strict());
    let lines = lines::table.order(lines::id).records::<Line>(&db)?;
    db.assert_queries(least, || {
        lines.iter().try_for_each(|line| line.track_id().album_id().artist_id().name().map(drop))
    })
}

#[test]
fn chinook_from_the_lines_to_the_artists() -> Result<()> {
    let db = test_db!(File::new(&music::sql(music::CHINOOK)), strict());
    // Two windows of tracks, then the albums, then the artists.
    db.assert_queries(5, || {
        let lines = db.all::<Line>()?;
        for line in &lines {
            line.track_id().album_id().artist_id().name()?;
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn a_walk_that_stops_early_has_read_a_bounded_part() -> Result<()> {
    let size =
        music::Size { artists: 5, albums: 50, tracks: 90_000, customers: 1, invoices: 1, lines: 90_000 };
    let db = test_db!(File::new(&music::sql(size)));
    let lines = lines::table.order(lines::id).records::<Line>(&db)?;
    // The second thousand of tracks leads to no further album, nor does the third to one of another artist.
    db.assert_keys(&[1_000, 1_000, 50, 1_000, 5], || {
        lines.first().expect("a line").track_id().album_id().artist_id().name()
    })?;
    Ok(())
}

diesel::table! { people { id -> Integer, name -> Text } }
diesel::table! { orders { id -> Integer, bill_to -> Integer, ship_to -> Nullable<Integer>, seller_id -> Nullable<Integer> } }
diesel::table! { visits { id -> Integer, person_id -> Integer } }

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Order {
    id: i32,
    bill_to: Id<Person>,
    ship_to: Option<Id<Person>>,
    #[model(deferred)]
    seller_id: Option<Id<Person>>,
}

#[derive(Model)]
struct Visit {
    id: i32,
    person_id: Id<Person>,
}

fn shop() -> TestDb {
    test_db!(
        File::new(
            "CREATE TABLE people (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
             CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, bill_to INTEGER NOT NULL, ship_to INTEGER, seller_id INTEGER);
             CREATE TABLE visits (id INTEGER PRIMARY KEY NOT NULL, person_id INTEGER NOT NULL);
             WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100) INSERT INTO people SELECT n, 'p' || n FROM s;
             INSERT INTO orders SELECT id, id, CASE WHEN id % 3 <> 0 THEN 101 - id END, 7 FROM people WHERE id <= 20;
             INSERT INTO visits SELECT id, 50 + id FROM people WHERE id <= 10"
        ),
        strict()
    )
}

#[test]
fn two_links_of_one_row_to_one_model() -> Result<()> {
    let db = shop();
    let order = db.record::<Order>(2);
    order.prefetch()?;
    db.assert_keys(&[2], || {
        order.bill_to().name()?;
        order.ship_to().name()
    })?;
    Ok(())
}

#[test]
fn two_links_of_a_loop_to_one_model() -> Result<()> {
    let db = shop();
    db.assert_queries(2, || {
        for order in &db.all::<Order>()? {
            order.bill_to().name()?;
            order.ship_to().name()?;
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn a_link_that_is_deferred_is_not_loaded_for_another_ones_sake() -> Result<()> {
    let db = shop();
    let orders = db.all::<Order>()?;
    db.assert_queries(1, || orders.bill_to().name())?;
    assert_eq!(db.cache().get(Order::SELLER_ID, 1), None);
    // Its own turn: the links, of which the person is cached.
    db.assert_queries(1, || orders.seller_id().name())?;
    Ok(())
}

#[test]
fn two_links_of_the_members_of_lists() -> Result<()> {
    let db = test_db!(File::new(
        "CREATE TABLE people (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE carts (id INTEGER PRIMARY KEY NOT NULL);
         CREATE TABLE items (id INTEGER PRIMARY KEY NOT NULL, cart_id INTEGER NOT NULL, giver_id INTEGER NOT NULL, taker_id INTEGER NOT NULL);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100) INSERT INTO people SELECT n, 'p' || n FROM s;
         INSERT INTO carts SELECT id FROM people WHERE id <= 10;
         INSERT INTO items SELECT id, 1 + id % 10, id, 101 - id FROM people WHERE id <= 50"
    ));
    db.assert_queries(3, || {
        for cart in &db.all::<Cart>()? {
            for item in &cart.items().load()? {
                item.giver_id().name()?;
                item.taker_id().name()?;
            }
        }
        Ok::<_, Error>(())
    })
}

diesel::table! { carts { id -> Integer } }
diesel::table! { items { id -> Integer, cart_id -> Integer, giver_id -> Integer, taker_id -> Integer } }

#[derive(Model)]
struct Cart {
    id: i32,
    #[model(inverse = Item::CART_ID)]
    items: OneToMany<Item>,
}

#[derive(Model)]
struct Item {
    id: i32,
    cart_id: Id<Cart>,
    giver_id: Id<Person>,
    taker_id: Id<Person>,
}

#[test]
fn keys_that_two_searches_named_are_read_together() -> Result<()> {
    let db = shop();
    let (orders, visits) = (db.all::<Order>()?, db.all::<Visit>()?);
    db.assert_queries(1, || {
        orders.iter().try_for_each(|order| order.bill_to().name().map(drop))?;
        visits.iter().try_for_each(|visit| visit.person_id().name().map(drop))
    })?;
    let db = shop();
    let few = people::table.filter(people::id.le(5)).record_ids::<Person>(&db)?;
    let more = people::table.filter(people::id.gt(90)).record_ids::<Person>(&db)?;
    db.assert_keys(&[15], || {
        few.name()?;
        more.name()
    })?;
    Ok(())
}

#[test]
fn keys_that_were_named_before_a_clear_are_no_company() -> Result<()> {
    let db = shop();
    db.all::<Order>()?;
    db.cache().clear();
    let few = people::table.filter(people::id.ge(96)).record_ids::<Person>(&db)?;
    db.assert_keys(&[5], || few.name())?;
    Ok(())
}

#[test]
fn records_named_by_hand_are_read_with_no_strangers() -> Result<()> {
    let db = shop();
    db.all::<Order>()?;
    db.assert_keys(&[2, 1], || {
        db.browse::<Person>([60, 61]).name()?;
        db.record::<Person>(62).name()
    })?;
    Ok(())
}
