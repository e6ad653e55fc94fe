//! Random steps through two environments over one database, beside a plain map of the rows: what one of them has read anew, or locked,
//! equals the map, whatever the other has written; what it writes on the ground of what it read before is a conflict or is right. With
//! versions, also through a struct that has none, cascades, unique values that change hands, columns that the database makes, values that
//! it rounds and pads, pairs by the model of their table and by links, and sets of which each row is written differently. Run on each
//! database; `ORM_TEST_SEEDS=1700` are some 100,000 steps.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};

use super::random_steps_equal_a_plain_map::Dice;
use super::{Db, MOMENT, NEW_KEYS};
use crate::place::{Outcome, Place};

diesel::table! { owners { id -> Integer, name -> Text } }
diesel::table! {
    accounts {
        id -> Integer,
        name -> Text,
        code -> Nullable<Text>,
        amount -> Integer,
        twice -> Integer,
        parent_id -> Nullable<Integer>,
        owner_id -> Nullable<Integer>,
        at -> Nullable<Timestamp>,
        short -> Nullable<Text>,
        version -> Integer,
    }
}
diesel::table! { notes { id -> Integer, text -> Text, account_id -> Integer } }
diesel::table! { tags (code) { code -> Text } }
diesel::table! { account_tags (account_id, tag_code) { account_id -> Integer, tag_code -> Text } }

#[derive(Model)]
#[model(connection = Db)]
struct Owner {
    id: i32,
    #[model(inverse = Account::OWNER_ID)]
    account_ids: OneToMany<Account>,
}

#[derive(Model)]
#[model(connection = Db)]
struct Account {
    id: i32,
    name: String,
    code: Option<String>,
    amount: i32,
    #[model(read_only)]
    twice: i32,
    parent_id: Option<Id<Self>>,
    owner_id: Option<Id<Owner>>,
    at: Option<NaiveDateTime>,
    short: Option<String>,
    #[model(version)]
    version: i32,
    #[model(inverse = Account::PARENT_ID)]
    child_ids: OneToMany<Self>,
    #[model(inverse = Note::ACCOUNT_ID)]
    note_ids: OneToMany<Note>,
    #[model(through(account_tags::account_id, account_tags::tag_code))]
    tag_codes: ManyToMany<Tag>,
}

/// Says nothing of a version.
#[derive(Model)]
#[model(connection = Db, table = accounts)]
struct Brief {
    id: i32,
    amount: i32,
}

#[derive(Model)]
#[model(connection = Db)]
struct Tag {
    #[model(primary_key)]
    code: String,
    #[model(through(account_tags::tag_code, account_tags::account_id))]
    account_ids: ManyToMany<Account>,
}

#[derive(Model)]
#[model(connection = Db, primary_key(account_id, tag_code))]
struct AccountTag {
    account_id: Id<Account>,
    tag_code: Id<Tag>,
}

const TAGS: [&str; 3] = ["a", "b", "c"];

#[derive(Model)]
#[model(connection = Db)]
struct Note {
    id: i32,
    text: String,
    account_id: Id<Account>,
}

const ROWS: &str = "DELETE FROM notes; DELETE FROM account_tags; DELETE FROM accounts; DELETE FROM owners;
    INSERT INTO owners VALUES (1, 'o1'), (2, 'o2'), (3, 'o3');
    INSERT INTO accounts (id, name, code, amount, parent_id, owner_id, version) VALUES
        (1, 'a1', 'c1', 1, NULL, 1, 1), (2, 'a2', NULL, 2, 1, 1, 1), (3, 'a3', 'c3', 3, 2, NULL, 1), (4, 'a4', NULL, 4, NULL, 2, 1),
        (5, 'a5', 'c5', 5, 4, 3, 1);
    INSERT INTO notes (id, text, account_id) VALUES (1, 'n1', 1), (2, 'n2', 1), (3, 'n3', 3), (4, 'n4', 5);
    INSERT INTO account_tags VALUES (1, 'a'), (1, 'b'), (3, 'a')";

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
struct Row {
    id: i32,
    name: String,
    code: Option<String>,
    amount: i32,
    parent: Option<i32>,
    owner: Option<i32>,
    at: Option<NaiveDateTime>,
    short: Option<String>,
    version: i32,
}

