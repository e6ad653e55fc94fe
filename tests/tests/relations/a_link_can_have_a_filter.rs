//! A to-many link with a filter has the members for which that holds, one SELECT for the group; its lists, and those in an order of their
//! own, follow from what the filter and the order read, whoever writes it.
#![allow(clippy::unwrap_used, clippy::unit_arg)]

use diesel::prelude::*;
use diesel::sql_types::Bool;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb, test_db};

diesel::table! { clients { id -> Integer, name -> Text } }
diesel::table! { orders {
    id -> Integer, client_id -> Nullable<Integer>, state -> Text, placed -> Integer, amount -> BigInt,
} }
diesel::table! { lines { id -> Integer, order_id -> Integer, piece -> Text } }
diesel::table! { labels { id -> Integer, name -> Text, is_shown -> Bool } }
diesel::table! { order_labels (order_id, label_id) { order_id -> Integer, label_id -> Integer, kind -> Text } }
diesel::allow_tables_to_appear_in_same_query!(orders, lines);

#[derive(Model)]
struct Client {
    id: i32,
    name: String,
    #[model(inverse = Order::CLIENT_ID)]
    order_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, order = orders::placed.desc())]
    latest_ids: OneToMany<Order>,
    #[model(inverse = Order::CLIENT_ID, filter = orders::state.eq("open"), order = orders::placed.desc())]
    open_ids: OneToMany<Order>,
    /// By what other rows say
    #[model(inverse = Order::CLIENT_ID, filter = diesel::dsl::exists(lines::table.filter(lines::order_id.eq(orders::id))))]
    filled_ids: OneToMany<Order>,
    /// By words of which nobody knows what they read
    #[model(inverse = Order::CLIENT_ID, filter = diesel::dsl::sql::<Bool>("CASE WHEN amount > 300 THEN TRUE ELSE FALSE END"))]
    large_ids: OneToMany<Order>,
    /// The two that were placed last
    #[model(inverse = Order::CLIENT_ID, order = orders::placed.desc(), limit = 2)]
    last_ids: OneToMany<Order>,
    #[model(compute = open_amount)]
    open_amount: Computed<i64>,
}

#[derive(Model)]
struct Order {
    id: i32,
    client_id: Option<Id<Client>>,
    state: String,
    placed: i32,
    amount: i64,
    #[model(through(order_labels::order_id, order_labels::label_id))]
    label_ids: ManyToMany<Label>,
    #[model(through(order_labels::order_id, order_labels::label_id), filter = labels::is_shown, order = labels::name.desc())]
    shown_ids: ManyToMany<Label>,
    #[model(through(order_labels::order_id, order_labels::label_id), filter = order_labels::kind.eq("own").and(labels::is_shown))]
    own_ids: ManyToMany<Label>,
}

#[derive(Model)]
struct Line {
    id: i32,
    order_id: Id<Order>,
    piece: String,
}

#[derive(Model)]
struct Label {
    id: i32,
    name: String,
    is_shown: bool,
    #[model(through(order_labels::label_id, order_labels::order_id), filter = orders::state.eq("open"))]
    open_ids: ManyToMany<Order>,
}

#[derive(Model)]
#[model(table = order_labels, primary_key(order_id, label_id))]
struct OrderLabel {
    order_id: i32,
    label_id: i32,
    kind: String,
}

fn open_amount(client: &Record<Client>) -> Result<i64> {
    client.open_ids().sum_by(|order| order.amount())
}

/// Each client has three orders: 31 and 33 of client 3 are open, 32 is paid. Each order has the labels 1 and 2, and 3 as another's;
/// label 2 is not shown.
fn file(clients: usize) -> File {
    let numbers = orm_tests::partners::series(clients);
    File::new(&format!(
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, client_id INTEGER REFERENCES clients ON DELETE CASCADE, state TEXT NOT NULL,
            placed INTEGER NOT NULL, amount BIGINT NOT NULL);
         CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, piece TEXT NOT NULL);
         CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT NOT NULL, is_shown BOOLEAN NOT NULL);
         CREATE TABLE order_labels (order_id INTEGER NOT NULL, label_id INTEGER NOT NULL, kind TEXT NOT NULL DEFAULT 'own',
            PRIMARY KEY (order_id, label_id));
         INSERT INTO clients SELECT value, 'c' || value FROM {numbers};
         INSERT INTO orders SELECT 10 * c.value + n.value, c.value, CASE n.value WHEN 2 THEN 'paid' ELSE 'open' END,
            n.value, 100 * c.value + n.value FROM {numbers} AS c, {three} AS n;
         INSERT INTO lines SELECT id, id, 'p' FROM orders WHERE id % 10 = 1;
         INSERT INTO labels VALUES (1, 'a', TRUE), (2, 'b', FALSE), (3, 'c', TRUE);
         INSERT INTO order_labels SELECT o.id, l.id, CASE l.id WHEN 3 THEN 'other' ELSE 'own' END FROM orders AS o, labels AS l;",
        three = orm_tests::partners::series(3),
    ))
}

