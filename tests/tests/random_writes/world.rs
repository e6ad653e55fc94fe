//! What plain SQL finds, and whether the cache agrees with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
#[cfg(feature = "sqlite")]
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::Environment;
use orm_tests::database::Db;

use crate::models::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PersonRow {
    pub id: i64,
    pub name: String,
    pub nick: Option<String>,
    pub team: i32,
    pub guest: Option<i32>,
    pub boss: Option<i64>,
    pub tag: Option<String>,
    pub notes: Option<String>,
    pub version: i32,
}

/// All rows
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    pub teams: BTreeMap<i32, (String, i32)>,
    pub persons: BTreeMap<i64, PersonRow>,
    pub badges: BTreeMap<i32, (String, i64)>,
    pub tags: BTreeMap<String, String>,
    pub person_tags: BTreeSet<(i64, String)>,
    pub friends: BTreeSet<(i64, i64)>,
}

/// A database of a case's own: one of a server, or one in memory that several connections share, and that goes with the last of them
pub struct Home {
    #[cfg(feature = "sqlite")]
    url: String,
    #[cfg(not(feature = "sqlite"))]
    file: std::rc::Rc<orm_tests::File>,
}

/// The database of a server's last case, and how many have had it: to make one takes longer than most cases, and a used one slows down.
#[cfg(not(feature = "sqlite"))]
type Used = (std::rc::Rc<orm_tests::File>, usize);
#[cfg(not(feature = "sqlite"))]
thread_local! { static USED: RefCell<Option<Used>> = const { RefCell::new(None) } }

/// Takes all rows away, and lets new keys begin where those of `SCHEMA` end.
#[cfg(feature = "postgres")]
const EMPTY: &str = "SELECT setval('teams_id_seq', 3), setval('persons_id_seq', 5), setval('badges_id_seq', 4);
    DELETE FROM friends; DELETE FROM person_tags; DELETE FROM badges; DELETE FROM persons; DELETE FROM tags; DELETE FROM teams;";
#[cfg(feature = "mysql")]
const EMPTY: &str = "DELETE FROM friends; DELETE FROM person_tags; DELETE FROM badges; DELETE FROM persons; DELETE FROM tags; DELETE FROM teams;
    ALTER TABLE teams AUTO_INCREMENT = 1; ALTER TABLE persons AUTO_INCREMENT = 1; ALTER TABLE badges AUTO_INCREMENT = 1;";

impl Home {
    #[cfg(feature = "sqlite")]
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = format!("file:random_writes_{}_{number}?mode=memory&cache=shared", std::process::id());
        Self { url }
    }

    #[cfg(not(feature = "sqlite"))]
    pub fn new() -> Self {
        let used = USED.take().filter(|(_, cases)| *cases < 100);
        if let Some((file, cases)) = used {
            let rows = SCHEMA.find("INSERT").map_or("", |at| &SCHEMA[at..]);
            let emptied = format!("BEGIN; {EMPTY} {rows} COMMIT");
            file.connect().batch_execute(&emptied).unwrap_or_else(|error| panic!("{error}: {emptied}"));
            USED.set(Some((file.clone(), cases + 1)));
            return Self { file };
        }
        let numbered =
            if cfg!(feature = "mysql") { "BIGINT AUTO_INCREMENT PRIMARY" } else { "BIGINT PRIMARY" };
        let sql = SCHEMA.replace("BIGINTEGER PRIMARY", numbered).replace("BIGINTEGER", "BIGINT");
        let file = std::rc::Rc::new(orm_tests::File::new(&sql));
        USED.set(Some((file.clone(), 1)));
        Self { file }
    }

    #[cfg(feature = "sqlite")]
    pub fn connect(&self) -> Db {
        Db::establish(&self.url).expect("a connection")
    }

    #[cfg(not(feature = "sqlite"))]
    pub fn connect(&self) -> Db {
        self.file.connect()
    }
}

/// Connections beside the environment's
pub struct Eyes {
    /// Keeps to what is committed: in SQLite a table that an open transaction has written is locked to it.
    committed: RefCell<Db>,
    /// Sees what the environment's open transaction has done.
    #[cfg(not(feature = "postgres"))]
    uncommitted: RefCell<Db>,
}

impl Eyes {
    pub fn open(home: &Home) -> Self {
        #[allow(unused_mut)]
        let mut committed = home.connect();
        #[cfg(feature = "sqlite")]
        committed.batch_execute(&SCHEMA.replace("BIGINTEGER", "INTEGER")).expect("the tables");
        #[cfg(not(feature = "postgres"))]
        let uncommitted = {
            let mut uncommitted = home.connect();
            let setting = if cfg!(feature = "mysql") {
                "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"
            } else {
                "PRAGMA read_uncommitted = 1"
            };
            uncommitted.batch_execute(setting).expect("a setting");
            uncommitted.into()
        };
        Self {
            committed: committed.into(),
            #[cfg(not(feature = "postgres"))]
            uncommitted,
        }
    }

