//! To-one links: to oneself, two to one table, NOT NULL and nullable, chains of them, through NULLs.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::TestDb;

diesel::table! { places { id -> Integer, name -> Text, note -> Nullable<Text>, within -> Nullable<Integer> } }
diesel::table! { trips { id -> Integer, from_id -> Integer, to_id -> Integer, over_id -> Nullable<Integer>, back_id -> Nullable<Integer> } }

#[derive(Model)]
#[model(table = places)]
struct Place {
    id: i32,
    name: String,
    note: Option<String>,
    within: Option<Id<Place>>,
}

#[derive(Model)]
#[model(table = trips)]
struct Trip {
    id: i32,
    from_id: Id<Place>,
    to_id: Id<Place>,
    over_id: Option<Id<Place>>,
    back_id: Option<Id<Trip>>,
}

/// Places within each other, eight deep: 1 within none, 2 within 1, …; trips from one to the next
fn trips() -> TestDb {
    TestDb::new(
        "CREATE TABLE places (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, note TEXT, within INTEGER);
         CREATE TABLE trips (id INTEGER PRIMARY KEY NOT NULL, from_id INTEGER NOT NULL, to_id INTEGER NOT NULL, over_id INTEGER, back_id INTEGER);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 8)
         INSERT INTO places SELECT n, 'place ' || n, CASE WHEN n % 2 <> 0 THEN 'note ' || n END, CASE WHEN n > 1 THEN n - 1 END FROM s;
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 8)
         INSERT INTO trips SELECT n, n, 1 + n % 8, CASE WHEN n % 4 = 0 THEN 3 END, CASE WHEN n % 2 <> 0 THEN n + 1 END FROM s",
    )
}

#[test]
fn two_links_to_one_table_share_the_targets() -> Result<()> {
    let db = trips();
    let all = db.all::<Trip>()?;
    db.assert_keys(&[8], || {
        for trip in &all {
            let id = trip.id();
            assert_eq!(trip.from_id().name()?, format!("place {id}"));
            assert_eq!(trip.to_id().name()?, format!("place {}", 1 + id % 8));
        }
        Ok(())
    })
}

#[test]
fn a_not_null_link_gives_the_value_a_nullable_one_an_option() -> Result<()> {
    let db = trips();
    let trip = db.record::<Trip>(4);
    let name: Str = trip.from_id().name()?;
    let note: Option<Str> = trip.from_id().note()?;
    assert_eq!((&*name, note), ("place 4", None));
    let name: Option<Str> = trip.over_id().name()?;
    let note: Option<Str> = trip.over_id().note()?;
    assert_eq!((name.as_deref(), note.as_deref()), (Some("place 3"), Some("note 3")));
    let none = db.record::<Trip>(1).over_id();
    assert_eq!((none.name()?, none.note()?, none.id()?), (None, None, None));
    assert!(none.load()?.is_none());
    assert_eq!(trip.from_id().load()?.id(), 4);
    Ok(())
}

#[test]
fn chains_through_nulls_cost_nothing() -> Result<()> {
    let db = trips();
    let trip = db.record::<Trip>(2);
    trip.prefetch()?;
    db.assert_queries(0, || {
        assert_eq!(trip.over_id().name()?, None);
        assert_eq!(trip.over_id().within().within().within().name()?, None);
        assert_eq!(trip.back_id().back_id().over_id().within().id()?, None);
        assert_eq!(trip.back_id().from_id().within().load()?.map(|place| place.id()), None);
        trip.over_id().prefetch()?;
        Ok(())
    })
}

#[test]
fn a_not_null_link_behind_a_nullable_one_is_optional() -> Result<()> {
    let db = trips();
    let names = db.all::<Trip>()?.map(|trip| trip.back_id().from_id().name())?;
    assert_eq!(names[..3], [Some("place 2".into()), None, Some(Str::from("place 4"))]);
    Ok(())
}

#[test]
fn a_self_link_reads_rows_that_are_cached_already() -> Result<()> {
    let db = trips();
    let all = db.all::<Place>()?;
    db.assert_queries(0, || {
        for place in &all {
            let id = place.id();
            assert_eq!(place.within().within().within().id()?, (id > 3).then(|| id - 3));
            assert_eq!(place.within().name()?, (id > 1).then(|| format!("place {}", id - 1).into()));
        }
        Ok(())
    })
}

