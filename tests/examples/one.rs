//! Single jobs for callgrind: `one miss|set|setter|computed`, each in a function of its own to be toggled (`--toggle-collect=one::miss`).
#![allow(clippy::expect_used)]
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::partners::{self, Partner, fill};

/// A read of a record of which nothing is cached
#[inline(never)]
fn miss(partner: &Record<'_, Partner>) -> usize {
    partner.name().expect("name").len()
}

/// A write that is sent before it returns
#[inline(never)]
fn set(partner: &Record<'_, Partner>) {
    partner.set_name("Azure").expect("written");
}

/// Writes that wait
#[inline(never)]
fn setter(partners: &RecordSet<'_, Partner>) {
    partners.iter().for_each(|partner| partner.set_credit(0.5).expect("set"));
}

fn main() -> orm_core::Result<()> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    fill(&mut connection, 10_000, 250)?;
    let env = Environment::builder().connection(connection).build();
    match &*std::env::args().nth(1).unwrap_or_default() {
        "miss" => {
            std::hint::black_box(miss(&env.record::<Partner>(1)));
        }
        "set" => {
            let partner = env.record::<Partner>(1);
            partner.name()?;
            set(&partner);
        }
        "setter" => {
            let partners: RecordSet<Partner> = partners::partners::table.records(&env)?;
            let undone: orm_core::Result<()> = env.transaction(|| {
                partners.map(|partner| partner.credit())?;
                setter(&partners);
                Err(orm_core::Error::other("not to be written"))
            });
            assert!(undone.is_err());
        }
        _ => {}
    }
    Ok(())
}
