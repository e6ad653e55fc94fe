//! What a set can do in memory: iterate, compare, take apart and put together, without a query of its own.

use std::collections::HashSet;

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::*;

fn ids(records: impl Iterator<Item = Record<'static, Partner>>) -> Vec<i32> {
    records.map(|record| record.id()).collect()
}

/// An environment that lives as long as the test program: keeps the tests below short
fn forever() -> &'static TestDb {
    Box::leak(Box::new(TestDb::of_partners(10, 2)))
}

#[test]
fn iteration_is_exact_double_ended_and_fused() {
    let db = forever();
    let set = db.browse::<Partner>([5, 3, 8, 1]);
    db.assert_queries(0, || {
        assert_eq!(ids(set.iter()), [5, 3, 8, 1]);
        assert_eq!(ids(set.iter().rev()), [1, 8, 3, 5]);
        assert_eq!(ids(set.clone().into_iter()), [5, 3, 8, 1]);
        assert_eq!(ids(set.clone().into_iter().rev()), [1, 8, 3, 5]);
        assert_eq!(ids((&set).into_iter().skip(1).step_by(2)), [3, 1]);
        let mut iter = set.iter();
        assert_eq!((iter.len(), iter.size_hint()), (4, (4, Some(4))));
        assert_eq!(iter.next().map(|record| record.id()), Some(5));
        assert_eq!(iter.next_back().map(|record| record.id()), Some(1));
        assert_eq!(iter.len(), 2);
        assert_eq!(iter.nth(1).map(|record| record.id()), Some(8));
        assert!(iter.next().is_none() && iter.next().is_none() && iter.next_back().is_none());
        assert!(set.iter().nth(4).is_none());
        assert_eq!(ids(set.iter().zip(set.iter().skip(1)).map(|(_, next)| next)), [3, 8, 1]);
    });
}

#[test]
fn the_ends_and_the_only_one() -> Result<()> {
    let db = forever();
    let (none, one, two) =
        (db.browse::<Partner>(Vec::<i32>::new()), db.browse::<Partner>([7]), db.browse::<Partner>([7, 9]));
    db.assert_queries(0, || {
        assert!(none.first().is_none() && none.last().is_none() && none.get(0).is_none() && none.is_empty());
        assert_eq!(two.first().map(|record| record.id()), Some(7));
        assert_eq!(two.last().map(|record| record.id()), Some(9));
        assert!(two.get(2).is_none() && two.get(usize::MAX).is_none());
        assert_eq!(one.one()?.id(), 7);
        for (set, expected) in [(&none, 0), (&two, 2)] {
            match set.one() {
                Err(error @ Error::NotOne { model: "Partner", count }) => {
                    assert_eq!(count, expected);
                    assert!(
                        error.to_string().contains("Partner")
                            && error.to_string().contains(&count.to_string())
                    );
                }
                other => panic!("expected NotOne, got {other:?}"),
            }
        }
        Ok(())
    })
}

#[test]
fn equality_is_by_records_whatever_the_order() {
    let db = forever();
    db.assert_queries(0, || {
        let set = |keys: &[i32]| db.browse::<Partner>(keys);
        assert_eq!(set(&[1, 2, 3]), set(&[3, 1, 2]));
        assert_eq!(set(&[1, 1, 2]), set(&[2, 1]));
        assert_ne!(set(&[1, 2]), set(&[1, 3]));
        assert_ne!(set(&[1, 2]), set(&[1]));
        assert_ne!(set(&[1]), set(&[1, 2]));
        assert_eq!(set(&[]), set(&[]));
        assert_ne!(set(&[]), set(&[1]));
        assert_eq!(db.record::<Partner>(1), set(&[2, 1]).get(1).expect("in range"));
        #[allow(clippy::mutable_key_type, reason = "the key that is hashed never changes")]
        let distinct: HashSet<Record<'_, Partner>> = set(&[1, 2, 1, 3, 2]).iter().collect();
        assert_eq!(distinct.len(), 3);
    });
}

#[test]
fn contains() {
    let db = forever();
    let set = db.browse::<Partner>([1, 2]);
    db.assert_queries(0, || {
        assert!(set.contains(&db.record(2)));
        assert!(!set.contains(&db.record(3)));
        assert!(!db.browse::<Partner>(Vec::<i32>::new()).contains(&db.record(1)));
    });
}

#[test]
fn algebra() {
    let db = forever();
    let set = |keys: &[i32]| db.browse::<Partner>(keys);
    db.assert_queries(0, || {
        let (a, b) = (set(&[5, 1, 3, 1]), set(&[3, 2, 5, 2]));
        assert_eq!((&a | &b).ids(), [5, 1, 3, 2]);
        assert_eq!((&a & &b).ids(), [5, 3]);
        assert_eq!((&a - &b).ids(), [1]);
        assert_eq!((&b - &a).ids(), [2]);
        assert_eq!(a.concat(&b).ids(), [5, 1, 3, 1, 3, 2, 5, 2]);
        assert_eq!(a.reversed().ids(), [1, 3, 1, 5]);
        assert_eq!((&a | &set(&[])).ids(), [5, 1, 3]);
        assert_eq!((&a & &set(&[])).len() + (&set(&[]) - &a).len(), 0);
        assert_eq!(a.slice(1..3).ids(), [1, 3]);
        assert_eq!(a.slice(..=1).ids(), [5, 1]);
        assert_eq!(a.slice(..).ids(), a.ids());
    });
}

