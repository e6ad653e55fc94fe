//! A record that was created has the key that its row has, also where a column pads, cuts or converts what it was given; where the
//! database does not say which that is, it is an error.

use orm_core::prelude::*;
use orm_core::{Environment, Result};
use orm_tests::TestDb;

diesel::table! { cards (code) { code -> Text, name -> Text, next_code -> Nullable<Text> } }

#[derive(Model)]
struct Card {
    #[model(primary_key)]
    code: String,
    name: String,
    next_code: Option<Id<Self>>,
    #[model(inverse = Card::NEXT_CODE)]
    before_ids: OneToMany<Self>,
}

/// A type that does not keep a key as it is given, and that key
const CHANGED: [(&str, &str, &str); 2] = if cfg!(feature = "sqlite") {
    [("NUMERIC", "007", "7"), ("STRING", "1e2", "100")]
} else {
    [("CHAR(5)", "ab ", "ab"), ("VARCHAR(3)", "abc  ", "abc")]
};

fn cards(kind: &str) -> TestDb {
    TestDb::new(&format!(
        "CREATE TABLE cards (code {kind} NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, next_code {kind})"
    ))
}

#[test]
#[cfg(not(feature = "mysql"))]
fn a_new_record_has_the_key_of_its_row() -> Result<()> {
    for (kind, given, stored) in CHANGED {
        let db = cards(kind);
        let card = db.assert_queries(1, || db.create(Card::values().code(given).name("a")))?;
        assert_eq!((card.id(), card.code()?), (stored.into(), stored.into()), "{kind}");
        assert_eq!(db.all::<Card>()?.first().as_ref(), Some(&card));
        // Of a link it is the same.
        let last = db.create(Card::values().code("z").name("z").next_code(Id::<Card>::new(given)))?;
        assert_eq!(last.next_code().id()?.as_deref(), Some(stored));
        assert_eq!(card.before_ids().ids()?, ["z"]);
        db.transaction(|| last.set_next_code(None).and(last.set_next_code(Id::<Card>::new(given))))?;
        let other = Environment::builder().connection(db.file.connect()).build();
        assert_eq!(last.next_code().id()?, other.record::<Card>("z").next_code().id()?);
        assert_eq!(card.before_ids().ids()?, ["z"]);
        card.set_name("b")?;
        assert_eq!(
            db.file.values(&format!("SELECT name AS value FROM cards WHERE code = '{stored}'")),
            ["b"]
        );
        card.delete()?;
        assert_eq!(db.all::<Card>()?.ids(), ["z"]);
    }
    Ok(())
}

/// MySQL tells nobody what it has made of a key.
#[test]
#[cfg(feature = "mysql")]
fn a_key_that_is_not_stored_as_it_was_given_is_refused() -> Result<()> {
    for (kind, given, stored) in CHANGED {
        let db = cards(kind);
        let refused = db.create(Card::values().code(given).name("a")).unwrap_err();
        let told = format!(
            "the key {given:?} of a new Card is not stored as it was given: its column cuts or pads it; give it as it is stored"
        );
        assert_eq!(refused.to_string(), told);
        assert!(db.all::<Card>()?.is_empty());
        let refused = db.transaction(|| db.create(Card::values().code(given).name("a")).map(drop).or(Ok(())));
        assert_eq!(refused.unwrap_err().to_string(), told);
        db.create(Card::values().code(stored).name("a"))?;
        assert_eq!(
            Environment::builder().connection(db.file.connect()).build().all::<Card>()?.ids(),
            [stored]
        );
    }
    // One that is kept is no error.
    let db = cards("VARCHAR(5)");
    db.create(Card::values().code("ab ").name("a"))?;
    assert_eq!(db.file.values("SELECT code AS value FROM cards"), ["ab "]);
    Ok(())
}

#[test]
fn numbers_are_not_asked_for() -> Result<()> {
    diesel::table! { notes { id -> Integer, text -> Text } }
    #[derive(Model)]
    struct Note {
        id: i32,
        text: String,
    }
    let db = TestDb::new("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    let (_, sent) = db.watch(|| db.create(Note::values().id(7).text("a")).map(drop));
    assert!(sent.len() == 1 && !sent[0].sql.contains("RETURNING"), "{sent:?}");
    Ok(())
}
