//! What is stored is computed before what it follows from is sent, and written with it; until then it is read as it will be.

use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{Error, Result};
use orm_tests::statements::Statement;

use super::models::{
    Customer, Line, Order, OrderRow, OrderTag, Slim, Tag, assert_kept_up, calls, held, lines, order_rows,
    orders, wanted,
};

/// The statements but those of transactions, as words: `SELECT lines`, `UPDATE orders`
fn words(sent: &[Statement]) -> Vec<String> {
    let word = |sent: &Statement| {
        let sql = sent.sql.replace(['"', '`'], "");
        let kind = sql.split(' ').next().unwrap_or_default().to_owned();
        let table = match &*kind {
            "SELECT" => sql.split(" FROM ").nth(1),
            "UPDATE" => sql.strip_prefix("UPDATE "),
            "INSERT" => sql.strip_prefix("INSERT INTO "),
            _ => sql.strip_prefix("DELETE FROM "),
        };
        let table = table.unwrap_or_default().split([' ', '(', ',']).next().unwrap_or_default();
        format!("{kind} {table}")
    };
    sent.iter().filter(|sent| !sent.is_control()).map(word).collect()
}

#[test]
fn it_is_read_as_a_column() -> Result<()> {
    let db = orders(1000);
    let all = db.all::<Order>()?;
    db.assert_queries(0, || {
        for order in &all {
            assert_eq!(order.total()?, (i64::from(order.id()) + 21) * (1 + i64::from(order.id()) % 4));
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(all.get(0).expect("one").weight()?, Some(2));
    let found: RecordSet<Order> = db.assert_queries(1, || {
        order_rows::table.filter(order_rows::total.gt(4000)).order(order_rows::total.desc()).records(&*db)
    })?;
    assert!(found.len() == 5 && found.first().expect("one").total()? == 4080, "{found:?}");
    assert_eq!(calls(), 0, "nothing is computed that the database has");
    // By itself, behind a link, and of a set
    let one = db.record::<Order>(7);
    assert_eq!((one.total()?, one.customer_id().balance()?), (112, Some(wanted(&db.file).2[&4])));
    let model: Order = one.to_model()?;
    assert_eq!((model.id, model.total), (7, Computed::new()));
    Ok(())
}

#[test]
fn a_line_that_is_written_makes_the_total_another_one() -> Result<()> {
    let db = orders(4);
    let line = db.record::<Line>(5);
    // Nothing is cached: whose line it is, its order, the lines, the customer.
    let (written, sent) = db.watch(|| line.set_price(100));
    written?;
    assert_kept_up(&db.file);
    assert_eq!(calls(), 4, "one order, and three customers above each other");
    let told = words(&sent);
    assert_eq!(told.iter().filter(|word| **word == "UPDATE lines").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|word| **word == "UPDATE orders").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|word| **word == "UPDATE customers").count(), 1, "{told:?}");
    // All is cached now that anybody has read.
    db.record::<Customer>(1).parent_id().load()?;
    let (written, sent) = db.watch(|| line.set_price(101));
    written?;
    assert_kept_up(&db.file);
    assert_eq!(words(&sent), ["UPDATE customers", "UPDATE lines", "UPDATE orders"], "{sent:?}");
    // The same value is none.
    db.assert_queries(0, || line.set_price(101))?;
    Ok(())
}

#[test]
fn an_own_column_and_what_is_computed_from_it_are_one_update() -> Result<()> {
    let db = orders(4);
    let order = db.record::<Order>(1);
    order.line_ids().load()?.price()?;
    order.customer_id().rate()?;
    db.record::<Customer>(2).order_ids().load()?;
    let (written, sent) = db.watch(|| order.set_shipping(5));
    written?;
    assert_kept_up(&db.file);
    let updates: Vec<&Statement> = sent.iter().filter(|sent| sent.sql.starts_with("UPDATE")).collect();
    let of_orders: Vec<_> = updates.iter().filter(|sent| sent.sql.contains("shipping")).collect();
    assert!(of_orders.len() == 1 && of_orders[0].sql.contains("total"), "{sent:?}");
    Ok(())
}

#[test]
fn before_the_flush_it_is_read_as_it_will_be() -> Result<()> {
    let db = orders(8);
    db.transaction(|| {
        let order = db.record::<Order>(1);
        let customer = order.customer_id().load()?.expect("one");
        let (before, balance) = (order.total()?, customer.balance()?);
        let line = db.record::<Line>(1);
        line.set_quantity(3)?;
        assert_eq!(order.told()?, format!("o1: {}", before + 4));
        assert_eq!((order.total()?, customer.balance()?), (before + 4, balance + 4));
        // And again, once it was computed
        line.set_quantity(4)?;
        assert_eq!((order.total()?, customer.balance()?), (before + 6, balance + 6));
        assert_eq!(held(&db.file).0[&1], before, "nobody has asked the database");
        // A search by the column sends it.
        let found: RecordSet<Order> =
            order_rows::table.filter(order_rows::total.eq(before + 6)).records(&*db)?;
        assert_eq!(found.ids(), [1]);
        customer.set_rate(10)?;
        let found: RecordSet<Order> =
            order_rows::table.filter(order_rows::id.eq(1)).order(order_rows::total).records(&*db)?;
        assert_eq!(found.total()?, [(before + 6) / 2 * 10]);
        // What is aggregated over it, too
        let before: i64 = customer.order_ids().sum(Order::TOTAL)?;
        line.set_quantity(5)?;
        assert_eq!(customer.order_ids().sum(Order::TOTAL)?, before + 10);
        // Also where nobody has cached a total
        let line = db.record::<Line>(2);
        line.order_id().load()?;
        db.cache().invalidate_field(Order::TOTAL);
        line.set_price(11)?;
        assert_eq!(customer.order_ids().sum(Order::TOTAL)?, before + 30);
        line.set_price(10)?;
        let line = db.record::<Line>(1);
        db.cache().clear();
        line.set_quantity(6)?;
        assert_eq!(customer.order_ids().sum(Order::TOTAL)?, before + 20);
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn who_has_it_as_a_plain_column_reads_it_as_it_will_be() -> Result<()> {
    let db = orders(8);
    let (line, row) = (db.record::<Line>(1), db.record::<OrderRow>(1));
    let before = row.total()?;
    db.transaction(|| {
        line.set_quantity(3)?;
        assert_eq!(row.total()?, before + 4);
        line.set_quantity(4)?;
        db.record::<Order>(1).tag_ids().add_ids([3])?;
        assert_eq!((row.total()?, row.weight()?), (before + 6, Some(5)));
        // Nothing of it is cached, or some of it only
        db.cache().clear();
        line.set_quantity(5)?;
        db.record::<Line>(3).set_quantity(2)?;
        let rows = db.browse::<OrderRow>([1, 2, 3]);
        let wanted = [before + 8, wanted(&db.file).0[&2] + 6, wanted(&db.file).0[&3]];
        assert_eq!(rows.total()?, wanted);
        assert!(matches!(row.set_total(3), Err(Error::StoredField { .. })));
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn a_set_is_found_and_computed_together() -> Result<()> {
    let db = orders(400);
    let (written, sent) =
        db.watch(|| db.transaction(|| db.all::<Line>()?.iter().try_for_each(|line| line.set_price(7))));
    written?;
    assert_kept_up(&db.file);
    assert_eq!(calls(), 404);
    assert!(sent.len() < 25, "{:?}", words(&sent));
    // To-one steps: the orders of customers, which nobody has read
    db.cache().clear();
    calls();
    let (written, sent) = db.watch(|| db.all::<Customer>()?.set_rate(9));
    written?;
    assert_kept_up(&db.file);
    assert_eq!(calls(), 404);
    assert!(sent.len() < 25, "{:?}", words(&sent));
    Ok(())
}

#[test]
fn a_line_that_moves_changes_both_orders() -> Result<()> {
    let db = orders(8);
    db.record::<Line>(1).set_order_id(db.record::<Order>(2))?;
    assert_kept_up(&db.file);
    db.transaction(|| {
        let line = db.record::<Line>(3);
        line.set_order_id(db.record::<Order>(3))?;
        line.set_order_id(db.record::<Order>(4))?;
        assert_eq!(db.record::<Order>(3).total()?, wanted(&db.file).0[&3]);
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    // By the list, and as a plain key
    db.record::<Order>(5).line_ids().add(&db.record::<Line>(4))?;
    assert_kept_up(&db.file);
    db.record::<Slim>(6).set_order_id(7)?;
    assert_kept_up(&db.file);
    db.record::<Slim>(8).set_price(77)?;
    assert_kept_up(&db.file);
    db.transaction(|| {
        db.record::<Line>(9).order_id().load()?;
        db.record::<Slim>(9).set_order_id(8)?;
        db.record::<Slim>(9).set_price(9)
    })?;
    assert_kept_up(&db.file);
    // A whole order goes to another customer, and a customer under another one
    db.record::<Order>(1).set_customer_id(db.record::<Customer>(4))?;
    assert_kept_up(&db.file);
    db.record::<Customer>(4).set_parent_id(db.record::<Customer>(3))?;
    assert_kept_up(&db.file);
    db.record::<Customer>(2).set_parent_id(None)?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn who_comes_and_who_goes_counts() -> Result<()> {
    let db = orders(8);
    let line = db.create(Line::values().order_id(db.record::<Order>(1)).price(50).quantity(2))?;
    assert_kept_up(&db.file);
    line.delete()?;
    assert_kept_up(&db.file);
    db.record::<Order>(2).line_ids().create(Line::values().price(3).quantity(3))?;
    assert_kept_up(&db.file);
    let order = db.create(Order::values().customer_id(db.record::<Customer>(1)).note("new").shipping(40))?;
    assert_eq!(order.total()?, 40);
    assert_kept_up(&db.file);
    db.create_many((1..5).map(|at| Line::values().order_id(&order).price(at).quantity(1)))?;
    assert_kept_up(&db.file);
    db.browse::<Line>([1, 2, 3, 5, 8]).delete()?;
    assert_kept_up(&db.file);
    // An order with its lines
    db.transaction(|| {
        db.record::<Order>(7).line_ids().load()?.delete()?;
        db.record::<Order>(7).delete()
    })?;
    assert_kept_up(&db.file);
    db.transaction(|| {
        let order = db.create(Order::values().note("two").shipping(1))?;
        assert_eq!((order.total()?, order.weight()?), (1, None));
        db.create(Line::values().order_id(&order).price(5).quantity(5))?;
        assert_eq!(order.total()?, 26);
        order.set_customer_id(db.record::<Customer>(3))
    })?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn pairs_count() -> Result<()> {
    let db = orders(8);
    let order = db.record::<Order>(1);
    order.tag_ids().add(&db.record::<Tag>(3))?;
    assert_eq!(order.weight()?, Some(5));
    assert_kept_up(&db.file);
    db.record::<Tag>(3).set_weight(30)?;
    assert_kept_up(&db.file);
    order.tag_ids().remove(&db.record::<Tag>(2))?;
    assert_kept_up(&db.file);
    db.transaction(|| {
        order.tag_ids().remove(&db.record::<Tag>(3))?;
        assert_eq!(order.weight()?, None);
        order.tag_ids().add(&db.record::<Tag>(1))?;
        assert_eq!(order.weight()?, Some(1));
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    // As rows of the table of pairs
    let pair = db.create(OrderTag::values().order_id(db.record::<Order>(2)).tag_id(db.record::<Tag>(3)))?;
    assert_kept_up(&db.file);
    pair.delete()?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn assignments_and_upserts_count() -> Result<()> {
    let db = orders(8);
    db.browse::<Line>([1, 2, 3]).update(lines::price.eq(lines::price + 5))?;
    assert_kept_up(&db.file);
    db.record::<Line>(4).update(lines::order_id.eq(lines::order_id + 1))?;
    assert_kept_up(&db.file);
    db.transaction(|| {
        db.record::<Order>(3).total()?;
        db.browse::<Order>([3, 4]).update(order_rows::shipping.eq(order_rows::shipping + 5))?;
        assert_eq!(db.record::<Order>(3).total()?, wanted(&db.file).0[&3] + 5 * 4);
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    let row = Line::values().id(6).order_id(db.record::<Order>(8)).price(1).quantity(1);
    db.upsert(Line::ID, row)?;
    assert_kept_up(&db.file);
    let row = |id| Line::values().id(id).order_id(db.record::<Order>(8)).price(2).quantity(2);
    db.upsert_many(Line::ID, [row(7), row(100)])?;
    assert_kept_up(&db.file);
    db.create_missing(Line::ID, [row(8), row(101)])?;
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn nobody_sets_it() -> Result<()> {
    let db = orders(2);
    let error = db.record::<Order>(1).update(order_rows::total.eq(7)).unwrap_err();
    assert!(matches!(error, Error::StoredField { model: "Order", field: "total" }), "{error}");
    assert_kept_up(&db.file);
    Ok(())
}

#[test]
fn what_is_undone_leaves_it_as_it_was() -> Result<()> {
    let db = orders(4);
    let (line, order) = (db.record::<Line>(1), db.record::<Order>(1));
    let before = order.total()?;
    let failed: Result<()> = db.transaction(|| {
        line.set_price(1000)?;
        assert_ne!(order.total()?, before);
        Err(Error::other("no"))
    });
    assert!(failed.is_err() && order.total()? == before);
    assert_kept_up(&db.file);
    db.transaction(|| {
        line.set_price(2000)?;
        let failed: Result<()> = db.transaction(|| {
            line.set_price(3000)?;
            db.record::<Customer>(2).set_rate(50)?;
            assert_eq!(order.total()?, (3000 + 21) * 50);
            Err(Error::other("no"))
        });
        assert!(failed.is_err());
        assert_eq!(order.total()?, (2000 + 21) * 2);
        Ok::<_, Error>(())
    })?;
    assert_kept_up(&db.file);
    Ok(())
}

/// Nobody knows what a row held that is read anew: that it would be computed as it was once read is no reason not to write it.
#[test]
fn what_waits_while_its_row_is_read_anew_is_written() -> Result<()> {
    for lock in [false, true] {
        let db = orders(4);
        let one = db.record::<Order>(1);
        assert_eq!((one.total()?, one.shipping()?), (44, 1));
        db.record::<Order>(2).total()?;
        db.file.run("UPDATE orders SET shipping = 2, total = 46 WHERE id = 1");
        db.transaction(|| {
            db.record::<Line>(1).set_price(0)?;
            // Who waits is found out.
            db.record::<Order>(2).total()?;
            if lock { one.lock() } else { one.refresh() }
        })?;
        assert_eq!((one.shipping()?, one.total()?), (2, 44));
        assert_kept_up(&db.file);
    }
    Ok(())
}

#[test]
fn what_is_read_anew_is_as_it_is_also_while_others_wait() -> Result<()> {
    for lock in [false, true] {
        let db = orders(4);
        let one = db.record::<Order>(1);
        assert_eq!((one.total()?, one.shipping()?), (44, 1));
        db.file.run("UPDATE orders SET shipping = 5, total = 52 WHERE id = 1");
        db.file.run("UPDATE customers SET balance = balance + 8 WHERE id IN (1, 2)");
        db.transaction(|| {
            db.record::<Line>(3).set_price(7)?;
            if lock {
                one.lock()?;
            } else {
                one.refresh()?;
            }
            assert_eq!((one.shipping()?, one.total()?), (5, 52));
            Ok::<_, Error>(())
        })?;
        assert_kept_up(&db.file);
    }
    Ok(())
}
