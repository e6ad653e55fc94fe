//! Real data: 170,391 cities with their states, countries and time zones, neighbours and languages of countries.

use std::fmt::Write;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use crate::File;

/// The tables
pub mod schema {
    #![allow(missing_docs)]
    diesel::table! { continent { id -> Integer, code -> Text, name -> Text } }
    diesel::table! { language { id -> Integer, code -> Text } }
    diesel::table! { timezone { id -> Integer, name -> Text } }
    diesel::table! {
        country {
            id -> Integer, code -> Text, iso3 -> Text, name -> Text, capital -> Nullable<Text>, area_km2 -> Double,
            population -> BigInt, currency_code -> Nullable<Text>, phone -> Nullable<Text>, tld -> Nullable<Text>,
            continent_id -> Integer,
        }
    }
    diesel::table! { country_language (country_id, language_id) { country_id -> Integer, language_id -> Integer, sequence -> Integer } }
    diesel::table! { country_neighbour (country_id, neighbour_id) { country_id -> Integer, neighbour_id -> Integer } }
    diesel::table! { state { id -> Integer, country_id -> Integer, code -> Text, name -> Text } }
    diesel::table! {
        city {
            id -> Integer, name -> Text, country_id -> Integer, state_id -> Nullable<Integer>, timezone_id -> Integer,
            latitude -> Double, longitude -> Double, population -> BigInt,
        }
    }
}
pub use schema::*;

/// A continent
#[derive(Model)]
#[model(table = continent)]
pub struct Continent {
    id: i32,
    code: String,
    name: String,
    #[model(inverse = Country::CONTINENT_ID)]
    country_ids: OneToMany<Country>,
}

/// A language, and where it is spoken
#[derive(Model)]
#[model(table = language)]
pub struct Language {
    id: i32,
    code: String,
    #[model(through(country_language::language_id, country_language::country_id), order = country::name.asc())]
    country_ids: ManyToMany<Country>,
}

/// A time zone
#[derive(Model)]
#[model(table = timezone)]
pub struct Timezone {
    id: i32,
    name: String,
}

/// A country
#[derive(Model)]
#[model(table = country)]
pub struct Country {
    id: i32,
    code: String,
    iso3: String,
    name: String,
    capital: Option<String>,
    area_km2: f64,
    population: i64,
    currency_code: Option<String>,
    phone: Option<String>,
    tld: Option<String>,
    continent_id: Id<Continent>,
    #[model(through(country_neighbour::country_id, country_neighbour::neighbour_id))]
    neighbour_ids: ManyToMany<Country>,
    #[model(through(country_language::country_id, country_language::language_id))]
    language_ids: ManyToMany<Language>,
    #[model(inverse = State::COUNTRY_ID)]
    state_ids: OneToMany<State>,
    #[model(inverse = City::COUNTRY_ID)]
    city_ids: OneToMany<City>,
}

/// A state or province
#[derive(Model)]
#[model(table = state)]
pub struct State {
    id: i32,
    country_id: Id<Country>,
    code: String,
    name: String,
    #[model(inverse = City::STATE_ID)]
    city_ids: OneToMany<City>,
}

/// A city
#[derive(Model)]
#[model(table = city)]
pub struct City {
    id: i32,
    name: String,
    country_id: Id<Country>,
    state_id: Option<Id<State>>,
    timezone_id: Id<Timezone>,
    latitude: f64,
    longitude: f64,
    population: i64,
}

const TABLES: [&str; 8] = [
    "continent",
    "language",
    "timezone",
    "country",
    "country_language",
    "country_neighbour",
    "state",
    "city",
];

/// The data as a SQLite file, or `None` and a message where it is not there: it is not part of this repository.
pub fn database() -> Option<File> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../shared/data/geonames");
    if !folder.is_dir() {
        eprintln!("skipped: no ../../shared/data/geonames beside the tests crate");
        return None;
    }
    Some(load(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())))
}

/// A SQLite file with the tables of the folder's CSV files
fn load(folder: &Path) -> std::result::Result<File, Box<dyn std::error::Error>> {
    let file = File::new(
        std::fs::read_to_string(folder.join("schema_sqlite.sql"))?.trim_end().trim_end_matches(';'),
    );
    let mut connection = file.connect();
    for table in TABLES {
        let mut rows = csv::Reader::from_path(folder.join(format!("{table}.csv")))?;
        let columns = rows.headers()?.iter().collect::<Vec<_>>().join(", ");
        let (mut sql, mut count) = (String::from("BEGIN"), 0);
        for row in csv::Reader::records(&mut rows) {
            if count % 500 == 0 {
                write!(sql, ";\nINSERT INTO {table} ({columns}) VALUES ")?;
            } else {
                sql.push(',');
            }
            count += 1;
            let row = row?;
            let values = row.iter().map(|value| match value {
                "" => "NULL".to_owned(),
                value => format!("'{}'", value.replace('\'', "''")),
            });
            write!(sql, "({})", values.collect::<Vec<_>>().join(","))?;
        }
        connection.batch_execute(&(sql + ";\nCOMMIT"))?;
    }
    Ok(file)
}
