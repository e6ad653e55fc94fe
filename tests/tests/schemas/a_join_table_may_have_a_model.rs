//! A join table with columns of its own has a model too: what is written through the one is seen through the other.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::{File, TestDb};
use orm_tests::test_db;

diesel::table! { partners { id -> Integer, name -> Text } }
diesel::table! { teams { id -> Integer, name -> Text } }
diesel::table! { memberships { id -> Integer, partner_id -> Integer, team_id -> Integer, role -> Nullable<Text> } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(through(memberships::partner_id, memberships::team_id))]
    team_ids: ManyToMany<Team>,
    #[model(inverse = Membership::PARTNER_ID)]
    membership_ids: OneToMany<Membership>,
}

#[derive(Model)]
struct Team {
    id: i32,
    name: String,
    #[model(through(memberships::team_id, memberships::partner_id))]
    partner_ids: ManyToMany<Partner>,
}

#[derive(Model)]
struct Membership {
    id: i32,
    partner_id: Id<Partner>,
    team_id: Id<Team>,
    role: Option<String>,
}

const SCHEMA: &str = "CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE memberships (id INTEGER PRIMARY KEY, partner_id INTEGER NOT NULL, team_id INTEGER NOT NULL, role TEXT,
        UNIQUE (partner_id, team_id));
    INSERT INTO partners VALUES (1, 'Ann'), (2, 'Bob');
    INSERT INTO teams VALUES (1, 'blue'), (2, 'red'), (3, 'green')";

fn schema() -> TestDb {
    test_db!(File::new(SCHEMA), strict())
}

fn stored(db: &TestDb) -> Vec<String> {
    db.file
        .values("SELECT partner_id || '-' || team_id AS value FROM memberships ORDER BY partner_id, team_id")
}

#[test]
fn what_the_model_writes_is_in_the_lists() -> Result<()> {
    let db = schema();
    let (ann, blue) = (db.record::<Partner>(1), db.record::<Team>(1));
    assert_eq!((ann.team_ids().len()?, blue.partner_ids().len()?), (0, 0));
    let lead = db.create(Membership::values().partner_id(&ann).team_id(&blue).role("lead"))?;
    assert_eq!((ann.team_ids().ids()?, blue.partner_ids().ids()?), (vec![1], vec![1]));
    lead.set_team_id(2)?;
    assert_eq!((ann.team_ids().ids()?, blue.partner_ids().ids()?), (vec![2], vec![]));
    // In a transaction it is sent before it could be missed.
    db.transaction(|| {
        lead.set_team_id(3)?;
        assert_eq!((ann.team_ids().ids()?, ann.team_ids().len()?), (vec![3], 1));
        Ok(())
    })?;
    lead.delete()?;
    assert_eq!(ann.team_ids().ids()?, [0; 0]);
    // A list that is right says rightly what has to be written.
    ann.team_ids().add(&blue)?;
    assert_eq!(stored(&db), ["1-1"]);
    Ok(())
}

#[test]
fn what_a_link_writes_is_among_the_rows() -> Result<()> {
    let db = schema();
    let (ann, red) = (db.record::<Partner>(1), db.record::<Team>(2));
    assert_eq!(ann.membership_ids().len()?, 0);
    ann.team_ids().add(&red)?;
    assert_eq!(ann.membership_ids().load()?.team_id().name()?, ["red"]);
    let membership = ann.membership_ids().load()?.one()?;
    assert_eq!(membership.role()?, None);
    db.transaction(|| {
        ann.team_ids().remove(&red)?;
        assert_eq!((ann.membership_ids().len()?, ann.membership_ids().ids()?), (0, vec![]));
        Ok(())
    })?;
    assert!(matches!(membership.role(), Err(Error::MissingRecord { .. })));
    Ok(())
}

#[test]
fn what_waits_on_both_ways_is_sent_in_order() -> Result<()> {
    let db = schema();
    let (ann, bob) = (db.record::<Partner>(1), db.record::<Partner>(2));
    db.transaction(|| {
        ann.team_ids().add(&db.record::<Team>(1))?;
        let membership = ann.membership_ids().load()?.one()?;
        membership.set_partner_id(&bob)?;
        // The row has moved: this adds another one.
        ann.team_ids().add(&db.record::<Team>(1))?;
        assert_eq!((ann.team_ids().ids()?, bob.team_ids().ids()?), (vec![1], vec![1]));
        db.create(Membership::values().partner_id(&bob).team_id(3)).map(drop)
    })?;
    assert_eq!(stored(&db), ["1-1", "2-1", "2-3"]);
    assert_eq!(bob.team_ids().ids()?, [1, 3]);
    Ok(())
}
