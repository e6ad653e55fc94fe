//! The parts of the warm loop alone, for callgrind: `cargo build --release -p orm-tests --example warm`.
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::partners::{self, Partner, fill};

fn main() {
    let mut connection = SqliteConnection::establish(":memory:").expect("database");
    fill(&mut connection, 1_000, 250).expect("data");
    let env = Environment::builder().connection(connection).build();
    let set: RecordSet<Partner> = partners::partners::table.records(&env).expect("partners");
    let _ = set.country_id().name();
    for _ in 0..100 {
        println!("{}", iterate(&set));
        println!("{}", scalar(&set).expect("walk"));
        println!("{}", text(&set).expect("walk"));
        println!("{}", link(&set));
        println!("{}", walk(&set).expect("walk"));
    }
}

#[inline(never)]
fn iterate(partners: &RecordSet<'_, Partner>) -> usize {
    let mut sum = 0;
    for partner in partners {
        sum += std::hint::black_box(&partner) as *const _ as usize;
    }
    sum
}
#[inline(never)]
fn scalar(partners: &RecordSet<'_, Partner>) -> orm_core::Result<f64> {
    let mut sum = 0.0;
    for partner in partners {
        sum += partner.credit()?;
    }
    Ok(sum)
}
#[inline(never)]
fn text(partners: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in partners {
        sum += partner.name()?.len();
    }
    Ok(sum)
}
#[inline(never)]
fn link(partners: &RecordSet<'_, Partner>) -> usize {
    let mut sum = 0;
    for partner in partners {
        sum += std::hint::black_box(&partner.country_id()) as *const _ as usize;
    }
    sum
}

#[inline(never)]
fn walk(partners: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in partners {
        sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(sum)
}
