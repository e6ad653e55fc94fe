//! W4 and W5: the lists of a new record are empty, but for those that were created with it.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

diesel::table! { nodes { id -> Integer, parent_id -> Nullable<Integer> } }

#[derive(Model)]
#[model(table = nodes)]
struct Node {
    id: i32,
    parent_id: Option<Id<Node>>,
    #[model(inverse = Node::PARENT_ID)]
    child_ids: OneToMany<Node>,
}

fn nodes() -> TestDb {
    TestDb::new("CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, parent_id INTEGER)")
}

#[test]
fn one_that_links_to_itself() -> Result<()> {
    let db = nodes();
    // Whoever numbers the rows himself knows the key that the database will give.
    let root = db.create(Node::values().parent_id(1))?;
    assert_eq!(root.id(), 1);
    assert_eq!(root.child_ids().ids()?, [1]);
    Ok(())
}

#[test]
fn some_that_link_to_each_other() -> Result<()> {
    let db = nodes();
    let all = db.create_many([
        Node::values().parent_id(2),
        Node::values().parent_id(1),
        Node::values().parent_id(1),
    ])?;
    db.assert_queries(0, || {
        assert_eq!(all.get(0).expect("a node").child_ids().ids()?, [2, 3]);
        assert_eq!(all.get(1).expect("a node").child_ids().ids()?, [1]);
        assert_eq!(all.get(2).expect("a node").child_ids().len()?, 0);
        Ok(())
    })
}

#[test]
fn one_that_a_link_led_to_already() -> Result<()> {
    let db = nodes();
    // Nothing enforces the link here.
    let orphan = db.create(Node::values().id(5).parent_id(6))?;
    let late = db.create(Node::values().id(6))?;
    assert_eq!((orphan.parent_id().id()?, late.id()), (Some(6), 6));
    assert_eq!(late.child_ids().ids()?, [5]);
    Ok(())
}
