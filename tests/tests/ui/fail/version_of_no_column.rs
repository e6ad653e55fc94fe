//! The version that no field holds is a column of the table; the struct that is found has the same keys.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners, version = nothing)]
struct Nothing {
    id: i32,
}

fn main() {}
