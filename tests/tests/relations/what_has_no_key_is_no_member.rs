//! A row whose key is NULL is no record, whatever is asked of lists: it is not listed, not counted, not added up, and takes no place under a limit.
#![allow(clippy::unwrap_used)]

use diesel::prelude::*;
use orm_core::Result;
use orm_core::aggregate::{count, count_where, max, sum};
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { makers { id -> Integer } }
diesel::table! { parts (code) { code -> Text, maker_id -> Integer, weight -> BigInt } }
diesel::table! { prints (sheet, number) { sheet -> Integer, number -> Integer, maker_id -> Integer, weight -> BigInt } }

#[derive(Model)]
struct Maker {
    id: i32,
    #[model(inverse = Part::MAKER_ID)]
    part_ids: OneToMany<Part>,
    #[model(inverse = Part::MAKER_ID, order = parts::weight.desc(), limit = 2)]
    heavy_ids: OneToMany<Part>,
    #[model(inverse = Print::MAKER_ID)]
    print_ids: OneToMany<Print>,
}

#[derive(Model)]
struct Part {
    #[model(primary_key)]
    code: String,
    maker_id: Id<Maker>,
    weight: i64,
}

#[derive(Model)]
#[model(primary_key(sheet, number))]
struct Print {
    sheet: i32,
    number: i32,
    maker_id: Id<Maker>,
    weight: i64,
}

/// Of the first maker the heaviest part and print have no key; the second has nothing else, the third nothing.
const DATA: &str = "CREATE TABLE makers (id INTEGER PRIMARY KEY NOT NULL);
         CREATE TABLE parts (code VARCHAR(20), maker_id INTEGER NOT NULL, weight BIGINT NOT NULL);
         CREATE TABLE prints (sheet INTEGER, number INTEGER, maker_id INTEGER NOT NULL, weight BIGINT NOT NULL);
         INSERT INTO makers VALUES (1), (2), (3);
         INSERT INTO parts VALUES ('a', 1, 1), ('b', 1, 2), (NULL, 1, 40), ('c', 1, 3), (NULL, 2, 50);
         INSERT INTO prints VALUES (1, 1, 1, 1), (1, 2, 1, 2), (NULL, 3, 1, 40), (2, NULL, 1, 50), (NULL, NULL, 2, 60)";

fn db() -> TestDb {
    test_db!(File::new(DATA))
}

#[test]
fn it_is_counted_by_nobody() -> Result<()> {
    for are_listed in [false, true] {
        let db = db();
        let makers = db.all::<Maker>()?;
        if are_listed {
            assert_eq!(makers.map(|maker| Ok(maker.part_ids().ids()?.len()))?, [3, 0, 0]);
            assert_eq!(makers.map(|maker| Ok(maker.print_ids().ids()?.len()))?, [2, 0, 0]);
        }
        assert_eq!(makers.map(|maker| maker.part_ids().len())?, [3, 0, 0]);
        assert_eq!(makers.map(|maker| maker.print_ids().len())?, [2, 0, 0]);
        let of_parts = makers.map(|maker| maker.part_ids().sum(Part::WEIGHT))?;
        let of_prints = makers.map(|maker| maker.print_ids().sum(Print::WEIGHT))?;
        assert_eq!((of_parts, of_prints), (vec![6, 0, 0], vec![3, 0, 0]), "listed: {are_listed}");
        assert_eq!(makers.map(|maker| maker.part_ids().count_where(parts::weight.gt(1)))?, [2, 0, 0]);
    }
    Ok(())
}

#[test]
fn several_together_agree() -> Result<()> {
    let db = db();
    let makers = db.all::<Maker>()?;
    let together = makers.map(|maker| {
        maker.part_ids().aggregate((
            count(),
            sum(Part::WEIGHT),
            max(Part::WEIGHT),
            count_where(parts::weight.gt(1)),
        ))
    })?;
    assert_eq!(together, [(3, 6, Some(3), 2), (0, 0, None, 0), (0, 0, None, 0)]);
    let together = makers.map(|maker| maker.print_ids().aggregate((count(), max(Print::WEIGHT))))?;
    assert_eq!(together, [(2, Some(2)), (0, None), (0, None)]);
    Ok(())
}

/// By how many rows came it is known whose lists are complete.
#[test]
fn it_takes_no_place_where_not_all_rows_may_come() -> Result<()> {
    for most in 4..16 {
        let db = test_db!(
            File::new(&format!("{DATA}; INSERT INTO parts VALUES ('d', 2, 7), ('e', 2, 8), (NULL, 3, 1)")),
            cache_limit(most)
        );
        let lists = db.all::<Maker>()?.map(|maker| maker.part_ids().ids())?;
        let lists: Vec<Vec<&str>> = lists.iter().map(|ids| ids.iter().map(|id| &**id).collect()).collect();
        assert_eq!(lists, [vec!["a", "b", "c"], vec!["d", "e"], vec![]], "at most {most}");
    }
    Ok(())
}

#[test]
fn it_takes_no_place_under_a_limit() -> Result<()> {
    let db = db();
    let makers = db.all::<Maker>()?;
    assert_eq!(makers.map(|maker| maker.heavy_ids().len())?, [2, 0, 0]);
    assert_eq!(makers.map(|maker| maker.heavy_ids().sum(Part::WEIGHT))?, [5, 0, 0]);
    let codes = makers.map(|maker| maker.heavy_ids().ids())?;
    assert_eq!(codes, [vec!["c".to_owned(), "b".to_owned()], vec![], vec![]]);
    Ok(())
}
