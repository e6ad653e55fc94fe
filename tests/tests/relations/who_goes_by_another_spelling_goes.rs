//! Keys that a collation calls equal: who is a member by another spelling is taken out of the list like any other.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::{CASELESS, EXACT, File, TestDb};
use orm_tests::test_db;

diesel::table! { teams (code) { code -> Text } }
diesel::table! { players { id -> Integer, team -> Nullable<Text> } }
diesel::table! { skills (name) { name -> Text } }
diesel::table! { player_skills (player_id, skill) { player_id -> Integer, skill -> Text } }

#[derive(Model)]
struct Team {
    #[model(primary_key)]
    code: String,
    #[model(inverse = Player::TEAM)]
    player_ids: OneToMany<Player>,
}

#[derive(Model)]
struct Player {
    id: i32,
    team: Option<Id<Team>>,
    #[model(through(player_skills::player_id, player_skills::skill))]
    skill_ids: ManyToMany<Skill>,
}

#[derive(Model)]
struct Skill {
    #[model(primary_key)]
    name: String,
    #[model(through(player_skills::skill, player_skills::player_id))]
    player_ids: ManyToMany<Player>,
}

fn schema(collation: &str) -> TestDb {
    test_db!(File::new(&format!(
        "{}
         CREATE TABLE teams (code VARCHAR(20) COLLATE {collation} PRIMARY KEY);
         CREATE TABLE players (id INTEGER PRIMARY KEY, team VARCHAR(20) COLLATE {collation});
         CREATE TABLE skills (name VARCHAR(20) COLLATE {collation} PRIMARY KEY);
         CREATE TABLE player_skills (player_id INTEGER NOT NULL, skill VARCHAR(20) COLLATE {collation} NOT NULL, PRIMARY KEY (player_id, skill));
         INSERT INTO teams VALUES ('Red'), ('Blue');
         INSERT INTO players VALUES (1, 'Red'), (2, 'RED'), (3, 'blue'), (4, NULL);
         INSERT INTO skills VALUES ('Run'), ('Jump');
         INSERT INTO player_skills VALUES (1, 'Run'), (1, 'jump'), (2, 'run')",
        CASELESS.1
    )))
}

/// The players of the team as the database has them
fn players(db: &TestDb) -> Vec<String> {
    db.file.values("SELECT id AS value FROM players WHERE team = 'Red' ORDER BY id")
}

fn skills(db: &TestDb, player: i32) -> Vec<String> {
    db.file.values(&format!(
        "SELECT skill AS value FROM player_skills WHERE player_id = {player} ORDER BY skill"
    ))
}

#[test]
fn from_a_list_of_those_who_link_to_it() -> Result<()> {
    for is_cached in [false, true] {
        let db = schema(CASELESS.0);
        let red = db.record::<Team>("Red");
        if is_cached {
            assert_eq!(red.player_ids().ids()?, [1, 2]);
        }
        red.player_ids().remove_ids([2, 3, 4])?;
        assert_eq!((players(&db), red.player_ids().ids()?), (vec!["1".to_owned()], vec![1]));
        // Who is of another team stays there.
        assert_eq!(db.file.values("SELECT team AS value FROM players WHERE id = 3"), ["blue"]);
        let db = schema(CASELESS.0);
        let red = db.record::<Team>("Red");
        red.player_ids().set_ids([4])?;
        assert_eq!((players(&db), red.player_ids().ids()?), (vec!["4".to_owned()], vec![4]));
    }
    // Keys that are compared as they are: it is another team, which is not there.
    let db = schema(EXACT);
    db.record::<Team>("Red").player_ids().remove_ids([1, 2])?;
    assert_eq!(db.file.values("SELECT team AS value FROM players WHERE id < 3 ORDER BY id"), ["NULL", "RED"]);
    Ok(())
}

#[test]
fn from_a_list_of_pairs() -> Result<()> {
    for is_cached in [false, true] {
        let db = schema(CASELESS.0);
        let (player, run) = (db.record::<Player>(1), db.record::<Skill>("Run"));
        if is_cached {
            assert_eq!(
                (player.skill_ids().ids()?, run.player_ids().ids()?),
                (vec!["Jump".into(), "Run".into()], vec![1, 2])
            );
        }
        player.skill_ids().remove_ids(["RUN"])?;
        assert_eq!(skills(&db, 1), ["jump"]);
        assert_eq!((player.skill_ids().ids()?, run.player_ids().ids()?), (vec!["Jump".into()], vec![2]));
        // That it is there already is no error, however it is spelled.
        player.skill_ids().add_ids(["JUMP"])?;
        assert_eq!(
            (skills(&db, 1), player.skill_ids().ids()?),
            (vec!["jump".to_owned()], vec!["Jump".into()])
        );
    }
    let db = schema(EXACT);
    db.record::<Player>(1).skill_ids().remove_ids(["RUN", "jump"])?;
    assert_eq!(skills(&db, 1), ["Run"]);
    Ok(())
}

/// The database takes both spellings for one key, and keeps one of them.
#[test]
#[cfg_attr(not(feature = "mysql"), ignore = "SQLite and PostgreSQL refuse the second row, as a violation")]
fn who_comes_by_two_spellings_is_one_member() -> Result<()> {
    for is_cached in [false, true] {
        let db = schema(CASELESS.0);
        let player = db.record::<Player>(4);
        if is_cached {
            assert!(player.skill_ids().is_empty()?);
        }
        player.skill_ids().set_ids(["Run", "RUN"])?;
        assert_eq!((player.skill_ids().ids()?, player.skill_ids().len()?), (vec!["Run".into()], 1));
        db.transaction(|| player.skill_ids().add_ids(["jump", "JUMP"]))?;
        let other = orm_core::Environment::builder().connection(db.file.connect()).build();
        assert_eq!(player.skill_ids().ids()?, other.record::<Player>(4).skill_ids().ids()?);
        assert_eq!(skills(&db, 4).len(), 2);
    }
    Ok(())
}
