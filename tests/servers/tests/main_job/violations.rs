//! Of which table and of which fields a violated constraint is: where structs or tables are called alike, where a trigger, a CASCADE or a partition is
//! in between. Right, or not known.

use diesel::connection::SimpleConnection;
use orm_core::prelude::*;
use orm_core::{Error, Violation, ViolationKind};

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { items { id -> Integer, code -> Nullable<Text>, group_id -> Nullable<Integer>, amount -> Integer } }
diesel::table! { stock { id -> Integer, code -> Nullable<Text> } }
diesel::table! { groups { id -> Integer, parent_id -> Nullable<Integer> } }

mod ours {
    use super::*;

    #[derive(Model)]
    #[model(table = items, connection = Db)]
    pub struct Item {
        id: i32,
        code: Option<String>,
        group_id: Option<Id<Group>>,
        amount: i32,
    }

    #[derive(Model)]
    #[model(table = groups, connection = Db)]
    pub struct Group {
        id: i32,
        parent_id: Option<Id<Self>>,
    }

    /// Another struct over the same table
    #[derive(Model)]
    #[model(table = items, connection = Db)]
    pub struct Slim {
        id: i32,
        code: Option<String>,
    }
}

mod stocked {
    use super::*;

    #[derive(Model)]
    #[model(table = stock, connection = Db)]
    pub struct Item {
        id: i32,
        code: Option<String>,
    }
}

mod elsewhere {
    use super::*;

    diesel::table! { orm_core_violated.items { id -> Integer, code -> Nullable<Text>, group_id -> Nullable<Integer>, amount -> Integer } }

    #[derive(Model)]
    #[model(table = items, connection = Db)]
    pub struct Item {
        id: i32,
        code: Option<String>,
        group_id: Option<i32>,
        amount: i32,
    }
}

const TABLES: &str = "CREATE TABLE `groups` (id INTEGER PRIMARY KEY, parent_id INTEGER, FOREIGN KEY (parent_id) REFERENCES `groups` (id));
    CREATE TABLE items (id INTEGER PRIMARY KEY, code VARCHAR(20) UNIQUE, group_id INTEGER, amount INTEGER NOT NULL DEFAULT 0 CHECK (amount < 100),
        FOREIGN KEY (group_id) REFERENCES `groups` (id) ON DELETE CASCADE);";

/// The SQL of both servers
fn sql(text: &str) -> String {
    if super::IS_MYSQL { text.to_owned() } else { text.replace('`', "\"") }
}

fn open() -> Outcome<Option<(Place<Db>, Environment<Db>)>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    place.connect()?.batch_execute(&sql(TABLES))?;
    let env = place.environment()?;
    Ok(Some((place, env)))
}

fn violation<T>(result: Result<T, Error>) -> Outcome<Violation> {
    let error = result.err().ok_or("a constraint refuses it")?;
    Ok(error.violation().ok_or_else(|| format!("no violation: {error:?}"))?)
}

#[test]
fn of_structs_of_one_name_it_is_of_the_one_that_was_written() -> Outcome {
    let Some((place, env)) = open()? else { return Ok(()) };
    place.connect()?.batch_execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, code VARCHAR(20) UNIQUE)")?;
    env.create(ours::Item::values().id(1).code("A"))?;
    env.create(stocked::Item::values().id(1).code("A"))?;
    let ours = violation(env.create(ours::Item::values().id(2).code("A")))?;
    assert_eq!((ours.kind, ours.model), (ViolationKind::Unique, "Item"));
    assert!(ours.is_of(ours::Item::CODE) && !ours.is_of(stocked::Item::CODE));
    assert_eq!((ours.fields::<ours::Item>(), ours.fields::<stocked::Item>()), (vec!["code"], vec![]));
    // Of each struct over that table
    assert!(ours.is_of(ours::Slim::CODE));
    let stocked = violation(env.create(stocked::Item::values().id(2).code("A")))?;
    assert!(
        stocked.is_of(stocked::Item::CODE)
            && !stocked.is_of(ours::Item::CODE)
            && !stocked.is_of(ours::Slim::CODE)
    );
    // And in a transaction, where it is the flush that is refused
    env.create(stocked::Item::values().id(3).code("C"))?;
    let later = violation(env.transaction(|| env.record::<stocked::Item>(3).set_code("A")))?;
    assert!(later.is_of(stocked::Item::CODE) && !later.is_of(ours::Item::CODE));
    Ok(())
}

/// What is refused of each of two tables
type Refused = fn(&Environment<Db>) -> [Result<(), Error>; 2];

