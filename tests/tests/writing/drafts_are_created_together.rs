//! Records that are drafted are created together: an INSERT for each model, what is linked to first, all or none of them.

use std::time::SystemTime;

use orm_core::prelude::*;
use orm_core::{Error, Result, Values, ViolationKind};
use orm_tests::database::ENFORCING;
use orm_tests::{TestDb, test_db};

diesel::table! { partners { id -> Integer, name -> Text, code -> Nullable<Text>, main_order_id -> Nullable<Integer> } }
diesel::table! { orders { id -> Integer, partner_id -> Integer, billed_id -> Nullable<Integer>, state -> Text } }
diesel::table! { order_lines { id -> Integer, order_id -> Integer, price -> Integer } }
diesel::table! { nodes { id -> Integer, name -> Text, parent_id -> Nullable<Integer> } }
diesel::table! { countries (code) { code -> Text, capital_id -> Integer } }
diesel::table! { cities { id -> Integer, country_code -> Text } }
diesel::table! { profiles { id -> Integer, bio -> Text } }
diesel::table! { seats (order_id, place) { order_id -> Integer, place -> Integer, note -> Nullable<Text> } }
diesel::table! { notes { id -> Integer, title -> Text, parent_id -> Nullable<Integer>, twin_id -> Nullable<Integer>, created -> BigInt, updated -> BigInt, version -> Integer } }
diesel::table! { tickets { id -> Integer, seat_order_id -> Integer, seat_place -> Integer } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    code: Option<String>,
    main_order_id: Option<Id<Order>>,
    #[model(inverse = Order::PARTNER_ID)]
    order_ids: OneToMany<Order>,
    #[model(inverse = Profile::PARTNER_ID)]
    profile: OneToOne<Profile>,
}

#[derive(Model)]
struct Order {
    id: i32,
    partner_id: Id<Partner>,
    billed_id: Option<Id<Partner>>,
    state: String,
    #[model(inverse = OrderLine::ORDER_ID)]
    line_ids: OneToMany<OrderLine>,
    #[model(inverse = Seat::ORDER_ID)]
    seat_ids: OneToMany<Seat>,
}

#[derive(Model)]
struct OrderLine {
    id: i32,
    order_id: Id<Order>,
    price: i32,
}

#[derive(Model)]
struct Node {
    id: i32,
    name: String,
    parent_id: Option<Id<Node>>,
    #[model(inverse = Node::PARENT_ID)]
    child_ids: OneToMany<Node>,
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    #[model(primary_key)]
    code: String,
    capital_id: Id<City>,
}

#[derive(Model)]
#[model(table = cities)]
struct City {
    id: i32,
    country_code: Id<Country>,
}

/// Its key is its partner's.
#[derive(Model)]
struct Profile {
    id: i32,
    #[model(column = id)]
    partner_id: Id<Partner>,
    bio: String,
}

#[derive(Model)]
#[model(primary_key(order_id, place))]
struct Seat {
    order_id: Id<Order>,
    place: i32,
    note: Option<String>,
}

#[derive(Model)]
struct Ticket {
    id: i32,
    #[model(columns(seat_order_id, seat_place))]
    seat: Id<Seat>,
}

#[derive(Model)]
#[model(validate = has_a_title)]
struct Note {
    id: i32,
    title: String,
    parent_id: Option<Id<Note>>,
    twin_id: Option<Id<Note>>,
    #[model(created_at = micros)]
    created: i64,
    #[model(updated_at = micros)]
    updated: i64,
    #[model(version)]
    version: i32,
}

fn micros(now: SystemTime) -> i64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// Whoever has a parent has a title that begins with the parent's.
fn has_a_title(note: &Record<Note>) -> Result<(), String> {
    let parent = note.parent_id().title().map_err(|error| error.to_string())?;
    let title = note.title().map_err(|error| error.to_string())?;
    if title.starts_with(parent.as_deref().unwrap_or_default()) {
        Ok(())
    } else {
        Err(format!("not under it: {title}"))
    }
}

