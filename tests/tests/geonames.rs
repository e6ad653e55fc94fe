//! Real data: 170,391 cities with their states, countries and time zones, neighbours and languages of countries.
//! What comes out is what plain SQL gives, at ceil(missing / 1000) SELECTs a level.
//!
//! Skipped, with a message, where the data is not there: it is not part of this repository.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb};

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

#[derive(Model)]
#[model(table = continent)]
struct Continent {
    id: i32,
    code: String,
    name: String,
    #[model(inverse = Country::CONTINENT_ID)]
    country_ids: OneToMany<Country>,
}

#[derive(Model)]
#[model(table = language)]
struct Language {
    id: i32,
    code: String,
    #[model(through(country_language::language_id, country_language::country_id), order = country::name.asc())]
    country_ids: ManyToMany<Country>,
}

#[derive(Model)]
#[model(table = timezone)]
struct Timezone {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(table = country)]
struct Country {
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
}

#[derive(Model)]
#[model(table = state)]
struct State {
    id: i32,
    country_id: Id<Country>,
    code: String,
    name: String,
    #[model(inverse = City::STATE_ID)]
    city_ids: OneToMany<City>,
}

#[derive(Model)]
#[model(table = city)]
struct City {
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

static DATABASE: LazyLock<Option<File>> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../shared/data/geonames");
    if !folder.is_dir() {
        eprintln!("skipped: no ../../shared/data/geonames beside the tests crate");
        return None;
    }
    Some(load(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())))
});

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

/// An environment over the data, and a connection for plain SQL; `None` without the data
fn geonames() -> Option<(TestDb, SqliteConnection)> {
    let file = DATABASE.as_ref()?;
    let (connection, statements) = file.recorded();
    let env = Environment::builder().connection(connection).build();
    // The recorder needs a file of its own to hold; this one is never used.
    Some((TestDb { env, statements, file: File::new("SELECT 1") }, file.connect()))
}

macro_rules! data {
    () => {
        match geonames() {
            Some(data) => data,
            None => return Ok(()),
        }
    };
}

#[derive(QueryableByName)]
struct CityRow {
    #[diesel(sql_type = Text)]
    city: String,
    #[diesel(sql_type = Nullable<Text>)]
    state: Option<String>,
    #[diesel(sql_type = Text)]
    country: String,
    #[diesel(sql_type = Text)]
    timezone: String,
}

