//! Aggregates over links beside a GROUP BY by hand that puts what it finds into a map, as an application would write it.
//!
//! Run with: cargo bench -p orm-tests --bench aggregates
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::HashMap;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double};
use orm_core::prelude::*;
use orm_tests::computed::{Contact, Invoice, file, invoices};
use orm_tests::harness::{Measured, head, report, side_by_side, timed};
use orm_tests::{File, TestDb, test_db};

const CONTACTS: usize = 1000;

/// A thousand contacts with twenty invoices each
fn database() -> File {
    let file = file(CONTACTS);
    file.run(
        "CREATE INDEX of_contact ON invoices (contact_id);
         INSERT INTO invoices (contact_id, amount, state)
            SELECT contact_id, amount + n.value, state FROM invoices, (WITH RECURSIVE n (value) AS
            (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9) SELECT value FROM n) AS n",
    );
    file
}

/// An aggregate, ours each time anew, and by hand
fn measured<T>(
    db: &TestDb,
    ours: impl Fn(&Record<'_, Contact>) -> orm_core::Result<T>,
    theirs: impl Fn(&mut SqliteConnection, &[i32]) -> QueryResult<HashMap<i32, T>>,
) -> Measured {
    let contacts = db.all::<Contact>().expect("the contacts");
    let ids = contacts.ids();
    let mut connection = db.file.connect();
    let ours = || -> Duration {
        db.cache().invalidate_field(Invoice::AMOUNT);
        db.cache().invalidate_field(Invoice::STATE);
        timed(|| contacts.iter().filter(|contact| ours(contact).is_ok()).count())
    };
    let theirs = || {
        timed(|| {
            let found = theirs(&mut connection, &ids).expect("the rows");
            ids.iter().filter(|id| found.contains_key(id)).count()
        })
    };
    side_by_side(201, ours, theirs)
}

fn main() {
    let db = test_db!(database());
    db.watch(|| db.record::<Contact>(1).invoice_ids().len()).0.expect("a count");
    let of = |ids: &[i32]| invoices::table.filter(invoices::contact_id.eq_any(ids.to_vec()));
    head();
    let sum = measured(
        &db,
        |contact| contact.invoice_ids().sum(Invoice::AMOUNT),
        |connection, ids| {
            let rows: Vec<(i32, i64)> = of(ids)
                .group_by(invoices::contact_id)
                .select((invoices::contact_id, sql::<BigInt>("sum(amount)")))
                .load(connection)?;
            Ok(rows.into_iter().collect())
        },
    );
    report("sum(Invoice::AMOUNT) of 1,000 × 20", sum, 1.15);
    let mean = measured(
        &db,
        |contact| contact.invoice_ids().avg(Invoice::AMOUNT),
        |connection, ids| {
            let rows: Vec<(i32, f64)> = of(ids)
                .group_by(invoices::contact_id)
                .select((invoices::contact_id, sql::<Double>("avg(amount)")))
                .load(connection)?;
            Ok(rows.into_iter().map(|(id, mean)| (id, Some(mean))).collect())
        },
    );
    report("avg(Invoice::AMOUNT)", mean, 1.15);
    let largest = measured(
        &db,
        |contact| contact.invoice_ids().max(Invoice::AMOUNT),
        |connection, ids| {
            let rows: Vec<(i32, Option<i64>)> = of(ids)
                .group_by(invoices::contact_id)
                .select((invoices::contact_id, diesel::dsl::max(invoices::amount)))
                .load(connection)?;
            Ok(rows.into_iter().collect())
        },
    );
    report("max(Invoice::AMOUNT)", largest, 1.15);
    let open = measured(
        &db,
        |contact| contact.invoice_ids().count_where(invoices::state.eq("open")),
        |connection, ids| {
            let rows: Vec<(i32, i64)> = of(ids)
                .filter(invoices::state.eq("open"))
                .group_by(invoices::contact_id)
                .select((invoices::contact_id, diesel::dsl::count_star()))
                .load(connection)?;
            Ok(rows.into_iter().map(|(id, count)| (id, count as usize)).collect())
        },
    );
    report("count_where(invoices::state.eq(\"open\"))", open, 1.15);
    let squares = measured(
        &db,
        |contact| contact.invoice_ids().sum(invoices::amount * invoices::amount),
        |connection, ids| {
            let rows: Vec<(i32, i64)> = of(ids)
                .group_by(invoices::contact_id)
                .select((invoices::contact_id, sql::<BigInt>("sum(amount * amount)")))
                .load(connection)?;
            Ok(rows.into_iter().collect())
        },
    );
    report("sum(invoices::amount * invoices::amount)", squares, 1.15);
}
