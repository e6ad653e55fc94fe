//! P6: a many2many link is one SELECT for the whole group; any key names, to itself, pairs that are there twice.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;
use orm_tests::partners::{Partner, Tag};

diesel::table! { people { id -> Integer, name -> Text } }
diesel::table! { friendships (a, b) { a -> Integer, b -> Integer, since -> Nullable<Text> } }
diesel::table! { skills (code) { code -> Text, label -> Text } }
diesel::table! { talents (who, what) { who -> Integer, what -> Text } }

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    #[model(through(friendships::a, friendships::b))]
    friend_ids: ManyToMany<Person>,
    #[model(through(friendships::b, friendships::a))]
    befriended_ids: ManyToMany<Person>,
    #[model(through(talents::who, talents::what), order = skills::label.desc())]
    skill_codes: ManyToMany<Skill>,
}

use diesel::ExpressionMethods;

#[derive(Model)]
#[model(table = skills)]
struct Skill {
    #[model(primary_key)]
    code: String,
    label: String,
    #[model(through(talents::what, talents::who))]
    person_ids: ManyToMany<Person>,
}

fn people() -> TestDb {
    TestDb::new(
        "CREATE TABLE people (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         CREATE TABLE friendships (a INTEGER NOT NULL, b INTEGER NOT NULL, since TEXT);
         CREATE TABLE skills (code TEXT PRIMARY KEY NOT NULL, label TEXT NOT NULL);
         CREATE TABLE talents (who INTEGER NOT NULL, what TEXT NOT NULL);
         INSERT INTO people VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Cy'), (4, 'Di');
         INSERT INTO friendships VALUES (1, 3, NULL), (1, 2, 'x'), (1, 3, 'y'), (1, 2, NULL), (2, 1, NULL), (3, 3, NULL), (1, 99, NULL), (98, 1, NULL);
         INSERT INTO skills VALUES ('c', 'Cooking'), ('d''s', 'Dancing'), ('x', 'Unused');
         INSERT INTO talents VALUES (1, 'c'), (1, 'd''s'), (2, 'd''s'), (1, 'd''s'), (3, 'nothing')",
    )
}

#[test]
fn one_select_for_the_whole_group() -> Result<()> {
    let db = TestDb::of_partners(1_000, 10);
    let all = db.all::<Partner>()?;
    let (result, statements) = db.watch(|| {
        all.iter().try_for_each(|partner| {
            let id = partner.id();
            let mut expected = vec![1 + id % 10, 1 + id * 3 % 10];
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(
                partner.tag_ids().name()?,
                expected.iter().map(|tag| format!("Tag {tag}")).collect::<Vec<_>>()
            );
            Ok::<_, Error>(())
        })
    });
    result?;
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!(statements[0].keys().len(), 1000);
    Ok(())
}

#[test]
fn from_both_sides() -> Result<()> {
    let db = TestDb::of_partners(100, 10);
    let tags = db.all::<Tag>()?;
    db.assert_keys(&[10, 100], || {
        for tag in &tags {
            for partner in &tag.partner_ids().load()? {
                assert!(partner.tag_ids().load()?.contains(&tag));
            }
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn to_itself_and_pairs_that_are_there_twice() -> Result<()> {
    let db = people();
    let all = db.all::<Person>()?;
    let friends = db.assert_queries(1, || all.map(|person| person.friend_ids().ids()))?;
    assert_eq!(
        friends,
        [vec![2, 3], vec![1], vec![3], vec![]],
        "each once; the one who does not exist is none"
    );
    let befriended = db.assert_queries(1, || all.map(|person| person.befriended_ids().name()))?;
    assert_eq!(befriended, [vec!["Bo"], vec!["Ada"], vec!["Ada", "Cy"], vec![]]);
    Ok(())
}

#[test]
fn friends_of_friends() -> Result<()> {
    let db = people();
    let ada = db.record::<Person>(1);
    assert_eq!(db.assert_keys(&[1, 2], || ada.friend_ids().friend_ids().name())?, ["Ada", "Cy"]);
    let all = db.all::<Person>()?;
    db.assert_queries(1, || {
        assert_eq!(
            all.map(|person| person.friend_ids().friend_ids().friend_ids().ids())?,
            [vec![2, 3], vec![1, 3], vec![3], vec![]]
        );
        Ok(())
    })
}

#[test]
fn an_order_and_text_keys() -> Result<()> {
    let db = people();
    let all = db.all::<Person>()?;
    let labels = db.assert_queries(1, || all.map(|person| person.skill_codes().label()))?;
    assert_eq!(labels, [vec!["Dancing", "Cooking"], vec!["Dancing"], vec![], vec![]]);
    let who =
        db.assert_queries(1, || db.browse::<Skill>(["c", "d's", "x"]).map(|skill| skill.person_ids().ids()))?;
    assert_eq!(who, [vec![1], vec![1, 2], vec![]]);
    Ok(())
}

#[test]
fn of_a_set_each_member_once_in_order_of_first_appearance() -> Result<()> {
    let db = people();
    let set = db.browse::<Person>([3, 2, 1]);
    assert_eq!(set.friend_ids().ids()?, [3, 1, 2]);
    assert_eq!(set.skill_codes().code()?, ["d's", "c"]);
    Ok(())
}

#[test]
fn counted_as_read() -> Result<()> {
    let db = people();
    let all = db.all::<Person>()?;
    assert_eq!(db.assert_queries(1, || all.map(|person| person.friend_ids().len()))?, [2, 1, 1, 0]);
    assert_eq!(db.assert_queries(1, || all.map(|person| person.skill_codes().len()))?, [2, 1, 0, 0]);
    Ok(())
}

#[test]
fn in_windows_of_a_thousand() -> Result<()> {
    let db = TestDb::of_partners(2_500, 10);
    let all = db.all::<Partner>()?;
    db.assert_keys(&[1000, 1000, 500], || {
        all.iter().try_for_each(|partner| partner.tag_ids().name().map(drop))
    })
}
