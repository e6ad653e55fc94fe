//! Fields that show another record's field, and computed fields that can be set.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::computed::{Contact, Country, contacts, countries};

mod schema {
    #![allow(missing_docs)]
    diesel::table! { contacts { id -> Integer, name -> Text, country_id -> Nullable<Integer>, parent_id -> Nullable<Integer> } }
}

/// The contacts once more, as another part of an application sees them
#[derive(Model)]
#[model(table = schema::contacts)]
struct Person {
    id: i32,
    name: String,
    country_id: Option<Id<Country>>,
    parent_id: Option<Id<Self>>,
    #[model(related = country_id.code)]
    country_code: Computed<Option<String>>,
    /// Through two links, to a computed field
    #[model(related = parent_id.country_id.name)]
    parent_country: Computed<Option<String>>,
    #[model(related = parent_id.shout)]
    parent_shout: Computed<Option<String>>,
    #[model(compute = shout, inverse = set_shout)]
    shout: Computed<String>,
    #[model(compute = code, inverse = set_code)]
    code: Computed<Option<String>>,
}

fn shout(person: &Record<Person>) -> Result<String> {
    Ok(person.name()?.to_uppercase())
}

fn set_shout(person: &Record<Person>, shout: String) -> Result<()> {
    if shout.is_empty() {
        return Err(Error::other("nobody is called so"));
    }
    person.set_name(shout.to_lowercase())
}

fn code(person: &Record<Person>) -> Result<Option<String>> {
    Ok(person.country_code()?.map(String::from))
}

fn set_code(person: &Record<Person>, code: Option<String>) -> Result<()> {
    let country = match code {
        Some(code) => person.env().find::<Country>(countries::code.eq(code))?,
        None => None,
    };
    person.set_country_id(&country)
}

#[test]
fn a_related_field_is_that_of_where_links_lead() -> Result<()> {
    let db = contacts(2000);
    let people = db.all::<Person>()?;
    db.assert_queries(1, || {
        for person in &people {
            let code = if person.id() % 2 == 0 { "BE" } else { "FR" };
            assert_eq!(person.country_code()?.as_deref(), Some(code));
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(people.get(0).expect("one").parent_country()?, None);
    assert_eq!(people.get(3).expect("four").parent_country()?.as_deref(), Some("Belgium"));
    assert_eq!(people.get(3).expect("four").parent_shout()?.as_deref(), Some("C2"));
    db.record::<Country>(1).set_code("xx")?;
    assert_eq!(people.get(1).expect("two").country_code()?.as_deref(), Some("xx"));
    // Written through another model of the table
    db.record::<Contact>(2).set_name("two")?;
    assert_eq!(people.get(3).expect("four").parent_shout()?.as_deref(), Some("TWO"));
    Ok(())
}

#[test]
fn setting_it_is_what_its_function_does() -> Result<()> {
    let db = contacts(4);
    let person = db.record::<Person>(1);
    db.assert_queries(1, || person.set_shout("ANN"))?;
    assert_eq!((person.name()?, person.shout()?), ("ann".into(), "ANN".into()));
    person.set_code("BE".to_owned())?;
    assert_eq!((person.country_id().id()?, person.code()?), (Some(1), Some("BE".into())));
    person.set_code(None)?;
    assert_eq!((person.country_id().id()?, person.code()?), (None, None));
    // All or none, on sets and behind links
    let people = db.browse::<Person>(1..=4);
    people.set_shout("ALL")?;
    assert_eq!(people.name()?, ["all"; 4]);
    assert!(people.set_shout("").is_err());
    db.transaction(|| people.set_shout("IN ONE"))?;
    assert_eq!(db.file.values("SELECT DISTINCT name AS value FROM contacts"), ["in one"]);
    db.record::<Person>(2).parent_id().set_shout("P")?;
    assert_eq!(db.record::<Person>(1).name()?, "p");
    Ok(())
}

#[test]
#[cfg_attr(not(feature = "sqlite"), ignore = "its SQL is SQLite's, or its numbers are")]
fn what_fails_half_way_is_undone() -> Result<()> {
    let db = contacts(4);
    let people = db.browse::<Person>(1..=4);
    db.file.run(
        "CREATE TRIGGER three BEFORE UPDATE ON contacts WHEN new.id = 3 BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    assert!(people.set_shout("X").is_err());
    assert_eq!(people.name()?, ["c1", "c2", "c3", "c4"]);
    // Also where an open transaction goes on
    db.transaction(|| {
        db.record::<Person>(4).set_shout("FOUR")?;
        assert!(people.set_shout("X").is_err());
        Ok(())
    })?;
    assert_eq!(people.name()?, ["c1", "c2", "c3", "four"]);
    Ok(())
}
