//! Computing a field of 10,000 records, for callgrind: `computing first|anew|called|hand`, in `computing::read`,
//! `computing::called` and `computing::hand`.
#![allow(clippy::expect_used)]
use orm_core::prelude::*;
use orm_tests::computed::{Contact, contacts};

struct ContactRow {
    name: String,
    country: Option<usize>,
}

#[inline(never)]
fn read(contacts: &RecordSet<'_, Contact>) -> orm_core::Result<usize> {
    contacts.iter().try_fold(0, |sum, contact| Ok(sum + contact.display_name()?.len()))
}

fn display_name(contact: &ContactRow, countries: &[String]) -> String {
    match contact.country {
        Some(country) => format!("{} ({})", contact.name, countries[country]),
        None => contact.name.clone(),
    }
}

fn shown(contact: &Record<'_, Contact>) -> orm_core::Result<String> {
    Ok(match contact.country_id().name()? {
        Some(country) => format!("{} ({country})", contact.name()?),
        None => contact.name()?.to_string(),
    })
}

/// The function that computes the field, called on records: nothing notes what it reads, and nothing is kept but the text.
#[inline(never)]
fn called(contacts: &RecordSet<'_, Contact>) -> orm_core::Result<Vec<Str>> {
    contacts.iter().map(|contact| Ok(Str::from(shown(&contact)?))).collect()
}

#[inline(never)]
fn hand(rows: &[ContactRow], countries: &[String]) -> Vec<String> {
    rows.iter().map(|row| display_name(row, countries)).collect()
}

fn main() -> orm_core::Result<()> {
    let db = contacts(10_000);
    let contacts = db.all::<Contact>()?;
    contacts.country_id().name()?;
    match &*std::env::args().nth(1).unwrap_or_default() {
        "first" => {
            std::hint::black_box(read(&contacts)?);
        }
        "anew" => {
            contacts.iter().try_for_each(|contact| contact.display_name().map(drop))?;
            db.cache().invalidate_field(Contact::DISPLAY_NAME);
            std::hint::black_box(read(&contacts)?);
        }
        "called" => {
            contacts.iter().try_for_each(|contact| shown(&contact).map(drop))?;
            std::hint::black_box(called(&contacts)?);
        }
        _ => {
            let country = |id: i32| Some(id as usize % 2);
            let rows = contacts.iter().map(|contact| ContactRow {
                name: format!("c{}", contact.id()),
                country: country(contact.id()),
            });
            let rows: Vec<ContactRow> = rows.collect();
            let countries = ["Belgium".to_owned(), "France".to_owned()];
            std::hint::black_box(hand(&rows, &countries));
        }
    }
    Ok(())
}
