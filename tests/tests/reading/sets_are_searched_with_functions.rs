//! `any`, `all`, `find`, `position`, the largest, the smallest, sums and parts: with functions that read, and so may fail.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::Partner;

#[test]
fn they_look_no_further_than_they_must() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = db.all::<Partner>()?;
    let looked = std::cell::Cell::new(0);
    let is = |id: i32| {
        let looked = &looked;
        move |partner: &Record<Partner>| -> Result<bool> {
            looked.set(looked.get() + 1);
            Ok(partner.id() == id)
        }
    };
    let looked_at = || looked.replace(0);
    assert!(set.any(is(7))?);
    assert_eq!(looked_at(), 7);
    assert!(!set.any(is(77))?);
    assert_eq!(looked_at(), 50);
    assert!(!set.all(is(1))?);
    assert_eq!(looked_at(), 2);
    assert_eq!(set.find(is(7))?.map(|partner| partner.id()), Some(7));
    assert_eq!(set.find(is(77))?, None);
    looked_at();
    assert_eq!((set.position(is(9))?, set.position(is(77))?), (Some(8), None));
    assert!(
        set.all(|partner| Ok(partner.id() > 0))?
            && set.slice(0..0).all(is(1))?
            && !set.slice(0..0).any(is(1))?
    );
    Ok(())
}

#[test]
fn the_largest_the_smallest_and_the_sum() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = db.all::<Partner>()?;
    let id = |partner: Option<Record<Partner>>| partner.map(|partner| partner.id());
    // Of several equal ones the last and the first, as with std's iterators.
    assert_eq!(id(set.max_by_key(|partner| Ok(partner.id() % 10))?), Some(49));
    assert_eq!(id(set.min_by_key(|partner| Ok(partner.id() % 10))?), Some(10));
    assert_eq!(id(set.max_by_key(|partner| partner.name())?), Some(9));
    assert_eq!(id(set.slice(0..0).max_by_key(|partner| partner.name())?), None);
    let total: f64 = set.sum_by(|partner| partner.credit())?;
    assert_eq!(total, (1..=50).map(|id| f64::from(id) * 1.25).sum::<f64>());
    assert_eq!(set.sum_by(|partner| Ok(i64::from(partner.id())))?, 50 * 51 / 2);
    Ok(())
}

#[test]
fn parts_and_chunks_are_read_with_the_whole() -> Result<()> {
    let db = TestDb::of_partners(50, 5);
    let set = db.browse::<Partner>(1..=50);
    let (even, odd) = db.assert_keys(&[], || set.partition(|partner| Ok(partner.id() % 2 == 0)))?;
    assert_eq!((even.len(), odd.len(), odd.ids()[..3].to_vec()), (25, 25, vec![1, 3, 5]));
    let (_, statements) = db.watch(|| even.first().map(|partner| partner.name()));
    assert_eq!(statements[0].keys()[..3], ["2", "4", "6"]);
    assert_eq!(statements[0].keys().len(), 50);
    db.cache().clear();

    let chunks = set.chunks(20);
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks.clone().map(|chunk| chunk.len()).collect::<Vec<_>>(), [20, 20, 10]);
    let (_, statements) = db.watch(|| set.chunks(20).skip(1).try_for_each(|chunk| chunk.name().map(drop)));
    assert_eq!(statements.len(), 1);
    let keys = statements[0].keys();
    // Its own first, then the rest of the whole.
    assert_eq!((keys[0].as_str(), keys[19].as_str(), keys.len()), ("21", "40", 50));
    assert_eq!(set.chunks(0).map(|chunk| chunk.ids()).take(2).collect::<Vec<_>>(), [[1], [2]]);
    assert_eq!(set.slice(0..0).chunks(5).count(), 0);
    assert_eq!(set.chunks(usize::MAX).map(|chunk| chunk.len()).collect::<Vec<_>>(), [50]);
    Ok(())
}

