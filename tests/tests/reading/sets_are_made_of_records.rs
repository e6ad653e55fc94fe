//! A set of records that one has: `collect`, `extend`, `|=`. It takes as long as they are many, and it is prefetched with
//! the sets that they came from.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::{Country, Partner};
use orm_tests::{File, TestDb, test_db};

#[test]
fn of_records_and_of_references_to_them() {
    let db = TestDb::of_partners(10, 5);
    db.assert_queries(0, || {
        let all = db.browse::<Partner>(1..=10);
        assert_eq!(db.collect(all.iter().skip(8)).ids(), [9, 10]);
        let mut records: Vec<Record<Partner>> = all.iter().take(2).collect();
        records.push(db.record(2));
        let set: RecordSet<Partner> = db.collect(&records);
        assert_eq!(set.ids(), [1, 2, 2]);
        assert_eq!(db.collect(Vec::<Record<Partner>>::new()).len(), 0);
        let mut set = set;
        set.extend(&records[..1]);
        set.extend(db.browse::<Partner>([7]));
        assert_eq!(set.ids(), [1, 2, 2, 1, 7]);
        // `|=` has each once, and goes on so.
        set |= &db.browse([7, 3]);
        assert_eq!(set.ids(), [1, 2, 7, 3]);
        set.extend([db.record(3)]);
        set |= &db.browse([4, 3]);
        assert_eq!(set.ids(), [1, 2, 7, 3, 4]);
    });
}

#[test]
fn it_is_prefetched_with_the_sets_that_they_came_from() -> Result<()> {
    let db = TestDb::of_partners(100, 5);
    let (low, high) = (db.browse::<Partner>(1..=20), db.browse::<Partner>(81..=100));
    let some = db.collect([low.get(3), high.get(4)].into_iter().flatten());
    let (_, statements) = db.watch(|| some.get(1).map(|partner| partner.name()));
    let keys = statements[0].keys();
    assert_eq!((keys.len(), &keys[..2]), (40, &["85".to_owned(), "4".to_owned()][..]));
    db.cache().clear();

    let mut others = db.browse::<Partner>([50]);
    others |= &low.slice(0..1);
    others |= &high.slice(0..1);
    db.assert_keys(&[41], || others.name())?;
    db.cache().clear();
    // Records that were reached by links come with all that the links lead to.
    let all = db.all::<Partner>()?;
    let mut countries: RecordSet<Country> = db.collect(Vec::<Record<Country>>::new());
    for partner in all.iter().take(2) {
        countries.extend(partner.country_id().load()?);
    }
    assert_eq!(countries.len(), 2);
    db.assert_keys(&[5], || countries.name())?;
    Ok(())
}

#[test]
fn who_holds_it_sees_no_change() -> Result<()> {
    let db = TestDb::of_partners(100, 5);
    let mut set = db.browse::<Partner>([1, 2]);
    let (held, first, countries) = (set.clone(), set.first().expect("two"), set.country_id());
    set |= &db.browse([3]);
    set.extend([db.record(4)]);
    assert_eq!((held.ids(), set.ids()), (vec![1, 2], vec![1, 2, 3, 4]));
    assert_eq!(countries.ids()?.len(), 2);
    // The links of the larger set lead from all of it.
    assert_eq!(set.country_id().ids()?.len(), 4);
    set |= &db.browse([5]);
    assert_eq!(set.country_id().ids()?.len(), 5);
    assert_eq!((first.id(), first.name()?.as_str()), (1, "Partner number 1"));
    Ok(())
}

#[test]
fn it_can_be_walked_between_and_grows_on() -> Result<()> {
    let db = test_db!(File::of_partners(100, 5), prefetch_limit(10));
    let mut set = db.browse::<Partner>(Vec::<i32>::new());
    for id in 1..=100 {
        set |= &db.browse([id, 1]);
        if id % 10 == 0 {
            db.assert_queries(1, || set.name())?;
        }
    }
    assert_eq!(set.len(), 100);
    db.assert_queries(0, || set.email())?;
    Ok(())
}
