//! A column that the database makes is read anew after each write of its row; values that are equal and not the same are written.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{TestDb, on};

diesel::table! { sums { id -> Integer, qty -> Integer, price -> Double, total -> Double, touched -> Integer } }

#[derive(Model)]
#[model(table = sums)]
struct Sum {
    id: i32,
    qty: i32,
    price: f64,
    /// `qty * price`
    #[model(read_only)]
    total: f64,
    /// Counted on by a trigger, and can be set
    #[model(refresh)]
    touched: i32,
    #[model(compute = shown)]
    shown: Computed<String>,
}

fn shown(sum: &Record<Sum>) -> Result<String> {
    Ok(format!("{} {}", sum.total()?, sum.touched()?))
}

/// The same table, of which this one does not know what is made
#[derive(Model)]
#[model(table = sums)]
struct Plain {
    id: i32,
    qty: i32,
    total: f64,
}

fn sums() -> TestDb {
    // MySQL's triggers may not write to the table that they belong to.
    let touch = on!(
        sqlite "AFTER UPDATE OF qty, price ON sums BEGIN UPDATE sums SET touched = old.touched + 1 WHERE id = new.id; END",
        postgres "AFTER UPDATE OF qty, price ON sums BEGIN UPDATE sums SET touched = old.touched + 1 WHERE id = new.id; END",
        mysql "BEFORE UPDATE OF qty, price ON sums BEGIN SET NEW.touched = OLD.touched + 1; END"
    );
    TestDb::new(&format!(
        "CREATE TABLE sums (id INTEGER PRIMARY KEY, qty INTEGER NOT NULL, price DOUBLE NOT NULL,
            total DOUBLE GENERATED ALWAYS AS (qty * price) STORED, touched INTEGER NOT NULL DEFAULT 0);
         CREATE TRIGGER touch {touch};
         INSERT INTO sums (id, qty, price) VALUES (1, 3, 5), (2, 4, 0.0), (3, 1, 1)",
    ))
}

#[test]
fn it_is_read_anew_after_a_write_of_its_row() -> Result<()> {
    let db = sums();
    let sum = db.record::<Sum>(1);
    assert_eq!((sum.total()?, sum.touched()?, sum.shown()?), (15.0, 0, "15 0".into()));
    sum.set_qty(10)?;
    assert_eq!((sum.total()?, sum.touched()?, sum.shown()?), (50.0, 1, "50 1".into()));
    // What is not written stays.
    db.assert_queries(0, || sum.set_qty(10))?;
    db.assert_queries(0, || sum.total())?;
    // Within a transaction what waits is sent before it is read.
    db.transaction(|| {
        sum.set_qty(2)?;
        db.record::<Sum>(2).set_price(7.0)?;
        // What waits, and the row; MySQL writes a double in a statement with others of the same fields alone.
        let total = db.assert_queries(on!(sqlite 2, postgres 2, mysql 3), || sum.total())?;
        assert_eq!((total, db.record::<Sum>(2).total()?), (10.0, 28.0));
        sum.set_touched(9)?;
        assert_eq!(sum.touched()?, 9);
        Ok(())
    })?;
    assert_eq!((db.assert_queries(1, || sum.touched())?, sum.total()?), (9, 10.0));
    let new = db.create(Sum::values().qty(2).price(2.5).touched(1))?;
    assert_eq!((new.total()?, new.touched()?), (5.0, 1));
    Ok(())
}

#[test]
fn through_another_model_of_the_table() -> Result<()> {
    let db = sums();
    let (sum, plain) = (db.record::<Sum>(1), db.record::<Plain>(1));
    assert_eq!((sum.total()?, plain.total()?), (15.0, 15.0));
    plain.set_qty(4)?;
    assert_eq!((sum.total()?, plain.total()?), (20.0, 20.0));
    Ok(())
}

#[test]
fn equal_and_not_the_same_is_written() -> Result<()> {
    let db = sums();
    let (one, two) = (db.record::<Sum>(1), db.record::<Sum>(2));
    assert_eq!(two.price()?.to_bits(), 0.0_f64.to_bits());
    db.transaction(|| {
        two.set_price(-0.0)?;
        assert_eq!(two.price()?.to_bits(), (-0.0_f64).to_bits());
        db.assert_queries(1, || db.flush())
    })?;
    // SQLite has made 0.0 of it, and that is what is shown.
    let stored = on!(sqlite 0.0_f64, postgres -0.0_f64, mysql 0.0_f64);
    assert_eq!(db.assert_queries(1, || two.price())?.to_bits(), stored.to_bits());
    db.assert_queries(0, || two.set_price(stored))?;
    // In one flush each row gets its own value.
    let (_, sent) = db.watch(|| {
        db.transaction(|| {
            one.set_price(stored)?;
            two.set_price(-stored)
        })
    });
    assert!(
        sent.len() == 1 && sent[0].sql.contains(on!(sqlite "VALUES", postgres "VALUES", mysql "CASE")),
        "{sent:?}"
    );
    Ok(())
}

diesel::table! { teams { id -> Integer, name -> Text } }
diesel::table! { players { id -> Integer, code -> Integer, team_id -> Nullable<Integer> } }

#[derive(Model)]
struct Team {
    id: i32,
    name: String,
    #[model(inverse = Player::TEAM_ID)]
    player_ids: OneToMany<Player>,
}

#[derive(Model)]
struct Player {
    id: i32,
    code: i32,
    /// `code / 100`
    #[model(read_only)]
    team_id: Option<Id<Team>>,
}

/// The players of both teams, how many they are, and the sum of their codes
fn line_up(db: &TestDb) -> Result<[(Vec<i32>, usize, i64); 2]> {
    let of = |id: i32| -> Result<_> {
        let players = db.record::<Team>(id).player_ids();
        Ok((players.ids()?, players.len()?, players.sum(Player::CODE)?))
    };
    Ok([of(1)?, of(2)?])
}

#[test]
fn a_link_that_it_makes_leaves_one_list_and_joins_the_other() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE players (id INTEGER PRIMARY KEY, code INTEGER NOT NULL, team_id INTEGER GENERATED ALWAYS AS (code / 100) STORED);
         INSERT INTO teams VALUES (1, 'red'), (2, 'blue');
         INSERT INTO players (id, code) VALUES (11, 101), (12, 102), (13, 201)",
    );
    let (ann, bob) = (db.record::<Player>(11), db.record::<Player>(12));
    assert_eq!(line_up(&db)?, [(vec![11, 12], 2, 203), (vec![13], 1, 201)]);
    db.assert_queries(1, || ann.set_code(202))?;
    assert_eq!(line_up(&db)?, [(vec![12], 1, 102), (vec![11, 13], 2, 403)]);
    db.assert_queries(0, || line_up(&db))?;
    // In a transaction what waits is sent before the list is read.
    db.transaction(|| {
        bob.set_code(203)?;
        assert_eq!(line_up(&db)?, [(vec![], 0, 0), (vec![11, 12, 13], 3, 606)]);
        Ok(())
    })?;
    db.create(Player::values().id(14).code(104))?;
    assert_eq!(line_up(&db)?, [(vec![14], 1, 104), (vec![11, 12, 13], 3, 606)]);
    db.all::<Player>()?.update(players::code.eq(players::code + 100))?;
    assert_eq!(line_up(&db)?, [(vec![], 0, 0), (vec![14], 1, 204)]);
    Ok(())
}
