//! The tables and models: links of every shape, and constraints of every kind.

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { teams { id -> Integer, name -> Text, size -> Integer } }
diesel::table! {
    persons {
        id -> BigInt,
        name -> Text,
        nick -> Nullable<Text>,
        team_id -> Integer,
        guest_id -> Nullable<Integer>,
        boss_id -> Nullable<BigInt>,
        tag_code -> Nullable<Text>,
        notes -> Nullable<Text>,
        version -> Integer,
    }
}
diesel::table! { badges { id -> Integer, label -> Text, person_id -> BigInt } }
diesel::table! { tags (code) { code -> Text, label -> Text } }
diesel::table! { person_tags (person_id, tag_code) { person_id -> BigInt, tag_code -> Text } }
diesel::table! { friends (a_id, b_id) { a_id -> BigInt, b_id -> BigInt } }

/// A `BIGINTEGER` is SQLite's INTEGER and the servers' BIGINT.
pub const SCHEMA: &str = "
    CREATE TABLE teams (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL DEFAULT 3 CHECK (size >= 0));
    CREATE TABLE tags (code TEXT PRIMARY KEY NOT NULL, label TEXT NOT NULL);
    CREATE TABLE persons (id BIGINTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, nick TEXT UNIQUE,
        team_id INTEGER NOT NULL REFERENCES teams ON DELETE CASCADE,
        guest_id INTEGER REFERENCES teams ON DELETE SET NULL,
        boss_id BIGINTEGER REFERENCES persons ON DELETE SET NULL,
        tag_code TEXT REFERENCES tags ON DELETE RESTRICT,
        notes TEXT, version INTEGER NOT NULL DEFAULT 1);
    CREATE TABLE badges (id INTEGER PRIMARY KEY NOT NULL, label TEXT NOT NULL,
        person_id BIGINTEGER NOT NULL REFERENCES persons ON DELETE CASCADE);
    CREATE TABLE person_tags (person_id BIGINTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
        tag_code TEXT NOT NULL REFERENCES tags ON DELETE CASCADE, PRIMARY KEY (person_id, tag_code));
    -- No key: a pair may stand there twice.
    CREATE TABLE friends (a_id BIGINTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
        b_id BIGINTEGER NOT NULL REFERENCES persons ON DELETE CASCADE);
    INSERT INTO teams (id, name) VALUES (1, 'T1'), (2, 'T2'), (3, 'T3');
    INSERT INTO tags VALUES ('a', 'A'), ('b''', 'B'), ('ä', 'C');
    INSERT INTO persons (id, name, nick, team_id, guest_id, boss_id, tag_code, notes) VALUES
        (1, 'P1', 'n1', 1, 2, NULL, 'a', NULL), (2, 'P2', NULL, 1, NULL, 1, NULL, 'x'),
        (3, 'P3', 'n3', 2, 3, 1, 'ä', 'y'), (4, 'P4', NULL, 2, 1, 4, NULL, NULL), (5, 'P5', NULL, 3, 3, 2, 'a', NULL);
    INSERT INTO badges VALUES (1, 'B1', 1), (2, 'B2', 1), (3, 'B3', 3), (4, 'B4', 5);
    INSERT INTO person_tags VALUES (1, 'a'), (1, 'ä'), (2, 'a'), (4, 'b''');
    INSERT INTO friends VALUES (1, 2), (2, 1), (1, 3), (1, 3), (4, 4);
";

#[derive(Model)]
#[model(table = teams)]
pub struct Team {
    id: i32,
    name: String,
    size: i32,
    #[model(inverse = Person::TEAM_ID)]
    member_ids: OneToMany<Person>,
    #[model(inverse = Person::GUEST_ID)]
    guest_ids: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = persons, validate = is_sound)]
pub struct Person {
    id: i64,
    name: String,
    nick: Option<String>,
    team_id: Id<Team>,
    guest_id: Option<Id<Team>>,
    boss_id: Option<Id<Person>>,
    tag_code: Option<Id<Tag>>,
    #[model(deferred)]
    notes: Option<String>,
    #[model(version)]
    version: i32,
    #[model(inverse = Person::BOSS_ID, order = persons::name.desc())]
    report_ids: OneToMany<Person>,
    #[model(inverse = Badge::PERSON_ID)]
    badge_ids: OneToMany<Badge>,
    #[model(through(person_tags::person_id, person_tags::tag_code))]
    tag_codes: ManyToMany<Tag>,
    #[model(through(friends::a_id, friends::b_id))]
    friend_ids: ManyToMany<Person>,
    #[model(through(friends::b_id, friends::a_id), order = persons::name.asc())]
    liked_by_ids: ManyToMany<Person>,
}

/// The same rows; says nothing of a version
#[derive(Model)]
#[model(table = persons)]
pub struct Name {
    id: i64,
    name: String,
}

#[derive(Model)]
#[model(table = badges)]
pub struct Badge {
    id: i32,
    label: String,
    person_id: Id<Person>,
}

#[derive(Model)]
#[model(table = tags)]
pub struct Tag {
    #[model(primary_key)]
    code: String,
    label: String,
    #[model(inverse = Person::TAG_CODE)]
    fan_ids: OneToMany<Person>,
    #[model(through(person_tags::tag_code, person_tags::person_id))]
    person_ids: ManyToMany<Person>,
}

/// What is asked about persons that are written
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// Of some what only the database knows
    Searched,
    /// Some are refused
    Refused,
    Both,
}

thread_local! {
    pub static ASKED: Cell<Asked> = const { Cell::new(Asked::Nothing) };
}

/// Whatever waits is in the database when it is searched for, and some persons are refused for no reason.
fn is_sound(person: &Record<Person>) -> orm_core::Result<()> {
    let (asked, name) = (ASKED.get(), person.name()?);
    if matches!(asked, Asked::Searched | Asked::Both) && person.id() % 2 == 0 {
        let same: RecordSet<Person> = persons::table
            .filter(persons::id.eq(person.id()).and(persons::name.eq(name.as_str())))
            .filter(persons::team_id.eq(person.team_id().id()?))
            .records(person.env())?;
        if same.len() != 1 {
            return Err(orm_core::Error::other(format!("{person:?} was searched for before it was sent")));
        }
        person.badge_ids().load()?.label()?;
        person.tag_codes().len()?;
    }
    if matches!(asked, Asked::Refused | Asked::Both) && (person.id() + name.len() as i64) % 4 == 0 {
        return Err(orm_core::Error::other("refused on purpose"));
    }
    Ok(())
}
