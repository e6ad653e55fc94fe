//! The function that validates takes a record of the model, and returns an error or nothing.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries, validate = of_a_partner)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(validate = missing)]
struct Partner {
    id: i32,
    name: String,
}

mod tables {
    pub use super::partners;
}

#[derive(Model)]
#[model(table = tables::partners, validate = a_number)]
struct Person {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(table = tables::partners, validate = a_truth)]
struct Human {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(table = tables::partners, validate)]
struct Contact {
    id: i32,
    #[model(validate = a_truth)]
    name: String,
}

fn of_a_partner(_: &Record<Partner>) -> orm_core::Result<()> {
    Ok(())
}

fn a_number(_: &Record<Person>) -> Result<(), i32> {
    Err(1)
}

fn a_truth(human: &Record<Human>) -> bool {
    human.name().is_ok()
}

fn main() {}
