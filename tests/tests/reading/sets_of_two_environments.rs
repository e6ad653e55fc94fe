//! Records of two environments meet by key, and what comes out is read in the left one's: never a stranger's value.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner, Tag};

/// Two databases in which the same keys stand for other rows; the slots of one mean other keys in the other
fn two() -> (TestDb, TestDb) {
    let (here, there) = (TestDb::of_partners(10, 5), TestDb::of_partners(300, 5));
    there.file.run("UPDATE partners SET name = 'there ' || id; UPDATE countries SET name = 'there ' || id");
    here.file.run("UPDATE partners SET name = 'here ' || id; UPDATE countries SET name = 'here ' || id");
    there.browse::<Partner>((1..=300).rev());
    there.browse::<Country>((1..=5).rev());
    (here, there)
}

/// All that can be read of the first records, and nothing of the other environment's
#[track_caller]
fn assert_here(db: &TestDb, set: &RecordSet<Partner>, ids: &[i32]) -> Result<()> {
    assert_eq!(set.ids(), ids);
    let names: Vec<String> = ids.iter().map(|id| format!("here {id}")).collect();
    assert_eq!(set.name()?, names);
    for partner in set {
        assert_eq!(partner.name()?, format!("here {}", partner.id()));
        let country = partner.country_id();
        assert_eq!(country.name()?, country.id()?.map(|id| format!("here {id}").into()));
        assert!(partner.tag_ids().name()?.iter().all(|name| name.starts_with("Tag ")));
    }
    assert!(std::ptr::eq(set.env(), &db.env));
    Ok(())
}

#[test]
fn every_combination_is_read_here() -> Result<()> {
    let (here, there) = two();
    let mine = here.browse::<Partner>([1, 2, 3]);
    let theirs = there.all::<Partner>()?.filter(|partner| Ok((2..=4).contains(&partner.id())))?;
    assert_here(&here, &(&mine | &theirs), &[1, 2, 3, 4])?;
    assert_here(&here, &(&mine & &theirs), &[2, 3])?;
    assert_here(&here, &(&mine - &theirs), &[1])?;
    assert_here(&here, &mine.concat(&theirs), &[1, 2, 3, 2, 3, 4])?;
    let mut all = mine.clone();
    all |= &theirs;
    assert_here(&here, &all, &[1, 2, 3, 4])?;
    all &= &theirs;
    assert_here(&here, &all, &[2, 3, 4])?;
    all -= &theirs.slice(0..1);
    assert_here(&here, &all, &[3, 4])?;
    all.extend(&theirs);
    assert_here(&here, &all, &[3, 4, 2, 3, 4])?;
    assert_here(&here, &here.collect(theirs.iter()), &[2, 3, 4])?;
    assert!(mine != theirs && mine.slice(1..) == theirs.slice(0..2) && theirs.slice(0..2) == mine.slice(1..));
    assert!(mine.contains(&theirs.get(0).expect("three")) && !mine.contains(&theirs.get(2).expect("three")));
    Ok(())
}

#[test]
fn so_is_what_is_taken_out_of_it() -> Result<()> {
    let (here, there) = two();
    let mine = here.browse::<Partner>([1]);
    let many = there.all::<Partner>()?;
    assert_here(&here, &(&mine | &many.slice(0..0)), &[1])?;
    let (_, statements) = here.watch(|| (&mine | &many.slice(8..10)).slice(1..2).email());
    // The two of the other set are read as records of this environment, and none else of theirs.
    assert_eq!(statements.iter().map(|statement| statement.keys().len()).collect::<Vec<_>>(), [2]);
    assert_here(&here, &mine.concat(&many.slice(0..10)).slice(0..1), &[1])
}

#[test]
fn with_prefetch_takes_the_others_by_key() -> Result<()> {
    let (here, there) = two();
    let theirs = there.browse::<Partner>([5, 6]);
    let four = here.record::<Partner>(4).with_prefetch(&theirs);
    let (name, statements) = here.watch(|| four.name());
    assert_eq!((four.id(), name?.as_str()), (4, "here 4"));
    assert_eq!(statements[0].keys(), ["4", "5", "6"]);
    let set = here.browse::<Partner>([7, 8]).with_prefetch(&there.browse([9, 7]));
    let (_, statements) = here.watch(|| set.get(0).map(|partner| partner.name()));
    assert_eq!(statements[0].keys(), ["7", "8", "9"]);
    assert_here(&here, &set, &[7, 8])
}

#[test]
fn comparing_makes_no_records() {
    let (here, there) = two();
    let (mine, theirs) = (here.browse::<Partner>([1, 2]), there.browse::<Partner>(100..=300));
    let bytes = here.stats().bytes;
    assert!(mine != theirs && (&mine & &theirs).is_empty() && (&mine - &theirs) == mine);
    assert!(!mine.contains(&theirs.get(0).expect("many")));
    assert_eq!(here.stats().bytes, bytes);
}

#[test]
fn links_are_asked_written_and_listed_by_key() -> Result<()> {
    let (here, there) = two();
    let azure = here.record::<Partner>(1);
    let france = there.record::<Country>(4);
    azure.set_country_id(&france)?;
    assert_eq!(azure.country_id().name()?.as_deref(), Some("here 4"));
    assert!(azure.country_id().is(&france)? && !azure.country_id().is(&there.record(1))?);
    azure.set_country_id(there.record::<Partner>(2).country_id())?;
    assert_eq!(azure.country_id().id()?, there.record::<Partner>(2).country_id().id()?);
    let theirs = there.browse::<Tag>([9, 8]);
    azure.tag_ids().set(&theirs)?;
    assert_eq!(azure.tag_ids().ids()?, [8, 9]);
    assert!(azure.tag_ids().contains(&there.record(9))? && !azure.tag_ids().contains(&there.record(7))?);
    azure.tag_ids().remove(&there.record::<Tag>(9))?;
    azure.tag_ids().add(&there.record::<Partner>(7).tag_ids())?;
    let mut expected = there.record::<Partner>(7).tag_ids().ids()?;
    expected.push(8);
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(azure.tag_ids().ids()?.len(), expected.len());
    assert_eq!(
        here.file.values("SELECT tag_id AS value FROM partner_tags WHERE partner_id = 1 ORDER BY 1").len(),
        expected.len()
    );
    Ok(())
}
