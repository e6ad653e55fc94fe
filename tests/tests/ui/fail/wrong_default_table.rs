//! The table of a struct that does not name one.
include!("../schema.rs");

#[derive(Model)]
struct Company {
    id: i32,
    name: String,
}

fn main() {}
