//! A computed field may be a link: it is followed, batched, sorted and grouped by as one that stands in the row.

use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::computed::{called, calls};
use orm_tests::partners::series;
use orm_tests::{File, TestDb, test_db};

diesel::table! { regions (code) { code -> Text, name -> Text } }
diesel::table! { accounts (company, number) { company -> Integer, number -> Integer, name -> Text, code -> Nullable<Text> } }
diesel::table! { people { id -> Integer, name -> Text, boss_id -> Nullable<Integer>, code -> Nullable<Text>, company -> Nullable<Integer>, number -> Nullable<Integer> } }

#[derive(Model)]
struct Region {
    #[model(primary_key)]
    code: String,
    name: String,
}

#[derive(Model)]
#[model(primary_key(company, number))]
struct Account {
    company: i32,
    number: i32,
    name: String,
    #[model(column = code)]
    region_id: Option<Id<Region>>,
    #[model(inverse = Person::ACCOUNT_ID)]
    holder_ids: OneToMany<Person>,
}

#[derive(Model)]
#[model(table = people)]
struct Person {
    id: i32,
    name: String,
    boss_id: Option<Id<Self>>,
    #[model(column = code)]
    region_id: Option<Id<Region>>,
    #[model(columns(company, number))]
    account_id: Option<Id<Account>>,
    #[model(inverse = Person::BOSS_ID)]
    report_ids: OneToMany<Self>,
    /// Who stands above all, which may be the person itself
    #[model(compute = top)]
    top: Computed<Id<Self>>,
    /// Its own region, or that of its account
    #[model(compute = home, inverse = set_home)]
    home: Computed<Option<Id<Region>>>,
    #[model(related = boss_id.account_id, inverse)]
    boss_account: Computed<Option<Id<Account>>>,
    /// Through two computed links, to a third
    #[model(related = top.home.name)]
    top_home: Computed<Option<String>>,
    /// The first of those with the same account, found for all at once
    #[model(compute_all = first_holder)]
    first_holder: Computed<Option<Id<Self>>>,
    /// Follows from a field behind a computed link
    #[model(compute = title)]
    title: Computed<String>,
    /// One that there may not be
    #[model(compute = next)]
    next: Computed<Id<Self>>,
}

fn top<'env>(person: &Record<'env, Person>) -> Result<Record<'env, Person>> {
    called();
    Ok(match person.boss_id().load()? {
        Some(boss) => boss.top().load()?,
        None => person.clone(),
    })
}

fn home(person: &Record<Person>) -> Result<Option<Id<Region>>> {
    called();
    let own = person.region_id().id()?;
    Ok(if own.is_some() { own } else { person.account_id().region_id().id()? }.map(Id::new))
}

fn set_home(person: &Record<Person>, home: Option<Id<Region>>) -> Result<()> {
    person.set_region_id(home)
}

fn first_holder<'env>(people: &RecordSet<'env, Person>) -> Result<Vec<Option<Record<'env, Person>>>> {
    called();
    people.iter().map(|person| Ok(person.account_id().holder_ids().load()?.get(0))).collect()
}

fn title(person: &Record<Person>) -> Result<String> {
    called();
    Ok(format!("{} under {}", person.name()?, person.top().name()?))
}

fn next(person: &Record<Person>) -> Result<i32> {
    called();
    match person.name()?.as_str() {
        "p13" => Err(Error::other("thirteen")),
        _ => Ok(person.id() + 1),
    }
}

/// People 1 and 2 stand above all others; every second one has a region of its own, and all have one of ten accounts.
fn people(count: usize) -> TestDb {
    let db = test_db!(file(count));
    calls();
    db
}

fn file(count: usize) -> File {
    let numbers = series(count);
    File::new(&format!(
        "CREATE TABLE regions (code VARCHAR(10) PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE accounts (
            company INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, code VARCHAR(10), PRIMARY KEY (company, number));
        CREATE TABLE people (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss_id INTEGER, code VARCHAR(10), company INTEGER, number INTEGER);
        INSERT INTO regions VALUES ('N', 'North'), ('S', 'South');
        INSERT INTO accounts SELECT 1, value, 'x', 'S' FROM {};
        INSERT INTO people SELECT value, 'p' || value, CASE WHEN value > 2 THEN value - 2 END,
            CASE WHEN value % 2 = 0 THEN 'N' END, 1, 1 + value % 10 FROM {numbers};",
        series(10)
    ))
}

