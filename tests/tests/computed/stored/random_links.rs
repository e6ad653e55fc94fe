//! Random changes of a model whose links are computed and stored, over lists with a scope, a filter that fills, a limit and symmetric pairs,
//! and of which the database deletes rows along with others: whatever is read, and whatever was committed, is as a plain map says.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::database::ENFORCING;
use orm_tests::{File, TestDb, test_db};
use proptest::prelude::*;

diesel::table! { members {
    id -> Integer, parent_id -> Nullable<Integer>, team_id -> Nullable<Integer>, size -> BigInt, hidden -> Bool, active -> Bool,
    head_id -> Nullable<Integer>, lead_id -> Nullable<Integer>, below -> BigInt, led -> BigInt, warmth -> BigInt,
} }
diesel::table! { teams { id -> Integer, boss_id -> Nullable<Integer>, top_id -> Nullable<Integer>, best -> BigInt, busy -> BigInt } }
diesel::table! { friends (member_id, friend_id) { member_id -> Integer, friend_id -> Integer } }

#[derive(Model)]
#[model(table = members, scope = members::hidden.eq(false))]
struct Member {
    id: i32,
    parent_id: Option<Id<Self>>,
    team_id: Option<Id<Team>>,
    size: i64,
    hidden: bool,
    active: bool,
    #[model(through(friends::member_id, friends::friend_id), symmetric)]
    friend_ids: ManyToMany<Self>,
    /// Who stands above all others
    #[model(compute = head, stored, depends(parent_id.head_id))]
    head_id: Computed<Option<Id<Self>>>,
    #[model(related = team_id.boss_id, stored)]
    lead_id: Computed<Option<Id<Self>>>,
    #[model(inverse = Self::HEAD_ID)]
    below_ids: OneToMany<Self>,
    #[model(inverse = Self::LEAD_ID)]
    led_ids: OneToMany<Self>,
    #[model(compute = below, stored, depends(below_ids.size))]
    below: Computed<i64>,
    #[model(compute = led, stored, depends(led_ids.size))]
    led: Computed<i64>,
    #[model(compute = warmth, stored, depends(friend_ids.size))]
    warmth: Computed<i64>,
}

#[derive(Model)]
#[model(table = teams)]
struct Team {
    id: i32,
    boss_id: Option<Id<Member>>,
    #[model(inverse = Member::TEAM_ID)]
    member_ids: OneToMany<Member>,
    #[model(inverse = Member::TEAM_ID, order = (members::size.desc(), members::id), limit = 2)]
    best_ids: OneToMany<Member>,
    #[model(inverse = Member::TEAM_ID, filter = members::active.eq(true))]
    active_ids: OneToMany<Member>,
    /// The largest member
    #[model(compute = top, stored, depends(member_ids.size))]
    top_id: Computed<Option<Id<Member>>>,
    #[model(compute = best, stored, depends(best_ids.size))]
    best: Computed<i64>,
    #[model(compute = busy, stored, depends(active_ids.size))]
    busy: Computed<i64>,
}

fn head(member: &Record<Member>) -> Result<Option<Id<Member>>> {
    let parent = member.parent_id().id()?;
    let above = member.parent_id().head_id().id()?;
    Ok(above.or(parent).map(Id::new))
}

fn below(member: &Record<Member>) -> Result<i64> {
    Ok(member.below_ids().size()?.into_iter().sum())
}

fn led(member: &Record<Member>) -> Result<i64> {
    member.led_ids().sum(Member::SIZE)
}

fn warmth(member: &Record<Member>) -> Result<i64> {
    Ok(member.friend_ids().size()?.into_iter().sum())
}

fn top(team: &Record<Team>) -> Result<Option<Id<Member>>> {
    let mut top: Option<(i64, i32)> = None;
    for member in &team.member_ids().load()? {
        let own = (member.size()?, -member.id());
        top = top.max(Some(own));
    }
    Ok(top.map(|(_, id)| Id::new(-id)))
}

fn best(team: &Record<Team>) -> Result<i64> {
    Ok(team.best_ids().size()?.into_iter().sum())
}

fn busy(team: &Record<Team>) -> Result<i64> {
    Ok(team.active_ids().size()?.into_iter().sum())
}

/// A member as it is to be
#[derive(Debug, Clone, Copy, PartialEq)]
struct Person {
    parent: Option<i32>,
    team: Option<i32>,
    size: i64,
    hidden: bool,
    active: bool,
}

