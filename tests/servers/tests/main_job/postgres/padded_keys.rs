//! `CHAR(n)` keys, which PostgreSQL fills up with spaces: found, linked, listed and written

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use crate::place::{Outcome, Place};

diesel::table! { stations (code) { code -> Bpchar, name -> Text } }
diesel::table! { trains { id -> Integer, station_code -> Nullable<Bpchar> } }

#[derive(Model)]
#[model(table = stations, connection = PgConnection)]
struct Station {
    #[model(primary_key)]
    code: String,
    name: String,
    #[model(inverse = Train::STATION_CODE)]
    train_ids: OneToMany<Train>,
}

#[derive(Model)]
#[model(table = trains, connection = PgConnection)]
struct Train {
    id: i32,
    station_code: Option<Id<Station>>,
}

#[test]
fn keys_without_their_spaces() -> Outcome {
    let Some(place) = Place::<PgConnection>::new()? else { return Ok(()) };
    place.connect()?.batch_execute(
        "CREATE TABLE stations (code CHAR(5) PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE trains (id INTEGER PRIMARY KEY, station_code CHAR(5) REFERENCES stations);
         INSERT INTO stations VALUES ('ab', 'Abcoude'), ('xyz', 'Xanten'), ('twelv', 'Twelve');
         INSERT INTO trains VALUES (1, 'ab'), (2, 'ab'), (3, NULL), (4, 'twelv')",
    )?;
    let env = place.environment()?;
    let stations = stations::table.order(stations::code).record_ids::<Station>(&env)?;
    assert_eq!(stations.ids(), ["ab", "twelv", "xyz"]);
    assert_eq!(stations.name()?, ["Abcoude", "Twelve", "Xanten"]);
    let lists: Vec<_> = stations.iter().map(|station| station.train_ids().ids()).collect::<Result<_, _>>()?;
    assert_eq!(lists, [vec![1, 2], vec![4], vec![]]);
    let train = env.record::<Train>(1);
    assert_eq!(train.station_code().name()?.as_deref(), Some("Abcoude"));
    env.transaction(|| {
        stations.iter().enumerate().try_for_each(|(n, station)| station.set_name(format!("station {n}")))?;
        train.set_station_code("xyz")
    })?;
    env.cache().clear();
    assert_eq!(env.record::<Station>("xyz").train_ids().ids()?, [1]);
    assert_eq!(env.record::<Station>("ab").name()?, "station 0");
    Ok(())
}
