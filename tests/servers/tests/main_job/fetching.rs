//! Lists in the order of their pairs, some fields of a search, and queries that are found by what they select

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;
use diesel::sql_query;
use diesel::sql_types::Text;
use orm_core::Error;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { playlists { id -> Integer, name -> Text } }
diesel::table! { songs (code) { code -> Text, title -> Text, length -> Integer, lyrics -> Nullable<Text> } }
diesel::table! {
    entries (playlist_id, song_code) { playlist_id -> Integer, song_code -> Text, position -> Integer }
}
diesel::joinable!(entries -> songs (song_code));
diesel::allow_tables_to_appear_in_same_query!(entries, songs);

#[derive(Model)]
#[model(table = playlists, connection = Db)]
pub struct Playlist {
    id: i32,
    name: String,
    #[model(through(entries::playlist_id, entries::song_code))]
    plain: ManyToMany<Song>,
    #[model(through(entries::playlist_id, entries::song_code), order = (entries::position.asc(), songs::title))]
    songs: ManyToMany<Song>,
}

#[derive(Model)]
#[model(table = songs, connection = Db)]
pub struct Song {
    #[model(primary_key)]
    code: String,
    title: String,
    length: i32,
    #[model(deferred)]
    lyrics: Option<String>,
}

fn open() -> Outcome<Option<(Place<Db>, Environment<Db>)>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    place.connect()?.batch_execute(
        "CREATE TABLE playlists (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
         CREATE TABLE songs (code VARCHAR(20) NOT NULL PRIMARY KEY, title VARCHAR(100) NOT NULL,
            length INTEGER NOT NULL, lyrics TEXT);
         CREATE TABLE entries (playlist_id INTEGER NOT NULL, song_code VARCHAR(20) NOT NULL, position INTEGER NOT NULL);
         INSERT INTO playlists VALUES (1, 'one'), (2, 'two'), (3, 'none');
         INSERT INTO songs VALUES ('w', 'Winter', 200, NULL), ('a', 'Autumn', 150, 'la'), ('s', 'Spring', 100, 'lo');
         INSERT INTO entries VALUES (1, 'w', 1), (1, 'a', 2), (1, 'w', 3), (2, 's', 5), (2, 'a', 5), (2, 'w', 4),
            (2, 's', 1), (2, 's', 9)",
    )?;
    let env = place.environment()?;
    Ok(Some((place, env)))
}

#[test]
fn lists_in_the_order_of_their_pairs() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let playlists = env.all::<Playlist>()?;
    assert_eq!(playlists.map(|playlist| playlist.songs().len())?, [2, 3, 0]);
    let lists = playlists.map(|playlist| playlist.songs().title())?;
    assert_eq!(lists, [vec!["Winter", "Autumn"], vec!["Spring", "Winter", "Autumn"], vec![]]);
    assert_eq!(env.stats().queries, 3, "the playlists, the counts, the lists");
    assert_eq!(playlists.map(|playlist| playlist.songs().len())?, [2, 3, 0]);
    assert_eq!(playlists.map(|playlist| playlist.plain().len())?, [2, 3, 0]);
    assert_eq!(
        playlists.map(|playlist| playlist.plain().ids())?,
        [vec!["a", "w"], vec!["a", "s", "w"], vec![]]
    );
    Ok(())
}

#[test]
fn some_fields_of_a_search() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let songs =
        songs::table.order(songs::code).records_with_fields::<Song>(&env, (Song::TITLE, Song::LYRICS))?;
    assert_eq!(songs.title()?, ["Autumn", "Spring", "Winter"]);
    assert_eq!(songs.lyrics()?, [Some("la".into()), Some("lo".into()), None]);
    assert_eq!(env.stats().queries, 1);
    assert_eq!(songs.length()?, [150, 100, 200]);
    assert_eq!(env.stats().queries, 2);
    let playlists = playlists::table.order(playlists::id);
    let playlists = playlists.records_with_fields::<Playlist>(&env, Playlist::SONGS)?;
    assert_eq!(env.stats().queries, 4);
    assert_eq!(playlists.map(|playlist| playlist.songs().ids())?[1], ["s", "w", "a"]);
    assert_eq!(env.stats().queries, 4);
    assert_eq!(env.stats().unread(), []);
    Ok(())
}

#[test]
fn a_union_finds_records() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let long = songs::table.filter(songs::length.ge(150));
    let early = songs::table.filter(songs::title.lt("T"));
    let found = long.union(early).positional_order_by(2).records::<Song>(&env)?;
    assert_eq!(found.title()?, ["Autumn", "Spring", "Winter"]);
    assert_eq!(found.lyrics()?, [Some("la".into()), Some("lo".into()), None]);
    assert_eq!(env.stats().queries, 1);
    let first = long.union_all(early).positional_order_by(3).first_record::<Song>(&env)?;
    assert_eq!(first.ok_or("there are three")?.title()?, "Spring");
    // Its rows hold both tables: the columns of the songs are found wherever they are.
    let on = || entries::table.inner_join(songs::table).filter(entries::position.eq(1));
    let found = on().union(on()).positional_order_by(1).records::<Song>(&env)?;
    assert_eq!(found.ids(), ["w", "s"]);
    let named = playlists::table.select(playlists::name);
    let error = named.union(songs::table.select(songs::code)).records::<Song>(&env).err();
    assert!(matches!(error, Some(Error::MissingColumn { model: "Song", column: "code" })), "{error:?}");
    Ok(())
}

#[test]
fn sql_finds_records() -> Outcome {
    let Some((_place, env)) = open()? else { return Ok(()) };
    let sql = format!(
        "SELECT length, code, upper(title) AS shouted FROM songs WHERE title <> {} ORDER BY code",
        super::BIND
    );
    let found: RecordSet<Song> = sql_query(sql).bind::<Text, _>("Spring").records(&env)?;
    assert_eq!((found.ids(), found.length()?), (vec!["a".into(), "w".into()], vec![150, 200]));
    assert_eq!(env.stats().queries, 1);
    assert_eq!(found.title()?, ["Autumn", "Winter"]);
    assert_eq!(env.stats().queries, 2);
    let error = sql_query("SELECT title FROM songs").records::<Song>(&env).err();
    assert!(matches!(error, Some(Error::MissingColumn { model: "Song", column: "code" })), "{error:?}");
    let twice = "SELECT s.*, t.code FROM songs s JOIN songs t ON s.code = t.code";
    let error = sql_query(twice).records::<Song>(&env).err();
    assert!(matches!(error, Some(Error::AmbiguousColumn { model: "Song", column: "code" })), "{error:?}");
    env.cache().clear();
    let error = sql_query("SELECT code, title AS length FROM songs").records::<Song>(&env)?.length().err();
    assert!(matches!(error, Some(Error::InvalidValue { model: "Song", field: "length", .. })), "{error:?}");
    env.cache().clear();
    env.transaction(|| {
        env.record::<Song>("s").set_length(7)?;
        let short = sql_query("SELECT code FROM songs WHERE length < 10").records::<Song>(&env)?;
        assert_eq!(short.ids(), ["s"]);
        Ok(())
    })?;
    Ok(())
}