#[test]
fn a_loop_behind_a_computed_link_takes_its_inputs_and_the_targets() -> Result<()> {
    let db = people(3000);
    let all = db.all::<Person>()?;
    // The accounts, and the regions; both come with the first window.
    db.assert_queries(2, || {
        for person in &all {
            let home = if person.id() % 2 == 0 { "North" } else { "South" };
            assert_eq!(person.home().name()?.as_deref(), Some(home));
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(calls(), 3000);
    // Warm it is a link like any other.
    let hits = || db.stats().hits;
    let before = hits();
    db.assert_queries(0, || all.iter().try_for_each(|person| person.home().name().map(drop)))?;
    assert_eq!((calls(), hits() - before), (0, 6000));
    Ok(())
}

#[test]
fn a_distinct_target_each_is_one_prefetch_for_a_window() -> Result<()> {
    let db = people(3001);
    let some = db.browse::<Person>(1..=3000);
    // People in windows of 1,000; the one behind the last of each comes with the next ones.
    let (names, sent) = db.watch(|| {
        some.iter()
            .filter(|person| person.id() != 13)
            .map(|person| person.next().name())
            .collect::<Result<Vec<_>>>()
    });
    let names = names?;
    assert_eq!((names.len(), &*names[0], &*names[2998]), (2999, "p2", "p3001"));
    assert!(sent.len() <= 4, "{sent:#?}");
    Ok(())
}

#[test]
fn all_five_handles_read_what_is_behind_it() -> Result<()> {
    let db = people(20);
    let all = db.all::<Person>()?;
    let one = db.record::<Person>(9);
    assert_eq!(one.home().id()?.as_deref(), Some("S"));
    assert_eq!(one.top().id()?, 1);
    assert_eq!(one.boss_id().home().name()?.as_deref(), Some("South"));
    assert_eq!(one.top().top().name()?, "p1");
    assert_eq!(one.report_ids().home().name()?, ["South"]);
    assert_eq!(one.get(Person::HOME).get(Region::NAME)?.as_deref(), Some("South"));
    // Of many each target once, as with any link
    assert_eq!(all.top().name()?, ["p1", "p2"]);
    assert_eq!(all.top().home().name()?, ["South", "North"]);
    assert_eq!(all.top().load()?.ids(), [1, 2]);
    assert_eq!(all.top().report_ids().name()?, ["p3", "p4"]);
    assert_eq!(all.boss_account().name()?.len(), 10);
    assert_eq!(all.first_holder().len()?, 10);
    assert_eq!(one.boss_account().holder_ids().len()?, 2);
    assert_eq!(one.top_home()?.as_deref(), Some("South"));
    Ok(())
}

#[test]
fn it_sorts_groups_and_is_extracted() -> Result<()> {
    let db = people(20);
    let all = db.all::<Person>()?;
    let sorted = all.sort_by_key(|person| Ok((person.top().name()?, std::cmp::Reverse(person.id()))))?;
    assert_eq!(sorted.ids()[..3], [19, 17, 15]);
    let groups = all.group_by(|person| person.home().id())?;
    assert_eq!(groups.len(), 2);
    let values =
        all.extract((Person::TOP, Person::HOME, Person::HOME.with(Region::NAME).named("named")))?.values;
    assert_eq!(values[1], (2, Some(Str::from("N")), Some(Str::from("North"))));
    assert_eq!(all.filter(|person| person.top().is(&db.record(2)))?.len(), 10);
    assert_eq!(db.cache().get(Person::TOP, 8), Some(2));
    assert_eq!(db.cache().get(Person::HOME, 7), Some(Some(Str::from("S"))));
    assert!(format!("{:#?}", db.record::<Person>(8)).contains("top: Person(2)"));
    // Nobody stands under 20.
    db.cache().invalidate(Person::TOP, [20]);
    assert_eq!(db.cache().get(Person::TOP, 20), None);
    calls();
    all.prefetch_field(Person::TOP)?;
    assert_eq!((calls(), db.cache().get(Person::TOP, 20)), (1, Some(2)));
    Ok(())
}

#[test]
fn one_call_finds_the_links_of_all() -> Result<()> {
    let db = people(50);
    let all = db.all::<Person>()?;
    for person in &all {
        assert_eq!(
            person.first_holder().id()?,
            Some(match person.id() % 10 {
                0 => 10,
                first => first,
            })
        );
    }
    assert_eq!(calls(), 1);
    db.cache().invalidate_field(Person::FIRST_HOLDER);
    assert_eq!(all.first_holder().len()?, 10);
    assert_eq!(calls(), 1);
    // Not known when it is followed: the way is walked from where it began.
    db.cache().invalidate_field(Person::FIRST_HOLDER);
    let bosses: Vec<_> = all.iter().map(|person| person.boss_id()).collect();
    db.cache().invalidate_field(Person::BOSS_ID);
    calls();
    assert_eq!(bosses[7].first_holder().name()?.as_deref(), Some("p6"));
    assert_eq!(calls(), 1);
    Ok(())
}

#[test]
fn what_it_read_makes_it_missing_and_what_is_behind_it() -> Result<()> {
    let db = people(10);
    let all = db.all::<Person>()?;
    all.top_home()?;
    all.title()?;
    calls();
    // Who stands under 4 stands under 1 now: 4, 6, 8 and 10, and what follows from their link.
    db.record::<Person>(4).set_boss_id(3)?;
    assert_eq!(all.title()?[7], "p8 under p1");
    assert_eq!(calls(), 4 + 4);
    db.record::<Person>(1).set_name("first")?;
    assert_eq!(all.title()?[7], "p8 under first");
    assert_eq!(calls(), 9);
    // The region of the one above all
    db.record::<Person>(1).set_region_id("N")?;
    assert_eq!(all.top_home()?[9].as_deref(), Some("North"));
    assert_eq!(calls(), 1);
    // Undone, all follows
    let undone: Result<()> = db.transaction(|| {
        db.record::<Person>(3).set_boss_id(None)?;
        assert_eq!(all.get(7).expect("eight").top().id()?, 3);
        Err(Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(all.get(7).expect("eight").top().id()?, 1);
    Ok(())
}

#[test]
fn it_takes_what_a_link_takes() -> Result<()> {
    let db = people(6);
    let one = db.record::<Person>(5);
    one.set_home("N")?;
    assert_eq!(one.region_id().id()?.as_deref(), Some("N"));
    one.set_home(db.record::<Region>("S"))?;
    one.set_home(Id::<Region>::new(Str::from("N")))?;
    one.set_home(db.record::<Person>(3).home())?;
    assert_eq!(one.region_id().name()?.as_deref(), Some("South"));
    one.set_home(None)?;
    assert_eq!(one.region_id().id()?, None);
    // Written through where links lead
    one.set_boss_account((1, 2))?;
    assert_eq!(db.record::<Person>(3).account_id().id()?, Some((1, 2)));
    db.browse::<Person>([5, 6]).set_boss_account(None)?;
    assert_eq!(db.record::<Person>(4).account_id().id()?, None);
    assert!(matches!(db.record::<Person>(1).set_boss_account(None), Err(Error::NotOne { .. })));
    // A link that is computed is given for one that is not.
    db.record::<Person>(1).set_region_id(db.record::<Person>(2).home())?;
    assert_eq!(db.record::<Person>(1).home().id()?.as_deref(), Some("N"));
    Ok(())
}

#[test]
fn a_target_that_is_not_there_is_the_error_of_who_reads_it() -> Result<()> {
    let db = people(6);
    let all = db.all::<Person>()?;
    assert_eq!(all.get(5).expect("six").next().id()?, 7);
    assert!(matches!(all.get(5).expect("six").next().name(), Err(Error::MissingRecord { .. })));
    assert_eq!(all.get(4).expect("five").next().name()?, "p6");
    // It is no link of the database: what it leads to can be deleted, and nothing of the record goes.
    calls();
    db.record::<Person>(6).delete()?;
    assert_eq!(db.cache().get(Person::NAME, 5), Some(Str::from("p5")));
    assert!(matches!(all.get(4).expect("five").next().name(), Err(Error::MissingRecord { .. })));
    let new = db.create(Person::values().id(6).name("new"))?;
    assert_eq!(all.get(4).expect("five").next().name()?, "new");
    assert_eq!((new.top().id()?, calls()), (6, 1));
    Ok(())
}

#[test]
fn an_error_is_that_of_the_record_and_stops_no_batch() -> Result<()> {
    let db = people(101);
    let some = db.browse::<Person>(1..=100);
    let (found, sent) = db.watch(|| some.iter().map(|person| person.next().name()).collect::<Vec<_>>());
    for (person, name) in some.iter().zip(found) {
        match person.id() {
            13 => assert!(matches!(name, Err(Error::Other(_)))),
            id => assert_eq!(name?, format!("p{}", id + 1)),
        }
    }
    assert!(sent.len() <= 2, "{sent:#?}");
    Ok(())
}

#[test]
fn what_is_computed_ahead_is_nothing_to_what_is_computed() -> Result<()> {
    let db = people(40);
    let all = db.all::<Person>()?;
    // To read one title the links of all are computed, so that the names come together.
    assert_eq!(all.get(9).expect("ten").title()?, "p10 under p2");
    calls();
    // Of others' links none is an input.
    db.record::<Person>(1).set_region_id("N")?;
    db.record::<Person>(39).set_boss_id(None)?;
    assert_eq!(all.get(9).expect("ten").title()?, "p10 under p2");
    assert_eq!(calls(), 0);
    assert_eq!(all.title()?[38], "p39 under p39");
    Ok(())
}

#[test]
fn in_a_limited_cache_it_is_followed_too() -> Result<()> {
    let db = test_db!(file(200), cache_limit(50));
    let all = db.all::<Person>()?;
    for person in &all {
        let home = if person.id() % 2 == 0 { "North" } else { "South" };
        assert_eq!(person.home().name()?.as_deref(), Some(home));
        assert_eq!(person.top().id()?, 2 - person.id() % 2);
    }
    assert_eq!(all.home().name()?, ["South", "North"]);
    assert!(db.stats().records <= 50 + 1);
    Ok(())
}
