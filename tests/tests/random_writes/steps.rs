//! The steps, and what each does.

use std::fmt::Debug;

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use proptest::prelude::*;

use crate::models::*;
use crate::run::Run;
use crate::world::CODES;

/// What a step does; `Begin` starts a transaction that lasts to the `Commit`, `Fail` or `Panic` of its level
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ReadPerson,
    ReadOther,
    ReadLink,
    ReadLists,
    ReadCounts,
    Search,
    SetName,
    SetNick,
    SetTeam,
    SetGuest,
    SetBoss,
    SetTag,
    SetNotes,
    SetOther,
    WriteMany,
    Create,
    CreateMany,
    CreateOther,
    CreateDrafts,
    Upsert,
    DeletePersons,
    DeleteOther,
    Add,
    Remove,
    Replace,
    CreateIn,
    AddPair,
    RemovePair,
    ReplacePairs,
    CreatePair,
    Invalidate,
    Limit,
    Put,
    Raw,
    RawRefused,
    Flush,
    Batches,
    Begin,
    Commit,
    Fail,
    Panic,
}

/// One step: what, and three numbers that stand for records and values
#[derive(Clone, Copy)]
pub struct Step {
    pub kind: Kind,
    pub a: usize,
    pub b: usize,
    pub c: usize,
}

impl Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({}, {}, {})", self.kind, self.a, self.b, self.c)
    }
}

pub fn step() -> impl Strategy<Value = Step> {
    use Kind::*;
    let kinds = vec![
        ReadPerson,
        ReadPerson,
        ReadOther,
        ReadLink,
        ReadLists,
        ReadLists,
        ReadLists,
        ReadCounts,
        ReadCounts,
        Search,
        SetName,
        SetNick,
        SetTeam,
        SetTeam,
        SetGuest,
        SetGuest,
        SetBoss,
        SetBoss,
        SetTag,
        SetNotes,
        SetOther,
        WriteMany,
        Create,
        Create,
        CreateMany,
        CreateOther,
        CreateDrafts,
        CreateDrafts,
        Upsert,
        DeletePersons,
        DeletePersons,
        DeleteOther,
        DeleteOther,
        Add,
        Add,
        Remove,
        Replace,
        CreateIn,
        AddPair,
        AddPair,
        RemovePair,
        ReplacePairs,
        CreatePair,
        Invalidate,
        Invalidate,
        Limit,
        Put,
        Raw,
        RawRefused,
        Flush,
        Flush,
        Batches,
        Begin,
        Begin,
        Begin,
        Begin,
        Commit,
        Commit,
        Fail,
        Panic,
    ];
    // Mostly few, so that steps meet.
    let number = || prop_oneof![3 => 0..5_usize, 1 => 0..12_usize];
    (prop::sample::select(kinds), number(), number(), number()).prop_map(|(kind, a, b, c)| Step {
        kind,
        a,
        b,
        c,
    })
}

pub fn code(number: usize) -> &'static str {
    CODES[number % CODES.len()]
}

/// A third of the links are NULL.
pub fn maybe<T>(number: usize, value: T) -> Option<T> {
    (!number.is_multiple_of(3)).then_some(value)
}

