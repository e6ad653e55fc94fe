//! What Odoo's own tests demand of writing, with its numbers as upper bounds; the row is that of the table in the research notes.
//!
//! Odoo counts what its tests say; here each count is exact, and at or below.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::orders::{self, Line, Order};
use orm_tests::partners::*;
use orm_tests::{File, TestDb, on, test_db};

fn orders() -> TestDb {
    let file = File::new("SELECT 1");
    file.run(&orders::sql(5));
    test_db!(file)
}

fn line(text: &str) -> orm_core::Values<Line> {
    Line::values().product_id(1).quantity(1).remark(text)
}

fn partner(name: &str) -> orm_core::Values<Partner> {
    Partner::values().name(name).email("").phone("").city("").active(true).credit(0.0)
}

/// Rows 19, 20: the same value on five records, five values in a loop (1, 1)
#[test]
fn writes_are_one_statement() -> Result<()> {
    let db = TestDb::of_partners(5, 5);
    let partners = db.all::<Partner>()?;
    db.assert_queries(1, || partners.write(Partner::values().lang("xx")))?;
    db.assert_queries(1, || {
        db.transaction(|| partners.iter().try_for_each(|p| p.set_name(format!("{} new", p.id()))))
    })
}

/// Rows 22, 23, 24: lines created, written and deleted, one and eleven (3 and 4; 4 and 4; 10 and 9)
#[test]
fn lines_are_one_statement_each_way() -> Result<()> {
    let db = orders();
    let order = db.record::<Order>(1);
    order.line_ids().text_of_all()?;
    let one = db.assert_queries(1, || order.line_ids().create(line("one")))?;
    let eleven =
        db.assert_queries(1, || db.create_many((0..11).map(|i| line(&format!("{i}")).order_id(&order))))?;
    db.assert_queries(0, || assert_eq!(order.line_ids().len().unwrap(), 22));
    db.assert_queries(1, || one.set_quantity(5))?;
    db.assert_queries(1, || {
        db.transaction(|| eleven.iter().try_for_each(|line| line.set_quantity(line.id())))
    })?;
    db.assert_queries(1, || one.delete())?;
    // MySQL locks several rows in their order before.
    db.assert_queries(on!(sqlite 1, postgres 1, mysql 2), || eleven.delete())?;
    db.assert_queries(0, || assert_eq!(order.line_ids().len().unwrap(), 10));
    Ok(())
}

trait TextOfAll {
    fn text_of_all(&self) -> Result<()>;
}

impl TextOfAll for ToMany<'_, Line> {
    fn text_of_all(&self) -> Result<()> {
        self.remark().map(drop)
    }
}

/// Rows 25, 26: one and eleven lines moved to another order, both lists right (6, 6); lines linked that are there (3)
#[test]
fn moved_lines_are_in_the_right_lists() -> Result<()> {
    let db = orders();
    let (from, to) = (db.record::<Order>(1), db.record::<Order>(2));
    let lines = from.line_ids().load()?;
    to.line_ids().text_of_all()?;
    db.assert_queries(1, || lines.first().unwrap().set_order_id(&to))?;
    db.assert_queries(0, || {
        assert_eq!((from.line_ids().len().unwrap(), to.line_ids().len().unwrap()), (9, 11));
    });
    db.assert_queries(1, || to.line_ids().add(&lines))?;
    db.assert_queries(0, || {
        assert_eq!((from.line_ids().len().unwrap(), to.line_ids().len().unwrap()), (0, 20));
        assert!(lines.iter().all(|line| to.line_ids().load().unwrap().contains(&line)));
    });
    db.assert_queries(0, || to.line_ids().add(&lines))
}

/// Rows 27, 28: tags linked, linked again, cleared, cleared again (3, 3, 2, 3, 2)
#[test]
fn tags_are_linked_by_one_statement() -> Result<()> {
    let db = TestDb::of_partners(20, 5);
    let partner = db.record::<Partner>(1);
    partner.tag_ids().set(&db.browse::<Tag>([1]))?;
    db.assert_queries(1, || partner.tag_ids().add(&db.record::<Tag>(2)))?;
    let others = db.browse::<Tag>(3..=10);
    db.assert_queries(1, || partner.tag_ids().add(&others))?;
    db.assert_queries(0, || partner.tag_ids().add(&others))?;
    let none = db.browse::<Tag>(Vec::<i32>::new());
    db.assert_queries(1, || partner.tag_ids().set(&none))?;
    db.assert_queries(0, || partner.tag_ids().set(&none))?;
    db.assert_queries(0, || assert!(partner.tag_ids().is_empty().unwrap()));
    Ok(())
}

/// Row 29: created plain, with ten lines, with ten new tags (2, 3, 4); row 57: its lists are known (0)
#[test]
fn creation_with_all_that_belongs_to_it() -> Result<()> {
    let db = orders();
    db.assert_queries(1, || db.create(Order::values().reference("plain")))?;
    db.assert_queries(2, || {
        db.transaction(|| {
            let order = db.create(Order::values().reference("with lines"))?;
            let lines = db.create_many((0..10).map(|i| line(&format!("{i}")).order_id(&order)))?;
            assert_eq!(order.line_ids().load()?, lines);
            Ok(())
        })
    })?;
    let db = TestDb::of_partners(20, 5);
    db.assert_queries(3, || {
        db.transaction(|| {
            let new = db.create(partner("with tags"))?;
            let tags = db.create_many((0..10).map(|i| Tag::values().name(format!("{i}"))))?;
            new.tag_ids().add(&tags)?;
            assert_eq!(new.tag_ids().load()?, tags);
            assert_eq!(tags.first().unwrap().partner_ids().ids()?, [new.id()]);
            assert!(new.child_ids().is_empty()?);
            Ok(())
        })
    })
}

