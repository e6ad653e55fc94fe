//! Pairs of many2many links, and two who write the same rows at once

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use super::shop::{self, Partner, Tag};
use crate::place::{Outcome, Place};

/// Does the work twice, each with its own flag, at the same time.
fn both(work: impl Fn(bool) -> Result<(), Error> + Sync) -> Outcome {
    std::thread::scope(|scope| {
        let second = scope.spawn(|| work(true));
        work(false)?;
        second.join().map_err(|_| Error::other("it has panicked"))?
    })?;
    Ok(())
}

/// Twenty partners and as many tags, with keys that are not met in their order
fn partners_and_tags(env: &Environment<super::Db>) -> Result<(Vec<i32>, Vec<String>), Error> {
    let partners = env.create_many((0..20).map(|n| Partner::values().name(format!("p{n}"))))?;
    let tags = env.create_many((0..20).map(|n| Tag::values().code(format!("t{n}")).name("x")))?;
    Ok((partners.ids(), tags.ids().into_iter().map(String::from).collect()))
}

#[test]
fn a_pair_that_two_add_at_once_is_one() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let (partners, tags) = partners_and_tags(&env)?;
    let (partner, tag) = (partners[0], tags[0].as_str());
    let add = |env: &Environment<super::Db>| {
        let tag = env.record::<Tag>(tag);
        env.record::<Partner>(partner).tag_ids().add(&tag)?;
        env.flush()
    };
    let (mut other, address) = (place.connect()?, &place.address);
    std::thread::scope(|scope| {
        let second = env.transaction(|| {
            add(&env)?;
            // It waits for the first one, or finds that there is none to wait for.
            let second = scope.spawn(|| {
                let env = Environment::<super::Db>::connect(address)?;
                env.transaction(|| add(&env))
            });
            std::thread::sleep(std::time::Duration::from_millis(300));
            Ok(second)
        })?;
        second.join().map_err(|_| Error::other("it has panicked"))?
    })?;
    assert_eq!(shop::number(&mut other, "SELECT COUNT(*) AS number FROM partner_tags")?, 1);
    // All else is an error as before: a partner that does not exist.
    let refused = env.record::<Partner>(999_999).tag_ids().add(&env.record::<Tag>(tag));
    assert!(refused.is_err_and(|error| error.violation().is_some()));
    Ok(())
}

#[test]
fn two_who_write_the_same_pairs_from_both_sides_wait_for_each_other_in_turn() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let (partners, tags) = partners_and_tags(&env)?;
    let (rounds, address) = (40, &place.address);
    let work = |from_tags: bool| -> Result<(), Error> {
        let env = Environment::<super::Db>::connect(address)?;
        for round in 0..rounds {
            env.transaction(|| {
                let (all_partners, all_tags) = (
                    env.browse::<Partner>(partners.iter().copied()),
                    env.browse::<Tag>(tags.iter().map(|tag| &**tag)),
                );
                // Both add, one adds and one removes, both remove, and the other way round.
                let is_adding = (round + usize::from(from_tags)) % 4 < 2;
                if from_tags {
                    for tag in all_tags.iter().rev() {
                        let list = tag.partner_ids();
                        if is_adding { list.add(&all_partners)? } else { list.remove(&all_partners)? }
                    }
                } else {
                    for partner in &all_partners {
                        let list = partner.tag_ids();
                        if is_adding { list.add(&all_tags)? } else { list.remove(&all_tags)? }
                    }
                }
                Ok(())
            })?;
            env.cache().clear();
        }
        Ok(())
    };
    both(work)
}

#[test]
fn removing_pairs_finds_each_by_its_key() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let (partners, tags) = partners_and_tags(&env)?;
    let tags = env.browse::<Tag>(tags.iter().map(|tag| &**tag));
    env.transaction(|| {
        partners.iter().try_for_each(|&partner| env.record::<Partner>(partner).tag_ids().add(&tags))
    })?;
    log.take();
    let mut other = place.connect()?;
    env.transaction(|| {
        env.record::<Partner>(partners[3]).tag_ids().remove(&tags.slice(0..3))?;
        env.flush()?;
        // What is locked is what was removed: all else is free to others.
        let free = format!("DELETE FROM partner_tags WHERE partner_id = {} AND tag_code = 't9'", partners[9]);
        diesel::sql_query(super::NO_WAIT).execute(&mut other)?;
        assert_eq!(diesel::sql_query(free).execute(&mut other)?, 1);
        Ok(())
    })?;
    assert_eq!(log.begin(), ["DELETE FROM partner_tags"]);
    assert_eq!(shop::number(&mut other, "SELECT COUNT(*) AS number FROM partner_tags")?, 396);
    Ok(())
}

