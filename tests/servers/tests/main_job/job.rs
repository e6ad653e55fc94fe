//! The main job, on the connection that `super::Db` is: derive, search, loop, links, keys, faults

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::BigInt;
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place, Places};

mod schema {
    diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
    diesel::table! { companies { id -> BigInt, name -> Text } }
    diesel::table! { languages (code) { code -> Text, name -> Text } }
    diesel::table! {
        partners {
            id -> Integer,
            name -> Text,
            active -> Bool,
            credit -> Double,
            country_id -> Nullable<Integer>,
            company_id -> BigInt,
            language -> Nullable<Text>,
            notes -> Nullable<Text>,
        }
    }
    diesel::table! { tags { id -> Integer, name -> Text } }
    diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
    diesel::joinable!(partners -> countries (country_id));
    diesel::joinable!(partners -> companies (company_id));
    diesel::allow_tables_to_appear_in_same_query!(partners, countries, companies);
    // The schema of PostgreSQL, or the database of MySQL, that `Place::named` makes
    diesel::table! { orm_core_named.things { id -> Integer, name -> Text, next_id -> Nullable<Integer> } }
    diesel::table! { orm_core_named.pairs (left_id, right_id) { left_id -> Integer, right_id -> Integer } }
}
use schema::{companies, countries, languages, pairs, partner_tags, partners, tags, things};

