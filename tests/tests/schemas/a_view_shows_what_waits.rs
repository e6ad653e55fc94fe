//! A model over a view names the tables that it shows: what waits for those is sent before it is read, and what is written
//! there makes it missing.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { orders { id -> Integer, name -> Text } }
diesel::table! { lines { id -> Integer, order_id -> Integer, amount -> Integer } }
diesel::table! { order_totals (order_id) { order_id -> Integer, total -> Integer } }
diesel::table! { big_lines { id -> Integer, order_id -> Integer, amount -> Integer } }
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { order_tags (order_id, tag_id) { order_id -> Integer, tag_id -> Integer } }
diesel::table! { tag_counts (tag_id) { tag_id -> Integer, orders -> Integer } }

#[derive(Model)]
struct Order {
    id: i32,
    name: String,
    #[model(inverse = BigLine::ORDER_ID)]
    big_line_ids: OneToMany<BigLine>,
    #[model(through(order_tags::order_id, order_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
struct Line {
    id: i32,
    order_id: Id<Order>,
    amount: i32,
}

#[derive(Model)]
#[model(view_of(lines))]
struct OrderTotal {
    #[model(primary_key)]
    order_id: i32,
    total: i32,
}

#[derive(Model)]
#[model(view_of(lines))]
struct BigLine {
    id: i32,
    order_id: Id<Order>,
    amount: i32,
}

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(view_of(order_tags))]
struct TagCount {
    #[model(primary_key)]
    tag_id: i32,
    orders: i32,
}

fn schema() -> TestDb {
    let sql = "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, amount INTEGER NOT NULL);
        CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE order_tags (order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (order_id, tag_id));
        CREATE VIEW order_totals AS SELECT order_id, SUM(amount) AS total FROM lines GROUP BY order_id;
        CREATE VIEW big_lines AS SELECT * FROM lines WHERE amount >= 100;
        CREATE VIEW tag_counts AS SELECT tag_id, COUNT(*) AS orders FROM order_tags GROUP BY tag_id;
        INSERT INTO orders VALUES (1, 'a'); INSERT INTO lines VALUES (1, 1, 10), (2, 1, 20);
        INSERT INTO tags VALUES (1, 'x'); INSERT INTO order_tags VALUES (2, 1)";
    test_db!(File::new(sql), strict())
}

#[test]
fn a_read_by_key_and_a_list_flush_and_stay_right() -> Result<()> {
    let db = schema();
    let (order, total) = (db.record::<Order>(1), db.record::<OrderTotal>(1));
    assert_eq!((total.total()?, order.big_line_ids().ids()?), (30, vec![]));
    db.transaction(|| {
        db.record::<Line>(1).set_amount(500)?;
        assert_eq!((total.total()?, order.big_line_ids().ids()?), (520, vec![1]));
        assert_eq!(order.big_line_ids().load()?.amount()?, [500]);
        Ok(())
    })?;
    assert_eq!((total.total()?, order.big_line_ids().len()?), (520, 1));
    db.create(Line::values().order_id(&order).amount(100))?;
    assert_eq!((total.total()?, order.big_line_ids().ids()?), (620, vec![1, 3]));
    db.record::<Line>(1).delete()?;
    assert_eq!((total.total()?, order.big_line_ids().ids()?), (120, vec![3]));
    // Nothing was written since: nothing is asked.
    db.assert_queries(0, || assert_eq!(total.total().unwrap(), 120));
    Ok(())
}

#[test]
fn a_rollback_undoes_what_it_showed() -> Result<()> {
    let db = schema();
    let total = db.record::<OrderTotal>(1);
    let undone = db.transaction(|| {
        db.record::<Line>(1).set_amount(500)?;
        assert_eq!(total.total()?, 520);
        Err::<(), _>(orm_core::Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(total.total()?, 30);
    Ok(())
}

#[test]
fn a_view_of_a_join_table() -> Result<()> {
    let db = schema();
    let (order, count) = (db.record::<Order>(1), db.record::<TagCount>(1));
    assert_eq!(count.orders()?, 1);
    db.transaction(|| {
        order.tag_ids().add(&db.record::<Tag>(1))?;
        assert_eq!(count.orders()?, 2);
        order.tag_ids().remove(&db.record::<Tag>(1))
    })?;
    assert_eq!(count.orders()?, 1);
    Ok(())
}
