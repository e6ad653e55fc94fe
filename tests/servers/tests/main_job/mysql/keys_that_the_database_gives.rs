//! Keys that are a default, of a sequence or of a function, or a trigger's. MySQL says expressions in another way, and MariaDB is what
//! these are tried on.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Error;
use orm_core::prelude::*;

use super::shop;
use crate::place::{Outcome, Place};

diesel::table! { tickets { id -> Integer, title -> Text, note -> Nullable<Text> } }
diesel::table! { tokens { id -> Text, title -> Text } }

#[derive(Model)]
#[model(table = tickets, connection = MysqlConnection)]
struct Ticket {
    id: i32,
    title: String,
    note: Option<String>,
}

#[derive(Model)]
#[model(table = tokens, connection = MysqlConnection)]
struct Token {
    id: String,
    title: String,
}

fn place(sql: &str) -> Outcome<Option<shop::Shop>> {
    let Some(place) = Place::<MysqlConnection>::new()? else { return Ok(None) };
    let mut connection = place.connect()?;
    connection.batch_execute(sql)?;
    let log = shop::Log::of(&mut connection);
    Ok(Some((place, Environment::builder().connection(connection).build(), log)))
}

const TICKETS: &str = "CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 5;
    CREATE TABLE tickets (id INTEGER PRIMARY KEY DEFAULT (NEXT VALUE FOR numbers), title VARCHAR(50) NOT NULL DEFAULT 'none', note TEXT)";

#[test]
fn numbers_of_a_sequence_are_known() -> Outcome {
    let Some((place, env, log)) = place(TICKETS)? else { return Ok(()) };
    let read = place.environment()?;
    // The first time nobody knows what gives the keys: a number is gone with what was undone.
    let one = env.create(Ticket::values().title("one"))?;
    assert_eq!((one.id(), one.title()?.as_str()), (105, "one"));
    log.take();
    assert_eq!(env.create(Ticket::values())?.id(), 110);
    let sent = log.take();
    assert_eq!(sent.len(), 3, "asked for, inserted, looked at: {sent:?}");
    // In the order given, whichever values each has, and within a transaction
    let rows = (0..2300).map(|n| {
        let values = Ticket::values().title(n.to_string());
        if n % 3 > 0 { values.note("noted") } else { values }
    });
    let many = env.transaction(|| env.create_many(rows))?;
    let sent = log.take();
    assert_eq!(sent.len(), 3 * 3);
    assert_eq!(sent[0], sent[3], "one text for any number of keys");
    assert_eq!(many.ids(), (0..2300).map(|n| 115 + 5 * n).collect::<Vec<_>>());
    for (ticket, n) in read.browse::<Ticket>(many.ids()).iter().zip(0..) {
        assert_eq!((ticket.title()?.as_str(), ticket.note()?.is_some()), (&*n.to_string(), n % 3 > 0));
    }
    // A key may be given, too.
    assert_eq!(env.create(Ticket::values().id(7))?.id(), 7);
    Ok(())
}

#[test]
fn in_a_transaction_nothing_has_to_be_undone() -> Outcome {
    let Some((_place, env, log)) = place(TICKETS)? else { return Ok(()) };
    env.transaction(|| {
        log.take();
        assert_eq!(env.create(Ticket::values().title("one"))?.id(), 100);
        let sent = log.take();
        assert_eq!(sent.len(), 4, "the catalogue, once: {sent:?}");
        assert_eq!(env.create_many([Ticket::values().title("two"), Ticket::values()])?.ids(), [105, 110]);
        assert_eq!(log.take().len(), 3);
        Ok(())
    })?;
    assert_eq!(env.all::<Ticket>()?.title()?, ["one", "two", "none"]);
    Ok(())
}

#[test]
fn keys_of_a_function_are_known() -> Outcome {
    let Some((place, env, _)) =
        place("CREATE TABLE tokens (id CHAR(36) PRIMARY KEY DEFAULT UUID(), title VARCHAR(20) NOT NULL)")?
    else {
        return Ok(());
    };
    let read = place.environment()?;
    let one = env.create(Token::values().title("a"))?;
    let many = env.create_many(["b", "c"].map(|title| Token::values().title(title)))?;
    assert_eq!((one.title()?.as_str(), many.title()?), ("a", vec!["b".into(), "c".into()]));
    for (token, title) in std::iter::once(one).chain(&many).zip(["a", "b", "c"]) {
        assert_eq!(read.record::<Token>(token.id()).title()?, title);
    }
    assert_eq!(read.all::<Token>()?.len(), 3);
    Ok(())
}

/// Whatever a trigger does is known to nobody: neither with a default that it overrules nor without one.
#[test]
fn a_key_of_a_trigger_is_an_error_and_nothing_is_created() -> Outcome {
    for default in ["DEFAULT ''", "DEFAULT UUID()", ""] {
        let Some((place, env, _)) = place(&format!(
            "CREATE TABLE tokens (id VARCHAR(60) PRIMARY KEY {default}, title VARCHAR(20) NOT NULL);
             CREATE TRIGGER named BEFORE INSERT ON tokens FOR EACH ROW SET NEW.id = CONCAT('token-', NEW.title)"
        ))?
        else {
            return Ok(());
        };
        let read = place.environment()?;
        let is_unknown = |error: &Error| matches!(error, Error::UnknownKey { model: "Token", field: "id" });
        for _ in 0..2 {
            let error = env.create(Token::values().title("a")).err().ok_or("known")?;
            assert!(is_unknown(&error), "{default}: {error}");
            assert!(error.to_string().contains("give Token.id with the values"), "{error}");
            assert!(read.all::<Token>()?.is_empty(), "{default}");
        }
        // Whoever swallows it does not commit the row.
        let told = env.transaction(|| {
            assert!(env.create(Token::values().title("b")).is_err());
            Ok(())
        });
        assert!(told.as_ref().is_err_and(is_unknown), "{default}: {told:?}");
        assert!(read.all::<Token>()?.is_empty(), "{default}");
        // The one that the trigger gives can be given.
        assert_eq!(env.create(Token::values().id("token-c").title("c"))?.title()?, "c");
    }
    Ok(())
}

/// Why keys are not returned: diesel asks for the columns before the statement is run, when MariaDB says of none. Should this fail one day, they can be.
#[test]
fn no_insert_can_return_anything_to_diesel() -> Outcome {
    let Some((place, ..)) = place("CREATE TABLE made (id INTEGER AUTO_INCREMENT PRIMARY KEY, n INTEGER)")?
    else {
        return Ok(());
    };
    let insert = "INSERT INTO made (n) VALUES (1) RETURNING id AS number";
    let returned = shop::number(&mut place.connect()?, insert).err().ok_or("it has returned rows")?;
    // MySQL does not know the words.
    let text = returned.to_string();
    assert!(text.contains("No metadata exists") || text.contains("syntax"), "{text}");
    Ok(())
}