#[test]
fn an_error_comes_out_at_once() {
    let db = TestDb::of_partners(10, 5);
    let set = db.browse::<Partner>([1, 99, 2]);
    let mut looked = 0;
    let mut name = |partner: &Record<Partner>| {
        looked += 1;
        partner.name()
    };
    assert!(set.max_by_key(&mut name).is_err_and(|error| error.is_missing_record()));
    assert!(set.min_by_key(&mut name).is_err_and(|error| error.is_missing_record()));
    assert!(set.partition(|partner| Ok(name(partner)? == "x")).is_err_and(|error| error.is_missing_record()));
    assert!(set.position(|partner| Ok(name(partner)? == "x")).is_err_and(|error| error.is_missing_record()));
    assert!(set.sum_by(|partner| Ok(name(partner)?.len())).is_err_and(|error| error.is_missing_record()));
    assert_eq!(looked, 10);
    assert!(matches!(set.any(|_| Err(Error::other("no"))), Err(Error::Other(_))));
}

#[test]
fn iterators_can_be_cloned() {
    let db = TestDb::of_partners(10, 5);
    let set = db.browse::<Partner>(1..=4);
    let pairs: Vec<_> = set
        .iter()
        .enumerate()
        .flat_map(|(index, a)| set.iter().skip(index + 1).map(move |b| (a.id(), b.id())))
        .collect();
    assert_eq!(pairs, [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]);
    let iter = set.iter();
    assert_eq!((iter.clone().count(), iter.count()), (4, 4));
    assert_eq!(set.iter().cycle().take(9).map(|partner| partner.id()).last(), Some(1));
    assert_eq!(set.into_iter().cycle().nth(5).map(|partner| partner.id()), Some(2));
}

diesel::table! {
    moves (id) {
        id -> Integer,
        position -> Integer,
        sum -> Integer,
        any -> Integer,
        all -> Integer,
        find -> Integer,
        partition -> Integer,
        chunks -> Integer,
        extend -> Integer,
        max -> Integer,
        min -> Integer,
        lt -> Integer,
        collect -> Integer,
        slot -> Integer,
        store -> Integer,
        push -> Integer,
        created -> Integer,
        previous -> Nullable<Integer>,
    }
}

/// Columns that are called as methods of sets, of `Ord` and of the inside
#[derive(Model)]
struct Move {
    id: i32,
    position: i32,
    sum: i32,
    any: i32,
    all: i32,
    find: i32,
    partition: i32,
    chunks: i32,
    extend: i32,
    max: i32,
    min: i32,
    lt: i32,
    collect: i32,
    slot: i32,
    store: i32,
    push: i32,
    created: i32,
    previous: Option<Id<Move>>,
}

#[test]
fn columns_may_be_called_as_they_are() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE moves (id INTEGER PRIMARY KEY, position INTEGER, sum INTEGER, \"any\" INTEGER, \"all\" INTEGER, find INTEGER,
             \"partition\" INTEGER, chunks INTEGER, extend INTEGER, max INTEGER, min INTEGER, lt INTEGER, collect INTEGER,
             slot INTEGER, store INTEGER, push INTEGER, created INTEGER, previous INTEGER);
         INSERT INTO moves VALUES (1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NULL),
             (2, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 1);",
    );
    let all = db.all::<Move>()?;
    let one = all.get(0).expect("two");
    let read = [
        one.position()?,
        one.sum()?,
        one.any()?,
        one.all()?,
        one.find()?,
        one.partition()?,
        one.chunks()?,
        one.extend()?,
        one.max()?,
        one.min()?,
        one.lt()?,
        one.collect()?,
        one.slot()?,
        one.store()?,
        one.push()?,
        one.created()?,
    ];
    assert_eq!(read, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
    let link = all.get(1).expect("two").previous();
    assert_eq!(
        (link.position()?, link.sum()?, link.max()?, link.any()?),
        (Some(10), Some(11), Some(18), Some(12))
    );
    // Of a set the method comes first; the field is read by its key.
    assert_eq!(all.get(Move::POSITION)?, [10, 30]);
    assert_eq!(all.position(|m| Ok(m.position()? == 30))?, Some(1));
    assert_eq!(all.sum_by(|m| m.sum())?, 42);
    assert_eq!((all.max()?, all.slot()?), (vec![18, 38], vec![22, 42]));
    one.set_position(5)?;
    assert_eq!(one.position()?, 5);
    Ok(())
}