const SCHEMA: &str = "
    CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT UNIQUE, main_order_id INTEGER);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, partner_id INTEGER NOT NULL REFERENCES partners,
        billed_id INTEGER REFERENCES partners, state TEXT NOT NULL DEFAULT 'draft');
    CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, price INTEGER NOT NULL CHECK (price >= 0));
    CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent_id INTEGER REFERENCES nodes);
    CREATE TABLE countries (code TEXT PRIMARY KEY NOT NULL, capital_id INTEGER NOT NULL);
    CREATE TABLE cities (id INTEGER PRIMARY KEY, country_code TEXT NOT NULL);
    CREATE TABLE profiles (id INTEGER PRIMARY KEY REFERENCES partners, bio TEXT NOT NULL);
    CREATE TABLE seats (order_id INTEGER NOT NULL REFERENCES orders, place INTEGER NOT NULL, note TEXT, PRIMARY KEY (order_id, place));
    CREATE TABLE tickets (id INTEGER PRIMARY KEY, seat_order_id INTEGER NOT NULL, seat_place INTEGER NOT NULL,
        FOREIGN KEY (seat_order_id, seat_place) REFERENCES seats (order_id, place));
    CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, parent_id INTEGER REFERENCES notes, twin_id INTEGER REFERENCES notes,
        created BIGINT NOT NULL, updated BIGINT NOT NULL, version INTEGER NOT NULL)";

fn db() -> Result<TestDb> {
    let db = TestDb::new(SCHEMA);
    db.execute(diesel::sql_query(ENFORCING))?;
    Ok(db)
}

fn partner(name: &str) -> Values<Partner> {
    Partner::values().name(name)
}

#[test]
fn three_models_in_turns_are_three_inserts() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let (mut orders, mut partners) = (Vec::new(), Vec::new());
    for i in 0..10 {
        let partner = drafts.add(partner(&format!("P{i}")));
        partners.push(partner);
        for j in 0..3 {
            let order =
                drafts.add(Order::values().partner_id(partner).billed_id(&Some(partners[0])).state("open"));
            orders.push(order);
            drafts.add(OrderLine::values().order_id(order).price(i));
            drafts.add(OrderLine::values().price(j).order_id(order));
        }
    }
    let (created, statements) = db.watch(|| drafts.create());
    let created = created?;
    assert_eq!(statements.len(), 3, "{statements:#?}");
    assert_eq!(statements.iter().map(|sent| sent.binds.len()).sum::<usize>(), 10 + 3 * 30 + 2 * 60);
    db.assert_queries(0, || {
        for (i, order) in orders.iter().enumerate() {
            let order = created.get(*order)?;
            let partner = created.get(partners[i / 3])?;
            assert!(order.partner_id().is(&partner)?);
            assert_eq!(order.partner_id().name()?, format!("P{}", i / 3));
            assert_eq!(order.billed_id().name()?.as_deref(), Some("P0"));
            // Nobody could link to them before: their lists are known.
            assert_eq!((partner.order_ids().len()?, order.line_ids().len()?), (3, 2));
            assert_eq!(order.line_ids().price()?, [(i / 3) as i32, (i % 3) as i32]);
        }
        let lines = created.all::<OrderLine>();
        assert_eq!(lines.len(), 60);
        assert_eq!(lines.get(59).expect("the last one").order_id().partner_id().name()?, "P9");
        Ok::<_, Error>(())
    })?;
    let sum =
        "SELECT sum(price * orders.partner_id) AS value FROM order_lines JOIN orders ON orders.id = order_id";
    let expected: i32 = created
        .all::<OrderLine>()
        .iter()
        .try_fold(0, |sum, line| Ok::<_, Error>(sum + line.price()? * line.order_id().partner_id().id()?))?;
    assert_eq!(db.file.values(sum), [expected.to_string()]);
    Ok(())
}

#[test]
fn what_is_created_and_discarded_again_is_not_sent() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let azure = drafts.add(partner("Azure"));
    drafts.discard(azure)?;
    let created = db.assert_queries(0, || drafts.create())?;
    assert!(matches!(created.get(azure), Err(Error::DiscardedDraft { model: "Partner", index: 0, .. })));
    assert!(created.all::<Partner>().is_empty() && created.all::<Node>().is_empty());
    // One of several; what stays keeps its place.
    let mut drafts = db.drafts();
    let [first, second, third] = ["a", "b", "c"].map(|name| drafts.add(partner(name)));
    drafts.discard(second)?;
    drafts.discard(second)?;
    let created = db.assert_queries(1, || drafts.create())?;
    assert_eq!((created.get(first)?.name()?, created.get(third)?.name()?), ("a".into(), "c".into()));
    assert_eq!((first.index(), third.index(), created.all::<Partner>().len()), (0, 2, 2));
    assert_eq!(db.file.values("SELECT name AS value FROM partners ORDER BY name"), ["a", "c"]);
    db.assert_queries(0, || db.drafts().create())?;
    Ok(())
}

