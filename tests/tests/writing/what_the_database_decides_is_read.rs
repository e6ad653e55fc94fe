//! W5: what a row holds that nobody has given, or that is not what was given, is read and not guessed.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{TestDb, on};

diesel::table! { nodes { id -> Integer, weight -> Nullable<Double>, root_id -> Integer } }

#[derive(Model)]
#[model(table = nodes)]
struct Node {
    id: i32,
    weight: Option<f64>,
    root_id: Id<Node>,
    #[model(inverse = Node::ROOT_ID)]
    all_ids: OneToMany<Node>,
}

fn nodes() -> TestDb {
    TestDb::new(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, weight REAL DEFAULT 1.5, root_id INTEGER NOT NULL DEFAULT 1);
         INSERT INTO nodes DEFAULT VALUES",
    )
}

#[test]
fn a_default_of_a_column() -> Result<()> {
    let db = nodes();
    let node = db.create(Node::values().root_id(1))?;
    assert_eq!(db.assert_queries(1, || node.weight())?, Some(1.5));
    Ok(())
}

#[test]
fn a_default_of_a_link_and_the_list_of_the_other_side() -> Result<()> {
    let db = nodes();
    let root = db.record::<Node>(1);
    assert_eq!((root.all_ids().ids()?, root.all_ids().len()?), (vec![1], 1));
    db.create_many([Node::values().weight(1.0), Node::values().weight(2.0)])?;
    assert_eq!(root.all_ids().ids()?, [1, 2, 3]);
    Ok(())
}

#[test]
fn a_number_that_is_none() -> Result<()> {
    let db = nodes();
    let node = db.record::<Node>(1);
    if cfg!(feature = "mysql") {
        for number in [f64::NAN, f64::INFINITY] {
            assert!(node.set_weight(number).is_err() && db.create(Node::values().weight(number)).is_err());
        }
        assert_eq!(node.weight()?, Some(1.5));
        return Ok(());
    }
    node.set_weight(f64::NAN)?;
    // SQLite has no such number.
    let shown = |weight: Option<f64>| weight.map(f64::is_nan);
    let expected = on!(sqlite None, postgres Some(true), mysql None);
    assert_eq!(shown(node.weight()?), expected);
    assert_eq!(shown(db.create(Node::values().weight(f64::NAN))?.weight()?), expected);
    node.set_weight(f64::NEG_INFINITY)?;
    let row: Option<f64> = nodes::table.find(1).select(nodes::weight).first(&mut db.file.connect())?;
    assert_eq!((node.weight()?, row), (Some(f64::NEG_INFINITY), Some(f64::NEG_INFINITY)));
    Ok(())
}

#[test]
fn whether_a_row_is_there_already() -> Result<()> {
    let db = nodes();
    // A key alone: nothing is to be changed.
    assert_eq!(db.upsert(Node::ID, Node::values().id(1))?.weight()?, Some(1.5));
    assert_eq!(db.upsert(Node::ID, Node::values().id(9))?.weight()?, Some(1.5));
    assert_eq!(db.all::<Node>()?.ids(), [1, 9]);
    Ok(())
}
