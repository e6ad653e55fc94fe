//! The writing job, on the connection that `super::Db` is: values, new records, deleted ones, links

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::shop::schema::{countries, partners};
use super::shop::{self, Account, Country, Partner, Tag};
use crate::place::Outcome;

/// Names that SQL would take amiss if they came into its text
const HOSTILE: [&str; 6] = [
    "'; DROP TABLE partners; --",
    "\\",
    "\"quoted\" `back`",
    "日本語 ☃ 🦀",
    "line\nbreak\ttab",
    "%_$1?:name",
];

#[test]
fn every_setter_outside_a_transaction_is_one_update() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    let france = env.create(Country::values().name("France").code("FR"))?;
    let azure = env.create(Partner::values().name("Azure"))?;
    let child = env.create(Partner::values().name("Brandon").parent_id(&azure))?;
    log.take();
    azure.set_name("Azure Interior")?;
    azure.set_lang(None)?;
    azure.set_lang("fr_BE")?;
    azure.set_credit(1.25)?;
    azure.set_active(false)?;
    azure.set_country_id(&belgium)?;
    azure.set_country_id(france.id())?;
    azure.set_country_id(None)?;
    azure.set_country_id(Id::<Country>::new(1))?;
    let begin = log.begin();
    assert_eq!(begin, ["UPDATE partners SET"; 9]);
    azure.set_name("Azure Interior")?;
    assert!(log.take().is_empty(), "an equal value is no write");
    for name in HOSTILE {
        azure.set_name(name)?;
        child.set_lang(name.chars().take(10).collect::<String>())?;
        env.cache().clear();
        assert_eq!(azure.name()?, name);
        assert_eq!(child.lang()?.as_deref(), Some(name.chars().take(10).collect::<String>().as_str()));
    }
    azure.write(Partner::values().name("Azure").lang("it").credit(2.5).active(true).country_id(&france))?;
    let other = place.environment()?;
    let read = other.record::<Partner>(azure.id());
    assert_eq!((read.name()?.as_str(), read.lang()?.as_deref()), ("Azure", Some("it")));
    assert_eq!((read.credit()?, read.active()?), (2.5, true));
    assert_eq!(read.country_id().code()?.as_deref(), Some("FR"));
    assert_eq!(read.child_ids().name()?, ["Brandon"]);
    Ok(())
}

#[test]
fn distinct_values_are_one_update_for_a_thousand() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let rows = (0..2300).map(|n| Partner::values().name(format!("Partner {n}")));
    let partners = env.create_many(rows)?;
    let inserts = log.take();
    let sent = |start: &str| inserts.iter().filter(|sql| sql.starts_with(start)).count();
    assert_eq!(sent("INSERT INTO partners"), 3, "{}", inserts.len());
    // MariaDB is asked for the first key of each.
    assert_eq!(inserts.len() - 3, 3 * super::ASKED_FOR_KEYS);
    env.transaction(|| {
        for (partner, n) in partners.iter().zip(0..) {
            partner.set_name(format!("Renamed {n}"))?;
            partner.set_lang((n % 3 > 0).then(|| Str::from(format!("l{n}"))))?;
        }
        assert!(log.take().is_empty(), "nothing is sent before the commit");
        Ok(())
    })?;
    let updates = log.take();
    assert_eq!(updates.len(), 3);
    for sql in &updates {
        assert!(sql.starts_with("UPDATE partners SET name = ") && sql.contains(super::DISTINCT), "{sql}");
    }
    assert_eq!(updates[0], updates[1], "one text, prepared once");
    let other = place.environment()?;
    for (partner, n) in other.all::<Partner>()?.iter().zip(0..) {
        assert_eq!(partner.name()?, format!("Renamed {n}"));
        assert_eq!(partner.lang()?, (n % 3 > 0).then(|| Str::from(format!("l{n}"))));
    }
    // The same value for all: it is sent once.
    partners.set_credit(0.5)?;
    let updates = log.take();
    assert_eq!(updates.len(), 1);
    assert!(updates.iter().all(|sql| !sql.contains(super::DISTINCT)), "{updates:?}");
    // Whatever is written of each goes together.
    env.transaction(|| {
        for (partner, n) in partners.iter().take(10).zip(0..) {
            if n % 2 > 0 { partner.set_name("odd")? } else { partner.set_active(false)? }
        }
        Ok(())
    })?;
    assert_eq!(log.begin(), ["UPDATE partners SET"]);
    other.cache().clear();
    for (partner, n) in other.browse::<Partner>(partners.ids()).iter().take(10).zip(0..) {
        let name = if n % 2 > 0 { "odd".to_owned() } else { format!("Renamed {n}") };
        assert_eq!((partner.name()?.as_str(), partner.active()?), (name.as_str(), n % 2 > 0));
    }
    assert_eq!(other.browse::<Partner>(partners.ids()).credit()?.iter().filter(|c| **c == 0.5).count(), 2300);
    Ok(())
}