#[test]
fn what_links_to_a_discarded_draft_is_an_error_before_anything_is_sent() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let azure = drafts.add(partner("Azure"));
    let order = drafts.add(Order::values().partner_id(azure));
    drafts.discard(azure)?;
    let error = db.assert_queries(0, || drafts.create()).expect_err("an order of nobody");
    assert!(
        matches!(
            error,
            Error::DiscardedDraft { model: "Partner", index: 0, linking: "Order", field: "partner_id" }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "Order.partner_id leads to the draft of Partner at index 0, which was discarded: discard what links to it, too, or give it \
         another link"
    );
    // It may be given another one, or be discarded, too.
    let mut drafts = db.drafts();
    let (azure, lumber) = (drafts.add(partner("Azure")), drafts.add(partner("Lumber")));
    let moved = drafts.add(Order::values().partner_id(azure));
    let gone = drafts.add(Order::values().partner_id(azure));
    drafts.discard(azure)?;
    drafts.change(moved, |values| values.partner_id(lumber))?;
    drafts.discard(gone)?;
    let error = drafts.change(gone, |values| values).expect_err("it is gone");
    assert!(
        matches!(error, Error::DiscardedDraft { model: "Order", index: 1, linking: "", .. }),
        "{error:?}"
    );
    let created = db.assert_queries(2, || drafts.create())?;
    assert_eq!(created.get(moved)?.partner_id().name()?, "Lumber");
    let error = created.get(order).expect_err("one of other drafts");
    assert_eq!(
        error.to_string(),
        "the draft of Order at index 0 is one of other drafts: it is known to its own"
    );
    Ok(())
}

#[test]
fn a_draft_of_others_is_an_error() -> Result<()> {
    let (db, elsewhere) = (db()?, db()?);
    let mut others = elsewhere.drafts();
    let other = others.add(partner("other"));
    let mut drafts = db.drafts();
    drafts.add(partner("Azure"));
    assert!(matches!(drafts.discard(other), Err(Error::ForeignDraft { model: "Partner", index: 0, .. })));
    let order = drafts.add(Order::values().partner_id(other));
    assert!(matches!(others.discard(order), Err(Error::ForeignDraft { model: "Order", .. })));
    let error = db.assert_queries(0, || drafts.create()).expect_err("a partner of others");
    assert!(
        matches!(
            error,
            Error::ForeignDraft { model: "Partner", index: 0, linking: "Order", field: "partner_id" }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "Order.partner_id leads to the draft of Partner at index 0, which is one of other drafts: what links to a draft is added to \
         the same drafts, and created by them"
    );
    // Whatever else takes values takes none that link to a draft.
    let values = || Order::values().partner_id(other);
    let at_hand = db.create(partner("at hand"))?;
    let order = db.create(Order::values().partner_id(&at_hand))?;
    db.assert_queries(0, || {
        let all = [
            db.create(values()).err(),
            db.create_many([values()]).err(),
            db.upsert(Order::ID, values().id(1)).err(),
            db.get_or_create(Order::ID, values().id(77)).err(),
            order.write(values()).err(),
            at_hand.order_ids().create(values()).err(),
        ];
        for error in all {
            assert!(matches!(error, Some(Error::ForeignDraft { linking: "Order", .. })), "{error:?}");
        }
    });
    assert_eq!(others.create()?.get(other)?.name()?, "other");
    Ok(())
}

#[test]
fn the_last_link_that_was_given_counts() -> Result<()> {
    let db = db()?;
    let there = db.create(partner("there"))?;
    let mut drafts = db.drafts();
    let (a, b) = (drafts.add(partner("a")), drafts.add(partner("b")));
    let to = |last: Values<Order>| last.billed_id(a).billed_id(None);
    let orders = [
        drafts.add(to(Order::values().partner_id(a).partner_id(&there))),
        drafts.add(to(Order::values().partner_id(&there).partner_id(a).partner_id(b))),
    ];
    let created = drafts.create()?;
    let names: Vec<_> =
        orders.iter().map(|order| created.get(*order)?.partner_id().name()).collect::<Result<_>>()?;
    assert_eq!(names, ["there", "b"]);
    assert_eq!(db.file.values("SELECT billed_id AS value FROM orders"), ["NULL", "NULL"]);
    // Values are shown and compared with their drafts.
    let shown = format!("{:?}", Order::values().partner_id(b).billed_id(a).state("open"));
    assert_eq!(
        shown,
        "OrderValues { partner_id: Draft(Partner 1), billed_id: Draft(Partner 0), state: \"open\" }"
    );
    assert!(Order::values().partner_id(a) == Order::values().partner_id(b).partner_id(a));
    assert!(Order::values().partner_id(a) != Order::values().partner_id(b));
    assert!(Order::values().partner_id(a) != Order::values());
    Ok(())
}

#[test]
fn a_tree_is_an_insert_for_each_level() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    // The leaves first
    let mut nodes: Vec<_> = (0..31).map(|i| drafts.add(Node::values().name(format!("N{i:02}")))).collect();
    nodes.reverse();
    for (i, &node) in nodes.iter().enumerate().skip(1) {
        drafts.change(node, |values| values.parent_id(nodes[(i - 1) / 2]))?;
    }
    let created = db.assert_queries(5, || drafts.create())?;
    db.assert_queries(0, || {
        for (i, &node) in nodes.iter().enumerate() {
            let node = created.get(node)?;
            assert_eq!(node.child_ids().len()?, if i < 15 { 2 } else { 0 });
            assert_eq!(node.name()?, format!("N{:02}", 30 - i));
        }
        Ok::<_, Error>(())
    })?;
    let roots = "SELECT name AS value FROM nodes WHERE parent_id IS NULL";
    assert_eq!(db.file.values(roots), ["N30"]);
    Ok(())
}