impl Run<'_> {
    pub fn person(&self, number: usize) -> Record<'_, Person> {
        self.env.record(number as i64)
    }

    pub fn team(&self, number: usize) -> Record<'_, Team> {
        self.env.record((number % 6) as i32)
    }

    /// Some persons, some of them twice
    pub fn persons(&self, b: usize, c: usize) -> RecordSet<'_, Person> {
        self.env.browse([b as i64, c as i64, b as i64].into_iter().take(1 + c % 3))
    }

    pub fn tags(&self, b: usize, c: usize) -> RecordSet<'_, Tag> {
        self.env.browse([code(b), code(c)].into_iter().take(1 + c % 2))
    }

    /// Notes what readers must see from now on.
    pub fn wrote(&self, field: &str, key: impl Debug, value: impl Debug) {
        let (key, value) = (format!("{key:?}"), format!("{value:?}"));
        self.pending.borrow_mut().written.insert((format!("Person.{field}"), key), value);
    }

    /// What these links lead to is not what was written before.
    pub fn moved(&self, field: &str) {
        self.pending.borrow_mut().written.retain(|(other, _), _| *other != format!("Person.{field}"));
    }

    pub fn same<T: PartialEq + Debug>(&self, what: &str, found: T, expected: T) {
        if found != expected && self.sees() {
            self.fault(format!("{what} is {found:?}, not {expected:?}"));
        }
    }

    pub fn act(&self, Step { kind, a, b, c }: Step) -> Result<()> {
        let env = self.env;
        match kind {
            Kind::ReadPerson => {
                // The record alone, or out of a set that is loaded with it
                let person = match b % 2 {
                    0 => self.person(a),
                    _ => env.browse::<Person>([a as i64, b as i64, c as i64]).get(0).expect("three"),
                };
                let name = match c % 3 {
                    0 => person.name()?,
                    1 => person.nick().and(person.notes()).and(person.name())?,
                    _ => person.team_id().name().and(person.name())?,
                };
                let dirty = env.cache().entry(Person::NAME, a as i64).filter(|entry| entry.dirty);
                if dirty.is_none() {
                    self.same(
                        "a name",
                        Some(name.as_str()),
                        self.world().persons.get(&(a as i64)).map(|row| &*row.name),
                    );
                }
            }
            Kind::ReadOther => match c % 4 {
                0 => drop(self.team(a).size()?),
                1 => drop(env.record::<Badge>(a as i32).label()?),
                2 => drop(env.record::<Tag>(code(a)).label()?),
                _ => drop(env.browse::<Badge>([a as i32, b as i32]).person_id().team_id().name()?),
            },
            Kind::ReadLink => {
                let person = self.person(a);
                let found = match c % 3 {
                    0 => person.boss_id().id()?,
                    1 => person.boss_id().load()?.map(|boss| boss.id()),
                    _ => person.boss_id().name().and(person.boss_id().id())?,
                };
                self.same("a boss", Some(&found), self.links().boss.get(&(a as i64)));
            }
            Kind::ReadLists => self.read_lists(a, b, c)?,
            Kind::ReadCounts => self.read_counts(b)?,
            Kind::Search => self.search(a, c)?,
            // Through a link
            Kind::SetName if c % 4 == 0 => {
                let boss = self.person(a).boss_id();
                boss.set_name(format!("name {b}"))?;
                self.wrote("name", boss.id()?.expect("it was written"), format!("name {b}"));
            }
            // Through a struct that does not know of the version
            Kind::SetName if c % 4 == 1 => {
                env.record::<Name>(a as i64).set_name(format!("name {b}"))?;
                self.wrote("name", a, format!("name {b}"));
            }
            Kind::SetName => {
                self.person(a).set_name(format!("name {b}"))?;
                self.wrote("name", a, format!("name {b}"));
            }
            Kind::SetNick => {
                let nick = maybe(b, format!("n{}", b % 4));
                self.person(a).set_nick(nick.clone().map(Str::from))?;
                self.wrote("nick", a, nick);
            }
            Kind::SetTeam => {
                self.person(a).set_team_id(self.team(b))?;
                self.wrote("team_id", a, b % 6);
            }
            Kind::SetGuest => {
                self.person(a).set_guest_id(maybe(b, Id::<Team>::new((c % 6) as i32)))?;
                self.wrote("guest_id", a, maybe(b, c % 6));
            }
            Kind::SetBoss => {
                self.person(a).set_boss_id(maybe(b, Id::<Person>::new(c as i64)))?;
                self.wrote("boss_id", a, maybe(b, c));
            }
            Kind::SetTag => {
                self.person(a).set_tag_code(maybe(b, Id::<Tag>::new(code(c))))?;
                self.wrote("tag_code", a, maybe(b, code(c)));
            }
            Kind::SetNotes => {
                self.person(a).set_notes(maybe(b, Str::from("'; notes")))?;
                self.wrote("notes", a, maybe(b, "'; notes"));
            }
            Kind::SetOther => match c % 4 {
                0 => self.team(a).set_name(format!("T{}", b % 5))?,
                1 => self.team(a).set_size(b as i32 - 2)?,
                2 => env.record::<Badge>(a as i32).set_person_id(b as i64)?,
                _ => env.record::<Tag>(code(a)).set_label(format!("label {b}"))?,
            },
            Kind::WriteMany => {
                let persons = self.persons(a, b);
                persons
                    .write(Person::values().name("all").guest_id(maybe(c, (c % 6) as i32).map(Id::new)))?;
                for key in persons.ids() {
                    self.wrote("name", key, "all");
                    self.wrote("guest_id", key, maybe(c, c % 6));
                }
            }
            _ => self.act_on_rows(Step { kind, a, b, c })?,
        }
        Ok(())
    }

    fn search(&self, a: usize, c: usize) -> Result<()> {
        let env = self.env;
        match c % 4 {
            0 => {
                let found = env.all::<Person>()?.ids();
                self.same("all", found, self.world().persons.into_keys().collect());
            }
            1 => {
                let found = persons::table
                    .filter(persons::team_id.eq(a as i32))
                    .order(persons::id)
                    .records::<Person>(env)?;
                let in_team = self.links().team.into_iter().filter(|(_, team)| *team == a as i32);
                self.same("found", found.ids(), in_team.map(|(key, _)| key).collect());
            }
            2 => drop(badges::table.record_ids::<Badge>(env)?),
            _ => drop(teams::table.order(teams::name).first_record::<Team>(env)?),
        }
        // It could have seen what waited.
        self.same("dirty", env.stats().dirty, 0);
        Ok(())
    }
}