/// What the rows are
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rows {
    owners: BTreeSet<i32>,
    accounts: BTreeMap<i32, Row>,
    notes: BTreeMap<i32, (String, i32)>,
    pairs: BTreeSet<(i32, String)>,
}

impl Rows {
    fn stored(sql: &mut Db) -> QueryResult<Self> {
        let columns = (
            accounts::id,
            accounts::name,
            accounts::code,
            accounts::amount,
            accounts::parent_id,
            accounts::owner_id,
            accounts::at,
            accounts::short,
            accounts::version,
        );
        let rows: Vec<Row> = accounts::table.select(columns).load(sql)?;
        let notes: Vec<(i32, String, i32)> = notes::table.load(sql)?;
        Ok(Self {
            owners: owners::table.select(owners::id).load::<i32>(sql)?.into_iter().collect(),
            accounts: rows.into_iter().map(|row| (row.id, row)).collect(),
            notes: notes.into_iter().map(|(id, text, account)| (id, (text, account))).collect(),
            pairs: account_tags::table.load::<(i32, String)>(sql)?.into_iter().collect(),
        })
    }

    fn ids(&self) -> Vec<i32> {
        self.accounts.keys().copied().collect()
    }

    fn account(&mut self, id: i32) -> &mut Row {
        self.accounts.get_mut(&id).unwrap()
    }

    /// Notes that a row was written.
    fn write(&mut self, id: i32, change: impl FnOnce(&mut Row)) {
        change(self.account(id));
    }

    /// Takes away what a foreign key takes along.
    fn delete(&mut self, id: i32) {
        if self.accounts.remove(&id).is_none() {
            return;
        }
        self.notes.retain(|_, note| note.1 != id);
        self.pairs.retain(|pair| pair.0 != id);
        let children: Vec<i32> =
            self.accounts.values().filter(|row| row.parent == Some(id)).map(|row| row.id).collect();
        children.into_iter().for_each(|child| self.delete(child));
    }

    fn children(&self, id: i32) -> Vec<i32> {
        self.accounts.values().filter(|row| row.parent == Some(id)).map(|row| row.id).collect()
    }

    fn of_owner(&self, id: i32) -> Vec<i32> {
        self.accounts.values().filter(|row| row.owner == Some(id)).map(|row| row.id).collect()
    }

    fn tags_of(&self, id: i32) -> Vec<String> {
        self.pairs.iter().filter(|pair| pair.0 == id).map(|pair| pair.1.clone()).collect()
    }

    fn tagged(&self, code: &str) -> Vec<i32> {
        self.pairs.iter().filter(|pair| pair.1 == code).map(|pair| pair.0).collect()
    }

    fn notes_of(&self, id: i32) -> Vec<i32> {
        self.notes.iter().filter(|(_, note)| note.1 == id).map(|(&id, _)| id).collect()
    }
}