#[test]
fn new_records_have_the_keys_that_the_database_gave() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let one = env.create(Partner::values().name("one"))?;
    assert_eq!(one.id(), 1);
    assert_eq!(one.name()?, "one");
    // Rows of different fields are one INSERT; what a row has not is the column's default.
    log.take();
    let some = env.create_many([
        Partner::values().name("two").lang("fr"),
        Partner::values().name("three").credit(3.0),
        Partner::values().name("four").lang(None).active(false),
    ])?;
    assert_eq!(log.take().len(), 1 + super::ASKED_FOR_KEYS);
    assert_eq!(some.ids(), [2, 3, 4]);
    // The defaults are read when they are asked for, for those that have not been given a value: one SELECT for the
    // language of the third, one for the credit of the others.
    assert_eq!(some.lang()?, [Some("fr".into()), Some("en".into()), None]);
    assert_eq!(some.credit()?, [10.0, 3.0, 10.0]);
    assert_eq!(some.active()?, [true, true, false]);
    assert_eq!(log.take().len(), 2);
    // Keys that are given, beside keys that are not: two INSERTs, in the order that was given.
    let mixed = env.create_many([
        Partner::values().id(1000).name("thousand"),
        Partner::values().name("next"),
        Partner::values().id(2000).name("two thousand"),
    ])?;
    assert_eq!(mixed.name()?, ["thousand", "next", "two thousand"]);
    assert_eq!((mixed.ids()[0], mixed.ids()[2]), (1000, 2000));
    let read = place.environment()?;
    assert_eq!(read.browse::<Partner>(mixed.ids()).name()?, ["thousand", "next", "two thousand"]);
    // Nothing given at all
    let tags = env.create_many(HOSTILE.map(|code| Tag::values().code(code).name(code)))?;
    assert_eq!(tags.ids(), HOSTILE);
    read.cache().clear();
    assert_eq!(read.browse::<Tag>(HOSTILE).name()?, HOSTILE);
    env.transaction(|| {
        tags.iter().zip(0..).try_for_each(|(tag, n)| tag.set_name(format!("{n}{}", tag.code()?)))
    })?;
    read.cache().clear();
    for (tag, n) in read.browse::<Tag>(HOSTILE).iter().zip(0..) {
        assert_eq!(tag.name()?, format!("{n}{}", HOSTILE[n]));
    }
    Ok(())
}

#[test]
fn the_keys_of_many_rows_belong_to_their_values() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let made = env.create_many((0..3500).map(|n| Partner::values().name(format!("P{n}"))))?;
    let read = place.environment()?;
    let there = read.browse::<Partner>(made.ids());
    for (partner, n) in there.iter().zip(0..) {
        assert_eq!(partner.name()?, format!("P{n}"));
    }
    Ok(())
}

