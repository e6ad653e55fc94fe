//! What `tracing` is told: one event for each statement, with its text, model, reason, keys, rows, time and caller; a warning, with
//! model, field and place, for ten reads that could not be batched.

use std::time::Instant;

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::no_table;
use orm_tests::events::Seen;
use orm_tests::partners::*;
use orm_tests::{File, TestDb, on, test_db};
use tracing::Level;

/// The events of a piece of work
fn events(work: impl FnOnce() -> Result<()>) -> Result<Vec<Seen>> {
    let mut result = Ok(());
    let events = orm_tests::events::events(|| result = work());
    result.map(|()| events)
}

/// Model, reason, keys and rows
#[track_caller]
fn select(seen: &Seen) -> (&str, &str, usize, usize) {
    let number = |name| seen.field(name).parse().expect("a whole number");
    assert_eq!((seen.level, seen.field("message")), (Level::DEBUG, "select"));
    (seen.field("model"), seen.field("reason"), number("keys"), number("rows"))
}

/// Does a piece of work, whose SELECTs must have these models, reasons, keys and rows.
#[track_caller]
fn assert_selects(
    db: &TestDb,
    expected: &[(&str, &str, usize, usize)],
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let before = db.stats().queries;
    let events = events(work)?;
    assert_eq!(events.iter().map(select).collect::<Vec<_>>(), expected);
    assert_eq!(db.stats().queries - before, expected.len(), "one event for each SELECT");
    Ok(())
}

#[test]
fn a_search_and_what_is_prefetched() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    assert_selects(&db, &[("Partner", "search", 0, 25)], || db.all::<Partner>().map(drop))?;
    let db = TestDb::of_partners(25, 4);
    let expected = [
        ("Partner", "search", 0, 25),
        ("Partner", "prefetch of city", 25, 25),
        ("Partner", "prefetch of notes", 25, 25),
        ("Country", "prefetch of name", 4, 4),
    ];
    assert_selects(&db, &expected, || {
        let partners = partners::table.record_ids::<Partner>(&db)?;
        partners.city()?;
        partners.notes()?;
        partners.country_id().name()?;
        // Hits
        partners.name()?;
        partners.country_id().code().map(drop)
    })
}

#[test]
fn keys_are_those_asked_for_and_rows_those_found() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    assert_selects(&db, &[("Partner", "prefetch of name", 3, 1)], || {
        let some = db.browse::<Partner>([7, 98, 99]);
        some.get(0).expect("in range").name()?;
        assert!(some.name().is_err());
        Ok(())
    })
}

#[test]
fn lists_and_counts_of_them_are_told_apart() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    let pairs: i64 = partner_tags::table.count().get_result(&mut db.file.connect())?;
    let (partners, countries) = (db.all::<Partner>()?, db.all::<Country>()?);
    let expected = [
        // The countries of 24 partners: one has none.
        ("Partner", "relation Country.partner_ids", 4, 24),
        ("Tag", "relation Partner.tag_ids", 25, pairs as usize),
        ("Partner", "count of Partner.child_ids", 25, 10),
    ];
    assert_selects(&db, &expected, || {
        countries.partner_ids().load()?;
        partners.iter().try_for_each(|partner| partner.tag_ids().ids().map(drop))?;
        partners.iter().try_for_each(|partner| partner.child_ids().len().map(drop))
    })
}

#[test]
fn batches_are_a_search_for_keys_and_what_each_prefetches() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    let expected = [
        ("Partner", "search", 0, 25),
        ("Partner", "prefetch of name", 20, 20),
        ("Partner", "prefetch of name", 5, 5),
    ];
    assert_selects(&db, &expected, || {
        db.in_batches(partners::table, 20, |batch: RecordSet<'_, Partner>| batch.name().map(drop))
    })
}

#[test]
fn the_time_is_that_of_the_select() -> Result<()> {
    let db = TestDb::of_partners(5_000, 4);
    let start = Instant::now();
    let events = events(|| db.all::<Partner>().map(drop))?;
    let took = start.elapsed().as_micros() as u64;
    let micros: u64 = events[0].field("micros").parse().expect("a whole number");
    // Reading 5,000 rows is nearly all of what was timed; a tenth leaves room for a busy machine.
    assert!(micros <= took && micros >= took / 10, "{micros} of {took} µs");
    Ok(())
}

#[test]
fn ten_single_reads_from_one_place_are_a_warning() -> Result<()> {
    let db = test_db!(File::of_partners(50, 4));
    let events = events(|| (1..=25).try_for_each(|id| db.record::<Partner>(id).name().map(drop)))?;
    let warnings: Vec<&Seen> = events.iter().filter(|seen| seen.level == Level::WARN).collect();
    assert_eq!(events.len(), 25 + warnings.len());
    let told: Vec<_> =
        warnings.iter().map(|w| (w.field("model"), w.field("field"), w.field("times"))).collect();
    assert_eq!(told, [("Partner", "name", "10")]);
    assert!(warnings[0].field("message").starts_with("Partner.name was read by 10 queries"), "{warnings:?}");
    // It is told before the SELECT that it is about.
    assert_eq!(events.iter().position(|seen| seen.level == Level::WARN), Some(9));
    Ok(())
}

