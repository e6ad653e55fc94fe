//! A sum, a mean, the least, the greatest and a count of some of the members of a link are one grouped SELECT for the group, or
//! none where all is cached; they are kept until something changes that they follow from.
#![allow(clippy::unwrap_used, clippy::unit_arg)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::Backend;
use orm_tests::{File, TestDb, on, test_db};

diesel::table! { clients { id -> Integer, name -> Text, town_id -> Integer } }
diesel::table! { towns { id -> Integer, name -> Text } }
diesel::table! { orders {
    id -> Integer, client_id -> Nullable<Integer>, amount -> BigInt, price -> Integer, quantity -> Integer,
    rating -> Nullable<Double>, state -> Text,
} }
diesel::table! { tags { id -> Integer, weight -> Nullable<Integer> } }
diesel::table! { order_tags (order_id, tag_id) { order_id -> Integer, tag_id -> Integer } }
diesel::table! { order_marks { id -> Integer, order_id -> Integer, tag_id -> Integer } }
diesel::allow_tables_to_appear_in_same_query!(orders, tags);

#[derive(Model)]
struct Town {
    id: i32,
    name: String,
    #[model(inverse = Client::TOWN_ID)]
    client_ids: OneToMany<Client>,
}

#[derive(Model)]
struct Client {
    id: i32,
    name: String,
    town_id: Id<Town>,
    #[model(inverse = Order::CLIENT_ID)]
    order_ids: OneToMany<Order>,
    #[model(compute = total)]
    total: Computed<i64>,
}

#[derive(Model)]
struct Order {
    id: i32,
    client_id: Option<Id<Client>>,
    amount: i64,
    price: i32,
    quantity: i32,
    rating: Option<f64>,
    state: String,
    #[model(through(order_tags::order_id, order_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    /// Through a table that may hold a pair twice
    #[model(through(order_marks::order_id, order_marks::tag_id))]
    mark_ids: ManyToMany<Tag>,
}

#[derive(Model)]
struct Tag {
    id: i32,
    weight: Option<i32>,
    #[model(through(order_tags::tag_id, order_tags::order_id))]
    order_ids: ManyToMany<Order>,
}

fn total(client: &Record<Client>) -> Result<i64> {
    client.order_ids().sum(Order::AMOUNT)
}

/// Clients in two towns, each with as many orders as its number modulo 4, two tags for each order
fn file(clients: usize) -> File {
    let numbers = orm_tests::partners::series(clients);
    File::new(&format!(
        "CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town_id INTEGER NOT NULL);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, client_id INTEGER, amount BIGINT NOT NULL,
            price INTEGER NOT NULL, quantity INTEGER NOT NULL, rating DOUBLE, state TEXT NOT NULL);
         CREATE TABLE tags (id INTEGER PRIMARY KEY, weight INTEGER);
         CREATE TABLE order_tags (order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (order_id, tag_id));
         CREATE TABLE order_marks (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, tag_id INTEGER NOT NULL);
         INSERT INTO towns VALUES (1, 'a'), (2, 'b');
         INSERT INTO clients SELECT value, 'c' || value, 1 + value % 2 FROM {numbers};
         INSERT INTO orders SELECT 10 * c.value + n.value, c.value, 100 * c.value + n.value, n.value, 2,
            CASE WHEN n.value < 3 THEN n.value / 2.0 END, CASE WHEN n.value = 1 THEN 'open' ELSE 'paid' END
            FROM {numbers} AS c, {three} AS n WHERE n.value <= c.value % 4;
         INSERT INTO tags VALUES (1, 1), (2, 10), (3, NULL), (4, 1000);
         INSERT INTO order_tags SELECT id, 1 + id % 3 FROM orders;
         INSERT INTO order_tags SELECT id, 4 FROM orders;
         INSERT INTO order_marks (order_id, tag_id) SELECT order_id, tag_id FROM order_tags;
         INSERT INTO order_marks (order_id, tag_id) SELECT order_id, tag_id FROM order_tags;",
        three = orm_tests::partners::series(3),
    ))
}

/// Strict: a loop that asks for each record is an error
fn db(clients: usize) -> TestDb {
    test_db!(file(clients), strict())
}