#[test]
fn deleted_records_take_along_what_the_database_says() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    let parent = env.create(Partner::values().name("parent"))?;
    let children = env.create_many([
        Partner::values().name("a").parent_id(&parent),
        Partner::values().name("b").parent_id(&parent).country_id(&belgium),
        Partner::values().name("c").country_id(&belgium),
    ])?;
    assert_eq!(parent.child_ids().name()?, ["a", "b"]);
    log.take();
    parent.delete()?;
    assert_eq!(log.take().iter().filter(|sql| sql.starts_with("DELETE FROM partners")).count(), 1);
    assert!(parent.name().is_err_and(|error| error.is_missing_record()));
    assert_eq!(children.parent_id().load()?.len(), 0, "set to NULL");
    assert_eq!(children.name()?, ["a", "b", "c"]);
    assert_eq!(belgium.partner_ids().name()?, ["b", "c"]);
    belgium.delete()?;
    assert_eq!(children.map(|child| child.exists())?, [true, false, false], "cascaded");
    assert!(children.name().is_err_and(|error| error.is_missing_record()));
    let read = place.environment()?;
    assert_eq!(read.all::<Partner>()?.name()?, ["a"]);
    let thousands = env.create_many((0..2500).map(|n| Partner::values().name(n.to_string())))?;
    log.take();
    thousands.delete()?;
    assert_eq!(log.take().iter().filter(|sql| sql.starts_with("DELETE")).count(), 1);
    assert_eq!(env.all::<Partner>()?.len(), 1);
    let gone = thousands.get(7).ok_or("there are more")?;
    assert!(gone.delete().is_err_and(|error| error.is_missing_record()));
    Ok(())
}

#[test]
fn pairs_are_added_removed_set_and_created() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let azure = env.create(Partner::values().name("Azure"))?;
    let deco = env.create(Partner::values().name("Deco"))?;
    let tags = env.create_many(["a", "it's", "日本"].map(|code| Tag::values().code(code).name(code)))?;
    let (first, last) = (tags.slice(0..1), tags.slice(2..3));
    log.take();
    azure.tag_ids().add(&tags)?;
    assert_eq!(log.begin(), ["INSERT INTO partner_tags"]);
    // That they are there already is no error, whoever says so.
    let other = place.environment()?;
    other.record::<Partner>(azure.id()).tag_ids().add(&other.browse::<Tag>(["a", "日本"]))?;
    let read = |partner: &Record<Partner>| -> Outcome<Vec<Str>> {
        let env = place.environment()?;
        let ids = env.record::<Partner>(partner.id()).tag_ids().ids()?;
        Ok(ids)
    };
    assert_eq!(read(&azure)?, ["a", "it's", "日本"]);
    azure.tag_ids().remove(&first)?;
    assert_eq!(azure.tag_ids().ids()?, ["it's", "日本"]);
    assert_eq!(read(&azure)?, ["it's", "日本"]);
    azure.tag_ids().set(&first)?;
    assert_eq!(read(&azure)?, ["a"]);
    assert_eq!(first.partner_ids().name()?, ["Azure"]);
    let new = azure.tag_ids().create(Tag::values().code("new").name("New"))?;
    assert_eq!(new.partner_ids().ids()?, [azure.id()]);
    assert_eq!(read(&azure)?, ["a", "new"]);
    // In a transaction: one INSERT for all owners; a pair that comes and goes again is not written.
    log.take();
    env.transaction(|| {
        deco.tag_ids().add(&tags)?;
        deco.tag_ids().remove(&last)?;
        azure.tag_ids().add(&last)?;
        assert_eq!(last.partner_ids().name()?, ["Azure"]);
        Ok(())
    })?;
    let sent = log.begin();
    assert_eq!(sent.iter().filter(|sql| sql.starts_with("INSERT")).count(), 1, "{sent:?}");
    assert_eq!(sent.iter().filter(|sql| sql.starts_with("DELETE")).count(), 0, "{sent:?}");
    assert_eq!(read(&deco)?, ["a", "it's"]);
    assert_eq!(read(&azure)?, ["a", "new", "日本"]);
    // Many pairs
    let many = env.create_many((0..1500).map(|n| Tag::values().code(format!("t{n:04}")).name("t")))?;
    log.take();
    deco.tag_ids().set(&many)?;
    assert_eq!(read(&deco)?.len(), 1500);
    deco.tag_ids().remove(&many)?;
    assert_eq!(log.take().iter().filter(|sql| sql.contains("partner_tags")).count(), 2 + 1 + 2);
    assert!(read(&deco)?.is_empty());
    Ok(())
}

