//! Random changes through links with a scope, a filter that fills what it fixes, a limit, and pairs that count either way, in and out of
//! transactions that are committed or fail: after each step the rows are what was asked for, and each list, count and sum is what the rows say.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::{File, TestDb, on, test_db};
use proptest::prelude::*;

diesel::table! { people { id -> Integer, hidden -> Bool } }
diesel::table! { pairs (a, b, kind) { a -> Integer, b -> Integer, kind -> Integer } }
diesel::table! { posts { id -> Integer, author_id -> Nullable<Integer>, deleted -> Bool, state -> Integer } }

#[derive(Model)]
#[model(table = people, scope = people::hidden.eq(false))]
struct Person {
    id: i32,
    hidden: bool,
    #[model(through(pairs::a, pairs::b), symmetric)]
    friend_ids: ManyToMany<Person>,
    #[model(through(pairs::a, pairs::b), symmetric, filter = pairs::kind.eq(1))]
    close_ids: ManyToMany<Person>,
    #[model(through(pairs::a, pairs::b))]
    liked_ids: ManyToMany<Person>,
    #[model(through(pairs::b, pairs::a), unscoped)]
    liked_by_ids: ManyToMany<Person>,
    #[model(through(pairs::a, pairs::b), filter = pairs::kind.eq(1))]
    near_ids: ManyToMany<Person>,
    #[model(inverse = Post::AUTHOR_ID)]
    post_ids: OneToMany<Post>,
    #[model(inverse = Post::AUTHOR_ID, unscoped)]
    all_post_ids: OneToMany<Post>,
    #[model(inverse = Post::AUTHOR_ID, filter = posts::state.eq(1))]
    open_ids: OneToMany<Post>,
    #[model(inverse = Post::AUTHOR_ID, order = posts::state.desc(), limit = 1)]
    first_ids: OneToMany<Post>,
}

#[derive(Model)]
#[model(scope = posts::deleted.eq(false))]
struct Post {
    id: i32,
    author_id: Option<Id<Person>>,
    deleted: bool,
    state: i32,
}

const PEOPLE: i32 = 4;

/// The links over the table of pairs
#[derive(Debug, Clone, Copy)]
enum Link {
    Friends,
    Close,
    Liked,
    LikedBy,
    Near,
}

const LINKS: [Link; 5] = [Link::Friends, Link::Close, Link::Liked, Link::LikedBy, Link::Near];