fn db(clients: usize) -> TestDb {
    test_db!(file(clients), strict())
}

fn open(db: &TestDb, client: i32) -> Result<Vec<i32>> {
    db.record::<Client>(client).open_ids().ids()
}

fn lists(clients: &RecordSet<Client>) -> Result<Vec<Vec<i32>>> {
    clients.map(|client| Ok(client.open_ids().load()?.ids()))
}

#[test]
fn one_select_for_all() -> Result<()> {
    let db = db(40);
    let clients = db.all::<Client>()?;
    let (found, statements) = db.watch(|| lists(&clients));
    assert_eq!(found?, (1..=40).map(|id| vec![10 * id + 3, 10 * id + 1]).collect::<Vec<_>>());
    assert_eq!(statements.len(), 1, "{statements:?}");
    let sql = statements[0].sql.replace(['`', '"'], "").replace("$2", "?");
    // Not all rows might come: then those without a key are left out.
    assert!(sql.contains(") AND ((orders.state = ?))) AND orders.id IS NOT NULL ORDER BY "), "{sql}");
    assert!(sql.contains("placed DESC"), "{sql}");
    // The members came with it, and the other lists of the link are others.
    assert_eq!(db.assert_queries(0, || clients.open_ids().amount())?.len(), 80);
    assert_eq!(db.assert_queries(1, || clients.map(|client| client.order_ids().len()))?, [3; 40]);
    assert_eq!(db.assert_queries(0, || clients.map(|client| client.open_ids().len()))?, [2; 40]);
    Ok(())
}

#[test]
fn windows_of_a_thousand() -> Result<()> {
    let db = db(2500);
    let clients = db.all::<Client>()?;
    let found = db.assert_queries(3, || clients.map(|client| client.open_ids().len()))?;
    assert_eq!(found, [2; 2500]);
    Ok(())
}

#[test]
fn counts_and_aggregates_keep_to_it() -> Result<()> {
    let db = db(8);
    let clients = db.all::<Client>()?;
    let all = |client: &Record<Client>| {
        let open = client.open_ids();
        Ok((
            open.len()?,
            open.sum(Order::AMOUNT)?,
            open.max(Order::PLACED)?,
            open.count_where(orders::placed.gt(1))?,
        ))
    };
    let found = db.assert_queries(4, || clients.map(all))?;
    assert_eq!(found[2], (2, 301 + 303, Some(3), 1));
    assert_eq!(db.assert_queries(0, || clients.map(all))?, found);
    assert_eq!(
        db.assert_queries(0, || clients.open_ids().sum(Order::AMOUNT))?,
        (1..=8).map(|id| 200 * id + 4).sum::<i64>()
    );
    // Each follows from what the filter reads, of its own client if that is known.
    db.all::<Order>()?;
    db.record::<Order>(31).set_state("paid")?;
    let rest: RecordSet<Client> = clients.filter(|client| Ok(client.id() != 3))?;
    assert_eq!(db.assert_queries(0, || rest.map(all))?.len(), 7);
    assert_eq!(clients.map(all)?[2], (1, 303, Some(3), 1));
    db.record::<Order>(32).set_state("open")?;
    assert_eq!(clients.map(all)?[2], (2, 302 + 303, Some(3), 2));
    // Labels that are shown, and that are their own
    let orders = db.browse::<Order>([31, 32]);
    let labels = |order: &Record<Order>| {
        Ok((order.label_ids().len()?, order.shown_ids().len()?, order.own_ids().len()?))
    };
    assert_eq!(db.assert_queries(3, || orders.map(labels))?, [(3, 2, 1); 2]);
    assert_eq!(orders.own_ids().count_where(labels::id.gt(0))?, 1);
    assert_eq!(orders.map(|order| order.shown_ids().min(Label::NAME))?, [Some("a".into()), Some("a".into())]);
    Ok(())
}

