//! Rows that are locked are read as they are now, on the connection that `super::Db` is; and a key that comes again

use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::shop::schema::{accounts, countries, tags};
use super::shop::{self, Account, Country, Partner, Tag};
use crate::place::Outcome;

fn amounts(connection: &mut super::Db) -> Outcome<Vec<i32>> {
    Ok(accounts::table.select(accounts::amount).order(accounts::id).load(connection)?)
}

#[test]
fn a_search_that_locks_replaces_what_is_clean() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    env.create_many((1..=3).map(|id| Account::values().id(id).amount(100)))?;
    let account = env.record::<Account>(1);
    assert_eq!(account.amount()?, 100);
    let mut other = place.connect()?;
    diesel::update(accounts::table)
        .set((accounts::amount.eq(50), accounts::version.eq(2)))
        .execute(&mut other)?;
    env.transaction(|| {
        log.take();
        let locked = accounts::table.find(1).for_update().first_record::<Account>(&env)?;
        assert_eq!(locked.map(|account| account.amount()).transpose()?, Some(50));
        assert_eq!(log.take().len(), 1);
        account.set_amount(account.amount()? - 10)?;
        // What waits stays.
        let all = accounts::table.order(accounts::id).for_update().records::<Account>(&env)?;
        assert_eq!(all.amount()?, [40, 50, 50]);
        account.set_amount(account.amount()? - 10)
    })?;
    assert_eq!(amounts(&mut other)?, [30, 50, 50]);
    // Without a lock what is cached stays, unless it is asked for anew.
    diesel::update(accounts::table)
        .set((accounts::amount.eq(7), accounts::version.eq(9)))
        .execute(&mut other)?;
    let seven = || accounts::table.filter(accounts::amount.eq(7)).order(accounts::id);
    assert_eq!(seven().records::<Account>(&env)?.amount()?, [30, 50, 50]);
    assert_eq!(seven().records_fresh::<Account>(&env)?.amount()?, [7, 7, 7]);
    Ok(())
}

#[test]
fn a_lock_holds_the_rows_in_the_order_of_their_keys() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    env.create_many((1..=3).map(|id| Account::values().id(id).amount(100)))?;
    let accounts = env.browse::<Account>([3, 1, 2, 3]);
    assert_eq!(accounts.amount()?.len(), 4);
    assert!(accounts.lock().is_err_and(|error| matches!(error, Error::NoTransaction { .. })));
    let mut other = place.connect()?;
    diesel::update(accounts::table)
        .set((accounts::amount.eq(5), accounts::version.eq(2)))
        .execute(&mut other)?;
    env.transaction(|| {
        // What a transaction has seen at first is not what a lock shows.
        assert_eq!(env.all::<Country>()?.len(), 1);
        diesel::update(accounts::table)
            .set((accounts::amount.eq(6), accounts::version.eq(3)))
            .execute(&mut other)?;
        log.take();
        accounts.lock()?;
        let sent = log.take();
        assert!(sent.len() == 1 && sent[0].ends_with("ORDER BY accounts.id FOR UPDATE"), "{sent:?}");
        assert_eq!(accounts.amount()?, [6; 4]);
        let taken = accounts::table.find(1).for_update().skip_locked();
        assert_eq!(taken.load::<(i64, i32, i32)>(&mut other)?, []);
        accounts.set_amount(1)?;
        env.record::<Account>(2).lock()?;
        assert_eq!(env.record::<Account>(2).amount()?, 1);
        Ok(())
    })?;
    assert_eq!(amounts(&mut other)?, [1, 1, 1]);
    diesel::delete(accounts::table.find(2)).execute(&mut other)?;
    log.take();
    accounts.refresh()?;
    assert_eq!(log.take().len(), 1);
    assert!(env.record::<Account>(2).amount().is_err_and(|error| error.is_missing_record()));
    let gone = env.transaction(|| env.record::<Account>(2).lock());
    assert!(gone.is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn a_list_that_is_locked_is_read_again() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    env.create_many(["a", "b"].map(|name| Partner::values().name(name).country_id(1)))?;
    assert_eq!(belgium.partner_ids().len()?, 2);
    place.environment()?.create(Partner::values().name("c").country_id(1))?;
    env.transaction(|| {
        assert_eq!(belgium.partner_ids().len()?, 2);
        belgium.partner_ids().lock()?;
        assert_eq!(belgium.partner_ids().name()?, ["a", "b", "c"]);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_key_that_comes_again_is_a_new_record() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let partner = env.create(Partner::values().name("a"))?;
    let tag = env.create(Tag::values().code("x").name("old"))?;
    tag.partner_ids().add(&partner)?;
    assert_eq!((tag.name()?, tag.partner_ids().len()?), ("old".into(), 1));
    let belgium = env.record::<Country>(1);
    assert_eq!((belgium.name()?, belgium.partner_ids().len()?), ("Belgium".into(), 0));
    let mut other = place.connect()?;
    diesel::sql_query("DELETE FROM partner_tags").execute(&mut other)?;
    diesel::delete(tags::table).execute(&mut other)?;
    diesel::delete(countries::table).execute(&mut other)?;
    let new = env.create(Tag::values().code("x").name("new"))?;
    assert_eq!((new.name()?, tag.name()?, new.partner_ids().len()?), ("new".into(), "new".into(), 0));
    assert_eq!(partner.tag_ids().len()?, 0);
    let again = env.create(Country::values().id(1).name("Again").code("AA"))?;
    assert_eq!(
        (again.name()?, belgium.code()?, again.partner_ids().len()?),
        ("Again".into(), "AA".into(), 0)
    );
    Ok(())
}
