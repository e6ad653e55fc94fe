//! A set of a million is a set like any other: quick to make, to measure, to take apart.

use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::partners::*;

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