#[test]
fn a_circle_is_opened_at_a_link_that_may_be_null() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let mut pairs = Vec::new();
    for i in 0..20 {
        let partner = drafts.add(partner(&format!("P{i}")));
        let order = drafts.add(Order::values().partner_id(partner).state("open"));
        drafts.change(partner, |values| values.main_order_id(order))?;
        pairs.push((partner, order));
    }
    let (created, statements) = db.watch(|| drafts.create());
    let created = created?;
    assert_eq!(statements.len(), 3, "two INSERTs, and an UPDATE for all: {statements:#?}");
    db.assert_queries(0, || {
        for &(partner, order) in &pairs {
            let (partner, order) = (created.get(partner)?, created.get(order)?);
            assert_eq!(partner.main_order_id().id()?, Some(order.id()));
            assert_eq!(order.partner_id().id()?, partner.id());
        }
        Ok::<_, Error>(())
    })?;
    let right = "SELECT count(*) AS value FROM partners JOIN orders ON main_order_id = orders.id AND partner_id = partners.id";
    assert_eq!(db.file.values(right), ["20"]);
    // One that links to itself
    let mut drafts = db.drafts();
    let node = drafts.add(Node::values().name("self"));
    drafts.change(node, |values| values.parent_id(node))?;
    let created = db.assert_queries(2, || drafts.create())?;
    assert_eq!(created.get(node)?.child_ids().ids()?, [created.get(node)?.id()]);
    assert_eq!(db.file.values("SELECT count(*) AS value FROM nodes WHERE parent_id = id"), ["1"]);
    Ok(())
}

#[test]
fn a_circle_of_links_that_are_never_null_is_an_error_that_names_them() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let city = drafts.add(City::values());
    let country = drafts.add(Country::values().code("BE").capital_id(city));
    drafts.change(city, |values| values.country_code(country))?;
    let error = db.assert_queries(0, || drafts.create()).expect_err("none can be the first");
    let Error::DraftCycle { links } = &error else { panic!("{error:?}") };
    assert_eq!(links, "City.country_code → Country.capital_id");
    assert!(error.to_string().starts_with("links of drafts lead in a circle"), "{error}");
    // By a key that is given it can be created, where the database takes that.
    let mut drafts = db.drafts();
    let city = drafts.add(City::values().country_code("BE"));
    let country = drafts.add(Country::values().code("BE").capital_id(city));
    let created = db.assert_queries(2, || drafts.create())?;
    assert_eq!(created.get(country)?.capital_id().country_code().id()?, "BE");
    Ok(())
}

