//! The function takes a record of the model, or a set of them, and returns what the field holds.
include!("../schema.rs");

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
    #[model(compute = of_a_partner)]
    by_another: Computed<String>,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(compute = number)]
    label: Computed<String>,
    #[model(compute_all = of_a_partner)]
    one_for_all: Computed<String>,
    #[model(compute = missing)]
    nobody: Computed<String>,
}

fn number(_: &Record<Partner>) -> orm_core::Result<i32> {
    Ok(1)
}

fn of_a_partner(_: &Record<Partner>) -> orm_core::Result<String> {
    Ok(String::new())
}

fn main() {}
