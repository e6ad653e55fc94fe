//! The steps that change which rows there are, or pass the cache by.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};

use crate::models::*;
use crate::run::Run;
use crate::steps::{Kind, Step, code, maybe};
use crate::world::owned;

impl Run<'_> {
    pub fn act_on_rows(&self, Step { kind, a, b, c }: Step) -> Result<()> {
        let env = self.env;
        match kind {
            Kind::Create => {
                let values = Person::values().name(format!("new {a}")).team_id((b % 5) as i32);
                let values = match c % 5 {
                    0 => values.id(a as i64),
                    1 => values.nick(Some(Str::from(format!("n{}", a % 4)))).boss_id(a as i64),
                    2 => values.guest_id((a % 4) as i32).tag_code(Id::<Tag>::new(code(a))),
                    // Without a name, which is NOT NULL
                    3 if a == 0 => Person::values().team_id(1),
                    _ => values,
                };
                let person = env.create(values)?;
                if c % 5 != 3 || a != 0 {
                    self.same("a name", person.name()?.as_str(), &*format!("new {a}"));
                }
                // Before a list is read what waits is sent, which may be refused.
                if let (0, Ok(badges), Ok(reports)) =
                    (b % 2, person.badge_ids().ids(), person.report_ids().len())
                {
                    // Links may have led to its key before there was such a row.
                    let (key, links) = (person.id(), self.links());
                    let expected = (owned(&links.badge, &key), owned(&links.boss, &Some(key)).len());
                    self.same("lists", (badges, reports), expected);
                }
            }
            Kind::CreateMany => {
                let values = |number: usize| {
                    Person::values().name(format!("many {number}")).team_id((number % 5) as i32)
                };
                let rows = [
                    values(a),
                    values(b).guest_id(1),
                    values(c).boss_id(b as i64),
                    values(a).nick(Some("n1".into())),
                ];
                let created = env.create_many(rows.into_iter().take(1 + a % 4))?;
                self.same(
                    "created",
                    created.name()?.get(1).is_none_or(|name| name == format!("many {b}").as_str()),
                    true,
                );
            }
            Kind::CreateOther => match c % 3 {
                0 => drop(env.create(Team::values().name(format!("T{a}")))?.size()?),
                1 => drop(env.create(Tag::values().code(code(a)).label("new"))?),
                _ => drop(env.create(Badge::values().label("new").person_id(a as i64))?),
            },
            Kind::CreateDrafts => self.create_drafts(a, b, c)?,
            Kind::Upsert => match c % 3 {
                0 => drop(env.upsert(Team::NAME, Team::values().name(format!("T{a}")).size(b as i32))?),
                1 => drop(env.upsert(Tag::CODE, Tag::values().code(code(a)).label(format!("up {b}")))?),
                _ => {
                    let values = Person::values().nick(Some(Str::from(format!("n{}", a % 4)))).name("up");
                    drop(env.upsert(
                        Person::NICK,
                        values.team_id((b % 5) as i32).boss_id(maybe(a, Id::new(c as i64))),
                    )?);
                    self.pending.borrow_mut().written.clear();
                }
            },
            Kind::DeletePersons => {
                let before = self.world();
                match c % 4 {
                    0 => self.person(a).report_ids().delete()?,
                    1 => self.person(a).friend_ids().delete()?,
                    _ => self.persons(a, b).delete()?,
                }
                // A list without members is nothing to delete, and nothing is sent.
                if !self.world().same_keys(&before) {
                    self.same("dirty", env.stats().dirty, 0);
                    self.pending.take();
                }
            }
            Kind::DeleteOther => {
                match c % 4 {
                    0 | 1 => self.team(a).delete(),
                    2 => env.record::<Tag>(code(a)).delete(),
                    _ => env.record::<Badge>(a as i32).delete(),
                }?;
                self.pending.take();
            }
            Kind::Invalidate => match c % 9 {
                0 => env.cache().invalidate(Person::NAME, [a as i64, b as i64]),
                1 => env.cache().invalidate(Person::BOSS_ID, [a as i64, b as i64]),
                2 => env.cache().invalidate_field(Person::TEAM_ID),
                3 => env.cache().invalidate_field(Team::MEMBER_IDS),
                4 => env.cache().invalidate(Person::FRIEND_IDS, [a as i64, b as i64]),
                5 => env.cache().invalidate_model::<Person>(),
                6 => env.cache().invalidate_model::<Badge>(),
                7 => env.cache().invalidate_field(Person::VERSION),
                _ => env.cache().clear(),
            },
            Kind::Limit => env.cache().set_limit([1, 2, 3, 7, 100, 1000][a % 6]),
            Kind::Put => {
                // As if loaded: what is in the row
                if let Some(row) = self.world().persons.get(&(a as i64)) {
                    env.cache().set(Person::NAME, row.id, Str::from(&*row.name));
                    env.cache().set(Person::NOTES, row.id, row.notes.as_deref().map(Str::from));
                }
            }
            Kind::Raw => {
                match c % 4 {
                    0 => {
                        env.execute(diesel::update(persons::table).set(persons::name.eq(format!("raw {a}"))))
                    }
                    1 => env.execute(diesel::delete(badges::table.filter(badges::id.eq(a as i32)))),
                    2 => env
                        .touching()
                        .model::<Team>()
                        .execute(diesel::update(teams::table.find(a as i32)).set(teams::size.eq(b as i32))),
                    _ => env.touching().model::<Person>().with_connection(|sql| {
                        let changed = diesel::update(persons::table.find(a as i64));
                        Ok(changed
                            .set((
                                persons::boss_id.eq(None::<i64>),
                                persons::version.eq(persons::version + 1),
                            ))
                            .execute(sql)?)
                    }),
                }?;
                self.same("dirty", env.stats().dirty, 0);
                self.pending.take();
            }
            Kind::RawRefused => {
                let refused = env.execute(
                    diesel::insert_into(badges::table)
                        .values((badges::label.eq("x"), badges::person_id.eq(999_i64))),
                );
                refused?;
                self.fault("a badge of nobody");
            }
            Kind::Flush => {
                env.flush()?;
                self.pending.borrow_mut().forget_pairs();
                self.same("dirty", env.stats().dirty, 0);
            }
            Kind::Batches => {
                let mut count = 0;
                let write = |batch: RecordSet<'_, Person>| {
                    for person in &batch {
                        count += 1;
                        if b % 2 == 0 {
                            person.set_name(format!("batch {a}"))?;
                            person.friend_ids().add(&self.person(c))?;
                            let pair = (person.id(), c as i64);
                            self.pending.borrow_mut().friends.insert(pair, true);
                            self.wrote("name", person.id(), format!("batch {a}"));
                        }
                    }
                    Ok(())
                };
                if c % 2 == 0 {
                    env.in_batches(persons::table.order(persons::id), 1 + a % 4, write)?;
                } else {
                    env.in_batches_by_key(persons::table, 1 + a % 4, write)?;
                }
                self.same("persons in batches", count, self.world().persons.len());
            }
            _ => self.act_on_lists(Step { kind, a, b, c })?,
        }
        Ok(())
    }

    /// Records of all models that link to each other before they are there, in no good order; some in a circle
    fn create_drafts(&self, a: usize, b: usize, c: usize) -> Result<()> {
        let mut drafts = self.env.drafts();
        let person = |number: usize| Person::values().name(format!("draft {number}"));
        let badge = drafts.add(Badge::values().label("draft"));
        let first = drafts.add(person(a).team_id((b % 5) as i32));
        let team = drafts.add(Team::values().name(format!("T{}", a + 4)));
        let second = drafts.add(person(b).guest_id(&maybe(c, team)).boss_id(first));
        let tag = drafts.add(Tag::values().code(code(a)).label("draft"));
        drafts.change(badge, |values| values.person_id(second))?;
        drafts.change(second, |values| {
            let values = values.team_id(team);
            if a.is_multiple_of(2) { values.nick(&maybe(b, format!("n{}", b % 4))) } else { values }
        })?;
        let boss = match c % 4 {
            0 => Some(second),
            1 => Some(first),
            _ => None,
        };
        if boss.is_some() {
            drafts.change(first, |values| values.boss_id(&boss))?;
        }
        match b % 3 {
            0 => drafts.change(first, |values| values.tag_code(tag))?,
            // Created and deleted again
            _ => drafts.discard(tag)?,
        }
        if c == 3 {
            drafts.discard(team)?;
            let refused = matches!(drafts.create(), Err(Error::DiscardedDraft { model: "Team", .. }));
            self.same("what links to nothing is refused", refused, true);
            return Ok(());
        }
        let created = drafts.create()?;
        let (first, second, team) = (created.get(first)?, created.get(second)?, created.get(team)?);
        let (links, world) = (self.links(), self.world());
        let row = |key: i64| world.persons.get(&key).map(|row| (row.name.clone(), row.team, row.boss));
        let led = boss.map(|boss| Ok::<_, Error>(created.get(boss)?.id())).transpose()?;
        self.same("the first draft", row(first.id()), Some((format!("draft {a}"), (b % 5) as i32, led)));
        let expected = Some((format!("draft {b}"), team.id(), Some(first.id())));
        self.same("the second draft", row(second.id()), expected);
        self.same("a draft's badge", links.badge.get(&created.get(badge)?.id()), Some(&second.id()));
        // What nobody could link to before has the members that it was created with.
        self.same("a draft's lists", team.member_ids().ids()?, owned(&links.team, &team.id()));
        Ok(())
    }
}