#[test]
fn moving_a_link_moves_the_record_between_lists() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    let france = env.create(Country::values().name("France").code("FR"))?;
    let partners = env.create_many(["a", "b"].map(|name| Partner::values().name(name).country_id(1)))?;
    assert_eq!(belgium.partner_ids().name()?, ["a", "b"]);
    assert!(france.partner_ids().is_empty()?);
    log.take();
    env.transaction(|| {
        partners.get(0).map(|partner| partner.set_country_id(&france)).transpose()?;
        assert_eq!(belgium.partner_ids().name()?, ["b"]);
        assert_eq!(france.partner_ids().name()?, ["a"]);
        assert!(log.take().is_empty(), "no query is needed for that");
        // A search sees it.
        let found: RecordSet<Partner> =
            partners::table.filter(partners::country_id.eq(france.id())).records(&env)?;
        assert_eq!(found.name()?, ["a"]);
        Ok(())
    })?;
    france.partner_ids().set(&partners)?;
    assert!(belgium.partner_ids().is_empty()?);
    france.partner_ids().remove(&partners)?;
    assert_eq!(
        place.environment()?.all::<Partner>()?.map(|partner| partner.country_id().id())?,
        [None, None]
    );
    let new = belgium.partner_ids().create(Partner::values().name("new"))?;
    assert_eq!(place.environment()?.record::<Country>(1).partner_ids().ids()?, [new.id()]);
    Ok(())
}

#[test]
fn a_version_counts_the_writes() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let accounts = env.create_many((1..=1200).map(|id| Account::values().id(id).amount(0)))?;
    assert_eq!(accounts.version()?.iter().max(), Some(&1));
    log.take();
    env.transaction(|| accounts.iter().zip(0..).try_for_each(|(account, n)| account.set_amount(n)))?;
    let updates = log.take();
    assert_eq!(
        updates.len(),
        2 * (1 + super::LOOKED_AT_ROWS),
        "{:?}",
        updates.iter().map(|sql| &sql[..40]).collect::<Vec<_>>()
    );
    let read =
        place.environment()?.all::<Account>()?.map(|account| Ok((account.amount()?, account.version()?)))?;
    assert!(read.iter().zip(0..).all(|(&row, n)| row == (n, if n == 0 { 1 } else { 2 })), "{:?}", &read[..3]);
    Ok(())
}

#[test]
fn raw_statements_see_what_was_written_and_are_seen() -> Outcome {
    let Some((_place, env, log)) = shop::open()? else { return Ok(()) };
    let partners = env.create_many(["a", "b"].map(|name| Partner::values().name(name)))?;
    let belgium = env.record::<Country>(1);
    assert_eq!(belgium.name()?, "Belgium");
    env.transaction(|| {
        partners.set_name("c")?;
        let rows = env.execute(
            diesel::update(partners::table.filter(partners::name.eq("c"))).set(partners::name.eq("d")),
        )?;
        assert_eq!(rows, 2);
        assert_eq!(partners.name()?, ["d", "d"]);
        partners.set_credit(4.0)?;
        let sum: Option<f64> = env.with_connection(|connection| {
            Ok(partners::table.select(diesel::dsl::sum(partners::credit)).first(connection)?)
        })?;
        assert_eq!(sum, Some(8.0));
        Ok(())
    })?;
    assert_eq!(belgium.name()?, "Belgium");
    log.take();
    env.touching().model::<Partner>().execute(diesel::update(partners::table).set(partners::name.eq("e")))?;
    assert_eq!(belgium.name()?, "Belgium");
    // MySQL is asked once more after the connection was lent.
    let sent = log.take().iter().filter(|sql| *sql != "SELECT @@autocommit").count();
    assert_eq!(sent, 1, "countries were not touched");
    assert_eq!(partners.name()?, ["e", "e"]);
    env.touching().model::<Country>().with_connection(|connection| {
        diesel::update(countries::table).set(countries::name.eq("België")).execute(connection)?;
        Ok(())
    })?;
    assert_eq!(belgium.name()?, "België");
    Ok(())
}

