//! A unique link that is set from either side, created, deleted, taken over and put right in any order, within transactions that are
//! committed or rolled back: the cache says what a plain map does at every step, and each flush succeeds, however profiles
//! have changed hands meanwhile.

use std::collections::BTreeMap;

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::{on, test_db};
use proptest::prelude::*;

diesel::table! { partners { id -> Integer, name -> Text } }
diesel::table! { profiles { id -> Integer, bio -> Text, partner_id -> Nullable<Integer> } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(inverse = Profile::PARTNER_ID)]
    profile: OneToOne<Profile>,
    #[model(inverse = Profile::PARTNER_ID)]
    profile_ids: OneToMany<Profile>,
    #[model(compute = bio)]
    bio: Computed<Option<String>>,
}

fn bio(partner: &Record<Partner>) -> Result<Option<String>> {
    Ok(partner.profile().bio()?.map(String::from))
}

#[derive(Model)]
struct Profile {
    id: i32,
    bio: String,
    partner_id: Option<Id<Partner>>,
}

const PARTNERS: i32 = 5;

fn schema() -> TestDb {
    let sql = "CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE profiles (id INTEGER PRIMARY KEY, bio TEXT NOT NULL, partner_id INTEGER UNIQUE REFERENCES partners ON DELETE SET NULL);
        INSERT INTO partners VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');
        INSERT INTO profiles VALUES (1, 'p1', 1), (2, 'p2', 2), (3, 'p3', 4), (4, 'p4', NULL)";
    test_db!(File::new(sql))
}

/// Whose each profile is
type Links = BTreeMap<i32, Option<i32>>;

fn of(links: &Links, partner: i32) -> Option<i32> {
    links.iter().find(|(_, owner)| **owner == Some(partner)).map(|(profile, _)| *profile)
}

fn row(line: &str) -> Option<(i32, Option<i32>)> {
    let (profile, owner) = line.split_once(' ')?;
    Some((profile.parse().ok()?, owner.parse().ok()))
}

fn rows(db: &TestDb) -> Links {
    let lines =
        db.file.values("SELECT id || ' ' || coalesce(CAST(partner_id AS TEXT), '-') AS value FROM profiles");
    lines.iter().filter_map(|line| row(line)).collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Set(i32, i32),
    Clear(i32),
    Link(i32, i32),
    Unlink(i32),
    Create(i32),
    Delete(i32),
    Invalidate(i32),
    Forget,
    Flush,
    Read(i32),
}

fn step() -> impl Strategy<Value = Step> {
    let (partner, profile) = (|| 1..=PARTNERS, || 1..7_i32);
    prop_oneof![
        4 => (partner(), profile()).prop_map(|(partner, profile)| Step::Set(partner, profile)),
        2 => partner().prop_map(Step::Clear),
        4 => (profile(), partner()).prop_map(|(profile, partner)| Step::Link(profile, partner)),
        2 => profile().prop_map(Step::Unlink),
        1 => partner().prop_map(Step::Create),
        1 => profile().prop_map(Step::Delete),
        1 => partner().prop_map(Step::Invalidate),
        1 => Just(Step::Forget),
        1 => Just(Step::Flush),
        3 => partner().prop_map(Step::Read),
    ]
}

fn act(db: &TestDb, links: &mut Links, step: Step) -> Result<()> {
    let (partner, profile) = (|id: i32| db.record::<Partner>(id), |id: i32| db.record::<Profile>(id));
    match step {
        Step::Set(owner, id) if links.contains_key(&id) => {
            partner(owner).set_profile(id)?;
            links.values_mut().filter(|other| **other == Some(owner)).for_each(|other| *other = None);
            links.insert(id, Some(owner));
        }
        Step::Clear(owner) => {
            partner(owner).set_profile(None)?;
            links.values_mut().filter(|other| **other == Some(owner)).for_each(|other| *other = None);
        }
        // From the other side nobody else gives way.
        Step::Link(id, owner) if links.contains_key(&id) && of(links, owner).is_none() => {
            profile(id).set_partner_id(owner)?;
            links.insert(id, Some(owner));
        }
        Step::Unlink(id) if links.contains_key(&id) => {
            profile(id).set_partner_id(None)?;
            links.insert(id, None);
        }
        Step::Create(owner) if of(links, owner).is_none() => {
            let created = partner(owner).create_profile(Profile::values().bio("new"))?;
            links.insert(created.id(), Some(owner));
        }
        Step::Delete(id) if links.len() > 2 && links.contains_key(&id) => {
            profile(id).delete()?;
            links.remove(&id);
        }
        Step::Invalidate(owner) => db.cache().invalidate(Partner::PROFILE, [owner]),
        Step::Forget => {
            db.cache().clear();
            // Who gives up what nobody knows is sent in any order.
            db.all::<Profile>()?;
        }
        Step::Flush => db.flush()?,
        Step::Read(owner) => {
            assert_eq!(partner(owner).profile().id()?, of(links, owner), "the profile of {owner}");
            let expected = of(links, owner).map(|id| profile(id).bio()).transpose()?;
            assert_eq!(partner(owner).bio()?, expected, "what follows from the profile of {owner}");
        }
        _ => {}
    }
    for owner in 1..=PARTNERS {
        let expected = of(links, owner);
        if let Some(cached) = db.cache().get(Partner::PROFILE, owner) {
            assert_eq!(cached, expected, "what is cached of {owner} after {step:?}");
        }
        if let Some(cached) = db.cache().get(Partner::PROFILE_IDS, owner) {
            assert_eq!(cached, Vec::from_iter(expected), "the list of {owner} after {step:?}");
        }
    }
    Ok(())
}

fn run(db: &TestDb, transactions: &[(Vec<Step>, Vec<Step>, bool, bool)]) -> Result<()> {
    db.all::<Profile>()?;
    let mut links = rows(db);
    for (steps, inner, inner_fails, fails) in transactions {
        let before = links.clone();
        let end = |fails: bool| if fails { Err(Error::other("on purpose")) } else { Ok(()) };
        let is_undone = |result: Result<()>| match result {
            Ok(()) => Ok(false),
            Err(error) if error.to_string().ends_with("on purpose") => Ok(true),
            Err(error) => Err(error),
        };
        let result = db.transaction(|| {
            steps.iter().try_for_each(|&step| act(db, &mut links, step))?;
            let middle = links.clone();
            let result = db.transaction(|| {
                inner.iter().try_for_each(|&step| act(db, &mut links, step))?;
                end(*inner_fails)
            });
            if is_undone(result)? {
                links = middle;
                // What was forgotten with it is read again.
                db.all::<Profile>()?;
            }
            (1..=PARTNERS).try_for_each(|owner| act(db, &mut links, Step::Read(owner)))?;
            end(*fails)
        });
        if is_undone(result)? {
            links = before;
            db.all::<Profile>()?;
        }
        assert_eq!(rows(db), links);
        (1..=PARTNERS).try_for_each(|owner| act(db, &mut links, Step::Read(owner)))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: on!(sqlite 400, postgres 24, mysql 24), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cache_says_what_a_map_does(
        transactions in prop::collection::vec(
            (prop::collection::vec(step(), 0..9), prop::collection::vec(step(), 0..5), prop::bool::weighted(0.3), prop::bool::weighted(0.3)),
            1..6,
        )
    ) {
        let db = schema();
        prop_assert!(run(&db, &transactions).map_err(|error| error.to_string()).is_ok(), "{:?}", run(&schema(), &transactions));
    }
}