#[test]
fn what_the_filter_reads_is_sent_and_makes_the_list_missing() -> Result<()> {
    let db = db(8);
    let clients = db.all::<Client>()?;
    let before = lists(&clients)?;
    db.all::<Order>()?;
    db.transaction(|| {
        db.record::<Order>(31).set_state("paid")?;
        db.record::<Order>(32).set_state("open")?;
        // An UPDATE and a SELECT, and the others keep theirs.
        let (found, statements) = db.watch(|| lists(&clients));
        assert_eq!((found?[2].clone(), statements.len()), (vec![33, 32], 2), "{statements:?}");
        assert_eq!(statements[1].keys().len(), 2, "{statements:?}");
        Ok(())
    })?;
    assert_eq!(db.assert_queries(0, || lists(&clients))?[3], before[3]);
    // What neither reads changes nothing.
    db.record::<Order>(33).set_amount(0)?;
    assert_eq!(db.assert_queries(0, || lists(&clients))?[2], [33, 32]);
    // The order
    db.record::<Order>(33).set_placed(0)?;
    assert_eq!(db.assert_queries(1, || lists(&clients))?[2], [32, 33]);
    Ok(())
}

#[test]
fn an_order_follows_too() -> Result<()> {
    let db = db(8);
    let latest = || -> Result<Vec<i32>> { db.record::<Client>(3).latest_ids().ids() };
    assert_eq!(latest()?, [33, 32, 31]);
    db.record::<Order>(32).set_placed(9)?;
    assert_eq!(db.assert_queries(1, latest)?, [32, 33, 31]);
    db.record::<Order>(32).set_state("open")?;
    assert_eq!(db.assert_queries(0, latest)?, [32, 33, 31]);
    // Who comes stands where the database says, who goes leaves the others as they stand.
    db.create(Order::values().id(34).client_id(3).state("open").placed(2).amount(0))?;
    assert_eq!(db.assert_queries(1, latest)?, [32, 33, 34, 31]);
    db.record::<Order>(33).delete()?;
    assert_eq!(latest()?, [32, 34, 31]);
    db.record::<Order>(31).set_client_id(4)?;
    assert_eq!(db.assert_queries(0, latest)?, [32, 34]);
    assert_eq!(db.assert_queries(0, || db.record::<Client>(3).latest_ids().len())?, 2);
    Ok(())
}

#[test]
fn whoever_comes_goes_or_moves() -> Result<()> {
    let db = db(8);
    let clients = db.all::<Client>()?;
    lists(&clients)?;
    let new = db.create(Order::values().id(34).client_id(3).state("open").placed(9).amount(0))?;
    db.create(Order::values().id(35).client_id(3).state("paid").placed(9).amount(0))?;
    assert_eq!(lists(&clients)?[2], [34, 33, 31]);
    new.set_client_id(4)?;
    assert_eq!((open(&db, 3)?, open(&db, 4)?), (vec![33, 31], vec![34, 43, 41]));
    new.delete()?;
    assert_eq!(open(&db, 4)?, [43, 41]);
    // By another link of the same kind
    db.record::<Client>(5).order_ids().add(&db.browse::<Order>([31, 32]))?;
    assert_eq!((open(&db, 3)?, open(&db, 5)?), (vec![33], vec![53, 31, 51]));
    db.record::<Client>(5).order_ids().remove(&db.record::<Order>(53))?;
    assert_eq!(open(&db, 5)?, [31, 51]);
    db.record::<Order>(53).set_state("paid")?;
    assert_eq!(open(&db, 5)?, [31, 51]);
    // A new client has none until somebody comes.
    let client = db.create(Client::values().name("n"))?;
    assert_eq!(db.assert_queries(0, || client.open_ids().len())?, 0);
    client.order_ids().create(Order::values().id(991).state("open").placed(1).amount(1))?;
    assert_eq!(client.open_ids().ids()?, [991]);
    Ok(())
}

#[test]
fn what_goes_along_with_an_owner_is_not_only_who_is_listed() -> Result<()> {
    let db = db(8);
    assert_eq!((open(&db, 3)?, db.record::<Order>(32).state()?), (vec![33, 31], "paid".into()));
    db.cache().invalidate_field(Order::CLIENT_ID);
    db.record::<Client>(3).delete()?;
    assert!(db.record::<Order>(32).state().unwrap_err().is_missing_record());
    Ok(())
}