fn write(env: &Environment<Db>, rows: &mut Rows, dice: &mut Dice, number: usize) -> Result<()> {
    let ids = rows.ids();
    if ids.is_empty() {
        return Ok(());
    }
    let id = dice.one_of(&ids);
    let account = env.record::<Account>(id);
    let owners: Vec<Option<i32>> = rows.owners.iter().copied().map(Some).chain([None]).collect();
    let owner = dice.one_of(&owners);
    let name = format!("n{number}");
    match dice.roll(22) {
        0 => {
            account.set_name(&*name)?;
            rows.write(id, |row| row.name = name);
        }
        1 => {
            let amount = account.amount()? + 1;
            account.set_amount(amount)?;
            rows.write(id, |row| row.amount += 1);
        }
        2 => {
            account.set_owner_id(&owner)?;
            rows.write(id, |row| row.owner = owner);
        }
        3 => {
            // No circle: MariaDB takes no part of one along.
            let parent = dice.one_of(&ids);
            let parent = (parent < id).then_some(parent);
            account.set_parent_id(&parent)?;
            rows.write(id, |row| row.parent = parent);
        }
        4 if ids.len() < 14 => {
            let values = Account::values().name(&*name).amount(number as i32).owner_id(&owner).parent_id(id);
            let new = env.create(values)?;
            let row = Row {
                id: new.id(),
                name,
                code: None,
                amount: number as i32,
                parent: Some(id),
                owner,
                at: None,
                short: None,
                version: 1,
            };
            rows.accounts.insert(new.id(), row);
        }
        // Parents and children, in any order
        5 if ids.len() > 4 => {
            let (a, b, c) = (dice.one_of(&ids), dice.one_of(&ids), dice.one_of(&ids));
            let mut left = rows.clone();
            [a, b, c].into_iter().for_each(|id| left.delete(id));
            if left.accounts.len() > 1 {
                env.browse::<Account>([a, b, c]).delete()?;
                *rows = left;
            }
        }
        6 => {
            // A unique value goes from one to another.
            let to = dice.one_of(&ids);
            let code = rows.account(id).code.clone();
            if to != id {
                let to = env.record::<Account>(to);
                match dice.roll(3) {
                    0 => {
                        account.set_code(None)?;
                        env.flush()?;
                        to.set_code(&code)?;
                    }
                    1 => env.transaction(|| account.set_code(None).and(to.set_code(&code)))?,
                    _ => env.transaction(|| to.set_code(&code).and(account.set_code(None)))?,
                }
                rows.write(id, |row| row.code = None);
                rows.write(to.id(), |row| row.code = code);
            }
        }
        7 => {
            let note = env.create(Note::values().text(&*name).account_id(id))?;
            rows.notes.insert(note.id(), (name, id));
        }
        8 | 9 => {
            let notes: Vec<i32> = rows.notes.keys().copied().collect();
            if let Some(&note) = notes.get(dice.roll(notes.len().max(1))) {
                if dice.roll(3) == 0 {
                    env.record::<Note>(note).delete()?;
                    rows.notes.remove(&note);
                } else {
                    env.record::<Note>(note).set_account_id(id)?;
                    rows.notes.get_mut(&note).unwrap().1 = id;
                }
            }
        }
        10 if rows.owners.len() > 1 => {
            if let Some(owner) = owner {
                env.record::<Owner>(owner).delete()?;
                rows.owners.remove(&owner);
                rows.accounts
                    .values_mut()
                    .filter(|row| row.owner == Some(owner))
                    .for_each(|row| row.owner = None);
            }
        }
        // Of each something else
        11 | 12 => {
            for (n, &id) in ids.iter().enumerate() {
                let account = env.record::<Account>(id);
                if dice.roll(2) == 0 {
                    account.set_name(format!("{name}.{n}"))?;
                    rows.write(id, |row| row.name = format!("{name}.{n}"));
                }
                if dice.roll(3) == 0 {
                    account.set_amount(n as i32)?;
                    rows.write(id, |row| row.amount = n as i32);
                }
                if dice.roll(3) == 0 {
                    account.set_owner_id(&owner)?;
                    rows.write(id, |row| row.owner = owner);
                }
            }
        }
        13 | 14 => {
            let brief = env.record::<Brief>(id);
            let amount = brief.amount()? + 1;
            brief.set_amount(amount)?;
            rows.write(id, |row| row.amount += 1);
        }
        // As the database rounds it, or pads it
        15 => {
            let at = NaiveDate::from_ymd_opt(2026, 11, 28)
                .and_then(|day| day.and_hms_nano_opt(2, 30, 0, 700_000_001));
            let at = at.map(|at| at + TimeDelta::seconds(dice.roll(3) as i64));
            account.set_at(at)?;
            rows.write(id, |row| row.at = at);
        }
        16 => {
            let short = dice.one_of(&[Some("s"), Some("s "), Some("  "), None]);
            account.set_short(&short)?;
            rows.write(id, |row| row.short = short.map(str::to_owned));
        }
        17..=19 => write_pair(env, rows, dice, id)?,
        _ => match dice.roll(6) {
            0 => env.cache().clear(),
            5 => env.cache().invalidate_field(Tag::ACCOUNT_IDS),
            1 => env.cache().invalidate_model::<Account>(),
            2 => env.cache().invalidate_field(Account::NOTE_IDS),
            3 => drop(env.all::<Account>()?.refresh()?),
            _ => env.flush()?,
        },
    }
    Ok(())
}

