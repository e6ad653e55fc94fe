//! `{:#?}` of a record, and `Display` of an environment, its cache and its statistics: none of it asks the database.

use orm_core::Result;
use orm_tests::TestDb;
use orm_tests::database::NAME;
use orm_tests::partners::{Partner, Tag};

#[test]
fn a_record_shows_what_is_cached_and_what_waits() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    let partner = db.record::<Partner>(18);
    assert_eq!(format!("{partner:#?}"), "Partner(18)");
    partner.name()?;
    partner.tag_ids().name()?;
    db.transaction(|| {
        partner.set_city("Ghent")?;
        partner.set_parent_id(None)?;
        let before = db.stats();
        let shown = format!("{partner:#?}");
        assert_eq!(db.stats(), before, "nothing is asked, and nothing counts as read");
        let country = partner.country_id().id()?.expect("a country");
        let tags: Vec<_> = partner.tag_ids().ids()?.iter().map(|tag| format!("Tag({tag})")).collect();
        for line in [
            "Partner(18) {",
            "    name: \"Partner number 18\",",
            "    lang: None,",
            "    city: \"Ghent\" (waits to be written),",
            "    parent_id: None (waits to be written),",
            &format!("    country_id: Country({country}),"),
            &format!("    tag_ids: [{}],", tags.join(", ")),
            "    credit: 22.5,",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "no {line:?} in {shown}");
        }
        // What is deferred was not read; and a name is still a name.
        assert!(!shown.contains("notes"), "{shown}");
        assert_eq!(format!("{partner:?}"), "Partner(18)");
        Ok(())
    })
}

#[test]
fn a_long_value_is_cut() -> Result<()> {
    let db = TestDb::of_partners(2, 1);
    let partner = db.record::<Partner>(1);
    partner.set_name("é".repeat(250))?;
    partner.name()?;
    let shown = format!("{partner:#?}");
    assert!(shown.contains(&format!("{}…", "é".repeat(198))) && !shown.contains(&"é".repeat(201)), "{shown}");
    Ok(())
}

#[test]
fn an_environment_prints_a_table() -> Result<()> {
    let db = TestDb::of_partners(40, 10);
    assert_eq!(db.stats().to_string().lines().count(), 1);
    db.all::<Partner>()?.country_id().name()?;
    db.transaction(|| {
        db.record::<Tag>(1).set_name("x")?;
        let table = db.to_string();
        let stats = db.stats();
        assert!(table.ends_with(&stats.to_string()) && table.ends_with(&db.cache().to_string()), "{table}");
        assert!(
            table.contains(": 2 statements (0 of them writes), ")
                && table.contains("1 waiting to be written"),
            "{table}"
        );
        let lines: Vec<&str> = table.lines().skip(1).collect();
        assert!(lines[0].starts_with("model ") && lines[1].starts_with("Partner "), "{table}");
        assert!(lines[1].contains("name, ") && lines[1].contains(" more"), "what nobody has read: {table}");
        assert!(lines.iter().any(|line| line.starts_with("Country ")), "{table}");
        // Of what was only linked to there is nothing to tell.
        assert!(!table.contains("Continent"), "{table}");
        let table = table.trim_start_matches(NAME);
        assert!(table.lines().all(|line| line.chars().count() < 130), "{table}");
        Ok(())
    })
}