/// Client 3 has the orders 31, 32 and 33.
fn sums(db: &TestDb) -> Result<Vec<i64>> {
    db.all::<Client>()?.map(|client| client.order_ids().sum(Order::AMOUNT))
}

#[test]
fn one_select_for_all() -> Result<()> {
    let db = db(40);
    let clients = db.all::<Client>()?;
    let (found, statements) = db.watch(|| clients.map(|client| client.order_ids().sum(Order::AMOUNT)));
    let expected = |id: i64| (1..=id % 4).map(|n| 100 * id + n).sum::<i64>();
    assert_eq!(found?, (1..=40).map(expected).collect::<Vec<_>>());
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(statements[0].sql.contains("SUM(") && statements[0].sql.contains("GROUP BY"), "{statements:?}");
    assert_eq!(statements[0].keys().len(), 40);
    assert_eq!(db.stats().model("Order").map_or(0, |model| model.values), 0, "no order was read");
    // Each function is one of its own, and all of them are kept.
    let all = |client: &Record<Client>| {
        let orders = client.order_ids();
        Ok((
            orders.avg(Order::AMOUNT)?,
            orders.min(Order::RATING)?,
            orders.max(Order::STATE)?,
            orders.sum(Order::RATING)?,
            orders.count_where(orders::state.eq("open"))?,
            orders.sum(orders::price * orders::quantity)?,
        ))
    };
    let found = db.assert_queries(6, || clients.map(all))?;
    assert_eq!(found[0], (Some(101.0), Some(0.5), Some("open".into()), 0.5, 1, 2));
    assert_eq!(found[2], (Some(302.0), Some(0.5), Some("paid".into()), 1.5, 1, 12));
    assert_eq!(found[3], (None, None, None, 0.0, 0, 0), "of none");
    assert_eq!(db.assert_queries(0, || clients.map(all))?, found);
    Ok(())
}

#[test]
fn windows_of_a_thousand() -> Result<()> {
    let db = db(2500);
    let clients = db.all::<Client>()?;
    db.assert_keys(&[1000, 1000, 500], || {
        clients.map(|client| client.order_ids().sum(Order::AMOUNT)).map(drop)
    })
}

#[test]
fn nothing_is_asked_where_the_list_and_the_field_are_cached() -> Result<()> {
    let db = db(40);
    let expected = sums(&db)?;
    db.cache().clear();
    let clients = db.all::<Client>()?;
    clients.order_ids().amount()?;
    db.assert_queries(0, || -> Result<()> {
        assert_eq!(sums_of(&clients)?, expected);
        let client = clients.get(2).unwrap().order_ids();
        assert_eq!((client.avg(Order::AMOUNT)?, client.min(Order::AMOUNT)?), (Some(302.0), Some(301)));
        assert_eq!((client.max(Order::RATING)?, client.sum(Order::RATING)?), (Some(1.0), 1.5));
        // What was written and not sent counts in.
        db.env
            .transaction(|| -> Result<()> {
                db.record::<Order>(31).set_amount(1)?;
                assert_eq!(client.sum(Order::AMOUNT)?, 1 + 302 + 303);
                Err(Error::other("undone"))
            })
            .unwrap_err();
        Ok(())
    })?;
    // The order of texts is the database's own.
    db.assert_queries(1, || clients.get(2).unwrap().order_ids().max(Order::STATE))?;
    Ok(())
}

fn sums_of(clients: &RecordSet<Client>) -> Result<Vec<i64>> {
    clients.map(|client| client.order_ids().sum(Order::AMOUNT))
}

