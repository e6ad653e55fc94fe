//! Keys of several columns: records, links from and to them, lists, writing.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { crates { id -> Integer, name -> Text } }
diesel::table! { users { login -> Text, id -> Integer, } }
diesel::table! {
    owners (crate_id, user_id) { crate_id -> Integer, user_id -> Integer, role -> Nullable<Text>, version -> Integer }
}
diesel::table! { orders (shop, number) { shop -> Text, number -> Integer, note -> Nullable<Text> } }
diesel::table! { lines (shop, order_number, line) {
    shop -> Text, order_number -> Integer, line -> SmallInt, amount -> Integer, crate_id -> Nullable<Integer>,
} }
diesel::table! { payments { id -> Integer, order_shop -> Nullable<Text>, order_number -> Nullable<Integer> } }
diesel::table! { order_tags (shop, number, tag_id) { shop -> Text, number -> Integer, tag_id -> Integer } }

#[derive(Model)]
struct Crate {
    id: i32,
    name: String,
    #[model(inverse = Owner::CRATE_ID)]
    owner_ids: OneToMany<Owner>,
    #[model(through(owners::crate_id, owners::user_id))]
    user_ids: ManyToMany<User>,
    #[model(through(order_tags::tag_id, (order_tags::shop, order_tags::number)))]
    order_ids: ManyToMany<Order>,
}

#[derive(Model)]
struct User {
    id: i32,
    login: String,
    #[model(inverse = Owner::USER_ID)]
    owner_ids: OneToMany<Owner>,
}

#[derive(Model)]
struct Owner {
    #[model(primary_key)]
    crate_id: Id<Crate>,
    #[model(primary_key)]
    user_id: Id<User>,
    role: Option<String>,
    #[model(version)]
    version: i32,
}

#[derive(Model)]
#[model(primary_key(shop, number))]
struct Order {
    number: i32,
    shop: String,
    note: Option<String>,
    #[model(inverse = Line::ORDER)]
    line_ids: OneToMany<Line>,
    #[model(inverse = Payment::ORDER)]
    payment_ids: OneToMany<Payment>,
    #[model(through((order_tags::shop, order_tags::number), order_tags::tag_id))]
    crate_ids: ManyToMany<Crate>,
}

#[derive(Model)]
#[model(primary_key(shop, order_number, line))]
struct Line {
    shop: String,
    order_number: i32,
    line: i16,
    amount: i32,
    crate_id: Option<Id<Crate>>,
    #[model(columns(shop, order_number))]
    order: Id<Order>,
}

#[derive(Model)]
struct Payment {
    id: i32,
    #[model(columns(order_shop, order_number))]
    order: Option<Id<Order>>,
}

const SCHEMA: &str = "CREATE TABLE crates (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT NOT NULL);
    CREATE TABLE owners (crate_id INTEGER NOT NULL, user_id INTEGER NOT NULL, role TEXT,
        version INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (crate_id, user_id));
    CREATE TABLE orders (shop TEXT NOT NULL, number INTEGER NOT NULL, note TEXT, PRIMARY KEY (shop, number));
    CREATE TABLE lines (shop TEXT NOT NULL, order_number INTEGER NOT NULL, line INTEGER NOT NULL,
        amount INTEGER NOT NULL, crate_id INTEGER, PRIMARY KEY (shop, order_number, line));
    CREATE TABLE payments (id INTEGER PRIMARY KEY, order_shop TEXT, order_number INTEGER);
    CREATE TABLE order_tags (shop TEXT NOT NULL, number INTEGER NOT NULL, tag_id INTEGER NOT NULL,
        PRIMARY KEY (shop, number, tag_id));
    INSERT INTO crates VALUES (1, 'serde'), (2, 'syn'), (3, 'quote'); INSERT INTO users VALUES (1, 'ann'), (2, 'bob');
    INSERT INTO owners (crate_id, user_id, role) VALUES (1, 1, 'lead'), (1, 2, NULL), (2, 1, 'lead');
    INSERT INTO orders VALUES ('a', 1, 'first'), ('a', 2, NULL), ('b', 1, 'other');
    INSERT INTO lines VALUES ('a', 1, 1, 10, 1), ('a', 1, 2, 20, 2), ('a', 2, 1, 30, NULL), ('b', 1, 1, 40, 1);
    INSERT INTO payments VALUES (1, 'a', 1), (2, 'b', 1), (3, NULL, NULL), (4, 'a', NULL), (5, 'a', 1);
    INSERT INTO order_tags VALUES ('a', 1, 1), ('a', 1, 2), ('b', 1, 1)";

