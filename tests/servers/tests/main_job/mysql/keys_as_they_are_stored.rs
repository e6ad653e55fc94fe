//! Keys that a column rounds or pads: MySQL tells nobody what it has made of one, so they are looked for.

use bigdecimal::BigDecimal;
use chrono::{NaiveDate, NaiveDateTime};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::shop;
use crate::place::{Outcome, Place};

diesel::table! { tokens { id -> Binary, name -> Text } }
diesel::table! { rates { id -> Numeric, name -> Text } }
diesel::table! { moments { id -> Datetime, name -> Text } }
diesel::table! { days { id -> Date, name -> Text } }
diesel::table! { seats (hall, number) { hall -> Text, number -> Integer, name -> Text } }
diesel::table! { uses { id -> Integer, token_id -> Nullable<Binary> } }

#[derive(Model)]
#[model(connection = MysqlConnection)]
struct Token {
    id: Vec<u8>,
    name: String,
}

#[derive(Model)]
#[model(connection = MysqlConnection)]
struct Rate {
    id: BigDecimal,
    name: String,
}

#[derive(Model)]
#[model(connection = MysqlConnection)]
struct Moment {
    id: NaiveDateTime,
    name: String,
}

#[derive(Model)]
#[model(connection = MysqlConnection)]
struct Day {
    id: NaiveDate,
    name: String,
}

#[derive(Model)]
#[model(connection = MysqlConnection, primary_key(hall, number))]
struct Seat {
    hall: String,
    number: i32,
    name: String,
}

#[derive(Model)]
#[model(connection = MysqlConnection)]
struct Use {
    id: i32,
    token_id: Option<Id<Token>>,
}

fn open() -> Outcome<Option<shop::Shop>> {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(
        "CREATE TABLE tokens (id BINARY(4) PRIMARY KEY, name VARCHAR(20) NOT NULL);
         CREATE TABLE rates (id DECIMAL(6, 2) PRIMARY KEY, name VARCHAR(20) NOT NULL);
         CREATE TABLE moments (id DATETIME PRIMARY KEY, name VARCHAR(20) NOT NULL);
         CREATE TABLE days (id DATE PRIMARY KEY, name VARCHAR(20) NOT NULL);
         CREATE TABLE seats (hall CHAR(5), number INTEGER, name VARCHAR(20) NOT NULL, PRIMARY KEY (hall, number));
         CREATE TABLE uses (id INTEGER PRIMARY KEY, token_id BINARY(4))",
    )?;
    let log = shop::Log::of(&mut connection);
    let env = Environment::builder().connection(connection).build();
    log.take();
    Ok(Some((place, env, log)))
}

#[test]
fn one_that_is_rounded_or_padded_is_refused_and_nothing_is_created() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    let moment: NaiveDateTime = "2020-01-01T00:00:00.7".parse()?;
    let refused = [
        env.create(Token::values().id(vec![1, 2]).name("a")).map(drop),
        env.create(Rate::values().id("1.005".parse::<BigDecimal>()?).name("a")).map(drop),
        env.create(Moment::values().id(moment).name("a")).map(drop),
        env.create(Seat::values().hall("ab ").number(1).name("a")).map(drop),
        env.create_many([[9, 9, 9, 9], [9, 9, 9, 8]].map(|id| Token::values().id(id[..].to_vec()).name("a")))
            .map(drop),
        env.create_many([vec![7, 7, 7, 7], vec![7]].map(|id| Token::values().id(id).name("a"))).map(drop),
        env.get_or_create(Token::ID, Token::values().id(vec![6]).name("a")).map(drop),
    ];
    let is_told = |told: &Result<(), Error>| {
        told.as_ref().is_err_and(|error| error.to_string().contains("is not stored as it was given"))
    };
    assert_eq!(refused.each_ref().map(is_told), [true, true, true, true, false, true, true], "{refused:?}");
    assert_eq!(
        refused[0].as_ref().unwrap_err().to_string(),
        "the key [1, 2] of a new Token is not stored as it was given: its column rounds, cuts or pads it; give it as it is stored"
    );
    // Whoever swallows it does not commit the row.
    let told = env.transaction(|| {
        assert!(env.create(Token::values().id(vec![8]).name("a")).is_err());
        Ok(())
    });
    assert!(is_told(&told), "{told:?}");
    let read = place.environment()?;
    assert_eq!(read.all::<Token>()?.ids(), [vec![9, 9, 9, 8], vec![9, 9, 9, 9]]);
    assert!(
        read.all::<Rate>()?.is_empty() && read.all::<Moment>()?.is_empty() && read.all::<Seat>()?.is_empty()
    );
    Ok(())
}

#[test]
fn one_that_is_kept_is_a_key_like_any_other() -> Outcome {
    let Some((place, env, log)) = open()? else { return Ok(()) };
    let moment: NaiveDateTime = "2020-01-01T00:00:00".parse()?;
    let day: NaiveDate = "2020-01-01".parse()?;
    assert_eq!(env.create(Token::values().id(vec![1, 2, 3, 4]).name("a"))?.name()?, "a");
    assert_eq!(log.take().len(), 2, "inserted, looked for");
    assert_eq!(env.create(Rate::values().id("1.5".parse::<BigDecimal>()?).name("a"))?.name()?, "a");
    assert_eq!(env.create(Moment::values().id(moment).name("a"))?.id(), moment);
    log.take();
    // Of these nothing is rounded or padded.
    assert_eq!(env.create(Day::values().id(day).name("a"))?.id(), day);
    assert_eq!(env.create(Seat::values().hall("ab").number(1).name("a"))?.name()?, "a");
    assert_eq!(log.take().len(), 2);
    let read = place.environment()?;
    assert_eq!(read.record::<Rate>("1.50".parse::<BigDecimal>()?).name()?, "a");
    assert_eq!(read.record::<Moment>(moment).name()?, "a");
    Ok(())
}

#[test]
fn a_link_shows_the_key_that_its_row_holds() -> Outcome {
    let Some((_place, env, _)) = open()? else { return Ok(()) };
    let new = env.create(Use::values().id(1).token_id(Id::<Token>::new(vec![1, 2])))?;
    assert_eq!(new.token_id().id()?, Some(vec![1, 2, 0, 0]));
    new.set_token_id(Id::<Token>::new(vec![5]))?;
    assert_eq!(new.token_id().id()?, Some(vec![5, 0, 0, 0]));
    Ok(())
}
