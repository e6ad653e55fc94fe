//! P5, P15: a batch of lists brings no more than its budget, whatever their lengths are: first of the record at hand, then
//! of as many others as there is room for; a budget that was not enough is doubled. Lists that are counted and then
//! read are read at once from the second batch on.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::partners::series;
use orm_tests::{File, TestDb, test_db};

diesel::table! { boxes { id -> Integer, name -> Text } }
diesel::table! { things { id -> Integer, box_id -> Integer, name -> Text, rank -> Integer } }
diesel::table! { places (box_id, thing_id) { box_id -> Integer, thing_id -> Integer } }

#[derive(Model)]
#[model(table = boxes)]
struct Box {
    id: i32,
    name: String,
    #[model(inverse = Thing::BOX_ID)]
    things: OneToMany<Thing>,
    #[model(inverse = Thing::BOX_ID, order = things::rank.desc())]
    ranked: OneToMany<Thing>,
    #[model(through(places::box_id, places::thing_id))]
    placed: ManyToMany<Thing>,
}

#[derive(Model)]
struct Thing {
    id: i32,
    box_id: Id<Box>,
    name: String,
    rank: i32,
}

/// So many boxes, with as many things each as an expression of `box.value` says
fn filled(count: usize, things: &str) -> File {
    File::new(&format!(
        "CREATE TABLE boxes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE things (id INTEGER PRIMARY KEY NOT NULL, box_id INTEGER NOT NULL, name TEXT NOT NULL, rank INTEGER NOT NULL);
         CREATE INDEX things_box ON things (box_id);
         CREATE TABLE places (box_id INTEGER NOT NULL, thing_id INTEGER NOT NULL, PRIMARY KEY (box_id, thing_id));
         INSERT INTO boxes SELECT value, 'box ' || value FROM {};
         INSERT INTO things (box_id, name, rank)
             SELECT box.value, 'a thing of box ' || box.value, (nth.value * 7919) % 10007 FROM {} AS box JOIN {} AS nth ON nth.value <= {things};
         INSERT INTO places SELECT box_id, id FROM things",
        series(count),
        series(count),
        series(20_000),
    ))
}

fn things_read(db: &TestDb) -> usize {
    db.stats().model("Thing").map_or(0, |thing| thing.records)
}

fn count(db: &TestDb, sql: &str) -> usize {
    db.file.values(sql)[0].parse().expect("a number")
}

#[test]
fn the_first_of_many_long_lists_does_not_bring_them_all() -> Result<()> {
    let db = test_db!(filled(100, "2000"));
    let boxes = db.all::<Box>()?;
    assert_eq!(boxes.first().expect("a box").things().load()?.len(), 2_000);
    let read = things_read(&db);
    assert!((2_000..=40_000).contains(&read), "{read} of 200,000 things");
    // In twice as large batches each, by and by.
    let (lengths, statements) = db.watch(|| boxes.map(|one| Ok(one.things().load()?.len())));
    assert_eq!(lengths?, vec![2_000; 100]);
    assert!(statements.len() <= 10, "{} SELECTs", statements.len());
    Ok(())
}

#[test]
fn short_lists_come_for_a_thousand_owners() -> Result<()> {
    let db = test_db!(filled(2_500, "1 + box.value % 7"), strict());
    let boxes = db.all::<Box>()?;
    let things = count(&db, "SELECT CAST(count(*) AS TEXT) AS value FROM things");
    let read = db.assert_keys(&[1_000, 1_000, 500], || {
        boxes.iter().try_fold(0, |sum, one| Ok::<_, orm_core::Error>(sum + one.things().load()?.len()))
    })?;
    assert_eq!(read, things);
    Ok(())
}

#[test]
fn prefetch_bytes_bounds_a_batch_of_lists() -> Result<()> {
    let db = test_db!(filled(500, "20"), prefetch_bytes(64 << 10));
    let boxes = db.all::<Box>()?;
    boxes.first().expect("a box").things().load()?;
    let read = things_read(&db);
    assert!(read <= 1_024, "{read} things in 64 KiB");
    let (_, statements) = db.watch(|| boxes.map(|one| one.things().load().map(drop)));
    assert!(statements.len() >= 5, "{} SELECTs of 64 KiB for 10,000 things", statements.len());
    Ok(())
}

#[test]
fn lists_that_are_cut_are_what_they_are() -> Result<()> {
    // Some are empty, one is longer than all that a batch may bring.
    let things = "CASE WHEN box.value % 5 = 0 THEN 0 WHEN box.value = 7 THEN 20000 ELSE box.value % 13 END";
    for order in 0..3 {
        let db = test_db!(filled(300, things), prefetch_bytes(32 << 10));
        let boxes = db.all::<Box>()?;
        let read = |one: &Record<'_, Box>| match order {
            0 => one.things().ids(),
            1 => one.ranked().load().map(|set| set.ids()),
            _ => one.placed().load().map(|set| set.ids()),
        };
        // From the middle on: then the owner at hand is not the first in the database's order.
        for index in (150..300).chain(0..150) {
            let one = boxes.get(index).expect("a box");
            let order_by = if order == 1 { "rank DESC, id" } else { "id" };
            let expected = db.file.values(&format!(
                "SELECT CAST(id AS TEXT) AS value FROM things WHERE box_id = {} ORDER BY {order_by}",
                one.id()
            ));
            let ids: Vec<String> = read(&one)?.iter().map(ToString::to_string).collect();
            assert_eq!(ids, expected, "box {} in order {order}", one.id());
        }
    }
    Ok(())
}

#[test]
fn the_members_of_a_long_list_lead_on_without_all_other_lists() -> Result<()> {
    let db = test_db!(filled(100, "3000"));
    let boxes = db.all::<Box>()?;
    // Each level of links is read in full batches, but not along lists that are long.
    for thing in &boxes.first().expect("a box").things().load()? {
        thing.box_id().name()?;
    }
    let read = things_read(&db);
    assert!(read <= 40_000, "{read} of 300,000 things");
    Ok(())
}

#[test]
fn lists_that_are_counted_and_then_read_come_at_once_the_second_time() -> Result<()> {
    let db = test_db!(filled(3_000, "1 + box.value % 3"), strict());
    let boxes = db.all::<Box>()?;
    // Counted, read; then read, with no count before.
    db.assert_queries(2 + 1 + 1, || {
        for one in &boxes {
            if !one.things().is_empty()? {
                one.things().load()?;
            }
        }
        Ok::<_, orm_core::Error>(())
    })?;
    // Who only counts brings no thing.
    let db = test_db!(filled(3_000, "1 + box.value % 3"), strict());
    db.assert_queries(1 + 3, || db.all::<Box>()?.map(|one| one.things().len()))?;
    assert_eq!(things_read(&db), 0);
    Ok(())
}
