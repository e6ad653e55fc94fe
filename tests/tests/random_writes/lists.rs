//! The steps that read and write to-many links.

use orm_core::Result;
use orm_core::prelude::*;

use crate::models::*;
use crate::run::Run;
use crate::steps::{Kind, Step, code, maybe};
use crate::world::owned;

impl Run<'_> {
    fn both<K: Ord + std::fmt::Debug>(
        &self,
        what: &str,
        mut found: Vec<K>,
        mut expected: Vec<K>,
        is_sorted: bool,
    ) {
        expected.sort();
        if !is_sorted {
            found.sort();
        }
        self.same(what, found, expected);
    }

    pub fn read_lists(&self, a: usize, b: usize, c: usize) -> Result<()> {
        // One record alone, or one of a set that is read with it
        let person = match c % 2 {
            0 => self.person(b),
            _ => self.env.browse::<Person>([a as i64, b as i64]).last().expect("two"),
        };
        let (team, tag) = (self.team(b), self.env.record::<Tag>(code(b)));
        let (key, team_key) = (b as i64, (b % 6) as i32);
        macro_rules! ids {
            ($link:expr) => {
                match c % 3 {
                    0 => $link.ids()?,
                    1 => $link.load()?.ids(),
                    _ => $link.name().and($link.ids())?,
                }
            };
        }
        match a % 9 {
            0 => self.both("members", ids!(team.member_ids()), owned(&self.links().team, &team_key), true),
            1 => {
                self.both(
                    "guests",
                    ids!(team.guest_ids()),
                    owned(&self.links().guest, &Some(team_key)),
                    true,
                );
            }
            2 => {
                self.both("reports", ids!(person.report_ids()), owned(&self.links().boss, &Some(key)), false);
            }
            3 => {
                self.both("badges", person.badge_ids().load()?.ids(), owned(&self.links().badge, &key), true);
            }
            4 => {
                self.both("fans", ids!(tag.fan_ids()), owned(&self.links().tag, &Some(code(b).into())), true);
            }
            5 => {
                let codes = person.tag_codes().ids()?.into_iter().map(String::from).collect();
                self.both("tags", codes, self.links().tags_of(key), false);
            }
            6 => self.both("persons", ids!(tag.person_ids()), self.links().persons_of(code(b)), true),
            7 => self.both("friends", ids!(person.friend_ids()), self.links().friends_of(key), true),
            _ => self.both("liked by", ids!(person.liked_by_ids()), self.links().liked_by(key), false),
        }
        Ok(())
    }

    /// All counts of one owner of each model: a change of one may be seen in another
    pub fn read_counts(&self, b: usize) -> Result<()> {
        let (person, team, tag) = (self.person(b), self.team(b), self.env.record::<Tag>(code(b)));
        let (key, team_key) = (b as i64, (b % 6) as i32);
        for which in 0..9 {
            match which {
                0 => {
                    self.same(
                        "members",
                        team.member_ids().len()?,
                        owned(&self.links().team, &team_key).len(),
                    );
                }
                1 => self.same(
                    "guests",
                    team.guest_ids().len()?,
                    owned(&self.links().guest, &Some(team_key)).len(),
                ),
                2 => {
                    self.same(
                        "reports",
                        person.report_ids().len()?,
                        owned(&self.links().boss, &Some(key)).len(),
                    );
                }
                3 => self.same("badges", person.badge_ids().len()?, owned(&self.links().badge, &key).len()),
                4 => {
                    self.same(
                        "fans",
                        tag.fan_ids().len()?,
                        owned(&self.links().tag, &Some(code(b).into())).len(),
                    );
                }
                5 => self.same("tags", person.tag_codes().len()?, self.links().tags_of(key).len()),
                6 => self.same("persons", tag.person_ids().len()?, self.links().persons_of(code(b)).len()),
                7 => self.same("friends", person.friend_ids().len()?, self.links().friends_of(key).len()),
                _ => self.same("liked by", person.liked_by_ids().len()?, self.links().liked_by(key).len()),
            }
        }
        Ok(())
    }

    pub fn act_on_lists(&self, Step { kind, a, b, c }: Step) -> Result<()> {
        let (person, team) = (self.person(a), self.team(a));
        let (persons, tags) = (self.persons(b, c), self.tags(b, c));
        let others = persons.ids();
        let (key, team_key) = (a as i64, (a % 6) as i32);
        match kind {
            Kind::Add => match (b + c) % 3 {
                0 => {
                    team.guest_ids().add(&persons)?;
                    others.iter().for_each(|other| self.wrote("guest_id", other, Some(team_key)));
                }
                1 => {
                    person.report_ids().add(&persons)?;
                    others.iter().for_each(|other| self.wrote("boss_id", other, Some(key)));
                }
                _ => {
                    team.member_ids().add(&persons)?;
                    others.iter().for_each(|other| self.wrote("team_id", other, team_key));
                }
            },
            Kind::Remove => match c % 3 {
                0 => {
                    self.moved("guest_id");
                    team.guest_ids().remove(&persons)?;
                    let guests = owned(&self.links().guest, &Some(team_key));
                    self.same("are guests", others.iter().any(|other| guests.contains(other)), false);
                }
                1 => {
                    self.moved("boss_id");
                    person.report_ids().remove(&persons)?;
                    let reports = owned(&self.links().boss, &Some(key));
                    self.same("are reports", others.iter().any(|other| reports.contains(other)), false);
                }
                // Of a link that is NOT NULL this is refused, unless none of them is a member.
                _ => team.member_ids().remove(&persons)?,
            },
            Kind::Replace => match c % 3 {
                0 => {
                    self.moved("guest_id");
                    team.guest_ids().set(&persons)?;
                    self.both("guests", owned(&self.links().guest, &Some(team_key)), distinct(others), true);
                }
                1 => {
                    self.moved("boss_id");
                    person.report_ids().set(&persons)?;
                    self.both("reports", owned(&self.links().boss, &Some(key)), distinct(others), true);
                }
                _ => {
                    self.moved("team_id");
                    team.member_ids().set(&persons)?;
                    self.both("members", owned(&self.links().team, &team_key), distinct(others), true);
                }
            },
            Kind::CreateIn => {
                let created = match c % 3 {
                    0 => team
                        .member_ids()
                        .create(Person::values().name("in").guest_id(maybe(b, Id::new(b as i32))))?
                        .id(),
                    1 => {
                        person.report_ids().create(Person::values().name("in").team_id((b % 5) as i32))?.id()
                    }
                    _ => person.badge_ids().create(Badge::values().label("in"))?.id().into(),
                };
                let links = self.links();
                let is_in = match c % 3 {
                    0 => links.team.get(&created) == Some(&team_key),
                    1 => links.boss.get(&created) == Some(&Some(key)),
                    _ => links.badge.get(&(created as i32)) == Some(&key),
                };
                self.same("is a member", is_in, true);
            }
            Kind::AddPair | Kind::RemovePair => {
                let add = kind == Kind::AddPair;
                // From both sides
                match c % 5 {
                    // Several owners, each of whom gets all
                    4 if add => persons.tag_codes().add(&tags)?,
                    4 => persons.tag_codes().remove(&tags)?,
                    0 if add => person.friend_ids().add(&persons)?,
                    0 => person.friend_ids().remove(&persons)?,
                    1 if add => person.liked_by_ids().add(&persons)?,
                    1 => person.liked_by_ids().remove(&persons)?,
                    2 if add => person.tag_codes().add(&tags)?,
                    2 => person.tag_codes().remove(&tags)?,
                    _ if add => tags.first().expect("one").person_ids().add(&persons)?,
                    _ => tags.first().expect("one").person_ids().remove(&persons)?,
                }
                let pending = &mut *self.pending.borrow_mut();
                match c % 5 {
                    4 => {
                        let pairs = others.iter().flat_map(|other| {
                            tags.ids().into_iter().map(move |tag| (*other, tag.to_string()))
                        });
                        pending.person_tags.extend(pairs.map(|pair| (pair, add)));
                    }
                    0 => pending.friends.extend(others.iter().map(|&other| ((key, other), add))),
                    1 => pending.friends.extend(others.iter().map(|&other| ((other, key), add))),
                    2 => {
                        pending
                            .person_tags
                            .extend(tags.ids().iter().map(|tag| ((key, tag.to_string()), add)));
                    }
                    _ => {
                        pending
                            .person_tags
                            .extend(others.iter().map(|&other| ((other, code(b).into()), add)));
                    }
                }
            }
            Kind::ReplacePairs if c % 2 == 0 => {
                let before = self.links().friends_of(key);
                person.friend_ids().set(&persons)?;
                let pending = &mut *self.pending.borrow_mut();
                pending.friends.extend(before.iter().map(|&other| ((key, other), false)));
                pending.friends.extend(others.iter().map(|&other| ((key, other), true)));
            }
            Kind::ReplacePairs => {
                let before = self.links().tags_of(key);
                person.tag_codes().set(&tags)?;
                let pending = &mut *self.pending.borrow_mut();
                pending.person_tags.extend(before.into_iter().map(|tag| ((key, tag), false)));
                pending.person_tags.extend(tags.ids().iter().map(|tag| ((key, tag.to_string()), true)));
            }
            Kind::CreatePair => {
                let friend =
                    person.friend_ids().create(Person::values().name("friend").team_id((b % 5) as i32))?;
                self.pending.borrow_mut().friends.insert((key, friend.id()), true);
            }
            _ => unreachable!("{kind:?} is no step on lists"),
        }
        Ok(())
    }
}

fn distinct(keys: Vec<i64>) -> Vec<i64> {
    keys.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
