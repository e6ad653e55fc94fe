//! `depends_on`: a search within the function follows from the fields that are named, and from who comes and goes.

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;
use orm_tests::computed::{Contact, Invoice, Label, called, calls, contacts, invoices, labels};

mod schema {
    #![allow(missing_docs)]
    diesel::table! { contacts { id -> Integer, name -> Text, parent_id -> Nullable<Integer> } }
}

/// The contacts once more
#[derive(Model)]
#[model(table = schema::contacts)]
struct Debtor {
    id: i32,
    name: String,
    parent_id: Option<Id<Self>>,
    /// What is open, in all
    #[model(compute = open, depends_on(Invoice::STATE, Invoice::CONTACT_ID))]
    open: Computed<i64>,
    /// The same of all at once, beside their names
    #[model(compute_all = summary, depends_on(Invoice::STATE))]
    summary: Computed<String>,
    /// Only who comes and goes
    #[model(compute = count, depends_on(Invoice::ID))]
    how_many: Computed<i64>,
    /// By a statement that nobody knows
    #[model(compute = unknown, depends_on(Invoice::AMOUNT))]
    unknown: Computed<i64>,
    /// Looks at a table that is not named as well
    #[model(compute = labelled, depends_on(Invoice::AMOUNT))]
    labelled: Computed<i64>,
}

fn open(debtor: &Record<Debtor>) -> Result<i64> {
    called();
    let own = invoices::table.filter(invoices::contact_id.eq(debtor.id()));
    Ok(own.filter(invoices::state.eq("open")).count_records::<Invoice>(debtor.env())? as i64)
}

fn summary(debtors: &RecordSet<Debtor>) -> Result<Vec<String>> {
    called();
    let open: RecordSet<Invoice> =
        invoices::table.filter(invoices::state.eq("open")).records(debtors.env())?;
    debtors.iter().map(|debtor| Ok(format!("{} {}", debtor.name()?, open.len()))).collect()
}

fn count(debtor: &Record<Debtor>) -> Result<i64> {
    called();
    Ok(invoices::table.count_records::<Invoice>(debtor.env())? as i64)
}

fn unknown(debtor: &Record<Debtor>) -> Result<i64> {
    called();
    debtor.env().touching().nothing().with_connection(|connection| {
        let amounts: Vec<i64> = invoices::table.select(invoices::amount).load(connection)?;
        Ok(amounts.into_iter().sum())
    })
}

fn labelled(debtor: &Record<Debtor>) -> Result<i64> {
    called();
    let labels: RecordSet<Label> = labels::table.filter(labels::name.ne("none")).records(debtor.env())?;
    let invoices: RecordSet<Invoice> =
        invoices::table.filter(invoices::amount.gt(0)).records(debtor.env())?;
    Ok((labels.len() + invoices.len()) as i64)
}

/// How many are computed anew after something was done
fn anew(
    db: &TestDb,
    read: &dyn Fn(&Record<Debtor>) -> Result<()>,
    work: impl FnOnce() -> Result<()>,
) -> Result<usize> {
    let debtor = db.record::<Debtor>(2);
    read(&debtor)?;
    calls();
    work()?;
    read(&debtor)?;
    Ok(calls())
}

#[test]
fn writes_to_other_fields_leave_it() -> Result<()> {
    let db = contacts(4);
    let open = |debtor: &Record<Debtor>| debtor.open().map(drop);
    let invoice = db.record::<Invoice>(3);
    assert_eq!(db.record::<Debtor>(2).open()?, 1);
    assert_eq!(anew(&db, &open, || invoice.set_amount(7))?, 0);
    assert_eq!(anew(&db, &open, || db.record::<Contact>(2).set_name("x"))?, 0);
    assert_eq!(anew(&db, &open, || invoice.set_state("paid"))?, 1);
    assert_eq!(db.record::<Debtor>(2).open()?, 0);
    // Also one of which nothing is cached
    assert_eq!(anew(&db, &open, || db.record::<Invoice>(7).set_contact_id(2))?, 1);
    assert_eq!(db.record::<Debtor>(2).open()?, 1);
    // Undone with the transaction
    let undone: Result<()> = db.transaction(|| {
        invoice.set_state("open")?;
        assert_eq!(db.record::<Debtor>(2).open()?, 2);
        Err(orm_core::Error::other("undone"))
    });
    assert!(undone.is_err());
    assert_eq!(db.record::<Debtor>(2).open()?, 1);
    Ok(())
}

