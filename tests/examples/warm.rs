//! The warm loop alone, for callgrind and perf: `cargo build --release -p orm-tests --example warm`.
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::partners::{self, Partner, fill};

fn main() -> orm_core::Result<()> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    fill(&mut connection, 10_000, 250)?;
    let env = Environment::builder().connection(connection).build();
    let set: RecordSet<Partner> = partners::partners::table.records(&env)?;
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(10);
    let mut sum = 0;
    for _ in 0..rounds {
        sum += walk(&set)?;
    }
    std::hint::black_box(sum);
    Ok(())
}

#[inline(never)]
fn walk(partners: &RecordSet<'_, Partner>) -> orm_core::Result<usize> {
    let mut sum = 0;
    for partner in partners {
        sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
    }
    Ok(sum)
}
