//! Cycles, errors, panics and writes within what computes a field: an error each time, and nothing half-cached.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::prelude::*;
use orm_core::aggregate::{count, max};
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;

diesel::table! { nodes { id -> Integer, name -> Text, next_id -> Nullable<Integer> } }

/// What a test has a field computed by
type Script = fn(&Record<Node>) -> Result<String>;

thread_local! {
    static DOES: Cell<Script> = const { Cell::new(|node| Ok(node.name()?.to_string())) };
}

#[derive(Model)]
struct Node {
    id: i32,
    name: String,
    next_id: Option<Id<Node>>,
    #[model(inverse = Node::NEXT_ID)]
    before_ids: OneToMany<Node>,
    /// Follows from that of the next one
    #[model(compute = path)]
    path: Computed<String>,
    /// Follows from the path, and the path of those under 10 from it
    #[model(compute = detour)]
    detour: Computed<String>,
    /// Whatever a test says
    #[model(compute = scripted)]
    scripted: Computed<String>,
    /// Follows from what a test says, and goes on where that fails
    #[model(compute = lenient)]
    lenient: Computed<String>,
    #[model(compute_all = too_few)]
    too_few: Computed<i32>,
}

fn path(node: &Record<Node>) -> Result<String> {
    let next = if node.id() < 10 { node.next_id().detour()? } else { node.next_id().path()? };
    Ok(format!("{}{}", node.name()?, next.unwrap_or_default()))
}

fn detour(node: &Record<Node>) -> Result<String> {
    Ok(node.path()?.to_string())
}

fn scripted(node: &Record<Node>) -> Result<String> {
    DOES.get()(node)
}

fn lenient(node: &Record<Node>) -> Result<String> {
    Ok(node.scripted().map_or_else(|_| "none".to_owned(), |name| name.to_string()))
}

fn too_few(_: &RecordSet<Node>) -> Result<Vec<i32>> {
    Ok(Vec::new())
}

fn nodes() -> TestDb {
    TestDb::new(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT NOT NULL, next_id INTEGER);
         INSERT INTO nodes VALUES (1, 'a', 2), (2, 'b', 3), (3, 'c', 1), (10, 'x', 11), (11, 'y', NULL), (12, 'z', 99)",
    )
}

/// What a node's scripted field does from now on
fn does(what: Script) {
    DOES.set(what);
}

#[test]
fn a_cycle_names_the_fields_on_it() -> Result<()> {
    let db = nodes();
    let told = db.record::<Node>(1).path().unwrap_err().to_string();
    let fields = "Node.path of 1 → Node.detour of 2 → Node.path of 2 → Node.detour of 3 → Node.path of 3 → \
                  Node.detour of 1 → Node.path of 1";
    assert!(told.contains(fields), "{told}");
    // Once it is broken, it is a value.
    db.record::<Node>(3).set_next_id(None)?;
    assert_eq!(db.record::<Node>(1).path()?, "abc");
    assert_eq!(db.record::<Node>(10).path()?, "xy");
    // And a value once more an error.
    db.record::<Node>(11).set_next_id(10)?;
    assert!(matches!(db.record::<Node>(10).path(), Err(Error::Cycle { .. })));
    Ok(())
}

#[test]
fn an_error_is_not_remembered() -> Result<()> {
    let db = nodes();
    let node = db.record::<Node>(1);
    does(|_| Err(Error::other("not today")));
    assert_eq!(node.scripted().unwrap_err().to_string(), "not today");
    assert_eq!(db.cache().get(Node::SCRIPTED, 1), None);
    // Who goes on without the value is not remembered either.
    assert_eq!(node.lenient()?, "none");
    does(|node| Ok(node.name()?.to_string()));
    assert_eq!((node.scripted()?, node.lenient()?), ("a".into(), "a".into()));
    Ok(())
}

/// What computes a field may go on where a link cannot be read: what it makes of that is no value for later.
#[test]
fn what_was_made_of_a_failed_read_is_not_kept() -> Result<()> {
    let reads: [(Script, [&str; 2]); 4] = [
        (|node| Ok(node.before_ids().len().map_or("?".to_owned(), |len| len.to_string())), ["?", "1"]),
        (|node| Ok(node.before_ids().load().map_or("?".to_owned(), |all| all.len().to_string())), ["?", "1"]),
        (
            |node| {
                let both = node.before_ids().aggregate((count(), max(Node::NAME)));
                Ok(both.map_or("?".to_owned(), |(number, last)| format!("{number} {last:?}")))
            },
            ["?", "1 Some(\"a\")"],
        ),
        (
            |node| Ok(node.next_id().load().map_or("?".to_owned(), |next| next.is_some().to_string())),
            ["?", "true"],
        ),
    ];
    for (read, wanted) in reads {
        let db = nodes();
        does(read);
        let node = db.record::<Node>(2);
        db.file.run("ALTER TABLE nodes RENAME TO hidden");
        let failed = node.scripted()?.to_string();
        db.file.run("ALTER TABLE hidden RENAME TO nodes");
        assert_eq!([failed, node.scripted()?.to_string()], wanted);
    }
    Ok(())
}

