//! Every way of walking costs what it costs on SQLite: sets out of sets, lists that are cut, hierarchies, held records

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { boxes (code) { code -> Text, name -> Text, outer_code -> Nullable<Text> } }
diesel::table! { things { id -> Integer, box_code -> Text, name -> Text } }
diesel::table! { places (box_code, thing_id) { box_code -> Text, thing_id -> Integer } }

#[derive(Model)]
#[model(table = boxes, connection = Db)]
pub struct Box {
    #[model(primary_key)]
    code: String,
    name: String,
    outer_code: Option<Id<Self>>,
    #[model(inverse = Box::OUTER_CODE)]
    inner: OneToMany<Self>,
    #[model(inverse = Thing::BOX_CODE)]
    things: OneToMany<Thing>,
    #[model(inverse = Thing::BOX_CODE, order = (things::name.desc(), things::id))]
    ranked: OneToMany<Thing>,
    #[model(through(places::box_code, places::thing_id))]
    placed: ManyToMany<Thing>,
}

#[derive(Model)]
#[model(table = things, connection = Db)]
pub struct Thing {
    id: i32,
    box_code: Id<Box>,
    name: String,
}

/// How many things box `n` has: none, some, or many
fn things_of(n: usize) -> usize {
    match n {
        7 => 3_000,
        n if n % 5 == 0 => 0,
        n => n % 13,
    }
}

const BOXES: usize = 150;

/// Boxes in chains of fifty, and their things
fn open() -> Outcome<Option<Place<Db>>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE boxes (code VARCHAR(20) NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, outer_code VARCHAR(20));
         CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, box_code VARCHAR(20) NOT NULL, name VARCHAR(100) NOT NULL);
         CREATE TABLE places (box_code VARCHAR(20) NOT NULL, thing_id INTEGER NOT NULL, PRIMARY KEY (box_code, thing_id))",
    )?;
    let (mut id, mut things, mut places, mut boxes) = (0, Vec::new(), Vec::new(), Vec::new());
    for n in 1..=BOXES {
        let outer = if n > 3 { format!("'b{}'", n - 3) } else { "NULL".to_owned() };
        boxes.push(format!("('b{n}', 'box {n}', {outer})"));
        for _ in 0..things_of(n) {
            id += 1;
            things.push(format!("({id}, 'b{n}', 'thing {}')", id * 7919 % 101));
            places.push(format!("('b{n}', {id})"));
        }
    }
    for (table, rows) in [("boxes", boxes), ("things", things), ("places", places)] {
        connection.batch_execute(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")))?;
    }
    Ok(Some(place))
}

fn environment(place: &Place<Db>, bytes: usize) -> Outcome<Environment<Db>> {
    Ok(Environment::builder().connection(place.connect()?).prefetch_bytes(bytes).strict().build())
}

#[test]
fn sets_out_of_sets() -> Outcome {
    let Some(place) = open()? else { return Ok(()) };
    let env = environment(&place, 16 << 20)?;
    let mut things = 0;
    for one in &boxes::table.filter(boxes::outer_code.is_null()).records::<Box>(&env)? {
        let inner = one.inner().load()?;
        things += inner.things().load()?.len();
        things += inner.filter(|one| Ok(one.name()?.len() > 3))?.placed().load()?.len();
    }
    assert_eq!(things, 2 * (4..=6).map(things_of).sum::<usize>());
    assert_eq!(env.stats().queries, 4);
    Ok(())
}

#[test]
fn lists_that_are_cut_are_what_they_are() -> Outcome {
    let Some(place) = open()? else { return Ok(()) };
    let expected = |n: usize| {
        let before: usize = (1..n).map(things_of).sum();
        (before + 1..=before + things_of(n)).map(|id| id as i32).collect::<Vec<_>>()
    };
    for order in 0..3 {
        let env = environment(&place, 32 << 10)?;
        let boxes = env.all::<Box>()?;
        for one in boxes.slice(BOXES / 2..).into_iter().chain(boxes.slice(..BOXES / 2)) {
            let n: usize = one.id()[1..].parse()?;
            let mut ids = match order {
                0 => one.things().ids()?,
                1 => one.ranked().load()?.ids(),
                _ => one.placed().load()?.ids(),
            };
            if order == 1 {
                let names = one.ranked().name()?;
                assert!(names.is_sorted_by(|a, b| a >= b), "{names:?}");
                ids.sort_unstable();
            }
            assert_eq!(ids, expected(n), "box {n} in order {order}");
        }
        assert!(env.stats().queries > 4, "in several batches: {}", env.stats().queries);
    }
    Ok(())
}

#[test]
fn hierarchies_and_held_records() -> Outcome {
    let Some(place) = open()? else { return Ok(()) };
    let env = environment(&place, 16 << 20)?;
    let last: Vec<String> = (BOXES - 2..=BOXES).map(|n| format!("b{n}")).collect();
    let last = boxes::table.filter(boxes::code.eq_any(last)).records::<Box>(&env)?;
    let mut outermost = Vec::new();
    for one in &last {
        let mut at = one;
        while let Some(outer) = at.outer_code().load()? {
            outer.name()?;
            at = outer;
        }
        outermost.push(at);
    }
    assert_eq!(env.stats().queries, BOXES / 3);
    let outer = last.map(|one| one.outer_code().load())?;
    env.cache().clear();
    for one in outer.iter().flatten() {
        one.name()?;
    }
    assert_eq!(env.stats().queries, BOXES / 3 + 2, "the links again, then the boxes");
    Ok(())
}
