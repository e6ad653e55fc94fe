//! Real data: 170,391 cities with their states, countries and time zones, neighbours and languages of countries.
//! What comes out is what plain SQL gives, at ceil(missing / 1000) SELECTs a level.
//!
//! Skipped, with a message, where the data is not there.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::geonames::{self, *};
use orm_tests::{File, TestDb};

static DATABASE: LazyLock<Option<File>> = LazyLock::new(geonames::database);

/// An environment over the data, and a connection for plain SQL; `None` without the data
fn open() -> Option<(TestDb, SqliteConnection)> {
    let file = DATABASE.as_ref()?;
    let (connection, statements) = file.recorded();
    let env = Environment::builder().connection(connection).build();
    // The recorder needs a file of its own to hold; this one is never used.
    Some((TestDb { env, statements, file: File::new("SELECT 1") }, file.connect()))
}

macro_rules! data {
    () => {
        match open() {
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
fn the_cities_of_one_country_do_not_bring_those_of_all() -> Result<()> {
    let (db, _) = data!();
    let countries = db.all::<Country>()?;
    let first = countries.first().expect("a country");
    let cities = first.city_ids().load()?.len();
    let read = db.stats().model("City").map_or(0, |city| city.records);
    assert!(read <= cities + 32_768, "{read} cities read for {cities}");
    Ok(())
}

#[test]
fn languages_of_five_countries_lead_to_the_cities_of_these_countries() -> Result<()> {
    let (db, mut sql) = data!();
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = BigInt)]
        cities: i64,
        #[diesel(sql_type = BigInt)]
        people: i64,
    }
    let expected: Sum = diesel::sql_query(
        "SELECT count(*) AS cities, sum(population) AS people FROM city WHERE country_id IN (SELECT country_id FROM country_language
         WHERE language_id IN (SELECT language_id FROM country_language GROUP BY language_id HAVING count(*) >= 5))",
    )
    .get_result(&mut sql)?;
    let wide = db.all::<Language>()?.filter(|language| Ok(language.country_ids().len()? >= 5))?;
    let mut seen = std::collections::HashSet::new();
    let mut people = 0;
    for language in &wide {
        for country in &language.country_ids().load()? {
            if seen.insert(country.id()) {
                people += country.city_ids().population()?.iter().sum::<i64>();
            }
        }
    }
    assert_eq!(people, expected.people);
    let read = db.stats().model("City").map_or(0, |city| city.records);
    assert!(read <= expected.cities as usize * 6 / 5, "{read} cities read for {}", expected.cities);
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
