//! Transactions that tell the truth, on the connection that `super::Db` is: the first error, what has ended them, what the
//! application does to them, retries, lost connections

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, TestCustomizer};
use orm_core::prelude::*;
use orm_core::{Error, Isolation, TransactionOptions, ViolationKind};

use super::Db;
use super::shop::schema::{accounts, countries, partners};
use super::shop::{self, Account, Country, Partner};
use crate::place::{Outcome, Place};

/// Does work that may hang for ever, which is a failure after a minute.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    Ok(finished
        .recv_timeout(Duration::from_secs(60))
        .map_err(|error| format!("it hangs, or panicked: {error}"))?)
}

fn names(place: &Place<Db>) -> Outcome<Vec<String>> {
    Ok(partners::table.select(partners::name).order(partners::id).load(&mut place.connect()?)?)
}

fn open() -> Outcome<Option<shop::Shop>> {
    let Some((place, env, log)) = shop::open()? else { return Ok(None) };
    env.create_many(["one", "two", "three"].map(|name| Partner::values().name(name)))?;
    log.take();
    Ok(Some((place, env, log)))
}

#[test]
fn the_first_error_is_told_and_nothing_is_sent_after_it() -> Outcome {
    let Some((place, env, log)) = open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    let other = env.create(Country::values().name("France").code("FR"))?;
    let kind = |error: &Error| error.violation().map(|violation| violation.kind);
    let error = env
        .transaction(|| {
            other.set_code("BE")?;
            assert!(env.flush().is_err());
            log.take();
            belgium.set_name("x")?;
            let told = [
                env.flush().err(),
                env.all::<Partner>().err(),
                env.create(Partner::values().name("late")).err(),
                env.transaction(|| Ok(())).err(),
                env.with_connection(|_| Ok(())).err(),
            ];
            assert!(told.iter().flatten().filter_map(kind).count() == 5, "{told:?}");
            assert_eq!(log.take(), [] as [String; 0]);
            Ok(())
        })
        .err()
        .ok_or("it was refused")?;
    assert_eq!(kind(&error), Some(ViolationKind::Unique), "{error}");
    assert_eq!(log.take(), [] as [String; 0]);
    // A create that was swallowed, while something waits: on PostgreSQL that is the end of it.
    let swallowed = env.transaction(|| {
        belgium.set_name("y")?;
        let _ = env.create(Country::values().name("Again").code("BE"));
        env.record::<Partner>(1).set_name("z")
    });
    match &swallowed {
        Err(error) => assert_eq!(kind(error), Some(ViolationKind::Unique), "{error}"),
        Ok(()) => assert_eq!(names(&place)?[0], "z"),
    }
    Ok(())
}

#[test]
fn a_statement_that_ends_the_transaction_is_an_error_and_the_last_one() -> Outcome {
    for sql in super::ENDING {
        for by_execute in [false, true] {
            if by_execute && sql.contains(';') {
                continue;
            }
            let Some((place, env, log)) = open()? else { return Ok(()) };
            let told = env.transaction(|| {
                env.record::<Partner>(1).set_name("before")?;
                let ended = if by_execute {
                    env.execute(diesel::sql_query(*sql)).map(drop)
                } else {
                    env.with_connection(|connection| Ok(connection.batch_execute(sql)?))
                };
                assert!(matches!(ended, Err(Error::TransactionEnded { .. })), "{sql}: {ended:?}");
                log.take();
                assert!(env.record::<Partner>(2).set_name("after").and_then(|()| env.flush()).is_err());
                assert!(env.create(Partner::values().name("after")).is_err());
                assert_eq!(log.take(), [] as [String; 0]);
                Ok(())
            });
            assert!(matches!(told, Err(Error::TransactionEnded { .. })), "{sql}: {told:?}");
            let first = if sql.starts_with("ROLLBACK") { "one" } else { "before" };
            assert_eq!(names(&place)?, [first, "two", "three"], "{sql}");
            assert_eq!(env.browse::<Partner>([1, 2]).name()?, [first, "two"]);
            env.transaction(|| env.record::<Partner>(2).set_name("later"))?;
            assert_eq!(names(&place)?, [first, "later", "three"], "{sql}");
        }
    }
    Ok(())
}

