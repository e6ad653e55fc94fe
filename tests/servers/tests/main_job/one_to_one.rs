//! The other side of a unique link: as on SQLite

use diesel::connection::SimpleConnection;
use orm_core::prelude::*;
use orm_core::{Error, ViolationKind};

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { owners (code) { code -> Text, name -> Text } }
diesel::table! { profiles { id -> Integer, bio -> Text, owner_code -> Nullable<Text> } }
diesel::table! { passports { id -> Integer, owner_code -> Text } }
diesel::table! { secrets (code) { code -> Text, word -> Text } }

#[derive(Model)]
#[model(table = owners, connection = Db)]
pub struct Owner {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Profile::OWNER_CODE)]
    profile: OneToOne<Profile>,
    #[model(inverse = Passport::OWNER_CODE)]
    passport: OneToOne<Passport>,
    #[model(inverse = Secret::OWNER)]
    secret: OneToOne<Secret>,
}

#[derive(Model)]
#[model(table = profiles, connection = Db)]
pub struct Profile {
    id: i32,
    bio: String,
    owner_code: Option<Id<Owner>>,
}

#[derive(Model)]
#[model(table = passports, connection = Db)]
pub struct Passport {
    id: i32,
    owner_code: Id<Owner>,
}

#[derive(Model)]
#[model(table = secrets, connection = Db)]
pub struct Secret {
    #[model(primary_key)]
    code: String,
    #[model(column = code)]
    owner: Id<Owner>,
    word: String,
}

fn open() -> Outcome<Option<(Place<Db>, Environment<Db>)>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    place.connect()?.batch_execute(
        "CREATE TABLE owners (code VARCHAR(20) PRIMARY KEY, name VARCHAR(20) NOT NULL);
        CREATE TABLE profiles (id INTEGER PRIMARY KEY, bio VARCHAR(20) NOT NULL, owner_code VARCHAR(20) UNIQUE,
            FOREIGN KEY (owner_code) REFERENCES owners (code) ON DELETE SET NULL);
        CREATE TABLE passports (id INTEGER PRIMARY KEY, owner_code VARCHAR(20) NOT NULL UNIQUE);
        CREATE TABLE secrets (code VARCHAR(20) PRIMARY KEY, word VARCHAR(20) NOT NULL,
            FOREIGN KEY (code) REFERENCES owners (code) ON DELETE CASCADE);",
    )?;
    let env = Environment::<Db>::builder().strict().connect(&place.address)?;
    env.transaction(|| {
        env.create_many((0..100).map(|n| Owner::values().code(code(n)).name(format!("n{n}"))))?;
        // Every third one has none.
        let some = || (0..100).filter(|n| n % 3 != 0);
        env.create_many(some().map(|n| Profile::values().id(n).bio(format!("b{n}")).owner_code(code(n))))?;
        env.create_many(some().map(|n| Passport::values().id(n).owner_code(code(n))))?;
        env.create_many(some().map(|n| Secret::values().code(code(n)).word(format!("w{n}")))).map(drop)
    })?;
    env.cache().clear();
    Ok(Some((place, env)))
}

fn code(number: i32) -> Str {
    format!("o{number:03}").into()
}

#[test]
fn it_is_one_select_and_absent_ones_are_remembered() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let owners = env.all::<Owner>()?;
    let read = || {
        owners.iter().try_for_each(|owner| -> orm_core::Result<()> {
            let number: i32 = owner.id()[1..].parse().expect("a number");
            let there = |letter: char| (number % 3 != 0).then(|| Str::from(format!("{letter}{number}")));
            assert_eq!((owner.profile().bio()?, owner.secret().word()?), (there('b'), there('w')));
            Ok(())
        })
    };
    for expected in [2, 0] {
        let before = env.stats().queries;
        read()?;
        assert_eq!(env.stats().queries - before, expected);
    }
    Ok(())
}

#[test]
fn it_is_set_created_and_changes_hands() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let owner = |number: i32| env.record::<Owner>(code(number));
    // A key that is the link: nobody is asked for it.
    let secret = owner(3).create_secret(Secret::values().word("hush"))?;
    assert_eq!((secret.id(), secret.word()?), (code(3), "hush".into()));
    assert_eq!(env.create(Secret::values().owner(owner(6)).word("by hand"))?.id(), code(6));
    assert_eq!(owner(6).secret().word()?.as_deref(), Some("by hand"));
    owner(3).create_profile(Profile::values().id(1000).bio("new"))?;
    let second = owner(3).create_profile(Profile::values().id(1001).bio("second"));
    let violation = second.expect_err("a second one").violation();
    assert_eq!(violation.map(|violation| violation.kind), Some(ViolationKind::Unique));
    assert_eq!(owner(3).profile().id()?, Some(1000));
    // In a circle, in one flush
    env.transaction(|| {
        owner(3).set_profile(1)?;
        owner(1).set_profile(1000)
    })?;
    env.cache().clear();
    assert_eq!((owner(1).profile().id()?, owner(3).profile().id()?), (Some(1000), Some(1)));
    // In a row, of links that are never NULL: whoever gives up is written first, whatever the keys.
    env.transaction(|| {
        let passport = |id: i32| env.record::<Passport>(id);
        assert_eq!(passport(1).owner_code().id()?, code(1));
        assert_eq!(passport(2).owner_code().id()?, code(2));
        passport(2).set_owner_code(code(3))?;
        passport(1).set_owner_code(code(2))
    })?;
    env.cache().clear();
    let ids = [1, 2, 3].map(|number| owner(number).passport().id());
    assert_eq!(ids.into_iter().collect::<Result<Vec<_>, Error>>()?, [None, Some(1), Some(2)]);
    owner(2).delete()?;
    assert!(env.get::<Secret>(code(2))?.is_none());
    assert_eq!(env.record::<Profile>(2).owner_code().id()?, None);
    Ok(())
}
