//! Rows that may be there already, by any unique key

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use orm_core::prelude::*;
use orm_core::{Error, TransactionOptions, Upsert, ViolationKind};

use super::Db;
use super::shop::{Log, number};
use crate::place::{Outcome, Place};

diesel::table! { books { id -> Integer, shelf -> Integer, title -> Text, copies -> Integer, code -> Nullable<Text>, note -> Nullable<Text>, version -> Integer } }
diesel::table! { names (name) { name -> Text, uses -> Integer } }

#[derive(Model)]
#[model(table = books, connection = Db)]
struct Book {
    id: i32,
    shelf: i32,
    title: String,
    copies: i32,
    code: Option<String>,
    note: Option<String>,
    #[model(version)]
    version: i32,
}

#[derive(Model)]
#[model(table = names, connection = Db)]
struct Name {
    #[model(primary_key)]
    name: String,
    uses: i32,
}

type Books = (Place<Db>, Environment<Db>, Log);

fn books() -> Outcome<Option<Books>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(&format!(
        "CREATE TABLE books (id {}, shelf INTEGER NOT NULL, title VARCHAR(50) NOT NULL, copies INTEGER NOT NULL DEFAULT 0,
             code VARCHAR(20) UNIQUE, note VARCHAR(50) DEFAULT 'none', version INTEGER NOT NULL DEFAULT 1, UNIQUE (shelf, title));
         CREATE TABLE names (name VARCHAR(50) PRIMARY KEY, uses INTEGER NOT NULL);
         INSERT INTO books (shelf, title, copies, code) VALUES (1, 'Emma', 1, 'e'), (2, 'Emma', 2, 'f'), (1, 'Ulysses', 3, 'u')",
        super::SERIAL_KEY
    ))?;
    let log = Log::of(&mut connection);
    Ok(Some((place, Environment::builder().connection(connection).build(), log)))
}

fn book(shelf: i32, title: &str, copies: i32) -> orm_core::Values<Book> {
    Book::values().shelf(shelf).title(title).copies(copies)
}

macro_rules! by {
    () => {
        (Book::SHELF, Book::TITLE)
    };
}

#[test]
fn a_row_is_written_or_created_by_any_unique_key() -> Outcome {
    let Some((place, env, log)) = books()? else { return Ok(()) };
    let read = place.environment()?;
    let all = env.all::<Book>()?;
    assert_eq!((all.note()?.len(), all.version()?), (3, vec![1, 1, 1]));
    log.take();
    let rows = [book(2, "Emma", 20), book(2, "Ulysses", 5), book(1, "Emma", 10)];
    let written = env.upsert_many(by!(), rows)?;
    assert_eq!(log.take().len(), 1 + super::LOOKED_UP);
    assert_eq!(written.ids()[0], 2);
    assert_eq!((written.ids()[2], written.copies()?), (1, vec![20, 5, 10]));
    assert_eq!(read.browse::<Book>(written.ids()).version()?, [2, 1, 2]);
    assert_eq!(written.version()?, [2, 1, 2]);
    // By a key that is given, and by one of another column; a row that is there keeps its key.
    let emma = env.upsert(Book::ID, book(1, "Emma", 11).id(1))?;
    assert_eq!((emma.id(), emma.copies()?), (1, 11));
    let emma = env.upsert(Book::CODE, book(5, "Emma", 12).code("e").id(77))?;
    assert_eq!((emma.id(), emma.shelf()?, emma.version()?), (1, 5, 4));
    assert_eq!(read.all::<Book>()?.len(), 4);
    let (one, two) =
        (env.upsert(Name::NAME, Name::values().name("a").uses(1))?, || Name::values().name("a").uses(2));
    assert_eq!((one.uses()?, env.upsert(Name::NAME, two())?.uses()?, one.uses()?), (1, 2, 2));
    Ok(())
}

#[test]
fn what_is_assigned_may_be_an_expression() -> Outcome {
    let Some((_place, env, _)) = books()? else { return Ok(()) };
    let given = sql::<Integer>(super::GIVEN_COPIES);
    let more = || Upsert::on(by!()).set(books::copies.eq(books::copies + given.clone()));
    let rows = [book(1, "Emma", 5), book(1, "Dracula", 7)];
    let written = env.upsert_many(more(), rows)?;
    assert_eq!((written.copies()?, written.ids()[0]), (vec![6, 7], 1));
    assert_eq!(env.upsert(more(), book(1, "Emma", 1))?.copies()?, 7);
    Ok(())
}

#[test]
fn another_unique_key_is_a_violation_and_nothing_is_written() -> Outcome {
    let Some((place, env, _)) = books()? else { return Ok(()) };
    let read = place.environment()?;
    for outside in [true, false] {
        let upsert = || {
            let error = env
                .upsert(by!(), book(9, "new", 99).code("e"))
                .err()
                .ok_or_else(|| Error::other("written"))?;
            assert_eq!(
                error.violation().map(|violation| violation.kind),
                Some(ViolationKind::Unique),
                "{error}"
            );
            let error = env.create_missing(by!(), [book(9, "new", 99).code("e")]).err();
            let kind = error.as_ref().and_then(Error::violation).map(|violation| violation.kind);
            assert_eq!(kind, Some(ViolationKind::Unique), "{error:?}");
            Ok::<_, Error>(())
        };
        if outside {
            upsert()?;
        } else {
            // On PostgreSQL the first one is the end of the transaction.
            let _ = env.transaction(|| {
                assert!(env.upsert(by!(), book(9, "new", 99).code("e")).is_err());
                Ok(())
            });
        }
        let found = read.all::<Book>()?;
        found.refresh()?;
        assert_eq!((found.copies()?, found.version()?), (vec![1, 2, 3], vec![1, 1, 1]));
    }
    // Both at once, of two rows
    assert!(env.upsert(by!(), book(2, "Emma", 50).code("e")).is_err());
    let kept = "SELECT COUNT(*) AS number FROM books WHERE copies < 4 AND version = 1";
    assert_eq!(number(&mut place.connect()?, kept)?, 3);
    Ok(())
}

