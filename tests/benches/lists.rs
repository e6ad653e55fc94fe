//! Long lists of real data: the cities of the countries where a language is spoken that five countries or more speak.
//!
//! Run with: cargo bench -p orm-tests --bench lists (with the data of `shared/data/geonames` beside the project)
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_tests::geonames::{self, *};
use orm_tests::harness::{head, report, side_by_side, timed};

#[derive(Queryable, Selectable)]
#[diesel(table_name = city)]
#[allow(dead_code)]
struct CityRow {
    id: i32,
    name: String,
    country_id: i32,
    state_id: Option<i32>,
    timezone_id: i32,
    latitude: f64,
    longitude: f64,
    population: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = language)]
#[allow(dead_code)]
struct LanguageRow {
    id: i32,
    code: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = country)]
#[allow(dead_code)]
struct CountryRow {
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
    continent_id: i32,
}

/// The languages, who speaks which of them, these countries, their cities: four SELECTs
fn by_hand(connection: &mut SqliteConnection) -> QueryResult<i64> {
    let languages: Vec<LanguageRow> =
        language::table.order(language::id).select(LanguageRow::as_select()).load(connection)?;
    let spoken: Vec<(i32, i32)> = country_language::table
        .select((country_language::language_id, country_language::country_id))
        .load(connection)?;
    let mut by_language: HashMap<i32, Vec<i32>> = HashMap::new();
    spoken.into_iter().for_each(|(language, country)| by_language.entry(language).or_default().push(country));
    let wide: Vec<&Vec<i32>> = languages
        .iter()
        .filter_map(|language| by_language.get(&language.id))
        .filter(|countries| countries.len() >= 5)
        .collect();
    let ids: HashSet<i32> = wide.iter().flat_map(|countries| countries.iter().copied()).collect();
    let countries: HashMap<i32, CountryRow> = country::table
        .filter(country::id.eq_any(&ids))
        .select(CountryRow::as_select())
        .load::<CountryRow>(connection)?
        .into_iter()
        .map(|country| (country.id, country))
        .collect();
    let mut cities: HashMap<i32, Vec<CityRow>> = HashMap::new();
    for city in city::table
        .filter(city::country_id.eq_any(&ids))
        .select(CityRow::as_select())
        .load::<CityRow>(connection)?
    {
        cities.entry(city.country_id).or_default().push(city);
    }
    let mut people = 0;
    for country in wide.into_iter().flatten() {
        people += countries[country].population;
        people += cities.get(country).map_or(0, |cities| cities.iter().map(|city| city.population).sum());
    }
    Ok(people)
}

fn ours(env: &Environment<SqliteConnection>) -> orm_core::Result<i64> {
    let wide = env.all::<Language>()?.filter(|language| Ok(language.country_ids().len()? >= 5))?;
    let mut people = 0;
    for language in &wide {
        for country in &language.country_ids().load()? {
            people += country.population()?;
            for city in &country.city_ids().load()? {
                people += city.population()?;
            }
        }
    }
    Ok(people)
}

fn main() {
    let Some(file) = geonames::database() else { return };
    let path = file.url();
    let expected = by_hand(&mut SqliteConnection::establish(&path).expect("database")).expect("rows");
    head();
    let measured = side_by_side(
        21,
        || {
            let env = Environment::connect(&path).expect("database");
            timed(|| assert_eq!(ours(&env).expect("walk"), expected))
        },
        || {
            let mut connection = SqliteConnection::establish(&path).expect("database");
            timed(|| assert_eq!(by_hand(&mut connection).expect("rows"), expected))
        },
    );
    report("languages of 5 countries → 64,854 cities", measured, 1.2);
}
