//! A chain of links that is longer than any path should be: bounded memory, no recursion, no query for what is cached.

use orm_core::Result;
use orm_tests::partners::Partner;
use orm_tests::{File, test_db};

#[test]
fn a_long_chain_can_be_walked_record_by_record() -> Result<()> {
    let file = File::of_partners(20_000, 1);
    file.run("UPDATE partners SET parent_id = id + 1 WHERE id < 20000; UPDATE partners SET parent_id = NULL WHERE id = 20000");
    let db = test_db!(file);
    let all = db.all::<Partner>()?;
    let mut partner = all.first().ok_or_else(|| orm_core::Error::other("no partner"))?;
    let mut steps = 0;
    while let Some(parent) = partner.parent_id().load()? {
        partner = parent;
        steps += 1;
    }
    assert_eq!(steps, 19_999);
    assert_eq!(db.stats().queries, 1);
    Ok(())
}