fn schema() -> TestDb {
    test_db!(File::new(SCHEMA), strict())
}

fn order(shop: &str, number: i32) -> (Str, i32) {
    (shop.into(), number)
}

#[test]
fn rows_that_share_a_part_of_the_key_are_different_records() -> Result<()> {
    let db = schema();
    db.assert_queries(1, || {
        let owners = db.all::<Owner>()?;
        assert_eq!(owners.ids(), [(1, 1), (1, 2), (2, 1)]);
        assert_eq!(owners.role()?, [Some("lead".into()), None, Some("lead".into())]);
        assert_eq!(owners.crate_id().ids()?, [1, 2]);
        Ok::<_, Error>(())
    })?;
    db.cache().clear();
    db.assert_queries(1, || {
        let owner = db.record::<Owner>((1, 2));
        assert_eq!((owner.role()?, owner.id(), owner.user_id().id()?), (None, (1, 2), 2));
        Ok::<_, Error>(())
    })
}

#[test]
fn records_by_key_are_one_select() -> Result<()> {
    let db = schema();
    let orders = db.browse::<Order>([order("b", 1), order("a", 1), order("a", 2)]);
    db.assert_queries(1, || {
        assert_eq!(orders.note().unwrap(), [Some("other".into()), Some("first".into()), None]);
    });
    assert!(db.get::<Order>(order("b", 2))?.is_none());
    let missing = db.record::<Order>(order("b", 7)).note();
    assert!(matches!(missing, Err(Error::MissingRecord { model: "Order", id }) if id == "(\"b\", 7)"));
    let named = orders::table.filter(orders::note.is_not_null()).records::<Order>(&db)?;
    assert_eq!(named.len(), 2);
    Ok(())
}

#[test]
fn links_from_and_lists_of_them_are_batched() -> Result<()> {
    let db = schema();
    db.assert_queries(4, || {
        let mut seen = Vec::new();
        for krate in &db.all::<Crate>()? {
            for owner in &krate.owner_ids().load()? {
                seen.push(format!("{} {}", krate.name()?, owner.user_id().login()?));
            }
            assert_eq!(krate.user_ids().len()?, krate.owner_ids().len()?);
        }
        assert_eq!(seen, ["serde ann", "serde bob", "syn ann"]);
        Ok::<_, Error>(())
    })
}

#[test]
fn links_to_a_key_of_several_columns() -> Result<()> {
    let db = schema();
    db.assert_queries(2, || {
        let payments = db.all::<Payment>()?;
        let notes: Vec<_> = payments.iter().map(|payment| payment.order().note()).collect::<Result<_>>()?;
        assert_eq!(notes, [Some("first".into()), Some("other".into()), None, None, Some("first".into())]);
        assert_eq!(db.record::<Payment>(4).order().id()?, None);
        Ok::<_, Error>(())
    })?;
    db.assert_queries(3, || {
        let mut amounts = Vec::new();
        for order in &db.all::<Order>()? {
            amounts.push((order.line_ids().amount()?, order.payment_ids().ids()?));
        }
        assert_eq!(amounts, [(vec![10, 20], vec![1, 5]), (vec![30], vec![]), (vec![40], vec![2])]);
        Ok::<_, Error>(())
    })?;
    db.assert_queries(1, || assert_eq!(db.all::<Line>().unwrap().order().ids().unwrap().len(), 3));
    Ok(())
}

#[test]
fn many_to_many_with_a_side_of_several_columns() -> Result<()> {
    let db = schema();
    let orders = db.all::<Order>()?;
    db.assert_queries(2, || {
        assert_eq!(
            orders.iter().map(|order| order.crate_ids().len()).collect::<Result<Vec<_>>>()?,
            [2, 0, 1]
        );
        assert_eq!(orders.crate_ids().ids()?, [1, 2]);
        Ok::<_, Error>(())
    })?;
    let krate = db.record::<Crate>(1);
    assert_eq!((krate.order_ids().len()?, krate.order_ids().ids()?), (2, vec![order("a", 1), order("b", 1)]));
    let second = db.record::<Order>(order("a", 2));
    second.crate_ids().add(&krate)?;
    krate.order_ids().remove(&db.record::<Order>(order("b", 1)))?;
    assert_eq!(krate.order_ids().ids()?, [order("a", 1), order("a", 2)]);
    let stored = "SELECT shop || number AS value FROM order_tags WHERE tag_id = 1 ORDER BY 1";
    assert_eq!(db.file.values(stored), ["a1", "a2"]);
    Ok(())
}

