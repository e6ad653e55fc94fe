//! Whatever a function reads, and whatever changes afterwards: the value that is read then is the one that the function gives.
//!
//! Each way to read is tried with each kind of change: over keys of several columns, of text, shared with another table, two structs over
//! one table, a view, links to oneself, pairs either way, lists with a filter, a limit and an order, fields that are computed or stored.

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Environment, Error, Result};
use orm_tests::{File, TestDb, on, test_db};

diesel::table! { regions (code) { code -> Text, name -> Text } }
diesel::table! { accounts (company, number) { company -> Integer, number -> Integer, name -> Text, code -> Nullable<Text> } }
diesel::table! { people {
    id -> Integer, name -> Text, age -> Integer, parent_id -> Nullable<Integer>, code -> Nullable<Text>,
    company -> Nullable<Integer>, number -> Nullable<Integer>, weight -> BigInt, first_id -> Nullable<Integer>,
} }
diesel::table! { profiles (person_id) { person_id -> Integer, bio -> Text } }
diesel::table! { orders { id -> Integer, person_id -> Integer, amount -> BigInt, state -> Text } }
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { person_tags (person_id, tag_id) { person_id -> Integer, tag_id -> Integer } }
diesel::table! { friends (person_id, friend_id) { person_id -> Integer, friend_id -> Integer } }
diesel::table! { adults { id -> Integer, name -> Text } }
diesel::allow_tables_to_appear_in_same_query!(people, orders);

#[derive(Model)]
#[model(table = regions)]
struct Region {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Person::REGION_ID)]
    people: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = accounts, primary_key(company, number))]
struct Account {
    company: i32,
    number: i32,
    name: String,
    #[model(column = code)]
    region_id: Option<Id<Region>>,
    #[model(inverse = Person::ACCOUNT_ID)]
    holder_ids: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    age: i32,
    parent_id: Option<Id<Self>>,
    #[model(column = code)]
    region_id: Option<Id<Region>>,
    #[model(columns(company, number))]
    account_id: Option<Id<Account>>,
    #[model(inverse = Self::PARENT_ID)]
    child_ids: OneToMany<Self>,
    #[model(inverse = Order::PERSON_ID)]
    order_ids: OneToMany<Order>,
    #[model(inverse = Order::PERSON_ID, filter = orders::state.eq("open"))]
    open_ids: OneToMany<Order>,
    #[model(inverse = Order::PERSON_ID, order = orders::amount.desc(), limit = 1)]
    largest_ids: OneToMany<Order>,
    #[model(inverse = Profile::PERSON)]
    profile: OneToOne<Profile>,
    #[model(through(person_tags::person_id, person_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    #[model(through(friends::person_id, friends::friend_id), symmetric)]
    friend_ids: ManyToMany<Self>,
    /// What the reader that is tried makes of the record
    #[model(compute = seen)]
    seen: Computed<String>,
    #[model(compute_all = all_seen)]
    all_seen: Computed<String>,
    /// Who stands above all
    #[model(compute = head)]
    head: Computed<Id<Self>>,
    #[model(related = account_id.region_id.name)]
    account_region: Computed<Option<String>>,
    /// Of its orders
    #[model(compute = weight, stored, depends(order_ids.amount))]
    weight: Computed<i64>,
    /// The first of its children
    #[model(compute = first, stored, depends(child_ids))]
    first_id: Computed<Option<Id<Self>>>,
    #[model(inverse = Self::FIRST_ID)]
    first_of_ids: OneToMany<Self>,
    /// A link that is computed of what is stored
    #[model(compute = heavier)]
    heavier: Computed<Option<Id<Self>>>,
}

/// The same rows, of which less is known, and links are keys
#[derive(Model)]
#[model(table = people)]
struct Slim {
    id: i32,
    name: String,
    parent_id: Option<i32>,
    code: Option<String>,
    number: Option<i32>,
}

#[derive(Model)]
#[model(table = profiles)]
struct Profile {
    #[model(primary_key)]
    person_id: i32,
    #[model(column = person_id)]
    person: Id<Person>,
    bio: String,
}

#[derive(Model)]
struct Order {
    id: i32,
    person_id: Id<Person>,
    amount: i64,
    state: String,
}

