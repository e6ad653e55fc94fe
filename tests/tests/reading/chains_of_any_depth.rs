//! P2, P4 at any depth: hierarchies cost a SELECT per window and level however deep they are, up or down, and a walk
//! along a list takes memory and time in proportion to its length.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb, test_db};

diesel::table! { nodes { id -> Integer, name -> Text, next_id -> Nullable<Integer> } }

#[derive(Model)]
struct Node {
    id: i32,
    name: String,
    next_id: Option<Id<Node>>,
    #[model(inverse = Node::NEXT_ID)]
    before: OneToMany<Node>,
}

/// So many chains of such a length: node `i` leads to node `i - chains`, that of the first of each chain to nothing
fn sql(chains: usize, length: usize) -> String {
    format!(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, next_id INTEGER);
         CREATE INDEX nodes_next ON nodes (next_id);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {})
         INSERT INTO nodes SELECT n, 'n' || n, CASE WHEN n > {chains} THEN n - {chains} END FROM s",
        chains * length
    )
}

fn chains(chains: usize, length: usize) -> TestDb {
    test_db!(File::new(&sql(chains, length)), strict())
}

fn last(db: &TestDb, chains: usize, length: usize) -> Result<RecordSet<'_, Node>> {
    let after = i32::try_from(chains * (length - 1)).expect("a key");
    nodes::table.filter(nodes::id.gt(after)).order(nodes::id).records(&db.env)
}

#[test]
fn up_a_hierarchy_record_by_record() -> Result<()> {
    for length in [60, 100, 200] {
        let db = chains(100, length);
        let last = last(&db, 100, length)?;
        db.assert_queries(length - 1, || {
            for node in &last {
                let mut at = node;
                while let Some(next) = at.next_id().load()? {
                    next.name()?;
                    at = next;
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

#[test]
fn up_a_hierarchy_along_links_that_are_not_loaded() -> Result<()> {
    let db = chains(100, 100);
    let last = last(&db, 100, 100)?;
    db.assert_queries(99, || {
        for node in &last {
            let mut link = node.next_id();
            while link.name()?.is_some() {
                link = link.next_id();
            }
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn up_a_hierarchy_as_a_set() -> Result<()> {
    let db = chains(100, 100);
    let mut level = last(&db, 100, 100)?;
    db.assert_queries(99, || {
        for _ in 1..100 {
            level = level.next_id().load()?;
            assert_eq!(level.name()?.len(), 100);
        }
        Ok::<_, Error>(())
    })
}

fn down(node: &Record<'_, Node>, names: &mut usize) -> Result<()> {
    *names += usize::from(!node.name()?.is_empty());
    node.before().load()?.iter().try_for_each(|before| down(&before, names))
}

#[test]
fn down_a_hierarchy_depth_first() -> Result<()> {
    let db = chains(100, 150);
    let first = nodes::table.filter(nodes::next_id.is_null()).order(nodes::id).records::<Node>(&db)?;
    let mut names = 0;
    // The last level's lists are asked for too, and are empty.
    db.assert_queries(150, || first.iter().try_for_each(|node| down(&node, &mut names)))?;
    assert_eq!(names, 100 * 150);
    Ok(())
}

#[test]
fn down_a_hierarchy_as_sets() -> Result<()> {
    let db = chains(100, 150);
    let first = nodes::table.filter(nodes::next_id.is_null()).order(nodes::id).records::<Node>(&db)?;
    db.assert_queries(150, || {
        for node in &first {
            let mut level = node.before().load()?;
            while !level.is_empty() {
                level = level.before().load()?;
            }
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn a_link_that_no_value_was_read_of_can_be_followed_any_number_of_times() -> Result<()> {
    let db = chains(50, 120);
    let last = last(&db, 50, 120)?;
    db.assert_queries(119, || {
        for node in &last {
            let mut link = node.next_id();
            for _ in 1..119 {
                link = link.next_id();
            }
            assert!(link.name()?.is_some());
        }
        Ok::<_, Error>(())
    })
}

/// Runs on a thread whose stack is as small as those of most servers.
fn on_a_small_stack(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).map_err(Error::other)?;
    thread.join().expect("no panic")
}

#[test]
fn a_list_of_a_million_links() -> Result<()> {
    on_a_small_stack(|| {
        let db = chains(1, 1_000_000);
        let all = nodes::table.order(nodes::id.desc()).records::<Node>(&db)?;
        db.assert_queries(0, || {
            let first = all.first().expect("a node");
            let mut link = first.next_id();
            let mut names = 1;
            while link.name()?.is_some() {
                names += 1;
                link = link.next_id();
            }
            assert_eq!(names, 1_000_000);
            Ok::<_, Error>(())
        })
    })
}

#[test]
fn links_of_a_long_list_can_all_be_held_and_dropped() -> Result<()> {
    on_a_small_stack(|| {
        let db = chains(1, 100_000);
        let all = nodes::table.order(nodes::id.desc()).records::<Node>(&db)?;
        let mut links = vec![all.first().expect("a node").next_id()];
        while let Some(link) = links.last().filter(|link| link.name().is_ok_and(|name| name.is_some())) {
            let next = link.next_id();
            links.push(next);
        }
        assert_eq!(links.len(), 100_000);
        drop(links);
        // Nor does one that was never looked at.
        let mut link = db.record::<Node>(1).next_id();
        for _ in 0..100_000 {
            link = link.next_id();
        }
        drop(link);
        Ok(())
    })
}

#[test]
fn the_way_of_a_link_that_leads_nowhere_is_told() -> Result<()> {
    let db = chains(1, 3);
    let link = db.record::<Node>(3).next_id().next_id().next_id();
    assert_eq!(format!("{link:?}"), "Node(3).next_id.next_id.next_id");
    assert_eq!(link.name()?, None);
    Ok(())
}
