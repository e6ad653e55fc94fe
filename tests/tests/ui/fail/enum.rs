//! A table has columns, an enum has none.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners)]
enum Partner {
    Person,
    Company,
}

fn uses(_: &Record<Partner>) {}

fn main() {}