/// What another environment finds
fn assert_fresh(db: &TestDb) -> Result<()> {
    let fresh = Environment::connect(&db.file.url())?;
    let all = |env: &Environment| -> Result<Vec<_>> {
        env.all::<Client>()?.map(|client| {
            let orders = client.order_ids();
            Ok((
                orders.sum(Order::AMOUNT)?,
                orders.avg(Order::AMOUNT)?,
                orders.min(Order::RATING)?,
                orders.max(Order::STATE)?,
                orders.count_where(orders::state.eq("open"))?,
                orders.sum(orders::price * orders::quantity)?,
                client.total()?,
            ))
        })
    };
    assert_eq!(all(db)?, all(&fresh)?);
    let tags = |env: &Environment| -> Result<Vec<_>> {
        env.all::<Order>()?.map(|order| {
            let (tags, marks) = (order.tag_ids(), order.mark_ids());
            Ok((
                (tags.sum(Tag::WEIGHT)?, tags.max(Tag::WEIGHT)?, tags.count_where(tags::weight.is_null())?),
                (marks.sum(Tag::WEIGHT)?, marks.avg(Tag::WEIGHT)?, marks.count_where(tags::weight.gt(1))?),
            ))
        })
    };
    assert_eq!(tags(db)?, tags(&fresh)?);
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "keys are counted as SQLite is asked for them")]
fn a_write_makes_those_of_its_owner_missing_and_no_others() -> Result<()> {
    let db = test_db!(file(40));
    let clients = db.all::<Client>()?;
    let open = |client: &Record<Client>| client.order_ids().count_where(orders::state.eq("open"));
    let worth = |client: &Record<Client>| client.order_ids().sum(orders::price * orders::quantity);
    let read = || -> Result<()> {
        sums_of(&clients)?;
        clients.map(open)?;
        clients.map(worth).map(drop)
    };
    read()?;
    // Whose order it is is known once the order was read.
    db.all::<Order>()?;
    db.record::<Order>(31).set_amount(7)?;
    let keys = |expected: &[usize]| {
        db.assert_keys(expected, read)?;
        assert_fresh(&db)
    };
    // The sum, and what is an expression: nobody knows which columns that reads. A condition has a bind of its own.
    keys(&[1, 2, 1])?;
    db.record::<Order>(31).set_amount(7)?;
    keys(&[])?;
    db.record::<Order>(31).set_state("paid")?;
    keys(&[2, 1])?;
    db.record::<Client>(3).set_name("new")?;
    keys(&[])?;
    // From 3 to 4
    db.record::<Order>(31).set_client_id(4)?;
    keys(&[2, 3, 2])?;
    // And from there; what was worked out since might know it as somebody else's.
    db.record::<Order>(31).set_client_id(None)?;
    keys(&[2, 3, 2])?;
    let new = Order::values().client_id(5).amount(9).price(1).quantity(1).state("open");
    db.create(new.clone())?;
    keys(&[1, 2, 1])?;
    clients.get(6).unwrap().order_ids().create(new.clone().client_id(7))?;
    keys(&[1, 2, 1])?;
    clients.get(7).unwrap().order_ids().add(&db.record::<Order>(31))?;
    keys(&[5, 2, 5])?;
    db.record::<Order>(21).delete()?;
    db.assert_queries(3, read)?;
    assert_fresh(&db)?;
    // A client of whom nobody has heard has no orders.
    let client = db.create(Client::values().name("new").town_id(1))?;
    db.assert_queries(0, || client.order_ids().sum(Order::AMOUNT))?;
    client.order_ids().create(new.client_id(&client))?;
    assert_eq!(db.assert_queries(0, || client.order_ids().sum(Order::AMOUNT))?, 9);
    assert_fresh(&db)
}

#[test]
fn where_it_is_not_known_whose_member_it_is_all_are_missing() -> Result<()> {
    let db = db(40);
    let clients = db.all::<Client>()?;
    sums_of(&clients)?;
    db.record::<Order>(31).set_amount(7)?;
    db.assert_keys(&[40], || sums_of(&clients).map(drop))?;
    assert_fresh(&db)
}