impl Link {
    fn of<'env>(self, person: &Record<'env, Person>) -> ToMany<'env, Person> {
        match self {
            Self::Friends => person.friend_ids(),
            Self::Close => person.close_ids(),
            Self::Liked => person.liked_ids(),
            Self::LikedBy => person.liked_by_ids(),
            Self::Near => person.near_ids(),
        }
    }

    /// The kind of rows that it is about, if it has a filter
    fn kind(self) -> Option<i32> {
        matches!(self, Self::Close | Self::Near).then_some(1)
    }

    /// Whether a row is a pair of `own` and `other` by this link
    fn is(self, own: i32, other: i32, (a, b, kind): (i32, i32, i32)) -> bool {
        let is_one_way = match self {
            Self::LikedBy => (a, b) == (other, own),
            _ => (a, b) == (own, other),
        };
        let is_symmetric = matches!(self, Self::Friends | Self::Close) && (a, b) == (other, own);
        (is_one_way || is_symmetric) && self.kind().is_none_or(|own| own == kind)
    }

    /// The row that adding makes
    fn row(self, own: i32, other: i32) -> (i32, i32, i32) {
        let kind = self.kind().unwrap_or(0);
        match self {
            Self::Friends | Self::Close => (own.min(other), own.max(other), kind),
            Self::LikedBy => (other, own, kind),
            Self::Liked | Self::Near => (own, other, kind),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(Link, i32, Vec<i32>),
    Remove(Link, i32, Vec<i32>),
    Set(Link, i32, Vec<i32>),
    Hide(i32, bool),
    Author(usize, Option<i32>),
    Deleted(usize, bool),
    State(usize, i32),
    AddPost(i32, usize),
    RemovePost(i32, usize),
    AddOpen(i32, usize),
    RemoveOpen(i32, usize),
    CreateOpen(i32, Option<i32>, bool),
    DeletePost(usize),
    Transaction(Vec<Step>, bool),
    Read(i32, u8),
    ReadPosts,
    Clear,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let person = || 1..=PEOPLE;
    let some = || prop::collection::vec(1..=PEOPLE, 0..3);
    let link = || prop::sample::select(LINKS.to_vec());
    let at = any::<usize>;
    let changes = prop_oneof![
        3 => (link(), person(), some()).prop_map(|(link, id, others)| Step::Add(link, id, others)),
        3 => (link(), person(), some()).prop_map(|(link, id, others)| Step::Remove(link, id, others)),
        2 => (link(), person(), some()).prop_map(|(link, id, others)| Step::Set(link, id, others)),
        1 => (person(), any::<bool>()).prop_map(|(id, hidden)| Step::Hide(id, hidden)),
        1 => (at(), prop::option::of(person())).prop_map(|(at, to)| Step::Author(at, to)),
        2 => (at(), any::<bool>()).prop_map(|(at, deleted)| Step::Deleted(at, deleted)),
        1 => (at(), 0..3).prop_map(|(at, state)| Step::State(at, state)),
        1 => (person(), at()).prop_map(|(id, at)| Step::AddPost(id, at)),
        1 => (person(), at()).prop_map(|(id, at)| Step::RemovePost(id, at)),
        1 => (person(), at()).prop_map(|(id, at)| Step::AddOpen(id, at)),
        1 => (person(), at()).prop_map(|(id, at)| Step::RemoveOpen(id, at)),
        1 => (person(), prop::option::of(0..3), any::<bool>())
            .prop_map(|(id, state, deleted)| Step::CreateOpen(id, state, deleted)),
        1 => at().prop_map(Step::DeletePost),
    ];
    let looks = prop_oneof![
        4 => (person(), 0..9u8).prop_map(|(id, what)| Step::Read(id, what)),
        1 => Just(Step::ReadPosts),
        1 => Just(Step::Clear),
        1 => Just(Step::Flush),
    ];
    prop_oneof![3 => changes, 1 => looks].prop_recursive(2, 12, 4, |inner| {
        (prop::collection::vec(inner, 0..5), any::<bool>())
            .prop_map(|(steps, commits)| Step::Transaction(steps, commits))
    })
}

/// What the rows are
#[derive(Debug, Clone)]
struct World {
    hidden: BTreeSet<i32>,
    pairs: BTreeSet<(i32, i32, i32)>,
    /// Author, whether it is deleted, state
    posts: BTreeMap<i32, (Option<i32>, bool, i32)>,
}

impl World {
    fn new() -> Self {
        Self {
            hidden: [4].into(),
            pairs: [(1, 2, 0), (2, 1, 1), (3, 2, 1), (3, 3, 0), (4, 1, 0)].into(),
            posts: [
                (1, (Some(1), false, 1)),
                (2, (Some(1), true, 1)),
                (3, (Some(2), false, 0)),
                (4, (None, false, 2)),
            ]
            .into(),
        }
    }

    fn post(&self, at: usize) -> Option<i32> {
        self.posts.keys().nth(at.checked_rem(self.posts.len())?).copied()
    }

    /// Who is listed
    fn members(&self, link: Link, own: i32) -> Vec<i32> {
        let is_seen = |id: &i32| matches!(link, Link::LikedBy) || !self.hidden.contains(id);
        let is_member = |other: &i32| self.pairs.iter().any(|&row| link.is(own, *other, row));
        (1..=PEOPLE).filter(is_seen).filter(is_member).collect()
    }

    fn add(&mut self, link: Link, own: i32, others: &[i32]) {
        for &other in others {
            if !self.pairs.iter().any(|&row| link.is(own, other, row)) {
                self.pairs.insert(link.row(own, other));
            }
        }
    }

    fn remove(&mut self, link: Link, own: i32, others: &[i32]) {
        self.pairs.retain(|&row| !others.iter().any(|&other| link.is(own, other, row)));
    }

    /// The states of the posts in a list, by their keys
    fn posts_of(&self, author: i32, with_deleted: bool) -> Vec<(i32, i32)> {
        let own = self.posts.iter().filter(|(_, post)| post.0 == Some(author) && (with_deleted || !post.1));
        own.map(|(&id, post)| (id, post.2)).collect()
    }
}

struct Run {
    db: TestDb,
    world: RefCell<World>,
}

/// What is known of a person's lists
#[derive(Debug, PartialEq)]
struct Seen {
    pairs: Vec<(Vec<i32>, usize)>,
    posts: (Vec<i32>, usize, i64),
    all: (Vec<i32>, usize),
    open: (Vec<i32>, usize),
    first: (Vec<i32>, usize),
}

/// Whose a post is, whether it is hidden, and its place
type PostRow = (Option<i32>, bool, i32);

impl Run {
    fn take(&self, step: &Step) -> Result<()> {
        let db = &self.db;
        let person = |id: i32| db.record::<Person>(id);
        let people = |ids: &[i32]| db.browse::<Person>(ids.iter().copied());
        let picked = |at: usize| self.world.borrow().post(at);
        let change = |id: i32, change: &dyn Fn(&mut PostRow)| {
            change(self.world.borrow_mut().posts.get_mut(&id).unwrap());
        };
        match step {
            Step::Add(link, id, others) => {
                link.of(&person(*id)).add(&people(others))?;
                self.world.borrow_mut().add(*link, *id, others);
            }
            Step::Remove(link, id, others) => {
                link.of(&person(*id)).remove(&people(others))?;
                // What is put back before it is sent stays as it is: of the other kind, or the other way round.
                db.flush()?;
                self.world.borrow_mut().remove(*link, *id, others);
            }
            Step::Set(link, id, others) => {
                link.of(&person(*id)).set(&people(others))?;
                db.flush()?;
                let mut world = self.world.borrow_mut();
                let gone: Vec<i32> =
                    world.members(*link, *id).into_iter().filter(|other| !others.contains(other)).collect();
                world.remove(*link, *id, &gone);
                world.add(*link, *id, others);
            }
            Step::Hide(id, hidden) => {
                person(*id).set_hidden(*hidden)?;
                let mut world = self.world.borrow_mut();
                if *hidden {
                    world.hidden.insert(*id)
                } else {
                    world.hidden.remove(id)
                };
            }
            Step::Author(at, to) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                db.record::<Post>(id).set_author_id(to)?;
                change(id, &|post| post.0 = *to);
            }
            Step::Deleted(at, deleted) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                db.record::<Post>(id).set_deleted(*deleted)?;
                change(id, &|post| post.1 = *deleted);
            }
            Step::State(at, state) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                db.record::<Post>(id).set_state(*state)?;
                change(id, &|post| post.2 = *state);
            }
            Step::AddPost(author, at) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                person(*author).post_ids().add(&db.record::<Post>(id))?;
                change(id, &|post| post.0 = Some(*author));
            }
            Step::RemovePost(author, at) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                person(*author).post_ids().remove(&db.record::<Post>(id))?;
                change(id, &|post| post.0 = post.0.filter(|own| own != author));
            }
            Step::AddOpen(author, at) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                person(*author).open_ids().add(&db.record::<Post>(id))?;
                change(id, &|post| (post.0, post.2) = (Some(*author), 1));
            }
            Step::RemoveOpen(author, at) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                person(*author).open_ids().remove(&db.record::<Post>(id))?;
                change(id, &|post| {
                    if *post == (Some(*author), false, 1) {
                        post.0 = None;
                    }
                });
            }
            Step::CreateOpen(author, state, deleted) => {
                let mut values = Post::values().deleted(*deleted);
                if let Some(state) = state {
                    values = values.state(*state);
                }
                let post = person(*author).open_ids().create(values)?;
                let row = (Some(*author), *deleted, state.unwrap_or(1));
                self.world.borrow_mut().posts.insert(post.id(), row);
            }
            Step::DeletePost(at) => {
                let Some(id) = picked(*at) else { return Ok(()) };
                db.record::<Post>(id).delete()?;
                self.world.borrow_mut().posts.remove(&id);
            }
            Step::Transaction(steps, commits) => {
                let before = self.world.borrow().clone();
                let done: Result<()> = db.transaction(|| {
                    steps.iter().try_for_each(|step| self.take(step))?;
                    if *commits { Ok(()) } else { Err(Error::other("undone")) }
                });
                if !commits {
                    assert_eq!(done.unwrap_err().to_string(), "undone");
                    *self.world.borrow_mut() = before;
                } else {
                    done?;
                }
            }
            Step::Read(id, what) => {
                let person = person(*id);
                match what {
                    0..=4 => drop(LINKS[usize::from(*what)].of(&person).ids()?),
                    5 => drop(person.post_ids().sum(Post::STATE)?),
                    6 => drop(person.open_ids().ids()?),
                    7 => drop(db.all::<Person>()?.map(|person| person.friend_ids().len())?),
                    _ => drop(db.browse::<Person>(1..=PEOPLE).map(|person| person.near_ids().ids())?),
                }
            }
            Step::ReadPosts => drop(db.all_unscoped::<Post>()?),
            Step::Clear => db.cache().clear(),
            Step::Flush => db.flush()?,
        }
        Ok(())
    }

    fn seen(&self) -> Result<Vec<Seen>> {
        self.db.browse::<Person>(1..=PEOPLE).map(|person| {
            let pairs: Result<Vec<_>> =
                LINKS.iter().map(|link| Ok((link.of(person).ids()?, link.of(person).len()?))).collect();
            let posts = person.post_ids();
            Ok(Seen {
                pairs: pairs?,
                posts: (posts.ids()?, posts.len()?, posts.sum(Post::STATE)?),
                all: (person.all_post_ids().ids()?, person.all_post_ids().len()?),
                open: (person.open_ids().ids()?, person.open_ids().len()?),
                first: (person.first_ids().ids()?, person.first_ids().len()?),
            })
        })
    }

    fn expected(&self) -> Vec<Seen> {
        let world = self.world.borrow();
        let of = |id: i32| {
            let posts = world.posts_of(id, false);
            let listed = |posts: Vec<i32>| {
                let len = posts.len();
                (posts, len)
            };
            let ids = |posts: &[(i32, i32)]| posts.iter().map(|post| post.0).collect::<Vec<_>>();
            let open: Vec<(i32, i32)> = posts.iter().copied().filter(|post| post.1 == 1).collect();
            let first = posts.iter().max_by_key(|(id, state)| (*state, -id)).map(|post| post.0);
            Seen {
                pairs: LINKS.iter().map(|&link| listed(world.members(link, id))).collect(),
                posts: (ids(&posts), posts.len(), posts.iter().map(|post| i64::from(post.1)).sum()),
                all: listed(ids(&world.posts_of(id, true))),
                open: listed(ids(&open)),
                first: listed(first.into_iter().collect()),
            }
        };
        (1..=PEOPLE).map(of).collect()
    }

    fn rows(&self) -> Vec<(i32, i32, i32)> {
        let text = self.db.file.values(
            "SELECT CAST(a AS TEXT) || ' ' || CAST(b AS TEXT) || ' ' || CAST(kind AS TEXT) AS value FROM pairs ORDER BY a, b, kind",
        );
        let row = |text: &String| {
            let numbers: Vec<i32> = text.split(' ').map(|number| number.parse().unwrap()).collect();
            (numbers[0], numbers[1], numbers[2])
        };
        text.iter().map(row).collect()
    }
}

