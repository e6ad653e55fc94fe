//! A many2many link in the order of a column of the table of pairs; a pair that stands there twice is one member, at its
//! first place, and is counted once before the list is read and after.

use diesel::prelude::*;
use diesel::sql_types;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

diesel::table! { playlists { id -> Integer, name -> Text } }
diesel::table! { songs { id -> Integer, name -> Text } }
diesel::table! { artists { id -> Text, name -> Text } }
diesel::table! {
    entries (playlist_id, song_id) { playlist_id -> Integer, song_id -> Integer, position -> Integer, side -> Text }
}
diesel::table! { credits (playlist_id, artist_id) { playlist_id -> Integer, artist_id -> Text, share -> Integer } }

#[derive(Model)]
#[model(table = playlists)]
struct Playlist {
    id: i32,
    name: String,
    #[model(through(entries::playlist_id, entries::song_id))]
    plain: ManyToMany<Song>,
    #[model(through(entries::playlist_id, entries::song_id), order = entries::position.asc())]
    songs: ManyToMany<Song>,
    #[model(through(entries::playlist_id, entries::song_id), order = (entries::side.desc(), songs::name.asc()))]
    sides: ManyToMany<Song>,
    #[model(through(entries::playlist_id, entries::song_id), order = diesel::dsl::sql::<sql_types::Integer>("entries.position DESC"))]
    backwards: ManyToMany<Song>,
    #[model(through(credits::playlist_id, credits::artist_id), order = (credits::share.desc(), credits::artist_id))]
    artists: ManyToMany<Artist>,
}

#[derive(Model)]
#[model(table = songs)]
struct Song {
    id: i32,
    name: String,
    #[model(through(entries::song_id, entries::playlist_id), order = (entries::position, playlists::name))]
    playlists: ManyToMany<Playlist>,
}

#[derive(Model)]
#[model(table = artists)]
struct Artist {
    id: String,
    name: String,
}

fn db() -> TestDb {
    TestDb::new(
        "CREATE TABLE playlists (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE songs (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE artists (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE entries (playlist_id INTEGER NOT NULL, song_id INTEGER NOT NULL, position INTEGER NOT NULL DEFAULT 0,
            side TEXT NOT NULL DEFAULT 'A');
         CREATE TABLE credits (playlist_id INTEGER NOT NULL, artist_id TEXT NOT NULL, share INTEGER NOT NULL);
         INSERT INTO playlists VALUES (1, 'one'), (2, 'two'), (3, 'none');
         INSERT INTO songs VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
         INSERT INTO artists VALUES ('bach', 'B'), ('arvo', 'A'), ('clara', 'C');
         INSERT INTO entries VALUES (1, 2, 1, 'A'), (1, 1, 2, 'A'), (1, 2, 3, 'B'), (1, 4, 4, 'B'),
            (2, 3, 9, 'A'), (2, 1, 7, 'A'), (2, 1, 7, 'A'), (2, 2, 8, 'A');
         INSERT INTO credits VALUES (1, 'clara', 5), (1, 'arvo', 9), (1, 'bach', 5), (1, 'arvo', 1),
            (2, 'bach', 2), (2, 'clara', 3), (2, 'bach', 3)",
    )
}

#[test]
fn the_first_place_counts() -> Result<()> {
    let db = db();
    let playlists = db.all::<Playlist>()?;
    let lists = db.assert_queries(1, || playlists.map(|playlist| playlist.songs().ids()))?;
    assert_eq!(lists, [vec![2, 1, 4], vec![1, 2, 3], vec![]]);
    let first = playlists.first().expect("three");
    assert_eq!(first.backwards().ids()?, [4, 2, 1]);
    assert_eq!(first.plain().ids()?, [1, 2, 4]);
    Ok(())
}

#[test]
fn of_several_keys_and_of_both_tables() -> Result<()> {
    let db = db();
    let playlists = db.all::<Playlist>()?;
    // The members' columns come with the lists.
    let lists = db.assert_queries(1, || playlists.map(|playlist| playlist.sides().name()))?;
    assert_eq!(lists, [vec!["b", "d", "a"], vec!["a", "b", "c"], vec![]]);
    Ok(())
}

#[test]
fn from_the_other_side_too() -> Result<()> {
    let db = db();
    let songs = db.all::<Song>()?;
    let lists = db.assert_queries(1, || songs.map(|song| song.playlists().name()))?;
    assert_eq!(lists, [vec!["one", "two"], vec!["one", "two"], vec!["two"], vec!["one"]]);
    Ok(())
}

#[test]
fn counted_the_same_before_and_after_reading() -> Result<()> {
    let db = db();
    let playlists = db.all::<Playlist>()?;
    let before = playlists.map(|playlist| playlist.songs().len())?;
    let lists = playlists.map(|playlist| Ok(playlist.songs().load()?.len()))?;
    let after = playlists.map(|playlist| playlist.songs().len())?;
    assert_eq!((&before, &lists, &after), (&vec![3, 3, 0], &before, &before));
    let before = playlists.map(|playlist| playlist.artists().len())?;
    playlists.map(|playlist| playlist.artists().load())?;
    assert_eq!(playlists.map(|playlist| playlist.artists().len())?, before);
    assert_eq!(before, [3, 2, 0]);
    Ok(())
}

#[test]
fn members_with_text_keys() -> Result<()> {
    let db = db();
    let playlists = db.all::<Playlist>()?;
    let lists = db.assert_queries(1, || playlists.map(|playlist| playlist.artists().ids()))?;
    assert_eq!(lists, [vec!["arvo", "bach", "clara"], vec!["bach", "clara"], vec![]]);
    Ok(())
}

#[test]
fn a_member_that_is_added_has_its_place() -> Result<()> {
    let db = db();
    let first = db.record::<Playlist>(1);
    first.songs().load()?;
    first.songs().add(&db.browse::<Song>([3]))?;
    assert_eq!(first.songs().ids()?, [3, 2, 1, 4], "its position is 0 by default");
    first.songs().remove(&db.browse::<Song>([2]))?;
    assert_eq!((first.songs().len()?, first.songs().ids()?), (3, vec![3, 1, 4]), "both its pairs are gone");
    Ok(())
}
