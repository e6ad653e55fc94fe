//! P7: what is taken out of a set reads its own records first, then the rest of that set, within one window.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::*;
use orm_tests::{File, TestDb, test_db};

fn keys(db: &TestDb) -> RecordSet<'_, Partner> {
    partners::table.order(partners::id).record_ids(&db.env).expect("the keys")
}

/// Reads the first record of a subset; gives the keys that were asked for.
#[track_caller]
fn asked(db: &TestDb, subset: &RecordSet<'_, Partner>) -> Vec<i32> {
    let (name, statements) = db.watch(|| subset.first().expect("not empty").name());
    name.expect("a name");
    assert_eq!(statements.len(), 1, "{statements:?}");
    statements[0].keys().iter().map(|key| key.parse().expect("a number")).collect()
}

fn ids(range: std::ops::RangeInclusive<i32>) -> Vec<i32> {
    range.collect()
}

/// Own keys, then those of the rest, each once
#[track_caller]
fn assert_own_then_rest(asked: &[i32], own: &[i32], all: impl IntoIterator<Item = i32>) {
    assert_eq!(&asked[..own.len()], own, "its own come first");
    let mut rest: Vec<i32> = asked[own.len()..].to_vec();
    rest.sort_unstable();
    let expected: Vec<i32> = all.into_iter().filter(|id| !own.contains(id)).collect();
    assert_eq!(rest, expected, "then the rest of the set");
}

#[test]
fn one_record_by_index() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let record = set.get(30).expect("in range");
    let (_, statements) = db.watch(|| record.name());
    let asked: Vec<i32> = statements[0].keys().iter().map(|key| key.parse().expect("a number")).collect();
    assert_own_then_rest(&asked, &[31], 1..=50);
    Ok(())
}

#[test]
fn a_slice() {
    let db = TestDb::of_partners(50, 5);
    let slice = keys(&db).slice(20..30);
    assert_own_then_rest(&asked(&db, &slice), &ids(21..=30), 1..=50);
}

#[test]
fn a_slice_of_a_slice() {
    let db = TestDb::of_partners(50, 5);
    let slice = keys(&db).slice(20..30).slice(5..7);
    assert_own_then_rest(&asked(&db, &slice), &ids(26..=27), 1..=50);
}

#[test]
fn what_a_filter_keeps() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let odd = keys(&db).filter(|partner| Ok(partner.id() % 2 == 1))?;
    let own: Vec<i32> = (1..=50).filter(|id| id % 2 == 1).collect();
    assert_own_then_rest(&asked(&db, &odd), &own, 1..=50);
    Ok(())
}

#[test]
fn a_sorted_set() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let sorted = keys(&db).sort_by_key(|partner| Ok(std::cmp::Reverse(partner.id())))?;
    assert_eq!(asked(&db, &sorted), (1..=50).rev().collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_group_and_then_the_other_groups_cost_nothing() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let groups = keys(&db).group_by(|partner| Ok(partner.id() % 5))?;
    let own: Vec<i32> = (1..=50).filter(|id| id % 5 == 1).collect();
    assert_own_then_rest(&asked(&db, &groups[&1]), &own, 1..=50);
    db.assert_queries(0, || groups.values().try_for_each(|group| group.name().map(drop)))
}

#[test]
fn a_union() {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let (a, b) = (set.slice(40..42), set.slice(10..12));
    assert_own_then_rest(&asked(&db, &(&a | &b)), &[41, 42, 11, 12], 1..=50);
}

#[test]
fn a_union_of_two_sets_brings_the_rest_of_both() -> Result<()> {
    let db = TestDb::of_partners(100, 5);
    let low = partners::table.filter(partners::id.le(10)).order(partners::id).record_ids::<Partner>(&db)?;
    let high = partners::table.filter(partners::id.gt(90)).order(partners::id).record_ids::<Partner>(&db)?;
    let both = &low.slice(0..1) | &high.slice(0..1);
    assert_own_then_rest(&asked(&db, &both), &[1, 91], (1..=10).chain(91..=100));
    Ok(())
}

#[test]
fn an_intersection() {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let both = &set.slice(0..20) & &set.slice(10..30);
    assert_own_then_rest(&asked(&db, &both), &ids(11..=20), 1..=50);
}

#[test]
fn a_difference() {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let left = &set - &set.slice(10..50);
    assert_own_then_rest(&asked(&db, &left), &ids(1..=10), 1..=50);
}

#[test]
fn a_concatenation() {
    let db = TestDb::of_partners(50, 5);
    let set = keys(&db);
    let both = set.slice(5..7).concat(&set.slice(6..8));
    assert_eq!(both.ids(), [6, 7, 7, 8]);
    assert_own_then_rest(&asked(&db, &both), &[6, 7, 8], 1..=50);
}

