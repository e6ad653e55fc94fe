//! There is no such table, or it is not in scope.
include!("../schema.rs");

#[derive(Model)]
#[model(table = schema::partner)]
struct Partner {
    id: i32,
    name: String,
}

fn main() {}
