//! W6: delete removes the records and their entries in cached lists, and forgets what went along; all else stays.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::ENFORCING;
use orm_tests::{TestDb, on};

diesel::table! { orders { id -> Integer, name -> Text } }
diesel::table! { lines { id -> Integer, order_id -> Integer, product_id -> Nullable<Integer>, text -> Text } }
diesel::table! { remarks { id -> Integer, line_id -> Integer, text -> Text } }
diesel::table! { products { id -> Integer, name -> Text } }
diesel::table! { pairs (order_id, product_id) { order_id -> Integer, product_id -> Integer } }

#[derive(Model)]
struct Order {
    id: i32,
    name: String,
    #[model(inverse = Line::ORDER_ID)]
    line_ids: OneToMany<Line>,
    #[model(through(pairs::order_id, pairs::product_id))]
    product_ids: ManyToMany<Product>,
}

#[derive(Model)]
struct Line {
    id: i32,
    order_id: Id<Order>,
    product_id: Option<Id<Product>>,
    text: String,
}

#[derive(Model)]
struct Remark {
    id: i32,
    #[model(deferred)]
    line_id: Id<Line>,
    text: String,
}

#[derive(Model)]
struct Product {
    id: i32,
    name: String,
    #[model(inverse = Line::PRODUCT_ID)]
    line_ids: OneToMany<Line>,
    #[model(through(pairs::product_id, pairs::order_id))]
    order_ids: ManyToMany<Order>,
}

fn db() -> Result<TestDb> {
    let db = TestDb::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
             product_id INTEGER REFERENCES products ON DELETE SET NULL, text TEXT NOT NULL);
         CREATE TABLE remarks (id INTEGER PRIMARY KEY, line_id INTEGER NOT NULL REFERENCES lines ON DELETE CASCADE, text TEXT NOT NULL);
         CREATE TABLE pairs (order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
             product_id INTEGER NOT NULL REFERENCES products ON DELETE RESTRICT, PRIMARY KEY (order_id, product_id));
         INSERT INTO orders VALUES (1, 'one'), (2, 'two'), (3, 'three');
         INSERT INTO products VALUES (1, 'p1'), (2, 'p2'), (3, 'p3');
         INSERT INTO lines VALUES (1, 1, 1, 'a'), (2, 1, 2, 'b'), (3, 2, 1, 'c'), (4, 3, 2, 'd');
         INSERT INTO remarks VALUES (1, 1, 'r1'), (2, 3, 'r2');
         INSERT INTO pairs VALUES (1, 1), (2, 1), (2, 2)",
    );
    db.execute(diesel::sql_query(ENFORCING))?;
    // All of it is cached.
    let (orders, products) = (db.all::<Order>()?, db.all::<Product>()?);
    orders.line_ids().text()?;
    orders.product_ids().name()?;
    products.line_ids().text()?;
    products.order_ids().name()?;
    db.all::<Remark>()?;
    Ok(db)
}

#[test]
fn it_leaves_the_lists_it_was_in_and_the_rest_stays() -> Result<()> {
    let db = db()?;
    let line = db.record::<Line>(1);
    let (result, statements) = db.watch(|| line.delete());
    result?;
    assert_eq!(statements.len(), 1, "{statements:?}");
    db.assert_queries(0, || {
        assert_eq!(db.record::<Order>(1).line_ids().ids()?, [2]);
        assert_eq!(db.record::<Product>(1).line_ids().ids()?, [3]);
        assert_eq!(db.record::<Line>(2).text()?, "b");
        assert_eq!(db.record::<Order>(1).name()?, "one");
        Ok::<_, Error>(())
    })?;
    // P10: it is known that it is gone.
    db.assert_queries(0, || assert!(line.text().unwrap_err().is_missing_record()));
    Ok(())
}

#[test]
fn what_the_database_deletes_along_is_not_believed_any_more() -> Result<()> {
    let db = db()?;
    db.record::<Order>(1).delete()?;
    assert!(db.record::<Line>(1).text().unwrap_err().is_missing_record());
    // A remark whose line was not read may have gone along.
    assert!(db.record::<Remark>(1).text().unwrap_err().is_missing_record());
    assert_eq!(db.record::<Remark>(2).text()?, "r2");
    assert_eq!(db.record::<Product>(1).line_ids().ids()?, [3]);
    assert_eq!(db.record::<Product>(1).order_ids().ids()?, [2]);
    db.assert_queries(0, || {
        assert_eq!(db.record::<Order>(2).line_ids().ids().unwrap(), [3]);
        assert_eq!(db.record::<Order>(2).product_ids().name().unwrap(), ["p1", "p2"]);
    });
    Ok(())
}