#[test]
fn a_rollback_and_a_savepoint_leave_what_the_rows_say() -> Result<()> {
    let db = db(8);
    let clients = db.all::<Client>()?;
    let before = lists(&clients)?;
    let undone: Result<()> = db.transaction(|| {
        db.record::<Order>(31).set_state("paid")?;
        let inner: Result<()> = db.transaction(|| {
            db.record::<Order>(33).set_state("paid")?;
            assert_eq!((open(&db, 3)?, db.record::<Client>(3).open_ids().len()?), (vec![], 0));
            Err(Error::other("undone"))
        });
        assert!(inner.is_err());
        assert_eq!(open(&db, 3)?, [33]);
        db.transaction(|| db.record::<Order>(32).set_state("open"))?;
        assert_eq!(open(&db, 3)?, [33, 32]);
        // Not looked at before it is undone
        db.record::<Order>(41).delete()?;
        db.record::<Order>(51).set_state("paid")?;
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(lists(&clients)?, before);
    assert_eq!(clients.map(|client| client.open_ids().len())?, [2; 8]);
    Ok(())
}

#[test]
fn what_another_environment_writes_is_seen_when_it_is_read_again() -> Result<()> {
    let db = db(8);
    let other: Environment = Environment::connect(&db.file.url())?;
    assert_eq!(open(&db, 3)?, [33, 31]);
    other.record::<Order>(31).set_state("paid")?;
    other.record::<Order>(41).set_client_id(3)?;
    assert_eq!(db.assert_queries(0, || open(&db, 3))?, [33, 31]);
    db.cache().invalidate(Order::STATE, [31]);
    assert_eq!(open(&db, 3)?, [33, 41]);
    // Its link is read as it was: it says nothing of a list that came after it.
    db.cache().clear();
    assert_eq!(db.record::<Order>(42).client_id().id()?, Some(4));
    other.record::<Order>(42).set_client_id(3)?;
    assert_eq!(open(&db, 3)?, [33, 41]);
    db.record::<Order>(42).set_state("open")?;
    assert_eq!(open(&db, 3)?, [33, 42, 41]);
    Ok(())
}

#[test]
fn pairs_follow_from_both_sides_and_from_the_table_between() -> Result<()> {
    let db = db(8);
    let (order, label) = (db.record::<Order>(31), db.record::<Label>(1));
    let shown = || -> Result<Vec<i32>> { order.shown_ids().ids() };
    let own = || -> Result<Vec<i32>> { order.own_ids().ids() };
    assert_eq!((shown()?, own()?), (vec![3, 1], vec![1]));
    assert_eq!(db.assert_queries(0, || Ok::<_, Error>((shown()?, own()?)))?, (vec![3, 1], vec![1]));
    db.record::<Label>(2).set_is_shown(true)?;
    assert_eq!((shown()?, own()?), (vec![3, 2, 1], vec![1, 2]));
    db.record::<Label>(1).set_name("z")?;
    assert_eq!((shown()?, db.assert_queries(0, own)?), (vec![1, 3, 2], vec![1, 2]));
    // Pairs, through the link without a filter
    order.label_ids().remove(&label)?;
    assert_eq!((shown()?, own()?), (vec![3, 2], vec![2]));
    db.transaction(|| {
        order.label_ids().add(&label)?;
        assert_eq!((shown()?, own()?, order.own_ids().len()?), (vec![1, 3, 2], vec![1, 2], 2));
        Ok(())
    })?;
    // The table between has a model of its own.
    db.record::<OrderLabel>((31, 3)).set_kind("own")?;
    assert_eq!(own()?, [1, 2, 3]);
    // The other side
    let open = || -> Result<usize> { label.open_ids().len() };
    assert_eq!(open()?, 16);
    order.set_state("paid")?;
    assert_eq!(open()?, 15);
    Ok(())
}

#[test]
fn a_filter_may_look_at_other_rows_and_be_any_sql() -> Result<()> {
    let db = db(8);
    let client = db.record::<Client>(3);
    let filled = || -> Result<Vec<i32>> { client.filled_ids().ids() };
    assert_eq!(db.assert_queries(1, filled)?, [31]);
    db.transaction(|| {
        let line = db.create(Line::values().order_id(33).piece("p"))?;
        assert_eq!(filled()?, [31, 33]);
        line.set_order_id(32)?;
        assert_eq!(filled()?, [31, 32]);
        line.delete()
    })?;
    assert_eq!((filled()?, client.filled_ids().len()?), (vec![31], 1));
    let large = || -> Result<Vec<i32>> { client.large_ids().ids() };
    assert_eq!(large()?, [31, 32, 33]);
    db.record::<Order>(32).set_amount(5)?;
    assert_eq!(large()?, [31, 33]);
    Ok(())
}

#[test]
fn what_is_computed_from_it_follows_it() -> Result<()> {
    let db = db(8);
    let clients = db.all::<Client>()?;
    assert_eq!(db.assert_queries(1, || clients.open_amount())?[2], 301 + 303);
    db.assert_queries(0, || clients.open_amount())?;
    db.record::<Order>(31).set_state("paid")?;
    assert_eq!(clients.open_amount()?[2], 303);
    db.create(Order::values().client_id(3).state("open").placed(9).amount(7))?;
    assert_eq!(clients.open_amount()?[2], 310);
    Ok(())
}

#[test]
fn a_filter_that_is_no_equation_is_read_and_not_written() -> Result<()> {
    let db = db(8);
    let (client, order) = (db.record::<Client>(3), db.record::<Order>(41));
    let filled = client.filled_ids();
    let values = || Order::values().state("open").placed(1).amount(1);
    for refused in
        [filled.add(&order), filled.remove(&order), filled.set(&order), filled.create(values()).map(drop)]
    {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::FilteredLink { model: "Client", field: "filled_ids" }), "{error:?}");
        assert_eq!(
            error.to_string(),
            "Client.filled_ids has a limit, or a filter that is more than fields that are to hold constants, so it is read only: write the \
             members' fields, or through a link without one"
        );
    }
    assert!(matches!(client.large_ids().add(&order), Err(Error::FilteredLink { .. })));
    // Nothing has happened.
    assert_eq!(db.file.values("SELECT CAST(COUNT(*) AS TEXT) AS value FROM labels"), ["3"]);
    assert_eq!(self::open(&db, 3)?, [33, 31]);
    Ok(())
}

