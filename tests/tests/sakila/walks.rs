//! Walks, compared with plain SQL.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orm_core::prelude::*;
use orm_core::{Error, Result};

use crate::data::*;
use crate::models::*;

#[test]
fn customers_up_to_their_countries() -> Result<()> {
    let (db, mut sql) = data!();
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        last_name: String,
        #[diesel(sql_type = Text)]
        street: String,
        #[diesel(sql_type = Nullable<Text>)]
        postal_code: Option<String>,
        #[diesel(sql_type = Text)]
        city: String,
        #[diesel(sql_type = Text)]
        country: String,
    }
    const JOINS: &str = "FROM customer c JOIN address a USING (address_id) JOIN city USING (city_id)
        JOIN country USING (country_id)";
    let rows: Vec<Row> = diesel::sql_query(format!(
        "SELECT c.last_name, a.address AS street, a.postal_code, city.city, country.country {JOINS} ORDER BY c.customer_id"
    ))
    .load(&mut sql)?;
    assert_eq!(rows.len(), 599);
    let mut expected = Vec::new();
    for key in ["a.address_id", "city.city_id", "country.country_id"] {
        expected.extend(windows(number(&mut sql, &format!("SELECT count(DISTINCT {key}) AS n {JOINS}"))?));
    }
    let customers =
        db.assert_queries(1, || customer::table.order(customer::customer_id).records::<Customer>(&db))?;
    assert_eq!(customers.len(), rows.len());
    db.assert_keys(&expected, || {
        for (row, customer) in rows.iter().zip(&customers) {
            let address = customer.address_id();
            assert_eq!(customer.last_name()?, row.last_name);
            assert_eq!(address.street()?, row.street);
            assert_eq!(address.postal_code()?.as_deref(), row.postal_code.as_deref());
            assert_eq!(address.city_id().name()?, row.city);
            assert_eq!(address.city_id().country_id().name()?, row.country);
        }
        Ok(())
    })
}

#[test]
fn rentals_to_the_language_of_the_film() -> Result<()> {
    let (db, mut sql) = data!();
    type Row = (i32, NaiveDateTime, Option<NaiveDateTime>);
    let rows: Vec<Row> = rental::table
        .select((rental::rental_id, rental::rental_date, rental::return_date))
        .order(rental::rental_id)
        .load(&mut sql)?;
    let behind = "FROM rental JOIN inventory USING (inventory_id) JOIN film USING (film_id) JOIN language USING (language_id)";
    let titles = by_owner(&mut sql, &format!("SELECT rental_id AS of, title AS name {behind}"))?;
    let languages = by_owner(&mut sql, &format!("SELECT rental_id AS of, language.name {behind}"))?;
    let mut count = |key: &str| number(&mut sql, &format!("SELECT count(DISTINCT {key}) AS n {behind}"));
    let (inventories, films) = (count("inventory_id")?, count("film_id")?);
    assert!(inventories > 4_000 && films < 1_000, "{inventories} and {films}");

    let rentals = db.assert_queries(1, || rental::table.order(rental::rental_id).records::<Rental>(&db))?;
    assert_eq!(rentals.len(), rows.len());
    // Level by level: each level's missing ones, a thousand at a time.
    db.assert_keys(&windows(inventories), || {
        rentals.iter().try_for_each(|r| r.inventory_id().film_id().id().map(drop))
    })?;
    db.assert_keys(&windows(films), || {
        rentals.iter().try_for_each(|r| r.inventory_id().film_id().title().map(drop))
    })?;
    // The language that a film was made in is read beside the one that it is in: a link of the same row.
    db.assert_keys(&[2], || {
        rentals.iter().try_for_each(|r| r.inventory_id().film_id().language_id().name().map(drop))
    })?;
    db.assert_queries(0, || {
        for ((id, rented, returned), rental) in rows.iter().zip(&rentals) {
            let film = rental.inventory_id().film_id();
            assert_eq!(
                (rental.id(), rental.rental_date()?, rental.return_date()?),
                (*id, *rented, *returned)
            );
            assert_eq!([&*film.title()?], titles[id][..]);
            assert_eq!([&*film.language_id().name()?], languages[id][..]);
        }
        Ok(())
    })
}