#[test]
fn what_it_sets_to_null_is_read_again() -> Result<()> {
    let db = db()?;
    db.execute(diesel::sql_query("DELETE FROM pairs"))?;
    let product = db.record::<Product>(2);
    let line = db.record::<Line>(4);
    line.prefetch()?;
    product.delete()?;
    assert_eq!(line.product_id().id()?, None);
    Ok(())
}

#[test]
fn a_refused_delete_changes_nothing() -> Result<()> {
    let db = db()?;
    let products = db.browse::<Product>([3, 1]);
    let error = products.delete().expect_err("an order needs it");
    assert_eq!(error.violation().map(|violation| violation.kind), Some(orm_core::ViolationKind::ForeignKey));
    assert_eq!(products.name()?, ["p3", "p1"]);
    assert_eq!(db.record::<Product>(1).order_ids().ids()?, [1, 2]);
    assert_eq!(db.file.values("SELECT count(*) || '' AS value FROM products"), ["3"]);
    Ok(())
}

#[test]
fn a_record_that_is_gone_cannot_be_deleted_again() -> Result<()> {
    let db = db()?;
    let line = db.record::<Line>(4);
    line.delete()?;
    assert!(db.assert_queries(0, || line.delete()).unwrap_err().is_missing_record());
    db.file.run("DELETE FROM lines WHERE id = 3");
    let both = db.browse::<Line>([2, 3]);
    let error = both.delete().expect_err("somebody was faster");
    assert_eq!(error.to_string(), db.record::<Line>(3).text().unwrap_err().to_string());
    // None was deleted.
    assert_eq!(db.record::<Line>(2).text()?, "b");
    assert_eq!(db.file.values("SELECT id || '' AS value FROM lines"), ["1", "2"]);
    Ok(())
}

#[test]
fn many_are_deleted_by_one_statement() -> Result<()> {
    let db = TestDb::of_partners(2_500, 5);
    use orm_tests::partners::*;
    let partners = db.all::<Partner>()?;
    // Without RETURNING it is looked before which of them are there, a thousand at a time.
    db.assert_queries(if cfg!(feature = "mysql") { 3 + 1 } else { 1 }, || partners.delete())?;
    assert_eq!(db.file.values("SELECT count(*) || '' AS value FROM partners"), ["0"]);
    db.assert_queries(0, || assert_eq!(db.stats().model("Partner").map(|model| model.records), Some(0)));
    Ok(())
}

#[test]
fn what_waits_is_sent_before() -> Result<()> {
    let db = db()?;
    db.transaction(|| {
        // Out of the way of the cascade.
        db.record::<Line>(1).set_order_id(2)?;
        db.record::<Order>(1).delete()
    })?;
    assert_eq!(db.record::<Line>(1).text()?, "a");
    assert_eq!(db.record::<Order>(2).line_ids().ids()?, [1, 3]);
    Ok(())
}

#[test]
fn what_waits_only_for_them_goes_with_them() -> Result<()> {
    let db = db()?;
    // That of the third one, and the DELETE, before which MySQL locks the rows in their order
    db.assert_keys(&on!(sqlite [2, 2], postgres [2, 2], mysql [2, 2, 2]), || {
        db.transaction(|| {
            db.browse::<Line>([1, 2]).set_text("x")?;
            db.record::<Line>(3).set_text("y")?;
            db.browse::<Line>([1, 2]).delete()
        })
    })?;
    assert_eq!(db.file.values("SELECT text AS value FROM lines WHERE id = 3"), ["y"]);
    Ok(())
}