#[test]
fn filter_sort_group_and_map() -> Result<()> {
    let db = forever();
    let set = db.all::<Partner>()?;
    db.assert_queries(0, || {
        let english = set.filter(|partner| Ok(partner.lang()?.is_some()))?;
        assert_eq!(english.ids(), [1, 2, 4, 5, 7, 8, 10]);
        let by_name = set.sort_by_key(|partner| partner.name())?;
        assert_eq!(by_name.ids()[..3], [1, 10, 2]);
        let stable = set.sort_by_key(|partner| partner.lang())?;
        assert_eq!(stable.ids(), [3, 6, 9, 1, 2, 4, 5, 7, 8, 10], "equal keys keep their order");
        let groups = set.group_by(|partner| partner.lang())?;
        assert_eq!(groups.keys().cloned().collect::<Vec<_>>(), [Some(Str::from("en_US")), None]);
        assert_eq!(groups[&None].ids(), [3, 6, 9]);
        assert_eq!(set.map(|partner| Ok(partner.name()?.len()))?, [16, 16, 16, 16, 16, 16, 16, 16, 16, 17]);
        Ok(())
    })
}

#[test]
fn an_error_in_a_closure_comes_out() -> Result<()> {
    let db = forever();
    let set = db.all::<Partner>()?;
    let broken = |_: &Record<'_, Partner>| Err::<bool, _>(Error::other("no"));
    assert_eq!(set.filter(broken).expect_err("an error").to_string(), "no");
    assert_eq!(set.map(broken).expect_err("an error").to_string(), "no");
    assert_eq!(set.sort_by_key(broken).expect_err("an error").to_string(), "no");
    assert_eq!(set.group_by(broken).expect_err("an error").to_string(), "no");
    Ok(())
}

#[test]
fn filtering_reads_in_windows() -> Result<()> {
    let db = TestDb::of_partners(2_500, 50);
    let set = db.browse::<Partner>(1..=2_500);
    // The second thousand names no further country, so the third is not read for the first record's sake.
    let ones = db.assert_keys(&[1000, 1000, 50, 500], || {
        set.filter(|partner| {
            let country = partner.country_id().name()?;
            Ok(country.is_some_and(|name| name.ends_with('1')))
        })
    })?;
    assert_eq!(
        ones.len(),
        db.browse::<Partner>(1..=2_500)
            .filter(|partner| Ok(partner.country_id().id()?.is_some_and(|id| id % 10 == 1)))?
            .len()
    );
    Ok(())
}

#[test]
fn debug_names_the_records_and_never_asks() -> Result<()> {
    let db = forever();
    let set = db.browse::<Partner>([5, 3]);
    let record = db.record::<Partner>(7);
    db.assert_queries(0, || {
        assert_eq!(format!("{set:?}"), "[Partner(5), Partner(3)]");
        assert_eq!(format!("{record:?}"), "Partner(7)");
        assert_eq!(format!("{:?}", record.country_id()), "Partner(7).country_id");
        assert_eq!(format!("{:?}", record.country_id().continent_id()), "Partner(7).country_id.continent_id");
        assert_eq!(format!("{:?}", set.country_id()), "[2 records].country_id");
        for text in [
            format!("{:?}", set.iter()),
            format!("{:?}", record.tag_ids()),
            format!("{:?}", db.env),
            format!("{:?}", db.cache()),
        ] {
            assert!(!text.is_empty());
        }
    });
    set.name()?;
    db.assert_queries(0, || {
        assert_eq!(format!("{:?}", set.get(0).expect("in range").country_id()), "Country(2)");
        assert_eq!(format!("{:?}", Partner::NAME), "Partner.name");
    });
    Ok(())
}

#[test]
fn what_is_generic_over_fields_reads_as_accessors_do() -> Result<()> {
    let db = forever();
    let set = db.all::<Partner>()?;
    let record = set.get(2).expect("in range");
    db.assert_queries(0, || {
        assert_eq!(record.get(Partner::NAME)?, record.name()?);
        assert_eq!(record.get(Partner::LANG)?, None);
        assert_eq!(record.get(Partner::ID)?, 3);
        assert_eq!(record.get(Partner::COUNTRY_ID).id()?, record.country_id().id()?);
        assert_eq!(set.get(Partner::NAME)?, set.name()?);
        assert_eq!(set.get(Partner::ID)?, set.ids());
        Ok(())
    })
}

#[test]
fn a_field_knows_its_name() {
    assert_eq!(
        (Partner::NAME.name(), Partner::ID.name(), Partner::COUNTRY_ID.name()),
        ("name", "id", "country_id")
    );
}