/// All that there is to be
#[derive(Debug, Clone, Default)]
struct World {
    members: BTreeMap<i32, Person>,
    /// Who leads each
    teams: BTreeMap<i32, Option<i32>>,
    /// The lower number first
    friends: BTreeSet<(i32, i32)>,
}

impl World {
    fn visible(&self, mut which: impl FnMut(i32, &Person) -> bool) -> Vec<i32> {
        let shown = self.members.iter().filter(|(_, person)| !person.hidden);
        shown.filter(|&(&id, person)| which(id, person)).map(|(&id, _)| id).collect()
    }

    fn sizes(&self, ids: &[i32]) -> i64 {
        ids.iter().map(|id| self.members[id].size).sum()
    }

    fn head(&self, id: i32) -> Option<i32> {
        let parent = self.members[&id].parent?;
        Some(self.head(parent).unwrap_or(parent))
    }

    fn lead(&self, id: i32) -> Option<i32> {
        self.teams[&self.members[&id].team?]
    }

    fn below(&self, id: i32) -> Vec<i32> {
        self.visible(|other, _| self.head(other) == Some(id))
    }

    fn led(&self, id: i32) -> Vec<i32> {
        self.visible(|other, _| self.lead(other) == Some(id))
    }

    fn friends(&self, id: i32) -> Vec<i32> {
        self.visible(|other, _| self.friends.contains(&(id.min(other), id.max(other))))
    }

    fn of_team(&self, team: i32) -> Vec<i32> {
        self.visible(|_, person| person.team == Some(team))
    }

    fn active(&self, team: i32) -> Vec<i32> {
        self.visible(|_, person| person.team == Some(team) && person.active)
    }

    fn best(&self, team: i32) -> Vec<i32> {
        let mut best = self.of_team(team);
        best.sort_by_key(|id| (-self.members[id].size, *id));
        best.truncate(2);
        best
    }

    fn top(&self, team: i32) -> Option<i32> {
        self.best(team).first().copied()
    }

    /// Deletes a member, and all that are below it.
    fn delete(&mut self, id: i32) {
        let gone: BTreeSet<i32> =
            self.members.keys().copied().filter(|&other| other == id || self.is_below(other, id)).collect();
        self.members.retain(|other, _| !gone.contains(other));
        self.friends.retain(|(a, b)| !gone.contains(a) && !gone.contains(b));
        for boss in self.teams.values_mut() {
            *boss = boss.filter(|boss| !gone.contains(boss));
        }
    }

