//! Bad input and a bad database give an error that says which model, key and field; nothing panics, and the
//! environment stays usable.

use std::error::Error as _;

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{NAME, no_table};
use orm_tests::{File, TestDb, test_db};

diesel::table! {
    items { id -> Integer, name -> Text, size -> Integer, weight -> Double, sold -> Bool, link -> Nullable<Integer>, amount -> BigInt, small -> SmallInt }
}

#[derive(Model)]
#[model(table = items)]
struct Item {
    id: i32,
    name: String,
    size: i32,
    weight: f64,
    sold: bool,
    link: Option<Id<Item>>,
    amount: i64,
    small: i16,
}

/// Eight good items; the table is laxer than the model, as tables can be
fn items() -> TestDb {
    TestDb::new(
        "CREATE TABLE items (id INTEGER PRIMARY KEY NOT NULL, name TEXT, size INTEGER, weight DOUBLE, sold BOOLEAN, link INTEGER, amount BIGINT, small SMALLINT);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 8)
         INSERT INTO items SELECT n, 'item ' || n, n * 10, n / 2.0, n % 2 = 1, NULL, n, n FROM s;",
    )
}

/// Reads item 3 after this was done to its row; the error must name model, field and key.
#[track_caller]
fn assert_names<T: std::fmt::Debug>(
    damage: &str,
    field: &str,
    read: impl Fn(&Record<'_, Item>) -> Result<T>,
) {
    let db = items();
    db.file.run(&format!("UPDATE items SET {damage} WHERE id = 3"));
    for set in [db.browse::<Item>([3]), db.browse::<Item>(1..=8)] {
        let record = set.iter().find(|item| item.id() == 3).expect("it is there");
        let error = match read(&record) {
            Err(error) => error,
            Ok(value) => panic!("{damage}: read as {value:?}"),
        };
        match &error {
            Error::InvalidValue { model, field: named, id, .. } => {
                assert_eq!((*model, *named, &**id), ("Item", field, "3"), "{damage}");
            }
            other => panic!("{damage}: {other:?}"),
        }
        let text = error.to_string();
        assert!(text.contains("Item") && text.contains(field) && text.contains('3'), "{text}");
    }
    // A search finds it as well as all others; the error is that of the one value, each time the same, and nobody asks again.
    let fresh = Environment::connect(&db.file.url()).expect("a connection");
    let all = fresh.all::<Item>().unwrap_or_else(|error| panic!("{damage}: {error}"));
    let queries = fresh.stats().queries;
    for item in &all {
        match read(&item) {
            Err(error) => {
                assert!(item.id() == 3 && error.to_string() == text_of(&db, &read), "{damage}: {error}");
            }
            Ok(_) => assert_ne!(item.id(), 3, "{damage}"),
        }
    }
    assert_eq!(fresh.stats().queries, queries, "{damage}");
    // Once the row is mended and read anew, it is read.
    db.file.run("UPDATE items SET name = 'x', size = 1, weight = 1.5, sold = TRUE, link = NULL, amount = 1, small = 1 WHERE id = 3");
    fresh.record::<Item>(3).refresh().expect("it is there");
    read(&fresh.record(3)).unwrap_or_else(|error| panic!("after mending: {error}"));
    db.cache().clear();
    read(&db.record(3)).unwrap_or_else(|error| panic!("after mending: {error}"));
}

/// The error of the damaged value
fn text_of<T>(db: &TestDb, read: &impl Fn(&Record<'_, Item>) -> Result<T>) -> String {
    read(&db.record(3)).map_or_else(|error| error.to_string(), |_| "none".to_owned())
}

#[test]
fn null_in_a_field_that_has_no_option() {
    assert_names("name = NULL", "name", |item| item.name());
    assert_names("size = NULL", "size", |item| item.size());
    assert_names("weight = NULL", "weight", |item| item.weight());
    assert_names("sold = NULL", "sold", |item| item.sold());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn text_in_a_column_of_numbers() {
    assert_names("size = 'abc'", "size", |item| item.size());
    assert_names("weight = 'heavy'", "weight", |item| item.weight());
    assert_names("sold = 'yes'", "sold", |item| item.sold());
    assert_names("amount = 'many'", "amount", |item| item.amount());
    assert_names("link = 'there'", "link", |item| item.link().id());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_blob_in_a_column_of_numbers() {
    assert_names("size = x'00ff'", "size", |item| item.size());
    assert_names("weight = x'00ff'", "weight", |item| item.weight());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_fraction_in_a_column_of_integers() {
    assert_names("size = 1.5", "size", |item| item.size());
    assert_names("link = 1.5", "link", |item| item.link().id());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_fraction_between_keys_is_found_with_them() -> Result<()> {
    use orm_tests::partners::Country;
    let db = TestDb::of_partners(40, 5);
    db.file.run("UPDATE partners SET country_id = 1.5 WHERE id = 7");
    let partners = |keys: [i32; 2]| {
        db.cache().clear();
        db.browse::<Country>(keys).partner_ids().load().map(|partners| partners.len())
    };
    // Keys that follow each other are asked for as a range.
    let error = partners([1, 2]).expect_err("a fraction is no key");
    assert!(
        matches!(&error, Error::InvalidValue { model: "Partner", field: "country_id", id, .. } if id == "7"),
        "{error:?}"
    );
    assert!(partners([1, 3])? > 0);
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_number_too_large_for_its_type() {
    assert_names("size = 5000000000", "size", |item| item.size());
    assert_names("small = 70000", "small", |item| item.small());
    assert_names("link = 5000000000", "link", |item| item.link().id());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn bytes_that_are_no_text() {
    assert_names("name = CAST(x'ff00fe' AS TEXT)", "name", |item| item.name());
}

#[test]
fn text_of_all_kinds_is_no_error() -> Result<()> {
    let db = items();
    // U+FFFD is what bytes that are no text would be read as; it may stand there of its own.
    for text in ["", "café", "\u{FFFD}", "a replaced \u{FFFD} among longer text", "名前", "🦀"] {
        db.file.run(&format!("UPDATE items SET name = '{text}' WHERE id = 3"));
        db.cache().clear();
        assert_eq!(db.record::<Item>(3).name()?, text);
    }
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_blob_in_a_column_of_text() {
    assert_names("name = x'ff00fe'", "name", |item| item.name());
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_bad_value_is_the_error_of_its_cell_alone() -> Result<()> {
    let db = items();
    db.file.run(
        "WITH RECURSIVE s(n) AS (SELECT 9 UNION ALL SELECT n + 1 FROM s WHERE n < 100)
         INSERT INTO items SELECT n, 'item ' || n, n * 10, n / 2.0, n % 2 = 1, NULL, n, n FROM s;
         UPDATE items SET size = 'abc' WHERE id = 3",
    );
    let (mut sizes, mut errors) = (0, 0);
    db.assert_queries(1, || {
        for item in &db.browse::<Item>(1..=100) {
            assert_eq!(item.name().expect("its own"), format!("item {}", item.id()));
            match item.size() {
                Ok(size) => sizes += usize::from(size == 10 * item.id()),
                Err(error) => errors += usize::from(matches!(error, Error::InvalidValue { .. })),
            }
        }
    });
    assert_eq!((sizes, errors), (99, 1));
    let item = db.record::<Item>(3);
    assert!(db.assert_queries(0, || item.size()).is_err());
    assert!(db.browse::<Item>(1..=100).size().is_err());
    assert!(item.to_model().is_err_and(|error| matches!(error, Error::InvalidValue { field: "size", .. })));
    // Another value is one.
    item.set_size(7)?;
    assert_eq!(db.assert_queries(0, || item.size())?, 7);
    db.file.run("UPDATE items SET size = 'abc' WHERE id = 3");
    item.refresh()?;
    assert!(item.size().is_err());
    db.cache().set(Item::SIZE, 3, 8);
    assert_eq!(db.assert_queries(0, || item.size())?, 8);
    db.cache().invalidate(Item::SIZE, [3]);
    assert!(db.assert_queries(1, || item.size()).is_err());
    // It is asked for again after a rollback, and found where it was mended.
    let undone: Result<()> = db.transaction(|| {
        item.set_size(9)?;
        Err(Error::other("undone"))
    });
    assert!(undone.is_err() && item.size().is_err());
    db.file.run("UPDATE items SET size = 11 WHERE id = 3");
    db.all::<Item>()?;
    assert_eq!(db.assert_queries(0, || item.size())?, 11);
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "SQLite's columns hold anything")]
fn a_link_that_cannot_be_read_leads_nowhere() -> Result<()> {
    let db = items();
    db.file.run("UPDATE items SET link = 1 WHERE id > 3; UPDATE items SET link = 'there' WHERE id = 3");
    let items = db.all::<Item>()?;
    for item in &items {
        match item.link().name() {
            Ok(name) => assert_eq!(name.is_some(), item.id() > 3),
            Err(error) => {
                assert!(item.id() == 3 && matches!(error, Error::InvalidValue { field: "link", .. }));
            }
        }
    }
    assert!(
        items.link().ids().is_err_and(|error| matches!(error, Error::InvalidValue { field: "link", .. }))
    );
    Ok(())
}

#[test]
fn a_table_that_is_gone() -> Result<()> {
    let db = items();
    let set = db.browse::<Item>([1, 2]);
    let cached = db.record::<Item>(8);
    assert_eq!(cached.name()?, "item 8");
    db.file.run("DROP TABLE items");
    for (error, doing) in [
        (set.name().expect_err("no table"), "name"),
        (db.all::<Item>().expect_err("no table"), "search"),
        (items::table.record_ids::<Item>(&db).expect_err("no table"), "search"),
        (set.link().name().expect_err("no table"), "link"),
        (set.exists().expect_err("no table"), "exist"),
        (db.record::<Item>(4).exists().expect_err("no table"), "exist"),
    ] {
        assert!(matches!(error, Error::Database { model: "Item", .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("Item") && text.contains(doing) && text.contains(&no_table("items")), "{text}");
        assert!(error.source().is_none(), "who prints all sources would print it twice");
    }
    assert_eq!(cached.name()?, "item 8", "what is cached stays");
    db.file.run("CREATE TABLE items (id INTEGER PRIMARY KEY NOT NULL, name TEXT, size INTEGER, weight DOUBLE, sold BOOLEAN, link INTEGER, amount BIGINT, small SMALLINT);
        INSERT INTO items VALUES (1, 'back', 1, 1, TRUE, NULL, 1, 1), (2, 'too', 1, 1, TRUE, NULL, 1, 1)");
    assert_eq!(set.name()?, ["back", "too"], "a failed read is no absent row");
    Ok(())
}

#[test]
fn a_column_that_is_gone() -> Result<()> {
    let db = items();
    db.file.run("ALTER TABLE items DROP COLUMN weight");
    let error = db.record::<Item>(1).name().expect_err("a column is gone");
    assert!(error.to_string().contains("Item.name") && error.to_string().contains("weight"), "{error}");
    Ok(())
}

/// Files are SQLite's own.
#[cfg(feature = "sqlite")]
#[test]
fn a_file_that_is_no_database() {
    let file = File::new("CREATE TABLE x (y)");
    std::fs::write(file.path(), "this is no database at all, but it is long enough to look at ".repeat(50))
        .expect("a file");
    let env: Result<Environment> = Environment::connect(&file.url());
    let error = env.and_then(|env| env.all::<Item>().map(|all| all.len())).expect_err("no database");
    assert!(error.to_string().contains("not a database"), "{error}");
}

/// Files are SQLite's own.
#[cfg(feature = "sqlite")]
#[test]
fn addresses_that_lead_nowhere() {
    for (url, says) in [
        ("/nowhere/at/all/x.db", "/nowhere/at/all/x.db"),
        ("sqlite:///nowhere/at/all/x.db", "/nowhere/at/all/x.db"),
        ("postgres://user:secret@localhost/db", "postgres"),
        ("mysql://user:secret@localhost/db", "mysql"),
        ("http://example.com", "http"),
        ("a\0b", "a"),
    ] {
        let env: Result<Environment> = Environment::connect(url);
        match env {
            Err(error @ Error::Connection { .. }) => {
                let text = error.to_string();
                assert!(text.contains(says), "{url:?}: {text}");
                assert!(!text.contains("secret"), "{text}");
            }
            Err(other) => panic!("{url:?}: {other:?}"),
            Ok(_) => panic!("{url:?} was opened"),
        }
    }
}

/// Files are SQLite's own.
#[cfg(feature = "sqlite")]
#[test]
fn addresses_that_lead_somewhere() -> Result<()> {
    let file = File::new("CREATE TABLE x (y)");
    for url in [
        file.url(),
        format!("sqlite://{}", file.url()),
        format!("file:{}", file.url()),
        format!("file://{}", file.url()),
        ":memory:".into(),
    ] {
        let env: Environment = Environment::connect(&url)?;
        assert_eq!(env.stats().queries, 0);
    }
    Ok(())
}

#[test]
fn an_exhausted_pool_is_an_error_and_then_it_is_not() -> Result<()> {
    let file = items().file;
    let (pool, _) = file.pool(1);
    let taken = pool.get().expect("the only one");
    let env: Environment = Environment::new(pool);
    let item = env.record::<Item>(1);
    let error = item.name().expect_err("the pool is empty");
    assert!(
        matches!(error, Error::PoolExhausted { size: 1, here: 0, .. }) && error.is_timeout(),
        "{error:?}"
    );
    // Which of several databases it is, only a connection can tell.
    let name = if cfg!(feature = "any") { "the database" } else { NAME };
    assert_eq!(
        error.to_string(),
        format!("the pool of 1 connections to {name} had none to give within 300ms, as all are in use")
    );
    assert_eq!(env.stats().queries, 0, "nothing was asked");
    drop(taken);
    if cfg!(all(feature = "any", not(feature = "postgres"))) {
        let error = item.name().expect_err("its table was named for another database");
        assert!(error.to_string().contains("make another"), "{error}");
        return Ok(());
    }
    assert_eq!(item.name()?, "item 1");
    Ok(())
}

/// Files are SQLite's own.
#[cfg(feature = "sqlite")]
#[test]
fn a_locked_database_is_an_error_and_then_it_is_not() -> Result<()> {
    use diesel::connection::SimpleConnection;
    let file = items().file;
    file.run("PRAGMA journal_mode = DELETE");
    let (mut other, mut mine) = (file.connect(), file.connect());
    mine.batch_execute("PRAGMA busy_timeout = 10")?;
    other.batch_execute("BEGIN EXCLUSIVE")?;
    let env = Environment::builder().connection(mine).build();
    let item = env.record::<Item>(1);
    let error = item.name().expect_err("it is locked");
    assert!(error.to_string().contains("Item.name") && error.to_string().contains("locked"), "{error}");
    other.batch_execute("ROLLBACK")?;
    assert_eq!(item.name()?, "item 1");
    Ok(())
}

#[test]
fn a_missing_row_names_model_and_key() {
    let db = items();
    let error = db.record::<Item>(-7).name().expect_err("no such row");
    assert!(error.to_string().contains("Item") && error.to_string().contains("-7"), "{error}");
    assert!(error.is_missing_record() && error.source().is_none());
}

#[test]
fn errors_can_be_cloned_and_carried() {
    let error = Error::other(std::io::Error::other("the disk is on fire"));
    let copy = error.clone();
    assert_eq!(copy.to_string(), error.to_string());
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert_eq!(boxed.to_string(), "the disk is on fire");
}

diesel::table! { codes (code) { code -> Text, name -> Text } }
diesel::table! { uses (code, place) { code -> Text, place -> Text, note -> Nullable<Text> } }

#[derive(Model)]
#[model(table = codes)]
struct Code {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Use::CODE)]
    use_ids: OneToMany<Use>,
}

#[derive(Model)]
#[model(table = uses, primary_key(code, place))]
struct Use {
    code: Id<Code>,
    place: String,
    note: Option<String>,
}

/// SQLite lets a key be NULL that is no whole number; so does an outer join.
#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "a primary key is never NULL there")]
fn a_row_without_a_key_is_no_record_and_stands_in_nobodys_way() -> Result<()> {
    let rows = "CREATE TABLE codes (code TEXT PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE uses (code TEXT, place TEXT, note TEXT, PRIMARY KEY (code, place));
         INSERT INTO codes VALUES ('a', 'A'), (NULL, 'none'), ('b', 'B'), (NULL, 'none either'), ('c', 'C');
         INSERT INTO uses VALUES ('a', 'x', '1'), ('a', NULL, '2'), (NULL, 'y', '3'), ('b', 'z', '4')";
    for db in [test_db!(File::new(rows)), test_db!(File::new(rows), cache_limit(2))] {
        let codes = diesel::QueryDsl::order(codes::table, codes::name).records::<Code>(&db)?;
        assert_eq!(
            (codes.ids(), codes.name()?),
            (vec!["a".into(), "b".into(), "c".into()], vec!["A".into(), "B".into(), "C".into()])
        );
        assert_eq!(db.all::<Use>()?.len(), 2);
        assert_eq!(codes.map(|code| code.use_ids().len())?, [1, 1, 0]);
        assert_eq!(
            codes.map(|code| code.use_ids().load()?.note())?,
            [vec![Some("1".into())], vec![Some("4".into())], vec![]]
        );
        let mut keys = Vec::new();
        db.in_batches_by_key(codes::table, 2, |batch: RecordSet<'_, Code>| {
            keys.extend(batch.ids());
            Ok(())
        })?;
        assert_eq!(keys, ["a", "b", "c"]);
    }
    Ok(())
}