/// Adds or takes away a pair, or several: by either link, or by the model of their table.
fn write_pair(env: &Environment<Db>, rows: &mut Rows, dice: &mut Dice, id: i32) -> Result<()> {
    let (account, code) = (env.record::<Account>(id), dice.one_of(&TAGS));
    let (tag, pair) = (env.record::<Tag>(code), (id, code.to_owned()));
    let is_there = rows.pairs.contains(&pair);
    match dice.roll(8) {
        0 => account.tag_codes().add(&tag)?,
        1 => tag.account_ids().add(&account)?,
        2 if !is_there => drop(env.create(AccountTag::values().account_id(id).tag_code(code))?),
        3 => {
            account.tag_codes().set(&env.browse::<Tag>([code]))?;
            rows.pairs.retain(|pair| pair.0 != id);
        }
        4 => {
            account.tag_codes().remove(&tag)?;
            rows.pairs.remove(&pair);
            return Ok(());
        }
        5 => {
            tag.account_ids().remove(&account)?;
            rows.pairs.remove(&pair);
            return Ok(());
        }
        6 if is_there => {
            env.record::<AccountTag>((id, Str::from(code))).delete()?;
            rows.pairs.remove(&pair);
            return Ok(());
        }
        _ => return Ok(()),
    }
    rows.pairs.insert(pair);
    Ok(())
}

/// What PostgreSQL has filled up with spaces is shown without them.
fn unpadded(text: &str) -> &str {
    if text.len() == 4 { text.trim_end() } else { text }
}

/// Whether a value is as it was given, or what the database may have made of it
fn is_close(row: &Row, at: Option<NaiveDateTime>, short: Option<&str>) -> bool {
    let moments = row.at.zip(at).is_none_or(|(a, b)| (a - b).num_milliseconds().abs() < 1_000);
    let texts = row.short.as_deref().map(str::trim_end) == short.map(str::trim_end);
    moments && texts && row.at.is_some() == at.is_some()
}

fn read(env: &Environment<Db>, rows: &Rows, dice: &mut Dice, waits: bool) -> Result<()> {
    let ids = rows.ids();
    if ids.is_empty() {
        return Ok(());
    }
    let id = dice.one_of(&ids);
    let (row, account) = (&rows.accounts[&id], env.record::<Account>(id));
    match dice.roll(11) {
        7 if waits => assert!(is_close(row, account.at()?, account.short()?.as_deref())),
        7 => assert_eq!(
            (account.at()?, account.short()?.as_deref()),
            (row.at, row.short.as_deref().map(unpadded))
        ),
        8 => assert_eq!(account.tag_codes().ids()?, rows.tags_of(id)),
        9 => {
            let code = dice.one_of(&TAGS);
            assert_eq!(env.record::<Tag>(code).account_ids().ids()?, rows.tagged(code));
        }
        0 => assert_eq!((&*account.name()?, account.code()?.as_deref()), (&*row.name, row.code.as_deref())),
        1 => assert_eq!((account.amount()?, account.twice()?), (row.amount, 2 * row.amount)),
        2 => assert_eq!((account.parent_id().id()?, account.owner_id().id()?), (row.parent, row.owner)),
        3 => assert_eq!(account.child_ids().ids()?, rows.children(id)),
        4 => assert_eq!(account.note_ids().len()?, rows.notes_of(id).len()),
        5 => assert_eq!(account.note_ids().ids()?, rows.notes_of(id)),
        6 => {
            for &owner in &rows.owners {
                assert_eq!(env.record::<Owner>(owner).account_ids().ids()?, rows.of_owner(owner));
            }
        }
        _ => assert_eq!(env.all::<Account>()?.ids(), ids),
    }
    Ok(())
}