/// Row 32: a dirty value on one of three, then another field of all: one SELECT, no UPDATE, the value kept
#[test]
fn a_dirty_value_survives_a_batch() -> Result<()> {
    let db = TestDb::of_partners(3, 2);
    let partners = db.browse::<Partner>([1, 2, 3]);
    db.transaction(|| {
        partners.first().unwrap().set_credit(42.0)?;
        let (names, statements) = db.watch(|| partners.name());
        assert_eq!(names?.len(), 3);
        assert_eq!(statements.len(), 1);
        assert!(statements[0].is_select());
        assert_eq!(partners.credit()?, [42.0, 2.5, 3.75]);
        Ok(())
    })
}

/// Semantics 33: a write to a deleted row is no silence; 37: invalidating before a flush loses nothing
#[test]
fn the_two_lost_updates_of_odoo_do_not_happen() -> Result<()> {
    let db = TestDb::of_partners(3, 2);
    db.file.run("DELETE FROM partners WHERE id = 2");
    let error = db.transaction(|| db.record::<Partner>(2).set_name("lost")).expect_err("no such row");
    assert!(matches!(&error, Error::MissingRecord { model: "Partner", id } if id == "2"), "{error:?}");
    assert!(db.record::<Partner>(2).name().is_err());
    db.transaction(|| {
        let one = db.record::<Partner>(1);
        one.set_name("kept")?;
        db.cache().clear();
        // Read again before it is sent: the written value, not the old one.
        assert_eq!((one.email()?.len(), one.name()?.as_str()), (20, "kept"));
        Ok(())
    })?;
    assert_eq!(db.file.values("SELECT name AS value FROM partners WHERE id = 1"), ["kept"]);
    Ok(())
}

/// Row 56: what was not given is what the database holds, after creation as after a read
#[test]
fn a_column_that_was_not_given_is_read() -> Result<()> {
    let db = TestDb::of_partners(3, 2);
    let new = db.create(partner("new"))?;
    assert_eq!((new.lang()?, new.country_id().id()?, new.notes()?), (None, None, None));
    db.cache().clear();
    assert_eq!((new.lang()?, new.country_id().id()?, new.notes()?), (None, None, None));
    Ok(())
}

/// Rows 62 to 65: what a search's condition, join or order looks at is sent first. Row 66, a search that only brings it,
/// sends it too: through a view or a function a query may look at what it does not name.
#[test]
fn searches_see_what_was_written() -> Result<()> {
    let db = TestDb::of_partners(10, 4);
    let found = |query: Result<RecordSet<'_, Partner>>| query.map(|found| found.ids());
    db.transaction(|| {
        db.record::<Partner>(3).set_name("aaa")?;
        assert_eq!(found(partners::table.filter(partners::name.eq("aaa")).records(&db))?, [3]);
        db.record::<Country>(2).set_name("Nowhere")?;
        let of = partners::table.inner_join(countries::table).filter(countries::name.eq("Nowhere"));
        let expected = db.record::<Country>(2).partner_ids().ids()?;
        assert_eq!(found(of.order(partners::id).record_ids(&db))?, expected);
        db.record::<Partner>(5).set_name("AAA")?;
        assert_eq!(found(partners::table.order(partners::name).limit(1).records(&db))?, [5]);
        Ok(())
    })
}

/// Row 74: a child moved, then deleted: both parents' lists are right each time
#[test]
fn a_child_is_moved_then_deleted() -> Result<()> {
    let db = TestDb::of_partners(30, 4);
    let (one, two) = (db.record::<Partner>(1), db.record::<Partner>(2));
    let child = one.child_ids().load()?.first().unwrap();
    let (before, of_two) = (one.child_ids().len()?, two.child_ids().len()?);
    child.set_parent_id(&two)?;
    assert!(two.child_ids().load()?.contains(&child));
    assert_eq!((one.child_ids().len()?, two.child_ids().len()?), (before - 1, of_two + 1));
    child.delete()?;
    assert_eq!((one.child_ids().len()?, two.child_ids().len()?), (before - 1, of_two));
    Ok(())
}

/// Row 78: read the name of each, then delete it
#[test]
fn a_loop_may_delete_what_it_walks() -> Result<()> {
    let db = test_db!(File::of_partners(50, 4));
    db.transaction(|| {
        for partner in &db.all::<Partner>()? {
            partner.name()?;
            partner.delete()?;
        }
        Ok(())
    })?;
    assert!(db.all::<Partner>()?.is_empty());
    Ok(())
}

/// Semantics 38: deleting does not wipe the cache (Odoo's does, all of it)
#[test]
fn deleting_one_keeps_the_others() -> Result<()> {
    let db = TestDb::of_partners(50, 4);
    let partners = db.all::<Partner>()?;
    let countries = db.all::<Country>()?;
    db.create(partner("to go"))?.delete()?;
    db.assert_queries(0, || {
        assert_eq!(partners.name().unwrap().len(), 50);
        assert_eq!(countries.name().unwrap().len(), 4);
    });
    Ok(())
}
