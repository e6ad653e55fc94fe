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
    /// May be NULL there
    #[model(related = country_id.code, inverse)]
    country_code: Computed<Option<String>>,
    /// Through two links; it is never NULL there
    #[model(related = parent_id.country_id.name, inverse)]
    parent_country: Computed<Option<String>>,
    /// To a computed field
    #[model(related = parent_id.shout, inverse)]
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
fn what_fails_half_way_is_undone() -> Result<()> {
    let db = contacts(4);
    let people = db.browse::<Person>(1..=4);
    db.file.run(
        "CREATE TRIGGER three BEFORE UPDATE ON contacts WHEN new.id = 3 BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    assert!(people.set_shout("X").is_err());
    assert_eq!(people.name()?, ["c1", "c2", "c3", "c4"]);
    // Also where an open transaction goes on, which PostgreSQL's does not
    if cfg!(feature = "postgres") {
        return Ok(());
    }
    db.transaction(|| {
        db.record::<Person>(4).set_shout("FOUR")?;
        assert!(people.set_shout("X").is_err());
        Ok(())
    })?;
    assert_eq!(people.name()?, ["c1", "c2", "c3", "four"]);
    Ok(())
}

#[test]
fn a_related_field_is_written_where_the_links_lead() -> Result<()> {
    let db = contacts(6);
    let people = db.browse::<Person>(1..=6);
    let [one, two, six] = [0, 1, 5].map(|at| people.get(at).expect("a person"));
    people.parent_country()?;
    // One UPDATE, of the country; all that show it do so anew.
    let (written, sent) = db.watch(|| two.set_country_code("B".to_owned()));
    written?;
    assert!(sent.iter().filter(|sent| !sent.is_select()).count() == 1, "{sent:?}");
    assert_eq!(
        (six.country_code()?.as_deref(), db.record::<Country>(1).code()?.as_deref()),
        (Some("B"), Some("B"))
    );
    two.set_country_code(None)?;
    assert_eq!((six.country_code()?, db.record::<Country>(1).code()?), (None, None));
    // Through two links, of which the first leads from two to one, and one is of the second country
    two.set_parent_country("Gallia".to_owned())?;
    assert_eq!(
        (two.parent_country()?.as_deref(), &*db.record::<Country>(2).name()?),
        (Some("Gallia"), "Gallia")
    );
    let error = two.set_parent_country(None).unwrap_err();
    assert!(matches!(error, Error::MissingValue { model: "Country", field: "name", .. }), "{error}");
    // Nobody would see that it went nowhere.
    let error = one.set_parent_country("x".to_owned()).unwrap_err();
    assert!(matches!(error, Error::NotOne { model: "Country", count: 0 }), "{error}");
    one.set_country_id(None)?;
    assert!(matches!(one.set_country_code("x".to_owned()).unwrap_err(), Error::NotOne { count: 0, .. }));
    // What the function of a computed field makes of it, and all or none of a set
    six.set_parent_shout("THREE".to_owned())?;
    assert_eq!(people.get(2).expect("three").name()?, "three");
    assert!(people.set_country_code("all".to_owned()).is_err());
    assert_eq!(
        db.file.values("SELECT coalesce(code, '') AS value FROM countries ORDER BY id"),
        ["", "FR", ""]
    );
    db.transaction(|| db.browse::<Person>([2, 3]).set_country_code("all".to_owned()))?;
    assert_eq!(
        db.file.values("SELECT coalesce(code, '') AS value FROM countries ORDER BY id"),
        ["all", "all", ""]
    );
    Ok(())
}
