//! What a to-many link leads to has the reading methods of a set; each reads the lists of the whole group first.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner};

fn ids<'env>(set: impl IntoIterator<Item = Record<'env, Partner>>) -> Vec<i32> {
    set.into_iter().map(|partner| partner.id()).collect()
}

/// The partners of a country, as the database was filled
fn of(country: i32) -> Vec<i32> {
    (1..=100).filter(|id| id % 20 != 0 && 1 + id * 7919 % 10 == country).collect()
}

#[test]
fn each_method_is_the_sets() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let country = db.record::<Country>(3);
    let (partners, expected) = (country.partner_ids(), of(3));
    assert!(expected.len() > 5);
    let last = expected[expected.len() - 1];
    db.assert_queries(1, || partners.iter())?;
    db.assert_queries(0, || -> Result<()> {
        let mut seen = Vec::new();
        for partner in partners.iter()? {
            seen.push(partner.id());
        }
        assert_eq!(seen, expected);
        assert_eq!(ids(partners.get(1)?), expected[1..2]);
        assert_eq!(partners.get(1000)?, None);
        assert_eq!((ids(partners.first()?), ids(partners.last()?)), (vec![expected[0]], vec![last]));
        assert!(matches!(partners.one(), Err(Error::NotOne { model: "Partner", .. })));
        assert_eq!(ids(partners.slice(1..3)?), expected[1..3]);
        assert_eq!(ids(partners.slice(2..)?), expected[2..]);
        assert_eq!(partners.reversed()?.ids(), expected.iter().rev().copied().collect::<Vec<_>>());
        let chunks: Vec<_> = partners.chunks(2)?.map(|chunk| chunk.ids()).collect();
        assert_eq!(chunks, expected.chunks(2).map(<[i32]>::to_vec).collect::<Vec<_>>());
        assert_eq!(ids(partners.sort_by_key(|partner| Ok(-partner.id()))?)[0], last);
        let groups = partners.group_by(|partner| Ok(partner.id() % 4))?;
        assert_eq!(groups.values().map(|group| group.len()).sum::<usize>(), expected.len());
        let (low, high) = partners.partition(|partner| Ok(partner.id() < 50))?;
        assert_eq!((low.len() + high.len(), low.ids().iter().all(|&id| id < 50)), (expected.len(), true));
        assert!(
            partners.any(|partner| Ok(partner.id() == last))?
                && !partners.all(|partner| Ok(partner.id() == last))?
        );
        assert_eq!(ids(partners.find(|partner| Ok(partner.id() > expected[0]))?), expected[1..2]);
        assert_eq!(partners.position(|partner| Ok(partner.id() > expected[0]))?, Some(1));
        assert_eq!(ids(partners.max_by_key(|partner| Ok(partner.id()))?), [last]);
        assert_eq!(ids(partners.min_by_key(|partner| Ok(partner.id()))?), expected[..1]);
        assert_eq!(partners.sum_by(|partner| Ok(partner.id()))?, expected.iter().sum::<i32>());
        assert_eq!(partners.map(|partner| Ok(partner.id()))?, expected);
        assert_eq!(partners.filter(|partner| Ok(partner.id() == last))?.ids(), [last]);
        Ok(())
    })
}

#[test]
fn the_lists_of_a_loop_are_one_select() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let countries = db.all::<Country>()?;
    db.assert_keys(&[10], || -> Result<()> {
        for country in &countries {
            let expected = of(country.id());
            let first = country.partner_ids().first()?;
            assert_eq!(first.map(|partner| partner.name()).transpose()?.is_some(), !expected.is_empty());
            for partner in country.partner_ids().iter()? {
                assert_eq!(partner.name()?, format!("Partner number {}", partner.id()));
            }
        }
        Ok(())
    })
}

#[test]
fn whether_a_record_is_among_them_reads_keys_only() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let countries = db.all::<Country>()?;
    let one = db.record::<Partner>(1);
    let (found, statements) =
        db.watch(|| countries.filter(|country| country.partner_ids().contains(&one)).map(|set| set.ids()));
    assert_eq!(found?, [10]);
    assert_eq!(statements.len(), 1);
    assert!(!statements[0].sql.contains("email"), "{statements:?}");
    // Of a link of many, too.
    assert!(countries.partner_ids().contains(&one)? && !countries.partner_ids().contains(&db.record(20))?);
    Ok(())
}

#[test]
fn what_goes_wrong_comes_out() {
    let db = TestDb::of_partners(10, 2);
    db.file.run("DROP TABLE partners");
    let partners = db.record::<Country>(1).partner_ids();
    assert!(partners.iter().is_err() && partners.get(0).is_err() && partners.first().is_err());
    assert!(partners.last().is_err() && partners.one().is_err() && partners.slice(..).is_err());
    assert!(partners.chunks(3).is_err() && partners.contains(&db.record(1)).is_err());
    assert!(partners.any(|_| Ok(true)).is_err() && partners.sum_by(|_| Ok(1)).is_err());
}

#[test]
fn a_loop_over_a_link_gives_results() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    let partners = db.browse::<Partner>([1, 2, 3]);
    let mut names = Vec::new();
    db.assert_queries(1, || -> Result<()> {
        for partner in &partners {
            assert_eq!((&partner.tag_ids()).into_iter().len(), partner.tag_ids().len()?);
            for tag in partner.tag_ids() {
                names.push(tag?.name()?);
            }
        }
        Ok(())
    })?;
    let expected: Vec<Str> = partners.map(|partner| partner.tag_ids().name())?.concat();
    assert_eq!(names, expected);
    // One that cannot be read is one error.
    let nobody = db.record::<Partner>(9_999).parent_id();
    let mut tags = nobody.tag_ids().into_iter();
    assert!(tags.next().is_some_and(|tag| tag.is_err_and(|error| error.is_missing_record())));
    assert!(tags.next().is_none());
    Ok(())
}