#[test]
fn a_limit_is_of_each_owner() -> Result<()> {
    let db = db(40);
    let clients = db.all::<Client>()?;
    let last = || clients.map(|client| Ok(client.last_ids().load()?.ids()));
    let (found, statements) = db.watch(last);
    assert_eq!(found?, (1..=40).map(|id| vec![10 * id + 3, 10 * id + 2]).collect::<Vec<_>>());
    assert_eq!(statements.len(), 1, "{statements:?}");
    // The members came with it; counts and aggregates keep to it.
    assert_eq!(db.assert_queries(0, || clients.last_ids().amount())?.len(), 80);
    db.cache().clear();
    let clients = db.all::<Client>()?;
    let of_each =
        |client: &Record<Client>| Ok((client.last_ids().len()?, client.last_ids().sum(Order::AMOUNT)?));
    assert_eq!(db.assert_queries(2, || clients.map(of_each))?[2], (2, 302 + 303));
    assert_eq!(db.assert_queries(0, || clients.map(of_each))?[39], (2, 4002 + 4003));
    Ok(())
}

#[test]
fn another_one_comes_in_for_one_that_goes() -> Result<()> {
    let db = db(3);
    let clients = db.all::<Client>()?;
    let last = || clients.map(|client| client.last_ids().ids());
    db.all::<Order>()?;
    assert_eq!(last()?, [[13, 12], [23, 22], [33, 32]]);
    db.record::<Order>(13).delete()?;
    assert_eq!(db.assert_queries(1, last)?, [[12, 11], [23, 22], [33, 32]]);
    // Who goes to another one, and who goes by what the order reads; the others' lists stay.
    db.record::<Order>(23).set_client_id(3)?;
    assert_eq!(db.assert_queries(1, last)?, [[12, 11], [22, 21], [23, 33]]);
    db.record::<Order>(31).set_placed(9)?;
    assert_eq!(db.assert_queries(1, last)?, [[12, 11], [22, 21], [31, 23]]);
    db.create(Order::values().client_id(1).state("new").placed(8).amount(0))?;
    assert_eq!(db.assert_queries(1, || clients.get(0).unwrap().last_ids().len())?, 2);
    assert!(matches!(
        clients.get(0).unwrap().last_ids().add(&db.record::<Order>(11)),
        Err(Error::FilteredLink { .. })
    ));
    // What goes along with an owner is not only who is listed.
    clients.get(2).unwrap().last_ids().ids()?;
    clients.get(2).unwrap().delete()?;
    assert_eq!(db.browse::<Order>([31, 32, 33, 23]).exists()?.len(), 0);
    Ok(())
}
