//! Models whose fields follow from others, and how often they were computed.

#![allow(missing_docs)]

use std::cell::Cell;

use diesel::prelude::*;
use orm_core::prelude::*;

use crate::{File, TestDb, test_db};

diesel::table! { countries { id -> Integer, name -> Text, code -> Nullable<Text> } }
diesel::table! { contacts { id -> Integer, name -> Text, country_id -> Nullable<Integer>, parent_id -> Nullable<Integer> } }
diesel::table! { invoices { id -> Integer, contact_id -> Integer, amount -> BigInt, state -> Text } }
diesel::table! { labels { id -> Integer, name -> Text } }
diesel::table! { contact_labels (contact_id, label_id) { contact_id -> Integer, label_id -> Integer } }

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Calls of compute functions since this was last asked
pub fn calls() -> usize {
    CALLS.take()
}

/// Notes a call of a compute function.
pub fn called() {
    CALLS.set(CALLS.get() + 1);
}

#[derive(Model)]
#[model(table = countries)]
pub struct Country {
    pub id: i32,
    pub name: String,
    pub code: Option<String>,
    #[model(inverse = Contact::COUNTRY_ID)]
    pub contact_ids: OneToMany<Contact>,
    /// The largest sum of a contact
    #[model(compute = largest)]
    pub largest: Computed<Option<i64>>,
    /// Whose sum that is: the first of several
    #[model(compute = champion)]
    pub champion: Computed<Option<Id<Contact>>>,
}

#[derive(Model)]
pub struct Contact {
    pub id: i32,
    pub name: String,
    pub country_id: Option<Id<Country>>,
    pub parent_id: Option<Id<Contact>>,
    #[model(inverse = Contact::PARENT_ID)]
    pub child_ids: OneToMany<Contact>,
    #[model(inverse = Invoice::CONTACT_ID)]
    pub invoice_ids: OneToMany<Invoice>,
    #[model(inverse = Invoice::CONTACT_ID, filter = invoices::state.eq("open"), order = invoices::amount.desc())]
    pub open_ids: OneToMany<Invoice>,
    #[model(inverse = Invoice::CONTACT_ID, order = invoices::amount.asc())]
    pub smallest_ids: OneToMany<Invoice>,
    #[model(through(contact_labels::contact_id, contact_labels::label_id))]
    pub label_ids: ManyToMany<Label>,
    #[model(through(contact_labels::contact_id, contact_labels::label_id), filter = labels::name.eq("0"))]
    pub zero_ids: ManyToMany<Label>,
    /// The two that come first, by their keys
    #[model(inverse = Invoice::CONTACT_ID, limit = 2)]
    first_ids: OneToMany<Invoice>,
    /// The two open ones with the largest amounts
    #[model(inverse = Invoice::CONTACT_ID, filter = invoices::state.eq("open"), order = invoices::amount.desc(), limit = 2)]
    top_ids: OneToMany<Invoice>,
    /// The label whose name comes last
    #[model(through(contact_labels::contact_id, contact_labels::label_id), order = labels::name.desc(), limit = 1)]
    last_label_ids: ManyToMany<Label>,
    /// `Azure (Belgium)`
    #[model(compute = display_name)]
    pub display_name: Computed<String>,
    /// `Azure / Brussels / Sales`
    #[model(compute = full_name)]
    pub full_name: Computed<String>,
    /// The sum of its invoices
    #[model(compute = total)]
    pub total: Computed<i64>,
    /// The sum of the open ones, by their list
    #[model(compute = open_total)]
    pub open_total: Computed<i64>,
    /// Its labels, in the order of their names
    #[model(compute = label_names)]
    pub label_names: Computed<Option<String>>,
    /// How many invoices there are
    #[model(compute = invoice_count)]
    pub invoice_count: Computed<i64>,
    /// How many open invoices there are, searched for all at once
    #[model(compute_all = open_count)]
    pub open_count: Computed<i64>,
    /// Who stands above all that it is under, or itself
    #[model(compute = head)]
    pub head: Computed<Id<Contact>>,
    /// The label whose name comes first
    #[model(compute = best_label)]
    pub best_label: Computed<Option<Id<Label>>>,
    /// Through a computed link
    #[model(related = best_label.name)]
    pub best_label_name: Computed<Option<String>>,
    /// To a link, which it is itself
    #[model(related = head.country_id)]
    pub head_country: Computed<Option<Id<Country>>>,
    /// Computed, through a computed link, from what is computed
    #[model(compute = head_shown)]
    pub head_shown: Computed<String>,
    /// Through three links of which two are computed
    #[model(compute = rival)]
    pub rival: Computed<Option<String>>,
}

#[derive(Model)]
pub struct Invoice {
    pub id: i32,
    pub contact_id: Id<Contact>,
    pub amount: i64,
    pub state: String,
}

#[derive(Model)]
pub struct Label {
    pub id: i32,
    pub name: String,
}