#[test]
fn what_the_application_leaves_open_is_rolled_back_to_where_it_was() -> Outcome {
    let begun: [fn(&mut Db) -> QueryResult<()>; 2] =
        [AnsiTransactionManager::begin_transaction, |connection| connection.batch_execute("BEGIN")];
    for (by_hand, begin) in [false, true].into_iter().zip(begun) {
        for how in 0..3 {
            let Some((place, env, _)) = open()? else { return Ok(()) };
            let leave_open = || {
                env.with_connection(|connection| {
                    begin(connection)?;
                    diesel::update(partners::table).set(partners::name.eq("lost")).execute(connection)?;
                    match how {
                        0 => Ok(()),
                        1 => Err(Error::other("in the middle")),
                        _ => std::panic::resume_unwind(Box::new("on purpose")),
                    }
                })
            };
            let left = || match catch_unwind(AssertUnwindSafe(leave_open)) {
                Ok(Ok(())) => panic!("it was left open"),
                Ok(Err(error)) => {
                    assert_eq!(matches!(error, Error::TransactionLeftOpen { .. }), how == 0, "{error}");
                }
                Err(_) => assert_eq!(how, 2),
            };
            left();
            env.record::<Partner>(1).set_name("first")?;
            assert_eq!(names(&place)?, ["first", "two", "three"]);
            if by_hand {
                continue;
            }
            env.transaction(|| {
                env.record::<Partner>(2).set_name("second")?;
                left();
                env.record::<Partner>(3).set_name("third")
            })?;
            assert_eq!(names(&place)?, ["first", "second", "third"]);
        }
    }
    Ok(())
}

#[test]
fn a_savepoint_that_the_application_undoes_itself_does_no_harm() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    env.transaction(|| {
        env.record::<Partner>(1).set_name("first")?;
        let refused = env.try_with_connection(|connection| {
            connection.transaction(|connection| {
                let again = (countries::name.eq("Again"), countries::code.eq("BE"));
                diesel::insert_into(countries::table).values(again).execute(connection).map(drop)
            })
        });
        assert!(refused.is_err());
        env.record::<Partner>(2).set_name("second")
    })?;
    assert_eq!(names(&place)?, ["first", "second", "three"]);
    Ok(())
}

#[test]
fn the_applications_transaction_goes_on_and_is_never_ended() -> Outcome {
    let begun: [fn(&mut Db) -> QueryResult<()>; 3] = [
        |connection| connection.begin_test_transaction(),
        AnsiTransactionManager::begin_transaction,
        |connection| connection.batch_execute("BEGIN"),
    ];
    for begin in begun {
        let Some((place, _, _)) = open()? else { return Ok(()) };
        let mut connection = place.connect()?;
        begin(&mut connection)?;
        diesel::update(partners::table.find(3)).set(partners::name.eq("theirs")).execute(&mut connection)?;
        let env = Environment::builder().connection(connection).build();
        let belgium = env.record::<Country>(1);
        env.record::<Partner>(1).set_name("ours")?;
        // Refused, each in its own savepoint
        assert!(belgium.set_code("XX").is_err());
        assert!(env.transaction(|| belgium.set_code("XX")).is_err());
        assert!(env.create(Country::values().name("Again").code("BE")).is_err());
        let again = diesel::sql_query("UPDATE countries SET code = 'XX'");
        assert!(env.execute(again).is_err());
        env.transaction(|| env.record::<Partner>(2).set_name("ours, too"))?;
        env.cache().clear();
        assert_eq!(env.all::<Partner>()?.name()?, ["ours", "ours, too", "theirs"]);
        assert_eq!(names(&place)?, ["one", "two", "three"], "nothing is committed");
        env.with_connection(|connection| Ok(connection.batch_execute("COMMIT")?))?;
        assert_eq!(names(&place)?, ["ours", "ours, too", "theirs"]);
        env.record::<Partner>(3).set_name("alone")?;
        assert_eq!(names(&place)?[2], "alone", "and now there is none");
    }
    Ok(())
}