#[test]
fn loops_over_a_set_warn_of_nothing() -> Result<()> {
    let db = test_db!(File::of_partners(50, 4), prefetch_limit(2));
    let events = events(|| {
        let partners = partners::table.record_ids::<Partner>(&db)?;
        partners.iter().try_for_each(|partner| partner.country_id().name().map(drop))
    })?;
    assert!(events.len() > 25 && events.iter().all(|seen| seen.level == Level::DEBUG), "{events:?}");
    Ok(())
}

#[test]
fn a_statement_is_told_of_with_its_text_and_the_line_that_calls() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    let partners = db.all::<Partner>()?;
    let mut lines = Vec::new();
    let mut told = events(|| {
        lines.push(line!() + 1);
        partners.country_id().name()?;
        lines.push(line!() + 1);
        partners.get(3).expect("a partner").set_name("told")?;
        lines.push(line!() + 1);
        db.create(Partner::values().name("new").email("e").phone("p").city("c").active(true).credit(1.0))?;
        db.touching().model::<Tag>().execute(diesel::sql_query("DELETE FROM tags WHERE id = 1")).map(drop)
    })?;
    let expected = [
        ("select", "SELECT", "4"),
        ("write", "UPDATE", "1"),
        ("write", "INSERT", "1"),
        ("write", "DELETE", "1"),
    ];
    // MySQL does not give a row's number with its INSERT: it is asked for in the same transaction.
    let begun: Vec<_> = told.extract_if(.., |seen| seen.field("message") == "transaction").collect();
    let begun: Vec<_> = begun.iter().map(|seen| seen.field("db.query.text")).collect();
    assert_eq!(begun, on!(sqlite [""; 0], postgres [""; 0], mysql ["BEGIN", "COMMIT"]));
    let asked: Vec<_> = told.extract_if(.., |seen| seen.field("reason") == "the keys of new rows").collect();
    assert_eq!(asked.len(), on!(sqlite 0, postgres 0, mysql 1));
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (seen, (kind, operation, rows)) in told.iter().zip(expected) {
        let text = seen.field("db.query.text");
        assert!(text.starts_with(operation), "{text}");
        let fields = [seen.field("message"), seen.field("db.operation.name"), seen.field("rows")];
        assert_eq!(fields, [kind, operation, rows]);
        assert_eq!(seen.field("db.system.name"), orm_tests::database::SYSTEM);
        assert!(seen.field("code.file.path").ends_with("every_select_is_an_event.rs"), "{seen:?}");
        // Values are nobody's business unless it is asked for.
        assert!(!text.contains("told") && !text.contains("new"), "{text}");
    }
    for (seen, line) in told.iter().zip(lines) {
        assert_eq!(seen.field("code.line.number"), line.to_string());
    }
    assert_eq!((told[1].field("model"), told[1].field("reason")), ("Partner", "writing Partner.name of 4"));
    Ok(())
}

/// MySQL is asked for the keys by a SELECT, which counts like any other.
#[test]
fn what_a_create_sends_besides_is_told_of_as_it_is_counted() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    let before = db.stats().queries;
    let new = |n| {
        let values = Partner::values().name(format!("new {n}")).email("e").phone("p").city("c");
        values.active(true).credit(1.0)
    };
    let mut told = events(|| db.create_many((0..3).map(new)).map(drop))?;
    told.retain(|seen| seen.field("message") != "transaction");
    assert_eq!(told.len(), db.stats().queries - before, "{told:#?}");
    let field = |name| told.iter().map(|seen| seen.field(name)).collect::<Vec<_>>();
    assert_eq!(
        field("db.operation.name"),
        on!(sqlite vec!["INSERT"], postgres vec!["INSERT"], mysql vec!["INSERT", "SELECT"])
    );
    assert_eq!(field("rows"), on!(sqlite vec!["3"], postgres vec!["3"], mysql vec!["3", "1"]));
    assert!(field("model").iter().all(|model| *model == "Partner"));
    Ok(())
}

#[test]
fn values_are_told_if_it_is_asked_for() -> Result<()> {
    let db = test_db!(File::of_partners(25, 4), trace_values());
    let told = events(|| db.record::<Partner>(3).set_name("secret"))?;
    assert!(told[0].field("db.query.text").contains("secret"), "{told:?}");
    Ok(())
}

