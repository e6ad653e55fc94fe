//! Sets of values can be shown, compared, and made of the user's own struct.

use orm_core::prelude::*;
use orm_core::{IndexMap, Result, Values};
use orm_tests::database::File;
use orm_tests::partners::{Country, Partner};
use orm_tests::{TestDb, test_db};

diesel::table! { files { id -> Integer, name -> Text, note -> Nullable<Text>, body -> Binary, extra -> Nullable<Binary>, owner_id -> Nullable<Integer> } }
diesel::table! { places (shop, number) { shop -> Text, number -> Integer, note -> Nullable<Text> } }

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = files)]
struct Blobs {
    id: i32,
    name: String,
    note: Option<String>,
    body: Vec<u8>,
    extra: Option<Vec<u8>>,
    owner_id: Option<Id<Blobs>>,
    // The same column as above: it is given once.
    #[model(column = owner_id)]
    owner: Option<i32>,
    #[model(inverse = Blobs::OWNER_ID)]
    part_ids: OneToMany<Blobs>,
}

#[derive(Model, Debug, PartialEq)]
#[model(table = places, primary_key(shop, number))]
struct Shelf {
    shop: String,
    number: i32,
    note: Option<String>,
}

#[test]
fn they_show_what_is_given() {
    let values = Partner::values();
    assert_eq!(format!("{values:?}"), "PartnerValues");
    let values = values.name("Azure").lang(None).country_id(3);
    let shown = r#"PartnerValues { name: "Azure", lang: None, country_id: Some(Country(3)) }"#;
    assert_eq!(format!("{values:?}"), shown);
}

#[test]
fn they_are_equal_by_what_is_given() {
    let azure = || Partner::values().name("Azure").country_id(3);
    assert_eq!(azure(), azure());
    assert_ne!(azure(), azure().lang(None));
    assert_ne!(azure(), azure().country_id(4));
}

#[test]
fn a_struct_of_the_users_own_is_all_values_of_a_record() -> Result<()> {
    let sql = "CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, body BLOB NOT NULL, extra BLOB, owner_id INTEGER);
        CREATE TABLE places (shop TEXT NOT NULL, number INTEGER NOT NULL, note TEXT, PRIMARY KEY (shop, number))";
    let db = test_db!(File::new(sql), strict());
    let owner = db.create(Blobs::values().name("folder").body(b"x"))?;
    let blobs = Blobs {
        id: 7,
        name: "file".to_owned(),
        note: Some("of paper".to_owned()),
        body: vec![1, 2],
        extra: Some(vec![3]),
        owner_id: Some(Id::from(&owner)),
        owner: Some(owner.id()),
        part_ids: OneToMany::new(),
    };
    let created = db.create(Values::<Blobs>::from(blobs.clone()))?;
    assert_eq!(created.to_model()?, blobs);
    db.cache().clear();
    assert_eq!(db.record::<Blobs>(7).to_model()?, blobs);
    // And back: what was read is written elsewhere.
    let copy = Blobs { id: 8, extra: None, ..db.record::<Blobs>(7).to_model()? };
    db.create(Values::<Blobs>::from(copy))?;
    assert_eq!(owner.part_ids().ids()?, [7, 8]);
    let shelf = Shelf { shop: "a".to_owned(), number: 1, note: None };
    db.create(Values::<Shelf>::from(shelf))?;
    assert_eq!(db.all::<Shelf>()?.ids(), [("a".into(), 1)]);
    Ok(())
}

#[test]
fn types_in_signatures_have_names_here() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let groups: IndexMap<_, RecordSet<Country>> =
        db.all::<Country>()?.group_by(|country| country.continent_id().id())?;
    assert_eq!(groups.values().map(RecordSet::len).sum::<usize>(), 5);
    Ok(())
}

/// SQLite's dates and times are text.
#[cfg(all(feature = "sqlite", not(feature = "any")))]
mod dates {
    use super::*;

    diesel::table! { events { id -> Integer, at -> Timestamp, day -> Nullable<Date>, hour -> Time } }

    /// What diesel writes of a `String`, whatever the column's type
    #[derive(Model)]
    #[model(table = events)]
    struct Event {
        id: i32,
        at: String,
        day: Option<String>,
        hour: String,
    }

    #[test]
    fn text_is_written_wherever_diesel_writes_a_string() -> Result<()> {
        let sql = "CREATE TABLE events (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL, day DATE, hour TIME NOT NULL)";
        let db = test_db!(File::new(sql), strict());
        let events = db.create_many(
            (1..4).map(|n| Event::values().at(format!("2026-11-0{n} 12:00:00")).hour("10:00:00")),
        )?;
        db.transaction(|| {
            events.iter().try_for_each(|event| event.set_at(format!("2027-01-0{} 00:00:00", event.id())))
        })?;
        events.set_day("2027-01-01")?;
        assert_eq!(
            db.file.values("SELECT at || day || hour AS value FROM events WHERE id = 2"),
            ["2027-01-02 00:00:002027-01-0110:00:00"]
        );
        events.set_day(None)?;
        db.cache().clear();
        assert_eq!(
            (db.record::<Event>(3).at()?.as_str(), db.record::<Event>(3).day()?),
            ("2027-01-03 00:00:00", None)
        );
        Ok(())
    }
}
