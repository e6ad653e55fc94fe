//! Computing a field of 10,000 records, for callgrind: `computing first|anew|hand`, in `computing::read` and `computing::hand`.
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
