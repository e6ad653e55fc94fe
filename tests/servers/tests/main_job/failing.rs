//! What the databases refuse, on the connection that `super::Db` is: an error that says what, nothing half-written, and
//! an environment that goes on

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use orm_core::prelude::*;
use orm_core::{Error, ViolationKind};

use super::shop::schema::{accounts, partners};
use super::shop::{self, Account, Country, Partner, Tag};
use crate::place::Outcome;

/// Kind and column of the constraint that refused
fn violation<T>(result: Result<T, Error>) -> Outcome<(ViolationKind, Option<String>)> {
    let error = result.err().ok_or("a constraint refuses it")?;
    let violation = error.violation().ok_or_else(|| format!("no violation: {error:?}"))?;
    Ok((violation.kind, violation.column.map(String::from)))
}

#[test]
fn violations_are_typed() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let column = |name: &str| Some(name.to_owned());
    let again = env.create(Country::values().name("Again").code("BE"));
    assert_eq!(violation(again)?, (ViolationKind::Unique, column("code")));
    let france = env.create(Country::values().name("France").code("FR"))?;
    assert_eq!(violation(france.set_code("BE"))?, (ViolationKind::Unique, column("code")));
    assert_eq!(france.code()?, "FR");
    assert_eq!(violation(france.set_code("XX"))?.0, ViolationKind::Check);
    let nowhere = env.create(Partner::values().name("nowhere").country_id(77));
    assert_eq!(violation(nowhere)?, (ViolationKind::ForeignKey, column("country_id")));
    let azure = env.create(Partner::values().name("Azure"))?;
    assert_eq!(violation(azure.set_country_id(77))?, (ViolationKind::ForeignKey, column("country_id")));
    assert_eq!(azure.country_id().id()?, None);
    let missing = env.create(Partner::values().lang("fr"));
    assert!(
        matches!(missing, Err(Error::MissingValue { model: "Partner", field: "name", .. })),
        "{:?}",
        missing.err()
    );
    let missing = env.create(Tag::values().name("no key"));
    assert!(missing.is_err_and(|error| error.to_string().contains("Tag")));
    // Many in one statement, one of them wrong: none is there.
    let many =
        (0..10).map(|n| Country::values().name("n").code(if n == 7 { "BE".into() } else { format!("c{n}") }));
    assert_eq!(violation(env.create_many(many))?, (ViolationKind::Unique, column("code")));
    assert_eq!(place.environment()?.all::<Country>()?.len(), 2);
    Ok(())
}

#[test]
fn of_many_new_rows_the_one_that_was_refused_is_named() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let many = |wrong: usize| {
        (0..1_000).map(move |n| {
            Country::values().name("n").code(if n == wrong { "BE".into() } else { format!("c{n}") })
        })
    };
    let error = env.create_many(many(417)).err().ok_or("there is one")?;
    let Error::RowRefused { row: 417, rows: 1_000, value: Some(value), .. } = &error else {
        return Err(format!("{error:?}").into());
    };
    assert_eq!(&**value, "BE");
    assert!(error.to_string().ends_with("(the row at index 417 of 1000, which has BE)"), "{error}");
    let violation = error.violation().ok_or("a constraint refuses it")?;
    assert_eq!((violation.row, violation.value.as_deref()), (Some(417), Some("BE")));
    // A key of a number, one of two columns, two that are the same in one statement
    let accounts = [3, 5, 7, 5].map(|id| Account::values().id(id).amount(0));
    let error = env.create_many(accounts).err().ok_or("5 is there twice")?;
    assert!(matches!(error, Error::RowRefused { row: 3, rows: 4, .. }), "{error:?}");
    // Of a link PostgreSQL says the value, MySQL the column.
    let nowhere = [1, 77, 1].map(|country| Partner::values().name("n").country_id(country));
    let error = env.create_many(nowhere).err().ok_or("there is no 77")?;
    let violation = error.violation().ok_or("a constraint refuses it")?;
    let says = super::SAYS_MISSING_TARGET;
    assert_eq!((violation.row, violation.value.as_deref()), (says.then_some(1), says.then_some("77")));
    let missing = [Partner::values().name("n"), Partner::values().lang("fr")];
    let error = env.create_many(missing).err().ok_or("there is no name")?;
    let Error::RowRefused { row: 1, rows: 2, error, .. } = error else {
        return Err(format!("{error:?}").into());
    };
    assert!(matches!(&*error, Error::MissingValue { model: "Partner", field: "name", .. }), "{error:?}");
    // It is told by whoever tells that the transaction is lost.
    let told = env.transaction(|| {
        let _ = env.create_many(many(3));
        env.all::<Country>().map(drop)
    });
    if let Err(told) = told {
        assert!(matches!(told, Error::RowRefused { row: 3, .. }), "{told:?}");
    }
    assert_eq!(place.environment()?.all::<Country>()?.len(), 1);
    Ok(())
}