#[test]
fn an_environment_over_a_lent_connection_is_part_of_its_transaction() -> Outcome {
    let begun: [fn(&mut Db) -> QueryResult<()>; 3] = [
        |connection| connection.begin_test_transaction(),
        AnsiTransactionManager::begin_transaction,
        |connection| connection.batch_execute("BEGIN"),
    ];
    for begin in begun {
        let Some((place, _, _)) = open()? else { return Ok(()) };
        let mut connection = place.connect()?;
        begin(&mut connection)?;
        let depth =
            AnsiTransactionManager::transaction_manager_status_mut(&mut connection).transaction_depth()?;
        diesel::update(partners::table.find(3)).set(partners::name.eq("theirs")).execute(&mut connection)?;
        Environment::over(&mut connection, |env| {
            assert_eq!(env.all::<Partner>()?.name()?[2], "theirs");
            env.record::<Partner>(1).set_name("ours")?;
            assert!(env.record::<Country>(1).set_code("XX").is_err());
            env.transaction(|| env.record::<Partner>(2).set_name("ours, too"))
        })?;
        let all = partners::table.order(partners::id).select(partners::name);
        assert_eq!(all.load::<String>(&mut connection)?, ["ours", "ours, too", "theirs"]);
        assert_eq!(names(&place)?, ["one", "two", "three"], "nothing is committed");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Environment::over(&mut connection, |env| {
                env.transaction(|| -> Result<(), Error> {
                    env.record::<Partner>(1).set_name("half")?;
                    env.flush()?;
                    std::panic::resume_unwind(Box::new("on purpose"))
                })
            })
        }));
        assert!(panicked.is_err());
        let now =
            AnsiTransactionManager::transaction_manager_status_mut(&mut connection).transaction_depth()?;
        assert_eq!(now, depth, "diesel counts as before");
        connection.batch_execute("COMMIT")?;
        assert_eq!(names(&place)?, ["ours", "ours, too", "theirs"]);
    }
    // Where nothing was begun, each statement is committed.
    let Some((place, _, _)) = open()? else { return Ok(()) };
    let mut connection = place.connect()?;
    Environment::over(&mut connection, |env| env.record::<Partner>(1).set_name("alone"))?;
    assert_eq!(names(&place)?[0], "alone");
    let env = Environment::builder().connection(connection).build();
    env.record::<Partner>(1).set_name("given")?;
    let mut connection = env.into_connection().ok_or("it is given back")?;
    assert_eq!(
        partners::table.find(1).select(partners::name).get_result::<String>(&mut connection)?,
        "given"
    );
    Ok(())
}

#[test]
fn a_pool_for_tests_keeps_its_transaction_from_one_environment_to_the_next() -> Outcome {
    let Some((place, _, _)) = open()? else { return Ok(()) };
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(TestCustomizer))
        .build(ConnectionManager::<Db>::new(&place.address))?;
    let first = Environment::new(pool.clone());
    first.record::<Partner>(1).set_name("ours")?;
    assert!(first.record::<Country>(1).set_code("XX").is_err());
    first.with_connection(|connection| {
        Ok(diesel::update(partners::table.find(2)).set(partners::name.eq("theirs")).execute(connection)?)
    })?;
    drop(first);
    let second = Environment::new(pool);
    assert_eq!(second.all::<Partner>()?.name()?, ["ours", "theirs", "three"]);
    drop(second);
    assert_eq!(names(&place)?, ["one", "two", "three"]);
    Ok(())
}

const THREADS: i64 = 4;
const ROUNDS: i64 = 50;

/// All of them count up one row; each repeats what the database refuses.
fn count_up(
    place: &Place<Db>,
    once: impl Fn(&Environment<Db>) -> Result<(), Error> + Clone + Send + 'static,
) -> Outcome<i32> {
    let address = place.address.clone();
    in_time(move || {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (address, once) = (address.clone(), once.clone());
                std::thread::spawn(move || -> Result<(), Error> {
                    let env = Environment::<Db>::connect(&address)?;
                    (0..ROUNDS).try_for_each(|_| once(&env))
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| Error::other("it panicked"))?)
    })??;
    Ok(accounts::table.find(1).select(accounts::amount).first(&mut place.connect()?)?)
}

mod plain {
    use super::super::Db;
    use super::super::shop::schema::accounts;
    use orm_core::prelude::*;

    /// Without a version: the database alone tells that somebody was faster.
    #[derive(Model)]
    #[model(table = accounts, connection = Db)]
    pub struct Counter {
        id: i64,
        amount: i32,
    }
}
use plain::Counter;

#[test]
fn no_increment_is_lost_with_the_usual_retry_loop() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    env.create(Account::values().id(1).amount(0))?;
    let counted = count_up(&place, |env| {
        let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
        loop {
            let counter = env.record::<Counter>(1);
            let tried = env.transaction_with(serializable, || counter.set_amount(counter.amount()? + 1));
            match tried {
                Err(error) if error.is_retryable() => {}
                told => return told,
            }
        }
    })?;
    assert_eq!(i64::from(counted), THREADS * ROUNDS);
    Ok(())
}