#[test]
fn they_are_created_written_and_deleted() -> Result<()> {
    let db = schema();
    let new = db.create(Owner::values().crate_id(3).user_id(2).role("new"))?;
    assert_eq!((new.id(), new.version()?, new.crate_id().name()?), ((3, 2), 1, "quote".into()));
    assert_eq!(db.record::<Crate>(3).owner_ids().ids()?, [(3, 2)]);
    db.assert_queries(1, || new.set_role("old"))?;
    let owners = db.all::<Owner>()?;
    db.transaction(|| {
        for (owner, role) in owners.iter().zip(["a", "b", "c", "d"]) {
            owner.set_role(role)?;
        }
        db.assert_queries(1, || db.flush())
    })?;
    let stored = || db.file.values("SELECT role || version AS value FROM owners ORDER BY crate_id, user_id");
    assert_eq!(stored(), ["a2", "b2", "c2", "d3"]);
    db.file.run("UPDATE owners SET version = 9 WHERE crate_id = 1 AND user_id = 2");
    let conflict = db.record::<Owner>((1, 2)).set_role("lost");
    assert!(matches!(conflict, Err(Error::Conflict { id, .. }) if id == "(1, 2)"));
    db.assert_queries(1, || db.record::<Owner>((1, 1)).delete())?;
    assert_eq!(db.record::<Crate>(1).owner_ids().ids()?, [(1, 2)]);
    assert_eq!(stored(), ["b9", "c2", "d3"]);
    db.all::<Owner>()?.delete()?;
    assert_eq!(stored(), [""; 0]);
    Ok(())
}

#[test]
fn a_link_of_several_columns_is_written() -> Result<()> {
    let db = schema();
    let (first, other) = (db.record::<Order>(order("a", 1)), db.record::<Order>(order("b", 1)));
    assert_eq!((first.payment_ids().ids()?, other.payment_ids().ids()?), (vec![1, 5], vec![2]));
    db.transaction(|| {
        db.record::<Payment>(1).set_order(&other)?;
        db.record::<Payment>(2).set_order(None)?;
        other.payment_ids().add(&db.record::<Payment>(3))
    })?;
    assert_eq!((first.payment_ids().ids()?, other.payment_ids().ids()?), (vec![5], vec![1, 3]));
    let stored = "SELECT coalesce(order_shop || order_number, '-') AS value FROM payments ORDER BY id";
    assert_eq!(db.file.values(stored), ["b1", "-", "b1", "-", "a1"]);
    let new = other.payment_ids().create(Payment::values())?;
    assert_eq!((new.order().id()?, other.payment_ids().len()?), (Some(order("b", 1)), 3));
    // The columns of the link are a part of the key.
    let line = first.line_ids().create(Line::values().line(3).amount(5))?;
    assert_eq!((line.id(), line.shop()?), (("a".into(), 1, 3), "a".into()));
    assert_eq!(first.line_ids().amount()?, [10, 20, 5]);
    Ok(())
}

#[test]
fn batches_go_from_key_to_key() -> Result<()> {
    let db = schema();
    let orders = db.all::<Order>()?;
    assert_eq!(orders.note()?[0], Some("first".into()));
    for batch in db.batches_by_key::<Order, _>(orders::table, 2) {
        assert!(batch?.len() <= 2);
    }
    let keys: Vec<_> = db
        .batches_by_key::<Order, _>(orders::table, 1)
        .map(|batch| Ok(batch?.ids()))
        .collect::<Result<_>>()?;
    assert_eq!(keys.concat(), [order("a", 1), order("a", 2), order("b", 1)]);
    Ok(())
}

#[test]
fn thousands_of_them_are_batches_of_a_thousand() -> Result<()> {
    let db = schema();
    db.create_many(
        (0..2500).map(|number| Order::values().shop("z").number(number).note(format!("{number}"))),
    )?;
    db.cache().clear();
    let keys: Vec<_> = (0..2500).rev().map(|number| order("z", number)).collect();
    let orders = db.browse::<Order>(keys);
    let sum = db.assert_queries(3, || orders.note()).map(|notes| notes.iter().flatten().count())?;
    assert_eq!(sum, 2500);
    db.transaction(|| {
        orders.iter().enumerate().try_for_each(|(i, order)| order.set_note(format!("{i}")))?;
        db.assert_queries(3, || db.flush())
    })?;
    assert_eq!(db.file.values("SELECT count(DISTINCT note) AS value FROM orders WHERE shop = 'z'"), ["2500"]);
    Ok(())
}

