//! The rows of Odoo's own tests (`research/odoo-behaviour.md`, section 2) that speak of reading: prefetch sets, null
//! chains, sorted, grouped and reversed sets, missing and deleted records. Each test names its rows; where Odoo allows a
//! number of queries, it is the most that is allowed here. The rows on writing are in `what_odoo_demands_of_writing`;
//! those on computing and access rules come with those features.
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

fn five(db: &TestDb) -> Result<RecordSet<'_, Partner>> {
    partners::table.order(partners::id).limit(5).records(&db.env)
}

#[test]
fn rows_1_to_3_a_loop_through_a_link_twice_and_then_another_column() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.assert_queries(2, || {
        let set = five(&db)?;
        set.map(|partner| partner.country_id().name())?;
        Ok::<_, Error>(set)
    })?;
    db.assert_queries(0, || set.map(|partner| Ok((partner.country_id().name()?, partner.email()?))))?;
    Ok(())
}

#[test]
fn row_4_the_lists_of_all_cold() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.browse::<Country>(1..=7);
    db.assert_queries(1, || set.partner_ids().ids())?;
    Ok(())
}

#[test]
fn rows_5_and_72_reversed() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.all::<Partner>()?.reversed();
    let (_, statements) = db.watch(|| set.map(|partner| partner.country_id().name()));
    assert_eq!(statements.len(), 1);
    // The order of the batch is that of the reversed set, through links and lists too.
    let first = [50, 49, 48].map(|id| (1 + id * 7919 % 7).to_string());
    assert_eq!(statements[0].keys()[..3], first);
    let (_, statements) = db.watch(|| set.first().map(|partner| partner.tag_ids().load()));
    assert_eq!(statements[0].keys()[..3], ["50", "49", "48"]);
    Ok(())
}

#[test]
fn rows_8_to_11_fields_fetched_by_name() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.browse::<Partner>(1..=10);
    db.assert_queries(1, || {
        set.prefetch_field(Partner::NAME)?;
        set.prefetch_field(Partner::EMAIL)
    })?;
    db.assert_queries(0, || Ok::<_, Error>((set.name()?, set.email()?, set.id()?)))?;
    db.assert_queries(0, || set.prefetch_field(Partner::NAME))?;
    db.assert_queries(1, || set.prefetch_field(Partner::NOTES))?;
    Ok(())
}

#[test]
fn rows_15_to_17_a_search_brings_what_the_loop_wants() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    db.assert_queries(1, || db.all::<Partner>()?.map(|partner| partner.name()))?;
    db.cache().clear();
    let keys = |db: &TestDb| {
        partners::table.record_ids::<Partner>(db).and_then(|set| set.map(|partner| partner.name()))
    };
    db.assert_queries(2, || keys(&db))?;
    Ok(())
}

#[test]
fn row_30_more_than_a_window() -> Result<()> {
    let db = TestDb::of_partners(1_280, 7);
    let set = db.browse::<Partner>(1..=1_280);
    // One window is a thousand here, for memory's sake; Odoo fetches all at once.
    db.assert_keys(&[1000, 280], || set.map(|partner| partner.name()))?;
    Ok(())
}

#[test]
fn row_34_a_list_of_each_of_a_thousand_mapped() -> Result<()> {
    let db = TestDb::of_partners(1_000, 7);
    let set = db.browse::<Partner>(1..=1_000);
    db.assert_queries(1, || set.map(|partner| partner.child_ids().name()))?;
    Ok(())
}

#[test]
fn rows_70_and_71_all_that_came_together_is_read_together() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.browse::<Partner>(1..=50);
    db.assert_queries(1, || set.get(20).expect("in range").name())?;
    assert_eq!(db.stats().records, 50);
    db.assert_queries(1, || set.get(3).expect("in range").country_id().name())?;
    db.assert_queries(0, || set.map(|partner| partner.country_id().code()))?;
    Ok(())
}

#[test]
fn row_81_a_subset_keeps_its_parents_prefetch_set() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.browse::<Partner>(1..=50);
    db.assert_queries(1, || {
        set.get(0).expect("in range").name()?;
        set.get(1).expect("in range").name()?;
        set.slice(..5).name()?;
        set.filter(|partner| Ok(partner.id() % 2 == 0))?.name()
    })?;
    Ok(())
}

#[test]
fn row_82_a_thousand_unions() -> Result<()> {
    let db = TestDb::of_partners(2_000, 7);
    let mut all = db.browse::<Partner>([1]);
    for id in 2..=1_000 {
        all = &all | &db.browse([id]);
    }
    assert_eq!(all.len(), 1_000);
    db.assert_queries(1, || all.name())?;
    let mut doubled = db.browse::<Partner>([1]);
    for id in 1_001..=2_000 {
        doubled = doubled.concat(&db.browse([id]));
    }
    db.assert_queries(1, || doubled.name())?;
    Ok(())
}

