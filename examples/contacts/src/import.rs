//! Partners from a CSV file: `name,email,phone,city,country,tags`, tags divided by `;`.
//!
//! Who is there already, by e-mail, is written to. So a file can be imported twice.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::path::Path;

use fastrand::Rng;
use indicatif::ProgressBar;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::db::{Environment, reads_then_writes};
use crate::models::{Country, Partner, Tag};

/// Rows of one transaction
const CHUNK: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    name: String,
    email: String,
    phone: Option<String>,
    city: Option<String>,
    country: String,
    tags: String,
}

/// What came of an import
#[derive(Debug, Default)]
pub struct Imported {
    pub rows: usize,
    /// The lines that were left out, and why
    pub refused: Vec<(u64, String)>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} refused", self.rows, self.refused.len())?;
        self.refused.iter().take(10).try_for_each(|(line, why)| write!(f, "\n  line {line}: {why}"))
    }
}

/// Imports a file, a transaction for each thousand of its rows.
///
/// # Errors
///
/// Those of the database and of reading the file; what is wrong with a row is in what comes back.
pub fn import(env: &Environment, path: &Path, bar: &ProgressBar) -> Result<Imported> {
    let file = File::open(path).map_err(Error::other)?;
    bar.set_length(file.metadata().map_err(Error::other)?.len());
    // A line that is too short is refused, and the others are not.
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let countries = env.all::<Country>()?;
    let countries: HashMap<Str, i32> =
        countries.iter().map(|country| Ok((country.code()?, country.id()))).collect::<Result<_>>()?;

    let mut imported = Imported::default();
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut records = reader.records();
    loop {
        let record = records.next().transpose().map_err(Error::other)?;
        let is_over = record.is_none();
        if let Some(record) = record {
            let (line, byte) = record.position().map_or((0, 0), |at| (at.line(), at.byte()));
            bar.set_position(byte);
            match checked(&record, &countries) {
                Ok(row) => chunk.push(row),
                Err(why) => imported.refused.push((line, why)),
            }
        }
        if chunk.len() == CHUNK || is_over {
            imported.rows += save(env, &chunk, &countries)?;
            chunk.clear();
        }
        if is_over {
            break;
        }
    }
    bar.finish();
    Ok(imported)
}

fn checked(record: &csv::StringRecord, countries: &HashMap<Str, i32>) -> std::result::Result<Row, String> {
    let row: Row = record.deserialize(None).map_err(|error| error.to_string())?;
    match &row {
        Row { name, .. } if name.is_empty() => Err("there is no name".into()),
        Row { email, .. } if !email.contains('@') => Err(format!("{email:?} is no address")),
        Row { country, .. } if !countries.contains_key(country.as_str()) => {
            Err(format!("there is no country {country:?}"))
        }
        _ => Ok(row),
    }
}

fn save(env: &Environment, rows: &[Row], countries: &HashMap<Str, i32>) -> Result<usize> {
    env.transaction_with(reads_then_writes(env), || {
        let names = rows.iter().flat_map(|row| row.tags.split(';')).filter(|name| !name.is_empty());
        let names: std::collections::BTreeSet<&str> = names.collect();
        env.create_missing(Tag::NAME, names.iter().map(|name| Tag::values().name(*name).hue(hue(name))))?;
        let tags = env.all::<Tag>()?;
        let tags: BTreeMap<Str, Record<Tag>> =
            tags.iter().map(|tag| Ok((tag.name()?, tag))).collect::<Result<_>>()?;

        let values = rows.iter().map(|row| {
            let values =
                Partner::values().name(&row.name).email(&row.email).phone(&row.phone).city(&row.city);
            values.country_id(countries[row.country.as_str()])
        });
        let partners = env.upsert_many(Partner::EMAIL, values)?;
        for (partner, row) in partners.iter().zip(rows) {
            for name in row.tags.split(';') {
                if let Some(tag) = tags.get(name) {
                    partner.tag_ids().add(tag)?;
                }
            }
        }
        Ok(partners.len())
    })
}

/// A colour that a name keeps
fn hue(name: &str) -> i32 {
    name.bytes().fold(7, |hue, byte| (hue * 31 + i32::from(byte)) % 360)
}

/// Writes a file to be imported: the same each time.
///
/// # Errors
///
/// Those of writing it.
pub fn sample(path: &Path, rows: usize) -> Result<()> {
    let mut writer = csv::Writer::from_path(path).map_err(Error::other)?;
    let mut rng = Rng::with_seed(50);
    for n in 0..rows {
        let row = Row {
            name: format!("Imported {n:05}"),
            email: format!("imported.{n}@bulk.example"),
            phone: Some(format!("+32 {}", rng.u32(1_000_000..9_999_999))).filter(|_| n % 3 > 0),
            city: Some(["Ghent", "Lyon", "Pune"][n % 3].into()),
            country: ["BE", "FR", "IN"][n % 3].into(),
            tags: ["imported", "imported;customer", "imported;newsletter;customer"][rng.usize(..3)].into(),
        };
        writer.serialize(row).map_err(Error::other)?;
    }
    writer.flush().map_err(Error::other)
}
