//! Section 4 of the promise, the other side: what goes from record to record, what is batched but for a last one, and what
//! is done fewer than ten times in a row is refused by no strict environment.

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::Backend;
use orm_tests::partners::*;
use orm_tests::told::assert_not_told;
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

diesel::table! { pages { id -> Integer, leaf_id -> Integer } }
diesel::table! { leaves { id -> Integer, page_id -> Nullable<Integer> } }

#[derive(Model)]
struct Page {
    id: i32,
    leaf_id: Id<Leaf>,
}

#[derive(Model)]
#[model(table = leaves)]
struct Leaf {
    id: i32,
    page_id: Option<Id<Page>>,
}

/// A list of 50: each but the last leads to the next
fn list() -> TestDb {
    let sql = format!(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, next_id INTEGER);
         INSERT INTO nodes SELECT value, 'n' || value, CASE WHEN value < 50 THEN value + 1 END FROM {}",
        series(50)
    );
    test_db!(File::new(&sql), strict())
}

#[test]
fn a_list_is_walked_record_by_record() -> Result<()> {
    let db = list();
    // From one record along its links
    db.assert_queries(50, || {
        let mut at = db.record::<Node>(1);
        while let Some(next) = at.next_id().load()? {
            at = next;
        }
        at.name().map(|name| assert_eq!(name, "n50"))
    })?;
    db.cache().clear();
    // The same, reading each on the way
    db.assert_queries(50, || {
        let mut at = Some(db.record::<Node>(1));
        while let Some(node) = at {
            node.name()?;
            at = node.next_id().load()?;
        }
        Ok::<_, Error>(())
    })?;
    db.cache().clear();
    // From key to key
    db.assert_queries(50, || {
        let mut at = 1;
        while let Some(next) = db.record::<Node>(at).next_id().id()? {
            at = next;
        }
        assert_eq!(at, 50);
        Ok::<_, Error>(())
    })?;
    db.cache().clear();
    db.assert_queries(50, || {
        let mut at = Some(1);
        while let Some(id) = at {
            at = db.get::<Node>(id)?.expect("a node").next_id().id()?;
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn a_walk_through_two_models() -> Result<()> {
    let sql = format!(
        "CREATE TABLE pages (id INTEGER PRIMARY KEY NOT NULL, leaf_id INTEGER NOT NULL);
         CREATE TABLE leaves (id INTEGER PRIMARY KEY NOT NULL, page_id INTEGER);
         INSERT INTO pages SELECT value, value FROM {series};
         INSERT INTO leaves SELECT value, CASE WHEN value < 50 THEN value + 1 END FROM {series}",
        series = series(50)
    );
    let db = test_db!(File::new(&sql), strict());
    db.assert_queries(100, || {
        let mut at = db.record::<Page>(1);
        while let Some(next) = at.leaf_id().page_id().load()? {
            at = next;
        }
        assert_eq!(at.id(), 50);
        Ok(())
    })
}

#[test]
fn a_tree_of_one_child_a_level_is_walked_down() -> Result<()> {
    fn depth(node: &Record<'_, Node>) -> Result<usize> {
        let mut deepest = 0;
        for child in node.before().iter()? {
            deepest = deepest.max(1 + depth(&child)?);
        }
        Ok(deepest)
    }
    let db = list();
    db.assert_queries(50, || depth(&db.record(50)).map(|depth| assert_eq!(depth, 49)))?;
    db.cache().clear();
    // By keys, with a loop
    let mut level = vec![50];
    while let Some(id) = level.pop() {
        level.extend(db.record::<Node>(id).before().ids()?);
    }
    db.cache().clear();
    // By counts
    let mut at = db.record::<Node>(50);
    while at.before().len()? > 0 {
        at = at.before().one()?;
    }
    Ok(())
}

#[test]
fn but_a_walk_from_each_of_many_records_is_one() {
    let db = list();
    let walks = || {
        (31..=50).try_for_each(|id| {
            let mut at = db.record::<Node>(id);
            db.cache().clear();
            while let Some(next) = at.next_id().load()? {
                at = next;
            }
            Ok::<_, Error>(())
        })
    };
    assert!(matches!(walks(), Err(Error::Unbatched { model: "Node", field: "next_id", .. })));
}

#[test]
fn last_records_of_windows() {
    let db = test_db!(File::of_partners(220, 10), strict(), prefetch_limit(10));
    for first in 0..20 {
        // Ten and one, each read in a place of its own
        let set = db.browse::<Partner>((1..=11).map(|id| 11 * first + id));
        db.assert_keys(&[10, 1], || {
            set.first().expect("a partner").name().expect("a name");
            set.last().expect("a partner").name().expect("a name");
        });
    }
}

#[test]
fn sets_that_are_cached_but_for_one() -> Result<()> {
    let db = test_db!(File::of_partners(40, 10), strict());
    let set = db.all::<Partner>()?;
    set.tag_ids().load()?;
    for partner in &set {
        db.cache().invalidate(Partner::NAME, [partner.id()]);
        db.cache().invalidate(Partner::TAG_IDS, [partner.id()]);
        db.assert_keys(&[1, 1], || partner.name().and_then(|_| partner.tag_ids().ids())).map(drop)?;
    }
    // Of one set each
    for id in 1..=20 {
        db.cache().invalidate(Partner::NAME, [id]);
        db.assert_keys(&[1], || db.browse::<Partner>([id, id + 20]).name()).map(drop)?;
    }
    Ok(())
}

#[test]
fn single_reads_in_many_places() {
    assert_not_told(File::of_partners(40, 10), |db| {
        let one = |id| db.record::<Partner>(id);
        let page = (one(1).name()?, one(2).name()?, one(3).name()?, one(4).name()?, one(5).name()?);
        let more = (one(6).name()?, one(7).name()?, one(8).name()?, one(9).name()?, one(10).name()?);
        let last = (one(11).name()?, one(12).name()?, one(13).name()?, one(14).name()?, one(15).name()?);
        assert_eq!((page.0, more.0, last.0).0, "Partner number 1");
        let lists = (one(1).tag_ids().ids()?, one(2).tag_ids().ids()?, one(3).tag_ids().ids()?);
        let counts = (one(21).tag_ids().len()?, one(22).tag_ids().len()?, one(23).tag_ids().len()?);
        assert_eq!((lists.0.len(), counts.0), (2, 2));
        Ok(())
    });
}

#[test]
fn nine_in_a_row() {
    assert_not_told(File::of_partners(100, 10), |db| {
        let read = |id| db.record::<Partner>(id).name().map(drop);
        let search = |id| db.find::<Partner>(partners::id.eq(id)).map(drop);
        (1..10).try_for_each(read)?;
        (1..10).try_for_each(search)
    });
    // A batch in between
    assert_not_told(File::of_partners(400, 10), |db| {
        for turn in 0..10 {
            for place in 0..10 {
                let first = 40 * turn + 2 * place;
                let many = if place == 5 { 2 } else { 1 };
                db.browse::<Partner>((1..=many).map(|id| first + id)).name()?;
            }
        }
        Ok(())
    });
}

#[test]
fn batches_of_few() {
    assert_not_told(File::of_partners(40, 10), |db| {
        db.in_batches(partners::table, 1, |batch: RecordSet<'_, Partner>| {
            let partner = batch.one()?;
            partner.notes()?;
            partner.tag_ids().len()?;
            partners::table.filter(partners::parent_id.eq(partner.id())).records::<Partner>(db)?;
            db.get::<Tag>(1)?.expect("a tag").name().map(drop)
        })?;
        for batch in db.batches_by_key::<Partner, _>(partners::table, 2) {
            let batch = batch?;
            batch.first().expect("a partner").notes()?;
            // Within each batch its own
            let children = |of: i32| partners::table.filter(partners::parent_id.eq(of));
            db.in_batches_by_key(
                children(batch.first().expect("a partner").id()),
                5,
                |_: RecordSet<'_, Partner>| Ok(()),
            )?;
        }
        Ok(())
    });
}

#[test]
fn but_a_loop_within_a_batch_is_one() {
    let db = test_db!(File::of_partners(40, 10), strict());
    let refused = db.in_batches(partners::table, 20, |batch: RecordSet<'_, Partner>| {
        batch.ids().into_iter().try_for_each(|id| db.record::<Partner>(id).notes().map(drop))
    });
    assert!(matches!(refused, Err(Error::Unbatched { field: "notes", .. })), "{refused:?}");
}

#[test]
fn rows_that_are_locked_one_by_one() {
    assert_not_told(File::of_partners(40, 10), |db| {
        let ids = db.all::<Partner>()?.ids();
        ids.into_iter().try_for_each(|id| db.transaction(|| db.record::<Partner>(id).lock()))
    });
}

#[test]
fn the_same_record_again_and_again() {
    assert_not_told(File::of_partners(10, 2), |db| {
        let partner = db.record::<Partner>(1);
        for _ in 0..20 {
            db.cache().clear();
            partner.name()?;
            partner.exists()?;
            partner.refresh()?;
            partner.tag_ids().len()?;
            db.get::<Partner>(1)?;
        }
        Ok(())
    });
}

#[test]
fn other_queries_from_one_line() {
    assert_not_told(File::of_partners(200, 10), |db| {
        let boxed = || partners::table.into_boxed::<Backend>();
        let queries = [
            boxed().filter(partners::id.eq(1)),
            boxed().filter(partners::name.eq("x")),
            boxed().filter(partners::city.eq("x")),
            boxed().filter(partners::email.eq("x")),
            boxed().filter(partners::phone.eq("x")),
            boxed().filter(partners::active.eq(true)),
            boxed().filter(partners::lang.is_null()),
            boxed().filter(partners::parent_id.is_null()),
            boxed().filter(partners::country_id.is_null()),
            boxed().filter(partners::id.gt(1)),
            boxed().filter(partners::id.lt(1)),
            boxed().order(partners::id),
        ];
        queries.into_iter().try_for_each(|query| query.records::<Partner>(db).map(drop))?;
        // DDL
        (0..20).try_for_each(|n| {
            db.execute(diesel::sql_query(format!("CREATE TABLE t{n} (id INTEGER)"))).map(drop)
        })
    });
}

#[test]
fn pages_of_many_rows() {
    assert_not_told(File::of_partners(2_000, 10), |db| {
        let (last, pages) = (Cell::new(0), Cell::new(0));
        loop {
            let page = partners::table.filter(partners::id.gt(last.get())).order(partners::id).limit(100);
            let page = page.records::<Partner>(db)?;
            let Some(record) = page.last() else { break };
            last.set(record.id());
            pages.set(pages.get() + 1);
        }
        assert_eq!(pages.get(), 20);
        Ok(())
    });
}