#[derive(Model)]
#[model(table = countries, connection = Db)]
pub struct Country {
    id: i32,
    name: String,
    code: String,
    #[model(inverse = Partner::COUNTRY_ID, order = partners::name.desc())]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = companies, connection = Db)]
pub struct Company {
    id: i64,
    name: String,
    #[model(inverse = Partner::COMPANY_ID)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = languages, connection = Db)]
pub struct Language {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Partner::LANG)]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = partners, connection = Db)]
pub struct Partner {
    id: i32,
    name: String,
    active: bool,
    credit: f64,
    country_id: Option<Id<Country>>,
    company_id: Id<Company>,
    #[model(column = language)]
    lang: Option<Id<Language>>,
    #[model(deferred)]
    notes: Option<String>,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
#[model(table = tags, connection = Db)]
pub struct Tag {
    id: i32,
    name: String,
    #[model(through(partner_tags::tag_id, partner_tags::partner_id))]
    partner_ids: ManyToMany<Partner>,
}

#[derive(Model)]
#[model(table = things, connection = Db)]
pub struct Thing {
    id: i32,
    name: String,
    next_id: Option<Id<Self>>,
    #[model(inverse = Thing::NEXT_ID)]
    previous_ids: OneToMany<Self>,
    #[model(through(pairs::left_id, pairs::right_id))]
    right_ids: ManyToMany<Self>,
}

/// SQL that both servers take
const TABLES: &str = "
    CREATE TABLE countries (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, code VARCHAR(2) NOT NULL);
    CREATE TABLE companies (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE languages (code VARCHAR(50) NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE partners (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, active BOOLEAN NOT NULL,
        credit DOUBLE PRECISION NOT NULL, country_id INTEGER, company_id BIGINT NOT NULL, language VARCHAR(50), notes TEXT);
    CREATE TABLE tags (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE partner_tags (partner_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (partner_id, tag_id));
";

const COUNTRIES: i32 = 40;
/// Beyond what 32 bits hold
const COMPANY: i64 = 5_000_000_000;
const LANGUAGES: [(&str, &str); 4] = [
    ("en_US", "English"),
    ("fr_BE", "Français (Belgique)"),
    ("日本", "日本語"),
    ("it's \"quoted\" \\ {a,b}", "Odd"),
];

fn country_of(partner: i32) -> Option<i32> {
    (partner % 20 != 0).then_some(1 + (partner * 7) % COUNTRIES)
}

fn company_of(partner: i32) -> i64 {
    COMPANY + i64::from(partner % 5)
}

fn language_of(partner: i32) -> Option<(&'static str, &'static str)> {
    LANGUAGES.get(partner as usize % 5).copied()
}

fn tags_of(partner: i32) -> Vec<i32> {
    let mut tags = vec![1 + partner % 10, 1 + (partner * 3) % 10];
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn name_of(partner: i32) -> String {
    format!("Partner {partner:05}")
}

/// A place with so many partners; `None` where the server does not answer
fn filled(count: i32) -> Outcome<Option<Place<Db>>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(TABLES)?;
    let rows: Vec<_> = (1..=COUNTRIES)
        .map(|id| {
            (
                countries::id.eq(id),
                countries::name.eq(format!("Country {id}")),
                countries::code.eq(format!("{id:02}")),
            )
        })
        .collect();
    diesel::insert_into(countries::table).values(&rows).execute(&mut connection)?;
    let rows: Vec<_> =
        (0..5).map(|n| (companies::id.eq(COMPANY + n), companies::name.eq(format!("Company {n}")))).collect();
    diesel::insert_into(companies::table).values(&rows).execute(&mut connection)?;
    let rows = LANGUAGES.map(|(code, name)| (languages::code.eq(code), languages::name.eq(name)));
    diesel::insert_into(languages::table).values(&rows[..]).execute(&mut connection)?;
    let rows: Vec<_> = (1..=10).map(|id| (tags::id.eq(id), tags::name.eq(format!("Tag {id}")))).collect();
    diesel::insert_into(tags::table).values(&rows).execute(&mut connection)?;
    let ids: Vec<i32> = (1..=count).collect();
    for ids in ids.chunks(1000) {
        let rows: Vec<_> = ids
            .iter()
            .map(|&id| {
                (
                    partners::id.eq(id),
                    partners::name.eq(name_of(id)),
                    partners::active.eq(id % 7 > 0),
                    partners::credit.eq(f64::from(id) * 1.25),
                    partners::country_id.eq(country_of(id)),
                    partners::company_id.eq(company_of(id)),
                    partners::language.eq(language_of(id).map(|(code, _)| code)),
                    partners::notes.eq((id % 3 > 0).then(|| format!("Notes of {id}"))),
                )
            })
            .collect();
        diesel::insert_into(partners::table).values(&rows).execute(&mut connection)?;
        let pairs: Vec<_> = ids
            .iter()
            .flat_map(|&id| tags_of(id).into_iter().map(move |tag| (id, tag)))
            .map(|(partner, tag)| (partner_tags::partner_id.eq(partner), partner_tags::tag_id.eq(tag)))
            .collect();
        diesel::insert_into(partner_tags::table).values(&pairs).execute(&mut connection)?;
    }
    Ok(Some(place))
}

#[test]
fn the_seeds_loop_is_two_queries() -> Outcome {
    let Some(place) = filled(1000)? else { return Ok(()) };
    let mut connection = place.connect()?;
    // What diesel sends, counted apart from what the environment says
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let env = Environment::builder().connection(connection).build();
    sent.store(0, Ordering::Relaxed);
    let partners: RecordSet<Partner> = partners::table.order(partners::id).records(&env)?;
    assert_eq!(partners.len(), 1000);
    for (partner, id) in partners.iter().zip(1..) {
        assert_eq!(partner.id(), id);
        assert_eq!(partner.name()?, name_of(id));
        assert_eq!(partner.active()?, id % 7 > 0);
        assert_eq!(partner.credit()?, f64::from(id) * 1.25);
        let country = country_of(id);
        assert_eq!(
            partner.country_id().name()?,
            country.map(|country| Str::from(format!("Country {country}")))
        );
        assert_eq!(partner.country_id().code()?, country.map(|country| Str::from(format!("{country:02}"))));
    }
    assert_eq!(env.stats().queries, 2);
    assert_eq!(sent.load(Ordering::Relaxed), 2);
    // Again from the cache
    assert_eq!(partners.country_id().name()?.len(), COUNTRIES as usize - 2);
    assert_eq!(env.stats().queries, 2);
    Ok(())
}

#[test]
fn links_of_all_kinds_of_keys() -> Outcome {
    let Some(place) = filled(200)? else { return Ok(()) };
    let env = place.environment()?;
    let partners = env.all::<Partner>()?;
    for (partner, id) in partners.iter().zip(1..) {
        // The keys came with the partners.
        assert_eq!(partner.country_id().id()?, country_of(id));
        assert_eq!(partner.company_id().id()?, company_of(id));
        assert_eq!(partner.lang().code()?, language_of(id).map(|(code, _)| Str::from(code)));
    }
    assert_eq!(env.stats().queries, 1);
    for (partner, id) in partners.iter().zip(1..) {
        assert_eq!(partner.company_id().name()?, format!("Company {}", id % 5));
        assert_eq!(partner.lang().name()?, language_of(id).map(|(_, name)| Str::from(name)));
    }
    assert_eq!(env.stats().queries, 3);
    assert!(
        partners.get(19).is_some_and(|partner| partner.country_id().load().is_ok_and(|none| none.is_none()))
    );
    let snapshot = partners.first().map(|partner| partner.to_model()).transpose()?;
    let snapshot = snapshot.ok_or("there is a first partner")?;
    // The deferred notes were one more.
    assert_eq!(env.stats().queries, 4);
    assert_eq!((snapshot.id, snapshot.company_id.key()), (1, &(COMPANY + 1)));
    assert_eq!(snapshot.lang.map(|lang| lang.into_key()), Some(Str::from("fr_BE")));
    assert_eq!(snapshot.notes.as_deref(), Some("Notes of 1"));
    Ok(())
}

#[test]
fn to_many_links_are_one_query_each() -> Outcome {
    let Some(place) = filled(400)? else { return Ok(()) };
    let env = place.environment()?;
    let countries = env.all::<Country>()?;
    assert_eq!(env.stats().queries, 1);
    for (country, id) in countries.iter().zip(1..) {
        let expected: Vec<String> =
            (1..=400).rev().filter(|&partner| country_of(partner) == Some(id)).map(name_of).collect();
        assert_eq!(country.partner_ids().name()?, expected);
    }
    assert_eq!(env.stats().queries, 2);
    for country in &countries {
        for partner in &country.partner_ids().load()? {
            assert_eq!(partner.tag_ids().load()?.ids(), tags_of(partner.id()));
            assert!(partner.tag_ids().name()?.iter().all(|name| name.starts_with("Tag ")));
        }
    }
    assert_eq!(env.stats().queries, 3);
    // The other way, and by keys of other types
    let tags = env.all::<Tag>()?;
    let of_each: Vec<usize> = tags.map(|tag| Ok(tag.partner_ids().load()?.len()))?;
    assert_eq!(of_each.iter().sum::<usize>(), (1..=400).map(|id| tags_of(id).len()).sum::<usize>());
    assert_eq!(env.stats().queries, 5);
    let companies = env.all::<Company>()?;
    for company in &companies {
        assert_eq!(company.partner_ids().load()?.len(), 80);
    }
    assert_eq!(env.stats().queries, 7);
    let languages = env.all::<Language>()?;
    for language in &languages {
        assert_eq!(language.partner_ids().load()?.len(), 80);
    }
    assert_eq!(env.stats().queries, 9);
    Ok(())
}

#[test]
fn keys_first_then_batches_of_a_thousand() -> Outcome {
    let Some(place) = filled(2500)? else { return Ok(()) };
    let env = place.environment()?;
    let partners: RecordSet<Partner> = partners::table.order(partners::id.desc()).record_ids(&env)?;
    assert_eq!((partners.len(), env.stats().queries), (2500, 1));
    for (partner, id) in partners.iter().zip((1..=2500).rev()) {
        assert_eq!(partner.name()?, name_of(id));
    }
    assert_eq!(env.stats().queries, 1 + 3);
    for (partner, id) in partners.iter().zip((1..=2500).rev()) {
        assert_eq!(partner.notes()?, (id % 3 > 0).then(|| Str::from(format!("Notes of {id}"))));
    }
    assert_eq!(env.stats().queries, 1 + 3 + 3);
    // The largest batch there can be
    let env = Environment::builder().connection(place.connect()?).prefetch_limit(usize::MAX).build();
    let partners = env.browse::<Partner>(1..=20_000);
    assert_eq!(partners.get(2499).map(|partner| partner.name()).transpose()?, Some(Str::from(name_of(2500))));
    assert_eq!(env.stats().queries, 1);
    Ok(())
}

#[test]
fn any_query_of_diesels() -> Outcome {
    let Some(place) = filled(100)? else { return Ok(()) };
    let env = place.environment()?;
    let ids = |found: RecordSet<'_, Partner>| found.ids();
    let few = partners::table
        .filter(partners::id.gt(90))
        .filter(partners::active.eq(true))
        .order(partners::name.desc());
    assert_eq!(ids(few.limit(3).offset(1).records(&env)?), [99, 97, 96]);
    let joined = partners::table.inner_join(countries::table).filter(countries::name.eq("Country 8"));
    assert_eq!(ids(joined.order(partners::id).records(&env)?), [1, 41, 81]);
    let joined = partners::table.left_join(countries::table).filter(countries::id.nullable().is_null());
    assert_eq!(ids(joined.order(partners::id).records(&env)?), [20, 40, 60, 80, 100]);
    let named = countries::table.filter(countries::code.eq("08")).select(countries::id.nullable());
    let inner = partners::table.filter(partners::country_id.eq_any(named)).order(partners::id);
    assert_eq!(ids(inner.records(&env)?), [1, 41, 81]);
    let boxed =
        partners::table.into_boxed().filter(partners::company_id.eq(COMPANY)).order(partners::id).limit(2);
    assert_eq!(ids(boxed.records(&env)?), [5, 10]);
    let linked: RecordSet<Country> =
        countries::table.inner_join(partners::table).distinct().order(countries::id).records(&env)?;
    assert_eq!(linked.len(), COUNTRIES as usize - 2);
    let first: Option<Record<Partner>> =
        partners::table.filter(partners::id.gt(50)).order(partners::id).first_record(&env)?;
    assert_eq!(first.map(|partner| partner.id()), Some(51));
    let none: Option<Record<Partner>> = partners::table.filter(partners::id.lt(0)).first_record(&env)?;
    assert!(none.is_none());
    let none: RecordSet<Partner> = partners::table.filter(partners::id.lt(0)).records(&env)?;
    assert!(none.is_empty() && none.country_id().name()?.is_empty());
    assert_eq!(env.stats().queries, 9);
    Ok(())
}

#[test]
fn one_record_by_a_condition_or_a_key() -> Outcome {
    let Some(place) = filled(100)? else { return Ok(()) };
    let env = place.environment()?;
    let found = env.find::<Partner>(partners::id.gt(50).and(partners::id.lt(52)))?;
    let found = found.ok_or("there is one")?;
    assert_eq!((found.id(), found.name()?.as_str()), (51, name_of(51).as_str()));
    assert!(env.find::<Partner>(partners::name.eq("nobody"))?.is_none());
    assert_eq!(env.one::<Language>(languages::code.eq("fr_BE"))?.id(), "fr_BE");
    assert!(matches!(env.one::<Partner>(partners::id.gt(50)), Err(Error::NotOne { count: 2, .. })));
    assert_eq!(env.stats().queries, 4);
    assert_eq!(env.get::<Partner>(51)?, Some(found));
    assert_eq!(env.stats().queries, 4);
    assert_eq!(env.get::<Language>("fr_BE")?.map(|language| language.id()), Some("fr_BE".into()));
    assert!(env.get::<Company>(COMPANY - 1)?.is_none() && env.get::<Company>(COMPANY)?.is_some());
    assert_eq!(env.stats().queries, 6);
    Ok(())
}

#[test]
fn keys_of_text_and_of_64_bits() -> Outcome {
    let Some(place) = filled(10)? else { return Ok(()) };
    let env = place.environment()?;
    let languages = env.browse::<Language>(LANGUAGES.map(|(code, _)| code));
    assert_eq!(languages.name()?, LANGUAGES.map(|(_, name)| name));
    assert_eq!(env.stats().queries, 1);
    let french: Option<Record<Language>> = languages::table.find("fr_BE").first_record(&env)?;
    assert_eq!(french, Some(env.record::<Language>("fr_BE")));
    let companies = env.browse::<Company>([COMPANY + 2, COMPANY]);
    assert_eq!(companies.name()?, ["Company 2", "Company 0"]);
    assert_eq!(env.stats().queries, 3);
    assert!(matches!(
        env.record::<Language>("xx").name(),
        Err(Error::MissingRecord { model: "Language", id }) if id == "xx"
    ));
    assert!(matches!(
        env.record::<Company>(COMPANY + 77).name(),
        Err(Error::MissingRecord { model: "Company", id }) if id == "5000000077"
    ));
    Ok(())
}

#[test]
fn batches_of_any_number_of_rows() -> Outcome {
    let Some(place) = filled(1000)? else { return Ok(()) };
    let env = place.environment()?;
    let query = partners::table.inner_join(companies::table).filter(partners::id.gt(10));
    let mut ids = Vec::new();
    env.in_batches_by_key(query, 300, |batch: RecordSet<Partner>| {
        assert!(env.stats().records <= 300 + 5);
        batch.company_id().name()?;
        ids.extend(batch.ids());
        Ok(())
    })?;
    assert_eq!(ids, (11..=1000).collect::<Vec<_>>());
    assert_eq!(env.stats().queries, 4 * 2);
    ids.clear();
    env.in_batches(query.order(partners::id.desc()), 300, |batch: RecordSet<Partner>| {
        batch.company_id().name()?;
        ids.extend(batch.ids());
        Ok(())
    })?;
    assert_eq!(ids, (11..=1000).rev().collect::<Vec<_>>());
    assert_eq!(env.stats().queries, 4 * 2 + 1 + 4 * 2);
    let refused = env.in_batches_by_key(query.limit(10).offset(5), 3, |_: RecordSet<Partner>| Ok(()));
    assert!(refused.is_err(), "its limit and offset would be lost");
    let locked = env.in_batches_by_key(partners::table.for_update(), 3, |_: RecordSet<Partner>| Ok(()));
    assert!(locked.is_err(), "its lock would not be behind our order and limit");
    assert_eq!(env.stats().queries, 4 * 2 + 1 + 4 * 2);
    Ok(())
}

#[test]
fn batches_by_keys_of_text_go_by_the_columns_collation() -> Outcome {
    let Some(place) = filled(1)? else { return Ok(()) };
    let mut other = place.connect()?;
    let words = ["zebra", "Zoo", "apple", "Ape", "B", "c", "éclair", "", "a b", "ab"];
    let rows = words.map(|word| (languages::code.eq(word), languages::name.eq(word)));
    diesel::insert_into(languages::table).values(&rows[..]).execute(&mut other)?;
    let expected: Vec<String> =
        languages::table.select(languages::code).order(languages::code).load(&mut other)?;
    assert_eq!(expected.len(), words.len() + LANGUAGES.len());
    let env = place.environment()?;
    for size in [1, 2, 3, 5, 14, 15] {
        let mut seen = Vec::new();
        let before = env.stats().queries;
        env.in_batches_by_key(languages::table, size, |batch: RecordSet<Language>| {
            seen.extend(batch.ids().iter().map(ToString::to_string));
            Ok(())
        })?;
        assert_eq!(seen, expected, "{size} a batch");
        assert_eq!(env.stats().queries - before, expected.len() / size + 1);
    }
    Ok(())
}

#[test]
fn a_missing_row_is_an_error_that_names_it() -> Outcome {
    let Some(place) = filled(10)? else { return Ok(()) };
    let env = place.environment()?;
    let error = env.record::<Partner>(77).name().err().ok_or("77 is missing")?;
    assert!(matches!(&error, Error::MissingRecord { model: "Partner", id } if id == "77"), "{error:?}");
    assert!(error.to_string().contains("Partner") && error.to_string().contains("77"), "{error}");
    assert_eq!(env.stats().queries, 1);
    assert!(env.record::<Partner>(77).name().is_err());
    assert_eq!(env.stats().queries, 1, "that it is missing is known");
    // Those beside it are there, and a link may point at a row that is gone.
    let some = env.browse::<Partner>([1, 77, 2]);
    assert_eq!(some.get(0).map(|partner| partner.name()).transpose()?, Some(Str::from(name_of(1))));
    assert!(some.name().is_err_and(|error| error.is_missing_record()));
    let mut other = place.connect()?;
    diesel::delete(countries::table.find(country_of(1).ok_or("it has one")?)).execute(&mut other)?;
    let error = env.record::<Partner>(1).country_id().name().err().ok_or("the country is gone")?;
    assert!(matches!(&error, Error::MissingRecord { model: "Country", .. }), "{error:?}");
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn number(connection: &mut Db, sql: &str) -> Outcome<i64> {
    Ok(diesel::sql_query(sql).get_result::<Number>(connection)?.number)
}

fn pool(place: &Place<Db>) -> Outcome<Pool<ConnectionManager<Db>>> {
    Ok(Pool::builder().max_size(1).build(ConnectionManager::new(&place.address))?)
}

#[test]
fn a_connection_that_breaks_is_an_error() -> Outcome {
    let Some(mut place) = filled(10)? else { return Ok(()) };
    let pool = pool(&place)?;
    let this = format!("SELECT CAST({} AS {}) AS number", super::CONNECTION, super::INTEGER);
    let this = number(&mut *pool.get()?, &this)?;
    let env = Environment::new(pool.clone());
    let partners: RecordSet<Partner> = partners::table.order(partners::id).records(&env)?;
    let broken = env.transaction(|| {
        place.admin.batch_execute(&super::terminate(this))?;
        std::thread::sleep(std::time::Duration::from_millis(100));
        partners.country_id().name()
    });
    let error = broken.err().ok_or("the connection is gone")?;
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(error.to_string().contains("Country.name"), "{error}");
    // What was read stays, what could not be read is not taken for missing, and the next query has another connection.
    assert_eq!(partners.get(4).map(|partner| partner.name()).transpose()?, Some(Str::from(name_of(5))));
    assert_eq!(env.all::<Tag>()?.len(), 10);
    assert_eq!(partners.country_id().name()?.len(), 10);
    drop(partners);
    drop(env);
    // The pool does not hand the broken one out again.
    let env = Environment::new(pool);
    assert_eq!(env.all::<Partner>()?.len(), 10);
    Ok(())
}

#[test]
fn a_bad_address_is_an_error_that_names_the_backend() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    for address in super::BAD_ADDRESSES {
        let error = Environment::<Db>::connect(address).err().ok_or("there is no such server")?;
        let said = format!("{error} {error:?}");
        assert!(matches!(error, Error::Connection { .. }), "{said}");
        assert!(said.contains(Db::server().name), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    // Pools that cannot connect, and what an application asks itself
    for address in super::BAD_ADDRESSES {
        let pool = Pool::builder()
            .max_size(1)
            .connection_timeout(std::time::Duration::from_millis(200))
            .build_unchecked(ConnectionManager::<Db>::new(*address));
        let error = Environment::new(pool.clone()).all::<Partner>().err().ok_or("there is no such server")?;
        assert!(matches!(error, Error::Connection { .. }), "{error:?}");
        assert!(error.to_string().contains(Db::server().name), "{error}");
        let own = pool.get().map(drop).map_err(Error::from).err().ok_or("there is no such server")?;
        let established = Db::establish(address).map(drop).map_err(Error::from).err().ok_or("nor there")?;
        for said in [error, own, established].map(|error| format!("{error} {error:?}")) {
            assert!(!said.contains("s3cret"), "{address}: {said}");
        }
    }
    drop(place);
    Ok(())
}

#[test]
fn a_table_that_is_not_there_is_an_error() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let env = place.environment()?;
    let error = env.all::<Partner>().err().ok_or("there is no such table")?;
    assert!(matches!(error, Error::Database { model: "Partner", .. }), "{error:?}");
    assert!(error.to_string().contains("partners"), "{error}");
    let error = env.record::<Country>(1).name().err().ok_or("there is no such table")?;
    assert!(error.to_string().contains("Country.name"), "{error}");
    Ok(())
}

#[test]
fn batches_of_all_sizes_share_prepared_statements() -> Outcome {
    let Some(place) = filled(1000)? else { return Ok(()) };
    let pool = pool(&place)?;
    let read = |counts: &[i32]| -> Outcome {
        for &count in counts {
            let env = Environment::new(pool.clone());
            assert_eq!(env.browse::<Partner>(1..=count).name()?.len(), count as usize);
            assert_eq!(env.stats().queries, 1);
        }
        Ok(())
    };
    let prepared = || number(&mut *pool.get()?, super::PREPARED);
    let start = prepared()?;
    // On MySQL counting is one more.
    let counting = prepared()? - start;
    let sizes: Vec<i32> = (2..10).chain((10..=1000).step_by(7)).collect();
    read(&sizes)?;
    let first = prepared()? - start - 2 * counting;
    assert_eq!(first, super::STATEMENTS_FOR_BATCHES);
    read(&sizes)?;
    assert_eq!(prepared()? - start - 3 * counting, first, "all are found again");
    Ok(())
}

#[test]
fn tables_of_a_named_schema() -> Outcome {
    let Some(mut place) = Place::<Db>::named("orm_core_named")? else { return Ok(()) };
    place.admin.batch_execute(
        "CREATE TABLE orm_core_named.things (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, next_id INTEGER);
         CREATE TABLE orm_core_named.pairs (left_id INTEGER NOT NULL, right_id INTEGER NOT NULL, PRIMARY KEY (left_id, right_id));
         INSERT INTO orm_core_named.things VALUES (1, 'one', 2), (2, 'two', 3), (3, 'three', NULL), (4, 'four', 2);
         INSERT INTO orm_core_named.pairs VALUES (1, 3), (1, 2), (4, 4);",
    )?;
    // From outside the schema
    let Some(elsewhere) = Place::<Db>::new()? else { return Ok(()) };
    let env = elsewhere.environment()?;
    let things: RecordSet<Thing> = things::table.filter(things::id.gt(0)).order(things::id).records(&env)?;
    assert_eq!(things.name()?, ["one", "two", "three", "four"]);
    assert_eq!(things.next_id().name()?, ["two", "three"]);
    assert_eq!(env.stats().queries, 1);
    let two = env.record::<Thing>(2);
    assert_eq!(two.previous_ids().name()?, ["one", "four"]);
    let rights: Vec<Vec<i32>> = things.map(|thing| Ok(thing.right_ids().load()?.ids()))?;
    assert_eq!(rights, [vec![2, 3], vec![], vec![], vec![4]]);
    assert_eq!(env.stats().queries, 3);
    env.cache().clear();
    assert_eq!(two.name()?, "two");
    assert_eq!(env.all::<Thing>()?.len(), 4);
    // Written, too
    let new = env.create_many((5..8).map(|id| Thing::values().id(id).name("new").next_id(2)))?;
    env.transaction(|| {
        new.iter().zip(5..).try_for_each(|(thing, n)| thing.set_name(format!("new {n}")))?;
        new.set_next_id(None)?;
        two.right_ids().set(&new)
    })?;
    new.slice(0..1).delete()?;
    two.right_ids().remove(&new.slice(1..2))?;
    let other = elsewhere.environment()?;
    assert_eq!(other.browse::<Thing>([6, 7]).name()?, ["new 6", "new 7"]);
    assert_eq!(two.right_ids().ids()?, [7]);
    env.execute(diesel::delete(pairs::table.filter(pairs::right_id.eq(5))))?;
    assert_eq!(other.record::<Thing>(2).right_ids().ids()?, [7]);
    Ok(())
}
