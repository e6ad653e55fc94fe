//! A model with a scope: searches by `all`, lists, counts and what is worked out over them keep to it, one SELECT for the group; whoever
//! names a row finds it. What moves a row in or out of the scope puts lists right, whoever writes it.
#![allow(clippy::unwrap_used, clippy::unit_arg)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::ENFORCING;
use orm_tests::{File, TestDb, test_db};

diesel::table! { authors { id -> Integer, name -> Text } }
diesel::table! { posts {
    id -> Integer, author_id -> Nullable<Integer>, deleted -> Bool, stars -> Integer, archived_at -> Nullable<Integer>,
} }
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { post_tags (post_id, tag_id) { post_id -> Integer, tag_id -> Integer } }
diesel::table! { notes { id -> Integer, post_id -> Integer, hidden -> Bool } }

#[derive(Model)]
struct Author {
    id: i32,
    name: String,
    #[model(inverse = Post::AUTHOR_ID)]
    post_ids: OneToMany<Post>,
    #[model(inverse = Post::AUTHOR_ID, unscoped)]
    all_post_ids: OneToMany<Post>,
    /// Limit, scope, filter and order together
    #[model(inverse = Post::AUTHOR_ID, filter = posts::stars.gt(1), order = posts::stars.desc(), limit = 1)]
    best_ids: OneToMany<Post>,
    /// The same table by a struct with another scope
    #[model(inverse = Bin::AUTHOR_ID)]
    bin_ids: OneToMany<Bin>,
    #[model(compute = stars)]
    stars: Computed<i64>,
}

#[derive(Model)]
#[model(scope = posts::deleted.eq(false).and(posts::archived_at.is_null()))]
struct Post {
    id: i32,
    author_id: Option<Id<Author>>,
    deleted: bool,
    stars: i32,
    archived_at: Option<i32>,
    #[model(through(post_tags::post_id, post_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
    #[model(inverse = Note::POST_ID)]
    note: OneToOne<Note>,
    #[model(inverse = Note::POST_ID, unscoped)]
    any_note: OneToOne<Note>,
}

#[derive(Model)]
#[model(table = posts, scope = posts::deleted)]
struct Bin {
    id: i32,
    author_id: Option<Id<Author>>,
    deleted: bool,
}

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
    #[model(through(post_tags::tag_id, post_tags::post_id))]
    post_ids: ManyToMany<Post>,
}

#[derive(Model)]
#[model(scope = notes::hidden.eq(false))]
struct Note {
    id: i32,
    post_id: Id<Post>,
    hidden: bool,
}

fn stars(author: &Record<Author>) -> Result<i64> {
    author.post_ids().sum(Post::STARS)
}

/// Each author has three posts: 31 and 33 are there, 32 is deleted; post n has n % 10 stars, the tags 1 and 2, and a note, which is
/// hidden for the third.
fn db(authors: usize) -> TestDb {
    let numbers = orm_tests::partners::series(authors);
    let db = test_db!(
        File::new(&format!(
            "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER REFERENCES authors ON DELETE CASCADE,
                deleted BOOLEAN NOT NULL DEFAULT FALSE, stars INTEGER NOT NULL, archived_at INTEGER);
             CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE post_tags (post_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (post_id, tag_id));
             CREATE TABLE notes (id INTEGER PRIMARY KEY, post_id INTEGER NOT NULL, hidden BOOLEAN NOT NULL);
             INSERT INTO authors SELECT value, 'a' || value FROM {numbers};
             INSERT INTO posts SELECT 10 * a.value + n.value, a.value, CASE n.value WHEN 2 THEN TRUE ELSE FALSE END, n.value, NULL
                FROM {numbers} AS a, {three} AS n;
             INSERT INTO tags VALUES (1, 'x'), (2, 'y');
             INSERT INTO post_tags SELECT posts.id, tags.id FROM posts, tags;
             INSERT INTO notes SELECT id + 1000, id, CASE id % 10 WHEN 3 THEN TRUE ELSE FALSE END FROM posts;",
            three = orm_tests::partners::series(3),
        )),
        strict()
    );
    db.execute(diesel::sql_query(ENFORCING)).unwrap();
    db
}

fn lists(authors: &RecordSet<Author>) -> Result<Vec<Vec<i32>>> {
    authors.map(|author| Ok(author.post_ids().load()?.ids()))
}