#[derive(Model)]
#[model(table = orders)]
struct SlimOrder {
    id: i32,
    person_id: i32,
    amount: i64,
}

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
    #[model(through(person_tags::tag_id, person_tags::person_id))]
    person_ids: ManyToMany<Person>,
}

#[derive(Model)]
#[model(table = person_tags, primary_key(person_id, tag_id))]
struct PersonTag {
    person_id: i32,
    tag_id: i32,
}

#[derive(Model)]
#[model(table = friends, primary_key(person_id, friend_id))]
struct Friendship {
    person_id: i32,
    friend_id: i32,
}

#[derive(Model)]
#[model(table = adults, view_of(people))]
struct Adult {
    id: i32,
    name: String,
}

type Reader = fn(&Record<Person>) -> Result<String>;
type Changer = fn(&Environment) -> Result<()>;

thread_local! {
    static READER: Cell<Reader> = const { Cell::new(|_| Ok(String::new())) };
}

fn seen(person: &Record<Person>) -> Result<String> {
    READER.get()(person)
}

fn all_seen(people: &RecordSet<Person>) -> Result<Vec<String>> {
    people.iter().map(|person| READER.get()(&person)).collect()
}

fn head<'env>(person: &Record<'env, Person>) -> Result<Record<'env, Person>> {
    match person.parent_id().load()? {
        Some(parent) => parent.head().load(),
        None => Ok(person.clone()),
    }
}

fn weight(person: &Record<Person>) -> Result<i64> {
    Ok(person.order_ids().amount()?.into_iter().sum())
}

fn first<'env>(person: &Record<'env, Person>) -> Result<Option<Record<'env, Person>>> {
    let children = person.child_ids().load()?;
    children.min_by_key(|child| Ok(child.id()))
}

fn heavier(person: &Record<Person>) -> Result<Option<Id<Person>>> {
    let (own, parent) = (person.weight()?, person.parent_id().weight()?);
    Ok(if parent.is_some_and(|parent| parent > own) { person.parent_id().id()?.map(Id::new) } else { None })
}