#[test]
fn a_panic_leaves_nothing() -> Result<()> {
    let db = nodes();
    does(|node| {
        node.name()?;
        panic!("thrown")
    });
    let node = db.record::<Node>(1);
    assert!(catch_unwind(AssertUnwindSafe(|| node.lenient())).is_err());
    does(|node| Ok(node.name()?.to_string()));
    assert_eq!(db.cache().get(Node::SCRIPTED, 1), None);
    assert_eq!(node.lenient()?, "a");
    // And it may be written again.
    node.set_name("new")?;
    assert_eq!(node.lenient()?, "new");
    Ok(())
}

#[test]
fn what_computes_a_field_only_reads() -> Result<()> {
    let db = nodes();
    let writes: [Script; 6] = [
        |node| node.set_name("x").map(|()| String::new()),
        |node| node.delete().map(|()| String::new()),
        |node| node.env().create(Node::values().name("new")).map(|_| String::new()),
        |node| node.env().transaction(|| Ok(String::new())),
        |node| node.env().execute(diesel::sql_query("UPDATE nodes SET name = 'x'")).map(|_| String::new()),
        |node| node.env().with_connection(|_| Ok(String::new())),
    ];
    for write in writes {
        does(write);
        let error = db.record::<Node>(1).scripted().unwrap_err();
        let told = "Node.scripted is being computed: what computes a field only reads";
        assert!(matches!(error, Error::WriteWhileComputing { .. }) && error.to_string() == told, "{error}");
        // Within a transaction as well.
        let error = db.transaction(|| db.record::<Node>(1).scripted()).unwrap_err();
        assert!(matches!(error, Error::WriteWhileComputing { .. }), "{error}");
    }
    assert_eq!(db.file.values("SELECT name AS value FROM nodes ORDER BY id"), ["a", "b", "c", "x", "y", "z"]);
    // What waits is sent before a search of it, as before any other.
    does(|node| {
        let found: RecordSet<Node> = nodes::table.filter(nodes::name.eq("waits")).records(node.env())?;
        Ok(found.len().to_string())
    });
    db.transaction(|| {
        db.record::<Node>(2).set_name("waits")?;
        assert_eq!(db.record::<Node>(1).scripted()?, "1");
        db.record::<Node>(2).set_name("again")?;
        assert_eq!(db.record::<Node>(1).scripted()?, "0");
        Ok(())
    })
}

#[test]
fn it_may_read_by_a_statement_of_its_own() -> Result<()> {
    let db = nodes();
    does(|node| {
        let reading = node.env().touching().nothing();
        let count: i64 = reading.with_connection(|c| Ok(nodes::table.count().get_result(c)?))?;
        Ok(count.to_string())
    });
    let node = db.record::<Node>(1);
    assert_eq!(node.scripted()?, "6");
    assert_eq!(db.assert_queries(0, || node.scripted())?, "6");
    // Nobody knows what it has read: any row that comes makes it missing.
    db.create(Node::values().name("new"))?;
    assert_eq!(node.scripted()?, "7");
    Ok(())
}

#[test]
fn a_row_that_is_gone_is_the_error_of_what_reads_it() -> Result<()> {
    let db = nodes();
    let error = db.record::<Node>(12).path().unwrap_err();
    assert_eq!(error.to_string(), db.record::<Node>(99).name().unwrap_err().to_string());
    db.create(Node::values().id(99).name("come"))?;
    assert_eq!(db.record::<Node>(12).path()?, "zcome");
    db.record::<Node>(99).delete()?;
    assert!(db.record::<Node>(12).path().is_err());
    Ok(())
}

#[test]
fn too_many_values_or_too_few_are_an_error() {
    let db = nodes();
    let told = db.record::<Node>(1).too_few().unwrap_err().to_string();
    assert_eq!(told, "Node.too_few was computed for 1 records, and 0 values came");
}