#[test]
fn of_tables_of_one_name_it_is_of_that_of_its_schema() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let Some(other) = Place::<Db>::named("orm_core_violated")? else { return Ok(()) };
    other.connect()?.batch_execute(&sql(TABLES))?;
    env.create(ours::Item::values().id(1).code("A"))?;
    env.create(elsewhere::Item::values().id(1).code("A"))?;
    let refusals: [Refused; 3] = [
        |env| {
            [
                env.create(ours::Item::values().id(2).code("A")).map(drop),
                env.create(elsewhere::Item::values().id(2).code("A")).map(drop),
            ]
        },
        |env| {
            [
                env.record::<ours::Item>(1).set_group_id(9).map(drop),
                env.record::<elsewhere::Item>(1).set_group_id(9).map(drop),
            ]
        },
        |env| [env.record::<ours::Item>(1).set_amount(100), env.record::<elsewhere::Item>(1).set_amount(100)],
    ];
    for (refusal, field) in refusals.iter().zip(["code", "group_id", "amount"]) {
        let [ours, theirs] = refusal(&env).map(violation);
        let (ours, theirs) = (ours?, theirs?);
        // PostgreSQL does not say the column of a CHECK.
        let fields = if field == "amount" && !super::IS_MYSQL { vec![] } else { vec![field] };
        assert_eq!(
            (ours.fields::<ours::Item>(), ours.fields::<elsewhere::Item>()),
            (fields.clone(), vec![]),
            "{ours:?}"
        );
        assert_eq!(
            (theirs.fields::<elsewhere::Item>(), theirs.fields::<ours::Item>()),
            (fields, vec![]),
            "{theirs:?}"
        );
        // MariaDB says no table of a unique key.
        let table = (!super::IS_MYSQL || field != "code").then_some("items");
        assert_eq!((ours.table.as_deref(), theirs.table.as_deref()), (table, table));
    }
    Ok(())
}

#[test]
fn a_row_that_is_needed_is_not_about_the_columns_of_those_that_need_it() -> Outcome {
    let Some((place, env)) = open()? else { return Ok(()) };
    place.connect()?.batch_execute(&sql(
        "INSERT INTO `groups` VALUES (1, NULL), (2, NULL); INSERT INTO items VALUES (1, 'A', 2, 0);
         CREATE TABLE needs (id INTEGER PRIMARY KEY, parent_id INTEGER, item_id INTEGER,
            FOREIGN KEY (parent_id) REFERENCES `groups` (id), FOREIGN KEY (item_id) REFERENCES items (id));
         INSERT INTO needs VALUES (1, 1, NULL), (2, NULL, 1)",
    ))?;
    let needed = violation(env.record::<ours::Group>(1).delete())?;
    // PostgreSQL says the key that is needed, MariaDB the column that needs it: `parent_id` of another table.
    let (table, fields) = if super::IS_MYSQL { ("needs", vec![]) } else { ("groups", vec!["id"]) };
    assert_eq!((needed.kind, needed.table.as_deref()), (ViolationKind::ForeignKey, Some(table)));
    assert_eq!(needed.fields::<ours::Group>(), fields);
    assert!(!needed.is_of(ours::Group::PARENT_ID));
    // One that goes along is needed: the key is not that of the row that was to be deleted.
    let along = violation(env.record::<ours::Group>(2).delete())?;
    assert_eq!(along.table.as_deref(), super::IS_MYSQL.then_some("needs"));
    assert!(!along.is_of(ours::Group::ID), "{along:?}");
    Ok(())
}

#[test]
fn what_a_trigger_writes_is_not_of_the_table_if_the_database_says_so() -> Outcome {
    let Some((place, env)) = open()? else { return Ok(()) };
    place.connect()?.batch_execute(&sql(
        "CREATE TABLE seen (id INTEGER PRIMARY KEY, amount INTEGER CHECK (amount <> 7), group_id INTEGER,
            FOREIGN KEY (group_id) REFERENCES `groups` (id))",
    ))?;
    place.connect()?.batch_execute(super::SEES_ITEMS)?;
    env.create(ours::Item::values().id(1))?;
    for violation in [
        violation(env.create(ours::Item::values().id(2).amount(7)))?,
        // 99 of those that are seen
        violation(env.create(ours::Item::values().id(3).amount(99)))?,
    ] {
        let table = super::IS_MYSQL.then_some("seen");
        assert_eq!(
            (violation.table.as_deref(), violation.fields::<ours::Item>()),
            (table, vec![]),
            "{violation:?}"
        );
        assert!(!violation.is_of(ours::Item::AMOUNT) && !violation.is_of(ours::Item::GROUP_ID));
    }
    Ok(())
}