/// Reads anew what an environment may have cached while the other one wrote.
fn renew(env: &Environment<Db>, dice: &mut Dice) -> Result<()> {
    match dice.roll(3) {
        0 => env.cache().clear(),
        1 => {
            // Of those that it knew and that are gone nothing stays, either.
            env.all::<Account>()?.refresh()?;
            env.all::<Note>()?.refresh()?;
            env.all::<Owner>()?.refresh()?;
            env.all::<Tag>()?.refresh()?;
            env.cache().invalidate_field(Account::NOTE_IDS);
        }
        _ => {
            env.cache().invalidate_model::<Owner>();
            env.cache().invalidate_model::<Note>();
            env.cache().invalidate_model::<Account>();
            env.cache().invalidate_model::<Tag>();
        }
    }
    Ok(())
}

/// Writes on the ground of what was read at some time: nothing is lost, and nothing is half done.
fn write_stale(env: &Environment<Db>, sql: &mut Db, dice: &mut Dice) -> Outcome<usize> {
    let mut done = 0;
    for _ in 0..3 {
        let before = Rows::stored(sql)?;
        if before.accounts.is_empty() {
            break;
        }
        let id = dice.one_of(&before.ids());
        let account = env.record::<Account>(id);
        let mut after = before.clone();
        if dice.roll(4) == 0 {
            // The last one wins, and whoever has read the version will see that.
            match env.record::<Brief>(id).set_amount(-1) {
                Ok(()) => {
                    after.account(id).amount = -1;
                    after.account(id).version += 1;
                }
                Err(error) => assert!(error.is_conflict() || error.is_missing_record(), "{error}"),
            }
            let stored = Rows::stored(sql)?;
            assert!(stored == after || after.account(id).amount == before.clone().account(id).amount);
            after = stored;
        }
        let before = after.clone();
        done += 1;
        let written = account.amount().and_then(|amount| account.set_amount(amount + 1));
        match written {
            Ok(()) => {
                after.account(id).amount += 1;
                after.account(id).version += 1;
            }
            Err(error) => assert!(error.is_conflict() || error.is_missing_record(), "{error}"),
        }
        assert_eq!(Rows::stored(sql)?, after);
        if dice.roll(4) == 0 && before.accounts.len() > 4 {
            let id = dice.one_of(&before.ids());
            let account = env.record::<Account>(id);
            let mut left = after.clone();
            match account.delete() {
                Ok(()) => left.delete(id),
                Err(error) => assert!(error.is_conflict() || error.is_missing_record(), "{error}"),
            }
            if !left.accounts.is_empty() {
                assert_eq!(Rows::stored(sql)?, left);
            }
        }
    }
    Ok(done)
}

/// Versions are counted by statements, of which there may be several for what was written in one transaction; some values are as the
/// database rounds and pads them.
fn same_but_versions(mut a: Rows, b: &Rows) -> bool {
    for (id, row) in &mut a.accounts {
        let Some(other) = b.accounts.get(id) else { return false };
        if !is_close(row, other.at, other.short.as_deref()) {
            return false;
        }
        (row.version, row.at, row.short) = (other.version, other.at, other.short.clone());
    }
    a == *b
}