#[test]
fn no_increment_is_lost_when_the_environment_repeats() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    env.create(Account::values().id(1).amount(0))?;
    let counted = count_up(&place, |env| {
        let counter = env.record::<Counter>(1);
        let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
        env.transaction_with_retry(1000, serializable, || counter.set_amount(counter.amount()? + 1))
    })?;
    assert_eq!(i64::from(counted), THREADS * ROUNDS);
    // With a version, at whatever isolation: a conflict is repeated, too.
    let counted = count_up(&place, |env| {
        let account = env.record::<Account>(1);
        env.transaction_with_retry(1000, TransactionOptions::new(), || {
            account.set_amount(account.amount()? + 1)
        })
    })?;
    assert_eq!(i64::from(counted), 2 * THREADS * ROUNDS);
    Ok(())
}

/// What the database refused leaves nothing clean trusted, whatever it was that the closure looked at.
#[test]
fn after_a_refusal_nothing_that_was_cached_is_trusted() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    env.create_many((1..=2).map(|id| Account::values().id(id).amount(0)))?;
    let [one, two] = [1, 2].map(|id| env.record::<Counter>(id));
    assert_eq!(two.amount()?, 0);
    let mut other = place.connect()?;
    other.batch_execute("UPDATE accounts SET amount = 70 WHERE id = 2")?;
    let conflict = env.transaction(|| {
        env.record::<Account>(1).set_amount(1)?;
        other.batch_execute("UPDATE accounts SET amount = 60, version = version + 1 WHERE id = 1")?;
        env.flush()
    });
    assert!(
        conflict.as_ref().is_err_and(|error| error.is_conflict() && error.is_retryable()),
        "{conflict:?}"
    );
    // Two that wait for each other
    let (sent, received) = mpsc::channel::<()>();
    let address = place.address.clone();
    let thread = std::thread::spawn(move || {
        let mut other = Db::establish(&address).expect("a connection");
        other.batch_execute("BEGIN; UPDATE accounts SET amount = amount + 1 WHERE id = 2").expect("a lock");
        sent.send(()).expect("it is waited for");
        std::thread::sleep(Duration::from_millis(200));
        let ended = other.batch_execute("UPDATE accounts SET amount = amount + 1 WHERE id = 1; COMMIT");
        if ended.is_err() {
            let _ = other.batch_execute("ROLLBACK");
        }
        ended.is_ok()
    });
    received.recv()?;
    let ours = env.transaction(|| {
        one.set_amount(5)?;
        env.flush()?;
        two.set_amount(6)
    });
    let theirs = thread.join().map_err(|_| "it panicked")?;
    assert!(theirs || ours.is_ok(), "one of them goes through");
    if let Err(error) = &ours {
        assert!(error.is_retryable() && !error.is_connection_lost(), "{error:?}");
        assert_eq!(two.amount()?, if theirs { 71 } else { 70 });
    }
    Ok(())
}

#[test]
fn options_are_kept_to_in_the_transaction_alone() -> Outcome {
    let Some((place, env, _)) = open()? else { return Ok(()) };
    let partner = env.record::<Partner>(1);
    let refused = env.transaction_with(TransactionOptions::new().read_only(), || partner.set_name("x"));
    assert!(refused.as_ref().is_err_and(Error::is_read_only), "{refused:?}");
    partner.set_name("first")?;
    let immediate = env.transaction_with(TransactionOptions::new().immediate(), || Ok(()));
    assert!(matches!(immediate, Err(Error::Unsupported { .. })), "{immediate:?}");
    let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
    let nested = env.transaction(|| env.transaction_with(serializable, || Ok(())));
    assert!(matches!(nested, Err(Error::Nested { .. })), "{nested:?}");
    let is_serializable = || {
        env.cache().clear();
        assert_eq!(partner.name()?, "first");
        env.touching().with_connection(|connection| {
            shop::number(connection, super::ISOLATION_SEEN).map_err(|error| Error::other(error.to_string()))
        })
    };
    assert_eq!(env.transaction_with(serializable, is_serializable)?, 1);
    // MariaDB tells what it has told a tenth of a second before.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(env.transaction(is_serializable)?, 0);
    // A lock that is not given in time
    let mut other = place.connect()?;
    other.batch_execute("BEGIN; UPDATE partners SET name = 'locked' WHERE id = 1")?;
    let impatient = TransactionOptions::new().lock_timeout(Duration::from_millis(300));
    let late = in_time(move || {
        let partner = env.record::<Partner>(1);
        let first = env.transaction_with(impatient, || partner.set_name("late"));
        let _ = other.batch_execute("ROLLBACK");
        let slow = env.transaction_with(
            TransactionOptions::new().statement_timeout(Duration::from_millis(300)),
            || env.with_connection(|connection| Ok(connection.batch_execute(super::SLEEP)?)),
        );
        env.with_connection(|connection| Ok(connection.batch_execute(super::SLEEP)?)).map(|()| [first, slow])
    })??;
    for late in late {
        assert!(late.as_ref().is_err_and(Error::is_timeout), "{late:?}");
    }
    Ok(())
}