#[test]
fn every_city_with_its_state_country_and_time_zone_is_seven_selects() -> Result<()> {
    let (db, mut sql) = data!();
    let rows: Vec<CityRow> = diesel::sql_query(
        "SELECT city.name AS city, state.name AS state, country.name AS country, timezone.name AS timezone FROM city
         LEFT JOIN state ON state.id = city.state_id JOIN country ON country.id = city.country_id
         JOIN timezone ON timezone.id = city.timezone_id ORDER BY city.id",
    )
    .load(&mut sql)?;
    assert_eq!(rows.len(), 170_391);
    let cities = db.assert_queries(1, || city::table.order(city::id).records::<City>(&db))?;
    db.assert_keys(&[1000, 246, 392, 1000, 1000, 774], || {
        for (row, city) in rows.iter().zip(&cities) {
            assert_eq!(city.name()?, row.city);
            assert_eq!(city.state_id().name()?.as_deref(), row.state.as_deref());
            assert_eq!(city.country_id().name()?, row.country);
            assert_eq!(city.timezone_id().name()?, row.timezone);
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(cities.len(), rows.len());
    Ok(())
}

#[test]
fn by_keys_a_thousand_cities_at_a_time() -> Result<()> {
    let (db, mut sql) = data!();
    let query = city::table.filter(city::population.gt(100_000)).order(city::name);
    let expected: Vec<(i32, String)> = query.select((city::id, city::name)).load(&mut sql)?;
    let cities = query.record_ids::<City>(&db)?;
    let (result, statements) = db.watch(|| {
        for ((id, name), city) in expected.iter().zip(&cities) {
            assert_eq!((city.id(), &*city.name()?), (*id, &**name));
            city.country_id().name()?;
        }
        Ok::<_, Error>(())
    });
    result?;
    let windows = expected.len().div_ceil(1000);
    let of = |table: &str| statements.iter().filter(|statement| statement.table() == table).count();
    assert_eq!(of("city"), windows);
    assert!(of("country") <= windows, "{}", of("country"));
    Ok(())
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Integer)]
    of: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names in the order of the rows, by whose they are
fn by_owner(pairs: Vec<Pair>) -> std::collections::HashMap<i32, Vec<String>> {
    let mut all = std::collections::HashMap::<_, Vec<_>>::new();
    pairs.into_iter().for_each(|pair| all.entry(pair.of).or_default().push(pair.name));
    all
}

#[test]
fn neighbours_are_one_select_and_so_are_the_neighbours_of_neighbours() -> Result<()> {
    let (db, mut sql) = data!();
    let expected = by_owner(
        diesel::sql_query(
            "SELECT country_id AS of, country.name AS name FROM country_neighbour
             JOIN country ON country.id = neighbour_id ORDER BY country_id, country.id",
        )
        .load(&mut sql)?,
    );
    let countries = db.all::<Country>()?;
    db.assert_queries(1, || {
        for country in &countries {
            let names = expected.get(&country.id()).cloned().unwrap_or_default();
            assert_eq!(country.neighbour_ids().name()?, names);
            // Over two borders, each country once.
            let far = country.neighbour_ids().neighbour_ids().name()?;
            let neighbours = country.neighbour_ids().ids()?;
            let mut expected: Vec<_> =
                neighbours.iter().filter_map(|id| expected.get(id)).flatten().collect();
            let mut seen = std::collections::HashSet::new();
            expected.retain(|name| seen.insert(*name));
            assert_eq!(far, expected.into_iter().cloned().collect::<Vec<_>>());
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn languages_from_both_sides() -> Result<()> {
    let (db, mut sql) = data!();
    let of_countries = by_owner(
        diesel::sql_query(
            "SELECT country_id AS of, language.code AS name FROM country_language
             JOIN language ON language.id = language_id ORDER BY country_id, language.id",
        )
        .load(&mut sql)?,
    );
    let of_languages = by_owner(
        diesel::sql_query(
            "SELECT language_id AS of, country.name AS name FROM country_language
             JOIN country ON country.id = country_id ORDER BY language_id, country.name, country.id",
        )
        .load(&mut sql)?,
    );
    let countries = db.assert_queries(1, || db.all::<Country>())?;
    db.assert_queries(1, || {
        countries.iter().try_for_each(|country| {
            assert_eq!(
                country.language_ids().code()?,
                of_countries.get(&country.id()).cloned().unwrap_or_default()
            );
            Ok::<_, Error>(())
        })
    })?;
    let languages = db.assert_queries(1, || db.all::<Language>())?;
    db.assert_queries(1, || {
        languages.iter().try_for_each(|language| {
            assert_eq!(
                language.country_ids().name()?,
                of_languages.get(&language.id()).cloned().unwrap_or_default()
            );
            Ok::<_, Error>(())
        })
    })
}

#[test]
fn from_continents_down_to_cities() -> Result<()> {
    let (db, mut sql) = data!();
    let states: i64 = state::table.count().get_result(&mut sql)?;
    let in_states: i64 = city::table.filter(city::state_id.is_not_null()).count().get_result(&mut sql)?;
    let continents = db.all::<Continent>()?;
    let (result, statements) = db.watch(|| {
        let (mut cities, mut people) = (0, 0);
        for continent in &continents {
            for country in &continent.country_ids().load()? {
                for state in &country.state_ids().load()? {
                    assert_eq!(state.country_id().code()?, country.code()?);
                    cities += state.city_ids().len()?;
                    people += country.population()?.min(1);
                }
            }
        }
        Ok::<_, Error>((cities, people))
    });
    assert_eq!(result?.0 as i64, in_states);
    // Countries, states, and the cities counted: a thousand states at a time.
    assert_eq!(statements.len(), 1 + 1 + (states as usize).div_ceil(1000), "{statements:#?}");
    Ok(())
}

#[test]
fn sums_by_group_are_those_of_sql() -> Result<()> {
    let (db, mut sql) = data!();
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        total: i64,
    }
    let expected: Vec<Sum> = diesel::sql_query(
        "SELECT continent.name AS name, sum(city.population) AS total FROM city JOIN country ON country.id = city.country_id
         JOIN continent ON continent.id = country.continent_id WHERE city.population > 50000 GROUP BY continent.id ORDER BY continent.name",
    )
    .load(&mut sql)?;
    let cities =
        db.assert_queries(1, || city::table.filter(city::population.gt(50_000)).records::<City>(&db))?;
    let groups = db.assert_queries(2, || cities.group_by(|city| city.country_id().continent_id().name()))?;
    let mut sums = groups
        .iter()
        .map(|(name, cities)| Ok((name.to_string(), cities.population()?.iter().sum())))
        .collect::<Result<Vec<(String, i64)>>>()?;
    sums.sort();
    assert_eq!(sums, expected.into_iter().map(|sum| (sum.name, sum.total)).collect::<Vec<_>>());
    Ok(())
}