#[test]
fn a_self_link_up_to_the_top_is_a_select_per_level() -> Result<()> {
    let db = trips();
    let deepest = places::table.filter(places::id.eq(8)).first_record::<Place>(&db)?.expect("it is there");
    db.assert_keys(&[1; 7], || {
        let mut place = deepest.clone();
        let mut depth = 0;
        while let Some(next) = place.within().load()? {
            next.name()?;
            place = next;
            depth += 1;
        }
        assert_eq!(depth, 7);
        Ok(())
    })
}

#[test]
fn a_cycle_of_links_can_be_walked_for_ever() -> Result<()> {
    let db = trips();
    db.file.run("UPDATE places SET within = 8 WHERE id = 1");
    let mut place = db.record::<Place>(1);
    db.assert_queries(8, || {
        for _ in 0..800 {
            place = place.within().load()?.expect("a cycle");
        }
        assert_eq!(place.id(), 1);
        Ok(())
    })
}

#[test]
fn a_long_path_of_links_in_one_expression() -> Result<()> {
    let db = trips();
    let trips = db.all::<Trip>()?;
    let tops = db.assert_queries(1, || {
        trips.to_id().within().within().within().within().within().within().within().name()
    })?;
    assert_eq!(tops, ["place 1"]);
    let counts: Vec<usize> =
        trips.map(|trip| Ok(trip.to_id().within().within().name()?.map_or(0, |name| name.len())))?;
    assert_eq!(counts, [0, 7, 7, 7, 7, 7, 7, 0]);
    Ok(())
}

#[test]
fn a_link_of_a_set_leaves_nulls_out() -> Result<()> {
    let db = trips();
    let all = db.all::<Trip>()?;
    assert_eq!(all.over_id().ids()?, [3]);
    assert_eq!(all.over_id().len()?, 1);
    assert_eq!(all.back_id().ids()?, [2, 4, 6, 8]);
    assert_eq!(all.slice(0..2).over_id().load()?.len(), 0);
    assert!(all.slice(0..2).over_id().is_empty()?);
    Ok(())
}

#[test]
fn handles_that_outlive_what_they_came_from() -> Result<()> {
    let db = trips();
    let name = {
        let link = {
            let trips = db.all::<Trip>()?;
            let trip = trips.last().expect("there are some");
            trip.to_id().within()
        };
        db.cache().clear();
        link.name()?
    };
    assert_eq!(name, None);
    let link = db.record::<Trip>(3).back_id().to_id();
    assert_eq!(link.name()?, Some("place 5".into()));
    Ok(())
}

#[test]
fn a_link_moved_elsewhere_is_seen_after_invalidation() -> Result<()> {
    let db = trips();
    let trip = db.record::<Trip>(1);
    assert_eq!(trip.to_id().name()?, "place 2");
    db.file.run("UPDATE trips SET to_id = 7 WHERE id = 1");
    assert_eq!(trip.to_id().name()?, "place 2");
    db.cache().invalidate(Trip::TO_ID, [1]);
    assert_eq!(trip.to_id().name()?, "place 7");
    Ok(())
}

#[test]
fn a_handle_follows_the_cache_when_its_link_changes() -> Result<()> {
    let db = trips();
    let trip = db.record::<Trip>(1);
    let unread = trip.to_id();
    db.cache().set(Trip::TO_ID, 1, 5);
    assert_eq!(
        unread.name().map_err(|error: Error| error)?,
        "place 5",
        "not looked at before: it shows what is there now"
    );
    Ok(())
}

#[test]
fn a_record_that_was_reached_by_a_link_keeps_its_own_links() -> Result<()> {
    use orm_tests::partners::Partner;
    let db = orm_tests::TestDb::of_partners(20, 5);
    let set = db.all::<Partner>()?;
    let is_child = |partner: &Record<Partner>| partner.parent_id().is_some();
    let partner = set.find(|partner| is_child(partner))?.expect("one with a parent");
    let parent = partner.parent_id().load()?.expect("the parent");
    let country = parent.country_id().id()?;
    let is_other = |partner: &Record<Partner>| Ok(partner.country_id().id()? != country);
    let other = set.find(|partner| is_other(partner))?.expect("one elsewhere");
    partner.set_parent_id(&other)?;
    // It is read again for this record, wherever the link leads by now.
    db.cache().invalidate(Partner::COUNTRY_ID, [parent.id()]);
    assert_eq!(db.assert_queries(1, || parent.country_id().id())?, country);
    db.cache().invalidate(Partner::COUNTRY_ID, [parent.id()]);
    let link = parent.country_id();
    assert_eq!(link.id()?, country);
    // What the link leads to is what it leads to.
    db.cache().invalidate_field(Partner::COUNTRY_ID);
    assert_eq!(partner.parent_id().country_id().id()?, other.country_id().id()?);
    Ok(())
}
