//! Computed fields: read warm beside stored ones, computed beside the same function over structs, and what a write with ten thousand
//! dependents takes.
//!
//! Run with: cargo bench -p orm-tests --bench computed
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use orm_core::prelude::*;
use orm_tests::computed::{Contact, Country, contacts};
use orm_tests::harness::{Measured, head, report, side_by_side, timed};

const CONTACTS: usize = 10_000;

struct ContactRow {
    name: String,
    country: Option<usize>,
}

fn display_name(contact: &ContactRow, countries: &[String]) -> String {
    match contact.country {
        Some(country) => format!("{} ({})", contact.name, countries[country]),
        None => contact.name.clone(),
    }
}

fn lengths(contacts: &RecordSet<'_, Contact>) -> orm_core::Result<usize> {
    contacts.iter().try_fold(0, |sum, contact| Ok(sum + contact.display_name()?.len()))
}

fn warm() -> orm_core::Result<Measured> {
    let db = contacts(CONTACTS);
    let contacts = db.all::<Contact>()?;
    lengths(&contacts)?;
    let computed = || timed(|| lengths(&contacts).expect("the names"));
    let stored = || {
        timed(|| {
            let names = contacts.iter().try_fold(0, |sum, contact| Ok(sum + contact.name()?.len()));
            let names: orm_core::Result<usize> = names;
            names.expect("the names")
        })
    };
    Ok(side_by_side(101, computed, stored))
}

/// Computed the first time, all that it reads being cached, and anew after the values alone have gone
fn computing(is_first: bool) -> orm_core::Result<Measured> {
    let db = contacts(CONTACTS);
    let contacts = db.all::<Contact>()?;
    lengths(&contacts)?;
    let rows: Vec<ContactRow> = contacts
        .iter()
        .map(|contact| ContactRow {
            name: format!("c{}", contact.id()),
            country: Some(contact.id() as usize % 2),
        })
        .collect();
    let countries = ["Belgium".to_owned(), "France".to_owned()];
    let ours = || {
        if is_first {
            let env = Environment::builder().connection(db.file.connect()).build();
            let contacts = env.all::<Contact>().expect("the contacts");
            contacts.country_id().name().expect("the countries");
            return timed(|| lengths(&contacts).expect("the names"));
        }
        db.cache().invalidate_field(Contact::DISPLAY_NAME);
        timed(|| lengths(&contacts).expect("the names"))
    };
    let theirs = || timed(|| rows.iter().map(|row| display_name(row, &countries)).collect::<Vec<_>>());
    Ok(side_by_side(51, ours, theirs))
}

/// What a write takes, and the next read with it
fn written() -> orm_core::Result<(Duration, Duration)> {
    let db = contacts(CONTACTS);
    db.file.run("UPDATE contacts SET country_id = 1");
    let contacts = db.all::<Contact>()?;
    let country = db.record::<Country>(1);
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    db.transaction(|| {
        for turn in 0..51 {
            lengths(&contacts)?;
            let start = Instant::now();
            country.set_name(format!("country {turn}"))?;
            let written = start.elapsed();
            country.name()?;
            writes.push(written);
            reads.push(start.elapsed());
        }
        Ok(())
    })?;
    writes.sort_unstable();
    reads.sort_unstable();
    Ok((writes[25], reads[25]))
}

fn main() -> orm_core::Result<()> {
    head();
    report("warm read of 10,000: computed beside stored", warm()?, 1.1);
    report("computing 10,000: beside structs", computing(true)?, 1.5);
    report("the same anew", computing(false)?, 1.5);
    let (write, read) = written()?;
    println!("one country written, 10,000 dependents: {write:?}; with the next read {read:?} (at most 1 ms)");
    Ok(())
}
