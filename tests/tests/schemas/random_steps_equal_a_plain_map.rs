//! Random steps through every model of a table, in transactions and out of them, beside a plain map of the rows: each read
//! equals the map, and what is stored at the end of each transaction does. Run on each database.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};

use super::{Db, NEW_KEYS};
use crate::place::{Outcome, Place};

diesel::table! { countries { id -> Integer, name -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, country_id -> Nullable<Integer> } }
diesel::table! { teams { id -> Integer, name -> Text } }
diesel::table! { memberships (partner_id, team_id) { partner_id -> Integer, team_id -> Integer, role -> Nullable<Text> } }
diesel::table! { leads (partner_id, team_id) { partner_id -> Integer, team_id -> Integer } }

#[derive(Model)]
#[model(table = countries, connection = Db)]
struct Country {
    id: i32,
    #[model(inverse = Partner::COUNTRY_ID)]
    partner_ids: OneToMany<Partner>,
    #[model(inverse = Slim::COUNTRY_ID)]
    slim_ids: OneToMany<Slim>,
}

#[derive(Model)]
#[model(connection = Db)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    #[model(through(memberships::partner_id, memberships::team_id))]
    team_ids: ManyToMany<Team>,
    #[model(inverse = Membership::PARTNER_ID)]
    membership_ids: OneToMany<Membership>,
}

#[derive(Model)]
#[model(table = partners, connection = Db)]
struct Slim {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
}

#[derive(Model)]
#[model(table = partners, connection = Db)]
struct Plain {
    id: i32,
    #[model(column = country_id)]
    country: Option<Id<Country>>,
    country_id: Option<i32>,
}

#[derive(Model)]
#[model(connection = Db)]
struct Team {
    id: i32,
    #[model(through(memberships::team_id, memberships::partner_id))]
    partner_ids: ManyToMany<Partner>,
}

#[derive(Model)]
#[model(connection = Db)]
struct Membership {
    #[model(primary_key)]
    partner_id: Id<Partner>,
    #[model(primary_key)]
    team_id: Id<Team>,
    role: Option<String>,
}

/// The memberships with the role `lead`
#[derive(Model)]
#[model(connection = Db, view_of(memberships), primary_key(partner_id, team_id))]
struct Lead {
    partner_id: i32,
    team_id: i32,
}

const SCHEMA: &str = "CREATE TABLE countries (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE memberships (partner_id INTEGER NOT NULL, team_id INTEGER NOT NULL, role TEXT,
        PRIMARY KEY (partner_id, team_id));
    CREATE VIEW leads AS SELECT partner_id, team_id FROM memberships WHERE role = 'lead';
    INSERT INTO countries VALUES (1, 'BE'), (2, 'NL'), (3, 'LU'); INSERT INTO teams VALUES (1, 'a'), (2, 'b'), (3, 'c')";

const ROWS: &str = "DELETE FROM partners; DELETE FROM memberships;
    INSERT INTO partners VALUES (1, 'p1', 1), (2, 'p2', NULL), (3, 'p3', 2), (4, 'p4', 1);
    INSERT INTO memberships VALUES (1, 1, NULL), (1, 2, 'lead'), (3, 2, NULL)";

/// What the rows are
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rows {
    partners: BTreeMap<i32, (String, Option<i32>)>,
    memberships: BTreeMap<(i32, i32), Option<String>>,
}

impl Rows {
    fn new() -> Self {
        let partner = |id: i32, country| (id, (format!("p{id}"), country));
        Self {
            partners: [partner(1, Some(1)), partner(2, None), partner(3, Some(2)), partner(4, Some(1))]
                .into(),
            memberships: [((1, 1), None), ((1, 2), Some("lead".to_owned())), ((3, 2), None)].into(),
        }
    }

    fn of_country(&self, country: i32) -> Vec<i32> {
        let is_there = |(_, (_, of)): &(&i32, &(String, Option<i32>))| *of == Some(country);
        self.partners.iter().filter(is_there).map(|(&id, _)| id).collect()
    }

