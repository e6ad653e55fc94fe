//! What the database works out for records, and rows that may be there already

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::Db;
use super::shop::schema::{accounts, countries, partners};
use super::shop::{self, Account};
use crate::place::{Outcome, Place};

diesel::table! { words { id -> Integer, text -> VarChar, lang -> VarChar, uses -> Integer } }

#[derive(Model)]
#[model(table = words, connection = Db)]
pub struct Word {
    id: i32,
    text: String,
    lang: String,
    uses: i32,
}

#[test]
fn an_expression_is_assigned_to_all_or_none() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let accounts = env.create_many((1..=1_500).map(|id| Account::values().id(id).amount(id as i32)))?;
    log.take();
    accounts.update(accounts::amount.eq(accounts::amount + 1))?;
    assert_eq!(accounts.slice(..3).amount()?, [2, 3, 4]);
    // Two of those that know the version, and one that does not
    let mut other = place.connect()?;
    diesel::sql_query("UPDATE accounts SET version = version + 1 WHERE id = 2").execute(&mut other)?;
    let error = accounts.slice(..3).update(accounts::amount.eq(0)).err().ok_or("a conflict")?;
    assert!(error.is_conflict() && error.to_string().contains('2'), "{error}");
    let amounts: Vec<i32> =
        accounts::table.select(accounts::amount).order(accounts::id).limit(3).load(&mut other)?;
    assert_eq!(amounts, [2, 3, 4]);
    let (two, three) = (env.record::<Account>(2), env.record::<Account>(3));
    assert_eq!((two.version()?, three.version()?), (3, 2));
    diesel::sql_query("UPDATE accounts SET version = version + 1 WHERE id = 3").execute(&mut other)?;
    // One alone is one statement, whether it is compared or not, and so is its end.
    log.take();
    two.update(accounts::amount.eq(accounts::amount + 0))?;
    assert_eq!(log.take().len(), 1);
    assert!(three.update(accounts::amount.eq(0)).is_err_and(|error| error.is_conflict()));
    three.amount()?;
    diesel::sql_query("UPDATE accounts SET version = version + 1 WHERE id = 3").execute(&mut other)?;
    assert!(three.delete().is_err_and(|error| error.is_conflict()));
    log.take();
    env.record::<Account>(4).delete()?;
    assert_eq!(log.take().len(), 1);
    assert!(env.record::<Account>(4).delete().is_err_and(|error| error.is_missing_record()));
    env.cache().clear();
    env.browse::<Account>([2, 3]).update(accounts::amount.eq(accounts::amount * 10))?;
    assert_eq!(env.browse::<Account>([2, 3]).amount()?, [30, 40]);
    Ok(())
}

#[test]
fn it_is_created_once_whoever_is_first() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE words (id INTEGER PRIMARY KEY, text VARCHAR(20) NOT NULL, lang VARCHAR(5) NOT NULL, uses INTEGER NOT NULL,
            UNIQUE (text, lang))",
    )?;
    let (workers, words) = (4, 40);
    let start = Barrier::new(workers);
    let work = |worker: usize, env: Environment<Db>| -> Vec<Result<(i32, bool), String>> {
        let mut got = Vec::new();
        for word in 0..words {
            start.wait();
            let values = || {
                let key = (word * workers + worker) as i32;
                Word::values().id(key).text(format!("w{word}")).lang("en").uses(worker as i32)
            };
            let get = || env.get_or_create((Word::TEXT, Word::LANG), values());
            let new = if word % 2 == 0 {
                get()
            } else {
                // Where a transaction has seen something before
                env.transaction(|| {
                    env.find::<Word>(words::uses.gt(1_000))?;
                    get()
                })
            };
            // Nobody leaves the others waiting.
            got.push(new.map(|(record, is_new)| (record.id(), is_new)).map_err(|error| error.to_string()));
        }
        got
    };
    let environments = (0..workers).map(|_| place.environment()).collect::<Result<Vec<_>, _>>()?;
    let got = thread::scope(|scope| {
        let workers = environments.into_iter().enumerate();
        let threads: Vec<_> = workers
            .map(|(worker, env)| {
                scope.spawn({
                    let work = &work;
                    move || work(worker, env)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| "a panic".to_owned()));
        let joined = joined.map(|got| got?.into_iter().collect::<Result<Vec<_>, String>>());
        joined.collect::<Result<Vec<_>, String>>()
    })?;
    for word in 0..words {
        assert_eq!(got.iter().filter(|got| got[word].1).count(), 1, "{word}");
        assert!(got.iter().all(|of| of[word].0 == got[0][word].0), "{word}");
    }
    Ok(())
}

#[test]
fn a_query_is_counted_and_paged() -> Outcome {
    let Some((_place, env, _)) = shop::open()? else { return Ok(()) };
    let belgium = env.one::<shop::Country>(countries::code.eq("BE"))?;
    env.create_many((1..=25).map(|n| {
        let partner =
            shop::Partner::values().name(format!("p{n:02}")).credit(f64::from(n)).active(n % 2 == 0);
        if n % 5 == 0 { partner } else { partner.country_id(&belgium) }
    }))?;
    let query = || {
        partners::table
            .inner_join(countries::table)
            .filter(partners::credit.gt(5.0))
            .order(partners::name.desc())
    };
    assert_eq!(query().count_records::<shop::Partner>(&env)?, 16);
    let page = query().page::<shop::Partner>(&env, 2, 10)?;
    assert_eq!((page.total, page.pages), (16, 2));
    assert_eq!(page.records.name()?, ["p12", "p11", "p09", "p08", "p07", "p06"]);
    let active = partners::table.filter(partners::active.eq(true));
    let after = active.records_after::<shop::Partner>(&env, Some(page.records.ids()[0]), 3)?;
    assert_eq!(after.name()?, ["p14", "p16", "p18"]);
    Ok(())
}
