//! Records compare by key, so that what std does with what has an order works on them; two in one signature compare.

// The key by which a record is found never changes; what else a record refers to does not count.
#![allow(clippy::mutable_key_type)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::partners::{Country, Partner};

#[test]
fn that_of_their_keys() {
    let db = TestDb::of_partners(10, 2);
    db.assert_queries(0, || {
        let set = db.browse::<Partner>([3, 10, 2]);
        let mut records: Vec<Record<Partner>> = set.iter().collect();
        records.sort();
        assert_eq!(records.iter().map(|partner| partner.id()).collect::<Vec<_>>(), [2, 3, 10]);
        records.sort_by_key(|partner| Reverse(partner.clone()));
        assert_eq!(records.iter().map(|partner| partner.id()).collect::<Vec<_>>(), [10, 3, 2]);
        assert!(records[0] > records[1] && records[1] >= records[1]);
        assert_eq!(set.iter().max().map(|partner| partner.id()), Some(10));
        assert_eq!(set.iter().min_by_key(|partner| partner.clone()).map(|partner| partner.id()), Some(2));
    });
}

#[test]
fn they_are_keys_of_maps() -> Result<()> {
    let db = TestDb::of_partners(40, 5);
    let mut by_country: BTreeMap<Option<Record<Country>>, usize> = BTreeMap::new();
    for partner in &db.all::<Partner>()? {
        *by_country.entry(partner.country_id().load()?).or_default() += 1;
    }
    assert_eq!(by_country.values().sum::<usize>(), 40);
    let keys: Vec<_> = by_country.keys().flatten().map(|country| country.id()).collect();
    assert_eq!((keys, by_country[&None]), (vec![1, 2, 3, 4, 5], 2));
    Ok(())
}

#[test]
fn in_whatever_environment() {
    let (here, there) = (TestDb::of_partners(5, 2), TestDb::of_partners(5, 2));
    there.browse::<Partner>([9, 8, 7]); // slots of its own
    let (one, two) = (here.record::<Partner>(1), there.record::<Partner>(2));
    assert!(one < two);
    assert!(two > one);
    assert_ne!(one, two);
    assert_eq!(one, there.record::<Partner>(1));
    let all: HashSet<Record<Partner>> = [one.clone(), here.record(1)].into();
    assert_eq!(all.len(), 1);
    let all: BTreeSet<Record<Partner>> = [here.record(2), one, here.record(1)].into();
    assert_eq!(all.iter().map(|partner| partner.id()).collect::<Vec<_>>(), [1, 2]);
}

// Without a word on lifetimes.
fn same(a: &Record<Partner>, b: &Record<Partner>) -> bool {
    a == b
}

fn before(a: &Record<Partner>, b: &Record<Partner>) -> bool {
    a < b
}

fn same_set(a: &RecordSet<Partner>, b: &RecordSet<Partner>) -> bool {
    a == b
}

fn is_in(a: &RecordSet<Partner>, b: &Record<Partner>) -> bool {
    a.contains(b)
}

fn lives_in(partner: &Record<Partner>, country: &Record<Country>) -> Result<bool> {
    Ok(partner.country_id().is(country)? && country.partner_ids().contains(partner)?)
}

fn combined<'env>(a: &RecordSet<'env, Partner>, b: &RecordSet<Partner>) -> [RecordSet<'env, Partner>; 5] {
    [a | b, a & b, a - b, a.concat(b), a.with_prefetch(b)]
}

fn changed(a: &mut RecordSet<Partner>, b: &RecordSet<Partner>, c: &Record<Partner>) {
    *a |= b;
    *a -= &b.slice(0..1);
    *a &= b;
    a.extend([c, c]);
}

#[test]
fn two_of_one_signature_compare_and_combine() -> Result<()> {
    let db = TestDb::of_partners(10, 2);
    let (one, two) = (db.record::<Partner>(1), db.record::<Partner>(2));
    assert!(same(&one, &db.record(1)) && !same(&one, &two) && before(&one, &two));
    let (mut a, b) = (db.browse::<Partner>([1, 2, 3]), db.browse::<Partner>([2, 3, 4]));
    assert!(!same_set(&a, &b) && same_set(&a, &a.reversed()) && is_in(&a, &one) && !is_in(&b, &one));
    let ids = combined(&a, &b).map(|set| set.ids());
    assert_eq!(ids, [vec![1, 2, 3, 4], vec![2, 3], vec![1], vec![1, 2, 3, 2, 3, 4], vec![1, 2, 3]]);
    changed(&mut a, &b, &one);
    assert_eq!(a.ids(), [3, 4, 1, 1]);
    let country = one.country_id().load()?.expect("it has one");
    assert!(lives_in(&one, &country)?);
    Ok(())
}