#[test]
fn one_record_as_a_set() {
    let db = TestDb::of_partners(50, 5);
    let one = RecordSet::from(keys(&db).get(9).expect("in range"));
    assert_own_then_rest(&asked(&db, &one), &[10], 1..=50);
}

#[test]
fn outsiders_are_not_loaded_when_its_own_fill_a_window() -> Result<()> {
    let db = test_db!(File::of_partners(500, 5), prefetch_limit(100));
    let set = keys(&db);
    let slice = set.slice(200..400);
    assert_eq!(asked(&db, &slice), ids(201..=300));
    db.assert_keys(&[100], || slice.name())?;
    let odd = set.filter(|partner| Ok(partner.id() % 2 == 1))?;
    let missing: Vec<i32> =
        (1..=500).filter(|id| id % 2 == 1 && !(201..=400).contains(id)).take(100).collect();
    assert_eq!(asked(&db, &odd), missing);
    Ok(())
}

#[test]
fn the_rest_comes_within_the_window() {
    let db = test_db!(File::of_partners(500, 5), prefetch_limit(100));
    let slice = keys(&db).slice(400..430);
    let asked = asked(&db, &slice);
    assert_eq!(asked.len(), 100);
    assert_eq!(asked[..30], ids(401..=430));
}

#[test]
fn slices_of_a_large_set_cost_a_select_per_window() -> Result<()> {
    let db = TestDb::of_partners(5_000, 5);
    let set = keys(&db);
    db.assert_keys(&[1000; 5], || (0..500).try_for_each(|n| set.slice(n * 10..n * 10 + 10).name().map(drop)))
}

#[test]
fn after_an_invalidation_slices_are_read_with_the_rest_again() -> Result<()> {
    let db = TestDb::of_partners(500, 5);
    let set = keys(&db);
    let walk = || (0..50).try_for_each(|n| set.slice(n * 10..n * 10 + 10).name().map(drop));
    db.assert_keys(&[500], walk)?;
    db.cache().clear();
    db.assert_keys(&[500], walk)
}

#[test]
fn after_an_invalidation_groups_are_read_with_the_rest_again() -> Result<()> {
    let db = TestDb::of_partners(500, 5);
    let groups = keys(&db).group_by(|partner| Ok(partner.id() % 50))?;
    let walk = || groups.values().try_for_each(|group| group.name().map(drop));
    db.assert_keys(&[500], walk)?;
    db.cache().invalidate_model::<Partner>();
    db.assert_keys(&[500], walk)
}

#[test]
fn the_links_of_a_subset_come_with_the_links_of_the_rest() -> Result<()> {
    let db = TestDb::of_partners(500, 50);
    let set = db.all::<Partner>()?;
    let slice = set.slice(0..3);
    let (_, statements) = db.watch(|| slice.first().map(|partner| partner.country_id().name()));
    assert_eq!(statements.len(), 1);
    let keys = statements[0].keys();
    assert_eq!(keys.len(), 50);
    let own: Vec<String> = (1..=3).map(|id| (1 + id * 7919 % 50).to_string()).collect();
    assert_eq!(keys[..3], own);
    Ok(())
}

#[test]
fn with_prefetch_reads_a_record_as_part_of_another_set() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = db.browse::<Partner>(1..=10);
    let stranger = db.record::<Partner>(42).with_prefetch(&set);
    let (_, statements) = db.watch(|| stranger.name());
    assert_eq!(statements[0].keys(), ["42", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    db.assert_queries(0, || set.name())?;
    let strangers = db.browse::<Partner>([50, 49]).with_prefetch(&db.browse([20, 21]));
    let (_, statements) = db.watch(|| strangers.first().map(|partner| partner.name()));
    assert_eq!(statements[0].keys(), ["50", "49", "20", "21"]);
    Ok(())
}

#[test]
fn a_set_taken_out_of_nothing_can_be_read() -> Result<()> {
    let db = TestDb::of_partners(5, 5);
    let empty = db.browse::<Partner>(Vec::<i32>::new());
    for set in [
        empty.slice(3..9),
        empty.reversed(),
        &empty | &empty,
        &empty & &empty,
        &empty - &empty,
        empty.concat(&empty),
    ] {
        assert!(set.is_empty());
        assert_eq!(set.name()?, Vec::<Str>::new());
    }
    let all = db.all::<Partner>()?;
    #[allow(clippy::reversed_empty_ranges)]
    for set in [all.slice(9..), all.slice(4..2), all.slice(usize::MAX..), all.slice(..0)] {
        assert!(set.is_empty(), "{set:?}");
    }
    assert_eq!(all.slice(..=usize::MAX).len(), 5);
    Ok(())
}
