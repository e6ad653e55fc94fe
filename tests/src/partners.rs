//! The models of most tests and benches: partners of ten columns, their countries, continents and tags.

use diesel::prelude::*;
use orm_core::prelude::*;

/// The tables
pub mod schema {
    #![allow(missing_docs)]
    diesel::table! {
        continents { id -> Integer, name -> Text }
    }
    diesel::table! {
        countries { id -> Integer, name -> Text, code -> Text, continent_id -> Nullable<Integer> }
    }
    diesel::table! {
        partners {
            id -> Integer,
            name -> Text,
            lang -> Nullable<Text>,
            email -> Text,
            phone -> Text,
            city -> Text,
            active -> Bool,
            credit -> Double,
            country_id -> Nullable<Integer>,
            parent_id -> Nullable<Integer>,
            notes -> Nullable<Text>,
        }
    }
    diesel::table! {
        tags { id -> Integer, name -> Text }
    }
    diesel::table! {
        partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer }
    }
    diesel::joinable!(partners -> countries (country_id));
    diesel::allow_tables_to_appear_in_same_query!(partners, countries);
}
pub use schema::*;

/// The tables' SQL, for SQLite
pub const SCHEMA: &str = "
    CREATE TABLE continents (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
    CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL, continent_id INTEGER);
    CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, lang TEXT, email TEXT NOT NULL,
        phone TEXT NOT NULL, city TEXT NOT NULL, active BOOLEAN NOT NULL, credit DOUBLE NOT NULL,
        country_id INTEGER, parent_id INTEGER, notes TEXT);
    CREATE INDEX partners_country ON partners (country_id);
    CREATE INDEX partners_parent ON partners (parent_id);
    CREATE TABLE tags (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
    CREATE TABLE partner_tags (partner_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (partner_id, tag_id));
";

/// A continent
#[derive(Model)]
#[model(table = continents)]
pub struct Continent {
    id: i32,
    name: String,
    #[model(inverse = Country::CONTINENT_ID)]
    country_ids: OneToMany<Country>,
}

/// A country
#[derive(Model)]
#[model(table = countries)]
pub struct Country {
    id: i32,
    name: String,
    code: String,
    continent_id: Option<Id<Continent>>,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

/// A partner: ten columns that come together, and one that is deferred
#[derive(Model)]
#[model(table = partners)]
pub struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    email: String,
    phone: String,
    city: String,
    active: bool,
    credit: f64,
    country_id: Option<Id<Country>>,
    parent_id: Option<Id<Partner>>,
    #[model(inverse = Partner::PARENT_ID, order = partners::name.asc())]
    child_ids: OneToMany<Partner>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    #[model(deferred)]
    notes: Option<String>,
}

/// A tag
#[derive(Model)]
#[model(table = tags)]
pub struct Tag {
    id: i32,
    name: String,
    #[model(through(partner_tags::tag_id, partner_tags::partner_id))]
    partner_ids: ManyToMany<Partner>,
}

/// The numbers from 1 to `n`, as something to select `value` from
pub fn series(n: usize) -> String {
    format!(
        "(WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < {n}) SELECT value FROM s)"
    )
}

/// Makes the tables and fills them by SQL: `partners` partners over `countries` countries (one in twenty has none),
/// the countries over five continents.
///
/// # Errors
///
/// Those of the database.
#[cfg(feature = "sqlite")]
pub fn fill(connection: &mut SqliteConnection, partners: usize, countries: usize) -> QueryResult<()> {
    use diesel::connection::SimpleConnection;
    connection.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    connection.batch_execute(&sql(partners, countries))
}

/// SQLite's SQL for that
pub fn sql(partners: usize, countries: usize) -> String {
    format!(
        "BEGIN; {SCHEMA}
         INSERT INTO continents SELECT value, 'Continent ' || value FROM {five};
         INSERT INTO countries SELECT value, 'Country number ' || value, printf('%02X', value), 1 + value % 5
             FROM {all_countries};
         INSERT INTO tags SELECT value, 'Tag ' || value FROM {ten};
         INSERT INTO partners SELECT value, 'Partner number ' || value, CASE WHEN value % 3 <> 0 THEN 'en_US' END,
             'partner' || value || '@example.com', '+32 2 290 34 ' || (value % 100), 'City ' || (value % 500),
             value % 7 > 0, value * 1.25, CASE WHEN value % 20 <> 0 THEN 1 + (value * 7919) % {countries} END,
             CASE WHEN value > 10 THEN 1 + value % 10 END, 'Notes of ' || value
             FROM {all_partners};
         INSERT INTO partner_tags SELECT id, 1 + id % 10 FROM partners UNION SELECT id, 1 + (id * 3) % 10 FROM partners;
         COMMIT;",
        five = series(5),
        ten = series(10),
        all_countries = series(countries),
        all_partners = series(partners),
    )
}