#[test]
fn rentals_to_their_films_in_one_loop() -> Result<()> {
    let (db, mut sql) = data!();
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        inventory_id: i32,
        #[diesel(sql_type = Integer)]
        film_id: i32,
        #[diesel(sql_type = Text)]
        title: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT inventory_id, film_id, title FROM rental JOIN inventory USING (inventory_id) JOIN film USING (film_id)
         ORDER BY rental_id",
    )
    .load(&mut sql)?;
    // In one loop the films are wanted before all inventories are known: these are read first, so that one SELECT is
    // enough for the films.
    let distinct = |of: fn(&Row) -> i32| rows.iter().map(of).collect::<HashSet<_>>().len();
    let (inventories, films) = (distinct(|row| row.inventory_id), distinct(|row| row.film_id));
    let expected = [windows(inventories), windows(films)].concat();
    let rentals = rental::table.order(rental::rental_id).records::<Rental>(&db)?;
    db.assert_keys(&expected, || {
        rows.iter().zip(&rentals).try_for_each(|(row, rental)| {
            assert_eq!(rental.inventory_id().film_id().title()?, row.title);
            Ok(())
        })
    })
}

#[test]
fn two_links_to_one_table_share_its_records() -> Result<()> {
    let (db, mut sql) = data!();
    let spoken =
        by_owner(&mut sql, "SELECT film_id AS of, l.name FROM film JOIN language l USING (language_id)")?;
    let original = by_owner(
        &mut sql,
        "SELECT film_id AS of, l.name FROM film JOIN language l ON l.language_id = original_language_id",
    )?;
    let first = number(&mut sql, "SELECT count(DISTINCT language_id) AS n FROM film")?;
    let others = number(
        &mut sql,
        "SELECT count(DISTINCT original_language_id) AS n FROM film
         WHERE original_language_id NOT IN (SELECT language_id FROM film)",
    )?;
    assert!(others > 0 && original.len() == 333, "{others} and {}", original.len());
    let films = db.all::<Film>()?;
    // Both links at once.
    db.assert_keys(&[first + others], || {
        for film in &films {
            let id = film.id();
            assert_eq!([&*film.language_id().name()?], spoken[&id][..]);
            let name = film.original_language_id().name()?;
            assert_eq!(name.as_deref(), original.get(&id).map(|names| &*names[0]));
        }
        Ok::<_, Error>(())
    })?;
    // The other way: a list for each of the two links.
    let languages = db.all::<Language>()?;
    db.assert_keys(&[6, 6], || {
        for language in &languages {
            let of = |names: &BTreeMap<i32, Vec<String>>, name: &Str| {
                names.values().filter(|n| n[0] == **name).count()
            };
            let name = language.name()?;
            assert_eq!(language.film_ids().load()?.len(), of(&spoken, &name));
            assert_eq!(language.original_film_ids().load()?.len(), of(&original, &name));
        }
        Ok(())
    })
}

#[test]
fn films_with_their_actors_and_categories_and_back() -> Result<()> {
    let (db, mut sql) = data!();
    let cast = by_owner(
        &mut sql,
        "SELECT film_id AS of, last_name AS name FROM film_actor JOIN actor USING (actor_id)
         ORDER BY film_id, last_name, first_name, actor_id",
    )?;
    let kinds = by_owner(
        &mut sql,
        "SELECT film_id AS of, name FROM film_category JOIN category USING (category_id) ORDER BY film_id, category_id",
    )?;
    let (films, actors) = (
        number(&mut sql, "SELECT count(*) AS n FROM film")?,
        number(&mut sql, "SELECT count(*) AS n FROM actor")?,
    );
    let all = db.assert_queries(1, || db.all::<Film>())?;
    db.assert_keys(&[windows(films), windows(films)].concat(), || {
        for film in &all {
            let id = film.id();
            assert_eq!(film.actor_ids().last_name()?, cast.get(&id).cloned().unwrap_or_default());
            assert_eq!(film.category_ids().name()?, kinds.get(&id).cloned().unwrap_or_default());
        }
        Ok::<_, Error>(())
    })?;
    let titles = by_owner(
        &mut sql,
        "SELECT actor_id AS of, title AS name FROM film_actor JOIN film USING (film_id) ORDER BY actor_id, film_id",
    )?;
    // Films and actors are known already; only the lists of the actors are new.
    db.assert_keys(&windows(actors), || {
        for film in &all {
            for actor in &film.actor_ids().load()? {
                assert_eq!(actor.film_ids().title()?, titles[&actor.id()]);
            }
        }
        Ok(())
    })
}

