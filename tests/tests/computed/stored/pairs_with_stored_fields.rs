//! Rows of a join table have stored fields, too.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { orders { id -> Integer, note -> Text, heavy -> BigInt } }
diesel::table! { tags { id -> Integer, weight -> BigInt } }
diesel::table! { order_tags (order_id, tag_id) { order_id -> Integer, tag_id -> Integer, label -> Nullable<BigInt> } }

#[derive(Model)]
struct Order {
    id: i32,
    note: String,
    #[model(through(order_tags::order_id, order_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    #[model(inverse = OrderTag::ORDER_ID)]
    pair_ids: OneToMany<OrderTag>,
    /// Of the rows that the link comes and goes by
    #[model(compute = heavy, stored, depends(pair_ids.label))]
    heavy: Computed<i64>,
}

#[derive(Model)]
struct Tag {
    id: i32,
    weight: i64,
}

#[derive(Model)]
#[model(primary_key(order_id, tag_id))]
struct OrderTag {
    order_id: Id<Order>,
    tag_id: Id<Tag>,
    #[model(compute = label, stored, depends(tag_id.weight))]
    label: Computed<Option<i64>>,
}

fn label(pair: &Record<OrderTag>) -> Result<Option<i64>> {
    pair.tag_id().weight().map(Some)
}

fn heavy(order: &Record<Order>) -> Result<i64> {
    Ok(order.pair_ids().label()?.into_iter().flatten().sum())
}

fn db() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT NOT NULL, heavy BIGINT NOT NULL);
         CREATE TABLE tags (id INTEGER PRIMARY KEY, weight BIGINT NOT NULL);
         CREATE TABLE order_tags (order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, label BIGINT, PRIMARY KEY (order_id, tag_id), CHECK (tag_id < 100));
         INSERT INTO orders VALUES (1, 'a', 2), (2, 'b', 3), (3, 'c', 0);
         INSERT INTO tags VALUES (1, 1), (2, 2), (3, 3);
         INSERT INTO order_tags VALUES (1, 2, 2), (2, 2, 2), (2, 1, 1);"
    ))
}

/// Order, tag and label of each row, as the database has them
fn rows(db: &TestDb) -> Vec<String> {
    let column = |name: &str| {
        db.file.values(&format!(
            "SELECT COALESCE(CAST({name} AS CHAR(9)), '-') AS value FROM order_tags ORDER BY order_id, tag_id"
        ))
    };
    let (orders, tags, labels) = (column("order_id"), column("tag_id"), column("label"));
    let row = |at: usize| format!("{} {} {}", orders[at].trim(), tags[at].trim(), labels[at].trim());
    (0..orders.len()).map(row).collect()
}

fn sums(db: &TestDb) -> Vec<String> {
    db.file
        .values("SELECT CAST(heavy AS CHAR(9)) AS value FROM orders ORDER BY id")
        .iter()
        .map(|sum| sum.trim().to_owned())
        .collect()
}

/// Before the field of a pair is put, pairs that wait are sent, which interrupts computing.
#[test]
fn what_is_computed_while_pairs_wait_is_written() -> Result<()> {
    let db = db();
    let pair = db.record::<OrderTag>((1, 2));
    pair.label()?;
    pair.tag_id().weight()?;
    db.transaction(|| {
        db.record::<Order>(3).tag_ids().add(&db.record::<Tag>(3))?;
        db.record::<Tag>(2).set_weight(7)?;
        assert_eq!(pair.label()?, Some(7));
        Ok::<_, orm_core::Error>(())
    })?;
    assert_eq!(pair.label()?, Some(7));
    assert_eq!(rows(&db), ["1 2 7", "2 1 1", "2 2 7", "3 3 3"]);
    assert_eq!(sums(&db), ["7", "8", "3"]);
    Ok(())
}

/// Where the pairs are refused, what was computed is not put: it waits on, and is written when they are gone.
#[test]
fn what_is_computed_while_pairs_wait_that_are_refused_is_written_later() -> Result<()> {
    let db = db();
    let (pair, order) = (db.record::<OrderTag>((1, 2)), db.record::<Order>(3));
    pair.label()?;
    pair.tag_id().weight()?;
    db.transaction(|| {
        db.record::<Tag>(2).set_weight(7)?;
        let refused = db.transaction(|| {
            order.tag_ids().add_ids([100])?;
            pair.label().map(drop)
        });
        assert!(refused.is_err_and(|error| error.violation().is_some()));
        Ok::<_, orm_core::Error>(())
    })?;
    assert_eq!(pair.label()?, Some(7));
    assert_eq!((rows(&db), sums(&db)), (texts(["1 2 7", "2 1 1", "2 2 7"]), texts(["7", "8", "0"])));
    Ok(())
}

/// Somebody else has made it since.
#[test]
fn what_was_not_there_is_computed_where_it_is_found_by_what_it_follows_from() -> Result<()> {
    let db = db();
    assert!(db.record::<OrderTag>((3, 3)).to_model().is_err_and(|error| error.is_missing_record()));
    db.file.run("INSERT INTO order_tags VALUES (3, 3, 3)");
    db.record::<Tag>(3).set_weight(9)?;
    assert_eq!((rows(&db), sums(&db)), (texts(["1 2 2", "2 1 1", "2 2 2", "3 3 9"]), texts(["2", "3", "9"])));
    Ok(())
}

#[test]
fn a_pair_that_comes_by_a_link_is_computed_and_what_follows_from_it() -> Result<()> {
    let db = db();
    db.register::<OrderTag>();
    db.record::<Order>(1).tag_ids().add_ids([3])?;
    assert_eq!((rows(&db), sums(&db)), (texts(["1 2 2", "1 3 3", "2 1 1", "2 2 2"]), texts(["5", "3", "0"])));
    let (order, tags) = (db.record::<Order>(3), db.browse::<Tag>([1, 2]));
    db.transaction(|| {
        order.tag_ids().set(&tags)?;
        assert_eq!(db.record::<OrderTag>((3, 2)).label()?, Some(2));
        assert_eq!(order.heavy()?, 3);
        db.record::<Tag>(2).set_weight(10)
    })?;
    assert_eq!(rows(&db), ["1 2 10", "1 3 3", "2 1 1", "2 2 10", "3 1 1", "3 2 10"]);
    assert_eq!(sums(&db), ["13", "11", "11"]);
    Ok(())
}

#[test]
fn a_pair_that_goes_by_a_link_counts_no_more() -> Result<()> {
    let db = db();
    db.register::<OrderTag>();
    let (order, tag) = (db.record::<Order>(2), db.record::<Tag>(2));
    db.transaction(|| {
        tag.set_weight(5)?;
        order.tag_ids().remove(&tag)
    })?;
    assert_eq!((rows(&db), sums(&db)), (texts(["1 2 5", "2 1 1"]), texts(["5", "1", "0"])));
    // Read before
    assert_eq!(db.record::<Order>(1).heavy()?, 5);
    db.record::<Order>(1).tag_ids().set_ids([0_i32; 0])?;
    assert_eq!((db.record::<Order>(1).heavy()?, sums(&db)), (0, texts(["0", "1", "0"])));
    Ok(())
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