fn largest(country: &Record<Country>) -> orm_core::Result<Option<i64>> {
    called();
    Ok(country.contact_ids().load()?.total()?.into_iter().max())
}

fn champion<'env>(country: &Record<'env, Country>) -> orm_core::Result<Option<Record<'env, Contact>>> {
    called();
    let mut best = None;
    for contact in &country.contact_ids().load()? {
        let total = contact.total()?;
        if best.as_ref().is_none_or(|(most, _)| total > *most) {
            best = Some((total, contact));
        }
    }
    Ok(best.map(|(_, contact)| contact))
}

fn head<'env>(contact: &Record<'env, Contact>) -> orm_core::Result<Record<'env, Contact>> {
    called();
    match contact.parent_id().load()? {
        Some(parent) => parent.head().load(),
        None => Ok(contact.clone()),
    }
}

fn best_label(contact: &Record<Contact>) -> orm_core::Result<Option<Id<Label>>> {
    called();
    let labels = contact.label_ids().load()?.sort_by_key(|label| Ok((label.name()?, label.id())))?;
    Ok(labels.get(0).map(Id::from))
}

fn head_shown(contact: &Record<Contact>) -> orm_core::Result<String> {
    called();
    Ok(format!("under {}", contact.head().display_name()?))
}

fn rival(contact: &Record<Contact>) -> orm_core::Result<Option<String>> {
    called();
    Ok(contact.country_id().champion().head().name()?.map(String::from))
}

fn display_name(contact: &Record<Contact>) -> orm_core::Result<String> {
    called();
    Ok(match contact.country_id().name()? {
        Some(country) => format!("{} ({country})", contact.name()?),
        None => contact.name()?.to_string(),
    })
}

fn open_total(contact: &Record<Contact>) -> orm_core::Result<i64> {
    contact.open_ids().sum_by(|invoice| invoice.amount())
}

fn full_name(contact: &Record<Contact>) -> orm_core::Result<String> {
    called();
    let name = contact.name()?;
    Ok(match contact.parent_id().full_name()? {
        Some(parent) => format!("{parent} / {name}"),
        None => name.to_string(),
    })
}

fn total(contact: &Record<Contact>) -> orm_core::Result<i64> {
    called();
    Ok(contact.invoice_ids().load()?.amount()?.into_iter().sum())
}

fn label_names(contact: &Record<Contact>) -> orm_core::Result<Option<String>> {
    called();
    let mut names = contact.label_ids().name()?;
    names.sort();
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

fn invoice_count(contact: &Record<Contact>) -> orm_core::Result<i64> {
    called();
    Ok(contact.invoice_ids().len()? as i64)
}

fn open_count(contacts: &RecordSet<Contact>) -> orm_core::Result<Vec<i64>> {
    called();
    let open = invoices::table
        .filter(invoices::state.eq("open"))
        .filter(invoices::contact_id.eq_any(contacts.ids()));
    let open: RecordSet<Invoice> = open.records(contacts.env())?;
    let mut owned = std::collections::HashMap::new();
    for invoice in &open {
        *owned.entry(invoice.contact_id().id()?).or_insert(0) += 1;
    }
    Ok(contacts.ids().into_iter().map(|id| owned.get(&id).copied().unwrap_or(0)).collect())
}

const TABLES: &str = "
    CREATE TABLE countries (id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT);
    CREATE TABLE contacts (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, country_id INTEGER, parent_id INTEGER);
    CREATE TABLE invoices (
        id INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL, amount BIGINT NOT NULL, state TEXT NOT NULL);
    CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE contact_labels (
        contact_id INTEGER NOT NULL, label_id INTEGER NOT NULL, PRIMARY KEY (contact_id, label_id));";

/// Countries 1 to 3 and labels 1 to 3; contacts, each of one of two countries and under the one with half its number, with
/// two invoices each, and one of two labels
pub fn contacts(count: usize) -> TestDb {
    let db = test_db!(file(count));
    calls();
    db
}

/// The same, as a file
pub fn file(count: usize) -> File {
    let numbers = crate::partners::series(count);
    File::new(&format!(
        "{TABLES}
        INSERT INTO countries VALUES (1, 'Belgium', 'BE'), (2, 'France', 'FR'), (3, 'Empty', NULL);
        INSERT INTO labels VALUES (1, 'red'), (2, 'green'), (3, 'blue');
        INSERT INTO contacts SELECT value, 'c' || value, 1 + value % 2, CASE WHEN value > 1 THEN value / 2 END FROM {numbers};
        INSERT INTO invoices SELECT 2 * value - 1, value, value, 'open' FROM {numbers};
        INSERT INTO invoices SELECT 2 * value, value, 10 * value, 'paid' FROM {numbers};
        INSERT INTO contact_labels SELECT value, 1 + value % 2 FROM {numbers};"
    ))
}

/// Contacts each of which is under the one before
pub fn chain(count: usize) -> TestDb {
    let db = contacts(count);
    db.file.run("UPDATE contacts SET parent_id = CASE WHEN id > 1 THEN id - 1 END");
    db
}