#[test]
fn stores_and_their_staff_in_a_circle() -> Result<()> {
    let (db, mut sql) = data!();
    let managers = by_owner(
        &mut sql,
        "SELECT s.store_id AS of, m.username AS name FROM store s JOIN staff m ON m.staff_id = s.manager_staff_id",
    )?;
    let (stores, staff) = (
        number(&mut sql, "SELECT count(*) AS n FROM store")?,
        number(&mut sql, "SELECT count(*) AS n FROM staff")?,
    );
    let all = db.assert_queries(1, || db.all::<Store>())?;
    // The managers; then round and round for nothing; then the lists of the stores' staff.
    db.assert_keys(&[windows(staff), windows(stores)].concat(), || {
        for store in &all {
            let manager = store.manager_staff_id();
            assert_eq!([&*manager.username()?], managers[&store.id()][..]);
            let mut around = store.clone();
            for _ in 0..10 {
                around = around.manager_staff_id().store_id().load()?;
            }
            assert_eq!(around, store);
        }
        for store in &all {
            let here = store.staff_ids().load()?;
            assert!(here.contains(&store.manager_staff_id().load()?));
            here.iter().try_for_each(|staff| {
                assert_eq!(staff.store_id().load()?, store);
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    })
}

#[test]
fn from_countries_down_to_payments() -> Result<()> {
    let (db, mut sql) = data!();
    #[derive(QueryableByName)]
    struct Sum {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        payments: i64,
        #[diesel(sql_type = BigInt)]
        cents: i64,
    }
    let expected: Vec<Sum> = diesel::sql_query(
        "SELECT country AS name, count(payment_id) AS payments, sum(CAST(round(amount * 100) AS INTEGER)) AS cents
         FROM country JOIN city USING (country_id) JOIN address USING (city_id) JOIN customer c USING (address_id)
         JOIN rental r ON r.customer_id = c.customer_id JOIN payment p ON p.rental_id = r.rental_id
         GROUP BY country_id ORDER BY country_id",
    )
    .load(&mut sql)?;
    let mut keys = Vec::new();
    for parents in ["country", "city", "address", "customer", "rental"] {
        keys.extend(windows(number(&mut sql, &format!("SELECT count(*) AS n FROM {parents}"))?));
    }
    assert_eq!(keys.len(), 4 + 17, "each level but the last is one window");
    let countries = db.assert_queries(1, || db.all::<Country>())?;
    let mut found = Vec::new();
    db.assert_keys(&keys, || {
        for country in &countries {
            let (mut payments, mut cents) = (0, 0);
            for city in &country.city_ids().load()? {
                for address in &city.address_ids().load()? {
                    for customer in &address.customer_ids().load()? {
                        for rental in &customer.rental_ids().load()? {
                            for payment in &rental.payment_ids().load()? {
                                payments += 1;
                                cents += (payment.amount()? * 100.0).round() as i64;
                                assert_eq!(payment.rental_id().load()?, Some(rental.clone()));
                            }
                        }
                    }
                }
            }
            if payments > 0 {
                found.push((country.name()?.to_string(), payments, cents));
            }
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(
        found,
        expected.into_iter().map(|sum| (sum.name, sum.payments, sum.cents)).collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn payments_by_the_country_of_the_store_that_took_them() -> Result<()> {
    let (db, mut sql) = data!();
    let joins = "FROM payment JOIN staff s USING (staff_id) JOIN store st ON st.store_id = s.store_id
        JOIN address a ON a.address_id = st.address_id JOIN city USING (city_id) JOIN country USING (country_id)";
    let expected: BTreeMap<String, usize> =
        by_owner(&mut sql, &format!("SELECT payment_id AS of, country AS name {joins}"))?.into_values().fold(
            BTreeMap::new(),
            |mut counts, names| {
                *counts.entry(names[0].clone()).or_default() += 1;
                counts
            },
        );
    let mut keys = Vec::new();
    for key in ["s.staff_id", "st.store_id", "a.address_id", "city.city_id", "country.country_id"] {
        keys.extend(windows(number(&mut sql, &format!("SELECT count(DISTINCT {key}) AS n {joins}"))?));
    }
    // The addresses of the staff, which were named on the way, come with those of the stores.
    keys[2] += number(
        &mut sql,
        "SELECT count(DISTINCT address_id) AS n FROM staff WHERE address_id NOT IN (SELECT address_id FROM store)",
    )?;
    let payments =
        db.assert_queries(1, || payment::table.order(payment::payment_id).records::<Payment>(&db))?;
    let groups = db.assert_keys(&keys, || {
        payments.group_by(|payment| payment.staff_id().store_id().address_id().city_id().country_id().name())
    })?;
    let found: BTreeMap<String, usize> =
        groups.iter().map(|(name, set)| (name.to_string(), set.len())).collect();
    assert_eq!(found, expected);
    Ok(())
}