#[test]
fn transactions_and_what_fails_are_told_of() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    let told = events(|| {
        db.transaction(|| {
            let inner: Result<()> =
                db.transaction(|| db.execute(diesel::sql_query("DELETE FROM nowhere")).map(drop));
            assert!(inner.is_err());
            db.with_connection(|_| Ok(()))?;
            db.record::<Partner>(3).set_name("kept")
        })
    })?;
    let kinds: Vec<_> =
        told.iter().map(|seen| (seen.field("message"), seen.field("db.operation.name"))).collect();
    assert_eq!(
        kinds,
        [
            ("transaction", "BEGIN"),
            ("transaction", "SAVEPOINT"),
            ("write", "DELETE"),
            ("transaction", "ROLLBACK"),
            ("transaction", "SAVEPOINT"),
            ("lent", ""),
            ("write", "UPDATE"),
            ("transaction", "COMMIT"),
        ]
    );
    assert!(told[2].field("error").contains(&no_table("nowhere")), "{:?}", told[2]);
    Ok(())
}

#[test]
fn an_inspection_shows_what_was_sent_and_what_came_again() -> Result<()> {
    let db = TestDb::of_partners(25, 4);
    assert!(db.inspection().statements.is_empty());
    db.all::<Tag>()?;
    db.inspect();
    let partners = db.all::<Partner>()?;
    partners.country_id().name()?;
    for id in 1..4 {
        db.record::<Partner>(id).notes()?;
    }
    db.transaction(|| db.record::<Partner>(1).set_name("<b>"))?;
    assert!(db.execute(diesel::sql_query("DELETE FROM nowhere")).is_err());
    let inspection = db.inspection();
    let told = |index: usize| {
        let statement = &inspection.statements[index];
        (statement.kind, statement.model, statement.rows, statement.times)
    };
    assert_eq!(told(0), ("select", "Partner", Some(25), 1));
    assert_eq!(told(1), ("select", "Country", Some(4), 1));
    assert_eq!((told(2), told(4)), (("select", "Partner", Some(1), 3), ("select", "Partner", Some(1), 3)));
    assert_eq!(inspection.statements.len(), 9, "{inspection}");
    assert!(inspection.statements[8].error.is_some() && inspection.in_database() <= inspection.took);
    let (text, page) = (inspection.to_string(), inspection.to_html());
    assert!(
        text.contains("(3 times from this line)") && text.contains("every_select_is_an_event.rs:"),
        "{text}"
    );
    assert!(page.contains("3 times from this line") && page.contains("nowhere"), "{page}");
    // Values are not shown, nor taken for HTML.
    assert!(!page.contains("<b>\""), "{page}");
    assert_eq!(page.matches("<tr ").count(), 9);
    assert!(text.starts_with("9 statements in "), "{text}");
    // The style is there once, and by itself; what was only linked to is not told of.
    let panel = inspection.panel();
    assert!(page.starts_with("<style>") && page.ends_with(&panel) && !panel.contains("<style>"), "{page}");
    assert!(page.contains(orm_core::Inspection::style()));
    assert!(panel.contains("<td>Country</td>") && !panel.contains("<td>Continent</td>"), "{panel}");
    // Begun anew.
    db.inspect();
    assert!(db.inspection().statements.is_empty());
    db.record::<Partner>(7).notes()?;
    assert!(db.inspection().to_string().starts_with("1 statement in "));
    Ok(())
}

#[test]
fn what_leaves_the_cache_to_make_room_is_told_of() -> Result<()> {
    let db = test_db!(File::of_partners(300, 4), cache_limit(100));
    let told = events(|| {
        db.inspect();
        partners::table.record_ids::<Partner>(&db)?.iter().try_for_each(|partner| partner.name().map(drop))
    })?;
    let told: Vec<&Seen> = told.iter().filter(|seen| seen.field("message") == "evicted").collect();
    assert!(
        told.iter()
            .all(|seen| seen.level == Level::DEBUG
                && seen.field("table").trim_matches(['"', '`']) == "partners"),
        "{told:?}"
    );
    let records = told.iter().map(|seen| seen.field("records").parse::<usize>().expect("a number"));
    assert_eq!(records.sum::<usize>(), db.stats().evictions);
    let inspection = db.inspection();
    let evicted: usize = inspection.evictions.iter().map(|eviction| eviction.records).sum();
    assert_eq!(evicted, db.stats().evictions);
    assert!(evicted >= 200, "{evicted}");
    let line = "have left the cache";
    assert_eq!(inspection.to_string().matches(line).count(), inspection.evictions.len());
    assert_eq!(inspection.to_html().matches("class=\"orm-evicted\"").count(), inspection.evictions.len());
    // Where room was made is known as where a statement was sent from is.
    assert!(
        inspection
            .evictions
            .iter()
            .all(|eviction| eviction.place.is_some_and(|(file, _)| file.ends_with("event.rs")))
    );
    Ok(())
}