#[test]
#[cfg_attr(feature = "postgres", ignore = "a DELETE that is refused is the end of the transaction there")]
fn one_whose_delete_is_refused_has_lost_nothing_that_waits() -> Result<()> {
    let db = db()?;
    db.file.run("CREATE TRIGGER keeps BEFORE DELETE ON lines BEGIN SELECT RAISE(ABORT, 'kept'); END");
    db.transaction(|| {
        let line = db.record::<Line>(3);
        line.set_text("z")?;
        assert!(line.delete().is_err());
        assert_eq!(line.text()?, "z");
        // Nor has a set whose savepoint was rolled back.
        assert!(db.browse::<Line>([3, 77]).delete().is_err());
        assert_eq!(line.text()?, "z");
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT text AS value FROM lines WHERE id = 3"), ["z"]);
    Ok(())
}

mod trees {
    use orm_core::Result;
    use orm_core::prelude::*;
    use orm_tests::database::File;
    use orm_tests::{TestDb, test_db};

    diesel::table! { nodes { id -> Integer, parent_id -> Nullable<Integer>, name -> Text, version -> Integer } }

    #[derive(Model, Debug)]
    #[model(table = nodes)]
    struct Node {
        id: i32,
        parent_id: Option<Id<Node>>,
        name: String,
    }

    #[derive(Model, Debug)]
    #[model(table = nodes)]
    struct Counted {
        id: i32,
        parent_id: Option<Id<Counted>>,
        name: String,
        #[model(version)]
        version: i32,
    }

    /// A tree in which each node has three below it, a circle of the last two, and one beside it all
    fn tree(nodes: usize, action: &str) -> TestDb {
        let sql = format!(
            "CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES nodes {action} DEFERRABLE, name TEXT NOT NULL,
                version INTEGER NOT NULL DEFAULT 1);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {nodes})
            INSERT INTO nodes (id, parent_id, name) SELECT i, CASE WHEN i = 1 THEN NULL ELSE (i - 2) / 3 + 1 END, 'n' || i FROM n;
            INSERT INTO nodes (id, parent_id, name) VALUES (90001, NULL, 'a'), (90002, 90001, 'b'), (90003, NULL, 'beside');
            UPDATE nodes SET parent_id = 90002 WHERE id = 90001"
        );
        test_db!(File::new(&sql))
    }

    fn left(db: &TestDb) -> Vec<String> {
        db.file.values("SELECT name AS value FROM nodes ORDER BY id")
    }

    #[test]
    fn rows_that_take_each_other_along_go_together() -> Result<()> {
        for count in [10, 3_000] {
            let db = tree(count, "ON DELETE CASCADE");
            let nodes = db.all::<Node>()?;
            let these = nodes.filter(|node| Ok(node.name()? != "beside"))?;
            // The DELETE that finds some of them gone, the rows, one DELETE a level; SQLite looks at what the circle took along.
            these.delete()?;
            assert_eq!(left(&db), ["beside"]);
            assert!(db.record::<Node>(1).name().unwrap_err().is_missing_record());
            assert_eq!(db.all::<Node>()?.ids(), [90_003]);
        }
        Ok(())
    }

    #[test]
    fn rows_that_stand_in_each_others_way_go_together() -> Result<()> {
        for action in ["", "ON DELETE RESTRICT"] {
            let db = tree(40, action);
            let nodes = db.all::<Node>()?;
            // SQLite refuses a RESTRICT within a circle, whatever the order.
            let these = nodes.filter(|node| Ok(node.id() < 90_000))?;
            these.delete()?;
            assert_eq!(left(&db), ["a", "b", "beside"]);
            assert_eq!(nodes.filter(|node| node.exists())?.len(), 3);
        }
        Ok(())
    }

    #[test]
    fn one_that_was_not_there_is_told_of_all_the_same() -> Result<()> {
        let db = tree(10, "ON DELETE CASCADE");
        let nodes = db.all::<Node>()?;
        db.file.run("DELETE FROM nodes WHERE id = 10");
        let error = nodes.delete().unwrap_err();
        assert_eq!(error.to_string(), db.record::<Node>(10).name().unwrap_err().to_string());
        assert_eq!(left(&db).len(), 13);
        Ok(())
    }

    #[test]
    fn a_version_that_is_another_one_is_a_conflict_all_the_same() -> Result<()> {
        let db = tree(10, "ON DELETE CASCADE");
        let nodes = db.all::<Counted>()?;
        db.file.run("UPDATE nodes SET name = 'new', version = 2 WHERE id = 9");
        let error = nodes.delete().unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains('9'), "{error}");
        assert_eq!(left(&db).len(), 14);
        // After it was read again there is nothing in the way.
        nodes.refresh()?;
        nodes.delete()?;
        assert!(left(&db).is_empty());
        Ok(())
    }
}

#[test]
fn what_was_counted_is_counted_on() -> Result<()> {
    let db = db()?;
    db.cache().clear();
    let orders = db.all::<Order>()?;
    let lengths = || -> Result<Vec<usize>> { orders.iter().map(|order| order.line_ids().len()).collect() };
    assert_eq!(lengths()?, [2, 1, 1]);
    let lines = db.all::<Line>()?;
    lines.get(0).expect("a line").delete()?;
    lines.get(2).expect("a line").delete()?;
    assert_eq!(db.assert_queries(0, lengths)?, [1, 0, 1]);
    Ok(())
}

#[test]
fn it_leaves_a_list_that_is_younger_than_its_link() -> Result<()> {
    let db = db()?;
    db.cache().clear();
    let line = db.all::<Line>()?.get(0).expect("a line");
    db.file.run("UPDATE lines SET order_id = 2 WHERE id = 1");
    let two = db.record::<Order>(2);
    assert_eq!((line.order_id().id()?, two.line_ids().ids()?), (1, vec![1, 3]));
    line.delete()?;
    assert_eq!(two.line_ids().ids()?, [3]);
    Ok(())
}