#[test]
fn pairs_count_once_and_make_both_sides_missing() -> Result<()> {
    let db = test_db!(file(8));
    assert_fresh(&db)?;
    let weights = db.all::<Order>()?.map(|order| order.mark_ids().sum(Tag::WEIGHT))?;
    // The order 11 has the tags 3, which weighs nothing, and 4, each of them twice.
    assert_eq!(weights[0], 1000);
    let (order, tag) = (db.record::<Order>(31), db.record::<Tag>(1));
    let amounts = || tag.order_ids().sum(Order::AMOUNT);
    let before = amounts()?;
    assert!(!order.tag_ids().contains(&tag)?);
    order.tag_ids().add(&tag)?;
    assert_eq!(amounts()?, before + order.amount()?);
    assert_fresh(&db)?;
    order.tag_ids().remove(&tag)?;
    assert_eq!(amounts()?, before);
    tag.order_ids().add(&order)?;
    assert_fresh(&db)?;
    tag.set_weight(77)?;
    assert_fresh(&db)?;
    order.tag_ids().set(&db.browse::<Tag>([0; 0]))?;
    assert_fresh(&db)?;
    let tag = order.tag_ids().create(Tag::values().weight(5))?;
    assert_fresh(&db)?;
    tag.delete()?;
    assert_fresh(&db)
}