/// A link of several columns beside one of them
#[derive(Model)]
#[model(table = payments)]
struct Receipt {
    id: i32,
    #[model(columns(order_shop, order_number))]
    order: Option<Id<Order>>,
    order_shop: Option<String>,
    order_number: Option<i32>,
}

#[test]
fn a_link_and_each_of_its_columns_show_the_same() -> Result<()> {
    let db = schema();
    let (first, other) = (db.record::<Order>(order("a", 1)), db.record::<Order>(order("b", 1)));
    assert_eq!((first.payment_ids().ids()?, other.payment_ids().ids()?), (vec![1, 5], vec![2]));
    let receipt = db.record::<Receipt>(1);
    let shown = || Ok::<_, Error>((receipt.order().id()?, receipt.order_shop()?, receipt.order_number()?));
    assert_eq!(shown()?, (Some(order("a", 1)), Some("a".into()), Some(1)));
    receipt.set_order(&other)?;
    assert_eq!(shown()?, (Some(order("b", 1)), Some("b".into()), Some(1)));
    receipt.set_order_shop("a")?;
    assert_eq!(shown()?, (Some(order("a", 1)), Some("a".into()), Some(1)));
    db.transaction(|| {
        receipt.set_order_number(2)?;
        receipt.set_order_shop("b")?;
        assert_eq!(db.record::<Payment>(1).order().id()?, Some(order("b", 2)));
        receipt.set_order(&other)
    })?;
    assert_eq!(shown()?, (Some(order("b", 1)), Some("b".into()), Some(1)));
    assert_eq!((first.payment_ids().ids()?, other.payment_ids().ids()?), (vec![5], vec![1, 2]));
    Ok(())
}

#[test]
fn a_link_that_cannot_be_read_is_the_error_of_its_cell() -> Result<()> {
    let db = test_db!(File::new(
        "CREATE TABLE orders (shop TEXT NOT NULL, number INTEGER NOT NULL, note TEXT, PRIMARY KEY (shop, number));
         CREATE TABLE payments (id INTEGER PRIMARY KEY, order_shop TEXT, order_number INTEGER);
         INSERT INTO orders VALUES ('a', 1, 'one'), ('b', 2, 'two');
         INSERT INTO payments VALUES (1, 'a', 1), (2, NULL, 'no number'), (3, 'b', 2), (4, 'b', 'none'), (5, 'a', 1)"
    ));
    let payments = db.assert_queries(1, || db.all::<Payment>())?;
    assert_eq!(payments.ids(), [1, 2, 3, 4, 5]);
    let number = |id: i32| db.record::<Payment>(id).order().id().map(|key| key.map(|key| key.1));
    db.assert_queries(0, || {
        // Where one column is NULL the other says nothing.
        assert_eq!([1, 2, 3, 5].map(|id| number(id).unwrap()), [Some(1), None, Some(2), Some(1)]);
        for id in [4, 4] {
            let error = number(id).unwrap_err();
            let is_it = matches!(&error, Error::InvalidValue { model: "Payment", field: "order", .. });
            assert!(is_it && error.to_string().contains(&format!("key {id}")), "{error}");
        }
    });
    Ok(())
}

/// Who comes to a cached list stands where the database puts it, if the columns of the key are whole numbers: few at once, many at once, by the link of
/// either side, also below zero.
#[test]
fn a_member_that_comes_stands_where_its_numbers_belong() -> Result<()> {
    let db = schema();
    let read = db.record::<User>(1);
    assert_eq!(read.owner_ids().ids()?, [(1, 1), (2, 1)]);
    let stored = || {
        let rows = owners::table.filter(owners::user_id.eq(1)).order((owners::crate_id, owners::user_id));
        rows.select((owners::crate_id, owners::user_id)).load::<(i32, i32)>(&mut db.file.connect())
    };
    let krate = db.create(Crate::values().id(-100).name("first"))?;
    db.create(Owner::values().crate_id(&krate).user_id(1))?;
    db.assert_queries(0, || assert_eq!(read.owner_ids().ids().ok(), Some(vec![(-100, 1), (1, 1), (2, 1)])));
    let many = (4..14).rev().map(|id| Crate::values().id(if id % 2 == 0 { id } else { -id }).name("more"));
    let many = db.create_many(many)?;
    db.create_many(many.iter().map(|krate| Owner::values().crate_id(krate.id()).user_id(1)))?;
    let cached = db.assert_queries(0, || read.owner_ids().ids())?;
    assert_eq!(cached, stored()?);
    assert_eq!(cached.len(), 13);
    Ok(())
}
