//! Section 4 of the promise: what is read for one record again and again from one place is told once, with model, field and
//! the caller's file and line; a strict environment refuses it before it is sent, and can be used as before.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Repeated, Result};
use orm_tests::partners::*;
use orm_tests::told::{Told, here};
use orm_tests::{File, TestDb};

fn partners() -> File {
    File::of_partners(200, 10)
}

/// Partners one by one, by their keys
fn single<'env>(db: &'env TestDb) -> impl Iterator<Item = Record<'env, Partner>> {
    (1..=20).map(|id| db.record(id))
}

fn told(work: Repeated, field: &'static str) -> Told {
    Told { file: partners, work, model: "Partner", field }
}

#[test]
fn values() {
    told(Repeated::Read, "name")
        .after(9, |db, line| single(db).try_for_each(|partner| here!(line, partner.name().map(drop))));
    told(Repeated::Read, "notes")
        .after(9, |db, line| single(db).try_for_each(|partner| here!(line, partner.notes().map(drop))));
    told(Repeated::Read, "city").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.get(Partner::CITY).map(drop)))
    });
    told(Repeated::Read, "email").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, db.browse::<Partner>([id]).email().map(drop)))
    });
}

#[test]
fn what_reads_for_you() {
    // With what is deferred, which is read at the same place
    told(Repeated::Read, "name").after(9 * 2, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.to_model().map(drop)))
    });
    told(Repeated::Read, "name")
        .after(9, |db, line| single(db).try_for_each(|partner| here!(line, partner.prefetch())));
    told(Repeated::Read, "name")
        .after(9, |db, line| (1..=20).try_for_each(|id| here!(line, db.browse::<Partner>([id]).prefetch())));
    told(Repeated::Read, "notes").after(9, |db, line| {
        let notes = |id| here!(line, db.browse::<Partner>([id]).prefetch_field(Partner::NOTES));
        (1..=20).try_for_each(notes)
    });
}

#[test]
fn links() {
    told(Repeated::Read, "country_id").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.country_id().id().map(drop)))
    });
    told(Repeated::Read, "parent_id").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.parent_id().load().map(drop)))
    });
    // Each of the first nine has a country of its own, read at the same place.
    told(Repeated::Read, "country_id").after(18, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.country_id().name().map(drop)))
    });
}

#[test]
fn lists() {
    told(Repeated::Read, "tag_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.tag_ids().ids().map(drop)))
    });
    told(Repeated::Read, "child_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.child_ids().load().map(drop)))
    });
    told(Repeated::Read, "tag_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.tag_ids().name().map(drop)))
    });
    told(Repeated::Read, "tag_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.tag_ids().get(0).map(drop)))
    });
    told(Repeated::Read, "tag_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.tag_ids().sum_by(|tag| Ok(tag.id())).map(drop)))
    });
}

#[test]
fn counts() {
    told(Repeated::Count, "child_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.child_ids().len().map(drop)))
    });
    told(Repeated::Count, "tag_ids").after(9, |db, line| {
        single(db).try_for_each(|partner| here!(line, partner.tag_ids().is_empty().map(drop)))
    });
}

#[test]
fn records_that_a_search_gives_one_by_one() {
    told(Repeated::Read, "tag_ids").after(9 + 10, |db, line| {
        let found = |name: String| db.find::<Partner>(partners::name.eq(name));
        for id in 1..=12 {
            // Another text each time: it is the list that is read again and again.
            let partner = match id % 3 {
                0 => found(format!("Partner number {id}"))?,
                1 => db.find::<Partner>(partners::id.eq(id))?,
                _ => db.find::<Partner>(partners::city.eq(format!("City {id}")))?,
            };
            here!(line, partner.expect("a partner").tag_ids().ids()?);
        }
        Ok(())
    });
}

#[test]
fn look_ups() {
    told(Repeated::Lookup, "")
        .after(9, |db, line| (1..=20).try_for_each(|id| here!(line, db.get::<Partner>(id).map(drop))));
    told(Repeated::Lookup, "")
        .after(9, |db, line| single(db).try_for_each(|partner| here!(line, partner.exists().map(drop))));
    told(Repeated::Lookup, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, db.browse::<Partner>([id]).exists().map(drop)))
    });
}