/// Ends the connection that an environment has.
fn kill(place: &Place<Db>, env: &Environment<Db>) -> Result<(), Error> {
    terminate(place, number_of(env)?)
}

fn number_of(env: &Environment<Db>) -> Result<i64, Error> {
    let this = format!("SELECT CAST({} AS {}) AS number", super::CONNECTION, super::INTEGER);
    env.with_connection(|connection| {
        shop::number(connection, &this).map_err(|error| Error::other(error.to_string()))
    })
}

fn terminate(place: &Place<Db>, connection: i64) -> Result<(), Error> {
    let mut admin = place.connect().map_err(|error| Error::other(error.to_string()))?;
    admin.batch_execute(&super::terminate(connection))?;
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

#[test]
fn a_lost_connection_is_told_as_such() -> Outcome {
    let Some((place, _, _)) = open()? else { return Ok(()) };
    let pool = Pool::builder().max_size(1).build(ConnectionManager::<Db>::new(&place.address))?;
    let env = Environment::new(pool);
    let partner = env.record::<Partner>(1);
    // Within a savepoint whose error nobody looks at
    let swallowed = env.transaction(|| {
        let inner = env.transaction(|| {
            kill(&place, &env)?;
            partner.set_name("x")
        });
        assert!(inner.as_ref().is_err_and(Error::is_connection_lost), "{inner:?}");
        Ok(())
    });
    let error = swallowed.err().ok_or("the connection is gone")?;
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(error.to_string().starts_with("writing Partner.name of 1: the connection is lost"), "{error}");
    // In the application's hands, and outside of a transaction
    let lent = env.transaction(|| {
        kill(&place, &env)?;
        env.with_connection(|connection| Ok(connection.batch_execute("SELECT 1")?))
    });
    assert!(lent.as_ref().is_err_and(Error::is_connection_lost), "{lent:?}");
    let this = number_of(&env)?;
    partner.set_name("second")?;
    terminate(&place, this)?;
    let outside = partner.set_name("third");
    assert!(outside.as_ref().is_err_and(Error::is_connection_lost), "{outside:?}");
    assert_eq!(names(&place)?[0], "second");
    partner.set_name("third")?;
    assert_eq!(names(&place)?[0], "third");
    Ok(())
}

/// Passes on what a client and the server say to each other, but not the answer to COMMIT: then it hangs up.
fn losing_the_answer(server: &str) -> Outcome<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, server) = (listener.local_addr()?, server.to_owned());
    std::thread::spawn(move || -> std::io::Result<()> {
        for client in listener.incoming() {
            let (mut client, mut server) = (client?, TcpStream::connect(&server)?);
            let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut bytes = [0; 1 << 16];
                loop {
                    let read = client.read(&mut bytes)?;
                    if read == 0 {
                        return server.shutdown(Shutdown::Both);
                    }
                    if bytes[..read].windows(6).any(|word| word == b"COMMIT") {
                        client.shutdown(Shutdown::Both)?;
                        server.write_all(&bytes[..read])?;
                        std::thread::sleep(Duration::from_millis(300));
                        return server.shutdown(Shutdown::Both);
                    }
                    server.write_all(&bytes[..read])?;
                }
            });
        }
        Ok(())
    });
    Ok(address)
}

#[test]
fn a_commit_whose_answer_was_lost_says_that_nobody_knows() -> Outcome {
    let Some((place, _, _)) = open()? else { return Ok(()) };
    // What stands between the user and the path
    let (before, host) = place.address.split_once('@').ok_or("a user")?;
    let (host, after) = host.split_once('/').ok_or("a path")?;
    let proxy = losing_the_answer(host)?;
    let address = format!("{before}@{proxy}/{after}{}", super::NOT_ENCRYPTED);
    let told = in_time(move || {
        let env = Environment::<Db>::connect(&address)?;
        let mut tries = 0;
        let told = env.transaction_with_retry(5, TransactionOptions::new(), || {
            tries += 1;
            env.record::<Partner>(1).set_name("perhaps")
        });
        Ok::<_, Error>((told, tries))
    })??;
    let (Err(error), tries) = told else { return Err("its answer was lost".into()) };
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert!(error.is_connection_lost() && !error.is_retryable(), "{error:?}");
    assert_eq!(tries, 1, "it is not repeated");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(names(&place)?[0], "perhaps", "this time it was committed");
    Ok(())
}
