//! The tables that the writing job writes, and the statements that it sends

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

pub mod schema {
    diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
    diesel::table! {
        partners {
            id -> Integer,
            name -> Text,
            lang -> Nullable<Text>,
            credit -> Double,
            active -> Bool,
            country_id -> Nullable<Integer>,
            parent_id -> Nullable<Integer>,
        }
    }
    diesel::table! { tags (code) { code -> Text, name -> Text } }
    diesel::table! { partner_tags (partner_id, tag_code) { partner_id -> Integer, tag_code -> Text } }
    diesel::table! { accounts { id -> BigInt, amount -> Integer, version -> Integer } }
    diesel::joinable!(partners -> countries (country_id));
    diesel::allow_tables_to_appear_in_same_query!(partners, countries);
}
use schema::{accounts, countries, partner_tags, partners, tags};

#[derive(Model)]
#[model(table = countries, connection = Db)]
pub struct Country {
    id: i32,
    name: String,
    code: String,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = partners, connection = Db)]
pub struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    credit: f64,
    active: bool,
    country_id: Option<Id<Country>>,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Partner::PARENT_ID)]
    child_ids: OneToMany<Self>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_code))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
#[model(table = tags, connection = Db)]
pub struct Tag {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(through(partner_tags::tag_code, partner_tags::partner_id))]
    partner_ids: ManyToMany<Partner>,
}

#[derive(Model)]
#[model(table = accounts, connection = Db)]
pub struct Account {
    id: i64,
    amount: i32,
    #[model(version)]
    version: i32,
}

/// SQL that both servers take, but for the type of a key that the database gives
const TABLES: &str = "
    CREATE TABLE countries (id SERIAL_KEY, name VARCHAR(100) NOT NULL, code VARCHAR(10) NOT NULL UNIQUE,
        CONSTRAINT code_is_known CHECK (code <> 'XX'));
    CREATE TABLE partners (id SERIAL_KEY, name VARCHAR(200) NOT NULL, lang VARCHAR(10) DEFAULT 'en',
        credit DOUBLE PRECISION NOT NULL DEFAULT 10, active BOOLEAN NOT NULL DEFAULT TRUE, country_id INTEGER,
        parent_id INTEGER,
        FOREIGN KEY (country_id) REFERENCES countries (id) ON DELETE CASCADE,
        FOREIGN KEY (parent_id) REFERENCES partners (id) ON DELETE SET NULL);
    CREATE TABLE tags (code VARCHAR(50) NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE partner_tags (partner_id INTEGER NOT NULL, tag_code VARCHAR(50) NOT NULL,
        PRIMARY KEY (partner_id, tag_code), FOREIGN KEY (partner_id) REFERENCES partners (id) ON DELETE CASCADE);
    CREATE TABLE accounts (id BIGINT NOT NULL PRIMARY KEY, amount INTEGER NOT NULL, version INTEGER NOT NULL);
";

/// What a connection was sent: the statements, without those that begin and end transactions
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn of(connection: &mut Db) -> Self {
        let log = Self::default();
        let sent = log.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let sql = query.to_string().replace(['`', '"'], "");
                let sql = sql.split(" -- binds").next().unwrap_or_default().to_owned();
                let control = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
                if !control.iter().any(|word| sql.starts_with(word)) {
                    sent.0.lock().unwrap_or_else(PoisonError::into_inner).push(sql);
                }
            }
        });
        log
    }

    /// The statements since the last call
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How they begin
    pub fn begin(&self) -> Vec<String> {
        let first = |sql: &String| sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        self.take().iter().map(first).collect()
    }
}

pub type Shop = (Place<Db>, Environment<Db>, Log);

/// A place with the tables, a country, and an environment that tells what it sends; `None` where no server answers
pub fn open() -> Outcome<Option<Shop>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(&TABLES.replace("SERIAL_KEY", super::SERIAL_KEY))?;
    diesel::insert_into(countries::table)
        .values((countries::name.eq("Belgium"), countries::code.eq("BE")))
        .execute(&mut connection)?;
    let log = Log::of(&mut connection);
    let env = Environment::builder().connection(connection).build();
    log.take();
    Ok(Some((place, env, log)))
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// What SQL that selects a `number` finds, beside any cache
pub fn number(connection: &mut Db, sql: &str) -> Outcome<i64> {
    Ok(diesel::sql_query(sql).get_result::<Number>(connection)?.number)
}