/// Gives the number of steps that were done.
fn run(place: &Place<Db>, sql: &mut Db, seed: u64) -> Outcome<usize> {
    let mut done = 0;
    sql.batch_execute(ROWS)?;
    let (one, two) = (place.environment()?, place.environment()?);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for group in 0..10 {
        let env = if dice.roll(2) == 0 { &one } else { &two };
        let before = Rows::stored(sql)?;
        if before.accounts.len() < 3 || before.owners.is_empty() {
            break;
        }
        if dice.roll(4) == 0 {
            done += write_stale(env, sql, &mut dice)?;
            continue;
        }
        let mut rows = before.clone();
        let count = 1 + dice.roll(8);
        done += count;
        let steps = |rows: &mut Rows, dice: &mut Dice| {
            for step in 0..count {
                if dice.roll(5) < 3 {
                    write(env, rows, dice, 100 * group + step)?;
                } else {
                    read(env, rows, dice, true)?;
                }
            }
            Ok::<_, Error>(())
        };
        match dice.roll(4) {
            0 => {
                renew(env, &mut dice)?;
                steps(&mut rows, &mut dice)?;
            }
            1 => {
                renew(env, &mut dice)?;
                env.transaction(|| steps(&mut rows, &mut dice))?;
            }
            2 => {
                // The lock brings the values; lists come anew.
                env.transaction(|| {
                    env.cache().invalidate_field(Owner::ACCOUNT_IDS);
                    env.cache().invalidate_field(Account::CHILD_IDS);
                    env.cache().invalidate_field(Account::NOTE_IDS);
                    env.cache().invalidate_field(Account::TAG_CODES);
                    env.cache().invalidate_model::<Note>();
                    env.cache().invalidate_model::<Tag>();
                    env.cache().invalidate_model::<AccountTag>();
                    env.all::<Account>()?.lock()?;
                    steps(&mut rows, &mut dice)
                })?;
            }
            _ => {
                renew(env, &mut dice)?;
                let undone = env.transaction(|| {
                    steps(&mut rows, &mut dice)?;
                    Err::<(), _>(Error::other("undone"))
                });
                assert!(undone.as_ref().is_err_and(|error| error.to_string() == "undone"), "{undone:?}");
                rows = before;
            }
        }
        let stored = Rows::stored(sql)?;
        assert!(same_but_versions(rows.clone(), &stored), "group {group}: {stored:?}\n  is not {rows:?}");
        for _ in 0..4 {
            read(env, &stored, &mut dice, false)?;
            done += 1;
        }
    }
    Ok(done)
}

#[test]
fn whatever_the_other_one_does() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut sql = place.connect()?;
    sql.batch_execute(&format!(
        "CREATE TABLE owners (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT '');
        CREATE TABLE accounts (id {NEW_KEYS}, name VARCHAR(20) NOT NULL, code VARCHAR(20) UNIQUE, amount INTEGER NOT NULL,
            twice INTEGER GENERATED ALWAYS AS (amount * 2) STORED, parent_id INTEGER, owner_id INTEGER,
            at {MOMENT}, short CHAR(4), version INTEGER NOT NULL DEFAULT 1, FOREIGN KEY (parent_id) REFERENCES accounts (id) ON DELETE CASCADE,
            FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE SET NULL);
        CREATE TABLE notes (id {NEW_KEYS}, text VARCHAR(20) NOT NULL, account_id INTEGER NOT NULL,
            FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE);
        CREATE TABLE tags (code VARCHAR(10) PRIMARY KEY);
        CREATE TABLE account_tags (account_id INTEGER NOT NULL, tag_code VARCHAR(10) NOT NULL, PRIMARY KEY (account_id, tag_code),
            FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE, FOREIGN KEY (tag_code) REFERENCES tags (code));
        INSERT INTO tags VALUES ('a'), ('b'), ('c')"
    ))?;
    let seeds = std::env::var("ORM_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100);
    let mut steps = 0;
    for seed in 0..seeds {
        match catch_unwind(AssertUnwindSafe(|| run(&place, &mut sql, seed))) {
            Ok(Ok(done)) => steps += done,
            result => panic!("seed {seed}, after {steps} steps: {result:?}"),
        }
        if seed % 100 == 99 {
            eprintln!("{steps} steps of {} seeds", seed + 1);
        }
    }
    Ok(())
}