/// MariaDB takes 16 MiB in one statement and hangs up at more; no statement has more than half of that.
#[test]
fn large_values_are_more_statements() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let mut connection = place.connect()?;
    connection.batch_execute(super::LONG_NAMES)?;
    let long = |n: usize| format!("{n} {}", "x".repeat(100_000));
    let partners = env.create_many((0..180).map(|n| Partner::values().name(long(n))))?;
    let inserts = log.take().len();
    assert_eq!(inserts, 5 * (1 + super::ASKED_FOR_KEYS), "41 rows of 100,000 bytes are less than 4 MiB");
    env.transaction(|| partners.iter().zip(1000..).try_for_each(|(partner, n)| partner.set_name(long(n))))?;
    assert_eq!(log.take().len(), 6, "32 rows each");
    let names: Vec<String> =
        partners::table.select(partners::name).order(partners::id).load(&mut connection)?;
    assert!(names.iter().zip(1000..).all(|(name, n)| *name == long(n)));
    // The same value is sent once, and a short one fills the text up to a power of two.
    partners.set_name(long(0))?;
    assert_eq!(log.take().len(), 1);
    env.transaction(|| {
        partners
            .iter()
            .take(129)
            .zip(0..)
            .try_for_each(|(partner, n)| partner.set_name(if n == 128 { long(n) } else { n.to_string() }))
    })?;
    assert_eq!(log.take().len(), 1);
    Ok(())
}

/// Rows of one UPDATE have no order: what one gives up and another one takes are two.
#[test]
fn a_unique_value_changes_hands_with_a_flush_between() -> Outcome {
    let Some((place, env, _)) = shop::open()? else { return Ok(()) };
    let belgium = env.record::<Country>(1);
    let other = env.create(Country::values().name("Other").code("OO"))?;
    env.transaction(|| {
        other.set_code("O2")?;
        env.flush()?;
        belgium.set_code("OO")
    })?;
    assert_eq!(place.environment()?.all::<Country>()?.code()?, ["OO", "O2"]);
    Ok(())
}

/// What becomes NULL is given up before others take it.
#[test]
fn a_unique_value_that_becomes_null_changes_hands_in_one_flush() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    place.connect()?.batch_execute("CREATE UNIQUE INDEX langs ON partners (lang)")?;
    let values = |n: &str, lang: &str| Partner::values().name(n).lang(lang);
    let partners = env.create_many([values("a", "aa"), values("b", "bb"), values("c", "cc")])?;
    for (giver, taker, lang) in [(0, 1, "aa"), (1, 2, "aa"), (2, 0, "aa")] {
        let record = |at: usize| partners.get(at).ok_or("a partner");
        log.take();
        let (giver, taker) = (record(giver)?, record(taker)?);
        env.transaction(|| {
            taker.set_lang(lang)?;
            giver.set_lang(None)
        })?;
        assert_eq!(log.begin(), ["UPDATE partners SET"; 2]);
        let stored = place.environment()?;
        assert_eq!(stored.record::<Partner>(taker.id()).lang()?.as_deref(), Some(lang));
        assert_eq!(stored.record::<Partner>(giver.id()).lang()?, None);
    }
    Ok(())
}

#[test]
fn what_only_some_windows_write_is_in_their_statements_alone() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let partners = env.create_many((0..1100).map(|n| Partner::values().name(format!("p{n}"))))?;
    log.take();
    env.transaction(|| {
        for (partner, n) in partners.iter().zip(0..) {
            if n % 2 > 0 { partner.set_name(format!("odd {n}"))? } else { partner.set_active(false)? }
        }
        partners.get(1050).map_or(Ok(()), |partner| partner.set_lang("xx"))
    })?;
    assert_eq!(log.begin(), ["UPDATE partners SET"; 2]);
    for (partner, n) in place.environment()?.all::<Partner>()?.iter().zip(0..) {
        let name = if n % 2 > 0 { format!("odd {n}") } else { format!("p{n}") };
        let lang = Some(if n == 1050 { "xx" } else { "en" });
        assert_eq!(
            (&*partner.name()?, partner.active()?, partner.lang()?.as_deref()),
            (&*name, n % 2 > 0, lang)
        );
    }
    Ok(())
}
