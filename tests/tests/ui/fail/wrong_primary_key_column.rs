//! The primary key is not in the table.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    #[model(primary_key)]
    number: i32,
    name: String,
}

fn main() {}
