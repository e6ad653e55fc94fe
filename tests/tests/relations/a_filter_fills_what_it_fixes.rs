//! A link whose filter says that columns hold constants is written: who is added gets these, in the record and in the row of the join
//! table; who is removed is removed from this list alone, and no other rows go.
#![allow(clippy::unwrap_used, clippy::unit_arg)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb, test_db};

diesel::table! { crates { id -> Integer, name -> Text } }
diesel::table! { users { id -> Integer, name -> Text } }
diesel::table! { teams { id -> Integer, name -> Text } }
diesel::table! { crate_owners (crate_id, owner_id, owner_kind) {
    crate_id -> Integer, owner_id -> Integer, owner_kind -> Integer, deleted -> Bool, ended -> Nullable<Integer>,
} }
diesel::table! { orders { id -> Integer, client_id -> Nullable<Integer>, state -> Text, level -> BigInt, ended -> Nullable<Integer> } }
diesel::table! { clients { id -> Integer, name -> Text } }
diesel::table! { labels { id -> Integer, is_shown -> Bool } }
diesel::table! { order_labels (order_id, label_id) { order_id -> Integer, label_id -> Integer, kind -> Text, who -> Text } }

#[derive(Model)]
struct Crate {
    id: i32,
    name: String,
    #[model(through(crate_owners::crate_id, crate_owners::owner_id),
        filter = crate_owners::owner_kind.eq(0).and(crate_owners::deleted.eq(false)).and(crate_owners::ended.is_null()))]
    user_ids: ManyToMany<User>,
    #[model(through(crate_owners::crate_id, crate_owners::owner_id),
        filter = crate_owners::owner_kind.eq(1).and(crate_owners::deleted.eq(false)).and(crate_owners::ended.is_null()))]
    team_ids: ManyToMany<Team>,
}

#[derive(Model)]
struct User {
    id: i32,
    name: String,
    #[model(through(crate_owners::owner_id, crate_owners::crate_id),
        filter = crate_owners::deleted.eq(false).and(crate_owners::owner_kind.eq(0)).and(crate_owners::ended.is_null()))]
    crate_ids: ManyToMany<Crate>,
}

#[derive(Model)]
struct Team {
    id: i32,
    name: String,
}

const OPEN: &str = "open";

#[derive(Model)]
struct Client {
    id: i32,
    name: String,
    #[model(inverse = Order::CLIENT_ID)]
    order_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, filter = orders::state.eq(OPEN).and(orders::ended.is_null()).and(orders::level.eq(5)),
        order = orders::id.desc())]
    open_ids: OneToMany<Order>,
    /// What only the database knows
    #[model(inverse = Order::CLIENT_ID, filter = orders::level.gt(1))]
    high_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, filter = orders::state.eq("open").or(orders::state.eq("new")))]
    either_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, filter = orders::client_id.eq(orders::ended))]
    odd_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, filter = orders::id.eq(3))]
    third_ids: OneToMany<Order>,
}

#[derive(Model)]
struct Order {
    id: i32,
    client_id: Option<Id<Client>>,
    state: String,
    level: i64,
    ended: Option<i32>,
    #[model(through(order_labels::order_id, order_labels::label_id))]
    label_ids: ManyToMany<Label>,
    #[model(through(order_labels::order_id, order_labels::label_id), filter = order_labels::kind.eq("own"))]
    own_ids: ManyToMany<Label>,
    #[model(through(order_labels::order_id, order_labels::label_id), filter = order_labels::kind.eq("own").and(order_labels::who.eq("me")).and(labels::is_shown))]
    mine_ids: ManyToMany<Label>,
}

#[derive(Model)]
struct Label {
    id: i32,
    is_shown: bool,
}

/// The key of the owner 5 is a user's and a team's.
fn db() -> TestDb {
    test_db!(
        File::new(
            "CREATE TABLE crates (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE crate_owners (crate_id INTEGER NOT NULL, owner_id INTEGER NOT NULL, owner_kind INTEGER NOT NULL,
                deleted BOOLEAN NOT NULL, ended INTEGER DEFAULT 7, PRIMARY KEY (crate_id, owner_id, owner_kind));
             CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, client_id INTEGER, state TEXT NOT NULL, level BIGINT NOT NULL, ended INTEGER);
             CREATE TABLE labels (id INTEGER PRIMARY KEY, is_shown BOOLEAN NOT NULL);
             CREATE TABLE order_labels (order_id INTEGER NOT NULL, label_id INTEGER NOT NULL, kind VARCHAR(20) NOT NULL, who VARCHAR(20) NOT NULL,
                PRIMARY KEY (order_id, label_id));
             INSERT INTO crates VALUES (1, 'serde'), (2, 'rand');
             INSERT INTO users VALUES (4, 'd'), (5, 'e'), (6, 'f');
             INSERT INTO teams VALUES (5, 't'), (6, 'u');
             INSERT INTO crate_owners VALUES (1, 5, 0, FALSE, NULL), (1, 5, 1, FALSE, NULL), (1, 6, 0, TRUE, NULL), (2, 5, 1, FALSE, NULL);
             INSERT INTO clients VALUES (1, 'c'), (2, 'd');
             INSERT INTO orders VALUES (1, 1, 'open', 5, NULL), (2, 1, 'paid', 5, 3), (3, NULL, 'new', 1, 9), (4, 2, 'open', 5, NULL);
             INSERT INTO labels VALUES (1, TRUE), (2, FALSE);
             INSERT INTO order_labels VALUES (1, 1, 'own', 'me'), (1, 2, 'other', 'me')"
        ),
        strict()
    )
}

