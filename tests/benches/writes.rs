//! Writing against hand-written diesel: updates, creation, and what a setter alone costs. SQLite in a file, in one transaction.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::time::Duration;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::File;
use orm_tests::harness::{Measured, head, report, side_by_side, timed};
use orm_tests::partners::*;

const ROWS: usize = 10_000;
const RUNS: usize = 15;

fn env(file: &File) -> Environment {
    Environment::builder().connection(file.connect()).build()
}

/// One field of 10,000 rows, each its own value
fn distinct(file: &File) -> Measured {
    let mut run = 0;
    let ours = || {
        run += 1;
        let env = env(file);
        let partners = env.all::<Partner>().unwrap();
        let names: Vec<String> = (0..ROWS).map(|i| format!("Name {run} of {i}")).collect();
        let before = env.stats().writes;
        let time = timed(|| {
            env.transaction(|| {
                partners.iter().zip(&names).try_for_each(|(partner, name)| partner.set_name(name))
            })
            .unwrap();
        });
        assert_eq!(env.stats().writes - before, 10);
        time
    };
    let mut connection = file.connect();
    let mut turn = 0;
    let theirs = || {
        turn += 1;
        let ids: Vec<i32> = partners::table.select(partners::id).load(&mut connection).unwrap();
        let names: Vec<String> = (0..ROWS).map(|i| format!("Other {turn} of {i}")).collect();
        timed(|| {
            connection
                .transaction(|connection| {
                    ids.iter().zip(&names).try_for_each(|(id, name)| {
                        diesel::update(partners::table.find(id))
                            .set(partners::name.eq(name))
                            .execute(connection)
                            .map(drop)
                    })
                })
                .unwrap();
        })
    };
    side_by_side(RUNS, ours, theirs)
}

/// The same value on 10,000 rows, against a diesel UPDATE per row; or one diesel UPDATE of the whole table against that,
/// below which nobody gets
fn equal(file: &File, by_hand: bool) -> Measured {
    let mut run = 0;
    let ours = || {
        run += 1;
        let env = env(file);
        let partners = env.all::<Partner>().unwrap();
        let city = format!("City {run}");
        if by_hand {
            let update = diesel::update(partners::table).set(partners::city.eq(&city));
            return timed(|| env.transaction(|| env.execute(update)).unwrap());
        }
        timed(|| partners.write(Partner::values().city(&city)).unwrap())
    };
    let mut connection = file.connect();
    let mut turn = 0;
    let theirs = || {
        turn += 1;
        let ids: Vec<i32> = partners::table.select(partners::id).load(&mut connection).unwrap();
        let city = format!("Town {turn}");
        timed(|| {
            connection
                .transaction(|connection| {
                    ids.iter().try_for_each(|id| {
                        diesel::update(partners::table.find(id))
                            .set(partners::city.eq(&city))
                            .execute(connection)
                            .map(drop)
                    })
                })
                .unwrap();
        })
    };
    side_by_side(RUNS, ours, theirs)
}

#[derive(Insertable)]
#[diesel(table_name = partners, treat_none_as_default_value = false)]
struct NewPartner<'a> {
    name: &'a str,
    lang: Option<&'a str>,
    email: &'a str,
    phone: &'a str,
    city: &'a str,
    active: bool,
    credit: f64,
    country_id: Option<i32>,
    parent_id: Option<i32>,
}

/// 10,000 new rows of nine columns, against diesel's INSERT of many rows, a thousand at a time
fn create() -> Measured {
    let ours = || {
        let file = File::of_partners(0, 250);
        let env = env(&file);
        let rows: Vec<_> = (0..ROWS as i32)
            .map(|i| {
                Partner::values()
                    .name(format!("Partner number {i}"))
                    .lang("en_US")
                    .email("partner@example.com")
                    .phone("+32 2 290 34 00")
                    .city("Ramillies")
                    .active(true)
                    .credit(f64::from(i))
                    .country_id(1 + i % 250)
                    .parent_id(None)
            })
            .collect();
        timed(|| env.create_many(rows).unwrap().len())
    };
    let theirs = || {
        let file = File::of_partners(0, 250);
        let mut connection = file.connect();
        let names: Vec<String> = (0..ROWS).map(|i| format!("Partner number {i}")).collect();
        let rows: Vec<_> = (0..ROWS as i32)
            .map(|i| NewPartner {
                name: &names[i as usize],
                lang: Some("en_US"),
                email: "partner@example.com",
                phone: "+32 2 290 34 00",
                city: "Ramillies",
                active: true,
                credit: f64::from(i),
                country_id: Some(1 + i % 250),
                parent_id: None,
            })
            .collect();
        timed(|| {
            connection
                .transaction(|connection| {
                    rows.chunks(1000).try_for_each(|rows| {
                        diesel::insert_into(partners::table).values(rows).execute(connection).map(drop)
                    })
                })
                .unwrap();
        })
    };
    side_by_side(RUNS, ours, theirs)
}

/// A setter, its flush left out
fn setter(file: &File) -> Duration {
    let env = env(file);
    let partners = env.all::<Partner>().unwrap();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|run| {
            let mut time = Duration::ZERO;
            let undone: orm_core::Result<()> = env.transaction(|| {
                partners.map(|partner| partner.credit())?;
                time = timed(|| {
                    partners.iter().for_each(|partner| partner.set_credit(run as f64 + 0.5).unwrap());
                });
                Err(orm_core::Error::other("not to be written"))
            });
            assert!(undone.is_err());
            time / ROWS as u32
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn main() {
    let file = File::of_partners(ROWS, 250);
    head();
    report("update of one field, 10,000 distinct values", distinct(&file), 1.0);
    report("the same value on 10,000 rows", equal(&file, false), 0.1);
    let floor = equal(&file, true);
    println!(
        "{:<46} {:>12.2?} {:>12.2?} {:>7.2}",
        "  one UPDATE of the table by hand",
        floor.ours,
        floor.theirs,
        floor.ratio()
    );
    report("create 10,000 rows of 9 columns", create(), 1.15);
    println!("{:<46} {:>12.2?} {:>35}", "a setter alone", setter(&file), "≤ 100 ns");
}
