//! A scope is over the model's own columns.
include!("../schema.rs");

#[derive(Model)]
#[model(scope = countries::name.eq("Belgium"))]
struct Partner {
    id: i32,
    name: String,
}

fn main() {}