fn owners(db: &TestDb) -> Vec<String> {
    db.file.values(
        "SELECT CAST(crate_id AS TEXT) || ' ' || CAST(owner_id AS TEXT) || ' ' || CAST(owner_kind AS TEXT)
            || CASE WHEN deleted THEN ' deleted' ELSE '' END || CASE WHEN ended IS NULL THEN '' ELSE ' ended' END AS value
         FROM crate_owners ORDER BY crate_id, owner_id, owner_kind",
    )
}

#[test]
fn who_is_added_through_pairs_gets_what_the_filter_fixes() -> Result<()> {
    let db = db();
    let serde = db.record::<Crate>(1);
    assert_eq!((serde.user_ids().ids()?, serde.team_ids().ids()?), (vec![5], vec![5]));
    // One INSERT for both
    let (done, statements) = db.watch(|| serde.user_ids().add(&db.browse::<User>([4, 5])));
    done?;
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(owners(&db), ["1 4 0", "1 5 0", "1 5 1", "1 6 0 deleted", "2 5 1"]);
    assert_eq!(serde.user_ids().ids()?, [4, 5]);
    assert_eq!(db.record::<User>(4).crate_ids().ids()?, [1]);
    // The other side fixes the same.
    db.record::<User>(6).crate_ids().add(&db.record::<Crate>(2))?;
    assert_eq!(db.record::<Crate>(2).user_ids().ids()?, [6]);
    assert_eq!(db.record::<Crate>(2).team_ids().ids()?, [5]);
    Ok(())
}

#[test]
fn who_is_removed_leaves_the_rows_of_the_other_kind() -> Result<()> {
    let db = db();
    let (serde, user) = (db.record::<Crate>(1), db.record::<User>(5));
    assert_eq!((serde.team_ids().len()?, user.crate_ids().ids()?), (1, vec![1]));
    serde.user_ids().remove(&db.browse::<User>([4, 5, 6]))?;
    assert_eq!(owners(&db), ["1 5 1", "1 6 0 deleted", "2 5 1"]);
    assert_eq!(
        (serde.user_ids().ids()?, serde.team_ids().ids()?, user.crate_ids().ids()?),
        (vec![], vec![5], vec![])
    );
    // Both kinds of one key, one after the other, in one transaction
    db.transaction(|| {
        serde.team_ids().remove(&db.record::<Team>(5))?;
        serde.user_ids().add(&user)?;
        serde.team_ids().add(&db.record::<Team>(6))?;
        serde.user_ids().set(&db.browse::<User>([4]))?;
        assert_eq!((serde.user_ids().ids()?, serde.team_ids().ids()?), (vec![4], vec![6]));
        Ok(())
    })?;
    assert_eq!(owners(&db), ["1 4 0", "1 6 0 deleted", "1 6 1", "2 5 1"]);
    Ok(())
}

#[test]
fn a_row_of_the_same_key_that_is_no_member_keeps_it_out() -> Result<()> {
    let db = db();
    // Its row is there, deleted, and stays as it is: which of the two it is to be is not ours to say.
    let added = db.record::<Crate>(1).user_ids().add(&db.record::<User>(6));
    let kind = added.unwrap_err().violation().map(|violation| violation.kind);
    // MySQL tells no more than that it was another key than the pair's.
    assert_eq!(kind, (!cfg!(feature = "mysql")).then_some(orm_core::ViolationKind::Unique));
    assert_eq!(owners(&db), ["1 5 0", "1 5 1", "1 6 0 deleted", "2 5 1"]);
    Ok(())
}

#[test]
fn who_is_created_through_it_is_a_member() -> Result<()> {
    let db = db();
    let serde = db.record::<Crate>(1);
    assert_eq!(serde.user_ids().len()?, 1);
    let user = serde.user_ids().create(User::values().id(9).name("n"))?;
    assert_eq!(serde.user_ids().ids()?, [5, 9]);
    assert_eq!(user.crate_ids().ids()?, [1]);
    let client = db.record::<Client>(1);
    assert_eq!(client.open_ids().ids()?, [1]);
    let order = client.open_ids().create(Order::values().id(8))?;
    assert_eq!((order.state()?, order.level()?, order.ended()?), ("open".into(), 5, None));
    assert_eq!(client.open_ids().ids()?, [8, 1]);
    // What is given is given.
    let order = client.open_ids().create(Order::values().id(9).state("paid"))?;
    assert_eq!((order.state()?, order.level()?), ("paid".into(), 5));
    assert_eq!((client.open_ids().ids()?, client.order_ids().ids()?), (vec![8, 1], vec![1, 2, 8, 9]));
    Ok(())
}