#[test]
fn keys_of_all_kinds_are_linked_to() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let mut all = Vec::new();
    for i in 0..3 {
        let azure = drafts.add(partner("Azure").id(10 * i + 20));
        // Its key is a link, and so is a part of this one's, to which another one links.
        let profile = drafts.add(Profile::values().partner_id(azure).bio(format!("bio {i}")));
        let order = drafts.add(Order::values().partner_id(azure).state("open"));
        let seats = [1, 2].map(|place| drafts.add(Seat::values().place(place).order_id(order).note("n")));
        let ticket = drafts.add(Ticket::values().seat(seats[1]));
        all.push((azure, profile, order, seats, ticket));
    }
    let created = db.assert_queries(5, || drafts.create())?;
    for (i, (azure, profile, order, seats, ticket)) in all.into_iter().enumerate() {
        let (azure, order) = (created.get(azure)?, created.get(order)?);
        assert_eq!((azure.id(), created.get(profile)?.id()), (10 * i as i32 + 20, 10 * i as i32 + 20));
        assert_eq!(azure.profile().bio()?, Some(format!("bio {i}").into()));
        assert_eq!(created.get(seats[0])?.id(), (order.id(), 1));
        assert_eq!(created.get(ticket)?.seat().id()?, (order.id(), 2));
        assert_eq!(created.get(ticket)?.seat().order_id().partner_id().id()?, azure.id());
        assert_eq!(order.seat_ids().len()?, 2);
    }
    assert_eq!(
        db.file.values("SELECT count(*) AS value FROM tickets JOIN seats ON order_id = seat_order_id AND place = seat_place"),
        ["3"]
    );
    Ok(())
}

#[test]
fn all_or_none_and_the_draft_that_was_refused_is_named() -> Result<()> {
    let db = db()?;
    db.create(Node::values().name("there"))?;
    let mut drafts = db.drafts();
    let root = drafts.add(Node::values().name("root"));
    let azure = drafts.add(partner("Azure").code("same"));
    let lumber = drafts.add(partner("Lumber"));
    drafts.discard(lumber)?;
    let again = drafts.add(partner("again").code("same"));
    drafts.add(Order::values().partner_id(azure));
    let child = drafts.add(Node::values().name("there").parent_id(root));
    let error = db.transaction(|| {
        let before = db.create(Node::values().name("before"))?;
        let error = drafts.create().expect_err("it is there");
        // They were in a savepoint: what was done before is there.
        assert_eq!((before.exists()?, db.all::<Partner>()?.len()), (true, 0));
        Err::<(), _>(error)
    });
    let error = error.expect_err("it is there");
    let Error::RowRefused { row, rows, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*row, *rows), (child.index(), 2), "{error}");
    let violation = error.violation().expect("one");
    assert_eq!((violation.kind, violation.model, violation.row), (ViolationKind::Unique, "Node", Some(1)));
    let count = "SELECT (SELECT count(*) FROM partners) + count(*) AS value FROM nodes";
    assert_eq!(db.file.values(count), ["1"]);
    // Of several rows of one statement
    let mut drafts = db.drafts();
    drafts.add(Node::values().name("x"));
    drafts.add(partner("Azure").code("same"));
    let lumber = drafts.add(partner("Lumber"));
    drafts.discard(lumber)?;
    let other = drafts.add(partner("again").code("same"));
    assert_eq!(other.index(), again.index());
    let error = drafts.create().expect_err("twice");
    let Error::RowRefused { row: 2, rows: 3, .. } = &error else { panic!("{error:?}") };
    assert_eq!(error.violation().expect("one").model, "Partner");
    // What lacks a value
    let mut drafts = db.drafts();
    let root = drafts.add(Node::values().name("root"));
    drafts.add(Node::values().parent_id(root));
    let error = drafts.create().expect_err("no name");
    let Error::RowRefused { row: 1, rows: 2, error, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*error, Error::MissingValue { model: "Node", field: "name", .. }), "{error:?}");
    assert_eq!(db.file.values(count), ["1"]);
    assert_eq!(db.all::<Node>()?.name()?, ["there"]);
    Ok(())
}

#[test]
fn what_could_not_be_given_is_told_before_anything_is_sent() -> Result<()> {
    let db = db()?;
    let nobody = db.record::<Order>(99).partner_id();
    let mut drafts = db.drafts();
    drafts.add(partner("Azure"));
    // The link of an order that is not there was read, in vain.
    drafts.add(Order::values().partner_id(nobody));
    let error = db.assert_queries(0, || drafts.create()).expect_err("no order");
    assert!(matches!(error, Error::MissingRecord { model: "Order", .. }), "{error:?}");
    Ok(())
}