#[test]
fn what_is_undone_is_not_kept() -> Result<()> {
    let db = db(8);
    db.all::<Order>()?;
    let before = sums(&db)?;
    let undone = db.transaction(|| -> Result<()> {
        db.record::<Order>(31).set_amount(1_000_000)?;
        assert_eq!(sums(&db)?[2], before[2] - 301 + 1_000_000);
        db.record::<Order>(32).delete()?;
        let inner = db.transaction(|| -> Result<()> {
            db.record::<Order>(33).set_client_id(1)?;
            assert_eq!(sums(&db)?[0], before[0] + 303);
            Err(Error::other("undone"))
        });
        assert!(inner.is_err());
        assert_eq!((sums(&db)?[0], sums(&db)?[2]), (before[0], 1_000_000 + 303));
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(sums(&db)?, before);
    assert_fresh(&db)
}

#[test]
fn whatever_is_made_missing_takes_what_follows_from_it_along() -> Result<()> {
    let db = test_db!(file(8));
    let forgets: [(&str, &dyn Fn() -> Result<()>); 11] = [
        ("the field", &|| Ok(db.cache().invalidate_field(Order::AMOUNT))),
        ("a cell that nobody has read", &|| Ok(db.cache().invalidate(Order::AMOUNT, [31]))),
        ("a link that nobody has read", &|| Ok(db.cache().invalidate(Order::CLIENT_ID, [31]))),
        ("the list", &|| Ok(db.cache().invalidate(Client::ORDER_IDS, [3]))),
        ("all lists", &|| Ok(db.cache().invalidate_field(Client::ORDER_IDS))),
        ("the members", &|| Ok(db.cache().invalidate_model::<Order>())),
        ("the owners", &|| Ok(db.cache().invalidate_model::<Client>())),
        ("a member anew", &|| db.record::<Order>(31).refresh()),
        ("an owner anew", &|| db.record::<Client>(3).refresh()),
        ("all", &|| Ok(db.cache().clear())),
        ("a statement", &|| {
            let statement = diesel::update(orders::table.find(32)).set(orders::price.eq(5));
            db.touching().model::<Order>().execute(statement).map(drop)
        }),
    ];
    for (what, forget) in forgets {
        let before = sums(&db)?;
        db.file.run("UPDATE orders SET amount = amount + 1 WHERE id = 31");
        assert_eq!(sums(&db)?, before, "{what}");
        forget()?;
        assert_eq!(sums(&db)?[2], before[2] + 1, "{what}");
    }
    // A field that it does not follow from
    let before = sums(&db)?;
    db.cache().invalidate_field(Order::PRICE);
    // The clients themselves are searched.
    assert_eq!(db.assert_queries(1, || sums(&db))?, before);
    Ok(())
}

#[test]
fn a_sum_that_is_too_large_is_the_error_of_its_owner() -> Result<()> {
    let db = db(8);
    db.file.run(&format!("UPDATE orders SET amount = {} WHERE client_id IN (3, 6)", i64::MAX));
    let sum = |id: i32| db.record::<Client>(id).order_ids().sum(Order::AMOUNT);
    let clients = db.all::<Client>()?;
    // The first attempt, and the sum of halves; elsewhere a sum is as large as it is.
    let all = || clients.iter().map(|client| client.order_ids().sum(Order::AMOUNT)).collect::<Vec<_>>();
    let queries = db.stats().queries;
    let found = db.transaction(|| Ok(all()))?;
    assert_eq!(db.stats().queries - queries, on!(sqlite 2, postgres 1, mysql 1));
    assert_eq!(found[0].clone().ok(), Some(101));
    let error = found[2].clone().unwrap_err();
    assert!(matches!(&error, Error::Overflow { model: "Client", field: "order_ids", .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the sum over Client.order_ids of the record with key 3 is 27670116110564327421, which an i64 does not hold; take \
         `avg`, or a sum of an expression of a floating-point type"
    );
    assert_eq!(db.record::<Client>(3).order_ids().avg(Order::AMOUNT)?, Some(i64::MAX as f64));
    // The same where it is added up here
    clients.order_ids().amount()?;
    db.cache().invalidate_field(Client::NAME);
    assert!(matches!(sum(3), Err(Error::Overflow { .. })));
    db.file.run(&format!("UPDATE orders SET amount = {} WHERE id IN (32, 33)", -5));
    db.cache().clear();
    assert_eq!(sum(3)?, i64::MAX - 10);
    assert!(matches!(sum(6), Err(Error::Overflow { .. })));
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn what_is_no_number_is_the_error_of_its_owner() -> Result<()> {
    let db = db(8);
    db.file
        .run("UPDATE orders SET amount = 'abc' WHERE id = 31; UPDATE orders SET price = 1.5 WHERE id = 21");
    let clients = db.all::<Client>()?;
    let (found, statements) =
        db.watch(|| clients.iter().map(|client| client.order_ids().sum(Order::AMOUNT)).collect::<Vec<_>>());
    assert_eq!((statements.len(), found[0].clone().ok(), found[1].is_ok()), (1, Some(101), true));
    let error = found[2].clone().unwrap_err();
    assert!(matches!(&error, Error::InvalidValue { model: "Client", field: "order_ids", .. }), "{error:?}");
    assert!(
        error.to_string().contains("key 3 ") && error.to_string().contains("an integer was expected"),
        "{error}"
    );
    // It is not asked again, until the order is written.
    db.assert_queries(0, || clients.get(2).unwrap().order_ids().sum(Order::AMOUNT)).unwrap_err();
    let worth = clients.get(1).unwrap().order_ids().sum(orders::price * orders::quantity);
    assert!(matches!(worth, Err(Error::InvalidValue { .. })), "{worth:?}");
    db.record::<Order>(31).set_amount(1)?;
    assert_eq!(clients.get(2).unwrap().order_ids().sum(Order::AMOUNT)?, 1 + 302 + 303);
    Ok(())
}

#[test]
fn of_a_whole_set_each_member_counts_once() -> Result<()> {
    let db = db(40);
    let (clients, orders) = (db.all::<Client>()?, db.all::<Order>()?);
    let all: Vec<i64> = sums(&db)?;
    // What was aggregated for each is joined.
    let total = db.assert_queries(0, || clients.order_ids().sum(Order::AMOUNT))?;
    assert_eq!(total, all.iter().sum::<i64>());
    let again = &clients | &db.browse::<Client>([1, 2, 3]);
    assert_eq!(again.concat(&clients).order_ids().sum(Order::AMOUNT)?, total);
    assert_eq!(clients.order_ids().max(Order::RATING)?, Some(1.0));
    // A tag is that of many orders, and the order of texts is the database's: one SELECT for all.
    assert_eq!(db.assert_queries(1, || orders.tag_ids().sum(Tag::WEIGHT))?, 1011);
    assert_eq!(db.assert_queries(1, || orders.mark_ids().avg(Tag::WEIGHT))?, Some(337.0));
    assert_eq!(db.assert_queries(1, || orders.tag_ids().count_where(tags::weight.is_null()))?, 1);
    assert_eq!(db.assert_queries(1, || clients.order_ids().max(Order::STATE))?, Some("paid".into()));
    // A link of many orders: their clients, each once
    assert_eq!(
        orders.client_id().sum(clients::id)?,
        clients.filter(|c| Ok(c.id() % 4 > 0))?.ids().iter().map(|&id| i64::from(id)).sum::<i64>()
    );
    assert_eq!(db.browse::<Client>([0; 0]).order_ids().sum(Order::AMOUNT)?, 0);
    assert_eq!(db.browse::<Client>([0; 0]).order_ids().avg(Order::AMOUNT)?, None);
    Ok(())
}

#[test]
fn behind_another_link_it_is_one_select_for_the_group_too() -> Result<()> {
    let db = db(40);
    let towns = db.all::<Town>()?;
    let (found, statements) = db.watch(|| towns.map(|town| town.client_ids().order_ids().sum(Order::AMOUNT)));
    assert_eq!(found?.iter().sum::<i64>(), sums(&db)?.iter().sum::<i64>());
    assert!(statements.len() <= 3, "{statements:?}");
    db.cache().clear();
    let orders = db.all::<Order>()?;
    let (_, statements) = db.watch(|| orders.map(|order| order.client_id().order_ids().sum(Order::AMOUNT)));
    assert_eq!(statements.len(), 1, "{statements:?}");
    Ok(())
}

#[test]
fn what_is_computed_from_it_follows_it() -> Result<()> {
    let db = db(40);
    let clients = db.all::<Client>()?;
    let totals = db.assert_queries(1, || clients.total())?;
    assert_eq!(totals, sums(&db)?);
    db.assert_queries(0, || clients.total())?;
    db.all::<Order>()?;
    db.record::<Order>(31).set_amount(0)?;
    assert_eq!(db.assert_queries(1, || clients.total())?[2], 302 + 303);
    db.record::<Order>(31).set_price(0)?;
    db.assert_queries(0, || clients.total())?;
    db.record::<Order>(31).delete()?;
    assert_eq!(clients.total()?[2], 302 + 303);
    db.record::<Order>(32).set_client_id(1)?;
    assert_eq!((clients.total()?[0], clients.total()?[2]), (101 + 302, 303));
    Ok(())
}

// diesel's `cast` names the type before it knows which of several databases it is for.
#[cfg(not(feature = "any"))]
#[test]
fn an_expression_that_looks_elsewhere_follows_from_that_too() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let largest = || tags::table.select(diesel::dsl::max(tags::weight)).single_value();
    let above = || {
        client.order_ids().count_where(
            orders::amount
                .nullable()
                .gt(largest().cast::<diesel::sql_types::Nullable<diesel::sql_types::BigInt>>()),
        )
    };
    assert_eq!(above()?, 0);
    assert_eq!(db.assert_queries(0, above)?, 0);
    db.record::<Tag>(4).set_weight(301)?;
    assert_eq!(above()?, 2);
    db.record::<Tag>(4).set_weight(None)?;
    assert_eq!(above()?, 3);
    db.create(Tag::values().weight(302))?;
    assert_eq!(above()?, 1);
    Ok(())
}

#[test]
fn one_that_looks_at_a_join_table_follows_from_its_pairs() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let of_order = "EXISTS (SELECT 1 FROM order_tags WHERE order_id = orders.id AND tag_id = 2)";
    let of_order = || diesel::dsl::sql::<diesel::sql_types::Bool>(of_order);
    let pairs = || client.order_ids().count_where(of_order());
    let before = db
        .file
        .values("SELECT COUNT(*) AS value FROM order_tags WHERE order_id BETWEEN 31 AND 33 AND tag_id = 2");
    assert_eq!((pairs()?.to_string(), before), ("1".to_owned(), vec!["1".to_owned()]));
    assert_eq!(db.assert_queries(0, pairs)?, 1);
    let (order, tag) = (db.record::<Order>(32), db.record::<Tag>(2));
    db.transaction(|| {
        order.tag_ids().add(&tag)?;
        assert_eq!(pairs()?, 2);
        order.tag_ids().remove(&tag)?;
        assert_eq!(pairs()?, 1);
        Ok(())
    })?;
    db.record::<Order>(33).tag_ids().set(&db.browse::<Tag>([2]))?;
    assert_eq!(
        db.file.values(
            "SELECT COUNT(*) AS value FROM order_tags WHERE order_id BETWEEN 31 AND 33 AND tag_id = 2"
        ),
        [pairs()?.to_string()]
    );
    Ok(())
}

#[test]
fn a_function_that_may_be_another_one_each_time_is_not_kept() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let random = || {
        client.order_ids().sum(diesel::dsl::sql::<diesel::sql_types::Integer>(on!(
            sqlite "abs(random() % 7)",
            postgres "CAST(floor(random() * 7) AS INTEGER)",
            mysql "floor(rand() * 7)"
        )))
    };
    db.assert_queries(1, random)?;
    db.assert_queries(1, random)?;
    let paid = "upper(state) = 'PAID'";
    let upper = || client.order_ids().count_where(diesel::dsl::sql::<diesel::sql_types::Bool>(paid));
    assert_eq!(db.assert_queries(1, upper)?, 2);
    db.assert_queries(0, upper)?;
    Ok(())
}

/// Its `Debug` does not say what it is.
#[derive(diesel::expression::AsExpression, Clone)]
#[diesel(sql_type = diesel::sql_types::Text)]
struct Secret(&'static str);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl diesel::serialize::ToSql<diesel::sql_types::Text, Backend> for Secret {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, Backend>,
    ) -> diesel::serialize::Result {
        diesel::serialize::ToSql::<diesel::sql_types::Text, Backend>::to_sql(self.0, out)
    }
}

#[test]
fn what_cannot_be_told_apart_is_not_kept() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let count =
        |state| db.assert_queries(1, || client.order_ids().count_where(orders::state.eq(Secret(state))));
    assert_eq!((count("open")?, count("paid")?, count("open")?), (1, 2, 1));
    let kept = |state| client.order_ids().count_where(orders::state.eq(state));
    assert_eq!((kept("open")?, kept("paid")?, kept("open")?), (1, 2, 1));
    db.assert_queries(0, || kept("paid"))?;
    Ok(())
}