#[test]
fn searches_by_all_keep_to_it_and_whoever_names_a_row_finds_it() -> Result<()> {
    let db = db(2);
    let (found, statements) = db.watch(|| db.all::<Post>());
    assert_eq!(found?.ids(), [11, 13, 21, 23]);
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(db.assert_queries(1, || db.all_unscoped::<Post>())?.ids(), [11, 12, 13, 21, 22, 23]);
    assert_eq!(db.all::<Bin>()?.ids(), [12, 22]);
    // By key, by a to-one link, by a query of the user's own
    assert_eq!(db.record::<Post>(12).stars()?, 2);
    assert_eq!(db.browse::<Post>([11, 12]).exists()?.ids(), [11, 12]);
    assert_eq!(db.find::<Post>(posts::stars.eq(2))?.map(|post| post.id()), Some(12));
    assert!(db.get::<Post>(22)?.is_some());
    assert!(db.record::<Note>(1012).post_id().deleted()?);
    assert_eq!(posts::table.filter(posts::stars.eq(2)).records::<Post>(&db.env)?.ids(), [12, 22]);
    Ok(())
}

#[test]
fn what_waits_is_sent_before_it_is_looked_for() -> Result<()> {
    let db = db(2);
    db.transaction(|| {
        db.record::<Post>(11).set_deleted(true)?;
        assert_eq!(db.assert_queries(2, || db.all::<Post>())?.ids(), [13, 21, 23]);
        Ok(())
    })
}

#[test]
fn lists_counts_and_aggregates_are_one_select_for_the_group() -> Result<()> {
    let db = db(40);
    let authors = db.all::<Author>()?;
    let (found, statements) = db.watch(|| lists(&authors));
    assert_eq!(found?, (1..=40).map(|id| vec![10 * id + 1, 10 * id + 3]).collect::<Vec<_>>());
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(db.assert_queries(0, || authors.post_ids().stars())?.len(), 80);
    assert_eq!(db.assert_queries(1, || authors.map(|author| author.all_post_ids().len()))?, [3; 40]);
    assert_eq!(db.assert_queries(1, || authors.map(|author| author.bin_ids().len()))?, [1; 40]);
    assert_eq!(db.assert_queries(1, || authors.map(|author| author.best_ids().ids()))?[2], [33]);
    db.cache().clear();
    let authors = db.all::<Author>()?;
    let all = |author: &Record<Author>| {
        let posts = author.post_ids();
        Ok((
            posts.len()?,
            posts.sum(Post::STARS)?,
            posts.max(Post::STARS)?,
            posts.count_where(posts::stars.gt(1))?,
        ))
    };
    assert_eq!(db.assert_queries(4, || authors.map(all))?[2], (2, 4, Some(3), 1));
    assert_eq!(db.assert_queries(0, || authors.stars())?[2], 4);
    // Through pairs, from the side that has no scope
    let tags = db.all::<Tag>()?;
    assert_eq!(db.assert_queries(1, || tags.map(|tag| tag.post_ids().len()))?, [80, 80]);
    assert_eq!(db.assert_queries(1, || tags.map(|tag| Ok(tag.post_ids().load()?.len())))?, [80, 80]);
    Ok(())
}

#[test]
fn one_to_one_keeps_to_it() -> Result<()> {
    let db = db(2);
    let posts = db.browse::<Post>([11, 13]);
    assert_eq!(db.assert_queries(1, || posts.map(|post| post.note().id()))?, [Some(1011), None]);
    assert_eq!(db.assert_queries(1, || posts.map(|post| post.any_note().id()))?, [Some(1011), Some(1013)]);
    db.record::<Note>(1011).set_hidden(true)?;
    db.record::<Note>(1013).set_hidden(false)?;
    assert_eq!(posts.map(|post| post.note().id())?, [None, Some(1013)]);
    // Its setter writes the link, whatever the scope
    let post = db.record::<Post>(12);
    let note = db.create(Note::values().id(5).post_id(21).hidden(true))?;
    post.any_note().load()?.unwrap().delete()?;
    post.set_note(&note)?;
    assert_eq!((post.note().id()?, post.any_note().id()?), (None, Some(5)));
    Ok(())
}

#[test]
fn a_row_that_leaves_the_scope_leaves_the_lists_and_comes_back() -> Result<()> {
    let db = db(8);
    let authors = db.all::<Author>()?;
    let all =
        |author: &Record<Author>| Ok((author.post_ids().ids()?, author.post_ids().len()?, author.stars()?));
    let before = authors.map(all)?;
    db.all_unscoped::<Post>()?;
    db.record::<Post>(31).set_deleted(true)?;
    assert_eq!(authors.map(all)?[2], (vec![33], 1, 3));
    // The others' stay as they were read.
    let rest = authors.filter(|author| Ok(author.id() != 3))?;
    assert_eq!(db.assert_queries(0, || rest.map(all))?.len(), 7);
    db.record::<Post>(31).set_deleted(false)?;
    assert_eq!(authors.map(all)?, before);
    db.record::<Post>(33).set_archived_at(5)?;
    assert_eq!(authors.map(all)?[2], (vec![31], 1, 1));
    db.record::<Post>(33).set_archived_at(None)?;
    // By a struct of the same table that has another scope
    let author = db.record::<Author>(4);
    assert_eq!((author.post_ids().ids()?, author.bin_ids().ids()?), (vec![41, 43], vec![42]));
    db.record::<Bin>(42).set_deleted(false)?;
    assert_eq!((author.post_ids().ids()?, author.bin_ids().ids()?), (vec![41, 42, 43], vec![]));
    // What the scope does not read leaves the lists as they are.
    db.record::<Post>(41).set_stars(9)?;
    assert_eq!(db.assert_queries(0, || author.post_ids().ids())?, [41, 42, 43]);
    assert_eq!(author.best_ids().ids()?, [41]);
    db.record::<Post>(41).set_deleted(true)?;
    assert_eq!(author.best_ids().ids()?, [43]);
    Ok(())
}

