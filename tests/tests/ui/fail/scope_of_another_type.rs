//! A scope is a condition.
include!("../schema.rs");

#[derive(Model)]
#[model(scope = partners::len + 1)]
struct Partner {
    id: i32,
    name: String,
}

fn main() {}