#[test]
fn two_who_write_the_same_rows_in_other_orders_wait_for_each_other_in_turn() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let ids = env.create_many((0..200).map(|n| Partner::values().name(format!("p{n}"))))?.ids();
    env.create_many((0..40).map(|n| Tag::values().code(format!("t{n}")).name("x")))?;
    let (rounds, address) = (60, &place.address);
    let work = |is_other: bool| -> Result<(), Error> {
        let env = Environment::<super::Db>::connect(address)?;
        let partners = env.browse::<Partner>(ids.iter().copied());
        let tags: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
        for round in 0..rounds {
            env.transaction(|| {
                let names = || {
                    partners.slice(..100).iter().try_for_each(|partner| {
                        partner.set_name(format!("{is_other} {round} {}", partner.id()))
                    })
                };
                let langs = || {
                    partners
                        .slice(100..)
                        .iter()
                        .rev()
                        .try_for_each(|partner| partner.set_lang(format!("{round}")))
                };
                let backwards = || {
                    partners.slice(..100).iter().rev().try_for_each(|partner| {
                        partner.set_name(format!("{is_other} {round} {}", partner.id()))
                    })
                };
                let rename = |tag: &String| env.record::<Tag>(&**tag).set_name(format!("{is_other} {round}"));
                if is_other {
                    tags.iter().rev().try_for_each(rename)?;
                    langs()?;
                    backwards()
                } else {
                    names()?;
                    langs()?;
                    tags.iter().try_for_each(rename)
                }
            })?;
        }
        Ok(())
    };
    both(work)
}

#[test]
fn two_who_write_other_fields_of_the_same_rows_wait_for_each_other_in_turn() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let ids = env.create_many((0..100).map(|n| Partner::values().name(format!("p{n}"))))?.ids();
    let address = &place.address;
    both(|is_other| {
        let env = Environment::<super::Db>::connect(address)?;
        let partners = env.browse::<Partner>(ids.iter().copied());
        (0..60).try_for_each(|round| {
            env.transaction(|| {
                partners.iter().zip(0..).try_for_each(|(partner, n)| {
                    // Where one writes the name, the other writes the language.
                    if (n % 2 > 0) == is_other {
                        partner.set_name(format!("{is_other} {round}"))
                    } else {
                        partner.set_lang(format!("{round}"))
                    }
                })
            })
        })
    })
}

diesel::table! { seats { id -> Integer } }
diesel::table! { guests { id -> Integer } }
diesel::table! { taken (seat_id, guest_id) { seat_id -> Integer, guest_id -> Integer } }
diesel::table! { wanted (id) { id -> Integer, seat_id -> Integer, guest_id -> Integer } }

#[derive(Model)]
#[model(table = seats, connection = Db)]
pub struct Seat {
    id: i32,
    // A seat has one guest: that is a unique key beside the pair's.
    #[model(through(taken::seat_id, taken::guest_id))]
    guest_ids: ManyToMany<Guest>,
    // The same where the pair itself is no key
    #[model(through(wanted::seat_id, wanted::guest_id))]
    wanting_ids: ManyToMany<Guest>,
}

#[derive(Model)]
#[model(table = guests, connection = Db)]
pub struct Guest {
    id: i32,
}

#[test]
fn a_pair_that_another_unique_key_keeps_out_is_an_error() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(&format!(
        "CREATE TABLE seats (id INTEGER PRIMARY KEY);
        CREATE TABLE guests (id INTEGER PRIMARY KEY);
        CREATE TABLE taken (seat_id INTEGER NOT NULL UNIQUE, guest_id INTEGER NOT NULL, PRIMARY KEY (seat_id, guest_id));
        CREATE TABLE wanted (id {}, seat_id INTEGER NOT NULL UNIQUE, guest_id INTEGER NOT NULL);
        INSERT INTO seats VALUES (1), (2), (3);
        INSERT INTO guests VALUES (1), (2), (3)",
        super::NEW_KEYS
    ))?;
    let env = place.environment()?;
    let guest = |id: i32| env.record::<Guest>(id);
    let (first, second) = (env.record::<Seat>(1), env.record::<Seat>(2));
    first.guest_ids().add(&guest(1))?;
    first.wanting_ids().add(&guest(1))?;
    for refused in [
        first.guest_ids().add(&guest(2)),
        first.wanting_ids().add(&guest(2)),
        // With one that is there, and one that is new
        env.transaction(|| {
            second.guest_ids().add(&guest(2))?;
            env.cache().clear();
            first.guest_ids().add(&guest(1))?;
            first.guest_ids().add(&guest(3))
        }),
    ] {
        let text = refused.err().ok_or("it was overlooked")?.to_string();
        assert!(text.contains("nique"), "{text}");
    }
    let pairs =
        |table: &str| format!("SELECT COUNT(*) AS number FROM {table} WHERE seat_id = 1 AND guest_id = 1");
    for table in ["taken", "wanted"] {
        assert_eq!(shop::number(&mut connection, &pairs(table))?, 1);
        assert_eq!(shop::number(&mut connection, &format!("SELECT COUNT(*) AS number FROM {table}"))?, 1);
    }
    assert_eq!((first.guest_ids().ids()?, first.wanting_ids().ids()?), (vec![1], vec![1]));
    // What is there already is no error, nor is it there twice.
    env.cache().clear();
    first.guest_ids().add(&guest(1))?;
    first.wanting_ids().add(&guest(1))?;
    assert_eq!((first.guest_ids().ids()?, first.wanting_ids().ids()?), (vec![1], vec![1]));
    Ok(())
}
