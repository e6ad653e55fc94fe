//! What is known of a record that goes along with a deleted one goes, too, though nothing of its row is cached, or no longer.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::ENFORCING;
use orm_tests::{File, TestDb, test_db};

diesel::table! { teams { id -> Integer } }
diesel::table! { players { id -> Integer, name -> Text, team_id -> Integer } }
diesel::table! { badges { id -> Integer, points -> Integer, player_id -> Integer } }
diesel::table! { tags { id -> Integer } }
diesel::table! { player_tags (player_id, tag_id) { player_id -> Integer, tag_id -> Integer } }

#[derive(Model)]
struct Team {
    id: i32,
    #[model(inverse = Player::TEAM_ID)]
    player_ids: OneToMany<Player>,
}

#[derive(Model)]
struct Player {
    id: i32,
    name: String,
    team_id: Id<Team>,
    #[model(inverse = Badge::PLAYER_ID)]
    badge_ids: OneToMany<Badge>,
    #[model(through(player_tags::player_id, player_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
struct Badge {
    id: i32,
    points: i32,
    player_id: Id<Player>,
}

#[derive(Model)]
struct Tag {
    id: i32,
    #[model(through(player_tags::tag_id, player_tags::player_id))]
    player_ids: ManyToMany<Player>,
}

fn db() -> TestDb {
    let db = test_db!(File::new(
            "CREATE TABLE teams (id INTEGER PRIMARY KEY);
             CREATE TABLE players (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE);
             CREATE TABLE badges (id INTEGER PRIMARY KEY, points INTEGER NOT NULL, player_id INTEGER NOT NULL REFERENCES players (id) ON DELETE CASCADE);
             CREATE TABLE tags (id INTEGER PRIMARY KEY);
             CREATE TABLE player_tags (player_id INTEGER NOT NULL REFERENCES players (id) ON DELETE CASCADE, tag_id INTEGER NOT NULL, PRIMARY KEY (player_id, tag_id));
             INSERT INTO teams VALUES (1), (2);
             INSERT INTO players VALUES (1, 'Ann', 1), (2, 'Bob', 1), (3, 'Cid', 2);
             INSERT INTO badges VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3), (4, 40, 3);
             INSERT INTO tags VALUES (1);
             INSERT INTO player_tags VALUES (1, 1), (2, 1), (3, 1);"
    ));
    db.execute(diesel::sql_query(ENFORCING)).expect("keys are enforced");
    db
}

/// What is known of players 1 to 3
type Known = fn(&Record<Player>) -> Result<i64>;
const KNOWN: [(&str, Known); 5] = [
    ("count", |player| Ok(player.badge_ids().len()? as i64)),
    ("count of pairs", |player| Ok(player.tag_ids().len()? as i64)),
    ("list", |player| Ok(player.badge_ids().ids()?.len() as i64)),
    ("list of pairs", |player| Ok(player.tag_ids().ids()?.len() as i64)),
    ("sum", |player| player.badge_ids().sum(Badge::POINTS)),
];

#[test]
fn what_is_counted_listed_or_summed_up_of_it_alone() -> Result<()> {
    for is_second in [false, true] {
        for (what, known) in KNOWN {
            let db = db();
            if is_second {
                // Who leads where is known from the first delete on.
                db.record::<Badge>(4).delete()?;
            }
            let read = |id: i32| known(&db.record::<Player>(id));
            assert!(read(1)? > 0 && read(2)? > 0 && read(3)? > 0);
            db.record::<Team>(1).delete()?;
            assert_eq!((read(1)?, read(2)?), (0, 0), "{what}, {is_second}");
            // What is known of 3 has gone, as it may have gone along; it is known again, and goes again.
            assert!(read(3)? > 0 && read(3)? > 0);
            db.record::<Team>(2).delete()?;
            assert_eq!(read(3)?, 0, "{what}, {is_second}, again");
        }
    }
    Ok(())
}

#[test]
fn what_has_left_a_limited_cache_is_not_forgotten() -> Result<()> {
    for is_second in [false, true] {
        for (what, known) in KNOWN {
            let db = db();
            if is_second {
                db.record::<Badge>(4).delete()?;
            }
            for id in 1..=3 {
                db.record::<Player>(id).team_id().id()?;
            }
            let read = |id: i32| known(&db.record::<Player>(id));
            assert!(read(1)? > 0 && read(2)? > 0);
            // The rows leave, what was counted stays.
            db.cache().set_limit(1);
            db.record::<Player>(3).name()?;
            db.record::<Team>(1).delete()?;
            assert_eq!((read(1)?, read(2)?), (0, 0), "{what}, {is_second}");
        }
    }
    Ok(())
}