#[test]
fn who_is_added_gets_the_fields_that_the_filter_fixes() -> Result<()> {
    let db = db();
    let client = db.record::<Client>(1);
    assert_eq!((client.open_ids().ids()?, client.order_ids().len()?), (vec![1], 2));
    client.open_ids().add(&db.browse::<Order>([2, 3]))?;
    assert_eq!(client.open_ids().ids()?, [3, 2, 1]);
    assert_eq!(
        db.file.values(
            "SELECT CAST(client_id AS TEXT) || ' ' || state || ' ' || CAST(level AS TEXT) || CASE WHEN ended IS NULL THEN '' ELSE ' ended' END
                AS value FROM orders ORDER BY id"
        ),
        ["1 open 5", "1 open 5", "1 open 5", "2 open 5"]
    );
    assert_eq!(client.order_ids().ids()?, [1, 2, 3]);
    Ok(())
}

#[test]
fn whoever_is_linked_and_no_member_is_not_removed() -> Result<()> {
    let db = db();
    let client = db.record::<Client>(1);
    client.open_ids().remove(&db.browse::<Order>([1, 2, 4]))?;
    assert_eq!((client.open_ids().ids()?, client.order_ids().ids()?), (vec![], vec![2]));
    assert_eq!(db.record::<Order>(4).client_id().id()?, Some(2));
    client.open_ids().set(&db.browse::<Order>([4]))?;
    assert_eq!((client.open_ids().ids()?, client.order_ids().ids()?), (vec![4], vec![2, 4]));
    Ok(())
}

#[test]
fn fields_and_pairs_are_filled_together() -> Result<()> {
    let db = db();
    let order = db.record::<Order>(4);
    assert_eq!((order.mine_ids().ids()?, order.label_ids().len()?), (vec![], 0));
    order.mine_ids().add(&db.browse::<Label>([1, 2]))?;
    assert_eq!((order.mine_ids().ids()?, order.label_ids().ids()?), (vec![1, 2], vec![1, 2]));
    assert!(db.record::<Label>(2).is_shown()?);
    // Of another order it was another's.
    let first = db.record::<Order>(1);
    assert_eq!((first.mine_ids().ids()?, first.label_ids().ids()?), (vec![1], vec![1, 2]));
    first.mine_ids().remove(&db.browse::<Label>([1, 2]))?;
    assert_eq!((first.mine_ids().ids()?, first.label_ids().ids()?), (vec![], vec![2]));
    Ok(())
}

#[test]
fn a_required_column_that_nothing_fixes_is_the_databases_error() -> Result<()> {
    let db = db();
    let added = db.record::<Order>(4).own_ids().add(&db.record::<Label>(1)).unwrap_err();
    assert!(added.to_string().contains("adding 1 pairs of Order.own_ids"), "{added}");
    assert_eq!(db.file.values("SELECT CAST(COUNT(*) AS TEXT) AS value FROM order_labels"), ["2"]);
    Ok(())
}

#[test]
fn what_only_the_database_knows_is_read_only() -> Result<()> {
    let db = db();
    let (client, order) = (db.record::<Client>(1), db.record::<Order>(4));
    for (link, field) in [
        (client.high_ids(), "high_ids"),
        (client.either_ids(), "either_ids"),
        (client.odd_ids(), "odd_ids"),
        (client.third_ids(), "third_ids"),
    ] {
        let values = || Order::values().state("open").level(1);
        for refused in
            [link.add(&order), link.remove(&order), link.set(&order), link.create(values()).map(drop)]
        {
            let error = refused.unwrap_err();
            assert!(
                matches!(error, Error::FilteredLink { model: "Client", field: own } if own == field),
                "{error:?}"
            );
        }
    }
    assert_eq!(db.file.values("SELECT CAST(COUNT(*) AS TEXT) AS value FROM orders"), ["4"]);
    Ok(())
}

#[test]
fn a_rollback_takes_it_back() -> Result<()> {
    let db = db();
    let (serde, client) = (db.record::<Crate>(1), db.record::<Client>(1));
    let undone: Result<()> = db.transaction(|| {
        serde.user_ids().add(&db.record::<User>(4))?;
        client.open_ids().add(&db.record::<Order>(3))?;
        assert_eq!((serde.user_ids().ids()?, client.open_ids().ids()?), (vec![4, 5], vec![3, 1]));
        serde.user_ids().remove(&db.record::<User>(5))?;
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!((serde.user_ids().ids()?, client.open_ids().ids()?), (vec![5], vec![1]));
    assert_eq!(db.record::<Order>(3).state()?, "new");
    Ok(())
}
