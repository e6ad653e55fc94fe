//! Something to look at: the same each time but for the dates.

use chrono::{Days, NaiveDate};
use fastrand::Rng;
use orm_core::prelude::*;
use orm_core::{Error, Result};

use crate::db::Environment;
use crate::models::{Country, Order, Partner, State, Tag};

const TAGS: [(&str, i32); 8] = [
    ("customer", 210),
    ("vendor", 30),
    ("press", 280),
    ("partner", 160),
    ("newsletter", 190),
    ("fair 2026", 330),
    ("wholesale", 90),
    ("on hold", 0),
];
const COUNTRIES: [&str; 12] = ["BE", "FR", "DE", "NL", "ES", "IT", "GB", "US", "IN", "JP", "BR", "PT"];
const CITIES: [&str; 12] = [
    "Ghent", "Lyon", "Leipzig", "Utrecht", "Seville", "Turin", "Leeds", "Portland", "Pune", "Kobe", "Recife",
    "Porto",
];
const COLOURS: [&str; 16] = [
    "Azure", "Amber", "Crimson", "Copper", "Emerald", "Golden", "Indigo", "Ivory", "Jade", "Lilac", "Ochre",
    "Olive", "Pearl", "Ruby", "Silver", "Teal",
];
const TRADES: [&str; 14] = [
    "Atlas", "Bakery", "Ceramics", "Foods", "Freight", "Gardens", "Glass", "Interior", "Optics", "Paper",
    "Press", "Textiles", "Timber", "Tools",
];
const GIVEN: [&str; 24] = [
    "Ada", "Amir", "Anna", "Bram", "Chiara", "Colleen", "Daniel", "Dora", "Elif", "Emil", "Grace", "Hugo",
    "Ines", "Jonas", "Kenji", "Lena", "Marta", "Nadia", "Oscar", "Priya", "Ravi", "Sofia", "Tom", "Yuki",
];
const FAMILY: [&str; 24] = [
    "Almeida", "Bauer", "Costa", "De Smet", "Diaz", "Dubois", "Ferrari", "Garcia", "Hughes", "Ito", "Jansen",
    "Kaya", "Laurent", "Mehta", "Moretti", "Nakamura", "Novak", "Peeters", "Rossi", "Santos", "Schmidt",
    "Silva", "Weber", "Young",
];

/// Fills an empty database: companies, people who work for them, and what all of these have ordered. Does nothing to one that is not empty.
///
/// # Errors
///
/// Those of the database.
pub fn fill(env: &Environment, companies: usize, people: usize, today: NaiveDate) -> Result<()> {
    use crate::models::countries;
    if countries::table.count_records::<Country>(env)? > 0 {
        return Ok(());
    }
    let rng = &mut Rng::with_seed(11);
    env.transaction(|| {
        let mut rows = csv::Reader::from_reader(include_str!("../../data/countries.csv").as_bytes());
        let rows = rows.deserialize().collect::<std::result::Result<Vec<(String, String)>, _>>();
        let rows = rows.map_err(Error::other)?;
        let countries =
            env.create_many(rows.iter().map(|(code, name)| Country::values().code(code).name(name)))?;
        let countries = COUNTRIES.map(|code| countries.find(|country| Ok(country.code()? == code)));
        let countries = countries.into_iter().collect::<Result<Vec<_>>>()?;
        let tags = env.create_many(TAGS.map(|(name, hue)| Tag::values().name(name).hue(hue)))?;

        let row = |n: usize, rng: &mut Rng| {
            let name = format!("{} {}", COLOURS[n % COLOURS.len()], TRADES[n / COLOURS.len() % TRADES.len()]);
            let host = name.replace(' ', "-").to_lowercase();
            let place = rng.usize(..COUNTRIES.len());
            Partner::values()
                .name(name)
                .email(format!("office.{n}@{host}.example"))
                .phone(format!("+{} {}", 30 + place, rng.u32(1_000_000..9_999_999)))
                .city(CITIES[place])
                .is_company(true)
                .country_id(&countries[place])
                .notes("Deliveries until 16:00, by the gate in the yard.")
        };
        let companies = env.create_many((0..companies).map(|n| row(n, rng)))?;
        let row = |n: usize, rng: &mut Rng| {
            let (given, family) = (GIVEN[rng.usize(..GIVEN.len())], FAMILY[rng.usize(..FAMILY.len())]);
            let host = format!("{given}.{family}.{n}@post.example").replace(' ', "").to_lowercase();
            let company = companies.get(rng.usize(..companies.len() * 5 / 4));
            let place = rng.usize(..COUNTRIES.len());
            Partner::values()
                .name(format!("{given} {family}"))
                .email(host)
                .city(CITIES[place])
                .country_id(&countries[place])
                .company_id(&company)
        };
        let people = env.create_many((0..people).map(|n| row(n, rng)))?;

        let partners = companies.concat(&people);
        let mut orders = Vec::new();
        for partner in &partners {
            let first = rng.usize(..tags.len());
            partner.tag_ids().add(&tags.slice(first..tags.len().min(first + rng.usize(..4))))?;
            let orders_of = if partner.is_company()? { 2..16 } else { 0..8 };
            for _ in 0..rng.usize(orders_of) {
                let ordered_on = today - Days::new(rng.u64(..400));
                let due_on = ordered_on + Days::new(30);
                let state = if rng.u8(..4) == 0 { State::Open } else { State::Paid };
                let order = Order::values().number(format!("S{:05}", orders.len() + 1));
                let order = order.partner_id(&partner).ordered_on(ordered_on).due_on(due_on);
                orders.push(order.cents(rng.i64(1_500..250_000)).state(state));
            }
        }
        env.create_many(orders).map(drop)
    })
}