macro_rules! readers {
    ($($name:literal: |$person:ident| $read:expr;)*) => {
        const READERS: &[(&str, Reader)] = &[$(($name, |$person| Ok(format!("{:?}", $read)))),*];
    };
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

readers! {
    "a field": |p| p.name()?;
    "a field behind a link": |p| p.parent_id().name()?;
    "a field behind two links": |p| p.account_id().region_id().name()?;
    "a field behind a text key": |p| p.region_id().name()?;
    "where a link leads": |p| p.parent_id().id()?;
    "where a link to two columns leads": |p| p.account_id().id()?;
    "whether a link leads anywhere": |p| p.parent_id().is_none()?;
    "whether a link leads to one": |p| p.parent_id().is(&p.env().record(3))?;
    "who is linked": |p| p.parent_id().load()?.map(|parent| parent.id());
    "a list": |p| sorted(p.order_ids().ids()?);
    "a field of a list": |p| sorted(p.order_ids().amount()?);
    "how long a list is": |p| p.order_ids().len()?;
    "whether a list is empty": |p| p.child_ids().is_empty()?;
    "whether a list has one": |p| p.child_ids().contains(&p.env().record(2))?;
    "the first of a list": |p| p.child_ids().load()?.len();
    "lists of lists": |p| sorted(p.child_ids().order_ids().ids()?);
    "a filtered list": |p| sorted(p.open_ids().ids()?);
    "how long a filtered list is": |p| p.open_ids().len()?;
    "a field of a filtered list": |p| sorted(p.open_ids().amount()?);
    "a list with a limit": |p| p.largest_ids().ids()?;
    "a field of a list with a limit": |p| p.largest_ids().amount()?;
    "the other side": |p| p.profile().bio()?;
    "whether there is another side": |p| p.profile().is_some()?;
    "pairs": |p| sorted(p.tag_ids().ids()?);
    "how many pairs": |p| p.tag_ids().len()?;
    "a field of pairs": |p| sorted(p.tag_ids().name()?);
    "pairs of pairs": |p| sorted(p.tag_ids().person_ids().ids()?);
    "pairs either way": |p| sorted(p.friend_ids().ids()?);
    "a field of pairs either way": |p| sorted(p.friend_ids().name()?);
    "a sum": |p| p.order_ids().sum(Order::AMOUNT)?;
    "a sum over a filter": |p| p.open_ids().sum(Order::AMOUNT)?;
    "a sum over a limit": |p| p.largest_ids().sum(Order::AMOUNT)?;
    "the largest": |p| p.order_ids().max(Order::AMOUNT)?;
    "an average": |p| p.order_ids().avg(Order::AMOUNT)?;
    "how many fulfil something": |p| p.order_ids().count_where(orders::state.eq("open"))?;
    "a sum of an expression": |p| p.order_ids().sum(orders::amount * orders::amount)?;
    "a sum of what is stored": |p| p.child_ids().sum(Person::WEIGHT)?;
    "a sum over pairs": |p| p.friend_ids().max(Person::AGE)?;
    "what is computed": |p| p.account_region()?;
    "where a computed link leads": |p| p.head().id()?;
    "a field behind a computed link": |p| p.head().name()?;
    "a computed link of what is stored": |p| p.heavier().name()?;
    "what is stored": |p| p.weight()?;
    "what is stored of the parent": |p| p.parent_id().weight()?;
    "where a stored link leads": |p| p.first_id().id()?;
    "a field behind a stored link": |p| p.first_id().name()?;
    "the other side of a stored link": |p| sorted(p.first_of_ids().ids()?);
    "how many on the other side of a stored link": |p| p.first_of_ids().len()?;
    "one that is not there": |p| p.env().record::<Person>(77).name().map(|name| name.to_string()).unwrap_or("none".into());
    "whether one is there": |p| p.env().record::<Order>(77).exists()?;
    "one by two columns that is not there": |p| {
        let account: Record<Account> = p.env().record((9, 9));
        account.name().map(|name| name.to_string()).unwrap_or("none".into())
    };
    "those that are there": |p| p.env().browse::<Order>([1, 2, 77]).exists()?.ids();
    "all": |p| sorted(p.env().all::<Order>()?.ids());
    "all, and a field": |p| sorted(p.env().all::<Order>()?.amount()?);
    "a search": |p| {
        let found: RecordSet<Order> = orders::table.filter(orders::state.eq("open")).records(p.env())?;
        sorted(found.ids())
    };
    "one that is found": |p| p.env().find::<Order>(orders::amount.gt(15).and(orders::id.lt(5)))?.map(|order| order.id());
    "one by its key": |p| p.env().get::<Order>(77)?.map(|order| order.id());
    "how many are found": |p| orders::table.filter(orders::amount.gt(15)).count_records::<Order>(p.env())?;
    "a join": |p| {
        let all = orders::table.inner_join(people::table.on(people::id.eq(orders::person_id)));
        let found: RecordSet<Order> = all.filter(people::age.gt(30)).select(orders::all_columns).records(p.env())?;
        sorted(found.ids())
    };
    "batches": |p| {
        let mut ids = Vec::new();
        p.env().in_batches::<Order, _>(orders::table, 2, |batch| {
            ids.extend(batch.ids());
            Ok(())
        })?;
        sorted(ids)
    };
    "a view": |p| sorted(p.env().all::<Adult>()?.name()?);
    "a record of a view": |p| p.env().record::<Adult>(1).name().map(|name| name.to_string()).unwrap_or("none".into());
    "the rows of pairs": |p| p.env().all::<PersonTag>()?.len();
    "another struct's field": |p| p.env().record::<Slim>(p.id()).name()?;
    "another struct's key": |p| p.env().record::<Slim>(p.id()).parent_id()?;
    "a copy": |p| p.to_model()?.age;
    "values": |p| p.extract((Person::NAME, Person::PARENT_ID))?;
    "by a field's key": |p| p.get(Person::AGE);
    "a statement": |p| p.env().touching().nothing().with_connection(|connection| {
        Ok(orders::table.select(diesel::dsl::sum(orders::id)).first::<Option<i64>>(connection)?)
    })?;
}

macro_rules! changes {
    ($($name:literal: |$env:ident| $change:expr;)*) => {
        const CHANGES: &[(&str, Changer)] = &[$(($name, |$env| $change)),*];
    };
}

changes! {
    "a name": |env| env.record::<Person>(1).set_name("new");
    "the parent's name": |env| env.record::<Person>(3).set_name("new");
    "a name by the other struct": |env| env.record::<Slim>(3).set_name("slim");
    "an age": |env| env.browse::<Person>([1, 2, 3, 4]).set_age(50);
    "an assignment": |env| env.browse::<Person>([1, 3]).update(people::age.eq(people::age + 20));
    "a link": |env| env.record::<Person>(1).set_parent_id(4);
    "a link to nobody": |env| env.record::<Person>(1).set_parent_id(None);
    "a link of a child": |env| env.record::<Person>(2).set_parent_id(4);
    "a link to the record": |env| env.record::<Person>(4).set_parent_id(1);
    "a link as a key": |env| env.record::<Slim>(1).set_parent_id(Some(4));
    "a child's link as a key": |env| env.record::<Slim>(2).set_parent_id(None);
    "the parent's link": |env| env.record::<Person>(3).set_parent_id(4);
    "a link by text": |env| env.record::<Person>(1).set_region_id("S");
    "a link by text, as a key": |env| env.record::<Slim>(1).set_code(&Some("S".to_owned()));
    "a link of two columns": |env| env.record::<Person>(1).set_account_id((1, 2));
    "half of a link": |env| env.record::<Slim>(1).set_number(Some(2));
    "a region's name": |env| env.record::<Region>("N").set_name("Nord");
    "an account's region": |env| env.record::<Account>((1, 1)).set_region_id("S");
    "an amount": |env| env.record::<Order>(1).set_amount(99);
    "an amount by the other struct": |env| env.record::<SlimOrder>(1).set_amount(98);
    "a child's amount": |env| env.record::<Order>(4).set_amount(97);
    "the parent's amount": |env| env.record::<Order>(5).set_amount(96);
    "a state": |env| env.record::<Order>(1).set_state("open");
    "another state": |env| env.record::<Order>(2).set_state("done");
    "an order goes": |env| env.record::<Order>(2).set_person_id(2);
    "an order comes": |env| env.record::<Order>(4).set_person_id(1);
    "an order comes by its key": |env| env.record::<SlimOrder>(4).set_person_id(1);
    "an order comes by the list": |env| env.record::<Person>(1).order_ids().add_ids([5]);
    "an order is created": |env| env.create(Order::values().person_id(1).amount(500).state("open")).map(drop);
    "an order of that key": |env| env.create(Order::values().id(77).person_id(2).amount(50).state("open")).map(drop);
    "an order of another's": |env| env.create(Order::values().person_id(3).amount(500).state("open")).map(drop);
    "an order in a list": |env| env.record::<Person>(1).open_ids().create(Order::values().amount(3)).map(drop);
    "orders together": |env| {
        let rows = [70, 71].map(|id| Order::values().id(id).person_id(1).amount(i64::from(id)).state("open"));
        env.create_many(rows).map(drop)
    };
    "drafts": |env| {
        let mut drafts = env.drafts();
        let person = drafts.add(Person::values().id(77).name("draft").age(60).parent_id(1));
        drafts.add(Order::values().amount(1000).state("open").person_id(person));
        drafts.create().map(drop)
    };
    "an order that may be there": |env| {
        env.upsert(Order::ID, Order::values().id(1).person_id(2).amount(5).state("open")).map(drop)
    };
    "an order that may be there, and is not": |env| {
        env.upsert(Order::ID, Order::values().id(77).person_id(1).amount(5).state("open")).map(drop)
    };
    "an order is deleted": |env| env.record::<Order>(2).delete();
    "orders are deleted": |env| env.browse::<Order>([1, 4, 5]).delete();
    "a child is deleted": |env| {
        env.browse::<Order>([4]).delete()?;
        env.record::<Person>(2).delete()
    };
    "the parent is deleted": |env| {
        env.browse::<Order>([5]).delete()?;
        env.record::<Person>(3).delete()
    };
    "a tag is added": |env| env.record::<Person>(1).tag_ids().add_ids([3]);
    "a tag is removed": |env| env.record::<Person>(1).tag_ids().remove_ids([1]);
    "a tag from the other side": |env| env.record::<Tag>(3).person_ids().add_ids([1]);
    "a tag elsewhere": |env| env.record::<Tag>(1).person_ids().add_ids([4]);
    "a tag by its row": |env| env.create(PersonTag::values().person_id(1).tag_id(3)).map(drop);
    "a tag's row goes": |env| env.record::<PersonTag>((1, 2)).delete();
    "a tag's name": |env| env.record::<Tag>(1).set_name("new");
    "other tags": |env| env.record::<Person>(1).tag_ids().set_ids([2, 3]);
    "a friend": |env| env.record::<Person>(4).friend_ids().add_ids([1]);
    "a friend less": |env| env.record::<Person>(2).friend_ids().remove_ids([1]);
    "a friend by the row": |env| env.create(Friendship::values().person_id(3).friend_id(1)).map(drop);
    "a profile": |env| env.record::<Person>(1).create_profile(Profile::values().bio("new")).map(drop);
    "a profile by its key": |env| env.create(Profile::values().person_id(1).bio("own")).map(drop);
    "a profile's text": |env| env.record::<Profile>(2).set_bio("other");
    "an account": |env| env.create(Account::values().company(9).number(9).name("nine")).map(drop);
    "a person of that key": |env| env.create(Person::values().id(77).name("77").age(60)).map(drop);
    "a statement": |env| env.execute(diesel::update(orders::table).set(orders::amount.eq(orders::amount + 1))).map(drop);
    "a statement of one model": |env| {
        let statement = diesel::update(people::table).set(people::name.eq("by hand"));
        env.touching().model::<Person>().execute(statement).map(drop)
    };
    "a connection": |env| env.with_connection(|connection| {
        diesel::delete(orders::table.filter(orders::id.eq(1))).execute(connection)?;
        Ok(())
    });
}

/// What a change that nobody sees comes to: rows written by somebody else
const BEHIND: &[(&str, &str, Changer)] = &[
    ("refreshed", "UPDATE people SET name = 'else', parent_id = 4 WHERE id = 1", |env| {
        env.record::<Person>(1).refresh()
    }),
    ("the parent refreshed", "UPDATE people SET name = 'else', parent_id = 4 WHERE id = 3", |env| {
        env.record::<Person>(3).refresh()
    }),
    (
        "cleared",
        "UPDATE people SET name = 'x'; UPDATE orders SET amount = 7, person_id = 1; DELETE FROM person_tags",
        |env| {
            env.cache().clear();
            Ok(())
        },
    ),
];

fn file() -> File {
    File::new(
        "CREATE TABLE regions (code VARCHAR(10) PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE accounts (company INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, code VARCHAR(10), PRIMARY KEY (company, number));
         CREATE TABLE people (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL, parent_id INTEGER, code VARCHAR(10), company INTEGER, number INTEGER,
            weight BIGINT NOT NULL DEFAULT 0, first_id INTEGER);
         CREATE TABLE profiles (person_id INTEGER PRIMARY KEY, bio TEXT NOT NULL);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, amount BIGINT NOT NULL, state VARCHAR(20) NOT NULL);
         CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE person_tags (person_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (person_id, tag_id));
         CREATE TABLE friends (person_id INTEGER NOT NULL, friend_id INTEGER NOT NULL, PRIMARY KEY (person_id, friend_id));
         CREATE VIEW adults AS SELECT id, name FROM people WHERE age > 30;
         INSERT INTO regions VALUES ('N', 'North'), ('S', 'South');
         INSERT INTO accounts VALUES (1, 1, 'a11', 'N'), (1, 2, 'a12', NULL);
         INSERT INTO people VALUES
            (3, 'three', 60, NULL, 'S', 1, 2, 50, 1), (1, 'one', 20, 3, 'N', 1, 1, 30, 2), (2, 'two', 10, 1, NULL, NULL, NULL, 40, NULL),
            (4, 'four', 40, NULL, NULL, 1, 1, 0, NULL);
         INSERT INTO profiles VALUES (2, 'second');
         INSERT INTO orders VALUES (1, 1, 10, 'done'), (2, 1, 20, 'open'), (4, 2, 40, 'open'), (5, 3, 50, 'open');
         INSERT INTO tags VALUES (1, 't1'), (2, 't2'), (3, 't3');
         INSERT INTO person_tags VALUES (1, 1), (1, 2), (2, 2);
         INSERT INTO friends VALUES (1, 2), (3, 4);",
    )
}

