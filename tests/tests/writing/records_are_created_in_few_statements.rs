//! W5: create inserts many rows in one statement and caches what was given; defaults are read when asked for.

use orm_core::prelude::*;
use orm_core::{Error, Result, ViolationKind};
use orm_tests::database::ENFORCING;
use orm_tests::{TestDb, on};

diesel::table! { things { id -> Integer, name -> Text, code -> Nullable<Text>, state -> Text, rank -> Integer, owner_id -> Nullable<Integer> } }
diesel::table! { labels (code) { code -> Text, name -> Text, thing_id -> Integer } }
diesel::table! { empties { id -> Integer, note -> Nullable<Text> } }

#[derive(Model)]
struct Thing {
    id: i32,
    name: String,
    code: Option<String>,
    state: String,
    rank: i32,
    owner_id: Option<Id<Thing>>,
    #[model(inverse = Thing::OWNER_ID)]
    owned_ids: OneToMany<Thing>,
    #[model(inverse = Label::THING_ID)]
    label_ids: OneToMany<Label>,
}

#[derive(Model)]
struct Label {
    #[model(primary_key)]
    code: String,
    name: String,
    thing_id: Id<Thing>,
}

#[derive(Model)]
#[model(table = empties)]
struct Empty {
    id: i32,
    note: Option<String>,
}

const SCHEMA: &str = "
    CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT UNIQUE, state TEXT NOT NULL DEFAULT 'new',
        rank INTEGER NOT NULL DEFAULT 7 CHECK (rank >= 0), owner_id INTEGER REFERENCES things);
    CREATE TABLE labels (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, thing_id INTEGER NOT NULL REFERENCES things);
    CREATE TABLE empties (id INTEGER PRIMARY KEY, note TEXT DEFAULT 'none')";

fn db() -> Result<TestDb> {
    let db = TestDb::new(SCHEMA);
    db.execute(diesel::sql_query(ENFORCING))?;
    Ok(db)
}

#[test]
fn what_is_given_is_cached_and_what_is_not_is_read_for_all_at_once() -> Result<()> {
    let db = db()?;
    let (things, statements) = db.watch(|| {
        db.create_many((0..1_500).map(|i| Thing::values().name(format!("T{i}")).code(format!("c{i}"))))
    });
    let things = things?;
    assert_eq!(statements.len(), 2, "a thousand rows each");
    assert_eq!((statements[0].binds.len(), statements[1].binds.len()), (2_000, 1_000));
    db.assert_queries(0, || {
        for (i, thing) in things.iter().enumerate() {
            assert_eq!(thing.name()?, format!("T{i}"));
            assert_eq!(thing.code()?.as_deref(), Some(&*format!("c{i}")));
        }
        Ok::<_, Error>(())
    })?;
    assert!(!db.cache().entry(Thing::NAME, things.ids()[0]).expect("a name").dirty);
    // 1,500 in two batches, all that is missing together.
    db.assert_queries(2, || {
        things.iter().try_for_each(|thing| {
            assert_eq!((thing.state()?.as_str(), thing.rank()?, thing.owner_id().id()?), ("new", 7, None));
            Ok::<_, Error>(())
        })
    })?;
    assert_eq!(db.file.values("SELECT name AS value FROM things WHERE id = 1500"), ["T1499"]);
    Ok(())
}

#[test]
fn rows_of_different_fields_come_back_in_the_order_given() -> Result<()> {
    let db = db()?;
    let rows = [
        Thing::values().name("a"),
        Thing::values().name("b").state("old"),
        Thing::values().name("c"),
        Thing::values().name("d").rank(1).state("old"),
    ];
    let (things, statements) = db.watch(|| db.create_many(rows));
    let things = things?;
    // SQLite has no DEFAULT in VALUES: a statement for each set of fields.
    assert_eq!(statements.len(), on!(sqlite 3, postgres 1, mysql 1));
    assert_eq!(things.name()?, ["a", "b", "c", "d"]);
    db.cache().clear();
    assert_eq!(things.name()?, ["a", "b", "c", "d"]);
    assert_eq!(things.state()?, ["new", "old", "new", "old"]);
    assert_eq!(things.rank()?, [7, 7, 7, 1]);
    Ok(())
}

#[test]
fn rows_of_defaults_alone_can_be_created() -> Result<()> {
    let db = db()?;
    let empties = db.create_many([Empty::values(), Empty::values()])?;
    assert_eq!(empties.note()?, [Some("none".into()), Some("none".into())]);
    assert_eq!(db.create(Empty::values())?.id(), 3);
    assert!(db.create_many(Vec::<orm_core::Values<Empty>>::new())?.is_empty());
    Ok(())
}