#[test]
fn of_many_expressions_those_are_kept_that_were_wanted_last() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let above = |amount: i64| client.order_ids().count_where(orders::amount.gt(amount));
    db.assert_queries(200, || (200..400).try_for_each(|amount| above(amount).map(drop)))?;
    db.assert_queries(0, || (340..400).try_for_each(|amount| above(amount).map(drop)))?;
    assert_eq!((above(301)?, above(200)?), (2, 3));
    db.record::<Order>(33).set_amount(0)?;
    assert_eq!((above(301)?, above(200)?, above(399)?), (1, 2, 0));
    Ok(())
}

#[test]
fn a_limit_and_an_age_are_kept_to() -> Result<()> {
    let db = test_db!(file(3000), cache_limit(100));
    let clients = clients::table.record_ids::<Client>(&db)?;
    let plain = db.file.values(
        "SELECT CAST(coalesce((SELECT sum(amount) FROM orders WHERE client_id = clients.id), 0) AS TEXT) AS value FROM clients ORDER BY id",
    );
    let (found, statements) = db.watch(|| sums_of(&clients));
    assert_eq!(found?.iter().map(i64::to_string).collect::<Vec<_>>(), plain);
    assert!(statements.len() <= 3000 / 40, "{}", statements.len());
    assert!(db.stats().records <= 100);
    let total = clients.order_ids().sum(Order::AMOUNT)?;
    assert_eq!(total, plain.iter().map(|sum| sum.parse::<i64>().unwrap()).sum::<i64>());

    let db = test_db!(file(8), max_age(std::time::Duration::from_millis(20)));
    let client = db.record::<Client>(3);
    let before = client.order_ids().sum(Order::AMOUNT)?;
    db.file.run("UPDATE orders SET amount = amount + 1 WHERE id = 31");
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert_eq!(client.order_ids().sum(Order::AMOUNT)?, before + 1);
    Ok(())
}

