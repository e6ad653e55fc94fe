//! A decimal is bound to SQLite as a floating-point number, and stored as that or as a whole one: it is shown as the row has it.

use bigdecimal::BigDecimal;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::Place;
use crate::place::Outcome;

diesel::table! { prices { id -> Integer, name -> Text, amount -> Numeric, least -> Nullable<Numeric> } }

#[derive(Model)]
#[model(table = prices, connection = SqliteConnection)]
pub struct Price {
    id: i32,
    name: String,
    amount: BigDecimal,
    least: Option<BigDecimal>,
}

fn decimal(text: &str) -> Result<BigDecimal, Error> {
    text.parse().map_err(|_| Error::other(format!("{text} is no decimal")))
}

#[test]
fn a_decimal_is_shown_as_it_is_stored() -> Outcome {
    let Some(place) = Place::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE prices (id INTEGER PRIMARY KEY, name TEXT NOT NULL, amount NUMERIC NOT NULL, least DECIMAL(10, 2))",
    )?;
    let env = Environment::<SqliteConnection>::connect(&place.address)?;
    // With their scale: as text they differ where they are equal.
    let shown = |env: &Environment<SqliteConnection>| -> Result<Vec<String>, Error> {
        let of = |price: Record<Price>| {
            Ok(format!("{} {:?}", price.amount()?, price.least()?.map(|least| least.to_string())))
        };
        env.all::<Price>()?.iter().map(of).collect()
    };
    let stored = || shown(&Environment::connect(&place.address)?);
    let given = ["1.50", "123456789012345678901234567890", "0.1234567890123456789012"];
    let new = |(id, text)| Ok(Price::values().id(id).name("a").amount(decimal(text)?).least(decimal(text)?));
    let prices = env.create_many((1..).zip(given).map(new).collect::<Result<Vec<_>, Error>>()?)?;
    let queries = env.stats().queries;
    assert_eq!(prices.name()?, ["a"; 3]);
    assert_eq!(env.stats().queries, queries, "text is as it was given");
    assert_eq!(shown(&env)?, stored()?);
    assert_eq!(prices.amount()?[0].to_string(), "1.5");
    assert_ne!(
        prices.amount()?[2],
        decimal(given[2])?,
        "a floating-point number does not hold that many digits"
    );
    env.transaction(|| {
        let each = prices.iter().zip(["2.00", "-0.10", "99999999999999999.5"]);
        each.into_iter().try_for_each(|(price, text)| {
            price.set_amount(decimal(text)?)?;
            price.set_least(decimal(text)?)
        })
    })?;
    assert_eq!(shown(&env)?, stored()?);
    assert_eq!(prices.amount()?[0].to_string(), "2");
    Ok(())
}