#[test]
fn a_refused_flush_names_records_and_loses_nothing() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let countries = env.create_many((0..5).map(|n| Country::values().name("n").code(format!("c{n}"))))?;
    let refused = env.transaction(|| {
        countries.iter().zip(0..).try_for_each(|(country, n)| country.set_name(format!("name {n}")))?;
        countries.iter().try_for_each(|country| country.set_code("same"))
    });
    let error = refused.err().ok_or("codes are unique")?;
    assert!(error.to_string().contains("Country.name, code"), "{error}");
    assert!(error.to_string().contains('2'), "{error}");
    assert_eq!(violation(Err::<(), _>(error))?.0, ViolationKind::Unique);
    assert_eq!(countries.name()?, ["n"; 5]);
    assert_eq!(countries.code()?, ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(env.stats().dirty, 0);
    countries.set_name("later")?;
    assert_eq!(place.environment()?.browse::<Country>(countries.ids()).name()?, ["later"; 5]);
    Ok(())
}

#[test]
fn an_error_that_was_swallowed_is_not_committed_over() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    let is_committed = |result: Result<(), Error>| -> Outcome {
        let stored = place.environment()?.record::<Partner>(azure.id()).name()?;
        assert_eq!(azure.name()?, stored, "the cache says what the database says");
        assert_eq!(stored == "changed", result.is_ok(), "{result:?}");
        azure.set_name("Azure")?;
        Ok(())
    };
    // Refused by a constraint, by the parser, within the connection, and when reading
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        assert!(env.create(Country::values().name("Again").code("BE")).is_err());
        Ok(())
    }))?;
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        assert!(env.execute(diesel::sql_query("SELECT no_such_column FROM partners")).is_err());
        Ok(())
    }))?;
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        env.with_connection(|connection| {
            assert!(connection.batch_execute("SELECT no_such_column FROM partners").is_err());
            Ok(())
        })
    }))?;
    // And when it was made another error before it was swallowed, or a panic
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        let _ = env.with_connection(|connection| {
            connection.batch_execute("SELECT no_such_column FROM partners").map_err(Error::other)
        });
        Ok(())
    }))?;
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            env.with_connection(|connection| -> Result<(), Error> {
                let result = connection.batch_execute("SELECT no_such_column FROM partners");
                panic!("in the middle: {result:?}");
            })
        }));
        Ok(())
    }))?;
    is_committed(env.transaction(|| {
        azure.set_name("changed")?;
        env.flush()?;
        env.with_connection(
            |connection| Ok(connection.batch_execute("SAVEPOINT a; ROLLBACK TO SAVEPOINT a")?),
        )
    }))?;
    // Within a savepoint it is undone with that.
    let result = env.transaction(|| {
        azure.set_name("changed")?;
        assert!(
            env.transaction(|| env.create(Country::values().name("Again").code("BE")).map(drop)).is_err()
        );
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    is_committed(result)
}

#[test]
fn what_failed_is_rolled_back() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    let refused = env.transaction(|| {
        azure.set_name("x")?;
        env.create(Partner::values().name("new"))?;
        azure.tag_ids().create(Tag::values().code("t").name("t"))?;
        Err::<(), _>(Error::other("no"))
    });
    assert_eq!(refused.err().map(|error| error.to_string()).as_deref(), Some("no"));
    assert_eq!(azure.name()?, "Azure");
    assert!(azure.tag_ids().is_empty()?);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        env.transaction(|| {
            azure.set_name("y")?;
            env.flush()?;
            if azure.name()? == "y" {
                panic!("in the middle");
            }
            Ok(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(azure.name()?, "Azure");
    // Savepoints: the inner one is undone, the outer one stays.
    env.transaction(|| {
        azure.set_name("outer")?;
        let inner = env.transaction(|| {
            azure.set_lang("xx")?;
            azure.set_name("inner")?;
            env.transaction(|| azure.set_credit(99.0))?;
            Err::<(), _>(Error::other("no"))
        });
        assert!(inner.is_err());
        assert_eq!((azure.name()?.as_str(), azure.lang()?.as_deref()), ("outer", Some("en")));
        env.transaction(|| azure.set_active(false))
    })?;
    let read = place.environment()?;
    let read = read.all::<Partner>()?.one()?;
    assert_eq!((read.name()?.as_str(), read.credit()?, read.active()?), ("outer", 10.0, false));
    Ok(())
}

#[test]
fn a_row_that_is_gone_is_named() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let partners = env.create_many(["a", "b", "c"].map(|name| Partner::values().name(name)))?;
    let mut other = place.connect()?;
    diesel::delete(partners::table.find(2)).execute(&mut other)?;
    let error = env
        .transaction(|| {
            partners.iter().zip(0..).try_for_each(|(partner, n)| partner.set_name(format!("x{n}")))
        })
        .err()
        .ok_or("one of them is gone")?;
    assert!(matches!(&error, Error::MissingRecord { model: "Partner", id } if id == "2"), "{error:?}");
    let stored: Vec<String> = partners::table.select(partners::name).order(partners::id).load(&mut other)?;
    assert_eq!(stored, ["a", "c"], "none was written");
    let (a, c) = (partners.slice(0..1), partners.slice(2..3));
    assert_eq!((a.name()?, c.name()?), (vec!["a".into()], vec!["c".into()]));
    // What the transaction has read before does not hide it, as MySQL's snapshot would.
    let made = env.create_many(["d", "e"].map(|name| Partner::values().name(name)))?;
    let mut seen = |write: &dyn Fn(&Record<Partner>) -> Result<(), Error>, gone: i32| {
        env.transaction(|| {
            env.all::<Partner>()?;
            diesel::delete(partners::table.find(gone)).execute(&mut other)?;
            made.iter().try_for_each(|partner| write(&partner))
        })
    };
    for (error, gone) in [
        (seen(&|partner| partner.set_name(format!("x{}", partner.id())), made.ids()[1]), made.ids()[1]),
        (seen(&|_| made.slice(0..1).delete(), made.ids()[0]), made.ids()[0]),
    ] {
        assert!(
            matches!(&error, Err(Error::MissingRecord { model: "Partner", id }) if *id == gone.to_string()),
            "{error:?}"
        );
    }
    // An equal value is found all the same: the row is there.
    diesel::update(partners::table.find(1)).set(partners::name.eq("same")).execute(&mut other)?;
    a.set_name("same")?;
    diesel::delete(partners::table.find(3)).execute(&mut other)?;
    assert!(c.delete().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn a_version_that_moved_on_is_a_conflict() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let accounts = env.create_many((1..=3).map(|id| Account::values().id(id).amount(0)))?;
    let other = place.environment()?;
    other.record::<Account>(2).set_amount(50)?;
    let conflict =
        env.transaction(|| accounts.iter().zip(7..).try_for_each(|(account, n)| account.set_amount(n)));
    assert!(matches!(&conflict, Err(Error::Conflict { model: "Account", id }) if id == "2"), "{conflict:?}");
    let mut connection = place.connect()?;
    let stored: Vec<i32> =
        accounts::table.select(accounts::amount).order(accounts::id).load(&mut connection)?;
    assert_eq!(stored, [0, 50, 0]);
    // Also where the transaction has read the rows before
    let conflict = env.transaction(|| {
        env.cache().clear();
        assert_eq!(accounts.version()?, [1, 2, 1]);
        other.record::<Account>(3).set_amount(60)?;
        accounts.iter().zip(7..).try_for_each(|(account, n)| account.set_amount(n))
    });
    assert!(matches!(&conflict, Err(Error::Conflict { model: "Account", id }) if id == "3"), "{conflict:?}");
    // Read anew, it can be written.
    let two = env.record::<Account>(2);
    assert_eq!((two.amount()?, two.version()?), (50, 2));
    two.set_amount(51)?;
    assert_eq!(two.version()?, 3);
    Ok(())
}

#[test]
fn what_is_refused_at_the_commit_is_undone() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    place.connect()?.batch_execute(super::REFUSED_AT_COMMIT)?;
    let refused = env.transaction(|| {
        azure.set_name("changed")?;
        let inner = env.transaction(|| azure.set_country_id(77));
        // On MariaDB it is refused here.
        inner.map(|()| assert_eq!(azure.country_id().id().ok(), Some(Some(77))))
    });
    assert_eq!(violation(refused)?.0, ViolationKind::ForeignKey);
    assert_eq!((azure.name()?.as_str(), azure.country_id().id()?), ("Azure", None));
    azure.set_country_id(1)?;
    assert_eq!(
        place.environment()?.record::<Partner>(azure.id()).country_id().name()?.as_deref(),
        Some("Belgium")
    );
    Ok(())
}

#[test]
fn a_transaction_that_may_only_read_says_so() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    env.with_connection(|connection| Ok(connection.batch_execute(super::READ_ONLY)?))?;
    let refused = env.transaction(|| azure.set_name("x"));
    assert!(
        matches!(&refused, Err(error) if matches!(error.database_kind(), Some(DatabaseErrorKind::ReadOnlyTransaction))),
        "{refused:?}"
    );
    assert!(azure.set_name("y").is_err());
    assert!(azure.delete().is_err());
    assert_eq!(azure.name()?, "Azure");
    env.with_connection(|connection| Ok(connection.batch_execute(super::READ_WRITE)?))?;
    azure.set_name("z")?;
    assert_eq!(place.environment()?.all::<Partner>()?.name()?, ["z"]);
    Ok(())
}
