//! Section 4 of the promise: what is written, created or deleted one by one, and statements of one's own, are told with the
//! place that does so, and refused by a strict environment; what can be sent together is not.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Repeated, Result, Values};
use orm_tests::partners::*;
use orm_tests::told::{Told, assert_not_told, here};
use orm_tests::{File, TestDb, test_db};

fn partners() -> File {
    File::of_partners(100, 10)
}

fn told(work: Repeated, model: &'static str, field: &'static str) -> Told {
    Told { file: partners, work, model, field }
}

/// All partners, read already
fn each(db: &TestDb, f: impl FnMut(Record<'_, Partner>) -> Result<()>) -> Result<()> {
    db.all::<Partner>()?.into_iter().try_for_each(f)
}

fn tag(name: &str) -> Values<Tag> {
    Tag::values().name(name)
}

#[test]
fn setters_outside_of_a_transaction() {
    let turn = std::cell::Cell::new(0);
    let name = |partner: &Record<'_, Partner>| {
        turn.set(turn.get() + 1);
        format!("{} {}", partner.id(), turn.get())
    };
    told(Repeated::Write, "Partner", "name")
        .after(1 + 9, |db, line| each(db, |partner| here!(line, partner.set_name(name(&partner)))));
    told(Repeated::Write, "Partner", "parent_id").after(1 + 9, |db, line| {
        each(db, |partner| here!(line, partner.set_parent_id(50 + (turn.replace(turn.get() + 1)) % 49)))
    });
    told(Repeated::Write, "Partner", "").after(1 + 9, |db, line| {
        each(db, |partner| here!(line, partner.write(Partner::values().name(name(&partner)))))
    });
}

#[test]
#[cfg_attr(
    feature = "postgres",
    ignore = "it is asked of each pair that was not added whether it was there already"
)]
fn lists_outside_of_a_transaction() {
    told(Repeated::Write, "Partner", "tag_ids").after(1 + 9, |db, line| {
        let tag = db.record::<Tag>(7);
        each(db, |partner| here!(line, partner.tag_ids().add(&tag)))
    });
}

#[test]
fn lists_that_are_changed_one_by_one() {
    let told = || told(Repeated::Write, "Partner", "tag_ids");
    told().after(1 + 9, |db, line| {
        let tag = db.record::<Tag>(7);
        each(db, |partner| here!(line, partner.tag_ids().remove(&tag)))
    });
    // A DELETE and an INSERT each; the sixth has nothing but two of the three.
    told().after(1 + 1 + 9 * 2 - 1, |db, line| {
        let tags = db.browse::<Tag>([7, 8, 9]);
        each(db, |partner| here!(line, partner.tag_ids().set(&tags)))
    });
    Told { model: "Country", field: "", ..self::told(Repeated::Create, "", "") }.after(9, |db, line| {
        let countries = db.record::<Continent>(1).country_ids();
        let values = || Country::values().name("x").code("y");
        (0..20).try_for_each(|_| here!(line, countries.create(values()).map(drop)))
    });
}

#[test]
fn another_records_link_that_is_given() {
    told(Repeated::Read, "Partner", "country_id").after(9, |db, line| {
        db.transaction(|| {
            let partner = db.record::<Partner>(50);
            let other = |id| db.record::<Partner>(id).country_id();
            (1..=20).try_for_each(|id| here!(line, partner.set_country_id(other(id))))
        })
    });
    told(Repeated::Read, "Partner", "country_id").after(9, |db, line| {
        db.transaction(|| {
            let (partner, other) = (db.record::<Partner>(50), |id| db.record::<Partner>(id).country_id());
            (1..=20).try_for_each(|id| {
                let values = here!(line, Partner::values().country_id(other(id)));
                partner.write(values)
            })
        })
    });
}

#[test]
fn records_that_are_created() {
    // MySQL does not tell which row it is: it is looked up.
    let upserts = if cfg!(feature = "mysql") { 2 * 9 } else { 9 };
    for is_open in [false, true] {
        let create = |db: &TestDb, f: &dyn Fn() -> Result<()>| if is_open { db.transaction(f) } else { f() };
        told(Repeated::Create, "Tag", "").after(9, |db, line| {
            create(db, &|| (0..20).try_for_each(|_| here!(line, db.create(tag("t")).map(drop))))
        });
        told(Repeated::Create, "Tag", "").after(9, |db, line| {
            create(db, &|| (0..20).try_for_each(|_| here!(line, db.create_many([tag("t")]).map(drop))))
        });
        told(Repeated::Upsert, "Tag", "").after(upserts, |db, line| {
            create(db, &|| {
                let one = |n| [tag("t").id(n)];
                (1..=20).try_for_each(|n| here!(line, db.upsert_many(Tag::ID, one(n)).map(drop)))
            })
        });
        told(Repeated::Upsert, "Tag", "").after(upserts, |db, line| {
            create(db, &|| {
                (1..=20).try_for_each(|n| here!(line, db.upsert(Tag::ID, tag("t").id(n)).map(drop)))
            })
        });
    }
}

