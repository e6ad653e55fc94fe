//! A migration changes the form of a table while connections are open that have prepared statements for it.

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use orm_core::TransactionOptions;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { plans { id -> Integer, name -> Varchar } }

diesel::table! { labels (code) { code -> Varchar, name -> Varchar, version -> Integer } }

/// One whose key a statement that writes returns
#[derive(Model)]
#[model(connection = Db)]
struct Label {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(version)]
    version: i32,
}

#[derive(Model)]
#[model(connection = Db)]
struct Plan {
    id: i32,
    name: String,
}

#[test]
fn a_prepared_statement_that_has_expired_is_prepared_again() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut other = place.connect()?;
    other.batch_execute(
        "CREATE TABLE plans (id int PRIMARY KEY, name varchar(50) NOT NULL); INSERT INTO plans VALUES (1, 'a')",
    )?;
    let pool = Pool::builder().max_size(1).build(ConnectionManager::<Db>::new(&place.address))?;
    let own = place.environment()?;
    let mut length = 50;
    let mut widen = || {
        length += 1;
        other.batch_execute(&format!("ALTER TABLE plans ALTER COLUMN name TYPE varchar({length})"))
    };
    assert_eq!((Environment::new(pool.clone()).all::<Plan>()?.len(), own.all::<Plan>()?.len()), (1, 1));
    widen()?;
    for _ in 0..2 {
        assert_eq!(Environment::new(pool.clone()).all::<Plan>()?.name()?, ["a"]);
        assert_eq!(own.all::<Plan>()?.name()?, ["a"]);
    }
    widen()?;
    // Within a transaction it is an error, once.
    let refused = own.transaction(|| own.all::<Plan>().map(drop));
    assert!(refused.is_err_and(|error| error.is_retryable() && error.to_string().contains("cached plan")));
    assert_eq!(own.transaction(|| own.all::<Plan>()?.name())?, ["a"]);
    widen()?;
    let tried = own.transaction_with_retry(2, TransactionOptions::new(), || own.all::<Plan>()?.name())?;
    assert_eq!(tried, ["a"]);
    Ok(())
}

#[test]
fn a_write_of_one_statement_is_sent_once_more_where_no_transaction_is_open() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut other = place.connect()?;
    other.batch_execute(
        "CREATE TABLE labels (code varchar(50) PRIMARY KEY, name varchar(50) NOT NULL, version int NOT NULL)",
    )?;
    let pool = Pool::builder().max_size(1).build(ConnectionManager::<Db>::new(&place.address))?;
    let own = place.environment()?;
    let mut length = 50;
    let mut widen = || {
        length += 1;
        other.batch_execute(&format!("ALTER TABLE labels ALTER COLUMN code TYPE varchar({length})"))
    };
    let mut number = 0;
    for pooled in [false, true] {
        let over_pool = Environment::new(pool.clone());
        let env = if pooled { &over_pool } else { &own };
        for _ in 0..2 {
            number += 1;
            let label = env.create(Label::values().code(format!("label {number}")).name("new"))?;
            widen()?;
            number += 1;
            let next = env.create(Label::values().code(format!("label {number}")).name("new"))?;
            next.set_name("written")?;
            widen()?;
            label.set_name("written")?;
            env.upsert(Label::CODE, Label::values().code(label.id()).name("there"))?;
            widen()?;
            env.upsert(Label::CODE, Label::values().code(label.id()).name("there, too"))?;
            label.refresh()?;
            assert_eq!((label.name()?.as_str(), label.version()?), ("there, too", 4));
            next.delete()?;
            widen()?;
            label.delete()?;
        }
        assert!(env.all::<Label>()?.is_empty());
        // In a transaction nothing is sent once more.
        env.create(Label::values().code("a").name("new"))?;
        widen()?;
        let refused = env.transaction(|| env.create(Label::values().code("b").name("new")).map(drop));
        assert!(refused.is_err_and(|error| error.is_retryable()));
        assert_eq!(env.all::<Label>()?.ids(), ["a"]);
        env.record::<Label>("a").delete()?;
    }
    Ok(())
}