/// What a read gives, errors by their text
fn told(read: Result<impl ToString>) -> String {
    read.map_or_else(|error| format!("error: {error}"), |value| value.to_string())
}

fn undone<T>() -> Result<T> {
    Err(Error::other("undone"))
}

/// Tries one reader with one change: what is read then equals what the function gives, in a transaction, after it was undone, and after
/// it was committed, where another environment sees the same.
fn try_one(db: &TestDb, reader: Reader, change: Changer, what: &str) {
    READER.set(reader);
    let person = db.record::<Person>(1);
    let both = |person: &Record<Person>| (told(person.seen()), told(person.all_seen()));
    let own = |person: &Record<Person>| {
        let value = told(reader(person));
        (value.clone(), value)
    };
    let before = both(&person);
    assert_eq!(before, own(&person), "at first: {what}");
    // Undone, and read within or only afterwards
    for is_read in [true, false] {
        let result: Result<()> = db.transaction(|| {
            change(db)?;
            if is_read {
                let seen = both(&person);
                assert_eq!(seen, own(&person), "within a transaction: {what}");
            }
            undone()
        });
        assert!(result.unwrap_err().to_string().contains("undone"), "{what}");
        assert_eq!(both(&person), before, "after it was undone ({is_read}): {what}");
    }
    // Nested: the inner one is undone
    db.transaction(|| {
        let inner: Result<()> = db.transaction(|| {
            change(db)?;
            both(&person);
            undone()
        });
        assert!(inner.unwrap_err().to_string().contains("undone"), "{what}");
        assert_eq!(both(&person), before, "after the inner one was undone: {what}");
        Ok::<_, Error>(())
    })
    .expect(what);
    change(db).unwrap_or_else(|error| panic!("{what}: {error}"));
    let after = both(&person);
    assert_eq!(after, own(&person), "afterwards: {what}");
    let env = Environment::builder().connection(db.file.connect()).build();
    assert_eq!(after, both(&env.record::<Person>(1)), "as another environment sees it: {what}");
}