    /// A membership of a partner that is gone joins to nothing.
    fn partners_of(&self, team: i32) -> Vec<i32> {
        let ids = self.memberships.keys().filter(|key| key.1 == team).map(|key| key.0);
        ids.filter(|id| self.partners.contains_key(id)).collect()
    }

    fn teams_of(&self, partner: i32) -> Vec<i32> {
        self.memberships.keys().filter(|key| key.0 == partner).map(|key| key.1).collect()
    }

    fn stored(sql: &mut Db) -> QueryResult<Self> {
        let partners: Vec<(i32, String, Option<i32>)> = partners::table.load(sql)?;
        let memberships: Vec<(i32, i32, Option<String>)> = memberships::table.load(sql)?;
        Ok(Self {
            partners: partners.into_iter().map(|(id, name, country)| (id, (name, country))).collect(),
            memberships: memberships
                .into_iter()
                .map(|(partner, team, role)| ((partner, team), role))
                .collect(),
        })
    }
}

/// Numbers that look random, the same for each seed
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    pub(super) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.roll(items.len())]
    }
}

fn write(env: &Environment<Db>, rows: &mut Rows, dice: &mut Dice, number: usize) -> Result<()> {
    let ids: Vec<i32> = rows.partners.keys().copied().collect();
    let (id, team) = (dice.one_of(&ids), dice.one_of(&[1, 2, 3]));
    let country = dice.one_of(&[None, Some(1), Some(2), Some(3)]);
    let name = format!("n{}", if dice.roll(4) == 0 { 0 } else { number });
    match dice.roll(13) {
        0 => {
            env.record::<Partner>(id).set_name(&*name)?;
            rows.partners.get_mut(&id).unwrap().0 = name;
        }
        1 => {
            env.record::<Slim>(id).set_name(&*name)?;
            rows.partners.get_mut(&id).unwrap().0 = name;
        }
        2..=4 => {
            match dice.roll(4) {
                0 => env.record::<Partner>(id).set_country_id(&country)?,
                1 => env.record::<Slim>(id).set_country_id(&country)?,
                2 => env.record::<Plain>(id).set_country(&country)?,
                _ => env.record::<Plain>(id).set_country_id(country)?,
            }
            rows.partners.get_mut(&id).unwrap().1 = country;
        }
        5 if ids.len() < 12 => {
            let new = if dice.roll(2) == 0 {
                env.create(Partner::values().name(&*name).country_id(&country))?.id()
            } else {
                env.create(Slim::values().name(&*name).country_id(&country))?.id()
            };
            rows.partners.insert(new, (name, country));
        }
        6 if ids.len() > 3 => {
            if dice.roll(2) == 0 {
                env.record::<Partner>(id).delete()?;
            } else {
                env.record::<Slim>(id).delete()?;
            }
            rows.partners.remove(&id);
        }
        7 => {
            env.record::<Partner>(id).team_ids().add(&env.record::<Team>(team))?;
            rows.memberships.entry((id, team)).or_default();
        }
        8 => {
            env.record::<Team>(team).partner_ids().remove(&env.record::<Partner>(id))?;
            if rows.memberships.remove(&(id, team)).is_some() {
                // A pair that is removed and added again before it was sent stays what it was, with its role.
                env.flush()?;
            }
        }
        9 | 10 if !rows.memberships.contains_key(&(id, team)) => {
            let role = dice.one_of(&[None, Some("lead")]);
            env.create(Membership::values().partner_id(id).team_id(team).role(&role))?;
            rows.memberships.insert((id, team), role.map(str::to_owned));
        }
        9 => {
            env.record::<Membership>((id, team)).delete()?;
            rows.memberships.remove(&(id, team));
        }
        10 | 11 => {
            if let Some(role) = rows.memberships.get_mut(&(id, team)) {
                let new = dice.one_of(&[None, Some("lead"), Some("guest")]);
                env.record::<Membership>((id, team)).set_role(&new)?;
                *role = new.map(str::to_owned);
            }
        }
        _ => match dice.roll(4) {
            0 => env.cache().clear(),
            1 => env.cache().invalidate_model::<Slim>(),
            2 => env.cache().invalidate_model::<Membership>(),
            _ => env.flush()?,
        },
    }
    Ok(())
}