#[test]
fn row_83_its_own_first_and_no_outsiders() -> Result<()> {
    let db = TestDb::of_partners(3_000, 7);
    let set = db.browse::<Partner>(1..=3_000);
    let asked = |subset: &RecordSet<'_, Partner>| {
        db.cache().clear();
        let (_, statements) = db.watch(|| subset.first().map(|partner| partner.name()));
        statements[0].keys().iter().map(|key| key.parse().expect("a number")).collect::<Vec<i32>>()
    };
    assert_eq!(asked(&set.slice(1_500..)), (1_501..=2_500).collect::<Vec<_>>());
    let even = set.filter(|partner| Ok(partner.id() % 2 == 0))?;
    assert!(asked(&even).iter().all(|id| id % 2 == 0));
    assert!(asked(&(&set - &even)).iter().all(|id| id % 2 == 1));
    let few = asked(&set.slice(2_990..));
    assert_eq!((few.len(), &few[..10]), (1_000, &(2_991..=3_000).collect::<Vec<_>>()[..]));
    Ok(())
}

#[test]
fn rows_68_and_69_sorted() -> Result<()> {
    let db = TestDb::of_partners(60, 7);
    let set = db.browse::<Partner>(1..=60);
    let by_name = db.assert_queries(1, || set.sort_by_key(|partner| partner.name()))?;
    let in_sql: Vec<i32> =
        partners::table.order(partners::name).select(partners::id).load(&mut db.file.connect())?;
    assert_eq!(by_name.ids(), in_sql);
    let by_country =
        db.assert_queries(1, || set.sort_by_key(|partner| Ok((partner.country_id().name()?, partner.id()))))?;
    assert_eq!(by_country.first().map(|partner| partner.country_id().id()).transpose()?, Some(None));
    db.assert_queries(0, || {
        set.sort_by_key(|partner| partner.email())?;
        set.sort_by_key(|partner| partner.country_id().code())
    })?;
    // A list of each, sorted, read: one for the lists.
    db.assert_queries(1, || {
        set.iter().try_for_each(|partner| {
            let children = partner.child_ids().load()?.sort_by_key(|child| Ok(child.id()))?;
            children.name()?;
            children.country_id().name().map(drop)
        })
    })
}

#[test]
fn row_75_one_group_then_another() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let groups = db.browse::<Partner>(1..=50).group_by(|partner| Ok(partner.id() % 2))?;
    db.assert_queries(1, || groups[&1].name())?;
    db.assert_queries(0, || groups[&0].name())?;
    Ok(())
}

#[test]
fn row_76_a_chain_from_nothing() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let empty = db.browse::<Partner>(Vec::<i32>::new());
    db.assert_queries(0, || {
        assert!(empty.parent_id().country_id().continent_id().name()?.is_empty());
        assert!(empty.child_ids().tag_ids().name()?.is_empty());
        assert_eq!(empty.first().map(|partner| partner.name()).transpose()?, None);
        Ok::<_, Error>(())
    })?;
    let root = db.record::<Partner>(1);
    root.name()?;
    db.assert_queries(0, || {
        assert_eq!(root.parent_id().parent_id().country_id().name()?, None);
        assert!(root.parent_id().child_ids().name()?.is_empty());
        Ok(())
    })
}

#[test]
fn rows_40_77_and_78_deleted_rows() -> Result<()> {
    let db = TestDb::of_partners(50, 7);
    let set = db.browse::<Partner>(1..=50);
    db.file.run("DELETE FROM partners WHERE id = 10");
    let (there, statements) = db.watch(|| set.exists());
    assert_eq!((there?.len(), statements.len()), (49, 1));
    // Each is read and then deleted behind the set's back: what came along is still there.
    for partner in &set {
        match partner.id() {
            10 => assert!(partner.name().is_err_and(|error| error.is_missing_record())),
            id => {
                partner.name()?;
                db.file.run(&format!("DELETE FROM partners WHERE id = {id}"));
            }
        }
    }
    assert!(set.exists()?.is_empty());
    Ok(())
}

#[test]
fn rows_35_to_37_groups_of_columns() -> Result<()> {
    // Columns of a group and deferred ones are in reading::deferred_columns_come_when_read; here: exactly the default ones.
    let db = TestDb::of_partners(10, 7);
    let (_, statements) = db.watch(|| db.browse::<Partner>(1..=10).name());
    assert_eq!(statements.len(), 1);
    assert!(!statements[0].columns().contains(&"notes") && statements[0].columns().contains(&"credit"));
    Ok(())
}

#[test]
fn row_79_invalidation_drops_exactly_what_was_named() -> Result<()> {
    let db = TestDb::of_partners(10, 7);
    let set = db.all::<Partner>()?;
    set.country_id().name()?;
    let full = db.stats().values;
    db.cache().invalidate(Partner::NAME, [1]);
    assert_eq!(db.stats().values, full - 1);
    db.cache().invalidate_model::<Partner>();
    assert_eq!(db.stats().model("Partner").map(|model| model.values), Some(0));
    assert!(db.stats().model("Country").is_some_and(|model| model.values > 0));
    Ok(())
}

#[test]
fn row_80_a_hundred_thousand_records_of_eleven_columns_in_a_hundred_megabytes() -> Result<()> {
    // A tenth of the rows, as this is no release build: memory is linear in them (relations: stats are the allocator's).
    let db = TestDb::of_partners(10_000, 7);
    let set = db.all::<Partner>()?;
    set.prefetch_field(Partner::NOTES)?;
    assert!(db.stats().bytes < 10_000_000, "{} bytes", db.stats().bytes);
    Ok(())
}