    /// What everybody sees; an error if a transaction is open that has written
    #[cfg(feature = "sqlite")]
    pub fn committed(&self) -> QueryResult<World> {
        World::of(&mut self.committed.borrow_mut())
    }

    #[cfg(feature = "mysql")]
    pub fn committed(&self) -> QueryResult<World> {
        let committed = World::of(&mut self.committed.borrow_mut())?;
        let uncommitted = World::of(&mut self.uncommitted.borrow_mut())?;
        if committed == uncommitted {
            Ok(committed)
        } else {
            Err(diesel::result::Error::AlreadyInTransaction)
        }
    }

    #[cfg(feature = "postgres")]
    pub fn committed(&self) -> QueryResult<World> {
        World::of(&mut self.committed.borrow_mut())
    }

    /// What the environment's open transaction sees
    #[cfg(not(feature = "postgres"))]
    pub fn uncommitted(&self, _: &Environment, _: &Pending) -> Option<World> {
        Some(World::of(&mut self.uncommitted.borrow_mut()).expect("nothing is locked to this one"))
    }

    /// PostgreSQL shows it to nobody else. To look through the environment's own connection sends what waits: so it is not known while
    /// something does, nor when the transaction is aborted.
    #[cfg(feature = "postgres")]
    pub fn uncommitted(&self, env: &Environment, pending: &Pending) -> Option<World> {
        if env.stats().dirty > 0 || !pending.person_tags.is_empty() || !pending.friends.is_empty() {
            return None;
        }
        env.touching().nothing().with_connection(|sql| Ok(World::of(sql)?)).ok()
    }
}

impl World {
    fn of(sql: &mut Db) -> QueryResult<Self> {
        let persons: Vec<PersonRow> = persons::table.load(sql)?;
        let teams: Vec<(i32, String, i32)> = teams::table.load(sql)?;
        let badges: Vec<(i32, String, i64)> = badges::table.load(sql)?;
        Ok(Self {
            teams: teams.into_iter().map(|(id, name, size)| (id, (name, size))).collect(),
            persons: persons.into_iter().map(|row| (row.id, row)).collect(),
            badges: badges.into_iter().map(|(id, label, person)| (id, (label, person))).collect(),
            tags: tags::table.load::<(String, String)>(sql)?.into_iter().collect(),
            person_tags: person_tags::table.load::<(i64, String)>(sql)?.into_iter().collect(),
            friends: friends::table.load::<(i64, i64)>(sql)?.into_iter().collect(),
        })
    }

    /// Whether neither world has a row that the other lacks
    pub fn same_keys(&self, other: &Self) -> bool {
        self.teams.keys().eq(other.teams.keys())
            && self.persons.keys().eq(other.persons.keys())
            && self.badges.keys().eq(other.badges.keys())
            && self.tags.keys().eq(other.tags.keys())
    }

    pub fn person_keys(&self) -> Vec<i64> {
        let last = self.persons.keys().last().copied().unwrap_or_default();
        (0..=last.max(12) + 2).collect()
    }

    pub fn team_keys(&self) -> Vec<i32> {
        let last = self.teams.keys().last().copied().unwrap_or_default();
        (0..=last.max(12) + 2).collect()
    }

    pub fn badge_keys(&self) -> Vec<i32> {
        let last = self.badges.keys().last().copied().unwrap_or_default();
        (0..=last.max(12) + 2).collect()
    }
}

/// Keys of tags that may exist at some time
pub const CODES: [&str; 6] = ["a", "b'", "ä", "[\"", "", "zz"];

/// What was written and is not in the database yet, as those who wrote it remember it
#[derive(Debug, Clone, Default)]
pub struct Pending {
    pub person_tags: BTreeMap<(i64, String), bool>,
    pub friends: BTreeMap<(i64, i64), bool>,
    /// Values of persons by field and key, as text: what a reader must see until somebody writes something else
    pub written: BTreeMap<(String, String), String>,
}

impl Pending {
    /// The pairs were sent, or are no more.
    pub fn forget_pairs(&mut self) {
        self.person_tags.clear();
        self.friends.clear();
    }
}

/// Collects what does not agree
pub struct Check<'a> {
    pub env: &'a Environment,
    pub world: &'a World,
    pub pending: &'a Pending,
    /// Whether a transaction is open, so that something may be dirty
    pub is_open: bool,
    /// Something was refused in this transaction, which can only be rolled back: the versions of rows that it did write
    /// may be behind.
    pub is_refused: bool,
    pub faults: Vec<String>,
    /// The records that have a dirty value
    pub dirty: BTreeSet<String>,
}