#[test]
fn who_comes_and_goes_makes_it_missing() -> Result<()> {
    let db = contacts(4);
    let open = |debtor: &Record<Debtor>| debtor.open().map(drop);
    let new = || Invoice::values().contact_id(2).amount(1).state("open");
    assert_eq!(anew(&db, &open, || db.create(new()).map(drop))?, 1);
    assert_eq!(db.record::<Debtor>(2).open()?, 2);
    assert_eq!(anew(&db, &open, || db.record::<Invoice>(3).delete())?, 1);
    assert_eq!(db.record::<Debtor>(2).open()?, 1);
    // Of others too: only the database knows whom the search finds.
    assert_eq!(anew(&db, &open, || db.record::<Contact>(1).invoice_ids().load()?.delete())?, 1);
    // Not by what nobody links to
    assert_eq!(anew(&db, &open, || db.create(Label::values().name("new")).map(drop))?, 0);
    Ok(())
}

#[test]
fn an_assignment_of_ones_own_counts_by_its_columns() -> Result<()> {
    let db = contacts(4);
    let open = |debtor: &Record<Debtor>| debtor.open().map(drop);
    let all = || db.browse::<Invoice>(1..=8);
    assert_eq!(anew(&db, &open, || all().update(invoices::amount.eq(invoices::amount + 1)).map(drop))?, 0);
    assert_eq!(anew(&db, &open, || all().update(invoices::state.eq("open")).map(drop))?, 1);
    assert_eq!(db.record::<Debtor>(2).open()?, 2);
    Ok(())
}

#[test]
fn what_is_read_otherwise_is_noted_as_ever() -> Result<()> {
    let db = contacts(4);
    let summary = |debtor: &Record<Debtor>| debtor.summary().map(drop);
    assert_eq!(db.record::<Debtor>(2).summary()?, "c2 4");
    assert_eq!(anew(&db, &summary, || db.record::<Invoice>(3).set_amount(7))?, 0);
    assert_eq!(anew(&db, &summary, || db.record::<Invoice>(3).set_contact_id(1))?, 0);
    assert_eq!(anew(&db, &summary, || db.record::<Debtor>(2).set_name("two"))?, 1);
    assert_eq!(anew(&db, &summary, || db.record::<Invoice>(3).set_state("paid"))?, 1);
    assert_eq!(db.record::<Debtor>(2).summary()?, "two 3");
    Ok(())
}

#[test]
fn the_key_says_that_only_who_is_there_counts() -> Result<()> {
    let db = contacts(4);
    let count = |debtor: &Record<Debtor>| debtor.how_many().map(drop);
    let invoice = db.record::<Invoice>(3);
    assert_eq!(anew(&db, &count, || invoice.write(Invoice::values().amount(7).state("x").contact_id(1)))?, 0);
    assert_eq!(anew(&db, &count, || invoice.delete())?, 1);
    assert_eq!(db.record::<Debtor>(2).how_many()?, 7);
    Ok(())
}

#[test]
fn a_statement_that_nobody_knows_follows_from_what_is_named() -> Result<()> {
    let db = contacts(4);
    let unknown = |debtor: &Record<Debtor>| debtor.unknown().map(drop);
    assert_eq!(anew(&db, &unknown, || db.record::<Invoice>(3).set_state("x"))?, 0);
    assert_eq!(anew(&db, &unknown, || db.record::<Label>(1).set_name("x"))?, 0);
    assert_eq!(anew(&db, &unknown, || db.record::<Invoice>(3).set_amount(70))?, 1);
    Ok(())
}

#[test]
fn a_table_that_is_not_named_is_followed_wholly() -> Result<()> {
    let db = contacts(4);
    let labelled = |debtor: &Record<Debtor>| debtor.labelled().map(drop);
    assert_eq!(db.record::<Debtor>(2).labelled()?, 11);
    assert_eq!(anew(&db, &labelled, || db.record::<Invoice>(3).set_state("x"))?, 0);
    assert_eq!(anew(&db, &labelled, || db.record::<Invoice>(3).set_amount(-1))?, 1);
    assert_eq!(anew(&db, &labelled, || db.record::<Label>(1).set_name("none"))?, 1);
    assert_eq!(db.record::<Debtor>(2).labelled()?, 9);
    Ok(())
}