diesel::table! { boxes (shop, number) { shop -> Text, number -> Integer } }
diesel::table! { items { id -> Integer, shop -> Text, number -> Integer, weight -> Integer } }
diesel::table! { sides { id -> Integer, shop -> Text, number -> Integer, item_id -> Integer } }

#[derive(Model)]
#[model(table = boxes, primary_key(shop, number))]
struct Crate {
    shop: String,
    number: i32,
    #[model(inverse = Item::HELD_IN)]
    item_ids: OneToMany<Item>,
    #[model(through((sides::shop, sides::number), sides::item_id))]
    side_ids: ManyToMany<Item>,
}

#[derive(Model)]
struct Item {
    id: i32,
    shop: String,
    number: i32,
    weight: i32,
    #[model(columns(shop, number))]
    held_in: Id<Crate>,
    #[model(through(sides::item_id, (sides::shop, sides::number)))]
    crate_ids: ManyToMany<Crate>,
}

#[test]
fn keys_may_have_several_columns() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE boxes (shop TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (shop, number));
         CREATE TABLE items (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, number INTEGER NOT NULL, weight INTEGER NOT NULL);
         CREATE TABLE sides (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, number INTEGER NOT NULL, item_id INTEGER NOT NULL);
         INSERT INTO boxes VALUES ('a', 1), ('a', 2), ('b', 1);
         INSERT INTO items VALUES (1, 'a', 1, 10), (2, 'a', 1, 20), (3, 'b', 1, 40);
         INSERT INTO sides VALUES (1, 'a', 1, 3), (2, 'a', 1, 3), (3, 'a', 1, 1), (4, 'b', 1, 2)",
    );
    let crates = db.all::<Crate>()?;
    let sums = || crates.map(|it| it.item_ids().sum(Item::WEIGHT));
    assert_eq!(db.assert_queries(1, sums)?, [30, 0, 40]);
    assert_eq!(db.assert_queries(1, || crates.map(|it| it.side_ids().sum(Item::WEIGHT)))?, [50, 0, 20]);
    let heavy = || crates.map(|it| it.side_ids().count_where(items::weight.gt(10)));
    assert_eq!(db.assert_queries(1, heavy)?, [1, 0, 1]);
    assert_eq!(crates.side_ids().sum(Item::WEIGHT)?, 70);
    assert_eq!(db.all::<Item>()?.map(|item| item.crate_ids().max(boxes::number))?, [Some(1); 3]);
    db.record::<Item>(1).set_weight(11)?;
    assert_eq!((sums()?, heavy()?), (vec![31, 0, 40], vec![2, 0, 1]));
    db.record::<Item>(1).set_held_in(crates.get(1).unwrap())?;
    assert_eq!(sums()?, [20, 11, 40]);
    Ok(())
}