#[test]
fn records_that_are_read_anew() {
    told(Repeated::Refresh, "")
        .after(9, |db, line| single(db).try_for_each(|partner| here!(line, partner.refresh())));
    told(Repeated::Refresh, "").after(1 + 9, |db, line| {
        db.all::<Partner>()?.chunks(1).try_for_each(|partner| here!(line, partner.refresh()))
    });
    Told { model: "Country", ..told(Repeated::Refresh, "") }.after(1 + 9, |db, line| {
        let country = |partner: Record<'_, Partner>| here!(line, partner.country_id().refresh());
        db.all::<Partner>()?.into_iter().try_for_each(country)
    });
}

#[test]
fn searches() {
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, db.find::<Partner>(partners::id.eq(id)).map(drop)))
    });
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, db.one::<Partner>(partners::id.eq(id)).map(drop)))
    });
    let of_parent = |id: i32| partners::table.filter(partners::parent_id.eq(id));
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, of_parent(id).records::<Partner>(&db.env).map(drop)))
    });
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, of_parent(id).record_ids::<Partner>(&db.env).map(drop)))
    });
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).try_for_each(|id| here!(line, of_parent(id).first_record::<Partner>(&db.env).map(drop)))
    });
    told(Repeated::Search, "").after(9, |db, line| {
        (1..=20).map(of_parent).try_for_each(|children| {
            here!(line, children.records_with_fields::<Partner>(&db.env, Partner::NAME).map(drop))
        })
    });
    told(Repeated::Search, "").after(9, |db, line| {
        let raw = |id: i32| {
            diesel::sql_query(format!("SELECT id FROM partners WHERE id = {}", orm_tests::database::bind(1)))
                .bind::<diesel::sql_types::Integer, _>(id)
        };
        (1..=20).try_for_each(|id| here!(line, raw(id).records::<Partner>(&db.env).map(drop)))
    });
    let few = || File::of_partners(20, 2);
    Told { file: few, ..told(Repeated::Search, "") }
        .after(9, |db, line| (1..=20).try_for_each(|_| here!(line, db.all::<Partner>().map(drop))));
    told(Repeated::Search, "").after(9, |db, line| {
        let batches = |id| here!(line, db.batches_by_key::<Partner, _>(of_parent(id), 100));
        (11..=30).try_for_each(|id| batches(id).try_for_each(|batch| batch.map(drop)))
    });
    told(Repeated::Search, "").after(9, |db, line| {
        let nothing = |_: RecordSet<'_, Partner>| Ok(());
        (11..=30).try_for_each(|id| here!(line, db.in_batches_by_key(of_parent(id), 100, nothing)))
    });
    told(Repeated::Search, "").after(18, |db, line| {
        let children = |id| of_parent(id).filter(partners::id.le(40));
        let nothing = |_: RecordSet<'_, Partner>| Ok(());
        (11..=30).try_for_each(|id| here!(line, db.in_batches(children(id % 10 + 1), 10, nothing)))
    });
}

#[test]
fn what_is_dropped_in_each_turn_before_it_is_read() {
    // Two batches of 200 show what becomes of them. Then it is nine of one, and a try with two that finds out nothing new.
    told(Repeated::Reread, "name").after(1 + 2 + 9 + 1, |db, line| {
        for partner in &db.all::<Partner>()? {
            db.cache().clear();
            here!(line, partner.name()?);
        }
        Ok(())
    });
}

#[test]
fn a_helper_that_reads_is_the_place() {
    fn name(db: &TestDb, id: i32, line: &std::cell::Cell<u32>) -> Result<Str> {
        here!(line, db.record::<Partner>(id).name())
    }
    told(Repeated::Read, "name")
        .after(9, |db, line| (1..=20).try_for_each(|id| name(db, id, line).map(drop)));
}

#[test]
fn each_place_is_told_on_its_own() {
    told(Repeated::Read, "name").after(18, |db, line| {
        for id in 1..=20 {
            // Nine here,
            if id < 10 {
                db.record::<Partner>(id + 100).name()?;
            }
            // and more than nine here.
            here!(line, db.record::<Partner>(id).name()?);
        }
        Ok(())
    });
}
