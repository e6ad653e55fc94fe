//! What the parts of the warm loop take: `cargo run --release -p orm-tests --example parts`.
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::harness::timed;
use orm_tests::partners::{self, Partner, fill};
use std::hint::black_box;

fn best(n: usize, mut f: impl FnMut()) -> f64 {
    (0..300).map(|_| timed(&mut f)).min().map_or(0.0, |took| took.as_secs_f64() * 1e9 / n as f64)
}

fn main() {
    let mut connection = SqliteConnection::establish(":memory:").expect("database");
    let n = 10_000;
    fill(&mut connection, n, 250).expect("data");
    let env = Environment::builder().connection(connection).build();
    let set: RecordSet<Partner> = partners::partners::table.records(&env).expect("partners");
    let _ = set.country_id().name().expect("countries");
    println!(
        "iteration         {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(&p);
        }))
    );
    println!(
        "+ scalar          {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(p.credit().unwrap());
        }))
    );
    println!(
        "+ text            {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(p.name().unwrap().len());
        }))
    );
    println!(
        "+ link            {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(&p.country_id());
        }))
    );
    println!(
        "+ link + text     {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(p.country_id().name().unwrap().map_or(0, |n| n.len()));
        }))
    );
    println!(
        "text + link + text {:.2}",
        best(n, || set.iter().for_each(|p| {
            black_box(p.name().unwrap().len() + p.country_id().name().unwrap().map_or(0, |n| n.len()));
        }))
    );
}
