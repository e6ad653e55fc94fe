//! What is stored follows also from pairs that count in either direction, from a table of pairs with a model of its own, and from who comes
//! into a scope or a filter or leaves it.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::{File, TestDb, test_db};

diesel::table! { people { id -> Integer, age -> Integer, reach -> BigInt } }
diesel::table! { friends (person_id, friend_id) { person_id -> Integer, friend_id -> Integer } }
diesel::table! { authors { id -> Integer, words -> BigInt, finished -> BigInt } }
diesel::table! { posts { id -> Integer, author_id -> Integer, words -> Integer, deleted -> Bool, state -> Text } }

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    age: i32,
    #[model(through(friends::person_id, friends::friend_id), symmetric)]
    friend_ids: ManyToMany<Person>,
    #[model(compute = reach, stored, depends(friend_ids.age))]
    reach: Computed<i64>,
}

fn reach(person: &Record<Person>) -> Result<i64> {
    Ok(person.friend_ids().age()?.into_iter().map(i64::from).sum())
}

#[derive(Model)]
#[model(table = friends, primary_key(person_id, friend_id))]
struct Friendship {
    person_id: i32,
    friend_id: i32,
}

#[derive(Model)]
#[model(table = authors)]
struct Author {
    id: i32,
    #[model(inverse = Post::AUTHOR_ID)]
    post_ids: OneToMany<Post>,
    #[model(inverse = Post::AUTHOR_ID, filter = posts::state.eq("done"))]
    done_ids: OneToMany<Post>,
    #[model(compute = words, stored, depends(post_ids.words))]
    words: Computed<i64>,
    #[model(compute = finished, stored, depends(done_ids.words))]
    finished: Computed<i64>,
}

fn words(author: &Record<Author>) -> Result<i64> {
    Ok(author.post_ids().words()?.into_iter().map(i64::from).sum())
}

fn finished(author: &Record<Author>) -> Result<i64> {
    Ok(author.done_ids().words()?.into_iter().map(i64::from).sum())
}

#[derive(Model)]
#[model(table = posts, scope = posts::deleted.eq(false))]
struct Post {
    id: i32,
    author_id: Id<Author>,
    words: i32,
    deleted: bool,
    state: String,
}

fn db() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER NOT NULL, reach BIGINT NOT NULL);
         CREATE TABLE friends (person_id INTEGER NOT NULL, friend_id INTEGER NOT NULL, PRIMARY KEY (person_id, friend_id));
         CREATE TABLE authors (id INTEGER PRIMARY KEY, words BIGINT NOT NULL DEFAULT 0, finished BIGINT NOT NULL DEFAULT 0);
         CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, words INTEGER NOT NULL, deleted BOOLEAN NOT NULL DEFAULT FALSE,
            state VARCHAR(20) NOT NULL DEFAULT 'new');
         INSERT INTO people VALUES (1, 10, 50), (2, 20, 40), (3, 30, 20), (4, 40, 0);
         INSERT INTO friends VALUES (1, 2), (3, 2), (3, 1), (2, 3);
         UPDATE people SET reach = 40 WHERE id = 2;
         UPDATE people SET reach = 30 WHERE id = 3;
         INSERT INTO authors VALUES (1, 30, 0), (2, 0, 0);
         INSERT INTO posts VALUES (1, 1, 10, FALSE, 'new'), (2, 1, 20, FALSE, 'new'), (3, 1, 40, TRUE, 'done');"
    ))
}

/// What the rows hold is what SQL works out from the others.
#[track_caller]
fn assert_kept_up(db: &TestDb) {
    let off = db.file.values(
        "SELECT CAST(id AS CHAR(20)) AS value FROM people p WHERE reach <> (SELECT COALESCE(SUM(age), 0) FROM people o WHERE EXISTS
            (SELECT 1 FROM friends WHERE (person_id = p.id AND friend_id = o.id) OR (person_id = o.id AND friend_id = p.id)))",
    );
    assert_eq!(off, [""; 0], "people whose reach is not that of their friends");
    let off = db.file.values(
        "SELECT CAST(id AS CHAR(20)) AS value FROM authors a WHERE
            words <> (SELECT COALESCE(SUM(words), 0) FROM posts WHERE author_id = a.id AND NOT deleted)
            OR finished <> (SELECT COALESCE(SUM(words), 0) FROM posts WHERE author_id = a.id AND NOT deleted AND state = 'done')",
    );
    assert_eq!(off, [""; 0], "authors whose words are not those of their posts");
}

#[test]
fn pairs_that_count_either_way_are_followed_back_either_way() -> Result<()> {
    let db = db();
    assert_kept_up(&db);
    let person = |id: i32| db.record::<Person>(id);
    // Written without anything cached: the one is a friend by either column.
    person(2).set_age(25)?;
    assert_eq!(person(1).reach()?, 55);
    db.flush()?;
    assert_kept_up(&db);
    // From either side, whichever way the row stands
    person(4).friend_ids().add(&person(1))?;
    assert_eq!((person(1).reach()?, person(4).reach()?), (95, 10));
    db.flush()?;
    assert_kept_up(&db);
    person(1).friend_ids().remove(&person(3))?;
    person(2).friend_ids().remove(&person(1))?;
    db.flush()?;
    assert_kept_up(&db);
    // By the model of the pairs
    let pair = db.create(Friendship::values().person_id(4).friend_id(2))?;
    db.flush()?;
    assert_kept_up(&db);
    pair.delete()?;
    db.flush()?;
    assert_kept_up(&db);
    person(3).friend_ids().set(&db.browse::<Person>([1, 4]))?;
    db.flush()?;
    assert_kept_up(&db);
    person(1).delete()?;
    db.flush()?;
    assert_kept_up(&db);
    assert_eq!(person(3).friend_ids().ids()?, [4]);
    Ok(())
}

#[test]
fn what_comes_into_a_scope_or_a_filter_or_leaves_it_counts() -> Result<()> {
    let db = db();
    assert_kept_up(&db);
    let (post, author) = (|id: i32| db.record::<Post>(id), db.record::<Author>(1));
    post(1).set_deleted(true)?;
    assert_eq!(author.words()?, 20);
    db.flush()?;
    assert_kept_up(&db);
    post(3).set_deleted(false)?;
    assert_eq!((author.words()?, author.finished()?), (60, 40));
    db.flush()?;
    assert_kept_up(&db);
    post(2).set_state("done")?;
    post(3).set_author_id(db.record::<Author>(2))?;
    db.flush()?;
    assert_kept_up(&db);
    // A filter fills what it fixes.
    author.done_ids().create(Post::values().id(4).words(7).deleted(false))?;
    db.flush()?;
    assert_kept_up(&db);
    let mut drafts = db.drafts();
    let draft = drafts.add(Post::values().id(5).words(9).deleted(false).state("done").author_id(&author));
    let created = drafts.create()?;
    db.flush()?;
    assert_kept_up(&db);
    created.get(draft)?.delete()?;
    db.flush()?;
    assert_kept_up(&db);
    Ok(())
}