#[test]
fn keys_can_be_given() -> Result<()> {
    let db = db()?;
    let thing = db.create(Thing::values().id(77).name("given"))?;
    assert_eq!(thing.id(), 77);
    // A record that was asked for before it was there.
    assert!(db.record::<Label>("x").name().is_err_and(|error| error.is_missing_record()));
    let label = db.create(Label::values().code("x").name("X").thing_id(&thing))?;
    db.assert_queries(0, || assert_eq!(label.name().unwrap(), "X"));
    assert_eq!(db.record::<Label>("x").thing_id().name()?, "given");
    // Of a key that was given others may have known: its list is read.
    assert_eq!(thing.label_ids().ids()?, ["x"]);
    Ok(())
}

#[test]
fn a_value_that_is_needed_is_asked_for_by_name() -> Result<()> {
    let db = db()?;
    let error = db.create(Thing::values().code("x")).expect_err("no name");
    assert!(matches!(error, Error::MissingValue { model: "Thing", field: "name", .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "Thing.name needs a value: its column is NOT NULL and has no default; nor was one given for these, which need one if \
         they have no default: state, rank"
    );
    // All that are missing at once, and of which row
    let rows = [Label::values().code("a").name("a").thing_id(1), Label::values().code("b")];
    db.create(Thing::values().name("one"))?;
    let error = db.create_many(rows).expect_err("no name and no thing");
    let Error::RowRefused { row: 1, rows: 2, error, .. } = error else { panic!("{error:?}") };
    let Error::MissingValue { model: "Label", field, others, .. } = &*error else { panic!("{error:?}") };
    let mut all: Vec<_> = others.iter().chain([field]).copied().collect();
    all.sort_unstable();
    assert_eq!(all, ["name", "thing_id"]);
    // That of the list is given.
    let error = db.record::<Thing>(1).label_ids().create(Label::values().code("c")).expect_err("no name");
    assert_eq!(error.to_string(), "Label.name needs a value: its column is NOT NULL and has no default");
    Ok(())
}

#[test]
fn the_row_that_was_refused_is_named() -> Result<()> {
    let db = db()?;
    db.create(Thing::values().name("a").code("417"))?;
    let rows = || (0..1_500).map(|i| Thing::values().name("n").code(i.to_string()));
    let error = db.create_many(rows()).expect_err("one is there");
    assert!(matches!(error, Error::RowRefused { row: 417, rows: 1_500, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        on!(
            sqlite "creating 1000 Thing: UNIQUE constraint failed: things.code (the row at index 417 of 1500)",
            postgres "creating 1000 Thing: duplicate key value violates unique constraint \"things_code_key\" (the row at index 417 of 1500, which has 417)",
            mysql "creating 1000 Thing: Duplicate entry '417' for key 'code' (the row at index 417 of 1500, which has 417)"
        )
    );
    let violation = error.violation().expect("one");
    assert_eq!((violation.row, violation.kind), (Some(417), ViolationKind::Unique));
    // One of a later statement, which is like another one of it
    let rows = || {
        (600..2_000).map(|i| Thing::values().name("n").code((if i == 1_900 { 1_800 } else { i }).to_string()))
    };
    let error = db.create_many(rows()).expect_err("two are the same");
    assert!(matches!(error, Error::RowRefused { row: 1_300, rows: 1_400, .. }), "{error:?}");
    // By a key that is given, among rows that are sent by their fields
    let rows = [
        Label::values().code("x").name("x").thing_id(1),
        Label::values().code("y").name("y").thing_id(1),
        Label::values().code("x").name("z").thing_id(1),
    ];
    let error = db.create_many(rows).expect_err("a key twice");
    assert!(matches!(error, Error::RowRefused { row: 2, rows: 3, .. }), "{error:?}");
    // Also where the closure has swallowed it, it is what the transaction says.
    let told = db.transaction(|| {
        let _ = db.create_many([Thing::values().name("b").code("417"), Thing::values().name("c").code("no")]);
        Ok(())
    });
    // PostgreSQL gives the whole transaction up.
    let is_told = on!(sqlite true, postgres false, mysql true);
    assert!(told.is_ok() == is_told, "{told:?}");
    // What cannot be told is not.
    let error = db.create_many([Thing::values().name("b").rank(1), Thing::values().name("b").rank(-1)]);
    assert!(matches!(error, Err(Error::Database { .. })));
    assert_eq!(db.file.values("SELECT count(*) AS value FROM things"), ["1"]);
    Ok(())
}

#[test]
fn a_violation_names_model_kind_and_column() -> Result<()> {
    let db = db()?;
    let thing = db.create(Thing::values().name("a").code("same"))?;
    for (error, kind, column) in [
        (db.create(Thing::values().name("b").code("same")).err(), ViolationKind::Unique, Some("code")),
        (
            db.create(Label::values().code("l").name("l").thing_id(99)).err(),
            ViolationKind::ForeignKey,
            on!(sqlite None, postgres Some("thing_id"), mysql Some("thing_id")),
        ),
        // MariaDB calls a CHECK of a column by its name.
        (thing.set_rank(-1).err(), ViolationKind::Check, on!(sqlite None, postgres None, mysql Some("rank"))),
    ] {
        let error = error.expect("a violation");
        let violation = error.violation().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((violation.kind, violation.column.as_deref()), (kind, column), "{error}");
        assert!(error.to_string().contains(violation.model), "{error}");
    }
    assert_eq!(thing.rank()?, 7);
    // None of the rows of a statement that was refused is there.
    let rows = (0..1_500).map(|i| Thing::values().name("n").code(format!("{}", i % 1_400)));
    assert!(db.create_many(rows).is_err());
    assert_eq!(db.file.values("SELECT name AS value FROM things"), ["a"]);
    Ok(())
}

#[test]
fn records_are_created_through_a_link() -> Result<()> {
    let db = db()?;
    let thing = db.create(Thing::values().name("owner"))?;
    let label = db.assert_queries(1, || thing.label_ids().create(Label::values().code("l").name("L")))?;
    assert_eq!(label.thing_id().id()?, thing.id());
    let owned = db.assert_queries(1, || thing.owned_ids().create(Thing::values().name("owned")))?;
    db.assert_queries(0, || {
        assert_eq!(thing.label_ids().ids().unwrap(), ["l"]);
        assert_eq!(thing.owned_ids().ids().unwrap(), owned.owner_id().owned_ids().ids().unwrap());
    });
    let error = db.browse::<Thing>([1, 2]).label_ids().create(Label::values().code("m").name("M"));
    assert!(matches!(error, Err(Error::NotOne { model: "Thing", count: 2 })), "{error:?}");
    Ok(())
}

#[test]
fn a_row_that_is_there_can_be_written_instead() -> Result<()> {
    let db = db()?;
    let old = db.create(Thing::values().name("old").code("c1").rank(1))?;
    let row = |code: &str, name: &str| Thing::values().code(code).name(name);
    let (things, statements) = db
        .watch(|| db.upsert_many(Thing::CODE, [row("c0", "first"), row("c1", "renamed"), row("c2", "last")]));
    let things = things?;
    // MySQL does not tell which rows they are: these are looked up.
    assert_eq!(statements.len(), 1 + usize::from(cfg!(feature = "mysql")), "{statements:?}");
    assert_eq!(things.get(1), Some(old.clone()));
    db.assert_queries(0, || assert_eq!(things.name().unwrap(), ["first", "renamed", "last"]));
    // Nobody knows whether it is the row that was there: what was not given is read.
    db.assert_queries(1, || assert_eq!(old.rank().unwrap(), 1));
    assert_eq!(
        db.file.values("SELECT code || name || rank AS value FROM things ORDER BY code"),
        ["c0first7", "c1renamed1", "c2last7"]
    );
    assert_eq!(db.upsert(Thing::ID, Thing::values().id(old.id()).name("by key"))?, old);
    assert_eq!(old.name()?, "by key");
    // Not by a column that is not unique; MySQL takes any key, and finds this one in no other row.
    assert_eq!(db.upsert(Thing::NAME, row("c9", "x")).is_ok(), cfg!(feature = "mysql"));
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "what is no text is not stored there")]
fn one_whose_key_cannot_be_read_is_said_to_be_there() -> Result<()> {
    let db = TestDb::new(
        "CREATE TABLE labels (code TEXT PRIMARY KEY NOT NULL DEFAULT (CAST(x'ff' AS TEXT)), name TEXT NOT NULL, thing_id INTEGER)",
    );
    let error = db.create(Label::values().name("n").thing_id(1)).unwrap_err().to_string();
    assert!(
        error.starts_with("Label.code") && error.ends_with("; the row was created and is there now"),
        "{error}"
    );
    assert_eq!(db.file.values("SELECT name AS value FROM labels"), ["n"]);
    Ok(())
}