/// What a cached value must be: the row's, or, where it is dirty, the one that was written
macro_rules! column {
    ($check:ident, $field:expr, $keys:expr, $row:expr) => {{
        let name = format!("{:?}", $field);
        for key in $keys {
            let Some(entry) = $check.env.cache().entry($field, key.clone()) else { continue };
            let expected = $row(key.clone());
            $check.value(&name, &key, entry.dirty, &entry.value, expected.as_ref());
        }
    }};
}

/// What a cached list must be
macro_rules! list {
    ($check:ident, $field:expr, $keys:expr, $is_sorted:expr, $members:expr) => {{
        for key in $keys {
            let Some(mut found) = $check.env.cache().get($field, key.clone()) else { continue };
            let mut expected: Vec<_> = $members(&key);
            expected.sort();
            // An order that is not that of whole numbers is the database's to know.
            if !$is_sorted {
                found.sort();
            }
            if found != expected {
                $check.fault(format!(
                    "{} of {key:?} is cached as {found:?}, it is {expected:?}",
                    $field.name()
                ));
            }
        }
    }};
}

impl Check<'_> {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn value<K: Debug, V: Debug + PartialEq>(
        &mut self,
        field: &str,
        key: &K,
        dirty: bool,
        found: &V,
        expected: Option<&V>,
    ) {
        if dirty {
            let model = field.split('.').next().unwrap_or_default();
            self.dirty.insert(format!("{model} {key:?}"));
        }
        if dirty && !self.is_open {
            self.fault(format!("{field} of {key:?} is dirty outside a transaction"));
        }
        if !dirty && expected != Some(found) && !(self.is_refused && field == "Person.version") {
            self.fault(format!("{field} of {key:?} is cached as {found:?}, the row has {expected:?}"));
        }
        // Dirty or flushed: it is what was written last.
        if let Some(written) = self.pending.written.get(&(field.to_owned(), format!("{key:?}")))
            && *written != format!("{found:?}")
        {
            self.fault(format!("{field} of {key:?} is {found:?}, but {written} was written"));
        }
    }

    pub fn run(mut self) -> Vec<String> {
        let (world, this) = (self.world, &mut self);
        let (persons, teams, badges) = (world.person_keys(), world.team_keys(), world.badge_keys());
        let codes: Vec<String> = CODES.iter().map(|&code| code.to_owned()).collect();
        let text = |value: &String| orm_core::Str::from(value.as_str());
        let person = |key: i64| world.persons.get(&key);
        column!(this, Team::NAME, teams.clone(), |key| world.teams.get(&key).map(|row| text(&row.0)));
        column!(this, Team::SIZE, teams.clone(), |key| world.teams.get(&key).map(|row| row.1));
        column!(this, Person::NAME, persons.clone(), |key| person(key).map(|row| text(&row.name)));
        column!(this, Person::NICK, persons.clone(), |key| person(key)
            .map(|row| row.nick.as_ref().map(text)));
        column!(this, Person::TEAM_ID, persons.clone(), |key| person(key).map(|row| row.team));
        column!(this, Person::GUEST_ID, persons.clone(), |key| person(key).map(|row| row.guest));
        column!(this, Person::BOSS_ID, persons.clone(), |key| person(key).map(|row| row.boss));
        column!(this, Person::TAG_CODE, persons.clone(), |key| person(key)
            .map(|row| row.tag.as_ref().map(text)));
        column!(this, Person::NOTES, persons.clone(), |key| person(key)
            .map(|row| row.notes.as_ref().map(text)));
        column!(this, Person::VERSION, persons.clone(), |key| person(key).map(|row| row.version));
        column!(this, Badge::LABEL, badges.clone(), |key| world.badges.get(&key).map(|row| text(&row.0)));
        column!(this, Badge::PERSON_ID, badges, |key| world.badges.get(&key).map(|row| row.1));
        column!(this, Tag::LABEL, codes.clone(), |key: String| world.tags.get(&key).map(text));
        this.lists(persons, teams, codes);
        let stats = self.env.stats();
        // What a refused flush has sent counts until the transaction ends.
        if !self.is_refused && stats.dirty != self.dirty.len() {
            self.fault(format!("{} records are dirty, not {:?}", stats.dirty, self.dirty));
        }
        self.faults
    }

    fn lists(&mut self, persons: Vec<i64>, teams: Vec<i32>, codes: Vec<String>) {
        let links = Links::of(self.env, self.world, self.pending);
        let texts = |codes: Vec<String>| codes.into_iter().map(orm_core::Str::from).collect::<Vec<_>>();
        list!(self, Team::MEMBER_IDS, teams.clone(), true, |team: &i32| owned(&links.team, team));
        list!(self, Team::GUEST_IDS, teams, true, |team: &i32| owned(&links.guest, &Some(*team)));
        list!(self, Person::REPORT_IDS, persons.clone(), false, |boss: &i64| owned(
            &links.boss,
            &Some(*boss)
        ));
        list!(self, Person::BADGE_IDS, persons.clone(), true, |person: &i64| owned(&links.badge, person));
        list!(self, Tag::FAN_IDS, codes.clone(), true, |code: &String| owned(
            &links.tag,
            &Some(code.clone())
        ));
        list!(self, Person::TAG_CODES, persons.clone(), false, |person: &i64| texts(links.tags_of(*person)));
        list!(self, Tag::PERSON_IDS, codes, true, |code: &String| links.persons_of(code));
        list!(self, Person::FRIEND_IDS, persons.clone(), true, |person: &i64| links.friends_of(*person));
        list!(self, Person::LIKED_BY_IDS, persons, false, |person: &i64| links.liked_by(*person));
    }
}