    fn is_below(&self, id: i32, above: i32) -> bool {
        self.members[&id].parent.is_some_and(|parent| parent == above || self.is_below(parent, above))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Size(usize, i64),
    Sizes(i64),
    Assign(usize, i64),
    Hide(usize, bool),
    Activate(usize, bool),
    Under(usize, Option<usize>),
    Join(usize, Option<usize>),
    JoinByList(usize, usize),
    Lead(usize, Option<usize>),
    Befriend(usize, usize, bool),
    Part(usize, usize),
    Create(Option<usize>, Option<usize>, i64),
    CreateActive(usize, i64),
    CreateTeam(Option<usize>),
    Delete(usize),
    DeleteSeveral(usize, usize),
    DeleteTeam(usize),
    ReadLinks(usize),
    ReadLists(usize),
    ReadSums(usize),
    ReadTeam(usize),
    ReadSet,
    Refresh(usize),
    Lock(usize),
    Search(usize),
    Clear,
    Flush,
    /// Within a transaction; `false`: that fails
    Transaction(Vec<Step>, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (one, size) = (any::<usize>, || 0..5i64);
    let may = || prop::option::of(any::<usize>());
    let leaf = prop_oneof![
        3 => (one(), size()).prop_map(|(at, size)| Step::Size(at, size)),
        1 => size().prop_map(Step::Sizes),
        1 => (one(), size()).prop_map(|(at, size)| Step::Assign(at, size)),
        2 => (one(), any::<bool>()).prop_map(|(at, hidden)| Step::Hide(at, hidden)),
        2 => (one(), any::<bool>()).prop_map(|(at, active)| Step::Activate(at, active)),
        3 => (one(), may()).prop_map(|(at, parent)| Step::Under(at, parent)),
        3 => (one(), may()).prop_map(|(at, team)| Step::Join(at, team)),
        2 => (one(), one()).prop_map(|(at, team)| Step::JoinByList(at, team)),
        3 => (one(), may()).prop_map(|(team, at)| Step::Lead(team, at)),
        2 => (one(), one(), any::<bool>()).prop_map(|(a, b, turned)| Step::Befriend(a, b, turned)),
        1 => (one(), one()).prop_map(|(a, b)| Step::Part(a, b)),
        2 => (may(), may(), size()).prop_map(|(parent, team, size)| Step::Create(parent, team, size)),
        1 => (one(), size()).prop_map(|(team, size)| Step::CreateActive(team, size)),
        1 => may().prop_map(Step::CreateTeam),
        2 => one().prop_map(Step::Delete),
        1 => (one(), one()).prop_map(|(a, b)| Step::DeleteSeveral(a, b)),
        1 => one().prop_map(Step::DeleteTeam),
        3 => one().prop_map(Step::ReadLinks),
        3 => one().prop_map(Step::ReadLists),
        3 => one().prop_map(Step::ReadSums),
        3 => one().prop_map(Step::ReadTeam),
        1 => Just(Step::ReadSet),
        1 => one().prop_map(Step::Refresh),
        1 => one().prop_map(Step::Lock),
        1 => one().prop_map(Step::Search),
        1 => Just(Step::Clear),
        1 => Just(Step::Flush),
    ];
    leaf.prop_recursive(2, 24, 8, |inner| {
        (prop::collection::vec(inner, 0..8), any::<bool>())
            .prop_map(|(steps, commits)| Step::Transaction(steps, commits))
    })
}

/// One of the numbers, if there is any
fn pick<V>(of: &BTreeMap<i32, V>, at: usize) -> Option<i32> {
    of.keys().nth(at.checked_rem(of.len())?).copied()
}

fn sorted(mut ids: Vec<i32>) -> Vec<i32> {
    ids.sort_unstable();
    ids
}

fn read_links(db: &TestDb, world: &World, id: i32) -> Result<()> {
    let member = db.record::<Member>(id);
    assert_eq!(member.head_id().id()?, world.head(id), "head of {id}");
    assert_eq!(member.lead_id().id()?, world.lead(id), "lead of {id}");
    assert_eq!(member.lead_id().size()?, world.lead(id).map(|lead| world.members[&lead].size));
    assert_eq!(member.head_id().lead_id().id()?, world.head(id).and_then(|head| world.lead(head)));
    Ok(())
}

fn read_lists(db: &TestDb, world: &World, id: i32) -> Result<()> {
    let member = db.record::<Member>(id);
    assert_eq!(member.below_ids().len()?, world.below(id).len(), "how many are below {id}");
    assert_eq!(sorted(member.below_ids().ids()?), world.below(id), "below {id}");
    assert_eq!(sorted(member.led_ids().ids()?), world.led(id), "led by {id}");
    assert_eq!(sorted(member.friend_ids().ids()?), world.friends(id), "friends of {id}");
    Ok(())
}

fn read_sums(db: &TestDb, world: &World, id: i32) -> Result<()> {
    let member = db.record::<Member>(id);
    assert_eq!(member.below()?, world.sizes(&world.below(id)), "size below {id}");
    assert_eq!(member.led()?, world.sizes(&world.led(id)), "size led by {id}");
    assert_eq!(member.warmth()?, world.sizes(&world.friends(id)), "size of the friends of {id}");
    assert_eq!(member.below_ids().sum(Member::SIZE)?, world.sizes(&world.below(id)), "sum below {id}");
    assert_eq!(member.led_ids().sum(Member::WARMTH)?, {
        let warmths = world.led(id).into_iter().map(|led| world.sizes(&world.friends(led)));
        warmths.sum::<i64>()
    });
    Ok(())
}

fn read_team(db: &TestDb, world: &World, id: i32) -> Result<()> {
    let team = db.record::<Team>(id);
    assert_eq!(team.top_id().id()?, world.top(id), "largest of team {id}");
    assert_eq!(team.best()?, world.sizes(&world.best(id)), "size of the best of team {id}");
    assert_eq!(team.busy()?, world.sizes(&world.active(id)), "size of the active of team {id}");
    assert_eq!(sorted(team.member_ids().ids()?), world.of_team(id), "members of team {id}");
    assert_eq!(team.best_ids().ids()?, world.best(id), "best of team {id}");
    assert_eq!(sorted(team.active_ids().ids()?), world.active(id), "active of team {id}");
    assert_eq!(team.top_id().head_id().id()?, world.top(id).and_then(|top| world.head(top)));
    Ok(())
}

fn run(db: &TestDb, world: &RefCell<World>, step: &Step) -> Result<()> {
    let member_at = |at: usize| pick(&world.borrow().members, at);
    let team_at = |at: usize| pick(&world.borrow().teams, at);
    let member = |id: i32| db.record::<Member>(id);
    let change = |id: i32, f: &dyn Fn(&mut Person)| {
        f(world.borrow_mut().members.get_mut(&id).expect("a member"));
    };
    match *step {
        Step::Size(at, size) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            change(id, &|person| person.size = size);
            member(id).set_size(size)
        }
        Step::Sizes(size) => {
            world.borrow_mut().members.values_mut().for_each(|person| person.size = size);
            let ids: Vec<i32> = world.borrow().members.keys().copied().collect();
            db.browse::<Member>(ids).set_size(size)
        }
        Step::Assign(at, size) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            change(id, &|person| person.size += size);
            member(id).update(members::size.eq(members::size + size))
        }
        Step::Hide(at, hidden) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            change(id, &|person| person.hidden = hidden);
            member(id).set_hidden(hidden)
        }
        Step::Activate(at, active) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            change(id, &|person| person.active = active);
            member(id).set_active(active)
        }
        Step::Under(at, parent) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            // Under one with a lower number, so that there is no circle
            let parent = parent.and_then(member_at).filter(|&parent| parent < id);
            change(id, &|person| person.parent = parent);
            member(id).set_parent_id(parent.map(Id::new))
        }
        Step::Join(at, team) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            let team = team.and_then(team_at);
            change(id, &|person| person.team = team);
            member(id).set_team_id(team.map(Id::new))
        }
        Step::JoinByList(at, team) => {
            let (Some(id), Some(team)) = (member_at(at), team_at(team)) else { return Ok(()) };
            change(id, &|person| person.team = Some(team));
            db.record::<Team>(team).member_ids().add_ids([id])
        }
        Step::Lead(team, at) => {
            let Some(team) = team_at(team) else { return Ok(()) };
            let boss = at.and_then(member_at);
            world.borrow_mut().teams.insert(team, boss);
            db.record::<Team>(team).set_boss_id(boss.map(Id::new))
        }
        Step::Befriend(a, b, turned) => {
            let (Some(a), Some(b)) = (member_at(a), member_at(b)) else { return Ok(()) };
            if a == b || !world.borrow_mut().friends.insert((a.min(b), a.max(b))) {
                return Ok(());
            }
            let (a, b) = if turned { (b, a) } else { (a, b) };
            member(a).friend_ids().add_ids([b])
        }
        Step::Part(a, b) => {
            let (Some(a), Some(b)) = (member_at(a), member_at(b)) else { return Ok(()) };
            world.borrow_mut().friends.remove(&(a.min(b), a.max(b)));
            member(a).friend_ids().remove_ids([b])
        }
        Step::Create(parent, team, size) => {
            let (parent, team) = (parent.and_then(member_at), team.and_then(team_at));
            let values = Member::values()
                .parent_id(parent.map(Id::new))
                .team_id(team.map(Id::new))
                .size(size)
                .hidden(false)
                .active(false);
            let new = db.create(values)?;
            let person = Person { parent, team, size, hidden: false, active: false };
            world.borrow_mut().members.insert(new.id(), person);
            Ok(())
        }
        Step::CreateActive(team, size) => {
            let Some(team) = team_at(team) else { return Ok(()) };
            let values = Member::values().size(size).hidden(false);
            let new = db.record::<Team>(team).active_ids().create(values)?;
            let person = Person { parent: None, team: Some(team), size, hidden: false, active: true };
            world.borrow_mut().members.insert(new.id(), person);
            Ok(())
        }
        Step::CreateTeam(at) => {
            let boss = at.and_then(member_at);
            let team = db.create(Team::values().boss_id(boss.map(Id::new)))?;
            world.borrow_mut().teams.insert(team.id(), boss);
            Ok(())
        }
        Step::Delete(at) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            world.borrow_mut().delete(id);
            member(id).delete()
        }
        Step::DeleteSeveral(a, b) => {
            let (Some(a), Some(b)) = (member_at(a), member_at(b)) else { return Ok(()) };
            world.borrow_mut().delete(a);
            if world.borrow().members.contains_key(&b) {
                world.borrow_mut().delete(b);
            }
            db.browse::<Member>([a, b]).delete()
        }
        Step::DeleteTeam(at) => {
            let Some(id) = team_at(at) else { return Ok(()) };
            // No foreign key does so here.
            let own: Vec<i32> = world
                .borrow()
                .members
                .iter()
                .filter(|(_, person)| person.team == Some(id))
                .map(|(&id, _)| id)
                .collect();
            db.browse::<Member>(own).set_team_id(None)?;
            world.borrow_mut().teams.remove(&id);
            for person in world.borrow_mut().members.values_mut() {
                person.team = person.team.filter(|&team| team != id);
            }
            db.record::<Team>(id).delete()
        }
        Step::ReadLinks(at) => member_at(at).map_or(Ok(()), |id| read_links(db, &world.borrow(), id)),
        Step::ReadLists(at) => member_at(at).map_or(Ok(()), |id| read_lists(db, &world.borrow(), id)),
        Step::ReadSums(at) => member_at(at).map_or(Ok(()), |id| read_sums(db, &world.borrow(), id)),
        Step::ReadTeam(at) => team_at(at).map_or(Ok(()), |id| read_team(db, &world.borrow(), id)),
        Step::ReadSet => {
            let all = db.all::<Member>()?;
            assert_eq!(sorted(all.ids()), world.borrow().visible(|_, _| true));
            for member in &all {
                read_links(db, &world.borrow(), member.id())?;
                read_sums(db, &world.borrow(), member.id())?;
            }
            Ok(())
        }
        Step::Refresh(at) => {
            if let Some(id) = member_at(at) {
                member(id).refresh()?;
            }
            team_at(at).map_or(Ok(()), |id| db.record::<Team>(id).refresh())
        }
        Step::Lock(at) => {
            let (Some(a), Some(b)) = (member_at(at), member_at(at / 7)) else { return Ok(()) };
            db.transaction(|| db.browse::<Member>([a, b]).lock())
        }
        Step::Search(at) => {
            let Some(id) = member_at(at) else { return Ok(()) };
            let found: RecordSet<Member> = members::table
                .filter(members::head_id.eq(id).and(members::hidden.eq(false)))
                .records(&**db)?;
            assert_eq!(sorted(found.ids()), world.borrow().below(id), "found below {id}");
            Ok(())
        }
        Step::Clear => {
            db.cache().clear();
            Ok(())
        }
        Step::Flush => db.flush(),
        Step::Transaction(ref steps, commits) => {
            let before = world.borrow().clone();
            let result = db.transaction(|| {
                steps.iter().try_for_each(|step| run(db, world, step))?;
                if commits { Ok(()) } else { Err(Error::other("undone")) }
            });
            match result {
                Err(error) if !commits && error.to_string().contains("undone") => {
                    world.replace(before);
                    Ok(())
                }
                other => other,
            }
        }
    }
}