/// The orders, whose link is a number like any other here
#[derive(Model)]
#[model(table = orders)]
struct Plain {
    id: i32,
    client_id: Option<i32>,
    amount: i64,
    price: i32,
    quantity: i32,
    state: String,
}

#[test]
fn a_row_that_is_read_anew_makes_what_follows_from_it_missing() -> Result<()> {
    let ways: [fn(&TestDb) -> Result<()>; 4] = [
        |db| db.record::<Order>(11).refresh().map(drop),
        |db| db.all::<Order>()?.refresh().map(drop),
        |db| orders::table.records_fresh::<Order>(db).map(drop),
        |db| db.transaction(|| db.record::<Order>(11).lock().map(drop)),
    ];
    for anew in ways {
        let db = test_db!(file(4));
        db.all::<Order>()?;
        let list = db.record::<Client>(1).order_ids();
        let counted = || list.count_where(orders::amount.gt(1000));
        assert_eq!((counted()?, list.sum(Order::AMOUNT)?), (0, 101));
        db.file.run("UPDATE orders SET amount = 5000 WHERE id = 11");
        anew(&db)?;
        assert_eq!((counted()?, list.sum(Order::AMOUNT)?), (1, 5000));
    }
    Ok(())
}

#[test]
fn a_row_that_another_model_creates_or_changes_counts() -> Result<()> {
    let db = test_db!(file(4));
    let list = db.record::<Client>(1).order_ids();
    let seen = || Ok::<_, Error>((list.len()?, list.load()?.len(), list.sum(Order::AMOUNT)?));
    assert_eq!(seen()?, (1, 1, 101));
    let values = Plain::values().price(1).quantity(1).state("open");
    db.create(values.clone().id(99).client_id(1).amount(1000))?;
    assert_eq!(seen()?, (2, 2, 1101));
    db.upsert(Plain::ID, values.id(99).client_id(2).amount(1))?;
    assert_eq!(seen()?, (1, 1, 101));
    Ok(())
}