#[test]
fn those_that_are_missing_are_created_alone_and_told() -> Outcome {
    let Some((place, env, log)) = books()? else { return Ok(()) };
    // One is given twice, another one is there.
    let rows = || {
        [
            book(1, "Emma", 99),
            book(3, "Dracula", 4),
            book(2, "Emma", 99),
            book(3, "Persuasion", 5),
            book(3, "Dracula", 6),
        ]
    };
    log.take();
    let new = env.create_missing(by!(), rows())?;
    assert_eq!(log.take().len(), 1 + 2 * super::LOOKED_UP);
    assert_eq!((new.title()?, new.copies()?), (vec!["Dracula".into(), "Persuasion".into()], vec![4, 5]));
    assert_eq!(env.record::<Book>(1).copies()?, 1);
    assert!(env.create_missing(by!(), rows())?.is_empty());
    let names =
        |names: &[&str]| -> Vec<_> { names.iter().map(|name| Name::values().name(*name).uses(1)).collect() };
    assert_eq!(env.create_missing(Name::NAME, names(&["a", "b,;'"]))?.ids(), ["a", "b,;'"]);
    assert_eq!(env.create_missing(Name::NAME, names(&["b,;'", "", "a"]))?.ids(), [""]);
    drop(place);
    Ok(())
}

#[test]
fn what_mysql_has_no_words_for_is_an_error_and_nothing_is_sent() -> Outcome {
    let Some((_place, env, log)) = books()? else { return Ok(()) };
    if super::LOOKED_UP == 0 {
        return Ok(());
    }
    log.take();
    let by_name = env.upsert(Upsert::on_constraint("code"), book(1, "x", 1).code("e"));
    let by_some = env.upsert(Upsert::on(Book::CODE).filter(books::copies.gt(0)), book(1, "x", 1).code("e"));
    for error in [by_name.err(), by_some.err()] {
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("name the fields of a unique key"), "{text}");
    }
    let error = env.upsert(by!(), Book::values().title("x")).err().ok_or("no shelf")?;
    assert!(matches!(error, Error::MissingValue { field: "shelf", .. }), "{error}");
    assert!(log.take().is_empty());
    // Nor is what nobody can find left there, whoever swallows the error.
    for values in [book(7, "null", 1).code(None), book(7, "twice", 1)] {
        let told = env.transaction(|| {
            let by =
                if values == book(7, "twice", 1) { Upsert::on(Book::SHELF) } else { Upsert::on(Book::CODE) };
            if values == book(7, "twice", 1) {
                env.create(book(7, "once", 1))?;
            }
            assert!(env.upsert(by, values.clone()).is_err());
            Ok(())
        });
        assert!(told.is_err(), "{told:?}");
        env.cache().clear();
        assert_eq!(env.all::<Book>()?.len(), 3);
    }
    Ok(())
}

#[test]
fn thousands_are_few_statements() -> Outcome {
    let Some((place, env, log)) = books()? else { return Ok(()) };
    let rows = |copies: i32| (0..2500).map(move |n| book(n % 7, &n.to_string(), copies));
    let first = env.upsert_many(by!(), rows(1))?;
    log.take();
    let second = env.upsert_many(by!(), rows(2).rev())?;
    assert_eq!(log.take().len(), 3 * (1 + super::LOOKED_UP));
    assert_eq!(second.ids(), first.ids().into_iter().rev().collect::<Vec<_>>());
    assert!(env.create_missing(by!(), rows(3))?.is_empty());
    for (book, n) in place.environment()?.browse::<Book>(first.ids()).iter().zip(0..) {
        assert_eq!((book.title()?.as_str(), book.copies()?), (&*i32::to_string(&n), 2));
    }
    Ok(())
}

#[test]
fn whoever_is_first_it_is_one_row() -> Outcome {
    let Some((place, ..)) = books()? else { return Ok(()) };
    let (threads, rounds, begin) = (4, 20, Barrier::new(4));
    let run = |env: Environment<Db>| -> Result<(), String> {
        for round in 0..rounds {
            begin.wait();
            let title = format!("round {round}");
            let more = || {
                let given = sql::<Integer>(super::GIVEN_COPIES);
                Upsert::on(by!()).set(books::copies.eq(books::copies + given))
            };
            env.transaction_with_retry(50, TransactionOptions::new(), || {
                env.upsert(more(), book(1, &title, 1)).map(drop)
            })
            .map_err(|error: Error| error.to_string())?;
        }
        Ok(())
    };
    thread::scope(|scope| -> Outcome {
        let environments = (0..threads).map(|_| place.environment()).collect::<orm_core::Result<Vec<_>>>()?;
        let run = &run;
        let running: Vec<_> = environments.into_iter().map(|env| scope.spawn(move || run(env))).collect();
        for thread in running {
            thread.join().map_err(|_| "a panic")??;
        }
        Ok(())
    })?;
    let env = place.environment()?;
    let found: Vec<i32> =
        env.all::<Book>()?.filter(|book| Ok(book.title()?.starts_with("round")))?.copies()?;
    assert_eq!(found, vec![threads; rounds]);
    Ok(())
}