/// The rows hold what they are to hold.
#[track_caller]
fn assert_kept_up(db: &TestDb, world: &World) {
    let text = |id: Option<i32>| id.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
    let column = |table: &str, name: &str| {
        db.file.values(&format!("SELECT CAST({name} AS CHAR(20)) AS value FROM {table} ORDER BY id"))
    };
    let trimmed = |values: Vec<String>| -> Vec<String> {
        values.into_iter().map(|value| value.trim().to_owned()).collect()
    };
    let of = |table: &str, name: &str, wanted: Vec<String>| {
        assert_eq!(trimmed(column(table, name)), wanted, "{table}.{name}");
    };
    let members: Vec<i32> = world.members.keys().copied().collect();
    let teams: Vec<i32> = world.teams.keys().copied().collect();
    let each = |f: &dyn Fn(i32) -> String| members.iter().map(|&id| f(id)).collect::<Vec<_>>();
    of("members", "id", each(&|id| id.to_string()));
    of("members", "head_id", each(&|id| text(world.head(id))));
    of("members", "lead_id", each(&|id| text(world.lead(id))));
    of("members", "below", each(&|id| world.sizes(&world.below(id)).to_string()));
    of("members", "led", each(&|id| world.sizes(&world.led(id)).to_string()));
    of("members", "warmth", each(&|id| world.sizes(&world.friends(id)).to_string()));
    let each = |f: &dyn Fn(i32) -> String| teams.iter().map(|&id| f(id)).collect::<Vec<_>>();
    of("teams", "boss_id", each(&|id| text(world.teams[&id])));
    of("teams", "top_id", each(&|id| text(world.top(id))));
    of("teams", "best", each(&|id| world.sizes(&world.best(id)).to_string()));
    of("teams", "busy", each(&|id| world.sizes(&world.active(id)).to_string()));
}