#[test]
#[cfg_attr(feature = "mysql", ignore = "no trigger there skips a row")]
fn what_a_trigger_keeps_stays_in_its_list() -> Result<()> {
    let db = db()?;
    db.file
        .run("CREATE TRIGGER keeps BEFORE DELETE ON lines WHEN old.id = 2 BEGIN SELECT RAISE(IGNORE); END");
    let one = db.record::<Order>(1);
    one.line_ids().load()?.delete()?;
    assert_eq!((one.line_ids().ids()?, one.line_ids().len()?), (vec![2], 1));
    assert_eq!(db.record::<Line>(2).text()?, "b");
    Ok(())
}

#[test]
fn the_second_delete_knows_what_became_known_after_the_first() -> Result<()> {
    let db = db()?;
    db.cache().clear();
    let (one, two) = (db.record::<Order>(1), db.record::<Order>(2));
    // Lines of which nothing but the key is known: as targets, and as members of a list
    assert_eq!(db.record::<Remark>(1).line_id().id()?, 1);
    assert_eq!(db.record::<Product>(1).line_ids().ids()?, [1, 3]);
    db.record::<Order>(3).delete()?;
    // The same again, read anew
    assert_eq!(db.record::<Remark>(1).line_id().id()?, 1);
    assert_eq!(db.record::<Product>(1).line_ids().ids()?, [1, 3]);
    one.delete()?;
    assert!(db.record::<Remark>(1).text().is_err_and(|error| error.is_missing_record()));
    assert_eq!(db.record::<Product>(1).line_ids().ids()?, [3]);
    let remark = db.record::<Remark>(2);
    assert_eq!((remark.line_id().id()?, remark.line_id().order_id().id()?), (3, 2));
    two.delete()?;
    assert!(remark.text().is_err_and(|error| error.is_missing_record()));
    assert!(db.record::<Product>(1).line_ids().is_empty()?);
    Ok(())
}

#[test]
fn what_was_counted_after_its_link_was_read_is_counted_anew() -> Result<()> {
    type Step = fn(&Record<Line>) -> Result<()>;
    let steps: [Step; 3] =
        [|line| line.delete(), |line| line.set_product_id(3), |line| line.set_product_id(None)];
    for (before, step) in [Some(1), None].into_iter().flat_map(|before| steps.map(|step| (before, step))) {
        let db = db()?;
        let line = db.record::<Line>(1);
        line.set_product_id(&before)?;
        db.cache().clear();
        let (line, products) = (db.record::<Line>(1), db.all::<Product>()?);
        assert_eq!(line.product_id().id()?, before);
        db.file.run("UPDATE lines SET product_id = 2 WHERE id = 1");
        let lengths = || products.map(|product| product.line_ids().len());
        let sums = || products.map(|product| product.line_ids().max(lines::id));
        assert_eq!((lengths()?, sums()?), (vec![1, 3, 0], vec![Some(3), Some(4), None]));
        step(&line)?;
        let (counted, largest) = (lengths()?, sums()?);
        db.cache().clear();
        assert_eq!((counted, largest), (lengths()?, sums()?), "{before:?}");
    }
    Ok(())
}

#[test]
fn what_was_counted_before_its_link_was_read_stays() -> Result<()> {
    let db = db()?;
    db.cache().clear();
    let products = db.all::<Product>()?;
    let sums = || products.map(|product| product.line_ids().max(lines::id));
    sums()?;
    let line = db.record::<Line>(1);
    assert_eq!(line.product_id().id()?, Some(1));
    line.set_product_id(3)?;
    // Of the two that it was moved between
    db.assert_keys(&[2], || assert_eq!(sums().unwrap(), [Some(3), Some(4), Some(1)]));
    Ok(())
}

#[test]
fn a_refused_delete_keeps_what_waited() -> Result<()> {
    let db = db()?;
    let remarks = db.all::<Remark>()?;
    db.transaction(|| {
        remarks.iter().try_for_each(|remark| remark.set_text(format!("new {}", remark.id())))?;
        // The third one is not there: all are looked at.
        let error = db.browse::<Remark>([1, 2, 3]).delete().unwrap_err();
        assert!(error.is_missing_record(), "{error}");
        assert_eq!(remarks.text()?, ["new 1", "new 2"]);
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT text AS value FROM remarks"), ["new 1", "new 2"]);
    Ok(())
}

#[test]
fn what_was_linked_after_a_list_was_read_goes_along() -> Result<()> {
    let db = db()?;
    let order = db.record::<Order>(1);
    assert_eq!(order.line_ids().ids()?, [1, 2]);
    db.file.run("INSERT INTO lines VALUES (9, 1, NULL, 'z')");
    let line = db.record::<Line>(9);
    assert_eq!(line.text()?, "z");
    order.delete()?;
    assert!(line.text().is_err_and(|error| error.is_missing_record()));
    Ok(())
}