#[test]
fn the_message_says_the_way_out() {
    let db = test_db!(partners(), strict());
    let message = |refused: Result<()>| refused.expect_err("refused").to_string();
    let created = message((0..20).try_for_each(|_| db.create(tag("t")).map(drop)));
    assert!(created.contains("create_many"), "{created}");
    let written = message(each(&db, |partner| partner.set_name("x")));
    assert!(written.contains("one `transaction`"), "{written}");
    let deleted = message(each(&db, |partner| partner.delete()));
    assert!(deleted.contains("`collect` the records"), "{deleted}");
}

#[test]
fn records_that_are_deleted() {
    told(Repeated::Delete, "Tag", "").after(1 + 9, |db, line| {
        let tags = db.create_many((0..20).map(|_| tag("t")))?;
        tags.iter().try_for_each(|tag| here!(line, tag.delete()))
    });
}

#[test]
#[cfg_attr(
    feature = "postgres",
    ignore = "it is asked each time whether a transaction that was lent is still the same"
)]
fn statements_of_ones_own() {
    let update =
        |id: i32| diesel::update(partners::table.filter(partners::id.eq(id))).set(partners::active.eq(false));
    told(Repeated::Statement, "", "")
        .after(9, |db, line| (1..=20).try_for_each(|id| here!(line, db.execute(update(id)).map(drop))));
    told(Repeated::Statement, "", "").after(9, |db, line| {
        db.transaction(|| {
            let touching = || db.touching().model::<Partner>();
            (1..=20).try_for_each(|id| here!(line, touching().execute(update(id)).map(drop)))
        })
    });
    told(Repeated::Statement, "", "").after(9, |db, line| {
        let count = |id: i32| {
            let count = partners::table.filter(partners::parent_id.eq(id)).count();
            here!(line, db.with_connection(|connection| Ok(count.get_result::<i64>(connection)?)))
        };
        (1..=20).try_for_each(|id| count(id).map(drop))
    });
}

#[test]
fn a_refusal_leaves_what_waits() -> Result<()> {
    let db = test_db!(partners(), strict());
    let partner = db.record::<Partner>(1);
    db.transaction(|| {
        partner.set_name("Azure")?;
        let refused = (0..20).try_for_each(|_| db.create(tag("new")).map(drop));
        assert!(matches!(refused, Err(Error::Unbatched { work: Repeated::Create, .. })));
        let refused = (1..=20).try_for_each(|id| db.record::<Partner>(id).notes().map(drop));
        assert!(matches!(refused, Err(Error::Unbatched { work: Repeated::Read, .. })));
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT name AS value FROM partners WHERE id = 1"), ["Azure"]);
    assert_eq!(db.file.values("SELECT CAST(COUNT(*) AS TEXT) AS value FROM tags WHERE name = 'new'"), ["9"]);
    // Nothing waits of a setter that was refused, and what is read is what is stored.
    let all = db.all::<Partner>()?;
    let refused = all.iter().skip(1).try_for_each(|partner| partner.set_city("Ghent"));
    assert!(matches!(refused, Err(Error::Unbatched { field: "city", .. })));
    assert_eq!(all.iter().filter(|partner| partner.city().is_ok_and(|city| city == "Ghent")).count(), 9);
    assert_eq!(db.file.values("SELECT id AS value FROM partners WHERE city = 'Ghent'").len(), 9);
    Ok(())
}

#[test]
fn what_is_sent_together_is_fine() {
    assert_not_told(partners(), |db| {
        db.transaction(|| {
            each(db, |partner| partner.set_name("x"))?;
            each(db, |partner| partner.write(Partner::values().city("y")))?;
            let tag = db.record::<Tag>(3);
            each(db, |partner| partner.tag_ids().add(&tag))
        })?;
        // Some of which are of one
        (0..40).try_for_each(|n| db.create_many((0..=n / 9 % 2).map(|_| tag("c"))).map(drop))?;
        for n in 0..20 {
            // Sets, and what is the same already
            db.create_many([tag("a"), tag("b")])?;
            let two = db.browse::<Partner>([2 * n + 1, 2 * n + 2]);
            two.set_city(format!("city {n}"))?;
            db.record::<Partner>(2 * n + 1).set_city(format!("city {n}"))?;
        }
        Ok(())
    });
}

#[test]
fn one_record_that_is_written_again_and_again() {
    assert_not_told(partners(), |db| {
        let partner = db.record::<Partner>(1);
        (0..20).try_for_each(|n| partner.set_city(format!("step {n}")))
    });
}

#[test]
fn a_transaction_that_is_tried_again() {
    assert_not_told(partners(), |db| {
        let once = |id| {
            db.create(tag("t"))?;
            db.record::<Partner>(id).name()?;
            Err::<(), _>(Error::other("try again"))
        };
        for n in 1..=20 {
            let refused = db.transaction(|| once(n)).expect_err("not yet");
            assert_eq!(refused.to_string(), "try again");
        }
        Ok(())
    });
}

#[test]
fn statements_that_change_many_rows() {
    assert_not_told(File::of_partners(400, 10), |db| {
        for n in 0..20 {
            let name = format!("name {n}");
            db.execute(diesel::update(partners::table).set(partners::name.eq(name)))?;
        }
        Ok(())
    });
}
