//! A set of a million is a set like any other: quick to make, to measure, to take apart.

use std::time::{Duration, Instant};

use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
fn a_set_of_a_million() -> Result<()> {
    const MILLION: usize = 1_000_000;
    let db = TestDb::of_partners(2_000, 2);
    let start = Instant::now();
    db.assert_queries(0, || {
        let set = db.browse::<Partner>(1..=MILLION as i32);
        assert_eq!((set.len(), set.ids().len()), (MILLION, MILLION));
        assert_eq!(set.last().map(|record| record.id()), Some(MILLION as i32));
        assert_eq!(set.slice(999_990..).len(), 10);
        assert_eq!(set.reversed().first().map(|record| record.id()), Some(MILLION as i32));
        assert_eq!(set.iter().rev().nth(5).map(|record| record.id()), Some(MILLION as i32 - 5));
        assert_eq!(set.iter().len(), MILLION);
        let half = set.slice(..MILLION / 2);
        assert_eq!((&set - &half).len(), MILLION / 2);
        assert_eq!((&half | &set), set);
        assert_eq!((&half & &set).len(), MILLION / 2);
        assert!(set.contains(&db.record(MILLION as i32)));
        assert!(set == set.reversed());
        assert_eq!(set.concat(&set).len(), 2 * MILLION);
        Result::<(), orm_core::Error>::Ok(())
    })?;
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn reading_one_of_a_million_is_one_window() -> Result<()> {
    let db = TestDb::of_partners(2_000, 2);
    let set = db.browse::<Partner>(1..=1_000_000);
    assert_eq!(db.assert_keys(&[1000], || set.get(1_500).expect("in range").name())?, "Partner number 1501");
    let error =
        db.assert_keys(&[1000], || set.get(999_999).expect("in range").name()).expect_err("there are 2,000");
    assert!(error.is_missing_record());
    Ok(())
}