pub fn owned<K: Copy, V: PartialEq>(links: &BTreeMap<K, V>, owner: &V) -> Vec<K> {
    links.iter().filter(|(_, to)| *to == owner).map(|(key, _)| *key).collect()
}

/// Where links lead, those that wait to be written included
#[derive(Debug, PartialEq, Eq)]
pub struct Links {
    pub team: BTreeMap<i64, i32>,
    pub guest: BTreeMap<i64, Option<i32>>,
    pub boss: BTreeMap<i64, Option<i64>>,
    pub tag: BTreeMap<i64, Option<String>>,
    pub badge: BTreeMap<i32, i64>,
    person_tags: BTreeSet<(i64, String)>,
    friends: BTreeSet<(i64, i64)>,
}

/// The links in the rows, and over them those that are dirty
macro_rules! links {
    ($env:ident, $field:expr, $keys:expr, $rows:expr) => {{
        let dirty =
            |key| $env.cache().entry($field, key).filter(|entry| entry.dirty).map(|entry| entry.value);
        $keys.into_iter().filter_map(|key| Some((key, dirty(key).or_else(|| $rows(key))?))).collect()
    }};
}

impl Links {
    pub fn of(env: &Environment, world: &World, pending: &Pending) -> Self {
        let (keys, text) = (world.person_keys(), |code: &String| orm_core::Str::from(code.as_str()));
        let person = |key: i64| world.persons.get(&key);
        let tag: BTreeMap<i64, Option<orm_core::Str>> =
            links!(env, Person::TAG_CODE, keys.clone(), |key| person(key)
                .map(|row| row.tag.as_ref().map(text)));
        Self {
            team: links!(env, Person::TEAM_ID, keys.clone(), |key| person(key).map(|row| row.team)),
            guest: links!(env, Person::GUEST_ID, keys.clone(), |key| person(key).map(|row| row.guest)),
            boss: links!(env, Person::BOSS_ID, keys, |key| person(key).map(|row| row.boss)),
            tag: tag.into_iter().map(|(key, code)| (key, code.map(String::from))).collect(),
            badge: links!(env, Badge::PERSON_ID, world.badge_keys(), |key| world
                .badges
                .get(&key)
                .map(|row| row.1)),
            person_tags: with(&world.person_tags, &pending.person_tags),
            friends: with(&world.friends, &pending.friends),
        }
    }

    pub fn tags_of(&self, person: i64) -> Vec<String> {
        self.person_tags.iter().filter(|pair| pair.0 == person).map(|pair| pair.1.clone()).collect()
    }

    pub fn persons_of(&self, code: &str) -> Vec<i64> {
        self.person_tags.iter().filter(|pair| pair.1 == code).map(|pair| pair.0).collect()
    }

    pub fn friends_of(&self, person: i64) -> Vec<i64> {
        self.friends.iter().filter(|pair| pair.0 == person).map(|pair| pair.1).collect()
    }

    pub fn liked_by(&self, person: i64) -> Vec<i64> {
        self.friends.iter().filter(|pair| pair.1 == person).map(|pair| pair.0).collect()
    }
}

fn with<P: Ord + Clone>(pairs: &BTreeSet<P>, pending: &BTreeMap<P, bool>) -> BTreeSet<P> {
    let mut pairs = pairs.clone();
    for (pair, &is_added) in pending {
        if is_added {
            pairs.insert(pair.clone())
        } else {
            pairs.remove(pair)
        };
    }
    pairs
}