#[test]
fn pairs_follow_it_from_the_other_side() -> Result<()> {
    let db = db(2);
    let tag = db.record::<Tag>(1);
    assert_eq!((tag.post_ids().ids()?, tag.post_ids().len()?), (vec![11, 13, 21, 23], 4));
    db.record::<Post>(11).set_deleted(true)?;
    assert_eq!((tag.post_ids().ids()?, tag.post_ids().len()?), (vec![13, 21, 23], 3));
    // Who is not in the scope is paired and unpaired all the same.
    tag.post_ids().remove(&db.browse::<Post>([12, 13]))?;
    assert_eq!(db.record::<Post>(12).tag_ids().ids()?, [2]);
    assert_eq!(tag.post_ids().ids()?, [21, 23]);
    tag.post_ids().add(&db.browse::<Post>([12, 13]))?;
    assert_eq!(db.record::<Post>(12).tag_ids().ids()?, [1, 2]);
    assert_eq!(tag.post_ids().ids()?, [13, 21, 23]);
    // The members that are listed are replaced.
    tag.post_ids().set(&db.record::<Post>(21))?;
    assert_eq!(tag.post_ids().ids()?, [21]);
    assert_eq!(
        db.file
            .values("SELECT CAST(post_id AS TEXT) AS value FROM post_tags WHERE tag_id = 1 ORDER BY post_id"),
        ["11", "12", "21", "22"]
    );
    Ok(())
}

#[test]
fn adding_and_creating_link_and_leave_the_scope_to_the_record() -> Result<()> {
    let db = db(2);
    let author = db.record::<Author>(1);
    assert_eq!(author.post_ids().ids()?, [11, 13]);
    author.post_ids().add(&db.browse::<Post>([21, 22]))?;
    assert_eq!(author.post_ids().ids()?, [11, 13, 21]);
    assert_eq!(author.all_post_ids().ids()?, [11, 12, 13, 21, 22]);
    assert!(db.record::<Post>(22).deleted()?);
    author.post_ids().create(Post::values().id(14).stars(1).deleted(false))?;
    author.post_ids().create(Post::values().id(15).stars(1).deleted(true))?;
    assert_eq!(author.post_ids().ids()?, [11, 13, 14, 21]);
    author.post_ids().remove(&db.browse::<Post>([12, 13]))?;
    assert_eq!(author.post_ids().ids()?, [11, 14, 21]);
    assert_eq!(author.all_post_ids().ids()?, [11, 14, 15, 21, 22]);
    Ok(())
}

#[test]
fn what_goes_along_with_an_owner_is_also_what_is_out_of_scope() -> Result<()> {
    let db = db(2);
    let author = db.record::<Author>(1);
    assert_eq!((author.post_ids().ids()?, db.record::<Post>(12).stars()?), (vec![11, 13], 2));
    db.cache().invalidate_field(Post::AUTHOR_ID);
    author.delete()?;
    assert!(db.record::<Post>(12).stars().unwrap_err().is_missing_record());
    Ok(())
}

#[test]
fn a_rollback_leaves_what_the_rows_say() -> Result<()> {
    let db = db(4);
    let authors = db.all::<Author>()?;
    let before = lists(&authors)?;
    let undone: Result<()> = db.transaction(|| {
        db.record::<Post>(31).set_deleted(true)?;
        db.record::<Post>(32).set_deleted(false)?;
        assert_eq!(lists(&authors)?[2], [32, 33]);
        db.record::<Post>(42).set_deleted(false)?;
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(lists(&authors)?, before);
    assert_eq!(authors.map(|author| author.post_ids().len())?, [2; 4]);
    Ok(())
}

#[test]
fn what_another_environment_writes_is_seen_when_it_is_read_again() -> Result<()> {
    let db = db(2);
    let other: Environment = Environment::connect(&db.file.url())?;
    let author = db.record::<Author>(1);
    assert_eq!(author.post_ids().ids()?, [11, 13]);
    other.record::<Post>(12).set_deleted(false)?;
    assert_eq!(db.assert_queries(0, || author.post_ids().ids())?, [11, 13]);
    db.cache().invalidate(Author::POST_IDS, [1]);
    assert_eq!(author.post_ids().ids()?, [11, 12, 13]);
    Ok(())
}