/// One change of so many is tried with a reader, the next reader with the changes before these. So each reader and each change is tried. On a server
/// each try takes a schema or a database of its own, which is many times as slow to make as a file of SQLite, and there are thousands of them.
const ONE_OF: usize = on!(sqlite 1, postgres 16, mysql 16);

/// A part of the readers, so that the parts run at the same time
fn try_part(part: usize) {
    let each = READERS.iter().enumerate().filter(|(number, _)| number % 4 == part);
    for (number, (reads, reader)) in each {
        let changes =
            CHANGES.iter().enumerate().filter(|(change, _)| (number + change).is_multiple_of(ONE_OF));
        for (_, (changed, change)) in changes {
            let db = test_db!(file());
            db.register::<Person>();
            try_one(&db, *reader, *change, &format!("{reads}, and then {changed}"));
        }
        let one_of = ONE_OF.min(BEHIND.len());
        let behind = BEHIND.iter().enumerate().filter(|(change, _)| (number + change).is_multiple_of(one_of));
        for (_, (changed, sql, change)) in behind {
            let db = test_db!(file());
            let person = db.record::<Person>(1);
            READER.set(*reader);
            let what = format!("{reads}, and then {changed}");
            told(person.seen());
            told(person.all_seen());
            db.file.run(sql);
            change(&db).expect("a change");
            let own = told(reader(&person));
            assert_eq!((told(person.seen()), told(person.all_seen())), (own.clone(), own), "{what}");
        }
    }
}

#[test]
fn whatever_is_read_and_whatever_changes_part_one() {
    try_part(0);
}

#[test]
fn whatever_is_read_and_whatever_changes_part_two() {
    try_part(1);
}

#[test]
fn whatever_is_read_and_whatever_changes_part_three() {
    try_part(2);
}

#[test]
fn whatever_is_read_and_whatever_changes_part_four() {
    try_part(3);
}
