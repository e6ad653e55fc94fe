//! A link that a trigger has kept is not shown as moved, from neither side.

use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::partners::*;

#[test]
#[cfg_attr(feature = "mysql", ignore = "no trigger there skips a row")]
fn leads_to_where_it_led_from_both_sides() -> Result<()> {
    let db = TestDb::of_partners(40, 4);
    let before = |id: i32| db.record::<Country>(id).partner_ids().ids();
    let (of_two, of_three) = (before(2)?, before(3)?);
    let kept = db.record::<Country>(2).partner_ids().load()?.first().expect("a partner");
    db.file.run(&format!(
        "CREATE TRIGGER keeps BEFORE UPDATE ON partners WHEN OLD.id = {} BEGIN SELECT RAISE(IGNORE); END",
        kept.id()
    ));
    kept.set_country_id(3)?;
    assert_eq!(kept.country_id().id()?, Some(2));
    assert_eq!((before(2)?, before(3)?), (of_two, of_three));
    Ok(())
}