fn read(env: &Environment<Db>, rows: &Rows, dice: &mut Dice) -> Result<()> {
    let ids: Vec<i32> = rows.partners.keys().copied().collect();
    let id = dice.one_of(&ids);
    let (name, country) = &rows.partners[&id];
    let (of, team) = (dice.one_of(&[1, 2, 3]), dice.one_of(&[1, 2, 3]));
    let (partner, of_country, of_team) =
        (env.record::<Partner>(id), env.record::<Country>(of), env.record::<Team>(team));
    match dice.roll(9) {
        0 => assert_eq!((&*partner.name()?, &*env.record::<Slim>(id).name()?), (&**name, &**name)),
        1 => {
            let plain = env.record::<Plain>(id);
            assert_eq!((partner.country_id().id()?, plain.country_id()?), (*country, *country));
            assert_eq!(plain.country().id()?, *country);
        }
        2 => assert_eq!(of_country.partner_ids().ids()?, rows.of_country(of)),
        3 => assert_eq!(of_country.slim_ids().ids()?, rows.of_country(of)),
        4 => assert_eq!(of_country.slim_ids().len()?, rows.of_country(of).len()),
        5 => assert_eq!(partner.team_ids().ids()?, rows.teams_of(id)),
        6 => {
            let mut members = partner.membership_ids().ids()?;
            members.sort_unstable();
            assert_eq!(members, rows.teams_of(id).into_iter().map(|team| (id, team)).collect::<Vec<_>>());
        }
        7 => {
            let mut partners = of_team.partner_ids().ids()?;
            partners.sort_unstable();
            assert_eq!(partners, rows.partners_of(team));
        }
        _ => {
            let role = rows.memberships.get(&(id, team));
            let is_lead = role.is_some_and(|role| role.as_deref() == Some("lead"));
            assert_eq!(env.get::<Lead>((id, team))?.is_some(), is_lead);
            let membership = env.get::<Membership>((id, team))?;
            assert_eq!(membership.is_some(), role.is_some());
            if let (Some(membership), Some(role)) = (membership, role) {
                assert_eq!(membership.role()?.as_deref(), role.as_deref());
            }
        }
    }
    Ok(())
}

fn run(place: &Place<Db>, sql: &mut Db, seed: u64) -> Outcome {
    sql.batch_execute(ROWS)?;
    let env = place.environment()?;
    let (mut rows, mut dice) = (Rows::new(), Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    for group in 0..12 {
        let before = rows.clone();
        let steps = 1 + dice.roll(10);
        let steps = |rows: &mut Rows, dice: &mut Dice| {
            for step in 0..steps {
                if dice.roll(2) == 0 {
                    write(&env, rows, dice, 100 * group + step)?;
                } else {
                    read(&env, rows, dice)?;
                }
            }
            Ok::<_, Error>(())
        };
        match dice.roll(3) {
            0 => steps(&mut rows, &mut dice)?,
            1 => env.transaction(|| steps(&mut rows, &mut dice))?,
            _ => {
                let undone = env.transaction(|| {
                    steps(&mut rows, &mut dice)?;
                    Err::<(), _>(Error::other("undone"))
                });
                assert!(undone.is_err_and(|error| error.to_string() == "undone"));
                rows = before;
            }
        }
        assert_eq!(Rows::stored(sql)?, rows, "group {group}");
        for _ in 0..4 {
            read(&env, &rows, &mut dice)?;
        }
    }
    Ok(())
}

#[test]
fn whatever_the_steps_are() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    let mut sql = place.connect()?;
    sql.batch_execute(&format!(
        "CREATE TABLE partners (id {NEW_KEYS}, name TEXT NOT NULL, country_id INTEGER); {SCHEMA}"
    ))?;
    let seeds = std::env::var("ORM_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(150);
    for seed in 0..seeds {
        let result = catch_unwind(AssertUnwindSafe(|| run(&place, &mut sql, seed)));
        assert!(matches!(result, Ok(Ok(()))), "seed {seed}: {result:?}");
    }
    Ok(())
}