fn db() -> (TestDb, World) {
    let db = test_db!(File::new(
        "CREATE TABLE members (
            id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES members (id) ON DELETE CASCADE, team_id INTEGER, size BIGINT NOT NULL,
            hidden BOOLEAN NOT NULL DEFAULT FALSE, active BOOLEAN NOT NULL DEFAULT FALSE,
            head_id INTEGER REFERENCES members (id) ON DELETE SET NULL, lead_id INTEGER REFERENCES members (id) ON DELETE SET NULL,
            below BIGINT NOT NULL DEFAULT 0, led BIGINT NOT NULL DEFAULT 0, warmth BIGINT NOT NULL DEFAULT 0);
         CREATE TABLE teams (
            id INTEGER PRIMARY KEY, boss_id INTEGER REFERENCES members (id) ON DELETE SET NULL,
            top_id INTEGER REFERENCES members (id) ON DELETE SET NULL, best BIGINT NOT NULL DEFAULT 0, busy BIGINT NOT NULL DEFAULT 0);
         CREATE TABLE friends (
            member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
            friend_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE, PRIMARY KEY (member_id, friend_id));
         INSERT INTO members (id, parent_id, team_id, size) VALUES (1, NULL, 1, 1), (2, 1, 1, 2), (3, 2, 2, 3), (4, NULL, NULL, 4);
         INSERT INTO teams (id, boss_id) VALUES (1, 4), (2, NULL);
         INSERT INTO friends VALUES (1, 2), (4, 1);
         UPDATE members SET head_id = 1 WHERE id IN (2, 3);
         UPDATE members SET lead_id = 4 WHERE id IN (1, 2);
         UPDATE members SET below = 5, warmth = 6 WHERE id = 1;
         UPDATE members SET warmth = 1 WHERE id = 2;
         UPDATE members SET led = 3, warmth = 1 WHERE id = 4;
         UPDATE teams SET top_id = 2, best = 3 WHERE id = 1;
         UPDATE teams SET top_id = 3, best = 3 WHERE id = 2;"
    ));
    db.execute(diesel::sql_query(ENFORCING)).expect("foreign keys");
    let person = |parent, team, size| Person { parent, team, size, hidden: false, active: false };
    let world = World {
        members: [
            (1, person(None, Some(1), 1)),
            (2, person(Some(1), Some(1), 2)),
            (3, person(Some(2), Some(2), 3)),
            (4, person(None, None, 4)),
        ]
        .into(),
        teams: [(1, Some(4)), (2, None)].into(),
        friends: [(1, 2), (1, 4)].into(),
    };
    (db, world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(feature = "sqlite") { 96 } else { 16 }, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_committed_is_what_a_plain_map_says(steps in prop::collection::vec(step(), 1..24)) {
        let (db, world) = db();
        db.register::<Member>();
        assert_kept_up(&db, &world);
        let world = RefCell::new(world);
        for step in &steps {
            run(&db, &world, step).expect("a step");
            assert_kept_up(&db, &world.borrow());
        }
    }
}

/// The record that a link has led to follows from it, too: it is deleted, and that is forgotten before the values that wait are sent.
#[test]
fn what_is_computed_for_a_record_that_is_not_there_is_not_written() -> Result<()> {
    let (db, world) = db();
    db.register::<Member>();
    let world = RefCell::new(world);
    run(&db, &world, &Step::Transaction(vec![Step::Delete(3), Step::Clear], true))?;
    assert_kept_up(&db, &world.borrow());
    assert!(db.record::<Member>(4).led().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

/// The database gives the key of a deleted record again, so that the same value is computed: the row does not hold it any more.
#[test]
fn a_link_to_a_key_that_comes_again_is_written() -> Result<()> {
    let (db, world) = db();
    db.register::<Member>();
    let world = RefCell::new(world);
    let (four, first) = (3, 0);
    run(&db, &world, &Step::Transaction(vec![Step::JoinByList(four, first), Step::Hide(1, true)], true))?;
    assert_kept_up(&db, &world.borrow());
    run(&db, &world, &Step::Transaction(vec![Step::Delete(four), Step::CreateActive(first, 2)], true))?;
    assert_kept_up(&db, &world.borrow());
    Ok(())
}