#[test]
fn they_are_as_many_windows_as_create_many_has_and_in_the_order_given() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let partners: Vec<_> = (0..1_500).map(|i| drafts.add(partner(&format!("P{i}")))).collect();
    let orders: Vec<_> = partners
        .iter()
        .map(|partner| drafts.add(Order::values().partner_id(partner).state("open")))
        .collect();
    let created = db.assert_queries(4, || drafts.create())?;
    db.assert_queries(0, || {
        for (i, &order) in orders.iter().enumerate() {
            assert_eq!(created.get(order)?.partner_id().name()?, format!("P{i}"));
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn what_is_left_to_the_database_is_read_for_all_at_once() -> Result<()> {
    let db = test_db!(orm_tests::database::File::new(SCHEMA), strict());
    let azure = db.create(partner("Azure"))?;
    let mut drafts = db.drafts();
    let orders: Vec<_> = (0..100).map(|_| drafts.add(Order::values().partner_id(&azure))).collect();
    let created = db.assert_queries(1, || drafts.create())?;
    let read = db.assert_queries(1, || {
        orders.iter().map(|&order| created.get(order)?.state()).collect::<Result<Vec<_>>>()
    })?;
    assert!(read.iter().all(|state| state == "draft"));
    assert_eq!(azure.order_ids().len()?, 100);
    Ok(())
}

#[test]
fn what_waits_is_sent_before_as_it_is_for_create() -> Result<()> {
    let db = db()?;
    let old = db.create(partner("old").code("one"))?;
    db.transaction(|| {
        old.set_code("two")?;
        let mut drafts = db.drafts();
        let new = drafts.add(partner("new").code("one"));
        drafts.add(Order::values().partner_id(new).billed_id(&old).state("open"));
        let created = drafts.create()?;
        assert_eq!(created.get(new)?.code()?.as_deref(), Some("one"));
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT code AS value FROM partners ORDER BY id"), ["two", "one"]);
    Ok(())
}

#[test]
fn a_rollback_takes_them_along() -> Result<()> {
    let db = db()?;
    let there = db.create(partner("there"))?;
    assert!(there.order_ids().is_empty()?);
    let rolled_back = db.transaction(|| {
        let mut drafts = db.drafts();
        let new = drafts.add(partner("new"));
        let order = drafts.add(Order::values().partner_id(new).billed_id(&there));
        let other = drafts.add(Order::values().partner_id(&there));
        let created = drafts.create()?;
        assert_eq!(there.order_ids().ids()?, [created.get(other)?.id()]);
        assert!(created.get(order)?.billed_id().is(&there)?);
        Err::<(), _>(Error::other("no"))
    });
    assert!(rolled_back.is_err());
    assert_eq!((there.order_ids().len()?, db.all::<Partner>()?.len()), (0, 1));
    Ok(())
}

#[test]
fn they_are_validated_counted_and_stamped_as_created_records_are() -> Result<()> {
    let db = db()?;
    let mut drafts = db.drafts();
    let note = |title: &str| Note::values().title(title).parent_id(None).twin_id(None);
    let root = drafts.add(note("a"));
    let child = drafts.add(note("a/b").parent_id(root));
    let other = drafts.add(note("c").twin_id(child));
    let created = db.assert_queries(3, || drafts.create())?;
    let [root, child, other] = [root, child, other].map(|note| created.get(note).expect("a note"));
    db.assert_queries(0, || {
        assert_eq!([&root, &child, &other].map(|note| note.version().expect("a version")), [1, 1, 1]);
        assert!(
            root.created()? == root.updated()?
                && root.created()? > 0
                && child.created()? >= root.created()?
        );
        Ok::<_, Error>(())
    })?;
    // A link that has to wait for its row is a second write.
    let mut drafts = db.drafts();
    let [a, b] = ["twin a", "twin b"].map(|title| drafts.add(note(title)));
    drafts.change(a, |values| values.twin_id(b))?;
    drafts.change(b, |values| values.twin_id(a))?;
    // Without RETURNING versions are looked at before.
    let created = db.assert_queries(2 + usize::from(cfg!(feature = "mysql")), || drafts.create())?;
    let (a, b) = (created.get(a)?, created.get(b)?);
    assert!(a.twin_id().is(&b)? && b.twin_id().is(&a)?);
    assert_eq!((a.version()?, b.version()?), (2, 2));
    assert_eq!(db.file.values("SELECT version AS value FROM notes ORDER BY id"), ["1", "1", "1", "2", "2"]);
    // What is not valid is of none.
    let mut drafts = db.drafts();
    let root = drafts.add(Note::values().title("x"));
    drafts.add(Note::values().title("y").parent_id(root));
    let error = drafts.create().expect_err("not under it");
    assert_eq!(error.to_string(), "a new Note is not valid: not under it: y (the row at index 1 of 2)");
    assert_eq!(db.file.values("SELECT count(*) AS value FROM notes"), ["5"]);
    Ok(())
}