fn run() -> Run {
    let db = test_db!(File::new(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, hidden BOOLEAN NOT NULL);
         CREATE TABLE pairs (a INTEGER NOT NULL, b INTEGER NOT NULL, kind INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (a, b, kind));
         CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, author_id INTEGER, deleted BOOLEAN NOT NULL, state INTEGER NOT NULL);
         INSERT INTO people VALUES (1, FALSE), (2, FALSE), (3, FALSE), (4, TRUE);
         INSERT INTO pairs VALUES (1, 2, 0), (2, 1, 1), (3, 2, 1), (3, 3, 0), (4, 1, 0);
         INSERT INTO posts (author_id, deleted, state) VALUES (1, FALSE, 1), (1, TRUE, 1), (2, FALSE, 0), (NULL, FALSE, 2)"
    ));
    Run { db, world: RefCell::new(World::new()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: on!(sqlite 192, postgres 24, mysql 24), ..ProptestConfig::default() })]

    #[test]
    fn lists_are_what_the_rows_say_and_rows_what_was_asked_for(steps in prop::collection::vec(step(), 1..24)) {
        let run = run();
        for (at, step) in steps.iter().enumerate() {
            run.take(step).unwrap();
            // Not after each: what was read before is put right by several steps, too.
            if at % 3 == 0 || at + 1 == steps.len() {
                prop_assert_eq!(run.seen().unwrap(), run.expected(), "after {:?}", step);
                prop_assert_eq!(run.rows(), run.world.borrow().pairs.iter().copied().collect::<Vec<_>>(), "after {:?}", step);
            }
        }
        run.db.cache().clear();
        prop_assert_eq!(run.seen().unwrap(), run.expected(), "read anew");
    }
}
