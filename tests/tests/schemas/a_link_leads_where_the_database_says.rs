//! A link whose key differs from its row's in what a collation does not see leads to that row. Run on each database.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::{CASELESS, Db};
use crate::place::{Outcome, Place};

diesel::table! { teams (code) { code -> VarChar, name -> Text, size -> Integer, parent_code -> Nullable<VarChar> } }
diesel::table! { players { id -> Integer, name -> Text, team_code -> Nullable<VarChar> } }

#[derive(Model)]
#[model(table = teams, connection = Db)]
struct Team {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(deferred)]
    size: i32,
    parent_code: Option<Id<Self>>,
    #[model(inverse = Player::TEAM_CODE)]
    player_ids: OneToMany<Player>,
}

#[derive(Model)]
#[model(table = players, connection = Db)]
struct Player {
    id: i32,
    name: String,
    team_code: Option<Id<Team>>,
}

fn filled() -> Outcome<Option<Place<Db>>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let (key, before) = CASELESS;
    place.connect()?.batch_execute(&format!(
        "{before}
         CREATE TABLE teams (code {key} NOT NULL PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, parent_code {key});
         CREATE TABLE players (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team_code {key});
         INSERT INTO teams VALUES ('Red', 'Reds', 11, NULL), ('Blue', 'Blues', 12, 'RED'), ('green', 'Greens', 13, 'bLUE');
         INSERT INTO players VALUES (1, 'Ann', 'RED'), (2, 'Bob', 'Red'), (3, 'Cid', 'blue'), (4, 'Dan', 'GREEN'),
             (5, 'Eve', 'GREEN'), (6, 'Fay', NULL), (7, 'Guy', 'nowhere')"
    ))?;
    Ok(Some(place))
}

#[test]
fn a_value_behind_it_is_read() -> Outcome {
    let Some(place) = filled()? else { return Ok(()) };
    let env = place.environment()?;
    let players = players::table.filter(players::id.ne(7)).order(players::id).records::<Player>(&env)?;
    let names: Vec<_> = players.iter().map(|player| player.team_code().name()).collect::<Result<_, _>>()?;
    let names: Vec<_> = names.iter().map(Option::as_deref).collect();
    assert_eq!(names, [Some("Reds"), Some("Reds"), Some("Blues"), Some("Greens"), Some("Greens"), None]);
    // All again, and what is deferred: each once for the row, whatever the link's letters.
    let before = env.stats().queries;
    assert_eq!(players.iter().map(|player| player.team_code().name()).filter_map(Result::ok).count(), 6);
    assert_eq!(env.stats().queries, before);
    let sizes: Vec<_> = players.iter().map(|player| player.team_code().size()).collect::<Result<_, _>>()?;
    assert_eq!(sizes, [Some(11), Some(11), Some(12), Some(13), Some(13), None]);
    // Two links one behind the other, and the whole set at once
    let parents: Vec<_> =
        players.iter().map(|player| player.team_code().parent_code().name()).collect::<Result<_, _>>()?;
    let parents: Vec<_> = parents.iter().map(Option::as_deref).collect();
    assert_eq!(parents, [None, None, Some("Reds"), Some("Blues"), Some("Blues"), None]);
    Ok(())
}

#[test]
fn it_is_that_row_whose_record_it_is() -> Outcome {
    let Some(place) = filled()? else { return Ok(()) };
    let env = place.environment()?;
    let ann = env.record::<Player>(1);
    assert_eq!(ann.team_code().name()?.as_deref(), Some("Reds"));
    let team = ann.team_code().load()?.expect("a team");
    assert_eq!((team.id().as_str(), &team), ("Red", &env.record::<Team>("Red")));
    assert_eq!(team.player_ids().ids()?, [1, 2]);
    // By a key in other letters too
    assert!(env.record::<Team>("rED").exists()?);
    assert_eq!(env.get::<Team>("reD")?.map(|team| team.id()), Some("Red".into()));
    assert_eq!(env.record::<Team>("RED").to_model()?.name, "Reds");
    // What no collation finds is missing, and stays so.
    assert!(env.record::<Player>(7).team_code().name().is_err_and(|error| error.is_missing_record()));
    assert!(!env.record::<Team>("nowhere").exists()?);
    Ok(())
}

#[test]
fn what_is_written_through_it_is_seen_through_all() -> Outcome {
    let Some(place) = filled()? else { return Ok(()) };
    let env = place.environment()?;
    let (ann, bob) = (env.record::<Player>(1), env.record::<Player>(2));
    assert_eq!(
        (ann.team_code().name()?, bob.team_code().name()?),
        (Some("Reds".into()), Some("Reds".into()))
    );
    ann.team_code().set_name("Scarlets")?;
    assert_eq!(bob.team_code().name()?.as_deref(), Some("Scarlets"));
    bob.team_code().set_name("Crimsons")?;
    assert_eq!(ann.team_code().name()?.as_deref(), Some("Crimsons"));
    let stored: String = teams::table.find("Red").select(teams::name).first(&mut place.connect()?)?;
    assert_eq!(stored, "Crimsons");
    // Another row may have the key as it is later.
    env.cache().clear();
    env.record::<Team>("Red").delete()?;
    env.create(Team::values().code("RED").name("New").size(1))?;
    assert_eq!(ann.team_code().name()?.as_deref(), Some("New"));
    assert_eq!(bob.team_code().name()?.as_deref(), Some("New"));
    Ok(())
}
