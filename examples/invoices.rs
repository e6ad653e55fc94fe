//! Run with: cargo run --example invoices
//!
//! Totals that follow from lines, products and taxes, balances that follow from totals, names that follow from parents: plain functions, and
//! nothing that says what depends on what. Each step prints what it computed, and how many statements were sent for it.
#![allow(clippy::print_stdout, missing_docs)]

use std::cell::Cell;
use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { customers { id -> Integer, name -> Text, discount -> Integer, parent_id -> Nullable<Integer> } }
diesel::table! { taxes { id -> Integer, name -> Text, percent -> Integer } }
diesel::table! { products { id -> Integer, name -> Text, cents -> Integer, tax_id -> Integer } }
diesel::table! { invoices { id -> Integer, customer_id -> Integer, paid -> Bool } }
diesel::table! { lines { id -> Integer, invoice_id -> Integer, product_id -> Integer, quantity -> Integer } }

#[derive(Model)]
struct Customer {
    id: i32,
    name: String,
    /// Percent
    discount: i32,
    parent_id: Option<Id<Self>>,
    #[model(inverse = Invoice::CUSTOMER_ID)]
    invoice_ids: OneToMany<Invoice>,
    /// `Azure / Ghent`
    #[model(compute = full_name)]
    full_name: Computed<String>,
    /// What it owes, in cents
    #[model(compute = balance)]
    balance: Computed<i64>,
}

#[derive(Model)]
#[model(table = taxes)]
struct Tax {
    id: i32,
    name: String,
    percent: i32,
}

#[derive(Model)]
struct Product {
    id: i32,
    name: String,
    cents: i32,
    tax_id: Id<Tax>,
}

#[derive(Model)]
struct Invoice {
    id: i32,
    customer_id: Id<Customer>,
    paid: bool,
    #[model(inverse = Line::INVOICE_ID)]
    line_ids: OneToMany<Line>,
    #[model(related = customer_id.discount)]
    discount: Computed<i32>,
    /// In cents, taxes and discount included
    #[model(compute = total)]
    total: Computed<i64>,
}

#[derive(Model)]
struct Line {
    id: i32,
    invoice_id: Id<Invoice>,
    product_id: Id<Product>,
    quantity: i32,
    /// In cents, without taxes; setting it finds the quantity
    #[model(compute = subtotal, inverse = set_subtotal)]
    subtotal: Computed<i64>,
    #[model(related = product_id.tax_id.percent)]
    tax_percent: Computed<i32>,
}

fn subtotal(line: &Record<Line>) -> orm_core::Result<i64> {
    called("subtotal");
    Ok(i64::from(line.product_id().cents()?) * i64::from(line.quantity()?))
}

fn set_subtotal(line: &Record<Line>, cents: i64) -> orm_core::Result<()> {
    let price = i64::from(line.product_id().cents()?).max(1);
    line.set_quantity(i32::try_from(cents / price).map_err(orm_core::Error::other)?)
}

fn total(invoice: &Record<Invoice>) -> orm_core::Result<i64> {
    called("total");
    let mut total = 0;
    for line in &invoice.line_ids().load()? {
        total += line.subtotal()? * i64::from(100 + line.tax_percent()?) / 100;
    }
    Ok(total * i64::from(100 - invoice.discount()?) / 100)
}

fn balance(customer: &Record<Customer>) -> orm_core::Result<i64> {
    called("balance");
    let open = customer.invoice_ids().load()?.filter(|invoice| Ok(!invoice.paid()?))?;
    Ok(open.total()?.into_iter().sum())
}

fn full_name(customer: &Record<Customer>) -> orm_core::Result<String> {
    called("full name");
    let name = customer.name()?;
    Ok(customer.parent_id().full_name()?.map_or(name.to_string(), |parent| format!("{parent} / {name}")))
}

thread_local! {
    static CALLS: Cell<[(&'static str, usize); 4]> =
        const { Cell::new([("subtotal", 0), ("total", 0), ("balance", 0), ("full name", 0)]) };
}

fn called(what: &str) {
    let mut calls = CALLS.get();
    calls.iter_mut().filter(|(name, _)| *name == what).for_each(|(_, count)| *count += 1);
    CALLS.set(calls);
}

/// Says what a step computed, and how many statements it took.
fn step<T>(env: &Environment, what: &str, work: impl FnOnce() -> T) -> T {
    let (before, calls) = (env.stats().queries, CALLS.get());
    let result = work();
    let count = |((name, now), (_, before)): (&(&str, usize), &(&str, usize))| match now - before {
        0 => None,
        1 => Some(format!("1 {name}")),
        count => Some(format!("{count} {name}s")),
    };
    let computed: Vec<String> = CALLS.get().iter().zip(&calls).filter_map(count).collect();
    let computed = if computed.is_empty() { "nothing computed".to_owned() } else { computed.join(", ") };
    println!("{:>3} statements  {what:<44} {computed}", env.stats().queries - before);
    result
}

fn show(customers: &RecordSet<Customer>) -> orm_core::Result<()> {
    for customer in customers {
        let cents = customer.balance()?;
        println!(
            "                  {:<34} owes {:>7}.{:02}",
            customer.full_name()?,
            cents / 100,
            cents % 100
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.batch_execute(include_str!("data/invoices.sql"))?;
    let env = Environment::builder().connection(connection).build();

    println!("All balances: each table is read once");
    let customers = step(&env, "the customers", || env.all::<Customer>())?;
    step(&env, "what they owe", || show(&customers))?;
    step(&env, "what they owe, once more", || customers.balance())?;

    println!("A write makes missing what follows from it, and nothing else");
    let lamp = env.one::<Product>(products::name.eq("Lamp"))?;
    step(&env, "the lamp costs more", || lamp.set_cents(9900))?;
    step(&env, "what they owe", || customers.balance())?;
    step(&env, "a tax changes", || env.record::<Tax>(2).set_percent(9))?;
    step(&env, "what they owe", || customers.balance())?;
    step(&env, "an invoice is paid", || env.record::<Invoice>(4).set_paid(true))?;
    step(&env, "what they owe", || customers.balance())?;
    step(&env, "a parent is renamed", || env.record::<Customer>(1).set_name("Azure Group"))?;
    step(&env, "their names", || customers.full_name())?;

    println!("Setting what is computed");
    let line = env.record::<Line>(3);
    step(&env, "a line is to be 500.00: ten atlases", || line.set_subtotal(50_000))?;
    assert_eq!(line.quantity()?, 10);
    step(&env, "what they owe", || show(&customers))?;

    println!("What is undone was never there");
    let undone: orm_core::Result<()> = step(&env, "a line is added, and taken back", || {
        env.transaction(|| {
            env.record::<Invoice>(6).line_ids().create(Line::values().product_id(1).quantity(100))?;
            assert!(customers.balance()?.into_iter().max() > Some(3_000_000));
            Err(orm_core::Error::other("undone"))
        })
    });
    assert!(undone.is_err());
    step(&env, "what they owe", || show(&customers))?;
    Ok(())
}
