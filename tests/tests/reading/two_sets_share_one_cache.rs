//! P12: two sets of the same rows share one cache; a record already cached is not read again.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn what_one_set_loaded_the_other_has() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let (a, b) = (db.browse::<Partner>(1..=60), db.browse::<Partner>(41..=100));
    db.assert_keys(&[60, 40], || {
        a.name()?;
        b.name()
    })?;
    let by_key = db.record::<Partner>(50);
    db.assert_queries(0, || {
        assert_eq!(by_key.name()?, "Partner number 50");
        assert_eq!(by_key, a.get(49).expect("in range"));
        assert_eq!(by_key, b.get(9).expect("in range"));
        Ok(())
    })
}

#[test]
fn a_second_search_costs_its_own_select_and_no_more() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    db.assert_queries(2, || {
        for _ in 0..2 {
            db.all::<Partner>()?.iter().try_for_each(|partner| partner.name().map(drop))?;
        }
        Ok(())
    })
}

#[test]
fn two_links_to_one_record_share_it() -> Result<()> {
    let db = TestDb::of_partners(100, 1);
    let set = db.all::<Partner>()?;
    let (a, b) = (set.get(0).expect("in range"), set.get(1).expect("in range"));
    let name = a.country_id().name()?;
    db.assert_queries(0, || {
        assert_eq!(b.country_id().name()?, name);
        assert_eq!(a.country_id().load()?, b.country_id().load()?);
        Ok(())
    })
}

#[test]
fn a_value_put_is_seen_through_every_handle() -> Result<()> {
    let db = TestDb::of_partners(10, 1);
    let (set, record) = (db.all::<Partner>()?, db.record::<Partner>(4));
    let linked = db.all::<Partner>()?;
    db.cache().set(Partner::NAME, 4, "seen");
    db.assert_queries(0, || {
        assert_eq!(set.get(3).expect("in range").name()?, "seen");
        assert_eq!(record.name()?, "seen");
        assert_eq!(linked.name()?[3], "seen");
        Ok(())
    })
}

#[test]
fn environments_share_nothing() -> Result<()> {
    let db = TestDb::of_partners(10, 1);
    let other: Environment = Environment::connect(&db.file.url())?;
    db.cache().set(Partner::NAME, 1, "mine");
    assert_eq!(other.record::<Partner>(1).name()?, "Partner number 1");
    assert_eq!(db.record::<Partner>(1).name()?, "mine");
    // Handles of two environments can still be compared.
    assert_eq!(other.record::<Partner>(1), db.record::<Partner>(1));
    assert_ne!(other.record::<Partner>(1), db.record::<Partner>(2));
    let (theirs, mine) = (other.browse::<Partner>([3, 1, 2]), db.browse::<Partner>([1, 2, 3]));
    assert_eq!(theirs, mine);
    assert!(mine.contains(&theirs.get(0).expect("in range")));
    assert_eq!((&mine | &other.browse([9])).ids(), [1, 2, 3, 9]);
    assert_eq!((&mine & &other.browse([9, 2])).ids(), [2]);
    assert_eq!((&mine - &other.browse([9, 2])).ids(), [1, 3]);
    assert_eq!(mine.concat(&other.browse([9, 2])).ids(), [1, 2, 3, 9, 2]);
    Ok(())
}
